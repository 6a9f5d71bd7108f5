/* SPDX-License-Identifier: MIT */
/*
 * Float forward of one node, plain loops in Keras' channels-last layout. Shapes were checked by ak_graph_finish. The
 * innermost loop runs over output channels, which compilers vectorize; float32 sums, in the order kernel row, kernel
 * column, channel.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "graph.h"

/* What a window sees along one axis: first input position (may be negative) of output 0. */
static int pad_before(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same)
{
	uint32_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + (kernel - 1) * dilation + 1;

	return same && reach > in ? (int)((reach - in) / 2) : 0;
}

struct window {
	uint32_t in_h, in_w, in_c, out_h, out_w;
	int top, left;
};

static struct window window_of(const struct ak_node *n, const struct ak_node *in, bool conv)
{
	uint32_t dh = conv ? n->dilation_h : 1, dw = conv ? n->dilation_w : 1;
	struct window w = {in->dims[0], in->dims[1], in->dims[2], n->dims[0], n->dims[1], 0, 0};

	w.top = pad_before(w.in_h, n->kernel_h, n->stride_h, dh, n->same);
	w.left = pad_before(w.in_w, n->kernel_w, n->stride_w, dw, n->same);
	return w;
}

/* The input value vector at output (y, x) and tap (ky, kx), or NULL in the padding. */
static const float *tap(const struct ak_node *n, const struct window *w, const float *in, uint32_t y, uint32_t x,
			uint32_t ky, uint32_t kx, uint32_t dh, uint32_t dw)
{
	int64_t iy = (int64_t)y * n->stride_h + (int64_t)ky * dh - w->top;
	int64_t ix = (int64_t)x * n->stride_w + (int64_t)kx * dw - w->left;

	if (iy < 0 || ix < 0 || iy >= w->in_h || ix >= w->in_w)
		return NULL;
	return in + ((size_t)iy * w->in_w + (size_t)ix) * w->in_c;
}

static void start_with_bias(const struct ak_node *n, float *out, size_t channels)
{
	const struct ak_weight *bias = n->use_bias ? ak_node_weight(n, "bias") : NULL;

	if (bias)
		memcpy(out, bias->data, channels * sizeof(*out));
	else
		memset(out, 0, channels * sizeof(*out));
}

static void add_row(float *out, float v, const float *w, size_t n)
{
	for (size_t f = 0; f < n; f++)
		out[f] += v * w[f];
}

static void conv_position(const struct ak_node *n, const struct window *w, const float *in, const float *kernel,
			  uint32_t y, uint32_t x, float *out)
{
	uint32_t per_group = w->in_c / n->groups, filters = n->filters, group_filters = filters / n->groups;
	const float pad = n->padded ? n->pad_value : 0;

	for (uint32_t ky = 0; ky < n->kernel_h; ky++)
		for (uint32_t kx = 0; kx < n->kernel_w; kx++) {
			const float *v = tap(n, w, in, y, x, ky, kx, n->dilation_h, n->dilation_w);
			const float *k = kernel + (size_t)(ky * n->kernel_w + kx) * per_group * filters;

			if (!v && pad == 0)
				continue;
			for (uint32_t g = 0; g < n->groups; g++)
				for (uint32_t c = 0; c < per_group; c++)
					add_row(out + g * group_filters, v ? v[g * per_group + c] : pad,
						k + (size_t)c * filters + g * group_filters, group_filters);
		}
}

static void conv_sample(const struct ak_node *n, const struct ak_node *in_node, const float *in, float *out)
{
	struct window w = window_of(n, in_node, true);
	const float *kernel = ak_node_weight(n, "kernel")->data;

	for (uint32_t y = 0; y < w.out_h; y++)
		for (uint32_t x = 0; x < w.out_w; x++, out += n->filters) {
			start_with_bias(n, out, n->filters);
			conv_position(n, &w, in, kernel, y, x, out);
		}
}

/* out gets in_c * multiplier values for one position, without bias. */
static void depthwise_position(const struct ak_node *n, const struct window *w, const float *in, const float *kernel,
			       uint32_t y, uint32_t x, float *out)
{
	uint32_t dm = n->depth_multiplier;

	for (uint32_t ky = 0; ky < n->kernel_h; ky++)
		for (uint32_t kx = 0; kx < n->kernel_w; kx++) {
			const float *v = tap(n, w, in, y, x, ky, kx, n->dilation_h, n->dilation_w);
			const float *k = kernel + (size_t)(ky * n->kernel_w + kx) * w->in_c * dm;

			for (uint32_t c = 0; v && c < w->in_c; c++)
				for (uint32_t m = 0; m < dm; m++)
					out[c * dm + m] += v[c] * k[c * dm + m];
		}
}

