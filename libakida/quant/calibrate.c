/* SPDX-License-Identifier: MIT */
/*
 * Calibration: float inference over batches of samples, remembering how large the outputs get. Frames are taken in order;
 * without samples they are random uint8 values from a fixed seed, so the result is the same on every machine.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "base/diag.h"
#include "graph/infer.h"
#include "quant_internal.h"

#define MOMENTUM 0.9f

struct calibrator {
	struct akida_graph *g;
	const struct akida_array *samples; /* NULL: random */
	uint64_t random;
	size_t frame; /* elements of one input */
	float *batch;
	bool *seen; /* [node] its range has had a first batch */
};

/* splitmix64: small, well mixed, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static void fill_batch(struct calibrator *c, size_t first, size_t n)
{
	if (c->samples) {
		ak_array_floats(c->samples, first * c->frame, n * c->frame, c->batch);
		return;
	}
	for (size_t i = 0; i < n * c->frame; i++)
		c->batch[i] = (float)(next_random(&c->random) >> 56) - (c->g->nodes[0].input_i8 ? 128.0f : 0.0f);
}

static int check_samples(const struct akida_array *a, const struct akida_graph *g, size_t frame, size_t used,
			 struct akida_diag *diag)
{
	float low = g->nodes[0].input_i8 ? -128 : 0, high = g->nodes[0].input_i8 ? 127 : 255;
	bool plain = true;

	if (!a->data || a->rank < 1 || !a->dims[0])
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_SAMPLES, NULL, "there are no samples in the array");
	if (!ak_graph_frames(g, a))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_SAMPLES, g->nodes[0].name,
			       "samples of rank %u with %zu elements each do not fit an input of %zu", a->rank,
			       akida_array_elements(a) / a->dims[0], frame);
	for (size_t i = 0; i < used * frame; i++) {
		float v;

		ak_array_floats(a, i, 1, &v);
		if (!isfinite(v))
			return ak_fail(diag, -ERANGE, AK_RULE_QUANT_SAMPLES, g->nodes[0].name,
				       "sample %zu has NaN or an infinity at element %zu", i / frame, i % frame);
		plain &= v >= low && v <= high && v == floorf(v);
	}
	if (!plain)
		ak_note(diag, AKIDA_WARNING, AK_RULE_QUANT_SAMPLES, g->nodes[0].name,
			"samples are not all integers from %g to %g, which is what the quantized network takes",
			(double)low, (double)high);
	return 0;
}

static float largest(const float *x, size_t n, size_t stride)
{
	float m = 0;

	for (size_t i = 0; i < n; i += stride)
		m = fmaxf(m, fabsf(x[i]));
	return m;
}

/* First batch: the maximum itself; later ones pull the range towards theirs. */
static void observe(struct ak_node *n, const float *x, size_t elements, bool first)
{
	struct ak_node_quant *q = &n->quant;

	for (uint32_t c = 0; c < q->range_count; c++) {
		float m = largest(x + c, elements - c, q->range_count);

		q->range_max[c] = first ? m : q->range_max[c] - (q->range_max[c] - m) * (1.0f - MOMENTUM);
	}
}

static void visit(void *context, uint32_t node, const float *out, size_t n)
{
	struct calibrator *c = context;
	struct ak_node *owner = &c->g->nodes[node];

	if (!owner->quant.has_output)
		return;
	observe(owner, out, n * ak_node_elements(owner), !c->seen[node]);
	c->seen[node] = true;
}

static int run_epochs(struct calibrator *c, const struct akida_quant_params *p, size_t frames)
{
	int err = 0;

	for (uint32_t e = 0; e < p->epochs && !err; e++) {
		c->random = p->seed;
		for (size_t at = 0; at < frames && !err; at += p->batch_size) {
			size_t n = frames - at < p->batch_size ? frames - at : p->batch_size;

			fill_batch(c, at, n);
			err = ak_graph_infer(c->g, c->batch, n, visit, c, NULL);
		}
	}
	return err;
}

static int check_ranges(const struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node_quant *q = &g->nodes[i].quant;

		for (uint32_t k = 0; q->has_output && k < q->range_count; k++) {
			if (!isfinite(q->range_max[k]))
				return ak_fail(diag, -ERANGE, AK_RULE_QUANT_RANGE, g->nodes[i].name,
					       "its output is not finite on the calibration samples");
			if (q->range_max[k] == 0)
				ak_note(diag, AKIDA_WARNING, AK_RULE_QUANT_RANGE, g->nodes[i].name,
					"its output is zero on all calibration samples");
		}
	}
	return 0;
}

int ak_quant_calibrate(struct akida_graph *g, const struct akida_quant_params *p, const struct akida_array *samples,
		       struct akida_diag *diag)
{
	struct calibrator c = {.g = g, .samples = samples, .frame = ak_node_elements(&g->nodes[0])};
	size_t frames = p->num_samples;
	int err = 0;

	if (samples) {
		frames = samples->rank && samples->dims[0] < frames ? samples->dims[0] : frames;
		err = check_samples(samples, g, c.frame, frames, diag);
		if (err)
			return err;
	} else {
		ak_note(diag, AKIDA_NOTE, AK_RULE_QUANT_RANDOM, NULL,
			"no samples given: %u random inputs (seed %llu) calibrate, accuracy may suffer", p->num_samples,
			(unsigned long long)p->seed);
	}
	c.batch = malloc((frames < p->batch_size ? frames : p->batch_size) * c.frame * sizeof(*c.batch));
	c.seen = calloc(g->count, sizeof(*c.seen));
	if (!c.batch || !c.seen)
		err = -ENOMEM;
	if (!err)
		err = run_epochs(&c, p, frames);
	if (!err)
		err = check_ranges(g, diag);
	else
		ak_fail(diag, err, err == -ENOMEM ? AK_RULE_NOMEM : AK_RULE_QUANT_RANGE, g->name,
			"calibration cannot run: %s", akida_strerror(err));
	free(c.batch);
	free(c.seen);
	return err;
}
