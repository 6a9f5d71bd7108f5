/* SPDX-License-Identifier: MIT */
/* Activations as layers of their own, and layers that do nothing at inference. */
#include <errno.h>
#include <stdio.h>
#include "passes.h"

static void make_relu(struct ak_node *n, enum ak_activation act)
{
	n->op = AK_OP_RELU;
	n->act = AK_ACT_LINEAR;
	n->bounded = act == AK_ACT_RELU6;
	n->max_value = n->bounded ? 6.0f : 0.0f;
}

static int split(struct akida_graph *g, uint32_t i)
{
	enum ak_activation act = g->nodes[i].act;
	char name[AK_NODE_NAME + 8];
	struct ak_node *n;

	snprintf(name, sizeof(name), "%.*s_act", AK_NODE_NAME - 8, g->nodes[i].name);
	g->nodes[i].act = AK_ACT_LINEAR;
	n = ak_graph_insert_after(g, i, AK_OP_ACTIVATION, name);
	if (!n)
		return -ENOMEM;
	n->act = act;
	return 0;
}

int ak_pass_split_activations(struct akida_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		struct ak_node *n = &g->nodes[i];

		if ((ak_op_weighted(n->op) || n->op == AK_OP_STATEFUL_PROJECTION) && n->act != AK_ACT_LINEAR) {
			if (split(g, i))
				return -ENOMEM;
		} else if (n->op == AK_OP_ACTIVATION && n->act == AK_ACT_LINEAR) {
			if (!ak_graph_remove(g, i))
				i--;
		} else if (n->op == AK_OP_ACTIVATION && (n->act == AK_ACT_RELU || n->act == AK_ACT_RELU6)) {
			make_relu(n, n->act);
		}
	}
	return 0;
}

int ak_pass_remove_dropout(struct akida_graph *g)
{
	for (uint32_t i = g->count; i-- > 0;)
		if (g->nodes[i].op == AK_OP_DROPOUT)
			ak_graph_remove(g, i);
	return 0;
}
