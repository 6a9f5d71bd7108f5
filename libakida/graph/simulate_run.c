/* SPDX-License-Identifier: MIT */
/*
 * What QuantizeML's layers compute, in integers (reference: quantization 2.5). Keras simulates this in float32 and loses
 * bits above 2^24; here nothing is lost.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "shape.h"
#include "simulate.h"

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

static void conv_at(const struct ak_node *n, const struct ak_sim_node *s, const struct geometry *g, const int64_t *in,
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

static void depthwise_at(const struct ak_node *n, const struct ak_sim_node *s, const struct geometry *g,
			 const int64_t *in, uint32_t y, uint32_t x, int64_t *out)
{
	uint32_t dm = n->depth_multiplier;

	for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
		const int64_t *v = tap(n, g, in, y, x, k);

		for (uint32_t c = 0; v && c < g->in_c * dm; c++)
			out[c] += v[c / dm] * s->q[(size_t)k * g->in_c * dm + c];
	}
}

static int run_conv(const struct ak_node *n, const struct ak_sim_node *s, const struct ak_node *in_node,
		    const int64_t *in, int64_t *out)
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

/* Output y takes input i at tap y + before - i * stride, as the gradient of the Same convolution of that stride does. */
static void transpose_at(const struct ak_node *n, const struct ak_sim_node *s, const struct ak_node *in_node,
			 const int64_t *in, uint32_t y, uint32_t x, int64_t *out)
{
	uint32_t c = in_node->dims[2], filters = n->dims[2];
	int top = pad_before(n->dims[0], n->kernel_h, n->stride_h, 1, n->same);
	int left = pad_before(n->dims[1], n->kernel_w, n->stride_w, 1, n->same);

	for (uint32_t k = 0; k < n->kernel_h * n->kernel_w; k++) {
		int64_t ty = (int64_t)y + top - k / n->kernel_w, tx = (int64_t)x + left - k % n->kernel_w;
		const int64_t *v;

		if (ty < 0 || tx < 0 || ty % n->stride_h || tx % n->stride_w)
			continue;
		ty /= n->stride_h;
		tx /= n->stride_w;
		if (ty >= in_node->dims[0] || tx >= in_node->dims[1])
			continue;
		v = in + ((size_t)ty * in_node->dims[1] + (size_t)tx) * c;
		for (uint32_t f = 0; f < filters; f++) {
			const int8_t *w = s->q + ((size_t)k * filters + f) * c;

			if (n->op == AK_OP_DEPTHWISE_TRANSPOSE)
				out[f] += v[f] * s->q[(size_t)k * c + f];
			else
				for (uint32_t i = 0; i < c; i++)
					out[f] += v[i] * w[i];
		}
	}
}

static void run_transpose(const struct ak_node *n, const struct ak_sim_node *s, const struct ak_node *in_node,
			  const int64_t *in, int64_t *out)
{
	memset(out, 0, ak_node_elements(n) * sizeof(*out));
	for (uint32_t p = 0; p < n->dims[0] * n->dims[1]; p++, out += n->dims[2])
		transpose_at(n, s, in_node, in, p / n->dims[1], p % n->dims[1], out);
}

/* The oldest frame goes, this one comes; then a product over frames and channels at every position. */
static void run_temporal(const struct ak_node *n, struct ak_sim_node *s, const struct ak_node *in_node,
			 const int64_t *in, int64_t *out)
{
	size_t c = in_node->dims[2], frame = ak_node_elements(in_node), filters = n->dims[2];

	memmove(s->state, s->state + frame, (s->state_count - frame) * sizeof(*s->state));
	memcpy(s->state + s->state_count - frame, in, frame * sizeof(*s->state));
	memset(out, 0, ak_node_elements(n) * sizeof(*out));
	for (size_t p = 0; p < frame / c; p++, out += filters)
		for (size_t t = 0; t < n->kernel_t; t++) {
			const int64_t *v = s->state + t * frame + p * c;

			for (size_t i = 0; i < c; i++) {
				if (n->op == AK_OP_BUFFER_TEMP_CONV)
					add_row(out, v[i], s->q + (t * c + i) * filters, filters);
				else
					out[i] += v[i] * s->q[t * c + i];
			}
		}
}

static void run_projection(const struct ak_node *n, const struct ak_sim_node *s, const struct ak_node *in_node,
			   const int64_t *in, int64_t *out)
{
	uint32_t steps, channels, sub = n->subsample ? n->subsample : 1;

	ak_projection_input(n, in_node, &steps, &channels);
	memset(out, 0, ak_node_elements(n) * sizeof(*out));
	for (uint32_t r = 0; r < steps / sub; r++, out += n->filters) {
		const int64_t *x = in + ((size_t)r * sub + sub - 1) * channels;

		for (uint32_t c = 0; c < channels; c++)
			add_row(out, x[c], s->q + (size_t)c * n->filters, n->filters);
	}
}

