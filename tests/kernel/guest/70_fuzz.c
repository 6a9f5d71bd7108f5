// SPDX-License-Identifier: MIT
/*
 * A grammar fuzzer of the ABI: calls whose fields are mostly what the call wants (handles that are there or were, sizes near
 * their limits, pointers into real memory, to its end and to nowhere) and partly noise, by several processes on both boards.
 * Nothing is expected of a call but that it comes back with a result the contract knows; afterwards both boards must run a
 * program as before. The kernel's log is looked at when all tests are over.
 *   bed.fuzz=N on the kernel's command line: calls in all, default 100000; bed.seed=N
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define WORKERS 4u
#define POOL 8u
#define MEMORY 65536u

static uint64_t random_state;

static uint32_t any(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

static uint32_t below(uint32_t n)
{
	return any() % n;
}

static bool one_in(uint32_t n)
{
	return !below(n);
}

/* What a field is. */
enum kind {
	END,
	SIZE,	/* of the struct */
	FLAGS,	/* few bits */
	BUFFER, /* handles */
	PROGRAM,
	CONTEXT,
	POINTER, /* 64 bits */
	COUNT,	 /* mostly small */
	BYTES,	 /* 64 bits, mostly small */
	TIME,	 /* 64 bits: now, soon, never, nonsense */
	FILE_NR, /* a file descriptor or none */
	SEQ,	 /* 64 bits */
	BITS,	 /* low bits, mostly none */
	LEVEL,	 /* a priority */
	ZERO,	 /* reserved */
	NOISE
};
static const uint8_t wide[NOISE + 1] = {[POINTER] = 1, [BYTES] = 1, [TIME] = 1, [SEQ] = 1};

struct field {
	enum kind kind;
	size_t off;
};
#define F(kind, type, member)                                                                                          \
	{                                                                                                              \
		kind, offsetof(struct type, member)                                                                    \
	}

struct call {
	unsigned long request;
	size_t bytes;
	uint32_t weight;
	struct field field[16];
};

