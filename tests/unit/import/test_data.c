/* SPDX-License-Identifier: MIT */
/* Data sets: real ones, every form of labels, and a table of bad files with errno and rule id. */
#include <errno.h>
#include <zip.h>
#include <zlib.h>
#include <sys/stat.h>
#include <akida/status.h>
#include "files.h"
#include "import/data.h"

/* ---- making files ---- */

static size_t npy_bytes(const char *descr, const char *shape, const void *data, size_t n, unsigned char *out)
{
	char head[128];
	int len =
		snprintf(head, sizeof(head), "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape);

	memset(head + len, ' ', sizeof(head) - (size_t)len);
	head[117] = '\n';
	memcpy(out, "\x93NUMPY\1\0\x76\0", 10);
	memcpy(out + 10, head, 118);
	memcpy(out + 128, data, n);
	return 128 + n;
}

struct member {
	const char *name, *descr, *shape;
	const void *data;
	size_t bytes;
};

static void make_npz(const char *path, const struct member *m, int n)
{
	static unsigned char blocks[4][4096];
	int err;
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &err);

	assert_non_null(z);
	for (int i = 0; i < n; i++) {
		size_t len =
			m[i].descr ? npy_bytes(m[i].descr, m[i].shape, m[i].data, m[i].bytes, blocks[i]) : m[i].bytes;
		zip_source_t *s = zip_source_buffer(z, m[i].descr ? blocks[i] : m[i].data, len, 0);

		assert_true(zip_file_add(z, m[i].name, s, 0) >= 0);
	}
	assert_int_equal(zip_close(z), 0);
}

static const unsigned char pixels[24] = {1,  2,	 3,  4,	 5,  6,	 7,  8,	 9,  10, 11, 12,
					 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};

static size_t idx_bytes(unsigned char type, uint32_t rank, const uint32_t *dims, size_t n, unsigned char *out)
{
	size_t at = 4;

	memset(out, 0, 4);
	out[2] = type;
	out[3] = (unsigned char)rank;
	for (uint32_t i = 0; i < rank; i++)
		for (int b = 24; b >= 0; b -= 8)
			out[at++] = (unsigned char)(dims[i] >> b);
	memcpy(out + at, pixels, n);
	return at + n;
}

static void write_gzip(const char *path, const void *bytes, size_t len)
{
	gzFile f = gzopen(path, "wb9");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, bytes, (unsigned int)len), len);
	assert_int_equal(gzclose(f), Z_OK);
}

static void make_mnist(const char *folder, const uint32_t *image_dims, size_t image_bytes, uint32_t labels, bool gzip)
{
	unsigned char block[256];
	char path[PATH_MAX];
	size_t n = idx_bytes(8, 3, image_dims, image_bytes, block);

	snprintf(path, sizeof(path), "%s/t10k-images-idx3-ubyte%s", folder, gzip ? ".gz" : "");
	if (gzip)
		write_gzip(path, block, n);
	else
		write_file(path, block, n);
	n = idx_bytes(8, 1, &labels, labels, block);
	snprintf(path, sizeof(path), "%s/t10k-labels-idx1-ubyte", folder);
	write_file(path, block, n);
}

/* ---- good data ---- */

