/* SPDX-License-Identifier: MIT */
/*
 * Networks of every encodable kind, with random weights, mapped for both chips: the software NSoC, which reads packets
 * only, must give what layer/ computes directly. Two independent readings of the encoding meet here. It runs twice, by the
 * compute kernels and part by part: outputs and modelled time are the same.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <akida/map.h>
#include <akida/run.h>
#include "layer/layer.h"

#define LAYERS_MAX 6u
#define FRAMES 3u

struct spec {
	enum akida_layer_type type;
	uint32_t filters, kernel, stride, pool, pool_stride; /* pool 0 none, 99 global average */
	uint32_t act_bits;				     /* 0: potentials */
	enum akida_padding padding, pool_padding;
	uint32_t weights_bits;
};
struct net {
	const char *name;
	uint32_t h, w, c;
	struct spec layer[LAYERS_MAX];
};

#define HRC(f, k, s, pool, bits)                                                                                       \
	{                                                                                                              \
		AKIDA_LAYER_INPUT_CONV, f, k, s, pool, pool, bits, AKIDA_PAD_SAME, AKIDA_PAD_SAME, 8                   \
	}
#define HRC_VALID(f, k, s, bits)                                                                                       \
	{                                                                                                              \
		AKIDA_LAYER_INPUT_CONV, f, k, s, 0, 0, bits, AKIDA_PAD_VALID, AKIDA_PAD_SAME, 8                        \
	}
#define CONV(f, s, pool, bits)                                                                                         \
	{                                                                                                              \
		AKIDA_LAYER_CONV, f, 3, s, pool, pool, bits, AKIDA_PAD_SAME, AKIDA_PAD_SAME, 4                         \
	}
#define CONV_POOL(f, size, stride, pad)                                                                                \
	{                                                                                                              \
		AKIDA_LAYER_CONV, f, 3, 1, size, stride, 4, AKIDA_PAD_SAME, pad, 4                                     \
	}
#define CONV_2BIT(f)                                                                                                   \
	{                                                                                                              \
		AKIDA_LAYER_CONV, f, 3, 1, 0, 0, 2, AKIDA_PAD_SAME, AKIDA_PAD_SAME, 2                                  \
	}
#define SEP(f, s, pool, bits)                                                                                          \
	{                                                                                                              \
		AKIDA_LAYER_SEPARABLE, f, 3, s, pool, pool, bits, AKIDA_PAD_SAME, AKIDA_PAD_SAME, 4                    \
	}
#define FULLY(u, bits)                                                                                                 \
	{                                                                                                              \
		AKIDA_LAYER_FULLY, u, 1, 1, 0, 0, bits, AKIDA_PAD_VALID, AKIDA_PAD_SAME, 4                             \
	}
#define GAP 99u

