/* SPDX-License-Identifier: MIT */
/* XNNPACK int8: qc8 convolutions, qs8 dense and average, s8 maximum, all NHWC; set up once. */
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xnnpack.h>
#include "peer.h"

#define OPS 48

struct plan {
	xnn_operator_t op[OPS];
	int8_t *buffer[OPS + 1];
	int ops, buffers;
	pthreadpool_t pool;
	size_t batch, h, w, c;
	int8_t *in;
};

static void must(enum xnn_status s, const char *what)
{
	if (s == xnn_status_success)
		return;
	fprintf(stderr, "XNNPACK: %s: status %d\n", what, s);
	exit(1);
}

static int8_t *new_buffer(struct plan *p, size_t n)
{
	int8_t *b = malloc(n * p->batch + XNN_EXTRA_BYTES);

	for (size_t i = 0; i < n * p->batch + XNN_EXTRA_BYTES; i++)
		b[i] = (int8_t)(i * 37 % 31);
	return p->buffer[p->buffers++] = b;
}

static int8_t *new_weights(size_t n)
{
	int8_t *w = malloc(n);

	for (size_t i = 0; i < n; i++)
		w[i] = (int8_t)((int)(i * 13 % 15) - 7);
	return w;
}

static void conv(struct plan *p, size_t filters, uint32_t k, uint32_t s, bool depthwise)
{
	size_t oh = (p->h + s - 1) / s, ow = (p->w + s - 1) / s;
	int8_t *w = new_weights((size_t)k * k * (depthwise ? 1 : p->c) * filters);
	int8_t *out = new_buffer(p, oh * ow * filters), low = depthwise ? -128 : 0;
	int32_t *bias = calloc(filters, sizeof(*bias));
	float *scale = malloc(filters * sizeof(*scale));
	uint32_t flags =
		(depthwise ? XNN_FLAG_DEPTHWISE_CONVOLUTION : 0) | (k > 1 ? XNN_FLAG_TENSORFLOW_SAME_PADDING : 0);
	xnn_operator_t *op = &p->op[p->ops++];

	for (size_t i = 0; i < filters; i++)
		scale[i] = 0.01f;
	must(xnn_create_convolution2d_nhwc_qc8(0, 0, 0, 0, k, k, s, s, 1, 1, depthwise ? (uint32_t)p->c : 1,
					       depthwise ? 1 : p->c, depthwise ? 1 : filters, p->c, filters, 0, 0.5f,
					       scale, w, bias, 0, 0.5f, low, 127, flags, op),
	     "convolution");
	must(xnn_setup_convolution2d_nhwc_qc8(*op, p->batch, p->h, p->w, p->in, out, p->pool), "convolution");
	free(w);
	free(bias);
	free(scale);
	p->in = out;
	p->h = oh;
	p->w = ow;
	p->c = filters;
}

static void pool(struct plan *p, bool average)
{
	int8_t *out = new_buffer(p, average ? p->c : p->h / 2 * (p->w / 2) * p->c);
	xnn_operator_t *op = &p->op[p->ops++];

	if (average) {
		must(xnn_create_global_average_pooling_nwc_qs8(p->c, p->c, p->c, 0, 0.5f, 0, 0.5f, -128, 127, 0, op),
		     "average");
		must(xnn_setup_global_average_pooling_nwc_qs8(*op, p->batch, p->h * p->w, p->in, out, p->pool),
		     "average");
		p->h = p->w = 1;
	} else {
		must(xnn_create_max_pooling2d_nhwc_s8(0, 0, 0, 0, 2, 2, 2, 2, 1, 1, p->c, p->c, p->c, -128, 127, 0, op),
		     "maximum");
		must(xnn_setup_max_pooling2d_nhwc_s8(*op, p->batch, p->h, p->w, p->in, out, p->pool), "maximum");
		p->h /= 2;
		p->w /= 2;
	}
	p->in = out;
}

static void dense(struct plan *p, size_t filters)
{
	size_t inputs = p->h * p->w * p->c;
	int8_t *w = new_weights(inputs * filters), *out = new_buffer(p, filters);
	int32_t *bias = calloc(filters, sizeof(*bias));
	xnn_operator_t *op = &p->op[p->ops++];

	must(xnn_create_fully_connected_nc_qs8(inputs, filters, inputs, filters, 0, 0.5f, 0.01f, w, bias, 0, 0.5f, -128,
					       127, 0, op),
	     "dense");
	must(xnn_setup_fully_connected_nc_qs8(*op, p->batch, p->in, out, p->pool), "dense");
	free(w);
	free(bias);
	p->in = out;
	p->h = p->w = 1;
	p->c = filters;
}

static void *create(const struct bench_workload *w, int threads, int batch, bool avx2)
{
	struct plan *p = calloc(1, sizeof(*p));

	(void)avx2;
	must(xnn_initialize(NULL), "start");
	*p = (struct plan){.batch = (size_t)batch, .h = w->h, .w = w->w, .c = w->c};
	p->pool = threads > 1 ? pthreadpool_create((size_t)threads) : NULL;
	p->in = new_buffer(p, (size_t)w->h * w->w * w->c);
	for (const struct bench_line *t = w->line; t->kind; t++) {
		if (t->kind == BENCH_CONV)
			conv(p, t->filters, t->kernel, t->stride, false);
		if (t->kind == BENCH_SEPARABLE) {
			conv(p, p->c, t->kernel, t->stride, true);
			conv(p, t->filters, 1, 1, false);
		}
		if (t->kind == BENCH_DENSE)
			dense(p, t->filters);
		if (t->pool || t->average)
			pool(p, t->average);
	}
	return p;
}

static void run(void *plan)
{
	struct plan *p = plan;

	for (int i = 0; i < p->ops; i++)
		must(xnn_run_operator(p->op[i], p->pool), "run");
}

static void destroy(void *plan)
{
	struct plan *p = plan;

	for (int i = 0; i < p->ops; i++)
		xnn_delete_operator(p->op[i]);
	for (int i = 0; i < p->buffers; i++)
		free(p->buffer[i]);
	if (p->pool)
		pthreadpool_destroy(p->pool);
	free(p);
}

const struct peer peer_xnnpack = {"XNNPACK", create, run, destroy};
