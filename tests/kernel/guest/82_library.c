// SPDX-License-Identifier: MIT
/*
 * libakida on /dev/akidaN in a process of its own shape: dynamic, so that liburing is found at run time. The same
 * programs by io_uring and, with AKIDA_URING=0, by ioctl.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/akida.h>
#include "guest.h"

/* Rings this process has open. */
static int rings(void)
{
	struct dirent *e;
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	CHECK(d);
	while ((e = readdir(d))) {
		char path[300], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		if (readlink(path, target, sizeof(target) - 1) > 0 && !strcmp(target, "anon_inode:[io_uring]"))
			n++;
	}
	closedir(d);
	return n;
}

static void run(unsigned int board, const char *name, int wanted_rings)
{
	struct akida_session_params sp = {.size = sizeof(sp), .batch = 4, .provisional = true};
	const struct guest_case *c = guest_ours(name, board);
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d = NULL;
	struct akida_program *p = NULL;
	struct akida_session *s = NULL;
	int32_t *out = calloc(c->head.frames * c->outputs, sizeof(*out));
	char path[96];

	snprintf(path, sizeof(path), "/data/%.32s-akd%u.akp", name, c->head.chip);
	CHECK(out && diag);
	if (akida_device_open(guest_boards[board].node, &d, diag) || akida_program_load(path, &p, diag) ||
	    akida_session_create(d, p, NULL, &sp, &s, diag))
		guest_fail(__FILE__, __LINE__, "%s: %s", path,
			   akida_diag_first_error(diag) ? akida_diag_first_error(diag)->text : "");
	EQ(rings(), wanted_rings);
	for (unsigned int round = 0; round < 3; round++) {
		memset(out, 0x5a, c->head.frames * c->outputs * sizeof(*out));
		if (akida_session_run(s, c->in, c->head.frames, out) != (int64_t)c->head.frames)
			guest_fail(__FILE__, __LINE__, "run: %s", akida_session_error(s));
		for (size_t i = 0; i < c->head.frames * c->outputs; i++)
			EQ(out[i], c->out[i]);
	}
	akida_session_destroy(s);
	akida_program_destroy(p);
	akida_device_close(d);
	akida_diag_destroy(diag);
	free(out);
	EQ(rings(), 0);
}

static void run_all(int wanted_rings)
{
	for (unsigned int board = 0; board < 2; board++) {
		run(board, "small", wanted_rings);
		run(board, "mnist", wanted_rings);
		run(board, "large", wanted_rings);
	}
}

static void library_runs_by_io_uring(void)
{
	if (access("/lib/liburing.so.2", F_OK))
		guest_skip("liburing was not there when this initramfs was made");
	unsetenv("AKIDA_URING");
	run_all(1);
}

static void library_runs_by_ioctl(void)
{
	setenv("AKIDA_URING", "0", 1);
	run_all(0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(library_runs_by_io_uring);
	RUN(library_runs_by_ioctl);
	return 0;
}
