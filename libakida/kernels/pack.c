/* SPDX-License-Identifier: MIT */
/* Weights in the order the kernels read them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/plan_private.h"
#include "layer/v2.h"

uint32_t ak_unpack_order(uint32_t lanes, uint32_t s)
{
	return s % lanes / 4 * 16 + s / lanes * 4 + s % 4;
}

uint32_t ak_pair_order(uint32_t lanes, uint32_t s)
{
	uint32_t half = s / (2 * lanes), in_half = s % (2 * lanes);

	return in_half / 8 * 16 + half * 8 + in_half % 8;
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
static uint32_t sum_limit(const struct ak_plan *p, const int8_t *w, size_t n, const struct ak_codes *x)
{
	int32_t most = 1, high = x->high + x->zero;

	for (size_t i = 0; i < n; i++)
		most = abs(w[i]) > most ? abs(w[i]) : most;
	return high > (int32_t)p->k->small_high ? 0 : (uint32_t)(32767 / (2 * high * most));
}

/*
 * Rows of weights for kernels/template/sparse.h: per block of 64 filters [input][64], in the order in which weaving four
 * rows gives vectors of filters.
 */
static int pack_events(struct ak_plan *p, const struct akida_layer *l, const struct runs *r, const struct ak_tensor *in,
		       struct ak_conv *c)
{
	uint32_t inputs = r->count * r->length, lanes = p->k->lanes, block = 4 * lanes;
	int8_t *w;

	if (!p->k->events || c->sparse == AK_SPARSE_NEVER || l->in_c % lanes || l->filters % block ||
	    c->rows > AK_EVENT_ROWS || in->bytes > INT32_MAX / block)
		return 0;
	c->pixel = l->in_c;
	c->taps = r->length / l->in_c;
	c->event_weights = w = ak_plan_alloc(p, (size_t)inputs * l->filters);
	if (!w)
		return -ENOMEM;
	for (uint32_t f0 = 0; f0 < l->filters; f0 += block)
		for (uint32_t i = 0; i < inputs; i++)
			for (uint32_t s = 0; s < block; s++) {
				uint32_t f = f0 + s % 16 / 4 * lanes + s / 16 * 4 + s % 4;

				*w++ = l->weights[(size_t)i * l->filters + f];
			}
	return 0;
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
	c->q.post = ak_post_of(l, average);
	c->sum_limit = sum_limit(p, l->weights, (size_t)l->kernel_h * l->kernel_w * l->in_c * l->filters, x);
	err = ak_pack_posts(p, l, x,
			    &(struct ak_sums){.weights = l->weights,
					      .taps = (size_t)l->kernel_h * l->kernel_w * l->in_c,
					      .sums = average ? (int64_t)l->conv_h * l->conv_w : 1,
					      .order = NULL,
					      .slots = l->filters},
			    &c->q, &c->blocks);
	if (err)
		return err;
	c->sparse = x->zero ? AK_SPARSE_NEVER : AK_SPARSE_MEASURED;
	c->rows = r.count;
	c->row_pitch = (uint32_t)r.pitch;
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
	return pack_events(p, l, &r, in, c);
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

/* Weights of one block from filter f0 on: see struct ak_dense. */
static void dense_block(const struct runs *r, const struct akida_layer *l, const struct ak_dense *d, uint32_t lanes,
			uint32_t f0, uint8_t *w)
{
	uint32_t planes = 8 / d->bits;

	for (uint32_t k = 0; k < d->nk; k++)
		for (uint32_t v = 0; v < d->vectors; v++)
			for (uint32_t i = 0; i < 4 * lanes; i++, w++)
				for (uint32_t j = 0; j < planes; j++) {
					uint32_t f = f0 + (v * planes + j) * lanes + i / 4;
					uint32_t a =
						(uint32_t)weight_at(r, l->weights, l->filters, k, i % 4, f) + d->offset;

					*w = (uint8_t)(*w | (d->bits == 8 ? a : a << (j * d->bits)));
				}
}

int ak_pack_dense(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_tensor *in,
		  struct ak_dense *d)
{
	struct runs r = runs_of(l, in, l->in_h, l->in_w);
	uint32_t lanes = p->k->lanes, vectors = (l->filters + lanes - 1) / lanes, wide;
	size_t inputs = (size_t)l->in_h * l->in_w * l->in_c, block;
	uint8_t *w;
	int err;

