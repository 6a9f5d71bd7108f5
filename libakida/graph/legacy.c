/* SPDX-License-Identifier: MIT */
/* What quantizers of legacy CNN2SNN make of weights; see legacy.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "legacy.h"
#include "quant_config.h"

bool ak_graph_legacy(const struct akida_graph *g)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (g->nodes[i].quant.legacy)
			return true;
	return false;
}

float ak_legacy_step(const struct ak_node *relu)
{
	return relu->max_value / (float)((1u << relu->quant.out_bits) - 1);
}

/* The values a quantizer makes of one kernel. */
static int quantize_kernel(struct ak_weight *w, enum ak_legacy_quantizer kind, uint32_t bits, float threshold)
{
	size_t channels = w->dims[w->rank - 1];
	struct ak_node one = {.op = AK_OP_DENSE, .weight_count = 1};
	int8_t *q = malloc(w->count);
	float *scale = malloc(channels * sizeof(*scale));
	bool done;

	one.weights[0] = *w;
	strcpy(one.weights[0].name, "kernel");
	one.quant = (struct ak_node_quant){
		.legacy = true, .legacy_weights = kind, .weight_bits = bits, .legacy_threshold = threshold};
	if (q && scale)
		ak_quant_weights(&one, channels, q, NULL, scale);
	for (size_t i = 0; q && scale && i < w->count; i++)
		w->data[i] = (float)q[i] * scale[i % channels];
	done = q && scale;
	free(q);
	free(scale);
	return done ? 0 : -ENOMEM;
}

static int quantize_weights(struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;
	struct ak_weight *pw = ak_node_weight(n, "pointwise_kernel");
	bool deviation = q->legacy_dw == AK_LEGACY_STD || q->legacy_dw == AK_LEGACY_STD_PER_AXIS;
	int err = 0;

	if (pw) /* its last axis is the multiplier, 1 */
		err = quantize_kernel(&n->weights[0], deviation ? AK_LEGACY_STD : AK_LEGACY_MAX, q->dw_weight_bits,
				      q->legacy_dw_threshold);
	return err ? err
		   : quantize_kernel(pw ? pw : &n->weights[0], q->legacy_weights, q->weight_bits, q->legacy_threshold);
}

int ak_legacy_effective(const struct akida_graph *g, bool with_quantizers, struct akida_graph **out)
{
	int err = ak_graph_clone(g, out);

	for (uint32_t i = 0; !err && i < g->count; i++) {
		struct ak_node *n = &(*out)->nodes[i];

		if (!n->quant.legacy)
			continue;
		if (!with_quantizers)
			n->quant = (struct ak_node_quant){0};
		else if (n->op != AK_OP_RELU)
			err = quantize_weights(n);
	}
	if (err) {
		akida_graph_destroy(*out);
		*out = NULL;
	}
	return err;
}
