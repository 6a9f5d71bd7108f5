/* SPDX-License-Identifier: MIT */
/*
 * model_config of a Keras 2 file to a graph: layers, their order and their configuration. Every member is hostile; what
 * is not understood exactly is refused with the layer's name. Weights come later (keras_load.c).
 */
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cjson/cJSON.h>
#include "base/diag.h"
#include "keras.h"
#include "keras_layer.h"

struct entry {
	const cJSON *layer;
	struct ak_layer_conf conf;
	const struct ak_keras_class *kind;
	const char *inputs[AK_MAX_INPUTS];
	const struct entry *from[AK_MAX_INPUTS]; /* the same, found */
	uint32_t input_count;
	int node; /* index in the graph, -1 before */
};

struct parser {
	const char *file;
	struct akida_diag *diag;
	struct entry *entries;
	uint32_t count;
	struct akida_graph *graph;
	struct ak_keras_axes *axes;
	bool sequential, keras3;
};

static const cJSON *member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int entry_name(struct parser *p, struct entry *e)
{
	const char *name = cJSON_GetStringValue(member(e->layer, "name"));

	if (!name)
		name = cJSON_GetStringValue(member(e->conf.config, "name"));
	if (!name || !*name)
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, p->file, "layer %u has no name",
			       (unsigned int)(e - p->entries));
	if (strlen(name) >= AK_NODE_NAME)
		return ak_fail(p->diag, -ERANGE, AK_RULE_H5_LAYER_CONFIG, p->file,
			       "the name of layer %u has more than %d bytes", (unsigned int)(e - p->entries),
			       AK_NODE_NAME - 1);
	for (const char *s = name; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, p->file,
				       "the name of layer %u has control characters", (unsigned int)(e - p->entries));
	snprintf(e->conf.name, sizeof(e->conf.name), "%s", name);
	for (struct entry *o = p->entries; o < e; o++)
		if (!strcmp(o->conf.name, name))
			return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, name, "two layers have this name");
	return 0;
}

static int inbound_tensor(struct parser *p, struct entry *e, const cJSON *tensor)
{
	const cJSON *name = cJSON_GetArrayItem(tensor, 0);
	const cJSON *node = cJSON_GetArrayItem(tensor, 1), *index = cJSON_GetArrayItem(tensor, 2);

	if (!cJSON_IsString(name))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_INBOUND, e->conf.name,
			       "inbound_nodes is not a list of layer names");
	if ((node && node->valuedouble != 0) || (index && index->valuedouble != 0))
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_INBOUND, e->conf.name,
			       "takes an input from a layer that is used more than once");
	if (e->input_count == AK_MAX_INPUTS)
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_INBOUND, e->conf.name, "has more than %d inputs",
			       AK_MAX_INPUTS);
	e->inputs[e->input_count++] = name->valuestring;
	return 0;
}

/* Keras 3: {"args": [..], "kwargs": {..}} with the tensors anywhere inside args, as objects. */
static int inbound_keras3(struct parser *p, struct entry *e, const cJSON *j, int depth)
{
	const char *class_name = cJSON_GetStringValue(member(j, "class_name"));
	const cJSON *item;
	int err;

	if (depth > 4)
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_INBOUND, e->conf.name,
			       "inbound_nodes is nested too deeply");
	if (class_name && !strcmp(class_name, "__keras_tensor__"))
		return inbound_tensor(p, e, member(member(j, "config"), "keras_history"));
	if (cJSON_IsObject(j))
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_INBOUND, e->conf.name,
			       "is called with something that is no tensor");
	if (!cJSON_IsArray(j))
		return 0; /* an option of the call that is null or a number */
	cJSON_ArrayForEach(item, j)
	{
		err = inbound_keras3(p, e, item, depth + 1);
		if (err)
			return err;
	}
	return 0;
}

static int entry_inbound(struct parser *p, struct entry *e)
{
	const cJSON *nodes = member(e->layer, "inbound_nodes"), *node, *tensor;
	int err;

	if (p->sequential) {
		if (e > p->entries)
			e->inputs[e->input_count++] = e[-1].conf.name;
		return 0;
	}
	if (!cJSON_IsArray(nodes))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_INBOUND, e->conf.name, "has no inbound_nodes");
	node = nodes->child;
	if (!node)
		return 0;
	if (node->next)
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_INBOUND, e->conf.name, "is used more than once");
	if (cJSON_IsArray(member(node, "args")))
		return inbound_keras3(p, e, member(node, "args"), 0);
	if (!cJSON_IsArray(node))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_INBOUND, e->conf.name,
			       "inbound_nodes is neither of Keras 2 nor of Keras 3");
	if (cJSON_IsString(node->child)) /* one tensor without the list around it */
		return inbound_tensor(p, e, node);
	cJSON_ArrayForEach(tensor, node)
	{
		err = inbound_tensor(p, e, tensor);
		if (err)
			return err;
	}
	return 0;
}

