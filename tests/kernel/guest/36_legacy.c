// SPDX-License-Identifier: MIT
/* The vendor module's read, write and mmap: off unless asked for, who may, exclusive, ranges to the byte, what goes on after. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define CORE 0xfcc00000ll
#define MESH1 0x50u

static unsigned int akd1000, akd1500;	    /* which board is which */
static void *volatile nowhere = (void *)16; /* volatile: the compiler refuses to pass what it knows to be no memory */

static int64_t get(int fd, void *to, size_t n, int64_t at)
{
	ssize_t r = pread(fd, to, n, (off_t)at);

	return r < 0 ? -errno : r;
}

static int64_t put(int fd, const void *from, size_t n, int64_t at)
{
	ssize_t r = pwrite(fd, from, n, (off_t)at);

	return r < 0 ? -errno : r;
}

/* MAP_FAILED, with errno. */
static void *map(int fd, size_t n, int64_t at, int flags)
{
	return mmap(NULL, n, PROT_READ | PROT_WRITE, flags, fd, (off_t)at);
}

static void legacy_is_off_unless_asked_for(void)
{
	struct akida_query q = {.size = sizeof(q)};
	int fd = guest_open(0);
	uint32_t v;

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	EQ(q.caps & AKIDA_CAP_LEGACY, 0);
	CHECK(read(fd, &v, 4) < 0 && errno == EINVAL);
	CHECK(write(fd, &v, 4) < 0 && errno == EINVAL);
	CHECK(get(fd, &v, 4, 0x24000000) < 0);
	CHECK(lseek(fd, 0, SEEK_SET) < 0 && errno == ESPIPE);
	CHECK(map(fd, 4096, 0, MAP_SHARED) == MAP_FAILED && errno == ENOENT);
}

static void legacy_comes_with_the_parameter(void)
{
	struct akida_query q = {.size = sizeof(q)};

	EQ(guest_reload("legacy=1"), 0);
	akd1000 = guest_boards[0].device == 0xa500;
	akd1500 = !akd1000;
	EQ(guest_ioctl(guest_open(0), AKIDA_IOC_QUERY, &q), 0);
	CHECK(q.caps & AKIDA_CAP_LEGACY);
}

static void round_trip(int fd, int64_t at, size_t n, size_t shift)
{
	uint8_t *a = malloc(n + shift), *b = malloc(n + shift + 16);

	CHECK(a && b);
	for (size_t i = 0; i < n + shift; i++)
		a[i] = (uint8_t)(i * 7 + i / 251 + (size_t)at);
	memset(b, 0x5a, n + shift + 16);
	EQ(put(fd, a + shift, n, at), n);
	EQ(get(fd, b + shift, n, at), n);
	CHECK(!memcmp(a + shift, b + shift, n));
	for (size_t i = 0; i < shift; i++)
		EQ(b[i], 0x5a);
	for (size_t i = n + shift; i < n + shift + 16; i++)
		EQ(b[i], 0x5a);
	free(a);
	free(b);
}

static void legacy_moves_memory(void)
{
	static const size_t sizes[] = {1, 3, 4, 31, 1023, 1024, 1025, 4096, 65537, 300000};
	int a = guest_open(akd1000), b = guest_open(akd1500);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		round_trip(a, 0x24000000 + (int64_t)i, sizes[i], i % 5);
		round_trip(b, 0x20000100 + (int64_t)i, sizes[i], i % 3);
	}
	round_trip(a, 0x24100003, 3 << 20, 1); /* several steps of the module */
	round_trip(b, 0x20000100, 0xfdf00, 2); /* all there is below our lists */
}

static void legacy_mebibyte_takes_few_doorbells(void)
{
	uint8_t *p = calloc(1, 1 << 20);

	CHECK(p);
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
		size_t n = board == akd1000 ? 1 << 20 : 0xfdf00;
		int fd = guest_open(board);

		EQ(put(fd, p, 16, 0x20000200 + 0x4000000 * (board == akd1000)), 16);
		EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &before), 0);
		EQ(put(fd, p, n, board == akd1000 ? 0x24000000 : 0x20000100), n);
		EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &after), 0);
		CHECK(after.doorbells > before.doorbells && after.doorbells - before.doorbells <= 4);
		CHECK(after.interrupts - before.interrupts <= 4);
	}
	free(p);
}

static void legacy_position_moves(void)
{
	int fd = guest_open(akd1500);
	uint32_t v[2] = {0x11223344, 0x55667788}, got = 0;

	EQ(lseek(fd, 0x20001000, SEEK_SET), 0x20001000);
	EQ(write(fd, v, 8), 8);
	EQ(lseek(fd, 0, SEEK_CUR), 0x20001008);
	EQ(lseek(fd, -4, SEEK_CUR), 0x20001004);
	EQ(read(fd, &got, 4), 4);
	EQ(got, 0x55667788);
	EQ(lseek(fd, 0, SEEK_CUR), 0x20001008);
	CHECK(lseek(fd, 0, SEEK_END) < 0 && errno == EINVAL);
	EQ(read(fd, &got, 0), 0);
}

