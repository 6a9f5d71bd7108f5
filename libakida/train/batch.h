/* SPDX-License-Identifier: MIT */
/* From a data set to batches: order, conversion to float, augmentation. */
#ifndef AK_TRAIN_BATCH_H
#define AK_TRAIN_BATCH_H

#include <akida/data.h>
#include "chain.h"
#include "random.h"

/* Puts 0..n-1 in random order. */
void ak_batch_shuffle(uint32_t *order, uint32_t n, struct ak_random *r);
/*
 * Writes count samples x * scale + offset to out (n, h, w, c) float32; order: their numbers, or NULL for first, first + 1 ...
 * shift > 0: each image moves by up to shift pixels each way (from r), what comes in is the raw value 0.
 */
void ak_batch_fill(const struct ak_chain *chain, const struct akida_array *x, const uint32_t *order, size_t first,
		   uint32_t count, uint32_t shift, struct ak_random *r, float *out);

#endif
