/* SPDX-License-Identifier: MIT */
/* akida train mnist train|eval: float training of the small networks, and their accuracy. */
#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/spec.h"
#include "common/stage.h"
#include "common/trial.h"

static void show_progress(void *ctx, const struct akida_epoch *e)
{
	bool terminal = *(const bool *)ctx, over = e->batch == e->batches;

	if (terminal && e->batches) {
		int done = (int)(30ull * e->batch / e->batches);

		fprintf(stderr, "\rEpoch %u/%u [%.*s%*s] %u/%u  loss %.4f  accuracy %.4f", e->epoch, e->epochs, done,
			"==============================", 30 - done, "", e->batch, e->batches, e->loss, e->accuracy);
		if (over)
			fputs("\r\033[K", stderr);
	}
	if (!over)
		return;
	printf("Epoch %u/%u: loss %.4f, accuracy %.4f", e->epoch, e->epochs, e->loss, e->accuracy);
	if (isfinite(e->val_loss))
		printf(", validation loss %.4f, accuracy %.4f", e->val_loss, e->val_accuracy);
	printf(", %.1f s (measured, this host)\n", e->seconds);
	fflush(stdout);
}

struct training {
	const char *model, *network, *data, *labels, *out, *optimizer, *checkpoint;
	uint64_t epochs, batch, seed, patience, threads, limit, shift, quantized;
	uint64_t input_bits, weight_bits, activation_bits; /* of the quantized epochs */
	double rate, final_rate, momentum, decay, validation;
	bool tune;
	uint32_t rank, ranks; /* among the processes that mpirun started */
};

static int train_graph(const struct training *a, struct akida_graph *g, const char *out)
{
	const struct akida_toolchain *t = tool_toolchain();
	bool terminal = isatty(STDERR_FILENO);
	struct akida_train_params p = {
		.size = sizeof(p),
		.input_weight_bits = (uint32_t)a->input_bits,
		.weight_bits = (uint32_t)a->weight_bits,
		.activation_bits = (uint32_t)a->activation_bits,
		.final_learning_rate = (float)a->final_rate,
		.shift = (uint32_t)a->shift,
		.ranks = 1,
		.quantized_epochs = (uint32_t)a->quantized,
		.tune = a->tune,
		.optimizer = strcmp(a->optimizer, "sgd") ? AKIDA_ADAM : AKIDA_SGD,
		.learning_rate = (float)a->rate,
		.momentum = (float)a->momentum,
		.weight_decay = (float)a->decay,
		.batch_size = (uint32_t)a->batch,
		.epochs = (uint32_t)a->epochs,
		.threads = (uint32_t)a->threads,
		.seed = a->seed,
		.validation_split = (float)a->validation,
		.patience = (uint32_t)a->patience,
		.checkpoint = a->checkpoint,
		.progress = show_progress,
		.ctx = &terminal,
	};
	struct akida_diag *diag = akida_diag_create();
	struct akida_dataset data;
	uint32_t dims[4] = {1, 1, 1, 1};
	int err, status;

	t->graph_input(g, dims);
	status = spec_load(a->data, dims, a->limit, a->seed, &data);
	if (status)
		goto out;
	if (data.y.data && a->labels)
		status = spec_keep_labels(&data, a->labels);
	if (status)
		goto free_data;
	if (!data.y.data) {
		status = tool_error(a->data, "data.labels", "has no labels");
	} else {
		if (a->limit && a->limit < data.x.dims[0])
			data.x.dims[0] = data.y.dims[0] = a->limit;
		printf("Training on %s, %zu frames\n", data.name, data.x.dims[0]);
		err = t->train(g, &data, &p, diag);
		if (!err && !a->rank)
			err = t->graph_save(g, out, diag);
		status = err ? tool_fail(diag, a->data, err) : 0;
	}
free_data:
	akida_dataset_fini(&data);
out:
	akida_diag_destroy(diag);
	if (!status)
		printf("Saved %s\n", out);
	return status;
}

