/* SPDX-License-Identifier: MIT */
/*
 * One frame through a plan: every part computes its share with the arithmetic of layer/, shares are merged, pooled and
 * activated, and the last layer becomes the payload that the event DMA writes (nsoc-hardware 15.2). Nothing is
 * allocated here.
 */
#include <string.h>
#include "firmware/nsoc/plan.h"
#include "layer/layer.h"

/* ---- potentials ---- */

static uint64_t nonzero(const uint8_t *in, size_t count)
{
	uint64_t sum = 0;

	while (count) {
		size_t block = count < 128 ? count : 128;
		uint32_t part = 0;

		for (size_t i = 0; i < block; i++)
			part += in[i] != 0;
		sum += part;
		in += block;
		count -= block;
	}
	return sum;
}

static void part_potentials(const struct ns_plan *plan, const struct ns_layer *l, const struct ns_part *p,
			    const uint8_t *in, int32_t *out)
{
	struct ak_conv_geom g = {
		.in_h = p->cut_h,
		.in_w = l->in_w,
		.in_c = l->in_c,
		.pad_top = (int32_t)l->pad_top + (int32_t)p->cut_y - (int32_t)(l->stride * p->y0),
		.pad_left = (int32_t)l->pad_left,
		.stride = l->stride,
		.kernel_h = l->kernel,
		.kernel_w = l->kernel,
		.out_h = p->rows,
		.out_w = l->conv_w,
		.filters = p->filters,
		.pad_value = l->pad_value,
	};
	const uint8_t *cut = in + (size_t)p->cut_y * l->in_w * l->in_c;

	if (l->kind == NS_LAYER_FULLY)
		ak_fully_potentials(in, (size_t)l->in_h * l->in_w * l->in_c, p->weights, p->filters, out);
	else if (l->kind == NS_LAYER_SEPARABLE)
		ak_separable_potentials(&g, cut, p->weights, p->pointwise, out, plan->row);
	else
		ak_conv_potentials(&g, cut, p->weights, out);
}

/* A share of some filters goes to its columns of the full map. */
static void merge(const struct ns_layer *l, const struct ns_part *p, const int32_t *from, int32_t *map)
{
	size_t positions = (size_t)p->rows * l->conv_w;
	int32_t *to = map + (size_t)p->y0 * l->conv_w * l->filters + p->f0;

	for (size_t i = 0; i < positions; i++, from += p->filters, to += l->filters)
		memcpy(to, from, p->filters * sizeof(*to));
}

static struct ak_cost part_cost(const struct nsoc *n, const struct ns_layer *l, const struct ns_part *p,
				uint64_t events)
{
	static const enum ak_cost_kind kinds[] = {
		[NS_LAYER_HRC] = AK_COST_HRC,
		[NS_LAYER_STANDARD] = AK_COST_STANDARD,
		[NS_LAYER_SEPARABLE] = AK_COST_SEPARABLE,
		[NS_LAYER_FULLY] = AK_COST_FNP3,
	};
	struct ak_cost_share share = {
		.kind = kinds[l->kind],
		.kernel = l->kernel,
		.rows = p->cut_h,
		.cols = l->in_w,
		.channels = l->in_c,
		.filters = p->filters,
		.positions = (uint64_t)l->conv_h * l->conv_w,
		.events = events,
	};

	return ak_cost_of(&ak_cost_unit, n->chip->cost, &share);
}

/* Events of the rows that a part sees, from the map in front of the layer or from the fused plan (in: NULL). */
static uint64_t part_events(const struct ns_plan *plan, unsigned int layer, const struct ns_part *p, const uint8_t *in)
{
	const struct ns_layer *l = &plan->layer[layer];
	size_t row = (size_t)l->in_w * l->in_c;

	if (l->kind == NS_LAYER_HRC)
		return 0;
	return in ? nonzero(in + row * p->cut_y, row * p->cut_h) : ns_fused_events(plan, layer, p->cut_y, p->cut_h);
}

