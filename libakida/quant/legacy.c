/* SPDX-License-Identifier: MIT */
/*
 * Quantization by the rules of legacy CNN2SNN (reference: quantization 3): weights by their maxima, activations by a
 * ceiling law with their own maximum; no calibration is needed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "graph/legacy.h"
#include "graph/passes/passes.h"
#include "quant_internal.h"

void akida_quant_legacy_params_init(struct akida_quant_legacy_params *p)
{
	*p = (struct akida_quant_legacy_params){.size = sizeof(*p),
						.input_weight_bits = -1,
						.weight_bits = 4,
						.activation_bits = 4,
						.fold_batchnorm = 1};
}

static bool weight_bits_ok(int32_t bits)
{
	return bits == 0 || bits == 2 || bits == 4 || bits == 8;
}

static int bad_bits(struct akida_diag *diag, const char *field, int32_t bits, const char *limit)
{
	char v[16], text[96];

	snprintf(v, sizeof(v), "%d", bits);
	snprintf(text, sizeof(text), "%s is %d, allowed: %s", field, bits, limit);
	ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
					       .rule = AK_RULE_QUANT_PARAMS,
					       .field = field,
					       .value = v,
					       .limit = limit,
					       .text = text});
	return -EINVAL;
}

static int check_params(const struct akida_quant_legacy_params *p, struct akida_diag *diag)
{
	if (!weight_bits_ok(p->weight_bits))
		return bad_bits(diag, "weight_quantization", p->weight_bits, "0 (float), 2, 4, 8");
	if (p->input_weight_bits != -1 && !weight_bits_ok(p->input_weight_bits))
		return bad_bits(diag, "input_weight_quantization", p->input_weight_bits, "-1, 0 (float), 2, 4, 8");
	if (p->activation_bits != 0 && p->activation_bits != 1 && p->activation_bits != 2 && p->activation_bits != 4)
		return bad_bits(diag, "activ_quantization", p->activation_bits, "0 (float), 1, 2, 4");
	return 0;
}

static int quantize_weights(struct ak_node *n, int32_t bits, struct akida_diag *diag)
{
	struct ak_node_quant *q = &n->quant;

	if (!bits)
		return q->active ? ak_fail(diag, -EINVAL, AK_RULE_QUANT_ALREADY, n->name,
					   "is quantized already and cannot become float again")
				 : 0;
	if (n->op != AK_OP_DENSE && (n->groups > 1 || (n->op == AK_OP_SEPARABLE && n->depth_multiplier > 1)))
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, n->name,
			       "groups and depth_multiplier must be 1 in a quantized layer");
	if (!q->active) {
		q->active = q->legacy = true;
		q->legacy_weights = AK_LEGACY_MAX_PER_AXIS;
		q->legacy_threshold = 3;
		if (n->op == AK_OP_SEPARABLE) {
			q->legacy_dw = AK_LEGACY_MAX;
			q->legacy_dw_threshold = 3;
		}
	}
	q->weight_bits = (uint32_t)bits;
	if (n->op == AK_OP_SEPARABLE)
		q->dw_weight_bits = (uint32_t)bits;
	return 0;
}

static int quantize_relu(struct ak_node *n, int32_t bits, struct akida_diag *diag)
{
	if (!bits)
		return n->quant.active ? ak_fail(diag, -EINVAL, AK_RULE_QUANT_ALREADY, n->name,
						 "is quantized already and cannot become float again")
				       : 0;
	if (n->relu_threshold != 0 || n->negative_slope != 0) {
		ak_note(diag, AKIDA_WARNING, AK_RULE_QUANT_LAYER, n->name,
			"a ReLU with a threshold or a slope is not quantized");
		return 0;
	}
	n->quant.active = n->quant.legacy = n->quant.has_output = true;
	n->quant.out_bits = (uint32_t)bits;
	if (!n->bounded)
		n->max_value = (float)((1u << bits) - 1);
	n->bounded = true;
	return 0;
}

static int quantize_layers(struct akida_graph *g, const struct akida_quant_legacy_params *p, struct akida_diag *diag)
{
	int32_t first = p->input_weight_bits < 0 ? p->weight_bits : p->input_weight_bits;
	bool any = false;
	int err = 0;

	for (uint32_t i = 0; i < g->count && !err; i++) {
		struct ak_node *n = &g->nodes[i];

		if (n->op == AK_OP_RELU) {
			err = quantize_relu(n, p->activation_bits, diag);
		} else if (n->op == AK_OP_CONV2D || n->op == AK_OP_SEPARABLE || n->op == AK_OP_DENSE) {
			err = quantize_weights(n, any ? p->weight_bits : first, diag);
			any = true;
		} else if (ak_op_weighted(n->op)) {
			err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, n->name,
				      "legacy CNN2SNN does not convert a %s", ak_op_class(n->op));
			ak_remedy(diag, "use SeparableConv2D, or quantizeml quantize");
		}
	}
	if (!err && !any)
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, g->name, "has no layer with weights to quantize");
	return err;
}

static int check_graph(const struct akida_graph *g, struct akida_diag *diag)
{
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];
		uint32_t readers[2];

		if (n->quant.active && !n->quant.legacy)
			return ak_fail(diag, -EINVAL, AK_RULE_QUANT_ALREADY, n->name, "is quantized by QuantizeML");
		if (n->input_count > 1 || ak_graph_consumers(g, i, readers, 2) > 1)
			return ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, n->name,
				       "legacy CNN2SNN has no branches: every layer has one input and one reader");
	}
	return 0;
}

static int fold(struct akida_graph *g, struct akida_diag *diag)
{
	int err = ak_pass_batchnorm_before_pool(g);

	if (!err)
		err = ak_pass_fold_batchnorm(g);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for folded weights");
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].op == AK_OP_BATCHNORM) {
			err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_QUANT_LAYER, g->nodes[i].name,
				      "cannot be folded into a layer with weights");
			ak_remedy(diag,
				  "put it right behind a layer with weights; before maxima gamma must be positive");
			return err;
		}
	return ak_graph_finish(g, diag);
}

int akida_quantize_legacy(const struct akida_graph *g, const struct akida_quant_legacy_params *params,
			  struct akida_graph **out, struct akida_diag *diag)
{
	struct akida_quant_legacy_params p;
	struct akida_graph *q = NULL;
	int err;

	*out = NULL;
	akida_quant_legacy_params_init(&p);
	if (params)
		memcpy(&p, params, params->size < sizeof(p) ? params->size : sizeof(p));
	err = check_params(&p, diag);
	if (!err)
		err = check_graph(g, diag);
	if (err)
		return err;
	err = ak_graph_clone(g, &q);
	if (!err)
		err = ak_pass_split_activations(q);
	if (err) {
		akida_graph_destroy(q);
		return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for a copy");
	}
	err = ak_graph_finish(q, diag);
	if (!err && p.fold_batchnorm)
		err = fold(q, diag);
	if (!err)
		err = quantize_layers(q, &p, diag);
	if (err)
		akida_graph_destroy(q);
	else
		*out = q;
	return err;
}
