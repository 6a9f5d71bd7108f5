// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Device memory through the chip's PCIe DMA engine: linked lists, transfers over several lists,
 * time-outs, and copies from plain memory through the stage buffer. The engines themselves are in
 * edma.c and hdma.c.
 *
 * A list is an array of data elements and one link element, written through BAR4 into device
 * memory. Data elements carry the cycle bit 1, the last one asks for the interrupt. The link
 * carries cycle bit 0: an engine that checks it stops there, one that follows it toggles its cycle
 * state and stops at the first element, so in both readings nothing behind the end of a list can
 * run, whatever an earlier and longer list left there.
 */
#include "internal.h"

#define DMA_PIECE_BYTES 0x10000u /* largest data element */
/* Per list, plus time for its bytes at 4 MB/s; measured on boards: 37 MB/s. */
#define DMA_TIMEOUT_US 2000000u
#define DMA_QUIET_US 100000u	 /* after a stop request */

/* Three quarters to the device: frames are many pieces, outputs few. */
static u32 list_split(const struct akc_dev *d)
{
	return d->chip->list_bytes / 4 * 3;
}

static u32 list_addr(const struct akc_dev *d, enum akc_dir dir)
{
	return d->chip->list_addr + (dir == AKC_TO_HOST ? list_split(d) : 0);
}

static u32 list_capacity(const struct akc_dev *d, enum akc_dir dir)
{
	u32 bytes = dir == AKC_TO_HOST ? d->chip->list_bytes - list_split(d) : list_split(d);

	return (bytes - AKC_LL_LINK_BYTES) / AKC_LL_DATA_BYTES;
}

/*
 * A transfer's list often differs from the one before in an address or two. Words are written in
 * ascending order, so those known to be in device memory are the first list_known of them.
 */
static void list_write(struct akc_dev *d, enum akc_dir dir, u32 word, u32 val)
{
	if (word < d->list_known[dir] && d->list_word[dir][word] == val)
		return;
	akc_bar_write(d, d->chip->mem_bar, list_addr(d, dir) + 4 * word - d->chip->mem_addr, val);
	if (word >= AKC_LIST_WORDS)
		return;
	d->list_word[dir][word] = val;
	if (word == d->list_known[dir])
		d->list_known[dir]++;
}

/* Nothing is known of the engine: before anything else, and after whatever may have changed it. */
void akc_dma_init(struct akc_dev *d)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		d->dma_armed[i] = false;
		d->list_known[i] = 0;
	}
	d->dma_view = 0;
	d->chip->dma->init(d);
	d->chip->dma->msi(d);
}

void akc_list_area(const struct akc_dev *d, u32 *addr, u32 *bytes)
{
	*addr = d->chip->list_addr;
	*bytes = d->chip->list_bytes;
}

/*
 * Reads the first list word back. The read pushes the posted writes before it, and its value tells
 * whether the memory window shows memory at all.
 */
int akc_list_flush(struct akc_dev *d, enum akc_dir dir)
{
	u32 v = akc_bar_read(d, d->chip->mem_bar, list_addr(d, dir) - d->chip->mem_addr);

	if (v == AKC_ALL_ONES)
		return akc_gone(d, "list memory", dir);
	if (v != d->list_word[dir][0]) {
		d->list_known[dir] = 0;
		return akc_fail(d, -EIO, "list memory does not hold", v, d->list_word[dir][0]);
	}
	return 0;
}

static void list_put(struct akc_dev *d, enum akc_dir dir, u32 index, const struct akc_seg *s,
		     bool last)
{
	u64 source = dir == AKC_TO_HOST ? s->dev : s->host;
	u64 dest = dir == AKC_TO_HOST ? s->host : s->dev;
	u32 at = index * AKC_LL_DATA_BYTES / 4;
	u32 control = AKC_LL_CB;

	if (last)
		control |= AKC_LL_LIE | (d->msi ? AKC_LL_RIE : 0);
	list_write(d, dir, at, control);
	list_write(d, dir, at + 1, s->bytes);
	list_write(d, dir, at + 2, (u32)source);
	list_write(d, dir, at + 3, (u32)(source >> 32));
	list_write(d, dir, at + 4, (u32)dest);
	list_write(d, dir, at + 5, (u32)(dest >> 32));
}

static void list_close(struct akc_dev *d, enum akc_dir dir, u32 count)
{
	u32 at = count * AKC_LL_DATA_BYTES / 4;

	list_write(d, dir, at, AKC_LL_LLP | AKC_LL_TCB);
	list_write(d, dir, at + 1, 0);
	list_write(d, dir, at + 2, list_addr(d, dir));
	list_write(d, dir, at + 3, 0);
}

