/* SPDX-License-Identifier: MIT */
/*
 * Every rule of Akida 2 once: a network that breaks it gives a finding with this id, field, value and limit; a network
 * with every layer gives none. At the end no row of the table may be left that nothing broke.
 */
#include "tests/unit/quant/net_v2.h"
#include <errno.h>
#include <akida/convert.h>
#include "convert/rules.h"

static void input(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
}

static struct ak_node *conv(struct akida_graph *g, uint32_t filters, uint32_t kernel, uint32_t stride)
{
	input(g);
	return net_conv(g, filters, kernel, stride);
}

static struct ak_node *depthwise(struct akida_graph *g, uint32_t kernel, uint32_t stride)
{
	input(g);
	return net_kernel(g, AK_OP_DEPTHWISE, 0, kernel, stride);
}

static struct ak_node *transposed(struct akida_graph *g, enum ak_op op, uint32_t kernel, uint32_t stride)
{
	input(g);
	return net_kernel(g, op, op == AK_OP_CONV2D_TRANSPOSE ? 4 : 0, kernel, stride);
}

#define NET(name) static void name(struct akida_graph *g)

NET(everything)
{
	uint32_t a;

	net_conv(g, 4, 4, 2);
	net_maxpool(g, 3, 2);
	net_relu(g, 6);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 7, 1);
	net2_activation(g, AK_ACT_SILU);
	net_conv(g, 4, 3, 2);
	net_maxpool(g, 2, 1);
	net_relu(g, 0);
	net2_transposed(g, AK_OP_CONV2D_TRANSPOSE, 4, 3);
	net2_activation(g, AK_ACT_GELU);
	net2_transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 0, 4);
	net_relu(g, 0);
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 4, 10);
	net_relu(g, 0);
	net2_over_time(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, 0, 2);
	net_relu(g, 0);
	a = g->output;
	net2_join(g, AK_OP_ADD, a, net2_branch(g, a, AK_OP_CONV2D, 4, 0));
	a = g->output;
	net2_join(g, AK_OP_CONCATENATE, net2_branch(g, a, AK_OP_CONV2D, 3, 0), net2_branch(g, a, AK_OP_CONV2D, 2, 0));
	net_conv(g, 5, 1, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 3);
}
NET(low_image)
{
	g->nodes[0].dims[0] = 4;
	net_conv(g, 2, 3, 1);
}
NET(wide_image)
{
	g->nodes[0].dims[1] = 385;
	net_conv(g, 2, 3, 1);
}
NET(long_map)
{
	g->nodes[0].dims[0] = 4097;
	g->nodes[0].dims[1] = 5;
	conv(g, 2, 3, 1);
}
NET(many_channels)
{
	net_conv(g, 2049, 3, 2);
	net_relu(g, 0);
	net_conv(g, 2, 1, 1);
}
NET(dense_inputs)
{
	net_conv(g, 26, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
}
NET(dense_on_a_map)
{
	input(g);
	net_dense(g, 2);
}
NET(input_kernel)
{
	net_conv(g, 2, 9, 1);
}
NET(conv_kernel)
{
	conv(g, 2, 9, 1);
}
NET(conv_kernel_oblong)
{
	conv(g, 2, 3, 1)->kernel_w = 5;
}
NET(depthwise_kernel)
{
	depthwise(g, 1, 1);
}
NET(transposed_kernel)
{
	transposed(g, AK_OP_CONV2D_TRANSPOSE, 5, 2);
}
NET(depthwise_transposed_kernel)
{
	transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 2, 2);
}
NET(short_fifo)
{
	g->nodes[0].input_i8 = true;
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 2, 1);
}
NET(long_fifo)
{
	g->nodes[0].input_i8 = true;
	net2_over_time(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, 0, 11);
}
NET(input_stride)
{
	net_conv(g, 2, 4, 5);
}
NET(transposed_stride)
{
	transposed(g, AK_OP_CONV2D_TRANSPOSE, 3, 1);
}
NET(transposed_valid)
{
	transposed(g, AK_OP_DEPTHWISE_TRANSPOSE, 3, 2)->same = false;
}
NET(conv_stride)
{
	conv(g, 2, 5, 2);
}
NET(conv_stride_uneven)
{
	conv(g, 2, 3, 1)->stride_w = 2;
}
NET(conv_valid)
{
	conv(g, 2, 3, 1)->same = false;
}
NET(padding_value)
{
	struct ak_node *n = conv(g, 2, 3, 1);

	n->padded = true;
	n->pad_value = 0.5f;
}
NET(dilated)
{
	struct ak_node *n = conv(g, 2, 3, 1);

	n->dilation_h = n->dilation_w = 2;
}
NET(grouped)
{
	conv(g, 4, 3, 1)->groups = 2;
}
NET(multiplied)
{
	depthwise(g, 3, 1)->depth_multiplier = 2;
}
NET(input_filters)
{
	net_conv(g, 513, 3, 2);
}
NET(dense_units)
{
	input(g);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2049);
}
NET(input_pool)
{
	net_conv(g, 2, 3, 1);
	net_maxpool(g, 2, 1);
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
}
NET(conv_pool)
{
	conv(g, 2, 3, 1);
	net_maxpool(g, 3, 2);
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
}
NET(pool_oblong)
{
	conv(g, 2, 3, 1);
	net_maxpool(g, 2, 2)->kernel_w = 1;
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
}
NET(pool_padding)
{
	conv(g, 2, 3, 1);
	net_maxpool(g, 2, 1)->same = false;
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
}
NET(pool_behind_transposed)
{
	transposed(g, AK_OP_CONV2D_TRANSPOSE, 3, 2);
	net_maxpool(g, 2, 2);
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
}
NET(global_behind_fifo)
{
	g->nodes[0].input_i8 = true;
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 2, 3);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 2);
}
NET(table_and_pool)
{
	conv(g, 2, 3, 1);
	net_maxpool(g, 2, 2);
	net2_activation(g, AK_ACT_HARD_SILU);
	net_conv(g, 2, 3, 1);
}
NET(global_on_input)
{
	input(g);
	net_add(g, AK_OP_GAP);
	net_dense(g, 2);
}
NET(global_on_depthwise)
{
	depthwise(g, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 2);
}
NET(global_too_large)
{
	g->nodes[0].dims[0] = 29;
	g->nodes[0].dims[1] = 5;
	conv(g, 2, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 2);
}
NET(relu_behind_global)
{
	conv(g, 2, 3, 1);
	net_add(g, AK_OP_GAP);
	net_relu(g, 0);
	net_dense(g, 2);
}
NET(tanh_inside)
{
	conv(g, 2, 3, 1);
	net2_activation(g, AK_ACT_TANH);
	net_conv(g, 2, 3, 1);
}
NET(table_behind_dense)
{
	input(g);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
	net2_activation(g, AK_ACT_GELU);
	net_dense(g, 2);
}
NET(leaky)
{
	conv(g, 2, 3, 1);
	net_relu(g, 0)->negative_slope = 0.25f;
	net_conv(g, 2, 3, 1);
}
NET(permuted)
{
	struct ak_node *n;

	input(g);
	n = net_add(g, AK_OP_PERMUTE);
	n->perm[0] = 1;
	n->perm[2] = 2;
	net_conv(g, 2, 3, 1);
}
NET(separable) /* a file of QuantizeML for Akida v1; in a float network it is split */
{
	input(g);
	net_separable(g, 2, 3, 1);
}
NET(relu_twice)
{
	input(g);
	net_relu(g, 3);
	net_conv(g, 2, 3, 1);
}
NET(three_inputs)
{
	uint32_t stem, in[3];

	input(g);
	stem = g->output;
	for (uint32_t k = 0; k < 3; k++)
		in[k] = net2_branch(g, stem, AK_OP_CONV2D, 2, 0);
	assert_non_null(ak_graph_add(g, AK_OP_ADD, NULL, in, 3));
	net_conv(g, 2, 3, 1);
}
NET(same_input_twice)
{
	input(g);
	net2_join(g, AK_OP_ADD, g->output, g->output);
	net_conv(g, 2, 3, 1);
}
static struct ak_node *recurrent(struct akida_graph *g, uint32_t states, uint32_t units, uint32_t subsample)
{
	g->nodes[0].rank = 2;
	g->nodes[0].dims[0] = 10;
	g->nodes[0].dims[1] = 6;
	net2_recurrent_layer(g, states, units, subsample);
	return &g->nodes[1];
}

