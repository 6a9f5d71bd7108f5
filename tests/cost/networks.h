/* SPDX-License-Identifier: MIT */
/* The networks of figures.h as layers, and how each mode lays them out, by counts alone. */
#ifndef TEST_COST_NETWORKS_H
#define TEST_COST_NETWORKS_H

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "layer/cost.h"
#include "layer/layer.h"
#include "map/place.h"
#include "cost/figures.h"

struct network {
	uint32_t count;
	struct akida_layer layer[FIGURE_LAYERS];
	double zeros[FIGURE_LAYERS]; /* of each layer's output, 0 to 1 */
};

/* How the rows and filters of each layer are split, and in which pass it runs. */
struct layout {
	uint32_t passes;
	uint32_t rows[FIGURE_LAYERS], filters[FIGURE_LAYERS], pass[FIGURE_LAYERS];
};

static inline struct akida_layer *network_add(struct network *n, enum akida_layer_type type, uint32_t filters,
					      uint32_t stride)
{
	struct akida_layer *l = &n->layer[n->count], *before = &n->layer[n->count ? n->count - 1 : 0];

	memset(l, 0, sizeof(*l));
	l->type = type;
	l->filters = filters;
	if (n->count) {
		l->in_h = before->out_h;
		l->in_w = before->out_w;
		l->in_c = before->out_c;
	}
	l->in_bits = type == AKIDA_LAYER_INPUT_CONV ? 8 : 4;
	l->weights_bits = l->in_bits;
	l->activation = true;
	l->act_bits = 4;
	if (type != AKIDA_LAYER_FULLY) {
		l->kernel_h = l->kernel_w = 3;
		l->stride = stride;
		l->padding = AKIDA_PAD_SAME;
	}
	return l;
}

static inline void network_end(struct network *n)
{
	if (ak_layer_finish(&n->layer[n->count++], NULL))
		abort();
}

static inline void network_layer(struct network *n, enum akida_layer_type type, uint32_t filters, uint32_t stride)
{
	network_add(n, type, filters, stride);
	network_end(n);
}

static inline void network_input(struct network *n, uint32_t h, uint32_t w, uint32_t c, uint32_t kernel,
				 uint32_t filters)
{
	struct akida_layer *l = network_add(n, AKIDA_LAYER_INPUT_CONV, filters, 2);

	l->in_h = h;
	l->in_w = w;
	l->in_c = c;
	l->kernel_h = l->kernel_w = kernel;
	network_end(n);
}

static inline void network_global(struct network *n, uint32_t filters)
{
	network_add(n, AKIDA_LAYER_SEPARABLE, filters, 1)->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	network_end(n);
}

/* Of layers behind those that sparsities are known of: as in the last of these. */
static inline double figure_zeros(const struct figure_network *f, uint32_t i)
{
	uint32_t known = f->family == AKIDANET || f->family == KEYWORDS ? FIGURE_LAYERS : 14;

	return f->zeros[i < known ? i : known - 1] / 100;
}

/* Sparsities moved by one amount on a logistic scale until their mean is the published one. */
static inline void network_zeros(struct network *n, const struct figure_network *f)
{
	double low = -5, high = 5, mean = 0;

	for (int step = 0; step < 60; step++) {
		double by = f->mean > 0 ? (low + high) / 2 : 0;

		mean = 0;
		for (uint32_t i = 0; i < n->count; i++) {
			double z = figure_zeros(f, i);

			n->zeros[i] = 1 / (1 + exp(-(log(z / (1 - z)) + by)));
			mean += n->zeros[i] / n->count;
		}
		*(mean * 100 < f->mean ? &low : &high) = by;
	}
}

