/* SPDX-License-Identifier: MIT */
/*
 * .keras, the archive of Keras 3 (and of Keras 2.13 to 2.15 on request): config.json is what model_config is in an .h5,
 * model.weights.h5 has the weights without names, metadata.json the version. Sizes are checked before anything unpacks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <zip.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "h5_arena.h"
#include "keras.h"

#define WEIGHTS_MAX ((zip_uint64_t)1 << 30)
#define METADATA_MAX ((zip_uint64_t)1 << 16)

struct archive {
	const char *path;
	struct akida_diag *diag;
	void *bytes;
	zip_t *zip;
};

static int malformed(const struct archive *a, const char *member, const char *why)
{
	return ak_fail(a->diag, -EILSEQ, AK_RULE_KERAS_ARCHIVE, a->path, "%s %s", member, why);
}

static int archive_open(struct archive *a)
{
	zip_source_t *source;
	size_t len;
	int err = ak_file_read(a->path, AK_FILE_MAX, &a->bytes, &len, a->diag);

	if (err)
		return err;
	source = zip_source_buffer_create(a->bytes, len, 0, NULL);
	a->zip = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, NULL) : NULL;
	if (a->zip)
		return 0;
	if (source)
		zip_source_free(source);
	return malformed(a, "the archive", "is damaged");
}

static void archive_close(struct archive *a)
{
	if (a->zip)
		zip_discard(a->zip);
	free(a->bytes);
}

/* A member as text with a zero behind it; NULL and no error when it is optional and not there. */
static int read_member(struct archive *a, const char *name, zip_uint64_t max, bool optional, char **out, size_t *len)
{
	zip_int64_t index = zip_name_locate(a->zip, name, 0), got;
	zip_file_t *f;
	zip_stat_t st;

	*out = NULL;
	*len = 0;
	if (index < 0)
		return optional ? 0 : malformed(a, name, "is missing");
	if (zip_stat_index(a->zip, (zip_uint64_t)index, 0, &st) || !(st.valid & ZIP_STAT_SIZE))
		return malformed(a, name, "has no size");
	if (st.size > max)
		return ak_fail(a->diag, -ERANGE, AK_RULE_KERAS_ARCHIVE, a->path,
			       "%s unpacks to %llu bytes, %llu are allowed", name, (unsigned long long)st.size,
			       (unsigned long long)max);
	if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
		return ak_fail(a->diag, -EOPNOTSUPP, AK_RULE_KERAS_ARCHIVE, a->path, "%s is encrypted", name);
	f = zip_fopen_index(a->zip, (zip_uint64_t)index, 0);
	if (!f)
		return malformed(a, name, "cannot be unpacked");
	*out = malloc((size_t)st.size + 1);
	got = *out ? zip_fread(f, *out, st.size) : -1;
	if (zip_fclose(f) || got != (zip_int64_t)st.size) { /* the close checks the sum */
		int err = *out ? malformed(a, name, "is damaged")
			       : ak_fail(a->diag, -ENOMEM, AK_RULE_NOMEM, a->path, "no memory for %s", name);

		free(*out);
		*out = NULL;
		return err;
	}
	(*out)[st.size] = 0;
	*len = (size_t)st.size;
	return 0;
}

/* Without metadata the archive is what Keras 3 writes. */
static bool is_keras3(const char *metadata, size_t len)
{
	cJSON *root = metadata ? cJSON_ParseWithLength(metadata, len) : NULL;
	const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(root, "keras_version"));
	bool keras3 = !version || version[0] != '2';

	cJSON_Delete(root);
	return keras3;
}

int ak_keras_archive_load(const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	struct archive a = {.path = path, .diag = diag};
	char *config = NULL, *weights = NULL, *metadata = NULL;
	struct ak_keras_parts parts = {0};
	size_t metadata_len = 0;
	int err = archive_open(&a);

	if (!err)
		err = read_member(&a, "config.json", AK_H5_MAX_JSON, false, &config, &parts.config_len);
	if (!err)
		err = read_member(&a, "metadata.json", METADATA_MAX, true, &metadata, &metadata_len);
	if (!err)
		err = read_member(&a, "model.weights.h5", WEIGHTS_MAX, false, &weights, &parts.weights_len);
	if (!err && (parts.weights_len < 8 || memcmp(weights, "\x89HDF\r\n\x1a\n", 8)))
		err = malformed(&a, "model.weights.h5", "is not HDF5");
	archive_close(&a);
	if (!err) {
		parts.config = config;
		parts.weights = weights;
		parts.keras3 = is_keras3(metadata, metadata_len);
		err = ak_keras_parts_load(&parts, path, out, diag);
	}
	free(config);
	free(metadata);
	free(weights);
	return err;
}
