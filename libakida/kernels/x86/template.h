/* SPDX-License-Identifier: MIT */
/*
 * The kernels of one x86 instruction set: included by the file that defines the vector type and its operations
 *
 *   V LANES           a vector of int32 and their number
 *   W X               a vector of weights or inputs made ready for dot4
 *   v_*               operations on V, see vector512.h and vector256.h
 *   dot4 dot2         acc + sums of 4 u8 x s8 or of 2 int16 products per lane
 *   FILTER_VECTORS    vectors of filters per block
 *   MAX_P1 .. MAX_P4  positions per tile for 1 to 4 vectors of filters: what the registers hold
 *   HAS_SUM16         defined where dot4 is slow: u8 x s8 pairs are summed in 16 bits while sum_limit allows
 */
#include <string.h>

#define AI static inline __attribute__((always_inline))

/* ---- after the sums ---- */

AI V requantize(enum ak_post post, const struct ak_post_block *b, unsigned int at, V a)
{
	a = v_min(v_max(a, v_load(b->lo + at)), v_load(b->hi + at));
	if (post == AK_POST_SHIFT)
		return v_srav(v_add(v_mul(a, v_load(b->mul + at)), v_load(b->add + at)), v_load(b->shift + at));
	return post == AK_POST_CEIL ? v_ceil_scaled(a, b->factor + at) : a;
}

static __attribute__((noinline)) void store_part(enum ak_post post, void *out, V a, uint32_t count)
{
	int32_t lane[LANES];

	v_store(lane, a);
	if (post == AK_POST_NONE)
		memcpy(out, lane, count * sizeof(*lane));
	else
		for (uint32_t i = 0; i < count; i++)
			((uint8_t *)out)[i] = (uint8_t)lane[i];
}

/* One output of nv vectors; left: filters from here on that exist. */
AI void finish(enum ak_post post, const struct ak_post_block *b, V *a, int nv, uint32_t left, void *out, uint32_t at)
{
	int32_t *words = (int32_t *)out + at;
	uint8_t *bytes = (uint8_t *)out + at;

#pragma GCC unroll 8
	for (int j = 0; j < nv; j++) {
		uint32_t f = (uint32_t)j * LANES;
		V y = requantize(post, b + f / 16, f % 16, a[j]);

		if (f + LANES > left) {
			if (f < left)
				store_part(post, post == AK_POST_NONE ? (void *)(words + f) : (void *)(bytes + f), y,
					   left - f);
		} else if (post == AK_POST_NONE) {
			v_store(words + f, y);
		} else {
			v_store_bytes(bytes + f, y);
		}
	}
}

/* p positions of nv vectors, window of them per output. */
AI void finish_outputs(enum ak_post post, uint32_t window, const struct ak_post_block *b, V *a, int p, int nv,
		       uint32_t left, void *out, const uint32_t *out_offset)
{
	if (window == 4) {
#pragma GCC unroll 2
		for (int i = 0; i + 4 <= p; i += 4) {
#pragma GCC unroll 4
			for (int j = 0; j < nv; j++) {
				V *w = a + i * nv + j;

				*w = v_max(v_max(w[0], w[nv]), v_max(w[2 * nv], w[3 * nv]));
			}
			finish(post, b, a + i * nv, nv, left, out, out_offset[i / 4]);
		}
		return;
	}
#pragma GCC unroll 8
	for (int i = 0; i < p; i++)
		finish(post, b, a + i * nv, nv, left, out, out_offset[i]);
}

AI void finish_tile(const struct ak_conv *c, const struct ak_post_block *b, V *a, int p, int nv, uint32_t left,
		    void *out, const uint32_t *out_offset)
{
	uint32_t window = c->window == 4 ? 4 : 1;

	switch (c->post) {
	case AK_POST_SHIFT:
		if (window == 4)
			finish_outputs(AK_POST_SHIFT, 4, b, a, p, nv, left, out, out_offset);
		else
			finish_outputs(AK_POST_SHIFT, 1, b, a, p, nv, left, out, out_offset);
		break;
	case AK_POST_CEIL:
		if (window == 4)
			finish_outputs(AK_POST_CEIL, 4, b, a, p, nv, left, out, out_offset);
		else
			finish_outputs(AK_POST_CEIL, 1, b, a, p, nv, left, out, out_offset);
		break;
	case AK_POST_NONE:
		finish_outputs(AK_POST_NONE, window, b, a, p, nv, left, out, out_offset);
		break;
	}
}

