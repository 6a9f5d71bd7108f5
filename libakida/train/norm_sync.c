// SPDX-License-Identifier: MIT
/* Statistics of a shared batch, see norm_sync.h. In double: a variance is the difference of two large numbers here. */
#include <math.h>
#include "norm_sync.h"

int ak_norm_sync_statistics(const struct ak_ranks *r, float *mean, float *variance, uint32_t channels, double own,
			    double all, double *work)
{
	uint32_t c;
	int err;

	for (c = 0; c < channels; c++) {
		double m = (double)mean[c];

		work[c] = own * m;
		work[channels + c] = own * ((double)variance[c] + m * m);
	}
	err = ak_ranks_sum_double(r, work, 2 * (size_t)channels);
	if (err)
		return err;
	for (c = 0; c < channels; c++) {
		double m = work[c] / all, v = work[channels + c] / all - m * m;

		mean[c] = (float)m;
		variance[c] = v > 0 ? (float)v : 0;
	}
	return 0;
}

int ak_norm_sync_correction(const struct ak_ranks *r, const float *dgamma, const float *dbeta, const float *gamma,
			    const float *variance, float epsilon, uint32_t channels, double all, double *work,
			    float *scale, float *shift)
{
	uint32_t c;
	int err;

	for (c = 0; c < channels; c++) {
		work[c] = (double)dgamma[c];
		work[channels + c] = (double)dbeta[c];
	}
	err = ak_ranks_sum_double(r, work, 2 * (size_t)channels);
	if (err)
		return err;
	for (c = 0; c < channels; c++) {
		double k = -(double)gamma[c] / sqrt((double)variance[c] + (double)epsilon) / all;

		scale[c] = (float)(k * work[c]);
		shift[c] = (float)(k * work[channels + c]);
	}
	return 0;
}
