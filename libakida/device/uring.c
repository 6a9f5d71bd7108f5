/* SPDX-License-Identifier: MIT */
/* One ring of one entry, over a liburing that is opened at run time: the library itself needs libc only. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "device/uring.h"

#ifdef AKIDA_LIBURING
#include <dlfcn.h>
#include <liburing.h>

struct ak_uring {
	struct io_uring ring;
	void *library;
	int (*queue_init)(unsigned int entries, struct io_uring *ring, unsigned int flags);
	void (*queue_exit)(struct io_uring *ring);
	int (*submit_and_wait)(struct io_uring *ring, unsigned int n);
	unsigned int (*peek)(struct io_uring *ring, struct io_uring_cqe **cqes, unsigned int n);
};

/* ISO C has no conversion from void * to a function; POSIX says that this one works. */
static int find(const struct ak_uring *u, const char *name, void *fn)
{
	void *p = dlsym(u->library, name);

	memcpy(fn, &p, sizeof(p));
	return p ? 0 : -EOPNOTSUPP;
}

static int load(struct ak_uring *u)
{
	u->library = dlopen("liburing.so.2", RTLD_NOW | RTLD_LOCAL);
	if (!u->library || find(u, "io_uring_queue_init", &u->queue_init) ||
	    find(u, "io_uring_queue_exit", &u->queue_exit) ||
	    find(u, "io_uring_submit_and_wait", &u->submit_and_wait) || find(u, "io_uring_peek_batch_cqe", &u->peek))
		return -EOPNOTSUPP;
	return 0;
}

int ak_uring_open(struct ak_uring **out)
{
	const char *wish = getenv("AKIDA_URING");
	struct ak_uring *u;
	int err;

	*out = NULL;
	if (wish && !strcmp(wish, "0"))
		return -EOPNOTSUPP;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	err = load(u);
	if (!err)
		err = u->queue_init(2, &u->ring, 0);
	if (err) {
		if (u->library)
			dlclose(u->library);
		free(u);
		return err;
	}
	*out = u;
	return 0;
}

void ak_uring_close(struct ak_uring *u)
{
	if (!u)
		return;
	u->queue_exit(&u->ring);
	dlclose(u->library);
	free(u);
}

int ak_uring_submit(struct ak_uring *u, int fd, struct akida_submit *s, struct akida_wait *w)
{
	const struct akida_uring_cmd cmd = {.arg_ptr = (uintptr_t)s, .wait_ptr = (uintptr_t)w};
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
	struct io_uring_cqe *cqe = NULL;
	int res;

	if (!sqe)
		return -EBUSY;
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = fd;
	sqe->off = AKIDA_IOC_SUBMIT; /* cmd_op, and zeros behind it */
	memcpy(sqe->cmd, &cmd, sizeof(cmd));
	do { /* a signal ends the wait, not the submit: what is asked for again is only the wait */
		res = u->submit_and_wait(&u->ring, 1);
		if (res < 0 && res != -EINTR && res != -EAGAIN && res != -EBUSY)
			return res;
	} while (!u->peek(&u->ring, &cqe, 1));
	res = cqe->res;
	io_uring_cqe_seen(&u->ring, cqe);
	return res < 0 ? res : 0;
}
#else
int ak_uring_open(struct ak_uring **out)
{
	*out = NULL;
	return -EOPNOTSUPP;
}

void ak_uring_close(struct ak_uring *u)
{
	(void)u;
}

int ak_uring_submit(struct ak_uring *u, int fd, struct akida_submit *s, struct akida_wait *w)
{
	(void)u;
	(void)fd;
	(void)s;
	(void)w;
	return -EOPNOTSUPP;
}
#endif
