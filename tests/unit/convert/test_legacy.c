/* SPDX-License-Identifier: MIT */
/* Legacy CNN2SNN: quantizers placed, computed in float, converted to v1 layers that give the same codes, calibrated. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include <akida/status.h>
#include "graph/infer.h"
#include "graph/legacy.h"
#include "layer/execute.h"

#define FRAMES 16
#define OUTPUTS 4

enum shape { POOLED, SEPARABLE, AVERAGED, SHAPES };

static struct akida_graph *network(enum shape shape)
{
	struct akida_graph *g = net_start(12, 14, shape == POOLED ? 1 : 3);

	net_rescaling(g, 1 / 127.5f, shape == AVERAGED ? -1 : 0);
	net_conv(g, 6, 3, shape == POOLED ? 1 : 2);
	net_batchnorm(g);
	net_relu(g, 3);
	if (shape == POOLED)
		net_maxpool(g, 2, 2); /* behind the ReLU: turned round for the chip */
	if (shape == SEPARABLE)
		net_separable(g, 8, 3, 1);
	else
		net_conv(g, 8, 3, 1);
	net_relu(g, 2);
	if (shape == AVERAGED) {
		net_conv(g, 8, 3, 1);
		net_add(g, AK_OP_GAP);
		net_relu(g, 1);
	} else {
		net_add(g, AK_OP_FLATTEN);
	}
	net_dense(g, OUTPUTS);
	return net_finish(g);
}

static struct akida_graph *quantize(const struct akida_graph *g, int32_t weights, int32_t activations)
{
	struct akida_quant_legacy_params p;
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *q = NULL;

