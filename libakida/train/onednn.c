// SPDX-License-Identifier: MIT
/*
 * oneDNN behind one file: builds the primitives of a chain and runs them. Activations keep the layout each primitive
 * prefers; a reorder is recorded only where two neighbours disagree. While a network is built the first failing call is
 * kept in status and everything after it does nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <oneapi/dnnl/dnnl.h>
#include "base/diag.h"
#include "norm_sync.h"
#include "onednn.h"
#include "plain.h"

/* libgomp, which oneDNN runs on; declared here because <omp.h> comes with one compiler only. */
extern void omp_set_num_threads(int n);
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);

#define MAX_ARGS (AK_MAX_INPUTS + 1)
#define ALIGN 64

enum when { TRAIN = 1, INFER = 2, ALWAYS = 3 };
enum kind { PRIMITIVE, DROP, DROP_BACK, QUANTIZE, MOVE, SYNC, SYNC_BACK };

struct tensor {
	dnnl_memory_desc_t md;
	dnnl_memory_t mem;
	float *data;
	size_t count;
	bool scratch; /* nobody but the next operation reads it: it may be overwritten */
};

struct action {
	enum kind kind;
	unsigned int when;
	dnnl_primitive_t prim;
	int argc;
	dnnl_exec_arg_t args[MAX_ARGS];
	/* own code */
	const float *src;
	float *dst;
	size_t count;
	uint8_t *mask;
	float rate;
	uint32_t step;
};

struct list {
	struct action *at;
	uint32_t count, capacity;
};

/* What the forward pass of a step leaves for the backward pass. */
struct made {
	struct tensor src, dst, ws, mean, variance;
	dnnl_primitive_desc_t pd;
	uint8_t *mask;
	struct tensor dgamma, dbeta, fix_scale, fix_shift; /* of a normalization over a shared batch */
	double *sums;
};

struct param {
	dnnl_memory_desc_t md, plain_md;
	dnnl_memory_t mem, plain_mem, quant_mem; /* mem: what the primitives read */
	float *plain, *quant, *scales;
	dnnl_primitive_t to_plain, from_plain, quantized;
	bool ready;
};

enum held_kind { HELD_DATA, HELD_MEMORY, HELD_PRIMITIVE, HELD_DESC };
struct held {
	enum held_kind kind;
	void *p;
};

struct ak_dnn {
	const struct ak_chain *chain;
	struct ak_dnn *share;
	struct ak_fake_quant *quant;
	struct ak_dnn_part part; /* ranks NULL: the whole batch is here */
	uint32_t batch;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	dnnl_status_t status;
	struct list forward, backward;
	struct made *made;
	struct tensor *results, *gradients; /* of each step; a gradient without mem has no part yet */
	struct param *params;
	struct ak_dnn_param *pub;
	struct tensor input, logits, dlogits;
	struct action spare; /* written to when memory is out, never read */
	struct held *held;
	uint32_t held_count, held_capacity;
};

static bool fine(struct ak_dnn *d, dnnl_status_t s)
{
	if (d->status == dnnl_success)
		d->status = s;
	return d->status == dnnl_success;
}

static void release(struct held h)
{
	switch (h.kind) {
	case HELD_DATA:
		free(h.p);
		break;
	case HELD_MEMORY:
		dnnl_memory_destroy(h.p);
		break;
	case HELD_PRIMITIVE:
		dnnl_primitive_destroy(h.p);
		break;
	case HELD_DESC:
		dnnl_primitive_desc_destroy(h.p);
		break;
	}
}

/* Takes ownership, also when it fails. */
static void hold(struct ak_dnn *d, enum held_kind kind, void *p)
{
	if (d->held_count == d->held_capacity) {
		uint32_t more = d->held_capacity ? 2 * d->held_capacity : 256;
		struct held *h = realloc(d->held, more * sizeof(*h));

		if (!h) {
			fine(d, dnnl_out_of_memory);
			release((struct held){kind, p});
			return;
		}
		d->held = h;
		d->held_capacity = more;
	}
	d->held[d->held_count++] = (struct held){kind, p};
}

static void *new_data(struct ak_dnn *d, size_t bytes)
{
	size_t rounded = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	void *p;

	if (d->status != dnnl_success)
		return NULL;
	p = aligned_alloc(ALIGN, rounded ? rounded : ALIGN);
	if (!p) {
		fine(d, dnnl_out_of_memory);
		return NULL;
	}
	memset(p, 0, rounded ? rounded : ALIGN);
	hold(d, HELD_DATA, p);
	return d->status == dnnl_success ? p : NULL;
}

static dnnl_memory_t new_memory(struct ak_dnn *d, const dnnl_memory_desc_t *md, void *data)
{
	dnnl_memory_t m = NULL;

	if (d->status != dnnl_success || !fine(d, dnnl_memory_create(&m, md, d->engine, data)))
		return NULL;
	hold(d, HELD_MEMORY, m);
	return d->status == dnnl_success ? m : NULL;
}

static struct tensor new_tensor(struct ak_dnn *d, const dnnl_memory_desc_t *md)
{
	struct tensor t = {.scratch = true};

	if (d->status != dnnl_success || !md) {
		fine(d, dnnl_runtime_error);
		return t;
	}
	t.md = *md;
	t.count = dnnl_memory_desc_get_size(md) / sizeof(float);
	t.data = new_data(d, dnnl_memory_desc_get_size(md));
	t.mem = new_memory(d, md, t.data);
	return t;
}

/* The same values under another description of the same size. */
static struct tensor view(struct ak_dnn *d, const struct tensor *in, const dnnl_memory_desc_t *md)
{
	struct tensor t = *in;

	t.md = *md;
	t.mem = new_memory(d, md, in->data);
	return t;
}

static dnnl_memory_desc_t by_tag(struct ak_dnn *d, int n, const dnnl_dims_t dims, dnnl_format_tag_t tag)
{
	dnnl_memory_desc_t md;

	memset(&md, 0, sizeof(md));
	if (d->status == dnnl_success)
		fine(d, dnnl_memory_desc_init_by_tag(&md, n, dims, dnnl_f32, tag));
	return md;
}

/* Logical order n, c, h, w; nhwc when one of them would do. */
static dnnl_memory_desc_t map_md(struct ak_dnn *d, struct ak_chain_shape s, dnnl_format_tag_t tag)
{
	dnnl_dims_t dims = {d->batch, s.c, s.h, s.w};

	return by_tag(d, 4, dims, tag);
}

static dnnl_memory_desc_t vector_md(struct ak_dnn *d, uint32_t n)
{
	dnnl_dims_t dims = {n};

	return by_tag(d, 1, dims, dnnl_x);
}

static struct action *append(struct ak_dnn *d, struct list *l, enum kind kind, unsigned int when)
{
	if (l->count == l->capacity) {
		uint32_t more = l->capacity ? 2 * l->capacity : 32;
		struct action *a = realloc(l->at, more * sizeof(*a));

		if (!a) {
			fine(d, dnnl_out_of_memory);
			return &d->spare;
		}
		l->at = a;
		l->capacity = more;
	}
	memset(&l->at[l->count], 0, sizeof(*l->at));
	l->at[l->count].kind = kind;
	l->at[l->count].when = when;
	return &l->at[l->count++];
}

static dnnl_primitive_desc_t new_desc(struct ak_dnn *d, const void *op, dnnl_primitive_desc_t hint)
{
	dnnl_primitive_desc_t pd = NULL;

	if (d->status != dnnl_success || !fine(d, dnnl_primitive_desc_create(&pd, op, NULL, d->engine, hint)))
		return NULL;
	hold(d, HELD_DESC, pd);
	return d->status == dnnl_success ? pd : NULL;
}

