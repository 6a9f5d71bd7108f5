/* SPDX-License-Identifier: MIT */
/*
 * Test-only reader of tracks: packets back into layers, written from the reference (nsoc-hardware 10, 17, 24) and not
 * from the emitters, so that one checks the other. Included by the tests of this folder.
 */
#ifndef TEST_MAP_DECODE_H
#define TEST_MAP_DECODE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "layer/layer.h"

#define DEC_MAX_PACKETS 256

struct dec_packet {
	uint32_t col, row, dst, hrc, uid, start, len;
	const uint32_t *data;
};
struct dec_track {
	uint32_t count;
	struct dec_packet p[DEC_MAX_PACKETS];
};

/* 0 when the packets chain exactly to the end. */
static inline int dec_split(const uint32_t *w, uint32_t words, struct dec_track *t)
{
	uint32_t at = 0;

	t->count = 0;
	while (at < words) {
		struct dec_packet *p = &t->p[t->count];

		if (words - at < 2 || t->count == DEC_MAX_PACKETS)
			return -1;
		p->col = w[at] >> 24;
		p->row = w[at] >> 16 & 255;
		p->dst = w[at] >> 8 & 15;
		p->hrc = w[at] >> 6 & 3;
		p->uid = w[at] & 15;
		p->len = w[at + 1] >> 16 & 0x3fff;
		p->len *= w[at + 1] >> 31 ? 16 : 1;
		p->start = w[at + 1] & 0xffff;
		p->data = w + at + 2;
		if (p->len > words - at - 2)
			return -1;
		at += 2 + p->len;
		t->count++;
	}
	return 0;
}

static inline int dec_signed(uint32_t v, int bits)
{
	return (int)(v << (32 - bits)) >> (32 - bits);
}

static inline uint32_t dec_nibble(const uint32_t *line, uint32_t n)
{
	uint64_t v = line[0] | (uint64_t)line[1] << 32;

	return v >> 4 * n & 15;
}

static inline void dec_layer_init(struct akida_layer *l, enum akida_layer_type type, const char *name)
{
	memset(l, 0, sizeof(*l));
	l->type = type;
	l->padding = AKIDA_PAD_SAME;
	l->activation = true;
	l->act_bits = 4;
	l->in_bits = type == AKIDA_LAYER_INPUT_CONV ? 8 : 4;
	l->weights_bits = type == AKIDA_LAYER_INPUT_CONV ? 8 : 4;
	snprintf(l->name, sizeof(l->name), "%s", name);
}

/* HRC tracks (pre-configuration and main) for a known input size. */
static inline int dec_hrc(const struct dec_track *pre, const struct dec_track *t, uint32_t h, uint32_t w,
			  struct akida_layer *l)
{
	const uint32_t *reg = t->p[0].data;
	uint32_t bank = 0;

	dec_layer_init(l, AKIDA_LAYER_INPUT_CONV, "hrc");
	l->in_h = h;
	l->in_w = w;
	l->in_c = pre->p[1].data[0];
	l->filters = (reg[4] >> 16) + 1;
	l->kernel_h = l->kernel_w = reg[0] >> 4 & 1 ? 5 : 3;
	l->stride = reg[0] >> 8 & 3;
	l->padding_value = reg[2] & 255;
	l->padding = reg[3] ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	l->act_bits = (uint32_t[]){1, 2, 4, 0}[reg[1] & 3];
	if (reg[1] >> 8 & 15) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = l->pool_stride = reg[1] >> 8 & 15;
		l->pool_padding = AKIDA_PAD_SAME;
	}
	if (ak_layer_alloc(l))
		return -1;
	for (uint32_t i = 1; i < t->count; i++) {
		const struct dec_packet *p = &t->p[i];

		if (p->uid == 8 && p->start == 0x20)
			bank = p->data[0];
		if (p->uid != 0)
			continue;
		for (uint32_t f = 0; f < l->filters; f++) {
			if (bank == 0x80000000u) {
				l->threshold[f] = dec_signed(p->data[2 * f], 24);
				l->step16[f] = (int32_t)p->data[2 * f + 1];
				continue;
			}
			for (uint32_t n = 0; n < 9; n++) {
				const uint8_t *bytes = (const uint8_t *)(p->data + 3 * f);
				uint32_t b = bank == 1 ? 0 : bank == 2 ? 1 : 2;
				uint32_t tap = l->in_c == 3 ? n : 9 * b + n, c = l->in_c == 3 ? b : 0;

				if (tap < l->kernel_h * l->kernel_w)
					l->weights[(tap * l->in_c + c) * l->filters + f] = (int8_t)bytes[n];
			}
		}
	}
	return ak_layer_finish(l, NULL);
}

