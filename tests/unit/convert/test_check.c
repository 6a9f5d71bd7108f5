/* SPDX-License-Identifier: MIT */
/*
 * Every v1 rule once: a network that breaks it and nothing else must give exactly that finding; the network without the
 * offence gives none. Real networks are in test_check_networks.c.
 */
#include "check_nets.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "convert/rules.h"

struct expectation {
	struct akida_graph *(*net)(void);
	const char *rule, *field, *value, *limit; /* of the error; value may be a part of it */
	int errors;
};

#define TYPES                                                                                                          \
	"Conv2D, SeparableConv2D, Dense, bounded ReLU, 2x2 MaxPooling2D, GlobalAveragePooling2D, Flatten, Reshape; "   \
	"Rescaling first"
#define ORDERS "Conv > ReLU, Conv > MaxPool > ReLU, Conv > GlobalAveragePooling > ReLU, Dense > ReLU"

static const struct expectation cases[] = {
	{good, NULL, NULL, NULL, NULL, 0},
	{five_channels, "v1.input-channels", "input channels", "5", "1 or 3", 1},
	{wide_image, "v1.input-size", "input width", "257", "5 to 256", 1},
	{low_image, "v1.input-size", "input height", "4", "5 or more", 1},
	{input_kernel_1, "v1.kernel-size", "kernel_size", "1x1", "3x3, 5x5, 7x7", 1},
	{input_stride_4, "v1.stride", "strides", "4x4", "1, 2, 3, equal on both axes", 1},
	{input_filters_193, "v1.filters", "filters", "193 of 192",
	 "3x3: 512 (1 channel), 192 (3); 5x5: 192, 64; 7x7: 96, 32", 1},
	{input_pool_3, "v1.pool-size", "pool_size", "3x3 stride 3x3", "2x2 stride 2x2", 1},
	{input_global_pool, "v1.global-pool", "pooling", "", "none or 2x2 max", 1},
	{input_padding_value, "v1.padding-value", "padding value", "-254", "0 to 255", 1},
	{conv_kernel_4, "v1.kernel-size", "kernel_size", "4x4", "1x1, 3x3, 5x5, 7x7", 1},
	{conv_kernel_3x5, "v1.kernel-size", "kernel_size", "3x5", "1x1, 3x3, 5x5, 7x7", 1},
	{conv_stride_2_of_1x1, "v1.stride", "strides", "2x2 with a 1x1 kernel", "1; 2 only with a 3x3 kernel", 1},
	{conv_stride_2_of_5x5, "v1.stride", "strides", "2x2 with a 5x5 kernel", "1; 2 only with a 3x3 kernel", 1},
	{conv_stride_uneven, "v1.stride", "strides", "2x1", "1; 2 only with a 3x3 kernel", 1},
	{conv_valid, "v1.padding", "padding", "valid", "same", 1},
	{conv_dilated, "v1.dilation", "dilation_rate", "2x2", "1", 1},
	{conv_dilated_across, "v1.dilation", "dilation_rate", "1x2", "1", 1},
	{conv_groups, "v1.groups", "groups", "2", "1", 1},
	{separable_multiplier, "v1.groups", "depth_multiplier", "2", "1", 1},
	{separable_kernel_1, "v1.kernel-size", "kernel_size", "1x1", "3x3, 5x5, 7x7", 1},
	{conv_filters_2049, "v1.filters", "filters", "2049", "2048", 1},
	{conv_pool_3, "v1.pool-size", "pool_size", "3x3 stride 2x2", "2x2 stride 1 or 2", 1},
	{conv_pool_padding, "v1.pool-padding", "padding", "valid after same", "as the convolution's", 1},
	{global_pool_too_large, "v1.global-pool", "pooled map", "17x17", "one side at most 32, at most 256 positions",
	 1},
	{global_pool_two_rows, "v1.global-pool", "pooled rows", "2", "3 or more", 1},
	{relu_unbounded, "v1.relu-bound", "max_value", "none", "a number", 1},
	{relu_slope, "v1.relu-kind", "activation", "slope 0.1", "slope 0, threshold 0", 1},
	{no_activation, "v1.no-activation", "next layer", "Conv2D", "an activation between two layers with weights", 1},
	{ends_in_relu, "v1.last-layer", "last layer", "", "a convolution or Dense without activation", 1},
	{starts_with_dense, "v1.first-layer", "first layer", "Dense",
	 "Conv2D on 1 or 3 channels (InputData is not supported)", 1},
	{starts_with_separable, "v1.first-layer", "first layer", "SeparableConv2D",
	 "Conv2D on 1 or 3 channels (InputData is not supported)", 1},
	{only_input_conv, "v1.last-layer", "last layer", "the input convolution", "a convolution or Dense behind it",
	 1},
	{no_weights, "v1.empty", "layers with weights", "0", "1 or more", 2},
	{depthwise, "v1.layer-type", "type", "DepthwiseConv2D", TYPES, 1},
	{average_pool, "v1.layer-type", "type", "AveragePooling2D", TYPES, 1},
	{batchnorm_behind_relu, "v1.layer-type", "type", "BatchNormalization", TYPES, 1},
	{zero_padding, "v1.layer-type", "type", "ZeroPadding2D", TYPES, 1},
	{tanh_inside, "v1.layer-type", "type", "Activation", TYPES, 1},
	{global_pool_behind_relu, "v1.block-order", "order", "GlobalAveragePooling2D behind", ORDERS, 1},
	{pool_before_conv, "v1.block-order", "order", "MaxPooling2D behind", ORDERS, 1},
	{two_relus, "v1.block-order", "order", "ReLU behind", ORDERS, 1},
	{ends_in_pool, "v1.block-order", "order", "without ReLU", ORDERS, 1},
	{reshape_between_convs, "v1.block-order", "order", "Reshape behind", "Flatten and Reshape before Dense", 1},
	{rescaling_inside, "v1.block-order", "order", "Rescaling behind", "Rescaling first, then Conv2D", 1},
	{rescaling_negative, "v1.rescaling", "scale", "scale -1", "a positive scale; an offset only before Conv2D", 1},
	{dense_on_a_map, "v1.dense-map", "input", "256 positions", "one vector", 1},
	{dense_inputs_57600, "v1.dense-inputs", "inputs", "57600", "57334", 1},
	{transposed, "v1.layer-type", "type", "Conv2DTranspose", TYPES, 1},
	{over_time, "v1.layer-type", "type", "BufferTempConv", TYPES, 1},
	{permuted, "v1.layer-type", "type", "Permute", TYPES, 1},
	{concatenated, "v1.branch", "outbound layers", "2", "1 (no branches)", 3},
	{long_map, "v1.map-size", "input size", "4100x5", "4096x4096", 1},
	{many_channels, "v1.channels", "input channels", "2049", "2048", 2},
	{padding_value_inside, "v1.padding-value", "padding value", "1", "0", 1},
	{separable_on_a_point, "v1.global-pool", "pooled rows", "1", "3 or more", 2},
	{vector_input, "v1.first-layer", "input", "not an image", "height, width, channels", 2},
	{skip_connection, "v1.branch", "outbound layers", "2", "1 (no branches)", 2},
};

