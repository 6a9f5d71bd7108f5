/* SPDX-License-Identifier: MIT */
/* akida eval: accuracy of a model on labelled data, on a device or in float. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/measure.h"
#include "common/options.h"
#include "common/runner.h"
#include "common/spec.h"

struct eval {
	const char *model, *data;
	double scale, offset;
	uint64_t limit, seed;
	bool floating, json;
	uint64_t correct, total;
	const char *ran_on;
};

/* x * scale + offset as float32. */
static int rescale(struct akida_dataset *d, double scale, double offset)
{
	struct akida_array y = {0};
	size_t n = akida_array_elements(&d->x);

	if (scale == 1 && offset == 0)
		return 0;
	if (akida_array_init(&y, AKIDA_F32, d->x.rank, d->x.dims))
		return tool_error(d->name, "sys.no-memory", "no memory");
	for (size_t i = 0; i < n; i++) {
		double v;

		switch (d->x.dtype) {
		case AKIDA_U8:
			v = ((const uint8_t *)d->x.data)[i];
			break;
		case AKIDA_F32:
			v = (double)((const float *)d->x.data)[i];
			break;
		case AKIDA_F64:
			v = ((const double *)d->x.data)[i];
			break;
		default:
			akida_array_fini(&y);
			return tool_error(d->name, "data.range",
					  "--scale and --offset take uint8, float32 or float64 data");
		}
		((float *)y.data)[i] = (float)(v * scale + offset);
	}
	akida_array_fini(&d->x);
	d->x = y;
	return 0;
}

static int eval_float(struct eval *e)
{
	const struct akida_toolchain *t;
	struct akida_dataset d;
	struct stage s;
	uint32_t dims[4] = {1, 1, 1, 1}, three[3], rank;
	int status = stage_open(&s, e->model);

	if (status)
		return status;
	if (!s.graph) {
		status = tool_error(e->model, "tool.stage", "is a %s: --float needs a network", s.origin);
		goto out;
	}
	t = tool_toolchain();
	rank = t->graph_input(s.graph, dims);
	three[0] = rank > 2 ? dims[0] : 1;
	three[1] = rank > 1 ? dims[rank > 2 ? 1 : 0] : 1;
	three[2] = dims[rank ? rank - 1 : 0];
	status = spec_load(e->data, three, e->limit, e->seed, &d);
	if (status)
		goto out;
	if (!d.y.data)
		status = tool_error(e->data, "data.labels", "has no labels");
	e->total = d.x.dims[0];
	if (e->limit && e->limit < e->total)
		e->total = e->limit;
	e->ran_on = "float";
	if (!status)
		status = rescale(&d, e->scale, e->offset);
	if (!status)
		status = measure_float(s.graph, &d, e->total, e->model, &e->correct);
	akida_dataset_fini(&d);
out:
	stage_close(&s);
	return status;
}

static int eval_device(struct eval *e, const struct runner_params *p)
{
	struct akida_array frames = {0};
	struct akida_dataset d;
	int32_t *potentials = NULL;
	float *predictions = NULL;
	struct runner r;
	static char name[32];
	int status = runner_open(&r, e->model, p);

	if (status)
		return status;
	status = spec_load(e->data, r.in_dims, e->limit, e->seed, &d);
	if (status)
		goto out;
	if (!d.y.data)
		status = tool_error(e->data, "data.labels", "has no labels");
	if (!status)
		status = spec_frames(&d.x, r.in_dims, e->scale, e->offset, e->data, &frames);
	if (!status)
		status = spec_labels(&d, &frames, e->data);
	if (!status) {
		e->total = frames.dims[0];
		if (e->limit && e->limit < e->total)
			e->total = e->limit;
		potentials = calloc(e->total * r.outputs, sizeof(*potentials));
		predictions = calloc(e->total * r.outputs, sizeof(*predictions));
		if (!potentials || !predictions)
			status = tool_error(e->data, "sys.no-memory", "no memory for the outputs");
	}
	if (!status)
		status = runner_run(&r, &frames, e->total, potentials);
	if (!status) {
		if (runner_predict(&r, potentials, e->total, predictions))
			tool_note("the program carries no output scales: the largest potential decides");
		e->correct = runner_correct(predictions, r.outputs, d.y.data, e->total);
		snprintf(name, sizeof(name), "%s", r.info.name);
		e->ran_on = name;
	}
	free(potentials);
	free(predictions);
	akida_array_fini(&frames);
	akida_dataset_fini(&d);
out:
	runner_close(&r);
	return status;
}

static int eval_report(const struct eval *e)
{
	double percent = e->total ? 100.0 * (double)e->correct / (double)e->total : 0;
	struct json j = {.out = stdout};
	char clean[1024];

	if (!e->json) {
		printf("Model: %s\n", tool_clean(clean, sizeof(clean), e->model));
		printf("Data: %s\n", tool_clean(clean, sizeof(clean), e->data));
		printf("Ran on: %s\n", e->ran_on);
		printf("Accuracy: %" PRIu64 "/%" PRIu64 "\n", e->correct, e->total);
		printf("Accuracy in percent: %.2f\n", percent);
		return TOOL_DONE;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "schema", "akida-eval/1");
	json_text(&j, "model", e->model);
	json_text(&j, "data", e->data);
	json_text(&j, "device", e->ran_on);
	json_open(&j, "accuracy", '{');
	json_count(&j, "correct", e->correct);
	json_count(&j, "total", e->total);
	json_close(&j, '}');
	json_number(&j, "percent", percent);
	json_close(&j, '}');
	return TOOL_DONE;
}

int command_eval(int argc, char **argv)
{
	struct eval e = {.scale = 1};
	struct runner_params p;
	uint64_t batch = 1, threads = 0;
	const char *words[1];
	int n = 0, status;

	runner_params_init(&p);
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &e.model, "model or program at any stage", 0, 0},
		{"--data", OPTION_TEXT, &e.data, "SPEC of labelled data", 0, 0},
		{"-d --device", OPTION_TEXT, &p.device, "cpu, virtual:akd1000, virtual:akd1500, virtual:akida2", 0, 0},
		{"--float", OPTION_FLAG, &e.floating, "run the network in float, on this host", 0, 0},
		{"--scale", OPTION_NUMBER, &e.scale, "inputs are multiplied by this (1) ...", 0, 0},
		{"--offset", OPTION_NUMBER, &e.offset, "... and this is added (0)", 0, 0},
		{"--frames", OPTION_COUNT, &e.limit, "use at most so many frames", 1, 0},
		{"--batch", OPTION_COUNT, &batch, "frames in flight (1)", 1, 253},
		{"--threads", OPTION_COUNT, &threads, "of the cpu device (0: as many as processors)", 0, 256},
		{"--seed", OPTION_COUNT, &e.seed, "of digits and random", 0, 0},
		{"-sa --samples", OPTION_TEXT, &p.stage.samples, "calibration samples of a float network", 0, 0},
		{"--json", OPTION_FLAG, &e.json, "one JSON object", 0, 0},
		{0},
	};

	status = options_parse(argc, argv, "akida eval -m FILE --data SPEC [options]", spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&e.model, words, n, "eval needs -m FILE and --data SPEC");
	if (status != OPTIONS_GO_ON)
		return status;
	if (!e.data)
		return tool_usage("eval needs -m FILE and --data SPEC");
	if (e.floating && p.device)
		return tool_usage("--float runs on this host: no -d with it");
	p.batch = (uint32_t)batch;
	p.threads = (uint32_t)threads;
	status = e.floating ? eval_float(&e) : eval_device(&e, &p);
	return status ? status : eval_report(&e);
}
