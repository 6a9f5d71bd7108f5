/* SPDX-License-Identifier: MIT */
/* Figures of a run as text. */
#include <inttypes.h>
#include <math.h>
#include "common/report.h"

const char *report_source(enum akida_source s)
{
	return s == AKIDA_SOURCE_BOARD	 ? "measured (board)"
	       : s == AKIDA_SOURCE_MODEL ? "modelled (software NSoC)"
					 : "measured (this host)";
}

void report_stats(const struct akida_stats *s)
{
	printf("Figures: %s\n", report_source(s->source));
	if (s->floor_mw > 0)
		printf("Floor power: %.2f mW\n", s->floor_mw);
	if (isfinite(s->fps) && s->fps > 0)
		printf("Average framerate = %.2f fps\n", s->fps);
	else
		printf("Average framerate = N/A\n");
	if (s->has_power && isfinite(s->avg_mw)) {
		printf("Last inference power range (mW):  Avg %.2f / Min %.2f / Max %.2f", s->avg_mw, s->min_mw,
		       s->max_mw);
		if (isfinite(s->std_mw))
			printf(" / Std %.2f", s->std_mw);
		printf("\nLast inference energy consumed (mJ/frame): %.2f\n", s->energy_mj_per_frame);
	}
}

void report_more(const struct akida_stats *s)
{
	if (isfinite(s->latency_us_p50))
		printf("Latency (us): p50 %.1f / p99 %.1f / max %.1f\n", s->latency_us_p50, s->latency_us_p99,
		       s->latency_us_max);
	if (s->has_clk)
		printf("Last inference clock: %" PRIu64 "\nLast program clock: %" PRIu64 "\n", s->inference_clk,
		       s->program_clk);
	if (s->source != AKIDA_SOURCE_HOST && isfinite(s->host_fps))
		printf("Framerate of this host = %.2f fps, measured (this host)\n", s->host_fps);
	if (s->unknown_events)
		printf("Not understood by the software NSoC: %" PRIu64 " events, last: %s\n", s->unknown_events,
		       s->unknown_last);
}

double report_quality(const struct akida_stats *s, uint64_t correct, uint64_t total, uint64_t memory_bytes)
{
	if (!total || !s->has_power || !(s->fps > 0) || !memory_bytes)
		return NAN;
	return (100.0 - 100.0 * (double)correct / (double)total) / s->fps * (s->avg_mw / 1000.0) * (double)memory_bytes;
}