static dnnl_primitive_t new_primitive(struct ak_dnn *d, dnnl_primitive_desc_t pd)
{
	dnnl_primitive_t p = NULL;

	if (d->status != dnnl_success || !fine(d, dnnl_primitive_create(&p, pd)))
		return NULL;
	hold(d, HELD_PRIMITIVE, p);
	return d->status == dnnl_success ? p : NULL;
}

static const dnnl_memory_desc_t *query(struct ak_dnn *d, dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	return d->status == dnnl_success ? dnnl_primitive_desc_query_md(pd, what, 0) : NULL;
}

/* Arguments without memory are left out. */
static void record(struct ak_dnn *d, struct list *l, unsigned int when, dnnl_primitive_desc_t pd, int argc,
		   const dnnl_exec_arg_t *args)
{
	dnnl_primitive_t p = new_primitive(d, pd);
	struct action *a;
	int i;

	if (d->status != dnnl_success)
		return;
	a = append(d, l, PRIMITIVE, when);
	a->prim = p;
	for (i = 0; i < argc; i++)
		if (args[i].memory)
			a->args[a->argc++] = args[i];
}

static dnnl_primitive_desc_t reorder_desc(struct ak_dnn *d, const dnnl_memory_desc_t *from,
					  const dnnl_memory_desc_t *to)
{
	dnnl_primitive_desc_t pd = NULL;

	if (d->status != dnnl_success ||
	    !fine(d, dnnl_reorder_primitive_desc_create(&pd, from, d->engine, to, d->engine, NULL)))
		return NULL;
	hold(d, HELD_DESC, pd);
	return d->status == dnnl_success ? pd : NULL;
}

static void reorder(struct ak_dnn *d, struct list *l, dnnl_memory_t from, const dnnl_memory_desc_t *from_md,
		    dnnl_memory_t to, const dnnl_memory_desc_t *to_md)
{
	dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};

	record(d, l, ALWAYS, reorder_desc(d, from_md, to_md), 2, args);
}

/* The tensor in this layout: itself, or the destination of a recorded reorder. */
static struct tensor in_layout(struct ak_dnn *d, struct list *l, const struct tensor *t, const dnnl_memory_desc_t *md)
{
	struct tensor r;

	if (d->status != dnnl_success || !md || dnnl_memory_desc_equal(&t->md, md))
		return *t;
	r = new_tensor(d, md);
	reorder(d, l, t->mem, &t->md, r.mem, &r.md);
	return r;
}

/* ---- parameters ---- */

/* The kernel as Keras stores it, under oneDNN's logical order ([groups,] out, in, h, w). */
static dnnl_memory_desc_t kernel_md(struct ak_dnn *d, const struct ak_chain_step *s)
{
	dnnl_dims_t dims, strides;
	dnnl_memory_desc_t md;
	int64_t f = s->out.c, ci = s->in.c / s->groups;
	int n = 0;

	memset(&md, 0, sizeof(md));
	if (s->op == AK_CHAIN_DENSE) {
		int64_t c = s->in.c, w = s->in.w;
		dnnl_dims_t dd = {f, c, s->in.h, w}, ds = {1, f, w * c * f, c * f};

		fine(d, dnnl_memory_desc_init_by_strides(&md, 4, dd, dnnl_f32, ds));
		return md;
	}
	if (s->op == AK_CHAIN_DECONV && s->groups == 1) { /* filters before channels */
		dnnl_dims_t dd = {f, ci, s->kernel_h, s->kernel_w}, ds = {ci, 1, s->kernel_w * f * ci, f * ci};

		fine(d, dnnl_memory_desc_init_by_strides(&md, 4, dd, dnnl_f32, ds));
		return md;
	}
	if (s->groups > 1) {
		dims[n] = s->groups;
		strides[n++] = f / s->groups;
	}
	dims[n] = f / s->groups;
	strides[n++] = 1;
	dims[n] = ci;
	strides[n++] = f;
	dims[n] = s->kernel_h;
	strides[n++] = s->kernel_w * ci * f;
	dims[n] = s->kernel_w;
	strides[n++] = ci * f;
	fine(d, dnnl_memory_desc_init_by_strides(&md, n, dims, dnnl_f32, strides));
	return md;
}

static void transfer(struct ak_dnn *d, dnnl_primitive_t p, dnnl_memory_t from, dnnl_memory_t to)
{
	dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};

	if (d->status == dnnl_success && fine(d, dnnl_primitive_execute(p, d->stream, 2, args)))
		fine(d, dnnl_stream_wait(d->stream));
}

/* Storage of a parameter in layout md, filled from the graph (or that of the sharing network). */
static void make_param(struct ak_dnn *d, uint32_t index, const dnnl_memory_desc_t *md, const dnnl_memory_desc_t *plain)
{
	const struct ak_chain_param *cp = &d->chain->params[index];
	const struct ak_weight *w = &d->chain->graph->nodes[cp->node].weights[cp->weight];
	struct param *p = &d->params[index];
	dnnl_memory_t master;

	if (d->status != dnnl_success || !md)
		return;
	p->md = *md;
	p->plain_md = *plain;
	d->pub[index].count = dnnl_memory_desc_get_size(md) / sizeof(float);
	d->pub[index].w = d->share ? d->share->pub[index].w : new_data(d, dnnl_memory_desc_get_size(md));
	p->plain = new_data(d, cp->count * sizeof(float));
	p->plain_mem = new_memory(d, plain, p->plain);
	p->mem = master = new_memory(d, md, d->pub[index].w);
	p->to_plain = new_primitive(d, reorder_desc(d, md, plain));
	p->from_plain = new_primitive(d, reorder_desc(d, plain, md));
	if (d->status != dnnl_success)
		return;
	if (!d->share) {
		memcpy(p->plain, w->data, cp->count * sizeof(float));
		transfer(d, p->from_plain, p->plain_mem, master);
	}
	if (d->quant && cp->role == AK_CHAIN_KERNEL) {
		p->quant = new_data(d, dnnl_memory_desc_get_size(md));
		p->scales = new_data(d, cp->channels * sizeof(float));
		p->quant_mem = master;
		p->mem = new_memory(d, md, p->quant);
	}
	p->ready = true;
}

static dnnl_memory_t vector_param(struct ak_dnn *d, uint32_t index)
{
	dnnl_memory_desc_t md;

	if (index == AK_CHAIN_NONE)
		return NULL;
	md = vector_md(d, (uint32_t)d->chain->params[index].count);
	make_param(d, index, &md, &md);
	return d->params[index].mem;
}

/* The layout of a kernel: what the primitive likes, or that of the network whose parameters are shared. */
static dnnl_memory_desc_t kernel_wish(struct ak_dnn *d, const struct ak_chain_step *s, const dnnl_memory_desc_t *plain)
{
	dnnl_memory_desc_t md;

	if (d->share)
		return d->share->params[s->kernel].md;
	memset(&md, 0, sizeof(md));
	if (d->status == dnnl_success)
		fine(d, dnnl_memory_desc_init_by_tag(&md, plain->ndims, plain->dims, dnnl_f32, dnnl_format_tag_any));
	return md;
}

/* Where a gradient goes: g in the parameter's layout. */
static void make_gradient(struct ak_dnn *d, uint32_t index, const struct tensor *g)
{
	struct tensor t;

	if (d->status != dnnl_success || index == AK_CHAIN_NONE)
		return;
	t = in_layout(d, &d->backward, g, &d->params[index].md);
	d->pub[index].g = t.data;
}

