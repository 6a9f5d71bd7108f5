/* SPDX-License-Identifier: MIT */
/* akida-bench: what one measurement holds, and how it is written. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include "common/runner.h"

struct bench {
	const char *model, *data;
	char data_name[64];
	char sha256[65];
	uint32_t layers;
	uint64_t parameters;
	bool has_parameters;
	struct akida_device_info device;
	bool mapped;
	const char *mode;
	struct akida_program_info program; /* when mapped */
	uint64_t frames, batch;
	struct akida_stats stats;
	bool has_accuracy;
	uint64_t correct, total;
	uint32_t sparsity_count;
	double *sparsity; /* per layer; NULL when not known */
	double quality;	  /* NaN when not known */
};

void bench_text(const struct bench *b);
void bench_json(const struct bench *b, FILE *out);
void bench_html(const struct bench *b, FILE *out);
/* Writes what write prints to path, atomically. Returns an exit status. */
int bench_save(const struct bench *b, const char *path, void (*write)(const struct bench *b, FILE *out));

#endif
