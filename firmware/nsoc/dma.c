/* SPDX-License-Identifier: MIT */
/*
 * The three core DMA controllers: registers, descriptor rings, end events, job ids, clock counters (nsoc-hardware 7, 8,
 * 9). Configuration descriptors are carried out at once; an image descriptor is computed at once and becomes visible
 * when modelled time reaches its end. A job that cannot be carried out leaves the controller stuck until a soft reset:
 * later jobs must not make the failed one look finished.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/internal.h"

#define VERSION 2u
#define CONTROL_KEEP (~(AKC_CDMA_CONTROL_SOFT_RESET | 0xfu))
#define STATUS_VERSION 1u
#define DEBUG_LOOPBACK (1u << 0)
#define REG_DEBUG 0xb0u
#define FIFO_ENABLE (1u << 14)
#define DESC_DIRECTION(w0) ((w0) >> 28)
#define CONF_WRITE 1u
#define IMAGE_BYTES_MAX (64u << 20)
#define LOOPBACK_FORMAT 0xfu
#define HEADER_BYTES 32u

static uint32_t plain(const struct ns_dma *d, uint32_t off)
{
	return d->reg[off / 4];
}

static bool bursts(const struct ns_dma *d)
{
	return plain(d, AKC_CDMA_REPLAY) & AKC_CDMA_REPLAY_BURST;
}

void ns_dma_reset(struct nsoc *n, enum ns_dma_id id)
{
	struct ns_dma *d = &n->dma[id];
	unsigned int kept = 0;

	memset(d, 0, sizeof(*d));
	d->cur = d->last = d->fetched = 0xff;
	d->reg[AKC_CDMA_GEOMETRY / 4] = 2u | 15u << 16; /* 64 bytes apart, as the vendor's loopback script expects */
	for (unsigned int i = 0; i < n->job_count; i++) {
		const struct ns_job *job = &n->job[(n->job_first + i) % NS_RING_MAX];

		if (job->dma != id)
			n->job[(n->job_first + kept++) % NS_RING_MAX] = *job;
	}
	n->job_count = kept;
	if (id == NS_DMA_CONFIG)
		ns_passes_drop(n);
}

uint32_t ns_dma_interrupts(const struct nsoc *n, enum ns_dma_id id)
{
	const struct ns_dma *d = &n->dma[id];

	return d->events & ~(plain(d, AKC_CDMA_MONITOR) >> 16) & 0xfu;
}

static void end(struct ns_dma *d, uint16_t job, uint32_t cycles, uint32_t events)
{
	d->events |= AKC_CDMA_EVENTS_OB | AKC_CDMA_EVENTS_IB | events;
	d->job_done = job;
	if (plain(d, AKC_CDMA_MONITOR) & AKC_CDMA_MONITOR_TIMER)
		d->timer += cycles;
	if (plain(d, AKC_CDMA_MONITOR) & AKC_CDMA_MONITOR_COUNTER)
		d->reg[AKC_CDMA_BUFFER_COUNTER / 4]++;
	if (plain(d, AKC_CDMA_MONITOR) & FIFO_ENABLE && d->fifo_count < 16)
		d->fifo[d->fifo_count++] = job;
}

void ns_dma_complete(struct nsoc *n, const struct ns_job *job)
{
	struct ns_dma *d = &n->dma[job->dma];

	d->cur = job->slot;
	end(d, job->id, job->busy_cycles, job->burst ? AKC_CDMA_EVENTS_BURST : 0);
}

/* ---- descriptors ---- */

static uint32_t packets_in(const uint32_t *words, uint32_t count)
{
	uint32_t packets = 0;

	for (uint32_t at = 0; at + 1 < count;
	     at += 2 + AK_PKT_LEN(words[at + 1]) * (AK_PKT_XL(words[at + 1]) ? 16u : 1u))
		packets++;
	return packets;
}

