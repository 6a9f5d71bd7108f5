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
#include "keras_layer.h"

#define MAX_INT 65536.0

static const cJSON *member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int bad(const struct ak_layer_conf *c, int err, const char *field, const char *why)
{
	char text[AK_NODE_NAME + 160];

	snprintf(text, sizeof(text), "%s: %s %s", c->name, field, why);
	ak_diag_add(c->diag,
		    &(struct ak_finding){.severity = AKIDA_ERROR,
					 .rule = err == -ERANGE ? AK_RULE_GRAPH_ATTRIBUTE : AK_RULE_H5_LAYER_CONFIG,
					 .node = c->name,
					 .field = field,
					 .text = text});
	return err;
}

static int out_of_range(const struct ak_layer_conf *c, const char *field, double value, double lo, double hi)
{
	char text[AK_NODE_NAME + 160], v[32], l[64];

	snprintf(v, sizeof(v), "%g", value);
	snprintf(l, sizeof(l), "an integer from %g to %g", lo, hi);
	snprintf(text, sizeof(text), "%s: %s is %s, must be %s", c->name, field, v, l);
	ak_diag_add(c->diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						  .rule = AK_RULE_GRAPH_ATTRIBUTE,
						  .node = c->name,
						  .field = field,
						  .value = v,
						  .limit = l,
						  .text = text});
	return -ERANGE;
}

static int to_uint(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *out)
{
	if (!cJSON_IsNumber(j))
		return bad(c, -EILSEQ, field, "is missing or not a number");
	if (!(j->valuedouble >= lo && j->valuedouble <= MAX_INT) || j->valuedouble != floor(j->valuedouble))
		return out_of_range(c, field, j->valuedouble, lo, MAX_INT);
	*out = (uint32_t)j->valuedouble;
	return 0;
}

static bool absent(const cJSON *j)
{
	return !j || cJSON_IsNull(j);
}

static int get_uint(const struct ak_layer_conf *c, const char *field, uint32_t *out)
{
	return to_uint(c, field, member(c->config, field), 1, out);
}

static int get_uint_or(const struct ak_layer_conf *c, const char *field, uint32_t otherwise, uint32_t *out)
{
	*out = otherwise;
	return absent(member(c->config, field)) ? 0 : get_uint(c, field, out);
}

/* One number, or a list of two. */
static int to_pair(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *a,
		   uint32_t *b)
{
	int err;

	if (cJSON_IsNumber(j)) {
		err = to_uint(c, field, j, lo, a);
		*b = *a;
		return err;
	}
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 2)
		return bad(c, -EILSEQ, field, "is missing or not a pair of numbers");
	err = to_uint(c, field, j->child, lo, a);
	return err ? err : to_uint(c, field, j->child->next, lo, b);
}

static int get_pair_or(const struct ak_layer_conf *c, const char *field, uint32_t da, uint32_t db, uint32_t *a,
		       uint32_t *b)
{
	const cJSON *j = member(c->config, field);

	*a = da;
	*b = db;
	return absent(j) ? 0 : to_pair(c, field, j, 1, a, b);
}

static int to_float(const struct ak_layer_conf *c, const char *field, const cJSON *j, float *out)
{
	if (!cJSON_IsNumber(j))
		return bad(c, -EILSEQ, field, "is not a number");
	*out = (float)j->valuedouble;
	return isfinite(*out) ? 0 : bad(c, -ERANGE, field, "is not a finite float32 number");
}

static int get_float_or(const struct ak_layer_conf *c, const char *field, float otherwise, float *out)
{
	const cJSON *j = member(c->config, field);

	*out = otherwise;
	return absent(j) ? 0 : to_float(c, field, j, out);
}

