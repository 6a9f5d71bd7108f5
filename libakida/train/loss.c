// SPDX-License-Identifier: MIT
/* Softmax and cross-entropy in one, see loss.h. */
#include <math.h>
#include "loss.h"

void ak_loss_cross_entropy(const float *z, const int32_t *labels, size_t n, uint32_t classes, float *gradient,
			   double *loss, uint64_t *right)
{
	const float share = 1.0f / (float)n;
	size_t i;

	for (i = 0; i < n; i++, z += classes) {
		double sum = 0, log_sum;
		uint32_t best = 0, c;

		for (c = 1; c < classes; c++)
			if (z[c] > z[best])
				best = c;
		for (c = 0; c < classes; c++)
			sum += exp((double)z[c] - z[best]);
		log_sum = log(sum);
		*loss += log_sum + z[best] - z[labels[i]];
		*right += best == (uint32_t)labels[i];
		if (!gradient)
			continue;
		for (c = 0; c < classes; c++)
			gradient[c] =
				((float)exp((double)z[c] - z[best] - log_sum) - (c == (uint32_t)labels[i])) * share;
		gradient += classes;
	}
}
