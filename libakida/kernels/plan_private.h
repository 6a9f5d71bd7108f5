/* SPDX-License-Identifier: MIT */
/* The parts of a plan, shared by the files that build it and the one that runs it. */
#ifndef AK_KERNELS_PLAN_PRIVATE_H
#define AK_KERNELS_PLAN_PRIVATE_H

#include "kernels/op.h"
#include "kernels/plan.h"

/* Where a layer's values are: bytes with a border, or int32 without one. */
struct ak_tensor {
	uint32_t h, w, c;
	uint32_t top, left, bottom, right; /* border; all 0 for wide tensors */
	bool wide;			   /* int32 values */
	uint8_t zero;			   /* bytes hold code + zero: 128 for signed codes */
	uint8_t *border;		   /* [c] bytes of the border; NULL: zero */
	size_t pitch, first;		   /* bytes from row to row; of the first value */
	size_t at, bytes;		   /* in the run's memory; bytes without the tail */
};

enum ak_op_kind {
	AK_OP_CONV,	 /* conv */
	AK_OP_DENSE,	 /* dense */
	AK_OP_DEPTHWISE, /* depthwise to bytes */
	AK_OP_PAIR,	 /* depthwise, then conv over its rows */
	AK_OP_LAYER,	 /* layer/ */
};

/* The row buffer of a pair and the sums of a global average live in the run's scratch memory. */
struct ak_op {
	enum ak_op_kind kind;
	uint32_t layer;	  /* the one whose output it makes */
	uint32_t in, out; /* tensors */
	struct ak_conv conv;
	struct ak_dense dense;
	struct ak_depthwise depthwise;
	size_t outputs;		    /* of conv, after its window */
	bool average;		    /* conv's values are summed over the map; the layer's rest follows */
	size_t depthwise_in;	    /* bytes from the tensor's start to the first tap */
	uint32_t chunk;		    /* PAIR: depthwise rows at a time */
	uint32_t rows, row_outputs; /* PAIR: depthwise rows; conv outputs a chunk's row makes, times window rows */
	bool pool;		    /* bytes are pooled by the layer's pool afterwards, from the scratch map */
	struct ak_tensor map;	    /* before that pool */
};

struct ak_plan {
	const struct akida_layer *layers;
	uint32_t count, ops, tensors;
	const struct ak_kernels *k;
	bool v2;
	struct ak_op *op;
	struct ak_tensor *tensor;
	uint32_t *tensor_of; /* [layers + 1]: of the model's input, then of each layer */
	uint32_t output;     /* tensor */
	size_t bytes;	     /* of packed arrays */
	size_t memory;	     /* of a run: tensors */
	size_t scratch;	     /* of a run: bytes behind the tensors */
	size_t wide;	     /* int32 values: the largest input or output of an AK_OP_LAYER */
	size_t work;	     /* int64 or int32 scratch of layer/ in bytes */
	size_t chunk_bytes;  /* row buffer of pairs */
	size_t events_bytes; /* lists of the largest sparse input */
	size_t sums;	     /* int32 of global averages */
	size_t map_bytes;    /* largest map before a pool */
	void **owned;	     /* what destroy frees */
	uint32_t owned_count, owned_room;
};

/* What each thread that shares a frame has for itself. */
struct ak_member {
	uint8_t *chunk;
	int32_t *sums;
	void *events;
};

struct ak_plan_run {
	const struct ak_plan *p;
	uint32_t members;
	uint8_t *memory;
	struct ak_member *member;
	uint8_t *map;
	int32_t *wide[3]; /* inputs and output of layer/ */
	void *work;
	int32_t **state; /* [layers] */
	/* of the frame that a team shares */
	struct ak_team *team;
	const uint8_t *in;
	int32_t *out;
};

/* Zeroed and freed with the plan, AK_TAIL bytes longer; NULL without memory. */
void *ak_plan_alloc(struct ak_plan *p, size_t bytes);

/* What is known of a layer's input codes. */
struct ak_codes {
	int32_t low, high;
	uint8_t zero;
};

/* ---- look.c ---- */

/* For tests: convolutions leave zeros out wherever they may; false if none may. */
bool ak_plan_force_sparse(struct ak_plan *p);

/* ---- post.c ---- */

enum ak_post ak_post_of(const struct akida_layer *l, bool average);
/* What is added to a layer's output codes to make them bytes: 128 where they are signed, 0 behind a ReLU all the same. */
uint8_t ak_code_zero(const struct akida_layer *l);

/* The weights whose products are summed: [taps][filters]. */
struct ak_sums {
	const int8_t *weights;
	size_t taps;
	int64_t sums;	       /* so many results are added up afterwards */
	const uint32_t *order; /* [slots] filter of each slot, or NULL: their own order */
	uint32_t slots;
};

/* q->post is set. 0, -ENOMEM or -EOPNOTSUPP as below. */
int ak_pack_posts(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_sums *w,
		  struct ak_requantize *q, const struct ak_post_block **out);

/* ---- pack.c ---- */

/*
 * Fill q, blocks, weights and k_offset of an op whose geometry is set. 0, -ENOMEM, or -EOPNOTSUPP when the kernel would
 * not be exact for these variables.
 */
int ak_pack_conv(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_tensor *in,
		 bool average, struct ak_conv *c);
int ak_pack_dense(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, const struct ak_tensor *in,
		  struct ak_dense *d);
int ak_pack_depthwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_depthwise *d);
/* The depthwise half of a v1 separable layer: int16 sums. */
int ak_pack_depthwise16(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x,
			struct ak_depthwise *d);
/* The pointwise half of a v1 separable layer over those sums. codes: of the first half's input. */
int ak_pack_pointwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *codes, bool average,
		      struct ak_conv *c);

#endif
