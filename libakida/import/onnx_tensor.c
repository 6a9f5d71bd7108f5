/* SPDX-License-Identifier: MIT */
/* Constants of an ONNX model: stored tensors as float32 or int64, and the operators that exporters leave on them. */
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "import/onnx.h"

void onnx_tensor_fini(struct onnx_tensor *t)
{
	free(t->f);
	free(t->i);
	memset(t, 0, sizeof(*t));
}

double onnx_tensor_at(const struct onnx_tensor *t, size_t i)
{
	return t->f ? (double)t->f[i] : (double)t->i[i];
}

int onnx_tensor_alloc(struct onnx_reader *r, bool integer, uint32_t rank, const int64_t *dims, struct onnx_tensor *t)
{
	int64_t count = 1;

	memset(t, 0, sizeof(*t));
	if (rank > ONNX_RANK)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "a tensor has %u axes, at most %u are read", rank,
				 ONNX_RANK);
	for (uint32_t k = 0; k < rank; k++) {
		if (dims[k] < 0 || (dims[k] && count > ONNX_MAX_ELEMENTS / dims[k]))
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_TENSOR,
					 "a tensor has an absurd size of axis %u: %lld", k, (long long)dims[k]);
		count *= dims[k];
		t->dims[k] = dims[k];
	}
	r->elements += (size_t)count;
	if (r->elements > (size_t)ONNX_MAX_ELEMENTS)
		return onnx_fail(r, -ERANGE, AK_RULE_ONNX_TENSOR, "the constants have more than %lld elements together",
				 (long long)ONNX_MAX_ELEMENTS);
	t->rank = rank;
	t->count = (size_t)count;
	t->type = integer ? ONNX__TENSOR_PROTO__DATA_TYPE__INT64 : ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
	if (integer)
		t->i = calloc(t->count + 1, sizeof(*t->i));
	else
		t->f = calloc(t->count + 1, sizeof(*t->f));
	return t->f || t->i ? 0 : onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for a tensor");
}

static float half(uint16_t h)
{
	int e = h >> 10 & 31;
	float m = (float)(h & 1023), v;

	if (e == 31)
		v = m > 0 ? NAN : INFINITY;
	else
		v = e ? ldexpf(m + 1024, e - 25) : ldexpf(m, -24);
	return h & 0x8000 ? -v : v;
}

static float brain(uint16_t h)
{
	uint32_t bits = (uint32_t)h << 16;
	float v;

	memcpy(&v, &bits, 4);
	return v;
}

struct kind {
	bool known, integer, is_signed;
	size_t bytes;
};

static struct kind kind_of(int32_t type)
{
	switch (type) {
	case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
		return (struct kind){true, false, true, 4};
	case ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE:
		return (struct kind){true, false, true, 8};
	case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16:
	case ONNX__TENSOR_PROTO__DATA_TYPE__BFLOAT16:
		return (struct kind){true, false, true, 2};
	case ONNX__TENSOR_PROTO__DATA_TYPE__INT8:
		return (struct kind){true, true, true, 1};
	case ONNX__TENSOR_PROTO__DATA_TYPE__UINT8:
	case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL:
		return (struct kind){true, true, false, 1};
	case ONNX__TENSOR_PROTO__DATA_TYPE__INT16:
		return (struct kind){true, true, true, 2};
	case ONNX__TENSOR_PROTO__DATA_TYPE__UINT16:
		return (struct kind){true, true, false, 2};
	case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
		return (struct kind){true, true, true, 4};
	case ONNX__TENSOR_PROTO__DATA_TYPE__UINT32:
		return (struct kind){true, true, false, 4};
	case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
		return (struct kind){true, true, true, 8};
	default: /* uint64 has no use in networks, text and complex numbers neither */
		return (struct kind){0};
	}
}