/* A number, or a list of equal numbers. */
static int get_scalar_or(const struct ak_layer_conf *c, const char *field, float otherwise, float *out)
{
	const cJSON *j = member(c->config, field), *item;

	*out = otherwise;
	if (absent(j))
		return 0;
	if (!cJSON_IsArray(j))
		return to_float(c, field, j, out);
	if (!j->child)
		return bad(c, -EILSEQ, field, "is empty");
	cJSON_ArrayForEach(item, j)
	{
		float v;
		int err = to_float(c, field, item, &v);

		if (err)
			return err;
		if (item != j->child && v != *out)
			return bad(c, -EOPNOTSUPP, field,
				   "with different values per channel is not read yet by this version");
		*out = v;
	}
	return 0;
}

static int get_bool_or(const struct ak_layer_conf *c, const char *field, bool otherwise, bool *out)
{
	const cJSON *j = member(c->config, field);

	*out = otherwise;
	if (absent(j))
		return 0;
	if (cJSON_IsBool(j))
		*out = cJSON_IsTrue(j);
	else if (cJSON_IsNumber(j) && (j->valuedouble == 0 || j->valuedouble == 1)) /* real files have "scale": 1 */
		*out = j->valuedouble != 0;
	else
		return bad(c, -EILSEQ, field, "is not true or false");
	return 0;
}

static int get_activation(const struct ak_layer_conf *c, enum ak_activation *out)
{
	const cJSON *j = member(c->config, "activation");
	char why[96];

	*out = AK_ACT_LINEAR;
	if (absent(j))
		return 0;
	for (unsigned int i = 0; cJSON_IsString(j) && i <= AK_ACT_TANH; i++)
		if (!strcmp(j->valuestring, ak_activation_name((enum ak_activation)i))) {
			*out = (enum ak_activation)i;
			return 0;
		}
	snprintf(why, sizeof(why), "%.40s is not read by this version",
		 cJSON_IsString(j) ? j->valuestring : "(an object)");
	return bad(c, -EOPNOTSUPP, "activation", why);
}

static int get_padding(const struct ak_layer_conf *c, bool *same)
{
	const char *s = cJSON_GetStringValue(member(c->config, "padding"));

	*same = s && !strcasecmp(s, "same");
	if (s && !*same && strcasecmp(s, "valid"))
		return bad(c, -EOPNOTSUPP, "padding", "is neither same nor valid");
	return 0;
}

static int check_data_format(const struct ak_layer_conf *c)
{
	const char *s = cJSON_GetStringValue(member(c->config, "data_format"));

	if (s && strcmp(s, "channels_last"))
		return bad(c, -EOPNOTSUPP, "data_format", "must be channels_last");
	return 0;
}

int ak_layer_input_shape(const struct ak_layer_conf *c, const cJSON *shape, struct ak_node *n)
{
	const cJSON *dim;
	int err, count = cJSON_GetArraySize(shape);

	if (!cJSON_IsArray(shape) || count < 2 || count > 5)
		return bad(c, -EILSEQ, "batch_input_shape", "is not a list of a batch size and 1 to 4 sizes");
	for (dim = shape->child->next; dim; dim = dim->next) {
		if (cJSON_IsNull(dim))
			return bad(c, -EOPNOTSUPP, "batch_input_shape", "leaves a size open: every size must be known");
		err = to_uint(c, "batch_input_shape", dim, 1, &n->dims[n->rank++]);
		if (err)
			return err;
	}
	return 0;
}

static int parse_input(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *shape = member(c->config, "batch_input_shape");
	const char *dtype = cJSON_GetStringValue(member(c->config, "dtype"));

	if (dtype && strcmp(dtype, "float32") && strcmp(dtype, "uint8") && strcmp(dtype, "int8"))
		return bad(c, -EOPNOTSUPP, "dtype", "must be float32, uint8 or int8");
	n->input_u8 = dtype && !strcmp(dtype, "uint8");
	n->input_i8 = dtype && !strcmp(dtype, "int8");
	if (!shape && member(c->config, "batch_shape"))
		return bad(c, -EOPNOTSUPP, "batch_shape", "is of Keras 3, which is not read yet by this version");
	return ak_layer_input_shape(c, shape, n);
}

