/* SPDX-License-Identifier: MIT */
/*
 * The software NSoC: an AKD1000 or AKD1500 as seen from the bus. PCI configuration space, BARs, iATU windows, eDMA or
 * HDMA, device memory, core registers, core DMA controllers, mesh, NPs, clock counters and a power sensor. It receives
 * bus accesses only and runs the configuration packets it is given. Linked into libakida (virtual:*), the QEMU device
 * and fuzz targets. No threads, no host clock: time passes as modelled work is done or nsoc_advance_us is called.
 */
#ifndef NSOC_H
#define NSOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "driver/core/regs_core.h"

struct nsoc;
enum nsoc_chip { NSOC_AKD1000, NSOC_AKD1500 };

/* What nsoc_host.moment is told of, before it happens. */
enum nsoc_moment {
	NSOC_TAKES_PACKETS, /* a configuration descriptor */
	NSOC_STARTS_FRAME,
	NSOC_IS_RESET /* by the core's reset bit */
};

/* The chip as bus master: access to host memory by bus address. Return 0, or negative when the address is not mapped. */
struct nsoc_host {
	void *ctx;
	int (*read)(void *ctx, uint64_t bus, void *to, uint32_t bytes);
	int (*write)(void *ctx, uint64_t bus, const void *from, uint32_t bytes);
	void (*msi)(void *ctx, uint64_t addr, uint32_t data); /* may be NULL */
	void (*moment)(void *ctx, enum nsoc_moment m);	      /* for tests: faults at a given state; may be NULL */
};

/* What was not understood: visible to every user of the model, never silently ignored. */
struct nsoc_report {
	uint64_t unknown_registers, unknown_packets, unknown_encodings, bad_addresses, dma_faults;
	char last[160]; /* text of the newest one, empty when there was none */
};

int nsoc_create(enum nsoc_chip chip, const struct nsoc_host *host, struct nsoc **out); /* -ENOMEM */
/*
 * An Akida v1 mesh of so many nodes behind an AKD1500's bus: 2 (the vendor's TwoNodesIPv1) to NSOC_NODES_MAX, ours. One
 * node with the FNP2, the others full ones, row by row in a grid that is nearly square. -EINVAL.
 */
#define NSOC_NODES_MAX 16u
int nsoc_create_nodes(uint32_t nodes, const struct nsoc_host *host, struct nsoc **out);
void nsoc_destroy(struct nsoc *n);
void nsoc_power_cycle(struct nsoc *n);

uint16_t nsoc_pci_device(const struct nsoc *n);
uint64_t nsoc_bar_bytes(const struct nsoc *n, unsigned int bar); /* 0: absent */
uint32_t nsoc_cfg_read(struct nsoc *n, uint32_t off);
void nsoc_cfg_write(struct nsoc *n, uint32_t off, uint32_t val);
uint32_t nsoc_bar_read(struct nsoc *n, unsigned int bar, uint32_t off);
void nsoc_bar_write(struct nsoc *n, unsigned int bar, uint32_t off, uint32_t val);

void nsoc_advance_us(struct nsoc *n, uint64_t us); /* idle time, at floor power */
/*
 * Who moves the clock. Off, after nsoc_create: polling jumps to the next completion and a PCIe DMA list runs inside its
 * doorbell. On, for hosts with a clock of their own: completions wait for nsoc_advance_us, and a list that was rung runs
 * in nsoc_step, so that both happen some time after the write that started them.
 */
void nsoc_set_paced(struct nsoc *n, bool on);
bool nsoc_pending(const struct nsoc *n); /* nsoc_step has something to do */
void nsoc_step(struct nsoc *n);
uint64_t nsoc_time_ns(const struct nsoc *n); /* modelled time since power-up */
void nsoc_get_report(const struct nsoc *n, struct nsoc_report *r);

/* Faults for tests: the next count events of this kind go wrong (0: none any more). Kept over resets and power cycles. */
enum nsoc_inject {
	NSOC_INJECT_HANG, /* a frame never completes, nor one after it; until the DMA controller or core is reset */
	NSOC_INJECT_WRONG_JOB, /* a frame completes with an id that nobody sent */
	NSOC_INJECT_DMA_STUCK, /* a PCIe DMA channel that was rung stays running until it is stopped; needs paced mode */
	NSOC_INJECT_NO_SENSOR, /* any count: the power sensor's registers read as zero, as on a board without it */
	NSOC_INJECT_COUNT
};
void nsoc_inject(struct nsoc *n, enum nsoc_inject what, uint32_t count);

/*
 * The emulated board's power sensor (ours; a real board's registers are not public), a register block in the core
 * window, both chips: driver/core/regs_core.h.
 */
#define NSOC_SENSOR_BASE AKC_SENSOR
#define NSOC_SENSOR_ID AKC_SENSOR_ID
#define NSOC_SENSOR_FLOOR_UW AKC_SENSOR_FLOOR_UW
#define NSOC_SENSOR_COUNT AKC_SENSOR_COUNT
#define NSOC_SENSOR_TIME_MS AKC_SENSOR_TIME_MS
#define NSOC_SENSOR_UV AKC_SENSOR_UV
#define NSOC_SENSOR_UA AKC_SENSOR_UA
#define NSOC_SENSOR_NOW_MS_LO AKC_SENSOR_NOW_MS
#define NSOC_SENSOR_ENERGY_UJ_LO AKC_SENSOR_ENERGY_LO
#define NSOC_SENSOR_ENERGY_UJ_HI AKC_SENSOR_ENERGY_HI
#define NSOC_SENSOR_CLOCK_KHZ AKC_SENSOR_CLOCK_KHZ

#endif
