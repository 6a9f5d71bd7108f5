/* SPDX-License-Identifier: MIT */
/* Configuration of single Keras layers, and the list of layer classes. */
#ifndef AK_IMPORT_KERAS_LAYER_H
#define AK_IMPORT_KERAS_LAYER_H

#include <cjson/cJSON.h>
#include "graph/graph.h"

struct ak_layer_conf {
	char name[AK_NODE_NAME];
	const cJSON *config;
	struct akida_diag *diag;
};

struct ak_keras_class {
	const char *name; /* without the package before '>' */
	enum ak_op op;
	bool quantized;
	int (*parse)(const struct ak_layer_conf *c, struct ak_node *n);
};

/* -EOPNOTSUPP naming layer and class when it is not one this library reads. */
int ak_keras_class_find(const struct ak_layer_conf *c, const char *class_name, const struct ak_keras_class **out);
/* Fills the node's configuration; axis receives what "axis" says when the class has it. */
int ak_layer_parse(const struct ak_layer_conf *c, const struct ak_keras_class *kind, struct ak_node *n, int8_t *axis);
/* batch_input_shape to the shape of an input node. */
int ak_layer_input_shape(const struct ak_layer_conf *c, const cJSON *shape, struct ak_node *n);

#endif