/* Out of line, sums in memory: one copy for all tiles of many filters, where the products outweigh the way there. */
#define FINISH(nv)                                                                                                     \
	static __attribute__((noinline)) void finish_##nv(const struct ak_conv *c, const struct ak_post_block *b,      \
							  V *a, int p, uint32_t left, void *out,                       \
							  const uint32_t *out_offset)                                  \
	{                                                                                                              \
		int step = c->window == 4 ? 4 : 1;                                                                     \
                                                                                                                       \
		for (int i = 0; i < p; i += step, a += step * nv, out_offset++)                                        \
			finish_tile(c, b, a, step == 4 ? 4 : 1, nv, left, out, out_offset);                            \
	}
FINISH(2)
FINISH(3)
FINISH(4)

/* ---- convolution ---- */

/* What a tile needs besides its positions. */
struct tile {
	const struct ak_conv *c;
	const uint8_t *in; /* origin taken off */
	const uint8_t *weights;
	const struct ak_post_block *blocks;
	uint32_t left;
	void *out;
};

enum product { PRODUCT_4, PRODUCT_2, PRODUCT_SUM16 };

AI void tile_sums(const struct tile *t, const uint32_t *off, enum product product, int p, int nv, V *a)
{
	const struct ak_conv *c = t->c;
	const uint8_t *w = t->weights, *in[8];

#pragma GCC unroll 8
	for (int i = 0; i < p; i++) {
		in[i] = t->in + off[i];
#pragma GCC unroll 4
		for (int j = 0; j < nv; j++)
			a[i * nv + j] = v_load(t->blocks[j * LANES / 16].bias + j * LANES % 16);
	}
	for (uint32_t k = 0; k < c->nk; k++, w += sizeof(V) * (size_t)nv) {
		ptrdiff_t o = c->k_offset[k];

		if (product == PRODUCT_2) {
			V wv[4];

#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				wv[j] = v_load(w + sizeof(V) * (size_t)j);
#pragma GCC unroll 8
			for (int i = 0; i < p; i++) {
				V x = v_spread(in[i] + o);

#pragma GCC unroll 4
				for (int j = 0; j < nv; j++)
					a[i * nv + j] = dot2(a[i * nv + j], x, wv[j]);
			}
		} else {
			W wv[4];

#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				wv[j] = weights_of(v_load(w + sizeof(V) * (size_t)j));
#pragma GCC unroll 8
			for (int i = 0; i < p; i++) {
				X x = inputs_of(v_spread(in[i] + o));

#pragma GCC unroll 4
				for (int j = 0; j < nv; j++)
					a[i * nv + j] = dot4(a[i * nv + j], x, wv[j]);
			}
		}
	}
}

#ifdef HAS_SUM16
/* Sums of pairs in 16 bits, widened every sum_limit groups. */
AI void tile_sums16(const struct tile *t, const uint32_t *off, int p, int nv, V *a)
{
	const struct ak_conv *c = t->c;
	const uint8_t *w = t->weights, *in[8];

#pragma GCC unroll 8
	for (int i = 0; i < p; i++) {
		in[i] = t->in + off[i];
#pragma GCC unroll 4
		for (int j = 0; j < nv; j++)
			a[i * nv + j] = v_load(t->blocks[j * LANES / 16].bias + j * LANES % 16);
	}
	for (uint32_t k = 0; k < c->nk;) {
		uint32_t end = c->nk - k < c->sum_limit ? c->nk : k + c->sum_limit;
		V s[8][4];

#pragma GCC unroll 8
		for (int i = 0; i < p; i++)
#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				s[i][j] = v_zero();
		for (; k < end; k++, w += sizeof(V) * (size_t)nv) {
			ptrdiff_t o = c->k_offset[k];
			V wv[4];

#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				wv[j] = v_load(w + sizeof(V) * (size_t)j);
#pragma GCC unroll 8
			for (int i = 0; i < p; i++) {
				V x = v_spread(in[i] + o);

#pragma GCC unroll 4
				for (int j = 0; j < nv; j++)
					s[i][j] = sum16(s[i][j], x, wv[j]);
			}
		}
#pragma GCC unroll 8
		for (int i = 0; i < p; i++)
#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				a[i * nv + j] = widen16(a[i * nv + j], s[i][j]);
	}
}
#endif

AI void tile_run(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, enum product product, int p,
		 int nv)
{
	V a[8 * 4];

#ifdef HAS_SUM16
	if (product == PRODUCT_SUM16)
		tile_sums16(t, off, p, nv, a);
	else
#endif
		tile_sums(t, off, product, p, nv, a);
	if (nv == 1)
		finish_tile(t->c, t->blocks, a, p, nv, t->left, t->out, out_offset);
	else if (nv == 2)
		finish_2(t->c, t->blocks, a, p, t->left, t->out, out_offset);
	else if (nv == 3)
		finish_3(t->c, t->blocks, a, p, t->left, t->out, out_offset);
	else
		finish_4(t->c, t->blocks, a, p, t->left, t->out, out_offset);
}

