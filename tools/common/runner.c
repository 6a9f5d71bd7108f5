/* SPDX-License-Identifier: MIT */
/* One model file on one device. The model's quantized outputs become predictions on the host. */
#include <errno.h>
#include <string.h>
#include "common/runner.h"

void runner_params_init(struct runner_params *p)
{
	memset(p, 0, sizeof(*p));
	stage_params_init(&p->stage);
	p->batch = 1;
}

static void take_dims(struct runner *r)
{
	struct akida_program_info pi = {.size = sizeof(pi)};
	struct akida_layer_info last = {.size = sizeof(last)};
	const struct akida_model *m = stage_model_of(&r->stage);

	if (r->info.needs_program) {
		akida_program_info(r->stage.program, &pi);
		memcpy(r->in_dims, pi.in_dims, sizeof(pi.in_dims));
		memcpy(r->out_dims, pi.out_dims, sizeof(pi.out_dims));
		r->activations = pi.activation;
		return;
	}
	akida_model_input(m, r->in_dims);
	akida_model_output(m, r->out_dims);
	/* a Dequantizer hands out codes whose scales differ per channel */
	r->activations = !akida_model_layer(m, akida_model_layers(m) - 1, &last) && last.act_bits &&
			 last.type != AKIDA_LAYER_DEQUANTIZER;
}

int runner_open(struct runner *r, const char *file, const struct runner_params *p)
{
	struct akida_session_params sp = {
		.size = sizeof(sp), .batch = p->batch, .provisional = p->provisional, .threads = p->threads};
	struct akida_diag *diag = akida_diag_create();
	int status, err;

	memset(r, 0, sizeof(*r));
	r->info.size = sizeof(r->info);
	err = akida_device_open(p->device, &r->device, diag);
	if (!err && p->clock)
		err = akida_device_clock(r->device, p->clock, diag);
	if (!err)
		err = akida_device_info(r->device, &r->info);
	if (err) {
		status = tool_fail(diag, p->device ? p->device : "default device", err);
		goto out;
	}
	if (!p->device && !p->stage.quiet)
		tool_note("no device given: %s", r->info.name);
	status = stage_open(&r->stage, file);
	if (!status)
		status = stage_need_for(&r->stage, &p->stage, &r->info);
	if (status)
		goto out;
	err = akida_session_create(r->device, r->info.needs_program ? r->stage.program : NULL,
				   stage_model_of(&r->stage), &sp, &r->session, diag);
	if (err) {
		status = tool_fail(diag, file, err);
		goto out;
	}
	take_dims(r);
	r->outputs = akida_session_outputs(r->session);
out:
	akida_diag_destroy(diag);
	if (status)
		runner_close(r);
	return status;
}

void runner_close(struct runner *r)
{
	if (r->session)
		akida_session_destroy(r->session);
	if (r->device)
		akida_device_close(r->device);
	stage_close(&r->stage);
	memset(r, 0, sizeof(*r));
}

int runner_run(struct runner *r, const struct akida_array *frames, uint64_t n, int32_t *out)
{
	int64_t done = akida_session_run(r->session, frames->data, n, out);

	if (done < 0)
		return tool_error(r->info.name, "device.fault", "%s",
				  *akida_session_error(r->session) ? akida_session_error(r->session)
								   : akida_strerror((int)done));
	if ((uint64_t)done != n)
		return tool_error(r->info.name, "device.fault", "stopped after %lld of %llu frames", (long long)done,
				  (unsigned long long)n);
	return 0;
}

int runner_predict(const struct runner *r, const int32_t *potentials, uint64_t n, float *out)
{
	int err = -EINVAL;

	if (!r->activations && r->info.needs_program)
		err = akida_program_dequantize(r->stage.program, potentials, n, out);
	else if (!r->activations)
		err = akida_model_dequantize(stage_model_of(&r->stage), potentials, n, out);
	if (err)
		for (uint64_t i = 0; i < n * r->outputs; i++)
			out[i] = (float)potentials[i];
	return r->activations ? 0 : err;
}

uint64_t runner_correct(const float *predictions, size_t outputs, const int32_t *labels, uint64_t n)
{
	uint64_t correct = 0;

	for (uint64_t i = 0; i < n; i++) {
		const float *p = predictions + i * outputs;
		size_t best = 0;

		for (size_t k = 1; k < outputs; k++)
			if (p[k] > p[best])
				best = k;
		correct += labels[i] >= 0 && (size_t)labels[i] == best;
	}
	return correct;
}
