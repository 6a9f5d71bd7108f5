/* SPDX-License-Identifier: MIT */
/*
 * NumPy .npy files, versions 1 to 3 (format description: numpy.lib.format), and raw uint8 frames. The header is a
 * Python dictionary literal; only the three keys the format defines are accepted. Numbers are stored little-endian,
 * and so is every host we build for.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/data.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "base/le.h"
#include "base/npy.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "little-endian hosts only"
#endif

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6u
#define MAX_HEADER 65536u

static const struct {
	const char *descr;
	enum akida_dtype dtype;
	size_t stored; /* bytes of an element in the file when it is widened, else 0 */
} types[] = {
	{"|u1", AKIDA_U8, 0},  {"<u1", AKIDA_U8, 0},  {"|i1", AKIDA_I8, 0},  {"<i1", AKIDA_I8, 0},
	{"<i2", AKIDA_I16, 0}, {"<i4", AKIDA_I32, 0}, {"<i8", AKIDA_I64, 0}, {"<f4", AKIDA_F32, 0},
	{"<f8", AKIDA_F64, 0}, {"<u2", AKIDA_I32, 2}, {"<u4", AKIDA_I64, 4},
};

/* The header text under examination; p never passes end. */
struct cursor {
	const char *p, *end;
};

static void skip_space(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

static bool accept(struct cursor *c, char ch)
{
	skip_space(c);
	if (c->p >= c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

static bool accept_word(struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	skip_space(c);
	if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n))
		return false;
	c->p += n;
	return true;
}

/* A quoted string without escapes, at most n - 1 characters. */
static bool accept_string(struct cursor *c, char *s, size_t n)
{
	size_t len = 0;
	char quote;

	skip_space(c);
	if (c->p >= c->end || (*c->p != '\'' && *c->p != '"'))
		return false;
	quote = *c->p++;
	while (c->p < c->end && *c->p != quote && *c->p != '\\' && len + 1 < n)
		s[len++] = *c->p++;
	s[len] = 0;
	if (c->p >= c->end || *c->p != quote)
		return false;
	c->p++;
	return true;
}

static bool accept_size(struct cursor *c, uint64_t *v)
{
	skip_space(c);
	if (c->p >= c->end || !isdigit((unsigned char)*c->p))
		return false;
	for (*v = 0; c->p < c->end && isdigit((unsigned char)*c->p); c->p++) {
		if (*v > UINT64_MAX / 16)
			*v = UINT64_MAX / 2; /* stays absurd, refused by akida_array_init */
		else
			*v = *v * 10 + (uint64_t)(*c->p - '0');
	}
	return true;
}

struct header {
	char descr[32];
	bool have_descr, have_order, have_shape, fortran;
	uint32_t rank; /* counts beyond 6, so that the message can say so */
	uint64_t dims[6];
};

static bool parse_shape(struct cursor *c, struct header *h)
{
	uint64_t v;

	if (!accept(c, '('))
		return false;
	for (h->rank = 0; !accept(c, ')');) {
		if (h->rank >= 1000 || !accept_size(c, &v))
			return false;
		if (h->rank < 6)
			h->dims[h->rank] = v;
		h->rank++;
		if (!accept(c, ',')) {
			/* "(3)" is a number in Python, but numpy never writes it; one dimension needs its comma */
			return h->rank > 1 && accept(c, ')');
		}
	}
	return true;
}

static bool parse_dict(struct cursor *c, struct header *h)
{
	char key[32];

	memset(h, 0, sizeof(*h));
	if (!accept(c, '{'))
		return false;
	while (!accept(c, '}')) {
		if (!accept_string(c, key, sizeof(key)) || !accept(c, ':'))
			return false;
		if (!strcmp(key, "descr")) {
			skip_space(c);
			if (c->p < c->end && *c->p == '[') { /* a record type: named by the caller as unsupported */
				snprintf(h->descr, sizeof(h->descr), "record");
				h->have_descr = h->have_order = h->have_shape = true;
				h->rank = 1;
				return true;
			}
			if (h->have_descr || !accept_string(c, h->descr, sizeof(h->descr)))
				return false;
			h->have_descr = true;
		} else if (!strcmp(key, "fortran_order")) {
			h->fortran = accept_word(c, "True");
			if (h->have_order || (!h->fortran && !accept_word(c, "False")))
				return false;
			h->have_order = true;
		} else if (!strcmp(key, "shape")) {
			if (h->have_shape || !parse_shape(c, h))
				return false;
			h->have_shape = true;
		} else {
			return false;
		}
		if (!accept(c, ',')) {
			if (!accept(c, '}'))
				return false;
			break;
		}
	}
	skip_space(c);
	return c->p == c->end && h->have_descr && h->have_order && h->have_shape;
}

static int find_type(const char *descr, enum akida_dtype *t, size_t *stored)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		if (!strcmp(types[i].descr, descr)) {
			*t = types[i].dtype;
			*stored = types[i].stored ? types[i].stored : akida_dtype_bytes(*t);
			return 0;
		}
	}
	return -EOPNOTSUPP;
}

