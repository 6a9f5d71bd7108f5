/* SPDX-License-Identifier: MIT */
/*
 * A bus whose far end is a script: every access is logged, registers are plain cells unless a test gives answers or a
 * hook, time passes only when the core sleeps. sb_engine() is the smallest far end that lets DMA transfers finish.
 */
#ifndef SCRIPTED_BUS_H
#define SCRIPTED_BUS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver/core/internal.h"
#include "driver/core/regs_akd1000.h"
#include "driver/core/regs_akd1500.h"

#define SB_CFG 9u /* "bar" number of configuration space in the log */
#define SB_LOG 65536u
#define SB_CELLS 32768u

enum sb_kind { SB_READ, SB_WRITE, SB_SLEEP, SB_BARRIER };

struct sb_access {
	enum sb_kind kind;
	unsigned int bar;
	u32 off, val;
};

struct sb_answer {
	unsigned int bar;
	u32 off, val[8], count, at; /* the last one sticks */
};

struct sb {
	struct sb_access log[SB_LOG];
	u32 logged;
	struct {
		u32 key, val;
		bool used;
	} cell[SB_CELLS];
	struct sb_answer answer[16];
	u32 answers;
	bool (*on_write)(struct sb *b, unsigned int bar, u32 off, u32 val); /* true: handled, no cell is written */
	void *arg;
	bool all_ones;
	u32 all_ones_after; /* reads left before the chip vanishes, 0: never */
	u64 now_ns;
	u32 failures; /* lines logged by the core */
	int last_err;
	const char *last_what;
	u64 last_a, last_b;
	/* what sb_engine does */
	bool no_completion, fail_transfer, never_quiet;
	u8 *host; /* host memory and its bus address */
	u64 host_bus;
	u32 host_bytes;
	u32 transfers[2], elements[2], bytes[2];	  /* by enum akc_dir */
	u8 *(*device)(struct sb *b, u32 addr, u32 bytes); /* device memory, or NULL: data is not moved */
};

static inline u32 sb_key(unsigned int bar, u32 off)
{
	return bar << 24 | off >> 2;
}

static inline u32 *sb_cell(struct sb *b, unsigned int bar, u32 off)
{
	u32 key = sb_key(bar, off), at = (key * 2654435761u) % SB_CELLS;

	while (b->cell[at].used && b->cell[at].key != key)
		at = (at + 1) % SB_CELLS;
	b->cell[at].used = true;
	b->cell[at].key = key;
	return &b->cell[at].val;
}

static inline void sb_log(struct sb *b, enum sb_kind kind, unsigned int bar, u32 off, u32 val)
{
	if (b->logged < SB_LOG)
		b->log[b->logged++] = (struct sb_access){.kind = kind, .bar = bar, .off = off, .val = val};
}

static inline u32 sb_value(struct sb *b, unsigned int bar, u32 off)
{
	u32 i;

	if (b->all_ones_after && !--b->all_ones_after)
		b->all_ones = true;
	if (b->all_ones)
		return 0xffffffffu;
	for (i = 0; i < b->answers; i++) {
		struct sb_answer *a = &b->answer[i];

		if (a->bar == bar && a->off == off)
			return a->val[a->at + 1 < a->count ? a->at++ : a->at];
	}
	return *sb_cell(b, bar, off);
}

static inline u32 sb_bar_read(void *host, unsigned int bar, u32 off)
{
	u32 v = sb_value(host, bar, off);

	sb_log(host, SB_READ, bar, off, v);
	return v;
}

static inline void sb_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	struct sb *b = host;

	sb_log(b, SB_WRITE, bar, off, val);
	if (!b->on_write || !b->on_write(b, bar, off, val))
		*sb_cell(b, bar, off) = val;
}

static inline u32 sb_cfg_read(void *host, u32 off)
{
	return sb_bar_read(host, SB_CFG, off);
}

static inline void sb_cfg_write(void *host, u32 off, u32 val)
{
	sb_bar_write(host, SB_CFG, off, val);
}

static inline u64 sb_now_ns(void *host)
{
	return ((struct sb *)host)->now_ns;
}

static inline void sb_sleep_us(void *host, u32 us)
{
	((struct sb *)host)->now_ns += (u64)us * 1000;
	sb_log(host, SB_SLEEP, 0, 0, us);
}

