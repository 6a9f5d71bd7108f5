/* SPDX-License-Identifier: MIT */
/* Float inference of single layers against plain loops in double, over sizes around the vector widths. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <akida/status.h>
#include "graph/graph.h"

static unsigned int seed;

static float random_value(void)
{
	seed = seed * 1664525u + 1013904223u;
	return (float)((int)(seed >> 16) % 2001 - 1000) / 512.0f;
}

static struct akida_graph *graph_of(uint32_t h, uint32_t w, uint32_t c, enum ak_op op, struct ak_node **n)
{
	struct akida_graph *g;
	struct ak_node *in;
	uint32_t inputs[2] = {0, 0};

	assert_int_equal(ak_graph_create("g", &g), 0);
	in = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	in->rank = 3;
	in->dims[0] = h;
	in->dims[1] = w;
	in->dims[2] = c;
	*n = ak_graph_add(g, op, "layer", inputs, op == AK_OP_ADD ? 2 : 1);
	assert_non_null(*n);
	return g;
}

static float *random_input(const struct akida_graph *g, size_t samples)
{
	size_t count = samples * ak_node_elements(&g->nodes[0]);
	float *x = malloc(count * sizeof(*x));

	for (size_t i = 0; i < count; i++)
		x[i] = random_value();
	return x;
}

static float *run(const struct akida_graph *g, const float *x, size_t samples)
{
	const struct ak_node *in_nodes[] = {&g->nodes[0], &g->nodes[0]};
	const float *in[] = {x, x};
	float *out = malloc(samples * ak_node_elements(&g->nodes[1]) * sizeof(*out));

	assert_int_equal(ak_node_forward(&g->nodes[1], in_nodes, in, samples, out), 0);
	return out;
}

/* The value of input channel c under a tap, or what the padding holds. */
static double under(const struct ak_node *n, const struct ak_node *in, const float *x, int y, int x0, size_t c)
{
	if (y < 0 || x0 < 0 || y >= (int)in->dims[0] || x0 >= (int)in->dims[1])
		return n->padded ? (double)n->pad_value : 0;
	return (double)x[((size_t)y * in->dims[1] + (size_t)x0) * in->dims[2] + c];
}

static int before(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same)
{
	int total = (int)((out - 1) * stride + (kernel - 1) * dilation + 1) - (int)in;

	return same && total > 0 ? total / 2 : 0;
}

/* Sum of taps of one output value; kernel index of channel c is base + c * step for every tap of tap_size weights. */
static double taps(const struct ak_node *n, const struct ak_node *in, const float *x, uint32_t oy, uint32_t ox,
		   const float *w, size_t tap_size, size_t base, size_t step, size_t c0, size_t c1)
{
	int top = before(in->dims[0], n->dims[0], n->kernel_h, n->stride_h, n->dilation_h, n->same);
	int left = before(in->dims[1], n->dims[1], n->kernel_w, n->stride_w, n->dilation_w, n->same);
	double sum = 0;

	for (uint32_t ky = 0; ky < n->kernel_h; ky++)
		for (uint32_t kx = 0; kx < n->kernel_w; kx++)
			for (size_t c = c0; c < c1; c++) {
				int y = (int)(oy * n->stride_h + ky * n->dilation_h) - top;
				int xx = (int)(ox * n->stride_w + kx * n->dilation_w) - left;

				sum += under(n, in, x, y, xx, c) *
				       (double)w[((size_t)ky * n->kernel_w + kx) * tap_size + base + (c - c0) * step];
			}
	return sum;
}

static double expected(const struct ak_node *n, const struct ak_node *in, const float *x, uint32_t oy, uint32_t ox,
		       size_t f)
{
	const float *k = n->weights[0].data, *bias = n->use_bias ? ak_node_weight(n, "bias")->data : NULL;
	size_t channels = in->dims[2], dm = n->depth_multiplier, group, filters = n->dims[2];
	double v = bias ? (double)bias[f] : 0;

	if (n->op == AK_OP_CONV2D) {
		group = f / (filters / n->groups);
		channels /= n->groups;
		return v + taps(n, in, x, oy, ox, k, channels * filters, f, filters, group * channels,
				(group + 1) * channels);
	}
	if (n->op == AK_OP_DEPTHWISE)
		return v + taps(n, in, x, oy, ox, k, channels * dm, f, 0, f / dm, f / dm + 1);
	for (size_t m = 0; m < channels * dm; m++)
		v += taps(n, in, x, oy, ox, k, channels * dm, m, 0, m / dm, m / dm + 1) *
		     (double)n->weights[1].data[m * filters + f];
	return v;
}

