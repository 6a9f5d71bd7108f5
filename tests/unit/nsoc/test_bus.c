/* SPDX-License-Identifier: MIT */
/* Configuration space, BARs, windows and registers of the software NSoC, as a driver's probe meets them. */
#include "mini_host.h"

static void test_cfg_ids_and_bar_sizes_are_those_of_the_board(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, false);

	(void)state;
	assert_int_equal(nsoc_cfg_read(m->chip, 0x00), 0xbca11e7cu);
	assert_int_equal(nsoc_cfg_read(m->chip, 0x08) & 0xff, 1);
	for (uint32_t bar = 0; bar < 6; bar += 2) {
		nsoc_cfg_write(m->chip, 0x10 + 4 * bar, 0xffffffffu);
		assert_int_equal(nsoc_cfg_read(m->chip, 0x10 + 4 * bar), 0xffc0000cu); /* 4 MB, 64 bit, prefetchable */
		assert_int_equal(nsoc_bar_bytes(m->chip, bar), 4u << 20);
		assert_int_equal(nsoc_bar_bytes(m->chip, bar + 1), 0);
	}
	mini_close(m);
	m = mini_open(NSOC_AKD1500, false);
	assert_int_equal(nsoc_cfg_read(m->chip, 0x00), 0xa5001e7cu);
	assert_int_equal(nsoc_pci_device(m->chip), 0xa500);
	mini_close(m);
}

static void test_cfg_capabilities_form_a_chain_with_msi(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, false);
	uint32_t at = nsoc_cfg_read(m->chip, 0x34) & 0xff, seen = 0;

	(void)state;
	for (int i = 0; at && i < 8; i++) {
		uint32_t head = nsoc_cfg_read(m->chip, at);

		seen |= 1u << (head & 0x1f);
		at = (head >> 8) & 0xff;
	}
	assert_int_equal(at, 0);
	assert_int_equal(seen, 1u << 1 | 1u << 5 | 1u << 16); /* power management, MSI, PCI Express */
	mini_close(m);
}

static void test_bar_before_its_window_is_plain_memory(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, false);

	(void)state;
	nsoc_bar_write(m->chip, 0, AKC_TOP_MESH1, 0x12345678);
	assert_int_equal(nsoc_bar_read(m->chip, 0, AKC_TOP_MESH1), 0x12345678);
	mini_windows(m);
	assert_int_equal(nsoc_bar_read(m->chip, 0, AKC_TOP_MESH1), 0x03030505);
	nsoc_bar_write(m->chip, 4, 0x1000, 0xcafe);
	assert_int_equal(nsoc_bar_read(m->chip, 4, 0x1000), 0xcafe);
	mini_assert_clean(m);
	nsoc_power_cycle(m->chip);
	assert_int_equal(nsoc_bar_read(m->chip, 0, AKC_TOP_MESH1), 0);
	mini_close(m);
}

static void test_version_register_is_zero_on_akd1000_only(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);

	(void)state;
	assert_int_equal(mini_rd(m, AKC_TOP_VERSION), 0);
	mini_close(m);
	m = mini_open(NSOC_AKD1500, true);
	assert_int_equal(mini_rd(m, AKC_TOP_VERSION), 0xbca10309u);
	mini_close(m);
}

static void test_unknown_register_reads_zero_and_is_counted(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);

	(void)state;
	assert_int_equal(mini_rd(m, 0x98765 & ~3u), 0);
	assert_int_equal(mini_report(m).unknown_registers, 1);
	assert_non_null(strstr(mini_report(m).last, "0x98764"));
	mini_wr(m, AKC_EVENT_DMA + 0xf8, 1);
	assert_int_equal(mini_report(m).unknown_registers, 2);
	mini_close(m);
}

static void test_address_outside_of_memory_is_counted(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);

	(void)state;
	assert_int_equal(nsoc_bar_read(m->chip, 4, 0x200000), 0); /* 1 MB RAM behind a 4 MB BAR */
	nsoc_bar_write(m->chip, 4, 0x100000, 1);
	nsoc_bar_write(m->chip, 4, 0x400000, 1);
	nsoc_bar_write(m->chip, 3, 0, 1);
	assert_int_equal(mini_report(m).bad_addresses, 4);
	mini_close(m);
}

