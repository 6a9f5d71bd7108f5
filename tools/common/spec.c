/* SPDX-License-Identifier: MIT */
/* Data SPECs, and turning arrays into frames for the hardware. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "common/digits.h"
#include "common/spec.h"

#define DIGITS_FRAMES 1000u
#define RANDOM_FRAMES 100u

static int make_digits(const uint32_t dims[3], uint64_t frames, uint64_t seed, struct akida_dataset *out)
{
	size_t n = frames ? frames : DIGITS_FRAMES, shape[4] = {n, DIGITS_SIDE, DIGITS_SIDE, 1};

	if (dims[0] != DIGITS_SIDE || dims[1] != DIGITS_SIDE || dims[2] != 1)
		return tool_error("digits", "data.shape", "are 28 x 28 x 1, the network takes %u x %u x %u", dims[0],
				  dims[1], dims[2]);
	if (akida_array_init(&out->x, AKIDA_U8, 4, shape) || akida_array_init(&out->y, AKIDA_I32, 1, shape)) {
		akida_dataset_fini(out);
		return tool_error("digits", "sys.no-memory", "no memory for %zu images", n);
	}
	digits_draw(seed, n, out->x.data, out->y.data);
	snprintf(out->name, sizeof(out->name), "digits (drawn by the program)");
	out->classes = 10;
	return 0;
}

static int make_random(const uint32_t dims[3], uint64_t frames, uint64_t seed, struct akida_dataset *out)
{
	size_t n = frames ? frames : RANDOM_FRAMES, shape[4] = {n, dims[0], dims[1], dims[2]}, count;
	uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;
	uint8_t *p;

	if (akida_array_init(&out->x, AKIDA_U8, 4, shape))
		return tool_error("random", "sys.no-memory", "no memory for %zu frames", n);
	count = akida_array_elements(&out->x);
	p = out->x.data;
	for (size_t i = 0; i < count; i++) {
		s ^= s << 13;
		s ^= s >> 7;
		s ^= s << 17;
		p[i] = (uint8_t)(s >> 32);
	}
	snprintf(out->name, sizeof(out->name), "random");
	return 0;
}

static int load_plain(const char *kind, const char *path, const uint32_t dims[3], struct akida_dataset *out)
{
	struct akida_diag *diag = akida_diag_create();
	int err;

	if (!strcmp(kind, "npy"))
		err = akida_npy_load(path, &out->x, diag);
	else
		err = akida_raw_load(path, (size_t)dims[0] * dims[1] * dims[2], &out->x, diag);
	if (err)
		err = tool_fail(diag, path, err);
	snprintf(out->name, sizeof(out->name), "%s", kind);
	akida_diag_destroy(diag);
	return err;
}

int spec_load(const char *spec, const uint32_t dims[3], uint64_t frames, uint64_t seed, struct akida_dataset *out)
{
	static const char *const kinds[] = {"mnist", "mnist-train", "cifar10",	  "ecg",      "ecg-train",
					    "npz",   "npy",	    "raw",	  "imagenet", "speech",
					    "dvs",   "voc",	    "modelnet40", "utkface",  "coco"};
	const char *colon = strchr(spec, ':');
	size_t len = colon ? (size_t)(colon - spec) : strlen(spec);
	const struct akida_toolchain *t;
	struct akida_diag *diag;
	const char *kind = NULL;
	int err;

	memset(out, 0, sizeof(*out));
	if (!strcmp(spec, "digits"))
		return make_digits(dims, frames, seed, out);
	if (!strcmp(spec, "random"))
		return make_random(dims, frames, seed, out);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strlen(kinds[i]) == len && !strncmp(spec, kinds[i], len))
			kind = kinds[i];
	if (!kind || !colon || !colon[1])
		return tool_usage(
			"'%s' is no data SPEC; there are mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, "
			"ecg-train:FILE, npz:FILE, "
			"npy:FILE, raw:FILE, imagenet:DIR, speech:DIR, dvs:DIR, modelnet40:DIR, digits and random",
			spec);
	if (!strcmp(kind, "npy") || !strcmp(kind, "raw"))
		return load_plain(kind, colon + 1, dims, out);
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	diag = akida_diag_create();
	err = t->data_load(spec, out, diag);
	if (err)
		err = tool_fail(diag, spec, err);
	akida_diag_destroy(diag);
	return err;
}

static double element(const struct akida_array *x, size_t i)
{
	switch (x->dtype) {
	case AKIDA_U8:
		return ((const uint8_t *)x->data)[i];
	case AKIDA_I8:
		return ((const int8_t *)x->data)[i];
	case AKIDA_I16:
		return ((const int16_t *)x->data)[i];
	case AKIDA_I32:
		return ((const int32_t *)x->data)[i];
	case AKIDA_I64:
		return (double)((const int64_t *)x->data)[i];
	case AKIDA_F32:
		return (double)((const float *)x->data)[i];
	case AKIDA_F64:
		return ((const double *)x->data)[i];
	}
	return 0;
}

/* Is x frames of dims, one frame, or rows of all values of a frame? Axes of length 1 may be left out or added. */
static bool fits(const struct akida_array *x, const uint32_t dims[3])
{
	size_t frame = (size_t)dims[0] * dims[1] * dims[2], total = akida_array_elements(x), n, k = 0, m = 0, axes[8];
	size_t want[4] = {0, dims[0], dims[1], dims[2]};

	if (!frame || !total || total % frame || x->rank > 8)
		return false;
	n = total / frame;
	want[0] = n;
	for (uint32_t i = 0; i < x->rank; i++)
		if (x->dims[i] > 1)
			axes[m++] = x->dims[i];
	if (m <= 2 && (n > 1 ? m > 0 && axes[0] == n : true) && (frame > 1 ? m > 0 && axes[m - 1] == frame : true) &&
	    m == (size_t)(n > 1) + (frame > 1))
		return true;
	/* a network that takes vectors takes images of as many values */
	if (dims[0] * dims[1] == 1 && m > 1 && (n == 1 || axes[0] == n))
		return true;
	for (size_t i = 0; i < 4; i++) {
		if (want[i] <= 1)
			continue;
		if (k == m || axes[k++] != want[i])
			return false;
	}
	return k == m;
}

