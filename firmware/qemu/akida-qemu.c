// SPDX-License-Identifier: GPL-2.0-only
/*
 * The emulated boards as PCI Express devices of QEMU 7.2: `akida-akd1000` (1e7c:bca1) and `akida-akd1500` (1e7c:a500).
 *
 * The software NSoC (firmware/nsoc) answers register accesses; this file is only the PCI side of it: configuration
 * space and capabilities, BARs, bus mastering through the guest's IOMMU, the DMA engine's interrupt messages, QEMU's
 * virtual clock as the chip's clock, function-level reset, and faults on request (properties, or the control block in
 * configuration space that README.md describes).
 *
 * Everything runs under QEMU's big lock, so the NSoC has one caller at a time. Built as a shared object for LD_PRELOAD
 * into the distribution's QEMU (build.sh).
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/module.h"
#include "qemu/timer.h"
#include "hw/pci/msi.h"
#include "hw/pci/pci.h"
#include "hw/pci/pcie.h"
#include "hw/qdev-properties.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"
#include "qom/object.h"
#include "sysemu/sysemu.h"

#include "firmware/nsoc/nsoc.h"
#include "slot.h"

#define TYPE_AKIDA "akida-board"
#define TYPE_AKD1000 "akida-akd1000"
#define TYPE_AKD1500 "akida-akd1500"
OBJECT_DECLARE_TYPE(AkidaState, AkidaClass, AKIDA)

#define VENDOR 0x1e7c
#define ALL_ONES 0xffffffffu

/* Standard capabilities where nsoc-hardware found them on the board; the class is assumed. */
#define CAP_PM 0x40
#define CAP_MSI 0x50
#define CAP_PCIE 0x70
#define CAP_AER 0x100
#define CLASS_ACCELERATOR 0x1200

/* Port logic of the PCIe core: iATU viewport, answered by the NSoC. */
#define PORT_FIRST 0x900
#define PORT_LAST 0x920

/* The control block: ours, for tests; no board has it. README.md */
#define CTL_FIRST 0xf00
#define CTL_LAST 0xf80
#define CTL_MAGIC 0x51424b41u /* "AKBQ" */
enum {
	CTL_ID,
	CTL_HANG,
	CTL_WRONG_JOB,
	CTL_STUCK_DMA,
	CTL_NO_SENSOR,
	CTL_FAIL_DMA,
	CTL_LOST_IRQ,
	CTL_ALL_ONES,
	CTL_DELAY_US,
	CTL_LINK_ERROR,
	CTL_PULL,
	CTL_WHEN, /* what is written after it waits for that moment */
	CTL_WRITABLE,
	CTL_COMPLAINTS = 16, /* what the NSoC did not understand, and refused host accesses; writing clears */
	CTL_MESSAGES,
	CTL_DMA_READS,
	CTL_DMA_WRITES,
	CTL_POWER_CYCLES,
	CTL_MESSAGE_ADDR,
	CTL_MESSAGE_DATA,
	CTL_WORDS
};

/* Values of CTL_WHEN */
enum { NOW, AT_PACKETS, AT_READ, AT_FRAME, AT_WRITE, AT_RESET };

struct AkidaClass {
	PCIDeviceClass parent_class;
	enum nsoc_chip chip;
};

struct akida_bar {
	AkidaState *board;
	unsigned int nr;
};

struct AkidaState {
	PCIDevice pdev;
	MemoryRegion bar[6];
	struct akida_bar ref[6];
	struct nsoc *nsoc;
	QEMUTimer *step;
	int64_t power_on_us; /* virtual clock at the NSoC's time 0 */
	uint64_t complaints_seen;

	/* properties: the control block's values at start */
	uint32_t hang, wrong_job, stuck_dma, fail_dma, lost_irq, delay_us;
	bool all_ones, sensor, msi_cap;

	uint32_t ctl[CTL_WORDS];
	uint32_t later[CTL_WRITABLE]; /* what waits for CTL_WHEN */
	uint32_t later_set;	      /* bits: which */
};

/* ---- time ---- */

