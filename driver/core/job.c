// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Programs and jobs: device memory layout, loading the tracks, the input ring, frames in,
 * completions and outputs out. Single pass, dense image input through the HRC.
 *
 * Device memory, lowest first: configuration area, input descriptors, outputs, inputs, track
 * buffer. Outputs lie low so that nothing but our own inputs is behind them.
 */
#include "internal.h"

#define MEM_ALIGN 64u
#define INTC_ALL 0xffffffffu
#define CLEAR_PIECES 6u

static u32 mem_align(u32 v)
{
	return (v + MEM_ALIGN - 1) & ~(MEM_ALIGN - 1);
}

static int mem_layout(struct akc_dev *d, const struct akc_program *p, u32 batch)
{
	u32 used = AKC_MEM_CONF_BYTES;
	u32 track_bytes = 0, per_slot, slots, i;

	for (i = 0; i < p->track_count; i++)
		if (p->tracks[i].words * 4 > track_bytes)
			track_bytes = p->tracks[i].words * 4;
	used += mem_align(track_bytes);
	/* Sizes are bounded by akc_verify: none of these sums comes near 2^32. */
	d->in_stride = mem_align(d->in_bytes);
	d->out_stride = mem_align(AKC_HEADER_BYTES +
				  akc_output_bytes(p->output_type, p->activation, p->out_count));
	per_slot = d->in.desc_bytes + d->in_stride + d->out_stride;
	/*
	 * One slot more than frames in flight: the controller is idle when both ring indices are
	 * equal.
	 */
	slots = batch < AKC_RING_MAX ? batch + 1 : AKC_RING_MAX;
	if (used < d->mem_bytes)
		slots = akc_min(slots, (d->mem_bytes - used) / per_slot);
	if (used >= d->mem_bytes || slots < 2)
		return akc_fail(d, -ENOSPC, "program does not fit device memory",
				used + 2 * (u64)per_slot, d->mem_bytes);
	d->in.slots = slots;
	d->in.addr = d->mem_base + AKC_MEM_CONF_BYTES;
	d->out_addr = d->in.addr + mem_align(slots * d->in.desc_bytes);
	d->in_addr = d->out_addr + slots * d->out_stride;
	d->track_addr = d->in_addr + slots * d->in_stride;
	return 0;
}

static int load_tracks(struct akc_dev *d, const struct akc_program *p)
{
	u32 i;
	int err;

	err = akc_conf_init(d);
	if (err)
		return err;
	for (i = 0; i < p->track_count; i++) {
		const struct akc_track *t = &p->tracks[i];

		err = akc_copy_to(d, d->track_addr, p->image + t->word_off, t->words * 4);
		if (err)
			return err;
		err = akc_conf_write(d, d->track_addr, t->words);
		if (err)
			return err;
	}
	return 0;
}

static int start_input(struct akc_dev *d, const struct akc_program *p)
{
	u32 v;
	int err;

	err = akc_ring_init(d, &d->in, true, AKC_CDMA_MONITOR_END_INBOUND);
	if (err)
		return err;
	/* The vendor engine leaves this register alone on the AKD1000, and so does this. */
	if (d->chip->clears_outputs) {
		v = 0;
		if (!p->output_type)
			v = AKC_CDMA_OB_CLEAR_EN |
			    akc_output_bytes(p->output_type, p->activation, p->out_count) / 4;
		akc_write(d, d->in.base + AKC_CDMA_OB_CLEAR, v);
	}
	v = akc_read(d, d->in.base + AKC_CDMA_STATUS);
	if (v == AKC_ALL_ONES)
		return akc_gone(d, "input DMA status", d->in.base);
	d->job_last = (u16)AKC_CDMA_STATUS_JOB(v);
	d->job_done = d->job_last;
	return 0;
}

