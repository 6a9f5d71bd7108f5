// SPDX-License-Identifier: MIT
/*
 * Splitting layers over NPs, and which encoding rules that takes. Splits follow the decoded programs: by rows when the
 * input has more than 32 rows or does not fit the input SRAM, by filters when the weights do not fit the filter SRAM
 * (nsoc-hardware 24.2, 24.4).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "map/place.h"

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

uint32_t ak_std_lines(uint32_t filters)
{
	return 16 * ceil_div(6 * ceil_div(filters, 8), 16);
}

uint32_t ak_pw_start(uint32_t channels)
{
	return 8 * ceil_div(channels, 8);
}

uint32_t ak_cnp_lines(const struct akida_layer *l, uint32_t filters)
{
	if (l->type == AKIDA_LAYER_SEPARABLE)
		return ak_pw_start(l->in_c) + l->in_c * ceil_div(filters, 12);
	return l->in_c * ak_std_lines(filters);
}

uint32_t ak_fnp_blocks(const struct akida_layer *l)
{
	return (uint32_t)(((uint64_t)l->in_h * l->in_w * l->in_c + 63) / 64);
}

uint64_t ak_fnp_words(const struct akida_layer *l)
{
	return (uint64_t)l->filters * (4 + 12 * (uint64_t)ak_fnp_blocks(l));
}

uint32_t ak_fnp3_neurons(const struct akida_layer *l)
{
	return AK_FNP3_WORDS / (4 + 12 * ak_fnp_blocks(l));
}

uint32_t ak_fnp2_planes(const struct akida_layer *l)
{
	return l->weights_bits <= 2 ? 1 : 3;
}

uint64_t ak_fnp2_words(const struct akida_layer *l)
{
	return (uint64_t)l->filters * (4 + 4 * ak_fnp2_planes(l) * (uint64_t)ak_fnp_blocks(l));
}

/*
 * Rows of part n of parts. A unit is what must stay together: one output row, or with max pooling the rows of one
 * window; the last part takes rows that no window uses. Units are spread evenly, larger shares first.
 */
static void row_part(const struct akida_layer *l, uint32_t n, uint32_t parts, struct ak_part *p)
{
	uint32_t height = l->pool == AKIDA_POOL_MAX ? l->pool_stride : 1;
	uint32_t units = l->pool == AKIDA_POOL_MAX ? l->out_h : l->conv_h;
	uint32_t first = n * (units / parts) + (n < units % parts ? n : units % parts);
	uint32_t count = units / parts + (n < units % parts);
	bool last = n + 1 == parts;
	uint32_t end;

	p->out0 = first * height;
	p->out_rows = last ? l->conv_h - p->out0 : count * height;
	p->row0 = p->out0 * l->stride;
	end = last ? l->in_h : (p->out0 + p->out_rows) * l->stride;
	p->rows = end - p->row0;
	p->cut0 = n ? p->row0 - 1 : 0;
	p->cut_rows = (last ? end : end + 1) - p->cut0;
}

uint32_t ak_row_units(const struct akida_layer *l)
{
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE || (l->pool == AKIDA_POOL_MAX && l->pool_stride < l->pool_size))
		return 1;
	return l->pool == AKIDA_POOL_MAX ? l->out_h : l->conv_h;
}

static bool rows_fit(const struct akida_layer *l, uint32_t parts)
{
	for (uint32_t n = 0; n < parts; n++) {
		struct ak_part p = {0};
		uint64_t words;

		row_part(l, n, parts, &p);
		words = (uint64_t)ceil_div(p.cut_rows, 2) * ceil_div(l->in_c, 4) * l->in_w;
		if (p.rows > AK_CNP_MAX_ROWS || words > AK_CNP_INPUT_WORDS)
			return false;
	}
	return true;
}

/* Filters of part n of parts: groups of 8 spread evenly, larger shares first. */
static void filter_part(uint32_t filters, uint32_t n, uint32_t parts, struct ak_part *p)
{
	uint32_t groups = ceil_div(filters, 8), extra = groups % parts;
	uint32_t first = n * (groups / parts) + (n < extra ? n : extra);
	uint32_t count = groups / parts + (n < extra);

	p->filter0 = first * 8;
	p->filters = n + 1 == parts ? filters - p->filter0 : count * 8;
}

static bool filters_fit(const struct akida_layer *l, uint32_t parts)
{
	struct ak_part p = {0};

	filter_part(l->filters, 0, parts, &p); /* the largest */
	if (l->in_c >= AK_CNP_WIDE_CHANNELS && p.filters > AK_CNP_WIDE_FILTERS)
		return false;
	return p.filters <= AK_CNP_MAX_FILTERS && ak_cnp_lines(l, p.filters) <= AK_CNP_FILTER_LINES;
}

bool ak_split_fits(const struct akida_layer *l, uint32_t row_parts, uint32_t filter_parts)
{
	return row_parts <= ak_row_units(l) && filter_parts <= ceil_div(l->filters, 8) && rows_fit(l, row_parts) &&
	       filters_fit(l, filter_parts);
}

static int refuse_rows(const struct akida_layer *l, struct akida_diag *diag)
{
	bool fixed = ak_row_units(l) == 1 && l->conv_h > 1;
	char value[64], limit[64];

	snprintf(value, sizeof(value), "%ux%ux%u", l->in_h, l->in_w, l->in_c);
	snprintf(limit, sizeof(limit), "%u rows and %u input words per NP", AK_CNP_MAX_ROWS, AK_CNP_INPUT_WORDS);
	if (fixed)
		return ak_map_refuse(diag, -EOPNOTSUPP, AK_RULE_MAP_SPLIT, l,
				     l->pool == AKIDA_POOL_MAX ? "input in front of overlapping pooling"
							       : "input in front of global pooling",
				     value, limit, "make the map smaller in front of this layer");
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_NP_MEMORY, l, "input", value, limit,
			     "use fewer columns or channels");
}