static void layer_cost(const struct nsoc *n, const struct ns_plan *plan, unsigned int layer, const uint8_t *in,
		       struct ak_cost_frame *cost)
{
	const struct ns_layer *l = &plan->layer[layer];
	double slowest = 0, pj = 0;
	uint64_t events = 0;

	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];
		struct ak_cost c;

		/* parts of different filters see the same rows */
		if (!i || p->cut_y != p[-1].cut_y || p->cut_h != p[-1].cut_h)
			events = part_events(plan, layer, p, in);
		c = part_cost(n, l, p, events);
		pj += c.pj;
		if (c.cycles > slowest)
			slowest = c.cycles;
	}
	ak_cost_add_layer(cost, &ak_cost_unit, slowest, pj);
}

static void layer_potentials(const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *in)
{
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];

		if (l->split_filters) {
			part_potentials(plan, l, p, in, plan->part_potential);
			merge(l, p, plan->part_potential, plan->potential);
		} else {
			part_potentials(plan, l, p, in, plan->potential + (size_t)p->y0 * l->conv_w * l->filters);
		}
	}
}

/* Returns the map of out_h x out_w x filters potentials. */
static const int32_t *pool(const struct ns_plan *plan, const struct ns_layer *l)
{
	if (l->global_pool) {
		memset(plan->pooled, 0, l->filters * sizeof(*plan->pooled));
		ak_pool_sum(plan->potential, l->conv_h, l->conv_w, l->filters, plan->pooled);
		return plan->pooled;
	}
	if (!l->pool)
		return plan->potential;
	ak_pool_max(plan->potential, l->conv_h, l->conv_w, l->filters, l->pool, l->pool_stride, l->pool_top,
		    l->pool_left, l->out_h, l->out_w, plan->pooled);
	return plan->pooled;
}

/* The pooled rows whose window begins in the part's rows: the part that makes them activates them. */
static void output_rows(const struct ns_layer *l, const struct ns_part *p, uint32_t *first, uint32_t *end)
{
	uint32_t last = p->y0 + p->rows;

	if (l->kind == NS_LAYER_FULLY || l->global_pool) {
		*first = 0;
		*end = 1;
		return;
	}
	if (!l->pool) {
		*first = p->y0;
		*end = last;
		return;
	}
	*first = p->y0 ? ns_ceil_div(p->y0 + l->pool_top, l->pool_stride) : 0;
	*end = last == l->conv_h ? l->out_h : ns_ceil_div(last + l->pool_top, l->pool_stride);
	if (*end > l->out_h)
		*end = l->out_h;
	if (*first > *end)
		*first = *end;
}

static void activate(const struct ns_layer *l, const int32_t *pot, uint8_t *out)
{
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];
		uint32_t first, end;
		size_t at, positions;

		output_rows(l, p, &first, &end);
		at = (size_t)first * l->out_w * l->filters;
		positions = (size_t)(end - first) * l->out_w;
		if (!l->split_filters) {
			ak_activate_map(pot + at, positions, l->filters, p->threshold, p->step16, l->out_bits,
					out + at);
			continue;
		}
		for (at += p->f0; positions; positions--, at += l->filters)
			ak_activate_map(pot + at, 1, p->filters, p->threshold, p->step16, l->out_bits, out + at);
	}
}

/* ---- output ---- */

static void put_word(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
	at[2] = (uint8_t)(v >> 16);
	at[3] = (uint8_t)(v >> 24);
}

/* Events of a convolution: X, Y and filter, potential in two pieces; sent where the potential passes its threshold. */
static bool sparse_potentials(struct nsoc *n, const struct ns_plan *plan, const struct ns_layer *l, const int32_t *pot,
			      struct ns_output *out)
{
	uint8_t *at = plan->output;

	if (l->out_w > 0x1000 || l->out_h > 0x1000 || l->filters > 0x800) {
		ns_report(n, NS_UNKNOWN_ENCODING, "a sparse output of %ux%ux%u does not fit its events", l->out_h,
			  l->out_w, l->filters);
		return false;
	}
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];
		uint32_t first, end;

		output_rows(l, p, &first, &end);
		for (uint32_t y = first; y < end; y++)
			for (uint32_t x = 0; x < l->out_w; x++)
				for (uint32_t f = 0; f < p->filters; f++) {
					int32_t v = pot[((size_t)y * l->out_w + x) * l->filters + p->f0 + f];
					uint32_t u = (uint32_t)v;

					if (v < -0x80000 || v > 0x7ffff) {
						ns_report(n, NS_UNKNOWN_ENCODING, "potential %d does not fit 20 bits",
							  v);
						return false;
					}
					if (v <= p->threshold[f])
						continue;
					put_word(at, x | y << 16 | (u >> 20 & 0xfu) << 28);
					put_word(at + 4, (p->f0 + f) | (u & 0xfffffu) << 12);
					at += 8;
				}
	}
	out->payload = plan->output;
	out->bytes = (uint32_t)(at - plan->output);
	out->header = AKC_FMT_CNP_POTENTIALS << 28 | out->bytes / 4;
	return true;
}

