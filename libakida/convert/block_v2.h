/* SPDX-License-Identifier: MIT */
/*
 * The graph as Akida 2 sees it (reference: quantization 6.3): layers with everything that is folded into them, each with
 * the layers it reads. Splitting never fails on a strange network: what fits no layer stays unclaimed, and the rules
 * (rules_v2.c) say so.
 */
#ifndef AK_CONVERT_BLOCK_V2_H
#define AK_CONVERT_BLOCK_V2_H

#include <akida/convert.h>
#include "graph/graph.h"

#define AK_NO_BLOCK UINT32_MAX
#define AK_INPUT_BITS 8u /* of the network's input */

struct ak_block2 {
	uint32_t head;		 /* node: neural, Add, Concatenate, Dequantizer */
	const struct ak_node *n; /* the same */
	const struct ak_node *pool, *act,
		*global;   /* MaxPooling2D, ReLU or Activation, GlobalAveragePooling2D; or NULL */
	uint32_t act_node; /* index of act */
	/* recurrent: the head is the input projection, then the recurrence, its real part and this one; else NULL */
	const struct ak_node *out_projection;
	uint32_t recurrent, out_node;
	uint32_t last; /* node whose values the layer hands out */
	bool late_act; /* the activation stands behind the global pooling */
	bool ends;     /* nothing but the Dequantizer reads it */
	uint32_t inputs;
	uint32_t input[AK_MAX_INPUTS];	 /* blocks; AK_NO_BLOCK: the network's input */
	uint32_t in_node[AK_MAX_INPUTS]; /* the nodes those hand out, or the InputLayer, behind reshapes and Dropout */
	uint32_t in_bits[AK_MAX_INPUTS]; /* width of their codes; 0: a layer before has no output quantizer */
	uint32_t in_h, in_w, in_c;	 /* Concatenate: of all its inputs together */
	bool image;			 /* takes the network's input as an image of 1 or 3 channels: InputConv2D */
};

struct ak_blocks2 {
	const struct akida_graph *g;
	struct akida_graph *own; /* a rewritten float network, else NULL */
	struct ak_block2 *block; /* in order of the graph */
	uint32_t count;
	uint32_t *owner; /* [node] block that claims it + 1; 0: none */
	bool quantized;
};

/* The caller calls ak_blocks2_fini, also after an error. Errors of graph/passes only. */
int ak_blocks2_split(const struct akida_graph *g, struct ak_blocks2 *out, struct akida_diag *diag);
void ak_blocks2_fini(struct ak_blocks2 *b);

/* Adds a record for every offence against the v2 tables; returns the number of errors. */
uint32_t ak_check_v2(const struct ak_blocks2 *b, struct akida_diag *diag);
/* akida_check for "akida2": the same, and what only the silicon lacks. */
int ak_check_akida2(const struct akida_graph *g, struct akida_diag *diag);

#endif