static inline void sb_barrier(void *host)
{
	sb_log(host, SB_BARRIER, 0, 0, 0);
}

static inline void sb_say(void *host, int err, const char *what, u64 a, u64 v)
{
	struct sb *b = host;

	b->failures++;
	b->last_err = err;
	b->last_what = what;
	b->last_a = a;
	b->last_b = v;
}

static const struct akc_bus sb_bus = {
	.cfg_read = sb_cfg_read,
	.cfg_write = sb_cfg_write,
	.bar_read = sb_bar_read,
	.bar_write = sb_bar_write,
	.now_ns = sb_now_ns,
	.sleep_us = sb_sleep_us,
	.barrier = sb_barrier,
	.log = sb_say,
};

static inline void sb_give(struct sb *b, unsigned int bar, u32 off, u32 count, ...)
{
	struct sb_answer *a = &b->answer[b->answers++];
	va_list ap;

	*a = (struct sb_answer){.bar = bar, .off = off, .count = count};
	va_start(ap, count);
	for (u32 i = 0; i < count; i++)
		a->val[i] = va_arg(ap, u32);
	va_end(ap);
}

/* The log from *at on must be this access; moves on. */
static inline void sb_expect(struct sb *b, u32 *at, enum sb_kind kind, unsigned int bar, u32 off, u32 val)
{
	const struct sb_access *a = &b->log[*at];

	assert_true(*at < b->logged);
	if (a->kind != kind || a->bar != bar || a->off != off || a->val != val)
		fail_msg("access %u: kind %d bar %u off 0x%x val 0x%x, expected kind %d bar %u off 0x%x val 0x%x", *at,
			 a->kind, a->bar, a->off, a->val, kind, bar, off, val);
	++*at;
}

/* Skips to the first write of this register at or after *at. */
static inline void sb_find_write(struct sb *b, u32 *at, unsigned int bar, u32 off)
{
	while (*at < b->logged && !(b->log[*at].kind == SB_WRITE && b->log[*at].bar == bar && b->log[*at].off == off))
		++*at;
	if (*at == b->logged)
		fail_msg("no write of bar %u off 0x%x", bar, off);
}

static inline u32 sb_count_writes(const struct sb *b, unsigned int bar, u32 off)
{
	u32 n = 0;

	for (u32 i = 0; i < b->logged; i++)
		n += b->log[i].kind == SB_WRITE && b->log[i].bar == bar && b->log[i].off == off;
	return n;
}

/* ---- the smallest DMA engine: runs a list at the doorbell, both chips ---- */

static inline bool sb_run_list(struct sb *b, u32 list, bool to_host)
{
	u32 dir = to_host ? AKC_TO_HOST : AKC_TO_DEVICE;

	b->transfers[dir]++;
	for (;;) {
		u32 off = list - 0x20000000u;
		u32 control = *sb_cell(b, 4, off), n;
		u64 source, dest, host;
		u32 dev;

		if (control & AKC_LL_LLP)
			return !(control & AKC_LL_CB) && *sb_cell(b, 4, off + 8) && (control & AKC_LL_TCB);
		if (!(control & AKC_LL_CB))
			return false;
		n = *sb_cell(b, 4, off + 4);
		source = *sb_cell(b, 4, off + 8) | (u64)*sb_cell(b, 4, off + 12) << 32;
		dest = *sb_cell(b, 4, off + 16) | (u64)*sb_cell(b, 4, off + 20) << 32;
		host = to_host ? dest : source;
		dev = (u32)(to_host ? source : dest);
		b->elements[dir]++;
		b->bytes[dir] += n;
		if (b->device) {
			u8 *h, *m = b->device(b, dev, n);

			assert_true(host >= b->host_bus && host + n <= b->host_bus + b->host_bytes);
			h = b->host + (host - b->host_bus);
			assert_non_null(m);
			memcpy(to_host ? h : m, to_host ? m : h, n);
		}
		list += AKC_LL_DATA_BYTES;
	}
}

