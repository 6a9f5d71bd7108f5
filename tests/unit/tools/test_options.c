/* SPDX-License-Identifier: MIT */
/* Option parsing: values, the vendor's short names of several letters, refusals. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include "../../../tools/common/options.c"
#include "../../../tools/common/tool.c"

static const char *text;
static uint64_t count;
static double number;
static bool flag;
static const char *words[2];
static int n_words;

static int parse(int argc, ...)
{
	static const struct option_spec spec[] = {
		{"-s --save_name", OPTION_TEXT, &text, "", 0, 0}, {"-sa --samples", OPTION_COUNT, &count, "", 2, 9},
		{"--scale", OPTION_NUMBER, &number, "", 0, 0},	  {"--json", OPTION_FLAG, &flag, "", 0, 0},
		{"-c --config", OPTION_ABSENT, NULL, NULL, 0, 0}, {0},
	};
	char *argv[8];
	va_list ap;

	text = NULL;
	count = 0;
	number = 0;
	flag = false;
	va_start(ap, argc);
	for (int i = 0; i < argc; i++)
		argv[i] = va_arg(ap, char *);
	va_end(ap);
	return options_parse(argc, argv, "test", spec, words, 2, &n_words);
}

static void test_options_names_of_several_letters_do_not_mix(void **state)
{
	(void)state;
	assert_int_equal(parse(5, "-s", "x", "-sa", "3", "w"), OPTIONS_GO_ON);
	assert_string_equal(text, "x");
	assert_int_equal(count, 3);
	assert_int_equal(n_words, 1);
	assert_string_equal(words[0], "w");
}

static void test_options_long_names_take_values_both_ways(void **state)
{
	(void)state;
	assert_int_equal(parse(4, "--save_name=a=b", "--scale", "-0.5", "--json"), OPTIONS_GO_ON);
	assert_string_equal(text, "a=b");
	assert_true(number == -0.5);
	assert_true(flag);
}

static void test_options_bad_values_are_usage_errors(void **state)
{
	(void)state;
	assert_int_equal(parse(2, "-sa", "10"), TOOL_USAGE);
	assert_int_equal(parse(2, "-sa", "1"), TOOL_USAGE);
	assert_int_equal(parse(2, "-sa", "-3"), TOOL_USAGE);
	assert_int_equal(parse(2, "-sa", "3x"), TOOL_USAGE);
	assert_int_equal(parse(2, "-sa", "99999999999999999999999"), TOOL_USAGE);
	assert_int_equal(parse(2, "--scale", "nan"), TOOL_USAGE);
	assert_int_equal(parse(1, "--save_name="), TOOL_USAGE);
	assert_int_equal(parse(1, "-s"), TOOL_USAGE);
	assert_int_equal(parse(1, "--json=1"), TOOL_USAGE);
	assert_int_equal(parse(1, "--jso"), TOOL_USAGE);
	assert_int_equal(parse(3, "a", "b", "c"), TOOL_USAGE);
}

static void test_options_absent_ones_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse(2, "--config", "x"), TOOL_FAILED);
}

static void test_tool_clean_replaces_control_characters(void **state)
{
	char out[8];

	(void)state;
	assert_string_equal(tool_clean(out, sizeof(out), "a\x1b[1m\nbcdef"), "a?[1m?b");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_options_names_of_several_letters_do_not_mix),
		cmocka_unit_test(test_options_long_names_take_values_both_ways),
		cmocka_unit_test(test_options_bad_values_are_usage_errors),
		cmocka_unit_test(test_options_absent_ones_are_refused),
		cmocka_unit_test(test_tool_clean_replaces_control_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
