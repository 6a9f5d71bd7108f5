/* SPDX-License-Identifier: MIT */
/* Weights and parameters in the order the kernels read them, and the proof that a kernel is exact for them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/plan_private.h"
#include "layer/v2.h"

#define BLOCK_FILTERS 128u /* parameters reach to a multiple of this: the widest block of any kernel */

uint32_t ak_unpack_order(uint32_t lanes, uint32_t s)
{
	return s % lanes / 4 * 16 + s / lanes * 4 + s % 4;
}

/* int16 sums of a unit leave in two vectors: eight channels of each 128-bit lane, then the other eight. */
static uint32_t pair_order(uint32_t lanes, uint32_t s)
{
	uint32_t half = s / (2 * lanes), in_half = s % (2 * lanes);

	return in_half / 8 * 16 + half * 8 + in_half % 8;
}

/* ---- after the sum ---- */

struct range {
	int64_t low, high; /* of a finished sum with its bias */
};

static int32_t to32(int64_t v)
{
	return v < INT32_MIN ? INT32_MIN : v > INT32_MAX ? INT32_MAX : (int32_t)v;
}

static int64_t ceil_div(int64_t a, int64_t b) /* b > 0 */
{
	return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/*
 * The activation law of v1 as ceil(d * factor), d = potential - threshold from 0 to the first that gives the highest value:
 * right for every d if it is right on both sides of each step, for the product is monotone.
 */
static bool factor_fits(int64_t interval, int64_t max, float factor)
{
	for (int64_t n = 0; n < max; n++)
		for (int64_t d = n * interval / 16; d <= n * interval / 16 + 1; d++) {
			int64_t want = (d * 16 + interval - 1) / interval;

			if (d > 0xffffff || (int64_t)ceilf((float)d * factor) != (want < max ? want : max))
				return false;
		}
	return true;
}

static bool post_v1(const struct akida_layer *l, uint32_t f, struct ak_post_block *b, uint32_t i)
{
	int64_t interval = (int64_t)l->step16[f] << (4 - l->act_bits), max = (1 << l->act_bits) - 1;
	int64_t high = (max - 1) * interval / 16 + 1;
	/* a little less than the quotient, so that a step's last value does not round beyond it; or up to the highest only */
	float factor = 16.0f / (float)interval * (1 - 0x1p-22f), steep = ((float)max - 0.25f) / (float)high;

	if (!factor_fits(interval, max, factor)) {
		factor = steep;
		if (!factor_fits(interval, max, factor))
			return false;
	}
	b->bias[i] -= l->threshold[f];
	b->lo[i] = 0;
	b->hi[i] = (int32_t)high;
	b->factor[i] = factor;
	return true;
}

/* Scale and shift of Akida 2 as (a * mul + add) >> shift on 32 bits, a held where the output is not clipped yet. */
static bool post_v2(const struct akida_layer *l, uint32_t f, struct range a, struct ak_post_block *b, uint32_t i)
{
	const struct ak_v2 *v = l->v2;
	int64_t out_high = v->out_signed ? (1 << (v->output_bits - 1)) - 1 : (1 << v->output_bits) - 1;
	int64_t out_low = v->out_signed ? -out_high - 1 : 0;
	int64_t mul = v->out_scale ? v->out_scale[f] : 1, shift = -v->out_shift[f], add, low, high, limit;
	bool relu = v->act == AK_V2_ACT_RELU;

	if (shift < -8 || shift > 22)
		return false;
	if (shift < 0) {
		mul <<= -shift;
		shift = 0;
	}
	if (relu) {
		int64_t bound = v->bounded ? (int64_t)v->max_value[f] << v->max_shift[f] : INT64_MAX;

		a.low = a.low < 0 ? 0 : a.low < bound ? a.low : bound;
		a.high = a.high < 0 ? 0 : a.high < bound ? a.high : bound;
	}
	add = shift ? (int64_t)1 << (shift - 1) : 0;
	/* where the post-op width cuts a product, the output must be clipped already */
	limit = (int64_t)1 << (v->post_op_bits - 1);
	if (v->out_scale && ((a.high * v->out_scale[f] > limit - 1 && (limit - 1 + add) >> shift < out_high) ||
			     (a.low * v->out_scale[f] < -limit && (-limit + add) >> shift > out_low)))
		return false;
	if (!mul) {
		low = high = 0;
	} else {
		/* the first a that gives the highest code, the last that gives the lowest */
		int64_t top = ceil_div((out_high << shift) - add, mul);
		int64_t bottom = ceil_div(((out_low + 1) << shift) - add, mul) - 1;

		if ((a.high >= top && (top * mul + add) >> shift != out_high) ||
		    (a.low <= bottom && (bottom * mul + add) >> shift != out_low))
			return false;
		high = a.high < top ? a.high : top;
		low = a.low > bottom ? a.low : bottom;
		if (a.low > top)
			low = top;
		if (a.high < bottom)
			high = bottom;
	}
	if (v->out_signed)
		add += (int64_t)128 << shift;
	if (high * mul + add > INT32_MAX || low * mul + add < INT32_MIN)
		return false;
	b->lo[i] = to32(low);
	b->hi[i] = to32(high);
	b->mul[i] = (int32_t)mul;
	b->add[i] = (int32_t)add;
	b->shift[i] = (int32_t)shift;
	return true;
}

/* Values handed out or summed: only the ReLU holds them. */
static void post_none(const struct akida_layer *l, uint32_t f, struct ak_post_block *b, uint32_t i)
{
	bool relu = l->v2 && l->v2->act == AK_V2_ACT_RELU;

	b->lo[i] = relu ? 0 : INT32_MIN;
	b->hi[i] = relu && l->v2->bounded ? to32((int64_t)l->v2->max_value[f] << l->v2->max_shift[f]) : INT32_MAX;
}

static bool fits(int64_t v, uint32_t bits)
{
	int64_t limit = (int64_t)1 << (bits - 1);

	return v >= -limit && v < limit;
}

/* sum_w: sum of the weights of filter f; a: what the sum of products can be; sums: so many of them are added up. */
static bool post_filter(const struct akida_layer *l, const struct ak_codes *x, uint32_t f, int64_t sum_w,
			struct range a, enum ak_post post, int64_t sums, struct ak_post_block *b, uint32_t i)
{
	const struct ak_v2 *v = l->v2;
	int64_t bias = 0;

	if (v) {
		bias = ak_v2_shift(v->bias[f], v->bias_shift[f], v->buffer_bits, true);
		if (!fits(a.low, v->buffer_bits) || !fits(a.high, v->buffer_bits) ||
		    !fits(a.low + bias, v->buffer_bits) || !fits(a.high + bias, v->buffer_bits))
			return false;
		a.low += bias;
		a.high += bias;
	}
	if (!fits(a.low * sums, 31) || !fits(a.high * sums, 31) || !fits(bias - x->zero * sum_w, 32))
		return false;
	b->bias[i] = (int32_t)(bias - x->zero * sum_w);
	if (post == AK_POST_CEIL)
		return post_v1(l, f, b, i);
	if (post == AK_POST_SHIFT)
		return post_v2(l, f, a, b, i);
	post_none(l, f, b, i);
	return true;
}

static enum ak_post post_of(const struct akida_layer *l, bool average)
{
	if (average)
		return AK_POST_NONE;
	if (l->v2)
		return l->v2->rescale && l->v2->output_bits <= 8 ? AK_POST_SHIFT : AK_POST_NONE;
	return l->activation ? AK_POST_CEIL : AK_POST_NONE;
}

/* Per filter of `taps` weights that lie `pitch` apart. x: codes; extra: a code that padding may add, within x already. */
static int pack_posts(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, enum ak_post post,
		      int64_t sums, const int8_t *w, size_t taps, size_t pitch, const uint32_t *order, uint32_t filters,
		      const struct ak_post_block **out)
{
	size_t blocks = (filters + BLOCK_FILTERS - 1) / BLOCK_FILTERS * (BLOCK_FILTERS / 16);
	struct ak_post_block *b = ak_plan_alloc(p, blocks * sizeof(*b));

	if (!b)
		return -ENOMEM;
	*out = b;
	for (uint32_t s = 0; s < filters; s++) {
		uint32_t f = order ? order[s] : s;
		int64_t sum = 0;
		struct range a = {0, 0};

		if (f >= l->filters)
			continue;
		for (size_t t = 0; t < taps; t++) {
			int64_t v = w[t * pitch + f];

			sum += v;
			a.low += v > 0 ? v * x->low : v * x->high;
			a.high += v > 0 ? v * x->high : v * x->low;
		}
		if (!post_filter(l, x, f, sum, a, post, sums, &b[s / 16], s % 16))
			return -EOPNOTSUPP;
	}
	return 0;
}

/* Akida 2: input shifts, activations that are not a ReLU, and codes wider than a byte have no kernel. */
static bool plain(const struct akida_layer *l)
{
	if (!l->v2)
		return true;
	for (uint32_t c = 0; l->v2->input_shift && c < l->in_c; c++)
		if (l->v2->input_shift[c])
			return false;
	return l->v2->act != AK_V2_ACT_LUT && l->v2->rescale == (l->v2->output_bits <= 8);
}

/* ---- weights ---- */

/* Runs of bytes that lie side by side in the tensor: one per kernel row, or one for all. */
struct runs {
	uint32_t count, length; /* bytes */
	size_t pitch;
};

static struct runs runs_of(const struct akida_layer *l, const struct ak_tensor *in, uint32_t kernel_h,
			   uint32_t kernel_w)
{
	struct runs r = {kernel_h, kernel_w * l->in_c, in->pitch};

	if (r.pitch == r.length)
		r = (struct runs){1, r.length * kernel_h, r.pitch};
	return r;
}

static const int32_t *offsets(struct ak_plan *p, const struct runs *r, uint32_t nk)
{
	int32_t *o = ak_plan_alloc(p, nk * sizeof(*o));
	uint32_t per_run = (r->length + 3) / 4;

	for (uint32_t k = 0; o && k < r->count * per_run; k++)
		o[k] = (int32_t)(k / per_run * r->pitch + k % per_run * 4);
	return o;
}

/* Weight of byte j of group k for filter f; bytes behind a run's end weigh nothing. */
static int8_t weight_at(const struct runs *r, const int8_t *w, uint32_t filters, uint32_t k, uint32_t j, uint32_t f)
{
	uint32_t per_run = (r->length + 3) / 4, byte = k % per_run * 4 + j;

	if (k >= r->count * per_run || byte >= r->length || f >= filters)
		return 0;
	return w[((size_t)(k / per_run) * r->length + byte) * filters + f];
}

static uint32_t round_up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b * b;
}

