/* SPDX-License-Identifier: MIT */
/*
 * The quantizers of one layer as the JSON object quant_config of QuantizeML (reference: quantization 1.3), and the
 * integer weights they stand for (2.3, and 3 for legacy CNN2SNN). Files keep float master weights and this object only.
 */
#ifndef AK_GRAPH_QUANT_CONFIG_H
#define AK_GRAPH_QUANT_CONFIG_H

#include "conf.h"
#include "json_text.h"

/* Whether QuantizeML gives the quantized class of op a quant_config at all. */
bool ak_quant_has_config(enum ak_op op);
/* What members that are missing stand for; n->quant becomes active. Ranges are left alone. */
void ak_quant_defaults(struct ak_node *n);
/*
 * Members of config over what n->quant says; config NULL changes nothing. -EOPNOTSUPP for members and axes that this
 * library does not know, -ERANGE for widths. Ranges of a new output_quantizer are the caller's to make.
 */
int ak_quant_config_apply(const struct ak_layer_conf *c, const cJSON *config, struct ak_node *n);
/* The object; members with their default are left out where QuantizeML does so. */
void ak_quant_config_print(struct ak_text *t, const struct ak_node *n);

/*
 * Integers of the weights of a layer with a kernel, from its float master weights. q: those of weights[0] in its order;
 * q_pw: of the pointwise_kernel, SEPARABLE only. scale: one float for each of the channels of the output, so that
 * weight = q * scale (SEPARABLE: the product of both parts, of which the depthwise one has a single scale).
 */
void ak_quant_weights(const struct ak_node *n, size_t channels, int8_t *q, int8_t *q_pw, float *scale);
/* Bits of the depthwise part of a SEPARABLE: as the pointwise part where nothing else is said. */
uint32_t ak_quant_dw_bits(const struct ak_node *n);

#endif
