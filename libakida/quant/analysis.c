/* SPDX-License-Identifier: MIT */
/*
 * How much quantization costs, layer by layer, in QuantizeML's measure: the symmetric mean absolute percentage error, mean of
 * |f - q| / (|f| + |q|), where f is what float weights give and q what the integers stand for.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <akida/quant.h>
#include "base/diag.h"
#include "graph/infer.h"
#include "graph/legacy.h"
#include "graph/quant_config.h"

struct analysis {
	const struct akida_graph *g;
	enum akida_analysis kind;
	float **integers, **floats; /* [node] values of one frame; integers NULL behind the Dequantizer */
	double *smape, *saturated;  /* [node] sums over frames and values */
	size_t *values;
	int err;
};

static double smape(double f, double q)
{
	double sum = fabs(f) + fabs(q);

	return sum > 0 ? fabs(f - q) / sum : 0;
}

/* Largest code of an output quantizer, and its smallest below 0. */
static bool at_the_end(const struct ak_node *n, int64_t v)
{
	int64_t high = ((int64_t)1 << (n->quant.out_bits - n->quant.out_signed)) - 1;

	return v >= high || (n->quant.out_signed && v <= -high - 1);
}

static void keep(void *context, uint32_t node, const struct ak_sim_values *v)
{
	struct analysis *a = context;
	const struct ak_node *n = &a->g->nodes[node];

	free(a->integers[node]);
	a->integers[node] = NULL;
	if (!v->v || a->err)
		return;
	a->integers[node] = malloc(v->count * sizeof(float));
	if (!a->integers[node]) {
		a->err = -ENOMEM;
		return;
	}
	for (size_t i = 0; i < v->count; i++) {
		size_t c = i % v->channels;

		a->integers[node][i] = ldexpf((float)v->v[i], -v->fb[c]) * v->scale[c];
		if (n->quant.active && n->quant.has_output)
			a->saturated[node] += at_the_end(n, v->v[i]);
	}
}

/* The rate of an output quantizer is part of the layer: the kernel that reads it is divided by it. */
static void apply_rate(const struct ak_node *n, float *v, size_t count)
{
	const struct ak_node_quant *q = &n->quant;

	for (size_t i = 0; q->active && q->has_output && q->rescaling_rate && i < count; i++)
		v[i] *= q->rescaling_rate[i % q->range_count];
}

static int float_node(struct analysis *a, uint32_t i)
{
	const struct ak_node *n = &a->g->nodes[i], *in_nodes[AK_MAX_INPUTS] = {0};
	const float *in[AK_MAX_INPUTS] = {0};
	size_t count = ak_node_elements(n);
	int err;

	for (uint32_t k = 0; k < n->input_count; k++) {
		uint32_t from = n->inputs[k];

		in_nodes[k] = &a->g->nodes[from];
		in[k] = a->kind == AKIDA_ANALYSIS_SINGLE && a->integers[from] ? a->integers[from] : a->floats[from];
	}
	a->floats[i] = malloc(count * sizeof(float));
	err = a->floats[i] ? ak_node_forward(n, in_nodes, in, 1, a->floats[i]) : -ENOMEM;
	if (err)
		return err;
	apply_rate(n, a->floats[i], count);
	for (size_t e = 0; a->integers[i] && e < count; e++)
		a->smape[i] += smape((double)a->floats[i][e], (double)a->integers[i][e]);
	a->values[i] += count;
	return 0;
}

static int one_frame(struct analysis *a, struct ak_sim *sim, const float *x)
{
	int err = ak_sim_run(sim, x, keep, a, NULL);

	err = err ? err : a->err;
	for (uint32_t i = 0; !err && i < a->g->count; i++) {
		free(a->floats[i]);
		a->floats[i] = NULL;
		if (a->g->nodes[i].op != AK_OP_INPUT) {
			err = float_node(a, i);
			continue;
		}
		a->floats[i] = malloc(ak_node_elements(&a->g->nodes[i]) * sizeof(float));
		if (!a->floats[i])
			err = -ENOMEM;
		else
			memcpy(a->floats[i], x, ak_node_elements(&a->g->nodes[i]) * sizeof(float));
	}
	return err;
}

static int outputs(struct analysis *a, const struct akida_array *x, struct akida_diag *diag)
{
	size_t frame = ak_node_elements(&a->g->nodes[0]), frames = ak_graph_frames(a->g, x);
	float *in = malloc(frame * sizeof(*in));
	struct ak_sim *sim = NULL;
	int err = in ? ak_sim_create(a->g, &sim, diag) : -ENOMEM;

	for (uint32_t i = 0; !err && i < a->g->count; i++)
		if (ak_op_stateful(a->g->nodes[i].op))
			err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, a->g->nodes[i].name,
				      "outputs of layers over time are not compared");
	for (size_t f = 0; !err && f < frames; f++) {
		ak_array_floats(x, f * frame, frame, in);
		err = one_frame(a, sim, in);
	}
	ak_sim_destroy(sim);
	free(in);
	return err;
}

