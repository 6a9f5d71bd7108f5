/* SPDX-License-Identifier: MIT */
/* The latency histogram: exact below 256 ns, at most 0.8 % wide above, monotone over the whole range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "run/session.h"

static void test_bucket_small_values_are_exact(void **state)
{
	(void)state;
	for (uint64_t ns = 0; ns < 2 * AK_LATENCY_SUB; ns++) {
		assert_int_equal(ak_latency_bucket(ns), ns);
		assert_int_equal(ak_latency_bucket_ns((uint32_t)ns), ns);
	}
}

static void test_bucket_large_values_stay_within_a_percent(void **state)
{
	(void)state;
	for (uint64_t ns = 256; ns < (uint64_t)1 << 62; ns += ns / 7 + 1) {
		uint64_t edge = ak_latency_bucket_ns(ak_latency_bucket(ns));

		assert_true(edge >= ns);
		assert_true((double)(edge - ns) <= 0.008 * (double)ns);
	}
}

static void test_bucket_last_value_is_inside_the_table(void **state)
{
	(void)state;
	assert_true(ak_latency_bucket(UINT64_MAX) < AK_LATENCY_BUCKETS);
	assert_int_equal(ak_latency_bucket(UINT64_MAX), AK_LATENCY_BUCKETS - 1);
}

static void test_bucket_edges_are_strictly_increasing(void **state)
{
	(void)state;
	for (uint32_t b = 1; b < AK_LATENCY_BUCKETS; b++) {
		assert_true(ak_latency_bucket_ns(b) > ak_latency_bucket_ns(b - 1));
		assert_int_equal(ak_latency_bucket(ak_latency_bucket_ns(b)), b);
		assert_int_equal(ak_latency_bucket(ak_latency_bucket_ns(b - 1) + 1), b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bucket_small_values_are_exact),
		cmocka_unit_test(test_bucket_large_values_stay_within_a_percent),
		cmocka_unit_test(test_bucket_last_value_is_inside_the_table),
		cmocka_unit_test(test_bucket_edges_are_strictly_increasing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
