/* SPDX-License-Identifier: MIT */
/* Akida joins two tensors at a time. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "passes.h"

/* The first two inputs of node i become a Concatenate of their own in front of it. */
static int split_first(struct akida_graph *g, uint32_t i)
{
	uint32_t second = g->nodes[i].inputs[1], first = g->nodes[i].inputs[0], behind = i - 1,
		 pair[2] = {first, second};
	char name[AK_NODE_NAME];
	struct ak_node *join, *n;
	uint32_t output = g->output;
	struct ak_node node;

	snprintf(name, sizeof(name), "%.*s_join", AK_NODE_NAME - 6, g->nodes[i].name);
	if (!ak_graph_add(g, AK_OP_CONCATENATE, name, pair, 2))
		return -ENOMEM;
	node = g->nodes[g->count - 1];
	/* it moves right in front of node i: everything from there on has an index more */
	memmove(&g->nodes[i + 1], &g->nodes[i], (g->count - 1 - i) * sizeof(*g->nodes));
	g->nodes[i] = node;
	for (uint32_t j = i + 1; j < g->count; j++)
		for (uint32_t k = 0; k < g->nodes[j].input_count; k++)
			g->nodes[j].inputs[k] += g->nodes[j].inputs[k] > behind;
	g->output = output + (output > behind);
	join = &g->nodes[i];
	n = &g->nodes[i + 1];
	join->axis = n->axis;
	n->inputs[0] = i;
	memmove(&n->inputs[1], &n->inputs[2], (n->input_count - 2) * sizeof(n->inputs[0]));
	n->input_count--;
	return 0;
}

int ak_pass_split_concatenates(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++)
		while (g->nodes[i].op == AK_OP_CONCATENATE && g->nodes[i].input_count > 2) {
			if (split_first(g, i))
				return -ENOMEM;
			i++; /* the same node, one further on */
		}
	return 0;
}
