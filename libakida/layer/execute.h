/* SPDX-License-Identifier: MIT */
/* Runs the layers of a whole model, v1 or Akida 2, one frame at a time. */
#ifndef AK_LAYER_EXECUTE_H
#define AK_LAYER_EXECUTE_H

#include "layer/layer.h"

struct ak_executor; /* all memory a model needs; borrows the model; one thread at a time */

/* Sees each layer's output right after it was computed: count values, activations or codes, or potentials. */
typedef void (*ak_execute_visit)(void *context, uint32_t layer, const int32_t *values, size_t count);

int ak_executor_create(const struct akida_model *m, struct ak_executor **out);
void ak_executor_destroy(struct ak_executor *e);
/* Forgets what BufferTempConv layers have seen. */
void ak_executor_reset(struct ak_executor *e);
/*
 * in: one frame, h*w*c bytes, two's complement where the model's input is signed. out: the last layer's values, may be
 * NULL. Allocates nothing.
 */
void ak_executor_frame(struct ak_executor *e, const uint8_t *in, int32_t *out, ak_execute_visit visit, void *context);

#endif
