/* SPDX-License-Identifier: MIT */
/*
 * Layers of a vendor .fbz as a model. Kernels there are x-major, (x, y, channel, filter), and flipped on both axes but those
 * of the input convolution; a dense layer counts its inputs (channel, x, y). Activation steps are floats there and lose what
 * is below 1/16, as in programs of the vendor's compiler.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "base/le.h"
#include "convert/fbz.h"
#include "layer/layer.h"

struct maker {
	const struct fbz_layer *from;
	struct akida_layer *to;
	struct akida_diag *diag;
	uint32_t known; /* variables that were used */
};

static int unknown(const struct maker *m, const char *what, double value)
{
	return ak_fail(m->diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, m->from->name, "%s %s %g is not known",
		       fbz_kind_name(m->from->kind), what, value);
}

static double param(const struct maker *m, const char *name, double otherwise)
{
	for (uint32_t i = 0; i < m->from->params; i++)
		if (!strcmp(m->from->param[i].name, name))
			return m->from->param[i].value;
	return otherwise;
}

static int size_param(const struct maker *m, const char *name, double low, double high, double otherwise, uint32_t *out)
{
	double v = param(m, name, otherwise);

	if (!(v >= low && v <= high) || floor(v) != v)
		return ak_fail(m->diag, -EINVAL, AK_RULE_FBZ_VALUE, m->from->name, "%s is %g, must be %g to %g", name,
			       v, low, high);
	*out = (uint32_t)v;
	return 0;
}

/* Parameters that a layer may have; any other would be lost in silence. */
static int check_names(const struct maker *m)
{
	static const char *const names[] = {
		"layer_type",
		"input_width",
		"input_height",
		"input_channels",
		"input_bits",
		"input_signed",
		"filters",
		"units",
		"kernel_width",
		"kernel_height",
		"stride_x",
		"stride_y",
		"padding",
		"padding_value",
		"pool_type",
		"pooling_width",
		"pooling_height",
		"pooling_stride_x",
		"pooling_stride_y",
		"weights_bits",
		"activation",
		"act_bits",
		"learning_type",
		"num_weights",
		"num_classes",
		"initial_plasticity",
		"learning_competition",
		"min_plasticity",
		"plasticity_decay",
	};

	for (uint32_t i = 0; i < m->from->params; i++) {
		bool found = false;

		for (size_t k = 0; k < sizeof(names) / sizeof(*names); k++)
			found |= !strcmp(m->from->param[i].name, names[k]);
		if (!found)
			return unknown(m, m->from->param[i].name, m->from->param[i].value);
	}
	return 0;
}

static const struct fbz_variable *variable(struct maker *m, const char *name)
{
	for (uint32_t i = 0; i < m->from->variables; i++)
		if (!strcmp(m->from->variable[i].name, name)) {
			m->known |= 1u << i;
			return &m->from->variable[i];
		}
	return NULL;
}

static int take(struct maker *m, const char *name, uint32_t type, uint32_t elements, const uint8_t **data)
{
	const struct fbz_variable *v = variable(m, name);
	uint64_t count = 1;

	if (!v)
		return ak_fail(m->diag, -EINVAL, AK_RULE_FBZ_VALUE, m->from->name, "has no variable %s", name);
	for (uint32_t i = 0; i < v->rank; i++)
		count *= v->dims[i];
	if (type == FBZ_INT8 ? v->type != FBZ_INT8 && v->type != FBZ_BIT && v->type != FBZ_INT4 : v->type != type)
		return ak_fail(m->diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, m->from->name,
			       "%s has elements of type %u, which is not known there", name, v->type);
	if (count != elements)
		return ak_fail(m->diag, -EINVAL, AK_RULE_FBZ_VALUE, m->from->name,
			       "%s has %llu elements, the layer needs %u", name, (unsigned long long)count, elements);
	*data = v->data;
	return 0;
}

/* ---- parameters ---- */

static int set_pool(struct maker *m)
{
	struct akida_layer *l = m->to;
	double w = param(m, "pooling_width", -1), h = param(m, "pooling_height", -1);
	double sx = param(m, "pooling_stride_x", -1), sy = param(m, "pooling_stride_y", -1),
	       type = param(m, "pool_type", 0);

	if (type == 0)
		return 0;
	if (type == 2 && w <= 0 && h <= 0) {
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
		return 0;
	}
	if (type != 1)
		return unknown(m, type == 2 ? "average pooling of size" : "pool_type", type == 2 ? w : type);
	if (w != h || sx != sy || w < 1 || w > 255 || sx > 255)
		return ak_fail(m->diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, m->from->name,
			       "pools %gx%g with strides %gx%g, which is not square", w, h, sx, sy);
	l->pool = AKIDA_POOL_MAX;
	l->pool_size = (uint32_t)w;
	l->pool_stride = sx < 1 ? l->pool_size : (uint32_t)sx;
	l->pool_padding = l->padding;
	return 0;
}

