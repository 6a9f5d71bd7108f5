/* SPDX-License-Identifier: MIT */
/* One frame through a plan. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/plan_private.h"
#include "layer/v2.h"

static size_t values_of(const struct ak_tensor *t)
{
	return (size_t)t->h * t->w * t->c;
}

static void *memory(size_t bytes)
{
	size_t all = (bytes + AK_TAIL + 63) / 64 * 64;
	void *m = aligned_alloc(64, all);

	if (m)
		memset(m, 0, all);
	return m;
}

/* Borders are written once: kernels write maps only. */
static void fill_borders(struct ak_plan_run *r)
{
	for (uint32_t i = 0; i < r->p->tensors; i++) {
		const struct ak_tensor *t = &r->p->tensor[i];
		uint8_t *m = r->memory + t->at;

		if (t->wide)
			continue;
		memset(m, t->zero, t->bytes);
		for (size_t k = 0; t->border && k < t->bytes; k++)
			m[k] = t->border[k % t->c];
	}
}

static size_t sums_bytes(const struct ak_plan *p)
{
	return (p->sums + 127) / 128 * 128 * sizeof(int32_t); /* whole blocks of filters */
}

static bool make_members(struct ak_plan_run *r)
{
	r->member = calloc(r->members, sizeof(*r->member));
	for (uint32_t i = 0; r->member && i < r->members; i++) {
		r->member[i].chunk = memory(r->p->chunk_bytes);
		r->member[i].sums = memory(sums_bytes(r->p));
		r->member[i].events = memory(r->p->events_bytes);
		if (!r->member[i].chunk || !r->member[i].sums || !r->member[i].events)
			return false;
	}
	return r->member;
}

int ak_plan_run_create(const struct ak_plan *p, uint32_t members, struct ak_plan_run **out)
{
	struct ak_plan_run *r = calloc(1, sizeof(*r));
	bool ok;

	*out = NULL;
	if (!r)
		return -ENOMEM;
	r->p = p;
	r->members = members ? members : 1;
	r->memory = memory(p->memory);
	r->map = memory(p->map_bytes);
	r->work = memory(p->work);
	r->state = calloc(p->count, sizeof(*r->state));
	ok = make_members(r) && r->memory && r->map && r->work && r->state;
	for (int i = 0; i < 3 && p->wide; i++) {
		r->wide[i] = memory(p->wide * sizeof(*r->wide[i]));
		ok = ok && r->wide[i];
	}
	for (uint32_t i = 0; ok && i < p->count; i++) {
		size_t n = ak_v2_state(&p->layers[i]);

		r->state[i] = n ? calloc(n, sizeof(**r->state)) : NULL;
		ok = !n || r->state[i];
	}
	if (!ok) {
		ak_plan_run_destroy(r);
		return -ENOMEM;
	}
	fill_borders(r);
	*out = r;
	return 0;
}

void ak_plan_run_destroy(struct ak_plan_run *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->state && i < r->p->count; i++)
		free(r->state[i]);
	for (uint32_t i = 0; r->member && i < r->members; i++) {
		free(r->member[i].chunk);
		free(r->member[i].sums);
		free(r->member[i].events);
	}
	for (int i = 0; i < 3; i++)
		free(r->wide[i]);
	free(r->member);
	free(r->state);
	free(r->memory);
	free(r->map);
	free(r->work);
	free(r);
}

size_t ak_plan_run_bytes(const struct ak_plan *p)
{
	size_t n = sizeof(struct ak_plan_run) + p->memory + p->chunk_bytes + p->events_bytes + p->map_bytes + p->work;

	n += sums_bytes(p) + sizeof(struct ak_member) + 3 * p->wide * sizeof(int32_t) + p->count * sizeof(int32_t *);
	for (uint32_t i = 0; i < p->count; i++)
		n += ak_v2_state(&p->layers[i]) * sizeof(int32_t);
	return n;
}

void ak_plan_run_reset(struct ak_plan_run *r)
{
	for (uint32_t i = 0; i < r->p->count; i++)
		if (r->state[i])
			memset(r->state[i], 0, ak_v2_state(&r->p->layers[i]) * sizeof(**r->state));
}

/* ---- between tensors and plain arrays ---- */