static const char *shape_text(char *out, size_t bytes, const struct akida_array *x)
{
	size_t n = 0;

	snprintf(out, bytes, "one number");
	for (uint32_t i = 0; i < x->rank && n < bytes; i++)
		n += (size_t)snprintf(out + n, bytes - n, i ? " x %zu" : "%zu", x->dims[i]);
	return out;
}

int spec_frames(const struct akida_array *x, const uint32_t dims[3], double scale, double offset, const char *name,
		struct akida_array *out)
{
	size_t frame = (size_t)dims[0] * dims[1] * dims[2], total = akida_array_elements(x), shape[2];
	char text[160];
	uint8_t *p;

	if (!fits(x, dims))
		return tool_error(name, "data.shape", "an array of %s is not frames of %u x %u x %u",
				  shape_text(text, sizeof(text), x), dims[0], dims[1], dims[2]);
	shape[0] = total / frame;
	shape[1] = frame;
	if (akida_array_init(out, AKIDA_U8, 2, shape))
		return tool_error(name, "sys.no-memory", "no memory for %zu frames", shape[0]);
	p = out->data;
	if (x->dtype == AKIDA_U8 && scale == 1 && offset == 0) {
		memcpy(p, x->data, total);
		return 0;
	}
	for (size_t i = 0; i < total; i++) {
		double v = element(x, i) * scale + offset;
		int whole = v > -.5 && v < 255.5 ? (int)(v + .5) : -1;
		double away = v - whole;

		if (whole < 0 || (scale == 1 && offset == 0 && (away > 1e-6 || away < -1e-6))) {
			akida_array_fini(out);
			return tool_error(name, "data.range",
					  "value %g at %zu is not a whole number from 0 to 255, which the input takes; "
					  "scale the data (akida eval has --scale and --offset)",
					  v, i);
		}
		p[i] = (uint8_t)whole;
	}
	return 0;
}

