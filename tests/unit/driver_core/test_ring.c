/* SPDX-License-Identifier: MIT */
/* Core DMA controllers: reset, set-up of input and configuration rings, indices, configuration transfers. */
#include "scripted_bus.h"

#define CONF(off) (0x30000u + (off))
#define HRC(off) (0x28000u + (off))

/* A conforming far end: soft reset clears itself and puts 0xff into both indices. */
static bool conforming(struct sb *b, unsigned int bar, u32 off, u32 val)
{
	if (bar == 0 && (off == CONF(0) || off == HRC(0)) && (val & AKC_CDMA_CONTROL_SOFT_RESET)) {
		*sb_cell(b, bar, off) = 2; /* version */
		*sb_cell(b, bar, off + 4) = 0x00ff00ff;
		return true;
	}
	return sb_engine(b, bar, off, val);
}

static void start(struct sb **b, struct akc_dev *d)
{
	*b = sb_new();
	(*b)->on_write = conforming;
	sb_device(*b, d, AKC_PCI_AKD1000);
}

static void test_ring_init_image_dma_follows_the_reference(void **state)
{
	struct akc_ring r = {.base = 0x28000, .addr = 0x24000100, .slots = 5, .desc_bytes = 64};
	struct akc_dev d;
	struct sb *b;
	u32 at = 0;

	(void)state;
	start(&b, &d);
	assert_int_equal(akc_ring_init(&d, &r, true, AKC_CDMA_MONITOR_END_INBOUND | AKC_MONITOR_OUTPUTS), 0);
	sb_expect(b, &at, SB_WRITE, 0, HRC(0), 0x200);
	sb_expect(b, &at, SB_READ, 0, HRC(0), 2);
	sb_expect(b, &at, SB_READ, 0, HRC(4), 0x00ff00ff);
	sb_expect(b, &at, SB_READ, 0, HRC(4), 0x00ff00ff);
	sb_expect(b, &at, SB_READ, 0, HRC(0), 2);
	sb_expect(b, &at, SB_WRITE, 0, HRC(8), 0x24000100);
	sb_expect(b, &at, SB_WRITE, 0, HRC(0xc), 0x00040002); /* 5 descriptors of 2 x 32 bytes */
	/* timer on, inbound end, OB unmasked, the rest masked; status and counter cleared once */
	sb_expect(b, &at, SB_WRITE, 0, HRC(0x24), 0x000e2103);
	sb_expect(b, &at, SB_WRITE, 0, HRC(0x24), 0x000e2100);
	sb_expect(b, &at, SB_WRITE, 0, HRC(0), 0x83000402); /* 32-byte header, interrupts, version kept, not running */
	assert_int_equal(at, b->logged);
	assert_int_equal(r.last, 0xff);
	assert_int_equal(akc_ring_next(&r), 0);
	akc_ring_run(&d, &r, true);
	sb_expect(b, &at, SB_WRITE, 0, HRC(0), 0x83000502);
	sb_free(b);
}

static void test_ring_init_configuration_dma_has_no_header(void **state)
{
	struct akc_dev d;
	struct sb *b;

	(void)state;
	start(&b, &d);
	assert_int_equal(akc_conf_init(&d), 0);
	assert_int_equal(*sb_cell(b, 0, CONF(0)), 0x402);
	assert_int_equal(*sb_cell(b, 0, CONF(8)), 0x24000000);
	assert_int_equal(*sb_cell(b, 0, CONF(0xc)), 0x00010001);
	assert_int_equal(*sb_cell(b, 0, CONF(0x24)), 0x000e2000);
	sb_free(b);
}

static void test_ring_reset_that_does_not_clear_itself_is_cleared(void **state)
{
	struct akc_dev d;
	struct sb *b = sb_new();

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000); /* plain cells: the bit stays */
	assert_int_equal(akc_ring_reset(&d, 0x28000), 0);
	assert_int_equal(*sb_cell(b, 0, HRC(0)), 0);
	sb_free(b);
}

static void test_ring_reset_of_a_busy_controller_gives_eio(void **state)
{
	struct akc_dev d;
	struct sb *b = sb_new();

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	*sb_cell(b, 0, HRC(4)) = 0x00030001;
	assert_int_equal(akc_ring_reset(&d, 0x28000), -EIO);
	b->all_ones = true;
	assert_int_equal(akc_ring_reset(&d, 0x28000), -EIO);
	assert_true(d.gone);
	sb_free(b);
}

static void test_ring_index_wraps_at_its_slots(void **state)
{
	struct akc_ring r = {.base = 0x28000, .slots = 3, .last = 0xff};
	static const u32 want[] = {0, 1, 2, 0, 1};
	struct akc_dev d;
	struct sb *b;

	(void)state;
	start(&b, &d);
	for (u32 i = 0; i < 5; i++) {
		assert_int_equal(akc_ring_next(&r), want[i]);
		akc_ring_push(&d, &r, want[i]);
		assert_int_equal(*sb_cell(b, 0, HRC(4)), want[i] << 16);
	}
	r.slots = 254;
	r.last = 253;
	assert_int_equal(akc_ring_next(&r), 0);
	sb_free(b);
}

