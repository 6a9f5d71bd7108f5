/* SPDX-License-Identifier: MIT */
/*
 * NumPy .npz archives: zip files of .npy members. Sizes are checked before anything is unpacked, so that an archive that
 * promises more than DATA_MAX is refused at once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "base/npy.h"
#include "data.h"

#define DATA_MAX ((zip_uint64_t)1 << 30)
#define MEMBERS_MAX 4096

struct archive {
	const char *path;
	struct akida_diag *diag;
	void *bytes;
	zip_t *zip;
	zip_int64_t members;
};

static int malformed(const struct archive *a, const char *why)
{
	return ak_fail(a->diag, -EILSEQ, AK_RULE_DATA_NPZ, a->path, "%s", why);
}

static void archive_close(struct archive *a)
{
	if (a->zip)
		zip_discard(a->zip);
	free(a->bytes);
}

static int archive_open(struct archive *a, const char *path, struct akida_diag *diag)
{
	zip_source_t *source;
	zip_error_t error;
	size_t len;
	int err;

	memset(a, 0, sizeof(*a));
	a->path = path;
	a->diag = diag;
	err = ak_file_read(path, AK_FILE_MAX, &a->bytes, &len, diag);
	if (err)
		return err;
	zip_error_init(&error);
	source = zip_source_buffer_create(a->bytes, len, 0, &error);
	if (source)
		a->zip = zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error);
	if (source && !a->zip)
		zip_source_free(source);
	zip_error_fini(&error);
	if (!a->zip) {
		err = malformed(a, "is not an .npz archive, or damaged");
		archive_close(a);
		return err;
	}
	a->members = zip_get_num_entries(a->zip, 0);
	if (a->members >= 1 && a->members <= MEMBERS_MAX)
		return 0;
	err = malformed(a, a->members < 1 ? "holds no arrays" : "holds too many members");
	archive_close(a);
	return err;
}

/* The member's name without ".npy" in out; false for members that are something else. */
static bool member_name(const struct archive *a, zip_int64_t i, char *out, size_t max)
{
	const char *name = zip_get_name(a->zip, (zip_uint64_t)i, ZIP_FL_ENC_RAW);
	size_t n = name ? strlen(name) : 0;

	if (n <= 4 || n - 4 >= max || strcmp(name + n - 4, ".npy"))
		return false;
	memcpy(out, name, n - 4);
	out[n - 4] = 0;
	for (char *s = out; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return true;
}

static int read_all(zip_file_t *f, char *to, size_t bytes)
{
	size_t done = 0;
	char extra;

	while (done < bytes) {
		zip_int64_t n = zip_fread(f, to + done, bytes - done);

		if (n <= 0)
			return -EILSEQ;
		done += (size_t)n;
	}
	return zip_fread(f, &extra, 1) == 0 ? 0 : -EILSEQ; /* the end is where the checksum is compared */
}

static int member_load(const struct archive *a, zip_int64_t i, struct akida_array *out)
{
	char label[300], name[128] = "?";
	zip_stat_t st;
	zip_file_t *f;
	char *bytes;
	int err;

	(void)member_name(a, i, name, sizeof(name));
	snprintf(label, sizeof(label), "%.160s (%.120s)", a->path, name);
	zip_stat_init(&st);
	if (zip_stat_index(a->zip, (zip_uint64_t)i, 0, &st) || !(st.valid & ZIP_STAT_SIZE) || !st.size)
		return malformed(a, "has a member without a size");
	if (st.size > DATA_MAX)
		return ak_fail(a->diag, -ERANGE, AK_RULE_RANGE, label,
			       "unpacks to %llu bytes, more than the limit of %llu", (unsigned long long)st.size,
			       (unsigned long long)DATA_MAX);
	f = zip_fopen_index(a->zip, (zip_uint64_t)i, 0);
	if (!f)
		return malformed(a, "has a member that cannot be unpacked");
	bytes = malloc((size_t)st.size);
	err = bytes ? read_all(f, bytes, (size_t)st.size) : -ENOMEM;
	zip_fclose(f);
	if (!err)
		err = akida_npy_parse(bytes, (size_t)st.size, label, out, a->diag);
	else if (err == -ENOMEM)
		ak_fail(a->diag, err, AK_RULE_NOMEM, label, "no memory for %llu bytes", (unsigned long long)st.size);
	else
		malformed(a, "has a member that is damaged");
	free(bytes);
	return err;
}

int ak_npz_load(const char *path, const char *name, bool optional, struct akida_array *out, struct akida_diag *diag)
{
	struct archive a;
	char member[128];
	int err = archive_open(&a, path, diag);

	if (err)
		return err;
	err = -ENOENT;
	for (zip_int64_t i = 0; i < a.members && err == -ENOENT; i++)
		if (member_name(&a, i, member, sizeof(member)) && (!name || !strcmp(member, name)))
			err = member_load(&a, i, out);
	if (err == -ENOENT && !optional)
		ak_fail(diag, err, AK_RULE_DATA_NPZ, path, "has no array named %s", name ? name : "(any)");
	archive_close(&a);
	return err;
}

/* Appends b to a along axis 0 and frees b. */
static int append(const struct archive *ar, const char *name, struct akida_array *a, struct akida_array *b)
{
	struct akida_array all;
	size_t dims[6], a_bytes, b_bytes;
	int err;

	if (!a->data) {
		*a = *b;
		return 0;
	}
	if (a->dtype != b->dtype || a->rank != b->rank ||
	    memcmp(a->dims + 1, b->dims + 1, (a->rank - 1) * sizeof(a->dims[0]))) {
		akida_array_fini(b);
		return ak_fail(ar->diag, -EINVAL, AK_RULE_DATA_MISMATCH, ar->path,
			       "array %s has another type or shape than those before it", name);
	}
	memcpy(dims, a->dims, sizeof(dims));
	dims[0] += b->dims[0];
	err = akida_array_init(&all, a->dtype, a->rank, dims);
	if (err) {
		akida_array_fini(b);
		return ak_fail(ar->diag, err, AK_RULE_NOMEM, ar->path, "no memory for all of its arrays");
	}
	a_bytes = akida_array_elements(a) * akida_dtype_bytes(a->dtype);
	b_bytes = akida_array_elements(b) * akida_dtype_bytes(b->dtype);
	memcpy(all.data, a->data, a_bytes);
	memcpy((char *)all.data + a_bytes, b->data, b_bytes);
	akida_array_fini(a);
	akida_array_fini(b);
	*a = all;
	return 0;
}

static int load_npz_samples(const char *path, struct akida_array *out, struct akida_diag *diag)
{
	struct akida_array all = {0}, one;
	struct archive a;
	bool has_x = false;
	char name[128];
	int err = archive_open(&a, path, diag);

	if (err)
		return err;
	for (zip_int64_t i = 0; i < a.members; i++)
		has_x |= member_name(&a, i, name, sizeof(name)) && !strcmp(name, "x");
	for (zip_int64_t i = 0; i < a.members && !err; i++) {
		if (!member_name(&a, i, name, sizeof(name)))
			continue;
		if (has_x && !strcmp(name, "y")) {
			ak_note(diag, AKIDA_NOTE, AK_RULE_DATA_MISMATCH, path,
				"y is taken for labels and left out of the samples");
			continue;
		}
		err = member_load(&a, i, &one);
		if (!err)
			err = append(&a, name, &all, &one);
	}
	if (!err && (!all.data || !akida_array_elements(&all)))
		err = malformed(&a, "holds no samples");
	archive_close(&a);
	if (err)
		akida_array_fini(&all);
	else
		*out = all;
	return err;
}

int ak_samples_load(const char *path, struct akida_array *out, struct akida_diag *diag)
{
	struct akida_array a = {0};
	size_t n = strlen(path);
	int err;

	if (n > 4 && !strcmp(path + n - 4, ".npz"))
		return load_npz_samples(path, out, diag);
	err = akida_npy_load(path, &a, diag);
	if (!err && !akida_array_elements(&a)) {
		akida_array_fini(&a);
		err = ak_fail(diag, -EILSEQ, AK_RULE_DATA_NPZ, path, "holds no samples");
	}
	if (!err)
		*out = a;
	return err;
}

/* The archive in memory: written to the file in one step. */
static int print_archive(const char *member, const void *npy, size_t len, void **out, size_t *out_len)
{
	zip_source_t *target = zip_source_buffer_create(NULL, 0, 0, NULL), *data;
	zip_t *z = target ? zip_open_from_source(target, ZIP_TRUNCATE, NULL) : NULL;
	zip_int64_t index, size;
	zip_stat_t st;
	int err = -ENOMEM;

	if (!z) {
		zip_source_free(target);
		return err;
	}
	zip_source_keep(target);
	data = zip_source_buffer(z, npy, len, 0);
	index = data ? zip_file_add(z, member, data, ZIP_FL_ENC_UTF_8) : -1;
	if (data && index < 0)
		zip_source_free(data);
	if (index < 0 || zip_set_file_compression(z, (zip_uint64_t)index, ZIP_CM_STORE, 0) ||
	    zip_file_set_mtime(z, (zip_uint64_t)index, 0, 0)) {
		zip_discard(z);
	} else if (zip_close(z)) {
		zip_discard(z);
	} else if (!zip_source_stat(target, &st) && (st.valid & ZIP_STAT_SIZE) && !zip_source_open(target)) {
		*out_len = (size_t)st.size;
		*out = malloc(*out_len);
		size = *out ? zip_source_read(target, *out, st.size) : -1;
		zip_source_close(target);
		err = size == (zip_int64_t)st.size ? 0 : -ENOMEM;
		if (err)
			free(*out);
	}
	zip_source_free(target);
	return err;
}

int akida_npz_save(const char *path, const char *name, const struct akida_array *a, struct akida_diag *diag)
{
	void *npy, *bytes;
	char member[64];
	size_t len;
	int err = ak_npy_print(a, path, &npy, &len, diag);

	if (err)
		return err;
	snprintf(member, sizeof(member), "%.50s.npy", name);
	err = print_archive(member, npy, len, &bytes, &len);
	free(npy);
	if (err)
		return ak_fail(diag, err, AK_RULE_NOMEM, path, "no memory for the archive");
	err = ak_file_write(path, bytes, len, diag);
	free(bytes);
	return err;
}
