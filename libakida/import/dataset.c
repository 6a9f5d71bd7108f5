/* SPDX-License-Identifier: MIT */
/* Data sets by SPEC (design 5.2): which files belong to it, and labels of every form as int32. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/diag.h"
#include "data.h"
#include "ecg.h"
#include "import/sets/spec.h"

#define MAX_CLASSES 65536

/* The place of the largest of count values: what a one-hot or probability row says. -1 when there is none (NaN). */
static double arg_max(const struct akida_array *a, size_t first, size_t count)
{
	double best = -INFINITY;
	size_t at = count;

	for (size_t i = 0; i < count; i++)
		if (akida_array_value(a, first + i) > best) {
			best = akida_array_value(a, first + i);
			at = i;
		}
	return at < count ? (double)at : -1;
}

/* y becomes (n) int32: class numbers, (n, 1), or one row a sample that is arg-maxed. */
static int normalize_labels(const char *path, size_t samples, struct akida_dataset *d, struct akida_diag *diag)
{
	size_t columns = d->y.rank == 2 ? d->y.dims[1] : 1;
	struct akida_array labels;
	int32_t top = -1;
	int err;

	if (d->y.rank > 2 || !columns || d->y.dims[0] != samples)
		return ak_fail(diag, -EINVAL, AK_RULE_DATA_MISMATCH, path, "%zu samples do not go with %zu labels",
			       samples, d->y.rank ? d->y.dims[0] : 0);
	err = akida_array_init(&labels, AKIDA_I32, 1, &samples);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, path, "no memory for its labels");
	for (size_t i = 0; i < samples; i++) {
		double v = columns > 1 ? arg_max(&d->y, i * columns, columns) : akida_array_value(&d->y, i);

		if (!(v >= 0 && v < MAX_CLASSES) || v != floor(v)) {
			akida_array_fini(&labels);
			return ak_fail(diag, -ERANGE, AK_RULE_DATA_MISMATCH, path,
				       "label %zu is %g, not a class number", i, v);
		}
		((int32_t *)labels.data)[i] = (int32_t)v;
		top = (int32_t)v > top ? (int32_t)v : top;
	}
	akida_array_fini(&d->y);
	d->y = labels;
	d->classes = columns > 1 ? (uint32_t)columns : (uint32_t)top + 1;
	return 0;
}

/* (n, h, w) becomes (n, h, w, 1). */
static int normalize_samples(const char *path, struct akida_array *x, struct akida_diag *diag)
{
	if (x->rank < 2 || x->rank > 5 || !akida_array_elements(x))
		return ak_fail(diag, -EINVAL, AK_RULE_DATA_MISMATCH, path, "x holds no samples of one to four axes");
	if (x->rank == 3)
		x->dims[x->rank++] = 1;
	return 0;
}

static int finish(const char *path, struct akida_dataset *d, struct akida_diag *diag)
{
	int err = normalize_samples(path, &d->x, diag);

	return err || !d->y.data ? err : normalize_labels(path, d->x.dims[0], d, diag);
}

/* ---- MNIST ---- */

/* The first match in alphabetical order, so that the choice does not depend on the file system. */
static int find_images(const char *dir, const char *part, char *out, size_t max, struct akida_diag *diag)
{
	char plain[64], packed[64], best[NAME_MAX + 1] = "";
	struct dirent *e;
	DIR *d = opendir(dir);
	int err;

	if (!d) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, dir, "cannot be opened as a folder: %s", strerror(-err));
	}
	snprintf(plain, sizeof(plain), "*%s*images-idx3-ubyte", part);
	snprintf(packed, sizeof(packed), "*%s*images-idx3-ubyte.gz", part);
	while ((e = readdir(d)))
		if ((!fnmatch(plain, e->d_name, 0) || !fnmatch(packed, e->d_name, 0)) &&
		    (!*best || strcmp(e->d_name, best) < 0))
			snprintf(best, sizeof(best), "%s", e->d_name);
	closedir(d);
	if (!*best)
		return ak_fail(diag, -ENOENT, AK_RULE_DATA_SPEC, dir, "has no %s, packed or not", plain);
	return snprintf(out, max, "%s/%s", dir, best) < (int)max
		       ? 0
		       : ak_fail(diag, -ERANGE, AK_RULE_ARG, dir, "is too long");
}

