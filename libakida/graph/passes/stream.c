/* SPDX-License-Identifier: MIT */
/*
 * A network over a clip of frames as one that takes a frame at a time: kernels over time that look back only become layers
 * with a FIFO (BufferTempConv), the others work on single frames. The outputs for frame after frame of a clip, from an empty
 * FIFO, are those for the clip.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "passes.h"

/* The frames before the first one are zeros, none is looked ahead, and rows and columns are left alone. */
static bool looks_back(const struct akida_graph *g, uint32_t pad)
{
	const struct ak_node *z = &g->nodes[pad];
	uint32_t next = ak_graph_only_consumer(g, pad);

	return z->op == AK_OP_ZEROPAD3D && !z->pad_t[1] && !z->pad[0] && !z->pad[1] && !z->pad[2] && !z->pad[3] &&
	       next != AK_NO_NODE && g->nodes[next].op == AK_OP_CONV3D && g->nodes[next].kernel_t == z->pad_t[0] + 1;
}

static bool over_time(const struct ak_node *n)
{
	return n->kernel_t > 1;
}

static bool conv_streams(const struct akida_graph *g, const struct ak_node *n)
{
	uint32_t channels = g->nodes[n->inputs[0]].dims[3];

	if (n->stride_t != 1 || (n->groups != 1 && (n->groups != channels || n->filters != channels)))
		return false;
	if (!over_time(n))
		return true;
	return n->kernel_h == 1 && n->kernel_w == 1 && n->stride_h == 1 && n->stride_w == 1 && !n->same &&
	       looks_back(g, n->inputs[0]);
}

static bool streams(const struct akida_graph *g, const struct ak_node *n)
{
	const struct ak_node *in = n->input_count ? &g->nodes[n->inputs[0]] : NULL;

	switch (n->op) {
	case AK_OP_CONV3D:
		return conv_streams(g, n);
	case AK_OP_ZEROPAD3D:
		return looks_back(g, (uint32_t)(n - g->nodes));
	case AK_OP_AVGPOOL3D:
		return n->kernel_t == 1 && n->stride_t == 1 && n->kernel_h == in->dims[1] &&
		       n->kernel_w == in->dims[2] && n->dims[1] == 1 && n->dims[2] == 1;
	case AK_OP_INPUT:
		return n->rank == 4;
	case AK_OP_RESCALING:
	case AK_OP_BATCHNORM:
	case AK_OP_RELU:
	case AK_OP_ACTIVATION:
	case AK_OP_SOFTMAX:
	case AK_OP_DROPOUT:
	case AK_OP_DENSE:
	case AK_OP_ADD:
		return n->rank == 4;
	default:
		return false;
	}
}

/* Memory of a kernel (t, h, w, channels, filters) stays as it is: one of h, w and t is all ones. */
static void make_conv(struct ak_node *n, uint32_t channels)
{
	struct ak_weight *w = &n->weights[0];
	bool depthwise = n->groups > 1;
	size_t kt = n->kernel_t, kh = n->kernel_h, kw = n->kernel_w, c = channels, f = n->filters;

	if (over_time(n)) {
		n->op = depthwise ? AK_OP_DEPTHWISE_BUFFER_TEMP_CONV : AK_OP_BUFFER_TEMP_CONV;
		w->rank = depthwise ? 2 : 4;
		memcpy(w->dims, depthwise ? (size_t[4]){kt, c, 0, 0} : (size_t[4]){1, 1, kt * c, f},
		       4 * sizeof(*w->dims));
		n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 0;
	} else {
		n->op = depthwise ? AK_OP_DEPTHWISE : AK_OP_CONV2D;
		w->rank = 4;
		memcpy(w->dims, depthwise ? (size_t[4]){kh, kw, c, 1} : (size_t[4]){kh, kw, c, f},
		       4 * sizeof(*w->dims));
		n->kernel_t = 0;
	}
	if (depthwise) {
		if (!over_time(n))
			snprintf(w->name, sizeof(w->name), "depthwise_kernel");
		n->filters = 0;
	}
	n->groups = depthwise && over_time(n) ? 0 : 1;
	n->stride_t = 0;
}

static void make_frame(struct ak_node *n, const struct ak_node *in)
{
	switch (n->op) {
	case AK_OP_INPUT:
		memmove(n->dims, n->dims + 1, 3 * sizeof(*n->dims));
		n->dims[3] = 0;
		n->rank = 3;
		break;
	case AK_OP_CONV3D:
		make_conv(n, in->dims[in->rank - 1]);
		break;
	case AK_OP_AVGPOOL3D:
		n->op = AK_OP_GAP;
		n->keepdims = true;
		n->kernel_t = n->stride_t = n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 0;
		n->same = false;
		break;
	default:
		break;
	}
}

int ak_pass_stream_frames(struct akida_graph *g)
{
	bool any = false;

	for (uint32_t i = 0; i < g->count; i++) {
		if (!streams(g, &g->nodes[i]))
			return 0;
		any |= g->nodes[i].op == AK_OP_CONV3D;
	}
	if (!any)
		return 0;
	for (uint32_t i = g->count; i-- > 0;)
		if (g->nodes[i].op == AK_OP_ZEROPAD3D)
			ak_graph_remove(g, i);
	/* channels are the last axis before and after, whichever of both a node behind sees */
	for (uint32_t i = 0; i < g->count; i++)
		make_frame(&g->nodes[i], i ? &g->nodes[g->nodes[i].inputs[0]] : NULL);
	return 0;
}
