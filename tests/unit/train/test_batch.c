// SPDX-License-Identifier: MIT
/* Order, conversion and augmentation of batches; loss and its gradient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>
#include "train/batch.h"
#include "train/loss.h"

static void test_shuffle_is_a_permutation_of_the_seed(void **state)
{
	struct ak_random a = ak_random_stream(1, 2), b = ak_random_stream(1, 2), c = ak_random_stream(2, 2);
	uint32_t x[100], y[100], z[100], seen[100] = {0};

	(void)state;
	ak_batch_shuffle(x, 100, &a);
	ak_batch_shuffle(y, 100, &b);
	ak_batch_shuffle(z, 100, &c);
	assert_memory_equal(x, y, sizeof(x));
	assert_memory_not_equal(x, z, sizeof(x));
	for (int i = 0; i < 100; i++)
		seen[x[i]]++;
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], 1);
}

static void test_fill_scales_any_type_in_order(void **state)
{
	struct ak_chain chain = {.input = {1, 2, 1}, .scale = 0.5f, .offset = -1};
	uint8_t bytes[] = {0, 2, 4, 6, 8, 10};
	double reals[] = {0, 2, 4, 6, 8, 10};
	struct akida_array x = {.dtype = AKIDA_U8, .rank = 3, .dims = {3, 2, 1}, .data = bytes};
	float out[4];

	(void)state;
	ak_batch_fill(&chain, &x, (uint32_t[]){9, 2, 0}, 1, 2, 0, NULL, out);
	assert_memory_equal(out, ((float[]){3, 4, -1, 0}), sizeof(out));
	x.dtype = AKIDA_F64;
	x.data = reals;
	memset(out, 0, sizeof(out));
	ak_batch_fill(&chain, &x, NULL, 1, 2, 0, NULL, out);
	assert_memory_equal(out, ((float[]){1, 2, 3, 4}), sizeof(out));
}

/* Every shifted image is the original moved as a whole, with zeros (offset after scaling) coming in. */
static void test_fill_shift_moves_the_image(void **state)
{
	struct ak_chain chain = {.input = {4, 5, 2}, .scale = 1, .offset = 0.25f};
	struct ak_random r = ak_random_stream(3, 3);
	uint8_t bytes[40];
	struct akida_array x = {.dtype = AKIDA_U8, .rank = 4, .dims = {1, 4, 5, 2}, .data = bytes};
	bool moved = false;

	(void)state;
	for (int i = 0; i < 40; i++)
		bytes[i] = (uint8_t)(i + 1);
	for (int k = 0; k < 50; k++) {
		int found = 0;
		float out[40];

		ak_batch_fill(&chain, &x, NULL, 0, 1, 2, &r, out);
		for (int dy = -2; dy <= 2; dy++)
			for (int dx = -2; dx <= 2; dx++) {
				bool same = true;

				for (int i = 0; i < 40; i++) {
					int y = i / 10 - dy, xx = i / 2 % 5 - dx;
					float want =
						y < 0 || y > 3 || xx < 0 || xx > 4 ? 0 : bytes[y * 10 + xx * 2 + i % 2];

					same = same && out[i] == want + 0.25f;
				}
				found += same;
				moved = moved || (same && dy && dx);
			}
		assert_int_equal(found, 1);
	}
	assert_true(moved);
}

static void test_cross_entropy_known_values(void **state)
{
	const float z[] = {0, 0, 0, 0, 1000, 0, -1000, 0};
	float g[8];
	double loss = 0;
	uint64_t right = 0;

	(void)state;
	ak_loss_cross_entropy(z, (int32_t[]){2, 0}, 2, 4, g, &loss, &right);
	assert_true(fabs(loss - log(4)) < 1e-9);
	assert_int_equal(right, 1);
	for (int c = 0; c < 4; c++) {
		assert_true(fabsf(g[c] - (0.25f - (c == 2)) / 2) < 1e-6f);
		assert_true(fabsf(g[4 + c]) < 1e-6f);
	}
	ak_loss_cross_entropy(z + 4, (int32_t[]){2}, 1, 4, NULL, &loss, &right);
	assert_true(fabs(loss - log(4) - 2000) < 1e-6);
	assert_int_equal(right, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shuffle_is_a_permutation_of_the_seed),
		cmocka_unit_test(test_fill_scales_any_type_in_order),
		cmocka_unit_test(test_fill_shift_moves_the_image),
		cmocka_unit_test(test_cross_entropy_known_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
