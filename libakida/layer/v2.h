/* SPDX-License-Identifier: MIT */
/*
 * What Akida 2 layers have beyond akida_layer: widths, variables and the arithmetic after the sum (reference:
 * quantization 5). One layer computes, per output channel,
 *
 *   x = in << input_shift                             saturated to buffer_bits
 *   a = sum x * w                                     saturated once, to buffer_bits
 *   a = a + (bias << bias_shift)                      saturated to buffer_bits
 *   a = maximum over the pooling window               pool MAX
 *   a = activation(a)                                 ReLU: max(a, 0), at most max_value << max_value_shift; LUT: table
 *   a = sum over the map                              pool GLOBAL_AVERAGE
 *   t = a * output_scale                              saturated to post_op_bits
 *   y = floor(t * 2^output_shift + 1/2)               clipped to output_bits
 *
 * A StatefulRecurrent reads in_w positions of time, kernel_w of them (one behind the other) in a step, and hands out every
 * stride-th step. A step is, with s the complex state of each stateful channel,
 *
 *   u = sum x * in_proj                               saturated to buffer_bits
 *   u = u * state_scale                               saturated to buffer_bits
 *   s = A * s + floor(u * 2^state_in + 1/2)           each product and sum saturated to AK_STATE_BUFFER
 *   s = floor(s / 2^state_shift + 1/2)                clipped to AK_STATE_BITS
 *   a = sum real(s) * weights                         and on as above, from the bias
 *
 * Widths include the sign. Without rescale the last two lines are left out and a is handed out. Weights are kept in gather
 * order as those of v1 layers; transposed kernels as Keras has them, [kh][kw][f][c].
 */
#ifndef AK_LAYER_V2_H
#define AK_LAYER_V2_H

#include "layer/layer.h"

#define AK_LUT_ENTRIES 2048u /* signed input -1024..1023, ascending */
#define AK_LUT_BITS 11u
#define AK_FIFO_MAX 64u
#define AK_STATE_BITS 16u   /* of a recurrent layer's state */
#define AK_STATE_BUFFER 32u /* of the sums it comes from */

enum ak_v2_act { AK_V2_ACT_NONE, AK_V2_ACT_RELU, AK_V2_ACT_LUT };

struct ak_v2 {
	uint32_t buffer_bits;  /* 2..32 */
	uint32_t post_op_bits; /* 2..33 */
	uint32_t output_bits;  /* 2..32; equal to buffer_bits without rescale */
	bool in_signed;	       /* inputs are two's complement of akida_layer.in_bits, else unsigned */
	bool out_signed;       /* without a sign the codes are 0 .. 2^output_bits - 1 */
	enum ak_v2_act act;
	bool bounded;	   /* ReLU with a maximum */
	bool rescale;	   /* has output_scale and output_shift */
	uint32_t fifo;	   /* BufferTempConv: frames seen at once */
	uint32_t stateful; /* StatefulRecurrent: channels of the state; see below */

	/* c: input channels; f: output channels. NULL: all zero, or not there */
	uint8_t *input_shift; /* [c]; ADD: [2][f], a_shift then b_shift; CONCATENATE: none */
	uint8_t *padding;     /* [c] INPUT_CONV2D */
	int8_t *bias;	      /* [f] */
	uint8_t *bias_shift;  /* [f] */
	uint8_t *max_value;   /* [f] bounded */
	uint8_t *max_shift;   /* [f] */
	uint8_t *act_scale;   /* [f] LUT: brings a to AK_LUT_BITS */
	int8_t *act_shift;    /* [f] */
	int32_t *lut;	      /* [AK_LUT_ENTRIES] */
	uint8_t *out_scale;   /* [f] */
	int8_t *out_shift;    /* [f] negative: to the right */
	float *scales;	      /* [f] DEQUANTIZER: value = code * scales */
	int8_t *in_proj;      /* [kernel_w][c][stateful] STATEFUL_RECURRENT, whose weights are [stateful][f] */
	int16_t *a_real;      /* [stateful] */
	int16_t *a_imag;      /* [stateful] */
	uint8_t *state_scale; /* [stateful] */
	int8_t *state_in;     /* [stateful] shift of the input, negative: to the right */
	uint8_t *state_shift; /* [stateful] to the right, of the new state */
};

/* The arrays a layer of these parameters has, for storage and allocation: name, where, element bytes, elements (0: none). */
struct ak_v2_array {
	const char *name;
	void **data;
	uint32_t element;
	size_t count;
};
#define AK_V2_ARRAYS 19u
void ak_v2_arrays(struct akida_layer *l, struct ak_v2_array a[AK_V2_ARRAYS]);

bool ak_layer_is_v2(const struct akida_layer *l);
/* Zeroed variables for the parameters set so far; -ENOMEM. */
int ak_v2_alloc(struct akida_layer *l);
void ak_v2_fini(struct akida_layer *l);
/* Ranges and derived shapes, as ak_layer_finish; names layer, field, value and limit. */
int ak_v2_finish(struct akida_layer *l, struct akida_diag *diag);
int ak_v2_check_values(const struct akida_layer *l, struct akida_diag *diag);
/* The layer takes what its inbound layers hand out. */
int ak_v2_check_links(const struct akida_layer *layers, uint32_t i, struct akida_diag *diag);
size_t ak_v2_weight_count(const struct akida_layer *l);

/* int64 scratch elements ak_v2_run needs. */
size_t ak_v2_scratch(const struct akida_layer *l);
/*
 * One frame of layer l among its model's layers. in[k]: output of inbound k, or the model's input, as int32 codes (unsigned
 * ones too); out: out_h * out_w * out_c codes or, without rescale, sums. state: the fifo * in_h * in_w * in_c codes of a
 * BufferTempConv, oldest first, or the 2 * stateful real and imaginary parts of a StatefulRecurrent, zero at the start;
 * else NULL.
 */
void ak_v2_run(const struct akida_layer *l, const struct akida_layer *layers, const int32_t *const *in, int32_t *out,
	       int64_t *scratch, int32_t *state);
/* Values of state a layer keeps between frames. */
size_t ak_v2_state(const struct akida_layer *l);
/* floor(v * 2^shift + 1/2), saturated to a signed or unsigned range of bits. */
int64_t ak_v2_shift(int64_t v, int shift, uint32_t bits, bool is_signed);

#endif
