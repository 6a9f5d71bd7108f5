/* SPDX-License-Identifier: MIT */
/*
 * Output shapes, attribute limits and weight shapes of every node: what must hold before a graph is used. A graph that
 * passed ak_graph_finish needs no further checks of sizes in forward.c, quant/ or train/.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "graph.h"
#include "shape.h"

#define MAX_DIM 65536u
#define MAX_KERNEL 255u
#define MAX_ELEMENTS ((uint64_t)1 << 28) /* outputs of one sample of one layer */

int ak_bad_attr(struct akida_diag *diag, const struct ak_node *n, const char *field, double value, const char *limit)
{
	char v[32], text[192];

	snprintf(v, sizeof(v), "%g", value);
	snprintf(text, sizeof(text), "%s: %s is %s, must be %s", n->name, field, v, limit);
	ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
					       .rule = AK_RULE_GRAPH_ATTRIBUTE,
					       .node = n->name,
					       .field = field,
					       .value = v,
					       .limit = limit,
					       .text = text});
	return -ERANGE;
}

static int shape_error(struct akida_diag *diag, const struct ak_node *n, const char *why, const struct ak_node *in)
{
	char shape[64] = "";
	int at = 0;

	for (uint32_t i = 0; in && i < in->rank; i++)
		at += snprintf(shape + at, sizeof(shape) - (size_t)at, "%s%u", i ? "x" : "", in->dims[i]);
	return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_SHAPE, n->name, "%s (input %s)", why, shape);
}

static int in_range(struct akida_diag *diag, const struct ak_node *n, const char *field, uint32_t v, uint32_t max)
{
	char limit[32];

	if (v >= 1 && v <= max)
		return 0;
	snprintf(limit, sizeof(limit), "1 to %u", max);
	return ak_bad_attr(diag, n, field, v, limit);
}

/* Builders may leave at zero what has one natural value. */
static void fill_defaults(struct ak_node *n)
{
	bool pool = n->op == AK_OP_MAXPOOL || n->op == AK_OP_AVGPOOL || n->op == AK_OP_AVGPOOL3D;
	bool conv = n->op == AK_OP_CONV2D || n->op == AK_OP_SEPARABLE || n->op == AK_OP_DEPTHWISE ||
		    n->op == AK_OP_CONV2D_TRANSPOSE || n->op == AK_OP_DEPTHWISE_TRANSPOSE || n->op == AK_OP_CONV3D;

	if (pool || conv) {
		n->stride_h = n->stride_h ? n->stride_h : pool ? n->kernel_h : 1;
		n->stride_w = n->stride_w ? n->stride_w : pool ? n->kernel_w : 1;
	}
	if (n->op == AK_OP_CONV3D || n->op == AK_OP_AVGPOOL3D)
		n->stride_t = n->stride_t ? n->stride_t : pool ? n->kernel_t : 1;
	if (n->op == AK_OP_STATEFUL_PROJECTION && !n->subsample)
		n->subsample = 1;
	if (conv) {
		n->dilation_h = n->dilation_h ? n->dilation_h : 1;
		n->dilation_w = n->dilation_w ? n->dilation_w : 1;
		n->groups = n->groups ? n->groups : 1;
		n->depth_multiplier = n->depth_multiplier ? n->depth_multiplier : 1;
	}
}

static int check_window(struct akida_diag *diag, const struct ak_node *n)
{
	static const char *const names[] = {"kernel height", "kernel width", "stride height", "stride width"};
	const uint32_t v[] = {n->kernel_h, n->kernel_w, n->stride_h, n->stride_w};
	int err = 0;

	for (int i = 0; i < 4 && !err; i++)
		err = in_range(diag, n, names[i], v[i], MAX_KERNEL);
	return err;
}

static int window_output(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same, uint32_t *out)
{
	uint32_t extent = (kernel - 1) * dilation + 1;

	if (same) {
		*out = (in + stride - 1) / stride;
		return 0;
	}
	if (in < extent)
		return -EINVAL;
	*out = (in - extent) / stride + 1;
	return 0;
}

