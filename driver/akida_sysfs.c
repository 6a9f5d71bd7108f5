// SPDX-License-Identifier: GPL-2.0-only
/* /sys/class/akida/akidaN: one value per file, described in sysfs-abi.txt. */
#include <linux/sysfs.h>
#include "akida_dev.h"

static struct akida_device *to_akida(struct device *dev)
{
	return container_of(dev, struct akida_device, dev);
}

static ssize_t version_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const u8 *v = to_akida(dev)->core.version;

	return sysfs_emit(buf, "%s.%02X.%03u.%03u\n", v[0] == 0xbc ? "BC" : "??", v[1], v[2], v[3]);
}
static DEVICE_ATTR_RO(version);

static ssize_t nps_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_akida(dev)->core.mesh.count);
}
static DEVICE_ATTR_RO(nps);

static ssize_t interrupts_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", (s64)atomic64_read(&to_akida(dev)->interrupts));
}
static DEVICE_ATTR_RO(interrupts);

/* Counters that the worker changes under queue_lock. */
#define AKIDA_COUNTER(name, field)								\
static ssize_t name##_show(struct device *dev, struct device_attribute *attr, char *buf)	\
{												\
	struct akida_device *adev = to_akida(dev);						\
	u64 value;										\
												\
	spin_lock(&adev->queue_lock);								\
	value = adev->field;									\
	spin_unlock(&adev->queue_lock);								\
	return sysfs_emit(buf, "%llu\n", value);						\
}												\
static DEVICE_ATTR_RO(name)

AKIDA_COUNTER(frames, jobs);
AKIDA_COUNTER(busy_ns, busy_ns);
AKIDA_COUNTER(resets, resets);
AKIDA_COUNTER(generation, generation);
AKIDA_COUNTER(dma_bytes, dma_bytes);
AKIDA_COUNTER(doorbells, doorbells);

static ssize_t floor_uw_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_akida(dev)->meter.floor_uw);
}
static DEVICE_ATTR_RO(floor_uw);

static ssize_t clock_khz_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%u\n", to_akida(dev)->meter.clock_khz);
}
static DEVICE_ATTR_RO(clock_khz);

static ssize_t clock_mode_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n",
			  akida_clock_names[READ_ONCE(to_akida(dev)->meter.clock_mode)]);
}

static ssize_t clock_mode_store(struct device *dev, struct device_attribute *attr, const char *buf,
				size_t bytes)
{
	struct akida_device *adev = to_akida(dev);
	int mode = sysfs_match_string(akida_clock_names, buf), err;

	if (mode < 0)
		return mode;
	down_read(&adev->remove_sem);
	err = adev->dead ? -ENODEV : akida_clock_set(adev, (u32)mode);
	up_read(&adev->remove_sem);
	return err ? err : (ssize_t)bytes;
}
static DEVICE_ATTR_RW(clock_mode);

static ssize_t clock_modes_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	const struct akida_meter *m = &to_akida(dev)->meter;
	ssize_t n = 0;
	u32 i;

	for (i = 0; i < AKIDA_CLOCKS; i++)
		if (m->clock_modes & BIT(i))
			n += sysfs_emit_at(buf, n, "%s%s", n ? " " : "", akida_clock_names[i]);
	return n + sysfs_emit_at(buf, n, "\n");
}
static DEVICE_ATTR_RO(clock_modes);

static struct attribute *akida_attrs[] = {
	&dev_attr_version.attr,
	&dev_attr_nps.attr,
	&dev_attr_interrupts.attr,
	&dev_attr_frames.attr,
	&dev_attr_busy_ns.attr,
	&dev_attr_resets.attr,
	&dev_attr_generation.attr,
	&dev_attr_dma_bytes.attr,
	&dev_attr_doorbells.attr,
	&dev_attr_floor_uw.attr,
	&dev_attr_clock_khz.attr,
	&dev_attr_clock_mode.attr,
	&dev_attr_clock_modes.attr,
	NULL,
};

/* What the board does not tell has no file. */
static umode_t akida_attr_visible(struct kobject *kobj, struct attribute *attr, int i)
{
	bool metered = attr == &dev_attr_floor_uw.attr || attr == &dev_attr_clock_khz.attr;

	bool clocked = attr == &dev_attr_clock_mode.attr || attr == &dev_attr_clock_modes.attr;
	const struct akida_meter *m = &to_akida(kobj_to_dev(kobj))->meter;

	return (metered && !m->present) || (clocked && !m->clock_modes) ? 0 : attr->mode;
}

static const struct attribute_group akida_group = {
	.attrs = akida_attrs,
	.is_visible = akida_attr_visible,
};

const struct attribute_group *akida_groups[] = { &akida_group, NULL };
