// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The three core DMA controllers (event, image, configuration): reset, ring set-up, descriptor
 * indices, status, and the configuration transfers that need nothing but the configuration ring.
 * Jobs are in job.c.
 */
#include "internal.h"

#define CONF_TIMEOUT_US 5000000u
#define RING_RESET_US 10000u
/* As the vendor engine sets them for several passes. */
#define CONF_BURST_DELAY 0x60u
#define CONF_BURST_BUFFERS 2u
#define CONF_BURST_LAST 0xfeu

/*
 * SOFT_RESET is said to clear itself; a controller that does not gets it cleared. Afterwards it
 * must be idle: both ring indices equal.
 */
int akc_ring_reset(struct akc_dev *d, u32 base)
{
	struct akc_wait w;
	u32 v;
	bool more;

	akc_write(d, base + AKC_CDMA_CONTROL, AKC_CDMA_CONTROL_SOFT_RESET);
	akc_wait_init(d, &w, RING_RESET_US);
	do {
		more = akc_wait(d, &w);
		v = akc_read(d, base + AKC_CDMA_CONTROL);
		if (v == AKC_ALL_ONES)
			return akc_gone(d, "core DMA control", base);
	} while ((v & AKC_CDMA_CONTROL_SOFT_RESET) && more);
	if (v & AKC_CDMA_CONTROL_SOFT_RESET)
		akc_write(d, base + AKC_CDMA_CONTROL, 0);
	v = akc_read(d, base + AKC_CDMA_CONTAINER);
	if (AKC_CDMA_CONTAINER_CUR(v) != AKC_CDMA_CONTAINER_LAST(v))
		return akc_fail(d, -EIO, "core DMA not idle after reset", base, v);
	return 0;
}

/*
 * r holds base, addr, slots and desc_bytes; monitor: end select and masks. Leaves RUN off.
 */
int akc_ring_init(struct akc_dev *d, struct akc_ring *r, bool header, u32 monitor)
{
	u32 v;
	int err;

	err = akc_ring_reset(d, r->base);
	if (err)
		return err;
	r->last = AKC_CDMA_CONTAINER_LAST(akc_read(d, r->base + AKC_CDMA_CONTAINER));
	v = akc_read(d, r->base + AKC_CDMA_CONTROL);
	/* The version field is kept: nothing says whether it can be written. */
	r->control = AKC_CDMA_CONTROL_VERSION(v) | AKC_CDMA_CONTROL_INT_EN;
	if (header)
		r->control |= AKC_CDMA_CONTROL_INFO_EN | AKC_CDMA_CONTROL_INFO_HDR |
			      AKC_CDMA_CONTROL_HDR_BYTES(AKC_HEADER_BYTES);
	r->monitor = monitor | AKC_CDMA_MONITOR_TIMER;
	r->running = false;
	akc_write(d, r->base + AKC_CDMA_RING, r->addr);
	akc_write(d, r->base + AKC_CDMA_GEOMETRY,
		  AKC_CDMA_GEOMETRY_SET(r->desc_bytes / 32, r->slots));
	akc_write(d, r->base + AKC_CDMA_MONITOR,
		  r->monitor | AKC_CDMA_MONITOR_STATUS_CLEAR | AKC_CDMA_MONITOR_COUNTER_CLEAR);
	akc_write(d, r->base + AKC_CDMA_MONITOR, r->monitor);
	akc_write(d, r->base + AKC_CDMA_CONTROL, r->control);
	return 0;
}

u32 akc_ring_next(const struct akc_ring *r)
{
	return r->last == 0xff || r->last + 1 >= r->slots ? 0 : r->last + 1;
}

/* CUR is the controller's: written as 0, as the vendor's loopback test does. */
void akc_ring_push(struct akc_dev *d, struct akc_ring *r, u32 index)
{
	akc_host_barrier(d);
	akc_write(d, r->base + AKC_CDMA_CONTAINER, index << 16);
	r->last = index;
}

void akc_ring_run(struct akc_dev *d, struct akc_ring *r, bool run)
{
	akc_write(d, r->base + AKC_CDMA_CONTROL,
		  r->control | (run ? AKC_CDMA_CONTROL_RUN : 0));
	r->running = run;
}

/* Written back without the bit, in case it does not clear itself. */
void akc_ring_clear_status(struct akc_dev *d, struct akc_ring *r)
{
	akc_write(d, r->base + AKC_CDMA_MONITOR, r->monitor | AKC_CDMA_MONITOR_STATUS_CLEAR);
	akc_write(d, r->base + AKC_CDMA_MONITOR, r->monitor);
}

int akc_conf_init(struct akc_dev *d)
{
	d->conf.base = AKC_CONF_DMA;
	d->conf.addr = d->mem_base + AKC_MEM_CONF_RING;
	d->conf.slots = AKC_CONF_SLOTS;
	d->conf.desc_bytes = AKC_DESC_CONF_BYTES;
	return akc_ring_init(d, &d->conf, false,
			     AKC_CDMA_MONITOR_END_OUTBOUND | AKC_MONITOR_OUTPUTS);
}

