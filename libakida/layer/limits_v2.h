/* SPDX-License-Identifier: MIT */
/* What Akida 2.0 silicon has and arithmetic alone does not ask for (reference: quantization 7.2), in one place. */
#ifndef AK_LAYER_LIMITS_V2_H
#define AK_LAYER_LIMITS_V2_H

#include <stdbool.h>
#include <stdint.h>
#include "layer/layer.h"

enum ak_v2_family {
	AK_V2_INPUT_CONV,
	AK_V2_CONV,
	AK_V2_DEPTHWISE,
	AK_V2_TRANSPOSED, /* both forms */
	AK_V2_TEMPORAL,	  /* both forms */
	AK_V2_DENSE,
	AK_V2_JOIN, /* Add, Concatenate */
	AK_V2_OTHER /* InputData, Dequantizer */
};

#define AK_V2_INPUT_MIN 5u
#define AK_V2_INPUT_COLUMNS 384u
#define AK_V2_MAP 4096u
#define AK_V2_CHANNELS 2048u
#define AK_V2_FILTERS 2048u
#define AK_V2_INPUT_FILTERS 512u
#define AK_V2_FIFO_MIN 2u
#define AK_V2_FIFO_MAX 10u

bool ak_v2_kernel_fits(enum ak_v2_family f, uint32_t h, uint32_t w);
/* kernel: its size where it is square. */
bool ak_v2_stride_fits(enum ak_v2_family f, uint32_t kernel, uint32_t stride_h, uint32_t stride_w);
/* Max pooling behind a layer that has it at all. */
bool ak_v2_pool_fits(enum ak_v2_family f, uint32_t h, uint32_t w, uint32_t stride_h, uint32_t stride_w);
/* Global pooling of an h x w map. */
bool ak_v2_global_fits(enum ak_v2_family f, uint32_t h, uint32_t w);
bool ak_v2_weight_bits_fit(enum ak_v2_family f, uint32_t bits);
bool ak_v2_output_bits_fit(enum ak_v2_family f, uint32_t bits); /* of codes; sums of a last layer are wider */

enum ak_v2_family ak_v2_family_of(const struct akida_layer *l);
/* One finding for each offence of layer l against the limits above; returns how many. */
uint32_t ak_v2_check_limits(const struct akida_layer *l, struct akida_diag *diag);

#endif
