/* SPDX-License-Identifier: MIT */
/* Part of template.h: convolutions, and pointwise ones over pairs of int16. */
/* What a tile needs besides its positions. */
struct tile {
	const struct ak_conv *c;
	const uint8_t *in; /* origin taken off */
	const uint8_t *weights;
	const struct ak_post_block *blocks;
	uint32_t left;
	void *out;
};

enum product { PRODUCT_4, PRODUCT_2, PRODUCT_SMALL, PRODUCT_SUM16 };

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
#pragma GCC unroll 2
	for (uint32_t k = 0; k < c->nk; k++, w += sizeof(V) * (size_t)nv) {
		ptrdiff_t o = c->k_offset[k];

		if (product == PRODUCT_2 || product == PRODUCT_SMALL) {
			V wv[4];

#pragma GCC unroll 4
			for (int j = 0; j < nv; j++)
				wv[j] = v_load(w + sizeof(V) * (size_t)j);
#pragma GCC unroll 8
			for (int i = 0; i < p; i++) {
				V x = v_spread(in[i] + o);

#pragma GCC unroll 4
				for (int j = 0; j < nv; j++)
					a[i * nv + j] = product == PRODUCT_2 ? dot2(a[i * nv + j], x, wv[j])
									     : dot4_small(a[i * nv + j], x, wv[j]);
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

AI void sums_of(const struct tile *t, const uint32_t *off, enum product product, int p, int nv, V *a)
{
#ifdef HAS_SUM16
	if (product == PRODUCT_SUM16) {
		tile_sums16(t, off, p, nv, a);
		return;
	}
#endif
	tile_sums(t, off, product, p, nv, a);
}

/* The first layer of a network over images: three rows of one or three groups, weights in registers throughout. */
AI V image_sums(const uint8_t *in, size_t pitch, int groups, const W *w, V bias)
{
	V a = bias, b = v_zero();

#pragma GCC unroll 3
	for (int y = 0; y < 3; y++)
#pragma GCC unroll 3
		for (int k = 0; k < groups; k++) {
			X x = inputs_of(v_spread(in + (size_t)y * pitch + 4 * (size_t)k));

			if (groups > 1 && (y * groups + k) % 2) /* two chains where one is long */
				b = dot4(b, x, w[y * groups + k]);
			else
				a = dot4(a, x, w[y * groups + k]);
		}
	return groups > 1 ? v_add(a, b) : a;
}

AI void image_outputs(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, size_t outputs, int groups,
		      enum ak_post post, int window)
{
	struct common c = common_of(&t->c->q);
	struct param param = param_of(t->blocks, 0, false);
	V bias = v_load(t->blocks->bias);
	const uint8_t *in = t->in;
	size_t pitch = t->c->row_pitch;
	uint32_t left = t->left;
	void *out = t->out;
	W w[9];

#pragma GCC unroll 9
	for (int k = 0; k < 3 * groups; k++)
		w[k] = weights_of(v_load(t->weights + sizeof(V) * (size_t)k));
	for (; outputs; outputs--, off += window, out_offset++) {
		V y = image_sums(in + off[0], pitch, groups, w, bias);

#pragma GCC unroll 4
		for (int i = 1; i < window; i++)
			y = v_max(y, image_sums(in + off[i], pitch, groups, w, bias));
		store(post, out, *out_offset, requantize(post, false, &c, &param, y), left);
	}
}

/* False where it does not apply. */
static bool image_conv(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, size_t outputs)
{
	const struct ak_conv *c = t->c;
	uint32_t groups = c->rows == 3 ? c->nk / 3 : 0;

	if (c->pairs || t->left > LANES || c->q.clamp || c->q.post > AK_POST_CEIL || (groups != 1 && groups != 3))
		return false;
	if (groups == 1 && c->window == 4 && c->q.post == AK_POST_SHIFT)
		image_outputs(t, off, out_offset, outputs, 1, AK_POST_SHIFT, 4);
	else if (groups == 1 && c->window == 4)
		image_outputs(t, off, out_offset, outputs, 1, AK_POST_CEIL, 4);
	else if (groups == 1 && c->q.post == AK_POST_SHIFT)
		image_outputs(t, off, out_offset, outputs, 1, AK_POST_SHIFT, 1);
	else if (groups == 1)
		image_outputs(t, off, out_offset, outputs, 1, AK_POST_CEIL, 1);
	else if (c->window == 4 && c->q.post == AK_POST_SHIFT)
		image_outputs(t, off, out_offset, outputs, 3, AK_POST_SHIFT, 4);
	else if (c->window == 4)
		image_outputs(t, off, out_offset, outputs, 3, AK_POST_CEIL, 4);
	else if (c->q.post == AK_POST_SHIFT)
		image_outputs(t, off, out_offset, outputs, 3, AK_POST_SHIFT, 1);
	else
		image_outputs(t, off, out_offset, outputs, 3, AK_POST_CEIL, 1);
	return true;
}

/*
 * Few filters: loads of inputs are the limit, one for each product. Of four groups side by side two come from one load and
 * are spread by shuffles.
 */
AI void narrow_sums(const struct tile *t, const uint32_t *off, int p, V *a)
{
	const struct ak_conv *c = t->c;
	const uint8_t *w = t->weights, *in[8];
	V bias = v_load(t->blocks->bias);

#pragma GCC unroll 8
	for (int i = 0; i < p; i++) {
		in[i] = t->in + off[i];
		a[i] = bias;
	}
	for (uint32_t k = 0; k < c->nk; k += 4, w += 4 * sizeof(V)) {
		ptrdiff_t o = c->k_offset[k];
		W w0 = weights_of(v_load(w)), w1 = weights_of(v_load(w + sizeof(V)));
		W w2 = weights_of(v_load(w + 2 * sizeof(V))), w3 = weights_of(v_load(w + 3 * sizeof(V)));

#pragma GCC unroll 8
		for (int i = 0; i < p; i++) {
			V two = v_spread_two(in[i] + o + 8);

			a[i] = dot4(a[i], inputs_of(v_spread(in[i] + o)), w0);
			a[i] = dot4(a[i], inputs_of(v_spread(in[i] + o + 4)), w1);
			a[i] = dot4(a[i], inputs_of(v_first_of_two(two)), w2);
			a[i] = dot4(a[i], inputs_of(v_second_of_two(two)), w3);
		}
	}
}

/* Few filters: what follows the sums costs as much as they do, so it stays in registers. */
AI void narrow_tiles(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles,
		     enum product product, enum ak_post post, int window)
{
	struct common c = common_of(&t->c->q);
	struct param param = param_of(t->blocks, 0, false);
	void *out = t->out;
	uint32_t left = t->left;

	for (; tiles; tiles--, off += 8, out_offset += 8 / window) {
		V a[8];

		if (product == PRODUCT_4)
			narrow_sums(t, off, 8, a);
		else
			sums_of(t, off, product, 8, 1, a);
#pragma GCC unroll 8
		for (int i = 0; i < 8; i += window) {
			V y = window == 4 ? v_max(v_max(a[i], a[i + 1]), v_max(a[i + 2], a[i + 3])) : a[i];

			store(post, out, out_offset[i / window], requantize(post, false, &c, &param, y), left);
		}
	}
}

/* False where it does not apply. */
AI bool narrow_conv(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles,
		    enum product product)
{
	const struct ak_conv *c = t->c;

	if (c->q.clamp || c->q.post > AK_POST_CEIL || (product == PRODUCT_4 && (!c->rows || c->nk / c->rows % 4)))
		return false;
	if (c->window == 4 && c->q.post == AK_POST_SHIFT)
		narrow_tiles(t, off, out_offset, tiles, product, AK_POST_SHIFT, 4);
	else if (c->window == 4)
		narrow_tiles(t, off, out_offset, tiles, product, AK_POST_CEIL, 4);
	else if (c->q.post == AK_POST_SHIFT)
		narrow_tiles(t, off, out_offset, tiles, product, AK_POST_SHIFT, 1);
	else
		narrow_tiles(t, off, out_offset, tiles, product, AK_POST_CEIL, 1);
	return true;
}

/* The usual case of a wide layer: as many positions as registers hold, and what follows their sums stays there too. */
AI void wide_tiles(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles,
		   enum product product, int p, int nv, enum ak_post post)
{
	for (; tiles; tiles--, off += p, out_offset += p) {
		V a[8 * 4];

		sums_of(t, off, product, p, nv, a);
		finish_block(&t->c->q, post, t->blocks, a, p, nv, t->out, out_offset);
	}
}

AI void tile_run(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles,
		 enum product product, int p, int nv)
{
	const struct ak_requantize *q = &t->c->q;
	uint32_t window = t->c->window;
	int outputs = p / (int)window;
	V a[8 * 4];

	if (nv == 1 && p == 8 && product != PRODUCT_2 && narrow_conv(t, off, out_offset, tiles, product))
		return;
	/* sums in two widths leave no registers for that */
	if (product != PRODUCT_SUM16 && p == (nv == FILTER_VECTORS ? WIDE_POSITIONS : 8) && nv > 1 && nv != 3 &&
	    window == 1 && !q->clamp && t->left >= (uint32_t)nv * LANES) {
		if (q->post == AK_POST_SHIFT) {
			wide_tiles(t, off, out_offset, tiles, product, p, nv, AK_POST_SHIFT);
			return;
		}
		if (q->post == AK_POST_CEIL) {
			wide_tiles(t, off, out_offset, tiles, product, p, nv, AK_POST_CEIL);
			return;
		}
	}
	/* else what follows is out of line, one copy for all tiles */
	for (; tiles; tiles--, off += p, out_offset += outputs) {
		sums_of(t, off, product, p, nv, a);
		if (nv == 1)
			finish_1(q, window, t->blocks, a, outputs, t->left, t->out, out_offset);
		else if (nv == 2)
			finish_2(q, window, t->blocks, a, outputs, t->left, t->out, out_offset);
#if FILTER_VECTORS == 4
		else if (nv == 3)
			finish_3(q, window, t->blocks, a, outputs, t->left, t->out, out_offset);
#endif
		else
			finish_4(q, window, t->blocks, a, outputs, t->left, t->out, out_offset);
	}
}

typedef void (*tile_fn)(const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles);

/* clang-format off */
#define TILE(product, p, nv)                                                                                           \
	static __attribute__((noinline)) void tile_##product##_##p##_##nv(                                             \
		const struct tile *t, const uint32_t *off, const uint32_t *out_offset, uint32_t tiles)                 \
	{                                                                                                              \
		tile_run(t, off, out_offset, tiles, PRODUCT_##product, p, nv);                                         \
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
#if !SMALL_ALWAYS
ALL_TILES(SMALL)
#endif
#ifdef HAS_SUM16
ALL_TILES(SUM16)
#endif

static const tile_fn tiles[][FILTER_VECTORS][8] = {
	ALL_NAMES(4),
	ALL_NAMES(2),
#if !SMALL_ALWAYS
	ALL_NAMES(SMALL),
#endif
#ifdef HAS_SUM16
	ALL_NAMES(SUM16),
#endif
};
/* clang-format on */

static const unsigned char tile_positions[FILTER_VECTORS] = {TILE_POSITIONS};

/* Widening a 16-bit sum costs as much as two groups: it has to hold more. */
static enum product product_of(const struct ak_conv *c)
{
	if (c->pairs)
		return PRODUCT_2;
#ifdef HAS_SUM16
	if (c->sum_limit > 2)
		return PRODUCT_SUM16;
#endif
	return !SMALL_ALWAYS && c->sum_limit ? PRODUCT_SMALL : PRODUCT_4;
}

static void conv_block(const struct ak_conv *c, const struct tile *t, uint32_t nv, size_t first, size_t end)
{
	const uint32_t *off = c->in_offset + first * c->window, *out_offset = c->out_offset + first;
	const tile_fn *fn = tiles[product_of(c)][nv - 1];
	uint32_t most = tile_positions[nv - 1] / c->window;
	size_t full = (end - first) / most, rest = (end - first) % most;

	if (nv == 1 && image_conv(t, off, out_offset, end - first))
		return;
	if (full)
		fn[most * c->window - 1](t, off, out_offset, (uint32_t)full);
	if (rest)
		fn[rest * c->window - 1](t, off + full * most * c->window, out_offset + full * most, 1);
}
