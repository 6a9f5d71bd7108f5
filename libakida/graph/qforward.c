/* SPDX-License-Identifier: MIT */
/*
 * Inference of a quantized graph with its quantizers simulated on exact integers (reference: quantization 2.2 to 2.5),
 * from the float master weights, one sample at a time. Where QuantizeML carries integers in float32 and loses bits
 * beyond 2^24, this does not: it is what the converted model computes. Layers after the Dequantizer run in float.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "fixedpoint.h"
#include "forward.h"

#define MAC_EXACT 262144.0 /* |x| * |w| below this: ak_mac is exact */
#define FLOAT_EXACT ((int64_t)1 << 24)

/* Integers of one layer's output: value v[i] * 2^-fb[i % n_fb] * scale[i % n_scale]; float values when not integer. */
struct tensor {
	bool integer, scaled;
	int vb;
	size_t count, n_fb, n_scale;
	int *fb;
	float *scale;
	int64_t *v;
	float *f;
};

/* Integer weights of a node, as floats for ak_mac. */
struct kernels {
	float *w, *pointwise;
	float *scale; /* per filter; the product of both for a separable layer */
	size_t n_scale;
	double max_abs;
};

struct ak_qforward {
	const struct akida_graph *g;
	struct kernels *kernels; /* per node */
	struct tensor *tensors;
};

static void tensor_fini(struct tensor *t)
{
	free(t->fb);
	free(t->scale);
	free(t->v);
	free(t->f);
	memset(t, 0, sizeof(*t));
}

static int tensor_init(struct tensor *t, size_t count, size_t n_fb, size_t n_scale)
{
	memset(t, 0, sizeof(*t));
	t->integer = true;
	t->count = count;
	t->n_fb = n_fb;
	t->n_scale = n_scale ? n_scale : 1;
	t->scaled = n_scale > 0;
	t->fb = calloc(n_fb, sizeof(*t->fb));
	t->scale = malloc(t->n_scale * sizeof(*t->scale));
	t->v = malloc(count * sizeof(*t->v));
	if (!t->fb || !t->scale || !t->v) {
		tensor_fini(t);
		return -ENOMEM;
	}
	for (size_t i = 0; i < t->n_scale; i++)
		t->scale[i] = 1.0f;
	return 0;
}

/* An empty tensor with the number format of another. */
static int tensor_like(struct tensor *t, const struct tensor *from, size_t count)
{
	int err = tensor_init(t, count, from->n_fb, from->scaled ? from->n_scale : 0);

	if (err)
		return err;
	t->vb = from->vb;
	memcpy(t->fb, from->fb, from->n_fb * sizeof(*t->fb));
	memcpy(t->scale, from->scale, t->n_scale * sizeof(*t->scale));
	return 0;
}

/* ---- weights ---- */

static void kernels_fini(struct kernels *k)
{
	free(k->w);
	free(k->pointwise);
	free(k->scale);
}

static int quantize(const struct ak_weight *w, size_t outer, size_t channels, size_t inner, uint32_t bits, float **out,
		    float *scales)
{
	int8_t *q = malloc(w->count);

	*out = malloc(w->count * sizeof(**out));
	if (!q || !*out) {
		free(q);
		return -ENOMEM;
	}
	ak_fx_weights(w->data, outer, channels, inner, bits, q, scales);
	for (size_t i = 0; i < w->count; i++)
		(*out)[i] = q[i];
	free(q);
	return 0;
}

