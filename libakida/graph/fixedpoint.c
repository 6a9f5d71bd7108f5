/* SPDX-License-Identifier: MIT */
/* Scalar arithmetic of QuantizeML's number types; the tensors around it are in quant/, convert/ and forward code. */
#include <math.h>
#include "fixedpoint.h"

int ak_fx_clog2(float x)
{
	return x > 0 ? (int)ceilf(log2f(x)) : AK_FX_NO_LOG;
}

int ak_fx_max_fb(int vb, float r)
{
	int fb = vb - ak_fx_clog2(r);

	return fb < vb ? fb : vb;
}

int64_t ak_fx_sat(int64_t v, int vb)
{
	int64_t limit = INT64_C(1) << vb;

	if (v < -limit)
		return -limit;
	return v > limit - 1 ? limit - 1 : v;
}

int64_t ak_fx_round(float x, int vb)
{
	float limit = ldexpf(1.0f, vb), r = rintf(x);

	if (!(r > -limit))
		return -(INT64_C(1) << vb);
	return r >= limit ? (INT64_C(1) << vb) - 1 : (int64_t)r;
}

int64_t ak_fx_rescale(int64_t v, int shift, int vb)
{
	if (!v)
		return 0;
	if (shift >= 0) {
		if (shift > 62 || v > INT64_MAX >> shift || v < -(INT64_MAX >> shift))
			return v > 0 ? (INT64_C(1) << vb) - 1 : -(INT64_C(1) << vb);
		return ak_fx_sat(v * (INT64_C(1) << shift), vb);
	}
	if (shift < -62)
		return 0; /* |v| stays below half a unit */
	/* floor(v / 2^n + 1/2) without overflow: the half is the highest bit that is dropped */
	return ak_fx_sat((v >> -shift) + ((v >> (-shift - 1)) & 1), vb);
}

void ak_fx_weights(const float *w, size_t outer, size_t channels, size_t inner, uint32_t bits, int8_t *q, float *scales)
{
	float int_max = ldexpf(1.0f, (int)bits - 1) - 1.0f;

	for (size_t c = 0; c < channels; c++)
		scales[c] = 0;
	for (size_t o = 0; o < outer; o++)
		for (size_t c = 0; c < channels; c++)
			for (size_t i = 0; i < inner; i++) {
				float a = fabsf(w[(o * channels + c) * inner + i]);

				scales[c] = a > scales[c] ? a : scales[c];
			}
	for (size_t c = 0; c < channels; c++)
		scales[c] = fmaxf(scales[c] / int_max, 1e-6f);
	for (size_t o = 0; o < outer; o++)
		for (size_t c = 0; c < channels; c++)
			for (size_t i = 0; i < inner; i++) {
				size_t at = (o * channels + c) * inner + i;

				q[at] = (int8_t)ak_fx_round(w[at] / scales[c], (int)bits - 1);
			}
}

struct ak_fx_aligned ak_fx_align(float x, float r, float s_o, int fb_o, int vb, int vb_o)
{
	struct ak_fx_aligned a;
	int fb = ak_fx_max_fb(vb, r / s_o);

	fb = fb < fb_o ? fb : fb_o;
	a.q = (int32_t)ak_fx_round(ldexpf(x / s_o, fb), vb);
	a.shift = fb_o - fb;
	a.aligned = ak_fx_rescale(a.q, a.shift, vb_o);
	return a;
}

struct ak_fx_scale ak_fx_scale(float scale, int scale_bits)
{
	struct ak_fx_scale s;

	s.fs = scale_bits - ak_fx_clog2(scale);
	s.s = (int32_t)ak_fx_round(ldexpf(scale, s.fs), scale_bits);
	return s;
}

int64_t ak_fx_output(int64_t acc, struct ak_fx_scale s, int shift, int vb)
{
	return ak_fx_rescale(ak_fx_sat(acc * s.s, 32), shift, vb);
}
