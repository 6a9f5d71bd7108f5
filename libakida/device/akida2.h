/* SPDX-License-Identifier: MIT */
/*
 * The virtual meshes of Akida 2 (reference: quantization 7.4 and 9.2). No chip of this generation has public registers or
 * programs: a mesh takes what its silicon has, and the layers run on the host.
 */
#ifndef AK_DEVICE_AKIDA2_H
#define AK_DEVICE_AKIDA2_H

#include "device/backend.h"

/* Fills d->info by the mesh of the device's name. */
int ak_akida2_open(struct akida_device *d, struct akida_diag *diag);
/* -EOPNOTSUPP with a finding for each layer that the mesh of d does not have. */
int ak_akida2_check(const struct akida_device *d, const struct akida_model *m, struct akida_diag *diag);

#endif