/* The labels of an images file: same name with labels-idx1, packed or not. */
static int find_labels(const char *images, char *out, size_t max, struct akida_diag *diag)
{
	static const char *const ends[] = {".gz", ""};
	const char *key = strstr(strrchr(images, '/'), "images-idx3");

	for (int i = 0; i < 2; i++)
		if (snprintf(out, max, "%.*slabels-idx1-ubyte%s", (int)(key - images), images, ends[i]) < (int)max &&
		    !access(out, R_OK))
			return 0;
	return ak_fail(diag, -ENOENT, AK_RULE_DATA_SPEC, images, "has no labels file beside it");
}

static int load_mnist(const char *dir, bool train, struct akida_dataset *d, struct akida_diag *diag)
{
	char images[PATH_MAX], labels[PATH_MAX];
	int err = find_images(dir, train ? "train" : "t10k", images, sizeof(images), diag);

	if (!err)
		err = find_labels(images, labels, sizeof(labels), diag);
	if (!err)
		err = ak_idx_load(images, &d->x, diag);
	if (!err && d->x.rank != 3)
		err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_IDX, images, "holds no images");
	if (!err)
		err = ak_idx_load(labels, &d->y, diag);
	if (!err)
		err = finish(labels, d, diag);
	if (!err && d->classes > 10)
		err = ak_fail(diag, -ERANGE, AK_RULE_DATA_MISMATCH, labels, "has a label above 9");
	d->classes = 10;
	snprintf(d->name, sizeof(d->name), "%s", train ? "mnist (training)" : "mnist");
	return err;
}

/* ---- archives ---- */

static void name_of(const char *path, struct akida_dataset *d)
{
	const char *slash = strrchr(path, '/');

	snprintf(d->name, sizeof(d->name), "%.*s", (int)sizeof(d->name) - 1, slash ? slash + 1 : path);
}

static int load_npz(const char *path, struct akida_dataset *d, struct akida_diag *diag)
{
	int err = ak_npz_load(path, "x", false, &d->x, diag);

	if (err)
		return err;
	err = ak_npz_load(path, "y", true, &d->y, diag);
	if (err && err != -ENOENT)
		return err;
	name_of(path, d);
	return finish(path, d, diag);
}

static int load_cifar10(const char *path, struct akida_dataset *d, struct akida_diag *diag)
{
	int err = load_npz(path, d, diag);

	if (err)
		return err;
	if (d->x.rank != 4 || d->x.dims[1] != 32 || d->x.dims[2] != 32 || d->x.dims[3] != 3 || !d->y.data ||
	    d->classes > 10)
		return ak_fail(diag, -EINVAL, AK_RULE_DATA_MISMATCH, path,
			       "does not hold 32x32x3 images with labels 0 to 9");
	d->classes = 10;
	snprintf(d->name, sizeof(d->name), "cifar10");
	return 0;
}

static int load_npy(const char *path, struct akida_dataset *d, struct akida_diag *diag)
{
	int err = akida_npy_load(path, &d->x, diag);

	if (err)
		return err;
	name_of(path, d);
	return finish(path, d, diag);
}

int ak_data_load(const char *spec, struct akida_dataset *out, struct akida_diag *diag)
{
	struct akida_dataset d = {0};
	const char *rest = spec ? strchr(spec, ':') : NULL;
	size_t kind = rest ? (size_t)(rest - spec) : 0;
	int err;

	if (!rest || !rest[1])
		return ak_fail(diag, -EINVAL, AK_RULE_DATA_SPEC, spec,
			       "is not one of mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE, "
			       "npz:FILE, npy:FILE");
	if (ak_set_is_spec(spec))
		return ak_set_load_spec(spec, out, diag);
	rest++;
	if (kind == 5 && !strncmp(spec, "mnist", kind))
		err = load_mnist(rest, false, &d, diag);
	else if (kind == 11 && !strncmp(spec, "mnist-train", kind))
		err = load_mnist(rest, true, &d, diag);
	else if (kind == 7 && !strncmp(spec, "cifar10", kind))
		err = load_cifar10(rest, &d, diag);
	else if (kind == 3 && !strncmp(spec, "ecg", kind))
		err = ak_ecg_load(rest, false, &d, diag);
	else if (kind == 9 && !strncmp(spec, "ecg-train", kind))
		err = ak_ecg_load(rest, true, &d, diag);
	else if (kind == 3 && !strncmp(spec, "npz", kind))
		err = load_npz(rest, &d, diag);
	else if (kind == 3 && !strncmp(spec, "npy", kind))
		err = load_npy(rest, &d, diag);
	else
		err = ak_fail(diag, -EINVAL, AK_RULE_DATA_SPEC, spec,
			      "is not one of mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE, "
			      "npz:FILE, npy:FILE");
	if (err)
		akida_dataset_fini(&d);
	else
		*out = d;
	return err;
}
