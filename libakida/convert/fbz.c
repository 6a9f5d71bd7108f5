/* SPDX-License-Identifier: MIT */
/*
 * Reads a vendor .fbz (reference: fbz-format): a raw Snappy block saved with its worst-case length, in it a flatbuffer of
 * layers with their parameters and variables. Parameters come in two generations, a union of tables before SDK 2.3 and keys
 * with values since; both are kept under the names of the second.
 */
#include <errno.h>
#include <snappy-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "base/le.h"
#include "convert/fbz.h"
#include "program/flatbuf.h"

#define MAX_DECODED ((uint64_t)1 << 29)
#define MAX_LAYERS 256u

struct reader {
	struct akida_fbz *f;
	struct ak_fb fb;
	const char *name; /* of the file, for messages */
	struct fbz_layer *layer;
	struct akida_diag *diag;
};

static int damaged(const struct reader *r, const char *what)
{
	return ak_fail(r->diag, -EILSEQ, AK_RULE_FBZ_FORMAT, r->layer && *r->layer->name ? r->layer->name : r->name,
		       "%s is damaged", what);
}

const char *fbz_kind_name(uint32_t kind)
{
	static const char *const names[] = {"unknown",	      "InputData",     "InputConvolutional",
					    "FullyConnected", "Convolutional", "SeparableConvolutional"};

	return names[kind < sizeof(names) / sizeof(*names) ? kind : 0];
}

static uint32_t element_bytes(uint32_t type)
{
	switch (type) {
	case FBZ_INT32:
	case FBZ_FLOAT32:
		return 4;
	case FBZ_INT8:
	case FBZ_BIT:
	case FBZ_INT4:
		return 1;
	default:
		return 0;
	}
}

/* ---- container ---- */

/*
 * Bytes behind the compressed stream mean nothing and are not always zero, and the library wants none: follow the tags to
 * the byte where n bytes are complete.
 */
static int stream_end(const uint8_t *b, size_t len, size_t at, uint64_t n, size_t *end)
{
	uint64_t out = 0;

	while (out < n) {
		uint32_t tag, extra, size;

		if (at >= len)
			return -EILSEQ;
		tag = b[at++];
		switch (tag & 3) {
		case 0:
			size = tag >> 2;
			extra = size < 60 ? 0 : size - 59;
			if (extra > len - at)
				return -EILSEQ;
			if (extra)
				size = 0;
			for (uint32_t i = 0; i < extra; i++)
				size |= (uint32_t)b[at + i] << (8 * i);
			at += extra;
			if (size >= len - at)
				return -EILSEQ;
			at += (size_t)size + 1;
			out += (uint64_t)size + 1;
			break;
		case 1:
			out += 4 + (tag >> 2 & 7);
			at += 1;
			break;
		case 2:
			out += (tag >> 2) + 1;
			at += 2;
			break;
		default:
			out += (tag >> 2) + 1;
			at += 4;
			break;
		}
	}
	if (out != n || at > len)
		return -EILSEQ;
	*end = at;
	return 0;
}

static int decode(struct reader *r, const uint8_t *b, size_t len)
{
	size_t at = 0, end, decoded;
	uint64_t n = 0;

	for (uint32_t shift = 0;; shift += 7) {
		if (at == len || shift > 28)
			return damaged(r, "the length of its contents");
		n |= (uint64_t)(b[at] & 0x7f) << shift;
		if (!(b[at++] & 0x80))
			break;
	}
	if (n < 16)
		return damaged(r, "the length of its contents");
	/* Snappy makes at most 64 bytes of 3 */
	if (n > MAX_DECODED || n / 22 > len)
		return ak_fail(r->diag, -ERANGE, AK_RULE_FBZ_FORMAT, r->name,
			       "says it holds %llu bytes, which a file of %zu cannot", (unsigned long long)n, len);
	if (stream_end(b, len, at, n, &end))
		return damaged(r, "its compressed stream");
	r->f->bytes = malloc((size_t)n + 4);
	if (!r->f->bytes)
		return ak_fail(r->diag, -ENOMEM, AK_RULE_NOMEM, r->name, "no memory for its contents");
	ak_put32(r->f->bytes, (uint32_t)n);
	decoded = (size_t)n;
	if (snappy_uncompress((const char *)b, end, (char *)r->f->bytes + 4, &decoded) != SNAPPY_OK || decoded != n)
		return damaged(r, "its compressed stream");
	return ak_fb_open(&r->fb, r->f->bytes, (size_t)n + 4) ? damaged(r, "its flatbuffer") : 0;
}

