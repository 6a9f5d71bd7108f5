/* SPDX-License-Identifier: MIT */
/* The protocol core over a software NSoC, with host memory in two places of the bus. */
#ifndef TEST_DRIVER_CORE_RIG_H
#define TEST_DRIVER_CORE_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include "driver/core/internal.h"
#include "firmware/nsoc/nsoc.h"
#include "program/program.h"

#define STAGE_BUS 0x1f000000ull
#define STAGE_BYTES 0x10000u
#define DATA_BUS 0x4100000000ull
#define DATA_BYTES (8u << 20)

struct rig {
	struct nsoc *chip;
	struct akc_dev dev;
	u8 *stage, *data;
	u32 messages;
	u64 msi_addr;
	u32 msi_data;
	bool deny; /* host memory answers with faults */
	const char *says;
	u32 failures;
};

static inline u32 rig_cfg_read(void *host, u32 off)
{
	return nsoc_cfg_read(((struct rig *)host)->chip, off);
}

static inline void rig_cfg_write(void *host, u32 off, u32 val)
{
	nsoc_cfg_write(((struct rig *)host)->chip, off, val);
}

static inline u32 rig_bar_read(void *host, unsigned int bar, u32 off)
{
	return nsoc_bar_read(((struct rig *)host)->chip, bar, off);
}

static inline void rig_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	nsoc_bar_write(((struct rig *)host)->chip, bar, off, val);
}

static inline u64 rig_now_ns(void *host)
{
	return nsoc_time_ns(((struct rig *)host)->chip);
}

static inline void rig_sleep_us(void *host, u32 us)
{
	nsoc_advance_us(((struct rig *)host)->chip, us);
}

static inline void rig_barrier(void *host)
{
	(void)host;
}

static inline void rig_log(void *host, int err, const char *what, u64 a, u64 b)
{
	struct rig *r = host;

	(void)err;
	(void)a;
	(void)b;
	r->says = what;
	r->failures++;
}

static const struct akc_bus rig_bus = {
	.cfg_read = rig_cfg_read,
	.cfg_write = rig_cfg_write,
	.bar_read = rig_bar_read,
	.bar_write = rig_bar_write,
	.now_ns = rig_now_ns,
	.sleep_us = rig_sleep_us,
	.barrier = rig_barrier,
	.log = rig_log,
};

static inline u8 *rig_memory(struct rig *r, u64 bus, u32 bytes)
{
	if (r->deny)
		return NULL;
	if (bus >= STAGE_BUS && bytes <= STAGE_BYTES && bus - STAGE_BUS <= STAGE_BYTES - bytes)
		return r->stage + (bus - STAGE_BUS);
	if (bus >= DATA_BUS && bytes <= DATA_BYTES && bus - DATA_BUS <= DATA_BYTES - bytes)
		return r->data + (bus - DATA_BUS);
	return NULL;
}

static inline int rig_dma_read(void *ctx, uint64_t bus, void *to, uint32_t bytes)
{
	u8 *p = rig_memory(ctx, bus, bytes);

	if (!p)
		return -EFAULT;
	memcpy(to, p, bytes);
	return 0;
}

static inline int rig_dma_write(void *ctx, uint64_t bus, const void *from, uint32_t bytes)
{
	u8 *p = rig_memory(ctx, bus, bytes);

	if (!p)
		return -EFAULT;
	memcpy(p, from, bytes);
	return 0;
}

static inline void rig_msi(void *ctx, uint64_t addr, uint32_t data)
{
	struct rig *r = ctx;

	r->messages++;
	r->msi_addr = addr;
	r->msi_data = data;
}

static inline struct akc_buf rig_data(struct rig *r)
{
	return (struct akc_buf){.cpu = r->data, .bus = DATA_BUS, .bytes = DATA_BYTES};
}

static inline struct rig *rig_new(enum nsoc_chip chip)
{
	struct rig *r = calloc(1, sizeof(*r));
	struct nsoc_host host = {.ctx = r, .read = rig_dma_read, .write = rig_dma_write, .msi = rig_msi};
	struct akc_buf stage = {.bus = STAGE_BUS, .bytes = STAGE_BYTES};

	assert_non_null(r);
	r->stage = malloc(STAGE_BYTES);
	r->data = malloc(DATA_BYTES);
	assert_non_null(r->stage);
	assert_non_null(r->data);
	stage.cpu = r->stage;
	memset(r->stage, 0xa5, STAGE_BYTES); /* nobody promises cleared memory */
	assert_int_equal(nsoc_create(chip, &host, &r->chip), 0);
	assert_int_equal(akc_probe(&r->dev, &rig_bus, r, nsoc_pci_device(r->chip), &stage), 0);
	assert_int_equal(r->failures, 0);
	assert_int_equal(r->messages, 0); /* no interrupts unless asked for */
	for (u32 i = 0; i < AKC_STAGE_ZERO_BYTES; i++)
		assert_int_equal(r->stage[AKC_STAGE_ZERO + i], 0);
	return r;
}

static inline void rig_free(struct rig *r)
{
	nsoc_destroy(r->chip);
	free(r->stage);
	free(r->data);
	free(r);
}

/* Nothing the core does may be unknown to the model. */
static inline void assert_clean(struct rig *r)
{
	struct nsoc_report rep;

	nsoc_get_report(r->chip, &rep);
	if (rep.unknown_registers || rep.unknown_packets || rep.unknown_encodings || rep.bad_addresses ||
	    rep.dma_faults)
		fail_msg("the model reports: %s", rep.last);
}

#endif
