/* SPDX-License-Identifier: MIT */
/*
 * What the last layer makes as the payload that leaves the mesh, dense or in events (nsoc-hardware 15.2), and events in
 * device memory as the map that a following pass begins with.
 */
#include <string.h>
#include "firmware/nsoc/plan.h"

#define HEADER_BYTES 32u
#define EVENT_BYTES 8u
#define EVENTS_AT_ONCE 512u

void ns_output_rows(const struct ns_layer *l, const struct ns_part *p, uint32_t *first, uint32_t *end)
{
	uint32_t last = p->y0 + p->rows;

	if (l->kind == NS_LAYER_FULLY || l->global_pool) {
		*first = 0;
		*end = 1;
		return;
	}
	if (!l->pool) {
		*first = p->y0;
		*end = last;
		return;
	}
	*first = p->y0 ? ns_ceil_div(p->y0 + l->pool_top, l->pool_stride) : 0;
	*end = last == l->conv_h ? l->out_h : ns_ceil_div(last + l->pool_top, l->pool_stride);
	if (*end > l->out_h)
		*end = l->out_h;
	if (*first > *end)
		*first = *end;
}

static void put_word(uint8_t *at, uint32_t v)
{
	at[0] = (uint8_t)v;
	at[1] = (uint8_t)(v >> 8);
	at[2] = (uint8_t)(v >> 16);
	at[3] = (uint8_t)(v >> 24);
}

/* Events of a convolution: X, Y and filter, potential in two pieces; sent where the potential passes its threshold. */
static bool sparse_potentials(struct nsoc *n, const struct ns_plan *plan, const struct ns_layer *l, const int32_t *pot,
			      struct ns_output *out)
{
	uint8_t *at = plan->output;

	if (l->out_w > 0x1000 || l->out_h > 0x1000 || l->filters > 0x800) {
		ns_report(n, NS_UNKNOWN_ENCODING, "a sparse output of %ux%ux%u does not fit its events", l->out_h,
			  l->out_w, l->filters);
		return false;
	}
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];
		uint32_t first, end;

		ns_output_rows(l, p, &first, &end);
		for (uint32_t y = first; y < end; y++)
			for (uint32_t x = 0; x < l->out_w; x++)
				for (uint32_t f = 0; f < p->filters; f++) {
					int32_t v = pot[((size_t)y * l->out_w + x) * l->filters + p->f0 + f];
					uint32_t u = (uint32_t)v;

					if (v < -0x80000 || v > 0x7ffff) {
						ns_report(n, NS_UNKNOWN_ENCODING, "potential %d does not fit 20 bits",
							  v);
						return false;
					}
					if (v <= p->threshold[f])
						continue;
					put_word(at, x | y << 16 | (u >> 20 & 0xfu) << 28);
					put_word(at + 4, (p->f0 + f) | (u & 0xfffffu) << 12);
					at += 8;
				}
	}
	out->payload = plan->output;
	out->bytes = (uint32_t)(at - plan->output);
	out->header = AKC_FMT_CNP_POTENTIALS << 28 | out->bytes / 4;
	return true;
}

static void dense_potentials(const struct ns_plan *plan, const struct ns_layer *l, const int32_t *pot,
			     struct ns_output *out)
{
	size_t count = (size_t)l->out_h * l->out_w * l->filters;

	for (size_t i = 0; i < count; i++)
		put_word(plan->output + 4 * i, (uint32_t)pot[i]);
	*out = (struct ns_output){
		.header = AKC_FMT_DENSE_FNP_POTENTIALS << 28 | (uint32_t)count,
		.bytes = (uint32_t)(4 * count),
		.payload = plan->output,
		.dense = true,
	};
}

/* Events of a convolution that quantizes: X, Y, filter and activation [23:16]; zeros are not sent (15.1, format 2). */
static bool sparse_activations(struct nsoc *n, const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *map,
			       struct ns_output *out)
{
	uint8_t *at = plan->output;

	if (l->out_w > 0x1000 || l->out_h > 0x1000 || l->filters > 0x800) {
		ns_report(n, NS_UNKNOWN_ENCODING, "a sparse output of %ux%ux%u does not fit its events", l->out_h,
			  l->out_w, l->filters);
		return false;
	}
	for (uint32_t y = 0; y < l->out_h; y++)
		for (uint32_t x = 0; x < l->out_w; x++)
			for (uint32_t f = 0; f < l->filters; f++, map++) {
				if (!*map)
					continue;
				put_word(at, x | y << 16);
				put_word(at + 4, f | (uint32_t)*map << 16);
				at += 8;
			}
	out->payload = plan->output;
	out->bytes = (uint32_t)(at - plan->output);
	out->header = AKC_FMT_CNP_ACTIVATIONS << 28 | out->bytes / 4;
	return true;
}

