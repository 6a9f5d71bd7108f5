/* SPDX-License-Identifier: MIT */
/* A session: one program (or model) on one device, frames in, outputs and statistics out. */
#ifndef AKIDA_RUN_H
#define AKIDA_RUN_H

#include "device.h"

struct akida_session;

struct akida_session_params {
	uint32_t size;
	uint32_t batch;	  /* frames in flight, 1..253; 0: 1 */
	bool provisional; /* allow provisional encodings on a board */
	uint32_t threads; /* cpu: how many may work at once; 0: as many as there are processors */
	bool pin;	  /* cpu: each to a processor of its own */
};

/*
 * Borrows device, program and model until akida_session_destroy. A device that needs a program takes program; cpu takes
 * model, or the model a program carries. Allocates everything; later calls allocate nothing.
 */
AKIDA_API int akida_session_create(struct akida_device *d, const struct akida_program *program,
				   const struct akida_model *model, const struct akida_session_params *p,
				   struct akida_session **out, struct akida_diag *diag);
AKIDA_API void akida_session_destroy(struct akida_session *s);
/* Bytes of one input frame (h*w*c uint8) and int32 values of one output frame. */
AKIDA_API size_t akida_session_frame_bytes(const struct akida_session *s);
AKIDA_API size_t akida_session_outputs(const struct akida_session *s);
/*
 * On the cpu the frames of one call are shared by its threads, each frame on one; a single frame is shared layer by layer
 * when it is large. Small ones stay in the caller's thread.
 *
 * Runs frames in order; out: frames * outputs int32 (potentials, or activations). Returns frames or a negative errno.
 */
AKIDA_API int64_t akida_session_run(struct akida_session *s, const uint8_t *in, size_t frames, int32_t *out);
/* Statistics of all frames since create or the last reset. */
AKIDA_API int akida_session_stats(const struct akida_session *s, struct akida_stats *stats);
AKIDA_API void akida_session_stats_reset(struct akida_session *s);
/* Text of the newest failure; empty when none. */
AKIDA_API const char *akida_session_error(const struct akida_session *s);

/* Fraction of zeros in each layer's output over frames, run on the cpu. sparsity: akida_model_layers() values. */
AKIDA_API int akida_model_sparsity(const struct akida_model *m, const uint8_t *in, size_t frames, double *sparsity);

#endif
