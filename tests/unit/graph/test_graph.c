/* SPDX-License-Identifier: MIT */
/* Building and editing graphs, and the shapes and refusals of ak_graph_finish. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <akida/status.h>
#include "graph/graph.h"

/* input 10x9x4, then one node of the op under test (two for Add). */
static struct akida_graph *graph_of(enum ak_op op, struct ak_node **n)
{
	struct akida_graph *g;
	struct ak_node *in;
	uint32_t inputs[2] = {0, 0};

	assert_int_equal(ak_graph_create("g", &g), 0);
	in = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	in->rank = 3;
	in->dims[0] = 10;
	in->dims[1] = 9;
	in->dims[2] = 4;
	*n = ak_graph_add(g, op, "layer", inputs, op == AK_OP_ADD ? 2 : 1);
	assert_non_null(*n);
	return g;
}

static void test_graph_add_names_are_unique_and_inputs_exist(void **state)
{
	uint32_t zero = 0, late = 5;
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_RELU, &n);

	(void)state;
	assert_string_equal(ak_graph_add(g, AK_OP_RELU, "layer", &zero, 1)->name, "layer_1");
	assert_string_equal(ak_graph_add(g, AK_OP_RELU, "layer", &zero, 1)->name, "layer_2");
	assert_string_equal(ak_graph_add(g, AK_OP_RELU, NULL, &zero, 1)->name, "ReLU");
	assert_null(ak_graph_add(g, AK_OP_RELU, "x", &late, 1));
	assert_null(ak_graph_add(g, AK_OP_RELU, "x", &zero, AK_MAX_INPUTS + 1));
	assert_null(ak_graph_add(g, AK_OP_COUNT, "x", &zero, 1));
	assert_int_equal(g->output, 4);
	while (g->count < AK_GRAPH_MAX_NODES)
		assert_non_null(ak_graph_add(g, AK_OP_DROPOUT, g->count % 2 ? "a" : "b", &zero, 1) ? g : NULL);
	assert_null(ak_graph_add(g, AK_OP_RELU, "one too many", &zero, 1));
	akida_graph_destroy(g);
	akida_graph_destroy(NULL);
}

static void test_node_add_weight_limits(void **state)
{
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_DENSE, &n);
	const size_t one = 1, zero = 0, huge[] = {1 << 20, 1 << 20}, wrap[] = {SIZE_MAX, SIZE_MAX};

	(void)state;
	assert_int_equal(ak_node_add_weight(n, "a", 1, &zero, NULL), -ERANGE);
	assert_int_equal(ak_node_add_weight(n, "a", 2, huge, NULL), -ERANGE);
	assert_int_equal(ak_node_add_weight(n, "a", 2, wrap, NULL), -ERANGE);
	assert_int_equal(ak_node_add_weight(n, "a", AK_WEIGHT_RANK + 1, huge, NULL), -EINVAL);
	assert_int_equal(ak_node_add_weight(n, "scalar", 0, NULL, NULL), 0);
	for (int i = 1; i < AK_MAX_WEIGHTS; i++)
		assert_int_equal(ak_node_add_weight(n, "a", 1, &one, NULL), 0);
	assert_int_equal(ak_node_add_weight(n, "a", 1, &one, NULL), -EINVAL);
	assert_non_null(ak_node_weight(n, "scalar"));
	assert_null(ak_node_weight(n, "b"));
	akida_graph_destroy(g);
}

static void test_graph_clone_shares_nothing(void **state)
{
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_DENSE, &n), *copy;

	(void)state;
	n->filters = 3;
	n->quant = (struct ak_node_quant){.active = true, .has_output = true, .out_bits = 4, .range_count = 1};
	n->quant.range_max = malloc(sizeof(float));
	n->quant.range_max[0] = 2;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	assert_int_equal(ak_graph_clone(g, &copy), 0);
	assert_int_equal(copy->count, 2);
	assert_memory_equal(copy->nodes[1].dims, g->nodes[1].dims, sizeof(copy->nodes[1].dims));
	copy->nodes[1].weights[0].data[0] = 7;
	copy->nodes[1].quant.range_max[0] = 9;
	assert_true(g->nodes[1].weights[0].data[0] == 0);
	assert_true(g->nodes[1].quant.range_max[0] == 2);
	assert_null(copy->nodes[1].quant.rescaling_rate);
	akida_graph_destroy(g);
	akida_graph_destroy(copy);
}

