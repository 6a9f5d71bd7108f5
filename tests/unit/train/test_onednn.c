// SPDX-License-Identifier: MIT
/* Gradients of every kind of layer against finite differences, and the forward pass against values worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "graph/infer.h"
#include "train/onednn.h"
#include "train/random.h"

#define BATCH 3
#ifndef SEED
#define SEED 7
#endif
#define PROBES 16 /* entries of each parameter that are checked */

static struct akida_graph *graph;
static struct ak_random rng;

static struct ak_node *add(enum ak_op op)
{
	uint32_t last = graph->count - 1;
	struct ak_node *n = ak_graph_add(graph, op, NULL, &last, graph->count ? 1 : 0);

	assert_non_null(n);
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = n->dilation_h = n->dilation_w = n->groups = 1;
	n->depth_multiplier = 1;
	n->epsilon = 1e-3f;
	n->momentum = 0.9f;
	n->center = n->scale_on = true;
	return n;
}

static void weight(struct ak_node *n, const char *name, uint32_t rank, size_t a, size_t b, size_t c, size_t d)
{
	struct ak_weight *w;

	assert_int_equal(ak_node_add_weight(n, name, rank, (size_t[]){a, b, c, d}, &w), 0);
	for (size_t i = 0; i < w->count; i++)
		w->data[i] = ak_random_unit(&rng) - 0.5f;
	if (!strcmp(name, "gamma") || !strcmp(name, "moving_variance"))
		for (size_t i = 0; i < w->count; i++)
			w->data[i] += 1;
}

static void start(uint32_t h, uint32_t w, uint32_t c)
{
	struct ak_node *n;

	rng = ak_random_stream(SEED, 7);
	assert_int_equal(ak_graph_create("test", &graph), 0);
	graph->sequential = true;
	n = add(AK_OP_INPUT);
	n->rank = 3;
	n->dims[0] = h;
	n->dims[1] = w;
	n->dims[2] = c;
}

static struct ak_node *conv(uint32_t in, uint32_t filters, uint32_t kernel, uint32_t stride, bool same)
{
	struct ak_node *n = add(AK_OP_CONV2D);

	n->filters = filters;
	n->kernel_h = n->kernel_w = kernel;
	n->stride_h = n->stride_w = stride;
	n->same = same;
	n->use_bias = true;
	weight(n, "kernel", 4, kernel, kernel, in, filters);
	weight(n, "bias", 1, filters, 0, 0, 0);
	return n;
}

static void dense(uint32_t in, uint32_t units)
{
	struct ak_node *n = add(AK_OP_DENSE);

	n->filters = units;
	n->use_bias = true;
	weight(n, "kernel", 2, in, units, 0, 0);
	weight(n, "bias", 1, units, 0, 0, 0);
}

static void norm(uint32_t c, bool scale, bool center)
{
	struct ak_node *n = add(AK_OP_BATCHNORM);

	n->scale_on = scale;
	n->center = center;
	if (scale)
		weight(n, "gamma", 1, c, 0, 0, 0);
	if (center)
		weight(n, "beta", 1, c, 0, 0, 0);
	weight(n, "moving_mean", 1, c, 0, 0, 0);
	weight(n, "moving_variance", 1, c, 0, 0, 0);
}

static struct ak_node *window(enum ak_op op, uint32_t size, uint32_t stride, bool same)
{
	struct ak_node *n = add(op);

	n->kernel_h = n->kernel_w = size;
	n->stride_h = n->stride_w = stride;
	n->same = same;
	return n;
}

static double weighted(struct ak_dnn *d, const float *r, size_t n)
{
	const float *z;
	double sum = 0;

	assert_int_equal(ak_dnn_forward(d, true, 5), 0);
	z = ak_dnn_logits(d);
	for (size_t i = 0; i < n; i++)
		sum += (double)r[i] * z[i];
	return sum;
}

