/* SPDX-License-Identifier: MIT */
/*
 * What a plan asks of an instruction set. All tensors are bytes (h, w, c) with a border that holds the padding, so that no
 * kernel knows edges: a position is an offset, taps are offsets from it. Signed codes are kept as code + 128, unless none is below 0.
 *
 * A kernel computes, per filter f and with 32-bit sums that the planner has shown cannot overflow,
 *
 *   a = bias[f] + sum x * w,  maximum of a window's values,  y = requantize(clamp(a, lo[f], hi[f]))
 *
 * where requantize is one of enum ak_post. Bias holds what offsets, thresholds and signed codes add up to.
 */
#ifndef AK_KERNELS_OP_H
#define AK_KERNELS_OP_H

#include <stddef.h>
#include <stdint.h>
#include "kernels/isa.h"

#define AK_TAIL 256u /* readable bytes behind every tensor and weight array: vectors may read beyond, never use it */

enum ak_post {
	AK_POST_SHIFT, /* byte: (a * mul[f] + add) >> shift, 0 .. max */
	AK_POST_CEIL,  /* byte: ceil((float)a * factor[f]), 0 .. max */
	AK_POST_NONE,  /* int32: a */
	AK_POST_SUM,   /* int32: a added over all outputs, per filter; out_offset is not used */
};

/* What filters have in common. clamp: lo and hi are needed; else saturation does as much. */
struct ak_requantize {
	enum ak_post post;
	bool clamp;
	int32_t add, shift, max;
};

/* Whether a convolution may leave zeros out. */
enum ak_sparse {
	AK_SPARSE_NEVER,    /* zeros are not code 0 */
	AK_SPARSE_MEASURED, /* where a few positions of a frame show that it pays */
	AK_SPARSE_ALWAYS,   /* for tests */
};

/* Parameters of 16 filters. Filters beyond the last one have zeros. */
struct ak_post_block {
	int32_t bias[16];
	union {
		int32_t mul[16];
		float factor[16];
	};
	int32_t lo[16], hi[16];
};

/*
 * Sums over nk groups of 4 bytes (u8 x s8) or of 2 int16 (pairs) at in + in_offset[i] + k_offset[k]. Weights per block of
 * filters (ak_kernels.filter_block, the last one rounded up to lanes): [nk][block][4 bytes or 2 int16].
 */
struct ak_conv {
	uint32_t filters, nk;
	uint32_t window; /* positions whose maximum is one output: 1 or 4; consecutive in in_offset */
	bool pairs;
	enum ak_sparse sparse;
	uint32_t rows, row_pitch; /* k_offset counts up by 4 in so many rows this far apart; 0 rows: it does not */
	uint32_t taps, pixel;	  /* a row is so many pixels of so many bytes; of event_weights */
	struct ak_requantize q;
	const int32_t *k_offset;
	const uint32_t *in_offset;  /* [outputs * window] */
	const uint32_t *out_offset; /* [outputs] in elements */
	const void *weights;
	const void *event_weights; /* ak_pack_events; NULL: not for sparse inputs */
	const struct ak_post_block *blocks;
	uint32_t sum_limit; /* groups a 16-bit sum of u8 x s8 products holds; 0: not one, or inputs above small_high */
};

/*
 * One position, many inputs. Weights per block of filters: [nk][vectors][lanes][4 bytes]; below 8 bits each byte has those of
 * 8 / bits vectors of filters, the first in the low bits, and a block has 8 of these.
 */
struct ak_dense {
	uint32_t filters, nk, bits; /* nk: a multiple of 8; bits: of the packed weights */
	uint32_t vectors;	    /* 8 bits: 1, 2, 4 or 8 per block; 4, 2, 1 at 4, 2, 1 bits */
	bool small;		    /* any sum of two products fits 16 bits */
	uint32_t offset;	    /* added to each weight below 8 bits: 8, 2, 0; bias does not know of it */
	struct ak_requantize q;
	const int32_t *k_offset;
	const uint8_t *weights;
	const struct ak_post_block *blocks;
};

/*
 * Depthwise over rows of a tensor. To bytes: taps in columns of up to 4 rows, channels of a unit in unpack order, weights
 * [unit][groups][4 vectors][lanes][4 rows]. To int16 sums, 2 * unit bytes per unit and position: taps in columns of up to
 * 2 rows, weights [unit][groups][2 vectors][2 * lanes][2 rows], channels in the order of ak_pair_order.
 */
struct ak_depthwise {
	uint32_t channels, groups; /* groups: kernel columns x ceil(kernel rows / 4 or 2) */
	uint32_t kernel_h, kernel_w, stride;
	uint32_t in_pitch, out_pitch, out_w; /* pitches in bytes; out_pitch of int16 rows too */
	struct ak_requantize q;		     /* SHIFT; unused for int16 */
	bool down; /* 3 x 3 at stride 1: go down columns, weights have rows and columns exchanged */
	const int8_t *weights;
	const struct ak_post_block *blocks; /* in unpack order; NULL for int16 */
};

struct ak_kernels {
	enum ak_isa isa;
	uint32_t lanes;	       /* int32 per vector; a depthwise unit is 4 * lanes channels */
	uint32_t small_high;   /* the highest byte whose short products are exact, see sum_limit and small */
	uint32_t filter_block; /* filters a convolution kernel computes at once */
	bool events;	       /* conv has a path for sparse inputs */
	/* outputs first .. end-1; origin is subtracted from every in_offset; events: AK_EVENTS_BYTES where c has event_weights */
	void (*conv)(const struct ak_conv *c, const uint8_t *in, uint32_t origin, void *out, size_t first, size_t end,
		     void *events);
	void (*dense)(const struct ak_dense *d, const uint8_t *in, void *out);
	/* rows output rows from `in` (first tap of the first row) on */
	void (*depthwise)(const struct ak_depthwise *d, const uint8_t *in, void *out, uint32_t rows);
	/* to int16: inputs times weights of a pair of rows fit 16 bits */
	void (*depthwise16)(const struct ak_depthwise *d, const uint8_t *in, void *out, uint32_t rows);
	/* how many of bytes[0..n) are not zero */
	uint64_t (*nonzero)(const uint8_t *bytes, size_t n);
	/* out[i] = bytes[i] - zero */
	void (*widen)(const uint8_t *bytes, size_t n, int32_t zero, int32_t *out);
};

/* Memory for the events of an input of so many bytes (h x w x pixel with its border). Kernels of at most so many rows. */
#define AK_EVENTS_BYTES(bytes, pixel) (((bytes) / (pixel) + 2) * 4 + (bytes)*5 + 256)
#define AK_EVENT_ROWS 16u

/* NULL where it is not built in. */
const struct ak_kernels *ak_kernels_of(enum ak_isa isa);
/* Channel that slot s of a depthwise unit holds: two unpack steps leave bytes of 128-bit lanes in this order. */
uint32_t ak_unpack_order(uint32_t lanes, uint32_t s);
/* The same for int16 sums: eight channels of each 128-bit lane, then the other eight. */
uint32_t ak_pair_order(uint32_t lanes, uint32_t s);

#endif
