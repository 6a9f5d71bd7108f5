/* SPDX-License-Identifier: MIT */
/*
 * A graph as model_config JSON, member for member as Keras 2.15 and QuantizeML 0.13 write it: their readers and people who
 * compare files see nothing unusual. Text is ASCII, spaced like Python's json.dumps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "graph/json_text.h"
#include "graph/quant_config.h"
#include "keras.h"
#include "keras_layer.h"

#define REGULARIZERS "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": null"
#define INIT(name)                                                                                                     \
	"{\"module\": \"keras.initializers\", \"class_name\": \"" name "\", \"config\": {}, \"registered_name\": "     \
	"null}"
#define GLOROT                                                                                                         \
	"{\"module\": \"keras.initializers\", \"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}, "       \
	"\"registered_name\": null}"
#define CHANNELS_LAST "\"data_format\": \"channels_last\""

static void put_pair(struct ak_text *t, const char *key, uint32_t a, uint32_t b)
{
	ak_text_putf(t, ", \"%s\": [%u, %u]", key, a, b);
}

static void put_axis(struct ak_text *t, uint32_t axis)
{
	ak_text_putf(t, ", \"axis\": %u", axis + 1); /* counts the batch */
}

static void put_shape(struct ak_text *t, const char *key, const uint32_t *dims, uint32_t rank)
{
	ak_text_putf(t, ", \"%s\": %s", key, rank ? "" : "null");
	for (uint32_t i = 0; i < rank; i++)
		ak_text_putf(t, "%s%u", i ? ", " : "[", dims[i]);
	ak_text_put(t, rank ? "]" : "");
}

static void put_floats(struct ak_text *t, const char *key, const float *v, uint32_t n)
{
	ak_text_putf(t, ", \"%s\": [", key);
	for (uint32_t i = 0; i < n; i++) {
		ak_text_put(t, i ? ", " : "");
		ak_text_float(t, v[i]);
	}
	ak_text_put(t, "]");
}

static void put_number(struct ak_text *t, const char *key, float v)
{
	ak_text_putf(t, ", \"%s\": ", key);
	ak_text_float(t, v);
}

static void put_activation(struct ak_text *t, enum ak_activation act)
{
	ak_text_putf(t, ", \"activation\": \"%s\"", ak_activation_name(act));
}

static bool is_depthwise(const struct ak_node *n)
{
	return n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DEPTHWISE_TRANSPOSE;
}

static void put_window(struct ak_text *t, const struct ak_node *n)
{
	if (!is_depthwise(n))
		ak_text_putf(t, ", \"filters\": %u", n->filters);
	put_pair(t, "kernel_size", n->kernel_h, n->kernel_w);
	put_pair(t, "strides", n->stride_h, n->stride_w);
	ak_text_putf(t, ", \"padding\": \"%s\", " CHANNELS_LAST, n->same && !n->padded ? "same" : "valid");
	put_pair(t, "dilation_rate", n->dilation_h, n->dilation_w);
	ak_text_putf(t, ", \"groups\": %u", n->groups);
	put_activation(t, n->act);
	ak_text_putf(t, ", \"use_bias\": %s", ak_text_bool(n->use_bias));
	if (is_depthwise(n))
		ak_text_put(t, ", \"bias_initializer\": " INIT(
				       "Zeros") ", \"bias_regularizer\": null, \"activity_regularizer\": "
						"null, \"bias_constraint\": null");
	else
		ak_text_put(t, ", \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " INIT(
				       "Zeros") ", " REGULARIZERS
						", \"kernel_constraint\": null, \"bias_constraint\": null");
	if (is_depthwise(n))
		ak_text_putf(t,
			     ", \"depth_multiplier\": %u, \"depthwise_initializer\": " GLOROT
			     ", \"depthwise_regularizer\": null, \"depthwise_constraint\": null",
			     n->depth_multiplier);
	if (n->op == AK_OP_SEPARABLE) {
		ak_text_putf(t,
			     ", \"depth_multiplier\": %u, \"depthwise_initializer\": " GLOROT
			     ", \"pointwise_initializer\": " GLOROT,
			     n->depth_multiplier);
		ak_text_put(
			t,
			", \"depthwise_regularizer\": null, \"pointwise_regularizer\": null, \"depthwise_constraint\": "
			"null, "
			"\"pointwise_constraint\": null");
	}
	if (n->op == AK_OP_CONV2D_TRANSPOSE)
		ak_text_put(t, ", \"output_padding\": null");
}

