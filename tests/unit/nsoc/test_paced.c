/* SPDX-License-Identifier: MIT */
/* A host with a clock of its own: lists run in nsoc_step, not in the doorbell; injected faults of the DMA and the sensor. */
#include "mini_host.h"

#define SETUP_ALL (AKD1500_HDMA_SETUP_REMOTE_STOP | AKD1500_HDMA_SETUP_REMOTE_ABORT)

static struct mini m;

static int fresh(void **state)
{
	struct nsoc_host host = {.ctx = &m, .read = mini_host_read, .write = mini_host_write, .msi = mini_host_msi};

	(void)state;
	memset(&m, 0, sizeof(m));
	assert_int_equal(nsoc_create(NSOC_AKD1500, &host, &m.chip), 0);
	nsoc_set_paced(m.chip, true);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	nsoc_destroy(m.chip);
	return 0;
}

/* One block from host memory to 0x20010000, no list. */
static void ring_block(uint32_t bytes)
{
	const uint32_t ch = AKD1500_HDMA_RD(0);

	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_ENABLE, 1);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_INT_SETUP, SETUP_ALL);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_SOURCE, (uint32_t)MINI_HOST_BUS);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_SOURCE + 4, (uint32_t)(MINI_HOST_BUS >> 32));
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_DEST, 0x20010000u);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_DEST + 4, 0);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_BYTES, bytes);
	nsoc_bar_write(m.chip, 0, ch + AKD1500_HDMA_DOORBELL, 1);
}

static uint32_t channel_state(void)
{
	return AKD1500_HDMA_STATUS_STATE(nsoc_bar_read(m.chip, 0, AKD1500_HDMA_RD(0) + AKD1500_HDMA_STATUS));
}

static void test_doorbell_paced_runs_in_step(void **state)
{
	(void)state;
	assert_false(nsoc_pending(m.chip));
	ring_block(64);
	assert_true(nsoc_pending(m.chip));
	assert_int_equal(channel_state(), AKD1500_HDMA_RUNNING);
	assert_int_equal(m.messages, 0);
	nsoc_step(m.chip);
	assert_false(nsoc_pending(m.chip));
	assert_int_equal(channel_state(), AKD1500_HDMA_STOPPED);
	assert_int_equal(m.messages, 1);
	nsoc_step(m.chip);
	assert_int_equal(m.messages, 1);
}

static void test_doorbell_stuck_runs_until_stopped(void **state)
{
	(void)state;
	nsoc_inject(m.chip, NSOC_INJECT_DMA_STUCK, 1);
	ring_block(64);
	assert_false(nsoc_pending(m.chip));
	nsoc_step(m.chip);
	assert_int_equal(channel_state(), AKD1500_HDMA_RUNNING);
	nsoc_bar_write(m.chip, 0, AKD1500_HDMA_RD(0) + AKD1500_HDMA_DOORBELL, 2);
	assert_int_equal(channel_state(), AKD1500_HDMA_STOPPED);
	ring_block(64); /* once only */
	nsoc_step(m.chip);
	assert_int_equal(channel_state(), AKD1500_HDMA_STOPPED);
	assert_int_equal(m.messages, 1);
}

static void test_channel_disabled_while_it_runs_stops(void **state)
{
	(void)state;
	nsoc_inject(m.chip, NSOC_INJECT_DMA_STUCK, 1);
	ring_block(64);
	assert_int_equal(channel_state(), AKD1500_HDMA_RUNNING);
	nsoc_bar_write(m.chip, 0, AKD1500_HDMA_RD(0) + AKD1500_HDMA_ENABLE, 0);
	assert_int_equal(channel_state(), AKD1500_HDMA_STOPPED);
	ring_block(64);
	nsoc_bar_write(m.chip, 0, AKD1500_HDMA_RD(0) + AKD1500_HDMA_ENABLE, 0);
	nsoc_step(m.chip);
	assert_int_equal(m.messages, 0);
}

static void test_power_cycle_paced_forgets_what_was_rung(void **state)
{
	(void)state;
	ring_block(64);
	nsoc_power_cycle(m.chip);
	assert_false(nsoc_pending(m.chip));
	ring_block(64);
	assert_true(nsoc_pending(m.chip));
}

/* BAR2 shows the core's registers. */
static void core_window(struct nsoc *chip)
{
	const uint32_t region = AKD1500_ATU_INBOUND(1);

	nsoc_bar_write(chip, 0, region + AKD1500_ATU_TARGET_LO, 0xfcc00000u);
	nsoc_bar_write(chip, 0, region + AKD1500_ATU_CTRL2, AKD1500_ATU_CTRL2_FIXED | AKD1500_ATU_CTRL2_BAR(2u));
}

static void test_sensor_injected_away_reads_zero(void **state)
{
	(void)state;
	core_window(m.chip);
	assert_int_equal(nsoc_bar_read(m.chip, 2, NSOC_SENSOR_BASE), 0x41504d31);
	nsoc_inject(m.chip, NSOC_INJECT_NO_SENSOR, 1);
	assert_int_equal(nsoc_bar_read(m.chip, 2, NSOC_SENSOR_BASE), 0);
	assert_int_equal(nsoc_bar_read(m.chip, 2, NSOC_SENSOR_BASE), 0);
	nsoc_inject(m.chip, NSOC_INJECT_NO_SENSOR, 0);
	assert_int_equal(nsoc_bar_read(m.chip, 2, NSOC_SENSOR_BASE), 0x41504d31);
}

static unsigned int resets_told;

static void count_resets(void *ctx, enum nsoc_moment what)
{
	(void)ctx;
	resets_told += what == NSOC_IS_RESET;
}

/* Told before it happens, once for each time the bit rises. */
static void test_moment_of_a_core_reset_is_told(void **state)
{
	struct nsoc_host host = {.ctx = &m, .moment = count_resets};
	struct nsoc *chip;

	(void)state;
	resets_told = 0;
	assert_int_equal(nsoc_create(NSOC_AKD1500, &host, &chip), 0);
	core_window(chip);
	nsoc_bar_write(chip, 2, AKC_TOP_CONTROL, AKC_TOP_CONTROL_LOGIC_RESET);
	assert_int_equal(resets_told, 0);
	nsoc_bar_write(chip, 2, AKC_TOP_CONTROL, AKC_TOP_CONTROL_CORE_RESET);
	nsoc_bar_write(chip, 2, AKC_TOP_CONTROL, AKC_TOP_CONTROL_CORE_RESET);
	assert_int_equal(resets_told, 1);
	nsoc_bar_write(chip, 2, AKC_TOP_CONTROL, 0);
	nsoc_bar_write(chip, 2, AKC_TOP_CONTROL, AKC_TOP_CONTROL_CORE_RESET);
	assert_int_equal(resets_told, 2);
	nsoc_destroy(chip);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_doorbell_paced_runs_in_step, fresh, drop),
		cmocka_unit_test_setup_teardown(test_doorbell_stuck_runs_until_stopped, fresh, drop),
		cmocka_unit_test_setup_teardown(test_channel_disabled_while_it_runs_stops, fresh, drop),
		cmocka_unit_test_setup_teardown(test_power_cycle_paced_forgets_what_was_rung, fresh, drop),
		cmocka_unit_test(test_moment_of_a_core_reset_is_told),
		cmocka_unit_test_setup_teardown(test_sensor_injected_away_reads_zero, fresh, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