static void test_graph_remove_consumers_take_the_input(void **state)
{
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_RELU, &n);
	uint32_t one = 1, pair[] = {1, 2}, idx[4];

	(void)state;
	ak_graph_add(g, AK_OP_DROPOUT, "drop", &one, 1);
	ak_graph_add(g, AK_OP_ADD, "add", pair, 2);
	assert_int_equal(ak_graph_consumers(g, 1, idx, 4), 2);
	assert_int_equal(idx[0], 2);
	assert_int_equal(idx[1], 3);
	assert_int_equal(ak_graph_consumers(g, 1, idx, 1), 2);
	assert_int_equal(ak_graph_consumers(g, 3, idx, 4), 0);
	assert_int_equal(ak_graph_remove(g, 3), -EINVAL); /* two inputs */
	assert_int_equal(ak_graph_remove(g, 0), -EINVAL);
	assert_int_equal(ak_graph_remove(g, 9), -EINVAL);
	assert_int_equal(ak_graph_remove(g, 1), 0);
	assert_int_equal(g->count, 3);
	assert_int_equal(g->nodes[1].inputs[0], 0);
	assert_int_equal(g->nodes[2].inputs[0], 0);
	assert_int_equal(g->nodes[2].inputs[1], 1);
	assert_int_equal(g->output, 2);
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	akida_graph_destroy(g);
	g = graph_of(AK_OP_RELU, &n);
	assert_int_equal(ak_graph_remove(g, 1), 0); /* the output */
	assert_int_equal(g->output, 0);
	akida_graph_destroy(g);
}

/* ---- shapes ---- */

static void conv(struct ak_node *n)
{
	n->filters = 6;
	n->kernel_h = n->kernel_w = 3;
}

static void conv_same_stride(struct ak_node *n)
{
	conv(n);
	n->same = n->use_bias = true;
	n->stride_h = n->stride_w = 2;
}

static void conv_dilated(struct ak_node *n)
{
	conv(n);
	n->dilation_h = 3;
	n->dilation_w = 2;
}

static void pool_valid(struct ak_node *n)
{
	n->kernel_h = 3;
	n->kernel_w = 2;
}

static void pool_same(struct ak_node *n)
{
	n->kernel_h = n->kernel_w = 3;
	n->stride_h = n->stride_w = 2;
	n->same = true;
}

static void depthwise(struct ak_node *n)
{
	n->kernel_h = n->kernel_w = 3;
	n->depth_multiplier = 3;
}

static void units(struct ak_node *n)
{
	n->filters = 7;
}

static void keepdims(struct ak_node *n)
{
	n->keepdims = true;
}

static void reshape(struct ak_node *n)
{
	n->rank = 2;
	n->dims[0] = 0;
	n->dims[1] = 36;
}

static void pads(struct ak_node *n)
{
	n->pad[0] = 1;
	n->pad[1] = 2;
	n->pad[3] = 4;
}

static void none(struct ak_node *n)
{
	(void)n;
}

static const struct {
	const char *what;
	enum ak_op op;
	void (*set)(struct ak_node *n);
	uint32_t rank, dims[4];
	size_t weights;
} shapes[] = {
	{"conv valid", AK_OP_CONV2D, conv, 3, {8, 7, 6}, 9 * 4 * 6},
	{"conv same stride 2", AK_OP_CONV2D, conv_same_stride, 3, {5, 5, 6}, 9 * 4 * 6 + 6},
	{"conv dilated", AK_OP_CONV2D, conv_dilated, 3, {4, 5, 6}, 9 * 4 * 6},
	{"separable", AK_OP_SEPARABLE, conv, 3, {8, 7, 6}, 9 * 4 + 4 * 6},
	{"depthwise", AK_OP_DEPTHWISE, depthwise, 3, {8, 7, 12}, 9 * 12},
	{"pool, stride as size", AK_OP_MAXPOOL, pool_valid, 3, {3, 4, 4}, 0},
	{"pool same", AK_OP_AVGPOOL, pool_same, 3, {5, 5, 4}, 0},
	{"dense on the last axis", AK_OP_DENSE, units, 3, {10, 9, 7}, 28},
	{"global", AK_OP_GAP, none, 1, {4}, 0},
	{"global, axes kept", AK_OP_GAP, keepdims, 3, {1, 1, 4}, 0},
	{"flatten", AK_OP_FLATTEN, none, 1, {360}, 0},
	{"reshape", AK_OP_RESHAPE, reshape, 2, {10, 36}, 0},
	{"zero padding", AK_OP_ZEROPAD, pads, 3, {13, 13, 4}, 0},
	{"add", AK_OP_ADD, none, 3, {10, 9, 4}, 0},
	{"relu", AK_OP_RELU, none, 3, {10, 9, 4}, 0},
	{"batch normalization", AK_OP_BATCHNORM, none, 3, {10, 9, 4}, 8},
};

