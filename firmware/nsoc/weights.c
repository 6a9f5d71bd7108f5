/* SPDX-License-Identifier: MIT */
/*
 * Reads weights and thresholds out of SRAM images as the silicon is known to store them (nsoc-hardware 17, 24) into the
 * gather order of layer.h. Written apart from the mapper's packing code on purpose: one checks the other.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/plan.h"

#define TAPS 9u
#define HRC_FILTER_WORDS 3u
#define POINTWISE_PER_LINE 12u

static int8_t nibble_magnitude(uint64_t line, uint32_t at)
{
	int v = (int)((line >> (4 * at)) & 0xfu);

	return (int8_t)(v & 8 ? v & 7 : -v); /* legacy: bit 3 set is positive */
}

static int8_t nibble_signed(uint64_t line, uint32_t at)
{
	int v = (int)((line >> (4 * at)) & 0xfu);

	return (int8_t)(v & 8 ? v - 16 : v);
}

bool ns_lines_written(const struct ns_np *np, uint32_t first, uint32_t count)
{
	if (first > NS_LINES || count > NS_LINES - first)
		return false;
	for (uint32_t i = first; i < first + count; i++)
		if (!(np->line_written[i / 64] >> (i % 64) & 1u))
			return false;
	return true;
}

bool ns_thresholds(const uint32_t *words, uint32_t filters, unsigned int bits, struct ns_part *p)
{
	const uint32_t sign = 1u << (bits - 1), mask = (sign << 1) - 1;

	p->threshold = calloc(filters, sizeof(*p->threshold));
	p->step16 = calloc(filters, sizeof(*p->step16));
	if (!p->threshold || !p->step16)
		return false;
	for (uint32_t f = 0; f < filters; f++) {
		uint32_t t = words[2 * f] & mask, step = words[2 * f + 1];

		p->threshold[f] = t & sign ? -(int32_t)(mask + 1 - t) : (int32_t)t;
		if (!step || step > INT32_MAX)
			return false;
		p->step16[f] = (int32_t)step;
	}
	return true;
}

/* One bank holds 9 taps of each filter: 1 channel 3x3 bank 0; 1 channel 5x5 banks 0..2 y-major; 3 channels a bank each. */
bool ns_weights_hrc(const struct ns_hrc *h, uint32_t channels, uint32_t kernel, struct ns_part *p)
{
	uint32_t taps = kernel * kernel, per_filter = HRC_FILTER_WORDS,
		 banks = channels == 3 ? 3 : ns_ceil_div(taps, TAPS);

	for (uint32_t b = 0; b < banks; b++)
		if (h->count[b] != per_filter * p->filters)
			return false;
	p->weights = calloc((size_t)taps * channels * p->filters, 1);
	if (!p->weights)
		return false;
	for (uint32_t t = 0; t < taps; t++)
		for (uint32_t c = 0; c < channels; c++)
			for (uint32_t f = 0; f < p->filters; f++) {
				uint32_t bank = channels == 3 ? c : t / TAPS, at = t % TAPS;
				uint32_t word = h->bank[bank][per_filter * f + at / 4];

				p->weights[((size_t)t * channels + c) * p->filters + f] =
					(int8_t)(word >> (8 * (at % 4)));
			}
	return h->count[3] == 2 * p->filters && ns_thresholds(h->bank[3], p->filters, 24, p);
}

bool ns_weights_standard(const struct ns_np *np, uint32_t channels, struct ns_part *p)
{
	uint32_t lines = ns_standard_lines(p->filters);

	if (!ns_lines_written(np, 0, channels * lines) || np->line_count != channels * lines)
		return false;
	p->weights = calloc((size_t)TAPS * channels * p->filters, 1);
	if (!p->weights)
		return false;
	for (uint32_t c = 0; c < channels; c++)
		for (uint32_t f = 0; f < p->filters; f++)
			for (uint32_t t = 0; t < TAPS; t++) {
				uint32_t k = t / 3, tap = t % 3; /* along x, along y */
				uint32_t line = c * lines + 6 * (f / 8) + 2 * k + f % 8 / 4;
				uint32_t ky = 2 - tap, kx = 2 - k;

				p->weights[((size_t)(ky * 3 + kx) * channels + c) * p->filters + f] =
					nibble_magnitude(np->lines[line], 3 * (f % 4) + tap);
			}
	return true;
}

bool ns_weights_separable(const struct ns_np *np, uint32_t channels, uint32_t start, struct ns_part *p)
{
	uint32_t per_channel = ns_ceil_div(p->filters, POINTWISE_PER_LINE);

	if (start < channels || !ns_lines_written(np, 0, channels) ||
	    !ns_lines_written(np, start, channels * per_channel) || np->line_count > start + channels * per_channel)
		return false;
	p->weights = calloc((size_t)TAPS * channels, 1);
	p->pointwise = calloc((size_t)channels * p->filters, 1);
	if (!p->weights || !p->pointwise)
		return false;
	for (uint32_t c = 0; c < channels; c++) {
		for (uint32_t t = 0; t < TAPS; t++) {
			uint32_t ky = 2 - t % 3, kx = 2 - t / 3;

			p->weights[(size_t)(ky * 3 + kx) * channels + c] = nibble_signed(np->lines[c], t);
		}
		for (uint32_t f = 0; f < p->filters; f++)
			p->pointwise[(size_t)c * p->filters + f] = nibble_signed(
				np->lines[start + c * per_channel + f / POINTWISE_PER_LINE], f % POINTWISE_PER_LINE);
	}
	return true;
}

/*
 * Per neuron a head (8, 0, 0, 0), then bit-planes of 32 inputs, so many words each: all positive magnitudes, then all
 * negative ones. Input index (c*W + x)*H + y.
 */
bool ns_weights_fully(const uint32_t *weights, uint32_t planes, uint32_t h, uint32_t w, uint32_t c, struct ns_part *p)
{
	uint32_t inputs = h * w * c, groups = 2 * ns_ceil_div(inputs, 64), words = 4 + 2 * planes * groups;

	p->weights = calloc((size_t)inputs * p->filters, 1);
	if (!p->weights)
		return false;
	for (uint32_t u = 0; u < p->filters; u++) {
		const uint32_t *n = weights + (size_t)u * words, *pos = n + 4, *neg = pos + planes * groups;

		if (n[0] != 0x00080000u || n[1] || n[2] || n[3])
			return false;
		for (uint32_t y = 0; y < h; y++)
			for (uint32_t x = 0; x < w; x++)
				for (uint32_t ch = 0; ch < c; ch++) {
					uint32_t i = (ch * w + x) * h + y, g = planes * (i / 32), bit = i % 32;
					int v = 0;

					for (uint32_t plane = 0; plane < planes; plane++) {
						v += (int)(pos[g + plane] >> bit & 1u) << plane;
						v -= (int)(neg[g + plane] >> bit & 1u) << plane;
					}
					p->weights[((size_t)(y * w + x) * c + ch) * p->filters + u] = (int8_t)v;
				}
	}
	return true;
}
