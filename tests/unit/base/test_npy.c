/* SPDX-License-Identifier: MIT */
/* .npy corner cases in one table, round trips of all types, raw frames, arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/data.h>
#include "base/fileio.h"

/* A file from version, header text and data bytes; exact allocation so that overruns are seen. */
static uint8_t *make(int version, const char *text, size_t data, size_t *len)
{
	size_t n = strlen(text), prefix = version == 1 ? 10 : 12;
	uint8_t *b = calloc(1, prefix + n + data);

	memcpy(b, "\x93NUMPY", 6);
	b[6] = (uint8_t)version;
	b[8] = (uint8_t)n;
	b[9] = (uint8_t)(n >> 8);
	memcpy(b + prefix, text, n);
	*len = prefix + n + data;
	return b;
}

static const struct {
	const char *what;
	int version;
	const char *text;
	size_t data;
	int err;
	const char *rule;
} cases[] = {
	{"version 1", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, 0, NULL},
	{"version 2", 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, 0, NULL},
	{"version 3", 3, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, 0, NULL},
	{"other key order and quotes", 1, "{\"shape\":(2,3),\"descr\":\"|u1\",\"fortran_order\":False}", 6, 0, NULL},
	{"scalar", 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (), }", 8, 0, NULL},
	{"one dimension in Fortran order is also C order", 1,
	 "{'descr': '<i4', 'fortran_order': True, 'shape': (2,), }", 8, 0, NULL},
	{"zero-size", 1, "{'descr': '<i4', 'fortran_order': False, 'shape': (0, 28, 28), }", 0, 0, NULL},
	{"version 4", 4, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 24, -EOPNOTSUPP,
	 "file.version"},
	{"Fortran order", 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24, -EOPNOTSUPP, "npy.type"},
	{"big-endian", 1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", 24, -EOPNOTSUPP, "npy.type"},
	{"complex", 1, "{'descr': '<c8', 'fortran_order': False, 'shape': (3,), }", 24, -EOPNOTSUPP, "npy.type"},
	{"object", 1, "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }", 24, -EOPNOTSUPP, "npy.type"},
	{"record", 1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,), }", 12, -EOPNOTSUPP,
	 "npy.type"},
	{"rank 7", 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1, 1, 1), }", 1, -EOPNOTSUPP,
	 "npy.type"},
	{"one byte short", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 23, -EILSEQ,
	 "file.truncated"},
	{"one byte long", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", 25, -EILSEQ, "npy.header"},
	{"absurd dimension", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999999, 3), }", 24,
	 -EILSEQ, "sys.range"},
	{"overflowing product", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4), }",
	 0, -EILSEQ, "sys.range"},
	{"large but possible", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000,), }", 8, -EILSEQ,
	 "file.truncated"},
	{"negative dimension", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3), }", 0, -EILSEQ,
	 "npy.header"},
	{"shape is a number", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3), }", 12, -EILSEQ, "npy.header"},
	{"no shape", 1, "{'descr': '<f4', 'fortran_order': False, }", 12, -EILSEQ, "npy.header"},
	{"key twice", 1, "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (3,), }", 12, -EILSEQ,
	 "npy.header"},
	{"unknown key", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), 'x': 1}", 12, -EILSEQ,
	 "npy.header"},
	{"unterminated string", 1, "{'descr': '<f4", 12, -EILSEQ, "npy.header"},
	{"unterminated dictionary", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,)", 12, -EILSEQ,
	 "npy.header"},
	{"text after the dictionary", 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), } import os", 12,
	 -EILSEQ, "npy.header"},
	{"empty header", 1, "", 12, -EILSEQ, "npy.header"},
};

