// SPDX-License-Identifier: MIT
/* Quantizers of training against numbers worked out from the reference's formulas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "train/fake_quant.h"

static void near(float got, double want)
{
	if (fabs(got - want) > 1e-5)
		fail_msg("got %.9g, expected %.9g", got, want);
}

/* 4 bits: s = max / 7. Channel 0: max 0.7, s 0.1; channel 1: max 7, s 1; half to even. */
static void test_weights_per_channel(void **state)
{
	const float w[] = {0.7f, -7, 0.26f, 2.5f, -0.64f, 3.5f};
	float q[6], scratch[2];

	(void)state;
	ak_fake_quant_weights(w, q, 6, 2, 4, 0, scratch);
	near(q[0], 0.7);
	near(q[1], -7);
	near(q[2], 0.3);
	near(q[3], 2);
	near(q[4], -0.6);
	near(q[5], 4);
}

static void test_weights_per_tensor(void **state)
{
	const float w[] = {0.7f, -7, 0.26f, 2.5f};
	float q[4], scratch[2];

	(void)state;
	ak_fake_quant_weights(w, q, 4, 2, 4, 1, scratch);
	near(q[0], 1);
	near(q[1], -7);
	near(q[2], 0);
	near(q[3], 2);
}

static void test_weights_zero_channel_stays_zero(void **state)
{
	float w[4] = {0, 1, 0, -1}, scratch[2];

	(void)state;
	ak_fake_quant_weights(w, w, 4, 2, 2, 0, scratch);
	near(w[0], 0);
	near(w[1], 1);
	near(w[2], 0);
	near(w[3], -1);
}

/*
 * 2 bits: values -c, 0, c. {1, 0.2, 0.2, -0.2, 0}: without clipping all but the first are lost (error 0.12). Of the ranges k / 32
 * the error is 3 (c - 0.2)^2 + (1 - c)^2 for c below 0.4, least at c = 12/32 (0.4826), and 0.12 + (1 - c)^2 above: nothing to
 * clip. {1, 0.6, 0.6, -0.6, 0.5}: all are kept for every c, least at 3.3 / 5 = 0.66, so 21/32.
 */
static void test_clip_finds_the_range_that_changes_least(void **state)
{
	float w[] = {1, 1, 0.2f, 0.6f, 0.2f, 0.6f, -0.2f, -0.6f, 0, 0.5f};
	float all[] = {0, -2, 0.5f, 2}, zero[2] = {0, 0};

	(void)state;
	ak_fake_quant_clip(w, 10, 2, 2, 0);
	near(w[0], 1);
	near(w[2], 0.2);
	near(w[1], 21.0 / 32);
	near(w[3], 0.6);
	near(w[7], -0.6);
	near(w[9], 0.5);
	ak_fake_quant_clip(all, 4, 2, 2, 1);
	near(all[1], -2);
	near(all[3], 2);
	ak_fake_quant_clip(zero, 2, 2, 2, 0);
	near(zero[0], 0);
}

/* range 3, 4 bits: steps of 0.2, halves go up, what is beyond the range is 3. 21 values: more than one vector. */
static void test_activations_round_half_up_and_saturate(void **state)
{
	float x[21] = {0.09f, 0.11f, 0.31f, 2.95f, 3, 4}, range = 3;

	(void)state;
	x[20] = 1.52f;
	ak_fake_quant_activations(x, x, 21, 4, &range, 0);
	near(x[0], 0);
	near(x[1], 0.2);
	near(x[2], 0.4);
	near(x[3], 3);
	near(x[4], 3);
	near(x[5], 3);
	near(x[6], 0);
	near(x[20], 1.6);
	near(range, 3);
}

/* The first batch sets the range, later ones pull a tenth of the way. */
static void test_activations_range_follows_as_calibration(void **state)
{
	float x[3] = {0, 2, 1}, q[3], range = 0;

	(void)state;
	ak_fake_quant_activations(x, q, 3, 8, &range, 0);
	near(q[1], 2); /* no range yet: nothing happens */
	ak_fake_quant_activations(x, q, 3, 8, &range, 1);
	near(range, 2);
	x[1] = 4;
	ak_fake_quant_activations(x, q, 3, 8, &range, 1);
	near(range, 2.2);
	near(q[1], 2.2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_weights_per_channel),
		cmocka_unit_test(test_weights_per_tensor),
		cmocka_unit_test(test_weights_zero_channel_stays_zero),
		cmocka_unit_test(test_clip_finds_the_range_that_changes_least),
		cmocka_unit_test(test_activations_round_half_up_and_saturate),
		cmocka_unit_test(test_activations_range_follows_as_calibration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
