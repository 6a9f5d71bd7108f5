/* SPDX-License-Identifier: MIT */
/* The integer semantics: hand-computed cases, an independent straightforward model, parts of a layer, the activation law. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "layer/layer.h"

static uint32_t seed;

static uint32_t next(void)
{
	seed = seed * 1664525u + 1013904223u;
	return seed >> 8;
}

static void fill_u8(uint8_t *p, size_t n, uint32_t max)
{
	for (size_t i = 0; i < n; i++)
		p[i] = next() % 3 ? (uint8_t)(next() % (max + 1)) : 0;
}

static void fill_i8(int8_t *p, size_t n, int bits)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (int8_t)((int)(next() % (1u << bits)) - (1 << (bits - 1)));
}

/* The definition in layer.h, written down once more without any thought of speed. */
static int64_t conv_at(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *w, int64_t y, int64_t x,
		       uint32_t f)
{
	int64_t sum = 0;

	for (int64_t ky = 0; ky < g->kernel_h; ky++)
		for (int64_t kx = 0; kx < g->kernel_w; kx++)
			for (uint32_t c = 0; c < g->in_c; c++) {
				int64_t iy = y * g->stride + ky - g->pad_top, ix = x * g->stride + kx - g->pad_left;
				bool in_map = iy >= 0 && iy < g->in_h && ix >= 0 && ix < g->in_w;
				int64_t v = in_map ? in[(iy * g->in_w + ix) * g->in_c + c] : (int64_t)g->pad_value;

				sum += v * w[((ky * g->kernel_w + kx) * g->in_c + c) * g->filters + f];
			}
	return sum;
}

