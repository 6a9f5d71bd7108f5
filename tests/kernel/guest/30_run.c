// SPDX-License-Identifier: MIT
/* Programs on the emulated boards through /dev/akidaN: outputs equal those of `virtual:` on the host, bit for bit. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

static void run_small(unsigned int board, uint32_t batch)
{
	struct guest_case *c = guest_small(board);
	struct guest_job j;

	guest_config_set(&guest_boards[board], CTL_COMPLAINTS, 0);
	guest_job(&j, guest_open(board), c, batch);
	guest_run_and_compare(&j, c->head.frames);
	/* The chip understood everything the module told it. */
	EQ(guest_config(&guest_boards[board], CTL_COMPLAINTS), 0);
}

static void run_small_on_the_first_board(void)
{
	run_small(0, 1);
}

static void run_small_on_the_second_board(void)
{
	run_small(1, 1);
}

static void run_small_in_batches(void)
{
	run_small(0, 8);
	run_small(1, 8);
}

static void run_mnist(void)
{
	struct guest_job j;

	for (unsigned int board = 0; board < 2; board++) {
		guest_job(&j, guest_open(board), guest_ours("mnist", board), 4);
		guest_run_and_compare(&j, j.c->head.frames);
	}
}

/* Batches share DMA lists: 1 MiB to the device takes at most 4 doorbells and interrupts, the way of the outputs included. */
static void run_large_frames_with_few_doorbells(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
		struct guest_job j;

		guest_job(&j, guest_open(board), guest_ours("large", board), 8);
		CHECK(j.c->head.frames * j.c->in_bytes >= 1u << 20);
		guest_run_and_compare(&j, 1); /* the program is loaded */
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &before), 0);
		guest_run_and_compare(&j, j.c->head.frames);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &after), 0);
		CHECK(after.doorbells > before.doorbells && after.doorbells - before.doorbells <= 4);
		CHECK(after.interrupts - before.interrupts <= 4);
	}
}

static void run_and_look(const char *name, unsigned int board, uint32_t batch)
{
	struct guest_job j;

	guest_config_set(&guest_boards[board], CTL_COMPLAINTS, 0);
	guest_job(&j, guest_open(board), guest_ours(name, board), batch);
	guest_run_and_compare(&j, j.c->head.frames);
	EQ(guest_config(&guest_boards[board], CTL_COMPLAINTS), 0);
}

/* Programs of two and three passes, one of one between them, and again. */
static void run_programs_of_several_passes(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		run_and_look("passes", board, 1);
		run_and_look("small", board, 4);
		run_and_look("passes", board, 8);
	}
}

/* More than an AKD1500 has memory: it reaches the weights in the host's. */
static void run_with_weights_in_memory(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		run_and_look("external", board, 4);
		run_and_look("passes", board, 1);
		run_and_look("external", board, 1);
	}
}

/* Contexts of both kinds and an ordinary one on one board, in turn. */
static void run_several_passes_beside_others(void)
{
	static const char *const names[] = {"passes", "external", "small", "passes"};

	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j[4];
		uint64_t seq[4];

		for (int i = 0; i < 4; i++)
			guest_job(&j[i], guest_open(board), guest_ours(names[i], board), 2);
		for (int i = 0; i < 4; i++)
			seq[i] = guest_submit(&j[i], j[i].c->head.frames);
		for (int i = 3; i >= 0; i--) {
			struct akida_wait w;

			EQ(guest_wait(&j[i], seq[i], GUEST_LONG_NS, &w), 0);
			EQ(w.status, 0);
			EQ(w.frames_done, j[i].c->head.frames);
			guest_compare(&j[i], j[i].c->head.frames);
		}
	}
}

static void run_vendor_keyword_spotting(void)
{
	struct guest_case *c = guest_case("vendor-kws");
	unsigned int board = guest_boards[0].device == 0xa500 ? 0 : 1;
	struct guest_job j;

	guest_job(&j, guest_open(board), c, 4);
	guest_run_and_compare(&j, c->head.frames);
}

/* Two programs on one board in turn, and a third on the other one, all queued before the first is waited for. */
static void run_contexts_share_the_boards(void)
{
	struct guest_job a, b, c;
	uint64_t sa, sb, sc;
	struct akida_wait w;

	guest_job(&a, guest_open(1), guest_small(1), 2);
	guest_job(&b, guest_open(1), guest_small(1), 3);
	guest_job(&c, guest_open(0), guest_small(0), 2);
	for (int round = 0; round < 3; round++) {
		sa = guest_submit(&a, 6);
		sb = guest_submit(&b, 6);
		sc = guest_submit(&c, 6);
		EQ(guest_wait(&a, sa, GUEST_LONG_NS, &w), 0);
		EQ(w.status, 0);
		EQ(guest_wait(&b, sb, GUEST_LONG_NS, &w), 0);
		EQ(w.status, 0);
		EQ(guest_wait(&c, sc, GUEST_LONG_NS, &w), 0);
		EQ(w.status, 0);
		CHECK(!memcmp(a.out.cpu, a.c->out, 6 * 4 * a.c->outputs));
		CHECK(!memcmp(b.out.cpu, b.c->out, 6 * 4 * b.c->outputs));
		CHECK(!memcmp(c.out.cpu, c.c->out, 6 * 4 * c.c->outputs));
	}
}

