// SPDX-License-Identifier: MIT
/*
 * The cost model at work: the keyword network with drawn weights and the published sparsity of each layer, mapped and run on
 * the software NSoC, beside the published clocks and beside the report of the mapping.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <akida/map.h>
#include <akida/run.h>
#include "cost/drawn.h"

/* Inference clocks of one frame on a device. */
static double clocks(const char *device, const struct akida_program *p, const struct akida_model *m,
		     const uint8_t *frame, size_t outputs)
{
	struct akida_stats stats = {.size = sizeof(stats)};
	int32_t *out = calloc(outputs, sizeof(*out));
	struct akida_session *s = NULL;
	struct akida_device *d = NULL;

	assert_non_null(out);
	assert_int_equal(akida_device_open(device, &d, NULL), 0);
	assert_int_equal(akida_session_create(d, p, m, NULL, &s, NULL), 0);
	assert_int_equal(akida_session_run(s, frame, 1, out), 1);
	assert_int_equal(akida_session_stats(s, &stats), 0);
	assert_int_equal(stats.unknown_events, 0);
	akida_session_destroy(s);
	akida_device_close(d);
	free(out);
	return (double)stats.inference_clk;
}

static void test_drawn_keywords_take_the_published_clocks(void **state)
{
	static struct network n;
	struct akida_map_params params = {.size = sizeof(params)};
	struct akida_map_report r;
	struct akida_program *p;
	struct drawn d = {0};
	double run, reported = 0;

	(void)state;
	network_build(&n, &figure_networks[NET_KEYWORDS]);
	drawn_make(&d, &n, n.count, 7);
	for (uint32_t i = 0; i + 1 < n.count; i++)
		assert_true(fabs(d.zeros[i] - n.zeros[i]) < 0.02);
	params.sparsity = d.zeros;
	assert_int_equal(akida_map(d.model, "akd1500", &params, &p, &r, NULL), 0);
	for (uint32_t i = 0; i < r.layer_count; i++)
		reported += (double)r.layers[i].cycles;
	run = clocks("virtual:akd1500", p, d.model, d.frame, 12);
	assert_in_range((uint64_t)run, 134806 * 0.85, 134806 * 1.15);
	assert_in_range((uint64_t)run, reported * 0.95, reported * 1.05);
	akida_map_report_fini(&r);
	akida_program_destroy(p);
	drawn_fini(&d);
}

/* Every layer with fewer zeros: more clocks, seen by the counter of the chip. */
static void test_denser_frames_take_more_clocks(void **state)
{
	double before = 0;

	(void)state;
	for (int step = 0; step < 3; step++) {
		static struct network n;
		struct akida_program *p;
		struct drawn d = {0};
		double now;

		network_build(&n, &figure_networks[NET_KEYWORDS]);
		for (uint32_t i = 0; i < n.count; i++)
			n.zeros[i] = 0.9 - 0.3 * step;
		drawn_make(&d, &n, n.count, 7);
		assert_int_equal(akida_map(d.model, "akd1500", NULL, &p, NULL, NULL), 0);
		now = clocks("virtual:akd1500", p, d.model, d.frame, 12);
		assert_true(now > before * 1.2);
		before = now;
		akida_program_destroy(p);
		drawn_fini(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_drawn_keywords_take_the_published_clocks),
		cmocka_unit_test(test_denser_frames_take_more_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
