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

/* A group of weights of a .keras, and the layer it belongs to. */
struct group {
	char name[AK_NODE_NAME];
	size_t base;	 /* bytes of name before its number */
	uint32_t number; /* 0: none */
	struct ak_node *node;
};

struct loader {
	const char *path;
	struct akida_diag *diag;
	const unsigned char *arena;
	size_t len;
	struct ak_h5_arena head;
	struct akida_graph *graph;
	const char *config; /* of a .keras, which has it outside of the arena; NULL: in the arena */
	size_t config_len;
	bool keras3;
	struct group *groups;
	uint32_t group_count;
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

/* Shape and place of a weight, as far as the arena can be trusted. */
static int check_span(const struct loader *l, const struct ak_h5_weight *w, size_t *dims)
{
	size_t count = 1;

	if (w->rank > AK_WEIGHT_RANK)
		return damaged(l);
	for (uint64_t i = 0; i < w->rank; i++) {
		if (!w->dims[i] || w->dims[i] > l->len / count)
			return damaged(l);
		dims[i] = (size_t)w->dims[i];
		count *= dims[i];
	}
	return count > l->len / 4 || !inside(l, w->data, 4 * (uint64_t)count) ? damaged(l) : 0;
}

static int attach(struct loader *l, struct ak_node *n, const char *name, const struct ak_h5_weight *w,
		  const size_t *dims)
{
	struct ak_weight *to;
	int err;

	if (n->op == AK_OP_DEPTHWISE && !strcmp(name, "kernel")) /* of Keras 3 */
		name = "depthwise_kernel";
	if (ak_node_weight(n, name))
		return ak_fail(l->diag, -EILSEQ, AK_RULE_H5_WEIGHT_NAMES, n->name, "has two weights of one name");
	err = ak_node_add_weight(n, name, (uint32_t)w->rank, dims, &to);
	if (err)
		return ak_fail(l->diag, err, AK_RULE_GRAPH_WEIGHT, n->name, "has a weight too many or too large");
	copy_le(l->arena + w->data, to->count, to->data);
	return 0;
}

static int attach_weight(struct loader *l, const struct ak_h5_weight *w)
{
	char layer[AK_NODE_NAME], full[4 * AK_NODE_NAME];
	size_t dims[AK_WEIGHT_RANK];
	struct ak_node *n;
	const char *name;
	int err = check_span(l, w, dims);

	if (err)
		return err;
	if (!text_of(l, w->layer, layer, sizeof(layer)) || !text_of(l, w->name, full, sizeof(full)))
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
	return attach(l, n, name, w, dims);
}

/* ---- .keras: groups are numbered by class, weights by position ---- */

/* As Keras makes group names of classes: SeparableConv2D is separable_conv2d. */
static void snake_case(const char *class_name, char *out, size_t max)
{
	size_t n = 0;

	for (const char *c = class_name; *c && n + 2 < max; c++) {
		bool upper = *c >= 'A' && *c <= 'Z', next_lower = c[1] >= 'a' && c[1] <= 'z';
		bool after_lower = c > class_name && c[-1] >= 'a' && c[-1] <= 'z';

		if (upper && c > class_name && (next_lower || after_lower))
			out[n++] = '_';
		out[n++] = (char)(upper ? *c - 'A' + 'a' : *c);
	}
	out[n] = 0;
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->number < y->number ? -1 : x->number > y->number;
}

/* The groups that have weights, each once, in the order of their numbers: conv2d, conv2d_1, conv2d_2. */
static int list_groups(struct loader *l)
{
	l->groups = calloc(l->head.weight_count + 1, sizeof(*l->groups));
	if (!l->groups)
		return ak_fail(l->diag, -ENOMEM, AK_RULE_NOMEM, l->path, "no memory for its layers");
	for (uint64_t i = 0; i < l->head.weight_count; i++) {
		struct group *g = &l->groups[l->group_count];
		struct ak_h5_weight w;
		const char *digits;

		memcpy(&w, l->arena + l->head.weights + i * sizeof(w), sizeof(w));
		if (!text_of(l, w.layer, g->name, sizeof(g->name)))
			return damaged(l);
		if (l->group_count && !strcmp(g[-1].name, g->name))
			continue;
		digits = strrchr(g->name, '_');
		g->base = strlen(g->name);
		g->number = 0;
		if (digits && digits[1] && strlen(digits + 1) < 7 &&
		    strspn(digits + 1, "0123456789") == strlen(digits + 1)) {
			g->base = (size_t)(digits - g->name);
			g->number = (uint32_t)strtoul(digits + 1, NULL, 10) + 1;
		}
		l->group_count++;
	}
	qsort(l->groups, l->group_count, sizeof(*l->groups), compare_groups);
	return 0;
}

static bool has_weights(const struct ak_node *n)
{
	const char *names[AK_MAX_WEIGHTS];

	return ak_node_weight_names(n, names) != 0;
}

/* A free group of this name; of this class whatever its number, the lowest first; NULL: none. */
static struct group *free_group(struct loader *l, const char *name, bool whole)
{
	for (uint32_t i = 0; i < l->group_count; i++) {
		struct group *g = &l->groups[i];

		if (!g->node && strlen(name) == (whole ? strlen(g->name) : g->base) &&
		    !strncmp(g->name, name, strlen(name)))
			return g;
	}
	return NULL;
}

/*
 * The next group of a class. Numbering by class begins without a number; where that one is missing, groups bear the names
 * of layers.
 */
static struct group *take_group(struct loader *l, const char *class_name, const char *layer)
{
	char snake[AK_NODE_NAME];
	struct group *g = NULL;
	bool numbered = false;

