/* SPDX-License-Identifier: MIT */
/*
 * Learning in a session: the layers in front of the learning layer run one frame after the other, on the cpu or as the program of a
 * device, and the rule of layer/learn.h changes the last one, which is the host's, in a copy of the model. The next frames that
 * run see the new weights.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/learn.h>
#include "base/diag.h"
#include "layer/execute.h"
#include "layer/learn.h"
#include "run/session.h"

struct ak_learner {
	struct akida_model *model;
	struct ak_executor *executor;
	uint8_t *spikes;     /* inputs of the learning layer */
	uint32_t *picks;     /* twice as many */
	int32_t *potentials; /* of one frame */
	bool stale;	     /* the device has older weights */
};

static struct akida_layer *last_layer(const struct ak_learner *l)
{
	return &l->model->layers[l->model->count - 1];
}

/* Through the bytes of an .akm: arrays of its own, writable, learning state included. */
static int clone(const struct akida_model *m, struct akida_model **out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err = ak_model_serialize(m, &bytes, &len);

	if (err)
		return err;
	err = akida_model_parse(bytes, len, "a copy", out, diag);
	free(bytes);
	return err;
}

int ak_learner_create(const struct akida_model *m, struct ak_learner **out)
{
	const struct akida_layer *last = &m->layers[m->count - 1];
	size_t inputs = (size_t)last->in_h * last->in_w * last->in_c;
	struct ak_learner *l;

	*out = NULL;
	if (!last->learning)
		return 0;
	l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->spikes = malloc(inputs);
	l->picks = calloc(2 * inputs, sizeof(*l->picks));
	l->potentials = calloc(last->filters, sizeof(*l->potentials));
	if (!l->spikes || !l->picks || !l->potentials || clone(m, &l->model, NULL) ||
	    ak_executor_create(l->model, &l->executor)) {
		ak_learner_destroy(l);
		return -ENOMEM;
	}
	*out = l;
	return 0;
}

void ak_learner_destroy(struct ak_learner *l)
{
	if (!l)
		return;
	ak_executor_destroy(l->executor);
	akida_model_destroy(l->model);
	free(l->spikes);
	free(l->picks);
	free(l->potentials);
	free(l);
}

const struct akida_model *ak_learner_model(const struct ak_learner *l)
{
	return l->model;
}

int ak_learner_refresh(struct akida_session *s)
{
	struct akida_diag *diag;
	struct ak_load_dims dims;
	int err;

	if (!s->learner->stale)
		return 0;
	diag = akida_diag_create();
	if (s->tail) {
		err = ak_tail_refresh(s, diag);
	} else {
		s->dev->ops->unload(s->dev);
		err = s->dev->ops->load(s->dev, &s->load, &dims, diag);
	}
	if (err)
		snprintf(s->error, sizeof(s->error), "%s: cannot load what was learned: %s", s->dev->info.name,
			 akida_strerror(err));
	s->learner->stale = err;
	akida_diag_destroy(diag);
	return err;
}

/* What the layer in front hands out is what the learning layer takes in. */
static void catch_spikes(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	struct ak_learner *l = context;

	if (layer + 2 != l->model->count)
		return;
	for (size_t i = 0; i < count; i++)
		l->spikes[i] = values[i] != 0;
}

static int64_t refuse(struct akida_session *s, const char *why)
{
	snprintf(s->error, sizeof(s->error), "%s: %s", s->dev->info.name, why);
	return -EOPNOTSUPP;
}

int64_t akida_session_learn(struct akida_session *s, const uint8_t *in, const int32_t *labels, size_t frames,
			    int32_t *out, int32_t *learned)
{
	struct ak_learner *l;
	size_t units;

	if (!s || (!in && frames))
		return -EINVAL;
	l = s->learner;
	s->error[0] = 0;
	if (!l)
		return refuse(s, "nothing learns here: the model does not end in a learning layer, or the program has "
				 "it on the chip");
	units = last_layer(l)->filters;
	for (size_t i = 0; i < frames; i++) {
		int32_t neuron;

		int err = 0;

		if (s->tail)
			err = ak_tail_spikes(s, in + i * s->dims.in_bytes, l->spikes);
		else
			ak_executor_frame(l->executor, in + i * s->dims.in_bytes, NULL, catch_spikes, l);
		if (err) {
			snprintf(s->error, sizeof(s->error), "%s: %s", s->dev->info.name, s->dev->error);
			return err;
		}
		neuron = ak_learning_step(last_layer(l), l->spikes, labels ? labels[i] : -1, l->potentials, l->picks);
		l->stale = l->stale || neuron >= 0;
		if (out)
			memcpy(out + i * units, l->potentials, units * sizeof(*out));
		if (learned)
			learned[i] = neuron;
	}
	return (int64_t)frames;
}

int akida_session_model(const struct akida_session *s, struct akida_model **out, struct akida_diag *diag)
{
	int err;

	*out = NULL;
	if (!s->learner)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_LEARN_PARAM, s->dev->info.name,
			       "this session does not learn");
	err = clone(s->learner->model, out, diag);
	return err == -ENOMEM ? ak_fail(diag, err, AK_RULE_NOMEM, NULL, "no memory for a model") : err;
}
