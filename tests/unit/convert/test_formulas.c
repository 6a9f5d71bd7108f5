/* SPDX-License-Identifier: MIT */
/*
 * The formulas of conversion on networks small enough to work out by hand (reference: quantization 2.3 to 2.5, 4.3).
 * Each comment shows the working; the numbers in the asserts come from there, not from the program.
 */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "layer/layer.h"
#include "quant/quant_internal.h"

/* Annotates a float graph as akida_quantize does, but with a range given instead of calibrated. */
static struct akida_graph *annotate(struct akida_graph *g, uint32_t weight_bits, uint32_t act_bits, float range)
{
	struct akida_quant_params p;

	akida_quant_params_init(&p);
	p.weight_bits = weight_bits;
	p.activation_bits = act_bits;
	assert_int_equal(ak_quant_place(g, &p), 0);
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].quant.has_output)
			g->nodes[i].quant.range_max[0] = range;
	assert_non_null(ak_graph_add(g, AK_OP_DEQUANTIZER, NULL, &g->output, 1));
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	return g;
}

static struct akida_model *convert(struct akida_graph *g, struct akida_diag *diag)
{
	struct akida_model *m;

	assert_int_equal(akida_convert(g, &m, diag), 0);
	return m;
}

static void end(struct akida_graph *g, struct akida_model *m)
{
	akida_model_destroy(m);
	akida_graph_destroy(g);
}

/* 5x5x1 > Rescaling 1/128 > conv 3x3x1 > ReLU 6 > Flatten > dense 1; kernel tap 0 is the largest weight. */
static struct akida_graph *chain(float largest, float other, float conv_bias, float dense_weight, float dense_bias)
{
	struct akida_graph *g = net_start(5, 5, 1);

	net_rescaling(g, 1 / 128.0f, 0);
	net_conv(g, 1, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 1);
	net_finish(g);
	for (int i = 0; i < 9; i++)
		g->nodes[2].weights[0].data[i] = i ? other : largest;
	g->nodes[2].weights[1].data[0] = conv_bias;
	for (int i = 0; i < 25; i++)
		g->nodes[5].weights[0].data[i] = i % 2 ? dense_weight : -dense_weight / 2;
	g->nodes[5].weights[1].data[0] = dense_bias;
	return g;
}

/*
 * Input conv, 8-bit weights: s_w = (127/64) / 127 = 1/64; w = 127 and 0.5 * 64 = 32. Accumulator scale 1/64 * 1/128 =
 * 2^-13, fb 0.
 * Bias 0.2: 0.2 * 2^13 = 1638.4, clog2 = 11, fb = 7 - 11 = -4, q = round(102.4) = 102, shift 4, aligned 1632.
 * Output, 4 bits, range 1.875: fb_t = 4 - 1 = 3. Scale 2^-13: fs = 8 + 13 = 21, S = 256 held at 255; shift = 3 - 21.
 * Interval = 2^18 / 255 = 1028.0157; half of it rounds to 514. threshold = -1632 + 514 = -1118; step = 1028.0157,
 * in 1/16: 16448.25 -> 16448.
 * Dense, 4-bit weights: s_w = (7/16) / 7 = 1/16; w = 7 and -3.5, to even: -4. fb 3.
 * Bias -0.3: 0.3 * 16 = 4.8, clog2 = 3, fb = min(7 - 3, 3) = 3, q = round(-38.4) = -38, shift 0. threshold = 38.
 * predict = (P - 38) / scale with 1 / scale = 1/16 * 2^-3 = 1/128.
 */