static void test_graph_finish_shapes_and_weights(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct ak_node *n;
		struct akida_graph *g = graph_of(shapes[i].op, &n);
		size_t weights = 0;

		shapes[i].set(n);
		if (ak_graph_build(g, NULL))
			fail_msg("%s: refused", shapes[i].what);
		for (uint32_t k = 0; k < n->weight_count; k++)
			weights += n->weights[k].count;
		if (n->rank != shapes[i].rank || memcmp(n->dims, shapes[i].dims, n->rank * sizeof(n->dims[0])))
			fail_msg("%s: %ux%ux%u", shapes[i].what, n->dims[0], n->dims[1], n->dims[2]);
		assert_int_equal(weights, shapes[i].weights);
		/* again, on the finished graph */
		assert_int_equal(ak_graph_finish(g, NULL), 0);
		assert_memory_equal(n->dims, shapes[i].dims, n->rank * sizeof(n->dims[0]));
		akida_graph_destroy(g);
	}
}

/* ---- refusals ---- */

static void kernel_0(struct ak_node *n)
{
	n->filters = 2;
	n->kernel_h = 3;
}

static void kernel_256(struct ak_node *n)
{
	conv(n);
	n->kernel_w = 256;
}

static void kernel_too_large(struct ak_node *n)
{
	conv(n);
	n->kernel_w = 10;
}

static void stride_and_dilation(struct ak_node *n)
{
	conv_dilated(n);
	n->stride_h = 2;
}

static void groups_of_3(struct ak_node *n)
{
	conv(n);
	n->groups = 3;
}

static void filters_huge(struct ak_node *n)
{
	conv(n);
	n->filters = 1 << 20;
}

static void grouped_separable(struct ak_node *n)
{
	conv(n);
	n->groups = 2;
}

static void reshape_mismatch(struct ak_node *n)
{
	n->rank = 2;
	n->dims[0] = 11;
	n->dims[1] = 36;
}

static void reshape_two_free(struct ak_node *n)
{
	n->rank = 2;
}

static void rate_1(struct ak_node *n)
{
	n->rate = 1;
}

static void scale_nan(struct ak_node *n)
{
	n->scale = NAN;
}

static void max_value_negative(struct ak_node *n)
{
	n->bounded = true;
	n->max_value = -1;
}

static void no_ranges(struct ak_node *n)
{
	n->quant = (struct ak_node_quant){.active = true, .has_output = true, .out_bits = 4};
}

static void ranges_per_tensor_for_axis(struct ak_node *n)
{
	no_ranges(n);
	n->quant.out_per_axis = true;
	n->quant.range_count = 1;
	n->quant.range_max = calloc(1, sizeof(float));
}

static void range_nan(struct ak_node *n)
{
	no_ranges(n);
	n->quant.range_count = 1;
	n->quant.range_max = malloc(sizeof(float));
	n->quant.range_max[0] = NAN;
}

static void fewer_inputs(struct ak_node *n)
{
	n->input_count = 0;
}

static const struct {
	const char *what;
	enum ak_op op;
	void (*set)(struct ak_node *n);
	int err;
	const char *rule;
} refused[] = {
	{"kernel 0", AK_OP_CONV2D, kernel_0, -ERANGE, "graph.attribute"},
	{"kernel 256", AK_OP_CONV2D, kernel_256, -ERANGE, "graph.attribute"},
	{"kernel beyond input", AK_OP_SEPARABLE, kernel_too_large, -EINVAL, "graph.shape"},
	{"stride with dilation", AK_OP_CONV2D, stride_and_dilation, -ERANGE, "graph.attribute"},
	{"groups", AK_OP_CONV2D, groups_of_3, -ERANGE, "graph.attribute"},
	{"filters", AK_OP_CONV2D, filters_huge, -ERANGE, "graph.attribute"},
	{"groups of separable", AK_OP_SEPARABLE, grouped_separable, -ERANGE, "graph.attribute"},
	{"no units", AK_OP_DENSE, none, -ERANGE, "graph.attribute"},
	{"reshape to another size", AK_OP_RESHAPE, reshape_mismatch, -EINVAL, "graph.shape"},
	{"reshape with two open sizes", AK_OP_RESHAPE, reshape_two_free, -ERANGE, "graph.attribute"},
	{"reshape to nothing", AK_OP_RESHAPE, none, -ERANGE, "graph.attribute"},
	{"dropout of all", AK_OP_DROPOUT, rate_1, -ERANGE, "graph.attribute"},
	{"scale NaN", AK_OP_RESCALING, scale_nan, -ERANGE, "graph.attribute"},
	{"negative max_value", AK_OP_RELU, max_value_negative, -ERANGE, "graph.attribute"},
	{"quantizer without range", AK_OP_RELU, no_ranges, -EINVAL, "graph.weight-shape"},
	{"one range for an axis", AK_OP_RELU, ranges_per_tensor_for_axis, -EINVAL, "graph.weight-shape"},
	{"range NaN", AK_OP_RELU, range_nan, -ERANGE, "graph.not-finite"},
	{"no input", AK_OP_RELU, fewer_inputs, -EINVAL, "graph.inputs"},
	{"second input layer", AK_OP_INPUT, none, -EINVAL, "graph.inputs"},
};