static int64_t virtual_us(void)
{
	return qemu_clock_get_us(QEMU_CLOCK_VIRTUAL);
}

/* The chip's clock follows the guest's; it may be ahead by what the model spent on its own. */
static void follow_clock(AkidaState *s)
{
	int64_t now = virtual_us() - s->power_on_us, chip = nsoc_time_ns(s->nsoc) / 1000;

	if (now > chip)
		nsoc_advance_us(s->nsoc, now - chip);
}

static void arm_step(AkidaState *s)
{
	if (nsoc_pending(s->nsoc) && !timer_pending(s->step))
		timer_mod(s->step, virtual_us() + s->ctl[CTL_DELAY_US]);
}

static void step(void *opaque)
{
	AkidaState *s = opaque;

	follow_clock(s);
	nsoc_step(s->nsoc);
	arm_step(s);
}

/* ---- faults that wait for their moment ---- */

static void ctl_set(AkidaState *s, unsigned int reg, uint32_t val);

static void moment(AkidaState *s, uint32_t which)
{
	if (s->ctl[CTL_WHEN] != which)
		return;
	s->ctl[CTL_WHEN] = NOW;
	for (unsigned int reg = 0; reg < CTL_WRITABLE; reg++)
		if (s->later_set >> reg & 1u)
			ctl_set(s, reg, s->later[reg]);
	s->later_set = 0;
}

static void chip_moment(void *ctx, enum nsoc_moment m)
{
	static const uint32_t when[] = {
		[NSOC_TAKES_PACKETS] = AT_PACKETS, [NSOC_STARTS_FRAME] = AT_FRAME, [NSOC_IS_RESET] = AT_RESET};

	moment(ctx, when[m]);
}

/* ---- the chip as bus master ---- */

static bool take(AkidaState *s, unsigned int what)
{
	if (!s->ctl[what])
		return false;
	if (s->ctl[what] != ALL_ONES)
		s->ctl[what]--;
	return true;
}

static int host_read(void *ctx, uint64_t bus, void *to, uint32_t bytes)
{
	AkidaState *s = ctx;

	s->ctl[CTL_DMA_READS]++;
	moment(s, AT_READ);
	if (s->ctl[CTL_ALL_ONES] || take(s, CTL_FAIL_DMA))
		return -EIO;
	return pci_dma_read(&s->pdev, bus, to, bytes) == MEMTX_OK ? 0 : -EFAULT;
}

static int host_write(void *ctx, uint64_t bus, const void *from, uint32_t bytes)
{
	AkidaState *s = ctx;

	s->ctl[CTL_DMA_WRITES]++;
	moment(s, AT_WRITE);
	if (s->ctl[CTL_ALL_ONES] || take(s, CTL_FAIL_DMA))
		return -EIO;
	return pci_dma_write(&s->pdev, bus, from, bytes) == MEMTX_OK ? 0 : -EFAULT;
}

/* The DMA engine writes its message itself, wherever its registers say: nothing keeps it in step with the capability. */
static void host_msi(void *ctx, uint64_t addr, uint32_t data)
{
	AkidaState *s = ctx;

	if (s->ctl[CTL_ALL_ONES] || take(s, CTL_LOST_IRQ))
		return;
	if (!(pci_get_word(s->pdev.config + PCI_COMMAND) & PCI_COMMAND_MASTER))
		return;
	s->ctl[CTL_MESSAGES]++;
	s->ctl[CTL_MESSAGE_ADDR] = addr;
	s->ctl[CTL_MESSAGE_DATA] = data;
	msi_send_message(&s->pdev, (MSIMessage){.address = addr, .data = data});
}

/* ---- BARs ---- */

static uint64_t bar_read(void *opaque, hwaddr off, unsigned int size)
{
	struct akida_bar *b = opaque;
	AkidaState *s = b->board;
	uint32_t val;

	if (s->ctl[CTL_ALL_ONES])
		return ALL_ONES;
	follow_clock(s);
	val = nsoc_bar_read(s->nsoc, b->nr, off);
	arm_step(s);
	return val;
}

