/* SPDX-License-Identifier: MIT */
/* The cost model against the published figures it was set by: a change of a parameter that loses them fails here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "firmware/nsoc/cost.h"

static void near(uint64_t cycles, uint64_t published, uint32_t percent, const char *what)
{
	uint64_t low = published * (100 - percent) / 100, high = published * (100 + percent) / 100;

	if (cycles < low || cycles > high)
		fail_msg("%s: %llu cycles, %llu published", what, (unsigned long long)cycles,
			 (unsigned long long)published);
}

/* model-zoo 7.3, DS-CNN KWS Minimal, one NP a layer, 25x5x64: output sparsity and latency of each layer at 400 MHz. */
static void test_separable_keyword_layers_are_near_the_published_cycles(void **state)
{
	static const struct {
		double input_zero_percent;
		uint64_t published;
	} layer[] = {{92.84, 35280}, {92.55, 37160}, {96.30, 25440}, {98.29, 18920}};

	(void)state;
	for (int i = 0; i < 4; i++) {
		uint64_t events = (uint64_t)(8000 * (100 - layer[i].input_zero_percent) / 100);

		near(ns_cost_separable(events, 8000, 25, 5, 64), layer[i].published, 20, "separable");
	}
}

/* PlantVillage AkidaNet 0.5 224, NPs as on the AKD1000 page: 4, 6, 3. */
static void test_standard_convolutions_are_near_the_published_cycles(void **state)
{
	uint64_t cells1 = 112 * 112 * 16, cells2 = 112 * 112 * 32, cells3 = 56 * 56 * 64;

	(void)state;
	near(ns_cost_standard((uint64_t)(cells1 * 0.6817 / 4), cells1 / 4, 32), 844000, 10, "conv_1");
	near(ns_cost_standard((uint64_t)(cells2 * 0.4862 / 6), cells2 / 6, 64), 1689000, 10, "conv_2");
	near(ns_cost_standard((uint64_t)(cells3 * 0.4216 / 3), cells3 / 3, 64), 1489000, 10, "conv_3");
}

static void test_input_convolution_is_near_the_published_cycles(void **state)
{
	(void)state;
	near(ns_cost_hrc(112 * 112, 32), 808280, 5, "AkidaNet 1.0");
	near(ns_cost_hrc(112 * 112, 16), 408720, 5, "AkidaNet 0.5");
	near(ns_cost_hrc(25 * 5, 64), 16760, 5, "DS-CNN");
}

static void test_programming_is_near_the_published_clocks(void **state)
{
	(void)state;
	near(ns_cost_config(73436 / 4), 121256, 5, "MNIST program");
	near(ns_cost_config(88748 / 4), 152396, 5, "DS-CNN program");
}

static void test_energy_of_a_keyword_is_near_the_published_one(void **state)
{
	(void)state;
	near((uint64_t)134806 * ns_cost_akd1500.pj_per_np_cycle / 1000, 8000, 15, "nJ");
}

static void test_frame_is_sum_and_pace_is_slowest(void **state)
{
	struct ns_cost_frame f = {0};

	(void)state;
	ns_cost_add_layer(&f, 10, 40);
	ns_cost_add_layer(&f, 30, 30);
	ns_cost_add_layer(&f, 20, 25);
	assert_int_equal(f.latency_cycles, 60);
	assert_int_equal(f.bottleneck_cycles, 30);
	assert_int_equal(f.np_cycles, 95);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_separable_keyword_layers_are_near_the_published_cycles),
		cmocka_unit_test(test_standard_convolutions_are_near_the_published_cycles),
		cmocka_unit_test(test_input_convolution_is_near_the_published_cycles),
		cmocka_unit_test(test_programming_is_near_the_published_clocks),
		cmocka_unit_test(test_energy_of_a_keyword_is_near_the_published_one),
		cmocka_unit_test(test_frame_is_sum_and_pace_is_slowest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
