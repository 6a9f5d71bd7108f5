/* SPDX-License-Identifier: MIT */
/*
 * One frame through a plan: every part computes its share with the arithmetic of layer/, shares are merged, pooled and
 * activated. Nothing is allocated here.
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
		.kind = p->np && p->np->fnp == NS_FNP2 && l->kind == NS_LAYER_FULLY ? AK_COST_FNP2 : kinds[l->kind],
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

static void activate(const struct ns_layer *l, const int32_t *pot, uint8_t *out)
{
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];
		uint32_t first, end;
		size_t at, positions;

		ns_output_rows(l, p, &first, &end);
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
	const int32_t *pot = NULL;
	const uint8_t *map = NULL;

	if (plan->fused) {
		ns_fused_frame(plan, in, &pot, &map);
		for (unsigned int i = 0; i < plan->layers; i++)
			layer_cost(n, plan, i, i ? NULL : in, cost);
	} else {
		run_parts(n, plan, in, &pot, &map, cost);
	}
	return ns_payload(n, plan, pot, map, out);
}
