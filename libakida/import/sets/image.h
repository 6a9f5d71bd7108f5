/* SPDX-License-Identifier: MIT */
/* Images of data sets: JPEG and PNG by their libraries, 8 bits, RGB. */
#ifndef AK_IMPORT_IMAGE_H
#define AK_IMPORT_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <akida/status.h>

struct ak_image {
	uint32_t h, w;
	uint8_t *rgb; /* h * w * 3, freed by the caller */
};

/* By the first bytes, not the name. At most 2^14 pixels a side. -EILSEQ damaged, -EOPNOTSUPP neither, or built without; codes of open. */
int ak_image_load(const char *path, struct ak_image *out, struct akida_diag *diag);
/*
 * Bilinear, pixel centres at halves. smooth: when it shrinks, each result is the weighted mean of all pixels it covers; without,
 * of the four nearest, as TensorFlow's resize does.
 */
int ak_image_resize(const struct ak_image *in, uint32_t h, uint32_t w, bool smooth, struct ak_image *out);
/* Scaled so that it covers margin times (h, w), the middle h x w of it into rgb. */
int ak_image_cover(const struct ak_image *in, uint32_t h, uint32_t w, double margin, bool smooth, uint8_t *rgb);

#endif
