/* SPDX-License-Identifier: MIT */
/* The model beside every figure of figures.h: one line each, and what the fit program and the test ask of them. */
#ifndef TEST_COST_EVALUATE_H
#define TEST_COST_EVALUATE_H

#include "cost/networks.h"

enum line_kind { LINE_FRAME, LINE_LAYER, LINE_WALL, LINE_ENERGY, LINE_TOTAL, LINE_KINDS };

struct line {
	enum line_kind kind;
	int net;
	enum akida_map_mode mode;
	uint32_t layer;
	double published, model; /* clocks; ms for LINE_WALL; mJ for the energies */
};

#define EVALUATE_MAX 160
struct evaluation {
	uint32_t count;
	struct line line[EVALUATE_MAX];
};

static inline double line_error(const struct line *l)
{
	return l->model / l->published - 1;
}

static inline void evaluate_add(struct evaluation *e, struct line l)
{
	if (e->count == EVALUATE_MAX)
		abort();
	e->line[e->count++] = l;
}

/* Networks and layouts are made once: layouts are the library's. */
struct bench {
	struct network net[NETS];
	struct layout layout[FIGURE_ROWS];
};

static inline void bench_make(struct bench *b)
{
	for (int i = 0; i < NETS; i++)
		network_build(&b->net[i], &figure_networks[i]);
	for (size_t r = 0; r < FIGURE_ROWS; r++)
		layout_make(&b->net[figure_rows[r].net], figure_rows[r].mode, &b->layout[r]);
}

/* Wall clock of one call: the frame, what is loaded again behind it, the host, the input over PCIe. */
static inline double wall_ms(const struct network *n, const struct ak_cost_frame *f, const struct ak_cost_chip *chip)
{
	const struct akida_layer *l = &n->layer[0];

	return (f->latency + f->after) / chip->clock[0].khz + chip->call_ns / 1e6 +
	       (double)l->in_h * l->in_w * l->in_c / chip->dma_bytes_per_us / 1e3;
}

/* All lines of all networks. */
static inline void evaluate(struct evaluation *e, const struct bench *b, const struct ak_cost_unit *u,
			    const struct ak_cost_chip *chip)
{
	e->count = 0;
	for (size_t r = 0; r < FIGURE_ROWS; r++) {
		const struct figure_row *row = &figure_rows[r];
		const struct figure_network *f = &figure_networks[row->net];
		const struct network *n = &b->net[row->net];
		double layer[FIGURE_LAYERS], wall;
		struct ak_cost_frame frame = layout_frame(n, &b->layout[r], u, chip, layer);
		struct line l = {LINE_FRAME, row->net, row->mode, 0, row->cycles, frame.latency};

		wall = wall_ms(n, &frame, chip);
		evaluate_add(e, l);
		evaluate_add(
			e, (struct line){LINE_WALL, row->net, row->mode, 0, row->total_mj / row->total_mw * 1e3, wall});
		evaluate_add(e, (struct line){LINE_ENERGY, row->net, row->mode, 0, row->dyn_mj, frame.pj * 1e-9});
		evaluate_add(e, (struct line){LINE_TOTAL, row->net, row->mode, 0, row->total_mj,
					      frame.pj * 1e-9 + wall * chip->clock[0].floor_uw * 1e-6});
		for (uint32_t i = 0; f->layer_ms && row->mode == AKIDA_MAP_MINIMAL && i < n->count; i++)
			evaluate_add(e, (struct line){LINE_LAYER, row->net, row->mode, i,
						      f->layer_ms[i] * chip->clock[0].khz, layer[i]});
	}
}

static inline int evaluate_order(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Median and largest error without sign of one kind; net -1: of all networks. */
static inline void evaluate_errors(const struct evaluation *e, enum line_kind kind, int net, double *median,
				   double *worst)
{
	double error[EVALUATE_MAX];
	uint32_t count = 0;

	for (uint32_t i = 0; i < e->count; i++)
		if (e->line[i].kind == kind && (net < 0 || e->line[i].net == net))
			error[count++] = fabs(line_error(&e->line[i]));
	qsort(error, count, sizeof(error[0]), evaluate_order);
	*median = count ? error[count / 2] : NAN;
	*worst = count ? error[count - 1] : NAN;
}

#endif
