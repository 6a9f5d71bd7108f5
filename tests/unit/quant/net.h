/* SPDX-License-Identifier: MIT */
/* Small random networks for the tests of passes, quantization and conversion. Every failure stops the test. */
#ifndef TESTS_UNIT_QUANT_NET_H
#define TESTS_UNIT_QUANT_NET_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <akida/data.h>
#include "graph/graph.h"

static uint64_t net_rng = 1;

static inline uint32_t net_random(void)
{
	net_rng = net_rng * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(net_rng >> 33);
}

/* Uniform in [lo, hi). */
static inline float net_uniform(float lo, float hi)
{
	return lo + (hi - lo) * (float)(net_random() & 0xffffff) / 16777216.0f;
}

static inline struct ak_node *net_add(struct akida_graph *g, enum ak_op op)
{
	struct ak_node *n = ak_graph_add(g, op, NULL, g->count ? &g->output : NULL, g->count ? 1 : 0);

	assert_non_null(n);
	return n;
}

static inline struct akida_graph *net_start(uint32_t h, uint32_t w, uint32_t c)
{
	struct akida_graph *g;
	struct ak_node *n;

	assert_int_equal(ak_graph_create("net", &g), 0);
	n = net_add(g, AK_OP_INPUT);
	n->rank = 3;
	n->dims[0] = h;
	n->dims[1] = w;
	n->dims[2] = c;
	return g;
}

static inline struct ak_node *net_kernel(struct akida_graph *g, enum ak_op op, uint32_t filters, uint32_t k, uint32_t s)
{
	struct ak_node *n = net_add(g, op);

	n->filters = filters;
	n->kernel_h = n->kernel_w = k;
	n->stride_h = n->stride_w = s;
	n->same = true;
	n->use_bias = true;
	return n;
}

static inline struct ak_node *net_conv(struct akida_graph *g, uint32_t filters, uint32_t k, uint32_t s)
{
	return net_kernel(g, AK_OP_CONV2D, filters, k, s);
}

static inline struct ak_node *net_separable(struct akida_graph *g, uint32_t filters, uint32_t k, uint32_t s)
{
	return net_kernel(g, AK_OP_SEPARABLE, filters, k, s);
}

static inline struct ak_node *net_dense(struct akida_graph *g, uint32_t units)
{
	struct ak_node *n = net_add(g, AK_OP_DENSE);

	n->filters = units;
	n->use_bias = true;
	return n;
}

static inline struct ak_node *net_batchnorm(struct akida_graph *g)
{
	struct ak_node *n = net_add(g, AK_OP_BATCHNORM);

	n->epsilon = 1e-3f;
	n->center = n->scale_on = true;
	return n;
}

/* max 0: unbounded. */
static inline struct ak_node *net_relu(struct akida_graph *g, float max)
{
	struct ak_node *n = net_add(g, AK_OP_RELU);

	n->bounded = max > 0;
	n->max_value = max;
	return n;
}

static inline struct ak_node *net_maxpool(struct akida_graph *g, uint32_t size, uint32_t stride)
{
	struct ak_node *n = net_add(g, AK_OP_MAXPOOL);

	n->kernel_h = n->kernel_w = size;
	n->stride_h = n->stride_w = stride;
	n->same = true;
	return n;
}

static inline struct ak_node *net_rescaling(struct akida_graph *g, float scale, float offset)
{
	struct ak_node *n = net_add(g, AK_OP_RESCALING);

	n->scale = scale;
	n->offset = offset;
	return n;
}

/* Shapes, and random weights: kernels scaled to their fan-in, normalizations that keep values near 1. */
static inline struct akida_graph *net_finish(struct akida_graph *g)
{
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++) {
			struct ak_weight *w = &g->nodes[i].weights[k];
			size_t fan_in = w->rank > 1 ? w->count / w->dims[w->rank - 1] : 1;
			float spread = 1.7f / sqrtf((float)fan_in);

			for (size_t e = 0; e < w->count; e++)
				w->data[e] = w->rank > 1			   ? net_uniform(-spread, spread)
					     : !strcmp(w->name, "gamma")	   ? net_uniform(0.3f, 1.5f)
					     : !strcmp(w->name, "moving_variance") ? net_uniform(0.1f, 2.0f)
					     : !strcmp(w->name, "A_real")	   ? net_uniform(0.93f, 0.97f)
					     : !strcmp(w->name, "A_imag")	   ? net_uniform(-0.03f, 0.03f)
										   : net_uniform(-0.3f, 0.3f);
		}
	return g;
}

static inline struct akida_array net_samples(const struct akida_graph *g, size_t n)
{
	size_t dims[5] = {n};
	struct akida_array a;

	for (uint32_t k = 0; k < g->nodes[0].rank; k++)
		dims[k + 1] = g->nodes[0].dims[k];
	assert_int_equal(akida_array_init(&a, AKIDA_U8, g->nodes[0].rank + 1, dims), 0);
	for (size_t i = 0; i < akida_array_elements(&a); i++)
		((uint8_t *)a.data)[i] = (uint8_t)(net_random() & 255);
	return a;
}

static inline float *net_forward(const struct akida_graph *g, const struct akida_array *x)
{
	float *out = calloc(x->dims[0] * akida_graph_outputs(g), sizeof(float));

	assert_non_null(out);
	assert_int_equal(akida_graph_forward(g, x, out, NULL), 0);
	return out;
}

/* Index of the node with this class after the first skip ones, or UINT32_MAX. */
static inline uint32_t net_find(const struct akida_graph *g, enum ak_op op, uint32_t skip)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].op == op && !skip--)
			return i;
	return UINT32_MAX;
}

#endif
