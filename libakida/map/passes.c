// SPDX-License-Identifier: MIT
/*
 * Passes and positions. A network that does not fit the mesh runs in several passes, which the chip loads in turn for
 * every frame; within a pass layers lie as in the decoded programs (nsoc-hardware 11): column by column, convolution
 * layers on ids 1 to 3 of full nodes, fully connected ones on id 0; when those run out, what is left of the mesh.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "map/place.h"

#define WORTH 1.10

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

/* ---- fully connected layers ---- */

/* Neurons over as many FNP3 as hold them, spread evenly. */
static int split_neurons(struct ak_placement *pl, struct ak_layer_place *p, struct akida_diag *diag)
{
	uint32_t units = p->layer->filters, count = ceil_div(units, ak_fnp3_neurons(p->layer));
	struct ak_part *parts;

	if (count == 1)
		return 0;
	parts = calloc(count, sizeof(*parts));
	if (!parts)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, p->layer->name, "no memory for %u parts", count);
	for (uint32_t i = 0; i < count; i++) {
		parts[i].filter0 = i * (units / count) + (i < units % count ? i : units % count);
		parts[i].filters = units / count + (i < units % count);
	}
	free(p->parts);
	p->parts = parts;
	p->count = p->filter_parts = count;
	pl->nps += count - 1;
	return 0;
}

static int refuse_fully(const struct ak_placement *pl, const struct akida_layer *l, struct akida_diag *diag)
{
	uint32_t have = ak_map_chip_count(pl->chip, AK_KIND_FNP3), one = ak_fnp3_neurons(l);
	char value[48], limit[96];

	if (one)
		snprintf(value, sizeof(value), "%u FNP3", ceil_div(l->filters, one));
	else
		snprintf(value, sizeof(value), "%u words a neuron", 4 + 12 * ak_fnp_blocks(l));
	snprintf(limit, sizeof(limit), "%u FNP3 of %u words on the %s, and %u FNP2 of %u", have, AK_FNP3_WORDS,
		 pl->chip->name, ak_map_chip_count(pl->chip, AK_KIND_FNP2), AK_FNP2_MAX_WORDS);
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_FNP2, l, "weights of a fully connected layer", value, limit,
			     "pool in front of it, or use fewer units");
}

/* Each FNP2 has one address of weights, whatever the pass: as many layers as there are may have one. */
static int place_fully(struct ak_placement *pl, struct akida_diag *diag)
{
	uint32_t fnp2 = ak_map_chip_count(pl->chip, AK_KIND_FNP2), fnp3 = ak_map_chip_count(pl->chip, AK_KIND_FNP3);
	int err = 0;

	for (uint32_t i = 0; i < pl->count && !err; i++) {
		struct ak_layer_place *p = &pl->layers[i];
		const struct akida_layer *l = p->layer;
		uint32_t one;

		if (l->type != AKIDA_LAYER_FULLY || ak_fnp_words(l) <= AK_FNP3_WORDS)
			continue;
		one = ak_fnp3_neurons(l);
		if (fnp2 && ak_fnp2_words(l) <= AK_FNP2_MAX_WORDS) {
			p->fnp2 = true;
			fnp2--;
		} else if (!one || ceil_div(l->filters, one) > fnp3) {
			err = refuse_fully(pl, l, diag);
		} else {
			err = split_neurons(pl, p, diag);
		}
	}
	return err;
}

/* ---- passes ---- */

static int refuse_mesh(const struct ak_placement *pl, uint32_t layer, uint32_t need, struct akida_diag *diag)
{
	char value[32], limit[64];

	snprintf(value, sizeof(value), "%u", need);
	snprintf(limit, sizeof(limit), "%u on the %s", pl->chip->count, pl->chip->name);
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_SPACE, pl->layers[layer].layer,
			     "number of NPs of layers that no pass can part", value, limit,
			     "use fewer filters, a smaller input or a larger chip");
}

/* A pass may end behind layer i: its outputs fit the memory between two passes. */
static bool may_end(const struct ak_placement *pl, uint32_t i)
{
	const struct akida_layer *l = pl->layers[i].layer;

	return i + 1 == pl->count ||
	       (i && (uint64_t)l->out_h * l->out_w * l->out_c <= AK_MAP_MAX_PASS_VALUES && l->activation);
}

static uint32_t need(const struct ak_placement *pl, uint32_t first, uint32_t end, uint32_t *fnp3)
{
	uint32_t nps = 0;

	*fnp3 = 0;
	for (uint32_t i = first; i < end; i++) {
		nps += pl->layers[i].count;
		if (pl->layers[i].layer->type == AKIDA_LAYER_FULLY && !pl->layers[i].fnp2)
			*fnp3 += pl->layers[i].count;
	}
	return nps;
}