/* ---- forward ---- */

struct geometry {
	dnnl_dims_t strides, dilation, begin, end, window;
};

static struct geometry geometry(const struct ak_chain_step *s)
{
	struct geometry g = {
		.strides = {s->stride_h, s->stride_w},
		.dilation = {s->dilation_h - 1, s->dilation_w - 1},
		.begin = {s->pad[0], s->pad[2]},
		.end = {s->pad[1], s->pad[3]},
		.window = {s->kernel_h, s->kernel_w},
	};

	return g;
}

/* Convolution, its transpose and inner product differ in their descriptions only; bias NULL: none. */
enum pass { FORWARD, BACK_WEIGHTS, BACK_DATA };
union weighted_desc {
	dnnl_convolution_desc_t conv; /* of the transpose, too */
	dnnl_inner_product_desc_t dense;
};

static bool weighted_desc(struct ak_dnn *d, const struct ak_chain_step *s, enum pass pass,
			  const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *w, const dnnl_memory_desc_t *bias,
			  const dnnl_memory_desc_t *dst, union weighted_desc *op)
{
	const dnnl_alg_kind_t direct = dnnl_convolution_direct, transposed = dnnl_deconvolution_direct;
	const dnnl_prop_kind_t training = dnnl_forward_training;
	struct geometry g = geometry(s);
	dnnl_status_t err = dnnl_success;

	if (d->status != dnnl_success)
		return false;
	switch (pass) {
	case FORWARD:
		if (s->op == AK_CHAIN_DENSE)
			err = dnnl_inner_product_forward_desc_init(&op->dense, training, src, w, bias, dst);
		else if (s->op == AK_CHAIN_DECONV)
			err = dnnl_dilated_deconvolution_forward_desc_init(&op->conv, training, transposed, src, w,
									   bias, dst, g.strides, g.dilation, g.begin,
									   g.end);
		else
			err = dnnl_dilated_convolution_forward_desc_init(&op->conv, training, direct, src, w, bias, dst,
									 g.strides, g.dilation, g.begin, g.end);
		break;
	case BACK_WEIGHTS:
		if (s->op == AK_CHAIN_DENSE)
			err = dnnl_inner_product_backward_weights_desc_init(&op->dense, src, w, bias, dst);
		else if (s->op == AK_CHAIN_DECONV)
			err = dnnl_dilated_deconvolution_backward_weights_desc_init(
				&op->conv, transposed, src, w, bias, dst, g.strides, g.dilation, g.begin, g.end);
		else
			err = dnnl_dilated_convolution_backward_weights_desc_init(
				&op->conv, direct, src, w, bias, dst, g.strides, g.dilation, g.begin, g.end);
		break;
	case BACK_DATA:
		if (s->op == AK_CHAIN_DENSE)
			err = dnnl_inner_product_backward_data_desc_init(&op->dense, src, w, dst);
		else if (s->op == AK_CHAIN_DECONV)
			err = dnnl_dilated_deconvolution_backward_data_desc_init(&op->conv, transposed, src, w, dst,
										 g.strides, g.dilation, g.begin, g.end);
		else
			err = dnnl_dilated_convolution_backward_data_desc_init(&op->conv, direct, src, w, dst,
									       g.strides, g.dilation, g.begin, g.end);
		break;
	}
	return fine(d, err);
}

/* What a convolution or dense layer takes and gives: the layout is oneDNN's choice but for one channel and for vectors. */
static dnnl_memory_desc_t source_wish(struct ak_dnn *d, const struct ak_chain_step *s, const struct tensor *in)
{
	return s->op == AK_CHAIN_CONV && s->in.c == 1 ? in->md : map_md(d, s->in, dnnl_format_tag_any);
}

static dnnl_memory_desc_t result_wish(struct ak_dnn *d, const struct ak_chain_step *s)
{
	dnnl_dims_t flat = {d->batch, s->out.c};

	return s->op == AK_CHAIN_DENSE ? by_tag(d, 2, flat, dnnl_nc) : map_md(d, s->out, dnnl_format_tag_any);
}

static struct tensor forward_weighted(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	dnnl_memory_desc_t src = source_wish(d, s, &in), dst = result_wish(d, s), plain = kernel_md(d, s),
			   w = kernel_wish(d, s, &plain), b = vector_md(d, s->out.c), map;
	union weighted_desc op;
	dnnl_memory_t bias;

	if (!weighted_desc(d, s, FORWARD, &src, &w, s->bias == AK_CHAIN_NONE ? NULL : &b, &dst, &op))
		return in;
	m->pd = new_desc(d, &op, NULL);
	m->src = in_layout(d, &d->forward, &in, query(d, m->pd, dnnl_query_src_md));
	m->dst = new_tensor(d, query(d, m->pd, dnnl_query_dst_md));
	make_param(d, s->kernel, query(d, m->pd, dnnl_query_weights_md), &plain);
	bias = vector_param(d, s->bias);
	record(d, &d->forward, ALWAYS, m->pd, 4,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, m->src.mem},
				   {DNNL_ARG_WEIGHTS, d->params[s->kernel].mem},
				   {DNNL_ARG_BIAS, bias},
				   {DNNL_ARG_DST, m->dst.mem}});
	if (s->op != AK_CHAIN_DENSE)
		return m->dst;
	map = map_md(d, s->out, dnnl_nhwc);
	return view(d, &m->dst, &map);
}

/*
 * Quantized networks normalize with the moving statistics in training too, as if the normalization were folded into
 * the layer before: that is what the quantized network will compute.
 */
static unsigned int norm_flags(const struct ak_dnn *d, const struct ak_chain_step *s)
{
	return (s->gamma == AK_CHAIN_NONE ? 0u : dnnl_use_scale) | (s->beta == AK_CHAIN_NONE ? 0u : dnnl_use_shift) |
	       (d->quant ? dnnl_use_global_stats : 0u);
}

/* The statistics of the own samples are there: those of all, and the normalization again with them. */
static void shared_norm(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in,
			dnnl_memory_t gamma, dnnl_memory_t beta)
{
	dnnl_batch_normalization_desc_t op;
	dnnl_primitive_desc_t pd;

	if (s->gamma == AK_CHAIN_NONE || s->beta == AK_CHAIN_NONE)
		fine(d, dnnl_unimplemented);
	m->sums = new_data(d, 2 * sizeof(double) * s->in.c);
	append(d, &d->forward, SYNC, TRAIN)->step = (uint32_t)(s - d->chain->steps);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_batch_normalization_forward_desc_init(&op, dnnl_forward_training, &in.md, s->epsilon,
								norm_flags(d, s) | dnnl_use_global_stats)))
		return;
	pd = new_desc(d, &op, NULL);
	m->pd = pd;
	record(d, &d->forward, TRAIN, pd, 6,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, in.mem},
				   {DNNL_ARG_MEAN, m->mean.mem},
				   {DNNL_ARG_VARIANCE, m->variance.mem},
				   {DNNL_ARG_SCALE, gamma},
				   {DNNL_ARG_SHIFT, beta},
				   {DNNL_ARG_DST, m->dst.mem}});
}