int akc_load(struct akc_dev *d, const struct akc_program *p, u32 batch)
{
	struct akc_verify_result res;
	u32 i;
	int err;

	if (d->gone)
		return -EIO;
	if (!batch)
		return akc_fail(d, -EINVAL, "batch", batch, 0);
	err = akc_verify(d, p, &res);
	if (err)
		return akc_fail(d, err, res.what, res.track, res.word);

	err = akc_stop(d);
	if (err)
		return err;
	d->out_count = p->out_count;
	d->out_w = p->out_w;
	d->out_c = p->out_c;
	d->output_type = p->output_type;
	d->activation = p->activation;
	d->clear_out = !d->chip->clears_outputs && !p->output_type;
	d->in_bytes = p->in_h * p->in_w * p->in_c;
	d->row_bytes = (p->window_w ? p->window_w : p->in_w) * p->in_c;
	d->rows = p->window_h ? p->window_h : p->in_h;
	d->next_row = p->window_w ? p->in_w * p->in_c : 0;
	d->in.base = AKC_HRC_DMA;
	d->in.desc_bytes = AKC_DESC_IMAGE_BYTES;
	err = mem_layout(d, p, batch);
	if (err)
		return err; /* the mesh is empty since akc_stop */

	err = load_tracks(d, p);
	if (err)
		goto unload;
	for (i = 0; i < p->epg_count; i++)
		akc_write(d, AKC_EPG + p->epg[i].offset, p->epg[i].value);
	akc_write(d, AKC_INTC + AKC_INTC_MASK, INTC_ALL & ~AKC_INTC_HRC);
	akc_write(d, AKC_INTC + AKC_INTC_ENABLE, 1);
	err = start_input(d, p);
	if (err)
		goto unload;
	d->out_staged = d->out_next = 0;
	d->loaded = true;
	return 0;

unload:
	akc_stop(d);
	return err;
}

static void fill_image_desc(struct akc_dev *d, u8 *p, u16 job, u32 slot)
{
	memset(p, 0, AKC_DESC_IMAGE_BYTES);
	akc_put32(p, AKC_DESC_JOB((u32)job) | AKC_DESC_IB_INT_OFF | AKC_DESC_VERSION);
	akc_put32(p + 4, d->in_addr + slot * d->in_stride);
	akc_put32(p + 8, d->row_bytes | d->rows << 16);
	akc_put32(p + 12, d->next_row);
	/* words 4 to 6: window, overlaps and offsets stay 0 */
	akc_put32(p + 28, d->out_addr + slot * d->out_stride);
}

/* Zeros for the outputs of n slots, as pieces of the transfer that follows, or at once when they are many. */
static int clear_outputs(struct akc_dev *d, u32 slot, u32 n, struct akc_seg *s, u32 *count)
{
	u32 left = n * d->out_stride;
	u32 to = d->out_addr + slot * d->out_stride;

	if (!d->clear_out)
		return 0;
	if (left > CLEAR_PIECES * AKC_STAGE_ZERO_BYTES)
		return akc_mem_zero(d, to, left);
	while (left) {
		u32 bytes = akc_min(left, AKC_STAGE_ZERO_BYTES);

		s[*count].host = d->stage.bus + AKC_STAGE_ZERO;
		s[*count].dev = to;
		s[*count].bytes = bytes;
		to += bytes;
		left -= bytes;
		(*count)++;
	}
	return 0;
}

/* The controller learns of n descriptors that are in device memory. */
static void show_frames(struct akc_dev *d, u32 n)
{
	u32 last = (akc_ring_next(&d->in) + n - 1) % d->in.slots;

	if (!d->in.running) {
		akc_write(d, AKC_EVENT_DMA + AKC_CDMA_CONTROL,
			  akc_read(d, AKC_EVENT_DMA + AKC_CDMA_CONTROL) & ~AKC_CDMA_CONTROL_RUN);
		akc_ring_run(d, &d->in, true);
	}
	akc_ring_push(d, &d->in, last);
	d->job_last = (u16)(d->job_last + n);
	d->in_flight += n;
}

