// SPDX-License-Identifier: MIT
/*
 * akida_decompile: a program back into layers, the inverse of akida_map. Registers give the parameters, SRAM packets the
 * weights, thresholds and steps, and the ProgramInfo the input and the scales of the output. The layers and the placement
 * that was found are then built into a program again, and every word of the two must be the same: nothing a program says
 * is lost or guessed, or it is refused with the words that do not follow from its layers.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/map.h>
#include "base/diag.h"
#include "map/decompile.h"

#define REG(off) ((off) / 4)
#define BITS_OF_CODE(code) ((code) == 2u ? 4u : (code) == 1u ? 2u : 1u)

struct decompiler {
	const struct akida_program *p;
	const struct ak_map_chip *chip;
	struct ak_hrc_block hrc;
	struct ak_np_block *blocks;
	uint32_t block_count;
	struct akida_layer *layers; /* moves to the model */
	uint32_t count;
	uint32_t pass; /* of the track that is being read */
	struct ak_placement pl;
	struct akida_diag *diag;
};

static int refuse(const struct decompiler *d, int err, const char *layer, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int refuse(const struct decompiler *d, int err, const char *layer, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return ak_fail(d->diag, err, AK_RULE_DECOMPILE, layer, "%s", text);
}

/* ---- packets by target ---- */

static int take_hrc(struct decompiler *d, const struct ak_packet *k)
{
	struct ak_hrc_block *h = &d->hrc;
	uint32_t bank = h->reg[AK_HRC_WORD_BANK];

	h->present = true;
	if (k->uid == AK_UID_REGISTER) {
		for (uint32_t i = 0; i < k->words && k->start + i < AK_HRC_REGISTERS; i++) {
			uint32_t w = k->start + i;

			/* the mode as it was while loading: first write; the bank: newest */
			if (!h->set[w] || w == AK_HRC_WORD_BANK)
				h->reg[w] = ak_packet_word(k, i);
			h->set[w] = true;
		}
		return 0;
	}
	if (k->uid != AK_UID_FILTER)
		return refuse(d, -EOPNOTSUPP, NULL, "the HRC is sent a packet of unknown kind %u", k->uid);
	if (bank == 0x80000000u) {
		h->threshold = *k;
		h->has_threshold = true;
		return 0;
	}
	for (uint32_t i = 0; i < 3; i++) {
		if (bank == 1u << i) {
			h->bank[i] = *k;
			h->has_bank[i] = true;
			return 0;
		}
	}
	return refuse(d, -EOPNOTSUPP, NULL, "the HRC is sent weights for an unknown bank 0x%x", bank);
}

static int find_np(const struct decompiler *d, const struct ak_packet *k, struct ak_np *np)
{
	for (uint32_t i = 0; i < d->chip->count; i++) {
		*np = d->chip->np[i];
		if (np->col == k->col && np->row == k->row && np->id == ak_packet_np(k))
			return 0;
	}
	return refuse(d, -EILSEQ, NULL, "the %s has no NP (%u,%u,one-hot 0x%x)", d->chip->name, k->col, k->row, k->dst);
}

static int new_block(struct decompiler *d, const struct ak_np *np, const struct ak_packet *k)
{
	struct ak_np_block *b;

	if (k->uid != AK_UID_REGISTER || k->start || k->words != AK_NP_BLOCK_WORDS)
		return refuse(d, -EOPNOTSUPP, NULL,
			      "NP (%u,%u,%u) is not configured by one block of %u registers first", np->col, np->row,
			      np->id, AK_NP_BLOCK_WORDS);
	b = &d->blocks[d->block_count++];
	b->np = *np;
	b->pass = d->pass;
	for (uint32_t i = 0; i < AK_NP_BLOCK_WORDS; i++)
		b->reg[i] = ak_packet_word(k, i);
	b->id = AK_REG4_LAYER(b->reg[REG(AK_NP_REG4)]);
	return 0;
}

static struct ak_np_block *find_block(const struct decompiler *d, const struct ak_np *np)
{
	for (uint32_t i = 0; i < d->block_count; i++)
		if (d->blocks[i].pass == d->pass && !memcmp(&d->blocks[i].np, np, sizeof(*np)))
			return &d->blocks[i];
	return NULL;
}

static int take_np(struct decompiler *d, const struct ak_packet *k)
{
	struct ak_np_block *b;
	struct ak_np np;
	int err = find_np(d, k, &np);

	b = err ? NULL : find_block(d, &np);
	if (err || !b)
		return err ? err : new_block(d, &np, k);
	if (k->uid == AK_UID_FILTER && b->filters < 2)
		b->filter[b->filters++] = *k;
	else if (k->uid == AK_UID_THRESHOLD && !b->thresholds++)
		b->threshold = *k;
	else if (k->uid == AK_UID_FNP_WEIGHT && !b->fnps++)
		b->fnp = *k;
	else
		return refuse(d, -EOPNOTSUPP, NULL, "NP (%u,%u,%u) is sent more packets of kind %u than a layer has",
			      np.col, np.row, np.id, k->uid);
	return 0;
}

/* One packet, whose length field may be too small for it. */
static int take_external(struct decompiler *d, uint32_t track)
{
	const uint32_t *w = ak_program_track(d->p, track), words = d->p->head.tracks[track].words;
	struct ak_packet k = {.payload = w + 2, .words = words - 2, .uid = AK_PKT_UID(w[0])};
	struct ak_np_block *b;
	struct ak_np np;
	int err;

	k.col = AK_PKT_COL(w[0]);
	k.row = AK_PKT_ROW(w[0]);
	k.dst = AK_PKT_DST(w[0]);
	err = find_np(d, &k, &np);
	b = err ? NULL : find_block(d, &np);
	if (err)
		return err;
	if (!b || words <= 2 || k.uid != AK_UID_FNP_WEIGHT || b->fnps++)
		return refuse(d, -EILSEQ, NULL, "the external weights of track %u belong to no layer", track);
	b->fnp = k;
	b->external = true;
	return 0;
}

static int scan(struct decompiler *d)
{
	const struct ak_program_head *h = &d->p->head;
	struct ak_packet k;
	int err = 0, got = 0;

	d->blocks = calloc((size_t)d->chip->count * h->passes, sizeof(*d->blocks));
	if (!d->blocks)
		return ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u NPs in %u passes",
			       d->chip->count, h->passes);
	for (uint32_t t = 0; t < h->track_count && !err; t++) {
		uint32_t pos = 0;

		d->pass = h->tracks[t].pass;
		if (h->tracks[t].external)
			err = take_external(d, t);
		while (!h->tracks[t].external && !err &&
		       (got = ak_packet_next(ak_program_track(d->p, t), h->tracks[t].words, &pos, &k)) > 0)
			err = k.hrc ? take_hrc(d, &k) : take_np(d, &k);
	}
	if (!err && got < 0)
		err = refuse(d, got, NULL, "a packet runs past its track");
	if (!err && !d->hrc.present)
		err = refuse(d, -EOPNOTSUPP, NULL,
			     "it has no input convolution; programs fed with events are not decompiled");
	return err;
}

