/* SPDX-License-Identifier: MIT */
/* A separable convolution as its two halves, for chips that have those and not the whole. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "passes.h"

/* Weight k of from becomes the next one of to, under another name. */
static void move_weight(struct ak_node *from, uint32_t k, struct ak_node *to, const char *name)
{
	struct ak_weight *w = &to->weights[to->weight_count++];

	*w = from->weights[k];
	snprintf(w->name, sizeof(w->name), "%s", name);
	memset(&from->weights[k], 0, sizeof(from->weights[k]));
}

/* Bias and activation= go with the 1x1 convolution, which keeps the layer's name. */
static int split(struct akida_graph *g, uint32_t i)
{
	char name[AK_NODE_NAME];
	struct ak_node *dw, *pw = ak_graph_insert_after(g, i, AK_OP_CONV2D, NULL);

	if (!pw)
		return -ENOMEM;
	dw = &g->nodes[i];
	snprintf(name, sizeof(name), "%s", dw->name);
	snprintf(dw->name, sizeof(dw->name), "dw_%.*s", AK_NODE_NAME - 4, name);
	snprintf(pw->name, sizeof(pw->name), "%s", name);
	pw->filters = dw->filters;
	pw->kernel_h = pw->kernel_w = pw->stride_h = pw->stride_w = 1;
	pw->same = true;
	pw->use_bias = dw->use_bias;
	pw->act = dw->act;
	pw->act_alpha = dw->act_alpha;
	for (uint32_t k = 1; k < dw->weight_count; k++)
		move_weight(dw, k, pw, k == 1 ? "kernel" : "bias");
	dw->weight_count = 1;
	dw->op = AK_OP_DEPTHWISE;
	dw->filters = 0;
	dw->use_bias = false;
	dw->act = AK_ACT_LINEAR;
	return 0;
}

int ak_pass_split_separables(struct akida_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].op == AK_OP_SEPARABLE && g->nodes[i].weight_count >= 2 && split(g, i))
			return -ENOMEM;
	return 0;
}