static void test_convert_input_conv_and_dense_by_hand(void **state)
{
	struct akida_graph *g = annotate(chain(127 / 64.0f, 0.5f, 0.2f, 7 / 16.0f, -0.3f), 4, 4, 1.875f);
	struct akida_model *m = convert(g, NULL);
	const struct akida_layer *c = &m->layers[0], *d = &m->layers[1];

	(void)state;
	assert_int_equal(m->count, 2);
	assert_int_equal(c->type, AKIDA_LAYER_INPUT_CONV);
	assert_int_equal(c->in_bits, 8);
	assert_int_equal(c->weights_bits, 8);
	assert_int_equal(c->act_bits, 4);
	assert_int_equal(c->padding, AKIDA_PAD_SAME);
	assert_int_equal(c->padding_value, 0);
	assert_int_equal(c->weights[0], 127); /* gather order: the first tap stays first */
	assert_int_equal(c->weights[8], 32);
	assert_int_equal(c->threshold[0], -1118);
	assert_int_equal(c->step16[0], 16448);
	assert_int_equal(d->type, AKIDA_LAYER_FULLY);
	assert_int_equal(d->in_bits, 4);
	assert_int_equal(d->in_h, 5);
	assert_int_equal(d->in_w, 5);
	assert_int_equal(d->weights_bits, 4);
	assert_int_equal(d->weights[1], 7);
	assert_int_equal(d->weights[0], -4);
	assert_false(d->activation);
	assert_int_equal(d->threshold[0], 38);
	assert_true(d->scale[0] == 128.0f);
	end(g, m);
}

/*
 * The same layer with 2 and 1 bits: fb_t = 2 - 1 = 1 and 1 - 1 = 0, intervals 2^20/255 = 4112.063 and 2^21/255 =
 * 8224.125; the stored step is a quarter and an eighth of it: 1028.0157 both times. Halves: 2056 and 4112.
 */
static void test_convert_narrow_activations_by_hand(void **state)
{
	static const int32_t threshold[2] = {-1632 + 2056, -1632 + 4112};

	for (uint32_t k = 0; k < 2; k++) {
		struct akida_graph *g = annotate(chain(127 / 64.0f, 0.5f, 0.2f, 1, 0), 2, 2 - k, 1.875f);
		struct akida_model *m = convert(g, NULL);

		assert_int_equal(m->layers[0].act_bits, 2 - k);
		assert_int_equal(m->layers[1].in_bits, 2 - k);
		assert_int_equal(m->layers[0].threshold[0], threshold[k]);
		assert_int_equal(m->layers[0].step16[0], 16448);
		/* 2-bit weights: kmax = 1: 1 -> 1, -0.5 -> 0 (to even) */
		assert_int_equal(m->layers[1].weights_bits, 2);
		assert_int_equal(m->layers[1].weights[1], 1);
		assert_int_equal(m->layers[1].weights[0], 0);
		end(g, m);
	}
	(void)state;
}

/*
 * rescaling_rate multiplies the scale first: 2^-13 * 0.75: fs = 8 + 13, S = 192, interval = 2^18 / 192 = 1365.333,
 * half 682.67 -> 683; step 21845.33 -> 21845. With 0.7: S = round(179.2) = 179, interval 1464.4916, half 732; step
 * 23431.87 -> 23431: the fraction is dropped.
 */
static void test_convert_rescaling_rate_by_hand(void **state)
{
	static const struct {
		float rate;
		int32_t threshold, step16;
	} rows[] = {{0.75f, 683, 21845}, {0.7f, 732, 23431}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct akida_graph *g = annotate(chain(127 / 64.0f, 0.5f, 0, 1, 0), 4, 4, 1.875f);
		struct akida_model *m;

		g->nodes[3].quant.rescaling_rate[0] = rows[i].rate;
		m = convert(g, NULL);
		assert_int_equal(m->layers[0].threshold[0], rows[i].threshold);
		assert_int_equal(m->layers[0].step16[0], rows[i].step16);
		end(g, m);
	}
}

/*
 * Global pooling of a 3x3 map after a separable layer: dw 4 bits per tensor 7/8 -> s = 1/8, pw 7/4 -> s = 1/4. Input
 * codes have fb 3. Accumulator scale 1/32, fb 3. Bias 1: 32, clog2 5, fb = min(2, 3) = 2, q = 128 held at 127, shift 1,
 * aligned 254; times 9 positions = 2286. Scale / 9 = 0.00347222: clog2 = -8, fs = 16, S = round(227.56) = 228; fb_t = 3,
 * shift = 3 - (3 + 16) = -16; interval = 65536 / 228 = 287.4386, half 143.72 -> 144. threshold = -2286 + 144 = -2142;
 * step16 = round(4599.02) = 4599.
 */
