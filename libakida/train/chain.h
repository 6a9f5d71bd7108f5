/* SPDX-License-Identifier: MIT */
/*
 * A network as training sees it: the layers of a graph rewritten into elementary operations with explicit geometry and
 * a flat list of parameters. Steps are in an order in which each comes after those it reads; branches meet in additions
 * and concatenations. Pure bookkeeping; what computes is onednn.c.
 *
 * Rewrites, all exact: a leading Rescaling joins the loading of the batch, SeparableConv2D becomes two convolutions,
 * fused activations become operations, ZeroPadding2D joins the valid convolution that follows, a Flatten in front of a
 * Dense layer joins it, ReLU moves behind a max pooling that follows it (both are monotone), a closing softmax joins the loss.
 * Those that join two layers happen where nobody else reads the first of them.
 */
#ifndef AK_TRAIN_CHAIN_H
#define AK_TRAIN_CHAIN_H

#include "graph/graph.h"

enum ak_chain_op {
	AK_CHAIN_CONV,	  /* grouped or not; Dense over a map is a 1x1 convolution */
	AK_CHAIN_DECONV,  /* the transpose of a convolution from out to in, grouped or not */
	AK_CHAIN_DENSE,	  /* of all h*w*c inputs in Keras's flatten order */
	AK_CHAIN_NORM,	  /* batch normalization over channels */
	AK_CHAIN_ELTWISE, /* x -> f(x) */
	AK_CHAIN_MAXPOOL,
	AK_CHAIN_AVGPOOL, /* divides by the positions inside the map, as Keras does */
	AK_CHAIN_RESHAPE, /* same values in (h, w, c) order, other shape */
	AK_CHAIN_DROPOUT,
	AK_CHAIN_PAD,	 /* zeros around the map */
	AK_CHAIN_ADD,	 /* of maps of one shape */
	AK_CHAIN_CONCAT, /* along axis */
};

enum ak_chain_function {
	AK_CHAIN_LINEAR, /* alpha * x + beta */
	AK_CHAIN_RELU,	 /* x > 0 ? x : alpha * x */
	AK_CHAIN_CLIP,	 /* min(max(x, 0), beta) */
	AK_CHAIN_SIGMOID,
	AK_CHAIN_TANH,
};

enum ak_chain_role {
	AK_CHAIN_KERNEL,
	AK_CHAIN_BIAS,
	AK_CHAIN_GAMMA,
	AK_CHAIN_BETA,
	AK_CHAIN_MEAN, /* moving mean and variance follow the batches, not the gradient */
	AK_CHAIN_VARIANCE,
};

#define AK_CHAIN_NONE UINT32_MAX

struct ak_chain_shape {
	uint32_t h, w, c;
};

struct ak_chain_step {
	enum ak_chain_op op;
	uint32_t node;			/* of the graph */
	uint32_t inputs[AK_MAX_INPUTS]; /* steps whose results it reads; AK_CHAIN_NONE: the network's input */
	uint32_t input_count;		/* 1 but for additions and concatenations */
	uint32_t axis;			/* of a concatenation: 0 h, 1 w, 2 c */
	struct ak_chain_shape in, out;	/* in: of inputs[0] */
	uint32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, groups;
	uint32_t pad[4];       /* top, bottom, left, right */
	uint32_t kernel, bias; /* parameters, or AK_CHAIN_NONE */
	uint32_t gamma, beta, mean, variance;
	float epsilon, momentum;
	enum ak_chain_function function;
	float alpha, limit; /* of function: alpha, beta */
	float rate;	    /* dropout */
	bool activation;    /* a ReLU: its output gets a quantizer when the network is quantized */
};

/*
 * One weight array of the graph. Kernels are in Keras order: (kh, kw, ci, co), (kh, kw, c, multiplier), (in, out), of a
 * transposed convolution (kh, kw, co, ci).
 */
struct ak_chain_param {
	enum ak_chain_role role;
	uint32_t node, weight; /* nodes[node].weights[weight] */
	bool trainable;
	bool depthwise; /* a depthwise kernel: quantized with one scale, the others with one per output channel */
	bool first;	/* belongs to the first layer with weights: quantized with the input's bits */
	size_t count;
	uint32_t channels; /* last axis: scales of a kernel */
};

struct ak_chain {
	const struct akida_graph *graph; /* borrowed */
	struct ak_chain_step *steps;
	uint32_t count;
	struct ak_chain_param *params;
	uint32_t param_count;
	struct ak_chain_shape input;
	float scale, offset; /* of a leading Rescaling: x * scale + offset */
	uint32_t outputs;    /* logits per sample */
};

/*
 * Reads a finished graph with one input; the last step gives the result. -EOPNOTSUPP naming the layer for branches that lead
 * nowhere, quantized layers and what training does not know. The chain borrows the graph until ak_chain_fini, which
 * accepts a zeroed chain.
 */
int ak_chain_init(struct ak_chain *c, const struct akida_graph *g, struct akida_diag *diag);
void ak_chain_fini(struct ak_chain *c);

#endif
