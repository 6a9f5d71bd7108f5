/* SPDX-License-Identifier: MIT */
/* Thresholds and steps of networks quantized by legacy CNN2SNN (reference: quantization 4.2). */
#include <math.h>
#include "convert_internal.h"
#include "graph/legacy.h"

/* Sum of the integer weights that make output f. */
static double weight_sum(const struct akida_layer *l, uint32_t f)
{
	size_t count = ak_layer_weight_count(l);
	double sum = 0;

	for (size_t i = f; i < count; i += l->filters)
		sum += l->weights[i];
	return sum;
}

void ak_legacy_filter(const struct ak_block *b, const struct akida_layer *l, uint32_t f, double in_scale,
		      uint32_t positions, struct ak_filter *out)
{
	const struct ak_weight *bias = ak_node_weight(b->neural, "bias");
	double delta = 1.0 / (double)out->scale, step = b->relu ? (double)ak_legacy_step(b->relu) : 1.0;
	double threshold = in_scale * delta * ((b->relu ? step / 2 : 0) - (bias ? (double)bias->data[f] : 0));
	double factor = b->relu ? ldexp(1.0, (int)b->relu->quant.out_bits) / 16 : 1.0;

	if (b->kind == AK_BLOCK_INPUT_CONV)
		threshold += -(double)b->input_offset / (double)b->input_scale * weight_sum(l, f);
	out->threshold = (int64_t)floor(threshold * positions);
	out->act_step = (float)(in_scale * delta * step * factor * positions);
}
