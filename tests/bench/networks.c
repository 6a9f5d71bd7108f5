/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "networks.h"
#include "layer/v2.h"

const struct bench_workload bench_workloads[] = {
	{"W1",
	 28,
	 28,
	 1,
	 true,
	 {{BENCH_CONV, 16, 3, 1, true, false},
	  {BENCH_CONV, 16, 3, 1, true, false},
	  {.kind = BENCH_DENSE, .filters = 10}}},
	{"W2",
	 49,
	 10,
	 1,
	 true,
	 {{BENCH_CONV, 64, 5, 2, false, false},
	  {BENCH_SEPARABLE, 64, 3, 1, false, false},
	  {BENCH_SEPARABLE, 64, 3, 1, false, false},
	  {BENCH_SEPARABLE, 64, 3, 1, false, false},
	  {BENCH_SEPARABLE, 64, 3, 1, false, true},
	  {.kind = BENCH_DENSE, .filters = 33}}},
	{"W3",
	 160,
	 160,
	 3,
	 true,
	 {{BENCH_CONV, 16, 3, 2, false, false},
	  {BENCH_CONV, 32, 3, 1, false, false},
	  {BENCH_CONV, 64, 3, 2, false, false},
	  {BENCH_CONV, 64, 3, 1, false, false},
	  {BENCH_SEPARABLE, 128, 3, 2, false, false},
	  {BENCH_SEPARABLE, 128, 3, 1, false, false},
	  {BENCH_SEPARABLE, 256, 3, 2, false, false},
	  {BENCH_SEPARABLE, 256, 3, 1, false, false},
	  {BENCH_SEPARABLE, 256, 3, 1, false, false},
	  {BENCH_SEPARABLE, 256, 3, 1, false, false},
	  {BENCH_SEPARABLE, 256, 3, 1, false, false},
	  {BENCH_SEPARABLE, 256, 3, 1, false, false},
	  {BENCH_SEPARABLE, 512, 3, 2, false, false},
	  {BENCH_SEPARABLE, 512, 3, 1, false, true},
	  {.kind = BENCH_DENSE, .filters = 1000}}},
	{"W4a", 32, 32, 64, false, {{BENCH_CONV, 64, 3, 1, false, false}}},
	{"W4b", 14, 14, 256, false, {{BENCH_CONV, 256, 1, 1, false, false}}},
	{"W4c", 1, 1, 1024, false, {{.kind = BENCH_DENSE, .filters = 1000}}},
	{.name = NULL},
};

uint32_t bench_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

struct builder {
	struct akida_layer layers[40];
	uint32_t count, ip, bits, seed;
	double zeros;
	uint32_t h, w, c;
	double rms; /* of the codes that arrive */
	bool failed;
};

static void random_weights(struct builder *b, int8_t *w, size_t n)
{
	int32_t top = (1 << (b->bits - 1)) - 1;

	for (size_t i = 0; i < n; i++)
		w[i] = (int8_t)((int32_t)(bench_random(&b->seed) % (uint32_t)(2 * top + 1)) - top);
}

static double weight_rms(const struct builder *b)
{
	return ((1 << (b->bits - 1)) - 1) / sqrt(3);
}

static struct akida_layer *add(struct builder *b, enum akida_layer_type type, uint32_t filters)
{
	struct akida_layer *l = &b->layers[b->count];

	snprintf(l->name, sizeof(l->name), "layer_%u", b->count);
	l->type = type;
	l->in_h = b->h;
	l->in_w = b->w;
	l->in_c = b->c;
	l->in_bits = b->ip == 2 || !b->count ? 8 : 4;
	l->filters = filters;
	l->weights_bits = b->bits;
	l->act_bits = 4;
	l->activation = true;
	l->stride = 1;
	l->padding = AKIDA_PAD_SAME;
	if (b->ip == 2) {
		l->v2 = calloc(1, sizeof(*l->v2));
		if (!l->v2) {
			b->failed = true;
			return NULL;
		}
		*l->v2 = (struct ak_v2){.buffer_bits = 32, .post_op_bits = 33, .output_bits = 8, .rescale = true};
		l->inbounds = b->count > 0;
		l->inbound[0] = b->count ? b->count - 1 : 0;
	}
	b->count++;
	return l;
}