static void test_parse_corner_cases_give_the_documented_result(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_diag *d = akida_diag_create();
		struct akida_array a;
		size_t len;
		uint8_t *b = make(cases[i].version, cases[i].text, cases[i].data, &len);
		int err = akida_npy_parse(b, len, "x.npy", &a, d);

		if (err != cases[i].err)
			fail_msg("%s: %d instead of %d", cases[i].what, err, cases[i].err);
		if (cases[i].rule)
			assert_string_equal(akida_diag_first_error(d)->rule, cases[i].rule);
		else
			assert_int_equal(akida_array_elements(&a) * akida_dtype_bytes(a.dtype), cases[i].data);
		akida_array_fini(&a);
		akida_diag_destroy(d);
		free(b);
	}
}

/* Unsigned numbers that have no type of their own become the next larger signed one. */
static void test_parse_widens_unsigned(void **state)
{
	const char *text[] = {"{'descr': '<u2', 'fortran_order': False, 'shape': (2,), }\n",
			      "{'descr': '<u4', 'fortran_order': False, 'shape': (2,), }\n"};
	struct akida_array a;
	size_t len;
	uint8_t *b;

	(void)state;
	b = make(1, text[0], 4, &len);
	memcpy(b + len - 4, (uint8_t[]){0xff, 0xff, 0x01, 0x02}, 4);
	assert_int_equal(akida_npy_parse(b, len, "x.npy", &a, NULL), 0);
	assert_int_equal(a.dtype, AKIDA_I32);
	assert_int_equal(((int32_t *)a.data)[0], 65535);
	assert_int_equal(((int32_t *)a.data)[1], 0x201);
	akida_array_fini(&a);
	assert_int_equal(akida_npy_parse(b, len - 1, "x.npy", &a, NULL), -EILSEQ);
	free(b);
	b = make(1, text[1], 8, &len);
	memcpy(b + len - 8, (uint8_t[]){0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}, 8);
	assert_int_equal(akida_npy_parse(b, len, "x.npy", &a, NULL), 0);
	assert_int_equal(a.dtype, AKIDA_I64);
	assert_true(((int64_t *)a.data)[0] == 4294967295);
	assert_true(((int64_t *)a.data)[1] == 0x04030201);
	akida_array_fini(&a);
	free(b);
}

