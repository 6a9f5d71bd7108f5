/* SPDX-License-Identifier: MIT */
/*
 * What follows a sum, as kernels compute it on 32 bits, and the proof that it gives what layer/ gives. The range of each
 * filter's sum is known from its weights and the widths of its inputs; whatever is not proved has no kernel.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "kernels/plan_private.h"
#include "layer/v2.h"

#define BLOCK_FILTERS 128u /* parameters reach to a multiple of this: the widest block of any kernel */

struct range {
	int64_t low, high;
};

/* One filter on its way into a block. */
struct post {
	struct range a;	    /* what the finished sum can be */
	struct range clamp; /* where it may be held without changing the output */
	int64_t bias, mul, shift;
	float factor;
};

static int64_t ceil_div(int64_t a, int64_t b) /* b > 0 */
{
	return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static bool fits(int64_t v, uint32_t bits)
{
	int64_t limit = (int64_t)1 << (bits - 1);

	return v >= -limit && v < limit;
}

static int64_t half(int64_t shift)
{
	return shift ? (int64_t)1 << (shift - 1) : 0;
}

/*
 * The activation law of v1 as ceil(d * factor), d = potential - threshold from 0 to the first that gives the highest value:
 * right for every d if it is right on both sides of each step, for the product is monotone.
 */
static bool factor_fits(int64_t interval, int64_t max, float factor)
{
	for (int64_t n = 0; n < max; n++)
		for (int64_t d = n * interval / 16; d <= n * interval / 16 + 1; d++) {
			int64_t want = (d * 16 + interval - 1) / interval, got;

			if (d > 0xffffff)
				return false;
			got = (int64_t)ceilf((float)d * factor);
			if ((got < max ? got : max) != (want < max ? want : max))
				return false;
		}
	return true;
}

static bool post_v1(const struct akida_layer *l, uint32_t f, struct post *o)
{
	int64_t interval = (int64_t)l->step16[f] << (4 - l->act_bits), max = (1 << l->act_bits) - 1;

	/* a little less than the quotient, so that a step's last value does not round beyond it */
	o->factor = 16.0f / (float)interval * (1 - 0x1p-22f);
	o->bias -= l->threshold[f];
	/* the product has to stay an int32 */
	return factor_fits(interval, max, o->factor) && ((double)o->a.high - l->threshold[f]) * o->factor < 0x1p30 &&
	       ((double)o->a.low - l->threshold[f]) * o->factor > -0x1p30;
}

/* Scale and shift of Akida 2 as (a * mul + half) >> shift on 32 bits, a held where the output is not clipped yet. */
static bool post_v2(const struct akida_layer *l, uint32_t f, struct post *o)
{
	const struct ak_v2 *v = l->v2;
	int64_t out_high = v->out_signed ? (1 << (v->output_bits - 1)) - 1 : (1 << v->output_bits) - 1;
	int64_t out_low = v->out_signed ? -out_high - 1 : 0, limit = (int64_t)1 << (v->post_op_bits - 1);
	int64_t add, top, bottom;
	struct range a = o->a;

	o->mul = v->out_scale ? v->out_scale[f] : 1;
	o->shift = -v->out_shift[f];
	if (o->shift < -8 || o->shift > 22)
		return false;
	if (o->shift < 0) {
		o->mul <<= -o->shift;
		o->shift = 0;
	}
	if (v->act == AK_V2_ACT_RELU) {
		int64_t bound = v->bounded ? (int64_t)v->max_value[f] << v->max_shift[f] : INT64_MAX;

		a.low = a.low < 0 ? 0 : a.low < bound ? a.low : bound;
		a.high = a.high < 0 ? 0 : a.high < bound ? a.high : bound;
	}
	add = half(o->shift);
	/* where the post-op width cuts a product, the output must be clipped already */
	if (v->out_scale && ((a.high * v->out_scale[f] > limit - 1 && (limit - 1 + add) >> o->shift < out_high) ||
			     (a.low * v->out_scale[f] < -limit && (-limit + add) >> o->shift > out_low)))
		return false;
	o->clamp = (struct range){0, 0};
	if (!o->mul)
		return true;
	/* the first a that gives the highest code, the last that gives the lowest */
	top = ceil_div(out_high * ((int64_t)1 << o->shift) - add, o->mul);
	bottom = ceil_div((out_low + 1) * ((int64_t)1 << o->shift) - add, o->mul) - 1;
	if ((a.high >= top && (top * o->mul + add) >> o->shift != out_high) ||
	    (a.low <= bottom && (bottom * o->mul + add) >> o->shift != out_low))
		return false;
	o->clamp.high = a.high < bottom ? bottom : a.high < top ? a.high : top;
	o->clamp.low = a.low > top ? top : a.low > bottom ? a.low : bottom;
	return true;
}

/* Values handed out or summed: only the ReLU holds them. */
static void post_none(const struct akida_layer *l, uint32_t f, struct post *o)
{
	bool relu = l->v2 && l->v2->act == AK_V2_ACT_RELU;
	int64_t high = relu && l->v2->bounded ? (int64_t)l->v2->max_value[f] << l->v2->max_shift[f] : INT32_MAX;

	o->clamp.low = relu ? 0 : INT32_MIN;
	o->clamp.high = high < INT32_MAX ? high : INT32_MAX;
}

/* sum_w: sum of the weights of filter f; products: range of their sum; sums: so many of them are added up. */
static bool post_filter(const struct akida_layer *l, const struct ak_codes *x, uint32_t f, int64_t sum_w,
			struct range products, enum ak_post post, int64_t sums, struct post *o)
{
	const struct ak_v2 *v = l->v2;

	*o = (struct post){.a = products};
	if (v) {
		o->bias = ak_v2_shift(v->bias[f], v->bias_shift[f], v->buffer_bits, true);
		o->a.low += o->bias;
		o->a.high += o->bias;
		if (!fits(products.low, v->buffer_bits) || !fits(products.high, v->buffer_bits) ||
		    !fits(o->a.low, v->buffer_bits) || !fits(o->a.high, v->buffer_bits))
			return false;
	}
	o->bias -= x->zero * sum_w;
	if (!fits(o->a.low * sums, 31) || !fits(o->a.high * sums, 31) || !fits(o->bias, 31))
		return false;
	if (post == AK_POST_CEIL)
		return post_v1(l, f, o);
	if (post == AK_POST_SHIFT)
		return post_v2(l, f, o);
	post_none(l, f, o);
	return true;
}

/* Would the value without its clamp not be the same after it is held to 0 .. max? */
static bool needs_clamp(const struct akida_layer *l, const struct post *o, const struct ak_requantize *q)
{
	if (q->post != AK_POST_SHIFT)
		return o->a.low < o->clamp.low || o->a.high > o->clamp.high;
	if ((ak_code_zero(l) && l->v2->output_bits != 8) || !fits(o->a.low * o->mul + q->add, 32) ||
	    !fits(o->a.high * o->mul + q->add, 32))
		return true;
	return (o->a.high > o->clamp.high && (o->clamp.high * o->mul + q->add) >> q->shift < q->max) ||
	       (o->a.low < o->clamp.low && (o->clamp.low * o->mul + q->add) >> q->shift > 0);
}

/* One shift for all filters: the factors of the others grow. */
static bool unify(const struct akida_layer *l, struct post *o, uint32_t n, struct ak_requantize *q)
{
	if (q->post == AK_POST_CEIL) {
		q->max = (1 << l->act_bits) - 1;
		return true;
	}
	for (uint32_t i = 0; i < n; i++)
		q->shift = o[i].shift > q->shift ? (int32_t)o[i].shift : q->shift;
	if (q->post == AK_POST_SHIFT) {
		q->add = (int32_t)(half(q->shift) + ((int64_t)ak_code_zero(l) << q->shift));
		q->max = ak_code_zero(l) + (1 << (l->v2->output_bits - l->v2->out_signed)) - 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		o[i].mul <<= q->shift - o[i].shift;
		if (q->post == AK_POST_SHIFT &&
		    (!fits(o[i].mul, 32) || !fits(o[i].clamp.high * o[i].mul + q->add, 32) ||
		     !fits(o[i].clamp.low * o[i].mul + q->add, 32)))
			return false;
		q->clamp = q->clamp || needs_clamp(l, &o[i], q);
	}
	return true;
}

uint8_t ak_code_zero(const struct akida_layer *l)
{
	bool relu = l->v2 && l->v2->act == AK_V2_ACT_RELU && l->v2->out_scale;

	return l->v2 && l->v2->output_bits <= 8 && l->v2->out_signed && !relu ? 128 : 0;
}

enum ak_post ak_post_of(const struct akida_layer *l, bool average)
{
	if (average)
		return AK_POST_SUM;
	if (l->v2)
		return l->v2->rescale && l->v2->output_bits <= 8 ? AK_POST_SHIFT : AK_POST_NONE;
	return l->activation ? AK_POST_CEIL : AK_POST_NONE;
}

static void put(const struct post *o, enum ak_post post, struct ak_post_block *b, uint32_t i)
{
	b->bias[i] = (int32_t)o->bias;
	if (post == AK_POST_CEIL) {
		b->factor[i] = o->factor;
		return;
	}
	b->mul[i] = (int32_t)o->mul;
	b->lo[i] = (int32_t)o->clamp.low;
	b->hi[i] = (int32_t)o->clamp.high;
}

int ak_pack_posts(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_sums *w,
		  struct ak_requantize *q, const struct ak_post_block **out)
{
	size_t blocks = (w->slots + BLOCK_FILTERS - 1) / BLOCK_FILTERS * (BLOCK_FILTERS / 16);
	struct ak_post_block *b = ak_plan_alloc(p, blocks * sizeof(*b));
	struct post *o = calloc(l->filters, sizeof(*o));
	int err = b && o ? 0 : -ENOMEM;

	for (uint32_t f = 0; !err && f < l->filters; f++) {
		struct range a = {0, 0};
		int64_t sum = 0;

		for (size_t t = 0; t < w->taps; t++) {
			int64_t v = w->weights[t * l->filters + f];

			sum += v;
			a.low += v > 0 ? v * x->low : v * x->high;
			a.high += v > 0 ? v * x->high : v * x->low;
		}
		if (!post_filter(l, x, f, sum, a, q->post, w->sums, &o[f]))
			err = -EOPNOTSUPP;
	}
	if (!err && !unify(l, o, l->filters, q))
		err = -EOPNOTSUPP;
	for (uint32_t s = 0; !err && s < w->slots; s++) {
		uint32_t f = w->order ? w->order[s] : s;

		if (f < l->filters)
			put(&o[f], q->post, &b[s / 16], s % 16);
	}
	free(o);
	*out = b;
	return err;
}
