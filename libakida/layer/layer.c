/* SPDX-License-Identifier: MIT */
/*
 * Layers as objects: allocation, parameter and value checks, output shapes, and models as chains of layers. What a
 * layer computes is in semantics.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/layer.h"
#include "layer/learn.h"
#include "layer/v2.h"

#define MAX_KERNEL 16u

uint32_t ak_same_out(uint32_t n, uint32_t s)
{
	return (uint32_t)(((uint64_t)n + s - 1) / s);
}

uint32_t ak_same_pad_before(uint32_t n, uint32_t k, uint32_t s)
{
	uint64_t reach = (uint64_t)(ak_same_out(n, s) - 1) * s + k;

	return reach > n ? (uint32_t)((reach - n) / 2) : 0;
}

static bool has_kernel(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_INPUT_CONV || l->type == AKIDA_LAYER_CONV || l->type == AKIDA_LAYER_SEPARABLE;
}

size_t ak_layer_weight_count(const struct akida_layer *l)
{
	if (ak_layer_is_v2(l))
		return ak_v2_weight_count(l);
	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV:
	case AKIDA_LAYER_CONV:
		return (size_t)l->kernel_h * l->kernel_w * l->in_c * l->filters;
	case AKIDA_LAYER_SEPARABLE:
		return (size_t)l->kernel_h * l->kernel_w * l->in_c;
	case AKIDA_LAYER_FULLY:
		return (size_t)l->in_h * l->in_w * l->in_c * l->filters;
	default:
		return 0;
	}
}

size_t ak_layer_weight_pw_count(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_SEPARABLE ? (size_t)l->in_c * l->filters : 0;
}

int ak_layer_alloc(struct akida_layer *l)
{
	size_t w = ak_layer_weight_count(l), pw = ak_layer_weight_pw_count(l);

	ak_layer_fini(l);
	if (l->type == AKIDA_LAYER_INPUT_DATA)
		return 0;
	l->weights = calloc(w ? w : 1, 1);
	l->threshold = calloc(l->filters ? l->filters : 1, sizeof(*l->threshold));
	l->step16 = calloc(l->filters ? l->filters : 1, sizeof(*l->step16));
	if (pw)
		l->weights_pw = calloc(pw, 1);
	if (!l->activation)
		l->scale = calloc(l->filters ? l->filters : 1, sizeof(*l->scale));
	if (l->weights && l->threshold && l->step16 && (!pw || l->weights_pw) && (l->activation || l->scale))
		return 0;
	ak_layer_fini(l);
	return -ENOMEM;
}

void ak_layer_fini(struct akida_layer *l)
{
	ak_v2_fini(l); /* with the weights */
	ak_learning_free(l->learning);
	l->learning = NULL;
	if (!l->borrowed) {
		free(l->weights);
		free(l->weights_pw);
		free(l->threshold);
		free(l->step16);
		free(l->scale);
	}
	l->borrowed = false;
	l->weights = l->weights_pw = NULL;
	l->threshold = l->step16 = NULL;
	l->scale = NULL;
}

static int copy_learning(const struct akida_layer *from, struct akida_layer *to)
{
	const struct ak_learning *s = from->learning;
	struct akida_learning_params p = {.size = sizeof(p)};
	size_t bytes = from->filters * sizeof(int32_t);

	if (!s)
		return 0;
	if (ak_learning_alloc(to, &p))
		return -ENOMEM;
	memcpy(to->learning->threshold, s->threshold, bytes);
	memcpy(to->learning->swaps, s->swaps, bytes);
	to->learning->num_weights = s->num_weights;
	to->learning->num_classes = s->num_classes;
	to->learning->initial_plasticity = s->initial_plasticity;
	to->learning->competition = s->competition;
	to->learning->min_plasticity = s->min_plasticity;
	to->learning->plasticity_decay = s->plasticity_decay;
	to->learning->random = s->random;
	return 0;
}

