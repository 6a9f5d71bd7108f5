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

#define MAX_DIM 65536u
#define MAX_KERNEL 255u
#define MAX_ELEMENTS ((uint64_t)1 << 28) /* outputs of one sample of one layer */

struct expected {
	const char *name;
	uint32_t rank;
	size_t dims[4];
};

static int bad_attr(struct akida_diag *diag, const struct ak_node *n, const char *field, double value,
		    const char *limit)
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
	return bad_attr(diag, n, field, v, limit);
}

/* Builders may leave at zero what has one natural value. */
static void fill_defaults(struct ak_node *n)
{
	bool pool = n->op == AK_OP_MAXPOOL || n->op == AK_OP_AVGPOOL;
	bool conv = n->op == AK_OP_CONV2D || n->op == AK_OP_SEPARABLE || n->op == AK_OP_DEPTHWISE;

	if (pool || conv) {
		n->stride_h = n->stride_h ? n->stride_h : pool ? n->kernel_h : 1;
		n->stride_w = n->stride_w ? n->stride_w : pool ? n->kernel_w : 1;
	}
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
		return bad_attr(diag, n, "strides", n->stride_h, "1 with a dilation above 1");
	if (n->op != AK_OP_CONV2D) {
		if (n->groups != 1)
			return bad_attr(diag, n, "groups", n->groups, "1");
	} else if (c && (!n->groups || c % n->groups || n->filters % n->groups)) {
		return bad_attr(diag, n, "groups", n->groups, "a divisor of channels and filters");
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
			return bad_attr(diag, n, "target_shape", n->dims[i], "a size of the input");
		if (n->dims[i])
			known = known > MAX_ELEMENTS ? known : known * n->dims[i];
		else if (free_axis >= 0)
			return bad_attr(diag, n, "target_shape", -1, "given once at most");
		else
			free_axis = (int)i;
	}
	if (!n->rank || n->rank > 4)
		return bad_attr(diag, n, "target_shape rank", n->rank, "1 to 4");
	if (free_axis >= 0 && !(total % known)) {
		n->dims[free_axis] = (uint32_t)(total / known);
		known = total;
	}
	return known == total ? 0 : shape_error(diag, n, "the target shape has another number of elements", in);
}

static int shape_zeropad(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in)
{
	if (in->rank != 3)
		return shape_error(diag, n, "needs an input of height, width and channels", in);
	for (int i = 0; i < 4; i++)
		if (n->pad[i] > MAX_KERNEL)
			return bad_attr(diag, n, "padding", n->pad[i], "at most 255");
	same_shape(n, in);
	n->dims[0] += n->pad[0] + n->pad[1];
	n->dims[1] += n->pad[2] + n->pad[3];
	return 0;
}

static int shape_node(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in, const struct ak_node *in2)
{
	uint64_t total;
	int err;

	switch (n->op) {
	case AK_OP_INPUT:
		return n->rank >= 1 && n->rank <= 4 ? 0 : bad_attr(diag, n, "input rank", n->rank, "1 to 4");
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		return shape_conv(diag, n, in);
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
		if (in->rank != in2->rank || memcmp(in->dims, in2->dims, in->rank * sizeof(in->dims[0])))
			return shape_error(diag, n, "adds inputs of different shapes", in);
		same_shape(n, in);
		return 0;
	case AK_OP_FLATTEN:
		total = elements(in);
		memset(n->dims, 0, sizeof(n->dims));
		n->rank = 1;
		n->dims[0] = (uint32_t)total;
		return 0;
	case AK_OP_RESHAPE:
		return shape_reshape(diag, n, in);
	case AK_OP_ZEROPAD:
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
		return bad_attr(diag, n, "epsilon", (double)n->epsilon, "0 to 1000");
	if (n->op == AK_OP_RESCALING && (!isfinite(n->scale) || !isfinite(n->offset)))
		return bad_attr(diag, n, "scale", (double)n->scale, "finite");
	if (n->op == AK_OP_RELU && n->bounded && !finite_in((double)n->max_value, 0, 1e30))
		return bad_attr(diag, n, "max_value", (double)n->max_value, "0 or more");
	if (n->op == AK_OP_RELU && (!isfinite(n->negative_slope) || !isfinite(n->relu_threshold)))
		return bad_attr(diag, n, "threshold", (double)n->relu_threshold, "finite");
	if (n->op == AK_OP_DROPOUT && !(n->rate >= 0 && n->rate < 1))
		return bad_attr(diag, n, "rate", (double)n->rate, "0 to below 1");
	return 0;
}

/* The weights Keras gives the layer, in get_weights() order. */
static uint32_t expected_weights(const struct ak_node *n, const struct ak_node *in, struct expected *e)
{
	size_t c = in && in->rank ? in->dims[in->rank - 1] : 0;
	size_t kh = n->kernel_h, kw = n->kernel_w, f = n->filters, dm = n->depth_multiplier;
	uint32_t k = 0;

	switch (n->op) {
	case AK_OP_CONV2D:
		e[k++] = (struct expected){"kernel", 4, {kh, kw, c / n->groups, f}};
		break;
	case AK_OP_SEPARABLE:
		e[k++] = (struct expected){"depthwise_kernel", 4, {kh, kw, c, dm}};
		e[k++] = (struct expected){"pointwise_kernel", 4, {1, 1, c * dm, f}};
		break;
	case AK_OP_DEPTHWISE:
		e[k++] = (struct expected){"depthwise_kernel", 4, {kh, kw, c, dm}};
		f = c * dm;
		break;
	case AK_OP_DENSE:
		e[k++] = (struct expected){"kernel", 2, {c, f}};
		break;
	case AK_OP_BATCHNORM:
		if (n->scale_on)
			e[k++] = (struct expected){"gamma", 1, {c}};
		if (n->center)
			e[k++] = (struct expected){"beta", 1, {c}};
		e[k++] = (struct expected){"moving_mean", 1, {c}};
		e[k++] = (struct expected){"moving_variance", 1, {c}};
		return k;
	default:
		return 0;
	}
	if (n->use_bias)
		e[k++] = (struct expected){"bias", 1, {f}};
	return k;
}

static int check_finite(struct akida_diag *diag, const struct ak_node *n, const struct ak_weight *w)
{
	bool variance = !strcmp(w->name, "moving_variance");

	for (size_t i = 0; i < w->count; i++) {
		if (!isfinite(w->data[i]))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name, "%s has %s at element %zu",
				       w->name, isnan(w->data[i]) ? "NaN" : "an infinity", i);
		if (variance && !(w->data[i] + n->epsilon > 0))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name,
				       "moving_variance plus epsilon is not positive at element %zu", i);
	}
	return 0;
}