static struct tensor forward_norm(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	dnnl_memory_t gamma = vector_param(d, s->gamma), beta = vector_param(d, s->beta),
		      mean = vector_param(d, s->mean), variance = vector_param(d, s->variance);
	dnnl_batch_normalization_desc_t op;
	dnnl_memory_desc_t vec = vector_md(d, s->in.c);
	dnnl_primitive_desc_t infer;

	if (d->status != dnnl_success ||
	    !fine(d, dnnl_batch_normalization_forward_desc_init(&op, dnnl_forward_training, &in.md, s->epsilon,
								norm_flags(d, s))))
		return in;
	m->pd = new_desc(d, &op, NULL);
	m->src = in;
	m->dst = new_tensor(d, query(d, m->pd, dnnl_query_dst_md));
	if (d->quant) {
		m->mean.mem = mean;
		m->variance.mem = variance;
	} else {
		m->mean = new_tensor(d, &vec);
		m->variance = new_tensor(d, &vec);
	}
	record(d, &d->forward, d->quant ? ALWAYS : TRAIN, m->pd, 6,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, in.mem},
				   {DNNL_ARG_MEAN, m->mean.mem},
				   {DNNL_ARG_VARIANCE, m->variance.mem},
				   {DNNL_ARG_SCALE, gamma},
				   {DNNL_ARG_SHIFT, beta},
				   {DNNL_ARG_DST, m->dst.mem}});
	if (d->quant)
		return m->dst;
	if (d->part.ranks)
		shared_norm(d, s, m, in, gamma, beta);
	append(d, &d->forward, MOVE, TRAIN)->step = (uint32_t)(s - d->chain->steps);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_batch_normalization_forward_desc_init(&op, dnnl_forward_inference, &in.md, s->epsilon,
								norm_flags(d, s) | dnnl_use_global_stats)))
		return in;
	infer = new_desc(d, &op, NULL);
	record(d, &d->forward, INFER, infer, 6,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, in.mem},
				   {DNNL_ARG_MEAN, mean},
				   {DNNL_ARG_VARIANCE, variance},
				   {DNNL_ARG_SCALE, gamma},
				   {DNNL_ARG_SHIFT, beta},
				   {DNNL_ARG_DST, m->dst.mem}});
	return m->dst;
}

/* Functions whose gradient comes from the result, so that the argument need not be kept; see eltwise_by_dst. */
static dnnl_alg_kind_t eltwise_algorithm(const struct ak_chain_step *s, bool by_dst)
{
	switch (s->function) {
	case AK_CHAIN_RELU:
		return by_dst ? dnnl_eltwise_relu_use_dst_for_bwd : dnnl_eltwise_relu;
	case AK_CHAIN_CLIP:
		return by_dst ? dnnl_eltwise_clip_v2_use_dst_for_bwd : dnnl_eltwise_clip_v2;
	case AK_CHAIN_SIGMOID:
		return by_dst ? dnnl_eltwise_logistic_use_dst_for_bwd : dnnl_eltwise_logistic;
	case AK_CHAIN_TANH:
		return by_dst ? dnnl_eltwise_tanh_use_dst_for_bwd : dnnl_eltwise_tanh;
	case AK_CHAIN_LINEAR:
		break;
	}
	return dnnl_eltwise_linear;
}

static bool eltwise_by_dst(const struct ak_chain_step *s)
{
	return s->function != AK_CHAIN_LINEAR && !(s->function == AK_CHAIN_RELU && s->alpha < 0);
}

static float eltwise_alpha(const struct ak_chain_step *s)
{
	return s->function == AK_CHAIN_CLIP ? 0 : s->alpha;
}

static float eltwise_beta(const struct ak_chain_step *s)
{
	return s->function == AK_CHAIN_CLIP || s->function == AK_CHAIN_LINEAR ? s->limit : 0;
}

static struct tensor forward_eltwise(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	bool by_dst = eltwise_by_dst(s);
	dnnl_eltwise_desc_t op;
	struct tensor out;
	struct action *a;

	if (d->status != dnnl_success ||
	    !fine(d, dnnl_eltwise_forward_desc_init(&op, dnnl_forward_training, eltwise_algorithm(s, by_dst), &in.md,
						    eltwise_alpha(s), eltwise_beta(s))))
		return in;
	m->pd = new_desc(d, &op, NULL);
	m->src = in;
	m->dst = in.scratch && by_dst ? in : new_tensor(d, &in.md);
	m->dst.scratch = false;
	record(d, &d->forward, ALWAYS, m->pd, 2,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, in.mem}, {DNNL_ARG_DST, m->dst.mem}});
	if (!d->quant || !s->activation)
		return m->dst;
	out = new_tensor(d, &m->dst.md);
	a = append(d, &d->forward, QUANTIZE, ALWAYS);
	a->src = m->dst.data;
	a->dst = out.data;
	a->count = out.count;
	a->step = (uint32_t)(s - d->chain->steps);
	return out;
}

static dnnl_alg_kind_t pool_algorithm(const struct ak_chain_step *s)
{
	return s->op == AK_CHAIN_MAXPOOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
}

static struct tensor forward_pool(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	dnnl_memory_desc_t dst = map_md(d, s->out, dnnl_format_tag_any);
	const dnnl_memory_desc_t *ws;
	struct geometry g = geometry(s);
	dnnl_pooling_desc_t op;

	if (d->status != dnnl_success ||
	    !fine(d, dnnl_pooling_forward_desc_init(&op, dnnl_forward_training, pool_algorithm(s), &in.md, &dst,
						    g.strides, g.window, g.begin, g.end)))
		return in;
	m->pd = new_desc(d, &op, NULL);
	m->src = in;
	m->dst = new_tensor(d, query(d, m->pd, dnnl_query_dst_md));
	ws = query(d, m->pd, dnnl_query_workspace_md);
	if (ws && dnnl_memory_desc_get_size(ws))
		m->ws = new_tensor(d, ws);
	record(d, &d->forward, ALWAYS, m->pd, 3,
	       (dnnl_exec_arg_t[]){
		       {DNNL_ARG_SRC, in.mem}, {DNNL_ARG_DST, m->dst.mem}, {DNNL_ARG_WORKSPACE, m->ws.mem}});
	return m->dst;
}

static struct tensor forward_reshape(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	dnnl_memory_desc_t from = map_md(d, s->in, dnnl_nhwc), to = map_md(d, s->out, dnnl_nhwc);

	m->src = in;
	in = in_layout(d, &d->forward, &in, &from);
	return view(d, &in, &to);
}

static struct tensor forward_dropout(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	struct action *a;

	m->src = in;
	m->dst = new_tensor(d, &in.md);
	m->mask = new_data(d, in.count);
	a = append(d, &d->forward, DROP, ALWAYS);
	a->src = in.data;
	a->dst = m->dst.data;
	a->count = in.count;
	a->mask = m->mask;
	a->rate = s->rate;
	a->step = (uint32_t)(s - d->chain->steps);
	return m->dst;
}

/* The map inside the padded map, for either direction. */
static dnnl_memory_desc_t inside_md(struct ak_dnn *d, const struct ak_chain_step *s, const dnnl_memory_desc_t *padded)
{
	dnnl_dims_t dims = {d->batch, s->in.c, s->in.h, s->in.w}, at = {0, 0, s->pad[0], s->pad[2]};
	dnnl_memory_desc_t md;

	memset(&md, 0, sizeof(md));
	if (d->status == dnnl_success)
		fine(d, dnnl_memory_desc_init_submemory(&md, padded, dims, at));
	return md;
}

