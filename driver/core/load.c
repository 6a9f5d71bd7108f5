// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Loading a program: device memory layout, tracks to the mesh, the input ring. With one pass the
 * tracks go through a buffer one after the other; with several they stay in memory, and the
 * configuration DMA fetches them by itself. Weights of an FNP2 stay in memory in any case.
 *
 * Device memory, lowest first: configuration area, input descriptors, outputs, inputs; of several
 * passes: configuration ring, two areas of events between them; what stays, or the track buffer.
 * Outputs lie low so that nothing but our own inputs is behind them. What stays, and then the
 * events, go to the window to the host where the chip's own memory is too small for them.
 */
#include "internal.h"
#include "regs_akd1500.h"

#define MEM_ALIGN 64u
#define INTC_ALL 0xffffffffu
#define EVENT_BYTES 8u
#define DUMMY_BYTES 64u /* header of the reads that fill up a pass, and their answer */

/* Where a program's parts lie, as long as it is being loaded. */
struct layout {
	u32 events, event_area; /* two of them */
	u32 ring;
	u32 dummy;
	u32 tracks; /* the buffer, or what stays */
	u32 per_pass; /* descriptors */
};

static u32 mem_align(u32 v)
{
	return (v + MEM_ALIGN - 1) & ~(MEM_ALIGN - 1);
}

/* Worst case: no value is zero. */
static u32 event_area(u32 values)
{
	u32 unit = AKC_CDMA_OB_OFFSETS_UNIT;

	return (AKC_HEADER_BYTES + EVENT_BYTES * values + unit - 1) / unit * unit;
}

/* Bytes of the largest track, and of those that stay in memory. */
static void track_sizes(const struct akc_program *p, u32 *largest, u32 *stay)
{
	bool several = akc_pass_count(p) > 1;
	u32 pass, first, count, external, i;

	*largest = 0;
	*stay = 0;
	for (pass = 0; pass < akc_pass_count(p); pass++) {
		akc_pass_tracks(p, pass, &first, &count, &external);
		for (i = first; i < first + count + external; i++) {
			u32 bytes = mem_align(p->tracks[i].words * 4);

			if (several || i >= first + count)
				*stay += bytes;
			else if (bytes > *largest)
				*largest = bytes;
		}
	}
}

/* What a program takes: from the chip's memory whatever happens, and what may go to the window. */
struct sizes {
	u32 fixed, stay, per_slot;
};

/* Sizes are bounded by akc_verify: none of these sums comes near 2^32. */
static void mem_sizes(const struct akc_dev *d, const struct akc_program *p, struct layout *l,
		      struct sizes *s)
{
	u32 largest;

	memset(l, 0, sizeof(*l));
	track_sizes(p, &largest, &s->stay);
	s->fixed = AKC_MEM_CONF_BYTES + largest;
	if (akc_pass_count(p) > 1) {
		l->event_area = event_area(akc_pass_values(d, p));
		l->per_pass = akc_pass_most(p);
		s->fixed += DUMMY_BYTES +
			    mem_align(akc_pass_count(p) * l->per_pass * AKC_DESC_CONF_BYTES);
	}
	s->per_slot = AKC_DESC_IMAGE_BYTES + mem_align(p->in_h * p->in_w * p->in_c) +
		      mem_align(AKC_HEADER_BYTES +
				akc_output_bytes(p->output_type, p->activation, p->out_count));
}

/* Of what may go to the window, what has to: programs first. */
static u32 window_use(const struct akc_dev *d, const struct layout *l, const struct sizes *s)
{
	u32 least = s->fixed + 2 * s->per_slot, events = 2 * l->event_area;

	if (!d->chip->host_window || least + s->stay + events <= d->mem_bytes)
		return 0;
	if (!s->stay || least + events <= d->mem_bytes)
		return s->stay;
	return s->stay + events;
}

u32 akc_window_wanted(const struct akc_dev *d, const struct akc_program *p)
{
	struct layout l;
	struct sizes s;

	mem_sizes(d, p, &l, &s);
	return window_use(d, &l, &s);
}

