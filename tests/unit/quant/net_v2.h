/* SPDX-License-Identifier: MIT */
/* Random networks with every layer of Akida 2, and their 8- and 4-bit quantization. */
#ifndef TESTS_UNIT_QUANT_NET_V2_H
#define TESTS_UNIT_QUANT_NET_V2_H

#include "tests/unit/quant/net.h"
#include <akida/quant.h>
#include "base/diag.h"

#define NET2_FRAMES 6u

static inline struct ak_node *net2_transposed(struct akida_graph *g, enum ak_op op, uint32_t filters, uint32_t k)
{
	return net_kernel(g, op, filters, k, 2);
}

static inline struct ak_node *net2_over_time(struct akida_graph *g, enum ak_op op, uint32_t filters, uint32_t frames)
{
	struct ak_node *n = net_add(g, op);

	n->filters = filters;
	n->kernel_t = frames;
	n->use_bias = true;
	return n;
}

static inline void net2_activation(struct akida_graph *g, enum ak_activation act)
{
	struct ak_node *n = net_add(g, AK_OP_ACTIVATION);

	n->act = act;
	n->act_alpha = 0.2f;
}

static inline struct ak_node *net2_join(struct akida_graph *g, enum ak_op op, uint32_t a, uint32_t b)
{
	const uint32_t in[2] = {a, b};
	struct ak_node *n = ak_graph_add(g, op, NULL, in, 2);

	assert_non_null(n);
	n->axis = 2;
	return n;
}

/* A branch that starts at node from. */
static inline uint32_t net2_branch(struct akida_graph *g, uint32_t from, enum ak_op op, uint32_t filters, float max)
{
	g->output = from;
	net_kernel(g, op, filters, 3, 1);
	net_relu(g, max);
	return g->output;
}

static inline void net2_transposes(struct akida_graph *g)
{
	net_conv(g, 6, 3, 2);
	net_relu(g, 6);
	net2_transposed(g, AK_OP_CONV2D_TRANSPOSE, 5, 3);
	net_batchnorm(g);
	net2_activation(g, AK_ACT_SILU);
	net2_transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 4);
	net_batchnorm(g);
	net_relu(g, 0);
	net2_transposed(g, AK_OP_CONV2D_TRANSPOSE, 4, 4);
	net_relu(g, 0);
	net2_transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 3);
}

static inline void net2_temporal(struct akida_graph *g)
{
	g->nodes[0].input_i8 = true;
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 5, 3);
	net_batchnorm(g);
	net_relu(g, 0);
	net2_over_time(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, 0, 4);
	net_batchnorm(g);
	net_relu(g, 0);
	net_conv(g, 6, 3, 2);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
}

static inline void net2_branches(struct akida_graph *g)
{
	uint32_t stem, a, b;

	net_conv(g, 6, 3, 1);
	net_relu(g, 6);
	stem = g->output;
	a = net2_branch(g, stem, AK_OP_CONV2D, 6, 0);
	b = net2_branch(g, stem, AK_OP_DEPTHWISE, 0, 3);
	net2_join(g, AK_OP_CONCATENATE, a, b);
	net_conv(g, 6, 1, 1);
	net_relu(g, 0);
	a = g->output;
	b = net2_branch(g, a, AK_OP_CONV2D, 6, 4);
	net2_join(g, AK_OP_ADD, a, b);
	net_conv(g, 5, 3, 1);
	net_maxpool(g, 2, 2);
	net2_activation(g, AK_ACT_LEAKY_RELU);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 7);
	net_relu(g, 0);
	net_dense(g, 3);
}

static inline void net2_averages(struct akida_graph *g)
{
	uint32_t stem, a, b;

	net_conv(g, 6, 3, 1);
	net_relu(g, 0);
	stem = g->output;
	a = net2_branch(g, stem, AK_OP_CONV2D, 4, 0);
	b = net2_branch(g, stem, AK_OP_CONV2D, 4, 2);
	net2_join(g, AK_OP_ADD, a, b)->average = true;
	net_conv(g, 5, 3, 1);
	net2_activation(g, AK_ACT_GELU);
	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
}

static inline void net2_tables(struct akida_graph *g)
{
	net_conv(g, 6, 5, 1);
	net2_activation(g, AK_ACT_HARD_SILU);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	net2_activation(g, AK_ACT_GELU_TANH);
	net_conv(g, 3, 1, 1);
}

static inline void net2_recurrent_layer(struct akida_graph *g, uint32_t states, uint32_t units, uint32_t subsample)
{
	struct ak_node *n = net_add(g, AK_OP_STATEFUL_PROJECTION);

	n->filters = states;
	net_add(g, AK_OP_STATEFUL_RECURRENT);
	net_add(g, AK_OP_EXTRACT_TOKEN)->axis = 2;
	n = net_add(g, AK_OP_STATEFUL_PROJECTION);
	n->filters = units;
	n->subsample = subsample;
	n->use_bias = true;
}

/* Steps of time and channels instead of an image: two recurrent layers, the second on two positions at a time. */
static inline void net2_recurrent(struct akida_graph *g)
{
	struct ak_node *n = &g->nodes[0];

	n->rank = 2;
	n->dims[0] = 64;
	n->dims[1] = 6;
	n->input_i8 = true;
	net2_recurrent_layer(g, 8, 10, 2);
	net_relu(g, 0);
	net2_recurrent_layer(g, 4, 5, 1);
	n = &g->nodes[g->count - 4];
	n->downshape_rank = 2;
	n->downshape[0] = 16;
	n->downshape[1] = 20;
}

struct net2 {
	void (*build)(struct akida_graph *g);
	uint32_t channels;
	double tolerance; /* mean difference from the float network as a share of its largest output */
};

static inline struct akida_graph *net2_network(const struct net2 *s)
{
	struct akida_graph *g = net_start(8, 10, s->channels);

	if (s->channels != 2)
		net_rescaling(g, 1 / 127.0f, s->channels == 3 ? -1 : 0);
	s->build(g);
	return net_finish(g);
}

static inline struct akida_array net2_samples(const struct akida_graph *g)
{
	struct akida_array x = net_samples(g, NET2_FRAMES);

	if (g->nodes[0].input_i8)
		x.dtype = AKIDA_I8;
	/* a state is much larger than what comes in a step, or the chip's buffer saturates */
	for (size_t i = 0; g->nodes[0].rank == 2 && i < akida_array_elements(&x); i++)
		((uint8_t *)x.data)[i] = (uint8_t)(40 + (((uint8_t *)x.data)[i] & 31));
	return x;
}

static inline void net2_quantize(const struct akida_graph *g, const struct akida_array *x, uint32_t weights,
				 uint32_t acts, struct akida_graph **q)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;
	int err;

	akida_quant_params_init(&p);
	p.weight_bits = weights;
	p.activation_bits = acts;
	p.per_tensor = g->nodes[0].rank == 2; /* else shifts and scale take more bits than the state's buffer has */
	p.split_separables = 1;
	p.batch_size = NET2_FRAMES;
	err = akida_quantize(g, &p, x, q, diag);
	if (err)
		print_message("%s\n", akida_diag_first_error(diag)->text);
	assert_int_equal(err, 0);
	akida_diag_destroy(diag);
}

#endif
