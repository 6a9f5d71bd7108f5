/* SPDX-License-Identifier: MIT */
/* Heart beats as images of 8 x 128 x 1 bytes; what is on them is in ecg.c. */
#ifndef AK_IMPORT_ECG_H
#define AK_IMPORT_ECG_H

#include <stdbool.h>
#include <akida/data.h>

#define AK_ECG_ROWS 8u
#define AK_ECG_WIDTH 128u
#define AK_ECG_CLASSES 3u /* N, S, V of AAMI */

/*
 * Images of the n beats of one record. windows[i]: AK_ECG_WIDTH samples at 125 Hz, any unit, R at index 56; intervals: n x 2
 * seconds to the beats before and behind, NaN where there is none; images: n x 8 x 128 bytes. -ENOMEM.
 */
int ak_ecg_images(const int16_t *const *windows, const float *intervals, size_t n, uint8_t *images);
/*
 * The beats N, S and V (labels 0, 1, 2) of an .npz: of the records whose split is 1 (train) or 2. On failure d may hold
 * arrays, for the caller to free. -EINVAL arrays of other types or shapes, no beats; errors of ak_npz_load.
 */
int ak_ecg_load(const char *path, bool train, struct akida_dataset *d, struct akida_diag *diag);

#endif