/* ---- parameters ---- */

static void name_layer(struct decompiler *d, struct akida_layer *l, uint32_t id, const char *kind)
{
	snprintf(l->name, sizeof(l->name), "%s_%u", kind, id);
	for (uint32_t i = 0; i < d->p->meta_count; i++)
		if (d->p->meta[i].id == id + 256 * d->pass && d->p->meta[i].name[0])
			snprintf(l->name, sizeof(l->name), "%.63s", d->p->meta[i].name);
}

/* Same padding as TensorFlow, or none; in packets only the rows and columns added. */
static int hrc_padding(struct decompiler *d, struct akida_layer *l, uint32_t word)
{
	uint32_t k = l->kernel_h, top = ak_same_pad_before(l->in_h, k, l->stride);
	uint32_t left = ak_same_pad_before(l->in_w, k, l->stride);

	if ((word & 15) == top && (word >> 8 & 15) == left && (word || ak_same_out(l->in_h, l->stride) == 1))
		l->padding = AKIDA_PAD_SAME;
	else if (!word)
		l->padding = AKIDA_PAD_VALID;
	else
		return refuse(d, -EOPNOTSUPP, l->name, "padding word 0x%x is neither Same nor Valid", word);
	return 0;
}

static int hrc_layer(struct decompiler *d, struct akida_layer *l)
{
	const struct ak_program_head *h = &d->p->head;
	const uint32_t *r = d->hrc.reg;
	uint32_t mode = r[AK_HRC_WORD_MODE], out = r[AK_HRC_WORD_OUTPUT];
	int err;

	l->type = AKIDA_LAYER_INPUT_CONV;
	name_layer(d, l, 0, "conv");
	l->in_h = h->in_dims[0];
	l->in_w = h->in_dims[1];
	l->in_c = h->in_dims[2];
	l->in_bits = l->weights_bits = 8;
	l->filters = (r[AK_HRC_WORD_FILTERS] >> 16) + 1;
	l->kernel_h = l->kernel_w = mode & AK_HRC_MODE_5X5 ? 5 : 3;
	l->stride = AK_HRC_MODE_STRIDE(mode);
	l->padding_value = r[AK_HRC_WORD_PADVALUE] & 0xff;
	l->activation = true;
	l->act_bits = BITS_OF_CODE(AK_HRC_OUT_BITS(out));
	if (AK_HRC_OUT_POOL_H(out)) {
		l->pool = AKIDA_POOL_MAX;
		l->pool_size = l->pool_stride = AK_HRC_OUT_POOL_H(out);
		l->pool_padding = AKIDA_PAD_SAME;
	}
	if (!l->stride)
		return refuse(d, -EOPNOTSUPP, l->name, "mode word 0x%x has no stride", mode);
	if (l->in_c != 1 && l->in_c != 3)
		return refuse(d, -EOPNOTSUPP, l->name, "%u input channels; 1 and 3 are known", l->in_c);
	err = hrc_padding(d, l, r[AK_HRC_WORD_PADDING]);
	if (!err)
		err = ak_layer_finish(l, d->diag);
	if (!err && ak_layer_alloc(l))
		err = ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, l->name, "no memory for weights");
	return err ? err : ak_unpack_hrc(&d->hrc, l, d->diag);
}

