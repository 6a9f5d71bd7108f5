// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Is a program safe for this mesh, and complete? The host may get it from anybody: every word that
 * selects a place (spans, packet chains, destinations, SRAM ranges, registers, EPG offsets, mesh
 * coordinates) is checked against what exists, what is allowed is a list, and what no decoded
 * program does is refused. Contents of weights and thresholds cannot do harm and are not looked at.
 *
 * Device memory is reached by the core DMA only, at addresses the core chooses; no packet can name
 * one. What a program can still do is send more output than it declared, so the outputs of all
 * layers that feed the DMA are added up.
 */
#include "internal.h"

#define FILTER_LINES 7168u	/* filter SRAM, 7 x 1024 lines of 64 bits in packets */
#define FNP_WORDS 10752u	/* the same SRAM as an FNP's: 48 bits of each line */
#define THRESHOLD_WORDS 4096u	/* two words for each of 2047 filters (11-bit fields), rounded up */
#define HRC_SRAM_START 0x28u	/* the only address seen: weights, thresholds, all banks */
#define HRC_SRAM_WORDS 1536u	/* 512 filters of 3 words */
#define OUT_COUNT_MAX (1u << 20)
#define INPUT_BYTES_MAX (1u << 26)

struct verify {
	const struct akc_dev *d;
	const struct akc_program *p;
	struct akc_verify_result *res;
	u32 track, word;
	u8 max_col;
	bool hrc;
	u64 outputs; /* values per frame that reach the DMA */
};

static int refuse(struct verify *v, int err, const char *what)
{
	if (v->res) {
		v->res->track = v->track;
		v->res->word = v->word;
		v->res->what = what;
	}
	return err;
}

static bool one_bit(u32 x)
{
	return x && !(x & (x - 1));
}

static u8 bit_index(u32 one_hot)
{
	u8 i = 0;

	while (one_hot > 1) {
		one_hot >>= 1;
		i++;
	}
	return i;
}

static bool is_event_dma(const struct akc_mesh *m, u32 col, u32 row, u32 np)
{
	return col == m->dma_col && row == m->dma_row && np == 1u << m->dma_event_id;
}

/* np is one-hot. */
static bool place_exists(const struct akc_mesh *m, u32 col, u32 row, u32 np)
{
	return one_bit(np) && akc_mesh_find(m, (u8)col, (u8)row, bit_index(np));
}

static int verify_fields(struct verify *v)
{
	const struct akc_program *p = v->p;
	u64 bytes;
	u32 i;

	if (!p->image || !p->image_words || !p->tracks || (p->epg_count && !p->epg))
		return refuse(v, -EINVAL, "no program");
	if (!p->track_count || p->track_count > AKC_MAX_TRACKS)
		return refuse(v, -EINVAL, "number of tracks");
	for (i = 0; i < 4; i++)
		if (p->device_version[i] != v->d->version[i])
			return refuse(v, -EBADMSG, "program is for another device version");
	if (p->input_type)
		return refuse(v, -EOPNOTSUPP, "input type is not a dense image");
	if (p->output_type != 0 && p->output_type != 2)
		return refuse(v, -EOPNOTSUPP, "output type is neither dense nor CNP sparse");
	if (!v->d->mesh.has_hrc)
		return refuse(v, -EOPNOTSUPP, "dense input without an HRC");

	/* The image descriptor has 16 bits each for row bytes, rows and next-row offset. */
	if (!p->in_h || !p->in_w || !p->in_c)
		return refuse(v, -EINVAL, "empty input");
	if (p->in_h > 0xffff || (u64)p->in_w * p->in_c > 0xffff)
		return refuse(v, -EINVAL, "input row or height over 16 bits");
	bytes = (u64)p->in_h * (p->in_w * p->in_c);
	if (bytes > INPUT_BYTES_MAX)
		return refuse(v, -EINVAL, "input too large");
	if (!p->window_w != !p->window_h)
		return refuse(v, -EINVAL, "half an image window");
	if (p->window_w > p->in_w || p->window_h > p->in_h)
		return refuse(v, -EINVAL, "image window larger than the input");

	if (!p->out_count || p->out_count > OUT_COUNT_MAX)
		return refuse(v, -EINVAL, "number of outputs");
	if (!p->out_w || !p->out_c || (u64)p->out_w * p->out_c > p->out_count ||
	    p->out_count % (p->out_w * p->out_c))
		return refuse(v, -EINVAL, "output dimensions");
	return 0;
}

