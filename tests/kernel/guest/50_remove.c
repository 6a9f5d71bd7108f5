// SPDX-License-Identifier: MIT
/*
 * The module taken from its device and back while files are open: unbind, removal of the PCI device, removal of a card that
 * is gone already, function-level reset, unloading while in use, and many cycles.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

#define REMOVE_NS 30000000000ll

static void next_open_works(unsigned int board)
{
	struct guest_job j;

	EQ(guest_find_boards(), 2);
	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 4);
}

static void remove_unbind_with_open_files_and_mappings(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j;
		struct akida_wait w;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 4);
		EQ(guest_bind(&guest_boards[board], false), 0);
		guest_everything_is_enodev(&j);
		/* results and mappings of before stay */
		EQ(guest_wait(&j, 1, GUEST_SHORT_NS, &w), 0);
		EQ(w.status, 0);
		CHECK(!memcmp(j.out.cpu, j.c->out, 4 * 4 * j.c->outputs));
		memset(j.in.cpu, 1, j.in.bytes);
		EQ(guest_bind(&guest_boards[board], true), 0);
		guest_everything_is_enodev(&j); /* the old file stays with the old device */
		next_open_works(board);
	}
}

/* In a child: queue work that hangs, tell the parent, wait for its end. */
static void waiter(unsigned int board, int ready)
{
	struct guest_job j;
	struct akida_wait w;
	uint64_t first, second;

	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 2);
	guest_config_set(&guest_boards[board], CTL_HANG, 1);
	first = guest_submit(&j, 2);
	second = guest_submit(&j, 2);
	usleep(100000);
	EQ(write(ready, "", 1), 1);
	EQ(guest_wait(&j, first, GUEST_LONG_NS, &w), 0);
	CHECK(w.status == -ENODEV || w.status == -EIO || w.status == -ETIMEDOUT);
	EQ(guest_wait(&j, second, GUEST_LONG_NS, &w), 0);
	EQ(w.status, -ENODEV);
}

static unsigned int waiter_board;
static int waiter_pipe;
static void waiter_test(void)
{
	waiter(waiter_board, waiter_pipe);
}

static pid_t start_waiter(unsigned int board)
{
	int p[2];
	char byte;
	pid_t pid;

	CHECK(!pipe(p));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		waiter_board = board;
		waiter_pipe = p[1];
		close(p[0]);
		_exit(guest_run_child("waiter", waiter_test) ? 0 : 1);
	}
	close(p[1]);
	EQ(read(p[0], &byte, 1), 1);
	close(p[0]);
	return pid;
}

static void waiter_ends(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	EQ(status, 0);
}

static void remove_unbind_wakes_waiters(void)
{
	int64_t t0 = guest_now_ns();
	pid_t pid = start_waiter(1);

	EQ(guest_bind(&guest_boards[1], false), 0);
	CHECK(guest_now_ns() - t0 < REMOVE_NS);
	waiter_ends(pid);
	guest_config_set(&guest_boards[1], CTL_HANG, 0);
	EQ(guest_bind(&guest_boards[1], true), 0);
	next_open_works(1);
}

/* As root does by hand, or a manager that thinks the card has gone wrong. */
static void remove_function_level_reset(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		uint32_t cycles = guest_config(&guest_boards[board], CTL_POWER_CYCLES);
		struct akida_submit s;
		struct guest_job j;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j, 4);
		EQ(guest_attr_write(&guest_boards[board], "reset", "1"), 0);
		CHECK(guest_config(&guest_boards[board], CTL_POWER_CYCLES) > cycles);
		s = guest_submit_args(&j, 1);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &s), -ENODEV);
		next_open_works(board);
	}
}

static void remove_of_the_pci_device_with_open_files(void)
{
	struct guest_job j, other;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_job(&other, guest_open(1), guest_small(1), 2);
	guest_run_and_compare(&j, 4);
	EQ(guest_attr_write(&guest_boards[0], "remove", "1"), 0);
	guest_everything_is_enodev(&j);
	guest_run_and_compare(&other, 4);
	EQ(guest_rescan(), 0);
	next_open_works(0);
}

/* The card answers nothing any more, work is queued, then the kernel is told. */
static void remove_of_a_card_that_is_gone(void)
{
	int64_t t0 = guest_now_ns();
	pid_t pid = start_waiter(0);

	guest_config_set(&guest_boards[0], CTL_ALL_ONES, 1);
	EQ(guest_bind(&guest_boards[0], false), 0);
	CHECK(guest_now_ns() - t0 < REMOVE_NS);
	waiter_ends(pid);
	guest_config_set(&guest_boards[0], CTL_HANG, 0);
	CHECK(guest_bind(&guest_boards[0], true) < 0 || !guest_find_boards() || !guest_boards[0].node[0]);
	guest_config_set(&guest_boards[0], CTL_ALL_ONES, 0);
	/* it lost its configuration as a card does that was out: the kernel finds it anew */
	EQ(guest_attr_write(&guest_boards[0], "remove", "1"), 0);
	EQ(guest_rescan(), 0);
	next_open_works(0);
}

static void remove_unload_in_use_is_refused(void)
{
	int fd = guest_open(0);

	CHECK(syscall(SYS_delete_module, "akida", O_NONBLOCK) < 0);
	CHECK(errno == EAGAIN || errno == EBUSY);
	(void)fd;
	next_open_works(0);
}

static void remove_bind_cycles_with_traffic(void)
{
	for (int i = 0; i < 4; i++) {
		for (unsigned int board = 0; board < 2; board++) {
			struct guest_job j;

			guest_job(&j, guest_open(board), guest_small(board), 4);
			for (int k = 0; k < 5; k++)
				guest_submit(&j, 24);
			EQ(guest_bind(&guest_boards[board], false), 0);
			close(j.fd);
			munmap(j.in.cpu, j.in.bytes);
			munmap(j.out.cpu, j.out.bytes);
			EQ(guest_bind(&guest_boards[board], true), 0);
			EQ(guest_find_boards(), 2);
		}
	}
	next_open_works(0);
	next_open_works(1);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(remove_unbind_with_open_files_and_mappings);
	RUN(remove_unbind_wakes_waiters);
	RUN(remove_function_level_reset);
	RUN(remove_of_the_pci_device_with_open_files);
	RUN(remove_of_a_card_that_is_gone);
	RUN(remove_unload_in_use_is_refused);
	RUN(remove_bind_cycles_with_traffic);
	return 0;
}
