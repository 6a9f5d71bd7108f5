/* SPDX-License-Identifier: MIT */
/*
 * An .onnx in memory to a finished graph: the checks before unpacking, the values by name, the operators in an order in
 * which their inputs are known, one input and one output. What operators mean is in onnx_op.c and onnx_conv.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "import/onnx.h"

#define MAX_NODES (2u * AK_GRAPH_MAX_NODES)
#define MAX_VALUES 65536u

/* ---- messages, names, attributes ---- */

/* Letters, digits and what Keras names have; a leading slash of PyTorch's names goes. */
static void clean_name(const char *from, char *to, size_t bytes)
{
	size_t n = 0;

	while (*from == '/')
		from++;
	for (; *from && n + 1 < bytes; from++) {
		unsigned char c = (unsigned char)*from;
		bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			    c == '-' || c == '.' || c == '/';

		to[n++] = good ? (char)c : '_';
	}
	to[n] = 0;
}

int onnx_fail(struct onnx_reader *r, int err, enum ak_rule rule, const char *fmt, ...)
{
	char why[256], type[48];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	if (!r->op)
		return ak_fail(r->diag, err, rule, r->path, "%s", why);
	clean_name(r->op->op_type, type, sizeof(type));
	return ak_fail(r->diag, err, rule, r->name, "%s: %s", type, why);
}

const Onnx__AttributeProto *onnx_attr(const struct onnx_reader *r, const char *name)
{
	for (size_t i = 0; i < r->op->n_attribute; i++)
		if (r->op->attribute[i]->name && !strcmp(r->op->attribute[i]->name, name))
			return r->op->attribute[i];
	return NULL;
}

int64_t onnx_int(const struct onnx_reader *r, const char *name, int64_t otherwise)
{
	const Onnx__AttributeProto *a = onnx_attr(r, name);

	return a && a->has_i ? a->i : otherwise;
}

float onnx_float(const struct onnx_reader *r, const char *name, float otherwise)
{
	const Onnx__AttributeProto *a = onnx_attr(r, name);

	return a && a->has_f ? a->f : otherwise;
}

bool onnx_text_is(const struct onnx_reader *r, const char *name, const char *text)
{
	const Onnx__AttributeProto *a = onnx_attr(r, name);

	return a && a->has_s && a->s.len == strlen(text) && !memcmp(a->s.data, text, a->s.len);
}

int onnx_ints(struct onnx_reader *r, const char *name, uint32_t k, int64_t *v, size_t max, size_t *count)
{
	const Onnx__AttributeProto *a = onnx_attr(r, name);
	const struct onnx_tensor *t = NULL;
	const int64_t *from = NULL;
	int err = 0;

	*count = 0;
	if (!a && k && k < r->op->n_input)
		err = onnx_constant_in(r, k, false, &t);
	if (err)
		return err;
	if (a) {
		from = a->ints;
		*count = a->n_ints;
	} else if (t) {
		if (!t->i || t->rank > 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "%s must be a list of integers", name);
		from = t->i;
		*count = t->count;
	}
	if (*count > max)
		return onnx_fail(r, -ERANGE, AK_RULE_ONNX_ATTRIBUTE, "%s has %zu entries, at most %zu are read", name,
				 *count, max);
	if (*count)
		memcpy(v, from, *count * sizeof(*v));
	return 0;
}

/* ---- values ---- */

static struct onnx_value *slot_of(struct onnx_reader *r, const char *name)
{
	uint64_t h = 1469598103934665603u;

	for (const char *c = name; *c; c++)
		h = (h ^ (unsigned char)*c) * 1099511628211u;
	for (size_t i = (size_t)h & (r->slots - 1);; i = (i + 1) & (r->slots - 1))
		if (!r->values[i].name || !strcmp(r->values[i].name, name))
			return &r->values[i];
}

struct onnx_value *onnx_find(struct onnx_reader *r, const char *name)
{
	struct onnx_value *v = slot_of(r, name);

	return v->name ? v : NULL;
}

struct onnx_value *onnx_in(struct onnx_reader *r, uint32_t k, int *err)
{
	struct onnx_value *v;

	*err = 0;
	if (k >= r->op->n_input || !*r->op->input[k])
		return NULL;
	v = onnx_find(r, r->op->input[k]);
	if (v && v->state == ONNX_STORED) {
		*err = onnx_tensor_read(r, v->stored, &v->t);
		if (!*err)
			v->state = ONNX_CONSTANT;
	}
	return *err ? NULL : v;
}

