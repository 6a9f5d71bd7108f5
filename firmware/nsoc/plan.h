/* SPDX-License-Identifier: MIT */
/* What a programmed mesh computes, decoded once: a chain of layers, each made of the parts its processors own. */
#ifndef NSOC_PLAN_H
#define NSOC_PLAN_H

#include "firmware/nsoc/internal.h"

#define NS_LAYERS_MAX 96u     /* one on each NP, and the HRC */
#define NS_MAP_MAX (8u << 20) /* elements of one map: keeps a hostile program from asking for gigabytes */

enum ns_layer_kind { NS_LAYER_HRC, NS_LAYER_STANDARD, NS_LAYER_SEPARABLE, NS_LAYER_FULLY };

/* One processor's share. Rows are rows of the convolution, before pooling; in_* describe its cut of the input. */
struct ns_part {
	const struct ns_np *np; /* NULL: HRC */
	uint32_t cut_y, cut_h;
	uint32_t y0, rows, f0, filters;
	int8_t *weights, *pointwise; /* gather order, as layer.h has them */
	int32_t *threshold, *step16; /* NULL: raw sums */
};

struct ns_layer {
	enum ns_layer_kind kind;
	uint8_t id;
	uint32_t in_h, in_w, in_c, in_bits;
	uint32_t kernel, stride, pad_top, pad_left, pad_value;
	uint32_t conv_h, conv_w, filters;
	bool global_pool;
	uint32_t pool, pool_stride, pool_top, pool_left; /* pool 0: none */
	uint32_t out_h, out_w;
	uint32_t out_bits; /* 0: potentials, last layer only */
	bool split_filters;
	struct ns_part *part;
	unsigned int parts;
};

/* A map between layers. */
struct ns_shape {
	uint32_t h, w, c, bits;
};

/* Weights of an FNP2: one packet in device memory. */
#define NS_FNP2_MAX 4u
struct ns_external {
	uint32_t addr, words;
};

struct ns_plan {
	uint32_t in_h, in_w; /* what it was made for */
	bool usable;
	bool between; /* its outputs are the inputs of another pass */
	struct ns_external external[NS_FNP2_MAX];
	unsigned int externals;
	uint64_t external_hash;
	struct ns_layer layer[NS_LAYERS_MAX];
	unsigned int layers;
	size_t map_max;	      /* largest activation map */
	size_t potential_max; /* largest map of potentials */
	uint8_t *map[2];
	int32_t *potential, *pooled, *part_potential, *row;
	uint8_t *output;	/* payload of the last layer */
	struct ns_fused *fused; /* NULL: layer by layer with the arithmetic of layer/ */
};

/* What a plan is made for. */
struct ns_plan_for {
	struct ns_shape in; /* of an image: the HRC's; of a later pass: what the one before hands over */
	bool image;	    /* through the HRC */
	bool passes;	    /* one of several */
	bool final;	    /* its outputs leave the chip */
};
/* Of the mesh as it is programmed. NULL: no memory; unusable (reported): not understood. Free with ns_plan_free. */
struct ns_plan *ns_plan_make(struct nsoc *n, const struct ns_plan_for *what);
void ns_plan_free(struct ns_plan *p);
struct ns_shape ns_plan_output(const struct ns_plan *p);
/* Of words in memory, continued from an earlier value; false (reported) when no memory is there. */
bool ns_hash_words(struct nsoc *n, uint32_t addr, uint32_t words, uint64_t *hash);

/* ---- events.c ---- */
/* The pooled rows whose window begins in the part's rows: the part that makes them activates them. */
void ns_output_rows(const struct ns_layer *l, const struct ns_part *p, uint32_t *first, uint32_t *end);
/* The last layer's potentials or activations as they leave the mesh. False (reported) when they cannot be expressed. */
bool ns_payload(struct nsoc *n, const struct ns_plan *plan, const int32_t *pot, const uint8_t *map,
		struct ns_output *out);
/* Events with their header at a device address, within room bytes; and a map out of them. False (reported). */
bool ns_events_write(struct nsoc *n, uint32_t addr, uint32_t room, const struct ns_output *out);
bool ns_events_read(struct nsoc *n, uint32_t addr, const struct ns_shape *shape, uint8_t *map);

/* ---- fuse.c: the chain as one plan of the compute kernels ---- */
/* Sets p->fused if the parts of each layer make up one layer of layer.h; a mesh that is odd in a harmless way stays as it is. */
void ns_fuse(struct ns_plan *p);
void ns_fuse_drop(struct ns_plan *p);
/* One frame: potentials of the last layer, or its activations when it has any. */
void ns_fused_frame(struct ns_plan *p, const uint8_t *in, const int32_t **potentials, const uint8_t **map);
/* Values that are not zero in rows of a layer's input; layer >= 1. */
uint64_t ns_fused_events(const struct ns_plan *p, unsigned int layer, uint32_t first, uint32_t rows);

/* ---- weights.c: SRAM content to gather order; false when a line, word or pair was never written ---- */
bool ns_weights_hrc(const struct ns_hrc *h, uint32_t channels, uint32_t kernel, struct ns_part *p);
bool ns_weights_standard(const struct ns_np *np, uint32_t channels, struct ns_part *p);
bool ns_weights_separable(const struct ns_np *np, uint32_t channels, uint32_t start, struct ns_part *p);
/* words: of UID 6, as many as filters, inputs and magnitude planes need. */
bool ns_weights_fully(const uint32_t *words, uint32_t planes, uint32_t h, uint32_t w, uint32_t c, struct ns_part *p);
/* Threshold pairs of one NP or of the HRC bank: sign bit of the threshold at bits-1. */
bool ns_thresholds(const uint32_t *words, uint32_t filters, unsigned int bits, struct ns_part *p);
bool ns_lines_written(const struct ns_np *np, uint32_t first, uint32_t count);
static inline uint32_t ns_ceil_div(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}
/* Lines per input channel of a standard convolution (nsoc-hardware 24.1). */
static inline uint32_t ns_standard_lines(uint32_t filters)
{
	return 16 * ns_ceil_div(6 * ns_ceil_div(filters, 8), 16);
}

#endif