static int mem_layout(struct akc_dev *d, const struct akc_program *p, u32 batch, struct layout *l)
{
	bool several = akc_pass_count(p) > 1;
	struct sizes s;
	u32 slots, window, used, events;

	mem_sizes(d, p, l, &s);
	events = 2 * l->event_area;
	window = window_use(d, l, &s);
	if (window > d->window_bytes)
		return akc_fail(d, -ENOSPC, "program does not fit the window to the host", window,
				d->window_bytes);
	used = s.fixed + s.stay + events - window;
	d->in_stride = mem_align(d->in_bytes);
	d->out_stride = mem_align(AKC_HEADER_BYTES +
				  akc_output_bytes(p->output_type, p->activation, p->out_count));
	/*
	 * One slot more than frames in flight: the controller is idle when both ring indices are
	 * equal. Of several passes one frame is.
	 */
	slots = several ? 2 : batch < AKC_RING_MAX ? batch + 1 : AKC_RING_MAX;
	if (used < d->mem_bytes)
		slots = akc_min(slots, (d->mem_bytes - used) / s.per_slot);
	if (used >= d->mem_bytes || slots < 2)
		return akc_fail(d, -ENOSPC, "program does not fit device memory",
				used + 2 * (u64)s.per_slot, d->mem_bytes);
	d->in.slots = slots;
	d->in.addr = d->mem_base + AKC_MEM_CONF_BYTES;
	d->out_addr = d->in.addr + mem_align(slots * d->in.desc_bytes);
	d->in_addr = d->out_addr + slots * d->out_stride;
	l->dummy = d->in_addr + slots * d->in_stride;
	l->ring = l->dummy + (several ? DUMMY_BYTES : 0);
	l->events = l->ring + mem_align(akc_pass_count(p) * l->per_pass * AKC_DESC_CONF_BYTES);
	l->tracks = l->events + (window > s.stay ? 0 : events);
	d->track_addr = l->tracks + (window ? 0 : s.stay);
	if (window > s.stay)
		l->events = AKD1500_HOST_ADDR + s.stay;
	if (window)
		l->tracks = AKD1500_HOST_ADDR;
	return 0;
}

/* To device memory, or where the host sees its window, over the ends of its pieces. */
static int put_words(struct akc_dev *d, u32 addr, const u32 *words, u32 count)
{
	const u8 *from = (const u8 *)words;
	u32 left = 4 * count, at = addr - AKD1500_HOST_ADDR, i;

	if (addr < AKD1500_HOST_ADDR || !d->window_bytes)
		return akc_copy_to(d, addr, words, left);
	for (i = 0; left && i < AKC_WINDOW_PIECES; i++) {
		u32 n;

		if (at >= d->piece[i].bytes) {
			at -= d->piece[i].bytes;
			continue;
		}
		n = akc_min(left, d->piece[i].bytes - at);
		memcpy(d->piece[i].cpu + at, from, n);
		from += n;
		left -= n;
		at = 0;
	}
	akc_host_barrier(d);
	return 0;
}

/* Weights of an FNP2: to *at, which moves on, and their address to the chip. */
static int keep_external(struct akc_dev *d, const struct akc_program *p, u32 track, u32 *at)
{
	const struct akc_track *t = &p->tracks[track];
	u32 dst = AKC_PKT_DST(p->image[t->word_off]), id = 0;
	int err = put_words(d, *at, p->image + t->word_off, t->words);

	while (dst > 1u << id)
		id++;
	akc_write(d, AKC_TOP_FNP2_WEIGHTS(id), *at);
	*at += mem_align(t->words * 4);
	return err;
}

static int load_once(struct akc_dev *d, const struct akc_program *p, const struct layout *l)
{
	u32 first, count, external, i, at = l->tracks;
	int err;

	err = akc_conf_init(d);
	akc_pass_tracks(p, 0, &first, &count, &external);
	for (i = 0; !err && i < count; i++) {
		const struct akc_track *t = &p->tracks[i];

		err = akc_copy_to(d, d->track_addr, p->image + t->word_off, t->words * 4);
		if (!err)
			err = akc_conf_write(d, d->track_addr, t->words);
	}
	for (; !err && i < count + external; i++)
		err = keep_external(d, p, i, &at);
	return err;
}

/* One descriptor of the configuration ring, through the stage buffer. */
static int put_descriptor(struct akc_dev *d, u32 addr, u32 w0, u32 in, u32 words, u32 out)
{
	u8 desc[AKC_DESC_CONF_BYTES] = { 0 };

	akc_put32(desc, w0 | AKC_DESC_VERSION);
	akc_put32(desc + 4, in);
	akc_put32(desc + 8, words);
	akc_put32(desc + 12, out);
	return akc_copy_to(d, addr, desc, sizeof(desc));
}

