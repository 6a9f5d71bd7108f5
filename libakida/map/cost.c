// SPDX-License-Identifier: MIT
/*
 * A rough time and energy model for reports, with the rules and constants of the software NSoC's cost model (which works
 * on the events of real frames and is not in reach of this folder); sources there and in model-zoo 7.3:
 *   HRC          2 cycles per output position and filter
 *   convolution  6 cycles per input event and 8 filters; separable: 1 per event, tap inside the map and 12 filters;
 *                both and 1.25 cycles per input value
 *   FNP3         6 cycles per event and neuron
 *   energy       59 pJ per cycle of a working NP
 * Filter splits see all events, row splits those of their cut.
 */
#include <math.h>
#include "map/cost.h"

#define CYCLES_HRC 2.0
#define CYCLES_STANDARD 6.0
#define CYCLES_VALUE 1.25
#define CYCLES_FULLY 6.0
#define PJ_PER_CYCLE 59.0

static double part_cycles(const struct akida_layer *l, const struct ak_part *part, double density)
{
	double rows = part->cut_rows, cols = l->in_w, values = rows * cols * l->in_c, per_event;

	if (l->type == AKIDA_LAYER_SEPARABLE)
		per_event = (3 * rows - 2) * (3 * cols - 2) / (rows * cols) * ((part->filters + 11) / 12);
	else
		per_event = CYCLES_STANDARD * ((part->filters + 7) / 8);
	return values * density * per_event + values * CYCLES_VALUE;
}

void ak_cost(const struct ak_layer_place *p, double input_sparsity, uint64_t *cycles, double *energy_uj)
{
	const struct akida_layer *l = p->layer;
	double density = 1 - (isnan(input_sparsity) ? AK_COST_SPARSITY : input_sparsity), worst = 0, sum = 0;

	if (l->type == AKIDA_LAYER_INPUT_CONV) {
		worst = sum = CYCLES_HRC * l->conv_h * l->conv_w * l->filters;
	} else if (l->type == AKIDA_LAYER_FULLY) {
		worst = sum = CYCLES_FULLY * density * l->in_h * l->in_w * l->in_c * l->filters;
	} else {
		for (uint32_t i = 0; i < p->count; i++) {
			double c = part_cycles(l, &p->parts[i], density);

			worst = c > worst ? c : worst;
			sum += c;
		}
	}
	*cycles = (uint64_t)worst;
	*energy_uj = sum * PJ_PER_CYCLE * 1e-6;
}
