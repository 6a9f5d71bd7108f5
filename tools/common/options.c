/* SPDX-License-Identifier: MIT */
/* Option parsing by table, and the help text made from the same table. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "common/options.h"
#include "common/tool.h"

/* Is arg (up to '=') one of the blank-separated names? */
static bool named(const char *names, const char *arg, size_t len)
{
	while (*names) {
		size_t n = strcspn(names, " ");

		if (n == len && !memcmp(names, arg, n))
			return true;
		names += n;
		names += *names == ' ';
	}
	return false;
}

static int show_help(const char *usage, const struct option_spec *spec)
{
	/* what several programs share is written without the program's name */
	printf("usage: %s%s%s\n", strncmp(usage, "akida", 5) ? tool_name : "", strncmp(usage, "akida", 5) ? " " : "",
	       usage);
	for (; spec->names; spec++) {
		const char *value = spec->type == OPTION_TEXT	  ? " TEXT"
				    : spec->type == OPTION_COUNT  ? " N"
				    : spec->type == OPTION_NUMBER ? " X"
								  : "";

		if (spec->type == OPTION_ABSENT || spec->type == OPTION_ABSENT_FLAG)
			printf("  %-34s not available in this version\n", spec->names);
		else
			printf("  %s%-*s %s\n", spec->names, (int)(34 - (int)strlen(spec->names)), value, spec->help);
	}
	return TOOL_DONE;
}

static int store(const struct option_spec *o, const char *name, const char *text)
{
	char *end;

	errno = 0;
	switch (o->type) {
	case OPTION_TEXT:
		if (!*text)
			return tool_usage("%s needs a value", name);
		*(const char **)o->value = text;
		return OPTIONS_GO_ON;
	case OPTION_COUNT: {
		unsigned long long v = strtoull(text, &end, 10);

		if (errno || *end || end == text || *text == '-' || v < o->min || (o->max && v > o->max)) {
			if (o->max)
				return tool_usage("%s takes a whole number from %llu to %llu, not '%s'", name,
						  (unsigned long long)o->min, (unsigned long long)o->max, text);
			return tool_usage("%s takes a whole number from %llu on, not '%s'", name,
					  (unsigned long long)o->min, text);
		}
		*(uint64_t *)o->value = v;
		return OPTIONS_GO_ON;
	}
	case OPTION_NUMBER: {
		double v = strtod(text, &end);

		if (errno || *end || end == text || !isfinite(v))
			return tool_usage("%s takes a number, not '%s'", name, text);
		*(double *)o->value = v;
		return OPTIONS_GO_ON;
	}
	default:
		return OPTIONS_GO_ON;
	}
}

int options_parse(int argc, char **argv, const char *usage, const struct option_spec *spec, const char **words,
		  int max_words, int *n_words)
{
	int count = 0;

	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		const char *text = strncmp(arg, "--", 2) ? NULL : strchr(arg, '=');
		size_t len = text ? (size_t)(text - arg) : strlen(arg);
		const struct option_spec *o = spec;
		int status;

		if (!strcmp(arg, "--help") || !strcmp(arg, "-h"))
			return show_help(usage, spec);
		if (arg[0] != '-' || !arg[1]) {
			if (count == max_words)
				return tool_usage("unexpected word '%s'", arg);
			words[count++] = arg;
			continue;
		}
		while (o->names && !named(o->names, arg, len))
			o++;
		if (!o->names)
			return tool_usage("unknown option '%s'", arg);
		if (o->type == OPTION_ABSENT || o->type == OPTION_ABSENT_FLAG)
			return tool_error(arg, "sys.missing-part", "not available in this version");
		if (o->type == OPTION_FLAG) {
			if (text)
				return tool_usage("%.*s takes no value", (int)len, arg);
			*(bool *)o->value = true;
			continue;
		}
		if (text)
			text++;
		else if (++i < argc)
			text = argv[i];
		else
			return tool_usage("%s needs a value", arg);
		status = store(o, arg, text);
		if (status != OPTIONS_GO_ON)
			return status;
	}
	if (n_words)
		*n_words = count;
	return OPTIONS_GO_ON;
}

int options_file(const char **file, const char *const *words, int n_words, const char *needs)
{
	if (*file && n_words)
		return tool_usage("unexpected word '%s': the file is '%s' already", words[0], *file);
	if (n_words)
		*file = words[0];
	return *file ? OPTIONS_GO_ON : tool_usage("%s", needs);
}
