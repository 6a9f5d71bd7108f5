// SPDX-License-Identifier: MIT
/*
 * NPs that the smallest splits of a pass leave free shorten its slowest layers: one step gives the slowest layer that
 * can still gain the split that saves most clocks for each NP more. The last layer of all keeps its NPs, so that outputs
 * leave the mesh as in a minimal mapping.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/cost.h"
#include "map/cost.h"
#include "map/emit.h"

/* What a split costs; clocks 0: not looked at yet. */
struct price {
	uint64_t clocks, words;
	uint32_t packets;
};

struct ak_spread {
	const struct ak_placement *pl;
	uint32_t side;	     /* NPs of the mesh + 1 */
	struct price *price; /* layer, rows, filters */
};

#define MIN_GAIN 1e-4 /* of a layer's clocks: less is not worth an NP */

int ak_spread_begin(const struct ak_placement *pl, struct ak_spread **out, struct akida_diag *diag)
{
	struct ak_spread *s = calloc(1, sizeof(*s));

	*out = s;
	if (s) {
		s->pl = pl;
		s->side = pl->chip->count + 1;
		s->price = calloc((size_t)pl->count * s->side * s->side, sizeof(*s->price));
	}
	if (s && s->price)
		return 0;
	ak_spread_end(s);
	*out = NULL;
	return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for the splits of %u layers", pl->count);
}

void ak_spread_end(struct ak_spread *s)
{
	if (s)
		free(s->price);
	free(s);
}

static bool spreads(const struct ak_spread *s, uint32_t i)
{
	enum akida_layer_type type = s->pl->layers[i].layer->type;

	return (type == AKIDA_LAYER_CONV || type == AKIDA_LAYER_SEPARABLE) && i + 1 < s->pl->count;
}

static uint32_t nps(const struct ak_spread *s, uint32_t i, const struct ak_split *split)
{
	return s->pl->layers[i].layer->type == AKIDA_LAYER_INPUT_CONV ? 0 : split->rows * split->filters;
}

static void price_parts(const struct ak_layer_place *p, const struct ak_map_chip *chip, struct price *price)
{
	enum akida_layer_type type = p->layer->type;
	double energy_uj;

	ak_map_cost(p, chip, AK_COST_SPARSITY, &price->clocks, &energy_uj);
	for (uint32_t n = 0; n < p->count; n++) {
		price->words += type == AKIDA_LAYER_FULLY ? ak_emit_fnp_words(p, n) : ak_emit_cnp_words(p, n);
		price->packets += type == AKIDA_LAYER_SEPARABLE ? 4 : 3;
	}
	if (type == AKIDA_LAYER_INPUT_CONV) { /* in the first pass only, whose loading does not count */
		price->words = 0;
		price->packets = 0;
	}
}

/* NULL: no memory. */
static const struct price *look(struct ak_spread *s, uint32_t i, const struct ak_split *split)
{
	struct price *price = &s->price[((size_t)i * s->side + split->rows) * s->side + split->filters];
	struct ak_layer_place trial = s->pl->layers[i];

	if (price->clocks)
		return price;
	if (!spreads(s, i)) {
		price_parts(&trial, s->pl->chip, price);
		return price;
	}
	if (ak_split_into(&trial, trial.layer, split->rows, split->filters, NULL))
		return NULL;
	price_parts(&trial, s->pl->chip, price);
	free(trial.parts);
	return price;
}

/* Whether the smallest splits have room together. */
static bool fits(const struct ak_spread *s, uint32_t first, uint32_t end, const struct ak_split *split, uint32_t *used)
{
	uint32_t fnp3 = 0, fnp2 = 0;

	*used = 0;
	for (uint32_t i = first; i < end; i++) {
		*used += nps(s, i, &split[i]);
		if (s->pl->layers[i].layer->type != AKIDA_LAYER_FULLY)
			continue;
		if (s->pl->layers[i].fnp2)
			fnp2++;
		else
			fnp3 += split[i].filters;
	}
	return *used <= s->pl->chip->count && fnp3 <= ak_map_chip_count(s->pl->chip, AK_KIND_FNP3) &&
	       fnp2 <= ak_map_chip_count(s->pl->chip, AK_KIND_FNP2);
}

/* The best finer split of layer i with at most spare NPs more; false when none gains. *err: -ENOMEM. */
static bool refine(struct ak_spread *s, uint32_t i, uint32_t spare, struct ak_split *split, int *err)
{
	const struct akida_layer *l = s->pl->layers[i].layer;
	const struct price *now = look(s, i, split), *then;
	uint32_t have = nps(s, i, split), most = have + spare;
	struct ak_split best = {0, 0}, t;
	double gain = 0;

	for (t.rows = split->rows; now && t.rows <= most && t.rows <= ak_row_units(l); t.rows++)
		for (t.filters = split->filters; t.rows * t.filters <= most; t.filters++) {
			double saves;

			if (!ak_split_fits(l, t.rows, t.filters))
				continue;
			then = look(s, i, &t);
			if (!then) {
				now = NULL;
				break;
			}
			if (t.rows * t.filters == have || then->clocks >= now->clocks)
				continue;
			saves = (double)(now->clocks - then->clocks) / (t.rows * t.filters - have);
			if (saves > gain && saves > MIN_GAIN * (double)now->clocks) {
				gain = saves;
				best = t;
			}
		}
	if (!now)
		*err = -ENOMEM;
	if (!best.rows || !now)
		return false;
	*split = best;
	return true;
}

int ak_spread_pass(struct ak_spread *s, uint32_t first, uint32_t end, struct ak_split *split, double *clocks)
{
	bool done[AK_MAP_MAX_LAYER_ID + 2] = {false};
	const struct ak_cost_chip *chip = ak_map_cost_chip(s->pl->chip);
	uint32_t used;
	int err = 0;

	*clocks = INFINITY;
	if (!fits(s, first, end, split, &used))
		return 0;
	while (used < s->pl->chip->count) {
		uint32_t at = end, before;
		uint64_t slowest = 0;

		for (uint32_t i = first; i < end; i++) {
			const struct price *p = look(s, i, &split[i]);

			if (!p)
				return -ENOMEM;
			if (spreads(s, i) && !done[i] && p->clocks > slowest) {
				slowest = p->clocks;
				at = i;
			}
		}
		if (at == end)
			break;
		before = nps(s, at, &split[at]);
		done[at] = !refine(s, at, s->pl->chip->count - used, &split[at], &err);
		if (err)
			return err;
		used += nps(s, at, &split[at]) - before;
	}
	*clocks = first ? chip->pass : 0;
	for (uint32_t i = first; i < end; i++) {
		const struct price *p = look(s, i, &split[i]);

		if (!p)
			return -ENOMEM;
		*clocks += (double)p->clocks + (first ? ak_cost_load(chip, p->words, p->packets) : 0);
	}
	return 0;
}