static int verify_hrc(struct verify *v, const struct akc_packet *k)
{
	u32 i;

	if (k->hrc != AKC_PKT_HRC_ENABLE || k->col || k->row || k->dst > 1)
		return refuse(v, -EILSEQ, "packet destination is neither an NP nor the HRC");
	v->hrc = true;
	if (k->uid == AKC_UID_FILTER) {
		if (k->start != HRC_SRAM_START || k->words > HRC_SRAM_WORDS)
			return refuse(v, -EILSEQ, "HRC packet outside its SRAM");
		return 0;
	}
	if (k->uid != AKC_UID_REGISTER)
		return refuse(v, -EILSEQ, "HRC packet of unknown kind");
	/* Registers without public names: only words that decoded programs write. */
	for (i = 0; i < k->words; i++) {
		u32 r = k->start + i;

		if (r != 0 && r != 4 && (r < 8 || r > 15) && r != 0x20 && r != 0x21 && r != 0x40 &&
		    r != 0x44) {
			v->word += AKC_PKT_HEADER_WORDS + i;
			return refuse(v, -EILSEQ, "HRC register is not one programs write");
		}
	}
	return 0;
}

/*
 * Values per frame an NP with this register block can send; more is allowed than pooling leaves,
 * never less.
 */
static u64 np_outputs(const u32 *reg, bool fnp)
{
	u64 filters = AKC_NPR_CNP6_FILTERS(reg[AKC_NPR_CNP6]);
	u32 stride = (reg[AKC_NPR_CNP7] >> 4) & 7;
	u32 w = AKC_NPR_CNP5_II(reg[AKC_NPR_CNP5]);
	u32 h = AKC_NPR_CNP5_JJ(reg[AKC_NPR_CNP5]);

	if (fnp)
		return AKC_NPR_FNP2_NEURONS(reg[AKC_NPR_FNP2]);
	if (reg[AKC_NPR_CNP7] & AKC_NPR_CNP7_GLOBAL)
		return filters;
	if (stride > 1) {
		w = (w + stride - 1) / stride;
		h = (h + stride - 1) / stride;
	}
	return filters * w * h;
}

/*
 * Where a layer sends to: one NP or the event DMA (point to point), or the NPs of a range of
 * columns.
 */
static int verify_destination(struct verify *v, const u32 *reg, bool fnp)
{
	const struct akc_mesh *m = &v->d->mesh;
	u32 mm2 = reg[AKC_NPR_MM2];
	u32 row = AKC_NPR_MM2_ROW(mm2), col = AKC_NPR_MM2_COL(mm2), np = AKC_NPR_MM2_NP(mm2);
	bool dma = AKC_NPR_MM2_LAYER(mm2) == AKC_LAYER_DMA;

	v->word += AKC_PKT_HEADER_WORDS + AKC_NPR_MM2;
	if (!(reg[AKC_NPR_MM1] & AKC_NPR_MM1_P2P)) {
		if (dma)
			return refuse(v, -EILSEQ, "broadcast to the DMA");
		if (!row || row > col || col > v->max_col)
			return refuse(v, -EILSEQ, "destination columns are not on the mesh");
		return 0;
	}
	if (dma) {
		if (!is_event_dma(m, col, row, np))
			return refuse(v, -EILSEQ, "destination is not the event DMA");
		v->outputs += np_outputs(reg, fnp);
		return 0;
	}
	if (!place_exists(m, col, row, np))
		return refuse(v, -EILSEQ, "destination NP does not exist");
	return 0;
}

/*
 * A register packet writes the whole block of 50 words, as in every decoded program: a part of it
 * could only be judged together with parts sent earlier. The reset register lies outside.
 */
