/* SPDX-License-Identifier: MIT */
/* Figures from records: the vendor's power rule, percentiles, and a session on a scripted back end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <errno.h>
#include <cmocka.h>
#include <akida/run.h>
#include "run/session.h"

static void assert_near(double got, double want)
{
	if (!(fabs(got - want) <= 1e-9 * (1 + fabs(want))))
		fail_msg("got %.12g, want %.12g", got, want);
}

/* ---- power ---- */

static void test_power_first_event_is_dropped(void **state)
{
	const struct akida_power_event ev[] = {{0, 5000}, {100, 900}, {200, 1000}, {300, 1100}};
	struct akida_stats s = {.size = sizeof(s), .frames = 10};

	(void)state;
	akida_stats_power(&s, ev, 4, 0, 400);
	assert_true(s.has_power);
	assert_near(s.avg_mw, 1000);
	assert_near(s.min_mw, 900);
	assert_near(s.max_mw, 1100);
	assert_near(s.std_mw, 100); /* sample deviation of 900, 1000, 1100 */
	assert_near(s.energy_mj_per_frame, 1000 * 0.4 / 10);
}

static void test_power_events_outside_the_run_do_not_count(void **state)
{
	const struct akida_power_event ev[] = {{10, 1}, {100, 7}, {150, 900}, {200, 950}, {900, 1}};
	struct akida_stats s = {.size = sizeof(s), .frames = 1};

	(void)state;
	akida_stats_power(&s, ev, 5, 90, 300);
	assert_near(s.avg_mw, 925);
	assert_near(s.min_mw, 900);
}

static void test_power_one_event_gives_no_figure(void **state)
{
	const struct akida_power_event ev[] = {{10, 900}};
	struct akida_stats s = {.size = sizeof(s), .frames = 1};

	(void)state;
	akida_stats_power(&s, ev, 1, 0, 100);
	assert_false(s.has_power);
	assert_true(isnan(s.avg_mw) && isnan(s.energy_mj_per_frame));
}

static void test_power_two_events_have_no_deviation(void **state)
{
	const struct akida_power_event ev[] = {{10, 900}, {20, 910}};
	struct akida_stats s = {.size = sizeof(s), .frames = 1};

	(void)state;
	akida_stats_power(&s, ev, 2, 0, 100);
	assert_true(s.has_power);
	assert_near(s.avg_mw, 910);
	assert_true(isnan(s.std_mw));
}

/* ---- a session on a back end that follows a script ---- */

static uint64_t fake_time;
static int64_t fake_fail_at = -1;
static size_t fake_frames, fake_events;
static int fake_loads;

static int fake_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		     struct akida_diag *diag)
{
	(void)d;
	(void)l;
	(void)diag;
	fake_loads++;
	*dims = (struct ak_load_dims){.in_bytes = 2, .outputs = 1};
	return 0;
}

static void fake_unload(struct akida_device *d)
{
	(void)d;
	fake_loads--;
}

/* Frame k takes k + 1 microseconds and hands back the sum of its two bytes. */
static int64_t fake_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	for (size_t i = 0; i < frames; i++) {
		if ((int64_t)fake_frames == fake_fail_at) {
			strcpy(d->error, "scripted failure");
			return -ETIMEDOUT;
		}
		out[i] = in[2 * i] + in[2 * i + 1];
		fake_time += 1000 * (fake_frames + 1);
		m->frame(m, 1000 * (fake_frames + 1));
		fake_frames++;
	}
	fake_events += 1;
	return (int64_t)frames;
}

static uint64_t fake_now(struct akida_device *d)
{
	(void)d;
	return fake_time;
}

static void fake_counters(struct akida_device *d, struct ak_counters *c)
{
	(void)d;
	*c = (struct ak_counters){
		.has_clk = true, .inference_clk = 7 * fake_frames, .program_clk = 55, .floor_mw = 900};
}

static size_t fake_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	size_t n = 0;

	(void)d;
	for (; n < max && fake_events; n++, fake_events--)
		ev[n] = (struct akida_power_event){.ts_ms = (double)fake_time / 1e6, .mw = 1000};
	return n;
}

