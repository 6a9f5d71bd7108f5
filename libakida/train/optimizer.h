/* SPDX-License-Identifier: MIT */
/* Optimizers with the update rules of Keras 2. */
#ifndef AK_TRAIN_OPTIMIZER_H
#define AK_TRAIN_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>
#include <akida/train.h>

struct ak_optimizer {
	enum akida_optimizer kind;
	float momentum; /* SGD */
	uint64_t steps; /* taken; Adam corrects its averages by it */
};

/*
 * SGD:  m = momentum * m - lr * g;  w += m            (v is not used)
 * Adam: m += (g - m) * 0.1;  v += (g*g - v) * 0.001;  w -= m * alpha / (sqrt(v) + 1e-7)
 *       alpha = lr * sqrt(1 - 0.999^t) / (1 - 0.9^t), t counted from 1
 * decay > 0: w -= lr * decay * w first (decoupled). One array of n values; ak_optimizer_step once per batch before.
 */
void ak_optimizer_step(struct ak_optimizer *o);
void ak_optimizer_apply(const struct ak_optimizer *o, float lr, float decay, float *w, const float *g, float *m,
			float *v, size_t n);

#endif