static int kernels_init(struct kernels *k, const struct ak_node *n)
{
	const struct ak_weight *kernel =
		ak_node_weight(n, n->op == AK_OP_CONV2D || n->op == AK_OP_DENSE ? "kernel" : "depthwise_kernel");
	uint32_t bits = n->quant.weight_bits ? n->quant.weight_bits : 8;
	size_t dm = n->depth_multiplier;
	float depth_scale;
	int err;

	k->max_abs = ldexp(1.0, (int)bits - 1);
	k->n_scale = n->op == AK_OP_DEPTHWISE ? kernel->count / (n->kernel_h * n->kernel_w) : n->filters;
	k->scale = malloc(k->n_scale * sizeof(*k->scale));
	if (!k->scale)
		return -ENOMEM;
	if (n->op == AK_OP_DEPTHWISE) { /* axis -2: one scale per input channel, shared by its multiples */
		size_t c = k->n_scale / dm;

		err = quantize(kernel, kernel->count / k->n_scale, c, dm, bits, &k->w, k->scale);
		for (size_t i = k->n_scale; !err && dm > 1 && i-- > 0;)
			k->scale[i] = k->scale[i / dm];
		return err;
	}
	if (n->op != AK_OP_SEPARABLE)
		return quantize(kernel, kernel->count / n->filters, n->filters, 1, bits, &k->w, k->scale);
	err = quantize(kernel, 1, 1, kernel->count, bits, &k->w, &depth_scale);
	kernel = ak_node_weight(n, "pointwise_kernel");
	if (!err)
		err = quantize(kernel, kernel->count / n->filters, n->filters, 1, bits, &k->pointwise, k->scale);
	for (size_t f = 0; f < n->filters && !err; f++)
		k->scale[f] *= depth_scale;
	return err;
}

/* ---- layers ---- */

/* A float or unsigned byte input becomes 8-bit integers: truncated, as a cast to the input type does. */
static int raw_input(struct tensor *t, const float *x, size_t count)
{
	int err = tensor_init(t, count, 1, 0);

	if (err)
		return err;
	t->vb = 8;
	for (size_t i = 0; i < count; i++)
		t->v[i] = x[i] > 0 ? (x[i] < 255 ? (int64_t)x[i] : 255) : 0;
	return 0;
}

static int max_fb_of(const struct tensor *t)
{
	int fb = t->fb[0];

	for (size_t i = 1; i < t->n_fb; i++)
		fb = t->fb[i] > fb ? t->fb[i] : fb;
	return fb;
}

/* Channels of a per-axis tensor shifted to one common fb (2.5: expand). */
static int expand(const struct tensor *in, int vb, struct tensor *out)
{
	int fb = max_fb_of(in), err = tensor_init(out, in->count, 1, in->scaled ? in->n_scale : 0);

	if (err)
		return err;
	out->vb = vb;
	out->fb[0] = fb;
	memcpy(out->scale, in->scale, out->n_scale * sizeof(*out->scale));
	for (size_t i = 0; i < in->count; i++)
		out->v[i] = ak_fx_rescale(in->v[i], fb - in->fb[i % in->n_fb], vb);
	return 0;
}

/* The accumulator's format: fb of the input, scales of weights and input multiplied. */
static int accumulator(struct tensor *acc, const struct ak_node *n, const struct kernels *k, const struct tensor *in)
{
	size_t n_fb = n->op == AK_OP_DEPTHWISE && in->n_fb > 1 ? k->n_scale : 1;
	int err = tensor_init(acc, ak_node_elements(n), n_fb, k->n_scale);

	if (err)
		return err;
	acc->vb = (int)n->quant.buffer_bits - 1;
	for (size_t i = 0; i < n_fb; i++)
		acc->fb[i] = n_fb > 1 ? in->fb[i / n->depth_multiplier] : in->fb[0];
	for (size_t i = 0; i < k->n_scale; i++)
		acc->scale[i] = k->scale[i] * (in->n_scale == 1 ? in->scale[0] : in->scale[i % in->n_scale]);
	return 0;
}

static void add_bias(const struct ak_node *n, struct tensor *acc)
{
	const struct ak_weight *bias = ak_node_weight(n, "bias");
	int vb = (int)n->quant.bias_bits - 1;
	size_t filters = acc->n_scale;
	float whole = 0;

	for (size_t i = 0; i < acc->count; i++)
		acc->v[i] = ak_fx_sat(acc->v[i], acc->vb);
	if (!bias)
		return;
	for (size_t f = 0; f < filters; f++)
		whole = fmaxf(whole, fabsf(bias->data[f]));
	for (size_t f = 0; f < filters; f++) {
		float b = bias->data[f], r = n->quant.bias_bits > 4 ? fabsf(b) : whole;
		int64_t aligned = ak_fx_align(b, r, acc->scale[f], acc->fb[f % acc->n_fb], vb, acc->vb).aligned;

		for (size_t i = f; i < acc->count; i += filters)
			acc->v[i] = ak_fx_sat(acc->v[i] + aligned, acc->vb);
	}
}

