/* SPDX-License-Identifier: MIT */
/* The latency histogram a session fills; see session.h for its resolution. */
#include "run/session.h"

uint32_t ak_latency_bucket(uint64_t ns)
{
	uint32_t shift;

	if (ns < 2 * AK_LATENCY_SUB)
		return (uint32_t)ns;
	shift = 63u - (uint32_t)__builtin_clzll(ns) - 7u; /* keeps 8 leading bits */
	return 2 * AK_LATENCY_SUB + (shift - 1) * AK_LATENCY_SUB + (uint32_t)((ns >> shift) - AK_LATENCY_SUB);
}

uint64_t ak_latency_bucket_ns(uint32_t bucket)
{
	uint32_t shift;
	uint64_t low;

	if (bucket < 2 * AK_LATENCY_SUB)
		return bucket;
	bucket -= 2 * AK_LATENCY_SUB;
	shift = bucket / AK_LATENCY_SUB + 1;
	low = (uint64_t)(bucket % AK_LATENCY_SUB + AK_LATENCY_SUB) << shift;
	return low + (((uint64_t)1 << shift) - 1);
}

void ak_latency_add(struct ak_latency *l, uint64_t ns)
{
	l->bucket[ak_latency_bucket(ns)]++;
	l->count++;
	if (ns > l->max_ns)
		l->max_ns = ns;
}