static const char *default_data(const char *kind)
{
	static char spec[PATH_MAX + 64];
	const char *folder = spec_mnist_folder();

	if (!folder)
		return NULL;
	snprintf(spec, sizeof(spec), "%s:%s", kind, folder);
	tool_note("no data given: %s", spec);
	return spec;
}

static int train_run(int argc, char **argv)
{
	struct training a = {.network = "mnist",
			     .optimizer = "adam",
			     .epochs = 10,
			     .batch = 128,
			     .seed = 1,
			     .rate = 1e-3,
			     .momentum = 0.9,
			     .input_bits = 8,
			     .weight_bits = 4,
			     .activation_bits = 4};
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &a.model, "network to go on with (.h5); without it a new one", 0, 0},
		{"--network", OPTION_TEXT, &a.network, "new network: mnist (default) or first-light", 0, 0},
		{"--data", OPTION_TEXT, &a.data, "SPEC, mnist-train:DIR", 0, 0},
		{"--labels", OPTION_TEXT, &a.labels, "train on these labels only, as classes 0, 1, ... (0-6 or 7,8,9)",
		 0, 0},
		{"-s --save", OPTION_TEXT, &a.out, "file to write (NETWORK.h5)", 0, 0},
		{"--checkpoint", OPTION_TEXT, &a.checkpoint, ".h5 to write after each epoch that was the best so far",
		 0, 0},
		{"-e --epochs", OPTION_COUNT, &a.epochs, "epochs (10)", 1, 100000},
		{"-b --batch_size", OPTION_COUNT, &a.batch, "batch size (128)", 1, 65536},
		{"-lr --learning_rate", OPTION_NUMBER, &a.rate, "learning rate (0.001)", 0, 0},
		{"--final_learning_rate", OPTION_NUMBER, &a.final_rate, "falls to this along a cosine (0: it does not)",
		 0, 0},
		{"--shift", OPTION_COUNT, &a.shift, "move images up to so many pixels at random (0)", 0, 64},
		{"--quantized_epochs", OPTION_COUNT, &a.quantized,
		 "so many last epochs see quantizers: less is lost when quantizing later (0)", 0, 100000},
		{"--tune", OPTION_FLAG, &a.tune,
		 "quantizers in all batches of all epochs, for a network trained before", 0, 0},
		{"-i --input_weight_bits", OPTION_COUNT, &a.input_bits, "of these quantizers (8)", 2, 8},
		{"-w --weight_bits", OPTION_COUNT, &a.weight_bits, "of these quantizers (4)", 2, 8},
		{"-a --activation_bits", OPTION_COUNT, &a.activation_bits, "of these quantizers (4)", 1, 8},
		{"--optimizer", OPTION_TEXT, &a.optimizer, "adam (default) or sgd", 0, 0},
		{"--momentum", OPTION_NUMBER, &a.momentum, "of sgd (0.9)", 0, 0},
		{"--weight_decay", OPTION_NUMBER, &a.decay, "(0)", 0, 0},
		{"--validation", OPTION_NUMBER, &a.validation, "share of the data, from its end (0)", 0, 0},
		{"--patience", OPTION_COUNT, &a.patience, "stop after so many epochs without gain (0: never)", 0,
		 100000},
		{"--frames", OPTION_COUNT, &a.limit, "use at most so many frames", 1, 0},
		{"--threads", OPTION_COUNT, &a.threads, "(0: all cores)", 0, 1024},
		{"--seed", OPTION_COUNT, &a.seed, "(1)", 0, 0},
		{0},
	};
	const struct akida_toolchain *t;
	struct akida_diag *diag;
	char out[PATH_MAX];
	struct stage s = {0};
	int err, status = options_parse(argc, argv, "akida train mnist train [options]", spec, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	if (strcmp(a.optimizer, "adam") && strcmp(a.optimizer, "sgd"))
		return tool_usage("--optimizer is adam or sgd, not '%s'", a.optimizer);
	if (a.validation < 0 || a.validation >= 1)
		return tool_usage("--validation is a share from 0 to below 1");
	if (!a.data)
		a.data = default_data("mnist-train");
	if (!a.data)
		return tool_error("train mnist", "data.missing", "no MNIST files found; give --data mnist-train:DIR");
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	status = trial_ranks(&a.rank, &a.ranks);
	if (status)
		return status;
	snprintf(out, sizeof(out), "%s", a.out ? a.out : "");
	if (!a.out)
		snprintf(out, sizeof(out), "%s.h5", a.network);
	status = tool_output(out);
	if (!status)
		status = tool_output(a.checkpoint);
	if (status)
		return status;
	if (a.model) {
		status = stage_open(&s, a.model);
		if (!status && !s.graph)
			status = tool_error(a.model, "tool.stage", "is a %s, not a network", s.origin);
	} else {
		diag = akida_diag_create();
		err = t->network_create(a.network, a.seed, &s.graph, diag);
		status = err ? tool_fail(diag, a.network, err) : 0;
		akida_diag_destroy(diag);
	}
	if (!status)
		status = train_graph(&a, s.graph, out);
	stage_close(&s);
	return status;
}

