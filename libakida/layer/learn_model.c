/* SPDX-License-Identifier: MIT */
/* Models that end in a learning layer: made from others, with more classes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/layer.h"
#include "layer/learn.h"

void akida_learning_params_init(struct akida_learning_params *p)
{
	memset(p, 0, sizeof(*p));
	p->size = sizeof(*p);
	p->units = p->num_classes = 1;
	p->initial_plasticity = 1;
	p->min_plasticity = 0.1;
	p->plasticity_decay = 0.25;
	p->seed = 1;
}

static const struct akida_layer *learning_layer(const struct akida_model *m)
{
	return m->layers[m->count - 1].learning ? &m->layers[m->count - 1] : NULL;
}

/* 1-bit outputs: active above a code of before. The boundary of code n is threshold + n intervals, rounded down. */
static void binarize(struct akida_layer *l, uint32_t level)
{
	uint32_t interval = 1u << (4 - l->act_bits);

	for (uint32_t f = 0; f < l->filters; f++)
		l->threshold[f] += (int32_t)((int64_t)l->step16[f] * interval * level / 16);
	l->act_bits = 1;
}

/* A fully connected layer of 1 bit behind `before`; its weights are zero. */
static int learning_after(const struct akida_layer *before, uint32_t units, struct akida_layer *l)
{
	memset(l, 0, sizeof(*l));
	snprintf(l->name, sizeof(l->name), "learning");
	l->type = AKIDA_LAYER_FULLY;
	l->in_h = before->out_h;
	l->in_w = before->out_w;
	l->in_c = before->out_c;
	l->in_bits = l->weights_bits = 1;
	l->filters = units;
	if (ak_layer_alloc(l))
		return -ENOMEM;
	for (uint32_t u = 0; u < units; u++)
		l->scale[u] = 1;
	return 0;
}

static int scatter(struct akida_layer *l, uint32_t first)
{
	uint32_t *picks = calloc((size_t)l->in_h * l->in_w * l->in_c, sizeof(*picks));

	if (!picks)
		return -ENOMEM;
	ak_learning_scatter(l, first, picks);
	free(picks);
	return 0;
}

static void free_layers(struct akida_layer *l, uint32_t count)
{
	for (uint32_t i = 0; l && i < count; i++)
		ak_layer_fini(&l[i]);
	free(l);
}

int akida_model_learning(const struct akida_model *m, const struct akida_learning_params *p, uint32_t spike_level,
			 struct akida_model **out, struct akida_diag *diag)
{
	const struct akida_layer *last = &m->layers[m->count - 1];
	uint32_t keep = m->count - (last->activation ? 0 : 1), done = 0;
	struct akida_layer *l, *tail;
	int err = 0;

	if (p->size < sizeof(*p))
		return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, NULL, "parameters are not initialised");
	if (akida_model_ip(m) != 1)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_LEARN_PARAM, last->name, "edge learning is of Akida v1");
	if (!keep || m->layers[keep - 1].type == AKIDA_LAYER_INPUT_DATA)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_LEARN_PARAM, last->name,
			       "nothing is left in front of a learning layer");
	tail = &m->layers[keep - 1];
	if (!p->units || p->units > AK_MAX_CHANNELS)
		return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, NULL, "units is %u, allowed is 1 to %u", p->units,
			       AK_MAX_CHANNELS);
	if (spike_level >= 1u << tail->act_bits)
		return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, tail->name,
			       "spike_level is %u, allowed is 0 to %u, its outputs below the largest", spike_level,
			       (1u << tail->act_bits) - 2);
	l = calloc(keep + 1, sizeof(*l));
	if (!l)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u layers", keep + 1);
	for (; done < keep && !err; done++)
		err = ak_layer_copy(&m->layers[done], &l[done]);
	if (!err) {
		binarize(&l[keep - 1], spike_level);
		err = learning_after(tail, p->units, &l[keep]);
		done = keep + 1;
	}
	if (!err)
		err = ak_learning_alloc(&l[keep], p);
	if (!err)
		err = ak_learning_check(&l[keep], diag);
	if (!err)
		err = scatter(&l[keep], 0);
	if (err) {
		free_layers(l, done);
		return err == -ENOMEM ? ak_fail(diag, err, AK_RULE_NOMEM, NULL, "no memory for a model") : err;
	}
	return ak_model_create(l, keep + 1, m->source, out, diag);
}

