// SPDX-License-Identifier: MIT
/* The cost model beside published figures: a change that loses them fails here. make fit-cost prints the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "cost/akd1000.h"
#include "cost/evaluate.h"

static struct bench bench;
static struct evaluation lines;

static int measure(void **state)
{
	(void)state;
	bench_make(&bench);
	evaluate(&lines, &bench, &ak_cost_unit, &ak_cost_akd1500);
	return 0;
}

static void check(enum line_kind kind, int net, double median, double worst)
{
	double m, w;

	evaluate_errors(&lines, kind, net, &m, &w);
	if (!(m <= median) || !(w <= worst))
		fail_msg("kind %d of %s: median error %.1f %%, worst %.1f %%", kind,
			 net < 0 ? "all networks" : figure_networks[net].name, 100 * m, 100 * w);
}

static void test_clocks_of_a_frame(void **state)
{
	(void)state;
	check(LINE_FRAME, -1, 0.15, 0.40);
}

static void test_clocks_of_layers(void **state)
{
	(void)state;
	check(LINE_LAYER, NET_10_224, 0.25, 0.40);
	check(LINE_LAYER, NET_PLANTS, 0.25, 0.40);
	check(LINE_LAYER, NET_KEYWORDS, 0.25, 0.40);
}

static void test_wall_clock_of_a_call(void **state)
{
	(void)state;
	check(LINE_WALL, -1, 0.15, 0.40);
}

static void test_energy_of_a_frame(void **state)
{
	(void)state;
	check(LINE_ENERGY, -1, 0.20, 0.40);
	check(LINE_TOTAL, -1, 0.20, 0.40);
}

/* Power within 5 %, the rest within 25 %; a program of two packets is not what the load rule is for. */
static void test_akd1000_figures(void **state)
{
	struct akd1000 a;

	(void)state;
	akd1000_lines(&a, &ak_cost_unit, &ak_cost_akd1000);
	for (uint32_t i = 0; i < a.count; i++) {
		double error = fabs(a.line[i].model / a.line[i].published - 1);

		if (!strcmp(a.line[i].what, "programming 50 -> 1 fully connected"))
			continue;
		if (!(error <= (strcmp(a.line[i].unit, "mW") ? 0.25 : 0.05)))
			fail_msg("%s: %g %s published, model %g", a.line[i].what, a.line[i].published, a.line[i].unit,
				 a.line[i].model);
	}
}

/* Minimal mappings have the published number of NPs. */
static void test_layouts_have_the_published_nps(void **state)
{
	(void)state;
	for (size_t r = 0; r < FIGURE_ROWS; r++) {
		const struct figure_row *row = &figure_rows[r];
		uint32_t nps = layout_nps(&bench.net[row->net], &bench.layout[r]) + 1;

		if (row->mode != AKIDA_MAP_MINIMAL)
			continue;
		assert_in_range(nps, row->nps - 1, row->nps + 1);
		assert_int_equal(bench.layout[r].passes, row->passes);
	}
}

/* Fewer zeros, more events: no frame gets faster or cheaper. */
static void test_frames_grow_with_density(void **state)
{
	(void)state;
	for (size_t r = 0; r < FIGURE_ROWS; r++) {
		struct network n = bench.net[figure_rows[r].net];
		struct ak_cost_frame before, after;

		before = layout_frame(&n, &bench.layout[r], &ak_cost_unit, &ak_cost_akd1500, NULL);
		for (uint32_t i = 0; i < n.count; i++)
			n.zeros[i] *= 0.9;
		after = layout_frame(&n, &bench.layout[r], &ak_cost_unit, &ak_cost_akd1500, NULL);
		assert_true(after.latency > before.latency && after.pj > before.pj);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_of_a_frame),	 cmocka_unit_test(test_clocks_of_layers),
		cmocka_unit_test(test_wall_clock_of_a_call),	 cmocka_unit_test(test_energy_of_a_frame),
		cmocka_unit_test(test_akd1000_figures),		 cmocka_unit_test(test_layouts_have_the_published_nps),
		cmocka_unit_test(test_frames_grow_with_density),
	};

	return cmocka_run_group_tests(tests, measure, NULL);
}