struct geometry {
	enum ak_op op;
	uint32_t h, w, c, kh, kw, f, stride, dilation, groups, dm;
	bool same, bias, padded;
};

static void check_window(const struct geometry *t)
{
	struct ak_node *n, *in;
	struct akida_graph *g = graph_of(t->h, t->w, t->c, t->op, &n);
	float *x, *out;
	size_t at = 0;

	n->kernel_h = t->kh;
	n->kernel_w = t->kw;
	n->filters = t->f;
	n->stride_h = n->stride_w = t->stride;
	n->dilation_h = n->dilation_w = t->dilation;
	n->groups = t->groups;
	n->depth_multiplier = t->dm;
	n->same = t->same;
	n->use_bias = t->bias;
	n->padded = t->padded;
	n->pad_value = 0.75f;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (uint32_t i = 0; i < n->weight_count; i++)
		for (size_t k = 0; k < n->weights[i].count; k++)
			n->weights[i].data[k] = random_value();
	in = &g->nodes[0];
	x = random_input(g, 2);
	out = run(g, x, 2);
	for (size_t s = 0; s < 2; s++)
		for (uint32_t oy = 0; oy < n->dims[0]; oy++)
			for (uint32_t ox = 0; ox < n->dims[1]; ox++)
				for (size_t f = 0; f < n->dims[2]; f++) {
					double want = expected(n, in, x + s * ak_node_elements(in), oy, ox, f);

					if (!(fabs((double)out[at] - want) <=
					      2e-5 * (fabs(want) + sqrt((double)t->c * t->kh * t->kw))))
						fail_msg("%s %ux%ux%u k%ux%u f%u s%u d%u g%u at %zu: %g, want %g",
							 ak_op_class(t->op), t->h, t->w, t->c, t->kh, t->kw, t->f,
							 t->stride, t->dilation, t->groups, at, (double)out[at], want);
					at++;
				}
	free(x);
	free(out);
	akida_graph_destroy(g);
}

static void test_node_forward_convolutions_match_plain_loops(void **state)
{
	static const struct geometry table[] = {
		{AK_OP_CONV2D, 5, 6, 3, 3, 3, 1, 1, 1, 1, 1, true, true, false},
		{AK_OP_CONV2D, 5, 6, 1, 3, 3, 3, 1, 1, 1, 1, false, false, false},
		{AK_OP_CONV2D, 6, 5, 7, 2, 4, 4, 1, 1, 1, 1, true, true, false},
		{AK_OP_CONV2D, 7, 7, 64, 3, 3, 15, 2, 1, 1, 1, true, true, false},
		{AK_OP_CONV2D, 6, 7, 65, 3, 3, 16, 2, 1, 1, 1, true, false, false},
		{AK_OP_CONV2D, 5, 5, 130, 1, 1, 17, 1, 1, 1, 1, false, true, false},
		{AK_OP_CONV2D, 5, 5, 4, 3, 3, 36, 3, 1, 1, 1, true, true, false},
		{AK_OP_CONV2D, 9, 8, 4, 3, 3, 20, 1, 2, 1, 1, true, true, false},
		{AK_OP_CONV2D, 9, 8, 4, 3, 2, 5, 1, 3, 1, 1, false, true, false},
		{AK_OP_CONV2D, 5, 6, 8, 3, 3, 16, 1, 1, 4, 1, true, true, false},
		{AK_OP_CONV2D, 5, 6, 6, 3, 3, 6, 1, 1, 6, 1, true, false, false},
		{AK_OP_CONV2D, 5, 6, 3, 3, 3, 18, 2, 1, 1, 1, true, true, true},
		{AK_OP_CONV2D, 3, 3, 2, 7, 7, 4, 1, 1, 1, 1, true, true, false},
		{AK_OP_DEPTHWISE, 6, 5, 9, 3, 3, 0, 1, 1, 1, 1, true, true, false},
		{AK_OP_DEPTHWISE, 6, 5, 5, 3, 2, 0, 2, 1, 1, 3, true, false, false},
		{AK_OP_DEPTHWISE, 9, 9, 4, 3, 3, 0, 1, 3, 1, 2, false, true, false},
		{AK_OP_SEPARABLE, 6, 5, 9, 3, 3, 19, 2, 1, 1, 1, true, true, false},
		{AK_OP_SEPARABLE, 6, 5, 4, 3, 3, 3, 1, 1, 1, 2, false, false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		seed = (unsigned int)i;
		check_window(&table[i]);
	}
}

static void test_node_forward_dense_any_width(void **state)
{
	(void)state;
	for (uint32_t units = 1; units < 40; units += 3) {
		struct ak_node *n;
		struct akida_graph *g = graph_of(2, 1, 131, AK_OP_DENSE, &n);
		float *x, *out;

		n->filters = units;
		n->use_bias = true;
		assert_int_equal(ak_graph_build(g, NULL), 0);
		for (uint32_t i = 0; i < 2; i++)
			for (size_t k = 0; k < n->weights[i].count; k++)
				n->weights[i].data[k] = random_value();
		x = random_input(g, 1);
		out = run(g, x, 1);
		for (uint32_t row = 0; row < 2; row++)
			for (uint32_t f = 0; f < units; f++) {
				double want = (double)n->weights[1].data[f];

				for (uint32_t i = 0; i < 131; i++)
					want += (double)x[row * 131 + i] * (double)n->weights[0].data[i * units + f];
				assert_true(fabs((double)out[row * units + f] - want) < 1e-4);
			}
		free(x);
		free(out);
		akida_graph_destroy(g);
	}
}

static void assert_values(const float *got, const float *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!(fabsf(got[i] - want[i]) < 1e-5f))
			fail_msg("value %zu is %g, want %g", i, (double)got[i], (double)want[i]);
}