static int parse_rescaling(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = get_scalar_or(c, "scale", 1, &n->scale);

	return err ? err : get_scalar_or(c, "offset", 0, &n->offset);
}

static int parse_window(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = to_pair(c, "kernel_size", member(c->config, "kernel_size"), 1, &n->kernel_h, &n->kernel_w);

	if (!err)
		err = get_pair_or(c, "strides", 1, 1, &n->stride_h, &n->stride_w);
	if (!err)
		err = get_pair_or(c, "dilation_rate", 1, 1, &n->dilation_h, &n->dilation_w);
	if (!err)
		err = get_padding(c, &n->same);
	if (!err)
		err = check_data_format(c);
	if (!err)
		err = get_uint_or(c, "groups", 1, &n->groups);
	if (!err)
		err = get_uint_or(c, "depth_multiplier", 1, &n->depth_multiplier);
	if (!err)
		err = get_bool_or(c, "use_bias", true, &n->use_bias);
	return err ? err : get_activation(c, &n->act);
}

static int parse_conv(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_window(c, n);

	if (!err)
		err = get_uint(c, "filters", &n->filters);
	if (!err && !absent(member(c->config, "padding_value"))) {
		if (n->op != AK_OP_CONV2D)
			return bad(c, -EOPNOTSUPP, "padding_value", "is read for Conv2D only");
		n->padded = true; /* pads like same, whatever padding says */
		n->same = true;
		err = get_scalar_or(c, "padding_value", 0, &n->pad_value);
	}
	return err;
}

static int parse_transpose(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_window(c, n);

	if (!err && n->op == AK_OP_CONV2D_TRANSPOSE)
		err = get_uint(c, "filters", &n->filters);
	if (!err && !absent(member(c->config, "output_padding")))
		err = bad(c, -EOPNOTSUPP, "output_padding", "is not read by this version");
	return err;
}

/* One number, or a list of three: frames, rows, columns. */
static int to_triple(const struct ak_layer_conf *c, const char *field, const cJSON *j, uint32_t v[3])
{
	int err = 0;

	if (cJSON_IsNumber(j)) {
		err = to_uint(c, field, j, 1, &v[0]);
		v[1] = v[2] = v[0];
		return err;
	}
	if (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 3)
		return bad(c, -EILSEQ, field, "is missing or not three numbers");
	j = j->child;
	for (int i = 0; i < 3 && !err; i++, j = j->next)
		err = to_uint(c, field, j, 1, &v[i]);
	return err;
}

/* Kernel or pool, and strides, which otherwise are the pool or 1. */
static int parse_window_3d(const struct ak_layer_conf *c, struct ak_node *n, const char *field)
{
	bool pool = n->op == AK_OP_AVGPOOL3D;
	uint32_t k[3], s[3] = {1, 1, 1};
	int err = to_triple(c, field, member(c->config, field), k);

	if (!err && pool)
		memcpy(s, k, sizeof(s));
	if (!err && !absent(member(c->config, "strides")))
		err = to_triple(c, "strides", member(c->config, "strides"), s);
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

	if (!err && !absent(member(c->config, "dilation_rate")))
		err = to_triple(c, "dilation_rate", member(c->config, "dilation_rate"), d);
	if (!err && d[0] != 1)
		err = bad(c, -EOPNOTSUPP, "dilation_rate", "over frames is not read by this version");
	n->dilation_h = d[1];
	n->dilation_w = d[2];
	if (!err)
		err = get_uint_or(c, "groups", 1, &n->groups);
	if (!err)
		err = get_bool_or(c, "use_bias", true, &n->use_bias);
	if (!err)
		err = get_uint(c, "filters", &n->filters);
	return err ? err : get_activation(c, &n->act);
}

static int parse_pool3d(const struct ak_layer_conf *c, struct ak_node *n)
{
	return parse_window_3d(c, n, "pool_size");
}

