/* SPDX-License-Identifier: MIT */
/*
 * Cross-layer equalization: a range is moved to (2^b - 1) / 2^k, the largest number the output codes can say, and the
 * kernel of the next layer is divided by the same rate, so that the float outputs stay and no code is wasted.
 */
#include <math.h>
#include "graph/passes/passes.h"
#include "quant_internal.h"

/* Only an accumulator with a scale can absorb the rate: a sum of integers (Add) has none. */
static bool has_scale(const struct akida_graph *g, uint32_t i)
{
	for (;;) {
		const struct ak_node *n = &g->nodes[i];

		if (ak_op_weighted(n->op) || n->op == AK_OP_GAP || n->op == AK_OP_ACTIVATION)
			return true;
		if (n->op != AK_OP_RELU && n->op != AK_OP_MAXPOOL)
			return false;
		i = n->inputs[0];
	}
}

/* The weighted layer that alone reads node i, perhaps through pooling and one reshape; or AK_NO_NODE. */
static uint32_t next_weighted(const struct akida_graph *g, uint32_t i)
{
	uint32_t reshapes = 0;

	for (;;) {
		enum ak_op op;

		i = ak_graph_only_consumer(g, i);
		if (i == AK_NO_NODE)
			return AK_NO_NODE;
		op = g->nodes[i].op;
		if (ak_op_weighted(op))
			return i;
		if (op == AK_OP_FLATTEN || op == AK_OP_RESHAPE)
			reshapes++;
		else if (op != AK_OP_MAXPOOL && op != AK_OP_GAP && op != AK_OP_DROPOUT)
			return AK_NO_NODE;
		if (reshapes > 1)
			return AK_NO_NODE;
	}
}

/* (1 - 2^-bits) * 2^floor(log2 range), in float32; 0 stays 0. */
static float ideal_range(float range, uint32_t bits)
{
	if (!(range > 0))
		return 0;
	return ldexpf(ldexpf(1.0f, (int)bits) - 1.0f, (int)floorf(log2f(range)) - (int)bits);
}

/* Divides the first weight by the rate of its input channel; channels repeat when the input was flattened. */
static void divide_kernel(struct ak_node *next, const float *rate, uint32_t count)
{
	struct ak_weight *w = &next->weights[0];
	size_t inner = w->dims[w->rank - 1];

	if (next->op == AK_OP_CONV2D_TRANSPOSE || next->op == AK_OP_DEPTHWISE_BUFFER_TEMP_CONV)
		inner = 1; /* input channels are the last axis */
	for (size_t i = 0; i < w->count; i++)
		w->data[i] /= rate[i / inner % count];
}

static void equalize(struct ak_node *owner, struct ak_node *next)
{
	struct ak_node_quant *q = &owner->quant;
	bool same = true;

	for (uint32_t c = 0; c < q->range_count; c++)
		same &= ideal_range(q->range_max[c], q->out_bits) == q->range_max[c];
	if (same)
		return;
	for (uint32_t c = 0; c < q->range_count; c++) {
		float ideal = ideal_range(q->range_max[c], q->out_bits);

		q->rescaling_rate[c] = ideal > 0 ? ideal / q->range_max[c] : 1.0f;
		q->range_max[c] = ideal;
	}
	divide_kernel(next, q->rescaling_rate, q->range_count);
}

void ak_quant_equalize(struct akida_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		uint32_t next;

		if (!g->nodes[i].quant.has_output || !has_scale(g, i))
			continue;
		next = next_weighted(g, i);
		/* a FIFO's layer takes a rate for all channels only */
		if (next != AK_NO_NODE && ak_op_stateful(g->nodes[next].op) && g->nodes[i].quant.out_per_axis)
			continue;
		if (next != AK_NO_NODE && g->nodes[next].weight_count)
			equalize(&g->nodes[i], &g->nodes[next]);
	}
}
