/* SPDX-License-Identifier: MIT */
/* The stages of one network, see trial.h. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "common/report.h"
#include "common/spec.h"
#include "common/trial.h"

#define CALIBRATION 1024u
#define IDLE_W 0.905 /* the model's idle AKD1000; on top of it come microjoules per frame */

int trial_train(struct akida_graph *g, const struct trial_bits *bits, const struct akida_dataset *data,
		const struct trial_training *p, const char *name)
{
	struct akida_train_params q = {
		.size = sizeof(q),
		.optimizer = AKIDA_ADAM,
		.learning_rate = p->rate,
		.final_learning_rate = p->final_rate,
		.weight_decay = p->decay,
		.batch_size = p->batch,
		.epochs = p->epochs,
		.threads = p->threads,
		.seed = p->seed,
		.shift = p->shift,
		.ranks = p->ranks,
		.progress = p->progress,
		.ctx = p->ctx,
	};
	struct akida_diag *diag;
	int err, status = 0;

	if (!p->epochs)
		return 0;
	if (bits) {
		/*
		 * Calibration later sees float activations. With one bit they are far from what tuning worked with, so that
		 * every other batch keeps the float network in step.
		 */
		q.tune = bits->activations > 1;
		q.quantized_epochs = p->epochs;
		q.input_weight_bits = bits->input_weights;
		q.weight_bits = bits->weights;
		q.activation_bits = bits->activations;
	}
	diag = akida_diag_create();
	err = tool_toolchain()->train(g, data, &q, diag);
	if (err)
		status = tool_fail(diag, name, err);
	akida_diag_destroy(diag);
	return status;
}

int trial_ranks(uint32_t *rank, uint32_t *ranks)
{
	struct akida_diag *diag = akida_diag_create();
	int err = tool_toolchain()->ranks_together(rank, ranks, diag),
	    status = err ? tool_fail(diag, "mpirun", err) : 0;

	akida_diag_destroy(diag);
	if (!status && *rank && !freopen("/dev/null", "w", stdout))
		status = tool_error("standard output", "sys.io", "cannot be closed");
	return status;
}

static struct akida_quant_params quant_params(const struct trial_bits *bits)
{
	struct stage_params p;

	stage_params_init(&p);
	p.quant.input_weight_bits = bits->input_weights;
	p.quant.weight_bits = bits->weights;
	p.quant.activation_bits = bits->activations;
	p.quant.num_samples = CALIBRATION;
	return p.quant;
}

int trial_quantize(const struct akida_graph *g, const struct trial_bits *bits, const struct akida_dataset *data,
		   const char *path, const char *name)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_quant_params p = quant_params(bits);
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *q = NULL;
	int err, status = 0;

	err = t->quantize(g, &p, &data->x, &q, diag);
	if (err) {
		status = tool_fail(diag, name, err);
	} else {
		err = t->graph_save(q, path, diag);
		if (err)
			status = tool_fail(diag, path, err);
		t->graph_destroy(q);
	}
	akida_diag_destroy(diag);
	return status;
}

int trial_measure(const char *path, const char *device, uint32_t frames_in_flight, const struct akida_dataset *data,
		  struct trial_figures *out)
{
	struct runner_params p;
	struct akida_array frames = {0};
	struct runner r;
	int status;

	memset(out, 0, sizeof(*out));
	out->program.size = sizeof(out->program);
	out->quality = NAN;
	runner_params_init(&p);
	p.stage.quiet = true;
	p.device = device;
	p.batch = frames_in_flight;
	status = runner_open(&r, path, &p);
	if (status)
		return status;
	status = spec_frames(&data->x, r.in_dims, 1, 0, data->name, &frames);
	if (!status)
		status = spec_labels(data, &frames, data->name);
	out->total = frames.dims[0];
	if (!status)
		status = measure_run(&r, &frames, data->y.data, out->total, &out->stats, &out->correct);
	if (!status && r.info.needs_program) {
		akida_program_info(r.stage.program, &out->program);
		out->program.memory_bytes = akida_program_memory(r.stage.program, frames_in_flight);
		out->quality = report_quality(&out->stats, out->correct, out->total, out->program.memory_bytes);
	}
	akida_array_fini(&frames);
	runner_close(&r);
	return status;
}

double trial_cost(const struct akida_graph *g, const struct trial_bits *bits, const char *chip)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_quant_params p = quant_params(bits);
	struct akida_map_params mp = {.size = sizeof(mp)};
	struct akida_map_report report = {0};
	struct akida_program *program = NULL;
	struct akida_model *m = NULL;
	struct akida_graph *q = NULL;
	double cost = NAN;

	p.num_samples = p.batch_size = 4; /* random ones: only shapes matter */
	if (!t->quantize(g, &p, NULL, &q, NULL) && !t->convert(q, &m, NULL) &&
	    !t->map(m, chip, &mp, &program, &report, NULL)) {
		cost = report.call_us * 1e-6 * IDLE_W * (double)report.memory_bytes;
		t->map_report_fini(&report);
	}
	akida_program_destroy(program);
	akida_model_destroy(m);
	t->graph_destroy(q);
	return cost;
}

void trial_print(const struct trial_figures *f)
{
	report_stats(&f->stats);
	if (f->program.memory_bytes)
		printf("Total memory usage of the inference %" PRIu64 " Byte\n", f->program.memory_bytes);
	printf("Accuracy: %" PRIu64 "/%" PRIu64 "\n", f->correct, f->total);
	if (isfinite(f->quality))
		printf("Quality: %.1f\n", f->quality);
}
