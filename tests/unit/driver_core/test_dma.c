/* SPDX-License-Identifier: MIT */
/* eDMA and HDMA: start sequences, linked lists over several chunks, completion, time-outs, aborts, all ones. */
#include "scripted_bus.h"

#define EDMA(off) (AKD1000_EDMA + (off))
#define CAPACITY_1000 ((0xc000u - 16) / 24)
#define CAPACITY_1500 ((0x1800u - 16) / 24)
static const u16 chips[2] = {AKC_PCI_AKD1000, AKC_PCI_AKD1500};

static u32 list_off(const struct akc_dev *d, enum akc_dir dir)
{
	u32 addr, bytes;

	akc_list_area(d, &addr, &bytes);
	return addr - 0x20000000u + (dir == AKC_TO_HOST ? bytes / 4 * 3 : 0);
}

static void test_dma_edma_start_programs_channel_then_rings(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_seg s = {.host = 0x123456789000ull, .dev = 0x24000040, .bytes = 1000};
	struct akc_cursor cur = {0, 0};
	u32 at = 0, list = 0x3f0000;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	*sb_cell(b, 2, EDMA(AKD1000_EDMA_RD_MASK)) = 0x00ff00ff;
	*sb_cell(b, 2, EDMA(AKD1000_EDMA_RD_LL_ERROR)) = 0x10;
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	assert_int_equal(cur.seg, 1);
	/* one data element: cycle bit and local interrupt, size, source = host, destination = device; then the link */
	sb_expect(b, &at, SB_WRITE, 4, list, 0x9);
	sb_expect(b, &at, SB_WRITE, 4, list + 4, 1000);
	sb_expect(b, &at, SB_WRITE, 4, list + 8, 0x56789000);
	sb_expect(b, &at, SB_WRITE, 4, list + 12, 0x1234);
	sb_expect(b, &at, SB_WRITE, 4, list + 16, 0x24000040);
	sb_expect(b, &at, SB_WRITE, 4, list + 20, 0);
	sb_expect(b, &at, SB_WRITE, 4, list + 24, 0x6);
	sb_expect(b, &at, SB_WRITE, 4, list + 28, 0);
	sb_expect(b, &at, SB_WRITE, 4, list + 32, 0x203f0000);
	sb_expect(b, &at, SB_WRITE, 4, list + 36, 0);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0x2c), 1);
	sb_expect(b, &at, SB_READ, 2, EDMA(0xa8), 0x00ff00ff);
	sb_expect(b, &at, SB_READ, 2, EDMA(0xc4), 0x10);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0xa8), 0x00fe00fe);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0xc4), 0x11);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0xac), 0x00010001);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0xfc), 0x80000000);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0x100), 0x300);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0x11c), 0x203f0000);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0x120), 0);
	sb_expect(b, &at, SB_READ, 4, list, 0x9);
	sb_expect(b, &at, SB_BARRIER, 0, 0, 0);
	sb_expect(b, &at, SB_WRITE, 2, EDMA(0x30), 0);
	assert_int_equal(at, b->logged);
	assert_int_equal(akc_dma_status(&d, AKC_TO_DEVICE), 1);
	akc_dma_ack(&d, AKC_TO_DEVICE);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xa0)), 0);
	sb_free(b);
}

