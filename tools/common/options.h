/* SPDX-License-Identifier: MIT */
/*
 * Option parsing by table. Short names may have several letters (-sa, -ns), as the vendor's tools have them; long names
 * take their value as the next word or after '='. Known options that this version lacks are refused by name.
 */
#ifndef TOOL_OPTIONS_H
#define TOOL_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

enum option_type { OPTION_FLAG, OPTION_TEXT, OPTION_COUNT, OPTION_NUMBER, OPTION_ABSENT, OPTION_ABSENT_FLAG };

struct option_spec {
	const char *names; /* "-m --model" */
	enum option_type type;
	void *value; /* bool, const char *, uint64_t or double; unchanged when the option is not given */
	const char *help;
	uint64_t min, max; /* of OPTION_COUNT; max 0: no limit */
};

#define OPTIONS_GO_ON (-1)

/*
 * Fills values and up to max_words plain words. usage is the first line of --help. Returns OPTIONS_GO_ON, or the exit
 * status with which the program should end (help printed, usage error, refused option).
 */
int options_parse(int argc, char **argv, const char *usage, const struct option_spec *spec, const char **words,
		  int max_words, int *n_words);
/* The one file a command takes, by its option or as a plain word. usage error (needs) without one or with both. */
int options_file(const char **file, const char *const *words, int n_words, const char *needs);

#endif
