/* SPDX-License-Identifier: MIT */
/* Finding the shared test data: $AKIDA_SHARED, else ../shared. For tests that are skipped by name without it. */
#ifndef TEST_SHARED_H
#define TEST_SHARED_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline const char *shared_path(const char *file, char *path, size_t bytes)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, bytes, "%s/data/programs/%s", root && *root ? root : "../shared", file);
	return access(path, R_OK) ? NULL : path;
}

/* Leaves the calling test as skipped, with the reason in the log. */
#define NEED_SHARED(file, path)                                                                                        \
	do {                                                                                                           \
		if (!shared_path(file, path, sizeof(path))) {                                                          \
			fprintf(stderr, "skipped: shared data file %s is not here\n", file);                           \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

#endif
