// SPDX-License-Identifier: MIT
/* The input convolution on the HRC: registers, weight banks, thresholds. Source: nsoc-hardware 17.1, 24.5. */
#include "map/emit.h"

static void put(struct ak_words *o, uint32_t word, uint32_t value)
{
	uint32_t *p = ak_emit_packet_hrc(o, AK_UID_REGISTER, word, 1);

	if (p)
		*p = value;
}

/* Word 0x44, 0 when it is left out. Known for two layers and absent in a third; else a guess that agrees with these. */
static uint32_t word44(const struct akida_layer *l)
{
	uint32_t low = 0;

	if (l->in_c == 1 && l->kernel_h == 5 && l->filters == 64)
		low = 0xc;
	else if (l->in_c == 1 && l->kernel_h == 3 && l->filters == 16)
		low = 0x2;
	else if (l->filters / 4 > l->kernel_h - 1)
		low = l->filters / 4 - (l->kernel_h - 1);
	return low << 20 | low;
}

void ak_emit_hrc_preconf(const struct akida_layer *l, struct ak_words *o)
{
	put(o, AK_HRC_WORD_PRECONF, l->in_c == 1 ? 0x18 : 0x10);
	put(o, AK_HRC_WORD_CHANNELS, l->in_c);
	if (word44(l))
		put(o, AK_HRC_WORD_UNNAMED44, word44(l));
}

/* Trailing padding along one axis: what the last window reads beyond the n inputs. */
static uint32_t trailing(uint32_t n, uint32_t out, uint32_t k, uint32_t s, uint32_t before)
{
	uint32_t reach = (out - 1) * s + k;

	return reach > n + before ? reach - n - before : 0;
}

static uint32_t padding(const struct akida_layer *l)
{
	if (l->padding == AKIDA_PAD_VALID)
		return 0;
	return l->pad_top | trailing(l->in_h, l->conv_h, l->kernel_h, l->stride, l->pad_top) << 4 | l->pad_left << 8 |
	       trailing(l->in_w, l->conv_w, l->kernel_w, l->stride, l->pad_left) << 12;
}

static uint32_t output(const struct akida_layer *l)
{
	uint32_t v = AK_HRC_OUT_CONST | AK_BITS_CODE(l->act_bits);

	if (l->pool == AKIDA_POOL_MAX)
		v |= l->pool_size << 8 | l->pool_size << 12;
	return v;
}

static void select_bank(struct ak_words *o, uint32_t bank)
{
	uint32_t *p = ak_emit_packet_hrc(o, AK_UID_REGISTER, AK_HRC_WORD_BANK, 2);

	if (p)
		p[0] = bank;
}

/* One bank: per filter 3 words, up to 9 signed bytes. One channel: taps 9*bank .. +8; three: all taps of channel bank. */
static void bank_weights(const struct akida_layer *l, uint32_t bank, struct ak_words *o)
{
	uint32_t taps = l->kernel_h * l->kernel_w;
	uint32_t *p = ak_emit_packet_hrc(o, AK_UID_FILTER, AK_HRC_FILTER_START, 3 * l->filters);

	for (uint32_t f = 0; p && f < l->filters; f++, p += 3)
		for (uint32_t n = 0; n < 9; n++) {
			uint32_t tap = l->in_c == 1 ? 9 * bank + n : n, c = l->in_c == 1 ? 0 : bank;
			uint8_t w;

			if (tap >= taps)
				continue;
			w = (uint8_t)l->weights[((size_t)tap * l->in_c + c) * l->filters + f];
			p[n / 4] |= (uint32_t)w << 8 * (n % 4);
		}
}

void ak_emit_hrc(const struct akida_layer *l, struct ak_words *o)
{
	uint32_t taps = l->kernel_h * l->kernel_w, banks = l->in_c == 1 ? (taps + 8) / 9 : l->in_c;
	uint32_t mode = AK_HRC_MODE_STRIDE_SET(l->stride) | (l->kernel_h == 5 ? AK_HRC_MODE_5X5 : 0) |
			(l->in_c == 1 ? AK_HRC_MODE_ONE_CHANNEL : 0);
	uint32_t *p = ak_emit_packet_hrc(o, AK_UID_REGISTER, AK_HRC_WORD_MODE, 8);

	if (p) {
		p[0] = mode | AK_HRC_MODE_LOADING;
		p[1] = output(l);
		p[2] = l->padding_value * 0x010101u;
		p[3] = padding(l);
		p[4] = (l->filters - 1) << 16;
	}
	for (uint32_t b = 0; b < banks; b++) {
		select_bank(o, 1u << b);
		bank_weights(l, b, o);
	}
	select_bank(o, 0x80000000u);
	p = ak_emit_packet_hrc(o, AK_UID_FILTER, AK_HRC_FILTER_START, 2 * l->filters);
	if (p)
		ak_emit_thresholds(l, 0, l->filters, p);
	put(o, AK_HRC_WORD_MODE, mode);
	put(o, AK_HRC_WORD_STROBE, 1);
	put(o, AK_HRC_WORD_STROBE, 0);
}
