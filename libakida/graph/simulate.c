/* SPDX-License-Identifier: MIT */
/* Makes the integer form of a graph; see simulate.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "forward.h"
#include "quant_config.h"
#include "simulate.h"

static void sim_node_fini(struct ak_sim_node *s)
{
	free(s->fb);
	free(s->scale);
	for (int k = 0; k < AK_MAX_INPUTS; k++)
		free(s->align[k]);
	free(s->q);
	free(s->q_pw);
	free(s->w_scale);
	free(s->sum_unit);
	free(s->bias);
	free(s->max);
	free(s->out_s);
	free(s->out_shift);
	free(s->lut);
	free(s->a);
	free(s->in_s);
	free(s->in_shift);
	free(s->state);
}

void ak_sim_reset(struct ak_sim *s)
{
	for (uint32_t i = 0; i < s->g->count; i++)
		if (s->nodes[i].state)
			memset(s->nodes[i].state, 0, s->nodes[i].state_count * sizeof(*s->nodes[i].state));
}

void ak_sim_destroy(struct ak_sim *s)
{
	if (!s)
		return;
	for (uint32_t i = 0; i < s->g->count; i++)
		sim_node_fini(&s->nodes[i]);
	free(s->nodes);
	free(s);
}

/* ---- types ---- */

static int type_init(struct ak_sim_node *s, const struct ak_node *n)
{
	s->integer = true;
	s->channels = n->dims[n->rank - 1];
	s->fb = calloc(s->channels, sizeof(*s->fb));
	s->scale = malloc(s->channels * sizeof(*s->scale));
	for (size_t c = 0; s->scale && c < s->channels; c++)
		s->scale[c] = 1.0f;
	return s->fb && s->scale ? 0 : -ENOMEM;
}

/* The type of the input, channel by channel; a reshape has uniform types, so any channel will do there. */
static void type_copy(struct ak_sim_node *s, const struct ak_sim_node *in)
{
	s->scaled = in->scaled;
	s->out_vb = in->out_vb;
	for (size_t c = 0; c < s->channels; c++) {
		s->fb[c] = in->fb[c % in->channels];
		s->scale[c] = in->scale[c % in->channels];
	}
}

/* Shifts that bring all channels of an input to its largest fb, which is returned; no array when all are equal. */
static int align_input(const struct ak_sim_node *in, int **shifts, int *fb)
{
	bool equal = true;

	*fb = in->fb[0];
	for (size_t c = 1; c < in->channels; c++) {
		equal &= in->fb[c] == in->fb[0];
		*fb = in->fb[c] > *fb ? in->fb[c] : *fb;
	}
	if (equal)
		return 0;
	*shifts = malloc(in->channels * sizeof(**shifts));
	if (!*shifts)
		return -ENOMEM;
	for (size_t c = 0; c < in->channels; c++)
		(*shifts)[c] = *fb - in->fb[c];
	return 0;
}

static int make_bias(struct ak_sim_node *s, const struct ak_node *n)
{
	const struct ak_weight *bias = ak_node_weight(n, "bias");

	s->bias = calloc(s->channels, sizeof(*s->bias));
	if (!s->bias)
		return -ENOMEM;
	for (size_t c = 0; bias && c < s->channels; c++)
		s->bias[c] = ak_fx_align(bias->data[c], fabsf(bias->data[c]), s->scale[c], s->fb[c],
					 (int)n->quant.bias_bits - 1, (int)n->quant.buffer_bits - 1);
	return 0;
}

static int make_weighted(struct ak_sim_node *s, const struct ak_node *n, const struct ak_sim_node *in)
{
	const struct ak_weight *w = &n->weights[0], *pw = ak_node_weight(n, "pointwise_kernel");
	size_t channels = s->channels;
	int fb = 0, err = 0;

	if (n->op != AK_OP_DEPTHWISE)
		err = align_input(in, &s->align[0], &fb);
	s->q = malloc(w->count);
	s->q_pw = pw ? malloc(pw->count) : NULL;
	s->w_scale = malloc(channels * sizeof(*s->w_scale));
	s->sum_unit = malloc(channels * sizeof(*s->sum_unit));
	if (err || !s->q || (pw && !s->q_pw) || !s->w_scale || !s->sum_unit)
		return -ENOMEM;
	ak_quant_weights(n, channels, s->q, s->q_pw, s->scale);
	s->scaled = true;
	for (size_t c = 0; c < channels; c++) {
		bool own = n->op == AK_OP_DEPTHWISE;

		s->fb[c] = own ? in->fb[c] : fb;
		s->w_scale[c] = s->scale[c];
		s->scale[c] *= in->scale[own ? c : 0];
		s->sum_unit[c] = ldexpf(s->scale[c], -s->fb[c]);
	}
	if (n->padded) /* reference 2.4: value bits of the weights */
		s->pad = ak_fx_align(n->pad_value, fabsf(n->pad_value), in->scale[0], in->fb[0],
				     (int)n->quant.weight_bits - 1, 16)
				 .aligned;
	return make_bias(s, n);
}