static int shape_window(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in, uint32_t channels,
			uint32_t dilation_h, uint32_t dilation_w)
{
	if (in->rank != 3)
		return shape_error(diag, n, "needs an input of height, width and channels", in);
	if (window_output(in->dims[0], n->kernel_h, n->stride_h, dilation_h, n->same, &n->dims[0]) ||
	    window_output(in->dims[1], n->kernel_w, n->stride_w, dilation_w, n->same, &n->dims[1]))
		return shape_error(diag, n, "the kernel is larger than its input", in);
	n->dims[2] = channels;
	n->rank = 3;
	return 0;
}

static int shape_conv(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	uint32_t c = in->rank == 3 ? in->dims[2] : 0, channels;
	int err = check_window(diag, n);

	if (!err)
		err = in_range(diag, n, "dilation height", n->dilation_h, MAX_KERNEL);
	if (!err)
		err = in_range(diag, n, "dilation width", n->dilation_w, MAX_KERNEL);
	if (!err && n->op != AK_OP_DEPTHWISE)
		err = in_range(diag, n, "filters", n->filters, MAX_DIM);
	if (!err)
		err = in_range(diag, n, "depth_multiplier", n->depth_multiplier, 256);
	if (err)
		return err;
	if ((n->dilation_h > 1 || n->dilation_w > 1) && (n->stride_h > 1 || n->stride_w > 1))
		return ak_bad_attr(diag, n, "strides", n->stride_h, "1 with a dilation above 1");
	if (n->op != AK_OP_CONV2D) {
		if (n->groups != 1)
			return ak_bad_attr(diag, n, "groups", n->groups, "1");
	} else if (c && (!n->groups || c % n->groups || n->filters % n->groups)) {
		return ak_bad_attr(diag, n, "groups", n->groups, "a divisor of channels and filters");
	}
	channels = n->op == AK_OP_DEPTHWISE ? c * n->depth_multiplier : n->filters;
	return shape_window(diag, n, in, channels, n->dilation_h, n->dilation_w);
}

static int shape_pool(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	int err = check_window(diag, n);

	return err ? err : shape_window(diag, n, in, in->rank == 3 ? in->dims[2] : 0, 1, 1);
}

static uint64_t elements(const struct ak_node *n)
{
	uint64_t e = 1;

	for (uint32_t i = 0; i < n->rank; i++)
		e = e > MAX_ELEMENTS ? e : e * n->dims[i];
	return e;
}

static void same_shape(struct ak_node *n, const struct ak_node *in)
{
	n->rank = in->rank;
	memcpy(n->dims, in->dims, sizeof(n->dims));
}

/* dims hold the target; one of them may be 0 for "what remains". */
static int shape_reshape(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	uint64_t known = 1, total = elements(in);
	int free_axis = -1;

	for (uint32_t i = 0; i < n->rank; i++) {
		if (n->dims[i] > MAX_ELEMENTS)
			return ak_bad_attr(diag, n, "target_shape", n->dims[i], "a size of the input");
		if (n->dims[i])
			known = known > MAX_ELEMENTS ? known : known * n->dims[i];
		else if (free_axis >= 0)
			return ak_bad_attr(diag, n, "target_shape", -1, "given once at most");
		else
			free_axis = (int)i;
	}
	if (!n->rank || n->rank > 4)
		return ak_bad_attr(diag, n, "target_shape rank", n->rank, "1 to 4");
	if (free_axis >= 0 && !(total % known)) {
		n->dims[free_axis] = (uint32_t)(total / known);
		known = total;
	}
	return known == total ? 0 : shape_error(diag, n, "the target shape has another number of elements", in);
}

static int shape_zeropad(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	uint32_t first = n->op == AK_OP_ZEROPAD3D ? 1 : 0;

	if (in->rank != 3 + first)
		return shape_error(diag, n,
				   first ? "needs an input of frames, height, width and channels"
					 : "needs an input of height, width and channels",
				   in);
	for (int i = 0; i < 4; i++)
		if (n->pad[i] > MAX_KERNEL)
			return ak_bad_attr(diag, n, "padding", n->pad[i], "at most 255");
	for (int i = 0; i < 2; i++)
		if (n->pad_t[i] > MAX_KERNEL)
			return ak_bad_attr(diag, n, "padding", n->pad_t[i], "at most 255");
	same_shape(n, in);
	if (first)
		n->dims[0] += n->pad_t[0] + n->pad_t[1];
	n->dims[first] += n->pad[0] + n->pad[1];
	n->dims[first + 1] += n->pad[2] + n->pad[3];
	return 0;
}

