// SPDX-License-Identifier: GPL-2.0-only
/*
 * The board's power meter, where it has one we know: samples are taken out of it whenever somebody
 * asks and while frames run, kept in a ring, and handed to hwmon and to every file that wants them.
 * Who asks never waits for running work: then the worker has just looked.
 */
#include <linux/hwmon.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "akida_dev.h"

#define AKIDA_POLL_NS (50 * NSEC_PER_MSEC) /* the meter has a sample every 141 ms */
#define AKIDA_TAKE 16u

/* ---- the core clock: modes of boards with a meter that we know, by AKIDA_CLOCK_* ---- */

const char *const akida_clock_names[AKIDA_CLOCKS] = {"performance", "economy", "low-power"};
static const u32 akida_clocks_khz[AKIDA_CLOCKS] = {300000, 100000, 5000}; /* of the AKD1000 */

static void akida_clock_look(struct akida_device *adev)
{
	struct akida_meter *m = &adev->meter;
	u32 i, floor_uw, khz;

	if (!akc_sensor(&adev->core, &floor_uw, &khz))
		return;
	WRITE_ONCE(m->floor_uw, floor_uw);
	WRITE_ONCE(m->clock_khz, khz);
	for (i = 0; i < AKIDA_CLOCKS; i++)
		if (akida_clocks_khz[i] == khz)
			WRITE_ONCE(m->clock_mode, i);
}

/* Waits for the frames in flight. */
int akida_clock_set(struct akida_device *adev, u32 mode)
{
	int err;

	if (mode >= AKIDA_CLOCKS || !(adev->meter.clock_modes & BIT(mode)))
		return -EOPNOTSUPP;
	mutex_lock(&adev->core_lock);
	if (READ_ONCE(adev->paused))
		err = -EAGAIN;
	else if (READ_ONCE(adev->legacy))
		err = -EBUSY;
	else if (adev->down)
		err = -EIO;
	else
		err = akc_clock_set(&adev->core, akida_clocks_khz[mode]);
	if (!err)
		akida_clock_look(adev);
	mutex_unlock(&adev->core_lock);
	return err;
}

/* After a reset that may have taken the board's power. With core_lock held. */
void akida_clock_restore(struct akida_device *adev)
{
	struct akida_meter *m = &adev->meter;

	if (!m->clock_modes)
		return;
	if (akc_clock_set(&adev->core, akida_clocks_khz[m->clock_mode]))
		akida_clock_look(adev);
}

/* Of one frame: as much longer as the clock is slower. */
u32 akida_clock_timeout_us(struct akida_device *adev)
{
	const struct akida_meter *m = &adev->meter;

	if (!m->clock_modes)
		return AKC_JOB_TIMEOUT_US;
	return AKC_JOB_TIMEOUT_US * (akida_clocks_khz[0] / akida_clocks_khz[m->clock_mode]);
}

/* With core_lock held, before the device can be opened. */
void akida_power_probe(struct akida_device *adev)
{
	struct akida_meter *m = &adev->meter;

	if (!akc_sensor(&adev->core, &m->floor_uw, &m->clock_khz))
		return;
	m->ring = kvcalloc(AKIDA_POWER_SAMPLES, sizeof(*m->ring), GFP_KERNEL);
	m->present = m->ring;
	if (m->present && adev->chip == AKIDA_CHIP_AKD1000)
		m->clock_modes = BIT(AKIDA_CLOCKS) - 1;
	akida_clock_look(adev);
}

static void akida_power_keep(struct akida_meter *m, const struct akc_power *p, u64 now)
{
	struct akida_power_sample *s = &m->ring[m->total % AKIDA_POWER_SAMPLES];
	u32 uw = (u32)div_u64((u64)p->uv * p->ua, 1000000);
	u64 age = (u64)p->age_ms * NSEC_PER_MSEC, ts = age < now ? now - age : 0;

	/* The two clocks are read one after the other: never let a sample come before another. */
	m->newest_ns = max(ts, m->newest_ns + 1);
	s->ts_ns = m->newest_ns;
	s->uw = uw;
	s->reserved0 = 0;
	m->newest_uw = uw;
	m->lowest_uw = m->total ? min(m->lowest_uw, uw) : uw;
	m->highest_uw = max(m->highest_uw, uw);
	m->sum_uw += uw;
	m->total++;
}

static void akida_power_drain(struct akida_device *adev)
{
	struct akc_power taken[AKIDA_TAKE];
	u32 i, n, rounds = 0;
	u64 energy, now;

	do {
		n = akc_sensor_take(&adev->core, taken, AKIDA_TAKE);
		now = ktime_get_ns();
		spin_lock(&adev->queue_lock);
		for (i = 0; i < n; i++)
			akida_power_keep(&adev->meter, &taken[i], now);
		spin_unlock(&adev->queue_lock);
	} while (n == AKIDA_TAKE && ++rounds < AKIDA_POWER_SAMPLES / AKIDA_TAKE);
	energy = akc_sensor_energy_uj(&adev->core);
	spin_lock(&adev->queue_lock);
	if (energy != U64_MAX)
		adev->meter.energy_uj = energy;
	spin_unlock(&adev->queue_lock);
}

