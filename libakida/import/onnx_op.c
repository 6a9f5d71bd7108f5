/* SPDX-License-Identifier: MIT */
/* The operators that are read, and those of them that work on single values or vectors. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "import/onnx.h"

/* ---- dense ---- */

/* rows * y: kernel (inputs, units) in the order of the node's inputs. */
static int dense(struct onnx_reader *r, struct onnx_value *in, const struct onnx_tensor *b, bool transposed,
		 float alpha, uint32_t *index)
{
	size_t inputs, units;
	uint32_t node, *order = NULL, dims[4];
	float *to;
	int err;

	if (!b->f || b->rank != 2)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_TENSOR,
				 "its weights must be floating point with two axes");
	inputs = (size_t)b->dims[transposed ? 1 : 0];
	units = (size_t)b->dims[transposed ? 0 : 1];
	if (!in->rank || (size_t)in->dims[in->rank - 1] != inputs || !units || units > 65536)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "weights of %zux%zu do not fit an input of %lld",
				 inputs, units, in->rank ? (long long)in->dims[in->rank - 1] : 0);
	if (in->rank == 1) {
		err = onnx_value_vector(r, in, &node, &order);
	} else {
		err = onnx_value_order(r, in);
		node = in->node;
	}
	if (err)
		return err;
	memcpy(dims, r->g->nodes[node].dims, sizeof(dims));
	err = onnx_add(r, AK_OP_DENSE, &node, 1, index);
	if (!err) {
		uint32_t rank = r->g->nodes[*index].rank;

		r->g->nodes[*index].filters = (uint32_t)units;
		dims[rank - 1] = (uint32_t)units;
		onnx_shape(r, *index, rank, dims);
		err = onnx_add_weight(r, *index, "kernel", 2, (const size_t[]){inputs, units}, &to);
	}
	for (size_t i = 0; i < inputs && !err; i++)
		for (size_t u = 0; u < units; u++)
			to[(order ? order[i] : i) * units + u] =
				alpha * (transposed ? b->f[u * inputs + i] : b->f[i * units + u]);
	free(order);
	return err;
}

static int gemm(struct onnx_reader *r)
{
	const struct onnx_tensor *b, *c;
	struct onnx_value *in;
	float alpha = onnx_float(r, "alpha", 1), beta = onnx_float(r, "beta", 1), *to;
	size_t units;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_constant_in(r, 1, true, &b);
	if (!err)
		err = onnx_constant_in(r, 2, false, &c);
	if (err)
		return err;
	if (in->rank != 1 || onnx_int(r, "transA", 0))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE, "is read on one vector for each sample");
	err = dense(r, in, b, onnx_int(r, "transB", 0) != 0, alpha, &node);
	if (err)
		return err;
	if (c) {
		units = r->g->nodes[node].filters;
		if (!c->f || (c->count != 1 && c->count != units) ||
		    (c->count > 1 && c->dims[c->rank - 1] != (int64_t)units))
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its bias does not fit %zu outputs", units);
		r->g->nodes[node].use_bias = true;
		err = onnx_add_weight(r, node, "bias", 1, &units, &to);
		for (size_t u = 0; u < units && !err; u++)
			to[u] = beta * c->f[c->count == 1 ? 0 : u];
	}
	if (!err)
		onnx_value_set(r, onnx_out(r), node);
	return err;
}

static int matmul(struct onnx_reader *r)
{
	const struct onnx_tensor *b;
	struct onnx_value *in;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_constant_in(r, 1, true, &b);
	if (!err)
		err = dense(r, in, b, false, 1, &node);
	if (!err)
		onnx_value_set(r, onnx_out(r), node);
	return err;
}

/* ---- arithmetic with constants ---- */

/* x * gain + offset per channel (count of 1: the same for all); the node's last axis holds the channels. */
struct affine {
	size_t count;
	float *gain, *offset;
};

static void affine_fini(struct affine *a)
{
	free(a->gain);
	free(a->offset);
}

static int affine_alloc(struct onnx_reader *r, size_t count, struct affine *a)
{
	a->count = count;
	a->gain = calloc(count, sizeof(float));
	a->offset = calloc(count, sizeof(float));
	if (a->gain && a->offset)
		return 0;
	affine_fini(a);
	return onnx_fail(r, -ENOMEM, AK_RULE_NOMEM, "no memory for a constant");
}

