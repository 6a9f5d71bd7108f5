/* SPDX-License-Identifier: MIT */
/* Configuration of single Keras layers: one parse function a class, strict on type and range. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/diag.h"
#include "keras.h"
#include "graph/quant_config.h"
#include "keras_layer.h"

#define MAX_VECTOR (1 << 28)

/* Names that are not those of ak_activation_name; Keras 3 writes silu and the other hard sigmoid. */
static const struct {
	const char *name;
	enum ak_activation act;
} other_names[] = {
	{"silu", AK_ACT_SILU},
	{"hard_swish", AK_ACT_HARD_SILU},
	{"exp", AK_ACT_EXPONENTIAL},
};

static bool find_activation(const char *name, enum ak_activation *out)
{
	for (unsigned int i = 0; i < AK_ACT_COUNT; i++)
		if (!strcmp(name, ak_activation_name((enum ak_activation)i)) && i != AK_ACT_GELU_TANH &&
		    i != AK_ACT_HARD_SIGMOID6) {
			*out = (enum ak_activation)i;
			return true;
		}
	for (size_t i = 0; i < sizeof(other_names) / sizeof(other_names[0]); i++)
		if (!strcmp(name, other_names[i].name)) {
			*out = other_names[i].act;
			return true;
		}
	return false;
}

int ak_layer_activation(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *j = ak_conf_member(c->config, "activation");
	const char *name = cJSON_GetStringValue(j);
	char why[96];

	n->act = AK_ACT_LINEAR;
	if (ak_conf_absent(j))
		return 0;
	if (cJSON_IsObject(j)) { /* a registered function: its name */
		const char *function = cJSON_GetStringValue(ak_conf_member(j, "config"));

		name = function ? function : cJSON_GetStringValue(ak_conf_member(j, "registered_name"));
		name = name && strrchr(name, '>') ? strrchr(name, '>') + 1 : name;
	}
	if (name && find_activation(name, &n->act)) {
		if (n->act == AK_ACT_HARD_SIGMOID && c->keras3)
			n->act = AK_ACT_HARD_SIGMOID6;
		n->act_alpha = n->act == AK_ACT_LEAKY_RELU ? 0.2f : n->act == AK_ACT_ELU ? 1.0f : 0.0f;
		return 0;
	}
	snprintf(why, sizeof(why), "%.40s is not read by this version", name ? name : "(an object)");
	for (char *s = why; *s; s++)
		*s = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	return ak_conf_bad(c, -EOPNOTSUPP, "activation", why);
}

static int get_padding(const struct ak_layer_conf *c, bool *same)
{
	const char *s = cJSON_GetStringValue(ak_conf_member(c->config, "padding"));

	*same = s && !strcasecmp(s, "same");
	if (s && !*same && strcasecmp(s, "valid"))
		return ak_conf_bad(c, -EOPNOTSUPP, "padding", "is neither same nor valid");
	return 0;
}

static int check_data_format(const struct ak_layer_conf *c)
{
	const char *s = cJSON_GetStringValue(ak_conf_member(c->config, "data_format"));

	if (s && strcmp(s, "channels_last"))
		return ak_conf_bad(c, -EOPNOTSUPP, "data_format", "must be channels_last");
	return 0;
}

int ak_layer_input_shape(const struct ak_layer_conf *c, const cJSON *shape, struct ak_node *n)
{
	const cJSON *dim;
	int err, count = cJSON_GetArraySize(shape);

	if (!cJSON_IsArray(shape) || count < 2 || count > 5)
		return ak_conf_bad(c, -EILSEQ, "batch_input_shape", "is not a list of a batch size and 1 to 4 sizes");
	for (dim = shape->child->next; dim; dim = dim->next) {
		if (cJSON_IsNull(dim))
			return ak_conf_bad(c, -EOPNOTSUPP, "batch_input_shape",
					   "leaves a size open: every size must be known");
		err = ak_conf_to_uint(c, "batch_input_shape", dim, 1, &n->dims[n->rank++]);
		if (err)
			return err;
	}
	return 0;
}

static int parse_input(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *shape = ak_conf_member(c->config, "batch_input_shape");
	const char *dtype = cJSON_GetStringValue(ak_conf_member(c->config, "dtype"));

	if (!shape)
		shape = ak_conf_member(c->config, "batch_shape"); /* Keras 3 */

	if (dtype && strcmp(dtype, "float32") && strcmp(dtype, "uint8") && strcmp(dtype, "int8"))
		return ak_conf_bad(c, -EOPNOTSUPP, "dtype", "must be float32, uint8 or int8");
	n->input_u8 = dtype && !strcmp(dtype, "uint8");
	n->input_i8 = dtype && !strcmp(dtype, "int8");
	return ak_layer_input_shape(c, shape, n);
}

