// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Jobs of the loaded program: frames in, completions and outputs out. Dense image input through the
 * HRC.
 */
#include "internal.h"

#define CLEAR_PIECES 6u

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
	if (d->passes > 1) /* one frame at a time: where its outputs go is the controller's, not the descriptor's */
		akc_write(d, d->in.base + AKC_CDMA_OB_EVENTS, d->out_addr + last * d->out_stride);
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

/* The frame in flight went through all passes. */
static int poll_passes(struct akc_dev *d)
{
	u32 v = akc_read(d, d->in.base + AKC_CDMA_EVENTS);

	if (v == AKC_ALL_ONES)
		return akc_gone(d, "input DMA status", d->in.base);
	if (!d->in_flight || !(v & AKC_CDMA_EVENTS_BURST_INT))
		return 0;
	v = AKC_CDMA_STATUS_JOB(akc_read(d, d->in.base + AKC_CDMA_STATUS));
	return v == d->job_last ? 1 : akc_fail(d, -EIO, "job id that was never sent", v, d->job_last);
}

/* The chip names the last finished job: every one up to it is finished. Ids wrap at 2^16. */
int akc_poll(struct akc_dev *d)
{
	u32 v, done;

	if (d->gone)
		return -EIO;
	if (!d->loaded)
		return -EINVAL;
	if (d->passes > 1)
		return poll_passes(d);
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
