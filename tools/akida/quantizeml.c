/* SPDX-License-Identifier: MIT */
/* quantizeml config, check, extract and run: what is inside a quantized network, and networks by themselves, unconverted. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/spec.h"
#include "common/stage.h"

/* The options of a command and its one network; OPTIONS_GO_ON, or the status to end with. s is open then. */
static int open_network(int argc, char **argv, const char *usage, const struct option_spec *spec, const char **model,
			const char *const *out, struct stage *s)
{
	const char *words[1];
	int n = 0, status = options_parse(argc, argv, usage, spec, words, 1, &n);

	if (status == OPTIONS_GO_ON)
		status = options_file(model, words, n, "a network is needed: -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	status = out ? tool_output(*out) : 0;
	if (!status)
		status = stage_open(s, *model);
	if (status)
		return status;
	if (s->graph)
		return OPTIONS_GO_ON;
	status = tool_error(*model, "tool.stage", "is a %s; this takes a network", s->origin);
	stage_close(s);
	return status;
}

int command_quant_config(int argc, char **argv)
{
	const char *model = NULL, *out = NULL;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "quantized network", 0, 0},
		{"-o --output", OPTION_TEXT, &out, "JSON file to write (default: the screen)", 0, 0},
		{0},
	};
	struct akida_diag *diag;
	char *json = NULL;
	struct stage s;
	int err, status;

	status = open_network(argc, argv, "config -m FILE [-o OUT.json]", spec, &model, &out, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	diag = akida_diag_create();
	err = tool_toolchain()->quant_config(s.graph, &json, diag);
	if (!err && out)
		err = akida_file_write(out, json, strlen(json), diag);
	status = err ? tool_fail(diag, out && json ? out : model, err) : TOOL_DONE;
	if (!err && out)
		printf("Saved %s\n", out);
	else if (!err)
		printf("%s", json);
	free(json);
	akida_diag_destroy(diag);
	stage_close(&s);
	return status;
}

int command_quant_check(int argc, char **argv)
{
	const char *model = NULL;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "float or quantized network", 0, 0},
		{0},
	};
	struct akida_diag *diag;
	struct stage s;
	int err, status;

	status = open_network(argc, argv, "check -m FILE", spec, &model, NULL, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	diag = akida_diag_create();
	err = tool_toolchain()->quant_check(s.graph, diag);
	for (size_t i = 0; err && i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);
		char text[512];

		if (r->severity == AKIDA_ERROR)
			printf("%s: %s%s%s\n", r->rule, tool_clean(text, sizeof(text), r->text), *r->remedy ? "; " : "",
			       r->remedy);
	}
	if (err)
		status = tool_fail(diag, model, err);
	else
		printf("%s: %u layers, %s\n", model, tool_toolchain()->graph_nodes(s.graph),
		       s.quantized ? "each with an integer form and calibrated ranges" : "each can be quantized");
	akida_diag_destroy(diag);
	stage_close(&s);
	return err ? status : TOOL_DONE;
}

int command_quant_extract(int argc, char **argv)
{
	const char *data = NULL, *out = "samples.npz", *words[1];
	uint64_t batch = 32, batches = 32;
	const struct option_spec spec[] = {
		{"--data", OPTION_TEXT, &data, "SPEC of the data set", 0, 0},
		{"-s --savefile", OPTION_TEXT, &out, ".npz to write (samples.npz), array data", 0, 0},
		{"-bs --batch_size", OPTION_COUNT, &batch, "samples in a batch (32)", 1, 1u << 16},
		{"-nb --num_batches", OPTION_COUNT, &batches, "batches (32)", 1, 1u << 16},
		{0},
	};
	const uint32_t digits[3] = {28, 28, 1}; /* what digits and random are drawn in */
	struct akida_dataset set;
	struct akida_diag *diag;
	int n = 0, err, status;

	status = options_parse(argc, argv, "extract --data SPEC [-s OUT.npz] [-bs N] [-nb N]", spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	if (!data && !n)
		return tool_usage("extract needs --data SPEC");
	data = data ? data : words[0];
	status = tool_output(out);
	if (!status)
		status = spec_load(data, digits, batch * batches, 1, &set);
	if (status)
		return status;
	if (set.x.dims[0] > batch * batches)
		set.x.dims[0] = batch * batches;
	diag = akida_diag_create();
	err = tool_toolchain() ? tool_toolchain()->npz_save(out, "data", &set.x, diag) : -ENOENT;
	if (err)
		status = tool_toolchain() ? tool_fail(diag, out, err) : TOOL_FAILED;
	else
		printf("Saved %s: %zu samples\n", out, set.x.dims[0]);
	akida_diag_destroy(diag);
	akida_dataset_fini(&set);
	return status;
}

static int forward(const struct stage *s, const struct akida_array *x, const char *out)
{
	const struct akida_toolchain *t = tool_toolchain();
	size_t dims[2] = {x->dims[0], t->graph_outputs(s->graph)};
	struct akida_diag *diag = akida_diag_create();
	struct akida_array y = {0};
	int err = akida_array_init(&y, AKIDA_F32, 2, dims), status = 0;

	if (!err)
		err = t->graph_forward(s->graph, x, y.data, diag);
	if (!err && out)
		err = akida_npy_save(out, &y, diag);
	if (err)
		status = tool_fail(diag, s->path, err);
	else
		printf("Frames: %zu, %zu outputs each, by %s\n", dims[0], dims[1],
		       s->quantized ? "the integers of the quantized network" : "the float network");
	for (size_t i = 0; !err && !out && i < dims[0]; i++)
		for (size_t k = 0; k < dims[1]; k++)
			printf("%.9g%c", (double)((const float *)y.data)[i * dims[1] + k],
			       k + 1 < dims[1] ? ' ' : '\n');
	if (!err && out)
		printf("Saved %s\n", out);
	akida_array_fini(&y);
	akida_diag_destroy(diag);
	return status;
}

int command_quant_run(int argc, char **argv)
{
	const char *model = NULL, *inputs = NULL, *out = NULL;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "float or quantized network", 0, 0},
		{"-i --input", OPTION_TEXT, &inputs, ".npy or .npz (all arrays joined) of frames, any type", 0, 0},
		{"-o --output", OPTION_TEXT, &out, ".npy to write: float32 outputs (default: the screen)", 0, 0},
		{0},
	};
	struct akida_array x = {0};
	struct akida_diag *diag;
	struct stage s;
	int err, status;

	status = open_network(argc, argv, "run -m FILE -i INPUTS [-o OUT.npy]", spec, &model, &out, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	if (!inputs) {
		stage_close(&s);
		return tool_usage("run needs -i INPUTS");
	}
	diag = akida_diag_create();
	err = tool_toolchain()->samples_load(inputs, &x, diag);
	status = err ? tool_fail(diag, inputs, err) : forward(&s, &x, out);
	akida_diag_destroy(diag);
	akida_array_fini(&x);
	stage_close(&s);
	return status;
}
