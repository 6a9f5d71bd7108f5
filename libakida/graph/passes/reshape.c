/* SPDX-License-Identifier: MIT */
/* Flatten and Reshape in a row, and reshapes to the shape that is there already. */
#include <string.h>
#include "passes.h"

static bool reshapes(const struct ak_node *n)
{
	return n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE;
}

int ak_pass_merge_reshapes(struct akida_graph *g)
{
	for (uint32_t i = g->count; i-- > 1;) {
		const struct ak_node *n = &g->nodes[i], *in = &g->nodes[n->inputs[0]];
		uint32_t next;

		if (!reshapes(n))
			continue;
		next = ak_graph_only_consumer(g, i);
		if ((next != AK_NO_NODE && reshapes(&g->nodes[next])) ||
		    (n->rank == in->rank && !memcmp(n->dims, in->dims, n->rank * sizeof(n->dims[0]))))
			ak_graph_remove(g, i);
	}
	return 0;
}
