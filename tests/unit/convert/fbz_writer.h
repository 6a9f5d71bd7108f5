/* SPDX-License-Identifier: MIT */
/*
 * A small writer of vendor .fbz files, front to back, so that the tests of the reader share nothing with it: flatbuffer tables
 * whose fields are all four bytes, and a Snappy stream of literals in a buffer of the worst-case length.
 */
#ifndef TEST_CONVERT_FBZ_WRITER_H
#define TEST_CONVERT_FBZ_WRITER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FBZ_MAX 65536

struct fbz_writer {
	uint8_t b[FBZ_MAX];
	uint32_t n;
};

static inline void fw_put16(struct fbz_writer *w, uint32_t at, uint32_t v)
{
	w->b[at] = (uint8_t)v;
	w->b[at + 1] = (uint8_t)(v >> 8);
}

static inline void fw_put32(struct fbz_writer *w, uint32_t at, uint32_t v)
{
	fw_put16(w, at, v);
	fw_put16(w, at + 2, v >> 16);
}

static inline uint32_t fw_align(struct fbz_writer *w)
{
	w->n = (w->n + 3) & ~3u;
	return w->n;
}

/* A table whose fields of the slots in mask are there, zero; position of the table. */
static inline uint32_t fw_table(struct fbz_writer *w, uint32_t slots, uint32_t mask)
{
	uint32_t vtable = fw_align(w), table, at = 4;

	w->n += 4 + 2 * slots;
	table = fw_align(w);
	for (uint32_t s = 0; s < slots; s++)
		if (mask >> s & 1) {
			fw_put16(w, vtable + 4 + 2 * s, at);
			at += 4;
		}
	fw_put16(w, vtable, 4 + 2 * slots);
	fw_put16(w, vtable + 2, at);
	fw_put32(w, table, table - vtable);
	w->n += at;
	return table;
}

static inline uint32_t fw_field(const struct fbz_writer *w, uint32_t table, uint32_t slot)
{
	uint32_t back = w->b[table] | (uint32_t)w->b[table + 1] << 8, vtable = table - back;

	return table + (w->b[vtable + 4 + 2 * slot] | (uint32_t)w->b[vtable + 5 + 2 * slot] << 8);
}

static inline void fw_set(struct fbz_writer *w, uint32_t table, uint32_t slot, uint32_t v)
{
	fw_put32(w, fw_field(w, table, slot), v);
}

/* The field, or element i of a vector of references, points to what is written next. */
static inline void fw_next(struct fbz_writer *w, uint32_t field)
{
	fw_put32(w, field, fw_align(w) - field);
}

/* The same, for a table of so many slots, whose vtable comes first. */
static inline void fw_next_table(struct fbz_writer *w, uint32_t field, uint32_t slots)
{
	fw_put32(w, field, ((fw_align(w) + 4 + 2 * slots + 3) & ~3u) - field);
}

static inline void fw_bytes(struct fbz_writer *w, const void *data, uint32_t count, uint32_t size)
{
	fw_put32(w, fw_align(w), count);
	memcpy(w->b + w->n + 4, data, (size_t)count * size);
	w->n += 4 + count * size;
}

static inline void fw_string(struct fbz_writer *w, const char *s)
{
	fw_bytes(w, s, (uint32_t)strlen(s), 1);
	w->n++;
}

/* A vector of references; position of the first. */
static inline uint32_t fw_vector(struct fbz_writer *w, uint32_t count)
{
	fw_put32(w, fw_align(w), count);
	w->n += 4 + 4 * count;
	return w->n - 4 * count;
}

/* The whole file in a fresh allocation. */
static inline uint8_t *fw_finish(const struct fbz_writer *w, size_t *len)
{
	uint8_t *file;
	size_t at = 0;
	uint32_t n = w->n;

	*len = 32 + (size_t)n + n / 6;
	file = calloc(1, *len);
	memset(file, 0x5a, *len); /* what is behind the stream means nothing */
	for (uint32_t v = n; at < 5; v >>= 7) {
		file[at++] = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
		if (v < 0x80)
			break;
	}
	for (uint32_t from = 0; from < n;) {
		uint32_t part = n - from > 256 ? 256 : n - from;

		file[at++] = 60 << 2; /* a literal whose length has one byte */
		file[at++] = (uint8_t)(part - 1);
		memcpy(file + at, w->b + from, part);
		at += part;
		from += part;
	}
	return file;
}

#endif
