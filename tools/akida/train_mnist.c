/* SPDX-License-Identifier: MIT */
/*
 * akida train mnist without a step: the whole assignment. A float network, then for each choice of bits: tuned, quantized,
 * converted, mapped, run over the test images; its block of figures, and a table beside the published ones.
 */
#include <inttypes.h>
#include <limits.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/trial.h"

struct pipeline {
	const char *network, *bits, *data, *test, *device, *folder;
	uint64_t epochs, tune_epochs, batch, seed, threads, shift, frames, in_flight;
	double rate, tune_rate, final_rate;
	struct akida_dataset train, check;
	struct table *table;
	int stage;
};

static void show(void *ctx, const struct akida_epoch *e)
{
	(void)ctx;
	if (e->batch != e->batches)
		return;
	printf("Epoch %u/%u: loss %.4f, accuracy %.4f, %.1f s (measured, this host)\n", e->epoch, e->epochs, e->loss,
	       e->accuracy, e->seconds);
	fflush(stdout);
}

static struct trial_training training(const struct pipeline *p, bool tune)
{
	return (struct trial_training){
		.epochs = (uint32_t)(tune ? p->tune_epochs : p->epochs),
		.rate = (float)(tune ? p->tune_rate : p->rate),
		.final_rate = (float)p->final_rate,
		.batch = (uint32_t)p->batch,
		.shift = (uint32_t)p->shift,
		.threads = (uint32_t)p->threads,
		.seed = p->seed,
		.ranks = true,
		.progress = show,
	};
}

static int make_float(struct pipeline *p, const char *path)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	struct trial_training q = training(p, false);
	struct akida_graph *g = NULL;
	uint64_t correct = 0;
	int err, status = 0;

	err = t->network_create(p->network, p->seed, &g, diag);
	if (err) {
		status = tool_fail(diag, p->network, err);
		goto out;
	}
	printf("Training %s in float on %s, %zu images, seed %" PRIu64 "\n", p->network, p->train.name,
	       p->train.x.dims[0], p->seed);
	status = trial_train(g, NULL, &p->train, &q, p->network);
	if (!status) {
		err = t->graph_save(g, path, diag);
		status = err ? tool_fail(diag, path, err) : 0;
	}
	if (!status)
		status = measure_float(g, &p->check, p->check.x.dims[0], p->network, &correct);
	if (!status)
		printf("Float accuracy: %" PRIu64 "/%zu (%s)\nSaved %s\n", correct, p->check.x.dims[0], p->check.name,
		       path);
	t->graph_destroy(g);
out:
	akida_diag_destroy(diag);
	return status;
}

static int one_choice(struct pipeline *p, const char *float_path, const struct trial_bits *bits)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	struct trial_training q = training(p, true);
	struct trial_figures f;
	struct akida_graph *g = NULL;
	char path[PATH_MAX], name[64];
	uint64_t tuned = 0;
	int err, status;

	snprintf(name, sizeof(name), "%u/%u/%u", bits->input_weights, bits->weights, bits->activations);
	snprintf(path, sizeof(path), "%s/mnist_i%u_w%u_a%u.h5", p->folder, bits->input_weights, bits->weights,
		 bits->activations);
	err = t->graph_load(float_path, &g, diag);
	status = err ? tool_fail(diag, float_path, err) : 0;
	if (status)
		goto out;
	printf("\nTuning at %s (input weights, weights, activations)\n", name);
	status = trial_train(g, bits, &p->train, &q, name);
	if (!status)
		status = trial_quantize(g, bits, &p->train, path, name);
	t->graph_destroy(g);
	g = NULL;
	if (status)
		goto out;
	err = t->graph_load(path, &g, diag);
	status = err ? tool_fail(diag, path, err) : measure_float(g, &p->check, p->check.x.dims[0], path, &tuned);
	t->graph_destroy(g);
	if (!status)
		status = trial_measure(path, p->device, (uint32_t)p->in_flight, &p->check, &f);
	if (status)
		goto out;
	printf("Quantized accuracy: %" PRIu64 "/%zu\nSaved %s\nConverted for Akida v1, on %s:\n", tuned,
	       p->check.x.dims[0], path, p->device);
	trial_print(&f);
	trial_row(p->table, p->network, bits, &f);
out:
	akida_diag_destroy(diag);
	return status;
}

