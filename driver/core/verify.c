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
#define FNP2_WORDS (15u << 16) /* 15 blocks of 2^16 words */
#define PASS_VALUES_MAX 2097120u /* between two passes: events of 8 bytes in 65535 units of 256 */
#define OUT_COUNT_MAX (1u << 20)
#define INPUT_BYTES_MAX (1u << 26)

struct verify {
	const struct akc_dev *d;
	const struct akc_program *p;
	struct akc_verify_result *res;
	u32 track, word;
	u8 max_col;
	bool hrc;
	u64 outputs; /* values per frame that reach the DMA, of this pass */
	u32 pass;
	u64 external_need[AKC_MAX_FNP2], external_have[AKC_MAX_FNP2]; /* words, of this pass */
	bool external_seen[AKC_MAX_FNP2];
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

static u8 max_col(const struct akc_dev *d)
{
	u8 max = 0;
	u32 i;

	for (i = 0; i < d->mesh.count; i++)
		if (d->mesh.np[i].col > max)
			max = d->mesh.np[i].col;
	return max;
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
	if (p->pass_count > AKC_MAX_PASSES || (p->pass_count && !p->passes))
		return refuse(v, -EINVAL, "number of passes");
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
	if (v->pass)
		return refuse(v, -EILSEQ, "packet for the HRC in a pass that gets no image");
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
		u64 blocks = AKC_NPR_REG11_CHANNELS(reg[AKC_NPR_REG11]);
		u32 planes = AKC_NPR_REG4_W_BITS(reg[AKC_NPR_REG4]) == 2 ? 3 : 1;

		/* Its weights are at the address of this number: the one it has by its place. */
		v->word = at + AKC_NPR_REG2;
		if (AKC_NPR_REG2_FNP2_ID(reg[AKC_NPR_REG2]) != np->id || np->id >= AKC_MAX_FNP2)
			return refuse(v, -EILSEQ, "number of the FNP2");
		v->external_need[np->id] = AKC_PKT_HEADER_WORDS +
					   AKC_NPR_FNP2_NEURONS(reg[AKC_NPR_FNP2]) * (4 + 4 * planes * blocks);
		v->word = at - AKC_PKT_HEADER_WORDS;
	} else if (fnp ? !(np->types & AKC_NP_FNP3) : !(np->types & (AKC_NP_CNP1 | AKC_NP_CNP2))) {
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

/*
 * Weights that stay in device memory: one packet for an FNP2, whose header's length is not looked at
 * by anybody, as it may not hold it. Each FNP2 has one address, so only one pass can use it.
 */
static int verify_external(struct verify *v)
{
	const struct akc_track *t = &v->p->tracks[v->track];
	const struct akc_np *np;
	u32 w0;

	v->word = 0;
	if (t->word_off > v->p->image_words || t->words > v->p->image_words - t->word_off)
		return refuse(v, -EILSEQ, "track outside the program");
	if (t->words <= AKC_PKT_HEADER_WORDS || t->words > AKC_PKT_HEADER_WORDS + FNP2_WORDS)
		return refuse(v, -EILSEQ, "words of external weights");
	w0 = v->p->image[t->word_off];
	if ((w0 & AKC_PKT_RESERVED0) || AKC_PKT_HRC(w0) || AKC_PKT_UID(w0) != AKC_UID_FNP_WEIGHT ||
	    !one_bit(AKC_PKT_DST(w0)))
		return refuse(v, -EILSEQ, "external weights begin with another packet's header");
	np = akc_mesh_find(&v->d->mesh, (u8)AKC_PKT_COL(w0), (u8)AKC_PKT_ROW(w0),
			   bit_index(AKC_PKT_DST(w0)));
	if (!np || !(np->types & AKC_NP_FNP2) || np->id >= AKC_MAX_FNP2)
		return refuse(v, -EILSEQ, "external weights for an NP without FNP2");
	if (v->external_seen[np->id])
		return refuse(v, -EILSEQ, "external weights for one FNP2 twice");
	v->external_seen[np->id] = true;
	v->external_have[np->id] = t->words;
	return 0;
}

/* What can only be said at the end of a pass; it has begun with outputs and external words at 0. */
static int verify_pass_end(struct verify *v)
{
	bool last = v->pass + 1 == akc_pass_count(v->p);
	u32 i;

	v->word = 0;
	for (i = 0; i < AKC_MAX_FNP2; i++)
		if (v->external_need[i] > v->external_have[i])
			return refuse(v, -EILSEQ, "FNP2 reads more external weights than there are");
	if (!v->pass && !v->hrc)
		return refuse(v, -EILSEQ, "dense input but no packet for the HRC");
	if (!v->outputs)
		return refuse(v, -EILSEQ, "no layer sends to the DMA");
	if (last && v->outputs > v->p->out_count)
		return refuse(v, -EILSEQ, "more outputs than declared");
	if (!last && v->outputs > PASS_VALUES_MAX)
		return refuse(v, -EOPNOTSUPP, "too many values between two passes");
	return 0;
}

/* v->track: the first track of the pass; afterwards the one behind it. */
static int verify_pass(struct verify *v)
{
	u32 first = v->track, count, external, i;
	int err = 0;

	v->outputs = 0;
	memset(v->external_need, 0, sizeof(v->external_need));
	memset(v->external_have, 0, sizeof(v->external_have));
	if (v->p->pass_count) {
		const struct akc_pass *pass = &v->p->passes[v->pass];

		if (!pass->tracks || pass->tracks > v->p->track_count - first ||
		    pass->external >= pass->tracks)
			return refuse(v, -EINVAL, "tracks of a pass");
	}
	akc_pass_tracks(v->p, v->pass, &first, &count, &external);
	for (i = 0; !err && i < count + external; i++) {
		err = i < count ? verify_track(v) : verify_external(v);
		if (!err)
			v->track++;
	}
	return err ? err : verify_pass_end(v);
}

u32 akc_pass_count(const struct akc_program *p)
{
	return p->pass_count ? p->pass_count : 1;
}

void akc_pass_tracks(const struct akc_program *p, u32 pass, u32 *first, u32 *count, u32 *external)
{
	u32 i;

	*first = 0;
	*count = p->track_count;
	*external = 0;
	if (!p->pass_count)
		return;
	for (i = 0; i < pass; i++)
		*first += p->passes[i].tracks;
	*external = p->passes[pass].external;
	*count = p->passes[pass].tracks - *external;
}

/* Tracks of the largest pass, without external ones. */
u32 akc_pass_most(const struct akc_program *p)
{
	u32 most = 0, pass, first, count, external;

	for (pass = 0; pass < akc_pass_count(p); pass++) {
		akc_pass_tracks(p, pass, &first, &count, &external);
		if (count > most)
			most = count;
	}
	return most;
}

u32 akc_pass_values(const struct akc_dev *d, const struct akc_program *p)
{
	struct verify v = { .d = d, .p = p, .max_col = max_col(d) };
	u32 most = 0;

	for (v.pass = 0; v.pass + 1 < akc_pass_count(p); v.pass++) {
		if (verify_pass(&v))
			return 0;
		if (v.outputs > most)
			most = (u32)v.outputs;
	}
	return most;
}

/* The configuration ring of several passes holds as many descriptors for each as the largest needs. */
static int verify_descriptors(struct verify *v)
{
	u32 passes = akc_pass_count(v->p), most = akc_pass_most(v->p);

	if (passes > 1 && passes * most > AKC_RING_MAX)
		return refuse(v, -EOPNOTSUPP, "too many tracks for the configuration ring");
	return 0;
}

int akc_verify(const struct akc_dev *d, const struct akc_program *p, struct akc_verify_result *res)
{
	struct verify v = { .d = d, .p = p, .res = res, .max_col = max_col(d) };
	int err;

	if (res) {
		res->track = 0;
		res->word = 0;
		res->what = NULL;
	}
	err = verify_fields(&v);
	for (v.pass = 0; !err && v.pass < akc_pass_count(p); v.pass++)
		err = verify_pass(&v);
	if (!err && v.track != p->track_count)
		err = refuse(&v, -EINVAL, "tracks that are in no pass");
	if (!err)
		err = verify_descriptors(&v);
	return err ? err : verify_epg(&v);
}
