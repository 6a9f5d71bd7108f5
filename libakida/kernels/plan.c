/* SPDX-License-Identifier: MIT */
/* Builds a plan: which kernel makes which layer, where its tensors lie, what borders they need. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/plan_private.h"
#include "layer/v2.h"

#define CHUNK_BYTES 16384u /* rows between the halves of a pair: stays in the first cache */

void *ak_plan_alloc(struct ak_plan *p, size_t bytes)
{
	size_t all = (bytes + AK_TAIL + 63) / 64 * 64;
	void *m;

	if (p->owned_count == p->owned_room) {
		uint32_t room = p->owned_room ? 2 * p->owned_room : 64;
		void **grown = realloc(p->owned, room * sizeof(*grown));

		if (!grown)
			return NULL;
		p->owned = grown;
		p->owned_room = room;
	}
	m = aligned_alloc(64, all);
	if (!m)
		return NULL;
	memset(m, 0, all);
	p->owned[p->owned_count++] = m;
	p->bytes += all;
	return m;
}

/* ---- what layers are ---- */

static bool is_alias(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_INPUT_DATA || l->type == AKIDA_LAYER_DEQUANTIZER;
}

static bool is_conv(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_INPUT_CONV || l->type == AKIDA_LAYER_CONV ||
	       l->type == AKIDA_LAYER_INPUT_CONV2D || l->type == AKIDA_LAYER_CONV2D;
}

static bool is_dense(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_FULLY || l->type == AKIDA_LAYER_DENSE1D;
}

static bool is_depthwise(const struct akida_layer *l)
{
	return l->type == AKIDA_LAYER_SEPARABLE || l->type == AKIDA_LAYER_DEPTHWISE_CONV2D;
}

static struct ak_codes codes_of(const struct ak_plan *p, uint32_t tensor)
{
	struct ak_codes x = {0, 0, p->tensor[tensor].zero};

	if (tensor == 0) {
		const struct akida_layer *l = &p->layers[0];

		x.high = l->v2				     ? (1 << l->in_bits) - 1
			 : l->type == AKIDA_LAYER_INPUT_CONV ? 255
							     : (1 << l->in_bits) - 1;
		if (x.zero) {
			x.low = -128;
			x.high = 127;
		} else if (p->v2) {
			x.high = 255;
		}
		return x;
	}
	for (uint32_t i = 0; i < p->count; i++) {
		const struct akida_layer *l = &p->layers[i];

		if (p->tensor_of[i + 1] != tensor || is_alias(l))
			continue;
		if (!p->v2)
			x.high = (1 << l->act_bits) - 1;
		else if (l->v2->out_signed)
			x = (struct ak_codes){x.zero ? -(1 << (l->v2->output_bits - 1)) : 0,
					      (1 << (l->v2->output_bits - 1)) - 1, x.zero};
		else
			x.high = (1 << l->v2->output_bits) - 1;
	}
	return x;
}

static uint32_t input_tensor(const struct ak_plan *p, uint32_t layer)
{
	const struct akida_layer *l = &p->layers[layer];

	if (!p->v2)
		return p->tensor_of[layer];
	return l->inbounds ? p->tensor_of[l->inbound[0] + 1] : 0;
}

static bool bytes_out(const struct ak_plan *p, const struct akida_layer *l)
{
	return p->v2 ? l->v2->output_bits <= 8 : l->activation;
}

/* ---- tensors ---- */

static int name_tensors(struct ak_plan *p)
{
	p->tensor = calloc(p->count + 1, sizeof(*p->tensor));
	p->tensor_of = calloc(p->count + 1, sizeof(*p->tensor_of));
	if (!p->tensor || !p->tensor_of)
		return -ENOMEM;
	p->tensor[0] = (struct ak_tensor){
		.h = p->layers[0].in_h,
		.w = p->layers[0].in_w,
		.c = p->layers[0].in_c,
		.zero = p->v2 && p->layers[0].v2->in_signed ? 128 : 0,
	};
	p->tensors = 1;
	for (uint32_t i = 0; i < p->count; i++) {
		const struct akida_layer *l = &p->layers[i];

		if (is_alias(l)) {
			p->tensor_of[i + 1] = input_tensor(p, i);
			continue;
		}
		p->tensor[p->tensors] = (struct ak_tensor){
			.h = l->out_h,
			.w = l->out_w,
			.c = l->out_c,
			.wide = !bytes_out(p, l),
			.zero = ak_code_zero(l),
		};
		p->tensor_of[i + 1] = p->tensors++;
	}
	p->output = p->tensor_of[p->count];
	return 0;
}

