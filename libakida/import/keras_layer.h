/* SPDX-License-Identifier: MIT */
/* Configuration of single Keras layers, and the list of layer classes. */
#ifndef AK_IMPORT_KERAS_LAYER_H
#define AK_IMPORT_KERAS_LAYER_H

#include "graph/conf.h"

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
/* batch_input_shape (Keras 3: batch_shape) to the shape of an input node. */
int ak_layer_input_shape(const struct ak_layer_conf *c, const cJSON *shape, struct ak_node *n);

/* Members that several classes share. */
int ak_layer_activation(const struct ak_layer_conf *c, struct ak_node *n); /* activation, alpha */

/* Classes of QuantizeML's own, keras_custom.c. */
int ak_parse_quantizeml_activation(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_add(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_concatenate(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_permute(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_leaky(const struct ak_layer_conf *c, struct ak_node *n); /* LeakyReLU */
int ak_parse_elu(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_buffered(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_projection(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_token(const struct ak_layer_conf *c, struct ak_node *n);
int ak_parse_input_quantizer(const struct ak_layer_conf *c, struct ak_node *n);

/*
 * Quantizers of legacy CNN2SNN, keras_legacy.c: whether the configuration has them, and reading and writing them. A
 * QuantizedReLU and an ActivationDiscreteRelu become bounded ReLUs.
 */
const char *ak_legacy_quantizer_name(enum ak_legacy_quantizer kind);
bool ak_legacy_has(const cJSON *config);
int ak_legacy_parse(const struct ak_layer_conf *c, const char *class_name, struct ak_node *n);

#endif
