/* SPDX-License-Identifier: MIT */
/*
 * Layer blocks of the model zoo (reference model-zoo 2) and the networks made of them. A block appends to the end of the
 * network under construction; the first failure is kept in err and ends all further work.
 */
#ifndef AK_ZOO_BLOCK_H
#define AK_ZOO_BLOCK_H

#include <akida/zoo.h>
#include "graph/graph.h"

#define AK_ZOO_UNBOUNDED (-1.0f)

struct ak_zoo {
	struct akida_graph *g;
	const struct akida_zoo_params *p; /* every member set */
	struct akida_graph *base;	  /* of params.base_weights, or NULL */
	struct akida_diag *diag;
	uint32_t at; /* the newest node */
	int err;
};

enum ak_zoo_pool { AK_ZOO_NO_POOL, AK_ZOO_MAX_POOL, AK_ZOO_GLOBAL };

/* What a block adds to its layer. Zero: a layer alone, padding "valid", stride 1. */
struct ak_block {
	uint32_t filters, kernel; /* kernel 0: 1x1 */
	uint32_t stride;	  /* 0: 1 */
	bool same, bias, norm;
	enum ak_zoo_pool pool; /* max: 2x2 at stride 2, padding "same" */
	bool global_last;      /* the global average comes after the ReLU, else before the normalization */
	float relu;	       /* maximum; 0: none; AK_ZOO_UNBOUNDED */
};

/* ReLU maximum of this Akida version: 6 on v1, else the one given. */
float ak_zoo_relu(const struct ak_zoo *z, float v2);

/* The newest node with one input, `at`; NULL after a failure. */
struct ak_node *ak_zoo_add(struct ak_zoo *z, enum ak_op op, const char *name);
/* `input` and `rescaling`: y = x * (1 / scale) + offset; rank 3 (h, w, c) or 4 (t, h, w, c). Signed: int8, else uint8. */
void ak_zoo_input(struct ak_zoo *z, uint32_t rank, const uint32_t *dims, bool is_signed, float scale, float offset);
void ak_zoo_conv(struct ak_zoo *z, const char *name, const struct ak_block *b);
/* v1: one SeparableConv2D; v2: dw_<name> (no bias) and a 1x1 convolution pw_<name>, whose parts take its name. */
void ak_zoo_separable(struct ak_zoo *z, const char *name, const struct ak_block *b);
void ak_zoo_dense(struct ak_zoo *z, const char *name, const struct ak_block *b);
void ak_zoo_conv_transpose(struct ak_zoo *z, const char *name, const struct ak_block *b);
/* Depthwise transpose dw_<name> and a 1x1 convolution pw_<name>, a bias on both when b has one. */
void ak_zoo_separable_transpose(struct ak_zoo *z, const char *name, const struct ak_block *b);
/* Conv3D of kernel (t, k, k) and stride (1, s, s); more than one frame: causal, t - 1 zero frames in front. */
void ak_zoo_conv3d(struct ak_zoo *z, const char *name, uint32_t frames, bool depthwise, const struct ak_block *b);
void ak_zoo_dropout(struct ak_zoo *z, const char *name, float rate);
void ak_zoo_reshape(struct ak_zoo *z, const char *name, uint32_t rank, const uint32_t *dims);
void ak_zoo_softmax(struct ak_zoo *z, const char *name, uint32_t classes);
uint32_t ak_zoo_channels(struct ak_zoo *z); /* of the newest node; 0 after a failure */

/* ---- networks: classify.c ---- */
void ak_zoo_akidanet_body(struct ak_zoo *z, float scale, bool global);
void ak_zoo_akidanet18_body(struct ak_zoo *z, float scale, bool global, uint32_t stages[4]);
void ak_zoo_vgg_utk_face(struct ak_zoo *z);
void ak_zoo_gxnor_mnist(struct ak_zoo *z);
void ak_zoo_ds_cnn_kws(struct ak_zoo *z);
void ak_zoo_convtiny_gesture(struct ak_zoo *z);
void ak_zoo_convtiny_handy(struct ak_zoo *z);
void ak_zoo_mobilenet(struct ak_zoo *z);
void ak_zoo_akidanet(struct ak_zoo *z);
void ak_zoo_akidanet18(struct ak_zoo *z);
void ak_zoo_akidanet_edge(struct ak_zoo *z);
void ak_zoo_pointnet(struct ak_zoo *z);
/* ---- locate.c ---- */
void ak_zoo_yolo(struct ak_zoo *z);
void ak_zoo_centernet(struct ak_zoo *z);
void ak_zoo_unet(struct ak_zoo *z);
/* ---- temporal.c ---- */
void ak_zoo_tenn_dvs128(struct ak_zoo *z);
void ak_zoo_tenn_eye(struct ak_zoo *z);
void ak_zoo_tenn_jester(struct ak_zoo *z);

#endif