bool ns_config_transfer(struct nsoc *n, const uint32_t *w, uint32_t *words, uint32_t *packets)
{
	struct ns_dma *d = &n->dma[NS_DMA_CONFIG];
	uint32_t len = w[2] & 0xffffu, out, at;

	*words = len;
	*packets = 1;
	if (DESC_DIRECTION(w[0]) > CONF_WRITE || (w[0] & 0xfu) != AKC_DESC_VERSION) {
		ns_report(n, NS_UNKNOWN_ENCODING, "configuration descriptor 0x%08x", w[0]);
		return false;
	}
	d->reg[AKC_CDMA_IB_ADDR / 4] = w[1];
	d->reg[AKC_CDMA_OB_ADDR / 4] = w[3];
	if (!len || !ns_mem_read(n, w[1], n->config_words, len * 4))
		return false;
	if (DESC_DIRECTION(w[0]) == CONF_WRITE) {
		*packets = packets_in(n->config_words, len);
		ns_mesh_config(n, n->config_words, len);
	} else {
		if (len != 2)
			ns_report(n, NS_UNKNOWN_ENCODING, "configuration read with a header of %u words", len);
		at = w[3];
		out = ns_mesh_read(n, n->config_words[0], n->config_words[1], n->config_words, NS_CONFIG_WORDS);
		if (plain(d, AKC_CDMA_CONTROL) & AKC_CDMA_CONTROL_INFO_EN) {
			uint32_t header[HEADER_BYTES / 4] = {out};

			if (!ns_mem_write(n, at, header, sizeof(header)))
				return false;
			at += sizeof(header);
		}
		if (out && !ns_mem_write(n, at, n->config_words, out * 4))
			return false;
		*words += out;
	}
	return true;
}

static bool config_job(struct nsoc *n, const uint32_t *w)
{
	uint32_t words, packets, cycles;

	ns_moment(n, NSOC_TAKES_PACKETS);
	if (!ns_config_transfer(n, w, &words, &packets))
		return false;
	cycles = (uint32_t)ak_cost_load(n->chip->cost, words, packets);
	ns_time_pass(n, ns_cycles_ns(n, cycles));
	end(&n->dma[NS_DMA_CONFIG], (uint16_t)(w[0] >> 16), cycles, 0);
	return true;
}

static bool grow(uint8_t **buf, size_t *have, size_t want)
{
	uint8_t *p;

	if (want <= *have)
		return true;
	p = realloc(*buf, want);
	if (!p)
		return false;
	*buf = p;
	*have = want;
	return true;
}

static void fired(uint8_t *restrict to, const uint8_t *restrict from, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		to[i] = from[i] ? from[i] : to[i];
}

/* Header and payload go to the descriptor's output address, in the order a host may rely on: payload first. */
bool ns_store_output(struct nsoc *n, enum ns_dma_id id, uint32_t addr, const struct ns_output *out)
{
	struct ns_dma *d = &n->dma[id];
	uint32_t header[HEADER_BYTES / 4] = {out->header}, clear = plain(d, AKC_CDMA_OB_CLEAR);
	uint32_t at = addr;

	d->reg[AKC_CDMA_OB_ADDR / 4] = addr;
	if (plain(d, AKC_CDMA_CONTROL) & AKC_CDMA_CONTROL_INFO_EN)
		at += HEADER_BYTES;
	if ((clear & AKC_CDMA_OB_CLEAR_EN) && (clear & 0x0fffffffu)) {
		uint64_t bytes = (uint64_t)(clear & 0x0fffffffu) * 4;

		if (bytes > IMAGE_BYTES_MAX || !ns_mem_clear(n, at, (uint32_t)bytes)) {
			ns_report(n, NS_BAD_ADDRESS, "output clear of %llu bytes", (unsigned long long)bytes);
			return false;
		}
	}
	if (out->dense) {
		/* The DMA writes what fires: zeros stay whatever the buffer held, which is why it must be cleared. */
		if (!grow(&n->payload, &n->payload_bytes, out->bytes) || !ns_mem_read(n, at, n->payload, out->bytes))
			return false;
		fired(n->payload, out->payload, out->bytes);
		if (!ns_mem_write(n, at, n->payload, out->bytes))
			return false;
	} else if (!ns_mem_write(n, at, out->payload, out->bytes)) {
		return false;
	}
	return at == addr || ns_mem_write(n, addr, header, sizeof(header));
}

