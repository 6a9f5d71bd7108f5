/* SPDX-License-Identifier: MIT */
/* Small networks with drawn weights for the tests of this folder. */
#ifndef TEST_MAP_MODELS_H
#define TEST_MAP_MODELS_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "layer/layer.h"

#define NET_MAX 12

struct net {
	uint64_t seed;
	uint32_t count;
	struct akida_layer *layers;
};

static inline uint32_t net_random(struct net *n, uint32_t below)
{
	n->seed ^= n->seed << 13;
	n->seed ^= n->seed >> 7;
	n->seed ^= n->seed << 17;
	return (uint32_t)(n->seed >> 33) % below;
}

static inline int32_t net_between(struct net *n, int32_t low, int32_t high)
{
	return low + (int32_t)net_random(n, (uint32_t)(high - low + 1));
}

static inline void net_init(struct net *n, uint64_t seed)
{
	n->seed = seed * 0x9e3779b97f4a7c15u + 1;
	n->count = 0;
	n->layers = calloc(NET_MAX, sizeof(*n->layers));
}

/* A layer behind the newest one; the caller sets more and calls net_done. in_* of the first layer are the caller's. */
static inline struct akida_layer *net_add(struct net *n, enum akida_layer_type type, uint32_t filters)
{
	struct akida_layer *l = &n->layers[n->count], *prev = &n->layers[n->count ? n->count - 1 : 0];

	l->type = type;
	snprintf(l->name, sizeof(l->name), "layer_%u", n->count);
	if (n->count) {
		l->in_h = prev->out_h;
		l->in_w = prev->out_w;
		l->in_c = prev->out_c;
		l->in_bits = prev->act_bits;
	} else {
		l->in_bits = type == AKIDA_LAYER_INPUT_CONV ? 8 : 4;
	}
	l->filters = filters;
	l->activation = true;
	l->act_bits = 4;
	l->weights_bits = type == AKIDA_LAYER_INPUT_CONV ? 8 : 4;
	if (type == AKIDA_LAYER_FULLY)
		return l;
	l->kernel_h = l->kernel_w = 3;
	l->stride = 1;
	l->padding = AKIDA_PAD_SAME;
	return l;
}

/* Draws weights, thresholds and steps so that activations spread over their range; false when it cannot be a layer. */
static inline bool net_done(struct net *n)
{
	struct akida_layer *l = &n->layers[n->count];
	int32_t high = l->weights_bits == 8 ? 127 : l->weights_bits == 4 ? 7 : 1;
	int32_t low = l->weights_bits == 1 ? 0 : l->type == AKIDA_LAYER_SEPARABLE ? -high - 1 : -high;
	double taps, spread;
	int32_t limit = l->type == AKIDA_LAYER_INPUT_CONV ? AK_THRESHOLD_MAX_INPUT : AK_THRESHOLD_MAX, range;

	if (ak_layer_finish(l, NULL) || ak_layer_alloc(l))
		return false;
	taps = (l->type == AKIDA_LAYER_FULLY ? (double)l->in_h * l->in_w : (double)l->kernel_h * l->kernel_w) * l->in_c;
	spread = sqrt(taps) * high * 0.3 * (1 << l->in_bits);
	if (l->type == AKIDA_LAYER_SEPARABLE)
		spread *= high * 0.5;
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		spread *= sqrt((double)l->conv_h * l->conv_w);
	range = spread < limit ? (int32_t)spread : limit;
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = (int8_t)net_between(n, low, high);
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = (int8_t)net_between(n, low, high);
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = net_between(n, -range / 2, range / 2);
		l->step16[f] = net_between(n, 1, range > 100000 ? 1600000 : range * 16 + 1) / 8 + 1;
		if (l->step16[f] > AK_STEP16_MAX)
			l->step16[f] = AK_STEP16_MAX;
		if (!l->activation)
			l->scale[f] = 1.0f + (float)net_random(n, 100000) / 256;
	}
	n->count++;
	return true;
}

static inline struct akida_model *net_model(struct net *n)
{
	struct akida_model *m = NULL;

	if (ak_model_create(n->layers, n->count, "test", &m, NULL))
		return NULL;
	return m;
}

static inline struct akida_layer *net_input(struct net *n, uint32_t h, uint32_t w, uint32_t c, uint32_t filters)
{
	struct akida_layer *l = net_add(n, AKIDA_LAYER_INPUT_CONV, filters);

	l->in_h = h;
	l->in_w = w;
	l->in_c = c;
	return l;
}

