/* SPDX-License-Identifier: MIT */
/* The rule of edge learning and its state, see learn.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "base/le.h"
#include "layer/layer.h"
#include "layer/learn.h"

#define FIXED_BYTES 64u

static size_t inputs_of(const struct akida_layer *l)
{
	return (size_t)l->in_h * l->in_w * l->in_c;
}

static uint64_t next(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The first n of count picks become a random choice of them. */
static void choose(uint64_t *random, uint32_t *picks, uint32_t count, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t k = i + (uint32_t)((next(random) >> 32) * (count - i) >> 32), t = picks[i];

		picks[i] = picks[k];
		picks[k] = t;
	}
}

/* Of num_weights, rounded up: 0.25 of 350 is 88 in the vendor's file. A float32 0.1 widened must not count as more. */
static int32_t share(const struct ak_learning *s, double plasticity)
{
	return (int32_t)ceil(plasticity * s->num_weights - 1e-4);
}

int ak_learning_alloc(struct akida_layer *l, const struct akida_learning_params *p)
{
	struct ak_learning *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->num_weights = p->num_weights;
	s->num_classes = p->num_classes;
	s->initial_plasticity = p->initial_plasticity;
	s->competition = p->learning_competition;
	s->min_plasticity = p->min_plasticity;
	s->plasticity_decay = p->plasticity_decay;
	s->random = p->seed;
	s->threshold = calloc(l->filters, sizeof(*s->threshold));
	s->swaps = calloc(l->filters, sizeof(*s->swaps));
	if (!s->threshold || !s->swaps) {
		ak_learning_free(s);
		return -ENOMEM;
	}
	for (uint32_t u = 0; u < l->filters; u++)
		s->swaps[u] = share(s, s->initial_plasticity);
	l->learning = s;
	return 0;
}

void ak_learning_free(struct ak_learning *s)
{
	if (!s)
		return;
	free(s->threshold);
	free(s->swaps);
	free(s);
}

static int refuse(struct akida_diag *diag, const struct akida_layer *l, const char *what, double value,
		  const char *allowed)
{
	return ak_fail(diag, -EINVAL, AK_RULE_LEARN_PARAM, l->name, "%s is %g, allowed is %s", what, value, allowed);
}

int ak_learning_check(const struct akida_layer *l, struct akida_diag *diag)
{
	const struct ak_learning *s = l->learning;

	if (l->type != AKIDA_LAYER_FULLY || l->weights_bits != 1 || l->in_bits != 1 || l->activation)
		return ak_fail(
			diag, -EINVAL, AK_RULE_LEARN_PARAM, l->name,
			"a learning layer is fully connected with 1-bit inputs and weights and without activation");
	if (!s->num_weights || s->num_weights > inputs_of(l))
		return refuse(diag, l, "num_weights", s->num_weights, "1 to the number of inputs");
	if (!s->num_classes || l->filters % s->num_classes)
		return refuse(diag, l, "num_classes", s->num_classes, "1 or more, dividing the number of neurons");
	if (!(s->initial_plasticity > 0 && s->initial_plasticity <= 1))
		return refuse(diag, l, "initial_plasticity", s->initial_plasticity, "above 0, up to 1");
	if (!(s->competition >= 0 && s->competition <= 1))
		return refuse(diag, l, "learning_competition", s->competition, "0 to 1");
	if (!(s->min_plasticity >= 0 && s->min_plasticity <= s->initial_plasticity + 1e-6))
		return refuse(diag, l, "min_plasticity", s->min_plasticity, "0 to initial_plasticity");
	if (!(s->plasticity_decay >= 0 && s->plasticity_decay <= 1))
		return refuse(diag, l, "plasticity_decay", s->plasticity_decay, "0 to 1");
	for (uint32_t u = 0; u < l->filters; u++) {
		if (s->threshold[u] < 0 || s->threshold[u] > (int32_t)inputs_of(l))
			return refuse(diag, l, "threshold_learning", s->threshold[u], "0 to the number of inputs");
		if (s->swaps[u] < 0 || s->swaps[u] > (int32_t)inputs_of(l))
			return refuse(diag, l, "thswap", s->swaps[u], "0 to the number of inputs");
	}
	return 0;
}

void ak_learning_scatter(struct akida_layer *l, uint32_t first, uint32_t *picks)
{
	uint32_t inputs = (uint32_t)inputs_of(l), n = l->learning->num_weights;

	for (uint32_t u = first; u < l->filters; u++) {
		for (uint32_t i = 0; i < inputs; i++)
			picks[i] = i;
		choose(&l->learning->random, picks, inputs, n);
		for (uint32_t i = 0; i < n; i++)
			l->weights[(size_t)picks[i] * l->filters + u] = 1;
	}
}

