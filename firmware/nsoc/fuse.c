/* SPDX-License-Identifier: MIT */
/*
 * The programmed chain as layers of layer.h, made into one plan of the compute kernels. What each processor holds is put
 * together again: filters side by side, and rows only where all processors that share them hold the same weights and
 * thresholds. NSOC_PLAIN leaves it out, for builds without the kernels.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/plan.h"
#ifndef NSOC_PLAIN
#include "kernels/plan.h"

struct ns_fused {
	struct akida_layer layer[NS_LAYERS_MAX];
	unsigned int layers;
	struct ak_plan *plan;
	struct ak_plan_run *run;
	int32_t *values; /* of the last layer */
};

static const enum akida_layer_type types[] = {
	[NS_LAYER_HRC] = AKIDA_LAYER_INPUT_CONV,
	[NS_LAYER_STANDARD] = AKIDA_LAYER_CONV,
	[NS_LAYER_SEPARABLE] = AKIDA_LAYER_SEPARABLE,
	[NS_LAYER_FULLY] = AKIDA_LAYER_FULLY,
};

/* Columns of the part's filters into n rows of all filters; check: compare instead, another part has been here. */
static bool put(void *all, const void *part, size_t n, size_t size, const struct ns_layer *l, const struct ns_part *p,
		bool check)
{
	size_t from = p->filters * size, to = l->filters * size;
	const uint8_t *src = part;
	uint8_t *dst = (uint8_t *)all + p->f0 * size;

	for (size_t i = 0; i < n; i++, src += from, dst += to) {
		if (check && memcmp(dst, src, from) != 0)
			return false;
		memcpy(dst, src, from);
	}
	return true;
}

/* Whether the filters of part k are those of a part before it. */
static bool seen(const struct ns_layer *l, unsigned int k)
{
	for (unsigned int i = 0; i < k; i++)
		if (l->part[i].f0 == l->part[k].f0 && l->part[i].filters == l->part[k].filters)
			return true;
	return false;
}

static bool gather(const struct ns_layer *l, struct akida_layer *a)
{
	size_t taps = (size_t)l->kernel * l->kernel, rows = taps * l->in_c;
	bool separable = l->kind == NS_LAYER_SEPARABLE, thresholds = l->part[0].threshold;

	if (l->kind == NS_LAYER_FULLY)
		rows = (size_t)l->in_h * l->in_w * l->in_c;
	a->weights = calloc(rows, separable ? 1 : l->filters);
	a->weights_pw = separable ? calloc(l->in_c, l->filters) : NULL;
	a->threshold = thresholds ? calloc(l->filters, sizeof(*a->threshold)) : NULL;
	a->step16 = thresholds ? calloc(l->filters, sizeof(*a->step16)) : NULL;
	if (!a->weights || (separable && !a->weights_pw) || (thresholds && (!a->threshold || !a->step16)))
		return false;
	for (unsigned int k = 0; k < l->parts; k++) {
		const struct ns_part *p = &l->part[k];
		bool again = seen(l, k);

		if (separable) {
			if (k && memcmp(a->weights, p->weights, rows) != 0)
				return false;
			memcpy(a->weights, p->weights, rows);
		} else if (!put(a->weights, p->weights, rows, 1, l, p, again)) {
			return false;
		}
		if ((separable && !put(a->weights_pw, p->pointwise, l->in_c, 1, l, p, again)) ||
		    (thresholds && (!put(a->threshold, p->threshold, 1, sizeof(*a->threshold), l, p, again) ||
				    !put(a->step16, p->step16, 1, sizeof(*a->step16), l, p, again))))
			return false;
	}
	return true;
}

