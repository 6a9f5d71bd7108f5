/* SPDX-License-Identifier: MIT */
/*
 * `virtual:akd1000` and `virtual:akd1500`: the protocol core talks over an in-process bus to the software NSoC, which
 * receives bus accesses only. Its DMA engine reaches host memory through two registered regions, as behind an IOMMU.
 * Time is the model's: sleeping advances it and costs nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "device/core.h"
#include "firmware/nsoc/nsoc.h"
#include "layer/cost.h"

#define STAGE_BUS 0x100000000ull
#define FRAMES_BUS 0x200000000ull
#define WINDOW_BUS 0x300000000ull

struct region {
	uint64_t bus;
	const uint8_t *cpu;
	size_t bytes;
};

struct virt {
	struct nsoc *chip;
	struct ak_core core;
	struct region stage, frames, window;   /* frames: the inputs of the run that goes on */
	uint8_t *stage_memory, *window_memory; /* window: the AKD1500's to the host */
	unsigned int core_bar;		       /* the BAR that shows the core registers */
};

/* ---- the bus, as the core sees it ---- */

static u32 bus_cfg_read(void *host, u32 off)
{
	return nsoc_cfg_read(((struct virt *)host)->chip, off);
}

static void bus_cfg_write(void *host, u32 off, u32 val)
{
	nsoc_cfg_write(((struct virt *)host)->chip, off, val);
}

static u32 bus_bar_read(void *host, unsigned int bar, u32 off)
{
	return nsoc_bar_read(((struct virt *)host)->chip, bar, off);
}

static void bus_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	nsoc_bar_write(((struct virt *)host)->chip, bar, off, val);
}

static u64 bus_now_ns(void *host)
{
	return nsoc_time_ns(((struct virt *)host)->chip);
}

static void bus_sleep_us(void *host, u32 us)
{
	nsoc_advance_us(((struct virt *)host)->chip, us);
}

static void bus_barrier(void *host)
{
	(void)host; /* one thread on both sides */
}

static void bus_log(void *host, int err, const char *what, u64 a, u64 b)
{
	struct virt *v = host;

	(void)err;
	v->core.says = what;
	v->core.a = a;
	v->core.b = b;
}

static const struct akc_bus virtual_bus = {
	.cfg_read = bus_cfg_read,
	.cfg_write = bus_cfg_write,
	.bar_read = bus_bar_read,
	.bar_write = bus_bar_write,
	.now_ns = bus_now_ns,
	.sleep_us = bus_sleep_us,
	.barrier = bus_barrier,
	.log = bus_log,
};

/* ---- host memory, as the chip's DMA engine sees it ---- */

static bool inside(const struct region *r, uint64_t bus, uint32_t bytes)
{
	return bus >= r->bus && bus - r->bus <= r->bytes && bytes <= r->bytes - (size_t)(bus - r->bus);
}

static int host_read(void *ctx, uint64_t bus, void *to, uint32_t bytes)
{
	const struct virt *v = ctx;
	const struct region *r = bus >= WINDOW_BUS ? &v->window : bus >= FRAMES_BUS ? &v->frames : &v->stage;

	if (!inside(r, bus, bytes))
		return -EFAULT;
	memcpy(to, r->cpu + (bus - r->bus), bytes);
	return 0;
}

/* Inputs are the caller's: the chip only reads them. */
static int host_write(void *ctx, uint64_t bus, const void *from, uint32_t bytes)
{
	const struct virt *v = ctx;

	if (inside(&v->window, bus, bytes))
		memcpy(v->window_memory + (bus - v->window.bus), from, bytes);
	else if (inside(&v->stage, bus, bytes))
		memcpy(v->stage_memory + (bus - v->stage.bus), from, bytes);
	else
		return -EFAULT;
	return 0;
}

/* ---- back end ---- */

static uint32_t sensor(struct virt *v, uint32_t reg)
{
	return nsoc_bar_read(v->chip, v->core_bar, NSOC_SENSOR_BASE + reg);
}

static void virt_close(struct akida_device *d)
{
	struct virt *v = d->state;

	if (d->loaded)
		d->ops->unload(d);
	nsoc_destroy(v->chip);
	free(v->stage_memory);
	free(v->window_memory);
}

static const struct ak_cost_chip *chip_cost(const struct virt *v)
{
	return nsoc_pci_device(v->chip) == AKC_PCI_AKD1000 ? &ak_cost_akd1000 : &ak_cost_akd1500;
}