/* Sums of integers held in doubles are exact below 2^53; the float products only while they are small. */
static int check_exact(const struct ak_node *n, double largest_x, double max_w, struct akida_diag *diag)
{
	if (largest_x < (double)FLOAT_EXACT && largest_x * max_w < MAC_EXACT * 64)
		return 0;
	return ak_fail(diag, -EOPNOTSUPP, AK_RULE_GRAPH_SIZE, n->name,
		       "its integers are too large to be simulated exactly");
}

/* Exact for wider integers: slow, in double. */
static void mac_wide(const float *x, size_t channels, const float *w, size_t filters, double *acc)
{
	for (size_t c = 0; c < channels; c++)
		for (size_t f = 0; f < filters; f++)
			acc[f] += (double)x[c] * (double)w[c * filters + f];
}

static double largest(const struct tensor *t)
{
	int64_t top = 0;

	for (size_t i = 0; i < t->count; i++)
		top = llabs(t->v[i]) > top ? llabs(t->v[i]) : top;
	return (double)top;
}

static int pad_values(const struct ak_node *n, const struct tensor *in, size_t channels, float **out)
{
	float scale = in->scaled ? in->scale[0] : 1.0f;
	int bits = (int)(n->quant.weight_bits ? n->quant.weight_bits : 8);
	struct ak_fx_aligned a = ak_fx_align(n->pad_value, fabsf(n->pad_value), scale, in->fb[0], bits - 1, in->vb);

	*out = NULL;
	if (!n->padded)
		return 0;
	*out = malloc(channels * sizeof(**out));
	if (!*out)
		return -ENOMEM;
	for (size_t c = 0; c < channels; c++)
		(*out)[c] = (float)a.aligned;
	return 0;
}

struct window {
	const struct ak_node *n, *in_node;
	const struct kernels *k;
	float *x, *pad, *mid;
	double *acc, *depth;
	bool wide_mid;
};

static void window_pixel(const struct window *c, uint32_t oy, uint32_t ox)
{
	const struct ak_node *n = c->n;
	size_t mid = c->in_node->dims[2] * n->depth_multiplier;

	if (n->op == AK_OP_CONV2D) {
		ak_conv_pixel(n, c->in_node, c->x, c->k->w, c->pad, oy, ox, c->acc);
		return;
	}
	if (n->op == AK_OP_DEPTHWISE) {
		ak_depthwise_pixel(n, c->in_node, c->x, c->k->w, oy, ox, c->acc);
		return;
	}
	ak_depthwise_pixel(n, c->in_node, c->x, c->k->w, oy, ox, c->depth);
	for (size_t i = 0; i < mid; i++)
		c->mid[i] = (float)c->depth[i];
	memset(c->acc, 0, n->filters * sizeof(*c->acc));
	if (c->wide_mid)
		mac_wide(c->mid, mid, c->k->pointwise, n->filters, c->acc);
	else
		ak_mac(c->mid, mid, c->k->pointwise, n->filters, n->filters, c->acc);
}

static int run_window(const struct ak_node *n, const struct ak_node *in_node, const struct kernels *k,
		      const struct tensor *in, struct tensor *out, struct akida_diag *diag)
{
	size_t c = in_node->dims[2], mid = c * n->depth_multiplier, f = n->dims[2];
	double top = largest(in), top_mid = top * k->max_abs * n->kernel_h * n->kernel_w;
	struct window w = {.n = n, .in_node = in_node, .k = k, .wide_mid = top_mid * k->max_abs >= MAC_EXACT};
	int err;

	err = check_exact(n, n->op == AK_OP_SEPARABLE ? top_mid : top, n->op == AK_OP_CONV2D ? 64 * k->max_abs : 0,
			  diag);
	if (err)
		return err;
	w.x = malloc((in->count + mid) * sizeof(*w.x));
	w.acc = malloc((f + mid) * sizeof(*w.acc));
	err = w.x && w.acc ? pad_values(n, in, c, &w.pad) : -ENOMEM;
	if (!err)
		err = accumulator(out, n, k, in);
	if (err)
		goto free_window;
	w.mid = w.x + in->count;
	w.depth = w.acc + f;
	for (size_t i = 0; i < in->count; i++)
		w.x[i] = (float)in->v[i];
	for (uint32_t oy = 0; oy < n->dims[0]; oy++)
		for (uint32_t ox = 0; ox < n->dims[1]; ox++) {
			int64_t *to = out->v + ((size_t)oy * n->dims[1] + ox) * f;

			window_pixel(&w, oy, ox);
			for (size_t i = 0; i < f; i++)
				to[i] = (int64_t)w.acc[i];
		}
	add_bias(n, out);
free_window:
	free(w.x);
	free(w.acc);
	free(w.pad);
	return err;
}