static const struct akida_diag_record *find(const struct akida_diag *diag, const char *rule, const char *node)
{
	for (size_t i = 0; i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);

		if (!strcmp(r->rule, rule) && (!node || !strcmp(r->node, node)))
			return r;
	}
	return NULL;
}

/* Rows of the table that a finding of these tests came from. */
static bool seen[64];

static void see(const struct akida_diag *diag)
{
	struct ak_rule_row row;

	for (size_t k = 0; k < akida_diag_count(diag); k++) {
		const struct akida_diag_record *r = akida_diag_get(diag, k);

		for (size_t i = 0; ak_rules_v1_row(i, &row); i++)
			seen[i] |= !strcmp(ak_rule_id(row.rule), r->rule) && !strcmp(row.field, r->field) &&
				   !strcmp(row.limit, r->limit);
	}
}

static void test_check_each_rule_alone(void **state)
{
	static const char *const targets[] = {"akd1000", "akd1500"};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct expectation *e = &cases[i / 2];
		struct akida_graph *g = net_finish(e->net());
		struct akida_diag *diag = akida_diag_create();
		int errors = akida_check(g, targets[i % 2], diag);
		const struct akida_diag_record *r = akida_diag_first_error(diag);

		if (errors != e->errors)
			print_message("case %zu (%s): %d errors, first %s\n", i / 2, e->rule ? e->rule : "good", errors,
				      r ? r->text : "none");
		assert_int_equal(errors, e->errors);
		if (errors) {
			r = find(diag, e->rule, NULL);
			if (!r)
				print_message("case %zu: no %s\n", i / 2, e->rule);
			assert_non_null(r);
			assert_string_equal(r->field, e->field);
			if (!strstr(r->value, e->value))
				print_message("%s instead of %s\n", r->value, e->value);
			assert_non_null(strstr(r->value, e->value));
			assert_string_equal(r->limit, e->limit);
			assert_true(strlen(r->remedy) > 0);
			assert_true(strlen(r->node) > 0);
			assert_non_null(strstr(r->text, r->node));
			assert_non_null(akida_rule_sentence(r->rule));
		} else {
			assert_null(r);
		}
		see(diag);
		assert_int_equal(akida_check(g, targets[i % 2], NULL), errors);
		akida_diag_destroy(diag);
		akida_graph_destroy(g);
	}
}

