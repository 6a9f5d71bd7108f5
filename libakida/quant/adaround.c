/* SPDX-License-Identifier: MIT */
/*
 * Adaptive rounding of one layer: each weight is floor(w * factor) + h, where h between 0 and 1 is learned with Adam on
 * the squared error of the layer's outputs, plus a term that pushes h to 0 or 1 the more the longer it runs.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "graph/forward.h"
#include "graph/legacy.h"
#include "graph/quant_config.h"
#include "legacy_calibrate.h"

#define REGULARIZER 0.01
#define BETA_FIRST 20.0
#define BETA_LAST 2.0
#define STRETCH 1.2f
#define SHIFT 0.1f
#define ADAM_1 0.9f
#define ADAM_2 0.999f
#define ADAM_EPSILON 1e-7f

struct learner {
	struct ak_rounding *r;
	size_t inputs, filters, count, positions;	 /* of a row; rows in a frame */
	float top;					 /* largest code */
	float *factor;					 /* [filters] codes for 1.0 */
	float *alpha, *h, *m, *v, *gradient, *effective; /* [count] */
	float *row;					 /* [inputs] */
	bool *fixed; /* [count] a weight at the end of the codes: its scale hangs on it */
	uint64_t step;
};

static int learner_init(struct learner *l, struct ak_rounding *r)
{
	size_t n = r->kernel->count;

	*l = (struct learner){.r = r, .filters = r->n->filters, .count = n};
	l->inputs = n / l->filters;
	l->positions = ak_node_elements(r->n) / l->filters;
	l->top = (float)((1 << (r->n->quant.weight_bits - 1)) - 1);
	l->factor = calloc(l->filters, sizeof(float));
	l->alpha = calloc(6 * n, sizeof(float));
	l->fixed = calloc(n, sizeof(bool));
	l->row = calloc(l->inputs, sizeof(float));
	if (!l->factor || !l->alpha || !l->fixed || !l->row)
		return -ENOMEM;
	l->h = l->alpha + n;
	l->m = l->alpha + 2 * n;
	l->v = l->alpha + 3 * n;
	l->gradient = l->alpha + 4 * n;
	l->effective = l->alpha + 5 * n;
	return 0;
}

static void learner_fini(struct learner *l)
{
	free(l->factor);
	free(l->alpha);
	free(l->fixed);
	free(l->row);
}

/* Scales as the layer's quantizer has them, and h at the fraction that is lost. */
static int start(struct learner *l)
{
	struct ak_node *n = l->r->n;
	bool separable = n->op == AK_OP_SEPARABLE;
	int8_t *q = malloc(n->weights[0].count), *pw = malloc(l->count);
	struct ak_node one = *n;
	int err = q && pw ? 0 : -ENOMEM;

	if (!err && separable) { /* the scale of the pointwise kernel alone */
		one.op = AK_OP_DENSE;
		one.weights[0] = *l->r->kernel;
		strcpy(one.weights[0].name, "kernel");
		one.weight_count = 1;
	}
	if (!err)
		ak_quant_weights(&one, l->filters, separable ? pw : q, NULL, l->factor);
	for (size_t f = 0; !err && f < l->filters; f++)
		l->factor[f] = 1.0f / l->factor[f];
	for (size_t i = 0; !err && i < l->count; i++) {
		float code = l->r->kernel->data[i] * l->factor[i % l->filters], fraction = code - floorf(code), s;

		l->fixed[i] = fabsf(code) > l->top - 1e-3f;
		s = fminf(fmaxf((fraction + SHIFT) / STRETCH, 1e-3f), 1 - 1e-3f);
		l->alpha[i] = logf(s / (1 - s));
	}
	free(q);
	free(pw);
	return err;
}

static float sigmoid(float x)
{
	return 1 / (1 + expf(-x));
}

static float clip(float v, float lo, float hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

static float code_of(const struct learner *l, size_t i, float h)
{
	float code = l->r->kernel->data[i] * l->factor[i % l->filters];

	return clip(l->fixed[i] ? rintf(code) : floorf(code) + h, -l->top, l->top);
}

static void make_effective(struct learner *l)
{
	for (size_t i = 0; i < l->count; i++) {
		l->h[i] = clip(sigmoid(l->alpha[i]) * STRETCH - SHIFT, 0, 1);
		l->effective[i] = code_of(l, i, l->h[i]) / l->factor[i % l->filters];
	}
}

/* What the kernel is multiplied with at output position p of a frame. */
static const float *row_at(struct learner *l, const float *in, size_t p)
{
	const struct ak_node *n = l->r->n, *from = l->r->in_node;
	size_t channels = from->dims[from->rank - 1], at = 0;
	int y0, x0;

	if (n->op != AK_OP_CONV2D)
		return in + p * l->inputs; /* a pointwise kernel reads positions, a dense layer rows */
	y0 = (int)(p / n->dims[1] * n->stride_h) -
	     ak_pad_before(from->dims[0], n->dims[0], n->kernel_h, n->stride_h, n->dilation_h, n->same);
	x0 = (int)(p % n->dims[1] * n->stride_w) -
	     ak_pad_before(from->dims[1], n->dims[1], n->kernel_w, n->stride_w, n->dilation_w, n->same);
	for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++, at += channels) {
		int y = y0 + (int)(k / n->kernel_w * n->dilation_h), x = x0 + (int)(k % n->kernel_w * n->dilation_w);

		if (y < 0 || x < 0 || y >= (int)from->dims[0] || x >= (int)from->dims[1])
			memset(l->row + at, 0, channels * sizeof(float));
		else
			memcpy(l->row + at, in + ((size_t)y * from->dims[1] + (size_t)x) * channels,
			       channels * sizeof(float));
	}
	return l->row;
}

