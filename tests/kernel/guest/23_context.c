// SPDX-License-Identifier: MIT
/* CONTEXT_CREATE, CONTEXT_DESTROY and eventfd. */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "guest.h"

static int destroy(int fd, uint32_t handle)
{
	struct akida_destroy d = {.size = sizeof(d), .handle = handle};

	return guest_ioctl(fd, AKIDA_IOC_CONTEXT_DESTROY, &d);
}

static void context_follows_the_struct_rules(void)
{
	static const size_t create_reserved[] = {offsetof(struct akida_context_create, priority)};
	static const size_t destroy_reserved[] = {offsetof(struct akida_destroy, reserved0)};
	struct akida_context_create a = {.size = sizeof(a), .eventfd = -1};
	struct akida_destroy d = {.size = sizeof(d), .handle = 0x7ffffff0};
	int fd = guest_open(0);

	a.program = guest_program(fd, guest_small(0));
	guest_struct_rules(fd, AKIDA_IOC_CONTEXT_CREATE, &a, sizeof(a), 40, 0, create_reserved, 1);
	guest_struct_rules(fd, AKIDA_IOC_CONTEXT_DESTROY, &d, sizeof(d), 16, -ENOENT, destroy_reserved, 1);
}

static void context_bad_arguments_are_refused(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_context_create good = {.size = sizeof(good), .eventfd = -1}, a;
	int fd = guest_open(0), other = guest_open(0);

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	good.program = guest_program(fd, guest_small(0));
	a = good;
	a.program = 0;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -ENOENT);
	a = good;
	EQ(guest_ioctl(other, AKIDA_IOC_CONTEXT_CREATE, &a), -ENOENT);
	a = good;
	a.batch = q.max_batch + 1;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -EINVAL);
	a = good;
	a.batch = q.max_batch;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), 0);
	EQ(a.generation, q.generation);
	a = good;
	a.flags = AKIDA_CONTEXT_EVENTFD;
	a.eventfd = 9999;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -EBADF);
	a = good;
	a.flags = AKIDA_CONTEXT_EVENTFD;
	a.eventfd = fd; /* a file, and no eventfd */
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -EINVAL);
	EQ(destroy(fd, 0), -ENOENT);
	EQ(destroy(fd, 0x12345678), -ENOENT);
}

static void context_handle_limit_is_enospc(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_context_create a = {.size = sizeof(a), .eventfd = -1};
	int fd = guest_open(0), err = 0;
	uint32_t n = 0;

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	a.program = guest_program(fd, guest_small(0));
	while (n <= q.max_handles && !(err = guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a)))
		n++;
	EQ(n, q.max_handles);
	EQ(err, -ENOSPC);
}

static void context_signals_its_eventfd_once_per_submit(void)
{
	struct akida_context_create a = {.size = sizeof(a), .flags = AKIDA_CONTEXT_EVENTFD};
	uint64_t count = 0, seq = 0;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 1);
	a.program = j.program;
	a.eventfd = eventfd(0, EFD_NONBLOCK);
	CHECK(a.eventfd >= 0);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CONTEXT_CREATE, &a), 0);
	j.context = a.handle;
	for (int i = 0; i < 3; i++)
		seq = guest_submit(&j, 4);
	EQ(guest_wait(&j, seq, GUEST_LONG_NS, NULL), 0);
	for (int i = 0; i < 1000 && count < 3; i++) { /* the signal follows the wake-up closely, not before it */
		uint64_t n;

		if (read(a.eventfd, &n, sizeof(n)) == sizeof(n))
			count += n;
		else
			usleep(10000);
	}
	EQ(count, 3);
	EQ(destroy(j.fd, a.handle), 0);
	close(a.eventfd);
}

/* Destroying a context with queued work: the work ends or is dropped, buffers are free again, others go on. */
static void context_destroyed_with_work_frees_its_buffers(void)
{
	struct akida_destroy d = {.size = sizeof(d)};
	struct guest_job j, k;
	int err = -EBUSY;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_job(&k, guest_open(0), guest_small(0), 2);
	for (int i = 0; i < 40; i++)
		guest_submit(&j, 24);
	EQ(destroy(j.fd, j.context), 0);
	EQ(guest_wait(&j, 1, GUEST_SHORT_NS, NULL), -ENOENT);
	d.handle = j.in.handle;
	for (int i = 0; i < 500 && err == -EBUSY; i++) {
		err = guest_ioctl(j.fd, AKIDA_IOC_BUFFER_DESTROY, &d);
		usleep(10000);
	}
	EQ(err, 0);
	guest_run_and_compare(&k, 6);
}

static void context_closed_file_takes_its_work_along(void)
{
	struct guest_job j, k;

	guest_job(&j, guest_open(1), guest_small(1), 2);
	guest_job(&k, guest_open(1), guest_small(1), 2);
	for (int i = 0; i < 40; i++)
		guest_submit(&j, 24);
	close(j.fd); /* guest_run closes it again, which does no harm */
	guest_run_and_compare(&k, 6);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(context_follows_the_struct_rules);
	RUN(context_bad_arguments_are_refused);
	RUN(context_handle_limit_is_enospc);
	RUN(context_signals_its_eventfd_once_per_submit);
	RUN(context_destroyed_with_work_frees_its_buffers);
	RUN(context_closed_file_takes_its_work_along);
	return 0;
}
