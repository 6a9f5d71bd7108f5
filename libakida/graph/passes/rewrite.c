/* SPDX-License-Identifier: MIT */
/* Editing operations the passes share: they keep the order of nodes topological. */
#include <string.h>
#include "passes.h"

uint32_t ak_graph_only_consumer(const struct akida_graph *g, uint32_t i)
{
	uint32_t next;

	if (i == g->output || ak_graph_consumers(g, i, &next, 1) != 1)
		return AK_NO_NODE;
	return next;
}

struct ak_node *ak_graph_insert_after(struct akida_graph *g, uint32_t i, enum ak_op op, const char *name)
{
	uint32_t output = g->output;
	struct ak_node node;

	if (!ak_graph_add(g, op, name, &i, 1))
		return NULL;
	node = g->nodes[g->count - 1];
	memmove(&g->nodes[i + 2], &g->nodes[i + 1], (g->count - 2 - i) * sizeof(*g->nodes));
	g->nodes[i + 1] = node;
	for (uint32_t j = i + 2; j < g->count; j++)
		for (uint32_t k = 0; k < g->nodes[j].input_count; k++)
			g->nodes[j].inputs[k] += g->nodes[j].inputs[k] >= i;
	g->output = output + (output >= i);
	return &g->nodes[i + 1];
}

void ak_graph_swap(struct akida_graph *g, uint32_t i, uint32_t j)
{
	struct ak_node *a = &g->nodes[i], *b = &g->nodes[j], t = *a;
	uint32_t a_in = a->inputs[0], b_in = b->inputs[0];

	*a = *b;
	*b = t;
	a->inputs[0] = a_in;
	b->inputs[0] = b_in;
}

bool ak_node_moves_units_only(const struct ak_node *n, const struct ak_node *in)
{
	uint32_t i = 0, k = 0;

	if (n->op != AK_OP_FLATTEN && n->op != AK_OP_RESHAPE)
		return false;
	for (;;) {
		while (i < n->rank && n->dims[i] == 1)
			i++;
		while (k < in->rank && in->dims[k] == 1)
			k++;
		if (i == n->rank || k == in->rank)
			return i == n->rank && k == in->rank;
		if (n->dims[i++] != in->dims[k++])
			return false;
	}
}
