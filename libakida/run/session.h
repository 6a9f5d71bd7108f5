/* SPDX-License-Identifier: MIT */
/* What a session records while frames run; stats/ folds it into figures. */
#ifndef AK_RUN_SESSION_H
#define AK_RUN_SESSION_H

#include <akida/run.h>
#include "device/backend.h"

/*
 * Latencies in nanoseconds, counted in buckets of constant relative width: values below 256 exactly, above it 128
 * buckets per power of two, so that a percentile is at most 0.8 % off. Fixed size: recording allocates nothing.
 */
#define AK_LATENCY_SUB 128u
#define AK_LATENCY_BUCKETS (2u * AK_LATENCY_SUB + 56u * AK_LATENCY_SUB)
struct ak_latency {
	uint64_t count, max_ns;
	uint64_t bucket[AK_LATENCY_BUCKETS];
};
uint32_t ak_latency_bucket(uint64_t ns);
uint64_t ak_latency_bucket_ns(uint32_t bucket); /* upper edge: the largest value the bucket holds */
void ak_latency_add(struct ak_latency *l, uint64_t ns);

#define AK_POWER_EVENTS 4096u /* a bounded ring, oldest dropped: ten minutes at the meter's 141 ms */

struct ak_learner;
struct ak_tail;

struct akida_session {
	struct ak_meter meter; /* first: the device calls back with its address */
	struct akida_device *dev;
	struct ak_load_dims dims;
	struct ak_load load; /* as given; model: the learner's copy where there is one */
	struct ak_latency latency;
	struct akida_power_event power[AK_POWER_EVENTS];
	size_t power_first, power_count;
	uint64_t frames;
	uint64_t busy_ns;      /* of the device's clock, inside run calls */
	uint64_t host_busy_ns; /* of this host's clock */
	uint64_t start_ns, end_ns;
	uint64_t clk_base;
	char error[480];
	struct ak_tail *tail;	    /* tail.c; NULL unless the program leaves layers to the host */
	struct ak_learner *learner; /* learner.c; NULL unless the model learns here */
};

/*
 * Layers of a program's model that are not in the program. s->dims become those of the whole. 0, with s->tail NULL where
 * there are none, or -errno and a record.
 */
int ak_tail_create(struct akida_session *s, struct akida_diag *diag);
void ak_tail_destroy(struct ak_tail *t);
/* As the back end's run; at most the slice of a call. */
int64_t ak_tail_run(struct akida_session *s, const uint8_t *in, size_t frames, int32_t *out);
/* One frame through the device: what it hands out is not zero, into spikes. 0 or -errno, s->dev->error says why. */
int ak_tail_spikes(struct akida_session *s, const uint8_t *in, uint8_t *spikes);
/* The layers' weights have changed where they lie. */
int ak_tail_refresh(struct akida_session *s, struct akida_diag *diag);

/* Of a model that ends in a learning layer: its own copy, which load.model then is. 0, with *out NULL for other models; -ENOMEM. */
int ak_learner_create(const struct akida_model *m, struct ak_learner **out);
void ak_learner_destroy(struct ak_learner *l);
const struct akida_model *ak_learner_model(const struct ak_learner *l);
/* Before frames run: the device gets the weights that were learned since. 0 or -errno. */
int ak_learner_refresh(struct akida_session *s);

#endif
