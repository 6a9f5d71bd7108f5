// SPDX-License-Identifier: MIT
/* poll on the node, CANCEL, priorities. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

static short events(int fd, int timeout_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK(poll(&p, 1, timeout_ms) >= 0);
	return p.revents;
}

static uint64_t submit_long(const struct guest_job *j)
{
	struct akida_submit s = guest_submit_args(j, 1);

	s.count = 1000000;
	s.in_stride = s.out_stride = 0;
	EQ(guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, &s), 0);
	return s.seq;
}

static int cancel(const struct guest_job *j, uint64_t seq)
{
	struct akida_cancel a = {.size = sizeof(a), .context = j->context, .seq = seq};

	return guest_ioctl(j->fd, AKIDA_IOC_CANCEL, &a);
}

static void queue_poll_tells_of_ended_submits(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	struct guest_job j;
	uint64_t a, b;
	int other = guest_open(0), ep = epoll_create1(0);

	guest_job(&j, guest_open(0), guest_small(0), 2);
	CHECK(ep >= 0 && !epoll_ctl(ep, EPOLL_CTL_ADD, j.fd, &e));
	EQ(events(j.fd, 0), 0);
	a = guest_submit(&j, 2);
	b = guest_submit(&j, 2);
	EQ(epoll_wait(ep, &e, 1, 60000), 1);
	EQ(events(j.fd, 0), POLLIN);
	EQ(events(other, 0), 0); /* another file's work */
	EQ(guest_wait(&j, b, GUEST_LONG_NS, NULL), 0);
	EQ(events(j.fd, 0), POLLIN); /* a is not fetched */
	EQ(guest_wait(&j, a, 0, NULL), 0);
	EQ(events(j.fd, 0), 0);
	EQ(guest_wait(&j, a, 0, NULL), 0); /* again: told once is enough */
	EQ(events(j.fd, 0), 0);
	close(ep);
}

static void queue_poll_tells_of_a_board_that_is_gone(void)
{
	int fd = guest_open(1), status;
	pid_t pid;

	EQ(events(fd, 0), 0);
	pid = fork();
	if (!pid)
		_exit(usleep(200000) || guest_bind(&guest_boards[1], false));
	EQ(events(fd, 60000) & (POLLERR | POLLHUP), POLLERR | POLLHUP);
	CHECK(waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
	EQ(guest_bind(&guest_boards[1], true), 0);
	EQ(guest_rescan(), 0);
}

static void queue_cancel_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_cancel, reserved0)};
	struct akida_cancel a = {.size = sizeof(a), .context = 0x7ffffff0};

	guest_struct_rules(guest_open(0), AKIDA_IOC_CANCEL, &a, sizeof(a), 24, -ENOENT, reserved, 1);
}

/* The running one ends after its frames, a waiting one at once; the others and the context go on, without a reset. */
static void queue_cancel_ends_one_submit(void)
{
	struct akida_query before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
	struct akida_wait w;
	struct guest_job j;
	uint64_t running, waiting, last;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &before), 0);
	running = submit_long(&j);
	waiting = submit_long(&j);
	last = guest_submit(&j, 3);
	EQ(guest_wait(&j, running, GUEST_SHORT_NS, NULL), -ETIMEDOUT);
	EQ(cancel(&j, waiting), 0);
	EQ(guest_wait(&j, waiting, 0, &w), 0);
	EQ(w.status, -ECANCELED);
	EQ(w.frames_done, 0);
	EQ(cancel(&j, waiting), -ENOENT); /* has ended */
	EQ(cancel(&j, running), 0);
	EQ(guest_wait(&j, running, GUEST_LONG_NS, &w), 0);
	EQ(w.status, -ECANCELED);
	CHECK(w.frames_done < 1000000);
	EQ(guest_wait(&j, last, GUEST_LONG_NS, &w), 0);
	EQ(w.status, 0);
	EQ(cancel(&j, 0), -ENOENT);
	EQ(cancel(&j, 99), -ENOENT);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &after), 0);
	EQ(after.resets, before.resets);
	guest_run_and_compare(&j, 4);
}

static void priority(struct guest_job *j, int32_t value)
{
	struct akida_context_create a = {
		.size = sizeof(a), .program = j->program, .eventfd = -1, .batch = 2, .priority = value};

	a.quantum_ns = 3600000000000ull; /* an hour: nobody makes room because its turn is over */
	EQ(guest_ioctl(j->fd, AKIDA_IOC_CONTEXT_CREATE, &a), 0);
	j->context = a.handle;
}

static void queue_higher_priorities_go_first(void)
{
	struct guest_job low, normal, high;
	uint64_t l, n;

	guest_job(&low, guest_open(0), guest_small(0), 2);
	guest_job(&normal, guest_open(0), guest_small(0), 2);
	guest_job(&high, guest_open(0), guest_small(0), 2);
	priority(&low, AKIDA_PRIORITY_LOW);
	priority(&normal, AKIDA_PRIORITY_NORMAL);
	priority(&high, AKIDA_PRIORITY_HIGH);
	l = submit_long(&low);
	EQ(guest_wait(&low, l, GUEST_SHORT_NS, NULL), -ETIMEDOUT);
	n = submit_long(&normal);
	guest_run_and_compare(&high, 4); /* would take an hour otherwise */
	/* the low one waits as long as the normal one has work */
	EQ(cancel(&low, l), 0);
	EQ(guest_wait(&low, l, GUEST_LONG_NS, NULL), 0);
	l = guest_submit(&low, 2);
	EQ(guest_wait(&low, l, 2 * GUEST_SHORT_NS, NULL), -ETIMEDOUT);
	EQ(cancel(&normal, n), 0);
	EQ(guest_wait(&low, l, GUEST_LONG_NS, NULL), 0);
}

static void queue_high_priority_needs_a_right(void)
{
	struct akida_context_create a = {.size = sizeof(a), .eventfd = -1};
	int status, fd = guest_open(0);
	pid_t pid;

	a.program = guest_program(fd, guest_small(0));
	a.priority = AKIDA_PRIORITY_HIGH + 1;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -EINVAL);
	a.priority = AKIDA_PRIORITY_LOW - 1;
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a), -EINVAL);
	pid = fork();
	if (!pid) {
		int bad = setuid(1234) ? 1 : 0;

		a.priority = AKIDA_PRIORITY_HIGH;
		bad |= guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a) != -EPERM ? 2 : 0;
		a.priority = AKIDA_PRIORITY_LOW;
		bad |= guest_ioctl(fd, AKIDA_IOC_CONTEXT_CREATE, &a) ? 4 : 0;
		_exit(bad);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(queue_poll_tells_of_ended_submits);
	RUN(queue_poll_tells_of_a_board_that_is_gone);
	RUN(queue_cancel_follows_the_struct_rules);
	RUN(queue_cancel_ends_one_submit);
	RUN(queue_higher_priorities_go_first);
	RUN(queue_high_priority_needs_a_right);
	return 0;
}
