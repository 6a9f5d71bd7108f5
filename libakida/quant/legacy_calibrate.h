/* SPDX-License-Identifier: MIT */
/* Parts of the calibration of legacy networks. */
#ifndef AK_QUANT_LEGACY_CALIBRATE_H
#define AK_QUANT_LEGACY_CALIBRATE_H

#include <akida/quant.h>
#include "graph/graph.h"

/* A layer of a network as a product: rows of inputs with the kernel, (inputs, filters) row-major, plus bias. */
struct ak_rounding {
	struct ak_node *n;
	struct ak_weight *kernel;   /* of Conv2D and Dense; the pointwise one of a separable layer */
	const struct ak_node *relu; /* QuantizedReLU behind the layer that is compared with, or NULL */
	const float *in, *target; /* of all frames: what the quantized network gives, what the float one makes of it */
	const struct ak_node *in_node;
	size_t frames;
};

/*
 * Learns for each weight whether it is rounded up or down (quantization 3), so that the layer's outputs come closest to
 * target, and writes the weights that the layer's quantizer then rounds that way. -ENOMEM.
 */
int ak_adaround(struct ak_rounding *r, const struct akida_legacy_calibration *p);

#endif
