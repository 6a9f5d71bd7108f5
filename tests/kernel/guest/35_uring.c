// SPDX-License-Identifier: MIT
/* io_uring commands: submit and complete in one system call, outputs as by ioctl, negative cases, cancel, rings that end. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include "guest.h"
#include "ring.h"

static struct akida_submit long_submit(const struct guest_job *j)
{
	struct akida_submit s = guest_submit_args(j, 1);

	s.count = 1000000;
	s.in_stride = s.out_stride = 0;
	return s;
}

static void compare(const struct guest_job *j, const int32_t *got)
{
	for (uint32_t i = 0; i < j->c->head.frames * j->c->outputs; i++)
		if (got[i] != j->c->out[i])
			guest_fail(__FILE__, __LINE__, "output %u is %d; virtual: gave %d", i, got[i], j->c->out[i]);
}

/* The same program by ioctl and by io_uring; one system call for the latter. */
static void both_ways(unsigned int board, struct guest_case *c, unsigned int setup)
{
	struct akida_wait w = {.size = sizeof(w)};
	struct pollfd p = {.events = POLLIN};
	struct guest_ring r;
	struct akida_submit s;
	struct guest_job j;

	guest_ring(&r, setup);
	guest_job(&j, guest_open(board), c, 4);
	guest_run_and_compare(&j, c->head.frames);
	memset(j.out.cpu, 0x5a, (size_t)j.out.bytes);
	s = guest_submit_args(&j, c->head.frames);
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, &s, &w), c->head.frames);
	EQ(r.calls, 1);
	compare(&j, j.out.cpu);
	EQ(s.seq, 2);
	EQ(w.size, sizeof(w));
	EQ(w.context, j.context);
	EQ(w.seq, 2);
	EQ(w.status, 0);
	EQ(w.frames_done, c->head.frames);
	CHECK(w.queued_ns && w.queued_ns <= w.started_ns && w.started_ns < w.ended_ns && w.inference_clk);
	p.fd = j.fd;
	EQ(poll(&p, 1, 0), 0); /* the ring has told */
	EQ(guest_wait(&j, 2, 0, NULL), 0);
	guest_ring_close(&r);
}

static void uring_small(void)
{
	both_ways(0, guest_small(0), 0);
	both_ways(1, guest_small(1), 0);
}

static void uring_mnist(void)
{
	both_ways(0, guest_ours("mnist", 0), 0);
	both_ways(1, guest_ours("mnist", 1), 0);
}

static void uring_vendor_keyword_spotting(void)
{
	both_ways(guest_boards[0].device == 0xa500 ? 0 : 1, guest_case("vendor-kws"), 0);
}

/* SQEs of 128 bytes, CQEs of 32. */
static void uring_wide_entries(void)
{
	both_ways(0, guest_small(0), IORING_SETUP_SQE128);
	both_ways(1, guest_small(1), IORING_SETUP_CQE32);
}

/* Memory is pinned by a thread of io_uring's; the result is the same. */
static void uring_of_the_callers_memory(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_submit s;
		struct guest_ring r;
		struct guest_job j;
		int32_t *out;

		guest_ring(&r, 0);
		guest_job(&j, guest_open(board), guest_small(board), 4);
		s = guest_submit_args(&j, j.c->head.frames);
		out = calloc(s.count, s.out_stride);
		s.flags = AKIDA_SUBMIT_USER_IN | AKIDA_SUBMIT_USER_OUT;
		s.in_handle = s.out_handle = 0;
		s.in_offset = (uintptr_t)j.c->in;
		s.out_offset = (uintptr_t)out;
		EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, &s, NULL), j.c->head.frames);
		CHECK(s.seq == 1);
		compare(&j, out);
		free(out);
		guest_ring_close(&r);
	}
}