int ak_layer_copy(const struct akida_layer *from, struct akida_layer *to)
{
	size_t f = from->filters * sizeof(int32_t);

	*to = *from;
	to->weights = to->weights_pw = NULL;
	to->threshold = to->step16 = NULL;
	to->scale = NULL;
	to->learning = NULL;
	to->borrowed = false;
	if (from->type == AKIDA_LAYER_INPUT_DATA)
		return 0;
	if (ak_layer_alloc(to))
		return -ENOMEM;
	memcpy(to->weights, from->weights, ak_layer_weight_count(from));
	if (to->weights_pw)
		memcpy(to->weights_pw, from->weights_pw, ak_layer_weight_pw_count(from));
	memcpy(to->threshold, from->threshold, f);
	memcpy(to->step16, from->step16, f);
	if (to->scale)
		memcpy(to->scale, from->scale, from->filters * sizeof(*to->scale));
	if (!copy_learning(from, to))
		return 0;
	ak_layer_fini(to);
	return -ENOMEM;
}

/* One refused field; text, value and limit say the same thing to people and to programs. */
static int refuse(struct akida_diag *diag, enum ak_rule rule, const struct akida_layer *l, const char *field,
		  int64_t value, const char *limit)
{
	char v[24], text[256];

	snprintf(v, sizeof(v), "%" PRId64, value);
	snprintf(text, sizeof(text), "%.63s: %s is %s, allowed: %s", l->name, field, v, limit);
	ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
					       .rule = rule,
					       .node = l->name,
					       .field = field,
					       .value = v,
					       .limit = limit,
					       .text = text});
	return -EINVAL;
}

static int check_range(struct akida_diag *diag, enum ak_rule rule, const struct akida_layer *l, const char *field,
		       int64_t value, int64_t low, int64_t high)
{
	char limit[48];

	if (value >= low && value <= high)
		return 0;
	snprintf(limit, sizeof(limit), "%" PRId64 " to %" PRId64, low, high);
	return refuse(diag, rule, l, field, value, limit);
}

static int check_params(const struct akida_layer *l, struct akida_diag *diag)
{
	bool input = l->type == AKIDA_LAYER_INPUT_CONV;
	int err;

	if (!memchr(l->name, 0, sizeof(l->name)))
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, NULL, "a layer's name is not terminated");
	if (l->type < AKIDA_LAYER_INPUT_DATA || l->type > AKIDA_LAYER_SEPARABLE)
		return refuse(diag, AK_RULE_LAYER_PARAM, l, "type", l->type, "1 to 5");
	if ((err = check_range(diag, AK_RULE_LAYER_SHAPE, l, "input height", l->in_h, 1, AK_MAX_DIM)) ||
	    (err = check_range(diag, AK_RULE_LAYER_SHAPE, l, "input width", l->in_w, 1, AK_MAX_DIM)) ||
	    (err = check_range(diag, AK_RULE_LAYER_SHAPE, l, "input channels", l->in_c, 1,
			       l->type == AKIDA_LAYER_FULLY ? 1 << 20 : AK_MAX_CHANNELS)))
		return err;
	if (input ? l->in_bits != 8 : l->in_bits != 1 && l->in_bits != 2 && l->in_bits != 4)
		return refuse(diag, AK_RULE_LAYER_PARAM, l, "input bits", l->in_bits, input ? "8" : "1, 2, 4");
	if (l->type == AKIDA_LAYER_INPUT_DATA)
		return 0;
	if ((err = check_range(diag, AK_RULE_LAYER_SHAPE, l, "filters", l->filters, 1,
			       l->type == AKIDA_LAYER_FULLY ? AK_MAX_UNITS : AK_MAX_CHANNELS)))
		return err;
	if (l->weights_bits != 1 && l->weights_bits != 2 && l->weights_bits != 4 && l->weights_bits != 8)
		return refuse(diag, AK_RULE_LAYER_PARAM, l, "weight bits", l->weights_bits, "1, 2, 4, 8");
	if (l->activation && l->act_bits != 1 && l->act_bits != 2 && l->act_bits != 4)
		return refuse(diag, AK_RULE_LAYER_PARAM, l, "activation bits", l->act_bits, "1, 2, 4");
	if ((err = check_range(diag, AK_RULE_LAYER_PARAM, l, "padding value", l->padding_value, 0, input ? 255 : 0)))
		return err;
	if (!has_kernel(l)) {
		if (l->pool != AKIDA_POOL_NONE)
			return refuse(diag, AK_RULE_LAYER_PARAM, l, "pool type", l->pool, "0 (none)");
		return 0;
	}
	if ((err = check_range(diag, AK_RULE_LAYER_PARAM, l, "kernel height", l->kernel_h, 1, MAX_KERNEL)) ||
	    (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "kernel width", l->kernel_w, 1, MAX_KERNEL)) ||
	    (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "stride", l->stride, 1, MAX_KERNEL)) ||
	    (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "padding", l->padding, 0, 1)) ||
	    (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "pool type", l->pool, 0, 2)))
		return err;
	if (l->pool == AKIDA_POOL_MAX &&
	    ((err = check_range(diag, AK_RULE_LAYER_PARAM, l, "pool size", l->pool_size, 1, MAX_KERNEL)) ||
	     (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "pool stride", l->pool_stride, 1, MAX_KERNEL)) ||
	     (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "pool padding", l->pool_padding, 0, 1))))
		return err;
	return 0;
}

