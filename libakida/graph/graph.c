/* SPDX-License-Identifier: MIT */
/*
 * Building and editing a graph: nodes, weights, copies, removal. What the nodes mean is in shape.c and forward.c.
 * Not locked: one graph belongs to one caller while it is being changed.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "graph.h"

#define MAX_WEIGHT_ELEMENTS ((size_t)1 << 28) /* 1 GiB of float32 in one tensor: larger is a damaged file */

const char *ak_op_class(enum ak_op op)
{
	static const char *const names[] = {
#define OP(sym, name) name,
		AK_OPS(OP)
#undef OP
	};

	return (unsigned int)op < AK_OP_COUNT ? names[op] : "";
}

const char *ak_activation_name(enum ak_activation act)
{
	static const char *const names[] = {
#define ACT(sym, name) name,
		AK_ACTIVATIONS(ACT)
#undef ACT
	};

	return (unsigned int)act < AK_ACT_COUNT ? names[act] : "";
}

bool ak_op_stateful(enum ak_op op)
{
	return op == AK_OP_BUFFER_TEMP_CONV || op == AK_OP_DEPTHWISE_BUFFER_TEMP_CONV || op == AK_OP_STATEFUL_RECURRENT;
}

bool ak_op_weighted(enum ak_op op)
{
	switch (op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_DENSE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		return true;
	default:
		return false;
	}
}

bool ak_node_uncalibrated(const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;

	if (!q->active || q->legacy || !q->has_output || !q->range_max)
		return false;
	for (uint32_t i = 0; i < q->range_count; i++)
		if (q->range_max[i] != 1.0f)
			return false;
	return true;
}

int ak_graph_create(const char *name, struct akida_graph **out)
{
	struct akida_graph *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	snprintf(g->name, sizeof(g->name), "%s", name && *name ? name : "model");
	*out = g;
	return 0;
}

static void node_fini(struct ak_node *n)
{
	for (uint32_t i = 0; i < n->weight_count; i++)
		free(n->weights[i].data);
	free(n->quant.range_max);
	free(n->quant.rescaling_rate);
	free(n->quant.range_min);
}

void akida_graph_destroy(struct akida_graph *g)
{
	if (!g)
		return;
	for (uint32_t i = 0; i < g->count; i++)
		node_fini(&g->nodes[i]);
	free(g->nodes);
	free(g);
}

static bool name_taken(const struct akida_graph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->nodes[i].name, name))
			return true;
	return false;
}

/* Keras' way: the name itself, or with the next number behind those of its kind that are taken; one pass over the nodes. */
static void unique_name(const struct akida_graph *g, const char *name, char *out)
{
	size_t base = strnlen(name, AK_NODE_NAME - 12);
	unsigned long next = 1;

	snprintf(out, AK_NODE_NAME, "%s", name);
	if (!name_taken(g, out))
		return;
	for (uint32_t i = 0; i < g->count; i++) {
		const char *other = g->nodes[i].name, *digits = other + base + 1;
		unsigned long number;

		if (strncmp(other, name, base) || other[base] != '_' || strspn(digits, "0123456789") != strlen(digits))
			continue;
		number = strtoul(digits, NULL, 10);
		if (number >= next && number < 1000000000ul)
			next = number + 1;
	}
	snprintf(out, AK_NODE_NAME, "%.*s_%lu", (int)base, name, next);
}

static int grow(struct akida_graph *g)
{
	uint32_t capacity = g->capacity ? 2 * g->capacity : 16;
	struct ak_node *nodes;

	if (g->count < g->capacity)
		return 0;
	nodes = realloc(g->nodes, capacity * sizeof(*nodes));
	if (!nodes)
		return -ENOMEM;
	g->nodes = nodes;
	g->capacity = capacity;
	return 0;
}

struct ak_node *ak_graph_add(struct akida_graph *g, enum ak_op op, const char *name, const uint32_t *inputs, uint32_t n)
{
	struct ak_node *node;

	if ((unsigned int)op >= AK_OP_COUNT || n > AK_MAX_INPUTS || g->count >= AK_GRAPH_MAX_NODES)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		if (inputs[i] >= g->count)
			return NULL;
	if (grow(g))
		return NULL;
	node = &g->nodes[g->count];
	memset(node, 0, sizeof(*node));
	unique_name(g, name && *name ? name : ak_op_class(op), node->name);
	node->op = op;
	for (uint32_t i = 0; i < n; i++)
		node->inputs[i] = inputs[i];
	node->input_count = n;
	g->output = g->count++;
	return node;
}

