/* SPDX-License-Identifier: MIT */
/* Spatiotemporal networks of the model zoo (reference model-zoo 4.13): unbounded ReLU, temporal kernels of five frames. */
#include <stdio.h>
#include "train/zoo/block.h"

#define FRAMES 5u

/* What differs between the networks. */
struct tenn {
	uint32_t input[4];
	bool is_signed, input_conv, spatial_first;
	float scale;
	uint32_t channels[5][3]; /* in, middle, out of each block */
	uint32_t depthwise_from; /* blocks from here on are depthwise and pointwise */
};

static void full(struct ak_zoo *z, const char *kind, uint32_t index, uint32_t frames, uint32_t filters)
{
	char name[40];

	snprintf(name, sizeof(name), "%s_full_%u", kind, index);
	ak_zoo_conv3d(z, name, frames, false,
		      &(struct ak_block){.filters = filters,
					 .kernel = frames > 1 ? 1 : 3,
					 .stride = frames > 1 ? 1 : 2,
					 .same = frames == 1,
					 .bias = true,
					 .norm = true,
					 .relu = AK_ZOO_UNBOUNDED});
}

static void depthwise(struct ak_zoo *z, const char *kind, uint32_t index, uint32_t frames, uint32_t filters)
{
	char name[40];

	snprintf(name, sizeof(name), "%s_dw_%u", kind, index);
	ak_zoo_conv3d(z, name, frames, true,
		      &(struct ak_block){.kernel = frames > 1 ? 1 : 3,
					 .stride = frames > 1 ? 1 : 2,
					 .same = frames == 1,
					 .norm = true,
					 .relu = AK_ZOO_UNBOUNDED});
	snprintf(name, sizeof(name), "%s_pw_%u", kind, index);
	ak_zoo_conv3d(z, name, 1, false,
		      &(struct ak_block){.filters = filters, .bias = true, .norm = true, .relu = AK_ZOO_UNBOUNDED});
}

static void body(struct ak_zoo *z, const struct tenn *t)
{
	ak_zoo_input(z, 4, t->input, t->is_signed, t->scale, 0);
	if (t->input_conv)
		ak_zoo_conv3d(z, "conv_input", 1, false,
			      &(struct ak_block){.filters = 8,
						 .kernel = 3,
						 .stride = 2,
						 .same = true,
						 .norm = true,
						 .relu = AK_ZOO_UNBOUNDED});
	for (uint32_t i = 0; i < 5; i++) {
		void (*part)(struct ak_zoo *, const char *, uint32_t, uint32_t, uint32_t) =
			i < t->depthwise_from ? full : depthwise;

		part(z, t->spatial_first ? "convs" : "convt", i, t->spatial_first ? 1 : FRAMES, t->channels[i][1]);
		part(z, t->spatial_first ? "convt" : "convs", i, t->spatial_first ? FRAMES : 1, t->channels[i][2]);
	}
}

/* The mean over space, then two dense layers for each frame. */
static void per_frame(struct ak_zoo *z, uint32_t units)
{
	struct ak_node *n;
	uint32_t h, w;

	if (!ak_zoo_channels(z))
		return;
	h = z->g->nodes[z->at].dims[1];
	w = z->g->nodes[z->at].dims[2];
	n = ak_zoo_add(z, AK_OP_AVGPOOL3D, "average_pool");
	if (!n)
		return;
	n->kernel_t = n->stride_t = 1;
	n->kernel_h = n->stride_h = h;
	n->kernel_w = n->stride_w = w;
	ak_zoo_dense(z, "dense_1", &(struct ak_block){.filters = units, .bias = true, .relu = AK_ZOO_UNBOUNDED});
	ak_zoo_dense(z, "dense_2", &(struct ak_block){.filters = z->p->classes, .bias = true});
}

void ak_zoo_tenn_dvs128(struct ak_zoo *z)
{
	static const struct tenn t = {
		.input = {15, 128, 128, 2},
		.is_signed = true,
		.input_conv = true,
		.scale = 1,
		.channels = {{8, 8, 16}, {16, 32, 48}, {48, 64, 80}, {80, 96, 112}, {112, 128, 256}},
		.depthwise_from = 2,
	};

	body(z, &t);
	per_frame(z, 256);
}

void ak_zoo_tenn_jester(struct ak_zoo *z)
{
	static const struct tenn t = {
		.input = {16, 100, 100, 3},
		.input_conv = true,
		.scale = 1,
		.channels = {{8, 20, 40}, {40, 80, 120}, {120, 160, 200}, {200, 240, 280}, {280, 320, 640}},
		.depthwise_from = 3,
	};

	body(z, &t);
	per_frame(z, 640);
}

void ak_zoo_tenn_eye(struct ak_zoo *z)
{
	static const struct tenn t = {
		.input = {50, 80, 106, 2},
		.is_signed = true,
		.spatial_first = true,
		.scale = 127,
		.channels = {{2, 8, 16}, {16, 32, 48}, {48, 64, 80}, {80, 96, 112}, {112, 128, 256}},
		.depthwise_from = 3,
	};

	body(z, &t);
	ak_zoo_conv3d(z, "head_convt_dw", FRAMES, true, &(struct ak_block){.norm = true, .relu = AK_ZOO_UNBOUNDED});
	ak_zoo_conv3d(z, "head_convt_pw", 1, false,
		      &(struct ak_block){.filters = 256, .norm = true, .relu = AK_ZOO_UNBOUNDED});
	ak_zoo_conv3d(z, "head_convs_dw", 1, true,
		      &(struct ak_block){.kernel = 3, .same = true, .relu = AK_ZOO_UNBOUNDED});
	ak_zoo_conv3d(z, "head_convs_pw", 1, false, &(struct ak_block){.filters = 3});
}
