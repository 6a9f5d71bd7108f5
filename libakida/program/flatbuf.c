/* SPDX-License-Identifier: MIT */
/* Checked flatbuffer reading and the small builder; see flatbuf.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/le.h"
#include "program/flatbuf.h"

#define MAX_BUFFER ((size_t)1 << 30) /* positions stay far from 32-bit overflow */

/* ---- reader ---- */

static bool inside(const struct ak_fb *fb, uint64_t at, uint64_t bytes)
{
	return at <= fb->n && bytes <= fb->n - at;
}

int ak_fb_open(struct ak_fb *fb, const void *b, size_t len)
{
	uint32_t n;

	if (len < 8)
		return -EILSEQ;
	n = ak_get32(b);
	if (n < 4 || n > len - 4 || n > MAX_BUFFER)
		return -EILSEQ;
	fb->b = b;
	fb->n = (size_t)n + 4;
	return 0;
}

static int table_at(const struct ak_fb *fb, uint64_t at, struct ak_fb_table *t)
{
	int64_t vtable;
	uint32_t bytes;

	if (at % 4 || at < 4 || !inside(fb, at, 4))
		return -EILSEQ;
	vtable = (int64_t)at - (int32_t)ak_get32(fb->b + at);
	if (vtable < 4 || vtable % 2 || !inside(fb, (uint64_t)vtable, 4))
		return -EILSEQ;
	bytes = ak_get16(fb->b + vtable);
	if (bytes < 4 || bytes % 2 || !inside(fb, (uint64_t)vtable, bytes) ||
	    !inside(fb, at, ak_get16(fb->b + vtable + 2)))
		return -EILSEQ;
	t->at = (uint32_t)at;
	t->vtable = (uint32_t)vtable;
	t->slots = (bytes - 4) / 2;
	return 0;
}

int ak_fb_root(const struct ak_fb *fb, struct ak_fb_table *t)
{
	return table_at(fb, 4 + (uint64_t)ak_get32(fb->b + 4), t);
}

/* Position of a field of `bytes` bytes; 0 when absent. */
static int field_at(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint32_t bytes, uint32_t *at)
{
	uint32_t off = slot < t->slots ? ak_get16(fb->b + t->vtable + 4 + 2 * slot) : 0;

	*at = 0;
	if (!off)
		return 0;
	if (off < 4 || off + bytes > ak_get16(fb->b + t->vtable + 2) || (t->at + off) % (bytes < 4 ? bytes : 4))
		return -EILSEQ;
	*at = t->at + off;
	return 0;
}

bool ak_fb_has(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot)
{
	return slot < t->slots && ak_get16(fb->b + t->vtable + 4 + 2 * slot);
}

int ak_fb_u8(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint8_t *v)
{
	uint32_t at;
	int err = field_at(fb, t, slot, 1, &at);

	*v = !err && at ? fb->b[at] : 0;
	return err;
}

int ak_fb_u32(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint32_t *v)
{
	uint32_t at;
	int err = field_at(fb, t, slot, 4, &at);

	*v = !err && at ? ak_get32(fb->b + at) : 0;
	return err;
}

int ak_fb_u64(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint64_t *v)
{
	uint32_t at;
	int err = field_at(fb, t, slot, 8, &at);

	*v = !err && at ? ak_get64(fb->b + at) : 0;
	return err;
}

/* What a reference field points to. */
static int follow(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint64_t *to)
{
	uint32_t at;
	int err = field_at(fb, t, slot, 4, &at);

	if (err || !at)
		return err ? err : -ENOENT;
	*to = (uint64_t)at + ak_get32(fb->b + at);
	return 0;
}

int ak_fb_table(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, struct ak_fb_table *out)
{
	uint64_t to;
	int err = follow(fb, t, slot, &to);

	return err ? err : table_at(fb, to, out);
}

static int vector_at(const struct ak_fb *fb, uint64_t at, uint32_t element_bytes, struct ak_fb_vector *v)
{
	uint32_t count;

	if (at % 4 || !inside(fb, at, 4))
		return -EILSEQ;
	count = ak_get32(fb->b + at);
	if (!inside(fb, at + 4, (uint64_t)count * element_bytes))
		return -EILSEQ;
	v->at = (uint32_t)at + 4;
	v->count = count;
	return 0;
}