/* Neuron and activation, format 5; zeros are not sent. */
static void fully_activations(const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *map,
			      struct ns_output *out)
{
	uint8_t *at = plan->output;

	for (uint32_t f = 0; f < l->filters; f++) {
		if (!map[f])
			continue;
		put_word(at, f);
		put_word(at + 4, map[f]);
		at += EVENT_BYTES;
	}
	out->payload = plan->output;
	out->bytes = (uint32_t)(at - plan->output);
	out->header = AKC_FMT_FNP_ACTIVATIONS << 28 | out->bytes / 4;
}

static void dense_activations(const struct ns_plan *plan, const struct ns_layer *l, const uint8_t *map,
			      struct ns_output *out)
{
	size_t count = (size_t)l->out_h * l->out_w * l->filters, words = (count + 3) / 4;

	memset(plan->output, 0, 4 * words);
	memcpy(plan->output, map, count);
	*out = (struct ns_output){
		.header = AKC_FMT_DENSE_FNP_ACTIVATIONS << 28 | (uint32_t)words,
		.bytes = (uint32_t)(4 * words),
		.payload = plan->output,
		.dense = true,
	};
}

bool ns_payload(struct nsoc *n, const struct ns_plan *plan, const int32_t *pot, const uint8_t *map,
		struct ns_output *out)
{
	const struct ns_layer *last = &plan->layer[plan->layers - 1];

	memset(out, 0, sizeof(*out));
	if (!last->out_bits) {
		if (last->kind != NS_LAYER_FULLY)
			return sparse_potentials(n, plan, last, pot, out);
		dense_potentials(plan, last, pot, out);
		return true;
	}
	if (last->kind != NS_LAYER_FULLY)
		return sparse_activations(n, plan, last, map, out);
	if (plan->between)
		fully_activations(plan, last, map, out);
	else
		dense_activations(plan, last, map, out);
	return true;
}

/* ---- events back into a map ---- */

static uint32_t get_word(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool put_event(const struct ns_shape *s, uint32_t format, uint32_t w0, uint32_t w1, uint8_t *map)
{
	uint32_t x = w0 & 0xfffu, y = w0 >> 16 & 0xfffu, f = w1 & 0x7ffu, value = w1 >> 16 & 0xffu;
	uint64_t at = w0 & 0x3ffffu;

	if (format == AKC_FMT_CNP_ACTIVATIONS) {
		if (x >= s->w || y >= s->h || f >= s->c)
			return false;
		at = ((uint64_t)y * s->w + x) * s->c + f;
	} else {
		value = w1 & 0x3ffffffu;
	}
	if (at >= (uint64_t)s->h * s->w * s->c || value >> s->bits)
		return false;
	map[at] = (uint8_t)value;
	return true;
}

bool ns_events_write(struct nsoc *n, uint32_t addr, uint32_t room, const struct ns_output *out)
{
	uint8_t header[HEADER_BYTES] = {0};

	if (HEADER_BYTES + (uint64_t)out->bytes > room) {
		ns_report(n, NS_UNKNOWN_ENCODING, "%u bytes of events for the next pass: its memory has %u", out->bytes,
			  room);
		return false;
	}
	put_word(header, out->header);
	return ns_mem_write(n, addr + HEADER_BYTES, out->payload, out->bytes) &&
	       ns_mem_write(n, addr, header, sizeof(header));
}

bool ns_events_read(struct nsoc *n, uint32_t addr, const struct ns_shape *shape, uint8_t *map)
{
	uint8_t block[EVENTS_AT_ONCE * EVENT_BYTES];
	uint32_t head, format, left;

	if (!ns_mem_read(n, addr, block, HEADER_BYTES))
		return false;
	head = get_word(block);
	format = head >> 28;
	left = (head & 0x0fffffffu) / 2;
	memset(map, 0, (size_t)shape->h * shape->w * shape->c);
	for (addr += HEADER_BYTES; left; addr += sizeof(block)) {
		uint32_t count = left < EVENTS_AT_ONCE ? left : EVENTS_AT_ONCE;

		if (!ns_mem_read(n, addr, block, count * EVENT_BYTES))
			return false;
		for (uint32_t i = 0; i < count; i++)
			if (!put_event(shape, format, get_word(block + i * EVENT_BYTES),
				       get_word(block + i * EVENT_BYTES + 4), map)) {
				ns_report(n, NS_UNKNOWN_ENCODING, "an event that the next pass has no place for");
				return false;
			}
		left -= count;
	}
	return true;
}
