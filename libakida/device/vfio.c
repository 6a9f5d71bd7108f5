/* SPDX-License-Identifier: MIT */
/*
 * `vfio:0000:01:00.0`: a board without our kernel module. The protocol core of the module runs here, on BARs that vfio-pci
 * maps into this process; the machine's IOMMU keeps the board's DMA inside the two pieces of memory that it is given. The
 * process has the board alone, from open to close.
 *
 * Completion is found by polling: the DMA engine writes its interrupt message itself, and VFIO does not tell a process what
 * the message of its vector is.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "base/diag.h"
#include "device/core.h"

#define PREFIX "vfio:"
/* Where the board sees our memory: below 4 GiB, away from the addresses of interrupt messages. */
#define STAGE_IOVA 0x10000000ull
#define FRAMES_IOVA 0x40000000ull
#define WINDOW_IOVA 0x20000000ull

#define PCI_VENDOR_DEVICE 0x00
#define PCI_COMMAND 0x04
#define PCI_COMMAND_MEMORY 2u
#define PCI_COMMAND_MASTER 4u

struct region {
	uint8_t *p;
	size_t bytes;
};

struct vfio {
	struct ak_core core;
	int container, group, fd;
	struct region bar[6];
	uint64_t config; /* where the device file shows configuration space */
	uint32_t config_bytes;
	struct region stage, frames, window; /* window: the chip's to the host */
	uint32_t floor_uw;
	bool meter;
};

/* ---- the bus, as the core sees it ---- */

static u32 bus_cfg_read(void *host, u32 off)
{
	const struct vfio *v = host;
	u32 val = ~0u;

	return pread(v->fd, &val, sizeof(val), (off_t)(v->config + off)) == sizeof(val) ? val : ~0u;
}

static void bus_cfg_write(void *host, u32 off, u32 val)
{
	const struct vfio *v = host;

	/* A board that is gone is noticed by the next read. */
	if (pwrite(v->fd, &val, sizeof(val), (off_t)(v->config + off)) != sizeof(val))
		return;
}

/* NULL: outside. The core never goes there; a bug of it must not become a wild access. */
static volatile u32 *reg(const struct vfio *v, unsigned int bar, u32 off)
{
	if (bar > 5 || !v->bar[bar].p || off > v->bar[bar].bytes - 4)
		return NULL;
	return (volatile u32 *)(v->bar[bar].p + off);
}

static u32 bus_bar_read(void *host, unsigned int bar, u32 off)
{
	volatile u32 *r = reg(host, bar, off);

	return r ? *r : ~0u;
}

static void bus_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	volatile u32 *r = reg(host, bar, off);

	if (r)
		*r = val;
}

static u64 bus_now_ns(void *host)
{
	struct timespec ts;

	(void)host;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (u64)ts.tv_sec * 1000000000u + (u64)ts.tv_nsec;
}

static void bus_sleep_us(void *host, u32 us)
{
	struct timespec ts = {.tv_sec = us / 1000000, .tv_nsec = (long)(us % 1000000) * 1000};

	(void)host;
	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR) {
	}
}

/* Ordinary memory before the register that lets the board read it: between processors would not be enough. */
static void bus_barrier(void *host)
{
	(void)host;
#if defined(__aarch64__)
	__asm__ volatile("dsb st" ::: "memory");
#else
	atomic_thread_fence(memory_order_seq_cst);
#endif
}

static void bus_log(void *host, int err, const char *what, u64 a, u64 b)
{
	struct vfio *v = host;

	(void)err;
	v->core.says = what;
	v->core.a = a;
	v->core.b = b;
}

static const struct akc_bus vfio_bus = {
	.cfg_read = bus_cfg_read,
	.cfg_write = bus_cfg_write,
	.bar_read = bus_bar_read,
	.bar_write = bus_bar_write,
	.now_ns = bus_now_ns,
	.sleep_us = bus_sleep_us,
	.barrier = bus_barrier,
	.log = bus_log,
};

/* ---- memory for the board ---- */

static int dma_map(const struct vfio *v, struct region *r, size_t bytes, uint64_t iova)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) & ~(page - 1);
	struct vfio_iommu_type1_dma_map map = {.argsz = sizeof(map),
					       .flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
					       .iova = iova,
					       .size = whole};
	void *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return -ENOMEM;
	map.vaddr = (uintptr_t)p;
	if (ioctl(v->container, VFIO_IOMMU_MAP_DMA, &map)) {
		int err = -errno;

		munmap(p, whole);
		return err;
	}
	*r = (struct region){.p = p, .bytes = whole};
	return 0;
}

