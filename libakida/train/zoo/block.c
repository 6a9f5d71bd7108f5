/* SPDX-License-Identifier: MIT */
/* Layer blocks: a layer, then pooling, normalization and ReLU under its name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "train/zoo/block.h"

float ak_zoo_relu(const struct ak_zoo *z, float v2)
{
	return z->p->akida_version == 1 ? 6 : v2;
}

struct ak_node *ak_zoo_add(struct ak_zoo *z, enum ak_op op, const char *name)
{
	struct ak_node *n;

	if (z->err)
		return NULL;
	n = ak_graph_add(z->g, op, name, &z->at, z->g->count ? 1 : 0);
	if (!n) {
		z->err = -ENOMEM;
		return NULL;
	}
	z->at = z->g->count - 1;
	return n;
}

/* A part of a block: "<name>/<part>". */
static struct ak_node *part(struct ak_zoo *z, enum ak_op op, const char *name, const char *what)
{
	char full[AK_NODE_NAME];

	snprintf(full, sizeof(full), "%.100s/%s", name, what);
	return ak_zoo_add(z, op, full);
}

static void window(struct ak_node *n, uint32_t kernel, uint32_t stride, bool same)
{
	n->kernel_h = n->kernel_w = kernel ? kernel : 1;
	n->stride_h = n->stride_w = stride ? stride : 1;
	n->dilation_h = n->dilation_w = n->groups = 1;
	n->same = same;
}

static void max_pool(struct ak_zoo *z, const char *name)
{
	struct ak_node *n = part(z, AK_OP_MAXPOOL, name, "maxpool");

	if (n)
		window(n, 2, 2, true);
}

static void norm(struct ak_zoo *z, const char *name)
{
	struct ak_node *n = part(z, AK_OP_BATCHNORM, name, "BN");

	if (!n)
		return;
	n->epsilon = 1e-3f;
	n->momentum = 0.99f;
	n->center = n->scale_on = true;
}

static void relu(struct ak_zoo *z, const char *name, float max)
{
	struct ak_node *n = part(z, AK_OP_RELU, name, "relu");

	if (!n || max == AK_ZOO_UNBOUNDED)
		return;
	n->bounded = true;
	n->max_value = max;
}

static void rest(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	if (b->pool == AK_ZOO_MAX_POOL)
		max_pool(z, name);
	if (b->pool == AK_ZOO_GLOBAL && !b->global_last)
		part(z, AK_OP_GAP, name, "global_avg");
	if (b->norm)
		norm(z, name);
	if (b->relu != 0)
		relu(z, name, b->relu);
	if (b->pool == AK_ZOO_GLOBAL && b->global_last)
		part(z, AK_OP_GAP, name, "global_avg");
}

void ak_zoo_input(struct ak_zoo *z, uint32_t rank, const uint32_t *dims, bool is_signed, float scale, float offset)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_INPUT, "input");

	if (!n)
		return;
	n->rank = rank;
	memcpy(n->dims, dims, rank * sizeof(*dims));
	n->input_u8 = !is_signed;
	n->input_i8 = is_signed;
	n = ak_zoo_add(z, AK_OP_RESCALING, "rescaling");
	if (!n)
		return;
	n->scale = 1 / scale;
	n->offset = offset;
}

static void plain_conv(struct ak_zoo *z, const char *name, uint32_t filters, uint32_t kernel, uint32_t stride,
		       bool same, bool bias)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_CONV2D, name);

	if (!n)
		return;
	window(n, kernel, stride, same);
	n->filters = filters;
	n->use_bias = bias;
}

void ak_zoo_conv(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	plain_conv(z, name, b->filters, b->kernel, b->stride, b->same, b->bias);
	rest(z, name, b);
}

static void depthwise(struct ak_zoo *z, enum ak_op op, const char *name, const struct ak_block *b, bool bias)
{
	struct ak_node *n = ak_zoo_add(z, op, name);

	if (!n)
		return;
	window(n, b->kernel, b->stride, b->same);
	n->depth_multiplier = 1;
	n->use_bias = bias;
}

