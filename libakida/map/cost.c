// SPDX-License-Identifier: MIT
/* The mapping report's time and energy: the model of layer/cost.h on events that are spread evenly. */
#include <math.h>
#include <string.h>
#include "layer/cost.h"
#include "map/cost.h"
#include "program/program.h"

static enum ak_cost_kind kind_of(const struct akida_layer *l)
{
	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV:
		return AK_COST_HRC;
	case AKIDA_LAYER_SEPARABLE:
		return AK_COST_SEPARABLE;
	case AKIDA_LAYER_FULLY:
		return AK_COST_FNP3;
	default:
		return AK_COST_STANDARD;
	}
}

const struct ak_cost_chip *ak_map_cost_chip(const struct ak_map_chip *chip)
{
	return strcmp(chip->name, "akd1000") ? &ak_cost_akd1500 : &ak_cost_akd1000;
}

void ak_map_cost(const struct ak_layer_place *p, const struct ak_map_chip *chip, double input_sparsity,
		 uint64_t *cycles, double *energy_uj)
{
	const struct ak_cost_chip *cost = ak_map_cost_chip(chip);
	const struct akida_layer *l = p->layer;
	double density = 1 - (isnan(input_sparsity) ? AK_COST_SPARSITY : input_sparsity), slowest = 0, pj = 0;
	uint32_t parts = l->type == AKIDA_LAYER_INPUT_CONV ? 1 : p->count;

	for (uint32_t i = 0; i < parts; i++) {
		const struct ak_part *part = p->parts ? &p->parts[i] : NULL;
		struct ak_cost_share s = {
			.kind = p->fnp2 ? AK_COST_FNP2 : kind_of(l),
			.kernel = l->kernel_h,
			.rows = part && part->cut_rows ? part->cut_rows : l->in_h,
			.cols = l->in_w,
			.channels = l->in_c,
			.filters = part ? part->filters : l->filters,
			.positions = (uint64_t)l->conv_h * l->conv_w,
		};
		struct ak_cost c;

		s.events = (uint64_t)(density * s.rows * s.cols * s.channels);
		c = ak_cost_of(&ak_cost_unit, cost, &s);
		pj += c.pj;
		if (c.cycles > slowest)
			slowest = c.cycles;
	}
	*cycles = (uint64_t)(slowest + ak_cost_unit.fill);
	*energy_uj = pj * 1e-6;
}

static uint64_t packets_in(const uint32_t *words, uint32_t count)
{
	uint64_t packets = 0;

	for (uint64_t at = 0; at + 1 < count;
	     at += 2 + AK_PKT_LEN(words[at + 1]) * (AK_PKT_XL(words[at + 1]) ? 16u : 1u))
		packets++;
	return packets;
}

void ak_map_frame(const struct ak_placement *pl, const struct akida_program *program, struct akida_map_report *r)
{
	const struct ak_cost_chip *cost = ak_map_cost_chip(pl->chip);
	const struct akida_layer *in = pl->layers[0].layer;
	struct {
		uint64_t words, packets;
	} pass[AK_MAP_MAX_PASSES] = {{0, 0}};
	struct ak_cost_frame frame = {0};
	double bus_us = (double)in->in_h * in->in_w * in->in_c / cost->dma_bytes_per_us, khz = cost->clock[0].khz, us;

	for (uint32_t i = 0; i < program->head.track_count; i++) {
		const struct ak_track *t = &program->head.tracks[i];

		if (t->external)
			continue;
		pass[t->pass].words += t->words;
		pass[t->pass].packets += packets_in(ak_program_track(program, i), t->words);
	}
	for (uint32_t i = 0; i < pl->passes; i++)
		ak_cost_add_pass(&frame, cost, !i, pass[i].words, pass[i].packets);
	if (pl->passes > 1) {
		r->latency_cycles = (uint64_t)frame.latency;
		r->energy_uj = frame.pj * 1e-6;
	}
	for (uint32_t i = 0; i < pl->count; i++) {
		r->latency_cycles += r->layers[i].cycles;
		if (r->layers[i].cycles > r->interval_cycles)
			r->interval_cycles = r->layers[i].cycles;
		r->energy_uj += r->layers[i].energy_uj;
	}
	if (pl->passes > 1) /* no two frames overlap */
		r->interval_cycles = r->latency_cycles + (uint64_t)frame.after;
	r->program_cycles = (uint64_t)ak_cost_load(cost, pass[0].words, pass[0].packets);
	r->chip_us = (double)r->latency_cycles * 1e3 / khz;
	r->call_us = r->chip_us + cost->call_ns / 1e3 + bus_us;
	us = fmax((double)r->interval_cycles * 1e3 / khz, cost->frame_ns / 1e3 + bus_us);
	r->fps = 1e6 / us;
}