static uint32_t at_least(uint32_t a, int64_t b)
{
	return b > (int64_t)a ? (uint32_t)b : a;
}

/* The border of a layer's input holds what its taps read beyond the map. */
static int widen_border(struct ak_plan *p, uint32_t layer)
{
	const struct akida_layer *l = &p->layers[layer];
	struct ak_tensor *t = &p->tensor[input_tensor(p, layer)];

	if (t->wide || !(is_conv(l) || is_depthwise(l)))
		return 0;
	t->top = at_least(t->top, l->pad_top);
	t->left = at_least(t->left, l->pad_left);
	t->bottom = at_least(t->bottom, ((int64_t)l->conv_h - 1) * l->stride + l->kernel_h - l->pad_top - l->in_h);
	t->right = at_least(t->right, ((int64_t)l->conv_w - 1) * l->stride + l->kernel_w - l->pad_left - l->in_w);
	if (t == &p->tensor[0] && !t->border) {
		t->border = ak_plan_alloc(p, t->c);
		if (!t->border)
			return -ENOMEM;
		for (uint32_t c = 0; c < t->c; c++)
			t->border[c] = (uint8_t)(t->zero +
						 (l->v2 ? (l->v2->padding ? l->v2->padding[c] : 0) : l->padding_value));
	}
	return 0;
}

/* A layer reads the border of the model's input as its own padding; another layer's padding may differ. */
static bool border_fits(const struct ak_plan *p, uint32_t layer)
{
	const struct akida_layer *l = &p->layers[layer];
	uint32_t in = input_tensor(p, layer);
	const struct ak_tensor *t = &p->tensor[in];

	if (t->wide)
		return false;
	for (uint32_t c = 0; t->border && (is_conv(l) || is_depthwise(l)) && c < t->c; c++) {
		uint32_t want = l->v2 ? (l->v2->padding ? l->v2->padding[c] : 0) : l->padding_value;

		if (t->zero + want > 255 || t->border[c] != t->zero + want)
			return false;
	}
	return true;
}

static void lay_out(struct ak_tensor *t)
{
	if (t->wide) {
		t->pitch = (size_t)t->w * t->c * 4;
		t->bytes = t->h * t->pitch;
		return;
	}
	t->pitch = ((size_t)t->left + t->w + t->right) * t->c;
	t->first = t->top * t->pitch + (size_t)t->left * t->c;
	t->bytes = ((size_t)t->top + t->h + t->bottom) * t->pitch;
}

static size_t take(size_t *end, size_t bytes)
{
	size_t at = *end;

	*end += (bytes + AK_TAIL + 63) / 64 * 64;
	return at;
}

/* ---- positions ---- */

/* Window of 4: a 2 x 2 pool at stride 2, whose maximum is taken before anything is written. */
static bool pools_in_tile(const struct akida_layer *l)
{
	return l->pool == AKIDA_POOL_MAX && l->pool_size == 2 && l->pool_stride == 2;
}

/*
 * in_offset of output (y, x): of one position, or of the four of its window, where one beyond the map is replaced by
 * another of the same window: a maximum does not mind.
 */