/* loss = sum r * outputs with fixed random r; dloss/dw by central differences against the backward pass. */
static void check_gradients(void)
{
	struct akida_diag *diag = akida_diag_create();
	struct ak_chain chain;
	struct ak_dnn *d;
	const struct ak_dnn_param *p;
	float r[1024], *in;
	size_t outputs, checked = 0;
	double middle;

	assert_int_equal(ak_graph_finish(graph, diag), 0);
	assert_int_equal(ak_chain_init(&chain, graph, diag), 0);
	assert_int_equal(ak_dnn_create(&chain, BATCH, NULL, NULL, &d, diag), 0);
	outputs = (size_t)BATCH * chain.outputs;
	assert_true(outputs <= 1024);
	in = ak_dnn_input(d);
	for (size_t i = 0; i < (size_t)BATCH * chain.input.h * chain.input.w * chain.input.c; i++)
		in[i] = 2 * ak_random_unit(&rng) - 1;
	for (size_t i = 0; i < outputs; i++)
		r[i] = 2 * ak_random_unit(&rng) - 1;
	p = ak_dnn_params(d);
	middle = weighted(d, r, outputs);
	memcpy(ak_dnn_logits_gradient(d), r, outputs * sizeof(float));
	assert_int_equal(ak_dnn_backward(d), 0);
	for (uint32_t k = 0; k < chain.param_count; k++) {
		if (!chain.params[k].trainable)
			continue;
		assert_non_null(p[k].g);
		for (int probe = 0; probe < PROBES; probe++) {
			size_t j = ak_random_below(&rng, (uint32_t)p[k].count);
			float w = p[k].w[j];
			double slope[2], bend = 0, got = p[k].g[j];

			for (int e = 0; e < 2; e++) {
				float step = e ? 0x1p-11f : 0x1p-9f;
				double up, down;

				p[k].w[j] = w + step;
				up = weighted(d, r, outputs);
				p[k].w[j] = w - step;
				down = weighted(d, r, outputs);
				p[k].w[j] = w;
				slope[e] = (up - down) / (2 * (double)step);
				bend = (up - 2 * middle + down) / (double)step;
			}
			/* A kink of ReLU or max: the slopes differ with the step, or to the left and to the right. */
			if (fabs(slope[0] - slope[1]) > 0.005 * (1 + fabs(slope[0])) ||
			    fabs(bend) > 0.02 * (1 + fabs(slope[0])))
				continue;
			if (fabs(got - slope[0]) > 0.02 * (1 + fabs(slope[0])))
				fail_msg("layer %s, parameter %u, entry %zu: gradient %g, finite difference %g",
					 graph->nodes[chain.params[k].node].name, k, j, got, slope[0]);
			checked += fabs(got) > 1e-3;
		}
	}
	assert_true(checked >= PROBES / 2);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
	akida_diag_destroy(diag);
}

static void test_conv_same_stride_1_gradient(void **state)
{
	(void)state;
	start(5, 6, 1);
	conv(1, 4, 3, 1, true);
	conv(4, 3, 3, 1, true);
	check_gradients();
}

static void test_conv_stride_2_same_even_and_odd_gradient(void **state)
{
	(void)state;
	start(8, 7, 3);
	conv(3, 4, 3, 2, true);
	conv(4, 18, 3, 2, true);
	check_gradients();
}

static void test_conv_valid_even_kernel_dilation_groups_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(9, 9, 2);
	conv(2, 4, 2, 1, false);
	n = add(AK_OP_CONV2D);
	n->filters = 6;
	n->kernel_h = 3;
	n->kernel_w = 2;
	n->groups = 2;
	weight(n, "kernel", 4, 3, 2, 2, 6);
	n = conv(6, 2, 3, 1, true);
	n->dilation_h = n->dilation_w = 2;
	check_gradients();
}

static void test_separable_and_depthwise_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(7, 6, 3);
	n = window(AK_OP_DEPTHWISE, 3, 1, true);
	n->depth_multiplier = 2;
	n->use_bias = true;
	weight(n, "depthwise_kernel", 4, 3, 3, 3, 2);
	weight(n, "bias", 1, 6, 0, 0, 0);
	n = window(AK_OP_SEPARABLE, 3, 2, true);
	n->filters = 5;
	n->use_bias = true;
	weight(n, "depthwise_kernel", 4, 3, 3, 6, 1);
	weight(n, "pointwise_kernel", 4, 1, 1, 6, 5);
	weight(n, "bias", 1, 5, 0, 0, 0);
	check_gradients();
}