static void test_graph_finish_refusals_name_rule_and_layer(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct akida_diag *diag = akida_diag_create();
		struct ak_node *n;
		struct akida_graph *g = graph_of(refused[i].op, &n);
		const struct akida_diag_record *r;
		int err;

		refused[i].set(n);
		err = ak_graph_build(g, diag);
		r = akida_diag_first_error(diag);
		if (err != refused[i].err || !r || strcmp(r->rule, refused[i].rule) || strcmp(r->node, "layer"))
			fail_msg("%s: %d %s %s", refused[i].what, err, r ? r->rule : "-", r ? r->text : "-");
		akida_diag_destroy(diag);
		akida_graph_destroy(g);
	}
}

static void test_graph_finish_weights_must_be_finite_and_fit(void **state)
{
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_CONV2D, &n);
	const size_t one = 1;

	(void)state;
	conv(n);
	assert_int_equal(ak_graph_finish(g, NULL), -EINVAL); /* no kernel yet */
	assert_int_equal(ak_graph_build(g, NULL), 0);
	n->weights[0].data[5] = INFINITY;
	assert_int_equal(ak_graph_finish(g, NULL), -ERANGE);
	n->weights[0].data[5] = 1;
	n->filters = 7;
	assert_int_equal(ak_graph_finish(g, NULL), -EINVAL);
	n->filters = 6;
	assert_int_equal(ak_node_add_weight(n, "extra", 1, &one, NULL), 0);
	assert_int_equal(ak_graph_finish(g, NULL), -EINVAL);
	akida_graph_destroy(g);
}

static void test_graph_accessors_tell_shapes_and_parameters(void **state)
{
	struct akida_node_info info = {.size = sizeof(info)}, small = {.size = 4};
	struct ak_node *n;
	struct akida_graph *g = graph_of(AK_OP_CONV2D, &n);
	uint32_t dims[4];

	(void)state;
	conv(n);
	assert_int_equal(ak_graph_build(g, NULL), 0);
	assert_int_equal(akida_graph_nodes(g), 2);
	assert_string_equal(akida_graph_name(g), "g");
	assert_int_equal(akida_graph_input(g, dims), 3);
	assert_int_equal(dims[1], 9);
	assert_int_equal(akida_graph_outputs(g), 8 * 7 * 6);
	assert_false(akida_graph_quantized(g));
	assert_int_equal(akida_graph_node(g, 1, &info), 0);
	assert_string_equal(info.class_name, "Conv2D");
	assert_int_equal(info.parameters, 216);
	assert_int_equal(info.dims[2], 6);
	assert_int_equal(akida_graph_node(g, 2, &info), -EINVAL);
	small.rank = 77;
	assert_int_equal(akida_graph_node(g, 1, &small), 0);
	assert_int_equal(small.rank, 77); /* an older caller's smaller struct */
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph_add_names_are_unique_and_inputs_exist),
		cmocka_unit_test(test_node_add_weight_limits),
		cmocka_unit_test(test_graph_clone_shares_nothing),
		cmocka_unit_test(test_graph_remove_consumers_take_the_input),
		cmocka_unit_test(test_graph_finish_shapes_and_weights),
		cmocka_unit_test(test_graph_finish_refusals_name_rule_and_layer),
		cmocka_unit_test(test_graph_finish_weights_must_be_finite_and_fit),
		cmocka_unit_test(test_graph_accessors_tell_shapes_and_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
