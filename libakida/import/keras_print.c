/* SPDX-License-Identifier: MIT */
/*
 * A graph as model_config JSON, member for member as Keras 2.15 and QuantizeML 0.13 write it: their readers and people who
 * compare files see nothing unusual. Text is ASCII, spaced like Python's json.dumps.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "keras.h"

#define REGULARIZERS "\"kernel_regularizer\": null, \"bias_regularizer\": null, \"activity_regularizer\": null"
#define INIT(name)                                                                                                     \
	"{\"module\": \"keras.initializers\", \"class_name\": \"" name "\", \"config\": {}, \"registered_name\": "     \
	"null}"
#define GLOROT                                                                                                         \
	"{\"module\": \"keras.initializers\", \"class_name\": \"GlorotUniform\", \"config\": {\"seed\": null}, "       \
	"\"registered_name\": null}"
#define CHANNELS_LAST "\"data_format\": \"channels_last\""

struct text {
	char *s;
	size_t len, capacity;
	bool failed;
};

static void put_n(struct text *t, const char *s, size_t n)
{
	if (t->failed)
		return;
	if (t->len + n + 1 > t->capacity) {
		size_t capacity = 2 * (t->len + n + 1);
		char *grown = realloc(t->s, capacity);

		if (!grown) {
			t->failed = true;
			return;
		}
		t->s = grown;
		t->capacity = capacity;
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = 0;
}

static void put(struct text *t, const char *s)
{
	put_n(t, s, strlen(s));
}

static void __attribute__((format(printf, 2, 3))) putf(struct text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		t->failed = true;
	else
		put_n(t, buf, (size_t)n);
}

/* One code point of UTF-8; malformed bytes give U+FFFD and move on by one. */
static uint32_t code_point(const unsigned char **s)
{
	const unsigned char *p = *s;
	int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
	uint32_t cp = p[0] & (0x3fu >> more);

	*s = p + 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0xfffd;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0xfffd;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*s = p + 1 + more;
	return cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? 0xfffd : cp;
}

static void put_string(struct text *t, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	put(t, "\"");
	while (*s) {
		if (*s == '"' || *s == '\\') {
			putf(t, "\\%c", *s++);
		} else if (*s >= 0x20 && *s < 0x7f) {
			put_n(t, (const char *)s++, 1);
		} else if (*s < 0x80) {
			putf(t, "\\u%04x", *s++);
		} else {
			uint32_t cp = code_point(&s);

			if (cp >= 0x10000)
				putf(t, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
				     0xdc00 + ((cp - 0x10000) & 0x3ff));
			else
				putf(t, "\\u%04x", cp);
		}
	}
	put(t, "\"");
}

/* The shortest decimal that is this float32, in Python's form: 6.0, 0.001, 1e-05. */
static void put_float(struct text *t, float v)
{
	char s[40];
	int digits;

	for (digits = 1; digits < 9; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, (double)v);
		if (strtof(s, NULL) == v)
			break;
	}
	snprintf(s, sizeof(s), "%.*g", digits, (double)v);
	if (strchr(s, 'e') && fabsf(v) >= 1 && fabsf(v) < 1e16f) /* Python switches to exponents later */
		snprintf(s, sizeof(s), "%.1f", (double)v);
	put(t, s);
	if (!strpbrk(s, ".en"))
		put(t, ".0");
}

static const char *boolean(bool b)
{
	return b ? "true" : "false";
}

static void put_pair(struct text *t, const char *key, uint32_t a, uint32_t b)
{
	putf(t, ", \"%s\": [%u, %u]", key, a, b);
}

static void put_activation(struct text *t, enum ak_activation act)
{
	putf(t, ", \"activation\": \"%s\"", ak_activation_name(act));
}

static bool is_depthwise(const struct ak_node *n)
{
	return n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DEPTHWISE_TRANSPOSE;
}