static void widen(const struct ak_kernels *k, const struct ak_tensor *t, const uint8_t *m, int32_t *out)
{
	if (t->wide) {
		memcpy(out, m, values_of(t) * sizeof(*out));
		return;
	}
	for (uint32_t y = 0; y < t->h; y++, out += (size_t)t->w * t->c)
		k->widen(m + t->first + y * t->pitch, (size_t)t->w * t->c, t->zero, out);
}

static void narrow(const struct ak_tensor *t, const int32_t *in, uint8_t *m)
{
	if (t->wide) {
		memcpy(m, in, values_of(t) * sizeof(*in));
		return;
	}
	for (uint32_t y = 0; y < t->h; y++) {
		uint8_t *row = m + t->first + y * t->pitch;

		for (size_t i = 0; i < (size_t)t->w * t->c; i++)
			row[i] = (uint8_t)(*in++ + t->zero);
	}
}

/* Rows are often shorter than a call of memcpy is worth. */
static inline void copy_row(uint8_t *to, const uint8_t *from, size_t n)
{
	if (n < 16 || n > 128) {
		memcpy(to, from, n);
		return;
	}
	for (size_t i = 0; i + 16 < n; i += 16)
		memcpy(to + i, from + i, 16);
	memcpy(to + n - 16, from + n - 16, 16);
}

static void copy_input(const struct ak_tensor *t, const uint8_t *in, uint8_t *m)
{
	size_t row = (size_t)t->w * t->c;

	for (uint32_t y = 0; y < t->h; y++, in += row) {
		uint8_t *to = m + t->first + y * t->pitch;

		copy_row(to, in, row);
		for (size_t i = 0; t->zero && i < row; i++)
			to[i] ^= 0x80;
	}
}

/* ---- ops ---- */

/* The layer itself, on plain arrays. */
static void run_layer(struct ak_plan_run *r, const struct ak_op *o)
{
	const struct ak_plan *p = r->p;
	const struct akida_layer *l = &p->layers[o->layer];
	const struct ak_tensor *out = &p->tensor[o->out];

	if (p->v2) {
		const int32_t *in[AKIDA_MAX_INBOUNDS] = {r->wide[0], r->wide[1]};

		for (uint32_t k = 0; k < (l->inbounds ? l->inbounds : 1); k++) {
			uint32_t t = l->inbounds ? p->tensor_of[l->inbound[k] + 1] : 0;

			widen(p->k, &p->tensor[t], r->memory + p->tensor[t].at, r->wide[k]);
		}
		ak_v2_run(l, p->layers, in, r->wide[2], r->work, r->state[o->layer]);
	} else {
		const struct ak_tensor *t = &p->tensor[o->in];
		size_t row = (size_t)t->w * t->c;
		uint8_t *in = (uint8_t *)r->wide[0], *act = (uint8_t *)r->wide[1];

		for (uint32_t y = 0; y < t->h; y++)
			memcpy(in + y * row, r->memory + t->at + t->first + y * t->pitch, row);
		ak_layer_run(l, in, l->activation ? act : NULL, l->activation ? NULL : r->wide[2], r->work);
		for (size_t i = 0; l->activation && i < values_of(out); i++)
			r->wide[2][i] = act[i];
	}
	narrow(out, r->wide[2], r->memory + out->at);
}

/* Maxima of finished bytes: requantization keeps their order. */
static void pool_bytes(const struct akida_layer *l, const struct ak_tensor *map, const uint8_t *from,
		       const struct ak_tensor *t, uint8_t *to)
{
	bool same = l->pool_padding == AKIDA_PAD_SAME;
	int64_t top = same ? ak_same_pad_before(l->conv_h, l->pool_size, l->pool_stride) : 0;
	int64_t left = same ? ak_same_pad_before(l->conv_w, l->pool_size, l->pool_stride) : 0;

	for (uint32_t y = 0; y < t->h; y++)
		for (uint32_t x = 0; x < t->w; x++) {
			uint8_t *restrict o = to + t->first + y * t->pitch + (size_t)x * t->c;

			memset(o, 0, t->c);
			for (uint32_t k = 0; k < l->pool_size * l->pool_size; k++) {
				int64_t iy = (int64_t)y * l->pool_stride + k / l->pool_size - top;
				int64_t ix = (int64_t)x * l->pool_stride + k % l->pool_size - left;
				const uint8_t *restrict px;

				if (iy < 0 || ix < 0 || iy >= map->h || ix >= map->w)
					continue;
				px = from + (size_t)iy * map->pitch + (size_t)ix * map->c;
				for (uint32_t c = 0; c < t->c; c++)
					o[c] = px[c] > o[c] ? px[c] : o[c];
			}
		}
}

