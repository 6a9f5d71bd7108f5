/* SPDX-License-Identifier: MIT */
/*
 * The network as a list of Keras layers in topological order, float32 master weights, channels last. Importers build it,
 * quant/ annotates a copy of it, train/ updates its weights, convert/ reads it. Nodes and their storage belong to the
 * graph.
 */
#ifndef AK_GRAPH_GRAPH_H
#define AK_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <akida/graph.h>

#define AK_NODE_NAME 128
#define AK_MAX_INPUTS 2
#define AK_MAX_WEIGHTS 4
#define AK_GRAPH_MAX_NODES 4096

/* OP(symbol, Keras class name) */
#define AK_OPS(OP)                                                                                                     \
	OP(INPUT, "InputLayer")                                                                                        \
	OP(RESCALING, "Rescaling")                                                                                     \
	OP(CONV2D, "Conv2D")                                                                                           \
	OP(SEPARABLE, "SeparableConv2D")                                                                               \
	OP(DEPTHWISE, "DepthwiseConv2D")                                                                               \
	OP(DENSE, "Dense")                                                                                             \
	OP(BATCHNORM, "BatchNormalization")                                                                            \
	OP(RELU, "ReLU")                                                                                               \
	OP(MAXPOOL, "MaxPooling2D")                                                                                    \
	OP(AVGPOOL, "AveragePooling2D")                                                                                \
	OP(GAP, "GlobalAveragePooling2D")                                                                              \
	OP(ADD, "Add")                                                                                                 \
	OP(FLATTEN, "Flatten")                                                                                         \
	OP(RESHAPE, "Reshape")                                                                                         \
	OP(DROPOUT, "Dropout")                                                                                         \
	OP(ZEROPAD, "ZeroPadding2D")                                                                                   \
	OP(ACTIVATION, "Activation")                                                                                   \
	OP(SOFTMAX, "Softmax")                                                                                         \
	OP(DEQUANTIZER, "Dequantizer")

enum ak_op {
#define OP(sym, name) AK_OP_##sym,
	AK_OPS(OP)
#undef OP
		AK_OP_COUNT
};
const char *ak_op_class(enum ak_op op); /* Keras class name */

enum ak_activation { AK_ACT_LINEAR, AK_ACT_RELU, AK_ACT_RELU6, AK_ACT_SOFTMAX, AK_ACT_SIGMOID, AK_ACT_TANH };

struct ak_weight {
	char name[AK_NODE_NAME]; /* as in weight_names after the layer's name, without ":0": "kernel", "gamma" */
	uint32_t rank;
	size_t dims[4];
	size_t count;
	float *data;
};

/* QuantizeML annotations of one layer (quantization 1.3); zeroed when the graph is float. */
struct ak_node_quant {
	bool active;
	uint32_t weight_bits; /* weight_quantizer, pw_weight_quantizer and dw_weight_quantizer */
	uint32_t bias_bits;   /* 8 */
	uint32_t buffer_bits; /* buffer_bitwidth, sign included: 28 conv and dense, else 32 */
	bool has_output;      /* an output_quantizer with the members below */
	uint32_t out_bits;
	bool out_signed, out_per_axis;
	uint32_t scale_bits;	 /* 8 */
	uint32_t max_value_bits; /* max_value_quantizer of a bounded ReLU: 8 */
	uint32_t range_count;	 /* 1, or channels when per axis */
	float *range_max, *rescaling_rate;
};

struct ak_node {
	enum ak_op op;
	char name[AK_NODE_NAME];
	uint32_t inputs[AK_MAX_INPUTS]; /* node indices, all smaller than this node's */
	uint32_t input_count;
	/* Output shape without batch: (h, w, c) or (n). Set by the builder for Input and Reshape (0: what remains). */
	uint32_t rank, dims[4];

	/* layer configuration; what an op does not use stays zero */
	uint32_t filters; /* or units */
	uint32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, groups, depth_multiplier;
	bool same;	 /* padding "same", else "valid" */
	bool padded;	 /* Conv2D with "padding_value": pads as same does, with pad_value; same is set, too */
	float pad_value; /* in the units of the layer's input */
	bool use_bias;
	enum ak_activation act; /* fused activation= of conv/dense, or of Activation */
	bool bounded;		/* ReLU: max_value is set */
	float max_value, negative_slope, relu_threshold;
	float epsilon, momentum; /* BatchNormalization */
	bool center, scale_on;	 /* beta, gamma present */
	float scale, offset;	 /* Rescaling */
	bool keepdims;		 /* GlobalAveragePooling2D */
	float rate;		 /* Dropout */
	uint32_t pad[4];	 /* ZeroPadding2D: top, bottom, left, right */
	bool input_u8;		 /* InputLayer dtype uint8 */

	struct ak_weight weights[AK_MAX_WEIGHTS]; /* get_weights() order */
	uint32_t weight_count;
	struct ak_node_quant quant;
};

struct akida_graph {
	char name[AK_NODE_NAME];
	bool sequential; /* class_name "Sequential", else "Functional" */
	struct ak_node *nodes;
	uint32_t count, capacity;
	uint32_t output; /* index of the output node */
};

int ak_graph_create(const char *name, struct akida_graph **out);
/*
 * Appends a zeroed node of the op (name copied, made unique) with these inputs and makes it the output; NULL when out of
 * memory, full, or an input does not exist. The node moves when the next one is added: keep its index.
 */
struct ak_node *ak_graph_add(struct akida_graph *g, enum ak_op op, const char *name, const uint32_t *inputs,
			     uint32_t n);
/* Appends the next weight of a node, zeroed; -ENOMEM, -EINVAL when the node has its fill, -ERANGE for absurd sizes. */
int ak_node_add_weight(struct ak_node *n, const char *name, uint32_t rank, const size_t *dims, struct ak_weight **out);
struct ak_weight *ak_node_weight(const struct ak_node *n, const char *name); /* or NULL */
size_t ak_node_elements(const struct ak_node *n);			     /* of the output of one sample */
int ak_graph_clone(const struct akida_graph *g, struct akida_graph **out);
/* Nodes that take node i as input; fills at most max indices, returns the count. */
uint32_t ak_graph_consumers(const struct akida_graph *g, uint32_t i, uint32_t *idx, uint32_t max);
/* Derives every shape, checks attributes, weight shapes and finiteness (NaN: -ERANGE). Names layer, field, value. */
int ak_graph_finish(struct akida_graph *g, struct akida_diag *diag);
/* The same, and gives nodes the weights they lack: zeros, gamma and moving_variance ones (for builders of networks). */
int ak_graph_build(struct akida_graph *g, struct akida_diag *diag);
/* Removes node i (one input); consumers take its input. Shapes must be finished again. */
int ak_graph_remove(struct akida_graph *g, uint32_t i);

/* Float forward of one node; see forward.c. in[k]: output of input k for n samples. */
int ak_node_forward(const struct ak_node *node, const struct ak_node *const *in_nodes, const float *const *in, size_t n,
		    float *out);

#endif
