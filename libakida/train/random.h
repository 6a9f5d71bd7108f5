/* SPDX-License-Identifier: MIT */
/*
 * The one source of randomness of training: splitmix64, a counter through a mixing function, so that every stream is a
 * pure function of its seed and does not depend on threads. Not for secrets.
 */
#ifndef AK_TRAIN_RANDOM_H
#define AK_TRAIN_RANDOM_H

#include <stdint.h>

struct ak_random {
	uint64_t state;
};

static inline uint64_t ak_random_next(struct ak_random *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15ull);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* A stream of its own for each purpose of one seed. */
static inline struct ak_random ak_random_stream(uint64_t seed, uint64_t purpose)
{
	struct ak_random r = {seed ^ (purpose * 0xd1342543de82ef95ull)};

	ak_random_next(&r);
	return r;
}

/* As if n numbers had been drawn. */
static inline void ak_random_skip(struct ak_random *r, uint64_t n)
{
	r->state += n * 0x9e3779b97f4a7c15ull;
}

/* Uniform in [0, 1), 24 bits. */
static inline float ak_random_unit(struct ak_random *r)
{
	return (float)(ak_random_next(r) >> 40) * 0x1p-24f;
}

/* Uniform in [0, n), n > 0; the bias of the multiplication is below 2^-32 for n < 2^32. */
static inline uint32_t ak_random_below(struct ak_random *r, uint32_t n)
{
	return (uint32_t)(((ak_random_next(r) >> 32) * (uint64_t)n) >> 32);
}

#endif
