/* SPDX-License-Identifier: MIT */
/* akida learn: edge learning of new classes from a few samples each, behind the layers of a trained network. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <akida/learn.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/runner.h"
#include "common/spec.h"

struct learn {
	const char *model, *data, *test, *labels, *out, *on;
	uint64_t shots, neurons, num_weights, level, seed, passes;
	double plasticity, competition, min_plasticity, decay;
	struct stage_params stage;
	struct stage from;
	const struct akida_model *start; /* what the session begins with: from's, or made */
	struct akida_model *made;
	struct akida_device *device;
	struct akida_device_info device_info;
	struct akida_program *program; /* of the layers in front, where the device needs one */
	struct akida_session *session;
	struct akida_learning_info info;
	struct akida_dataset samples, check;
	struct akida_array x, y; /* frames of samples and check */
};

static int load(const struct learn *l, const char *spec, struct akida_dataset *d, struct akida_array *frames)
{
	uint32_t dims[3];
	int status;

	akida_model_input(l->start ? l->start : stage_model_of(&l->from), dims);
	status = spec_load(spec, dims, 0, l->seed, d);
	if (!status && !d->y.data)
		status = tool_error(spec, "data.labels", "has no labels");
	if (!status && l->labels)
		status = spec_keep_labels(d, l->labels);
	if (!status)
		status = spec_frames(&d->x, dims, 1, 0, spec, frames);
	return status ? status : spec_labels(d, frames, spec);
}

static uint32_t classes_of(const struct akida_dataset *d)
{
	const int32_t *y = d->y.data;
	int32_t top = 0;

	for (size_t i = 0; i < akida_array_elements(&d->y); i++)
		top = y[i] > top ? y[i] : top;
	return (uint32_t)top + 1;
}

/* The first samples of each class, in their order, move to the front; how many there are. */
static size_t take_shots(struct learn *l)
{
	size_t n = l->x.dims[0], frame = l->x.dims[1], kept = 0;
	uint32_t classes = classes_of(&l->samples);
	uint64_t *had = calloc(classes, sizeof(*had));
	int32_t *y = l->samples.y.data;
	uint8_t *x = l->x.data;

	for (size_t i = 0; had && i < n; i++) {
		if (y[i] < 0 || (l->shots && had[y[i]] >= l->shots))
			continue;
		had[y[i]]++;
		memmove(x + kept * frame, x + i * frame, frame);
		y[kept++] = y[i];
	}
	free(had);
	return kept;
}

static int open_session(struct learn *l, const struct akida_model *m)
{
	struct akida_session_params p = {.size = sizeof(p)};
	struct akida_map_params mp = {.size = sizeof(mp), .software = true};
	struct akida_diag *diag = akida_diag_create();
	const char *chip;
	int err = 0, status = 0;

	akida_session_destroy(l->session);
	l->session = NULL;
	akida_program_destroy(l->program);
	l->program = NULL;
	l->device_info.size = sizeof(l->device_info);
	if (!l->device)
		err = akida_device_open(l->on, &l->device, diag);
	if (!err)
		err = akida_device_info(l->device, &l->device_info);
	if (!err && l->device_info.needs_program) {
		chip = stage_chip_name(l->device_info.chip);
		if (chip)
			err = tool_toolchain() ? tool_toolchain()->map(m, chip, &mp, &l->program, NULL, diag) : -ENOENT;
		else
			status = tool_error(l->on, "tool.device", "has a chip without a mapper");
	}
	if (!err && !status)
		err = akida_session_create(l->device, l->program, l->program ? NULL : m, &p, &l->session, diag);
	if (err)
		status = tool_fail(diag, l->model, err);
	akida_diag_destroy(diag);
	return status;
}

