/* SPDX-License-Identifier: MIT */
/*
 * oneDNN int8: u8 activations, s8 weights with a scale per output channel, 32-bit sums, ReLU fused. Weights are reordered
 * once, each layer picks its layouts, all memory is there before the clock starts.
 */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <oneapi/dnnl/dnnl.h>
#include "peer.h"

#define STEPS 80

struct step {
	dnnl_primitive_t primitive;
	dnnl_exec_arg_t arg[5];
	int args;
};

struct plan {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct step step[STEPS];
	int steps, threads;
	dnnl_dim_t batch;
	dnnl_memory_t memory[8 * STEPS];
	int memories;
	/* what the next layer reads */
	dnnl_memory_t in;
	dnnl_dim_t h, w, c;
	dnnl_data_type_t type;
};

static void must(dnnl_status_t s, const char *what)
{
	if (s == dnnl_success)
		return;
	fprintf(stderr, "oneDNN: %s: status %d\n", what, s);
	exit(1);
}

static dnnl_memory_t new_memory(struct plan *p, const dnnl_memory_desc_t *md)
{
	dnnl_memory_t m;
	void *data;

	must(dnnl_memory_create(&m, md, p->engine, DNNL_MEMORY_ALLOCATE), "memory");
	must(dnnl_memory_get_data_handle(m, &data), "memory");
	if (data)
		for (size_t i = 0; i < dnnl_memory_desc_get_size(md); i++)
			((uint8_t *)data)[i] = (uint8_t)(i * 37 % 15);
	p->memory[p->memories++] = m;
	return m;
}

static dnnl_memory_desc_t desc(int n, const dnnl_dim_t *dims, dnnl_data_type_t type, dnnl_format_tag_t tag)
{
	dnnl_memory_desc_t md;

	must(dnnl_memory_desc_init_by_tag(&md, n, dims, type, tag), "descriptor");
	return md;
}

static const dnnl_memory_desc_t *query(dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	return dnnl_primitive_desc_query_md(pd, what, 0);
}

static struct step *add(struct plan *p, dnnl_primitive_desc_t pd)
{
	struct step *s = &p->step[p->steps++];

	must(dnnl_primitive_create(&s->primitive, pd), "primitive");
	return s;
}

static void arg(struct step *s, int which, dnnl_memory_t m)
{
	s->arg[s->args++] = (dnnl_exec_arg_t){which, m};
}

/* m as md has it, by a reorder that is part of the workload if it has to be. */
static dnnl_memory_t as(struct plan *p, dnnl_memory_t m, const dnnl_memory_desc_t *md, bool once)
{
	const dnnl_memory_desc_t *have;
	dnnl_primitive_desc_t pd;
	dnnl_memory_t to;
	struct step *s;

	must(dnnl_memory_get_memory_desc(m, &have), "descriptor");
	if (dnnl_memory_desc_equal(have, md))
		return m;
	to = new_memory(p, md);
	must(dnnl_reorder_primitive_desc_create(&pd, have, p->engine, md, p->engine, NULL), "reorder");
	s = add(p, pd);
	arg(s, DNNL_ARG_FROM, m);
	arg(s, DNNL_ARG_TO, to);
	dnnl_primitive_desc_destroy(pd);
	if (once) {
		must(dnnl_primitive_execute(s->primitive, p->stream, s->args, s->arg), "reorder");
		must(dnnl_stream_wait(p->stream), "reorder");
		dnnl_primitive_destroy(s->primitive);
		*s = (struct step){0};
		p->steps--;
	}
	return to;
}

static dnnl_primitive_attr_t attributes(dnnl_dim_t channels, bool relu)
{
	dnnl_primitive_attr_t a;
	dnnl_post_ops_t ops;
	float *scale = malloc((size_t)channels * sizeof(*scale));

	for (dnnl_dim_t i = 0; i < channels; i++)
		scale[i] = 0.01f;
	must(dnnl_primitive_attr_create(&a), "attributes");
	must(dnnl_primitive_attr_set_scratchpad_mode(a, dnnl_scratchpad_mode_user), "attributes");
	must(dnnl_primitive_attr_set_output_scales(a, channels, 2, scale), "attributes");
	free(scale);
	if (relu) {
		must(dnnl_post_ops_create(&ops), "attributes");
		must(dnnl_post_ops_append_eltwise(ops, 1.f, dnnl_eltwise_relu, 0.f, 0.f), "attributes");
		must(dnnl_primitive_attr_set_post_ops(a, ops), "attributes");
		dnnl_post_ops_destroy(ops);
	}
	return a;
}