static bool pool_of(const struct ns_layer *l, struct akida_layer *a)
{
	if (l->global_pool) {
		a->pool = AKIDA_POOL_GLOBAL_AVERAGE;
		return true;
	}
	if (!l->pool)
		return true;
	a->pool = AKIDA_POOL_MAX;
	a->pool_size = l->pool;
	a->pool_stride = l->pool_stride;
	a->pool_padding = AKIDA_PAD_SAME;
	if (ak_same_out(l->conv_h, l->pool_stride) == l->out_h && ak_same_out(l->conv_w, l->pool_stride) == l->out_w &&
	    ak_same_pad_before(l->conv_h, l->pool, l->pool_stride) == l->pool_top &&
	    ak_same_pad_before(l->conv_w, l->pool, l->pool_stride) == l->pool_left)
		return true;
	a->pool_padding = AKIDA_PAD_VALID;
	return !l->pool_top && !l->pool_left && l->conv_h >= l->pool && l->conv_w >= l->pool &&
	       l->out_h == (l->conv_h - l->pool) / l->pool_stride + 1 &&
	       l->out_w == (l->conv_w - l->pool) / l->pool_stride + 1;
}

static bool make_layer(const struct ns_layer *l, struct akida_layer *a)
{
	*a = (struct akida_layer){
		.type = types[l->kind],
		.in_h = l->in_h,
		.in_w = l->in_w,
		.in_c = l->in_c,
		.in_bits = l->in_bits,
		.filters = l->filters,
		.kernel_h = l->kernel,
		.kernel_w = l->kernel,
		.stride = l->stride,
		.padding_value = l->pad_value,
		.weights_bits = l->kind == NS_LAYER_HRC ? 8 : 4,
		.activation = l->out_bits,
		.act_bits = l->out_bits ? l->out_bits : 4,
		.pad_top = l->pad_top,
		.pad_left = l->pad_left,
		.conv_h = l->conv_h,
		.conv_w = l->conv_w,
		.out_h = l->out_h,
		.out_w = l->out_w,
		.out_c = l->filters,
	};
	return pool_of(l, a) && gather(l, a);
}

void ns_fuse(struct ns_plan *p)
{
	const struct ns_layer *last = &p->layer[p->layers - 1];
	struct ns_fused *f;
	enum ak_isa isa;

	if (ak_isa_choose(&isa, NULL) || isa == AK_ISA_REF)
		return;
	f = p->fused = calloc(1, sizeof(*f));
	if (!f)
		return;
	for (; f->layers < p->layers; f->layers++)
		if (!make_layer(&p->layer[f->layers], &f->layer[f->layers])) {
			f->layers++;
			goto odd;
		}
	f->values = malloc((size_t)last->out_h * last->out_w * last->filters * sizeof(*f->values));
	if (f->values && !ak_plan_create(f->layer, f->layers, isa, &f->plan) &&
	    !ak_plan_run_create(f->plan, 1, &f->run))
		return;
odd:
	ns_fuse_drop(p);
}

void ns_fuse_drop(struct ns_plan *p)
{
	struct ns_fused *f = p->fused;

	if (!f)
		return;
	ak_plan_run_destroy(f->run);
	ak_plan_destroy(f->plan);
	for (unsigned int i = 0; i < f->layers; i++) {
		free(f->layer[i].weights);
		free(f->layer[i].weights_pw);
		free(f->layer[i].threshold);
		free(f->layer[i].step16);
	}
	free(f->values);
	free(f);
	p->fused = NULL;
}

void ns_fused_frame(struct ns_plan *p, const uint8_t *in, const int32_t **potentials, const uint8_t **map)
{
	struct ns_fused *f = p->fused;
	size_t pitch;

	ak_plan_frame(f->run, in, f->values);
	*potentials = f->values;
	*map = ak_plan_output(f->run, f->layers - 1, &pitch); /* nothing reads it: no border */
}

uint64_t ns_fused_events(const struct ns_plan *p, unsigned int layer, uint32_t first, uint32_t rows)
{
	return ak_plan_nonzero(p->fused->run, layer - 1, first, rows);
}

#else

void ns_fuse(struct ns_plan *p)
{
	(void)p;
}

void ns_fuse_drop(struct ns_plan *p)
{
	(void)p;
}

void ns_fused_frame(struct ns_plan *p, const uint8_t *in, const int32_t **potentials, const uint8_t **map)
{
	(void)p;
	(void)in;
	(void)potentials;
	(void)map;
}

uint64_t ns_fused_events(const struct ns_plan *p, unsigned int layer, uint32_t first, uint32_t rows)
{
	(void)p;
	(void)layer;
	(void)first;
	(void)rows;
	return 0;
}
#endif
