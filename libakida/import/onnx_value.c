/* SPDX-License-Identifier: MIT */
/* How ONNX sees a layer's output, and the operators that only change that; see onnx.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "import/onnx.h"

int64_t onnx_product(const int64_t *dims, uint32_t rank)
{
	int64_t p = 1;

	for (uint32_t k = 0; k < rank; k++)
		p = p && dims[k] > INT64_MAX / p ? INT64_MAX : p * dims[k];
	return p;
}

static void see(struct onnx_reader *r, struct onnx_value *v, uint32_t node, const uint32_t *perm)
{
	const struct ak_node *n = &r->g->nodes[node];

	v->state = ONNX_LAYER;
	v->node = node;
	v->rank = n->rank;
	for (uint32_t k = 0; k < n->rank; k++) {
		v->perm[k] = perm[k];
		v->dims[k] = n->dims[perm[k]];
	}
}

void onnx_value_set(struct onnx_reader *r, struct onnx_value *v, uint32_t node)
{
	see(r, v, node, (const uint32_t[]){0, 1, 2, 3});
}

void onnx_value_set_image(struct onnx_reader *r, struct onnx_value *v, uint32_t node)
{
	see(r, v, node, (const uint32_t[]){2, 0, 1});
}

void onnx_value_like(struct onnx_value *out, const struct onnx_value *in, uint32_t node)
{
	out->state = ONNX_LAYER;
	out->node = node;
	memcpy(out->perm, in->perm, sizeof(out->perm));
	out->rank = in->rank;
	memcpy(out->dims, in->dims, sizeof(out->dims));
}

bool onnx_value_plain(const struct onnx_reader *r, const struct onnx_value *v)
{
	const struct ak_node *n = &r->g->nodes[v->node];

	if (v->rank != n->rank)
		return false;
	for (uint32_t k = 0; k < v->rank; k++)
		if (v->dims[k] != n->dims[v->perm[k]])
			return false;
	return true;
}

/* Whether the node's elements stand in ONNX order: axes of size 1 may be anywhere. */
static bool in_order(const struct onnx_reader *r, const struct onnx_value *v)
{
	const struct ak_node *n = &r->g->nodes[v->node];
	uint32_t last = 0;

	for (uint32_t k = 0; k < n->rank; k++) {
		if (n->dims[v->perm[k]] == 1)
			continue;
		if (v->perm[k] < last)
			return false;
		last = v->perm[k];
	}
	return true;
}

static int permute(struct onnx_reader *r, uint32_t from, const uint32_t *perm, uint32_t *to)
{
	uint32_t dims[4], rank = r->g->nodes[from].rank;
	int err;

	for (uint32_t k = 0; k < rank; k++)
		dims[k] = r->g->nodes[from].dims[perm[k]];
	err = onnx_add(r, AK_OP_PERMUTE, &from, 1, to);
	if (err)
		return err;
	memcpy(r->g->nodes[*to].perm, perm, rank * sizeof(*perm));
	onnx_shape(r, *to, rank, dims);
	return 0;
}

/* The node's elements, in its order, with another shape. */
static int reshape(struct onnx_reader *r, uint32_t from, uint32_t rank, const int64_t *dims, uint32_t *to)
{
	uint32_t small[4];
	int err;

	if (!rank || rank > 4)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "needs a value of %u axes beside the batch, 1 to 4 are supported", rank);
	for (uint32_t k = 0; k < rank; k++)
		small[k] = (uint32_t)dims[k];
	err = onnx_add(r, rank == 1 ? AK_OP_FLATTEN : AK_OP_RESHAPE, &from, 1, to);
	if (!err)
		onnx_shape(r, *to, rank, small);
	return err;
}

int onnx_value_order(struct onnx_reader *r, struct onnx_value *v)
{
	uint32_t node = v->node;
	int err = 0;

	if (!in_order(r, v))
		err = permute(r, node, v->perm, &node);
	if (!err &&
	    (r->g->nodes[node].rank != v->rank || memcmp(r->g->nodes[node].dims,
							 (uint32_t[4]){(uint32_t)v->dims[0], (uint32_t)v->dims[1],
								       (uint32_t)v->dims[2], (uint32_t)v->dims[3]},
							 r->g->nodes[node].rank * sizeof(uint32_t))))
		err = reshape(r, node, v->rank, v->dims, &node);
	if (!err)
		onnx_value_set(r, v, node);
	return err;
}