/* Many at once, on two boards, with one call to submit them and one to wait. */
static void uring_many_in_one_call(void)
{
	struct akida_submit s[32];
	struct guest_ring r;
	struct guest_job j[2];
	int32_t res = 0;
	uint64_t tag = 0, seen = 0;

	guest_ring(&r, 0);
	for (unsigned int b = 0; b < 2; b++)
		guest_job(&j[b], guest_open(b), guest_small(b), 4);
	for (uint32_t i = 0; i < 32; i++) {
		s[i] = guest_submit_args(&j[i % 2], 3);
		guest_ring_cmd(&r, j[i % 2].fd, AKIDA_IOC_SUBMIT, &s[i], NULL, i);
	}
	guest_ring_enter(&r, 32);
	for (uint32_t i = 0; i < 32; i++) {
		CHECK(guest_ring_next(&r, &res, &tag));
		EQ(res, 3);
		seen |= 1ull << tag;
	}
	EQ(seen, 0xffffffffu);
	EQ(r.calls, 1);
	for (unsigned int b = 0; b < 2; b++)
		CHECK(!memcmp(j[b].out.cpu, j[b].c->out, 3 * 4 * j[b].c->outputs));
	guest_ring_close(&r);
}

static void uring_negative_cases(void)
{
	struct akida_cancel c = {.size = sizeof(c)};
	struct akida_wait w = {.size = sizeof(w)};
	struct akida_submit s, bad;
	struct io_uring_sqe *sqe;
	struct guest_ring r;
	struct guest_job j;
	int32_t res = 0;
	uint8_t longer[sizeof(s) + 8] = {0};
	uint32_t more = sizeof(longer);

	guest_ring(&r, 0);
	guest_job(&j, guest_open(0), guest_small(0), 2);
	s = guest_submit_args(&j, 2);
#define SUBMIT(arg, wait) guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, arg, wait)
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_QUERY, &s, NULL), -ENOTTY);
	EQ(guest_ring_call(&r, j.fd, 1, &s, NULL), -ENOTTY);
	EQ(SUBMIT(NULL, NULL), -EFAULT);
	EQ(SUBMIT((void *)16, NULL), -EFAULT);
	bad = s, bad.size = 71;
	EQ(SUBMIT(&bad, NULL), -EINVAL);
	memcpy(longer, &s, sizeof(s));
	memcpy(longer, &more, 4);
	longer[sizeof(longer) - 1] = 1;
	EQ(SUBMIT(longer, NULL), -E2BIG);
	longer[sizeof(longer) - 1] = 0;
	EQ(SUBMIT(longer, NULL), 2);
	bad = s, bad.flags = 4;
	EQ(SUBMIT(&bad, NULL), -EINVAL);
	bad = s, bad.reserved0 = 1;
	EQ(SUBMIT(&bad, NULL), -EINVAL);
	bad = s, bad.count = 0;
	EQ(SUBMIT(&bad, NULL), -EINVAL);
	bad = s, bad.context = 0x7ffffff0;
	EQ(SUBMIT(&bad, NULL), -ENOENT);
	bad = s, bad.in_handle = 0x7ffffff0;
	EQ(SUBMIT(&bad, NULL), -ENOENT);
	bad = s, bad.in_offset = j.in.bytes;
	EQ(SUBMIT(&bad, NULL), -ERANGE);
	bad = s, bad.flags = AKIDA_SUBMIT_USER_IN, bad.in_handle = 0, bad.in_offset = 16;
	EQ(SUBMIT(&bad, NULL), -EFAULT);
	/* the place for the results */
	EQ(SUBMIT(&s, (void *)16), -EFAULT);
	w.size = 79;
	EQ(SUBMIT(&s, &w), -EINVAL);
	w = (struct akida_wait){.size = sizeof(w), .flags = 1};
	EQ(SUBMIT(&s, &w), -EINVAL);
	w = (struct akida_wait){.size = sizeof(w), .timeout_ns = 1};
	EQ(SUBMIT(&s, &w), -EINVAL);
	w = (struct akida_wait){.size = sizeof(w), .reserved0 = 1};
	EQ(SUBMIT(&s, &w), -EINVAL);
	/* flags of the SQE */
	sqe = guest_ring_cmd(&r, j.fd, AKIDA_IOC_SUBMIT, &s, NULL, 0);
	sqe->rw_flags = 1;
	guest_ring_enter(&r, 1);
	CHECK(guest_ring_next(&r, &res, NULL));
	CHECK(res == -EINVAL || res == -EFAULT); /* fixed buffers: there is none, the kernel may say so first */
	/* cancel */
	c.context = j.context;
	c.seq = 999;
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_CANCEL, &c, NULL), -ENOENT);
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_CANCEL, &c, &w), -EINVAL);
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_CANCEL, NULL, NULL), -EFAULT);
	c.flags = 1;
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_CANCEL, &c, NULL), -EINVAL);
	c.flags = 0, c.size = 23;
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_CANCEL, &c, NULL), -EINVAL);
	guest_run_and_compare(&j, 2);
	guest_ring_close(&r);
}