/* Layers one after the other into the mesh, a new pass where it is full: the fewest passes. */
static int passes_in_order(struct ak_placement *pl, struct akida_diag *diag)
{
	uint32_t pass = 0;

	for (uint32_t first = 0, end; first < pl->count; first = end, pass++) {
		uint32_t fnp3, nps;

		end = 0;
		for (uint32_t i = first; i < pl->count; i++) {
			nps = need(pl, first, i + 1, &fnp3);
			if (nps > pl->chip->count || fnp3 > ak_map_chip_count(pl->chip, AK_KIND_FNP3))
				break;
			if (may_end(pl, i))
				end = i + 1;
		}
		if (!end) {
			for (end = first; end + 1 < pl->count && !may_end(pl, end);)
				end++;
			return refuse_mesh(pl, end, need(pl, first, end + 1, &fnp3), diag);
		}
		if (pass == AK_MAP_MAX_PASSES)
			return refuse_mesh(pl, first, need(pl, 0, pl->count, &fnp3), diag);
		for (uint32_t i = first; i < end; i++)
			pl->layers[i].pass = pass;
	}
	pl->passes = pass;
	return 0;
}

/* The fastest way through every number of passes up to most: where each begins, by the layer it ends before. */
struct search {
	struct ak_spread *spread;
	uint32_t count, most;
	struct ak_split *least, *split; /* split: scratch */
	double *clocks;			/* of a pass, first x end */
	double *best;			/* passes x end */
	uint32_t *from;
};

static int price_passes(const struct ak_placement *pl, struct search *s)
{
	uint32_t n = s->count + 1;

	for (uint32_t first = 0; first < s->count; first++)
		for (uint32_t end = first + 1; end <= s->count; end++) {
			double *clocks = &s->clocks[first * n + end];
			int err;

			*clocks = INFINITY;
			if ((first && !may_end(pl, first - 1)) || !may_end(pl, end - 1))
				continue;
			memcpy(s->split, s->least, s->count * sizeof(*s->split));
			err = ak_spread_pass(s->spread, first, end, s->split, clocks);
			if (err)
				return err;
		}
	return 0;
}

/*
 * How many passes are best; 0: none works. The fewest that are within WORTH of the fastest: each pass more costs memory and
 * energy.
 */
static uint32_t choose(struct search *s)
{
	uint32_t n = s->count + 1, passes = 0;
	double fastest = INFINITY;

	for (uint32_t k = 0; k <= s->most; k++)
		for (uint32_t end = 0; end <= s->count; end++) {
			double *best = &s->best[k * n + end];

			*best = k || end ? INFINITY : 0;
			for (uint32_t first = 0; k && first < end; first++) {
				double clocks = s->best[(k - 1) * n + first] + s->clocks[first * n + end];

				if (clocks < *best) {
					*best = clocks;
					s->from[k * n + end] = first;
				}
			}
		}
	for (uint32_t k = 1; k <= s->most; k++)
		fastest = fmin(fastest, s->best[k * n + s->count]);
	for (uint32_t k = s->most; k; k--)
		if (isfinite(fastest) && s->best[k * n + s->count] <= WORTH * fastest)
			passes = k;
	return passes;
}

static int apply_splits(struct ak_placement *pl, uint32_t first, uint32_t end, const struct ak_split *split,
			struct akida_diag *diag)
{
	for (uint32_t i = first; i < end; i++) {
		struct ak_layer_place *p = &pl->layers[i];
		struct ak_part *old = p->parts;
		int err;

		if (p->layer->type == AKIDA_LAYER_INPUT_CONV || p->layer->type == AKIDA_LAYER_FULLY ||
		    (split[i].rows == p->row_parts && split[i].filters == p->filter_parts))
			continue;
		pl->nps -= p->count;
		err = ak_split_into(p, p->layer, split[i].rows, split[i].filters, diag);
		free(old);
		if (err)
			return err;
		pl->nps += p->count;
	}
	return 0;
}

static int apply_passes(struct ak_placement *pl, struct search *s, uint32_t passes, struct akida_diag *diag)
{
	uint32_t n = s->count + 1, end = s->count;
	double clocks;
	int err = 0;

	pl->passes = passes;
	for (uint32_t k = passes; k && !err; k--) {
		uint32_t first = s->from[k * n + end];

		memcpy(s->split, s->least, s->count * sizeof(*s->split));
		err = ak_spread_pass(s->spread, first, end, s->split, &clocks);
		if (!err)
			err = apply_splits(pl, first, end, s->split, diag);
		for (uint32_t i = first; i < end; i++)
			pl->layers[i].pass = k - 1;
		end = first;
	}
	return err;
}