static void put_window(struct text *t, const struct ak_node *n)
{
	if (!is_depthwise(n))
		putf(t, ", \"filters\": %u", n->filters);
	put_pair(t, "kernel_size", n->kernel_h, n->kernel_w);
	put_pair(t, "strides", n->stride_h, n->stride_w);
	putf(t, ", \"padding\": \"%s\", " CHANNELS_LAST, n->same && !n->padded ? "same" : "valid");
	put_pair(t, "dilation_rate", n->dilation_h, n->dilation_w);
	putf(t, ", \"groups\": %u", n->groups);
	put_activation(t, n->act);
	putf(t, ", \"use_bias\": %s", boolean(n->use_bias));
	if (is_depthwise(n))
		put(t,
		    ", \"bias_initializer\": " INIT("Zeros") ", \"bias_regularizer\": null, \"activity_regularizer\": "
							     "null, \"bias_constraint\": null");
	else
		put(t, ", \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " INIT(
			       "Zeros") ", " REGULARIZERS ", \"kernel_constraint\": null, \"bias_constraint\": null");
	if (is_depthwise(n))
		putf(t,
		     ", \"depth_multiplier\": %u, \"depthwise_initializer\": " GLOROT
		     ", \"depthwise_regularizer\": null, \"depthwise_constraint\": null",
		     n->depth_multiplier);
	if (n->op == AK_OP_SEPARABLE) {
		putf(t,
		     ", \"depth_multiplier\": %u, \"depthwise_initializer\": " GLOROT
		     ", \"pointwise_initializer\": " GLOROT,
		     n->depth_multiplier);
		put(t, ", \"depthwise_regularizer\": null, \"pointwise_regularizer\": null, \"depthwise_constraint\": "
		       "null, "
		       "\"pointwise_constraint\": null");
	}
	if (n->op == AK_OP_CONV2D_TRANSPOSE)
		put(t, ", \"output_padding\": null");
}

static void put_triple(struct text *t, const char *key, uint32_t a, uint32_t b, uint32_t c)
{
	putf(t, ", \"%s\": [%u, %u, %u]", key, a, b, c);
}

static void put_conv3d(struct text *t, const struct ak_node *n)
{
	putf(t, ", \"filters\": %u", n->filters);
	put_triple(t, "kernel_size", n->kernel_t, n->kernel_h, n->kernel_w);
	put_triple(t, "strides", n->stride_t, n->stride_h, n->stride_w);
	putf(t, ", \"padding\": \"%s\", " CHANNELS_LAST, n->same ? "same" : "valid");
	put_triple(t, "dilation_rate", 1, n->dilation_h, n->dilation_w);
	putf(t, ", \"groups\": %u", n->groups);
	put_activation(t, n->act);
	putf(t, ", \"use_bias\": %s, \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " INIT("Zeros"),
	     boolean(n->use_bias));
	put(t, ", " REGULARIZERS ", \"kernel_constraint\": null, \"bias_constraint\": null");
}

static void put_batchnorm(struct text *t, const struct ak_node *n)
{
	putf(t, ", \"axis\": [%u], \"momentum\": ", n->rank);
	put_float(t, n->momentum);
	put(t, ", \"epsilon\": ");
	put_float(t, n->epsilon);
	putf(t, ", \"center\": %s, \"scale\": %s", boolean(n->center), boolean(n->scale_on));
	put(t, ", \"beta_initializer\": " INIT("Zeros") ", \"gamma_initializer\": " INIT("Ones"));
	put(t, ", \"moving_mean_initializer\": " INIT("Zeros") ", \"moving_variance_initializer\": " INIT("Ones"));
	put(t, ", \"beta_regularizer\": null, \"gamma_regularizer\": null, \"beta_constraint\": null, "
	       "\"gamma_constraint\": null");
}

static void put_max_value(struct text *t, const struct ak_node *n)
{
	put(t, ", \"max_value\": ");
	if (n->bounded)
		put_float(t, n->max_value);
	else
		put(t, "null");
}

static void put_input(struct text *t, const struct ak_node *n)
{
	put(t, "\"batch_input_shape\": [null");
	for (uint32_t i = 0; i < n->rank; i++)
		putf(t, ", %u", n->dims[i]);
	putf(t, "], \"dtype\": \"%s\", \"sparse\": false, \"ragged\": false, \"name\": ",
	     n->input_u8   ? "uint8"
	     : n->input_i8 ? "int8"
			   : "float32");
	put_string(t, n->name);
}

