/* SPDX-License-Identifier: MIT */
/*
 * What QuantizeML's layers compute, in integers (reference: quantization 2.5). Number types, integer weights, biases and
 * output scales follow from the graph alone and are made once, by ak_sim_create; a sample then only
 * moves integers. Keras simulates this in float32 and loses bits above 2^24; here nothing is lost.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "fixedpoint.h"
#include "infer.h"

/* How one node computes and what type its outputs have. */
struct sim_node {
	bool integer;	 /* false: float, behind the Dequantizer */
	bool scaled;	 /* QFloat: has a scale; else FixedPoint */
	size_t channels; /* last axis of the output */
	int *fb;	 /* [channels] */
	float *scale;	 /* [channels] */

	int *align[AK_MAX_INPUTS]; /* [channels of the input] left shift that brings it to one fb; NULL: none */
	int8_t *q, *q_pw;	   /* integer weights, layout as in Keras */
	int64_t *bias;		   /* [channels] aligned */
	int64_t *max;		   /* [channels] ReLU bound, aligned */
	int64_t pad;		   /* padding value as an integer */
	struct ak_fx_scale *out_s; /* [channels] output quantizer; s 0: no scale */
	int *out_shift;		   /* [channels]; NULL without output quantizer */
	int out_vb;
};

struct ak_sim {
	const struct akida_graph *g;
	struct sim_node *nodes;
};

