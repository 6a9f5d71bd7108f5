// SPDX-License-Identifier: MIT
/* Rewriting a graph into the elementary operations of training, see chain.h. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "chain.h"

#define STEPS_PER_NODE 3 /* separable: two convolutions and an activation */

struct builder {
	struct ak_chain *c;
	const struct akida_graph *g;
	struct akida_diag *diag;
	uint32_t *made;		     /* for each node the step with its result, or AK_CHAIN_NONE: the input's values */
	uint32_t source;	     /* step that the next one reads */
	struct ak_chain_shape shape; /* of its result */
	bool alone;		     /* nobody else reads it */
	bool weighted;		     /* a layer with weights was seen */
	bool closed;		     /* a softmax was seen: nothing may follow */
};

static int refuse(struct builder *b, const struct ak_node *n, const char *what)
{
	return ak_fail(b->diag, -EOPNOTSUPP, AK_RULE_TRAIN_LAYER, n->name, "%s: %s", ak_op_class(n->op), what);
}

static struct ak_chain_shape node_shape(const struct ak_node *n)
{
	if (n->rank == 3)
		return (struct ak_chain_shape){n->dims[0], n->dims[1], n->dims[2]};
	return (struct ak_chain_shape){1, 1, n->dims[0]};
}

static struct ak_chain_step *add_step(struct builder *b, enum ak_chain_op op, uint32_t node, struct ak_chain_shape out)
{
	struct ak_chain_step *s = &b->c->steps[b->c->count++];

	memset(s, 0, sizeof(*s));
	s->op = op;
	s->node = node;
	s->inputs[0] = b->source;
	s->input_count = 1;
	s->in = b->shape;
	s->out = out;
	s->kernel_h = s->kernel_w = s->stride_h = s->stride_w = s->dilation_h = s->dilation_w = s->groups = 1;
	s->kernel = s->bias = s->gamma = s->beta = s->mean = s->variance = AK_CHAIN_NONE;
	b->shape = out;
	b->source = b->c->count - 1;
	return s;
}

/* The step that step s reads, when s is the only one that does; else NULL. */
static struct ak_chain_step *own_source(const struct builder *b, const struct ak_chain_step *s)
{
	return b->alone && s->inputs[0] != AK_CHAIN_NONE ? &b->c->steps[s->inputs[0]] : NULL;
}

/* The newest step takes the place of the one it reads, which must be the one before it. */
static void replace(struct builder *b, struct ak_chain_step *p, const struct ak_chain_step *s)
{
	uint32_t from = p->inputs[0];

	*p = *s;
	p->inputs[0] = from;
	b->source = --b->c->count - 1;
}

static int add_param(struct builder *b, uint32_t node, const char *name, enum ak_chain_role role, size_t expect,
		     uint32_t *out)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_param *p = &b->c->params[b->c->param_count];
	uint32_t i;

	for (i = 0; i < n->weight_count; i++)
		if (!strcmp(n->weights[i].name, name))
			break;
	if (i == n->weight_count)
		return ak_fail(b->diag, -EINVAL, AK_RULE_TRAIN_LAYER, n->name, "%s: has no weight \"%s\"",
			       ak_op_class(n->op), name);
	if (n->weights[i].count != expect)
		return ak_fail(b->diag, -EINVAL, AK_RULE_TRAIN_LAYER, n->name,
			       "%s: weight \"%s\" has %zu values, not %zu", ak_op_class(n->op), name,
			       n->weights[i].count, expect);
	p->role = role;
	p->node = node;
	p->weight = i;
	p->trainable = role != AK_CHAIN_MEAN && role != AK_CHAIN_VARIANCE;
	p->count = expect;
	p->channels = (uint32_t)n->weights[i].dims[n->weights[i].rank - 1];
	*out = b->c->param_count++;
	return 0;
}

/* Padding as TensorFlow places it: the odd row or column at the end. */
static void same_padding(uint32_t in, uint32_t out, uint32_t kernel, uint32_t stride, uint32_t dilation,
			 uint32_t *begin, uint32_t *end)
{
	uint32_t reach = (out - 1) * stride + (kernel - 1) * dilation + 1;
	uint32_t all = reach > in ? reach - in : 0;

	*begin = all / 2;
	*end = all - all / 2;
}

