// SPDX-License-Identifier: MIT
/* The networks this library brings along, with initial weights: Glorot uniform kernels, zero biases, unit norms (Keras). */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <akida/train.h>
#include "base/diag.h"
#include "graph/graph.h"
#include "random.h"

/* Appends to the end of the chain; every function below returns 0 or -ENOMEM. */
static struct ak_node *append(struct akida_graph *g, enum ak_op op, const char *name)
{
	uint32_t last = g->count ? g->count - 1 : 0;
	struct ak_node *n = ak_graph_add(g, op, name, &last, g->count ? 1 : 0);

	if (n)
		g->output = g->count - 1;
	return n;
}

static int add_weight(struct ak_node *n, const char *name, uint32_t rank, const size_t *dims, float value)
{
	struct ak_weight *w;
	int err = ak_node_add_weight(n, name, rank, dims, &w);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < w->count; i++)
		w->data[i] = value;
	return 0;
}

static int add_kernel(struct ak_node *n, const char *name, uint32_t rank, const size_t *dims, struct ak_random *r)
{
	size_t receptive = rank == 4 ? dims[0] * dims[1] : 1, i;
	struct ak_weight *w;
	float limit = sqrtf(6.0f / (float)(receptive * (dims[rank - 2] + dims[rank - 1])));
	int err = ak_node_add_weight(n, name, rank, dims, &w);

	if (err)
		return err;
	for (i = 0; i < w->count; i++)
		w->data[i] = (2 * ak_random_unit(r) - 1) * limit;
	return 0;
}

static int add_input(struct akida_graph *g, uint32_t h, uint32_t w, uint32_t c)
{
	struct ak_node *n = append(g, AK_OP_INPUT, "input");

	if (!n)
		return -ENOMEM;
	n->rank = 3;
	n->dims[0] = h;
	n->dims[1] = w;
	n->dims[2] = c;
	n->input_u8 = true;
	n = append(g, AK_OP_RESCALING, "rescaling");
	if (!n)
		return -ENOMEM;
	n->scale = 1.0f / 255;
	return 0;
}

static void window(struct ak_node *n, uint32_t kernel, uint32_t stride)
{
	n->kernel_h = n->kernel_w = kernel;
	n->stride_h = n->stride_w = stride;
	n->dilation_h = n->dilation_w = n->groups = 1;
	n->same = true;
}

static int add_conv(struct akida_graph *g, const char *name, uint32_t kernel, uint32_t in, uint32_t filters,
		    uint32_t stride, bool bias, struct ak_random *r)
{
	struct ak_node *n = append(g, AK_OP_CONV2D, name);
	int err;

	if (!n)
		return -ENOMEM;
	n->filters = filters;
	window(n, kernel, stride);
	n->use_bias = bias;
	err = add_kernel(n, "kernel", 4, (size_t[]){kernel, kernel, in, filters}, r);
	return err || !bias ? err : add_weight(n, "bias", 1, (size_t[]){filters}, 0);
}

static int add_separable(struct akida_graph *g, const char *name, uint32_t kernel, uint32_t in, uint32_t filters,
			 uint32_t stride, struct ak_random *r)
{
	struct ak_node *n = append(g, AK_OP_SEPARABLE, name);
	int err;

	if (!n)
		return -ENOMEM;
	n->filters = filters;
	n->depth_multiplier = 1;
	window(n, kernel, stride);
	err = add_kernel(n, "depthwise_kernel", 4, (size_t[]){kernel, kernel, in, 1}, r);
	return err ? err : add_kernel(n, "pointwise_kernel", 4, (size_t[]){1, 1, in, filters}, r);
}

static int add_norm(struct akida_graph *g, const char *name, uint32_t channels)
{
	static const struct {
		const char *name;
		float value;
	} weight[] = {{"gamma", 1}, {"beta", 0}, {"moving_mean", 0}, {"moving_variance", 1}};
	struct ak_node *n = append(g, AK_OP_BATCHNORM, name);
	int err = 0;
	size_t i;

	if (!n)
		return -ENOMEM;
	n->epsilon = 1e-3f;
	n->momentum = 0.9f; /* not 0.99: short trainings should end with statistics of their last weights */
	n->center = n->scale_on = true;
	for (i = 0; i < sizeof(weight) / sizeof(weight[0]) && !err; i++)
		err = add_weight(n, weight[i].name, 1, (size_t[]){channels}, weight[i].value);
	return err;
}

static int add_relu(struct akida_graph *g, const char *name, float max_value)
{
	struct ak_node *n = append(g, AK_OP_RELU, name);

	if (!n)
		return -ENOMEM;
	n->bounded = true;
	n->max_value = max_value;
	return 0;
}

static int add_maxpool(struct akida_graph *g, const char *name, uint32_t size)
{
	struct ak_node *n = append(g, AK_OP_MAXPOOL, name);

	if (!n)
		return -ENOMEM;
	window(n, size, size);
	return 0;
}

