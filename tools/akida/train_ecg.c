/* SPDX-License-Identifier: MIT */
/*
 * akida train ecg: heart beats from float training to a device. Original, quantized with calibration, tuned, converted;
 * of each the matrix of answers, accuracy and F1, and a table of all of them.
 */
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "akida/commands.h"
#include "common/confusion.h"
#include "common/options.h"
#include "common/spec.h"
#include "common/trial.h"

#define SLICE 256u
#define BEATS_NETWORK "i8x128x1-c5x12s2nr6-s3x24np2r6-s3x32np2r6-d16nr6-d3"
#define IMAGES_NETWORK "i128x128x1-c3x16s2np2r6-c3x32np2r6-c3x64np2r6-d96nr6-d5"

static const char *const beat_names[] = {"N", "S", "V"};
static const char *const image_names[] = {"N", "SVEB", "VEB", "F", "Q"};

enum row { ORIGINAL, QUANTIZED, TUNED, CONVERTED, ROWS };
static const char *const row_names[] = {"Original", "Quantized, calibrated", "Quantized, tuned", "Converted"};

struct ecg {
	const char *network, *data, *device, *folder;
	uint64_t epochs, tune_epochs, batch, seed, threads, weights, activations;
	double rate, tune_rate, final_rate, decay;
	bool images; /* a folder of X_train2.npy and the like, else an archive of beats */
	struct akida_dataset train, test;
	struct confusion results[ROWS];
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

/* ---- data ---- */

/* Any images to bytes, (v - min) / (max - min) * 255 truncated, min and max of the whole array. */
static int to_bytes(struct akida_array *a)
{
	size_t n = akida_array_elements(a), i;
	struct akida_array out = {0};
	float low = INFINITY, high = -INFINITY;

	if (a->dtype == AKIDA_U8)
		return 0;
	if (akida_array_init(&out, AKIDA_U8, a->rank, a->dims))
		return -1;
	for (i = 0; i < n; i++) {
		float v = (float)akida_array_value(a, i);

		low = fminf(low, v);
		high = fmaxf(high, v);
	}
	for (i = 0; i < n && high > low; i++) {
		float v = (float)akida_array_value(a, i);

		((uint8_t *)out.data)[i] = (uint8_t)((v - low) / (high - low) * 255);
	}
	akida_array_fini(a);
	*a = out;
	return 0;
}

/* One-hot rows to labels. */
static int to_labels(const struct akida_array *rows, size_t n, struct akida_array *labels, const char *path)
{
	size_t classes = rows->rank == 2 ? rows->dims[1] : 0;

	if (classes != 5 || rows->dims[0] != n)
		return tool_error(path, "data.mismatch", "needs a row of 5 values for each of %zu images", n);
	if (akida_array_init(labels, AKIDA_I32, 1, &n))
		return tool_error(path, "sys.no-memory", "no memory for %zu labels", n);
	for (size_t i = 0; i < n; i++) {
		size_t best = 0;

		for (size_t k = 1; k < classes; k++)
			if (akida_array_value(rows, i * classes + k) > akida_array_value(rows, i * classes + best))
				best = k;
		((int32_t *)labels->data)[i] = (int32_t)best;
	}
	return 0;
}

static int load_images(const char *folder, const char *part, struct akida_dataset *d)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_array rows = {0};
	char path[PATH_MAX];
	int err, status = 0;

	snprintf(path, sizeof(path), "%s/X_%s2.npy", folder, part);
	err = akida_npy_load(path, &d->x, diag);
	if (err)
		status = tool_fail(diag, path, err);
	else if (d->x.rank < 3 || !d->x.dims[0] ||
		 (d->x.dtype != AKIDA_U8 && d->x.dtype != AKIDA_F32 && d->x.dtype != AKIDA_F64))
		status = tool_error(path, "data.mismatch", "needs images (n, 128, 128, 1) of u1, f4 or f8");
	else if (to_bytes(&d->x))
		status = tool_error(path, "sys.no-memory", "no memory for the images");
	snprintf(path, sizeof(path), "%s/y_%s2.npy", folder, part);
	if (!status) {
		err = akida_npy_load(path, &rows, diag);
		status = err ? tool_fail(diag, path, err) : to_labels(&rows, d->x.dims[0], &d->y, path);
	}
	akida_array_fini(&rows);
	akida_diag_destroy(diag);
	d->classes = 5;
	snprintf(d->name, sizeof(d->name), "%s images", part);
	return status;
}