/* The value's node takes a bias that nobody else would see. */
static bool takes_bias(const struct onnx_reader *r, const struct onnx_value *in)
{
	const struct ak_node *n = &r->g->nodes[in->node];

	return in->uses == 1 && !n->use_bias &&
	       (n->op == AK_OP_DENSE || n->op == AK_OP_CONV2D || n->op == AK_OP_DEPTHWISE ||
		n->op == AK_OP_CONV2D_TRANSPOSE || n->op == AK_OP_DEPTHWISE_TRANSPOSE);
}

static int affine_bias(struct onnx_reader *r, uint32_t node, const struct affine *a)
{
	size_t channels = r->g->nodes[node].dims[r->g->nodes[node].rank - 1];
	float *to;
	int err;

	r->g->nodes[node].use_bias = true;
	err = onnx_add_weight(r, node, "bias", 1, &channels, &to);
	for (size_t c = 0; c < channels && !err; c++)
		to[c] = a->offset[a->count == 1 ? 0 : c];
	return err;
}

/* Rescaling of the network's input; two in a row are one. */
static int affine_rescaling(struct onnx_reader *r, const struct onnx_value *in, const struct affine *a, uint32_t *node)
{
	bool merge = r->g->nodes[in->node].op == AK_OP_RESCALING && in->uses == 1;
	uint32_t channels = r->g->nodes[in->node].dims[r->g->nodes[in->node].rank - 1];
	struct ak_node *n;
	int err = 0;

	*node = in->node;
	if (!merge)
		err = onnx_add(r, AK_OP_RESCALING, &in->node, 1, node);
	if (err)
		return err;
	n = &r->g->nodes[*node];
	if (!merge)
		n->scale = 1;
	if (a->count > 1 && !n->scale_channels) {
		n->scale_channels = channels;
		for (uint32_t c = 0; c < channels; c++) {
			n->scales[c] = n->scale;
			n->offsets[c] = n->offset;
		}
		n->scale = 1;
		n->offset = 0;
	}
	for (uint32_t c = 0; c < n->scale_channels; c++) {
		size_t k = a->count == 1 ? 0 : c;

		n->scales[c] *= a->gain[k];
		n->offsets[c] = n->offsets[c] * a->gain[k] + a->offset[k];
	}
	if (!n->scale_channels) {
		n->scale *= a->gain[0];
		n->offset = n->offset * a->gain[0] + a->offset[0];
	}
	return 0;
}

static int affine_batchnorm(struct onnx_reader *r, uint32_t from, const struct affine *a, uint32_t *node)
{
	size_t channels = r->g->nodes[from].dims[r->g->nodes[from].rank - 1];
	static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
	float *to[4];
	int err = onnx_add(r, AK_OP_BATCHNORM, &from, 1, node);

	for (int k = 0; k < 4 && !err; k++)
		err = onnx_add_weight(r, *node, names[k], 1, &channels, &to[k]);
	if (err)
		return err;
	r->g->nodes[*node].center = r->g->nodes[*node].scale_on = true;
	r->g->nodes[*node].momentum = 0.99f;
	for (size_t c = 0; c < channels; c++) {
		to[0][c] = a->gain[a->count == 1 ? 0 : c];
		to[1][c] = a->offset[a->count == 1 ? 0 : c];
		to[3][c] = 1;
	}
	return 0;
}

static int apply(struct onnx_reader *r, struct onnx_value *in, const struct affine *a)
{
	const struct ak_node *n = &r->g->nodes[in->node];
	uint32_t channels = n->dims[n->rank - 1], node = in->node;
	bool only_offset = true, nothing = true;
	int err = 0;

	for (size_t c = 0; c < a->count; c++) {
		only_offset &= a->gain[c] == 1;
		nothing &= a->gain[c] == 1 && a->offset[c] == 0;
	}
	if (nothing)
		;
	else if (only_offset && takes_bias(r, in))
		err = affine_bias(r, node, a);
	else if ((n->op == AK_OP_INPUT || n->op == AK_OP_RESCALING) &&
		 (a->count == 1 || channels <= AK_MAX_PER_CHANNEL))
		err = affine_rescaling(r, in, a, &node);
	else
		err = affine_batchnorm(r, in->node, a, &node);
	if (!err)
		onnx_value_like(onnx_out(r), in, node);
	return err;
}