/* ---- parameters ---- */

static int put(struct reader *r, const char *name, double value)
{
	struct fbz_layer *l = r->layer;

	if (l->params == FBZ_PARAMS)
		return ak_fail(r->diag, -ERANGE, AK_RULE_FBZ_FORMAT, l->name, "has more than %u parameters",
			       FBZ_PARAMS);
	snprintf(l->param[l->params].name, FBZ_NAME, "%s", name);
	l->param[l->params++].value = value;
	return 0;
}

/* Since SDK 2.3: sorted keys with values. */
static int read_keys(struct reader *r, const struct ak_fb_table *params)
{
	struct ak_fb_table list, pair;
	struct ak_fb_vector v;
	char name[FBZ_NAME];
	uint32_t value;

	if (ak_fb_table(&r->fb, params, 3, &list) || ak_fb_vector(&r->fb, &list, 0, 4, &v))
		return damaged(r, "its list of parameters");
	for (uint32_t i = 0; i < v.count; i++) {
		int err;

		if (ak_fb_element(&r->fb, &v, i, &pair) || ak_fb_string(&r->fb, &pair, 0, name, sizeof(name)) ||
		    ak_fb_u32(&r->fb, &pair, 1, &value))
			return damaged(r, "a parameter");
		if (!strcmp(name, "layer_type"))
			r->layer->kind = value;
		err = put(r, name, (double)(int32_t)value);
		if (err)
			return err;
	}
	return 0;
}

/* A field of a table of the union generation. */
enum field_type { U8, I8, U32, F64 };
struct field {
	uint32_t slot;
	enum field_type type;
	const char *name;
};

static int read_fields(struct reader *r, const struct ak_fb_table *t, const struct field *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t wide = 0;
		uint32_t word = 0;
		uint8_t byte = 0;
		double v;
		int err;

		if (f[i].type == F64)
			err = ak_fb_u64(&r->fb, t, f[i].slot, &wide);
		else if (f[i].type == U32)
			err = ak_fb_u32(&r->fb, t, f[i].slot, &word);
		else
			err = ak_fb_u8(&r->fb, t, f[i].slot, &byte);
		if (err)
			return damaged(r, f[i].name);
		if (f[i].type == F64)
			memcpy(&v, &wide, 8);
		else
			v = f[i].type == U32 ? (double)word : f[i].type == I8 ? (double)(int8_t)byte : (double)byte;
		err = put(r, f[i].name, v);
		if (err)
			return err;
	}
	return 0;
}

static const struct field input_fields[] = {{0, U32, "input_width"}, {1, U32, "input_height"}};
static const struct field kernel_fields[] = {{0, U8, "kernel_width"}, {1, U8, "kernel_height"}, {2, U8, "padding"}};
static const struct field stride_fields[] = {{0, U8, "stride_x"}, {1, U8, "stride_y"}};
static const struct field pooling_fields[] = {{0, I8, "pooling_width"},
					      {1, I8, "pooling_height"},
					      {2, U8, "pool_type"},
					      {3, I8, "pooling_stride_x"},
					      {4, I8, "pooling_stride_y"}};
