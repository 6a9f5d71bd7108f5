// SPDX-License-Identifier: MIT
/*
 * Weights and thresholds of packets in layer order: the inverse of emit_hrc.c, emit_cnp.c and emit_fnp.c, whose sources
 * hold here too. What does not come out as it went in shows when the program is rebuilt (decompile.c).
 */
#include <errno.h>
#include "base/diag.h"
#include "map/decompile.h"

static int damaged(const struct akida_layer *l, const char *what, uint64_t words, uint64_t want,
		   struct akida_diag *diag)
{
	return ak_fail(diag, -EILSEQ, AK_RULE_PROGRAM_PACKET, l->name, "%s: %llu words in its packets, %llu expected",
		       what, (unsigned long long)words, (unsigned long long)want);
}

static int32_t sign_extend(uint32_t v, uint32_t bits)
{
	uint32_t sign = 1u << (bits - 1);

	v &= (sign << 1) - 1;
	return (int32_t)(v ^ sign) - (int32_t)sign;
}

static uint32_t nibble(const struct ak_packet *k, uint32_t word, uint32_t n)
{
	return ak_packet_word(k, word + n / 8) >> 4 * (n % 8) & 0xf;
}

/* Sign-magnitude: bit 3 set for positive values. */
static int8_t legacy_value(uint32_t v)
{
	int8_t magnitude = (int8_t)(v & 7);

	return v & 8 ? magnitude : (int8_t)-magnitude;
}

static void thresholds(const struct ak_packet *k, struct akida_layer *l, uint32_t first, uint32_t count, uint32_t bits)
{
	for (uint32_t f = 0; f < count && l->activation; f++) {
		l->threshold[first + f] = sign_extend(ak_packet_word(k, 2 * f), bits);
		l->step16[first + f] = (int32_t)ak_packet_word(k, 2 * f + 1);
	}
}

int ak_unpack_hrc(const struct ak_hrc_block *b, struct akida_layer *l, struct akida_diag *diag)
{
	uint32_t taps = l->kernel_h * l->kernel_w, banks = l->in_c == 1 ? (taps + 8) / 9 : l->in_c;

	if (!b->has_threshold || b->threshold.words != 2 * l->filters)
		return damaged(l, "thresholds", b->threshold.words, 2 * l->filters, diag);
	for (uint32_t bank = 0; bank < banks; bank++) {
		const struct ak_packet *k = &b->bank[bank];

		if (!b->has_bank[bank] || k->words != 3 * l->filters)
			return damaged(l, "a bank of weights", k->words, 3 * l->filters, diag);
		for (uint32_t f = 0; f < l->filters; f++)
			for (uint32_t n = 0; n < 9; n++) {
				uint32_t tap = l->in_c == 1 ? 9 * bank + n : n, c = l->in_c == 1 ? 0 : bank;

				if (tap < taps)
					l->weights[((size_t)tap * l->in_c + c) * l->filters + f] =
						(int8_t)sign_extend(ak_packet_word(k, 3 * f + n / 4) >> 8 * (n % 4), 8);
			}
	}
	thresholds(&b->threshold, l, 0, l->filters, 24);
	return 0;
}

static int standard(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		    struct akida_diag *diag)
{
	const struct ak_packet *k = &b->filter[0];
	uint32_t lines = ak_std_lines(count);

	if (b->filters != 1 || k->start || k->words != 2 * (uint64_t)l->in_c * lines)
		return damaged(l, "weights", b->filters ? k->words : 0, 2 * (uint64_t)l->in_c * lines, diag);
	for (uint32_t c = 0; c < l->in_c; c++)
		for (uint32_t f = 0; f < count; f++)
			for (uint32_t tap = 0; tap < 9; tap++) { /* both axes flipped, columns slowest */
				uint32_t column = tap / 3, row = tap % 3;
				uint32_t line = c * lines + 6 * (f / 8) + 2 * column + f / 4 % 2;
				size_t at = ((size_t)(3 * (2 - row) + 2 - column) * l->in_c + c) * l->filters;

				l->weights[at + first + f] = legacy_value(nibble(k, 2 * line, 3 * (f % 4) + row));
			}
	return 0;
}

