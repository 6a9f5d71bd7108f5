/* SPDX-License-Identifier: MIT */
/*
 * The front end of the keyword network: one second at 16 kHz, divided by its peak; 49 frames of 480 samples every 320, Hann window,
 * 512-point FFT, 40 mel bands from 20 to 4000 Hz, logarithm, the first 10 coefficients of a DCT.
 */
#ifndef AK_IMPORT_MFCC_H
#define AK_IMPORT_MFCC_H

#include <stddef.h>
#include <stdint.h>

#define AK_MFCC_RATE 16000
#define AK_MFCC_FRAMES 49
#define AK_MFCC_COEFFICIENTS 10

/*
 * n samples at rate (a divisor of 16000: they are brought to 16000 by a windowed-sinc filter). What is beyond a second is cut off, what
 * is missing is zero. out: 49 x 10. -EINVAL: another rate; -EOPNOTSUPP: built without kissfft; -ENOMEM.
 */
int ak_mfcc(const float *samples, size_t n, uint32_t rate, float *out);
/* low becomes 0, high 255, rounded; what is outside is cut. */
void ak_mfcc_bytes(const float *mfcc, float low, float high, uint8_t *out);

#endif
