// SPDX-License-Identifier: MIT
/* Memory that is not the device's: the caller's own, pinned, and dma-bufs. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define PAGE 4096u

static uint8_t *pages(uint32_t count, int prot)
{
	void *p = mmap(NULL, (size_t)count * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static int create(int fd, uint32_t flags, const void *ptr, int dmabuf, uint64_t bytes, uint32_t *handle)
{
	struct akida_buffer_create a = {
		.size = sizeof(a), .flags = flags, .bytes = bytes, .dmabuf = dmabuf, .user_ptr = (uintptr_t)ptr};
	int err = guest_ioctl(fd, AKIDA_IOC_BUFFER_CREATE, &a);

	if (!err) {
		EQ(a.mmap_offset, 0);
		EQ(a.bytes, bytes);
		*handle = a.handle;
	}
	return err;
}

static int export(int fd, uint32_t handle, int *dmabuf)
{
	struct akida_buffer_export a = {.size = sizeof(a), .handle = handle};
	int err = guest_ioctl(fd, AKIDA_IOC_BUFFER_EXPORT, &a);

	*dmabuf = a.dmabuf;
	return err;
}

static int destroy(int fd, uint32_t handle)
{
	struct akida_destroy d = {.size = sizeof(d), .handle = handle};

	return guest_ioctl(fd, AKIDA_IOC_BUFFER_DESTROY, &d);
}

static void expect(const struct guest_case *c, const int32_t *got, uint32_t frames)
{
	for (uint32_t i = 0; i < frames * c->outputs; i++)
		if (got[i] != c->out[i])
			guest_fail(__FILE__, __LINE__, "output %u is %d; virtual: gave %d", i, got[i], c->out[i]);
}

static void run(const struct guest_job *j, struct akida_submit *s, int status)
{
	struct akida_wait w;

	EQ(guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, s), 0);
	EQ(guest_wait(j, s->seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, status);
}

/* Any alignment; the bytes around the outputs stay. */
static void memory_of_the_caller_is_a_buffer(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;
		struct akida_submit s;
		uint32_t in_bytes, out_bytes;
		uint8_t *in, *out;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		in_bytes = 4 * j.c->in_bytes;
		out_bytes = 16 * j.c->outputs;
		in = pages(in_bytes / PAGE + 2, PROT_READ | PROT_WRITE) + PAGE - 5;
		out = pages(out_bytes / PAGE + 2, PROT_READ | PROT_WRITE) + PAGE - 12;
		memcpy(in, j.c->in, in_bytes);
		memset(out - 4, 0x5a, out_bytes + 8);
		s = guest_submit_args(&j, 4);
		EQ(create(j.fd, AKIDA_BUFFER_USER | AKIDA_BUFFER_READ_ONLY, in, 0, in_bytes, &s.in_handle), 0);
		EQ(create(j.fd, AKIDA_BUFFER_USER, out, 0, out_bytes, &s.out_handle), 0);
		run(&j, &s, 0);
		expect(j.c, (int32_t *)(void *)out, 4);
		for (int i = 1; i <= 4; i++) {
			EQ(out[-i], 0x5a);
			EQ(out[out_bytes + (uint32_t)i - 1], 0x5a);
		}
		s.in_offset = 1;
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ERANGE);
		s.in_offset = 0;
		s.out_handle = s.in_handle;
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EACCES);
		EQ(destroy(j.fd, s.in_handle), 0);
	}
}

static void memory_by_pointer_in_the_submit(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;
		struct akida_submit s;
		uint8_t *in;
		int32_t *out;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		in = pages(6 * j.c->in_bytes / PAGE + 2, PROT_READ | PROT_WRITE) + 3;
		out = (int32_t *)(void *)pages(24 * j.c->outputs / PAGE + 2, PROT_READ | PROT_WRITE) + 1;
		memcpy(in, j.c->in, 6 * j.c->in_bytes);
		for (uint32_t flags = 1; flags <= 3; flags++) {
			memset(out, 0x5a, 24 * j.c->outputs);
			memset(j.out.cpu, 0x5a, 24 * j.c->outputs);
			s = guest_submit_args(&j, 6);
			s.flags = flags;
			if (flags & AKIDA_SUBMIT_USER_IN) {
				s.in_handle = 0;
				s.in_offset = (uintptr_t)in;
			}
			if (flags & AKIDA_SUBMIT_USER_OUT) {
				s.out_handle = 0;
				s.out_offset = (uintptr_t)out;
			}
			run(&j, &s, 0);
			expect(j.c, flags & AKIDA_SUBMIT_USER_OUT ? out : j.out.cpu, 6);
		}
		/* pages that are gone before the work is done: they were pinned */
		s = guest_submit_args(&j, 6);
		s.flags = AKIDA_SUBMIT_USER_IN;
		s.in_handle = 0;
		s.in_offset = (uintptr_t)in;
		memset(j.out.cpu, 0x5a, 24 * j.c->outputs);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), 0);
		munmap(in - 3, (6 * j.c->in_bytes / PAGE + 2) * PAGE);
		EQ(guest_wait(&j, s.seq, GUEST_LONG_NS, NULL), 0);
		expect(j.c, j.out.cpu, 6);
	}
}

