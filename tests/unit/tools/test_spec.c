/* SPDX-License-Identifier: MIT */
/* Arrays as frames: which shapes fit an input, which values, and how many labels go with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "../../../tools/common/spec.c"
#include "../../../tools/common/digits.c"
#include "../../../tools/common/tool.c"

static const struct {
	uint32_t input[3], rank;
	size_t dims[5];
	size_t frames; /* 0: refused */
} shapes[] = {
	{{28, 28, 1}, 4, {10, 28, 28, 1}, 10},
	{{28, 28, 1}, 3, {10, 28, 28}, 10},
	{{28, 28, 1}, 3, {28, 28, 1}, 1},
	{{28, 28, 1}, 2, {28, 28}, 1},
	{{28, 28, 1}, 2, {10, 784}, 10},
	{{28, 28, 1}, 2, {1, 784}, 1},
	{{28, 28, 1}, 1, {784}, 1},
	{{28, 28, 1}, 1, {7840}, 0},
	{{28, 28, 1}, 3, {10, 56, 28}, 0},
	{{28, 28, 1}, 4, {10, 14, 56, 1}, 0},
	{{28, 28, 1}, 4, {10, 27, 28, 1}, 0},
	{{49, 10, 1}, 4, {3, 10, 49, 1}, 0},
	{{49, 10, 1}, 5, {1, 3, 49, 10, 1}, 3},
	{{32, 32, 3}, 4, {4, 32, 32, 3}, 4},
	{{32, 32, 3}, 4, {4, 3, 32, 32}, 0},
	{{32, 32, 3}, 3, {32, 32, 3}, 1},
	{{1, 1, 10}, 2, {5, 10}, 5},
	{{1, 1, 1}, 1, {5}, 5},
	{{1, 1, 1}, 1, {1}, 1},
};

static void test_frames_each_shape_fits_or_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
		struct akida_array x = {0}, frames = {0};
		int status;

		assert_int_equal(akida_array_init(&x, AKIDA_U8, shapes[i].rank, shapes[i].dims), 0);
		status = spec_frames(&x, shapes[i].input, 1, 0, "shape", &frames);
		if (!status != !!shapes[i].frames || (!status && frames.dims[0] != shapes[i].frames))
			fail_msg("shape %zu: status %d, %zu frames", i, status, frames.data ? frames.dims[0] : 0);
		akida_array_fini(&frames);
		akida_array_fini(&x);
	}
}

static void test_frames_values_are_scaled_and_bounded(void **state)
{
	static const struct {
		float value;
		double scale, offset;
		int byte; /* -1: refused */
	} values[] = {
		{7, 1, 0, 7},
		{255, 1, 0, 255},
		{256, 1, 0, -1},
		{-1, 1, 0, -1},
		{0.5f, 1, 0, -1},
		{1, 255, 0, 255},
		{0.5f, 255, 0, 128},
		{-1, 1, 1, 0},
		{2, 255, 0, -1},
		{__builtin_nanf(""), 1, 0, -1},
		{__builtin_inff(), 1, 0, -1},
	};
	const uint32_t input[3] = {1, 1, 1};
	const size_t one = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
		struct akida_array x = {0}, frames = {0};
		int status;

		assert_int_equal(akida_array_init(&x, AKIDA_F32, 1, &one), 0);
		*(float *)x.data = values[i].value;
		status = spec_frames(&x, input, values[i].scale, values[i].offset, "value", &frames);
		if (!status != (values[i].byte >= 0) || (!status && *(uint8_t *)frames.data != values[i].byte))
			fail_msg("value %zu: status %d", i, status);
		akida_array_fini(&frames);
		akida_array_fini(&x);
	}
}

static void test_labels_other_count_is_refused(void **state)
{
	const size_t shape[2] = {3, 4}, three = 3, two = 2;
	struct akida_dataset d = {0};
	struct akida_array frames = {0};

	(void)state;
	assert_int_equal(akida_array_init(&frames, AKIDA_U8, 2, shape), 0);
	assert_int_equal(akida_array_init(&d.y, AKIDA_I32, 1, &three), 0);
	assert_int_equal(spec_labels(&d, &frames, "labels"), 0);
	akida_array_fini(&d.y);
	assert_int_equal(akida_array_init(&d.y, AKIDA_I32, 1, &two), 0);
	assert_int_equal(spec_labels(&d, &frames, "labels"), TOOL_FAILED);
	akida_array_fini(&d.y);
	akida_array_fini(&frames);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames_each_shape_fits_or_is_refused),
		cmocka_unit_test(test_frames_values_are_scaled_and_bounded),
		cmocka_unit_test(test_labels_other_count_is_refused),
	};

	return cmocka_run_group_tests_name("tools/spec", tests, NULL, NULL);
}