/* TensorFlow's transposed convolution without output_padding. */
static int shape_transpose(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	const uint32_t kernel[2] = {n->kernel_h, n->kernel_w}, stride[2] = {n->stride_h, n->stride_w};
	bool depthwise = n->op == AK_OP_DEPTHWISE_TRANSPOSE;
	int err = check_window(diag, n);

	if (!err && !depthwise)
		err = in_range(diag, n, "filters", n->filters, MAX_DIM);
	if (err)
		return err;
	if (n->dilation_h != 1 || n->dilation_w != 1)
		return ak_bad_attr(diag, n, "dilation_rate", n->dilation_h, "1");
	if (n->depth_multiplier != 1)
		return ak_bad_attr(diag, n, "depth_multiplier", n->depth_multiplier, "1");
	if (n->groups != 1)
		return ak_bad_attr(diag, n, "groups", n->groups, "1");
	if (in->rank != 3)
		return shape_error(diag, n, "needs an input of height, width and channels", in);
	for (int i = 0; i < 2; i++) {
		n->dims[i] = in->dims[i] * stride[i]; /* both at most 65536 * 255 */
		if (!n->same && kernel[i] > stride[i])
			n->dims[i] += kernel[i] - stride[i];
	}
	n->dims[2] = depthwise ? in->dims[2] : n->filters;
	n->rank = 3;
	return 0;
}

static int shape_3d(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	int err = check_window(diag, n);

	if (!err)
		err = in_range(diag, n, "kernel frames", n->kernel_t, MAX_KERNEL);
	if (!err)
		err = in_range(diag, n, "stride over frames", n->stride_t, MAX_KERNEL);
	if (!err && n->op == AK_OP_CONV3D)
		err = in_range(diag, n, "filters", n->filters, MAX_DIM);
	if (err)
		return err;
	if (in->rank != 4)
		return shape_error(diag, n, "needs an input of frames, height, width and channels", in);
	if (n->op == AK_OP_CONV3D) {
		if (n->dilation_h != 1 || n->dilation_w != 1)
			return ak_bad_attr(diag, n, "dilation_rate", n->dilation_h, "1");
		if (in->dims[3] % n->groups || n->filters % n->groups)
			return ak_bad_attr(diag, n, "groups", n->groups, "a divisor of channels and filters");
	}
	if (window_output(in->dims[0], n->kernel_t, n->stride_t, 1, n->same, &n->dims[0]) ||
	    window_output(in->dims[1], n->kernel_h, n->stride_h, 1, n->same, &n->dims[1]) ||
	    window_output(in->dims[2], n->kernel_w, n->stride_w, 1, n->same, &n->dims[2]))
		return shape_error(diag, n, "the kernel is larger than its input", in);
	n->dims[3] = n->op == AK_OP_CONV3D ? n->filters : in->dims[3];
	n->rank = 4;
	return 0;
}

static int shape_temporal(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	int err = in_range(diag, n, "kernel_size", n->kernel_t, MAX_KERNEL);

	if (!err && n->op == AK_OP_BUFFER_TEMP_CONV)
		err = in_range(diag, n, "filters", n->filters, MAX_DIM);
	if (err)
		return err;
	if (in->rank != 3)
		return shape_error(diag, n, "needs an input of height, width and channels", in);
	same_shape(n, in);
	if (n->op == AK_OP_BUFFER_TEMP_CONV)
		n->dims[2] = n->filters;
	return 0;
}

static int shape_recurrent(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	if (in->rank != 2)
		return shape_error(diag, n, "needs an input of time steps and channels", in);
	n->rank = 3;
	n->dims[0] = in->dims[0];
	n->dims[1] = in->dims[1];
	n->dims[2] = 2; /* real and imaginary part */
	return 0;
}