static void uring_queue_full_is_eagain(void)
{
	struct akida_destroy d = {.size = sizeof(d)};
	struct akida_submit s, q;
	struct guest_ring r;
	struct guest_job j;
	int err = 0;

	guest_ring(&r, 0);
	guest_job(&j, guest_open(0), guest_small(0), 2);
	for (int i = 0; i < 300 && !err; i++) {
		s = long_submit(&j);
		err = guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s);
	}
	EQ(err, -EAGAIN);
	q = guest_submit_args(&j, 1);
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, &q, NULL), -EAGAIN);
	d.handle = j.context;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CONTEXT_DESTROY, &d), 0);
	guest_ring_close(&r);
}

/* By the ring and by ioctl, of one that runs and one that waits; the seq is there as soon as the call returns. */
static void uring_cancel(void)
{
	struct akida_cancel c = {.size = sizeof(c)};
	struct akida_wait w = {.size = sizeof(w)};
	struct akida_submit a, b;
	struct guest_ring r;
	struct guest_job j;
	int32_t res = 0;
	uint64_t tag = 0;

	guest_ring(&r, 0);
	guest_job(&j, guest_open(1), guest_small(1), 2);
	a = long_submit(&j);
	b = long_submit(&j);
	guest_ring_cmd(&r, j.fd, AKIDA_IOC_SUBMIT, &a, &w, 1);
	guest_ring_cmd(&r, j.fd, AKIDA_IOC_SUBMIT, &b, NULL, 2);
	guest_ring_enter(&r, 0);
	EQ(a.seq, 1);
	EQ(b.seq, 2);
	EQ(guest_wait(&j, 1, GUEST_SHORT_NS, NULL), -ETIMEDOUT);
	CHECK(!guest_ring_next(&r, &res, &tag));
	c.context = j.context;
	c.seq = 2; /* waits: ends at once */
	guest_ring_cmd(&r, j.fd, AKIDA_IOC_CANCEL, &c, NULL, 3);
	guest_ring_enter(&r, 2);
	for (int i = 0; i < 2; i++) {
		CHECK(guest_ring_next(&r, &res, &tag));
		CHECK(tag == 2 || tag == 3);
		EQ(res, tag == 2 ? -ECANCELED : 0);
	}
	c.seq = 1;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CANCEL, &c), 0);
	guest_ring_enter(&r, 1);
	CHECK(guest_ring_next(&r, &res, &tag));
	EQ(tag, 1);
	EQ(res, -ECANCELED);
	EQ(w.status, -ECANCELED);
	CHECK(w.frames_done < 1000000);
	guest_run_and_compare(&j, 4);
	guest_ring_close(&r);
}

