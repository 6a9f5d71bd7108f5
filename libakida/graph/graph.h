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
#define AK_MAX_INPUTS 16 /* of Concatenate and Add; every other layer has one */
#define AK_MAX_WEIGHTS 4
#define AK_WEIGHT_RANK 5      /* of a Conv3D kernel: (t, h, w, channels, filters) */
#define AK_MAX_PER_CHANNEL 16 /* channels of an input image that Rescaling and padding may treat each in its own way */
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
	OP(DEQUANTIZER, "Dequantizer")                                                                                 \
	OP(INPUT_QUANTIZER, "InputQuantizer")                                                                          \
	OP(CONCATENATE, "Concatenate")                                                                                 \
	OP(PERMUTE, "Permute")                                                                                         \
	OP(CONV2D_TRANSPOSE, "Conv2DTranspose")                                                                        \
	OP(DEPTHWISE_TRANSPOSE, "DepthwiseConv2DTranspose")                                                            \
	OP(BUFFER_TEMP_CONV, "BufferTempConv")                                                                         \
	OP(DEPTHWISE_BUFFER_TEMP_CONV, "DepthwiseBufferTempConv")                                                      \
	OP(STATEFUL_PROJECTION, "StatefulProjection")                                                                  \
	OP(STATEFUL_RECURRENT, "StatefulRecurrent")                                                                    \
	OP(EXTRACT_TOKEN, "ExtractToken")                                                                              \
	OP(CONV3D, "Conv3D")                                                                                           \
	OP(ZEROPAD3D, "ZeroPadding3D")                                                                                 \
	OP(AVGPOOL3D, "AveragePooling3D")

enum ak_op {
#define OP(sym, name) AK_OP_##sym,
	AK_OPS(OP)
#undef OP
		AK_OP_COUNT
};
const char *ak_op_class(enum ak_op op); /* Keras class name */

/* ACT(symbol, Keras name). QuantizeML makes a table (LUT) of gelu, swish, hard_silu and leaky_relu only. */
#define AK_ACTIVATIONS(ACT)                                                                                            \
	ACT(LINEAR, "linear")                                                                                          \
	ACT(RELU, "relu")                                                                                              \
	ACT(RELU6, "relu6")                                                                                            \
	ACT(SOFTMAX, "softmax") /* over the last axis */                                                               \
	ACT(SIGMOID, "sigmoid")                                                                                        \
	ACT(TANH, "tanh")                                                                                              \
	ACT(GELU, "gelu")		    /* with erf */                                                             \
	ACT(GELU_TANH, "gelu_tanh")	    /* its approximation */                                                    \
	ACT(SILU, "swish")		    /* x * sigmoid(x) */                                                       \
	ACT(HARD_SILU, "hard_silu")	    /* x * relu6(x + 3) / 6 */                                                 \
	ACT(LEAKY_RELU, "leaky_relu")	    /* below 0: act_alpha * x */                                               \
	ACT(HARD_SIGMOID, "hard_sigmoid")   /* Keras 2: 0.2 x + 0.5 within 0 and 1 */                                  \
	ACT(HARD_SIGMOID6, "hard_sigmoid6") /* Keras 3 and PyTorch: relu6(x + 3) / 6 */                                \
	ACT(ELU, "elu")			    /* below 0: act_alpha * (exp(x) - 1) */                                    \
	ACT(SELU, "selu")                                                                                              \
	ACT(SOFTPLUS, "softplus")                                                                                      \
	ACT(SOFTSIGN, "softsign")                                                                                      \
	ACT(EXPONENTIAL, "exponential")

enum ak_activation {
#define ACT(sym, name) AK_ACT_##sym,
	AK_ACTIVATIONS(ACT)
#undef ACT
		AK_ACT_COUNT
};
const char *ak_activation_name(enum ak_activation act); /* as in Keras configurations */

struct ak_weight {
	char name[AK_NODE_NAME]; /* as in weight_names after the layer's name, without ":0": "kernel", "gamma" */
	uint32_t rank;
	size_t dims[AK_WEIGHT_RANK];
	size_t count;
	float *data;
};

/* Weight quantizers of legacy CNN2SNN files (quantization 1.4, 3). */
enum ak_legacy_quantizer {
	AK_LEGACY_NONE,
	AK_LEGACY_STD,		/* StdWeightQuantizer, in old files WeightQuantizer */
	AK_LEGACY_STD_PER_AXIS, /* StdPerAxisQuantizer */
	AK_LEGACY_MAX,		/* MaxQuantizer */
	AK_LEGACY_MAX_PER_AXIS	/* MaxPerAxisQuantizer */
};

/*
 * Quantizers of one layer, of QuantizeML (quantization 1.3) or, with legacy set, of CNN2SNN (1.4). Zeroed when the layer is
 * float. A legacy layer uses weight_bits, dw_weight_bits, out_bits (of QuantizedReLU and ActivationDiscreteRelu, with
 * has_output) and the members that begin with legacy; the rest is QuantizeML's.
 */