void ak_sim_integer_weights(const struct ak_sim *sim, uint32_t i, struct ak_node *n)
{
	const struct ak_sim_node *s = &sim->nodes[i];
	struct ak_weight *pw = ak_node_weight(n, "pointwise_kernel"), *bias = ak_node_weight(n, "bias");
	struct ak_weight *kernel = &n->weights[0];
	size_t inner = n->op == AK_OP_CONV2D_TRANSPOSE ? kernel->dims[3] : 1;

	if (!s->q)
		return;
	for (size_t k = 0; k < kernel->count; k++)
		kernel->data[k] = (float)s->q[k] * (pw ? 1.0f : s->w_scale[k / inner % s->channels]);
	for (size_t k = 0; pw && k < pw->count; k++)
		pw->data[k] = (float)s->q_pw[k] * s->w_scale[k % s->channels];
	for (size_t c = 0; bias && c < bias->count; c++)
		bias->data[c] = (float)s->bias[c].aligned * s->sum_unit[c];
}

static int make_relu(struct ak_sim_node *s, const struct ak_node *n)
{
	if (!n->bounded)
		return 0;
	s->max = malloc(s->channels * sizeof(*s->max));
	if (!s->max)
		return -ENOMEM;
	for (size_t c = 0; c < s->channels; c++)
		s->max[c] = ak_fx_align(n->max_value, n->max_value, s->scale[c], s->fb[c], (int)n->quant.max_value_bits,
					(int)n->quant.buffer_bits);
	return 0;
}

static int make_add(struct ak_sim_node *s, const struct ak_sim_node *a, const struct ak_sim_node *b)
{
	s->align[0] = calloc(s->channels, sizeof(int));
	s->align[1] = calloc(s->channels, sizeof(int));
	if (!s->align[0] || !s->align[1])
		return -ENOMEM;
	for (size_t c = 0; c < s->channels; c++) {
		s->fb[c] = a->fb[c] > b->fb[c] ? a->fb[c] : b->fb[c];
		s->align[0][c] = s->fb[c] - a->fb[c];
		s->align[1][c] = s->fb[c] - b->fb[c];
	}
	return 0;
}

/* An average has one more fractional bit; the integers are those of the sum. */
static void halve(struct ak_sim_node *s)
{
	for (size_t c = 0; c < s->channels; c++)
		s->fb[c]++;
}

/* Values move along the last axis only, where every channel keeps its type. */
static int make_concatenate(const struct ak_sim *sim, struct ak_sim_node *s, const struct ak_node *n)
{
	size_t at = 0;

	if (n->axis + 1 != n->rank)
		return -EOPNOTSUPP;
	for (uint32_t k = 0; k < n->input_count; k++) {
		const struct ak_sim_node *in = &sim->nodes[n->inputs[k]];

		if (!in->integer || in->scaled)
			return -EOPNOTSUPP;
		memcpy(s->fb + at, in->fb, in->channels * sizeof(*s->fb));
		at += in->channels;
	}
	return 0;
}

/* The activations that have a table: QuantizeML makes one of these only. */
static bool has_table(enum ak_activation act)
{
	return act == AK_ACT_GELU || act == AK_ACT_GELU_TANH || act == AK_ACT_SILU || act == AK_ACT_HARD_SILU ||
	       act == AK_ACT_LEAKY_RELU;
}

/* Every input of 11 bits has an entry of lut_bits, scaled so that the largest takes all of them (2.5). */
static int make_lut(struct ak_sim_node *s, const struct ak_node *n, const struct ak_sim_node *in)
{
	int vb = (int)(n->quant.lut_bits ? n->quant.lut_bits : 14) - 1;
	float y[AK_SIM_LUT], largest = 0, scale;

	if (!has_table(n->act) || in->scaled || !in->out_vb || in->out_vb > AK_SIM_LUT_BITS - 1 || vb > 30)
		return -EOPNOTSUPP;
	for (size_t c = 1; c < in->channels; c++)
		if (in->fb[c] != in->fb[0])
			return -EOPNOTSUPP;
	s->lut = malloc(AK_SIM_LUT * sizeof(*s->lut));
	if (!s->lut)
		return -ENOMEM;
	for (int i = 0; i < AK_SIM_LUT; i++)
		y[i] = ldexpf((float)(i - AK_SIM_LUT / 2), -in->fb[0]);
	ak_activate_floats(n->act, n->act_alpha, y, AK_SIM_LUT, 1);
	for (int i = 0; i < AK_SIM_LUT; i++)
		largest = fmaxf(largest, fabsf(y[i]));
	if (!isfinite(largest) || !(largest > 0))
		return -EOPNOTSUPP;
	scale = largest / (ldexpf(1.0f, vb) - 1.0f);
	for (int i = 0; i < AK_SIM_LUT; i++)
		s->lut[i] = (int32_t)ak_fx_round(y[i] / scale, vb);
	s->scaled = true;
	for (size_t c = 0; c < s->channels; c++)
		s->scale[c] = scale;
	return 0;
}

