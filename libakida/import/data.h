/* SPDX-License-Identifier: MIT */
/* Samples and labels from files: .npz, idx (gzip or not), CIFAR .npz, and the SPEC of design 5.2 that names them. */
#ifndef AK_IMPORT_DATA_H
#define AK_IMPORT_DATA_H

#include <stdbool.h>
#include <akida/data.h>

/* SPEC: mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE (ecg.h), npz:FILE (x, y), npy:FILE. out is written on success only. */
int ak_data_load(const char *spec, struct akida_dataset *out, struct akida_diag *diag);
/* All arrays of an .npz concatenated on axis 0, or the array of an .npy. */
int ak_samples_load(const char *path, struct akida_array *out, struct akida_diag *diag);

/*
 * One array of an .npz by name without ".npy" (NULL: the only or first one); -ENOENT without a record when it is not
 * there and optional is set.
 */
int ak_npz_load(const char *path, const char *name, bool optional, struct akida_array *out, struct akida_diag *diag);
/* An idx file of unsigned bytes, plain or gzip: at least one axis, at most 4. */
int ak_idx_load(const char *path, struct akida_array *out, struct akida_diag *diag);

#endif