/* One element of raw_data. */
static void get_raw(int32_t type, struct kind k, const unsigned char *b, struct onnx_tensor *t, size_t at)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < k.bytes; i++)
		bits |= (uint64_t)b[i] << (8 * i);
	if (k.integer) {
		if (k.is_signed && k.bytes < 8 && bits >> (8 * k.bytes - 1))
			bits |= ~(uint64_t)0 << (8 * k.bytes);
		t->i[at] = (int64_t)bits;
	} else if (k.bytes == 4) {
		uint32_t word = (uint32_t)bits;

		memcpy(&t->f[at], &word, 4);
	} else if (k.bytes == 8) {
		double v;

		memcpy(&v, &bits, 8);
		t->f[at] = fabs(v) < 3.4e38 || isnan(v) || isinf(v) ? (float)v : (float)copysign(INFINITY, v);
	} else {
		t->f[at] =
			type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 ? half((uint16_t)bits) : brain((uint16_t)bits);
	}
}

/* Elements in the field of their type instead of raw_data. */
static size_t get_typed(int32_t type, struct kind k, const Onnx__TensorProto *p, struct onnx_tensor *t)
{
	size_t n = t->count;

	if (k.integer && k.bytes == 8 && p->n_int64_data == n) {
		if (n)
			memcpy(t->i, p->int64_data, n * sizeof(*t->i));
		return n;
	}
	if (type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && p->n_float_data == n) {
		if (n)
			memcpy(t->f, p->float_data, n * sizeof(*t->f));
		return n;
	}
	if (type == ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE && p->n_double_data == n) {
		for (size_t i = 0; i < n; i++)
			t->f[i] = (float)p->double_data[i];
		return n;
	}
	if (type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT32 && p->n_uint64_data == n) {
		for (size_t i = 0; i < n; i++)
			t->i[i] = (int64_t)(p->uint64_data[i] & UINT32_MAX);
		return n;
	}
	if (((k.integer && k.bytes <= 4) || k.bytes == 2) && p->n_int32_data == n) {
		for (size_t i = 0; i < n; i++) {
			if (k.integer)
				t->i[i] = p->int32_data[i];
			else
				t->f[i] = type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16
						  ? half((uint16_t)p->int32_data[i])
						  : brain((uint16_t)p->int32_data[i]);
		}
		return n;
	}
	return (size_t)-1;
}

int onnx_tensor_read(struct onnx_reader *r, const Onnx__TensorProto *p, struct onnx_tensor *t)
{
	struct kind k = kind_of(p->data_type);
	int err;

	if ((p->has_data_location && p->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) ||
	    p->n_external_data) {
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_EXTERNAL,
				"keeps a tensor in another file, which is not read");
		ak_remedy(r->diag, "save the model as one file, without external data");
		return err;
	}
	if (p->segment)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "holds a tensor in segments, which is not read");
	if (!k.known)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "holds a tensor of type %d, which is not read",
				 p->data_type);
	err = onnx_tensor_alloc(r, k.integer, (uint32_t)(p->n_dims > 99 ? 99 : p->n_dims), p->dims, t);
	if (err)
		return err;
	t->type = p->data_type;
	if (p->has_raw_data) {
		if (p->raw_data.len != t->count * k.bytes) {
			err = onnx_fail(r, -EILSEQ, AK_RULE_ONNX_TENSOR,
					"a tensor of %zu elements of %zu bytes has %zu bytes of data", t->count,
					k.bytes, p->raw_data.len);
			goto fini;
		}
		for (size_t i = 0; i < t->count; i++)
			get_raw(p->data_type, k, p->raw_data.data + i * k.bytes, t, i);
		return 0;
	}
	if (get_typed(p->data_type, k, p, t) == t->count)
		return 0;
	err = onnx_fail(r, -EILSEQ, AK_RULE_ONNX_TENSOR, "a tensor of %zu elements has another number of values",
			t->count);
fini:
	onnx_tensor_fini(t);
	return err;
}

/* ---- operators on constants ---- */

static void copy_element(struct onnx_tensor *to, size_t at, const struct onnx_tensor *from, size_t i)
{
	if (to->f)
		to->f[at] = from->f ? from->f[i] : (float)from->i[i];
	else
		to->i[at] = from->f ? (int64_t)from->f[i] : from->i[i];
}

static int like(struct onnx_reader *r, const struct onnx_tensor *a, uint32_t rank, const int64_t *dims,
		struct onnx_tensor *out)
{
	int err = onnx_tensor_alloc(r, a->i != NULL, rank, dims, out);

	out->type = a->type;
	return err;
}