/* What follows name, trainable and dtype. */
static void put_members(struct text *t, const struct ak_node *n, bool quantized)
{
	switch (n->op) {
	case AK_OP_RESCALING:
		put(t, ", \"scale\": ");
		put_float(t, n->scale);
		put(t, ", \"offset\": ");
		put_float(t, n->offset);
		break;
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		put_window(t, n);
		if (n->padded) {
			put(t, ", \"padding_value\": [");
			put_float(t, n->pad_value);
			put(t, "]");
		}
		break;
	case AK_OP_DENSE:
		putf(t, ", \"units\": %u", n->filters);
		put_activation(t, n->act);
		putf(t, ", \"use_bias\": %s, \"kernel_initializer\": " GLOROT ", \"bias_initializer\": " INIT("Zeros"),
		     boolean(n->use_bias));
		put(t, ", " REGULARIZERS ", \"kernel_constraint\": null, \"bias_constraint\": null");
		break;
	case AK_OP_BATCHNORM:
		put_batchnorm(t, n);
		break;
	case AK_OP_RELU:
		if (quantized) /* max_value follows the quantizers */
			break;
		put_max_value(t, n);
		put(t, ", \"negative_slope\": ");
		put_float(t, n->negative_slope);
		put(t, ", \"threshold\": ");
		put_float(t, n->relu_threshold);
		break;
	case AK_OP_MAXPOOL:
	case AK_OP_AVGPOOL:
		put_pair(t, "pool_size", n->kernel_h, n->kernel_w);
		putf(t, ", \"padding\": \"%s\"", n->same ? "same" : "valid");
		put_pair(t, "strides", n->stride_h, n->stride_w);
		put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_GAP:
		putf(t, ", " CHANNELS_LAST ", \"keepdims\": %s", boolean(n->keepdims));
		break;
	case AK_OP_FLATTEN:
		put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_RESHAPE:
		for (uint32_t i = 0; i < n->rank; i++)
			putf(t, "%s%u", i ? ", " : ", \"target_shape\": [", n->dims[i]);
		put(t, "]");
		break;
	case AK_OP_DROPOUT:
		put(t, ", \"rate\": ");
		put_float(t, n->rate);
		put(t, ", \"noise_shape\": null, \"seed\": null");
		break;
	case AK_OP_ZEROPAD:
		putf(t, ", \"padding\": [[%u, %u], [%u, %u]], " CHANNELS_LAST, n->pad[0], n->pad[1], n->pad[2],
		     n->pad[3]);
		break;
	case AK_OP_CONV3D:
		put_conv3d(t, n);
		break;
	case AK_OP_AVGPOOL3D:
		put_triple(t, "pool_size", n->kernel_t, n->kernel_h, n->kernel_w);
		putf(t, ", \"padding\": \"%s\"", n->same ? "same" : "valid");
		put_triple(t, "strides", n->stride_t, n->stride_h, n->stride_w);
		put(t, ", " CHANNELS_LAST);
		break;
	case AK_OP_ZEROPAD3D:
		putf(t, ", \"padding\": [[%u, %u], [%u, %u], [%u, %u]], " CHANNELS_LAST, n->pad_t[0], n->pad_t[1],
		     n->pad[0], n->pad[1], n->pad[2], n->pad[3]);
		break;
	case AK_OP_ACTIVATION:
		put_activation(t, n->act);
		break;
	case AK_OP_SOFTMAX:
		put(t, ", \"axis\": -1");
		break;
	default:
		break;
	}
}

static void put_weight_quantizers(struct text *t, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;

	if (n->op == AK_OP_SEPARABLE)
		putf(t, "\"dw_weight_quantizer\": {\"bitwidth\": %u}, \"pw_weight_quantizer\": {\"bitwidth\": %u}, ",
		     q->weight_bits, q->weight_bits);
	else if (n->op == AK_OP_CONV2D || n->op == AK_OP_DENSE || n->op == AK_OP_DEPTHWISE)
		putf(t, "\"weight_quantizer\": {\"bitwidth\": %u}, ", q->weight_bits);
	if (n->weight_count && q->bias_bits && q->bias_bits != 8)
		putf(t, "\"bias_quantizer\": {\"bitwidth\": %u}, ", q->bias_bits);
}

