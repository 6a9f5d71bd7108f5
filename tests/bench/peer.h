/* SPDX-License-Identifier: MIT */
/* What users would pick instead: a workload made ready once, then run as often as is asked. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include "networks.h"

struct peer {
	const char *name;
	/* NULL, with a word on standard error, where the library refuses. avx2: no wider instructions. */
	void *(*create)(const struct bench_workload *w, int threads, int batch, bool avx2);
	void (*run)(void *plan); /* one batch */
	void (*destroy)(void *plan);
};

extern const struct peer peer_onednn, peer_xnnpack;

#endif
