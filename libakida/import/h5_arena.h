/* SPDX-License-Identifier: MIT */
/*
 * What the confined child hands back from a Keras .h5: one flat memory file of offsets, no pointers. The reader treats
 * every number in it as hostile.
 */
#ifndef AK_IMPORT_H5_ARENA_H
#define AK_IMPORT_H5_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AK_H5_ARENA_MAGIC 0x35484b41u /* "AKH5" */
#define AK_H5_MAX_WEIGHTS 32768u
#define AK_H5_MAX_JSON ((size_t)8 << 20) /* parsed, text grows up to thirtyfold */
#define AK_H5_TEXT 256

enum ak_h5_status {
	AK_H5_OK,
	AK_H5_DAMAGED,	  /* not readable as HDF5 */
	AK_H5_NO_CONFIG,  /* no model_config */
	AK_H5_NO_WEIGHTS, /* no model_weights group, a group or a data set is missing */
	AK_H5_BAD_NAMES,  /* a name array is not an array of strings */
	AK_H5_BAD_TYPE,	  /* a weight is not float32 */
	AK_H5_BAD_SHAPE,  /* a weight of no or too many elements or axes */
	AK_H5_NO_MEMORY,
	AK_H5_STATUS_COUNT
};

struct ak_h5_span {
	uint64_t offset, bytes;
};

struct ak_h5_weight {
	struct ak_h5_span layer, name; /* text without final zero */
	uint64_t dims[5];
	uint64_t rank, data; /* data: offset of little-endian float32 */
};

struct ak_h5_arena {
	uint32_t magic, status;
	char text[AK_H5_TEXT]; /* what the status is about */
	struct ak_h5_span config, version;
	uint64_t weights, weight_count; /* offset of the table */
	uint64_t layer_count;		/* of layer_names */
};

/* A Keras file in memory, and the work of the child (struct ak_confine). */
struct ak_h5_image {
	const void *bytes;
	size_t len;
	size_t max_result; /* bytes of the arena */
	bool weights_only; /* model.weights.h5 of a .keras: layers/NAME/vars/0, 1, .. and no configuration */
};
int ak_h5_extract(void *image, int fd);

#endif
