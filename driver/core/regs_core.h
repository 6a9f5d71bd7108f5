/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What both chips share behind the PCIe windows: the Akida core register block (offsets from
 * 0xFCC00000), the core DMA controllers, their descriptors, the EPG, configuration packets and
 * output headers. Values only, no code: the software NSoC includes this file too. Source of every
 * value: nsoc-hardware sections 4 to 13 and 15.
 */
#ifndef AKC_REGS_CORE_H
#define AKC_REGS_CORE_H

#define AKC_CORE_ADDR 0xfcc00000u /* device address of register 0 */
#define AKC_CORE_SPAN 0x100000u	  /* AKD1500's block; nothing known lies above */

/* ---- top level (5) ---- */
#define AKC_TOP_VERSION 0x00u /* vendor, product, major, minor from the top; 0 on AKD1000 */
#define AKC_TOP_CONTROL 0x04u
#define AKC_TOP_CONTROL_REWIND (1u << 0)
#define AKC_TOP_CONTROL_MULTI_PASS (1u << 1)
#define AKC_TOP_CONTROL_LOGIC_RESET (1u << 8)
#define AKC_TOP_CONTROL_CORE_RESET (1u << 9)
#define AKC_TOP_CONTROL_MESH_RESET (1u << 10)
#define AKC_TOP_CONTROL_SCC_RESET (1u << 12)
#define AKC_TOP_FNP2_WEIGHTS(i) (0x10u + 4u * (i)) /* device address, i = 0..3 */
#define AKC_TOP_MESH1 0x50u
#define AKC_MESH1_ROWS(v) ((v) & 0xffu)
#define AKC_MESH1_COLS(v) (((v) >> 8) & 0xffu)
#define AKC_MESH1_ROW1_START(v) (((v) >> 16) & 0xffu)
#define AKC_MESH1_ROW2_START(v) (((v) >> 24) & 0xffu)
#define AKC_TOP_MESH2 0x54u
#define AKC_MESH2_NPS(v) ((v) & 0x7u)
#define AKC_MESH2_DMA_EMPTY (1u << 4)
#define AKC_MESH2_DMA_ROW(v) (((v) >> 8) & 0xffu)
#define AKC_MESH2_DMA_COL(v) (((v) >> 16) & 0xffu)
#define AKC_MESH2_DMA_EVENT(v) (((v) >> 24) & 0x3u)
#define AKC_MESH2_DMA_CONF(v) (((v) >> 28) & 0x3u)
#define AKC_TOP_MESH3 0x58u
#define AKC_MESH3_FNP2_ROW(v) ((v) & 0xffu)
#define AKC_MESH3_FNP2_COL(v) (((v) >> 8) & 0xffu)
#define AKC_MESH3_FNP2_COUNT(v) (((v) >> 16) & 0x3u)
#define AKC_MESH3_LAST_COL(v) (((v) >> 24) & 0xffu) /* of the last row; not on the AKD1000 */
#define AKC_TOP_OPTIONS 0x68u
#define AKC_TOP_OPTIONS_EVENT_DMA (1u << 0)
#define AKC_TOP_OPTIONS_NP_DMA (1u << 1)
#define AKC_TOP_OPTIONS_HRC (1u << 4)
#define AKC_TOP_POTENTIAL_DEPTH 0x70u
#define AKC_TOP_FILTER_DEPTH 0x74u

#define AKC_EVENT_DMA 0x20000u
#define AKC_HRC_DMA 0x28000u
#define AKC_CONF_DMA 0x30000u
#define AKC_EPG 0x40000u
#define AKC_INTC 0x70000u

/*
 * ---- power meter of the emulated board: ours, the registers of real boards' meters are not public
 * ---- One sample every 141 ms, 1024 are kept, the oldest is dropped.
 */
#define AKC_SENSOR 0xf8000u
#define AKC_SENSOR_ID 0x00u /* reads AKC_SENSOR_MAGIC */
#define AKC_SENSOR_MAGIC 0x41504d31u /* "1MPA" */
#define AKC_SENSOR_FLOOR_UW 0x04u
#define AKC_SENSOR_COUNT 0x08u	 /* samples waiting; writing 1 drops them */
#define AKC_SENSOR_TIME_MS 0x0cu /* of the oldest sample, by the board's clock */
#define AKC_SENSOR_UV 0x10u	 /* its voltage in microvolts */
#define AKC_SENSOR_UA 0x14u	 /* its current in microamperes; reading this pops the sample */
#define AKC_SENSOR_NOW_MS 0x18u	 /* the board's clock */
#define AKC_SENSOR_ENERGY_LO 0x1cu /* microjoules since power-up; the low word latches the high */
#define AKC_SENSOR_ENERGY_HI 0x20u
#define AKC_SENSOR_CLOCK_KHZ 0x24u /* core clock */

