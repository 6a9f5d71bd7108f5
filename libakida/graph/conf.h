/* SPDX-License-Identifier: MIT */
/*
 * Typed members of a layer's JSON configuration. Every value is hostile: type and range are checked, and an error names
 * layer, member, value and limit. A member that is null counts as missing.
 */
#ifndef AK_GRAPH_CONF_H
#define AK_GRAPH_CONF_H

#include <cjson/cJSON.h>
#include "base/diag.h"
#include "graph.h"

struct ak_layer_conf {
	char name[AK_NODE_NAME];
	const cJSON *config;
	struct akida_diag *diag;
	enum ak_rule rule; /* of malformed members */
	bool keras3;	   /* functions mean what they mean in Keras 3 */
};

const cJSON *ak_conf_member(const cJSON *object, const char *key);
bool ak_conf_absent(const cJSON *j);

/* Adds the error "LAYER: FIELD WHY" and returns err. */
int ak_conf_bad(const struct ak_layer_conf *c, int err, const char *field, const char *why);
int ak_conf_out_of_range(const struct ak_layer_conf *c, const char *field, double value, double lo, double hi);

/* -EILSEQ for another type, -ERANGE for numbers that are not finite or not an integer from lo to 65536. */
int ak_conf_to_uint(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *out);
int ak_conf_to_pair(const struct ak_layer_conf *c, const char *field, const cJSON *j, double lo, uint32_t *a,
		    uint32_t *b); /* one number, or a list of two */
int ak_conf_to_triple(const struct ak_layer_conf *c, const char *field, const cJSON *j, uint32_t v[3]); /* likewise */
int ak_conf_to_float(const struct ak_layer_conf *c, const char *field, const cJSON *j, float *out);
/* Members of c->config; the ones named _or take otherwise for a missing one. uint: 1 to 65536. */
int ak_conf_uint(const struct ak_layer_conf *c, const char *field, uint32_t *out);
int ak_conf_uint_or(const struct ak_layer_conf *c, const char *field, uint32_t otherwise, uint32_t *out);
int ak_conf_pair_or(const struct ak_layer_conf *c, const char *field, uint32_t da, uint32_t db, uint32_t *a,
		    uint32_t *b);
int ak_conf_float_or(const struct ak_layer_conf *c, const char *field, float otherwise, float *out);
int ak_conf_bool_or(const struct ak_layer_conf *c, const char *field, bool otherwise, bool *out);
/*
 * A number, or a list with one or with one for each channel. *count 0: *one holds for all (a list of equal numbers is
 * one number); else values holds that many, at most AK_MAX_PER_CHANNEL.
 */
int ak_conf_per_channel(const struct ak_layer_conf *c, const char *field, float otherwise, float *one, float *values,
			uint32_t *count);

#endif