static int passes_best(struct ak_placement *pl, uint32_t most, struct akida_diag *diag)
{
	uint32_t n = pl->count + 1, passes;
	struct search s = {
		.count = pl->count,
		.most = most,
		.least = calloc(pl->count, sizeof(*s.least)),
		.split = calloc(pl->count, sizeof(*s.split)),
		.clocks = calloc((size_t)n * n, sizeof(*s.clocks)),
		.best = calloc((size_t)(most + 1) * n, sizeof(*s.best)),
		.from = calloc((size_t)(most + 1) * n, sizeof(*s.from)),
	};
	int err = s.least && s.split && s.clocks && s.best && s.from ? ak_spread_begin(pl, &s.spread, diag) : -ENOMEM;

	for (uint32_t i = 0; i < pl->count && !err; i++)
		s.least[i] = (struct ak_split){pl->layers[i].count ? pl->layers[i].row_parts : 0,
					       pl->layers[i].count ? pl->layers[i].filter_parts : 0};
	if (!err)
		err = price_passes(pl, &s);
	passes = err ? 0 : choose(&s);
	if (!err && passes)
		err = apply_passes(pl, &s, passes, diag);
	else if (!err)
		err = refuse_mesh(pl, pl->count - 1, pl->nps, diag);
	ak_spread_end(s.spread);
	free(s.least);
	free(s.split);
	free(s.clocks);
	free(s.best);
	free(s.from);
	return err == -ENOMEM ? ak_fail(diag, err, AK_RULE_NOMEM, NULL, "no memory for passes of %u layers", pl->count)
			      : err;
}

/* ---- positions ---- */

/* Order in which NPs are handed out to convolutions: 0 first choice, 1 what is left, negative never. */
static int cnp_choice(const struct ak_np *np)
{
	if (!(np->kinds & AK_KIND_CNP1))
		return -1;
	return np->kinds & (AK_KIND_FNP3 | AK_KIND_FNP2) ? 1 : 0;
}

/* The next NP of a kind that is free; there is one, as the passes were chosen so. */
static uint32_t take(const struct ak_map_chip *chip, bool *used, uint8_t kind)
{
	uint32_t at = 0;

	while (at < chip->count && (used[at] || !(chip->np[at].kinds & kind)))
		at++;
	if (at < chip->count)
		used[at] = true;
	return at;
}

static void assign_fully(struct ak_placement *pl, uint32_t first, uint32_t end, bool *used, bool *fnp2_used)
{
	for (uint32_t i = first; i < end; i++) {
		struct ak_layer_place *p = &pl->layers[i];

		for (uint32_t n = 0; p->layer->type == AKIDA_LAYER_FULLY && n < p->count; n++) {
			uint32_t at =
				p->fnp2 ? take(pl->chip, fnp2_used, AK_KIND_FNP2) : take(pl->chip, used, AK_KIND_FNP3);

			if (at == pl->chip->count)
				abort(); /* fits() and place_fully() counted them */
			used[at] = true;
			p->parts[n].np = pl->chip->np[at];
		}
	}
}

static void assign_pass(struct ak_placement *pl, uint32_t first, uint32_t end, bool *fnp2_used)
{
	const struct ak_map_chip *chip = pl->chip;
	bool used[AK_MAP_MAX_NPS] = {false};
	uint32_t at = 0;
	int choice = 0;

	assign_fully(pl, first, end, used, fnp2_used);
	for (uint32_t i = first; i < end; i++) {
		struct ak_layer_place *p = &pl->layers[i];

		p->id = i - first + (p->pass > 0); /* the HRC is layer 0 of the first pass */
		for (uint32_t n = 0; p->layer->type != AKIDA_LAYER_FULLY && n < p->count; n++) {
			while (used[at] || cnp_choice(&chip->np[at]) != choice)
				if (++at == chip->count) {
					at = 0;
					choice++;
				}
			used[at] = true;
			p->parts[n].np = chip->np[at];
		}
	}
}

int ak_place_passes(struct ak_placement *pl, enum akida_map_mode mode, struct akida_diag *diag)
{
	bool fnp2_used[AK_MAP_MAX_NPS] = {false};
	int err = place_fully(pl, diag);

	if (!err)
		err = passes_in_order(pl, diag);
	if (!err && mode != AKIDA_MAP_MINIMAL)
		err = passes_best(pl, mode == AKIDA_MAP_HW_PR ? pl->count < 16 ? pl->count : 16 : pl->passes, diag);
	for (uint32_t first = 0, end; first < pl->count && !err; first = end) {
		for (end = first + 1; !ak_pass_ends(pl, end - 1);)
			end++;
		assign_pass(pl, first, end, fnp2_used);
	}
	return err;
}
