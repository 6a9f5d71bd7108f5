/* SPDX-License-Identifier: MIT */
/* Operations of template.h on 512-bit vectors (AVX-512 F, BW, VL, DQ). */
#include <immintrin.h>
#include <stddef.h>
#include "kernels/op.h"

#define V __m512i
#define LANES 16
#define VAI static inline __attribute__((always_inline))

VAI V v_load(const void *p)
{
	return _mm512_loadu_si512(p);
}

VAI void v_store(void *p, V a)
{
	_mm512_storeu_si512(p, a);
}

VAI V v_zero(void)
{
	return _mm512_setzero_si512();
}

VAI V v_set(int32_t a)
{
	return _mm512_set1_epi32(a);
}

VAI V v_bytes(uint8_t a)
{
	return _mm512_set1_epi8((char)a);
}

/* 4 bytes from anywhere in each lane. */
VAI V v_spread(const uint8_t *p)
{
	int32_t a;

	memcpy(&a, p, sizeof(a));
	return _mm512_set1_epi32(a);
}

/* 8 bytes from anywhere in each pair of lanes; then the first or second half of them in every lane. */
VAI V v_spread_two(const uint8_t *p)
{
	int64_t a;

	memcpy(&a, p, sizeof(a));
	return _mm512_set1_epi64(a);
}

VAI V v_first_of_two(V a)
{
	return _mm512_shuffle_epi32(a, (_MM_PERM_ENUM)0x00);
}

VAI V v_second_of_two(V a)
{
	return _mm512_shuffle_epi32(a, (_MM_PERM_ENUM)0x55);
}

VAI V v_add(V a, V b)
{
	return _mm512_add_epi32(a, b);
}

VAI V v_sub(V a, V b)
{
	return _mm512_sub_epi32(a, b);
}

/* LANES bytes to int32 */
VAI V v_widen8(const uint8_t *p)
{
	return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

VAI V v_mul(V a, V b)
{
	return _mm512_mullo_epi32(a, b);
}

VAI V v_max(V a, V b)
{
	return _mm512_max_epi32(a, b);
}

VAI V v_min(V a, V b)
{
	return _mm512_min_epi32(a, b);
}

VAI V v_and(V a, V b)
{
	return _mm512_and_si512(a, b);
}

VAI V v_shift_right16(V a, unsigned int by)
{
	return _mm512_srli_epi16(a, by);
}

VAI V v_sra(V a, unsigned int by)
{
	return _mm512_sra_epi32(a, _mm_cvtsi32_si128((int)by));
}

/* ceil(a * factor), factor a vector of floats */
VAI V v_ceil_scaled(V a, V factor)
{
	__m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(a), _mm512_castsi512_ps(factor));

	return _mm512_cvt_roundps_epi32(x, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

/* Lanes saturated to bytes. */
VAI void v_store_bytes(uint8_t *p, V a)
{
	_mm_storeu_si128((__m128i *)p, _mm512_cvtusepi32_epi8(_mm512_max_epi32(a, _mm512_setzero_si512())));
}

/* Four vectors as 64 bytes. */
VAI void v_store_block(uint8_t *p, const V *a)
{
	V bytes = _mm512_packus_epi16(_mm512_packs_epi32(a[0], a[1]), _mm512_packs_epi32(a[2], a[3]));
	V order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);

	_mm512_storeu_si512(p, _mm512_permutexvar_epi32(order, bytes));
}

VAI void v_store_some(uint8_t *p, V a, uint32_t n)
{
	_mm512_mask_storeu_epi8(p, ((__mmask64)1 << n) - 1, a);
}

VAI V v_unpack_low8(V a, V b)
{
	return _mm512_unpacklo_epi8(a, b);
}

VAI V v_unpack_high8(V a, V b)
{
	return _mm512_unpackhi_epi8(a, b);
}

VAI V v_unpack_low16(V a, V b)
{
	return _mm512_unpacklo_epi16(a, b);
}

VAI V v_unpack_high16(V a, V b)
{
	return _mm512_unpackhi_epi16(a, b);
}

VAI V v_pack32(V a, V b)
{
	return _mm512_packs_epi32(a, b);
}

VAI V v_pack16(V a, V b)
{
	return _mm512_packus_epi16(a, b);
}

VAI unsigned int v_nonzero(V a)
{
	return (unsigned int)__builtin_popcountll(_mm512_test_epi8_mask(a, a));
}

/* int16 products of pairs, summed into lanes */
VAI V v_madd16(V a, V b)
{
	return _mm512_madd_epi16(a, b);
}

/* int16 sums of pairs of u8 x s8 products, saturated */
VAI V v_maddubs(V u, V s)
{
	return _mm512_maddubs_epi16(u, s);
}

VAI V v_add16(V a, V b)
{
	return _mm512_add_epi16(a, b);
}

VAI V v_words(int16_t a)
{
	return _mm512_set1_epi16(a);
}

VAI V v_shift_left16(V a, unsigned int by)
{
	return _mm512_slli_epi16(a, by);
}

VAI V v_sra16(V a, unsigned int by)
{
	return _mm512_srai_epi16(a, by);
}

/*
 * Of the LANES bytes at `in`, those that are not zero: 64 * (first + i) of byte i to index, the byte to value; returns how
 * many. Writes LANES places of both.
 */
VAI uint32_t v_list_events(uint32_t *index, uint8_t *value, uint32_t first, const uint8_t *in)
{
	V bytes = v_widen8(in), count = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
	__mmask16 m = _mm512_test_epi32_mask(bytes, bytes);

	count = _mm512_slli_epi32(_mm512_add_epi32(_mm512_set1_epi32((int)first), count), 6);
	_mm512_storeu_si512(index, _mm512_maskz_compress_epi32(m, count));
	_mm_storeu_si128((__m128i *)value, _mm512_cvtepi32_epi8(_mm512_maskz_compress_epi32(m, bytes)));
	return (uint32_t)__builtin_popcount(m);
}