static void test_flatten_and_dense_gradient(void **state)
{
	(void)state;
	start(3, 4, 2);
	conv(2, 3, 3, 1, true);
	add(AK_OP_FLATTEN);
	dense(36, 8);
	add(AK_OP_RELU);
	dense(8, 5);
	check_gradients();
}

static void test_dense_on_a_map_gradient(void **state)
{
	(void)state;
	start(3, 4, 2);
	dense(2, 5);
	dense(5, 3);
	check_gradients();
}

static void test_norm_of_a_map_gradient(void **state)
{
	(void)state;
	start(4, 4, 2);
	conv(2, 17, 3, 1, true);
	norm(17, true, true);
	conv(17, 3, 3, 1, true);
	norm(3, true, false);
	conv(3, 3, 1, 1, true);
	norm(3, false, true);
	conv(3, 2, 1, 1, true);
	check_gradients();
}

static void test_norm_of_a_vector_gradient(void **state)
{
	(void)state;
	start(2, 2, 2);
	add(AK_OP_FLATTEN);
	dense(8, 6);
	norm(6, true, true);
	add(AK_OP_RELU);
	dense(6, 4);
	norm(4, false, false);
	dense(4, 4);
	check_gradients();
}

static void test_activations_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(4, 4, 2);
	conv(2, 4, 3, 1, true)->act = AK_ACT_RELU;
	conv(4, 4, 3, 1, true);
	n = add(AK_OP_RELU);
	n->bounded = true;
	n->max_value = 0.5f;
	conv(4, 4, 3, 1, true);
	n = add(AK_OP_RELU);
	n->negative_slope = 0.2f;
	conv(4, 4, 3, 1, true);
	add(AK_OP_ACTIVATION)->act = AK_ACT_TANH;
	n = add(AK_OP_RESCALING);
	n->scale = 1.5f;
	n->offset = -0.25f;
	conv(4, 4, 3, 1, true)->act = AK_ACT_SIGMOID;
	dense(4, 2);
	check_gradients();
}

static void test_pools_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(13, 11, 1);
	conv(1, 5, 3, 1, true);
	n = add(AK_OP_RELU);
	n->bounded = true;
	n->max_value = 3;
	window(AK_OP_MAXPOOL, 2, 2, true);
	conv(5, 4, 3, 1, true);
	window(AK_OP_AVGPOOL, 3, 2, true);
	conv(4, 4, 3, 1, true);
	window(AK_OP_MAXPOOL, 2, 1, false);
	conv(4, 3, 1, 1, true);
	add(AK_OP_GAP);
	dense(3, 4);
	check_gradients();
}

static void test_padding_reshape_dropout_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(4, 4, 2);
	n = add(AK_OP_ZEROPAD);
	n->pad[0] = 1;
	n->pad[3] = 2;
	conv(2, 3, 3, 1, false);
	add(AK_OP_DROPOUT)->rate = 0.3f;
	n = add(AK_OP_ZEROPAD);
	n->pad[1] = 1;
	n->pad[2] = 3;
	window(AK_OP_MAXPOOL, 2, 2, false);
	n = add(AK_OP_RESHAPE);
	n->rank = 3;
	n->dims[0] = 1;
	n->dims[1] = 3;
	n->dims[2] = 6;
	conv(6, 4, 1, 1, true);
	add(AK_OP_FLATTEN);
	add(AK_OP_RELU);
	dense(12, 3);
	check_gradients();
}

/* The newest node reads this node. */
static void from(uint32_t node)
{
	graph->nodes[graph->count - 1].inputs[0] = node;
}

static void meet(enum ak_op op, uint32_t axis, uint32_t n, const uint32_t *inputs)
{
	struct ak_node *node = ak_graph_add(graph, op, NULL, inputs, n);

	assert_non_null(node);
	node->axis = axis;
}

/* A residual block as ResNets have it: the sum goes to a ReLU, whose result goes two ways. */
static void test_residual_blocks_gradient(void **state)
{
	uint32_t sum;

	(void)state;
	start(6, 6, 2);
	conv(2, 5, 3, 1, true);
	norm(5, true, true);
	add(AK_OP_RELU);
	for (int block = 0; block < 2; block++) {
		sum = graph->count - 1;
		conv(5, 5, 3, 1, true);
		norm(5, true, true);
		add(AK_OP_RELU);
		conv(5, 5, 3, 1, true);
		norm(5, true, true);
		meet(AK_OP_ADD, 0, 2, (uint32_t[]){sum, graph->count - 1});
		add(AK_OP_RELU);
	}
	add(AK_OP_GAP);
	dense(5, 3);
	check_gradients();
}

