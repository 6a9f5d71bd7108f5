/* SPDX-License-Identifier: MIT */
/* Quantizers by layer name as JSON, {"conv": {"weight_quantizer": {"bitwidth": 4}, ..}, ..}: QuantizeML's dump_config. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "graph/quant_config.h"
#include "quant_internal.h"

int ak_quant_make_ranges(struct ak_node *n)
{
	struct ak_node_quant *q = &n->quant;
	uint32_t count = q->out_per_axis ? n->dims[n->rank - 1] : 1;
	float *ranges, *rates;

	if (q->range_max && q->range_count == count)
		return 0;
	ranges = malloc(count * sizeof(*ranges));
	rates = malloc(count * sizeof(*rates));
	if (!ranges || !rates) {
		free(ranges);
		free(rates);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < count; i++)
		ranges[i] = rates[i] = 1.0f; /* never calibrated */
	free(q->range_max);
	free(q->rescaling_rate);
	q->range_max = ranges;
	q->rescaling_rate = rates;
	q->range_count = count;
	return 0;
}

static struct ak_node *find_layer(struct akida_graph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->nodes[i].name, name))
			return &g->nodes[i];
	return NULL;
}

static int apply_layer(struct akida_graph *g, const cJSON *config, struct akida_diag *diag)
{
	struct ak_layer_conf c = {.diag = diag, .rule = AK_RULE_QUANT_CONFIG};
	struct ak_node *n = find_layer(g, config->string);
	int err;

	snprintf(c.name, sizeof(c.name), "%s", config->string);
	for (char *s = c.name; *s; s++)
		*s = (unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s;
	if (!n) {
		err = ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, c.name,
			      "the quantization config names a layer that the network does not have once it is "
			      "rewritten for quantization");
		ak_remedy(diag, "take the names from quantizeml config of a quantized network");
		return err;
	}
	if (!n->quant.active || !ak_quant_has_config(n->op))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, n->name, "a %s has no quantizers to configure",
			       ak_op_class(n->op));
	err = ak_quant_config_apply(&c, config, n);
	if (err || !n->quant.has_output)
		return err;
	return ak_quant_make_ranges(n) ? ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, n->name, "no memory for its ranges") : 0;
}

int ak_quant_apply_config(struct akida_graph *g, const char *json, struct akida_diag *diag)
{
	cJSON *root = cJSON_Parse(json);
	const cJSON *layer;
	int err = 0;

	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return ak_fail(diag, -EILSEQ, AK_RULE_QUANT_CONFIG, NULL,
			       "the quantization config is not a JSON object of layer names");
	}
	cJSON_ArrayForEach(layer, root)
	{
		err = apply_layer(g, layer, diag);
		if (err)
			break;
	}
	cJSON_Delete(root);
	return err;
}

int akida_quant_config(const struct akida_graph *g, char **json, struct akida_diag *diag)
{
	struct ak_text t = {0};
	bool any = false;

	*json = NULL;
	ak_text_put(&t, "{");
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];

		if (!n->quant.active || n->quant.legacy || !ak_quant_has_config(n->op))
			continue;
		ak_text_put(&t, any ? ",\n    " : "\n    ");
		ak_text_string(&t, n->name);
		ak_text_put(&t, ": ");
		ak_quant_config_print(&t, n);
		any = true;
	}
	ak_text_put(&t, "\n}\n");
	if (!any || t.failed) {
		free(t.s);
		return any ? ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for its configuration")
			   : ak_fail(diag, -EINVAL, AK_RULE_QUANT_CONFIG, g->name,
				     "has no layer that QuantizeML quantized");
	}
	*json = t.s;
	return 0;
}