struct ak_node_quant {
	bool active;
	bool legacy;
	uint32_t weight_bits;	 /* weight_quantizer, pw_weight_quantizer */
	uint32_t dw_weight_bits; /* dw_weight_quantizer of a Separable, which is per tensor always */
	bool weight_per_tensor;	 /* weight_quantizer axis null, else one scale a filter */
	uint32_t bias_bits;	 /* 8 */
	uint32_t buffer_bits;	 /* buffer_bitwidth, sign included: 28 conv, dense, projection, else 32 */
	uint32_t lut_bits;	 /* lut_bitwidth of an Activation: 14 */
	uint32_t a_bits;	 /* a_quantizer of a StatefulRecurrent: 16, fixed point, per tensor */
	bool has_output;	 /* an output_quantizer with the members below; of an InputQuantizer: itself */
	uint32_t out_bits;
	bool out_signed, out_per_axis;
	uint32_t scale_bits;	  /* 8 */
	uint32_t out_buffer_bits; /* buffer_bitwidth of the output_quantizer: 32 */
	uint32_t max_value_bits;  /* max_value_quantizer of a bounded ReLU: 8 */
	uint32_t range_count;	  /* 1, or channels when per axis */
	float *range_max, *rescaling_rate;
	float *range_min; /* InputQuantizer only */

	enum ak_legacy_quantizer legacy_weights, legacy_dw; /* quantizer, quantizer_dw */
	float legacy_threshold, legacy_dw_threshold;	    /* of the Std ones: 3 */
	bool legacy_discrete;				    /* ActivationDiscreteRelu, else QuantizedReLU */
};

struct ak_node {
	enum ak_op op;
	char name[AK_NODE_NAME];
	uint32_t inputs[AK_MAX_INPUTS]; /* node indices, all smaller than this node's */
	uint32_t input_count;
	/*
	 * Output shape without batch: (n), (steps, n), (h, w, c) or (t, h, w, c). Set by the builder for Input and Reshape
	 * (0: what remains).
	 */
	uint32_t rank, dims[4];

	/* layer configuration; what an op does not use stays zero */
	uint32_t filters; /* or units */
	uint32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, groups, depth_multiplier;
	uint32_t kernel_t,
		stride_t; /* Conv3D, AveragePooling3D; kernel_t: frames in the FIFO of a (Depthwise)BufferTempConv */
	bool same;	  /* padding "same", else "valid" */
	bool padded;	  /* Conv2D with "padding_value": pads as same does, with pad_value; same is set, too */
	float pad_value;  /* in the units of the layer's input */
	uint32_t pad_channels; /* 0: pad_value for all; else the channels of the input, with a value each: */
	float pad_values[AK_MAX_PER_CHANNEL];
	bool use_bias;
	enum ak_activation act; /* fused activation= of conv/dense, or of Activation */
	float act_alpha;	/* leaky_relu, elu */
	bool bounded;		/* ReLU: max_value is set */
	float max_value, negative_slope, relu_threshold;
	float epsilon, momentum; /* BatchNormalization */
	bool center, scale_on;	 /* beta, gamma present */
	float scale, offset;	 /* Rescaling: x * scale + offset */
	uint32_t
		scale_channels; /* 0: the same for all; else the channels of the input, with a scale and offset each: */
	float scales[AK_MAX_PER_CHANNEL], offsets[AK_MAX_PER_CHANNEL];
	bool keepdims;	    /* GlobalAveragePooling2D */
	float rate;	    /* Dropout */
	uint32_t pad[4];    /* ZeroPadding2D and 3D: top, bottom, left, right */
	uint32_t pad_t[2];  /* ZeroPadding3D: frames before, after */
	bool input_u8;	    /* InputLayer dtype uint8 */
	bool input_i8;	    /* int8; neither: float32 */
	bool average;	    /* Add of QuantizeML: half the sum */
	uint32_t axis;	    /* Concatenate, ExtractToken: axis without batch, 0 the first */
	uint32_t perm[4];   /* Permute: output axis i is input axis perm[i], batch not counted, 0 the first */
	uint32_t token;	    /* ExtractToken: the index that is kept; the axis goes */
	uint32_t subsample; /* StatefulProjection: every so many-th step, the last of each group; 0 and 1: all */
	uint32_t downshape[3], downshape_rank; /* StatefulProjection: reshape before the matrix, 0: none */
	uint32_t upshape[3], upshape_rank;     /* and after it */

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
/* Names of the weights that the node's configuration asks for, in get_weights() order; shapes need not be known. */
uint32_t ak_node_weight_names(const struct ak_node *n, const char *names[AK_MAX_WEIGHTS]);
size_t ak_node_elements(const struct ak_node *n); /* of the output of one sample */
int ak_graph_clone(const struct akida_graph *g, struct akida_graph **out);
/* Nodes that take node i as input; fills at most max indices, returns the count. */
uint32_t ak_graph_consumers(const struct akida_graph *g, uint32_t i, uint32_t *idx, uint32_t max);
/* Derives every shape, checks attributes, weight shapes and finiteness (NaN: -ERANGE). Names layer, field, value. */
int ak_graph_finish(struct akida_graph *g, struct akida_diag *diag);
/* The same, and gives nodes the weights they lack: zeros, gamma and moving_variance ones (for builders of networks). */
int ak_graph_build(struct akida_graph *g, struct akida_diag *diag);
/* Removes node i (one input); consumers take its input. Shapes must be finished again. */
int ak_graph_remove(struct akida_graph *g, uint32_t i);

/* Whether a quantizer of the node still has the range it was made with, 1 everywhere: never calibrated. */
bool ak_node_uncalibrated(const struct ak_node *n);
/* Keeps a state from sample to sample: n samples of one call are consecutive frames of one stream, from an empty state. */
bool ak_op_stateful(enum ak_op op);
/* Convolutions of images, transposed ones, over a FIFO of frames, and Dense: a kernel, perhaps a bias, integer sums. */
bool ak_op_weighted(enum ak_op op);

/* Float forward of one node; see forward.c. in[k]: output of input k for n samples. */
int ak_node_forward(const struct ak_node *node, const struct ak_node *const *in_nodes, const float *const *in, size_t n,
		    float *out);

#endif