static void set_bias(struct akida_layer *l, uint32_t f, double value)
{
	int shift = 0;

	for (; fabs(value) > 127; value /= 2)
		shift++;
	l->v2->bias[f] = (int8_t)value;
	l->v2->bias_shift[f] = (uint8_t)shift;
}

/* After its parameters: memory, weights, and steps or scales that map `sigma` to a third of the output's range. */
static void fill(struct builder *b, struct akida_layer *l, double sigma)
{
	if (l->v2 ? ak_v2_alloc(l) : ak_layer_alloc(l)) {
		b->failed = true;
		return;
	}
	random_weights(b, l->weights, ak_layer_weight_count(l));
	if (l->weights_pw)
		random_weights(b, l->weights_pw, ak_layer_weight_pw_count(l));
	for (uint32_t f = 0; f < l->filters && l->v2 && l->v2->bias; f++) {
		int shift = 0;
		double scale = (l->v2->out_signed ? 40 : 80) / sigma;

		set_bias(l, f, (double)(bench_random(&b->seed) % 255) - 127);
		if (!l->v2->rescale)
			continue;
		for (; scale < 128; scale *= 2)
			shift++;
		l->v2->out_scale[f] = (uint8_t)scale;
		l->v2->out_shift[f] = (int8_t)-shift;
	}
	for (uint32_t f = 0; f < l->filters && !l->v2 && l->activation; f++) {
		l->threshold[f] = (int32_t)(bench_random(&b->seed) % 200) - 100;
		l->step16[f] = (int32_t)(sigma * 16 / 6) + 1;
	}
	for (uint32_t f = 0; f < l->filters && l->scale; f++)
		l->scale[f] = 1;
	b->rms = l->v2 ? (l->v2->out_signed ? 40 : 57) : 4;
}

static void finish(struct builder *b, struct akida_layer *l)
{
	if (b->failed || ak_layer_finish(l, NULL)) {
		b->failed = true;
		return;
	}
	b->h = l->out_h;
	b->w = l->out_w;
	b->c = l->out_c;
}

static void pooling(struct akida_layer *l, const struct bench_line *t)
{
	if (t->average)
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	if (!t->pool)
		return;
	l->pool = AKIDA_POOL_MAX;
	l->pool_size = l->pool_stride = 2;
	l->pool_padding = AKIDA_PAD_SAME;
}

static void add_conv(struct builder *b, const struct bench_line *t, bool input, uint32_t kernel, uint32_t stride)
{
	enum akida_layer_type v1 = input ? AKIDA_LAYER_INPUT_CONV : AKIDA_LAYER_CONV;
	enum akida_layer_type v2 = input ? AKIDA_LAYER_INPUT_CONV2D : AKIDA_LAYER_CONV2D;
	struct akida_layer *l = add(b, b->ip == 2 ? v2 : v1, t->filters);
	double sigma = sqrt(kernel * kernel * b->c) * b->rms * weight_rms(b);

	if (!l)
		return;
	l->kernel_h = l->kernel_w = kernel;
	l->stride = stride;
	pooling(l, t);
	if (l->v2)
		l->v2->act = AK_V2_ACT_RELU;
	if (t->average)
		sigma *= sqrt(b->h * b->w);
	fill(b, l, sigma);
	finish(b, l);
}

static void add_separable(struct builder *b, const struct bench_line *t)
{
	struct bench_line pointwise = *t;
	double first = t->kernel * b->rms * weight_rms(b);
	struct akida_layer *l = add(b, b->ip == 2 ? AKIDA_LAYER_DEPTHWISE_CONV2D : AKIDA_LAYER_SEPARABLE,
				    b->ip == 2 ? b->c : t->filters);

	if (!l)
		return;
	l->kernel_h = l->kernel_w = t->kernel;
	l->stride = t->stride;
	if (b->ip == 2) {
		l->v2->out_signed = true;
		fill(b, l, first);
		finish(b, l);
		add_conv(b, &pointwise, false, 1, 1);
		if (!b->failed)
			b->layers[b->count - 1].v2->in_signed = true;
		return;
	}
	pooling(l, t);
	first *= sqrt(b->c) * weight_rms(b);
	fill(b, l, t->average ? first * sqrt(b->h * b->w) : first);
	finish(b, l);
}

