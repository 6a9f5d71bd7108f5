/* SPDX-License-Identifier: MIT */
/* Operations of template.h on 256-bit vectors (AVX2). */
#include <immintrin.h>
#include <stddef.h>
#include "kernels/op.h"

#define V __m256i
#define LANES 8
#define VAI static inline __attribute__((always_inline))

VAI V v_load(const void *p)
{
	return _mm256_loadu_si256((const V *)p);
}

VAI void v_store(void *p, V a)
{
	_mm256_storeu_si256((V *)p, a);
}

VAI V v_zero(void)
{
	return _mm256_setzero_si256();
}

VAI V v_set(int32_t a)
{
	return _mm256_set1_epi32(a);
}

VAI V v_bytes(uint8_t a)
{
	return _mm256_set1_epi8((char)a);
}

VAI V v_words(int16_t a)
{
	return _mm256_set1_epi16(a);
}

/* 4 bytes from anywhere in each lane. */
VAI V v_spread(const uint8_t *p)
{
	int32_t a;

	memcpy(&a, p, sizeof(a));
	return _mm256_set1_epi32(a);
}

/* 8 bytes from anywhere in each pair of lanes; then the first or second half of them in every lane. */
VAI V v_spread_two(const uint8_t *p)
{
	int64_t a;

	memcpy(&a, p, sizeof(a));
	return _mm256_set1_epi64x(a);
}

VAI V v_first_of_two(V a)
{
	return _mm256_shuffle_epi32(a, 0x00);
}

VAI V v_second_of_two(V a)
{
	return _mm256_shuffle_epi32(a, 0x55);
}

VAI V v_add(V a, V b)
{
	return _mm256_add_epi32(a, b);
}

VAI V v_sub(V a, V b)
{
	return _mm256_sub_epi32(a, b);
}

/* LANES bytes to int32 */
VAI V v_widen8(const uint8_t *p)
{
	return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p));
}

VAI V v_mul(V a, V b)
{
	return _mm256_mullo_epi32(a, b);
}

VAI V v_max(V a, V b)
{
	return _mm256_max_epi32(a, b);
}

VAI V v_min(V a, V b)
{
	return _mm256_min_epi32(a, b);
}

VAI V v_and(V a, V b)
{
	return _mm256_and_si256(a, b);
}

VAI V v_shift_right16(V a, unsigned int by)
{
	return _mm256_srli_epi16(a, (int)by);
}

VAI V v_shift_left16(V a, unsigned int by)
{
	return _mm256_slli_epi16(a, (int)by);
}

VAI V v_sra16(V a, unsigned int by)
{
	return _mm256_srai_epi16(a, (int)by);
}

VAI V v_sra(V a, unsigned int by)
{
	return _mm256_sra_epi32(a, _mm_cvtsi32_si128((int)by));
}

/* ceil(a * factor), factor a vector of floats */
VAI V v_ceil_scaled(V a, V factor)
{
	__m256 x = _mm256_mul_ps(_mm256_cvtepi32_ps(a), _mm256_castsi256_ps(factor));

	return _mm256_cvttps_epi32(_mm256_ceil_ps(x));
}

/* Lanes saturated to bytes. */
VAI void v_store_bytes(uint8_t *p, V a)
{
	__m128i words = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));

	_mm_storel_epi64((__m128i *)p, _mm_packus_epi16(words, words));
}

/* Two vectors as 16 bytes. */
VAI void v_store_block(uint8_t *p, const V *a)
{
	V words = _mm256_packs_epi32(a[0], a[1]), bytes = _mm256_packus_epi16(words, words);
	V order = _mm256_setr_epi32(0, 4, 1, 5, 0, 4, 1, 5);

	_mm_storeu_si128((__m128i *)p, _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(bytes, order)));
}

VAI void v_store_some(uint8_t *p, V a, uint32_t n)
{
	uint8_t bytes[sizeof(V)];

	v_store(bytes, a);
	memcpy(p, bytes, n);
}

VAI V v_unpack_low8(V a, V b)
{
	return _mm256_unpacklo_epi8(a, b);
}

VAI V v_unpack_high8(V a, V b)
{
	return _mm256_unpackhi_epi8(a, b);
}

VAI V v_unpack_low16(V a, V b)
{
	return _mm256_unpacklo_epi16(a, b);
}

VAI V v_unpack_high16(V a, V b)
{
	return _mm256_unpackhi_epi16(a, b);
}

VAI V v_pack32(V a, V b)
{
	return _mm256_packs_epi32(a, b);
}

VAI V v_pack16(V a, V b)
{
	return _mm256_packus_epi16(a, b);
}

VAI unsigned int v_nonzero(V a)
{
	return 32u -
	       (unsigned int)__builtin_popcount((unsigned int)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, v_zero())));
}

/* int16 products of pairs, summed into lanes */
VAI V v_madd16(V a, V b)
{
	return _mm256_madd_epi16(a, b);
}

/* int16 sums of pairs of u8 x s8 products, saturated */
VAI V v_maddubs(V u, V s)
{
	return _mm256_maddubs_epi16(u, s);
}

VAI V v_add16(V a, V b)
{
	return _mm256_add_epi16(a, b);
}
