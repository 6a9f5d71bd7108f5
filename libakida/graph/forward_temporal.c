/* SPDX-License-Identifier: MIT */
/*
 * Float forward of layers over time, (t, h, w, c) at once or frame after frame with a memory: samples of one call are then
 * consecutive frames of one stream that starts from an empty memory (all zeros).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "forward.h"
#include "shape.h"

static const float *weight(const struct ak_node *n, const char *name)
{
	const struct ak_weight *w = ak_node_weight(n, name);

	return w ? w->data : NULL;
}

/* First tap inside of the input and one past the last, for output index o along one axis. */
static void taps_inside(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, bool same, uint32_t o, int *start,
			uint32_t *first, uint32_t *end)
{
	*start = (int)(o * stride) - ak_pad_before(in, out, kernel, stride, 1, same);
	*first = *start < 0 ? (uint32_t) - *start : 0;
	*end = (int)in - *start < (int)kernel ? (uint32_t)((int)in - *start) : kernel;
}

/* A window over frames, rows and columns. */
struct window {
	int start[3];
	uint32_t first[3], end[3];
};

static void window_at(const struct ak_node *n, const struct ak_node *in, const uint32_t o[3], struct window *w)
{
	const uint32_t kernel[3] = {n->kernel_t, n->kernel_h, n->kernel_w};
	const uint32_t stride[3] = {n->stride_t, n->stride_h, n->stride_w};

	for (int i = 0; i < 3; i++)
		taps_inside(in->dims[i], n->dims[i], kernel[i], stride[i], n->same, o[i], &w->start[i], &w->first[i],
			    &w->end[i]);
}

/* acc: filters sums of a Conv3D, or channels sums of an AveragePooling3D */
static void window_sum(const struct ak_node *n, const struct ak_node *in, const float *x, const struct window *w,
		       const float *kernel, double *acc)
{
	uint32_t groups = kernel ? n->groups : 1;
	size_t channels = in->dims[3], filters = n->dims[3], c_group = channels / groups, f_group = filters / groups;

	memset(acc, 0, filters * sizeof(*acc));
	for (uint32_t t = w->first[0]; t < w->end[0]; t++)
		for (uint32_t y = w->first[1]; y < w->end[1]; y++)
			for (uint32_t k = w->first[2]; k < w->end[2]; k++) {
				size_t row =
					(size_t)(w->start[0] + (int)t) * in->dims[1] + (size_t)(w->start[1] + (int)y);
				const float *src = x + (row * in->dims[2] + (size_t)(w->start[2] + (int)k)) * channels;
				size_t tap = ((size_t)t * n->kernel_h + y) * n->kernel_w + k;

				if (!kernel) {
					for (size_t c = 0; c < channels; c++)
						acc[c] += (double)src[c];
					continue;
				}
				for (uint32_t g = 0; g < groups; g++)
					ak_mac(src + g * c_group, c_group,
					       kernel + tap * c_group * filters + g * f_group, filters, f_group,
					       acc + g * f_group);
			}
}

int ak_forward_3d(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	const float *kernel = n->op == AK_OP_CONV3D ? weight(n, "kernel") : NULL, *bias = weight(n, "bias");
	size_t filters = n->dims[3], pixels = (size_t)n->dims[0] * n->dims[1] * n->dims[2];
	double *acc = malloc(filters * sizeof(*acc));

	if (!acc)
		return -ENOMEM;
	for (size_t s = 0; s < samples; s++, x += ak_node_elements(in)) {
		for (size_t p = 0; p < pixels; p++) {
			const uint32_t o[3] = {(uint32_t)(p / n->dims[2] / n->dims[1]),
					       (uint32_t)(p / n->dims[2] % n->dims[1]), (uint32_t)(p % n->dims[2])};
			struct window w;
			double count = 1;

			window_at(n, in, o, &w);
			window_sum(n, in, x, &w, kernel, acc);
			for (int i = 0; i < 3 && !kernel; i++) /* the average does not count the padding */
				count *= w.end[i] - w.first[i];
			for (size_t f = 0; f < filters; f++)
				*out++ = (float)(acc[f] / count + (bias ? (double)bias[f] : 0));
		}
		ak_activate_floats(n->act, n->act_alpha, out - pixels * filters, pixels, filters);
	}
	free(acc);
	return 0;
}

/* Frame f of the stream as its FIFO sees it, NULL before the first one. */
static const float *frame(const float *x, size_t elements, size_t now, uint32_t length, uint32_t t)
{
	return now + t + 1 < length ? NULL : x + (now + t + 1 - length) * elements;
}

int ak_forward_buffered(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	const float *kernel = weight(n, "kernel"), *bias = weight(n, "bias");
	size_t channels = in->dims[2], filters = n->dims[2], pixels = (size_t)n->dims[0] * n->dims[1];
	double *acc = malloc(filters * sizeof(*acc));

	if (!acc)
		return -ENOMEM;
	for (size_t s = 0; s < samples; s++)
		for (size_t p = 0; p < pixels; p++) {
			memset(acc, 0, filters * sizeof(*acc));
			for (uint32_t t = 0; t < n->kernel_t; t++) {
				const float *src = frame(x, pixels * channels, s, n->kernel_t, t);

				if (!src)
					continue;
				src += p * channels;
				if (n->op == AK_OP_BUFFER_TEMP_CONV)
					ak_mac(src, channels, kernel + t * channels * filters, filters, filters, acc);
				else
					for (size_t c = 0; c < channels; c++)
						acc[c] += (double)src[c] * (double)kernel[t * channels + c];
			}
			for (size_t f = 0; f < filters; f++)
				*out++ = (float)(acc[f] + (bias ? (double)bias[f] : 0));
		}
	free(acc);
	return 0;
}

/* state = A * state + input, complex; both parts of every step come out. */
int ak_forward_recurrent(const struct ak_node *n, const float *x, size_t samples, float *out)
{
	const float *re = weight(n, "A_real"), *im = weight(n, "A_imag");
	size_t steps = samples * n->dims[0], channels = n->dims[1];
	float *state = calloc(2 * channels, sizeof(*state));

	if (!state)
		return -ENOMEM;
	for (size_t s = 0; s < steps; s++, x += channels)
		for (size_t c = 0; c < channels; c++) {
			float a = state[2 * c], b = state[2 * c + 1];

			state[2 * c] = a * re[c] - b * im[c] + x[c];
			state[2 * c + 1] = im[c] * a + re[c] * b;
			*out++ = state[2 * c];
			*out++ = state[2 * c + 1];
		}
	free(state);
	return 0;
}

int ak_forward_projection(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	const float *kernel = weight(n, "kernel"), *bias = weight(n, "bias");
	uint32_t steps, channels, units = n->filters;
	double *acc = malloc(units * sizeof(*acc));
	size_t rows;

	if (!acc)
		return -ENOMEM;
	ak_projection_input(n, in, &steps, &channels);
	rows = samples * (steps / n->subsample);
	for (size_t r = 0; r < rows; r++, out += units) {
		memset(acc, 0, units * sizeof(*acc));
		ak_mac(x + (r * n->subsample + n->subsample - 1) * channels, channels, kernel, units, units, acc);
		for (uint32_t f = 0; f < units; f++)
			out[f] = (float)(acc[f] + (bias ? (double)bias[f] : 0));
	}
	ak_activate_floats(n->act, n->act_alpha, out - rows * units, rows, units);
	free(acc);
	return 0;
}
