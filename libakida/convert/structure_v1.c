/* SPDX-License-Identifier: MIT */
/*
 * How an Akida 1.0 network hangs together: one chain of blocks from the input to a last layer without activation, each
 * block in an order the hardware has (reference: quantization 6.2, 6.3). Also akida_check.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "block_v2.h"
#include "graph/legacy.h"
#include "rules.h"

void ak_v1_report(struct akida_diag *diag, enum akida_severity severity, enum ak_rule rule, const char *node,
		  const char *field, const char *value, const char *limit, const char *remedy)
{
	char text[640];

	snprintf(text, sizeof(text), "%.100s: %.30s is %.160s, Akida v1 has: %.200s", node, field, value, limit);
	ak_diag_add(diag, &(struct ak_finding){severity, rule, node, field, value, limit, text, remedy});
}

static uint32_t error(struct akida_diag *diag, enum ak_rule rule, const struct ak_node *n, const char *field,
		      const char *value, const char *limit, const char *remedy)
{
	ak_v1_report(diag, AKIDA_ERROR, rule, n->name, field, value, limit, remedy);
	return 1;
}

static uint32_t check_branches(const struct akida_graph *g, uint32_t i, struct akida_diag *diag)
{
	const struct ak_node *n = &g->nodes[i];
	uint32_t unused, consumers = ak_graph_consumers(g, i, &unused, 1), errors = 0;
	char value[16];

	if (n->input_count > 1) {
		snprintf(value, sizeof(value), "%u", n->input_count);
		errors += error(diag, AK_RULE_V1_BRANCH, n, "inbound layers", value, "1 (no branches)",
				"remove the skip connection, or use Akida v2");
	}
	if (consumers > 1) {
		snprintf(value, sizeof(value), "%u", consumers);
		errors += error(diag, AK_RULE_V1_BRANCH, n, "outbound layers", value, "1 (no branches)",
				"remove the branch, or use Akida v2");
	}
	return errors;
}

static uint32_t check_type(const struct ak_node *n, struct akida_diag *diag)
{
	static const char *const limit = "Conv2D, SeparableConv2D, Dense, bounded ReLU, 2x2 MaxPooling2D, "
					 "GlobalAveragePooling2D, Flatten, Reshape; Rescaling first";
	const char *type = ak_op_class(n->op);

	switch (n->op) {
	case AK_OP_DEPTHWISE:
		return error(diag, AK_RULE_V1_LAYER, n, "type", type, limit,
			     "use SeparableConv2D for the depthwise and the 1x1 convolution behind it");
	case AK_OP_AVGPOOL:
		return error(diag, AK_RULE_V1_LAYER, n, "type", type, limit,
			     "use GlobalAveragePooling2D, max pooling or a stride");
	case AK_OP_BATCHNORM:
		return error(diag, AK_RULE_V1_LAYER, n, "type", "BatchNormalization that cannot be folded", limit,
			     "put it directly behind a convolution or dense layer");
	case AK_OP_ZEROPAD:
		return error(diag, AK_RULE_V1_LAYER, n, "type", "ZeroPadding2D that is not \"same\" padding", limit,
			     "use padding=\"same\" in the convolution");
	case AK_OP_ACTIVATION:
	case AK_OP_SOFTMAX:
		return error(diag, AK_RULE_V1_LAYER, n, "type", type, limit,
			     "use a bounded ReLU; Softmax and Activation only at the end");
	case AK_OP_INPUT:
	case AK_OP_RESCALING:
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DENSE:
	case AK_OP_RELU:
	case AK_OP_MAXPOOL:
	case AK_OP_GAP:
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
	case AK_OP_DROPOUT:
	case AK_OP_DEQUANTIZER:
	case AK_OP_ADD: /* its branches are the offence */
	case AK_OP_CONCATENATE:
		return 0;
	default:
		return error(diag, AK_RULE_V1_LAYER, n, "type", type, limit, "use a layer of the list");
	}
}

static const char accepted[] = "Conv > ReLU, Conv > MaxPool > ReLU, Conv > GlobalAveragePooling > ReLU, Dense > ReLU";

/* A layer of a known type that stands where no block takes it. */
static uint32_t check_place(const struct ak_blocks *b, uint32_t i, struct akida_diag *diag)
{
	const struct ak_node *n = &b->graph->nodes[i];
	char value[AK_RULE_VALUE + 2 * AK_NODE_NAME];

	if (b->owner[i] || n->op == AK_OP_INPUT || n->op == AK_OP_ADD)
		return 0;
	if (n->op == AK_OP_RESCALING && b->graph->nodes[n->inputs[0]].op == AK_OP_INPUT)
		return 0; /* in its place; what follows it is the offence */
	snprintf(value, sizeof(value), "%s behind %s", ak_op_class(n->op), b->graph->nodes[n->inputs[0]].name);
	switch (n->op) {
	case AK_OP_RELU: {
		enum ak_op before = b->graph->nodes[n->inputs[0]].op;
		uint32_t errors = 0;

		if (before != AK_OP_ADD && before != AK_OP_CONCATENATE &&
		    before != AK_OP_DEPTHWISE) /* those are offences of their own */
			errors += error(diag, AK_RULE_V1_BLOCK, n, "order", value, accepted,
					"put the ReLU behind a convolution or dense layer, or behind its pooling");
		if (!n->bounded)
			errors += error(diag, AK_RULE_V1_RELU_BOUND, n, "max_value", "none", "a number",
					"bound the ReLU, for instance max_value=6");
		return errors;
	}
	case AK_OP_MAXPOOL:
	case AK_OP_GAP:
		return error(diag, AK_RULE_V1_BLOCK, n, "order", value, accepted,
			     "put the pooling directly behind a convolution, before its ReLU");
	case AK_OP_RESCALING:
		return error(diag, AK_RULE_V1_BLOCK, n, "order", value, "Rescaling first, then Conv2D",
			     "put Rescaling between the input and the first convolution");
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
		return error(diag, AK_RULE_V1_BLOCK, n, "order", value, "Flatten and Reshape before Dense",
			     "move or remove the reshape");
	default:
		return 0;
	}
}

