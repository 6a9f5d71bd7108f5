/* SPDX-License-Identifier: MIT */
/* Which layers can be quantized, with what widths, and where the output quantizers go. */
#include <errno.h>
#include <stdlib.h>
#include "base/diag.h"
#include "graph/passes/passes.h"
#include "quant_internal.h"

#define OUTPUT_BITS 8 /* outputs of layers that are not activations (2.1) */
#define BIAS_BITS 8
#define SCALE_BITS 8
#define CONV_BUFFER_BITS 28
#define BUFFER_BITS 32

static bool weighted(enum ak_op op)
{
	return op == AK_OP_CONV2D || op == AK_OP_SEPARABLE || op == AK_OP_DEPTHWISE || op == AK_OP_DENSE;
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
	case AK_OP_SOFTMAX:
	case AK_OP_RELU:
		return "use ReLU with a max_value, without slope and threshold";
	case AK_OP_RESCALING:
		return "put Rescaling first, right before a convolution";
	default:
		return "replace the layer";
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
	case AK_OP_MAXPOOL:
	case AK_OP_GAP:
	case AK_OP_ADD:
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
	case AK_OP_INPUT:
		return NULL;
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

		any |= weighted(n->op);
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
	return weighted(op) || op == AK_OP_ADD || op == AK_OP_FLATTEN || op == AK_OP_RESHAPE;
}

static bool can_own_quantizer(enum ak_op op)
{
	return weighted(op) || op == AK_OP_RELU || op == AK_OP_GAP || op == AK_OP_ADD;
}

static bool is_vector(const struct ak_node *n)
{
	uint32_t wide = 0;

	for (uint32_t i = 0; i < n->rank; i++)
		wide += n->dims[i] > 1;
	return wide <= 1;
}

/* for_dense: a Dense1D reads it, which has no shifts to bring channels to one scale. */
static int add_output(struct akida_graph *g, struct ak_node *n, bool for_dense, const struct akida_quant_params *p)
{
	struct ak_node_quant *q = &n->quant;

	if (q->has_output) {
		if (for_dense) { /* one range for all readers */
			q->out_per_axis = false;
			q->range_count = 1;
		}
		return 0;
	}
	q->out_bits = OUTPUT_BITS;
	q->out_signed = true;
	if (n->op == AK_OP_RELU) {
		q->out_bits = p->activation_bits;
		q->out_signed = p->activation_bits >= 8;
	} else if (n->op == AK_OP_GAP && g->nodes[n->inputs[0]].op == AK_OP_RELU) {
		q->out_bits = p->activation_bits;
	}
	q->out_per_axis = !p->per_tensor && !for_dense && !is_vector(n);
	q->scale_bits = SCALE_BITS;
	q->range_count = q->out_per_axis ? n->dims[n->rank - 1] : 1;
	q->range_max = malloc(q->range_count * sizeof(float));
	q->rescaling_rate = malloc(q->range_count * sizeof(float));
	if (!q->range_max || !q->rescaling_rate)
		return -ENOMEM;
	for (uint32_t i = 0; i < q->range_count; i++)
		q->range_max[i] = q->rescaling_rate[i] = 1.0f;
	q->has_output = true;
	return 0;
}

static void annotate(struct ak_node *n, const struct akida_quant_params *p, bool *first)
{
	bool conv = n->op == AK_OP_CONV2D || n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DENSE;

	if (n->op == AK_OP_INPUT) {
		n->input_u8 = true;
		return;
	}
	n->quant.active = true;
	n->quant.buffer_bits = conv ? CONV_BUFFER_BITS : BUFFER_BITS;
	if (weighted(n->op)) {
		n->quant.weight_bits = *first ? p->input_weight_bits : p->weight_bits;
		n->quant.bias_bits = BIAS_BITS;
		*first = false;
	}
	if (n->op == AK_OP_RELU)
		n->quant.max_value_bits = 8;
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

		for (uint32_t k = 0; needs_integers(n->op) && k < n->input_count; k++) {
			uint32_t owner = n->inputs[k];

			while (!can_own_quantizer(g->nodes[owner].op) && g->nodes[owner].input_count)
				owner = g->nodes[owner].inputs[0];
			if (can_own_quantizer(g->nodes[owner].op) && add_output(g, &g->nodes[owner], dense, p))
				return -ENOMEM;
		}
	}
	return 0;
}
