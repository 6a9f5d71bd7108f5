/* SPDX-License-Identifier: MIT */
/*
 * Inference of one node as Keras does it on a CPU (float32 tensors between layers, sums of higher precision inside
 * a layer); the walk over a graph is infer.c. Pinned by tests/golden/keras_reference.py on real models. Needs a graph
 * that passed ak_graph_finish.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"
#include "legacy.h"

static const float *weight(const struct ak_node *n, const char *name)
{
	const struct ak_weight *w = ak_node_weight(n, name);

	return w ? w->data : NULL;
}

static void store(const double *acc, const float *bias, size_t filters, float *out)
{
	for (size_t f = 0; f < filters; f++)
		out[f] = (float)(acc[f] + (bias ? (double)bias[f] : 0));
}

/* What a Conv2D, Separable or Depthwise needs besides the sample: freed as one block. */
struct conv_scratch {
	double *acc, *depth;
	float *mid, *pad;
	void *block;
};

static int scratch_init(struct conv_scratch *s, const struct ak_node *n, const struct ak_node *in)
{
	size_t c = in->dims[2], dm = n->depth_multiplier, f = n->dims[2];

	s->block = calloc(f + 2 * c * dm + c, sizeof(double));
	if (!s->block)
		return -ENOMEM;
	s->acc = s->block;
	s->depth = s->acc + f;
	s->mid = (float *)(s->depth + c * dm);
	s->pad = (float *)(s->depth + 2 * c * dm);
	for (size_t i = 0; i < c; i++)
		s->pad[i] = n->pad_channels ? n->pad_values[i] : n->pad_value;
	return 0;
}

static void conv_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const struct conv_scratch *s,
		       const float *kernel, const float *pointwise, uint32_t oy, uint32_t ox)
{
	size_t mid = in->dims[2] * n->depth_multiplier;

	if (n->op == AK_OP_CONV2D) {
		ak_conv_pixel(n, in, x, kernel, n->padded ? s->pad : NULL, oy, ox, s->acc);
		return;
	}
	if (n->op == AK_OP_DEPTHWISE) {
		ak_depthwise_pixel(n, in, x, kernel, oy, ox, s->acc);
		return;
	}
	ak_depthwise_pixel(n, in, x, kernel, oy, ox, s->depth);
	for (size_t i = 0; i < mid; i++)
		s->mid[i] = (float)s->depth[i];
	memset(s->acc, 0, n->filters * sizeof(*s->acc));
	ak_mac(s->mid, mid, pointwise, n->filters, n->filters, s->acc);
}

static int forward_conv(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	const float *kernel = weight(n, n->op == AK_OP_CONV2D ? "kernel" : "depthwise_kernel");
	const float *pointwise = weight(n, "pointwise_kernel"), *bias = weight(n, "bias");
	size_t filters = n->dims[2], pixels = (size_t)n->dims[0] * n->dims[1];
	struct conv_scratch s;
	int err = scratch_init(&s, n, in);

	if (err)
		return err;
	for (size_t i = 0; i < samples; i++, x += ak_node_elements(in), out += pixels * filters) {
		for (uint32_t oy = 0; oy < n->dims[0]; oy++)
			for (uint32_t ox = 0; ox < n->dims[1]; ox++) {
				conv_pixel(n, in, x, &s, kernel, pointwise, oy, ox);
				store(s.acc, bias, filters, out + ((size_t)oy * n->dims[1] + ox) * filters);
			}
		ak_activate_floats(n->act, n->act_alpha, out, pixels, filters);
	}
	free(s.block);
	return 0;
}

static int forward_dense(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	size_t inputs = in->dims[in->rank - 1], units = n->filters, rows = samples * (ak_node_elements(in) / inputs);
	const float *kernel = weight(n, "kernel"), *bias = weight(n, "bias");
	double *acc = malloc(units * sizeof(*acc));

	if (!acc)
		return -ENOMEM;
	for (size_t r = 0; r < rows; r++) {
		memset(acc, 0, units * sizeof(*acc));
		ak_mac(x + r * inputs, inputs, kernel, units, units, acc);
		store(acc, bias, units, out + r * units);
	}
	free(acc);
	ak_activate_floats(n->act, n->act_alpha, out, rows, units);
	return 0;
}