static void child(unsigned int board)
{
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 4);
	for (int round = 0; round < 3; round++)
		guest_run_and_compare(&j, 8);
}

static unsigned int child_board;
static void child_test(void)
{
	child(child_board);
}

static void run_four_processes_on_two_boards(void)
{
	pid_t pid[4];

	for (unsigned int i = 0; i < 4; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (!pid[i]) {
			child_board = i % 2;
			_exit(guest_run_child("process", child_test) ? 0 : 1);
		}
	}
	for (int i = 0; i < 4; i++) {
		int status = -1;

		waitpid(pid[i], &status, 0);
		EQ(status, 0);
	}
}

/* Frames that start and end inside pages, inputs that overlap, outputs with gaps that stay untouched. */
static void run_with_offsets_and_strides(void)
{
	struct guest_case *c = guest_small(0);
	struct akida_submit s;
	struct guest_job j;
	struct akida_wait w;
	const int32_t *got;

	guest_job(&j, guest_open(0), c, 2);
	guest_buffer(j.fd, 3 * 4096, &j.in);
	guest_buffer(j.fd, 2 * 4096, &j.out);
	memcpy((uint8_t *)j.in.cpu + 3, c->in, c->in_bytes);
	memcpy((uint8_t *)j.in.cpu + 3 + 4001, c->in + c->in_bytes, c->in_bytes); /* crosses a page */
	memset(j.out.cpu, 0x77, 2 * 4096);
	s = guest_submit_args(&j, 2);
	s.in_offset = 3;
	s.in_stride = 4001;
	s.out_offset = 4096 - 8; /* crosses a page */
	s.out_stride = 4ull * c->outputs + 16;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), 0);
	EQ(guest_wait(&j, s.seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, 0);
	got = (const int32_t *)((const uint8_t *)j.out.cpu + s.out_offset);
	CHECK(!memcmp(got, c->out, 4 * c->outputs));
	CHECK(!memcmp(got + c->outputs + 4, c->out + c->outputs, 4 * c->outputs));
	EQ(got[-1], 0x77777777);
	EQ(got[c->outputs], 0x77777777);
	EQ(got[2 * c->outputs + 4], 0x77777777);
}

static void run_counts_time_jobs_and_clocks(void)
{
	struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct guest_job j;
	struct akida_wait w;
	uint64_t seq;

	guest_job(&j, guest_open(1), guest_small(1), 4);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &before), 0);
	seq = guest_submit(&j, 10);
	EQ(guest_wait(&j, seq, GUEST_LONG_NS, &w), 0);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &after), 0);
	CHECK(w.queued_ns && w.queued_ns <= w.started_ns && w.started_ns < w.ended_ns);
	CHECK(w.inference_clk && w.program_clk);
	EQ(after.jobs - before.jobs, 10);
	CHECK(after.busy_ns > before.busy_ns);
	CHECK(after.dma_bytes - before.dma_bytes >= 10ull * (j.c->in_bytes + 4 * j.c->outputs));
	CHECK(after.doorbells > before.doorbells);
	EQ(after.resets, before.resets);
	/* on a busy host an interrupt may come long after what it tells of */
	for (int ms = 0; ms < 5000 && after.caps & AKIDA_CAP_INTERRUPT && after.interrupts == before.interrupts; ms++) {
		usleep(1000);
		after.size = sizeof(after);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &after), 0);
	}
	if (after.caps & AKIDA_CAP_INTERRUPT)
		CHECK(after.interrupts > before.interrupts);
	else
		EQ(after.interrupts, 0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(run_small_on_the_first_board);
	RUN(run_small_on_the_second_board);
	RUN(run_small_in_batches);
	RUN(run_mnist);
	RUN(run_large_frames_with_few_doorbells);
	RUN(run_programs_of_several_passes);
	RUN(run_with_weights_in_memory);
	RUN(run_several_passes_beside_others);
	RUN(run_vendor_keyword_spotting);
	RUN(run_with_offsets_and_strides);
	RUN(run_counts_time_jobs_and_clocks);
	RUN(run_contexts_share_the_boards);
	RUN(run_four_processes_on_two_boards);
	return 0;
}
