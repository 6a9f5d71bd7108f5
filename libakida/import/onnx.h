/* SPDX-License-Identifier: MIT */
/*
 * ONNX models to graphs: what the parts of the reader share.
 *
 * Every ONNX value is a constant or a layer's output. Constants are computed while reading. Of a layer's output the reader
 * keeps how ONNX sees it: the node's tensor (channels last, no batch) with its axes in the order perm, then reshaped to dims.
 * So Transpose, Reshape, Flatten, Squeeze and Unsqueeze cost no layers until an operator needs the values in another
 * order; an NCHW image is the node's (h, w, c) with perm (2, 0, 1).
 */
#ifndef AK_IMPORT_ONNX_H
#define AK_IMPORT_ONNX_H

#include "base/diag.h"
#include "graph/graph.h"
#include "onnx.pb-c.h"

#define ONNX_RANK 8u
#define ONNX_MAX_ELEMENTS ((int64_t)1 << 28)
#define ONNX_OPSET_MIN 7
#define ONNX_OPSET_MAX 17

typedef Onnx__NodeProto onnx_op;

struct onnx_tensor {
	int32_t type; /* TensorProto.DataType of the file */
	uint32_t rank;
	int64_t dims[ONNX_RANK];
	size_t count;
	float *f;   /* floating types */
	int64_t *i; /* integers and bool; one of both */
};

enum onnx_state {
	ONNX_UNKNOWN, /* not computed yet, or by nobody */
	ONNX_STORED,  /* an initializer that was not read yet */
	ONNX_CONSTANT,
	ONNX_LAYER
};

struct onnx_value {
	const char *name;
	enum onnx_state state;
	const Onnx__TensorProto *stored;
	int64_t producer; /* index of the ONNX node, -1: none */
	uint32_t uses;
	struct onnx_tensor t;
	uint32_t node, perm[4];
	uint32_t rank;
	int64_t dims[ONNX_RANK]; /* without batch */
};

struct onnx_reader {
	const char *path;
	struct akida_diag *diag;
	const Onnx__GraphProto *proto;
	int64_t opset, batch; /* batch: 1 when the file leaves it open */
	struct akida_graph *g;
	struct onnx_value *values; /* hash table by name */
	size_t slots;
	size_t elements;	 /* of all constants so far */
	const onnx_op *op;	 /* being read, for messages: */
	char name[AK_NODE_NAME]; /* its layer's name */
	bool quantizers_told;
};

/* Nesting and size; -EILSEQ damaged, -ERANGE with the reason in why. */
int ak_onnx_wire_check(const void *bytes, size_t len, const char **why);
/* A whole file in memory to a finished graph. */
int ak_onnx_load(const void *bytes, size_t len, const char *path, struct akida_graph **out, struct akida_diag *diag);

/* ---- onnx_load.c ---- */
struct onnx_value *onnx_find(struct onnx_reader *r, const char *name);
/* Input k of the operator: NULL when it is left out. Stored initializers are read; err receives a failure. */
struct onnx_value *onnx_in(struct onnx_reader *r, uint32_t k, int *err);
/* The same, which must be there and a layer's output. */
int onnx_layer_in(struct onnx_reader *r, uint32_t k, struct onnx_value **v);
/* The same, a constant. Optional ones leave *t NULL. */
int onnx_constant_in(struct onnx_reader *r, uint32_t k, bool needed, const struct onnx_tensor **t);
struct onnx_value *onnx_out(struct onnx_reader *r);
int onnx_fail(struct onnx_reader *r, int err, enum ak_rule rule, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
const Onnx__AttributeProto *onnx_attr(const struct onnx_reader *r, const char *name);
int64_t onnx_int(const struct onnx_reader *r, const char *name, int64_t otherwise);
float onnx_float(const struct onnx_reader *r, const char *name, float otherwise);
bool onnx_text_is(const struct onnx_reader *r, const char *name, const char *text);
/* List of integers from an attribute, or from constant input k (0: attribute only) of newer operator sets; count 0: absent. */
int onnx_ints(struct onnx_reader *r, const char *name, uint32_t k, int64_t *v, size_t max, size_t *count);
/* Appends a layer named as the operator, or as what it is when ONNX has no operator for it; *index receives it. */
int onnx_add(struct onnx_reader *r, enum ak_op op, const uint32_t *inputs, uint32_t n, uint32_t *index);
int onnx_add_weight(struct onnx_reader *r, uint32_t node, const char *name, uint32_t rank, const size_t *dims,
		    float **data);
void onnx_shape(struct onnx_reader *r, uint32_t node, uint32_t rank, const uint32_t *dims);

/* ---- onnx_tensor.c: constants ---- */
int onnx_tensor_read(struct onnx_reader *r, const Onnx__TensorProto *p, struct onnx_tensor *t);
int onnx_tensor_alloc(struct onnx_reader *r, bool integer, uint32_t rank, const int64_t *dims, struct onnx_tensor *t);
void onnx_tensor_fini(struct onnx_tensor *t);
double onnx_tensor_at(const struct onnx_tensor *t, size_t i);
/* Computes an operator on constants; 1 when it is none of those that have to be (or an input is a layer). */
int onnx_fold(struct onnx_reader *r);

/* ---- onnx_value.c: layouts ---- */
void onnx_value_set(struct onnx_reader *r, struct onnx_value *v, uint32_t node); /* as the node has it */
/* out: the view of in, on another node of the same shape */
void onnx_value_like(struct onnx_value *out, const struct onnx_value *in, uint32_t node);
bool onnx_value_plain(const struct onnx_reader *r, const struct onnx_value *v); /* not reshaped */
/* Inserts what makes the node hold the values in ONNX order. */
int onnx_value_order(struct onnx_reader *r, struct onnx_value *v);
/* The node with (h, w, c) of an (n, c, h, w) value. */
int onnx_value_image(struct onnx_reader *r, struct onnx_value *v, uint32_t *node);
void onnx_value_set_image(struct onnx_reader *r, struct onnx_value *v, uint32_t node);
/*
 * A node with one vector, and for ONNX element i the element order[i] of that node; *order is NULL when they are the same
 * (caller frees).
 */
int onnx_value_vector(struct onnx_reader *r, struct onnx_value *v, uint32_t *node, uint32_t **order);
int64_t onnx_product(const int64_t *dims, uint32_t rank);
int onnx_reshape(struct onnx_reader *r);
int onnx_flatten(struct onnx_reader *r);
int onnx_transpose(struct onnx_reader *r);
int onnx_squeeze(struct onnx_reader *r);
int onnx_unsqueeze(struct onnx_reader *r);
int onnx_concat(struct onnx_reader *r);

/* ---- onnx_conv.c: windows over images ---- */
int onnx_conv(struct onnx_reader *r);
int onnx_conv_transpose(struct onnx_reader *r);
int onnx_pool(struct onnx_reader *r);
int onnx_global_pool(struct onnx_reader *r);
int onnx_reduce_mean(struct onnx_reader *r);
int onnx_pad(struct onnx_reader *r);

/* ---- onnx_op.c: the list of operators ---- */
int onnx_translate(struct onnx_reader *r);

#endif
