// SPDX-License-Identifier: MIT
/* Fully connected layers on FNP3s or an FNP2: registers, bit planes, thresholds. Source: nsoc-hardware 17.5, 24.3. */
#include "map/emit.h"

#define REG(off) ((off) / 4)

static void emit_registers(const struct ak_map_chip *chip, const struct ak_layer_place *p, const struct ak_part *part,
			   const struct ak_link *link, struct ak_words *o)
{
	const struct akida_layer *l = p->layer;
	const struct ak_np *np = &part->np;
	uint32_t *r = ak_emit_packet(o, np, AK_UID_REGISTER, 0, AK_NP_BLOCK_WORDS), blocks = ak_fnp_blocks(l);
	uint32_t planes = p->fnp2 ? ak_fnp2_planes(l) : 3;

	if (!r)
		return;
	r[REG(AK_NP_REG2)] = 0x01500070 | (p->fnp2 ? (uint32_t)np->id << 16 : 0);
	r[REG(AK_NP_REG4)] = p->id << 24 | p->count << 16 | AK_REG4_NEGATIVE |
			     AK_BITS_CODE(planes == 1 ? 2u : 4u) << 4 | AK_BITS_CODE(l->in_bits);
	if (l->activation)
		r[REG(AK_NP_REG4)] |= AK_REG4_QUANTIZE | AK_BITS_CODE(l->act_bits) << 12;
	r[REG(AK_NP_REG6)] = 0x04040000;
	r[REG(AK_NP_REG10)] = l->in_w | l->in_h << 16;
	r[REG(AK_NP_REG11)] = blocks << 12;
	r[REG(AK_NP_REG12)] = 0x52000000;
	r[REG(AK_NP_REG13)] = 0x10;
	r[REG(AK_NP_FNP1)] = 0x80000000u | 2 * blocks;
	r[REG(AK_NP_FNP2)] = part->filters;
	r[REG(AK_NP_FNP3)] = part->filter0;
	r[REG(AK_NP_FNP4)] = AK_FNP4_WORDS(part->filters * (4 + 4 * planes * blocks));
	r[REG(AK_NP_LEARN2)] = 0xff000000u;
	ak_emit_mesh(chip, np, link, r);
}

/*
 * Per neuron 4 words, then for every 32 inputs the bit planes of positive magnitudes, least significant first, then the
 * same of negative ones. Input index (c*W + x)*H + y.
 */
static void put_weights(const struct akida_layer *l, const struct ak_part *part, uint32_t planes, uint32_t *w)
{
	uint32_t groups = 2 * ak_fnp_blocks(l);

	for (uint32_t u = 0; u < part->filters; u++, w += 4 + 2 * planes * groups) {
		const int8_t *src = l->weights + part->filter0 + u;

		w[0] = 0x00080000;
		for (uint32_t y = 0; y < l->in_h; y++)
			for (uint32_t x = 0; x < l->in_w; x++)
				for (uint32_t c = 0; c < l->in_c; c++, src += l->filters) {
					uint32_t n = (c * l->in_w + x) * l->in_h + y;
					uint32_t magnitude = (uint32_t)(*src < 0 ? -*src : *src);
					uint32_t *at = w + 4 + planes * (n / 32 + (*src < 0 ? groups : 0));

					for (uint32_t b = 0; b < planes; b++)
						at[b] |= (magnitude >> b & 1) << n % 32;
				}
	}
}

static void emit_weights(const struct akida_layer *l, const struct ak_part *part, struct ak_words *o)
{
	uint32_t words = part->filters * (4 + 12 * ak_fnp_blocks(l));
	uint32_t *w = ak_emit_packet(o, &part->np, AK_UID_FNP_WEIGHT, 0, words);

	if (w)
		put_weights(l, part, 3, w);
}

/* The header's length: in units of 16 words where 14 bits are too few, and 0 where they are even then. */
static uint32_t external_length(uint32_t words)
{
	uint32_t units = (words + 15) / 16;

	if (words <= 0x3ffe)
		return words << 16;
	return 1u << 31 | (units <= 0x3fff ? units : 0) << 16;
}

void ak_emit_fnp2_weights(const struct ak_layer_place *p, struct ak_words *o)
{
	const struct ak_part *part = p->parts;
	uint32_t words = (uint32_t)ak_fnp2_words(p->layer), *w = ak_words_reserve(o, 2 + words);

	if (!w)
		return;
	w[0] = (uint32_t)part->np.col << 24 | (uint32_t)part->np.row << 16 | 1u << (8 + part->np.id) |
	       AK_UID_FNP_WEIGHT;
	w[1] = external_length(words);
	put_weights(p->layer, part, ak_fnp2_planes(p->layer), w + 2);
}

uint32_t ak_emit_fnp_words(const struct ak_layer_place *p, uint32_t part)
{
	uint32_t filters = p->parts[part].filters, words = 2 + AK_NP_BLOCK_WORDS;

	if (!p->fnp2)
		words += 2 + filters * (4 + 12 * ak_fnp_blocks(p->layer));
	return words + (p->layer->activation ? 2 + 2 * filters : 0);
}

void ak_emit_fnp(const struct ak_map_chip *chip, const struct ak_layer_place *p, uint32_t first, uint32_t count,
		 const struct ak_link *link, struct ak_words *o)
{
	for (uint32_t i = first; i < first + count; i++) {
		const struct ak_part *part = &p->parts[i];
		uint32_t *t;

		emit_registers(chip, p, part, link, o);
		if (!p->fnp2)
			emit_weights(p->layer, part, o);
		if (!p->layer->activation)
			continue;
		t = ak_emit_packet(o, &part->np, AK_UID_THRESHOLD, 0, 2 * part->filters);
		if (t)
			ak_emit_thresholds(p->layer, part->filter0, part->filters, t);
	}
}