static void memory_bad_pointers_are_refused(void)
{
	struct akida_submit s, good;
	struct guest_job j;
	uint32_t handle;
	uint8_t *p = pages(2, PROT_READ);
	int fd;

	CHECK(!mprotect(p + PAGE, PAGE, PROT_NONE));
	guest_job(&j, guest_open(0), guest_small(0), 2);
	fd = j.fd;
	EQ(create(fd, AKIDA_BUFFER_USER, NULL, 0, PAGE, &handle), -EFAULT);
	EQ(create(fd, AKIDA_BUFFER_USER | AKIDA_BUFFER_READ_ONLY, p, 0, PAGE + 1, &handle), -EFAULT);
	EQ(create(fd, AKIDA_BUFFER_USER, p, 0, PAGE, &handle), -EFAULT); /* not writable */
	EQ(create(fd, AKIDA_BUFFER_USER, (void *)~0ul, 0, PAGE, &handle), -EFAULT);
	EQ(create(fd, AKIDA_BUFFER_USER | AKIDA_BUFFER_DMABUF, p, 1, PAGE, &handle), -EINVAL);
	EQ(create(fd, AKIDA_BUFFER_READ_ONLY, NULL, 0, PAGE, &handle), -EINVAL);
	EQ(create(fd, 0, p, 0, PAGE, &handle), -EINVAL);
	EQ(create(fd, AKIDA_BUFFER_USER, p, 0, 0, &handle), -EINVAL);
	good = guest_submit_args(&j, 1);
	good.flags = AKIDA_SUBMIT_USER_OUT;
	s = good; /* a handle, too */
	EQ(guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	good.out_handle = 0;
	s = good;
	s.out_offset = (uintptr_t)p;
	EQ(guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s), -EFAULT);
	s = good;
	s.out_offset = (uintptr_t)p + 2;
	EQ(guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	s = good;
	s.out_stride = 1ull << 40;
	s.count = 2;
	EQ(guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s), -ERANGE);
	s = good;
	s.flags |= 1u << 9;
	EQ(guest_ioctl(fd, AKIDA_IOC_SUBMIT, &s), -EINVAL);
	munmap(p, 2 * PAGE);
}

/* In a child, as somebody who has no rights: RLIMIT_MEMLOCK holds, and what was unpinned counts no more. */
static void memory_is_counted(void)
{
	int status, fd = guest_open(0);
	uint8_t *p = pages(16, PROT_READ | PROT_WRITE);
	pid_t pid = fork();

	if (!pid) {
		struct rlimit r = {8 * PAGE, 8 * PAGE};
		uint32_t h;
		int bad = 0;

		bad |= setrlimit(RLIMIT_MEMLOCK, &r) || setuid(1234) ? 1 : 0;
		bad |= create(fd, AKIDA_BUFFER_USER, p, 0, 9 * PAGE, &h) != -ENOMEM ? 2 : 0;
		for (int i = 0; i < 3; i++) {
			bad |= create(fd, AKIDA_BUFFER_USER, p, 0, 8 * PAGE, &h) ? 4 : 0;
			bad |= create(fd, AKIDA_BUFFER_USER, p, 0, 1, &h) != -ENOMEM ? 8 : 0;
			bad |= destroy(fd, h) ? 16 : 0;
		}
		_exit(bad);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
	munmap(p, 16 * PAGE);
}

static void memory_export_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_buffer_export, dmabuf)};
	struct akida_buffer_export a = {.size = sizeof(a), .handle = 0x7ffffff0};

	guest_struct_rules(guest_open(0), AKIDA_IOC_BUFFER_EXPORT, &a, sizeof(a), 16, -ENOENT, reserved, 1);
}