static void put_triple(struct ak_text *t, const char *key, uint32_t a, uint32_t b, uint32_t c)
{
	ak_text_putf(t, ", \"%s\": [%u, %u, %u]", key, a, b, c);
}

static void put_conv3d(struct ak_text *t, const struct ak_node *n)
{
	ak_text_putf(t, ", \"filters\": %u", n->filters);
	put_triple(t, "kernel_size", n->kernel_t, n->kernel_h, n->kernel_w);
	put_triple(t, "strides", n->stride_t, n->stride_h, n->stride_w);
	ak_text_putf(t, ", \"padding\": \"%s\", " CHANNELS_LAST, n->same ? "same" : "valid");
	put_triple(t, "dilation_rate", 1, n->dilation_h, n->dilation_w);
	ak_text_putf(t, ", \"groups\": %u", n->groups);
	put_activation(t, n->act);
	ak_text_putf(t, ", \"use_bias\": %s, \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " INIT("Zeros"),
		     ak_text_bool(n->use_bias));
	ak_text_put(t, ", " REGULARIZERS ", \"kernel_constraint\": null, \"bias_constraint\": null");
}

static void put_batchnorm(struct ak_text *t, const struct ak_node *n)
{
	ak_text_putf(t, ", \"axis\": [%u], \"momentum\": ", n->rank);
	ak_text_float(t, n->momentum);
	ak_text_put(t, ", \"epsilon\": ");
	ak_text_float(t, n->epsilon);
	ak_text_putf(t, ", \"center\": %s, \"scale\": %s", ak_text_bool(n->center), ak_text_bool(n->scale_on));
	ak_text_put(t, ", \"beta_initializer\": " INIT("Zeros") ", \"gamma_initializer\": " INIT("Ones"));
	ak_text_put(t,
		    ", \"moving_mean_initializer\": " INIT("Zeros") ", \"moving_variance_initializer\": " INIT("Ones"));
	ak_text_put(t, ", \"beta_regularizer\": null, \"gamma_regularizer\": null, \"beta_constraint\": null, "
		       "\"gamma_constraint\": null");
}

static void put_max_value(struct ak_text *t, const struct ak_node *n)
{
	ak_text_put(t, ", \"max_value\": ");
	if (n->bounded)
		ak_text_float(t, n->max_value);
	else
		ak_text_put(t, "null");
}

static void put_input(struct ak_text *t, const struct ak_node *n, const struct akida_graph *g)
{
	bool fixed = false; /* QuantizeML builds recurrent layers for a known batch only */

	for (uint32_t i = 0; i < g->count; i++)
		fixed |= g->nodes[i].op == AK_OP_STATEFUL_RECURRENT;
	ak_text_putf(t, "\"batch_input_shape\": [%s", fixed ? "1" : "null");
	for (uint32_t i = 0; i < n->rank; i++)
		ak_text_putf(t, ", %u", n->dims[i]);
	ak_text_putf(t, "], \"dtype\": \"%s\", \"sparse\": false, \"ragged\": false, \"name\": ",
		     n->input_u8   ? "uint8"
		     : n->input_i8 ? "int8"
				   : "float32");
	ak_text_string(t, n->name);
}