static int add_dense(struct akida_graph *g, const char *name, uint32_t in, uint32_t units, struct ak_random *r)
{
	struct ak_node *n = append(g, AK_OP_DENSE, name);
	int err;

	if (!n)
		return -ENOMEM;
	n->filters = units;
	n->use_bias = true;
	err = add_kernel(n, "kernel", 2, (size_t[]){in, units}, r);
	return err ? err : add_weight(n, "bias", 1, (size_t[]){units}, 0);
}

static int add_plain(struct akida_graph *g, enum ak_op op, const char *name)
{
	return append(g, op, name) ? 0 : -ENOMEM;
}

/* The network of the seed assignment (reference model-zoo 8.2): 10,330 parameters. */
static int build_mnist(struct akida_graph *g, struct ak_random *r)
{
	int err = add_input(g, 28, 28, 1);

	err = err ? err : add_conv(g, "conv_1", 3, 1, 16, 1, true, r);
	err = err ? err : add_relu(g, "conv_1/relu", 3);
	err = err ? err : add_maxpool(g, "conv_1/maxpool", 2);
	err = err ? err : add_conv(g, "conv_2", 3, 16, 16, 1, true, r);
	err = err ? err : add_relu(g, "conv_2/relu", 3);
	err = err ? err : add_maxpool(g, "conv_2/maxpool", 2);
	err = err ? err : add_plain(g, AK_OP_FLATTEN, "flatten");
	return err ? err : add_dense(g, "dense", 784, 10, r);
}

/*
 * Made of what was decoded from vendor programs only (reference nsoc-hardware 17 and 24): one-channel 3x3 stride-2
 * input convolution with 16 filters, 3x3 convolution, separable convolutions of stride 2 and 1, global average pooling
 * in front of the activation, fully connected layer with 64 inputs.
 */
static int build_first_light(struct akida_graph *g, struct ak_random *r)
{
	int err = add_input(g, 28, 28, 1);

	err = err ? err : add_conv(g, "conv_0", 3, 1, 16, 2, false, r);
	err = err ? err : add_norm(g, "conv_0/BN", 16);
	err = err ? err : add_relu(g, "conv_0/relu", 6);
	err = err ? err : add_conv(g, "conv_1", 3, 16, 32, 1, false, r);
	err = err ? err : add_norm(g, "conv_1/BN", 32);
	err = err ? err : add_relu(g, "conv_1/relu", 6);
	err = err ? err : add_separable(g, "separable_2", 3, 32, 64, 2, r);
	err = err ? err : add_norm(g, "separable_2/BN", 64);
	err = err ? err : add_relu(g, "separable_2/relu", 6);
	err = err ? err : add_separable(g, "separable_3", 3, 64, 64, 1, r);
	err = err ? err : add_plain(g, AK_OP_GAP, "separable_3/global_avg");
	err = err ? err : add_norm(g, "separable_3/BN", 64);
	err = err ? err : add_relu(g, "separable_3/relu", 6);
	return err ? err : add_dense(g, "dense", 64, 10, r);
}

/* One layer of a network in words: c5x16s2p2r6n, s3x32, d10. */
struct word {
	char kind;
	uint32_t kernel, filters, stride, pool;
	float relu;
	bool norm, average;
};

/* A number from 1 to max at *p, which moves behind it; 0 otherwise. */
static uint32_t number(const char **p, uint32_t max)
{
	uint32_t v = 0;

	while (**p >= '0' && **p <= '9' && v <= max)
		v = v * 10 + (uint32_t)(*(*p)++ - '0');
	return v <= max ? v : 0;
}

static bool parse_word(const char **p, struct word *w)
{
	memset(w, 0, sizeof(*w));
	w->stride = 1;
	w->kind = **p;
	if (w->kind != 'c' && w->kind != 's' && w->kind != 'd')
		return false;
	(*p)++;
	if (w->kind != 'd') {
		w->kernel = number(p, 7);
		if (!w->kernel || *(*p)++ != 'x')
			return false;
	}
	w->filters = number(p, 1024);
	if (!w->filters)
		return false;
	for (; **p && **p != '-';) {
		char option = *(*p)++;

		if (option == 'n' || option == 'g') {
			w->norm |= option == 'n';
			w->average |= option == 'g';
			continue;
		}
		if (option == 's')
			w->stride = number(p, 3);
		else if (option == 'p')
			w->pool = number(p, 3);
		else if (option == 'r')
			w->relu = (float)number(p, 255);
		else
			return false;
		if ((*p)[-1] < '0' || (*p)[-1] > '9' || !w->stride)
			return false;
	}
	return w->kind != 'd' || (w->stride == 1 && !w->pool && !w->average);
}