static struct tensor forward_pad(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	dnnl_memory_desc_t dst = map_md(d, s->out, dnnl_nhwc), inside;

	m->src = in;
	m->dst = new_tensor(d, &dst);
	m->dst.scratch = false; /* the border is written once */
	inside = inside_md(d, s, &dst);
	reorder(d, &d->forward, in.mem, &in.md, new_memory(d, &inside, m->dst.data), &inside);
	return m->dst;
}

static const struct tensor *result_of(const struct ak_dnn *d, uint32_t step)
{
	return step == AK_CHAIN_NONE ? &d->input : &d->results[step];
}

static struct ak_chain_shape shape_of(const struct ak_dnn *d, uint32_t step)
{
	return step == AK_CHAIN_NONE ? d->chain->input : d->chain->steps[step].out;
}

static void record_many(struct ak_dnn *d, struct list *l, dnnl_primitive_desc_t pd, const struct tensor *src, int n,
			dnnl_memory_t dst)
{
	dnnl_exec_arg_t args[MAX_ARGS];
	int i;

	for (i = 0; i < n; i++)
		args[i] = (dnnl_exec_arg_t){DNNL_ARG_MULTIPLE_SRC + i, src[i].mem};
	args[n] = (dnnl_exec_arg_t){DNNL_ARG_DST, dst};
	record(d, l, ALWAYS, pd, n + 1, args);
}

static dnnl_primitive_desc_t sum_desc(struct ak_dnn *d, const dnnl_memory_desc_t *md, int n)
{
	dnnl_memory_desc_t src[AK_MAX_INPUTS];
	float ones[AK_MAX_INPUTS];
	dnnl_primitive_desc_t pd = NULL;
	int i;

	for (i = 0; i < n; i++) {
		src[i] = *md;
		ones[i] = 1;
	}
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_sum_primitive_desc_create(&pd, md, n, ones, src, NULL, d->engine)))
		return NULL;
	hold(d, HELD_DESC, pd);
	return d->status == dnnl_success ? pd : NULL;
}

static struct tensor forward_add(struct ak_dnn *d, const struct ak_chain_step *s)
{
	struct tensor src[AK_MAX_INPUTS], out;
	uint32_t i;

	src[0] = *result_of(d, s->inputs[0]);
	for (i = 1; i < s->input_count; i++)
		src[i] = in_layout(d, &d->forward, result_of(d, s->inputs[i]), &src[0].md);
	out = new_tensor(d, &src[0].md);
	record_many(d, &d->forward, sum_desc(d, &out.md, (int)s->input_count), src, (int)s->input_count, out.mem);
	return out;
}

/* Axis h, w or c in oneDNN's order n, c, h, w. */
static int logical_axis(uint32_t axis)
{
	return axis == 2 ? 1 : (int)axis + 2;
}

static struct tensor forward_concat(struct ak_dnn *d, const struct ak_chain_step *s)
{
	dnnl_memory_desc_t dst = map_md(d, s->out, dnnl_nhwc), md[AK_MAX_INPUTS];
	struct tensor src[AK_MAX_INPUTS], out = new_tensor(d, &dst);
	dnnl_primitive_desc_t pd = NULL;
	uint32_t i;

	for (i = 0; i < s->input_count; i++) {
		md[i] = map_md(d, shape_of(d, s->inputs[i]), dnnl_nhwc);
		src[i] = in_layout(d, &d->forward, result_of(d, s->inputs[i]), &md[i]);
	}
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_concat_primitive_desc_create(&pd, &dst, (int)s->input_count, logical_axis(s->axis), md, NULL,
						       d->engine)))
		return out;
	hold(d, HELD_DESC, pd);
	record_many(d, &d->forward, pd, src, (int)s->input_count, out.mem);
	return out;
}

/* ---- backward: each takes the gradient of the step's result and returns that of its argument ---- */

static void backward_weights(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, const struct tensor *dd,
			     const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *w, const dnnl_memory_desc_t *dst)
{
	bool biased = s->bias != AK_CHAIN_NONE;
	dnnl_memory_desc_t b = vector_md(d, s->out.c);
	struct tensor in, out, g, gb = {0};
	dnnl_primitive_desc_t pd;
	union weighted_desc op;

	if (!weighted_desc(d, s, BACK_WEIGHTS, src, w, biased ? &b : NULL, dst, &op))
		return;
	pd = new_desc(d, &op, m->pd);
	in = in_layout(d, &d->backward, &m->src, query(d, pd, dnnl_query_src_md));
	out = in_layout(d, &d->backward, dd, query(d, pd, dnnl_query_diff_dst_md));
	g = new_tensor(d, query(d, pd, dnnl_query_diff_weights_md));
	if (biased)
		gb = new_tensor(d, &b);
	record(d, &d->backward, ALWAYS, pd, 4,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, in.mem},
				   {DNNL_ARG_DIFF_DST, out.mem},
				   {DNNL_ARG_DIFF_WEIGHTS, g.mem},
				   {DNNL_ARG_DIFF_BIAS, gb.mem}});
	make_gradient(d, s->kernel, &g);
	make_gradient(d, s->bias, &gb);
}

static struct tensor backward_data(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd,
				   const dnnl_memory_desc_t *src, const dnnl_memory_desc_t *w,
				   const dnnl_memory_desc_t *dst)
{
	const struct tensor kernel = {.md = d->params[s->kernel].md, .mem = d->params[s->kernel].mem};
	dnnl_primitive_desc_t pd;
	union weighted_desc op;
	struct tensor in, out, ds;

	if (!weighted_desc(d, s, BACK_DATA, src, w, NULL, dst, &op))
		return dd;
	pd = new_desc(d, &op, m->pd);
	in = in_layout(d, &d->backward, &kernel, query(d, pd, dnnl_query_weights_md));
	out = in_layout(d, &d->backward, &dd, query(d, pd, dnnl_query_diff_dst_md));
	ds = new_tensor(d, query(d, pd, dnnl_query_diff_src_md));
	record(d, &d->backward, ALWAYS, pd, 3,
	       (dnnl_exec_arg_t[]){
		       {DNNL_ARG_DIFF_DST, out.mem}, {DNNL_ARG_WEIGHTS, in.mem}, {DNNL_ARG_DIFF_SRC, ds.mem}});
	return ds;
}

static struct tensor backward_weighted(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m,
				       struct tensor dd, bool deeper)
{
	dnnl_memory_desc_t src = source_wish(d, s, &m->src), dst = result_wish(d, s),
			   map = map_md(d, s->out, dnnl_nhwc), w;
	const dnnl_memory_desc_t *like = &d->params[s->kernel].md;

	if (s->op == AK_CHAIN_DENSE) {
		dd = in_layout(d, &d->backward, &dd, &map);
		dd = view(d, &dd, &m->dst.md);
	}
	memset(&w, 0, sizeof(w));
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_memory_desc_init_by_tag(&w, like->ndims, like->dims, dnnl_f32, dnnl_format_tag_any)))
		return dd;
	backward_weights(d, s, m, &dd, &src, &w, &dst);
	return deeper ? backward_data(d, s, m, dd, &src, &w, &dst) : dd;
}

/* What the statistics' dependence on the inputs contributes: one more normalization of the inputs, added to ds. */
static struct tensor shared_norm_back(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor ds)
{
	dnnl_memory_desc_t vec = vector_md(d, s->in.c);
	dnnl_batch_normalization_desc_t op;
	dnnl_binary_desc_t sum;
	dnnl_primitive_desc_t pd;
	struct tensor fix;