/* What follows from the layer in front, and from the registers all NP layers have. */
static void np_layer(struct akida_layer *l, const struct ak_np_block *b)
{
	const struct akida_layer *prev = l - 1;
	uint32_t reg4 = b->reg[REG(AK_NP_REG4)];

	l->in_h = prev->out_h;
	l->in_w = prev->out_w;
	l->in_c = prev->out_c;
	l->in_bits = BITS_OF_CODE(AK_REG4_IN_BITS(reg4));
	l->weights_bits = 4;
	l->activation = reg4 & AK_REG4_QUANTIZE;
	l->act_bits = l->activation ? BITS_OF_CODE(AK_REG4_OUT_BITS(reg4)) : 0;
}

/* The last layer hands out potentials; what makes numbers of them stands in the ProgramInfo. */
static int output_scales(struct decompiler *d, struct akida_layer *l)
{
	const struct ak_program_head *h = &d->p->head;

	if (l->activation)
		return 0;
	if (h->channels != l->filters)
		return refuse(d, -EOPNOTSUPP, l->name, "hands out %u potentials, the ProgramInfo has %u scales",
			      l->filters, h->channels);
	memcpy(l->threshold, h->shifts, l->filters * sizeof(*l->threshold));
	memcpy(l->scale, h->scales, l->filters * sizeof(*l->scale));
	return 0;
}

/* The pool's last window is cut short on this axis unless sizes fit exactly. */
static bool cut_short(uint32_t n, uint32_t size, uint32_t stride)
{
	return (ak_same_out(n, stride) - 1) * stride + size > n;
}