NET(recurrent_layer)
{
	recurrent(g, 8, 5, 1);
}
NET(recurrent_bias)
{
	recurrent(g, 8, 5, 1)->use_bias = true;
}
NET(recurrent_states)
{
	recurrent(g, 12, 5, 1);
}
NET(recurrent_units)
{
	recurrent(g, 8, 257, 1);
}
NET(recurrent_subsample)
{
	recurrent(g, 8, 4, 5);
}
NET(recurrent_bound)
{
	recurrent(g, 8, 4, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
}
NET(recurrent_imaginary)
{
	recurrent(g, 8, 4, 1);
	g->nodes[3].token = 1;
}
NET(no_weights)
{
	net_add(g, AK_OP_FLATTEN);
}

struct expectation {
	void (*build)(struct akida_graph *g);
	const char *rule, *field, *value, *limit;
};

#define CONV_STRIDES "1; 2 only with a 3x3 kernel"
#define INPUT_STRIDES "3x3: 1 to 3, 4x4: 1 to 4, 5x5: 1 to 5, 7x7: 1 to 6"
#define ACTIVATIONS "ReLU; gelu, swish, hard_silu or leaky_relu behind a convolution"
#define ORDER "a convolution or Dense, then max pooling, then an activation, then global pooling"
#define TYPES                                                                                                          \
	"Conv2D, DepthwiseConv2D, their transposes, Dense, BufferTempConv, DepthwiseBufferTempConv, "                  \
	"StatefulRecurrent between projections, Add, Concatenate, ReLU, Activation, MaxPooling2D, "                    \
	"GlobalAveragePooling2D, Flatten, Reshape; Rescaling first"

static const struct expectation cases[] = {
	{low_image, "v2.input-size", "input height", "4", "5 or more"},
	{wide_image, "v2.input-size", "input width", "385", "5 to 384"},
	{long_map, "v2.map-size", "input size", "4097x5", "4096x4096"},
	{many_channels, "v2.channels", "input channels", "2049", "2048"},
	{dense_inputs, "v2.dense-inputs", "inputs", "2080", "2048"},
	{dense_on_a_map, "v2.dense-map", "input", "80 positions", "one vector"},
	{input_kernel, "v2.kernel-size", "kernel_size", "9x9", "3x3, 4x4, 5x5, 7x7"},
	{conv_kernel, "v2.kernel-size", "kernel_size", "9x9", "1x1, 3x3, 5x5, 7x7"},
	{conv_kernel_oblong, "v2.kernel-size", "kernel_size", "3x5", "1x1, 3x3, 5x5, 7x7"},
	{depthwise_kernel, "v2.kernel-size", "kernel_size", "1x1", "3x3, 5x5, 7x7"},
	{transposed_kernel, "v2.kernel-size", "kernel_size", "5x5", "3x3, 4x4"},
	{depthwise_transposed_kernel, "v2.kernel-size", "kernel_size", "2x2", "3x3, 4x4"},
	{short_fifo, "v2.fifo-size", "kernel_size", "1", "2 to 10"},
	{long_fifo, "v2.fifo-size", "kernel_size", "11", "2 to 10"},
	{input_stride, "v2.stride", "strides", "5x5 with a 4x4 kernel", INPUT_STRIDES},
	{transposed_stride, "v2.stride", "strides", "1x1 with a 3x3 kernel", "2x2"},
	{transposed_valid, "v2.padding", "padding", "valid", "same"},
	{conv_stride, "v2.stride", "strides", "2x2 with a 5x5 kernel", CONV_STRIDES},
	{conv_stride_uneven, "v2.stride", "strides", "1x2 with a 3x3 kernel", CONV_STRIDES},
	{conv_valid, "v2.padding", "padding", "valid", "same"},
	{padding_value, "v2.padding-value", "padding value", "0.5", "0"},
	{dilated, "v2.dilation", "dilation_rate", "2x2", "1"},
	{grouped, "v2.groups", "groups", "2", "1"},
	{multiplied, "v2.groups", "depth_multiplier", "2", "1"},
	{input_filters, "v2.filters", "filters", "513", "512"},
	{dense_units, "v2.filters", "filters", "2049", "2048"},
	{input_pool, "v2.pool-size", "pool_size", "2x2 stride 1x1", "2x2 or 3x3, stride 2"},
	{conv_pool, "v2.pool-size", "pool_size", "3x3 stride 2x2", "2x2 stride 1 or 2"},
	{pool_oblong, "v2.pool-size", "pool_size", "2x1 stride 2x2", "2x2 stride 1 or 2"},
	{pool_padding, "v2.pool-padding", "padding", "valid after same", "as the convolution's"},
	{pool_behind_transposed, "v2.block-order", "pooling", "MaxPooling2D", "none"},
	{global_behind_fifo, "v2.block-order", "pooling", "GlobalAveragePooling2D", "none"},
	{table_and_pool, "v2.table-pool", "activation", "hard_silu with max pooling", "a ReLU behind max pooling"},
	{global_on_input, "v2.global-pool", "pooling", "GlobalAveragePooling2D", "none or max"},
	{global_on_depthwise, "v2.global-pool", "pooling", "GlobalAveragePooling2D", "none or max"},
	{global_too_large, "v2.global-pool", "pooled map", "29x5", "one side at most 64, at most 144 positions"},
	{relu_behind_global, "v2.block-order", "activation", "behind global pooling", "before global pooling"},
	{tanh_inside, "v2.activation", "activation", "tanh", ACTIVATIONS},
	{table_behind_dense, "v2.activation", "activation", "gelu", ACTIVATIONS},
	{leaky, "v2.activation", "activation", "slope 0.25, threshold 0", ACTIVATIONS},
	{permuted, "v2.layer-type", "type", "Permute", TYPES},
	{relu_twice, "v2.block-order", "order", "ReLU behind ReLU", ORDER},
	{three_inputs, "v2.branch", "inbound layers", "3", "2"},
	{same_input_twice, "v2.branch", "inbound layers", "the same layer twice", "two different ones"},
	{recurrent_layer, "v2.recurrent", "layer", "StatefulProjection", "on Akida Pico only"},
	{recurrent_bias, "v2.recurrent", "input projection", "bias ", "a matrix and nothing else"},
	{recurrent_states, "v2.recurrent", "state channels", "12", "a power of two up to 256"},
	{recurrent_units, "v2.recurrent", "outputs", "257", "256"},
	{recurrent_subsample, "v2.recurrent", "subsample", "5", "4"},
	{recurrent_bound, "v2.recurrent", "max_value", "6", "none"},
	{recurrent_imaginary, "v2.block-order", "order", "StatefulProjection behind InputLayer",
	 "StatefulProjection, StatefulRecurrent, ExtractToken of the real part, StatefulProjection"},
	{no_weights, "v2.empty", "layers with weights", "0", "1 or more"},
};

/* Networks over time have no Rescaling, which the one with an odd number of channels has. */
static struct net2 net_of(void (*build)(struct akida_graph *g))
{
	static void (*const over_time[])(struct akida_graph * g) = {
		long_fifo,	 global_behind_fifo,  recurrent_layer, recurrent_bias,	    recurrent_states,
		recurrent_units, recurrent_subsample, recurrent_bound, recurrent_imaginary,
	};

	for (size_t i = 0; i < sizeof(over_time) / sizeof(over_time[0]); i++)
		if (build == over_time[i])
			return (struct net2){build, 2, 0};
	return (struct net2){build, 3, 0};
}

/* ---- which rows were broken ---- */

static bool seen[96];

static const struct akida_diag_record *find(const struct akida_diag *diag, const char *rule, const char *field)
{
	struct ak_rule_row row;

	for (size_t k = 0; k < akida_diag_count(diag); k++) {
		const struct akida_diag_record *r = akida_diag_get(diag, k);

		for (size_t i = 0; ak_rules_v2_row(i, &row); i++)
			seen[i] |= !strcmp(ak_rule_id(row.rule), r->rule) && !strcmp(row.field, r->field) &&
				   !strcmp(row.limit, r->limit);
	}
	for (size_t k = 0; k < akida_diag_count(diag); k++)
		if (!strcmp(akida_diag_get(diag, k)->rule, rule) && !strcmp(akida_diag_get(diag, k)->field, field))
			return akida_diag_get(diag, k);
	return NULL;
}

static void expect(const struct akida_diag *diag, const struct expectation *e)
{
	const struct akida_diag_record *r = find(diag, e->rule, e->field);

	if (!r)
		fail_msg("no %s at %s", e->rule, e->field);
	assert_string_equal(r->value, e->value);
	assert_string_equal(r->limit, e->limit);
	assert_int_equal(r->severity, AKIDA_ERROR);
	assert_true(strlen(r->remedy) > 0 && strlen(r->node) > 0);
	assert_non_null(strstr(r->text, r->node));
	assert_non_null(akida_rule_sentence(r->rule));
}

static void test_check_v2_each_rule_alone(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct net2 net = net_of(cases[i].build);
		struct akida_graph *g = net2_network(&net);
		struct akida_diag *diag = akida_diag_create();

		assert_true(akida_check(g, "akida2", diag) > 0);
		expect(diag, &cases[i]);
		akida_diag_destroy(diag);
		akida_graph_destroy(g);
	}
}