/* What follows the sums over the map: once per filter. */
static void finish_average(struct ak_plan_run *r, const struct ak_op *o, const int32_t *sums)
{
	const struct akida_layer *l = &r->p->layers[o->layer];
	const struct ak_tensor *t = &r->p->tensor[o->out];
	uint8_t *m = r->memory + t->at;
	int32_t *wide = (int32_t *)m;

	for (uint32_t f = 0; f < l->filters; f++) {
		int64_t v = sums[f];

		if (!l->v2 && l->activation) {
			m[t->first + f] = ak_activate(sums[f], l->threshold[f], l->step16[f], l->act_bits);
			continue;
		}
		if (l->v2 && l->v2->rescale) {
			int64_t limit = (int64_t)1 << (l->v2->post_op_bits - 1);

			if (l->v2->out_scale) {
				v *= l->v2->out_scale[f];
				v = v < -limit ? -limit : v > limit - 1 ? limit - 1 : v;
			}
			v = ak_v2_shift(v, l->v2->out_shift[f], l->v2->output_bits, l->v2->out_signed);
		}
		if (t->wide)
			wide[f] = (int32_t)v;
		else
			m[t->first + f] = (uint8_t)(v + t->zero);
	}
}

/* A part of n things, in steps: whole tiles and windows stay together. */
static void share(size_t n, size_t step, uint32_t index, uint32_t parts, size_t *first, size_t *end)
{
	size_t steps = (n + step - 1) / step;

	*first = steps * index / parts * step;
	*end = steps * (index + 1) / parts * step;
	*end = *end < n ? *end : n;
	*first = *first < n ? *first : n;
}

/* Outputs first .. end-1 of a convolution whose inputs start at in less origin. */
static void run_conv(struct ak_plan_run *r, const struct ak_op *o, uint32_t index, const uint8_t *in, uint32_t origin,
		     size_t first, size_t end)
{
	uint8_t *out = r->memory + r->p->tensor[o->out].at;

	if (first < end)
		r->p->k->conv(&o->conv, in, origin,
			      o->average ? (void *)r->member[index].sums
			      : o->pool	 ? r->map
					 : out,
			      first, end, r->member[index].events);
}

static void run_pair(struct ak_plan_run *r, const struct ak_op *o, uint32_t index, uint32_t parts)
{
	const struct ak_tensor *t = &r->p->tensor[o->in];
	const uint8_t *in = r->memory + t->at + o->depthwise_in;
	uint8_t *chunk = r->member[index].chunk;
	size_t window_rows = o->conv.window == 4 ? 2 : 1, out_rows = o->rows, per_row, y, end;

	if (window_rows == 2)
		out_rows = r->p->layers[o->layer].out_h;
	per_row = o->outputs / out_rows;
	share(o->rows, window_rows, index, parts, &y, &end);
	while (y < end) {
		size_t rows = end - y < o->chunk ? end - y : o->chunk;
		size_t first = y / window_rows, last = (y + rows + window_rows - 1) / window_rows;

		(o->conv.pairs ? r->p->k->depthwise16 : r->p->k->depthwise)(
			&o->depthwise, in + y * o->depthwise.stride * t->pitch, chunk, (uint32_t)rows);
		last = last > out_rows ? out_rows : last;
		run_conv(r, o, index, chunk, (uint32_t)(y * o->depthwise.out_pitch), first * per_row, last * per_row);
		y += rows;
	}
}

