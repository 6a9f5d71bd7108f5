/* SPDX-License-Identifier: MIT */
/* Folding of batch normalization: kernel *= g, bias = beta + (bias - mean) * g with g = gamma / sqrt(variance + eps). */
#include <errno.h>
#include <math.h>
#include "passes.h"

/* The weight whose output channels BatchNorm scales; NULL for layers that take no BatchNorm. */
static struct ak_weight *scaled_kernel(const struct ak_node *n)
{
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_DENSE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return ak_node_weight(n, "kernel");
	case AK_OP_SEPARABLE:
		return ak_node_weight(n, "pointwise_kernel");
	case AK_OP_DEPTHWISE: /* (kh, kw, C, multiplier): the last two axes together are the output channels */
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return ak_node_weight(n, "depthwise_kernel");
	default:
		return NULL;
	}
}

static int fold(struct ak_node *c, const struct ak_node *bn, struct ak_weight *kernel)
{
	const struct ak_weight *gamma = ak_node_weight(bn, "gamma"), *beta = ak_node_weight(bn, "beta");
	const struct ak_weight *mean = ak_node_weight(bn, "moving_mean"), *var = ak_node_weight(bn, "moving_variance");
	struct ak_weight *bias = ak_node_weight(c, "bias");
	/* a transposed kernel has the input channels behind the filters */
	size_t channels = mean->count, dims[1] = {channels},
	       inner = c->op == AK_OP_CONV2D_TRANSPOSE ? kernel->dims[3] : 1;

	if (!bias) {
		int err = ak_node_add_weight(c, "bias", 1, dims, &bias);

		if (err)
			return err;
		c->use_bias = true;
	}
	for (size_t f = 0; f < channels; f++) {
		double g = (gamma ? (double)gamma->data[f] : 1.0) / sqrt((double)var->data[f] + (double)bn->epsilon);

		for (size_t o = f * inner; o < kernel->count; o += channels * inner)
			for (size_t i = o; i < o + inner; i++)
				kernel->data[i] = (float)((double)kernel->data[i] * g);
		bias->data[f] = (float)((beta ? (double)beta->data[f] : 0.0) +
					((double)bias->data[f] - (double)mean->data[f]) * g);
	}
	return 0;
}

int ak_pass_fold_batchnorm(struct akida_graph *g)
{
	for (uint32_t i = g->count; i-- > 0;) {
		struct ak_node *c;
		struct ak_weight *kernel;
		int err;

		if (g->nodes[i].op != AK_OP_BATCHNORM)
			continue;
		c = &g->nodes[g->nodes[i].inputs[0]];
		kernel = scaled_kernel(c);
		if (!kernel || c->act != AK_ACT_LINEAR || ak_graph_only_consumer(g, g->nodes[i].inputs[0]) != i)
			continue;
		err = fold(c, &g->nodes[i], kernel);
		if (err)
			return err;
		ak_graph_remove(g, i);
		i = g->count; /* Conv > BatchNorm > BatchNorm: start again */
	}
	return 0;
}