static void load(const char *spec, struct akida_dataset *d)
{
	struct akida_diag *diag = akida_diag_create();
	int err = ak_data_load(spec, d, diag);

	if (err)
		fail_msg("%s: %d %s", spec, err, akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
}

static void test_data_load_mnist_folders(void **state)
{
	struct akida_dataset d;
	char path[PATH_MAX], spec[PATH_MAX + 16];
	const int32_t first[] = {7, 2, 1, 0, 4};

	(void)state;
	NEED_SHARED("mnist", path);
	snprintf(spec, sizeof(spec), "mnist:%s", path);
	load(spec, &d);
	assert_int_equal(d.x.rank, 4);
	assert_int_equal(d.x.dims[0], 5000);
	assert_int_equal(d.x.dims[1], 28);
	assert_int_equal(d.x.dims[3], 1);
	assert_int_equal(d.x.dtype, AKIDA_U8);
	assert_int_equal(d.y.dtype, AKIDA_I32);
	assert_memory_equal(d.y.data, first, sizeof(first));
	assert_int_equal(d.classes, 10);
	assert_string_equal(d.name, "mnist");
	akida_dataset_fini(&d);
	snprintf(spec, sizeof(spec), "mnist-train:%s", path);
	load(spec, &d);
	assert_int_equal(d.x.dims[0], 60000);
	akida_dataset_fini(&d);
}

static void test_data_load_cifar10_file(void **state)
{
	struct akida_dataset d;
	char path[PATH_MAX], spec[PATH_MAX + 16];

	(void)state;
	NEED_SHARED("cifar10/test500.npz", path);
	snprintf(spec, sizeof(spec), "cifar10:%s", path);
	load(spec, &d);
	assert_int_equal(d.x.dims[0], 500);
	assert_int_equal(d.x.dims[3], 3);
	assert_int_equal(d.y.dims[0], 500);
	assert_int_equal(d.classes, 10);
	akida_dataset_fini(&d);
}

static void test_data_load_labels_of_every_form_become_int32(void **state)
{
	static const float one_hot[] = {0, 1, 0, 0.2f, 0.1f, 0.7f, 1, 0, 0};
	static const int64_t wide[] = {1, 2, 0};
	static const struct member forms[][2] = {
		{{"x.npy", "|u1", "3, 2, 4", pixels, 24}, {"y.npy", "<f4", "3, 3", one_hot, sizeof(one_hot)}},
		{{"x.npy", "|u1", "3, 2, 4", pixels, 24}, {"y.npy", "<i8", "3,", wide, sizeof(wide)}},
		{{"y.npy", "<i8", "3, 1", wide, sizeof(wide)}, {"x.npy", "|u1", "3, 2, 4", pixels, 24}},
	};
	const int32_t want[] = {1, 2, 0};
	char path[PATH_MAX], spec[PATH_MAX + 16];

	(void)state;
	scratch_path(path, sizeof(path), "data.npz");
	snprintf(spec, sizeof(spec), "npz:%s", path);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct akida_dataset d;

		make_npz(path, forms[i], 2);
		load(spec, &d);
		assert_int_equal(d.x.rank, 4); /* (n, h, w) gained its channel */
		assert_int_equal(d.x.dims[3], 1);
		assert_memory_equal(d.x.data, pixels, 24);
		assert_memory_equal(d.y.data, want, sizeof(want));
		assert_int_equal(d.classes, 3);
		assert_string_equal(d.name, "data.npz");
		akida_dataset_fini(&d);
	}
	scratch_clear();
}

static void test_data_load_npy_has_no_labels(void **state)
{
	unsigned char block[256];
	char path[PATH_MAX], spec[PATH_MAX + 16];
	struct akida_dataset d;

	(void)state;
	scratch_path(path, sizeof(path), "x.npy");
	write_file(path, block, npy_bytes("|u1", "2, 3, 2, 2", pixels, 24, block));
	snprintf(spec, sizeof(spec), "npy:%s", path);
	load(spec, &d);
	assert_int_equal(d.x.dims[0], 2);
	assert_null(d.y.data);
	assert_int_equal(d.classes, 0);
	akida_dataset_fini(&d);
	scratch_clear();
}

static void test_data_load_gzip_and_plain_idx_are_alike(void **state)
{
	const uint32_t dims[] = {3, 2, 4};
	char spec[PATH_MAX];

	(void)state;
	for (int gzip = 0; gzip < 2; gzip++) {
		struct akida_dataset d;

		make_mnist(scratch, dims, 24, 3, gzip);
		snprintf(spec, sizeof(spec), "mnist:%s", scratch);
		load(spec, &d);
		assert_int_equal(d.x.dims[0], 3);
		assert_memory_equal(d.x.data, pixels, 24);
		assert_int_equal(((int32_t *)d.y.data)[2], 3);
		akida_dataset_fini(&d);
		scratch_clear();
	}
}

static void test_samples_load_arrays_are_joined(void **state)
{
	static const struct member two[] = {{"a.npy", "|u1", "1, 2, 4", pixels, 8},
					    {"b.npy", "|u1", "2, 2, 4", pixels + 8, 16}};
	static const struct member labelled[] = {{"x.npy", "|u1", "3, 8", pixels, 24},
						 {"y.npy", "|u1", "3,", pixels, 3}};
	static const struct member unlike[] = {{"a.npy", "|u1", "3, 8", pixels, 24},
					       {"b.npy", "|u1", "3, 4", pixels, 12}};
	struct akida_array a;
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "s.npz");
	make_npz(path, two, 2);
	assert_int_equal(ak_samples_load(path, &a, NULL), 0);
	assert_int_equal(a.dims[0], 3);
	assert_memory_equal(a.data, pixels, 24);
	akida_array_fini(&a);
	make_npz(path, labelled, 2);
	assert_int_equal(ak_samples_load(path, &a, NULL), 0);
	assert_int_equal(a.dims[0], 3);
	assert_int_equal(a.rank, 2);
	akida_array_fini(&a);
	make_npz(path, unlike, 2);
	assert_int_equal(ak_samples_load(path, &a, NULL), -EINVAL);
	scratch_clear();
}

