// SPDX-License-Identifier: MIT
/*
 * The networks of figures.h with drawn weights and each layer's published share of zeros, mapped in each published mode and
 * run on the software NSoC, in up to eight passes: outputs are those of the cpu back end, and its clock counter, which is
 * printed beside the published clocks, stays within the bounds of docs/cost-model.md.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include <akida/map.h>
#include <akida/run.h>
#include "cost/drawn.h"
#include "cost/evaluate.h"

/* Outputs of one frame; *clocks: of the chip. */
static int32_t *frame(const char *device, const struct akida_program *p, const struct drawn *d, size_t *outputs,
		      double *clocks)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_stats stats = {.size = sizeof(stats)};
	struct akida_session *s = NULL;
	struct akida_device *dev = NULL;
	int32_t *out;

	if (akida_device_open(device, &dev, diag) || akida_session_create(dev, p, p ? NULL : d->model, NULL, &s, diag))
		fail_msg("%s: %s", device, akida_diag_first_error(diag)->text);
	*outputs = akida_session_outputs(s);
	out = calloc(*outputs, sizeof(*out));
	assert_non_null(out);
	if (akida_session_run(s, d->frame, 1, out) != 1 || akida_session_stats(s, &stats))
		fail_msg("%s: %s", device, akida_session_error(s));
	assert_int_equal(stats.unknown_events, 0);
	*clocks = (double)stats.inference_clk;
	akida_session_destroy(s);
	akida_device_close(dev);
	akida_diag_destroy(diag);
	return out;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void test_published_networks_take_their_clocks(void **state)
{
	static const char *const modes[] = {"minimal", "all-nps", "hw-pr"};
	static struct network n;
	double error[FIGURE_ROWS], worst = 0;
	struct drawn d = {0};
	int made = -1;

	(void)state;
	printf("| Network | Mode | NPs, passes | Clocks published | software NSoC | | report of akida map | mapped in "
	       "|\n"
	       "|---|---|---|---|---|---|---|---|\n");
	for (size_t r = 0; r < FIGURE_ROWS; r++) {
		const struct figure_row *row = &figure_rows[r];
		struct akida_map_params params = {.size = sizeof(params), .mode = row->mode};
		struct akida_diag *diag = akida_diag_create();
		struct akida_map_report report;
		struct akida_program *p;
		double clocks, none, mapping;
		int32_t *want, *got;
		size_t outputs, same;

		if (row->net != made) {
			if (made >= 0)
				drawn_fini(&d);
			network_build(&n, &figure_networks[row->net]);
			memset(&d, 0, sizeof(d));
			drawn_make(&d, &n, n.count, 7);
			made = row->net;
		}
		params.sparsity = d.zeros;
		mapping = now_ms();
		if (akida_map(d.model, "akd1500", &params, &p, &report, diag))
			fail_msg("%s: %s", figure_networks[row->net].name, akida_diag_first_error(diag)->text);
		mapping = now_ms() - mapping;
		want = frame("cpu", NULL, &d, &outputs, &none);
		got = frame("virtual:akd1500", p, &d, &same, &clocks);
		assert_int_equal(same, outputs);
		assert_memory_equal(got, want, outputs * sizeof(*want));
		error[r] = fabs(clocks / row->cycles - 1);
		worst = error[r] > worst ? error[r] : worst;
		printf("| %s | %s | %u, %u | %.0f | %.0f | %+.1f %% | %llu | %.0f ms |\n",
		       figure_networks[row->net].name, modes[row->mode], report.nps + 1, report.passes, row->cycles,
		       clocks, 100 * (clocks / row->cycles - 1), (unsigned long long)report.latency_cycles, mapping);
		assert_true(fabs(clocks / (double)report.latency_cycles - 1) < 0.05);
		free(want);
		free(got);
		akida_map_report_fini(&report);
		akida_program_destroy(p);
		akida_diag_destroy(diag);
	}
	drawn_fini(&d);
	qsort(error, FIGURE_ROWS, sizeof(error[0]), evaluate_order);
	printf("\nClocks: median error %.1f %%, worst %.1f %%\n", 100 * error[FIGURE_ROWS / 2], 100 * worst);
	assert_true(error[FIGURE_ROWS / 2] <= 0.15 && worst <= 0.40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_networks_take_their_clocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