static int parse_rescaling(const struct ak_layer_conf *c, struct ak_node *n)
{
	uint32_t scales, offsets;
	int err = ak_conf_per_channel(c, "scale", 1, &n->scale, n->scales, &scales);

	if (!err)
		err = ak_conf_per_channel(c, "offset", 0, &n->offset, n->offsets, &offsets);
	if (err)
		return err;
	if (scales && offsets && scales != offsets)
		return ak_conf_bad(c, -EINVAL, "offset", "has another number of values than scale");
	n->scale_channels = scales ? scales : offsets;
	for (uint32_t i = 0; i < n->scale_channels; i++) {
		n->scales[i] = scales ? n->scales[i] : n->scale;
		n->offsets[i] = offsets ? n->offsets[i] : n->offset;
	}
	if (n->scale_channels) {
		n->scale = 1;
		n->offset = 0;
	}
	return 0;
}

static int parse_window(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_to_pair(c, "kernel_size", ak_conf_member(c->config, "kernel_size"), 1, &n->kernel_h,
				  &n->kernel_w);

	if (!err)
		err = ak_conf_pair_or(c, "strides", 1, 1, &n->stride_h, &n->stride_w);
	if (!err)
		err = ak_conf_pair_or(c, "dilation_rate", 1, 1, &n->dilation_h, &n->dilation_w);
	if (!err)
		err = get_padding(c, &n->same);
	if (!err)
		err = check_data_format(c);
	if (!err)
		err = ak_conf_uint_or(c, "groups", 1, &n->groups);
	if (!err)
		err = ak_conf_uint_or(c, "depth_multiplier", 1, &n->depth_multiplier);
	if (!err)
		err = ak_conf_bool_or(c, "use_bias", true, &n->use_bias);
	return err ? err : ak_layer_activation(c, n);
}

static int parse_conv(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_window(c, n);

	if (!err)
		err = ak_conf_uint(c, "filters", &n->filters);
	if (!err && !ak_conf_absent(ak_conf_member(c->config, "padding_value"))) {
		if (n->op != AK_OP_CONV2D)
			return ak_conf_bad(c, -EOPNOTSUPP, "padding_value", "is read for Conv2D only");
		n->padded = true; /* pads like same, whatever padding says */
		n->same = true;
		err = ak_conf_per_channel(c, "padding_value", 0, &n->pad_value, n->pad_values, &n->pad_channels);
		if (n->pad_channels)
			n->pad_value = 0;
	}
	return err;
}

static int parse_transpose(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_window(c, n);

	if (!err && n->op == AK_OP_CONV2D_TRANSPOSE)
		err = ak_conf_uint(c, "filters", &n->filters);
	if (!err && !ak_conf_absent(ak_conf_member(c->config, "output_padding")))
		err = ak_conf_bad(c, -EOPNOTSUPP, "output_padding", "is not read by this version");
	return err;
}

/* Kernel or pool, and strides, which otherwise are the pool or 1. */
static int parse_window_3d(const struct ak_layer_conf *c, struct ak_node *n, const char *field)
{
	bool pool = n->op == AK_OP_AVGPOOL3D;
	uint32_t k[3], s[3] = {1, 1, 1};
	int err = ak_conf_to_triple(c, field, ak_conf_member(c->config, field), k);

	if (!err && pool)
		memcpy(s, k, sizeof(s));
	if (!err && !ak_conf_absent(ak_conf_member(c->config, "strides")))
		err = ak_conf_to_triple(c, "strides", ak_conf_member(c->config, "strides"), s);
	if (!err)
		err = get_padding(c, &n->same);
	if (!err)
		err = check_data_format(c);
	if (err)
		return err;
	n->kernel_t = k[0];
	n->kernel_h = k[1];
	n->kernel_w = k[2];
	n->stride_t = s[0];
	n->stride_h = s[1];
	n->stride_w = s[2];
	return 0;
}

