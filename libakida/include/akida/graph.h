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

/*
 * Recognises the file by content: .h5 of Keras 2 and 3, float or quantized by QuantizeML, legacy CNN2SNN or us; .keras of
 * Keras 2.13 on, float; float .onnx
 * (operator sets 7 to 17, docs/onnx.md); other kinds are refused by name. The caller destroys *out, which is written on
 * success only. An .h5 is read in a process of its own (fork), limited in time and memory. Thread safe.
 * -ENOENT and other codes of open; -EILSEQ damaged or malformed; -EOPNOTSUPP another kind, layer class, number type;
 * -EINVAL layers or weights that do not fit each other; -ERANGE absurd sizes, NaN, infinity; -ENOMEM. Each with a rule id
 * and the layer's name.
 */
AKIDA_API int akida_graph_load(const char *path, struct akida_graph **out, struct akida_diag *diag);
/*
 * Writes Keras 2.15 .h5; a quantized graph as QuantizeML lays it out. Atomic: path holds the whole model or what it held
 * before. Equal graphs give equal bytes. Thread safe. -EOPNOTSUPP: a layer without a class in the file; codes of open and
 * rename.
 */
AKIDA_API int akida_graph_save(const struct akida_graph *g, const char *path, struct akida_diag *diag);
/*
 * A copy of the float graph g that begins with Rescaling: x * scale + offset. For networks trained on scaled images, whose
 * quantized form takes the images as they are, uint8. The caller destroys *out, written on success only. -EINVAL: scale is
 * not positive, a number is not finite, or g is quantized or has a Rescaling there already; -ENOMEM.
 */
AKIDA_API int akida_graph_insert_rescaling(const struct akida_graph *g, float scale, float offset,
					   struct akida_graph **out, struct akida_diag *diag);
/*
 * A copy of g with the same weights for an input of other sizes (rank as before, batch not counted). The caller destroys
 * *out, written on success only. -EINVAL: another rank, or a layer whose weights or target shape depend on the size.
 */
AKIDA_API int akida_graph_resize(const struct akida_graph *g, uint32_t rank, const uint32_t *dims,
				 struct akida_graph **out, struct akida_diag *diag);
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
/* How far one layer's integers are from its float result on the same inputs. */
struct akida_difference {
	uint32_t size;
	uint32_t node;	  /* the last layer of those that are computed together: it owns the output quantizer */
	const char *name; /* borrowed from the graph */
	uint32_t bits;	  /* of the codes; 0: sums of the last layer, whose unit is 1/127 of the largest */
	double largest,
		mean;	  /* difference from float with the values of the integer weights, in codes (or that unit) */
	double saturated; /* share of outputs (0 to 1) beyond the largest or smallest code; compared with that code */
	double float_largest, float_mean; /* difference from float with the float weights */
};
/*
 * Runs the quantized graph g on the frames of x (1 to 256, consecutive for layers over time) and every layer once more in
 * float from the integers the layer before handed out. out has akida_graph_nodes members, *count of which are written.
 * -EINVAL: a float graph, or frames of another shape; errors of akida_graph_forward.
 */
AKIDA_API int akida_graph_compare(const struct akida_graph *g, const struct akida_array *x,
				  struct akida_difference *out, size_t *count, struct akida_diag *diag);
/*
 * Share of zeros (0 to 1) in each layer's float output over the frames of x, as akida_graph_forward takes them; zeros has
 * akida_graph_nodes members. A quantized graph runs its float master weights. Errors of akida_graph_forward.
 */
AKIDA_API int akida_graph_sparsity(const struct akida_graph *g, const struct akida_array *x, double *zeros,
				   struct akida_diag *diag);

#endif
