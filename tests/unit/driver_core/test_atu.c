/* SPDX-License-Identifier: MIT */
/* Address windows of both chips: order of the writes, the second of rest, what is read back, and what is refused. */
#include "scripted_bus.h"

static void test_windows_akd1000_writes_documented_order(void **state)
{
	static const u32 target[3] = {0xfcc00000u, 0xf8c00000u, 0x20000000u};
	static const u32 ctrl2[3] = {0xc0080000u, 0xc0080200u, 0xc0080400u};
	struct sb *b = sb_new();
	struct akc_dev d;
	u32 at = 0;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	sb_give(b, SB_CFG, 0x908, 4, 0, ctrl2[0], ctrl2[1], ctrl2[2]);
	sb_give(b, SB_CFG, 0x918, 4, 0, target[0], target[1], target[2]);
	assert_int_equal(akc_windows_akd1000(&d), 0);
	sb_expect(b, &at, SB_WRITE, SB_CFG, 0x900, 0x80000000u); /* not there yet */
	sb_expect(b, &at, SB_READ, SB_CFG, 0x908, 0);
	sb_expect(b, &at, SB_READ, SB_CFG, 0x918, 0);
	for (u32 i = 0; i < 3; i++) {
		sb_expect(b, &at, SB_WRITE, SB_CFG, 0x900, 0x80000000u | i);
		sb_expect(b, &at, SB_WRITE, SB_CFG, 0x904, 0);
		sb_expect(b, &at, SB_WRITE, SB_CFG, 0x918, target[i]);
		sb_expect(b, &at, SB_WRITE, SB_CFG, 0x908, ctrl2[i]);
	}
	sb_expect(b, &at, SB_SLEEP, 0, 0, 1000000);
	for (u32 i = 0; i < 3; i++) {
		sb_expect(b, &at, SB_WRITE, SB_CFG, 0x900, 0x80000000u | i);
		sb_expect(b, &at, SB_READ, SB_CFG, 0x908, ctrl2[i]);
		sb_expect(b, &at, SB_READ, SB_CFG, 0x918, target[i]);
	}
	assert_int_equal(at, b->logged);
	sb_free(b);
}

static void test_windows_akd1500_writes_bar0(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	u32 at = 0;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	assert_int_equal(akc_windows_akd1500(&d), 0);
	sb_expect(b, &at, SB_READ, 0, 0x704, 0); /* not there yet */
	sb_expect(b, &at, SB_READ, 0, 0x714, 0);
	sb_expect(b, &at, SB_WRITE, 0, 0x700, 0);
	sb_expect(b, &at, SB_WRITE, 0, 0x704, 0xc0080200u);
	sb_expect(b, &at, SB_WRITE, 0, 0x714, 0xfcc00000u);
	sb_expect(b, &at, SB_WRITE, 0, 0x900, 0);
	sb_expect(b, &at, SB_WRITE, 0, 0x904, 0xc0080400u);
	sb_expect(b, &at, SB_WRITE, 0, 0x914, 0x20000000u);
	sb_expect(b, &at, SB_SLEEP, 0, 0, 1000000);
	sb_expect(b, &at, SB_READ, 0, 0x704, 0xc0080200u);
	sb_expect(b, &at, SB_READ, 0, 0x714, 0xfcc00000u);
	sb_expect(b, &at, SB_READ, 0, 0x904, 0xc0080400u);
	sb_expect(b, &at, SB_READ, 0, 0x914, 0x20000000u);
	assert_int_equal(at, b->logged);
	sb_free(b);
}

