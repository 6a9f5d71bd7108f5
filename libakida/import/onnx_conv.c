/* SPDX-License-Identifier: MIT */
/*
 * Convolutions and pools of ONNX on channels-last layers. ONNX pads explicitly; TensorFlow's "same" is used where it reads
 * the same values, else a ZeroPadding2D stands in front of a valid window.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "import/onnx.h"

#define MAX_WINDOW 255

struct window {
	uint32_t kernel[2], stride[2], dilation[2];
	uint32_t before[2], after[2]; /* rows, columns of padding */
	uint32_t in[2], out[2];
	bool same; /* the padding is TensorFlow's */
};

static int pair(struct onnx_reader *r, const char *name, int64_t low, uint32_t *v)
{
	int64_t list[4];
	size_t n;
	int err = onnx_ints(r, name, 0, list, 4, &n);

	if (err || !n)
		return err;
	if (n != 2)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				 "%s has %zu entries: only windows over images are read", name, n);
	for (int k = 0; k < 2; k++) {
		if (list[k] < low || list[k] > MAX_WINDOW)
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_ATTRIBUTE, "%s is %lld, must be %lld to %d", name,
					 (long long)list[k], (long long)low, MAX_WINDOW);
		v[k] = (uint32_t)list[k];
	}
	return 0;
}

static uint32_t extent(const struct window *w, int k)
{
	return (w->kernel[k] - 1) * w->dilation[k] + 1;
}

/* Where TensorFlow pads: the odd one behind. */
static uint32_t same_total(const struct window *w, int k)
{
	uint32_t out = (w->in[k] + w->stride[k] - 1) / w->stride[k], reach = (out - 1) * w->stride[k] + extent(w, k);

	return reach > w->in[k] ? reach - w->in[k] : 0;
}

/* Padding and output size from auto_pad, pads and ceil_mode. */
static int place(struct onnx_reader *r, struct window *w)
{
	bool upper = onnx_text_is(r, "auto_pad", "SAME_UPPER"), lower = onnx_text_is(r, "auto_pad", "SAME_LOWER");
	bool given = !onnx_attr(r, "auto_pad") || onnx_text_is(r, "auto_pad", "NOTSET");
	bool ceiling = onnx_int(r, "ceil_mode", 0) != 0;
	int64_t pads[8];
	size_t n;
	int err = onnx_ints(r, "pads", 0, pads, 8, &n);

	if (err)
		return err;
	if (!given && !upper && !lower && !onnx_text_is(r, "auto_pad", "VALID"))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "auto_pad is none of ONNX");
	if (given && n && n != 4)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "pads has %zu entries, must have 4", n);
	for (size_t k = 0; given && k < n; k++)
		if (pads[k] < 0 || pads[k] > MAX_WINDOW)
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "pads is %lld, must be 0 to %d",
					 (long long)pads[k], MAX_WINDOW);
	w->same = true;
	for (int k = 0; k < 2; k++) {
		uint32_t total = same_total(w, k), room;

		if (upper || lower) {
			w->before[k] = upper ? total / 2 : total - total / 2;
			w->after[k] = total - w->before[k];
		} else if (given && n) {
			w->before[k] = (uint32_t)pads[k];
			w->after[k] = (uint32_t)pads[k + 2];
		}
		room = w->in[k] + w->before[k] + w->after[k];
		if (room < extent(w, k))
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE,
					 "the window of %u is larger than its input of %u", extent(w, k), room);
		w->out[k] = (room - extent(w, k)) / w->stride[k] + 1;
		if (ceiling && (room - extent(w, k)) % w->stride[k] &&
		    w->out[k] * w->stride[k] < w->in[k] + w->before[k]) { /* the last window starts inside */
			w->after[k] += w->stride[k] - (room - extent(w, k)) % w->stride[k];
			w->out[k]++;
		}
		/* what the last window does not reach is no padding */
		room = (w->out[k] - 1) * w->stride[k] + extent(w, k);
		w->after[k] = room > w->in[k] + w->before[k] ? room - w->in[k] - w->before[k] : 0;
		w->same &= w->before[k] == total / 2 && w->before[k] + w->after[k] == total &&
			   w->out[k] == (w->in[k] + w->stride[k] - 1) / w->stride[k];
	}
	return 0;
}