static void window(struct ak_chain_step *s, const struct ak_node *n)
{
	s->kernel_h = n->kernel_h;
	s->kernel_w = n->kernel_w;
	s->stride_h = n->stride_h;
	s->stride_w = n->stride_w;
	s->dilation_h = n->dilation_h ? n->dilation_h : 1;
	s->dilation_w = n->dilation_w ? n->dilation_w : 1;
	if (n->same) {
		same_padding(s->in.h, s->out.h, s->kernel_h, s->stride_h, s->dilation_h, &s->pad[0], &s->pad[1]);
		same_padding(s->in.w, s->out.w, s->kernel_w, s->stride_w, s->dilation_w, &s->pad[2], &s->pad[3]);
	}
}

/* What a "same" or valid transposed convolution leaves out of all it could give: the other end of its convolution's padding. */
static void transposed_window(struct ak_chain_step *s, const struct ak_node *n)
{
	uint32_t reach_h = (s->in.h - 1) * n->stride_h + n->kernel_h,
		 reach_w = (s->in.w - 1) * n->stride_w + n->kernel_w;
	uint32_t cut_h = reach_h > s->out.h ? reach_h - s->out.h : 0,
		 cut_w = reach_w > s->out.w ? reach_w - s->out.w : 0;

	s->kernel_h = n->kernel_h;
	s->kernel_w = n->kernel_w;
	s->stride_h = n->stride_h;
	s->stride_w = n->stride_w;
	s->pad[0] = cut_h / 2;
	s->pad[1] = cut_h - cut_h / 2;
	s->pad[2] = cut_w / 2;
	s->pad[3] = cut_w - cut_w / 2;
}

/* A zero padding in front of a valid convolution is the convolution's own. */
static void absorb_padding(struct builder *b, struct ak_chain_step *s)
{
	struct ak_chain_step *p = own_source(b, s);

	if (!p || p != s - 1 || p->op != AK_CHAIN_PAD || b->g->nodes[s->node].same)
		return;
	memcpy(s->pad, p->pad, sizeof(s->pad));
	s->in = p->in;
	replace(b, p, s);
}

static int add_activation(struct builder *b, uint32_t node, enum ak_activation act)
{
	struct ak_chain_step *s;

	switch (act) {
	case AK_ACT_LINEAR:
		return 0;
	case AK_ACT_SOFTMAX:
		b->closed = true;
		return 0;
	case AK_ACT_RELU:
	case AK_ACT_RELU6:
		s = add_step(b, AK_CHAIN_ELTWISE, node, b->shape);
		s->function = act == AK_ACT_RELU ? AK_CHAIN_RELU : AK_CHAIN_CLIP;
		s->limit = 6;
		s->activation = true;
		return 0;
	case AK_ACT_SIGMOID:
	case AK_ACT_TANH:
		s = add_step(b, AK_CHAIN_ELTWISE, node, b->shape);
		s->function = act == AK_ACT_SIGMOID ? AK_CHAIN_SIGMOID : AK_CHAIN_TANH;
		return 0;
	default:
		break;
	}
	return refuse(b, &b->g->nodes[node], "this activation cannot be trained");
}

static int add_conv(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_shape out = node_shape(n);
	struct ak_chain_step *s;
	uint32_t groups = n->groups ? n->groups : 1, in_c = b->shape.c;
	bool first = !b->weighted;
	int err;

	if (n->op == AK_OP_DEPTHWISE || n->op == AK_OP_SEPARABLE) {
		uint32_t multiplier = n->depth_multiplier ? n->depth_multiplier : 1;
		struct ak_chain_shape mid = {out.h, out.w, in_c * multiplier};

		s = add_step(b, AK_CHAIN_CONV, node, mid);
		window(s, n);
		s->groups = in_c;
		err = add_param(b, node, "depthwise_kernel", AK_CHAIN_KERNEL, (size_t)s->kernel_h * s->kernel_w * mid.c,
				&s->kernel);
		if (err)
			return err;
		b->c->params[s->kernel].depthwise = true;
		b->c->params[s->kernel].first = first;
		if (n->op == AK_OP_DEPTHWISE && n->use_bias)
			err = add_param(b, node, "bias", AK_CHAIN_BIAS, mid.c, &s->bias);
		absorb_padding(b, s);
		if (err || n->op == AK_OP_DEPTHWISE)
			return err;
		s = add_step(b, AK_CHAIN_CONV, node, out);
		err = add_param(b, node, "pointwise_kernel", AK_CHAIN_KERNEL, (size_t)mid.c * out.c, &s->kernel);
	} else {
		s = add_step(b, AK_CHAIN_CONV, node, out);
		if (n->op == AK_OP_CONV2D) {
			window(s, n);
			s->groups = groups;
		}
		err = add_param(b, node, "kernel", AK_CHAIN_KERNEL,
				(size_t)s->kernel_h * s->kernel_w * (in_c / groups) * out.c, &s->kernel);
	}
	if (err)
		return err;
	b->c->params[s->kernel].first = first;
	if (n->use_bias) {
		err = add_param(b, node, "bias", AK_CHAIN_BIAS, out.c, &s->bias);
		if (err)
			return err;
	}
	if (n->op == AK_OP_CONV2D)
		absorb_padding(b, s);
	return 0;
}