static void test_parse_truncated_anywhere_fails(void **state)
{
	size_t len;
	uint8_t *b = make(2, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", 24, &len);

	(void)state;
	for (size_t n = 0; n < len; n++) {
		uint8_t *copy = malloc(n ? n : 1);
		struct akida_array a;

		memcpy(copy, b, n);
		assert_int_equal(akida_npy_parse(copy, n, "x", &a, NULL), -EILSEQ);
		assert_null(a.data);
		free(copy);
	}
	free(b);
}

static void test_parse_header_longer_than_file_fails(void **state)
{
	uint8_t b[12] = "\x93NUMPY\x02\x00\xff\xff\xff\xff";
	struct akida_array a;

	(void)state;
	assert_int_equal(akida_npy_parse(b, sizeof(b), "x", &a, NULL), -EILSEQ);
}

static void test_save_then_load_returns_the_same_values(void **state)
{
	char path[64];
	const size_t dims[2] = {3, 5};

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_npy_%ld.npy", (long)getpid());
	for (int t = AKIDA_U8; t <= AKIDA_F64; t++) {
		struct akida_array a, b;
		size_t bytes;

		assert_int_equal(akida_array_init(&a, (enum akida_dtype)t, 2, dims), 0);
		bytes = 15 * akida_dtype_bytes(a.dtype);
		for (size_t i = 0; i < bytes; i++)
			((uint8_t *)a.data)[i] = (uint8_t)(i * 7);
		assert_int_equal(akida_npy_save(path, &a, NULL), 0);
		assert_int_equal(akida_npy_load(path, &b, NULL), 0);
		assert_int_equal(b.dtype, a.dtype);
		assert_int_equal(b.rank, 2);
		assert_int_equal(b.dims[0], 3);
		assert_int_equal(b.dims[1], 5);
		assert_memory_equal(a.data, b.data, bytes);
		akida_array_fini(&a);
		akida_array_fini(&b);
	}
	unlink(path);
}

static void test_nan_is_a_value(void **state)
{
	size_t len;
	uint8_t *b = make(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n", 8, &len);
	float nan_and_inf[2] = {NAN, INFINITY};
	struct akida_array a;

	(void)state;
	memcpy(b + len - 8, nan_and_inf, 8);
	assert_int_equal(akida_npy_parse(b, len, "x", &a, NULL), 0);
	assert_true(isnan(((float *)a.data)[0]));
	assert_true(isinf(((float *)a.data)[1]));
	akida_array_fini(&a);
	free(b);
}

static void test_save_to_unwritable_place_leaves_nothing(void **state)
{
	struct akida_diag *d = akida_diag_create();
	const size_t one = 1;
	struct akida_array a;

	(void)state;
	assert_int_equal(akida_array_init(&a, AKIDA_U8, 1, &one), 0);
	assert_int_equal(akida_npy_save("/nonexistent-folder/x.npy", &a, d), -ENOENT);
	assert_non_null(akida_diag_first_error(d));
	akida_array_fini(&a);
	assert_int_equal(akida_npy_save("/tmp/never.npy", &a, d), -EINVAL);
	akida_diag_destroy(d);
}

static void test_raw_load_needs_a_multiple_of_the_frame(void **state)
{
	char path[64];
	struct akida_array a;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_raw_%ld.bin", (long)getpid());
	assert_int_equal(ak_file_write(path, "abcdef", 6, NULL), 0);
	assert_int_equal(akida_raw_load(path, 3, &a, NULL), 0);
	assert_int_equal(a.dims[0], 2);
	assert_int_equal(a.dims[1], 3);
	assert_memory_equal(a.data, "abcdef", 6);
	akida_array_fini(&a);
	assert_int_equal(akida_raw_load(path, 4, &a, NULL), -EILSEQ);
	assert_int_equal(akida_raw_load(path, 12, &a, NULL), -EILSEQ);
	assert_int_equal(akida_raw_load(path, 0, &a, NULL), -EINVAL);
	unlink(path);
	assert_int_equal(akida_raw_load(path, 3, &a, NULL), -ENOENT);
}

static void test_array_init_checks_rank_and_size(void **state)
{
	const size_t big[3] = {(size_t)1 << 30, (size_t)1 << 30, 16}, zero[2] = {0, SIZE_MAX},
		     ones[7] = {1, 1, 1, 1, 1, 1, 1};
	struct akida_array a;

	(void)state;
	assert_int_equal(akida_array_init(&a, AKIDA_F32, 0, ones), -EINVAL);
	assert_int_equal(akida_array_init(&a, AKIDA_F32, 7, ones), -EINVAL);
	assert_int_equal(akida_array_init(&a, AKIDA_F32, 3, big), -ERANGE);
	assert_int_equal(akida_array_init(&a, AKIDA_F32, 2, zero), -ERANGE);
	assert_int_equal(akida_array_init(&a, AKIDA_F32, 6, ones), 0);
	assert_int_equal(akida_array_elements(&a), 1);
	akida_array_fini(&a);
	akida_array_fini(&a);
	assert_int_equal(akida_array_elements(&a), 0);
	akida_array_fini(NULL);
	akida_dataset_fini(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_corner_cases_give_the_documented_result),
		cmocka_unit_test(test_parse_widens_unsigned),
		cmocka_unit_test(test_parse_truncated_anywhere_fails),
		cmocka_unit_test(test_parse_header_longer_than_file_fails),
		cmocka_unit_test(test_save_then_load_returns_the_same_values),
		cmocka_unit_test(test_nan_is_a_value),
		cmocka_unit_test(test_save_to_unwritable_place_leaves_nothing),
		cmocka_unit_test(test_raw_load_needs_a_multiple_of_the_frame),
		cmocka_unit_test(test_array_init_checks_rank_and_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