/* The convolution's result is read by a ReLU that must not overwrite it, by a pooling and by the sum of three. */
static void test_three_ways_from_one_layer_gradient(void **state)
{
	(void)state;
	start(5, 4, 1);
	conv(1, 4, 3, 1, true);		   /* 1 */
	add(AK_OP_RELU);		   /* 2 */
	window(AK_OP_AVGPOOL, 3, 1, true); /* 3 */
	from(1);
	add(AK_OP_ACTIVATION)->act = AK_ACT_TANH; /* 4, of the pooling */
	meet(AK_OP_ADD, 0, 3, (uint32_t[]){1, 2, 4});
	meet(AK_OP_ADD, 0, 2, (uint32_t[]){5, 5});
	conv(4, 2, 3, 2, true);
	check_gradients();
}

static void test_concatenations_gradient(void **state)
{
	(void)state;
	start(4, 6, 2);
	conv(2, 3, 3, 1, true);
	conv(2, 17, 3, 1, true);
	from(0);
	meet(AK_OP_CONCATENATE, 2, 3, (uint32_t[]){1, 2, 0});
	conv(22, 3, 1, 1, true);
	meet(AK_OP_CONCATENATE, 0, 2, (uint32_t[]){4, 1});
	meet(AK_OP_CONCATENATE, 1, 2, (uint32_t[]){5, 5});
	conv(3, 2, 3, 2, true);
	add(AK_OP_GAP);
	meet(AK_OP_CONCATENATE, 0, 2, (uint32_t[]){8, 8});
	dense(4, 3);
	check_gradients();
}

static void transposed(uint32_t in, uint32_t filters, uint32_t kernel, uint32_t stride, bool same)
{
	struct ak_node *n = window(AK_OP_CONV2D_TRANSPOSE, kernel, stride, same);

	n->filters = filters;
	n->use_bias = true;
	weight(n, "kernel", 4, kernel, kernel, filters, in);
	weight(n, "bias", 1, filters, 0, 0, 0);
}

static void test_transposed_convolutions_gradient(void **state)
{
	struct ak_node *n;

	(void)state;
	start(4, 3, 2);
	transposed(2, 5, 3, 2, true);
	transposed(5, 3, 4, 2, true);
	transposed(3, 4, 3, 2, false);
	n = window(AK_OP_DEPTHWISE_TRANSPOSE, 3, 2, true);
	n->use_bias = true;
	weight(n, "depthwise_kernel", 4, 3, 3, 4, 1);
	weight(n, "bias", 1, 4, 0, 0, 0);
	window(AK_OP_AVGPOOL, 8, 8, true);
	check_gradients();
}

/* Training computes what the graph's own forward pass does, for every way branches meet and for transposed kernels. */
static void test_forward_equals_the_graphs(void **state)
{
	size_t n = (size_t)BATCH * 5 * 3 * 2;
	struct ak_chain chain;
	struct ak_dnn *d;
	float *in, *out;

	(void)state;
	start(5, 3, 2);
	transposed(2, 6, 3, 2, true);
	conv(6, 6, 3, 1, true);
	meet(AK_OP_ADD, 0, 2, (uint32_t[]){1, 2});
	meet(AK_OP_CONCATENATE, 2, 2, (uint32_t[]){3, 1});
	meet(AK_OP_CONCATENATE, 1, 2, (uint32_t[]){4, 4});
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, BATCH, NULL, NULL, &d, NULL), 0);
	in = ak_dnn_input(d);
	for (size_t i = 0; i < n; i++)
		in[i] = 2 * ak_random_unit(&rng) - 1;
	assert_int_equal(ak_dnn_forward(d, false, 0), 0);
	out = calloc((size_t)BATCH * chain.outputs, sizeof(*out));
	assert_non_null(out);
	assert_int_equal(ak_graph_infer(graph, in, BATCH, NULL, NULL, out), 0);
	for (size_t i = 0; i < (size_t)BATCH * chain.outputs; i++)
		assert_true(fabsf(out[i] - ak_dnn_logits(d)[i]) < 1e-4f);
	free(out);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
}