int ak_fb_vector(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, uint32_t element_bytes,
		 struct ak_fb_vector *v)
{
	uint64_t to;
	int err = follow(fb, t, slot, &to);

	return err ? err : vector_at(fb, to, element_bytes, v);
}

static int copy_string(const struct ak_fb *fb, const struct ak_fb_vector *v, char *s, size_t bytes)
{
	if (v->count >= bytes || !inside(fb, v->at, (uint64_t)v->count + 1) || fb->b[v->at + v->count])
		return -EILSEQ;
	for (uint32_t i = 0; i < v->count; i++)
		if (fb->b[v->at + i] < 0x20 || fb->b[v->at + i] > 0x7e)
			return -EILSEQ;
	memcpy(s, fb->b + v->at, (size_t)v->count + 1);
	return 0;
}

int ak_fb_string(const struct ak_fb *fb, const struct ak_fb_table *t, uint32_t slot, char *s, size_t bytes)
{
	struct ak_fb_vector v;
	int err = ak_fb_vector(fb, t, slot, 1, &v);

	s[0] = 0;
	if (err)
		return err == -ENOENT ? 0 : err;
	return copy_string(fb, &v, s, bytes);
}

int ak_fb_string_element(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i, char *s, size_t bytes)
{
	uint64_t at = v->at + 4 * (uint64_t)i;
	struct ak_fb_vector text;
	int err = vector_at(fb, at + ak_get32(fb->b + at), 1, &text);

	s[0] = 0;
	return err ? err : copy_string(fb, &text, s, bytes);
}

int ak_fb_element(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i, struct ak_fb_table *out)
{
	uint64_t at = v->at + 4 * (uint64_t)i;

	return table_at(fb, at + ak_get32(fb->b + at), out);
}

uint32_t ak_fb_word(const struct ak_fb *fb, const struct ak_fb_vector *v, uint32_t i)
{
	return ak_get32(fb->b + v->at + 4 * (size_t)i);
}

/* ---- builder ---- */

void ak_fb_begin(struct ak_fb_builder *w)
{
	memset(w, 0, sizeof(*w));
}

void ak_fb_discard(struct ak_fb_builder *w)
{
	free(w->b);
	memset(w, 0, sizeof(*w));
}

/* Room for n more bytes in front of the used ones; returns where they go, NULL after a failure. */
static uint8_t *push(struct ak_fb_builder *w, size_t n)
{
	if (w->err)
		return NULL;
	if (n > MAX_BUFFER - w->used) {
		w->err = -ERANGE;
		return NULL;
	}
	if (w->used + n > w->capacity) {
		size_t capacity = 2 * (w->used + n) + 256;
		uint8_t *grown = malloc(capacity);

		if (!grown) {
			w->err = -ENOMEM;
			return NULL;
		}
		if (w->used)
			memcpy(grown + capacity - w->used, w->b + w->capacity - w->used, w->used);
		free(w->b);
		w->b = grown;
		w->capacity = capacity;
	}
	w->used += n;
	return w->b + w->capacity - w->used;
}

/* Zero bytes so that after `more` bytes the position is aligned, counted from the end. */
static void align(struct ak_fb_builder *w, size_t more, size_t to)
{
	size_t n = (to - (w->used + more) % to) % to;
	uint8_t *p = push(w, n);

	if (p)
		memset(p, 0, n);
}

static uint32_t here(const struct ak_fb_builder *w)
{
	return (uint32_t)w->used;
}

static uint32_t put_u32(struct ak_fb_builder *w, uint32_t v)
{
	uint8_t *p;

	align(w, 4, 4);
	p = push(w, 4);
	if (p)
		ak_put32(p, v);
	return here(w);
}

/* A reference is stored as the distance from its own position forward to the target. */
static uint32_t put_ref(struct ak_fb_builder *w, uint32_t ref)
{
	align(w, 4, 4);
	return put_u32(w, here(w) + 4 - ref);
}

