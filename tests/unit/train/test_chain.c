// SPDX-License-Identifier: MIT
/* Rewriting a graph into the operations of training, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include "train/chain.h"
#include <akida/train.h>

static struct akida_graph *graph;
static struct akida_diag *diag;
static struct ak_chain chain;

static int setup(void **state)
{
	struct ak_node *n;

	(void)state;
	diag = akida_diag_create();
	memset(&chain, 0, sizeof(chain));
	assert_int_equal(ak_graph_create("net", &graph), 0);
	n = ak_graph_add(graph, AK_OP_INPUT, "input", NULL, 0);
	n->rank = 3;
	n->dims[0] = n->dims[1] = 8;
	n->dims[2] = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ak_chain_fini(&chain);
	akida_graph_destroy(graph);
	akida_diag_destroy(diag);
	return 0;
}

static struct ak_node *add(enum ak_op op, const char *name)
{
	struct ak_node *n = ak_graph_add(graph, op, name, (uint32_t[]){graph->count - 1}, 1);

	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = n->dilation_h = n->dilation_w = n->groups = 1;
	return n;
}

static struct ak_node *conv(uint32_t in, uint32_t filters, bool same)
{
	struct ak_node *n = add(AK_OP_CONV2D, "conv");

	n->filters = filters;
	n->kernel_h = n->kernel_w = 3;
	n->same = same;
	assert_int_equal(ak_node_add_weight(n, "kernel", 4, (size_t[]){3, 3, in, filters}, NULL), 0);
	return n;
}

static void dense(uint32_t in, uint32_t units)
{
	add(AK_OP_DENSE, "dense")->filters = units;
	assert_int_equal(ak_node_add_weight(&graph->nodes[graph->count - 1], "kernel", 2, (size_t[]){in, units}, NULL),
			 0);
}

static int init(void)
{
	assert_int_equal(ak_graph_finish(graph, diag), 0);
	return ak_chain_init(&chain, graph, diag);
}

static void refused(const char *node, const char *rule)
{
	const struct akida_diag_record *r;

	assert_int_equal(init(), -EOPNOTSUPP);
	r = akida_diag_first_error(diag);
	assert_non_null(r);
	assert_string_equal(r->node, node);
	assert_string_equal(r->rule, rule);
	assert_null(chain.steps);
}

static void test_init_joins_rescaling_padding_flatten_and_softmax(void **state)
{
	struct ak_node *n;

	(void)state;
	add(AK_OP_RESCALING, NULL)->scale = 0.5f;
	n = add(AK_OP_ZEROPAD, NULL);
	n->pad[0] = 1;
	n->pad[2] = 2;
	conv(2, 4, false);
	add(AK_OP_FLATTEN, NULL);
	dense(7 * 8 * 4, 3);
	add(AK_OP_SOFTMAX, NULL);
	assert_int_equal(init(), 0);
	assert_int_equal(chain.count, 2);
	assert_true(chain.scale == 0.5f);
	assert_int_equal(chain.steps[0].op, AK_CHAIN_CONV);
	assert_int_equal(chain.steps[0].pad[0], 1);
	assert_int_equal(chain.steps[0].pad[2], 2);
	assert_int_equal(chain.steps[0].in.h, 8);
	assert_int_equal(chain.steps[1].op, AK_CHAIN_DENSE);
	assert_int_equal(chain.steps[1].in.h, 7);
	assert_int_equal(chain.outputs, 3);
}

static void test_init_puts_relu_behind_max_pooling(void **state)
{
	struct ak_node *n;

	(void)state;
	conv(2, 4, true);
	n = add(AK_OP_RELU, NULL);
	n->bounded = true;
	n->max_value = 3;
	n = add(AK_OP_MAXPOOL, NULL);
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 2;
	assert_int_equal(init(), 0);
	assert_int_equal(chain.steps[1].op, AK_CHAIN_MAXPOOL);
	assert_int_equal(chain.steps[2].op, AK_CHAIN_ELTWISE);
	assert_int_equal(chain.steps[2].in.h, 4);
	assert_true(chain.steps[2].limit == 3);
}

static void test_init_leaky_relu_with_negative_pull_stays_in_place(void **state)
{
	struct ak_node *n;

	(void)state;
	conv(2, 4, true);
	add(AK_OP_RELU, NULL)->negative_slope = -0.5f; /* not monotone */
	n = add(AK_OP_MAXPOOL, NULL);
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 2;
	assert_int_equal(init(), 0);
	assert_int_equal(chain.steps[1].op, AK_CHAIN_ELTWISE);
}