int onnx_layer_in(struct onnx_reader *r, uint32_t k, struct onnx_value **v)
{
	int err;

	*v = onnx_in(r, k, &err);
	if (err)
		return err;
	if (!*v)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "input %u is missing", k);
	if ((*v)->state != ONNX_LAYER)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
				 "input %u is a constant, which is not supported", k);
	return 0;
}

int onnx_constant_in(struct onnx_reader *r, uint32_t k, bool needed, const struct onnx_tensor **t)
{
	struct onnx_value *v;
	int err;

	*t = NULL;
	v = onnx_in(r, k, &err);
	if (err)
		return err;
	if (!v)
		return needed ? onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "input %u is missing", k) : 0;
	if (v->state != ONNX_CONSTANT)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
				 "input %u is computed while the network runs; a constant is needed", k);
	*t = &v->t;
	return 0;
}

struct onnx_value *onnx_out(struct onnx_reader *r)
{
	return onnx_find(r, r->op->output[0]);
}

static int declare(struct onnx_reader *r, const char *name, struct onnx_value **v)
{
	*v = slot_of(r, name);
	if ((*v)->name)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "two values have one name");
	(*v)->name = name;
	(*v)->producer = -1;
	return 0;
}

static int declare_all(struct onnx_reader *r)
{
	const Onnx__GraphProto *p = r->proto;
	size_t names = p->n_initializer + p->n_input;
	struct onnx_value *v;
	int err = 0;

	for (size_t i = 0; i < p->n_node; i++)
		names += p->node[i]->n_output;
	if (p->n_node > MAX_NODES || names > MAX_VALUES)
		return onnx_fail(r, -ERANGE, AK_RULE_ONNX_LIMIT, "has more operators or values than any network");
	if (p->n_sparse_initializer)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "has sparse initializers, which are not read");
	for (r->slots = 64; r->slots < 2 * names + 2; r->slots *= 2)
		;
	r->values = calloc(r->slots, sizeof(*r->values));
	if (!r->values)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its values");
	for (size_t i = 0; i < p->n_initializer && !err; i++) {
		if (!p->initializer[i]->name || !*p->initializer[i]->name)
			return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has an initializer without a name");
		err = declare(r, p->initializer[i]->name, &v);
		if (!err) {
			v->state = ONNX_STORED;
			v->stored = p->initializer[i];
		}
	}
	for (size_t i = 0; i < p->n_node && !err; i++)
		for (size_t k = 0; k < p->node[i]->n_output && !err; k++) {
			if (!*p->node[i]->output[k])
				continue;
			err = declare(r, p->node[i]->output[k], &v);
			if (!err)
				v->producer = (int64_t)i;
		}
	return err;
}

/* ---- input ---- */

/* Whether what takes the input says that it is channels first: a Transpose from channels last, or sizes that only fit so. */
static bool input_is_nchw(const struct onnx_reader *r, const char *name, const int64_t *dims)
{
	bool conv = false;

	for (size_t i = 0; i < r->proto->n_node; i++) {
		const onnx_op *op = r->proto->node[i];

		for (size_t k = 0; k < op->n_input; k++) {
			if (strcmp(op->input[k], name))
				continue;
			conv |= !strcmp(op->op_type, "Conv");
			for (size_t a = 0; !strcmp(op->op_type, "Transpose") && a < op->n_attribute; a++)
				if (op->attribute[a]->n_ints == 4 && op->attribute[a]->ints[1] == 3)
					return false;
		}
	}
	return conv || dims[0] == 1 || dims[0] == 3 || !(dims[2] == 1 || dims[2] == 3);
}