/* Transposed convolutions: (kh, kw, filters, channels), or a depthwise kernel. */
static int add_transposed(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_shape out = node_shape(n), in = b->shape;
	bool depthwise = n->op == AK_OP_DEPTHWISE_TRANSPOSE;
	struct ak_chain_step *s;
	int err;

	if (n->dilation_h > 1 || n->dilation_w > 1)
		return refuse(b, n, "a dilation cannot be trained");
	if ((in.h - 1) * n->stride_h + n->kernel_h < out.h || (in.w - 1) * n->stride_w + n->kernel_w < out.w)
		return refuse(b, n, "a kernel smaller than its stride cannot be trained");
	s = add_step(b, AK_CHAIN_DECONV, node, out);
	transposed_window(s, n);
	s->groups = depthwise ? in.c : 1;
	err = add_param(b, node, depthwise ? "depthwise_kernel" : "kernel", AK_CHAIN_KERNEL,
			(size_t)s->kernel_h * s->kernel_w * out.c * (in.c / s->groups), &s->kernel);
	if (err)
		return err;
	/* quantized with one scale: its filters are not its last axis */
	b->c->params[s->kernel].depthwise = true;
	b->c->params[s->kernel].first = !b->weighted;
	return n->use_bias ? add_param(b, node, "bias", AK_CHAIN_BIAS, out.c, &s->bias) : 0;
}

static int add_dense(struct builder *b, uint32_t node, const struct ak_node *before)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s, *p;
	struct ak_chain_shape in = b->shape;
	int err;

	if (before->rank == 3 && before->dims[0] * before->dims[1] > 1)
		return add_conv(b, node);
	s = add_step(b, AK_CHAIN_DENSE, node, node_shape(n));
	p = own_source(b, s);
	if (p && p == s - 1 && p->op == AK_CHAIN_RESHAPE && p->out.h == 1 && p->out.w == 1) {
		in = s->in = p->in;
		replace(b, p, s);
		s = p;
	}
	err = add_param(b, node, "kernel", AK_CHAIN_KERNEL, (size_t)in.h * in.w * in.c * s->out.c, &s->kernel);
	if (err)
		return err;
	b->c->params[s->kernel].first = !b->weighted;
	return n->use_bias ? add_param(b, node, "bias", AK_CHAIN_BIAS, s->out.c, &s->bias) : 0;
}

static int add_norm(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s = add_step(b, AK_CHAIN_NORM, node, b->shape);
	uint32_t c = s->in.c;
	int err = 0;

	s->epsilon = n->epsilon;
	s->momentum = n->momentum;
	if (n->scale_on)
		err = add_param(b, node, "gamma", AK_CHAIN_GAMMA, c, &s->gamma);
	if (!err && n->center)
		err = add_param(b, node, "beta", AK_CHAIN_BETA, c, &s->beta);
	if (!err)
		err = add_param(b, node, "moving_mean", AK_CHAIN_MEAN, c, &s->mean);
	return err ? err : add_param(b, node, "moving_variance", AK_CHAIN_VARIANCE, c, &s->variance);
}

static int add_relu(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s = add_step(b, AK_CHAIN_ELTWISE, node, b->shape);

	if (n->relu_threshold != 0)
		return refuse(b, n, "a threshold other than 0 cannot be trained");
	if (n->bounded && n->negative_slope != 0)
		return refuse(b, n, "max_value together with negative_slope cannot be trained");
	s->function = n->bounded ? AK_CHAIN_CLIP : AK_CHAIN_RELU;
	s->alpha = n->negative_slope;
	s->limit = n->max_value;
	s->activation = n->negative_slope == 0;
	return 0;
}

