/* SPDX-License-Identifier: MIT */
/* Splitting a graph into blocks. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include "base/diag.h"
#include "block.h"
#include "graph/fixedpoint.h"
#include "graph/legacy.h"
#include "graph/passes/passes.h"

static bool reshapes(enum ak_op op)
{
	return op == AK_OP_FLATTEN || op == AK_OP_RESHAPE;
}

/* Akida hands out integers; everything from the Dequantizer on runs, if at all, in float on the host. */
static int cut_at_dequantizer(struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = g->output;; i = g->nodes[i].inputs[0]) {
		const struct ak_node *n = &g->nodes[i];

		if (n->op == AK_OP_DEQUANTIZER)
			break;
		if (n->input_count != 1)
			return 0;
	}
	for (;;) {
		enum ak_op op = g->nodes[g->output].op;

		if (op != AK_OP_DEQUANTIZER)
			ak_note(diag, AKIDA_WARNING, AK_RULE_QUANT_HEAD, g->nodes[g->output].name,
				"%s behind the Dequantizer is left out", ak_op_class(op));
		if (ak_graph_remove(g, g->output) || op == AK_OP_DEQUANTIZER)
			return 0;
	}
}

/* Scales per filter make folding exact; with one scale for all a BatchNormalization stays and is refused. */
static bool can_fold(const struct akida_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node_quant *q = &g->nodes[i].quant;

		if (q->legacy && (q->legacy_weights == AK_LEGACY_MAX || q->legacy_weights == AK_LEGACY_STD))
			return false;
	}
	return true;
}

/* Legacy files keep the order of the author's layers. */
static int prepare_legacy(struct akida_graph *g)
{
	int err = ak_pass_pool_before_relu(g);

	if (!err && can_fold(g))
		err = ak_pass_batchnorm_before_pool(g);
	if (!err && can_fold(g))
		err = ak_pass_fold_batchnorm(g);
	return err ? err : ak_pass_merge_reshapes(g);
}

static int prepare(const struct akida_graph *g, struct ak_blocks *b, struct akida_diag *diag)
{
	int err;

	b->quantized = akida_graph_quantized(g);
	if (!b->quantized) {
		err = ak_graph_sanitize(g, &b->graph, diag);
		return err ? err : ak_graph_fit(b->graph, 1, diag);
	}
	err = ak_graph_clone(g, &b->graph);
	if (!err)
		err = cut_at_dequantizer(b->graph, diag);
	if (!err)
		err = ak_pass_remove_dropout(b->graph);
	if (!err && ak_graph_legacy(b->graph))
		err = prepare_legacy(b->graph);
	if (!err)
		err = ak_graph_finish(b->graph, diag);
	return err;
}

static bool neural_kind(enum ak_op op, enum ak_block_kind *kind)
{
	*kind = op == AK_OP_CONV2D ? AK_BLOCK_CONV : op == AK_OP_SEPARABLE ? AK_BLOCK_SEPARABLE : AK_BLOCK_FULLY;
	return op == AK_OP_CONV2D || op == AK_OP_SEPARABLE || op == AK_OP_DENSE;
}

static void claim(struct ak_blocks *b, uint32_t node)
{
	b->owner[node] = b->count + 1;
}

/* Walks back over reshapes to the map the block reads, and over Rescaling to the input. */
static void find_input(struct ak_blocks *b, struct ak_block *blk, uint32_t neural)
{
	const struct akida_graph *g = b->graph;
	uint32_t i = g->nodes[neural].inputs[0];
	const struct ak_node *map = &g->nodes[i];
	bool dense = blk->kind == AK_BLOCK_FULLY;

	while (reshapes(g->nodes[i].op) &&
	       (dense || ak_node_moves_units_only(&g->nodes[i], &g->nodes[g->nodes[i].inputs[0]]))) {
		claim(b, i);
		i = g->nodes[i].inputs[0];
	}
	if (dense)
		map = &g->nodes[i];
	blk->in_h = map->rank == 3 ? map->dims[0] : 1;
	blk->in_w = map->rank == 3 ? map->dims[1] : 1;
	blk->in_c = map->rank == 3 ? map->dims[2] : (uint32_t)ak_node_elements(map);
	blk->input_scale = 1.0f;
	if (g->nodes[i].op == AK_OP_RESCALING && g->nodes[g->nodes[i].inputs[0]].op == AK_OP_INPUT) {
		blk->input_scale = g->nodes[i].scale;
		blk->input_offset = g->nodes[i].offset;
		claim(b, i);
		i = g->nodes[i].inputs[0];
	}
	blk->on_input = g->nodes[i].op == AK_OP_INPUT;
	if (blk->on_input)
		claim(b, i);
}

static void find_tail(struct ak_blocks *b, struct ak_block *blk, uint32_t neural)
{
	const struct akida_graph *g = b->graph;
	uint32_t next = ak_graph_only_consumer(g, neural), last = neural;

	claim(b, neural);
	if (next != AK_NO_NODE && blk->kind != AK_BLOCK_FULLY &&
	    (g->nodes[next].op == AK_OP_MAXPOOL || g->nodes[next].op == AK_OP_GAP)) {
		blk->pool = &g->nodes[next];
		claim(b, next);
		last = next;
		next = ak_graph_only_consumer(g, next);
	}
	while (next != AK_NO_NODE && ak_node_moves_units_only(&g->nodes[next], &g->nodes[last])) {
		claim(b, next);
		last = next;
		next = ak_graph_only_consumer(g, next);
	}
	if (next != AK_NO_NODE && g->nodes[next].op == AK_OP_RELU) {
		blk->relu = &g->nodes[next];
		claim(b, next);
		last = next;
		next = ak_graph_only_consumer(g, next);
	}
	blk->last = &g->nodes[last];
	while (next != AK_NO_NODE && reshapes(g->nodes[next].op)) {
		last = next;
		next = ak_graph_only_consumer(g, next);
	}
	blk->ends = last == g->output;
	blk->next = next == AK_NO_NODE ? NULL : &g->nodes[next];
}

int ak_blocks_split(const struct akida_graph *g, struct ak_blocks *out, struct akida_diag *diag)
{
	int err;

	*out = (struct ak_blocks){0};
	err = prepare(g, out, diag);
	if (err)
		return err;
	out->block = calloc(out->graph->count, sizeof(*out->block));
	out->owner = calloc(out->graph->count, sizeof(*out->owner));
	if (!out->block || !out->owner)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for %u layers", out->graph->count);
	for (uint32_t i = 0; i < out->graph->count; i++) {
		struct ak_block *blk = &out->block[out->count];

		blk->neural = &out->graph->nodes[i];
		if (!neural_kind(blk->neural->op, &blk->kind))
			continue;
		find_input(out, blk, i);
		find_tail(out, blk, i);
		if (blk->on_input && blk->kind == AK_BLOCK_CONV)
			blk->kind = AK_BLOCK_INPUT_CONV;
		out->count++;
	}
	return 0;
}

void ak_blocks_fini(struct ak_blocks *b)
{
	akida_graph_destroy(b->graph);
	free(b->block);
	free(b->owner);
	*b = (struct ak_blocks){0};
}

int64_t ak_block_padding(const struct ak_block *b, uint32_t weight_bits)
{
	float pad = b->neural->padded ? b->neural->pad_value : 0;

	if (b->neural->quant.legacy) /* what the input has for 0.0 (4.2) */
		return (int64_t)(-b->input_offset / b->input_scale);
	return ak_fx_align(pad, fabsf(pad), b->input_scale, 0, (int)weight_bits - 1, 16).aligned;
}