static void test_convert_separable_global_pooling_by_hand(void **state)
{
	struct akida_graph *g = net_start(6, 6, 1);
	struct akida_model *m;
	const struct akida_layer *l;

	(void)state;
	net_conv(g, 1, 3, 2);
	net_relu(g, 6);
	net_separable(g, 2, 3, 1);
	net_add(g, AK_OP_GAP);
	net_relu(g, 6);
	net_dense(g, 2);
	net_finish(g);
	for (int i = 0; i < 9; i++)
		g->nodes[3].weights[0].data[i] = i == 4 ? 7 / 8.0f : (float)(i - 4) / 8.0f;
	g->nodes[3].weights[1].data[0] = 7 / 4.0f;
	g->nodes[3].weights[1].data[1] = -7 / 4.0f;
	g->nodes[3].weights[2].data[0] = 1;
	g->nodes[3].weights[2].data[1] = 0;
	annotate(g, 4, 4, 1.875f);
	m = convert(g, NULL);
	l = &m->layers[1];
	assert_int_equal(l->type, AKIDA_LAYER_SEPARABLE);
	assert_int_equal(l->pool, AKIDA_POOL_GLOBAL_AVERAGE);
	for (int i = 0; i < 9; i++)
		assert_int_equal(l->weights[i], i == 4 ? 7 : i - 4);
	assert_int_equal(l->weights_pw[0], 7);
	assert_int_equal(l->weights_pw[1], -7);
	assert_int_equal(l->threshold[0], -2142);
	assert_int_equal(l->threshold[1], 144);
	assert_int_equal(l->step16[0], 4599);
	assert_int_equal(m->layers[2].in_h, 1);
	assert_int_equal(m->layers[2].in_c, 2);
	end(g, m);
}

/* Conv > GAP at the end: threshold = -bias * positions, and the mean is inside the scale: 1/scale = s / 9 * 2^-fb. */
static void test_convert_last_layer_with_global_pooling(void **state)
{
	struct akida_graph *g = net_start(6, 6, 1);
	struct akida_model *m;

	(void)state;
	net_conv(g, 2, 3, 2);
	net_relu(g, 6);
	net_conv(g, 1, 1, 1);
	net_add(g, AK_OP_GAP);
	net_finish(g);
	g->nodes[3].weights[0].data[0] = 7 / 8.0f;
	g->nodes[3].weights[0].data[1] = -1 / 8.0f;
	g->nodes[3].weights[1].data[0] = 0.5f; /* 0.5 * 8 * 2^3 = 32, aligned */
	annotate(g, 4, 4, 1.875f);
	m = convert(g, NULL);
	assert_int_equal(m->layers[1].padding, AKIDA_PAD_SAME);
	assert_int_equal(m->layers[1].threshold[0], -32 * 9);
	assert_true(m->layers[1].scale[0] == 1.0f / (1 / 8.0f / 9.0f / 8.0f));
	end(g, m);
}

