// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol core's bus over MMIO, configuration space and the kernel's clock; the interrupt only
 * ends a sleep early, so that a lost one costs a poll step and nothing else.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/ktime.h>
#include <linux/msi.h>
#include "akida_dev.h"
#include "akida_trace.h"

static u32 akida_cfg_read(void *host, u32 off)
{
	struct akida_device *adev = host;
	u32 val = ~0u;

	pci_read_config_dword(adev->pdev, (int)off, &val);
	return val;
}

static void akida_cfg_write(void *host, u32 off, u32 val)
{
	struct akida_device *adev = host;

	pci_write_config_dword(adev->pdev, (int)off, val);
}

/* The core never leaves a window; a bug there must not become a wild access here. */
static bool akida_in_bar(const struct akida_device *adev, unsigned int bar, u32 off)
{
	return !WARN_ON_ONCE(bar > 5 || !adev->bar[bar] || off > adev->bar_bytes[bar] - 4);
}

static u32 akida_bar_read(void *host, unsigned int bar, u32 off)
{
	struct akida_device *adev = host;

	return akida_in_bar(adev, bar, off) ? readl(adev->bar[bar] + off) : ~0u;
}

static void akida_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	struct akida_device *adev = host;

	if (akida_in_bar(adev, bar, off))
		writel(val, adev->bar[bar] + off);
}

static u64 akida_now_ns(void *host)
{
	return ktime_get_ns();
}

static void akida_sleep_us(void *host, u32 us)
{
	struct akida_device *adev = host;
	int seen = atomic_read(&adev->irq_seen);

	if (!adev->irq || us > 1000) {
		fsleep(us);
		return;
	}
	wait_event_hrtimeout(adev->irq_wait, atomic_read(&adev->irq_seen) != seen,
			     ns_to_ktime((u64)us * 1000));
}

static void akida_barrier(void *host)
{
	/* Descriptors and frames in host memory, before the doorbell that lets the chip read them.
	 */
	wmb();
}

static void akida_log(void *host, int err, const char *what, u64 a, u64 b)
{
	struct akida_device *adev = host;

	if (err == -ETIMEDOUT)
		trace_akida_timeout(adev->minor, what, a, b);
	dev_warn_ratelimited(&adev->dev, "%s (%#llx, %#llx): error %d\n", what, a, b, err);
}

static void akida_dma(void *host, bool to_host, u32 bytes, int status)
{
	struct akida_device *adev = host;

	if (status > 0)
		trace_akida_dma_start(adev->minor, to_host, bytes, 0);
	else
		trace_akida_dma_done(adev->minor, to_host, bytes, status);
}

const struct akc_bus akida_bus = {
	.cfg_read = akida_cfg_read,
	.cfg_write = akida_cfg_write,
	.bar_read = akida_bar_read,
	.bar_write = akida_bar_write,
	.now_ns = akida_now_ns,
	.sleep_us = akida_sleep_us,
	.barrier = akida_barrier,
	.dma = akida_dma,
	.log = akida_log,
};

/*
 * The DMA engine sends its interrupt as a memory write of its own, so it must know the vector's
 * message, and learn of a new one when the vector moves to another CPU. Called with core_lock held
 * before every piece of work: comparing two words is cheaper than a notifier, and a move in the
 * middle of a transfer costs one poll step.
 */
void akida_msi_update(struct akida_device *adev)
{
	struct msi_msg msg;
	u64 addr;

	lockdep_assert_held(&adev->core_lock);
	if (!adev->irq)
		return;
	get_cached_msi_msg((unsigned int)adev->irq, &msg);
	addr = (u64)msg.address_hi << 32 | msg.address_lo;
	if (addr == adev->msi_addr && msg.data == adev->msi_data)
		return;
	adev->msi_addr = addr;
	adev->msi_data = msg.data;
	akc_dma_set_msi(&adev->core, addr, msg.data);
}