/* ---- core DMA controller, one block at each of the three bases (7) ---- */
#define AKC_CDMA_CONTROL 0x00u
#define AKC_CDMA_CONTROL_VERSION(v) ((v) & 0xfu)
#define AKC_CDMA_CONTROL_RUN (1u << 8)
#define AKC_CDMA_CONTROL_SOFT_RESET (1u << 9)
#define AKC_CDMA_CONTROL_INT_EN (1u << 10)
#define AKC_CDMA_CONTROL_RUN_HW_EN (1u << 11)
#define AKC_CDMA_CONTROL_INFO_EN (1u << 24) /* output header on */
#define AKC_CDMA_CONTROL_INFO_HDR (1u << 25)
#define AKC_CDMA_CONTROL_HDR_BYTES(n) ((n) << 26)
#define AKC_CDMA_CONTAINER 0x04u /* both indices 0xff after reset */
#define AKC_CDMA_CONTAINER_CUR(v) ((v) & 0xffu)
#define AKC_CDMA_CONTAINER_LAST(v) (((v) >> 16) & 0xffu)
#define AKC_CDMA_RING 0x08u
#define AKC_CDMA_GEOMETRY 0x0cu
#define AKC_CDMA_GEOMETRY_SET(units32, count) ((units32) | (((count) - 1u) << 16))
#define AKC_CDMA_STATUS 0x10u
#define AKC_CDMA_STATUS_JOB(v) (((v) >> 16) & 0xffffu) /* last finished descriptor */
#define AKC_CDMA_IB_ADDR 0x14u
#define AKC_CDMA_OB_ADDR 0x18u
#define AKC_CDMA_OB_WORDS 0x1cu
#define AKC_CDMA_IB_WORDS 0x20u
#define AKC_CDMA_MONITOR 0x24u
#define AKC_CDMA_MONITOR_STATUS_CLEAR (1u << 0)
#define AKC_CDMA_MONITOR_COUNTER_CLEAR (1u << 1)
#define AKC_CDMA_MONITOR_JOBS_CLEAR (1u << 2)
#define AKC_CDMA_MONITOR_END_OUTBOUND (0u << 8)
#define AKC_CDMA_MONITOR_END_INBOUND (1u << 8) /* full pipeline */
#define AKC_CDMA_MONITOR_COUNTER (1u << 12)
#define AKC_CDMA_MONITOR_TIMER (1u << 13)
#define AKC_CDMA_MONITOR_MASK_OB (1u << 16)
#define AKC_CDMA_MONITOR_MASK_IB (1u << 17)
#define AKC_CDMA_MONITOR_MASK_EXT (1u << 18)
#define AKC_CDMA_MONITOR_MASK_BURST (1u << 19)
#define AKC_CDMA_EVENTS 0x28u /* raw [3:0], unmasked [19:16] */
#define AKC_CDMA_EVENTS_OB (1u << 0)
#define AKC_CDMA_EVENTS_IB (1u << 1)
#define AKC_CDMA_EVENTS_EXT (1u << 2)
#define AKC_CDMA_EVENTS_BURST (1u << 3)
#define AKC_CDMA_EVENTS_OB_INT (1u << 16)
#define AKC_CDMA_EVENTS_BURST_INT (1u << 19)
#define AKC_CDMA_BUFFER_COUNTER 0x2cu
#define AKC_CDMA_TIMER 0x30u
#define AKC_CDMA_DELAYS 0x38u
#define AKC_CDMA_EXTRA 0x3cu
#define AKC_CDMA_JOB_FIFO 0x50u
#define AKC_CDMA_REPLAY 0x70u
#define AKC_CDMA_REPLAY_BURST (1u << 0)
#define AKC_CDMA_REPLAY_OB_ADDR (1u << 4) /* output addresses from the registers below */
#define AKC_CDMA_REPLAY_DYNAMIC (1u << 5)
#define AKC_CDMA_REPLAY_BUFFERS (1u << 16)
#define AKC_CDMA_BURST 0x74u
#define AKC_CDMA_BURST_DESCS(v) ((v) & 0xffu)	   /* descriptors of a burst: those of one pass */
#define AKC_CDMA_BURST_LOOPS(v) (((v) >> 16) & 0xffu)
#define AKC_CDMA_BURST_LAYERS(v) (((v) >> 24) & 0xffu) /* loops again: one for each pass */
#define AKC_CDMA_MAIN 0x78u    /* descriptors of the frames */
#define AKC_CDMA_SCRATCH 0x7cu /* and those that the controller makes itself */
#define AKC_CDMA_OB_EVENTS 0x80u     /* where the outputs of the last pass go */
#define AKC_CDMA_EVENT_SCRATCH 0x84u /* events from one pass to the next: two areas, used in turn */
/*
 * Distance of the two areas in 256 bytes. That it is this field, and how the areas are used, is ours:
 * nothing is public beyond the registers' names.
 */