/* Until an end event that is not masked. */
static int conf_wait(struct akc_dev *d, u32 event, u32 a, u32 b)
{
	struct akc_wait w;
	bool more;
	u32 v;

	akc_wait_init(d, &w, CONF_TIMEOUT_US);
	do {
		more = akc_wait(d, &w);
		v = akc_read(d, AKC_CONF_DMA + AKC_CDMA_EVENTS);
		if (v == AKC_ALL_ONES)
			return akc_gone(d, "configuration DMA status", AKC_CONF_DMA);
	} while (!(v & event) && more);
	akc_ring_clear_status(d, &d->conf);
	if (!(v & event))
		return akc_fail(d, -ETIMEDOUT, "configuration transfer", a, b);
	return 0;
}

/*
 * The ring at addr holds burst descriptors for each pass. Loads the first pass and keeps running: the
 * others follow as frames come to them. LAST is an index that the ring never reaches.
 */
int akc_conf_bursts(struct akc_dev *d, u32 addr, u32 slots, u32 burst)
{
	int err;

	d->conf.addr = addr;
	d->conf.slots = slots;
	err = akc_ring_init(d, &d->conf, false, AKC_CDMA_MONITOR_END_OUTBOUND | AKC_MONITOR_BURSTS);
	if (err)
		return err;
	akc_write(d, AKC_CONF_DMA + AKC_CDMA_REPLAY, AKC_CDMA_REPLAY_BURST);
	akc_write(d, AKC_CONF_DMA + AKC_CDMA_BURST, burst);
	akc_write(d, AKC_CONF_DMA + AKC_CDMA_DELAYS, CONF_BURST_DELAY);
	akc_write(d, AKC_CONF_DMA + AKC_CDMA_OB_MAXIMA, CONF_BURST_BUFFERS);
	akc_ring_push(d, &d->conf, CONF_BURST_LAST);
	akc_ring_run(d, &d->conf, true);
	return conf_wait(d, AKC_CDMA_EVENTS_BURST_INT, addr, slots);
}

/*
 * The descriptor and, for a read, its packet header travel in one list; then RUN until the outbound
 * end.
 */
static int conf_run(struct akc_dev *d, const u32 desc[4], const u32 *head)
{
	struct akc_seg s[2];
	u32 index = akc_ring_next(&d->conf);
	u8 *p = akc_stage(d, AKC_STAGE_CONF);
	u32 i;
	int err;

	memset(p, 0, AKC_DESC_CONF_BYTES);
	for (i = 0; i < 4; i++)
		akc_put32(p + 4 * i, desc[i]);
	s[0].host = d->stage.bus + AKC_STAGE_CONF;
	s[0].dev = d->conf.addr + index * AKC_DESC_CONF_BYTES;
	s[0].bytes = AKC_DESC_CONF_BYTES;
	if (head) {
		akc_put32(p + AKC_MEM_CONF_HEADER, head[0]);
		akc_put32(p + AKC_MEM_CONF_HEADER + 4, head[1]);
		s[1].host = s[0].host + AKC_MEM_CONF_HEADER;
		s[1].dev = d->mem_base + AKC_MEM_CONF_HEADER;
		s[1].bytes = 8;
	}
	err = akc_dma_run(d, AKC_TO_DEVICE, s, head ? 2 : 1);
	if (err)
		return err;
	akc_ring_push(d, &d->conf, index);
	akc_ring_run(d, &d->conf, true);
	err = conf_wait(d, AKC_CDMA_EVENTS_OB_INT, desc[1], desc[2]);
	if (!d->gone)
		akc_ring_run(d, &d->conf, false);
	return err;
}

/* Sends packets that lie in device memory to the mesh. words: 1..65535. */
int akc_conf_write(struct akc_dev *d, u32 dev_addr, u32 words)
{
	const u32 desc[4] = { AKC_DESC_CONF_WRITE | AKC_DESC_VERSION, dev_addr, words, 0 };

	return conf_run(d, desc, NULL);
}

/* Reads one word from the mesh: the answer is the raw word, output headers being off. */
int akc_conf_read(struct akc_dev *d, u32 head0, u32 head1, u32 *value)
{
	const u32 desc[4] = { AKC_DESC_CONF_READ | AKC_DESC_VERSION,
			      d->mem_base + AKC_MEM_CONF_HEADER, AKC_PKT_HEADER_WORDS,
			      d->mem_base + AKC_MEM_CONF_OUT };
	const u32 head[2] = { head0, head1 };
	int err;

	err = conf_run(d, desc, head);
	if (err)
		return err;
	err = akc_mem_read(d, &d->stage, AKC_STAGE_READBACK, d->mem_base + AKC_MEM_CONF_OUT, 4);
	if (err)
		return err;
	*value = akc_get32(akc_stage(d, AKC_STAGE_READBACK));
	return 0;
}