/* Brings the value into a form whose node has on its last axis what the constant varies over, or fails. */
static int channels_of(struct onnx_reader *r, struct onnx_value *in, const struct onnx_tensor *t)
{
	uint32_t varies = UINT32_MAX, skip;
	int err = 0;

	if (t->count == 1)
		return 0;
	if (t->rank > in->rank + 1)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_SHAPE, "its constant has more axes than its input");
	if (!onnx_value_plain(r, in))
		err = onnx_value_order(r, in);
	if (err)
		return err;
	skip = in->rank + 1 - t->rank;
	for (uint32_t k = 0; k < t->rank; k++) {
		if (t->dims[k] == 1)
			continue;
		if (k + skip == 0 || varies != UINT32_MAX || t->dims[k] != in->dims[k + skip - 1])
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
					 "its constant must be one number, or one for each channel");
		varies = k + skip - 1;
	}
	if (varies != UINT32_MAX && in->perm[varies] != r->g->nodes[in->node].rank - 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE,
				 "its constant varies over another axis than channels");
	return 0;
}

/* x * sigmoid(x) and x * hard_sigmoid(x), as exporters write swish. */
static bool gate(struct onnx_reader *r, const struct onnx_value *x, const struct onnx_value *s)
{
	struct ak_node *n = &r->g->nodes[s->node];

	if (s->node == x->node || s->uses != 1 || n->op != AK_OP_ACTIVATION || n->inputs[0] != x->node ||
	    x->rank != s->rank || memcmp(x->dims, s->dims, x->rank * sizeof(*x->dims)) ||
	    memcmp(x->perm, s->perm, sizeof(x->perm)))
		return false;
	if (n->act == AK_ACT_SIGMOID)
		n->act = AK_ACT_SILU;
	else if (n->act == AK_ACT_HARD_SIGMOID6)
		n->act = AK_ACT_HARD_SILU;
	else
		return false;
	onnx_value_like(onnx_out(r), s, s->node);
	return true;
}

static int add_layers(struct onnx_reader *r, struct onnx_value *x, struct onnx_value *y)
{
	struct onnx_value a = *x, b = *y;
	uint32_t nodes[2];
	int err = 0;

	if (a.rank != b.rank || memcmp(a.dims, b.dims, a.rank * sizeof(*a.dims)))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE, "adds values of different shapes");
	if (memcmp(a.perm, b.perm, sizeof(a.perm)) || r->g->nodes[a.node].rank != r->g->nodes[b.node].rank ||
	    memcmp(r->g->nodes[a.node].dims, r->g->nodes[b.node].dims, sizeof(r->g->nodes[0].dims))) {
		err = onnx_value_order(r, &a);
		if (!err)
			err = onnx_value_order(r, &b);
	}
	nodes[0] = a.node;
	nodes[1] = b.node;
	if (!err)
		err = onnx_add(r, AK_OP_ADD, nodes, 2, &nodes[0]);
	if (!err)
		onnx_value_like(onnx_out(r), &a, nodes[0]);
	return err;
}

static int arithmetic(struct onnx_reader *r)
{
	char op = r->op->op_type[0]; /* Add, Sub, Mul, Div */
	struct onnx_value *x, *y, *in;
	const struct onnx_tensor *t;
	struct affine a;
	bool swapped;
	int err;

	x = onnx_in(r, 0, &err);
	if (err)
		return err;
	y = onnx_in(r, 1, &err);
	if (err)
		return err;
	if (!x || !y)
		return onnx_fail(r, -EILSEQ, AK_RULE_ONNX_GRAPH, "needs two inputs");
	if (x->state == ONNX_LAYER && y->state == ONNX_LAYER) {
		if (op == 'A')
			return add_layers(r, x, y);
		if (op == 'M' && (gate(r, x, y) || gate(r, y, x)))
			return 0;
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
				 "two computed inputs are supported by Add only");
	}
	swapped = y->state == ONNX_LAYER;
	in = swapped ? y : x;
	t = swapped ? &x->t : &y->t;
	if (swapped && op == 'D')
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "divides by a computed value");
	if (!t->count)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its constant is empty");
	err = channels_of(r, in, t);
	if (!err)
		err = affine_alloc(r, t->count, &a);
	if (err)
		return err;
	for (size_t c = 0; c < t->count; c++) {
		float v = (float)onnx_tensor_at(t, c);

		a.gain[c] = op == 'M' ? v : op == 'D' ? 1.0f / v : op == 'S' && swapped ? -1.0f : 1.0f;
		a.offset[c] = op == 'A' || (op == 'S' && swapped) ? v : op == 'S' ? -v : 0;
	}
	err = apply(r, in, &a);
	affine_fini(&a);
	return err;
}