static void test_vendor_probe_of_channels_that_do_not_exist_is_harmless(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);

	(void)state;
	for (uint32_t ch = 0; ch < 8; ch++)
		for (uint32_t side = 0; side < 0x200; side += 0x100) {
			nsoc_bar_write(m->chip, 0, ch * 0x200 + side + AKD1500_HDMA_ENABLE, 0);
			nsoc_bar_write(m->chip, 0, ch * 0x200 + side + AKD1500_HDMA_INT_SETUP, 5);
			nsoc_bar_write(m->chip, 0, ch * 0x200 + side + AKD1500_HDMA_INT_CLEAR, 5);
		}
	assert_int_equal(mini_rd(m, AKC_TOP_VERSION), 0xbca10309u);
	mini_assert_clean(m);
	mini_close(m);
}

static void test_host_window_reaches_host_memory(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	static const uint32_t loop[8] = {0, 0xc0001000u, 4, 0xc0002000u};
	static const uint32_t data[4] = {1, 0, 3, 0x80000001u};
	uint32_t got[12];

	(void)state;
	nsoc_bar_write(m->chip, 0, 0x404, 0);
	nsoc_bar_write(m->chip, 0, 0x400, 0);
	nsoc_bar_write(m->chip, 0, 0x408, 0xc0000000u);
	nsoc_bar_write(m->chip, 0, 0x40c, 0);
	nsoc_bar_write(m->chip, 0, 0x410, 0xc0000000u + MINI_HOST_BYTES - 1);
	nsoc_bar_write(m->chip, 0, 0x414, (uint32_t)MINI_HOST_BUS);
	nsoc_bar_write(m->chip, 0, 0x418, (uint32_t)(MINI_HOST_BUS >> 32));
	nsoc_bar_write(m->chip, 0, 0x404, 0x80000000u);
	memcpy(m->host + 0x1000, data, sizeof(data));
	/* the vendor's loopback self-test, from and to host memory */
	mini_to_device(m, MINI_RING, loop, sizeof(loop));
	memcpy(m->host + 0x1000, data, sizeof(data));
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_CONTROL, 0x83000200u);
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_CONTROL, 0x83000502u);
	mini_wr(m, AKC_EVENT_DMA + 0xb0, 1);
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_RING, MINI_RING);
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_CONTAINER, 0);
	assert_int_equal(mini_rd(m, AKC_EVENT_DMA + AKC_CDMA_EVENTS) & 3, 3);
	memcpy(got, m->host + 0x2000, sizeof(got));
	assert_int_equal(got[0], 0xf0000004u);
	assert_memory_equal(got + 8, data, sizeof(data));
	mini_assert_clean(m);
	mini_close(m);
}

static void test_event_input_is_told_not_to_be_modelled(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	static const uint32_t d[8] = {0x00010001u, MINI_INPUT, 2, MINI_OUTPUT};

	(void)state;
	mini_to_device(m, MINI_RING, d, sizeof(d));
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_RING, MINI_RING);
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_RUN);
	mini_wr(m, AKC_EVENT_DMA + AKC_CDMA_CONTAINER, 0);
	assert_int_equal(mini_rd(m, AKC_EVENT_DMA + AKC_CDMA_EVENTS), 0);
	assert_int_equal(mini_report(m).unknown_encodings, 1);
	mini_close(m);
}

static void test_dma_reset_gives_indices_ff_and_loses_the_timer(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1000, true);

	(void)state;
	assert_int_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_CONTAINER), 0x00ff00ffu);
	mini_config_init(m);
	(void)mini_np_read(m, 1, 3, 0, 0);
	assert_int_not_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_CONTAINER), 0x00ff00ffu);
	assert_int_not_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_TIMER), 0);
	mini_wr(m, AKC_CONF_DMA + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_SOFT_RESET);
	assert_int_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_CONTROL) & AKC_CDMA_CONTROL_SOFT_RESET, 0);
	assert_int_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_CONTAINER), 0x00ff00ffu);
	assert_int_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_MONITOR), 0);
	assert_int_equal(mini_rd(m, AKC_CONF_DMA + AKC_CDMA_TIMER), 0);
	mini_assert_clean(m);
	mini_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cfg_ids_and_bar_sizes_are_those_of_the_board),
		cmocka_unit_test(test_cfg_capabilities_form_a_chain_with_msi),
		cmocka_unit_test(test_bar_before_its_window_is_plain_memory),
		cmocka_unit_test(test_version_register_is_zero_on_akd1000_only),
		cmocka_unit_test(test_unknown_register_reads_zero_and_is_counted),
		cmocka_unit_test(test_address_outside_of_memory_is_counted),
		cmocka_unit_test(test_vendor_probe_of_channels_that_do_not_exist_is_harmless),
		cmocka_unit_test(test_host_window_reaches_host_memory),
		cmocka_unit_test(test_event_input_is_told_not_to_be_modelled),
		cmocka_unit_test(test_dma_reset_gives_indices_ff_and_loses_the_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
