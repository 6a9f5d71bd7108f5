/* SPDX-License-Identifier: MIT */
/* The mapping report's estimate of time and energy per layer; a model, not a measurement. */
#ifndef AK_MAP_COST_H
#define AK_MAP_COST_H

#include "layer/cost.h"
#include "map/place.h"

/*
 * Clocks of the slowest NP (or the HRC) for one frame, and energy of all of them above idle, for a layer whose
 * input has this share of zeros (0 to 1; NaN counts as AK_COST_SPARSITY). Passes and the host are not in it.
 */
void ak_map_cost(const struct ak_layer_place *p, const struct ak_map_chip *chip, double input_sparsity,
		 uint64_t *cycles, double *energy_uj);
/* Clocks and energies of this chip. */
const struct ak_cost_chip *ak_map_cost_chip(const struct ak_map_chip *chip);
/* The report's figures of a whole frame, from its layers and the words and packets of the program. */
void ak_map_frame(const struct ak_placement *pl, const struct akida_program *program, struct akida_map_report *r);
/* Share of zeros that is assumed as long as nothing was measured. */
#define AK_COST_SPARSITY 0.5

#endif