/*
 * Empty pieces, pieces past the end of the address space, and pieces that would rewrite a list are
 * refused.
 */
static int seg_check(struct akc_dev *d, const struct akc_seg *s)
{
	u32 lists = d->chip->list_addr;

	if (!s->bytes || s->bytes > 0u - s->dev - 1)
		return akc_fail(d, -EINVAL, "DMA range", s->dev, s->bytes);
	if (s->dev < lists + d->chip->list_bytes && s->dev + s->bytes > lists)
		return akc_fail(d, -EINVAL, "DMA range touches the lists", s->dev, s->bytes);
	return 0;
}

static int dma_start(struct akc_dev *d, enum akc_dir dir, const struct akc_seg *segs, u32 count,
		     struct akc_cursor *at, u32 *bytes)
{
	struct akc_cursor next = *at;
	u32 room = list_capacity(d, dir);
	u32 n = 0;
	int err;

	*bytes = 0;
	if (d->gone || d->dma_lost)
		return -EIO; /* said when it happened */
	if (d->dma_busy[dir])
		return -EBUSY;
	if (next.seg >= count)
		return -EINVAL;
	while (n < room && next.seg < count) {
		const struct akc_seg *s = &segs[next.seg];
		struct akc_seg piece;

		if (!next.off) {
			err = seg_check(d, s);
			if (err)
				return err;
		}
		piece.host = s->host + next.off;
		piece.dev = s->dev + next.off;
		piece.bytes = akc_min(s->bytes - next.off, DMA_PIECE_BYTES);
		next.off += piece.bytes;
		if (next.off == s->bytes) {
			next.seg++;
			next.off = 0;
		}
		list_put(d, dir, n, &piece, n + 1 == room || next.seg == count);
		*bytes += piece.bytes;
		n++;
	}
	list_close(d, dir, n);
	err = d->chip->dma->start(d, dir, list_addr(d, dir));
	if (err)
		return err;
	d->dma_busy[dir] = true;
	d->dma_bytes += *bytes;
	d->dma_lists++;
	*at = next;
	return 0;
}

int akc_dma_start(struct akc_dev *d, enum akc_dir dir, const struct akc_seg *segs, u32 count,
		  struct akc_cursor *at)
{
	u32 bytes;

	return dma_start(d, dir, segs, count, at, &bytes);
}

int akc_dma_status(struct akc_dev *d, enum akc_dir dir)
{
	if (d->gone)
		return -EIO;
	return d->chip->dma->status(d, dir);
}

void akc_dma_ack(struct akc_dev *d, enum akc_dir dir)
{
	d->dma_busy[dir] = false;
	if (!d->gone)
		d->chip->dma->ack(d, dir);
}

static bool dma_quiet(struct akc_dev *d, enum akc_dir dir)
{
	struct akc_wait w;
	bool more;

	akc_wait_init(d, &w, DMA_QUIET_US);
	do {
		more = akc_wait(d, &w);
		if (!d->chip->dma->running(d, dir))
			return true;
	} while (more);
	return false;
}

int akc_dma_abort(struct akc_dev *d, enum akc_dir dir)
{
	const struct akc_dma_ops *ops = d->chip->dma;
	bool quiet;

	d->dma_armed[dir] = false;
	ops->stop(d, dir, false);
	quiet = dma_quiet(d, dir);
	if (!quiet) {
		ops->stop(d, dir, true);
		quiet = dma_quiet(d, dir);
	}
	ops->ack(d, dir);
	d->dma_busy[dir] = false;
	if (quiet)
		return 0;
	d->dma_lost = true;
	return akc_fail(d, -EIO, "DMA channel does not stop", dir, 0);
}

static void dma_tell(struct akc_dev *d, enum akc_dir dir, u32 bytes, int status)
{
	if (d->bus->dma)
		d->bus->dma(d->host, dir == AKC_TO_HOST, bytes, status);
}

