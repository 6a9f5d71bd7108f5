/* SPDX-License-Identifier: MIT */
/* Categorical cross-entropy on the softmax of logits. */
#ifndef AK_TRAIN_LOSS_H
#define AK_TRAIN_LOSS_H

#include <stddef.h>
#include <stdint.h>

/*
 * z: n x classes logits; labels 0..classes-1. Adds the sum of the losses and the number of right answers (first
 * maximum). gradient, when not NULL, becomes d(mean loss)/dz of n samples: (softmax - one hot) / n.
 */
void ak_loss_cross_entropy(const float *z, const int32_t *labels, size_t n, uint32_t classes, float *gradient,
			   double *loss, uint64_t *right);

#endif
