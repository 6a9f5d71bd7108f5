/* SPDX-License-Identifier: MIT */
/* What a run measured. Every figure belongs to a source: a board, this host's clock, or the software NSoC's model. */
#ifndef AKIDA_STATS_H
#define AKIDA_STATS_H

#include <stdbool.h>
#include <stdint.h>
#include "version.h"

enum akida_source { AKIDA_SOURCE_BOARD, AKIDA_SOURCE_HOST, AKIDA_SOURCE_MODEL };
AKIDA_API const char *akida_source_name(enum akida_source s); /* "board", "host", "model" */

/* Figures that are not known are NaN (doubles) or 0 with the matching has_ flag false. */
struct akida_stats {
	uint32_t size;
	enum akida_source source; /* of fps, latency, clocks, power, energy */
	uint64_t frames;
	double fps; /* frames / duration on the source's clock */
	double latency_us_p50, latency_us_p99, latency_us_max;
	double host_fps; /* always the host's clock */
	double clock_mhz;
	bool has_clk, has_power;
	uint64_t inference_clk, program_clk;
	double floor_mw, avg_mw, min_mw, max_mw, std_mw; /* std: sample standard deviation, NaN for one sample */
	double energy_mj_per_frame;
	uint64_t unknown_events; /* software NSoC: registers, packets, encodings not understood; must be 0 */
	char unknown_last[160];
};

/* Power events as a meter delivers them. */
struct akida_power_event {
	double ts_ms;
	double mw;
};
/*
 * The vendor's rule: events inside [start_ms, end_ms], the first one dropped, more than one needed; avg, min, max, std
 * of the rest; energy per frame = avg * duration / frames. Sets has_power.
 */
AKIDA_API void akida_stats_power(struct akida_stats *s, const struct akida_power_event *ev, uint32_t n, double start_ms,
				 double end_ms);

#endif