/* Output positions and leading padding along one axis; 0 positions when a Valid window does not fit. */
static uint32_t axis(uint32_t n, uint32_t k, uint32_t s, enum akida_padding padding, uint32_t *before)
{
	*before = padding == AKIDA_PAD_SAME ? ak_same_pad_before(n, k, s) : 0;
	if (padding == AKIDA_PAD_SAME)
		return ak_same_out(n, s);
	return n < k ? 0 : (n - k) / s + 1;
}

/* Largest magnitude a potential can reach; the semantics are exact only when it fits 32 bits. */
static int check_magnitude(const struct akida_layer *l, struct akida_diag *diag)
{
	uint64_t w = l->weights_bits == 1 ? 1 : (uint64_t)1 << (l->weights_bits - 1);
	uint64_t x = ((uint64_t)1 << l->in_bits) - 1, inputs, worst;

	if (l->type == AKIDA_LAYER_FULLY)
		inputs = (uint64_t)l->in_h * l->in_w * l->in_c;
	else
		inputs = (uint64_t)l->kernel_h * l->kernel_w * l->in_c;
	worst = inputs * x * w;
	if (l->type == AKIDA_LAYER_SEPARABLE)
		worst *= w;
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		worst *= (uint64_t)l->conv_h * l->conv_w;
	if (worst > INT32_MAX)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "largest possible potential", (int64_t)worst, "32 bits");
	/* inputs fit 32 bits by now, so that the count cannot overflow */
	if ((uint64_t)inputs * (l->type == AKIDA_LAYER_SEPARABLE ? 1 : l->filters) > AK_LAYER_MAX_WEIGHTS)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "weights", (int64_t)(inputs * l->filters), "2^30");
	return 0;
}