static int parse_conv3d(const struct ak_layer_conf *c, struct ak_node *n)
{
	uint32_t d[3] = {1, 1, 1};
	int err = parse_window_3d(c, n, "kernel_size");

	if (!err && !ak_conf_absent(ak_conf_member(c->config, "dilation_rate")))
		err = ak_conf_to_triple(c, "dilation_rate", ak_conf_member(c->config, "dilation_rate"), d);
	if (!err && d[0] != 1)
		err = ak_conf_bad(c, -EOPNOTSUPP, "dilation_rate", "over frames is not read by this version");
	n->dilation_h = d[1];
	n->dilation_w = d[2];
	if (!err)
		err = ak_conf_uint_or(c, "groups", 1, &n->groups);
	if (!err)
		err = ak_conf_bool_or(c, "use_bias", true, &n->use_bias);
	if (!err)
		err = ak_conf_uint(c, "filters", &n->filters);
	return err ? err : ak_layer_activation(c, n);
}

static int parse_pool3d(const struct ak_layer_conf *c, struct ak_node *n)
{
	return parse_window_3d(c, n, "pool_size");
}

static int parse_zeropad3d(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *j = ak_conf_member(c->config, "padding"), *axis;
	uint32_t *pad[3] = {n->pad_t, n->pad, n->pad + 2};
	int err = check_data_format(c), i = 0;

	if (!err && cJSON_IsNumber(j)) {
		for (; i < 3 && !err; i++) {
			err = ak_conf_to_uint(c, "padding", j, 0, &pad[i][0]);
			pad[i][1] = pad[i][0];
		}
		return err;
	}
	if (!err && (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 3))
		return ak_conf_bad(c, -EILSEQ, "padding", "is missing or not three pairs of numbers");
	for (axis = err ? NULL : j->child; axis && !err; axis = axis->next, i++)
		err = ak_conf_to_pair(c, "padding", axis, 0, &pad[i][0], &pad[i][1]);
	return err;
}

static int parse_dense(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_uint(c, "units", &n->filters);

	if (!err)
		err = ak_conf_bool_or(c, "use_bias", true, &n->use_bias);
	return err ? err : ak_layer_activation(c, n);
}

static int parse_batchnorm(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_float_or(c, "epsilon", 0.001f, &n->epsilon);

	if (!err)
		err = ak_conf_float_or(c, "momentum", 0.99f, &n->momentum);
	if (!err)
		err = ak_conf_bool_or(c, "center", true, &n->center);
	return err ? err : ak_conf_bool_or(c, "scale", true, &n->scale_on);
}

static int parse_relu(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = ak_conf_float_or(c, "max_value", 0, &n->max_value);

	n->bounded = !ak_conf_absent(ak_conf_member(c->config, "max_value"));
	if (!err)
		err = ak_conf_float_or(c, "negative_slope", 0, &n->negative_slope);
	return err ? err : ak_conf_float_or(c, "threshold", 0, &n->relu_threshold);
}

/* Of QuantizeML: a missing member means 6, null means unbounded. */
static int parse_quantized_relu(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_relu(c, n);

	if (!ak_conf_member(c->config, "max_value")) {
		n->bounded = true;
		n->max_value = 6;
	}
	return err;
}

static int parse_pool(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err =
		ak_conf_to_pair(c, "pool_size", ak_conf_member(c->config, "pool_size"), 1, &n->kernel_h, &n->kernel_w);

	if (!err)
		err = ak_conf_pair_or(c, "strides", n->kernel_h, n->kernel_w, &n->stride_h, &n->stride_w);
	if (!err)
		err = get_padding(c, &n->same);
	return err ? err : check_data_format(c);
}

static int parse_gap(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = check_data_format(c);

	return err ? err : ak_conf_bool_or(c, "keepdims", false, &n->keepdims);
}

static int parse_flatten(const struct ak_layer_conf *c, struct ak_node *n)
{
	(void)n;
	return check_data_format(c);
}

static int parse_reshape(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *shape = ak_conf_member(c->config, "target_shape"), *dim;
	int err;

	if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) < 1 || cJSON_GetArraySize(shape) > 4)
		return ak_conf_bad(c, -EILSEQ, "target_shape", "is not a list of 1 to 4 sizes");
	cJSON_ArrayForEach(dim, shape)
	{
		if (cJSON_IsNumber(dim) && dim->valuedouble == -1) {
			n->dims[n->rank++] = 0;
			continue;
		}
		if (cJSON_IsNumber(dim) && dim->valuedouble > 65536 && dim->valuedouble <= MAX_VECTOR && !dim->next &&
		    dim == shape->child) { /* a long vector */
			n->dims[n->rank++] = (uint32_t)dim->valuedouble;
			continue;
		}
		err = ak_conf_to_uint(c, "target_shape", dim, 1, &n->dims[n->rank]);
		if (err)
			return err;
		n->rank++;
	}
	return 0;
}

static int parse_dropout(const struct ak_layer_conf *c, struct ak_node *n)
{
	return ak_conf_float_or(c, "rate", 0, &n->rate);
}