static int fold_same(struct onnx_reader *r, const struct onnx_tensor *a, uint32_t rank, const int64_t *dims,
		     struct onnx_tensor *out)
{
	int err = like(r, a, rank, dims, out);

	if (!err && out->count != a->count) {
		onnx_tensor_fini(out);
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE,
				 "a constant of %zu elements cannot be given this shape", a->count);
	}
	for (size_t i = 0; !err && i < a->count; i++)
		copy_element(out, i, a, i);
	return err;
}

static int fold_reshape(struct onnx_reader *r, const struct onnx_tensor *a, const struct onnx_tensor *s,
			struct onnx_tensor *out)
{
	int64_t dims[ONNX_RANK], known = 1;
	int open = -1;

	if (!s || !s->i || s->count > ONNX_RANK)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "has no usable shape");
	for (size_t k = 0; k < s->count; k++) {
		dims[k] = s->i[k];
		if (dims[k] == 0 && k < a->rank && !onnx_int(r, "allowzero", 0))
			dims[k] = a->dims[k];
		if (dims[k] == -1 && open < 0)
			open = (int)k;
		else if (dims[k] <= 0 || dims[k] > ONNX_MAX_ELEMENTS / known)
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_SHAPE, "has an impossible size %lld",
					 (long long)dims[k]);
		else
			known *= dims[k];
	}
	if (open >= 0)
		dims[open] = (int64_t)a->count / known;
	return fold_same(r, a, (uint32_t)s->count, dims, out);
}

static int fold_transpose(struct onnx_reader *r, const struct onnx_tensor *a, struct onnx_tensor *out)
{
	int64_t perm[ONNX_RANK], dims[ONNX_RANK];
	size_t n, step[ONNX_RANK], at[ONNX_RANK] = {0};
	uint32_t seen = 0;
	int err = onnx_ints(r, "perm", 0, perm, ONNX_RANK, &n);

	for (uint32_t k = 0; !n && k < a->rank; k++)
		perm[k] = a->rank - 1 - k;
	if (err || (n && n != a->rank))
		return err ? err : onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "perm does not fit its input");
	for (uint32_t k = 0; k < a->rank; k++) {
		if (perm[k] < 0 || perm[k] >= a->rank || seen >> perm[k] & 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "perm is no permutation");
		seen |= 1u << perm[k];
		dims[k] = a->dims[perm[k]];
		step[k] = 1;
		for (uint32_t j = (uint32_t)perm[k] + 1; j < a->rank; j++)
			step[k] *= (size_t)a->dims[j];
	}
	err = like(r, a, a->rank, dims, out);
	for (size_t i = 0; !err && i < out->count; i++) {
		size_t from = 0;

		for (uint32_t k = 0; k < a->rank; k++)
			from += at[k] * step[k];
		copy_element(out, i, a, from);
		for (uint32_t k = a->rank; k-- > 0;) {
			if (++at[k] < (size_t)dims[k])
				break;
			at[k] = 0;
		}
	}
	return err;
}

static int fold_squeeze(struct onnx_reader *r, const struct onnx_tensor *a, bool insert, struct onnx_tensor *out)
{
	int64_t axes[ONNX_RANK], dims[ONNX_RANK];
	uint32_t marked = 0, rank = a->rank, n = 0;
	size_t count;
	int err = onnx_ints(r, "axes", 1, axes, ONNX_RANK, &count);

	if (err)
		return err;
	if (insert)
		rank += (uint32_t)count;
	if (rank > ONNX_RANK)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "a tensor has %u axes", rank);
	for (size_t k = 0; k < count; k++) {
		axes[k] += axes[k] < 0 ? rank : 0;
		if (axes[k] < 0 || axes[k] >= rank || marked >> axes[k] & 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "axes do not fit its input");
		marked |= 1u << axes[k];
	}
	if (insert) {
		for (uint32_t k = 0; k < rank; k++)
			dims[k] = marked >> k & 1 ? 1 : a->dims[n++];
		n = rank;
	} else {
		for (uint32_t k = 0; k < rank; k++)
			if (count ? !(marked >> k & 1) : a->dims[k] != 1)
				dims[n++] = a->dims[k];
	}
	return fold_same(r, a, n, dims, out);
}

