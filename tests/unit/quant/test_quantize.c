/* SPDX-License-Identifier: MIT */
/* akida_quantize: parameters, placement, calibration, equalization, refusals. Expected values are worked out by hand. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include <akida/quant.h>
#include "quant/quant_internal.h"

/* rescaling, conv, pool, relu, flatten, dense: the smallest network with everything v1 quantizes. */
static struct akida_graph *small_net(void)
{
	struct akida_graph *g = net_start(6, 6, 1);

	net_rescaling(g, 1 / 255.0f, 0);
	net_conv(g, 4, 3, 1);
	net_relu(g, 3);
	net_maxpool(g, 2, 2);
	net_separable(g, 6, 3, 1);
	net_relu(g, 3);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 5);
	net_add(g, AK_OP_SOFTMAX);
	return net_finish(g);
}

static struct akida_graph *quantize(const struct akida_graph *g, uint32_t w, uint32_t a)
{
	struct akida_quant_params p;
	struct akida_array x = net_samples(g, 40);
	struct akida_graph *q;

	akida_quant_params_init(&p);
	p.weight_bits = w;
	p.activation_bits = a;
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	akida_array_fini(&x);
	return q;
}

static void expect_refused(const struct akida_graph *g, const struct akida_quant_params *p, const struct akida_array *x,
			   int err, const char *rule)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *q = (struct akida_graph *)1;

	assert_int_equal(akida_quantize(g, p, x, &q, diag), err);
	assert_null(q);
	assert_non_null(akida_diag_first_error(diag));
	assert_string_equal(akida_diag_first_error(diag)->rule, rule);
	akida_diag_destroy(diag);
	/* without a list the answer is the same */
	assert_int_equal(akida_quantize(g, p, x, &q, NULL), err);
}

static void test_params_init_is_8_4_4(void **state)
{
	struct akida_quant_params p;

	(void)state;
	akida_quant_params_init(&p);
	assert_int_equal(p.size, sizeof(p));
	assert_int_equal(p.input_weight_bits, 8);
	assert_int_equal(p.weight_bits, 4);
	assert_int_equal(p.activation_bits, 4);
	assert_int_equal(p.per_tensor, 1);
	assert_int_equal(p.num_samples, 1024);
	assert_int_equal(p.batch_size, 32);
	assert_int_equal(p.epochs, 1);
}