static void test_dma_hdma_start_programs_channel_then_rings(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_seg s = {.host = 0x89abcdef0ull, .dev = 0x20000200, .bytes = 7};
	struct akc_cursor cur = {0, 0};
	u32 at = 0, list = 0xff800;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	*sb_cell(b, 0, 0x88) = 0x05; /* as the probe leaves it: both masked */
	assert_int_equal(akc_dma_start(&d, AKC_TO_HOST, &s, 1, &cur), 0);
	/* source = device, destination = host */
	sb_expect(b, &at, SB_WRITE, 4, list, 0x9);
	sb_expect(b, &at, SB_WRITE, 4, list + 4, 7);
	sb_expect(b, &at, SB_WRITE, 4, list + 8, 0x20000200);
	sb_expect(b, &at, SB_WRITE, 4, list + 12, 0);
	sb_expect(b, &at, SB_WRITE, 4, list + 16, 0x9abcdef0);
	sb_expect(b, &at, SB_WRITE, 4, list + 20, 0x8);
	sb_expect(b, &at, SB_WRITE, 4, list + 24, 0x6);
	sb_expect(b, &at, SB_WRITE, 4, list + 28, 0);
	sb_expect(b, &at, SB_WRITE, 4, list + 32, 0x200ff800);
	sb_expect(b, &at, SB_WRITE, 4, list + 36, 0);
	sb_expect(b, &at, SB_READ, 0, 0x88, 5);
	sb_expect(b, &at, SB_WRITE, 0, 0x88, 0x50);
	sb_expect(b, &at, SB_WRITE, 0, 0x8c, 5);
	sb_expect(b, &at, SB_WRITE, 0, 0x34, 1);
	sb_expect(b, &at, SB_WRITE, 0, 0x00, 1);
	sb_expect(b, &at, SB_WRITE, 0, 0x10, 0x200ff800);
	sb_expect(b, &at, SB_WRITE, 0, 0x14, 0);
	sb_expect(b, &at, SB_WRITE, 0, 0x18, 3);
	sb_expect(b, &at, SB_READ, 4, list, 0x9);
	sb_expect(b, &at, SB_BARRIER, 0, 0, 0);
	sb_expect(b, &at, SB_WRITE, 0, 0x04, 1);
	assert_int_equal(at, b->logged);
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 1);
	akc_dma_ack(&d, AKC_TO_HOST);
	assert_int_equal(*sb_cell(b, 0, 0x84), 0);
	sb_free(b);
}

/* Words that device memory holds already are not written again; after a reset nothing is taken for granted. */
static void test_dma_second_list_writes_what_changed(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		struct akc_buf buf = {.bus = 0x100001000ull, .bytes = 64};
		u32 list, before, armed = 0, wrote[3];

		sb_device(b, &d, chips[i]);
		list = list_off(&d, AKC_TO_DEVICE);
		for (u32 k = 0; k < 3; k++) {
			wrote[k] = 0;
			buf.bus += 0x40;
			before = b->logged;
			if (k == 2)
				assert_int_equal(akc_reset(&d), 0);
			before = k == 2 ? b->logged : before;
			assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), 0);
			for (u32 a = before; a < b->logged; a++)
				wrote[k] += b->log[a].kind == SB_WRITE && b->log[a].bar == 4;
			assert_int_equal(*sb_cell(b, 4, list + 8), (u32)buf.bus);
		}
		assert_int_equal(wrote[0], 10);
		assert_int_equal(wrote[1], 1);
		assert_int_equal(wrote[2], 10);
		for (u32 a = 0; a < b->logged; a++)
			armed += b->log[a].kind == SB_READ && b->log[a].bar == (i ? 0 : 2) &&
				 b->log[a].off == (i ? 0x188 : EDMA(0xa8));
		assert_int_equal(armed, 2); /* interrupts set up once before each of the two */
		/* memory that lost its content is found out before the doorbell, and written again */
		*sb_cell(b, 4, list) = 0;
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), -EIO);
		assert_string_equal(b->last_what, "list memory does not hold");
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), 0);
		sb_free(b);
	}
}

/* Every list is its own start: cycle bit 1 in its data elements, 0 in the link, the interrupt on the last one only. */
static void check_list(struct sb *b, const struct akc_dev *d, enum akc_dir dir, u32 elements)
{
	u32 off = list_off(d, dir);

	for (u32 i = 0; i < elements; i++)
		assert_int_equal(*sb_cell(b, 4, off + 24 * i), i + 1 == elements ? AKC_LL_CB | AKC_LL_LIE : AKC_LL_CB);
	assert_int_equal(*sb_cell(b, 4, off + 24 * elements), AKC_LL_LLP | AKC_LL_TCB);
}

