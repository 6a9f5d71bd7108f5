/* SPDX-License-Identifier: MIT */
/* Quantizers of legacy CNN2SNN layers (reference: quantization 1.4). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "keras.h"
#include "keras_layer.h"

#define DISCRETE_MAX 6.0f /* of ActivationDiscreteRelu, where its levels reach that far */

static const struct {
	const char *name;
	enum ak_legacy_quantizer kind;
} quantizers[] = {
	{"StdWeightQuantizer", AK_LEGACY_STD}, {"StdPerAxisQuantizer", AK_LEGACY_STD_PER_AXIS},
	{"MaxQuantizer", AK_LEGACY_MAX},       {"MaxPerAxisQuantizer", AK_LEGACY_MAX_PER_AXIS},
	{"WeightQuantizer", AK_LEGACY_STD}, /* before 1.8.10 */
};

const char *ak_legacy_quantizer_name(enum ak_legacy_quantizer kind)
{
	for (size_t i = 0; i < sizeof(quantizers) / sizeof(quantizers[0]); i++)
		if (quantizers[i].kind == kind)
			return quantizers[i].name;
	return "";
}

bool ak_legacy_has(const cJSON *config)
{
	if (ak_conf_member(config, "quant_config"))
		return false;
	return ak_conf_member(config, "quantizer") || ak_conf_member(config, "quantizer_dw") ||
	       ak_conf_member(config, "bitwidth");
}

static int to_quantizer(const struct ak_layer_conf *c, const char *field, const cJSON *q,
			enum ak_legacy_quantizer *kind, uint32_t *bits, float *threshold)
{
	const cJSON *config = ak_conf_member(q, "config");
	const char *name = cJSON_GetStringValue(ak_conf_member(q, "class_name"));
	struct ak_layer_conf own = *c;
	int err;

	if (!name || !cJSON_IsObject(config))
		return ak_conf_bad(c, -EILSEQ, field, "is not a quantizer");
	name = strrchr(name, '>') ? strrchr(name, '>') + 1 : name;
	*kind = AK_LEGACY_NONE;
	for (size_t i = 0; i < sizeof(quantizers) / sizeof(quantizers[0]); i++)
		if (!strcmp(quantizers[i].name, name))
			*kind = quantizers[i].kind;
	if (*kind == AK_LEGACY_NONE)
		return ak_conf_bad(
			c, -EOPNOTSUPP, field,
			"is of a class that is not read: Std and Max quantizers, per tensor or per axis, are");
	own.config = config;
	err = ak_conf_uint(&own, "bitwidth", bits);
	if (!err && (*bits < 2 || *bits > 8))
		err = ak_conf_out_of_range(c, field, *bits, 2, 8);
	if (!err)
		err = ak_conf_float_or(&own, "threshold", 3, threshold);
	if (!err && !(*threshold > 0))
		err = ak_conf_bad(c, -ERANGE, field, "has a threshold that is not positive");
	return err;
}

static int parse_activation(const struct ak_layer_conf *c, bool discrete, struct ak_node *n)
{
	struct ak_node_quant *q = &n->quant;
	float levels;
	int err = ak_conf_uint(c, "bitwidth", &q->out_bits);

	if (!err && q->out_bits > 8)
		err = ak_conf_out_of_range(c, "bitwidth", q->out_bits, 1, 8);
	if (err)
		return err;
	levels = (float)((1u << q->out_bits) - 1);
	q->has_output = true;
	q->legacy_discrete = discrete;
	n->bounded = true;
	n->max_value = levels;
	if (discrete) {
		n->max_value = levels < DISCRETE_MAX ? levels : DISCRETE_MAX;
		return 0;
	}
	err = ak_conf_float_or(c, "max_value", levels, &n->max_value);
	return !err && !(n->max_value > 0) ? ak_conf_bad(c, -ERANGE, "max_value", "is not positive") : err;
}

int ak_legacy_parse(const struct ak_layer_conf *c, const char *class_name, struct ak_node *n)
{
	const cJSON *main = ak_conf_member(c->config, "quantizer"), *dw = ak_conf_member(c->config, "quantizer_dw");
	struct ak_node_quant *q = &n->quant;
	int err;

	q->active = q->legacy = true;
	if (n->op == AK_OP_RELU)
		return parse_activation(c, !strcmp(class_name, "ActivationDiscreteRelu"), n);
	if (n->op != AK_OP_CONV2D && n->op != AK_OP_SEPARABLE && n->op != AK_OP_DENSE)
		return ak_conf_bad(c, -EOPNOTSUPP, "quantizer", "of legacy CNN2SNN is not read for this class");
	if (!main)
		return ak_conf_bad(c, -EILSEQ, "quantizer", "is missing");
	err = to_quantizer(c, "quantizer", main, &q->legacy_weights, &q->weight_bits, &q->legacy_threshold);
	if (err || n->op != AK_OP_SEPARABLE)
		return err;
	/* very old files have one quantizer for both kernels */
	err = to_quantizer(c, "quantizer_dw", dw ? dw : main, &q->legacy_dw, &q->dw_weight_bits,
			   &q->legacy_dw_threshold);
	/* per axis is over the depth multiplier, which is 1: per tensor */
	if (!err && n->depth_multiplier != 1)
		err = ak_conf_bad(c, -EOPNOTSUPP, "depth_multiplier", "must be 1 with quantizers");
	return err;
}
