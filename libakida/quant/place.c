/* SPDX-License-Identifier: MIT */
/* Which layers can be quantized, with what widths, and where the output quantizers go. */
#include <errno.h>
#include <stdlib.h>
#include "base/diag.h"
#include "graph/passes/passes.h"
#include "graph/quant_config.h"
#include "quant_internal.h"

#define SCALE_BITS 8
#define BUFFER_BITS 32
#define STATE_BITS 16 /* of a recurrent layer */
#define TABLE_BITS 11 /* in front of an activation by table */

static bool has_kernel(enum ak_op op)
{
	return ak_op_weighted(op) || op == AK_OP_STATEFUL_PROJECTION;
}

static const char *layer_remedy(enum ak_op op)
{
	switch (op) {
	case AK_OP_BATCHNORM:
		return "put the batch normalization directly behind a convolution or dense layer, before activation "
		       "and pool";
	case AK_OP_AVGPOOL:
		return "pool the whole map (GlobalAveragePooling2D) or use strides";
	case AK_OP_ZEROPAD:
		return "use padding=\"same\" in the convolution";
	case AK_OP_ACTIVATION:
		return "use ReLU with a max_value; for Akida 2 also gelu, swish, hard_silu or leaky_relu behind a "
		       "convolution";
	case AK_OP_SOFTMAX:
	case AK_OP_RELU:
		return "use ReLU with a max_value, without slope and threshold";
	case AK_OP_RESCALING:
		return "put Rescaling first, right before a convolution";
	default:
		return "replace the layer";
	}
}

/* Activations that have a table: their producer hands out 11 bits, every one of which has an entry. */
static bool has_table(enum ak_activation act)
{
	return act == AK_ACT_GELU || act == AK_ACT_GELU_TANH || act == AK_ACT_SILU || act == AK_ACT_HARD_SILU ||
	       act == AK_ACT_LEAKY_RELU;
}

/* A table stands behind a convolution of images, perhaps with max pooling between. */
static bool behind_convolution(const struct akida_graph *g, const struct ak_node *n)
{
	uint32_t i = n->inputs[0];

	if (g->nodes[i].op == AK_OP_MAXPOOL)
		i = g->nodes[i].inputs[0];
	switch (g->nodes[i].op) {
	case AK_OP_CONV2D:
	case AK_OP_DEPTHWISE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		return ak_graph_only_consumer(g, i) != AK_NO_NODE;
	default:
		return false;
	}
}

/* Why this node has no quantized form, or NULL. */
static const char *why_not(const struct akida_graph *g, const struct ak_node *n)
{
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		return n->depth_multiplier > 1 && n->op != AK_OP_CONV2D ? "has a depth multiplier" : NULL;
	case AK_OP_DENSE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
	case AK_OP_STATEFUL_RECURRENT:
	case AK_OP_EXTRACT_TOKEN:
	case AK_OP_MAXPOOL:
	case AK_OP_GAP:
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
	case AK_OP_INPUT:
		return NULL;
	case AK_OP_STATEFUL_PROJECTION:
		return n->dims[n->rank - 1] != n->filters ? "has an upshape that changes its channels" : NULL;
	case AK_OP_ADD:
		return n->input_count > 2 ? "has more than two inputs" : NULL;
	case AK_OP_CONCATENATE:
		return n->axis + 1 != n->rank ? "does not join channels" : NULL;
	case AK_OP_ACTIVATION:
		if (!has_table(n->act))
			return "has no quantized form";
		return behind_convolution(g, n) ? NULL : "with a table is not right behind a convolution";
	case AK_OP_RELU:
		return n->negative_slope != 0 || n->relu_threshold != 0 ? "has a slope or a threshold" : NULL;
	case AK_OP_RESCALING:
		if (g->nodes[n->inputs[0]].op != AK_OP_INPUT)
			return "is not the first layer";
		if (n->offset != 0)
			return "has an offset that the next layer cannot take over";
		return n->scale > 0 ? NULL : "has a scale that is not positive";
	default:
		return "has no quantized form";
	}
}

int ak_quant_check_layers(const struct akida_graph *g, struct akida_diag *diag)
{
	bool any = false;
	int err = 0;

	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];
		const char *why = why_not(g, n);

		any |= has_kernel(n->op);
		if (!why)
			continue;
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, n->name, "%s %s", ak_op_class(n->op), why);
		ak_remedy(diag, "%s", layer_remedy(n->op));
	}
	if (!any && !err)
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, g->name, "has no layer with weights to quantize");
	return err;
}

static bool needs_integers(enum ak_op op)
{
	return has_kernel(op) || op == AK_OP_ADD || op == AK_OP_FLATTEN || op == AK_OP_RESHAPE ||
	       op == AK_OP_CONCATENATE || op == AK_OP_ACTIVATION;
}

