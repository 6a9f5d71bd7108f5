/* SPDX-License-Identifier: MIT */
/*
 * What the back ends share that run the protocol core in this process: `virtual:` on the software NSoC, `vfio:` on a board.
 * They differ in the bus, in host memory the chip reaches, and in clocks.
 */
#ifndef AK_DEVICE_CORE_H
#define AK_DEVICE_CORE_H

#include "device/backend.h"
#include "driver/core/core.h"

#define AK_CORE_STAGE_BYTES (256u << 10)

struct ak_core {
	struct akc_dev dev;
	struct akc_buf frames; /* the back end's: slots of one input each */
	bool in_place;	       /* instead: the chip reaches the inputs of ak_core_run at frames.bus */
	uint32_t batch, slot_bytes;
	size_t in_bytes, outputs;
	uint64_t *queued_ns; /* per slot */
	uint64_t inference_clk, program_clk;
	uint32_t last_clk;
	bool dead; /* reset since the load */
	/* Modelled time that a host needs for frames, alone: nothing is in flight before them. NULL where time is real. */
	void (*host_time)(struct akida_device *d, uint32_t frames, bool alone);
	/* Makes the window to the host this large, at least, or says why not. NULL: there is none. */
	int (*window)(struct akida_device *d, uint32_t bytes, struct akida_diag *diag);
	const char *says; /* newest complaint of the protocol core, and its two values */
	uint64_t a, b;
};

/* What the mesh is made of, into d->info. */
void ak_core_info(struct akida_device *d, const struct ak_core *k);
int ak_core_verify(const struct akida_device *d, const struct ak_core *k, const struct akida_program *p,
		   struct akida_diag *diag);
/* Sizes of a load; bytes: what k->frames must hold before ak_core_load. */
int ak_core_plan(struct akida_device *d, struct ak_core *k, const struct ak_load *l, size_t *bytes,
		 struct akida_diag *diag);
/* After a failure ak_core_unload is due as well. */
int ak_core_load(struct akida_device *d, struct ak_core *k, const struct ak_load *l, struct ak_load_dims *dims,
		 struct akida_diag *diag);
void ak_core_unload(struct ak_core *k); /* k->frames stays the back end's to free: take it before */
int64_t ak_core_run(struct akida_device *d, struct ak_core *k, const uint8_t *in, size_t frames, int32_t *out,
		    struct ak_meter *m);

#endif
