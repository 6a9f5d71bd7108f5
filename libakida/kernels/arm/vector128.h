/* SPDX-License-Identifier: MIT */
/* Operations of template.h on the 128-bit vectors of AArch64. */
#include <arm_neon.h>
#include <stddef.h>
#include <string.h>
#include "kernels/op.h"

#define V int32x4_t
#define LANES 4
#define VAI static inline __attribute__((always_inline))

#define S8(a) vreinterpretq_s8_s32(a)
#define U8(a) vreinterpretq_u8_s32(a)
#define S16(a) vreinterpretq_s16_s32(a)
#define U16(a) vreinterpretq_u16_s32(a)
#define OF_U8(a) vreinterpretq_s32_u8(a)
#define OF_S16(a) vreinterpretq_s32_s16(a)
#define OF_U16(a) vreinterpretq_s32_u16(a)

VAI V v_load(const void *p)
{
	return OF_U8(vld1q_u8(p));
}

VAI void v_store(void *p, V a)
{
	vst1q_u8(p, U8(a));
}

VAI V v_zero(void)
{
	return vdupq_n_s32(0);
}

VAI V v_set(int32_t a)
{
	return vdupq_n_s32(a);
}

VAI V v_bytes(uint8_t a)
{
	return OF_U8(vdupq_n_u8(a));
}

/* 4 bytes from anywhere in each lane. */
VAI V v_spread(const uint8_t *p)
{
	int32_t a;

	memcpy(&a, p, sizeof(a));
	return vdupq_n_s32(a);
}

/* 8 bytes from anywhere in each pair of lanes; then the first or second half of them in every lane. */
VAI V v_spread_two(const uint8_t *p)
{
	int64_t a;

	memcpy(&a, p, sizeof(a));
	return vreinterpretq_s32_s64(vdupq_n_s64(a));
}

VAI V v_first_of_two(V a)
{
	return vdupq_laneq_s32(a, 0);
}

VAI V v_second_of_two(V a)
{
	return vdupq_laneq_s32(a, 1);
}

VAI V v_add(V a, V b)
{
	return vaddq_s32(a, b);
}

VAI V v_sub(V a, V b)
{
	return vsubq_s32(a, b);
}

/* LANES bytes to int32 */
VAI V v_widen8(const uint8_t *p)
{
	uint32_t a;

	memcpy(&a, p, sizeof(a));
	return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(a)))));
}

VAI V v_mul(V a, V b)
{
	return vmulq_s32(a, b);
}

VAI V v_max(V a, V b)
{
	return vmaxq_s32(a, b);
}

VAI V v_min(V a, V b)
{
	return vminq_s32(a, b);
}

VAI V v_and(V a, V b)
{
	return vandq_s32(a, b);
}

VAI V v_shift_right16(V a, unsigned int by)
{
	return OF_U16(vshlq_u16(U16(a), vdupq_n_s16((int16_t) - (int)by)));
}

VAI V v_sra(V a, unsigned int by)
{
	return vshlq_s32(a, vdupq_n_s32(-(int)by));
}

/* factor: float lanes */
VAI V v_ceil_scaled(V a, V factor)
{
	return vcvtpq_s32_f32(vmulq_f32(vcvtq_f32_s32(a), vreinterpretq_f32_s32(factor)));
}

/* Lanes as bytes, saturated. */
VAI void v_store_bytes(uint8_t *p, V a)
{
	int16x4_t words = vqmovn_s32(a);
	uint32_t bytes = vget_lane_u32(vreinterpret_u32_u8(vqmovun_s16(vcombine_s16(words, words))), 0);

	memcpy(p, &bytes, sizeof(bytes));
}

/* Channels of a unit pack in their order. */
VAI V v_pack32(V a, V b)
{
	return OF_S16(vcombine_s16(vqmovn_s32(a), vqmovn_s32(b)));
}

VAI V v_pack16(V a, V b)
{
	return OF_U8(vcombine_u8(vqmovun_s16(S16(a)), vqmovun_s16(S16(b))));
}

/* Four vectors as 16 bytes. */
VAI void v_store_block(uint8_t *p, const V *a)
{
	v_store(p, v_pack16(v_pack32(a[0], a[1]), v_pack32(a[2], a[3])));
}

VAI void v_store_some(uint8_t *p, V a, uint32_t n)
{
	uint8_t bytes[sizeof(V)];

	v_store(bytes, a);
	memcpy(p, bytes, n);
}

VAI V v_unpack_low8(V a, V b)
{
	return OF_U8(vzip1q_u8(U8(a), U8(b)));
}

VAI V v_unpack_high8(V a, V b)
{
	return OF_U8(vzip2q_u8(U8(a), U8(b)));
}

VAI V v_unpack_low16(V a, V b)
{
	return OF_S16(vzip1q_s16(S16(a), S16(b)));
}

VAI V v_unpack_high16(V a, V b)
{
	return OF_S16(vzip2q_s16(S16(a), S16(b)));
}

VAI unsigned int v_nonzero(V a)
{
	return 16u - vaddvq_u8(vandq_u8(vceqzq_u8(U8(a)), vdupq_n_u8(1)));
}

/* int16 sums of byte x s8 pairs; bytes up to 127 */
VAI V v_maddubs(V u, V s)
{
	return OF_S16(vpaddq_s16(vmull_s8(vget_low_s8(S8(u)), vget_low_s8(S8(s))), vmull_high_s8(S8(u), S8(s))));
}

VAI V v_add16(V a, V b)
{
	return OF_S16(vaddq_s16(S16(a), S16(b)));
}

/* int16 products of pairs, added to lanes */
VAI V dot2(V a, V x, V w)
{
	int32x4_t low = vmull_s16(vget_low_s16(S16(x)), vget_low_s16(S16(w)));

	return vaddq_s32(a, vpaddq_s32(low, vmull_high_s16(S16(x), S16(w))));
}