/* Rescaling 1/127.5, -1: padding value +1.0 is 127.5 in input units, 7 value bits: 127. */
static void test_convert_padding_value_of_aligned_rescaling(void **state)
{
	struct akida_graph *g = net_start(6, 6, 3), *q;
	struct akida_model *m;

	(void)state;
	net_rescaling(g, 1 / 127.5f, -1);
	net_conv(g, 2, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
	net_finish(g);
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	m = convert(q, NULL);
	assert_int_equal(m->layers[0].padding_value, 127);
	akida_graph_destroy(g);
	end(q, m);
}

static bool has_record(const struct akida_diag *diag, const char *rule)
{
	for (size_t i = 0; i < akida_diag_count(diag); i++)
		if (!strcmp(akida_diag_get(diag, i)->rule, rule))
			return true;
	return false;
}

/*
 * Steps beyond 16 bits: scale 2^-13, 4 bits, range 1920 has fb_t = 4 - 11 = -7, shift = -7 - 21 = -28, interval =
 * 2^28 / 255 = 1052688.06: ratio = 16.0630. threshold = 526344 + round(0.5 * (65535 - 1052688.06)) = 526344 - 493577 =
 * 32767. The dense weights 7 and -4 become floor(7 / 16.06) = 0 and floor(-4 / 16.06) = -1.
 */
static void test_convert_large_steps_are_cut_and_made_up_for(void **state)
{
	struct akida_graph *g = annotate(chain(127 / 64.0f, 0.5f, 0, 7 / 16.0f, 0), 4, 4, 1920);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = convert(g, diag);

	(void)state;
	assert_int_equal(m->layers[0].step16[0], 65535 * 16);
	assert_int_equal(m->layers[0].threshold[0], 32767);
	assert_int_equal(m->layers[1].weights[1], 0);
	assert_int_equal(m->layers[1].weights[0], -1);
	assert_true(has_record(diag, "convert.step"));
	akida_diag_destroy(diag);
	end(g, m);
}

/* 24 bits in the input convolution, 20 elsewhere; the last layer's threshold stays on the host and is not cut. */
static void test_convert_large_thresholds_are_cut_with_a_warning(void **state)
{
	struct akida_graph *g = chain(127 / 64.0f, 0.5f, -3000, 7 / 16.0f, 80000);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m;

	(void)state;
	annotate(g, 4, 4, 1.875f);
	m = convert(g, diag);
	assert_int_equal(m->layers[0].threshold[0], 8388607); /* 3000 * 2^13 = 24.6 million */
	assert_true(m->layers[1].threshold[0] < -8388607);
	assert_true(has_record(diag, "convert.threshold"));
	akida_diag_destroy(diag);
	end(g, m);

	g = net_start(6, 6, 1);
	net_conv(g, 1, 3, 1);
	net_relu(g, 6);
	net_conv(g, 2, 3, 1);
	net_relu(g, 6);
	net_conv(g, 2, 3, 1);
	net_finish(g);
	g->nodes[3].weights[1].data[0] = 1e7f;
	g->nodes[3].weights[1].data[1] = -1e7f;
	annotate(g, 4, 4, 1.875f);
	m = convert(g, NULL);
	assert_int_equal(m->layers[1].threshold[0], -524287);
	assert_int_equal(m->layers[1].threshold[1], 524287);
	end(g, m);
}

static void test_convert_float_graph_is_refused(void **state)
{
	struct akida_graph *g = chain(1, 1, 0, 1, 0);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m;

	(void)state;
	assert_int_equal(akida_convert(g, &m, diag), -EINVAL);
	assert_null(m);
	assert_string_equal(akida_diag_first_error(diag)->rule, "convert.float");
	assert_true(strlen(akida_diag_first_error(diag)->remedy) > 0);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

/* Conversion runs the checks first and refuses with their findings. */
static void test_convert_incompatible_graph_is_refused_with_findings(void **state)
{
	struct akida_graph *g = chain(1, 1, 0, 1, 0);
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m;

	(void)state;
	g->nodes[3].bounded = false;
	annotate(g, 8, 8, 1);
	assert_int_equal(akida_convert(g, &m, diag), -EOPNOTSUPP);
	assert_null(m);
	assert_true(has_record(diag, "v1.relu-bound"));
	assert_true(has_record(diag, "v1.weight-bits"));
	assert_true(has_record(diag, "v1.activation-bits"));
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convert_input_conv_and_dense_by_hand),
		cmocka_unit_test(test_convert_narrow_activations_by_hand),
		cmocka_unit_test(test_convert_rescaling_rate_by_hand),
		cmocka_unit_test(test_convert_separable_global_pooling_by_hand),
		cmocka_unit_test(test_convert_last_layer_with_global_pooling),
		cmocka_unit_test(test_convert_padding_value_of_aligned_rescaling),
		cmocka_unit_test(test_convert_large_steps_are_cut_and_made_up_for),
		cmocka_unit_test(test_convert_large_thresholds_are_cut_with_a_warning),
		cmocka_unit_test(test_convert_float_graph_is_refused),
		cmocka_unit_test(test_convert_incompatible_graph_is_refused_with_findings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