/* ---- bad data ---- */

static const struct member good_pair[] = {{"x.npy", "|u1", "3, 2, 4", pixels, 24}, {"y.npy", "|u1", "3,", pixels, 3}};

static void patch(const char *path, const char *signature, size_t offset, const void *bytes, size_t n)
{
	unsigned char *data;
	size_t len = read_file(path, &data);

	for (size_t i = 0; i + 4 <= len; i++)
		if (!memcmp(data + i, signature, 4))
			memcpy(data + i + offset, bytes, n);
	write_file(path, data, len);
	free(data);
}

static void cut_npz(const char *path)
{
	unsigned char *data;
	size_t len;

	make_npz(path, good_pair, 2);
	len = read_file(path, &data);
	write_file(path, data, len / 2);
	free(data);
}

static void not_a_zip(const char *path)
{
	write_file(path, "PK\3\4 something else entirely, to be sure", 40);
}

static void bomb(const char *path)
{
	make_npz(path, good_pair, 2);
	patch(path, "PK\3\4", 22, "\0\0\0\x7f", 4); /* both records promise 2 GB */
	patch(path, "PK\1\2", 24, "\0\0\0\x7f", 4);
}

static void wrong_checksum(const char *path)
{
	make_npz(path, good_pair, 2);
	patch(path, "PK\3\4", 14, "abcd", 4);
	patch(path, "PK\1\2", 16, "abcd", 4);
}

static void no_arrays(const char *path)
{
	make_npz(path, (const struct member[]){{"readme.txt", NULL, NULL, "hello", 5}}, 1);
}

static void no_x(const char *path)
{
	make_npz(path, (const struct member[]){{"a.npy", "|u1", "3, 8", pixels, 24}}, 1);
}

static void x_is_text(const char *path)
{
	make_npz(path, (const struct member[]){{"x.npy", NULL, NULL, "hello", 5}}, 1);
}

static void x_of_objects(const char *path)
{
	make_npz(path, (const struct member[]){{"x.npy", "|O", "3, 8", pixels, 24}}, 1);
}

static void x_too_short(const char *path)
{
	make_npz(path, (const struct member[]){{"x.npy", "|u1", "3, 9", pixels, 24}}, 1);
}

static void x_of_one_axis(const char *path)
{
	make_npz(path, (const struct member[]){{"x.npy", "|u1", "24,", pixels, 24}}, 1);
}

static void x_empty(const char *path)
{
	make_npz(path, (const struct member[]){{"x.npy", "|u1", "0, 8", pixels, 0}}, 1);
}

static void label_count(const char *path)
{
	make_npz(path, (const struct member[]){good_pair[0], {"y.npy", "|u1", "2,", pixels, 2}}, 2);
}

static void label_negative(const char *path)
{
	static const signed char y[] = {1, -1, 0};

	make_npz(path, (const struct member[]){good_pair[0], {"y.npy", "|i1", "3,", y, 3}}, 2);
}

static void label_nan(const char *path)
{
	static const float y[] = {1, 0.0f / 0.0f, 0};

	make_npz(path, (const struct member[]){good_pair[0], {"y.npy", "<f4", "3,", y, sizeof(y)}}, 2);
}

static void good_npz(const char *path)
{
	make_npz(path, good_pair, 2);
}

static void empty_npz(const char *path)
{
	write_file(path, "", 0);
}

static void idx_at(const char *path, unsigned char type, uint32_t rank, const uint32_t *dims, size_t n)
{
	unsigned char block[256];
	char labels[PATH_MAX];
	uint32_t three = 3;

	write_file(path, block, idx_bytes(type, rank, dims, n, block));
	scratch_path(labels, sizeof(labels), "t10k-labels-idx1-ubyte");
	write_file(labels, block, idx_bytes(8, 1, &three, 3, block));
}

static const uint32_t three_images[] = {3, 2, 4};

static void idx_magic(const char *path)
{
	idx_at(path, 8, 3, three_images, 24);
	write_file(path, "\1\2\3\4 not idx", 12);
}

static void idx_of_floats(const char *path)
{
	idx_at(path, 0x0d, 3, three_images, 24);
}

static void idx_cut(const char *path)
{
	idx_at(path, 8, 3, three_images, 23);
}

static void idx_cut_header(const char *path)
{
	idx_at(path, 8, 3, three_images, 24);
	write_file(path, "\0\0\10\3\0\0\0\3\0\0", 10);
}