/* Weights, bias, scratch memory and output of a primitive with weights. */
static void finish(struct plan *p, dnnl_primitive_desc_t pd, const dnnl_memory_desc_t *plain, dnnl_primitive_attr_t a)
{
	dnnl_memory_t in = as(p, p->in, query(pd, dnnl_query_src_md), false);
	dnnl_memory_t weights = as(p, new_memory(p, plain), query(pd, dnnl_query_weights_md), true);
	struct step *s = add(p, pd);

	p->in = new_memory(p, query(pd, dnnl_query_dst_md));
	arg(s, DNNL_ARG_SRC, in);
	arg(s, DNNL_ARG_WEIGHTS, weights);
	arg(s, DNNL_ARG_BIAS, new_memory(p, dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1)));
	arg(s, DNNL_ARG_DST, p->in);
	arg(s, DNNL_ARG_SCRATCHPAD, new_memory(p, query(pd, dnnl_query_scratchpad_md)));
	dnnl_primitive_desc_destroy(pd);
	dnnl_primitive_attr_destroy(a);
}

static dnnl_dim_t same(dnnl_dim_t n, dnnl_dim_t k, dnnl_dim_t s, dnnl_dim_t *before, dnnl_dim_t *after)
{
	dnnl_dim_t out = (n + s - 1) / s, all = (out - 1) * s + k - n;

	all = all > 0 ? all : 0;
	*before = all / 2;
	*after = all - all / 2;
	return out;
}

static void conv(struct plan *p, dnnl_dim_t filters, dnnl_dim_t k, dnnl_dim_t s, bool depthwise, bool first)
{
	dnnl_dims_t left = {0}, right = {0}, stride = {s, s};
	dnnl_dim_t oh = same(p->h, k, s, &left[0], &right[0]), ow = same(p->w, k, s, &left[1], &right[1]);
	dnnl_dims_t in = {p->batch, p->c, p->h, p->w}, out = {p->batch, filters, oh, ow}, bias = {filters};
	dnnl_dims_t grouped = {p->c, 1, 1, k, k}, dense = {filters, p->c, k, k};
	dnnl_data_type_t to = depthwise ? dnnl_s8 : dnnl_u8;
	dnnl_memory_desc_t src = desc(4, in, p->type, first ? dnnl_nhwc : dnnl_format_tag_any);
	dnnl_memory_desc_t w = desc(depthwise ? 5 : 4, depthwise ? grouped : dense, dnnl_s8, dnnl_format_tag_any);
	dnnl_memory_desc_t plain =
		desc(depthwise ? 5 : 4, depthwise ? grouped : dense, dnnl_s8, depthwise ? dnnl_goihw : dnnl_oihw);
	dnnl_memory_desc_t b = desc(1, bias, dnnl_s32, dnnl_x), dst = desc(4, out, to, dnnl_format_tag_any);
	dnnl_primitive_attr_t a = attributes(filters, !depthwise);
	dnnl_convolution_desc_t cd;
	dnnl_primitive_desc_t pd;

	must(dnnl_convolution_forward_desc_init(&cd, dnnl_forward_inference, dnnl_convolution_direct, &src, &w, &b,
						&dst, stride, left, right),
	     "convolution");
	must(dnnl_primitive_desc_create(&pd, &cd, a, p->engine, NULL), "convolution");
	finish(p, pd, &plain, a);
	p->h = oh;
	p->w = ow;
	p->c = filters;
	p->type = to;
}

