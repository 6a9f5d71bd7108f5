/* SPDX-License-Identifier: MIT */
/* cnn2snn quantize, reshape and calibrate: networks quantized by the rules of legacy CNN2SNN. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

/* Opens the one network a command takes; OPTIONS_GO_ON, or the status to end with. */
static int open_network(const char **model, const char *const *words, int n, const char *out, struct stage *s)
{
	int status = options_file(model, words, n, "a network is needed: -m FILE");

	if (status != OPTIONS_GO_ON)
		return status;
	status = tool_output(out);
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

/* Saves and destroys what a step made of the network; err: of that step. */
static int finish(struct stage *s, struct akida_graph *made, int err, const char *out, struct akida_diag *diag)
{
	const char *what = err ? s->path : out;
	int status = TOOL_DONE;

	if (!err)
		err = tool_toolchain()->graph_save(made, out, diag);
	if (err) {
		status = tool_fail(diag, what, err);
	} else {
		tool_notes_of(diag);
		printf("Saved %s\n", out);
	}
	if (made)
		tool_toolchain()->graph_destroy(made);
	akida_diag_destroy(diag);
	stage_close(s);
	return status;
}

/* A width that may be -1 (as the others) or 0 (float). */
static int to_bits(const char *name, const char *text, int32_t *out)
{
	char *end;
	long v;

	if (!text)
		return OPTIONS_GO_ON;
	v = strtol(text, &end, 10);
	if (*end || end == text || v < -1 || v > 8)
		return tool_usage("%s takes a width from 1 to 8, 0 or -1, not '%s'", name, text);
	*out = (int32_t)v;
	return OPTIONS_GO_ON;
}

int command_legacy_quantize(int argc, char **argv)
{
	const char *model = NULL, *out = NULL, *weights = NULL, *activations = NULL, *inputs = NULL, *words[1];
	bool no_fold = false;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "float or legacy-quantized network", 0, 0},
		{"-wq --weight_quantization", OPTION_TEXT, &weights, "weight bits 2, 4, 8; 0: float (4)", 0, 0},
		{"-aq --activ_quantization", OPTION_TEXT, &activations, "activation bits 1, 2, 4; 0: float (4)", 0, 0},
		{"-iq --input_weight_quantization", OPTION_TEXT, &inputs, "of the first layer (-1: as -wq)", 0, 0},
		{"--no-fold-BN", OPTION_FLAG, &no_fold, "leave BatchNormalization where it is", 0, 0},
		{"-s --save_name", OPTION_TEXT, &out, "file to write (default: name_iqI_wqW_aqA.h5)", 0, 0},
		{0},
	};
	struct akida_quant_legacy_params p = {
		.size = sizeof(p), .input_weight_bits = -1, .weight_bits = 4, .activation_bits = 4};
	struct akida_graph *made = NULL;
	char name[PATH_MAX + 64], suffix[64];
	struct akida_diag *diag;
	struct stage s;
	int n = 0, err, status;

	status = options_parse(argc, argv, "quantize -m FILE [-wq N] [-aq N] [-iq N]", spec, words, 1, &n);
	if (status == OPTIONS_GO_ON)
		status = to_bits("-wq", weights, &p.weight_bits);
	if (status == OPTIONS_GO_ON)
		status = to_bits("-aq", activations, &p.activation_bits);
	if (status == OPTIONS_GO_ON)
		status = to_bits("-iq", inputs, &p.input_weight_bits);
	if (status == OPTIONS_GO_ON)
		status = open_network(&model, words, n, out, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	p.fold_batchnorm = !no_fold;
	snprintf(suffix, sizeof(suffix), "_iq%d_wq%d_aq%d.h5",
		 p.input_weight_bits < 0 ? p.weight_bits : p.input_weight_bits, p.weight_bits, p.activation_bits);
	stage_out_name(name, sizeof(name), model, suffix, true);
	diag = akida_diag_create();
	err = tool_toolchain()->quantize_legacy(s.graph, &p, &made, diag);
	return finish(&s, made, err, out ? out : name, diag);
}