static void test_node_forward_pools_ignore_the_padding(void **state)
{
	static const float x[] = {-1, -2, -3, -4, -5, -6, -7, -8, -9};
	static const float top[] = {-1, -3, -7, -9}, mean[] = {-3, -4.5f, -7.5f, -9};
	struct ak_node *n;
	struct akida_graph *g;
	float *out;

	(void)state;
	for (int avg = 0; avg < 2; avg++) {
		g = graph_of(3, 3, 1, avg ? AK_OP_AVGPOOL : AK_OP_MAXPOOL, &n);
		n->kernel_h = n->kernel_w = 2;
		n->same = true;
		assert_int_equal(ak_graph_build(g, NULL), 0);
		out = run(g, x, 1);
		assert_values(out, avg ? mean : top, 4);
		free(out);
		akida_graph_destroy(g);
	}
}

static void test_node_forward_relu_threshold_slope_and_maximum(void **state)
{
	static const float x[] = {-2, -0.0f, 0.25f, 0.5f, 3, 7};
	static const float plain[] = {0, 0, 0.25f, 0.5f, 3, 7}, six[] = {0, 0, 0.25f, 0.5f, 3, 6};
	static const float leaky[] = {-0.2f, 0, 0.25f, 0.5f, 3, 7}, odd[] = {-0.25f, -0.05f, -0.025f, 0.5f, 3, 6};
	static const struct {
		const float *want;
		bool bounded;
		float slope, threshold;
	} cases[] = {{plain, false, 0, 0}, {six, true, 0, 0}, {leaky, false, 0.1f, 0}, {odd, true, 0.1f, 0.5f}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ak_node *n;
		struct akida_graph *g = graph_of(1, 1, 6, AK_OP_RELU, &n);
		float *out;

		n->bounded = cases[i].bounded;
		n->max_value = 6;
		n->negative_slope = cases[i].slope;
		n->relu_threshold = cases[i].threshold;
		assert_int_equal(ak_graph_build(g, NULL), 0);
		out = run(g, x, 1);
		assert_values(out, cases[i].want, 6);
		free(out);
		akida_graph_destroy(g);
	}
}

static void test_node_forward_small_layers(void **state)
{
	static const float x[] = {1, 2, 3, 4, 5, 6, 7, 8}; /* 2x2x2 */
	static const float mean[] = {4, 5}, twice[] = {2, 4, 6, 8, 10, 12, 14, 16};
	static const float scaled[] = {-0.5f, 0, 0.5f, 1, 1.5f, 2, 2.5f, 3};
	static const float normal[] = {-1, 5, 1, 6, 3, 7, 5, 8};
	struct ak_node *n;
	struct akida_graph *g;
	float *out;

	(void)state;
	g = graph_of(2, 2, 2, AK_OP_GAP, &n);
	assert_int_equal(ak_graph_build(g, NULL), 0);
	out = run(g, x, 1);
	assert_values(out, mean, 2);
	free(out);
	akida_graph_destroy(g);

	g = graph_of(2, 2, 2, AK_OP_ADD, &n);
	assert_int_equal(ak_graph_build(g, NULL), 0);
	out = run(g, x, 1);
	assert_values(out, twice, 8);
	free(out);
	akida_graph_destroy(g);

	g = graph_of(2, 2, 2, AK_OP_RESCALING, &n);
	n->scale = 0.5f;
	n->offset = -1;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	out = run(g, x, 1);
	assert_values(out, scaled, 8);
	free(out);
	akida_graph_destroy(g);

	g = graph_of(2, 2, 2, AK_OP_BATCHNORM, &n);
	n->center = n->scale_on = true;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	memcpy(n->weights[0].data, (const float[]){2, 1}, 8);  /* gamma */
	memcpy(n->weights[1].data, (const float[]){1, 0}, 8);  /* beta */
	memcpy(n->weights[2].data, (const float[]){3, -8}, 8); /* mean */
	memcpy(n->weights[3].data, (const float[]){4, 4}, 8);  /* variance */
	out = run(g, x, 1);
	assert_values(out, normal, 8);
	free(out);
	akida_graph_destroy(g);
}

