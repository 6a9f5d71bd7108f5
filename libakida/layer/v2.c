/* SPDX-License-Identifier: MIT */
/* Akida 2 layers as objects: variables, parameter and value checks, output shapes. What they compute is semantics_v2.c. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/v2.h"

#define MAX_KERNEL 16u
#define MAX_DENSE (1u << 20)

bool ak_layer_is_v2(const struct akida_layer *l)
{
	return (l->type >= AKIDA_LAYER_INPUT_CONV2D && l->type <= AKIDA_LAYER_STATEFUL_RECURRENT) ||
	       (l->type == AKIDA_LAYER_INPUT_DATA && l->v2);
}

static bool has_kernel(const struct akida_layer *l)
{
	return l->type >= AKIDA_LAYER_INPUT_CONV2D && l->type <= AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE;
}

static bool is_transposed(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_CONV2D_TRANSPOSE || l->type == AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE;
}

static bool is_depthwise(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_DEPTHWISE_CONV2D || l->type == AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE ||
	       l->type == AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV;
}

static bool is_temporal(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_BUFFER_TEMP_CONV || l->type == AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV;
}

static bool is_recurrent(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_STATEFUL_RECURRENT;
}

/* Layers with weights, bias and an activation. */
static bool is_neural(const struct akida_layer *l)
{
	return has_kernel(l) || l->type == AKIDA_LAYER_DENSE1D || is_temporal(l) || is_recurrent(l);
}

size_t ak_v2_weight_count(const struct akida_layer *l)
{
	size_t taps = (size_t)l->kernel_h * l->kernel_w;

	switch (l->type) {
	case AKIDA_LAYER_INPUT_CONV2D:
	case AKIDA_LAYER_CONV2D:
	case AKIDA_LAYER_CONV2D_TRANSPOSE:
		return taps * l->in_c * l->filters;
	case AKIDA_LAYER_DEPTHWISE_CONV2D:
	case AKIDA_LAYER_DEPTHWISE_CONV2D_TRANSPOSE:
		return taps * l->in_c;
	case AKIDA_LAYER_DENSE1D:
		return (size_t)l->in_h * l->in_w * l->in_c * l->filters;
	case AKIDA_LAYER_BUFFER_TEMP_CONV:
		return (size_t)l->v2->fifo * l->in_c * l->filters;
	case AKIDA_LAYER_DEPTHWISE_BUFFER_TEMP_CONV:
		return (size_t)l->v2->fifo * l->in_c;
	case AKIDA_LAYER_STATEFUL_RECURRENT:
		return (size_t)l->v2->stateful * l->filters;
	default:
		return 0;
	}
}

size_t ak_v2_state(const struct akida_layer *l)
{
	if (ak_layer_is_v2(l) && is_recurrent(l))
		return 2 * (size_t)l->v2->stateful;
	return ak_layer_is_v2(l) && is_temporal(l) ? (size_t)l->v2->fifo * l->in_h * l->in_w * l->in_c : 0;
}

void ak_v2_arrays(struct akida_layer *l, struct ak_v2_array a[AK_V2_ARRAYS])
{
	struct ak_v2 *v = l->v2;
	bool neural = is_neural(l), input = l->type == AKIDA_LAYER_INPUT_CONV2D, add = l->type == AKIDA_LAYER_ADD;
	size_t f = l->filters, bound = neural && v->bounded ? f : 0, lut = neural && v->act == AK_V2_ACT_LUT ? f : 0;
	size_t states = is_recurrent(l) ? v->stateful : 0;
	size_t rescale = v->rescale ? f : 0, shifts = add ? 2 * f : neural && !input ? l->in_c : 0;
	const struct ak_v2_array all[AK_V2_ARRAYS] = {
		{"weights", (void **)&l->weights, 1, ak_v2_weight_count(l)},
		{"input_shift", (void **)&v->input_shift, 1, l->type == AKIDA_LAYER_DENSE1D ? 0 : shifts},
		{"padding_value", (void **)&v->padding, 1, input ? l->in_c : 0},
		{"bias", (void **)&v->bias, 1, neural ? f : 0},
		{"bias_shift", (void **)&v->bias_shift, 1, neural ? f : 0},
		{"max_value", (void **)&v->max_value, 1, bound},
		{"max_value_shift", (void **)&v->max_shift, 1, bound},
		{"activation_scales", (void **)&v->act_scale, 1, lut},
		{"activation_shift", (void **)&v->act_shift, 1, lut},
		{"lut_values", (void **)&v->lut, 4, lut ? AK_LUT_ENTRIES : 0},
		/* an Add has a shift and no scale: its inputs have no scales either */
		{"output_scales", (void **)&v->out_scale, 1, add ? 0 : rescale},
		{"output_shift", (void **)&v->out_shift, 1, rescale},
		{"scales", (void **)&v->scales, 4, l->type == AKIDA_LAYER_DEQUANTIZER ? f : 0},
		{"in_proj", (void **)&v->in_proj, 1, states * l->kernel_w * l->in_c},
		{"A_real", (void **)&v->a_real, 2, states},
		{"A_imag", (void **)&v->a_imag, 2, states},
		{"new_state_scale", (void **)&v->state_scale, 1, states},
		{"new_state_shift", (void **)&v->state_in, 1, states},
		{"internal_state_outputs_shift", (void **)&v->state_shift, 1, states},
	};

	memcpy(a, all, sizeof(all));
}

