// SPDX-License-Identifier: MIT
/*
 * Standard and separable 3x3 convolutions on CNPs: registers, weights, thresholds of every part. Source: nsoc-hardware
 * 17.2, 17.3, 17.6 and 24.1, 24.2, 24.4.
 */
#include "map/emit.h"

#define REG(off) ((off) / 4)

static uint32_t ceil_div(uint32_t a, uint32_t b)
{
	return (a + b - 1) / b;
}

static uint32_t reg4(const struct ak_layer_place *p)
{
	const struct akida_layer *l = p->layer;
	uint32_t v = p->id << 24 | p->count << 16 | AK_BITS_CODE(l->in_bits);

	if (l->type == AKIDA_LAYER_SEPARABLE)
		v |= AK_REG4_SEPARABLE | AK_BITS_CODE(4u) << 4 | AK_BITS_CODE(4u) << 8;
	else
		v |= AK_REG4_SIGN_MAGNITUDE;
	if (l->activation)
		v |= AK_REG4_QUANTIZE | AK_BITS_CODE(l->act_bits) << 12;
	return v;
}

/* Where the phase of stride 2 leaves that of the decoded layers; see encoding.h. */
static uint32_t stride_offsets(const struct akida_layer *l)
{
	if (l->stride != 2)
		return 0;
	return (l->in_w % 2 ? AK_REG9_I_STRIDE_OFFSET : 0) | (l->in_h % 2 ? AK_REG9_J_STRIDE_OFFSET : 0);
}

static uint32_t cnp7(const struct ak_layer_place *p, const struct ak_part *part)
{
	const struct akida_layer *l = p->layer;
	uint32_t v;

	if (l->pool == AKIDA_POOL_GLOBAL_AVERAGE)
		return 0x11 | AK_CNP7_GLOBAL;
	if (l->pool != AKIDA_POOL_MAX)
		return 0x11;
	v = l->pool_size | l->pool_stride << 4;
	if ((l->out_w - 1) * l->pool_stride + l->pool_size > l->conv_w)
		v |= AK_CNP7_PAD_RIGHT;
	if (part->out0 + part->out_rows == l->conv_h && (l->out_h - 1) * l->pool_stride + l->pool_size > l->conv_h)
		v |= AK_CNP7_PAD_BOTTOM;
	return v;
}

static void emit_registers(const struct ak_map_chip *chip, const struct ak_layer_place *p, const struct ak_part *part,
			   const struct ak_link *link, struct ak_words *o)
{
	const struct akida_layer *l = p->layer;
	bool sep = l->type == AKIDA_LAYER_SEPARABLE;
	uint32_t *r = ak_emit_packet(o, &part->np, AK_UID_REGISTER, 0, AK_NP_BLOCK_WORDS);
	uint32_t half_rows = ceil_div(part->cut_rows, 2), containers = half_rows * ceil_div(l->in_c, 4);

	if (!r)
		return;
	r[REG(AK_NP_REG2)] = 0x60; /* stop clock, SRAM low power */
	r[REG(AK_NP_REG4)] = reg4(p);
	r[REG(AK_NP_REG5)] = 0x80000000u | containers * l->in_w;
	r[REG(AK_NP_REG6)] = 0x04040000;
	r[REG(AK_NP_REG8)] = l->in_w | part->rows << 16 | (part->cut0 < part->row0 ? 0xf0000000u : 0);
	r[REG(AK_NP_REG9)] = part->cut0 << 16 | stride_offsets(l);
	r[REG(AK_NP_REG10)] = l->in_w | part->cut_rows << 16;
	r[REG(AK_NP_REG11)] = 4 * ceil_div(part->rows, 4) | (sep ? 0 : ak_std_lines(part->filters) / 2 << 12);
	r[REG(AK_NP_REG12)] = 0x52000000;
	r[REG(AK_NP_REG13)] = 0x10;
	r[REG(AK_NP_CNP1)] = 3u << 28 | (l->stride == 2 ? 1u << 8 : 0) | (sep ? ceil_div(part->filters, 12) : 0);
	r[REG(AK_NP_CNP2)] = sep ? 0 : part->filters;
	r[REG(AK_NP_CNP3)] = sep ? ak_pw_start(l->in_c) << 16 : 0;
	r[REG(AK_NP_CNP4)] = part->out0 << 16;
	r[REG(AK_NP_CNP5)] = l->conv_w | part->out_rows << 16;
	r[REG(AK_NP_CNP6)] = part->filter0 | part->filters << 16;
	r[REG(AK_NP_CNP7)] = cnp7(p, part);
	r[REG(AK_NP_CNP8)] = containers | half_rows << 16;
	r[REG(AK_NP_CNP9)] = ceil_div(part->filters, 8) << 16;
	r[REG(AK_NP_LEARN2)] = 0xff000000u;
	ak_emit_mesh(chip, &part->np, link, r);
}