static int positions(struct ak_plan *p, const struct akida_layer *l, const struct ak_tensor *out, bool window,
		     size_t origin, size_t row_step, size_t column_step, struct ak_conv *c, size_t *outputs)
{
	uint32_t h = window ? l->out_h : l->conv_h, w = window ? l->out_w : l->conv_w, n = window ? 4 : 1;
	bool same = l->pool_padding == AKIDA_PAD_SAME;
	uint32_t top = same ? ak_same_pad_before(l->conv_h, 2, 2) : 0,
		 left = same ? ak_same_pad_before(l->conv_w, 2, 2) : 0;
	uint32_t *in_offset = ak_plan_alloc(p, (size_t)h * w * n * sizeof(*in_offset));
	uint32_t *out_offset = ak_plan_alloc(p, (size_t)h * w * sizeof(*out_offset));

	c->in_offset = in_offset;
	c->out_offset = out_offset;
	c->window = n;
	*outputs = (size_t)h * w;
	if (!in_offset || !out_offset)
		return -ENOMEM;
	for (uint32_t y = 0; y < h; y++)
		for (uint32_t x = 0; x < w; x++) {
			for (uint32_t k = 0; k < n; k++) {
				int64_t py = window ? (int64_t)y * 2 + k / 2 - top : y,
					px = window ? (int64_t)x * 2 + k % 2 - left : x;

				py = py < 0 ? 0 : py >= l->conv_h ? l->conv_h - 1 : py;
				px = px < 0 ? 0 : px >= l->conv_w ? l->conv_w - 1 : px;
				*in_offset++ = (uint32_t)(origin + (size_t)py * row_step + (size_t)px * column_step);
			}
			*out_offset++ = (uint32_t)(out->wide ? ((size_t)y * out->w + x) * out->c
							     : out->first + y * out->pitch + (size_t)x * out->c);
		}
	return 0;
}

/* Where taps of position (0, 0) start in the tensor. */
static size_t first_tap(const struct akida_layer *l, const struct ak_tensor *in)
{
	return ((size_t)in->top - l->pad_top) * in->pitch + ((size_t)in->left - l->pad_left) * in->c;
}

/* The map before a pool that no tile does: bytes without a border, or sums for an average. */
static struct ak_tensor map_of(const struct akida_layer *l, bool wide)
{
	struct ak_tensor t = {.h = l->conv_h, .w = l->conv_w, .c = l->filters, .wide = wide};

	if (!wide)
		t.zero = ak_code_zero(l);
	lay_out(&t);
	return t;
}

/* ---- ops ---- */

static const struct ak_tensor *target(struct ak_plan *p, const struct akida_layer *l, struct ak_op *o)
{
	o->average = l->pool == AKIDA_POOL_GLOBAL_AVERAGE;
	o->pool = l->pool == AKIDA_POOL_MAX && !(pools_in_tile(l) && o->kind != AK_OP_DEPTHWISE);
	if (!o->average && !o->pool)
		return &p->tensor[o->out];
	o->map = map_of(l, o->average);
	if (o->pool && o->map.bytes > p->map_bytes)
		p->map_bytes = o->map.bytes;
	return &o->map;
}

static int make_conv(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_op *o)
{
	const struct ak_tensor *in = &p->tensor[o->in], *out;
	int err = ak_pack_conv(p, l, x, in, l->pool == AKIDA_POOL_GLOBAL_AVERAGE, &o->conv);

	if (err)
		return err;
	o->kind = AK_OP_CONV;
	if (o->conv.event_weights && AK_EVENTS_BYTES(in->bytes, in->c) > p->events_bytes)
		p->events_bytes = AK_EVENTS_BYTES(in->bytes, in->c);
	out = target(p, l, o);
	if (o->pool && o->conv.q.post != AK_POST_SHIFT && o->conv.q.post != AK_POST_CEIL)
		return -EOPNOTSUPP;
	return positions(p, l, out, pools_in_tile(l), first_tap(l, in), l->stride * in->pitch,
			 (size_t)l->stride * in->c, &o->conv, &o->outputs);
}

static int make_depthwise(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_op *o)
{
	const struct ak_tensor *in = &p->tensor[o->in], *out;
	int err = ak_pack_depthwise(p, l, x, &o->depthwise);

	if (err)
		return err;
	o->kind = AK_OP_DEPTHWISE;
	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		return -EOPNOTSUPP;
	out = target(p, l, o);
	o->rows = l->conv_h;
	o->depthwise.in_pitch = (uint32_t)in->pitch;
	o->depthwise.out_pitch = (uint32_t)out->pitch;
	o->depthwise_in = first_tap(l, in);
	return 0;
}