static int forward_batchnorm(const struct ak_node *n, const float *x, size_t rows, size_t channels, float *out)
{
	const float *gamma = weight(n, "gamma"), *beta = weight(n, "beta");
	const float *mean = weight(n, "moving_mean"), *variance = weight(n, "moving_variance");
	double *scale = malloc(2 * channels * sizeof(*scale)), *shift = scale + channels;

	if (!scale)
		return -ENOMEM;
	for (size_t c = 0; c < channels; c++) {
		scale[c] = (gamma ? (double)gamma[c] : 1) / sqrt((double)variance[c] + (double)n->epsilon);
		shift[c] = (beta ? (double)beta[c] : 0) - (double)mean[c] * scale[c];
	}
	for (size_t r = 0; r < rows; r++)
		for (size_t c = 0; c < channels; c++)
			out[r * channels + c] = (float)((double)x[r * channels + c] * scale[c] + shift[c]);
	free(scale);
	return 0;
}

/* QuantizedReLU of legacy CNN2SNN: a code starts half a step below its value, the limit itself not counted. */
static void forward_legacy_relu(const struct ak_node *n, const float *x, size_t count, float *out)
{
	float step = ak_legacy_step(n), levels = (float)((1u << n->quant.out_bits) - 1);

	for (size_t i = 0; i < count; i++) {
		float code = ceilf((x[i] - step / 2) / step);

		out[i] = step * (code > 0 ? (code < levels ? code : levels) : 0);
	}
}

static void forward_relu(const struct ak_node *n, const float *x, size_t count, float *out)
{
	if (n->quant.legacy) {
		forward_legacy_relu(n, x, count, out);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		float v = x[i];

		if (v < n->relu_threshold)
			v = n->negative_slope * (v - n->relu_threshold);
		else if (n->relu_threshold == 0 && v <= 0)
			v = 0;
		out[i] = n->bounded && v > n->max_value ? n->max_value : v;
	}
}

static void pool_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, uint32_t oy, uint32_t ox,
		       float *out)
{
	int top = ak_pad_before(in->dims[0], n->dims[0], n->kernel_h, n->stride_h, 1, n->same);
	int left = ak_pad_before(in->dims[1], n->dims[1], n->kernel_w, n->stride_w, 1, n->same);
	int y0 = (int)(oy * n->stride_h) - top, x0 = (int)(ox * n->stride_w) - left;
	int y1 = y0 + (int)n->kernel_h, x1 = x0 + (int)n->kernel_w;
	size_t channels = in->dims[2];

	y0 = y0 < 0 ? 0 : y0;
	x0 = x0 < 0 ? 0 : x0;
	y1 = y1 > (int)in->dims[0] ? (int)in->dims[0] : y1;
	x1 = x1 > (int)in->dims[1] ? (int)in->dims[1] : x1;
	for (size_t c = 0; c < channels; c++) {
		float top_value = -INFINITY;
		double sum = 0;

		for (int py = y0; py < y1; py++)
			for (int px = x0; px < x1; px++) {
				float v = x[((size_t)py * in->dims[1] + (size_t)px) * channels + c];

				top_value = v > top_value ? v : top_value;
				sum += (double)v;
			}
		/* the average does not count the padding, as in TensorFlow */
		out[c] = n->op == AK_OP_MAXPOOL ? top_value : (float)(sum / ((double)(y1 - y0) * (double)(x1 - x0)));
	}
}

static void forward_pool(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	for (size_t i = 0; i < samples; i++, x += ak_node_elements(in))
		for (uint32_t oy = 0; oy < n->dims[0]; oy++)
			for (uint32_t ox = 0; ox < n->dims[1]; ox++, out += n->dims[2])
				pool_pixel(n, in, x, oy, ox, out);
}

