/* SPDX-License-Identifier: MIT */
/* akida run: inputs through a model on a device; outputs to an .npy file, figures to the screen. */
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/report.h"
#include "common/runner.h"
#include "common/spec.h"

/* (frames, outputs...): a flat vector per frame when the output is 1 x 1 x c. */
static int save_outputs(const struct runner *r, const char *path, const int32_t *potentials, uint64_t n, bool raw)
{
	size_t flat[2] = {n, r->outputs}, image[4] = {n, r->out_dims[0], r->out_dims[1], r->out_dims[2]};
	bool is_flat = r->out_dims[0] * r->out_dims[1] == 1 ||
		       (size_t)r->out_dims[0] * r->out_dims[1] * r->out_dims[2] != r->outputs;
	struct akida_diag *diag = akida_diag_create();
	struct akida_array a = {0};
	int err = akida_array_init(&a, raw ? AKIDA_I32 : AKIDA_F32, is_flat ? 2 : 4, is_flat ? flat : image);
	int status = 0;

	if (!err && raw)
		memcpy(a.data, potentials, n * r->outputs * sizeof(int32_t));
	else if (!err && runner_predict(r, potentials, n, a.data))
		tool_note("the program carries no output scales: the predictions are its potentials");
	if (!err)
		err = akida_npy_save(path, &a, diag);
	if (err)
		status = tool_fail(diag, path, err);
	akida_array_fini(&a);
	akida_diag_destroy(diag);
	return status;
}

static int run_frames(struct runner *r, const struct akida_array *frames, const char *out, bool raw)
{
	struct akida_program_info pi = {.size = sizeof(pi)};
	struct akida_stats stats = {.size = sizeof(stats)};
	uint64_t n = frames->dims[0];
	int32_t *potentials = calloc(n * r->outputs, sizeof(*potentials));
	int status;

	if (!potentials)
		return tool_error(r->info.name, "sys.no-memory", "no memory for the outputs of %llu frames",
				  (unsigned long long)n);
	status = runner_run(r, frames, n, potentials);
	if (!status)
		akida_session_stats(r->session, &stats);
	if (!status && stats.unknown_events)
		status = tool_error(r->info.name, "nsoc.unknown", "%llu events were not understood, the last: %s",
				    (unsigned long long)stats.unknown_events, stats.unknown_last);
	if (!status && out)
		status = save_outputs(r, out, potentials, n, raw);
	free(potentials);
	if (status)
		return status;
	printf("Device: %s\nFrames: %llu, %zu outputs each\n", r->info.name, (unsigned long long)n, r->outputs);
	if (r->stage.program && r->info.needs_program) {
		akida_program_info(r->stage.program, &pi);
		printf("Weakest tag: %s\n", akida_tag_name(pi.tag));
	}
	report_stats(&stats);
	report_more(&stats);
	if (stats.source == AKIDA_SOURCE_MODEL)
		printf("Not understood by the software NSoC: 0 events\n");
	if (out)
		printf("Saved %s\n", out);
	return TOOL_DONE;
}

int command_run(int argc, char **argv)
{
	const char *model = NULL, *inputs = NULL, *out = NULL, *words[1];
	uint64_t batch = 1, threads = 0, limit = 0, seed = 0;
	bool raw = false;
	struct runner_params p;
	struct akida_array frames = {0};
	struct akida_dataset random;
	struct runner r;
	int n = 0, status;

	runner_params_init(&p);
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "model or program at any stage", 0, 0},
		{"-d --device", OPTION_TEXT, &p.device, "cpu, virtual:akd1000, virtual:akd1500, virtual:akida2", 0, 0},
		{"-i --input", OPTION_TEXT, &inputs, ".npy, .npz or raw uint8; without it one random frame", 0, 0},
		{"-o --output", OPTION_TEXT, &out, ".npy to write: predictions, float32", 0, 0},
		{"--potentials", OPTION_FLAG, &raw, "write int32 potentials instead", 0, 0},
		{"--frames", OPTION_COUNT, &limit, "run at most so many frames", 1, 0},
		{"--batch", OPTION_COUNT, &batch, "frames in flight (1)", 1, 253},
		{"--threads", OPTION_COUNT, &threads, "of the cpu device (0: as many as processors)", 0, 256},
		{"--provisional", OPTION_FLAG, &p.provisional, "allow provisional encodings on a board", 0, 0},
		{"-sa --samples", OPTION_TEXT, &p.stage.samples, "calibration samples of a float network", 0, 0},
		{0},
	};

	status = options_parse(argc, argv, "akida run -m FILE [-d DEVICE] [-i INPUTS] [-o OUTPUTS.npy] [--potentials]",
			       spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&model, words, n, "run needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	p.batch = (uint32_t)batch;
	p.threads = (uint32_t)threads;
	status = tool_output(out);
	if (!status)
		status = runner_open(&r, model, &p);
	if (status)
		return status;
	if (inputs) {
		status = spec_inputs(inputs, r.in_dims, &frames);
	} else {
		tool_note("no inputs given: one random frame");
		status = spec_load("random", r.in_dims, 1, seed, &random);
		if (!status)
			status = spec_frames(&random.x, r.in_dims, 1, 0, "random", &frames);
		akida_dataset_fini(&random);
	}
	if (!status) {
		if (limit && limit < frames.dims[0])
			frames.dims[0] = limit;
		status = run_frames(&r, &frames, out, raw);
	}
	akida_array_fini(&frames);
	runner_close(&r);
	return status;
}