static void sim_node_fini(struct sim_node *s)
{
	free(s->fb);
	free(s->scale);
	for (int k = 0; k < AK_MAX_INPUTS; k++)
		free(s->align[k]);
	free(s->q);
	free(s->q_pw);
	free(s->bias);
	free(s->max);
	free(s->out_s);
	free(s->out_shift);
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

static int type_init(struct sim_node *s, const struct ak_node *n)
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
static void type_copy(struct sim_node *s, const struct sim_node *in)
{
	s->scaled = in->scaled;
	for (size_t c = 0; c < s->channels; c++) {
		s->fb[c] = in->fb[c % in->channels];
		s->scale[c] = in->scale[c % in->channels];
	}
}

/* Shifts that bring all channels of an input to its largest fb, which is returned; no array when all are equal. */
static int align_input(const struct sim_node *in, int **shifts, int *fb)
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

static int make_bias(struct sim_node *s, const struct ak_node *n)
{
	const struct ak_weight *bias = ak_node_weight(n, "bias");

	s->bias = calloc(s->channels, sizeof(*s->bias));
	if (!s->bias)
		return -ENOMEM;
	for (size_t c = 0; bias && c < s->channels; c++)
		s->bias[c] = ak_fx_align(bias->data[c], fabsf(bias->data[c]), s->scale[c], s->fb[c],
					 (int)n->quant.bias_bits - 1, (int)n->quant.buffer_bits - 1)
				     .aligned;
	return 0;
}

static int make_weighted(struct sim_node *s, const struct ak_node *n, const struct sim_node *in)
{
	const struct ak_weight *w = &n->weights[0], *pw = ak_node_weight(n, "pointwise_kernel");
	size_t channels = s->channels;
	float depthwise = 1.0f;
	int fb = 0, err = 0;

	if (n->op != AK_OP_DEPTHWISE)
		err = align_input(in, &s->align[0], &fb);
	s->q = malloc(w->count);
	s->q_pw = pw ? malloc(pw->count) : NULL;
	if (err || !s->q || (pw && !s->q_pw))
		return -ENOMEM;
	if (pw) {
		ak_fx_weights(w->data, 1, 1, w->count, n->quant.weight_bits, s->q, &depthwise);
		ak_fx_weights(pw->data, pw->count / channels, channels, 1, n->quant.weight_bits, s->q_pw, s->scale);
	} else if (n->op == AK_OP_DEPTHWISE) {
		ak_fx_weights(w->data, w->dims[0] * w->dims[1], channels, 1, n->quant.weight_bits, s->q, s->scale);
	} else {
		ak_fx_weights(w->data, w->count / channels, channels, 1, n->quant.weight_bits, s->q, s->scale);
	}
	s->scaled = true;
	for (size_t c = 0; c < channels; c++) {
		bool own = n->op == AK_OP_DEPTHWISE;

		s->fb[c] = own ? in->fb[c] : fb;
		s->scale[c] = depthwise * s->scale[c] * in->scale[own ? c : 0];
	}
	if (n->padded) /* reference 2.4: value bits of the weights */
		s->pad = ak_fx_align(n->pad_value, fabsf(n->pad_value), in->scale[0], in->fb[0],
				     (int)n->quant.weight_bits - 1, 16)
				 .aligned;
	return make_bias(s, n);
}

static int make_relu(struct sim_node *s, const struct ak_node *n)
{
	if (!n->bounded)
		return 0;
	s->max = malloc(s->channels * sizeof(*s->max));
	if (!s->max)
		return -ENOMEM;
	for (size_t c = 0; c < s->channels; c++)
		s->max[c] = ak_fx_align(n->max_value, n->max_value, s->scale[c], s->fb[c], (int)n->quant.max_value_bits,
					(int)n->quant.buffer_bits)
				    .aligned;
	return 0;
}

static int make_add(struct sim_node *s, const struct sim_node *a, const struct sim_node *b)
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

static int make_output(struct sim_node *s, const struct ak_node *n)
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

static int make_reshape(struct sim_node *s, const struct sim_node *in)
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
	struct sim_node *s = &sim->nodes[i];
	const struct sim_node *in = n->input_count ? &sim->nodes[n->inputs[0]] : NULL;
	int err;

	if (n->op == AK_OP_DEQUANTIZER || (in && !in->integer))
		return 0;
	if (n->quant.legacy || n->scale_channels || n->pad_channels || n->average ||
	    (n->op == AK_OP_ADD && n->input_count > 2))
		return -EOPNOTSUPP;
	err = type_init(s, n);
	if (err || n->op == AK_OP_INPUT)
		return err;
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
	case AK_OP_DENSE:
		err = make_weighted(s, n, in);
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
		err = make_add(s, in, &sim->nodes[n->inputs[1]]);
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

/* ---- one sample ---- */

struct geometry {
	uint32_t in_h, in_w, in_c;
	int top, left;
};

static int pad_before(uint32_t in, uint32_t kernel, uint32_t stride, uint32_t dilation, bool same)
{
	uint32_t out = (in + stride - 1) / stride, reach = (out - 1) * stride + (kernel - 1) * dilation + 1;

	return same && reach > in ? (int)((reach - in) / 2) : 0;
}

static struct geometry geometry_of(const struct ak_node *n, const struct ak_node *in)
{
	bool pool = n->op == AK_OP_MAXPOOL;
	struct geometry g = {in->dims[0], in->dims[1], in->dims[2], 0, 0};

	g.top = pad_before(g.in_h, n->kernel_h, n->stride_h, pool ? 1 : n->dilation_h, n->same);
	g.left = pad_before(g.in_w, n->kernel_w, n->stride_w, pool ? 1 : n->dilation_w, n->same);
	return g;
}

/* Input vector under tap k of the window at (y, x), or NULL in the padding. */
static const int64_t *tap(const struct ak_node *n, const struct geometry *g, const int64_t *in, uint32_t y, uint32_t x,
			  uint32_t k)
{
	bool pool = n->op == AK_OP_MAXPOOL;
	int64_t iy = (int64_t)y * n->stride_h + (int64_t)(k / n->kernel_w) * (pool ? 1 : n->dilation_h) - g->top;
	int64_t ix = (int64_t)x * n->stride_w + (int64_t)(k % n->kernel_w) * (pool ? 1 : n->dilation_w) - g->left;

	if (iy < 0 || ix < 0 || iy >= g->in_h || ix >= g->in_w)
		return NULL;
	return in + ((size_t)iy * g->in_w + (size_t)ix) * g->in_c;
}

static void add_row(int64_t *out, int64_t v, const int8_t *w, size_t n)
{
	for (size_t f = 0; f < n; f++)
		out[f] += v * w[f];
}

static void conv_at(const struct ak_node *n, const struct sim_node *s, const struct geometry *g, const int64_t *in,
		    uint32_t y, uint32_t x, int64_t *out)
{
	uint32_t per_group = g->in_c / n->groups, filters = n->filters / n->groups;

	for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
		const int64_t *v = tap(n, g, in, y, x, k);
		const int8_t *w = s->q + (size_t)k * per_group * n->filters;

		for (uint32_t c = 0; (v || s->pad) && c < g->in_c; c++) {
			uint32_t group = c / per_group;

			add_row(out + group * filters, v ? v[c] : s->pad,
				w + (size_t)(c % per_group) * n->filters + group * filters, filters);
		}
	}
}

static void depthwise_at(const struct ak_node *n, const struct sim_node *s, const struct geometry *g, const int64_t *in,
			 uint32_t y, uint32_t x, int64_t *out)
{
	uint32_t dm = n->depth_multiplier;

	for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
		const int64_t *v = tap(n, g, in, y, x, k);

		for (uint32_t c = 0; v && c < g->in_c * dm; c++)
			out[c] += v[c / dm] * s->q[(size_t)k * g->in_c * dm + c];
	}
}