static void bar_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
	struct akida_bar *b = opaque;
	AkidaState *s = b->board;

	if (s->ctl[CTL_ALL_ONES])
		return;
	follow_clock(s);
	nsoc_bar_write(s->nsoc, b->nr, off, val);
	arm_step(s);
}

/* Wider accesses are split, low word first; narrower and unaligned ones are refused. */
static const MemoryRegionOps bar_ops = {
	.read = bar_read,
	.write = bar_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = {.min_access_size = 4, .max_access_size = 8},
	.impl = {.min_access_size = 4, .max_access_size = 4},
};

/* ---- control block ---- */

static void ctl_apply(AkidaState *s, unsigned int reg)
{
	switch (reg) {
	case CTL_PULL:
		if (!s->ctl[reg])
			break;
		if (slot_pull(&s->pdev, s->ctl[reg]))
			s->ctl[CTL_ALL_ONES] = 1; /* until it is out, which is soon */
		else
			warn_report("%s: its slot does not hotplug", object_get_typename(OBJECT(s)));
		break;
	case CTL_HANG:
		nsoc_inject(s->nsoc, NSOC_INJECT_HANG, s->ctl[reg]);
		break;
	case CTL_WRONG_JOB:
		nsoc_inject(s->nsoc, NSOC_INJECT_WRONG_JOB, s->ctl[reg]);
		break;
	case CTL_STUCK_DMA:
		nsoc_inject(s->nsoc, NSOC_INJECT_DMA_STUCK, s->ctl[reg]);
		break;
	case CTL_NO_SENSOR:
		nsoc_inject(s->nsoc, NSOC_INJECT_NO_SENSOR, s->ctl[reg]);
		break;
	}
}

static void ctl_set(AkidaState *s, unsigned int reg, uint32_t val)
{
	s->ctl[reg] = val;
	ctl_apply(s, reg);
}

static uint64_t complaints(AkidaState *s, struct nsoc_report *r)
{
	nsoc_get_report(s->nsoc, r);
	return r->unknown_registers + r->unknown_packets + r->unknown_encodings + r->bad_addresses + r->dma_faults;
}

static uint32_t ctl_read(AkidaState *s, unsigned int reg)
{
	struct nsoc_report r;

	if (reg == CTL_COMPLAINTS)
		return complaints(s, &r) - s->complaints_seen;
	return reg < CTL_WORDS ? s->ctl[reg] : 0;
}

/* An error message of the link, as QEMU's monitor command pcie_aer_inject_error makes it; the device needs an id for it. */
static void link_error(AkidaState *s, bool fatal)
{
	const char *id = DEVICE(s)->id;
	QDict *args;

	if (!id) {
		warn_report("%s: link errors need -device ...,id=NAME", object_get_typename(OBJECT(s)));
		return;
	}
	args = qdict_new();
	qdict_put_str(args, "id", id);
	qdict_put_str(args, "error_status", fatal ? "DLP" : "COMP_ABORT");
	hmp_pcie_aer_inject_error(NULL, args);
	qobject_unref(args);
}

static void ctl_write(AkidaState *s, unsigned int reg, uint32_t val)
{
	struct nsoc_report r;

	if (reg == CTL_COMPLAINTS) {
		uint64_t all = complaints(s, &r);

		/* A run that ends with complaints says the newest on QEMU's standard error. */
		if (all != s->complaints_seen && val)
			warn_report("%s: %s", object_get_typename(OBJECT(s)), r.last);
		s->complaints_seen = all;
	} else if (reg == CTL_LINK_ERROR) {
		if (val)
			link_error(s, val > 1);
	} else if (reg == CTL_WHEN) {
		s->ctl[reg] = val;
		s->later_set = 0;
	} else if (reg > CTL_ID && reg < CTL_WRITABLE) {
		if (!s->ctl[CTL_WHEN]) {
			ctl_set(s, reg, val);
			return;
		}
		s->later[reg] = val;
		s->later_set |= 1u << reg;
	}
}

/* ---- configuration space ---- */

static bool in_block(uint32_t addr, int len, uint32_t first, uint32_t last)
{
	return len == 4 && !(addr & 3u) && addr >= first && addr < last;
}