static int run(struct pipeline *p, const struct trial_bits *bits, int choices)
{
	char path[PATH_MAX];
	int status;

	p->table = table_create(TRIAL_COLUMNS);
	if (!p->table)
		return tool_error("mnist", "sys.no-memory", "no memory");
	trial_header(p->table);
	snprintf(path, sizeof(path), "%s/mnist.h5", p->folder);
	status = make_float(p, path);
	for (int i = 0; !status && i < choices; i++)
		status = one_choice(p, path, &bits[i]);
	if (!status) {
		for (const struct trial_published *r = trial_published; r->name; r++)
			trial_published_row(p->table, r);
		printf("\nQuality = (100 - accuracy %%) x seconds per frame x W x bytes; the assignment asks for less "
		       "than 200.\n"
		       "Accuracy: %s, %zu images; published ones: 10,000 test images. Published bytes are the vendor\n"
		       "library's count, ours is the sum of this program's buffers: they are not the same thing.\n",
		       p->check.name, p->check.x.dims[0]);
		table_print(p->table, 0);
	}
	table_destroy(p->table);
	return status;
}

int command_train_mnist(int argc, char **argv)
{
	struct pipeline p = {.network = "mnist",
			     .bits = "4/4,4/1,2/4",
			     .device = "virtual:akd1000",
			     .folder = ".",
			     .epochs = 12,
			     .tune_epochs = 8,
			     .batch = 100,
			     .seed = 1,
			     .shift = 1,
			     .threads = 1,
			     .in_flight = 1,
			     .rate = 4e-3,
			     .tune_rate = 1e-3,
			     .final_rate = 1e-5};
	const struct option_spec spec[] = {
		{"--network", OPTION_TEXT, &p.network, "mnist (default), first-light or words, c5x16s2n-s3x32p2r6n-d10",
		 0, 0},
		{"--bits", OPTION_TEXT, &p.bits, "weights/activations to try (4/4,4/1,2/4)", 0, 0},
		{"--data", OPTION_TEXT, &p.data, "SPEC to train on (mnist-train:DIR where it is found)", 0, 0},
		{"--test", OPTION_TEXT, &p.test, "SPEC of the test images (mnist:DIR)", 0, 0},
		{"-d --device", OPTION_TEXT, &p.device, "that runs the test images (virtual:akd1000)", 0, 0},
		{"-s --save", OPTION_TEXT, &p.folder, "folder for mnist.h5 and mnist_iI_wW_aA.h5 (.)", 0, 0},
		{"-e --epochs", OPTION_COUNT, &p.epochs, "of float training (12)", 1, 100000},
		{"--tune_epochs", OPTION_COUNT, &p.tune_epochs, "with quantizers, for each choice of bits (8)", 0,
		 100000},
		{"-b --batch_size", OPTION_COUNT, &p.batch, "of training (100)", 1, 65536},
		{"-lr --learning_rate", OPTION_NUMBER, &p.rate, "of float training (0.004)", 0, 0},
		{"--tune_rate", OPTION_NUMBER, &p.tune_rate, "learning rate of tuning (0.001)", 0, 0},
		{"--final_learning_rate", OPTION_NUMBER, &p.final_rate, "at the end of both, along a cosine (0.00001)",
		 0, 0},
		{"--shift", OPTION_COUNT, &p.shift, "move training images up to so many pixels at random (1)", 0, 64},
		{"--batch", OPTION_COUNT, &p.in_flight, "frames in flight on the device (1)", 1, 253},
		{"--frames", OPTION_COUNT, &p.frames, "use at most so many images of each set", 1, 0},
		{"--threads", OPTION_COUNT, &p.threads, "of training; results depend on it (1; 0: all cores)", 0, 1024},
		{"--seed", OPTION_COUNT, &p.seed, "(1)", 0, 0},
		{0},
	};
	struct trial_bits bits[6];
	uint32_t rank, ranks;
	int choices, status = options_parse(argc, argv, "akida train mnist [options]  (or: train mnist train|eval ...)",
					    spec, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	choices = trial_read_bits(p.bits, bits, 6);
	if (!choices)
		return tool_usage("--bits is a list like 4/4,4/1,2/4 (weights 2 or 4, activations 1, 2 or 4), not '%s'",
				  p.bits);
	if (!tool_toolchain())
		return TOOL_FAILED;
	status = trial_ranks(&rank, &ranks);
	if (!status)
		status = trial_folder(p.folder);
	if (!status)
		status = trial_data(p.data, "mnist-train", p.frames, p.seed, &p.train);
	if (!status)
		status = trial_data(p.test, "mnist", p.frames, p.seed + 1, &p.check);
	if (!status)
		status = run(&p, bits, choices);
	akida_dataset_fini(&p.check);
	akida_dataset_fini(&p.train);
	return status;
}
