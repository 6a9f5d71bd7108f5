/* SPDX-License-Identifier: MIT */
/* Integers of float master weights: QuantizeML's scales, and those of the quantizers of legacy CNN2SNN. */
#include <math.h>
#include "fixedpoint.h"
#include "quant_config.h"

#define LEGACY_MAX_FACTOR 1000.0f
#define LEGACY_LEAST_MAX 1e-10f

/* A kernel as [outer][channels][inner]. */
struct layout {
	size_t outer, channels, inner;
};

static struct layout layout_of(const struct ak_node *n, const struct ak_weight *w, size_t channels)
{
	bool inner = n->op == AK_OP_CONV2D_TRANSPOSE; /* filters before channels */

	if (inner)
		return (struct layout){w->dims[0] * w->dims[1], channels,
				       w->count / (w->dims[0] * w->dims[1] * channels)};
	return (struct layout){w->count / channels, channels, 1};
}

static size_t at(const struct layout *l, size_t o, size_t c, size_t i)
{
	return (o * l->channels + c) * l->inner + i;
}

/* Largest magnitude, or threshold standard deviations (population), of channel c. */
static float legacy_range(const float *w, const struct layout *l, size_t c, bool deviation, float threshold)
{
	double sum = 0, squares = 0, count = (double)(l->outer * l->inner), largest = 0;

	for (size_t o = 0; o < l->outer; o++)
		for (size_t i = 0; i < l->inner; i++) {
			double v = (double)w[at(l, o, c, i)];

			sum += v;
			largest = fmax(largest, fabs(v));
		}
	if (!deviation)
		return (float)largest;
	for (size_t o = 0; o < l->outer; o++)
		for (size_t i = 0; i < l->inner; i++) {
			double v = (double)w[at(l, o, c, i)] - sum / count;

			squares += v * v;
		}
	return (float)((double)threshold * sqrt(squares / count));
}

static void legacy_weights(const float *w, struct layout l, enum ak_legacy_quantizer kind, float threshold,
			   uint32_t bits, int8_t *q, float *scale)
{
	float top = (float)((1 << (bits - 1)) - 1);

	for (size_t c = 0; c < l.channels; c++) {
		float range =
			legacy_range(w, &l, c, kind == AK_LEGACY_STD || kind == AK_LEGACY_STD_PER_AXIS, threshold);
		float factor;

		if (kind == AK_LEGACY_MAX_PER_AXIS)
			range = fmaxf(range, LEGACY_LEAST_MAX);
		factor = fminf(top / range, LEGACY_MAX_FACTOR); /* also what a range of 0 gives */
		for (size_t o = 0; o < l.outer; o++)
			for (size_t i = 0; i < l.inner; i++) {
				float v = nearbyintf(w[at(&l, o, c, i)] * factor);

				q[at(&l, o, c, i)] = (int8_t)fminf(fmaxf(v, -top), top);
			}
		scale[c] = 1.0f / factor;
	}
}

static void quantize(const struct ak_node *n, const struct ak_weight *w, size_t channels, bool per_tensor,
		     uint32_t bits, enum ak_legacy_quantizer legacy, float threshold, int8_t *q, float *scale)
{
	struct layout l = per_tensor ? (struct layout){1, 1, w->count} : layout_of(n, w, channels);

	if (n->quant.legacy)
		legacy_weights(w->data, l, legacy, threshold, bits, q, scale);
	else
		ak_fx_weights(w->data, l.outer, l.channels, l.inner, bits, q, scale);
	for (size_t c = 1; per_tensor && c < channels; c++)
		scale[c] = scale[0];
}

static bool legacy_per_tensor(enum ak_legacy_quantizer kind)
{
	return kind == AK_LEGACY_MAX || kind == AK_LEGACY_STD;
}

void ak_quant_weights(const struct ak_node *n, size_t channels, int8_t *q, int8_t *q_pw, float *scale)
{
	const struct ak_node_quant *nq = &n->quant;
	const struct ak_weight *w = &n->weights[0], *pw = ak_node_weight(n, "pointwise_kernel");
	bool per_tensor = nq->legacy ? legacy_per_tensor(nq->legacy_weights) : nq->weight_per_tensor;
	float depthwise;

	if (!pw) {
		quantize(n, w, channels, per_tensor, nq->weight_bits, nq->legacy_weights, nq->legacy_threshold, q,
			 scale);
		return;
	}
	quantize(n, w, 1, true, ak_quant_dw_bits(n), nq->legacy_dw, nq->legacy_dw_threshold, q, &depthwise);
	quantize(n, pw, channels, per_tensor, nq->weight_bits, nq->legacy_weights, nq->legacy_threshold, q_pw, scale);
	for (size_t c = 0; c < channels; c++)
		scale[c] *= depthwise;
}