int ak_node_add_weight(struct ak_node *n, const char *name, uint32_t rank, const size_t *dims, struct ak_weight **out)
{
	struct ak_weight *w;
	size_t count = 1;

	if (n->weight_count >= AK_MAX_WEIGHTS || rank > AK_WEIGHT_RANK)
		return -EINVAL;
	for (uint32_t i = 0; i < rank; i++) {
		if (!dims[i] || dims[i] > MAX_WEIGHT_ELEMENTS / count)
			return -ERANGE;
		count *= dims[i];
	}
	w = &n->weights[n->weight_count];
	memset(w, 0, sizeof(*w));
	w->data = calloc(count, sizeof(float));
	if (!w->data)
		return -ENOMEM;
	snprintf(w->name, sizeof(w->name), "%s", name);
	w->rank = rank;
	for (uint32_t i = 0; i < rank; i++)
		w->dims[i] = dims[i];
	w->count = count;
	n->weight_count++;
	if (out)
		*out = w;
	return 0;
}

struct ak_weight *ak_node_weight(const struct ak_node *n, const char *name)
{
	for (uint32_t i = 0; i < n->weight_count; i++)
		if (!strcmp(n->weights[i].name, name))
			return (struct ak_weight *)&n->weights[i];
	return NULL;
}

static int copy_floats(const float *from, size_t count, float **out)
{
	float *copy;

	*out = NULL;
	if (!from || !count)
		return 0;
	copy = malloc(count * sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	memcpy(copy, from, count * sizeof(*copy));
	*out = copy;
	return 0;
}

/* On failure the copy holds only what it owns, so that node_fini frees it. */
static int node_clone(const struct ak_node *from, struct ak_node *to)
{
	int err;

	*to = *from;
	to->weight_count = 0;
	to->quant.range_max = NULL;
	to->quant.rescaling_rate = NULL;
	to->quant.range_min = NULL;
	for (uint32_t i = 0; i < from->weight_count; i++) {
		err = copy_floats(from->weights[i].data, from->weights[i].count, &to->weights[i].data);
		if (err)
			return err;
		to->weight_count++;
	}
	err = copy_floats(from->quant.range_max, from->quant.range_count, &to->quant.range_max);
	if (!err)
		err = copy_floats(from->quant.rescaling_rate, from->quant.range_count, &to->quant.rescaling_rate);
	if (!err)
		err = copy_floats(from->quant.range_min, from->quant.range_count, &to->quant.range_min);
	return err;
}

int ak_graph_clone(const struct akida_graph *g, struct akida_graph **out)
{
	struct akida_graph *copy;
	int err = ak_graph_create(g->name, &copy);

	if (err)
		return err;
	copy->sequential = g->sequential;
	copy->output = g->output;
	copy->nodes = calloc(g->count ? g->count : 1, sizeof(*copy->nodes));
	if (!copy->nodes) {
		err = -ENOMEM;
		goto destroy_copy;
	}
	copy->capacity = g->count ? g->count : 1;
	for (uint32_t i = 0; i < g->count; i++) {
		copy->count = i + 1;
		err = node_clone(&g->nodes[i], &copy->nodes[i]);
		if (err)
			goto destroy_copy;
	}
	*out = copy;
	return 0;
destroy_copy:
	akida_graph_destroy(copy);
	return err;
}

uint32_t ak_graph_consumers(const struct akida_graph *g, uint32_t i, uint32_t *idx, uint32_t max)
{
	uint32_t found = 0;

	for (uint32_t j = i + 1; j < g->count; j++)
		for (uint32_t k = 0; k < g->nodes[j].input_count; k++)
			if (g->nodes[j].inputs[k] == i) {
				if (found < max)
					idx[found] = j;
				found++;
				break;
			}
	return found;
}

static uint32_t renumbered(uint32_t index, uint32_t removed, uint32_t replacement)
{
	if (index == removed)
		return replacement;
	return index > removed ? index - 1 : index;
}

int ak_graph_remove(struct akida_graph *g, uint32_t i)
{
	uint32_t input;

	if (i >= g->count || g->nodes[i].input_count != 1)
		return -EINVAL;
	input = g->nodes[i].inputs[0];
	node_fini(&g->nodes[i]);
	memmove(&g->nodes[i], &g->nodes[i + 1], (g->count - i - 1) * sizeof(*g->nodes));
	g->count--;
	for (uint32_t j = i; j < g->count; j++)
		for (uint32_t k = 0; k < g->nodes[j].input_count; k++)
			g->nodes[j].inputs[k] = renumbered(g->nodes[j].inputs[k], i, input);
	g->output = renumbered(g->output, i, input);
	return 0;
}
