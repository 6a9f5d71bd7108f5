/* SPDX-License-Identifier: MIT */
/* quantizeml analysis: what quantization costs each layer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

#define FRAMES 16

/* Uniform random frames as the network takes them. */
static int random_frames(const struct stage *s, uint64_t frames, struct akida_array *x)
{
	uint32_t in[4], rank = tool_toolchain()->graph_input(s->graph, in);
	size_t dims[5] = {frames};
	uint64_t seed = 1;
	int err;

	for (uint32_t i = 0; i < rank; i++)
		dims[i + 1] = in[i];
	err = akida_array_init(x, AKIDA_U8, rank + 1, dims);
	for (size_t i = 0; !err && i < akida_array_elements(x); i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		((uint8_t *)x->data)[i] = (uint8_t)(seed >> 56);
	}
	return err;
}

static void print_errors(const struct akida_layer_error *e, size_t n, const char *target)
{
	printf("%-40s %10s %14s\n", "Layer", "SMAPE", "Saturation (%)");
	for (size_t i = 0; i < n; i++) {
		char name[160];

		if (!target || !strcmp(target, e[i].name))
			printf("%-40s %10.6f %14.4f\n", tool_clean(name, sizeof(name), e[i].name), e[i].smape,
			       100 * e[i].saturated);
	}
}

static bool has_layer(const struct akida_layer_error *e, size_t n, const char *target)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(e[i].name, target))
			return true;
	return false;
}

static int analyse(struct stage *s, enum akida_analysis kind, const char *samples, uint64_t frames, const char *target)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_layer_error *e = calloc(t->graph_nodes(s->graph), sizeof(*e));
	struct akida_diag *diag = akida_diag_create();
	struct akida_array x = {0};
	size_t n = 0;
	int err = e ? 0 : -ENOMEM, status = TOOL_DONE;

	if (!err && kind != AKIDA_ANALYSIS_WEIGHT)
		err = samples ? t->samples_load(samples, &x, diag) : random_frames(s, frames, &x);
	if (!err && !samples && kind != AKIDA_ANALYSIS_WEIGHT)
		tool_note("no samples given: %u random frames", (unsigned int)frames);
	if (!err && x.data && x.dims[0] > frames)
		x.dims[0] = frames;
	if (!err)
		err = t->quant_analysis(s->graph, kind, &x, e, &n, diag);
	if (err)
		status = tool_fail(diag, s->path, err);
	else if (target && !has_layer(e, n, target))
		status = tool_error(target, "quant.config", "is no quantized layer of the network");
	else
		print_errors(e, n, target);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	free(e);
	return status;
}

int command_quant_analysis(int argc, char **argv)
{
	static const char *const kinds[] = {[AKIDA_ANALYSIS_SINGLE] = "single",
					    [AKIDA_ANALYSIS_CUMULATIVE] = "cumulative",
					    [AKIDA_ANALYSIS_WEIGHT] = "weight"};
	const char *model = NULL, *target = NULL, *samples = NULL, *words[3];
	uint64_t frames = FRAMES;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "quantized network", 0, 0},
		{"-tl --target_layer", OPTION_TEXT, &target, "one layer only", 0, 0},
		{"-bs --batch_size", OPTION_COUNT, &frames, "samples (16)", 1, 1u << 16},
		{"-sa --samples", OPTION_TEXT, &samples, ".npz or .npy (random ones without)", 0, 0},
		{"-fm --float_model", OPTION_ABSENT, NULL, NULL, 0, 0},
		{0},
	};
	unsigned int kind = 0;
	struct stage s;
	int n = 0, status;

	status = options_parse(argc, argv, "analysis quantization_error single|cumulative|weight -m FILE", spec, words,
			       3, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	if (n && !strcmp(words[0], "kernel_distribution"))
		return tool_error(words[0], "sys.missing-part", "not available in this version");
	while (n > 1 && kind < 3 && strcmp(words[1], kinds[kind]))
		kind++;
	if (n < 2 || strcmp(words[0], "quantization_error") || kind == 3)
		return tool_usage("analysis takes quantization_error and then single, cumulative or weight");
	status = options_file(&model, words + 2, n - 2, "analysis needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	status = stage_open(&s, model);
	if (status)
		return status;
	status = s.graph ? analyse(&s, (enum akida_analysis)kind, samples, frames, target)
			 : tool_error(model, "tool.stage", "is a %s; this takes a quantized network", s.origin);
	stage_close(&s);
	return status;
}
