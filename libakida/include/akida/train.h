/* SPDX-License-Identifier: MIT */
/* Float training of sequential networks. */
#ifndef AKIDA_TRAIN_H
#define AKIDA_TRAIN_H

#include "graph.h"

enum akida_optimizer { AKIDA_SGD, AKIDA_ADAM };

struct akida_epoch {
	uint32_t epoch, epochs, batch, batches; /* batch == batches: the epoch is over */
	double loss, accuracy, val_loss, val_accuracy; /* NaN when not known yet */
	double seconds;
};

struct akida_train_params {
	uint32_t size;
	enum akida_optimizer optimizer;
	float learning_rate, momentum, weight_decay;
	uint32_t batch_size, epochs, threads; /* threads 0: all cores */
	uint64_t seed;
	float validation_split;	  /* of the end of the set, before shuffling, as Keras does; 0: none */
	uint32_t patience;	  /* early stopping on val_loss; 0: off. The best weights are kept */
	const char *checkpoint;	  /* .h5 written after each improving epoch, NULL: none */
	void (*progress)(void *ctx, const struct akida_epoch *e); /* may be NULL; called after each batch */
	void *ctx;
};
AKIDA_API void akida_train_params_init(struct akida_train_params *p);

/* A named network with initial weights: "mnist" (the seed assignment's), "first-light". -ENOENT for other names. */
AKIDA_API int akida_network_create(const char *name, uint64_t seed, struct akida_graph **out, struct akida_diag *diag);
/* Trains in place on x (n, h, w, c) and labels y (int32). Categorical cross-entropy on softmax of the outputs. */
AKIDA_API int akida_train(struct akida_graph *g, const struct akida_dataset *data, const struct akida_train_params *p,
			  struct akida_diag *diag);

#endif
