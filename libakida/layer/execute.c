/* SPDX-License-Identifier: MIT */
/* Models as a whole: two buffers in turn for the chain of v1, one per layer for the graph of Akida 2. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "layer/execute.h"
#include "layer/v2.h"

struct ak_executor {
	const struct akida_model *m;
	bool v2;
	uint8_t *act[2];  /* v1: activations in turn */
	int32_t *wide;	  /* v1: one layer's values for the visitor, or potentials */
	int32_t *scratch; /* v1 */
	int32_t **codes;  /* Akida 2: [layers] */
	int32_t **state;  /* Akida 2: [layers], NULL for layers without memory */
	int32_t *input;	  /* Akida 2 */
	int64_t *work;	  /* Akida 2 */
};

static size_t outputs_of(const struct akida_layer *l)
{
	return (size_t)l->out_h * l->out_w * l->out_c;
}

static size_t inputs_of(const struct akida_layer *l)
{
	return (size_t)l->in_h * l->in_w * l->in_c;
}

static int create_v1(struct ak_executor *e)
{
	size_t act = 1, scratch = 1;

	for (uint32_t i = 0; i < e->m->count; i++) {
		size_t n = outputs_of(&e->m->layers[i]), s = ak_layer_scratch(&e->m->layers[i]);

		act = n > act ? n : act;
		scratch = s > scratch ? s : scratch;
	}
	e->act[0] = malloc(act);
	e->act[1] = malloc(act);
	e->wide = malloc(act * sizeof(*e->wide));
	e->scratch = malloc(scratch * sizeof(*e->scratch));
	return e->act[0] && e->act[1] && e->wide && e->scratch ? 0 : -ENOMEM;
}

static int create_v2(struct ak_executor *e)
{
	uint32_t count = e->m->count;
	size_t work = 1;

	e->codes = calloc(count, sizeof(*e->codes));
	e->state = calloc(count, sizeof(*e->state));
	e->input = malloc(inputs_of(&e->m->layers[0]) * sizeof(*e->input));
	if (!e->codes || !e->state || !e->input)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++) {
		const struct akida_layer *l = &e->m->layers[i];
		size_t s = ak_v2_scratch(l), state = ak_v2_state(l);

		work = s > work ? s : work;
		e->codes[i] = malloc(outputs_of(l) * sizeof(**e->codes));
		e->state[i] = state ? calloc(state, sizeof(**e->state)) : NULL;
		if (!e->codes[i] || (state && !e->state[i]))
			return -ENOMEM;
	}
	e->work = malloc(work * sizeof(*e->work));
	return e->work ? 0 : -ENOMEM;
}

int ak_executor_create(const struct akida_model *m, struct ak_executor **out)
{
	struct ak_executor *e = calloc(1, sizeof(*e));
	int err;

	*out = NULL;
	if (!e)
		return -ENOMEM;
	e->m = m;
	e->v2 = akida_model_ip(m) == 2;
	err = e->v2 ? create_v2(e) : create_v1(e);
	if (err)
		ak_executor_destroy(e);
	else
		*out = e;
	return err;
}

void ak_executor_destroy(struct ak_executor *e)
{
	if (!e)
		return;
	for (uint32_t i = 0; i < e->m->count; i++) {
		if (e->codes)
			free(e->codes[i]);
		if (e->state)
			free(e->state[i]);
	}
	free(e->codes);
	free(e->state);
	free(e->input);
	free(e->work);
	free(e->act[0]);
	free(e->act[1]);
	free(e->wide);
	free(e->scratch);
	free(e);
}

void ak_executor_reset(struct ak_executor *e)
{
	for (uint32_t i = 0; e->v2 && i < e->m->count; i++)
		if (e->state[i])
			memset(e->state[i], 0, ak_v2_state(&e->m->layers[i]) * sizeof(**e->state));
}

static void widen(const uint8_t *act, size_t n, int32_t *out)
{
	for (size_t k = 0; k < n; k++)
		out[k] = act[k];
}

static void frame_v1(struct ak_executor *e, const uint8_t *in, int32_t *out, ak_execute_visit visit, void *context)
{
	for (uint32_t i = 0; i < e->m->count; i++) {
		const struct akida_layer *l = &e->m->layers[i];
		bool last = i + 1 == e->m->count;
		int32_t *wide = last && out ? out : e->wide;
		uint8_t *act = e->act[i & 1];

		ak_layer_run(l, in, l->activation ? act : NULL, l->activation ? NULL : wide, e->scratch);
		if (l->activation && (visit || (last && out)))
			widen(act, outputs_of(l), wide);
		if (visit)
			visit(context, i, wide, outputs_of(l));
		in = act;
	}
}

static void frame_v2(struct ak_executor *e, const uint8_t *in, int32_t *out, ak_execute_visit visit, void *context)
{
	const struct akida_layer *layers = e->m->layers, *last = &layers[e->m->count - 1];
	size_t n = inputs_of(&layers[0]);

	for (size_t k = 0; k < n; k++)
		e->input[k] = layers[0].v2->in_signed ? (int8_t)in[k] : in[k];
	for (uint32_t i = 0; i < e->m->count; i++) {
		const struct akida_layer *l = &layers[i];
		const int32_t *x[AKIDA_MAX_INBOUNDS] = {e->input, NULL};

		for (uint32_t k = 0; k < l->inbounds; k++)
			x[k] = e->codes[l->inbound[k]];
		ak_v2_run(l, layers, x, e->codes[i], e->work, e->state[i]);
		if (visit)
			visit(context, i, e->codes[i], outputs_of(l));
	}
	if (out)
		memcpy(out, e->codes[e->m->count - 1], outputs_of(last) * sizeof(*out));
}

void ak_executor_frame(struct ak_executor *e, const uint8_t *in, int32_t *out, ak_execute_visit visit, void *context)
{
	if (e->v2)
		frame_v2(e, in, out, visit, context);
	else
		frame_v1(e, in, out, visit, context);
}
