/* SPDX-License-Identifier: MIT */
/*
 * Converted layers against two other computations on random networks of all bit widths: an exact rational one written
 * here from the formulas, which must agree in every code, and the simulated quantized network, which may differ by one
 * code where it sits at a tie (v1 takes ceil, QuantizeML floor of + 1/2; reference quantization 4.4).
 */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "graph/infer.h"
#include "layer/layer.h"

enum shape { SEED, SEPARABLES, STRIDES, SHAPES };

/* Four architectures: pools and dense; separable with global pooling; strides, 5x5, 1x1; then one with valid padding. */
static struct akida_graph *network(enum shape shape)
{
	struct akida_graph *g = net_start(12, 14, shape == SEED ? 1 : 3);

	net_rescaling(g, shape == STRIDES ? 1 / 127.5f : 1 / 255.0f, shape == STRIDES ? -1 : 0);
	switch (shape) {
	case SEED:
		net_conv(g, 5, 3, 1);
		net_relu(g, 3);
		net_maxpool(g, 2, 2);
		net_conv(g, 6, 3, 1);
		net_batchnorm(g);
		net_relu(g, 3);
		net_maxpool(g, 2, 2);
		net_add(g, AK_OP_FLATTEN);
		net_dense(g, 12);
		net_relu(g, 6);
		break;
	case SEPARABLES:
		net_conv(g, 4, 3, 2);
		net_batchnorm(g);
		net_relu(g, 6);
		net_separable(g, 8, 3, 1);
		net_relu(g, 6);
		net_separable(g, 8, 5, 1);
		net_add(g, AK_OP_GAP);
		net_batchnorm(g);
		net_relu(g, 6);
		break;
	case STRIDES:
		net_conv(g, 6, 5, 1);
		net_relu(g, 6);
		net_conv(g, 7, 3, 2);
		net_relu(g, 6);
		net_conv(g, 5, 1, 1);
		net_relu(g, 6);
		net_conv(g, 5, 3, 1);
		net_maxpool(g, 2, 1);
		net_relu(g, 6);
		net_add(g, AK_OP_FLATTEN);
		break;
	default:
		net_conv(g, 6, 3, 3)->same = false;
		net_relu(g, 6);
		break;
	}
	if (shape == SHAPES)
		net_conv(g, 4, 3, 1);
	else
		net_dense(g, 4);
	return net_finish(g);
}

/* ---- the exact recomputation ---- */

struct exact {
	int64_t *q, *pw; /* integer weights */
	double *scale;	 /* float32 values, held in double */
	int64_t *threshold, *step16;
	double *ratio; /* above 1 where a step did not fit 16 bits */
	int fb_out;
};

static float rounded_weights(const float *w, size_t count, size_t channels, int bits, float *s, int64_t *q)
{
	int max = (1 << (bits - 1)) - 1;

	for (size_t c = 0; c < channels; c++) {
		float r = 0;

		for (size_t i = c; i < count; i += channels)
			r = fabsf(w[i]) > r ? fabsf(w[i]) : r;
		s[c] = r / (float)max < 1e-6f ? 1e-6f : r / (float)max;
		for (size_t i = c; i < count; i += channels) {
			double v = rint((double)(w[i] / s[c]));

			q[i] = (int64_t)(v > max ? max : v < -max - 1 ? -max - 1 : v);
		}
	}
	return s[0];
}

static int ceil_log2(float x)
{
	int e;
	float m = frexpf(x, &e);

	return m == 0.5f ? e - 1 : e; /* differs from log2f only within one ulp of a power of two */
}

static int64_t shifted_bias(float b, float s, int fb_acc)
{
	int fb, q;

	if (b == 0)
		return 0;
	fb = 7 - ceil_log2(fabsf(b) / s);
	fb = fb > 7 ? 7 : fb;
	fb = fb > fb_acc ? fb_acc : fb;
	q = (int)rint((double)(b / s) * pow(2, fb));
	q = q > 127 ? 127 : q < -128 ? -128 : q;
	return (int64_t)q * ((int64_t)1 << (fb_acc - fb));
}

static int range_fb(int bits, float range)
{
	int fb = bits - ceil_log2(range);

	return fb > bits ? bits : fb;
}