/* Nibble n of a 64-bit line that starts at word w. */
static void set_nibble(uint32_t *w, uint32_t n, uint32_t value)
{
	w[n / 8] |= (value & 0xf) << 4 * (n % 8);
}

/* Sign-magnitude with bit 3 set for positive values; zero is code 0. */
static uint32_t legacy_nibble(int8_t v)
{
	return v > 0 ? 8u | (uint32_t)v : (uint32_t)-v;
}

/* Per channel and group of 8 filters 6 lines: kernel column k, half h: filters 4h .. 4h+3, taps t along y fastest. */
static void emit_standard(const struct akida_layer *l, const struct ak_part *part, struct ak_words *o)
{
	uint32_t lines = ak_std_lines(part->filters);
	uint32_t *w = ak_emit_packet(o, &part->np, AK_UID_FILTER, 0, 2 * l->in_c * lines);

	for (uint32_t c = 0; w && c < l->in_c; c++, w += 2 * lines)
		for (uint32_t f = 0; f < part->filters; f++) {
			const int8_t *src = l->weights + (size_t)c * l->filters + part->filter0 + f;

			for (uint32_t k = 0; k < 3; k++) {
				uint32_t *line = w + 2 * (6 * (f / 8) + 2 * k + f / 4 % 2);

				for (uint32_t t = 0; t < 3; t++) {
					uint32_t ky = 2 - t, kx = 2 - k;

					set_nibble(line, 3 * (f % 4) + t,
						   legacy_nibble(src[(size_t)(3 * ky + kx) * l->in_c * l->filters]));
				}
			}
		}
}

static void emit_separable(const struct akida_layer *l, const struct ak_part *part, struct ak_words *o)
{
	uint32_t lines = ceil_div(part->filters, 12);
	uint32_t *w = ak_emit_packet(o, &part->np, AK_UID_FILTER, 0, 2 * l->in_c);

	for (uint32_t c = 0; w && c < l->in_c; c++, w += 2)
		for (uint32_t a = 0; a < 3; a++)
			for (uint32_t b = 0; b < 3; b++) /* both axes flipped, x-major */
				set_nibble(w, 3 * a + b, (uint8_t)l->weights[(3 * (2 - b) + 2 - a) * l->in_c + c]);
	w = ak_emit_packet(o, &part->np, AK_UID_FILTER, ak_pw_start(l->in_c) / 8, 2 * l->in_c * lines);
	for (uint32_t c = 0; w && c < l->in_c; c++, w += 2 * lines)
		for (uint32_t f = 0; f < part->filters; f++)
			set_nibble(w + 2 * (f / 12), f % 12,
				   (uint8_t)l->weights_pw[(size_t)c * l->filters + part->filter0 + f]);
}

uint32_t ak_emit_cnp_words(const struct ak_layer_place *p, uint32_t part)
{
	const struct akida_layer *l = p->layer;
	uint32_t filters = p->parts[part].filters, words = 2 + AK_NP_BLOCK_WORDS + 2 + 2 * filters;

	if (l->type == AKIDA_LAYER_SEPARABLE)
		return words + 2 + 2 * l->in_c + 2 + 2 * l->in_c * ceil_div(filters, 12);
	return words + 2 + 2 * l->in_c * ak_std_lines(filters);
}

void ak_emit_cnp(const struct ak_map_chip *chip, const struct ak_layer_place *p, uint32_t first, uint32_t count,
		 const struct ak_link *link, struct ak_words *o)
{
	for (uint32_t i = first; i < first + count; i++) {
		const struct ak_part *part = &p->parts[i];
		uint32_t *t;

		emit_registers(chip, p, part, link, o);
		if (p->layer->type == AKIDA_LAYER_SEPARABLE)
			emit_separable(p->layer, part, o);
		else
			emit_standard(p->layer, part, o);
		t = ak_emit_packet(o, &part->np, AK_UID_THRESHOLD, 0, 2 * part->filters);
		if (t)
			ak_emit_thresholds(p->layer, part->filter0, part->filters, t);
	}
}
