/* SPDX-License-Identifier: MIT */
/* AArch64 with the dot products of Armv8.2. They are signed: bytes up to 127 take one, others two. */
#if defined(__aarch64__)
#include "kernels/arm/vector128.h"

#define ISA AK_ISA_DOTPROD
#define KERNELS ak_kernels_dotprod
#define FILTER_VECTORS 4
#define SMALL_ALWAYS 0
#define SMALL_HIGH 127

typedef V W;

/* x = low + 128 * top, top of 0 or 1; kept as int8: 0 or -128 */
typedef struct {
	V low, minus;
} X;

VAI W weights_of(V w)
{
	return w;
}

VAI X inputs_of(V x)
{
	return (X){vandq_s32(x, v_bytes(0x7f)), vandq_s32(x, v_bytes(0x80))};
}

VAI V dot4(V a, X x, W w)
{
	return vsubq_s32(vdotq_s32(a, S8(x.low), S8(w)), vdotq_s32(vdupq_n_s32(0), S8(x.minus), S8(w)));
}

VAI V dot4_small(V a, V x, V w)
{
	return vdotq_s32(a, S8(x), S8(w));
}

#define TILE_POSITIONS 8, 8, 8, 6 /* what the registers hold */
#define WIDE_POSITIONS 6
#include "kernels/template/template.h"
#endif
