/* SPDX-License-Identifier: MIT */
/* Input samples: a plain array of frames with optional labels, and the readers the runtime has (npy, raw). */
#ifndef AKIDA_DATA_H
#define AKIDA_DATA_H

#include <stdint.h>
#include "status.h"

enum akida_dtype { AKIDA_U8, AKIDA_I8, AKIDA_I16, AKIDA_I32, AKIDA_I64, AKIDA_F32, AKIDA_F64 };

/*
 * A C-contiguous array, row-major, at most 6 dimensions; for images (n, h, w, c). Owned by the struct: free with
 * akida_array_fini. A zeroed struct is a valid empty array.
 */
struct akida_array {
	enum akida_dtype dtype;
	uint32_t rank;
	size_t dims[6];
	void *data;
};
AKIDA_API void akida_array_fini(struct akida_array *a);
AKIDA_API size_t akida_dtype_bytes(enum akida_dtype t);
AKIDA_API size_t akida_array_elements(const struct akida_array *a);
/* Element i, in C order, whatever the type is; i is below akida_array_elements. 64-bit integers are rounded. */
AKIDA_API double akida_array_value(const struct akida_array *a, size_t i);
/* Allocates zeroed storage; -EINVAL for rank > 6 or zero rank, -ERANGE when the product overflows 1 TiB, -ENOMEM. */
AKIDA_API int akida_array_init(struct akida_array *a, enum akida_dtype t, uint32_t rank, const size_t *dims);

/* Samples x (n, ...) and labels y (n; int32), y.data NULL when there are none. */
struct akida_dataset {
	char name[64]; /* what the data is, for reports: "mnist", "digits (drawn)" */
	struct akida_array x;
	struct akida_array y;
	uint32_t classes; /* 0 when unknown */
};
AKIDA_API void akida_dataset_fini(struct akida_dataset *d);

/* NumPy .npy versions 1 to 3, little-endian, C order; u2 and u4 become I32 and I64. -EILSEQ malformed, -EOPNOTSUPP for other types or order. */
AKIDA_API int akida_npy_load(const char *path, struct akida_array *out, struct akida_diag *diag);
AKIDA_API int akida_npy_parse(const void *bytes, size_t len, const char *name, struct akida_array *out,
			      struct akida_diag *diag);
/* Writes version 1 atomically (temporary name, then rename). */
AKIDA_API int akida_npy_save(const char *path, const struct akida_array *a, struct akida_diag *diag);
/* The same as the one array name of an .npz, not compressed. Of libakida-tools. */
AKIDA_API int akida_npz_save(const char *path, const char *name, const struct akida_array *a, struct akida_diag *diag);
/* Raw uint8 frames of frame_bytes each; the size must be a non-zero multiple. out is (n, frame_bytes). */
AKIDA_API int akida_raw_load(const char *path, size_t frame_bytes, struct akida_array *out, struct akida_diag *diag);

/*
 * Writes a whole file in one step: the old content or the new one, never a part. A device or a pipe is written to and
 * stays what it is. -errno of the failed call.
 */
AKIDA_API int akida_file_write(const char *path, const void *bytes, size_t len, struct akida_diag *diag);
/* Lower-case hexadecimal SHA-256 of a file. -ENOENT, -EIO. */
AKIDA_API int akida_file_sha256(const char *path, char hex[65], struct akida_diag *diag);

#endif