/* Every product and every sum saturates to the buffer; the new state is rounded to its own bits. */
static void run_recurrent(const struct ak_node *n, struct ak_sim_node *s, const struct ak_node *in_node,
			  const int64_t *in, int64_t *out)
{
	size_t channels = in_node->dims[in_node->rank - 1];
	const int32_t *a_re = s->a, *a_im = s->a + channels;
	int64_t *re = s->state, *im = s->state + channels;
	int vb = (int)n->quant.buffer_bits - 1;

	for (size_t t = 0; t < in_node->dims[0]; t++)
		for (size_t c = 0; c < channels; c++, in++, out += 2) {
			int64_t x = s->in_s[c].s ? ak_fx_sat(*in * s->in_s[c].s, s->in_vb) : *in;
			int64_t real = ak_fx_sat(ak_fx_sat(re[c] * a_re[c], vb) - ak_fx_sat(im[c] * a_im[c], vb), vb);
			int64_t imag = ak_fx_sat(ak_fx_sat(re[c] * a_im[c], vb) + ak_fx_sat(im[c] * a_re[c], vb), vb);

			real = ak_fx_sat(real + ak_fx_rescale(x, s->in_shift[c], s->in_vb), vb);
			out[0] = re[c] = ak_fx_rescale(real, -s->a_fb, s->out_vb);
			out[1] = im[c] = ak_fx_rescale(imag, -s->a_fb, s->out_vb);
		}
}

/* One index of an axis: blocks of the axes behind it, as many as the axes before it say. */
static void run_token(const struct ak_node *n, const struct ak_node *in_node, const int64_t *in, int64_t *out)
{
	size_t inner = 1, outer = 1;

	for (uint32_t i = 0; i < in_node->rank; i++)
		*(i < n->axis ? &outer : &inner) *= i == n->axis ? 1 : in_node->dims[i];
	for (size_t o = 0; o < outer; o++)
		memcpy(out + o * inner, in + (o * in_node->dims[n->axis] + n->token) * inner, inner * sizeof(*out));
}

static void run_concatenate(const struct ak_node *n, const struct ak_node *const *in_node, const int64_t *const *in,
			    int64_t *out)
{
	size_t all = n->dims[n->rank - 1], rows = ak_node_elements(n) / all, at = 0;

	for (uint32_t k = 0; k < n->input_count; k++) {
		size_t part = in_node[k]->dims[n->rank - 1];

		for (size_t r = 0; r < rows; r++)
			memcpy(out + r * all + at, in[k] + r * part, part * sizeof(*out));
		at += part;
	}
}

static void run_dense(const struct ak_node *n, const struct ak_sim_node *s, const struct ak_node *in_node,
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
static void finish_sums(const struct ak_node *n, const struct ak_sim_node *s, int64_t *out, size_t count)
{
	int vb = (int)n->quant.buffer_bits - 1;

	for (size_t i = 0; i < count; i++)
		out[i] = ak_fx_sat(ak_fx_sat(out[i], vb) + s->bias[i % s->channels].aligned, vb);
}

static void run_relu(const struct ak_sim_node *s, const int64_t *in, int64_t *out, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int64_t v = in[i] > 0 ? in[i] : 0;

		out[i] = s->max && v > s->max[i % s->channels].aligned ? s->max[i % s->channels].aligned : v;
	}
}

static void quantize_output(const struct ak_sim_node *s, int64_t *out, size_t count)
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

static int run_integer(struct ak_sim *sim, uint32_t i, int64_t *const *values, int64_t *out)
{
	const struct ak_node *n = &sim->g->nodes[i], *in_node[AK_MAX_INPUTS] = {0};
	struct ak_sim_node *s = &sim->nodes[i];
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
	case AK_OP_CONV2D_TRANSPOSE:
	case AK_OP_DEPTHWISE_TRANSPOSE:
		run_transpose(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_BUFFER_TEMP_CONV:
	case AK_OP_DEPTHWISE_BUFFER_TEMP_CONV:
		run_temporal(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_STATEFUL_PROJECTION:
		run_projection(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_STATEFUL_RECURRENT:
		run_recurrent(n, s, in_node[0], in[0], out);
		break;
	case AK_OP_EXTRACT_TOKEN:
		run_token(n, in_node[0], in[0], out);
		break;
	case AK_OP_CONCATENATE:
		run_concatenate(n, in_node, in, out);
		break;
	case AK_OP_ACTIVATION:
		for (size_t e = 0; e < count; e++)
			out[e] = s->lut[in[0][e] + AK_SIM_LUT / 2];
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
	float low = n->input_i8 ? -128 : 0, high = n->input_i8 ? 127 : 255;
	size_t count = ak_node_elements(n);

	for (size_t e = 0; e < count; e++)
		out[e] = x[e] > low ? (x[e] < high ? (int64_t)x[e] : (int64_t)high) : (int64_t)low;
}

/* Integers of the last quantized layer as float; nodes behind it run in float. */
static int run_float(const struct ak_sim *sim, uint32_t i, int64_t *const *values, float *const *floats, float *out)
{
	const struct ak_node *n = &sim->g->nodes[i], *in_nodes[AK_MAX_INPUTS] = {0};
	const struct ak_sim_node *from = &sim->nodes[n->inputs[0]];
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
	const struct ak_sim_node *s = &sim->nodes[sim->g->output];
	size_t count = ak_node_elements(&sim->g->nodes[sim->g->output]);

	if (!s->integer) {
		memcpy(out, floats[sim->g->output], count * sizeof(*out));
		return;
	}
	for (size_t e = 0; e < count; e++)
		out[e] = ldexpf((float)values[sim->g->output][e], -s->fb[e % s->channels]) * s->scale[e % s->channels];
}

int ak_sim_run(struct ak_sim *sim, const float *x, ak_sim_visit visit, void *context, float *out)
{
	const struct akida_graph *g = sim->g;
	int64_t **values = calloc(g->count, sizeof(*values));
	float **floats = calloc(g->count, sizeof(*floats));
	int err = values && floats ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < g->count && !err; i++) {
		const struct ak_sim_node *s = &sim->nodes[i];
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
