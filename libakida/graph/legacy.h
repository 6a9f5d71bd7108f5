/* SPDX-License-Identifier: MIT */
/*
 * Networks quantized by legacy CNN2SNN (reference: quantization 3): their layers compute in float32 with weights and
 * activations that only take the values that quantizers have.
 */
#ifndef AK_GRAPH_LEGACY_H
#define AK_GRAPH_LEGACY_H

#include "graph.h"

/* Whether any layer has quantizers of legacy CNN2SNN. */
bool ak_graph_legacy(const struct akida_graph *g);
/* From one code to the next of a QuantizedReLU or ActivationDiscreteRelu: max_value / (2^bits - 1). */
float ak_legacy_step(const struct ak_node *relu);
/*
 * A copy whose weights are the values the quantizers make of them, for ak_graph_infer: activations are quantized by
 * ak_node_forward itself. with_quantizers false: the float weights, and plain bounded ReLUs instead of the quantized. -ENOMEM.
 */
int ak_legacy_effective(const struct akida_graph *g, bool with_quantizers, struct akida_graph **out);

#endif
