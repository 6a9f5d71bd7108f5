/* SPDX-License-Identifier: MIT */
/* Rewrites towards layers that the chips have: what becomes of the layers, and float outputs unchanged within 1e-5. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include "graph/passes/passes.h"

#define FRAMES 3

static void check_outputs(struct akida_graph *before, struct akida_graph *after)
{
	struct akida_array x = net_samples(before, FRAMES);
	float *a, *b, largest = 0;

	assert_int_equal(ak_graph_finish(after, NULL), 0);
	assert_int_equal(akida_graph_outputs(before), akida_graph_outputs(after));
	a = net_forward(before, &x);
	b = net_forward(after, &x);
	for (size_t i = 0; i < FRAMES * akida_graph_outputs(before); i++)
		largest = fmaxf(largest, fabsf(a[i]));
	assert_true(largest > 0);
	for (size_t i = 0; i < FRAMES * akida_graph_outputs(before); i++)
		assert_true(fabsf(a[i] - b[i]) <= 1e-5f * largest);
	free(a);
	free(b);
	akida_array_fini(&x);
	akida_graph_destroy(before);
	akida_graph_destroy(after);
}

static struct akida_graph *copy_of(const struct akida_graph *g)
{
	struct akida_graph *copy;

	assert_int_equal(ak_graph_clone(g, &copy), 0);
	return copy;
}

static void test_fuse_separables_with_and_without_biases(void **state)
{
	(void)state;
	for (int biases = 0; biases < 4; biases++) {
		struct akida_graph *g = net_start(9, 8, 3), *q;

		net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 2)->use_bias = biases & 1;
		net_conv(g, 5, 1, 1)->use_bias = biases & 2;
		net_relu(g, 6);
		q = copy_of(net_finish(g));
		assert_int_equal(ak_pass_fuse_separables(q), 0);
		assert_int_equal(q->count, 3);
		assert_int_equal(q->nodes[1].op, AK_OP_SEPARABLE);
		assert_string_equal(q->nodes[1].name, g->nodes[2].name);
		assert_int_equal(q->nodes[1].use_bias, biases != 0);
		check_outputs(g, q);
	}
}

static void test_fuse_separables_undoes_the_split(void **state)
{
	struct akida_graph *g = net_start(9, 8, 3), *q;

	(void)state;
	net_separable(g, 5, 3, 1);
	net_relu(g, 6);
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_split_separables(q), 0);
	assert_int_equal(q->count, 4);
	assert_int_equal(ak_graph_finish(q, NULL), 0);
	assert_int_equal(ak_pass_fuse_separables(q), 0);
	assert_int_equal(q->count, 3);
	for (uint32_t k = 0; k < 3; k++)
		assert_memory_equal(q->nodes[1].weights[k].data, g->nodes[1].weights[k].data,
				    g->nodes[1].weights[k].count * sizeof(float));
	check_outputs(g, q);
}

/* An activation between, a larger kernel, a stride, a second reader, a multiplier. */
static void test_fuse_separables_only_what_is_one(void **state)
{
	(void)state;
	for (int what = 0; what < 5; what++) {
		struct akida_graph *g = net_start(8, 8, 2), *q;
		struct ak_node *dw = net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
		uint32_t at = g->output, pair[2];

		if (what == 0)
			dw->act = AK_ACT_RELU;
		if (what == 4)
			dw->depth_multiplier = 2;
		net_conv(g, 2, what == 1 ? 3 : 1, what == 2 ? 2 : 1);
		if (what == 3) {
			pair[0] = at;
			pair[1] = g->output;
			assert_non_null(ak_graph_add(g, AK_OP_ADD, "add", pair, 2));
		}
		q = copy_of(net_finish(g));
		assert_int_equal(ak_pass_fuse_separables(q), 0);
		assert_int_equal(q->count, g->count);
		check_outputs(g, q);
	}
}

static void test_grouped_to_depthwise_keeps_every_weight(void **state)
{
	struct akida_graph *g = net_start(8, 6, 4), *q;

	(void)state;
	net_conv(g, 4, 3, 2)->groups = 4;
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_grouped_to_depthwise(q), 0);
	assert_int_equal(q->nodes[1].op, AK_OP_DEPTHWISE);
	check_outputs(g, q);
	/* two channels a group, or two filters a channel, are no depthwise */
	g = net_start(8, 6, 4);
	net_conv(g, 4, 3, 1)->groups = 2;
	net_conv(g, 8, 3, 1)->groups = 4;
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_grouped_to_depthwise(q), 0);
	assert_int_equal(q->nodes[1].op, AK_OP_CONV2D);
	assert_int_equal(q->nodes[2].op, AK_OP_CONV2D);
	check_outputs(g, q);
}

/* Kernels, sizes and strides of both parities; wherever it is done, outputs stay. */
static void test_odd_kernels_see_the_same(void **state)
{
	uint32_t done = 0, left = 0;

	(void)state; /* behind a convolution: on the input 4x4 stays */
	for (uint32_t h = 7; h <= 10; h++)
		for (uint32_t kh = 1; kh <= 6; kh++)
			for (uint32_t kw = 2; kw <= 4; kw++)
				for (uint32_t stride = 1; stride <= 3; stride++)
					for (int same = 0; same < 2; same++) {
						struct akida_graph *g = net_start(h, 9, 2), *q;
						struct ak_node *n;

						net_conv(g, 2, 1, 1);
						n = net_kernel(g, (h + kh) % 3 ? AK_OP_CONV2D : AK_OP_DEPTHWISE, 3, kh,
							       stride);
						bool even = kh % 2 == 0 || kw % 2 == 0;

						n->kernel_w = kw;
						n->same = same;
						if (n->op == AK_OP_DEPTHWISE)
							n->filters = 0;
						q = copy_of(net_finish(g));
						assert_int_equal(ak_pass_odd_kernels(q), 0);
						n = &q->nodes[2];
						if (n->kernel_h % 2 && n->kernel_w % 2)
							done += even;
						else
							left++;
						if (same) /* one row or column more is always possible */
							assert_true(n->kernel_h % 2 && n->kernel_w % 2);
						check_outputs(g, q);
					}
	assert_true(done > 100 && left > 20);
}