static int load_beats(const char *path, const char *kind, struct akida_dataset *d)
{
	char spec[PATH_MAX + 16];

	snprintf(spec, sizeof(spec), "%s:%s", kind, path);
	return spec_load(spec, (uint32_t[]){8, 128, 1}, 0, 0, d);
}

static size_t common_divisor(size_t a, size_t b)
{
	while (b) {
		size_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * Rare classes again and again, until half of the largest one is reached, and neighbours far apart: calibration takes the
 * first samples, which should not be one patient's.
 */
static int balance(struct akida_dataset *d)
{
	size_t n = d->x.dims[0], frame = akida_array_elements(&d->x) / n, all = 0, at = 0, step, i;
	size_t count[CONFUSION_MAX] = {0}, times[CONFUSION_MAX], most = 0;
	const int32_t *labels = d->y.data;
	struct akida_dataset out = {.classes = d->classes};
	size_t dims[6];
	uint32_t k;

	for (i = 0; i < n; i++)
		count[labels[i]]++;
	for (k = 0; k < d->classes; k++)
		most = count[k] > most ? count[k] : most;
	for (k = 0; k < d->classes; k++) {
		times[k] = count[k] && most / (2 * count[k]) > 1 ? most / (2 * count[k]) : 1;
		all += count[k] * times[k];
	}
	memcpy(out.name, d->name, sizeof(out.name));
	memcpy(dims, d->x.dims, sizeof(dims));
	dims[0] = all;
	if (akida_array_init(&out.x, AKIDA_U8, d->x.rank, dims) || akida_array_init(&out.y, AKIDA_I32, 1, &all)) {
		akida_dataset_fini(&out);
		return tool_error(d->name, "sys.no-memory", "no memory for %zu samples", all);
	}
	step = all * 5 / 8 + 1;
	while (common_divisor(step, all) != 1)
		step++;
	for (i = 0; i < n; i++)
		for (size_t r = 0; r < times[labels[i]]; r++, at = (at + step) % all) {
			memcpy((uint8_t *)out.x.data + at * frame, (const uint8_t *)d->x.data + i * frame, frame);
			((int32_t *)out.y.data)[at] = labels[i];
		}
	akida_dataset_fini(d);
	*d = out;
	return 0;
}

static int load(struct ecg *e)
{
	struct stat st;
	int status;

	if (stat(e->data, &st))
		return tool_error(e->data, "sys.io", "cannot be opened");
	e->images = S_ISDIR(st.st_mode);
	if (!e->network)
		e->network = e->images ? IMAGES_NETWORK : BEATS_NETWORK;
	status = e->images ? load_images(e->data, "train", &e->train) : load_beats(e->data, "ecg-train", &e->train);
	if (!status)
		status = e->images ? load_images(e->data, "test", &e->test) : load_beats(e->data, "ecg", &e->test);
	for (int i = 0; i < ROWS; i++) {
		e->results[i].classes = e->train.classes;
		e->results[i].names = e->images ? image_names : beat_names;
	}
	return status ? status : balance(&e->train);
}

/* ---- stages ---- */

static int judge(struct ecg *e, enum row row, const char *file)
{
	struct confusion *c = &e->results[row];
	char path[PATH_MAX], title[160];

	printf("\n%s: accuracy %.4f, macro F1 %.4f, weighted F1 %.4f\n", row_names[row], confusion_accuracy(c),
	       confusion_macro_f1(c), confusion_weighted_f1(c));
	confusion_print(c);
	fflush(stdout);
	snprintf(path, sizeof(path), "%s/%s.svg", e->folder, file);
	snprintf(title, sizeof(title), "%s: accuracy %.2f %%", row_names[row], 100 * confusion_accuracy(c));
	return confusion_draw(c, title, path);
}

/* Answers of a network, float or quantized, in float arithmetic or integers as it is. */
static int ask_graph(struct ecg *e, enum row row, const struct akida_graph *g, const char *name)
{
	const struct akida_toolchain *t = tool_toolchain();
	size_t n = e->test.x.dims[0], frame = akida_array_elements(&e->test.x) / n, some;
	float *out = calloc(SLICE * CONFUSION_MAX, sizeof(*out));
	struct akida_diag *diag = akida_diag_create();
	struct akida_array x = e->test.x;
	int err = 0, status = 0;

	if (!out)
		status = tool_error(name, "sys.no-memory", "no memory for predictions");
	else if (t->graph_outputs(g) != e->results[row].classes)
		status = tool_error(name, "data.mismatch", "has %zu outputs, the data %u classes", t->graph_outputs(g),
				    e->results[row].classes);
	for (size_t i = 0; !status && !err && i < n; i += some) {
		some = n - i < SLICE ? n - i : SLICE;
		x.dims[0] = some;
		x.data = (uint8_t *)e->test.x.data + i * frame;
		err = t->graph_forward(g, &x, out, diag);
		if (!err)
			confusion_add(&e->results[row], out, (const int32_t *)e->test.y.data + i, some);
	}
	if (err)
		status = tool_fail(diag, name, err);
	akida_diag_destroy(diag);
	free(out);
	return status;
}

static int ask_file(struct ecg *e, enum row row, const char *path)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	int err = t->graph_load(path, &g, diag), status = err ? tool_fail(diag, path, err) : ask_graph(e, row, g, path);

	t->graph_destroy(g);
	akida_diag_destroy(diag);
	return status;
}

static int ask_device(struct ecg *e, const char *path)
{
	size_t n = e->test.x.dims[0];
	struct runner_params p;
	struct akida_array frames = {0};
	int32_t *potentials = NULL;
	float *predictions = NULL;
	struct runner r;
	int status;

	runner_params_init(&p);
	p.stage.quiet = true;
	p.device = e->device;
	status = runner_open(&r, path, &p);
	if (status)
		return status;
	status = spec_frames(&e->test.x, r.in_dims, 1, 0, e->test.name, &frames);
	potentials = calloc(n * r.outputs, sizeof(*potentials));
	predictions = calloc(n * r.outputs, sizeof(*predictions));
	if (!status && (!potentials || !predictions))
		status = tool_error(path, "sys.no-memory", "no memory for predictions");
	if (!status)
		status = runner_run(&r, &frames, n, potentials);
	if (!status && runner_predict(&r, potentials, n, predictions))
		status = tool_error(path, "data.mismatch", "its outputs cannot be turned into predictions");
	if (!status)
		confusion_add(&e->results[CONVERTED], predictions, e->test.y.data, n);
	free(potentials);
	free(predictions);
	akida_array_fini(&frames);
	runner_close(&r);
	return status;
}

static struct trial_training training(const struct ecg *e, bool tune)
{
	return (struct trial_training){
		.epochs = (uint32_t)(tune ? e->tune_epochs : e->epochs),
		.rate = (float)(tune ? e->tune_rate : e->rate),
		.final_rate = (float)e->final_rate,
		.decay = (float)e->decay,
		.batch = (uint32_t)e->batch,
		.threads = (uint32_t)e->threads,
		.seed = e->seed,
		.progress = show,
	};
}

static int save(struct akida_graph *g, const char *path)
{
	struct akida_diag *diag = akida_diag_create();
	int err = tool_toolchain()->graph_save(g, path, diag), status = err ? tool_fail(diag, path, err) : 0;

	akida_diag_destroy(diag);
	return status;
}

static int stages(struct ecg *e, struct akida_graph *g)
{
	struct trial_bits bits = {8, (uint32_t)e->weights, (uint32_t)e->activations};
	struct trial_training q = training(e, false);
	char path[PATH_MAX], raw[PATH_MAX], tuned[PATH_MAX];
	int status;

	snprintf(path, sizeof(path), "%s/ecg.h5", e->folder);
	snprintf(raw, sizeof(raw), "%s/ecg_quantized.h5", e->folder);
	snprintf(tuned, sizeof(tuned), "%s/ecg_tuned.h5", e->folder);
	status = trial_train(g, NULL, &e->train, &q, e->network);
	if (!status)
		status = save(g, path);
	if (!status)
		status = ask_graph(e, ORIGINAL, g, e->network);
	if (!status)
		status = judge(e, ORIGINAL, "original");
	if (!status)
		status = trial_quantize(g, &bits, &e->train, raw, e->network);
	if (!status)
		status = ask_file(e, QUANTIZED, raw);
	if (!status)
		status = judge(e, QUANTIZED, "quantized");
	if (status)
		return status;
	printf("\nTuning at 8/%u/%u (input weights, weights, activations)\n", bits.weights, bits.activations);
	q = training(e, true);
	status = trial_train(g, &bits, &e->train, &q, e->network);
	if (!status)
		status = trial_quantize(g, &bits, &e->train, tuned, e->network);
	if (!status)
		status = ask_file(e, TUNED, tuned);
	if (!status)
		status = judge(e, TUNED, "tuned");
	if (!status)
		status = ask_device(e, tuned);
	return status ? status : judge(e, CONVERTED, "converted");
}

static void print_rows(const struct ecg *e)
{
	uint32_t classes = e->results[0].classes;
	struct table *t = table_create((int)classes + 4);

	if (!t)
		return;
	table_cell(t, "Model Type");
	table_cell(t, "Accuracy");
	table_cell(t, "F1 Score");
	table_cell(t, "macro F1");
	for (uint32_t k = 0; k < classes; k++)
		table_cell(t, "F1 %s", e->results[0].names[k]);
	for (int i = 0; i < ROWS; i++) {
		const struct confusion *c = &e->results[i];

		table_cell(t, "%s", row_names[i]);
		table_cell(t, "%.4f", confusion_accuracy(c));
		table_cell(t, "%.4f", confusion_weighted_f1(c));
		table_cell(t, "%.4f", confusion_macro_f1(c));
		for (uint32_t k = 0; k < classes; k++)
			table_cell(t, "%.4f", confusion_f1(c, k));
	}
	printf("\n%zu test samples (%s), converted for %s, seed %" PRIu64 ", F1 Score weighted by class sizes\n",
	       e->test.x.dims[0], e->test.name, e->device, e->seed);
	table_print(t, 0);
	table_destroy(t);
}

static int run(struct ecg *e)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	int err = t->network_create(e->network, e->seed, &g, diag), status = err ? tool_fail(diag, e->network, err) : 0;

	akida_diag_destroy(diag);
	if (status)
		return status;
	printf("Training %s on %s, %zu samples (rare classes repeated), seed %" PRIu64 "\n", e->network, e->train.name,
	       e->train.x.dims[0], e->seed);
	status = stages(e, g);
	t->graph_destroy(g);
	if (status)
		return status;
	print_rows(e);
	printf("Saved %s/ecg.h5, ecg_quantized.h5, ecg_tuned.h5 and a .svg of each matrix\n", e->folder);
	return 0;
}