int akc_dma_run(struct akc_dev *d, enum akc_dir dir, const struct akc_seg *segs, u32 count)
{
	struct akc_cursor at = { 0, 0 };

	while (at.seg < count) {
		struct akc_wait w;
		u32 bytes;
		bool more;
		int done;

		done = dma_start(d, dir, segs, count, &at, &bytes);
		if (done)
			return done;
		dma_tell(d, dir, bytes, 1);
		akc_wait_init(d, &w, DMA_TIMEOUT_US + bytes / 4);
		do {
			more = akc_wait(d, &w);
			done = d->chip->dma->status(d, dir);
		} while (!done && more);
		dma_tell(d, dir, bytes, done > 0 ? 0 : done ? done : -ETIMEDOUT);
		if (done > 0) {
			akc_dma_ack(d, dir);
			continue;
		}
		if (!done)
			akc_fail(d, -ETIMEDOUT, "DMA time-out", dir, bytes);
		/*
		 * A failed channel may still move data: the caller's memory is free only when it is
		 * quiet.
		 */
		if (akc_dma_abort(d, dir))
			return -EIO;
		return done ? done : -ETIMEDOUT;
	}
	return 0;
}

/*
 * An aborted list sends its message whether anybody asked for one or not: without a vector it goes
 * to a word of ours, never to address 0 of the host.
 */
u64 akc_msi_addr(const struct akc_dev *d)
{
	return d->msi ? d->msi_addr : d->stage.bus + AKC_STAGE_NOWHERE;
}

void akc_dma_set_msi(struct akc_dev *d, u64 addr, u32 data)
{
	d->msi = addr != 0;
	d->dma_armed[AKC_TO_DEVICE] = false;
	d->dma_armed[AKC_TO_HOST] = false;
	d->msi_addr = addr;
	d->msi_data = data;
	if (!d->gone)
		d->chip->dma->msi(d);
}

static int mem_xfer(struct akc_dev *d, enum akc_dir dir, u32 dev_addr, const struct akc_buf *b,
		    u32 off, u32 bytes)
{
	struct akc_seg s;

	if (off > b->bytes || bytes > b->bytes - off)
		return -EINVAL;
	if (!bytes)
		return 0;
	s.host = b->bus + off;
	s.dev = dev_addr;
	s.bytes = bytes;
	return akc_dma_run(d, dir, &s, 1);
}

int akc_mem_write(struct akc_dev *d, u32 dev_addr, const struct akc_buf *from, u32 off, u32 bytes)
{
	return mem_xfer(d, AKC_TO_DEVICE, dev_addr, from, off, bytes);
}

int akc_mem_read(struct akc_dev *d, const struct akc_buf *to, u32 off, u32 dev_addr, u32 bytes)
{
	return mem_xfer(d, AKC_TO_HOST, dev_addr, to, off, bytes);
}

int akc_copy_to(struct akc_dev *d, u32 dev_addr, const void *from, u32 bytes)
{
	const u8 *p = from;
	u32 room = d->stage.bytes - AKC_STAGE_BOUNCE;

	if (bytes > 0u - dev_addr - 1)
		return -EINVAL;
	while (bytes) {
		u32 n = akc_min(bytes, room);
		int err;

		memcpy(akc_stage(d, AKC_STAGE_BOUNCE), p, n);
		err = akc_mem_write(d, dev_addr, &d->stage, AKC_STAGE_BOUNCE, n);
		if (err)
			return err;
		p += n;
		dev_addr += n;
		bytes -= n;
	}
	return 0;
}

int akc_copy_from(struct akc_dev *d, void *to, u32 dev_addr, u32 bytes)
{
	u8 *p = to;
	u32 room = d->stage.bytes - AKC_STAGE_BOUNCE;

	if (bytes > 0u - dev_addr - 1)
		return -EINVAL;
	while (bytes) {
		u32 n = akc_min(bytes, room);
		int err = akc_mem_read(d, &d->stage, AKC_STAGE_BOUNCE, dev_addr, n);

		if (err)
			return err;
		memcpy(p, akc_stage(d, AKC_STAGE_BOUNCE), n);
		p += n;
		dev_addr += n;
		bytes -= n;
	}
	return 0;
}

/* From the stage buffer's page of zeros, several pieces of it per list. */
int akc_mem_zero(struct akc_dev *d, u32 dev_addr, u32 bytes)
{
	struct akc_seg s[16];

	while (bytes) {
		u32 n = 0;
		int err;

		while (bytes && n < ARRAY_SIZE(s)) {
			s[n].host = d->stage.bus + AKC_STAGE_ZERO;
			s[n].dev = dev_addr;
			s[n].bytes = akc_min(bytes, AKC_STAGE_ZERO_BYTES);
			dev_addr += s[n].bytes;
			bytes -= s[n].bytes;
			n++;
		}
		err = akc_dma_run(d, AKC_TO_DEVICE, s, n);
		if (err)
			return err;
	}
	return 0;
}