static int set_window(struct maker *m)
{
	struct akida_layer *l = m->to;
	uint32_t x = 0, y = 0, padding = 0;
	int err = size_param(m, "filters", 1, AK_MAX_CHANNELS, 0, &l->filters);

	if (!err)
		err = size_param(m, "kernel_width", 1, 16, 0, &l->kernel_w);
	if (!err)
		err = size_param(m, "kernel_height", 1, 16, 0, &l->kernel_h);
	if (!err)
		err = size_param(m, "stride_x", 0, 16, 1, &x);
	if (!err)
		err = size_param(m, "stride_y", 0, 16, 1, &y);
	if (!err)
		err = size_param(m, "padding", 0, 2, 0, &padding);
	if (err)
		return err;
	if (x != y)
		return ak_fail(m->diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, m->from->name,
			       "strides differ: %u along x, %u along y", x, y);
	if (padding == 2)
		return unknown(m, "padding", 2);
	l->stride = x ? x : 1; /* a table that is not there */
	l->padding = padding ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	return set_pool(m);
}

static int set_input(struct maker *m)
{
	struct akida_layer *l = m->to;
	int err = size_param(m, "input_width", 1, AK_MAX_DIM, 0, &l->in_w);

	if (!err)
		err = size_param(m, "input_height", 1, AK_MAX_DIM, 0, &l->in_h);
	if (!err)
		err = size_param(m, "input_channels", 1, AK_MAX_CHANNELS, 0, &l->in_c);
	if (err)
		return err;
	if (param(m, "input_signed", 0) != 0)
		return unknown(m, "input_signed", param(m, "input_signed", 0));
	if (l->type == AKIDA_LAYER_INPUT_DATA)
		return size_param(m, "input_bits", 1, 8, 4, &l->in_bits);
	l->in_bits = 8;
	return size_param(m, "padding_value", 0, 255, 0, &l->padding_value);
}

static int set_params(struct maker *m, const struct akida_layer *before)
{
	struct akida_layer *l = m->to;
	uint32_t on = 0;
	int err = check_names(m);

	if (!err && (m->from->kind < 1 || m->from->kind > 5))
		err = unknown(m, "layer kind", m->from->kind);
	if (err)
		return err;
	l->type = (enum akida_layer_type)m->from->kind;
	snprintf(l->name, sizeof(l->name), "%s", m->from->name);
	if (before) {
		l->in_h = before->out_h;
		l->in_w = before->out_w;
		l->in_c = before->out_c;
		l->in_bits = before->act_bits;
	} else {
		if (l->type != AKIDA_LAYER_INPUT_DATA && l->type != AKIDA_LAYER_INPUT_CONV)
			return ak_fail(m->diag, -EINVAL, AK_RULE_FBZ_VALUE, l->name, "is first, but no input layer");
		err = set_input(m);
	}
	if (!err && l->type == AKIDA_LAYER_INPUT_DATA)
		return ak_layer_finish(l, m->diag);
	if (!err)
		err = l->type == AKIDA_LAYER_FULLY ? size_param(m, "units", 1, AK_MAX_UNITS, 0, &l->filters)
						   : set_window(m);
	if (!err)
		err = size_param(m, "weights_bits", 1, 8, 0, &l->weights_bits);
	if (!err)
		err = size_param(m, "activation", 0, 1, 0, &on);
	l->activation = on;
	if (!err && on)
		err = size_param(m, "act_bits", 1, 4, 0, &l->act_bits);
	return err ? err : ak_layer_finish(l, m->diag);
}

/* ---- variables ---- */

static int set_kernel(struct maker *m)
{
	struct akida_layer *l = m->to;
	bool separable = l->type == AKIDA_LAYER_SEPARABLE, flipped = l->type != AKIDA_LAYER_INPUT_CONV;
	uint32_t h = l->kernel_h, w = l->kernel_w;
	size_t inner = separable ? l->in_c : (size_t)l->in_c * l->filters;
	const uint8_t *data;
	int err = take(m, "weights", FBZ_INT8, (uint32_t)ak_layer_weight_count(l), &data);

	if (err)
		return err;
	for (uint32_t i = 0; i < h; i++)
		for (uint32_t j = 0; j < w; j++) {
			uint32_t x = flipped ? w - 1 - j : j, y = flipped ? h - 1 - i : i;

			memcpy(l->weights + ((size_t)i * w + j) * inner, data + ((size_t)x * h + y) * inner, inner);
		}
	if (!separable)
		return 0;
	err = take(m, "weights_pw", FBZ_INT8, (uint32_t)ak_layer_weight_pw_count(l), &data);
	if (!err)
		memcpy(l->weights_pw, data, ak_layer_weight_pw_count(l));
	return err;
}

