/* SPDX-License-Identifier: MIT */
/* Steps of training that need no library: loops over floats in any layout. */
#ifndef AK_TRAIN_PLAIN_H
#define AK_TRAIN_PLAIN_H

#include <stddef.h>
#include <stdint.h>

/*
 * dst = src with each value dropped (zero) at this rate and the others scaled by 1 / (1 - rate); mask tells which stayed. first:
 * values of the same batch that lie in front of these, elsewhere.
 */
void ak_plain_drop(const float *src, float *dst, uint8_t *mask, size_t count, float rate, uint64_t seed, size_t first);
/* The gradient of it, in place. */
void ak_plain_drop_back(float *gradient, const uint8_t *mask, size_t count, float rate);
/*
 * Moving statistics as Keras keeps them: moving = momentum * moving + (1 - momentum) * batch. samples: over how many values
 * the variance was taken, when the moving one is the unbiased one (maps), or 0 (vectors).
 */
void ak_plain_move(float *moving_mean, float *moving_variance, const float *mean, const float *variance,
		   uint32_t channels, float momentum, double samples);

#endif
