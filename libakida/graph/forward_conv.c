/* SPDX-License-Identifier: MIT */
/*
 * Convolutions and matrix products of the forward pass: direct loops, vectors over filters. Products are summed in
 * float32 in short runs and the runs in double, which is fast and keeps the error at a few roundings; the order is fixed,
 * so results do not depend on anything but the input.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"

#define RUN 64 /* products a float32 partial sum takes before it goes to double */

typedef float vec4 __attribute__((vector_size(16)));

static inline vec4 load4(const float *p)
{
	vec4 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void add4(double *acc, vec4 v)
{
	for (int j = 0; j < 4; j++)
		acc[j] += (double)v[j];
}

static void mac16(const float *x, size_t channels, const float *w, size_t stride, double *acc)
{
	for (size_t c0 = 0; c0 < channels; c0 += RUN) {
		size_t end = channels - c0 < RUN ? channels : c0 + RUN;
		vec4 a = {0}, b = {0}, c4 = {0}, d = {0};

		for (size_t c = c0; c < end; c++) {
			const float *row = w + c * stride;
			vec4 v = {x[c], x[c], x[c], x[c]};

			a += v * load4(row);
			b += v * load4(row + 4);
			c4 += v * load4(row + 8);
			d += v * load4(row + 12);
		}
		add4(acc, a);
		add4(acc + 4, b);
		add4(acc + 8, c4);
		add4(acc + 12, d);
	}
}

static void mac4(const float *x, size_t channels, const float *w, size_t stride, double *acc)
{
	for (size_t c0 = 0; c0 < channels; c0 += RUN) {
		size_t end = channels - c0 < RUN ? channels : c0 + RUN;
		vec4 a = {0};

		for (size_t c = c0; c < end; c++) {
			vec4 v = {x[c], x[c], x[c], x[c]};

			a += v * load4(w + c * stride);
		}
		add4(acc, a);
	}
}

void ak_mac(const float *x, size_t channels, const float *w, size_t stride, size_t filters, double *acc)
{
	size_t f = 0;

	for (; f + 16 <= filters; f += 16)
		mac16(x, channels, w + f, stride, acc + f);
	for (; f + 4 <= filters; f += 4)
		mac4(x, channels, w + f, stride, acc + f);
	for (; f < filters; f++)
		for (size_t c = 0; c < channels; c++)
			acc[f] += (double)x[c] * (double)w[c * stride + f];
}

int ak_pad_before(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same)
{
	int total = (int)((out - 1) * stride + (kernel - 1) * dilation + 1) - (int)in;

	return same && total > 0 ? total / 2 : 0;
}

/* Row and column of a tap in the input; false when it lies in the padding. */
static bool tap(const struct ak_node *n, const struct ak_node *in, uint32_t oy, uint32_t ox, uint32_t ky, uint32_t kx,
		size_t *pixel)
{
	int top = ak_pad_before(in->dims[0], n->dims[0], n->kernel_h, n->stride_h, n->dilation_h, n->same);
	int left = ak_pad_before(in->dims[1], n->dims[1], n->kernel_w, n->stride_w, n->dilation_w, n->same);
	int y = (int)(oy * n->stride_h + ky * n->dilation_h) - top;
	int x = (int)(ox * n->stride_w + kx * n->dilation_w) - left;

	if (y < 0 || y >= (int)in->dims[0] || x < 0 || x >= (int)in->dims[1])
		return false;
	*pixel = (size_t)y * in->dims[1] + (size_t)x;
	return true;
}

void ak_conv_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const float *w, const float *pad,
		   uint32_t oy, uint32_t ox, double *acc)
{
	size_t channels = in->dims[2], c_group = channels / n->groups, f_group = n->filters / n->groups, at;

	memset(acc, 0, n->filters * sizeof(*acc));
	for (uint32_t ky = 0; ky < n->kernel_h; ky++)
		for (uint32_t kx = 0; kx < n->kernel_w; kx++) {
			const float *wt = w + ((size_t)ky * n->kernel_w + kx) * c_group * n->filters;
			const float *src = pad;

			if (tap(n, in, oy, ox, ky, kx, &at))
				src = x + at * channels;
			else if (!pad)
				continue;
			for (uint32_t g = 0; g < n->groups; g++)
				ak_mac(src + g * c_group, c_group, wt + g * f_group, n->filters, f_group,
				       acc + g * f_group);
		}
}

