/* SPDX-License-Identifier: MIT */
/*
 * A Keras .h5 in memory to a finished graph: runs the confined extraction, checks every number of the arena it hands
 * back, and gives the layers of model_config their weights.
 */
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "confine.h"
#include "h5_arena.h"
#include "keras.h"

#define MAX_RESULT ((size_t)1 << 31)
#define BASE_MEMORY ((size_t)256 << 20)

struct loader {
	const char *path;
	struct akida_diag *diag;
	const unsigned char *arena;
	size_t len;
	struct ak_h5_arena head;
	struct akida_graph *graph;
};

static int damaged(const struct loader *l)
{
	return ak_fail(l->diag, -EILSEQ, AK_RULE_IMPORT_DAMAGED, l->path, "the file is damaged");
}

static bool inside(const struct loader *l, uint64_t offset, uint64_t bytes)
{
	return !bytes || (offset <= l->len && bytes <= l->len - offset);
}

static int extract_error(const struct loader *l)
{
	static const struct {
		int err;
		enum ak_rule rule;
		const char *text;
	} what[AK_H5_STATUS_COUNT] = {
		[AK_H5_DAMAGED] = {-EILSEQ, AK_RULE_IMPORT_DAMAGED, "the file is damaged"},
		[AK_H5_NO_CONFIG] = {-EILSEQ, AK_RULE_H5_CONFIG, "has no model_config"},
		[AK_H5_NO_WEIGHTS] = {-EILSEQ, AK_RULE_H5_WEIGHTS, "lacks"},
		[AK_H5_BAD_NAMES] = {-EILSEQ, AK_RULE_H5_WEIGHT_NAMES, "malformed"},
		[AK_H5_BAD_TYPE] = {-EOPNOTSUPP, AK_RULE_H5_DTYPE, "not stored as float32:"},
		[AK_H5_BAD_SHAPE] = {-ERANGE, AK_RULE_H5_WEIGHT_SHAPE, "no or absurdly many elements or axes:"},
		[AK_H5_NO_MEMORY] = {-ENOMEM, AK_RULE_NOMEM, "needs more memory than an import may use:"},
	};
	uint32_t s = l->head.status;
	char text[AK_H5_TEXT];

	if (s >= AK_H5_STATUS_COUNT || !what[s].text)
		return damaged(l);
	memcpy(text, l->head.text, sizeof(text));
	text[sizeof(text) - 1] = 0;
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	return ak_fail(l->diag, what[s].err, what[s].rule, l->path, "%s%s%s", what[s].text, *text ? " " : "", text);
}

static int read_head(struct loader *l)
{
	if (l->len < sizeof(l->head))
		return damaged(l);
	memcpy(&l->head, l->arena, sizeof(l->head));
	if (l->head.magic != AK_H5_ARENA_MAGIC)
		return damaged(l);
	if (l->head.status != AK_H5_OK)
		return extract_error(l);
	if (l->head.weight_count > AK_H5_MAX_WEIGHTS || l->head.config.bytes > AK_H5_MAX_JSON ||
	    !inside(l, l->head.config.offset, l->head.config.bytes) ||
	    !inside(l, l->head.version.offset, l->head.version.bytes) ||
	    !inside(l, l->head.weights, l->head.weight_count * sizeof(struct ak_h5_weight)))
		return damaged(l);
	return 0;
}

/* Text of the arena, cut to the buffer; false when it does not fit or lies outside. */
static bool text_of(const struct loader *l, struct ak_h5_span span, char *out, size_t max)
{
	if (span.bytes >= max || !inside(l, span.offset, span.bytes))
		return false;
	memcpy(out, l->arena + span.offset, (size_t)span.bytes);
	out[span.bytes] = 0;
	return true;
}

static struct ak_node *find_node(const struct akida_graph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->nodes[i].name, name))
			return &g->nodes[i];
	return NULL;
}