int spec_labels(const struct akida_dataset *d, const struct akida_array *frames, const char *name)
{
	size_t labels = akida_array_elements(&d->y);

	if (labels == frames->dims[0])
		return 0;
	return tool_error(name, "data.mismatch", "%zu frames do not go with %zu labels", frames->dims[0], labels);
}

#define LABELS_MAX 4096

/* Labels of a list into place: place[label] is its number, -1 those that are not in it. Returns how many, 0 if malformed. */
static int read_labels(const char *list, int32_t place[LABELS_MAX])
{
	int count = 0, used;
	unsigned int from, to;

	memset(place, -1, LABELS_MAX * sizeof(*place));
	for (;;) {
		if (sscanf(list, "%4u%n", &from, &used) != 1)
			return 0;
		list += used;
		to = from;
		if (*list == '-') {
			if (sscanf(list + 1, "%4u%n", &to, &used) != 1)
				return 0;
			list += 1 + used;
		}
		if (from > to || to >= LABELS_MAX)
			return 0;
		for (; from <= to; from++) {
			if (place[from] >= 0)
				return 0;
			place[from] = count++;
		}
		if (!*list)
			return count;
		if (*list++ != ',')
			return 0;
	}
}

int spec_keep_labels(struct akida_dataset *d, const char *list)
{
	size_t n = akida_array_elements(&d->y), bytes, kept = 0;
	int32_t place[LABELS_MAX], *y = d->y.data;
	int count = read_labels(list, place);

	if (!count)
		return tool_usage("'%s' is no list of labels such as 7,8,9 or 0-6", list);
	if (!n || d->x.dims[0] != n)
		return tool_error(d->name, "data.mismatch", "%zu samples do not go with %zu labels", d->x.dims[0], n);
	bytes = akida_array_elements(&d->x) / n * akida_dtype_bytes(d->x.dtype);
	for (size_t i = 0; i < n; i++) {
		if (y[i] < 0 || y[i] >= LABELS_MAX || place[y[i]] < 0)
			continue;
		memmove((char *)d->x.data + kept * bytes, (char *)d->x.data + i * bytes, bytes);
		y[kept++] = place[y[i]];
	}
	if (!kept)
		return tool_error(d->name, "data.labels", "has no sample labelled %s", list);
	d->x.dims[0] = d->y.dims[0] = kept;
	d->classes = (uint32_t)count;
	return 0;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcasecmp(s + n - m, end);
}

int spec_inputs(const char *path, const uint32_t dims[3], struct akida_array *frames)
{
	struct akida_diag *diag = akida_diag_create();
	const struct akida_toolchain *t;
	struct akida_array x = {0};
	int err;

	memset(frames, 0, sizeof(*frames));
	if (ends_with(path, ".npz")) {
		t = tool_toolchain();
		err = t ? t->samples_load(path, &x, diag) : TOOL_FAILED;
	} else if (ends_with(path, ".npy")) {
		err = akida_npy_load(path, &x, diag);
	} else {
		err = akida_raw_load(path, (size_t)dims[0] * dims[1] * dims[2], &x, diag);
	}
	if (err < 0)
		err = tool_fail(diag, path, err);
	if (!err)
		err = spec_frames(&x, dims, 1, 0, path, frames);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	return err;
}

const char *spec_mnist_folder(void)
{
	static char path[PATH_MAX + 32];
	const char *shared = getenv("AKIDA_SHARED");
	const char *const roots[] = {shared ? shared : "../shared", "../shared"};

	for (size_t i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/data/mnist", roots[i]);
		if (!access(path, R_OK | X_OK))
			return path;
	}
	/* build/bin/akida-bench inside a tree: its neighbour folder */
	snprintf(path, sizeof(path), "%s/../../../shared/data/mnist", tool_folder());
	return access(path, R_OK | X_OK) ? NULL : path;
}