/*
 * Every pass has as many descriptors as the largest: the shorter ones are filled up with reads of an
 * NP's first register, whose answer nobody looks at.
 */
static int load_passes(struct akc_dev *d, const struct akc_program *p, const struct layout *l)
{
	const struct akc_np *np = &d->mesh.np[0];
	u32 pass, first, count, external, i, at = l->tracks, ring = l->ring, head[2];
	u32 v;
	int err;

	akc_packet_head(head, np->col, np->row, np->id, AKC_UID_REGISTER, 0, 1);
	err = akc_copy_to(d, l->dummy, head, sizeof(head));
	for (pass = 0; !err && pass < akc_pass_count(p); pass++) {
		akc_pass_tracks(p, pass, &first, &count, &external);
		for (i = 0; !err && i < l->per_pass; i++, ring += AKC_DESC_CONF_BYTES) {
			const struct akc_track *t = &p->tracks[first + i];

			if (i >= count) {
				err = put_descriptor(d, ring, AKC_DESC_CONF_READ, l->dummy,
						     AKC_PKT_HEADER_WORDS, l->dummy + sizeof(head));
				continue;
			}
			err = put_words(d, at, p->image + t->word_off, t->words);
			if (!err)
				err = put_descriptor(d, ring, AKC_DESC_CONF_WRITE, at, t->words, 0);
			at += mem_align(t->words * 4);
		}
		for (i = count; !err && i < count + external; i++)
			err = keep_external(d, p, first + i, &at);
	}
	if (err)
		return err;
	v = akc_read(d, AKC_TOP_CONTROL);
	if (v == AKC_ALL_ONES)
		return akc_gone(d, "general control", AKC_TOP_CONTROL);
	akc_write(d, AKC_TOP_CONTROL, v | AKC_TOP_CONTROL_MULTI_PASS);
	return akc_conf_bursts(d, l->ring, akc_pass_count(p) * l->per_pass, l->per_pass);
}

/* Frames go round the passes; the controller makes the descriptors of all but the first by itself. */
static void replay_input(struct akc_dev *d, const struct layout *l, u32 passes)
{
	u32 base = d->in.base;

	akc_write(d, base + AKC_CDMA_BURST, 1 | passes << 16 | passes << 24);
	akc_write(d, base + AKC_CDMA_MAIN, d->in.addr);
	akc_write(d, base + AKC_CDMA_SCRATCH, d->in.addr);
	akc_write(d, base + AKC_CDMA_EVENT_SCRATCH, l->events);
	akc_write(d, base + AKC_CDMA_OB_OFFSETS, l->event_area / AKC_CDMA_OB_OFFSETS_UNIT << 16);
	akc_write(d, base + AKC_CDMA_REPLAY,
		  AKC_CDMA_REPLAY_BURST | AKC_CDMA_REPLAY_OB_ADDR | AKC_CDMA_REPLAY_DYNAMIC |
			  AKC_CDMA_REPLAY_BUFFERS);
}

static int start_input(struct akc_dev *d, const struct akc_program *p, const struct layout *l)
{
	bool several = akc_pass_count(p) > 1;
	u32 v;
	int err;

	err = akc_ring_init(d, &d->in, true,
			    several ? AKC_CDMA_MONITOR_END_OUTBOUND | AKC_MONITOR_BURSTS :
				      AKC_CDMA_MONITOR_END_INBOUND | AKC_MONITOR_OUTPUTS);
	if (err)
		return err;
	if (several)
		replay_input(d, l, akc_pass_count(p));
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
	struct layout l;
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
	err = mem_layout(d, p, batch, &l);
	if (err)
		return err; /* the mesh is empty since akc_stop */

	d->passes = akc_pass_count(p);
	err = d->passes > 1 ? load_passes(d, p, &l) : load_once(d, p, &l);
	if (err)
		goto unload;
	for (i = 0; i < p->epg_count; i++)
		akc_write(d, AKC_EPG + p->epg[i].offset, p->epg[i].value);
	akc_write(d, AKC_INTC + AKC_INTC_MASK, INTC_ALL & ~AKC_INTC_HRC);
	akc_write(d, AKC_INTC + AKC_INTC_ENABLE, 1);
	err = start_input(d, p, &l);
	if (err)
		goto unload;
	d->out_staged = d->out_next = 0;
	d->loaded = true;
	return 0;

unload:
	akc_stop(d);
	return err;
}

