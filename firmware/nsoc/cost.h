/* SPDX-License-Identifier: MIT */
/*
 * What inference costs on the modelled chip: cycles and energy from what actually happened (non-zero inputs, weight
 * lines read, processors at work). Every parameter of the timing and power model lives in cost.c.
 */
#ifndef NSOC_COST_H
#define NSOC_COST_H

#include <stdint.h>

struct ns_cost_chip {
	uint32_t core_khz;
	uint32_t floor_uw;	    /* idle power as its power meter shows it */
	uint32_t supply_uv;	    /* voltage the sensor reports */
	uint32_t frame_overhead_ns; /* host and PCIe, per frame, not overlapped with other frames' overhead */
	uint32_t dma_bytes_per_us;  /* PCIe DMA engine */
	uint32_t pj_per_np_cycle;   /* an NP or the HRC at work, above the floor */
};
extern const struct ns_cost_chip ns_cost_akd1000, ns_cost_akd1500;

/* Of one frame, filled layer by layer. */
struct ns_cost_frame {
	uint64_t latency_cycles;    /* sum over layers */
	uint64_t bottleneck_cycles; /* slowest layer: distance of frames in a full pipeline */
	uint64_t np_cycles;	    /* sum over all processors */
};

/* Cycles of one processor. events: its non-zero inputs; cells: all its inputs. */
uint64_t ns_cost_hrc(uint64_t positions, uint32_t filters);
uint64_t ns_cost_standard(uint64_t events, uint64_t cells, uint32_t filters);
uint64_t ns_cost_separable(uint64_t events, uint64_t cells, uint32_t rows, uint32_t cols, uint32_t filters);
uint64_t ns_cost_fully(uint64_t events, uint32_t neurons);
uint64_t ns_cost_config(uint64_t words);

/* Adds a layer whose processors needed `slowest` cycles at most and `total` together. */
void ns_cost_add_layer(struct ns_cost_frame *frame, uint64_t slowest, uint64_t total);

#endif