static void legacy_ranges(void)
{
	int a = guest_open(akd1000), b = guest_open(akd1500);
	uint8_t v[64] = {0};
	int fd[2] = {a, b};

	for (int i = 0; i < 2; i++) {
		/* what the vendor's lists take, to the byte */
		EQ(put(fd[i], v, 1, 0x20000000), -EINVAL);
		EQ(put(fd[i], v, 1, 0x200000ff), -EINVAL);
		EQ(get(fd[i], v, 2, 0x200000ff), -EINVAL);
		EQ(put(fd[i], v, 16, 0x20000100), 16);
		EQ(put(fd[i], v, 64, 0x1ffffff0), -EINVAL);
		/* the end of the address space, with and without overflow */
		EQ(put(fd[i], v, 32, 0xfffffff0ll), -EINVAL);
		EQ(put(fd[i], v, 1, 0x100000000ll), -EINVAL);
		EQ(get(fd[i], v, 1, 0x7fffffffffffff00ll), -EINVAL);
		EQ(get(fd[i], v, 1, -1), -EINVAL);
		/* memory that is not the caller's */
		EQ(put(fd[i], nowhere, 16, 0x20000200), -EFAULT);
		EQ(get(fd[i], nowhere, 16, 0x20000200), -EFAULT);
	}
	/* our lists */
	EQ(put(a, v, 16, 0x203efff0), 16);
	EQ(put(a, v, 17, 0x203efff0), -EINVAL);
	EQ(put(a, v, 1, 0x203fffff), -EINVAL);
	EQ(put(a, v, 16, 0x20400000), 16);
	EQ(put(b, v, 16, 0x200fdff0), 16);
	EQ(put(b, v, 17, 0x200fdff0), -EINVAL);
	EQ(get(b, v, 1, 0x200fffff), -EINVAL);
	/* the DMA engine and the address windows of an AKD1000 */
	EQ(put(a, v, 4, 0xf8c00970ll), -EINVAL);
	EQ(get(a, v, 4, 0xf8c00000ll), -EINVAL);
	EQ(put(a, v, 16, 0xf8bffff8ll), -EINVAL);
	EQ(get(a, v, 1, 0xf8ffffffll), -EINVAL);
	round_trip(a, 0x24000000, 64, 0);
	round_trip(b, 0x20000100, 64, 0);
}

static void legacy_needs_a_right(void)
{
	int fd = guest_open(0), status;
	pid_t pid = fork();

	if (!pid) {
		uint8_t v[4] = {0};
		int bad = setuid(1234) ? 1 : 0;

		bad |= put(fd, v, 4, 0x20000200) != -EPERM ? 2 : 0;
		bad |= get(fd, v, 4, 0x20000200) != -EPERM ? 4 : 0;
		bad |= map(fd, 4096, guest_boards[0].device == 0xa500 ? CORE : 0, MAP_SHARED) != MAP_FAILED ? 8 : 0;
		_exit(bad);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
}

/* Our way to the board works; nothing of it, mappings of buffers neither, stays. */
static void works_our_way(unsigned int board)
{
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 4);
	guest_run_and_compare(&j, 8);
	munmap(j.in.cpu, (size_t)j.in.bytes);
	munmap(j.out.cpu, (size_t)j.out.bytes);
	guest_close(j.fd);
}

/* One file has the board; ours wait outside, and go on when it is closed. */
static void legacy_is_exclusive(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_context_create c = {.size = sizeof(c), .eventfd = -1};
		struct akida_query q = {.size = sizeof(q)};
		int fd = guest_open(board), other = guest_open(board), ours = guest_open(board);
		uint8_t v[4] = {0};

		c.program = guest_program(ours, guest_small(board));
		EQ(put(fd, v, 4, 0x20000200), 4);
		EQ(put(other, v, 4, 0x20000200), -EBUSY);
		CHECK(map(other, 4096, board == akd1500 ? CORE : 0, MAP_SHARED) == MAP_FAILED && errno == EBUSY);
		EQ(guest_ioctl(ours, AKIDA_IOC_CONTEXT_CREATE, &c), -EBUSY);
		EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &c), -ENOENT); /* a program of another file */
		EQ(guest_ioctl(other, AKIDA_IOC_QUERY, &q), 0);
		guest_close(fd);
		EQ(put(other, v, 4, 0x20000200), 4);
		guest_close(other);
		EQ(guest_ioctl(ours, AKIDA_IOC_CONTEXT_CREATE, &c), 0);
		fd = guest_open(board);
		EQ(put(fd, v, 4, 0x20000200), -EBUSY);
		guest_close(ours);
		EQ(put(fd, v, 4, 0x20000200), 4);
		/* a file that has made something of ours */
		ours = guest_open(board);
		guest_program(ours, guest_small(board));
		EQ(put(ours, v, 4, 0x20000200), -EINVAL);
		CHECK(map(ours, 4096, 0, MAP_SHARED) == MAP_FAILED && errno == ENOENT);
		guest_close(fd);
		works_our_way(board);
	}
}