static int verify_registers(struct verify *v, const struct akc_packet *k, const struct akc_np *np)
{
	const u32 *reg = k->payload;
	u32 at = v->word + AKC_PKT_HEADER_WORDS;
	bool fnp;

	if (k->start <= AKC_NPR_RESET && k->start + k->words > AKC_NPR_RESET)
		return refuse(v, -EILSEQ, "packet writes the NP reset register");
	if (k->start + k->words > AKC_NPR_REGS)
		return refuse(v, -EILSEQ, "packet outside the NP registers");
	if (k->start || k->words != AKC_NPR_REGS)
		return refuse(v, -EILSEQ, "packet writes a part of the NP registers");
	if (reg[AKC_NPR_REG1]) {
		v->word = at + AKC_NPR_REG1;
		return refuse(v, -EILSEQ, "read-only NP register 1 is written");
	}
	fnp = (reg[AKC_NPR_REG2] & AKC_NPR_REG2_FNP_MODE) != 0;
	if (fnp && (np->types & AKC_NP_FNP2)) {
		v->word = at + AKC_NPR_REG2;
		return refuse(v, -EOPNOTSUPP, "FNP2 with weights in external memory");
	}
	if (fnp ? !(np->types & AKC_NP_FNP3) : !(np->types & (AKC_NP_CNP1 | AKC_NP_CNP2))) {
		v->word = at + AKC_NPR_REG2;
		return refuse(v, -EILSEQ, "NP cannot do this kind of layer");
	}
	if (reg[AKC_NPR_PR1] & AKC_NPR_PR1_ENABLE) {
		v->word = at + AKC_NPR_PR1;
		return refuse(v, -EOPNOTSUPP, "partial reconfiguration");
	}
	if (reg[AKC_NPR_LEARN1] & AKC_NPR_LEARN1_MODE) {
		v->word = at + AKC_NPR_LEARN1;
		return refuse(v, -EOPNOTSUPP, "learning");
	}
	if (reg[AKC_NPR_MM6]) {
		v->word = at + AKC_NPR_MM6;
		return refuse(v, -EILSEQ, "NP register MM6 (AXI) is written");
	}
	return verify_destination(v, reg, fnp);
}

static int verify_np(struct verify *v, const struct akc_packet *k)
{
	const struct akc_np *np;
	bool cnp;

	if (!one_bit(k->dst))
		return refuse(v, -EILSEQ, "packet for none or several NPs");
	np = akc_mesh_find(&v->d->mesh, k->col, k->row, bit_index(k->dst));
	if (!np)
		return refuse(v, -EILSEQ, "packet for an NP that does not exist");
	cnp = (np->types & (AKC_NP_CNP1 | AKC_NP_CNP2)) != 0;

	switch (k->uid) {
	case AKC_UID_REGISTER:
		return verify_registers(v, k, np);
	case AKC_UID_FILTER: /* one unit of the start address is 8 lines of two words */
		if (!cnp)
			return refuse(v, -EILSEQ, "filters for an NP without CNP");
		if (k->words & 1)
			return refuse(v, -EILSEQ, "half a line of filters");
		if (k->start * 8 + k->words / 2 > FILTER_LINES)
			return refuse(v, -EILSEQ, "packet outside the filter SRAM");
		return 0;
	case AKC_UID_THRESHOLD:
		if (k->words & 1)
			return refuse(v, -EILSEQ, "half a pair of threshold and step");
		if (k->start || k->words > THRESHOLD_WORDS)
			return refuse(v, -EILSEQ, "packet outside the threshold SRAM");
		return 0;
	case AKC_UID_FNP_WEIGHT:
		if (!(np->types & AKC_NP_FNP3))
			return refuse(v, -EILSEQ, "FNP weights for an NP without FNP3");
		if (k->start || k->words > FNP_WORDS)
			return refuse(v, -EILSEQ, "packet outside the FNP weight SRAM");
		return 0;
	case AKC_UID_LEARN:
		return refuse(v, -EOPNOTSUPP, "learning thresholds");
	case AKC_UID_COMPACT:
	case AKC_UID_LUT:
		return refuse(v, -EOPNOTSUPP, "packet of an IP v2 program");
	case AKC_UID_INPUT:
	default:
		return refuse(v, -EILSEQ, "packet of unknown kind");
	}
}

