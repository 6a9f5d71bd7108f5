/* SPDX-License-Identifier: MIT */
/* Figures of a run, in the words Akida users know, each with its source. */
#ifndef TOOL_REPORT_H
#define TOOL_REPORT_H

#include "common/tool.h"

/* "modelled (software NSoC)", "measured (board)", "measured (this host)" */
const char *report_source(enum akida_source s);
/* The lines from "Figures:" to the energy; lines without a figure are left out, as the vendor's tools do. */
void report_stats(const struct akida_stats *s);
/* What follows the vendor's lines: latency, clocks, this host's speed, events the software NSoC did not know. */
void report_more(const struct akida_stats *s);
/* (100 - accuracy %) * seconds per frame * average W * bytes; NaN when a part is not known. */
double report_quality(const struct akida_stats *s, uint64_t correct, uint64_t total, uint64_t memory_bytes);

#endif
