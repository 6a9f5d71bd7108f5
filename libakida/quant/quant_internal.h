/* SPDX-License-Identifier: MIT */
/* The stages of akida_quantize, each on the graph the one before left. */
#ifndef AK_QUANT_INTERNAL_H
#define AK_QUANT_INTERNAL_H

#include <akida/quant.h>
#include "graph/graph.h"

/* Refuses every layer that has no quantized form (one record each): -EOPNOTSUPP. g is sanitized. */
int ak_quant_check_layers(const struct akida_graph *g, struct akida_diag *diag);
/*
 * Annotates every node (bit widths, buffers) and puts output quantizers where the next layer needs integers (reference:
 * quantization 2.8). Ranges are allocated and 1: "never calibrated". -ENOMEM.
 */
int ak_quant_place(struct akida_graph *g, const struct akida_quant_params *p);
/*
 * Moving maxima (2.6) of what the layers with an output quantizer give in float, over batches of samples. samples NULL:
 * p->num_samples random frames. -EINVAL for a wrong shape, -ERANGE for NaN or infinities.
 */
int ak_quant_calibrate(struct akida_graph *g, const struct akida_quant_params *p, const struct akida_array *samples,
		       struct akida_diag *diag);
/* Cross-layer equalization (2.7): ranges become (2^b - 1) / 2^k, the next kernel takes the difference. */
void ak_quant_equalize(struct akida_graph *g);

/* Ranges of the output quantizer, all 1, in the number its axis says; those that fit stay. -ENOMEM. */
int ak_quant_make_ranges(struct ak_node *n);
/* Quantizers by layer name (JSON) over those that are placed. -EILSEQ, -EINVAL (a name), -ERANGE, -EOPNOTSUPP. */
int ak_quant_apply_config(struct akida_graph *g, const char *json, struct akida_diag *diag);

/* Layers behind the last one that is quantized. */
struct ak_quant_tail {
	struct ak_node *nodes;
	uint32_t count, first, output; /* first: index of nodes[0] where it came from */
};
/* Takes the layers behind until off g. -EINVAL: no such layer, or another way leads around it. */
int ak_quant_take_tail(struct akida_graph *g, const char *until, struct ak_quant_tail *tail, struct akida_diag *diag);
/* Puts them back behind the last layer of g. */
int ak_quant_put_tail(struct akida_graph *g, struct ak_quant_tail *tail, struct akida_diag *diag);
void ak_quant_free_tail(struct ak_quant_tail *tail);

#endif