static void test_dma_long_transfer_takes_several_lists(void **state)
{
	static const u32 capacity[2] = {CAPACITY_1000, CAPACITY_1500};

	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		const u32 bytes = 0x10000 * (2 * capacity[i] + 3) + 5;
		const struct akc_buf buf = {.bus = 0x100000000ull, .bytes = bytes};
		u32 doorbell = i ? 0x104 : EDMA(0x30), bar = i ? 0 : 2;

		sb_device(b, &d, chips[i]);
		assert_int_equal(akc_mem_write(&d, 0x30000000, &buf, 0, bytes), 0);
		assert_int_equal(b->transfers[AKC_TO_DEVICE], 3);
		assert_int_equal(b->elements[AKC_TO_DEVICE], 2 * capacity[i] + 4);
		assert_int_equal(b->bytes[AKC_TO_DEVICE], bytes);
		assert_int_equal(sb_count_writes(b, bar, doorbell), 3);
		check_list(b, &d, AKC_TO_DEVICE, 4);
		/* behind the short last list the long ones are still there, with their cycle bits */
		assert_int_equal(*sb_cell(b, 4, list_off(&d, AKC_TO_DEVICE) + 24 * 6) & AKC_LL_CB, AKC_LL_CB);
		/* the channel is programmed anew for each list */
		assert_int_equal(sb_count_writes(b, bar, i ? 0x118 : EDMA(0x100)), 3);
		assert_int_equal(sb_count_writes(b, bar, i ? 0x110 : EDMA(0x11c)), 3);
		sb_free(b);
	}
}

static void test_dma_addresses_advance_over_pieces(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_seg s[3] = {
		{0x1fffff000ull, 0x24000001, 0x18003}, {0x5000, 0x25000000, 1}, {0x7000, 0x26000000, 64}};
	u32 l;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	l = list_off(&d, AKC_TO_DEVICE);
	assert_int_equal(akc_dma_run(&d, AKC_TO_DEVICE, s, 3), 0);
	check_list(b, &d, AKC_TO_DEVICE, 4);
	assert_int_equal(*sb_cell(b, 4, l + 4), 0x10000);
	assert_int_equal(*sb_cell(b, 4, l + 24 + 4), 0x8003);
	assert_int_equal(*sb_cell(b, 4, l + 24 + 8), 0x0000f000); /* carries into the upper half */
	assert_int_equal(*sb_cell(b, 4, l + 24 + 12), 0x2);
	assert_int_equal(*sb_cell(b, 4, l + 24 + 16), 0x24010001);
	assert_int_equal(*sb_cell(b, 4, l + 48 + 4), 1);
	assert_int_equal(*sb_cell(b, 4, l + 72 + 16), 0x26000000);
	assert_int_equal(b->transfers[AKC_TO_DEVICE], 1);
	sb_free(b);
}

static void test_dma_timeout_aborts_and_recovers(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		const struct akc_buf buf = {.bus = 0x1000, .bytes = 4096};
		u64 start;

		sb_device(b, &d, chips[i]);
		b->no_completion = true;
		start = b->now_ns;
		assert_int_equal(akc_mem_read(&d, &buf, 0, 0x20001000, 4096), -ETIMEDOUT);
		assert_in_range(b->now_ns - start, 2000000000ull, 2300000000ull);
		assert_int_equal(b->failures, 1);
		assert_string_equal(b->last_what, "DMA time-out");
		if (i == 0)
			assert_int_equal(*sb_cell(b, 2, EDMA(0x100)) >> 5 & 3, 3); /* stop bit of the doorbell */
		else
			assert_int_equal(*sb_cell(b, 0, 0x00), 0); /* channel disabled */
		assert_false(d.dma_lost);
		b->no_completion = false;
		assert_int_equal(akc_mem_read(&d, &buf, 0, 0x20001000, 4096), 0);
		sb_free(b);
	}
}

