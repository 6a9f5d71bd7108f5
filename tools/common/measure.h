/* SPDX-License-Identifier: MIT */
/* Accuracy and figures of a network: in float, and on a device with its statistics. */
#ifndef TOOL_MEASURE_H
#define TOOL_MEASURE_H

#include "common/runner.h"

/*
 * How many of the first n samples of d (any type, taken as they are) the float network g classifies right; d has labels.
 * 0, or an exit status after one printed error about name.
 */
int measure_float(const struct akida_graph *g, const struct akida_dataset *d, uint64_t n, const char *name,
		  uint64_t *correct);

/*
 * Runs n frames on an open runner: one frame first, so that code and tables are warm, then all of them with statistics that
 * start at zero. labels NULL: *correct stays as it is. Figures of a software NSoC that met something unknown are refused.
 * 0, or an exit status after one printed error.
 */
int measure_run(struct runner *r, const struct akida_array *frames, const int32_t *labels, uint64_t n,
		struct akida_stats *stats, uint64_t *correct);

#endif