/* With momentum 0 the moving statistics are those of the last batch, so that inference repeats it (but for n / (n - 1)). */
static void test_norm_inference_uses_moving_statistics(void **state)
{
	struct ak_chain chain;
	struct ak_dnn *d;
	float *in, trained[BATCH * 64 * 20];

	(void)state;
	start(8, 8, 2);
	conv(2, 20, 3, 1, true);
	norm(20, true, true);
	graph->nodes[2].momentum = 0;
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	graph->nodes[2].momentum = 0;
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, BATCH, NULL, NULL, &d, NULL), 0);
	in = ak_dnn_input(d);
	for (int i = 0; i < BATCH * 8 * 8 * 2; i++)
		in[i] = 2 * ak_random_unit(&rng) - 1;
	assert_int_equal(ak_dnn_forward(d, true, 1), 0);
	memcpy(trained, ak_dnn_logits(d), sizeof(trained));
	assert_int_equal(ak_dnn_forward(d, false, 1), 0);
	for (int i = 0; i < BATCH * 64 * 20; i++)
		assert_true(fabsf(trained[i] - ak_dnn_logits(d)[i]) < 0.02f);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
}

/* A sharing network of another batch size computes the same, and its parameters are the owner's. */
static void test_create_sharing_computes_the_same(void **state)
{
	struct ak_chain chain;
	struct ak_dnn *big, *small;

	(void)state;
	start(6, 6, 1);
	conv(1, 16, 3, 2, true);
	norm(16, true, true);
	add(AK_OP_RELU);
	add(AK_OP_FLATTEN);
	dense(144, 10);
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 8, NULL, NULL, &big, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 1, big, NULL, &small, NULL), 0);
	for (int i = 0; i < 8 * 36; i++)
		ak_dnn_input(big)[i] = ak_random_unit(&rng);
	memcpy(ak_dnn_input(small), ak_dnn_input(big), 36 * sizeof(float));
	for (uint32_t i = 0; i < chain.param_count; i++)
		assert_ptr_equal(ak_dnn_params(big)[i].w, ak_dnn_params(small)[i].w);
	assert_int_equal(ak_dnn_forward(big, false, 0), 0);
	assert_int_equal(ak_dnn_forward(small, false, 0), 0);
	for (int i = 0; i < 10; i++)
		assert_true(fabsf(ak_dnn_logits(big)[i] - ak_dnn_logits(small)[i]) < 1e-5f);
	ak_dnn_destroy(small);
	ak_dnn_destroy(big);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
}

/* Loading weights into oneDNN's layouts and storing them again changes nothing. */
static void test_store_returns_the_graphs_weights(void **state)
{
	struct akida_graph *copy;
	struct ak_chain chain;
	struct ak_dnn *d;

	(void)state;
	start(6, 6, 3);
	conv(3, 20, 3, 1, true);
	norm(20, true, true);
	window(AK_OP_MAXPOOL, 2, 2, true);
	add(AK_OP_FLATTEN);
	dense(180, 7);
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	assert_int_equal(ak_graph_clone(graph, &copy), 0);
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 2, NULL, NULL, &d, NULL), 0);
	for (uint32_t i = 0; i < copy->count; i++)
		for (uint32_t k = 0; k < copy->nodes[i].weight_count; k++)
			memset(copy->nodes[i].weights[k].data, 0, copy->nodes[i].weights[k].count * sizeof(float));
	assert_int_equal(ak_dnn_store(d, copy), 0);
	for (uint32_t i = 0; i < copy->count; i++)
		for (uint32_t k = 0; k < copy->nodes[i].weight_count; k++)
			assert_memory_equal(copy->nodes[i].weights[k].data, graph->nodes[i].weights[k].data,
					    copy->nodes[i].weights[k].count * sizeof(float));
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(copy);
	akida_graph_destroy(graph);
}

