/* SPDX-License-Identifier: MIT */
/* The workloads of the benchmarks as converted models, with random weights and scales that keep values in range. */
#ifndef BENCH_NETWORKS_H
#define BENCH_NETWORKS_H

#include <stdbool.h>
#include <stdint.h>
#include "layer/layer.h"

enum bench_kind { BENCH_CONV = 1, BENCH_SEPARABLE, BENCH_AVERAGE, BENCH_DENSE };

/* One line of a workload. SEPARABLE: depthwise without an activation, then pointwise. Same padding, ReLU but for DENSE. */
struct bench_line {
	enum bench_kind kind;
	uint32_t filters, kernel, stride;
	bool pool, average; /* 2 x 2 maximum behind it; average over the map behind it */
};

struct bench_workload {
	const char *name;
	uint32_t h, w, c;
	bool image;		    /* the first layer is an input convolution */
	struct bench_line line[18]; /* ends with kind 0 */
};

/* W1 W2 W3 W4a W4b W4c, ends with a NULL name. */
extern const struct bench_workload bench_workloads[];

struct bench_options {
	uint32_t ip;	       /* 1: Akida v1 with 4-bit activations; 2: Akida 2 with 8-bit activations */
	uint32_t weights_bits; /* 4, 8 */
	double zeros;	       /* share of activations that are zero, about; 0: half */
	uint32_t seed;
};

/* NULL for an unknown name or without memory. Destroy with akida_model_destroy. */
struct akida_model *bench_network(const char *name, const struct bench_options *o);
/* Multiplications of one image. */
double bench_network_macs(const struct akida_model *m);
/* Numbers in a row for weights and inputs. */
uint32_t bench_random(uint32_t *seed);

#endif
