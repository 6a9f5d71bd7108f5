/* SPDX-License-Identifier: MIT */
/*
 * A chain (chain.h) as oneDNN primitives for one batch size, forward and backward. Everything is created once;
 * running a step allocates nothing. onednn.c is the only file that knows oneDNN.
 *
 * Threads: oneDNN splits work by the number of OpenMP threads, and sums in that order, so results are reproducible for
 * a given number of threads only.
 */
#ifndef AK_TRAIN_ONEDNN_H
#define AK_TRAIN_ONEDNN_H

#include "chain.h"
#include "fake_quant.h"
#include "ranks.h"

struct ak_dnn;

/* A parameter in the layout the primitives want. Padding of that layout is zero in w and g and must stay so. */
struct ak_dnn_param {
	float *w;
	float *g;     /* gradient after ak_dnn_backward; NULL for moving statistics */
	size_t count; /* floats with padding */
};

/*
 * chain: borrowed. share: another network of the same chain whose parameters this one uses (it must live longer), or
 * NULL for parameters of its own, loaded from the graph. quant: weights and activations pass through their
 * quantizers (borrowed), or NULL. -EOPNOTSUPP naming the layer when oneDNN has no primitive for it, -ENOMEM.
 */
int ak_dnn_create(const struct ak_chain *chain, uint32_t batch, struct ak_dnn *share, struct ak_fake_quant *quant,
		  struct ak_dnn **out, struct akida_diag *diag);
/* A network whose batch is a part of one that several processes share. Statistics are those of the whole batch. */
struct ak_dnn_part {
	const struct ak_ranks *ranks;
	uint32_t first, whole; /* samples of the whole batch: in front of this part, and all */
};
/*
 * The same for a part (copied; ranks borrowed). All ranks make the same networks and run them in the same order; gradients are of
 * this part's samples and wait to be added up. -EOPNOTSUPP also for normalizations without gamma and beta.
 */
int ak_dnn_create_part(const struct ak_chain *chain, uint32_t batch, const struct ak_dnn_part *part,
		       struct ak_dnn *share, struct ak_fake_quant *quant, struct ak_dnn **out, struct akida_diag *diag);
void ak_dnn_destroy(struct ak_dnn *d);

/* batch x (h, w, c) float32, to be filled before ak_dnn_forward; of samples that are not there, zero. */
float *ak_dnn_input(struct ak_dnn *d);
/* batch x outputs, row-major: results of ak_dnn_forward, and what ak_dnn_backward starts from. */
const float *ak_dnn_logits(const struct ak_dnn *d);
float *ak_dnn_logits_gradient(struct ak_dnn *d);
/* chain->param_count entries; g of a sharing network is its own. */
const struct ak_dnn_param *ak_dnn_params(const struct ak_dnn *d);

/* training: batch statistics (moving averages follow), dropout from seed; else moving statistics and no dropout. */
int ak_dnn_forward(struct ak_dnn *d, bool training, uint64_t seed);
/* After a training forward: fills the gradients. */
int ak_dnn_backward(struct ak_dnn *d);
/* Parameters to the weights of a graph that is a copy of the chain's. */
int ak_dnn_store(struct ak_dnn *d, struct akida_graph *g);

/* OpenMP threads of the calling thread from now on, 0: all processors. Returns the number before, to restore it. */
int ak_dnn_threads(uint32_t threads);

#endif