#define AKC_CDMA_OB_OFFSETS 0x88u
#define AKC_CDMA_OB_OFFSETS_UNIT 256u
#define AKC_CDMA_OB_OFFSETS_EVENTS(v) (((v) >> 16) & 0xffffu)
#define AKC_CDMA_OB_MAXIMA 0x8cu
#define AKC_CDMA_LEARN_CLASS 0x90u
#define AKC_CDMA_OB_CLEAR 0x98u /* words [27:0] */
#define AKC_CDMA_OB_CLEAR_EN (1u << 31)

/* ---- descriptors (8) ---- */
#define AKC_DESC_VERSION 1u
#define AKC_DESC_IB_INT_OFF (1u << 13)
#define AKC_DESC_CONF_WRITE (1u << 28)
#define AKC_DESC_CONF_READ 0u
#define AKC_DESC_JOB(id) ((id) * 0x10000u)
#define AKC_DESC_CONF_BYTES 32u
#define AKC_DESC_EVENT_BYTES 32u
#define AKC_DESC_IMAGE_BYTES 64u /* 9 words in a slot of 16 */

/* ---- event packet generator (13), offsets from AKC_EPG ---- */
#define AKC_EPG_CONTROL 0x00u
#define AKC_EPG_CONTROL_LOOPBACK (1u << 16)
#define AKC_EPG_CONTROL_SOFT_RESET (1u << 20)
#define AKC_EPG_CONTROL_SEQ_RESET (1u << 24)
#define AKC_EPG_NOC_DELAY 0x04u
#define AKC_EPG_PACKET_DELAY 0x08u
#define AKC_EPG_SYNC 0x0cu
#define AKC_EPG_HEADER 0x10u
#define AKC_EPG_HEADER_TYPE(v) ((v) & 0xfu) /* 0 broadcast, 1 limited broadcast, 2 point to point */
#define AKC_EPG_HEADER_NP(v) (((v) >> 4) & 0xfu)
#define AKC_EPG_HEADER_WEST(v) (((v) >> 16) & 0xffu) /* or row */
#define AKC_EPG_HEADER_EAST(v) (((v) >> 24) & 0xffu) /* or column */
#define AKC_EPG_PAYLOAD 0x14u
#define AKC_EPG_SYNC2 0x18u
#define AKC_EPG_PACKET 0x1cu
#define AKC_EPG_BUFFER_MAX 0x20u
#define AKC_EPG_SYNC_LAST 0x24u
#define AKC_EPG_SYNC_LAST_EOP (1u << 0) /* ends of packets are counted by source layer */

/* ---- interrupt controller (5), offsets from AKC_INTC ---- */
#define AKC_INTC_ENABLE 0x00u
#define AKC_INTC_MASK 0x04u /* 1: masked */
#define AKC_INTC_SOURCE 0x08u
#define AKC_INTC_EVENT_DMA (1u << 0)
#define AKC_INTC_CONF_DMA (1u << 2)
#define AKC_INTC_HRC (1u << 5)

/* ---- configuration packets (10) ---- */
#define AKC_PKT_COL(w0) (((w0) >> 24) & 0xffu)
#define AKC_PKT_ROW(w0) (((w0) >> 16) & 0xffu)
#define AKC_PKT_DST(w0) (((w0) >> 8) & 0xfu) /* one-hot NP id */
#define AKC_PKT_HRC(w0) (((w0) >> 6) & 0x3u)
#define AKC_PKT_HRC_ENABLE 2u
#define AKC_PKT_UID(w0) ((w0) & 0xfu)
#define AKC_PKT_RESERVED0 0x0000f030u /* bits of word 0 that no field uses */
#define AKC_PKT_XL (1u << 31)	      /* length in units of 16 words */
#define AKC_PKT_RESERVED1 (1u << 30)
#define AKC_PKT_LEN(w1) (((w1) >> 16) & 0x3fffu)
#define AKC_PKT_START(w1) ((w1) & 0xffffu)
#define AKC_PKT_HEADER_WORDS 2u
#define AKC_PKT_LEN_MAX 0x3ffeu /* without XL */