/* Behind the input convolution; global: what the last layer pools. */
static inline void network_backbone(struct network *n, uint32_t b, enum akida_layer_type first, bool global)
{
	network_layer(n, first, 2 * b, 1);
	network_layer(n, first, 4 * b, 2);
	network_layer(n, first, 4 * b, 1);
	network_layer(n, AKIDA_LAYER_SEPARABLE, 8 * b, 2);
	network_layer(n, AKIDA_LAYER_SEPARABLE, 8 * b, 1);
	network_layer(n, AKIDA_LAYER_SEPARABLE, 16 * b, 2);
	for (int i = 0; i < 5; i++)
		network_layer(n, AKIDA_LAYER_SEPARABLE, 16 * b, 1);
	network_layer(n, AKIDA_LAYER_SEPARABLE, 32 * b, 2);
	if (global)
		network_global(n, 32 * b);
	else
		network_layer(n, AKIDA_LAYER_SEPARABLE, 32 * b, 1);
}

static inline void network_build(struct network *n, const struct figure_network *f)
{
	uint32_t b = f->base;

	n->count = 0;
	if (f->family == KEYWORDS) {
		network_input(n, 49, 10, 1, 5, b);
		for (int i = 0; i < 3; i++)
			network_layer(n, AKIDA_LAYER_SEPARABLE, b, 1);
		network_global(n, b);
	} else {
		network_input(n, f->size, f->size, 3, 3, b);
		network_backbone(n, b, f->family == MOBILENET ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_CONV,
				 f->family != YOLO);
	}
	if (f->family == EDGE)
		network_layer(n, AKIDA_LAYER_SEPARABLE, 2048, 1);
	for (int i = 0; f->family == YOLO && i < 4; i++)
		network_layer(n, AKIDA_LAYER_SEPARABLE, i < 3 ? 1024 : 35, 1);
	for (int i = 0; i < 2 && f->head[i]; i++)
		network_layer(n, AKIDA_LAYER_FULLY, f->head[i], 0);
	network_zeros(n, f);
}

/* ---- one layer, split evenly into so many row and filter parts ---- */

static inline uint32_t up(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

static inline bool layer_fnp2(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_FULLY && ak_fnp_words(l) > AK_FNP3_WORDS;
}

static inline uint32_t part_filters(const struct akida_layer *l, uint32_t parts)
{
	return up(l->filters, 8) >= parts
		       ? 8 * up(up(l->filters, 8), parts) < l->filters ? 8 * up(up(l->filters, 8), parts) : l->filters
		       : up(l->filters, parts);
}

/* Rows of the largest part, halo included. */
static inline uint32_t part_rows(const struct akida_layer *l, uint32_t parts)
{
	uint32_t own = up(l->conv_h, parts) * l->stride, halo = parts == 1 ? 0 : parts == 2 ? 1 : 2;

	return own + halo < l->in_h ? own + halo : l->in_h;
}

/* Clocks of the slowest part; pj of all of them. */
static inline double layer_cost(const struct network *n, uint32_t i, uint32_t rows, uint32_t filters,
				const struct ak_cost_unit *u, const struct ak_cost_chip *chip, double *pj)
{
	const struct akida_layer *l = &n->layer[i];
	struct ak_cost_share s = {.kernel = l->kernel_h, .cols = l->in_w, .channels = l->in_c, .rows = l->in_h};
	struct ak_cost c;
	double all_rows = l->in_h + 2.0 * (rows - 1); /* with every halo */

	s.filters = l->type == AKIDA_LAYER_FULLY ? l->filters : part_filters(l, filters);
	s.kind = l->type == AKIDA_LAYER_INPUT_CONV  ? AK_COST_HRC
		 : l->type == AKIDA_LAYER_SEPARABLE ? AK_COST_SEPARABLE
		 : l->type == AKIDA_LAYER_CONV	    ? AK_COST_STANDARD
		 : layer_fnp2(l)		    ? AK_COST_FNP2
						    : AK_COST_FNP3;
	s.positions = (uint64_t)l->conv_h * l->conv_w;
	if (s.kind == AK_COST_STANDARD || s.kind == AK_COST_SEPARABLE)
		s.rows = part_rows(l, rows);
	s.events = i ? (uint64_t)((1 - n->zeros[i - 1]) * s.rows * s.cols * s.channels) : 0;
	c = ak_cost_of(u, chip, &s);
	if (pj)
		*pj = s.kind == AK_COST_STANDARD || s.kind == AK_COST_SEPARABLE
			      ? c.pj * filters * all_rows / s.rows * l->filters / ((double)s.filters * filters)
			      : c.pj;
	return c.cycles;
}

static inline void layer_words(const struct akida_layer *l, uint32_t rows, uint32_t filters, uint64_t *words,
			       uint64_t *packets)
{
	uint32_t f = part_filters(l, filters), nps = rows * filters;

	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV:
		*words = 43 + l->filters * (2 + 3 * (uint64_t)up(l->kernel_h * l->kernel_w, 9) * l->in_c);
		*packets = 16;
		return;
	case AKIDA_LAYER_FULLY:
		*words = 54 + (layer_fnp2(l) ? 0 : ak_fnp_words(l));
		*packets = 2;
		return;
	default:
		*packets = nps * (l->type == AKIDA_LAYER_SEPARABLE ? 4 : 3);
		*words = nps * (56 + 2 * (uint64_t)ak_cnp_lines(l, f) + 2 * f);
	}
}

