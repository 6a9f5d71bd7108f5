/* SPDX-License-Identifier: MIT */
/* The same network and weights for an input of another size. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <akida/graph.h>
#include "base/diag.h"
#include "graph.h"

int akida_graph_resize(const struct akida_graph *g, uint32_t rank, const uint32_t *dims, struct akida_graph **out,
		       struct akida_diag *diag)
{
	struct akida_graph *copy;
	struct ak_node *in;
	int err;

	*out = NULL;
	if (rank != g->nodes[0].rank)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_SHAPE, g->nodes[0].name,
			       "the new input has %u axes, the network's has %u", rank, g->nodes[0].rank);
	err = ak_graph_clone(g, &copy);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for a copy");
	in = &copy->nodes[0];
	memcpy(in->dims, dims, rank * sizeof(*dims));
	err = ak_graph_finish(copy, diag);
	if (err) {
		ak_remedy(diag,
			  "only layers that do not care about the size of their input may stand between the input "
			  "and a dense layer: GlobalAveragePooling2D instead of Flatten");
		akida_graph_destroy(copy);
		return err;
	}
	*out = copy;
	return 0;
}