static void test_check_v2_separable_is_split_in_float_networks_only(void **state)
{
	static const struct expectation e = {NULL, "v2.layer-type", "type", "SeparableConv2D", TYPES};
	struct net2 net = {separable, 3, 0};
	struct akida_graph *g = net2_network(&net), *q;
	struct akida_array x = net2_samples(g);
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;

	(void)state;
	assert_int_equal(akida_check(g, "akida2", diag), 0);
	akida_quant_params_init(&p);
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	assert_true(akida_check(q, "akida2", diag) > 0);
	expect(diag, &e);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

static void test_check_v2_network_with_every_layer_passes(void **state)
{
	struct net2 net = {everything, 3, 0};
	struct akida_graph *g = net2_network(&net), *q;
	struct akida_array x = net2_samples(g);
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(akida_check(g, "akida2", diag), 0);
	assert_int_equal(akida_diag_count(diag), 0);
	net2_quantize(g, &x, 8, 8, &q);
	assert_int_equal(akida_check(q, "akida2", diag), 0);
	assert_int_equal(akida_diag_count(diag), 0);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

/* ---- what only a quantized network can break ---- */

static void narrow_output(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_RELU, 1)].quant.out_bits = 6;
}

static void narrow_fifo_output(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_RELU, 3)].quant.out_bits = 4;
}

