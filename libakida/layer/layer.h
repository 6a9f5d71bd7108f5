/* SPDX-License-Identifier: MIT */
/*
 * Akida layers: parameters, output shape and integer semantics of v1; what Akida 2 layers have beyond that is in v2.h.
 * This folder is the specification in C; fast kernels and the software NSoC must equal it bit for bit.
 *
 * Tensors are (h, w, c) row-major. Weights are kept in gather order, as Keras has them: an output at (y, x) is the sum
 * over ky, kx, c of in[y*s + ky - pad_top][x*s + kx - pad_left][c] * w[ky][kx][c][f]. Flips and orders that the chip or
 * vendor files use exist only where those are read or written.
 */
#ifndef AK_LAYER_LAYER_H
#define AK_LAYER_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <akida/model.h>

#define AK_LAYER_NAME 64
#define AK_THRESHOLD_MAX 524287 /* 20-bit signed; 24-bit for the input convolution */
#define AK_THRESHOLD_MAX_INPUT 8388607
#define AK_STEP16_MAX (65535 * 16) /* act_step has 16 bits, the stored step is in 1/16 */
#define AK_MAX_DIM 4096
#define AK_MAX_CHANNELS 2048
#define AK_MAX_UNITS 65535 /* of a fully connected layer */
#define AK_MAX_LAYERS 256u /* layer ids have 8 bits */
#define AK_LAYER_MAX_WEIGHTS ((uint64_t)1 << 30)

struct ak_v2;
struct ak_learning;

struct akida_layer {
	char name[AK_LAYER_NAME];
	enum akida_layer_type type;
	uint32_t in_h, in_w, in_c; /* FULLY: the map that is flattened; inputs = in_h*in_w*in_c in (h, w, c) order */
	uint32_t in_bits;	   /* 8 for INPUT_CONV, else act_bits of the producer */
	uint32_t filters;	   /* or units */
	uint32_t kernel_h, kernel_w, stride;
	enum akida_padding padding;
	uint32_t padding_value; /* INPUT_CONV only, one value for all channels; else 0 */
	enum akida_pool pool;
	uint32_t pool_size, pool_stride; /* square; 0 unless pool is MAX */
	enum akida_padding pool_padding;
	uint32_t weights_bits;
	bool activation;
	uint32_t act_bits; /* 1, 2, 4; meaningless without activation */

	int8_t *weights;    /* conv [kh][kw][c][f]; separable depthwise [kh][kw][c]; fully [h][w][c][u] */
	int8_t *weights_pw; /* separable pointwise [c][f], else NULL */
	int32_t *threshold; /* [f] */
	int32_t *
		step16; /* [f] act_step in 1/16 units, 1..AK_STEP16_MAX: floor(16 * act_step), as vendor programs have it */
	float *scale;		      /* [f] without activation: predict = (P - threshold) / scale; else NULL */
	struct ak_v2 *v2;	      /* Akida 2 layers only, owned */
	struct ak_learning *learning; /* learn.h, owned; the last layer only, else NULL */
	uint32_t inbounds, inbound[AKIDA_MAX_INBOUNDS]; /* what it reads, smaller indices; 0: the model's input */
	bool borrowed; /* the arrays point into memory of the model and are not freed with the layer */

	/* derived by ak_layer_finish */
	uint32_t pad_top, pad_left;
	uint32_t conv_h, conv_w; /* before pooling */
	uint32_t out_h, out_w, out_c;
};

struct akida_model {
	uint32_t count;
	struct akida_layer
		*layers; /* v1: a chain, layer i feeds layer i+1; Akida 2: by inbound, the last is the output */
	char source[64]; /* where it came from, for reports; may be empty */
	void *mapping;	 /* bytes the layers' arrays point into (akm.c), or NULL */
};

