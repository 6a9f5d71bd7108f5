// SPDX-License-Identifier: MIT
/* Dropout and moving statistics, see plain.h. */
#include <string.h>
#include "plain.h"
#include "random.h"

void ak_plain_drop(const float *src, float *dst, uint8_t *mask, size_t count, float rate, uint64_t seed, size_t first)
{
	struct ak_random r = ak_random_stream(seed, 1);
	const float keep = 1 / (1 - rate);
	size_t i;

	if (rate == 0) {
		memcpy(dst, src, count * sizeof(float));
		return;
	}
	ak_random_skip(&r, first);
	for (i = 0; i < count; i++) {
		mask[i] = ak_random_unit(&r) >= rate;
		dst[i] = mask[i] ? src[i] * keep : 0;
	}
}

void ak_plain_drop_back(float *gradient, const uint8_t *mask, size_t count, float rate)
{
	const float keep = 1 / (1 - rate);
	size_t i;

	for (i = 0; i < count; i++)
		gradient[i] = mask[i] ? gradient[i] * keep : 0;
}

void ak_plain_move(float *moving_mean, float *moving_variance, const float *mean, const float *variance,
		   uint32_t channels, float momentum, double samples)
{
	const float unbiased = samples > 1 ? (float)(samples / (samples - 1)) : 1;
	uint32_t c;

	for (c = 0; c < channels; c++) {
		moving_mean[c] = momentum * moving_mean[c] + (1 - momentum) * mean[c];
		moving_variance[c] = momentum * moving_variance[c] + (1 - momentum) * unbiased * variance[c];
	}
}
