/* SPDX-License-Identifier: MIT */
/*
 * Edge learning of Akida v1, provisional: parameters and behaviour as documented by the vendor, the rest of the rule is
 * this library's (docs/edge-learning.md). The layers in front run on any device; the learning layer is computed by the host.
 */
#ifndef AKIDA_LEARN_H
#define AKIDA_LEARN_H

#include "run.h"

/* Fill with akida_learning_params_init, then change. */
struct akida_learning_params {
	uint32_t size;
	uint32_t units; /* neurons; a multiple of num_classes */
	uint32_t
		num_weights; /* ones of each neuron, 1 to the inputs; 1.2 times the active inputs of a sample is a start */
	uint32_t num_classes;	     /* 1; more: neurons in equal groups, and samples need labels */
	double initial_plasticity;   /* 1.0; (0, 1] */
	double learning_competition; /* 0.0; [0, 1], above 0.5 learned neurons block most others */
	double min_plasticity;	     /* 0.1; [0, initial_plasticity] */
	double plasticity_decay;     /* 0.25; [0, 1] */
	uint64_t seed;		     /* 1; of initial ones and of swaps */
};
AKIDA_API void akida_learning_params_init(struct akida_learning_params *p);

/*
 * A copy of the v1 model m that ends in a learning layer. A last layer without activation is left out first; the one that
 * then is last must have an activation. Its outputs become 1-bit: active where they are above spike_level (0: where they
 * are not zero). The caller destroys *out, written on success only. -EINVAL: a parameter out of its range, named;
 * -EOPNOTSUPP: Akida 2, or nothing left; -ENOMEM.
 */
AKIDA_API int akida_model_learning(const struct akida_model *m, const struct akida_learning_params *p,
				   uint32_t spike_level, struct akida_model **out, struct akida_diag *diag);
/*
 * A copy with more classes, each with as many new neurons as the others have; what was learned stays. -EINVAL: no learning
 * layer, or too many neurons.
 */
AKIDA_API int akida_model_add_classes(const struct akida_model *m, uint32_t more, struct akida_model **out,
				      struct akida_diag *diag);

struct akida_learning_info {
	uint32_t size;
	uint32_t inputs, units, num_weights, num_classes;
	uint32_t learned; /* neurons that have learned */
};
/* -ENOENT: m does not end in a learning layer. */
AKIDA_API int akida_model_learning_info(const struct akida_model *m, struct akida_learning_info *info);

/*
 * Learns from frames, in order; labels: one each, NULL without. A label of num_classes or more discards its frame, as does, with
 * more than one class, one below 0. out: frames * outputs potentials as they were before learning, or NULL. learned: the
 * neuron that learned from each frame or -1, or NULL. Frames that the session runs afterwards see the new weights.
 * Returns frames. -EOPNOTSUPP: the model does not learn, or a program has the learning layer on the chip; -EINVAL, -ENOMEM.
 */
AKIDA_API int64_t akida_session_learn(struct akida_session *s, const uint8_t *in, const int32_t *labels, size_t frames,
				      int32_t *out, int32_t *learned);
/* A copy of the session's model with what it learned. -EOPNOTSUPP: it does not learn. */
AKIDA_API int akida_session_model(const struct akida_session *s, struct akida_model **out, struct akida_diag *diag);

#endif