int ak_layer_finish(struct akida_layer *l, struct akida_diag *diag)
{
	uint32_t unused;
	int err;

	if (ak_layer_is_v2(l))
		return ak_v2_finish(l, diag);
	err = check_params(l, diag);
	if (err)
		return err;
	l->pad_top = l->pad_left = 0;
	if (l->type == AKIDA_LAYER_INPUT_DATA) {
		l->conv_h = l->out_h = l->in_h;
		l->conv_w = l->out_w = l->in_w;
		l->out_c = l->filters = l->in_c;
		l->activation = true;
		l->act_bits = l->in_bits;
		return 0;
	}
	l->out_c = l->filters;
	if (l->type == AKIDA_LAYER_FULLY) {
		l->conv_h = l->conv_w = l->out_h = l->out_w = 1;
		return check_magnitude(l, diag);
	}
	l->conv_h = axis(l->in_h, l->kernel_h, l->stride, l->padding, &l->pad_top);
	l->conv_w = axis(l->in_w, l->kernel_w, l->stride, l->padding, &l->pad_left);
	if (!l->conv_h || !l->conv_w)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
			       "a %ux%u kernel without padding does not fit a %ux%u input", l->kernel_h, l->kernel_w,
			       l->in_h, l->in_w);
	l->out_h = l->conv_h;
	l->out_w = l->conv_w;
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		l->out_h = l->out_w = 1;
	if (l->pool == AKIDA_POOL_MAX) {
		l->out_h = axis(l->conv_h, l->pool_size, l->pool_stride, l->pool_padding, &unused);
		l->out_w = axis(l->conv_w, l->pool_size, l->pool_stride, l->pool_padding, &unused);
		if (!l->out_h || !l->out_w)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
				       "a %ux%u pool without padding does not fit a %ux%u map", l->pool_size,
				       l->pool_size, l->conv_h, l->conv_w);
	}
	return check_magnitude(l, diag);
}

static int check_weights(const struct akida_layer *l, const char *field, const int8_t *w, size_t n,
			 struct akida_diag *diag)
{
	int low = l->weights_bits == 1 ? 0 : -(1 << (l->weights_bits - 1));
	int high = l->weights_bits == 1 ? 1 : (1 << (l->weights_bits - 1)) - 1;
	int min = 0, max = 0;

	for (size_t i = 0; i < n; i++) {
		min = w[i] < min ? w[i] : min;
		max = w[i] > max ? w[i] : max;
	}
	if (min < low || max > high)
		return check_range(diag, AK_RULE_LAYER_PARAM, l, field, min < low ? min : max, low, high);
	return 0;
}

int ak_layer_check_values(const struct akida_layer *l, struct akida_diag *diag)
{
	int64_t limit = l->type == AKIDA_LAYER_INPUT_CONV ? AK_THRESHOLD_MAX_INPUT : AK_THRESHOLD_MAX;
	size_t pw = ak_layer_weight_pw_count(l);
	int err;

	if (ak_layer_is_v2(l))
		return ak_v2_check_values(l, diag);
	if (l->type == AKIDA_LAYER_INPUT_DATA)
		return 0;
	if (!l->weights || (pw && !l->weights_pw) || !l->threshold || !l->step16 || (!l->activation && !l->scale))
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, l->name, "has no weights, thresholds or scales");
	if ((err = check_weights(l, "weight", l->weights, ak_layer_weight_count(l), diag)) ||
	    (err = check_weights(l, "pointwise weight", l->weights_pw, pw, diag)))
		return err;
	for (uint32_t f = 0; f < l->filters; f++) {
		if (!l->activation && (!isfinite(l->scale[f]) || l->scale[f] == 0))
			return ak_fail(diag, -ERANGE, AK_RULE_LAYER_PARAM, l->name,
				       "scale of filter %u is %g, it must be finite and not zero", f, l->scale[f]);
		if (l->activation &&
		    (err = check_range(diag, AK_RULE_LAYER_PARAM, l, "threshold", l->threshold[f], -limit - 1, limit)))
			return err;
		if ((err = check_range(diag, AK_RULE_LAYER_PARAM, l, "step (1/16)", l->step16[f], l->activation ? 1 : 0,
				       AK_STEP16_MAX)))
			return err;
	}
	return 0;
}

