/* SPDX-License-Identifier: MIT */
/*
 * The kernels of one x86 instruction set: included by the file that defines the vector type and its operations
 *
 *   V LANES           a vector of int32 and their number
 *   W X               a vector of weights or inputs made ready for dot4
 *   v_*               operations on V, see vector512.h and vector256.h
 *   dot4 dot2         acc + sums of 4 u8 x s8 or of 2 int16 products per lane
 *   FILTER_VECTORS    vectors of filters per block
 *   TILE_POSITIONS    positions per tile for 1, 2, ... vectors of filters
 *   HAS_SUM16         defined where dot4 is slow: u8 x s8 pairs are summed in 16 bits while sum_limit allows
 */
#include <string.h>

#define AI static inline __attribute__((always_inline))

#include "kernels/x86/finish.h"
#include "kernels/x86/conv.h"
#include "kernels/x86/dense.h"
#include "kernels/x86/depthwise.h"

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
	.conv = conv,
	.dense = dense,
	.depthwise = depthwise,
	.depthwise16 = depthwise16,
	.nonzero = nonzero,
	.widen = widen,
};