static uint64_t product(const uint32_t *dims, uint32_t rank)
{
	uint64_t e = 1;

	for (uint32_t i = 0; i < rank; i++)
		e = e > MAX_ELEMENTS ? e : e * dims[i];
	return e;
}

void ak_projection_input(const struct ak_node *n, const struct ak_node *in, uint32_t *steps, uint32_t *channels)
{
	const uint32_t *dims = n->downshape_rank ? n->downshape : in->dims;
	uint32_t rank = n->downshape_rank ? n->downshape_rank : in->rank;

	*channels = dims[rank - 1];
	*steps = rank == 2 ? dims[0] : 1;
}

static int shape_projection(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	uint32_t rank = n->downshape_rank ? n->downshape_rank : in->rank, steps, channels;
	int err = in_range(diag, n, "units", n->filters, MAX_DIM);

	if (err)
		return err;
	if (rank > 2 || n->upshape_rank > 3)
		return shape_error(diag, n, "projects steps of channels: at most two axes after downshape", in);
	if (n->downshape_rank && product(n->downshape, n->downshape_rank) != elements(in))
		return shape_error(diag, n, "downshape has another number of elements", in);
	ak_projection_input(n, in, &steps, &channels);
	if (n->subsample > 1 && (rank != 2 || steps % n->subsample))
		return ak_bad_attr(diag, n, "subsample", n->subsample, "a divisor of the time steps");
	n->rank = rank;
	n->dims[0] = rank == 2 ? steps / n->subsample : n->filters;
	if (rank == 2)
		n->dims[1] = n->filters;
	if (n->upshape_rank) {
		if (product(n->upshape, n->upshape_rank) != elements(n))
			return shape_error(diag, n, "upshape has another number of elements", in);
		n->rank = n->upshape_rank;
		memcpy(n->dims, n->upshape, n->upshape_rank * sizeof(n->dims[0]));
	}
	return 0;
}

/* Files may count axes from the end, -1 the last: 2^32 - 1 here. */
static void axis_from_end(struct ak_node *n, const struct ak_node *in)
{
	if (n->axis > UINT32_MAX - 4)
		n->axis += in->rank; /* wraps; what is still too large is refused */
}

static int shape_token(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	axis_from_end(n, in);
	if (in->rank < 2 || n->axis >= in->rank)
		return ak_bad_attr(diag, n, "axis", n->axis, "an axis of an input of two or more");
	if (n->token >= in->dims[n->axis])
		return ak_bad_attr(diag, n, "token", n->token, "an index of the axis");
	n->rank = 0;
	for (uint32_t i = 0; i < in->rank; i++)
		if (i != n->axis)
			n->dims[n->rank++] = in->dims[i];
	return 0;
}

static int shape_permute(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	uint32_t seen = 0;

	for (uint32_t i = 0; i < in->rank; i++) {
		if (n->perm[i] >= in->rank || seen >> n->perm[i] & 1)
			return shape_error(diag, n, "dims is not a permutation of the input's axes", in);
		seen |= 1u << n->perm[i];
		n->dims[i] = in->dims[n->perm[i]];
	}
	n->rank = in->rank;
	return 0;
}

static int shape_concatenate(struct akida_diag *diag, const struct akida_graph *g, struct ak_node *n)
{
	const struct ak_node *in = &g->nodes[n->inputs[0]];
	uint64_t sum = 0;

	axis_from_end(n, in);
	if (n->axis >= in->rank)
		return ak_bad_attr(diag, n, "axis", n->axis, "an axis of the inputs");
	for (uint32_t k = 0; k < n->input_count; k++) {
		const struct ak_node *other = &g->nodes[n->inputs[k]];

		if (other->rank != in->rank)
			return shape_error(diag, n, "joins inputs of different ranks", other);
		for (uint32_t i = 0; i < in->rank; i++)
			if (i != n->axis && other->dims[i] != in->dims[i])
				return shape_error(diag, n, "joins inputs whose other axes differ", other);
		sum += other->dims[n->axis];
	}
	same_shape(n, in);
	n->dims[n->axis] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	return 0;
}

