/* SPDX-License-Identifier: MIT */
/* Small random models that reach every kernel: sizes around the tiles, all widths, extreme weights, steps and scales. */
#ifndef TEST_RANDOM_MODEL_H
#define TEST_RANDOM_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "layer/v2.h"

enum family { FAMILY_INPUT, FAMILY_CONV, FAMILY_SEPARABLE, FAMILY_DENSE, FAMILY_COUNT };

static uint32_t rm_seed = 1;

static inline uint32_t rm_next(uint32_t below)
{
	rm_seed = rm_seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(rm_seed >> 4) * below) >> 28);
}

/* Mostly small, sometimes at an edge of the tiles. */
static inline uint32_t rm_count(uint32_t small, uint32_t edge)
{
	uint32_t kind = rm_next(8);

	if (kind == 0)
		return edge;
	if (kind == 1)
		return edge + 1;
	if (kind == 2)
		return edge - 1;
	return 1 + rm_next(small);
}

struct rm {
	struct akida_layer layer[4];
	uint32_t count, ip;
	bool failed;
};

static inline void rm_values(struct akida_layer *l, int8_t *w, size_t n)
{
	int32_t top = (1 << (l->weights_bits - 1)) - 1;
	uint32_t kind = rm_next(6);

	for (size_t i = 0; i < n; i++) {
		int32_t v = (int32_t)rm_next((uint32_t)(2 * top + 2)) - top - 1;

		if (kind == 0) /* all at one end */
			v = rm_next(2) ? top : -top - 1;
		else if (kind == 1)
			v = rm_next(4) ? 0 : v;
		w[i] = (int8_t)(l->weights_bits == 1 ? rm_next(2) : (uint32_t)v);
	}
}

static inline struct akida_layer *rm_add(struct rm *m, enum akida_layer_type v1, enum akida_layer_type v2, uint32_t h,
					 uint32_t w, uint32_t c, uint32_t filters)
{
	static const uint8_t bits[] = {1, 2, 4};
	struct akida_layer *l = &m->layer[m->count], *before = m->count ? l - 1 : NULL;

	snprintf(l->name, sizeof(l->name), "layer_%u", m->count);
	l->type = m->ip == 2 ? v2 : v1;
	l->in_h = before ? before->out_h : h;
	l->in_w = before ? before->out_w : w;
	l->in_c = before ? before->out_c : c;
	l->in_bits = before ? before->act_bits : 8;
	l->filters = filters;
	l->weights_bits = m->ip == 2 ? 2u << rm_next(3) : v1 == AKIDA_LAYER_INPUT_CONV ? 8 : bits[rm_next(3)];
	if (m->ip == 2 && l->weights_bits > 4)
		l->weights_bits = 8;
	l->activation = true;
	l->act_bits = bits[rm_next(3)];
	l->stride = 1;
	if (m->ip == 2) {
		l->v2 = calloc(1, sizeof(*l->v2));
		m->failed = m->failed || !l->v2;
		if (l->v2)
			*l->v2 = (struct ak_v2){
				.buffer_bits = rm_next(8) ? 32 : 16 + rm_next(17),
				.post_op_bits = rm_next(8) ? 33 : 20 + rm_next(14),
				.output_bits = 8,
				.rescale = true,
				.act = rm_next(3) ? AK_V2_ACT_RELU : AK_V2_ACT_NONE,
				.bounded = rm_next(2),
				.in_signed = before && before->v2->out_signed,
			};
		l->inbounds = m->count > 0;
		l->inbound[0] = m->count ? m->count - 1 : 0;
		if (l->v2 && (l->v2->act == AK_V2_ACT_NONE || !rm_next(4)))
			l->v2->out_signed = true;
	}
	m->count++;
	return l;
}

static inline void rm_variables_v2(struct akida_layer *l)
{
	struct ak_v2 *v = l->v2;
	bool extreme = !rm_next(8); /* beyond what kernels take */

	for (uint32_t f = 0; v->bias && f < l->filters; f++) {
		v->bias[f] = (int8_t)(rm_next(256) - 128);
		v->bias_shift[f] = (uint8_t)rm_next(8);
	}
	for (uint32_t f = 0; v->max_value && f < l->filters; f++) {
		v->max_value[f] = (uint8_t)rm_next(256);
		v->max_shift[f] = (uint8_t)rm_next(12);
	}
	for (uint32_t f = 0; v->out_scale && f < l->filters; f++) {
		v->out_scale[f] = (uint8_t)(rm_next(16) ? 128 + rm_next(128) : 1 + rm_next(255));
		v->out_shift[f] = (int8_t) - (int)(extreme ? rm_next(28) : 8 + rm_next(12));
	}
	for (uint32_t c = 0; v->padding && c < l->in_c; c++)
		v->padding[c] = (uint8_t)rm_next(v->in_signed ? 128 : 256);
	for (uint32_t c = 0; v->input_shift && !rm_next(16) && c < l->in_c; c++)
		v->input_shift[c] = (uint8_t)rm_next(3);
}