static void narrow_fifo_input(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_RELU, 2)].quant.out_bits = 4;
}

static void two_widths(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_RELU, 5)].quant.out_bits = 4;
}

static void weights_3(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_CONV2D, 1)].quant.weight_bits = 3;
}

static void input_weights_4(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_CONV2D, 0)].quant.weight_bits = 4;
}

static void transposed_weights_4(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_CONV2D_TRANSPOSE, 0)].quant.weight_bits = 4;
}

static void recurrent_weights_4(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_STATEFUL_PROJECTION, 1)].quant.weight_bits = 4;
}

static void no_quantizer(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_RELU, 1)].quant.has_output = false;
}

static void float_weights(struct akida_graph *q)
{
	q->nodes[net_find(q, AK_OP_CONV2D, 1)].quant.active = false;
}

static void test_check_v2_quantized_networks(void **state)
{
	static const struct {
		void (*spoil)(struct akida_graph *q);
		struct expectation e; /* build NULL: everything */
	} rows[] = {
		{recurrent_weights_4,
		 {recurrent_layer, "v2.weight-bits", "weight bits", "4", "8 in a recurrent layer"}},
		{narrow_output, {NULL, "v2.output-bits", "output bits", "6", "4, 8"}},
		{narrow_fifo_output, {NULL, "v2.output-bits", "output bits", "4", "8"}},
		{narrow_fifo_input, {NULL, "v2.input-bits", "input bits", "4", "8"}},
		{two_widths, {NULL, "v2.input-bits", "input bits", "8 and 4", "the same for both"}},
		{weights_3, {NULL, "v2.weight-bits", "weight bits", "3", "4, 8"}},
		{input_weights_4, {NULL, "v2.weight-bits", "weight bits", "4", "8"}},
		{transposed_weights_4, {NULL, "v2.weight-bits", "weight bits", "4", "8"}},
		{no_quantizer, {NULL, "v2.output-quantizer", "output quantizer", "none", "one between two layers"}},
		{float_weights, {NULL, "v2.output-quantizer", "weights", "float", "quantized"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct net2 net = net_of(rows[i].e.build ? rows[i].e.build : everything);
		struct akida_graph *g = net2_network(&net), *q;
		struct akida_array x = net2_samples(g);
		struct akida_diag *diag = akida_diag_create();

		net2_quantize(g, &x, 8, 8, &q);
		rows[i].spoil(q);
		assert_true(akida_check(q, "akida2", diag) > 0);
		expect(diag, &rows[i].e);
		akida_diag_destroy(diag);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
		akida_array_fini(&x);
	}
}

/* Vectors enter through InputData, which the vendor has for signed integers only: a warning. */
static void test_check_v2_unsigned_vectors_are_a_warning(void **state)
{
	struct akida_graph *g = net_start(1, 1, 20);
	struct akida_diag *diag = akida_diag_create();
	const struct akida_diag_record *r;

	(void)state;
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	net_finish(g);
	assert_int_equal(akida_check(g, "akida2", diag), 0);
	r = find(diag, "v2.input-data", "input");
	assert_non_null(r);
	assert_int_equal(r->severity, AKIDA_WARNING);
	assert_string_equal(r->value, "unsigned 8 bits");
	assert_string_equal(r->limit, "signed integers, or an image of 1 or 3 channels into Conv2D");
	akida_diag_destroy(diag);
	diag = akida_diag_create();
	g->nodes[0].input_i8 = true;
	assert_int_equal(akida_check(g, "akida2", diag), 0);
	assert_int_equal(akida_diag_count(diag), 0);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

/* Limits that arithmetic does not know are warnings of the conversion; shapes that layers cannot say are errors. */
static void test_convert_v2_goes_beyond_the_silicon_but_not_beyond_layers(void **state)
{
	static const struct {
		void (*build)(struct akida_graph *g);
		int err;
	} rows[] = {
		{input_kernel, 0},
		{conv_kernel, 0},
		{conv_stride, 0},
		{conv_pool, 0},
		{conv_valid, 0},
		{dense_inputs, 0},
		{global_on_depthwise, 0},
		{transposed_stride, 0},
		{long_fifo, 0},
		{table_and_pool, 0},
		{recurrent_layer, 0},
		{recurrent_states, 0},
		{recurrent_bias, 1},
		{recurrent_imaginary, 1},
		{conv_stride_uneven, 1},
		{pool_oblong, 1},
		{transposed_valid, 1},
		{dilated, 1},
		{grouped, 1},
		{relu_behind_global, 1},
		{pool_behind_transposed, 1},
		{global_behind_fifo, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct net2 net = net_of(rows[i].build);
		struct akida_graph *g = net2_network(&net), *q;
		struct akida_array x = net2_samples(g);
		struct akida_model *m = NULL;
		int err;

		net2_quantize(g, &x, 8, 8, &q);
		err = akida_convert_v2(q, &m, NULL);
		if (err != (rows[i].err ? -EOPNOTSUPP : 0))
			fail_msg("row %zu: %d", i, err);
		akida_model_destroy(m);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
		akida_array_fini(&x);
	}
}

static void test_check_v2_every_row_of_the_table_was_broken(void **state)
{
	struct ak_rule_row row;

	(void)state;
	for (size_t i = 0; ak_rules_v2_row(i, &row); i++) {
		assert_true(i < sizeof(seen));
		if (!seen[i])
			fail_msg("no test breaks %s: %s, limit %s", ak_rule_id(row.rule), row.field, row.limit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_v2_each_rule_alone),
		cmocka_unit_test(test_check_v2_separable_is_split_in_float_networks_only),
		cmocka_unit_test(test_check_v2_network_with_every_layer_passes),
		cmocka_unit_test(test_check_v2_quantized_networks),
		cmocka_unit_test(test_check_v2_unsigned_vectors_are_a_warning),
		cmocka_unit_test(test_convert_v2_goes_beyond_the_silicon_but_not_beyond_layers),
		cmocka_unit_test(test_check_v2_every_row_of_the_table_was_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