int onnx_value_image(struct onnx_reader *r, struct onnx_value *v, uint32_t *node)
{
	int err = 0;

	if (v->rank != 3)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "is read on images (batch, channels, height, width), its input has %u axes",
				 v->rank + 1);
	if (!onnx_value_plain(r, v) || v->perm[0] != 2 || v->perm[1] != 0) {
		err = onnx_value_order(r, v);
		if (!err)
			err = permute(r, v->node, (const uint32_t[]){1, 2, 0}, &v->node);
		if (!err)
			onnx_value_set_image(r, v, v->node);
	}
	*node = v->node;
	return err;
}

int onnx_value_vector(struct onnx_reader *r, struct onnx_value *v, uint32_t *node, uint32_t **order)
{
	const struct ak_node *n = &r->g->nodes[v->node];
	uint32_t rank = n->rank, step[4], dims[4], at[4] = {0}, count = (uint32_t)ak_node_elements(n);
	bool same = in_order(r, v);

	*order = NULL;
	*node = v->node;
	if (v->rank != 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "needs a vector for each sample, its input has %u axes", v->rank + 1);
	for (uint32_t k = 0; k < rank; k++) {
		dims[k] = n->dims[v->perm[k]];
		step[k] = 1;
		for (uint32_t j = v->perm[k] + 1; j < rank; j++)
			step[k] *= n->dims[j];
	}
	if (rank > 1) {
		int err = reshape(r, v->node, 1, v->dims, node);

		if (err)
			return err;
	}
	if (same)
		return 0;
	*order = calloc(count, sizeof(**order));
	if (!*order)
		return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for the order of its inputs");
	for (uint32_t i = 0; i < count; i++) {
		for (uint32_t k = 0; k < rank; k++)
			(*order)[i] += at[k] * step[k];
		for (uint32_t k = rank; k-- > 0;) {
			if (++at[k] < dims[k])
				break;
			at[k] = 0;
		}
	}
	return 0;
}

/* ---- operators ---- */

/* The input seen with other sizes; shape counts the batch. */
static int reseen(struct onnx_reader *r, const struct onnx_value *in, const int64_t *shape, size_t n)
{
	struct onnx_value *out = onnx_out(r);

	if (n < 2 || n > ONNX_RANK || shape[0] != r->batch)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "the first axis must stay the batch, with others behind");
	if (onnx_product(shape + 1, (uint32_t)n - 1) != onnx_product(in->dims, in->rank))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "the new shape has another number of elements");
	onnx_value_like(out, in, in->node);
	out->rank = (uint32_t)n - 1;
	memcpy(out->dims, shape + 1, (n - 1) * sizeof(*shape));
	return 0;
}

int onnx_reshape(struct onnx_reader *r)
{
	int64_t shape[ONNX_RANK], known = 1, total;
	struct onnx_value *in;
	int open = -1;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "shape", 1, shape, ONNX_RANK, &n);
	if (err)
		return err;
	total = r->batch * onnx_product(in->dims, in->rank);
	for (size_t k = 0; k < n; k++) {
		if (shape[k] == 0 && !onnx_int(r, "allowzero", 0) && k <= in->rank)
			shape[k] = k ? in->dims[k - 1] : r->batch;
		if (shape[k] == -1 && open < 0)
			open = (int)k;
		else if (shape[k] < 1 || shape[k] > ONNX_MAX_ELEMENTS / known)
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_SHAPE, "the new shape has an impossible size %lld",
					 (long long)shape[k]);
		else
			known *= shape[k];
	}
	if (open >= 0)
		shape[open] = total / known;
	return reseen(r, in, shape, n);
}

int onnx_flatten(struct onnx_reader *r)
{
	int64_t axis = onnx_int(r, "axis", 1), shape[2];
	struct onnx_value *in;
	int err = onnx_layer_in(r, 0, &in);

	if (err)
		return err;
	axis += axis < 0 ? in->rank + 1 : 0;
	if (axis != 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "axis must be 1, so that samples stay apart");
	shape[0] = r->batch;
	shape[1] = onnx_product(in->dims, in->rank);
	return reseen(r, in, shape, 2);
}

int onnx_transpose(struct onnx_reader *r)
{
	int64_t perm[ONNX_RANK];
	struct onnx_value *in, *out = onnx_out(r), seen;
	uint32_t marked = 0;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "perm", 0, perm, ONNX_RANK, &n);
	if (err)
		return err;
	if (n != in->rank + 1 || perm[0] != 0)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "perm must keep the batch in front");
	for (size_t k = 0; k < n; k++) {
		if (perm[k] < 0 || perm[k] >= (int64_t)n || marked >> perm[k] & 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "perm is no permutation");
		marked |= 1u << perm[k];
	}
	seen = *in;
	if (!onnx_value_plain(r, in)) {
		err = onnx_value_order(r, &seen);
		if (err)
			return err;
	}
	onnx_value_like(out, &seen, seen.node);
	for (size_t k = 1; k < n; k++) {
		out->perm[k - 1] = seen.perm[perm[k] - 1];
		out->dims[k - 1] = seen.dims[perm[k] - 1];
	}
	return 0;
}

