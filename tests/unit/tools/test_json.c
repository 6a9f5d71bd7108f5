/* SPDX-License-Identifier: MIT */
/* The JSON writer: nesting, escapes, numbers that are not known. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "../../../tools/common/json.c"

static char *written;
static size_t written_bytes;

static struct json start_writing(void)
{
	return (struct json){.out = open_memstream(&written, &written_bytes)};
}

static void expect_written(struct json *j, const char *text)
{
	fclose(j->out);
	assert_string_equal(written, text);
	free(written);
}

static void test_json_nested_is_indented(void **state)
{
	struct json j = start_writing();

	(void)state;
	json_open(&j, NULL, '{');
	json_count(&j, "a", 1);
	json_open(&j, "b", '[');
	json_number(&j, NULL, 0.5);
	json_number(&j, NULL, 2);
	json_close(&j, ']');
	json_open(&j, "c", '{');
	json_close(&j, '}');
	json_close(&j, '}');
	expect_written(&j, "{\n  \"a\": 1,\n  \"b\": [\n    0.5,\n    2\n  ],\n  \"c\": {}\n}\n");
}

static void test_json_number_unknown_is_null(void **state)
{
	struct json j = start_writing();

	(void)state;
	json_open(&j, NULL, '[');
	json_number(&j, NULL, NAN);
	json_number(&j, NULL, INFINITY);
	json_text(&j, NULL, NULL);
	json_close(&j, ']');
	expect_written(&j, "[\n  null,\n  null,\n  null\n]\n");
}

static void test_json_text_hostile_is_escaped(void **state)
{
	struct json j = start_writing();

	(void)state;
	json_open(&j, NULL, '[');
	json_text(&j, NULL, "a\"b\\c\n\x01");
	json_text(&j, NULL, "\xc3\xa9 \xff\xc0\x80 \xed\xa0\x80");
	json_close(&j, ']');
	expect_written(&j, "[\n  \"a\\\"b\\\\c\\u000a\\u0001\",\n  \"\xc3\xa9 ??? ???\"\n]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_json_nested_is_indented),
		cmocka_unit_test(test_json_number_unknown_is_null),
		cmocka_unit_test(test_json_text_hostile_is_escaped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
