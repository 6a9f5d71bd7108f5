/* SPDX-License-Identifier: MIT */
/* Loading and jobs on a scripted bus: order of the load, descriptor words, pipeline, job ids, outputs, failures. */
#include "sample_program.h"

#define TOP(off) (off)
#define HRC(off) (0x28000u + (off))
#define CONF(off) (0x30000u + (off))
#define MEM_BYTES (1u << 20)

static unsigned int core_bar;
static u32 resets; /* writes that set core or NP reset bits */
static u32 conf_jobs;

/* Soft resets, configuration transfers that end at once, and device memory that holds what DMA moves. */
static bool far_end(struct sb *b, unsigned int bar, u32 off, u32 val)
{
	if (bar == core_bar && (off == CONF(0) || off == HRC(0) || off == 0x20000u)) {
		if (val & AKC_CDMA_CONTROL_SOFT_RESET) {
			*sb_cell(b, bar, off) = 2;
			*sb_cell(b, bar, off + 4) = 0x00ff00ff;
			return true;
		}
		if (off == CONF(0) && (val & AKC_CDMA_CONTROL_RUN))
			conf_jobs++;
	}
	if (bar == core_bar && off == 4 && (val & 0x1700))
		resets++;
	return sb_engine(b, bar, off, val);
}

static u8 *device_memory(struct sb *b, u32 addr, u32 bytes)
{
	u32 base = core_bar ? 0x20000000 : 0x24000000;

	assert_true(addr >= base && addr - base <= MEM_BYTES && bytes <= MEM_BYTES - (addr - base));
	return (u8 *)b->arg + (addr - base);
}

static u32 mem32(struct sb *b, u32 addr)
{
	return akc_get32(device_memory(b, addr, 4));
}

static void set_up(struct sb **b, struct akc_dev *d, struct sample *s, u16 chip)
{
	*b = sb_new();
	(*b)->on_write = far_end;
	(*b)->arg = malloc(MEM_BYTES);
	(*b)->device = device_memory;
	memset((*b)->arg, 0xa5, MEM_BYTES); /* memory nobody cleared */
	sb_device(*b, d, chip);
	core_bar = d->chip->core_bar;
	sample_mesh(&d->mesh);
	sample_program(s);
	memcpy(s->p.device_version, d->version, 4);
	resets = conf_jobs = 0;
	*sb_cell(*b, core_bar, CONF(0x28)) = 0x00010001;
	*sb_cell(*b, core_bar, 4) = 0x00100003; /* power bit that must stay, rewind and multi-pass that must go */
	*sb_cell(*b, core_bar, HRC(0x10)) = 0x12340001;
}

static void tear_down(struct sb *b)
{
	free(b->arg);
	sb_free(b);
}

static const u16 chips[2] = {AKC_PCI_AKD1000, AKC_PCI_AKD1500};