static void run_depthwise(struct ak_plan_run *r, const struct ak_op *o, uint32_t index, uint32_t parts)
{
	const struct ak_tensor *in = &r->p->tensor[o->in], *out = &r->p->tensor[o->out];
	uint8_t *to = o->pool ? r->map : r->memory + out->at + out->first;
	size_t first, end;

	share(o->rows, 1, index, parts, &first, &end);
	if (first < end)
		r->p->k->depthwise(&o->depthwise,
				   r->memory + in->at + o->depthwise_in + first * o->depthwise.stride * in->pitch,
				   to + first * o->depthwise.out_pitch, (uint32_t)(end - first));
}

/* The part of an op that all members share. */
static void run_part(struct ak_plan_run *r, const struct ak_op *o, uint32_t index, uint32_t parts)
{
	const struct ak_tensor *in = &r->p->tensor[o->in];
	size_t first, end;

	if (o->average)
		memset(r->member[index].sums, 0, sums_bytes(r->p));
	switch (o->kind) {
	case AK_OP_CONV:
		share(o->outputs, 24 / o->conv.window, index, parts, &first, &end);
		run_conv(r, o, index, r->memory + in->at, 0, first, end);
		break;
	case AK_OP_DEPTHWISE:
		run_depthwise(r, o, index, parts);
		break;
	case AK_OP_PAIR:
		run_pair(r, o, index, parts);
		break;
	default:
		break;
	}
}

/* What one member does alone, before or after the shared part. */
static bool has_rest(const struct ak_op *o)
{
	return o->kind == AK_OP_DENSE || o->kind == AK_OP_LAYER || o->pool || o->average;
}

static void run_rest(struct ak_plan_run *r, const struct ak_op *o, uint32_t parts)
{
	const struct ak_plan *p = r->p;
	const struct ak_tensor *in = &p->tensor[o->in], *out = &p->tensor[o->out];
	uint8_t *to = r->memory + out->at;

	if (o->kind == AK_OP_DENSE)
		p->k->dense(&o->dense, r->memory + in->at + in->first, out->wide ? to : to + out->first);
	else if (o->kind == AK_OP_LAYER)
		run_layer(r, o);
	if (o->pool)
		pool_bytes(&p->layers[o->layer], &o->map, r->map, out, to);
	for (uint32_t i = 1; o->average && i < parts; i++)
		for (uint32_t f = 0; f < o->conv.filters; f++)
			r->member[0].sums[f] += r->member[i].sums[f];
	if (o->average)
		finish_average(r, o, r->member[0].sums);
}

static void take_in(struct ak_plan_run *r, const uint8_t *in)
{
	copy_input(&r->p->tensor[0], in, r->memory + r->p->tensor[0].at);
}

static void hand_out(struct ak_plan_run *r, int32_t *out)
{
	const struct ak_tensor *t = &r->p->tensor[r->p->output];

	if (out)
		widen(r->p->k, t, r->memory + t->at, out);
}

void ak_plan_frame(struct ak_plan_run *r, const uint8_t *in, int32_t *out)
{
	take_in(r, in);
	for (uint32_t i = 0; i < r->p->ops; i++) {
		run_part(r, &r->p->op[i], 0, 1);
		run_rest(r, &r->p->op[i], 1);
	}
	hand_out(r, out);
}

static void frame_member(void *context, uint32_t member)
{
	struct ak_plan_run *r = context;
	uint32_t parts = ak_team_size(r->team);

	if (!member)
		take_in(r, r->in);
	for (uint32_t i = 0; i < r->p->ops; i++) {
		const struct ak_op *o = &r->p->op[i];

		ak_team_meet(r->team); /* the inputs are there */
		run_part(r, o, member, parts);
		if (!has_rest(o))
			continue;
		ak_team_meet(r->team);
		if (!member)
			run_rest(r, o, parts);
	}
	ak_team_meet(r->team);
	if (!member)
		hand_out(r, r->out);
}

void ak_plan_frame_team(struct ak_plan_run *r, struct ak_team *t, const uint8_t *in, int32_t *out)
{
	r->team = t;
	r->in = in;
	r->out = out;
	ak_team_run(t, frame_member, r);
}

uint64_t ak_plan_products(const struct ak_plan *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->count; i++) {
		const struct akida_layer *l = &p->layers[i];
		uint64_t positions = (uint64_t)l->conv_h * l->conv_w;

		n += positions * (ak_layer_weight_count(l) + ak_layer_weight_pw_count(l));
	}
	return n;
}