static void add_dense(struct builder *b, const struct bench_line *t)
{
	struct akida_layer *l = add(b, b->ip == 2 ? AKIDA_LAYER_DENSE1D : AKIDA_LAYER_FULLY, t->filters);

	if (!l)
		return;
	l->activation = false;
	if (l->v2) {
		l->v2->rescale = false;
		l->v2->output_bits = l->v2->buffer_bits;
	}
	fill(b, l, 1);
	finish(b, l);
}

static void add_data(struct builder *b)
{
	struct akida_layer *l = add(b, AKIDA_LAYER_INPUT_DATA, b->c);

	if (!l)
		return;
	l->kernel_h = l->kernel_w = b->ip == 2;
	l->in_bits = l->act_bits = b->ip == 2 ? 8 : 4;
	if (l->v2)
		l->v2->rescale = false;
	b->rms = b->ip == 2 ? 100 : 8;
	finish(b, l);
}

/* ---- a wanted share of zeros: thresholds or biases from what a random frame gives, layer by layer ---- */

static int ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

/* Sums of one layer before its activation. */
static bool raw_sums(struct akida_layer *l, const struct akida_layer *all, const int32_t *in, int32_t *out)
{
	size_t n = (size_t)l->in_h * l->in_w * l->in_c;
	void *scratch;

	if (l->v2) {
		struct ak_v2 kept = *l->v2;

		scratch = malloc(ak_v2_scratch(l) * sizeof(int64_t));
		l->v2->act = AK_V2_ACT_NONE;
		l->v2->rescale = false;
		if (scratch)
			ak_v2_run(l, all, &in, out, scratch, NULL);
		*l->v2 = kept;
	} else {
		uint8_t *bytes = malloc(n);
		bool kept = l->activation;

		scratch = malloc((ak_layer_scratch(l) + 1) * sizeof(int32_t));
		for (size_t i = 0; bytes && i < n; i++)
			bytes[i] = (uint8_t)in[i];
		l->activation = false;
		if (bytes && scratch)
			ak_layer_run(l, bytes, NULL, out, scratch);
		l->activation = kept;
		free(bytes);
	}
	free(scratch);
	return scratch;
}

/* out: sums in, activations out; per filter the wanted share of them is zero. */
static bool quiet_layer(struct akida_layer *l, double zeros, int32_t *out)
{
	size_t positions = (size_t)l->out_h * l->out_w;
	int32_t *v = malloc(positions * sizeof(*v));
	bool relu = !l->v2 || l->v2->act == AK_V2_ACT_RELU;

	for (uint32_t f = 0; v && f < l->filters; f++) {
		int32_t at, top;

		for (size_t i = 0; i < positions; i++)
			v[i] = out[i * l->filters + f];
		qsort(v, positions, sizeof(*v), ascending);
		at = relu ? v[(size_t)(zeros * (double)(positions - 1))] : 0;
		top = v[positions - 1] - at;
		top = relu ? top : abs(v[0]) > top ? abs(v[0]) : top;
		top = top < 16 ? 16 : top;
		if (l->v2) {
			double scale = (l->v2->out_signed ? 127.0 : 255.0) / top;
			int shift = 0;

			if (relu) /* rounded up: what is not above the quantile stays zero */
				set_bias(l, f, (double)((int64_t)l->v2->bias[f] << l->v2->bias_shift[f]) - at);
			for (; scale < 128; scale *= 2)
				shift++;
			l->v2->out_scale[f] = (uint8_t)scale;
			l->v2->out_shift[f] = (int8_t)-shift;
		} else {
			l->threshold[f] = at;
			l->step16[f] = top * 16 / ((1 << l->act_bits) - 1) + 1;
		}
	}
	free(v);
	return v;
}