static int virt_clock(struct akida_device *d, const char *mode, struct akida_diag *diag)
{
	struct virt *v = d->state;
	const struct ak_cost_chip *chip = chip_cost(v);
	char known[64] = "";

	for (uint32_t i = 0; i < chip->clocks; i++) {
		size_t at = strlen(known);

		if (!strcmp(mode, chip->clock[i].name)) {
			nsoc_bar_write(v->chip, v->core_bar, NSOC_SENSOR_BASE + NSOC_SENSOR_CLOCK_KHZ,
				       chip->clock[i].khz);
			d->info.clock_mhz = sensor(v, NSOC_SENSOR_CLOCK_KHZ) / 1000.0;
			return 0;
		}
		snprintf(known + at, sizeof(known) - at, "%s%s", i ? ", " : "", chip->clock[i].name);
	}
	return ak_fail(diag, -EINVAL, AK_RULE_ARG, d->info.name, "has no clock mode '%.40s'; known: %s", mode, known);
}

/* What a host and its bus need for a frame beside the chip's work, which goes on meanwhile. */
static void virt_host_time(struct akida_device *d, uint32_t frames, bool alone)
{
	struct virt *v = d->state;
	const struct ak_cost_chip *chip = chip_cost(v);

	nsoc_advance_us(v->chip,
			((alone ? chip->call_ns : chip->frame_ns) + (uint64_t)(frames - 1) * chip->frame_ns) / 1000u);
}

/* All that the chip can use, once: pages that nothing touches cost nothing. */
static int virt_window(struct akida_device *d, uint32_t bytes, struct akida_diag *diag)
{
	struct virt *v = d->state;
	struct akc_piece piece = {.bus = WINDOW_BUS, .bytes = AKC_WINDOW_BYTES_MAX};
	int err;

	if (bytes > AKC_WINDOW_BYTES_MAX)
		return ak_fail(diag, -ENOSPC, AK_RULE_DEVICE_FAULT, d->info.name,
			       "the program needs %u bytes of host memory, the chip reaches %u", bytes,
			       AKC_WINDOW_BYTES_MAX);
	v->window_memory = calloc(1, AKC_WINDOW_BYTES_MAX);
	if (!v->window_memory)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for the window to the host");
	v->window = (struct region){.bus = WINDOW_BUS, .cpu = v->window_memory, .bytes = AKC_WINDOW_BYTES_MAX};
	piece.cpu = v->window_memory;
	err = akc_host_window(&v->core.dev, &piece, 1);
	return err ? ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "has no window to the host: %s",
			     v->core.says ? v->core.says : akida_strerror(err))
		   : 0;
}

/* nodes: 0, or of a mesh of its own */
static int virt_open(struct akida_device *d, enum nsoc_chip chip, uint32_t nodes, struct akida_diag *diag)
{
	struct virt *v = d->state;
	struct nsoc_host host = {.ctx = v, .read = host_read, .write = host_write};
	struct akc_buf stage;
	int err;

	v->core_bar = chip == NSOC_AKD1000 ? 0 : 2;
	v->stage_memory = calloc(1, AK_CORE_STAGE_BYTES);
	v->stage = (struct region){.bus = STAGE_BUS, .cpu = v->stage_memory, .bytes = AK_CORE_STAGE_BYTES};
	if (!v->stage_memory)
		err = -ENOMEM;
	else
		err = nodes ? nsoc_create_nodes(nodes, &host, &v->chip) : nsoc_create(chip, &host, &v->chip);
	if (err) {
		ak_fail(diag, err, AK_RULE_NOMEM, d->info.name, "no memory for the software NSoC");
		goto free_stage;
	}
	stage = (struct akc_buf){.cpu = v->stage_memory, .bus = v->stage.bus, .bytes = AK_CORE_STAGE_BYTES};
	err = akc_probe(&v->core.dev, &virtual_bus, v, nsoc_pci_device(v->chip), &stage);
	if (err) {
		ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "cannot be brought up: %s",
			v->core.says ? v->core.says : akida_strerror(err));
		goto destroy_chip;
	}
	ak_core_info(d, &v->core);
	v->core.host_time = virt_host_time;
	v->core.window = virt_window;
	d->info.source = AKIDA_SOURCE_MODEL;
	if (nodes)
		snprintf(d->info.chip, sizeof(d->info.chip), "akida1:%u", nodes % 100);
	else
		snprintf(d->info.chip, sizeof(d->info.chip), "%s", chip == NSOC_AKD1000 ? "AKD1000" : "AKD1500");
	d->info.clock_mhz = sensor(v, NSOC_SENSOR_CLOCK_KHZ) / 1000.0;
	return 0;
destroy_chip:
	nsoc_destroy(v->chip);
free_stage:
	free(v->stage_memory);
	free(v->window_memory);
	return err;
}

