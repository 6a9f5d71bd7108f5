// SPDX-License-Identifier: MIT
/* Suspend and resume (the kernel's own test mode, so that nothing has to wake the machine), and errors on the link. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static void next_open_works(unsigned int board)
{
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 4);
}

/* Devices are suspended, five seconds pass, devices resume. */
static void suspend_and_resume_with_queued_work(void)
{
	struct guest_job j[2];
	struct akida_wait w;
	uint64_t seq[2];

	if (put("/sys/power/pm_test", "devices"))
		guest_skip("no /sys/power/pm_test in this kernel");
	for (unsigned int board = 0; board < 2; board++) {
		guest_job(&j[board], guest_open(board), guest_small(board), 2);
		guest_run_and_compare(&j[board], 2);
		for (int i = 0; i < 10; i++)
			seq[board] = guest_submit(&j[board], 24);
	}
	EQ(put("/sys/power/state", "freeze"), 0);
	for (unsigned int board = 0; board < 2; board++) {
		for (uint64_t i = 2; i <= seq[board]; i++) {
			EQ(guest_wait(&j[board], i, GUEST_LONG_NS, &w), 0);
			CHECK(w.status == 0 || w.status == -ENODEV);
			if (!w.status)
				CHECK(!memcmp(j[board].out.cpu, j[board].c->out, 4 * j[board].c->outputs));
		}
		next_open_works(board);
	}
	put("/sys/power/pm_test", "none");
}

/* The root port's driver must be there to hear of it. */
static void link_error(const struct guest_board *b, uint32_t kind)
{
	char root[128];

	snprintf(root, sizeof(root), "%s/../aer_rootport_total_err_fatal", b->path);
	if (access(root, R_OK))
		guest_skip("this kernel does not own error reporting of the root ports");
	guest_config_set(b, 0x78, guest_config(b, 0x78) | 0xf); /* report all kinds */
	guest_config_set(b, CTL_LINK_ERROR, kind);
}

static void link_errors(uint32_t kind)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct guest_job j, other;
		struct akida_wait w;
		uint64_t seq;

		guest_job(&j, guest_open(board), guest_small(board), 2);
		guest_job(&other, guest_open(!board), guest_small(!board), 2);
		guest_run_and_compare(&j, 2);
		seq = guest_submit(&j, 24);
		link_error(&guest_boards[board], kind);
		EQ(guest_wait(&j, seq, GUEST_LONG_NS / 2, &w), 0);
		CHECK(w.status == 0 || w.status == -EIO || w.status == -ENODEV || w.status == -ETIMEDOUT);
		guest_run_and_compare(&other, 4);
		sleep(5); /* recovery is done by the kernel's threads */
		/*
		 * QEMU's root port does not show an active link after its reset, so the kernel gives up on a fatal error,
		 * tells nobody and leaves the device unconfigured: the module must be of use again once it is found anew.
		 */
		if (kind > 1) {
			EQ(guest_attr_write(&guest_boards[board], "remove", "1"), 0);
			EQ(guest_rescan(), 0);
		}
		next_open_works(board);
	}
}

static void link_uncorrectable_error_is_survived(void)
{
	link_errors(1);
}

static void link_fatal_error_ends_waits_and_a_rescan_works(void)
{
	link_errors(2);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(suspend_and_resume_with_queued_work);
	RUN(link_uncorrectable_error_is_survived);
	RUN(link_fatal_error_ends_waits_and_a_rescan_works);
	return 0;
}
