/* SPDX-License-Identifier: MIT */
/*
 * As much of FlatBuffers as a program needs (format: flatbuffers internals page): a reader that checks every offset
 * against the buffer, and a builder that lays bytes out as the reference builder does, back to front, so that the same
 * content gives the same file. Not a general implementation.
 */
#ifndef AK_PROGRAM_FLATBUF_H
#define AK_PROGRAM_FLATBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reader: positions are bytes from the start of the buffer, its size prefix included ---- */

struct ak_fb {
	const uint8_t *b;
	size_t n; /* bytes of the buffer, prefix included */
};
struct ak_fb_table {
	uint32_t at, vtable;
	uint32_t slots; /* slots the vtable has */
};
struct ak_fb_vector {
	uint32_t at; /* position of element 0 */
	uint32_t count;
};

/* A size-prefixed buffer at b: -EILSEQ when the prefix does not fit len bytes. */
int ak_fb_open(struct ak_fb *fb, const void *b, size_t len);
int ak_fb_root(const struct ak_fb *fb, struct ak_fb_table *t);
bool ak_fb_has(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot);
/* Fields. An absent one gives the default, -ENOENT (table, vector) or an empty string. */
int ak_fb_u8(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint8_t *v);
int ak_fb_u32(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint32_t *v);
int ak_fb_u64(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint64_t *v);
int ak_fb_table(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, struct ak_fb_table *out);
int ak_fb_vector(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint32_t element_bytes,
		 struct ak_fb_vector *v);
/* Copies a string of fewer than bytes printable characters. */
int ak_fb_string(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, char *s, size_t bytes);
/* Element i of a vector of strings, likewise; of a vector of tables. */
int ak_fb_string_element(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i, char *s, size_t bytes);
int ak_fb_element(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i, struct ak_fb_table *out);
uint32_t ak_fb_word(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i);

/* ---- builder: references count from the end of the buffer, as long as it grows ---- */

#define AK_FB_SLOTS 16u

struct ak_fb_builder {
	uint8_t *b; /* bytes are the last `used` of `capacity` */
	size_t capacity, used;
	int err;		     /* first failure; later calls do nothing */
	uint32_t field[AK_FB_SLOTS]; /* of the open table: reference of each slot, 0 absent */
	uint32_t table_end;	     /* reference of the byte behind the open table */
	uint32_t vtable[32];	     /* references of the vtables written so far, for sharing */
	uint32_t vtables;
};

void ak_fb_begin(struct ak_fb_builder *w);
void ak_fb_discard(struct ak_fb_builder *w);
uint32_t ak_fb_put_string(struct ak_fb_builder *w, const char *s);
/* count elements of words 32-bit words each: scalars, floats by bit pattern, structs. */
uint32_t ak_fb_put_words(struct ak_fb_builder *w, const uint32_t *v, uint32_t count, uint32_t words);
uint32_t ak_fb_put_offsets(struct ak_fb_builder *w, const uint32_t *refs, uint32_t count);
/* Tables: open, add fields from the largest type down and the last slot first, close. Zero scalars are left out. */
void ak_fb_open_table(struct ak_fb_builder *w);
void ak_fb_add_ref(struct ak_fb_builder *w, uint32_t slot, uint32_t ref);
void ak_fb_add_u32(struct ak_fb_builder *w, uint32_t slot, uint32_t v);
void ak_fb_add_u8(struct ak_fb_builder *w, uint32_t slot, uint8_t v);
void ak_fb_add_struct(struct ak_fb_builder *w, uint32_t slot, const uint32_t *words, uint32_t count);
uint32_t ak_fb_close_table(struct ak_fb_builder *w);
/* Size-prefixed buffer in a fresh allocation; the builder is released, also on failure. */
int ak_fb_finish(struct ak_fb_builder *w, uint32_t root, uint8_t **bytes, size_t *len);

#endif