	m->fix_scale = new_tensor(d, &vec);
	m->fix_shift = new_tensor(d, &vec);
	append(d, &d->backward, SYNC_BACK, ALWAYS)->step = (uint32_t)(s - d->chain->steps);
	if (d->status != dnnl_success || !fine(d, dnnl_batch_normalization_forward_desc_init(
							  &op, dnnl_forward_inference, &m->src.md, s->epsilon,
							  dnnl_use_global_stats | dnnl_use_scale | dnnl_use_shift)))
		return ds;
	pd = new_desc(d, &op, NULL);
	fix = new_tensor(d, query(d, pd, dnnl_query_dst_md));
	record(d, &d->backward, ALWAYS, pd, 6,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, m->src.mem},
				   {DNNL_ARG_MEAN, m->mean.mem},
				   {DNNL_ARG_VARIANCE, m->variance.mem},
				   {DNNL_ARG_SCALE, m->fix_scale.mem},
				   {DNNL_ARG_SHIFT, m->fix_shift.mem},
				   {DNNL_ARG_DST, fix.mem}});
	fix = in_layout(d, &d->backward, &fix, &ds.md);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_binary_desc_init(&sum, dnnl_binary_add, &ds.md, &fix.md, &ds.md)))
		return ds;
	record(d, &d->backward, ALWAYS, new_desc(d, &sum, NULL), 3,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC_0, ds.mem}, {DNNL_ARG_SRC_1, fix.mem}, {DNNL_ARG_DST, ds.mem}});
	return ds;
}

static struct tensor backward_norm(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd)
{
	bool scaled = s->gamma != AK_CHAIN_NONE, shifted = s->beta != AK_CHAIN_NONE;
	dnnl_memory_desc_t vec = vector_md(d, s->in.c);
	struct tensor g = {0}, b = {0}, ds;
	dnnl_batch_normalization_desc_t op;
	dnnl_primitive_desc_t pd;

	dd = in_layout(d, &d->backward, &dd, &m->src.md);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_batch_normalization_backward_desc_init(
			     &op, scaled || shifted ? dnnl_backward : dnnl_backward_data, &dd.md, &m->src.md,
			     s->epsilon, norm_flags(d, s) | (d->part.ranks ? dnnl_use_global_stats : 0u))))
		return dd;
	pd = new_desc(d, &op, m->pd);
	ds = new_tensor(d, query(d, pd, dnnl_query_diff_src_md));
	if (scaled)
		g = new_tensor(d, &vec);
	if (shifted)
		b = new_tensor(d, &vec);
	record(d, &d->backward, ALWAYS, pd, 9,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC, m->src.mem},
				   {DNNL_ARG_MEAN, m->mean.mem},
				   {DNNL_ARG_VARIANCE, m->variance.mem},
				   {DNNL_ARG_SCALE, scaled ? d->params[s->gamma].mem : NULL},
				   {DNNL_ARG_SHIFT, shifted ? d->params[s->beta].mem : NULL},
				   {DNNL_ARG_DIFF_DST, dd.mem},
				   {DNNL_ARG_DIFF_SRC, ds.mem},
				   {DNNL_ARG_DIFF_SCALE, g.mem},
				   {DNNL_ARG_DIFF_SHIFT, b.mem}});
	make_gradient(d, s->gamma, &g);
	make_gradient(d, s->beta, &b);
	if (d->part.ranks && !d->quant) {
		m->dgamma = g;
		m->dbeta = b;
		return shared_norm_back(d, s, m, ds);
	}
	return ds;
}

static struct tensor backward_eltwise(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd)
{
	bool by_dst = eltwise_by_dst(s);
	struct tensor kept = by_dst ? m->dst : m->src;
	dnnl_eltwise_desc_t op;
	dnnl_primitive_desc_t pd;

	dd = in_layout(d, &d->backward, &dd, &m->dst.md);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_eltwise_backward_desc_init(&op, eltwise_algorithm(s, by_dst), &dd.md, &kept.md,
						     eltwise_alpha(s), eltwise_beta(s))))
		return dd;
	pd = new_desc(d, &op, m->pd);
	record(d, &d->backward, ALWAYS, pd, 3,
	       (dnnl_exec_arg_t[]){{by_dst ? DNNL_ARG_DST : DNNL_ARG_SRC, kept.mem},
				   {DNNL_ARG_DIFF_DST, dd.mem},
				   {DNNL_ARG_DIFF_SRC, dd.mem}});
	return dd;
}

static struct tensor backward_pool(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd)
{
	struct geometry g = geometry(s);
	dnnl_pooling_desc_t op;
	dnnl_primitive_desc_t pd;
	struct tensor ds;

	dd = in_layout(d, &d->backward, &dd, &m->dst.md);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_pooling_backward_desc_init(&op, pool_algorithm(s), &m->src.md, &dd.md, g.strides, g.window,
						     g.begin, g.end)))
		return dd;
	pd = new_desc(d, &op, m->pd);
	ds = new_tensor(d, &m->src.md);
	record(d, &d->backward, ALWAYS, pd, 3,
	       (dnnl_exec_arg_t[]){
		       {DNNL_ARG_DIFF_DST, dd.mem}, {DNNL_ARG_DIFF_SRC, ds.mem}, {DNNL_ARG_WORKSPACE, m->ws.mem}});
	return ds;
}

static struct tensor backward_dropout(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd)
{
	struct action *a;

	dd = in_layout(d, &d->backward, &dd, &m->dst.md);
	a = append(d, &d->backward, DROP_BACK, ALWAYS);
	a->dst = dd.data;
	a->count = dd.count;
	a->mask = m->mask;
	a->rate = s->rate;
	return dd;
}

static struct tensor backward_pad(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd)
{
	dnnl_memory_desc_t plain = map_md(d, s->out, dnnl_nhwc), inside;
	struct tensor ds = new_tensor(d, &m->src.md);

	dd = in_layout(d, &d->backward, &dd, &plain);
	inside = inside_md(d, s, &plain);
	reorder(d, &d->backward, new_memory(d, &inside, dd.data), &inside, ds.mem, &ds.md);
	return ds;
}

static struct tensor backward_reshape(struct ak_dnn *d, const struct ak_chain_step *s, struct tensor dd)
{
	dnnl_memory_desc_t from = map_md(d, s->out, dnnl_nhwc), to = map_md(d, s->in, dnnl_nhwc);

	dd = in_layout(d, &d->backward, &dd, &from);
	return view(d, &dd, &to);
}

/* g is one more part of the gradient of the step's result, and from now on the step's to overwrite. */
static void give(struct ak_dnn *d, uint32_t step, struct tensor g)
{
	struct tensor *sum = &d->gradients[step];
	dnnl_binary_desc_t op;

	if (!sum->mem) {
		*sum = g;
		return;
	}
	g = in_layout(d, &d->backward, &g, &sum->md);
	if (d->status != dnnl_success ||
	    !fine(d, dnnl_binary_desc_init(&op, dnnl_binary_add, &sum->md, &g.md, &sum->md)))
		return;
	record(d, &d->backward, ALWAYS, new_desc(d, &op, NULL), 3,
	       (dnnl_exec_arg_t[]){{DNNL_ARG_SRC_0, sum->mem}, {DNNL_ARG_SRC_1, g.mem}, {DNNL_ARG_DST, sum->mem}});
}

/* The gradient of a sum is that of each part: copies, because the steps before may overwrite what they get. */
static void backward_add(struct ak_dnn *d, const struct ak_chain_step *s, struct tensor dd, const bool *needs)
{
	uint32_t i;

	for (i = 0; i < s->input_count; i++) {
		struct tensor g;

		if (s->inputs[i] == AK_CHAIN_NONE || !needs[s->inputs[i]])
			continue;
		g = new_tensor(d, &dd.md);
		reorder(d, &d->backward, dd.mem, &dd.md, g.mem, &g.md);
		give(d, s->inputs[i], g);
	}
}

