/* SPDX-License-Identifier: MIT */
/* Kernels that the chips lack as kernels that they have: grouped as depthwise, even as odd, wide strided ones in two steps. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "graph/forward.h"
#include "passes.h"

/* (kh, kw, 1, channels) is (kh, kw, channels, 1), number for number. */
int ak_pass_grouped_to_depthwise(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++) {
		struct ak_node *n = &g->nodes[i];
		const struct ak_node *in = &g->nodes[n->inputs[0]];
		struct ak_weight *w = ak_node_weight(n, "kernel");

		if (n->op != AK_OP_CONV2D || !w || in->rank != 3 || in->dims[2] < 2 || n->groups != in->dims[2] ||
		    n->filters != in->dims[2] || n->padded)
			continue;
		n->op = AK_OP_DEPTHWISE;
		n->filters = 0;
		n->groups = n->depth_multiplier = 1;
		snprintf(w->name, sizeof(w->name), "depthwise_kernel");
		w->dims[2] = w->count / (w->dims[0] * w->dims[1]);
		w->dims[3] = 1;
	}
	return 0;
}

static uint32_t outputs(uint32_t size, uint32_t kernel, uint32_t stride, bool same)
{
	return same ? (size + stride - 1) / stride : size < kernel ? 0 : (size - kernel) / stride + 1;
}

/* Where a zero row or column makes an even kernel odd without moving what it sees: 0 first, 1 last, -1 nowhere. */
static int zero_place(uint32_t size, uint32_t kernel, uint32_t stride, bool same)
{
	uint32_t out = outputs(size, kernel, stride, same);
	int moved;

	if (kernel % 2 || !out || outputs(size, kernel + 1, stride, same) != out)
		return -1;
	moved = ak_pad_before(size, out, kernel + 1, stride, 1, same) -
		ak_pad_before(size, out, kernel, stride, 1, same);
	return moved == 1 ? 0 : moved == 0 ? 1 : -1;
}

/* The kernel with a zero row (rows) and a zero column (columns), each first 0, last 1 or none -1. */
static int widen(struct ak_node *n, struct ak_weight *w, int row, int column)
{
	size_t kh = w->dims[0] + (row >= 0), kw = w->dims[1] + (column >= 0), inner = w->dims[2] * w->dims[3];
	float *data = calloc(kh * kw * inner, sizeof(*data));

	if (!data)
		return -ENOMEM;
	for (size_t y = 0; y < w->dims[0]; y++)
		for (size_t x = 0; x < w->dims[1]; x++)
			memcpy(data + ((y + (row == 0)) * kw + x + (column == 0)) * inner,
			       w->data + (y * w->dims[1] + x) * inner, inner * sizeof(*data));
	free(w->data);
	w->data = data;
	w->dims[0] = kh;
	w->dims[1] = kw;
	w->count = kh * kw * inner;
	n->kernel_h = (uint32_t)kh;
	n->kernel_w = (uint32_t)kw;
	return 0;
}

/* The layer that takes the images has 4x4 kernels, too. */
static bool has_even(const struct akida_graph *g, const struct ak_node *n)
{
	const struct ak_node *in = &g->nodes[n->inputs[0]];

	if (in->op == AK_OP_RESCALING)
		in = &g->nodes[in->inputs[0]];
	return in->op == AK_OP_INPUT && n->op == AK_OP_CONV2D && n->kernel_h == 4 && n->kernel_w == 4;
}

int ak_pass_odd_kernels(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++) {
		struct ak_node *n = &g->nodes[i];
		const struct ak_node *in = &g->nodes[n->inputs[0]];
		bool even = (n->kernel_h % 2 == 0) || (n->kernel_w % 2 == 0);
		int row, column;

		if ((n->op != AK_OP_CONV2D && n->op != AK_OP_DEPTHWISE) || !even || in->rank != 3 || has_even(g, n) ||
		    n->dilation_h != 1 || n->dilation_w != 1 || !n->weight_count)
			continue;
		row = zero_place(in->dims[0], n->kernel_h, n->stride_h, n->same);
		column = zero_place(in->dims[1], n->kernel_w, n->stride_w, n->same);
		if ((n->kernel_h % 2 == 0 && row < 0) || (n->kernel_w % 2 == 0 && column < 0))
			continue; /* an odd kernel would see other values */
		if (widen(n, &n->weights[0], n->kernel_h % 2 ? -1 : row, n->kernel_w % 2 ? -1 : column))
			return -ENOMEM;
	}
	return 0;
}

/* Which tap of a 3-wide window with stride 2 hits where a k-wide one has its centre; -1: none does. */
static int centre_tap(uint32_t size, uint32_t kernel)
{
	uint32_t out = outputs(size, kernel, 2, true);
	int centre = (int)(kernel - 1) / 2 - ak_pad_before(size, out, kernel, 2, 1, true);
	int tap = centre + ak_pad_before(size, out, 3, 2, 1, true);

	return tap >= 0 && tap <= 2 ? tap : -1;
}

/* Stride 1, then a kernel of 3 that picks every second value. Bias and activation stay with the first. */
static int split_strided(struct akida_graph *g, uint32_t i, uint32_t channels, int ty, int tx)
{
	const size_t dims[4] = {3, 3, channels, 1};
	char name[AK_NODE_NAME];
	struct ak_weight *w;
	struct ak_node *pick;
	int err;

	snprintf(name, sizeof(name), "%.*s_stride", AK_NODE_NAME - 8, g->nodes[i].name);
	pick = ak_graph_insert_after(g, i, AK_OP_DEPTHWISE, name);
	if (!pick)
		return -ENOMEM;
	pick->kernel_h = pick->kernel_w = 3;
	pick->stride_h = pick->stride_w = 2;
	pick->dilation_h = pick->dilation_w = pick->groups = pick->depth_multiplier = 1;
	pick->same = true;
	err = ak_node_add_weight(pick, "depthwise_kernel", 4, dims, &w);
	for (uint32_t c = 0; !err && c < channels; c++)
		w->data[(size_t)(ty * 3 + tx) * channels + c] = 1;
	g->nodes[i].stride_h = g->nodes[i].stride_w = 1;
	return err;
}

int ak_pass_split_strided_depthwise(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i], *in = &g->nodes[n->inputs[0]];
		int ty, tx;

		if (n->op != AK_OP_DEPTHWISE || n->stride_h != 2 || n->stride_w != 2 || n->kernel_h != n->kernel_w ||
		    (n->kernel_h != 5 && n->kernel_h != 7) || !n->same || n->depth_multiplier != 1 || in->rank != 3)
			continue;
		ty = centre_tap(in->dims[0], n->kernel_h);
		tx = centre_tap(in->dims[1], n->kernel_w);
		if (ty < 0 || tx < 0)
			continue;
		if (split_strided(g, i, in->dims[2], ty, tx))
			return -ENOMEM;
	}
	return 0;
}
