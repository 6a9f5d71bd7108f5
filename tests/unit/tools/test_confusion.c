// SPDX-License-Identifier: MIT
/* Figures of a matrix of answers against values worked out by hand, and its drawing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "../../../tools/common/confusion.c"
#include "../../../tools/common/table.c"
#include "../../../tools/common/tool.c"

static const char *const names[] = {"a", "b<", "c"};

static void near(double got, double want)
{
	if (fabs(got - want) > 1e-12)
		fail_msg("%.15g, not %.15g", got, want);
}

/* Labels 0 0 0 1 1 2, answers 0 0 1 1 0 2; the last row has two largest values. */
static struct confusion sample(void)
{
	static const float rows[] = {3, 1, 2, 9, 8, 7, 0, 1, 0, -3, -1, -2, 5, 0, 1, -1, 4, 4};
	static const int32_t labels[] = {0, 0, 0, 1, 1, 2};
	struct confusion c = {.classes = 3, .names = names};

	confusion_add(&c, rows, labels, 4);
	confusion_add(&c, rows + 12, labels + 4, 2);
	return c;
}

static void test_add_takes_the_first_of_the_largest(void **state)
{
	struct confusion c = sample();

	(void)state;
	assert_int_equal(c.count[0][0], 2);
	assert_int_equal(c.count[0][1], 1);
	assert_int_equal(c.count[1][1], 1);
	assert_int_equal(c.count[1][0], 1);
	assert_int_equal(c.count[2][1], 1);
	assert_int_equal(confusion_total(&c), 6);
}

static void test_figures(void **state)
{
	struct confusion c = sample();

	(void)state;
	near(confusion_accuracy(&c), 0.5);
	near(confusion_precision(&c, 0), 2.0 / 3);
	near(confusion_recall(&c, 0), 2.0 / 3);
	near(confusion_f1(&c, 0), 2.0 / 3);
	near(confusion_precision(&c, 1), 1.0 / 3);
	near(confusion_recall(&c, 1), 0.5);
	near(confusion_f1(&c, 1), 0.4);
	near(confusion_f1(&c, 2), 0);
	near(confusion_macro_f1(&c), (2.0 / 3 + 0.4) / 3);
	near(confusion_weighted_f1(&c), (2.0 / 3 * 3 + 0.4 * 2) / 6);
}

static void test_figures_without_samples(void **state)
{
	struct confusion c = {.classes = 2, .names = names};

	(void)state;
	assert_true(isnan(confusion_accuracy(&c)));
	near(confusion_macro_f1(&c), 0);
	near(confusion_weighted_f1(&c), 0);
}

static void test_draw_writes_every_count_and_no_markup_of_names(void **state)
{
	char folder[] = "/tmp/akida-confusion-XXXXXX", path[64], text[8192];
	struct confusion c = sample();
	size_t n;
	FILE *f;

	(void)state;
	c.count[2][0] = 4711;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/m.svg", folder);
	assert_int_equal(confusion_draw(&c, "title & more", path), 0);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	assert_true(n > 0 && n < sizeof(text) - 1);
	assert_non_null(strstr(text, ">4711</text>"));
	assert_non_null(strstr(text, "title ? more"));
	assert_non_null(strstr(text, ">b?</text>"));
	assert_non_null(strstr(text, "</svg>"));
	unlink(path);
	snprintf(path, sizeof(path), "%s/absent/m.svg", folder);
	assert_int_equal(confusion_draw(&c, "title", path), 1);
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_add_takes_the_first_of_the_largest),
		cmocka_unit_test(test_figures),
		cmocka_unit_test(test_figures_without_samples),
		cmocka_unit_test(test_draw_writes_every_count_and_no_markup_of_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