static int fold_gather(struct onnx_reader *r, const struct onnx_tensor *a, const struct onnx_tensor *index,
		       struct onnx_tensor *out)
{
	int64_t axis = onnx_int(r, "axis", 0), dims[2 * ONNX_RANK];
	size_t before = 1, after = 1;
	uint32_t rank = 0;
	int err;

	axis += axis < 0 ? a->rank : 0;
	if (!index || !index->i || axis < 0 || axis >= a->rank)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "axis and indices do not fit its input");
	for (uint32_t k = 0; k < (uint32_t)axis; k++)
		before *= (size_t)(dims[rank++] = a->dims[k]);
	for (uint32_t k = 0; k < index->rank; k++)
		dims[rank++] = index->dims[k];
	for (uint32_t k = (uint32_t)axis + 1; k < a->rank; k++)
		after *= (size_t)(dims[rank++] = a->dims[k]);
	for (size_t k = 0; k < index->count; k++)
		if (index->i[k] < -a->dims[axis] || index->i[k] >= a->dims[axis])
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "index %lld is outside of axis %lld",
					 (long long)index->i[k], (long long)axis);
	err = like(r, a, rank, dims, out);
	for (size_t b = 0, at = 0; !err && b < before; b++)
		for (size_t k = 0; k < index->count; k++) {
			int64_t i = index->i[k] + (index->i[k] < 0 ? a->dims[axis] : 0);

			for (size_t c = 0; c < after; c++)
				copy_element(out, at++, a, (b * (size_t)a->dims[axis] + (size_t)i) * after + c);
		}
	return err;
}

static int fold_concat(struct onnx_reader *r, struct onnx_tensor *out)
{
	int64_t axis = onnx_int(r, "axis", 0), dims[ONNX_RANK], sum = 0;
	const struct onnx_tensor *first, *t;
	size_t before = 1, at = 0;
	int err = onnx_constant_in(r, 0, true, &first);

	if (err)
		return err;
	axis += axis < 0 ? first->rank : 0;
	if (axis < 0 || axis >= first->rank)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "axis does not fit its inputs");
	memcpy(dims, first->dims, sizeof(dims));
	for (uint32_t k = 0; k < r->op->n_input; k++) {
		err = onnx_constant_in(r, k, true, &t);
		if (err)
			return err;
		for (uint32_t j = 0; j < first->rank; j++)
			if (t->rank != first->rank || (j != axis && t->dims[j] != first->dims[j]))
				return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "joins constants that do not fit");
		sum += t->dims[axis];
	}
	dims[axis] = sum;
	for (uint32_t k = 0; k < (uint32_t)axis; k++)
		before *= (size_t)dims[k];
	err = like(r, first, first->rank, dims, out);
	for (size_t b = 0; !err && b < before; b++)
		for (uint32_t k = 0; k < r->op->n_input; k++) {
			size_t part;

			(void)onnx_constant_in(r, k, true, &t);
			part = t->count / before;
			for (size_t c = 0; c < part; c++)
				copy_element(out, at++, t, b * part + c);
		}
	return err;
}

static int fold_slice(struct onnx_reader *r, const struct onnx_tensor *a, struct onnx_tensor *out)
{
	int64_t from[ONNX_RANK], to[ONNX_RANK], axes[ONNX_RANK], steps[ONNX_RANK];
	size_t n, ends, n_axes, n_steps;
	int err = onnx_ints(r, "starts", 1, from, ONNX_RANK, &n);

	if (!err)
		err = onnx_ints(r, "ends", 2, to, ONNX_RANK, &ends);
	if (!err)
		err = onnx_ints(r, "axes", 3, axes, ONNX_RANK, &n_axes);
	if (!err)
		err = onnx_ints(r, "steps", 4, steps, ONNX_RANK, &n_steps);
	if (err)
		return err;
	/* all that shape arithmetic needs */
	if (a->rank != 1 || n != 1 || ends != 1 || (n_axes && axes[0] != 0 && axes[0] != -1) ||
	    (n_steps && steps[0] != 1))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
				 "Slice is read on a constant vector only, with step 1");
	from[0] = from[0] < -a->dims[0] ? 0 : from[0] < 0 ? from[0] + a->dims[0] : from[0];
	to[0] = to[0] < -a->dims[0] ? 0 : to[0] < 0 ? to[0] + a->dims[0] : to[0];
	from[0] = from[0] > a->dims[0] ? a->dims[0] : from[0];
	to[0] = to[0] > a->dims[0] ? a->dims[0] : to[0];
	n = to[0] > from[0] ? (size_t)(to[0] - from[0]) : 0;
	err = like(r, a, 1, (const int64_t[]){(int64_t)n}, out);
	for (size_t i = 0; !err && i < n; i++)
		copy_element(out, i, a, (size_t)from[0] + i);
	return err;
}