/* What follows name, trainable and dtype. */
static void put_members(struct ak_text *t, const struct ak_node *n, bool quantized)
{
	switch (n->op) {
	case AK_OP_RESCALING:
		if (n->scale_channels) {
			put_floats(t, "scale", n->scales, n->scale_channels);
			put_floats(t, "offset", n->offsets, n->scale_channels);
		} else {
			put_number(t, "scale", n->scale);
			put_number(t, "offset", n->offset);
		}
		break;
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		put_window(t, n);
		if (n->padded)
			put_floats(t, "padding_value", n->pad_channels ? n->pad_values : &n->pad_value,
				   n->pad_channels ? n->pad_channels : 1);
		break;
	case AK_OP_STATEFUL_PROJECTION:
	case AK_OP_DENSE:
		ak_text_putf(t, ", \"units\": %u", n->filters);
		put_activation(t, n->act);
		ak_text_putf(t,
			     ", \"use_bias\": %s, \"kernel_initializer\": " GLOROT
			     ", \"bias_initializer\": " INIT("Zeros"),
			     ak_text_bool(n->use_bias));
		ak_text_put(t, ", " REGULARIZERS ", \"kernel_constraint\": null, \"bias_constraint\": null");
		if (n->op == AK_OP_DENSE)
			break;
		put_shape(t, "downshape", n->downshape, n->downshape_rank);
		put_shape(t, "upshape", n->upshape, n->upshape_rank);
		ak_text_putf(t, ", \"subsample\": %u", n->subsample ? n->subsample : 1);
		break;
	case AK_OP_BATCHNORM:
		put_batchnorm(t, n);
		break;
	case AK_OP_RELU:
		if (quantized) /* max_value follows the quantizers */
			break;
		put_max_value(t, n);
		ak_text_put(t, ", \"negative_slope\": ");
		ak_text_float(t, n->negative_slope);
		ak_text_put(t, ", \"threshold\": ");
		ak_text_float(t, n->relu_threshold);
		break;
	case AK_OP_MAXPOOL:
	case AK_OP_AVGPOOL:
		put_pair(t, "pool_size", n->kernel_h, n->kernel_w);
		ak_text_putf(t, ", \"padding\": \"%s\"", n->same ? "same" : "valid");
		put_pair(t, "strides", n->stride_h, n->stride_w);
		ak_text_put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_GAP:
		ak_text_putf(t, ", " CHANNELS_LAST ", \"keepdims\": %s", ak_text_bool(n->keepdims));
		break;
	case AK_OP_FLATTEN:
		ak_text_put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_RESHAPE:
		for (uint32_t i = 0; i < n->rank; i++)
			ak_text_putf(t, "%s%u", i ? ", " : ", \"target_shape\": [", n->dims[i]);
		ak_text_put(t, "]");
		break;
	case AK_OP_DROPOUT:
		ak_text_put(t, ", \"rate\": ");
		ak_text_float(t, n->rate);
		ak_text_put(t, ", \"noise_shape\": null, \"seed\": null");
		break;
	case AK_OP_ZEROPAD:
		ak_text_putf(t, ", \"padding\": [[%u, %u], [%u, %u]], " CHANNELS_LAST, n->pad[0], n->pad[1], n->pad[2],
			     n->pad[3]);
		break;
	case AK_OP_CONV3D:
		put_conv3d(t, n);
		break;
	case AK_OP_AVGPOOL3D:
		put_triple(t, "pool_size", n->kernel_t, n->kernel_h, n->kernel_w);
		ak_text_putf(t, ", \"padding\": \"%s\"", n->same ? "same" : "valid");
		put_triple(t, "strides", n->stride_t, n->stride_h, n->stride_w);
		ak_text_put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_ZEROPAD3D:
		ak_text_putf(t, ", \"padding\": [[%u, %u], [%u, %u], [%u, %u]], " CHANNELS_LAST, n->pad_t[0],
			     n->pad_t[1], n->pad[0], n->pad[1], n->pad[2], n->pad[3]);
		break;
	case AK_OP_ACTIVATION:
		if (!quantized && (n->act == AK_ACT_LEAKY_RELU || n->act == AK_ACT_ELU)) {
			put_number(t, "alpha", n->act_alpha); /* classes of their own */
			break;
		}
		put_activation(t, n->act);
		if (n->act == AK_ACT_LEAKY_RELU)
			put_number(t, "alpha", n->act_alpha);
		break;
	case AK_OP_ADD:
		if (n->average)
			ak_text_put(t, ", \"average\": true");
		break;
	case AK_OP_CONCATENATE:
		put_axis(t, n->axis);
		break;
	case AK_OP_PERMUTE:
		for (uint32_t i = 0; i < n->rank; i++)
			ak_text_putf(t, "%s%u", i ? ", " : ", \"dims\": [", n->perm[i] + 1);
		ak_text_put(t, "]");
		break;
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		ak_text_putf(t, ", \"kernel_size\": %u, \"use_bias\": %s", n->kernel_t, ak_text_bool(n->use_bias));
		if (n->op == AK_OP_BUFFER_TEMP_CONV)
			ak_text_putf(t, ", \"filters\": %u", n->filters);
		break;
	case AK_OP_EXTRACT_TOKEN:
		ak_text_putf(t, ", \"token\": %u", n->token);
		put_axis(t, n->axis);
		break;
	case AK_OP_INPUT_QUANTIZER:
		ak_text_putf(t, ", \"bitwidth\": %u, \"signed\": %s, \"axis\": \"%s\"", n->quant.out_bits,
			     ak_text_bool(n->quant.out_signed), n->quant.out_per_axis ? "per-axis" : "per-tensor");
		break;
	case AK_OP_SOFTMAX:
		ak_text_put(t, ", \"axis\": -1");
		break;
	default:
		break;
	}
}