/* relu NULL: the last layer. positions: of a global pool, else 1. */
static struct exact exact_layer(const struct ak_node *n, const struct ak_node *relu, int fb_in, float scale_in,
				size_t positions)
{
	size_t filters = n->filters, count = n->weights[0].count;
	const struct ak_weight *pw = ak_node_weight(n, "pointwise_kernel"), *bias = ak_node_weight(n, "bias");
	struct exact e = {0};
	float *s = calloc(filters, sizeof(float)), dw = 1;

	e.q = calloc(count, sizeof(int64_t));
	e.pw = pw ? calloc(pw->count, sizeof(int64_t)) : NULL;
	e.scale = calloc(filters, sizeof(double));
	e.threshold = calloc(filters, sizeof(int64_t));
	e.step16 = calloc(filters, sizeof(int64_t));
	e.ratio = calloc(filters, sizeof(double));
	if (pw) {
		dw = rounded_weights(n->weights[0].data, count, 1, (int)n->quant.weight_bits, s, e.q);
		rounded_weights(pw->data, pw->count, filters, (int)n->quant.weight_bits, s, e.pw);
	} else {
		rounded_weights(n->weights[0].data, count, filters, (int)n->quant.weight_bits, s, e.q);
	}
	for (size_t f = 0; f < filters; f++) {
		float acc = dw * s[f] * scale_in, out;
		int fs, shift;
		double S, interval, step;

		e.threshold[f] = -shifted_bias(bias->data[f], acc, fb_in) * (int64_t)positions;
		if (positions > 1)
			acc /= (float)positions;
		e.scale[f] = (double)acc;
		if (!relu)
			continue;
		out = acc * relu->quant.rescaling_rate[0];
		fs = 8 - ceil_log2(out);
		S = rint((double)out * pow(2, fs));
		S = S > 255 ? 255 : S;
		e.fb_out = range_fb((int)relu->quant.out_bits, relu->quant.range_max[0]);
		shift = e.fb_out - (fb_in + fs);
		interval = (double)(float)(pow(2, -shift) / S);
		e.threshold[f] += (int64_t)rint((double)(float)(0.5 * interval));
		step = interval * pow(2, (int)relu->quant.out_bits - 4);
		e.ratio[f] = step > 65535 ? (double)(float)(step / 65535) : 1;
		if (step > 65535) { /* reference 4.3: cut, and half of the difference leaves the threshold */
			e.threshold[f] += (int64_t)(rint(0.5 * (double)(float)(65535 - step)) /
						    pow(2, (int)relu->quant.out_bits - 4));
			step = 65535;
		}
		step = floor(16 * step);
		e.step16[f] = (int64_t)(step < 1 ? 1 : step);
	}
	free(s);
	return e;
}

static void exact_fini(struct exact *e)
{
	free(e->q);
	free(e->pw);
	free(e->scale);
	free(e->threshold);
	free(e->step16);
	free(e->ratio);
}

/* What a cut step of the layer before costs this one's weights: floor(w / ratio) on the input channel. */
static void shrink(struct exact *e, const struct ak_node *n, const struct exact *before, size_t channels)
{
	size_t inner = e->pw ? 1 : n->filters;

	for (size_t i = 0; i < n->weights[0].count; i++)
		e->q[i] = (int64_t)floor((double)e->q[i] / before->ratio[i / inner % channels]);
}

/* Potentials of one layer, straight from the definition. */
static int64_t conv_potential(const struct akida_layer *l, const struct exact *e, const uint8_t *in, uint32_t y,
			      uint32_t x, uint32_t f)
{
	int64_t sum = 0;

	for (uint32_t c = 0; c < l->in_c; c++) {
		int64_t part = 0;

		for (uint32_t ky = 0; ky < l->kernel_h; ky++)
			for (uint32_t kx = 0; kx < l->kernel_w; kx++) {
				int64_t iy = (int64_t)(y * l->stride + ky) - l->pad_top;
				int64_t ix = (int64_t)(x * l->stride + kx) - l->pad_left;
				bool in_map = iy >= 0 && ix >= 0 && iy < l->in_h && ix < l->in_w;
				int64_t v = in_map ? in[((size_t)iy * l->in_w + (size_t)ix) * l->in_c + c]
						   : l->padding_value;
				size_t tap = ((size_t)ky * l->kernel_w + kx) * l->in_c + c;

				part += v * (e->pw ? e->q[tap] : e->q[tap * l->filters + f]);
			}
		sum += e->pw ? part * e->pw[(size_t)c * l->filters + f] : part;
	}
	return sum;
}

