// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * DesignWare HDMA in its native register map, as the AKD1500 has it in BAR0: start, status and
 * abort of channel 0 of each direction. Lists are written by dma.c.
 */
#include "internal.h"
#include "regs_akd1500.h"

#define HDMA_INTS (AKD1500_HDMA_INT_STOP | AKD1500_HDMA_INT_ABORT)
#define HDMA_MASKS (AKD1500_HDMA_SETUP_MASK_STOP | AKD1500_HDMA_SETUP_MASK_ABORT)
#define HDMA_LOCAL (AKD1500_HDMA_SETUP_LOCAL_STOP | AKD1500_HDMA_SETUP_LOCAL_ABORT)
#define HDMA_REMOTE (AKD1500_HDMA_SETUP_REMOTE_STOP | AKD1500_HDMA_SETUP_REMOTE_ABORT)

static u32 hdma_reg(enum akc_dir dir, u32 off)
{
	return (dir == AKC_TO_DEVICE ? AKD1500_HDMA_RD(0) : AKD1500_HDMA_WR(0)) + off;
}

static u32 hdma_read(struct akc_dev *d, enum akc_dir dir, u32 off)
{
	return akc_bar_read(d, AKD1500_BAR_DMA, hdma_reg(dir, off));
}

static void hdma_write(struct akc_dev *d, enum akc_dir dir, u32 off, u32 val)
{
	akc_bar_write(d, AKD1500_BAR_DMA, hdma_reg(dir, off), val);
}

/* Only the channels in use: the vendor's loop over eight writes into the iATU area. */
static void hdma_init(struct akc_dev *d)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		hdma_write(d, i, AKD1500_HDMA_ENABLE, 0);
		hdma_write(d, i, AKD1500_HDMA_INT_SETUP, HDMA_MASKS);
		hdma_write(d, i, AKD1500_HDMA_INT_CLEAR, HDMA_INTS);
	}
}

static void hdma_msi(struct akc_dev *d)
{
	u64 addr = akc_msi_addr(d);
	u32 i;

	for (i = 0; i < 2; i++) {
		hdma_write(d, i, AKD1500_HDMA_MSI_STOP, (u32)addr);
		hdma_write(d, i, AKD1500_HDMA_MSI_STOP + 4u, (u32)(addr >> 32));
		hdma_write(d, i, AKD1500_HDMA_MSI_ABORT, (u32)addr);
		hdma_write(d, i, AKD1500_HDMA_MSI_ABORT + 4u, (u32)(addr >> 32));
		hdma_write(d, i, AKD1500_HDMA_MSI_DATA, d->msi_data);
	}
}

/*
 * Once after the engine was initialised or stopped. The vendor driver sets the two mask bits
 * together with the enables; by their names that masks the interrupts, so they are cleared here.
 */
static int hdma_arm(struct akc_dev *d, enum akc_dir dir)
{
	u32 setup;

	setup = hdma_read(d, dir, AKD1500_HDMA_INT_SETUP);
	if (setup == AKC_ALL_ONES)
		return akc_gone(d, "HDMA interrupt setup", dir);
	setup = (setup & ~(HDMA_MASKS | HDMA_REMOTE)) | HDMA_LOCAL | (d->msi ? HDMA_REMOTE : 0);
	hdma_write(d, dir, AKD1500_HDMA_INT_SETUP, setup);
	hdma_write(d, dir, AKD1500_HDMA_INT_CLEAR, HDMA_INTS);
	hdma_write(d, dir, AKD1500_HDMA_CONTROL1, AKD1500_HDMA_CONTROL1_LL);
	d->dma_armed[dir] = true;
	return 0;
}

/*
 * Every list starts at its beginning with cycle state 1, see edma.c. Whether a channel that stopped
 * stays enabled is not said: it is enabled each time.
 */
static int hdma_start(struct akc_dev *d, enum akc_dir dir, u32 list)
{
	int err = d->dma_armed[dir] ? 0 : hdma_arm(d, dir);

	if (err)
		return err;
	hdma_write(d, dir, AKD1500_HDMA_ENABLE, 1);
	hdma_write(d, dir, AKD1500_HDMA_LIST, list);
	hdma_write(d, dir, AKD1500_HDMA_LIST + 4u, 0);
	hdma_write(d, dir, AKD1500_HDMA_CYCLE, AKD1500_HDMA_CYCLE_CB | AKD1500_HDMA_CYCLE_CCS);
	err = akc_list_flush(d, dir);
	if (err)
		return err;
	akc_host_barrier(d); /* host memory the list points to, before the doorbell */
	hdma_write(d, dir, AKD1500_HDMA_DOORBELL, 1);
	return 0;
}

/*
 * Finished needs the stop event (cleared when the one before was acknowledged) and the stopped
 * state; see edma.c for why both.
 */
static int hdma_status(struct akc_dev *d, enum akc_dir dir)
{
	u32 events = hdma_read(d, dir, AKD1500_HDMA_INT_STATUS);
	u32 state;

	if (events == AKC_ALL_ONES)
		return akc_gone(d, "HDMA interrupt status", dir);
	state = AKD1500_HDMA_STATUS_STATE(hdma_read(d, dir, AKD1500_HDMA_STATUS));
	if (events & AKD1500_HDMA_INT_ABORT)
		return akc_fail(d, -EIO, "HDMA abort", dir, state);
	if (!(events & AKD1500_HDMA_INT_STOP) || state == AKD1500_HDMA_RUNNING)
		return 0;
	if (state != AKD1500_HDMA_STOPPED)
		return akc_fail(d, -EIO, "HDMA state", dir, state);
	return 1;
}

static void hdma_ack(struct akc_dev *d, enum akc_dir dir)
{
	hdma_write(d, dir, AKD1500_HDMA_INT_CLEAR, HDMA_INTS);
}

static bool hdma_running(struct akc_dev *d, enum akc_dir dir)
{
	return AKD1500_HDMA_STATUS_STATE(hdma_read(d, dir, AKD1500_HDMA_STATUS)) ==
	       AKD1500_HDMA_RUNNING;
}

/*
 * No stop request is known in the native map: disabling the channel is the only way, soft or hard.
 */
static void hdma_stop(struct akc_dev *d, enum akc_dir dir, bool hard)
{
	(void)hard;
	hdma_write(d, dir, AKD1500_HDMA_ENABLE, 0);
}

const struct akc_dma_ops akc_hdma_ops = {
	.init = hdma_init,
	.msi = hdma_msi,
	.start = hdma_start,
	.status = hdma_status,
	.ack = hdma_ack,
	.running = hdma_running,
	.stop = hdma_stop,
};