static int read_entry(struct parser *p, struct entry *e)
{
	const char *class_name;
	int err;

	e->node = -1;
	e->conf.diag = p->diag;
	e->conf.rule = AK_RULE_H5_LAYER_CONFIG;
	e->conf.keras3 = p->keras3;
	e->conf.config = member(e->layer, "config");
	if (!cJSON_IsObject(e->layer) || !cJSON_IsObject(e->conf.config))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, p->file, "layer %u has no config",
			       (unsigned int)(e - p->entries));
	err = entry_name(p, e);
	if (err)
		return err;
	class_name = cJSON_GetStringValue(member(e->layer, "class_name"));
	if (!class_name)
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, e->conf.name, "has no class_name");
	err = ak_keras_class_find(&e->conf, class_name, &e->kind);
	return err ? err : entry_inbound(p, e);
}

static struct entry *find_entry(struct parser *p, const char *name)
{
	for (uint32_t i = 0; i < p->count; i++)
		if (!strcmp(p->entries[i].conf.name, name))
			return &p->entries[i];
	return NULL;
}

/* Sequential files may say the input only in the first layer, or beside the layers. */
static int add_implicit_input(struct parser *p, const cJSON *config)
{
	struct ak_layer_conf conf = p->entries[0].conf;
	const cJSON *shape = member(conf.config, "batch_input_shape");
	struct ak_node *n;
	char name[AK_NODE_NAME];
	int err;

	if (p->entries[0].kind->op == AK_OP_INPUT)
		return 0;
	if (!cJSON_IsArray(shape))
		shape = member(config, "build_input_shape");
	if (!cJSON_IsArray(shape))
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CONFIG, conf.name,
			       "the first layer does not say its input shape (batch_input_shape)");
	snprintf(name, sizeof(name), "%.*s_input", AK_NODE_NAME - 8, conf.name);
	n = ak_graph_add(p->graph, AK_OP_INPUT, name, NULL, 0);
	if (!n)
		return ak_fail(p->diag, -ENOMEM, AK_RULE_NOMEM, p->file, "no memory for the graph");
	err = ak_layer_input_shape(&conf, shape, n);
	return err;
}

static int add_node(struct parser *p, struct entry *e)
{
	uint32_t inputs[AK_MAX_INPUTS], count = e->input_count;
	struct ak_node *n;

	for (uint32_t k = 0; k < count; k++)
		inputs[k] = (uint32_t)e->from[k]->node;
	if (p->sequential && e == p->entries && p->graph->count) {
		inputs[0] = 0;
		count = 1;
	}
	n = ak_graph_add(p->graph, e->kind->op, e->conf.name, inputs, count);
	if (!n)
		return ak_fail(p->diag, -ENOMEM, AK_RULE_NOMEM, p->file, "no memory for the graph");
	if (strcmp(n->name, e->conf.name))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, e->conf.name, "two layers have this name");
	e->node = (int)p->graph->count - 1;
	return ak_layer_parse(&e->conf, e->kind, n, &p->axes->axis[e->node]);
}

static int find_inputs(struct parser *p, struct entry *e)
{
	for (uint32_t k = 0; k < e->input_count; k++) {
		e->from[k] = find_entry(p, e->inputs[k]);
		if (!e->from[k])
			return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_INBOUND, e->conf.name,
				       "takes its input from a layer that does not exist");
	}
	return 0;
}

static bool inputs_ready(const struct entry *e)
{
	for (uint32_t k = 0; k < e->input_count; k++)
		if (e->from[k]->node < 0)
			return false;
	return true;
}