static void pool(struct plan *p, bool average)
{
	dnnl_dims_t k = {average ? p->h : 2, average ? p->w : 2}, zero = {0};
	dnnl_dims_t out = {p->batch, p->c, average ? 1 : p->h / 2, average ? 1 : p->w / 2};
	dnnl_memory_desc_t dst = desc(4, out, p->type, dnnl_format_tag_any);
	const dnnl_memory_desc_t *src;
	dnnl_primitive_attr_t a;
	dnnl_pooling_desc_t d;
	dnnl_primitive_desc_t pd;
	struct step *s;

	must(dnnl_memory_get_memory_desc(p->in, &src), "pooling");
	must(dnnl_pooling_forward_desc_init(&d, dnnl_forward_inference,
					    average ? dnnl_pooling_avg_exclude_padding : dnnl_pooling_max, src, &dst, k,
					    k, zero, zero),
	     "pooling");
	must(dnnl_primitive_attr_create(&a), "pooling");
	must(dnnl_primitive_attr_set_scratchpad_mode(a, dnnl_scratchpad_mode_user), "pooling");
	must(dnnl_primitive_desc_create(&pd, &d, a, p->engine, NULL), "pooling");
	s = add(p, pd);
	arg(s, DNNL_ARG_SRC, p->in);
	p->in = new_memory(p, query(pd, dnnl_query_dst_md));
	arg(s, DNNL_ARG_DST, p->in);
	arg(s, DNNL_ARG_SCRATCHPAD, new_memory(p, query(pd, dnnl_query_scratchpad_md)));
	dnnl_primitive_desc_destroy(pd);
	dnnl_primitive_attr_destroy(a);
	p->h = out[2];
	p->w = out[3];
}

static void dense(struct plan *p, dnnl_dim_t filters)
{
	dnnl_dims_t in = {p->batch, p->c, p->h, p->w}, w4 = {filters, p->c, p->h, p->w}, bias = {filters};
	dnnl_dims_t out = {p->batch, filters};
	dnnl_memory_desc_t src = desc(4, in, p->type, dnnl_format_tag_any),
			   w = desc(4, w4, dnnl_s8, dnnl_format_tag_any);
	dnnl_memory_desc_t plain = desc(4, w4, dnnl_s8, dnnl_oihw), b = desc(1, bias, dnnl_s32, dnnl_x);
	dnnl_memory_desc_t dst = desc(2, out, dnnl_f32, dnnl_nc);
	dnnl_primitive_attr_t a = attributes(filters, false);
	dnnl_inner_product_desc_t d;
	dnnl_primitive_desc_t pd;

	must(dnnl_inner_product_forward_desc_init(&d, dnnl_forward_inference, &src, &w, &b, &dst), "dense");
	must(dnnl_primitive_desc_create(&pd, &d, a, p->engine, NULL), "dense");
	finish(p, pd, &plain, a);
	p->h = p->w = 1;
	p->c = filters;
}

static void *create(const struct bench_workload *w, int threads, int batch, bool avx2)
{
	struct plan *p = calloc(1, sizeof(*p));
	dnnl_dims_t dims = {batch, w->c, w->h, w->w};
	dnnl_memory_desc_t md;

	if (avx2)
		dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2); /* heard before the first primitive only */
	omp_set_num_threads(threads);
	must(dnnl_engine_create(&p->engine, dnnl_cpu, 0), "engine");
	must(dnnl_stream_create(&p->stream, p->engine, dnnl_stream_default_flags), "stream");
	*p = (struct plan){.engine = p->engine,
			   .stream = p->stream,
			   .threads = threads,
			   .batch = batch,
			   .h = w->h,
			   .w = w->w,
			   .c = w->c,
			   .type = dnnl_u8};
	md = desc(4, dims, dnnl_u8, dnnl_nhwc);
	p->in = new_memory(p, &md);
	for (const struct bench_line *t = w->line; t->kind; t++) {
		if (t->kind == BENCH_CONV)
			conv(p, t->filters, t->kernel, t->stride, false, t == w->line);
		if (t->kind == BENCH_SEPARABLE) {
			conv(p, p->c, t->kernel, t->stride, true, false);
			conv(p, t->filters, 1, 1, false, false);
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

	omp_set_num_threads(p->threads);
	for (int i = 0; i < p->steps; i++)
		dnnl_primitive_execute(p->step[i].primitive, p->stream, p->step[i].args, p->step[i].arg);
	dnnl_stream_wait(p->stream);
}

static void destroy(void *plan)
{
	struct plan *p = plan;

	for (int i = 0; i < p->steps; i++)
		dnnl_primitive_destroy(p->step[i].primitive);
	for (int i = 0; i < p->memories; i++)
		dnnl_memory_destroy(p->memory[i]);
	dnnl_stream_destroy(p->stream);
	dnnl_engine_destroy(p->engine);
	free(p);
}

const struct peer peer_onednn = {"oneDNN", create, run, destroy};
