/* SPDX-License-Identifier: MIT */
/* Float forward of layers that only move values: Permute, Concatenate, ExtractToken, zero padding. */
#include <string.h>
#include "forward.h"

/* dims[first] * ... * dims[last - 1] */
static size_t extent(const struct ak_node *n, uint32_t first, uint32_t last)
{
	size_t e = 1;

	for (uint32_t i = first; i < last; i++)
		e *= n->dims[i];
	return e;
}

void ak_forward_permute(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	size_t step[4] = {0}, elements = ak_node_elements(n);
	uint32_t at[4] = {0};

	for (uint32_t i = 0; i < n->rank; i++)
		step[i] = extent(in, n->perm[i] + 1, in->rank);
	for (size_t s = 0; s < samples; s++, x += elements) {
		memset(at, 0, sizeof(at));
		for (size_t e = 0; e < elements; e++) {
			size_t from = 0;

			for (uint32_t i = 0; i < n->rank; i++)
				from += at[i] * step[i];
			*out++ = x[from];
			for (uint32_t i = n->rank; i-- > 0;) { /* the next index, last axis fastest */
				if (++at[i] < n->dims[i])
					break;
				at[i] = 0;
			}
		}
	}
}

void ak_forward_concatenate(const struct ak_node *n, const struct ak_node *const *in_nodes, const float *const *in,
			    size_t samples, float *out)
{
	size_t outer = samples * extent(n, 0, n->axis), row = extent(n, n->axis, n->rank), at = 0;

	for (uint32_t k = 0; k < n->input_count; k++) {
		size_t part = extent(in_nodes[k], n->axis, n->rank);

		for (size_t o = 0; o < outer; o++)
			memcpy(out + o * row + at, in[k] + o * part, part * sizeof(*out));
		at += part;
	}
}

void ak_forward_token(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	size_t outer = samples * extent(in, 0, n->axis), inner = extent(in, n->axis + 1, in->rank);

	for (size_t o = 0; o < outer; o++)
		memcpy(out + o * inner, x + (o * in->dims[n->axis] + n->token) * inner, inner * sizeof(*out));
}

void ak_forward_zeropad(const struct ak_node *n, const struct ak_node *in, const float *x, size_t samples, float *out)
{
	uint32_t s = n->op == AK_OP_ZEROPAD3D ? 1 : 0, frames = s ? in->dims[0] : 1, out_frames = s ? n->dims[0] : 1;
	size_t row = (size_t)in->dims[s + 1] * in->dims[s + 2], out_row = (size_t)n->dims[s + 1] * n->dims[s + 2];
	size_t map = row * in->dims[s], out_map = out_row * n->dims[s];

	memset(out, 0, samples * ak_node_elements(n) * sizeof(*out));
	for (size_t i = 0; i < samples; i++, out += out_frames * out_map)
		for (uint32_t t = 0; t < frames; t++, x += map)
			for (uint32_t y = 0; y < in->dims[s]; y++)
				memcpy(out + (t + (s ? n->pad_t[0] : 0)) * out_map + (y + n->pad[0]) * out_row +
					       (size_t)n->pad[2] * n->dims[s + 2],
				       x + y * row, row * sizeof(*out));
}
