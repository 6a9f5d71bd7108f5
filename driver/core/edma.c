// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * DesignWare eDMA in its legacy register map, as the AKD1000 has it behind BAR2: start, status and
 * abort of channel 0 of each direction. Lists are written by dma.c.
 *
 * "Write" is device to host. The channel registers are reached through a viewport shared by both
 * directions, so it is selected before every use; the host's lock keeps the pair of accesses
 * together.
 */
#include "internal.h"
#include "regs_akd1000.h"

#define EDMA_INTS (AKD1000_EDMA_INT_DONE(0) | AKD1000_EDMA_INT_ABORT(0))
#define EDMA_ALL_INTS 0x00ff00ffu

/* The two halves of the block do not lie at one distance from each other. By enum akc_dir. */
static const struct {
	u8 enable, doorbell, status, mask, clear, error, ll_error, done_msi, abort_msi, msi_data;
} edma_regs[2] = {
	[AKC_TO_DEVICE] = {
		AKD1000_EDMA_RD_ENABLE, AKD1000_EDMA_RD_DOORBELL, AKD1000_EDMA_RD_STATUS,
		AKD1000_EDMA_RD_MASK, AKD1000_EDMA_RD_CLEAR, AKD1000_EDMA_RD_ERROR,
		AKD1000_EDMA_RD_LL_ERROR, AKD1000_EDMA_RD_DONE_MSI, AKD1000_EDMA_RD_ABORT_MSI,
		AKD1000_EDMA_RD_MSI_DATA,
	},
	[AKC_TO_HOST] = {
		AKD1000_EDMA_WR_ENABLE, AKD1000_EDMA_WR_DOORBELL, AKD1000_EDMA_WR_STATUS,
		AKD1000_EDMA_WR_MASK, AKD1000_EDMA_WR_CLEAR, AKD1000_EDMA_WR_ERROR,
		AKD1000_EDMA_WR_LL_ERROR, AKD1000_EDMA_WR_DONE_MSI, AKD1000_EDMA_WR_ABORT_MSI,
		AKD1000_EDMA_WR_MSI_DATA,
	},
};

static u32 edma_read(struct akc_dev *d, u32 off)
{
	return akc_bar_read(d, AKD1000_BAR_DBI, AKD1000_EDMA + off);
}

static void edma_write(struct akc_dev *d, u32 off, u32 val)
{
	akc_bar_write(d, AKD1000_BAR_DBI, AKD1000_EDMA + off, val);
}

static void edma_select(struct akc_dev *d, enum akc_dir dir)
{
	if (d->dma_view == dir + 1u)
		return;
	edma_write(d, AKD1000_EDMA_VIEWPORT,
		   dir == AKC_TO_DEVICE ? AKD1000_EDMA_VIEWPORT_READ : 0);
	d->dma_view = (u8)(dir + 1);
}

static void edma_init(struct akc_dev *d)
{
	u32 i;

	for (i = 0; i < 2; i++) {
		edma_write(d, edma_regs[i].mask, EDMA_ALL_INTS);
		edma_write(d, edma_regs[i].clear, EDMA_ALL_INTS);
	}
}

/*
 * One data register serves channels 0 (low half) and 1 (high half); channel 1 is unused and gets
 * the same message.
 */
static void edma_msi(struct akc_dev *d)
{
	u32 data = (d->msi_data & 0xffff) | d->msi_data << 16;
	u64 addr = akc_msi_addr(d);
	u32 i;

	for (i = 0; i < 2; i++) {
		edma_write(d, edma_regs[i].done_msi, (u32)addr);
		edma_write(d, edma_regs[i].done_msi + 4u, (u32)(addr >> 32));
		edma_write(d, edma_regs[i].abort_msi, (u32)addr);
		edma_write(d, edma_regs[i].abort_msi + 4u, (u32)(addr >> 32));
		edma_write(d, edma_regs[i].msi_data, data);
	}
}

