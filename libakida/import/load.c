/* SPDX-License-Identifier: MIT */
/* Opening a model file: what kind it is, by content, and who reads it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "import/onnx.h"
#include "keras.h"

static int refuse(struct akida_diag *diag, const char *path, const char *kind)
{
	ak_fail(diag, -EOPNOTSUPP, AK_RULE_IMPORT_KIND, path, "%s is not read yet by this version", kind);
	ak_remedy(diag, "save the model as Keras 2 .h5");
	return -EOPNOTSUPP;
}

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

/* ModelProto opens with field 1, ir_version (a small varint), then one of its strings or messages. */
static bool looks_like_onnx(const unsigned char *b, size_t len)
{
	return len > 8 && b[0] == 0x08 && b[1] >= 1 && b[1] < 0x20 && (b[2] == 0x12 || b[2] == 0x1a || b[2] == 0x3a);
}

/* A vendor .fbz is a raw Snappy block saved with its worst-case length, 32 + n + n/6 (reference: fbz-format). */
static bool looks_like_fbz(const unsigned char *b, size_t len)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < 5 && i < len; i++) {
		n |= (uint64_t)(b[i] & 0x7f) << (7 * i);
		if (!(b[i] & 0x80))
			return n && len == 32 + n + n / 6;
	}
	return false;
}

static int load_zip(const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	zip_t *z = zip_open(path, ZIP_RDONLY, NULL);
	bool keras = z && zip_name_locate(z, "config.json", 0) >= 0;

	if (z)
		zip_discard(z);
	return keras || !z ? ak_keras_archive_load(path, out, diag) : refuse(diag, path, "a zip archive (.npz?)");
}

static int load_bytes(const char *path, const unsigned char *b, size_t len, struct akida_graph **out,
		      struct akida_diag *diag)
{
	if (len >= 8 && !memcmp(b, "\x89HDF\r\n\x1a\n", 8))
		return ak_keras_load(b, len, path, out, diag);
	if (len >= 4 && (!memcmp(b, "PK\3\4", 4) || !memcmp(b, "PK\5\6", 4)))
		return load_zip(path, out, diag);
	if (len >= 8 && !memcmp(b, "AKIDAAK", 7)) {
		ak_fail(diag, -EINVAL, AK_RULE_IMPORT_KIND, path, "is a %s, not a network",
			b[7] == 'P' ? "mapped program (.akp)" : "converted model (.akm)");
		return -EINVAL;
	}
	if (len >= 6 && !memcmp(b, "\x93NUMPY", 6)) {
		ak_fail(diag, -EINVAL, AK_RULE_IMPORT_KIND, path, "is a NumPy array, not a network");
		return -EINVAL;
	}
	if (ends_with(path, ".fbz") || looks_like_fbz(b, len))
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_IMPORT_KIND, path,
			       "is a vendor model (.fbz), already converted: no network");
	if (ends_with(path, ".onnx") || looks_like_onnx(b, len))
		return ak_onnx_load(b, len, path, out, diag);
	return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_MAGIC, path, "is not a model file of any known kind");
}

int akida_graph_load(const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);

	if (err)
		return err;
	err = load_bytes(path, bytes, len, out, diag);
	free(bytes);
	return err;
}