static void test_load_resets_programs_and_prepares_the_input(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		u32 at = 0;

		set_up(&b, &d, &s, chips[c]);
		assert_int_equal(akc_load(&d, &s.p, 3), 0);
		assert_int_equal(b->failures, 0);
		assert_int_equal(*sb_cell(b, core_bar, 4), 0x00100000);
		assert_int_equal(resets, 2);
		assert_int_equal(conf_jobs, 3);
		/* core reset, then NP reset: set, 1 ms, clear, 1 ms */
		sb_find_write(b, &at, core_bar, 4);
		sb_expect(b, &at, SB_WRITE, core_bar, 4, 0x00100000);
		sb_expect(b, &at, SB_READ, core_bar, 4, 0x00100000);
		sb_expect(b, &at, SB_WRITE, core_bar, 4, 0x00101200);
		sb_expect(b, &at, SB_SLEEP, 0, 0, 1000);
		sb_expect(b, &at, SB_WRITE, core_bar, 4, 0x00100000);
		sb_expect(b, &at, SB_SLEEP, 0, 0, 1000);
		sb_find_write(b, &at, core_bar, 4);
		sb_expect(b, &at, SB_WRITE, core_bar, 4, 0x00100500);
		/* EPG list as given, then the interrupt controller: all masked but the HRC */
		sb_find_write(b, &at, core_bar, 0x40000);
		for (u32 i = 0; i < 6; i++)
			sb_expect(b, &at, SB_WRITE, core_bar, 0x40000 + s.epg[i].offset, s.epg[i].value);
		sb_expect(b, &at, SB_WRITE, core_bar, 0x70004, 0xffffffdf);
		sb_expect(b, &at, SB_WRITE, core_bar, 0x70000, 1);
		/* input ring of batch + 1 image descriptors, inbound end */
		assert_int_equal(*sb_cell(b, core_bar, HRC(0xc)), 0x00030002);
		assert_int_equal(*sb_cell(b, core_bar, HRC(0x24)), 0x000e2100);
		/* the AKD1500 clears outputs itself, the AKD1000's register is left alone */
		assert_int_equal(*sb_cell(b, core_bar, HRC(0x98)), c ? 0x80000002 : 0);
		assert_int_equal(sb_count_writes(b, core_bar, HRC(0x98)), c);
		assert_int_equal(*sb_cell(b, core_bar, HRC(0)) & AKC_CDMA_CONTROL_RUN, 0);
		/* the last track is in the track buffer, word for word */
		assert_memory_equal(device_memory(b, d.track_addr, 4), s.image + S_FNP, (S_WORDS - S_FNP) * 4);
		assert_int_equal(d.job_last, 0x1234);
		/* the clock counter of the idle event DMA runs too */
		assert_int_equal(*sb_cell(b, core_bar, 0x20024) & AKC_CDMA_MONITOR_TIMER, AKC_CDMA_MONITOR_TIMER);
		/* nothing overlaps, and all is inside the chip's scratch memory */
		assert_true(d.in.addr >= d.mem_base + AKC_MEM_CONF_BYTES);
		assert_int_equal(d.out_addr, d.in.addr + 4 * 64);
		assert_int_equal(d.in_addr, d.out_addr + 4 * d.out_stride);
		assert_int_equal(d.track_addr, d.in_addr + 4 * d.in_stride);
		assert_true(d.track_addr + (S_WORDS - S_FNP) * 4 <= d.mem_base + d.mem_bytes);
		tear_down(b);
	}
}

static void test_enqueue_writes_image_descriptor_words(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct akc_buf frame;
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		u32 slot0, at = 0;

		set_up(&b, &d, &s, chips[c]);
		s.p.in_w = 7;
		assert_int_equal(akc_load(&d, &s.p, 2), 0);
		frame = d.stage;
		for (u32 i = 0; i < 56; i++)
			b->host[0x8001 + i] = (u8)(i + 1);
		b->logged = 0;
		b->transfers[AKC_TO_DEVICE] = 0;
		assert_int_equal(akc_enqueue(&d, &frame, 0x8001), 0x1235);
		assert_int_equal(b->transfers[AKC_TO_DEVICE], 1);
		slot0 = d.in.addr;
		assert_int_equal(mem32(b, slot0), 0x12352001); /* job id, input interrupt off, version 1 */
		assert_int_equal(mem32(b, slot0 + 4), d.in_addr);
		assert_int_equal(mem32(b, slot0 + 8), 6 | 8 << 16); /* window: 6 bytes, 8 rows */
		assert_int_equal(mem32(b, slot0 + 12), 7);	    /* of rows 7 apart */
		assert_int_equal(mem32(b, slot0 + 16), 0);
		assert_int_equal(mem32(b, slot0 + 20), 0);
		assert_int_equal(mem32(b, slot0 + 24), 0);
		assert_int_equal(mem32(b, slot0 + 28), d.out_addr);
		assert_int_equal(mem32(b, slot0 + 32), 0);
		for (u32 i = 0; i < 56; i++)
			assert_int_equal(device_memory(b, d.in_addr, 56)[i], i + 1);
		/* outputs of an AKD1000 are cleared by the host: header and payload */
		assert_int_equal(mem32(b, d.out_addr), c ? 0xa5a5a5a5 : 0);
		assert_int_equal(mem32(b, d.out_addr + 36), c ? 0xa5a5a5a5 : 0);
		/* the event DMA is off, the HRC's runs, and only then LAST moves */
		sb_find_write(b, &at, core_bar, 0x20000);
		sb_expect(b, &at, SB_WRITE, core_bar, 0x20000, b->log[at].val & ~AKC_CDMA_CONTROL_RUN);
		sb_expect(b, &at, SB_WRITE, core_bar, HRC(0), 0x83000502);
		sb_expect(b, &at, SB_BARRIER, 0, 0, 0);
		sb_expect(b, &at, SB_WRITE, core_bar, HRC(4), 0);
		assert_int_equal(at, b->logged);
		/* the second goes to the next slot, RUN is not written again */
		assert_int_equal(akc_enqueue(&d, &frame, 0x8001), 0x1236);
		assert_int_equal(sb_count_writes(b, core_bar, HRC(0)), 1);
		assert_int_equal(mem32(b, slot0 + 64 + 28), d.out_addr + d.out_stride);
		assert_int_equal(*sb_cell(b, core_bar, HRC(4)), 0x10000);
		/* two in flight is what was asked for */
		assert_int_equal(akc_enqueue(&d, &frame, 0x8001), -EAGAIN);
		tear_down(b);
	}
}

