// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Resets: core, NPs and mesh, core DMA controllers; what follows each of them; liveness and clock
 * counters.
 *
 *   akc_stop    back to an unprogrammed mesh with running clock counters (the vendor's "unprogram")
 *   akc_reset   the same from any state, PCIe DMA included; a new generation
 *   akc_resume  windows first
 */
#include "internal.h"

/*
 * "1 ms" of the reference, which covers 40 core cycles and the 2560 an NP needs for its input SRAM.
 */
#define RESET_STEP_US 1000u

static int control_pulse(struct akc_dev *d, u32 bits)
{
	u32 v = akc_read(d, AKC_TOP_CONTROL);

	if (v == AKC_ALL_ONES)
		return akc_gone(d, "general control", AKC_TOP_CONTROL);
	v &= ~bits; /* other bits stay: clock power-down, whose defaults are not published */
	akc_write(d, AKC_TOP_CONTROL, v | bits);
	akc_sleep(d, RESET_STEP_US);
	akc_write(d, AKC_TOP_CONTROL, v);
	akc_sleep(d, RESET_STEP_US);
	return 0;
}

int akc_core_reset(struct akc_dev *d)
{
	return control_pulse(d, AKC_TOP_CONTROL_CORE_RESET | AKC_TOP_CONTROL_SCC_RESET);
}

int akc_np_reset(struct akc_dev *d)
{
	akc_sleep(d, RESET_STEP_US);
	return control_pulse(d, AKC_TOP_CONTROL_LOGIC_RESET | AKC_TOP_CONTROL_MESH_RESET);
}

/* A soft reset loses the timer enable, so it is set again on both input DMAs. */
static int clocks_on(struct akc_dev *d)
{
	static const u32 bases[2] = { AKC_EVENT_DMA, AKC_HRC_DMA };
	u32 i;

	for (i = 0; i < 2; i++) {
		u32 v = akc_read(d, bases[i] + AKC_CDMA_MONITOR);

		if (v == AKC_ALL_ONES)
			return akc_gone(d, "core DMA monitor", bases[i]);
		akc_write(d, bases[i] + AKC_CDMA_MONITOR, v | AKC_CDMA_MONITOR_TIMER);
	}
	return 0;
}

int akc_stop(struct akc_dev *d)
{
	static const u32 bases[3] = { AKC_EVENT_DMA, AKC_HRC_DMA, AKC_CONF_DMA };
	u32 i, v;
	int err;

	d->loaded = false;
	d->in_flight = 0;
	d->in.running = false;
	d->conf.running = false;
	if (d->gone)
		return -EIO;
	v = akc_read(d, AKC_TOP_CONTROL);
	if (v == AKC_ALL_ONES)
		return akc_gone(d, "general control", AKC_TOP_CONTROL);
	akc_write(d, AKC_TOP_CONTROL, v & ~(AKC_TOP_CONTROL_REWIND | AKC_TOP_CONTROL_MULTI_PASS));
	err = akc_core_reset(d);
	/*
	 * The controllers once more by themselves: whether a core reset stops a running one is not
	 * said.
	 */
	for (i = 0; !err && i < 3; i++)
		err = akc_ring_reset(d, bases[i]);
	if (!err)
		err = akc_np_reset(d);
	if (!err)
		err = clocks_on(d);
	return err;
}

int akc_unload(struct akc_dev *d)
{
	return akc_stop(d);
}

int akc_reset(struct akc_dev *d)
{
	int err = 0;
	u32 i;

	d->generation++;
	d->loaded = false;
	d->in_flight = 0;
	if (d->gone)
		return -EIO;
	d->dma_lost = false;
	for (i = 0; i < 2; i++)
		if (d->dma_busy[i] || d->chip->dma->running(d, i))
			if (akc_dma_abort(d, i))
				err = -EIO;
	if (err)
		return err;
	akc_dma_init(d);
	return akc_stop(d);
}

int akc_resume(struct akc_dev *d)
{
	int err;

	d->gone = false;
	err = d->chip->windows(d);
	if (!err && d->window_bytes)
		err = d->chip->host_window(d);
	if (!err)
		err = akc_alive(d);
	if (err) {
		d->generation++;
		d->loaded = false;
		d->in_flight = 0;
		return err;
	}
	return akc_reset(d);
}

int akc_alive(struct akc_dev *d)
{
	if (d->gone)
		return -EIO;
	if (akc_read(d, AKC_TOP_MESH1) == AKC_ALL_ONES)
		return akc_gone(d, "mesh info", AKC_TOP_MESH1);
	return 0;
}

u32 akc_inference_clk(struct akc_dev *d)
{
	u32 event = akc_read(d, AKC_EVENT_DMA + AKC_CDMA_TIMER);
	u32 image = akc_read(d, AKC_HRC_DMA + AKC_CDMA_TIMER);

	return event > image ? event : image;
}

u32 akc_program_clk(struct akc_dev *d)
{
	return akc_read(d, AKC_CONF_DMA + AKC_CDMA_TIMER);
}
