/* SPDX-License-Identifier: MIT */
/*
 * Runs code that is known to crash on hostile input in a short-lived child process: no file descriptors but one, no
 * privileges to gain, no system calls beyond memory and that descriptor, bounded processor time, memory and output.
 */
#ifndef AK_IMPORT_CONFINE_H
#define AK_IMPORT_CONFINE_H

#include <stddef.h>
#include <stdint.h>

/* Together with the rest of a load below the 10 s within which a damaged file must be answered (design 5.2). */
#define AK_CONFINE_WALL_MS 8000u
#define AK_CONFINE_CPU_S 6u

struct ak_confine {
	/* Runs in the child. fd: an empty memory file for the result. Returns the child's exit status (0: the result holds). */
	int (*work)(void *ctx, int fd);
	void *ctx;
	size_t max_memory; /* address space beyond what the caller has now */
	size_t max_result; /* bytes written to fd */
	uint32_t wall_ms;  /* 0: AK_CONFINE_WALL_MS */
};

/*
 * Forks, waits, and maps nothing: *result is a fresh copy of what the child wrote (caller frees), hostile until checked.
 * -EILSEQ when the child died, ran out of a limit or reported failure; -ENOMEM, -EAGAIN and the like when it could not
 * be started. Safe in programs with other threads as long as the work needs no lock that they hold.
 */
int ak_confine_run(const struct ak_confine *c, void **result, size_t *len);

#endif
