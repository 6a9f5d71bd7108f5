// SPDX-License-Identifier: MIT
/*
 * Faults of the emulated boards (firmware/qemu/README.md): every wait ends in time with a documented status, the next
 * context works, the other board does not notice.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

/* The module gives a frame 5 s; recovery and a busy host come on top. */
#define RECOVERY_NS 30000000000ll

static struct akida_query query(int fd)
{
	struct akida_query q = {.size = sizeof(q)};

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	return q;
}

/* One submit of one frame with a fault injected; its status. */
static int status_with(unsigned int board, enum guest_ctl fault, uint32_t count, struct guest_job *j)
{
	struct akida_wait w;
	uint64_t seq;

	guest_job(j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(j, 2);
	guest_config_set(&guest_boards[board], fault, count);
	seq = guest_submit(j, 1);
	EQ(guest_wait(j, seq, RECOVERY_NS, &w), 0);
	guest_config_set(&guest_boards[board], fault, 0);
	return w.status;
}

static void next_context_works(unsigned int board)
{
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 6);
}

static void fault_hang_times_out_and_recovers(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query before, after;
		struct guest_job j, other;
		struct akida_submit s;
		struct akida_destroy d = {.size = sizeof(d)};
		struct akida_wait w;
		uint64_t seq, behind;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_job(&other, guest_open(!board), guest_small(!board), 2);
		guest_run_and_compare(&j, 2);
		before = query(j.fd);
		guest_config_set(&guest_boards[board], CTL_HANG, 1);
		seq = guest_submit(&j, 3);
		behind = guest_submit(&j, 3);
		/* while it hangs: waits end in time, what is in use stays in use, the other board works */
		EQ(guest_wait(&j, seq, GUEST_SHORT_NS, NULL), -ETIMEDOUT);
		EQ(guest_wait(&j, behind, 0, NULL), -ETIMEDOUT);
		d.handle = j.in.handle;
		EQ(guest_ioctl(j.fd, AKIDA_IOC_BUFFER_DESTROY, &d), -EBUSY);
		guest_run_and_compare(&other, 4);
		/* then the module gives up */
		EQ(guest_wait(&j, seq, RECOVERY_NS, &w), 0);
		EQ(w.status, -ETIMEDOUT);
		CHECK(w.frames_done < 3);
		EQ(guest_wait(&j, behind, RECOVERY_NS, &w), 0);
		EQ(w.status, -ENODEV);
		after = query(j.fd);
		EQ(after.resets, before.resets + 1);
		EQ(after.generation, before.generation + 1);
		s = guest_submit_args(&j, 1);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENODEV);
		d.size = sizeof(d);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_BUFFER_DESTROY, &d), 0);
		next_context_works(board);
	}
}

static void fault_hang_leaves_the_other_contexts(void)
{
	struct guest_job j, neighbour;
	struct akida_wait w;
	uint64_t a, b;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_job(&neighbour, guest_open(0), guest_small(0), 2);
	guest_run_and_compare(&j, 2);
	guest_config_set(&guest_boards[0], CTL_HANG, 1);
	a = guest_submit(&j, 2);
	usleep(200000); /* it runs before the neighbour's is there */
	b = guest_submit(&neighbour, 2);
	EQ(guest_wait(&j, a, RECOVERY_NS, &w), 0);
	EQ(w.status, -ETIMEDOUT);
	EQ(guest_wait(&neighbour, b, RECOVERY_NS, &w), 0);
	EQ(w.status, 0);
	CHECK(!memcmp(neighbour.out.cpu, neighbour.c->out, 2 * 4 * neighbour.c->outputs));
}

static void fault_full_queue_is_eagain(void)
{
	struct akida_submit s;
	struct akida_wait w;
	struct guest_job j;
	int err = 0, n = 0;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_config_set(&guest_boards[0], CTL_HANG, 1);
	while (n < 5000 && !err) {
		s = guest_submit_args(&j, 1);
		err = guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s);
		n += !err;
	}
	EQ(err, -EAGAIN);
	CHECK(n >= 16);
	EQ(guest_wait(&j, 1, RECOVERY_NS, &w), 0);
	EQ(w.status, -ETIMEDOUT);
	for (int i = 2; i <= n; i++) {
		EQ(guest_wait(&j, (uint64_t)i, RECOVERY_NS, &w), 0);
		EQ(w.status, -ENODEV);
	}
	next_context_works(0);
}