/* The neuron that learns, or -1. */
static int32_t winner(const struct akida_layer *l, const int32_t *potentials, int32_t label)
{
	const struct ak_learning *s = l->learning;
	uint32_t group = l->filters / s->num_classes, first = 0, end = l->filters;
	int32_t best = -1, top = 0, second = 0;
	uint32_t champion = 0;

	if (s->num_classes > 1) {
		if (label < 0 || (uint32_t)label >= s->num_classes)
			return -1;
		first = (uint32_t)label * group;
		end = first + group;
	} else if (label > 0) {
		return -1; /* label >= num_classes */
	}
	/* the highest potential of learned neurons, and the highest but that one's */
	for (uint32_t u = first; u < end; u++) {
		if (!s->threshold[u])
			continue;
		if (potentials[u] > top) {
			second = top;
			top = potentials[u];
			champion = u;
		} else if (potentials[u] > second) {
			second = potentials[u];
		}
	}
	for (uint32_t u = first; u < end; u++) {
		int32_t others = top && champion == u ? second : top;

		if (potentials[u] > s->threshold[u] && potentials[u] > s->competition * others &&
		    (best < 0 || potentials[u] > potentials[best]))
			best = (int32_t)u;
	}
	return best;
}

int32_t ak_learning_step(struct akida_layer *l, const uint8_t *in, int32_t label, int32_t *potentials, uint32_t *picks)
{
	uint32_t inputs = (uint32_t)inputs_of(l), unused = 0, missed = 0, n, *missing = picks + inputs;
	struct ak_learning *s = l->learning;
	int32_t u, least;
	int8_t *w;

	memset(potentials, 0, l->filters * sizeof(*potentials));
	for (uint32_t i = 0; i < inputs; i++)
		if (in[i])
			for (uint32_t k = 0; k < l->filters; k++)
				potentials[k] += l->weights[(size_t)i * l->filters + k];
	u = winner(l, potentials, label);
	if (u < 0)
		return -1;
	w = l->weights + u;
	for (uint32_t i = 0; i < inputs; i++) {
		bool one = w[(size_t)i * l->filters];

		if (one && !in[i])
			picks[unused++] = i;
		else if (!one && in[i])
			missing[missed++] = i;
	}
	n = unused < missed ? unused : missed;
	n = n < (uint32_t)s->swaps[u] ? n : (uint32_t)s->swaps[u];
	choose(&s->random, picks, unused, n);
	choose(&s->random, missing, missed, n);
	for (uint32_t i = 0; i < n; i++) {
		w[(size_t)picks[i] * l->filters] = 0;
		w[(size_t)missing[i] * l->filters] = 1;
	}
	s->threshold[u] = potentials[u];
	least = share(s, s->min_plasticity);
	s->swaps[u] -= share(s, s->plasticity_decay * s->initial_plasticity);
	s->swaps[u] = s->swaps[u] < least ? least : s->swaps[u];
	return u;
}

static void put_double(uint8_t *p, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	ak_put64(p, bits);
}

static double get_double(const uint8_t *p)
{
	uint64_t bits = ak_get64(p);
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

size_t ak_learning_bytes(const struct akida_layer *l)
{
	return FIXED_BYTES + (size_t)l->filters * 8;
}

void ak_learning_put(const struct akida_layer *l, uint8_t *bytes)
{
	const struct ak_learning *s = l->learning;

	memset(bytes, 0, FIXED_BYTES);
	ak_put32(bytes, s->num_weights);
	ak_put32(bytes + 4, s->num_classes);
	put_double(bytes + 8, s->initial_plasticity);
	put_double(bytes + 16, s->competition);
	put_double(bytes + 24, s->min_plasticity);
	put_double(bytes + 32, s->plasticity_decay);
	ak_put64(bytes + 40, s->random);
	for (uint32_t u = 0; u < l->filters; u++) {
		ak_put32(bytes + FIXED_BYTES + 8 * (size_t)u, (uint32_t)s->threshold[u]);
		ak_put32(bytes + FIXED_BYTES + 8 * (size_t)u + 4, (uint32_t)s->swaps[u]);
	}
}

int ak_learning_get(struct akida_layer *l, const uint8_t *bytes, size_t len)
{
	struct akida_learning_params p = {.size = sizeof(p)};
	int err;

	if (l->type != AKIDA_LAYER_FULLY || len != ak_learning_bytes(l))
		return -EILSEQ;
	p.num_weights = ak_get32(bytes);
	p.num_classes = ak_get32(bytes + 4);
	p.initial_plasticity = get_double(bytes + 8);
	p.learning_competition = get_double(bytes + 16);
	p.min_plasticity = get_double(bytes + 24);
	p.plasticity_decay = get_double(bytes + 32);
	p.seed = ak_get64(bytes + 40);
	err = ak_learning_alloc(l, &p);
	for (uint32_t u = 0; u < l->filters && !err; u++) {
		l->learning->threshold[u] = (int32_t)ak_get32(bytes + FIXED_BYTES + 8 * (size_t)u);
		l->learning->swaps[u] = (int32_t)ak_get32(bytes + FIXED_BYTES + 8 * (size_t)u + 4);
	}
	return err;
}