/* Error of one output, through the activation with a straight gradient inside its range. */
static double output_error(const struct learner *l, double y, float target)
{
	const struct ak_node *relu = l->r->relu;
	float step, levels, code;

	if (!relu)
		return y - (double)target;
	step = ak_legacy_step(relu);
	levels = (float)((1u << relu->quant.out_bits) - 1);
	if (y < 0 || y > (double)relu->max_value)
		return 0;
	code = clip(ceilf(((float)y - step / 2) / step), 0, levels);
	return (double)(step * code) - (double)clip(target, 0, relu->max_value);
}

static void add_frame(struct learner *l, size_t frame, double weight, double *acc)
{
	const float *in = l->r->in + frame * l->positions * l->inputs;
	const float *target = l->r->target + frame * l->positions * l->filters;
	const struct ak_weight *bias = ak_node_weight(l->r->n, "bias");

	if (l->r->n->op == AK_OP_CONV2D)
		in = l->r->in + frame * ak_node_elements(l->r->in_node);
	for (size_t p = 0; p < l->positions; p++) {
		const float *row = row_at(l, in, p);

		memset(acc, 0, l->filters * sizeof(*acc));
		ak_mac(row, l->inputs, l->effective, l->filters, l->filters, acc);
		for (size_t f = 0; f < l->filters; f++)
			acc[f] = weight * output_error(l, acc[f] + (bias ? (double)bias->data[f] : 0),
						       target[p * l->filters + f]);
		for (size_t i = 0; i < l->inputs; i++)
			for (size_t f = 0; row[i] != 0 && f < l->filters; f++)
				l->gradient[i * l->filters + f] += row[i] * (float)acc[f];
	}
}

static void adam(struct learner *l, float rate, double beta)
{
	float c1, c2;

	l->step++;
	c1 = 1 - powf(ADAM_1, (float)l->step);
	c2 = 1 - powf(ADAM_2, (float)l->step);
	for (size_t i = 0; i < l->count; i++) {
		float s = sigmoid(l->alpha[i]), h = l->h[i], far = 2 * h - 1, g;

		if (l->fixed[i] || h <= 0 || h >= 1)
			continue; /* the clip is flat there */
		g = l->gradient[i] / l->factor[i % l->filters];
		g -= (float)(REGULARIZER * beta * pow(fabs((double)far), beta - 1) * 2) * (far < 0 ? -1.0f : 1.0f);
		g *= STRETCH * s * (1 - s);
		l->m[i] = ADAM_1 * l->m[i] + (1 - ADAM_1) * g;
		l->v[i] = ADAM_2 * l->v[i] + (1 - ADAM_2) * g * g;
		l->alpha[i] -= rate * (l->m[i] / c1) / (sqrtf(l->v[i] / c2) + ADAM_EPSILON);
	}
}

int ak_adaround(struct ak_rounding *r, const struct akida_legacy_calibration *p)
{
	struct learner l;
	double *acc = calloc(r->n->filters, sizeof(*acc));
	int err = acc ? learner_init(&l, r) : -ENOMEM;

	if (!acc)
		return err;
	if (!err)
		err = start(&l);
	for (uint32_t e = 0; !err && e < p->epochs; e++) {
		double progress = p->epochs > 1 ? (double)e / (double)(p->epochs - 1) : 1;
		double beta = BETA_LAST + (BETA_FIRST - BETA_LAST) * 0.5 * (1 + cos(progress * M_PI));

		for (size_t at = 0; at < r->frames; at += p->batch_size) {
			size_t n = r->frames - at < p->batch_size ? r->frames - at : p->batch_size;
			double weight = 2.0 / (double)(n * l.positions * l.filters);

			make_effective(&l);
			memset(l.gradient, 0, l.count * sizeof(float));
			for (size_t f = 0; f < n; f++)
				add_frame(&l, at + f, weight, acc);
			adam(&l, p->learning_rate, beta);
		}
	}
	if (!err)
		make_effective(&l);
	for (size_t i = 0; !err && i < l.count; i++)
		r->kernel->data[i] = code_of(&l, i, l.h[i] >= 0.5f ? 1.0f : 0.0f) / l.factor[i % l.filters];
	learner_fini(&l);
	free(acc);
	return err;
}