static bool can_own_quantizer(enum ak_op op)
{
	return has_kernel(op) || op == AK_OP_RELU || op == AK_OP_GAP || op == AK_OP_ADD || op == AK_OP_ACTIVATION ||
	       op == AK_OP_STATEFUL_RECURRENT;
}

static bool is_vector(const struct ak_node *n)
{
	uint32_t wide = 0;

	for (uint32_t i = 0; i < n->rank; i++)
		wide += n->dims[i] > 1;
	return wide <= 1;
}

/* What a reader asks of the output quantizer in front of it. */
enum need {
	NEED_ANY,
	NEED_ONE_RANGE, /* a Dense1D, which has no shifts to bring channels to one scale */
	NEED_TABLE,	/* an activation by table: one range, 11 bits */
};

static bool is_activation(enum ak_op op)
{
	return op == AK_OP_RELU || op == AK_OP_ACTIVATION;
}

static int add_output(struct akida_graph *g, struct ak_node *n, enum need need, const struct akida_quant_params *p)
{
	struct ak_node_quant *q = &n->quant;

	if (q->has_output) {
		if (need != NEED_ANY) { /* one range for all readers */
			q->out_per_axis = false;
			q->range_count = 1;
		}
		return 0;
	}
	q->out_bits = p->output_bits;
	q->out_signed = true;
	if (need == NEED_TABLE) {
		q->out_bits = TABLE_BITS;
	} else if (n->op == AK_OP_STATEFUL_RECURRENT) {
		q->out_bits = STATE_BITS;
	} else if (n->op == AK_OP_RELU) {
		q->out_bits = p->activation_bits;
		q->out_signed = p->activation_bits >= 8;
	} else if (n->op == AK_OP_ACTIVATION || (n->op == AK_OP_GAP && is_activation(g->nodes[n->inputs[0]].op))) {
		q->out_bits = p->activation_bits;
	}
	q->out_per_axis = !p->per_tensor && need == NEED_ANY && !is_vector(n) && n->op != AK_OP_STATEFUL_RECURRENT;
	q->scale_bits = SCALE_BITS;
	q->out_buffer_bits = BUFFER_BITS;
	q->has_output = true;
	return ak_quant_make_ranges(n);
}

/* Back from node i over layers that cannot own an output quantizer, into every branch, to those that can. */
static int require_output(struct akida_graph *g, uint32_t i, enum need need, const struct akida_quant_params *p)
{
	struct ak_node *n = &g->nodes[i];
	int err = 0;

	if (can_own_quantizer(n->op))
		return add_output(g, n, need, p);
	for (uint32_t k = 0; k < n->input_count && !err; k++)
		err = require_output(g, n->inputs[k], need, p);
	return err;
}

static void annotate(struct ak_node *n, const struct akida_quant_params *p, bool *first)
{
	if (n->op == AK_OP_INPUT) {
		n->input_u8 = !n->input_i8;
		return;
	}
	ak_quant_defaults(n);
	if (n->quant.buffer_bits > p->buffer_bits)
		n->quant.buffer_bits = p->buffer_bits;
	if (!has_kernel(n->op))
		return;
	n->quant.weight_bits = *first ? p->input_weight_bits : p->weight_bits;
	*first = false;
}

/* On request the network ends in codes, too: the last layer that can have an output quantizer gets one. */
static int place_last(struct akida_graph *g, const struct akida_quant_params *p)
{
	uint32_t i = g->output;
	int err;

	while (!can_own_quantizer(g->nodes[i].op) && g->nodes[i].input_count == 1)
		i = g->nodes[i].inputs[0];
	if (!can_own_quantizer(g->nodes[i].op) || g->nodes[i].quant.has_output)
		return 0;
	err = add_output(g, &g->nodes[i], NEED_ANY, p);
	g->nodes[i].quant.out_bits = p->last_output_bits;
	g->nodes[i].quant.scale_bits = p->last_output_bits >= 16 ? 16 : SCALE_BITS;
	return err;
}

int ak_quant_place(struct akida_graph *g, const struct akida_quant_params *p)
{
	bool first = true;

	for (uint32_t i = 0; i < g->count; i++)
		annotate(&g->nodes[i], p, &first);
	for (uint32_t i = g->count; i-- > 0;) {
		const struct ak_node *n = &g->nodes[i];
		uint32_t reader = n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE ? ak_graph_only_consumer(g, i) : i;
		bool dense = reader != AK_NO_NODE && g->nodes[reader].op == AK_OP_DENSE;
		enum need need = n->op == AK_OP_ACTIVATION ? NEED_TABLE : dense ? NEED_ONE_RANGE : NEED_ANY;

		for (uint32_t k = 0; needs_integers(n->op) && k < n->input_count; k++)
			if (require_output(g, n->inputs[k], need, p))
				return -ENOMEM;
	}
	return p->last_output_bits ? place_last(g, p) : 0;
}