/* v: CNP7 of all parts, or-ed, since only the last rows have the bottom bit. */
static int cnp_pool(struct decompiler *d, struct akida_layer *l, uint32_t v)
{
	uint32_t size = AK_CNP7_POOL_SIZE(v), stride = AK_CNP7_POOL_STRIDE(v);

	if (v & AK_CNP7_GLOBAL) {
		l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
		return 0;
	}
	if (size == 1 && stride == 1)
		return 0;
	if (!size || !stride)
		return refuse(d, -EOPNOTSUPP, l->name, "CNP7 is 0x%x: a pool of size %u and stride %u", v, size,
			      stride);
	l->pool = AKIDA_POOL_MAX;
	l->pool_size = size;
	l->pool_stride = stride;
	/* a window that would be cut short is either padded, which a bit says, or dropped */
	if ((cut_short(ak_same_out(l->in_h, l->stride), size, stride) && !(v & AK_CNP7_PAD_BOTTOM)) ||
	    (cut_short(ak_same_out(l->in_w, l->stride), size, stride) && !(v & AK_CNP7_PAD_RIGHT)))
		l->pool_padding = AKIDA_PAD_VALID;
	else
		l->pool_padding = AKIDA_PAD_SAME;
	return 0;
}

/*
 * Rows and filters of a part from where it starts and how many it has. The rest follows from the layer; whether it is
 * what the registers say is seen when the program is rebuilt.
 */
static int cnp_part(struct decompiler *d, const struct akida_layer *l, const struct ak_np_block *b, struct ak_part *p)
{
	uint32_t end;

	p->np = b->np;
	p->out0 = b->reg[REG(AK_NP_CNP4)] >> 16 & 0xfff;
	p->out_rows = b->reg[REG(AK_NP_CNP5)] >> 16 & 0xff;
	p->filter0 = b->reg[REG(AK_NP_CNP6)] & 0x7ff;
	p->filters = b->reg[REG(AK_NP_CNP6)] >> 16 & 0x7ff;
	if (!p->out_rows || !p->filters || p->out0 + p->out_rows > l->conv_h || p->filter0 + p->filters > l->filters)
		return refuse(d, -EILSEQ, l->name, "NP (%u,%u,%u) has rows %u+%u of %u and filters %u+%u of %u",
			      p->np.col, p->np.row, p->np.id, p->out0, p->out_rows, l->conv_h, p->filter0, p->filters,
			      l->filters);
	p->row0 = p->out0 * l->stride;
	end = p->out0 + p->out_rows == l->conv_h ? l->in_h : (p->out0 + p->out_rows) * l->stride;
	p->rows = end - p->row0;
	p->cut0 = p->row0 ? p->row0 - 1 : 0;
	p->cut_rows = (end == l->in_h ? end : end + 1) - p->cut0;
	return 0;
}

/* Every output row of every filter comes from exactly one part. */
static int cnp_covered(struct decompiler *d, const struct akida_layer *l, const struct ak_layer_place *place)
{
	uint64_t area = 0;

	for (uint32_t i = 0; i < place->count; i++) {
		const struct ak_part *a = &place->parts[i];

		area += (uint64_t)a->out_rows * a->filters;
		for (uint32_t k = 0; k < i; k++) {
			const struct ak_part *b = &place->parts[k];

			if (a->out0 < b->out0 + b->out_rows && b->out0 < a->out0 + a->out_rows &&
			    a->filter0 < b->filter0 + b->filters && b->filter0 < a->filter0 + a->filters)
				return refuse(d, -EILSEQ, l->name, "two NPs compute the same output");
		}
	}
	if (area != (uint64_t)l->conv_h * l->filters)
		return refuse(d, -EILSEQ, l->name, "its NPs compute %llu of %llu output rows of all filters",
			      (unsigned long long)area, (unsigned long long)l->conv_h * l->filters);
	return 0;
}

static int cnp_layer(struct decompiler *d, struct akida_layer *l, const struct ak_np_block *const *b,
		     struct ak_layer_place *place)
{
	uint32_t cnp1 = b[0]->reg[REG(AK_NP_CNP1)], cnp7 = 0;
	int err;