int command_legacy_reshape(int argc, char **argv)
{
	const char *model = NULL, *out = NULL, *words[1];
	uint64_t height = 0, width = 0;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "network with an image as input", 0, 0},
		{"-ih --input_height", OPTION_COUNT, &height, "new height", 1, 65536},
		{"-iw --input_width", OPTION_COUNT, &width, "new width", 1, 65536},
		{"-s --save_name", OPTION_TEXT, &out, "file to write (default: name_HEIGHT_WIDTH.h5)", 0, 0},
		{0},
	};
	struct akida_graph *made = NULL;
	char name[PATH_MAX + 64], suffix[64];
	uint32_t dims[4];
	struct akida_diag *diag;
	struct stage s;
	int n = 0, err, status;

	status = options_parse(argc, argv, "reshape -m FILE -ih HEIGHT -iw WIDTH", spec, words, 1, &n);
	if (status == OPTIONS_GO_ON && (!height || !width))
		status = tool_usage("reshape needs -ih HEIGHT and -iw WIDTH");
	if (status == OPTIONS_GO_ON)
		status = open_network(&model, words, n, out, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	snprintf(suffix, sizeof(suffix), "_%u_%u.h5", (unsigned int)height, (unsigned int)width);
	stage_out_name(name, sizeof(name), model, suffix, false);
	if (tool_toolchain()->graph_input(s.graph, dims) != 3) {
		status = tool_error(model, "graph.shape", "has no image of height, width and channels as input");
		stage_close(&s);
		return status;
	}
	dims[0] = (uint32_t)height;
	dims[1] = (uint32_t)width;
	diag = akida_diag_create();
	err = tool_toolchain()->graph_resize(s.graph, 3, dims, &made, diag);
	return finish(&s, made, err, out ? out : name, diag);
}

int command_legacy_calibrate(int argc, char **argv)
{
	const char *model = NULL, *out = NULL, *samples = NULL, *words[2];
	uint64_t batch = 32, epochs = 10;
	double rate = 0.01;
	bool with_activations = false, rounding;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "network of cnn2snn quantize", 0, 0},
		{"-sa --samples", OPTION_TEXT, &samples, "calibration samples, .npz or .npy", 0, 0},
		{"-bs --batch_size", OPTION_COUNT, &batch, "samples at a time (32)", 1, 1u << 16},
		{"-e --epochs", OPTION_COUNT, &epochs, "adaround: over the samples (10)", 1, 100000},
		{"-lr --learning_rate", OPTION_NUMBER, &rate, "adaround: of Adam (0.01)", 0, 0},
		{"-act --include_activation", OPTION_FLAG, &with_activations, "adaround: compare behind activations", 0,
		 0},
		{"-s --save_name", OPTION_TEXT, &out, "file to write (default: name_METHOD_calibrated.h5)", 0, 0},
		{0},
	};
	struct akida_legacy_calibration p = {.size = sizeof(p)};
	struct akida_array x = {0};
	struct akida_graph *made = NULL;
	char name[PATH_MAX + 64];
	struct akida_diag *diag;
	struct stage s;
	int n = 0, err, status;

	status = options_parse(argc, argv, "calibrate bc|adaround -m FILE -sa SAMPLES.npz", spec, words, 2, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	if (!n || (strcmp(words[0], "bc") && strcmp(words[0], "adaround")))
		return tool_usage("calibrate takes a method first: bc or adaround");
	rounding = !strcmp(words[0], "adaround");
	if (!samples)
		return tool_usage("calibrate needs -sa SAMPLES");
	status = open_network(&model, words + 1, n - 1, out, &s);
	if (status != OPTIONS_GO_ON)
		return status;
	p.method = rounding ? AKIDA_LEGACY_ADAROUND : AKIDA_LEGACY_BIAS_CORRECTION;
	p.batch_size = (uint32_t)batch;
	p.epochs = (uint32_t)epochs;
	p.learning_rate = (float)rate;
	p.with_activations = with_activations;
	stage_out_name(name, sizeof(name), model, rounding ? "_adaround_calibrated.h5" : "_bc_calibrated.h5", false);
	diag = akida_diag_create();
	err = tool_toolchain()->samples_load(samples, &x, diag);
	if (!err)
		err = tool_toolchain()->calibrate_legacy(s.graph, &p, &x, &made, diag);
	akida_array_fini(&x);
	return finish(&s, made, err, out ? out : name, diag);
}