static void test_conf_write_sends_one_descriptor_and_stops(void **state)
{
	struct akc_dev d;
	struct sb *b;
	u32 at;

	(void)state;
	start(&b, &d);
	assert_int_equal(akc_conf_init(&d), 0);
	sb_give(b, 0, CONF(0x28), 3, 0u, 0u, 0x00010001u);
	b->logged = 0;
	assert_int_equal(akc_conf_write(&d, 0x24001000, 747), 0);
	assert_int_equal(akc_get32(b->host), 0x10000001); /* write to mesh, version 1 */
	assert_int_equal(akc_get32(b->host + 4), 0x24001000);
	assert_int_equal(akc_get32(b->host + 8), 747);
	for (u32 i = 3; i < 8; i++)
		assert_int_equal(akc_get32(b->host + 4 * i), 0);
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 16), 0x24000000); /* slot 0 of the ring */
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 4), 32);
	at = 0;
	sb_find_write(b, &at, 0, CONF(4));
	sb_expect(b, &at, SB_WRITE, 0, CONF(4), 0);
	sb_expect(b, &at, SB_WRITE, 0, CONF(0), 0x502); /* RUN */
	sb_expect(b, &at, SB_READ, 0, CONF(0x28), 0);
	sb_expect(b, &at, SB_READ, 0, CONF(0x28), 0);
	sb_expect(b, &at, SB_READ, 0, CONF(0x28), 0x00010001);
	sb_expect(b, &at, SB_WRITE, 0, CONF(0x24), 0x000e2001); /* clear */
	sb_expect(b, &at, SB_WRITE, 0, CONF(0x24), 0x000e2000);
	sb_expect(b, &at, SB_WRITE, 0, CONF(0), 0x402);
	assert_int_equal(at, b->logged);
	assert_int_equal(akc_conf_write(&d, 0x24001000, 5), 0);
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 16), 0x24000020); /* slot 1, then 0 again */
	assert_int_equal(akc_conf_write(&d, 0x24001000, 5), 0);
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 16), 0x24000000);
	sb_free(b);
}

static void test_conf_write_without_end_times_out_stopped(void **state)
{
	struct akc_dev d;
	struct sb *b;
	u64 from;

	(void)state;
	start(&b, &d);
	assert_int_equal(akc_conf_init(&d), 0);
	*sb_cell(b, 0, CONF(0x28)) = 1; /* raw but masked: not an end */
	from = b->now_ns;
	assert_int_equal(akc_conf_write(&d, 0x24001000, 9), -ETIMEDOUT);
	assert_in_range(b->now_ns - from, 5000000000ull, 5200000000ull);
	assert_int_equal(*sb_cell(b, 0, CONF(0)), 0x402);
	*sb_cell(b, 0, CONF(0x28)) = 0xffffffff;
	assert_int_equal(akc_conf_write(&d, 0x24001000, 9), -EIO);
	assert_true(d.gone);
	sb_free(b);
}

static void test_conf_read_sends_header_and_returns_word(void **state)
{
	struct akc_dev d;
	struct sb *b;
	u32 value;

	(void)state;
	start(&b, &d);
	assert_int_equal(akc_conf_init(&d), 0);
	*sb_cell(b, 0, CONF(0x28)) = 0x00010001;
	akc_put32(b->host + 0x100,
		  0xcafe0112); /* the transfer of this bus moves nothing: the answer is there already */
	assert_int_equal(akc_conf_read(&d, 0x01020208, 0x00010000, &value), 0);
	assert_int_equal(value, 0xcafe0112);
	assert_int_equal(akc_get32(b->host), 0x00000001); /* read */
	assert_int_equal(akc_get32(b->host + 4), 0x24000040);
	assert_int_equal(akc_get32(b->host + 8), 2);
	assert_int_equal(akc_get32(b->host + 12), 0x24000080);
	assert_int_equal(akc_get32(b->host + 0x40), 0x01020208);
	assert_int_equal(akc_get32(b->host + 0x44), 0x00010000);
	assert_int_equal(b->elements[AKC_TO_DEVICE], 2);
	assert_int_equal(b->elements[AKC_TO_HOST], 1);
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 24 + 4), 8); /* the header is two words */
	assert_int_equal(*sb_cell(b, 4, 0x3f0000 + 24 + 16), 0x24000040);
	assert_int_equal(*sb_cell(b, 4, 0x3fc000 + 8), 0x24000080);
	sb_free(b);
}

/* Time asleep counts, so that a clock that stands still cannot hang the core. */
static u64 frozen_clock(void *host)
{
	(void)host;
	return 42;
}

static void test_wait_ends_although_the_clock_stands_still(void **state)
{
	struct akc_bus bus = sb_bus;
	struct akc_dev d;
	struct sb *b;

	(void)state;
	start(&b, &d);
	bus.now_ns = frozen_clock;
	assert_int_equal(akc_conf_init(&d), 0);
	d.bus = &bus;
	b->no_completion = false;
	assert_int_equal(akc_conf_write(&d, 0x24001000, 9), -ETIMEDOUT);
	sb_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ring_init_image_dma_follows_the_reference),
		cmocka_unit_test(test_ring_init_configuration_dma_has_no_header),
		cmocka_unit_test(test_ring_reset_that_does_not_clear_itself_is_cleared),
		cmocka_unit_test(test_ring_reset_of_a_busy_controller_gives_eio),
		cmocka_unit_test(test_ring_index_wraps_at_its_slots),
		cmocka_unit_test(test_conf_write_sends_one_descriptor_and_stops),
		cmocka_unit_test(test_conf_write_without_end_times_out_stopped),
		cmocka_unit_test(test_conf_read_sends_header_and_returns_word),
		cmocka_unit_test(test_wait_ends_although_the_clock_stands_still),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