static int separable(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		     struct akida_diag *diag)
{
	const struct ak_packet *dw = &b->filter[0], *pw = &b->filter[1];
	uint32_t lines = (count + 11) / 12;

	if (b->filters != 2 || dw->start || dw->words != 2 * l->in_c)
		return damaged(l, "depthwise weights", b->filters ? dw->words : 0, 2 * l->in_c, diag);
	if (pw->start != ak_pw_start(l->in_c) / 8 || pw->words != 2 * (uint64_t)l->in_c * lines)
		return damaged(l, "pointwise weights", pw->words, 2 * (uint64_t)l->in_c * lines, diag);
	for (uint32_t c = 0; c < l->in_c; c++) {
		for (uint32_t tap = 0; tap < 9; tap++)
			l->weights[(size_t)(3 * (2 - tap % 3) + 2 - tap / 3) * l->in_c + c] =
				(int8_t)sign_extend(nibble(dw, 2 * c, tap), 4);
		for (uint32_t f = 0; f < count; f++)
			l->weights_pw[(size_t)c * l->filters + first + f] =
				(int8_t)sign_extend(nibble(pw, 2 * (c * lines + f / 12), f % 12), 4);
	}
	return 0;
}

int ak_unpack_cnp(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		  struct akida_diag *diag)
{
	int err = l->type == AKIDA_LAYER_SEPARABLE ? separable(b, first, count, l, diag)
						   : standard(b, first, count, l, diag);

	if (!err && (b->thresholds != 1 || b->threshold.start || b->threshold.words != 2 * count))
		err = damaged(l, "thresholds", b->thresholds ? b->threshold.words : 0, 2 * count, diag);
	if (!err)
		thresholds(&b->threshold, l, first, count, 20);
	return err;
}

/* One input of one neuron: bit planes of the positive magnitude less those of the negative one. */
static int8_t fnp_weight(const struct ak_packet *k, uint32_t at, uint32_t planes, uint32_t groups, uint32_t n)
{
	int8_t v = 0;

	for (uint32_t b = 0; b < planes; b++) {
		uint32_t plane = at + planes * (n / 32) + b;

		v = (int8_t)(v + (int8_t)((ak_packet_word(k, plane) >> n % 32 & 1) << b));
		v = (int8_t)(v - (int8_t)((ak_packet_word(k, plane + planes * groups) >> n % 32 & 1) << b));
	}
	return v;
}

int ak_unpack_fnp(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		  struct akida_diag *diag)
{
	uint32_t planes = b->external ? ak_fnp2_planes(l) : 3;
	uint32_t groups = 2 * ak_fnp_blocks(l), words = 4 + 2 * planes * groups;

	if (b->fnps != 1 || b->fnp.start || b->fnp.words != count * words)
		return damaged(l, "weights", b->fnps ? b->fnp.words : 0, count * words, diag);
	if (b->thresholds != l->activation || (l->activation && b->threshold.words != 2 * count))
		return damaged(l, "thresholds", b->thresholds ? b->threshold.words : 0, l->activation ? 2 * count : 0,
			       diag);
	for (uint32_t y = 0; y < l->in_h; y++)
		for (uint32_t x = 0; x < l->in_w; x++)
			for (uint32_t c = 0; c < l->in_c; c++) {
				uint32_t n = (c * l->in_w + x) * l->in_h + y;
				size_t at = (((size_t)y * l->in_w + x) * l->in_c + c) * l->filters;

				for (uint32_t u = 0; u < count; u++)
					l->weights[at + first + u] =
						fnp_weight(&b->fnp, u * words + 4, planes, groups, n);
			}
	if (l->activation)
		thresholds(&b->threshold, l, first, count, 20);
	return 0;
}