/* Unsigned numbers become the next larger signed ones; p has no alignment. */
static void widen(const uint8_t *p, struct akida_array *out)
{
	size_t n = akida_array_elements(out);

	for (size_t i = 0; i < n && out->dtype == AKIDA_I32; i++)
		((int32_t *)out->data)[i] = (int32_t)ak_get16(p + 2 * i);
	for (size_t i = 0; i < n && out->dtype == AKIDA_I64; i++)
		((int64_t *)out->data)[i] = (int64_t)ak_get32(p + 4 * i);
}

int akida_npy_parse(const void *bytes, size_t len, const char *name, struct akida_array *out, struct akida_diag *diag)
{
	const uint8_t *b = bytes;
	size_t prefix, header, need, dims[6];
	enum akida_dtype t = AKIDA_U8;
	bool widened;
	struct header h;
	struct cursor c;
	int err;

	memset(out, 0, sizeof(*out));
	if (len < MAGIC_BYTES || memcmp(b, MAGIC, MAGIC_BYTES))
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_MAGIC, name, "is not a .npy file");
	if (len < MAGIC_BYTES + 4)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the .npy header");
	if (b[6] < 1 || b[6] > 3 || b[7] != 0)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_CONTAINER_VERSION, name,
			       ".npy version %u.%u, versions 1.0 to 3.0 are known", b[6], b[7]);
	prefix = b[6] == 1 ? 10 : 12;
	if (len < prefix)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the .npy header");
	header = b[8] | (size_t)b[9] << 8;
	if (b[6] > 1)
		header |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
	if (header > MAX_HEADER)
		return ak_fail(diag, -EILSEQ, AK_RULE_NPY_HEADER, name, "claims a header of %zu bytes", header);
	if (header > len - prefix)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the .npy header");
	c = (struct cursor){(const char *)b + prefix, (const char *)b + prefix + header};
	if (!parse_dict(&c, &h))
		return ak_fail(diag, -EILSEQ, AK_RULE_NPY_HEADER, name, "has a malformed .npy header");
	if (find_type(h.descr, &t, &need)) {
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_NPY_TYPE, name, "holds elements of type '%s'", h.descr);
		ak_remedy(diag, "convert to one of u1 u2 u4 i1 i2 i4 i8 f4 f8, little-endian (x.astype('float32'))");
		return err;
	}
	if (h.fortran && h.rank > 1) {
		err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_NPY_TYPE, name, "is stored in Fortran order");
		ak_remedy(diag, "numpy.ascontiguousarray(x) before saving");
		return err;
	}
	if (h.rank == 0) { /* a scalar */
		h.rank = 1;
		h.dims[0] = 1;
	}
	if (h.rank > 6)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_NPY_TYPE, name, "has %u dimensions, at most 6 are supported",
			       h.rank);
	widened = need < akida_dtype_bytes(t);
	for (uint32_t i = 0; i < h.rank; i++) {
		if (h.dims[i] > SIZE_MAX || (h.dims[i] && need > SIZE_MAX / h.dims[i]))
			return ak_fail(diag, -EILSEQ, AK_RULE_RANGE, name, "claims impossible dimensions");
		dims[i] = (size_t)h.dims[i];
		need *= dims[i];
	}
	/* Before anything is allocated: the bytes must be there. */
	if (len - prefix - header < need)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name,
			       "has %zu bytes of data, %zu are needed", len - prefix - header, need);
	if (len - prefix - header > need)
		return ak_fail(diag, -EILSEQ, AK_RULE_NPY_HEADER, name, "has %zu bytes after its data",
			       len - prefix - header - need);
	err = akida_array_init(out, t, h.rank, dims);
	if (err)
		return ak_fail(diag, err, err == -ENOMEM ? AK_RULE_NOMEM : AK_RULE_RANGE, name,
			       "cannot allocate %zu bytes", need);
	if (widened)
		widen(b + prefix + header, out);
	else if (need)
		memcpy(out->data, b + prefix + header, need);
	return 0;
}