/* At the limit all is well, one beyond it is an error: height, width, channels of maps, inputs and units of Dense. */
static void test_check_limits_are_inclusive(void **state)
{
	static const struct {
		uint32_t h, w, filters, units;
		int errors;
		const char *rule;
	} rows[] = {
		{4096, 5, 4, 1, 1, "v1.dense-inputs"}, {4097, 5, 4, 1, 2, "v1.map-size"},    {5, 256, 4, 2048, 0, NULL},
		{5, 256, 4, 2049, 1, "v1.filters"},    {109, 263, 2, 1, 1, "v1.input-size"},
	};
	static const uint32_t inputs[][2] = {{57330, 0}, {57336, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct akida_graph *g = net_start(rows[i].h, rows[i].w, 1);
		struct akida_diag *diag = akida_diag_create();

		net_conv(g, rows[i].filters, 3, 1);
		net_relu(g, 6);
		net_conv(g, rows[i].filters, 3, 1);
		net_relu(g, 6);
		net_add(g, AK_OP_FLATTEN);
		net_dense(g, rows[i].units);
		net_finish(g);
		assert_int_equal(akida_check(g, "akd1000", diag), rows[i].errors);
		if (rows[i].rule)
			assert_string_equal(akida_diag_first_error(diag)->rule, rows[i].rule);
		akida_diag_destroy(diag);
		akida_graph_destroy(g);
	}
	for (int i = 0; i < 2; i++) {
		struct akida_graph *g = net_start(inputs[i][0] / 6, 6, 1);

		net_conv(g, 1, 3, 1);
		net_relu(g, 6);
		net_add(g, AK_OP_FLATTEN);
		net_dense(g, 1);
		net_finish(g);
		assert_int_equal(akida_check(g, "akd1000", NULL), inputs[i][1]);
		akida_graph_destroy(g);
	}
	for (uint32_t i = 0; i < 2; i++) {
		struct akida_graph *g = net_start(5, 5, 1);

		net_conv(g, 2, 3, 1);
		net_relu(g, 6);
		net_conv(g, 2048 + i, 1, 1);
		net_relu(g, 6);
		net_conv(g, 2, 1, 1);
		net_finish(g);
		assert_int_equal(akida_check(g, "akd1000", NULL), 2 * i); /* filters of one, channels of the next */
		akida_graph_destroy(g);
	}
}

/* A 1x1 kernel counts as same, whatever its padding says. */
static void test_check_1x1_convolution_is_same(void **state)
{
	struct akida_graph *g = until(RELU2);

	(void)state;
	g->nodes[CONV].kernel_h = g->nodes[CONV].kernel_w = 1;
	g->nodes[CONV].same = false;
	net_maxpool(g, 2, 2);
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	net_finish(with_tail(g));
	assert_int_equal(akida_check(g, "akd1000", NULL), 0);
	akida_graph_destroy(g);
}

/* A file of QuantizeML may have float layers behind the Dequantizer: left out, and said. */
static void test_convert_float_head_behind_the_dequantizer_is_left_out(void **state)
{
	struct akida_graph *g = net_finish(good()), *q;
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m;

	(void)state;
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	net_add(q, AK_OP_RESHAPE)->rank = 1;
	net_add(q, AK_OP_SOFTMAX);
	assert_int_equal(ak_graph_finish(q, NULL), 0);
	assert_int_equal(akida_check(q, "akd1000", diag), 0);
	assert_int_equal(akida_diag_count(diag), 2);
	assert_string_equal(akida_diag_get(diag, 0)->rule, "quant.head");
	assert_string_equal(akida_diag_get(diag, 1)->rule, "quant.head");
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	assert_int_equal(akida_model_layers(m), 4);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* Most filters of the first layer by kernel and channels; one more is an error. */
static void test_check_input_filters_limits(void **state)
{
	static const uint32_t max[][3] = {{3, 1, 512}, {3, 3, 192}, {5, 1, 192}, {5, 3, 64}, {7, 1, 96}, {7, 3, 32}};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(max) / sizeof(max[0]); i++) {
		struct akida_graph *g = good();
		struct akida_diag *diag = akida_diag_create();

		g->nodes[0].dims[2] = max[i / 2][1];
		g->nodes[INPUT_CONV].kernel_h = g->nodes[INPUT_CONV].kernel_w = max[i / 2][0];
		g->nodes[INPUT_CONV].filters = max[i / 2][2] + i % 2;
		net_finish(g);
		assert_int_equal(akida_check(g, "akd1000", diag), i % 2);
		if (i % 2)
			assert_string_equal(akida_diag_first_error(diag)->rule, "v1.filters");
		akida_diag_destroy(diag);
		akida_graph_destroy(g);
	}
}

/* Decision of the project: boards ran it, today's documentation excludes it. */
static void test_check_max_pool_before_dense_is_a_warning(void **state)
{
	struct akida_graph *g = until(RELU2);
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	net_maxpool(g, 2, 2);
	net_finish(with_tail(g));
	assert_int_equal(akida_check(g, "akd1000", diag), 0);
	assert_non_null(find(diag, "v1.pool-before-dense", NULL));
	assert_int_equal(find(diag, "v1.pool-before-dense", NULL)->severity, AKIDA_WARNING);
	assert_string_equal(find(diag, "v1.pool-before-dense", NULL)->limit, "Conv2D or SeparableConv2D");
	see(diag);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

/* Keras' default padding of pools: where windows fit exactly it is the same thing. */
static void test_check_valid_pool_on_even_map_is_fine(void **state)
{
	struct akida_graph *g = until(RELU2), *q;
	struct akida_model *m;

	(void)state;
	net_maxpool(g, 2, 2)->same = false;
	net_relu(g, 6);
	net_conv(g, 4, 3, 1);
	net_finish(with_tail(g));
	assert_int_equal(akida_check(g, "akd1000", NULL), 0);
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* Float graphs are judged after the rewrites of quantization: ReLU before the pool, BatchNorm, fused activations. */
static void test_check_rewritable_float_graph_is_fine(void **state)
{
	struct akida_graph *g = net_start(16, 16, 1);
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	net_rescaling(g, 1 / 127.5f, -1);
	net_conv(g, 4, 3, 1)->act = AK_ACT_RELU6;
	net_maxpool(g, 2, 2);
	net_add(g, AK_OP_DROPOUT)->rate = 0.5f;
	net_conv(g, 4, 3, 1);
	net_batchnorm(g);
	net_relu(g, 6);
	net_maxpool(g, 2, 2);
	net_separable(g, 4, 3, 1);
	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 3)->act = AK_ACT_SOFTMAX;
	net_finish(g);
	assert_int_equal(akida_check(g, "akd1500", diag), 0);
	assert_non_null(find(diag, "quant.head", NULL));
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

struct widths {
	uint32_t input_bits, weight_bits, act_bits, per_tensor;
	const char *rule, *value, *limit; /* of every finding; rule NULL: none */
};

static void check_widths(const struct widths *w)
{
	struct akida_graph *g = net_finish(good()), *q;
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;
	int errors;

	akida_quant_params_init(&p);
	p.input_weight_bits = w->input_bits;
	p.weight_bits = w->weight_bits;
	p.activation_bits = w->act_bits;
	p.per_tensor = w->per_tensor;
	p.num_samples = 32;
	assert_int_equal(akida_quantize(g, &p, NULL, &q, NULL), 0);
	errors = akida_check(q, "akd1000", diag);
	assert_int_equal(errors > 0, w->rule != NULL);
	for (size_t i = 0; i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);

		assert_string_equal(r->rule, w->rule);
		assert_string_equal(r->value, w->value);
		assert_string_equal(r->limit, w->limit);
		assert_true(strlen(r->remedy) > 0);
	}
	see(diag);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_check_bit_widths_of_quantized_graphs(void **state)
{
	static const struct widths cases_of[] = {
		{8, 4, 4, 1, NULL, NULL, NULL},
		{8, 2, 2, 1, NULL, NULL, NULL},
		{4, 4, 1, 1, NULL, NULL, NULL},
		{2, 4, 4, 1, "v1.weight-bits", "2", "4, 8"},
		{8, 8, 4, 1, "v1.weight-bits", "8", "2, 4"},
		{8, 3, 4, 1, "v1.weight-bits", "3", "2, 4"},
		{8, 4, 8, 1, "v1.activation-bits", "8 signed", "1, 2, 4 unsigned"},
		{8, 4, 3, 1, "v1.activation-bits", "3", "1, 2, 4 unsigned"},
		{8, 4, 4, 0, "v1.per-axis", "per-axis", "per-tensor"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases_of) / sizeof(cases_of[0]); i++)
		check_widths(&cases_of[i]);
}

static void test_check_quantizer_on_another_layer_is_an_error(void **state)
{
	struct akida_graph *g = net_finish(no_activation()), *q;
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	assert_true(akida_check(q, "akd1000", diag) > 0);
	assert_non_null(find(diag, "v1.output-quantizer", q->nodes[CONV].name));
	assert_string_equal(find(diag, "v1.output-quantizer", q->nodes[CONV].name)->value, q->nodes[CONV].name);
	assert_string_equal(find(diag, "v1.output-quantizer", q->nodes[CONV].name)->limit, "only on ReLU");
	assert_non_null(find(diag, "v1.no-activation", NULL));
	see(diag);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_check_unknown_target_is_refused(void **state)
{
	struct akida_graph *g = net_finish(good());
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(akida_check(g, "akd9000", diag), -EINVAL);
	assert_int_equal(akida_check(g, NULL, diag), -EINVAL);
	assert_int_equal(akida_diag_count(diag), 2);
	assert_string_equal(akida_diag_get(diag, 0)->rule, "v1.target");
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_check_every_row_of_the_table_was_broken(void **state)
{
	struct ak_rule_row row;

	(void)state;
	for (size_t i = 0; ak_rules_v1_row(i, &row); i++) {
		assert_true(i < sizeof(seen));
		if (!seen[i])
			fail_msg("no test breaks %s: %s, limit %s", ak_rule_id(row.rule), row.field, row.limit);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_each_rule_alone),
		cmocka_unit_test(test_check_input_filters_limits),
		cmocka_unit_test(test_check_limits_are_inclusive),
		cmocka_unit_test(test_check_1x1_convolution_is_same),
		cmocka_unit_test(test_convert_float_head_behind_the_dequantizer_is_left_out),
		cmocka_unit_test(test_check_max_pool_before_dense_is_a_warning),
		cmocka_unit_test(test_check_valid_pool_on_even_map_is_fine),
		cmocka_unit_test(test_check_rewritable_float_graph_is_fine),
		cmocka_unit_test(test_check_bit_widths_of_quantized_graphs),
		cmocka_unit_test(test_check_quantizer_on_another_layer_is_an_error),
		cmocka_unit_test(test_check_unknown_target_is_refused),
		cmocka_unit_test(test_check_every_row_of_the_table_was_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
