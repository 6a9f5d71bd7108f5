// SPDX-License-Identifier: MIT
/* WAIT. Time-outs during work are in 40_faults.c, where the work can be made to last. */
#include <errno.h>
#include <string.h>
#include "guest.h"

static void wait_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_wait, reserved0),
					  offsetof(struct akida_wait, reserved0) + 4};
	struct akida_wait w = {.size = sizeof(w)};
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	w.context = j.context;
	w.seq = guest_submit(&j, 1);
	EQ(guest_wait(&j, w.seq, GUEST_LONG_NS, NULL), 0);
	guest_struct_rules(j.fd, AKIDA_IOC_WAIT, &w, sizeof(w), 80, 0, reserved, 2);
}

static void wait_unknown_things_are_enoent(void)
{
	struct akida_wait w = {.size = sizeof(w), .context = 99, .seq = 1};
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_WAIT, &w), -ENOENT);
	EQ(guest_wait(&j, 0, GUEST_SHORT_NS, NULL), -ENOENT);
	EQ(guest_wait(&j, 1, GUEST_SHORT_NS, NULL), -ENOENT);
	EQ(guest_submit(&j, 1), 1);
	EQ(guest_wait(&j, 2, GUEST_SHORT_NS, NULL), -ENOENT);
	EQ(guest_wait(&j, ~0ull, GUEST_SHORT_NS, NULL), -ENOENT);
	EQ(guest_wait(&j, 1, GUEST_LONG_NS, NULL), 0);
}

static void wait_writes_every_output(void)
{
	struct akida_wait w;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	memset(&w, 0xff, sizeof(w));
	w.size = sizeof(w);
	w.flags = 0;
	w.reserved0 = 0;
	w.context = j.context;
	w.seq = guest_submit(&j, 3);
	w.timeout_ns = guest_now_ns() + GUEST_LONG_NS;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_WAIT, &w), 0);
	EQ(w.status, 0);
	EQ(w.frames_done, 3);
	CHECK(w.queued_ns < (uint64_t)guest_now_ns() && w.started_ns < (uint64_t)guest_now_ns() &&
	      w.ended_ns < (uint64_t)guest_now_ns());
	CHECK(w.inference_clk < 1u << 30);
}

static void wait_in_the_past_does_not_wait(void)
{
	struct akida_wait w = {.size = sizeof(w)};
	struct guest_job j;
	int64_t t0;
	int err;

	guest_job(&j, guest_open(1), guest_small(1), 1);
	w.context = j.context;
	w.seq = guest_submit(&j, 24);
	t0 = guest_now_ns();
	w.timeout_ns = -5;
	err = guest_ioctl(j.fd, AKIDA_IOC_WAIT, &w);
	CHECK(err == 0 || err == -ETIMEDOUT);
	w.size = sizeof(w);
	w.timeout_ns = 0;
	err = guest_ioctl(j.fd, AKIDA_IOC_WAIT, &w);
	CHECK(err == 0 || err == -ETIMEDOUT);
	CHECK(guest_now_ns() - t0 < 5 * GUEST_SHORT_NS);
	EQ(guest_wait(&j, w.seq, GUEST_LONG_NS, NULL), 0);
	w.timeout_ns = 0;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_WAIT, &w), 0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(wait_follows_the_struct_rules);
	RUN(wait_unknown_things_are_enoent);
	RUN(wait_writes_every_output);
	RUN(wait_in_the_past_does_not_wait);
	return 0;
}