static bool padded(const struct window *w)
{
	return w->before[0] || w->before[1] || w->after[0] || w->after[1];
}

/* Takes the image node to one with the window's padding in it, unless "same" does it. */
static int pad_image(struct onnx_reader *r, struct window *w, uint32_t *node)
{
	const uint32_t pad[4] = {w->before[0], w->after[0], w->before[1], w->after[1]};
	uint32_t dims[3];
	int err;

	if (w->same)
		w->same = padded(w); /* without any padding "valid" says it better */
	if (w->same || !padded(w))
		return 0;
	memcpy(dims, r->g->nodes[*node].dims, sizeof(dims));
	dims[0] += pad[0] + pad[1];
	dims[1] += pad[2] + pad[3];
	err = onnx_add(r, AK_OP_ZEROPAD, node, 1, node);
	if (err)
		return err;
	memcpy(r->g->nodes[*node].pad, pad, sizeof(pad));
	onnx_shape(r, *node, 3, dims);
	return 0;
}

static int add_window(struct onnx_reader *r, enum ak_op op, const struct window *w, uint32_t channels, uint32_t *node)
{
	int err = onnx_add(r, op, node, 1, node);
	struct ak_node *n;

	if (err)
		return err;
	n = &r->g->nodes[*node];
	n->kernel_h = w->kernel[0];
	n->kernel_w = w->kernel[1];
	n->stride_h = w->stride[0];
	n->stride_w = w->stride[1];
	n->dilation_h = w->dilation[0];
	n->dilation_w = w->dilation[1];
	n->groups = 1;
	n->depth_multiplier = 1;
	n->same = w->same;
	onnx_shape(r, *node, 3, (const uint32_t[]){w->out[0], w->out[1], channels});
	return 0;
}

static int add_bias(struct onnx_reader *r, uint32_t node, const struct onnx_tensor *b, size_t filters)
{
	float *to;
	int err;

	if (!b)
		return 0;
	if (!b->f || b->count != filters)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its bias has %zu elements, must have %zu", b->count,
				 filters);
	r->g->nodes[node].use_bias = true;
	err = onnx_add_weight(r, node, "bias", 1, &filters, &to);
	if (!err)
		memcpy(to, b->f, filters * sizeof(*to));
	return err;
}

static int kernel_of(struct onnx_reader *r, const struct onnx_tensor **w, const struct onnx_tensor **b)
{
	int err = onnx_constant_in(r, 1, true, w);

	if (!err)
		err = onnx_constant_in(r, 2, false, b);
	if (err)
		return err;
	if (!(*w)->f)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR,
				 "its weights are integers without a DequantizeLinear");
	if ((*w)->rank != 4)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR,
				 "its weights have %u axes: only convolutions over images (4) are read", (*w)->rank);
	for (uint32_t k = 0; k < 4; k++)
		if ((*w)->dims[k] < 1 || (*w)->dims[k] > (k > 1 ? MAX_WINDOW : 65536))
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_TENSOR, "axis %u of its weights is %lld", k,
					 (long long)(*w)->dims[k]);
	return 0;
}

static int window_of(struct onnx_reader *r, const struct onnx_tensor *w, const struct onnx_value *in,
		     struct window *out)
{
	uint32_t stated[2] = {0};
	int err;

	*out = (struct window){.stride = {1, 1}, .dilation = {1, 1}};
	err = pair(r, "kernel_shape", 1, w ? stated : out->kernel);
	if (!err)
		err = pair(r, "strides", 1, out->stride);
	if (!err)
		err = pair(r, "dilations", 1, out->dilation);
	if (err)
		return err;
	for (int k = 0; k < 2; k++) {
		if (w)
			out->kernel[k] = (uint32_t)w->dims[2 + k];
		if (!out->kernel[k] || (stated[k] && stated[k] != out->kernel[k]))
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "kernel_shape does not fit its weights");
		out->in[k] = (uint32_t)in->dims[1 + k];
	}
	return 0;
}

