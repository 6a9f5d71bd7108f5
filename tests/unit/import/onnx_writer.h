/* SPDX-License-Identifier: MIT */
/*
 * A small writer of .onnx files, byte by byte after the protocol buffers encoding and onnx.proto, so that the tests of the
 * reader share nothing with it.
 */
#ifndef TEST_IMPORT_ONNX_WRITER_H
#define TEST_IMPORT_ONNX_WRITER_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ONNX_F32 = 1,
	ONNX_U8 = 2,
	ONNX_I8 = 3,
	ONNX_I32 = 6,
	ONNX_I64 = 7,
	ONNX_TEXT = 8,
	ONNX_F16 = 10,
	ONNX_F64 = 11
};

struct wire {
	unsigned char *b;
	size_t n, capacity;
};

static inline void wire_raw(struct wire *w, const void *bytes, size_t n)
{
	if (w->n + n > w->capacity) {
		w->capacity = 2 * (w->n + n) + 64;
		w->b = realloc(w->b, w->capacity);
	}
	if (n)
		memcpy(w->b + w->n, bytes, n);
	w->n += n;
}

static inline void wire_varint(struct wire *w, uint64_t v)
{
	do {
		unsigned char byte = (unsigned char)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));

		wire_raw(w, &byte, 1);
		v >>= 7;
	} while (v);
}

static inline void wire_int(struct wire *w, unsigned int field, int64_t v)
{
	wire_varint(w, field << 3);
	wire_varint(w, (uint64_t)v);
}

static inline void wire_float(struct wire *w, unsigned int field, float v)
{
	wire_varint(w, field << 3 | 5);
	wire_raw(w, &v, 4);
}

static inline void wire_bytes(struct wire *w, unsigned int field, const void *bytes, size_t n)
{
	wire_varint(w, field << 3 | 2);
	wire_varint(w, n);
	wire_raw(w, bytes, n);
}

static inline void wire_text(struct wire *w, unsigned int field, const char *s)
{
	wire_bytes(w, field, s, strlen(s));
}

/* Takes the message and releases it. */
static inline void wire_message(struct wire *w, unsigned int field, struct wire *m)
{
	wire_bytes(w, field, m->b, m->n);
	free(m->b);
	memset(m, 0, sizeof(*m));
}

/* A model in the making: fields of the graph, and attributes of the operator that comes next. */
struct onnx_model {
	struct wire graph, attributes;
	int opset, operators;
};

static inline void onnx_begin(struct onnx_model *m, int opset)
{
	memset(m, 0, sizeof(*m));
	m->opset = opset;
	wire_text(&m->graph, 2, "test");
}

/* ValueInfoProto; size -1: a named dimension */
static inline void onnx_value_info(struct onnx_model *m, unsigned int field, const char *name, int type, int rank,
				   const int64_t *dims)
{
	struct wire info = {0}, kind = {0}, tensor = {0}, shape = {0}, dim = {0};

	for (int k = 0; k < rank; k++) {
		if (dims[k] < 0)
			wire_text(&dim, 2, "batch");
		else
			wire_int(&dim, 1, dims[k]);
		wire_message(&shape, 1, &dim);
	}
	wire_int(&tensor, 1, type);
	wire_message(&tensor, 2, &shape);
	wire_message(&kind, 1, &tensor);
	wire_text(&info, 1, name);
	wire_message(&info, 2, &kind);
	wire_message(&m->graph, field, &info);
}

/* A float input with an open batch. */
static inline void onnx_input(struct onnx_model *m, const char *name, int rank, const int64_t *dims)
{
	int64_t all[8] = {-1};

	memcpy(all + 1, dims, (size_t)rank * sizeof(*dims));
	onnx_value_info(m, 11, name, ONNX_F32, rank + 1, all);
}

static inline void onnx_output(struct onnx_model *m, const char *name)
{
	onnx_value_info(m, 12, name, ONNX_F32, 0, NULL);
}

static inline void onnx_tensor(struct wire *t, const char *name, int type, int rank, const int64_t *dims,
			       const void *raw, size_t bytes)
{
	for (int k = 0; k < rank; k++)
		wire_int(t, 1, dims[k]);
	wire_int(t, 2, type);
	if (name)
		wire_text(t, 8, name);
	wire_bytes(t, 9, raw, bytes);
}