/* Groups of 4 products of which two 16-bit sums of pairs hold any: what vpmaddubsw and a 16-bit sum allow. */
static uint32_t sum_limit(const int8_t *w, size_t n, const struct ak_codes *x)
{
	int32_t most = 1, high = x->high + x->zero;

	for (size_t i = 0; i < n; i++)
		most = abs(w[i]) > most ? abs(w[i]) : most;
	return (uint32_t)(32767 / (2 * high * most));
}

int ak_pack_conv(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_tensor *in,
		 bool average, struct ak_conv *c)
{
	struct runs r = runs_of(l, in, l->kernel_h, l->kernel_w);
	uint32_t block = p->k->filter_block;
	int8_t *w;
	int err;

	if (!plain(l))
		return -EOPNOTSUPP;
	c->filters = l->filters;
	c->nk = r.count * ((r.length + 3) / 4);
	c->post = post_of(l, average);
	c->sum_limit = sum_limit(l->weights, (size_t)l->kernel_h * l->kernel_w * l->in_c * l->filters, x);
	err = pack_posts(p, l, x, c->post, average ? (int64_t)l->conv_h * l->conv_w : 1, l->weights,
			 (size_t)l->kernel_h * l->kernel_w * l->in_c, l->filters, NULL, l->filters, &c->blocks);
	if (err)
		return err;
	c->k_offset = offsets(p, &r, c->nk);
	c->weights = w = ak_plan_alloc(p, (size_t)c->nk * 4 * round_up(l->filters, p->k->lanes));
	if (!c->k_offset || !w)
		return -ENOMEM;
	for (uint32_t f0 = 0; f0 < l->filters; f0 += block) {
		uint32_t n = l->filters - f0 < block ? round_up(l->filters - f0, p->k->lanes) : block;

		for (uint32_t k = 0; k < c->nk; k++)
			for (uint32_t f = 0; f < n; f++)
				for (uint32_t j = 0; j < 4; j++)
					*w++ = weight_at(&r, l->weights, l->filters, k, j, f0 + f);
	}
	return 0;
}

