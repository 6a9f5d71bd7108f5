/* SPDX-License-Identifier: MIT */
/*
 * Processes that mpirun started, over an OpenMPI that is opened at run time: the library itself does not need it. Without
 * mpirun there is one rank, and nothing is opened. ranks.c is the only file that knows MPI.
 */
#ifndef AK_TRAIN_RANKS_H
#define AK_TRAIN_RANKS_H

#include <stddef.h>
#include <stdint.h>
#include <akida/status.h>

struct ak_ranks {
	uint32_t rank, count;
};

/* All ranks call it, once per process. -EOPNOTSUPP: mpirun is there, MPI is not; -EIO: it fails. */
int ak_ranks_open(struct ak_ranks *r, struct akida_diag *diag);
/* The rest is called by all ranks in the same order, by one thread; with one rank it does nothing. -EIO: a rank is gone. */
/* v becomes the sum, or the largest, of all ranks' v; the same bits on each. */
int ak_ranks_sum(const struct ak_ranks *r, float *v, size_t n);
int ak_ranks_sum_double(const struct ak_ranks *r, double *v, size_t n);
int ak_ranks_max(const struct ak_ranks *r, float *v, size_t n);
/* Waits for the others; after it no rank may call anything here. Happens at exit by itself. */
void ak_ranks_close(void);

#endif