/* Rows of the first half at a time: whole windows of the second, within the first cache. */
static void choose_chunk(struct ak_plan *p, struct ak_op *o, size_t row, uint32_t step)
{
	uint32_t n = (uint32_t)(CHUNK_BYTES / row);

	o->chunk = n < step ? step : n / step * step;
	if (o->chunk > o->rows)
		o->chunk = o->rows;
	if (o->chunk * row > p->chunk_bytes)
		p->chunk_bytes = o->chunk * row;
}

static int make_separable(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_op *o)
{
	uint32_t unit = 4 * p->k->lanes, padded = (l->in_c + unit - 1) / unit * unit;
	size_t column = 2 * (size_t)padded, row = column * l->conv_w;
	const struct ak_tensor *out;
	int err = ak_pack_depthwise16(p, l, x, &o->depthwise);

	if (!err)
		err = ak_pack_pointwise(p, l, x, l->pool == AKIDA_POOL_GLOBAL_AVERAGE, &o->conv);
	if (err)
		return err;
	o->kind = AK_OP_PAIR;
	o->rows = l->conv_h;
	o->depthwise.in_pitch = (uint32_t)p->tensor[o->in].pitch;
	o->depthwise.out_pitch = (uint32_t)row;
	o->depthwise_in = first_tap(l, &p->tensor[o->in]);
	out = target(p, l, o);
	if (o->pool && o->conv.q.post != AK_POST_SHIFT && o->conv.q.post != AK_POST_CEIL)
		return -EOPNOTSUPP;
	choose_chunk(p, o, row, pools_in_tile(l) ? 2 : 1);
	return positions(p, l, out, pools_in_tile(l), 0, row, column, &o->conv, &o->outputs);
}

static int make_dense(struct ak_plan *p, const struct akida_layer *l, const struct ak_codes *x, struct ak_op *o)
{
	o->kind = AK_OP_DENSE;
	return ak_pack_dense(p, l, x, &p->tensor[o->in], &o->dense);
}

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

static void make_layer(struct ak_plan *p, const struct akida_layer *l, struct ak_op *o)
{
	size_t in = (size_t)l->in_h * l->in_w * l->in_c, out = (size_t)l->out_h * l->out_w * l->out_c;

	o->kind = AK_OP_LAYER;
	o->average = o->pool = false;
	for (uint32_t k = 0; k < l->inbounds; k++) {
		const struct ak_tensor *t = &p->tensor[p->tensor_of[l->inbound[k] + 1]];

		in = max_size(in, (size_t)t->h * t->w * t->c);
	}
	p->wide = max_size(p->wide, max_size(in, out));
	p->work = max_size(p->work, p->v2 ? ak_v2_scratch(l) * sizeof(int64_t) : ak_layer_scratch(l) * sizeof(int32_t));
}

static int make_op(struct ak_plan *p, uint32_t layer)
{
	const struct akida_layer *l = &p->layers[layer];
	struct ak_op *o = &p->op[p->ops++];
	struct ak_codes x;
	int err = -EOPNOTSUPP;

	*o = (struct ak_op){.layer = layer, .in = input_tensor(p, layer), .out = p->tensor_of[layer + 1]};
	if (border_fits(p, layer)) {
		x = codes_of(p, o->in);
		if (is_conv(l))
			err = make_conv(p, l, &x, o);
		else if (is_dense(l))
			err = make_dense(p, l, &x, o);
		else if (l->type == AKIDA_LAYER_SEPARABLE)
			err = make_separable(p, l, &x, o);
		else if (l->type == AKIDA_LAYER_DEPTHWISE_CONV2D)
			err = make_depthwise(p, l, &x, o);
	}
	if (err == -EOPNOTSUPP) {
		make_layer(p, l, o);
		err = 0;
	}
	if (o->average)
		p->sums = max_size(p->sums, l->filters);
	return err;
}

/*
 * A depthwise layer of Akida 2 whose only reader is a convolution over single positions becomes the first half of a pair.
 */
