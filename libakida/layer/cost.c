// SPDX-License-Identifier: MIT
/* The rules of the cost model and its parameters. docs/cost-model.md says why. */
#include "layer/cost.h"

const struct ak_cost_unit ak_cost_unit = {
	.line = 0.93,
	.tap = 0.91,
	.word = 1.54,
	.event = 1,
	.hrc = 2.02,
	.fill = 430,
	.pj_line = 20.6,
	.pj_cycle = 38.5,
	.pj_hrc = 236,
};

const struct ak_cost_chip ak_cost_akd1000 = {
	.clocks = 3,
	.clock = {{"performance", 300000, 905000}, {"economy", 100000, 746000}, {"low-power", 5000, 671000}},
	.memory_word = 4.05,
	.packet = 196,
	.pass = 12700,
	.pj_memory_word = 4000,
	.supply_uv = 5000000,
	.call_ns = 1000000,
	.frame_ns = 370000,
	.dma_bytes_per_us = 37,
};
const struct ak_cost_chip ak_cost_akd1500 = {
	.clocks = 1,
	.clock = {{"performance", 400000, 112000}},
	.memory_word = 10.7,
	.packet = 196,
	.pass = 12700,
	.pj_memory_word = 107,
	.supply_uv = 805000,
	.call_ns = 24000,
	.frame_ns = 24000,
	.dma_bytes_per_us = 530,
};

static double ceil_div(double a, double b)
{
	uint64_t n = (uint64_t)(a / b);

	return (double)n * b < a ? (double)n + 1 : (double)n;
}

/* Of the taps of all positions along one axis, the share that falls inside the map. */
static double inside(uint32_t n, uint32_t kernel)
{
	double lost = (double)(kernel / 2) * (kernel / 2 + 1), all = (double)kernel * n;

	return all > lost ? (all - lost) / all : 1.0 / kernel;
}

/* 64-bit weight lines per event: 3 taps of 4 filters each (nsoc-hardware 24.1), 12 filters where there is one tap. */
static double standard_lines(const struct ak_cost_share *s)
{
	if (s->kernel == 1)
		return ceil_div(s->filters, 12);
	return s->kernel * ceil_div(s->kernel, 3) * 2 * ceil_div(s->filters, 8);
}

static double max(double a, double b)
{
	return a > b ? a : b;
}

struct ak_cost ak_cost_of(const struct ak_cost_unit *u, const struct ak_cost_chip *chip, const struct ak_cost_share *s)
{
	double per_8 = ceil_div(s->filters, 8), lines = 0, scan, blocks, pj, cycles;

	switch (s->kind) {
	case AK_COST_HRC:
		cycles = u->hrc * (double)s->positions * s->filters;
		return (struct ak_cost){cycles, u->pj_hrc * (double)s->positions * s->filters};
	case AK_COST_FNP3:
	case AK_COST_FNP2:
		blocks = ceil_div((double)s->rows * s->cols * s->channels, 64) * s->filters;
		lines = 8 * blocks; /* 12 words in lines of 48 bits */
		cycles = u->word * lines + u->event * (double)s->events;
		pj = u->pj_line * lines + u->pj_cycle * cycles;
		if (s->kind == AK_COST_FNP2) {
			cycles = max(cycles, chip->memory_word * 12 * blocks + u->event * (double)s->events);
			pj += chip->pj_memory_word * 12 * blocks;
		}
		return (struct ak_cost){cycles, pj};
	case AK_COST_SEPARABLE:
		lines = (double)s->events * s->kernel * s->kernel * inside(s->rows, s->kernel) *
			inside(s->cols, s->kernel) * ceil_div(s->filters, 12);
		cycles = u->tap * lines;
		break;
	default:
		lines = (double)s->events * inside(s->cols, s->kernel) * standard_lines(s);
		cycles = u->line * lines;
	}
	scan = ceil_div(s->rows, 2) * ceil_div(s->channels, 4) * s->cols * per_8; /* words of 2 rows and 4 channels */
	cycles += u->word * scan;
	return (struct ak_cost){cycles, u->pj_line * lines + u->pj_cycle * cycles};
}

double ak_cost_load(const struct ak_cost_chip *chip, uint64_t words, uint64_t packets)
{
	return chip->memory_word * (double)words + chip->packet * (double)packets;
}

void ak_cost_add_layer(struct ak_cost_frame *frame, const struct ak_cost_unit *u, double slowest, double pj)
{
	frame->latency += slowest + u->fill;
	frame->bottleneck = max(frame->bottleneck, slowest + u->fill);
	frame->pj += pj;
}

void ak_cost_add_pass(struct ak_cost_frame *frame, const struct ak_cost_chip *chip, bool first, uint64_t words,
		      uint64_t packets)
{
	double cycles = ak_cost_load(chip, words, packets);

	frame->pj += chip->pj_memory_word * (double)words;
	if (first)
		frame->after = cycles;
	else
		frame->latency += cycles + chip->pass;
}