static void test_quantize_annotations_and_order(void **state)
{
	static const enum ak_op ops[] = {AK_OP_INPUT, AK_OP_RESCALING,	AK_OP_CONV2D, AK_OP_MAXPOOL,
					 AK_OP_RELU,  AK_OP_SEPARABLE,	AK_OP_RELU,   AK_OP_FLATTEN,
					 AK_OP_DENSE, AK_OP_DEQUANTIZER};
	struct akida_graph *g = small_net(), *q = quantize(g, 4, 2);

	(void)state;
	assert_int_equal(q->count, sizeof(ops) / sizeof(ops[0]));
	for (uint32_t i = 0; i < q->count; i++)
		assert_int_equal(q->nodes[i].op, ops[i]);
	assert_true(akida_graph_quantized(q));
	assert_false(akida_graph_quantized(g));
	assert_true(q->nodes[0].input_u8);
	assert_int_equal(q->nodes[2].quant.weight_bits, 8);
	assert_int_equal(q->nodes[2].quant.buffer_bits, 28);
	assert_int_equal(q->nodes[5].quant.weight_bits, 4);
	assert_int_equal(q->nodes[5].quant.buffer_bits, 32);
	assert_int_equal(q->nodes[8].quant.weight_bits, 4);
	assert_int_equal(q->nodes[8].quant.bias_bits, 8);
	for (uint32_t i = 0; i < q->count; i++)
		assert_int_equal(q->nodes[i].quant.has_output, q->nodes[i].op == AK_OP_RELU);
	assert_int_equal(q->nodes[4].quant.out_bits, 2);
	assert_false(q->nodes[4].quant.out_signed);
	assert_int_equal(q->nodes[4].quant.scale_bits, 8);
	assert_int_equal(q->nodes[4].quant.range_count, 1);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_quantize_8_bit_activations_are_signed(void **state)
{
	struct akida_graph *g = small_net(), *q = quantize(g, 8, 8);

	(void)state;
	assert_true(q->nodes[4].quant.out_signed);
	assert_int_equal(q->nodes[4].quant.out_bits, 8);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* A layer without activation in the middle owns an 8-bit signed quantizer, as QuantizeML does. */
static void test_place_output_without_activation_is_8_bits_signed(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *q;

	(void)state;
	net_conv(g, 3, 3, 1);
	net_maxpool(g, 2, 2);
	net_conv(g, 3, 3, 1);
	net_finish(g);
	q = quantize(g, 4, 4);
	assert_true(q->nodes[1].quant.has_output);
	assert_int_equal(q->nodes[1].quant.out_bits, 8);
	assert_true(q->nodes[1].quant.out_signed);
	assert_false(q->nodes[2].quant.has_output);
	assert_false(q->nodes[3].quant.has_output);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* Momentum 0.9: batches with maxima 10, 20, 20 give 10, 11, 11.9. One conv of weight 1 passes the input through. */
static void test_calibrate_moving_maximum_by_hand(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1);
	struct akida_quant_params p;
	struct akida_array x;
	float range;

	(void)state;
	net_conv(g, 1, 1, 1)->use_bias = false;
	net_relu(g, 0);
	net_conv(g, 1, 1, 1);
	net_finish(g);
	g->nodes[1].weights[0].data[0] = 1;
	x = net_samples(g, 6);
	for (size_t i = 0; i < 150; i++)
		((uint8_t *)x.data)[i] = i / 50 ? 20 : i % 11;
	akida_quant_params_init(&p);
	p.batch_size = 2;
	assert_int_equal(ak_quant_place(g, &p), 0);
	assert_true(g->nodes[2].quant.range_max[0] == 1.0f); /* never calibrated */
	assert_int_equal(ak_quant_calibrate(g, &p, &x, NULL), 0);
	range = 10.0f - (10.0f - 20.0f) * (1.0f - 0.9f);
	range = range - (range - 20.0f) * (1.0f - 0.9f);
	assert_true(fabsf(g->nodes[2].quant.range_max[0] - 11.9f) < 1e-5f);
	assert_true(g->nodes[2].quant.range_max[0] == range);
	/* the second epoch goes on where the first ended: 11.71, 12.539, 13.2851 */
	p.epochs = 2;
	assert_int_equal(ak_quant_calibrate(g, &p, &x, NULL), 0);
	assert_true(fabsf(g->nodes[2].quant.range_max[0] - 13.2851f) < 1e-3f);
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

/* Fewer samples than given are used when num_samples says so. */
static void test_calibrate_num_samples_limits_the_batches(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1);
	struct akida_quant_params p;
	struct akida_array x;

	(void)state;
	net_conv(g, 1, 1, 1)->use_bias = false;
	net_relu(g, 0);
	net_conv(g, 1, 1, 1);
	net_finish(g);
	g->nodes[1].weights[0].data[0] = 1;
	x = net_samples(g, 4);
	memset(x.data, 7, 50);
	memset((uint8_t *)x.data + 50, 200, 50);
	akida_quant_params_init(&p);
	p.num_samples = 2;
	assert_int_equal(ak_quant_place(g, &p), 0);
	assert_int_equal(ak_quant_calibrate(g, &p, &x, NULL), 0);
	assert_true(g->nodes[2].quant.range_max[0] == 7.0f);
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

/*
 * ideal = (2^b - 1) * 2^(floor(log2 r) - b). The 8-bit rows are the ranges of the quantized ECG network: whatever was
 * calibrated between the powers of two, 31.875, 7.96875 and 3.984375 come out.
 */
static void test_equalize_ideal_ranges_of_the_ecg_network_and_4_bits(void **state)
{
	static const struct {
		uint32_t bits;
		float calibrated, ideal;
	} rows[] = {
		{8, 35.4653f, 31.875f},	  {8, 12.509f, 7.96875f}, {8, 6.8416f, 3.984375f},
		{8, 4.11819f, 3.984375f}, {4, 2.9f, 1.875f},	  {4, 4.0f, 3.75f},
		{4, 0.3f, 0.234375f},	  {2, 2.9f, 1.5f},	  {1, 2.9f, 1.0f},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct akida_graph *g = net_start(4, 4, 1);
		struct akida_quant_params p;
		float before[2];

		net_conv(g, 2, 3, 1);
		net_relu(g, 0);
		net_maxpool(g, 2, 2);
		net_add(g, AK_OP_FLATTEN);
		net_dense(g, 1);
		net_finish(g);
		akida_quant_params_init(&p);
		p.activation_bits = rows[i].bits;
		assert_int_equal(ak_quant_place(g, &p), 0);
		g->nodes[2].quant.range_max[0] = rows[i].calibrated;
		memcpy(before, g->nodes[5].weights[0].data, sizeof(before));
		ak_quant_equalize(g);
		assert_true(g->nodes[2].quant.range_max[0] == rows[i].ideal);
		assert_true(g->nodes[2].quant.rescaling_rate[0] == rows[i].ideal / rows[i].calibrated);
		for (int k = 0; k < 2; k++)
			assert_true(g->nodes[5].weights[0].data[k] == before[k] / g->nodes[2].quant.rescaling_rate[0]);
		akida_graph_destroy(g);
	}
}

static void test_equalize_range_shrinks_again_and_zero_stays(void **state)
{
	struct akida_graph *g = net_start(4, 4, 1);
	struct akida_quant_params p;
	float w;

	(void)state;
	net_conv(g, 2, 3, 1);
	net_relu(g, 3);
	net_conv(g, 2, 3, 1);
	net_finish(g);
	akida_quant_params_init(&p);
	assert_int_equal(ak_quant_place(g, &p), 0);
	g->nodes[2].quant.range_max[0] = 1.875f;
	w = g->nodes[3].weights[0].data[0];
	/* 1.875 lies below 2, so its own ideal is 0.9375 */
	ak_quant_equalize(g);
	assert_true(g->nodes[2].quant.range_max[0] == 0.9375f);
	assert_true(g->nodes[3].weights[0].data[0] == w / 0.5f);
	/* a dead layer keeps rate 1 */
	g->nodes[2].quant.range_max[0] = 0;
	g->nodes[2].quant.rescaling_rate[0] = 1;
	w = g->nodes[3].weights[0].data[0];
	ak_quant_equalize(g);
	assert_true(g->nodes[2].quant.rescaling_rate[0] == 1.0f);
	assert_true(g->nodes[3].weights[0].data[0] == w);
	akida_graph_destroy(g);
}

/* Per axis, every input channel of the next kernel is divided by its own rate. */
static void test_equalize_per_axis_divides_input_channels(void **state)
{
	struct akida_graph *g = net_start(2, 2, 1);
	struct akida_quant_params p;
	float before[8];

	(void)state;
	net_conv(g, 2, 1, 1);
	net_relu(g, 0);
	net_conv(g, 4, 1, 1);
	net_finish(g);
	akida_quant_params_init(&p);
	p.per_tensor = 0;
	assert_int_equal(ak_quant_place(g, &p), 0);
	assert_int_equal(g->nodes[2].quant.range_count, 2);
	assert_true(g->nodes[2].quant.out_per_axis);
	g->nodes[2].quant.range_max[0] = 3.75f; /* ideal 1.875, rate 0.5 */
	g->nodes[2].quant.range_max[1] = 7.5f;	/* ideal 3.75, rate 0.5 */
	memcpy(before, g->nodes[3].weights[0].data, sizeof(before));
	g->nodes[2].quant.range_max[1] = 0; /* dead: rate 1 */
	ak_quant_equalize(g);
	for (int k = 0; k < 8; k++)
		assert_true(g->nodes[3].weights[0].data[k] == (k / 4 ? before[k] : before[k] / 0.5f));
	akida_graph_destroy(g);
}

/* Equalization moves no float output: quantization is the only difference, and it shrinks with the bit widths. */
static void test_quantize_error_shrinks_with_bits(void **state)
{
	double error[3];
	static const uint32_t bits[3] = {2, 4, 8};

	(void)state;
	net_rng = 7;
	for (int k = 0; k < 3; k++) {
		struct akida_graph *g, *q;
		struct akida_array x;
		float *yf, *yq;
		double sum = 0, norm = 0;

		net_rng = 7;
		g = small_net();
		g->output--; /* without softmax */
		g->count--;
		x = net_samples(g, 20);
		q = quantize(g, bits[k], bits[k]);
		yf = net_forward(g, &x);
		yq = net_forward(q, &x);
		for (size_t i = 0; i < 100; i++) {
			sum += (double)((yf[i] - yq[i]) * (yf[i] - yq[i]));
			norm += (double)(yf[i] * yf[i]);
		}
		error[k] = sqrt(sum / norm);
		free(yf);
		free(yq);
		akida_array_fini(&x);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
	}
	assert_true(error[2] < 0.03);
	assert_true(error[1] < 0.4);
	assert_true(error[2] < error[1] && error[1] < error[0]);
}

static void test_quantize_random_samples_are_said_and_repeatable(void **state)
{
	struct akida_graph *g = small_net(), *a, *b, *c;
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;
	bool said = false;

	(void)state;
	akida_quant_params_init(&p);
	p.num_samples = 50;
	assert_int_equal(akida_quantize(g, &p, NULL, &a, diag), 0);
	assert_int_equal(akida_quantize(g, &p, NULL, &b, NULL), 0);
	p.seed = 99;
	assert_int_equal(akida_quantize(g, &p, NULL, &c, NULL), 0);
	for (size_t i = 0; i < akida_diag_count(diag); i++)
		said |= !strcmp(akida_diag_get(diag, i)->rule, "quant.random-samples") &&
			akida_diag_get(diag, i)->severity == AKIDA_NOTE;
	assert_true(said);
	assert_true(a->nodes[4].quant.rescaling_rate[0] == b->nodes[4].quant.rescaling_rate[0]);
	assert_true(a->nodes[4].quant.rescaling_rate[0] != c->nodes[4].quant.rescaling_rate[0]);
	akida_diag_destroy(diag);
	akida_graph_destroy(a);
	akida_graph_destroy(b);
	akida_graph_destroy(c);
	akida_graph_destroy(g);
}

static void test_quantize_input_graph_is_not_changed(void **state)
{
	struct akida_graph *g = small_net(), *copy, *q;

	(void)state;
	assert_int_equal(ak_graph_clone(g, &copy), 0);
	q = quantize(g, 4, 4);
	assert_int_equal(g->count, copy->count);
	for (uint32_t i = 0; i < g->count; i++) {
		assert_int_equal(g->nodes[i].op, copy->nodes[i].op);
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			assert_memory_equal(g->nodes[i].weights[k].data, copy->nodes[i].weights[k].data,
					    g->nodes[i].weights[k].count * sizeof(float));
	}
	akida_graph_destroy(q);
	akida_graph_destroy(copy);
	akida_graph_destroy(g);
}

static void test_quantize_float_samples_equal_uint8_ones(void **state)
{
	struct akida_graph *g = small_net(), *a, *b;
	struct akida_array x = net_samples(g, 9), f;

	(void)state;
	assert_int_equal(akida_array_init(&f, AKIDA_F32, 2, (size_t[]){9, 36}), 0); /* flat frames fit, too */
	for (int i = 0; i < 9 * 36; i++)
		((float *)f.data)[i] = ((uint8_t *)x.data)[i];
	assert_int_equal(akida_quantize(g, NULL, &x, &a, NULL), 0);
	assert_int_equal(akida_quantize(g, NULL, &f, &b, NULL), 0);
	assert_true(a->nodes[4].quant.rescaling_rate[0] == b->nodes[4].quant.rescaling_rate[0]);
	akida_array_fini(&x);
	akida_array_fini(&f);
	akida_graph_destroy(a);
	akida_graph_destroy(b);
	akida_graph_destroy(g);
}

static void test_quantize_odd_samples_are_warned_about(void **state)
{
	struct akida_graph *g = small_net(), *q;
	struct akida_diag *diag = akida_diag_create();
	struct akida_array f;
	bool warned = false;

	(void)state;
	assert_int_equal(akida_array_init(&f, AKIDA_F32, 4, (size_t[]){2, 6, 6, 1}), 0);
	((float *)f.data)[5] = 0.5f;
	assert_int_equal(akida_quantize(g, NULL, &f, &q, diag), 0);
	for (size_t i = 0; i < akida_diag_count(diag); i++)
		warned |= !strcmp(akida_diag_get(diag, i)->rule, "quant.samples") &&
			  akida_diag_get(diag, i)->severity == AKIDA_WARNING;
	assert_true(warned);
	akida_array_fini(&f);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static void test_quantize_bad_parameters_are_refused(void **state)
{
	static const size_t fields[] = {offsetof(struct akida_quant_params, input_weight_bits),
					offsetof(struct akida_quant_params, weight_bits),
					offsetof(struct akida_quant_params, activation_bits),
					offsetof(struct akida_quant_params, per_tensor),
					offsetof(struct akida_quant_params, num_samples),
					offsetof(struct akida_quant_params, batch_size),
					offsetof(struct akida_quant_params, epochs)};
	static const uint32_t bad[][2] = {{1, 9}, {0, 16}, {0, 9}, {2, 7}, {0, 0}, {0, 0}, {0, 0}};
	struct akida_graph *g = small_net();

	(void)state;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		for (int k = 0; k < 2; k++) {
			struct akida_quant_params p;

			akida_quant_params_init(&p);
			memcpy((char *)&p + fields[i], &bad[i][k], sizeof(uint32_t));
			expect_refused(g, &p, NULL, -EINVAL, "quant.parameters");
		}
	akida_graph_destroy(g);
}

static void test_quantize_bad_samples_are_refused(void **state)
{
	struct akida_graph *g = small_net();
	struct akida_array empty = {0}, x;

	(void)state;
	expect_refused(g, NULL, &empty, -EINVAL, "quant.samples");
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 4, (size_t[]){3, 6, 5, 1}), 0);
	expect_refused(g, NULL, &x, -EINVAL, "quant.samples");
	akida_array_fini(&x);
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 3, (size_t[]){6, 6, 1}), 0); /* no axis for frames */
	expect_refused(g, NULL, &x, -EINVAL, "quant.samples");
	akida_array_fini(&x);
	assert_int_equal(akida_array_init(&x, AKIDA_F32, 4, (size_t[]){3, 6, 6, 1}), 0);
	((float *)x.data)[40] = NAN;
	expect_refused(g, NULL, &x, -ERANGE, "quant.samples");
	((float *)x.data)[40] = INFINITY;
	expect_refused(g, NULL, &x, -ERANGE, "quant.samples");
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

static void test_quantize_twice_is_refused(void **state)
{
	struct akida_graph *g = small_net(), *q = quantize(g, 4, 4);

	(void)state;
	expect_refused(q, NULL, NULL, -EINVAL, "quant.already-quantized");
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

static struct akida_graph *conv_net(void)
{
	struct akida_graph *g = net_start(8, 8, 1);

	net_conv(g, 4, 3, 1);
	return g;
}

static void refuse_and_free(struct akida_graph *g)
{
	net_finish(g);
	expect_refused(g, NULL, NULL, -EOPNOTSUPP, "quant.layer");
	akida_graph_destroy(g);
}

static void test_quantize_layers_without_quantized_form_are_refused(void **state)
{
	struct akida_graph *g;
	struct ak_node *n;

	(void)state;
	g = conv_net();
	n = net_add(g, AK_OP_AVGPOOL);
	n->kernel_h = n->kernel_w = 2;
	refuse_and_free(g);
	g = conv_net(); /* batch normalization behind an activation */
	net_relu(g, 6);
	net_batchnorm(g);
	net_conv(g, 4, 3, 1);
	refuse_and_free(g);
	g = conv_net();
	net_relu(g, 6)->negative_slope = 0.1f;
	net_conv(g, 4, 3, 1);
	refuse_and_free(g);
	g = conv_net();
	net_add(g, AK_OP_ACTIVATION)->act = AK_ACT_TANH;
	net_conv(g, 4, 3, 1);
	refuse_and_free(g);
	g = conv_net();
	n = net_add(g, AK_OP_ZEROPAD);
	n->pad[0] = 2;
	net_conv(g, 4, 3, 1)->same = false;
	refuse_and_free(g);
	g = conv_net();
	net_rescaling(g, 0.5f, 0);
	net_conv(g, 4, 3, 1);
	refuse_and_free(g);
	g = net_start(8, 8, 1); /* an offset that only a depthwise convolution could take */
	net_rescaling(g, 0.5f, -1);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 1);
	refuse_and_free(g);
	g = net_start(8, 8, 1); /* nothing to quantize */
	net_relu(g, 6);
	refuse_and_free(g);
}

/* Every layer that is refused has a record of its own, with a remedy. */
static void test_quantize_names_all_offenders(void **state)
{
	struct akida_graph *g = conv_net(), *q;
	struct akida_diag *diag = akida_diag_create();
	struct ak_node *n;

	(void)state;
	net_relu(g, 6)->relu_threshold = 1;
	n = net_add(g, AK_OP_AVGPOOL);
	n->kernel_h = n->kernel_w = 2;
	net_conv(g, 4, 3, 1);
	net_finish(g);
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, diag), -EOPNOTSUPP);
	assert_int_equal(akida_diag_count(diag), 2);
	for (size_t i = 0; i < 2; i++)
		assert_true(strlen(akida_diag_get(diag, i)->remedy) > 0);
	assert_string_equal(akida_diag_get(diag, 0)->node, g->nodes[2].name);
	assert_string_equal(akida_diag_get(diag, 1)->node, g->nodes[3].name);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_quantize_dead_layer_is_warned_about(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *q;
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	net_conv(g, 2, 3, 1);
	net_relu(g, 6);
	net_conv(g, 2, 3, 1);
	net_finish(g);
	memset(g->nodes[1].weights[0].data, 0, g->nodes[1].weights[0].count * sizeof(float));
	memset(g->nodes[1].weights[1].data, 0, g->nodes[1].weights[1].count * sizeof(float));
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, diag), 0);
	assert_null(akida_diag_first_error(diag));
	assert_string_equal(akida_diag_get(diag, 1)->rule, "quant.range");
	assert_true(q->nodes[2].quant.range_max[0] == 0);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* Range 0.7: ideal 0.46875, but 4 fractional bits at most: codes up to 7. Range 1.4: ideal 0.9375, all 15. */