static void depthwise_sample(const struct ak_node *n, const struct ak_node *in_node, const float *in, float *out)
{
	struct window w = window_of(n, in_node, true);
	const float *kernel = ak_node_weight(n, "depthwise_kernel")->data;
	size_t channels = (size_t)w.in_c * n->depth_multiplier;

	for (uint32_t y = 0; y < w.out_h; y++)
		for (uint32_t x = 0; x < w.out_w; x++, out += channels) {
			start_with_bias(n, out, channels);
			depthwise_position(n, &w, in, kernel, y, x, out);
		}
}

/* tmp: in_c * multiplier values. */
static void separable_sample(const struct ak_node *n, const struct ak_node *in_node, const float *in, float *out,
			     float *tmp)
{
	struct window w = window_of(n, in_node, true);
	const float *dw = ak_node_weight(n, "depthwise_kernel")->data;
	const float *pw = ak_node_weight(n, "pointwise_kernel")->data;
	size_t channels = (size_t)w.in_c * n->depth_multiplier;

	for (uint32_t y = 0; y < w.out_h; y++)
		for (uint32_t x = 0; x < w.out_w; x++, out += n->filters) {
			memset(tmp, 0, channels * sizeof(*tmp));
			depthwise_position(n, &w, in, dw, y, x, tmp);
			start_with_bias(n, out, n->filters);
			for (size_t c = 0; c < channels; c++)
				add_row(out, tmp[c], pw + c * n->filters, n->filters);
		}
}

static void dense_rows(const struct ak_node *n, const struct ak_node *in_node, const float *in, size_t rows, float *out)
{
	size_t inputs = in_node->dims[in_node->rank - 1];
	const float *kernel = ak_node_weight(n, "kernel")->data;

	for (size_t r = 0; r < rows; r++, in += inputs, out += n->filters) {
		start_with_bias(n, out, n->filters);
		for (size_t i = 0; i < inputs; i++)
			if (in[i] != 0)
				add_row(out, in[i], kernel + i * n->filters, n->filters);
	}
}

static void batchnorm(const struct ak_node *n, const float *in, size_t count, float *out)
{
	const struct ak_weight *gamma = ak_node_weight(n, "gamma"), *beta = ak_node_weight(n, "beta");
	const struct ak_weight *mean = ak_node_weight(n, "moving_mean"), *var = ak_node_weight(n, "moving_variance");
	size_t channels = mean->count;

	for (size_t c = 0; c < channels; c++) {
		double g = (gamma ? (double)gamma->data[c] : 1.0) / sqrt((double)var->data[c] + (double)n->epsilon);
		double b = beta ? (double)beta->data[c] : 0.0, m = (double)mean->data[c];

		for (size_t i = c; i < count; i += channels)
			out[i] = (float)(((double)in[i] - m) * g + b);
	}
}

static void relu(const struct ak_node *n, const float *in, size_t count, float *out)
{
	for (size_t i = 0; i < count; i++) {
		float v = in[i];

		if (n->bounded && v >= n->max_value)
			out[i] = n->max_value;
		else if (v >= n->relu_threshold)
			out[i] = v > 0 || n->relu_threshold != 0 ? v : 0;
		else
			out[i] = n->negative_slope * (v - n->relu_threshold);
	}
}

/* Maximum or mean over windows; positions in the padding do not take part in either. */
static void pool_sample(const struct ak_node *n, const struct ak_node *in_node, const float *in, float *out)
{
	struct window w = window_of(n, in_node, false);
	bool max = n->op == AK_OP_MAXPOOL;

	for (uint32_t y = 0; y < w.out_h; y++)
		for (uint32_t x = 0; x < w.out_w; x++, out += w.in_c) {
			uint32_t taken = 0;

			for (uint32_t c = 0; c < w.in_c; c++)
				out[c] = max ? -INFINITY : 0;
			for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
				const float *v = tap(n, &w, in, y, x, k / n->kernel_w, k % n->kernel_w, 1, 1);

				taken += v != NULL;
				for (uint32_t c = 0; v && c < w.in_c; c++)
					out[c] = max ? fmaxf(out[c], v[c]) : out[c] + v[c];
			}
			for (uint32_t c = 0; !max && taken && c < w.in_c; c++)
				out[c] /= (float)taken;
		}
}

static void global_mean_sample(const struct ak_node *in_node, const float *in, float *out)
{
	size_t positions = (size_t)in_node->dims[0] * in_node->dims[1], channels = in_node->dims[2];

	for (size_t c = 0; c < channels; c++) {
		double sum = 0;

		for (size_t p = 0; p < positions; p++)
			sum += (double)in[p * channels + c];
		out[c] = (float)(sum / (double)positions);
	}
}