static int run_dense(const struct ak_node *n, const struct ak_node *in_node, const struct kernels *k,
		     const struct tensor *in, struct tensor *out, struct akida_diag *diag)
{
	size_t inputs = in_node->dims[in_node->rank - 1], rows = in->count / inputs;
	int err = check_exact(n, largest(in), 64 * k->max_abs, diag);
	double *acc = malloc(n->filters * sizeof(*acc));
	float *x = malloc(inputs * sizeof(*x));

	if (!err)
		err = x && acc ? accumulator(out, n, k, in) : -ENOMEM;
	for (size_t r = 0; r < rows && !err; r++) {
		for (size_t i = 0; i < inputs; i++)
			x[i] = (float)in->v[r * inputs + i];
		memset(acc, 0, n->filters * sizeof(*acc));
		ak_mac(x, inputs, k->w, n->filters, n->filters, acc);
		for (size_t f = 0; f < n->filters; f++)
			out->v[r * n->filters + f] = (int64_t)acc[f];
	}
	free(x);
	free(acc);
	if (!err)
		add_bias(n, out);
	return err;
}

static int run_maxpool(const struct ak_node *n, const struct ak_node *in_node, const struct tensor *in,
		       struct tensor *out)
{
	int top = ak_pad_before(in_node->dims[0], n->dims[0], n->kernel_h, n->stride_h, 1, n->same);
	int left = ak_pad_before(in_node->dims[1], n->dims[1], n->kernel_w, n->stride_w, 1, n->same);
	int h = (int)in_node->dims[0], w = (int)in_node->dims[1];
	size_t channels = n->dims[2], at = 0;
	int err = tensor_like(out, in, ak_node_elements(n));

	if (err)
		return err;
	for (uint32_t oy = 0; oy < n->dims[0]; oy++)
		for (uint32_t ox = 0; ox < n->dims[1]; ox++)
			for (size_t c = 0; c < channels; c++) {
				int64_t best = INT64_MIN;

				for (int ky = 0; ky < (int)n->kernel_h; ky++)
					for (int kx = 0; kx < (int)n->kernel_w; kx++) {
						int y = (int)(oy * n->stride_h) + ky - top;
						int x = (int)(ox * n->stride_w) + kx - left;
						int64_t v;

						if (y < 0 || y >= h || x < 0 || x >= w)
							continue;
						v = in->v[((size_t)y * (size_t)w + (size_t)x) * channels + c];
						best = v > best ? v : best;
					}
				out->v[at++] = best;
			}
	return 0;
}

static int run_relu(const struct ak_node *n, const struct tensor *in, struct tensor *out)
{
	size_t period = in->n_fb > in->n_scale ? in->n_fb : in->n_scale;
	int err = tensor_like(out, in, in->count), buffer = (int)n->quant.buffer_bits;

	if (err)
		return err;
	out->vb = buffer > in->vb ? buffer : in->vb; /* treated as unsigned: no bit for the sign */
	for (size_t p = 0; p < period; p++) {
		int64_t top = INT64_MAX;

		if (n->bounded)
			top = ak_fx_align(n->max_value, n->max_value, in->scale[p % in->n_scale], in->fb[p % in->n_fb],
					  (int)n->quant.max_value_bits, out->vb)
				      .aligned;
		for (size_t i = p; i < in->count; i += period) {
			int64_t v = in->v[i] > 0 ? in->v[i] : 0;

			out->v[i] = v < top ? v : top;
		}
	}
	return 0;
}