/* The fewest bits, as packed weights have them, that hold all weights. */
static uint32_t dense_bits(const int8_t *w, size_t n)
{
	int low = 0, high = 0;

	for (size_t i = 0; i < n; i++) {
		low = w[i] < low ? w[i] : low;
		high = w[i] > high ? w[i] : high;
	}
	if (low >= 0 && high <= 1)
		return 1;
	if (low >= -2 && high <= 1)
		return 2;
	return low >= -8 && high <= 7 ? 4 : 8;
}

#define PACK_DENSE_FROM 16384u /* bytes: below, weights stay in the first cache and unpacking them only costs */

int ak_pack_dense(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_tensor *in,
		  struct ak_dense *d)
{
	struct runs r = runs_of(l, in, l->in_h, l->in_w);
	uint32_t lanes = p->k->lanes, vectors = (l->filters + lanes - 1) / lanes, planes, vectors_stored;
	size_t inputs = (size_t)l->in_h * l->in_w * l->in_c;
	uint8_t *w;
	int err;

	if (!plain(l))
		return -EOPNOTSUPP;
	d->filters = l->filters;
	d->nk = round_up(r.count * ((r.length + 3) / 4), 8);
	d->post = post_of(l, false);
	d->bits = inputs * l->filters < PACK_DENSE_FROM ? 8 : dense_bits(l->weights, inputs * l->filters);
	d->offset = d->bits == 8 || d->bits == 1 ? 0 : 1u << (d->bits - 1);
	d->planes = vectors > 4 ? 8 : vectors > 2 ? 4 : vectors;
	planes = d->bits == 8 ? d->planes : 8 / d->bits;
	vectors_stored = d->bits == 8 ? planes : 1;
	err = pack_posts(p, l, x, d->post, 1, l->weights, inputs, l->filters, NULL, l->filters, &d->blocks);
	if (err)
		return err;
	d->k_offset = offsets(p, &r, d->nk);
	d->weights = w =
		ak_plan_alloc(p, (size_t)((vectors + planes - 1) / planes) * d->nk * vectors_stored * lanes * 4);
	if (!d->k_offset || !w)
		return -ENOMEM;
	for (uint32_t f0 = 0; f0 < l->filters; f0 += planes * lanes)
		for (uint32_t k = 0; k < d->nk; k++)
			for (uint32_t v = 0; v < planes; v++)
				for (uint32_t i = 0; i < 4 * lanes; i++) {
					int8_t a =
						weight_at(&r, l->weights, l->filters, k, i % 4, f0 + v * lanes + i / 4);
					size_t at = ((size_t)f0 / (planes * lanes) * d->nk + k) * vectors_stored * 4 *
						    lanes;

					if (d->bits == 8)
						w[at + (size_t)v * 4 * lanes + i] = (uint8_t)a;
					else
						w[at + i] |= (uint8_t)((uint32_t)(a + (int)d->offset) << (v * d->bits));
				}
	return 0;
}