void ak_depthwise_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const float *w, uint32_t oy,
			uint32_t ox, double *acc)
{
	size_t channels = in->dims[2], dm = n->depth_multiplier, at;

	memset(acc, 0, channels * dm * sizeof(*acc));
	for (uint32_t ky = 0; ky < n->kernel_h; ky++)
		for (uint32_t kx = 0; kx < n->kernel_w; kx++) {
			const float *wt = w + ((size_t)ky * n->kernel_w + kx) * channels * dm, *src;

			if (!tap(n, in, oy, ox, ky, kx, &at))
				continue;
			src = x + at * channels;
			if (dm == 1) {
				for (size_t c = 0; c < channels; c++)
					acc[c] += (double)src[c] * (double)wt[c];
				continue;
			}
			for (size_t c = 0; c < channels; c++)
				for (size_t m = 0; m < dm; m++)
					acc[c * dm + m] += (double)src[c] * (double)wt[c * dm + m];
		}
}

/*
 * A transposed convolution adds every input pixel, times the kernel, to the outputs it reaches: output y takes input i at tap
 * y + before - i * stride. Kernel (kh, kw, filters, channels), depthwise (kh, kw, channels, 1).
 */
static void transpose_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const float *kernel,
			    uint32_t oy, uint32_t ox, double *acc)
{
	size_t channels = in->dims[2], filters = n->dims[2];
	uint32_t top = oy + (uint32_t)ak_pad_before(n->dims[0], in->dims[0], n->kernel_h, n->stride_h, 1, n->same);
	uint32_t left = ox + (uint32_t)ak_pad_before(n->dims[1], in->dims[1], n->kernel_w, n->stride_w, 1, n->same);

	memset(acc, 0, filters * sizeof(*acc));
	for (uint32_t ky = top % n->stride_h; ky < n->kernel_h && ky <= top; ky += n->stride_h)
		for (uint32_t kx = left % n->stride_w; kx < n->kernel_w && kx <= left; kx += n->stride_w) {
			uint32_t y = (top - ky) / n->stride_h, c0 = (left - kx) / n->stride_w;
			const float *w = kernel +
					 ((size_t)ky * n->kernel_w + kx) *
						 (n->op == AK_OP_CONV2D_TRANSPOSE ? channels * filters : channels),
				    *src;

			if (y >= in->dims[0] || c0 >= in->dims[1])
				continue;
			src = x + ((size_t)y * in->dims[1] + c0) * channels;
			if (n->op == AK_OP_CONV2D_TRANSPOSE) {
				ak_mac(src, channels, w, filters, filters, acc);
				continue;
			}
			for (size_t c = 0; c < channels; c++)
				acc[c] += (double)src[c] * (double)w[c];
		}
}

/* The kernel with channels before filters, as ak_mac reads it. */
static float *channels_first(const struct ak_node *n, const float *kernel, size_t channels)
{
	size_t taps = (size_t)n->kernel_h * n->kernel_w, filters = n->filters;
	float *turned = malloc(taps * channels * filters * sizeof(*turned));

	for (size_t t = 0; turned && t < taps; t++)
		for (size_t f = 0; f < filters; f++)
			for (size_t c = 0; c < channels; c++)
				turned[(t * channels + c) * filters + f] = kernel[(t * filters + f) * channels + c];
	return turned;
}

int ak_forward_transpose(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	bool depthwise = n->op == AK_OP_DEPTHWISE_TRANSPOSE;
	const struct ak_weight *b = ak_node_weight(n, "bias");
	size_t filters = n->dims[2], pixels = (size_t)n->dims[0] * n->dims[1];
	float *turned = depthwise ? NULL : channels_first(n, n->weights[0].data, in->dims[2]);
	double *acc = malloc(filters * sizeof(*acc));

	if (!acc || (!depthwise && !turned)) {
		free(acc);
		free(turned);
		return -ENOMEM;
	}
	for (size_t s = 0; s < samples; s++, x += ak_node_elements(in)) {
		for (size_t p = 0; p < pixels; p++) {
			transpose_pixel(n, in, x, turned ? turned : n->weights[0].data, (uint32_t)(p / n->dims[1]),
					(uint32_t)(p % n->dims[1]), acc);
			for (size_t f = 0; f < filters; f++)
				*out++ = (float)(acc[f] + (b ? (double)b->data[f] : 0));
		}
		ak_activate_floats(n->act, n->act_alpha, out - pixels * filters, pixels, filters);
	}
	free(turned);
	free(acc);
	return 0;
}
