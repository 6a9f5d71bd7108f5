// SPDX-License-Identifier: MIT
/* Heart beats as images, worked out by hand; the shared beats; archives that are none. */
#include <errno.h>
#include <math.h>
#include <akida/status.h>
#include "import/ecg.h"
#include "files.h"

#define W AK_ECG_WIDTH

static uint8_t images[3][AK_ECG_ROWS][W];

/* Three beats: flat ones with a spike at R of 100, 100 and 200; the median beat has 100. */
static void draw(const float *intervals)
{
	static int16_t beats[3][W];
	const int16_t *windows[3] = {beats[0], beats[1], beats[2]};

	memset(beats, 0, sizeof(beats));
	for (int i = 0; i < 3; i++) {
		for (unsigned int k = 0; k < W; k++)
			beats[i][k] = (int16_t)(10 * i);
		beats[i][56] = (int16_t)(beats[i][0] + (i == 2 ? 200 : 100));
	}
	assert_int_equal(ak_ecg_images(windows, intervals, 3, &images[0][0][0]), 0);
}

static void test_images_signal_is_relative_to_the_records_range(void **state)
{
	(void)state;
	draw((float[]){1, 1, 1, 1, 1, 1});
	for (int row = 0; row < 3; row++) {
		assert_int_equal(images[0][row][0], 128); /* any level of the line becomes the middle */
		assert_int_equal(images[1][row][127], 128);
		assert_int_equal(images[0][row][56], 224); /* 128 + 96 */
		assert_int_equal(images[2][row][56], 255); /* 128 + 192, at its limit */
	}
}

static void test_images_difference_from_the_median_beat(void **state)
{
	(void)state;
	draw((float[]){1, 1, 1, 1, 1, 1});
	for (int row = 3; row < 5; row++) {
		assert_int_equal(images[0][row][56], 128);
		assert_int_equal(images[2][row][56], 224);
		assert_int_equal(images[2][row][55], 128);
	}
}

/* Intervals 0.8 and 0.8 but for beat 2: 0.4 before, none behind, where the record's median stands in. */
static void test_images_intervals(void **state)
{
	(void)state;
	draw((float[]){NAN, 0.8f, 0.8f, 0.8f, 0.4f, NAN});
	assert_int_equal(images[0][5][3], 100);
	assert_int_equal(images[2][5][0], 50);
	assert_int_equal(images[2][6][64], 100);
	assert_int_equal(images[2][7][127], 50);
	draw((float[]){NAN, NAN, NAN, NAN, NAN, NAN});
	assert_int_equal(images[1][7][0], 100);
}

static void test_load_shared_beats_splits_patients(void **state)
{
	struct akida_dataset d = {0};
	size_t count[3] = {0};
	char path[PATH_MAX];

	(void)state;
	if (!shared_file("ecg_mitbih/beats_shared.npz", path, sizeof(path))) {
		fprintf(stderr, "skipped: shared data file ecg_mitbih/beats_shared.npz is not here\n");
		skip();
	}
	assert_int_equal(ak_ecg_load(path, false, &d, NULL), 0);
	assert_int_equal(d.classes, 3);
	for (size_t i = 0; i < d.y.dims[0]; i++)
		count[((int32_t *)d.y.data)[i]]++;
	assert_int_equal(count[0], 6738);
	assert_int_equal(count[1], 344);
	assert_int_equal(count[2], 1372);
	assert_int_equal(d.x.dims[0], 8454);
	akida_dataset_fini(&d);
	memset(&d, 0, sizeof(d));
	assert_int_equal(ak_ecg_load(path, true, &d, NULL), 0);
	assert_int_equal(d.x.dims[0], 9891 + 943 + 3787);
	akida_dataset_fini(&d);
}

static void test_load_of_an_archive_without_labels_names_what_is_missing(void **state)
{
	struct akida_array x = {0};
	struct akida_dataset d = {0};
	struct akida_diag *diag = akida_diag_create();
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "x.npz");
	assert_int_equal(akida_array_init(&x, AKIDA_I16, 2, (size_t[]){4, 187}), 0);
	assert_int_equal(akida_npz_save(path, "x", &x, diag), 0);
	assert_int_equal(ak_ecg_load(path, true, &d, diag), -ENOENT);
	assert_non_null(strstr(akida_diag_first_error(diag)->text, "named y"));
	akida_dataset_fini(&d);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_images_signal_is_relative_to_the_records_range),
		cmocka_unit_test(test_images_difference_from_the_median_beat),
		cmocka_unit_test(test_images_intervals),
		cmocka_unit_test(test_load_shared_beats_splits_patients),
		cmocka_unit_test(test_load_of_an_archive_without_labels_names_what_is_missing),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