static void names_of(const char *name, char dw[AK_NODE_NAME], char pw[AK_NODE_NAME])
{
	const char *slash = strrchr(name, '/');
	int folder = slash ? (int)(slash - name + 1) : 0;

	snprintf(dw, AK_NODE_NAME, "%.*sdw_%.100s", folder, name, name + folder);
	snprintf(pw, AK_NODE_NAME, "%.*spw_%.100s", folder, name, name + folder);
}

void ak_zoo_separable(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	char dw[AK_NODE_NAME], pw[AK_NODE_NAME];
	struct ak_node *n;

	if (z->p->akida_version == 1) {
		n = ak_zoo_add(z, AK_OP_SEPARABLE, name);
		if (!n)
			return;
		window(n, b->kernel, b->stride, b->same);
		n->filters = b->filters;
		n->depth_multiplier = 1;
		n->use_bias = b->bias;
		rest(z, name, b);
		return;
	}
	names_of(name, dw, pw);
	depthwise(z, AK_OP_DEPTHWISE, dw, b, false);
	plain_conv(z, pw, b->filters, 1, 1, true, b->bias);
	rest(z, pw, b);
}

void ak_zoo_dense(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_DENSE, name);

	if (!n)
		return;
	n->filters = b->filters;
	n->use_bias = b->bias;
	rest(z, name, b);
}

void ak_zoo_conv_transpose(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_CONV2D_TRANSPOSE, name);

	if (!n)
		return;
	window(n, b->kernel, b->stride, b->same);
	n->filters = b->filters;
	n->use_bias = b->bias;
	rest(z, name, b);
}

void ak_zoo_separable_transpose(struct ak_zoo *z, const char *name, const struct ak_block *b)
{
	char dw[AK_NODE_NAME], pw[AK_NODE_NAME];

	names_of(name, dw, pw);
	depthwise(z, AK_OP_DEPTHWISE_TRANSPOSE, dw, b, b->bias);
	plain_conv(z, pw, b->filters, 1, 1, false, b->bias);
	rest(z, pw, b);
}

void ak_zoo_conv3d(struct ak_zoo *z, const char *name, uint32_t frames, bool is_depthwise, const struct ak_block *b)
{
	uint32_t channels = ak_zoo_channels(z);
	struct ak_node *n;

	if (frames > 1) {
		n = part(z, AK_OP_ZEROPAD3D, name, "pad");
		if (!n)
			return;
		n->pad_t[0] = frames - 1;
	}
	n = ak_zoo_add(z, AK_OP_CONV3D, name);
	if (!n)
		return;
	window(n, b->kernel, b->stride, b->same);
	n->kernel_t = frames;
	n->stride_t = 1;
	n->filters = is_depthwise ? channels : b->filters;
	n->groups = is_depthwise ? channels : 1;
	n->use_bias = b->bias;
	rest(z, name, b);
}

void ak_zoo_dropout(struct ak_zoo *z, const char *name, float rate)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_DROPOUT, name);

	if (n)
		n->rate = rate;
}

void ak_zoo_reshape(struct ak_zoo *z, const char *name, uint32_t rank, const uint32_t *dims)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_RESHAPE, name);

	if (!n)
		return;
	n->rank = rank;
	memcpy(n->dims, dims, rank * sizeof(*dims));
}

/* One class: a sigmoid. */
void ak_zoo_softmax(struct ak_zoo *z, const char *name, uint32_t classes)
{
	struct ak_node *n = ak_zoo_add(z, AK_OP_ACTIVATION, name);

	if (n)
		n->act = classes == 1 ? AK_ACT_SIGMOID : AK_ACT_SOFTMAX;
}

uint32_t ak_zoo_channels(struct ak_zoo *z)
{
	struct ak_node *n;

	if (!z->err)
		z->err = ak_graph_build(z->g, z->diag);
	if (z->err)
		return 0;
	n = &z->g->nodes[z->at];
	return n->dims[n->rank - 1];
}
