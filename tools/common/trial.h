/* SPDX-License-Identifier: MIT */
/*
 * A small network on its way from initial weights to figures: trained in float, tuned with quantizers of given bits,
 * quantized, converted, mapped, run. What `akida train mnist` does for each of the assignment's bits, and `akida search` for
 * each of its trials.
 */
#ifndef TOOL_TRIAL_H
#define TOOL_TRIAL_H

#include "common/measure.h"
#include "common/table.h"

struct trial_bits {
	uint32_t input_weights, weights, activations;
};

struct trial_training {
	uint32_t epochs;	       /* 0: nothing happens */
	float rate, final_rate, decay; /* decay: decoupled weight decay of kernels */
	uint32_t batch, shift, threads;
	uint64_t seed;
	bool ranks; /* with the other processes of mpirun */
	void (*progress)(void *ctx, const struct akida_epoch *e);
	void *ctx;
};

struct trial_figures {
	struct akida_stats stats;
	struct akida_program_info program; /* memory_bytes: with the frames in flight */
	uint64_t correct, total;
	double quality; /* NaN: the device has no power figures, or too few frames went through */
};

/* Calls return 0 or an exit status after one printed error about name. */

/* Float training of g in place (bits NULL), or tuning with quantizers of bits. */
int trial_train(struct akida_graph *g, const struct trial_bits *bits, const struct akida_dataset *data,
		const struct trial_training *p, const char *name);
/* Quantizes g, calibrated with the first 1,024 samples of data, and writes the quantized network to path. */
int trial_quantize(const struct akida_graph *g, const struct trial_bits *bits, const struct akida_dataset *data,
		   const char *path, const char *name);
/* Runs a quantized network on a device over all samples of data, frames in flight. */
int trial_measure(const char *path, const char *device, uint32_t frames_in_flight, const struct akida_dataset *data,
		  struct trial_figures *out);
/*
 * What a percent of wrong answers adds to the quality figure of g at these bits on chip, from the mapping's cost model, half of all
 * events zero: seconds of one frame x W x bytes. No weights matter, nothing is printed. NaN: it cannot be converted or does not fit.
 */
double trial_cost(const struct akida_graph *g, const struct trial_bits *bits, const char *chip);
/* The assignment's lines: power, frame rate, energy, memory, accuracy, quality. */
void trial_print(const struct trial_figures *f);
/*
 * Joins the processes that mpirun started, for training together; without mpirun rank 0 of 1. What the others print on standard
 * output is what the first one prints: it is dropped.
 */
int trial_ranks(uint32_t *rank, uint32_t *ranks);
/* Data of 28 x 28 images with labels: spec, or the MNIST files of kind where they are found. frames 0: all. */
int trial_data(const char *spec, const char *kind, uint64_t frames, uint64_t seed, struct akida_dataset *out);
/* A folder to write to, made when it is not there. */
int trial_folder(const char *folder);
/* "4/4,2/4": weights and activations, input weights 8. Returns how many, 0 for anything else. */
int trial_read_bits(const char *text, struct trial_bits *out, int max);

/* Tables of figures: ours, and what others published for the assignment on a board. */
#define TRIAL_COLUMNS 9
struct trial_published {
	const char *name; /* NULL ends the list */
	double correct, total, fps, avg_mw, bytes;
};
extern const struct trial_published trial_published[];
void trial_header(struct table *t);
void trial_row(struct table *t, const char *name, const struct trial_bits *bits, const struct trial_figures *f);
void trial_published_row(struct table *t, const struct trial_published *p);

#endif
