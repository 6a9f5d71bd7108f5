/* SPDX-License-Identifier: MIT */
/* Messages of the programs, and opening libakida-tools.so next to them. */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common/tool.h"

#define TOOLCHAIN_FILE "libakida-tools.so"

const char *tool_name = "akida";

const char *tool_clean(char *out, size_t bytes, const char *text)
{
	size_t n = 0;

	for (; text[n] && n + 1 < bytes; n++)
		out[n] = (unsigned char)text[n] < 0x20 || text[n] == 0x7f ? '?' : text[n];
	out[n] = 0;
	return out;
}

int tool_error(const char *what, const char *rule, const char *fmt, ...)
{
	char why[1024], line[1400], clean[1400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "%.300s: %s", what, why);
	fprintf(stderr, "%s: %s (%s)\n", tool_name, tool_clean(clean, sizeof(clean), line), rule);
	return TOOL_FAILED;
}

int tool_fail(const struct akida_diag *diag, const char *what, int err)
{
	const struct akida_diag_record *r = akida_diag_first_error(diag);
	char clean[1400];

	if (!r)
		return tool_error(what, err == -ENOMEM ? "sys.no-memory" : "sys.argument", "%s", akida_strerror(err));
	tool_clean(clean, sizeof(clean), r->text);
	if (*r->remedy) {
		size_t n = strlen(clean);

		if (n + 2 < sizeof(clean)) {
			memcpy(clean + n, "; ", 3);
			tool_clean(clean + n + 2, sizeof(clean) - n - 2, r->remedy);
		}
	}
	fprintf(stderr, "%s: %s (%s)\n", tool_name, clean, r->rule);
	return TOOL_FAILED;
}

int tool_output(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	char folder[PATH_MAX];
	struct stat st;
	int n;

	if (!path)
		return 0;
	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return tool_error(path, "sys.io", "cannot be written: %s", strerror(EISDIR));
		if (!S_ISREG(st.st_mode))
			return 0;
	}
	n = snprintf(folder, sizeof(folder), "%.*s",
		     !slash	     ? 1
		     : slash == path ? 1
				     : (int)(slash - path),
		     slash ? path : ".");
	if (n < 0 || (size_t)n >= sizeof(folder))
		return tool_error(path, "sys.io", "cannot be written: %s", strerror(ENAMETOOLONG));
	if (stat(folder, &st) || access(folder, W_OK | X_OK))
		return tool_error(path, "sys.io", "cannot be written: %s", strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return tool_error(path, "sys.io", "cannot be written: %s", strerror(ENOTDIR));
	return 0;
}

int tool_end(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	return status ? status : tool_error("standard output", "sys.io", "could not be written");
}

int tool_usage(const char *fmt, ...)
{
	char text[1024], clean[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: %s; see %s %s\n", tool_name, tool_clean(clean, sizeof(clean), text), tool_name,
		strcmp(tool_name, "akida-bench") ? "help" : "--help");
	return TOOL_USAGE;
}

void tool_note(const char *fmt, ...)
{
	char text[1024], clean[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fprintf(stderr, "%s: note: %s\n", tool_name, tool_clean(clean, sizeof(clean), text));
}

void tool_notes_of(const struct akida_diag *diag)
{
	for (size_t i = 0; i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);

		if (r->severity != AKIDA_ERROR)
			tool_note("%s (%s)", r->text, r->rule);
	}
}

const char *tool_folder(void)
{
	static char folder[PATH_MAX];
	ssize_t n;
	char *slash;

	if (*folder)
		return folder;
	n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
	if (n <= 0)
		return "";
	folder[n] = 0;
	slash = strrchr(folder, '/');
	if (slash)
		*slash = 0;
	return folder;
}

const struct akida_toolchain *tool_toolchain_quiet(const char **why)
{
	static const struct akida_toolchain *table;
	const struct akida_toolchain *(*door)(uint32_t abi);
	char path[PATH_MAX + sizeof("/../lib/" TOOLCHAIN_FILE)];
	void *lib, *symbol;

	if (table)
		return table;
	snprintf(path, sizeof(path), "%s/../lib/" TOOLCHAIN_FILE, tool_folder());
	/*
	 * Training's threads wait for each other some dozen times a batch; libgomp would let them spin for milliseconds, which
	 * on a busy machine costs five times the time (measured). Read when the library is loaded; the user's wish wins.
	 */
	setenv("GOMP_SPINCOUNT", "10000", 0);
	lib = dlopen(access(path, F_OK) ? TOOLCHAIN_FILE : path, RTLD_NOW | RTLD_LOCAL);
	if (!lib) {
		*why = access(path, F_OK) ? "is not installed" : dlerror();
		return NULL;
	}
	symbol = dlsym(lib, AKIDA_TOOLCHAIN_SYMBOL);
	memcpy(&door, &symbol, sizeof(door)); /* the portable way from a data to a function pointer */
	table = symbol ? door(AKIDA_TOOLCHAIN_ABI) : NULL;
	if (!table)
		*why = "belongs to another version of these programs";
	return table;
}

const struct akida_toolchain *tool_toolchain(void)
{
	const char *why = "";
	const struct akida_toolchain *t = tool_toolchain_quiet(&why);

	if (!t)
		tool_error(TOOLCHAIN_FILE, "sys.missing-part",
			   "%s; this needs the toolchain: install package libakida-tools, or build it with make lib",
			   why);
	return t;
}