static bool quiet(struct builder *b)
{
	size_t most = (size_t)b->layers[0].in_h * b->layers[0].in_w * b->layers[0].in_c;
	int32_t *in, *out;
	bool ok;

	for (uint32_t i = 0; i < b->count; i++) {
		size_t n = (size_t)b->layers[i].out_h * b->layers[i].out_w * b->layers[i].out_c;

		most = n > most ? n : most;
	}
	in = malloc(most * sizeof(*in));
	out = malloc(most * sizeof(*out));
	ok = in && out;
	for (size_t i = 0; ok && i < most; i++)
		in[i] = (int32_t)(bench_random(&b->seed) % (b->layers[0].type == AKIDA_LAYER_INPUT_DATA ? 16 : 256));
	for (uint32_t i = 0; ok && i + 1 < b->count; i++) {
		struct akida_layer *l = &b->layers[i];
		int32_t *swap = in;
		bool average = l->pool == AKIDA_POOL_GLOBAL_AVERAGE;

		ok = l->type == AKIDA_LAYER_INPUT_DATA || average ||
		     (raw_sums(l, b->layers, in, out) && quiet_layer(l, b->zeros, out));
		if (ok && l->type != AKIDA_LAYER_INPUT_DATA) {
			size_t n = (size_t)l->in_h * l->in_w * l->in_c;
			uint8_t *bytes = malloc(n), *act = malloc(most);
			void *scratch =
				malloc((l->v2 ? ak_v2_scratch(l) * 2 : ak_layer_scratch(l)) * sizeof(int32_t) + 64);

			ok = bytes && act && scratch;
			for (size_t k = 0; ok && k < n; k++)
				bytes[k] = (uint8_t)in[k];
			if (ok && l->v2)
				ak_v2_run(l, b->layers, (const int32_t *const *)&in, out, scratch, NULL);
			else if (ok)
				ak_layer_run(l, bytes, act, NULL, scratch);
			for (size_t k = 0; ok && !l->v2 && k < (size_t)l->out_h * l->out_w * l->out_c; k++)
				out[k] = act[k];
			free(bytes);
			free(act);
			free(scratch);
			in = out;
			out = swap;
		}
	}
	free(in);
	free(out);
	return ok;
}

struct akida_model *bench_network(const char *name, const struct bench_options *o)
{
	const struct bench_workload *n = NULL;
	struct akida_model *m = NULL;
	struct akida_layer *own;
	struct builder *b = calloc(1, sizeof(*b));

	for (const struct bench_workload *w = bench_workloads; w->name; w++)
		n = !strcmp(w->name, name) ? w : n;
	if (!n || !b)
		goto done;
	*b = (struct builder){.ip = o->ip,
			      .bits = o->weights_bits,
			      .zeros = o->zeros,
			      .seed = o->seed,
			      .h = n->h,
			      .w = n->w,
			      .c = n->c,
			      .rms = 148};
	if (!n->image)
		add_data(b);
	for (const struct bench_line *t = n->line; t->kind && !b->failed; t++) {
		if (t->kind == BENCH_CONV)
			add_conv(b, t, n->image && t == n->line, t->kernel, t->stride);
		else if (t->kind == BENCH_SEPARABLE)
			add_separable(b, t);
		else
			add_dense(b, t);
	}
	if (!b->failed && o->zeros > 0)
		b->failed = !quiet(b);
	own = b->failed ? NULL : malloc(b->count * sizeof(*own));
	if (own) {
		memcpy(own, b->layers, b->count * sizeof(*own));
		if (ak_model_create(own, b->count, "benchmark", &m, NULL))
			m = NULL;
	}
	if (!own)
		for (uint32_t i = 0; i < b->count; i++)
			ak_layer_fini(&b->layers[i]);
done:
	free(b);
	return m;
}

double bench_network_macs(const struct akida_model *m)
{
	double macs = 0;

	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];
		double positions = (double)l->conv_h * l->conv_w, taps = (double)l->kernel_h * l->kernel_w;

		switch (l->type) {
		case AKIDA_LAYER_INPUT_DATA:
			break;
		case AKIDA_LAYER_FULLY:
		case AKIDA_LAYER_DENSE1D:
			macs += (double)l->in_h * l->in_w * l->in_c * l->filters;
			break;
		case AKIDA_LAYER_SEPARABLE:
			macs += positions * l->in_c * (taps + l->filters);
			break;
		case AKIDA_LAYER_DEPTHWISE_CONV2D:
			macs += positions * taps * l->in_c;
			break;
		default:
			macs += positions * taps * l->in_c * l->filters;
		}
	}
	return macs;
}