static void kernel_error(struct analysis *a, uint32_t i, const struct ak_weight *w, const int8_t *q, const float *scale,
			 size_t channels, size_t inner)
{
	int top = (1 << (a->g->nodes[i].quant.weight_bits - 1)) - 1;

	for (size_t k = 0; k < w->count; k++) {
		a->smape[i] += smape((double)w->data[k], (double)q[k] * (double)scale[k / inner % channels]);
		a->saturated[i] += q[k] >= top || q[k] < -top;
	}
	a->values[i] += w->count;
}

/* Kernels of one part; of a separable layer the pointwise one, whose scale stands alone when the other is left out. */
static int weights(struct analysis *a)
{
	for (uint32_t i = 0; i < a->g->count; i++) {
		const struct ak_node *n = &a->g->nodes[i];
		bool separable = n->op == AK_OP_SEPARABLE;
		const struct ak_weight *w = separable ? &n->weights[1] : &n->weights[0];
		size_t channels = n->dims[n->rank - 1], inner = n->op == AK_OP_CONV2D_TRANSPOSE ? w->dims[3] : 1;
		struct ak_node one = *n;
		float *scale;
		int8_t *q;

		if (!n->quant.active || !n->quant.weight_bits || !ak_op_weighted(n->op) || !n->weight_count)
			continue;
		if (separable) {
			one.op = AK_OP_DENSE;
			one.weights[0] = *w;
			strcpy(one.weights[0].name, "kernel");
			one.weight_count = 1;
		}
		if (n->op == AK_OP_STATEFUL_PROJECTION)
			channels = w->dims[1];
		q = malloc(w->count);
		scale = malloc(channels * sizeof(*scale));
		if (q && scale) {
			ak_quant_weights(&one, channels, q, NULL, scale);
			kernel_error(a, i, w, q, scale, channels, inner);
		} else {
			a->err = -ENOMEM;
		}
		free(q);
		free(scale);
	}
	return a->err;
}

static void hand_out(const struct analysis *a, struct akida_layer_error *out, size_t *count)
{
	for (uint32_t i = 0; i < a->g->count; i++) {
		const struct ak_node *n = &a->g->nodes[i];

		if (!a->values[i] || n->op == AK_OP_INPUT || !n->quant.active || n->op == AK_OP_DEQUANTIZER)
			continue;
		out[(*count)++] = (struct akida_layer_error){
			.size = sizeof(*out),
			.node = i,
			.name = n->name,
			.smape = a->smape[i] / (double)a->values[i],
			.saturated = a->saturated[i] / (double)a->values[i],
		};
	}
}

int akida_quant_analysis(const struct akida_graph *g, enum akida_analysis kind, const struct akida_array *x,
			 struct akida_layer_error *out, size_t *count, struct akida_diag *diag)
{
	struct analysis a = {.g = g, .kind = kind};
	int err = 0;

	*count = 0;
	if (!akida_graph_quantized(g) || ak_graph_legacy(g))
		return ak_fail(diag, -EINVAL, AK_RULE_CONVERT_FLOAT, g->name, "is not quantized by QuantizeML's rules");
	if (kind != AKIDA_ANALYSIS_WEIGHT && (!x || !ak_graph_frames(g, x)))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_SAMPLES, g->nodes[0].name,
			       "the samples do not fit the input");
	a.integers = calloc(g->count, sizeof(*a.integers));
	a.floats = calloc(g->count, sizeof(*a.floats));
	a.smape = calloc(g->count, sizeof(*a.smape));
	a.saturated = calloc(g->count, sizeof(*a.saturated));
	a.values = calloc(g->count, sizeof(*a.values));
	if (!a.integers || !a.floats || !a.smape || !a.saturated || !a.values)
		err = -ENOMEM;
	if (!err)
		err = kind == AKIDA_ANALYSIS_WEIGHT ? weights(&a) : outputs(&a, x, diag);
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, g->name, "its errors cannot be computed: %s", akida_strerror(err));
	else
		hand_out(&a, out, count);
	for (uint32_t i = 0; i < g->count; i++) {
		free(a.integers ? a.integers[i] : NULL);
		free(a.floats ? a.floats[i] : NULL);
	}
	free(a.integers);
	free(a.floats);
	free(a.smape);
	free(a.saturated);
	free(a.values);
	return err;
}
