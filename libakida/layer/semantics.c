/* SPDX-License-Identifier: MIT */
/*
 * The integer semantics of Akida v1 layers, in plain C: the specification that fast kernels and the software NSoC must
 * equal bit for bit. Written so that a compiler vectorizes it: inner loops run over filters or channels, zero inputs
 * are skipped, products are 16 x 16 -> 32 bits where the operands allow it.
 *
 * Sources: quantization 4.4 (potentials, pooling), nsoc-hardware 17.2 (activation law, verified by vendor program).
 */
#include <errno.h>
#include <string.h>
#include "layer/layer.h"

#define BLOCK 16u /* filters accumulated at a time: their sums stay in vector registers */

/* acc[0..n) += x * w[0..n); |x| <= 32767 so that the product is one widening 16-bit multiplication. */
static inline void accumulate(int32_t *restrict acc, const int8_t *restrict w, int16_t x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		acc[i] += (int32_t)x * (int16_t)w[i];
}

static inline void accumulate_wide(int32_t *restrict acc, const int8_t *restrict w, int32_t x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		acc[i] += x * w[i];
}

/* One kernel row over one row of inputs: n consecutive inputs meet n consecutive weight rows of f filters. */
static inline void accumulate_run(int32_t *restrict acc, const uint8_t *restrict in, const int8_t *restrict w, size_t n,
				  size_t f)
{
	for (size_t i = 0; i < n; i++)
		if (in[i])
			accumulate(acc, w + i * f, in[i], f);
}

/* The same with a constant number of filters, whose sums live in registers. */
static inline void accumulate_run_block(int32_t *restrict acc, const uint8_t *restrict in, const int8_t *restrict w,
					size_t n, size_t f)
{
	for (size_t i = 0; i < n; i++)
		if (in[i])
			accumulate(acc, w + i * f, in[i], BLOCK);
}

static void accumulate_padding(int32_t *restrict acc, const int8_t *w, size_t n, size_t f, uint32_t value)
{
	for (size_t i = 0; value && i < n; i++)
		accumulate(acc, w + i * f, (int16_t)value, f);
}

static void conv_position(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *w, int64_t y0, int64_t x0,
			  int32_t *acc)
{
	size_t f = g->filters, tap = (size_t)g->in_c * f;
	uint32_t before = x0 < 0 ? (uint32_t)(-x0 < g->kernel_w ? -x0 : g->kernel_w) : 0;
	int64_t end = (int64_t)g->in_w - x0;
	uint32_t last = end < 0 ? 0 : end > g->kernel_w ? g->kernel_w : (uint32_t)end;

	if (last < before)
		last = before;
	for (uint32_t ky = 0; ky < g->kernel_h; ky++, w += g->kernel_w * tap) {
		int64_t y = y0 + ky;
		const uint8_t *row;

		if (y < 0 || y >= g->in_h) {
			accumulate_padding(acc, w, (size_t)g->kernel_w * g->in_c, f, g->pad_value);
			continue;
		}
		accumulate_padding(acc, w, (size_t)before * g->in_c, f, g->pad_value);
		if (last > before) {
			row = in + ((size_t)y * g->in_w + (size_t)(x0 + before)) * g->in_c;
			if (f == BLOCK)
				accumulate_run_block(acc, row, w + before * tap, (size_t)(last - before) * g->in_c, f);
			else
				accumulate_run(acc, row, w + before * tap, (size_t)(last - before) * g->in_c, f);
		}
		accumulate_padding(acc, w + last * tap, (size_t)(g->kernel_w - last) * g->in_c, f, g->pad_value);
	}
}

void ak_conv_potentials(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *w, int32_t *out)
{
	memset(out, 0, (size_t)g->out_h * g->out_w * g->filters * sizeof(*out));
	for (uint32_t y = 0; y < g->out_h; y++)
		for (uint32_t x = 0; x < g->out_w; x++, out += g->filters)
			conv_position(g, in, w, (int64_t)y * g->stride - g->pad_top,
				      (int64_t)x * g->stride - g->pad_left, out);
}