static int add_maxpool(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s = add_step(b, AK_CHAIN_MAXPOOL, node, node_shape(n)), *p = own_source(b, s), swap;
	uint32_t from, own = b->source;

	window(s, n);
	if (p && p == s - 1 && p->op == AK_CHAIN_ELTWISE &&
	    (p->function == AK_CHAIN_CLIP || (p->function == AK_CHAIN_RELU && p->alpha >= 0))) {
		swap = *p;
		from = p->inputs[0];
		swap.in = swap.out = s->out;
		*p = *s;
		p->inputs[0] = from;
		*s = swap;
		s->inputs[0] = own - 1;
	}
	return 0;
}

/* An addition or a concatenation of the results of other nodes. */
static int add_meeting(struct builder *b, uint32_t node)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s;
	uint32_t i;

	if (n->op == AK_OP_ADD && n->average)
		return refuse(b, n, "half of the sum cannot be trained");
	if (n->rank != 1 && n->rank != 3)
		return refuse(b, n, "only shapes (n) and (h, w, c) can be trained");
	s = add_step(b, n->op == AK_OP_ADD ? AK_CHAIN_ADD : AK_CHAIN_CONCAT, node, node_shape(n));
	s->axis = n->rank == 3 ? n->axis : 2;
	s->input_count = n->input_count;
	for (i = 0; i < n->input_count; i++)
		s->inputs[i] = b->made[n->inputs[i]];
	return 0;
}

static int add_node(struct builder *b, uint32_t node, const struct ak_node *before)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s;
	uint32_t was = b->c->param_count;
	int err = 0;

	if (b->closed && n->op != AK_OP_DROPOUT && n->op != AK_OP_FLATTEN && n->op != AK_OP_RESHAPE)
		return refuse(b, n, "follows a softmax, which training allows at the end only");
	switch (n->op) {
	case AK_OP_RESCALING:
		if (n->scale_channels)
			return refuse(b, n, "scales each channel in its own way, which cannot be trained");
		if (b->source == AK_CHAIN_NONE && b->alone && b->c->scale == 1 && b->c->offset == 0) {
			b->c->scale = n->scale;
			b->c->offset = n->offset;
			break;
		}
		s = add_step(b, AK_CHAIN_ELTWISE, node, b->shape);
		s->function = AK_CHAIN_LINEAR;
		s->alpha = n->scale;
		s->limit = n->offset;
		break;
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		err = add_conv(b, node);
		break;
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		err = add_transposed(b, node);
		break;
	case AK_OP_ADD:
	case AK_OP_CONCATENATE:
		err = add_meeting(b, node);
		break;
	case AK_OP_DENSE:
		err = add_dense(b, node, before);
		break;
	case AK_OP_BATCHNORM:
		err = add_norm(b, node);
		break;
	case AK_OP_RELU:
		err = add_relu(b, node);
		break;
	case AK_OP_ACTIVATION:
		err = add_activation(b, node, n->act);
		break;
	case AK_OP_SOFTMAX:
		b->closed = true;
		break;
	case AK_OP_MAXPOOL:
		err = add_maxpool(b, node);
		break;
	case AK_OP_AVGPOOL:
		s = add_step(b, AK_CHAIN_AVGPOOL, node, node_shape(n));
		window(s, n);
		break;
	case AK_OP_GAP:
		s = add_step(b, AK_CHAIN_AVGPOOL, node, (struct ak_chain_shape){1, 1, b->shape.c});
		s->kernel_h = s->in.h;
		s->kernel_w = s->in.w;
		break;
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE: {
		struct ak_chain_shape out = node_shape(n);

		if (n->rank != 1 && n->rank != 3)
			return refuse(b, n, "only shapes (n) and (h, w, c) can be trained");
		if (out.h != b->shape.h || out.w != b->shape.w || out.c != b->shape.c)
			add_step(b, AK_CHAIN_RESHAPE, node, out);
		break;
	}
	case AK_OP_DROPOUT:
		if (n->rate > 0) {
			s = add_step(b, AK_CHAIN_DROPOUT, node, b->shape);
			s->rate = n->rate;
		}
		break;
	case AK_OP_ZEROPAD:
		s = add_step(b, AK_CHAIN_PAD, node, node_shape(n));
		memcpy(s->pad, n->pad, sizeof(s->pad));
		break;
	default:
		return refuse(b, n, "cannot be trained");
	}
	if (err)
		return err;
	if (b->c->param_count != was)
		b->weighted = true;
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
	case AK_OP_DENSE:
		return add_activation(b, node, n->act);
	default:
		return 0;
	}
}