/* "conv_0/BN/gamma:0" of layer conv_0/BN, or of a layer renamed since, is gamma; quantizers keep their last folder. */
static const char *short_name(const char *layer, char *name)
{
	size_t n = strlen(layer);
	char *colon = strrchr(name, ':'), *quantizer = strstr(name, "output_quantizer/"), *slash;

	if (colon && strspn(colon + 1, "0123456789") == strlen(colon + 1))
		*colon = 0;
	if (quantizer)
		return quantizer;
	if (!strncmp(name, layer, n) && name[n] == '/' && !strchr(name + n + 1, '/'))
		return name + n + 1;
	slash = strrchr(name, '/');
	return slash ? slash + 1 : name;
}

static void copy_le(const unsigned char *from, size_t count, float *to)
{
	for (size_t i = 0; i < count; i++) {
		uint32_t bits;

		memcpy(&bits, from + 4 * i, 4);
		bits = le32toh(bits);
		memcpy(&to[i], &bits, 4);
	}
}

static int attach_range(struct loader *l, struct ak_node *n, const char *name, const size_t *dims, uint64_t rank,
			const unsigned char *data)
{
	struct ak_node_quant *q = &n->quant;
	const char *last = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	float **to = !strcmp(last, "range_max")						 ? &q->range_max
		     : !strcmp(last, "range_min") && n->op == AK_OP_INPUT_QUANTIZER	 ? &q->range_min
		     : !strcmp(last, "rescaling_rate") && n->op != AK_OP_INPUT_QUANTIZER ? &q->rescaling_rate
											 : NULL;
	size_t count = rank ? dims[0] : 1;

	if (!to)
		return ak_fail(l->diag, -EOPNOTSUPP, AK_RULE_H5_WEIGHTS, n->name, "has an unknown variable %.80s",
			       name);
	if (!q->has_output || *to || rank > 1 || (q->range_count && q->range_count != count))
		return ak_fail(l->diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "variables of its output_quantizer do not fit its configuration");
	*to = malloc(count * sizeof(float));
	if (!*to)
		return ak_fail(l->diag, -ENOMEM, AK_RULE_NOMEM, n->name, "no memory for %s", name);
	copy_le(data, count, *to);
	q->range_count = (uint32_t)count;
	return 0;
}

static int attach_weight(struct loader *l, const struct ak_h5_weight *w)
{
	char layer[AK_NODE_NAME], full[4 * AK_NODE_NAME];
	struct ak_node *n;
	struct ak_weight *to;
	const char *name;
	size_t dims[AK_WEIGHT_RANK], count = 1;
	int err;

	if (!text_of(l, w->layer, layer, sizeof(layer)) || !text_of(l, w->name, full, sizeof(full)) ||
	    w->rank > AK_WEIGHT_RANK)
		return damaged(l);
	for (uint64_t i = 0; i < w->rank; i++) {
		if (!w->dims[i] || w->dims[i] > l->len / count)
			return damaged(l);
		dims[i] = (size_t)w->dims[i];
		count *= dims[i];
	}
	if (count > l->len / 4 || !inside(l, w->data, 4 * (uint64_t)count))
		return damaged(l);
	n = find_node(l->graph, layer);
	if (!n)
		return ak_fail(l->diag, -EILSEQ, AK_RULE_H5_WEIGHTS, l->path,
			       "has weights of a layer that model_config does not have");
	name = short_name(layer, full);
	if (strlen(name) >= AK_NODE_NAME)
		return damaged(l);
	if (!strncmp(name, "output_quantizer/", 17) || n->op == AK_OP_INPUT_QUANTIZER)
		return attach_range(l, n, name, dims, w->rank, l->arena + w->data);
	if (n->op == AK_OP_DEPTHWISE && !strcmp(name, "kernel")) /* of Keras 3 */
		name = "depthwise_kernel";
	if (ak_node_weight(n, name))
		return ak_fail(l->diag, -EILSEQ, AK_RULE_H5_WEIGHT_NAMES, n->name, "has two weights of one name");
	err = ak_node_add_weight(n, name, (uint32_t)w->rank, dims, &to);
	if (err)
		return ak_fail(l->diag, err, AK_RULE_GRAPH_WEIGHT, n->name, "has a weight too many or too large");
	copy_le(l->arena + w->data, count, to->data);
	return 0;
}