int ak_v2_alloc(struct akida_layer *l)
{
	struct ak_v2_array a[AK_V2_ARRAYS];

	ak_v2_arrays(l, a);
	for (uint32_t k = 0; k < AK_V2_ARRAYS; k++) {
		if (!l->borrowed)
			free(*a[k].data);
		*a[k].data = a[k].count ? calloc(a[k].count, a[k].element) : NULL;
		if (a[k].count && !*a[k].data) {
			ak_v2_fini(l);
			return -ENOMEM;
		}
	}
	return 0;
}

void ak_v2_fini(struct akida_layer *l)
{
	struct ak_v2_array a[AK_V2_ARRAYS];

	if (!l->v2)
		return;
	ak_v2_arrays(l, a);
	for (uint32_t k = 0; k < AK_V2_ARRAYS; k++) {
		if (!l->borrowed)
			free(*a[k].data);
		*a[k].data = NULL;
	}
	free(l->v2);
	l->v2 = NULL;
}

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

static int range(struct akida_diag *diag, enum ak_rule rule, const struct akida_layer *l, const char *field,
		 int64_t value, int64_t low, int64_t high)
{
	char limit[48];

	if (value >= low && value <= high)
		return 0;
	snprintf(limit, sizeof(limit), "%" PRId64 " to %" PRId64, low, high);
	return refuse(diag, rule, l, field, value, limit);
}

static int check_widths(const struct akida_layer *l, struct akida_diag *diag)
{
	const struct ak_v2 *v = l->v2;
	const struct {
		const char *field;
		uint32_t value, low, high;
	} t[] = {
		{"input bits", l->in_bits, 1, 32},
		{"buffer bits", v->buffer_bits, 2, 33},
		{"post-operation buffer bits", v->post_op_bits, 2, 33},
		{"output bits", v->output_bits, 1, 33},
		{"activation type", v->act, AK_V2_ACT_NONE, AK_V2_ACT_LUT},
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t) && !err; i++)
		err = range(diag, AK_RULE_LAYER_PARAM, l, t[i].field, t[i].value, t[i].low, t[i].high);
	return err;
}

static int check_kernel(const struct akida_layer *l, struct akida_diag *diag)
{
	int err;

	if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "kernel height", l->kernel_h, 1, MAX_KERNEL)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "kernel width", l->kernel_w, 1, MAX_KERNEL)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "stride", l->stride, 1, MAX_KERNEL)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "padding", l->padding, 0, 1)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "pool type", l->pool, 0, is_transposed(l) ? 0 : 2)))
		return err;
	if (is_transposed(l) && l->padding != AKIDA_PAD_SAME)
		return refuse(diag, AK_RULE_LAYER_PARAM, l, "padding", l->padding, "1 (Same)");
	if (l->pool == AKIDA_POOL_MAX &&
	    ((err = range(diag, AK_RULE_LAYER_PARAM, l, "pool size", l->pool_size, 1, MAX_KERNEL)) ||
	     (err = range(diag, AK_RULE_LAYER_PARAM, l, "pool stride", l->pool_stride, 1, MAX_KERNEL)) ||
	     (err = range(diag, AK_RULE_LAYER_PARAM, l, "pool padding", l->pool_padding, 0, 1))))
		return err;
	return 0;
}

/* Positions of time come in whole steps, and in whole groups of them. */
static int check_recurrent(const struct akida_layer *l, struct akida_diag *diag)
{
	int err;

	if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "state channels", l->v2->stateful, 1, AK_MAX_CHANNELS)) ||
	    (err = range(diag, AK_RULE_LAYER_SHAPE, l, "input height", l->in_h, 1, 1)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "positions of a step", l->kernel_w, 1, l->in_w)) ||
	    (err = range(diag, AK_RULE_LAYER_PARAM, l, "subsampling", l->stride, 1, l->in_w)))
		return err;
	if (l->in_w % l->kernel_w || l->in_w / l->kernel_w % l->stride)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "input width", l->in_w,
			      "a multiple of the positions of a step and of the subsampling");
	return 0;
}

