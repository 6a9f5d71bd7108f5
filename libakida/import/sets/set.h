/* SPDX-License-Identifier: MIT */
/* A data set inside: an index of items made by a kind's opener, and a function that reads one of them. */
#ifndef AK_IMPORT_SET_H
#define AK_IMPORT_SET_H

#include <pthread.h>
#include <akida/sets.h>
#include "base/diag.h"

struct ak_item {
	char *path;
	int32_t label;
	float value;
	size_t first_box;
	uint32_t boxes;
	int64_t from, to; /* of a recording, microseconds; to 0: all of it */
};

struct ak_set_kind {
	const char *name;
	/* Fills items, classes, shape and target. path: what follows KIND: */
	int (*open)(struct akida_set *s, const char *path, struct akida_diag *diag);
	/* Several threads at once. */
	int (*read)(const struct akida_set *s, const struct ak_item *item, void *x, struct akida_diag *diag);
};
extern const struct ak_set_kind ak_set_imagenet, ak_set_utkface, ak_set_voc, ak_set_coco, ak_set_speech, ak_set_dvs,
	ak_set_modelnet40;

struct ak_ahead;
struct akida_set {
	const struct ak_set_kind *kind;
	struct akida_set_params p; /* defaults filled in; split copied */
	char *split;
	char name[64];
	struct ak_item *items;
	size_t count, capacity;
	struct akida_box *boxes;
	size_t box_count, box_capacity;
	char **classes;
	uint32_t class_count;
	uint32_t rank;
	size_t dims[4], bytes;
	enum akida_dtype dtype;
	enum akida_target_kind target;
	struct ak_ahead *ahead;
};

/* path is copied. 0 or -ENOMEM. */
int ak_set_add(struct akida_set *s, const char *path, int32_t label, float value);
/* To the item added last. */
int ak_set_add_box(struct akida_set *s, const struct akida_box *b);
/* The number of a class, added when it is new; -ENOMEM. */
int32_t ak_set_class_number(struct akida_set *s, const char *name);
void ak_set_shape(struct akida_set *s, enum akida_dtype t, uint32_t rank, const size_t *dims);
/* Names in a folder in the order of their bytes, without those that begin with a dot; malloc'ed, freed by ak_set_names_free. */
int ak_set_names(const char *folder, char ***names, size_t *count, struct akida_diag *diag);
void ak_set_names_free(char **names, size_t count);
bool ak_set_ends_with(const char *name, const char *ending); /* without case */
bool ak_set_is_folder(const char *path);
/* One item for each file of the folder with one of these endings (NULL ends the list). */
int ak_set_add_folder(struct akida_set *s, const char *folder, const char *const *endings, int32_t label,
		      struct akida_diag *diag);
/* Reading ahead. */
int ak_ahead_start(struct akida_set *s, uint64_t epoch, struct akida_diag *diag);
int64_t ak_ahead_next(struct akida_set *s, uint32_t n, void *x, struct akida_target *t, struct akida_diag *diag);
void ak_ahead_stop(struct akida_set *s);
void ak_set_target(const struct akida_set *s, const struct ak_item *item, struct akida_target *t);

#endif
