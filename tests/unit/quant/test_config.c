/* SPDX-License-Identifier: MIT */
/* Quantizers by layer: out as JSON, in again over the defaults; widths of outputs, buffers and inputs; a float tail. */
#include "net.h"
#include <errno.h>
#include <stdio.h>
#include <akida/quant.h>
#include <akida/status.h>

#define FRAMES 4

/* conv - pool - relu - separable - relu - flatten - dense */
static struct akida_graph *network(void)
{
	struct akida_graph *g = net_start(12, 12, 1);

	net_conv(g, 6, 3, 1);
	net_maxpool(g, 2, 2);
	net_relu(g, 6);
	net_separable(g, 8, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 5);
	return net_finish(g);
}

static struct akida_graph *quantize(const struct akida_graph *g, const struct akida_quant_params *p)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *q = NULL;

	if (akida_quantize(g, p, NULL, &q, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return q;
}

static struct akida_quant_params params(void)
{
	struct akida_quant_params p;

	akida_quant_params_init(&p);
	p.num_samples = FRAMES;
	return p;
}

static struct ak_node *node(struct akida_graph *g, enum ak_op op, uint32_t skip)
{
	uint32_t i = net_find(g, op, skip);

	assert_true(i != UINT32_MAX);
	return &g->nodes[i];
}

static void test_config_comes_back_in_again(void **state)
{
	struct akida_graph *g = network(), *a, *b;
	struct akida_quant_params p = params();
	char *first, *second;

	(void)state;
	p.weight_bits = 2;
	a = quantize(g, &p);
	assert_int_equal(akida_quant_config(a, &first, NULL), 0);
	p = params();
	p.config = first; /* over 4-bit weights */
	b = quantize(g, &p);
	assert_int_equal(node(b, AK_OP_SEPARABLE, 0)->quant.weight_bits, 2);
	assert_int_equal(akida_quant_config(b, &second, NULL), 0);
	assert_string_equal(first, second);
	free(first);
	free(second);
	akida_graph_destroy(a);
	akida_graph_destroy(b);
	assert_int_equal(akida_quant_config(g, &first, NULL), -EINVAL); /* float */
	assert_null(first);
	akida_graph_destroy(g);
}

static void test_config_overrides_layers_and_only_those(void **state)
{
	struct akida_graph *g = network(), *q;
	struct akida_quant_params p = params();
	char json[512];

	(void)state;
	snprintf(json, sizeof(json),
		 "{\"%s\": {\"pw_weight_quantizer\": {\"bitwidth\": 8}, \"dw_weight_quantizer\": {\"bitwidth\": 2}},"
		 "\"%s\": {\"output_quantizer\": {\"bitwidth\": 8, \"axis\": \"per-axis\"}}}",
		 node(g, AK_OP_SEPARABLE, 0)->name, node(g, AK_OP_RELU, 1)->name);
	p.config = json;
	q = quantize(g, &p);
	assert_int_equal(node(q, AK_OP_SEPARABLE, 0)->quant.weight_bits, 8);
	assert_int_equal(node(q, AK_OP_SEPARABLE, 0)->quant.dw_weight_bits, 2);
	assert_int_equal(node(q, AK_OP_DENSE, 0)->quant.weight_bits, 4);
	assert_int_equal(node(q, AK_OP_RELU, 0)->quant.range_count, 1);
	assert_int_equal(node(q, AK_OP_RELU, 1)->quant.range_count, 8);
	for (uint32_t c = 0; c < 8; c++) /* calibrated channel by channel */
		assert_true(node(q, AK_OP_RELU, 1)->quant.range_max[c] != 1.0f);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_config_bad_ones_are_refused(void **state)
{
	static const struct {
		const char *json;
		int err;
		const char *rule, *names;
	} cases[] = {
		{"", -EILSEQ, "quant.config", "not a JSON object"},
		{"[1]", -EILSEQ, "quant.config", "not a JSON object"},
		{"{\"nowhere\": {}}", -EINVAL, "quant.config", "nowhere"},
		{"{\"no\\u001bwhere\": {}}", -EINVAL, "quant.config", "no?where"},
		{"{\"MaxPooling2D\": {}}", -EINVAL, "quant.config", "no quantizers"},
		{"{\"Conv2D\": 3}", -EILSEQ, "quant.config", "quant_config"},
		{"{\"Conv2D\": {\"weight_quantizer\": {\"bitwidth\": 9}}}", -ERANGE, "graph.attribute", "Conv2D"},
		{"{\"Conv2D\": {\"shiftmax\": {}}}", -EOPNOTSUPP, "quant.config", "shiftmax"},
	};
	struct akida_graph *g = network(), *q = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_diag *diag = akida_diag_create();
		struct akida_quant_params p = params();
		const struct akida_diag_record *r;
		int err;

		p.config = cases[i].json;
		err = akida_quantize(g, &p, NULL, &q, diag);
		r = akida_diag_first_error(diag);
		if (err != cases[i].err || !r || strcmp(r->rule, cases[i].rule) || !strstr(r->text, cases[i].names))
			fail_msg("%s: %d %s %s", cases[i].json, err, r ? r->rule : "", r ? r->text : "");
		assert_null(q);
		akida_diag_destroy(diag);
	}
	akida_graph_destroy(g);
}

static void test_widths_of_outputs_buffers_and_input(void **state)
{
	struct akida_graph *g = network(), *q;
	struct akida_quant_params p = params();
	const struct ak_node *dense;

	(void)state;
	p.last_output_bits = 16;
	p.buffer_bits = 24;
	p.input_signed = 1;
	q = quantize(g, &p);
	dense = node(q, AK_OP_DENSE, 0);
	assert_true(dense->quant.has_output && dense->quant.out_signed);
	assert_int_equal(dense->quant.out_bits, 16);
	assert_int_equal(dense->quant.scale_bits, 16);
	assert_int_equal(dense->quant.buffer_bits, 24);
	assert_int_equal(node(q, AK_OP_RELU, 0)->quant.buffer_bits, 24);
	assert_true(q->nodes[0].input_i8 && !q->nodes[0].input_u8);
	akida_graph_destroy(q);
	p = params();
	p.last_output_bits = 8;
	q = quantize(g, &p);
	assert_int_equal(node(q, AK_OP_DENSE, 0)->quant.scale_bits, 8);
	assert_int_equal(node(q, AK_OP_DENSE, 0)->quant.buffer_bits, 28);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_bad_widths_are_refused(void **state)
{
	struct akida_graph *g = network(), *q = NULL;

	(void)state;
	for (int i = 0; i < 6; i++) {
		struct akida_diag *diag = akida_diag_create();
		struct akida_quant_params p = params();

		p.output_bits = i == 0 ? 1 : i == 1 ? 17 : 8;
		p.last_output_bits = i == 2 ? 1 : i == 3 ? 33 : 0;
		p.buffer_bits = i == 4 ? 15 : 32;
		p.input_signed = i == 5 ? 2 : 0;
		assert_int_equal(akida_quantize(g, &p, NULL, &q, diag), -EINVAL);
		assert_string_equal(akida_diag_first_error(diag)->rule, "quant.parameters");
		akida_diag_destroy(diag);
	}
	akida_graph_destroy(g);
}

/* What stands behind the named layer stays as it is, and the network computes about the same. */
static void test_until_leaves_a_float_tail(void **state)
{
	struct akida_graph *g = network(), *q;
	struct akida_quant_params p = params();
	struct akida_array x = net_samples(g, FRAMES);
	float *want, *got, error = 0, largest = 0;
	uint32_t dequantizer;

	(void)state;
	p.weight_bits = p.activation_bits = 8;
	p.until = node(g, AK_OP_RELU, 0)->name;
	q = quantize(g, &p);
	dequantizer = net_find(q, AK_OP_DEQUANTIZER, 0);
	assert_int_equal(q->count, g->count + 1);
	assert_int_equal(q->output, q->count - 1);
	assert_string_equal(q->nodes[q->nodes[dequantizer].inputs[0]].name, p.until);
	for (uint32_t i = 0; i < q->count; i++)
		assert_int_equal(q->nodes[i].quant.active, i && i <= dequantizer);
	assert_int_equal(node(q, AK_OP_SEPARABLE, 0)->inputs[0], dequantizer);
	want = net_forward(g, &x);
	got = net_forward(q, &x);
	for (size_t i = 0; i < FRAMES * akida_graph_outputs(g); i++) {
		error = fmaxf(error, fabsf(got[i] - want[i]));
		largest = fmaxf(largest, fabsf(want[i]));
	}
	assert_true(error > 0 && error < 0.1f * largest);
	free(want);
	free(got);
	akida_array_fini(&x);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_until_a_layer_that_cannot_be_the_last_is_refused(void **state)
{
	struct akida_graph *g = net_start(8, 8, 2), *q = NULL;
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p = params();
	uint32_t pair[2];

	(void)state;
	net_conv(g, 4, 3, 1);
	pair[0] = g->output;
	net_conv(g, 4, 3, 1);
	pair[1] = g->output;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, "add", pair, 2));
	net_finish(g);
	p.until = g->nodes[2].name; /* the sum goes around it */
	assert_int_equal(akida_quantize(g, &p, NULL, &q, diag), -EINVAL);
	assert_non_null(strstr(akida_diag_first_error(diag)->text, "in front of"));
	p.until = "gone";
	assert_int_equal(akida_quantize(g, &p, NULL, &q, diag), -EINVAL);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_check_names_what_is_missing(void **state)
{
	struct akida_graph *g = network(), *q;
	struct akida_quant_params p = params();
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(akida_quant_check(g, diag), 0);
	q = quantize(g, &p);
	assert_int_equal(akida_quant_check(q, diag), 0);
	node(q, AK_OP_RELU, 1)->quant.range_max[0] = 1.0f;
	assert_int_equal(akida_quant_check(q, diag), -EINVAL);
	assert_string_equal(akida_diag_first_error(diag)->rule, "quant.range");
	assert_string_equal(akida_diag_first_error(diag)->node, node(q, AK_OP_RELU, 1)->name);
	akida_graph_destroy(q);
	akida_diag_destroy(diag);
	diag = akida_diag_create();
	node(g, AK_OP_RELU, 0)->negative_slope = 0.5f;
	assert_int_equal(akida_quant_check(g, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "quant.layer");
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

/* Fewer bits cost more; alone a layer costs less than with all before it; weights alone need no samples. */
static void test_analysis_grows_with_fewer_bits_and_more_layers(void **state)
{
	struct akida_graph *g = network(), *fine, *coarse;
	struct akida_quant_params p = params();
	struct akida_array x = net_samples(g, FRAMES);
	struct akida_layer_error single[16], all[16], low[16], weights[16];
	size_t n, m;

	(void)state;
	p.weight_bits = p.activation_bits = 8;
	fine = quantize(g, &p);
	p.weight_bits = p.activation_bits = 4;
	coarse = quantize(g, &p);
	assert_int_equal(akida_quant_analysis(fine, AKIDA_ANALYSIS_SINGLE, &x, single, &n, NULL), 0);
	assert_int_equal(akida_quant_analysis(fine, AKIDA_ANALYSIS_CUMULATIVE, &x, all, &m, NULL), 0);
	assert_int_equal(m, n);
	assert_int_equal(akida_quant_analysis(coarse, AKIDA_ANALYSIS_CUMULATIVE, &x, low, &m, NULL), 0);
	assert_int_equal(m, n);
	assert_string_equal(all[n - 1].name, "Dense");
	assert_true(single[n - 1].smape > 0 && single[n - 1].smape < 0.2);
	assert_true(single[n - 1].smape <= all[n - 1].smape);
	assert_true(all[n - 1].smape < low[n - 1].smape);
	assert_int_equal(akida_quant_analysis(fine, AKIDA_ANALYSIS_WEIGHT, NULL, weights, &m, NULL), 0);
	assert_int_equal(m, 3);
	for (size_t i = 0; i < m; i++) /* every filter has its largest weight at the end of the codes */
		assert_true(weights[i].smape > 0 && weights[i].smape < 0.1 && weights[i].saturated > 0);
	assert_int_equal(akida_quant_analysis(g, AKIDA_ANALYSIS_WEIGHT, NULL, weights, &m, NULL), -EINVAL);
	assert_int_equal(akida_quant_analysis(fine, AKIDA_ANALYSIS_SINGLE, NULL, weights, &m, NULL), -EINVAL);
	akida_array_fini(&x);
	akida_graph_destroy(coarse);
	akida_graph_destroy(fine);
	akida_graph_destroy(g);
}

static void test_resize_keeps_weights_where_sizes_do_not_matter(void **state)
{
	struct akida_graph *g = net_start(12, 12, 1), *big = NULL;
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	net_conv(g, 3, 3, 2);
	net_add(g, AK_OP_GAP);
	net_dense(g, 2);
	net_finish(g);
	assert_int_equal(akida_graph_resize(g, 3, (const uint32_t[]){20, 16, 1}, &big, diag), 0);
	assert_int_equal(big->nodes[1].dims[0], 10);
	assert_int_equal(big->nodes[1].dims[1], 8);
	assert_memory_equal(big->nodes[1].weights[0].data, g->nodes[1].weights[0].data,
			    g->nodes[1].weights[0].count * sizeof(float));
	akida_graph_destroy(big);
	assert_int_equal(akida_graph_resize(g, 2, (const uint32_t[]){20, 16}, &big, diag), -EINVAL);
	assert_int_equal(akida_graph_resize(g, 3, (const uint32_t[]){20, 16, 2}, &big, diag), -EINVAL);
	assert_null(big);
	akida_graph_destroy(g);
	g = network();
	assert_int_equal(akida_graph_resize(g, 3, (const uint32_t[]){20, 16, 1}, &big, diag), -EINVAL); /* Flatten */
	assert_null(big);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config_comes_back_in_again),
		cmocka_unit_test(test_config_overrides_layers_and_only_those),
		cmocka_unit_test(test_config_bad_ones_are_refused),
		cmocka_unit_test(test_widths_of_outputs_buffers_and_input),
		cmocka_unit_test(test_bad_widths_are_refused),
		cmocka_unit_test(test_until_leaves_a_float_tail),
		cmocka_unit_test(test_until_a_layer_that_cannot_be_the_last_is_refused),
		cmocka_unit_test(test_check_names_what_is_missing),
		cmocka_unit_test(test_analysis_grows_with_fewer_bits_and_more_layers),
		cmocka_unit_test(test_resize_keeps_weights_where_sizes_do_not_matter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