static int parse_zeropad3d(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *j = member(c->config, "padding"), *axis;
	uint32_t *pad[3] = {n->pad_t, n->pad, n->pad + 2};
	int err = check_data_format(c), i = 0;

	if (!err && cJSON_IsNumber(j)) {
		for (; i < 3 && !err; i++) {
			err = to_uint(c, "padding", j, 0, &pad[i][0]);
			pad[i][1] = pad[i][0];
		}
		return err;
	}
	if (!err && (!cJSON_IsArray(j) || cJSON_GetArraySize(j) != 3))
		return bad(c, -EILSEQ, "padding", "is missing or not three pairs of numbers");
	for (axis = err ? NULL : j->child; axis && !err; axis = axis->next, i++)
		err = to_pair(c, "padding", axis, 0, &pad[i][0], &pad[i][1]);
	return err;
}

static int parse_dense(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = get_uint(c, "units", &n->filters);

	if (!err)
		err = get_bool_or(c, "use_bias", true, &n->use_bias);
	return err ? err : get_activation(c, &n->act);
}

static int parse_batchnorm(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = get_float_or(c, "epsilon", 0.001f, &n->epsilon);

	if (!err)
		err = get_float_or(c, "momentum", 0.99f, &n->momentum);
	if (!err)
		err = get_bool_or(c, "center", true, &n->center);
	return err ? err : get_bool_or(c, "scale", true, &n->scale_on);
}

static int parse_relu(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = get_float_or(c, "max_value", 0, &n->max_value);

	n->bounded = !absent(member(c->config, "max_value"));
	if (!err)
		err = get_float_or(c, "negative_slope", 0, &n->negative_slope);
	return err ? err : get_float_or(c, "threshold", 0, &n->relu_threshold);
}

/* Of QuantizeML: a missing member means 6, null means unbounded. */
static int parse_quantized_relu(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = parse_relu(c, n);

	if (!member(c->config, "max_value")) {
		n->bounded = true;
		n->max_value = 6;
	}
	return err;
}

static int parse_pool(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = to_pair(c, "pool_size", member(c->config, "pool_size"), 1, &n->kernel_h, &n->kernel_w);

	if (!err)
		err = get_pair_or(c, "strides", n->kernel_h, n->kernel_w, &n->stride_h, &n->stride_w);
	if (!err)
		err = get_padding(c, &n->same);
	return err ? err : check_data_format(c);
}

static int parse_gap(const struct ak_layer_conf *c, struct ak_node *n)
{
	int err = check_data_format(c);

	return err ? err : get_bool_or(c, "keepdims", false, &n->keepdims);
}

static int parse_flatten(const struct ak_layer_conf *c, struct ak_node *n)
{
	(void)n;
	return check_data_format(c);
}

static int parse_reshape(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *shape = member(c->config, "target_shape"), *dim;
	int err;

	if (!cJSON_IsArray(shape) || cJSON_GetArraySize(shape) < 1 || cJSON_GetArraySize(shape) > 4)
		return bad(c, -EILSEQ, "target_shape", "is not a list of 1 to 4 sizes");
	cJSON_ArrayForEach(dim, shape)
	{
		if (cJSON_IsNumber(dim) && dim->valuedouble == -1) {
			n->dims[n->rank++] = 0;
			continue;
		}
		if (cJSON_IsNumber(dim) && dim->valuedouble > MAX_INT && dim->valuedouble <= (1 << 28) && !dim->next &&
		    dim == shape->child) { /* a long vector */
			n->dims[n->rank++] = (uint32_t)dim->valuedouble;
			continue;
		}
		err = to_uint(c, "target_shape", dim, 1, &n->dims[n->rank]);
		if (err)
			return err;
		n->rank++;
	}
	return 0;
}

static int parse_dropout(const struct ak_layer_conf *c, struct ak_node *n)
{
	return get_float_or(c, "rate", 0, &n->rate);
}

