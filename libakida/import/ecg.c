// SPDX-License-Identifier: MIT
/*
 * Heart beats as images. SPEC ecg-train:FILE and ecg:FILE: an .npz with a row per annotated beat (x, y, record, split,
 * rr_prev_next_s), whose patients are divided into those to learn from (split 1) and those to be judged by (2).
 *
 * A beat becomes 8 rows of 128 values, 125 a second, R at the 57th: three times the signal without its median, twice
 * what differs from the record's median beat, and three rows of one value each: the interval before,
 * the interval behind, both relative to the record's median, and their ratio. Amplitudes are relative to the record's
 * median range. A record's medians need no labels, but the whole record.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "data.h"
#include "ecg.h"

#define FROM 37u /* of 187 samples; R is the 94th */
#define WIDTH AK_ECG_WIDTH
#define SIGNAL_ROWS 3u
#define TEMPLATE_ROWS 2u
#define GAIN 96.0f /* steps of the image for the record's median range */
#define MIDDLE 128.0f
#define RATIO 100.0f

struct beats {
	struct akida_array x, y, record, split, intervals;
	size_t count, samples;
};

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Sorts v. Of none: 0. */
static float median(float *v, size_t n)
{
	if (!n)
		return 0;
	qsort(v, n, sizeof(*v), compare);
	return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static uint8_t pixel(float v)
{
	return (uint8_t)rintf(fminf(fmaxf(v, 0), 255));
}

static void center(const int16_t *x, float *beat)
{
	float sorted[WIDTH], middle;

	for (size_t i = 0; i < WIDTH; i++)
		beat[i] = sorted[i] = x[i];
	middle = median(sorted, WIDTH);
	for (size_t i = 0; i < WIDTH; i++)
		beat[i] -= middle;
}

static float range(const float *beat)
{
	float low = beat[0], high = beat[0];

	for (size_t i = 1; i < WIDTH; i++) {
		low = fminf(low, beat[i]);
		high = fmaxf(high, beat[i]);
	}
	return high - low;
}

/* What the beats of one record have in common. */
struct patient {
	float range, interval, beat[WIDTH];
};

/* beats: n x WIDTH; intervals: n x 2 seconds, NaN where there is no neighbour; scratch: 2 n values. */
static void summarize(const float *beats, const float *intervals, size_t n, float *scratch, struct patient *p)
{
	size_t i, k, finite = 0;

	for (i = 0; i < n; i++)
		scratch[i] = range(beats + i * WIDTH);
	p->range = fmaxf(median(scratch, n), 1);
	for (k = 0; k < WIDTH; k++) {
		for (i = 0; i < n; i++)
			scratch[i] = beats[i * WIDTH + k];
		p->beat[k] = median(scratch, n);
	}
	for (i = 0; i < 2 * n; i++)
		if (intervals[i] > 0)
			scratch[finite++] = intervals[i];
	p->interval = finite ? median(scratch, finite) : 1;
}

static void draw(const struct patient *p, const float *beat, const float intervals[2], uint8_t *image)
{
	float before = intervals[0] > 0 ? intervals[0] : p->interval,
	      behind = intervals[1] > 0 ? intervals[1] : p->interval;
	const uint8_t flat[] = {pixel(before / p->interval * RATIO), pixel(behind / p->interval * RATIO),
				pixel(before / behind * RATIO)};
	size_t i, row = 0;

	for (; row < SIGNAL_ROWS; row++)
		for (i = 0; i < WIDTH; i++)
			image[row * WIDTH + i] = pixel(MIDDLE + beat[i] / p->range * GAIN);
	for (; row < SIGNAL_ROWS + TEMPLATE_ROWS; row++)
		for (i = 0; i < WIDTH; i++)
			image[row * WIDTH + i] = pixel(MIDDLE + (beat[i] - p->beat[i]) / p->range * GAIN);
	for (; row < AK_ECG_ROWS; row++)
		memset(image + row * WIDTH, flat[row - SIGNAL_ROWS - TEMPLATE_ROWS], WIDTH);
}

int ak_ecg_images(const int16_t *const *windows, const float *intervals, size_t n, uint8_t *images)
{
	float *beats = malloc((n ? n : 1) * WIDTH * sizeof(*beats)), *scratch = malloc((2 * n + 1) * sizeof(*scratch));
	struct patient p;
	size_t i;

	if (beats && scratch) {
		for (i = 0; i < n; i++)
			center(windows[i], beats + i * WIDTH);
		summarize(beats, intervals, n, scratch, &p);
		for (i = 0; i < n; i++)
			draw(&p, beats + i * WIDTH, intervals + 2 * i, images + i * AK_ECG_ROWS * WIDTH);
	}
	free(beats);
	free(scratch);
	return beats && scratch ? 0 : -ENOMEM;
}

static void beats_fini(struct beats *b)
{
	akida_array_fini(&b->x);
	akida_array_fini(&b->y);
	akida_array_fini(&b->record);
	akida_array_fini(&b->split);
	akida_array_fini(&b->intervals);
}

static int wrong(const char *path, const char *name, const char *want, struct akida_diag *diag)
{
	return ak_fail(diag, -EINVAL, AK_RULE_DATA_MISMATCH, path, "array %s is not %s", name, want);
}

static int beats_load(const char *path, struct beats *b, struct akida_diag *diag)
{
	int err = ak_npz_load(path, "x", false, &b->x, diag);

	if (!err)
		err = ak_npz_load(path, "y", false, &b->y, diag);
	if (!err)
		err = ak_npz_load(path, "record", false, &b->record, diag);
	if (!err)
		err = ak_npz_load(path, "split", false, &b->split, diag);
	if (!err)
		err = ak_npz_load(path, "rr_prev_next_s", false, &b->intervals, diag);
	if (err)
		return err;
	if (b->x.dtype != AKIDA_I16 || b->x.rank != 2 || b->x.dims[1] < FROM + WIDTH)
		return wrong(path, "x", "int16 of (beats, 165 samples or more)", diag);
	b->count = b->x.dims[0];
	b->samples = b->x.dims[1];
	if (b->y.dtype != AKIDA_U8 || akida_array_elements(&b->y) != b->count)
		return wrong(path, "y", "one uint8 for each beat", diag);
	if (b->record.dtype != AKIDA_I32 || akida_array_elements(&b->record) != b->count)
		return wrong(path, "record", "one uint16 or int32 for each beat", diag);
	if (b->split.dtype != AKIDA_U8 || akida_array_elements(&b->split) != b->count)
		return wrong(path, "split", "one uint8 for each beat", diag);
	if (b->intervals.dtype != AKIDA_F32 || akida_array_elements(&b->intervals) != 2 * b->count)
		return wrong(path, "rr_prev_next_s", "two float32 for each beat", diag);
	return 0;
}

/*
 * The beats of one record that belong to the split: all of them are drawn, those of classes 0 to 2 are kept. at: beats
 * in the data set so far; seen: marks the beats done.
 */
static int add_record(const struct beats *b, size_t first, uint8_t split, bool *seen, struct akida_dataset *d,
		      size_t *at)
{
	const int32_t *record = b->record.data;
	const size_t image = AK_ECG_ROWS * WIDTH;
	const int16_t **windows = calloc(b->count, sizeof(*windows));
	float *intervals = calloc(b->count, 2 * sizeof(*intervals));
	size_t *index = calloc(b->count, sizeof(*index)), n = 0, i;
	uint8_t *images = NULL;
	int err = windows && intervals && index ? 0 : -ENOMEM;

	for (i = first; !err && i < b->count; i++) {
		if (record[i] != record[first] || ((const uint8_t *)b->split.data)[i] != split)
			continue;
		seen[i] = true;
		windows[n] = (const int16_t *)b->x.data + i * b->samples + FROM;
		memcpy(intervals + 2 * n, (const float *)b->intervals.data + 2 * i, 2 * sizeof(*intervals));
		index[n++] = i;
	}
	if (!err) {
		images = malloc(n * image);
		err = images ? ak_ecg_images(windows, intervals, n, images) : -ENOMEM;
	}
	for (i = 0; !err && i < n; i++) {
		uint8_t label = ((const uint8_t *)b->y.data)[index[i]];

		if (label >= AK_ECG_CLASSES)
			continue;
		memcpy((uint8_t *)d->x.data + *at * image, images + i * image, image);
		((int32_t *)d->y.data)[(*at)++] = label;
	}
	free(windows);
	free(intervals);
	free(index);
	free(images);
	return err;
}

static int collect(const struct beats *b, uint8_t split, struct akida_dataset *d)
{
	bool *seen = calloc(b->count ? b->count : 1, sizeof(*seen));
	size_t i, at = 0;
	int err = seen ? akida_array_init(&d->x, AKIDA_U8, 4, (size_t[]){b->count, AK_ECG_ROWS, WIDTH, 1}) : -ENOMEM;

	if (!err)
		err = akida_array_init(&d->y, AKIDA_I32, 1, (size_t[]){b->count});
	for (i = 0; !err && i < b->count; i++)
		if (!seen[i] && ((const uint8_t *)b->split.data)[i] == split)
			err = add_record(b, i, split, seen, d, &at);
	free(seen);
	if (err)
		return err;
	d->x.dims[0] = d->y.dims[0] = at;
	return 0;
}

int ak_ecg_load(const char *path, bool train, struct akida_dataset *d, struct akida_diag *diag)
{
	struct beats b = {0};
	int err = beats_load(path, &b, diag);

	if (!err) {
		err = collect(&b, train ? 1 : 2, d);
		if (err == -ENOMEM)
			ak_fail(diag, err, AK_RULE_NOMEM, path, "no memory for %zu beats", b.count);
	}
	beats_fini(&b);
	if (err)
		return err;
	if (!d->x.dims[0])
		return ak_fail(diag, -EINVAL, AK_RULE_DATA_MISMATCH, path,
			       "has no beats of classes 0 to 2 whose split is %d", train ? 1 : 2);
	d->classes = AK_ECG_CLASSES;
	snprintf(d->name, sizeof(d->name), "%s", train ? "ecg (training patients)" : "ecg (other patients)");
	return 0;
}