static void idx_more(const char *path)
{
	idx_at(path, 8, 3, (const uint32_t[]){3, 2, 3}, 24);
}

static void idx_huge(const char *path)
{
	idx_at(path, 8, 3, (const uint32_t[]){0xffffffff, 0xffff, 0xffff}, 24);
}

static void idx_zero(const char *path)
{
	idx_at(path, 8, 3, (const uint32_t[]){3, 0, 4}, 24);
}

static void idx_flat(const char *path)
{
	idx_at(path, 8, 2, (const uint32_t[]){3, 8}, 24);
}

static void idx_label_count(const char *path)
{
	idx_at(path, 8, 3, (const uint32_t[]){2, 3, 4}, 24);
}

static void idx_no_labels(const char *path)
{
	char labels[PATH_MAX];

	idx_at(path, 8, 3, three_images, 24);
	scratch_path(labels, sizeof(labels), "t10k-labels-idx1-ubyte");
	unlink(labels);
}

static void idx_label_above_9(const char *path)
{
	char labels[PATH_MAX];

	idx_at(path, 8, 3, three_images, 24);
	scratch_path(labels, sizeof(labels), "t10k-labels-idx1-ubyte");
	write_file(labels, "\0\0\10\1\0\0\0\3\1\2\12", 11);
}

static void pack(const char *path, size_t keep)
{
	unsigned char *data;
	size_t len = read_file(path, &data);

	write_gzip(path, data, len);
	free(data);
	len = read_file(path, &data);
	write_file(path, data, len - keep);
	free(data);
}

static void gzip_cut(const char *path)
{
	idx_at(path, 8, 3, three_images, 24);
	pack(path, 20);
}

static void gzip_no_trailer(const char *path)
{
	idx_at(path, 8, 3, three_images, 24);
	pack(path, 4);
}

static void gzip_damaged(const char *path)
{
	unsigned char *data;
	size_t len;

	idx_at(path, 8, 3, three_images, 24);
	pack(path, 0);
	len = read_file(path, &data);
	data[len - 6] ^= 0x55; /* of the checksum */
	write_file(path, data, len);
	free(data);
}

/* A few kilobytes that unpack to eight megabytes, where the header announces 24 bytes. */
static void gzip_bomb(const char *path)
{
	size_t len = (size_t)8 << 20;
	unsigned char *zeros = calloc(1, len);

	idx_at(path, 8, 3, three_images, 24);
	idx_bytes(8, 3, three_images, 24, zeros);
	write_gzip(path, zeros, len);
	free(zeros);
}

static void nothing(const char *path)
{
	(void)path;
}

#define NPZ "npz:%s/data"
#define IDX "mnist:%s"

