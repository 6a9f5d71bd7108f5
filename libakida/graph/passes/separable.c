/* SPDX-License-Identifier: MIT */
/* A separable convolution as its two halves, or two halves as one, for chips that have one and not the other. */
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

/* The 1x1 convolution that alone reads the depthwise layer i, or AK_NO_NODE. */
static uint32_t pointwise_of(const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *dw = &g->nodes[i], *pw;
	uint32_t next;

	if (dw->op != AK_OP_DEPTHWISE || dw->depth_multiplier != 1 || dw->act != AK_ACT_LINEAR || !dw->weight_count)
		return AK_NO_NODE;
	next = ak_graph_only_consumer(g, i);
	if (next == AK_NO_NODE)
		return AK_NO_NODE;
	pw = &g->nodes[next];
	return pw->op == AK_OP_CONV2D && pw->kernel_h == 1 && pw->kernel_w == 1 && pw->stride_h == 1 &&
			       pw->stride_w == 1 && pw->groups == 1 && pw->weight_count
		       ? next
		       : AK_NO_NODE;
}

/* The bias of the depthwise half goes through the pointwise one, which pads nothing. */
static int move_bias(const struct ak_node *dw, struct ak_node *pw)
{
	const struct ak_weight *from = ak_node_weight(dw, "bias"), *kernel = &pw->weights[0];
	struct ak_weight *bias = ak_node_weight(pw, "bias");
	size_t filters = kernel->dims[3], dims[1] = {filters};
	int err = from && !bias ? ak_node_add_weight(pw, "bias", 1, dims, &bias) : 0;

	for (size_t f = 0; !err && from && f < filters; f++) {
		double sum = (double)bias->data[f];

		for (size_t c = 0; c < from->count; c++)
			sum += (double)from->data[c] * (double)kernel->data[c * filters + f];
		bias->data[f] = (float)sum;
	}
	pw->use_bias |= from != NULL;
	return err;
}

static int fuse(struct akida_graph *g, uint32_t i, uint32_t next)
{
	struct ak_node *dw = &g->nodes[i], *pw = &g->nodes[next], old = *pw;
	int err = move_bias(dw, pw);

	if (err)
		return err;
	old = *pw;
	pw->op = AK_OP_SEPARABLE;
	pw->kernel_h = dw->kernel_h;
	pw->kernel_w = dw->kernel_w;
	pw->stride_h = dw->stride_h;
	pw->stride_w = dw->stride_w;
	pw->dilation_h = dw->dilation_h;
	pw->dilation_w = dw->dilation_w;
	pw->same = dw->same;
	pw->depth_multiplier = 1;
	pw->weight_count = 0;
	move_weight(dw, 0, pw, "depthwise_kernel");
	for (uint32_t k = 0; k < old.weight_count; k++) {
		pw->weights[pw->weight_count] = old.weights[k];
		snprintf(pw->weights[pw->weight_count++].name, sizeof(old.weights[k].name), "%s",
			 k ? "bias" : "pointwise_kernel");
	}
	return ak_graph_remove(g, i);
}

int ak_pass_fuse_separables(struct akida_graph *g)
{
	for (uint32_t i = g->count; i-- > 1;) {
		uint32_t next = pointwise_of(g, i);
		int err = next == AK_NO_NODE ? 0 : fuse(g, i, next);

		if (err)
			return err;
	}
	return 0;
}
