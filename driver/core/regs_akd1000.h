/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * AKD1000: iATU viewport in PCI configuration space, legacy-map eDMA behind BAR2, memory map.
 * Values only; shared with the software NSoC. Source: nsoc-hardware 2.1, 2.2, 3.1, 4.
 */
#ifndef AKC_REGS_AKD1000_H
#define AKC_REGS_AKD1000_H

#define AKD1000_BAR_CORE 0u
#define AKD1000_BAR_DBI 2u
#define AKD1000_BAR_MEM 4u
#define AKD1000_BAR_BYTES 0x400000u
#define AKD1000_DBI_ADDR 0xf8c00000u
#define AKD1000_MEM_ADDR 0x20000000u

/* iATU, configuration space offsets */
#define AKD1000_ATU_REGION 0x900u
#define AKD1000_ATU_REGION_INBOUND (1u << 31)
#define AKD1000_ATU_CTRL1 0x904u
#define AKD1000_ATU_CTRL2 0x908u
#define AKD1000_ATU_TARGET_LO 0x918u
#define AKD1000_ATU_CTRL2_EN (1u << 31)
#define AKD1000_ATU_CTRL2_BAR_MATCH (1u << 30)
#define AKD1000_ATU_CTRL2_FUNC_MATCH (1u << 19)
#define AKD1000_ATU_CTRL2_BAR(n) ((n) << 8)
#define AKD1000_ATU_CTRL2_FIXED 0xc0080000u /* EN | BAR_MATCH | FUNC_MATCH */
#define AKD1000_ATU_CTRL2_CHECK 0xc0080700u

/* eDMA, offsets from the block at BAR2 + 0x970 */
#define AKD1000_EDMA 0x970u
#define AKD1000_EDMA_CTRL 0x08u
#define AKD1000_EDMA_WR_ENABLE 0x0cu
#define AKD1000_EDMA_WR_DOORBELL 0x10u
#define AKD1000_EDMA_RD_ENABLE 0x2cu
#define AKD1000_EDMA_RD_DOORBELL 0x30u
#define AKD1000_EDMA_DOORBELL_STOP (1u << 31)
#define AKD1000_EDMA_WR_STATUS 0x4cu
#define AKD1000_EDMA_WR_MASK 0x54u
#define AKD1000_EDMA_WR_CLEAR 0x58u
#define AKD1000_EDMA_WR_ERROR 0x5cu
#define AKD1000_EDMA_WR_DONE_MSI 0x60u
#define AKD1000_EDMA_WR_ABORT_MSI 0x68u
#define AKD1000_EDMA_WR_MSI_DATA 0x70u
#define AKD1000_EDMA_WR_LL_ERROR 0x90u
#define AKD1000_EDMA_RD_STATUS 0xa0u
#define AKD1000_EDMA_RD_MASK 0xa8u
#define AKD1000_EDMA_RD_CLEAR 0xacu
#define AKD1000_EDMA_RD_ERROR 0xb4u
#define AKD1000_EDMA_RD_LL_ERROR 0xc4u
#define AKD1000_EDMA_RD_DONE_MSI 0xccu
#define AKD1000_EDMA_RD_ABORT_MSI 0xd4u
#define AKD1000_EDMA_RD_MSI_DATA 0xdcu
#define AKD1000_EDMA_INT_DONE(ch) (1u << (ch))
#define AKD1000_EDMA_INT_ABORT(ch) (1u << (16u + (ch)))
#define AKD1000_EDMA_VIEWPORT 0xfcu
#define AKD1000_EDMA_VIEWPORT_READ (1u << 31)
#define AKD1000_EDMA_CH_CONTROL1 0x100u
#define AKD1000_EDMA_CH_CONTROL1_STATUS(v) (((v) >> 5) & 0x3u)
#define AKD1000_EDMA_CH_CONTROL1_CCS (1u << 8)
#define AKD1000_EDMA_CH_CONTROL1_LLE (1u << 9)
#define AKD1000_EDMA_CH_CONTROL2 0x104u
#define AKD1000_EDMA_CH_BYTES 0x108u
#define AKD1000_EDMA_CH_SOURCE 0x10cu
#define AKD1000_EDMA_CH_DEST 0x114u
#define AKD1000_EDMA_CH_LIST 0x11cu
#define AKD1000_EDMA_RUNNING 1u
#define AKD1000_EDMA_HALTED 2u /* DesignWare's "halted due to error" */
#define AKD1000_EDMA_STOPPED 3u

/* LPDDR4: the engine's scratch starts above what on-chip firmware may use. */
#define AKD1000_SCRATCH_ADDR 0x24000000u
#define AKD1000_SCRATCH_BYTES (192u << 20)
/*
 * Our linked lists: the last 64 KiB of the 4 MB that BAR4 shows. The vendor driver keeps its lists
 * in the first 256 bytes, or in its large layout in the first 1 MB with data growing upwards behind
 * it, and on-chip firmware, if any, starts at the bottom of the same memory; the far end of the
 * window is the place all of these reach last.
 */
#define AKD1000_LIST_ADDR 0x203f0000u
#define AKD1000_LIST_BYTES 0x10000u

#endif
