/* SPDX-License-Identifier: MIT */
/* What was read from a vendor .fbz; fbz.c fills it, fbz_model.c makes layers of it. */
#ifndef AK_CONVERT_FBZ_H
#define AK_CONVERT_FBZ_H

#include <akida/fbz.h>

#define FBZ_NAME 64
#define FBZ_PARAMS 40u
#define FBZ_VARIABLES 16u
#define FBZ_INBOUNDS 8u

/* Element types. */
enum { FBZ_INT32 = 0, FBZ_FLOAT32 = 1, FBZ_INT8 = 3, FBZ_BIT = 6, FBZ_INT4 = 7 };

struct fbz_param {
	char name[FBZ_NAME];
	double value;
};
struct fbz_variable {
	char name[FBZ_NAME];
	uint32_t type, rank, dims[4]; /* fastest first */
	const uint8_t *data;
	uint32_t bytes;
};
struct fbz_layer {
	char name[FBZ_NAME];
	uint32_t kind;
	struct fbz_param param[FBZ_PARAMS];
	uint32_t params;
	struct fbz_variable variable[FBZ_VARIABLES];
	uint32_t variables;
	char inbound[FBZ_INBOUNDS][FBZ_NAME];
	uint32_t inbounds;
};
struct akida_fbz {
	char version[32];
	char source[64];
	uint8_t *bytes; /* decoded, with a size in front */
	struct fbz_layer *layers;
	uint32_t count;
};

const char *fbz_kind_name(uint32_t kind);

#endif