static void test_dma_channel_that_never_stops_is_lost(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		const struct akc_buf buf = {.bus = 0x1000, .bytes = 4096};
		u32 logged;

		sb_device(b, &d, chips[i]);
		b->no_completion = true;
		b->never_quiet = true;
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 4096), -EIO);
		assert_true(d.dma_lost);
		assert_string_equal(b->last_what, "DMA channel does not stop");
		if (i == 0) /* soft first, then the whole engine */
			assert_int_equal(*sb_cell(b, 2, EDMA(0x2c)), 0);
		logged = b->logged;
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 4096), -EIO);
		assert_int_equal(b->logged, logged);
		/* a reset does not help while it runs, and does once it has stopped */
		assert_int_equal(akc_reset(&d), -EIO);
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 4096), -EIO);
		b->never_quiet = b->no_completion = false;
		assert_int_equal(akc_reset(&d), 0);
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 4096), 0);
		assert_int_equal(d.generation, 3);
		sb_free(b);
	}
}

static void test_dma_abort_status_gives_eio(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		const struct akc_buf buf = {.bus = 0x1000, .bytes = 64};

		sb_device(b, &d, chips[i]);
		b->fail_transfer = true;
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), -EIO);
		assert_string_equal(b->last_what, i ? "HDMA abort" : "eDMA abort");
		assert_int_equal(b->failures, 1);
		b->fail_transfer = false;
		assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), 0);
		sb_free(b);
	}
}

static void test_dma_all_ones_gives_eio_and_ends_all_access(void **state)
{
	(void)state;
	for (u32 i = 0; i < 2; i++) {
		for (u32 reads = 1; reads < 5; reads++) {
			struct sb *b = sb_new();
			struct akc_dev d;
			const struct akc_buf buf = {.bus = 0x1000, .bytes = 64};
			u32 logged;

			sb_device(b, &d, chips[i]);
			b->no_completion = true;
			b->all_ones_after = reads;
			assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), -EIO);
			assert_true(d.gone);
			assert_int_equal(b->failures, 1);
			logged = b->logged;
			assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), -EIO);
			assert_int_equal(akc_alive(&d), -EIO);
			assert_int_equal(akc_reset(&d), -EIO);
			assert_int_equal(b->logged, logged);
			sb_free(b);
		}
	}
}

static void test_dma_list_memory_that_does_not_hold_gives_eio(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_buf buf = {.bus = 0x1000, .bytes = 64};

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	sb_give(b, 4, 0xfe000, 1, 0u);
	assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 64), -EIO);
	assert_string_equal(b->last_what, "list memory does not hold");
	assert_int_equal(sb_count_writes(b, 0, 0x104), 0);
	sb_free(b);
}

static void test_dma_ranges_outside_or_on_the_lists_are_refused(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_buf buf = {.bus = 0x1000, .bytes = 0x20000};
	u32 lists, bytes;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1500);
	akc_list_area(&d, &lists, &bytes);
	assert_int_equal(lists + bytes, 0x20100000);
	assert_int_equal(akc_mem_write(&d, lists, &buf, 0, 1), -EINVAL);
	assert_int_equal(akc_mem_write(&d, lists - 16, &buf, 0, 17), -EINVAL);
	assert_int_equal(akc_mem_write(&d, lists - 16, &buf, 0, bytes + 32), -EINVAL);
	assert_int_equal(akc_mem_read(&d, &buf, 0, lists + bytes - 1, 1), -EINVAL);
	assert_int_equal(akc_mem_write(&d, 0xfffffff0, &buf, 0, 32), -EINVAL);
	assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0x1ffff, 2), -EINVAL);
	assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0xffffffff, 2), -EINVAL);
	assert_int_equal(akc_copy_to(&d, 0xfffffff0, &d, 32), -EINVAL);
	assert_int_equal(akc_copy_from(&d, &d, 0xfffffff0, 32), -EINVAL);
	assert_int_equal(sb_count_writes(b, 0, 0x104), 0);
	assert_int_equal(akc_mem_write(&d, lists - 16, &buf, 0, 16), 0);
	assert_int_equal(akc_mem_write(&d, lists + bytes, &buf, 0, 16), 0);
	assert_int_equal(akc_mem_write(&d, 0x20001000, &buf, 0, 0), 0);
	assert_int_equal(b->transfers[AKC_TO_DEVICE], 2);
	sb_free(b);
}