static void uring_context_destroyed_is_ecanceled(void)
{
	struct akida_destroy d = {.size = sizeof(d)};
	struct akida_submit s;
	struct guest_ring r;
	struct guest_job j;
	int32_t res = 0;

	guest_ring(&r, 0);
	guest_job(&j, guest_open(0), guest_small(0), 2);
	s = long_submit(&j);
	guest_ring_cmd(&r, j.fd, AKIDA_IOC_SUBMIT, &s, NULL, 0);
	guest_ring_enter(&r, 0);
	d.handle = j.context;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CONTEXT_DESTROY, &d), 0);
	guest_ring_enter(&r, 1);
	CHECK(guest_ring_next(&r, &res, NULL));
	EQ(res, -ECANCELED);
	guest_ring_close(&r);
}

/* The board goes while commands are in flight: each completes. */
static void uring_board_removed_is_enodev(void)
{
	struct akida_submit s[4];
	struct guest_ring r;
	struct guest_job j;
	int32_t res = 0;

	guest_ring(&r, 0);
	guest_job(&j, guest_open(1), guest_small(1), 2);
	for (int i = 0; i < 4; i++) {
		s[i] = long_submit(&j);
		guest_ring_cmd(&r, j.fd, AKIDA_IOC_SUBMIT, &s[i], NULL, 0);
	}
	guest_ring_enter(&r, 0);
	EQ(guest_bind(&guest_boards[1], false), 0);
	guest_ring_enter(&r, 4);
	for (int i = 0; i < 4; i++) {
		CHECK(guest_ring_next(&r, &res, NULL));
		EQ(res, -ENODEV);
	}
	EQ(guest_ring_call(&r, j.fd, AKIDA_IOC_SUBMIT, &s[0], NULL), -ENODEV);
	EQ(guest_bind(&guest_boards[1], true), 0);
	EQ(guest_rescan(), 0);
	guest_ring_close(&r);
}

/* Processes that die with commands in flight leave a board that works and a module that unloads. */
static void uring_processes_that_die(void)
{
	struct guest_job j;

	for (int i = 0; i < 6; i++) {
		int status = 0, ready[2];
		char go;
		pid_t pid;

		CHECK(!pipe(ready));
		pid = fork();
		CHECK(pid >= 0);
		if (!pid) {
			struct akida_wait w = {.size = sizeof(w)};
			struct akida_submit s;
			struct guest_ring r;
			struct guest_job k;

			guest_ring(&r, 0);
			guest_job(&k, guest_open(i % 2), guest_small(i % 2), 2);
			s = long_submit(&k);
			guest_ring_cmd(&r, k.fd, AKIDA_IOC_SUBMIT, &s, &w, 0);
			guest_ring_enter(&r, 0);
			if (write(ready[1], "1", 1) != 1)
				_exit(1);
			if (i < 2)
				_exit(0);
			for (;;)
				pause();
		}
		CHECK(read(ready[0], &go, 1) == 1);
		close(ready[0]);
		close(ready[1]);
		if (i >= 2)
			kill(pid, i < 4 ? SIGKILL : SIGTERM);
		CHECK(waitpid(pid, &status, 0) == pid);
	}
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query a = {.size = sizeof(a)}, b = {.size = sizeof(b)};

		guest_job(&j, guest_open(board), guest_small(board), 4);
		guest_run_and_compare(&j, 4);
		/* nothing of the dead runs on */
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &a), 0);
		usleep(300000);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &b), 0);
		EQ(b.jobs, a.jobs);
	}
}

static void uring_is_a_capability(void)
{
	struct akida_query q = {.size = sizeof(q)};

	EQ(guest_ioctl(guest_open(0), AKIDA_IOC_QUERY, &q), 0);
	CHECK(q.caps & AKIDA_CAP_URING);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(uring_is_a_capability);
	RUN(uring_small);
	RUN(uring_mnist);
	RUN(uring_vendor_keyword_spotting);
	RUN(uring_wide_entries);
	RUN(uring_of_the_callers_memory);
	RUN(uring_many_in_one_call);
	RUN(uring_negative_cases);
	RUN(uring_queue_full_is_eagain);
	RUN(uring_cancel);
	RUN(uring_context_destroyed_is_ecanceled);
	RUN(uring_board_removed_is_enodev);
	RUN(uring_processes_that_die);
	return 0;
}