/*
 * n slots in a row, no more than a group: one DMA transfer carries the zeros for their outputs where
 * the host clears, the frames (or NULL: they are there), and the descriptors.
 */
static int send_group(struct akc_dev *d, u32 slot, u32 n, const struct akc_seg *frames)
{
	struct akc_seg s[CLEAR_PIECES + AKC_GROUP_MAX + 1];
	u32 i, count = 0;
	int err = clear_outputs(d, slot, n, s, &count);

	if (err)
		return err;
	for (i = 0; frames && i < n; i++)
		s[count++] = frames[i];
	for (i = 0; i < n; i++)
		fill_image_desc(d, akc_stage(d, AKC_STAGE_DESC + i * AKC_DESC_IMAGE_BYTES),
				(u16)(d->job_last + 1 + i), slot + i);
	s[count].host = d->stage.bus + AKC_STAGE_DESC;
	s[count].dev = d->in.addr + slot * d->in.desc_bytes;
	s[count].bytes = n * AKC_DESC_IMAGE_BYTES;
	count++;
	err = akc_dma_run(d, AKC_TO_DEVICE, s, count);
	if (err)
		return err;

	show_frames(d, n);
	return 0;
}

/* Slots for one frame or more; -EAGAIN when none is free. */
static int free_slots(const struct akc_dev *d)
{
	if (d->gone)
		return -EIO;
	if (!d->loaded)
		return -EINVAL;
	return d->in_flight < d->in.slots - 1 ? (int)(d->in.slots - 1 - d->in_flight) : -EAGAIN;
}

u32 akc_room(const struct akc_dev *d)
{
	int room = free_slots(d);

	return room > 0 ? (u32)room : 0;
}

static u32 next_slot(const struct akc_dev *d, u32 slot)
{
	return slot + 1 < d->in.slots ? slot + 1 : 0;
}

/* Where each piece goes: frames to slots in a row, each filled exactly. */
static int place_frames(struct akc_dev *d, struct akc_seg *seg, u32 count, u32 frames)
{
	u32 slot = akc_ring_next(&d->in), bytes = 0, i;

	for (i = 0; i < count; i++) {
		seg[i].dev = d->in_addr + slot * d->in_stride + bytes;
		if (!frames || seg[i].bytes > d->in_bytes - bytes)
			return -EINVAL;
		bytes += seg[i].bytes;
		if (bytes < d->in_bytes)
			continue;
		bytes = 0;
		slot = next_slot(d, slot);
		frames--;
	}
	return bytes || frames ? -EINVAL : 0;
}

/* The descriptors of slots in a row, over the ring's end too; of a batch they may be many. */
static void put_descriptors(struct akc_dev *d, struct akc_seg *seg, u32 *count, u32 frames)
{
	u32 at = AKC_STAGE_BOUNCE, slot = akc_ring_next(&d->in), i;

	for (i = 0; i < frames; i++) {
		fill_image_desc(d, akc_stage(d, at), (u16)(d->job_last + 1 + i), slot);
		if (!i || !slot) { /* the ring's end parts them */
			seg[*count].host = d->stage.bus + at;
			seg[*count].dev = d->in.addr + slot * d->in.desc_bytes;
			seg[*count].bytes = 0;
			(*count)++;
		}
		seg[*count - 1].bytes += d->in.desc_bytes;
		at += d->in.desc_bytes;
		slot = next_slot(d, slot);
	}
}