/* The file's order as far as inputs allow; what never becomes ready is part of a cycle. */
static int add_nodes(struct parser *p)
{
	uint32_t left = p->count;
	bool progress = true;
	int err;

	for (uint32_t i = 0; i < p->count; i++) {
		err = find_inputs(p, &p->entries[i]);
		if (err)
			return err;
	}
	while (left && progress) {
		progress = false;
		for (uint32_t i = 0; i < p->count; i++) {
			if (p->entries[i].node >= 0 || !inputs_ready(&p->entries[i]))
				continue;
			err = add_node(p, &p->entries[i]);
			if (err)
				return err;
			progress = true;
			left--;
		}
	}
	for (uint32_t i = 0; i < p->count; i++)
		if (p->entries[i].node < 0)
			return ak_fail(p->diag, -EILSEQ, AK_RULE_GRAPH_INPUTS, p->entries[i].conf.name,
				       "the layers form a cycle");
	return 0;
}

static int set_output(struct parser *p, const cJSON *config)
{
	const cJSON *outputs = member(config, "output_layers"), *first;
	struct entry *e;

	if (!cJSON_IsArray(outputs) || !outputs->child)
		return 0; /* the last layer */
	first = outputs->child;
	if (cJSON_IsArray(first)) {
		if (first->next)
			return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_OUTPUTS, p->file, "has more than one output");
		first = first->child;
	}
	e = cJSON_IsString(first) ? find_entry(p, first->valuestring) : NULL;
	if (!e)
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_OUTPUTS, p->file, "output_layers names no layer");
	p->graph->output = (uint32_t)e->node;
	return 0;
}

static int read_layers(struct parser *p, const cJSON *config, const cJSON *layers)
{
	const cJSON *layer;
	int err;

	p->count = (uint32_t)cJSON_GetArraySize(layers);
	if (!p->count)
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_LAYER_CONFIG, p->file, "has no layers");
	if (p->count >= AK_GRAPH_MAX_NODES)
		return ak_fail(p->diag, -ERANGE, AK_RULE_GRAPH_SIZE, p->file,
			       "has %u layers, fewer than %u are supported", p->count, AK_GRAPH_MAX_NODES);
	p->entries = calloc(p->count, sizeof(*p->entries));
	if (!p->entries)
		return ak_fail(p->diag, -ENOMEM, AK_RULE_NOMEM, p->file, "no memory for its layers");
	p->count = 0;
	cJSON_ArrayForEach(layer, layers)
	{
		p->entries[p->count].layer = layer;
		err = read_entry(p, &p->entries[p->count]);
		if (err)
			return err;
		p->count++;
	}
	if (p->sequential) {
		err = add_implicit_input(p, config);
		if (err)
			return err;
	}
	err = add_nodes(p);
	return err ? err : set_output(p, config);
}

static int read_model(struct parser *p, const cJSON *root)
{
	const char *class_name = cJSON_GetStringValue(member(root, "class_name"));
	const cJSON *config = member(root, "config"), *layers = config;
	const char *name;
	int err;

	if (!class_name ||
	    (strcmp(class_name, "Functional") && strcmp(class_name, "Model") && strcmp(class_name, "Sequential")))
		return ak_fail(p->diag, -EOPNOTSUPP, AK_RULE_H5_CONFIG, p->file,
			       "is not a Functional or Sequential model");
	p->sequential = !strcmp(class_name, "Sequential");
	if (cJSON_IsObject(config))
		layers = member(config, "layers");
	else if (!p->sequential) /* old Sequential files have the list itself */
		layers = NULL;
	if (!cJSON_IsArray(layers))
		return ak_fail(p->diag, -EILSEQ, AK_RULE_H5_CONFIG, p->file, "model_config has no list of layers");
	name = cJSON_GetStringValue(member(config, "name"));
	err = ak_graph_create(name ? name : "model", &p->graph);
	if (err)
		return ak_fail(p->diag, err, AK_RULE_NOMEM, p->file, "no memory for the graph");
	for (char *s = p->graph->name; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '_';
	p->graph->sequential = p->sequential;
	return read_layers(p, config, layers);
}

int ak_keras_config_parse(const char *json, size_t len, const char *file, bool keras3, struct akida_graph **out,
			  struct ak_keras_axes *axes, struct akida_diag *diag)
{
	struct parser p = {.file = file, .diag = diag, .axes = axes, .keras3 = keras3};
	cJSON *root = cJSON_ParseWithLength(json, len);
	int err;

	memset(axes->axis, INT8_MIN, sizeof(axes->axis));
	if (!root)
		return ak_fail(diag, -EILSEQ, AK_RULE_H5_CONFIG, file, "model_config is not JSON");
	err = read_model(&p, root);
	free(p.entries);
	cJSON_Delete(root);
	if (err) {
		akida_graph_destroy(p.graph);
		return err;
	}
	*out = p.graph;
	return 0;
}
