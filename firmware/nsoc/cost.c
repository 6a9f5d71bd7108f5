/* SPDX-License-Identifier: MIT */
/*
 * The timing and power model of the software NSoC, all of it. Modelled, not measured: a handful of parameters set by
 * hand against public figures (model-zoo 7.1 to 7.3), to be calibrated properly later.
 *
 * Timing. A processor works through its non-zero inputs and reads the weight lines each one touches, one a cycle, and
 * looks at every input cell once:
 *   standard 3x3    6 * ceil(F/8) lines per event (encoding 24.1)
 *   separable 3x3   ceil(F/12) lines per event and tap that falls inside the map
 *   both            + 5/4 cycle per input cell
 * Shown by: DS-CNN KWS, AKD1500, one NP a layer: 35,280 37,160 25,440 18,920 cycles published; 36,000 37,200 23,500
 * 16,200 by these rules. AkidaNet 0.5 conv_2 on 6 NPs: 1,689,000 published, 1,650,000; separable_8: 3,967,000
 * published, 3,990,000.
 *   HRC             2 cycles per output position and filter (808,280 published for 112x112x32: 802,816)
 *   fully connected 6 cycles per event and neuron (rough: published layers lie between 2 and 7)
 * A frame takes the sum of its layers; in a full pipeline frames follow at the pace of the slowest layer.
 * Programming takes 33/5 cycles a word (121,256 cycles published for 18,359 words).
 *
 * Energy. A floor, and a fixed amount per cycle of a working processor: KWS 8 uJ over 135,000 NP cycles (59 pJ),
 * AkidaNet 0.5 224 3.94 mJ over about 67 million (59 pJ); AKD1000 assumed equal (its published spread is larger).
 */
#include "firmware/nsoc/cost.h"

const struct ns_cost_chip ns_cost_akd1000 = {
	.core_khz = 300000,
	.floor_uw = 905000, /* 894 to 918 mW published */
	.supply_uv = 5000000,
	.frame_overhead_ns = 300000, /* small models do not scale with the clock mode: about 0.3 ms is host and PCIe */
	.dma_bytes_per_us = 37,
	.pj_per_np_cycle = 59,
};
const struct ns_cost_chip ns_cost_akd1500 = {
	.core_khz = 400000,
	.floor_uw = 112000, /* 111 to 114 mW published */
	.supply_uv = 805000,
	.frame_overhead_ns = 24000, /* wall clock minus chip time of KWS */
	.dma_bytes_per_us = 100,    /* assumed: not published */
	.pj_per_np_cycle = 59,
};

static uint64_t scan(uint64_t cells)
{
	return cells + cells / 4;
}

uint64_t ns_cost_hrc(uint64_t positions, uint32_t filters)
{
	return 2 * positions * filters;
}

uint64_t ns_cost_standard(uint64_t events, uint64_t cells, uint32_t filters)
{
	return events * 6 * ((filters + 7) / 8) + scan(cells);
}

uint64_t ns_cost_separable(uint64_t events, uint64_t cells, uint32_t rows, uint32_t cols, uint32_t filters)
{
	/* Taps inside the map: 3 per axis, 2 at either border, so 3n - 2 of 3n on average. */
	uint64_t inside = (uint64_t)(3 * rows - 2) * (3 * cols - 2);

	return events * inside / ((uint64_t)rows * cols) * ((filters + 11) / 12) + scan(cells);
}

uint64_t ns_cost_fully(uint64_t events, uint32_t neurons)
{
	return 6 * events * neurons;
}

uint64_t ns_cost_config(uint64_t words)
{
	return words * 33 / 5;
}

void ns_cost_add_layer(struct ns_cost_frame *frame, uint64_t slowest, uint64_t total)
{
	frame->latency_cycles += slowest;
	if (slowest > frame->bottleneck_cycles)
		frame->bottleneck_cycles = slowest;
	frame->np_cycles += total;
}