static int run_conv(const struct ak_node *n, const struct sim_node *s, const struct ak_node *in_node, const int64_t *in,
		    int64_t *out)
{
	struct geometry g = geometry_of(n, in_node);
	size_t depth = (size_t)g.in_c * n->depth_multiplier;
	int64_t *tmp = calloc(depth, sizeof(*tmp));

	if (!tmp)
		return -ENOMEM;
	for (uint32_t p = 0; p < n->dims[0] * n->dims[1]; p++, out += n->dims[2]) {
		uint32_t y = p / n->dims[1], x = p % n->dims[1];

		memset(out, 0, n->dims[2] * sizeof(*out));
		if (n->op == AK_OP_CONV2D) {
			conv_at(n, s, &g, in, y, x, out);
		} else if (n->op == AK_OP_DEPTHWISE) {
			depthwise_at(n, s, &g, in, y, x, out);
		} else {
			memset(tmp, 0, depth * sizeof(*tmp));
			depthwise_at(n, s, &g, in, y, x, tmp);
			for (size_t c = 0; c < depth; c++)
				add_row(out, tmp[c], s->q_pw + c * n->filters, n->filters);
		}
	}
	free(tmp);
	return 0;
}

static void run_dense(const struct ak_node *n, const struct sim_node *s, const struct ak_node *in_node,
		      const int64_t *in, int64_t *out)
{
	size_t inputs = in_node->dims[in_node->rank - 1], rows = ak_node_elements(n) / n->filters;

	memset(out, 0, rows * n->filters * sizeof(*out));
	for (size_t r = 0; r < rows; r++, in += inputs, out += n->filters)
		for (size_t i = 0; i < inputs; i++)
			if (in[i])
				add_row(out, in[i], s->q + i * n->filters, n->filters);
}

static void run_maxpool(const struct ak_node *n, const struct ak_node *in_node, const int64_t *in, int64_t *out)
{
	struct geometry g = geometry_of(n, in_node);

	for (uint32_t p = 0; p < n->dims[0] * n->dims[1]; p++, out += g.in_c) {
		for (uint32_t c = 0; c < g.in_c; c++)
			out[c] = INT64_MIN;
		for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
			const int64_t *v = tap(n, &g, in, p / n->dims[1], p % n->dims[1], k);

			for (uint32_t c = 0; v && c < g.in_c; c++)
				out[c] = v[c] > out[c] ? v[c] : out[c];
		}
	}
}

/* Once on the finished sum, once after the bias (2.5). */
static void finish_sums(const struct ak_node *n, const struct sim_node *s, int64_t *out, size_t count)
{
	int vb = (int)n->quant.buffer_bits - 1;

	for (size_t i = 0; i < count; i++)
		out[i] = ak_fx_sat(ak_fx_sat(out[i], vb) + s->bias[i % s->channels], vb);
}

static void run_relu(const struct sim_node *s, const int64_t *in, int64_t *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t v = in[i] > 0 ? in[i] : 0;

		out[i] = s->max && v > s->max[i % s->channels] ? s->max[i % s->channels] : v;
	}
}

static void quantize_output(const struct sim_node *s, int64_t *out, size_t count)
{
	for (size_t i = 0; s->out_shift && i < count; i++) {
		size_t c = i % s->channels;
		int64_t t = s->out_s[c].s ? ak_fx_sat(out[i] * s->out_s[c].s, 32) : out[i];

		out[i] = ak_fx_rescale(t, s->out_shift[c], s->out_vb);
	}
}

/* An input brought to one fb per tensor; NULL when out of memory, the input itself when nothing is to do. */
static const int64_t *aligned(const int *shift, const int64_t *in, size_t count, size_t channels, int64_t **tmp)
{
	if (!shift)
		return in;
	*tmp = malloc(count * sizeof(**tmp));
	for (size_t i = 0; *tmp && i < count; i++)
		(*tmp)[i] = ak_fx_rescale(in[i], shift[i % channels], 32);
	return *tmp;
}