/* Layer i must take what its producer hands out; a fully connected layer may see the map flattened. */
static int check_link(const struct akida_layer *from, const struct akida_layer *to, struct akida_diag *diag)
{
	if (!from->activation)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, to->name,
			       "follows %s, which hands out potentials; only the last layer may", from->name);
	if (to->type == AKIDA_LAYER_INPUT_DATA || to->type == AKIDA_LAYER_INPUT_CONV)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, to->name, "is an input layer, but not the first");
	if (to->in_h != from->out_h || to->in_w != from->out_w || to->in_c != from->out_c)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, to->name,
			       "takes %ux%ux%u, but %s hands out %ux%ux%u", to->in_h, to->in_w, to->in_c, from->name,
			       from->out_h, from->out_w, from->out_c);
	if (to->in_bits != from->act_bits)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, to->name, "takes %u-bit inputs, but %s hands out %u",
			       to->in_bits, from->name, from->act_bits);
	return 0;
}

/* Layers of one generation; v1 ones are a chain. */
static int check_links(struct akida_layer *layers, uint32_t count, struct akida_diag *diag)
{
	bool v2 = ak_layer_is_v2(&layers[count - 1]);
	int err = 0;

	for (uint32_t i = 0; i < count && !err; i++) {
		struct akida_layer *l = &layers[i];

		if (ak_layer_is_v2(l) != v2)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
				       "is a layer of Akida %d in a model of Akida %d", v2 ? 1 : 2, v2 ? 2 : 1);
		if (v2) {
			err = ak_v2_check_links(layers, i, diag);
			continue;
		}
		l->inbounds = i ? 1 : 0;
		l->inbound[0] = i ? i - 1 : 0;
		if (i)
			err = check_link(&layers[i - 1], l, diag);
	}
	return err;
}

static void free_layers(struct akida_layer *layers, uint32_t count)
{
	for (uint32_t i = 0; layers && i < count; i++)
		ak_layer_fini(&layers[i]);
	free(layers);
}

int ak_model_create(struct akida_layer *layers, uint32_t count, const char *source, struct akida_model **out,
		    struct akida_diag *diag)
{
	struct akida_model *m;
	int err = 0;

	*out = NULL;
	if (!layers || !count || count > AK_MAX_LAYERS) {
		err = ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, NULL, "a model has 1 to %u layers, not %u",
			      AK_MAX_LAYERS, count);
		goto free_parts;
	}
	for (uint32_t i = 0; i < count && !err; i++) {
		err = ak_layer_finish(&layers[i], diag);
		if (!err)
			err = ak_layer_check_values(&layers[i], diag);
		if (!err && layers[i].learning)
			err = ak_learning_check(&layers[i], diag);
	}
	if (!err)
		err = check_links(layers, count, diag);
	if (err)
		goto free_parts;
	if (layers[count - 1].type == AKIDA_LAYER_INPUT_DATA) {
		err = ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, layers[0].name, "no layer follows the input");
		goto free_parts;
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a model");
		goto free_parts;
	}
	m->layers = layers;
	m->count = count;
	snprintf(m->source, sizeof(m->source), "%s", source ? source : "");
	*out = m;
	return 0;
free_parts:
	free_layers(layers, count);
	return err;
}

void akida_model_destroy(struct akida_model *m)
{
	if (!m)
		return;
	free_layers(m->layers, m->count);
	free(m->mapping);
	free(m);
}

uint32_t akida_model_layers(const struct akida_model *m)
{
	return m->count;
}