static void test_enqueue_without_window_sends_whole_rows(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	s.p.window_w = s.p.window_h = 0;
	s.p.in_c = 3;
	assert_int_equal(akc_load(&d, &s.p, 1), 0);
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235);
	assert_int_equal(mem32(b, d.in.addr + 8), 18 | 8 << 16);
	assert_int_equal(mem32(b, d.in.addr + 12), 0);
	assert_int_equal(akc_fetch(&d, NULL, 0), -ETIMEDOUT);
	d.in_flight = 0;
	assert_int_equal(akc_enqueue(&d, &d.stage, d.stage.bytes - 144), 0x1236); /* a frame is 144 bytes */
	assert_int_equal(akc_enqueue(&d, &d.stage, d.stage.bytes - 143), -EINVAL);
	assert_int_equal(akc_enqueue(&d, &d.stage, d.stage.bytes + 1), -EINVAL);
	tear_down(b);
}

static void test_enqueue_batch_gathers_a_frame_of_pieces(void **state)
{
	struct akc_seg in[5] = {
		{SB_STAGE_BUS + 0x8000, 0, 20}, {SB_STAGE_BUS + 0x9001, 0, 27}, {SB_STAGE_BUS + 0xa000, 0, 1}};
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	const u8 *frame;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1000);
	assert_int_equal(akc_load(&d, &s.p, 4), 0);
	memset(b->host + 0x8000, 1, 20);
	memset(b->host + 0x9001, 2, 27);
	b->host[0xa000] = 3;
	assert_int_equal(akc_enqueue_batch(&d, in, 3, 5, 1), 0x1235);
	frame = device_memory(b, d.in_addr, 48);
	for (u32 i = 0; i < 48; i++)
		assert_int_equal(frame[i], i < 20 ? 1 : i < 47 ? 2 : 3);
	assert_int_equal(akc_enqueue_batch(&d, in, 3, 4, 1), -EINVAL); /* no room for the core's own */
	assert_int_equal(akc_enqueue_batch(&d, in, 3, 5, 2), -EINVAL);
	in[2].bytes = 2; /* a byte too many, one too few, one piece too large for 32 bits of sum */
	assert_int_equal(akc_enqueue_batch(&d, in, 3, 5, 1), -EINVAL);
	assert_int_equal(akc_enqueue_batch(&d, in, 2, 5, 1), -EINVAL);
	in[2].bytes = 0xfffffff0;
	assert_int_equal(akc_enqueue_batch(&d, in, 3, 5, 1), -EINVAL);
	assert_int_equal(akc_enqueue_batch(&d, in, 0, 5, 1), -EINVAL);
	assert_int_equal(d.in_flight, 1);
	tear_down(b);
}

static void finish(struct sb *b, struct akc_dev *d, u16 job, u32 slot, s32 first)
{
	u8 *out = device_memory(b, d->out_addr + slot * d->out_stride, 40);

	akc_put32(out, 0xb0000002);
	akc_put32(out + 32, (u32)first);
	akc_put32(out + 36, (u32)-first);
	*sb_cell(b, core_bar, HRC(0x10)) = (u32)job << 16 | 1;
}