/* Older QuantizeML has no rescaling_rate: it counts as 1. */
static int default_rates(struct loader *l)
{
	for (uint32_t i = 0; i < l->graph->count; i++) {
		struct ak_node_quant *q = &l->graph->nodes[i].quant;

		if (!q->has_output || !q->range_max || q->rescaling_rate || q->range_min)
			continue;
		q->rescaling_rate = malloc(q->range_count * sizeof(float));
		if (!q->rescaling_rate)
			return ak_fail(l->diag, -ENOMEM, AK_RULE_NOMEM, l->path, "no memory for its quantizers");
		for (uint32_t k = 0; k < q->range_count; k++)
			q->rescaling_rate[k] = 1.0f;
	}
	return 0;
}

static int check_axes(struct loader *l, const struct ak_keras_axes *axes)
{
	for (uint32_t i = 0; i < l->graph->count; i++) {
		const struct ak_node *n = &l->graph->nodes[i];
		int axis = axes->axis[i];

		if (axis != INT8_MIN && axis != -1 && axis != (int)n->rank)
			return ak_fail(l->diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CONFIG, n->name,
				       "axis %d is not the last one, which is all this version reads", axis);
	}
	return 0;
}

static int build(struct loader *l)
{
	struct ak_keras_axes axes;
	char version[32] = "";
	int err = read_head(l);

	if (err)
		return err;
	if (l->head.version.bytes && text_of(l, l->head.version, version, sizeof(version)) && version[0] == '3')
		return ak_fail(l->diag, -EOPNOTSUPP, AK_RULE_IMPORT_KIND, l->path,
			       "was written by Keras 3, which is not read yet by this version");
	err = ak_keras_config_parse((const char *)l->arena + l->head.config.offset, (size_t)l->head.config.bytes,
				    l->path, &l->graph, &axes, l->diag);
	for (uint64_t i = 0; !err && i < l->head.weight_count; i++) {
		struct ak_h5_weight w;

		memcpy(&w, l->arena + l->head.weights + i * sizeof(w), sizeof(w));
		err = attach_weight(l, &w);
	}
	if (!err)
		err = default_rates(l);
	if (!err)
		err = ak_graph_finish(l->graph, l->diag);
	return err ? err : check_axes(l, &axes);
}

int ak_keras_arena_load(const void *arena, size_t len, const char *path, struct akida_graph **out,
			struct akida_diag *diag)
{
	struct loader l = {.path = path, .diag = diag, .arena = arena, .len = len};
	int err = build(&l);

	if (err)
		akida_graph_destroy(l.graph);
	else
		*out = l.graph;
	return err;
}

int ak_keras_load(const void *bytes, size_t len, const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	struct ak_h5_image image = {.bytes = bytes, .len = len};
	struct ak_confine child = {.work = ak_h5_extract, .ctx = &image, .max_memory = BASE_MEMORY + 4 * len};
	void *arena = NULL;
	size_t arena_len;
	int err;

	/* weights that unpack to more than this are not weights */
	child.max_result = BASE_MEMORY + 2 * len < MAX_RESULT ? BASE_MEMORY + 2 * len : MAX_RESULT;
	image.max_result = child.max_result;
	ak_h5_lock();
	err = ak_confine_run(&child, &arena, &arena_len);
	ak_h5_unlock();
	if (err == -EILSEQ)
		return ak_fail(diag, err, AK_RULE_IMPORT_DAMAGED, path, "the file is damaged");
	if (err)
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be read in a process of its own: %s",
			       strerror(-err));
	err = ak_keras_arena_load(arena, arena_len, path, out, diag);
	free(arena);
	return err;
}
