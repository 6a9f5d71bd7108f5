/* SPDX-License-Identifier: MIT */
/* AArch64 as every processor has it. Products of bytes up to 127 are 8 x 8 bits, of others 16 x 16. */
#if defined(__aarch64__)
#include "kernels/arm/vector128.h"

#define ISA AK_ISA_NEON
#define KERNELS ak_kernels_neon
#define FILTER_VECTORS 4
#define SMALL_ALWAYS 0
#define SMALL_HIGH 127

/* Even and odd bytes as int16. */
typedef struct {
	int16x8_t even, odd;
} W;
typedef W X;

VAI W weights_of(V w)
{
	return (W){vshrq_n_s16(vshlq_n_s16(S16(w), 8), 8), vshrq_n_s16(S16(w), 8)};
}

VAI X inputs_of(V x)
{
	return (X){vreinterpretq_s16_u16(vandq_u16(U16(x), vdupq_n_u16(0xff))),
		   vreinterpretq_s16_u16(vshrq_n_u16(U16(x), 8))};
}

VAI V dot4(V a, X x, W w)
{
	int32x4_t low = vmull_s16(vget_low_s16(x.even), vget_low_s16(w.even));
	int32x4_t high = vmull_high_s16(x.even, w.even);

	low = vmlal_s16(low, vget_low_s16(x.odd), vget_low_s16(w.odd));
	high = vmlal_high_s16(high, x.odd, w.odd);
	return vaddq_s32(a, vpaddq_s32(low, high));
}

VAI V dot4_small(V a, V x, V w)
{
	return vpadalq_s16(a, S16(v_maddubs(x, w)));
}

#define TILE_POSITIONS 8, 8, 6, 4 /* what the registers hold */
#define WIDE_POSITIONS 4
#include "kernels/template/template.h"
#endif