static int up(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static int make(struct learn *l, uint32_t units, uint32_t num_weights, uint32_t classes)
{
	struct akida_learning_params p;
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *made = NULL;
	int err, status = 0;

	akida_learning_params_init(&p);
	p.units = units;
	p.num_weights = num_weights;
	p.num_classes = classes;
	p.initial_plasticity = l->plasticity;
	p.learning_competition = l->competition;
	p.min_plasticity = l->min_plasticity;
	p.plasticity_decay = l->decay;
	p.seed = l->seed;
	err = akida_model_learning(stage_model_of(&l->from), &p, (uint32_t)l->level, &made, diag);
	if (err)
		status = tool_fail(diag, l->model, err);
	akida_diag_destroy(diag);
	if (status)
		return status;
	akida_model_destroy(l->made);
	l->start = l->made = made;
	return open_session(l, made);
}

/* A neuron with a one at every input has the number of active inputs as its potential. */
static int count_spikes(struct learn *l, size_t shots, uint32_t *num_weights)
{
	const struct akida_model *m = stage_model_of(&l->from);
	struct akida_layer_info tail = {.size = sizeof(tail)};
	uint32_t last = akida_model_layers(m) - 1, inputs;
	int32_t *active = calloc(shots, sizeof(*active));
	int status;

	akida_model_layer(m, last, &tail);
	if (!tail.act_bits && last)
		akida_model_layer(m, last - 1, &tail);
	inputs = tail.out_h * tail.out_w * tail.out_c;
	status = active ? make(l, 1, inputs, 1) : tool_error(l->model, "sys.no-memory", "no memory");
	if (!status && akida_session_run(l->session, l->x.data, shots, active) < 0)
		status = tool_error(l->model, "device.fault", "%s", akida_session_error(l->session));
	if (!status) {
		qsort(active, shots, sizeof(*active), up);
		*num_weights = (uint32_t)ceil(1.2 * active[shots / 2]);
		*num_weights = *num_weights < 1 ? 1 : *num_weights > inputs ? inputs : *num_weights;
		tool_note("%u inputs, %d of them active in the median sample, %u weights a neuron", inputs,
			  active[shots / 2], *num_weights);
	}
	free(active);
	return status;
}

/* A new learning layer, or the one the model has, with room for the classes of the samples. */
static int prepare(struct learn *l, size_t shots)
{
	const struct akida_model *m = stage_model_of(&l->from);
	uint32_t classes = classes_of(&l->samples), num_weights = (uint32_t)l->num_weights;
	struct akida_diag *diag;
	int err, status = 0;

	l->info.size = sizeof(l->info);
	if (akida_model_learning_info(m, &l->info)) {
		if (!num_weights)
			status = count_spikes(l, shots, &num_weights);
		return status ? status : make(l, classes * (uint32_t)l->neurons, num_weights, classes);
	}
	l->start = m;
	if (classes > l->info.num_classes) {
		diag = akida_diag_create();
		err = akida_model_add_classes(m, classes - l->info.num_classes, &l->made, diag);
		status = err ? tool_fail(diag, l->model, err) : 0;
		akida_diag_destroy(diag);
		l->start = l->made;
	}
	return status ? status : open_session(l, l->start);
}

static int learn_shots(struct learn *l, size_t shots)
{
	int32_t *learned = calloc(shots ? shots : 1, sizeof(*learned));
	uint64_t steps = 0;
	int64_t n = 0;

	for (uint64_t p = 0; learned && p < l->passes && n >= 0; p++) {
		n = akida_session_learn(l->session, l->x.data, l->samples.y.data, shots, NULL, learned);
		for (size_t i = 0; n >= 0 && i < shots; i++)
			steps += learned[i] >= 0;
	}
	if (!learned || n < 0) {
		free(learned);
		return tool_error(l->model, "device.fault", "%s",
				  learned ? akida_session_error(l->session) : "no memory");
	}
	free(learned);
	printf("Samples: %zu, passes %" PRIu64 ", learning steps %" PRIu64 "\n", shots, l->passes, steps);
	return 0;
}

static int evaluate(struct learn *l)
{
	size_t n = l->y.dims[0], units = akida_session_outputs(l->session), group = units / l->info.num_classes;
	int32_t *p = calloc(n * units, sizeof(*p));
	const int32_t *labels = l->check.y.data;
	uint64_t right = 0;

	if (!p || akida_session_run(l->session, l->y.data, n, p) < 0) {
		free(p);
		return tool_error(l->model, "device.fault", "%s", p ? akida_session_error(l->session) : "no memory");
	}
	for (size_t i = 0; i < n; i++) {
		size_t best = 0;

		for (size_t u = 1; u < units; u++)
			if (p[i * units + u] > p[i * units + best])
				best = u;
		right += labels[i] >= 0 && best / group == (size_t)labels[i];
	}
	printf("Accuracy: %" PRIu64 "/%zu (chance %.1f %%)\n", right, n, 100.0 / l->info.num_classes);
	free(p);
	return 0;
}

static int save(struct learn *l)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL;
	int err = akida_session_model(l->session, &m, diag), status = 0;

	if (!err)
		err = akida_model_save(m, l->out, diag);
	if (err)
		status = tool_fail(diag, l->out, err);
	else
		printf("Saved %s\n", l->out);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
	return status;
}