/* Index into a tensor that is broadcast to a shape of rank axes. */
static size_t broadcast_at(const struct onnx_tensor *t, uint32_t rank, const size_t *at)
{
	uint32_t skip = rank - t->rank;
	size_t i = 0;

	for (uint32_t k = 0; k < t->rank; k++)
		i = i * (size_t)t->dims[k] + (t->dims[k] == 1 ? 0 : at[k + skip]);
	return i;
}

static bool integer_of(char op, int64_t x, int64_t y, int64_t *out)
{
	switch (op) {
	case '+':
		return !__builtin_add_overflow(x, y, out);
	case '-':
		return !__builtin_sub_overflow(x, y, out);
	case '*':
		return !__builtin_mul_overflow(x, y, out);
	default:
		if (!y || (x == INT64_MIN && y == -1))
			return false;
		*out = x / y;
		return true;
	}
}

static float float_of(char op, float x, float y)
{
	return op == '+' ? x + y : op == '-' ? x - y : op == '*' ? x * y : x / y;
}

static int fold_binary(struct onnx_reader *r, char op, const struct onnx_tensor *a, const struct onnx_tensor *b,
		       struct onnx_tensor *out)
{
	uint32_t rank = a->rank > b->rank ? a->rank : b->rank;
	int64_t dims[ONNX_RANK];
	size_t at[ONNX_RANK] = {0};
	int err;

	if ((a->i != NULL) != (b->i != NULL))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "mixes integers and floating point numbers");
	for (uint32_t k = 0; k < rank; k++) {
		int64_t x = k < rank - a->rank ? 1 : a->dims[k - (rank - a->rank)];
		int64_t y = k < rank - b->rank ? 1 : b->dims[k - (rank - b->rank)];

		if (x != y && x != 1 && y != 1)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "the shapes of its constants do not fit");
		dims[k] = x == 1 ? y : x;
	}
	err = like(r, a, rank, dims, out);
	for (size_t i = 0; !err && i < out->count; i++) {
		size_t x = broadcast_at(a, rank, at), y = broadcast_at(b, rank, at);

		if (out->f)
			out->f[i] = float_of(op, a->f[x], b->f[y]);
		else if (!integer_of(op, a->i[x], b->i[y], &out->i[i]))
			err = onnx_fail(r, -ERANGE, AK_RULE_ONNX_TENSOR, "its integers leave 64 bits");
		for (uint32_t k = rank; k-- > 0;) {
			if (++at[k] < (size_t)dims[k])
				break;
			at[k] = 0;
		}
	}
	if (err)
		onnx_tensor_fini(out);
	return err;
}

static int fold_cast(struct onnx_reader *r, const struct onnx_tensor *a, struct onnx_tensor *out)
{
	int32_t type = (int32_t)onnx_int(r, "to", 0);
	struct kind k = kind_of(type);
	int err;

	if (!k.known)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR, "casts to type %d, which is not read", type);
	for (size_t i = 0; k.integer && a->f && i < a->count; i++)
		if (!(fabsf(a->f[i]) < 9e18f))
			return onnx_fail(r, -ERANGE, AK_RULE_ONNX_TENSOR, "casts a number that is no 64-bit integer");
	err = onnx_tensor_alloc(r, k.integer, a->rank, a->dims, out);
	out->type = type;
	for (size_t i = 0; !err && i < a->count; i++)
		copy_element(out, i, a, i);
	return err;
}