static int check_params(const struct akida_layer *l, struct akida_diag *diag)
{
	int err;

	if (!memchr(l->name, 0, sizeof(l->name)))
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, NULL, "a layer's name is not terminated");
	if (!l->v2)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, l->name, "has no Akida 2 parameters");
	if ((err = range(diag, AK_RULE_LAYER_SHAPE, l, "input height", l->in_h, 1, AK_MAX_DIM)) ||
	    (err = range(diag, AK_RULE_LAYER_SHAPE, l, "input width", l->in_w, 1, AK_MAX_DIM)) ||
	    (err = range(diag, AK_RULE_LAYER_SHAPE, l, "input channels", l->in_c, 1, MAX_DENSE)) ||
	    (err = range(diag, AK_RULE_LAYER_SHAPE, l, "filters", l->filters, 1, MAX_DENSE)) ||
	    (err = check_widths(l, diag)))
		return err;
	if ((is_depthwise(l) || l->type == AKIDA_LAYER_ADD || l->type == AKIDA_LAYER_DEQUANTIZER ||
	     l->type == AKIDA_LAYER_INPUT_DATA) &&
	    l->filters != l->in_c)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "filters", l->filters, "as many as input channels");
	if (!is_neural(l))
		return 0;
	if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "weight bits", l->weights_bits, 2, 8)))
		return err;
	if (is_recurrent(l))
		return check_recurrent(l, diag);
	if (is_temporal(l))
		return range(diag, AK_RULE_LAYER_PARAM, l, "FIFO size", l->v2->fifo, 1, AK_FIFO_MAX);
	return has_kernel(l) ? check_kernel(l, diag) : 0;
}

static uint32_t axis(uint32_t n, uint32_t k, uint32_t s, enum akida_padding padding, uint32_t *before)
{
	*before = padding == AKIDA_PAD_SAME ? ak_same_pad_before(n, k, s) : 0;
	if (padding == AKIDA_PAD_SAME)
		return ak_same_out(n, s);
	return n < k ? 0 : (n - k) / s + 1;
}

static int finish_kernel(struct akida_layer *l, struct akida_diag *diag)
{
	uint32_t unused;

	if (is_transposed(l)) {
		/* the gradient of a Same convolution from in * stride to in */
		l->conv_h = l->in_h * l->stride;
		l->conv_w = l->in_w * l->stride;
		l->pad_top = ak_same_pad_before(l->conv_h, l->kernel_h, l->stride);
		l->pad_left = ak_same_pad_before(l->conv_w, l->kernel_w, l->stride);
	} else {
		l->conv_h = axis(l->in_h, l->kernel_h, l->stride, l->padding, &l->pad_top);
		l->conv_w = axis(l->in_w, l->kernel_w, l->stride, l->padding, &l->pad_left);
	}
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
	return 0;
}

int ak_v2_finish(struct akida_layer *l, struct akida_diag *diag)
{
	int err = check_params(l, diag);

	if (err)
		return err;
	l->pad_top = l->pad_left = 0;
	l->conv_h = l->out_h = l->in_h;
	l->conv_w = l->out_w = l->in_w;
	l->out_c = l->filters;
	l->activation = true; /* every Akida 2 layer hands out codes */
	l->act_bits = l->v2->output_bits;
	if (l->type == AKIDA_LAYER_DENSE1D)
		l->conv_h = l->conv_w = l->out_h = l->out_w = 1;
	if (is_recurrent(l)) {
		l->conv_h = l->out_h = 1;
		l->conv_w = l->out_w = l->in_w / l->kernel_w / l->stride;
	}
	if (has_kernel(l) && (err = finish_kernel(l, diag)))
		return err;
	if (is_recurrent(l) && (uint64_t)l->v2->stateful * l->kernel_w * l->in_c > AK_LAYER_MAX_WEIGHTS)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "input projection",
			      (int64_t)l->v2->stateful * l->kernel_w * l->in_c, "2^30");
	if (ak_v2_weight_count(l) > AK_LAYER_MAX_WEIGHTS)
		return refuse(diag, AK_RULE_LAYER_SHAPE, l, "weights", (int64_t)ak_v2_weight_count(l), "2^30");
	return 0;
}

static int check_shifts(const struct akida_layer *l, const char *field, const uint8_t *v, size_t n, uint32_t max,
			struct akida_diag *diag)
{
	for (size_t i = 0; v && i < n; i++)
		if (v[i] > max)
			return range(diag, AK_RULE_LAYER_PARAM, l, field, v[i], 0, max);
	return 0;
}