static int read_input(struct onnx_reader *r, const Onnx__ValueInfoProto *info)
{
	const Onnx__TypeProto__Tensor *type =
		info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE ? info->type->tensor_type
											    : NULL;
	struct onnx_value *v;
	struct ak_node *n;
	char name[AK_NODE_NAME];
	int64_t dims[4] = {0};
	uint32_t rank;
	int err = declare(r, info->name, &v);

	if (err)
		return err;
	if (!type || !type->shape || type->shape->n_dim < 2 || type->shape->n_dim > 5)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_GRAPH,
				 "the input must be a tensor of a batch axis and 1 to 4 others");
	for (size_t k = 0; k < type->shape->n_dim; k++) {
		const Onnx__TensorShapeProto__Dimension *d = type->shape->dim[k];
		int64_t size = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE ? d->dim_value : 0;

		if (k == 0) {
			r->batch = size > 0 ? size : 1;
			continue;
		}
		if (size < 1 || size > 65536) {
			err = onnx_fail(r, size ? -ERANGE : -EOPNOTSUPP, AK_RULE_ONNX_GRAPH,
					"the size of axis %zu of the input is %s", k, size ? "absurd" : "left open");
			ak_remedy(r->diag, "export the model with a fixed input size; only the batch may vary");
			return err;
		}
		dims[k - 1] = size;
	}
	rank = (uint32_t)type->shape->n_dim - 1;
	clean_name(info->name, name, sizeof(name));
	n = ak_graph_add(r->g, AK_OP_INPUT, *name ? name : "input", NULL, 0);
	if (!n)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its layers");
	switch (type->elem_type) {
	case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
		n->input_u8 = true;
		break;
	case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
		n->input_i8 = true;
		break;
	case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
	case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
	case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
		break;
	default:
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_GRAPH, "the input has type %d, which is not read",
				 type->elem_type);
	}
	n->rank = rank;
	if (rank == 3 && input_is_nchw(r, info->name, dims)) {
		n->dims[0] = (uint32_t)dims[1];
		n->dims[1] = (uint32_t)dims[2];
		n->dims[2] = (uint32_t)dims[0];
		onnx_value_set_image(r, v, 0);
		return 0;
	}
	for (uint32_t k = 0; k < rank; k++)
		n->dims[k] = (uint32_t)dims[k];
	onnx_value_set(r, v, 0);
	return 0;
}

static int read_inputs(struct onnx_reader *r)
{
	const Onnx__GraphProto *p = r->proto;
	int found = 0, err = 0;

	for (size_t i = 0; i < p->n_input && !err; i++) {
		const struct onnx_value *v;

		if (!p->input[i]->name || !*p->input[i]->name)
			return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has an input without a name");
		v = onnx_find(r, p->input[i]->name);
		if (v && v->state == ONNX_STORED) /* before IR 4 initializers are inputs, too */
			continue;
		if (found++)
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_GRAPH, "has several inputs, one is supported");
		err = read_input(r, p->input[i]);
	}
	if (!err && !found)
		err = onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has no input");
	return err;
}

/* ---- layers ---- */

int onnx_add(struct onnx_reader *r, enum ak_op op, const uint32_t *inputs, uint32_t n, uint32_t *index)
{
	static const char *const own[AK_OP_COUNT] = {
		[AK_OP_FLATTEN] = "flatten",
		[AK_OP_RESHAPE] = "reshape",
		[AK_OP_PERMUTE] = "permute",
		[AK_OP_ZEROPAD] = "pad",
	};
	struct ak_node *node = ak_graph_add(r->g, op, own[op] ? own[op] : r->name, inputs, n);

	if (!node)
		return n > AK_MAX_INPUTS || r->g->count >= AK_GRAPH_MAX_NODES
			       ? onnx_fail(r, -ERANGE, AK_RULE_ONNX_LIMIT,
					   "more layers or inputs than a network may have")
			       : onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its layers");
	if (n) {
		node->rank = r->g->nodes[inputs[0]].rank;
		memcpy(node->dims, r->g->nodes[inputs[0]].dims, sizeof(node->dims));
	}
	*index = r->g->count - 1; /* may be where inputs points */
	return 0;
}

void onnx_shape(struct onnx_reader *r, uint32_t node, uint32_t rank, const uint32_t *dims)
{
	struct ak_node *n = &r->g->nodes[node];

	memset(n->dims, 0, sizeof(n->dims));
	n->rank = rank;
	memcpy(n->dims, dims, rank * sizeof(*dims));
}

int onnx_add_weight(struct onnx_reader *r, uint32_t node, const char *name, uint32_t rank, const size_t *dims,
		    float **data)
{
	struct ak_weight *w;
	int err = ak_node_add_weight(&r->g->nodes[node], name, rank, dims, &w);

	if (err)
		return onnx_fail(r, err, AK_RULE_GRAPH_SIZE, "its %s cannot be kept", name);
	*data = w->data;
	return 0;
}

