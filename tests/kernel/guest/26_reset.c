// SPDX-License-Identifier: MIT
/* RESET: who may, what it ends, what works afterwards. */
#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

static void reset_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_reset, reserved0)};
	struct akida_reset r = {.size = sizeof(r)};

	guest_struct_rules(guest_open(0), AKIDA_IOC_RESET, &r, sizeof(r), 16, 0, reserved, 1);
}

static void reset_without_privilege_is_eperm(void)
{
	int fd = guest_open(0), status = -1;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		struct akida_reset r = {.size = sizeof(r)};

		if (setresuid(1000, 1000, 1000))
			_exit(2);
		_exit(guest_ioctl(fd, AKIDA_IOC_RESET, &r) == -EPERM ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	EQ(status, 0);
}

static void reset_starts_a_generation(void)
{
	struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct akida_reset r = {.size = sizeof(r)};
	struct akida_submit s;
	struct guest_job old, fresh;

	guest_job(&old, guest_open(0), guest_small(0), 2);
	guest_run_and_compare(&old, 2);
	EQ(guest_ioctl(old.fd, AKIDA_IOC_QUERY, &before), 0);
	EQ(guest_ioctl(old.fd, AKIDA_IOC_RESET, &r), 0);
	EQ(r.generation, before.generation + 1);
	EQ(guest_ioctl(old.fd, AKIDA_IOC_QUERY, &after), 0);
	EQ(after.generation, r.generation);
	EQ(after.resets, before.resets + 1);
	/* what was there before is over, its results stay */
	s = guest_submit_args(&old, 1);
	EQ(guest_ioctl(old.fd, AKIDA_IOC_SUBMIT, &s), -ENODEV);
	EQ(guest_wait(&old, 1, GUEST_SHORT_NS, NULL), 0);
	/* new contexts work, with the program and the buffers of before too */
	guest_job(&fresh, guest_open(0), guest_small(0), 2);
	guest_run_and_compare(&fresh, 4);
	old.context = guest_context(old.fd, old.program, 2);
	guest_run_and_compare(&old, 4);
}

static void reset_ends_what_is_queued(void)
{
	struct akida_reset r = {.size = sizeof(r)};
	struct akida_wait w;
	struct guest_job j;
	uint64_t seq[20];

	guest_job(&j, guest_open(1), guest_small(1), 2);
	for (int i = 0; i < 20; i++)
		seq[i] = guest_submit(&j, 24);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_RESET, &r), 0);
	for (int i = 0; i < 20; i++) {
		EQ(guest_wait(&j, seq[i], GUEST_LONG_NS, &w), 0);
		CHECK(w.status == 0 || w.status == -ENODEV);
	}
	EQ(w.status, -ENODEV);
}

static void reset_leaves_the_other_board_alone(void)
{
	struct akida_reset r = {.size = sizeof(r)};
	struct guest_job j;

	guest_job(&j, guest_open(1), guest_small(1), 2);
	EQ(guest_ioctl(guest_open(0), AKIDA_IOC_RESET, &r), 0);
	guest_run_and_compare(&j, 4);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(reset_follows_the_struct_rules);
	RUN(reset_without_privilege_is_eperm);
	RUN(reset_starts_a_generation);
	RUN(reset_ends_what_is_queued);
	RUN(reset_leaves_the_other_board_alone);
	return 0;
}