static int set_dense(struct maker *m)
{
	struct akida_layer *l = m->to;
	uint32_t h = l->in_h, w = l->in_w, c = l->in_c, u = l->filters;
	const uint8_t *data;
	int err = take(m, "weights", FBZ_INT8, (uint32_t)ak_layer_weight_count(l), &data);

	for (uint32_t y = 0; y < h && !err; y++)
		for (uint32_t x = 0; x < w; x++)
			for (uint32_t k = 0; k < c; k++)
				memcpy(l->weights + (((size_t)y * w + x) * c + k) * u,
				       data + (((size_t)k * w + x) * h + y) * u, u);
	return err;
}

static int set_step(struct maker *m, uint32_t f, float step)
{
	struct akida_layer *l = m->to;
	double sixteenths = floor((double)step * 16);

	if (!l->activation) {
		l->scale[f] = step;
		return isfinite(step) && step != 0 ? 0
						   : ak_fail(m->diag, -ERANGE, AK_RULE_FBZ_VALUE, l->name,
							     "act_step %u is %g", f, (double)step);
	}
	if (!(sixteenths >= 0 && sixteenths <= AK_STEP16_MAX))
		return ak_fail(m->diag, -ERANGE, AK_RULE_FBZ_VALUE, l->name, "act_step %u is %g, must be 0 to 65535", f,
			       (double)step);
	l->step16[f] = sixteenths < 1 ? 1 : (int32_t)sixteenths;
	return 0;
}

static int set_variables(struct maker *m)
{
	struct akida_layer *l = m->to;
	bool old = variable(m, "threshold_fire") != NULL; /* SDK 1.8 */
	const uint8_t *data;
	int err = ak_layer_alloc(l);

	if (err)
		return ak_fail(m->diag, err, AK_RULE_NOMEM, l->name, "no memory for its weights");
	err = l->type == AKIDA_LAYER_FULLY ? set_dense(m) : set_kernel(m);
	if (!err)
		err = take(m, old ? "threshold_fire" : "threshold", FBZ_INT32, l->filters, &data);
	for (uint32_t f = 0; f < l->filters && !err; f++)
		l->threshold[f] = (int32_t)ak_get32(data + 4 * (size_t)f);
	if (!err)
		err = take(m, old ? "threshold_fire_step" : "act_step", FBZ_FLOAT32, l->filters, &data);
	for (uint32_t f = 0; f < l->filters && !err; f++) {
		uint32_t bits = ak_get32(data + 4 * (size_t)f);
		float step;

		memcpy(&step, &bits, 4);
		err = set_step(m, f, step);
	}
	if (!err && l->type == AKIDA_LAYER_INPUT_CONV && variable(m, "wta_groups")) {
		err = take(m, "wta_groups", FBZ_INT32, l->filters, &data);
		for (uint32_t f = 0; f < l->filters && !err; f++)
			if (ak_get32(data + 4 * (size_t)f) != f)
				err = unknown(m, "wta_groups that are not one for each filter:",
					      ak_get32(data + 4 * (size_t)f));
	}
	/* state of edge learning: it changes weights, not what they compute */
	(void)variable(m, "threshold_learning");
	(void)variable(m, "thswap");
	for (uint32_t i = 0; i < m->from->variables && !err; i++)
		if (!(m->known >> i & 1))
			err = ak_fail(m->diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, l->name, "variable %s is not known",
				      m->from->variable[i].name);
	return err;
}

/* Akida v1 models are chains. */
static int check_inbound(const struct akida_fbz *f, uint32_t i, struct akida_diag *diag)
{
	const struct fbz_layer *l = &f->layers[i];

	if (i ? l->inbounds == 1 && !strcmp(l->inbound[0], f->layers[i - 1].name) : !l->inbounds)
		return 0;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_FBZ_UNKNOWN, l->name, "does not take the layer before: %u inputs%s%s",
		       l->inbounds, l->inbounds ? ", first " : "", l->inbounds ? l->inbound[0] : "");
}

int akida_fbz_model(const struct akida_fbz *f, struct akida_model **out, struct akida_diag *diag)
{
	struct akida_layer *layers = calloc(f->count, sizeof(*layers));
	int err = 0;

	if (!layers)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, f->source, "no memory for its layers");
	for (uint32_t i = 0; i < f->count && !err; i++) {
		struct maker m = {.from = &f->layers[i], .to = &layers[i], .diag = diag};

		err = check_inbound(f, i, diag);
		if (!err)
			err = set_params(&m, i ? &layers[i - 1] : NULL);
		if (!err && layers[i].type != AKIDA_LAYER_INPUT_DATA)
			err = set_variables(&m);
	}
	if (!err)
		return ak_model_create(layers, f->count, f->source, out, diag);
	for (uint32_t i = 0; i < f->count; i++)
		ak_layer_fini(&layers[i]);
	free(layers);
	return err;
}