int akida_npy_load(const char *path, struct akida_array *out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err;

	memset(out, 0, sizeof(*out));
	err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);
	if (err)
		return err;
	err = akida_npy_parse(bytes, len, path, out, diag);
	free(bytes);
	return err;
}

int ak_npy_print(const struct akida_array *a, const char *name, void **out, size_t *len, struct akida_diag *diag)
{
	size_t data = akida_array_elements(a) * akida_dtype_bytes(a->dtype), total;
	char text[256];
	const char *descr = NULL;
	uint8_t *bytes;
	int n;

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]) && !descr; i++)
		if (types[i].dtype == a->dtype)
			descr = types[i].descr;
	if (!a->rank || a->rank > 6 || !descr || !a->data)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, name, "an empty array cannot be saved");
	n = snprintf(text, sizeof(text), "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
	for (uint32_t i = 0; i < a->rank; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
			      a->rank == 1 ? "%zu,"
			      : i	   ? ", %zu"
					   : "%zu",
			      a->dims[i]);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "), }");
	/* magic 6, version 2, length 2, text, newline: a multiple of 64 in all */
	total = (10 + (size_t)n + 1 + 63) / 64 * 64;
	if (data > SIZE_MAX - total)
		return ak_fail(diag, -ERANGE, AK_RULE_RANGE, name, "the array is too large");
	bytes = malloc(total + data);
	if (!bytes)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %zu bytes", total + data);
	memset(bytes, ' ', total);
	memcpy(bytes, MAGIC "\x01\x00", 8);
	bytes[8] = (uint8_t)(total - 10);
	bytes[9] = (uint8_t)((total - 10) >> 8);
	memcpy(bytes + 10, text, (size_t)n);
	bytes[total - 1] = '\n';
	if (data)
		memcpy(bytes + total, a->data, data);
	*out = bytes;
	*len = total + data;
	return 0;
}

int akida_npy_save(const char *path, const struct akida_array *a, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err = ak_npy_print(a, path, &bytes, &len, diag);

	if (err)
		return err;
	err = ak_file_write(path, bytes, len, diag);
	free(bytes);
	return err;
}

int akida_raw_load(const char *path, size_t frame_bytes, struct akida_array *out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err;

	memset(out, 0, sizeof(*out));
	if (!frame_bytes)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, path, "frames of zero bytes");
	err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);
	if (err)
		return err;
	if (len % frame_bytes) {
		free(bytes);
		return ak_fail(diag, -EILSEQ, AK_RULE_RAW_SIZE, path,
			       "has %zu bytes, not a multiple of the %zu of a frame", len, frame_bytes);
	}
	out->dtype = AKIDA_U8;
	out->rank = 2;
	out->dims[0] = len / frame_bytes;
	out->dims[1] = frame_bytes;
	out->data = bytes;
	return 0;
}
