/* SPDX-License-Identifier: MIT */
/*
 * Rewrites of a float graph that keep its outputs: what QuantizeML does before it quantizes (reference: quantization 2.9).
 * Every pass changes the graph in place, is safe to repeat, and leaves shapes to the next ak_graph_finish. A pass that
 * meets something it cannot rewrite leaves it alone: whoever cannot use it says so later. Errors: -ENOMEM only.
 */
#ifndef AK_GRAPH_PASSES_PASSES_H
#define AK_GRAPH_PASSES_PASSES_H

#include "../graph.h"

/* activation= of weighted layers and Activation("relu", "relu6", "linear") become ReLU, Activation nodes or nothing. */
int ak_pass_split_activations(struct akida_graph *g);
/*
 * A network over a clip (frames, height, width, channels) whose kernels over time only look back becomes one that takes a
 * frame at a time, with FIFOs: all of it or nothing. Needs finished shapes.
 */
int ak_pass_stream_frames(struct akida_graph *g);
/* Dropout does nothing at inference. */
int ak_pass_remove_dropout(struct akida_graph *g);
/* AveragePooling2D over the whole map is GlobalAveragePooling2D(keepdims=True). Needs finished shapes. */
int ak_pass_global_pooling(struct akida_graph *g);
/* Of Flatten and Reshape in a row the last one says it all; one that changes nothing goes. Needs finished shapes. */
int ak_pass_merge_reshapes(struct akida_graph *g);
/* ZeroPadding2D before a valid convolution becomes padding "same" where that is the same. Needs finished shapes. */
int ak_pass_merge_zero_padding(struct akida_graph *g);
/*
 * The offset of a leading Rescaling moves into the next Conv2D or Dense: bias, and a padding value for "same". Scales of
 * single channels go into its kernel. A scale for all stays.
 */
int ak_pass_align_rescaling(struct akida_graph *g);
/* ReLU > MaxPool becomes MaxPool > ReLU: exact, since ReLU is monotone. */
int ak_pass_pool_before_relu(struct akida_graph *g);
/* Pooling > BatchNorm becomes BatchNorm > pooling; for maxima only when no channel has a negative factor. */
int ak_pass_batchnorm_before_pool(struct akida_graph *g);
/* BatchNorm after a weighted layer goes into its kernel and bias. */
int ak_pass_fold_batchnorm(struct akida_graph *g);
/* SeparableConv2D becomes DepthwiseConv2D "dw_NAME" and a 1x1 Conv2D NAME. Not part of ak_graph_sanitize. */
int ak_pass_split_separables(struct akida_graph *g);
/*
 * DepthwiseConv2D > Conv2D 1x1 becomes SeparableConv2D, which Akida v1 has; the depthwise bias goes through the pointwise
 * kernel. The layer keeps the name of the Conv2D.
 */
int ak_pass_fuse_separables(struct akida_graph *g);
/* Conv2D with a group for each channel and filter is DepthwiseConv2D. Needs finished shapes. */
int ak_pass_grouped_to_depthwise(struct akida_graph *g);
/*
 * Even kernels of Conv2D and DepthwiseConv2D get a zero row or column where they then see the same; but a 4x4 one on the
 * input, which Akida 2 has. Needs finished shapes.
 */
int ak_pass_odd_kernels(struct akida_graph *g);
/* DepthwiseConv2D 5x5 or 7x7 with stride 2 becomes stride 1 and a 3x3 one that picks. Needs finished shapes. */
int ak_pass_split_strided_depthwise(struct akida_graph *g);
/* Concatenate of more than two becomes a chain of twos. */
int ak_pass_split_concatenates(struct akida_graph *g);
/*
 * Softmax, Activation and reshapes that only move unit dimensions at the end do not change what wins: they are removed,
 * with a note that names them. Needs finished shapes.
 */
int ak_pass_cut_head(struct akida_graph *g, struct akida_diag *diag);

/* A finished copy with every pass applied, in the order that lets each do most. Caller destroys it. */
int ak_graph_sanitize(const struct akida_graph *g, struct akida_graph **out, struct akida_diag *diag);

/*
 * What a sanitized graph needs for the layers of Akida v1 (ip 1: separable convolutions) or Akida 2 (ip 2: their halves, odd
 * kernels, stride 2 with kernels of 3, two inputs to join); in place, shapes finished.
 */
int ak_graph_fit(struct akida_graph *g, uint32_t ip, struct akida_diag *diag);

/* ---- tools of the passes ---- */

#define AK_NO_NODE UINT32_MAX
/* The only consumer of node i when i is not the output itself; else AK_NO_NODE. */
uint32_t ak_graph_only_consumer(const struct akida_graph *g, uint32_t i);
/* Puts a new node behind node i; all consumers of i, and the output, move to it. NULL when out of memory. */
struct ak_node *ak_graph_insert_after(struct akida_graph *g, uint32_t i, enum ak_op op, const char *name);
/* Node i and its only consumer j, both with one input, change places; names and weights go along. */
void ak_graph_swap(struct akida_graph *g, uint32_t i, uint32_t j);
/* True when node n only moves dimensions of size 1 with respect to its input. */
bool ak_node_moves_units_only(const struct ak_node *n, const struct ak_node *in);

#endif