/* Thresholds of a legacy network take the offset up. */
static uint32_t check_rescaling(const struct ak_node *n, bool legacy, struct akida_diag *diag)
{
	char value[48];

	if (n->op != AK_OP_RESCALING || ((n->offset == 0 || legacy) && n->scale > 0 && !n->scale_channels))
		return 0;
	snprintf(value, sizeof(value), "scale %g, offset %g", (double)n->scale, (double)n->offset);
	return error(diag, AK_RULE_V1_RESCALING, n, "scale", value, "a positive scale; an offset only before Conv2D",
		     "put Rescaling directly before a Conv2D");
}

/* The first block reads the input; a block in the middle ends in an activation; the last one does not. */
static uint32_t check_chain(const struct ak_blocks *b, uint32_t k, struct akida_diag *diag)
{
	const struct ak_block *blk = &b->block[k];
	bool last = blk->ends;
	uint32_t errors = 0;

	if (blk->on_input && blk->kind != AK_BLOCK_INPUT_CONV)
		errors += error(diag, AK_RULE_V1_FIRST, blk->neural, "first layer", ak_op_class(blk->neural->op),
				"Conv2D on 1 or 3 channels (InputData is not supported)",
				"start with a Conv2D on an image of 1 or 3 channels");
	if (last && blk->relu)
		errors += error(diag, AK_RULE_V1_LAST, blk->relu, "last layer",
				"an activation without output quantizer", "a convolution or Dense without activation",
				"end the network with a Dense without activation");
	if (last && !blk->relu && blk->pool && blk->pool->op == AK_OP_MAXPOOL)
		errors += error(diag, AK_RULE_V1_BLOCK, blk->pool, "order", "MaxPooling2D without ReLU", accepted,
				"put a bounded ReLU and another layer behind the pooling");
	if (last && !blk->relu && blk->kind == AK_BLOCK_INPUT_CONV)
		errors += error(diag, AK_RULE_V1_LAST, blk->neural, "last layer", "the input convolution",
				"a convolution or Dense behind it", "add a layer");
	if (blk->next && !blk->relu && blk->next->op != AK_OP_ADD)
		errors += error(diag, AK_RULE_V1_CONSECUTIVE, blk->neural, "next layer", blk->next->name,
				"an activation between two layers with weights", "put a bounded ReLU between");
	if (!last && blk->relu && b->quantized && !blk->relu->quant.has_output)
		errors += error(diag, AK_RULE_V1_QUANTIZER, blk->relu, "output quantizer", "none", "one on every ReLU",
				"quantize the float network again");
	if (b->quantized && !blk->neural->quant.active)
		errors += error(diag, AK_RULE_V1_QUANTIZER, blk->neural, "weights", "float", "quantized",
				"quantize the whole network");
	return errors;
}

uint32_t ak_check_v1(const struct ak_blocks *b, struct akida_diag *diag)
{
	const struct akida_graph *g = b->graph;
	uint32_t errors = 0, k = 0;

	if (!b->count) {
		ak_v1_report(diag, AKIDA_ERROR, AK_RULE_V1_EMPTY, g->name, "layers with weights", "0", "1 or more",
			     "add a Conv2D and a Dense");
		errors++;
	}
	if (g->nodes[0].rank != 3)
		errors += error(diag, AK_RULE_V1_FIRST, &g->nodes[0], "input", "not an image",
				"height, width, channels", "reshape the input outside of the network");
	for (uint32_t i = 0; i < g->count; i++) {
		errors += check_branches(g, i, diag);
		errors += check_type(&g->nodes[i], diag);
		errors += check_place(b, i, diag);
		errors += check_rescaling(&g->nodes[i], ak_graph_legacy(g), diag);
		if (k < b->count && b->block[k].neural == &g->nodes[i]) {
			errors += check_chain(b, k, diag);
			errors += ak_rules_v1_block(&b->block[k++], diag);
		}
	}
	return errors;
}

int akida_check(const struct akida_graph *g, const char *target, struct akida_diag *diag)
{
	struct ak_blocks blocks;
	int err;

	if (target && !strcmp(target, "akida2"))
		return ak_check_akida2(g, diag);
	if (!target || (strcmp(target, "akd1000") && strcmp(target, "akd1500")))
		return ak_fail(diag, -EINVAL, AK_RULE_V1_TARGET, NULL,
			       "%.64s is not a target: akd1000, akd1500, akida2", target ? target : "nothing");
	err = ak_blocks_split(g, &blocks, diag);
	if (!err)
		err = (int)ak_check_v1(&blocks, diag);
	ak_blocks_fini(&blocks);
	return err;
}
