/* SPDX-License-Identifier: MIT */
/*
 * The `cpu` back end: the layers of a converted model run on this host, by the kernels of its best instruction set. The
 * virtual meshes of Akida 2 are the same behind a check of what their silicon has (akida2.c).
 */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/diag.h"
#include "device/akida2.h"
#include "device/backend.h"
#include "kernels/plan.h"
#include "layer/execute.h"
#include "layer/v2.h"

#define THREADS_MAX 256u
#define SHARED_PRODUCTS 4000000u /* a frame of fewer is done before others have joined */
#define SLICE 256u		 /* frames whose latencies are kept until they are told */

struct cpu {
	struct ak_plan *plan;
	struct ak_plan_run **run;   /* [threads]; the first may be shared by all */
	struct ak_executor *layers; /* AKIDA_ISA=ref, or no kernels for this processor */
	struct ak_team *team;	    /* NULL: the caller's thread only */
	uint32_t threads;
	bool in_order; /* layers remember frames */
	size_t in_bytes, outputs;
	uint64_t *latency; /* [SLICE] */
	/* the frames that the team shares */
	const uint8_t *in;
	int32_t *out;
	size_t frames, step;
	atomic_size_t next;
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

	ak_team_destroy(c->team);
	for (uint32_t i = 0; c->run && i < c->threads; i++)
		ak_plan_run_destroy(c->run[i]);
	free(c->run);
	free(c->latency);
	ak_plan_destroy(c->plan);
	ak_executor_destroy(c->layers);
	memset(c, 0, sizeof(*c));
}

static int make_runs(struct cpu *c, const struct ak_load *l)
{
	int err = 0;

	for (uint32_t i = 0; i < l->model->count; i++)
		c->in_order = c->in_order || ak_v2_state(&l->model->layers[i]);
	c->threads = l->threads ? l->threads : ak_team_processors();
	if (c->in_order && ak_plan_products(c->plan) < SHARED_PRODUCTS)
		c->threads = 1; /* neither frames nor layers can be shared */
	c->run = calloc(c->threads, sizeof(*c->run));
	c->latency = malloc(SLICE * sizeof(*c->latency));
	if (!c->run || !c->latency)
		return -ENOMEM;
	for (uint32_t i = 0; !err && i < c->threads; i++)
		if (!i || !c->in_order)
			err = ak_plan_run_create(c->plan, i ? 1 : c->threads, &c->run[i]);
	if (!err && c->threads > 1)
		err = ak_team_create(c->threads, l->pin, &c->team);
	return err;
}

static int prepare(struct cpu *c, const struct ak_load *l, struct akida_diag *diag)
{
	enum ak_isa isa;
	int err = ak_isa_choose(&isa, diag);

	if (err)
		return err;
	if (l->threads > THREADS_MAX)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, "cpu", "%u threads are more than %u", l->threads,
			       THREADS_MAX);
	if (isa == AK_ISA_REF)
		err = ak_executor_create(l->model, &c->layers);
	else
		err = ak_plan_create(l->model->layers, l->model->count, isa, &c->plan);
	if (!err && c->plan)
		err = make_runs(c, l);
	if (err == -EAGAIN)
		return ak_fail(diag, err, AK_RULE_NOMEM, "cpu", "the system has no room for %u threads", c->threads);
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
	err = prepare(c, l, diag);
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

/* One member's frames of a batch: whichever are next, a few at a time so that members do not write side by side. */
static void batch_member(void *context, uint32_t member)
{
	struct cpu *c = context;
	uint64_t before = cpu_now_ns(NULL);
	size_t i, step = c->step;

	while ((i = atomic_fetch_add_explicit(&c->next, step, memory_order_relaxed)) < c->frames) {
		size_t end = i + step < c->frames ? i + step : c->frames;

		for (; i < end; i++) {
			uint64_t now;

			ak_plan_frame(c->run[member], c->in + i * c->in_bytes, c->out + i * c->outputs);
			now = cpu_now_ns(NULL);
			c->latency[i] = now - before;
			before = now;
		}
	}
}

static void run_batch(struct cpu *c, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	for (size_t done = 0; done < frames; done += c->frames) {
		c->in = in + done * c->in_bytes;
		c->out = out + done * c->outputs;
		c->frames = frames - done < SLICE ? frames - done : SLICE;
		c->step = c->frames / (4 * (size_t)c->threads);
		c->step = c->step ? c->step : 1;
		atomic_store(&c->next, 0);
		ak_team_run(c->team, batch_member, c);
		for (size_t i = 0; i < c->frames; i++)
			m->frame(m, c->latency[i]);
	}
}

static int64_t cpu_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct cpu *c = d->state;
	bool share = c->team && ak_plan_products(c->plan) >= SHARED_PRODUCTS;
	uint64_t before = cpu_now_ns(d);

	if (c->team && frames > 1 && !c->in_order) {
		run_batch(c, in, frames, out, m);
		return (int64_t)frames;
	}
	for (size_t i = 0; i < frames; i++) {
		const uint8_t *x = in + i * c->in_bytes;
		int32_t *y = out + i * c->outputs;
		uint64_t now;

		if (c->layers)
			ak_executor_frame(c->layers, x, y, NULL, NULL);
		else if (share)
			ak_plan_frame_team(c->run[0], c->team, x, y);
		else
			ak_plan_frame(c->run[0], x, y);
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

static int akida2_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		       struct akida_diag *diag)
{
	int err = l->model ? ak_akida2_check(d, l->model, diag) : 0;

	return err ? err : cpu_load(d, l, dims, diag);
}

#define AKIDA2(device)                                                                                                 \
	{                                                                                                              \
		.name = device, .state_bytes = sizeof(struct cpu), .open = ak_akida2_open, .close = cpu_unload,        \
		.load = akida2_load, .unload = cpu_unload, .run = cpu_run, .now_ns = cpu_now_ns,                       \
		.counters = cpu_counters, .power = cpu_power,                                                          \
	}
const struct ak_backend ak_backend_akida2 = AKIDA2("virtual:akida2");
const struct ak_backend ak_backend_akida2_two = AKIDA2("virtual:akida2:two-nodes");