static void test_frames_go_in_groups(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	u32 transfers;
	s32 out[2];

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	*sb_cell(b, core_bar, HRC(0x10)) = 1;
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 1), -EINVAL); /* nothing loaded */
	assert_int_equal(akc_load(&d, &s.p, 10), 0);
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 0), 0);
	transfers = b->transfers[AKC_TO_DEVICE];
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 100), AKC_GROUP_MAX);
	assert_int_equal(b->transfers[AKC_TO_DEVICE], transfers + 1);
	assert_int_equal(b->elements[AKC_TO_DEVICE] >= AKC_GROUP_MAX + 1, 1);
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 100), 2);
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 1), -EAGAIN);
	assert_int_equal(d.job_last, 10);
	finish(b, &d, 1, 0, 7);
	assert_int_equal(akc_fetch(&d, out, 1000), 0);
	assert_int_equal(out[0], 7);
	finish(b, &d, 3, 1, 8);
	finish(b, &d, 3, 2, 9);
	for (s32 i = 8; i < 10; i++) {
		assert_int_equal(akc_fetch(&d, out, 1000), 0);
		assert_int_equal(out[0], i);
	}
	/* up to the end of the ring of 11, then from its beginning */
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 3), 1);
	assert_int_equal(akc_enqueue_frames(&d, d.stage.bus + 0x4000, 192, 2), 2);
	assert_int_equal(d.in.last, 1);
	tear_down(b);
}

static void test_jobs_in_flight_come_back_in_order_over_the_id_wrap(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	s32 out[2];
	u16 id = 0xfffe;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	*sb_cell(b, core_bar, HRC(0x10)) = 0xfffd0001;
	assert_int_equal(akc_load(&d, &s.p, 3), 0);
	assert_int_equal(akc_poll(&d), 0);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), (u16)(id + i)); /* fffe ffff 0000 */
	assert_int_equal(akc_poll(&d), 0);
	assert_int_equal(sb_count_writes(b, core_bar, HRC(0x24)),
			 2 + 1); /* timer on, and the two of the ring's set-up */
	finish(b, &d, 0xfffe, 0, 10);
	assert_int_equal(akc_poll(&d), 1);
	finish(b, &d, 0xffff, 1, 20);
	finish(b, &d, 0x0000, 2, 30);
	assert_int_equal(akc_poll(&d), 3);
	for (s32 i = 1; i <= 3; i++) {
		assert_int_equal(akc_fetch(&d, out, 1000), 0);
		assert_int_equal(out[0], 10 * i);
		assert_int_equal(out[1], -10 * i);
	}
	assert_int_equal(sb_count_writes(b, core_bar, HRC(0x24)), 3 + 2); /* all three came with the first fetch */
	assert_int_equal(akc_poll(&d), 0);
	/* slots go round: 3, 0, 1 */
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 1 + i);
	finish(b, &d, 1, 3, 40);
	assert_int_equal(akc_fetch(&d, out, 1000), 0);
	assert_int_equal(out[0], 40);
	finish(b, &d, 2, 0, 50);
	assert_int_equal(akc_fetch(&d, out, 1000), 0);
	assert_int_equal(out[0], 50);
	assert_int_equal(d.frames, 5);
	assert_int_equal(b->failures, 0);
	tear_down(b);
}