/* The sum over the map; 1/(h*w) goes to the scales. */
static int run_gap(const struct ak_node *in_node, const struct tensor *in, struct tensor *out)
{
	size_t channels = in_node->dims[2], pixels = in->count / channels;
	int err = tensor_init(out, channels, in->n_fb, in->n_scale);

	if (err)
		return err;
	out->vb = 32;
	memcpy(out->fb, in->fb, in->n_fb * sizeof(*out->fb));
	for (size_t i = 0; i < in->n_scale; i++)
		out->scale[i] = in->scale[i] / (float)pixels;
	for (size_t c = 0; c < channels; c++) {
		int64_t sum = 0;

		for (size_t p = 0; p < pixels; p++)
			sum += in->v[p * channels + c];
		out->v[c] = ak_fx_sat(sum, out->vb);
	}
	return 0;
}

static int run_add(const struct ak_node *n, const struct tensor *a, const struct tensor *b, struct tensor *out,
		   struct akida_diag *diag)
{
	size_t n_fb = a->n_fb > b->n_fb ? a->n_fb : b->n_fb;
	int err;

	if (a->scaled || b->scaled)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_GRAPH_INPUTS, n->name,
			       "adds inputs that have no output quantizer");
	err = tensor_init(out, a->count, n_fb, 0);
	if (err)
		return err;
	out->vb = (int)n->quant.buffer_bits - 1;
	for (size_t i = 0; i < n_fb; i++) {
		int fa = a->fb[i % a->n_fb], fb = b->fb[i % b->n_fb];

		out->fb[i] = fa > fb ? fa : fb;
	}
	for (size_t i = 0; i < a->count; i++) {
		int fb = out->fb[i % n_fb];
		int64_t va = ak_fx_rescale(a->v[i], fb - a->fb[i % a->n_fb], out->vb);
		int64_t vb = ak_fx_rescale(b->v[i], fb - b->fb[i % b->n_fb], out->vb);

		out->v[i] = ak_fx_sat(va + vb, out->vb);
	}
	return 0;
}

static int run_rescaling(const struct ak_node *n, const struct tensor *in, struct tensor *out, struct akida_diag *diag)
{
	int err;

	if (n->offset != 0)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_GRAPH_ATTRIBUTE, n->name,
			       "a quantized Rescaling must have offset 0");
	err = tensor_init(out, in->count, in->n_fb, in->n_scale);
	if (err)
		return err;
	out->vb = in->vb;
	memcpy(out->fb, in->fb, in->n_fb * sizeof(*out->fb));
	for (size_t i = 0; i < in->n_scale; i++)
		out->scale[i] = in->scale[i] * n->scale;
	memcpy(out->v, in->v, in->count * sizeof(*out->v));
	return 0;
}

/* Output quantizer, in place. */
static int requantize(const struct ak_node *n, struct tensor *t)
{
	const struct ak_node_quant *q = &n->quant;
	int vb = (int)q->out_bits - (q->out_signed ? 1 : 0);
	size_t ranges = q->range_count, period = t->n_fb > t->n_scale ? t->n_fb : t->n_scale;
	struct tensor out;
	int err = tensor_init(&out, t->count, ranges, 0);

	if (err)
		return err;
	period = ranges > period ? ranges : period;
	out.vb = vb;
	for (size_t p = 0; p < period; p++) {
		struct ak_fx_scale s = {.s = 1, .fs = 0};
		int fb = ak_fx_max_fb(vb, q->range_max[p % ranges]), shift;

		if (t->scaled)
			s = ak_fx_scale(t->scale[p % t->n_scale] *
						(q->rescaling_rate ? q->rescaling_rate[p % ranges] : 1.0f),
					(int)(q->scale_bits ? q->scale_bits : 8));
		out.fb[p % ranges] = fb;
		shift = fb - (t->fb[p % t->n_fb] + s.fs);
		for (size_t i = p; i < t->count; i += period)
			out.v[i] = t->scaled ? ak_fx_output(t->v[i], s, shift, vb) : ak_fx_rescale(t->v[i], shift, vb);
	}
	tensor_fini(t);
	*t = out;
	return 0;
}