static int batchnorm(struct onnx_reader *r)
{
	static const char *const names[] = {"gamma", "beta", "moving_mean", "moving_variance"};
	const struct onnx_tensor *t[4];
	struct onnx_value *in;
	float *to;
	uint32_t node;
	size_t channels = 0;
	int err = onnx_layer_in(r, 0, &in);

	for (uint32_t k = 0; k < 4 && !err; k++)
		err = onnx_constant_in(r, k + 1, true, &t[k]);
	if (err)
		return err;
	if (onnx_int(r, "training_mode", 0))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "was exported for training");
	if (in->rank == 3)
		err = onnx_value_image(r, in, &node);
	else if (in->rank == 1)
		err = onnx_value_order(r, in);
	else
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_SHAPE, "is read on images and vectors");
	if (err)
		return err;
	node = in->node;
	channels = r->g->nodes[node].dims[r->g->nodes[node].rank - 1];
	for (int k = 0; k < 4; k++)
		if (!t[k]->f || t[k]->count != channels)
			return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its %s has %zu elements, must have %zu",
					 names[k], t[k]->count, channels);
	err = onnx_add(r, AK_OP_BATCHNORM, &node, 1, &node);
	for (int k = 0; k < 4 && !err; k++) {
		err = onnx_add_weight(r, node, names[k], 1, &channels, &to);
		if (!err)
			memcpy(to, t[k]->f, channels * sizeof(*to));
	}
	if (err)
		return err;
	r->g->nodes[node].center = r->g->nodes[node].scale_on = true;
	r->g->nodes[node].epsilon = onnx_float(r, "epsilon", 1e-5f);
	r->g->nodes[node].momentum = onnx_float(r, "momentum", 0.9f);
	onnx_value_like(onnx_out(r), in, node);
	return 0;
}

/* ---- activations ---- */

static int on_values(struct onnx_reader *r, enum ak_op op, struct ak_node **n)
{
	struct onnx_value *in;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (!err)
		err = onnx_add(r, op, &in->node, 1, &node);
	if (err)
		return err;
	onnx_value_like(onnx_out(r), in, node);
	*n = &r->g->nodes[node];
	return 0;
}

static int relu(struct onnx_reader *r)
{
	struct ak_node *n;

	return on_values(r, AK_OP_RELU, &n);
}

static int activation(struct onnx_reader *r)
{
	static const struct {
		const char *type;
		enum ak_activation act;
		float alpha;
	} table[] = {
		{"Sigmoid", AK_ACT_SIGMOID, 0},
		{"Tanh", AK_ACT_TANH, 0},
		{"LeakyRelu", AK_ACT_LEAKY_RELU, 0.01f},
		{"Elu", AK_ACT_ELU, 1},
		{"Selu", AK_ACT_SELU, 0},
		{"Softplus", AK_ACT_SOFTPLUS, 0},
		{"Softsign", AK_ACT_SOFTSIGN, 0},
		{"HardSwish", AK_ACT_HARD_SILU, 0},
		{"Exp", AK_ACT_EXPONENTIAL, 0},
	};
	struct ak_node *n;
	int err = on_values(r, AK_OP_ACTIVATION, &n);

	for (size_t k = 0; !err && k < sizeof(table) / sizeof(*table); k++)
		if (!strcmp(r->op->op_type, table[k].type)) {
			n->act = table[k].act;
			n->act_alpha = table[k].alpha != 0 ? onnx_float(r, "alpha", table[k].alpha) : 0;
		}
	if (!err && n->act == AK_ACT_SELU && (onnx_attr(r, "alpha") || onnx_attr(r, "gamma")))
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "alpha and gamma must be the usual ones");
	return err;
}