static const struct call calls[] = {
	{AKIDA_IOC_QUERY,
	 sizeof(struct akida_query),
	 4,
	 {F(POINTER, akida_query, np_ptr), F(COUNT, akida_query, np_capacity), F(ZERO, akida_query, reserved0)}},
	{AKIDA_IOC_BUFFER_CREATE,
	 sizeof(struct akida_buffer_create),
	 8,
	 {F(BITS, akida_buffer_create, flags), F(BYTES, akida_buffer_create, bytes),
	  F(ZERO, akida_buffer_create, dmabuf), F(ZERO, akida_buffer_create, user_ptr)}},
	{AKIDA_IOC_BUFFER_CREATE, sizeof(struct akida_buffer_create), 4, {{END, 0}}}, /* memory_fields() */
	{AKIDA_IOC_BUFFER_DESTROY,
	 sizeof(struct akida_destroy),
	 3,
	 {F(BUFFER, akida_destroy, handle), F(ZERO, akida_destroy, reserved0)}},
	{AKIDA_IOC_PROGRAM_CREATE, sizeof(struct akida_program_create), 10, {{END, 0}}}, /* program_fields() */
	{AKIDA_IOC_PROGRAM_DESTROY,
	 sizeof(struct akida_destroy),
	 2,
	 {F(PROGRAM, akida_destroy, handle), F(ZERO, akida_destroy, reserved0)}},
	{AKIDA_IOC_CONTEXT_CREATE,
	 sizeof(struct akida_context_create),
	 8,
	 {F(PROGRAM, akida_context_create, program), F(FILE_NR, akida_context_create, eventfd),
	  F(COUNT, akida_context_create, batch), F(LEVEL, akida_context_create, priority)}},
	{AKIDA_IOC_CONTEXT_DESTROY,
	 sizeof(struct akida_destroy),
	 2,
	 {F(CONTEXT, akida_destroy, handle), F(ZERO, akida_destroy, reserved0)}},
	{AKIDA_IOC_SUBMIT,
	 sizeof(struct akida_submit),
	 20,
	 {F(BITS, akida_submit, flags), F(CONTEXT, akida_submit, context), F(COUNT, akida_submit, count),
	  F(BUFFER, akida_submit, in_handle), F(BUFFER, akida_submit, out_handle), F(BYTES, akida_submit, in_offset),
	  F(BYTES, akida_submit, in_stride), F(BYTES, akida_submit, out_offset), F(BYTES, akida_submit, out_stride),
	  F(ZERO, akida_submit, reserved0)}},
	{AKIDA_IOC_SUBMIT, sizeof(struct akida_submit), 8, {{END, 0}}}, /* pointer_fields() */
	{AKIDA_IOC_CANCEL,
	 sizeof(struct akida_cancel),
	 2,
	 {F(CONTEXT, akida_cancel, context), F(SEQ, akida_cancel, seq), F(ZERO, akida_cancel, reserved0)}},
	{AKIDA_IOC_BUFFER_EXPORT,
	 sizeof(struct akida_buffer_export),
	 2,
	 {F(BUFFER, akida_buffer_export, handle), F(ZERO, akida_buffer_export, dmabuf)}},
	{AKIDA_IOC_WAIT,
	 sizeof(struct akida_wait),
	 12,
	 {F(CONTEXT, akida_wait, context), F(SEQ, akida_wait, seq), F(TIME, akida_wait, timeout_ns),
	  F(ZERO, akida_wait, reserved0)}},
	{AKIDA_IOC_RESET, sizeof(struct akida_reset), 1, {F(ZERO, akida_reset, reserved0)}},
	{AKIDA_IOC_POWER,
	 sizeof(struct akida_power),
	 4,
	 {F(POINTER, akida_power, samples_ptr), F(COUNT, akida_power, capacity), F(ZERO, akida_power, reserved0),
	  F(ZERO, akida_power, reserved1)}},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* One process: its files, the handles it got, memory to point at. */
static struct {
	int fd[2];
	unsigned int board[2];	   /* of each file */
	unsigned int which;	   /* of them is used now */
	uint32_t pool[2][3][POOL]; /* buffers, programs, contexts */
	uint8_t *memory;	   /* MEMORY bytes, the page behind is not there */
	struct guest_case *program[2], *passes[2];
	uint64_t calls, good, submits, by_errno[140];
} w;

static uint32_t handle(unsigned int pool)
{
	if (one_in(40))
		return any();
	return w.pool[w.which][pool][below(POOL)];
}

static void keep(unsigned int pool, uint32_t handle)
{
	w.pool[w.which][pool][below(POOL)] = handle;
}

static uint64_t pointer(void)
{
	switch (below(12)) {
	case 0:
		return 0;
	case 1:
		return any();
	case 2:
		return (uint64_t)any() << 32 | any();
	case 3:
		return (uintptr_t)w.memory + MEMORY - below(64);
	default:
		return (uintptr_t)w.memory + below(MEMORY / 8) * 4;
	}
}

static uint64_t bytes(void)
{
	switch (below(24)) {
	case 0:
		return (uint64_t)any() << below(40);
	case 1:
		return ~0ull - below(16);
	case 2:
		return below(5000);
	case 3:
	case 4:
	case 5:
	case 6:
		return 4096ull * below(40);
	default:
		return 4ull * below(64);
	}
}

static uint64_t value(enum kind kind)
{
	if (one_in(60))
		return one_in(2) ? any() : (uint64_t)any() << 32 | any();
	switch (kind) {
	case BUFFER:
		return handle(0);
	case PROGRAM:
		return handle(1);
	case CONTEXT:
		return handle(2);
	case POINTER:
		return pointer();
	case COUNT:
		return one_in(20) ? any() >> below(32) : 1 + below(4) - one_in(20);
	case BYTES:
		return bytes();
	case TIME:
		return one_in(20) ? (uint64_t)any() << below(33) : (uint64_t)(guest_now_ns() + below(300000));
	case FILE_NR:
		return one_in(4) ? below(10) : 0xffffffffu;
	case SEQ:
		return one_in(10) ? any() : 1 + below(3);
	case BITS:
		return one_in(6) ? below(16) : 0;
	case LEVEL:
		return one_in(3) ? below(6) - 3 : 0;
	case FLAGS:
		return one_in(4) ? 1u << below(32) : below(2);
	case ZERO:
		return 0;
	default:
		return any();
	}
}

/* A sound program most of the time, a damaged one else; what the arrays hold lies in this process's memory. */
static void program_fields(struct akida_program_create *a)
{
	struct guest_case **of = one_in(4) ? w.passes : w.program;
	const struct guest_case *c = of[one_in(20) ? !w.which : w.which];
	uint32_t at = below(1024) * 4, bytes = c->head.image_bytes;

	*a = guest_program_args(c);
	if (one_in(2) && at + bytes <= MEMORY) { /* flip a few bits */
		memcpy(w.memory + at, c->image, bytes);
		for (uint32_t i = below(4); i; i--)
			w.memory[at + below(bytes)] ^= (uint8_t)(1u << below(8));
		a->image_ptr = (uintptr_t)(w.memory + at);
	}
	if (one_in(3)) { /* and fields */
		static const size_t words[] = {offsetof(struct akida_program_create, image_bytes),
					       offsetof(struct akida_program_create, track_count),
					       offsetof(struct akida_program_create, epg_count),
					       offsetof(struct akida_program_create, version),
					       offsetof(struct akida_program_create, in_dims),
					       offsetof(struct akida_program_create, out_dims),
					       offsetof(struct akida_program_create, out_dims) + 8,
					       offsetof(struct akida_program_create, window_w),
					       offsetof(struct akida_program_create, input_type),
					       offsetof(struct akida_program_create, output_type),
					       offsetof(struct akida_program_create, activation),
					       offsetof(struct akida_program_create, pass_count)};
		static const size_t pointers[] = {offsetof(struct akida_program_create, image_ptr),
						  offsetof(struct akida_program_create, tracks_ptr),
						  offsetof(struct akida_program_create, epg_ptr),
						  offsetof(struct akida_program_create, passes_ptr)};
		uint32_t word = (uint32_t)value(COUNT);
		uint64_t p = pointer();

		if (one_in(2))
			memcpy((char *)a + words[below(sizeof(words) / sizeof(words[0]))], &word, 4);
		else
			memcpy((char *)a + pointers[below(4)], &p, 8);
	}
}

/* The caller's own memory, or a dma-buf, which stays open as long as the call. */
static void memory_fields(struct akida_buffer_create *a, int *dmabuf)
{
	struct akida_buffer_export e = {.size = sizeof(e), .handle = handle(0)};

	a->bytes = 1 + below(3 * 4096);
	a->flags = below(2) * AKIDA_BUFFER_READ_ONLY;
	if (one_in(2) && !ioctl(w.fd[below(2)], AKIDA_IOC_BUFFER_EXPORT, &e)) {
		a->flags |= AKIDA_BUFFER_DMABUF;
		a->dmabuf = *dmabuf = e.dmabuf;
	} else {
		a->flags |= AKIDA_BUFFER_USER;
		a->user_ptr = pointer();
	}
}

static void pointer_fields(struct akida_submit *a)
{
	const struct guest_case *c = w.program[w.which];

	a->flags = 1 + below(3);
	a->context = handle(2);
	a->count = 1 + below(4);
	a->in_handle = a->flags & AKIDA_SUBMIT_USER_IN ? 0 : handle(0);
	a->out_handle = a->flags & AKIDA_SUBMIT_USER_OUT ? 0 : handle(0);
	a->in_offset = a->flags & AKIDA_SUBMIT_USER_IN ? pointer() : 0;
	a->out_offset = a->flags & AKIDA_SUBMIT_USER_OUT ? pointer() : 0;
	a->in_stride = c->in_bytes;
	a->out_stride = 4ull * c->outputs;
}

static void fill(const struct call *c, uint8_t *arg, int *dmabuf)
{
	memset(arg, 0, c->bytes);
	if (c->request == AKIDA_IOC_BUFFER_CREATE && c->field->kind == END)
		memory_fields((struct akida_buffer_create *)arg, dmabuf);
	if (c->request == AKIDA_IOC_SUBMIT && c->field->kind == END)
		pointer_fields((struct akida_submit *)arg);
	if (c->request == AKIDA_IOC_PROGRAM_CREATE)
		program_fields((struct akida_program_create *)arg);
	for (const struct field *f = c->field; f->kind != END; f++) {
		uint64_t v = value(f->kind);

		memcpy(arg + f->off, &v, wide[f->kind] ? 8 : 4);
	}
	*(uint32_t *)arg = one_in(30) ? below(256) : (uint32_t)c->bytes;
	if (one_in(12))
		*(uint32_t *)(arg + 4) = (uint32_t)value(FLAGS);
}

static const struct call *choose(void)
{
	uint32_t sum = 0, at;

	for (size_t i = 0; i < CALLS; i++)
		sum += calls[i].weight;
	at = below(sum);
	for (size_t i = 0; i < CALLS; i++) {
		if (at < calls[i].weight)
			return &calls[i];
		at -= calls[i].weight;
	}
	return calls;
}

/* Handles that came out are used by later calls. */
static void learn(const struct call *c, const uint8_t *arg)
{
	switch (c->request) {
	case AKIDA_IOC_BUFFER_CREATE:
		keep(0, ((const struct akida_buffer_create *)arg)->handle);
		break;
	case AKIDA_IOC_PROGRAM_CREATE:
		keep(1, ((const struct akida_program_create *)arg)->handle);
		break;
	case AKIDA_IOC_BUFFER_EXPORT:
		close(((const struct akida_buffer_export *)arg)->dmabuf);
		break;
	case AKIDA_IOC_SUBMIT:
		w.submits++;
		break;
	case AKIDA_IOC_CONTEXT_CREATE:
		keep(2, ((const struct akida_context_create *)arg)->handle);
		break;
	}
}

static void one_ioctl(void)
{
	const struct call *c = choose();
	uint8_t arg[512] = {0};
	int r, dmabuf = -1;

	w.which = below(2);
	/* resets end the work of all: seldom, or nothing else would happen */
	if (c->request == AKIDA_IOC_RESET && !one_in(20))
		return;
	fill(c, arg, &dmabuf);
	if (one_in(40)) { /* numbers of other versions of the ABI */
		unsigned long other = AKIDA_IOC(below(0x20));

		*(uint32_t *)arg = 8 * below(30);
		r = ioctl(w.fd[w.which], other, arg);
		if (!r && other == AKIDA_IOC_BUFFER_EXPORT)
			close(((struct akida_buffer_export *)arg)->dmabuf);
	} else if (one_in(50)) { /* the struct itself at a bad place */
		r = ioctl(w.fd[w.which], one_in(2) ? c->request : c->request ^ 1ul << below(32), pointer());
	} else {
		r = ioctl(w.fd[w.which], c->request, arg);
		if (!r)
			learn(c, arg);
	}
	if (r < 0)
		w.by_errno[errno < 140 ? errno : 0]++;
	else
		w.good++;
	if (dmabuf >= 0)
		close(dmabuf);
	w.calls++;
}

/* Everything else one can do with a file. */
static void one_other(void)
{
	int fd = w.fd[w.which];
	struct pollfd p = {.fd = fd, .events = (short)any()};
	void *m;

	w.calls++;
	switch (below(6)) {
	case 0:
		m = mmap(NULL, 4096u * (1 + below(20)), (int)below(8), one_in(4) ? MAP_PRIVATE : MAP_SHARED, fd,
			 (off_t)handle(0) * 4096);
		if (m != MAP_FAILED && one_in(2)) /* else it stays until the process ends */
			munmap(m, 4096);
		return;
	case 1:
		if (read(fd, w.memory, below(4096)) < 0)
			return;
		return;
	case 2:
		if (write(fd, w.memory, below(4096)) < 0)
			return;
		return;
	case 3:
		poll(&p, 1, 0);
		return;
	case 4:
		lseek(fd, (off_t)bytes(), (int)below(4));
		return;
	default: /* seldom: handles begin anew */
		if (!one_in(8))
			return;
		close(w.fd[w.which]);
		memset(w.pool[w.which], 0, sizeof(w.pool[w.which]));
		w.fd[w.which] = open(guest_boards[w.board[w.which]].node, O_RDWR | O_CLOEXEC);
		CHECK(w.fd[w.which] >= 0);
	}
}

static uint64_t parameter(const char *name, uint64_t otherwise)
{
	char line[4096] = "", *at;
	FILE *f = fopen("/proc/cmdline", "r");

	if (!f)
		return otherwise;
	if (!fgets(line, sizeof(line), f))
		line[0] = 0;
	fclose(f);
	at = strstr(line, name);
	return at ? strtoull(at + strlen(name), NULL, 0) : otherwise;
}

static bool documented(int e)
{
	static const int known[] = {EINVAL,	E2BIG,	EFAULT,	   ENODEV,  ENOTTY, ENOENT, EBUSY,
				    EACCES,	EMFILE, EILSEQ,	   EBADMSG, ENOSPC, ENOMEM, ERANGE,
				    EOPNOTSUPP, EAGAIN, ETIMEDOUT, EINTR,   EPERM,  EIO,    EBADF};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i] == e)
			return true;
	return false;
}

