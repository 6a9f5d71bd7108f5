// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Address windows: which device memory the BARs show. AKD1000 through an iATU viewport in PCI
 * configuration space, AKD1500 through unrolled iATU registers in BAR0.
 *
 * The vendor driver sleeps one second after the writes and looks at nothing. We sleep as long,
 * because no source says what would show that the windows are settled, and then read the registers
 * back: a wrong answer is an error here, not a mystery later (without windows the BARs of an
 * AKD1000 read and write like plain memory).
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

static int akc_window_check(struct akc_dev *d, u32 region, u32 ctrl2, u32 target, u32 want_ctrl2,
			    u32 want_target)
{
	if (ctrl2 == AKC_ALL_ONES && target == AKC_ALL_ONES)
		return akc_gone(d, "address window", region);
	if ((ctrl2 & AKD1000_ATU_CTRL2_CHECK) != want_ctrl2)
		return akc_fail(d, -EIO, "address window control does not hold", region, ctrl2);
	if (target != want_target)
		return akc_fail(d, -EIO, "address window target does not hold", region, target);
	return 0;
}

int akc_windows_akd1000(struct akc_dev *d)
{
	const struct akc_bus *b = d->bus;
	u32 count = ARRAY_SIZE(akd1000_windows);
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		const struct akc_window *w = &akd1000_windows[i];

		b->cfg_write(d->host, AKD1000_ATU_REGION, AKD1000_ATU_REGION_INBOUND | i);
		b->cfg_write(d->host, AKD1000_ATU_CTRL1, 0);
		b->cfg_write(d->host, AKD1000_ATU_TARGET_LO, w->target);
		b->cfg_write(d->host, AKD1000_ATU_CTRL2,
			     AKD1000_ATU_CTRL2_FIXED | AKD1000_ATU_CTRL2_BAR((u32)w->bar));
	}
	akc_sleep(d, AKC_WINDOW_SETTLE_US);
	for (i = 0; i < count; i++) {
		const struct akc_window *w = &akd1000_windows[i];
		u32 ctrl2, target;

		b->cfg_write(d->host, AKD1000_ATU_REGION, AKD1000_ATU_REGION_INBOUND | i);
		ctrl2 = b->cfg_read(d->host, AKD1000_ATU_CTRL2);
		target = b->cfg_read(d->host, AKD1000_ATU_TARGET_LO);
		err = akc_window_check(d, i, ctrl2, target,
				       AKD1000_ATU_CTRL2_FIXED |
				       AKD1000_ATU_CTRL2_BAR((u32)w->bar), w->target);
		if (err)
			return err;
	}
	return 0;
}

int akc_windows_akd1500(struct akc_dev *d)
{
	u32 count = ARRAY_SIZE(akd1500_windows);
	u32 i;
	int err;

	for (i = 0; i < count; i++) {
		const struct akc_window *w = &akd1500_windows[i];
		u32 r = AKD1500_ATU_INBOUND(i + 1);

		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL1, 0);
		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL2,
			      AKD1500_ATU_CTRL2_FIXED | AKD1500_ATU_CTRL2_BAR((u32)w->bar));
		akc_bar_write(d, AKD1500_BAR_DMA, r + AKD1500_ATU_TARGET_LO, w->target);
	}
	akc_sleep(d, AKC_WINDOW_SETTLE_US);
	for (i = 0; i < count; i++) {
		const struct akc_window *w = &akd1500_windows[i];
		u32 r = AKD1500_ATU_INBOUND(i + 1);
		u32 ctrl2 = akc_bar_read(d, AKD1500_BAR_DMA, r + AKD1500_ATU_CTRL2);
		u32 target = akc_bar_read(d, AKD1500_BAR_DMA, r + AKD1500_ATU_TARGET_LO);

		err = akc_window_check(d, i + 1, ctrl2, target,
				       AKD1500_ATU_CTRL2_FIXED |
				       AKD1500_ATU_CTRL2_BAR((u32)w->bar), w->target);
		if (err)
			return err;
	}
	return 0;
}
