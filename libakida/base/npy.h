/* SPDX-License-Identifier: MIT */
/* The bytes of an .npy, for files that hold several. */
#ifndef AK_BASE_NPY_H
#define AK_BASE_NPY_H

#include <akida/data.h>

/* Version 1; the caller frees *out. name: for errors, those of akida_npy_save but for writing. */
int ak_npy_print(const struct akida_array *a, const char *name, void **out, size_t *len, struct akida_diag *diag);

#endif
