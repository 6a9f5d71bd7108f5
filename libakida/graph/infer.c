/* SPDX-License-Identifier: MIT */
/* akida_graph_forward: input arrays, and the walk over the nodes in float. The quantized walk is in simulate.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "infer.h"
#include "legacy.h"

#define CHUNK 16u /* samples at a time: enough to amortize, small enough for large maps */

/* Samples that must be computed in one go: frames of one stream when a layer keeps a state. */
static size_t chunk_of(const struct akida_graph *g, size_t frames)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (ak_op_stateful(g->nodes[i].op))
			return frames;
	return frames < CHUNK ? frames : CHUNK;
}

void ak_array_floats(const struct akida_array *a, size_t first, size_t count, float *out)
{
#define CONVERT(type)                                                                                                  \
	do {                                                                                                           \
		for (size_t i = 0; i < count; i++)                                                                     \
			out[i] = (float)((const type *)a->data)[first + i];                                            \
	} while (0)
	switch (a->dtype) {
	case AKIDA_U8:
		CONVERT(uint8_t);
		break;
	case AKIDA_I8:
		CONVERT(int8_t);
		break;
	case AKIDA_I16:
		CONVERT(int16_t);
		break;
	case AKIDA_I32:
		CONVERT(int32_t);
		break;
	case AKIDA_I64:
		CONVERT(int64_t);
		break;
	case AKIDA_F32:
		CONVERT(float);
		break;
	case AKIDA_F64:
		CONVERT(double);
		break;
	}
#undef CONVERT
}

size_t ak_graph_frames(const struct akida_graph *g, const struct akida_array *a)
{
	const struct ak_node *input = &g->nodes[0];
	uint32_t i = 1, k = 0;

	if (!a->data || a->rank < 1)
		return 0;
	if (a->rank == 2 && a->dims[1] == ak_node_elements(input))
		return a->dims[0];
	for (;;) {
		while (i < a->rank && a->dims[i] == 1)
			i++;
		while (k < input->rank && input->dims[k] == 1)
			k++;
		if (i >= a->rank || k >= input->rank)
			return i >= a->rank && k >= input->rank ? a->dims[0] : 0;
		if (a->dims[i++] != input->dims[k++])
			return 0;
	}
}

static int infer_node(const struct akida_graph *g, uint32_t i, float *const *outs, size_t n, float *out)
{
	const struct ak_node *node = &g->nodes[i], *in_nodes[AK_MAX_INPUTS] = {0};
	const float *in[AK_MAX_INPUTS] = {0};

	for (uint32_t k = 0; k < node->input_count; k++) {
		in_nodes[k] = &g->nodes[node->inputs[k]];
		in[k] = outs[node->inputs[k]];
	}
	return ak_node_forward(node, in_nodes, in, n, out);
}

static void release_inputs(const struct akida_graph *g, uint32_t i, const uint32_t *last_use, float **outs)
{
	for (uint32_t k = 0; k < g->nodes[i].input_count; k++) {
		uint32_t in = g->nodes[i].inputs[k];

		if (last_use[in] == i) {
			free(outs[in]);
			outs[in] = NULL;
		}
	}
}

int ak_graph_infer(const struct akida_graph *g, const float *x, size_t n, ak_infer_visit visit, void *context,
		   float *out)
{
	float **outs = calloc(g->count, sizeof(*outs));
	uint32_t *last_use = calloc(g->count, sizeof(*last_use));
	int err = outs && last_use ? 0 : -ENOMEM;

	for (uint32_t i = 0; !err && i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].input_count; k++)
			last_use[g->nodes[i].inputs[k]] = i;
	for (uint32_t i = 0; !err && i < g->count; i++) {
		size_t elements = n * ak_node_elements(&g->nodes[i]);

		outs[i] = malloc(elements * sizeof(float));
		if (!outs[i])
			err = -ENOMEM;
		else if (g->nodes[i].op == AK_OP_INPUT)
			memcpy(outs[i], x, elements * sizeof(float));
		else
			err = infer_node(g, i, outs, n, outs[i]);
		if (!err && visit)
			visit(context, i, outs[i], n);
		if (!err && out && i == g->output)
			memcpy(out, outs[i], elements * sizeof(float));
		if (!err)
			release_inputs(g, i, last_use, outs);
	}
	for (uint32_t i = 0; outs && i < g->count; i++)
		free(outs[i]);
	free(outs);
	free(last_use);
	return err;
}

