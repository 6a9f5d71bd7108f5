/* SPDX-License-Identifier: MIT */
/*
 * The idx files of MNIST, plain or gzip: two zero bytes, a type (only 8, unsigned byte), the number of axes, big-endian
 * sizes, data. Nothing is unpacked beyond what the header announces.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "data.h"

#define DATA_MAX ((size_t)1 << 30)
#define TYPE_U8 8

/* Bytes of a plain or gzip file in order. */
struct reader {
	const unsigned char *bytes;
	size_t len, at;
	bool gzip;
	z_stream z;
};

static int reader_init(struct reader *r, const void *bytes, size_t len)
{
	memset(r, 0, sizeof(*r));
	r->bytes = bytes;
	r->len = len;
	r->gzip = len >= 2 && r->bytes[0] == 0x1f && r->bytes[1] == 0x8b;
	return r->gzip && inflateInit2(&r->z, 15 + 16) != Z_OK ? -ENOMEM : 0;
}

static void reader_fini(struct reader *r)
{
	if (r->gzip)
		inflateEnd(&r->z);
}

/* Up to n bytes; fewer at the end of the data, negative for a damaged gzip stream. */
static int read_some(struct reader *r, unsigned char *out, size_t n, size_t *got)
{
	*got = 0;
	if (!r->gzip) {
		*got = r->len - r->at < n ? r->len - r->at : n;
		memcpy(out, r->bytes + r->at, *got);
		r->at += *got;
		return 0;
	}
	while (*got < n) {
		size_t in = r->len - r->at < UINT32_MAX / 2 ? r->len - r->at : UINT32_MAX / 2;
		size_t room = n - *got < UINT32_MAX / 2 ? n - *got : UINT32_MAX / 2;
		int z;

		r->z.next_in = (unsigned char *)(uintptr_t)r->bytes + r->at;
		r->z.avail_in = (unsigned int)in;
		r->z.next_out = out + *got;
		r->z.avail_out = (unsigned int)room;
		z = inflate(&r->z, Z_NO_FLUSH);
		r->at += in - r->z.avail_in;
		*got += room - r->z.avail_out;
		if (z == Z_STREAM_END)
			return 0;
		if (z != Z_OK)
			return -EILSEQ; /* also the end of a truncated file */
	}
	return 0;
}

struct idx {
	const char *path;
	struct akida_diag *diag;
	struct reader r;
};

static int bad_gzip(const struct idx *x)
{
	return ak_fail(x->diag, -EILSEQ, AK_RULE_DATA_GZIP, x->path, "the gzip data is damaged or ends early");
}

static int bad_idx(const struct idx *x, const char *why)
{
	return ak_fail(x->diag, -EILSEQ, AK_RULE_DATA_IDX, x->path, "%s", why);
}

static int read_header(struct idx *x, size_t dims[4], uint32_t *rank)
{
	unsigned char head[4 + 4 * 4];
	size_t got, total = 1;

	if (read_some(&x->r, head, 4, &got))
		return bad_gzip(x);
	if (got < 4 || head[0] || head[1] || head[3] < 1 || head[3] > 4)
		return bad_idx(x, "is not an idx file");
	if (head[2] != TYPE_U8)
		return ak_fail(x->diag, -EOPNOTSUPP, AK_RULE_DATA_IDX, x->path,
			       "holds type 0x%02x, only unsigned bytes are read", head[2]);
	*rank = head[3];
	if (read_some(&x->r, head + 4, 4 * (size_t)*rank, &got))
		return bad_gzip(x);
	if (got < 4 * (size_t)*rank)
		return bad_idx(x, "ends inside its header");
	for (uint32_t i = 0; i < *rank; i++) {
		const unsigned char *p = head + 4 + 4 * i;

		dims[i] = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
		if (!dims[i])
			return bad_idx(x, "has an axis of size 0");
		if (dims[i] > DATA_MAX / total)
			return ak_fail(x->diag, -ERANGE, AK_RULE_RANGE, x->path, "announces more than %zu bytes",
				       DATA_MAX);
		total *= dims[i];
	}
	return 0;
}

static int read_idx(struct idx *x, struct akida_array *out)
{
	struct akida_array a;
	unsigned char extra;
	size_t dims[4], got;
	uint32_t rank = 0;
	int err = read_header(x, dims, &rank);

	if (err)
		return err;
	if (!x->r.gzip && x->r.len - x->r.at < dims[0]) /* at least a byte per entry: no memory for an empty promise */
		return bad_idx(x, "ends before its data does");
	err = akida_array_init(&a, AKIDA_U8, rank, dims);
	if (err)
		return ak_fail(x->diag, err, AK_RULE_NOMEM, x->path, "no memory for its data");
	if (read_some(&x->r, a.data, akida_array_elements(&a), &got))
		err = bad_gzip(x);
	else if (got < akida_array_elements(&a))
		err = bad_idx(x, "ends before its data does");
	else if (read_some(&x->r, &extra, 1, &got)) /* also compares the checksum of a gzip file */
		err = bad_gzip(x);
	else if (got)
		err = bad_idx(x, "goes on after its data");
	if (err)
		akida_array_fini(&a);
	else
		*out = a;
	return err;
}

int ak_idx_load(const char *path, struct akida_array *out, struct akida_diag *diag)
{
	struct idx x = {.path = path, .diag = diag};
	void *bytes;
	size_t len;
	int err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);

	if (err)
		return err;
	err = reader_init(&x.r, bytes, len);
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, path, "no memory to unpack it");
	else
		err = read_idx(&x, out);
	reader_fini(&x.r);
	free(bytes);
	return err;
}