static inline void rm_finish(struct rm *m, struct akida_layer *l)
{
	uint32_t steps;

	if (m->failed || (l->v2 ? ak_v2_alloc(l) : ak_layer_alloc(l))) {
		m->failed = true;
		return;
	}
	rm_values(l, l->weights, ak_layer_weight_count(l));
	if (l->weights_pw)
		rm_values(l, l->weights_pw, ak_layer_weight_pw_count(l));
	if (l->v2)
		rm_variables_v2(l);
	steps = rm_next(8) ? 13 : 19;
	for (uint32_t f = 0; !l->v2 && l->activation && f < l->filters; f++) {
		l->threshold[f] = (int32_t)rm_next(4000) - 2000;
		l->step16[f] = (int32_t)(1 + rm_next(1u << (1 + rm_next(steps))));
	}
	for (uint32_t f = 0; l->scale && f < l->filters; f++)
		l->scale[f] = 1;
	if (ak_layer_finish(l, NULL))
		m->failed = true;
}

static inline void rm_kernel(struct akida_layer *l, uint32_t kernel, uint32_t stride)
{
	l->kernel_h = l->kernel_w = kernel;
	l->stride = stride;
	l->padding = rm_next(3) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
}

static inline void rm_pool(struct akida_layer *l)
{
	uint32_t kind = rm_next(4);

	if (kind == 0) {
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	} else if (kind == 1) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = 1 + rm_next(3);
		l->pool_stride = 1 + rm_next(l->pool_size);
		if (rm_next(2))
			l->pool_size = l->pool_stride = 2;
		l->pool_padding = rm_next(2) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	}
}

static inline void rm_potentials(struct akida_layer *l)
{
	if (rm_next(4))
		return;
	l->activation = false;
	if (l->v2) {
		l->v2->rescale = false;
		l->v2->output_bits = l->v2->buffer_bits;
		l->v2->out_signed = true;
	}
}

static inline void rm_first(struct rm *m, uint32_t c)
{
	bool data = rm_next(2);
	uint32_t h = 1 + rm_next(9), w = 1 + rm_next(20);
	struct akida_layer *l;

	if (data) {
		l = rm_add(m, AKIDA_LAYER_INPUT_DATA, AKIDA_LAYER_INPUT_DATA, h, w, c, c);
		if (m->failed)
			return;
		l->in_bits = l->act_bits;
		if (l->v2) {
			l->in_bits = 8;
			*l->v2 = (struct ak_v2){.buffer_bits = 32, .post_op_bits = 33, .output_bits = 8};
			l->v2->in_signed = l->v2->out_signed = rm_next(2);
		}
		if (ak_layer_finish(l, NULL))
			m->failed = true;
		return;
	}
	l = rm_add(m, AKIDA_LAYER_INPUT_CONV, AKIDA_LAYER_INPUT_CONV2D, h + 4, w + 4, m->ip == 2 || rm_next(2) ? 1 : 3,
		   c);
	if (m->failed)
		return;
	if (l->v2)
		l->v2->in_signed = rm_next(2);
	rm_kernel(l, 3, 1 + rm_next(3));
	if (!l->v2)
		l->padding_value = rm_next(256);
	rm_finish(m, l);
}

/* A family's layer behind what feeds it. NULL where the drawn parameters make no model. */
static inline struct akida_model *rm_model(enum family family, uint32_t ip)
{
	struct rm *m = calloc(1, sizeof(*m));
	struct akida_model *model = NULL;
	struct akida_layer *l, *own;
	bool events;

	if (!m)
		return NULL;
	m->ip = ip;
	events = family == FAMILY_CONV && !rm_next(8); /* shapes that have a path for sparse inputs */
	rm_first(m, family == FAMILY_DENSE ? rm_count(20, 16) : events ? 16 + 16 * rm_next(4) : rm_count(20, 64));
	if (!m->failed && family == FAMILY_CONV) {
		l = rm_add(m, AKIDA_LAYER_CONV, AKIDA_LAYER_CONV2D, 0, 0, 0,
			   events ? 64 + 64 * rm_next(2) : rm_count(70, 64));
		rm_kernel(l, 1 + 2 * rm_next(3), 1 + rm_next(2));
		rm_pool(l);
		rm_potentials(l);
		rm_finish(m, l);
	} else if (!m->failed && family == FAMILY_SEPARABLE) {
		uint32_t filters = rm_count(70, 64);

		l = rm_add(m, AKIDA_LAYER_SEPARABLE, AKIDA_LAYER_DEPTHWISE_CONV2D, 0, 0, 0,
			   ip == 2 ? m->layer[m->count - 1].out_c : filters);
		rm_kernel(l, rm_next(2) ? 3 : 1 + 2 * rm_next(4), 1 + rm_next(2));
		if (ip == 1 || !rm_next(4))
			rm_pool(l);
		if (ip == 1)
			rm_potentials(l);
		rm_finish(m, l);
		if (ip == 2 && !m->failed) {
			l = rm_add(m, AKIDA_LAYER_CONV, AKIDA_LAYER_CONV2D, 0, 0, 0, filters);
			rm_kernel(l, 1, 1);
			rm_pool(l);
			rm_potentials(l);
			rm_finish(m, l);
		}
	} else if (!m->failed && family == FAMILY_DENSE) {
		l = rm_add(m, AKIDA_LAYER_FULLY, AKIDA_LAYER_DENSE1D, 0, 0, 0, rm_count(140, 1 + rm_next(128)));
		rm_potentials(l);
		rm_finish(m, l);
	}
	own = m->failed ? NULL : malloc(m->count * sizeof(*own));
	if (own) {
		memcpy(own, m->layer, m->count * sizeof(*own));
		if (ak_model_create(own, m->count, "random", &model, NULL))
			model = NULL;
	} else {
		for (uint32_t i = 0; i < m->count; i++)
			ak_layer_fini(&m->layer[i]);
	}
	free(m);
	return model;
}

#endif
