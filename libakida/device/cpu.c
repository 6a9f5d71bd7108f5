/* SPDX-License-Identifier: MIT */
/* The `cpu` back end: the layers of a converted model run directly, one after the other, on this host. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/diag.h"
#include "device/backend.h"
#include "layer/layer.h"

struct cpu {
	const struct akida_model *model;
	uint8_t *act[2]; /* ping-pong activations */
	int32_t *scratch;
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
	snprintf(d->info.ip, sizeof(d->info.ip), "v1");
	d->info.source = AKIDA_SOURCE_HOST;
	return 0;
}

static void cpu_unload(struct akida_device *d)
{
	struct cpu *c = d->state;

	free(c->act[0]);
	free(c->act[1]);
	free(c->scratch);
	*c = (struct cpu){0};
}

static int cpu_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims, struct akida_diag *diag)
{
	struct cpu *c = d->state;
	const struct akida_layer *first, *last;
	size_t act = 1, scratch = 1;

	if (!l->model) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name,
			"runs the layers of a model, and this file holds a program only");
		ak_remedy(diag, "run it on the virtual device of the chip it was made for");
		return -EOPNOTSUPP;
	}
	first = &l->model->layers[0];
	last = &l->model->layers[l->model->count - 1];
	for (uint32_t i = 0; i < l->model->count; i++) {
		const struct akida_layer *y = &l->model->layers[i];
		size_t n = (size_t)y->out_h * y->out_w * y->out_c;
		size_t s = ak_layer_scratch(y);

		act = n > act ? n : act;
		scratch = s > scratch ? s : scratch;
	}
	c->model = l->model;
	c->in_bytes = (size_t)first->in_h * first->in_w * first->in_c;
	c->outputs = (size_t)last->out_h * last->out_w * last->out_c;
	c->act[0] = malloc(act);
	c->act[1] = malloc(act);
	c->scratch = malloc(scratch * sizeof(*c->scratch));
	if (!c->act[0] || !c->act[1] || !c->scratch) {
		cpu_unload(d);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for %zu activations", act);
	}
	dims->in_bytes = c->in_bytes;
	dims->outputs = c->outputs;
	return 0;
}

static void cpu_frame(struct cpu *c, const uint8_t *in, int32_t *out)
{
	uint32_t count = c->model->count;

	for (uint32_t i = 0; i < count; i++) {
		const struct akida_layer *y = &c->model->layers[i];
		uint8_t *act = c->act[i & 1];

		ak_layer_run(y, in, y->activation ? act : NULL, y->activation ? NULL : out, c->scratch);
		in = act;
	}
	if (c->model->layers[count - 1].activation)
		for (size_t k = 0; k < c->outputs; k++)
			out[k] = in[k];
}

static int64_t cpu_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct cpu *c = d->state;
	uint64_t before = cpu_now_ns(d);

	for (size_t i = 0; i < frames; i++) {
		uint64_t now;

		cpu_frame(c, in + i * c->in_bytes, out + i * c->outputs);
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
