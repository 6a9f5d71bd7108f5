// SPDX-License-Identifier: MIT
/* Fully connected layers on an FNP3: registers, bit planes, thresholds. Source: nsoc-hardware 17.5, 24.3. */
#include "map/emit.h"

#define REG(off) ((off) / 4)

static void emit_registers(const struct ak_map_chip *chip, const struct ak_layer_place *p, const struct ak_link *link,
			   struct ak_words *o)
{
	const struct akida_layer *l = p->layer;
	const struct ak_np *np = &p->parts[0].np;
	uint32_t *r = ak_emit_packet(o, np, AK_UID_REGISTER, 0, AK_NP_BLOCK_WORDS), blocks = ak_fnp_blocks(l);

	if (!r)
		return;
	r[REG(AK_NP_REG2)] = 0x01500070;
	r[REG(AK_NP_REG4)] =
		p->id << 24 | 1u << 16 | AK_REG4_NEGATIVE | AK_BITS_CODE(4u) << 4 | AK_BITS_CODE(l->in_bits);
	if (l->activation)
		r[REG(AK_NP_REG4)] |= AK_REG4_QUANTIZE | AK_BITS_CODE(l->act_bits) << 12;
	r[REG(AK_NP_REG6)] = 0x04040000;
	r[REG(AK_NP_REG10)] = l->in_w | l->in_h << 16;
	r[REG(AK_NP_REG11)] = blocks << 12;
	r[REG(AK_NP_REG12)] = 0x52000000;
	r[REG(AK_NP_REG13)] = 0x10;
	r[REG(AK_NP_FNP1)] = 0x80000000u | 2 * blocks;
	r[REG(AK_NP_FNP2)] = l->filters;
	r[REG(AK_NP_FNP4)] = 1u << 20 | (uint32_t)ak_fnp_words(l);
	r[REG(AK_NP_LEARN2)] = 0xff000000u;
	ak_emit_mesh(chip, np, link, r);
}

/*
 * Per neuron 4 words, then for every 32 inputs the three bit planes of positive magnitudes, least significant first,
 * then the same of negative ones. Input index (c*W + x)*H + y.
 */
static void emit_weights(const struct ak_layer_place *p, struct ak_words *o)
{
	const struct akida_layer *l = p->layer;
	uint32_t groups = 2 * ak_fnp_blocks(l);
	uint32_t *w = ak_emit_packet(o, &p->parts[0].np, AK_UID_FNP_WEIGHT, 0, (uint32_t)ak_fnp_words(l));

	for (uint32_t u = 0; w && u < l->filters; u++, w += 4 + 6 * groups) {
		const int8_t *src = l->weights + u;

		w[0] = 0x00080000;
		for (uint32_t y = 0; y < l->in_h; y++)
			for (uint32_t x = 0; x < l->in_w; x++)
				for (uint32_t c = 0; c < l->in_c; c++, src += l->filters) {
					uint32_t n = (c * l->in_w + x) * l->in_h + y;
					uint32_t magnitude = (uint32_t)(*src < 0 ? -*src : *src);
					uint32_t *planes = w + 4 + 3 * (n / 32 + (*src < 0 ? groups : 0));

					for (uint32_t b = 0; b < 3; b++)
						planes[b] |= (magnitude >> b & 1) << n % 32;
				}
	}
}

void ak_emit_fnp(const struct ak_map_chip *chip, const struct ak_layer_place *p, const struct ak_link *link,
		 struct ak_words *o)
{
	emit_registers(chip, p, link, o);
	emit_weights(p, o);
	if (p->layer->activation) {
		uint32_t *t = ak_emit_packet(o, &p->parts[0].np, AK_UID_THRESHOLD, 0, 2 * p->layer->filters);

		if (t)
			ak_emit_thresholds(p->layer, 0, p->layer->filters, t);
	}
}