static void put_quant(struct text *t, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;
	bool has_config = n->weight_count || n->op == AK_OP_RELU || n->op == AK_OP_GAP || n->op == AK_OP_ADD;

	if (!has_config)
		return;
	put(t, ", \"quant_config\": {");
	put_weight_quantizers(t, n);
	if (n->op == AK_OP_RELU && n->bounded)
		putf(t, "\"max_value_quantizer\": {\"bitwidth\": %u}, ", q->max_value_bits ? q->max_value_bits : 8);
	if (q->has_output) {
		putf(t,
		     "\"output_quantizer\": {\"bitwidth\": %u, \"signed\": %s, \"axis\": \"%s\", \"buffer_bitwidth\": "
		     "32",
		     q->out_bits, boolean(q->out_signed), q->out_per_axis ? "per-axis" : "per-tensor");
		if (q->scale_bits && q->scale_bits != 8)
			putf(t, ", \"scale_bits\": %u", q->scale_bits);
		put(t, "}, ");
	}
	putf(t, "\"buffer_bitwidth\": %u}", q->buffer_bits);
}

bool ak_keras_is_quantized(const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];
	bool passes =
		n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE || n->op == AK_OP_DROPOUT || n->op == AK_OP_MAXPOOL;

	if (n->op == AK_OP_INPUT || !ak_keras_quantized_class(n->op))
		return false;
	if (n->quant.active || n->op == AK_OP_DEQUANTIZER)
		return true;
	/* layers without quantizers follow what feeds them, unless the Dequantizer does */
	return passes && g->nodes[n->inputs[0]].op != AK_OP_DEQUANTIZER && ak_keras_is_quantized(g, n->inputs[0]);
}

static void put_layer(struct text *t, const struct akida_graph *g, uint32_t i)
{
	const struct ak_node *n = &g->nodes[i];
	bool quantized = ak_keras_is_quantized(g, i);

	put(t, "{\"class_name\": \"");
	if (quantized)
		putf(t, "Custom>%s", ak_keras_quantized_class(n->op));
	else
		put(t, n->padded && n->op == AK_OP_CONV2D   ? "Custom>PaddedConv2D"
		       : n->op == AK_OP_DEPTHWISE_TRANSPOSE ? "Custom>DepthwiseConv2DTranspose"
							    : ak_op_class(n->op));
	put(t, "\", \"config\": {");
	if (n->op == AK_OP_INPUT) {
		put_input(t, n);
	} else {
		put(t, "\"name\": ");
		put_string(t, n->name);
		put(t, ", \"trainable\": true, \"dtype\": \"float32\"");
		put_members(t, n, quantized);
		if (quantized)
			put_quant(t, n);
		if (quantized && n->op == AK_OP_RELU)
			put_max_value(t, n);
	}
	put(t, "}");
	if (g->sequential) {
		put(t, "}");
		return;
	}
	put(t, ", \"name\": ");
	put_string(t, n->name);
	put(t, ", \"inbound_nodes\": [");
	for (uint32_t k = 0; k < n->input_count; k++) {
		put(t, k ? ", [" : "[[");
		put_string(t, g->nodes[n->inputs[k]].name);
		put(t, ", 0, 0, {}]");
	}
	put(t, n->input_count ? "]]}" : "]}");
}

char *ak_keras_config_print(const struct akida_graph *g)
{
	struct text t = {0};

	putf(&t, "{\"class_name\": \"%s\", \"config\": {\"name\": ", g->sequential ? "Sequential" : "Functional");
	put_string(&t, g->name);
	put(&t, ", \"trainable\": true, \"layers\": [");
	for (uint32_t i = 0; i < g->count; i++) {
		if (i)
			put(&t, ", ");
		put_layer(&t, g, i);
	}
	put(&t, "]");
	if (!g->sequential) {
		put(&t, ", \"input_layers\": [[");
		put_string(&t, g->nodes[0].name);
		put(&t, ", 0, 0]], \"output_layers\": [[");
		put_string(&t, g->nodes[g->output].name);
		put(&t, ", 0, 0]]");
	}
	put(&t, "}}");
	if (t.failed) {
		free(t.s);
		return NULL;
	}
	return t.s;
}