	if (!plain(l))
		return -EOPNOTSUPP;
	d->filters = l->filters;
	d->nk = round_up(r.count * ((r.length + 3) / 4), 8);
	d->q.post = ak_post_of(l, false);
	d->bits = inputs * l->filters < PACK_DENSE_FROM ? 8 : dense_bits(l->weights, inputs * l->filters);
	d->offset = d->bits == 8 || d->bits == 1 ? 0 : 1u << (d->bits - 1);
	d->small = sum_limit(p, l->weights, inputs * l->filters, x) > 0 ||
		   (d->bits < 8 && p->k->small_high == 255); /* stored weights are 0 .. 15 */
	d->vectors = d->bits < 8 ? d->bits : vectors > 4 ? 8 : vectors > 2 ? 4 : vectors;
	err = ak_pack_posts(p, l, x,
			    &(struct ak_sums){.weights = l->weights, .taps = inputs, .sums = 1, .slots = l->filters},
			    &d->q, &d->blocks);
	if (err)
		return err;
	wide = d->vectors * 8 / d->bits * lanes;
	block = (size_t)d->nk * d->vectors * 4 * lanes;
	d->k_offset = offsets(p, &r, d->nk);
	d->weights = w = ak_plan_alloc(p, (l->filters + wide - 1) / wide * block);
	if (!d->k_offset || !w)
		return -ENOMEM;
	for (uint32_t f0 = 0; f0 < l->filters; f0 += wide, w += block)
		dense_block(&r, l, d, lanes, f0, w);
	return 0;
}

static void depthwise_dims(const struct akida_layer *l, uint32_t rows, struct ak_depthwise *d)
{
	d->channels = l->in_c;
	d->kernel_h = l->kernel_h;
	d->kernel_w = l->kernel_w;
	d->stride = l->stride;
	d->groups = l->kernel_w * ((l->kernel_h + rows - 1) / rows);
	d->out_w = l->conv_w;
}

/*
 * Weights of groups of `rows` rows; order: channel of each slot of all units. Where the map is higher than wide, a square
 * kernel at stride 1 is packed on its side.
 */
static int depthwise_weights(struct ak_plan *p, const struct akida_layer *l, uint32_t rows, const uint32_t *order,
			     struct ak_depthwise *d)
{
	uint32_t unit = 4 * p->k->lanes, padded = round_up(l->in_c, unit);
	int8_t *w = ak_plan_alloc(p, (size_t)padded * d->groups * rows);