static void test_conv_potentials_hand_computed_case(void **state)
{
	/* 3x3 map, 2x2 kernel, one channel, two filters, no padding */
	const uint8_t in[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
	const int8_t w[8] = {1, -1, 2, 0, 3, 0, 4, 1}; /* [ky][kx][c][f] */
	const struct ak_conv_geom g = {.in_h = 3,
				       .in_w = 3,
				       .in_c = 1,
				       .stride = 1,
				       .kernel_h = 2,
				       .kernel_w = 2,
				       .out_h = 2,
				       .out_w = 2,
				       .filters = 2};
	const int32_t want[8] = {1 + 4 + 12 + 20,  5 - 1, 2 + 6 + 15 + 24,  6 - 2,
				 4 + 10 + 21 + 32, 8 - 4, 5 + 12 + 24 + 36, 9 - 5};
	int32_t out[8];

	(void)state;
	ak_conv_potentials(&g, in, w, out);
	assert_memory_equal(out, want, sizeof(want));
}

static void test_conv_potentials_padding_value_takes_part(void **state)
{
	const uint8_t in[1] = {10};
	const int8_t w[9] = {1, 1, 1, 1, 2, 1, 1, 1, -1};
	struct ak_conv_geom g = {.in_h = 1,
				 .in_w = 1,
				 .in_c = 1,
				 .pad_top = 1,
				 .pad_left = 1,
				 .stride = 1,
				 .kernel_h = 3,
				 .kernel_w = 3,
				 .out_h = 1,
				 .out_w = 1,
				 .filters = 1,
				 .pad_value = 128};
	int32_t out;

	(void)state;
	ak_conv_potentials(&g, in, w, &out);
	assert_int_equal(out, 20 + 128 * 6);
	g.pad_value = 0;
	ak_conv_potentials(&g, in, w, &out);
	assert_int_equal(out, 20);
}

static void test_conv_potentials_equals_definition_for_many_geometries(void **state)
{
	static const uint32_t filters[] = {1, 3, 8, 15, 16, 17, 32, 33};
	uint8_t in[9 * 11 * 5];
	int8_t w[7 * 7 * 5 * 33];
	int32_t out[20 * 20 * 33];

	(void)state;
	seed = 1;
	for (int round = 0; round < 400; round++) {
		struct ak_conv_geom g = {.in_h = 1 + next() % 9,
					 .in_w = 1 + next() % 11,
					 .in_c = 1 + next() % 5,
					 .pad_top = (int32_t)(next() % 9) - 2,
					 .pad_left = (int32_t)(next() % 9) - 2,
					 .stride = 1 + next() % 3,
					 .kernel_h = 1 + next() % 7,
					 .kernel_w = 1 + next() % 7,
					 .out_h = 1 + next() % 6,
					 .out_w = 1 + next() % 6,
					 .filters = filters[next() % 8],
					 .pad_value = next() % 2 ? next() % 256 : 0};

		fill_u8(in, sizeof(in), 255);
		fill_i8(w, sizeof(w), 8);
		ak_conv_potentials(&g, in, w, out);
		for (uint32_t y = 0; y < g.out_h; y++)
			for (uint32_t x = 0; x < g.out_w; x++)
				for (uint32_t f = 0; f < g.filters; f++)
					assert_int_equal(out[(y * g.out_w + x) * g.filters + f],
							 conv_at(&g, in, w, y, x, f));
	}
}

static void test_separable_potentials_equals_depthwise_then_pointwise(void **state)
{
	uint8_t in[9 * 11 * 7];
	int8_t dw[5 * 5 * 7], pw[7 * 33];
	int32_t out[6 * 6 * 33], tmp[6 * 7];

	(void)state;
	seed = 2;
	for (int round = 0; round < 300; round++) {
		/* even rounds: widths of the chip; odd rounds: sums beyond 16 bits */
		int bits = round % 2 ? 8 : 4;
		struct ak_conv_geom g = {.in_h = 1 + next() % 9,
					 .in_w = 1 + next() % 11,
					 .in_c = 1 + next() % 7,
					 .pad_top = (int32_t)(next() % 5) - 1,
					 .pad_left = (int32_t)(next() % 5) - 1,
					 .stride = 1 + next() % 2,
					 .kernel_h = 1 + next() % 5,
					 .kernel_w = 1 + next() % 5,
					 .out_h = 1 + next() % 6,
					 .out_w = 1 + next() % 6,
					 .filters = 1 + next() % 33};
		struct ak_conv_geom d = g;

		fill_u8(in, sizeof(in), bits == 8 ? 255 : 15);
		fill_i8(dw, sizeof(dw), bits);
		fill_i8(pw, sizeof(pw), bits);
		ak_separable_potentials(&g, in, dw, pw, out, tmp);
		for (uint32_t y = 0; y < g.out_h; y++)
			for (uint32_t x = 0; x < g.out_w; x++)
				for (uint32_t f = 0; f < g.filters; f++) {
					int64_t sum = 0;

					for (uint32_t c = 0; c < g.in_c; c++) {
						int64_t s = 0;

						for (int64_t k = 0; k < g.kernel_h * g.kernel_w; k++) {
							int64_t iy = y * g.stride + k / g.kernel_w - d.pad_top;
							int64_t ix = x * g.stride + k % g.kernel_w - d.pad_left;

							if (iy >= 0 && iy < g.in_h && ix >= 0 && ix < g.in_w)
								s += in[(iy * g.in_w + ix) * g.in_c + c] *
								     dw[k * g.in_c + c];
						}
						sum += s * pw[c * g.filters + f];
					}
					assert_int_equal(out[(y * g.out_w + x) * g.filters + f], sum);
				}
	}
}

static void test_conv_potentials_rows_with_halo_equal_the_whole(void **state)
{
	/* 12 rows, Same padding, stride 1 and 2, split at every output row: parts see only their rows and the halo */
	uint8_t in[12 * 7 * 3];
	int8_t w[3 * 3 * 3 * 8];
	int32_t whole[12 * 7 * 8], part[12 * 7 * 8];

	(void)state;
	seed = 3;
	fill_u8(in, sizeof(in), 15);
	fill_i8(w, sizeof(w), 4);
	for (uint32_t stride = 1; stride <= 2; stride++) {
		struct ak_conv_geom g = {.in_h = 12,
					 .in_w = 7,
					 .in_c = 3,
					 .stride = stride,
					 .kernel_h = 3,
					 .kernel_w = 3,
					 .out_h = ak_same_out(12, stride),
					 .out_w = ak_same_out(7, stride),
					 .filters = 8};
		size_t row = (size_t)g.out_w * g.filters;

		g.pad_top = (int32_t)ak_same_pad_before(12, 3, stride);
		g.pad_left = (int32_t)ak_same_pad_before(7, 3, stride);
		ak_conv_potentials(&g, in, w, whole);
		for (uint32_t cut = 1; cut < g.out_h; cut++) {
			struct ak_conv_geom a = g, b = g;
			int32_t first = (int32_t)(cut * stride) - g.pad_top; /* first input row the second part needs */

			a.out_h = cut;
			a.in_h = (uint32_t)((int32_t)((cut - 1) * stride) - g.pad_top + 3);
			b.out_h = g.out_h - cut;
			b.in_h = 12 - (uint32_t)first;
			b.pad_top = 0;
			ak_conv_potentials(&a, in, w, part);
			ak_conv_potentials(&b, in + (size_t)first * 7 * 3, w, part + cut * row);
			assert_memory_equal(part, whole, g.out_h * row * sizeof(int32_t));
			/* the same with the whole map and a negative padding as origin */
			b.in_h = 12;
			b.pad_top = -first;
			ak_conv_potentials(&b, in, w, part + cut * row);
			assert_memory_equal(part, whole, g.out_h * row * sizeof(int32_t));
		}
	}
}

static void test_same_padding_follows_tensorflow(void **state)
{
	(void)state;
	assert_int_equal(ak_same_out(28, 1), 28);
	assert_int_equal(ak_same_out(28, 2), 14);
	assert_int_equal(ak_same_out(49, 2), 25);
	assert_int_equal(ak_same_pad_before(28, 3, 1), 1);
	assert_int_equal(ak_same_pad_before(28, 3, 2), 0); /* even size, stride 2: none before, one after */
	assert_int_equal(ak_same_pad_before(49, 3, 2), 1);
	assert_int_equal(ak_same_pad_before(49, 5, 2), 2); /* KWS: top 2, bottom 2 */
	assert_int_equal(ak_same_pad_before(10, 5, 2), 1); /* KWS: left 1, right 2 */
	assert_int_equal(ak_same_pad_before(28, 2, 2), 0);
	assert_int_equal(ak_same_pad_before(7, 2, 2), 0);
	assert_int_equal(ak_same_pad_before(7, 1, 3), 0);
	assert_int_equal(ak_same_pad_before(1, 7, 1), 3);
}

static void test_pool_max_edges_do_not_take_part(void **state)
{
	const int32_t in[9] = {-9, -8, -7, -6, -5, -4, -3, -2, -1};
	int32_t out[9];

	(void)state;
	/* 2x2 stride 2 on 3x3, Same: the last windows are cut short, and negative values survive */
	ak_pool_max(in, 3, 3, 1, 2, 2, 0, 0, 2, 2, out);
	assert_int_equal(out[0], -5);
	assert_int_equal(out[1], -4);
	assert_int_equal(out[2], -2);
	assert_int_equal(out[3], -1);
	/* 3x3 stride 1 with padding before */
	ak_pool_max(in, 3, 3, 1, 3, 1, 1, 1, 3, 3, out);
	assert_int_equal(out[0], -5);
	assert_int_equal(out[4], -1);
	assert_int_equal(out[2], -4);
	assert_int_equal(out[6], -2);
}

static void test_pool_sum_parts_add_up(void **state)
{
	const int32_t in[12] = {1, 2, 3, 4, 5, 6, -7, 8, 9, 10, 11, -12}; /* 2 x 2 x 3 */
	int32_t out[3] = {0, 0, 0}, parts[3] = {0, 0, 0};

	(void)state;
	ak_pool_sum(in, 2, 2, 3, out);
	assert_int_equal(out[0], 1 + 4 - 7 + 10);
	assert_int_equal(out[1], 2 + 5 + 8 + 11);
	assert_int_equal(out[2], 3 + 6 + 9 - 12);
	ak_pool_sum(in, 1, 2, 3, parts);
	ak_pool_sum(in + 6, 1, 2, 3, parts);
	assert_memory_equal(out, parts, sizeof(out));
}

static void test_activate_at_thresholds_and_ties(void **state)
{
	(void)state;
	/* step 16/16 = 1: y = p - t, saturating */
	assert_int_equal(ak_activate(10, 10, 16, 4), 0);
	assert_int_equal(ak_activate(9, 10, 16, 4), 0);
	assert_int_equal(ak_activate(11, 10, 16, 4), 1);
	assert_int_equal(ak_activate(24, 10, 16, 4), 14);
	assert_int_equal(ak_activate(25, 10, 16, 4), 15);
	assert_int_equal(ak_activate(26, 10, 16, 4), 15);
	/* 24/16 = 1.5: ties are exact multiples and belong to the lower value */
	assert_int_equal(ak_activate(1, 0, 24, 4), 1);
	assert_int_equal(ak_activate(2, 0, 24, 4), 2);
	assert_int_equal(ak_activate(3, 0, 24, 4), 2);
	assert_int_equal(ak_activate(4, 0, 24, 4), 3);
	/* 2 bits: the interval is four steps; 1 bit: only the threshold counts */
	assert_int_equal(ak_activate(4, 0, 16, 2), 1);
	assert_int_equal(ak_activate(5, 0, 16, 2), 2);
	assert_int_equal(ak_activate(100, 0, 16, 2), 3);
	assert_int_equal(ak_activate(1, 0, 1, 1), 1);
	assert_int_equal(ak_activate(INT32_MAX, 0, AK_STEP16_MAX, 1), 1);
	assert_int_equal(ak_activate(0, 0, 1, 1), 0);
	/* extremes do not overflow */
	assert_int_equal(ak_activate(INT32_MAX, INT32_MIN, 1, 4), 15);
	assert_int_equal(ak_activate(INT32_MIN, INT32_MAX, 1, 4), 0);
	assert_int_equal(ak_activate(INT32_MAX, INT32_MAX - 1, AK_STEP16_MAX, 4), 1);
	assert_int_equal(ak_activate(INT32_MAX, INT32_MIN, INT32_MAX, 4), 15);
}

static void check_map(const int32_t *p, size_t n, uint32_t c, const int32_t *t, const int32_t *s, uint32_t bits)
{
	uint8_t *out = malloc(n * c);

	ak_activate_map(p, n, c, t, s, bits, out);
	for (size_t i = 0; i < n * c; i++)
		if (out[i] != ak_activate(p[i], t[i % c], s[i % c], bits))
			fail_msg("p %d t %d step %d bits %u: %u", p[i], t[i % c], s[i % c], bits, out[i]);
	free(out);
}

static void test_activate_map_equals_activate_everywhere(void **state)
{
	static const uint32_t widths[] = {1, 3, 15, 16, 17, 33};
	static int32_t p[4096 * 16];
	int32_t t[33], s[33];

	(void)state;
	seed = 4;
	/* exhaustive: every potential around the active range for every small step */
	for (uint32_t bits = 1; bits <= 4; bits *= 2)
		for (int32_t step = 1; step <= 200; step++) {
			for (uint32_t k = 0; k < 16; k++) {
				t[k] = (int32_t)k - 8;
				s[k] = step;
			}
			for (int32_t i = 0; i < 256; i++)
				for (uint32_t k = 0; k < 16; k++)
					p[i * 16 + (int32_t)k] = i - 20;
			check_map(p, 256, 16, t, s, bits);
		}
	/* random channels with potentials on, just below and just above every boundary, and extremes */
	for (int round = 0; round < 300; round++) {
		uint32_t c = widths[next() % 6], bits = 1u << next() % 3;
		size_t n = 0;

		for (uint32_t k = 0; k < c; k++) {
			t[k] = (int32_t)(next() % 1048576) - 524288;
			s[k] = 1 + (int32_t)(next() % (round % 2 ? 4000 : AK_STEP16_MAX));
			if (round % 20 == 0)
				t[k] = next() % 2 ? INT32_MAX - (int32_t)(next() % 1000) : INT32_MIN;
		}
		for (int64_t level = 0; level < 16; level++)
			for (int64_t off = -1; off <= 1; off++, n++)
				for (uint32_t k = 0; k < c; k++) {
					int64_t v = t[k] + level * ((int64_t)s[k] << (4 - bits)) / 16 + off;

					p[n * c + k] = v > INT32_MAX   ? INT32_MAX
						       : v < INT32_MIN ? INT32_MIN
								       : (int32_t)v;
				}
		for (uint32_t k = 0; k < c; k++) {
			p[n * c + k] = INT32_MAX;
			p[(n + 1) * c + k] = INT32_MIN;
		}
		check_map(p, n + 2, c, t, s, bits);
	}
}

static void test_fully_potentials_sums_all_inputs(void **state)
{
	const uint8_t in[3] = {2, 0, 15};
	const int8_t w[6] = {1, -1, 100, 100, -7, 7}; /* [n][u] */
	int32_t out[2];

	(void)state;
	ak_fully_potentials(in, 3, w, 2, out);
	assert_int_equal(out[0], 2 - 105);
	assert_int_equal(out[1], -2 + 105);
}

/* A layer through ak_layer_run against its parts put together by hand. */
static void test_layer_run_pools_then_activates(void **state)
{
	struct akida_layer l = {.name = "c",
				.type = AKIDA_LAYER_CONV,
				.in_h = 7,
				.in_w = 9,
				.in_c = 4,
				.in_bits = 4,
				.filters = 16,
				.kernel_h = 3,
				.kernel_w = 3,
				.stride = 1,
				.padding = AKIDA_PAD_SAME,
				.pool = AKIDA_POOL_MAX,
				.pool_size = 2,
				.pool_stride = 2,
				.pool_padding = AKIDA_PAD_SAME,
				.weights_bits = 4,
				.activation = true,
				.act_bits = 4};
	uint8_t in[7 * 9 * 4], act[4 * 5 * 16];
	int32_t *scratch;

	(void)state;
	seed = 5;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.out_h, 4);
	assert_int_equal(l.out_w, 5);
	assert_int_equal(ak_layer_alloc(&l), 0);
	fill_u8(in, sizeof(in), 15);
	fill_i8(l.weights, ak_layer_weight_count(&l), 4);
	for (uint32_t f = 0; f < 16; f++) {
		l.threshold[f] = (int32_t)(next() % 200) - 100;
		l.step16[f] = 1 + (int32_t)(next() % 400);
	}
	scratch = malloc(ak_layer_scratch(&l) * sizeof(*scratch));
	ak_layer_run(&l, in, act, NULL, scratch);
	for (uint32_t y = 0; y < 4; y++)
		for (uint32_t x = 0; x < 5; x++)
			for (uint32_t f = 0; f < 16; f++) {
				struct ak_conv_geom g = {.in_h = 7,
							 .in_w = 9,
							 .in_c = 4,
							 .pad_top = 1,
							 .pad_left = 1,
							 .stride = 1,
							 .kernel_h = 3,
							 .kernel_w = 3,
							 .filters = 16};
				int64_t best = INT32_MIN;

				for (uint32_t k = 0; k < 4; k++)
					if (2 * y + k / 2 < 7 && 2 * x + k % 2 < 9) {
						int64_t v = conv_at(&g, in, l.weights, 2 * y + k / 2, 2 * x + k % 2, f);

						best = v > best ? v : best;
					}
				assert_int_equal(act[(y * 5 + x) * 16 + f],
						 ak_activate((int32_t)best, l.threshold[f], l.step16[f], 4));
			}
	free(scratch);
	ak_layer_fini(&l);
}