/* Neurons of all classes lie in groups, class by class: the new groups follow, and weights get longer rows. */
static int widen(const struct akida_layer *from, uint32_t units, uint32_t classes, struct akida_layer *to)
{
	struct akida_learning_params p = {.size = sizeof(p),
					  .num_weights = from->learning->num_weights,
					  .num_classes = classes,
					  .initial_plasticity = from->learning->initial_plasticity,
					  .learning_competition = from->learning->competition,
					  .min_plasticity = from->learning->min_plasticity,
					  .plasticity_decay = from->learning->plasticity_decay,
					  .seed = from->learning->random};
	size_t inputs = (size_t)from->in_h * from->in_w * from->in_c;
	struct akida_layer like = *from;
	int err;

	like.out_h = from->in_h;
	like.out_w = from->in_w;
	like.out_c = from->in_c;
	err = learning_after(&like, units, to);
	memcpy(to->name, from->name, sizeof(to->name));
	if (!err)
		err = ak_learning_alloc(to, &p);
	if (err)
		return err;
	for (size_t i = 0; i < inputs; i++)
		memcpy(to->weights + i * units, from->weights + i * from->filters, from->filters);
	memcpy(to->learning->threshold, from->learning->threshold, from->filters * sizeof(int32_t));
	memcpy(to->learning->swaps, from->learning->swaps, from->filters * sizeof(int32_t));
	memcpy(to->scale, from->scale, from->filters * sizeof(*to->scale));
	memcpy(to->threshold, from->threshold, from->filters * sizeof(*to->threshold));
	memcpy(to->step16, from->step16, from->filters * sizeof(*to->step16));
	return scatter(to, from->filters);
}

int akida_model_add_classes(const struct akida_model *m, uint32_t more, struct akida_model **out,
			    struct akida_diag *diag)
{
	const struct akida_layer *last = learning_layer(m);
	uint64_t classes, units;
	struct akida_layer *l;
	uint32_t done = 0;
	int err = 0;

	if (!last)
		return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, m->layers[m->count - 1].name,
			       "is no learning layer");
	classes = (uint64_t)last->learning->num_classes + more;
	units = classes * (last->filters / last->learning->num_classes);
	if (!more || units > AK_MAX_CHANNELS)
		return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, last->name,
			       "%u more classes are not possible: at least one, and at most %u neurons", more,
			       AK_MAX_CHANNELS);
	l = calloc(m->count, sizeof(*l));
	if (!l)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u layers", m->count);
	for (; done + 1 < m->count && !err; done++)
		err = ak_layer_copy(&m->layers[done], &l[done]);
	if (!err)
		err = widen(last, (uint32_t)units, (uint32_t)classes, &l[done++]);
	if (err) {
		free_layers(l, done);
		return ak_fail(diag, err, AK_RULE_NOMEM, NULL, "no memory for a model");
	}
	return ak_model_create(l, m->count, m->source, out, diag);
}

int akida_model_learning_info(const struct akida_model *m, struct akida_learning_info *info)
{
	const struct akida_layer *l = learning_layer(m);
	struct akida_learning_info full = {.size = sizeof(full)};

	if (!l)
		return -ENOENT;
	full.inputs = l->in_h * l->in_w * l->in_c;
	full.units = l->filters;
	full.num_weights = l->learning->num_weights;
	full.num_classes = l->learning->num_classes;
	for (uint32_t u = 0; u < l->filters; u++)
		full.learned += l->learning->threshold[u] > 0;
	full.size = info->size;
	memcpy(info, &full, info->size < sizeof(full) ? info->size : sizeof(full));
	return 0;
}