int ak_pack_depthwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_depthwise *d)
{
	uint32_t lanes = p->k->lanes, unit = 4 * lanes, padded = round_up(l->in_c, unit), *order;
	struct akida_layer half = *l; /* a separable layer's depthwise half has no arithmetic of its own */
	bool v1 = !l->v2;
	int8_t *w;
	int err;

	if (!plain(l))
		return -EOPNOTSUPP;
	half.filters = l->in_c;
	half.activation = false;
	d->channels = l->in_c;
	d->kernel_h = l->kernel_h;
	d->kernel_w = l->kernel_w;
	d->stride = l->stride;
	d->groups = l->kernel_w * ((l->kernel_h + 3) / 4);
	d->out_w = l->conv_w;
	d->post = v1 ? AK_POST_NONE : post_of(l, false);
	if (!v1 && d->post != AK_POST_SHIFT)
		return -EOPNOTSUPP;
	order = ak_plan_alloc(p, padded * sizeof(*order));
	d->weights = w = ak_plan_alloc(p, (size_t)padded / unit * d->groups * unit * 4);
	if (!order || !w)
		return -ENOMEM;
	for (uint32_t s = 0; s < padded; s++)
		order[s] = s / unit * unit + ak_unpack_order(lanes, s % unit);
	err = pack_posts(p, &half, x, d->post, 1, l->weights, (size_t)l->kernel_h * l->kernel_w, l->in_c, order, padded,
			 &d->blocks);
	if (err)
		return err;
	for (uint32_t c = 0; v1 && c < l->in_c; c++) { /* int16 sums */
		int64_t low = 0, high = 0;

		for (uint32_t t = 0; t < l->kernel_h * l->kernel_w; t++) {
			int64_t v = l->weights[(size_t)t * l->in_c + c];

			low += v < 0 ? v * x->high : 0;
			high += v > 0 ? v * x->high : 0;
		}
		if (low < INT16_MIN || high > INT16_MAX)
			return -EOPNOTSUPP;
	}
	for (uint32_t u = 0; u < padded; u += unit)
		for (uint32_t kx = 0; kx < l->kernel_w; kx++)
			for (uint32_t ky = 0; ky < l->kernel_h; ky += 4)
				for (uint32_t s = 0; s < unit; s++)
					for (uint32_t j = 0; j < 4; j++) {
						uint32_t c = order[u + s];

						*w++ = ky + j < l->kernel_h && c < l->in_c
							       ? l->weights[((size_t)(ky + j) * l->kernel_w + kx) *
										    l->in_c +
									    c]
							       : 0;
					}
	return 0;
}

