/* SPDX-License-Identifier: MIT */
/* Float training of networks with one input. */
#ifndef AKIDA_TRAIN_H
#define AKIDA_TRAIN_H

#include "graph.h"

enum akida_optimizer { AKIDA_SGD, AKIDA_ADAM };

struct akida_epoch {
	uint32_t epoch, epochs, batch, batches;	       /* batch == batches: the epoch is over */
	double loss, accuracy, val_loss, val_accuracy; /* NaN when not known yet */
	double seconds;
};

/* Fill with akida_train_params_init, then change. Members that are zero beyond an older caller's size mean "off". */
struct akida_train_params {
	uint32_t size;
	enum akida_optimizer optimizer; /* Adam (0.9, 0.999, 1e-7) or SGD with momentum, as Keras has them */
	float learning_rate;		/* 1e-3; > 0 */
	float momentum;			/* of SGD, 0.9; [0, 1) */
	float weight_decay;		/* 0; decoupled: w -= learning rate * decay * w for each kernel, >= 0 */
	uint32_t batch_size, epochs;	/* 100, 10; the last batch of an epoch may be smaller */
	uint32_t threads;		/* 0: all cores */
	uint64_t seed;			/* 1; same seed, data and thread count: same weights */
	float validation_split;		/* [0, 1) of the end of the set, before shuffling, as Keras does; 0: none */
	uint32_t patience;	/* stop after this many epochs without a better val_loss, keep the best; 0: off */
	const char *checkpoint; /* .h5 written after each improving epoch, NULL: none */
	void (*progress)(void *ctx, const struct akida_epoch *e); /* may be NULL; called after each batch */
	void *ctx;
	float final_learning_rate; /* > 0: a cosine from learning_rate to this over all batches; 0: constant */
	uint32_t shift;		   /* augmentation: images move up to this many pixels each way, zeros come in */
	/*
	 * In the last quantized_epochs of epochs every other batch passes through quantizers in the network
	 * (straight-through gradient; normalizations use their moving statistics), so that quantizing afterwards costs
	 * little. The network stays a float network. val_loss and val_accuracy then are those of the quantized network;
	 * patience and checkpoint start afresh with these epochs.
	 */
	uint32_t quantized_epochs;				  /* 0: none */
	uint32_t input_weight_bits, weight_bits, activation_bits; /* 8, 4, 4; weights 2 to 8, activations 1 to 8 */
	/*
	 * 1: tuning. All batches of all epochs pass through the quantizers (quantized_epochs is 0 or epochs), so that normalizations
	 * keep their moving statistics. Kernels of 2 and 3 bits begin clipped to the range that rounding to so few
	 * values changes least. For a network that was trained in float before. 0: off.
	 */
	uint32_t tune;
	/*
	 * 1: the processes that mpirun started share each batch: all of them call akida_train with the same network, data and
	 * parameters, and end with the weights that one process has, up to the rounding of sums. Normalizations and ranges of
	 * quantizers see the whole batch. progress is called, and checkpoint written, by the first one. Without mpirun, nothing
	 * changes. 0: off.
	 */
	uint32_t ranks;
};
AKIDA_API void akida_train_params_init(struct akida_train_params *p);

/*
 * A network with initial weights for images from 0 to 255: "mnist" (the seed assignment's) or "first-light", both for
 * 28 x 28 x 1, or its layers in words joined by '-'. A first word iHxWxC tells another input. The others are cKxF
 * (convolution, kernel K x K from 1 to 7, F filters up to 1024), sKxF (separable convolution) or dU (fully connected, U units),
 * padding "same", followed by any of sN (stride 1 to 3), pN (max pooling 1 to 3), g (global average), n (batch normalization
 * instead of a bias), rN (ReLU with maximum N, 1 to 255): "c3x16p2r3-c3x16p2r3-d10" has the layers of "mnist". -ENOENT for anything else.
 */
AKIDA_API int akida_network_create(const char *name, uint64_t seed, struct akida_graph **out, struct akida_diag *diag);
/*
 * Trains a network with one input, in which branches may meet in Add and Concatenate, in place: on x (n, input shape; any
 * dtype, taken as it is) and labels y (n, int32, 0 .. outputs-1), with categorical cross-entropy on the softmax of the outputs, whether the network ends in a softmax or not.
 * p NULL: the defaults. Results depend on the seed and on the number of threads (sums are split between them), on
 * nothing else. On failure the graph keeps its weights. -EOPNOTSUPP a second input, a quantized layer or a layer training
 * does not know (named); -EINVAL data or parameters that contradict this page; -ERANGE a sample, the loss or a weight is no number;
 * -ENOMEM; errors of akida_graph_save for the checkpoint.
 */
AKIDA_API int akida_train(struct akida_graph *g, const struct akida_dataset *data, const struct akida_train_params *p,
			  struct akida_diag *diag);

/*
 * The place of this process among those that mpirun started: *rank of *count, 0 of 1 without mpirun. They need not meet again: after
 * this call any of them may end, or be killed, and the others do not wait (mpirun --enable-recovery keeps them running).
 * Once per process, before threads begin. -EOPNOTSUPP started by mpirun, but OpenMPI was not there at build or is not now;
 * -EIO it fails.
 */
AKIDA_API int akida_ranks_apart(uint32_t *rank, uint32_t *count, struct akida_diag *diag);

/*
 * The same for processes that go on together, with akida_train_params.ranks. They wait for each other at exit; one that fails or is
 * killed ends them all.
 */
AKIDA_API int akida_ranks_together(uint32_t *rank, uint32_t *count, struct akida_diag *diag);

#endif