static int shape_add(struct akida_diag *diag, const struct akida_graph *g, struct ak_node *n)
{
	const struct ak_node *in = &g->nodes[n->inputs[0]];

	for (uint32_t k = 1; k < n->input_count; k++) {
		const struct ak_node *other = &g->nodes[n->inputs[k]];

		if (in->rank != other->rank || memcmp(in->dims, other->dims, in->rank * sizeof(in->dims[0])))
			return shape_error(diag, n, "adds inputs of different shapes", in);
	}
	if (n->average && n->input_count != 2)
		return ak_bad_attr(diag, n, "average", n->input_count, "of two inputs");
	same_shape(n, in);
	return 0;
}

static int check_per_channel(struct akida_diag *diag, const struct ak_node *n, const struct ak_node *in)
{
	uint32_t c = in->dims[in->rank - 1];

	if (n->scale_channels && n->scale_channels != c)
		return ak_bad_attr(diag, n, "scale", n->scale_channels, "one value, or one for each channel");
	if (n->pad_channels && n->pad_channels != c)
		return ak_bad_attr(diag, n, "padding_value", n->pad_channels, "one value, or one for each channel");
	for (uint32_t i = 0; i < n->scale_channels; i++)
		if (!isfinite(n->scales[i]) || !isfinite(n->offsets[i]))
			return ak_bad_attr(diag, n, "scale", (double)n->scales[i], "finite");
	for (uint32_t i = 0; i < n->pad_channels; i++)
		if (!isfinite(n->pad_values[i]))
			return ak_bad_attr(diag, n, "padding_value", (double)n->pad_values[i], "finite");
	return 0;
}

static int shape_node(struct akida_diag *diag, const struct akida_graph *g, struct ak_node *n, const struct ak_node *in)
{
	uint64_t total;
	int err;

	switch (n->op) {
	case AK_OP_INPUT:
		return n->rank >= 1 && n->rank <= 4 ? 0 : ak_bad_attr(diag, n, "input rank", n->rank, "1 to 4");
	case AK_OP_CONV2D:
		err = check_per_channel(diag, n, in);
		return err ? err : shape_conv(diag, n, in);
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		return shape_conv(diag, n, in);
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return shape_transpose(diag, n, in);
	case AK_OP_CONV3D:
	case AK_OP_AVGPOOL3D:
		return shape_3d(diag, n, in);
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return shape_temporal(diag, n, in);
	case AK_OP_STATEFUL_RECURRENT:
		return shape_recurrent(diag, n, in);
	case AK_OP_STATEFUL_PROJECTION:
		return shape_projection(diag, n, in);
	case AK_OP_EXTRACT_TOKEN:
		return shape_token(diag, n, in);
	case AK_OP_PERMUTE:
		return shape_permute(diag, n, in);
	case AK_OP_CONCATENATE:
		return shape_concatenate(diag, g, n);
	case AK_OP_RESCALING:
		same_shape(n, in);
		return check_per_channel(diag, n, in);
	case AK_OP_MAXPOOL:
	case AK_OP_AVGPOOL:
		return shape_pool(diag, n, in);
	case AK_OP_DENSE:
		err = in_range(diag, n, "units", n->filters, MAX_DIM);
		same_shape(n, in);
		n->dims[n->rank - 1] = n->filters;
		return err;
	case AK_OP_GAP:
		if (in->rank != 3)
			return shape_error(diag, n, "needs an input of height, width and channels", in);
		memset(n->dims, 0, sizeof(n->dims));
		n->rank = n->keepdims ? 3 : 1;
		n->dims[0] = n->keepdims ? 1 : in->dims[2];
		n->dims[1] = n->keepdims ? 1 : 0;
		n->dims[2] = n->keepdims ? in->dims[2] : 0;
		return 0;
	case AK_OP_ADD:
		return shape_add(diag, g, n);
	case AK_OP_FLATTEN:
		total = elements(in);
		memset(n->dims, 0, sizeof(n->dims));
		n->rank = 1;
		n->dims[0] = (uint32_t)total;
		return 0;
	case AK_OP_RESHAPE:
		return shape_reshape(diag, n, in);
	case AK_OP_ZEROPAD:
	case AK_OP_ZEROPAD3D:
		return shape_zeropad(diag, n, in);
	default:
		same_shape(n, in);
		return 0;
	}
}

