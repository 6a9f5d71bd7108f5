/* SPDX-License-Identifier: MIT */
/* Data SPECs of the command line: digits and random are made here, npy and raw are the runtime's, the rest the toolchain's. */
#ifndef TOOL_SPEC_H
#define TOOL_SPEC_H

#include "common/tool.h"

/*
 * SPEC: mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE, npz:FILE, npy:FILE, raw:FILE, digits, random. dims: h, w, c of the
 * network's input (for random, raw and digits). frames: how many to make of digits and random; 0: a default. seed: of both.
 * Returns 0, or an exit status after one printed error; a malformed SPEC is a usage error.
 */
int spec_load(const char *spec, const uint32_t dims[3], uint64_t frames, uint64_t seed, struct akida_dataset *out);

/*
 * Frames of x as the hardware takes them: (n, h * w * c) uint8. x has the axes n, h, w, c (those of length 1 may be left
 * out) or rows of h * w * c values; types other than uint8 must hold whole numbers from 0 to 255 after x * scale + offset. name is for errors.
 */
int spec_frames(const struct akida_array *x, const uint32_t dims[3], double scale, double offset, const char *name,
		struct akida_array *out);
/* As many labels as frames (after spec_frames, which may see one sample as several frames)? 0, or one printed error. */
int spec_labels(const struct akida_dataset *d, const struct akida_array *frames, const char *name);
/*
 * Keeps the samples whose label is in list ("7,8,9", "0-6", or both), in place; labels become places in the list, from 0. 0, or
 * an exit status after one printed error: a malformed list, or nothing left.
 */
int spec_keep_labels(struct akida_dataset *d, const char *list);
/* INPUTS of akida run: .npy, .npz or raw uint8. */
int spec_inputs(const char *path, const uint32_t dims[3], struct akida_array *frames);
/* The folder of the MNIST files next to the working folder or the program, or NULL. */
const char *spec_mnist_folder(void);

#endif
