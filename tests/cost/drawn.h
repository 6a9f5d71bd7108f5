/* SPDX-License-Identifier: MIT */
/* The networks of figures.h with drawn weights, and thresholds that give each layer its published share of zeros. */
#ifndef TEST_COST_DRAWN_H
#define TEST_COST_DRAWN_H

#include <stdio.h>
#include "cost/networks.h"
#include "layer/execute.h"

struct drawn {
	struct akida_model *model;
	uint8_t *frame;
	double zeros[FIGURE_LAYERS]; /* what its frame really gives */
};

static inline uint32_t draw_random(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 33) % below;
}

static inline void draw_weights(int8_t *w, size_t count, int32_t bits, uint64_t *seed)
{
	int32_t most = (1 << (bits - 1)) - 1;

	for (size_t i = 0; i < count; i++)
		w[i] = (int8_t)((int32_t)draw_random(seed, (uint32_t)(2 * most + 1)) - most);
}

static inline int draw_order(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

struct draw_view {
	uint32_t layer;
	int32_t *values;
	size_t count;
};

static inline void draw_see(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	struct draw_view *v = context;

	if (layer != v->layer)
		return;
	memcpy(v->values, values, count * sizeof(*values));
	v->count = count;
}

/* Thresholds and steps of the last layer from the potentials of the frame: each filter fires where they are largest. */
static inline void draw_thresholds(struct akida_layer *l, const int32_t *potentials, size_t count, double zeros)
{
	size_t positions = count / l->filters, quiet = (size_t)(zeros * (double)positions + 0.5);
	int32_t *sorted = malloc(positions * sizeof(*sorted));

	if (!sorted)
		abort();
	if (positions == 1) { /* one position: filters share a threshold, and the choice between them */
		int32_t *all = malloc(count * sizeof(*all));

		if (!all)
			abort();
		memcpy(all, potentials, count * sizeof(*all));
		qsort(all, count, sizeof(*all), draw_order);
		quiet = (size_t)(zeros * (double)count + 0.5);
		for (uint32_t f = 0; f < l->filters; f++) {
			int64_t spread = (int64_t)all[count - 1] - all[0] + 16;

			l->threshold[f] = quiet ? all[quiet - 1] : all[0] - 1;
			l->step16[f] = spread < AK_STEP16_MAX ? (int32_t)spread : AK_STEP16_MAX;
		}
		free(all);
	}
	for (uint32_t f = 0; positions > 1 && f < l->filters; f++) {
		int64_t spread;

		for (size_t i = 0; i < positions; i++)
			sorted[i] = potentials[i * l->filters + f];
		qsort(sorted, positions, sizeof(*sorted), draw_order);
		l->threshold[f] = quiet ? sorted[quiet - 1] : sorted[0] - 1;
		spread = (int64_t)sorted[positions - 1] - l->threshold[f] + 16;
		l->step16[f] = spread < AK_STEP16_MAX ? (int32_t)spread : AK_STEP16_MAX;
	}
	free(sorted);
}

/* layers[0..i] as a model of its own whose last layer hands out potentials. */
static inline void draw_layer(struct akida_layer *layers, uint32_t i, const uint8_t *frame, double zeros)
{
	struct akida_layer *copies = calloc(i + 1, sizeof(*copies));
	struct draw_view view = {.layer = i};
	struct akida_model *m = NULL;
	struct ak_executor *e = NULL;

	if (!copies)
		abort();
	for (uint32_t k = 0; k <= i; k++) {
		copies[k] = layers[k];
		copies[k].borrowed = true;
	}
	copies[i].activation = false;
	copies[i].act_bits = 0;
	copies[i].scale = calloc(copies[i].filters, sizeof(float));
	for (uint32_t f = 0; copies[i].scale && f < copies[i].filters; f++)
		copies[i].scale[f] = 1;
	if (ak_layer_finish(&copies[i], NULL) || ak_model_create(copies, i + 1, "drawn", &m, NULL) ||
	    ak_executor_create(m, &e))
		abort();
	view.values = malloc((size_t)copies[i].out_h * copies[i].out_w * copies[i].out_c * sizeof(*view.values));
	if (!view.values)
		abort();
	ak_executor_frame(e, frame, NULL, draw_see, &view);
	draw_thresholds(&layers[i], view.values, view.count, zeros);
	free(view.values);
	ak_executor_destroy(e);
	free(m->layers[i].scale);
	m->layers[i].scale = NULL;
	akida_model_destroy(m);
}

static inline void draw_count(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	double *zeros = context;
	size_t none = 0;

	for (size_t i = 0; i < count; i++)
		none += !values[i];
	zeros[layer] = (double)none / (double)count;
}

/* The first `count` layers of a network; the last one hands out potentials. Free with drawn_fini. */
static inline void drawn_make(struct drawn *d, const struct network *n, uint32_t count, uint64_t seed)
{
	struct akida_layer *layers = calloc(count, sizeof(*layers));
	size_t bytes = (size_t)n->layer[0].in_h * n->layer[0].in_w * n->layer[0].in_c;
	struct ak_executor *e = NULL;

	d->frame = malloc(bytes);
	if (!layers || !d->frame)
		abort();
	for (size_t i = 0; i < bytes; i++)
		d->frame[i] = (uint8_t)draw_random(&seed, 256);
	for (uint32_t i = 0; i < count; i++) {
		struct akida_layer *l = &layers[i];
		bool last = i + 1 == count;

		*l = n->layer[i];
		snprintf(l->name, sizeof(l->name), "layer_%u", i);
		if (last) {
			l->activation = false;
			l->act_bits = 0;
		}
		if (ak_layer_finish(l, NULL) || ak_layer_alloc(l))
			abort();
		draw_weights(l->weights, ak_layer_weight_count(l), l->weights_bits, &seed);
		draw_weights(l->weights_pw, ak_layer_weight_pw_count(l), 4, &seed);
		for (uint32_t f = 0; f < l->filters; f++) {
			l->step16[f] = 16;
			if (last)
				l->scale[f] = 1;
		}
		if (!last)
			draw_layer(layers, i, d->frame, n->zeros[i]);
	}
	if (ak_model_create(layers, count, "drawn", &d->model, NULL) || ak_executor_create(d->model, &e))
		abort();
	ak_executor_frame(e, d->frame, NULL, draw_count, d->zeros);
	ak_executor_destroy(e);
}

static inline void drawn_fini(struct drawn *d)
{
	akida_model_destroy(d->model);
	free(d->frame);
}

#endif