static int make_state(struct ak_sim_node *s, const struct ak_node *n, const struct ak_node *in)
{
	s->state_count = (size_t)n->kernel_t * ak_node_elements(in);
	s->state = calloc(s->state_count, sizeof(*s->state));
	return s->state ? 0 : -ENOMEM;
}

/* A Dense over time steps; upshape may not mix channels of different scales, so none that changes them is taken. */
static int make_projection(struct ak_sim_node *s, const struct ak_node *n, const struct ak_sim_node *in)
{
	int fb = 0;

	if (s->channels != n->filters)
		return -EOPNOTSUPP;
	s->q = malloc(n->weights[0].count);
	s->w_scale = malloc(s->channels * sizeof(*s->w_scale));
	s->sum_unit = malloc(s->channels * sizeof(*s->sum_unit));
	if (align_input(in, &s->align[0], &fb) || !s->q || !s->w_scale || !s->sum_unit)
		return -ENOMEM;
	ak_quant_weights(n, s->channels, s->q, NULL, s->scale);
	s->scaled = true;
	for (size_t c = 0; c < s->channels; c++) {
		s->w_scale[c] = s->scale[c];
		s->fb[c] = fb;
		s->scale[c] *= in->scale[0];
		s->sum_unit[c] = ldexpf(s->scale[c], -fb);
	}
	return make_bias(s, n);
}

/* A in fixed point of a_bits; both parts need the same fractional bits, which magnitudes up to 1 have. */
static int make_a(struct ak_sim_node *s, const struct ak_node *n, size_t channels)
{
	int vb = (int)(n->quant.a_bits ? n->quant.a_bits : 16) - 1, fb[2];

	s->a = malloc(2 * channels * sizeof(*s->a));
	if (!s->a)
		return -ENOMEM;
	for (int k = 0; k < 2; k++) {
		float largest = 0;

		for (size_t c = 0; c < channels; c++)
			largest = fmaxf(largest, fabsf(n->weights[k].data[c]));
		fb[k] = ak_fx_max_fb(vb, largest);
		for (size_t c = 0; c < channels; c++)
			s->a[k * channels + c] = (int32_t)ak_fx_round(ldexpf(n->weights[k].data[c], fb[k]), vb);
	}
	s->a_fb = fb[0];
	return fb[0] == fb[1] ? 0 : -EOPNOTSUPP;
}

/*
 * Source of what the reference leaves open: the layers of QuantizeML 1.x. The input keeps its width when its scale is
 * multiplied into it, and when it is shifted to the fractional bits of A * state.
 */
static int make_recurrent(struct ak_sim_node *s, const struct ak_node *n, const struct ak_sim_node *in,
			  const struct ak_node *in_node)
{
	const struct ak_node_quant *q = &n->quant;
	size_t channels = in->channels;
	int err, fb;

	if (!q->has_output || q->out_per_axis || !q->range_max)
		return -EOPNOTSUPP;
	s->in_s = calloc(channels, sizeof(*s->in_s));
	s->in_shift = malloc(channels * sizeof(*s->in_shift));
	s->state_count = 2 * channels;
	s->state = calloc(s->state_count, sizeof(*s->state));
	if (!s->in_s || !s->in_shift || !s->state)
		return -ENOMEM;
	err = make_a(s, n, channels);
	if (err)
		return err;
	s->out_vb = (int)q->out_bits - q->out_signed;
	fb = ak_fx_max_fb(s->out_vb, q->range_max[0]);
	s->in_vb = in->scaled ? (int)in_node->quant.buffer_bits - 1 : in->out_vb;
	for (size_t c = 0; c < channels; c++) {
		if (in->scaled)
			s->in_s[c] = ak_fx_scale(in->scale[c], (int)q->scale_bits);
		s->in_shift[c] = fb + s->a_fb - (in->fb[c] + s->in_s[c].fs);
	}
	for (size_t c = 0; c < s->channels; c++)
		s->fb[c] = fb;
	return 0;
}

static int make_token(struct ak_sim_node *s, const struct ak_node *n, const struct ak_sim_node *in)
{
	bool last = n->axis == n->rank; /* the input has one axis more */

	type_copy(s, in);
	for (size_t c = 0; last && c < s->channels; c++) {
		s->fb[c] = in->fb[n->token];
		s->scale[c] = in->scale[n->token];
	}
	return 0;
}