static unsigned int worker_nr;
static void worker(void)
{
	uint64_t want = parameter("bed.fuzz=", 100000) / WORKERS;

	random_state = 0x9e3779b97f4a7c15ull * (parameter("bed.seed=", 1) * WORKERS + worker_nr + 1);
	w.memory = mmap(NULL, MEMORY + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(w.memory != MAP_FAILED && !mprotect(w.memory + MEMORY, 4096, PROT_NONE));
	for (unsigned int i = 0; i < 2; i++) {
		w.board[i] = worker_nr % 2 ? i : worker_nr / 2; /* both boards, or one with two files */
		w.program[i] = guest_small(w.board[i]);
		w.passes[i] = guest_ours("passes", w.board[i]);
		w.fd[i] = open(guest_boards[w.board[i]].node, O_RDWR | O_CLOEXEC);
		CHECK(w.fd[i] >= 0);
	}
	while (w.calls < want)
		if (one_in(20))
			one_other();
		else
			one_ioctl();
	printf("# fuzz %u: %llu calls, %llu without an error, %llu of them submits;", worker_nr,
	       (unsigned long long)w.calls, (unsigned long long)w.good, (unsigned long long)w.submits);
	for (int e = 0; e < 140; e++)
		if (w.by_errno[e])
			printf(" %s %llu", e ? strerrorname_np(e) : "?", (unsigned long long)w.by_errno[e]);
	printf("\n");
	/* The contract's errors and no others. */
	for (int e = 0; e < 140; e++)
		if (w.by_errno[e] && !documented(e))
			guest_fail(__FILE__, __LINE__, "errno %d was given", e);
	CHECK(w.good > want / 20 && w.submits > want / 200); /* or the grammar is none */
}

static void fuzz_calls_do_no_harm(void)
{
	pid_t pid[WORKERS];

	for (worker_nr = 0; worker_nr < WORKERS; worker_nr++) {
		fflush(stdout);
		pid[worker_nr] = fork();
		CHECK(pid[worker_nr] >= 0);
		if (!pid[worker_nr])
			_exit(guest_run_child("fuzz", worker) ? 0 : 1);
	}
	for (unsigned int i = 0; i < WORKERS; i++) {
		int status = -1;

		waitpid(pid[i], &status, 0);
		EQ(status, 0);
	}
}

static void fuzz_leaves_the_boards_working(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 6);
	}
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(fuzz_calls_do_no_harm);
	RUN(fuzz_leaves_the_boards_working);
	return 0;
}
