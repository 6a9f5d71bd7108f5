/* SPDX-License-Identifier: MIT */
/* Networks that break one rule of Akida v1 each, and one that breaks none. */
#ifndef TESTS_UNIT_CONVERT_CHECK_NETS_H
#define TESTS_UNIT_CONVERT_CHECK_NETS_H

#include "tests/unit/quant/net.h"

/* input conv > relu > conv > relu > separable > relu > flatten > dense, on 16x16x3. */
static struct akida_graph *good(void)
{
	struct akida_graph *g = net_start(16, 16, 3);

	net_rescaling(g, 1 / 255.0f, 0);
	net_conv(g, 4, 3, 1);
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	net_relu(g, 6);
	net_separable(g, 4, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	return g;
}

enum { RESCALING = 1, INPUT_CONV, RELU1, CONV, RELU2, SEPARABLE, RELU3, FLATTEN, DENSE };

/* The network up to and without node n. */
static struct akida_graph *until(uint32_t n)
{
	struct akida_graph *g = good();

	g->count = n;
	g->output = n - 1;
	return g;
}

static struct akida_graph *with_tail(struct akida_graph *g)
{
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	return g;
}

#define NET(name) static struct akida_graph *name(void)

NET(five_channels)
{
	struct akida_graph *g = good();

	g->nodes[0].dims[2] = 5;
	return g;
}
NET(wide_image)
{
	struct akida_graph *g = good();

	g->nodes[0].dims[1] = 257;
	return g;
}
NET(low_image)
{
	struct akida_graph *g = good();

	g->nodes[0].dims[0] = 4;
	return g;
}
NET(input_kernel_1)
{
	struct akida_graph *g = good();

	g->nodes[INPUT_CONV].kernel_h = g->nodes[INPUT_CONV].kernel_w = 1;
	return g;
}
NET(input_stride_4)
{
	struct akida_graph *g = good();

	g->nodes[INPUT_CONV].stride_h = g->nodes[INPUT_CONV].stride_w = 4;
	return g;
}
NET(input_filters_193)
{
	struct akida_graph *g = good();

	g->nodes[INPUT_CONV].filters = 193;
	return g;
}
NET(input_pool_3)
{
	struct akida_graph *g = until(RELU1);

	net_maxpool(g, 3, 3);
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(input_global_pool)
{
	struct akida_graph *g = until(RELU1);

	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 4);
	return g;
}
NET(input_padding_value)
{
	struct akida_graph *g = good();

	g->nodes[RESCALING].offset = 1; /* padding would be -255, in 7 bits: -127 * 2 */
	return g;
}
NET(conv_kernel_4)
{
	struct akida_graph *g = good();

	g->nodes[CONV].kernel_h = g->nodes[CONV].kernel_w = 4;
	return g;
}
NET(conv_kernel_3x5)
{
	struct akida_graph *g = good();

	g->nodes[CONV].kernel_w = 5;
	return g;
}
NET(conv_stride_2_of_1x1)
{
	struct akida_graph *g = good();

	g->nodes[CONV].kernel_h = g->nodes[CONV].kernel_w = 1;
	g->nodes[CONV].stride_h = g->nodes[CONV].stride_w = 2;
	return g;
}
NET(conv_stride_2_of_5x5)
{
	struct akida_graph *g = good();

	g->nodes[SEPARABLE].kernel_h = g->nodes[SEPARABLE].kernel_w = 5;
	g->nodes[SEPARABLE].stride_h = g->nodes[SEPARABLE].stride_w = 2;
	return g;
}
NET(conv_stride_uneven)
{
	struct akida_graph *g = good();

	g->nodes[CONV].stride_h = 2;
	return g;
}
NET(conv_valid)
{
	struct akida_graph *g = good();

	g->nodes[CONV].same = false;
	return g;
}
NET(conv_dilated)
{
	struct akida_graph *g = good();

	g->nodes[CONV].dilation_h = g->nodes[CONV].dilation_w = 2;
	return g;
}
NET(conv_dilated_across)
{
	struct akida_graph *g = good();

	g->nodes[CONV].dilation_w = 2;
	return g;
}
NET(conv_groups)
{
	struct akida_graph *g = good();

	g->nodes[CONV].groups = 2;
	return g;
}
NET(separable_multiplier)
{
	struct akida_graph *g = good();

	g->nodes[SEPARABLE].depth_multiplier = 2;
	return g;
}
NET(separable_kernel_1)
{
	struct akida_graph *g = good();

	g->nodes[SEPARABLE].kernel_h = g->nodes[SEPARABLE].kernel_w = 1;
	return g;
}
NET(conv_filters_2049)
{
	struct akida_graph *g = until(DENSE);

	net_dense(g, 2049);
	return g;
}
NET(conv_pool_3)
{
	struct akida_graph *g = until(RELU2);

	net_maxpool(g, 3, 2);
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(conv_pool_padding)
{
	struct akida_graph *g = until(RELU2);

	net_maxpool(g, 2, 1)->same = false;
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(global_pool_too_large)
{
	struct akida_graph *g = until(RELU2);

	g->nodes[0].dims[0] = g->nodes[0].dims[1] = 17;
	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 3);
	return g;
}
NET(global_pool_two_rows)
{
	struct akida_graph *g = good();

	g->count = RELU3;
	g->output = SEPARABLE;
	g->nodes[0].dims[0] = 5;
	g->nodes[INPUT_CONV].stride_h = g->nodes[INPUT_CONV].stride_w = 3;
	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 3);
	return g;
}
NET(relu_unbounded)
{
	struct akida_graph *g = good();

	g->nodes[RELU2].bounded = false;
	return g;
}
NET(relu_slope)
{
	struct akida_graph *g = good();

	g->nodes[RELU2].negative_slope = 0.1f;
	return g;
}
NET(no_activation)
{
	struct akida_graph *g = until(RELU2);

	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(ends_in_relu)
{
	struct akida_graph *g = good();

	net_relu(g, 6);
	return g;
}
NET(starts_with_dense)
{
	struct akida_graph *g = net_start(5, 5, 1);

	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	return g;
}
NET(starts_with_separable)
{
	struct akida_graph *g = net_start(5, 5, 1);

	net_separable(g, 3, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	return g;
}
NET(only_input_conv)
{
	struct akida_graph *g = net_start(5, 5, 1);

	net_conv(g, 3, 3, 1);
	return g;
}
NET(no_weights)
{
	struct akida_graph *g = net_start(5, 5, 1);

	net_add(g, AK_OP_FLATTEN);
	return g;
}
NET(depthwise)
{
	struct akida_graph *g = until(CONV);

	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	net_conv(g, 4, 3, 1); /* a 1x1 one would make both a separable */
	return with_tail(g);
}
NET(average_pool)
{
	struct akida_graph *g = until(SEPARABLE);
	struct ak_node *p = net_add(g, AK_OP_AVGPOOL);

	p->kernel_h = p->kernel_w = 2;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(batchnorm_behind_relu)
{
	struct akida_graph *g = until(SEPARABLE);

	net_batchnorm(g);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(zero_padding)
{
	struct akida_graph *g = until(INPUT_CONV);

	net_add(g, AK_OP_ZEROPAD)->pad[0] = 2;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(tanh_inside)
{
	struct akida_graph *g = until(SEPARABLE);

	net_add(g, AK_OP_ACTIVATION)->act = AK_ACT_TANH;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(global_pool_behind_relu)
{
	struct akida_graph *g = until(SEPARABLE);

	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
	return g;
}
NET(pool_before_conv)
{
	struct akida_graph *g = until(INPUT_CONV);

	net_maxpool(g, 2, 2);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(two_relus)
{
	struct akida_graph *g = until(SEPARABLE);

	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(ends_in_pool)
{
	struct akida_graph *g = until(SEPARABLE);

	net_conv(g, 4, 3, 1);
	net_maxpool(g, 2, 2);
	return g;
}
NET(reshape_between_convs)
{
	struct akida_graph *g = until(SEPARABLE);
	struct ak_node *r = net_add(g, AK_OP_RESHAPE);

	r->rank = 3;
	r->dims[0] = 8;
	r->dims[1] = 32;
	r->dims[2] = 4;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(rescaling_inside)
{
	struct akida_graph *g = until(SEPARABLE);

	net_rescaling(g, 0.5f, 0);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(rescaling_negative)
{
	struct akida_graph *g = good();

	g->nodes[RESCALING].scale = -1;
	return g;
}
NET(dense_on_a_map)
{
	struct akida_graph *g = until(FLATTEN);

	net_dense(g, 3);
	return g;
}
NET(dense_inputs_57600)
{
	struct akida_graph *g = until(FLATTEN);

	g->nodes[0].dims[0] = g->nodes[0].dims[1] = 120;
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
	return g;
}
NET(skip_connection)
{
	struct akida_graph *g = until(CONV);

	net_conv(g, 4, 3, 1);
	assert_non_null(ak_graph_add(g, AK_OP_ADD, NULL, (const uint32_t[]){RELU1, CONV}, 2));
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return g;
}
NET(transposed)
{
	struct akida_graph *g = until(SEPARABLE);

	net_kernel(g, AK_OP_CONV2D_TRANSPOSE, 4, 3, 2);
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(over_time)
{
	struct akida_graph *g = until(SEPARABLE);
	struct ak_node *n = net_add(g, AK_OP_BUFFER_TEMP_CONV);

	n->filters = 4;
	n->kernel_t = 3;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(permuted)
{
	struct akida_graph *g = until(SEPARABLE);
	struct ak_node *n = net_add(g, AK_OP_PERMUTE);

	n->perm[0] = 1;
	n->perm[2] = 2;
	net_conv(g, 4, 3, 1);
	return with_tail(g);
}
NET(concatenated)
{
	struct akida_graph *g = until(CONV);

	net_conv(g, 4, 3, 1);
	ak_graph_add(g, AK_OP_CONCATENATE, NULL, (const uint32_t[]){RELU1, CONV}, 2)->axis = 2;
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	return g;
}
NET(long_map) /* rows of the image are not limited, those of the second layer are */
{
	struct akida_graph *g = net_start(4100, 5, 1);

	net_conv(g, 2, 3, 1);
	net_relu(g, 6);
	net_conv(g, 2, 3, 1);
	return g;
}
NET(many_channels)
{
	struct akida_graph *g = until(CONV);

	net_conv(g, 2049, 1, 1);
	net_relu(g, 6);
	net_conv(g, 4, 1, 1);
	return g;
}
NET(padding_value_inside)
{
	struct akida_graph *g = good();

	g->nodes[CONV].padded = true;
	g->nodes[CONV].pad_value = 1;
	return g;
}
NET(separable_on_a_point)
{
	struct akida_graph *g = until(FLATTEN - 1);

	g->nodes[0].dims[0] = g->nodes[0].dims[1] = 5;
	g->nodes[INPUT_CONV].same = false;
	g->nodes[INPUT_CONV].stride_h = g->nodes[INPUT_CONV].stride_w = 3;
	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 3);
	return g;
}
NET(vector_input)
{
	struct akida_graph *g = net_start(8, 0, 0);

	g->nodes[0].rank = 1;
	net_dense(g, 3);
	return g;
}

#endif