/* Frames follow each other at the pace of the slowest layer; host and PCIe overhead overlaps with the chip's work. */
static void queue_job(struct nsoc *n, enum ns_dma_id id, uint16_t job, uint8_t slot, bool burst,
		      const struct ak_cost_frame *cost)
{
	uint64_t latency = ns_cycles_ns(n, (uint64_t)cost->latency), pace = ns_cycles_ns(n, (uint64_t)cost->bottleneck);
	uint64_t start = n->now_ns, finish, since;
	struct ns_job *j;

	if (n->last_finish_ns > start && n->last_start_ns + pace > start)
		start = n->last_start_ns + pace;
	finish = start + latency;
	if (finish < n->last_finish_ns + pace && n->last_finish_ns > n->now_ns)
		finish = n->last_finish_ns + pace;
	since = start > n->last_finish_ns ? start : n->last_finish_ns;
	j = &n->job[(n->job_first + n->job_count++) % NS_RING_MAX];
	*j = (struct ns_job){
		.dma = id,
		.id = job,
		.slot = slot,
		.burst = burst,
		.finish_ns = finish,
		.energy_pj = (uint64_t)cost->pj,
		.busy_cycles = (uint32_t)((finish - since) * ns_clock(n)->khz / 1000000u),
	};
	n->last_start_ns = start;
	n->last_finish_ns = finish;
}

static bool image_descriptor_ok(struct nsoc *n, const uint32_t *w)
{
	/* Windows, overlaps and offsets are never used by the vendor engine. */
	if ((w[0] & 0xfu) == AKC_DESC_VERSION && !(w[0] & ~(0xffff0000u | AKC_DESC_IB_INT_OFF | 0xfu)) && !w[4] &&
	    !w[5] && !w[6] && !(w[8] & 0x03ff0000u))
		return true;
	ns_report(n, NS_UNKNOWN_ENCODING, "image descriptor 0x%08x with window, overlap, offset or learning class",
		  w[0]);
	return false;
}

/* Rows without gaps: where they lie, if in one page of on-board memory; else gathered. */
static const uint8_t *image_bytes(struct nsoc *n, uint32_t addr, uint32_t row_bytes, uint32_t rows, uint32_t next)
{
	uint32_t bytes = row_bytes * rows, span = 0;
	const uint8_t *at = NULL;

	if (!next || next == row_bytes) {
		if (ns_mem_local(n, addr, bytes))
			at = ns_mem_span(n, addr, bytes, false, &span);
		if (at && span == bytes)
			return at;
		row_bytes = bytes;
		rows = 1;
	}
	if (!grow(&n->frame, &n->frame_bytes, bytes))
		return NULL;
	for (uint32_t y = 0; y < rows; y++)
		if (!ns_mem_read(n, addr + y * next, n->frame + (size_t)y * row_bytes, row_bytes))
			return NULL;
	return n->frame;
}

static bool image_job(struct nsoc *n, const uint32_t *w, uint8_t slot)
{
	uint32_t channels = n->hrc.reg[AK_HRC_WORD_CHANNELS];
	uint32_t row_bytes = (w[2] & 0xffffu) | (w[3] & 0xffff0000u), rows = w[2] >> 16, next = w[3] & 0xffffu;
	struct ak_cost_frame cost = {0};
	struct ns_output out;
	struct ns_plan *plan;
	const uint8_t *frame;
	uint16_t job;
	size_t bytes = (size_t)row_bytes * rows;
	bool burst = bursts(&n->dma[NS_DMA_IMAGE]);

	if (!image_descriptor_ok(n, w))
		return false;
	if (!row_bytes || !rows || !channels || row_bytes % channels || bytes > IMAGE_BYTES_MAX ||
	    (next && next < row_bytes)) {
		ns_report(n, NS_UNKNOWN_ENCODING, "image of %u rows of %u bytes every %u, %u channels", rows, row_bytes,
			  next, channels);
		return false;
	}
	ns_moment(n, NSOC_STARTS_FRAME);
	plan = burst ? NULL : ns_plan_get(n, rows, row_bytes / channels);
	if (!burst && !plan)
		return false;
	n->dma[NS_DMA_IMAGE].reg[AKC_CDMA_IB_ADDR / 4] = w[1];
	frame = image_bytes(n, w[1], row_bytes, rows, next);
	if (!frame)
		return false;
	if (burst ? !ns_passes_frame(n, frame, rows, row_bytes / channels, &cost)
		  : !ns_execute(n, plan, frame, &out, &cost) || !ns_store_output(n, NS_DMA_IMAGE, w[7], &out))
		return false;
	if (ns_injected(n, NSOC_INJECT_HANG))
		return false;
	job = (uint16_t)(w[0] >> 16);
	if (ns_injected(n, NSOC_INJECT_WRONG_JOB))
		job ^= 0x8000u;
	queue_job(n, NS_DMA_IMAGE, job, slot, burst, &cost);
	return true;
}