static const char *type_name(enum akida_layer_type type)
{
	switch (type) {
	case AKIDA_LAYER_INPUT_DATA:
		return "InputData";
	case AKIDA_LAYER_INPUT_CONV:
		return "InputConv.";
	case AKIDA_LAYER_FULLY:
		return "Fully.";
	case AKIDA_LAYER_CONV:
		return "Conv.";
	case AKIDA_LAYER_SEPARABLE:
		return "Sep.Conv.";
	case AKIDA_LAYER_INPUT_CONV2D:
		return "InputConv2D";
	case AKIDA_LAYER_CONV2D:
		return "Conv2D";
	case AKIDA_LAYER_DEPTHWISE_CONV2D:
		return "DepthwiseConv2D";
	case AKIDA_LAYER_CONV2D_TRANSPOSE:
		return "Conv2DTranspose";
	case AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE:
		return "DepthwiseConv2DTranspose";
	case AKIDA_LAYER_DENSE1D:
		return "Dense1D";
	case AKIDA_LAYER_ADD:
		return "Add";
	case AKIDA_LAYER_CONCATENATE:
		return "Concatenate";
	case AKIDA_LAYER_BUFFER_TEMP_CONV:
		return "BufferTempConv";
	case AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV:
		return "DepthwiseBufferTempConv";
	case AKIDA_LAYER_DEQUANTIZER:
		return "Dequantizer";
	case AKIDA_LAYER_STATEFUL_RECURRENT:
		return "StatefulRecurrent";
	}
	return "unknown";
}

int akida_model_layer(const struct akida_model *m, uint32_t i, struct akida_layer_info *info)
{
	struct akida_layer_info full = {.size = sizeof(full)};
	const struct akida_layer *l;
	uint32_t size = info->size;

	if (i >= m->count)
		return -ENOENT;
	if (size < sizeof(uint32_t) || size > sizeof(full))
		return -EINVAL;
	l = &m->layers[i];
	full.type = l->type;
	full.name = l->name;
	full.type_name = type_name(l->type);
	full.in_h = l->in_h;
	full.in_w = l->in_w;
	full.in_c = l->in_c;
	full.out_h = l->out_h;
	full.out_w = l->out_w;
	full.out_c = l->out_c;
	full.kernel_h = has_kernel(l) || l->v2 ? l->kernel_h : 0;
	full.kernel_w = has_kernel(l) || l->v2 ? l->kernel_w : 0;
	full.stride = has_kernel(l) || l->v2 ? l->stride : 0;
	full.filters = l->filters;
	full.pool = l->pool;
	full.pool_size = l->pool_size;
	full.pool_stride = l->pool_stride;
	full.weights_bits = l->weights_bits;
	full.act_bits = l->activation ? l->act_bits : 0;
	full.parameters = ak_layer_weight_count(l) + ak_layer_weight_pw_count(l);
	full.inbounds = l->inbounds;
	memcpy(full.inbound, l->inbound, sizeof(full.inbound));
	full.size = size;
	memcpy(info, &full, size);
	return 0;
}

uint32_t akida_model_ip(const struct akida_model *m)
{
	return ak_layer_is_v2(&m->layers[m->count - 1]) ? 2 : 1;
}

bool akida_model_input_signed(const struct akida_model *m)
{
	return m->layers[0].v2 && m->layers[0].v2->in_signed;
}

void akida_model_input(const struct akida_model *m, uint32_t dims[3])
{
	dims[0] = m->layers[0].in_h;
	dims[1] = m->layers[0].in_w;
	dims[2] = m->layers[0].in_c;
}

void akida_model_output(const struct akida_model *m, uint32_t dims[3])
{
	const struct akida_layer *l = &m->layers[m->count - 1];

	dims[0] = l->out_h;
	dims[1] = l->out_w;
	dims[2] = l->out_c;
}

int akida_model_dequantize(const struct akida_model *m, const int32_t *potentials, size_t frames, float *out)
{
	const struct akida_layer *l = &m->layers[m->count - 1];
	size_t positions = frames * l->out_h * l->out_w;

	if (l->type == AKIDA_LAYER_DEQUANTIZER) {
		for (size_t i = 0; i < positions; i++)
			for (uint32_t c = 0; c < l->out_c; c++)
				*out++ = (float)*potentials++ * l->v2->scales[c];
		return 0;
	}
	if (l->activation)
		return -EINVAL;
	for (size_t i = 0; i < positions; i++)
		for (uint32_t c = 0; c < l->out_c; c++, potentials++, out++)
			*out = (float)((int64_t)*potentials - l->threshold[c]) / l->scale[c];
	return 0;
}