int ak_pack_pointwise(struct ak_plan *p, const struct akida_layer *l, bool average, struct ak_conv *c)
{
	uint32_t lanes = p->k->lanes, unit = 4 * lanes, padded = round_up(l->in_c, unit), block = p->k->filter_block;
	struct ak_codes x = {0, 0, 0}; /* sums of the first half, for the range of the second */
	int32_t *k_offset;
	int16_t *w;
	int err;

	for (uint32_t ch = 0; ch < l->in_c; ch++) {
		int32_t low = 0, high = 0, top = (1 << l->in_bits) - 1;

		for (uint32_t t = 0; t < l->kernel_h * l->kernel_w; t++) {
			int32_t v = l->weights[(size_t)t * l->in_c + ch];

			low += v < 0 ? v * top : 0;
			high += v > 0 ? v * top : 0;
		}
		x.low = low < x.low ? low : x.low;
		x.high = high > x.high ? high : x.high;
	}
	c->filters = l->filters;
	c->nk = padded / 2;
	c->pairs = true;
	c->post = post_of(l, average);
	err = pack_posts(p, l, &x, c->post, average ? (int64_t)l->conv_h * l->conv_w : 1, l->weights_pw, l->in_c,
			 l->filters, NULL, l->filters, &c->blocks);
	if (err)
		return err;
	c->k_offset = k_offset = ak_plan_alloc(p, c->nk * sizeof(*k_offset));
	c->weights = w = ak_plan_alloc(p, (size_t)c->nk * 4 * round_up(l->filters, lanes));
	if (!k_offset || !w)
		return -ENOMEM;
	for (uint32_t k = 0; k < c->nk; k++)
		k_offset[k] = (int32_t)(4 * k);
	for (uint32_t f0 = 0; f0 < l->filters; f0 += block) {
		uint32_t n = l->filters - f0 < block ? round_up(l->filters - f0, lanes) : block;

		for (uint32_t k = 0; k < c->nk; k++)
			for (uint32_t f = 0; f < n; f++)
				for (uint32_t j = 0; j < 2; j++) {
					uint32_t s = 2 * k + j, ch = s / unit * unit + pair_order(lanes, s % unit);

					*w++ = ch < l->in_c && f0 + f < l->filters
						       ? l->weights_pw[(size_t)ch * l->filters + f0 + f]
						       : 0;
				}
	}
	return 0;
}
