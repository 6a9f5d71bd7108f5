/* SPDX-License-Identifier: MIT */
/* Data sets by the SPEC of the command line: KIND:PATH with ,name=value behind it. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include "import/sets/set.h"
#include "import/sets/spec.h"

static const struct {
	const char *name;
	size_t at;
	bool real;
} options[] = {
	{"height", offsetof(struct akida_set_params, height), false},
	{"width", offsetof(struct akida_set_params, width), false},
	{"frame_ms", offsetof(struct akida_set_params, frame_ms), false},
	{"frames", offsetof(struct akida_set_params, frames), false},
	{"points", offsetof(struct akida_set_params, points), false},
	{"threads", offsetof(struct akida_set_params, threads), false},
	{"low", offsetof(struct akida_set_params, low), true},
	{"high", offsetof(struct akida_set_params, high), true},
};

/* name=value into p; split is a word. False: no such option, or no number. */
static bool set_option(struct akida_set_params *p, uint64_t *limit, char *word)
{
	char *value = strchr(word, '='), *end;
	double v;

	if (!value)
		return false;
	*value++ = 0;
	if (!strcmp(word, "split")) {
		p->split = value;
		return *value && !strchr(value, '/');
	}
	v = strtod(value, &end);
	if (end == value || *end)
		return false;
	if (!strcmp(word, "limit") && v >= 1 && v < 4e9) {
		*limit = (uint64_t)v;
		return true;
	}
	if (!strcmp(word, "size") && v >= 1 && v <= 8192) {
		p->height = p->width = (uint32_t)v;
		return true;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		if (strcmp(word, options[i].name))
			continue;
		if (options[i].real)
			*(float *)((char *)p + options[i].at) = (float)v;
		else if (v < 1 || v > 4e9)
			return false;
		else
			*(uint32_t *)((char *)p + options[i].at) = (uint32_t)v;
		return true;
	}
	return false;
}

bool ak_set_is_spec(const char *spec)
{
	static const char *const kinds[] = {"imagenet:", "utkface:", "voc:", "coco:", "speech:", "dvs:", "modelnet40:"};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (!strncmp(spec, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

int ak_set_load_spec(const char *spec, struct akida_dataset *out, struct akida_diag *diag)
{
	struct akida_set_params p;
	struct akida_set *s = NULL;
	char *copy = strdup(spec), *comma;
	uint64_t limit = 0;
	int err = copy ? 0 : -ENOMEM;

	akida_set_params_init(&p);
	/* options from the end, as long as there is a '=' in them: a path may have commas, coco has one */
	while (!err && (comma = strrchr(copy, ',')) && strchr(comma, '=') && !strchr(comma, '/')) {
		if (!set_option(&p, &limit, comma + 1))
			err = ak_fail(diag, -EINVAL, AK_RULE_DATA_SPEC, spec,
				      "has an option that is not one of split, size, height, width, frame_ms, frames, "
				      "points, low, "
				      "high, threads, limit with a value");
		*comma = 0;
	}
	if (!err)
		err = akida_set_open(copy, &p, &s, diag);
	if (!err && s->target != AKIDA_TARGET_CLASS)
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_DATA_SPEC, spec, "has no classes to be told apart: %s",
			      s->target == AKIDA_TARGET_BOXES ? "boxes are the target" : "a number is the target");
	if (!err)
		err = akida_set_load(s, limit, out, diag);
	akida_set_close(s);
	free(copy);
	return err;
}
