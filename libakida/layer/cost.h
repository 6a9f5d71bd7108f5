/* SPDX-License-Identifier: MIT */
/*
 * What a frame costs on the chip: clocks and energy of one processor's share of a layer, from the events it really gets.
 * The one model of the mapping report and of the software NSoC; where it comes from, its fit and its errors:
 * docs/cost-model.md. Modelled, never measured.
 */
#ifndef AK_LAYER_COST_H
#define AK_LAYER_COST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Core clocks and picojoules of the parts of a processor; both chips have the same processors. Fitted by `make fit-cost`,
 * which prints this table anew.
 */
struct ak_cost_unit {
	double line;	 /* standard convolution: a 64-bit weight line applied to an event */
	double tap;	 /* separable convolution: a tap of an event and 12 filters */
	double word;	 /* a word of SRAM looked at: inputs, once for every 8 filters; weight lines of FNPs */
	double event;	 /* an event taken in by an FNP, which begins when it has them all */
	double hrc;	 /* input convolution: an output position and filter, before pooling */
	double fill;	 /* from the last input of a layer to its last output */
	double pj_line;	 /* a weight line, or tap of 12 filters: read, and added up to 12 potentials */
	double pj_cycle; /* a clock of a processor at work, whatever it does */
	double pj_hrc;	 /* an output position and filter of the input convolution, all taps */
};
extern const struct ak_cost_unit ak_cost_unit;

#define AK_COST_CLOCKS 3u
struct ak_cost_clock {
	const char *name;
	uint32_t khz, floor_uw; /* idle power in this mode, as the board's meter shows it */
};

/* What differs between the chips and their boards. */
struct ak_cost_chip {
	uint32_t clocks;
	struct ak_cost_clock clock[AK_COST_CLOCKS]; /* 0: after power-up */
	double memory_word; /* clocks per 32-bit word that comes from memory: programs and weights of FNP2 */
	double packet;	    /* clocks per configuration packet beside its words */
	double pass;	    /* clocks from one pass to the next beside its packets */
	double pj_memory_word;
	uint32_t supply_uv; /* voltage the sensor reports */
	/* Host and bus, not counted in the chip's clocks. */
	uint32_t call_ns;	   /* a frame that finds nothing in flight: one call of the host, to its result */
	uint32_t frame_ns;	   /* a frame among others in flight */
	uint32_t dma_bytes_per_us; /* PCIe DMA engine */
};
extern const struct ak_cost_chip ak_cost_akd1000, ak_cost_akd1500;

enum ak_cost_kind { AK_COST_HRC, AK_COST_STANDARD, AK_COST_SEPARABLE, AK_COST_FNP3, AK_COST_FNP2 };

/* A processor's share of a layer. */
struct ak_cost_share {
	enum ak_cost_kind kind;
	uint32_t kernel;	       /* rows and columns of it */
	uint32_t rows, cols, channels; /* of the input it sees, halo included */
	uint32_t filters;	       /* or neurons */
	uint64_t positions;	       /* HRC: outputs per filter, before pooling */
	uint64_t events;	       /* of its inputs, those that are not zero */
};

struct ak_cost {
	double cycles;
	double pj; /* above idle */
};
struct ak_cost ak_cost_of(const struct ak_cost_unit *u, const struct ak_cost_chip *chip, const struct ak_cost_share *s);

/* Clocks of loading this many words in this many packets. */
double ak_cost_load(const struct ak_cost_chip *chip, uint64_t words, uint64_t packets);

/* Of one frame, filled layer by layer and pass by pass. */
struct ak_cost_frame {
	double latency;	   /* clocks from the first input to the last output */
	double bottleneck; /* clocks between frames of a full pipeline */
	double after;	   /* clocks after the output until the next frame may enter: the first pass is loaded again */
	double pj;	   /* above idle */
};
/* A layer whose processors need `slowest` clocks at most and `pj` together. */
void ak_cost_add_layer(struct ak_cost_frame *frame, const struct ak_cost_unit *u, double slowest, double pj);
/*
 * A pass of a program of several: before its layers, `words` in `packets`. The first one is loaded behind the outputs of
 * the frame before, and no two frames overlap.
 */
void ak_cost_add_pass(struct ak_cost_frame *frame, const struct ak_cost_chip *chip, bool first, uint64_t words,
		      uint64_t packets);

#endif
