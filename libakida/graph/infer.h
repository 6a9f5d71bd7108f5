/* SPDX-License-Identifier: MIT */
/* Inference over a whole graph: float, and quantized with the integers that QuantizeML's layers would hold. */
#ifndef AK_GRAPH_INFER_H
#define AK_GRAPH_INFER_H

#include "graph.h"

/* Elements first .. first + count - 1 of an array of any type as float32. */
void ak_array_floats(const struct akida_array *a, size_t first, size_t count, float *out);
/* Frames in a (its first axis) when they fit the input: same shape, unit dimensions aside, or flat; else 0. */
size_t ak_graph_frames(const struct akida_graph *g, const struct akida_array *a);

/* Sees every node's output for n samples in order, right after it was computed. NULL: nobody looks. */
typedef void (*ak_infer_visit)(void *context, uint32_t node, const float *out, size_t n);
/*
 * Float inference of n samples (ignores quantizers), freeing each output after its last use. out (n * outputs) may be
 * NULL when only the visits matter. -ENOMEM.
 */
int ak_graph_infer(const struct akida_graph *g, const float *x, size_t n, ak_infer_visit visit, void *context,
		   float *out);

/* ---- quantized ---- */

struct ak_sim; /* integer weights and number types of a quantized graph; borrows the graph */

/* Integer output of a node for one sample: value = v * 2^-fb * scale, the last two per channel (last axis). */
struct ak_sim_values {
	const int64_t *v; /* NULL behind the Dequantizer */
	const int *fb;
	const float *scale;
	size_t count, channels;
};
typedef void (*ak_sim_visit)(void *context, uint32_t node, const struct ak_sim_values *values);

/* -EOPNOTSUPP names a layer without a quantized form. Destroy with ak_sim_destroy. */
int ak_sim_create(const struct akida_graph *g, struct ak_sim **out, struct akida_diag *diag);
void ak_sim_destroy(struct ak_sim *s);
/* Forgets the frames that layers over time have seen. */
void ak_sim_reset(struct ak_sim *s);
/*
 * One sample: x is truncated to uint8, or to int8 where the input is int8, as TensorFlow casts; outside of its range it
 * saturates. Layers over time see the samples of successive calls as consecutive frames.
 * out: outputs of the graph in float32. -ENOMEM.
 */
int ak_sim_run(struct ak_sim *s, const float *x, ak_sim_visit visit, void *context, float *out);

#endif