static int fold_constant_of_shape(struct onnx_reader *r, const struct onnx_tensor *shape, struct onnx_tensor *out)
{
	const Onnx__AttributeProto *a = onnx_attr(r, "value");
	struct onnx_tensor v = {0};
	int err = 0;

	if (!shape->i || shape->count > ONNX_RANK)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "has no usable shape");
	if (a && a->t)
		err = onnx_tensor_read(r, a->t, &v);
	if (!err && a && v.count != 1)
		err = onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "value must have one element");
	if (!err)
		err = onnx_tensor_alloc(r, v.i != NULL, (uint32_t)shape->count, shape->i, out);
	for (size_t i = 0; !err && (v.f || v.i) && i < out->count; i++)
		copy_element(out, i, &v, 0);
	onnx_tensor_fini(&v);
	return err;
}

/* scale and zero point per tensor or along axis, in the order of the elements of a */
static int fold_dequantize(struct onnx_reader *r, const struct onnx_tensor *a, const struct onnx_tensor *scale,
			   const struct onnx_tensor *zero, bool quantize, struct onnx_tensor *out)
{
	int64_t axis = onnx_int(r, "axis", 1);
	size_t after = 1, count;
	int err;

	axis += axis < 0 ? a->rank : 0;
	if (!scale || !scale->f || (zero && (!zero->i || zero->count != scale->count)) ||
	    (scale->count != 1 && (axis < 0 || axis >= a->rank || (int64_t)scale->count != a->dims[axis])))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "scale and zero point do not fit its input");
	if ((quantize && !a->f) || (!quantize && !a->i))
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its input has the wrong type");
	count = scale->count;
	for (uint32_t k = count == 1 ? a->rank : (uint32_t)axis + 1; k < a->rank; k++)
		after *= (size_t)a->dims[k];
	err = onnx_tensor_alloc(r, quantize, a->rank, a->dims, out);
	if (quantize)
		out->type = zero ? zero->type : ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
	for (size_t i = 0; !err && i < a->count; i++) {
		size_t c = count == 1 ? 0 : i / after % count;
		int64_t z = zero ? zero->i[c] : 0;

		if (quantize) {
			bool u8 = out->type == ONNX__TENSOR_PROTO__DATA_TYPE__UINT8;
			double q = nearbyint((double)a->f[i] / (double)scale->f[c]) + (double)z;

			q = q < (u8 ? 0 : -128) ? (u8 ? 0 : -128) : q > (u8 ? 255 : 127) ? (u8 ? 255 : 127) : q;
			out->i[i] = isnan(q) ? 0 : (int64_t)q;
		} else {
			out->f[i] = (float)((double)(a->i[i] - z) * (double)scale->f[c]);
		}
	}
	return err;
}

static int fold_constant(struct onnx_reader *r, struct onnx_tensor *out)
{
	const Onnx__AttributeProto *a;
	size_t n = 0;
	int64_t list;
	int err;

	if ((a = onnx_attr(r, "value")) && a->t)
		return onnx_tensor_read(r, a->t, out);
	if ((a = onnx_attr(r, "value_float")) || (a = onnx_attr(r, "value_int"))) {
		err = onnx_tensor_alloc(r, a->has_i, 0, NULL, out);
		if (!err && a->has_i)
			out->i[0] = a->i;
		else if (!err)
			out->f[0] = a->f;
		return err;
	}
	if ((a = onnx_attr(r, "value_ints")) || (a = onnx_attr(r, "value_floats"))) {
		n = a->n_ints ? a->n_ints : a->n_floats;
		list = (int64_t)n;
		err = onnx_tensor_alloc(r, a->n_ints != 0, 1, &list, out);
		if (!err && n && a->n_ints)
			memcpy(out->i, a->ints, n * sizeof(*out->i));
		else if (!err && n)
			memcpy(out->f, a->floats, n * sizeof(*out->f));
		return err;
	}
	return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "has no value of a kind that is read");
}

static int fold_shape(struct onnx_reader *r, const struct onnx_value *v, struct onnx_tensor *out)
{
	int64_t n = v->state == ONNX_LAYER ? v->rank + 1 : v->t.rank;
	int64_t from = onnx_int(r, "start", 0), to = onnx_int(r, "end", n), count;
	int err;

	from = from < -n ? 0 : from < 0 ? from + n : from > n ? n : from;
	to = to < -n ? 0 : to < 0 ? to + n : to > n ? n : to;
	count = to > from ? to - from : 0;
	err = onnx_tensor_alloc(r, true, 1, &count, out);
	for (int64_t k = 0; !err && k < count; k++)
		out->i[k] = v->state != ONNX_LAYER ? v->t.dims[from + k] : from + k ? v->dims[from + k - 1] : r->batch;
	return err;
}