static int to_floats(struct tensor *t)
{
	if (t->f)
		return 0;
	t->f = malloc(t->count * sizeof(*t->f));
	if (!t->f)
		return -ENOMEM;
	for (size_t i = 0; i < t->count; i++)
		t->f[i] = ldexpf((float)t->v[i], -t->fb[i % t->n_fb]) * t->scale[i % t->n_scale];
	return 0;
}

static int run_float_node(struct ak_qforward *q, uint32_t i)
{
	const struct ak_node *n = &q->g->nodes[i], *in_nodes[AK_MAX_INPUTS];
	const float *in[AK_MAX_INPUTS];
	struct tensor *out = &q->tensors[i];
	int err = 0;

	for (uint32_t k = 0; k < n->input_count && !err; k++) {
		in_nodes[k] = &q->g->nodes[n->inputs[k]];
		err = to_floats(&q->tensors[n->inputs[k]]);
		in[k] = q->tensors[n->inputs[k]].f;
	}
	if (err)
		return err;
	out->count = ak_node_elements(n);
	out->f = malloc(out->count * sizeof(*out->f));
	return out->f ? ak_node_forward(n, in_nodes, in, 1, out->f) : -ENOMEM;
}

/* Input k of a quantized node as integers; tmp is used when it has to be made. */
static int integer_input(struct ak_qforward *q, const struct ak_node *n, uint32_t k, struct tensor *tmp,
			 const struct tensor **out)
{
	const struct tensor *t = &q->tensors[n->inputs[k]];
	bool aligned = n->op == AK_OP_CONV2D || n->op == AK_OP_SEPARABLE || n->op == AK_OP_DENSE ||
		       n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE;
	int err = 0;

	memset(tmp, 0, sizeof(*tmp));
	*out = t;
	if (!t->integer) {
		err = raw_input(tmp, t->f, t->count);
		*out = tmp;
	} else if (aligned && t->n_fb > 1) {
		err = expand(t, n->quant.buffer_bits ? (int)n->quant.buffer_bits - 1 : 31, tmp);
		*out = tmp;
	}
	return err;
}

static int run_quantized_op(struct ak_qforward *q, uint32_t i, const struct tensor *const *in, struct akida_diag *diag)
{
	const struct ak_node *n = &q->g->nodes[i], *in_node = &q->g->nodes[n->inputs[0]];
	struct tensor *out = &q->tensors[i];
	int err;

	switch (n->op) {
	case AK_OP_CONV2D:
	case AK_OP_SEPARABLE:
	case AK_OP_DEPTHWISE:
		return run_window(n, in_node, &q->kernels[i], in[0], out, diag);
	case AK_OP_DENSE:
		return run_dense(n, in_node, &q->kernels[i], in[0], out, diag);
	case AK_OP_MAXPOOL:
		return run_maxpool(n, in_node, in[0], out);
	case AK_OP_RELU:
		return run_relu(n, in[0], out);
	case AK_OP_GAP:
		return run_gap(in_node, in[0], out);
	case AK_OP_ADD:
		return run_add(n, in[0], in[1], out, diag);
	case AK_OP_RESCALING:
		return run_rescaling(n, in[0], out, diag);
	default: /* Flatten, Reshape, Dropout: the same integers (the last axis stays the last axis of scales and fb) */
		err = tensor_like(out, in[0], in[0]->count);
		if (!err)
			memcpy(out->v, in[0]->v, in[0]->count * sizeof(*out->v));
		return err;
	}
}

/* Layers that work on integers. Others get floats; that includes everything behind the Dequantizer. */
static bool on_integers(const struct ak_qforward *q, const struct ak_node *n)
{
	bool passes =
		n->op == AK_OP_FLATTEN || n->op == AK_OP_RESHAPE || n->op == AK_OP_DROPOUT || n->op == AK_OP_MAXPOOL;

	if (n->op == AK_OP_INPUT || n->op == AK_OP_DEQUANTIZER)
		return false;
	return n->quant.active || (passes && q->tensors[n->inputs[0]].integer);
}

