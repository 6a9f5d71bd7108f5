/* SPDX-License-Identifier: MIT */
/*
 * Rescaling(scale, offset) > Conv: the integer input of a quantized network has no offset, so the offset moves into the
 * bias. Zeros that "same" padding puts around the rescaled image are then no longer zeros: the layer keeps a padding value.
 */
#include <errno.h>
#include <math.h>
#include <akida/graph.h>
#include "base/diag.h"
#include "graph/legacy.h"
#include "passes.h"

static float offset_of(const struct ak_node *r, size_t channel)
{
	return r->scale_channels ? r->offsets[channel] : r->offset;
}

static int add_offset(struct ak_node *c, const struct ak_node *r)
{
	const struct ak_weight *kernel = ak_node_weight(c, "kernel");
	struct ak_weight *bias = ak_node_weight(c, "bias");
	size_t filters = kernel->dims[kernel->rank - 1], channels = kernel->dims[kernel->rank - 2], dims[1] = {filters};
	int err;

	if (!bias) {
		err = ak_node_add_weight(c, "bias", 1, dims, &bias);
		if (err)
			return err;
		c->use_bias = true;
	}
	for (size_t f = 0; f < filters; f++) {
		double sum = 0;

		for (size_t i = f; i < kernel->count; i += filters)
			sum += (double)kernel->data[i] * (double)offset_of(r, i / filters % channels);
		bias->data[f] += (float)sum;
	}
	return 0;
}

/* What the input has where the rescaled image has 0, in units behind the scale that stays. */
static void set_padding(struct ak_node *c, const struct ak_node *r)
{
	bool equal = true;

	c->padded = true;
	c->pad_value = -offset_of(r, 0) / (r->scale_channels ? r->scales[0] : 1);
	c->pad_channels = 0;
	for (uint32_t i = 0; i < r->scale_channels; i++) {
		c->pad_values[i] = -r->offsets[i] / r->scales[i];
		equal &= c->pad_values[i] == c->pad_value;
	}
	if (equal)
		return;
	c->pad_channels = r->scale_channels;
	c->pad_value = 0;
}

static void scale_kernel(struct ak_node *c, const struct ak_node *r)
{
	struct ak_weight *kernel = ak_node_weight(c, "kernel");
	size_t filters = kernel->dims[kernel->rank - 1];

	for (size_t i = 0; i < kernel->count; i++)
		kernel->data[i] *= r->scales[i / filters % r->scale_channels];
}

/* Something that the integer input of a quantized network cannot have, and a scale can be divided by. */
static bool to_align(const struct ak_node *r)
{
	bool any = r->offset != 0;

	for (uint32_t i = 0; i < r->scale_channels; i++) {
		any = true;
		if (!(r->scales[i] > 0))
			return false;
	}
	return any;
}

int ak_pass_align_rescaling(struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++) {
		struct ak_node *r = &g->nodes[i], *c;
		bool offsets = r->offset != 0;
		uint32_t next;
		int err;

		if (r->op != AK_OP_RESCALING || g->nodes[r->inputs[0]].op != AK_OP_INPUT || !to_align(r))
			continue;
		next = ak_graph_only_consumer(g, i);
		if (next == AK_NO_NODE)
			continue;
		c = &g->nodes[next];
		if ((c->op != AK_OP_CONV2D && c->op != AK_OP_DENSE) || c->padded ||
		    (r->scale_channels && c->groups > 1))
			continue;
		for (uint32_t k = 0; k < r->scale_channels; k++)
			offsets |= r->offsets[k] != 0;
		err = offsets ? add_offset(c, r) : 0;
		if (err)
			return err;
		if (offsets && c->op == AK_OP_CONV2D && c->same)
			set_padding(c, r);
		if (r->scale_channels) {
			scale_kernel(c, r);
			r->scale_channels = 0;
			r->scale = 1;
		}
		r->offset = 0;
	}
	return 0;
}

static bool begins_with_rescaling(const struct akida_graph *g)
{
	for (uint32_t i = 1; i < g->count; i++)
		if (g->nodes[i].op == AK_OP_RESCALING && g->nodes[g->nodes[i].inputs[0]].op == AK_OP_INPUT)
			return true;
	return false;
}

int akida_graph_insert_rescaling(const struct akida_graph *g, float scale, float offset, struct akida_graph **out,
				 struct akida_diag *diag)
{
	struct akida_graph *copy;
	struct ak_node *n;
	int err;

	*out = NULL;
	if (akida_graph_quantized(g) && !ak_graph_legacy(g))
		return ak_fail(diag, -EINVAL, AK_RULE_QUANT_ALREADY, g->name, "is quantized already");
	if (!isfinite(scale) || !isfinite(offset) || !(scale > 0))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, g->name,
			       "scale %g and offset %g: scale must be above 0, both finite", (double)scale,
			       (double)offset);
	if (begins_with_rescaling(g))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, g->name, "begins with a Rescaling already");
	err = ak_graph_clone(g, &copy);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, g->name, "no memory for a copy");
	n = ak_graph_insert_after(copy, 0, AK_OP_RESCALING, "rescaling");
	if (!n) {
		akida_graph_destroy(copy);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for a layer");
	}
	n->scale = scale;
	n->offset = offset;
	err = ak_graph_finish(copy, diag);
	if (err)
		akida_graph_destroy(copy);
	else
		*out = copy;
	return err;
}
