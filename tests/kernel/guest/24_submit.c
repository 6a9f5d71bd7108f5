// SPDX-License-Identifier: MIT
/* SUBMIT: arguments that are refused, and limits from both sides. */
#include <errno.h>
#include <string.h>
#include "guest.h"

static void submit_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_submit, reserved0),
					  offsetof(struct akida_submit, reserved0) + 4};
	struct akida_submit s;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	s = guest_submit_args(&j, 1);
	guest_struct_rules(j.fd, AKIDA_IOC_SUBMIT, &s, sizeof(s), 72, 0, reserved, 2);
}

static void submit_unknown_handles_are_enoent(void)
{
	struct akida_submit s;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	s = guest_submit_args(&j, 1);
	s.context = 0;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENOENT);
	s = guest_submit_args(&j, 1);
	s.in_handle = 77;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENOENT);
	s = guest_submit_args(&j, 1);
	s.out_handle = 0xffffffffu;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENOENT);
	s = guest_submit_args(&j, 1);
	EQ(guest_ioctl(guest_open(0), AKIDA_IOC_SUBMIT, &s), -ENOENT); /* handles of another file */
}

static void submit_bad_counts_and_alignment_are_einval(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_submit s;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &q), 0);
	s = guest_submit_args(&j, 0);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	s = guest_submit_args(&j, q.max_frames + 1);
	s.in_stride = s.out_stride = 0;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	s = guest_submit_args(&j, 1);
	s.out_offset = 2;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	s = guest_submit_args(&j, 1);
	s.out_stride = 41;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
}

static void submit_outside_of_a_buffer_is_erange(void)
{
	struct akida_submit s;
	struct guest_job j;
	uint64_t in_room, out_room;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	in_room = j.in.bytes - j.c->in_bytes;
	out_room = j.out.bytes - 4ull * j.c->outputs;
#define OUTSIDE(count, change)                                                                                         \
	do {                                                                                                           \
		s = guest_submit_args(&j, count);                                                                      \
		change;                                                                                                \
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ERANGE);                                                  \
	} while (0)
	OUTSIDE(1, s.in_offset = in_room + 1);
	OUTSIDE(1, s.out_offset = out_room + 4);
	OUTSIDE(2, s.in_stride = in_room + 1);
	OUTSIDE(2, s.out_stride = out_room + 4);
	OUTSIDE(1, s.in_offset = ~0ull);
	OUTSIDE(1, s.out_offset = ~3ull);
	OUTSIDE(2, s.in_stride = ~0ull);
	OUTSIDE(3, s.in_stride = 1ull << 63);
	OUTSIDE(2, s.out_stride = ~3ull);
	OUTSIDE(2, (s.in_offset = 8, s.in_stride = ~0ull - 7)); /* sums that wrap */
	OUTSIDE(5, (s.out_offset = 16, s.out_stride = 1ull << 62));
	OUTSIDE(1000, s.out_stride = 0x10000000ull);
	/* the very last place is fine */
	s = guest_submit_args(&j, 1);
	s.in_offset = in_room;
	s.out_offset = out_room & ~3ull;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), 0);
	EQ(guest_wait(&j, s.seq, GUEST_LONG_NS, NULL), 0);
}

static void submit_numbers_count_from_one(void)
{
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	for (uint64_t i = 1; i <= 5; i++)
		EQ(guest_submit(&j, 1), i);
	EQ(guest_wait(&j, 5, GUEST_LONG_NS, NULL), 0);
	EQ(guest_wait(&j, 1, 0, NULL), 0);
}

/* A stride of zero: the same frame again and again, outputs on top of each other. */
static void submit_many_frames_of_one_input(void)
{
	struct akida_submit s;
	struct akida_wait w;
	struct guest_job j;

	guest_job(&j, guest_open(1), guest_small(1), 16);
	s = guest_submit_args(&j, 300); /* more than the ring holds */
	s.in_stride = s.out_stride = 0;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), 0);
	EQ(guest_wait(&j, s.seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, 0);
	EQ(w.frames_done, 300);
	CHECK(!memcmp(j.out.cpu, j.c->out, 4 * j.c->outputs));
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(submit_follows_the_struct_rules);
	RUN(submit_unknown_handles_are_enoent);
	RUN(submit_bad_counts_and_alignment_are_einval);
	RUN(submit_outside_of_a_buffer_is_erange);
	RUN(submit_numbers_count_from_one);
	RUN(submit_many_frames_of_one_input);
	return 0;
}