static int open_akd1000(struct akida_device *d, struct akida_diag *diag)
{
	return virt_open(d, NSOC_AKD1000, 0, diag);
}

static int open_akd1500(struct akida_device *d, struct akida_diag *diag)
{
	return virt_open(d, NSOC_AKD1500, 0, diag);
}

#define NODES_PREFIX "virtual:akida1:"

/* The number behind the colon. */
static int open_nodes(struct akida_device *d, struct akida_diag *diag)
{
	const char *text = d->info.name + strlen(NODES_PREFIX);
	unsigned int nodes = 0;
	int used = 0;

	if (text[0] < '1' || text[0] > '9' || sscanf(text, "%2u%n", &nodes, &used) != 1 || text[used] || nodes < 2 ||
	    nodes > NSOC_NODES_MAX)
		return ak_fail(diag, -ENOENT, AK_RULE_DEVICE_NAME, d->info.name, "is no mesh of 2 to %u nodes",
			       NSOC_NODES_MAX);
	return virt_open(d, NSOC_AKD1500, nodes, diag);
}

static void virt_unload(struct akida_device *d)
{
	struct virt *v = d->state;

	ak_core_unload(&v->core);
	v->frames = (struct region){0};
}

static int virt_verify(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag)
{
	const struct virt *v = d->state;

	return ak_core_verify(d, &v->core, p, diag);
}

static int virt_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		     struct akida_diag *diag)
{
	struct virt *v = d->state;
	size_t bytes;
	int err = ak_core_plan(d, &v->core, l, &bytes, diag);

	if (err)
		return err;
	v->core.frames = (struct akc_buf){.bus = FRAMES_BUS};
	v->core.in_place = true;
	err = ak_core_load(d, &v->core, l, dims, diag);
	if (err)
		virt_unload(d);
	return err;
}

static int64_t virt_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct virt *v = d->state;
	struct nsoc_report r;
	size_t at;
	int64_t n;

	v->frames = (struct region){.bus = FRAMES_BUS, .cpu = in, .bytes = frames * v->core.in_bytes};
	n = ak_core_run(d, &v->core, in, frames, out, m);
	v->frames = (struct region){0};
	at = strlen(d->error);

	nsoc_get_report(v->chip, &r);
	if (n < 0 && n != -ENODEV && r.last[0])
		snprintf(d->error + at, sizeof(d->error) - at, "; the chip met: %s", r.last);
	return n;
}

static uint64_t virt_now_ns(struct akida_device *d)
{
	return nsoc_time_ns(((struct virt *)d->state)->chip);
}

static void virt_counters(struct akida_device *d, struct ak_counters *c)
{
	struct virt *v = d->state;
	struct nsoc_report r;

	nsoc_get_report(v->chip, &r);
	*c = (struct ak_counters){
		.has_clk = true,
		.inference_clk = v->core.inference_clk,
		.program_clk = v->core.program_clk,
		.floor_mw = sensor(v, NSOC_SENSOR_FLOOR_UW) / 1000.0,
		.unknown_events =
			r.unknown_registers + r.unknown_packets + r.unknown_encodings + r.bad_addresses + r.dma_faults,
	};
	snprintf(c->unknown_last, sizeof(c->unknown_last), "%s", r.last);
}

static size_t virt_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	struct virt *v = d->state;
	size_t n = 0;

	while (n < max && sensor(v, NSOC_SENSOR_COUNT)) {
		double uv;

		ev[n].ts_ms = sensor(v, NSOC_SENSOR_TIME_MS);
		uv = sensor(v, NSOC_SENSOR_UV);
		ev[n].mw = uv * sensor(v, NSOC_SENSOR_UA) / 1e9;
		n++;
	}
	return n;
}

#define VIRTUAL_BACKEND(chip_name, opener, any)                                                                        \
	{                                                                                                              \
		.name = chip_name, .prefix = any, .state_bytes = sizeof(struct virt), .open = opener,                  \
		.close = virt_close, .load = virt_load, .unload = virt_unload, .verify = virt_verify, .run = virt_run, \
		.clock = virt_clock, .now_ns = virt_now_ns, .counters = virt_counters, .power = virt_power,            \
	}
const struct ak_backend ak_backend_akd1000 = VIRTUAL_BACKEND("virtual:akd1000", open_akd1000, false);
const struct ak_backend ak_backend_akd1500 = VIRTUAL_BACKEND("virtual:akd1500", open_akd1500, false);
const struct ak_backend ak_backend_akida1 = VIRTUAL_BACKEND(NODES_PREFIX, open_nodes, true);