/* As send_group, of any number of pieces and slots. */
int akc_enqueue_batch(struct akc_dev *d, struct akc_seg *seg, u32 count, u32 max, u32 frames)
{
	u32 slot, i;
	int err = free_slots(d);

	if (err < 0)
		return err;
	if (!count || !frames || max < 2 || count > max - 2)
		return -EINVAL;
	if (frames > (u32)err)
		return -EAGAIN;
	err = place_frames(d, seg, count, frames);
	slot = akc_ring_next(&d->in);
	for (i = 0; !err && i < frames; i++) {
		if (d->clear_out && CLEAR_PIECES > max - 2 - count)
			err = akc_mem_zero(d, d->out_addr + slot * d->out_stride, d->out_stride);
		else
			err = clear_outputs(d, slot, 1, seg, &count);
		slot = next_slot(d, slot);
	}
	if (err)
		return err;
	put_descriptors(d, seg, &count, frames);
	err = akc_dma_run(d, AKC_TO_DEVICE, seg, count);
	if (!err)
		show_frames(d, frames);
	return err ? err : d->job_last;
}

int akc_enqueue_frames(struct akc_dev *d, u64 host, u32 stride, u32 count)
{
	struct akc_seg s[AKC_GROUP_MAX];
	int room = free_slots(d);
	u32 slot, i;
	int err;

	if (room < 0)
		return room;
	slot = akc_ring_next(&d->in);
	count = akc_min(count, akc_min((u32)room, akc_min(d->in.slots - slot, AKC_GROUP_MAX)));
	for (i = 0; i < count; i++) {
		s[i].host = host + (u64)i * stride;
		s[i].dev = d->in_addr + (slot + i) * d->in_stride;
		s[i].bytes = d->in_bytes;
	}
	err = count ? send_group(d, slot, count, s) : 0;
	return err ? err : (int)count;
}

int akc_enqueue(struct akc_dev *d, const struct akc_buf *from, u32 off)
{
	struct akc_seg in = { from->bus + off, 0, d->in_bytes };
	int err = free_slots(d);
	u32 slot;

	if (!d->gone && (off > from->bytes || d->in_bytes > from->bytes - off))
		return -EINVAL;
	if (err < 0)
		return err;
	slot = akc_ring_next(&d->in);
	in.dev = d->in_addr + slot * d->in_stride;
	err = send_group(d, slot, 1, &in);
	return err ? err : d->job_last;
}

/* The chip names the last finished job: every one up to it is finished. Ids wrap at 2^16. */
int akc_poll(struct akc_dev *d)
{
	u32 v, done;

	if (d->gone)
		return -EIO;
	if (!d->loaded)
		return -EINVAL;
	v = akc_read(d, d->in.base + AKC_CDMA_STATUS);
	if (v == AKC_ALL_ONES)
		return akc_gone(d, "input DMA status", d->in.base);
	done = (u16)(AKC_CDMA_STATUS_JOB(v) - d->job_done);
	if (done > d->in_flight)
		return akc_fail(d, -EIO, "job id that was never sent", AKC_CDMA_STATUS_JOB(v),
				d->job_last);
	return (int)done;
}

/*
 * Until `want` jobs are finished and not fetched; the time limit is that of each. How many are,
 * whatever is returned.
 */
static int wait_jobs(struct akc_dev *d, u32 want, u32 timeout_us, u32 *finished)
{
	struct akc_wait w;
	bool more;
	int n;

	*finished = 0;
	akc_wait_init(d, &w, timeout_us);
	do {
		more = akc_wait(d, &w);
		n = akc_poll(d);
		if (n < 0)
			return n;
		if ((u32)n > *finished)
			akc_wait_init(d, &w, timeout_us);
		*finished = (u32)n;
	} while (*finished < want && more);
	if (*finished < want)
		return akc_fail(d, -ETIMEDOUT, "no completion", (u16)(d->job_done + *finished + 1),
				timeout_us);
	return 0;
}

/*
 * Outputs of several finished jobs come in one transfer when they are small, over the ring's end
 * too; those not asked for yet stay in the stage buffer.
 */
