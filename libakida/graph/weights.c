/* SPDX-License-Identifier: MIT */
/* The weights every layer must have, their shapes, that they are numbers; the ranges of quantizers likewise. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "graph.h"
#include "shape.h"

struct expected {
	const char *name;
	uint32_t rank;
	size_t dims[AK_WEIGHT_RANK];
};

/* The weights Keras gives the layer, in get_weights() order. */
static uint32_t expected_weights(const struct ak_node *n, const struct ak_node *in, struct expected *e)
{
	size_t c = in && in->rank ? in->dims[in->rank - 1] : 0;
	size_t kt = n->kernel_t, kh = n->kernel_h, kw = n->kernel_w, f = n->filters, dm = n->depth_multiplier;
	uint32_t k = 0, steps, channels;

	switch (n->op) {
	case AK_OP_CONV2D_TRANSPOSE: /* filters before channels */
		e[k++] = (struct expected){"kernel", 4, {kh, kw, f, c}};
		break;
	case AK_OP_DEPTHWISE_TRANSPOSE:
		e[k++] = (struct expected){"depthwise_kernel", 4, {kh, kw, c, 1}};
		f = c;
		break;
	case AK_OP_CONV3D:
		e[k++] = (struct expected){"kernel", 5, {kt, kh, kw, c / n->groups, f}};
		break;
	case AK_OP_BUFFER_TEMP_CONV: /* the oldest frame first */
		e[k++] = (struct expected){"kernel", 4, {1, 1, kt * c, f}};
		break;
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		e[k++] = (struct expected){"kernel", 2, {kt, c}};
		f = c;
		break;
	case AK_OP_STATEFUL_RECURRENT:
		e[k++] = (struct expected){"A_real", 1, {c}};
		e[k++] = (struct expected){"A_imag", 1, {c}};
		return k;
	case AK_OP_STATEFUL_PROJECTION:
		ak_projection_input(n, in, &steps, &channels);
		e[k++] = (struct expected){"kernel", 2, {channels, f}};
		break;
	case AK_OP_CONV2D:
		e[k++] = (struct expected){"kernel", 4, {kh, kw, c / n->groups, f}};
		break;
	case AK_OP_SEPARABLE:
		e[k++] = (struct expected){"depthwise_kernel", 4, {kh, kw, c, dm}};
		e[k++] = (struct expected){"pointwise_kernel", 4, {1, 1, c * dm, f}};
		break;
	case AK_OP_DEPTHWISE:
		e[k++] = (struct expected){"depthwise_kernel", 4, {kh, kw, c, dm}};
		f = c * dm;
		break;
	case AK_OP_DENSE:
		e[k++] = (struct expected){"kernel", 2, {c, f}};
		break;
	case AK_OP_BATCHNORM:
		if (n->scale_on)
			e[k++] = (struct expected){"gamma", 1, {c}};
		if (n->center)
			e[k++] = (struct expected){"beta", 1, {c}};
		e[k++] = (struct expected){"moving_mean", 1, {c}};
		e[k++] = (struct expected){"moving_variance", 1, {c}};
		return k;
	default:
		return 0;
	}
	if (n->use_bias)
		e[k++] = (struct expected){"bias", 1, {f}};
	return k;
}

uint32_t ak_node_weight_names(const struct ak_node *n, const char *names[AK_MAX_WEIGHTS])
{
	const struct ak_node any = {.rank = 1, .dims = {1}};
	struct expected e[AK_MAX_WEIGHTS];
	struct ak_node copy = *n;
	uint32_t count;

	copy.groups = 1;
	count = expected_weights(&copy, &any, e);
	for (uint32_t i = 0; i < count; i++)
		names[i] = e[i].name;
	return count;
}

static int check_finite(struct akida_diag *diag, const struct ak_node *n, const struct ak_weight *w)
{
	bool variance = !strcmp(w->name, "moving_variance");

	for (size_t i = 0; i < w->count; i++) {
		if (!isfinite(w->data[i]))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name, "%s has %s at element %zu",
				       w->name, isnan(w->data[i]) ? "NaN" : "an infinity", i);
		if (variance && !(w->data[i] + n->epsilon > 0))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name,
				       "moving_variance plus epsilon is not positive at element %zu", i);
	}
	return 0;
}

static void print_dims(char *s, size_t bytes, uint32_t rank, const size_t *dims)
{
	size_t at = 0;

	s[0] = 0;
	for (uint32_t i = 0; i < rank && at < bytes; i++)
		at += (size_t)snprintf(s + at, bytes - at, "%s%zu", i ? "x" : "", dims[i]);
}

static int check_weight(struct akida_diag *diag, const struct ak_node *n, const struct expected *e,
			const struct ak_weight *w)
{
	char want[96], got[96];

	if (w->rank == e->rank && !memcmp(w->dims, e->dims, e->rank * sizeof(e->dims[0])))
		return check_finite(diag, n, w);
	print_dims(want, sizeof(want), e->rank, e->dims);
	print_dims(got, sizeof(got), w->rank, w->dims);
	return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name, "%s has shape %s, must be %s", e->name, got, want);
}

int ak_check_weights(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in, bool create)
{
	struct expected e[AK_MAX_WEIGHTS];
	uint32_t count = expected_weights(n, in, e);
	int err;

	for (uint32_t i = 0; i < count; i++) {
		struct ak_weight *w = ak_node_weight(n, e[i].name);

		if (!w && create && n->weight_count == i) {
			err = ak_node_add_weight(n, e[i].name, e[i].rank, e[i].dims, &w);
			if (err)
				return ak_fail(diag, err, AK_RULE_GRAPH_SIZE, n->name, "%s cannot be allocated",
					       e[i].name);
			if (!strcmp(e[i].name, "gamma") || !strcmp(e[i].name, "moving_variance"))
				for (size_t k = 0; k < w->count; k++)
					w->data[k] = 1.0f;
		}
		if (!w)
			return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT_MISSING, n->name, "has no %s", e[i].name);
		err = check_weight(diag, n, &e[i], w);
		if (err)
			return err;
	}
	if (n->weight_count > count)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "has %u weights, its configuration needs %u", n->weight_count, count);
	return 0;
}

int ak_check_quant(struct akida_diag *diag, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;
	uint32_t channels = n->dims[n->rank - 1];

	if (!q->active || !q->has_output || q->legacy)
		return 0;
	if (q->out_bits < 1 || q->out_bits > 32)
		return ak_bad_attr(diag, n, "output_quantizer bitwidth", q->out_bits, "1 to 32");
	if (!q->range_max || q->range_count != (q->out_per_axis ? channels : 1))
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "output_quantizer has %u ranges, must be %u", q->range_max ? q->range_count : 0,
			       q->out_per_axis ? channels : 1);
	for (uint32_t i = 0; i < q->range_count; i++)
		if (!isfinite(q->range_max[i]) || q->range_max[i] < 0 ||
		    (q->rescaling_rate && (!isfinite(q->rescaling_rate[i]) || !(q->rescaling_rate[i] > 0))))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name,
				       "output_quantizer range or rate %u is not a positive number", i);
	if (n->op != AK_OP_INPUT_QUANTIZER)
		return 0;
	for (uint32_t i = 0; i < q->range_count; i++)
		if (!q->range_min || !isfinite(q->range_min[i]) || q->range_min[i] > q->range_max[i])
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name,
				       "has no range_min below its range_max for channel %u", i);
	return 0;
}
