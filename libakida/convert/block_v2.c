/* SPDX-License-Identifier: MIT */
/* Splitting a graph into Akida 2 layers. */
#include <errno.h>
#include <stdlib.h>
#include "base/diag.h"
#include "block_v2.h"
#include "graph/passes/passes.h"

static bool is_neural(enum ak_op op)
{
	return ak_op_weighted(op) && op != AK_OP_SEPARABLE;
}

static bool is_head(enum ak_op op)
{
	return is_neural(op) || op == AK_OP_ADD || op == AK_OP_CONCATENATE || op == AK_OP_DEQUANTIZER ||
	       op == AK_OP_STATEFUL_PROJECTION;
}

/* Layers that move values and compute nothing. */
static bool passes_through(enum ak_op op)
{
	return op == AK_OP_FLATTEN || op == AK_OP_RESHAPE || op == AK_OP_DROPOUT;
}

static void claim(struct ak_blocks2 *b, uint32_t node)
{
	b->owner[node] = b->count + 1;
}

/* Width of what node i hands out; a Concatenate hands out what it reads; 0: nothing quantizes it. */
static uint32_t codes_bits(const struct ak_blocks2 *b, uint32_t i)
{
	const struct ak_node *n = &b->g->nodes[i];

	while (n->op == AK_OP_CONCATENATE || passes_through(n->op))
		n = &b->g->nodes[n->inputs[0]];
	return n->quant.active && n->quant.has_output ? n->quant.out_bits : 0;
}

/* What the head reads: back over reshapes, Dropout and, at the input, Rescaling. */
static void find_input(struct ak_blocks2 *b, struct ak_block2 *blk, uint32_t k)
{
	const struct akida_graph *g = b->g;
	uint32_t i = g->nodes[blk->head].inputs[k];

	while (passes_through(g->nodes[i].op)) {
		claim(b, i);
		i = g->nodes[i].inputs[0];
	}
	if (g->nodes[i].op == AK_OP_RESCALING && g->nodes[g->nodes[i].inputs[0]].op == AK_OP_INPUT) {
		claim(b, i);
		i = g->nodes[i].inputs[0];
	}
	if (g->nodes[i].op == AK_OP_INPUT)
		claim(b, i);
	blk->in_node[k] = i;
	blk->in_bits[k] = g->nodes[i].op == AK_OP_INPUT ? AK_INPUT_BITS : codes_bits(b, i);
	blk->input[k] = g->nodes[i].op == AK_OP_INPUT || !b->owner[i] ? AK_NO_BLOCK : b->owner[i] - 1;
}

static void set_shape(struct ak_blocks2 *b, struct ak_block2 *blk)
{
	const struct ak_node *map = &b->g->nodes[blk->in_node[0]];
	bool flat = blk->n->op == AK_OP_DENSE || map->rank != 3;

	/* a convolution behind a reshape reads the reshaped map */
	if (is_neural(blk->n->op) && blk->n->op != AK_OP_DENSE)
		map = &b->g->nodes[blk->n->inputs[0]];
	if (blk->n->op == AK_OP_CONCATENATE)
		map = blk->n;
	if (blk->n->op != AK_OP_DENSE && map->rank == 2) { /* steps of time and channels */
		blk->in_h = 1;
		blk->in_w = map->dims[0];
		blk->in_c = map->dims[map->rank - 1];
		return;
	}
	flat = flat && map->rank != 3;
	blk->in_h = flat ? 1 : map->dims[0];
	blk->in_w = flat ? 1 : map->dims[1];
	blk->in_c = flat ? (uint32_t)ak_node_elements(map) : map->dims[2];
	blk->image = blk->n->op == AK_OP_CONV2D && b->g->nodes[blk->in_node[0]].op == AK_OP_INPUT &&
		     (blk->in_c == 1 || blk->in_c == 3) && !b->g->nodes[blk->in_node[0]].input_i8;
}

static bool has_output(const struct ak_node *n)
{
	return n->quant.active && n->quant.has_output;
}

/* The output quantizer of head i belongs to the activation by table that reads it, perhaps behind max pooling. */
static bool before_table(const struct akida_graph *g, uint32_t i)
{
	uint32_t next = ak_graph_only_consumer(g, i);

	if (next != AK_NO_NODE && g->nodes[next].op == AK_OP_MAXPOOL)
		next = ak_graph_only_consumer(g, next);
	return next != AK_NO_NODE && g->nodes[next].op == AK_OP_ACTIVATION;
}