static const struct net nets[] = {
	{"seed", 28, 28, 1, {HRC(16, 3, 1, 2, 4), CONV(16, 1, 2, 4), FULLY(10, 0)}},
	{"verified only",
	 32,
	 32,
	 3,
	 {HRC(8, 3, 2, 0, 4), CONV(16, 1, 0, 4), SEP(24, 2, 0, 4), SEP(64, 1, GAP, 4), FULLY(10, 0)}},
	{"one channel 5x5", 25, 14, 1, {HRC(64, 5, 2, 0, 4), SEP(64, 1, 0, 4), FULLY(9, 0)}},
	{"input stride 3, valid", 40, 37, 3, {HRC_VALID(16, 3, 3, 4), CONV(24, 1, 0, 4), FULLY(5, 0)}},
	{"odd sizes, stride 2", 27, 29, 1, {HRC(16, 3, 1, 0, 4), CONV(16, 2, 0, 4), SEP(20, 2, 0, 4), FULLY(7, 0)}},
	{"rows split over three",
	 90,
	 20,
	 3,
	 {HRC(8, 3, 1, 0, 4), CONV(16, 1, 0, 4), CONV(16, 2, 0, 4), SEP(16, 2, 0, 4), SEP(16, 1, GAP, 4), FULLY(3, 0)}},
	{"rows split, pooling", 70, 21, 1, {HRC(16, 3, 1, 0, 4), CONV(16, 1, 2, 4), CONV(16, 1, 2, 4), FULLY(4, 0)}},
	{"filters split",
	 12,
	 12,
	 3,
	 {HRC(32, 3, 1, 0, 4), CONV(96, 1, 0, 4), CONV(128, 2, 0, 4), SEP(200, 1, 0, 4), FULLY(2, 0)}},
	{"rows and filters split", 36, 8, 3, {HRC(96, 3, 1, 0, 4), CONV(120, 1, 0, 4), CONV(16, 2, 2, 4), FULLY(2, 0)}},
	{"overlapping pooling, valid pooling",
	 24,
	 21,
	 1,
	 {HRC(16, 3, 1, 0, 4), CONV_POOL(16, 2, 1, AKIDA_PAD_SAME), CONV_POOL(16, 2, 2, AKIDA_PAD_VALID), FULLY(6, 0)}},
	{"channels not a multiple of 8",
	 16,
	 16,
	 1,
	 {HRC(12, 3, 2, 0, 4), SEP(18, 1, 2, 4), SEP(9, 1, 0, 4), FULLY(6, 0)}},
	{"few bits", 20, 20, 3, {HRC(16, 3, 2, 0, 2), CONV_2BIT(16), SEP(16, 1, 0, 1), FULLY(4, 0)}},
	{"one bit after the input", 20, 20, 1, {HRC(16, 3, 2, 0, 1), CONV(16, 1, 0, 1), FULLY(4, 0)}},
	{"convolution as output", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(16, 2, 0, 4), SEP(5, 1, 0, 0)}},
	{"standard convolution as output", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(6, 2, 0, 0)}},
	{"pooled output", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(16, 1, GAP, 0)}},
	{"activations as output", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(16, 1, 0, 4), SEP(7, 2, 0, 4)}},
	{"fully connected twice", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(16, 2, 0, 4), FULLY(33, 4), FULLY(9, 0)}},
	{"fully connected activations", 16, 16, 3, {HRC(8, 3, 2, 0, 4), CONV(16, 2, 0, 4), FULLY(33, 4), FULLY(9, 2)}},
};

static uint32_t seed;

static uint32_t rnd(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static int8_t weight(uint32_t bits)
{
	int top = bits == 8 ? 127 : bits == 4 ? 7 : 1;

	return (int8_t)((int)(rnd() % (2 * (unsigned int)top + 1)) - top);
}

/* Thresholds and steps near the spread of the potentials, so that activations take all values. */
static void fill(struct akida_layer *l)
{
	uint32_t inputs = (uint32_t)(ak_layer_weight_count(l) / (l->type == AKIDA_LAYER_SEPARABLE ? 1 : l->filters));
	double spread = sqrt(inputs) * (l->type == AKIDA_LAYER_INPUT_CONV ? 8000 : l->in_bits == 1 ? 2 : 20);

	if (l->type == AKIDA_LAYER_SEPARABLE)
		spread *= 4;
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		spread *= l->conv_h * l->conv_w / 4.0;
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = weight(l->weights_bits);
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = weight(l->weights_bits);
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = (int32_t)(spread * ((int)(rnd() % 200) - 100) / 200);
		l->step16[f] = 1 + (int32_t)(spread * (50 + rnd() % 100) / 100);
		if (l->scale)
			l->scale[f] = 1.0f;
	}
}

static struct akida_model *build(const struct net *n, struct akida_diag *diag)
{
	struct akida_layer *layers = calloc(LAYERS_MAX, sizeof(*layers));
	struct akida_model *m = NULL;
	uint32_t h = n->h, w = n->w, c = n->c, bits = 8, count = 0;