/* ---- layouts ---- */

static inline uint32_t layer_nps(const struct network *n, const struct layout *a, uint32_t i)
{
	return n->layer[i].type == AKIDA_LAYER_INPUT_CONV ? 0 : a->rows[i] * a->filters[i];
}

static inline void split_minimal(const struct network *n, struct layout *a)
{
	for (uint32_t i = 0; i < n->count; i++) {
		struct ak_layer_place p = {0};

		a->rows[i] = a->filters[i] = 1;
		if (n->layer[i].type != AKIDA_LAYER_CONV && n->layer[i].type != AKIDA_LAYER_SEPARABLE)
			continue;
		if (ak_split(&p, &n->layer[i], NULL))
			abort();
		a->rows[i] = p.row_parts;
		a->filters[i] = p.filter_parts;
		free(p.parts);
	}
}

/* As akida map lays the network out. */
static inline void layout_make(const struct network *n, enum akida_map_mode mode, struct layout *a)
{
	struct network copy = *n;
	const struct akida_model m = {.count = copy.count, .layers = copy.layer};
	struct ak_placement pl;

	if (ak_place(&m, ak_map_chip_find("akd1500"), mode, &pl, NULL))
		abort();
	a->passes = pl.passes;
	for (uint32_t i = 0; i < n->count; i++) {
		a->rows[i] = i ? pl.layers[i].row_parts : 1;
		a->filters[i] = i ? pl.layers[i].filter_parts : 1;
		a->pass[i] = pl.layers[i].pass;
	}
	ak_placement_fini(&pl);
}

static inline uint32_t layout_nps(const struct network *n, const struct layout *a)
{
	uint32_t nps = 0;

	for (uint32_t i = 0; i < n->count; i++)
		nps += layer_nps(n, a, i);
	return nps;
}

/* A frame, with the clocks of each layer as truncated networks would show them. */
static inline struct ak_cost_frame layout_frame(const struct network *n, const struct layout *a,
						const struct ak_cost_unit *u, const struct ak_cost_chip *chip,
						double layer[FIGURE_LAYERS])
{
	struct ak_cost_frame frame = {0};

	for (uint32_t i = 0; i < n->count; i++) {
		double before = frame.latency, slowest, pj;
		uint64_t words, packets;

		slowest = layer_cost(n, i, a->rows[i], a->filters[i], u, chip, &pj);
		ak_cost_add_layer(&frame, u, slowest, pj);
		if (a->passes > 1) {
			double after = frame.after;

			layer_words(&n->layer[i], a->rows[i], a->filters[i], &words, &packets);
			ak_cost_add_pass(&frame, chip, !a->pass[i], words, packets);
			if (!a->pass[i])
				frame.after += after;
			else if (a->pass[i] == a->pass[i - 1])
				frame.latency -= chip->pass;
		}
		if (layer)
			layer[i] = frame.latency - before;
	}
	return frame;
}

#endif