size_t ak_layer_weight_count(const struct akida_layer *l);    /* of weights */
size_t ak_layer_weight_pw_count(const struct akida_layer *l); /* of weights_pw */
/* Allocates weights, thresholds, steps (zeroed; scale only without activation) for the parameters set so far. */
int ak_layer_alloc(struct akida_layer *l);
void ak_layer_fini(struct akida_layer *l);
/* to gets what the v1 layer from is, learning state included, with arrays of its own. What to held is not looked at. -ENOMEM. */
int ak_layer_copy(const struct akida_layer *from, struct akida_layer *to);
/* Checks parameters against the ranges above and derives shapes. Names the layer, field, value and limit. */
int ak_layer_finish(struct akida_layer *l, struct akida_diag *diag);
/*
 * After finish: weights within their bits (1 bit: 0 or 1), thresholds and steps within the ranges above (thresholds only
 * with activation), scales finite and not zero. ak_model_create calls both for every layer.
 */
int ak_layer_check_values(const struct akida_layer *l, struct akida_diag *diag);

/* Builds a model from count layers; takes ownership of the array and of what its layers own, also on failure. */
int ak_model_create(struct akida_layer *layers, uint32_t count, const char *source, struct akida_model **out,
		    struct akida_diag *diag);

/* TensorFlow SAME: leading padding for n inputs, kernel k, stride s; trailing gets the rest. */
uint32_t ak_same_out(uint32_t n, uint32_t s);
uint32_t ak_same_pad_before(uint32_t n, uint32_t k, uint32_t s);

/* ---- integer semantics, plain C ---- */

/* One convolution on explicit geometry, so that a part of a layer (some rows, some filters) is the same code. */
struct ak_conv_geom {
	uint32_t in_h, in_w, in_c;
	int32_t pad_top, pad_left; /* position of input row 0 relative to the first kernel row; may be negative */
	uint32_t stride, kernel_h, kernel_w;
	uint32_t out_h, out_w, filters;
	uint32_t pad_value;
};
/* out[out_h][out_w][filters] = sum in*w. in uint8, w [kh][kw][c][f] int8; exact in int32 for the limits above. */
void ak_conv_potentials(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *w, int32_t *out);
/* Depthwise then pointwise, full precision in between. tmp: out_w * in_c int32 (one row). */
void ak_separable_potentials(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *dw, const int8_t *pw,
			     int32_t *out, int32_t *tmp);
/* out[u] = sum_n in[n] * w[n][u]. */
void ak_fully_potentials(const uint8_t *in, size_t inputs, const int8_t *w, size_t units, int32_t *out);
/* Maximum of potentials over size x size windows; positions outside the map do not take part. */
void ak_pool_max(const int32_t *in, uint32_t h, uint32_t w, uint32_t c, uint32_t size, uint32_t stride,
		 uint32_t pad_top, uint32_t pad_left, uint32_t out_h, uint32_t out_w, int32_t *out);
/* out[c] += sum over h, w (so that parts of a map add up); the caller clears out. */
void ak_pool_sum(const int32_t *in, uint32_t h, uint32_t w, uint32_t c, int32_t *out);
/*
 * The activation law: 0 if p <= t, else min(ceil((p - t) * 16 / (step16 * 2^(4 - bits))), 2^bits - 1). step16 >= 1.
 * For 1 bit only the threshold counts, since the maximum is 1. Source: nsoc-hardware 17.2, verified by vendor program.
 */
uint8_t ak_activate(int32_t p, int32_t t, int32_t step16, uint32_t bits);
/* ak_activate over n positions of c channels. */
void ak_activate_map(const int32_t *p, size_t n, uint32_t c, const int32_t *t, const int32_t *step16, uint32_t bits,
		     uint8_t *out);

/* int32 scratch elements ak_layer_run needs. */
size_t ak_layer_scratch(const struct akida_layer *l);
/* Whole layer on one frame. act (activation) or pot (no activation) receives out_h*out_w*out_c values. */
void ak_layer_run(const struct akida_layer *l, const uint8_t *in, uint8_t *act, int32_t *pot, int32_t *scratch);

/* ---- .akm container sections; see layer/akm.c ---- */
int ak_model_serialize(const struct akida_model *m, void **bytes, size_t *len);

#endif