static inline void onnx_initializer(struct onnx_model *m, const char *name, int type, int rank, const int64_t *dims,
				    const void *raw, size_t bytes)
{
	struct wire t = {0};

	onnx_tensor(&t, name, type, rank, dims, raw, bytes);
	wire_message(&m->graph, 5, &t);
}

static inline void onnx_floats(struct onnx_model *m, const char *name, int rank, const int64_t *dims, const float *v)
{
	size_t n = 1;

	for (int k = 0; k < rank; k++)
		n *= (size_t)dims[k];
	onnx_initializer(m, name, ONNX_F32, rank, dims, v, 4 * n);
}

static inline void onnx_longs(struct onnx_model *m, const char *name, int64_t n, const int64_t *v)
{
	onnx_initializer(m, name, ONNX_I64, 1, &n, v, 8 * (size_t)n);
}

/* ---- attributes of the next operator: AttributeProto fields and types ---- */

static inline void attribute_end(struct onnx_model *m, struct wire *a, const char *name, int type)
{
	wire_text(a, 1, name);
	wire_int(a, 20, type);
	wire_message(&m->attributes, 5, a);
}

static inline void attr_int(struct onnx_model *m, const char *name, int64_t v)
{
	struct wire a = {0};

	wire_int(&a, 3, v);
	attribute_end(m, &a, name, 2);
}

static inline void attr_float(struct onnx_model *m, const char *name, float v)
{
	struct wire a = {0};

	wire_float(&a, 2, v);
	attribute_end(m, &a, name, 1);
}

static inline void attr_text(struct onnx_model *m, const char *name, const char *v)
{
	struct wire a = {0};

	wire_text(&a, 4, v);
	attribute_end(m, &a, name, 3);
}

static inline void attr_ints(struct onnx_model *m, const char *name, int n, const int64_t *v)
{
	struct wire a = {0};

	for (int k = 0; k < n; k++)
		wire_int(&a, 8, v[k]);
	attribute_end(m, &a, name, 7);
}

#define ATTR_INTS(m, name, ...)                                                                                        \
	attr_ints(m, name, (int)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),                            \
		  (const int64_t[]){__VA_ARGS__})
#define DIMS(...) ((const int64_t[]){__VA_ARGS__})

static inline void attr_tensor(struct onnx_model *m, const char *name, int type, int rank, const int64_t *dims,
			       const void *raw, size_t bytes)
{
	struct wire a = {0}, t = {0};

	onnx_tensor(&t, NULL, type, rank, dims, raw, bytes);
	wire_message(&a, 5, &t);
	attribute_end(m, &a, name, 4);
}

/* One operator. in: names with commas between them; one output. domain: NULL for ONNX's own. */
static inline void onnx_operator(struct onnx_model *m, const char *domain, const char *type, const char *in,
				 const char *out)
{
	struct wire op = {0};
	char name[64];

	for (const char *c = in; *c;) {
		size_t n = strcspn(c, ",");

		wire_bytes(&op, 1, c, n);
		c += n + (c[n] == ',');
	}
	wire_text(&op, 2, out);
	snprintf(name, sizeof(name), "%s_%d", type, m->operators++);
	wire_text(&op, 3, name);
	wire_text(&op, 4, type);
	if (domain)
		wire_text(&op, 7, domain);
	wire_raw(&op, m->attributes.b, m->attributes.n);
	m->attributes.n = 0;
	wire_message(&m->graph, 1, &op);
}

static inline void onnx_op(struct onnx_model *m, const char *type, const char *in, const char *out)
{
	onnx_operator(m, NULL, type, in, out);
}

/* ModelProto around the graph; the model is released. */
static inline void onnx_finish(struct onnx_model *m, struct wire *file)
{
	struct wire opset = {0};

	memset(file, 0, sizeof(*file));
	wire_int(file, 1, 8);
	wire_text(file, 2, "test");
	wire_message(file, 7, &m->graph);
	wire_text(&opset, 1, "");
	wire_int(&opset, 2, m->opset);
	wire_message(file, 8, &opset);
	free(m->attributes.b);
	memset(m, 0, sizeof(*m));
}

#endif
