/* SPDX-License-Identifier: MIT */
/* Explicit zero padding in front of a valid convolution, as padding "same" where both read the same values. */
#include "passes.h"

/* TensorFlow's SAME on one axis equals "before and after zeros, then valid". */
static bool equals_same(uint32_t size, uint32_t before, uint32_t after, uint32_t kernel, uint32_t stride)
{
	uint32_t out = (size + stride - 1) / stride, reach = (out - 1) * stride + kernel;
	uint32_t total = reach > size ? reach - size : 0, padded = size + before + after;

	return before == total / 2 && padded >= kernel && (padded - kernel) / stride + 1 == out;
}

int ak_pass_merge_zero_padding(struct akida_graph *g)
{
	for (uint32_t i = g->count; i-- > 0;) {
		const struct ak_node *z = &g->nodes[i], *in;
		uint32_t next;
		struct ak_node *c;

		if (z->op != AK_OP_ZEROPAD)
			continue;
		next = ak_graph_only_consumer(g, i);
		if (next == AK_NO_NODE)
			continue;
		c = &g->nodes[next];
		in = &g->nodes[z->inputs[0]];
		if ((c->op != AK_OP_CONV2D && c->op != AK_OP_SEPARABLE && c->op != AK_OP_DEPTHWISE) || c->same)
			continue;
		if (!equals_same(in->dims[0], z->pad[0], z->pad[1], (c->kernel_h - 1) * c->dilation_h + 1,
				 c->stride_h) ||
		    !equals_same(in->dims[1], z->pad[2], z->pad[3], (c->kernel_w - 1) * c->dilation_w + 1, c->stride_w))
			continue;
		c->same = true;
		ak_graph_remove(g, i);
	}
	return 0;
}
