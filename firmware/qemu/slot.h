/* SPDX-License-Identifier: GPL-2.0-only */
/* The slot a board sits in: pulled out without a warning and put back, and reads that nobody answers. */
#ifndef AKIDA_SLOT_H
#define AKIDA_SLOT_H

#include "hw/pci/pci.h"

/*
 * Behind the board's port, what no device claims reads all ones, as from a root complex; QEMU's own answer is zero.
 * Once for each port; nothing is done for a board on the root bus.
 */
void slot_prepare(PCIDevice *board);

/*
 * The board is torn out soon after the caller has returned, without the guest being asked: the port says that presence
 * changed. A new one with the same options is put in ms of the guest's time later, once the guest has switched the slot's
 * power off. False: it sits in no slot that can do that.
 */
bool slot_pull(PCIDevice *board, uint32_t ms);

#endif