static bool finite_in(double v, double lo, double hi)
{
	return v >= lo && v <= hi;
}

static int check_numbers(struct akida_diag *diag, const struct ak_node *n)
{
	if (n->op == AK_OP_BATCHNORM && !finite_in((double)n->epsilon, 0, 1e3))
		return ak_bad_attr(diag, n, "epsilon", (double)n->epsilon, "0 to 1000");
	if (n->op == AK_OP_RESCALING && (!isfinite(n->scale) || !isfinite(n->offset)))
		return ak_bad_attr(diag, n, "scale", (double)n->scale, "finite");
	if (n->op == AK_OP_RELU && n->bounded && !finite_in((double)n->max_value, 0, 1e30))
		return ak_bad_attr(diag, n, "max_value", (double)n->max_value, "0 or more");
	if (n->op == AK_OP_RELU && (!isfinite(n->negative_slope) || !isfinite(n->relu_threshold)))
		return ak_bad_attr(diag, n, "threshold", (double)n->relu_threshold, "finite");
	if (!isfinite(n->act_alpha))
		return ak_bad_attr(diag, n, "alpha", (double)n->act_alpha, "finite");
	if (n->op == AK_OP_DROPOUT && !(n->rate >= 0 && n->rate < 1))
		return ak_bad_attr(diag, n, "rate", (double)n->rate, "0 to below 1");
	return 0;
}

static int finish_node(struct akida_graph *g, uint32_t i, bool create, struct akida_diag *diag)
{
	struct ak_node *n = &g->nodes[i];
	bool many = n->op == AK_OP_ADD || n->op == AK_OP_CONCATENATE;
	uint32_t need = n->op == AK_OP_INPUT ? 0 : many ? 2 : 1;
	const struct ak_node *in;
	int err;

	if (many ? n->input_count < need : n->input_count != need)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, n->name, "%s has %u inputs, must have %u%s",
			       ak_op_class(n->op), n->input_count, need, many ? " or more" : "");
	for (uint32_t k = 0; k < n->input_count; k++)
		if (n->inputs[k] >= i)
			return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, n->name, "depends on a later layer");
	in = need ? &g->nodes[n->inputs[0]] : NULL;
	fill_defaults(n);
	err = check_numbers(diag, n);
	if (!err)
		err = shape_node(diag, g, n, in);
	if (err)
		return err;
	for (uint32_t k = 0; k < n->rank; k++)
		if (!n->dims[k] || (n->rank > 1 && n->dims[k] > MAX_DIM))
			return ak_bad_attr(diag, n, "output dimension", n->dims[k], "1 to 65536");
	if (elements(n) > MAX_ELEMENTS)
		return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_SIZE, n->name, "has more than %llu outputs for one sample",
			       (unsigned long long)MAX_ELEMENTS);
	err = ak_check_weights(diag, n, in, create);
	return err ? err : ak_check_quant(diag, n);
}

static int finish(struct akida_graph *g, bool create, struct akida_diag *diag)
{
	uint32_t inputs = 0;

	if (!g->count || g->output >= g->count)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, g->name, "has no layers");
	for (uint32_t i = 0; i < g->count; i++) {
		int err = finish_node(g, i, create, diag);

		if (err)
			return err;
		inputs += g->nodes[i].op == AK_OP_INPUT;
	}
	if (inputs != 1 || g->nodes[0].op != AK_OP_INPUT)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_GRAPH_INPUTS, g->name, "has %u inputs, one is supported",
			       inputs);
	return 0;
}

int ak_graph_finish(struct akida_graph *g, struct akida_diag *diag)
{
	return finish(g, false, diag);
}

int ak_graph_build(struct akida_graph *g, struct akida_diag *diag)
{
	return finish(g, true, diag);
}