	snake_case(class_name, snake, sizeof(snake));
	for (uint32_t i = 0; i < l->group_count; i++)
		numbered |= !strcmp(l->groups[i].name, snake);
	if (!numbered)
		g = free_group(l, layer, true);
	if (!g)
		g = free_group(l, snake, false);
	return g ? g : free_group(l, layer, true);
}

static int find_groups(struct loader *l)
{
	int err = list_groups(l);

	for (uint32_t i = 0; !err && i < l->graph->count; i++) {
		struct ak_node *n = &l->graph->nodes[i];
		struct group *g = has_weights(n) ? take_group(l, ak_op_class(n->op), n->name) : NULL;

		if (g)
			g->node = n;
		else if (has_weights(n))
			err = ak_fail(l->diag, -EILSEQ, AK_RULE_H5_WEIGHTS, n->name,
				      "has no group of weights in model.weights.h5");
	}
	for (uint32_t i = 0; !err && i < l->group_count; i++)
		if (!l->groups[i].node)
			err = ak_fail(l->diag, -EILSEQ, AK_RULE_H5_WEIGHTS, l->path,
				      "has weights of a layer that config.json does not have");
	return err;
}

static int attach_var(struct loader *l, const struct ak_h5_weight *w)
{
	const char *names[AK_MAX_WEIGHTS];
	char group[AK_NODE_NAME], index[16];
	size_t dims[AK_WEIGHT_RANK];
	struct ak_node *n = NULL;
	int err = check_span(l, w, dims);
	uint32_t count;

	if (err)
		return err;
	if (!text_of(l, w->layer, group, sizeof(group)) || !text_of(l, w->name, index, sizeof(index)))
		return damaged(l);
	for (uint32_t i = 0; i < l->group_count; i++)
		if (!strcmp(l->groups[i].name, group))
			n = l->groups[i].node;
	if (!n)
		return damaged(l);
	count = ak_node_weight_names(n, names);
	if (n->weight_count >= count)
		return ak_fail(l->diag, -EINVAL, AK_RULE_GRAPH_WEIGHT, n->name,
			       "has more weights than its configuration needs, %u", count);
	return attach(l, n, names[n->weight_count], w, dims);
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
	bool archive = l->config;
	int err = read_head(l);

	if (err)
		return err;
	if (l->head.version.bytes && text_of(l, l->head.version, version, sizeof(version)))
		l->keras3 = version[0] == '3';
	if (!archive) {
		l->config = (const char *)l->arena + l->head.config.offset;
		l->config_len = (size_t)l->head.config.bytes;
	}
	err = ak_keras_config_parse(l->config, l->config_len, l->path, l->keras3, &l->graph, &axes, l->diag);
	if (!err && archive)
		err = find_groups(l);
	for (uint64_t i = 0; !err && i < l->head.weight_count; i++) {
		struct ak_h5_weight w;

		memcpy(&w, l->arena + l->head.weights + i * sizeof(w), sizeof(w));
		err = archive ? attach_var(l, &w) : attach_weight(l, &w);
	}
	free(l->groups);
	l->groups = NULL;
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

/* The extraction of an .h5 in memory in a process of its own. */
static int extract(struct ak_h5_image *image, const char *path, void **arena, size_t *arena_len,
		   struct akida_diag *diag)
{
	struct ak_confine child = {.work = ak_h5_extract, .ctx = image, .max_memory = BASE_MEMORY + 4 * image->len};
	int err;

	/* weights that unpack to more than this are not weights */
	child.max_result = BASE_MEMORY + 2 * image->len < MAX_RESULT ? BASE_MEMORY + 2 * image->len : MAX_RESULT;
	image->max_result = child.max_result;
	ak_h5_lock();
	err = ak_confine_run(&child, arena, arena_len);
	ak_h5_unlock();
	if (err == -EILSEQ)
		return ak_fail(diag, err, AK_RULE_IMPORT_DAMAGED, path, "the file is damaged");
	if (err)
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be read in a process of its own: %s",
			       strerror(-err));
	return 0;
}

int ak_keras_load(const void *bytes, size_t len, const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	struct ak_h5_image image = {.bytes = bytes, .len = len};
	void *arena = NULL;
	size_t arena_len;
	int err = extract(&image, path, &arena, &arena_len, diag);

	if (!err)
		err = ak_keras_arena_load(arena, arena_len, path, out, diag);
	free(arena);
	return err;
}

int ak_keras_parts_load(const struct ak_keras_parts *parts, const char *path, struct akida_graph **out,
			struct akida_diag *diag)
{
	struct ak_h5_image image = {.bytes = parts->weights, .len = parts->weights_len, .weights_only = true};
	struct loader l = {.path = path,
			   .diag = diag,
			   .config = parts->config,
			   .config_len = parts->config_len,
			   .keras3 = parts->keras3};
	void *arena = NULL;
	int err = extract(&image, path, &arena, &l.len, diag);

	l.arena = arena;
	if (!err)
		err = build(&l);
	free(l.groups);
	free(arena);
	if (err)
		akida_graph_destroy(l.graph);
	else
		*out = l.graph;
	return err;
}