/* A global average leaves a vector: back to a map of one position. */
static int add_map(struct akida_graph *g, uint32_t channels)
{
	struct ak_node *n;

	if (g->nodes[g->count - 1].op != AK_OP_GAP && (g->count < 2 || g->nodes[g->count - 2].op != AK_OP_GAP) &&
	    (g->count < 3 || g->nodes[g->count - 3].op != AK_OP_GAP))
		return 0;
	n = append(g, AK_OP_RESHAPE, "map");
	if (!n)
		return -ENOMEM;
	n->rank = 3;
	n->dims[0] = n->dims[1] = 1;
	n->dims[2] = channels;
	return 0;
}

/* h, w, c of the newest layer's output go into shape. */
static int add_word(struct akida_graph *g, const struct word *w, unsigned int index, uint32_t shape[3],
		    struct ak_random *r)
{
	char name[40], part[64];
	int err;

	snprintf(name, sizeof(name), "%s_%u", w->kind == 'c' ? "conv" : w->kind == 's' ? "separable" : "dense", index);
	if (w->kind == 'd') {
		uint32_t in = shape[0] * shape[1] * shape[2];

		err = shape[0] * shape[1] > 1 ? add_plain(g, AK_OP_FLATTEN, "flatten") : 0;
		err = err ? err : add_dense(g, name, in, w->filters, r);
		shape[0] = shape[1] = 1;
	} else {
		err = add_map(g, shape[2]);
		if (err)
			return err;
		err = w->kind == 'c' ? add_conv(g, name, w->kernel, shape[2], w->filters, w->stride, !w->norm, r)
				     : add_separable(g, name, w->kernel, shape[2], w->filters, w->stride, r);
		shape[0] = (shape[0] + w->stride - 1) / w->stride;
		shape[1] = (shape[1] + w->stride - 1) / w->stride;
	}
	shape[2] = w->filters;
	if (!err && w->pool) {
		snprintf(part, sizeof(part), "%s/maxpool", name);
		err = add_maxpool(g, part, w->pool);
		shape[0] = (shape[0] + w->pool - 1) / w->pool;
		shape[1] = (shape[1] + w->pool - 1) / w->pool;
	}
	if (!err && w->average) {
		snprintf(part, sizeof(part), "%s/global_avg", name);
		err = add_plain(g, AK_OP_GAP, part);
		shape[0] = shape[1] = 1;
	}
	if (!err && w->norm) {
		snprintf(part, sizeof(part), "%s/BN", name);
		err = add_norm(g, part, w->filters);
	}
	if (!err && w->relu > 0) {
		snprintf(part, sizeof(part), "%s/relu", name);
		err = add_relu(g, part, w->relu);
	}
	return err;
}

/* -ENOENT when text does not describe a network. */
static int build_text(struct akida_graph *g, const char *text, struct ak_random *r)
{
	uint32_t shape[3] = {28, 28, 1};
	unsigned int index = 0;
	bool flat = false;
	struct word w;
	int err;

	if (*text == 'i') {
		text++;
		for (int i = 0; i < 3; i++) {
			shape[i] = number(&text, 4096);
			if (!shape[i] || *text++ != (i < 2 ? 'x' : '-'))
				return -ENOENT;
		}
	}
	err = add_input(g, shape[0], shape[1], shape[2]);

	while (!err) {
		if (!parse_word(&text, &w) || (flat && w.kind != 'd'))
			return -ENOENT;
		flat = w.kind == 'd';
		err = add_word(g, &w, ++index, shape, r);
		if (!*text)
			return err;
		if (*text++ != '-')
			return -ENOENT;
	}
	return err;
}

static const struct {
	const char *name;
	int (*build)(struct akida_graph *g, struct ak_random *r);
} networks[] = {
	{"mnist", build_mnist},
	{"first-light", build_first_light},
};

int akida_network_create(const char *name, uint64_t seed, struct akida_graph **out, struct akida_diag *diag)
{
	struct ak_random r = ak_random_stream(seed, 1);
	size_t i, count = sizeof(networks) / sizeof(networks[0]);
	struct akida_graph *g = NULL;
	int err;

	for (i = 0; i < count; i++)
		if (!strcmp(networks[i].name, name))
			break;
	err = ak_graph_create(i < count ? name : "network", &g);
	if (err)
		return err;
	g->sequential = true;
	err = i < count ? networks[i].build(g, &r) : build_text(g, name, &r);
	if (err == -ENOENT) {
		ak_fail(diag, -ENOENT, AK_RULE_TRAIN_NETWORK, name, "no network of this name, nor layers in words");
		ak_remedy(diag, "use mnist, first-light, or words such as c5x16s2n-s3x32p2r6n-d10");
	}
	if (!err)
		err = ak_graph_finish(g, diag);
	if (err) {
		akida_graph_destroy(g);
		return err;
	}
	*out = g;
	return 0;
}
