/* SPDX-License-Identifier: MIT */
/* Little-endian loads and stores at any alignment. */
#ifndef AK_BASE_LE_H
#define AK_BASE_LE_H

#include <stdint.h>

static inline uint16_t ak_get16(const void *p)
{
	const uint8_t *b = p;

	return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t ak_get32(const void *p)
{
	const uint8_t *b = p;

	return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t ak_get64(const void *p)
{
	return ak_get32(p) | (uint64_t)ak_get32((const uint8_t *)p + 4) << 32;
}

static inline void ak_put16(void *p, uint16_t v)
{
	uint8_t *b = p;

	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}

static inline void ak_put32(void *p, uint32_t v)
{
	ak_put16(p, (uint16_t)v);
	ak_put16((uint8_t *)p + 2, (uint16_t)(v >> 16));
}

static inline void ak_put64(void *p, uint64_t v)
{
	ak_put32(p, (uint32_t)v);
	ak_put32((uint8_t *)p + 4, (uint32_t)(v >> 32));
}

#endif
