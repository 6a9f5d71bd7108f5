/* SPDX-License-Identifier: MIT */
/* akida-bench: one model on one device with one data set; figures, each with its source. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "akida-bench/bench.h"
#include "common/measure.h"
#include "common/options.h"
#include "common/report.h"
#include "common/spec.h"

#define DEFAULT_MODEL "mnist.akm"
#define SPARSITY_FRAMES 64u

struct request {
	struct runner_params run;
	const char *model, *data, *save_json, *save_html, *mode;
	uint64_t frames, batch, threads, seed;
	bool json;
};

/* share/akida/models next to the program's folder: in the build tree as in an installation. */
static int default_model(char *path, size_t bytes)
{
	char *whole;

	snprintf(path, bytes, "%s/../share/akida/models/" DEFAULT_MODEL, tool_folder());
	whole = realpath(path, NULL);
	if (whole) {
		snprintf(path, bytes, "%s", whole);
		free(whole);
		return 0;
	}
	return tool_error(DEFAULT_MODEL, "sys.missing-part", "the default model is not installed (%s); give -m FILE",
			  path);
}

static const char *default_data(void)
{
	static char spec[PATH_MAX + 64];
	const char *folder = spec_mnist_folder();

	if (!folder) {
		tool_note("no MNIST files found: digits drawn by the program are the data");
		return "digits";
	}
	snprintf(spec, sizeof(spec), "mnist:%s", folder);
	tool_note("no data given: %s", spec);
	return spec;
}

/* What the model file says: layers, parameters, and the program's numbers. */
static void describe(struct bench *b, const struct runner *r)
{
	const struct akida_model *m = stage_model_of(&r->stage);

	b->device = r->info;
	b->mapped = r->info.needs_program;
	/* A program file does not say how it was mapped. */
	b->mode = r->stage.mapped_here ? r->stage.map.mode : NULL;
	b->program.size = sizeof(b->program);
	if (b->mapped) {
		akida_program_info(r->stage.program, &b->program);
		b->program.memory_bytes = akida_program_memory(r->stage.program, (uint32_t)b->batch);
		b->layers = akida_program_layers(r->stage.program);
	}
	if (!m)
		return;
	b->layers = akida_model_layers(m);
	b->has_parameters = true;
	for (uint32_t i = 0; i < b->layers; i++) {
		struct akida_layer_info l = {.size = sizeof(l)};

		if (!akida_model_layer(m, i, &l))
			b->parameters += l.parameters;
	}
}

static int measure_sparsity(struct bench *b, const struct runner *r, const struct akida_array *frames)
{
	const struct akida_model *m = stage_model_of(&r->stage);
	uint64_t n = b->frames < SPARSITY_FRAMES ? b->frames : SPARSITY_FRAMES;

	if (!m)
		return 0;
	b->sparsity_count = akida_model_layers(m);
	b->sparsity = calloc(b->sparsity_count, sizeof(*b->sparsity));
	if (!b->sparsity || akida_model_sparsity(m, frames->data, n, b->sparsity)) {
		free(b->sparsity);
		b->sparsity = NULL;
	}
	return 0;
}

static int measure(struct bench *b, struct runner *r, const struct akida_dataset *data,
		   const struct akida_array *frames)
{
	int status = measure_run(r, frames, data->y.data, b->frames, &b->stats, &b->correct);

	if (status)
		return status;
	b->has_accuracy = data->y.data;
	b->total = b->frames;
	status = measure_sparsity(b, r, frames);
	b->quality = b->has_accuracy && b->mapped
			     ? report_quality(&b->stats, b->correct, b->total, b->program.memory_bytes)
			     : NAN;
	return status;
}