uint32_t ak_fb_put_string(struct ak_fb_builder *w, const char *s)
{
	size_t n = strlen(s);
	uint8_t *p;

	align(w, n + 1, 4);
	p = push(w, n + 1);
	if (p)
		memcpy(p, s, n + 1);
	return put_u32(w, (uint32_t)n);
}

uint32_t ak_fb_put_words(struct ak_fb_builder *w, const uint32_t *v, uint32_t count, uint32_t words)
{
	size_t n = (size_t)count * words;
	uint8_t *p;

	align(w, 0, 4);
	p = push(w, n * 4);
	for (size_t i = 0; p && i < n; i++)
		ak_put32(p + 4 * i, v[i]);
	return put_u32(w, count);
}

uint32_t ak_fb_put_offsets(struct ak_fb_builder *w, const uint32_t *refs, uint32_t count)
{
	align(w, 0, 4);
	for (uint32_t i = count; i-- > 0;)
		put_ref(w, refs[i]);
	return put_u32(w, count);
}

void ak_fb_open_table(struct ak_fb_builder *w)
{
	memset(w->field, 0, sizeof(w->field));
	w->table_end = here(w);
}

void ak_fb_add_ref(struct ak_fb_builder *w, uint32_t slot, uint32_t ref)
{
	if (ref)
		w->field[slot] = put_ref(w, ref);
}

void ak_fb_add_u32(struct ak_fb_builder *w, uint32_t slot, uint32_t v)
{
	if (v)
		w->field[slot] = put_u32(w, v);
}

void ak_fb_add_u8(struct ak_fb_builder *w, uint32_t slot, uint8_t v)
{
	uint8_t *p = v ? push(w, 1) : NULL;

	if (p) {
		*p = v;
		w->field[slot] = here(w);
	}
}

void ak_fb_add_struct(struct ak_fb_builder *w, uint32_t slot, const uint32_t *words, uint32_t count)
{
	align(w, 0, 4);
	for (uint32_t i = count; i-- > 0;)
		put_u32(w, words[i]);
	w->field[slot] = here(w);
}

/*
 * The table's first word is its position minus the vtable's; the vtable lies in front of the table or is an equal one
 * written before (further back).
 */
uint32_t ak_fb_close_table(struct ak_fb_builder *w)
{
	uint8_t vt[4 + 2 * AK_FB_SLOTS] = {0};
	uint32_t slots = 0, table, shared = 0;
	uint8_t *p;

	table = put_u32(w, 0);
	for (uint32_t i = 0; i < AK_FB_SLOTS; i++) {
		if (!w->field[i])
			continue;
		slots = i + 1;
		ak_put16(vt + 4 + 2 * i, (uint16_t)(table - w->field[i]));
	}
	ak_put16(vt, (uint16_t)(4 + 2 * slots));
	ak_put16(vt + 2, (uint16_t)(table - w->table_end));
	for (uint32_t i = 0; i < w->vtables && !w->err; i++) {
		const uint8_t *old = w->b + w->capacity - w->vtable[i];

		if (!memcmp(old, vt, 4) && !memcmp(old, vt, ak_get16(vt)))
			shared = w->vtable[i];
	}
	if (!shared) {
		align(w, 0, 2);
		p = push(w, 4 + 2 * slots);
		if (p)
			memcpy(p, vt, 4 + 2 * slots);
		shared = here(w);
		if (w->vtables < sizeof(w->vtable) / sizeof(w->vtable[0]))
			w->vtable[w->vtables++] = shared;
	}
	if (!w->err)
		ak_put32(w->b + w->capacity - table, shared - table);
	return table;
}

int ak_fb_finish(struct ak_fb_builder *w, uint32_t root, uint8_t **bytes, size_t *len)
{
	int err;

	align(w, 8, 4);
	put_ref(w, root);
	put_u32(w, here(w));
	*bytes = w->err ? NULL : malloc(w->used);
	if (*bytes) {
		memcpy(*bytes, w->b + w->capacity - w->used, w->used);
		*len = w->used;
	}
	err = w->err ? w->err : *bytes ? 0 : -ENOMEM;
	ak_fb_discard(w);
	return err;
}