static void test_quantize_small_ranges_are_warned_about(void **state)
{
	static const float weight[] = {0.7f / 255, 1.4f / 255};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct akida_graph *g = net_start(5, 5, 1), *q;
		struct akida_diag *diag = akida_diag_create();
		struct akida_array x = net_samples(g, 2);

		net_conv(g, 1, 1, 1)->use_bias = false;
		net_relu(g, 6);
		net_conv(g, 1, 1, 1);
		net_finish(g);
		g->nodes[1].weights[0].data[0] = weight[i];
		((uint8_t *)x.data)[7] = 255;
		assert_int_equal(akida_quantize(g, NULL, &x, &q, diag), 0);
		assert_int_equal(akida_diag_count(diag), i ? 0 : 1);
		if (!i) {
			assert_string_equal(akida_diag_get(diag, 0)->rule, "quant.range");
			assert_int_equal(akida_diag_get(diag, 0)->severity, AKIDA_WARNING);
			assert_non_null(strstr(akida_diag_get(diag, 0)->text, "7 of 15 codes"));
			assert_true(strlen(akida_diag_get(diag, 0)->remedy) > 0);
		}
		akida_diag_destroy(diag);
		akida_array_fini(&x);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
	}
}

/* A map of 3 channels is flattened into a Dense: one range; before a convolution every channel has its own. */
static void test_place_dense_reads_one_range(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *q;
	struct akida_quant_params p;
	struct akida_array x;

	(void)state;
	net_conv(g, 3, 3, 1);
	net_relu(g, 0);
	net_conv(g, 3, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 4);
	net_finish(g);
	x = net_samples(g, 8);
	akida_quant_params_init(&p);
	p.weight_bits = p.activation_bits = 8;
	p.per_tensor = 0;
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	assert_true(q->nodes[2].quant.out_per_axis);
	assert_int_equal(q->nodes[2].quant.range_count, 3);
	assert_false(q->nodes[4].quant.out_per_axis);
	assert_int_equal(q->nodes[4].quant.range_count, 1);
	akida_array_fini(&x);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* 1x1 convolution of weight 1: the ReLU reaches 200, becomes max_value 200; a bound that is there stays. */
static void test_quantize_bound_relu_takes_the_calibrated_range(void **state)
{
	struct akida_graph *g = net_start(5, 5, 1), *q;
	struct akida_quant_params p;
	struct akida_array x;

	(void)state;
	net_conv(g, 1, 1, 1);
	net_relu(g, 0);
	net_conv(g, 1, 1, 1);
	net_relu(g, 7);
	net_conv(g, 1, 1, 1);
	net_finish(g);
	for (uint32_t i = 1; i < g->count; i += 2) {
		g->nodes[i].weights[0].data[0] = 1;
		g->nodes[i].weights[1].data[0] = 0;
	}
	x = net_samples(g, 1);
	memset(x.data, 200, akida_array_elements(&x));
	akida_quant_params_init(&p);
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	assert_false(q->nodes[2].bounded);
	akida_graph_destroy(q);
	p.bound_relu = 1;
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	assert_true(q->nodes[2].bounded);
	assert_true(q->nodes[2].max_value == 200.0f);
	assert_true(q->nodes[4].max_value == 7.0f);
	assert_false(g->nodes[2].bounded);
	akida_graph_destroy(q);
	p.bound_relu = 2;
	expect_refused(g, &p, &x, -EINVAL, "quant.parameters");
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_params_init_is_8_4_4),
		cmocka_unit_test(test_quantize_annotations_and_order),
		cmocka_unit_test(test_quantize_8_bit_activations_are_signed),
		cmocka_unit_test(test_place_output_without_activation_is_8_bits_signed),
		cmocka_unit_test(test_calibrate_moving_maximum_by_hand),
		cmocka_unit_test(test_calibrate_num_samples_limits_the_batches),
		cmocka_unit_test(test_equalize_ideal_ranges_of_the_ecg_network_and_4_bits),
		cmocka_unit_test(test_equalize_range_shrinks_again_and_zero_stays),
		cmocka_unit_test(test_equalize_per_axis_divides_input_channels),
		cmocka_unit_test(test_quantize_error_shrinks_with_bits),
		cmocka_unit_test(test_quantize_random_samples_are_said_and_repeatable),
		cmocka_unit_test(test_quantize_input_graph_is_not_changed),
		cmocka_unit_test(test_quantize_float_samples_equal_uint8_ones),
		cmocka_unit_test(test_quantize_odd_samples_are_warned_about),
		cmocka_unit_test(test_quantize_bad_parameters_are_refused),
		cmocka_unit_test(test_quantize_bad_samples_are_refused),
		cmocka_unit_test(test_quantize_twice_is_refused),
		cmocka_unit_test(test_quantize_layers_without_quantized_form_are_refused),
		cmocka_unit_test(test_quantize_names_all_offenders),
		cmocka_unit_test(test_quantize_dead_layer_is_warned_about),
		cmocka_unit_test(test_quantize_small_ranges_are_warned_about),
		cmocka_unit_test(test_place_dense_reads_one_range),
		cmocka_unit_test(test_quantize_bound_relu_takes_the_calibrated_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
