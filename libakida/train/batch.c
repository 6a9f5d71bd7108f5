// SPDX-License-Identifier: MIT
/* Gathering batches, see batch.h. */
#include <string.h>
#include "batch.h"

void ak_batch_shuffle(uint32_t *order, uint32_t n, struct ak_random *r)
{
	uint32_t i, j, t;

	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n; i > 1; i--) {
		j = ak_random_below(r, i);
		t = order[i - 1];
		order[i - 1] = order[j];
		order[j] = t;
	}
}

/* n values of any type, from element at on. */
static void convert(const struct akida_array *x, size_t at, size_t n, float scale, float offset, float *out)
{
	size_t i;

#define CASE(symbol, type)                                                                                             \
	case symbol:                                                                                                   \
		for (i = 0; i < n; i++)                                                                                \
			out[i] = (float)((const type *)x->data)[at + i] * scale + offset;                              \
		break
	switch (x->dtype) {
		CASE(AKIDA_U8, uint8_t);
		CASE(AKIDA_I8, int8_t);
		CASE(AKIDA_I16, int16_t);
		CASE(AKIDA_I32, int32_t);
		CASE(AKIDA_I64, int64_t);
		CASE(AKIDA_F32, float);
		CASE(AKIDA_F64, double);
	}
#undef CASE
}

static void fill_shifted(const struct ak_chain *chain, const struct akida_array *x, size_t at, int dy, int dx,
			 float *out)
{
	const struct ak_chain_shape s = chain->input;
	const int h = (int)s.h, w = (int)s.w;
	const int left = dx > 0 ? dx : 0, width = w - (dx > 0 ? dx : -dx);
	size_t i, values = (size_t)s.h * s.w * s.c;
	int y;

	for (i = 0; i < values; i++)
		out[i] = chain->offset;
	for (y = 0; y < h; y++)
		if (y - dy >= 0 && y - dy < h && width > 0)
			convert(x, at + ((size_t)(y - dy) * s.w + (size_t)(left - dx)) * s.c, (size_t)width * s.c,
				chain->scale, chain->offset, out + ((size_t)y * s.w + (size_t)left) * s.c);
}

void ak_batch_fill(const struct ak_chain *chain, const struct akida_array *x, const uint32_t *order, size_t first,
		   uint32_t count, uint32_t shift, struct ak_random *r, float *out)
{
	size_t values = (size_t)chain->input.h * chain->input.w * chain->input.c;
	uint32_t i;

	for (i = 0; i < count; i++, out += values) {
		size_t at = (order ? order[first + i] : first + i) * values;

		if (shift) {
			int dy = (int)ak_random_below(r, 2 * shift + 1) - (int)shift;
			int dx = (int)ak_random_below(r, 2 * shift + 1) - (int)shift;

			fill_shifted(chain, x, at, dy, dx, out);
		} else {
			convert(x, at, values, chain->scale, chain->offset, out);
		}
	}
}