static void test_dma_second_start_while_running_is_busy(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;
	const struct akc_seg s = {0x1000, 0x24000000, 64};
	struct akc_cursor cur = {0, 0}, other = {0, 0};

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	b->no_completion = true;
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &other), -EBUSY);
	assert_int_equal(other.seg, 0);
	assert_int_equal(akc_dma_status(&d, AKC_TO_DEVICE), 0);
	assert_int_equal(akc_dma_start(&d, AKC_TO_HOST, &s, 1, &other), 0); /* the other direction is free */
	assert_int_equal(akc_dma_abort(&d, AKC_TO_DEVICE), 0);
	cur = (struct akc_cursor){0, 0};
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	sb_free(b);
}

/* Done without stopped, and stopped without done (left from before), are both "running". */
static void test_dma_status_needs_event_and_state(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	*sb_cell(b, 2, EDMA(0x4c)) = 1;
	*sb_cell(b, 2, EDMA(0x100)) = 1u << 5;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 0);
	*sb_cell(b, 2, EDMA(0x4c)) = 2; /* of the other channel */
	*sb_cell(b, 2, EDMA(0x100)) = 3u << 5;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 0);
	*sb_cell(b, 2, EDMA(0x4c)) = 3;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 1);
	*sb_cell(b, 2, EDMA(0x100)) = 2u << 5;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), -EIO);

	sb_device(b, &d, AKC_PCI_AKD1500);
	*sb_cell(b, 0, 0x80) = 3;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 0);
	*sb_cell(b, 0, 0x84) = 1;
	*sb_cell(b, 0, 0x80) = 1;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 0);
	*sb_cell(b, 0, 0x80) = 3;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), 1);
	*sb_cell(b, 0, 0x80) = 2;
	assert_int_equal(akc_dma_status(&d, AKC_TO_HOST), -EIO);
	sb_free(b);
}

static void test_dma_init_masks_and_clears_both_directions(void **state)
{
	struct sb *b = sb_new();
	struct akc_dev d;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	b->on_write = NULL;
	d.chip->dma->init(&d);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x54)), 0x00ff00ff);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x58)), 0x00ff00ff);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xa8)), 0x00ff00ff);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xac)), 0x00ff00ff);
	assert_int_equal(b->logged, 4);
	sb_free(b);
	b = sb_new();
	sb_device(b, &d, AKC_PCI_AKD1500);
	b->on_write = NULL;
	d.chip->dma->init(&d);
	for (u32 side = 0; side < 0x200; side += 0x100) {
		assert_int_equal(*sb_cell(b, 0, side + 0x88), 5);
		assert_int_equal(*sb_cell(b, 0, side + 0x8c), 5);
	}
	assert_int_equal(b->logged, 6);
	for (u32 i = 0; i < b->logged; i++)
		assert_true(b->log[i].off < 0x200); /* the iATU begins behind */
	sb_free(b);
}

