// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* The board's power meter (regs_core.h): is it there, its samples, the energy used. */
#include "internal.h"

static u32 sensor_read(struct akc_dev *d, u32 reg)
{
	return akc_read(d, AKC_SENSOR + reg);
}

bool akc_sensor(struct akc_dev *d, u32 *floor_uw, u32 *clock_khz)
{
	if (d->gone || sensor_read(d, AKC_SENSOR_ID) != AKC_SENSOR_MAGIC)
		return false;
	*floor_uw = sensor_read(d, AKC_SENSOR_FLOOR_UW);
	*clock_khz = sensor_read(d, AKC_SENSOR_CLOCK_KHZ);
	return true;
}

u32 akc_sensor_take(struct akc_dev *d, struct akc_power *out, u32 max)
{
	u32 i, now, n;

	if (d->gone)
		return 0;
	n = sensor_read(d, AKC_SENSOR_COUNT);
	if (n == AKC_ALL_ONES)
		return 0;
	n = akc_min(n, max);
	now = sensor_read(d, AKC_SENSOR_NOW_MS);
	for (i = 0; i < n; i++) {
		out[i].age_ms = now - sensor_read(d, AKC_SENSOR_TIME_MS); /* wraps with the clock */
		out[i].uv = sensor_read(d, AKC_SENSOR_UV);
		out[i].ua = sensor_read(d, AKC_SENSOR_UA);
		if (out[i].ua == AKC_ALL_ONES)
			break;
	}
	return i;
}

u64 akc_sensor_energy_uj(struct akc_dev *d)
{
	u64 low = sensor_read(d, AKC_SENSOR_ENERGY_LO);

	return low | (u64)sensor_read(d, AKC_SENSOR_ENERGY_HI) << 32;
}

int akc_clock_set(struct akc_dev *d, u32 khz)
{
	u32 now;

	if (d->gone)
		return -EIO;
	akc_write(d, AKC_SENSOR + AKC_SENSOR_CLOCK_KHZ, khz);
	now = sensor_read(d, AKC_SENSOR_CLOCK_KHZ);
	if (now == AKC_ALL_ONES)
		return akc_gone(d, "core clock", khz);
	return now == khz ? 0 : -EOPNOTSUPP;
}