int ak_v2_check_values(const struct akida_layer *l, struct akida_diag *diag)
{
	struct akida_layer view = *l; /* ak_v2_arrays hands out places to write to */
	struct ak_v2_array a[AK_V2_ARRAYS];
	const struct ak_v2 *v = l->v2;
	int64_t limit = (int64_t)1 << (l->weights_bits ? l->weights_bits - 1 : 0);
	int err;

	ak_v2_arrays(&view, a);
	for (uint32_t k = 0; k < AK_V2_ARRAYS; k++)
		if (a[k].count && !*a[k].data)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, l->name, "has no %s", a[k].name);
	for (size_t i = 0; i < a[0].count; i++)
		if (l->weights[i] < -limit || l->weights[i] >= limit)
			return range(diag, AK_RULE_LAYER_PARAM, l, "weight", l->weights[i], -limit, limit - 1);
	/* a shift beyond the widest buffer moves everything out of it */
	if ((err = check_shifts(l, "input shift", v->input_shift, a[1].count, 32, diag)) ||
	    (err = check_shifts(l, "bias shift", v->bias_shift, a[4].count, 32, diag)) ||
	    (err = check_shifts(l, "maximum's shift", v->max_shift, a[6].count, 32, diag)))
		return err;
	if ((err = check_shifts(l, "state's shift", v->state_shift, a[18].count, 62, diag)))
		return err;
	for (size_t f = 0; f < a[17].count; f++)
		if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "shift of the state's input", v->state_in[f], -62, 32)))
			return err;
	for (size_t f = 0; f < a[8].count; f++)
		if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "activation shift", v->act_shift[f], -62, 32)))
			return err;
	for (size_t f = 0; f < a[11].count; f++)
		if ((err = range(diag, AK_RULE_LAYER_PARAM, l, "output shift", v->out_shift[f], -62, 32)))
			return err;
	for (size_t f = 0; f < a[12].count; f++)
		if (!isfinite(v->scales[f]) || v->scales[f] == 0)
			return ak_fail(diag, -ERANGE, AK_RULE_LAYER_PARAM, l->name,
				       "scale of channel %zu is %g, it must be finite and not zero", f, v->scales[f]);
	return 0;
}

int ak_v2_check_links(const struct akida_layer *layers, uint32_t i, struct akida_diag *diag)
{
	const struct akida_layer *l = &layers[i];
	bool two = l->type == AKIDA_LAYER_ADD || l->type == AKIDA_LAYER_CONCATENATE;
	bool input = l->type == AKIDA_LAYER_INPUT_CONV2D || l->type == AKIDA_LAYER_INPUT_DATA;
	uint32_t channels = 0, need = two ? 2 : !input;

	if (input != !i)
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
			       input ? "is an input layer, but not the first"
				     : "is the first layer, which an InputConv2D or InputData has to be");
	if (l->inbounds != need)
		return range(diag, AK_RULE_LAYER_SHAPE, l, "number of inbound layers", l->inbounds, need, need);
	for (uint32_t k = 0; k < l->inbounds; k++) {
		const struct akida_layer *from;
		bool flat = l->type == AKIDA_LAYER_DENSE1D;

		if (l->inbound[k] >= i)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
				       "reads layer %u, which is not before it", l->inbound[k]);
		from = &layers[l->inbound[k]];
		channels += from->out_c;
		if (from->type == AKIDA_LAYER_DEQUANTIZER)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name, "follows the Dequantizer");
		if (flat ? (uint64_t)l->in_h * l->in_w * l->in_c != (uint64_t)from->out_h * from->out_w * from->out_c
			 : l->in_h != from->out_h || l->in_w != from->out_w ||
				    (l->type != AKIDA_LAYER_CONCATENATE && l->in_c != from->out_c))
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name,
				       "takes %ux%ux%u, but %s hands out %ux%ux%u", l->in_h, l->in_w, l->in_c,
				       from->name, from->out_h, from->out_w, from->out_c);
		if (from->act_bits != l->in_bits)
			return ak_fail(diag, -EINVAL, AK_RULE_LAYER_PARAM, l->name,
				       "takes %u-bit inputs, but %s hands out %u", l->in_bits, from->name,
				       from->act_bits);
	}
	if (l->type == AKIDA_LAYER_CONCATENATE && (channels != l->in_c || l->filters != l->in_c))
		return ak_fail(diag, -EINVAL, AK_RULE_LAYER_SHAPE, l->name, "has %u channels, but its inputs have %u",
			       l->filters, channels);
	return 0;
}
