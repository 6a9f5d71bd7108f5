/* SPDX-License-Identifier: MIT */
#include <immintrin.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "measure.h"

double bench_clock(int threads)
{
	struct timespec t;

	clock_gettime(threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_median(double *v, size_t n)
{
	qsort(v, n, sizeof(*v), compare);
	return v[n / 2];
}

double bench_rate(void (*run)(void *), void *context, int threads, double seconds)
{
	double start, end;
	long calls = 0, block = 1;
	struct timespec quiet = {0, 20000000};

	/* threads of whoever ran before spin for a while before they sleep */
	if (threads > 1)
		nanosleep(&quiet, NULL);
	run(context);
	start = bench_clock(threads);
	run(context);
	end = bench_clock(threads);
	if (end - start < seconds / 8)
		block = 1 + (long)(seconds / 8 / (end - start + 1e-7));
	start = bench_clock(threads);
	do {
		for (long i = 0; i < block; i++)
			run(context);
		calls += block;
		end = bench_clock(threads);
	} while (end - start < seconds);
	return (double)calls / (end - start);
}

/* ---- peaks: accumulators stay in registers, in assembly so that no compiler moves them ---- */

#define LOOP(zero, body)                                                                                               \
	__asm__ volatile(zero "1:\n" body "dec %0\n"                                                                   \
			      "jnz 1b\n"                                                                               \
			      "vzeroupper\n"                                                                           \
			 : "+r"(n)                                                                                     \
			 :                                                                                             \
			 : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9",       \
			   "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15")
#define ZERO(i) "vpxor %%xmm" #i ", %%xmm" #i ", %%xmm" #i "\n"
#define ZEROS                                                                                                          \
	ZERO(0)                                                                                                        \
	ZERO(1)                                                                                                        \
	ZERO(2)                                                                                                        \
	ZERO(3)                                                                                                        \
	ZERO(4)                                                                                                        \
	ZERO(5)                                                                                                        \
	ZERO(6)                                                                                                        \
	ZERO(7)                                                                                                        \
	ZERO(8)                                                                                                        \
	ZERO(9)                                                                                                        \
	ZERO(10)                                                                                                       \
	ZERO(11)                                                                                                       \
	ZERO(12)                                                                                                       \
	ZERO(13)                                                                                                       \
	ZERO(14)                                                                                                       \
	ZERO(15)
#define TWELVE(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define EIGHT(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7)
#define DOT(i) "vpdpbusd %%zmm14, %%zmm15, %%zmm" #i "\n"
#define PAIRS(r, i, t)                                                                                                 \
	"vpmaddubsw %%" r "14, %%" r "15, %%" r t "\nvpmaddwd %%" r "13, %%" r t ", %%" r t "\nvpaddd %%" r t          \
	", %%" r #i ", %%" r #i "\n"
#define PAIRS512(i) PAIRS("zmm", i, "12")
#define PAIRS256(i) PAIRS("ymm", i, "12")

static double loop(enum bench_peak p, long n)
{
	switch (p) {
	case BENCH_PEAK_VNNI512: {
		double macs = (double)n * 12 * 64;

		LOOP(ZEROS, TWELVE(DOT));
		return macs;
	}
	case BENCH_PEAK_BW512: {
		double macs = (double)n * 12 * 64;

		LOOP(ZEROS, TWELVE(PAIRS512));
		return macs;
	}
	default: {
		double macs = (double)n * 8 * 32;

		LOOP(ZEROS, EIGHT(PAIRS256));
		return macs;
	}
	}
}

const char *bench_peak_name(enum bench_peak p)
{
	static const char *const names[BENCH_PEAK_COUNT] = {"vpdpbusd-512", "vpmaddubsw-512", "vpmaddubsw-256"};

	return names[p];
}

bool bench_peak_available(enum bench_peak p)
{
	if (p == BENCH_PEAK_VNNI512)
		return __builtin_cpu_supports("avx512vnni");
	return p == BENCH_PEAK_BW512 ? __builtin_cpu_supports("avx512bw") : __builtin_cpu_supports("avx2");
}

enum bench_peak bench_peak_best(bool avx2)
{
	for (enum bench_peak p = avx2 ? BENCH_PEAK_AVX2 : 0; p < BENCH_PEAK_AVX2; p++)
		if (bench_peak_available(p))
			return p;
	return BENCH_PEAK_AVX2;
}

struct job {
	enum bench_peak peak;
	size_t bytes; /* of a buffer to read, or 0 */
	int threads;
	double seconds, rate;
};

__attribute__((target("avx2"))) static uint64_t read_all(const uint8_t *p, size_t n)
{
	__m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;

	for (size_t i = 0; i < n; i += 128) {
		a = _mm256_xor_si256(a, _mm256_load_si256((const __m256i *)(p + i)));
		b = _mm256_xor_si256(b, _mm256_load_si256((const __m256i *)(p + i + 32)));
		c = _mm256_xor_si256(c, _mm256_load_si256((const __m256i *)(p + i + 64)));
		d = _mm256_xor_si256(d, _mm256_load_si256((const __m256i *)(p + i + 96)));
	}
	a = _mm256_xor_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(c, d));
	return (uint64_t)_mm256_extract_epi64(a, 0) ^ (uint64_t)_mm256_extract_epi64(a, 2);
}

__attribute__((target("avx512f"))) static uint64_t read_all512(const uint8_t *p, size_t n)
{
	__m512i a = _mm512_setzero_si512(), b = a;

	for (size_t i = 0; i < n; i += 128) {
		a = _mm512_xor_si512(a, _mm512_load_si512(p + i));
		b = _mm512_xor_si512(b, _mm512_load_si512(p + i + 64));
	}
	return (uint64_t)_mm512_reduce_add_epi64(_mm512_xor_si512(a, b));
}

static volatile uint64_t sink;

static void *run_job(void *p)
{
	struct job *j = p;
	uint8_t *buffer = j->bytes ? aligned_alloc(64, j->bytes) : NULL;
	bool wide = __builtin_cpu_supports("avx512f");
	double done = 0, start, end;

	if (buffer)
		memset(buffer, 1, j->bytes);
	start = bench_clock(j->threads);
	do {
		if (buffer) {
			sink = sink ^ (wide ? read_all512(buffer, j->bytes) : read_all(buffer, j->bytes));
			done += (double)j->bytes;
		} else {
			done += loop(j->peak, 4000);
		}
		end = bench_clock(j->threads);
	} while (end - start < j->seconds);
	j->rate = done / (end - start);
	free(buffer);
	return NULL;
}

static double run_jobs(struct job first)
{
	struct job job[64];
	pthread_t thread[64];
	int n = first.threads < 64 ? first.threads : 64;
	double rate = 0;

	for (int i = 0; i < n; i++)
		job[i] = first;
	for (int i = 1; i < n; i++)
		if (pthread_create(&thread[i], NULL, run_job, &job[i]))
			abort();
	run_job(&job[0]);
	for (int i = 1; i < n; i++)
		pthread_join(thread[i], NULL);
	for (int i = 0; i < n; i++)
		rate += job[i].rate;
	return rate;
}

double bench_peak(enum bench_peak p, int threads, double seconds)
{
	return run_jobs((struct job){.peak = p, .threads = threads, .seconds = seconds});
}

double bench_read(size_t bytes, int threads, double seconds)
{
	return run_jobs((struct job){.bytes = (bytes + 127) / 128 * 128, .threads = threads, .seconds = seconds});
}
