// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Address windows: which device memory the BARs show. AKD1000 through an iATU viewport in PCI
 * configuration space, AKD1500 through unrolled iATU registers in BAR0.
 *
 * The vendor driver sleeps one second after the writes and looks at nothing. We sleep as long,
 * because no source says what would show that the windows are settled, and then read the registers
 * back: a wrong answer is an error here, not a mystery later (without windows the BARs of an
 * AKD1000 read and write like plain memory).
 *
 * Windows that are there already, from an earlier bind or through a sleep that kept power, have
 * settled long ago: they are neither written nor waited for.
 */
#include "internal.h"
#include "regs_akd1000.h"
#include "regs_akd1500.h"

#define AKC_WINDOW_SETTLE_US 1000000u

struct akc_window {
	u8 bar;
	u32 target;
};

static const struct akc_window akd1000_windows[] = {
	{ AKD1000_BAR_CORE, AKC_CORE_ADDR },
	{ AKD1000_BAR_DBI, AKD1000_DBI_ADDR },
	{ AKD1000_BAR_MEM, AKD1000_MEM_ADDR },
};

/* Region 0 shows BAR0 itself and is up at power-on: these are regions 1 and 2. */
static const struct akc_window akd1500_windows[] = {
	{ AKD1500_BAR_CORE, AKC_CORE_ADDR },
	{ AKD1500_BAR_MEM, AKD1500_MEM_ADDR },
};

/* What one region's registers say: 0, or -EIO; tell: also say why, and notice a chip that is gone. */
static int akc_window_check(struct akc_dev *d, u32 region, u32 ctrl2, u32 target,
			    const struct akc_window *w, bool tell)
{
	u32 want = AKD1000_ATU_CTRL2_FIXED | AKD1000_ATU_CTRL2_BAR((u32)w->bar);

	if ((ctrl2 & AKD1000_ATU_CTRL2_CHECK) == want && target == w->target)
		return 0;
	if (!tell)
		return -EIO;
	if (ctrl2 == AKC_ALL_ONES && target == AKC_ALL_ONES)
		return akc_gone(d, "address window", region);
	if ((ctrl2 & AKD1000_ATU_CTRL2_CHECK) != want)
		return akc_fail(d, -EIO, "address window control does not hold", region, ctrl2);
	return akc_fail(d, -EIO, "address window target does not hold", region, target);
}

static int akd1000_look(struct akc_dev *d, bool tell)
{
	const struct akc_bus *b = d->bus;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(akd1000_windows); i++) {
		u32 ctrl2, target;
		int err;

		b->cfg_write(d->host, AKD1000_ATU_REGION, AKD1000_ATU_REGION_INBOUND | i);
		ctrl2 = b->cfg_read(d->host, AKD1000_ATU_CTRL2);
		target = b->cfg_read(d->host, AKD1000_ATU_TARGET_LO);
		err = akc_window_check(d, i, ctrl2, target, &akd1000_windows[i], tell);
		if (err)
			return err;
	}
	return 0;
}

int akc_windows_akd1000(struct akc_dev *d)
{
	const struct akc_bus *b = d->bus;
	u32 i;

	if (!akd1000_look(d, false))
		return 0;
	for (i = 0; i < ARRAY_SIZE(akd1000_windows); i++) {
		const struct akc_window *w = &akd1000_windows[i];

		b->cfg_write(d->host, AKD1000_ATU_REGION, AKD1000_ATU_REGION_INBOUND | i);
		b->cfg_write(d->host, AKD1000_ATU_CTRL1, 0);
		b->cfg_write(d->host, AKD1000_ATU_TARGET_LO, w->target);
		b->cfg_write(d->host, AKD1000_ATU_CTRL2,
			     AKD1000_ATU_CTRL2_FIXED | AKD1000_ATU_CTRL2_BAR((u32)w->bar));
	}
	akc_sleep(d, AKC_WINDOW_SETTLE_US);
	return akd1000_look(d, true);
}

/* Region r of the way out, off before it is moved. */
static void akd1500_outbound(struct akc_dev *d, u32 r, u32 base, const struct akc_piece *p)
{
	u32 at = AKD1500_ATU_OUTBOUND(r);

	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_CTRL2, 0);
	if (!p->bytes)
		return;
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_CTRL1, 0);
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_BASE_LO, base);
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_BASE_HI, 0);
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_LIMIT, base + p->bytes - 1);
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_TARGET_LO, (u32)p->bus);
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_TARGET_HI, (u32)(p->bus >> 32));
	akc_bar_write(d, AKD1500_BAR_DMA, at + AKD1500_ATU_CTRL2, AKD1500_ATU_ENABLE);
}

/* Smaller pieces of host memory are chained: each has its own region, one behind the other. */
int akc_host_window_akd1500(struct akc_dev *d)
{
	u32 base = AKD1500_HOST_ADDR, i, v;

	for (i = 0; i < AKC_WINDOW_PIECES; i++) {
		akd1500_outbound(d, i, base, &d->piece[i]);
		if (!d->piece[i].bytes)
			continue;
		v = akc_bar_read(d, AKD1500_BAR_DMA, AKD1500_ATU_OUTBOUND(i) + AKD1500_ATU_LIMIT);
		if (v != base + d->piece[i].bytes - 1)
			return v == AKC_ALL_ONES ? akc_gone(d, "window to the host", i) :
						   akc_fail(d, -EIO, "window to the host does not hold", i, v);
		base += d->piece[i].bytes;
	}
	return 0;
}

static int akd1500_look(struct akc_dev *d, bool tell)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(akd1500_windows); i++) {
		u32 r = AKD1500_ATU_INBOUND(i + 1);
		u32 ctrl2 = akc_bar_read(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL2);
		u32 target = akc_bar_read(d, AKD1500_BAR_DMA, r + AKD1500_ATU_TARGET_LO);
		int err = akc_window_check(d, i + 1, ctrl2, target, &akd1500_windows[i], tell);

		if (err)
			return err;
	}
	return 0;
}

int akc_windows_akd1500(struct akc_dev *d)
{
	u32 i;

	if (!akd1500_look(d, false))
		return 0;
	for (i = 0; i < ARRAY_SIZE(akd1500_windows); i++) {
		const struct akc_window *w = &akd1500_windows[i];
		u32 r = AKD1500_ATU_INBOUND(i + 1);

		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL1, 0);
		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL2,
			      AKD1500_ATU_CTRL2_FIXED | AKD1500_ATU_CTRL2_BAR((u32)w->bar));
		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_TARGET_LO, w->target);
	}
	akc_sleep(d, AKC_WINDOW_SETTLE_US);
	return akd1500_look(d, true);
}
