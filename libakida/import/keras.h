/* SPDX-License-Identifier: MIT */
/*
 * Keras 2 .h5 models: between model_config JSON and the graph, both ways. Class names of QuantizeML are those of Keras
 * with a prefix (reference: quantization 1.2, 1.3).
 */
#ifndef AK_IMPORT_KERAS_H
#define AK_IMPORT_KERAS_H

#include <stdbool.h>
#include <stddef.h>
#include "graph/graph.h"

/* Class name of QuantizeML for the operation ("QuantizedConv2D"), NULL when it has none that this library writes. */
const char *ak_keras_quantized_class(enum ak_op op);

/*
 * model_config (len bytes; of Keras 2 or 3, which differ in how inputs are said) to a graph without weights. keras3:
 * functions mean what they mean in Keras 3. axis[i] is what BatchNormalization or Softmax of node i said (its
 * meaning depends on shapes that are known only later; INT8_MIN: nothing). file: for messages. The caller destroys *out.
 */
struct ak_keras_axes {
	int8_t axis[AK_GRAPH_MAX_NODES];
};
int ak_keras_config_parse(const char *json, size_t len, const char *file, bool keras3, struct akida_graph **out,
			  struct ak_keras_axes *axes, struct akida_diag *diag);

/* The reverse: a fresh string (caller frees with free), or NULL when out of memory. */
char *ak_keras_config_print(const struct akida_graph *g);
/* Whether node i is written as a class of QuantizeML. */
bool ak_keras_is_quantized(const struct akida_graph *g, uint32_t i);

/* libhdf5 has one lock for the process: a fork while another thread holds it would leave the child waiting. */
void ak_h5_lock(void);
void ak_h5_unlock(void);

/* Reads a Keras .h5 that is in memory; -EILSEQ, -EOPNOTSUPP, -ERANGE, -EINVAL as the diagnostics say. */
int ak_keras_load(const void *bytes, size_t len, const char *path, struct akida_graph **out, struct akida_diag *diag);
/* A Keras .keras archive at path: config.json and model.weights.h5; codes as ak_keras_load. */
int ak_keras_archive_load(const char *path, struct akida_graph **out, struct akida_diag *diag);
/* What is in the archive: config.json, model.weights.h5. */
struct ak_keras_parts {
	const char *config;
	size_t config_len;
	const void *weights;
	size_t weights_len;
	bool keras3;
};
int ak_keras_parts_load(const struct ak_keras_parts *parts, const char *path, struct akida_graph **out,
			struct akida_diag *diag);
/* The part of it that trusts nothing: the arena of the confined child (h5_arena.h) to a finished graph. */
int ak_keras_arena_load(const void *arena, size_t len, const char *path, struct akida_graph **out,
			struct akida_diag *diag);

#endif