/* One row of depthwise sums: tmp[x][c] over out_w positions. */
static void depthwise_row(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *dw, uint32_t y,
			  int32_t *restrict tmp)
{
	size_t c_count = g->in_c;

	memset(tmp, 0, (size_t)g->out_w * c_count * sizeof(*tmp));
	for (uint32_t ky = 0; ky < g->kernel_h; ky++) {
		int64_t iy = (int64_t)y * g->stride + ky - g->pad_top;

		for (uint32_t kx = 0; kx < g->kernel_w; kx++, dw += c_count) {
			for (uint32_t x = 0; x < g->out_w; x++) {
				int64_t ix = (int64_t)x * g->stride + kx - g->pad_left;
				bool inside = iy >= 0 && iy < g->in_h && ix >= 0 && ix < g->in_w;
				const uint8_t *px = inside ? in + ((size_t)iy * g->in_w + (size_t)ix) * c_count : NULL;
				int32_t *acc = tmp + x * c_count;

				if (inside)
					for (size_t c = 0; c < c_count; c++)
						acc[c] += (int32_t)(int16_t)px[c] * (int16_t)dw[c];
				else
					accumulate_padding(acc, dw, 1, c_count, g->pad_value);
			}
		}
	}
}

void ak_separable_potentials(const struct ak_conv_geom *g, const uint8_t *in, const int8_t *dw, const int8_t *pw,
			     int32_t *out, int32_t *tmp)
{
	memset(out, 0, (size_t)g->out_h * g->out_w * g->filters * sizeof(*out));
	for (uint32_t y = 0; y < g->out_h; y++) {
		depthwise_row(g, in, dw, y, tmp);
		for (uint32_t x = 0; x < g->out_w; x++, out += g->filters)
			for (uint32_t c = 0; c < g->in_c; c++) {
				int32_t v = tmp[(size_t)x * g->in_c + c];

				if (v >= INT16_MIN && v <= INT16_MAX)
					accumulate(out, pw + (size_t)c * g->filters, (int16_t)v, v ? g->filters : 0);
				else
					accumulate_wide(out, pw + (size_t)c * g->filters, v, g->filters);
			}
	}
}

void ak_fully_potentials(const uint8_t *in, size_t inputs, const int8_t *w, size_t units, int32_t *out)
{
	memset(out, 0, units * sizeof(*out));
	accumulate_run(out, in, w, inputs, units);
}

void ak_pool_max(const int32_t *in, uint32_t h, uint32_t w, uint32_t c, uint32_t size, uint32_t stride,
		 uint32_t pad_top, uint32_t pad_left, uint32_t out_h, uint32_t out_w, int32_t *restrict out)
{
	for (uint32_t y = 0; y < out_h; y++) {
		for (uint32_t x = 0; x < out_w; x++, out += c) {
			for (uint32_t i = 0; i < c; i++)
				out[i] = INT32_MIN;
			for (uint32_t k = 0; k < size * size; k++) {
				int64_t iy = (int64_t)y * stride + k / size - pad_top;
				int64_t ix = (int64_t)x * stride + k % size - pad_left;
				const int32_t *px;

				if (iy < 0 || iy >= h || ix < 0 || ix >= w)
					continue;
				px = in + ((size_t)iy * w + (size_t)ix) * c;
				for (uint32_t i = 0; i < c; i++)
					out[i] = px[i] > out[i] ? px[i] : out[i];
			}
		}
	}
}

void ak_pool_sum(const int32_t *in, uint32_t h, uint32_t w, uint32_t c, int32_t *restrict out)
{
	for (size_t i = 0; i < (size_t)h * w; i++, in += c)
		for (uint32_t k = 0; k < c; k++)
			out[k] += in[k];
}

uint8_t ak_activate(int32_t p, int32_t t, int32_t step16, uint32_t bits)
{
	int64_t d = ((int64_t)p - t) * 16, interval = (int64_t)step16 << (4 - bits), max = (1 << bits) - 1, y;

	if (d <= 0)
		return 0;
	y = (d + interval - 1) / interval;
	return (uint8_t)(y < max ? y : max);
}

/*
 * y counts the n in 0 .. max-1 with (p - t) * 16 > n * interval, that is with p > t + floor(n * interval / 16): no
 * division per element. A bound beyond 32 bits is never exceeded and saturates.
 */
static void bounds(int32_t t, int32_t step16, uint32_t bits, int32_t *b, size_t pitch)
{
	int64_t interval = (int64_t)step16 << (4 - bits);

	for (int64_t n = 0; n < (1 << bits) - 1; n++) {
		int64_t v = t + n * interval / 16;

		b[(size_t)n * pitch] = v > INT32_MAX ? INT32_MAX : (int32_t)v;
	}
}

