/* SPDX-License-Identifier: MIT */
/* Drawn digits: the same from the same seed, centred, with ink and paper. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include "../../../tools/common/digits.c"

#define N 400u
#define PIXELS (DIGITS_SIDE * DIGITS_SIDE)

static uint8_t images[2][N * PIXELS];
static int32_t labels[2][N];

static void test_digits_same_seed_same_images(void **state)
{
	(void)state;
	digits_draw(5, N, images[0], labels[0]);
	digits_draw(5, N, images[1], labels[1]);
	assert_memory_equal(images[0], images[1], sizeof(images[0]));
	assert_memory_equal(labels[0], labels[1], sizeof(labels[0]));
	digits_draw(6, N, images[1], labels[1]);
	assert_memory_not_equal(images[0], images[1], sizeof(images[0]));
}

static void test_digits_prefix_does_not_depend_on_count(void **state)
{
	(void)state;
	digits_draw(5, N, images[0], labels[0]);
	digits_draw(5, 7, images[1], labels[1]);
	assert_memory_equal(images[0], images[1], 7 * PIXELS);
}

static void test_digits_every_label_occurs(void **state)
{
	uint32_t count[10] = {0};

	(void)state;
	digits_draw(1, N, images[0], labels[0]);
	for (uint32_t i = 0; i < N; i++) {
		assert_in_range(labels[0][i], 0, 9);
		count[labels[0][i]]++;
	}
	for (int d = 0; d < 10; d++)
		assert_true(count[d] >= N / 20);
}

static void test_digits_images_are_centred_ink_on_paper(void **state)
{
	(void)state;
	digits_draw(2, N, images[0], labels[0]);
	for (uint32_t i = 0; i < N; i++) {
		double mass = 0, x = 0, y = 0;
		uint8_t most = 0;

		for (uint32_t k = 0; k < PIXELS; k++) {
			uint8_t v = images[0][i * PIXELS + k];

			mass += v;
			x += v * (k % DIGITS_SIDE + .5);
			y += v * (k / DIGITS_SIDE + .5);
			most = v > most ? v : most;
		}
		assert_true(most > 200);
		assert_true(mass / 255 > 25 && mass / 255 < 300);
		assert_true(x / mass > 13 && x / mass < 15 && y / mass > 13 && y / mass < 15);
		for (uint32_t k = 0; k < DIGITS_SIDE; k++)
			assert_int_equal(images[0][i * PIXELS + k] + images[0][i * PIXELS + k * DIGITS_SIDE], 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_digits_same_seed_same_images),
		cmocka_unit_test(test_digits_prefix_does_not_depend_on_count),
		cmocka_unit_test(test_digits_every_label_occurs),
		cmocka_unit_test(test_digits_images_are_centred_ink_on_paper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