static void test_dma_msi_is_written_into_the_engine(void **state)
{
	const struct akc_seg s = {0x1000, 0x20001000, 64};
	struct akc_cursor cur = {0, 0};
	struct sb *b = sb_new();
	struct akc_dev d;

	(void)state;
	sb_device(b, &d, AKC_PCI_AKD1000);
	akc_dma_set_msi(&d, 0x1fee01004ull, 0x4021);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x60)), 0xfee01004);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x64)), 1);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x68)), 0xfee01004);
	assert_int_equal(*sb_cell(b, 2, EDMA(0x70)), 0x40214021);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xcc)), 0xfee01004);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xd8)), 1);
	assert_int_equal(*sb_cell(b, 2, EDMA(0xdc)), 0x40214021);
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	assert_int_equal(*sb_cell(b, 4, 0x3f0000), AKC_LL_CB | AKC_LL_LIE | AKC_LL_RIE);
	sb_free(b);

	b = sb_new();
	cur = (struct akc_cursor){0, 0};
	sb_device(b, &d, AKC_PCI_AKD1500);
	akc_dma_set_msi(&d, 0x7fee02000ull, 0x31);
	assert_int_equal(*sb_cell(b, 0, 0x94), 7);
	assert_int_equal(*sb_cell(b, 0, 0xa4), 7);
	assert_int_equal(*sb_cell(b, 0, 0x194), 7);
	assert_int_equal(*sb_cell(b, 0, 0x1a4), 7);
	assert_int_equal(*sb_cell(b, 0, 0x190), 0xfee02000);
	assert_int_equal(*sb_cell(b, 0, 0x1a0), 0xfee02000);
	assert_int_equal(*sb_cell(b, 0, 0xa8), 0x31);
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	assert_int_equal(*sb_cell(b, 0, 0x188), 0x78);
	akc_dma_set_msi(&d, 0, 0); /* back to polling: messages of aborts go to a word of ours */
	assert_int_equal(*sb_cell(b, 0, 0x90), (u32)(SB_STAGE_BUS + AKC_STAGE_NOWHERE));
	assert_int_equal(*sb_cell(b, 0, 0x1a0), (u32)(SB_STAGE_BUS + AKC_STAGE_NOWHERE));
	assert_int_equal(*sb_cell(b, 0, 0x1a4), (u32)(SB_STAGE_BUS >> 32));
	assert_int_equal(akc_dma_status(&d, AKC_TO_DEVICE), 1);
	akc_dma_ack(&d, AKC_TO_DEVICE);
	cur = (struct akc_cursor){0, 0};
	assert_int_equal(akc_dma_start(&d, AKC_TO_DEVICE, &s, 1, &cur), 0);
	assert_int_equal(*sb_cell(b, 0, 0x188), 0x50);
	sb_free(b);
}

static u8 *mem_at(struct sb *b, u32 addr, u32 bytes)
{
	assert_in_range(addr, 0x20000100, 0x20000100 + (1u << 19));
	assert_true(bytes <= (1u << 19) - (addr - 0x20000100));
	return (u8 *)b->arg + (addr - 0x20000100);
}

static void test_copy_odd_sizes_goes_through_the_stage(void **state)
{
	static const u32 sizes[] = {1, 3, 4093, 0xe000, 0xe001, 3 * 0xe000 + 17};

	(void)state;
	for (u32 i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sb *b = sb_new();
		struct akc_dev d;
		u8 *from = malloc(sizes[i]), *to = malloc(sizes[i]);

		b->arg = calloc(1, 1u << 19);
		b->device = mem_at;
		sb_device(b, &d, AKC_PCI_AKD1500);
		for (u32 k = 0; k < sizes[i]; k++)
			from[k] = (u8)(k * 7 + (k >> 8));
		memset(to, 0, sizes[i]);
		assert_int_equal(akc_copy_to(&d, 0x20000203, from, sizes[i]), 0);
		assert_int_equal(akc_copy_from(&d, to, 0x20000203, sizes[i]), 0);
		assert_memory_equal(from, to, sizes[i]);
		assert_int_equal(b->bytes[AKC_TO_DEVICE], sizes[i]);
		free(from);
		free(to);
		free(b->arg);
		sb_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dma_edma_start_programs_channel_then_rings),
		cmocka_unit_test(test_dma_second_list_writes_what_changed),
		cmocka_unit_test(test_dma_hdma_start_programs_channel_then_rings),
		cmocka_unit_test(test_dma_long_transfer_takes_several_lists),
		cmocka_unit_test(test_dma_addresses_advance_over_pieces),
		cmocka_unit_test(test_dma_timeout_aborts_and_recovers),
		cmocka_unit_test(test_dma_channel_that_never_stops_is_lost),
		cmocka_unit_test(test_dma_abort_status_gives_eio),
		cmocka_unit_test(test_dma_all_ones_gives_eio_and_ends_all_access),
		cmocka_unit_test(test_dma_list_memory_that_does_not_hold_gives_eio),
		cmocka_unit_test(test_dma_ranges_outside_or_on_the_lists_are_refused),
		cmocka_unit_test(test_dma_second_start_while_running_is_busy),
		cmocka_unit_test(test_dma_status_needs_event_and_state),
		cmocka_unit_test(test_dma_init_masks_and_clears_both_directions),
		cmocka_unit_test(test_dma_msi_is_written_into_the_engine),
		cmocka_unit_test(test_copy_odd_sizes_goes_through_the_stage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
