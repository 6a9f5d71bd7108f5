/* SPDX-License-Identifier: MIT */
/* Quantization of a float graph as QuantizeML does it (reference: quantization 2), for Akida v1 and v2. */
#ifndef AKIDA_QUANT_H
#define AKIDA_QUANT_H

#include "graph.h"

struct akida_quant_params {
	uint32_t size;
	uint32_t input_weight_bits; /* 8 */
	uint32_t weight_bits;	    /* 4 or 2 for v1 (8 is accepted and refused later by v1 checks), 8 or 4 for v2 */
	uint32_t activation_bits;   /* 4, 2 or 1 for v1, 8 for v2 */
	uint32_t per_tensor;	    /* 1 for v1; 0: a range per channel where the next layer can take it */
	uint32_t num_samples;	    /* 1024: how many samples calibrate */
	uint32_t batch_size;	    /* 32 */
	uint32_t epochs;	    /* 1 */
	uint64_t seed;		    /* of random samples when none are given */
	uint32_t bound_relu; /* 1: a ReLU without max_value gets its calibrated range as max_value; 0 leaves it */
};
AKIDA_API void akida_quant_params_init(struct akida_quant_params *p); /* the v1 defaults above, 8/4/4 */

/* samples NULL: random ones, said in a note. The result is a new graph; the input is not changed. */
AKIDA_API int akida_quantize(const struct akida_graph *g, const struct akida_quant_params *p,
			     const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag);

#endif