static void legacy_maps_registers(void)
{
	uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE), v = 0x01020304, got = 0;
	int a = guest_open(akd1000), b = guest_open(akd1500);
	volatile uint32_t *r;

	r = map(a, 0x100000, 0, MAP_SHARED);
	CHECK(r != MAP_FAILED);
	EQ(r[MESH1 / 4], 0x03030505);
	CHECK(!munmap((void *)r, 0x100000));
	r = map(a, page, 0x400000 - page, MAP_SHARED);
	CHECK(r != MAP_FAILED);
	CHECK(!munmap((void *)r, page));
	CHECK(map(a, page, 0x400000, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
	CHECK(map(a, 2 * page, 0x400000 - page, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
	CHECK(map(a, page, 0, MAP_PRIVATE) == MAP_FAILED && errno == EINVAL);
	r = map(b, 0x100000, CORE, MAP_SHARED);
	CHECK(r != MAP_FAILED);
	EQ(r[0], 0xbca10309);
	EQ(r[MESH1 / 4], 0x01010303);
	CHECK(!munmap((void *)r, 0x100000));
	r = map(b, 0x100000, 0x20000000, MAP_SHARED);
	CHECK(r != MAP_FAILED);
	EQ(put(b, &v, 4, 0x20002000), 4);
	EQ(r[0x2000 / 4], v);
	r[0x2004 / 4] = 77;
	EQ(get(b, &got, 4, 0x20002004), 4);
	EQ(got, 77);
	CHECK(!munmap((void *)r, 0x100000));
	CHECK(map(b, page, CORE - page, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
	CHECK(map(b, page, 0, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
	CHECK(map(b, page, 0x20000000 - page, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
	CHECK(map(b, page, 0xf8c00000ll, MAP_SHARED) == MAP_FAILED && errno == EINVAL);
}

/* The signal a touch gives, or 0. */
static int touch(volatile uint32_t *p)
{
	pid_t pid = fork();
	int status = 0;

	if (!pid) {
		(void)*p;
		_exit(0);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void legacy_lists_are_not_mapped(void)
{
	int b = guest_open(akd1500);
	volatile uint32_t *r = map(b, 0x100000, 0x20000000, MAP_SHARED);

	CHECK(r != MAP_FAILED);
	EQ(touch(r), 0);
	EQ(touch(r + 0xffffc / 4), SIGBUS);
	EQ(touch(r + 0xfe000 / 4), SIGBUS);
	CHECK(!munmap((void *)r, 0x100000));
}

/* The board goes while it is mapped: no access reaches where it was, calls say so, the next one works. */
static void legacy_board_removed(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		int fd = guest_open(board);
		volatile uint32_t *r = map(fd, 4096, board == akd1500 ? CORE : 0, MAP_SHARED);
		uint8_t v[4] = {0};

		CHECK(r != MAP_FAILED);
		CHECK(r[MESH1 / 4]);
		EQ(touch(r + MESH1 / 4), 0);
		EQ(guest_bind(&guest_boards[board], false), 0);
		EQ(touch(r + MESH1 / 4), SIGBUS);
		EQ(put(fd, v, 4, 0x20000200), -ENODEV);
		CHECK(map(fd, 4096, board == akd1500 ? CORE : 0, MAP_SHARED) == MAP_FAILED);
		CHECK(!munmap((void *)r, 4096));
		guest_close(fd);
		EQ(guest_bind(&guest_boards[board], true), 0);
		EQ(guest_rescan(), 0);
		akd1000 = guest_boards[0].device == 0xa500;
		akd1500 = !akd1000;
		works_our_way(board);
	}
}

static void legacy_transfer_that_fails_is_eio(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		int fd = guest_open(board);
		uint8_t v[64] = {0};
		int64_t err;

		EQ(put(fd, v, 64, 0x20000200), 64);
		guest_config_set(&guest_boards[board], CTL_FAIL_DMA, 1);
		EQ(put(fd, v, 64, 0x20000200), -EIO);
		guest_config_set(&guest_boards[board], CTL_STUCK_DMA, 1);
		err = get(fd, v, 64, 0x20000200);
		CHECK(err == -ETIMEDOUT || err == -EIO);
		EQ(put(fd, v, 64, 0x20000200), 64);
	}
}

static void legacy_goes_with_the_module(void)
{
	struct akida_query q = {.size = sizeof(q)};

	EQ(guest_reload(""), 0);
	EQ(guest_ioctl(guest_open(0), AKIDA_IOC_QUERY, &q), 0);
	EQ(q.caps & AKIDA_CAP_LEGACY, 0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(legacy_is_off_unless_asked_for);
	RUN(legacy_comes_with_the_parameter);
	RUN(legacy_moves_memory);
	RUN(legacy_mebibyte_takes_few_doorbells);
	RUN(legacy_position_moves);
	RUN(legacy_ranges);
	RUN(legacy_needs_a_right);
	RUN(legacy_is_exclusive);
	RUN(legacy_maps_registers);
	RUN(legacy_lists_are_not_mapped);
	RUN(legacy_board_removed);
	RUN(legacy_transfer_that_fails_is_eio);
	RUN(legacy_goes_with_the_module);
	return 0;
}
