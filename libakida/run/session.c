/* SPDX-License-Identifier: MIT */
/* Sessions: load once, run many frames, record what happened. Everything is allocated at creation. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/diag.h"
#include "layer/layer.h"
#include "program/program.h"
#include "run/session.h"

static uint64_t host_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void record_frame(struct ak_meter *m, uint64_t latency_ns)
{
	struct akida_session *s = (struct akida_session *)m;

	ak_latency_add(&s->latency, latency_ns);
	s->frames++;
}

/* On the cpu, or as the one layer behind a program, which the host runs. */
static bool learns(const struct akida_device *d, const struct ak_load *l)
{
	if (!l->model || !l->model->layers[l->model->count - 1].learning)
		return false;
	return d->ops == &ak_backend_cpu ||
	       (d->info.needs_program && l->program && l->program->software_from == l->model->count - 1);
}

int akida_session_create(struct akida_device *d, const struct akida_program *program, const struct akida_model *model,
			 const struct akida_session_params *p, struct akida_session **out, struct akida_diag *diag)
{
	struct ak_load load = {.program = program,
			       .model = model,
			       .batch = p && p->batch ? p->batch : 1,
			       .provisional = p && p->provisional,
			       .threads = p ? p->threads : 0,
			       .pin = p && p->pin};
	struct akida_session *s;
	int err;

	if (!d || !out || (p && p->size < sizeof(*p)))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "a session needs a device and initialised parameters");
	*out = NULL;
	if (d->loaded)
		return ak_fail(diag, -EBUSY, AK_RULE_DEVICE_BUSY, d->info.name, "already runs another session");
	if (load.batch > AK_BATCH_MAX)
		return ak_fail(diag, -EINVAL, AK_RULE_RUN_BATCH, d->info.name,
			       "a batch of %u is more than the %u frames the pipeline holds", load.batch, AK_BATCH_MAX);
	if (!load.model && program)
		load.model = akida_program_model(program);
	s = calloc(1, sizeof(*s));
	if (!s)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for a session");
	s->dev = d;
	s->meter.frame = record_frame;
	err = learns(d, &load) ? ak_learner_create(load.model, &s->learner) : 0;
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, d->info.name, "no memory for a copy of the model to learn with");
	if (s->learner)
		load.model = ak_learner_model(s->learner);
	s->load = load;
	if (!err)
		err = d->ops->load(d, &load, &s->dims, diag);
	if (!err) {
		err = ak_tail_create(s, diag);
		if (err)
			d->ops->unload(d);
	}
	if (err) {
		ak_learner_destroy(s->learner);
		free(s);
		return err;
	}
	d->loaded = true;
	akida_session_stats_reset(s);
	*out = s;
	return 0;
}

void akida_session_destroy(struct akida_session *s)
{
	if (!s)
		return;
	s->dev->ops->unload(s->dev);
	s->dev->loaded = false;
	ak_tail_destroy(s->tail);
	ak_learner_destroy(s->learner);
	free(s);
}

size_t akida_session_frame_bytes(const struct akida_session *s)
{
	return s->dims.in_bytes;
}

size_t akida_session_outputs(const struct akida_session *s)
{
	return s->dims.outputs;
}

/* Moves what the meter has into the ring, dropping the oldest. */
static void drain_power(struct akida_session *s)
{
	struct akida_power_event ev[64];
	size_t n;

	do {
		n = s->dev->ops->power(s->dev, ev, 64);
		for (size_t i = 0; i < n; i++) {
			if (s->power_count < AK_POWER_EVENTS)
				s->power_count++;
			else
				s->power_first = (s->power_first + 1) % AK_POWER_EVENTS;
			s->power[(s->power_first + s->power_count - 1) % AK_POWER_EVENTS] = ev[i];
		}
	} while (n == 64);
}

/* Frames between two visits to the power meter, whose FIFO is bounded as well. */
#define RUN_SLICE 256u

int64_t akida_session_run(struct akida_session *s, const uint8_t *in, size_t frames, int32_t *out)
{
	const struct ak_backend *ops = s->dev->ops;
	/* a device that runs on the host's clock is not asked for the time again */
	bool same = s->dev->info.source == AKIDA_SOURCE_HOST;
	uint64_t host = host_now_ns(), start = same ? host : ops->now_ns(s->dev), host_end;
	size_t done = 0;
	int64_t n = 0;

	if (!in || !out)
		return -EINVAL;
	s->error[0] = 0;
	n = s->learner ? ak_learner_refresh(s) : 0;
	if (n < 0)
		return n;
	while (done < frames) {
		size_t slice = frames - done < RUN_SLICE ? frames - done : RUN_SLICE;

		if (s->tail)
			n = ak_tail_run(s, in + done * s->dims.in_bytes, slice, out + done * s->dims.outputs);
		else
			n = ops->run(s->dev, in + done * s->dims.in_bytes, slice, out + done * s->dims.outputs,
				     &s->meter);
		drain_power(s);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	host_end = host_now_ns();
	s->end_ns = same ? host_end : ops->now_ns(s->dev);
	s->busy_ns += s->end_ns - start;
	s->host_busy_ns += host_end - host;
	if (n < 0) {
		snprintf(s->error, sizeof(s->error), "%s: %s", s->dev->info.name, s->dev->error);
		return n;
	}
	return (int64_t)done;
}

void akida_session_stats_reset(struct akida_session *s)
{
	struct ak_counters c = {0};

	drain_power(s);
	s->dev->ops->counters(s->dev, &c);
	s->clk_base = c.inference_clk;
	s->latency = (struct ak_latency){0};
	s->power_first = s->power_count = 0;
	s->frames = s->busy_ns = s->host_busy_ns = 0;
	s->start_ns = s->end_ns = s->dev->ops->now_ns(s->dev);
}

const char *akida_session_error(const struct akida_session *s)
{
	return s ? s->error : "";
}