/* One NP's packets within a track start with its register block. */
static inline uint32_t dec_next_block(const struct dec_track *t, uint32_t i)
{
	for (i++; i < t->count && t->p[i].uid != 8; i++)
		;
	return i;
}

static inline void dec_standard(const uint32_t *w, struct akida_layer *l, uint32_t f0, uint32_t fs)
{
	uint32_t lines = (6 * ((fs + 7) / 8) + 15) / 16 * 16;

	/* output tap by tap: where is the weight of gather tap (ky, kx), channel c, filter f? */
	for (uint32_t f = 0; f < fs; f++)
		for (uint32_t c = 0; c < l->in_c; c++)
			for (uint32_t ky = 0; ky < 3; ky++)
				for (uint32_t kx = 0; kx < 3; kx++) {
					uint32_t line = c * lines + f / 8 * 6 + (2 - kx) * 2 + (f % 8 > 3);
					uint32_t v = dec_nibble(w + 2 * line, f % 4 * 3 + (2 - ky));

					l->weights[((ky * 3 + kx) * l->in_c + c) * l->filters + f0 + f] =
						(int8_t)(v & 8 ? (int)(v & 7) : -(int)(v & 7));
				}
}

static inline void dec_separable(const uint32_t *dw, const uint32_t *pw, struct akida_layer *l, uint32_t f0,
				 uint32_t fs)
{
	uint32_t lines = (fs + 11) / 12;

	for (uint32_t c = 0; c < l->in_c; c++) {
		for (uint32_t ky = 0; ky < 3; ky++)
			for (uint32_t kx = 0; kx < 3; kx++)
				l->weights[(ky * 3 + kx) * l->in_c + c] =
					(int8_t)dec_signed(dec_nibble(dw + 2 * c, 3 * (2 - kx) + 2 - ky), 4);
		for (uint32_t f = 0; f < fs; f++)
			l->weights_pw[c * l->filters + f0 + f] =
				(int8_t)dec_signed(dec_nibble(pw + 2 * (c * lines + f / 12), f % 12), 4);
	}
}