static int verify_track(struct verify *v)
{
	const struct akc_track *t = &v->p->tracks[v->track];
	struct akc_packet k;
	u32 at = 0;
	int more, err;

	v->word = 0;
	if (t->word_off > v->p->image_words || t->words > v->p->image_words - t->word_off)
		return refuse(v, -EILSEQ, "track outside the program");
	if (!t->words)
		return refuse(v, -EILSEQ, "empty track");
	if (t->words > 0xffff)
		return refuse(v, -EILSEQ, "track longer than a descriptor can say");
	/* v->word stays at the packet's first word while it is judged */
	while ((more = akc_packet_next(v->p->image + t->word_off, t->words, &at, &k)) > 0) {
		if (k.reserved)
			return refuse(v, -EILSEQ, "unknown bits in a packet header");
		err = k.hrc ? verify_hrc(v, &k) : verify_np(v, &k);
		if (err)
			return err;
		v->word = at;
	}
	return more ? refuse(v, -EILSEQ, "packets do not chain to the end of the track") : 0;
}

static int verify_epg(struct verify *v)
{
	const struct akc_mesh *m = &v->d->mesh;
	u32 i, value, west, east;

	v->track = v->p->track_count;
	if (v->p->epg_count > AKC_MAX_EPG)
		return refuse(v, -EINVAL, "number of EPG writes");
	for (i = 0; i < v->p->epg_count; i++) {
		v->word = i;
		value = v->p->epg[i].value;
		switch (v->p->epg[i].offset) {
		case AKC_EPG_CONTROL:
			if (value & (AKC_EPG_CONTROL_SOFT_RESET | AKC_EPG_CONTROL_SEQ_RESET))
				return refuse(v, -EILSEQ, "EPG reset");
			if (value & AKC_EPG_CONTROL_LOOPBACK)
				return refuse(v, -EILSEQ, "EPG loopback");
			break;
		case AKC_EPG_HEADER:
			west = AKC_EPG_HEADER_WEST(value);
			east = AKC_EPG_HEADER_EAST(value);
			if (AKC_EPG_HEADER_TYPE(value) > 2)
				return refuse(v, -EILSEQ, "EPG header type");
			if (AKC_EPG_HEADER_TYPE(value) == 1 &&
			    (!west || west > east || east > v->max_col))
				return refuse(v, -EILSEQ, "EPG columns are not on the mesh");
			if (AKC_EPG_HEADER_TYPE(value) == 2 &&
			    !place_exists(m, east, west, AKC_EPG_HEADER_NP(value)))
				return refuse(v, -EILSEQ, "EPG destination does not exist");
			break;
		case AKC_EPG_NOC_DELAY:
		case AKC_EPG_PACKET_DELAY:
		case AKC_EPG_SYNC:
		case AKC_EPG_PAYLOAD:
		case AKC_EPG_SYNC2:
		case AKC_EPG_PACKET:
		case AKC_EPG_BUFFER_MAX:
		case AKC_EPG_SYNC_LAST:
			break;
		default:
			return refuse(v, -EILSEQ, "EPG register is not one programs write");
		}
	}
	return 0;
}

int akc_verify(const struct akc_dev *d, const struct akc_program *p, struct akc_verify_result *res)
{
	struct verify v = { .d = d, .p = p, .res = res };
	u32 i;
	int err;

	if (res) {
		res->track = 0;
		res->word = 0;
		res->what = NULL;
	}
	for (i = 0; i < d->mesh.count; i++)
		if (d->mesh.np[i].col > v.max_col)
			v.max_col = d->mesh.np[i].col;
	err = verify_fields(&v);
	for (i = 0; !err && i < p->track_count; i++) {
		v.track = i;
		err = verify_track(&v);
	}
	if (!err)
		err = verify_epg(&v);
	if (err)
		return err;
	v.word = 0;
	if (!v.hrc)
		return refuse(&v, -EILSEQ, "dense input but no packet for the HRC");
	if (!v.outputs)
		return refuse(&v, -EILSEQ, "no layer sends to the DMA");
	if (v.outputs > p->out_count)
		return refuse(&v, -EILSEQ, "more outputs than declared");
	return 0;
}