/* ONNX (f, c, h, w) to Keras (h, w, c, f), a depthwise (c * m, 1, h, w) to (h, w, c, m). */
static int add_kernel(struct onnx_reader *r, uint32_t node, const struct onnx_tensor *w, uint32_t channels)
{
	size_t f = (size_t)w->dims[0], c = (size_t)w->dims[1], h = (size_t)w->dims[2], v = (size_t)w->dims[3];
	size_t m = f / channels;
	float *to;
	int err;

	if (r->g->nodes[node].op == AK_OP_DEPTHWISE)
		err = onnx_add_weight(r, node, "depthwise_kernel", 4, (const size_t[]){h, v, channels, m}, &to);
	else
		err = onnx_add_weight(r, node, "kernel", 4, (const size_t[]){h, v, c, f}, &to);
	if (err)
		return err;
	/* for a depthwise kernel c is 1 and filter index = channel * m + multiplier, the order of (channels, m) */
	for (size_t i = 0; i < f; i++)
		for (size_t j = 0; j < c; j++)
			for (size_t p = 0; p < h * v; p++)
				to[(p * c + j) * f + i] = w->f[(i * c + j) * h * v + p];
	return 0;
}

int onnx_conv(struct onnx_reader *r)
{
	int64_t groups = onnx_int(r, "group", 1);
	const struct onnx_tensor *w, *b;
	struct onnx_value *in;
	uint32_t node, channels, filters;
	struct window window;
	bool depthwise;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = kernel_of(r, &w, &b);
	if (!err)
		err = onnx_value_image(r, in, &node);
	if (!err)
		err = window_of(r, w, in, &window);
	if (!err)
		err = place(r, &window);
	if (err)
		return err;
	channels = r->g->nodes[node].dims[2];
	filters = (uint32_t)w->dims[0];
	if (groups < 1 || groups > channels || w->dims[1] * groups != channels || filters % groups)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE,
				 "weights of %lld channels in %lld groups do not fit an input of %u",
				 (long long)w->dims[1], (long long)groups, channels);
	depthwise = groups == channels && channels > 1;
	err = pad_image(r, &window, &node);
	if (!err)
		err = add_window(r, depthwise ? AK_OP_DEPTHWISE : AK_OP_CONV2D, &window, filters, &node);
	if (err)
		return err;
	if (depthwise)
		r->g->nodes[node].depth_multiplier = filters / channels;
	else
		r->g->nodes[node].filters = filters;
	if (!depthwise)
		r->g->nodes[node].groups = (uint32_t)groups;
	err = add_kernel(r, node, w, channels);
	if (!err)
		err = add_bias(r, node, b, filters);
	if (!err)
		onnx_value_set_image(r, onnx_out(r), node);
	return err;
}

/* ---- transposed ---- */

/*
 * Both say: input i adds kernel element k to output i * stride + k - crop. Keras' "same" crops (kernel - stride) / 2 in front
 * and gives input * stride outputs; where ONNX crops another amount, zero rows around the kernel make it the same.
 */
static bool fit_same(uint32_t kernel, uint32_t stride, int64_t crop, uint32_t *front, uint32_t *size)
{
	for (uint32_t grown = kernel; grown <= kernel + 2 * stride && grown <= MAX_WINDOW; grown++)
		for (uint32_t z = 0; z + kernel <= grown; z++)
			if (grown >= stride && (int64_t)((grown - stride) / 2) == crop + (int64_t)z) {
				*front = z;
				*size = grown;
				return true;
			}
	return false;
}