int ak_split_into(struct ak_layer_place *p, const struct akida_layer *l, uint32_t row_parts, uint32_t filter_parts,
		  struct akida_diag *diag)
{
	p->layer = l;
	p->row_parts = row_parts;
	p->filter_parts = filter_parts;
	p->count = row_parts * filter_parts;
	p->parts = calloc(p->count, sizeof(*p->parts));
	if (!p->parts)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, l->name, "no memory for %u parts", p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		row_part(l, i % row_parts, row_parts, &p->parts[i]);
		filter_part(l->filters, i / row_parts, filter_parts, &p->parts[i]);
	}
	return 0;
}

int ak_split(struct ak_layer_place *p, const struct akida_layer *l, struct akida_diag *diag)
{
	uint32_t rows = 1, filters = 1, groups = ceil_div(l->filters, 8);

	while (rows <= ak_row_units(l) && !rows_fit(l, rows))
		rows++;
	if (rows > ak_row_units(l))
		return refuse_rows(l, diag);
	while (filters <= groups && !filters_fit(l, filters))
		filters++;
	if (filters > groups) {
		char value[64], limit[64];

		snprintf(value, sizeof(value), "%u lines for 8 filters", ak_cnp_lines(l, 8));
		snprintf(limit, sizeof(limit), "%u lines of filter memory per NP", AK_CNP_FILTER_LINES);
		return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_NP_MEMORY, l, "weights", value, limit,
				     "use fewer input channels, or a separable convolution");
	}
	return ak_split_into(p, l, rows, filters, diag);
}

static int single_part(struct ak_layer_place *p, const struct akida_layer *l, struct akida_diag *diag)
{
	p->parts = calloc(1, sizeof(*p->parts));
	if (!p->parts)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, l->name, "no memory for a part");
	p->layer = l;
	p->count = p->row_parts = p->filter_parts = 1;
	p->parts[0].filters = l->filters;
	return 0;
}

#define BIT(sym) (UINT64_C(1) << AK_ENC_##sym)

static void placement_rules(const struct ak_placement *pl, struct ak_layer_place *p, bool last)
{
	bool fully = p->layer->type == AKIDA_LAYER_FULLY;

	if (!strcmp(pl->chip->name, "akd1000"))
		p->rules |= BIT(AKD1000_OUTPUT);
	for (uint32_t n = 0; n < p->count; n++) {
		uint8_t col = p->parts[n].np.col;

		p->west = !n || col < p->west ? col : p->west;
		p->east = !n || col > p->east ? col : p->east;
		if (!ak_map_chip_seen(pl->chip, &p->parts[n].np, fully))
			p->rules |= BIT(NP_PLACE);
	}
	if (fully && p->count > 1)
		p->rules |= BIT(FNP3_SPLIT);
	if (p->fnp2)
		p->rules |= BIT(FNP2);
	if (pl->passes > 1)
		p->rules |= BIT(PASSES);
	if (p->row_parts > 1)
		p->rules |= p->row_parts == 2 ? BIT(CNP_SPLIT_ROWS) : BIT(CNP_SPLIT_WIDE);
	if (p->filter_parts > 1 && !fully)
		p->rules |= BIT(CNP_SPLIT_FILTERS);
	if ((p->east > p->west && !fully) || (p->row_parts > 1 && p->filter_parts > 1))
		p->rules |= BIT(CNP_SPLIT_WIDE);
	if (p->row_parts > 1 && p->layer->pool == AKIDA_POOL_MAX)
		p->rules |= BIT(CNP_SPLIT_POOL);
	if (last && p->count > 1)
		p->rules |= BIT(OUTPUT_SPLIT);
}

int ak_split_model(const struct akida_model *m, const struct ak_map_chip *chip, struct ak_placement *out,
		   struct akida_diag *diag)
{
	int err = 0;

	memset(out, 0, sizeof(*out));
	out->chip = chip;
	out->layers = calloc(m->count, sizeof(*out->layers));
	if (!out->layers)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u layers", m->count);
	out->count = m->count;
	for (uint32_t i = 0; i < m->count; i++) {
		struct ak_layer_place *p = &out->layers[i];
		const struct akida_layer *l = &m->layers[i];

		p->layer = l;
		p->id = i;
		p->rules = ak_layer_rules(m, i);
	}
	for (uint32_t i = 0; i < m->count && !err; i++) {
		const struct akida_layer *l = &m->layers[i];

		if (l->type == AKIDA_LAYER_FULLY)
			err = single_part(&out->layers[i], l, diag);
		else if (l->type != AKIDA_LAYER_INPUT_CONV)
			err = ak_split(&out->layers[i], l, diag);
		out->nps += out->layers[i].count;
	}
	return err;
}

int ak_place(const struct akida_model *m, const struct ak_map_chip *chip, enum akida_map_mode mode,
	     struct ak_placement *out, struct akida_diag *diag)
{
	int err = ak_split_model(m, chip, out, diag);

	if (!err)
		err = ak_place_passes(out, mode, diag);
	for (uint32_t i = 0; i < m->count && !err; i++)
		placement_rules(out, &out->layers[i], i + 1 == m->count);
	return err;
}

void ak_placement_fini(struct ak_placement *p)
{
	for (uint32_t i = 0; p->layers && i < p->count; i++)
		free(p->layers[i].parts);
	free(p->layers);
	memset(p, 0, sizeof(*p));
}