static void forward_gap(const struct ak_node *in, const float *x, size_t samples, float *out)
{
	size_t pixels = (size_t)in->dims[0] * in->dims[1], channels = in->dims[2];

	for (size_t i = 0; i < samples; i++, x += pixels * channels, out += channels)
		for (size_t c = 0; c < channels; c++) {
			double sum = 0;

			for (size_t p = 0; p < pixels; p++)
				sum += (double)x[p * channels + c];
			out[c] = (float)(sum / (double)pixels);
		}
}

/*
 * One node for n samples. in_nodes[k], in[k]: producer and values of input k, (n, its shape); out: (n, the node's shape),
 * not overlapping the inputs. Float semantics: quantizers of a quantized node are ignored, but
 * for those of legacy activations. -ENOMEM only.
 */
int ak_node_forward(const struct ak_node *node, const struct ak_node *const *in_nodes, const float *const *in, size_t n,
		    float *out)
{
	size_t count = n * ak_node_elements(node), channels = node->dims[node->rank - 1];

	switch (node->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		return forward_conv(node, in_nodes[0], in[0], n, out);
	case AK_OP_DENSE:
		return forward_dense(node, in_nodes[0], in[0], n, out);
	case AK_OP_BATCHNORM:
		return forward_batchnorm(node, in[0], count / channels, channels, out);
	case AK_OP_RELU:
		forward_relu(node, in[0], count, out);
		return 0;
	case AK_OP_MAXPOOL:
	case AK_OP_AVGPOOL:
		forward_pool(node, in_nodes[0], in[0], n, out);
		return 0;
	case AK_OP_GAP:
		forward_gap(in_nodes[0], in[0], n, out);
		return 0;
	case AK_OP_ZEROPAD:
	case AK_OP_ZEROPAD3D:
		ak_forward_zeropad(node, in_nodes[0], in[0], n, out);
		return 0;
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return ak_forward_transpose(node, in_nodes[0], in[0], n, out);
	case AK_OP_CONV3D:
	case AK_OP_AVGPOOL3D:
		return ak_forward_3d(node, in_nodes[0], in[0], n, out);
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return ak_forward_buffered(node, in_nodes[0], in[0], n, out);
	case AK_OP_STATEFUL_RECURRENT:
		return ak_forward_recurrent(node, in[0], n, out);
	case AK_OP_STATEFUL_PROJECTION:
		return ak_forward_projection(node, in_nodes[0], in[0], n, out);
	case AK_OP_EXTRACT_TOKEN:
		ak_forward_token(node, in_nodes[0], in[0], n, out);
		return 0;
	case AK_OP_PERMUTE:
		ak_forward_permute(node, in_nodes[0], in[0], n, out);
		return 0;
	case AK_OP_CONCATENATE:
		ak_forward_concatenate(node, in_nodes, in, n, out);
		return 0;
	case AK_OP_ADD:
		for (size_t i = 0; i < count; i++)
			out[i] = in[0][i] + in[1][i];
		for (uint32_t k = 2; k < node->input_count; k++)
			for (size_t i = 0; i < count; i++)
				out[i] += in[k][i];
		for (size_t i = 0; node->average && i < count; i++)
			out[i] *= 0.5f;
		return 0;
	case AK_OP_RESCALING:
		for (size_t i = 0; i < count && !node->scale_channels; i++)
			out[i] = in[0][i] * node->scale + node->offset;
		for (size_t i = 0; i < count && node->scale_channels; i++)
			out[i] = in[0][i] * node->scales[i % channels] + node->offsets[i % channels];
		return 0;
	case AK_OP_ACTIVATION:
	case AK_OP_SOFTMAX:
		memcpy(out, in[0], count * sizeof(*out));
		ak_activate_floats(node->op == AK_OP_SOFTMAX ? AK_ACT_SOFTMAX : node->act, node->act_alpha, out,
				   count / channels, channels);
		return 0;
	case AK_OP_INPUT:
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
	case AK_OP_DROPOUT:
	case AK_OP_DEQUANTIZER:
	case AK_OP_INPUT_QUANTIZER: /* the same values */
		if (count)
			memcpy(out, in[0], count * sizeof(*out));
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}
