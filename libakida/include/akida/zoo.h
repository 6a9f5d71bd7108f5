/* SPDX-License-Identifier: MIT */
/* The model zoo: the networks of the vendor's akida_models, built with initial weights. */
#ifndef AKIDA_ZOO_H
#define AKIDA_ZOO_H

#include "graph.h"

/* Zero, or NULL, means the network's default; a member that the network does not have must be zero. */
struct akida_zoo_params {
	uint32_t size;
	uint32_t
		akida_version; /* 1: fused separable convolutions, ReLU6; 2 (the default): split ones, ReLU3.75 or 7.5 */
	uint32_t classes;
	uint32_t image_size;	  /* pixels of a side */
	float alpha;		  /* width: (0, 4] */
	uint32_t anchors;	  /* boxes of a cell, yolo_base */
	const char *base_weights; /* .h5 of a trained network: weights are taken over by layer name and shape */
	const char *base_layer;	  /* akidanet_edge_imagenet: the layer of the base that is cut off, "classifier" */
	uint64_t seed;		  /* of the weights: equal seeds, equal networks */
};

/* Bits of akida_zoo_info.options: the members of akida_zoo_params that the network has. */
enum {
	AKIDA_ZOO_CLASSES = 1,
	AKIDA_ZOO_IMAGE_SIZE = 2,
	AKIDA_ZOO_ALPHA = 4,
	AKIDA_ZOO_ANCHORS = 8,
	AKIDA_ZOO_BASE = 16
};

struct akida_zoo_info {
	uint32_t size;
	const char *name, *help; /* static */
	bool v1, v2;		 /* Akida versions it exists for */
	uint32_t options;
	struct akida_zoo_params defaults;
	const uint32_t *image_sizes; /* those allowed, ending in 0; NULL without the option */
};

/* The networks, i = 0, 1, ...; -ENOENT behind the last one. */
AKIDA_API int akida_zoo_network(uint32_t i, struct akida_zoo_info *info);
/*
 * Builds a network by name. p NULL: the defaults. Kernels are drawn as Keras does (Glorot uniform; He normal and normal where
 * the original says so), biases zero, normalizations one and zero. The caller destroys *out, written on success only.
 * -ENOENT no such network, or a base without the layer; -EINVAL an option out of range or that the network does not have, or
 * a version it does not exist for; -EOPNOTSUPP a quantized base; errors of akida_graph_load; -ENOMEM.
 */
AKIDA_API int akida_zoo_create(const char *name, const struct akida_zoo_params *p, struct akida_graph **out,
			       struct akida_diag *diag);

#endif