static void backward_concat(struct ak_dnn *d, const struct ak_chain_step *s, struct tensor dd, const bool *needs)
{
	dnnl_memory_desc_t plain = map_md(d, s->out, dnnl_nhwc), inside;
	dnnl_dims_t at = {0};
	uint32_t i;

	dd = in_layout(d, &d->backward, &dd, &plain);
	for (i = 0; i < s->input_count; i++) {
		struct ak_chain_shape shape = shape_of(d, s->inputs[i]);
		dnnl_dims_t dims = {d->batch, shape.c, shape.h, shape.w};
		dnnl_memory_desc_t md = map_md(d, shape, dnnl_nhwc);

		memset(&inside, 0, sizeof(inside));
		if (d->status != dnnl_success || !fine(d, dnnl_memory_desc_init_submemory(&inside, &plain, dims, at)))
			return;
		at[logical_axis(s->axis)] += dims[logical_axis(s->axis)];
		if (s->inputs[i] != AK_CHAIN_NONE && needs[s->inputs[i]]) {
			struct tensor g = new_tensor(d, &md);

			reorder(d, &d->backward, new_memory(d, &inside, dd.data), &inside, g.mem, &g.md);
			give(d, s->inputs[i], g);
		}
	}
}

static struct tensor build_forward(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor in)
{
	switch (s->op) {
	case AK_CHAIN_CONV:
	case AK_CHAIN_DECONV:
	case AK_CHAIN_DENSE:
		return forward_weighted(d, s, m, in);
	case AK_CHAIN_NORM:
		return forward_norm(d, s, m, in);
	case AK_CHAIN_ELTWISE:
		return forward_eltwise(d, s, m, in);
	case AK_CHAIN_MAXPOOL:
	case AK_CHAIN_AVGPOOL:
		return forward_pool(d, s, m, in);
	case AK_CHAIN_RESHAPE:
		return forward_reshape(d, s, m, in);
	case AK_CHAIN_DROPOUT:
		return forward_dropout(d, s, m, in);
	case AK_CHAIN_PAD:
		return forward_pad(d, s, m, in);
	case AK_CHAIN_ADD:
		return forward_add(d, s);
	case AK_CHAIN_CONCAT:
		return forward_concat(d, s);
	}
	return in;
}

static struct tensor build_backward(struct ak_dnn *d, const struct ak_chain_step *s, struct made *m, struct tensor dd,
				    bool deeper)
{
	switch (s->op) {
	case AK_CHAIN_CONV:
	case AK_CHAIN_DECONV:
	case AK_CHAIN_DENSE:
		return backward_weighted(d, s, m, dd, deeper);
	case AK_CHAIN_NORM:
		return backward_norm(d, s, m, dd);
	case AK_CHAIN_ELTWISE:
		return backward_eltwise(d, s, m, dd);
	case AK_CHAIN_MAXPOOL:
	case AK_CHAIN_AVGPOOL:
		return backward_pool(d, s, m, dd);
	case AK_CHAIN_RESHAPE:
		return backward_reshape(d, s, dd);
	case AK_CHAIN_DROPOUT:
		return backward_dropout(d, s, m, dd);
	case AK_CHAIN_PAD:
		return backward_pad(d, s, m, dd);
	case AK_CHAIN_ADD:
	case AK_CHAIN_CONCAT: /* backward_step */
		break;
	}
	return dd;
}

static bool has_params(const struct ak_chain_step *s)
{
	return s->kernel != AK_CHAIN_NONE || s->gamma != AK_CHAIN_NONE || s->beta != AK_CHAIN_NONE;
}

/* Parts of the gradient for the steps that step i reads. */
static void backward_step(struct ak_dnn *d, uint32_t i, const bool *needs)
{
	const struct ak_chain_step *s = &d->chain->steps[i];
	struct tensor dd = d->gradients[i];
	bool deeper = s->inputs[0] != AK_CHAIN_NONE && needs[s->inputs[0]];

	if (s->op == AK_CHAIN_ADD) {
		backward_add(d, s, dd, needs);
	} else if (s->op == AK_CHAIN_CONCAT) {
		backward_concat(d, s, dd, needs);
	} else {
		dd = build_backward(d, s, &d->made[i], dd, deeper);
		if (deeper)
			give(d, s->inputs[0], dd);
	}
}

/* uses: how many read the result of each step; needs: whether its gradient is of use to a parameter. */
static void survey(const struct ak_chain *c, uint32_t *uses, bool *needs)
{
	uint32_t i, k;

	for (i = 0; i < c->count; i++) {
		const struct ak_chain_step *s = &c->steps[i];

		needs[i] = has_params(s);
		for (k = 0; k < s->input_count; k++)
			if (s->inputs[k] != AK_CHAIN_NONE) {
				uses[s->inputs[k]]++;
				needs[i] = needs[i] || needs[s->inputs[k]];
			}
	}
}

static const char *build_steps(struct ak_dnn *d, const uint32_t *uses, const bool *needs)
{
	const struct ak_chain *c = d->chain;
	dnnl_memory_desc_t in = map_md(d, c->input, c->input.c == 1 ? dnnl_nchw : dnnl_nhwc), plain;
	uint32_t i;

	d->input = new_tensor(d, &in);
	d->input.scratch = false;
	for (i = 0; i < c->count; i++) {
		d->results[i] = build_forward(d, &c->steps[i], &d->made[i], *result_of(d, c->steps[i].inputs[0]));
		if (uses[i] > 1)
			d->results[i].scratch = false;
		if (d->status != dnnl_success)
			return c->graph->nodes[c->steps[i].node].name;
	}
	plain = map_md(d, c->steps[c->count - 1].out, dnnl_nhwc);
	d->logits = in_layout(d, &d->forward, &d->results[c->count - 1], &plain);
	d->dlogits = d->gradients[c->count - 1] = new_tensor(d, &plain);
	for (i = c->count; i-- > 0;) {
		if (needs[i])
			backward_step(d, i, needs);
		if (d->status != dnnl_success)
			return c->graph->nodes[c->steps[i].node].name;
	}
	return NULL;
}

/* The name of the layer at which building stopped, or NULL. */
static const char *build(struct ak_dnn *d)
{
	uint32_t *uses = calloc(d->chain->count, sizeof(*uses));
	bool *needs = calloc(d->chain->count, sizeof(*needs));
	const char *at = d->chain->graph->name;

	if (uses && needs) {
		survey(d->chain, uses, needs);
		at = build_steps(d, uses, needs);
	} else {
		fine(d, dnnl_out_of_memory);
	}
	free(uses);
	free(needs);
	return at;
}

int ak_dnn_create(const struct ak_chain *chain, uint32_t batch, struct ak_dnn *share, struct ak_fake_quant *quant,
		  struct ak_dnn **out, struct akida_diag *diag)
{
	return ak_dnn_create_part(chain, batch, NULL, share, quant, out, diag);
}

int ak_dnn_create_part(const struct ak_chain *chain, uint32_t batch, const struct ak_dnn_part *part,
		       struct ak_dnn *share, struct ak_fake_quant *quant, struct ak_dnn **out, struct akida_diag *diag)
{
	struct ak_dnn *d = calloc(1, sizeof(*d));
	const char *at = chain->graph->name;

