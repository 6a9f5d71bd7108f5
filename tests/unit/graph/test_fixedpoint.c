/* SPDX-License-Identifier: MIT */
/* The number rules of reference quantization 2.2 to 2.5 at their corners. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "graph/fixedpoint.h"

static void test_clog2_powers_and_neighbours_are_float32(void **state)
{
	(void)state;
	assert_int_equal(ak_fx_clog2(1.0f), 0);
	assert_int_equal(ak_fx_clog2(2.0f), 1);
	assert_int_equal(ak_fx_clog2(2.5f), 2);
	assert_int_equal(ak_fx_clog2(0.3f), -1);
	assert_int_equal(ak_fx_clog2(1024.0f), 10);
	assert_int_equal(ak_fx_clog2(nextafterf(1024.0f, 2000.0f)), 10);
	assert_int_equal(ak_fx_clog2(ldexpf(1, -14)), -14);
	assert_true(ak_fx_clog2(0.0f) < -200);
}

static void test_max_fb_small_and_zero_ranges_are_clamped(void **state)
{
	(void)state;
	assert_int_equal(ak_fx_max_fb(7, 31.875f), 2);
	assert_int_equal(ak_fx_max_fb(7, 3.984375f), 5);
	assert_int_equal(ak_fx_max_fb(7, 0.25f), 7);
	assert_int_equal(ak_fx_max_fb(4, 0.0f), 4);
	assert_int_equal(ak_fx_max_fb(4, 100.0f), -3);
}

static void test_round_ties_go_to_even_and_saturate(void **state)
{
	(void)state;
	assert_int_equal(ak_fx_round(0.5f, 7), 0);
	assert_int_equal(ak_fx_round(1.5f, 7), 2);
	assert_int_equal(ak_fx_round(-2.5f, 7), -2);
	assert_int_equal(ak_fx_round(128.0f, 7), 127);
	assert_int_equal(ak_fx_round(-300.0f, 7), -128);
	assert_int_equal(ak_fx_round(INFINITY, 7), 127);
}

static void test_rescale_rounds_half_up_for_both_signs(void **state)
{
	(void)state;
	assert_int_equal(ak_fx_rescale(3, -1, 7), 2);
	assert_int_equal(ak_fx_rescale(-3, -1, 7), -1);
	assert_int_equal(ak_fx_rescale(-1, -1, 7), 0);
	assert_int_equal(ak_fx_rescale(5, 2, 7), 20);
	assert_int_equal(ak_fx_rescale(64, 2, 7), 127);
	assert_int_equal(ak_fx_rescale(-64, 2, 7), -128);
	assert_int_equal(ak_fx_rescale(-5, -80, 7), 0);
	assert_int_equal(ak_fx_rescale(INT64_C(1) << 40, -40, 7), 1);
	for (int64_t v = -300; v <= 300; v++)
		for (int s = -6; s <= 0; s++)
			assert_int_equal(ak_fx_rescale(v, s, 20), (int64_t)floor((double)v * ldexp(1, s) + 0.5));
}

static void test_weights_largest_maps_to_int_max(void **state)
{
	const float w[] = {0.7f, -3.0f, 0.1f, 1.5f, -0.35f, 0.0f}; /* two channels, last axis */
	float scales[2];
	int8_t q[6];

	(void)state;
	ak_fx_weights(w, 3, 2, 1, 4, q, scales);
	assert_true(scales[0] == 0.7f / 7.0f && scales[1] == 3.0f / 7.0f);
	assert_int_equal(q[0], 7);
	assert_int_equal(q[1], -7);
	assert_int_equal(q[2], 1);
	assert_int_equal(q[3], 4); /* 3.5: half to even */
	assert_int_equal(q[5], 0);
	ak_fx_weights(w, 1, 1, 6, 8, q, scales);
	assert_int_equal(q[1], -127);
	ak_fx_weights((const float[]){0, 0}, 1, 2, 1, 4, q, scales);
	assert_true(scales[0] == 1e-6f);
}

static void test_align_value_and_shift_rebuild_the_value(void **state)
{
	struct ak_fx_aligned a;

	(void)state;
	/* r/s = 50: fb = min(7 - 6, 3) = 1, q = 100, shift 2 */
	a = ak_fx_align(0.5f, 0.5f, 0.01f, 3, 7, 27);
	assert_int_equal(a.q, 100);
	assert_int_equal(a.shift, 2);
	assert_int_equal(a.aligned, 400);
	/* r/s = 300: fb = 7 - 9 = -2, q = -75, shift 5 */
	a = ak_fx_align(-3.0f, 3.0f, 0.01f, 3, 7, 27);
	assert_int_equal(a.q, -75);
	assert_int_equal(a.shift, 5);
	assert_int_equal(ak_fx_align(0, 0, 0.01f, 3, 7, 27).aligned, 0);
}

static void test_scale_power_of_two_saturates_to_255(void **state)
{
	struct ak_fx_scale s = ak_fx_scale(0.25f, 8);

	(void)state;
	assert_int_equal(s.s, 255);
	assert_int_equal(s.fs, 10);
	assert_int_equal(ak_fx_output(40, s, -10, 4), 10); /* 40 * 255 / 1024 = 9.96 */
	assert_int_equal(ak_fx_output(1000, s, -10, 4), 15);
	assert_in_range(ak_fx_scale(0.15f, 8).s, 128, 255);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clog2_powers_and_neighbours_are_float32),
		cmocka_unit_test(test_max_fb_small_and_zero_ranges_are_clamped),
		cmocka_unit_test(test_round_ties_go_to_even_and_saturate),
		cmocka_unit_test(test_rescale_rounds_half_up_for_both_signs),
		cmocka_unit_test(test_weights_largest_maps_to_int_max),
		cmocka_unit_test(test_align_value_and_shift_rebuild_the_value),
		cmocka_unit_test(test_scale_power_of_two_saturates_to_255),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