static int hard_sigmoid(struct onnx_reader *r)
{
	float alpha = onnx_float(r, "alpha", 0.2f), beta = onnx_float(r, "beta", 0.5f);
	bool sixth = fabsf(alpha - 1.0f / 6) < 1e-6f;
	struct ak_node *n;
	int err = on_values(r, AK_OP_ACTIVATION, &n);

	if (!err && (beta != 0.5f || (!sixth && alpha != 0.2f)))
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
				"alpha %g and beta %g are none of Keras or PyTorch", (double)alpha, (double)beta);
	if (!err)
		n->act = sixth ? AK_ACT_HARD_SIGMOID6 : AK_ACT_HARD_SIGMOID;
	return err;
}

static int prelu(struct onnx_reader *r)
{
	const struct onnx_tensor *slope;
	struct ak_node *n;
	int err = onnx_constant_in(r, 1, true, &slope);

	for (size_t k = 1; !err && k < slope->count; k++)
		if (onnx_tensor_at(slope, k) != onnx_tensor_at(slope, 0))
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
					 "one slope for all channels is supported");
	if (!err && !slope->count)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_TENSOR, "its slope is empty");
	if (!err)
		err = on_values(r, AK_OP_ACTIVATION, &n);
	if (err)
		return err;
	n->act = AK_ACT_LEAKY_RELU;
	n->act_alpha = (float)onnx_tensor_at(slope, 0);
	return 0;
}

static int bound(struct onnx_reader *r, const char *name, uint32_t k, double otherwise, double *v)
{
	const struct onnx_tensor *t = NULL;
	int err = onnx_constant_in(r, k, false, &t);

	if (err)
		return err;
	if (t && t->count != 1)
		return onnx_fail(r, -EINVAL, AK_RULE_ONNX_ATTRIBUTE, "%s must be one number", name);
	*v = t ? onnx_tensor_at(t, 0) : (double)onnx_float(r, name, (float)otherwise);
	return 0;
}

static int clip(struct onnx_reader *r)
{
	double low, high;
	struct ak_node *n;
	int err = bound(r, "min", 1, -3.5e38, &low);

	if (!err)
		err = bound(r, "max", 2, 3.5e38, &high);
	if (err)
		return err;
	if (low < -3e38 && high > 3e38) {
		struct onnx_value *in;

		err = onnx_layer_in(r, 0, &in);
		if (!err)
			onnx_value_like(onnx_out(r), in, in->node);
		return err;
	}
	if (low != 0 || !(high > 0))
		return onnx_fail(
			r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE,
			"clips to %g and %g; from 0 to a positive number is a bounded ReLU, others are not read", low,
			high);
	err = on_values(r, AK_OP_RELU, &n);
	if (err)
		return err;
	n->bounded = high < 3e38;
	n->max_value = n->bounded ? (float)high : 0;
	return 0;
}

static int softmax(struct onnx_reader *r)
{
	int64_t axis = onnx_int(r, "axis", r->opset < 13 ? 1 : -1);
	struct onnx_value *in;
	uint32_t node;
	int err = onnx_layer_in(r, 0, &in);

	if (err)
		return err;
	axis += axis < 0 ? in->rank + 1 : 0;
	if (axis < 1 || axis > in->rank || (r->opset < 13 && axis != in->rank))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "axis must be the last one");
	if (!onnx_value_plain(r, in))
		err = onnx_value_order(r, in);
	if (err)
		return err;
	if (in->perm[axis - 1] != r->g->nodes[in->node].rank - 1)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_ATTRIBUTE, "axis must be that of the channels");
	err = onnx_add(r, AK_OP_SOFTMAX, &in->node, 1, &node);
	if (!err)
		onnx_value_like(onnx_out(r), in, node);
	return err;
}

/* ---- no layers ---- */