	if (!d)
		return -ENOMEM;
	d->chain = chain;
	d->share = share;
	d->quant = quant;
	d->batch = batch;
	if (part && part->ranks->count > 1)
		d->part = *part;
	d->made = calloc(chain->count, sizeof(*d->made));
	d->results = calloc(chain->count, sizeof(*d->results));
	d->gradients = calloc(chain->count, sizeof(*d->gradients));
	d->params = calloc(chain->param_count, sizeof(*d->params));
	d->pub = calloc(chain->param_count, sizeof(*d->pub));
	if (!d->made || !d->results || !d->gradients || !d->params || !d->pub)
		fine(d, dnnl_out_of_memory);
	if (d->status == dnnl_success && fine(d, dnnl_engine_create(&d->engine, dnnl_cpu, 0)) &&
	    fine(d, dnnl_stream_create(&d->stream, d->engine, dnnl_stream_default_flags)))
		at = build(d);
	if (d->status != dnnl_success) {
		int err = d->status == dnnl_out_of_memory ? -ENOMEM : -EOPNOTSUPP;

		if (err == -EOPNOTSUPP)
			ak_fail(diag, err, AK_RULE_TRAIN_ENGINE, at, "oneDNN cannot train this layer (status %d)",
				(int)d->status);
		ak_dnn_destroy(d);
		return err;
	}
	*out = d;
	return 0;
}

void ak_dnn_destroy(struct ak_dnn *d)
{
	uint32_t i;

	if (!d)
		return;
	for (i = d->held_count; i-- > 0;)
		release(d->held[i]);
	if (d->stream)
		dnnl_stream_destroy(d->stream);
	if (d->engine)
		dnnl_engine_destroy(d->engine);
	free(d->forward.at);
	free(d->backward.at);
	free(d->made);
	free(d->results);
	free(d->gradients);
	free(d->params);
	free(d->pub);
	free(d->held);
	free(d);
}

float *ak_dnn_input(struct ak_dnn *d)
{
	return d->input.data;
}

const float *ak_dnn_logits(const struct ak_dnn *d)
{
	return d->logits.data;
}

float *ak_dnn_logits_gradient(struct ak_dnn *d)
{
	return d->dlogits.data;
}

const struct ak_dnn_param *ak_dnn_params(const struct ak_dnn *d)
{
	return d->pub;
}

/* ---- running ---- */

static uint32_t whole_batch(const struct ak_dnn *d)
{
	return d->part.ranks ? d->part.whole : d->batch;
}

static void move_statistics(struct ak_dnn *d, const struct action *a)
{
	const struct ak_chain_step *s = &d->chain->steps[a->step];
	const struct made *m = &d->made[a->step];
	bool map = d->chain->graph->nodes[s->node].rank == 3;

	ak_plain_move(d->pub[s->mean].w, d->pub[s->variance].w, m->mean.data, m->variance.data, s->in.c, s->momentum,
		      map ? (double)whole_batch(d) * s->in.h * s->in.w : 0);
}

static void sync(struct ak_dnn *d, const struct action *a)
{
	const struct ak_chain_step *s = &d->chain->steps[a->step];
	double positions = (double)s->in.h * s->in.w;
	struct made *m = &d->made[a->step];
	int err;

	if (a->kind == SYNC)
		err = ak_norm_sync_statistics(d->part.ranks, m->mean.data, m->variance.data, s->in.c,
					      positions * d->batch, positions * d->part.whole, m->sums);
	else
		err = ak_norm_sync_correction(d->part.ranks, m->dgamma.data, m->dbeta.data, d->pub[s->gamma].w,
					      m->variance.data, s->epsilon, s->in.c, positions * d->part.whole, m->sums,
					      m->fix_scale.data, m->fix_shift.data);
	if (err)
		fine(d, dnnl_runtime_error);
}

/* The range follows the largest value of the whole batch. */
static void quantize_activations(struct ak_dnn *d, const struct action *a, bool update)
{
	float *range = &d->quant->ranges[a->step], max;

	if (update && d->part.ranks) {
		max = ak_fake_quant_max(a->src, a->count);
		if (ak_ranks_max(d->part.ranks, &max, 1))
			fine(d, dnnl_runtime_error);
		ak_fake_quant_follow(range, max);
		update = false;
	}
	ak_fake_quant_activations(a->src, a->dst, a->count, d->quant->activation_bits, range, update);
}

static int outcome(struct ak_dnn *d)
{
	dnnl_status_t s = d->status;

	d->status = dnnl_success;
	return s == dnnl_success ? 0 : s == dnnl_out_of_memory ? -ENOMEM : -EIO;
}

static int run(struct ak_dnn *d, const struct list *l, unsigned int when, uint64_t seed)
{
	uint32_t i;

	for (i = 0; i < l->count && d->status == dnnl_success; i++) {
		const struct action *a = &l->at[i];

		if (!(a->when & when))
			continue;
		switch (a->kind) {
		case PRIMITIVE:
			fine(d, dnnl_primitive_execute(a->prim, d->stream, a->argc, a->args));
			break;
		case DROP:
			ak_plain_drop(a->src, a->dst, a->mask, a->count, when == TRAIN ? a->rate : 0, seed + a->step,
				      d->part.ranks ? a->count / d->batch * d->part.first : 0);
			break;
		case DROP_BACK:
			ak_plain_drop_back(a->dst, a->mask, a->count, a->rate);
			break;
		case QUANTIZE:
			quantize_activations(d, a, when == TRAIN);
			break;
		case SYNC:
		case SYNC_BACK:
			sync(d, a);
			break;
		case MOVE:
			move_statistics(d, a);
			break;
		}
	}
	if (d->status == dnnl_success)
		fine(d, dnnl_stream_wait(d->stream));
	return outcome(d);
}

/* The kernels the primitives read, from the masters. */
static void quantize_weights(struct ak_dnn *d)
{
	uint32_t i;

	for (i = 0; i < d->chain->param_count; i++) {
		const struct ak_chain_param *cp = &d->chain->params[i];
		struct param *p = &d->params[i];

		if (!p->quant)
			continue;
		transfer(d, p->to_plain, p->quant_mem, p->plain_mem);
		ak_fake_quant_weights(p->plain, p->plain, cp->count, cp->channels,
				      cp->first ? d->quant->input_weight_bits : d->quant->weight_bits, cp->depthwise,
				      p->scales);
		transfer(d, p->from_plain, p->plain_mem, p->mem);
	}
}

int ak_dnn_forward(struct ak_dnn *d, bool training, uint64_t seed)
{
	if (d->quant)
		quantize_weights(d);
	return run(d, &d->forward, training ? TRAIN : INFER, seed);
}

int ak_dnn_backward(struct ak_dnn *d)
{
	return run(d, &d->backward, TRAIN, 0);
}

int ak_dnn_store(struct ak_dnn *d, struct akida_graph *g)
{
	uint32_t i;

	for (i = 0; i < d->chain->param_count; i++) {
		const struct ak_chain_param *cp = &d->chain->params[i];
		struct param *p = &d->params[i];

		transfer(d, p->to_plain, p->quant ? p->quant_mem : p->mem, p->plain_mem);
		if (d->status == dnnl_success)
			memcpy(g->nodes[cp->node].weights[cp->weight].data, p->plain, cp->count * sizeof(float));
	}
	return outcome(d);
}

int ak_dnn_threads(uint32_t threads)
{
	int before = omp_get_max_threads();

	omp_set_num_threads(threads ? (int)threads : omp_get_num_procs());
	return before;
}