/* Once after the engine was initialised or stopped. */
static int edma_arm(struct akc_dev *d, enum akc_dir dir)
{
	u32 mask, ll_error;

	edma_write(d, edma_regs[dir].enable, 1);
	mask = edma_read(d, edma_regs[dir].mask);
	ll_error = edma_read(d, edma_regs[dir].ll_error);
	if (mask == AKC_ALL_ONES && ll_error == AKC_ALL_ONES)
		return akc_gone(d, "eDMA interrupt mask", dir);
	edma_write(d, edma_regs[dir].mask, mask & ~EDMA_INTS);
	edma_write(d, edma_regs[dir].ll_error, ll_error | 1);
	edma_write(d, edma_regs[dir].clear, EDMA_INTS);
	d->dma_armed[dir] = true;
	return 0;
}

/*
 * Every list is started as the first one of a transfer: consumer cycle state 1, pointer at its
 * beginning. The vendor driver's lists hold one element, so its transfers only ever run this way on
 * silicon; continuing a running list with a toggled cycle bit would save three writes and is not
 * proven.
 */
static int edma_start(struct akc_dev *d, enum akc_dir dir, u32 list)
{
	int err = d->dma_armed[dir] ? 0 : edma_arm(d, dir);

	if (err)
		return err;
	edma_select(d, dir);
	edma_write(d, AKD1000_EDMA_CH_CONTROL1,
		   AKD1000_EDMA_CH_CONTROL1_CCS | AKD1000_EDMA_CH_CONTROL1_LLE);
	edma_write(d, AKD1000_EDMA_CH_LIST, list);
	edma_write(d, AKD1000_EDMA_CH_LIST + 4u, 0);
	err = akc_list_flush(d, dir);
	if (err)
		return err;
	akc_host_barrier(d); /* host memory the list points to, before the doorbell */
	edma_write(d, edma_regs[dir].doorbell, 0);
	return 0;
}

/*
 * Finished needs both: the done bit (cleared when the one before was acknowledged) and a channel
 * that is no longer running, because done comes with the last data element while the engine still
 * fetches the link behind it.
 */
static int edma_status(struct akc_dev *d, enum akc_dir dir)
{
	u32 status = edma_read(d, edma_regs[dir].status);
	u32 control;

	if (status == AKC_ALL_ONES)
		return akc_gone(d, "eDMA status", dir);
	if (status & AKD1000_EDMA_INT_ABORT(0))
		return akc_fail(d, -EIO, "eDMA abort", dir,
				edma_read(d, edma_regs[dir].error));
	if (!(status & AKD1000_EDMA_INT_DONE(0)))
		return 0;
	edma_select(d, dir);
	control = edma_read(d, AKD1000_EDMA_CH_CONTROL1);
	switch (AKD1000_EDMA_CH_CONTROL1_STATUS(control)) {
	case AKD1000_EDMA_RUNNING:
		return 0;
	case AKD1000_EDMA_HALTED:
		return akc_fail(d, -EIO, "eDMA halted", dir, control);
	default:
		return 1;
	}
}

static void edma_ack(struct akc_dev *d, enum akc_dir dir)
{
	edma_write(d, edma_regs[dir].clear, EDMA_INTS);
}

static bool edma_running(struct akc_dev *d, enum akc_dir dir)
{
	u32 control;

	edma_select(d, dir);
	control = edma_read(d, AKD1000_EDMA_CH_CONTROL1);
	return AKD1000_EDMA_CH_CONTROL1_STATUS(control) == AKD1000_EDMA_RUNNING;
}

/*
 * The stop bit of the doorbell is DesignWare's; the hard way takes the whole engine of one
 * direction down.
 */
static void edma_stop(struct akc_dev *d, enum akc_dir dir, bool hard)
{
	if (hard)
		edma_write(d, edma_regs[dir].enable, 0);
	else
		edma_write(d, edma_regs[dir].doorbell, AKD1000_EDMA_DOORBELL_STOP);
}

const struct akc_dma_ops akc_edma_ops = {
	.init = edma_init,
	.msi = edma_msi,
	.start = edma_start,
	.status = edma_status,
	.ack = edma_ack,
	.running = edma_running,
	.stop = edma_stop,
};
