/* SPDX-License-Identifier: MIT */
/* Clocks, medians, and this processor's peaks. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thread: its processor time, which other programs do not lengthen. More: the wall clock. Seconds. */
double bench_clock(int threads);
double bench_median(double *v, size_t n);

/* Calls run until `seconds` have passed; returns calls per second. */
double bench_rate(void (*run)(void *), void *context, int threads, double seconds);

enum bench_peak {
	BENCH_PEAK_VNNI512, /* vpdpbusd, 512 bits: multiplications per second */
	BENCH_PEAK_BW512,   /* vpmaddubsw, vpmaddwd, vpaddd, 512 bits */
	BENCH_PEAK_AVX2,    /* the same, 256 bits */
	BENCH_PEAK_COUNT,
};
const char *bench_peak_name(enum bench_peak p);
bool bench_peak_available(enum bench_peak p);
/* The best one; avx2: of those without AVX-512. */
enum bench_peak bench_peak_best(bool avx2);
/* From registers only, for about so long. */
double bench_peak(enum bench_peak p, int threads, double seconds);
/* Bytes per second read again and again from a buffer of so many bytes per thread. */
double bench_read(size_t bytes, int threads, double seconds);

#endif