int command_train_ecg(int argc, char **argv)
{
	struct ecg e = {.device = "virtual:akd1500",
			.folder = ".",
			.epochs = 3,
			.tune_epochs = 2,
			.batch = 128,
			.seed = 1,
			.threads = 1,
			.weights = 4,
			.activations = 4,
			.rate = 3e-3,
			.tune_rate = 7e-4,
			.final_rate = 3e-5,
			.decay = 0.05};
	const struct option_spec spec[] = {
		{"--data", OPTION_TEXT, &e.data,
		 ".npz of beats, or a folder with X_train2.npy, y_train2.npy, X_test2.npy, y_test2.npy", 0, 0},
		{"--network", OPTION_TEXT, &e.network, "in words, c5x16s2n-s3x32p2r6n-d10 (one that suits the data)", 0,
		 0},
		{"-w --weight_bits", OPTION_COUNT, &e.weights, "(4)", 2, 8},
		{"-a --activation_bits", OPTION_COUNT, &e.activations, "(4)", 1, 8},
		{"-d --device", OPTION_TEXT, &e.device, "that runs the converted model (virtual:akd1500)", 0, 0},
		{"-s --save", OPTION_TEXT, &e.folder, "folder for networks and drawings (.)", 0, 0},
		{"-e --epochs", OPTION_COUNT, &e.epochs, "of float training (3)", 1, 100000},
		{"--tune_epochs", OPTION_COUNT, &e.tune_epochs, "with quantizers (2)", 0, 100000},
		{"-b --batch_size", OPTION_COUNT, &e.batch, "(128)", 1, 65536},
		{"-lr --learning_rate", OPTION_NUMBER, &e.rate, "of float training (0.003)", 0, 0},
		{"--tune_rate", OPTION_NUMBER, &e.tune_rate, "learning rate of tuning (0.0007)", 0, 0},
		{"--final_learning_rate", OPTION_NUMBER, &e.final_rate, "at the end of both, along a cosine (0.00003)",
		 0, 0},
		{"--weight_decay", OPTION_NUMBER, &e.decay, "(0.05)", 0, 0},
		{"--threads", OPTION_COUNT, &e.threads, "of training; results depend on it (1; 0: all cores)", 0, 1024},
		{"--seed", OPTION_COUNT, &e.seed, "(1)", 0, 0},
		{0},
	};
	int status = options_parse(argc, argv, "akida train ecg --data FILE|DIR [options]", spec, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	if (!e.data)
		return tool_usage("train ecg needs --data, an .npz of beats or a folder of .npy files");
	if (!tool_toolchain())
		return TOOL_FAILED;
	status = trial_folder(e.folder);
	if (!status)
		status = load(&e);
	if (!status)
		status = run(&e);
	akida_dataset_fini(&e.train);
	akida_dataset_fini(&e.test);
	return status;
}
