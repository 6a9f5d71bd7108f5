/* SPDX-License-Identifier: MIT */
/*
 * A chain or graph of layers made ready for one instruction set: weights packed, offsets and borders laid out, pairs of
 * layers joined. Equal to layer/ bit for bit; a layer that no kernel covers runs through layer/ itself.
 */
#ifndef AK_KERNELS_PLAN_H
#define AK_KERNELS_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "kernels/isa.h"
#include "kernels/team.h"
#include "layer/layer.h"

struct ak_plan;	    /* immutable; may be shared between threads */
struct ak_plan_run; /* what one thread needs to run it */

/* Borrows the layers (finished, values checked). -ENOMEM; -EINVAL if isa is not available. */
int ak_plan_create(const struct akida_layer *layers, uint32_t count, enum ak_isa isa, struct ak_plan **out);
void ak_plan_destroy(struct ak_plan *p);
/* Bytes of packed weights and tables; of what each run holds. */
size_t ak_plan_bytes(const struct ak_plan *p);
size_t ak_plan_run_bytes(const struct ak_plan *p); /* for one member */
/* Layers that run through layer/ because no kernel covers them. */
uint32_t ak_plan_fallbacks(const struct ak_plan *p);
/* Words for reports: the kernel of a layer ("conv", "conv+pool", "depthwise+pointwise", "dense 4-bit", "layer", ...). */
const char *ak_plan_kernel(const struct ak_plan *p, uint32_t layer);

/* members: threads that may share a frame, 1 for none. */
int ak_plan_run_create(const struct ak_plan *p, uint32_t members, struct ak_plan_run **out);
void ak_plan_run_destroy(struct ak_plan_run *r);
/* Forgets what temporal layers have seen. */
void ak_plan_run_reset(struct ak_plan_run *r);
/*
 * One frame: in h*w*c bytes of the first layer's input (two's complement where it is signed), out the last layer's values;
 * NULL: they stay in the run. Allocates nothing, locks nothing.
 */
void ak_plan_frame(struct ak_plan_run *r, const uint8_t *in, int32_t *out);
/* The same by all members of a team, each a part of every layer; the run was made for so many. */
void ak_plan_frame_team(struct ak_plan_run *r, struct ak_team *t, const uint8_t *in, int32_t *out);
/* Multiplications of a frame: whether sharing it pays. */
uint64_t ak_plan_products(const struct ak_plan *p);
/*
 * After a frame, for v1 layers with an activation: row y of the layer's output is at y * pitch, w * c codes; and how many
 * codes of some rows are not zero.
 */
const uint8_t *ak_plan_output(const struct ak_plan_run *r, uint32_t layer, size_t *pitch);
uint64_t ak_plan_nonzero(const struct ak_plan_run *r, uint32_t layer, uint32_t first, uint32_t rows);

#endif