static int parse_zeropad(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *j = ak_conf_member(c->config, "padding");
	int err;

	if (cJSON_IsArray(j) && cJSON_IsArray(j->child)) {
		err = ak_conf_to_pair(c, "padding", j->child, 0, &n->pad[0], &n->pad[1]);
		if (!err)
			err = ak_conf_to_pair(c, "padding", j->child->next, 0, &n->pad[2], &n->pad[3]);
	} else {
		err = ak_conf_to_pair(c, "padding", j, 0, &n->pad[0], &n->pad[2]);
		n->pad[1] = n->pad[0];
		n->pad[3] = n->pad[2];
	}
	return err ? err : check_data_format(c);
}

static int parse_activation(const struct ak_layer_conf *c, struct ak_node *n)
{
	return ak_layer_activation(c, n);
}

static int parse_nothing(const struct ak_layer_conf *c, struct ak_node *n)
{
	(void)c;
	(void)n;
	return 0;
}

static const struct ak_keras_class classes[] = {
	{"InputLayer", AK_OP_INPUT, false, parse_input},
	{"Rescaling", AK_OP_RESCALING, false, parse_rescaling},
	{"Conv2D", AK_OP_CONV2D, false, parse_conv},
	{"PaddedConv2D", AK_OP_CONV2D, false, parse_conv},
	{"SeparableConv2D", AK_OP_SEPARABLE, false, parse_conv},
	{"DepthwiseConv2D", AK_OP_DEPTHWISE, false, parse_window},
	{"Dense", AK_OP_DENSE, false, parse_dense},
	{"BatchNormalization", AK_OP_BATCHNORM, false, parse_batchnorm},
	{"BatchNormalizationV1", AK_OP_BATCHNORM, false, parse_batchnorm},
	{"ReLU", AK_OP_RELU, false, parse_relu},
	{"MaxPooling2D", AK_OP_MAXPOOL, false, parse_pool},
	{"AveragePooling2D", AK_OP_AVGPOOL, false, parse_pool},
	{"GlobalAveragePooling2D", AK_OP_GAP, false, parse_gap},
	{"Add", AK_OP_ADD, false, ak_parse_add},
	{"Flatten", AK_OP_FLATTEN, false, parse_flatten},
	{"Reshape", AK_OP_RESHAPE, false, parse_reshape},
	{"Dropout", AK_OP_DROPOUT, false, parse_dropout},
	{"ZeroPadding2D", AK_OP_ZEROPAD, false, parse_zeropad},
	{"Activation", AK_OP_ACTIVATION, false, parse_activation},
	{"Conv2DTranspose", AK_OP_CONV2D_TRANSPOSE, false, parse_transpose},
	{"DepthwiseConv2DTranspose", AK_OP_DEPTHWISE_TRANSPOSE, false, parse_transpose},
	{"Conv3D", AK_OP_CONV3D, false, parse_conv3d},
	{"ZeroPadding3D", AK_OP_ZEROPAD3D, false, parse_zeropad3d},
	{"AveragePooling3D", AK_OP_AVGPOOL3D, false, parse_pool3d},
	{"Softmax", AK_OP_SOFTMAX, false, parse_nothing},
	{"Concatenate", AK_OP_CONCATENATE, false, ak_parse_concatenate},
	{"Permute", AK_OP_PERMUTE, false, ak_parse_permute},
	{"LeakyReLU", AK_OP_ACTIVATION, false, ak_parse_leaky},
	{"ELU", AK_OP_ACTIVATION, false, ak_parse_elu},
	{"BufferTempConv", AK_OP_BUFFER_TEMP_CONV, false, ak_parse_buffered},
	{"DepthwiseBufferTempConv", AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, false, ak_parse_buffered},
	{"StatefulProjection", AK_OP_STATEFUL_PROJECTION, false, ak_parse_projection},
	{"StatefulRecurrent", AK_OP_STATEFUL_RECURRENT, false, parse_nothing},
	{"ExtractToken", AK_OP_EXTRACT_TOKEN, false, ak_parse_token},
	{"QuantizedRescaling", AK_OP_RESCALING, true, parse_rescaling},
	{"QuantizedConv2D", AK_OP_CONV2D, true, parse_conv},
	{"QuantizedSeparableConv2D", AK_OP_SEPARABLE, true, parse_conv},
	{"QuantizedDepthwiseConv2D", AK_OP_DEPTHWISE, true, parse_window},
	{"QuantizedDense", AK_OP_DENSE, true, parse_dense},
	{"QuantizedReLU", AK_OP_RELU, true, parse_quantized_relu},
	{"QuantizedMaxPool2D", AK_OP_MAXPOOL, true, parse_pool},
	{"QuantizedGlobalAveragePooling2D", AK_OP_GAP, true, parse_gap},
	{"QuantizedAdd", AK_OP_ADD, true, ak_parse_add},
	{"QuantizedFlatten", AK_OP_FLATTEN, true, parse_flatten},
	{"QuantizedReshape", AK_OP_RESHAPE, true, parse_reshape},
	{"QuantizedDropout", AK_OP_DROPOUT, true, parse_dropout},
	{"QuantizedConv2DTranspose", AK_OP_CONV2D_TRANSPOSE, true, parse_transpose},
	{"QuantizedDepthwiseConv2DTranspose", AK_OP_DEPTHWISE_TRANSPOSE, true, parse_transpose},
	{"QuantizedActivation", AK_OP_ACTIVATION, true, ak_parse_quantizeml_activation},
	{"QuantizedConcatenate", AK_OP_CONCATENATE, true, ak_parse_concatenate},
	{"QuantizedPermute", AK_OP_PERMUTE, true, ak_parse_permute},
	{"QuantizedBufferTempConv", AK_OP_BUFFER_TEMP_CONV, true, ak_parse_buffered},
	{"QuantizedDepthwiseBufferTempConv", AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, true, ak_parse_buffered},
	{"QuantizedStatefulProjection", AK_OP_STATEFUL_PROJECTION, true, ak_parse_projection},
	{"QuantizedStatefulRecurrent", AK_OP_STATEFUL_RECURRENT, true, parse_nothing},
	{"QuantizedExtractToken", AK_OP_EXTRACT_TOKEN, true, ak_parse_token},
	{"InputQuantizer", AK_OP_INPUT_QUANTIZER, false, ak_parse_input_quantizer},
	{"ActivationDiscreteRelu", AK_OP_RELU, true, parse_nothing}, /* legacy only, and not the first of its op */
	{"Dequantizer", AK_OP_DEQUANTIZER, true, parse_nothing},
};
#define CLASSES (sizeof(classes) / sizeof(classes[0]))