/* The worker's, between frames, with core_lock held. */
void akida_power_poll(struct akida_device *adev)
{
	u64 now;

	if (!adev->meter.present)
		return;
	now = ktime_get_ns();
	if (now < adev->meter.next_poll_ns)
		return;
	adev->meter.next_poll_ns = now + AKIDA_POLL_NS;
	akida_power_drain(adev);
}

/* Without locks: looks at the meter unless work runs (the worker looks) or the chip is away. */
void akida_power_refresh(struct akida_device *adev)
{
	if (!adev->meter.present)
		return;
	down_read(&adev->remove_sem);
	if (!adev->dead && mutex_trylock(&adev->core_lock)) {
		if (!READ_ONCE(adev->paused) && !adev->down)
			akida_power_drain(adev);
		mutex_unlock(&adev->core_lock);
	}
	up_read(&adev->remove_sem);
}

/* Without locks, as it copies to the user. Two calls at once on one file share the samples. */
int akida_power_read(struct akida_file *af, struct akida_power *arg)
{
	struct akida_device *adev = af->adev;
	struct akida_meter *m = &adev->meter;
	struct akida_power_sample *copy = NULL;
	u32 i, n, max = min(arg->capacity, AKIDA_POWER_SAMPLES);
	u64 first;
	int err = 0;

	if (!m->present)
		return -EOPNOTSUPP;
	if (max) {
		copy = kvmalloc_array(max, sizeof(*copy), GFP_KERNEL_ACCOUNT);
		if (!copy)
			return -ENOMEM;
	}
	akida_power_refresh(adev);
	spin_lock(&adev->queue_lock);
	first = af->power_next;
	if (m->total - first > AKIDA_POWER_SAMPLES)
		first = m->total - AKIDA_POWER_SAMPLES;
	n = (u32)min_t(u64, max, m->total - first);
	for (i = 0; i < n; i++)
		copy[i] = m->ring[(first + i) % AKIDA_POWER_SAMPLES];
	arg->dropped = (u32)min_t(u64, first - af->power_next, U32_MAX);
	arg->count = n;
	arg->waiting = (u32)(m->total - first - n);
	arg->floor_uw = READ_ONCE(m->floor_uw);
	arg->newest_uw = m->newest_uw;
	arg->energy_uj = m->energy_uj;
	af->power_next = first + n;
	spin_unlock(&adev->queue_lock);
	if (n && copy_to_user(u64_to_user_ptr(arg->samples_ptr), copy, n * sizeof(*copy)))
		err = -EFAULT;
	kvfree(copy);
	return err;
}

/* ---- hwmon: power in microwatts, energy in microjoules, as its ABI wants them ---- */

#if IS_REACHABLE(CONFIG_HWMON)
static umode_t akida_hwmon_visible(const void *data, enum hwmon_sensor_types type, u32 attr,
				   int channel)
{
	return 0444;
}

static int akida_hwmon_read(struct device *dev, enum hwmon_sensor_types type, u32 attr, int channel,
			    long *val)
{
	struct akida_device *adev = dev_get_drvdata(dev);
	struct akida_meter *m = &adev->meter;
	u64 value = 0;
	int err = 0;

	akida_power_refresh(adev);
	spin_lock(&adev->queue_lock);
	if (type == hwmon_energy)
		value = m->energy_uj;
	else if (!m->total)
		err = -ENODATA;
	else if (attr == hwmon_power_input)
		value = m->newest_uw;
	else if (attr == hwmon_power_average)
		value = div64_u64(m->sum_uw, m->total);
	else if (attr == hwmon_power_input_lowest)
		value = m->lowest_uw;
	else
		value = m->highest_uw;
	spin_unlock(&adev->queue_lock);
	*val = (long)min_t(u64, value, LONG_MAX);
	return err;
}

static const struct hwmon_ops akida_hwmon_ops = {
	.is_visible = akida_hwmon_visible,
	.read = akida_hwmon_read,
};

static const struct hwmon_channel_info *akida_hwmon_channels[] = {
	HWMON_CHANNEL_INFO(power, HWMON_P_INPUT | HWMON_P_AVERAGE | HWMON_P_INPUT_LOWEST |
					  HWMON_P_INPUT_HIGHEST),
	HWMON_CHANNEL_INFO(energy, HWMON_E_INPUT),
	NULL,
};

static const struct hwmon_chip_info akida_hwmon_chip = {
	.ops = &akida_hwmon_ops,
	.info = akida_hwmon_channels,
};

/* Without hwmon the rest works: no error. */
void akida_power_register(struct akida_device *adev)
{
	struct device *hwmon;

	if (!adev->meter.present)
		return;
	hwmon = hwmon_device_register_with_info(&adev->pdev->dev, "akida", adev, &akida_hwmon_chip,
						NULL);
	if (IS_ERR(hwmon))
		dev_warn(&adev->dev, "no hwmon device: %ld\n", PTR_ERR(hwmon));
	else
		adev->meter.hwmon = hwmon;
}

void akida_power_unregister(struct akida_device *adev)
{
	if (adev->meter.hwmon)
		hwmon_device_unregister(adev->meter.hwmon);
	adev->meter.hwmon = NULL;
}
#else
void akida_power_register(struct akida_device *adev)
{
}

void akida_power_unregister(struct akida_device *adev)
{
}
#endif