static void test_odd_kernels_of_padded_convolutions(void **state)
{
	struct akida_graph *g = net_start(8, 8, 2), *q;
	struct ak_node *n = net_conv(g, 3, 6, 1);

	(void)state;
	n->padded = true;
	n->pad_value = 1.5f;
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_odd_kernels(q), 0);
	assert_int_equal(q->nodes[1].kernel_h, 7);
	check_outputs(g, q);
	g = net_start(8, 8, 2);
	net_rescaling(g, 0.5f, 0);
	net_conv(g, 3, 4, 1);
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_odd_kernels(q), 0);
	assert_int_equal(q->nodes[2].kernel_h, 4);
	check_outputs(g, q);
}

static void test_split_strided_depthwise_picks_every_second(void **state)
{
	(void)state;
	for (uint32_t k = 3; k <= 7; k += 2)
		for (uint32_t h = 9; h <= 12; h++) {
			struct akida_graph *g = net_start(h, 10, 3), *q;
			struct ak_node *n = net_kernel(g, AK_OP_DEPTHWISE, 0, k, 2);

			n->act = AK_ACT_RELU;
			q = copy_of(net_finish(g));
			assert_int_equal(ak_pass_split_strided_depthwise(q), 0);
			assert_int_equal(q->count, k == 3 ? 2 : 3);
			if (k > 3) {
				assert_int_equal(q->nodes[1].stride_h, 1);
				assert_int_equal(q->nodes[2].kernel_h, 3);
				assert_int_equal(q->nodes[2].stride_h, 2);
			}
			check_outputs(g, q);
		}
}

static void test_split_concatenates_into_twos(void **state)
{
	struct akida_graph *g = net_start(8, 8, 2), *q;
	uint32_t branch[4];
	struct ak_node *join;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		const uint32_t from = 0;
		struct ak_node *n = ak_graph_add(g, AK_OP_CONV2D, NULL, &from, 1);

		n->filters = i + 1;
		n->kernel_h = n->kernel_w = 1;
		n->use_bias = true;
		branch[i] = g->output;
	}
	join = ak_graph_add(g, AK_OP_CONCATENATE, "join", branch, 4);
	join->axis = 2;
	net_relu(g, 6);
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_split_concatenates(q), 0);
	assert_int_equal(q->count, g->count + 2);
	for (uint32_t i = 0; i < q->count; i++)
		assert_int_equal(q->nodes[i].input_count, !i ? 0 : q->nodes[i].op == AK_OP_CONCATENATE ? 2 : 1);
	assert_string_equal(q->nodes[q->nodes[q->output].inputs[0]].name, "join");
	check_outputs(g, q);
}

/* Scales and offsets of single channels go into kernel, bias and padding; what the padding stands for is 0. */
static void test_align_rescaling_of_single_channels(void **state)
{
	(void)state;
	for (int what = 0; what < 4; what++) {
		struct akida_graph *g = net_start(8, 6, 3), *q;
		struct ak_node *n = net_rescaling(g, 1, 0);

		n->scale_channels = 3;
		for (uint32_t c = 0; c < 3; c++) {
			n->scales[c] = 0.01f * (float)(c + 1);
			n->offsets[c] = what & 1 ? 0.5f * (float)c - 0.25f : 0;
		}
		net_conv(g, 4, 3, 1)->same = what & 2;
		q = copy_of(net_finish(g));
		assert_int_equal(ak_pass_align_rescaling(q), 0);
		assert_int_equal(q->nodes[1].scale_channels, 0);
		assert_true(q->nodes[1].scale == 1 && q->nodes[1].offset == 0);
		assert_int_equal(q->nodes[2].padded, what == 3);
		assert_int_equal(q->nodes[2].pad_channels, what == 3 ? 3 : 0);
		if (what == 3)
			assert_true(fabsf(q->nodes[2].pad_values[0] - 25) < 1e-4f);
		check_outputs(g, q);
	}
}

static void test_align_rescaling_leaves_scales_that_are_not_positive(void **state)
{
	struct akida_graph *g = net_start(8, 6, 2), *q;
	struct ak_node *n = net_rescaling(g, 1, 0);

	(void)state;
	n->scale_channels = 2;
	n->scales[0] = 1;
	n->scales[1] = -1;
	net_conv(g, 4, 3, 1);
	q = copy_of(net_finish(g));
	assert_int_equal(ak_pass_align_rescaling(q), 0);
	assert_int_equal(q->nodes[1].scale_channels, 2);
	check_outputs(g, q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fuse_separables_with_and_without_biases),
		cmocka_unit_test(test_fuse_separables_undoes_the_split),
		cmocka_unit_test(test_fuse_separables_only_what_is_one),
		cmocka_unit_test(test_grouped_to_depthwise_keeps_every_weight),
		cmocka_unit_test(test_odd_kernels_see_the_same),
		cmocka_unit_test(test_odd_kernels_of_padded_convolutions),
		cmocka_unit_test(test_split_strided_depthwise_picks_every_second),
		cmocka_unit_test(test_split_concatenates_into_twos),
		cmocka_unit_test(test_align_rescaling_of_single_channels),
		cmocka_unit_test(test_align_rescaling_leaves_scales_that_are_not_positive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