static void fault_wrong_job_id_is_eio(void)
{
	struct guest_job j;

	EQ(status_with(0, CTL_WRONG_JOB, 1, &j), -EIO);
	next_context_works(0);
	EQ(status_with(1, CTL_WRONG_JOB, 1, &j), -EIO);
	next_context_works(1);
}

static void fault_aborted_dma_is_eio(void)
{
	struct guest_job j;

	EQ(status_with(0, CTL_FAIL_DMA, 1, &j), -EIO);
	next_context_works(0);
	EQ(status_with(1, CTL_FAIL_DMA, 1, &j), -EIO);
	next_context_works(1);
}

static void fault_stuck_dma_times_out(void)
{
	struct guest_job j;

	EQ(status_with(0, CTL_STUCK_DMA, 1, &j), -ETIMEDOUT);
	next_context_works(0);
	EQ(status_with(1, CTL_STUCK_DMA, 1, &j), -ETIMEDOUT);
	next_context_works(1);
}

static void fault_lost_interrupts_cost_nothing_but_time(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 2);
		guest_config_set(&guest_boards[board], CTL_LOST_IRQ, 0xffffffffu);
		guest_run_and_compare(&j, 6);
		guest_config_set(&guest_boards[board], CTL_LOST_IRQ, 0);
		guest_run_and_compare(&j, 6);
	}
}

static void fault_slow_dma_is_waited_for(void)
{
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_config_set(&guest_boards[0], CTL_DELAY_US, 20000);
	guest_run_and_compare(&j, 2);
	guest_config_set(&guest_boards[0], CTL_DELAY_US, 20);
	guest_run_and_compare(&j, 2);
}

/* The card falls off the bus while it works, and comes back with a bind. */
static void fault_all_ones_ends_waits_and_a_new_bind_works(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j, other;
		struct akida_submit s;
		struct akida_wait w;
		int err;

		guest_job(&other, guest_open(!board), guest_small(!board), 2);
		EQ(status_with(board, CTL_ALL_ONES, 1, &j), -EIO);
		/* It answers again, but nobody told the module: whatever is tried ends soon, with an error. */
		s = guest_submit_args(&j, 1);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENODEV);
		j.context = guest_context(j.fd, j.program, 1);
		err = guest_ioctl(j.fd, AKIDA_IOC_SUBMIT,
				  &(struct akida_submit){.size = sizeof(s),
							 .context = j.context,
							 .count = 1,
							 .in_handle = j.in.handle,
							 .out_handle = j.out.handle});
		if (!err) {
			EQ(guest_wait(&j, 1, RECOVERY_NS, &w), 0);
			CHECK(w.status == -EIO || w.status == -ENODEV || w.status == 0);
		} else {
			EQ(err, -ENODEV);
		}
		guest_run_and_compare(&other, 4);
		EQ(guest_bind(&guest_boards[board], false), 0);
		EQ(guest_bind(&guest_boards[board], true), 0);
		CHECK(guest_find_boards() == 2);
		next_context_works(board);
	}
}

/* Its configuration is intact and nobody unbinds: the next work brings it back. */
static void fault_all_ones_for_a_while_is_survived(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;

		EQ(status_with(board, CTL_ALL_ONES, 1, &j), -EIO);
		j.context = guest_context(j.fd, j.program, 2);
		guest_run_and_compare(&j, 4);
	}
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(fault_hang_times_out_and_recovers);
	RUN(fault_hang_leaves_the_other_contexts);
	RUN(fault_full_queue_is_eagain);
	RUN(fault_wrong_job_id_is_eio);
	RUN(fault_aborted_dma_is_eio);
	RUN(fault_stuck_dma_times_out);
	RUN(fault_lost_interrupts_cost_nothing_but_time);
	RUN(fault_slow_dma_is_waited_for);
	RUN(fault_all_ones_for_a_while_is_survived);
	RUN(fault_all_ones_ends_waits_and_a_new_bind_works);
	return 0;
}
