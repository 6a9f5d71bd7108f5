/* SPDX-License-Identifier: MIT */
/* eDMA and HDMA of the software NSoC: linked lists, cycle bits, messages, aborts. */
#include "mini_host.h"

static const enum nsoc_chip chips[] = {NSOC_AKD1000, NSOC_AKD1500};

static void test_dma_moves_bytes_both_ways_and_resumes_its_list(void **state)
{
	(void)state;
	for (int c = 0; c < 2; c++) {
		struct mini *m = mini_open(chips[c], true);
		uint8_t out[200000], back[200000];

		for (int round = 0; round < 5; round++) {
			uint32_t bytes = (uint32_t)(1 + round * 49999);

			for (uint32_t i = 0; i < bytes; i++)
				out[i] = (uint8_t)(i * 7 + (uint32_t)round);
			memset(back, 0, sizeof(back));
			assert_true(mini_to_device(m, 0x20012345u, out, bytes)); /* crosses pages, odd address */
			memset(m->host, 0, sizeof(m->host));
			assert_true(mini_from_device(m, back, 0x20012345u, bytes));
			assert_memory_equal(out, back, bytes);
		}
		mini_assert_clean(m);
		mini_close(m);
	}
}

static void test_dma_takes_modelled_time_by_bytes(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);
	uint64_t before, small, large;

	(void)state;
	before = nsoc_time_ns(m->chip);
	assert_true(mini_dma(m, 1, MINI_INPUT, MINI_HOST_BUS, 37));
	small = nsoc_time_ns(m->chip) - before;
	assert_true(mini_dma(m, 1, MINI_INPUT, MINI_HOST_BUS, 37 * 1001));
	large = nsoc_time_ns(m->chip) - before - small;
	assert_int_equal(large - small, 1000000);
	mini_close(m);
}

static void test_edma_done_sends_the_message_it_was_given(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);

	(void)state;
	mini_edma(m, AKD1000_EDMA_RD_DONE_MSI, 0xfee00000u);
	mini_edma(m, AKD1000_EDMA_RD_DONE_MSI + 4, 1);
	mini_edma(m, AKD1000_EDMA_RD_MSI_DATA, 0x00550044u);
	assert_true(mini_dma(m, 1, MINI_INPUT, MINI_HOST_BUS, 64));
	assert_int_equal(m->messages, 1);
	assert_int_equal(m->message_addr, 0x1fee00000ull);
	assert_int_equal(m->message_data, 0x44);
	mini_edma(m, AKD1000_EDMA_RD_MASK, 1); /* masked: status, no message */
	assert_true(mini_dma(m, 1, MINI_INPUT, MINI_HOST_BUS, 64));
	assert_int_equal(m->messages, 1);
	mini_close(m);
}

static void test_hdma_stop_sends_the_message_it_was_given(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);

	(void)state;
	nsoc_bar_write(m->chip, 0, AKD1500_HDMA_WR(0) + AKD1500_HDMA_MSI_STOP, 0xfee01000u);
	nsoc_bar_write(m->chip, 0, AKD1500_HDMA_WR(0) + AKD1500_HDMA_MSI_DATA, 0x4041);
	assert_true(mini_dma(m, 0, MINI_INPUT, MINI_HOST_BUS, 64));
	assert_int_equal(m->messages, 1);
	assert_int_equal(m->message_addr, 0xfee01000u);
	assert_int_equal(m->message_data, 0x4041);
	mini_close(m);
}

static void test_dma_to_unmapped_host_memory_aborts(void **state)
{
	(void)state;
	for (int c = 0; c < 2; c++) {
		struct mini *m = mini_open(chips[c], true);

		assert_false(mini_dma(m, 1, MINI_INPUT, 0x1000, 64));
		assert_int_equal(mini_report(m).dma_faults, 1);
		mini_close(m);
		m = mini_open(chips[c], true);
		assert_false(mini_dma(m, 0, 0x10000000u, MINI_HOST_BUS, 64));
		assert_int_equal(mini_report(m).dma_faults, 1);
		mini_close(m);
	}
}

static void test_edma_abort_sets_the_abort_bit_and_state(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);
	uint32_t status;

	(void)state;
	mini_edma(m, AKD1000_EDMA_WR_ENABLE, 1);
	mini_edma(m, AKD1000_EDMA_VIEWPORT, 1);
	mini_edma(m, AKD1000_EDMA_CH_CONTROL1, AKD1000_EDMA_CH_CONTROL1_CCS | AKD1000_EDMA_CH_CONTROL1_LLE);
	mini_edma(m, AKD1000_EDMA_CH_LIST, 0x70000000u);
	mini_edma(m, AKD1000_EDMA_WR_DOORBELL, 1);
	status = nsoc_bar_read(m->chip, 2, AKD1000_EDMA + AKD1000_EDMA_WR_STATUS);
	assert_int_equal(status, AKD1000_EDMA_INT_ABORT(1));
	assert_int_equal(
		AKD1000_EDMA_CH_CONTROL1_STATUS(nsoc_bar_read(m->chip, 2, AKD1000_EDMA + AKD1000_EDMA_CH_CONTROL1)),
		AKD1000_EDMA_HALTED);
	mini_close(m);
}

static void test_dma_list_that_never_ends_is_stopped(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint32_t ch = AKD1500_HDMA_WR(0);

	(void)state;
	mini_list_word(m, 0, AKC_LL_LLP | AKC_LL_CB); /* a link to itself that does not toggle */
	mini_list_word(m, 8, MINI_LIST);
	mini_list_word(m, 12, 0);
	nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_ENABLE, 1);
	nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_CONTROL1, 1);
	nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_LIST, MINI_LIST);
	nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_CYCLE, 3);
	nsoc_bar_write(m->chip, 0, ch + AKD1500_HDMA_DOORBELL, 1);
	assert_int_equal(nsoc_bar_read(m->chip, 0, ch + AKD1500_HDMA_INT_STATUS), AKD1500_HDMA_INT_ABORT);
	assert_int_equal(mini_report(m).dma_faults, 1);
	mini_close(m);
}

static void test_doorbell_without_enable_is_a_fault(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);

	(void)state;
	mini_edma(m, AKD1000_EDMA_RD_DOORBELL, 0);
	mini_edma(m, AKD1000_EDMA_RD_ENABLE, 1);
	mini_edma(m, AKD1000_EDMA_RD_DOORBELL, 5);
	assert_int_equal(mini_report(m).dma_faults, 2);
	mini_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dma_moves_bytes_both_ways_and_resumes_its_list),
		cmocka_unit_test(test_dma_takes_modelled_time_by_bytes),
		cmocka_unit_test(test_edma_done_sends_the_message_it_was_given),
		cmocka_unit_test(test_hdma_stop_sends_the_message_it_was_given),
		cmocka_unit_test(test_dma_to_unmapped_host_memory_aborts),
		cmocka_unit_test(test_edma_abort_sets_the_abort_bit_and_state),
		cmocka_unit_test(test_dma_list_that_never_ends_is_stopped),
		cmocka_unit_test(test_doorbell_without_enable_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