typedef void (*tile_fn)(const struct tile *t, const uint32_t *off, const uint32_t *out_offset);

/* clang-format off */
#define TILE(product, p, nv)                                                                                           \
	static __attribute__((noinline)) void tile_##product##_##p##_##nv(                                             \
		const struct tile *t, const uint32_t *off, const uint32_t *out_offset)                                 \
	{                                                                                                              \
		tile_run(t, off, out_offset, PRODUCT_##product, p, nv);                                                \
	}
#define TILES(product, nv)                                                                                             \
	TILE(product, 1, nv) TILE(product, 2, nv) TILE(product, 3, nv) TILE(product, 4, nv)                            \
	TILE(product, 5, nv) TILE(product, 6, nv) TILE(product, 7, nv) TILE(product, 8, nv)
#define NAMES(product, nv)                                                                                             \
	{tile_##product##_1_##nv, tile_##product##_2_##nv, tile_##product##_3_##nv, tile_##product##_4_##nv,           \
	 tile_##product##_5_##nv, tile_##product##_6_##nv, tile_##product##_7_##nv, tile_##product##_8_##nv}
/* For the widest blocks: registers end before the eighth position. */
#define TILES_6(product, nv)                                                                                           \
	TILE(product, 1, nv) TILE(product, 2, nv) TILE(product, 3, nv) TILE(product, 4, nv)                            \
	TILE(product, 5, nv) TILE(product, 6, nv)
#define NAMES_6(product, nv)                                                                                           \
	{tile_##product##_1_##nv, tile_##product##_2_##nv, tile_##product##_3_##nv, tile_##product##_4_##nv,           \
	 tile_##product##_5_##nv, tile_##product##_6_##nv}

#if FILTER_VECTORS == 4
#define ALL_TILES(product) TILES(product, 1) TILES(product, 2) TILES(product, 3) TILES_6(product, 4)
#define ALL_NAMES(product) {NAMES(product, 1), NAMES(product, 2), NAMES(product, 3), NAMES_6(product, 4)}
#else
#define ALL_TILES(product) TILES(product, 1) TILES_6(product, 2)
#define ALL_NAMES(product) {NAMES(product, 1), NAMES_6(product, 2)}
#endif

ALL_TILES(4)
ALL_TILES(2)
#ifdef HAS_SUM16
ALL_TILES(SUM16)
#endif

static const tile_fn tiles[][FILTER_VECTORS][8] = {
	ALL_NAMES(4),
	ALL_NAMES(2),
#ifdef HAS_SUM16
	ALL_NAMES(SUM16),
#endif
};
/* clang-format on */

static const unsigned char tile_positions[FILTER_VECTORS] = TILE_POSITIONS;

static void conv(const struct ak_conv *c, const uint8_t *in, uint32_t origin, void *out, size_t first, size_t end)
{
	const uint8_t *w = c->weights;

	for (uint32_t f = 0; f < c->filters; f += FILTER_VECTORS * LANES) {
		uint32_t left = c->filters - f,
			 nv = left >= FILTER_VECTORS * LANES ? FILTER_VECTORS : (left + LANES - 1) / LANES;
		struct tile t = {c, in - origin, w, c->blocks + f / 16, left, NULL};
		const tile_fn *fn = tiles[c->pairs ? PRODUCT_2 : USE_SUM16(c) ? PRODUCT_SUM16 : PRODUCT_4][nv - 1];
		uint32_t most = tile_positions[nv - 1] / c->window;

		t.out = c->post == AK_POST_NONE ? (void *)((int32_t *)out + f) : (void *)((uint8_t *)out + f);
		for (size_t i = first; i < end;) {
			uint32_t n = end - i < most ? (uint32_t)(end - i) : most;

			fn[n * c->window - 1](&t, c->in_offset + i * c->window, c->out_offset + i);
			i += n;
		}
		w += sizeof(V) * (size_t)nv * c->nk;
	}
}

/* ---- one position, packed weights ---- */

AI V plane(V packed, unsigned int bits, unsigned int j)
{
	return v_and(v_shift_right16(packed, bits * j), v_bytes((uint8_t)((1u << bits) - 1u)));
}

/*
 * A block of `planes` vectors of filters: their weights lie side by side, or in one vector of fewer bits each. Several sums
 * per filter where there are few filters, so that one need not wait for the other; nk is a multiple of 8.
 */
AI void dense_block(const struct ak_dense *d, const uint8_t *in, const uint8_t *w, unsigned int bits, int planes, V *a)
{
	size_t step = sizeof(V) * (size_t)(bits == 8 ? planes : 1);
	int sums = DENSE_SUMS / planes > 1 ? DENSE_SUMS / planes : 1;
	V s[8][8];

#pragma GCC unroll 8
	for (int u = 0; u < sums; u++)
#pragma GCC unroll 8
		for (int j = 0; j < planes; j++)
			s[u][j] = u ? v_zero() : a[j];
	for (uint32_t k = 0; k < d->nk; k += (uint32_t)sums) {
#pragma GCC unroll 8
		for (int u = 0; u < sums; u++, w += step) {
			X x = inputs_of(v_spread(in + d->k_offset[k + (uint32_t)u]));
			V packed = v_load(w);

#pragma GCC unroll 8
			for (int j = 0; j < planes; j++) {
				V wv = bits == 8 ? v_load(w + sizeof(V) * (size_t)j)
						 : plane(packed, bits, (unsigned int)j);

				s[u][j] = dot4(s[u][j], x, weights_of(wv));
			}
		}
	}
#pragma GCC unroll 8
	for (int u = 1; u < sums; u++)
#pragma GCC unroll 8
		for (int j = 0; j < planes; j++)
			s[0][j] = v_add(s[0][j], s[u][j]);
#pragma GCC unroll 8
	for (int j = 0; j < planes; j++)
		a[j] = s[0][j];
}

static int32_t sum_inputs(const struct ak_dense *d, const uint8_t *in)
{
	V sum = v_zero();
	int32_t lane[LANES];

	for (uint32_t k = 0; k < d->nk; k++)
		sum = dot4(sum, inputs_of(v_spread(in + d->k_offset[k])), weights_of(v_bytes(1)));
	v_store(lane, sum);
	return lane[0];
}

AI void dense_run(const struct ak_dense *d, const uint8_t *in, void *out, unsigned int bits, int planes)
{
	V shift = d->offset ? v_set(-(int32_t)d->offset * sum_inputs(d, in)) : v_zero();
	size_t block = sizeof(V) * (size_t)(bits == 8 ? planes : 1) * d->nk;
	uint32_t wide = (uint32_t)planes * LANES;

	for (uint32_t f = 0; f < d->filters; f += wide) {
		const struct ak_post_block *b = d->blocks + f / 16;
		uint32_t left = d->filters - f;
		V a[8];

#pragma GCC unroll 8
		for (int j = 0; j < planes; j++)
			a[j] = v_add(shift, v_load(b[j * LANES / 16].bias + j * LANES % 16));
		dense_block(d, in, d->weights + f / wide * block, bits, planes, a);
		if (d->post == AK_POST_SHIFT)
			finish(AK_POST_SHIFT, b, a, planes, left, out, f);
		else if (d->post == AK_POST_CEIL)
			finish(AK_POST_CEIL, b, a, planes, left, out, f);
		else
			finish(AK_POST_NONE, b, a, planes, left, out, f);
	}
}

static void dense(const struct ak_dense *d, const uint8_t *in, void *out)
{
	if (d->bits == 4)
		dense_run(d, in, out, 4, 2);
	else if (d->bits == 2)
		dense_run(d, in, out, 2, 4);
	else if (d->bits == 1)
		dense_run(d, in, out, 1, 8);
	else if (d->planes == 8)
		dense_run(d, in, out, 8, 8);
	else if (d->planes == 4)
		dense_run(d, in, out, 8, 4);
	else if (d->planes == 2)
		dense_run(d, in, out, 8, 2);
	else
		dense_run(d, in, out, 8, 1);
}

/* ---- depthwise ---- */

struct column {
	X x[4];
};

/* Up to 4 rows of one column of taps, a group of 4 bytes per channel. */
AI struct column column_of(const uint8_t *in, size_t pitch, int rows)
{
	V r0 = v_load(in), r1 = rows > 1 ? v_load(in + pitch) : v_zero();
	V r2 = rows > 2 ? v_load(in + 2 * pitch) : v_zero(), r3 = rows > 3 ? v_load(in + 3 * pitch) : v_zero();
	V l01 = v_unpack_low8(r0, r1), h01 = v_unpack_high8(r0, r1);
	V l23 = v_unpack_low8(r2, r3), h23 = v_unpack_high8(r2, r3);

	return (struct column){{inputs_of(v_unpack_low16(l01, l23)), inputs_of(v_unpack_high16(l01, l23)),
				inputs_of(v_unpack_low16(h01, h23)), inputs_of(v_unpack_high16(h01, h23))}};
}

AI void add_column(V a[4], const struct column *c, const int8_t *w)
{
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		a[j] = dot4(a[j], c->x[j], weights_of(v_load(w + sizeof(V) * (size_t)j)));
}

/* left: channels of the unit that exist. */
AI void finish_unit(const struct ak_depthwise *d, const struct ak_post_block *b, V a[4], uint32_t left, uint8_t *out)
{
	V y[4], low, high;

	if (d->post == AK_POST_NONE) { /* int16 sums; rows have room for whole units */
		v_store(out, v_pack32(a[0], a[1]));
		v_store(out + sizeof(V), v_pack32(a[2], a[3]));
		return;
	}
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		y[j] = requantize(AK_POST_SHIFT, b + j * LANES / 16, j * LANES % 16, a[j]);
	low = v_pack32(y[0], y[1]);
	high = v_pack32(y[2], y[3]);
	if (left >= 4 * LANES)
		v_store(out, v_pack16(low, high));
	else
		v_store_some(out, v_pack16(low, high), left);
}

AI void start_unit(const struct ak_post_block *b, V a[4])
{
#pragma GCC unroll 4
	for (int j = 0; j < 4; j++)
		a[j] = v_load(b[j * LANES / 16].bias + j * LANES % 16);
}

/* 3 x 3 at stride 1: each column serves three outputs. */
static void unit_row_3x3(const struct ak_depthwise *d, const struct ak_post_block *b, const int8_t *w, uint32_t left,
			 const uint8_t *in, uint8_t *out, size_t out_step)
{
	struct column c0 = column_of(in, d->in_pitch, 3), c1 = column_of(in + d->channels, d->in_pitch, 3), c2;

	in += 2 * (size_t)d->channels;
	for (uint32_t x = 0; x < d->out_w; x++, in += d->channels, out += out_step) {
		V a[4];

		start_unit(b, a);
		c2 = column_of(in, d->in_pitch, 3);
		add_column(a, &c0, w);
		add_column(a, &c1, w + 4 * sizeof(V));
		add_column(a, &c2, w + 8 * sizeof(V));
		finish_unit(d, b, a, left, out);
		c0 = c1;
		c1 = c2;
	}
}

static void unit_row(const struct ak_depthwise *d, const struct ak_post_block *b, const int8_t *weights, uint32_t left,
		     const uint8_t *in, uint8_t *out, size_t out_step)
{
	for (uint32_t x = 0; x < d->out_w; x++, in += (size_t)d->stride * d->channels, out += out_step) {
		const int8_t *w = weights;
		V a[4];

		start_unit(b, a);
		for (uint32_t kx = 0; kx < d->kernel_w; kx++)
			for (uint32_t ky = 0; ky < d->kernel_h; ky += 4, w += 4 * sizeof(V)) {
				const uint8_t *at = in + ky * (size_t)d->in_pitch + (size_t)kx * d->channels;
				uint32_t rows = d->kernel_h - ky;
				struct column c;

				if (rows == 3)
					c = column_of(at, d->in_pitch, 3);
				else if (rows >= 4)
					c = column_of(at, d->in_pitch, 4);
				else if (rows == 2)
					c = column_of(at, d->in_pitch, 2);
				else
					c = column_of(at, d->in_pitch, 1);
				add_column(a, &c, w);
			}
		finish_unit(d, b, a, left, out);
	}
}

static void depthwise(const struct ak_depthwise *d, const uint8_t *in, void *out, uint32_t rows)
{
	bool wide = d->post == AK_POST_NONE, rolling = d->kernel_h == 3 && d->kernel_w == 3 && d->stride == 1;
	uint32_t unit = 4 * LANES, padded = (d->channels + unit - 1) / unit * unit;
	size_t step = wide ? 2 * (size_t)padded : d->channels, weights = sizeof(V) * 4 * (size_t)d->groups;

	for (uint32_t y = 0; y < rows; y++) {
		const uint8_t *from = in + (size_t)y * d->stride * d->in_pitch;
		uint8_t *to = (uint8_t *)out + (size_t)y * d->out_pitch;

		for (uint32_t c = 0; c < d->channels; c += unit) {
			const int8_t *w = d->weights + c / unit * weights;
			uint8_t *at = to + (size_t)c * (wide ? 2 : 1);

			if (rolling)
				unit_row_3x3(d, d->blocks + c / 16, w, d->channels - c, from + c, at, step);
			else
				unit_row(d, d->blocks + c / 16, w, d->channels - c, from + c, at, step);
		}
	}
}

/* ---- counting ---- */

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
	.nonzero = nonzero,
	.widen = widen,
};
