// SPDX-License-Identifier: MIT
/* The mapping report's time and energy: the model of layer/cost.h on events that are spread evenly. */
#include <math.h>
#include <string.h>
#include "layer/cost.h"
#include "map/cost.h"

static enum ak_cost_kind kind_of(const struct akida_layer *l)
{
	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV:
		return AK_COST_HRC;
	case AKIDA_LAYER_SEPARABLE:
		return AK_COST_SEPARABLE;
	case AKIDA_LAYER_FULLY:
		return ak_fnp_words(l) > AK_FNP3_WORDS ? AK_COST_FNP2 : AK_COST_FNP3;
	default:
		return AK_COST_STANDARD;
	}
}

void ak_map_cost(const struct ak_layer_place *p, const struct ak_map_chip *chip, double input_sparsity,
		 uint64_t *cycles, double *energy_uj)
{
	const struct ak_cost_chip *cost = strcmp(chip->name, "akd1000") ? &ak_cost_akd1500 : &ak_cost_akd1000;
	const struct akida_layer *l = p->layer;
	double density = 1 - (isnan(input_sparsity) ? AK_COST_SPARSITY : input_sparsity), slowest = 0, pj = 0;
	uint32_t parts = l->type == AKIDA_LAYER_INPUT_CONV ? 1 : p->count;

	for (uint32_t i = 0; i < parts; i++) {
		const struct ak_part *part = p->parts ? &p->parts[i] : NULL;
		struct ak_cost_share s = {
			.kind = kind_of(l),
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
