// SPDX-License-Identifier: MIT
/* Rewriting a sequential graph into the elementary operations of training, see chain.h. */
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
	struct ak_chain_shape shape; /* of the newest step */
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
	s->in = b->shape;
	s->out = out;
	s->kernel_h = s->kernel_w = s->stride_h = s->stride_w = s->dilation_h = s->dilation_w = s->groups = 1;
	s->kernel = s->bias = s->gamma = s->beta = s->mean = s->variance = AK_CHAIN_NONE;
	b->shape = out;
	return s;
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

/* A zero padding in front of a valid convolution is the convolution's own. */
static void absorb_padding(struct builder *b, struct ak_chain_step *s)
{
	struct ak_chain_step *p = s - 1;

	if (s == b->c->steps || p->op != AK_CHAIN_PAD || b->g->nodes[s->node].same)
		return;
	memcpy(s->pad, p->pad, sizeof(s->pad));
	s->in = p->in;
	*p = *s;
	b->c->count--;
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

static int add_dense(struct builder *b, uint32_t node, const struct ak_node *before)
{
	const struct ak_node *n = &b->g->nodes[node];
	struct ak_chain_step *s = b->c->count ? &b->c->steps[b->c->count - 1] : NULL;
	struct ak_chain_shape in = b->shape;
	int err;

	if (before->rank == 3 && before->dims[0] * before->dims[1] > 1)
		return add_conv(b, node);
	if (s && s->op == AK_CHAIN_RESHAPE && s->out.h == 1 && s->out.w == 1) {
		in = b->shape = s->in;
		b->c->count--;
	}
	s = add_step(b, AK_CHAIN_DENSE, node, node_shape(n));
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
	struct ak_chain_step *s = add_step(b, AK_CHAIN_MAXPOOL, node, node_shape(n)), swap;

	window(s, n);
	if (s > b->c->steps && s[-1].op == AK_CHAIN_ELTWISE &&
	    (s[-1].function == AK_CHAIN_CLIP || (s[-1].function == AK_CHAIN_RELU && s[-1].alpha >= 0))) {
		swap = s[-1];
		swap.in = swap.out = s->out;
		s[-1] = *s;
		s[0] = swap;
	}
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
		if (!b->c->count && b->c->scale == 1 && b->c->offset == 0) {
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
	if (n->op == AK_OP_CONV2D || n->op == AK_OP_SEPARABLE || n->op == AK_OP_DEPTHWISE || n->op == AK_OP_DENSE)
		return add_activation(b, node, n->act);
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
	for (i = 1; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];

		if (n->quant.active || n->op == AK_OP_DEQUANTIZER)
			err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_TRAIN_LAYER, n->name,
				      "%s: is quantized; training takes the float network", ak_op_class(n->op));
		else if (n->op == AK_OP_INPUT || n->input_count != 1 || n->inputs[0] != i - 1)
			err = ak_fail(diag, -EOPNOTSUPP, AK_RULE_TRAIN_BRANCH, n->name,
				      "%s: is part of a branch; training takes a single chain of layers",
				      ak_op_class(n->op));
		else
			err = add_node(&b, i, &g->nodes[i - 1]);
		if (err) {
			ak_chain_fini(c);
			return err;
		}
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