/* The vendor's self-test: the payload comes back behind a header. Event inputs proper are not modelled. */
static bool event_job(struct nsoc *n, const uint32_t *w, uint8_t slot)
{
	struct ns_dma *d = &n->dma[NS_DMA_EVENT];
	uint32_t words = w[2] & 0xffffffu;
	struct ns_output out;

	if (!(plain(d, REG_DEBUG) & DEBUG_LOOPBACK)) {
		ns_report(n, NS_UNKNOWN_ENCODING, "event inputs are not modelled");
		return false;
	}
	if (words * 4 > IMAGE_BYTES_MAX || !grow(&n->frame, &n->frame_bytes, words * 4 + 4) ||
	    !ns_mem_read(n, w[1], n->frame, words * 4))
		return false;
	out = (struct ns_output){.header = LOOPBACK_FORMAT << 28 | words, .bytes = words * 4, .payload = n->frame};
	if (!ns_store_output(n, NS_DMA_EVENT, w[3], &out))
		return false;
	end(d, (uint16_t)(w[0] >> 16), words, 0);
	d->cur = slot;
	return true;
}

/* Carries out descriptors up to LAST. At most one round of the ring: LAST may be a value the ring never reaches. */
static void run(struct nsoc *n, enum ns_dma_id id)
{
	struct ns_dma *d = &n->dma[id];
	uint32_t geometry = plain(d, AKC_CDMA_GEOMETRY), count = ((geometry >> 16) & 0xffu) + 1;
	uint32_t stride = (geometry & 0x1fu) * 32u, need = id == NS_DMA_IMAGE ? 9 : 8;

	if (id == NS_DMA_CONFIG && bursts(d)) { /* the ring goes round, pass by pass: LAST is never reached */
		d->fetched = d->last;
		d->stuck = !ns_passes_start(n);
		return;
	}
	if (d->fetched != d->last && stride < need * 4) {
		ns_report(n, NS_UNKNOWN_ENCODING, "descriptors of %u bytes", stride);
		d->stuck = true;
	}
	for (uint32_t i = 0; i < count && d->fetched != d->last && !d->stuck; i++) {
		/* 0xff is the index after reset: the first descriptor is 0 whatever the ring's length */
		uint8_t slot = d->fetched == 0xff ? 0 : (uint8_t)((d->fetched + 1u) % count);
		uint32_t w[9] = {0};
		bool ok = false;

		d->fetched = slot;
		if (n->job_count == NS_RING_MAX)
			ns_time_next_job(n);
		if (ns_mem_read(n, plain(d, AKC_CDMA_RING) + slot * stride, w, need * 4)) {
			if (id == NS_DMA_CONFIG)
				ok = config_job(n, w);
			else
				ok = id == NS_DMA_IMAGE ? image_job(n, w, slot) : event_job(n, w, slot);
		}
		if (ok && id == NS_DMA_CONFIG)
			d->cur = slot;
		d->stuck = !ok;
	}
	if (d->fetched != d->last && !d->stuck) {
		ns_report(n, NS_UNKNOWN_ENCODING, "ring of %u descriptors never reaches %u", count, d->last);
		d->stuck = true;
	}
}

static void try_run(struct nsoc *n, enum ns_dma_id id)
{
	struct ns_dma *d = &n->dma[id];

	if ((plain(d, AKC_CDMA_CONTROL) & AKC_CDMA_CONTROL_RUN) && d->fetched != d->last && !d->stuck)
		run(n, id);
}

/* ---- registers ---- */

/* A polling host waits; one with a clock of its own looks again later. */
static void poll_waits(struct nsoc *n)
{
	if (!n->paced)
		ns_time_next_job(n);
}

/* Everything of section 7 that is stored: looked at when a frame or a burst begins, or not at all. */
static bool stored(uint32_t off)
{
	switch (off) {
	case AKC_CDMA_RING:
	case AKC_CDMA_GEOMETRY:
	case AKC_CDMA_IB_ADDR:
	case AKC_CDMA_OB_ADDR:
	case AKC_CDMA_OB_WORDS:
	case AKC_CDMA_IB_WORDS:
	case AKC_CDMA_BUFFER_COUNTER:
	case AKC_CDMA_DELAYS:
	case AKC_CDMA_REPLAY:
	case AKC_CDMA_BURST:
	case AKC_CDMA_MAIN:
	case AKC_CDMA_SCRATCH:
	case AKC_CDMA_OB_EVENTS:
	case AKC_CDMA_EVENT_SCRATCH:
	case AKC_CDMA_OB_OFFSETS:
	case AKC_CDMA_OB_MAXIMA:
	case 0x94:
	case 0x9c:
	case REG_DEBUG:
	case 0xb4:
	case 0xb8:
	case 0xbc:
		return true;
	default:
		return false;
	}
}