void ak_activate_map(const int32_t *p, size_t n, uint32_t c, const int32_t *t, const int32_t *step16, uint32_t bits,
		     uint8_t *out)
{
	uint32_t levels = (1u << bits) - 1u;
	int32_t b[15 * BLOCK], y[BLOCK];

	for (uint32_t c0 = 0; c0 < c; c0 += BLOCK) {
		uint32_t width = c - c0 < BLOCK ? c - c0 : BLOCK;

		for (uint32_t k = 0; k < BLOCK; k++)
			bounds(k < width ? t[c0 + k] : 0, k < width ? step16[c0 + k] : 1, bits, b + k, BLOCK);
		for (size_t i = 0; i < n; i++) {
			const int32_t *px = p + i * c + c0;
			uint8_t *o = out + i * c + c0;

			if (width < BLOCK) {
				for (uint32_t k = 0; k < width; k++) {
					o[k] = 0;
					for (uint32_t l = 0; l < levels; l++)
						o[k] = (uint8_t)(o[k] + (px[k] > b[l * BLOCK + k]));
				}
				continue;
			}
			for (uint32_t k = 0; k < BLOCK; k++)
				y[k] = 0;
			for (uint32_t l = 0; l < levels; l++)
				for (uint32_t k = 0; k < BLOCK; k++)
					y[k] += px[k] > b[l * BLOCK + k];
			for (uint32_t k = 0; k < BLOCK; k++)
				o[k] = (uint8_t)y[k];
		}
	}
}

size_t ak_layer_scratch(const struct akida_layer *l)
{
	size_t n = (size_t)l->conv_h * l->conv_w * l->filters;

	if (l->pool != AKIDA_POOL_NONE)
		n += (size_t)l->out_h * l->out_w * l->out_c;
	if (l->type == AKIDA_LAYER_SEPARABLE)
		n += (size_t)l->conv_w * l->in_c;
	return n;
}

/* Potentials before pooling, into out; tmp is one row for separable layers. */
static void potentials(const struct akida_layer *l, const uint8_t *in, int32_t *out, int32_t *tmp)
{
	struct ak_conv_geom g = {
		.in_h = l->in_h,
		.in_w = l->in_w,
		.in_c = l->in_c,
		.pad_top = (int32_t)l->pad_top,
		.pad_left = (int32_t)l->pad_left,
		.stride = l->stride,
		.kernel_h = l->kernel_h,
		.kernel_w = l->kernel_w,
		.out_h = l->conv_h,
		.out_w = l->conv_w,
		.filters = l->filters,
		.pad_value = l->padding_value,
	};

	if (l->type == AKIDA_LAYER_FULLY)
		ak_fully_potentials(in, (size_t)l->in_h * l->in_w * l->in_c, l->weights, l->filters, out);
	else if (l->type == AKIDA_LAYER_SEPARABLE)
		ak_separable_potentials(&g, in, l->weights, l->weights_pw, out, tmp);
	else
		ak_conv_potentials(&g, in, l->weights, out);
}

void ak_layer_run(const struct akida_layer *l, const uint8_t *in, uint8_t *act, int32_t *pot, int32_t *scratch)
{
	size_t conv = (size_t)l->conv_h * l->conv_w * l->filters, outputs = (size_t)l->out_h * l->out_w * l->out_c;
	bool pooled = l->pool != AKIDA_POOL_NONE;
	int32_t *map = scratch, *result = pooled ? scratch + conv : scratch;
	int32_t *tmp = pooled ? result + outputs : scratch + conv;

	if (l->type == AKIDA_LAYER_INPUT_DATA) {
		memcpy(act, in, outputs);
		return;
	}
	if (!l->activation && pooled)
		result = pot;
	else if (!l->activation)
		map = result = pot;
	potentials(l, in, map, tmp);
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE) {
		memset(result, 0, outputs * sizeof(*result));
		ak_pool_sum(map, l->conv_h, l->conv_w, l->filters, result);
	}
	if (l->pool == AKIDA_POOL_MAX) {
		bool same = l->pool_padding == AKIDA_PAD_SAME;

		ak_pool_max(map, l->conv_h, l->conv_w, l->filters, l->pool_size, l->pool_stride,
			    same ? ak_same_pad_before(l->conv_h, l->pool_size, l->pool_stride) : 0,
			    same ? ak_same_pad_before(l->conv_w, l->pool_size, l->pool_stride) : 0, l->out_h, l->out_w,
			    result);
	}
	if (l->activation)
		ak_activate_map(result, (size_t)l->out_h * l->out_w, l->out_c, l->threshold, l->step16, l->act_bits,
				act);
}
