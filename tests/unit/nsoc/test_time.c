/* SPDX-License-Identifier: MIT */
/* Modelled time, clock counters and the power sensor. */
#include "mini_host.h"

#define SAMPLE_MS 141u

static uint32_t sensor(struct mini *m, uint32_t reg)
{
	return mini_rd(m, NSOC_SENSOR_BASE + reg);
}

static void test_sensor_idle_samples_show_the_floor(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);
	uint32_t floor, last = 0;

	(void)state;
	assert_int_equal(sensor(m, NSOC_SENSOR_ID), 0x41504d31u);
	assert_int_equal(sensor(m, NSOC_SENSOR_COUNT), 0);
	assert_int_equal(sensor(m, NSOC_SENSOR_UA), 0);
	nsoc_advance_us(m->chip, 1000000);
	assert_int_equal(sensor(m, NSOC_SENSOR_COUNT), 7);
	floor = sensor(m, NSOC_SENSOR_FLOOR_UW);
	for (int i = 0; i < 7; i++) {
		uint64_t uv = sensor(m, NSOC_SENSOR_UV);
		uint32_t ms = sensor(m, NSOC_SENSOR_TIME_MS);

		assert_int_equal(ms - last, SAMPLE_MS);
		last = ms;
		assert_in_range(uv * sensor(m, NSOC_SENSOR_UA) / 1000000, floor - 10, floor); /* whole microamperes */
	}
	assert_int_equal(sensor(m, NSOC_SENSOR_COUNT), 0);
	assert_in_range(sensor(m, NSOC_SENSOR_ENERGY_UJ_LO), floor, floor + 100); /* 1 s */
	assert_int_equal(sensor(m, NSOC_SENSOR_ENERGY_UJ_HI), 0);
	mini_assert_clean(m);
	mini_close(m);
}

static void test_sensor_fifo_drops_the_oldest_and_can_be_emptied(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint64_t us = 3600ull * 1000000;
	uint32_t now;

	(void)state;
	nsoc_advance_us(m->chip, us);
	assert_int_equal(sensor(m, NSOC_SENSOR_COUNT), 1024);
	now = sensor(m, NSOC_SENSOR_NOW_MS_LO);
	assert_in_range(now, 3600000, 3600001);
	assert_int_equal(sensor(m, NSOC_SENSOR_TIME_MS), (now / SAMPLE_MS - 1023) * SAMPLE_MS);
	/* an hour at the floor, to a few microjoules */
	assert_in_range(sensor(m, NSOC_SENSOR_ENERGY_UJ_LO), 3600u * 112000u - 1000, 3600u * 112000u + 1000);
	mini_wr(m, NSOC_SENSOR_BASE + NSOC_SENSOR_COUNT, 1);
	assert_int_equal(sensor(m, NSOC_SENSOR_COUNT), 0);
	mini_assert_clean(m);
	mini_wr(m, NSOC_SENSOR_BASE + NSOC_SENSOR_UA, 1);
	assert_int_equal(mini_report(m).unknown_registers, 1);
	mini_close(m);
}

/* The stored keyword inputs: cycles near the published 134,806 for speech (its 40 mel bands, other recordings). */
static void test_clock_counter_counts_a_frame_when_enabled(void **state)
{
	struct mini_program *p = mini_program("kws_akd1500_v250_program.bin");
	size_t len;
	uint8_t *in = mini_file("kws_emulated_inputs_30x490_u8.bin", &len);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint32_t clk;

	(void)state;
	mini_load(m, p, -1);
	assert_in_range(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_TIMER), 5000, 100000);
	assert_int_equal(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_TIMER), 0);
	mini_enqueue(m, in, 49, 10, 1, 0);
	assert_true(mini_done(m));
	clk = mini_rd(m, AKC_HRC_DMA + AKC_CDMA_TIMER);
	assert_in_range(clk, 30000, 400000);
	mini_enqueue(m, in, 49, 10, 1, 0); /* the same frame costs the same */
	assert_true(mini_done(m));
	assert_in_range(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_TIMER), 2 * clk - 2, 2 * clk + 2);
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_MONITOR, AKC_CDMA_MONITOR_END_INBOUND); /* timer off */
	mini_enqueue(m, in, 49, 10, 1, 0);
	assert_true(mini_done(m));
	assert_in_range(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_TIMER), 2 * clk - 2, 2 * clk + 2);
	mini_close(m);
	mini_program_free(p);
	free(in);
}

static void test_pipelined_frames_follow_at_the_slowest_layer(void **state)
{
	struct mini_program *p = mini_program("kws_akd1500_v250_program.bin");
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t in[490];
	uint64_t start, one, six;

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 31);
	mini_load(m, p, -1);
	start = nsoc_time_ns(m->chip);
	mini_enqueue(m, in, 49, 10, 1, 0);
	assert_true(mini_done(m));
	one = nsoc_time_ns(m->chip) - start;
	start = nsoc_time_ns(m->chip);
	for (uint32_t i = 0; i < 6; i++)
		mini_enqueue(m, in, 49, 10, 1, i % 4);
	while (!mini_done(m))
		assert_true(nsoc_time_ns(m->chip) - start < 1000000000);
	six = nsoc_time_ns(m->chip) - start;
	if (six >= 5 * one || six < 2 * one)
		fail_msg("one frame %llu ns, six frames %llu ns", (unsigned long long)one, (unsigned long long)six);
	mini_close(m);
	mini_program_free(p);
}

/* Idle, then keywords one after the other: 131.5 mW are published for the chip at work, 20.7 of them above idle. */
static void test_working_chip_draws_more_than_the_floor(void **state)
{
	struct mini_program *p = mini_program("kws_akd1500_v250_program.bin");
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t in[490];
	uint64_t most = 0, least = ~0ull, uw;

	(void)state;
	mini_load(m, p, -1);
	for (size_t k = 0; k < sizeof(in); k++)
		in[k] = (uint8_t)(k * 31);
	nsoc_advance_us(m->chip, 300000);
	for (uint32_t i = 0; nsoc_time_ns(m->chip) < 600000000; i++) {
		mini_enqueue(m, in, 49, 10, 1, i % 4);
		assert_true(mini_done(m));
	}
	while (sensor(m, NSOC_SENSOR_COUNT)) {
		uw = sensor(m, NSOC_SENSOR_UV);
		uw = uw * sensor(m, NSOC_SENSOR_UA) / 1000000;
		most = uw > most ? uw : most;
		least = uw < least ? uw : least;
	}
	assert_in_range(least, 112000 - 10, 112000);
	assert_in_range(most, 112000 + 10000, 112000 + 40000);
	mini_close(m);
	mini_program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sensor_idle_samples_show_the_floor),
		cmocka_unit_test(test_sensor_fifo_drops_the_oldest_and_can_be_emptied),
		cmocka_unit_test(test_clock_counter_counts_a_frame_when_enabled),
		cmocka_unit_test(test_pipelined_frames_follow_at_the_slowest_layer),
		cmocka_unit_test(test_working_chip_draws_more_than_the_floor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