/* All potentials after pooling, [positions][filters]. */
static int64_t *exact_potentials(const struct akida_layer *l, const struct exact *e, const uint8_t *in)
{
	size_t inputs = (size_t)l->in_h * l->in_w * l->in_c, f_count = l->filters;
	int64_t *p = calloc((size_t)l->conv_h * l->conv_w * f_count, sizeof(*p));
	int64_t *out = calloc((size_t)l->out_h * l->out_w * f_count, sizeof(*out));

	for (uint32_t f = 0; f < f_count; f++)
		for (uint32_t y = 0; y < l->conv_h; y++)
			for (uint32_t x = 0; x < l->conv_w; x++)
				for (size_t i = 0; i < (l->type == AKIDA_LAYER_FULLY ? inputs : 1); i++)
					p[(y * l->conv_w + x) * f_count + f] +=
						l->type == AKIDA_LAYER_FULLY ? in[i] * e->q[i * f_count + f]
									     : conv_potential(l, e, in, y, x, f);
	for (uint32_t f = 0; f < f_count; f++)
		for (uint32_t y = 0; y < l->out_h; y++)
			for (uint32_t x = 0; x < l->out_w; x++) {
				int64_t *o = &out[(y * l->out_w + x) * f_count + f], sum = 0, max = INT64_MIN;
				uint32_t size = l->pool == AKIDA_POOL_MAX ? l->pool_size : 1;

				for (uint32_t k = 0; k < size * size; k++) {
					uint32_t py = y * (size > 1 ? l->pool_stride : 1) + k / size;
					uint32_t px = x * (size > 1 ? l->pool_stride : 1) + k % size;

					if (py < l->conv_h && px < l->conv_w &&
					    p[(py * l->conv_w + px) * f_count + f] > max)
						max = p[(py * l->conv_w + px) * f_count + f];
				}
				for (size_t k = 0; k < (size_t)l->conv_h * l->conv_w; k++)
					sum += p[k * f_count + f];
				*o = l->pool == AKIDA_POOL_GLOBAL_AVERAGE ? sum : max;
			}
	free(p);
	return out;
}

/* ceil((P - T) / L) with L = step16 * 2^(4 - bits) / 16, all integers. */
static uint8_t exact_code(int64_t p, int64_t t, int64_t step16, uint32_t bits)
{
	int64_t interval = step16 << (4 - bits), n;

	if (p <= t)
		return 0;
	n = ((p - t) * 16 + interval - 1) / interval;
	return (uint8_t)(n > (1 << bits) - 1 ? (1 << bits) - 1 : n);
}

/* ---- the comparison ---- */

struct seen {
	const struct akida_graph *g;
	uint8_t *codes[16]; /* outputs of each ReLU, in order, as the simulation has them */
	uint32_t count;
};

static void remember(void *context, uint32_t node, const struct ak_sim_values *v)
{
	struct seen *s = context;

	if (s->g->nodes[node].op != AK_OP_RELU)
		return;
	s->codes[s->count] = malloc(v->count);
	for (size_t i = 0; i < v->count; i++)
		s->codes[s->count][i] = (uint8_t)v->v[i];
	s->count++;
}

struct tally {
	size_t codes, differ;
};

/* One layer on the input that the simulation had: exact in every code, and next to the simulation. */
static void compare_layer(const struct akida_layer *l, const struct exact *e, const uint8_t *in, const uint8_t *sim,
			  struct tally *t)
{
	size_t outputs = (size_t)l->out_h * l->out_w * l->out_c;
	int64_t *p = exact_potentials(l, e, in);
	int32_t *scratch = calloc(ak_layer_scratch(l) + 1, sizeof(*scratch)), *pot = calloc(outputs, sizeof(*pot));
	uint8_t *act = calloc(outputs, 1);

	ak_layer_run(l, in, act, pot, scratch);
	for (size_t i = 0; i < outputs; i++) {
		size_t f = i % l->out_c;

		if (!l->activation) {
			assert_int_equal(pot[i], p[i]);
			continue;
		}
		assert_int_equal(act[i], exact_code(p[i], e->threshold[f], e->step16[f], l->act_bits));
		if (sim) {
			assert_in_range(abs((int)act[i] - (int)sim[i]), 0, 1);
			t->differ += act[i] != sim[i];
			t->codes++;
		}
	}
	free(p);
	free(scratch);
	free(pot);
	free(act);
}

static void check_fields(const struct akida_layer *l, const struct exact *e)
{
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		assert_int_equal(l->weights[i], e->q[i]);
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		assert_int_equal(l->weights_pw[i], e->pw[i]);
	for (uint32_t f = 0; f < l->filters; f++) {
		assert_int_equal(l->threshold[f], e->threshold[f]);
		if (l->activation)
			assert_int_equal(l->step16[f], e->step16[f]);
	}
}