/* The buffers of one board, used by the other, and alive without their file. */
static void memory_is_shared_between_boards(void)
{
	struct guest_buffer in, out;
	struct guest_job j;
	struct akida_submit s;
	int owner = guest_open(0), dma_in, dma_out;
	int32_t *seen;

	guest_job(&j, guest_open(1), guest_small(1), 2);
	guest_buffer(owner, j.in.bytes, &in);
	guest_buffer(owner, j.out.bytes, &out);
	memcpy(in.cpu, j.c->in, 4 * j.c->in_bytes);
	memset(out.cpu, 0x5a, 16 * j.c->outputs);
	EQ(export(owner, in.handle, &dma_in), 0);
	EQ(export(owner, out.handle, &dma_out), 0);
	EQ(destroy(owner, in.handle), 0);
	s = guest_submit_args(&j, 4);
	EQ(create(j.fd, AKIDA_BUFFER_DMABUF | AKIDA_BUFFER_READ_ONLY, NULL, dma_in, in.bytes, &s.in_handle), 0);
	EQ(create(j.fd, AKIDA_BUFFER_DMABUF, NULL, dma_out, out.bytes, &s.out_handle), 0);
	seen = mmap(NULL, out.bytes, PROT_READ, MAP_SHARED, dma_out, 0);
	CHECK(seen != MAP_FAILED);
	close(dma_in);
	close(dma_out);
	run(&j, &s, 0);
	expect(j.c, seen, 4);
	expect(j.c, out.cpu, 4);
	munmap(seen, out.bytes);
	EQ(export(j.fd, s.in_handle, &dma_in), -EINVAL);
	s.out_handle = s.in_handle;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -EACCES);
}

static void memory_bad_dmabufs_are_refused(void)
{
	struct guest_buffer b;
	uint32_t handle;
	int fd = guest_open(0), dma, event = eventfd(0, 0);

	guest_buffer(fd, PAGE, &b);
	EQ(export(fd, b.handle, &dma), 0);
	EQ(create(fd, AKIDA_BUFFER_DMABUF, NULL, dma, PAGE + 1, &handle), -ERANGE);
	EQ(create(fd, AKIDA_BUFFER_DMABUF, NULL, 9999, PAGE, &handle), -EBADF);
	EQ(create(fd, AKIDA_BUFFER_DMABUF, NULL, event, PAGE, &handle), -EINVAL);
	EQ(create(fd, 0, NULL, dma, PAGE, &handle), -EINVAL);
	EQ(create(fd, AKIDA_BUFFER_DMABUF, NULL, dma, PAGE, &handle), 0); /* its own */
	EQ(export(fd, 0, &dma), -ENOENT);
	close(event);
}

/* The boards go while their memory is shared: what is left can be read, and is freed with its last user. */
static void memory_shared_outlives_the_board(void)
{
	struct guest_buffer b;
	uint8_t *page = pages(1, PROT_READ | PROT_WRITE);
	uint32_t imported, pinned;
	int owner = guest_open(0), user = guest_open(1), dma;

	guest_buffer(owner, PAGE, &b);
	memset(b.cpu, 0x77, PAGE);
	EQ(export(owner, b.handle, &dma), 0);
	EQ(create(user, AKIDA_BUFFER_DMABUF, NULL, dma, PAGE, &imported), 0);
	EQ(create(user, AKIDA_BUFFER_USER, page, 0, PAGE, &pinned), 0);
	for (int i = 0; i < 2; i++)
		EQ(guest_bind(&guest_boards[i], false), 0);
	EQ(((uint8_t *)b.cpu)[PAGE - 1], 0x77);
	EQ(create(user, AKIDA_BUFFER_USER, page, 0, PAGE, &pinned), -ENODEV);
	close(dma);
	for (int i = 0; i < 2; i++)
		EQ(guest_bind(&guest_boards[i], true), 0);
	EQ(guest_rescan(), 0);
	munmap(page, PAGE);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(memory_of_the_caller_is_a_buffer);
	RUN(memory_by_pointer_in_the_submit);
	RUN(memory_bad_pointers_are_refused);
	RUN(memory_is_counted);
	RUN(memory_export_follows_the_struct_rules);
	RUN(memory_is_shared_between_boards);
	RUN(memory_bad_dmabufs_are_refused);
	RUN(memory_shared_outlives_the_board);
	return 0;
}
