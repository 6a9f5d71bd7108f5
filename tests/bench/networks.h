/* SPDX-License-Identifier: MIT */
/* The workloads of the benchmarks as converted models, with random weights and scales that keep values in range. */
#ifndef BENCH_NETWORKS_H
#define BENCH_NETWORKS_H

#include <stdint.h>
#include "layer/layer.h"

/*
 * name: W1 W2 W3 W4a W4b W4c. ip 1: Akida v1 with weights_bits-bit weights and 4-bit activations; ip 2: Akida 2 with 8-bit
 * activations. NULL for an unknown name or without memory. Destroy with akida_model_destroy.
 */
struct akida_model *bench_network(const char *name, uint32_t ip, uint32_t weights_bits, uint32_t seed);
/* Multiplications of one image. */
double bench_network_macs(const struct akida_model *m);
/* Numbers in a row for weights and inputs. */
uint32_t bench_random(uint32_t *seed);

#endif
