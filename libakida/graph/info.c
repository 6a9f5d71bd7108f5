/* SPDX-License-Identifier: MIT */
/* The public read-only view of a graph. Thread safe as long as nobody changes the graph. */
#include <errno.h>
#include <string.h>
#include "graph.h"

uint32_t akida_graph_nodes(const struct akida_graph *g)
{
	return g ? g->count : 0;
}

const char *akida_graph_name(const struct akida_graph *g)
{
	return g ? g->name : "";
}

bool akida_graph_quantized(const struct akida_graph *g)
{
	for (uint32_t i = 0; g && i < g->count; i++)
		if (g->nodes[i].quant.active || g->nodes[i].op == AK_OP_DEQUANTIZER)
			return true;
	return false;
}

uint32_t akida_graph_input(const struct akida_graph *g, uint32_t dims[4])
{
	memset(dims, 0, 4 * sizeof(dims[0]));
	for (uint32_t i = 0; g && i < g->count; i++)
		if (g->nodes[i].op == AK_OP_INPUT) {
			memcpy(dims, g->nodes[i].dims, g->nodes[i].rank * sizeof(dims[0]));
			return g->nodes[i].rank;
		}
	return 0;
}

size_t akida_graph_outputs(const struct akida_graph *g)
{
	return g && g->count ? ak_node_elements(&g->nodes[g->output]) : 0;
}

size_t ak_node_elements(const struct ak_node *n)
{
	size_t e = 1;

	for (uint32_t i = 0; i < n->rank; i++)
		e *= n->dims[i];
	return e;
}

int akida_graph_node(const struct akida_graph *g, uint32_t i, struct akida_node_info *info)
{
	struct akida_node_info full = {.size = sizeof(full)};
	const struct ak_node *n;
	uint32_t size = info->size;

	if (!g || i >= g->count || size < sizeof(uint32_t))
		return -EINVAL;
	n = &g->nodes[i];
	full.name = n->name;
	full.class_name = ak_op_class(n->op);
	full.rank = n->rank;
	memcpy(full.dims, n->dims, n->rank * sizeof(full.dims[0]));
	for (uint32_t k = 0; k < n->weight_count; k++)
		full.parameters += n->weights[k].count;
	full.inbound = n->input_count;
	full.quantized = n->quant.active;
	full.weight_bits = n->quant.active ? n->quant.weight_bits : 0;
	full.act_bits = n->quant.active && n->quant.has_output ? n->quant.out_bits : 0;
	if (size > sizeof(full))
		size = sizeof(full);
	memcpy(info, &full, size);
	info->size = size;
	return 0;
}