static int run(struct learn *l)
{
	size_t shots;
	int status = load(l, l->data, &l->samples, &l->x);

	if (status)
		return status;
	shots = take_shots(l);
	if (!shots)
		return tool_error(l->data, "data.labels", "has no sample to learn from");
	status = prepare(l, shots);
	if (status)
		return status;
	printf("Edge learning: provisional. Parameters as documented; how a neuron is chosen and which weights move is "
	       "this\n"
	       "program's (docs/edge-learning.md). Layers in front: %s; the learning layer: this host.\n",
	       l->device_info.name);
	status = learn_shots(l, shots);
	if (!status) {
		akida_model_learning_info(l->start, &l->info);
		printf("Learning layer: %u inputs, %u neurons, %u classes, %u weights a neuron\n", l->info.inputs,
		       l->info.units, l->info.num_classes, l->info.num_weights);
	}
	if (!status && l->test)
		status = load(l, l->test, &l->check, &l->y);
	if (!status && l->test)
		status = evaluate(l);
	return status || !l->out ? status : save(l);
}

int command_learn(int argc, char **argv)
{
	struct learn l = {.on = "cpu",
			  .neurons = 1,
			  .seed = 1,
			  .passes = 1,
			  .plasticity = 1,
			  .min_plasticity = 0.1,
			  .decay = 0.25};
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &l.model,
		 "trained network or model; its last layer without activation is replaced", 0, 0},
		{"--data", OPTION_TEXT, &l.data, "SPEC of labelled samples to learn from", 0, 0},
		{"--test", OPTION_TEXT, &l.test, "SPEC to measure accuracy on afterwards", 0, 0},
		{"--labels", OPTION_TEXT, &l.labels,
		 "of both data sets: only these, as classes 0, 1, ... (7,8,9 or 7-9)", 0, 0},
		{"-d --device", OPTION_TEXT, &l.on,
		 "that runs the layers in front: cpu (default), virtual:akd1000, ...", 0, 0},
		{"-s --save", OPTION_TEXT, &l.out, ".akm to write, with what was learned", 0, 0},
		{"--shots", OPTION_COUNT, &l.shots, "of each class, the first so many samples (0: all)", 0, 0},
		{"--passes", OPTION_COUNT, &l.passes, "over the samples (1)", 1, 1000},
		{"--neurons", OPTION_COUNT, &l.neurons, "of each class (1)", 1, 2048},
		{"--num_weights", OPTION_COUNT, &l.num_weights,
		 "ones of each neuron (1.2 x the active inputs of the median sample)", 1, 0},
		{"--spike_level", OPTION_COUNT, &l.level,
		 "inputs are active above this code of the last activation (0)", 0, 14},
		{"--initial_plasticity", OPTION_NUMBER, &l.plasticity, "(1)", 0, 0},
		{"--learning_competition", OPTION_NUMBER, &l.competition, "(0)", 0, 0},
		{"--min_plasticity", OPTION_NUMBER, &l.min_plasticity, "(0.1)", 0, 0},
		{"--plasticity_decay", OPTION_NUMBER, &l.decay, "(0.25)", 0, 0},
		{"-sa --samples", OPTION_TEXT, &l.stage.samples, "calibration samples of a float network", 0, 0},
		{"--seed", OPTION_COUNT, &l.seed, "of initial weights and swaps (1)", 0, 0},
		{0},
	};
	int status;

	stage_params_init(&l.stage);
	status = options_parse(argc, argv, "akida learn -m MODEL --data SPEC [--test SPEC] [-s OUT.akm] [options]",
			       spec, NULL, 0, NULL);
	if (status != OPTIONS_GO_ON)
		return status;
	if (!l.model || !l.data)
		return tool_usage("learn needs -m MODEL and --data SPEC");
	status = tool_output(l.out);
	if (!status)
		status = stage_open(&l.from, l.model);
	if (!status)
		status = stage_need_model(&l.from, &l.stage);
	if (!status)
		status = run(&l);
	akida_session_destroy(l.session);
	akida_device_close(l.device);
	akida_program_destroy(l.program);
	akida_model_destroy(l.made);
	akida_array_fini(&l.x);
	akida_array_fini(&l.y);
	akida_dataset_fini(&l.samples);
	akida_dataset_fini(&l.check);
	stage_close(&l.from);
	return status;
}