/* mnist_train eval: the float network as a rule, -ak runs the converted model on cpu. */
static int train_eval(int argc, char **argv)
{
	const char *model = NULL, *data = NULL;
	bool akida = false;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "network", 0, 0},
		{"--data", OPTION_TEXT, &data, "SPEC, mnist:DIR", 0, 0},
		{"-ak --akida", OPTION_FLAG, &akida, "quantize, convert and run on cpu", 0, 0},
		{0},
	};
	char *args[8];
	int n = 0, status = options_parse(argc, argv, "akida train mnist eval -m FILE [--data SPEC] [-ak]", spec, NULL,
					  0, NULL);
	static char m[] = "-m", d[] = "--data", dev[] = "-d", cpu[] = "cpu", fl[] = "--float";

	if (status != OPTIONS_GO_ON)
		return status;
	if (!model)
		return tool_usage("train mnist eval needs -m FILE");
	if (!data)
		data = default_data("mnist");
	if (!data)
		return tool_error("train mnist", "data.missing", "no MNIST files found; give --data mnist:DIR");
	args[n++] = m;
	args[n++] = (char *)(uintptr_t)model;
	args[n++] = d;
	args[n++] = (char *)(uintptr_t)data;
	if (akida) {
		args[n++] = dev;
		args[n++] = cpu;
	} else {
		args[n++] = fl;
	}
	return command_eval(n, args);
}

int command_train(int argc, char **argv)
{
	static const char *const later[] = {"kws",	   "imagenet",	"utk_face",   "yolo", "dvs",   "modelnet40",
					    "portrait128", "centernet", "urbansound", "eye",  "jester"};
	static const char *const steps[] = {"tune", "rescale", "extract"};

	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		printf("usage: akida train mnist [train|eval] [options]\n       akida train ecg [options]\n");
		return TOOL_DONE;
	}
	if (argc < 1)
		return tool_usage("train needs a task: mnist or ecg");
	for (size_t i = 0; i < sizeof(later) / sizeof(*later); i++)
		if (!strcmp(argv[0], later[i]))
			return tool_error(argv[0], "sys.missing-part", "this task is not available in this version");
	if (!strcmp(argv[0], "ecg"))
		return command_train_ecg(argc - 1, argv + 1);
	if (strcmp(argv[0], "mnist"))
		return tool_usage("unknown task '%s'; there are mnist and ecg", argv[0]);
	if (argc < 2 || argv[1][0] == '-')
		return command_train_mnist(argc - 1, argv + 1);
	if (!strcmp(argv[1], "train"))
		return train_run(argc - 2, argv + 2);
	if (!strcmp(argv[1], "eval"))
		return train_eval(argc - 2, argv + 2);
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++)
		if (!strcmp(argv[1], steps[i]))
			return tool_error(argv[1], "sys.missing-part", "not available in this version");
	return tool_usage("unknown step '%s' of train mnist", argv[1]);
}