static void dma_unmap(const struct vfio *v, struct region *r, uint64_t iova)
{
	struct vfio_iommu_type1_dma_unmap unmap = {.argsz = sizeof(unmap), .iova = iova, .size = r->bytes};

	if (!r->p)
		return;
	ioctl(v->container, VFIO_IOMMU_UNMAP_DMA, &unmap);
	munmap(r->p, r->bytes);
	*r = (struct region){0};
}

/* ---- opening: from the address on the bus to registers ---- */

/* The last part of a link below the device's folder; false when there is none. */
static bool link_name(const char *bdf, const char *link, char *name, size_t bytes)
{
	char path[96], target[256];
	const char *slash;
	ssize_t n;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", bdf, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0)
		return false;
	target[n] = 0;
	slash = strrchr(target, '/');
	snprintf(name, bytes, "%.*s", (int)bytes - 1, slash ? slash + 1 : target);
	return true;
}

static int open_failed(struct akida_device *d, struct akida_diag *diag, int err, const char *what)
{
	ak_fail(diag, err, AK_RULE_DEVICE_OPEN, d->info.name, "%s: %s", what, strerror(-err));
	if (err == -EACCES || err == -EPERM)
		ak_remedy(diag, "give this user the group's node below /dev/vfio");
	else if (err == -ENOMEM)
		ak_remedy(diag, "raise the limit of locked memory (ulimit -l)");
	return err;
}

