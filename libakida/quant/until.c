/* SPDX-License-Identifier: MIT */
/*
 * Quantizing a network up to a layer only: what stands behind is taken off before, and comes back behind the Dequantizer,
 * in float.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "quant_internal.h"

static int check_cut(const struct akida_graph *g, uint32_t at, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];
		uint32_t reader;

		for (uint32_t k = 0; i > at && k < n->input_count; k++)
			if (n->inputs[k] < at)
				return ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, n->name,
					       "reads a layer in front of %s, where the quantized part ends",
					       g->nodes[at].name);
		if (i < at && !ak_graph_consumers(g, i, &reader, 1))
			return ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, n->name, "does not lead to %s",
				       g->nodes[at].name);
	}
	return 0;
}

int ak_quant_take_tail(struct akida_graph *g, const char *until, struct ak_quant_tail *tail, struct akida_diag *diag)
{
	uint32_t at = 0;
	int err;

	while (at < g->count && strcmp(g->nodes[at].name, until))
		at++;
	if (at == g->count) {
		err = ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, g->name,
			      "has no layer %.100s once it is rewritten for quantization", until);
		ak_remedy(diag, "name a convolution, a dense layer or an activation");
		return err;
	}
	err = check_cut(g, at, diag);
	if (err || at + 1 == g->count)
		return err;
	tail->count = g->count - at - 1;
	tail->nodes = malloc(tail->count * sizeof(*tail->nodes));
	if (!tail->nodes)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for its float layers");
	memcpy(tail->nodes, &g->nodes[at + 1], tail->count * sizeof(*tail->nodes));
	tail->first = at + 1;
	tail->output = g->output;
	g->count = at + 1;
	g->output = at;
	return 0;
}

int ak_quant_put_tail(struct akida_graph *g, struct ak_quant_tail *tail, struct akida_diag *diag)
{
	uint32_t moved = g->count - tail->first; /* by the Dequantizer and layers that came back */

	for (uint32_t i = 0; i < tail->count; i++) {
		struct ak_node *from = &tail->nodes[i], *n;
		uint32_t inputs[AK_MAX_INPUTS];

		for (uint32_t k = 0; k < from->input_count; k++)
			inputs[k] = from->inputs[k] + moved;
		n = ak_graph_add(g, from->op, from->name, inputs, from->input_count);
		if (!n)
			return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, from->name, "no memory for the layer");
		memcpy(from->name, n->name, sizeof(from->name));
		memcpy(from->inputs, n->inputs, sizeof(from->inputs));
		*n = *from;
		memset(from, 0, sizeof(*from)); /* its weights have moved */
	}
	if (tail->count)
		g->output = tail->output + moved;
	return 0;
}

void ak_quant_free_tail(struct ak_quant_tail *tail)
{
	for (uint32_t i = 0; i < tail->count; i++)
		for (uint32_t k = 0; k < tail->nodes[i].weight_count; k++)
			free(tail->nodes[i].weights[k].data);
	free(tail->nodes);
	*tail = (struct ak_quant_tail){0};
}
