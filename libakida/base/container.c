/* SPDX-License-Identifier: MIT */
/* The container of .akm and .akp: writer, checking reader, CRC-32C. Layout in container.h. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/container.h"
#include "base/diag.h"
#include "base/le.h"

#define ALIGN 64u
#define HEADER 64u
#define ENTRY 32u
#define MAX_SECTIONS 1024u

/* CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, four bits at a time: small table, fast enough for our files. */
uint32_t ak_crc32c(uint32_t seed, const void *p, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *b = p;
	uint32_t crc = ~seed;

	for (size_t i = 0; i < n; i++) {
		crc ^= b[i];
		crc = table[crc & 15] ^ crc >> 4;
		crc = table[crc & 15] ^ crc >> 4;
	}
	return ~crc;
}

static size_t round_up(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

int ak_container_write(const char magic[8], uint16_t major, uint16_t minor, const struct ak_section *s, uint32_t n,
		       void **bytes, size_t *len)
{
	size_t total = HEADER, at;
	uint8_t *b;

	if (n > MAX_SECTIONS)
		return -EINVAL;
	total = round_up(HEADER + (size_t)n * ENTRY);
	for (uint32_t i = 0; i < n; i++) {
		if (s[i].bytes > SIZE_MAX / 2 - total)
			return -ERANGE;
		total += round_up(s[i].bytes);
	}
	b = calloc(1, total);
	if (!b)
		return -ENOMEM;
	memcpy(b, magic, 8);
	ak_put16(b + 8, major);
	ak_put16(b + 10, minor);
	ak_put32(b + 12, HEADER);
	ak_put32(b + 16, n);
	ak_put64(b + 24, total);
	at = round_up(HEADER + (size_t)n * ENTRY);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t *e = b + HEADER + (size_t)i * ENTRY;

		memcpy(e, s[i].tag, 4);
		ak_put32(e + 4, s[i].flags);
		ak_put64(e + 8, at);
		ak_put64(e + 16, s[i].bytes);
		ak_put32(e + 24, ak_crc32c(0, s[i].data, s[i].bytes));
		if (s[i].bytes)
			memcpy(b + at, s[i].data, s[i].bytes);
		at += round_up(s[i].bytes);
	}
	ak_put32(b + 20, ak_crc32c(0, b + HEADER, (size_t)n * ENTRY));
	*bytes = b;
	*len = total;
	return 0;
}

static bool is_known(const char *tag, const char *const *known, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(known[i], tag))
			return true;
	return false;
}

/* Tags are four printable characters, so that a refusal can name them. */
static bool tag_ok(const uint8_t *t)
{
	for (int i = 0; i < 4; i++)
		if (t[i] < 0x21 || t[i] > 0x7e)
			return false;
	return true;
}

static int check_header(const uint8_t *b, size_t len, const char magic[8], uint16_t major, const char *name,
			struct akida_diag *diag)
{
	uint64_t file;

	if (len < 8 || memcmp(b, magic, 8))
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_MAGIC, name, "is not a file of kind %.8s", magic);
	if (len < HEADER)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the header");
	if (ak_get16(b + 8) != major)
		return ak_fail(diag, -EBADMSG, AK_RULE_CONTAINER_VERSION, name,
			       "has format version %u.%u, %u.x is supported", ak_get16(b + 8), ak_get16(b + 10), major);
	file = ak_get64(b + 24);
	if (ak_get32(b + 12) != HEADER || ak_get32(b + 16) > MAX_SECTIONS || file > SIZE_MAX)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has a malformed header");
	if (len < file || len < HEADER + (size_t)ak_get32(b + 16) * ENTRY)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "has %zu of %llu bytes", len,
			       (unsigned long long)file);
	if (len > file)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has %zu bytes after its end",
			       len - (size_t)file);
	if (ak_crc32c(0, b + HEADER, (size_t)ak_get32(b + 16) * ENTRY) != ak_get32(b + 20))
		return ak_fail(diag, -EBADMSG, AK_RULE_CONTAINER_CRC, name, "the section table is damaged");
	for (size_t i = 32; i < HEADER; i++)
		if (b[i])
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has a malformed header");
	return 0;
}

int ak_container_read(const void *bytes, size_t len, const char magic[8], uint16_t major, const char *const *known,
		      uint32_t n_known, struct ak_section *s, uint32_t max, const char *name, struct akida_diag *diag)
{
	const uint8_t *b = bytes;
	uint32_t n, found = 0;
	size_t start;
	int err = check_header(b, len, magic, major, name, diag);

	if (err)
		return err;
	n = ak_get32(b + 16);
	start = round_up(HEADER + (size_t)n * ENTRY);
	for (uint32_t i = 0; i < n; i++) {
		const uint8_t *e = b + HEADER + (size_t)i * ENTRY;
		uint32_t flags = ak_get32(e + 4);
		uint64_t at = ak_get64(e + 8), size = ak_get64(e + 16);
		char tag[5] = {0};

		if (!tag_ok(e) || ak_get32(e + 28) || flags & ~AK_SECTION_MANDATORY)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name,
				       "entry %u of the section table is malformed", i);
		memcpy(tag, e, 4);
		if (at < start || at % ALIGN || at > len || size > len - at)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name,
				       "section %s lies outside the file", tag);
		if (ak_crc32c(0, b + at, (size_t)size) != ak_get32(e + 24))
			return ak_fail(diag, -EBADMSG, AK_RULE_CONTAINER_CRC, name, "section %s is damaged", tag);
		if (!is_known(tag, known, n_known)) {
			if (flags & AK_SECTION_MANDATORY)
				return ak_fail(diag, -EOPNOTSUPP, AK_RULE_CONTAINER_SECTION, name,
					       "needs section %s, which this version does not know", tag);
			continue;
		}
		if (ak_section_find(s, found, tag))
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has section %s twice", tag);
		if (found == max)
			return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_SECTION, name, "has more than %u sections",
				       max);
		memcpy(s[found].tag, tag, sizeof(tag));
		s[found].flags = flags;
		s[found].data = b + at;
		s[found].bytes = (size_t)size;
		found++;
	}
	return (int)found;
}

const struct ak_section *ak_section_find(const struct ak_section *s, uint32_t n, const char *tag)
{
	for (uint32_t i = 0; i < n; i++)
		if (!strcmp(s[i].tag, tag))
			return &s[i];
	return NULL;
}