	l->type = b[0]->reg[REG(AK_NP_REG4)] & AK_REG4_SEPARABLE ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_CONV;
	name_layer(d, l, place->id, l->type == AKIDA_LAYER_SEPARABLE ? "separable" : "conv");
	if (cnp1 >> 28 != 3)
		return refuse(d, -EOPNOTSUPP, l->name, "CNP1 is 0x%08x: a kernel that is not 3x3", cnp1);
	l->kernel_h = l->kernel_w = 3;
	l->padding = AKIDA_PAD_SAME;
	l->stride = cnp1 & 1u << 8 ? 2 : 1;
	for (uint32_t i = 0; i < place->count; i++) {
		uint32_t cnp6 = b[i]->reg[REG(AK_NP_CNP6)], end = (cnp6 & 0x7ff) + (cnp6 >> 16 & 0x7ff);

		l->filters = end > l->filters ? end : l->filters;
		cnp7 |= b[i]->reg[REG(AK_NP_CNP7)];
	}
	err = cnp_pool(d, l, cnp7);
	if (!err)
		err = ak_layer_finish(l, d->diag);
	if (!err && ak_layer_alloc(l))
		err = ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, l->name, "no memory for weights");
	for (uint32_t i = 0; i < place->count && !err; i++) {
		err = cnp_part(d, l, b[i], &place->parts[i]);
		if (!err)
			err = ak_unpack_cnp(b[i], place->parts[i].filter0, place->parts[i].filters, l, d->diag);
	}
	return err ? err : cnp_covered(d, l, place);
}

static int fnp_layer(struct decompiler *d, struct akida_layer *l, const struct ak_np_block *const *b,
		     struct ak_layer_place *place)
{
	int err = 0;

	l->type = AKIDA_LAYER_FULLY;
	name_layer(d, l, place->id, "dense");
	for (uint32_t i = 0; i < place->count && !err; i++) {
		struct ak_part *part = &place->parts[i];

		part->np = b[i]->np;
		part->filter0 = b[i]->reg[REG(AK_NP_FNP3)] & 0x3ffff;
		part->filters = b[i]->reg[REG(AK_NP_FNP2)] & 0x1ffff;
		if (part->filter0 != l->filters)
			err = refuse(d, -EOPNOTSUPP, l->name, "neurons that do not follow one another");
		l->filters += part->filters;
	}
	place->fnp2 = b[0]->external;
	if (!err && place->fnp2 && AK_REG4_W_BITS(b[0]->reg[REG(AK_NP_REG4)]) == 1)
		l->weights_bits = 2;
	if (!err && place->fnp2 && place->count > 1)
		err = refuse(d, -EOPNOTSUPP, l->name, "a layer on several FNP2");
	if (!err)
		err = ak_layer_finish(l, d->diag);
	if (!err && ak_layer_alloc(l))
		err = ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, l->name, "no memory for weights");
	for (uint32_t i = 0; i < place->count && !err; i++) {
		const struct ak_part *part = &place->parts[i];

		if (!place->fnp2 && part->filters > ak_fnp3_neurons(l))
			err = refuse(d, -EILSEQ, l->name, "its weights do not fit an NP");
		else
			err = ak_unpack_fnp(b[i], part->filter0, part->filters, l, d->diag);
	}
	return err;
}

/* Layer at of the model, which is layer id of the pass: all of its blocks in the order of the program. */
static int read_layer(struct decompiler *d, uint32_t at, uint32_t id)
{
	const struct ak_np_block **b = calloc(d->block_count + 1, sizeof(*b));
	struct ak_layer_place *place = &d->pl.layers[at];
	struct akida_layer *l = &d->layers[at];
	int err = b ? 0 : ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a layer");

	place->layer = l;
	place->id = id;
	place->pass = d->pass;
	for (uint32_t i = 0; b && i < d->block_count; i++)
		if (d->blocks[i].pass == d->pass && d->blocks[i].id == id)
			b[place->count++] = &d->blocks[i];
	if (!err && !place->count)
		err = refuse(d, -EOPNOTSUPP, NULL, "no NP carries layer %u of pass %u", id, d->pass);
	if (!err && !(place->parts = calloc(place->count, sizeof(*place->parts))))
		err = ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a layer");
	if (err) {
		free(b);
		return err;
	}
	np_layer(l, b[0]);
	err = b[0]->reg[REG(AK_NP_REG2)] & 0x10 ? fnp_layer(d, l, b, place) : cnp_layer(d, l, b, place);
	for (uint32_t i = 0; i < place->count; i++) {
		uint8_t col = b[i]->np.col;

		place->west = !i || col < place->west ? col : place->west;
		place->east = !i || col > place->east ? col : place->east;
	}
	free(b);
	return err;
}

