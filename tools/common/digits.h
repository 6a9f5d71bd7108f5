/* SPDX-License-Identifier: MIT */
/* Handwriting-like digits drawn by the program, for a bench without any data file. */
#ifndef TOOL_DIGITS_H
#define TOOL_DIGITS_H

#include <stdint.h>

#define DIGITS_SIDE 28

/*
 * n images of 28 x 28 uint8 (0: paper, 255: ink), centred by mass in the manner of MNIST, and their labels 0..9.
 * The same seed draws the same images on every machine.
 */
void digits_draw(uint64_t seed, uint64_t n, uint8_t *images, int32_t *labels);

#endif