static const struct ak_backend fake = {
	.name = "fake",
	.load = fake_load,
	.unload = fake_unload,
	.run = fake_run,
	.now_ns = fake_now,
	.counters = fake_counters,
	.power = fake_power,
};

static struct akida_device fake_device(void)
{
	fake_time = 5000000;
	fake_frames = fake_events = 0;
	fake_fail_at = -1;
	return (struct akida_device){.ops = &fake,
				     .info = {.name = "fake", .source = AKIDA_SOURCE_MODEL, .clock_mhz = 300}};
}

static void test_session_stats_of_a_run_are_exact(void **state)
{
	struct akida_device d = fake_device();
	struct akida_stats st = {.size = sizeof(st)};
	struct akida_session *s;
	uint8_t in[200];
	int32_t out[100];

	(void)state;
	memset(in, 3, sizeof(in));
	assert_int_equal(akida_session_create(&d, NULL, NULL, NULL, &s, NULL), 0);
	assert_int_equal(akida_session_run(s, in, 100, out), 100);
	assert_int_equal(out[99], 6);
	assert_int_equal(akida_session_stats(s, &st), 0);
	assert_int_equal(st.frames, 100);
	assert_near(st.fps, 100 / (5050e-6));
	assert_near(st.latency_us_max, 100);
	assert_true(fabs(st.latency_us_p50 - 50) <= 0.4);
	assert_true(fabs(st.latency_us_p99 - 99) <= 0.8);
	assert_int_equal(st.inference_clk, 700);
	assert_int_equal(st.program_clk, 55);
	assert_near(st.floor_mw, 900);
	assert_true(st.host_fps > 0);
	akida_session_stats_reset(s);
	assert_int_equal(akida_session_stats(s, &st), 0);
	assert_int_equal(st.frames, 0);
	assert_int_equal(st.inference_clk, 0);
	assert_true(isnan(st.fps) && isnan(st.latency_us_p50));
	akida_session_destroy(s);
	assert_int_equal(fake_loads, 0);
}

static void test_session_failure_keeps_the_reason(void **state)
{
	struct akida_device d = fake_device();
	struct akida_session *s;
	uint8_t in[20] = {0};
	int32_t out[10];

	(void)state;
	assert_int_equal(akida_session_create(&d, NULL, NULL, NULL, &s, NULL), 0);
	fake_fail_at = 4;
	assert_int_equal(akida_session_run(s, in, 10, out), -ETIMEDOUT);
	assert_string_equal(akida_session_error(s), "fake: scripted failure");
	akida_session_destroy(s);
}

static void test_session_second_one_on_a_device_is_busy(void **state)
{
	struct akida_device d = fake_device();
	struct akida_session *a, *b;

	(void)state;
	assert_int_equal(akida_session_create(&d, NULL, NULL, NULL, &a, NULL), 0);
	assert_int_equal(akida_session_create(&d, NULL, NULL, NULL, &b, NULL), -EBUSY);
	assert_null(b);
	akida_session_destroy(a);
	assert_int_equal(akida_session_create(&d, NULL, NULL, NULL, &b, NULL), 0);
	akida_session_destroy(b);
}

static void test_session_batch_beyond_the_pipeline_is_refused(void **state)
{
	struct akida_device d = fake_device();
	struct akida_session_params p = {.size = sizeof(p), .batch = AK_BATCH_MAX + 1};
	struct akida_diag *diag = akida_diag_create();
	struct akida_session *s;

	(void)state;
	assert_int_equal(akida_session_create(&d, NULL, NULL, &p, &s, diag), -EINVAL);
	assert_string_equal(akida_diag_first_error(diag)->rule, "run.batch");
	akida_diag_destroy(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_power_first_event_is_dropped),
		cmocka_unit_test(test_power_events_outside_the_run_do_not_count),
		cmocka_unit_test(test_power_one_event_gives_no_figure),
		cmocka_unit_test(test_power_two_events_have_no_deviation),
		cmocka_unit_test(test_session_stats_of_a_run_are_exact),
		cmocka_unit_test(test_session_failure_keeps_the_reason),
		cmocka_unit_test(test_session_second_one_on_a_device_is_busy),
		cmocka_unit_test(test_session_batch_beyond_the_pipeline_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
