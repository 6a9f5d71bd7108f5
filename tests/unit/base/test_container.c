/* SPDX-License-Identifier: MIT */
/* The container: round trip, damage of every kind, section rules; CRC-32C and SHA-256 against published values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/container.h"
#include "base/diag.h"
#include "base/le.h"
#include "base/sha256.h"

#define MAGIC "AKIDATST"
static const char *const known[] = {"AAAA", "BBBB"};

static int read_back(const void *b, size_t len, struct ak_section *s, struct akida_diag *d)
{
	return ak_container_read(b, len, MAGIC, 1, known, 2, s, 4, "file", d);
}

static void write_two(uint32_t flags, const char *second, void **b, size_t *len)
{
	static const char text[] = "hello", data[100] = {1, 2, 3};
	struct ak_section s[2] = {{"AAAA", AK_SECTION_MANDATORY, text, 5}, {"", flags, data, 100}};

	memcpy(s[1].tag, second, 5);
	assert_int_equal(ak_container_write(MAGIC, 1, 0, s, 2, b, len), 0);
}

static void test_read_after_write_returns_aligned_sections(void **state)
{
	struct ak_section s[4];
	size_t len;
	void *b;

	(void)state;
	write_two(0, "BBBB", &b, &len);
	assert_int_equal(len % 64, 0);
	assert_int_equal(read_back(b, len, s, NULL), 2);
	assert_int_equal(ak_section_find(s, 2, "AAAA")->bytes, 5);
	assert_memory_equal(ak_section_find(s, 2, "AAAA")->data, "hello", 5);
	assert_int_equal(((const uint8_t *)ak_section_find(s, 2, "BBBB")->data - (uint8_t *)b) % 64, 0);
	assert_null(ak_section_find(s, 2, "CCCC"));
	free(b);
}

static void test_read_unknown_sections_skips_optional_and_names_mandatory(void **state)
{
	struct akida_diag *d = akida_diag_create();
	struct ak_section s[4];
	size_t len;
	void *b;

	(void)state;
	write_two(0, "ZZZZ", &b, &len);
	assert_int_equal(read_back(b, len, s, d), 1);
	free(b);
	write_two(AK_SECTION_MANDATORY, "ZZZZ", &b, &len);
	assert_int_equal(read_back(b, len, s, d), -EOPNOTSUPP);
	assert_non_null(strstr(akida_diag_first_error(d)->text, "ZZZZ"));
	assert_string_equal(akida_diag_first_error(d)->rule, "file.section");
	free(b);
	write_two(0, "AAAA", &b, &len);
	assert_int_equal(read_back(b, len, s, NULL), -EILSEQ);
	free(b);
	akida_diag_destroy(d);
}

static void test_read_newer_versions_minor_loads_major_is_refused(void **state)
{
	struct ak_section s[4];
	size_t len;
	void *b;

	(void)state;
	write_two(0, "BBBB", &b, &len);
	ak_put16((uint8_t *)b + 10, 9);
	assert_int_equal(read_back(b, len, s, NULL), 2);
	ak_put16((uint8_t *)b + 8, 2);
	assert_int_equal(read_back(b, len, s, NULL), -EBADMSG);
	free(b);
}

static void test_read_truncated_anywhere_fails(void **state)
{
	struct ak_section s[4];
	size_t len;
	void *b;

	(void)state;
	write_two(0, "BBBB", &b, &len);
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1); /* exact size, so that a sanitizer sees every overrun */

		memcpy(copy, b, n);
		assert_true(read_back(copy, n, s, NULL) < 0);
		free(copy);
	}
	free(b);
}

static void test_read_any_flipped_bit_of_header_table_or_data_fails_or_is_padding(void **state)
{
	struct ak_section s[4];
	size_t len, passed = 0;
	uint8_t *b;

	(void)state;
	write_two(0, "BBBB", (void **)&b, &len);
	for (size_t i = 0; i < len * 8; i++) {
		b[i / 8] ^= (uint8_t)(1 << i % 8);
		passed += read_back(b, len, s, NULL) >= 0;
		b[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	/* the minor version (16 bits) and the padding behind the two sections */
	assert_int_equal(passed, 16 + 8 * (64 - 5) + 8 * (128 - 100));
	free(b);
}

static void test_crc32c_published_vector_matches(void **state)
{
	uint8_t zero[32] = {0};

	(void)state;
	assert_int_equal(ak_crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(ak_crc32c(0, zero, 32), 0x8a9136aa); /* RFC 3720 B.4 */
	assert_int_equal(ak_crc32c(ak_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void test_sha256_published_vectors_match(void **state)
{
	char hex[65], a[200];

	(void)state;
	ak_sha256_hex("", 0, hex);
	assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	ak_sha256_hex("abc", 3, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	ak_sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, hex);
	assert_string_equal(hex, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
	/* pieces equal the whole at every length around the block size */
	memset(a, 'a', sizeof(a));
	for (size_t n = 0; n < sizeof(a); n++) {
		struct ak_sha256 s;
		uint8_t one[32], two[32];

		ak_sha256_init(&s);
		ak_sha256_update(&s, a, n);
		ak_sha256_final(&s, one);
		ak_sha256_init(&s);
		ak_sha256_update(&s, a, n / 3);
		ak_sha256_update(&s, a, n - n / 3);
		ak_sha256_final(&s, two);
		assert_memory_equal(one, two, 32);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read_after_write_returns_aligned_sections),
		cmocka_unit_test(test_read_unknown_sections_skips_optional_and_names_mandatory),
		cmocka_unit_test(test_read_newer_versions_minor_loads_major_is_refused),
		cmocka_unit_test(test_read_truncated_anywhere_fails),
		cmocka_unit_test(test_read_any_flipped_bit_of_header_table_or_data_fails_or_is_padding),
		cmocka_unit_test(test_crc32c_published_vector_matches),
		cmocka_unit_test(test_sha256_published_vectors_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