static uint32_t cfg_read(PCIDevice *pdev, uint32_t addr, int len)
{
	AkidaState *s = AKIDA(pdev);

	if (in_block(addr, len, CTL_FIRST, CTL_LAST))
		return ctl_read(s, (addr - CTL_FIRST) / 4);
	if (s->ctl[CTL_ALL_ONES])
		return len == 4 ? ALL_ONES : (1u << (8 * len)) - 1;
	if (in_block(addr, len, PORT_FIRST, PORT_LAST))
		return nsoc_cfg_read(s->nsoc, addr);
	return pci_default_read_config(pdev, addr, len);
}

static void cfg_write(PCIDevice *pdev, uint32_t addr, uint32_t val, int len)
{
	AkidaState *s = AKIDA(pdev);

	if (in_block(addr, len, CTL_FIRST, CTL_LAST)) {
		ctl_write(s, (addr - CTL_FIRST) / 4, val);
		return;
	}
	if (s->ctl[CTL_ALL_ONES])
		return;
	if (in_block(addr, len, PORT_FIRST, PORT_LAST)) {
		nsoc_cfg_write(s->nsoc, addr, val);
		return;
	}
	pci_default_write_config(pdev, addr, val, len);
	pcie_cap_flr_write_config(pdev, addr, val, len);
	pcie_aer_write_config(pdev, addr, val, len);
}

/* ---- life cycle ---- */

/* Power-on, bus reset and function-level reset: windows, memory and registers of the chip are lost, the faults are not. */
static void board_reset(DeviceState *dev)
{
	AkidaState *s = AKIDA(dev);

	timer_del(s->step);
	nsoc_power_cycle(s->nsoc);
	s->power_on_us = virtual_us();
	s->complaints_seen = 0;
	s->ctl[CTL_POWER_CYCLES]++;
}

static void ctl_start(AkidaState *s)
{
	s->ctl[CTL_ID] = CTL_MAGIC;
	s->ctl[CTL_HANG] = s->hang;
	s->ctl[CTL_WRONG_JOB] = s->wrong_job;
	s->ctl[CTL_STUCK_DMA] = s->stuck_dma;
	s->ctl[CTL_NO_SENSOR] = !s->sensor;
	s->ctl[CTL_FAIL_DMA] = s->fail_dma;
	s->ctl[CTL_LOST_IRQ] = s->lost_irq;
	s->ctl[CTL_ALL_ONES] = s->all_ones;
	s->ctl[CTL_DELAY_US] = s->delay_us;
	for (unsigned int reg = 0; reg < CTL_WRITABLE; reg++)
		ctl_apply(s, reg);
}