/* The place in the network where node i goes on: what it reads, of which shape, and whether it alone does. */
static void go_to(struct builder *b, uint32_t i)
{
	uint32_t from = b->g->nodes[i].inputs[0], others[1];

	b->source = b->made[from];
	b->shape = node_shape(&b->g->nodes[from]);
	b->alone = ak_graph_consumers(b->g, from, others, 1) == 1;
	/* nodes without a step of their own pass on what others may read, too */
	while (from && b->made[b->g->nodes[from].inputs[0]] == b->source) {
		from = b->g->nodes[from].inputs[0];
		b->alone = b->alone && ak_graph_consumers(b->g, from, others, 1) == 1;
	}
}

static int add_all(struct builder *b)
{
	const struct akida_graph *g = b->g;
	uint32_t i, others[1];
	int err;

	b->made[0] = AK_CHAIN_NONE;
	for (i = 1; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];

		if (n->quant.active || n->op == AK_OP_DEQUANTIZER)
			return refuse(b, n, "is quantized; training takes the float network");
		if (n->op == AK_OP_INPUT)
			return ak_fail(b->diag, -EOPNOTSUPP, AK_RULE_TRAIN_BRANCH, n->name,
				       "is a second input; training takes networks with one");
		if (i != g->output && !ak_graph_consumers(g, i, others, 1))
			return ak_fail(b->diag, -EOPNOTSUPP, AK_RULE_TRAIN_BRANCH, n->name,
				       "%s: is the end of a branch that does not lead to the output",
				       ak_op_class(n->op));
		go_to(b, i);
		err = add_node(b, i, &g->nodes[n->inputs[0]]);
		if (err)
			return err;
		b->made[i] = b->source;
	}
	return 0;
}

int ak_chain_init(struct ak_chain *c, const struct akida_graph *g, struct akida_diag *diag)
{
	struct builder b = {.c = c, .g = g, .diag = diag};
	uint32_t i;
	int err;

	memset(c, 0, sizeof(*c));
	if (g->count < 2 || g->nodes[0].op != AK_OP_INPUT)
		return ak_fail(diag, -EINVAL, AK_RULE_TRAIN_LAYER, g->name, "needs an input and at least one layer");
	if (g->nodes[0].rank != 1 && g->nodes[0].rank != 3)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_TRAIN_LAYER, g->nodes[0].name,
			       "only inputs of shape (n) and (h, w, c) can be trained, not of rank %u",
			       g->nodes[0].rank);
	c->graph = g;
	c->scale = 1;
	c->steps = calloc((size_t)g->count * STEPS_PER_NODE, sizeof(*c->steps));
	c->params = calloc((size_t)g->count * AK_MAX_WEIGHTS, sizeof(*c->params));
	if (!c->steps || !c->params) {
		ak_chain_fini(c);
		return -ENOMEM;
	}
	c->input = b.shape = node_shape(&g->nodes[0]);
	b.made = calloc(g->count, sizeof(*b.made));
	err = b.made ? add_all(&b) : -ENOMEM;
	free(b.made);
	if (err) {
		ak_chain_fini(c);
		return err;
	}
	c->outputs = b.shape.h * b.shape.w * b.shape.c;
	for (i = 0, err = 1; i < c->param_count; i++)
		if (c->params[i].trainable)
			err = 0;
	if (err || g->output != g->count - 1) {
		ak_chain_fini(c);
		return ak_fail(diag, -EOPNOTSUPP, err ? AK_RULE_TRAIN_LAYER : AK_RULE_TRAIN_BRANCH, g->name,
			       err ? "has no weights to train" : "its output is not its last layer");
	}
	return 0;
}

void ak_chain_fini(struct ak_chain *c)
{
	free(c->steps);
	free(c->params);
	memset(c, 0, sizeof(*c));
}