/* The one node behind i when it is of this op, or AK_NO_NODE. */
static uint32_t followed_by(const struct akida_graph *g, uint32_t i, enum ak_op op)
{
	uint32_t next = i == AK_NO_NODE ? AK_NO_NODE : ak_graph_only_consumer(g, i);

	return next != AK_NO_NODE && g->nodes[next].op == op ? next : AK_NO_NODE;
}

/* Projection, recurrence, its real part, projection; false where the head is another kind of projection. */
static bool find_recurrent(struct ak_blocks2 *b, struct ak_block2 *blk)
{
	const struct akida_graph *g = b->g;
	uint32_t r = followed_by(g, blk->head, AK_OP_STATEFUL_RECURRENT), t = followed_by(g, r, AK_OP_EXTRACT_TOKEN);
	uint32_t p = followed_by(g, t, AK_OP_STATEFUL_PROJECTION);

	if (p == AK_NO_NODE || g->nodes[t].axis != 2 || g->nodes[t].token != 0)
		return false;
	claim(b, r);
	claim(b, t);
	claim(b, p);
	blk->recurrent = r;
	blk->out_node = p;
	blk->out_projection = &g->nodes[p];
	return true;
}

/* What follows the head and is folded into its layer. An output quantizer ends the layer. */
static void find_tail(struct ak_blocks2 *b, struct ak_block2 *blk)
{
	const struct akida_graph *g = b->g;
	uint32_t i = blk->head;

	claim(b, i);
	if (blk->out_projection)
		i = blk->out_node;
	blk->last = i;
	for (;;) {
		uint32_t next = ak_graph_only_consumer(g, i);
		const struct ak_node *n;
		bool act;

		if (next == AK_NO_NODE)
			break;
		n = &g->nodes[next];
		act = n->op == AK_OP_RELU || n->op == AK_OP_ACTIVATION;
		if (has_output(&g->nodes[i]) && !(i == blk->head && before_table(g, i)))
			break;
		if (n->op == AK_OP_DROPOUT || ak_node_moves_units_only(n, &g->nodes[i])) {
			claim(b, next);
			i = next;
			continue;
		}
		if (!is_neural(blk->n->op) && !(blk->out_projection && n->op == AK_OP_RELU))
			break;
		if (n->op == AK_OP_MAXPOOL && !blk->pool && !blk->act && !blk->global) {
			blk->pool = n;
		} else if (act && !blk->act) {
			blk->act = n;
			blk->act_node = next;
			blk->late_act = blk->global != NULL;
		} else if (n->op == AK_OP_GAP && !blk->global && !blk->pool) {
			blk->global = n;
		} else {
			break;
		}
		claim(b, next);
		blk->last = i = next;
	}
	while (i != g->output) {
		uint32_t next = ak_graph_only_consumer(g, i);

		if (next == AK_NO_NODE ||
		    (!passes_through(g->nodes[next].op) && g->nodes[next].op != AK_OP_DEQUANTIZER))
			break;
		if (g->nodes[next].op == AK_OP_DEQUANTIZER) {
			blk->ends = true;
			return;
		}
		i = next;
	}
	blk->ends = i == g->output;
}

int ak_blocks2_split(const struct akida_graph *g, struct ak_blocks2 *out, struct akida_diag *diag)
{
	int err;

	*out = (struct ak_blocks2){.g = g, .quantized = akida_graph_quantized(g)};
	if (!out->quantized) {
		err = ak_graph_sanitize(g, &out->own, diag);
		if (!err)
			err = ak_graph_fit(out->own, 2, diag);
		if (err)
			return err;
		out->g = g = out->own;
	}
	out->block = calloc(g->count, sizeof(*out->block));
	out->owner = calloc(g->count, sizeof(*out->owner));
	if (!out->block || !out->owner)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for %u layers", g->count);
	for (uint32_t i = 0; i < g->count; i++) {
		struct ak_block2 *blk = &out->block[out->count];

		if (!is_head(g->nodes[i].op) || out->owner[i])
			continue;
		*blk = (struct ak_block2){.head = i, .n = &g->nodes[i]};
		if (blk->n->op == AK_OP_STATEFUL_PROJECTION && !find_recurrent(out, blk))
			continue;
		blk->inputs = blk->n->input_count;
		for (uint32_t k = 0; k < blk->inputs; k++)
			find_input(out, blk, k);
		set_shape(out, blk);
		find_tail(out, blk);
		out->count++;
		if (blk->n->op == AK_OP_DEQUANTIZER)
			break; /* what is behind it runs, if at all, in float on the host */
	}
	return 0;
}

void ak_blocks2_fini(struct ak_blocks2 *b)
{
	akida_graph_destroy(b->own);
	free(b->block);
	free(b->owner);
	*b = (struct ak_blocks2){0};
}
