// SPDX-License-Identifier: MIT
/*
 * make bench-driver: what moving frames to the device costs the guest: system calls, interrupts, doorbells, time of its
 * CPUs. The boards are emulated and so is the CPU: bytes per second compare the ways with each other and say nothing else.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include "guest.h"
#include "ring.h"

#define MIB 1048576.0
#define ROUNDS 8u

static const char *const chips[] = {"AKD1000", "AKD1500"};

/* CPU time of the kernel thread that works for the board, in nanoseconds. */
static uint64_t worker_ns(unsigned int board)
{
	const char *name = strrchr(guest_boards[board].node, '/') + 1;
	unsigned long long ns = 0;
	struct dirent *e;
	DIR *proc = opendir("/proc");

	while (proc && (e = readdir(proc))) {
		char path[300], text[64] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%s/comm", e->d_name);
		f = e->d_name[0] >= '1' && e->d_name[0] <= '9' ? fopen(path, "r") : NULL;
		if (!f)
			continue;
		if (fgets(text, sizeof(text), f))
			text[strcspn(text, "\n")] = 0;
		fclose(f);
		if (strcmp(text, name))
			continue;
		snprintf(path, sizeof(path), "/proc/%s/schedstat", e->d_name);
		f = fopen(path, "r");
		if (!f || fscanf(f, "%llu", &ns) != 1)
			guest_skip("this kernel has no schedstat");
		fclose(f);
	}
	if (proc)
		closedir(proc);
	return ns;
}

struct reading {
	struct akida_query q;
	int64_t wall_ns;
	uint64_t cpu_ns;
};

static void read_counters(unsigned int board, int fd, struct reading *r)
{
	struct rusage u;

	r->q = (struct akida_query){.size = sizeof(r->q)};
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &r->q), 0);
	r->wall_ns = guest_now_ns();
	getrusage(RUSAGE_SELF, &u);
	r->cpu_ns = (uint64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000000u +
		    (uint64_t)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1000u + worker_ns(board);
}

static void print_row(unsigned int board, const char *way, const struct reading *a, const struct reading *b,
		      double bytes, double calls, double batches)
{
	double mib = bytes / MIB;

	printf("BENCH %-8s %-34s %8.2f %10.1f %10.1f %12.0f %12.0f\n", chips[guest_boards[board].device == 0xa500], way,
	       calls / batches, (double)(b->q.interrupts - a->q.interrupts) / mib,
	       (double)(b->q.doorbells - a->q.doorbells) / mib, bytes / ((double)(b->wall_ns - a->wall_ns) / 1e9) / 1e3,
	       (double)(b->cpu_ns - a->cpu_ns) / 1e3 / mib);
}

/* Batches of a MiB: one SUBMIT each, and one WAIT for the last. */
static void submits(unsigned int board, bool user)
{
	struct reading before, after;
	struct akida_submit s;
	struct akida_wait w;
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_ours("large", board), 8);
	guest_run_and_compare(&j, 1);
	s = guest_submit_args(&j, j.c->head.frames);
	if (user) {
		s.flags = AKIDA_SUBMIT_USER_IN | AKIDA_SUBMIT_USER_OUT;
		s.in_handle = s.out_handle = 0;
		s.in_offset = (uintptr_t)j.c->in;
		s.out_offset = (uintptr_t)calloc(s.count, s.out_stride);
	}
	read_counters(board, j.fd, &before);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		s.size = sizeof(s);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), 0);
	}
	EQ(guest_wait(&j, s.seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, 0);
	read_counters(board, j.fd, &after);
	print_row(board, user ? "submit, the caller's memory" : "submit, buffers", &before, &after,
		  (double)ROUNDS * s.count * j.c->in_bytes, ROUNDS + 1, ROUNDS);
}

static void bench_submit_of_buffers(void)
{
	for (unsigned int board = 0; board < 2; board++)
		submits(board, false);
}

static void bench_submit_of_user_memory(void)
{
	for (unsigned int board = 0; board < 2; board++)
		submits(board, true);
}

/* The same by io_uring: one call submits a batch and waits for its end. */
static void bench_io_uring(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct reading before, after;
		struct akida_submit s;
		struct guest_ring r;
		struct guest_job j;

		guest_ring(&r, 0);
		guest_job(&j, guest_open(board), guest_ours("large", board), 8);
		guest_run_and_compare(&j, 1);
		s = guest_submit_args(&j, j.c->head.frames);
		read_counters(board, j.fd, &before);
		for (uint32_t i = 0; i < ROUNDS; i++)
			EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, &s, NULL), j.c->head.frames);
		read_counters(board, j.fd, &after);
		print_row(board, "io_uring, buffers", &before, &after, (double)ROUNDS * s.count * j.c->in_bytes,
			  r.calls, ROUNDS);
		guest_ring_close(&r);
	}
}

/* As programs made for the vendor's module move a MiB: in one write, and in the steps of 1 KiB that module takes itself. */
static void legacy(unsigned int board, size_t step, const char *way)
{
	size_t bytes = guest_boards[board].device == 0xa500 ? 0xfdc00 : 1 << 20;
	uint8_t *p = calloc(1, bytes);
	struct reading before, after;
	double calls = 0;
	int fd = guest_open(board);

	CHECK(p);
	CHECK(pwrite(fd, p, 16, 0x20000200) == 16);
	read_counters(board, fd, &before);
	for (unsigned int i = 0; i < ROUNDS; i++)
		for (size_t at = 0; at < bytes; at += step, calls++)
			CHECK(pwrite(fd, p + at, step, (off_t)(0x20000200 + at)) == (ssize_t)step);
	read_counters(board, fd, &after);
	print_row(board, way, &before, &after, (double)ROUNDS * (double)bytes, calls, ROUNDS);
	guest_close(fd); /* the board has one such file at a time */
	free(p);
}

static void bench_legacy_write(void)
{
	EQ(guest_reload("legacy=1"), 0);
	for (unsigned int board = 0; board < 2; board++)
		legacy(board, guest_boards[board].device == 0xa500 ? 0xfdc00 : 1 << 20, "legacy, one write");
	for (unsigned int board = 0; board < 2; board++)
		legacy(board, 1024, "legacy, writes of 1 KiB");
	EQ(guest_reload(""), 0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	printf("BENCH %-8s %-34s %8s %10s %10s %12s %12s\n", "chip", "way, 1 MiB a batch", "calls", "interrupts",
	       "doorbells", "kB/s", "CPU us");
	printf("BENCH %-8s %-34s %8s %10s %10s %12s %12s\n", "", "", "/batch", "/MiB", "/MiB", "(emulated)", "/MiB");
	RUN(bench_legacy_write); /* first: the others leave mapped buffers, and so the module in use */
	RUN(bench_submit_of_buffers);
	RUN(bench_submit_of_user_memory);
	RUN(bench_io_uring);
	return 0;
}