static void dense_potentials(const struct ns_plan *plan, const struct ns_layer *l, const int32_t *pot,
			     struct ns_output *out)
{
	size_t count = (size_t)l->out_h * l->out_w * l->filters;

	for (size_t i = 0; i < count; i++)
		put_word(plan->output + 4 * i, (uint32_t)pot[i]);
	*out = (struct ns_output){
		.header = AKC_FMT_DENSE_FNP_POTENTIALS << 28 | (uint32_t)count,
		.bytes = (uint32_t)(4 * count),
		.payload = plan->output,
		.dense = true,
	};
}

/* Events of a convolution that quantizes: X, Y, filter and activation [23:16]; zeros are not sent (15.1, format 2). */
static bool sparse_activations(struct nsoc *n, const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *map,
			       struct ns_output *out)
{
	uint8_t *at = plan->output;

	if (l->out_w > 0x1000 || l->out_h > 0x1000 || l->filters > 0x800) {
		ns_report(n, NS_UNKNOWN_ENCODING, "a sparse output of %ux%ux%u does not fit its events", l->out_h,
			  l->out_w, l->filters);
		return false;
	}
	for (uint32_t y = 0; y < l->out_h; y++)
		for (uint32_t x = 0; x < l->out_w; x++)
			for (uint32_t f = 0; f < l->filters; f++, map++) {
				if (!*map)
					continue;
				put_word(at, x | y << 16);
				put_word(at + 4, f | (uint32_t)*map << 16);
				at += 8;
			}
	out->payload = plan->output;
	out->bytes = (uint32_t)(at - plan->output);
	out->header = AKC_FMT_CNP_ACTIVATIONS << 28 | out->bytes / 4;
	return true;
}

static void dense_activations(const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *map,
			      struct ns_output *out)
{
	size_t count = (size_t)l->out_h * l->out_w * l->filters, words = (count + 3) / 4;

	memset(plan->output, 0, 4 * words);
	memcpy(plan->output, map, count);
	*out = (struct ns_output){
		.header = AKC_FMT_DENSE_FNP_ACTIVATIONS << 28 | (uint32_t)words,
		.bytes = (uint32_t)(4 * words),
		.payload = plan->output,
		.dense = true,
	};
}

/* Layer by layer, each part by itself. */
static void run_parts(const struct nsoc *n, const struct ns_plan *plan, const uint8_t *in, const int32_t **pot,
		      const uint8_t **map, struct ak_cost_frame *cost)
{
	for (unsigned int i = 0; i < plan->layers; i++) {
		const struct ns_layer *l = &plan->layer[i];

		layer_cost(n, plan, i, in, cost);
		layer_potentials(plan, l, in);
		*pot = pool(plan, l);
		if (!l->out_bits) /* the last one, by construction */
			return;
		activate(l, *pot, plan->map[i & 1u]);
		in = *map = plan->map[i & 1u];
	}
}

bool ns_execute(struct nsoc *n, struct ns_plan *plan, const uint8_t *in, struct ns_output *out,
		struct ak_cost_frame *cost)
{
	const struct ns_layer *last = &plan->layer[plan->layers - 1];
	const int32_t *pot = NULL;
	const uint8_t *map = NULL;

	memset(out, 0, sizeof(*out));
	if (plan->fused) {
		ns_fused_frame(plan, in, &pot, &map);
		for (unsigned int i = 0; i < plan->layers; i++)
			layer_cost(n, plan, i, NULL, cost);
	} else {
		run_parts(n, plan, in, &pot, &map, cost);
	}
	if (!last->out_bits) {
		if (last->kind != NS_LAYER_FULLY)
			return sparse_potentials(n, plan, last, pot, out);
		dense_potentials(plan, last, pot, out);
		return true;
	}
	if (last->kind != NS_LAYER_FULLY)
		return sparse_activations(n, plan, last, map, out);
	dense_activations(plan, last, map, out);
	return true;
}