static int transpose_axis(struct onnx_reader *r, struct window *w, int k, const int64_t *pads, uint32_t extra,
			  bool *same, uint32_t *front)
{
	int64_t full = (int64_t)(w->in[k] - 1) * w->stride[k] + w->kernel[k] + extra;
	int64_t out = full - pads[k] - pads[k + 2];
	uint32_t valid = w->in[k] * w->stride[k] + (w->kernel[k] > w->stride[k] ? w->kernel[k] - w->stride[k] : 0);
	uint32_t size = w->kernel[k];

	*front = 0;
	w->out[k] = out > 0 ? (uint32_t)out : 0;
	if (out == (int64_t)w->in[k] * w->stride[k] && fit_same(w->kernel[k], w->stride[k], pads[k], front, &size)) {
		w->kernel[k] = size;
		*same = true;
		return 0;
	}
	*same = false;
	if (!pads[k] && out == valid)
		return 0;
	return onnx_fail(
		r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
		"pads %lld and %lld with output_padding %u give %lld outputs for %u inputs; Keras has %u and %u",
		(long long)pads[k], (long long)pads[k + 2], extra, (long long)out, w->in[k], w->in[k] * w->stride[k],
		valid);
}

static int transpose_kernel(struct onnx_reader *r, uint32_t node, const struct onnx_tensor *w, const uint32_t *front,
			    bool depthwise)
{
	const struct ak_node *n = &r->g->nodes[node];
	size_t c = (size_t)w->dims[0], f = (size_t)w->dims[1], h = n->kernel_h, v = n->kernel_w;
	float *to;
	int err;

	if (depthwise)
		err = onnx_add_weight(r, node, "depthwise_kernel", 4, (const size_t[]){h, v, c, 1}, &to);
	else
		err = onnx_add_weight(r, node, "kernel", 4, (const size_t[]){h, v, f, c}, &to);
	if (err)
		return err;
	for (size_t i = 0; i < c; i++)
		for (size_t j = 0; j < f; j++)
			for (size_t y = 0; y < (size_t)w->dims[2]; y++)
				for (size_t x = 0; x < (size_t)w->dims[3]; x++)
					to[(((y + front[0]) * v + x + front[1]) * f + j) * c + i] =
						w->f[((i * f + j) * (size_t)w->dims[2] + y) * (size_t)w->dims[3] + x];
	return 0;
}

int onnx_conv_transpose(struct onnx_reader *r)
{
	int64_t groups = onnx_int(r, "group", 1), pads[8] = {0};
	uint32_t extra[2] = {0}, front[2] = {0}, node, channels, filters;
	const struct onnx_tensor *w, *b;
	struct onnx_value *in;
	struct window window;
	bool depthwise, same[2] = {false, false};
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = kernel_of(r, &w, &b);
	if (!err)
		err = onnx_value_image(r, in, &node);
	if (!err)
		err = window_of(r, w, in, &window);
	if (!err)
		err = pair(r, "output_padding", 0, extra);
	if (!err)
		err = onnx_ints(r, "pads", 0, pads, 8, &n);
	if (err)
		return err;
	if ((onnx_attr(r, "auto_pad") && !onnx_text_is(r, "auto_pad", "NOTSET")) || onnx_attr(r, "output_shape"))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				 "auto_pad and output_shape are not read: give pads");
	for (int k = 0; k < 4; k++)
		if ((n && n != 4) || pads[k] < 0 || pads[k] > MAX_WINDOW)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "pads must be four sizes of 0 to %d",
					 MAX_WINDOW);
	if (window.dilation[0] != 1 || window.dilation[1] != 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "dilations must be 1");
	channels = r->g->nodes[node].dims[2];
	depthwise = groups == channels && channels > 1;
	if (w->dims[0] != channels || (groups != 1 && (!depthwise || w->dims[1] != 1)))
		return onnx_fail(
			r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
			"weights of %lld channels in %lld groups: one group, or one for each of %u channels, is read",
			(long long)w->dims[0], (long long)groups, channels);
	filters = depthwise ? channels : (uint32_t)w->dims[1];
	for (int k = 0; k < 2 && !err; k++)
		err = transpose_axis(r, &window, k, pads, extra[k], &same[k], &front[k]);
	if (!err && same[0] != same[1])
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "pads differ in kind between height and width");
	window.same = same[0];
	if (!err)
		err = add_window(r, depthwise ? AK_OP_DEPTHWISE_TRANSPOSE : AK_OP_CONV2D_TRANSPOSE, &window, filters,
				 &node);
	if (err)
		return err;
	r->g->nodes[node].filters = depthwise ? 0 : filters;
	err = transpose_kernel(r, node, w, front, depthwise);
	if (!err)
		err = add_bias(r, node, b, filters);
	if (!err)
		onnx_value_set_image(r, onnx_out(r), node);
	return err;
}