/* Registers whose use is not modelled: storing a zero changes nothing, anything else is told. */
static bool unmodelled(uint32_t off)
{
	return off == AKC_CDMA_EXTRA || off == AKC_CDMA_LEARN_CLASS || off == 0xa0;
}

uint32_t ns_dma_read(struct nsoc *n, enum ns_dma_id id, uint32_t off)
{
	struct ns_dma *d = &n->dma[id];
	uint32_t val;

	if (off == AKC_CDMA_STATUS || off == AKC_CDMA_EVENTS || off == AKC_CDMA_CONTAINER || off == AKC_CDMA_JOB_FIFO)
		poll_waits(n);
	switch (off) {
	case AKC_CDMA_CONTROL:
		return plain(d, off) | VERSION;
	case AKC_CDMA_CONTAINER:
		return plain(d, off) | (uint32_t)d->last << 16 | d->cur;
	case AKC_CDMA_STATUS:
		return (uint32_t)d->job_done << 16 | STATUS_VERSION;
	case AKC_CDMA_MONITOR:
	case AKC_CDMA_OB_CLEAR:
		return plain(d, off);
	case AKC_CDMA_EVENTS:
		return d->events | ns_dma_interrupts(n, id) << 16;
	case AKC_CDMA_TIMER:
		return d->timer;
	case AKC_CDMA_JOB_FIFO:
		if (!d->fifo_count)
			return 0;
		val = (uint32_t)d->fifo[0] << 16 | 1u << 8 | d->fifo_count;
		memmove(d->fifo, d->fifo + 1, --d->fifo_count * sizeof(d->fifo[0]));
		return val;
	default:
		if (stored(off) || unmodelled(off))
			return plain(d, off);
		ns_report(n, NS_UNKNOWN_REGISTER, "DMA controller %d, register 0x%x read", id, off);
		return 0;
	}
}

static void monitor_write(struct ns_dma *d, uint32_t val)
{
	if (val & AKC_CDMA_MONITOR_STATUS_CLEAR)
		d->events = 0;
	if (val & AKC_CDMA_MONITOR_COUNTER_CLEAR) {
		d->reg[AKC_CDMA_BUFFER_COUNTER / 4] = 0;
		d->timer = 0;
	}
	if (val & AKC_CDMA_MONITOR_JOBS_CLEAR)
		d->fifo_count = 0;
	d->reg[AKC_CDMA_MONITOR / 4] = val & ~0x7u;
}

void ns_dma_write(struct nsoc *n, enum ns_dma_id id, uint32_t off, uint32_t val)
{
	struct ns_dma *d = &n->dma[id];

	switch (off) {
	case AKC_CDMA_CONTROL:
		if (val & AKC_CDMA_CONTROL_SOFT_RESET)
			ns_dma_reset(n, id);
		d->reg[0] = val & CONTROL_KEEP;
		try_run(n, id);
		break;
	case AKC_CDMA_CONTAINER:
		d->reg[off / 4] = val & (1u << 31);
		d->last = (uint8_t)AKC_CDMA_CONTAINER_LAST(val);
		try_run(n, id);
		break;
	case AKC_CDMA_MONITOR:
		monitor_write(d, val);
		break;
	case AKC_CDMA_STATUS:
	case AKC_CDMA_EVENTS:
	case AKC_CDMA_TIMER:
	case AKC_CDMA_JOB_FIFO:
		break; /* read only */
	case AKC_CDMA_OB_CLEAR:
		if (val && n->kind == NSOC_AKD1000)
			ns_report(n, NS_UNKNOWN_REGISTER, "output clear (0x98) is not used on the AKD1000");
		else
			d->reg[off / 4] = val;
		break;
	default:
		if (unmodelled(off) && val)
			ns_report(n, NS_UNKNOWN_ENCODING, "DMA controller %d, register 0x%x = 0x%x is not modelled", id,
				  off, val);
		else if (!stored(off) && !unmodelled(off))
			ns_report(n, NS_UNKNOWN_REGISTER, "DMA controller %d, register 0x%x written with 0x%x", id, off,
				  val);
		if (stored(off) || unmodelled(off))
			d->reg[off / 4] = val;
		break;
	}
}