static void test_layer_run_global_pool_hands_out_sums(void **state)
{
	struct akida_layer l = {.name = "s",
				.type = AKIDA_LAYER_SEPARABLE,
				.in_h = 4,
				.in_w = 3,
				.in_c = 5,
				.in_bits = 4,
				.filters = 6,
				.kernel_h = 3,
				.kernel_w = 3,
				.stride = 1,
				.padding = AKIDA_PAD_SAME,
				.pool = AKIDA_POOL_GLOBAL_AVERAGE,
				.weights_bits = 4};
	uint8_t in[4 * 3 * 5];
	int32_t pot[6], map[4 * 3 * 6], want[6] = {0}, tmp[3 * 5], *scratch;
	struct ak_conv_geom g = {.in_h = 4,
				 .in_w = 3,
				 .in_c = 5,
				 .pad_top = 1,
				 .pad_left = 1,
				 .stride = 1,
				 .kernel_h = 3,
				 .kernel_w = 3,
				 .out_h = 4,
				 .out_w = 3,
				 .filters = 6};

	(void)state;
	seed = 6;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(ak_layer_alloc(&l), 0);
	fill_u8(in, sizeof(in), 15);
	fill_i8(l.weights, ak_layer_weight_count(&l), 4);
	fill_i8(l.weights_pw, ak_layer_weight_pw_count(&l), 4);
	scratch = malloc(ak_layer_scratch(&l) * sizeof(*scratch));
	ak_layer_run(&l, in, NULL, pot, scratch);
	ak_separable_potentials(&g, in, l.weights, l.weights_pw, map, tmp);
	ak_pool_sum(map, 4, 3, 6, want);
	assert_memory_equal(pot, want, sizeof(want));
	free(scratch);
	ak_layer_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv_potentials_hand_computed_case),
		cmocka_unit_test(test_conv_potentials_padding_value_takes_part),
		cmocka_unit_test(test_conv_potentials_equals_definition_for_many_geometries),
		cmocka_unit_test(test_separable_potentials_equals_depthwise_then_pointwise),
		cmocka_unit_test(test_conv_potentials_rows_with_halo_equal_the_whole),
		cmocka_unit_test(test_same_padding_follows_tensorflow),
		cmocka_unit_test(test_pool_max_edges_do_not_take_part),
		cmocka_unit_test(test_pool_sum_parts_add_up),
		cmocka_unit_test(test_activate_at_thresholds_and_ties),
		cmocka_unit_test(test_activate_map_equals_activate_everywhere),
		cmocka_unit_test(test_fully_potentials_sums_all_inputs),
		cmocka_unit_test(test_layer_run_pools_then_activates),
		cmocka_unit_test(test_layer_run_global_pool_hands_out_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
