/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), for naming files in reports. */
#ifndef AK_BASE_SHA256_H
#define AK_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct ak_sha256 {
	uint32_t state[8];
	uint64_t bytes;
	uint8_t block[64];
};
void ak_sha256_init(struct ak_sha256 *s);
void ak_sha256_update(struct ak_sha256 *s, const void *p, size_t n);
void ak_sha256_final(struct ak_sha256 *s, uint8_t digest[32]);
/* Lower-case hexadecimal with a terminating zero. */
void ak_sha256_hex(const void *p, size_t n, char hex[65]);

#endif
