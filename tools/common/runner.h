/* SPDX-License-Identifier: MIT */
/* One model file, one device, many frames: opened, completed with the missing stages, run, classified. */
#ifndef TOOL_RUNNER_H
#define TOOL_RUNNER_H

#include "common/stage.h"

struct runner {
	struct stage stage;
	struct akida_device *device;
	struct akida_device_info info;
	struct akida_session *session;
	uint32_t in_dims[3], out_dims[3];
	size_t outputs;
	bool activations; /* outputs are activations, not potentials */
};

struct runner_params {
	struct stage_params stage;
	const char *device; /* NULL: the default, said in a note */
	uint32_t batch;
	const char *clock; /* mode of the core; NULL: as it is */
	bool provisional;
	uint32_t threads; /* of the cpu device; 0: all processors */
};

void runner_params_init(struct runner_params *p);
/* Calls return 0 or an exit status after one printed error. */
int runner_open(struct runner *r, const char *file, const struct runner_params *p);
void runner_close(struct runner *r);
/* frames: (n, h*w*c) uint8; out: n * outputs int32, allocated by the caller. */
int runner_run(struct runner *r, const struct akida_array *frames, uint64_t n, int32_t *out);
/* Predictions: dequantized potentials (or activations as they are); n * outputs float32. */
int runner_predict(const struct runner *r, const int32_t *potentials, uint64_t n, float *out);
/* How many of n predictions have their largest value (the first of equal ones) at label; needs outputs per frame. */
uint64_t runner_correct(const float *predictions, size_t outputs, const int32_t *labels, uint64_t n);

#endif
