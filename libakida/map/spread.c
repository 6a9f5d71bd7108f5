// SPDX-License-Identifier: MIT
/*
 * Mode all-nps: NPs that the smallest mapping leaves free shorten the slowest layers. One step gives the slowest layer
 * that can still gain one more row part or one more filter part, whichever makes it faster; layers that cannot gain are
 * passed over. The last layer keeps its NPs, so that outputs leave the mesh as in a minimal mapping.
 */
#include <errno.h>
#include <stdlib.h>
#include "base/diag.h"
#include "map/cost.h"

static uint64_t cycles_of(const struct ak_layer_place *p, const struct ak_map_chip *chip)
{
	uint64_t cycles;
	double energy_uj;

	ak_map_cost(p, chip, AK_COST_SPARSITY, &cycles, &energy_uj);
	return cycles;
}

/* A finer split with at most room parts more, if it is faster: p is replaced, and true returned. */
static bool refine(struct ak_layer_place *p, const struct ak_map_chip *chip, uint32_t room, int *err,
		   struct akida_diag *diag)
{
	struct ak_layer_place best = {0};
	uint64_t fastest = cycles_of(p, chip);

	for (int filters = 0; filters < 2; filters++) {
		uint32_t r = p->row_parts + !filters, f = p->filter_parts + filters;
		struct ak_layer_place trial = *p;

		if (!ak_split_fits(p->layer, r, f) || r * f > p->count + room)
			continue;
		*err = ak_split_into(&trial, p->layer, r, f, diag);
		if (*err)
			break;
		if (cycles_of(&trial, chip) < fastest) {
			free(best.parts);
			best = trial;
			fastest = cycles_of(&trial, chip);
		} else {
			free(trial.parts);
		}
	}
	if (!best.parts)
		return false;
	free(p->parts);
	*p = best;
	return true;
}

int ak_spread(struct ak_placement *pl, struct akida_diag *diag)
{
	bool done[256] = {false}; /* a model has at most AK_MAP_MAX_LAYER_ID + 1 layers */
	int err = 0;

	while (!err && pl->nps < pl->chip->count) {
		struct ak_layer_place *slowest = NULL;
		uint32_t at = 0, before;

		for (uint32_t i = 1; i + 1 < pl->count; i++) {
			struct ak_layer_place *p = &pl->layers[i];

			if (!done[i] && p->layer->type != AKIDA_LAYER_FULLY &&
			    (!slowest || cycles_of(p, pl->chip) > cycles_of(slowest, pl->chip))) {
				slowest = p;
				at = i;
			}
		}
		if (!slowest)
			break;
		before = slowest->count;
		if (refine(slowest, pl->chip, pl->chip->count - pl->nps, &err, diag))
			pl->nps += slowest->count - before;
		else
			done[at] = true;
	}
	return err;
}
