/* SPDX-License-Identifier: MIT */
/*
 * The kernels of one instruction set: included by the file that defines the vector type and its operations
 *
 *   V LANES           a vector of int32 and their number
 *   W X               a vector of weights or inputs made ready for dot4
 *   v_*               operations on V, see x86/vector512.h
 *   dot4 dot2         acc + sums of 4 u8 x s8 or of 2 int16 products per lane
 *   FILTER_VECTORS    vectors of filters per block
 *   TILE_POSITIONS    positions per tile for 1, 2, ... vectors of filters
 *   SPARSE_DENSE_COST sixteenths of a cycle that a vector of products costs; not defined: no path for sparse inputs
 *   SMALL_ALWAYS      1 where dot4 takes any bytes in one instruction; else dot4_small is the short way, exact while
 *                     sum_limit is not 0
 *   SMALL_HIGH        the highest input that dot4_small takes
 *   HAS_SUM16         defined where sums of pairs in 16 bits are shorter still, while sum_limit holds them
 */
#include <string.h>

#define AI static inline __attribute__((always_inline))

static uint64_t nonzero(const uint8_t *bytes, size_t n)
{
	uint64_t count = 0;
	size_t i = 0;

	for (; i + sizeof(V) <= n; i += sizeof(V))
		count += v_nonzero(v_load(bytes + i));
	for (; i < n; i++)
		count += bytes[i] != 0;
	return count;
}

#include "kernels/template/finish.h"
#include "kernels/template/conv.h"
#ifdef SPARSE_DENSE_COST
#include "kernels/template/sparse.h"
#endif
#include "kernels/template/dense.h"
#include "kernels/template/depthwise.h"

static void conv(const struct ak_conv *c, const uint8_t *in, uint32_t origin, void *out, size_t first, size_t end,
		 void *events)
{
	const uint8_t *w = c->weights;

#ifdef SPARSE_DENSE_COST
	if (sparse_pays(c, in - origin, first, end)) {
		sparse_conv(c, in - origin, out, first, end, events);
		return;
	}
#else
	(void)events;
#endif
	for (uint32_t f = 0; f < c->filters; f += FILTER_VECTORS * LANES) {
		uint32_t left = c->filters - f, nv = (left + LANES - 1) / LANES;
		struct tile t = {.c = c, .in = in - origin, .weights = w, .blocks = c->blocks + f / 16, .left = left};

		nv = nv > FILTER_VECTORS ? FILTER_VECTORS : nv;
		t.out = c->q.post == AK_POST_NONE || c->q.post == AK_POST_SUM ? (void *)((int32_t *)out + f)
									      : (void *)((uint8_t *)out + f);
		conv_block(c, &t, nv, first, end);
		w += sizeof(V) * (size_t)nv * c->nk;
	}
}

static void widen(const uint8_t *bytes, size_t n, int32_t zero, int32_t *out)
{
	V less = v_set(zero);
	size_t i = 0;

	for (; i + LANES <= n; i += LANES)
		v_store(out + i, v_sub(v_widen8(bytes + i), less));
	for (; i < n; i++)
		out[i] = (int32_t)bytes[i] - zero;
}

const struct ak_kernels KERNELS = {
	.isa = ISA,
	.lanes = LANES,
	.filter_block = FILTER_VECTORS * LANES,
	.small_high = SMALL_HIGH,
#ifdef SPARSE_DENSE_COST
	.events = true,
#endif
	.conv = conv,
	.dense = dense,
	.depthwise = depthwise,
	.depthwise16 = depthwise16,
	.nonzero = nonzero,
	.widen = widen,
};