static int parse_zeropad(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *j = member(c->config, "padding");
	int err;

	if (cJSON_IsArray(j) && cJSON_IsArray(j->child)) {
		err = to_pair(c, "padding", j->child, 0, &n->pad[0], &n->pad[1]);
		if (!err)
			err = to_pair(c, "padding", j->child->next, 0, &n->pad[2], &n->pad[3]);
	} else {
		err = to_pair(c, "padding", j, 0, &n->pad[0], &n->pad[2]);
		n->pad[1] = n->pad[0];
		n->pad[3] = n->pad[2];
	}
	return err ? err : check_data_format(c);
}

static int parse_activation(const struct ak_layer_conf *c, struct ak_node *n)
{
	return get_activation(c, &n->act);
}

/* QuantizeML's own Add can halve the sum. */
static int parse_add(const struct ak_layer_conf *c, struct ak_node *n)
{
	bool average;
	int err = get_bool_or(c, "average", false, &average);

	(void)n;
	return !err && average ? bad(c, -EOPNOTSUPP, "average", "is not read yet by this version") : err;
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
	{"Add", AK_OP_ADD, false, parse_add},
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
	{"QuantizedRescaling", AK_OP_RESCALING, true, parse_rescaling},
	{"QuantizedConv2D", AK_OP_CONV2D, true, parse_conv},
	{"QuantizedSeparableConv2D", AK_OP_SEPARABLE, true, parse_conv},
	{"QuantizedDepthwiseConv2D", AK_OP_DEPTHWISE, true, parse_window},
	{"QuantizedDense", AK_OP_DENSE, true, parse_dense},
	{"QuantizedReLU", AK_OP_RELU, true, parse_quantized_relu},
	{"QuantizedMaxPool2D", AK_OP_MAXPOOL, true, parse_pool},
	{"QuantizedGlobalAveragePooling2D", AK_OP_GAP, true, parse_gap},
	{"QuantizedAdd", AK_OP_ADD, true, parse_add},
	{"QuantizedFlatten", AK_OP_FLATTEN, true, parse_flatten},
	{"QuantizedReshape", AK_OP_RESHAPE, true, parse_reshape},
	{"QuantizedDropout", AK_OP_DROPOUT, true, parse_dropout},
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
			if (classes[i].quantized && member(c->config, "quantizer"))
				return ak_fail(c->diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, c->name,
					       "%s of a legacy CNN2SNN file is not read yet by this version", shown);
			*out = &classes[i];
			return 0;
		}
	ak_fail(c->diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, c->name, "layer class %s is not read by this version",
		shown);
	ak_remedy(c->diag, "replace the layer, or end the model before it");
	return -EOPNOTSUPP;
}

static int bitwidth(const struct ak_layer_conf *c, const cJSON *quantizer, const char *field, uint32_t otherwise,
		    uint32_t *out)
{
	const cJSON *j = member(quantizer, "bitwidth");
	int err;

	*out = otherwise;
	if (absent(j))
		return 0;
	err = to_uint(c, field, j, 1, out);
	return err || *out <= 32 ? err : out_of_range(c, field, *out, 1, 32);
}

/* A weight quantizer with another axis than its class's default would need other arithmetic. */
static int weight_quantizer(const struct ak_layer_conf *c, const cJSON *config, const char *field, int axis,
			    uint32_t *bits)
{
	const cJSON *q = member(config, field), *a = member(q, "axis");

	if (a && axis && !(cJSON_IsNumber(a) && a->valuedouble == axis))
		return bad(c, -EOPNOTSUPP, field, "has an axis that is not read by this version");
	return bitwidth(c, q, field, 8, bits);
}