/* ---- pools and padding ---- */

static int global_average(struct onnx_reader *r, uint32_t node, bool keep, uint32_t *out)
{
	uint32_t c = r->g->nodes[node].dims[2];
	int err = onnx_add(r, AK_OP_GAP, &node, 1, out);

	if (err)
		return err;
	r->g->nodes[*out].keepdims = keep;
	onnx_shape(r, *out, keep ? 3 : 1, keep ? (const uint32_t[]){1, 1, c} : (const uint32_t[]){c});
	return 0;
}

/* Zeros lose against whatever a ReLU hands out, so they may stand for ONNX's padding of a maximum. */
static bool never_negative(const struct onnx_reader *r, uint32_t node)
{
	const struct ak_node *n = &r->g->nodes[node];

	while (n->op == AK_OP_MAXPOOL || n->op == AK_OP_AVGPOOL || n->op == AK_OP_DROPOUT)
		n = &r->g->nodes[n->inputs[0]];
	return n->op == AK_OP_RELU;
}

int onnx_pool(struct onnx_reader *r)
{
	bool max = r->op->op_type[0] == 'M', counted = onnx_int(r, "count_include_pad", 0) != 0;
	struct onnx_value *in;
	struct window w;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_value_image(r, in, &node);
	if (!err)
		err = window_of(r, NULL, in, &w);
	if (!err)
		err = place(r, &w);
	if (err)
		return err;
	if (w.dilation[0] != 1 || w.dilation[1] != 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "dilations must be 1");
	if (onnx_int(r, "storage_order", 0) || (r->op->n_output > 1 && *r->op->output[1]))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "indices of maxima are not computed");
	if (!max && !padded(&w) && w.kernel[0] == w.in[0] && w.kernel[1] == w.in[1]) {
		err = global_average(r, node, true, &node);
		if (!err)
			onnx_value_set_image(r, onnx_out(r), node);
		return err;
	}
	if (padded(&w) && max && !w.same && !never_negative(r, node))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				 "pads that are not those of Keras' same need a ReLU before the pool");
	if (padded(&w) && !max && counted)
		w.same = false; /* zeros that count */
	else if (padded(&w) && !max && !w.same)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				 "pads that do not count must be those of Keras' same");
	err = pad_image(r, &w, &node);
	if (!err)
		err = add_window(r, max ? AK_OP_MAXPOOL : AK_OP_AVGPOOL, &w, r->g->nodes[node].dims[2], &node);
	if (err)
		return err;
	r->g->nodes[node].dilation_h = r->g->nodes[node].dilation_w = 0;
	r->g->nodes[node].groups = r->g->nodes[node].depth_multiplier = 0;
	onnx_value_set_image(r, onnx_out(r), node);
	return 0;
}

int onnx_global_pool(struct onnx_reader *r)
{
	struct window w = {.stride = {1, 1}, .dilation = {1, 1}, .out = {1, 1}};
	struct onnx_value *in;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_value_image(r, in, &node);
	if (err)
		return err;
	if (r->op->op_type[6] == 'A') {
		err = global_average(r, node, true, &node);
	} else {
		for (int k = 0; k < 2; k++)
			w.kernel[k] = (uint32_t)in->dims[1 + k];
		err = add_window(r, AK_OP_MAXPOOL, &w, r->g->nodes[node].dims[2], &node);
		if (!err)
			r->g->nodes[node].dilation_h = r->g->nodes[node].dilation_w = r->g->nodes[node].groups =
				r->g->nodes[node].depth_multiplier = 0;
	}
	if (!err)
		onnx_value_set_image(r, onnx_out(r), node);
	return err;
}

