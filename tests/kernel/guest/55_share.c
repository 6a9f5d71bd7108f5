// SPDX-License-Identifier: MIT
/* Long submits: others have their turn, whoever started one can end it, suspend keeps it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

#define LONG_FRAMES 1000000u /* minutes on the emulated board */

/* A submit that does not end by itself: the same frame again and again. */
static uint64_t submit_long(struct guest_job *j, unsigned int board)
{
	struct akida_submit a;
	uint32_t outputs;

	guest_job(j, guest_open(board), guest_small(board), 2);
	a = guest_submit_args(j, 1);
	a.count = LONG_FRAMES;
	a.in_stride = a.out_stride = 0;
	outputs = guest_config(&guest_boards[board], CTL_DMA_WRITES);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, &a), 0);
	/* Until some outputs came: on a busy host that takes its time. */
	for (int i = 0; i < 1200 && guest_config(&guest_boards[board], CTL_DMA_WRITES) < outputs + 8; i++)
		usleep(50000);
	EQ(guest_wait(j, a.seq, 0, NULL), -ETIMEDOUT);
	return a.seq;
}

static void share_a_long_submit_makes_room(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job endless, other;
		struct akida_query q = {.size = sizeof(q)};
		uint64_t seq = submit_long(&endless, board);

		guest_job(&other, guest_open(board), guest_small(board), 2);
		for (int i = 0; i < 3; i++)
			guest_run_and_compare(&other, 4);
		EQ(guest_wait(&endless, seq, 0, NULL), -ETIMEDOUT);
		EQ(guest_ioctl(other.fd, AKIDA_IOC_QUERY, &q), 0);
		CHECK(q.jobs > 12); /* and the long one went on */
	}
}

static void share_destroying_the_context_ends_it(void)
{
	struct akida_destroy d = {.size = sizeof(d)};
	struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct guest_job j;

	submit_long(&j, 0);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &before), 0);
	d.handle = j.context;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CONTEXT_DESTROY, &d), 0);
	d.size = sizeof(d);
	d.handle = j.in.handle;
	for (int i = 0; i < 100 && guest_ioctl(j.fd, AKIDA_IOC_BUFFER_DESTROY, &d) == -EBUSY; i++) {
		d.size = sizeof(d);
		usleep(50000);
	}
	d.size = sizeof(d);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_BUFFER_DESTROY, &d), -ENOENT);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &after), 0);
	EQ(after.resets, before.resets); /* the frames in flight were waited for: no reset */
}

static void share_reset_ends_it(void)
{
	struct akida_reset r = {.size = sizeof(r)};
	struct akida_wait w;
	struct guest_job j;
	uint64_t seq = submit_long(&j, 1);
	int64_t t0 = guest_now_ns();

	EQ(guest_ioctl(j.fd, AKIDA_IOC_RESET, &r), 0);
	EQ(guest_wait(&j, seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, -ENODEV);
	CHECK(w.frames_done > 0 && w.frames_done < LONG_FRAMES);
	CHECK(guest_now_ns() - t0 < 20000000000ll);
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* The kernel's own test of suspend: devices are suspended and resumed, the machine is not. */
static void share_suspend_keeps_it(void)
{
	struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct guest_job endless, other;
	uint64_t seq;

	if (put("/sys/power/pm_test", "devices") || put("/sys/module/suspend/parameters/pm_test_delay", "1"))
		guest_skip("this kernel has no pm_test");
	seq = submit_long(&endless, 0);
	guest_job(&other, guest_open(1), guest_small(1), 2);
	EQ(guest_ioctl(endless.fd, AKIDA_IOC_QUERY, &before), 0);
	EQ(put("/sys/power/state", "freeze"), 0);
	usleep(500000);
	EQ(guest_ioctl(endless.fd, AKIDA_IOC_QUERY, &after), 0);
	EQ(after.generation, before.generation + 1);
	CHECK(after.jobs > before.jobs);
	EQ(guest_wait(&endless, seq, 0, NULL), -ETIMEDOUT);
	guest_run_and_compare(&other, 4);
	put("/sys/power/pm_test", "none");
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(share_a_long_submit_makes_room);
	RUN(share_destroying_the_context_ends_it);
	RUN(share_reset_ends_it);
	RUN(share_suspend_keeps_it);
	return 0;
}