/* The operators whose result is a constant when all inputs are. 1: not one of them. */
static int compute(struct onnx_reader *r, const struct onnx_tensor *const *in, struct onnx_tensor *out)
{
	static const char *const binary[] = {"Add", "Sub", "Mul", "Div"};
	const char *type = r->op->op_type;
	int64_t dims[2];
	int64_t axis;

	for (int k = 0; k < 4; k++)
		if (!strcmp(type, binary[k]))
			return in[1] ? fold_binary(r, "+-*/"[k], in[0], in[1], out) : 1;
	if (!strcmp(type, "Identity") || !strcmp(type, "Dropout"))
		return fold_same(r, in[0], in[0]->rank, in[0]->dims, out);
	if (!strcmp(type, "Reshape"))
		return fold_reshape(r, in[0], in[1], out);
	if (!strcmp(type, "Transpose"))
		return fold_transpose(r, in[0], out);
	if (!strcmp(type, "Squeeze") || !strcmp(type, "Unsqueeze"))
		return fold_squeeze(r, in[0], *type == 'U', out);
	if (!strcmp(type, "Gather"))
		return fold_gather(r, in[0], in[1], out);
	if (!strcmp(type, "Concat"))
		return fold_concat(r, out);
	if (!strcmp(type, "Slice"))
		return fold_slice(r, in[0], out);
	if (!strcmp(type, "Cast"))
		return fold_cast(r, in[0], out);
	if (!strcmp(type, "ConstantOfShape"))
		return fold_constant_of_shape(r, in[0], out);
	if (!strcmp(type, "DequantizeLinear") || !strcmp(type, "QuantizeLinear"))
		return fold_dequantize(r, in[0], in[1], in[2], *type == 'Q', out);
	if (!strcmp(type, "Flatten")) {
		axis = onnx_int(r, "axis", 1);
		axis += axis < 0 ? in[0]->rank : 0;
		if (axis < 0 || axis > in[0]->rank)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "axis does not fit its input");
		dims[0] = onnx_product(in[0]->dims, (uint32_t)axis);
		dims[1] = onnx_product(in[0]->dims + axis, in[0]->rank - (uint32_t)axis);
		return fold_same(r, in[0], 2, dims, out);
	}
	if (!strcmp(type, "Sqrt") || !strcmp(type, "Neg")) {
		int err = fold_same(r, in[0], in[0]->rank, in[0]->dims, out);

		for (size_t i = 0; !err && i < out->count; i++) {
			if (out->f)
				out->f[i] = *type == 'S' ? sqrtf(out->f[i]) : -out->f[i];
			else if (*type == 'N')
				out->i[i] = out->i[i] == INT64_MIN ? INT64_MAX : -out->i[i];
		}
		return err;
	}
	return 1;
}

int onnx_fold(struct onnx_reader *r)
{
	const struct onnx_tensor *in[4] = {NULL};
	struct onnx_tensor out = {0};
	struct onnx_value *v;
	int err = 0;

	if (!strcmp(r->op->op_type, "Constant")) {
		err = fold_constant(r, &out);
	} else if (!strcmp(r->op->op_type, "Shape")) {
		v = onnx_in(r, 0, &err);
		if (!v)
			return err ? err : onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "has no input");
		err = fold_shape(r, v, &out);
	} else {
		for (uint32_t k = 0; k < r->op->n_input; k++) {
			v = onnx_in(r, k, &err);
			if (err)
				return err;
			if (v && v->state == ONNX_LAYER)
				return 1;
			if (k < 4)
				in[k] = v ? &v->t : NULL;
		}
		if (!in[0])
			return 1;
		err = compute(r, in, &out);
	}
	if (err)
		return err;
	v = onnx_out(r);
	v->state = ONNX_CONSTANT;
	v->t = out;
	return 0;
}
