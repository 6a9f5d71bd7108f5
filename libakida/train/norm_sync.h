/* SPDX-License-Identifier: MIT */
/*
 * Batch normalization over a batch that several processes share. Each has the mean and variance of its samples; together they
 * get those of all. Backward, a normalization with given statistics leaves out what the statistics' dependence on the inputs
 * contributes, which is again a normalization: dx -= gamma / (sd N) * (sum dy + xhat * sum(dy * xhat)), sums over all N.
 */
#ifndef AK_TRAIN_NORM_SYNC_H
#define AK_TRAIN_NORM_SYNC_H

#include "ranks.h"

/* mean and variance: in of `own` values per channel, out of `all`. work: 2 * channels. -EIO: a rank is gone. */
int ak_norm_sync_statistics(const struct ak_ranks *r, float *mean, float *variance, uint32_t channels, double own,
			    double all, double *work);
/*
 * Scale and shift of the normalization that is added to dx, from the gradients of gamma (sums of dy * xhat) and beta (sums of
 * dy) over the own samples, which stay as they are.
 */
int ak_norm_sync_correction(const struct ak_ranks *r, const float *dgamma, const float *dbeta, const float *gamma,
			    const float *variance, float epsilon, uint32_t channels, double all, double *work,
			    float *scale, float *shift);

#endif
