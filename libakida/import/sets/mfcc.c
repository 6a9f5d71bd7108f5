/* SPDX-License-Identifier: MIT */
/* Coefficients of one second of speech, see mfcc.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "import/sets/mfcc.h"
#ifdef AKIDA_KISSFFT
#include <kissfft/kiss_fftr.h>

#define PI 3.14159265358979323846
#define FRAME 480
#define STEP 320
#define FFT 512
#define BINS (FFT / 2 + 1)
#define BANDS 40
#define LOWEST 20.0
#define HIGHEST 4000.0
#define SINC_HALF 10 /* samples of the input on either side */
#define KAISER_BETA 5.0

/* Modified Bessel function of order 0. */
static double bessel(double x)
{
	double sum = 1, term = 1;

	for (int k = 1; k < 50; k++) {
		term *= (x / (2 * k)) * (x / (2 * k));
		sum += term;
	}
	return sum;
}

/* Between the samples of the input: ratio results for each. Sinc at the input's limit under a Kaiser window, unit gain at 0 Hz. */
static int upsample(const float *in, size_t n, uint32_t ratio, float *out, size_t out_n)
{
	int half = (int)(SINC_HALF * ratio), taps = 2 * half + 1;
	double *h = malloc((size_t)taps * sizeof(*h)), sum = 0;

	if (!h)
		return -ENOMEM;
	for (int i = 0; i < taps; i++) {
		double t = (double)(i - half) / ratio, r = (double)(i - half) / half;

		h[i] = (t == 0 ? 1 : sin(PI * t) / (PI * t)) * bessel(KAISER_BETA * sqrt(1 - r * r));
		sum += h[i];
	}
	for (size_t k = 0; k < out_n; k++) {
		int64_t at = (int64_t)k, m = at > half ? (at - half + ratio - 1) / ratio : 0;
		double v = 0;

		for (; m * ratio <= at + half && m < (int64_t)n; m++)
			v += (double)in[m] * h[at - m * ratio + half];
		out[k] = (float)(v * ratio / sum);
	}
	free(h);
	return 0;
}

static double mel(double hertz)
{
	return 1127 * log(1 + hertz / 700);
}

/* Triangles over the mel scale, the first bin left out. */
static void mel_bands(float weights[BANDS][BINS])
{
	double low = mel(LOWEST), step = (mel(HIGHEST) - low) / (BANDS + 1);

	for (int b = 0; b < BANDS; b++)
		for (int k = 0; k < BINS; k++) {
			double m = mel((double)k * AK_MFCC_RATE / FFT), up = (m - (low + b * step)) / step,
			       down = (low + (b + 2) * step - m) / step, w = up < down ? up : down;

			weights[b][k] = k && w > 0 ? (float)w : 0;
		}
}

static void coefficients(const float *x, kiss_fftr_cfg fft, float weights[BANDS][BINS], float *out)
{
	kiss_fft_scalar window[FFT] = {0};
	kiss_fft_cpx bins[BINS];
	double bands[BANDS];

	for (int i = 0; i < FRAME; i++)
		window[i] = x[i] * (float)(0.5 - 0.5 * cos(2 * PI * i / FRAME));
	kiss_fftr(fft, window, bins);
	for (int b = 0; b < BANDS; b++) {
		bands[b] = 1e-6;
		for (int k = 0; k < BINS; k++)
			if (weights[b][k] > 0)
				bands[b] += (double)weights[b][k] * hypot((double)bins[k].r, (double)bins[k].i);
		bands[b] = log(bands[b]);
	}
	for (int c = 0; c < AK_MFCC_COEFFICIENTS; c++) {
		double sum = 0;

		for (int b = 0; b < BANDS; b++)
			sum += bands[b] * 2 * cos(PI * c * (2 * b + 1) / (2 * BANDS));
		out[c] = (float)(sum * sqrt(1.0 / (2 * BANDS)));
	}
}

int ak_mfcc(const float *samples, size_t n, uint32_t rate, float *out)
{
	float *x = calloc(AK_MFCC_RATE + FFT, sizeof(*x)), (*weights)[BINS] = malloc(BANDS * sizeof(*weights)),
	      peak = 0;
	kiss_fftr_cfg fft = kiss_fftr_alloc(FFT, 0, NULL, NULL);
	size_t all;
	int err = x && weights && fft ? 0 : -ENOMEM;

	if (!err && (!rate || AK_MFCC_RATE % rate))
		err = -EINVAL;
	if (err)
		goto out;
	all = n > AK_MFCC_RATE / (AK_MFCC_RATE / rate) ? AK_MFCC_RATE : n * (AK_MFCC_RATE / rate);
	if (rate == AK_MFCC_RATE)
		memcpy(x, samples, all * sizeof(*x));
	else
		err = upsample(samples, n, AK_MFCC_RATE / rate, x, all);
	for (size_t i = 0; i < all; i++)
		peak = fabsf(x[i]) > peak ? fabsf(x[i]) : peak;
	for (size_t i = 0; i < all && peak > 0; i++)
		x[i] /= peak;
	mel_bands(weights);
	for (int f = 0; f < AK_MFCC_FRAMES && !err; f++)
		coefficients(x + f * STEP, fft, weights, out + f * AK_MFCC_COEFFICIENTS);
out:
	free(x);
	free(weights);
	kiss_fftr_free(fft);
	return err;
}
#else
int ak_mfcc(const float *samples, size_t n, uint32_t rate, float *out)
{
	(void)samples;
	(void)n;
	(void)rate;
	(void)out;
	return -EOPNOTSUPP;
}
#endif

void ak_mfcc_bytes(const float *mfcc, float low, float high, uint8_t *out)
{
	for (int i = 0; i < AK_MFCC_FRAMES * AK_MFCC_COEFFICIENTS; i++) {
		double v = rint(255 * ((double)mfcc[i] - (double)low) / ((double)high - (double)low));

		out[i] = (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
	}
}