static int open_group(struct akida_device *d, const char *bdf, struct akida_diag *diag)
{
	struct vfio *v = d->state;
	struct vfio_group_status status = {.argsz = sizeof(status)};
	char driver[64] = "", group[32] = "", path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	if (strlen(bdf) != 12 || strspn(bdf, "0123456789abcdef:.") != 12 || access(path, F_OK)) {
		ak_fail(diag, -ENODEV, AK_RULE_DEVICE_OPEN, d->info.name, "there is no PCI device %s", bdf);
		ak_remedy(diag, "lspci -D -d 1e7c: lists the boards; the name is vfio:0000:01:00.0");
		return -ENODEV;
	}
	if (!link_name(bdf, "driver", driver, sizeof(driver)) || strcmp(driver, "vfio-pci")) {
		ak_fail(diag, -EBUSY, AK_RULE_DEVICE_OPEN, d->info.name, "%s is the board's driver, not vfio-pci",
			driver[0] ? driver : "nothing");
		ak_remedy(diag, "hand the board over: docs/driver.md, Without the module");
		return -EBUSY;
	}
	snprintf(path, sizeof(path), "/dev/vfio/");
	if (!link_name(bdf, "iommu_group", group, sizeof(group)) ||
	    (snprintf(path, sizeof(path), "/dev/vfio/%s", group), access(path, F_OK))) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_OPEN, d->info.name,
			"no IOMMU keeps the board's DMA in bounds");
		ak_remedy(diag, "switch it on (firmware set-up; intel_iommu=on), or use the kernel module");
		return -EOPNOTSUPP;
	}
	v->container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return open_failed(d, diag, -errno, "/dev/vfio/vfio cannot be opened");
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		return open_failed(d, diag, -errno, "the board's group cannot be opened");
	if (ioctl(v->group, VFIO_GROUP_GET_STATUS, &status))
		return open_failed(d, diag, -errno, "the board's group does not answer");
	if (!(status.flags & VFIO_GROUP_FLAGS_VIABLE))
		return ak_fail(diag, -EBUSY, AK_RULE_DEVICE_OPEN, d->info.name,
			       "another device of IOMMU group %s has a driver of its own", group);
	if (ioctl(v->group, VFIO_GROUP_SET_CONTAINER, &v->container) ||
	    ioctl(v->container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return open_failed(d, diag, -errno, "the IOMMU is not given");
	v->fd = ioctl(v->group, VFIO_GROUP_GET_DEVICE_FD, bdf);
	return v->fd < 0 ? open_failed(d, diag, -errno, "the board is not given") : 0;
}

static int map_regions(struct akida_device *d, struct akida_diag *diag)
{
	static const struct {
		unsigned int bar;
		size_t least;
	} want[] = {{0, 8u << 10}, {2, 1u << 20}, {4, 1u << 20}};
	struct vfio *v = d->state;
	struct vfio_region_info info = {.argsz = sizeof(info), .index = VFIO_PCI_CONFIG_REGION_INDEX};

	if (ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
		return open_failed(d, diag, -errno, "configuration space is not given");
	v->config = info.offset;
	v->config_bytes = (uint32_t)info.size;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct region *r = &v->bar[want[i].bar];
		void *p;

		info = (struct vfio_region_info){.argsz = sizeof(info),
						 .index = VFIO_PCI_BAR0_REGION_INDEX + want[i].bar};
		if (ioctl(v->fd, VFIO_DEVICE_GET_REGION_INFO, &info))
			return open_failed(d, diag, -errno, "a BAR is not given");
		if (!(info.flags & VFIO_REGION_INFO_FLAG_MMAP) || info.size < want[i].least)
			return ak_fail(diag, -ENODEV, AK_RULE_DEVICE_OPEN, d->info.name,
				       "BAR%u has %llu bytes, at least %zu that can be mapped are needed", want[i].bar,
				       (unsigned long long)info.size, want[i].least);
		p = mmap(NULL, (size_t)info.size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, (off_t)info.offset);
		if (p == MAP_FAILED)
			return open_failed(d, diag, -errno, "a BAR cannot be mapped");
		*r = (struct region){.p = p, .bytes = (size_t)info.size};
	}
	return 0;
}

static int vfio_window(struct akida_device *d, uint32_t bytes, struct akida_diag *diag)
{
	struct vfio *v = d->state;
	struct akc_piece piece = {.bus = WINDOW_IOVA, .bytes = (bytes + 0xffffu) & ~0xffffu};
	int err;

	if (bytes > AKC_WINDOW_BYTES_MAX)
		return open_failed(d, diag, -ENOSPC, "the program needs more host memory than the chip reaches");
	if (v->core.dev.window_bytes)
		akc_host_window(&v->core.dev, NULL, 0);
	dma_unmap(v, &v->window, WINDOW_IOVA);
	err = dma_map(v, &v->window, piece.bytes, WINDOW_IOVA);
	if (err)
		return open_failed(d, diag, err, "memory for the chip's window to the host is not given");
	piece.cpu = v->window.p;
	err = akc_host_window(&v->core.dev, &piece, 1);
	return err ? open_failed(d, diag, err, "the chip has no window to the host") : 0;
}

static int start_chip(struct akida_device *d, struct akida_diag *diag)
{
	struct vfio *v = d->state;
	struct akc_buf stage;
	u32 id = bus_cfg_read(v, PCI_VENDOR_DEVICE), clock_khz = 0;
	int err;

	if ((id & 0xffff) != AKC_PCI_VENDOR)
		return ak_fail(diag, -ENODEV, AK_RULE_DEVICE_OPEN, d->info.name, "is no Akida board (%04x:%04x)",
			       id & 0xffff, id >> 16);
	err = dma_map(v, &v->stage, AK_CORE_STAGE_BYTES, STAGE_IOVA);
	if (err)
		return open_failed(d, diag, err, "memory for DMA is not given");
	bus_cfg_write(v, PCI_COMMAND, bus_cfg_read(v, PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	stage = (struct akc_buf){.cpu = v->stage.p, .bus = STAGE_IOVA, .bytes = AK_CORE_STAGE_BYTES};
	err = akc_probe(&v->core.dev, &vfio_bus, v, (u16)(id >> 16), &stage);
	if (err)
		return ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "cannot be brought up: %s",
			       v->core.says ? v->core.says : akida_strerror(err));
	v->core.window = vfio_window;
	v->meter = akc_sensor(&v->core.dev, &v->floor_uw, &clock_khz);
	ak_core_info(d, &v->core);
	snprintf(d->info.chip, sizeof(d->info.chip), "%s", id >> 16 == AKC_PCI_AKD1500 ? "AKD1500" : "AKD1000");
	d->info.source = AKIDA_SOURCE_BOARD;
	d->info.clock_mhz = clock_khz / 1000.0;
	d->info.floor_mw = v->meter ? v->floor_uw / 1000.0 : 0;
	return 0;
}

/* The board is silent before its memory goes; the kernel resets it when the last file is closed. */
static void release(struct vfio *v)
{
	if (v->fd >= 0 && v->config_bytes)
		bus_cfg_write(v, PCI_COMMAND, bus_cfg_read(v, PCI_COMMAND) & ~PCI_COMMAND_MASTER);
	dma_unmap(v, &v->stage, STAGE_IOVA);
	dma_unmap(v, &v->window, WINDOW_IOVA);
	for (unsigned int i = 0; i < 6; i++)
		if (v->bar[i].p)
			munmap(v->bar[i].p, v->bar[i].bytes);
	if (v->fd >= 0)
		close(v->fd);
	if (v->group >= 0)
		close(v->group);
	if (v->container >= 0)
		close(v->container);
}

static int vfio_open(struct akida_device *d, struct akida_diag *diag)
{
	struct vfio *v = d->state;
	int err;

	v->container = v->group = v->fd = -1;
	err = open_group(d, d->info.name + strlen(PREFIX), diag);
	if (!err)
		err = map_regions(d, diag);
	if (!err)
		err = start_chip(d, diag);
	if (err)
		release(v);
	return err;
}

static void vfio_unload(struct akida_device *d)
{
	struct vfio *v = d->state;

	ak_core_unload(&v->core);
	dma_unmap(v, &v->frames, FRAMES_IOVA);
}

static void vfio_close(struct akida_device *d)
{
	if (d->loaded)
		vfio_unload(d);
	release(d->state);
}

/* ---- work ---- */

static int vfio_verify(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag)
{
	const struct vfio *v = d->state;

	return ak_core_verify(d, &v->core, p, diag);
}

static int vfio_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		     struct akida_diag *diag)
{
	struct vfio *v = d->state;
	size_t bytes;
	int err = ak_core_plan(d, &v->core, l, &bytes, diag);

	if (!err)
		err = ak_device_check_tags(d, l->program, l->provisional, diag);
	if (err)
		return err;
	err = dma_map(v, &v->frames, bytes, FRAMES_IOVA);
	if (err)
		return open_failed(d, diag, err, "memory for frames is not given");
	v->core.frames = (struct akc_buf){.cpu = v->frames.p, .bus = FRAMES_IOVA, .bytes = (uint32_t)bytes};
	err = ak_core_load(d, &v->core, l, dims, diag);
	if (err)
		vfio_unload(d);
	return err;
}

static int64_t vfio_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct vfio *v = d->state;

	return ak_core_run(d, &v->core, in, frames, out, m);
}

