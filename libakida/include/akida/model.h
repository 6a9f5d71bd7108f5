/* SPDX-License-Identifier: MIT */
/* A converted model: a chain of Akida v1 layers with integer weights, thresholds and steps (.akm files). */
#ifndef AKIDA_MODEL_H
#define AKIDA_MODEL_H

#include <stdint.h>
#include "status.h"

struct akida_model; /* immutable once built; may be shared between threads */

enum akida_layer_type {
	AKIDA_LAYER_INPUT_DATA = 1, /* numbers as in vendor model files */
	AKIDA_LAYER_INPUT_CONV = 2,
	AKIDA_LAYER_FULLY = 3,
	AKIDA_LAYER_CONV = 4,
	AKIDA_LAYER_SEPARABLE = 5,
};
enum akida_padding { AKIDA_PAD_VALID = 0, AKIDA_PAD_SAME = 1 };
enum akida_pool { AKIDA_POOL_NONE = 0, AKIDA_POOL_MAX = 1, AKIDA_POOL_GLOBAL_AVERAGE = 2 };

/* Read-only view of a layer for reports. Set size before the call. */
struct akida_layer_info {
	uint32_t size;
	enum akida_layer_type type;
	const char *name;      /* borrowed from the model */
	const char *type_name; /* "InputConv.", "Conv.", "Sep.Conv.", "Fully.", "InputData" */
	uint32_t in_h, in_w, in_c, out_h, out_w, out_c;
	uint32_t kernel_h, kernel_w, stride, filters;
	uint32_t pool, pool_size, pool_stride;
	uint32_t weights_bits, act_bits; /* act_bits 0: the layer hands out potentials */
	uint64_t parameters;		 /* weights (and thresholds: no) */
};

AKIDA_API int akida_model_load(const char *path, struct akida_model **out, struct akida_diag *diag);
/* From memory, copied. */
AKIDA_API int akida_model_parse(const void *bytes, size_t len, const char *name, struct akida_model **out,
				struct akida_diag *diag);
AKIDA_API int akida_model_save(const struct akida_model *m, const char *path, struct akida_diag *diag);
AKIDA_API void akida_model_destroy(struct akida_model *m);
AKIDA_API uint32_t akida_model_layers(const struct akida_model *m);
AKIDA_API int akida_model_layer(const struct akida_model *m, uint32_t i, struct akida_layer_info *info);
/* h, w, c of one input frame (uint8) and of one output frame. */
AKIDA_API void akida_model_input(const struct akida_model *m, uint32_t dims[3]);
AKIDA_API void akida_model_output(const struct akida_model *m, uint32_t dims[3]);
/* predict: out[i] = (potential[i] - shift[c]) / scale[c]; frames x outputs. -EINVAL when the last layer activates. */
AKIDA_API int akida_model_dequantize(const struct akida_model *m, const int32_t *potentials, size_t frames, float *out);

#endif
