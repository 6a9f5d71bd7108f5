// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * The two chips as tables, register access with detection of a vanished device, time limits, and
 * the probe sequence. No lock: the host serialises all calls on one device.
 */
#include "internal.h"
#include "regs_akd1000.h"
#include "regs_akd1500.h"

static const struct akc_chip akc_chips[] = {
	{
		.name = "AKD1000",
		.pci_device = AKC_PCI_AKD1000,
		.version = { 0xbc, 0x00, 0, 2 },
		.core_bar = AKD1000_BAR_CORE,
		.mem_bar = AKD1000_BAR_MEM,
		.has_hrc = true,
		.mem_addr = AKD1000_MEM_ADDR,
		.list_addr = AKD1000_LIST_ADDR,
		.list_bytes = AKD1000_LIST_BYTES,
		.scratch_addr = AKD1000_SCRATCH_ADDR,
		.scratch_bytes = AKD1000_SCRATCH_BYTES,
		.windows = akc_windows_akd1000,
		.dma = &akc_edma_ops,
	},
	{
		.name = "AKD1500",
		.pci_device = AKC_PCI_AKD1500,
		.version = { 0xbc, 0xa1, 3, 9 },
		.core_bar = AKD1500_BAR_CORE,
		.mem_bar = AKD1500_BAR_MEM,
		.has_last_col = true,
		.clears_outputs = true,
		.mem_addr = AKD1500_MEM_ADDR,
		.list_addr = AKD1500_LIST_ADDR,
		.list_bytes = AKD1500_LIST_BYTES,
		.scratch_addr = AKD1500_SCRATCH_ADDR,
		.scratch_bytes = AKD1500_LIST_ADDR - AKD1500_SCRATCH_ADDR,
		.windows = akc_windows_akd1500,
		.host_window = akc_host_window_akd1500,
		.dma = &akc_hdma_ops,
	},
};

const struct akc_chip *akc_chip_find(u16 pci_device)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(akc_chips); i++)
		if (akc_chips[i].pci_device == pci_device)
			return &akc_chips[i];
	return NULL;
}

u32 akc_bar_read(struct akc_dev *d, unsigned int bar, u32 off)
{
	return d->bus->bar_read(d->host, bar, off);
}

void akc_bar_write(struct akc_dev *d, unsigned int bar, u32 off, u32 val)
{
	d->bus->bar_write(d->host, bar, off, val);
}

u32 akc_read(struct akc_dev *d, u32 off)
{
	return d->bus->bar_read(d->host, d->chip->core_bar, off);
}

void akc_write(struct akc_dev *d, u32 off, u32 val)
{
	d->bus->bar_write(d->host, d->chip->core_bar, off, val);
}

void akc_sleep(struct akc_dev *d, u32 us)
{
	d->bus->sleep_us(d->host, us);
}

/* Not called by its name: the kernel has a macro of that name. */
void akc_host_barrier(struct akc_dev *d)
{
	void (*order)(void *host) = d->bus->barrier;

	order(d->host);
}

int akc_fail(struct akc_dev *d, int err, const char *what, u64 a, u64 b)
{
	if (d->bus->log)
		d->bus->log(d->host, err, what, a, b);
	return err;
}

int akc_gone(struct akc_dev *d, const char *what, u64 a)
{
	d->gone = true;
	return akc_fail(d, -EIO, what, a, AKC_ALL_ONES);
}

void akc_wait_init(struct akc_dev *d, struct akc_wait *w, u32 timeout_us)
{
	w->start = d->bus->now_ns(d->host);
	w->limit_ns = (u64)timeout_us * 1000;
	w->slept_us = 0;
	w->spins = 0;
	w->step_us = 2;
}

/*
 * The first looks come without sleeping: most answers are there after a microsecond. Time asleep
 * counts too, so that a host whose clock stands still cannot hang the core.
 */
bool akc_wait(struct akc_dev *d, struct akc_wait *w)
{
	if (w->spins < 16) {
		w->spins++;
		return true;
	}
	akc_sleep(d, w->step_us);
	w->slept_us += w->step_us;
	if (w->step_us < 100)
		w->step_us *= 2;
	return d->bus->now_ns(d->host) - w->start < w->limit_ns && w->slept_us * 1000 < w->limit_ns;
}

static int akc_read_version(struct akc_dev *d)
{
	u32 v = akc_read(d, AKC_TOP_VERSION);
	u32 i;

	if (v == AKC_ALL_ONES)
		return akc_gone(d, "version register", AKC_TOP_VERSION);
	for (i = 0; i < 4; i++)
		d->version[i] = v ? (u8)(v >> (24 - 8 * i)) : d->chip->version[i];
	/* Products 00 and A1 are IP v1, A2 is v2, whose registers and packets differ. */
	if (d->version[1] != 0x00 && d->version[1] != 0xa1)
		return akc_fail(d, -EOPNOTSUPP, "product is not IP v1", v, d->version[1]);
	return 0;
}

int akc_probe(struct akc_dev *d, const struct akc_bus *bus, void *host, u16 pci_device,
	      const struct akc_buf *stage)
{
	int err;

	memset(d, 0, sizeof(*d));
	d->bus = bus;
	d->host = host;
	d->stage = *stage;
	d->generation = 1;
	d->chip = akc_chip_find(pci_device);
	if (!d->chip)
		return akc_fail(d, -ENODEV, "unknown chip", pci_device, 0);
	if (!stage->cpu || stage->bytes < AKC_STAGE_MIN || (stage->bus & 3))
		return akc_fail(d, -EINVAL, "stage buffer", stage->bytes, stage->bus);
	memset(stage->cpu, 0, AKC_STAGE_BOUNCE);
	/* 64-byte steps: the widest alignment any structure in device memory asks for. */
	d->mem_base = (d->chip->scratch_addr + 63) & ~63u;
	d->mem_bytes = d->chip->scratch_bytes - (d->mem_base - d->chip->scratch_addr);

	err = d->chip->windows(d);
	if (err)
		return err;
	err = akc_alive(d);
	if (err)
		return err;
	akc_dma_init(d);
	err = akc_core_reset(d);
	if (err)
		return err;
	err = akc_read_version(d);
	if (err)
		return err;
	err = akc_mesh_discover(d);
	if (err)
		return err;
	return akc_stop(d);
}

int akc_host_window(struct akc_dev *d, const struct akc_piece *pieces, u32 count)
{
	u32 bytes = 0, i;
	int err;

	if (d->gone)
		return -EIO;
	if (!d->chip->host_window)
		return akc_fail(d, -EOPNOTSUPP, "chip without a window to the host", 0, 0);
	if (d->loaded || count > AKC_WINDOW_PIECES)
		return akc_fail(d, -EINVAL, "window to the host", count, d->loaded);
	for (i = 0; i < count; i++) {
		if (!pieces[i].cpu || !pieces[i].bytes || pieces[i].bytes % 0x10000 ||
		    pieces[i].bytes > AKC_WINDOW_BYTES_MAX - bytes)
			return akc_fail(d, -EINVAL, "piece of the window to the host", i,
					pieces[i].bytes);
		bytes += pieces[i].bytes;
	}
	memset(d->piece, 0, sizeof(d->piece));
	for (i = 0; i < count; i++)
		d->piece[i] = pieces[i];
	d->window_bytes = bytes;
	err = d->chip->host_window(d);
	if (err) {
		memset(d->piece, 0, sizeof(d->piece));
		d->window_bytes = 0;
	}
	return err;
}