static int read_layers(struct decompiler *d)
{
	uint32_t last[AK_MAP_MAX_PASSES] = {0}, passes = d->p->head.passes, at = 1; /* 0: the HRC */
	int err;

	for (uint32_t i = 0; i < d->block_count; i++) {
		const struct ak_np_block *b = &d->blocks[i];

		if (b->id > AK_MAP_MAX_LAYER_ID)
			return refuse(d, -EILSEQ, NULL, "a layer has id %u, which is not a layer's", b->id);
		last[b->pass] = b->id > last[b->pass] ? b->id : last[b->pass];
	}
	d->count = 1;
	for (uint32_t i = 0; i < passes; i++)
		d->count += last[i];
	d->layers = calloc(d->count, sizeof(*d->layers));
	d->pl.layers = calloc(d->count, sizeof(*d->pl.layers));
	if (!d->layers || !d->pl.layers)
		return ak_fail(d->diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u layers", d->count);
	d->pl.chip = d->chip;
	d->pl.count = d->count;
	d->pl.nps = d->block_count;
	d->pl.passes = passes;
	d->pass = 0;
	d->pl.layers[0].layer = &d->layers[0];
	err = hrc_layer(d, &d->layers[0]);
	for (; d->pass < passes && !err; d->pass++)
		for (uint32_t id = 1; id <= last[d->pass] && !err; id++)
			err = read_layer(d, at++, id);
	return err ? err : output_scales(d, &d->layers[d->count - 1]);
}

/* ---- whole ---- */

static const struct ak_map_chip *chip_of(const struct akida_program *p)
{
	static const char *const names[] = {"akd1000", "akd1500"};
	struct akida_program_info info = {.size = sizeof(info)};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct ak_map_chip *chip = ak_map_chip_find(names[i]);

		if (chip && !memcmp(chip->version, p->head.device_version, sizeof(chip->version)))
			return chip;
	}
	return akida_program_info(p, &info) ? NULL : ak_map_chip_find(info.chip);
}

/* What the program must be made of for its layers to be all of it. */
static int rebuild(struct decompiler *d, const struct akida_model *m)
{
	struct akida_program *again = NULL;
	int err = ak_map_build(m, &d->pl, &again, d->diag);

	if (!err && ak_program_differences(again, d->p, d->diag))
		err = -EOPNOTSUPP;
	akida_program_destroy(again);
	return err;
}

int akida_decompile(const struct akida_program *p, struct akida_model **out, struct akida_diag *diag)
{
	struct decompiler d = {.p = p, .diag = diag};
	struct akida_model *m = NULL;
	int err;

	*out = NULL;
	if (!p->program_bytes)
		return ak_fail(
			diag, -EOPNOTSUPP, AK_RULE_PROGRAM_INFO_ONLY, NULL,
			"only the ProgramInfo of an external program is here; its layers are in the Program part");
	d.chip = chip_of(p);
	if (!d.chip)
		return refuse(&d, -EOPNOTSUPP, NULL, "made for %02X.%02X.%03u.%03u, whose mesh is not known",
			      p->head.device_version[0], p->head.device_version[1], p->head.device_version[2],
			      p->head.device_version[3]);
	err = scan(&d);
	if (!err)
		err = read_layers(&d);
	if (!err) {
		err = ak_model_create(d.layers, d.count, "decompiled program", &m, diag);
		d.layers = NULL;
	}
	if (!err) {
		for (uint32_t i = 0; i < m->count; i++)
			d.pl.layers[i].layer = &m->layers[i];
		err = rebuild(&d, m);
	}
	for (uint32_t i = 0; d.layers && i < d.count; i++)
		ak_layer_fini(&d.layers[i]);
	free(d.layers);
	free(d.blocks);
	ak_placement_fini(&d.pl);
	if (err)
		akida_model_destroy(m);
	else
		*out = m;
	return err;
}
