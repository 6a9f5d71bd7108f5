/* SPDX-License-Identifier: MIT */
/* The order of pooling, activation and batch normalization: pooling comes before the activation, normalization first. */
#include "passes.h"

int ak_pass_global_pooling(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++) {
		struct ak_node *p = &g->nodes[i];
		const struct ak_node *in = &g->nodes[p->inputs[0]];

		if (p->op != AK_OP_AVGPOOL || in->rank != 3 || p->kernel_h != in->dims[0] ||
		    p->kernel_w != in->dims[1] || p->dims[0] != 1 || p->dims[1] != 1)
			continue;
		p->op = AK_OP_GAP;
		p->keepdims = true;
		p->same = false;
		p->kernel_h = p->kernel_w = p->stride_h = p->stride_w = 0;
	}
	return 0;
}

int ak_pass_pool_before_relu(struct akida_graph *g)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = 1; i < g->count; i++) {
			uint32_t next;

			if (g->nodes[i].op != AK_OP_RELU || g->nodes[i].negative_slope < 0)
				continue;
			next = ak_graph_only_consumer(g, i);
			if (next == AK_NO_NODE || g->nodes[next].op != AK_OP_MAXPOOL)
				continue;
			ak_graph_swap(g, i, next);
			changed = true;
		}
	}
	return 0;
}

static bool monotone(const struct ak_node *bn)
{
	const struct ak_weight *gamma = ak_node_weight(bn, "gamma");

	for (size_t c = 0; gamma && c < gamma->count; c++)
		if (gamma->data[c] < 0)
			return false;
	return true;
}

int ak_pass_batchnorm_before_pool(struct akida_graph *g)
{
	bool changed = true;

	while (changed) {
		changed = false;
		for (uint32_t i = 1; i < g->count; i++) {
			enum ak_op op = g->nodes[i].op;
			uint32_t next;

			if (op != AK_OP_MAXPOOL && op != AK_OP_AVGPOOL && op != AK_OP_GAP)
				continue;
			next = ak_graph_only_consumer(g, i);
			if (next == AK_NO_NODE || g->nodes[next].op != AK_OP_BATCHNORM)
				continue;
			if (op == AK_OP_MAXPOOL && !monotone(&g->nodes[next]))
				continue;
			ak_graph_swap(g, i, next);
			changed = true;
		}
	}
	return 0;
}