static void check_network(enum shape shape, uint32_t weight_bits, uint32_t act_bits, struct tally *t)
{
	struct akida_graph *g = network(shape), *q;
	struct akida_array x = net_samples(g, 40);
	size_t frame = ak_node_elements(&g->nodes[0]);
	struct akida_quant_params params;
	struct akida_model *m;
	struct ak_sim *sim;
	struct exact e[8];
	uint32_t layer = 0;
	float scale = 1;
	int fb = 0;

	akida_quant_params_init(&params);
	params.weight_bits = weight_bits;
	params.activation_bits = act_bits;
	assert_int_equal(akida_quantize(g, &params, &x, &q, NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	for (uint32_t i = 0; i < q->count; i++) {
		const struct ak_node *n = &q->nodes[i];
		uint32_t relu = i + 1;
		size_t positions = 1;

		if (n->op == AK_OP_RESCALING)
			scale = n->scale;
		if (!n->weight_count)
			continue;
		if (q->nodes[relu].op == AK_OP_GAP)
			positions = (size_t)n->dims[0] * n->dims[1];
		relu += q->nodes[relu].op == AK_OP_GAP || q->nodes[relu].op == AK_OP_MAXPOOL;
		e[layer] =
			exact_layer(n, q->nodes[relu].op == AK_OP_RELU ? &q->nodes[relu] : NULL, fb, scale, positions);
		if (layer)
			shrink(&e[layer], n, &e[layer - 1], m->layers[layer - 1].filters);
		check_fields(&m->layers[layer], &e[layer]);
		fb = e[layer++].fb_out;
		scale = 1;
	}
	assert_int_equal(layer, m->count);
	for (uint32_t f = 0; f < m->layers[layer - 1].filters; f++) /* 1 / deq, in float32 */
		assert_true(fabs((double)m->layers[layer - 1].scale[f] * e[layer - 1].scale[f] *
					 pow(2, -(layer > 1 ? e[layer - 2].fb_out : 0)) -
				 1) < 1e-6);
	assert_int_equal(ak_sim_create(q, &sim, NULL), 0);
	for (size_t s = 0; s < 6; s++) {
		struct seen seen = {.g = q};
		const uint8_t *in = (const uint8_t *)x.data + s * frame;
		float *xf = malloc(frame * sizeof(float)), out[64 * 64];

		ak_array_floats(&x, s * frame, frame, xf);
		assert_int_equal(ak_sim_run(sim, xf, remember, &seen, out), 0);
		for (uint32_t k = 0; k < m->count; k++) {
			compare_layer(&m->layers[k], &e[k], in, k < seen.count ? seen.codes[k] : NULL, t);
			in = seen.codes[k];
		}
		for (uint32_t k = 0; k < seen.count; k++)
			free(seen.codes[k]);
		free(xf);
	}
	for (uint32_t k = 0; k < layer; k++)
		exact_fini(&e[k]);
	ak_sim_destroy(sim);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

static void test_convert_random_networks_equal_exact_arithmetic(void **state)
{
	static const uint32_t weights[] = {4, 2}, acts[] = {4, 2, 1};
	struct tally t = {0};

	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		for (int shape = SEED; shape <= SHAPES; shape++)
			for (int w = 0; w < 2; w++)
				for (int a = 0; a < 3; a++) {
					net_rng = seed * 1000 + (uint64_t)shape;
					check_network(shape, weights[w], acts[a], &t);
				}
	assert_true(t.codes > 10000);
	assert_true(t.differ * 50 < t.codes); /* ties are rare */
}

/* The whole chain against the simulated network: the predictions stay close. */
static void test_convert_whole_chain_predicts_as_the_simulation(void **state)
{
	struct akida_graph *g, *q;
	struct akida_array x;
	struct akida_model *m;
	float *sim, worst = 0, largest = 0;

	(void)state;
	net_rng = 5;
	g = network(SEED);
	x = net_samples(g, 30);
	assert_int_equal(akida_quantize(g, NULL, &x, &q, NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	sim = net_forward(q, &x);
	for (size_t s = 0; s < 30; s++) {
		const uint8_t *in = (const uint8_t *)x.data + s * ak_node_elements(&g->nodes[0]);
		uint8_t act[2][4096];
		int32_t pot[4096], *scratch;
		float out[4];

		for (uint32_t k = 0; k < m->count; k++) {
			scratch = calloc(ak_layer_scratch(&m->layers[k]) + 1, sizeof(*scratch));
			ak_layer_run(&m->layers[k], in, act[k & 1], pot, scratch);
			in = act[k & 1];
			free(scratch);
		}
		assert_int_equal(akida_model_dequantize(m, pot, 1, out), 0);
		for (int i = 0; i < 4; i++) {
			worst = fmaxf(worst, fabsf(out[i] - sim[s * 4 + (size_t)i]));
			largest = fmaxf(largest, fabsf(sim[s * 4 + (size_t)i]));
		}
	}
	assert_true(largest > 0);
	assert_true(worst < 0.1f * largest);
	free(sim);
	akida_array_fini(&x);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convert_random_networks_equal_exact_arithmetic),
		cmocka_unit_test(test_convert_whole_chain_predicts_as_the_simulation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
