/* SPDX-License-Identifier: MIT */
/*
 * Edge learning of Akida v1: a last fully connected layer with 1-bit inputs and weights that changes its weights sample by
 * sample. PROVISIONAL. Documented are the parameters, that at most one neuron learns per sample, that the number of ones of a
 * neuron never changes, and that a label restricts who may learn. A public file with learned classes shows what a step
 * leaves behind: nearly all active inputs end up among the neuron's ones; `thswap` (how many may still move)
 * falls by ceil(decay * num_weights); `threshold_learning` of a neuron that learned is near the overlap of chance. How the winner
 * is chosen beyond that, and which of several bits are swapped, is ours.
 *
 * A step: of the neurons that may learn (all, or the label's group), those take part whose potential, the number of active
 * inputs among their ones, is above their own learning threshold, and above competition times the highest potential of
 * another learned neuron that may learn. The highest potential wins, the lowest number among equals. U ones of it are at
 * inactive inputs, V active inputs have no one: min(thswap, U, V) pairs of them, drawn at random, are swapped.
 * Then its threshold becomes the potential it won with, and its thswap falls by the decay, not below the minimum.
 */
#ifndef AK_LAYER_LEARN_H
#define AK_LAYER_LEARN_H

#include <stddef.h>
#include <stdint.h>
#include <akida/learn.h>

struct akida_layer;

struct ak_learning {
	uint32_t num_weights, num_classes;
	double initial_plasticity, competition, min_plasticity, plasticity_decay;
	uint64_t random;    /* state; part of what is saved, so that learning goes on as if it had not stopped */
	int32_t *threshold; /* [units] 0: has not learned */
	int32_t *swaps;	    /* [units] thswap */
};

/* threshold and swaps for l's units, as before the first sample; l->learning owns them. -ENOMEM. */
int ak_learning_alloc(struct akida_layer *l, const struct akida_learning_params *p);
void ak_learning_free(struct ak_learning *s);
/* Ranges of the state and of the parameters against the layer: -EINVAL naming the value. */
int ak_learning_check(const struct akida_layer *l, struct akida_diag *diag);
/* Gives neurons first to the last num_weights ones each, at random. picks: room for the layer's inputs. */
void ak_learning_scatter(struct akida_layer *l, uint32_t first, uint32_t *picks);
/*
 * One sample. in: the layer's inputs, not 0 is active; label from 0, or below 0: none. potentials: [units], as they were before.
 * picks: room for twice the inputs. The neuron that learned, or -1.
 */
int32_t ak_learning_step(struct akida_layer *l, const uint8_t *in, int32_t label, int32_t *potentials, uint32_t *picks);

/* Bytes of the state in an .akm, and to and from them; l->learning is there for put, made by get (-EILSEQ, -ENOMEM). */
size_t ak_learning_bytes(const struct akida_layer *l);
void ak_learning_put(const struct akida_layer *l, uint8_t *bytes);
int ak_learning_get(struct akida_layer *l, const uint8_t *bytes, size_t len);

#endif
