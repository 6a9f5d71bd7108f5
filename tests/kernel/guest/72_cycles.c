// SPDX-License-Identifier: MIT
/*
 * The same thing a thousand times, always with work under way: opened and closed, bound and unbound, loaded and unloaded. What
 * leaks or is forgotten once shows here (and to kmemleak, in the debug kernel).
 *   bed.cycles=N on the kernel's command line: of each kind, default 1000
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "guest.h"

static unsigned long cycles = 1000;

static void traffic(unsigned int board, struct guest_job *j)
{
	guest_job(j, guest_open(board), guest_small(board), 4);
	guest_submit(j, 6);
	guest_submit(j, 6);
}

static void leave(struct guest_job *j)
{
	munmap(j->in.cpu, j->in.bytes);
	munmap(j->out.cpu, j->out.bytes);
	guest_close(j->fd);
}

static void boards_work(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 4);
		leave(&j);
	}
}

static void cycle_open_and_close(void)
{
	for (unsigned long i = 0; i < cycles; i++) {
		struct guest_job j;

		traffic(i % 2, &j);
		leave(&j);
	}
	boards_work();
}

static void cycle_bind_and_unbind(void)
{
	for (unsigned long i = 0; i < cycles; i++) {
		unsigned int board = i % 2;
		struct guest_job j;

		traffic(board, &j);
		EQ(guest_bind(&guest_boards[board], false), 0);
		leave(&j);
		EQ(guest_bind(&guest_boards[board], true), 0);
		EQ(guest_find_boards(), 2);
	}
	boards_work();
}

/* Probing is asynchronous: some unloads come while it runs. */
static void cycle_load_and_unload(void)
{
	const char *parameters = getenv("AKIDA_PARAMETERS");
	struct guest_job j;

	for (unsigned long i = 0; i < cycles; i++) {
		int fd, err;

		EQ(syscall(SYS_delete_module, "akida", 0), 0);
		fd = open("/mod/akida.ko", O_RDONLY | O_CLOEXEC);
		CHECK(fd >= 0);
		err = syscall(SYS_finit_module, fd, parameters ? parameters : "", 0) ? -errno : 0;
		close(fd);
		EQ(err, 0);
		if (i % 4 == 0)
			continue;
		for (int ms = 0; ms < 20000; ms++) {
			if (guest_find_boards() == 2 && guest_boards[0].node[0] && guest_boards[1].node[0])
				break;
			usleep(1000);
		}
		traffic(i % 2, &j);
		leave(&j);
	}
	EQ(guest_rescan(), 0); /* waits for the nodes */
	boards_work();
}

int main(void)
{
	char line[4096] = "", *at;
	FILE *f = fopen("/proc/cmdline", "r");

	if (f && fgets(line, sizeof(line), f) && (at = strstr(line, "bed.cycles=")))
		cycles = strtoul(at + strlen("bed.cycles="), NULL, 0);
	if (f)
		fclose(f);
	if (guest_find_boards() != 2)
		return 1;
	RUN(cycle_open_and_close);
	RUN(cycle_bind_and_unbind);
	RUN(cycle_load_and_unload);
	return 0;
}
