/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * AKD1500: unrolled iATU and native-map HDMA, both behind BAR0, memory map. Values only; shared
 * with the software NSoC. Source: nsoc-hardware 2.1, 2.3, 3.2, 4.
 */
#ifndef AKC_REGS_AKD1500_H
#define AKC_REGS_AKD1500_H

#define AKD1500_BAR_DMA 0u
#define AKD1500_BAR_CORE 2u
#define AKD1500_BAR_MEM 4u
#define AKD1500_MEM_ADDR 0x20000000u
#define AKD1500_MEM_BYTES 0x100000u

#define AKD1500_HOST_ADDR 0xc0000000u /* window to host memory, by outbound regions */

/* iATU, BAR0 offsets; outbound region r at 0x400 + 0x200 * r; inbound region r at 0x500 + 0x200 * r */
#define AKD1500_ATU_INBOUND(r) (0x500u + 0x200u * (r))
#define AKD1500_ATU_OUTBOUND(r) (0x400u + 0x200u * (r))
#define AKD1500_ATU_CTRL1 0x00u
#define AKD1500_ATU_CTRL2 0x04u
#define AKD1500_ATU_BASE_LO 0x08u
#define AKD1500_ATU_BASE_HI 0x0cu
#define AKD1500_ATU_LIMIT 0x10u
#define AKD1500_ATU_TARGET_LO 0x14u
#define AKD1500_ATU_TARGET_HI 0x18u
#define AKD1500_ATU_ENABLE (1u << 31)
#define AKD1500_ATU_CTRL2_BAR(n) ((n) << 8)
#define AKD1500_ATU_CTRL2_FIXED 0xc0080000u /* enable, BAR match, function match */
#define AKD1500_ATU_CTRL2_CHECK 0xc0080700u

/* HDMA, BAR0 offsets; channel c, write (device to host) side first */
#define AKD1500_HDMA_WR(c) (0x200u * (c))
#define AKD1500_HDMA_RD(c) (0x200u * (c) + 0x100u)
#define AKD1500_HDMA_ENABLE 0x00u
#define AKD1500_HDMA_DOORBELL 0x04u
#define AKD1500_HDMA_LIST 0x10u
#define AKD1500_HDMA_CYCLE 0x18u
#define AKD1500_HDMA_CYCLE_CB (1u << 0)
#define AKD1500_HDMA_CYCLE_CCS (1u << 1)
#define AKD1500_HDMA_BYTES 0x1cu
#define AKD1500_HDMA_SOURCE 0x20u
#define AKD1500_HDMA_DEST 0x28u
#define AKD1500_HDMA_WATERMARK 0x30u
#define AKD1500_HDMA_CONTROL1 0x34u
#define AKD1500_HDMA_CONTROL1_LL (1u << 0)
#define AKD1500_HDMA_STATUS 0x80u
#define AKD1500_HDMA_STATUS_STATE(v) ((v) & 0x3u)
#define AKD1500_HDMA_RUNNING 1u
#define AKD1500_HDMA_STOPPED 3u
#define AKD1500_HDMA_INT_STATUS 0x84u
#define AKD1500_HDMA_INT_SETUP 0x88u
#define AKD1500_HDMA_INT_CLEAR 0x8cu
#define AKD1500_HDMA_INT_STOP (1u << 0)
#define AKD1500_HDMA_INT_ABORT (1u << 2)
#define AKD1500_HDMA_SETUP_MASK_STOP (1u << 0)
#define AKD1500_HDMA_SETUP_MASK_ABORT (1u << 2)
#define AKD1500_HDMA_SETUP_REMOTE_STOP (1u << 3)
#define AKD1500_HDMA_SETUP_LOCAL_STOP (1u << 4)
#define AKD1500_HDMA_SETUP_REMOTE_ABORT (1u << 5)
#define AKD1500_HDMA_SETUP_LOCAL_ABORT (1u << 6)
#define AKD1500_HDMA_MSI_STOP 0x90u
#define AKD1500_HDMA_MSI_WATERMARK 0x98u
#define AKD1500_HDMA_MSI_ABORT 0xa0u
#define AKD1500_HDMA_MSI_DATA 0xa8u

/*
 * On-chip RAM, 1 MB: the first 256 bytes hold the vendor driver's lists, vendor engine memory grows
 * from there.
 */
#define AKD1500_SCRATCH_ADDR 0x20000100u
/* Our linked lists: the last 8 KiB, which a vendor engine (compatibility mode) reaches last. */
#define AKD1500_LIST_ADDR 0x200fe000u
#define AKD1500_LIST_BYTES 0x2000u

#endif
