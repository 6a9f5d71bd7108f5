/* SPDX-License-Identifier: MIT */
/*
 * Training speed of this library on the bench's T1 and T1Q: the MNIST network, 60,000 images, batches of 100, Adam, one epoch;
 * T1Q with 8/4/4 quantizers on weights and activations in every batch. Prints lines `workload ours threads batch images/s`.
 *
 *   train T1|T1Q THREADS
 *
 * The clock runs from the end of the first batch to the end of the last: what is made once does not count. One thread is
 * measured in processor time, which other programs do not lengthen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/train.h>
#include "measure.h"

#define IMAGES 60000u
#define BATCH 100u
#define PIXELS 784u

struct watch {
	int threads;
	double first, last, loss;
};

static void tick(void *context, const struct akida_epoch *e)
{
	struct watch *w = context;

	w->last = bench_clock(w->threads);
	if (e->batch == 1)
		w->first = w->last;
	w->loss = e->loss;
}

/* Class k: a bright stripe at rows 2k to 2k + 3 over noise, so that there is something to learn. */
static int draw(struct akida_dataset *d)
{
	uint32_t r = 1;

	if (akida_array_init(&d->x, AKIDA_U8, 4, (size_t[]){IMAGES, 28, 28, 1}) ||
	    akida_array_init(&d->y, AKIDA_I32, 1, (size_t[]){IMAGES}))
		return 1;
	for (uint32_t i = 0; i < IMAGES; i++) {
		uint32_t label = i * 7 % 10;

		((int32_t *)d->y.data)[i] = (int32_t)label;
		for (uint32_t p = 0; p < PIXELS; p++) {
			r = r * 1664525u + 1013904223u;
			((uint8_t *)d->x.data)[i * PIXELS + p] =
				(uint8_t)((r >> 25) + (p / 28 >= 2 * label && p / 28 < 2 * label + 4 ? 90 : 0));
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_train_params p;
	struct akida_dataset d = {.name = "stripes"};
	struct akida_graph *g = NULL;
	struct watch w = {.threads = argc == 3 ? atoi(argv[2]) : 0};
	bool quantized = argc > 1 && !strcmp(argv[1], "T1Q");
	int err;

	if (w.threads < 1 || (!quantized && strcmp(argv[1], "T1"))) {
		fprintf(stderr, "usage: train T1|T1Q THREADS\n");
		return 2;
	}
	akida_train_params_init(&p);
	p.batch_size = BATCH;
	p.epochs = 1;
	p.threads = (uint32_t)w.threads;
	p.tune = quantized;
	p.progress = tick;
	p.ctx = &w;
	err = draw(&d);
	if (!err)
		err = akida_network_create("mnist", 1, &g, diag);
	if (!err)
		err = akida_train(g, &d, &p, diag);
	akida_graph_destroy(g);
	akida_dataset_fini(&d);
	akida_diag_destroy(diag);
	if (err) {
		fprintf(stderr, "train: %s\n", akida_strerror(err));
		return 1;
	}
	printf("%s ours %d %u %.1f\n", argv[1], w.threads, BATCH, (IMAGES - BATCH) / (w.last - w.first));
	fprintf(stderr, "# %s, %d threads: mean loss of the epoch %.4f\n", argv[1], w.threads, w.loss);
	return 0;
}