static int run_node(struct ak_qforward *q, uint32_t i, struct akida_diag *diag)
{
	const struct ak_node *n = &q->g->nodes[i];
	const struct tensor *in[AK_MAX_INPUTS];
	struct tensor tmp[AK_MAX_INPUTS];
	int err = 0;

	if (!on_integers(q, n))
		return run_float_node(q, i);
	memset(tmp, 0, sizeof(tmp));
	for (uint32_t k = 0; k < n->input_count && !err; k++)
		err = integer_input(q, n, k, &tmp[k], &in[k]);
	if (!err)
		err = run_quantized_op(q, i, in, diag);
	for (uint32_t k = 0; k < AK_MAX_INPUTS; k++)
		tensor_fini(&tmp[k]);
	if (!err && n->quant.has_output)
		err = requantize(n, &q->tensors[i]);
	return err;
}

static int check_node(const struct ak_node *n, struct akida_diag *diag)
{
	if (!n->quant.active)
		return 0;
	if (n->op == AK_OP_AVGPOOL || n->op == AK_OP_BATCHNORM || n->op == AK_OP_ZEROPAD || n->op == AK_OP_ACTIVATION ||
	    n->op == AK_OP_SOFTMAX || n->act != AK_ACT_LINEAR)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_H5_LAYER_CLASS, n->name,
			       "%s is not simulated as a quantized layer", ak_op_class(n->op));
	if (n->op == AK_OP_RELU && (n->negative_slope != 0 || n->relu_threshold != 0))
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_GRAPH_ATTRIBUTE, n->name,
			       "a quantized ReLU has neither slope nor threshold");
	if (n->quant.weight_bits > 8 || n->quant.weight_bits == 1)
		return ak_fail(diag, -ERANGE, AK_RULE_GRAPH_ATTRIBUTE, n->name, "weights of %u bits, must be 2 to 8",
			       n->quant.weight_bits);
	return 0;
}

int ak_qforward_create(const struct akida_graph *g, struct ak_qforward **out, struct akida_diag *diag)
{
	struct ak_qforward *q = calloc(1, sizeof(*q));
	int err = 0;

	if (!q)
		return -ENOMEM;
	q->g = g;
	q->kernels = calloc(g->count, sizeof(*q->kernels));
	q->tensors = calloc(g->count, sizeof(*q->tensors));
	if (!q->kernels || !q->tensors)
		err = -ENOMEM;
	for (uint32_t i = 0; i < g->count && !err; i++) {
		const struct ak_node *n = &g->nodes[i];

		err = check_node(n, diag);
		if (!err && n->quant.active && n->weight_count)
			err = kernels_init(&q->kernels[i], n);
	}
	if (err)
		ak_qforward_destroy(q);
	else
		*out = q;
	return err;
}

void ak_qforward_destroy(struct ak_qforward *q)
{
	if (!q)
		return;
	for (uint32_t i = 0; i < q->g->count; i++) {
		if (q->kernels)
			kernels_fini(&q->kernels[i]);
		if (q->tensors)
			tensor_fini(&q->tensors[i]);
	}
	free(q->kernels);
	free(q->tensors);
	free(q);
}

int ak_qforward_run(struct ak_qforward *q, const float *x, float *out, struct akida_diag *diag)
{
	const struct ak_node *nodes = q->g->nodes;
	struct tensor *result = &q->tensors[q->g->output];
	int err = 0;

	for (uint32_t i = 0; i <= q->g->output && !err; i++) {
		struct tensor *t = &q->tensors[i];

		if (nodes[i].op != AK_OP_INPUT) {
			err = run_node(q, i, diag);
			continue;
		}
		t->count = ak_node_elements(&nodes[i]);
		t->f = malloc(t->count * sizeof(*t->f));
		err = t->f ? 0 : -ENOMEM;
		if (!err)
			memcpy(t->f, x, t->count * sizeof(*t->f));
	}
	if (!err)
		err = to_floats(result);
	if (!err)
		memcpy(out, result->f, result->count * sizeof(*out));
	for (uint32_t i = 0; i < q->g->count; i++)
		tensor_fini(&q->tensors[i]);
	return err;
}