static void join_pairs(struct ak_plan *p)
{
	for (uint32_t i = 0; i + 1 < p->ops; i++) {
		struct ak_op *a = &p->op[i], *b = &p->op[i + 1];
		const struct akida_layer *l = &p->layers[b->layer];
		uint32_t readers = 0;
		size_t row;

		for (uint32_t k = 0; k < p->ops; k++)
			for (uint32_t n = 0; n < 1 + (p->layers[p->op[k].layer].inbounds > 1); n++)
				readers += (n ? p->tensor_of[p->layers[p->op[k].layer].inbound[1] + 1] : p->op[k].in) ==
					   a->out;
		if (a->kind != AK_OP_DEPTHWISE || a->pool || b->kind != AK_OP_CONV || b->in != a->out || readers != 1 ||
		    a->out == p->output || l->kernel_h != 1 || l->kernel_w != 1 || l->stride != 1 || b->pool)
			continue;
		row = p->tensor[a->out].pitch;
		if (p->tensor[a->out].first || row != (size_t)a->depthwise.out_w * a->depthwise.channels)
			continue;
		b->kind = AK_OP_PAIR;
		b->depthwise = a->depthwise;
		b->depthwise_in = a->depthwise_in;
		b->in = a->in;
		b->rows = a->rows;
		choose_chunk(p, b, row, b->conv.window == 4 ? 2 : 1);
		memmove(a, b, (p->ops - i - 1) * sizeof(*a));
		p->ops--;
	}
}

int ak_plan_create(const struct akida_layer *layers, uint32_t count, enum ak_isa isa, struct ak_plan **out)
{
	struct ak_plan *p;
	int err;

	*out = NULL;
	if (isa == AK_ISA_REF || !ak_isa_available(isa))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->layers = layers;
	p->count = count;
	p->k = ak_kernels_of(isa);
	p->v2 = ak_layer_is_v2(&layers[0]);
	p->op = calloc(count, sizeof(*p->op));
	err = p->op ? name_tensors(p) : -ENOMEM;
	for (uint32_t i = 0; !err && i < count; i++)
		err = widen_border(p, i);
	for (uint32_t i = 0; !err && i < p->tensors; i++)
		lay_out(&p->tensor[i]);
	for (uint32_t i = 0; !err && i < count; i++)
		if (!is_alias(&layers[i]))
			err = make_op(p, i);
	if (err) {
		ak_plan_destroy(p);
		return err;
	}
	join_pairs(p);
	for (uint32_t i = 0; i < p->tensors; i++)
		p->tensor[i].at = take(&p->memory, p->tensor[i].bytes);
	*out = p;
	return 0;
}

void ak_plan_destroy(struct ak_plan *p)
{
	if (!p)
		return;
	for (uint32_t i = 0; i < p->owned_count; i++)
		free(p->owned[i]);
	free(p->owned);
	free(p->op);
	free(p->tensor);
	free(p->tensor_of);
	free(p);
}

size_t ak_plan_bytes(const struct ak_plan *p)
{
	return sizeof(*p) + p->bytes + p->count * (sizeof(*p->op) + sizeof(*p->tensor) + sizeof(*p->tensor_of));
}

uint32_t ak_plan_fallbacks(const struct ak_plan *p)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < p->ops; i++)
		n += p->op[i].kind == AK_OP_LAYER;
	return n;
}

const char *ak_plan_kernel(const struct ak_plan *p, uint32_t layer)
{
	for (uint32_t i = 0; i < p->ops; i++) {
		const struct ak_op *o = &p->op[i];

		if (o->layer != layer)
			continue;
		switch (o->kind) {
		case AK_OP_CONV:
			return o->conv.window > 1 ? "conv+pool" : "conv";
		case AK_OP_DENSE:
			return o->dense.bits == 8   ? "dense"
			       : o->dense.bits == 4 ? "dense 4-bit"
			       : o->dense.bits == 2 ? "dense 2-bit"
						    : "dense 1-bit";
		case AK_OP_DEPTHWISE:
			return "depthwise";
		case AK_OP_PAIR:
			return o->conv.window > 1 ? "depthwise+pointwise+pool" : "depthwise+pointwise";
		case AK_OP_LAYER:
			return "layer";
		}
	}
	return is_alias(&p->layers[layer]) ? "none" : "joined"; /* the first half of a pair */
}