/* Frames over the ring's end: one list in, one descriptor after the other shown, outputs of a stretch in one list. */
static void test_batches_take_one_transfer_each_way(void **state)
{
	(void)state;
	for (u32 c = 0; c < 2; c++) {
		struct akc_seg seg[16];
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		s32 out[12];
		u32 got;

		set_up(&b, &d, &s, chips[c]);
		assert_int_equal(akc_load(&d, &s.p, 4), 0);
		assert_int_equal(akc_room(&d), 4);
		for (u32 round = 0; round < 3; round++) {
			u32 slot = akc_ring_next(&d.in);
			u16 job = (u16)(0x1235 + 3 * round);

			for (u32 i = 0; i < 3; i++) {
				memset(b->host + 0x8000 + 48 * i, (int)(i + 1), 48);
				seg[i] = (struct akc_seg){SB_STAGE_BUS + 0x8000 + 48 * i, 0, 48};
			}
			b->transfers[AKC_TO_DEVICE] = b->transfers[AKC_TO_HOST] = 0;
			assert_int_equal(akc_enqueue_batch(&d, seg, 3, 16, 3), job + 2);
			assert_int_equal(b->transfers[AKC_TO_DEVICE], 1);
			assert_int_equal(akc_room(&d), 1);
			assert_int_equal(akc_enqueue_batch(&d, seg, 3, 16, 3), -EAGAIN);
			for (u32 i = 0; i < 3; i++) {
				u32 at = (slot + i) % 5;

				assert_int_equal(mem32(b, d.in.addr + 64 * at) >> 16, job + i);
				assert_int_equal(mem32(b, d.in.addr + 64 * at + 4), d.in_addr + at * d.in_stride);
				assert_int_equal(mem32(b, d.in.addr + 64 * at + 28), d.out_addr + at * d.out_stride);
				assert_int_equal(device_memory(b, d.in_addr + at * d.in_stride, 48)[47], i + 1);
				assert_int_equal(mem32(b, d.out_addr + at * d.out_stride + 36), c ? 0xa5a5a5a5 : 0);
			}
			assert_int_equal(*sb_cell(b, core_bar, HRC(4)), ((slot + 2) % 5) << 16);
			for (u32 i = 0; i < 3; i++)
				finish(b, &d, (u16)(job + i), (slot + i) % 5, (s32)(10 * round + i));
			memset(out, 0x5a, sizeof(out));
			assert_int_equal(akc_fetch_batch(&d, out, 3, 4, 1000, &got), -EINVAL);
			assert_int_equal(akc_fetch_batch(&d, out, 3, 3, 1000, &got), 0);
			assert_int_equal(got, 3);
			assert_int_equal(b->transfers[AKC_TO_HOST], 1);
			for (u32 i = 0; i < 3; i++) {
				assert_int_equal(out[3 * i], 10 * round + i);
				assert_int_equal(out[3 * i + 1], -(s32)(10 * round + i));
				assert_int_equal(out[3 * i + 2], 0x5a5a5a5a);
			}
			memset(device_memory(b, d.out_addr, 5 * d.out_stride), 0xa5, 5 * d.out_stride);
		}
		assert_int_equal(b->failures, 0);
		tear_down(b);
	}
}

static void test_fetch_of_a_batch_keeps_what_finished(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	s32 out[4];
	u32 got;
	u64 from;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	assert_int_equal(akc_load(&d, &s.p, 4), 0);
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235 + i);
	finish(b, &d, 0x1235, 0, 7);
	from = b->now_ns;
	assert_int_equal(akc_fetch_batch(&d, out, 2, 2, 300000, &got), -ETIMEDOUT);
	assert_in_range(b->now_ns - from, 300000000ull, 302000000ull);
	assert_int_equal(got, 1);
	assert_int_equal(out[0], 7);
	assert_int_equal(d.in_flight, 2);
	finish(b, &d, 0x1236, 1, 8);
	finish(b, &d, 0x1237, 2, 9);
	akc_put32(device_memory(b, d.out_addr + 2 * d.out_stride, 4), 0x00000002); /* a format that does not exist */
	assert_int_equal(akc_fetch_batch(&d, out, 2, 2, 1000, &got), -EIO);
	assert_int_equal(got, 1);
	assert_int_equal(out[0], 8);
	tear_down(b);
}

static void test_poll_of_an_id_never_sent_gives_eio(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	assert_int_equal(akc_poll(&d), -EINVAL); /* nothing loaded */
	assert_int_equal(akc_load(&d, &s.p, 3), 0);
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235);
	*sb_cell(b, core_bar, HRC(0x10)) = 0x12360001;
	assert_int_equal(akc_poll(&d), -EIO);
	*sb_cell(b, core_bar, HRC(0x10)) = 0x12330001; /* and backwards */
	assert_int_equal(akc_poll(&d), -EIO);
	assert_false(d.gone);
	*sb_cell(b, core_bar, HRC(0x10)) = 0xffffffff;
	assert_int_equal(akc_poll(&d), -EIO);
	assert_true(d.gone);
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), -EIO);
	tear_down(b);
}