bool ak_keras_is_quantized(const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];
	bool passes = n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE || n->op == AK_OP_DROPOUT ||
		      n->op == AK_OP_MAXPOOL || n->op == AK_OP_PERMUTE || n->op == AK_OP_CONCATENATE ||
		      n->op == AK_OP_EXTRACT_TOKEN;

	if (n->op == AK_OP_INPUT || !ak_keras_quantized_class(n->op))
		return false;
	if (n->quant.active || n->op == AK_OP_DEQUANTIZER)
		return true;
	/* layers without quantizers follow what feeds them, unless the Dequantizer does; legacy files have no such class */
	if (passes && g->nodes[n->inputs[0]].quant.legacy)
		return false;
	return passes && g->nodes[n->inputs[0]].op != AK_OP_DEQUANTIZER && ak_keras_is_quantized(g, n->inputs[0]);
}

/* Of a float layer: classes that are not Keras' own have the package QuantizeML registers them in. */
static const char *float_class(const struct ak_node *n)
{
	switch (n->op) {
	case AK_OP_CONV2D:
		return n->padded ? "Custom>PaddedConv2D" : ak_op_class(n->op);
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return "Custom>DepthwiseConv2DTranspose";
	case AK_OP_ADD:
		return n->average ? "Custom>Add" : ak_op_class(n->op);
	case AK_OP_ACTIVATION: /* a function has no alpha, and Keras 2 no hard_silu */
		if (n->act == AK_ACT_HARD_SILU)
			return "Custom>Activation";
		return n->act == AK_ACT_LEAKY_RELU ? "LeakyReLU" : n->act == AK_ACT_ELU ? "ELU" : ak_op_class(n->op);
	case AK_OP_BUFFER_TEMP_CONV:
		return "Custom>BufferTempConv";
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return "Custom>DepthwiseBufferTempConv";
	case AK_OP_STATEFUL_PROJECTION:
		return "Custom>StatefulProjection";
	case AK_OP_STATEFUL_RECURRENT:
		return "Custom>StatefulRecurrent";
	case AK_OP_EXTRACT_TOKEN:
		return "Custom>ExtractToken";
	case AK_OP_INPUT_QUANTIZER:
		return "Custom>InputQuantizer";
	default:
		return ak_op_class(n->op);
	}
}