static int passed(struct onnx_reader *r)
{
	struct onnx_value *in;
	int err = onnx_layer_in(r, 0, &in);

	if (!err && r->op->n_output > 1 && strcmp(r->op->op_type, "Dropout"))
		err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "has more outputs than are read");
	if (!err) {
		onnx_value_like(onnx_out(r), in, in->node);
		in->uses += onnx_out(r)->uses ? onnx_out(r)->uses - 1 : 0; /* who takes the copy takes it */
		onnx_out(r)->uses = in->uses;
	}
	return err;
}

static int cast(struct onnx_reader *r)
{
	int64_t to = onnx_int(r, "to", 0);

	if (to != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && to != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16 &&
	    to != ONNX__TENSOR_PROTO__DATA_TYPE__DOUBLE)
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "casts computed values to integers");
	return passed(r);
}

/* What only picks or scales the winner: told, and left out, when it is the last operator. */
static int head(struct onnx_reader *r)
{
	struct onnx_value *in;
	int err = onnx_layer_in(r, 0, &in);

	if (err)
		return err;
	if (strcmp(r->op->output[0], r->proto->output[0]->name))
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "is read as the last operator only");
	ak_note(r->diag, AKIDA_NOTE, AK_RULE_ONNX_HEAD, r->name,
		"%s is left out: the outputs are those of the layer before", r->op->op_type);
	onnx_value_like(onnx_out(r), in, in->node);
	return 0;
}

/* Activations that a quantizer rounded: the float network has them unrounded. */
static int quantizer(struct onnx_reader *r)
{
	if (!r->quantizers_told)
		ak_note(r->diag, AKIDA_NOTE, AK_RULE_ONNX_QDQ, r->path,
			"quantizers of activations are left out, weights have their dequantized values: a float "
			"network");
	r->quantizers_told = true;
	return passed(r);
}

static const struct {
	const char *type;
	int (*read)(struct onnx_reader *r);
} operators[] = {
	{"Conv", onnx_conv},
	{"ConvTranspose", onnx_conv_transpose},
	{"MaxPool", onnx_pool},
	{"AveragePool", onnx_pool},
	{"GlobalAveragePool", onnx_global_pool},
	{"GlobalMaxPool", onnx_global_pool},
	{"ReduceMean", onnx_reduce_mean},
	{"Pad", onnx_pad},
	{"Gemm", gemm},
	{"MatMul", matmul},
	{"BatchNormalization", batchnorm},
	{"Add", arithmetic},
	{"Sub", arithmetic},
	{"Mul", arithmetic},
	{"Div", arithmetic},
	{"Relu", relu},
	{"Clip", clip},
	{"LeakyRelu", activation},
	{"PRelu", prelu},
	{"Sigmoid", activation},
	{"HardSigmoid", hard_sigmoid},
	{"HardSwish", activation},
	{"Tanh", activation},
	{"Elu", activation},
	{"Selu", activation},
	{"Softplus", activation},
	{"Softsign", activation},
	{"Exp", activation},
	{"Softmax", softmax},
	{"LogSoftmax", head},
	{"ArgMax", head},
	{"Concat", onnx_concat},
	{"Reshape", onnx_reshape},
	{"Flatten", onnx_flatten},
	{"Transpose", onnx_transpose},
	{"Squeeze", onnx_squeeze},
	{"Unsqueeze", onnx_unsqueeze},
	{"Identity", passed},
	{"Dropout", passed},
	{"Cast", cast},
	{"QuantizeLinear", quantizer},
	{"DequantizeLinear", quantizer},
};

int onnx_translate(struct onnx_reader *r)
{
	const char *domain = r->op->domain, *type = r->op->op_type;
	int err;

	if (domain && *domain && strcmp(domain, "ai.onnx")) {
		if (!strcmp(domain, "com.brainchip"))
			return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR,
					 "is of a network that QuantizeML has quantized; the float network is needed");
		return onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "is of a domain that is not read");
	}
	err = onnx_fold(r);
	if (err <= 0)
		return err;
	for (size_t k = 0; k < sizeof(operators) / sizeof(*operators); k++)
		if (!strcmp(type, operators[k].type))
			return operators[k].read(r);
	err = onnx_fail(r, -EOPNOTSUPP, AK_RULE_ONNX_OPERATOR, "this operator is not read");
	ak_remedy(r->diag, "docs/onnx.md lists the operators that are");
	return err;
}
