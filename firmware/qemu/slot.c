// SPDX-License-Identifier: GPL-2.0-only
/*
 * Surprise removal. QEMU's device_del asks the guest first (attention button) and takes the device when the guest has let it
 * go; a hand that pulls a card does not. Here the device goes first, and the port's registers tell afterwards.
 */
#include "qemu/osdep.h"
#include "qemu/error-report.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "block/aio.h"
#include "hw/hotplug.h"
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pci_bus.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_port.h"
#include "hw/qdev-core.h"
#include "monitor/qdev.h"
#include "qapi/error.h"
#include "qapi/qmp/qdict.h"

#include "slot.h"

#define RETRY_MS 200

/* ---- reads that nobody answers ---- */

static uint64_t nobody_read(void *opaque, hwaddr off, unsigned int size)
{
	return UINT64_MAX;
}

static void nobody_write(void *opaque, hwaddr off, uint64_t val, unsigned int size)
{
}

static const MemoryRegionOps nobody_ops = {
	.read = nobody_read,
	.write = nobody_write,
	.endianness = DEVICE_LITTLE_ENDIAN,
	.valid = {.min_access_size = 1, .max_access_size = 8},
};

void slot_prepare(PCIDevice *board)
{
	static GHashTable *done; /* of ports, which stay as long as the machine */
	PCIBus *bus = pci_get_bus(board);
	MemoryRegion *nobody;

	if (!done)
		done = g_hash_table_new(NULL, NULL);
	if (pci_bus_is_root(bus) || !g_hash_table_add(done, bus))
		return;
	nobody = g_new0(MemoryRegion, 1);
	memory_region_init_io(nobody, OBJECT(bus->parent_dev), &nobody_ops, NULL, "akida-nobody", UINT64_MAX);
	memory_region_add_subregion_overlap(bus->address_space_mem, 0, nobody, -1);
}

/* ---- out and in ---- */

struct absence {
	PCIDevice *port, *board;
	QDict *opts;
	QEMUTimer *back;
	uint32_t ms;
};

static bool can_hotplug(PCIDevice *port)
{
	return pci_is_express(port) &&
	       (pci_get_long(port->config + port->exp.exp_cap + PCI_EXP_SLTCAP) & PCI_EXP_SLTCAP_HPC);
}

/* QEMU sends presence changes only where they are enabled; Linux, given a button, counts on the link's to interrupt it. */
static void tell_presence_changed(PCIDevice *port)
{
	uint8_t *cap = port->config + port->exp.exp_cap;

	pci_word_test_and_clear_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDS);
	pci_word_test_and_clear_mask(cap + PCI_EXP_LNKSTA, PCI_EXP_LNKSTA_DLLLA);
	pci_word_test_and_set_mask(cap + PCI_EXP_SLTSTA, PCI_EXP_SLTSTA_PDC);
	if (!(pci_get_word(cap + PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_HPIE))
		return;
	if (msix_enabled(port))
		msix_notify(port, pcie_cap_flags_get_vector(port));
	else if (msi_enabled(port))
		msi_notify(port, pcie_cap_flags_get_vector(port));
	else
		pci_set_irq(port, 1); /* withdrawn when the guest clears the status */
}

/* A card put in while the guest still turns power and its indicator off would be thrown out by that, as if let go. */
static bool slot_is_off(PCIDevice *port)
{
	const uint8_t *cap = port->config + port->exp.exp_cap;
	uint16_t ctl = pci_get_word(cap + PCI_EXP_SLTCTL);

	return !(pci_get_long(cap + PCI_EXP_SLTCAP) & PCI_EXP_SLTCAP_PCP) ||
	       ((ctl & PCI_EXP_SLTCTL_PCC) && (ctl & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_OFF);
}

static void put_back(void *opaque)
{
	struct absence *a = opaque;
	Error *err = NULL;
	DeviceState *dev;

	if (!slot_is_off(a->port)) {
		timer_mod(a->back, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + RETRY_MS);
		return;
	}
	dev = qdev_device_add_from_qdict(a->opts, false, &err);
	if (dev)
		object_unref(OBJECT(dev));
	else
		error_report_err(err);
	timer_free(a->back);
	qobject_unref(a->opts);
	g_free(a);
}

static void take_out(void *opaque)
{
	struct absence *a = opaque;
	DeviceState *dev = DEVICE(a->board);
	HotplugHandler *slot = qdev_get_hotplug_handler(dev);

	hotplug_handler_unplug(slot, dev, &error_abort);
	object_unparent(OBJECT(dev));
	tell_presence_changed(a->port);
	a->back = timer_new_ms(QEMU_CLOCK_VIRTUAL, put_back, a);
	timer_mod(a->back, qemu_clock_get_ms(QEMU_CLOCK_VIRTUAL) + a->ms);
}

bool slot_pull(PCIDevice *board, uint32_t ms)
{
	DeviceState *dev = DEVICE(board);
	PCIBus *bus = pci_get_bus(board);
	struct absence *a;

	if (pci_bus_is_root(bus) || !can_hotplug(bus->parent_dev))
		return false;
	a = g_new0(struct absence, 1);
	*a = (struct absence){.port = bus->parent_dev, .board = board, .ms = ms};
	a->opts = dev->opts ? qdict_clone_shallow(dev->opts) : qdict_new();
	qdict_put_str(a->opts, "driver", object_get_typename(OBJECT(dev)));
	qdict_put_str(a->opts, "bus", BUS(bus)->name);
	if (dev->id)
		qdict_put_str(a->opts, "id", dev->id);
	aio_bh_schedule_oneshot(qemu_get_aio_context(), take_out, a);
	return true;
}
