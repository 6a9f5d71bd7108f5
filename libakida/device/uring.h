/* SPDX-License-Identifier: MIT */
/*
 * Batches through io_uring: one system call submits one and waits for its end, where SUBMIT and WAIT take two. liburing
 * is looked for when the program runs (and its header when the library is built); without it, or where the kernel forbids
 * io_uring, ak_uring_open says so and the ioctls do the same. AKIDA_URING=0 in the environment: not used.
 */
#ifndef AK_DEVICE_URING_H
#define AK_DEVICE_URING_H

#include "uapi/akida.h"

struct ak_uring;

/* *out (NULL on failure) is closed by ak_uring_close. -EOPNOTSUPP: no liburing; -ENOMEM; what the kernel says. */
int ak_uring_open(struct ak_uring **out);
void ak_uring_close(struct ak_uring *u); /* NULL allowed */
/* w: size set, else zeros. Returns when the submit has ended: 0 with w filled, or -errno of SUBMIT or of its end. */
int ak_uring_submit(struct ak_uring *u, int fd, struct akida_submit *s, struct akida_wait *w);

#endif
