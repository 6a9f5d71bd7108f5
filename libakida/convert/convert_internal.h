/* SPDX-License-Identifier: MIT */
/* Between convert.c and the formulas of legacy networks. */
#ifndef AK_CONVERT_INTERNAL_H
#define AK_CONVERT_INTERNAL_H

#include "block.h"
#include "layer/layer.h"

struct ak_filter {
	float scale;	   /* in: one integer weight in float */
	float act_step;	   /* out; without activation what predictions are divided by */
	int64_t threshold; /* out */
};

/* in_scale: integers of the input for 1.0; positions: outputs that global pooling sums, else 1. */
void ak_legacy_filter(const struct ak_block *b, const struct akida_layer *l, uint32_t f, double in_scale,
		      uint32_t positions, struct ak_filter *out);

#endif