/* A second bind: nothing is written to a window, nobody waits. */
static void test_windows_that_hold_are_left_alone(void **state)
{
	static const u16 chips[2] = {AKC_PCI_AKD1000, AKC_PCI_AKD1500};

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;

		sb_device(b, &d, chips[i]);
		if (!i) { /* a viewport: one place for all regions */
			sb_give(b, SB_CFG, 0x908, 3, 0xc0080000u, 0xc0080200u, 0xc0080400u);
			sb_give(b, SB_CFG, 0x918, 3, 0xfcc00000u, 0xf8c00000u, 0x20000000u);
		} else {
			*sb_cell(b, 0, 0x704) = 0xc0080200u;
			*sb_cell(b, 0, 0x714) = 0xfcc00000u;
			*sb_cell(b, 0, 0x904) = 0xc0080400u;
			*sb_cell(b, 0, 0x914) = 0x20000000u;
		}
		assert_int_equal(d.chip->windows(&d), 0);
		for (u32 k = 0; k < b->logged; k++) {
			assert_int_not_equal(b->log[k].kind, SB_SLEEP);
			assert_true(b->log[k].kind == SB_READ || b->log[k].off == 0x900);
		}
		sb_free(b);
	}
}

/* One window of two is not enough. */
static void test_windows_half_there_are_all_written(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	u32 at = 0;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	*sb_cell(b, 0, 0x704) = 0xc0080200u;
	*sb_cell(b, 0, 0x714) = 0xfcc00000u;
	assert_int_equal(akc_windows_akd1500(&d), 0);
	sb_find_write(b, &at, 0, 0x714);
	sb_find_write(b, &at, 0, 0x914);
	assert_int_equal(b->now_ns, 1000000000);
	sb_free(b);
}

static void test_windows_target_not_held_gives_eio(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	sb_give(b, 0, 0x914, 1, 0u);
	assert_int_equal(akc_windows_akd1500(&d), -EIO);
	assert_string_equal(b->last_what, "address window target does not hold");
	assert_false(d.gone);
	sb_free(b);
}

static void test_windows_disabled_region_gives_eio(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	sb_give(b, SB_CFG, 0x908, 1, 0x40080000u);
	assert_int_equal(akc_windows_akd1000(&d), -EIO);
	assert_string_equal(b->last_what, "address window control does not hold");
	sb_free(b);
}

static void test_windows_all_ones_mark_the_device_gone(void **state)
{
	static const u16 chips[2] = {AKC_PCI_AKD1000, AKC_PCI_AKD1500};

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;

		sb_device(b, &d, chips[i]);
		b->all_ones = true;
		assert_int_equal(d.chip->windows(&d), -EIO);
		assert_true(d.gone);
		assert_int_equal(akc_alive(&d), -EIO);
		sb_free(b);
	}
}

static void test_probe_unknown_chip_or_small_stage_is_refused(void **state)
{
	struct sb *b = sb_new();
	struct akc_buf stage = {.cpu = b->host, .bus = SB_STAGE_BUS, .bytes = SB_STAGE_BYTES};
	struct akc_dev d;

	(void)state;
	assert_int_equal(akc_probe(&d, &sb_bus, b, 0x1234, &stage), -ENODEV);
	stage.bytes = 0xffff;
	assert_int_equal(akc_probe(&d, &sb_bus, b, AKC_PCI_AKD1000, &stage), -EINVAL);
	stage.bytes = SB_STAGE_BYTES;
	stage.bus = SB_STAGE_BUS + 2;
	assert_int_equal(akc_probe(&d, &sb_bus, b, AKC_PCI_AKD1000, &stage), -EINVAL);
	assert_int_equal(b->logged, 0);
	sb_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_windows_akd1000_writes_documented_order),
		cmocka_unit_test(test_windows_akd1500_writes_bar0),
		cmocka_unit_test(test_windows_that_hold_are_left_alone),
		cmocka_unit_test(test_windows_half_there_are_all_written),
		cmocka_unit_test(test_windows_target_not_held_gives_eio),
		cmocka_unit_test(test_windows_disabled_region_gives_eio),
		cmocka_unit_test(test_windows_all_ones_mark_the_device_gone),
		cmocka_unit_test(test_probe_unknown_chip_or_small_stage_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