static void test_node_forward_softmax_large_values_sum_to_one(void **state)
{
	static const float x[] = {1000, 999, -1000, 0, 0, 0};
	static const float want[] = {0.7310586f, 0.2689414f, 0, 0.3333333f, 0.3333333f, 0.3333333f};
	struct ak_node *n;
	struct akida_graph *g = graph_of(2, 1, 3, AK_OP_SOFTMAX, &n);
	float *out;

	(void)state;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	out = run(g, x, 1);
	assert_values(out, want, 6);
	free(out);
	akida_graph_destroy(g);
}

static void test_node_forward_zero_padding_sides(void **state)
{
	static const float x[] = {1, 2, 3, 4};
	static const float want[] = {0, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 3, 4, 0};
	struct ak_node *n;
	struct akida_graph *g = graph_of(2, 2, 1, AK_OP_ZEROPAD, &n);
	float *out;

	(void)state;
	n->pad[0] = 1;
	n->pad[2] = 2;
	n->pad[3] = 1;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	assert_int_equal(ak_node_elements(n), 15);
	out = run(g, x, 1);
	assert_values(out, want, 15);
	free(out);
	akida_graph_destroy(g);
}

static void test_graph_forward_refuses_other_shapes(void **state)
{
	static const struct {
		uint32_t rank;
		size_t dims[4];
		int err;
	} cases[] = {
		{4, {2, 2, 2, 2}, 0},	    {2, {2, 8}, 0},    {2, {2, 7}, -EINVAL},
		{4, {2, 2, 4, 2}, -EINVAL}, {1, {8}, -EINVAL},
	};
	struct ak_node *n;
	struct akida_graph *g = graph_of(2, 2, 2, AK_OP_RELU, &n);
	float out[16];

	(void)state;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_array x;

		assert_int_equal(akida_array_init(&x, AKIDA_U8, cases[i].rank, cases[i].dims), 0);
		assert_int_equal(akida_graph_forward(g, &x, out, NULL), cases[i].err);
		akida_array_fini(&x);
	}
	akida_graph_destroy(g);
}

static void test_graph_forward_every_type_gives_the_same(void **state)
{
	static const enum akida_dtype types[] = {AKIDA_U8,  AKIDA_I8,  AKIDA_I16, AKIDA_I32,
						 AKIDA_I64, AKIDA_F32, AKIDA_F64};
	struct ak_node *n;
	struct akida_graph *g = graph_of(1, 1, 3, AK_OP_RESCALING, &n);
	const size_t dims[] = {2, 3};
	float out[6];

	(void)state;
	n->scale = 2;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
		struct akida_array x;

		assert_int_equal(akida_array_init(&x, types[t], 2, dims), 0);
		for (int i = 0; i < 6; i++) {
			if (types[t] == AKIDA_F32)
				((float *)x.data)[i] = (float)i;
			else if (types[t] == AKIDA_F64)
				((double *)x.data)[i] = i;
			else
				((unsigned char *)x.data)[(size_t)i * akida_dtype_bytes(types[t])] = (unsigned char)i;
		}
		assert_int_equal(akida_graph_forward(g, &x, out, NULL), 0);
		for (int i = 0; i < 6; i++)
			assert_true(out[i] == (float)(2 * i));
		akida_array_fini(&x);
	}
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_node_forward_convolutions_match_plain_loops),
		cmocka_unit_test(test_node_forward_dense_any_width),
		cmocka_unit_test(test_node_forward_pools_ignore_the_padding),
		cmocka_unit_test(test_node_forward_relu_threshold_slope_and_maximum),
		cmocka_unit_test(test_node_forward_small_layers),
		cmocka_unit_test(test_node_forward_softmax_large_values_sum_to_one),
		cmocka_unit_test(test_node_forward_zero_padding_sides),
		cmocka_unit_test(test_graph_forward_refuses_other_shapes),
		cmocka_unit_test(test_graph_forward_every_type_gives_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
