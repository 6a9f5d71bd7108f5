/* SPDX-License-Identifier: MIT */
/* A float or quantized network as its author wrote it: Keras layers with float weights, in topological order. */
#ifndef AKIDA_GRAPH_H
#define AKIDA_GRAPH_H

#include <stdbool.h>
#include "data.h"

struct akida_graph;

struct akida_node_info {
	uint32_t size;
	const char *name, *class_name; /* "Conv2D"; borrowed */
	uint32_t rank;		       /* of the output without the batch axis */
	uint32_t dims[4];
	uint64_t parameters;
	uint32_t inbound;
	bool quantized;
	uint32_t weight_bits, act_bits; /* 0 when not quantized */
};

/* Recognises the file by content. .h5 (Keras 2, float or quantized by us) today; other kinds are refused by name. */
AKIDA_API int akida_graph_load(const char *path, struct akida_graph **out, struct akida_diag *diag);
/* Writes Keras .h5; a quantized graph is written as QuantizeML lays it out. Atomic. */
AKIDA_API int akida_graph_save(const struct akida_graph *g, const char *path, struct akida_diag *diag);
AKIDA_API void akida_graph_destroy(struct akida_graph *g);
AKIDA_API uint32_t akida_graph_nodes(const struct akida_graph *g);
AKIDA_API int akida_graph_node(const struct akida_graph *g, uint32_t i, struct akida_node_info *info);
AKIDA_API const char *akida_graph_name(const struct akida_graph *g);
AKIDA_API bool akida_graph_quantized(const struct akida_graph *g);
/* Input shape without batch; returns the rank (1 to 4). */
AKIDA_API uint32_t akida_graph_input(const struct akida_graph *g, uint32_t dims[4]);
/* Outputs per sample of the last layer. */
AKIDA_API size_t akida_graph_outputs(const struct akida_graph *g);
/*
 * Float inference. x: (n, input...) of any dtype, converted to float32 as is. out: n * outputs float32, caller-owned.
 * A quantized graph runs its float master weights with the quantizers simulated.
 */
AKIDA_API int akida_graph_forward(const struct akida_graph *g, const struct akida_array *x, float *out,
				  struct akida_diag *diag);

#endif
