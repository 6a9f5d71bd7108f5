/* SPDX-License-Identifier: MIT */
/*
 * The graph as Akida v1 sees it: blocks of a neural layer, its pooling and its activation (reference: quantization 6.3).
 * Splitting never fails on a strange network: what fits no block stays unclaimed, and the rules say so.
 */
#ifndef AK_CONVERT_BLOCK_H
#define AK_CONVERT_BLOCK_H

#include <akida/convert.h>
#include "graph/graph.h"

enum ak_block_kind { AK_BLOCK_INPUT_CONV = 1, AK_BLOCK_CONV = 2, AK_BLOCK_SEPARABLE = 4, AK_BLOCK_FULLY = 8 };

struct ak_block {
	enum ak_block_kind kind;
	const struct ak_node *neural;
	const struct ak_node *pool; /* MaxPooling2D or GlobalAveragePooling2D, or NULL */
	const struct ak_node *relu; /* or NULL */
	const struct ak_node *last; /* of the three, what the next block reads */
	const struct ak_node *next; /* the one node behind the block and reshapes; NULL at the end and at a branch */
	bool ends;		    /* the network ends here */
	uint32_t in_h, in_w, in_c;  /* fully: the map that is flattened */
	bool on_input;		    /* reads the network's input */
	float input_scale;	    /* of Rescaling, 1 without; on_input only */
	float input_offset;	    /* of Rescaling, legacy networks only: others have it in the bias */
};

struct ak_blocks {
	struct akida_graph
		*graph;		/* prepared copy the blocks point into: rewritten when float, cut at the Dequantizer */
	struct ak_block *block; /* in order of the network */
	uint32_t count;
	uint32_t *owner; /* [node] block that claims it + 1; 0: no block does */
	bool quantized;
};

/* Errors of graph/passes only; the caller calls ak_blocks_fini, also after an error. */
int ak_blocks_split(const struct akida_graph *g, struct ak_blocks *out, struct akida_diag *diag);
void ak_blocks_fini(struct ak_blocks *b);

/* Adds a record for every offence against the v1 tables; returns the number of errors. Rules: rules_v1.c. */
uint32_t ak_check_v1(const struct ak_blocks *b, struct akida_diag *diag);

/* The integer that InputConv pads with, from the aligned padding value of its convolution (quantization 2.4). */
int64_t ak_block_padding(const struct ak_block *b, uint32_t weight_bits);

#endif