static int run_integer(const struct ak_sim *sim, uint32_t i, int64_t *const *values, int64_t *out)
{
	const struct ak_node *n = &sim->g->nodes[i], *in_node[AK_MAX_INPUTS] = {0};
	const struct sim_node *s = &sim->nodes[i];
	const int64_t *in[AK_MAX_INPUTS] = {0};
	int64_t *tmp[AK_MAX_INPUTS] = {0};
	size_t count = ak_node_elements(n);
	int err = 0;

	for (uint32_t k = 0; k < n->input_count && !err; k++) {
		in_node[k] = &sim->g->nodes[n->inputs[k]];
		in[k] = aligned(s->align[k], values[n->inputs[k]], ak_node_elements(in_node[k]),
				sim->nodes[n->inputs[k]].channels, &tmp[k]);
		err = in[k] ? 0 : -ENOMEM;
	}
	if (err)
		goto free_tmp;
	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		err = run_conv(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_DENSE:
		run_dense(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_RELU:
		run_relu(s, in[0], out, count);
		break;
	case AK_OP_MAXPOOL:
		run_maxpool(n, in_node[0], in[0], out);
		break;
	case AK_OP_GAP:
		memset(out, 0, count * sizeof(*out));
		for (size_t e = 0; e < ak_node_elements(in_node[0]); e++)
			out[e % count] += in[0][e];
		break;
	case AK_OP_ADD:
		for (size_t e = 0; e < count; e++)
			out[e] = in[0][e] + in[1][e];
		break;
	default:
		memcpy(out, in[0], count * sizeof(*out));
		break;
	}
	if (!err && s->bias)
		finish_sums(n, s, out, count);
	if (!err)
		quantize_output(s, out, count);
free_tmp:
	for (int k = 0; k < AK_MAX_INPUTS; k++)
		free(tmp[k]);
	return err;
}

static void take_input(const struct ak_node *n, const float *x, int64_t *out)
{
	size_t count = ak_node_elements(n);

	for (size_t e = 0; e < count; e++)
		out[e] = x[e] > 0 ? (x[e] < 255 ? (int64_t)x[e] : 255) : 0;
}

/* Integers of the last quantized layer as float; nodes behind it run in float. */
static int run_float(const struct ak_sim *sim, uint32_t i, int64_t *const *values, float *const *floats, float *out)
{
	const struct ak_node *n = &sim->g->nodes[i], *in_nodes[AK_MAX_INPUTS] = {0};
	const struct sim_node *from = &sim->nodes[n->inputs[0]];
	const float *in[AK_MAX_INPUTS] = {0};

	if (n->op == AK_OP_DEQUANTIZER && from->integer) {
		for (size_t e = 0; e < ak_node_elements(n); e++) {
			size_t c = e % from->channels;

			out[e] = ldexpf((float)values[n->inputs[0]][e], -from->fb[c]) * from->scale[c];
		}
		return 0;
	}
	for (uint32_t k = 0; k < n->input_count; k++) {
		in_nodes[k] = &sim->g->nodes[n->inputs[k]];
		in[k] = floats[n->inputs[k]];
		if (!in[k])
			return -EOPNOTSUPP; /* one input in integers, one in float */
	}
	return ak_node_forward(n, in_nodes, in, 1, out);
}

/* The graph ends in integers: give them their value, as the Dequantizer would. */
static void hand_out(const struct ak_sim *sim, int64_t *const *values, float *const *floats, float *out)
{
	const struct sim_node *s = &sim->nodes[sim->g->output];
	size_t count = ak_node_elements(&sim->g->nodes[sim->g->output]);

	if (!s->integer) {
		memcpy(out, floats[sim->g->output], count * sizeof(*out));
		return;
	}
	for (size_t e = 0; e < count; e++)
		out[e] = ldexpf((float)values[sim->g->output][e], -s->fb[e % s->channels]) * s->scale[e % s->channels];
}

int ak_sim_run(const struct ak_sim *sim, const float *x, ak_sim_visit visit, void *context, float *out)
{
	const struct akida_graph *g = sim->g;
	int64_t **values = calloc(g->count, sizeof(*values));
	float **floats = calloc(g->count, sizeof(*floats));
	int err = values && floats ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->count && !err; i++) {
		const struct sim_node *s = &sim->nodes[i];
		size_t count = ak_node_elements(&g->nodes[i]);
		struct ak_sim_values seen = {NULL, s->fb, s->scale, count, s->channels};

		if (s->integer)
			values[i] = malloc(count * sizeof(int64_t));
		else
			floats[i] = malloc(count * sizeof(float));
		if (!values[i] && !floats[i])
			err = -ENOMEM;
		else if (g->nodes[i].op == AK_OP_INPUT)
			take_input(&g->nodes[i], x, values[i]);
		else if (s->integer)
			err = run_integer(sim, i, values, values[i]);
		else
			err = run_float(sim, i, values, floats, floats[i]);
		seen.v = values[i];
		if (!err && visit)
			visit(context, i, &seen);
	}
	if (!err && out)
		hand_out(sim, values, floats, out);
	for (uint32_t i = 0; i < g->count; i++) {
		if (values)
			free(values[i]);
		if (floats)
			free(floats[i]);
	}
	free(values);
	free(floats);
	return err;
}