static int read_small(struct akc_dev *d, u32 slot, u32 done)
{
	u32 n = akc_min(done, AKC_STAGE_OUT_BYTES / d->out_stride);
	u32 high = akc_min(n, d->in.slots - slot) * d->out_stride;
	const struct akc_seg s[2] = {
		{ d->stage.bus + AKC_STAGE_OUT, d->out_addr + slot * d->out_stride, high },
		{ d->stage.bus + AKC_STAGE_OUT + high, d->out_addr, n * d->out_stride - high },
	};
	int err = akc_dma_run(d, AKC_TO_HOST, s, s[1].bytes ? 2 : 1);

	if (err)
		return err;
	d->out_staged = n;
	d->out_next = 0;
	return 0;
}

static int take_small(struct akc_dev *d, s32 *out)
{
	u32 at = AKC_STAGE_OUT + d->out_next * d->out_stride;
	u32 head = akc_get32(akc_stage(d, at));
	u32 bytes;
	int err = akc_output_check(d, head, &bytes);

	if (!err)
		err = akc_output_convert(d, head, akc_stage(d, at + AKC_HEADER_BYTES), 0,
					 akc_min(bytes, d->out_stride - AKC_HEADER_BYTES), out);
	d->out_next++;
	return err;
}

/*
 * An output that is too large for its part of the stage buffer: the header with what follows it
 * first, then stretches through the bounce buffer.
 */
static int read_large(struct akc_dev *d, u32 from, s32 *out)
{
	u32 first = AKC_STAGE_OUT_BYTES;
	u32 off, bytes, head, n;
	int err;

	err = akc_mem_read(d, &d->stage, AKC_STAGE_OUT, from, first);
	if (err)
		return err;
	head = akc_get32(akc_stage(d, AKC_STAGE_OUT));
	err = akc_output_check(d, head, &bytes);
	if (err)
		return err;
	n = akc_min(bytes, first - AKC_HEADER_BYTES);
	err = akc_output_convert(d, head, akc_stage(d, AKC_STAGE_OUT + AKC_HEADER_BYTES), 0, n,
				 out);
	for (off = n; !err && off < bytes; off += n) {
		n = akc_min(bytes - off, (d->stage.bytes - AKC_STAGE_BOUNCE) & ~7u);
		err = akc_mem_read(d, &d->stage, AKC_STAGE_BOUNCE, from + AKC_HEADER_BYTES + off,
				   n);
		if (!err)
			err = akc_output_convert(d, head, akc_stage(d, AKC_STAGE_BOUNCE), off, n,
						 out);
	}
	return err;
}

int akc_fetch(struct akc_dev *d, s32 *out, u32 timeout_us)
{
	bool small = d->out_stride <= AKC_STAGE_OUT_BYTES;
	u32 slot;
	int err = 0;

	if (d->gone)
		return -EIO;
	if (!d->loaded || !d->in_flight)
		return -EINVAL;
	if (d->out_next == d->out_staged) {
		u32 done;

		err = wait_jobs(d, 1, timeout_us, &done);
		if (err)
			return err;
		akc_ring_clear_status(d, &d->in);
		/* The oldest of in_flight slots that end at the newest. */
		slot = (d->in.last + d->in.slots + 1 - d->in_flight) % d->in.slots;
		err = small ? read_small(d, slot, done)
			    : read_large(d, d->out_addr + slot * d->out_stride, out);
	}
	if (!err && small)
		err = take_small(d, out);
	if (err)
		return err;
	d->job_done++;
	d->in_flight--;
	d->frames++;
	return 0;
}

int akc_fetch_batch(struct akc_dev *d, s32 *out, u32 stride, u32 want, u32 timeout_us, u32 *got)
{
	u32 finished;
	int err = 0, late;

	*got = 0;
	if (d->gone)
		return -EIO;
	if (!d->loaded || !want || want > d->in_flight)
		return -EINVAL;
	late = wait_jobs(d, want, timeout_us, &finished);
	while (*got < akc_min(want, finished)) {
		err = akc_fetch(d, out + *got * stride, 0);
		if (err)
			break;
		(*got)++;
	}
	return err ? err : late;
}