static inline bool sb_engine(struct sb *b, unsigned int bar, u32 off, u32 val)
{
	bool ok;

	if (bar == 2 && off >= AKD1000_EDMA && off < AKD1000_EDMA + 0x200) { /* AKD1000 */
		u32 e = off - AKD1000_EDMA;
		bool wr = e == AKD1000_EDMA_WR_DOORBELL;
		u32 *status = sb_cell(b, 2, AKD1000_EDMA + (wr ? AKD1000_EDMA_WR_STATUS : AKD1000_EDMA_RD_STATUS));
		u32 *control = sb_cell(b, 2, AKD1000_EDMA + AKD1000_EDMA_CH_CONTROL1);

		if (e == AKD1000_EDMA_WR_CLEAR || e == AKD1000_EDMA_RD_CLEAR) {
			*sb_cell(b, 2,
				 AKD1000_EDMA + (e == AKD1000_EDMA_WR_CLEAR ? AKD1000_EDMA_WR_STATUS
									    : AKD1000_EDMA_RD_STATUS)) &= ~val;
			return true;
		}
		if ((e == AKD1000_EDMA_WR_ENABLE || e == AKD1000_EDMA_RD_ENABLE) && !val && !b->never_quiet)
			*control |= 3u << 5;
		if (!wr && e != AKD1000_EDMA_RD_DOORBELL)
			return false;
		if (val & AKD1000_EDMA_DOORBELL_STOP) {
			if (!b->never_quiet)
				*control |= 3u << 5;
			return true;
		}
		*control = (*control & ~0x60u) | 1u << 5;
		if (b->no_completion)
			return true;
		ok = sb_run_list(b, *sb_cell(b, 2, AKD1000_EDMA + AKD1000_EDMA_CH_LIST), wr) && !b->fail_transfer;
		*control = (*control & ~0x60u) | (ok ? 3u : 2u) << 5;
		*status |= ok ? 1u : 1u << 16;
		return true;
	}
	if (bar == 0 && off < 0x200) { /* AKD1500: on an AKD1000 these are top-level registers, which nobody rings */
		u32 base = off & 0x100u, r = off & 0xffu;

		if (r == AKD1500_HDMA_INT_CLEAR) {
			*sb_cell(b, 0, base + AKD1500_HDMA_INT_STATUS) &= ~val;
			return true;
		}
		if (r == AKD1500_HDMA_ENABLE && !val && !b->never_quiet)
			*sb_cell(b, 0, base + AKD1500_HDMA_STATUS) = 3;
		if (r != AKD1500_HDMA_DOORBELL || !*sb_cell(b, 0, base + AKD1500_HDMA_ENABLE))
			return false;
		*sb_cell(b, 0, base + AKD1500_HDMA_STATUS) = 1;
		if (b->no_completion)
			return true;
		ok = sb_run_list(b, *sb_cell(b, 0, base + AKD1500_HDMA_LIST), !base) && !b->fail_transfer;
		*sb_cell(b, 0, base + AKD1500_HDMA_STATUS) = ok ? 3 : 2;
		*sb_cell(b, 0, base + AKD1500_HDMA_INT_STATUS) |= ok ? 1u : 4u;
		return true;
	}
	return false;
}

#define SB_STAGE_BUS 0x7f0001000ull
#define SB_STAGE_BYTES 0x10000u

static inline struct sb *sb_new(void)
{
	struct sb *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->host = calloc(1, SB_STAGE_BYTES);
	assert_non_null(b->host);
	b->host_bus = SB_STAGE_BUS;
	b->host_bytes = SB_STAGE_BYTES;
	b->on_write = sb_engine;
	return b;
}

static inline void sb_free(struct sb *b)
{
	free(b->host);
	free(b);
}

/* A device as akc_probe leaves it, without its accesses. */
static inline void sb_device(struct sb *b, struct akc_dev *d, u16 pci_device)
{
	memset(d, 0, sizeof(*d));
	d->bus = &sb_bus;
	d->host = b;
	d->chip = akc_chip_find(pci_device);
	assert_non_null(d->chip);
	d->generation = 1;
	memcpy(d->version, d->chip->version, 4);
	d->stage = (struct akc_buf){.cpu = b->host, .bus = b->host_bus, .bytes = b->host_bytes};
	d->mem_base = d->chip->scratch_addr;
	d->mem_bytes = d->chip->scratch_bytes;
}

#endif