	assert_non_null(layers);
	for (; count < LAYERS_MAX && n->layer[count].type; count++) {
		const struct spec *s = &n->layer[count];
		struct akida_layer *l = &layers[count];

		*l = (struct akida_layer){
			.type = s->type,
			.in_h = h,
			.in_w = w,
			.in_c = c,
			.in_bits = bits,
			.filters = s->filters,
			.kernel_h = s->kernel,
			.kernel_w = s->kernel,
			.stride = s->stride,
			.padding = s->padding,
			.padding_value = count || s->padding == AKIDA_PAD_VALID ? 0 : 77,
			.pool = s->pool == GAP ? AKIDA_POOL_GLOBAL_AVERAGE
				: s->pool      ? AKIDA_POOL_MAX
					       : AKIDA_POOL_NONE,
			.pool_size = s->pool == GAP ? 0 : s->pool,
			.pool_stride = s->pool == GAP ? 0 : s->pool_stride,
			.pool_padding = s->pool_padding,
			.weights_bits = s->weights_bits,
			.activation = s->act_bits != 0,
			.act_bits = s->act_bits,
		};
		snprintf(l->name, sizeof(l->name), "layer%u", count);
		if (ak_layer_finish(l, diag))
			fail_msg("%s: %s", n->name, akida_diag_first_error(diag)->text);
		assert_int_equal(ak_layer_alloc(l), 0);
		fill(l);
		h = l->out_h;
		w = l->out_w;
		c = l->out_c;
		bits = s->act_bits;
	}
	if (ak_model_create(layers, count, "test", &m, diag))
		fail_msg("%s: %s", n->name, akida_diag_first_error(diag)->text);
	return m;
}

static int32_t *run(const char *device, const struct akida_program *p, const struct akida_model *m, const uint8_t *in,
		    struct akida_diag *diag, size_t *outputs, uint64_t *clocks)
{
	struct akida_session_params params = {.size = sizeof(params), .batch = 2, .provisional = true};
	struct akida_stats stats = {.size = sizeof(stats)};
	struct akida_session *s = NULL;
	struct akida_device *d = NULL;
	int32_t *out;

	if (akida_device_open(device, &d, diag) || akida_session_create(d, p, m, &params, &s, diag))
		fail_msg("%s: %s", device, akida_diag_first_error(diag)->text);
	*outputs = akida_session_outputs(s);
	out = calloc(FRAMES * *outputs, sizeof(*out));
	assert_non_null(out);
	if (akida_session_run(s, in, FRAMES, out) != FRAMES)
		fail_msg("%s: %s", device, akida_session_error(s));
	assert_int_equal(akida_session_stats(s, &stats), 0);
	assert_int_equal(stats.unknown_events, 0);
	*clocks = stats.inference_clk;
	akida_session_destroy(s);
	akida_device_close(d);
	return out;
}

static void compare(const struct net *n, const char *chip)
{
	struct akida_map_params params = {.size = sizeof(params), .mode = AKIDA_MAP_MINIMAL};
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;
	struct akida_model *m;
	char device[32];
	size_t bytes = (size_t)n->h * n->w * n->c, outputs, spread = 0;
	uint8_t *in = malloc(FRAMES * bytes);
	int32_t *want, *got, *parts;
	uint64_t clocks, clocks_of_parts;

	seed = 7;
	m = build(n, diag);
	assert_non_null(in);
	for (size_t i = 0; i < FRAMES * bytes; i++)
		in[i] = (uint8_t)rnd();
	if (akida_map(m, chip, &params, &p, NULL, diag))
		fail_msg("%s on %s: %s", n->name, chip, akida_diag_first_error(diag)->text);
	snprintf(device, sizeof(device), "virtual:%s", chip);
	got = run(device, p, NULL, in, diag, &outputs, &clocks);
	setenv("AKIDA_ISA", "ref", 1);
	want = run("cpu", NULL, m, in, diag, &outputs, &clocks_of_parts);
	parts = run(device, p, NULL, in, diag, &outputs, &clocks_of_parts);
	unsetenv("AKIDA_ISA");
	assert_true(clocks > 0);
	assert_int_equal(clocks, clocks_of_parts);
	assert_memory_equal(got, parts, FRAMES * outputs * sizeof(*got));
	for (size_t i = 0; i < FRAMES * outputs; i++) {
		if (want[i] != got[i])
			fail_msg("%s on %s: output %zu is %d, %d wanted", n->name, chip, i, got[i], want[i]);
		spread += want[i] != want[0];
	}
	assert_true(spread > 0); /* a constant output would prove nothing */
	free(want);
	free(got);
	free(parts);
	free(in);
	akida_program_destroy(p);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_mapped_networks_on_akd1000_equal_the_layers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		compare(&nets[i], "akd1000");
}

static void test_mapped_networks_on_akd1500_equal_the_layers(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(nets) / sizeof(nets[0]); i++)
		compare(&nets[i], "akd1500");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mapped_networks_on_akd1000_equal_the_layers),
		cmocka_unit_test(test_mapped_networks_on_akd1500_equal_the_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