static void name_operator(struct onnx_reader *r, size_t i)
{
	char type[40];

	r->op = r->proto->node[i];
	clean_name(r->op->name ? r->op->name : "", r->name, sizeof(r->name));
	if (*r->name)
		return;
	clean_name(r->op->op_type, type, sizeof(type));
	snprintf(r->name, sizeof(r->name), "%s_%zu", type, i);
}

/* ---- order ---- */

/* The operators that the output depends on; counts how often they use each value. */
static int mark_needed(struct onnx_reader *r, const struct onnx_value *output, bool *needed)
{
	size_t *stack = calloc(r->proto->n_node + 1, sizeof(*stack)), depth = 0;

	if (!stack)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its operators");
	if (output->producer >= 0) {
		needed[output->producer] = true;
		stack[depth++] = (size_t)output->producer;
	}
	while (depth) {
		const onnx_op *op = r->proto->node[stack[--depth]];

		for (size_t k = 0; k < op->n_input; k++) {
			struct onnx_value *v = *op->input[k] ? onnx_find(r, op->input[k]) : NULL;

			if (!v)
				continue;
			v->uses++;
			if (v->producer >= 0 && !needed[v->producer]) {
				needed[v->producer] = true;
				stack[depth++] = (size_t)v->producer;
			}
		}
	}
	free(stack);
	return 0;
}

static bool ready(struct onnx_reader *r, const onnx_op *op)
{
	for (size_t k = 0; k < op->n_input; k++) {
		const struct onnx_value *v = *op->input[k] ? onnx_find(r, op->input[k]) : NULL;

		if (v && v->state == ONNX_UNKNOWN)
			return false;
		if (!v && *op->input[k])
			return false;
	}
	return true;
}

static int stuck(struct onnx_reader *r, size_t i)
{
	name_operator(r, i);
	for (size_t k = 0; k < r->op->n_input; k++) {
		char name[64];
		const struct onnx_value *v = *r->op->input[k] ? onnx_find(r, r->op->input[k]) : NULL;

		if (!*r->op->input[k] || v)
			continue;
		clean_name(r->op->input[k], name, sizeof(name));
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "input %zu, %s, is nowhere in the file", k, name);
	}
	return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "depends on its own output: the operators form a cycle");
}

static int read_operator(struct onnx_reader *r, size_t i)
{
	int err;

	name_operator(r, i);
	if (!r->op->n_output || !*r->op->output[0])
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has no output");
	err = onnx_translate(r);
	if (!err && onnx_out(r)->state == ONNX_UNKNOWN)
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "this form of the operator is not read");
	return err;
}

static int read_operators(struct onnx_reader *r, const bool *needed)
{
	bool *done = calloc(r->proto->n_node + 1, sizeof(*done)), progress = true;
	size_t left = 0;
	int err = 0;

	if (!done)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its operators");
	for (size_t i = 0; i < r->proto->n_node; i++)
		left += needed[i];
	while (left && progress && !err) {
		progress = false;
		for (size_t i = 0; i < r->proto->n_node && !err; i++) {
			if (!needed[i] || done[i] || !ready(r, r->proto->node[i]))
				continue;
			err = read_operator(r, i);
			done[i] = progress = true;
			left--;
		}
	}
	/* an input that is nowhere says more than a cycle */
	for (size_t pass = 0; left && !err && pass < 2; pass++)
		for (size_t i = 0; i < r->proto->n_node && !err; i++) {
			bool nowhere = false;

			for (size_t k = 0; k < r->proto->node[i]->n_input; k++)
				nowhere |= *r->proto->node[i]->input[k] && !onnx_find(r, r->proto->node[i]->input[k]);
			if (needed[i] && !done[i] && (nowhere || pass))
				err = stuck(r, i);
		}
	free(done);
	r->op = NULL;
	return err;
}

/* ---- the whole ---- */

static int read_output(struct onnx_reader *r, struct onnx_value *v)
{
	int err = 0;

	if (v->state != ONNX_LAYER)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_GRAPH, "the output does not depend on the input");
	if (!onnx_value_plain(r, v)) { /* a feature map stays channels last, a vector has ONNX's order */
		snprintf(r->name, sizeof(r->name), "output");
		err = onnx_value_order(r, v);
	}
	r->g->output = v->node;
	return err;
}