static void test_fetch_without_completion_times_out(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	s32 out[2];
	u64 from;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1000);
	assert_int_equal(akc_load(&d, &s.p, 1), 0);
	assert_int_equal(akc_fetch(&d, out, 1000), -EINVAL); /* nothing in flight */
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235);
	from = b->now_ns;
	assert_int_equal(akc_fetch(&d, out, 300000), -ETIMEDOUT);
	assert_in_range(b->now_ns - from, 300000000ull, 301000000ull);
	assert_int_equal(b->failures, 1);
	assert_string_equal(b->last_what, "no completion");
	/* a frame that ends late is still there */
	finish(b, &d, 0x1235, 0, 6);
	assert_int_equal(akc_fetch(&d, out, 0), 0);
	assert_int_equal(out[0], 6);
	/* reset forgets program and frames */
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1236);
	assert_int_equal(akc_reset(&d), 0);
	assert_int_equal(d.generation, 2);
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), -EINVAL);
	assert_int_equal(akc_fetch(&d, out, 0), -EINVAL);
	tear_down(b);
}

static void test_fetch_of_a_large_output_takes_several_reads(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;
	u32 n = 2 * 30000;
	s32 *out = malloc(n * sizeof(*out));

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1000);
	s.p.out_count = n;
	s.p.out_w = 30000;
	assert_int_equal(akc_load(&d, &s.p, 1), 0);
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235);
	assert_int_equal(mem32(b, d.out_addr + 32 + 4 * (n - 1)), 0); /* cleared to the end */
	for (u32 i = 0; i < n; i++)
		akc_put32(device_memory(b, d.out_addr + 32 + 4 * i, 4), i * 3);
	finish(b, &d, 0x1235, 0, 0);
	assert_int_equal(akc_fetch(&d, out, 0), 0);
	for (u32 i = 2; i < n; i++)
		assert_int_equal(out[i], i * 3);
	assert_int_equal(b->transfers[AKC_TO_HOST], 6);
	free(out);
	tear_down(b);
}

/* Up to six pages of zeros travel with the frame, more in transfers before it. */
static void test_enqueue_clears_outputs_of_every_size(void **state)
{
	static const u32 outputs[] = {2, 1000, 1016, 1018, 5000, 6136, 6138, 30000};

	(void)state;
	for (u32 i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++) {
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		u32 end;

		set_up(&b, &d, &s, AKC_PCI_AKD1000);
		s.p.out_count = outputs[i];
		assert_int_equal(akc_load(&d, &s.p, 2), 0);
		assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), 0x1235);
		end = d.out_addr + d.out_stride;
		for (u32 at = d.out_addr; at < end; at += 4)
			assert_int_equal(mem32(b, at), 0);
		assert_int_equal(mem32(b, end), 0xa5a5a5a5); /* the next slot is not touched */
		tear_down(b);
	}
}

static void test_load_that_does_not_fit_gives_enospc(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	s.p.in_h = 9000;
	s.p.window_w = s.p.window_h = 0;
	s.p.in_w = 60; /* 540000 bytes: one slot fits 1 MB of memory, two do not */
	assert_int_equal(akc_load(&d, &s.p, 1), -ENOSPC);
	assert_int_equal(akc_poll(&d), -EINVAL);
	assert_int_equal(conf_jobs, 0);
	s.p.in_w = 30;
	assert_int_equal(akc_load(&d, &s.p, 100), 0); /* fewer than asked for */
	assert_int_equal(d.in.slots, 3);
	s.p.in_w = 6;
	s.p.in_h = 8;
	assert_int_equal(akc_load(&d, &s.p, 100000), 0);
	assert_int_equal(d.in.slots, 254);
	assert_int_equal(*sb_cell(b, core_bar, HRC(0xc)), 0x00fd0002);
	assert_int_equal(akc_load(&d, &s.p, 0), -EINVAL);
	tear_down(b);
}

