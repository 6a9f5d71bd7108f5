/* SPDX-License-Identifier: MIT */
/*
 * A converted model (.akm files): layers with integer variables. Akida v1 models are chains with thresholds and steps,
 * Akida 2 models graphs of layers with scales and shifts.
 */
#ifndef AKIDA_MODEL_H
#define AKIDA_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include "status.h"

struct akida_model; /* immutable once built; may be shared between threads */

enum akida_layer_type {
	AKIDA_LAYER_INPUT_DATA = 1, /* numbers as in vendor model files */
	AKIDA_LAYER_INPUT_CONV = 2,
	AKIDA_LAYER_FULLY = 3,
	AKIDA_LAYER_CONV = 4,
	AKIDA_LAYER_SEPARABLE = 5,
	/* Akida 2; the vendor's numbers are not known, these are ours */
	AKIDA_LAYER_INPUT_CONV2D = 32,
	AKIDA_LAYER_CONV2D,
	AKIDA_LAYER_DEPTHWISE_CONV2D,
	AKIDA_LAYER_CONV2D_TRANSPOSE,
	AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE,
	AKIDA_LAYER_DENSE1D,
	AKIDA_LAYER_ADD,
	AKIDA_LAYER_CONCATENATE,
	AKIDA_LAYER_BUFFER_TEMP_CONV,
	AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV,
	AKIDA_LAYER_DEQUANTIZER,
	AKIDA_LAYER_STATEFUL_RECURRENT, /* of Akida Pico */
};
#define AKIDA_MAX_INBOUNDS 2u
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
	uint32_t inbounds;		 /* layers this one reads; 0: the input of the model */
	uint32_t inbound[AKIDA_MAX_INBOUNDS];
};

AKIDA_API int akida_model_load(const char *path, struct akida_model **out, struct akida_diag *diag);
/* From memory, copied. */
AKIDA_API int akida_model_parse(const void *bytes, size_t len, const char *name, struct akida_model **out,
				struct akida_diag *diag);
AKIDA_API int akida_model_save(const struct akida_model *m, const char *path, struct akida_diag *diag);
AKIDA_API void akida_model_destroy(struct akida_model *m);
AKIDA_API uint32_t akida_model_layers(const struct akida_model *m);
AKIDA_API int akida_model_layer(const struct akida_model *m, uint32_t i, struct akida_layer_info *info);
/* 1: Akida v1 (AKD1000, AKD1500); 2: Akida 2. */
AKIDA_API uint32_t akida_model_ip(const struct akida_model *m);
/* One input frame is uint8 (h, w, c), or int8 where this is true. */
AKIDA_API bool akida_model_input_signed(const struct akida_model *m);
/* h, w, c of one input frame and of one output frame. */
AKIDA_API void akida_model_input(const struct akida_model *m, uint32_t dims[3]);
AKIDA_API void akida_model_output(const struct akida_model *m, uint32_t dims[3]);
/*
 * predict: v1 out[i] = (potential[i] - shift[c]) / scale[c], Akida 2 out[i] = code[i] * scale[c]; frames x outputs. -EINVAL
 * when the last v1 layer activates or an Akida 2 model has no Dequantizer.
 */
AKIDA_API int akida_model_dequantize(const struct akida_model *m, const int32_t *potentials, size_t frames, float *out);

#endif