/* 28x28x1 -> HRC 3x3x16 stride 2 -> conv 32 -> separable 64 -> separable 64 and global pooling -> 10: first-light. */
static inline struct akida_model *net_first_light(uint64_t seed)
{
	struct net n;

	net_init(&n, seed);
	net_input(&n, 28, 28, 1, 16)->stride = 2;
	net_done(&n);
	net_add(&n, AKIDA_LAYER_CONV, 32);
	net_done(&n);
	net_add(&n, AKIDA_LAYER_SEPARABLE, 64);
	net_done(&n);
	net_add(&n, AKIDA_LAYER_SEPARABLE, 64)->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	net_done(&n);
	net_add(&n, AKIDA_LAYER_FULLY, 10)->activation = false;
	net_done(&n);
	return net_model(&n);
}

static inline void net_pool2(struct akida_layer *l)
{
	l->pool = AKIDA_POOL_MAX;
	l->pool_size = l->pool_stride = 2;
	l->pool_padding = AKIDA_PAD_SAME;
}

/* The network of seed 001: conv 16 and pool on the HRC, conv 16 and pool, 10 units. */
static inline struct akida_model *net_seed(uint64_t seed)
{
	struct net n;

	net_init(&n, seed);
	net_pool2(net_input(&n, 28, 28, 1, 16));
	net_done(&n);
	net_pool2(net_add(&n, AKIDA_LAYER_CONV, 16));
	net_done(&n);
	net_add(&n, AKIDA_LAYER_FULLY, 10)->activation = false;
	net_done(&n);
	return net_model(&n);
}

/*
 * A chain that the mapper may or may not take: odd sizes, strides, pooling, splits, bit widths. large allows row and
 * filter splits. Returns NULL when the draw is no model.
 */
static inline struct akida_model *net_draw(uint64_t seed, bool large)
{
	static const uint8_t widths[] = {4, 4, 4, 2, 1};
	uint32_t middle, c, k;
	struct akida_layer *l;
	struct net n;

	net_init(&n, seed);
	c = net_random(&n, 2) ? 3 : 1;
	k = c == 1 && net_random(&n, 3) == 0 ? 5 : 3;
	l = net_input(&n, 0, 0, c, 1 + net_random(&n, 24));
	l->in_h = 5 + net_random(&n, large ? 120 : 40);
	l->in_w = 5 + net_random(&n, large ? 60 : 40);
	l->kernel_h = l->kernel_w = k;
	l->stride = 1 + net_random(&n, 3);
	l->padding = net_random(&n, 4) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	l->padding_value = l->padding == AKIDA_PAD_SAME ? net_random(&n, 256) : 0;
	l->act_bits = widths[net_random(&n, sizeof(widths))];
	if (net_random(&n, 4) == 0)
		net_pool2(l);
	if (!net_done(&n))
		goto no_model;
	middle = net_random(&n, 4);
	for (uint32_t i = 0; i < middle; i++) {
		l = net_add(&n, net_random(&n, 2) ? AKIDA_LAYER_CONV : AKIDA_LAYER_SEPARABLE,
			    1 + net_random(&n, large && net_random(&n, 2) ? 150 : 40));
		l->stride = 1 + net_random(&n, 2);
		l->weights_bits = net_random(&n, 4) ? 4 : 2;
		l->act_bits = widths[net_random(&n, sizeof(widths))];
		switch (net_random(&n, 6)) {
		case 0:
			l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
			break;
		case 1:
			net_pool2(l);
			l->pool_stride = 1 + net_random(&n, 2);
			l->pool_padding = net_random(&n, 2) ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
		}
		if (!net_done(&n))
			goto no_model;
	}
	if (net_random(&n, 3)) {
		if (net_random(&n, 3) == 0) {
			l = net_add(&n, AKIDA_LAYER_FULLY, 1 + net_random(&n, 40));
			l->act_bits = widths[net_random(&n, sizeof(widths))];
			if (!net_done(&n))
				goto no_model;
		}
		l = net_add(&n, AKIDA_LAYER_FULLY, 1 + net_random(&n, 20));
	} else {
		l = net_add(&n, net_random(&n, 2) ? AKIDA_LAYER_CONV : AKIDA_LAYER_SEPARABLE, 1 + net_random(&n, 20));
	}
	l->activation = net_random(&n, 4) == 0;
	if (!net_done(&n))
		goto no_model;
	return net_model(&n);

no_model:
	for (uint32_t i = 0; i < n.count; i++)
		ak_layer_fini(&n.layers[i]);
	ak_layer_fini(&n.layers[n.count]);
	free(n.layers);
	return NULL;
}

#endif