static int output_quantizer(const struct ak_layer_conf *c, const cJSON *q, struct ak_node_quant *out)
{
	const cJSON *axis = member(q, "axis"), *is_signed = member(q, "signed"), *buffer = member(q, "buffer_bitwidth");
	const cJSON *scale_bits = member(q, "scale_bits");
	int err = bitwidth(c, q, "output_quantizer", 8, &out->out_bits);

	if (err)
		return err;
	out->has_output = true;
	out->out_signed = absent(is_signed) || !cJSON_IsFalse(is_signed);
	if (axis && !(cJSON_IsString(axis) &&
		      (!strcmp(axis->valuestring, "per-tensor") || !strcmp(axis->valuestring, "per-axis"))))
		return bad(c, -EOPNOTSUPP, "output_quantizer", "has an axis that is neither per-tensor nor per-axis");
	out->out_per_axis = axis && !strcmp(axis->valuestring, "per-axis");
	if (!absent(buffer) && !(cJSON_IsNumber(buffer) && buffer->valuedouble == 32))
		return bad(c, -EOPNOTSUPP, "output_quantizer", "has a buffer_bitwidth other than 32");
	out->scale_bits = 8;
	if (!absent(scale_bits)) {
		err = to_uint(c, "scale_bits", scale_bits, 1, &out->scale_bits);
		if (!err && out->scale_bits > 16)
			err = out_of_range(c, "scale_bits", out->scale_bits, 1, 16);
	}
	return err;
}

static int parse_quant(const struct ak_layer_conf *c, struct ak_node *n)
{
	const cJSON *config = member(c->config, "quant_config"), *buffer = member(config, "buffer_bitwidth");
	const cJSON *output = member(config, "output_quantizer");
	struct ak_node_quant *q = &n->quant;
	uint32_t dw_bits;
	int err = 0;

	q->active = true;
	q->bias_bits = 8;
	q->max_value_bits = 8;
	q->buffer_bits = n->op == AK_OP_CONV2D || n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DENSE ? 28 : 32;
	if (n->op == AK_OP_CONV2D || n->op == AK_OP_DENSE) {
		err = weight_quantizer(c, config, "weight_quantizer", -1, &q->weight_bits);
	} else if (n->op == AK_OP_DEPTHWISE) {
		err = weight_quantizer(c, config, "weight_quantizer", -2, &q->weight_bits);
	} else if (n->op == AK_OP_SEPARABLE) {
		err = weight_quantizer(c, config, "pw_weight_quantizer", -1, &q->weight_bits);
		if (!err)
			err = weight_quantizer(c, config, "dw_weight_quantizer", 0, &dw_bits);
		if (!err && dw_bits != q->weight_bits)
			err = bad(c, -EOPNOTSUPP, "dw_weight_quantizer", "has other bits than pw_weight_quantizer");
	}
	if (!err && q->weight_bits == 1)
		err = out_of_range(c, "weight_quantizer", 1, 2, 8);
	if (!err && q->weight_bits > 8)
		err = out_of_range(c, "weight_quantizer", q->weight_bits, 2, 8);
	if (!err)
		err = bitwidth(c, member(config, "bias_quantizer"), "bias_quantizer", 8, &q->bias_bits);
	if (!err)
		err = bitwidth(c, member(config, "max_value_quantizer"), "max_value_quantizer", 8, &q->max_value_bits);
	if (!err && !absent(buffer)) {
		err = to_uint(c, "buffer_bitwidth", buffer, 2, &q->buffer_bits);
		if (!err && q->buffer_bits > 32)
			err = out_of_range(c, "buffer_bitwidth", q->buffer_bits, 2, 32);
	}
	if (!err && !absent(output))
		err = output_quantizer(c, output, q);
	return err;
}

int ak_layer_parse(const struct ak_layer_conf *c, const struct ak_keras_class *kind, struct ak_node *n, int8_t *axis)
{
	const cJSON *a = member(c->config, "axis");
	int err;

	if (cJSON_IsArray(a) && a->child && !a->child->next)
		a = a->child;
	if (kind->op == AK_OP_BATCHNORM || kind->op == AK_OP_SOFTMAX) {
		*axis = -1;
		if (!absent(a)) {
			if (!cJSON_IsNumber(a) || !(fabs(a->valuedouble) <= 8) ||
			    a->valuedouble != floor(a->valuedouble))
				return bad(c, -EOPNOTSUPP, "axis", "is not one axis");
			*axis = (int8_t)a->valuedouble;
		}
	}
	err = kind->parse(c, n);
	return err || !kind->quantized ? err : parse_quant(c, n);
}
