/* SPDX-License-Identifier: MIT */
/*
 * The container of .akm and .akp files: header, section table, sections. Little-endian, everything aligned to 64
 * bytes, so that a reader maps the file and copies nothing.
 *
 *   0  char magic[8]      "AKIDAAKM" or "AKIDAAKP"
 *   8  u16 major, u16 minor, u32 header bytes (64)
 *  16  u32 section count, u32 CRC-32C of the table, u64 file bytes, zero to 64
 *  64  table: per section 32 bytes: char tag[4], u32 flags (bit 0: mandatory), u64 offset, u64 bytes, u32 CRC-32C, u32 0
 *
 * Same major, newer minor loads; unknown optional sections are skipped, unknown mandatory ones refused by name.
 */
#ifndef AK_BASE_CONTAINER_H
#define AK_BASE_CONTAINER_H

#include <stdint.h>
#include <stddef.h>
#include <akida/status.h>

#define AK_SECTION_MANDATORY 1u

struct ak_section {
	char tag[5];
	uint32_t flags;
	const void *data; /* writer: borrowed; reader: points into the mapped bytes */
	size_t bytes;
};

/* Serializes into a fresh allocation (caller frees). */
int ak_container_write(const char magic[8], uint16_t major, uint16_t minor, const struct ak_section *s, uint32_t n,
		       void **bytes, size_t *len);
/*
 * Checks magic, version, table, bounds and every checksum; fills at most max sections. known: tags the caller
 * understands, n_known of them; an unknown mandatory section is refused by name. Returns the section count or negative.
 */
int ak_container_read(const void *bytes, size_t len, const char magic[8], uint16_t major, const char *const *known,
		      uint32_t n_known, struct ak_section *s, uint32_t max, const char *name, struct akida_diag *diag);
const struct ak_section *ak_section_find(const struct ak_section *s, uint32_t n, const char *tag);
uint32_t ak_crc32c(uint32_t seed, const void *p, size_t n); /* seed 0 to start */

#endif