int onnx_reduce_mean(struct onnx_reader *r)
{
	bool keep = onnx_int(r, "keepdims", 1) != 0;
	struct onnx_value *in, *out = onnx_out(r);
	int64_t axes[ONNX_RANK];
	uint32_t over = 0, node;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "axes", 0, axes, ONNX_RANK, &n);
	if (err)
		return err;
	if (in->rank != 3 || !onnx_value_plain(r, in)) {
		err = onnx_value_order(r, in);
		if (err)
			return err;
	}
	for (size_t k = 0; k < n; k++) {
		axes[k] += axes[k] < 0 ? in->rank + 1 : 0;
		if (axes[k] >= 1 && axes[k] <= in->rank)
			over |= 1u << in->perm[axes[k] - 1];
		else
			over |= 8u;
	}
	if (in->rank != 3 || over != 3)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				 "axes must be height and width of an image: a global average");
	err = global_average(r, in->node, keep, &node);
	if (err)
		return err;
	if (!keep) {
		onnx_value_set(r, out, node);
		return 0;
	}
	onnx_value_like(out, in, node);
	for (uint32_t k = 0; k < 3; k++)
		out->dims[k] = out->perm[k] == 2 ? in->dims[k] : 1;
	return 0;
}

int onnx_pad(struct onnx_reader *r)
{
	const struct onnx_tensor *value = NULL;
	struct onnx_value *in, *out = onnx_out(r);
	int64_t pads[2 * ONNX_RANK];
	struct ak_node *node;
	uint32_t index, dims[4];
	float fill;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "pads", 1, pads, 2 * ONNX_RANK, &n);
	if (!err)
		err = onnx_constant_in(r, 2, false, &value);
	if (err)
		return err;
	fill = onnx_float(r, "value", value && value->count ? (float)onnx_tensor_at(value, 0) : 0);
	if (onnx_attr(r, "mode") && !onnx_text_is(r, "mode", "constant"))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "mode must be constant");
	if (n != 2 * (in->rank + 1))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "pads has %zu entries, must have %u", n,
				 2 * (in->rank + 1));
	for (size_t k = 0; k < n; k++)
		if (pads[k] < 0 || pads[k] > MAX_WINDOW)
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "pads is %lld, must be 0 to %d",
					 (long long)pads[k], MAX_WINDOW);
	for (size_t k = 0, all = 0; k < n; k++) {
		all += (size_t)pads[k];
		if (k + 1 == n && !all) {
			onnx_value_like(out, in, in->node);
			return 0;
		}
	}
	if (fill != 0)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "pads with %g; zero is supported",
				 (double)fill);
	if (in->rank != 3 || pads[0] || pads[4] || !onnx_value_plain(r, in))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "pads something else than height and width of an image");
	memcpy(dims, r->g->nodes[in->node].dims, sizeof(dims));
	index = in->node;
	err = onnx_add(r, AK_OP_ZEROPAD, &index, 1, &index);
	if (err)
		return err;
	node = &r->g->nodes[index];
	onnx_value_like(out, in, index);
	for (uint32_t k = 0; k < 3; k++) {
		uint32_t axis = in->perm[k];

		if (axis == 2 && (pads[k + 1] || pads[k + 5]))
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE, "pads channels");
		if (axis == 2)
			continue;
		node->pad[2 * axis] = (uint32_t)pads[k + 1];
		node->pad[2 * axis + 1] = (uint32_t)pads[k + 5];
		dims[axis] += (uint32_t)(pads[k + 1] + pads[k + 5]);
		out->dims[k] = dims[axis];
	}
	onnx_shape(r, index, 3, dims);
	return 0;
}
