/* SPDX-License-Identifier: MIT */
/*
 * The layers behind a program that covers the first ones of its model: a cpu back end of their own, fed with the
 * activations that the device hands out.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/diag.h"
#include "layer/layer.h"
#include "program/program.h"
#include "run/session.h"

#define TAIL_FRAMES 32u

struct ak_tail {
	struct akida_model layers; /* a part of the program's, borrowed */
	struct akida_device *cpu;
	struct ak_meter ignored; /* latencies are the device's */
	size_t handed;		 /* values between the two, of a frame */
	int32_t *values;	 /* TAIL_FRAMES of them */
	uint8_t *activations;
};

static void ignore_frame(struct ak_meter *m, uint64_t latency_ns)
{
	(void)m;
	(void)latency_ns;
}

void ak_tail_destroy(struct ak_tail *t)
{
	if (!t)
		return;
	if (t->cpu && t->cpu->loaded) {
		t->cpu->ops->unload(t->cpu);
		t->cpu->loaded = false;
	}
	akida_device_close(t->cpu);
	free(t->values);
	free(t->activations);
	free(t);
}

int ak_tail_create(struct akida_session *s, struct akida_diag *diag)
{
	const struct akida_program *p = s->load.program;
	const struct akida_model *m;
	struct ak_load load = s->load;
	struct ak_load_dims dims;
	struct ak_tail *t;
	int err;

	if (!p || !p->software_from || !s->dev->info.needs_program)
		return 0;
	t = calloc(1, sizeof(*t));
	if (!t)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, s->dev->info.name, "no memory for layers in software");
	m = s->learner ? ak_learner_model(s->learner) : p->model;
	t->layers.count = m->count - p->software_from;
	t->layers.layers = m->layers + p->software_from;
	t->ignored.frame = ignore_frame;
	t->handed = s->dims.outputs;
	t->values = malloc(TAIL_FRAMES * t->handed * sizeof(*t->values));
	t->activations = malloc(TAIL_FRAMES * t->handed);
	err = t->values && t->activations ? akida_device_open("cpu", &t->cpu, diag)
					  : ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, s->dev->info.name,
						    "no memory for %zu values between device and software", t->handed);
	load.program = NULL;
	load.model = &t->layers;
	if (!err)
		err = t->cpu->ops->load(t->cpu, &load, &dims, diag);
	if (err) {
		ak_tail_destroy(t);
		return err;
	}
	t->cpu->loaded = true;
	s->dims.outputs = dims.outputs;
	s->tail = t;
	return 0;
}

int64_t ak_tail_run(struct akida_session *s, const uint8_t *in, size_t frames, int32_t *out)
{
	struct ak_tail *t = s->tail;
	size_t done = 0;

	while (done < frames) {
		size_t n = frames - done < TAIL_FRAMES ? frames - done : TAIL_FRAMES;
		int64_t got = s->dev->ops->run(s->dev, in + done * s->dims.in_bytes, n, t->values, &s->meter);

		if (got < 0)
			return got;
		for (size_t i = 0; i < (size_t)got * t->handed; i++)
			t->activations[i] = (uint8_t)t->values[i];
		got = t->cpu->ops->run(t->cpu, t->activations, (size_t)got, out + done * s->dims.outputs, &t->ignored);
		if (got < 0) {
			snprintf(s->dev->error, sizeof(s->dev->error), "layers in software: %.300s", t->cpu->error);
			return got;
		}
		done += (size_t)got;
	}
	return (int64_t)done;
}

int ak_tail_spikes(struct akida_session *s, const uint8_t *in, uint8_t *spikes)
{
	struct ak_tail *t = s->tail;
	int64_t got = s->dev->ops->run(s->dev, in, 1, t->values, &s->meter);

	for (size_t i = 0; got == 1 && i < t->handed; i++)
		spikes[i] = t->values[i] != 0;
	return got < 0 ? (int)got : got == 1 ? 0 : -EIO;
}

int ak_tail_refresh(struct akida_session *s, struct akida_diag *diag)
{
	struct ak_tail *t = s->tail;
	struct ak_load load = s->load;
	struct ak_load_dims dims;
	int err;

	load.program = NULL;
	load.model = &t->layers;
	if (t->cpu->loaded)
		t->cpu->ops->unload(t->cpu);
	err = t->cpu->ops->load(t->cpu, &load, &dims, diag);
	t->cpu->loaded = !err;
	return err;
}
