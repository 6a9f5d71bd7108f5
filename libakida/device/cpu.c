/* SPDX-License-Identifier: MIT */
/* The `cpu` back end: the layers of a converted model run on this host, by the kernels of its best instruction set. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <time.h>
#include "base/diag.h"
#include "device/backend.h"
#include "kernels/plan.h"
#include "layer/execute.h"

struct cpu {
	struct ak_plan *plan;
	struct ak_plan_run *run;
	struct ak_executor *layers; /* AKIDA_ISA=ref, or no kernels for this processor */
	size_t in_bytes, outputs;
};

static uint64_t cpu_now_ns(struct akida_device *d)
{
	struct timespec ts;

	(void)d;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int cpu_open(struct akida_device *d, struct akida_diag *diag)
{
	(void)diag;
	snprintf(d->info.chip, sizeof(d->info.chip), "none");
	snprintf(d->info.ip, sizeof(d->info.ip), "any"); /* runs the layers of either */
	d->info.source = AKIDA_SOURCE_HOST;
	return 0;
}

static void cpu_unload(struct akida_device *d)
{
	struct cpu *c = d->state;

	ak_plan_run_destroy(c->run);
	ak_plan_destroy(c->plan);
	ak_executor_destroy(c->layers);
	*c = (struct cpu){0};
}

static int prepare(struct cpu *c, const struct akida_model *m, struct akida_diag *diag)
{
	enum ak_isa isa;
	int err = ak_isa_choose(&isa, diag);

	if (err)
		return err;
	if (isa == AK_ISA_REF)
		err = ak_executor_create(m, &c->layers);
	else
		err = ak_plan_create(m->layers, m->count, isa, &c->plan);
	if (!err && c->plan)
		err = ak_plan_run_create(c->plan, &c->run);
	return err ? ak_fail(diag, err, AK_RULE_NOMEM, "cpu", "no memory for the layers' weights and outputs") : 0;
}

static int cpu_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims, struct akida_diag *diag)
{
	struct cpu *c = d->state;
	uint32_t in[3], out[3];
	int err;

	if (!l->model) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name,
			"runs the layers of a model, and this file holds a program only");
		ak_remedy(diag, "run it on the virtual device of the chip it was made for");
		return -EOPNOTSUPP;
	}
	err = prepare(c, l->model, diag);
	if (err) {
		cpu_unload(d);
		return err;
	}
	akida_model_input(l->model, in);
	akida_model_output(l->model, out);
	c->in_bytes = (size_t)in[0] * in[1] * in[2];
	c->outputs = (size_t)out[0] * out[1] * out[2];
	dims->in_bytes = c->in_bytes;
	dims->outputs = c->outputs;
	return 0;
}

static int64_t cpu_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct cpu *c = d->state;
	uint64_t before = cpu_now_ns(d);

	for (size_t i = 0; i < frames; i++) {
		uint64_t now;

		if (c->run)
			ak_plan_frame(c->run, in + i * c->in_bytes, out + i * c->outputs);
		else
			ak_executor_frame(c->layers, in + i * c->in_bytes, out + i * c->outputs, NULL, NULL);
		now = cpu_now_ns(d);
		m->frame(m, now - before);
		before = now;
	}
	return (int64_t)frames;
}

static void cpu_counters(struct akida_device *d, struct ak_counters *c)
{
	(void)d;
	*c = (struct ak_counters){.floor_mw = NAN};
}

static size_t cpu_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	(void)d;
	(void)ev;
	(void)max;
	return 0;
}

const struct ak_backend ak_backend_cpu = {
	.name = "cpu",
	.state_bytes = sizeof(struct cpu),
	.open = cpu_open,
	.close = cpu_unload,
	.load = cpu_load,
	.unload = cpu_unload,
	.run = cpu_run,
	.now_ns = cpu_now_ns,
	.counters = cpu_counters,
	.power = cpu_power,
};
