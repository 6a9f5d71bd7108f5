// SPDX-License-Identifier: MIT
/* Quantize and dequantize in float, see fake_quant.h. */
#include <math.h>
#include <string.h>
#include "fake_quant.h"

#define LANES 16

void ak_fake_quant_weights(const float *w, float *q, size_t count, uint32_t channels, uint32_t bits, int per_tensor,
			   float *scratch)
{
	const float top = (float)((1u << (bits - 1)) - 1);
	float all = 0;
	size_t i;
	uint32_t c;

	memset(scratch, 0, channels * sizeof(*scratch));
	for (i = 0; i < count; i += channels)
		for (c = 0; c < channels; c++)
			scratch[c] = fmaxf(scratch[c], fabsf(w[i + c]));
	for (c = 0; c < channels; c++)
		all = fmaxf(all, scratch[c]);
	for (c = 0; c < channels; c++)
		scratch[c] = fmaxf((per_tensor ? all : scratch[c]) / (top > 0 ? top : 1), 1e-6f);
	for (i = 0; i < count; i += channels)
		for (c = 0; c < channels; c++) {
			float v = rintf(w[i + c] / scratch[c]);

			q[i + c] = fminf(fmaxf(v, -top - 1), top) * scratch[c];
		}
}

#define CLIP_STEPS 32

/* What rounding to (2^bits - 1) values of clipped weights changes, over `every`-th value from w on. */
static double clip_error(const float *w, size_t count, size_t every, float range, float top)
{
	float s = fmaxf(range / top, 1e-6f);
	double sum = 0;
	size_t i;

	for (i = 0; i < count; i += every) {
		float v = fminf(fmaxf(rintf(w[i] / s), -top), top) * s - w[i];

		sum += (double)v * (double)v;
	}
	return sum;
}

static void clip_channel(float *w, size_t count, size_t every, float top)
{
	float max = 0, best = 0;
	double least = INFINITY, e;
	size_t i;
	int k;

	for (i = 0; i < count; i += every)
		max = fmaxf(max, fabsf(w[i]));
	for (k = CLIP_STEPS; k > 0; k--) {
		e = clip_error(w, count, every, max * (float)k / CLIP_STEPS, top);
		if (e < least) {
			least = e;
			best = max * (float)k / CLIP_STEPS;
		}
	}
	for (i = 0; i < count; i += every)
		w[i] = fminf(fmaxf(w[i], -best), best);
}

void ak_fake_quant_clip(float *w, size_t count, uint32_t channels, uint32_t bits, int per_tensor)
{
	const float top = (float)((1u << (bits - 1)) - 1);
	uint32_t c;

	if (per_tensor) {
		clip_channel(w, count, 1, top);
		return;
	}
	for (c = 0; c < channels; c++)
		clip_channel(w + c, count - c, channels, top);
}

float ak_fake_quant_max(const float *x, size_t count)
{
	float lanes[LANES] = {0}, max = 0;
	size_t i, j;

	for (i = 0; i + LANES <= count; i += LANES)
		for (j = 0; j < LANES; j++)
			lanes[j] = x[i + j] > lanes[j] ? x[i + j] : lanes[j];
	for (j = 0; j < LANES; j++)
		max = lanes[j] > max ? lanes[j] : max;
	for (; i < count; i++)
		max = x[i] > max ? x[i] : max;
	return max;
}

void ak_fake_quant_follow(float *range, float max)
{
	*range = *range > 0 ? *range - (*range - max) * 0.1f : max;
}

void ak_fake_quant_activations(const float *x, float *q, size_t count, uint32_t bits, float *range, int update)
{
	const float top = (float)((1u << bits) - 1);
	size_t i, j;
	float k, s;

	if (update)
		ak_fake_quant_follow(range, ak_fake_quant_max(x, count));
	s = *range / top;
	if (!(s > 0)) {
		if (q != x)
			memcpy(q, x, count * sizeof(*q));
		return;
	}
	k = 1 / s;
	for (i = 0; i + LANES <= count; i += LANES)
		for (j = 0; j < LANES; j++) {
			float v = x[i + j] * k + 0.5f;

			q[i + j] = (float)(int)(v < top ? v : top) * s;
		}
	for (; i < count; i++) {
		float v = x[i] * k + 0.5f;

		q[i] = (float)(int)(v < top ? v : top) * s;
	}
}
