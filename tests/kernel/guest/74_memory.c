// SPDX-License-Identifier: MIT
/*
 * Every allocation on the way of a call fails once: the n-th one of this thread, n from 1 on until a run meets no failure.
 * Each run ends with ENOMEM or as if nothing had happened. Needs a kernel with fault injection (make check-kernel-debug).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

#define NTH_MAX 5000u

static int nth_file = -1;
static struct guest_case *program[2];

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		guest_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
	close(fd);
}

static void fail_the(unsigned int n)
{
	char text[16];
	int bytes = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(nth_file, text, (size_t)bytes, 0) != bytes)
		guest_fail(__FILE__, __LINE__, "fail-nth: %s", strerror(errno));
}

/* True when the failure has not been met. */
static bool still_to_come(void)
{
	char text[16] = "";
	bool left;

	if (pread(nth_file, text, sizeof(text) - 1, 0) <= 0)
		guest_fail(__FILE__, __LINE__, "fail-nth: %s", strerror(errno));
	left = strtoul(text, NULL, 0) != 0;
	fail_the(0);
	return left;
}

static void set_up(void)
{
	if (access("/proc/thread-self/fail-nth", W_OK))
		guest_skip("this kernel injects no faults (make check-kernel-debug)");
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	CHECK(nth_file >= 0);
	put("/sys/kernel/debug/failslab/ignore-gfp-wait", "N");
	put("/sys/kernel/debug/failslab/verbose", "0");
	put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N");
	put("/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N");
	put("/sys/kernel/debug/fail_page_alloc/min-order", "0");
	put("/sys/kernel/debug/fail_page_alloc/verbose", "0");
	for (unsigned int board = 0; board < 2; board++)
		program[board] = guest_small(board);
}

static int buffer(int fd, uint64_t bytes, uint32_t *handle)
{
	struct akida_buffer_create b = {.size = sizeof(b), .bytes = bytes};
	int err = guest_ioctl(fd, AKIDA_IOC_BUFFER_CREATE, &b);
	void *p;

	if (err)
		return err;
	*handle = b.handle;
	p = mmap(NULL, (size_t)b.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)b.mmap_offset);
	if (p == MAP_FAILED)
		return -errno;
	munmap(p, (size_t)b.bytes);
	return 0;
}

/* From open to the end of a submit; what was made stays with the file. */
static int whole_way(int fd, int event, const struct guest_case *c)
{
	struct akida_program_create p = guest_program_args(c);
	struct akida_context_create x = {
		.size = sizeof(x), .eventfd = event, .flags = AKIDA_CONTEXT_EVENTFD, .batch = 2};
	struct akida_submit s = {
		.size = sizeof(s), .count = 2, .in_stride = c->in_bytes, .out_stride = 4ull * c->outputs};
	struct akida_wait w = {.size = sizeof(w), .seq = 1};
	int err = buffer(fd, 2ull * c->in_bytes, &s.in_handle);

	if (!err)
		err = buffer(fd, 8ull * c->outputs, &s.out_handle);
	if (!err)
		err = guest_ioctl(fd, AKIDA_IOC_PROGRAM_CREATE, &p);
	x.program = p.handle;
	if (!err)
		err = guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &x);
	s.context = w.context = x.handle;
	if (!err)
		err = guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s);
	w.timeout_ns = guest_now_ns() + GUEST_LONG_NS;
	if (!err)
		err = guest_ioctl(fd, AKIDA_IOC_WAIT, &w);
	return err ? err : w.status;
}

static void memory_of_calls_fails_everywhere(void)
{
	set_up();
	for (unsigned int board = 0; board < 2; board++) {
		int event = eventfd(0, EFD_CLOEXEC);
		unsigned int n, failed = 0;

		CHECK(event >= 0);
		for (n = 1; n < NTH_MAX; n++) {
			int fd, err;

			fail_the(n);
			fd = open(guest_boards[board].node, O_RDWR | O_CLOEXEC);
			err = fd < 0 ? -errno : whole_way(fd, event, program[board]);
			if (fd >= 0)
				close(fd);
			if (still_to_come()) {
				EQ(err, 0);
				break;
			}
			if (err && err != -ENOMEM)
				guest_fail(__FILE__, __LINE__, "allocation %u fails: errno %d", n, -err);
			failed += err != 0;
		}
		printf("# board %u: %u allocations, %u of their failures end a call\n", board, n - 1, failed);
		CHECK(n < NTH_MAX && failed > 10);
		close(event);
	}
}

static void memory_of_probe_fails_everywhere(void)
{
	set_up();
	for (unsigned int board = 0; board < 2; board++) {
		unsigned int n, failed = 0;
		struct guest_job j;

		for (n = 1; n < NTH_MAX; n++) {
			int err;

			EQ(guest_bind(&guest_boards[board], false), 0);
			fail_the(n);
			err = guest_bind(&guest_boards[board], true);
			if (still_to_come()) {
				EQ(err, 0);
				break;
			}
			if (err) {
				failed++;
				EQ(guest_bind(&guest_boards[board], true), 0);
			}
		}
		printf("# board %u: %u allocations, %u of their failures end probe\n", board, n - 1, failed);
		CHECK(n < NTH_MAX && failed > 5);
		EQ(guest_find_boards(), 2);
		guest_job(&j, guest_open(board), program[board], 2);
		guest_run_and_compare(&j, 4);
	}
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(memory_of_calls_fails_everywhere);
	RUN(memory_of_probe_fails_everywhere);
	return 0;
}