static const struct field activation_fields[] = {{0, U8, "activation"}, {3, U8, "act_bits"}};
static const struct field learning_fields[] = {
	{0, U8, "learning_type"},	{1, U32, "num_weights"},	  {2, U32, "num_classes"},
	{3, F64, "initial_plasticity"}, {4, F64, "learning_competition"}, {5, F64, "min_plasticity"},
	{6, F64, "plasticity_decay"},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define TABLE(r, t, slot, fields) read_table(r, t, slot, fields, COUNT(fields))

static int read_table(struct reader *r, const struct ak_fb_table *t, uint32_t slot, const struct field *f, size_t n)
{
	struct ak_fb_table inner;
	int err = ak_fb_table(&r->fb, t, slot, &inner);

	if (err == -ENOENT) /* all defaults, which are 0 */
		return 0;
	return err ? damaged(r, f[0].name) : read_fields(r, &inner, f, n);
}

static int read_processing(struct reader *r, const struct ak_fb_table *t, const char *count)
{
	const struct field own[] = {{0, U32, count}, {1, U8, "weights_bits"}};
	struct ak_fb_table processing, learning;
	int err = 0;

	if (ak_fb_table(&r->fb, t, 0, &processing))
		return damaged(r, "its parameters");
	err = read_fields(r, &processing, own, COUNT(own));
	if (!err && ak_fb_has(&r->fb, &processing, 2)) {
		uint8_t kind = 0;

		if (ak_fb_table(&r->fb, &processing, 2, &learning) || ak_fb_u8(&r->fb, &learning, 0, &kind))
			return damaged(r, "its learning parameters");
		if (kind)
			err = read_fields(r, &learning, learning_fields, COUNT(learning_fields));
	}
	return err ? err : TABLE(r, &processing, 3, activation_fields);
}

static int read_convolution(struct reader *r, const struct ak_fb_table *t)
{
	int err = read_processing(r, t, "filters");

	if (!err)
		err = TABLE(r, t, 1, kernel_fields);
	if (!err)
		err = TABLE(r, t, 2, pooling_fields);
	return err ? err : TABLE(r, t, 3, stride_fields);
}

/* Before SDK 2.3: slot 1 tells which table slot 2 is. */
static int read_union(struct reader *r, const struct ak_fb_table *params)
{
	static const struct field data[] = {{1, U32, "input_channels"}, {3, U8, "input_bits"}};
	static const struct field input[] = {
		{3, U32, "filters"}, {4, U8, "weights_bits"}, {6, U8, "input_channels"}, {7, U8, "padding_value"}};
	struct ak_fb_table t, inner;
	uint8_t kind;
	int err;

	if (ak_fb_u8(&r->fb, params, 1, &kind))
		return damaged(r, "its kind");
	r->layer->kind = kind;
	if (kind < 1 || kind > 5)
		return 0; /* listed, with what is self-describing */
	if (ak_fb_table(&r->fb, params, 2, &t))
		return damaged(r, "its parameters");
	switch (kind) {
	case 1:
		err = TABLE(r, &t, 0, input_fields);
		return err ? err : read_fields(r, &t, data, COUNT(data));
	case 2:
		err = TABLE(r, &t, 0, input_fields);
		if (!err)
			err = TABLE(r, &t, 1, kernel_fields);
		if (!err)
			err = TABLE(r, &t, 2, stride_fields);
		if (!err)
			err = read_fields(r, &t, input, COUNT(input));
		if (!err)
			err = TABLE(r, &t, 5, pooling_fields);
		return err ? err : TABLE(r, &t, 8, activation_fields);
	case 3:
		return read_processing(r, &t, "units");
	case 4:
		return read_convolution(r, &t);
	default:
		if (ak_fb_table(&r->fb, &t, 0, &inner))
			return damaged(r, "its parameters");
		return read_convolution(r, &inner);
	}
}

/* ---- layers ---- */

static int read_variable(struct reader *r, const struct ak_fb_table *t)
{
	struct fbz_variable *v = &r->layer->variable[r->layer->variables];
	struct ak_fb_vector dims, data;
	uint64_t count = 1;
	uint8_t type;

	if (ak_fb_string(&r->fb, t, 0, v->name, sizeof(v->name)) || ak_fb_vector(&r->fb, t, 1, 4, &dims) ||
	    ak_fb_vector(&r->fb, t, 2, 1, &data) || ak_fb_u8(&r->fb, t, 3, &type) || dims.count > 4)
		return damaged(r, *v->name ? v->name : "a variable");
	v->type = type;
	v->rank = dims.count;
	for (uint32_t i = 0; i < v->rank; i++) {
		v->dims[i] = ak_fb_word(&r->fb, &dims, i);
		count = v->dims[i] && count > MAX_DECODED / v->dims[i] ? MAX_DECODED + 1 : count * v->dims[i];
	}
	v->data = r->fb.b + data.at;
	v->bytes = data.count;
	if (element_bytes(type) && count * element_bytes(type) != data.count)
		return ak_fail(r->diag, -EILSEQ, AK_RULE_FBZ_FORMAT, r->layer->name,
			       "%s has %u bytes, its dimensions need %llu", v->name, data.count,
			       (unsigned long long)(count * element_bytes(type)));
	r->layer->variables++;
	return 0;
}

static int read_layer(struct reader *r, const struct ak_fb_table *t)
{
	struct fbz_layer *l = r->layer;
	struct ak_fb_vector v;
	struct ak_fb_table inner;
	int err;

	if (ak_fb_string(&r->fb, t, 1, l->name, sizeof(l->name)) || !*l->name)
		return damaged(r, "the name of a layer");
	if (ak_fb_table(&r->fb, t, 3, &inner))
		return damaged(r, "its parameters");
	err = ak_fb_has(&r->fb, &inner, 3) ? read_keys(r, &inner) : read_union(r, &inner);
	if (err)
		return err;
	err = ak_fb_vector(&r->fb, t, 2, 4, &v);
	if (err && err != -ENOENT)
		return damaged(r, "its list of variables");
	if (!err && v.count > FBZ_VARIABLES)
		return ak_fail(r->diag, -ERANGE, AK_RULE_FBZ_FORMAT, l->name, "has %u variables, at most %u are read",
			       v.count, FBZ_VARIABLES);
	for (uint32_t i = 0; !err && i < v.count; i++) {
		if (ak_fb_element(&r->fb, &v, i, &inner))
			return damaged(r, "a variable");
		err = read_variable(r, &inner);
		if (err)
			return err;
	}
	err = ak_fb_vector(&r->fb, t, 4, 4, &v);
	if (err && err != -ENOENT)
		return damaged(r, "its list of inputs");
	if (!err && v.count > FBZ_INBOUNDS)
		return ak_fail(r->diag, -ERANGE, AK_RULE_FBZ_FORMAT, l->name, "has %u inputs, at most %u are read",
			       v.count, FBZ_INBOUNDS);
	for (uint32_t i = 0; !err && i < v.count; i++)
		if (ak_fb_string_element(&r->fb, &v, i, l->inbound[l->inbounds++], FBZ_NAME))
			return damaged(r, "the name of an input");
	return 0;
}

static int read_root(struct reader *r)
{
	struct ak_fb_table root, t;
	struct ak_fb_vector v;

	if (ak_fb_root(&r->fb, &root) || ak_fb_vector(&r->fb, &root, 0, 4, &v))
		return damaged(r, "its list of layers");
	if (ak_fb_string(&r->fb, &root, 2, r->f->version, sizeof(r->f->version)))
		return damaged(r, "its version");
	if (!v.count || v.count > MAX_LAYERS)
		return ak_fail(r->diag, -ERANGE, AK_RULE_FBZ_FORMAT, r->name, "has %u layers, must have 1 to %u",
			       v.count, MAX_LAYERS);
	r->f->layers = calloc(v.count, sizeof(*r->f->layers));
	if (!r->f->layers)
		return ak_fail(r->diag, -ENOMEM, AK_RULE_NOMEM, r->name, "no memory for its layers");
	for (uint32_t i = 0; i < v.count; i++) {
		int err;

		r->layer = &r->f->layers[i];
		if (ak_fb_element(&r->fb, &v, i, &t))
			return damaged(r, "a layer");
		err = read_layer(r, &t);
		if (err)
			return err;
		r->f->count++;
	}
	return 0;
}

int akida_fbz_parse(const void *bytes, size_t len, const char *name, struct akida_fbz **out, struct akida_diag *diag)
{
	struct reader r = {.name = name, .diag = diag};
	const char *slash = strrchr(name, '/');
	int err;

	r.f = calloc(1, sizeof(*r.f));
	if (!r.f)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for its contents");
	snprintf(r.f->source, sizeof(r.f->source), "%s", slash ? slash + 1 : name);
	err = decode(&r, bytes, len);
	if (!err)
		err = read_root(&r);
	if (err)
		akida_fbz_destroy(r.f);
	else
		*out = r.f;
	return err;
}

int akida_fbz_load(const char *path, struct akida_fbz **out, struct akida_diag *diag)
{
	void *bytes;
	size_t len;
	int err = ak_file_read(path, AK_FILE_MAX, &bytes, &len, diag);

	if (err)
		return err;
	err = akida_fbz_parse(bytes, len, path, out, diag);
	free(bytes);
	return err;
}

void akida_fbz_destroy(struct akida_fbz *f)
{
	if (!f)
		return;
	free(f->bytes);
	free(f->layers);
	free(f);
}

/* ---- what it holds ---- */

const char *akida_fbz_version(const struct akida_fbz *f)
{
	return *f->version ? f->version : "before 2.3";
}

uint32_t akida_fbz_layers(const struct akida_fbz *f)
{
	return f->count;
}

int akida_fbz_layer(const struct akida_fbz *f, uint32_t i, struct akida_fbz_layer *layer)
{
	if (i >= f->count || layer->size < sizeof(*layer))
		return -EINVAL;
	*layer = (struct akida_fbz_layer){
		.size = layer->size,
		.name = f->layers[i].name,
		.kind = f->layers[i].kind,
		.kind_name = fbz_kind_name(f->layers[i].kind),
		.parameters = f->layers[i].params,
		.variables = f->layers[i].variables,
		.inbounds = f->layers[i].inbounds,
	};
	return 0;
}

int akida_fbz_parameter(const struct akida_fbz *f, uint32_t i, uint32_t k, const char **name, double *value)
{
	if (i >= f->count || k >= f->layers[i].params)
		return -EINVAL;
	*name = f->layers[i].param[k].name;
	*value = f->layers[i].param[k].value;
	return 0;
}

int akida_fbz_variable(const struct akida_fbz *f, uint32_t i, uint32_t k, struct akida_fbz_variable *variable)
{
	static const char *const names[] = {"int32",   "float32", "unknown", "int8",
					    "unknown", "unknown", "1-bit",   "4-bit"};
	const struct fbz_variable *v;

	if (i >= f->count || k >= f->layers[i].variables || variable->size < sizeof(*variable))
		return -EINVAL;
	v = &f->layers[i].variable[k];
	variable->name = v->name;
	variable->type = v->type;
	variable->type_name = v->type < COUNT(names) ? names[v->type] : "unknown";
	variable->rank = v->rank;
	memcpy(variable->dims, v->dims, sizeof(variable->dims));
	variable->data = v->data;
	variable->bytes = v->bytes;
	return 0;
}

int akida_fbz_inbound(const struct akida_fbz *f, uint32_t i, uint32_t k, const char **name)
{
	if (i >= f->count || k >= f->layers[i].inbounds)
		return -EINVAL;
	*name = f->layers[i].inbound[k];
	return 0;
}