const char *ak_keras_quantized_class(enum ak_op op)
{
	for (size_t i = 0; i < CLASSES; i++)
		if (classes[i].quantized && classes[i].op == op)
			return classes[i].name;
	return NULL;
}

static void printable(const char *s, char *out, size_t n)
{
	size_t i = 0;

	for (; *s && i + 1 < n; s++)
		out[i++] = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	out[i] = 0;
}

int ak_keras_class_find(const struct ak_layer_conf *c, const char *class_name, const struct ak_keras_class **out)
{
	const char *bare = strrchr(class_name, '>');
	char shown[80];

	printable(class_name, shown, sizeof(shown));
	bare = bare ? bare + 1 : class_name;
	for (size_t i = 0; i < CLASSES; i++)
		if (!strcmp(classes[i].name, bare)) {
			*out = &classes[i];
			return 0;
		}
	ak_fail(c->diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, c->name, "layer class %s is not read by this version",
		shown);
	ak_remedy(c->diag, "replace the layer, or end the model before it");
	return -EOPNOTSUPP;
}

int ak_layer_parse(const struct ak_layer_conf *c, const struct ak_keras_class *kind, struct ak_node *n, int8_t *axis)
{
	const cJSON *a = ak_conf_member(c->config, "axis");
	int err;

	if (cJSON_IsArray(a) && a->child && !a->child->next)
		a = a->child;
	if (kind->op == AK_OP_BATCHNORM || kind->op == AK_OP_SOFTMAX) {
		*axis = -1;
		if (!ak_conf_absent(a)) {
			if (!cJSON_IsNumber(a) || !(fabs(a->valuedouble) <= 8) ||
			    a->valuedouble != floor(a->valuedouble))
				return ak_conf_bad(c, -EOPNOTSUPP, "axis", "is not one axis");
			*axis = (int8_t)a->valuedouble;
		}
	}
	if (kind->quantized && (ak_legacy_has(c->config) || !strcmp(kind->name, "ActivationDiscreteRelu"))) {
		err = kind->op == AK_OP_RELU ? 0 : kind->parse(c, n);
		return err ? err : ak_legacy_parse(c, kind->name, n);
	}
	err = kind->parse(c, n);
	if (err || !kind->quantized)
		return err;
	ak_quant_defaults(n);
	return ak_quant_config_apply(c, ak_conf_member(c->config, "quant_config"), n);
}