/* 2x2 map, 1 channel: a same 3x3 convolution of ones sums the map; the dense layer reads it in (h, w, c) order. */
static void test_forward_known_values(void **state)
{
	struct ak_chain chain;
	struct ak_dnn *d;
	struct ak_node *n;

	(void)state;
	start(2, 2, 1);
	n = conv(1, 1, 3, 1, true);
	for (int i = 0; i < 9; i++)
		n->weights[0].data[i] = 1;
	n->weights[1].data[0] = 0.5f;
	add(AK_OP_FLATTEN);
	dense(4, 2);
	n = &graph->nodes[3];
	for (int i = 0; i < 8; i++)
		n->weights[0].data[i] = (float)i;
	n->weights[1].data[0] = 100;
	n->weights[1].data[1] = 200;
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 1, NULL, NULL, &d, NULL), 0);
	memcpy(ak_dnn_input(d), (float[]){1, 2, 3, 4}, 16);
	assert_int_equal(ak_dnn_forward(d, false, 0), 0);
	assert_true(fabsf(ak_dnn_logits(d)[0] - (100 + 10.5f * (0 + 2 + 4 + 6))) < 1e-3f);
	assert_true(fabsf(ak_dnn_logits(d)[1] - (200 + 10.5f * (1 + 3 + 5 + 7))) < 1e-3f);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
}

/* With 8-bit weights a quantized network is near the float one; with 2-bit weights every kernel has three values. */
static void test_forward_quantized_sees_quantized_weights(void **state)
{
	float ranges[8] = {0};
	struct ak_fake_quant fake = {.input_weight_bits = 8, .weight_bits = 8, .activation_bits = 8, .ranges = ranges};
	struct ak_chain chain;
	struct ak_dnn *plain, *quant;
	float difference = 0;

	(void)state;
	start(6, 6, 1);
	conv(1, 8, 3, 1, true);
	add(AK_OP_RELU);
	conv(8, 4, 3, 1, true);
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, graph, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 2, NULL, NULL, &plain, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 2, plain, &fake, &quant, NULL), 0);
	for (int i = 0; i < 72; i++)
		ak_dnn_input(plain)[i] = ak_dnn_input(quant)[i] = ak_random_unit(&rng);
	assert_int_equal(ak_dnn_forward(plain, true, 0), 0);
	assert_int_equal(ak_dnn_forward(quant, true, 0), 0);
	assert_true(ranges[1] > 0);
	for (int i = 0; i < 288; i++)
		difference = fmaxf(difference, fabsf(ak_dnn_logits(plain)[i] - ak_dnn_logits(quant)[i]));
	assert_true(difference > 0 && difference < 0.05f);
	fake.weight_bits = 2;
	assert_int_equal(ak_dnn_forward(quant, false, 0), 0);
	difference = 0;
	for (int i = 0; i < 288; i++)
		difference = fmaxf(difference, fabsf(ak_dnn_logits(plain)[i] - ak_dnn_logits(quant)[i]));
	assert_true(difference > 0.1f);
	ak_dnn_destroy(quant);
	ak_dnn_destroy(plain);
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv_same_stride_1_gradient),
		cmocka_unit_test(test_conv_stride_2_same_even_and_odd_gradient),
		cmocka_unit_test(test_conv_valid_even_kernel_dilation_groups_gradient),
		cmocka_unit_test(test_separable_and_depthwise_gradient),
		cmocka_unit_test(test_flatten_and_dense_gradient),
		cmocka_unit_test(test_dense_on_a_map_gradient),
		cmocka_unit_test(test_norm_of_a_map_gradient),
		cmocka_unit_test(test_norm_of_a_vector_gradient),
		cmocka_unit_test(test_activations_gradient),
		cmocka_unit_test(test_pools_gradient),
		cmocka_unit_test(test_padding_reshape_dropout_gradient),
		cmocka_unit_test(test_residual_blocks_gradient),
		cmocka_unit_test(test_three_ways_from_one_layer_gradient),
		cmocka_unit_test(test_concatenations_gradient),
		cmocka_unit_test(test_transposed_convolutions_gradient),
		cmocka_unit_test(test_forward_equals_the_graphs),
		cmocka_unit_test(test_norm_inference_uses_moving_statistics),
		cmocka_unit_test(test_create_sharing_computes_the_same),
		cmocka_unit_test(test_store_returns_the_graphs_weights),
		cmocka_unit_test(test_forward_known_values),
		cmocka_unit_test(test_forward_quantized_sees_quantized_weights),
	};

	ak_dnn_threads(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