static void test_load_refused_program_touches_nothing(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	s.image[S_CNP_REG] = 5;
	assert_int_equal(akc_load(&d, &s.p, 1), -EILSEQ);
	assert_int_equal(b->logged, 0);
	assert_int_equal(b->failures, 1);
	assert_string_equal(b->last_what, "read-only NP register 1 is written");
	assert_int_equal(b->last_a, 1);
	assert_int_equal(b->last_b, 2);
	tear_down(b);
}

static void test_load_that_fails_half_way_leaves_nothing_programmed(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	sb_give(b, 2, CONF(0x28), 2, 0x00010001u, 0u); /* the first track arrives, the second never ends */
	assert_int_equal(akc_load(&d, &s.p, 1), -ETIMEDOUT);
	assert_int_equal(conf_jobs, 2);
	assert_int_equal(resets, 4); /* before and after */
	assert_int_equal(akc_enqueue(&d, &d.stage, 0x4000), -EINVAL);
	tear_down(b);
}

/* Every point of a load at which the chip can vanish: -EIO, no hang, and silence afterwards. */
static void test_load_on_a_chip_that_vanishes_gives_eio(void **state)
{
	u32 reads = 1;

	(void)state;
	for (;; reads += 3) {
		struct akc_dev d;
		struct sample s;
		struct sb *b;
		u32 logged;
		int err;

		set_up(&b, &d, &s, reads & 1 ? AKC_PCI_AKD1000 : AKC_PCI_AKD1500);
		b->all_ones_after = reads;
		err = akc_load(&d, &s.p, 1);
		if (err) {
			assert_int_equal(err, -EIO);
			assert_true(d.gone);
			assert_int_equal(b->failures, 1);
			logged = b->logged;
			assert_int_equal(akc_load(&d, &s.p, 1), -EIO);
			assert_int_equal(b->logged, logged);
		}
		tear_down(b);
		if (!err)
			break;
	}
	assert_true(reads > 30);
}

static void test_clocks_take_the_larger_input_timer(void **state)
{
	struct akc_dev d;
	struct sample s;
	struct sb *b;

	(void)state;
	set_up(&b, &d, &s, AKC_PCI_AKD1500);
	*sb_cell(b, core_bar, 0x20030) = 17;
	*sb_cell(b, core_bar, 0x28030) = 93965;
	*sb_cell(b, core_bar, 0x30030) = 152396;
	assert_int_equal(akc_inference_clk(&d), 93965);
	*sb_cell(b, core_bar, 0x20030) = 100000;
	assert_int_equal(akc_inference_clk(&d), 100000);
	assert_int_equal(akc_program_clk(&d), 152396);
	tear_down(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_resets_programs_and_prepares_the_input),
		cmocka_unit_test(test_enqueue_writes_image_descriptor_words),
		cmocka_unit_test(test_enqueue_without_window_sends_whole_rows),
		cmocka_unit_test(test_enqueue_batch_gathers_a_frame_of_pieces),
		cmocka_unit_test(test_frames_go_in_groups),
		cmocka_unit_test(test_jobs_in_flight_come_back_in_order_over_the_id_wrap),
		cmocka_unit_test(test_batches_take_one_transfer_each_way),
		cmocka_unit_test(test_fetch_of_a_batch_keeps_what_finished),
		cmocka_unit_test(test_poll_of_an_id_never_sent_gives_eio),
		cmocka_unit_test(test_fetch_without_completion_times_out),
		cmocka_unit_test(test_fetch_of_a_large_output_takes_several_reads),
		cmocka_unit_test(test_enqueue_clears_outputs_of_every_size),
		cmocka_unit_test(test_load_that_does_not_fit_gives_enospc),
		cmocka_unit_test(test_load_refused_program_touches_nothing),
		cmocka_unit_test(test_load_that_fails_half_way_leaves_nothing_programmed),
		cmocka_unit_test(test_load_on_a_chip_that_vanishes_gives_eio),
		cmocka_unit_test(test_clocks_take_the_larger_input_timer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