static void test_init_same_padding_is_tensorflows(void **state)
{
	struct ak_node *n;

	(void)state;
	n = conv(2, 4, true);
	n->stride_h = n->stride_w = 2;
	assert_int_equal(init(), 0);
	assert_int_equal(chain.steps[0].pad[0], 0);
	assert_int_equal(chain.steps[0].pad[1], 1);
	assert_int_equal(chain.params[0].role, AK_CHAIN_KERNEL);
	assert_true(chain.params[0].first);
}

static void test_init_branches_meet(void **state)
{
	(void)state;
	conv(2, 2, true);
	conv(2, 2, true);
	ak_graph_add(graph, AK_OP_ADD, "sum", (uint32_t[]){1, 2, 0}, 3);
	ak_graph_add(graph, AK_OP_CONCATENATE, "both", (uint32_t[]){3, 1}, 2)->axis = 2;
	assert_int_equal(init(), 0);
	assert_int_equal(chain.count, 4);
	assert_int_equal(chain.steps[2].op, AK_CHAIN_ADD);
	assert_int_equal(chain.steps[2].input_count, 3);
	assert_int_equal(chain.steps[2].inputs[1], 1);
	assert_int_equal(chain.steps[2].inputs[2], AK_CHAIN_NONE);
	assert_int_equal(chain.steps[3].op, AK_CHAIN_CONCAT);
	assert_int_equal(chain.steps[3].axis, 2);
	assert_int_equal(chain.outputs, 8 * 8 * 4);
}

/* A ReLU that an addition reads, too, stays in front of the pooling, also behind a layer without a step. */
static void test_init_shared_relu_stays_in_place(void **state)
{
	struct ak_node *n;

	(void)state;
	conv(2, 4, true);
	add(AK_OP_RELU, NULL);
	add(AK_OP_DROPOUT, NULL)->rate = 0;
	n = add(AK_OP_MAXPOOL, NULL);
	n->kernel_h = n->kernel_w = 2;
	n->same = true;
	ak_graph_add(graph, AK_OP_ADD, "sum", (uint32_t[]){2, 4}, 2);
	assert_int_equal(init(), 0);
	assert_int_equal(chain.steps[1].op, AK_CHAIN_ELTWISE);
	assert_int_equal(chain.steps[2].op, AK_CHAIN_MAXPOOL);
	assert_int_equal(chain.steps[3].inputs[0], 1);
	assert_int_equal(chain.steps[3].inputs[1], 2);
}

static void test_init_half_of_a_sum_is_refused_by_name(void **state)
{
	(void)state;
	conv(2, 2, true);
	ak_graph_add(graph, AK_OP_ADD, "sum", (uint32_t[]){0, 1}, 2)->average = true;
	refused("sum", "train.layer");
}

static void test_init_branch_to_nowhere_is_refused_by_name(void **state)
{
	(void)state;
	conv(2, 2, true);
	conv(2, 2, true);
	graph->nodes[2].inputs[0] = 0;
	refused("conv", "train.branch");
}

static void test_init_quantized_layer_is_refused_by_name(void **state)
{
	(void)state;
	conv(2, 2, true)->quant.active = true;
	graph->nodes[1].quant.weight_bits = 4;
	graph->nodes[1].quant.buffer_bits = 28;
	graph->nodes[1].quant.bias_bits = 8;
	refused("conv", "train.layer");
}

static void test_init_layer_after_softmax_is_refused_by_name(void **state)
{
	(void)state;
	conv(2, 2, true);
	add(AK_OP_SOFTMAX, "probabilities");
	conv(2, 2, true);
	refused("conv_1", "train.layer");
}

static void test_init_relu_with_threshold_is_refused_by_name(void **state)
{
	(void)state;
	conv(2, 2, true);
	add(AK_OP_RELU, "relu")->relu_threshold = 1;
	refused("relu", "train.layer");
}

static void test_init_without_weights_is_refused(void **state)
{
	(void)state;
	add(AK_OP_FLATTEN, NULL);
	refused("net", "train.layer");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_init_joins_rescaling_padding_flatten_and_softmax),
		TEST(test_init_puts_relu_behind_max_pooling),
		TEST(test_init_leaky_relu_with_negative_pull_stays_in_place),
		TEST(test_init_same_padding_is_tensorflows),
		TEST(test_init_branches_meet),
		TEST(test_init_shared_relu_stays_in_place),
		TEST(test_init_half_of_a_sum_is_refused_by_name),
		TEST(test_init_branch_to_nowhere_is_refused_by_name),
		TEST(test_init_quantized_layer_is_refused_by_name),
		TEST(test_init_layer_after_softmax_is_refused_by_name),
		TEST(test_init_relu_with_threshold_is_refused_by_name),
		TEST(test_init_without_weights_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