static const struct {
	const char *what, *spec, *file;
	void (*make)(const char *path);
	int err;
	const char *rule;
} bad[] = {
	{"no kind", "%s", "data", nothing, -EINVAL, "data.spec"},
	{"unknown kind", "photos:%s", "data", nothing, -EINVAL, "data.spec"},
	{"no path", "npz:", "data", nothing, -EINVAL, "data.spec"},
	{"npz missing", NPZ, "other", nothing, -ENOENT, "sys.io"},
	{"npz is a folder", "npz:%s", "data", nothing, -EINVAL, "sys.io"},
	{"npz empty", NPZ, "data", empty_npz, -EILSEQ, "file.truncated"},
	{"npz cut", NPZ, "data", cut_npz, -EILSEQ, "data.npz"},
	{"npz not zip", NPZ, "data", not_a_zip, -EILSEQ, "data.npz"},
	{"npz that unpacks to 2 GB", NPZ, "data", bomb, -ERANGE, "sys.range"},
	{"npz of wrong checksum", NPZ, "data", wrong_checksum, -EILSEQ, "data.npz"},
	{"npz without arrays", NPZ, "data", no_arrays, -ENOENT, "data.npz"},
	{"npz without x", NPZ, "data", no_x, -ENOENT, "data.npz"},
	{"x is text", NPZ, "data", x_is_text, -EILSEQ, NULL},
	{"x of objects", NPZ, "data", x_of_objects, -EOPNOTSUPP, NULL},
	{"x too short", NPZ, "data", x_too_short, -EILSEQ, NULL},
	{"x of one axis", NPZ, "data", x_of_one_axis, -EINVAL, "data.mismatch"},
	{"x empty", NPZ, "data", x_empty, -EINVAL, "data.mismatch"},
	{"label count", NPZ, "data", label_count, -EINVAL, "data.mismatch"},
	{"label negative", NPZ, "data", label_negative, -ERANGE, "data.mismatch"},
	{"label NaN", NPZ, "data", label_nan, -ERANGE, "data.mismatch"},
	{"cifar10 of another shape", "cifar10:%s/data", "data", good_npz, -EINVAL, "data.mismatch"},
	{"npy missing", "npy:%s/none.npy", "data", nothing, -ENOENT, "sys.io"},
	{"npy that is npz", "npy:%s/data", "data", good_npz, -EILSEQ, NULL},
	{"mnist folder missing", "mnist:%s/none", "data", nothing, -ENOENT, "sys.io"},
	{"mnist folder without images", IDX, "data", good_npz, -ENOENT, "data.spec"},
	{"training images missing", "mnist-train:%s", "t10k-images-idx3-ubyte", idx_cut, -ENOENT, "data.spec"},
	{"idx magic", IDX, "t10k-images-idx3-ubyte", idx_magic, -EILSEQ, "data.idx"},
	{"idx of floats", IDX, "t10k-images-idx3-ubyte", idx_of_floats, -EOPNOTSUPP, "data.idx"},
	{"idx cut", IDX, "t10k-images-idx3-ubyte", idx_cut, -EILSEQ, "data.idx"},
	{"idx cut in its header", IDX, "t10k-images-idx3-ubyte", idx_cut_header, -EILSEQ, "data.idx"},
	{"idx longer than it says", IDX, "t10k-images-idx3-ubyte", idx_more, -EILSEQ, "data.idx"},
	{"idx of absurd size", IDX, "t10k-images-idx3-ubyte", idx_huge, -ERANGE, "sys.range"},
	{"idx of size 0", IDX, "t10k-images-idx3-ubyte", idx_zero, -EILSEQ, "data.idx"},
	{"idx of two axes", IDX, "t10k-images-idx3-ubyte", idx_flat, -EILSEQ, "data.idx"},
	{"idx label count", IDX, "t10k-images-idx3-ubyte", idx_label_count, -EINVAL, "data.mismatch"},
	{"idx without labels", IDX, "t10k-images-idx3-ubyte", idx_no_labels, -ENOENT, "data.spec"},
	{"idx label above 9", IDX, "t10k-images-idx3-ubyte", idx_label_above_9, -ERANGE, "data.mismatch"},
	{"gzip cut", IDX, "t10k-images-idx3-ubyte.gz", gzip_cut, -EILSEQ, "data.gzip"},
	{"gzip without its end", IDX, "t10k-images-idx3-ubyte.gz", gzip_no_trailer, -EILSEQ, "data.gzip"},
	{"gzip damaged", IDX, "t10k-images-idx3-ubyte.gz", gzip_damaged, -EILSEQ, "data.gzip"},
	{"gzip that unpacks to more", IDX, "t10k-images-idx3-ubyte.gz", gzip_bomb, -EILSEQ, "data.idx"},
};

static void test_data_load_bad_files_are_refused_with_their_rule(void **state)
{
	char path[PATH_MAX], spec[PATH_MAX + 32];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct akida_diag *diag = akida_diag_create();
		struct akida_dataset d, before;
		const struct akida_diag_record *r;
		int err;

		memset(&d, 0x5a, sizeof(d));
		memcpy(&before, &d, sizeof(d));
		scratch_path(path, sizeof(path), bad[i].file);
		bad[i].make(path);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(spec, sizeof(spec), bad[i].spec, scratch);
#pragma GCC diagnostic pop
		err = ak_data_load(spec, &d, diag);
		r = akida_diag_first_error(diag);
		if (err != bad[i].err || !r || (bad[i].rule && strcmp(r->rule, bad[i].rule)))
			fail_msg("%s: got %d %s: %s; want %d %s", bad[i].what, err, r ? r->rule : "-",
				 r ? r->text : "-", bad[i].err, bad[i].rule ? bad[i].rule : "any");
		assert_memory_equal(&d, &before, sizeof(d));
		akida_diag_destroy(diag);
		scratch_clear();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data_load_mnist_folders),
		cmocka_unit_test(test_data_load_cifar10_file),
		cmocka_unit_test(test_data_load_labels_of_every_form_become_int32),
		cmocka_unit_test(test_data_load_npy_has_no_labels),
		cmocka_unit_test(test_data_load_gzip_and_plain_idx_are_alike),
		cmocka_unit_test(test_samples_load_arrays_are_joined),
		cmocka_unit_test(test_data_load_bad_files_are_refused_with_their_rule),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