static int make_output(struct ak_sim_node *s, const struct ak_node *n)
{
	const struct ak_node_quant *q = &n->quant;

	if (!q->active || !q->has_output)
		return 0;
	s->out_s = calloc(s->channels, sizeof(*s->out_s));
	s->out_shift = malloc(s->channels * sizeof(*s->out_shift));
	if (!s->out_s || !s->out_shift)
		return -ENOMEM;
	s->out_vb = (int)q->out_bits - q->out_signed;
	for (size_t c = 0; c < s->channels; c++) {
		size_t r = q->out_per_axis ? c : 0;
		int fb = ak_fx_max_fb(s->out_vb, q->range_max[r]);

		if (s->scaled)
			s->out_s[c] = ak_fx_scale(s->scale[c] * (q->rescaling_rate ? q->rescaling_rate[r] : 1.0f),
						  (int)q->scale_bits);
		s->out_shift[c] = fb - (s->fb[c] + s->out_s[c].fs);
		s->fb[c] = fb;
		s->scale[c] = 1.0f;
	}
	s->scaled = false;
	return 0;
}

static int make_reshape(struct ak_sim_node *s, const struct ak_sim_node *in)
{
	int fb, err = align_input(in, &s->align[0], &fb);

	type_copy(s, in);
	for (size_t c = 0; c < s->channels; c++)
		s->fb[c] = fb;
	return err;
}

static int make_node(struct ak_sim *sim, uint32_t i)
{
	const struct ak_node *n = &sim->g->nodes[i];
	struct ak_sim_node *s = &sim->nodes[i];
	const struct ak_sim_node *in = n->input_count ? &sim->nodes[n->inputs[0]] : NULL;
	int err;

	if (n->op == AK_OP_DEQUANTIZER || (in && !in->integer))
		return 0;
	if (n->quant.legacy || n->scale_channels || n->pad_channels)
		return -EOPNOTSUPP;
	err = type_init(s, n);
	if (err || n->op == AK_OP_INPUT)
		return err;
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_DENSE:
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		err = make_weighted(s, n, in);
		break;
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		err = make_weighted(s, n, in);
		if (!err)
			err = make_state(s, n, &sim->g->nodes[n->inputs[0]]);
		break;
	case AK_OP_STATEFUL_PROJECTION:
		err = make_projection(s, n, in);
		break;
	case AK_OP_STATEFUL_RECURRENT: /* its output quantizer is part of it */
		return make_recurrent(s, n, in, &sim->g->nodes[n->inputs[0]]);
	case AK_OP_EXTRACT_TOKEN:
		err = make_token(s, n, in);
		break;
	case AK_OP_CONCATENATE:
		err = make_concatenate(sim, s, n);
		break;
	case AK_OP_ACTIVATION:
		err = make_lut(s, n, in);
		break;
	case AK_OP_RESCALING:
		type_copy(s, in);
		s->scaled = true;
		for (size_t c = 0; c < s->channels; c++)
			s->scale[c] *= n->scale;
		break;
	case AK_OP_RELU:
		type_copy(s, in);
		err = make_relu(s, n);
		break;
	case AK_OP_MAXPOOL:
	case AK_OP_DROPOUT:
		type_copy(s, in);
		break;
	case AK_OP_GAP:
		type_copy(s, in);
		s->scaled = true;
		for (size_t c = 0; c < s->channels; c++)
			s->scale[c] /= (float)(ak_node_elements(&sim->g->nodes[n->inputs[0]]) / s->channels);
		break;
	case AK_OP_FLATTEN:
	case AK_OP_RESHAPE:
		err = make_reshape(s, in);
		break;
	case AK_OP_ADD:
		if (n->input_count != 2)
			return -EOPNOTSUPP;
		err = make_add(s, in, &sim->nodes[n->inputs[1]]);
		if (!err && n->average)
			halve(s);
		break;
	default:
		return -EOPNOTSUPP;
	}
	return err ? err : make_output(s, n);
}

int ak_sim_create(const struct akida_graph *g, struct ak_sim **out, struct akida_diag *diag)
{
	struct ak_sim *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for its integer form");
	s->g = g;
	s->nodes = calloc(g->count, sizeof(*s->nodes));
	if (!s->nodes) {
		free(s);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, g->name, "no memory for its integer form");
	}
	for (uint32_t i = 0; i < g->count && !err; i++) {
		err = make_node(s, i);
		if (err == -EOPNOTSUPP)
			ak_fail(diag, err, AK_RULE_QUANT_LAYER, g->nodes[i].name, "%s has no quantized form",
				ak_op_class(g->nodes[i].op));
		else if (err)
			ak_fail(diag, err, AK_RULE_NOMEM, g->nodes[i].name, "no memory for its integer form");
	}
	if (err)
		ak_sim_destroy(s);
	else
		*out = s;
	return err;
}