static bool add_capabilities(PCIDevice *pdev, Error **errp)
{
	AkidaState *s = AKIDA(pdev);
	int at = pci_add_capability(pdev, PCI_CAP_ID_PM, CAP_PM, PCI_PM_SIZEOF, errp);

	if (at < 0)
		return false;
	pci_set_word(pdev->config + at + PCI_PM_PMC, 3);
	pci_set_word(pdev->wmask + at + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
	if (s->msi_cap && msi_init(pdev, CAP_MSI, 1, true, false, errp))
		return false;
	if (pcie_endpoint_cap_init(pdev, CAP_PCIE) < 0) {
		error_setg(errp, "no room for the PCI Express capability");
		return false;
	}
	pcie_cap_deverr_init(pdev);
	pcie_cap_flr_init(pdev);
	return pcie_aer_init(pdev, PCI_ERR_VER, CAP_AER, PCI_ERR_SIZEOF, errp) >= 0;
}

static void realize(PCIDevice *pdev, Error **errp)
{
	AkidaState *s = AKIDA(pdev);
	struct nsoc_host host = {
		.ctx = s, .read = host_read, .write = host_write, .msi = host_msi, .moment = chip_moment};

	if (nsoc_create(AKIDA_GET_CLASS(pdev)->chip, &host, &s->nsoc)) {
		error_setg(errp, "no memory for the software NSoC");
		return;
	}
	nsoc_set_paced(s->nsoc, true);
	s->step = timer_new_us(QEMU_CLOCK_VIRTUAL, step, s);
	ctl_start(s);
	for (unsigned int i = 0; i < 6; i++) {
		uint64_t bytes = nsoc_bar_bytes(s->nsoc, i);

		if (!bytes)
			continue;
		s->ref[i] = (struct akida_bar){s, i};
		memory_region_init_io(&s->bar[i], OBJECT(s), &bar_ops, &s->ref[i], "akida-bar", bytes);
		pci_register_bar(pdev, i, PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &s->bar[i]);
	}
	if (!add_capabilities(pdev, errp)) {
		timer_free(s->step);
		nsoc_destroy(s->nsoc);
		return;
	}
	slot_prepare(pdev);
}

static void unrealize(PCIDevice *pdev)
{
	AkidaState *s = AKIDA(pdev);

	s->ctl[CTL_ALL_ONES] = 1; /* a CPU that is on its way in meets no chip */
	timer_free(s->step);
	pcie_aer_exit(pdev);
	pcie_cap_exit(pdev);
	msi_uninit(pdev);
	nsoc_destroy(s->nsoc);
}

static Property properties[] = {
	DEFINE_PROP_UINT32("hang", AkidaState, hang, 0),
	DEFINE_PROP_UINT32("wrong-job-id", AkidaState, wrong_job, 0),
	DEFINE_PROP_UINT32("stuck-dma", AkidaState, stuck_dma, 0),
	DEFINE_PROP_UINT32("fail-dma", AkidaState, fail_dma, 0),
	DEFINE_PROP_UINT32("lost-irq", AkidaState, lost_irq, 0),
	DEFINE_PROP_BOOL("all-ones", AkidaState, all_ones, false),
	DEFINE_PROP_UINT32("delay-us", AkidaState, delay_us, 20),
	DEFINE_PROP_BOOL("sensor", AkidaState, sensor, true),
	DEFINE_PROP_BOOL("msi", AkidaState, msi_cap, true),
	DEFINE_PROP_END_OF_LIST(),
};

static void class_init(ObjectClass *klass, void *data)
{
	DeviceClass *dc = DEVICE_CLASS(klass);
	PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

	k->realize = realize;
	k->exit = unrealize;
	k->config_read = cfg_read;
	k->config_write = cfg_write;
	k->vendor_id = k->subsystem_vendor_id = VENDOR;
	k->revision = 1;
	k->class_id = CLASS_ACCELERATOR;
	dc->reset = board_reset;
	device_class_set_props(dc, properties);
	set_bit(DEVICE_CATEGORY_MISC, dc->categories);
}

static void akd1000_class_init(ObjectClass *klass, void *data)
{
	PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

	DEVICE_CLASS(klass)->desc = "Akida AKD1000 board (software NSoC)";
	k->device_id = k->subsystem_id = 0xbca1;
	AKIDA_CLASS(klass)->chip = NSOC_AKD1000;
}

static void akd1500_class_init(ObjectClass *klass, void *data)
{
	PCIDeviceClass *k = PCI_DEVICE_CLASS(klass);

	DEVICE_CLASS(klass)->desc = "Akida AKD1500 board (software NSoC)";
	k->device_id = k->subsystem_id = 0xa500;
	AKIDA_CLASS(klass)->chip = NSOC_AKD1500;
}

static const TypeInfo types[] = {
	{
		.name = TYPE_AKIDA,
		.parent = TYPE_PCI_DEVICE,
		.instance_size = sizeof(AkidaState),
		.class_size = sizeof(AkidaClass),
		.class_init = class_init,
		.abstract = true,
		.interfaces = (InterfaceInfo[]){{INTERFACE_PCIE_DEVICE}, {}},
	},
	{.name = TYPE_AKD1000, .parent = TYPE_AKIDA, .class_init = akd1000_class_init},
	{.name = TYPE_AKD1500, .parent = TYPE_AKIDA, .class_init = akd1500_class_init},
};

static void register_types(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++)
		type_register_static(&types[i]);
}
type_init(register_types)
