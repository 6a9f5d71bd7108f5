/* SPDX-License-Identifier: MIT */
/* From what a session recorded to the figures people read. Formulas: quantization 9.3. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <akida/run.h>
#include "run/session.h"

const char *akida_source_name(enum akida_source s)
{
	switch (s) {
	case AKIDA_SOURCE_BOARD:
		return "board";
	case AKIDA_SOURCE_HOST:
		return "host";
	default:
		return "model";
	}
}

/* Smallest recorded latency that at least q of all frames did not exceed; never above the true maximum. */
static double percentile_us(const struct ak_latency *l, double q)
{
	uint64_t want = (uint64_t)ceil(q * (double)l->count), seen = 0;

	if (!l->count)
		return NAN;
	for (uint32_t i = 0; i < AK_LATENCY_BUCKETS; i++) {
		seen += l->bucket[i];
		if (seen >= want && seen)
			return (double)(ak_latency_bucket_ns(i) < l->max_ns ? ak_latency_bucket_ns(i) : l->max_ns) /
			       1e3;
	}
	return (double)l->max_ns / 1e3;
}

void akida_stats_power(struct akida_stats *s, const struct akida_power_event *ev, uint32_t n, double start_ms,
		       double end_ms)
{
	double sum = 0, min = INFINITY, max = -INFINITY, square = 0, mean;
	uint32_t used = 0;
	bool dropped = false;

	s->has_power = false;
	s->avg_mw = s->min_mw = s->max_mw = s->std_mw = s->energy_mj_per_frame = NAN;
	for (uint32_t i = 0; i < n; i++) {
		if (ev[i].ts_ms < start_ms || ev[i].ts_ms > end_ms)
			continue;
		if (!dropped) { /* the first interval began before the run did */
			dropped = true;
			continue;
		}
		used++;
		sum += ev[i].mw;
		min = ev[i].mw < min ? ev[i].mw : min;
		max = ev[i].mw > max ? ev[i].mw : max;
	}
	if (!used)
		return;
	mean = sum / used;
	dropped = false;
	for (uint32_t i = 0; i < n; i++) {
		if (ev[i].ts_ms < start_ms || ev[i].ts_ms > end_ms)
			continue;
		if (!dropped) {
			dropped = true;
			continue;
		}
		square += (ev[i].mw - mean) * (ev[i].mw - mean);
	}
	s->has_power = true;
	s->avg_mw = mean;
	s->min_mw = min;
	s->max_mw = max;
	if (used > 1)
		s->std_mw = sqrt(square / (used - 1));
	if (s->frames)
		s->energy_mj_per_frame = mean * (end_ms - start_ms) / 1e3 / (double)s->frames;
}

int akida_session_stats(const struct akida_session *s, struct akida_stats *stats)
{
	struct akida_power_event ev[AK_POWER_EVENTS];
	struct akida_stats full = {.size = sizeof(full)};
	struct ak_counters c = {0};
	uint32_t size;

	if (!s || !stats || stats->size < sizeof(uint32_t))
		return -EINVAL;
	s->dev->ops->counters(s->dev, &c);
	full.source = s->dev->info.source;
	full.frames = s->frames;
	full.fps = s->frames && s->busy_ns ? (double)s->frames * 1e9 / (double)s->busy_ns : NAN;
	full.host_fps = s->frames && s->host_busy_ns ? (double)s->frames * 1e9 / (double)s->host_busy_ns : NAN;
	full.latency_us_p50 = percentile_us(&s->latency, 0.50);
	full.latency_us_p99 = percentile_us(&s->latency, 0.99);
	full.latency_us_max = s->latency.count ? (double)s->latency.max_ns / 1e3 : NAN;
	full.clock_mhz = s->dev->info.clock_mhz > 0 ? s->dev->info.clock_mhz : NAN;
	full.has_clk = c.has_clk;
	full.inference_clk = c.inference_clk - s->clk_base;
	full.program_clk = c.program_clk;
	full.floor_mw = c.floor_mw;
	full.unknown_events = c.unknown_events;
	snprintf(full.unknown_last, sizeof(full.unknown_last), "%s", c.unknown_last);
	for (size_t i = 0; i < s->power_count; i++)
		ev[i] = s->power[(s->power_first + i) % AK_POWER_EVENTS];
	akida_stats_power(&full, ev, (uint32_t)s->power_count, (double)s->start_ns / 1e6, (double)s->end_ns / 1e6);
	size = stats->size < sizeof(full) ? stats->size : (uint32_t)sizeof(full);
	memcpy(stats, &full, size);
	stats->size = size;
	return 0;
}
