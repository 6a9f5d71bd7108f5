// SPDX-License-Identifier: MIT
/* Optimizer steps against values computed by hand from Keras's update rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include "train/optimizer.h"

static void near(float got, double want)
{
	if (fabs(got - want) > 1e-6 * (1 + fabs(want)))
		fail_msg("got %.9g, expected %.9g", got, want);
}

/* m = 0.9 m - 0.1 g: -0.05, then -0.045 + 0.02 = -0.025 */
static void test_sgd_momentum_two_steps(void **state)
{
	struct ak_optimizer o = {.kind = AKIDA_SGD, .momentum = 0.9f};
	float w[2] = {1, 1}, m[2] = {0}, v[2] = {0};

	(void)state;
	ak_optimizer_step(&o);
	ak_optimizer_apply(&o, 0.1f, 0, w, (float[]){0.5f, 0}, m, v, 2);
	near(w[0], 0.95);
	near(w[1], 1);
	ak_optimizer_step(&o);
	ak_optimizer_apply(&o, 0.1f, 0, w, (float[]){-0.2f, 1}, m, v, 2);
	near(w[0], 0.95 - 0.045 + 0.02);
	near(w[1], 0.9);
	near(v[0], 0);
}

static void test_sgd_without_momentum_is_plain_descent(void **state)
{
	struct ak_optimizer o = {.kind = AKIDA_SGD};
	float w = 2, m = 5, v = 0;

	(void)state;
	ak_optimizer_step(&o);
	ak_optimizer_apply(&o, 0.5f, 0, &w, (float[]){1}, &m, &v, 1);
	near(w, 1.5);
}

/* The first step of Adam is lr * g / (|g| + epsilon'), whatever the size of g. */
static void test_adam_first_step_is_the_learning_rate(void **state)
{
	struct ak_optimizer o = {.kind = AKIDA_ADAM};
	float w[3] = {1, 1, 1}, m[3] = {0}, v[3] = {0};

	(void)state;
	ak_optimizer_step(&o);
	ak_optimizer_apply(&o, 0.01f, 0, w, (float[]){100, -0.01f, 0}, m, v, 3);
	near(w[0], 0.99);
	near(w[1], 1.01 - 0.01 * (1 - 0.01 * sqrt(0.001) / (0.01 * sqrt(0.001) + 1e-7)));
	near(w[2], 1);
	near(m[0], 10);
	near(v[0], 10);
}

static void test_adam_second_step_by_hand(void **state)
{
	struct ak_optimizer o = {.kind = AKIDA_ADAM};
	float w = 0, m = 0, v = 0;
	double hm = 0, hv = 0, hw = 0, g[2] = {1, -3};

	(void)state;
	for (int t = 1; t <= 2; t++) {
		float gradient = (float)g[t - 1];

		ak_optimizer_step(&o);
		ak_optimizer_apply(&o, 0.1f, 0, &w, &gradient, &m, &v, 1);
		hm = 0.9 * hm + 0.1 * g[t - 1];
		hv = 0.999 * hv + 0.001 * g[t - 1] * g[t - 1];
		hw -= 0.1 * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t)) * hm / (sqrt(hv) + 1e-7);
	}
	assert_true(fabs(w - hw) < 1e-5);
	assert_true(fabs(hw + 0.0535) < 0.02); /* first -0.1, then back by about half of it */
}

static void test_decay_is_decoupled(void **state)
{
	struct ak_optimizer o = {.kind = AKIDA_ADAM};
	float w = 2, m = 0, v = 0;

	(void)state;
	ak_optimizer_step(&o);
	ak_optimizer_apply(&o, 0.1f, 0.5f, &w, (float[]){0}, &m, &v, 1);
	near(w, 2 - 0.1 * 0.5 * 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sgd_momentum_two_steps),
		cmocka_unit_test(test_sgd_without_momentum_is_plain_descent),
		cmocka_unit_test(test_adam_first_step_is_the_learning_rate),
		cmocka_unit_test(test_adam_second_step_by_hand),
		cmocka_unit_test(test_decay_is_decoupled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