/* Legacy CNN2SNN: no package, and quantizers by class. */
static void put_legacy_quantizer(struct ak_text *t, const char *key, enum ak_legacy_quantizer kind, uint32_t bits,
				 float threshold)
{
	ak_text_putf(t,
		     ", \"%s\": {\"class_name\": \"%s\", \"config\": {\"name\": \"%s\", \"trainable\": true, "
		     "\"dtype\": \"float32\", \"bitwidth\": %u",
		     key, ak_legacy_quantizer_name(kind), key, bits);
	if (kind == AK_LEGACY_STD || kind == AK_LEGACY_STD_PER_AXIS)
		put_number(t, "threshold", threshold);
	ak_text_put(t, "}}");
}

static void put_legacy(struct ak_text *t, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;

	if (n->op == AK_OP_RELU) {
		ak_text_putf(t, ", \"bitwidth\": %u", q->out_bits);
		if (!q->legacy_discrete)
			put_number(t, "max_value", n->max_value);
		return;
	}
	put_legacy_quantizer(t, "quantizer", q->legacy_weights, q->weight_bits, q->legacy_threshold);
	if (n->op == AK_OP_SEPARABLE)
		put_legacy_quantizer(t, "quantizer_dw", q->legacy_dw, q->dw_weight_bits, q->legacy_dw_threshold);
}

static void put_class(struct ak_text *t, const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];

	if (n->quant.legacy && n->quant.legacy_discrete)
		ak_text_put(t, "ActivationDiscreteRelu");
	else if (ak_keras_is_quantized(g, i))
		ak_text_putf(t, "%s%s", n->quant.legacy ? "" : "Custom>", ak_keras_quantized_class(n->op));
	else
		ak_text_put(t, float_class(n));
}

static void put_config(struct ak_text *t, const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];
	bool quantized = ak_keras_is_quantized(g, i);

	if (n->op == AK_OP_INPUT) {
		put_input(t, n, g);
		return;
	}
	ak_text_put(t, "\"name\": ");
	ak_text_string(t, n->name);
	ak_text_put(t, ", \"trainable\": true, \"dtype\": \"float32\"");
	put_members(t, n, quantized);
	if (n->quant.legacy) {
		put_legacy(t, n);
		return;
	}
	if (quantized && ak_quant_has_config(n->op)) {
		ak_text_put(t, ", \"quant_config\": ");
		ak_quant_config_print(t, n);
	}
	if (quantized && n->op == AK_OP_RELU)
		put_max_value(t, n);
}

static void put_layer(struct ak_text *t, const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];

	ak_text_put(t, "{\"class_name\": \"");
	put_class(t, g, i);
	ak_text_put(t, "\", \"config\": {");
	put_config(t, g, i);
	ak_text_put(t, "}");
	if (g->sequential) {
		ak_text_put(t, "}");
		return;
	}
	ak_text_put(t, ", \"name\": ");
	ak_text_string(t, n->name);
	ak_text_put(t, ", \"inbound_nodes\": [");
	for (uint32_t k = 0; k < n->input_count; k++) {
		ak_text_put(t, k ? ", [" : "[[");
		ak_text_string(t, g->nodes[n->inputs[k]].name);
		ak_text_put(t, ", 0, 0, {}]");
	}
	ak_text_put(t, n->input_count ? "]]}" : "]}");
}

char *ak_keras_config_print(const struct akida_graph *g)
{
	struct ak_text t = {0};

	ak_text_putf(&t,
		     "{\"class_name\": \"%s\", \"config\": {\"name\": ", g->sequential ? "Sequential" : "Functional");
	ak_text_string(&t, g->name);
	ak_text_put(&t, ", \"trainable\": true, \"layers\": [");
	for (uint32_t i = 0; i < g->count; i++) {
		if (i)
			ak_text_put(&t, ", ");
		put_layer(&t, g, i);
	}
	ak_text_put(&t, "]");
	if (!g->sequential) {
		ak_text_put(&t, ", \"input_layers\": [[");
		ak_text_string(&t, g->nodes[0].name);
		ak_text_put(&t, ", 0, 0]], \"output_layers\": [[");
		ak_text_string(&t, g->nodes[g->output].name);
		ak_text_put(&t, ", 0, 0]]");
	}
	ak_text_put(&t, "}}");
	if (t.failed) {
		free(t.s);
		return NULL;
	}
	return t.s;
}
