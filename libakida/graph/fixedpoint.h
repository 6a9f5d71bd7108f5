/* SPDX-License-Identifier: MIT */
/*
 * The number types of QuantizeML (reference: quantization 2.2 to 2.5): integers v with value v * 2^-fb * scale. What is
 * float32 there is float32 here, because the last bit decides which integer comes out. vb are value bits: without the sign.
 */
#ifndef AK_GRAPH_FIXEDPOINT_H
#define AK_GRAPH_FIXEDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AK_FX_NO_LOG (-1024) /* clog2 of zero: so small that every clamp wins */

/* ceil(log2(x)) in float32: one ulp above 2^10 still gives 10. x >= 0; AK_FX_NO_LOG for 0. */
int ak_fx_clog2(float x);
/* Most fractional bits that still hold r in vb value bits: min(vb - clog2(r), vb). May be negative. */
int ak_fx_max_fb(int vb, float r);
/* Clip to [-2^vb, 2^vb - 1]; vb 0 to 62. */
int64_t ak_fx_sat(int64_t v, int vb);
/* sat(round half to even(x), vb); x may be infinite. */
int64_t ak_fx_round(float x, int vb);
/* floor(v * 2^shift + 0.5) saturated to vb value bits; exact for any shift of -62 to 62. */
int64_t ak_fx_rescale(int64_t v, int shift, int vb);

/*
 * Weight quantizer (2.3): w is [outer][channels][inner]; one scale per channel, max|w| / (2^(bits-1) - 1) but at least
 * 1e-6. q (same order as w) gets integers in [-2^(bits-1), 2^(bits-1) - 1]; scales gets channels floats. bits 2 to 8.
 * Keras kernels: channels = filters, inner = 1; depthwise axis -2: channels = C, inner = multiplier; per tensor: channels
 * = outer = 1.
 */
void ak_fx_weights(const float *w, size_t outer, size_t channels, size_t inner, uint32_t bits, int8_t *q,
		   float *scales);

/* A value on the grid of an accumulator: q * 2^shift, saturated to vb_o (2.4). */
struct ak_fx_aligned {
	int32_t q;
	int shift;	 /* >= 0 */
	int64_t aligned; /* sat(q << shift, vb_o) */
};
/*
 * Aligned quantizer: x in vb value bits on an accumulator of scale s_o, fractional bits fb_o and vb_o value bits. r is
 * the range that fixes the fractional bits: |x| itself for more than 4 bits, else the maximum over the tensor.
 */
struct ak_fx_aligned ak_fx_align(float x, float r, float s_o, int fb_o, int vb, int vb_o);

/* Integer form of a positive float scale (2.5): s * 2^-fs, s in scale_bits bits. A power of two saturates: 255 not 256. */
struct ak_fx_scale {
	int32_t s;
	int fs;
};
struct ak_fx_scale ak_fx_scale(float scale, int scale_bits);
/* Output quantizer (2.5): floor(sat(acc * s, 32) * 2^shift + 0.5) saturated to vb; shift = fb_t - (fb_acc + fs). */
int64_t ak_fx_output(int64_t acc, struct ak_fx_scale s, int shift, int vb);

#endif