static void zero_pad_sample(const struct ak_node *n, const struct ak_node *in_node, const float *in, float *out)
{
	size_t row = (size_t)in_node->dims[1] * in_node->dims[2], out_row = (size_t)n->dims[1] * n->dims[2];

	memset(out, 0, ak_node_elements(n) * sizeof(*out));
	for (uint32_t y = 0; y < in_node->dims[0]; y++)
		memcpy(out + (y + n->pad[0]) * out_row + (size_t)n->pad[2] * n->dims[2], in + y * row,
		       row * sizeof(*out));
}

static void softmax(float *v, size_t count, size_t channels)
{
	for (size_t at = 0; at < count; at += channels) {
		float max = -INFINITY;
		double sum = 0;

		for (size_t c = 0; c < channels; c++)
			max = fmaxf(max, v[at + c]);
		for (size_t c = 0; c < channels; c++)
			sum += (double)(v[at + c] = expf(v[at + c] - max));
		for (size_t c = 0; c < channels; c++)
			v[at + c] = (float)((double)v[at + c] / sum);
	}
}

static void activate(enum ak_activation act, float *v, size_t count, size_t channels)
{
	switch (act) {
	case AK_ACT_RELU:
	case AK_ACT_RELU6:
		for (size_t i = 0; i < count; i++)
			v[i] = v[i] > 0 ? (act == AK_ACT_RELU6 && v[i] > 6 ? 6 : v[i]) : 0;
		return;
	case AK_ACT_SOFTMAX:
		softmax(v, count, channels);
		return;
	case AK_ACT_SIGMOID:
		for (size_t i = 0; i < count; i++)
			v[i] = 1.0f / (1.0f + expf(-v[i]));
		return;
	case AK_ACT_TANH:
		for (size_t i = 0; i < count; i++)
			v[i] = tanhf(v[i]);
		return;
	case AK_ACT_LINEAR:
		return;
	}
}

static int conv_node(const struct ak_node *n, const struct ak_node *in_node, const float *in, size_t samples,
		     float *out)
{
	size_t in_size = ak_node_elements(in_node), out_size = ak_node_elements(n);
	float *tmp = NULL;

	if (n->op == AK_OP_SEPARABLE) {
		tmp = malloc((size_t)in_node->dims[2] * n->depth_multiplier * sizeof(*tmp));
		if (!tmp)
			return -ENOMEM;
	}
	for (size_t s = 0; s < samples; s++, in += in_size, out += out_size) {
		if (n->op == AK_OP_CONV2D)
			conv_sample(n, in_node, in, out);
		else if (n->op == AK_OP_DEPTHWISE)
			depthwise_sample(n, in_node, in, out);
		else
			separable_sample(n, in_node, in, out, tmp);
	}
	free(tmp);
	return 0;
}

int ak_node_forward(const struct ak_node *n, const struct ak_node *const *in_nodes, const float *const *in,
		    size_t samples, float *out)
{
	size_t out_size = ak_node_elements(n), count = samples * out_size;
	const struct ak_node *in_node = n->input_count ? in_nodes[0] : n;
	size_t in_size = ak_node_elements(in_node), channels = n->dims[n->rank - 1];
	const float *x = n->input_count ? in[0] : NULL;
	int err = 0;

	switch (n->op) {
	case AK_OP_INPUT:
		return -EINVAL; /* the caller has the input */
	case AK_OP_CONV2D:
	case AK_OP_DEPTHWISE:
	case AK_OP_SEPARABLE:
		err = conv_node(n, in_node, x, samples, out);
		break;
	case AK_OP_DENSE:
		dense_rows(n, in_node, x, count / n->filters, out);
		break;
	case AK_OP_BATCHNORM:
		batchnorm(n, x, count, out);
		break;
	case AK_OP_RELU:
		relu(n, x, count, out);
		break;
	case AK_OP_RESCALING:
		for (size_t i = 0; i < count; i++)
			out[i] = x[i] * n->scale + n->offset;
		break;
	case AK_OP_ADD:
		for (size_t i = 0; i < count; i++)
			out[i] = x[i] + in[1][i];
		break;
	case AK_OP_MAXPOOL:
	case AK_OP_AVGPOOL:
		for (size_t s = 0; s < samples; s++)
			pool_sample(n, in_node, x + s * in_size, out + s * out_size);
		break;
	case AK_OP_GAP:
		for (size_t s = 0; s < samples; s++)
			global_mean_sample(in_node, x + s * in_size, out + s * out_size);
		break;
	case AK_OP_ZEROPAD:
		for (size_t s = 0; s < samples; s++)
			zero_pad_sample(n, in_node, x + s * in_size, out + s * out_size);
		break;
	default: /* reshapes, Dropout, Activation, Softmax, Dequantizer */
		memcpy(out, x, count * sizeof(*out));
		break;
	}
	if (!err)
		activate(n->op == AK_OP_SOFTMAX ? AK_ACT_SOFTMAX : n->act, out, count, channels);
	return err;
}