int onnx_squeeze(struct onnx_reader *r)
{
	int64_t axes[ONNX_RANK], shape[ONNX_RANK + 1];
	uint32_t marked = 0, kept = 0;
	struct onnx_value *in;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "axes", 1, axes, ONNX_RANK, &n);
	if (err)
		return err;
	for (size_t k = 0; k < n; k++) {
		axes[k] += axes[k] < 0 ? in->rank + 1 : 0;
		if (axes[k] < 1 || axes[k] > in->rank || in->dims[axes[k] - 1] != 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE,
					 "axis %lld is not one of size 1 behind the batch", (long long)axes[k]);
		marked |= 1u << (axes[k] - 1);
	}
	shape[kept++] = r->batch;
	for (uint32_t k = 0; k < in->rank; k++)
		if (n ? !(marked >> k & 1) : in->dims[k] != 1)
			shape[kept++] = in->dims[k];
	return reseen(r, in, shape, kept);
}

int onnx_unsqueeze(struct onnx_reader *r)
{
	int64_t axes[ONNX_RANK], shape[2 * ONNX_RANK];
	uint32_t marked = 0, rank, from = 0;
	struct onnx_value *in;
	size_t n;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_ints(r, "axes", 1, axes, ONNX_RANK, &n);
	if (err)
		return err;
	rank = in->rank + 1 + (uint32_t)n;
	for (size_t k = 0; k < n; k++) {
		axes[k] += axes[k] < 0 ? rank : 0;
		if (axes[k] < 1 || axes[k] >= rank || marked >> axes[k] & 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "axis %lld is not one behind the batch",
					 (long long)axes[k]);
		marked |= 1u << axes[k];
	}
	for (uint32_t k = 0; k < rank; k++) {
		if (marked >> k & 1) {
			shape[k] = 1;
			continue;
		}
		shape[k] = from ? in->dims[from - 1] : r->batch;
		from++;
	}
	return reseen(r, in, shape, rank);
}

static bool same_view(const struct onnx_value *a, const struct onnx_value *b)
{
	return a->rank == b->rank && !memcmp(a->perm, b->perm, a->rank * sizeof(*a->perm));
}

int onnx_concat(struct onnx_reader *r)
{
	int64_t axis = onnx_int(r, "axis", INT64_MIN), sum = 0;
	struct onnx_value in[AK_MAX_INPUTS], *v, *out = onnx_out(r);
	uint32_t n = (uint32_t)r->op->n_input, nodes[AK_MAX_INPUTS], at, dims[4];
	bool alike = true;
	int err = 0;

	if (r->op->n_input < 1 || r->op->n_input > AK_MAX_INPUTS)
		return onnx_fail(r, -ERANGE, AK_RULE_ONNX_LIMIT, "joins %zu inputs, 1 to %d are supported",
				 r->op->n_input, AK_MAX_INPUTS);
	for (uint32_t k = 0; k < n && !err; k++) {
		err = onnx_layer_in(r, k, &v);
		if (err)
			return err;
		in[k] = *v;
		alike &= onnx_value_plain(r, v) && same_view(v, &in[0]);
	}
	axis += axis < 0 && axis > INT64_MIN ? in[0].rank + 1 : 0;
	if (axis < 1 || axis > in[0].rank)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "axis must be one behind the batch");
	for (uint32_t k = 0; k < n && !err; k++) {
		if (!alike)
			err = onnx_value_order(r, &in[k]);
		nodes[k] = in[k].node;
		for (uint32_t j = 0; j < in[0].rank && !err; j++)
			if (in[k].rank != in[0].rank || (j + 1 != axis && in[k].dims[j] != in[0].dims[j]))
				err = onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE,
						"joins inputs that do not fit each other");
		if (!err)
			sum += in[k].dims[axis - 1];
	}
	if (err)
		return err;
	if (n == 1) {
		onnx_value_like(out, &in[0], nodes[0]);
		return 0;
	}
	at = in[0].perm[axis - 1];
	memcpy(dims, r->g->nodes[nodes[0]].dims, sizeof(dims));
	dims[at] = sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
	err = onnx_add(r, AK_OP_CONCATENATE, nodes, n, &nodes[0]);
	if (err)
		return err;
	r->g->nodes[nodes[0]].axis = at;
	onnx_shape(r, nodes[0], in[0].rank, dims);
	onnx_value_like(out, &in[0], nodes[0]);
	out->dims[axis - 1] = sum;
	return 0;
}