static uint64_t vfio_now_ns(struct akida_device *d)
{
	return bus_now_ns(d->state);
}

static void vfio_counters(struct akida_device *d, struct ak_counters *c)
{
	const struct vfio *v = d->state;

	*c = (struct ak_counters){
		.has_clk = true,
		.inference_clk = v->core.inference_clk,
		.program_clk = v->core.program_clk,
		.floor_mw = v->meter ? v->floor_uw / 1000.0 : NAN,
	};
}

#define POWER_SAMPLES 64u

static size_t vfio_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	struct vfio *v = d->state;
	struct akc_power s[POWER_SAMPLES];
	double now_ms = (double)bus_now_ns(v) / 1e6;
	u32 n = v->meter ? akc_sensor_take(&v->core.dev, s, max < POWER_SAMPLES ? (u32)max : POWER_SAMPLES) : 0;

	for (u32 i = 0; i < n; i++)
		ev[i] = (struct akida_power_event){.ts_ms = now_ms - s[i].age_ms,
						   .mw = (double)s[i].uv * s[i].ua / 1e9};
	return n;
}

static int vfio_reset(struct akida_device *d, struct akida_diag *diag)
{
	struct vfio *v = d->state;
	int err = ioctl(v->fd, VFIO_DEVICE_RESET) ? -errno : 0;

	if (err)
		return ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "is not reset: %s", akida_strerror(err));
	bus_cfg_write(v, PCI_COMMAND, bus_cfg_read(v, PCI_COMMAND) | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	v->core.dead = true;
	err = akc_resume(&v->core.dev);
	return err ? ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "does not come back from its reset") : 0;
}

const struct ak_backend ak_backend_vfio = {
	.name = PREFIX,
	.prefix = true,
	.state_bytes = sizeof(struct vfio),
	.open = vfio_open,
	.close = vfio_close,
	.load = vfio_load,
	.unload = vfio_unload,
	.verify = vfio_verify,
	.run = vfio_run,
	.now_ns = vfio_now_ns,
	.counters = vfio_counters,
	.power = vfio_power,
	.reset = vfio_reset,
};
