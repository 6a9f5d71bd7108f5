/* SPDX-License-Identifier: MIT */
/*
 * What quantization will do to weights and activations, applied in float while training goes on ("fake" quantization with
 * a straight-through gradient), so that quantizing afterwards costs little. Arithmetic of the reference
 * quantization 2.3 (weights), 2.5 and 2.6 (activations); a batch normalization's folding commutes with the scale per
 * output channel. Biases keep their precision: 8 bits for each of them are enough.
 */
#ifndef AK_TRAIN_FAKE_QUANT_H
#define AK_TRAIN_FAKE_QUANT_H

#include <stddef.h>
#include <stdint.h>

struct ak_fake_quant {
	uint32_t input_weight_bits, weight_bits, activation_bits;
	float *ranges; /* one for each step of the chain: moving maximum of an activation, 0 before the first batch */
};

/*
 * q = clip(round(w / s)) * s with s = max|w| / (2^(bits-1) - 1) per channel (last axis, of channels entries) or over
 * all when per_tensor; round half to even, s at least 1e-6. count is a multiple of channels. scratch: channels floats.
 */
void ak_fake_quant_weights(const float *w, float *q, size_t count, uint32_t channels, uint32_t bits, int per_tensor,
			   float *scratch);
/*
 * Clips w to the range, per channel or over all, whose quantizer changes w least (sum of squares, ranges of max|w| * k / 32).
 * With 3 values a weight, most weights are nearer to 0 than to the largest, and a quantizer of the whole range loses them.
 */
void ak_fake_quant_clip(float *w, size_t count, uint32_t channels, uint32_t bits, int per_tensor);
/*
 * q = min(floor(x / s + 1/2), 2^bits - 1) * s with s = range / (2^bits - 1), x >= 0. update: the range follows
 * the maximum as calibration does, 0.9 old + 0.1 new, the first one as it is.
 */
void ak_fake_quant_activations(const float *x, float *q, size_t count, uint32_t bits, float *range, int update);

/* The largest of x, at least 0; and a range that follows it, 0.9 old + 0.1 new, the first one as it is. */
float ak_fake_quant_max(const float *x, size_t count);
void ak_fake_quant_follow(float *range, float max);

#endif
