/* SPDX-License-Identifier: MIT */
/* Sums of one output of the float layers, for forward.c. Tensors are of one sample, (h, w, c) row-major. */
#ifndef AK_GRAPH_FORWARD_H
#define AK_GRAPH_FORWARD_H

#include "graph.h"

/* A multiply-accumulate over channels: acc[f] += sum_c x[c] * w[c * stride + f]; exact for integers while the sum of any
 * 64 products stays below 2^24, else within a few float32 roundings of the true sum. */
void ak_mac(const float *x, size_t channels, const float *w, size_t stride, size_t filters, double *acc);

/* Where a window of a convolution or pool starts: TensorFlow's "same" puts the odd zero at the end. */
int ak_pad_before(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same);

/*
 * Sums of one output pixel of a Conv2D (no bias, no activation): n's geometry, kernel w in Keras order, pad: channels
 * values read outside of the input. acc: filters doubles.
 */
void ak_conv_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const float *w, const float *pad,
		   uint32_t oy, uint32_t ox, double *acc);
/* The same for the depthwise part of Depthwise and Separable; acc: channels * depth_multiplier doubles, index c * dm + m. */
void ak_depthwise_pixel(const struct ak_node *n, const struct ak_node *in, const float *x, const float *w, uint32_t oy,
			uint32_t ox, double *acc);

/* Whole layers for samples samples: ak_node_forward says what they take; -ENOMEM only. */
int ak_forward_transpose(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);
int ak_forward_3d(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);
int ak_forward_buffered(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);
int ak_forward_recurrent(const struct ak_node *n, const float *x, size_t samples, float *out);
int ak_forward_projection(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples,
			  float *out);
void ak_forward_permute(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);
void ak_forward_concatenate(const struct ak_node *n, const struct ak_node *const *in_nodes, const float *const *in,
			    size_t samples, float *out);
void ak_forward_token(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);
void ak_forward_zeropad(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out);

/* rows of channels values each, in place; softmax goes over a row. */
void ak_activate_floats(enum ak_activation act, float alpha, float *v, size_t rows, size_t channels);

#endif