	akida_quant_legacy_params_init(&p);
	p.weight_bits = weights;
	p.activation_bits = activations;
	p.input_weight_bits = 8;
	if (akida_quantize_legacy(g, &p, &q, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return q;
}

static void test_quantize_places_the_quantizers_of_cnn2snn(void **state)
{
	struct akida_graph *g = network(SEPARABLE), *q = quantize(g, 4, 2), *again;
	struct akida_quant_legacy_params p;
	const struct ak_node *n;

	(void)state;
	assert_int_equal(net_find(q, AK_OP_BATCHNORM, 0), UINT32_MAX); /* folded */
	n = &q->nodes[net_find(q, AK_OP_CONV2D, 0)];
	assert_int_equal(n->quant.legacy_weights, AK_LEGACY_MAX_PER_AXIS);
	assert_int_equal(n->quant.weight_bits, 8);
	n = &q->nodes[net_find(q, AK_OP_SEPARABLE, 0)];
	assert_int_equal(n->quant.legacy_dw, AK_LEGACY_MAX);
	assert_int_equal(n->quant.dw_weight_bits, 4);
	assert_int_equal(n->quant.weight_bits, 4);
	n = &q->nodes[net_find(q, AK_OP_RELU, 0)];
	assert_int_equal(n->quant.out_bits, 2);
	assert_true(n->max_value == 3.0f);
	assert_true(ak_graph_legacy(q) && !ak_graph_legacy(g));
	/* once more: only the widths change, and nothing becomes float again */
	akida_quant_legacy_params_init(&p);
	p.weight_bits = 2;
	assert_int_equal(akida_quantize_legacy(q, &p, &again, NULL), 0);
	assert_int_equal(again->nodes[net_find(again, AK_OP_DENSE, 0)].quant.weight_bits, 2);
	akida_graph_destroy(again);
	p.weight_bits = 0;
	assert_int_equal(akida_quantize_legacy(q, &p, &again, NULL), -EINVAL);
	assert_null(again);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_quantize_unbounded_relu_counts_its_levels(void **state)
{
	struct akida_graph *g = net_start(8, 8, 1), *q;

	(void)state;
	net_conv(g, 2, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
	net_finish(g);
	q = quantize(g, 4, 4);
	assert_true(q->nodes[net_find(q, AK_OP_RELU, 0)].bounded);
	assert_true(q->nodes[net_find(q, AK_OP_RELU, 0)].max_value == 15.0f);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void check_refused(struct akida_graph *g, const struct akida_quant_legacy_params *p, int err, const char *rule,
			  const char *names)
{
	struct akida_diag *diag = akida_diag_create();
	const struct akida_diag_record *r;
	struct akida_graph *q = NULL;
	int got = akida_quantize_legacy(g, p, &q, diag);

	r = akida_diag_first_error(diag);
	if (got != err || !r || strcmp(r->rule, rule) || !strstr(r->text, names))
		fail_msg("%d %s %s, want %d %s %s", got, r ? r->rule : "", r ? r->text : "", err, rule, names);
	assert_null(q);
	akida_diag_destroy(diag);
}

static void test_quantize_what_cnn2snn_cannot_is_refused(void **state)
{
	struct akida_quant_legacy_params p;
	struct akida_graph *g = network(POOLED), *q;
	uint32_t pair[2];

	(void)state;
	akida_quant_legacy_params_init(&p);
	p.weight_bits = 3;
	check_refused(g, &p, -EINVAL, "quant.parameters", "weight_quantization is 3");
	p.weight_bits = 4;
	p.activation_bits = 8;
	check_refused(g, &p, -EINVAL, "quant.parameters", "activ_quantization is 8");
	p.activation_bits = 4;
	p.input_weight_bits = 5;
	check_refused(g, &p, -EINVAL, "quant.parameters", "input_weight_quantization is 5");
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	check_refused(q, NULL, -EINVAL, "quant.already-quantized", "QuantizeML");
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	g = net_start(8, 8, 2);
	net_conv(g, 4, 3, 1);
	pair[0] = g->output;
	net_conv(g, 4, 3, 1);
	pair[1] = g->output;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, "add", pair, 2));
	check_refused(net_finish(g), NULL, -EOPNOTSUPP, "quant.layer", "no branches");
	akida_graph_destroy(g);
	g = net_start(8, 8, 2);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	check_refused(net_finish(g), NULL, -EOPNOTSUPP, "quant.layer", "DepthwiseConv2D");
	akida_graph_destroy(g);
	g = net_start(8, 8, 2);
	net_relu(g, 6);
	net_batchnorm(g);
	net_conv(g, 2, 3, 1);
	check_refused(net_finish(g), NULL, -EOPNOTSUPP, "quant.layer", "folded");
	akida_graph_destroy(g);
}

/* step = max / levels, code k from (k - 1/2) step on, its start not counted. */
static void test_forward_activation_law_by_hand(void **state)
{
	static const float x[] = {-1, 0.5f, 0.51f, 1.5f, 1.51f, 2.5f, 2.51f, 100};
	static const float want[] = {0, 0, 1, 1, 2, 2, 3, 3};
	struct ak_node n = {.op = AK_OP_RELU, .rank = 1, .dims = {8}, .bounded = true, .max_value = 3};
	const struct ak_node *in_node = &n;
	const float *in = x;
	float out[8];

	(void)state;
	n.quant = (struct ak_node_quant){.active = true, .legacy = true, .has_output = true, .out_bits = 2};
	assert_int_equal(ak_node_forward(&n, &in_node, &in, 1, out), 0);
	assert_memory_equal(out, want, sizeof(want));
}

/* ---- conversion ---- */

struct codes {
	const struct akida_graph *g;
	float *value[8]; /* outputs of the quantized activations, one frame */
	float step[8];
	size_t count[8];
	uint32_t n;
};

static void keep_codes(void *context, uint32_t node, const float *out, size_t n)
{
	struct codes *c = context;
	const struct ak_node *relu = &c->g->nodes[node];
	size_t count = n * ak_node_elements(relu);

	if (relu->op != AK_OP_RELU || !relu->quant.legacy)
		return;
	c->value[c->n] = malloc(count * sizeof(float));
	memcpy(c->value[c->n], out, count * sizeof(float));
	c->step[c->n] = ak_legacy_step(relu);
	c->count[c->n++] = count;
}

struct compared {
	struct codes *want;
	size_t codes, differ;
};

static void compare_codes(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	struct compared *c = context;

	if (layer >= c->want->n || count != c->want->count[layer])
		return;
	for (size_t i = 0; i < count; i++) {
		long code = lrintf(c->want->value[layer][i] / c->want->step[layer]);

		c->differ += code != values[i];
		assert_true(labs(code - values[i]) <= 1);
	}
	c->codes += count;
}

/*
 * Codes of every activation: threshold and step are rounded down, so that some sit on the other side of a boundary, the
 * more the fewer potentials there are between two codes, as with 2-bit weights.
 */
static void check_conversion(enum shape shape, int32_t weights, int32_t activations, size_t *codes, size_t *differ)
{
	struct akida_graph *g = network(shape), *q = quantize(g, weights, activations), *effective;
	struct akida_array x = net_samples(g, FRAMES);
	struct akida_diag *diag = akida_diag_create();
	size_t frame = ak_node_elements(&g->nodes[0]), right = 0;
	float *want = net_forward(q, &x), *in = malloc(frame * sizeof(float));
	struct ak_executor *e;
	struct akida_model *m;

	if (akida_convert(q, &m, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	assert_int_equal(ak_executor_create(m, &e), 0);
	assert_int_equal(ak_legacy_effective(q, true, &effective), 0);
	for (size_t s = 0; s < FRAMES; s++) {
		struct codes seen = {.g = effective};
		struct compared c = {.want = &seen};
		int32_t potentials[OUTPUTS];
		float got[OUTPUTS];
		int best = 0, best_got = 0;

		ak_array_floats(&x, s * frame, frame, in);
		assert_int_equal(ak_graph_infer(effective, in, 1, keep_codes, &seen, NULL), 0);
		ak_executor_frame(e, (const uint8_t *)x.data + s * frame, potentials, compare_codes, &c);
		assert_int_equal(akida_model_dequantize(m, potentials, 1, got), 0);
		for (int i = 1; i < OUTPUTS; i++) {
			best = want[s * OUTPUTS + (size_t)i] > want[s * OUTPUTS + (size_t)best] ? i : best;
			best_got = got[i] > got[best_got] ? i : best_got;
		}
		right += best == best_got;
		*codes += c.codes;
		*differ += c.differ;
		for (uint32_t k = 0; k < seen.n; k++)
			free(seen.value[k]);
	}
	if (activations == 4)
		assert_true(right >= FRAMES - 2);
	free(in);
	free(want);
	ak_executor_destroy(e);
	akida_model_destroy(m);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	akida_graph_destroy(effective);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_convert_codes_are_those_of_the_float_computation(void **state)
{
	size_t codes = 0, differ = 0, coarse = 0, coarse_differ = 0;

	(void)state;
	net_rng = 3;
	for (int shape = POOLED; shape < SHAPES; shape++) {
		check_conversion((enum shape)shape, 4, 4, &codes, &differ);
		check_conversion((enum shape)shape, 2, 2, &coarse, &coarse_differ);
	}
	print_message("differ by one: %zu of %zu codes at 4 bits, %zu of %zu at 2\n", differ, codes, coarse_differ,
		      coarse);
	assert_true(codes > 10000 && coarse > 10000);
	assert_true(differ * 25 < codes && coarse_differ * 5 < coarse);
}

/* The formulas of one filter, with numbers small enough to follow. */
static void test_convert_formulas_by_hand(void **state)
{
	struct akida_graph *g = net_start(6, 6, 1), *q;
	struct akida_model *m;
	struct ak_node *conv;

	(void)state;
	net_rescaling(g, 0.25f, -2); /* integers are 4 x + 8 */
	conv = net_conv(g, 1, 3, 1);
	net_relu(g, 3);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 2);
	net_finish(g);
	conv = &g->nodes[net_find(g, AK_OP_CONV2D, 0)];
	for (int i = 0; i < 9; i++)
		conv->weights[0].data[i] = i == 4 ? 1.75f : 0.5f; /* 4 bits: 7 and 2, factor 4 */
	conv->weights[1].data[0] = 0.3125f;
	q = quantize(g, 4, 2);
	q->nodes[net_find(q, AK_OP_CONV2D, 0)].quant.weight_bits = 4;
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	assert_int_equal(m->layers[0].padding_value, 8);
	assert_int_equal(m->layers[0].weights[4], 7);
	assert_int_equal(m->layers[0].weights[0], 2);
	/* 4 * 4 * (1 / 2 - 0.3125) = 3, and 8 times the weights' sum of 23 */
	assert_int_equal(m->layers[0].threshold[0], 3 + 8 * 23);
	assert_int_equal(m->layers[0].step16[0], 16 * 4 * 4 * 1 * 4 / 16); /* step 1, 2^2 / 16 */
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* ---- calibration ---- */

/* Mean square of the difference between the float network and the quantized one. */
static double error_of(const struct akida_graph *g, const struct akida_graph *q, const struct akida_array *x)
{
	float *a = net_forward(g, x), *b = net_forward(q, x);
	double sum = 0;

	for (size_t i = 0; i < x->dims[0] * OUTPUTS; i++)
		sum += pow((double)a[i] - (double)b[i], 2);
	free(a);
	free(b);
	return sum / (double)(x->dims[0] * OUTPUTS);
}

/* Largest mean error of an output. */
static double bias_of(const struct akida_graph *g, const struct akida_graph *q, const struct akida_array *x)
{
	float *a = net_forward(g, x), *b = net_forward(q, x);
	double worst = 0;

	for (size_t k = 0; k < OUTPUTS; k++) {
		double sum = 0;

		for (size_t s = 0; s < x->dims[0]; s++)
			sum += (double)a[s * OUTPUTS + k] - (double)b[s * OUTPUTS + k];
		worst = fmax(worst, fabs(sum) / (double)x->dims[0]);
	}
	free(a);
	free(b);
	return worst;
}

static struct akida_graph *calibrate(const struct akida_graph *q, enum akida_legacy_method method, uint32_t epochs,
				     const struct akida_array *x)
{
	struct akida_legacy_calibration p;
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *out = NULL;

	akida_legacy_calibration_init(&p);
	p.method = method;
	p.epochs = epochs;
	p.batch_size = 5; /* does not divide the frames */
	if (akida_calibrate_legacy(q, &p, x, &out, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return out;
}

static void test_bias_correction_takes_the_mean_error_away(void **state)
{
	(void)state;
	for (int shape = POOLED; shape < SHAPES; shape++) {
		struct akida_graph *g, *q, *c;
		struct akida_array x;
		double before, after;

		net_rng = 11 + (uint64_t)shape;
		g = network((enum shape)shape);
		q = quantize(g, 2, 4);
		x = net_samples(g, FRAMES);
		c = calibrate(q, AKIDA_LEGACY_BIAS_CORRECTION, 1, &x);
		before = bias_of(g, q, &x);
		after = bias_of(g, c, &x);
		assert_true(before > 1e-3);
		/* the float network it is compared with has the lower maxima, so a little is left */
		assert_true(after < before / 5);
		akida_array_fini(&x);
		akida_graph_destroy(c);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
	}
}

static void test_adaround_beats_rounding_to_the_nearest(void **state)
{
	double before = 0, after = 0;

	(void)state;
	for (int shape = POOLED; shape < SHAPES; shape++) {
		struct akida_graph *g, *q, *c, *base;
		struct akida_array x;

		net_rng = 21 + (uint64_t)shape;
		g = network((enum shape)shape);
		q = quantize(g, 2, 4);
		x = net_samples(g, FRAMES);
		c = calibrate(q, AKIDA_LEGACY_ADAROUND, 200, &x);
		base = calibrate(q, AKIDA_LEGACY_ADAROUND, 1, &x); /* one step rounds about to the nearest */
		before += error_of(g, base, &x);
		after += error_of(g, c, &x);
		/* the grid is the one of before: only which side a weight goes to has changed */
		for (uint32_t i = 0; i < c->count; i++)
			if (c->nodes[i].op == AK_OP_DENSE)
				for (size_t k = 0; k < c->nodes[i].weights[0].count; k++) {
					float w = q->nodes[i].weights[0].data[k], r = c->nodes[i].weights[0].data[k];
					float top = 0;

					for (size_t e = k % OUTPUTS; e < c->nodes[i].weights[0].count; e += OUTPUTS)
						top = fmaxf(top, fabsf(q->nodes[i].weights[0].data[e]));
					assert_true(fabsf(w - r) < top * 1.001f);
				}
		akida_array_fini(&x);
		akida_graph_destroy(base);
		akida_graph_destroy(c);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
	}
	print_message("mean square error %g, learned %g\n", before, after);
	assert_true(after < 0.8 * before);
}

static void test_calibrate_lowers_maxima_that_are_not_reached(void **state)
{
	struct akida_graph *g = network(POOLED), *q = quantize(g, 4, 4), *c;
	struct akida_array x = net_samples(g, FRAMES);
	uint32_t relu = net_find(q, AK_OP_RELU, 0);

	(void)state;
	q->nodes[relu].max_value = 1000;
	c = calibrate(q, AKIDA_LEGACY_BIAS_CORRECTION, 1, &x);
	assert_true(c->nodes[relu].max_value > 0.1f && c->nodes[relu].max_value < 100);
	assert_true(q->nodes[relu].max_value == 1000);
	akida_array_fini(&x);
	akida_graph_destroy(c);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_calibrate_what_does_not_fit_is_refused(void **state)
{
	struct akida_graph *g = network(POOLED), *q = quantize(g, 4, 4), *out = NULL;
	struct akida_array x = net_samples(g, FRAMES), other;
	struct akida_legacy_calibration p;
	struct akida_diag *diag = akida_diag_create();
	const size_t dims[] = {4, 7};

	(void)state;
	akida_legacy_calibration_init(&p);
	assert_int_equal(akida_array_init(&other, AKIDA_U8, 2, dims), 0);
	assert_int_equal(akida_calibrate_legacy(g, &p, &x, &out, diag), -EINVAL); /* float */
	assert_string_equal(akida_diag_first_error(diag)->rule, "quant.calibrate");
	assert_int_equal(akida_calibrate_legacy(q, &p, NULL, &out, diag), -EINVAL);
	assert_int_equal(akida_calibrate_legacy(q, &p, &other, &out, diag), -EINVAL);
	p.batch_size = 0;
	assert_int_equal(akida_calibrate_legacy(q, &p, &x, &out, diag), -EINVAL);
	akida_legacy_calibration_init(&p);
	p.method = AKIDA_LEGACY_ADAROUND;
	p.learning_rate = NAN;
	assert_int_equal(akida_calibrate_legacy(q, &p, &x, &out, diag), -EINVAL);
	p.learning_rate = 0.01f;
	q->nodes[net_find(q, AK_OP_CONV2D, 0)].quant.legacy_weights = AK_LEGACY_STD;
	assert_int_equal(akida_calibrate_legacy(q, &p, &x, &out, diag), -EINVAL);
	assert_null(out);
	akida_array_fini(&other);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantize_places_the_quantizers_of_cnn2snn),
		cmocka_unit_test(test_quantize_unbounded_relu_counts_its_levels),
		cmocka_unit_test(test_quantize_what_cnn2snn_cannot_is_refused),
		cmocka_unit_test(test_forward_activation_law_by_hand),
		cmocka_unit_test(test_convert_codes_are_those_of_the_float_computation),
		cmocka_unit_test(test_convert_formulas_by_hand),
		cmocka_unit_test(test_bias_correction_takes_the_mean_error_away),
		cmocka_unit_test(test_adaround_beats_rounding_to_the_nearest),
		cmocka_unit_test(test_calibrate_lowers_maxima_that_are_not_reached),
		cmocka_unit_test(test_calibrate_what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