int akida_graph_forward(const struct akida_graph *g, const struct akida_array *x, float *out, struct akida_diag *diag)
{
	size_t frame = ak_node_elements(&g->nodes[0]), outputs = akida_graph_outputs(g), frames = ak_graph_frames(g, x);
	size_t step = chunk_of(g, frames);
	struct akida_graph *effective = NULL;
	struct ak_sim *sim = NULL;
	float *chunk;
	int err = 0;

	if (!frames)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_SHAPE, g->nodes[0].name,
			       "the array does not hold frames of %zu elements in the shape of the input", frame);
	if (ak_graph_legacy(g)) {
		err = ak_legacy_effective(g, true, &effective);
		if (err)
			return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for its quantized weights");
		g = effective;
	} else if (akida_graph_quantized(g)) {
		err = ak_sim_create(g, &sim, diag);
		if (err)
			return err;
	}
	chunk = malloc(step * frame * sizeof(*chunk));
	if (!chunk)
		err = -ENOMEM;
	for (size_t at = 0; at < frames && !err; at += step) {
		size_t n = frames - at < step ? frames - at : step;

		ak_array_floats(x, at * frame, n * frame, chunk);
		if (!sim)
			err = ak_graph_infer(g, chunk, n, NULL, NULL, out + at * outputs);
		for (size_t s = 0; sim && s < n && !err; s++)
			err = ak_sim_run(sim, chunk + s * frame, NULL, NULL, out + (at + s) * outputs);
	}
	free(chunk);
	ak_sim_destroy(sim);
	if (err)
		ak_fail(diag, err, err == -ENOMEM ? AK_RULE_NOMEM : AK_RULE_GRAPH_SHAPE, g->name,
			"inference cannot run: %s", akida_strerror(err));
	akida_graph_destroy(effective);
	return err;
}

struct zeros {
	const struct akida_graph *g;
	double *count;
};

static void count_zeros(void *context, uint32_t node, const float *out, size_t n)
{
	struct zeros *z = context;
	size_t values = n * ak_node_elements(&z->g->nodes[node]), zero = 0;

	for (size_t i = 0; i < values; i++)
		zero += out[i] == 0;
	z->count[node] += (double)zero;
}

int akida_graph_sparsity(const struct akida_graph *g, const struct akida_array *x, double *zeros,
			 struct akida_diag *diag)
{
	size_t frame = ak_node_elements(&g->nodes[0]), frames = ak_graph_frames(g, x), step = chunk_of(g, frames);
	struct zeros z = {g, zeros};
	float *chunk;
	int err = 0;

	if (!frames)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_SHAPE, g->nodes[0].name,
			       "the array does not hold frames of %zu elements in the shape of the input", frame);
	chunk = malloc(step * frame * sizeof(*chunk));
	if (!chunk)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for %zu frames", step);
	memset(zeros, 0, g->count * sizeof(*zeros));
	for (size_t at = 0; at < frames && !err; at += step) {
		size_t n = frames - at < step ? frames - at : step;

		ak_array_floats(x, at * frame, n * frame, chunk);
		err = ak_graph_infer(g, chunk, n, count_zeros, &z, NULL);
	}
	free(chunk);
	for (uint32_t i = 0; i < g->count; i++)
		zeros[i] /= (double)frames * (double)ak_node_elements(&g->nodes[i]);
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, g->name, "inference cannot run: %s", akida_strerror(err));
	return err;
}
