/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Everything the protocol core may do to the outside: a table the host fills. The kernel backs it
 * with MMIO and the DMA API, libakida's virtual device with the software NSoC, tests with a script.
 */
#ifndef AKC_BUS_H
#define AKC_BUS_H

#include "types.h"

struct akc_bus {
	u32 (*cfg_read)(void *host, u32 off);
	void (*cfg_write)(void *host, u32 off, u32 val);
	u32 (*bar_read)(void *host, unsigned int bar, u32 off);
	void (*bar_write)(void *host, unsigned int bar, u32 off, u32 val);
	/* monotonic */
	u64 (*now_ns)(void *host);
	/* may sleep; virtual hosts advance their clock instead */
	void (*sleep_us)(void *host, u32 us);
	/* orders host memory writes before the next bar_write */
	void (*barrier)(void *host);
	/*
	 * A linked list was started (status 1), or has ended (0, or -errno); to_host: its direction. May be
	 * NULL.
	 */
	void (*dma)(void *host, bool to_host, u32 bytes, int status);
	/* one line per failure; may be NULL */
	void (*log)(void *host, int err, const char *what, u64 a, u64 b);
};

/* Host memory the chip's DMA engine can reach; owned by the host, at least 4-byte aligned. */
struct akc_buf {
	void *cpu;
	u64 bus;
	u32 bytes;
};

#endif