/* A CNP track; in_c as the layer in front says. scales: of a layer without activation. */
static inline int dec_cnp(const struct dec_track *t, uint32_t in_c, const float *scales, struct akida_layer *l)
{
	const uint32_t *reg = t->p[0].data;
	bool sep = reg[3] >> 2 & 1;
	uint32_t filters = 0, rows = 0;

	dec_layer_init(l, sep ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_CONV, "cnp");
	for (uint32_t i = 0; i < t->count; i = dec_next_block(t, i)) {
		const uint32_t *r = t->p[i].data;
		uint32_t end = (r[9] >> 16 & 0xfff) + (r[10] >> 16 & 0x7ff);
		uint32_t last = (r[26] & 0x7ff) + (r[26] >> 16 & 0x7ff);

		rows = end > rows ? end : rows;
		filters = last > filters ? last : filters;
	}
	l->in_h = rows;
	l->in_w = reg[8] & 0x7ff;
	l->in_c = in_c;
	l->in_bits = (uint32_t[]){1, 2, 4, 0}[reg[3] & 3];
	l->filters = filters;
	l->kernel_h = l->kernel_w = 3;
	l->stride = reg[20] >> 8 & 1 ? 2 : 1;
	l->activation = reg[3] >> 15 & 1;
	l->act_bits = (uint32_t[]){1, 2, 4, 0}[reg[3] >> 12 & 3];
	if (reg[27] & 0x100)
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	else if (reg[27] != 0x11) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = reg[27] & 7;
		l->pool_stride = reg[27] >> 4 & 7;
		l->pool_padding = reg[27] >> 12 & 15 ? AKIDA_PAD_SAME : AKIDA_PAD_VALID;
	}
	if (ak_layer_alloc(l))
		return -1;
	for (uint32_t i = 0; i < t->count; i = dec_next_block(t, i)) {
		const struct dec_packet *p = &t->p[i];
		uint32_t f0 = p->data[26] & 0x7ff, fs = p->data[26] >> 16 & 0x7ff;
		const uint32_t *thr = sep ? p[3].data : p[2].data;

		if (sep)
			dec_separable(p[1].data, p[2].data, l, f0, fs);
		else
			dec_standard(p[1].data, l, f0, fs);
		for (uint32_t f = 0; f < fs; f++) {
			l->threshold[f0 + f] = dec_signed(thr[2 * f], 20);
			l->step16[f0 + f] = (int32_t)thr[2 * f + 1];
			if (!l->activation)
				l->scale[f0 + f] = scales ? scales[f0 + f] : 1.0f;
		}
	}
	return ak_layer_finish(l, NULL);
}

/* Blocks of registers, weights and, with an activation, thresholds: one per NP, neurons from reg[16] on. */
static inline int dec_fnp(const struct dec_track *t, uint32_t h, uint32_t w, uint32_t c, struct akida_layer *l)
{
	const uint32_t *reg = t->p[0].data;
	uint32_t n_in = h * w * c, nb = (n_in + 63) / 64, per = 4 + 12 * nb;

	dec_layer_init(l, AKIDA_LAYER_FULLY, "fnp");
	l->in_h = h;
	l->in_w = w;
	l->in_c = c;
	l->in_bits = (uint32_t[]){1, 2, 4, 0}[reg[3] & 3];
	l->activation = reg[3] >> 15 & 1;
	l->act_bits = (uint32_t[]){1, 2, 4, 0}[reg[3] >> 12 & 3];
	for (uint32_t i = 0; i < t->count; i = dec_next_block(t, i))
		l->filters += t->p[i].data[15];
	if (ak_layer_alloc(l))
		return -1;
	for (uint32_t i = 0; i < t->count; i = dec_next_block(t, i)) {
		uint32_t first = t->p[i].data[16], count = t->p[i].data[15];

		for (uint32_t k = 0; k < count; k++) {
			const uint32_t *data = t->p[i + 1].data + (size_t)k * per + 4;
			uint32_t u = first + k;

			for (uint32_t n = 0; n < n_in; n++) {
				uint32_t ch = n / (h * w), x = n / h % w, y = n % h, mag[2] = {0, 0};

				for (uint32_t s = 0; s < 2; s++)
					for (uint32_t b = 0; b < 3; b++)
						mag[s] |= (data[s * 6 * nb + n / 32 * 3 + b] >> n % 32 & 1) << b;
				l->weights[((y * w + x) * c + ch) * l->filters + u] =
					(int8_t)((int)mag[0] - (int)mag[1]);
			}
			if (l->activation) {
				l->threshold[u] = dec_signed(t->p[i + 2].data[2 * k], 20);
				l->step16[u] = (int32_t)t->p[i + 2].data[2 * k + 1];
			} else {
				l->scale[u] = 1.0f;
			}
		}
	}
	return ak_layer_finish(l, NULL);
}

#endif
