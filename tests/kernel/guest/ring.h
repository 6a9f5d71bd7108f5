/* SPDX-License-Identifier: MIT */
/* A small io_uring without liburing, which cross compilers do not have: commands to one node, one thread. */
#ifndef GUEST_RING_H
#define GUEST_RING_H

#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "guest.h"

#define RING_ENTRIES 64u

struct guest_ring {
	int fd;
	uint8_t *rings;
	size_t bytes, sqe_bytes, cqe_bytes;
	uint8_t *sqes;
	struct io_uring_params p;
	unsigned int calls; /* system calls made */
};

static inline uint32_t *ring_word(const struct guest_ring *r, uint32_t off)
{
	return (uint32_t *)(void *)(r->rings + off);
}

/* Skips the test where the kernel has none. */
static inline void guest_ring(struct guest_ring *r, unsigned int flags)
{
	size_t sq, cq;

	memset(r, 0, sizeof(*r));
	r->p.flags = flags;
	r->sqe_bytes = flags & IORING_SETUP_SQE128 ? 128 : 64;
	r->cqe_bytes = flags & IORING_SETUP_CQE32 ? 32 : 16;
	r->fd = (int)syscall(__NR_io_uring_setup, RING_ENTRIES, &r->p);
	if (r->fd < 0)
		guest_skip("this kernel has no io_uring");
	CHECK(r->p.features & IORING_FEAT_SINGLE_MMAP);
	sq = r->p.sq_off.array + r->p.sq_entries * sizeof(uint32_t);
	cq = r->p.cq_off.cqes + r->p.cq_entries * r->cqe_bytes;
	r->bytes = sq > cq ? sq : cq;
	r->rings = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, (off_t)IORING_OFF_SQ_RING);
	r->sqes = mmap(NULL, r->p.sq_entries * r->sqe_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd,
		       (off_t)IORING_OFF_SQES);
	CHECK(r->rings != MAP_FAILED && r->sqes != MAP_FAILED);
}

static inline void guest_ring_close(struct guest_ring *r)
{
	munmap(r->sqes, r->p.sq_entries * r->sqe_bytes);
	munmap(r->rings, r->bytes);
	close(r->fd);
}

/* A command that goes with the next enter; it may be changed until then. */
static inline struct io_uring_sqe *guest_ring_cmd(struct guest_ring *r, int fd, uint32_t op, const void *arg,
						  const void *wait, uint64_t tag)
{
	uint32_t tail = *ring_word(r, r->p.sq_off.tail), at = tail & (r->p.sq_entries - 1);
	struct akida_uring_cmd c = {.arg_ptr = (uintptr_t)arg, .wait_ptr = (uintptr_t)wait};
	struct io_uring_sqe *sqe = (struct io_uring_sqe *)(void *)(r->sqes + at * r->sqe_bytes);

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->off = op; /* cmd_op, and the pad behind it */
	sqe->user_data = tag;
	memcpy((uint8_t *)sqe + 48, &c, sizeof(c));
	ring_word(r, r->p.sq_off.array)[at] = at;
	__atomic_store_n(ring_word(r, r->p.sq_off.tail), tail + 1, __ATOMIC_RELEASE);
	return sqe;
}

/* Submits what is there and waits for n completions that nobody has taken yet. */
static inline void guest_ring_enter(struct guest_ring *r, unsigned int n)
{
	uint32_t head = __atomic_load_n(ring_word(r, r->p.sq_off.head), __ATOMIC_ACQUIRE);
	uint32_t fresh = *ring_word(r, r->p.sq_off.tail) - head;
	long got;

	do {
		r->calls++;
		got = syscall(__NR_io_uring_enter, r->fd, fresh, n, n ? IORING_ENTER_GETEVENTS : 0, NULL, 0);
	} while (got < 0 && errno == EINTR);
	EQ(got, fresh);
}

/* The next completion: its result; false: none is there. */
static inline bool guest_ring_next(struct guest_ring *r, int32_t *res, uint64_t *tag)
{
	uint32_t *head = ring_word(r, r->p.cq_off.head);
	const struct io_uring_cqe *cqe;

	if (*head == __atomic_load_n(ring_word(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE))
		return false;
	cqe = (const struct io_uring_cqe *)(void *)(r->rings + r->p.cq_off.cqes +
						    (*head & (r->p.cq_entries - 1)) * r->cqe_bytes);
	*res = cqe->res;
	if (tag)
		*tag = cqe->user_data;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	return true;
}

/* One command from submission to completion: its result. */
static inline int32_t guest_ring_call(struct guest_ring *r, int fd, uint32_t op, const void *arg, const void *wait)
{
	int32_t res = 0;

	guest_ring_cmd(r, fd, op, arg, wait, 0);
	guest_ring_enter(r, 1);
	CHECK(guest_ring_next(r, &res, NULL));
	return res;
}

#endif