#define AKC_UID_FILTER 0u
#define AKC_UID_COMPACT 1u
#define AKC_UID_LEARN 2u
#define AKC_UID_INPUT 3u
#define AKC_UID_THRESHOLD 4u
#define AKC_UID_LUT 5u
#define AKC_UID_FNP_WEIGHT 6u
#define AKC_UID_REGISTER 8u

/* ---- NP registers, word index = byte offset / 4 (12) ---- */
#define AKC_NPR_REG1 0u
#define AKC_NPR_REG1_FNP(v) (((v) >> 4) & 0x3u)
#define AKC_NPR_REG1_CNP(v) (((v) >> 6) & 0x3u)
#define AKC_NPR_REG2 1u
#define AKC_NPR_REG2_FNP_MODE (1u << 4)
#define AKC_NPR_REG2_FNP2_ID(v) (((v) >> 16) & 0xfu)
#define AKC_NPR_REG3 2u
#define AKC_NPR_REG4 3u
#define AKC_NPR_REG4_W_BITS(v) (((v) >> 4) & 0x3u) /* code: 2 is 4 bits */
#define AKC_NPR_REG4_QUANTIZE (1u << 15)
#define AKC_NPR_FNP2 15u
#define AKC_NPR_FNP2_NEURONS(v) ((v) & 0x1ffffu)
#define AKC_NPR_REG11 11u
#define AKC_NPR_REG11_CHANNELS(v) (((v) >> 12) & 0x3ffffu) /* of an FNP: blocks of 64 inputs */
#define AKC_NPR_CNP5 25u
#define AKC_NPR_CNP5_II(v) ((v) & 0x3ffu)
#define AKC_NPR_CNP5_JJ(v) (((v) >> 16) & 0xffu)
#define AKC_NPR_CNP6 26u
#define AKC_NPR_CNP6_FILTERS(v) (((v) >> 16) & 0x7ffu)
#define AKC_NPR_CNP7 27u
#define AKC_NPR_CNP7_GLOBAL (1u << 8)
#define AKC_NPR_PR1 32u
#define AKC_NPR_PR1_ENABLE (1u << 0)
#define AKC_NPR_LEARN1 36u
#define AKC_NPR_LEARN1_MODE (1u << 28)
#define AKC_NPR_MM1 44u
#define AKC_NPR_MM1_P2P (1u << 0)
#define AKC_NPR_MM2 45u
#define AKC_NPR_MM2_ROW(v) ((v) & 0xffu)		/* or west column */
#define AKC_NPR_MM2_COL(v) (((v) >> 8) & 0xffu)	/* or east column */
#define AKC_NPR_MM2_NP(v) (((v) >> 20) & 0xfu)
#define AKC_NPR_MM2_LAYER(v) (((v) >> 24) & 0xffu)
#define AKC_NPR_MM6 49u
#define AKC_NPR_REGS 50u /* words a program may write: all decoded blocks are exactly these */
#define AKC_NPR_RESET 63u
#define AKC_LAYER_DMA 0xffu

/* ---- output header (15.2), 32 bytes ---- */
#define AKC_OUT_WORDS(w0) ((w0) & 0x0fffffffu)
#define AKC_OUT_FORMAT(w0) (((w0) >> 28) & 0xfu)
#define AKC_FMT_FNP_POTENTIALS 0x1u
#define AKC_FMT_CNP_ACTIVATIONS 0x2u
#define AKC_FMT_CNP_POTENTIALS 0x3u
#define AKC_FMT_FNP_ACTIVATIONS 0x5u
#define AKC_FMT_DENSE_CNP_POTENTIALS 0x8u
#define AKC_FMT_DENSE_CNP_SHORT 0x9u
#define AKC_FMT_DENSE_FNP_ACTIVATIONS 0xau
#define AKC_FMT_DENSE_FNP_POTENTIALS 0xbu
#define AKC_FMT_DENSE_CNP_ACTIVATIONS 0xcu
#define AKC_FMT_DENSE_FNP_SHORT 0xeu

/* ---- linked-list elements of both PCIe DMA engines (3.3), 32-bit words ---- */
#define AKC_LL_CB (1u << 0)
#define AKC_LL_TCB (1u << 1)
#define AKC_LL_LLP (1u << 2)
#define AKC_LL_LIE (1u << 3)
#define AKC_LL_RIE (1u << 4)
#define AKC_LL_DATA_BYTES 24u
#define AKC_LL_LINK_BYTES 16u

#endif
