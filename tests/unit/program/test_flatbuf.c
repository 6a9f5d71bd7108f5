/* SPDX-License-Identifier: MIT */
/* The flatbuffer reader and builder: round trip, shared vtables, hostile offsets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/le.h"
#include "program/flatbuf.h"

/* Root {0: string, 1: u32, 2: u8, 3: vector of two equal tables {0: u32 vector}, 5: u8}. */
static uint8_t *make(size_t *len)
{
	static const uint32_t words[3] = {1, 2, 0xffffffff};
	struct ak_fb_builder w;
	uint32_t child[2], text, children, vector;
	uint8_t *bytes;

	ak_fb_begin(&w);
	for (int i = 0; i < 2; i++) {
		vector = ak_fb_put_words(&w, words, 3, 1);
		ak_fb_open_table(&w);
		ak_fb_add_ref(&w, 0, vector);
		child[i] = ak_fb_close_table(&w);
	}
	assert_int_equal(w.vtables, 1);
	text = ak_fb_put_string(&w, "hello");
	children = ak_fb_put_offsets(&w, child, 2);
	ak_fb_open_table(&w);
	ak_fb_add_ref(&w, 3, children);
	ak_fb_add_u32(&w, 1, 77);
	ak_fb_add_ref(&w, 0, text);
	ak_fb_add_u8(&w, 5, 0); /* the default is not stored */
	ak_fb_add_u8(&w, 2, 9);
	assert_int_equal(ak_fb_finish(&w, ak_fb_close_table(&w), &bytes, len), 0);
	return bytes;
}

static void test_builder_to_reader_round_trip(void **state)
{
	struct ak_fb_table root, child;
	struct ak_fb_vector v, words;
	struct ak_fb fb;
	uint32_t u32;
	uint8_t u8;
	char s[16];
	size_t len;
	uint8_t *b = make(&len);

	(void)state;
	assert_int_equal(ak_get32(b) + 4, len);
	assert_int_equal(ak_fb_open(&fb, b, len), 0);
	assert_int_equal(ak_fb_root(&fb, &root), 0);
	assert_int_equal(root.slots, 4);
	assert_int_equal(ak_fb_string(&fb, &root, 0, s, sizeof(s)), 0);
	assert_string_equal(s, "hello");
	assert_int_equal(ak_fb_string(&fb, &root, 0, s, 5), -EILSEQ);
	assert_int_equal(ak_fb_u32(&fb, &root, 1, &u32), 0);
	assert_int_equal(u32, 77);
	assert_int_equal(ak_fb_u8(&fb, &root, 2, &u8), 0);
	assert_int_equal(u8, 9);
	assert_false(ak_fb_has(&fb, &root, 5));
	assert_false(ak_fb_has(&fb, &root, 400));
	assert_int_equal(ak_fb_u8(&fb, &root, 5, &u8), 0);
	assert_int_equal(u8, 0);
	assert_int_equal(ak_fb_table(&fb, &root, 7, &child), -ENOENT);
	assert_int_equal(ak_fb_vector(&fb, &root, 3, 4, &v), 0);
	assert_int_equal(v.count, 2);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(ak_fb_element(&fb, &v, i, &child), 0);
		assert_int_equal(ak_fb_vector(&fb, &child, 0, 4, &words), 0);
		assert_int_equal(words.count, 3);
		assert_int_equal(ak_fb_word(&fb, &words, 2), 0xffffffff);
	}
	free(b);
}

/* Reads everything there is to read; the sanitizers watch. */
static void walk(const uint8_t *b, size_t len)
{
	struct ak_fb_table root, child;
	struct ak_fb_vector v, words;
	struct ak_fb fb;
	uint32_t u32;
	uint8_t u8;
	char s[16];

	if (ak_fb_open(&fb, b, len) || ak_fb_root(&fb, &root))
		return;
	for (uint32_t slot = 0; slot < root.slots; slot++) {
		ak_fb_string(&fb, &root, slot, s, sizeof(s));
		ak_fb_u32(&fb, &root, slot, &u32);
		ak_fb_u8(&fb, &root, slot, &u8);
		ak_fb_table(&fb, &root, slot, &child);
		if (ak_fb_vector(&fb, &root, slot, 4, &v))
			continue;
		for (uint32_t i = 0; i < v.count; i++)
			if (!ak_fb_element(&fb, &v, i, &child) && !ak_fb_vector(&fb, &child, 0, 4, &words))
				for (uint32_t k = 0; k < words.count; k++)
					u32 ^= ak_fb_word(&fb, &words, k);
	}
}

static void test_reader_survives_every_word_replaced(void **state)
{
	static const uint32_t nasty[] = {0,	 1,	  2,	      3,	  4,	      5,	 0x7fff,
					 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff};
	size_t len;
	uint8_t *b = make(&len);

	(void)state;
	for (size_t at = 0; at + 4 <= len; at += 2) {
		uint32_t keep = ak_get32(b + at);

		for (size_t k = 0; k < sizeof(nasty) / sizeof(nasty[0]); k++) {
			ak_put32(b + at, nasty[k]);
			walk(b, len);
			ak_put32(b + at, keep + nasty[k]);
			walk(b, len);
		}
		ak_put32(b + at, keep);
	}
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);

		memcpy(copy, b, n);
		walk(copy, n);
		free(copy);
	}
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builder_to_reader_round_trip),
		cmocka_unit_test(test_reader_survives_every_word_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