/* What the reader computed for itself and what the graph derives must be the same. */
static int finish(struct onnx_reader *r)
{
	struct shape {
		uint32_t rank, dims[4];
	} *own = calloc(r->g->count, sizeof(*own));
	int err;

	if (!own)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its layers");
	for (uint32_t i = 0; i < r->g->count; i++) {
		own[i].rank = r->g->nodes[i].rank;
		memcpy(own[i].dims, r->g->nodes[i].dims, sizeof(own[i].dims));
	}
	err = ak_graph_finish(r->g, r->diag);
	for (uint32_t i = 0; i < r->g->count && !err; i++) {
		const struct ak_node *n = &r->g->nodes[i];

		if (n->rank != own[i].rank || memcmp(n->dims, own[i].dims, n->rank * sizeof(n->dims[0])))
			err = ak_fail(r->diag, -EINVAL, AK_RULE_ONNX_SHAPE, n->name,
				      "its output has another shape than ONNX gives it");
	}
	free(own);
	return err;
}

/* Every operator says what it is: all that follows compares types. */
static int check_types(struct onnx_reader *r)
{
	const Onnx__GraphProto *p = r->proto;

	for (size_t i = 0; i < p->n_node; i++)
		if (!p->node[i]->op_type || !*p->node[i]->op_type)
			return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "an operator has no type");
	return 0;
}

static int build(struct onnx_reader *r)
{
	const Onnx__GraphProto *p = r->proto;
	struct onnx_value *output;
	bool *needed;
	int err = ak_graph_create(p->name, &r->g);

	if (err)
		return onnx_fail(r, err, AK_RULE_NOMEM, "no memory for its layers");
	clean_name(p->name ? p->name : "model", r->g->name, sizeof(r->g->name));
	err = check_types(r);
	if (!err)
		err = declare_all(r);
	if (!err)
		err = read_inputs(r);
	if (err)
		return err;
	if (p->n_output != 1 || !p->output[0]->name)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_GRAPH, "has %zu outputs, one is supported", p->n_output);
	output = onnx_find(r, p->output[0]->name);
	if (!output)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "no operator computes the output");
	needed = calloc(p->n_node + 1, sizeof(*needed));
	if (!needed)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for its operators");
	err = mark_needed(r, output, needed);
	output->uses++;
	if (!err)
		err = read_operators(r, needed);
	free(needed);
	if (!err)
		err = read_output(r, output);
	return err ? err : finish(r);
}

static int check_model(struct onnx_reader *r, const Onnx__ModelProto *m)
{
	bool standard = false;
	int err;

	if (!m->graph)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has no graph");
	for (size_t i = 0; i < m->n_opset_import; i++) {
		const char *domain = m->opset_import[i]->domain;

		if (domain && *domain && strcmp(domain, "ai.onnx"))
			continue;
		standard = true;
		r->opset = m->opset_import[i]->version;
	}
	if (standard && r->opset >= ONNX_OPSET_MIN && r->opset <= ONNX_OPSET_MAX)
		return 0;
	if (!standard)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_OPSET, "names no operator set");
	err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPSET, "uses operator set %lld, %d to %d are read",
			(long long)r->opset, ONNX_OPSET_MIN, ONNX_OPSET_MAX);
	ak_remedy(r->diag, "export it with opset_version=%d", ONNX_OPSET_MAX);
	return err;
}

int ak_onnx_load(const void *bytes, size_t len, const char *path, struct akida_graph **out, struct akida_diag *diag)
{
	struct onnx_reader r = {.path = path, .diag = diag, .batch = 1};
	Onnx__ModelProto *m;
	const char *why = NULL;
	int err = ak_onnx_wire_check(bytes, len, &why);

	if (err)
		return err == -ERANGE ? ak_fail(diag, err, AK_RULE_ONNX_LIMIT, path, "%s", why)
				      : ak_fail(diag, err, AK_RULE_IMPORT_DAMAGED, path, "the file is damaged");
	m = onnx__model_proto__unpack(NULL, len, bytes);
	if (!m)
		return ak_fail(diag, -EILSEQ, AK_RULE_IMPORT_DAMAGED, path, "the file is damaged");
	err = check_model(&r, m);
	r.proto = m->graph;
	if (!err)
		err = build(&r);
	for (size_t i = 0; i < r.slots; i++)
		onnx_tensor_fini(&r.values[i].t);
	free(r.values);
	onnx__model_proto__free_unpacked(m, NULL);
	if (err)
		akida_graph_destroy(r.g);
	else
		*out = r.g;
	return err;
}