	d->weights = w;
	d->down = l->kernel_h == 3 && l->kernel_w == 3 && l->stride == 1 && l->conv_h > l->conv_w;
	if (!w)
		return -ENOMEM;
	for (uint32_t u = 0; u < padded; u += unit)
		for (uint32_t kx = 0; kx < l->kernel_w; kx++)
			for (uint32_t ky = 0; ky < l->kernel_h; ky += rows)
				for (uint32_t s = 0; s < unit; s++)
					for (uint32_t j = 0; j < rows; j++) {
						uint32_t c = order[u + s];
						size_t tap = d->down ? (size_t)kx * l->kernel_w + ky + j
								     : (size_t)(ky + j) * l->kernel_w + kx;

						*w++ = ky + j < l->kernel_h && c < l->in_c
							       ? l->weights[tap * l->in_c + c]
							       : 0;
					}
	return 0;
}

int ak_pack_depthwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_depthwise *d)
{
	uint32_t lanes = p->k->lanes, unit = 4 * lanes, padded = round_up(l->in_c, unit), *order;
	int err;

	if (!plain(l) || ak_post_of(l, false) != AK_POST_SHIFT)
		return -EOPNOTSUPP;
	depthwise_dims(l, 4, d);
	d->q.post = AK_POST_SHIFT;
	order = ak_plan_alloc(p, padded * sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (uint32_t s = 0; s < padded; s++)
		order[s] = s / unit * unit + ak_unpack_order(lanes, s % unit);
	err = ak_pack_posts(p, l, x,
			    &(struct ak_sums){.weights = l->weights,
					      .taps = (size_t)l->kernel_h * l->kernel_w,
					      .sums = 1,
					      .order = order,
					      .slots = padded},
			    &d->q, &d->blocks);
	return err ? err : depthwise_weights(p, l, 4, order, d);
}

struct range {
	int64_t low, high;
};

/* Lowest and highest sum of channel c over the taps of its kernel. */
static struct range depthwise_range(const struct akida_layer *l, const struct ak_codes *x, uint32_t c)
{
	struct range r = {0, 0};

	for (uint32_t t = 0; t < l->kernel_h * l->kernel_w; t++) {
		int64_t v = l->weights[(size_t)t * l->in_c + c];

		r.low += v < 0 ? v * x->high : v * x->low;
		r.high += v > 0 ? v * x->high : v * x->low;
	}
	return r;
}

int ak_pack_depthwise16(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x,
			struct ak_depthwise *d)
{
	uint32_t lanes = p->k->lanes, unit = 4 * lanes, padded = round_up(l->in_c, unit), *order;

	if (x->zero || !sum_limit(p, l->weights, ak_layer_weight_count(l), x))
		return -EOPNOTSUPP;
	for (uint32_t c = 0; c < l->in_c; c++) {
		struct range r = depthwise_range(l, x, c);

		if (r.low < INT16_MIN || r.high > INT16_MAX)
			return -EOPNOTSUPP;
	}
	depthwise_dims(l, 2, d);
	order = ak_plan_alloc(p, padded * sizeof(*order));
	if (!order)
		return -ENOMEM;
	for (uint32_t s = 0; s < padded; s++)
		order[s] = s / unit * unit + ak_pair_order(lanes, s % unit);
	return depthwise_weights(p, l, 2, order, d);
}

int ak_pack_pointwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *codes, bool average,
		      struct ak_conv *c)
{
	uint32_t lanes = p->k->lanes, unit = 4 * lanes, padded = round_up(l->in_c, unit), block = p->k->filter_block;
	struct ak_codes x = {0, 0, 0}; /* sums of the first half, for the range of the second */
	int32_t *k_offset;
	int16_t *w;
	int err;

	for (uint32_t ch = 0; ch < l->in_c; ch++) {
		struct range r = depthwise_range(l, codes, ch);

		x.low = r.low < x.low ? (int32_t)r.low : x.low;
		x.high = r.high > x.high ? (int32_t)r.high : x.high;
	}
	c->filters = l->filters;
	c->nk = padded / 2;
	c->pairs = true;
	c->q.post = ak_post_of(l, average);
	err = ak_pack_posts(p, l, &x,
			    &(struct ak_sums){.weights = l->weights_pw,
					      .taps = l->in_c,
					      .sums = average ? (int64_t)l->conv_h * l->conv_w : 1,
					      .order = NULL,
					      .slots = l->filters},
			    &c->q, &c->blocks);
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
					uint32_t s = 2 * k + j, ch = s / unit * unit + ak_pair_order(lanes, s % unit);

					*w++ = ch < l->in_c && f0 + f < l->filters
						       ? l->weights_pw[(size_t)ch * l->filters + f0 + f]
						       : 0;
				}
	}
	return 0;
}