static int bench(struct request *q)
{
	struct bench b = {.quality = NAN, .batch = q->batch};
	struct akida_diag *diag = akida_diag_create();
	struct akida_array frames = {0};
	struct akida_dataset data = {0};
	char path[PATH_MAX + 64];
	struct runner r = {0};
	int err, status = 0;

	if (!q->model) {
		status = default_model(path, sizeof(path));
		q->model = path;
	}
	if (!status)
		status = runner_open(&r, q->model, &q->run);
	if (status)
		goto out;
	b.model = q->model;
	err = akida_file_sha256(q->model, b.sha256, diag);
	if (err) {
		status = tool_fail(diag, q->model, err);
		goto out;
	}
	describe(&b, &r);
	b.data = q->data ? q->data : default_data();
	status = spec_load(b.data, r.in_dims, q->frames, q->seed, &data);
	if (!status)
		status = spec_frames(&data.x, r.in_dims, 1, 0, b.data, &frames);
	if (!status && data.y.data)
		status = spec_labels(&data, &frames, b.data);
	if (status)
		goto out;
	snprintf(b.data_name, sizeof(b.data_name), "%s", data.name);
	b.frames = q->frames && q->frames < frames.dims[0] ? q->frames : frames.dims[0];
	status = measure(&b, &r, &data, &frames);
	if (status)
		goto out;
	if (q->json)
		bench_json(&b, stdout);
	else
		bench_text(&b);
	status = tool_end(status);
	if (!status && q->save_json)
		status = bench_save(&b, q->save_json, bench_json);
	if (!status && q->save_html)
		status = bench_save(&b, q->save_html, bench_html);
out:
	free(b.sparsity);
	akida_array_fini(&frames);
	akida_dataset_fini(&data);
	runner_close(&r);
	akida_diag_destroy(diag);
	return status;
}

int main(int argc, char **argv)
{
	struct request q = {.batch = 1, .seed = 1, .mode = "minimal"};
	bool version = false;
	int status;

	tool_name = "akida-bench";
	runner_params_init(&q.run);
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &q.model, "model or program at any stage (default: " DEFAULT_MODEL ")", 0,
		 0},
		{"-d --device", OPTION_TEXT, &q.run.device, "default: /dev/akida0, else virtual:akd1000", 0, 0},
		{"--data", OPTION_TEXT, &q.data, "SPEC (default: MNIST where it is found, else digits)", 0, 0},
		{"--frames", OPTION_COUNT, &q.frames, "at most so many frames (default: all)", 1, 10000000},
		{"--batch", OPTION_COUNT, &q.batch, "frames in flight (1)", 1, 253},
		{"--threads", OPTION_COUNT, &q.threads, "of the cpu device (0: as many as processors)", 0, 256},
		{"--mode", OPTION_TEXT, &q.mode, "of the mapping: minimal or all-nps (minimal)", 0, 0},
		{"--clock", OPTION_TEXT, &q.run.clock,
		 "of virtual:akd1000: performance, economy or low-power (performance)", 0, 0},
		{"--seed", OPTION_COUNT, &q.seed, "of digits and random (1)", 0, 0},
		{"--provisional", OPTION_FLAG, &q.run.provisional, "allow provisional encodings on a board", 0, 0},
		{"-sa --samples", OPTION_TEXT, &q.run.stage.samples, "calibration samples of a float network", 0, 0},
		{"--json", OPTION_FLAG, &q.json, "one JSON object (schema akida-bench/1)", 0, 0},
		{"--save-json", OPTION_TEXT, &q.save_json, "write the JSON to a file as well", 0, 0},
		{"--report", OPTION_TEXT, &q.save_html, "write the report as one HTML page as well", 0, 0},
		{"--version", OPTION_FLAG, &version, "the version", 0, 0},
		{0},
	};

	status = options_parse(argc - 1, argv + 1, "akida-bench [-m FILE] [-d DEVICE] [--data SPEC] [options]", spec,
			       NULL, 0, NULL);
	if (status != OPTIONS_GO_ON)
		return tool_end(status);
	if (version) {
		printf("%s\n", AKIDA_VERSION);
		return tool_end(TOOL_DONE);
	}
	if (!strcmp(q.mode, "all-nps"))
		q.run.stage.mode = AKIDA_MAP_ALL_NPS;
	else if (!strcmp(q.mode, "hw-pr"))
		q.run.stage.mode = AKIDA_MAP_HW_PR;
	else if (strcmp(q.mode, "minimal"))
		return tool_usage("--mode is minimal, all-nps or hw-pr, not '%s'", q.mode);
	q.run.batch = (uint32_t)q.batch;
	q.run.threads = (uint32_t)q.threads;
	status = tool_output(q.save_json);
	if (!status)
		status = tool_output(q.save_html);
	return status ? status : bench(&q);
}