static void print_dims(char *s, size_t bytes, uint32_t rank, const size_t *dims)
{
	size_t at = 0;

	s[0] = 0;
	for (uint32_t i = 0; i < rank && at < bytes; i++)
		at += (size_t)snprintf(s + at, bytes - at, "%s%zu", i ? "x" : "", dims[i]);
}

static int check_weight(struct akida_diag *diag, const struct ak_node *n, const struct expected *e,
			const struct ak_weight *w)
{
	char want[96], got[96];

	if (w->rank == e->rank && !memcmp(w->dims, e->dims, e->rank * sizeof(e->dims[0])))
		return check_finite(diag, n, w);
	print_dims(want, sizeof(want), e->rank, e->dims);
	print_dims(got, sizeof(got), w->rank, w->dims);
	return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name, "%s has shape %s, must be %s", e->name, got, want);
}

static int check_weights(struct akida_diag *diag, struct ak_node *n, const struct ak_node *in, bool create)
{
	struct expected e[AK_MAX_WEIGHTS];
	uint32_t count = expected_weights(n, in, e);
	int err;

	for (uint32_t i = 0; i < count; i++) {
		struct ak_weight *w = ak_node_weight(n, e[i].name);

		if (!w && create && n->weight_count == i) {
			err = ak_node_add_weight(n, e[i].name, e[i].rank, e[i].dims, &w);
			if (err)
				return ak_fail(diag, err, AK_RULE_GRAPH_SIZE, n->name, "%s cannot be allocated",
					       e[i].name);
			if (!strcmp(e[i].name, "gamma") || !strcmp(e[i].name, "moving_variance"))
				for (size_t k = 0; k < w->count; k++)
					w->data[k] = 1.0f;
		}
		if (!w)
			return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT_MISSING, n->name, "has no %s", e[i].name);
		err = check_weight(diag, n, &e[i], w);
		if (err)
			return err;
	}
	if (n->weight_count > count)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "has %u weights, its configuration needs %u", n->weight_count, count);
	return 0;
}

static int check_quant(struct akida_diag *diag, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;
	uint32_t channels = n->dims[n->rank - 1];

	if (!q->active || !q->has_output)
		return 0;
	if (q->out_bits < 1 || q->out_bits > 32)
		return bad_attr(diag, n, "output_quantizer bitwidth", q->out_bits, "1 to 32");
	if (!q->range_max || q->range_count != (q->out_per_axis ? channels : 1))
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "output_quantizer has %u ranges, must be %u", q->range_max ? q->range_count : 0,
			       q->out_per_axis ? channels : 1);
	for (uint32_t i = 0; i < q->range_count; i++)
		if (!isfinite(q->range_max[i]) || q->range_max[i] < 0 ||
		    (q->rescaling_rate && (!isfinite(q->rescaling_rate[i]) || !(q->rescaling_rate[i] > 0))))
			return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_NOT_FINITE, n->name,
				       "output_quantizer range or rate %u is not a positive number", i);
	return 0;
}

static int finish_node(struct akida_graph *g, uint32_t i, bool create, struct akida_diag *diag)
{
	struct ak_node *n = &g->nodes[i];
	uint32_t need = n->op == AK_OP_INPUT ? 0 : n->op == AK_OP_ADD ? 2 : 1;
	const struct ak_node *in;
	int err;

	if (n->input_count != need)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, n->name, "%s has %u inputs, must have %u",
			       ak_op_class(n->op), n->input_count, need);
	for (uint32_t k = 0; k < need; k++)
		if (n->inputs[k] >= i)
			return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_INPUTS, n->name, "depends on a later layer");
	in = need ? &g->nodes[n->inputs[0]] : NULL;
	fill_defaults(n);
	err = check_numbers(diag, n);
	if (!err)
		err = shape_node(diag, n, in, need == 2 ? &g->nodes[n->inputs[1]] : NULL);
	if (err)
		return err;
	for (uint32_t k = 0; k < n->rank; k++)
		if (!n->dims[k] || (n->rank > 1 && n->dims[k] > MAX_DIM))
			return bad_attr(diag, n, "output dimension", n->dims[k], "1 to 65536");
	if (elements(n) > MAX_ELEMENTS)
		return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_SIZE, n->name, "has more than %llu outputs for one sample",
			       (unsigned long long)MAX_ELEMENTS);
	err = check_weights(diag, n, in, create);
	return err ? err : check_quant(diag, n);
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
