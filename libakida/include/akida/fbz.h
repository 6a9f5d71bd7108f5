/* SPDX-License-Identifier: MIT */
/*
 * Model files of the vendor's SDK (.fbz): what Model.save wrote, listed as it is, and turned into a model where every part
 * is known. Source: the format was worked out from files of SDK 1.8 to 2.3.3, all Akida v1.
 */
#ifndef AKIDA_FBZ_H
#define AKIDA_FBZ_H

#include "model.h"

struct akida_fbz; /* immutable once read; may be shared between threads */

/* One layer as the file describes it. Set size before the call; strings are borrowed. */
struct akida_fbz_layer {
	uint32_t size;
	const char *name;
	uint32_t kind;	       /* the vendor's number */
	const char *kind_name; /* "InputData", "InputConvolutional", ... or "unknown" */
	uint32_t parameters, variables, inbounds;
};
struct akida_fbz_variable {
	uint32_t size;
	const char *name;
	uint32_t type;		/* the vendor's number of the element type */
	const char *type_name;	/* "int32", "float32", "int8", "1-bit", "4-bit", or "unknown" */
	uint32_t rank, dims[4]; /* fastest-varying first, as in the file */
	const void *data;
	size_t bytes;
};

/*
 * The caller destroys *out, which is written on success only. -EILSEQ: damaged, or no .fbz; -ERANGE: more layers, variables
 * or bytes than any model; codes of open. A file that lists is not yet one that converts.
 */
AKIDA_API int akida_fbz_load(const char *path, struct akida_fbz **out, struct akida_diag *diag);
AKIDA_API int akida_fbz_parse(const void *bytes, size_t len, const char *name, struct akida_fbz **out,
			      struct akida_diag *diag);
AKIDA_API void akida_fbz_destroy(struct akida_fbz *f);
/* SDK that wrote the file, "2.3.3"; "before 2.3" where the file does not say. */
AKIDA_API const char *akida_fbz_version(const struct akida_fbz *f);
AKIDA_API uint32_t akida_fbz_layers(const struct akida_fbz *f);
/* -EINVAL for an index or size that is not valid; so the next three. */
AKIDA_API int akida_fbz_layer(const struct akida_fbz *f, uint32_t i, struct akida_fbz_layer *layer);
/* Parameter k of layer i under the name that SDK 2.3.3 gives it, whatever generation the file is. */
AKIDA_API int akida_fbz_parameter(const struct akida_fbz *f, uint32_t i, uint32_t k, const char **name, double *value);
AKIDA_API int akida_fbz_variable(const struct akida_fbz *f, uint32_t i, uint32_t k,
				 struct akida_fbz_variable *variable);
AKIDA_API int akida_fbz_inbound(const struct akida_fbz *f, uint32_t i, uint32_t k, const char **name);
/*
 * A model of its layers, for the cpu device, .akm files and mapping. Activation steps keep 1/16, as the chip does. The
 * caller destroys *out. -EOPNOTSUPP names a layer, parameter or variable that is not known; -EINVAL values that contradict
 * each other.
 */
AKIDA_API int akida_fbz_model(const struct akida_fbz *f, struct akida_model **out, struct akida_diag *diag);

#endif
