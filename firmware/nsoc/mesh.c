/* SPDX-License-Identifier: MIT */
/*
 * The mesh of neural processors and the HRC as configuration packets see them: who exists where (nsoc-hardware 11), what
 * a packet may write, and what a read answers (10, 12, 17.1). Nothing is interpreted here; plan.c does that.
 */
#include <string.h>
#include "firmware/nsoc/internal.h"

#define NP_VERSION 1u
#define CNP1_ONLY 1u
#define CNP1_AND_2 2u
#define LINES_PER_UNIT 8u /* start address of UID 0 */

/* ---- population ---- */

static void add_np(struct nsoc *n, uint8_t col, uint8_t row, uint8_t id, uint8_t cnp, uint8_t fnp)
{
	struct ns_np *np = &n->np[n->np_count];

	np->col = col;
	np->row = row;
	np->id = id;
	np->cnp = cnp;
	np->fnp = fnp;
	n->np_at[col][row][id] = (int8_t)n->np_count++;
}

static void add_full_node(struct nsoc *n, uint8_t col, uint8_t row)
{
	add_np(n, col, row, 0, CNP1_ONLY, NS_FNP3);
	for (uint8_t id = 1; id < 4; id++)
		add_np(n, col, row, id, CNP1_AND_2, 0);
}

void ns_mesh_populate(struct nsoc *n)
{
	memset(n->np_at, -1, sizeof(n->np_at));
	if (n->nodes) {
		uint32_t cols = ns_node_columns(n->nodes);

		for (uint8_t id = 0; id < 4; id++)
			add_np(n, 1, 2, id, CNP1_ONLY, id ? 0 : NS_FNP2);
		for (uint32_t k = 1; k < n->nodes; k++)
			add_full_node(n, (uint8_t)(1 + k % cols), (uint8_t)(2 + k / cols));
		return;
	}
	if (n->kind == NSOC_AKD1500) {
		for (uint8_t id = 0; id < 4; id++)
			add_np(n, 1, 2, id, CNP1_ONLY, id ? 0 : NS_FNP2);
		add_full_node(n, 1, 3);
		for (uint8_t col = 2; col <= 3; col++)
			for (uint8_t row = 1; row <= 3; row++)
				add_full_node(n, col, row);
		return;
	}
	add_np(n, 3, 1, 2, CNP1_ONLY, 0); /* ids 0 and 1 of that node are the event and the configuration DMA */
	add_np(n, 3, 1, 3, CNP1_ONLY, 0);
	for (uint8_t id = 0; id < 4; id++)
		add_np(n, 4, 1, id, CNP1_ONLY, NS_FNP2);
	for (uint8_t col = 1; col <= 5; col++)
		for (uint8_t row = col < 3 ? 3 : 2; row <= 5; row++)
			add_full_node(n, col, row);
}

struct ns_np *ns_mesh_np(struct nsoc *n, unsigned int col, unsigned int row, unsigned int id)
{
	int at = col < NS_GRID && row < NS_GRID && id < 4 ? n->np_at[col][row][id] : -1;

	return at < 0 ? NULL : &n->np[at];
}

static void np_reset(struct ns_np *np)
{
	if (np->line_count)
		memset(np->lines, 0, NS_LINES * sizeof(*np->lines));
	if (np->threshold_count)
		memset(np->threshold, 0, NS_THRESHOLD_WORDS * sizeof(*np->threshold));
	if (np->fnp_count)
		memset(np->fnp_weight, 0, NS_FNP_WORDS * sizeof(*np->fnp_weight));
	memset(np->reg, 0, sizeof(np->reg));
	memset(np->line_written, 0, sizeof(np->line_written));
	memset(np->threshold_written, 0, sizeof(np->threshold_written));
	np->line_count = np->threshold_count = np->fnp_count = 0;
	np->programmed = false;
}

void ns_mesh_reset(struct nsoc *n)
{
	for (unsigned int i = 0; i < n->np_count; i++)
		np_reset(&n->np[i]);
	n->config_bad = false;
	n->plan_stale = true;
}

void ns_hrc_reset(struct nsoc *n)
{
	memset(&n->hrc, 0, sizeof(n->hrc));
	n->plan_stale = true;
}

/* ---- registers ---- */

static bool np_register_known(uint32_t word)
{
	const uint32_t off = 4 * word;

	return off <= AK_NP_FNP4 || (off >= AK_NP_CNP1 && off <= AK_NP_CNP3) ||
	       (off >= AK_NP_CNP4 && off <= AK_NP_CNP9) || (off >= AK_NP_PR1 && off <= AK_NP_LEARN4) ||
	       off == AK_NP_LEARN5 || (off >= AK_NP_MM1 && off <= AK_NP_MM8) || off == AK_NP_RESET;
}

static uint32_t np_reg1(const struct ns_np *np)
{
	return NP_VERSION | (uint32_t)np->fnp << 4 | (uint32_t)np->cnp << 6 | (uint32_t)np->id << 12 |
	       (uint32_t)np->col << 16 | (uint32_t)np->row << 24;
}

static bool np_registers(struct nsoc *n, struct ns_np *np, uint32_t start, const uint32_t *v, uint32_t len)
{
	if (start >= NS_NP_REGS || len > NS_NP_REGS - start) {
		ns_report(n, NS_UNKNOWN_PACKET, "NP (%u,%u,%u): registers %u..%u do not exist", np->col, np->row,
			  np->id, start, start + len - 1);
		return false;
	}
	for (uint32_t i = 0; i < len; i++) {
		/* Blocks are written whole: zeros in the gaps between named registers mean nothing. */
		if (v[i] && !np_register_known(start + i))
			ns_report(n, NS_UNKNOWN_REGISTER, "NP (%u,%u,%u): register 0x%x written with 0x%x", np->col,
				  np->row, np->id, 4 * (start + i), v[i]);
		np->reg[start + i] = v[i];
	}
	np->programmed = true;
	if (start <= AK_NP_RESET / 4 && start + len > AK_NP_RESET / 4 && (np->reg[AK_NP_RESET / 4] & 1u))
		np_reset(np);
	return true;
}

/* HRC words whose place in the blobs is known; everything else is not. */
static bool hrc_register_known(uint32_t word)
{
	return word == AK_HRC_WORD_STROBE || word == AK_HRC_WORD_PRECONF || (word >= AK_HRC_WORD_MODE && word <= 0xf) ||
	       word == AK_HRC_WORD_BANK || word == AK_HRC_WORD_BANK + 1 || word == AK_HRC_WORD_CHANNELS ||
	       word == AK_HRC_WORD_UNNAMED44;
}

static bool hrc_registers(struct nsoc *n, uint32_t start, const uint32_t *v, uint32_t len)
{
	struct ns_hrc *h = &n->hrc;

	if (start >= NS_HRC_REGS || len > NS_HRC_REGS - start) {
		ns_report(n, NS_UNKNOWN_PACKET, "HRC words 0x%x..0x%x do not exist", start, start + len - 1);
		return false;
	}
	for (uint32_t i = 0; i < len; i++) {
		uint32_t word = start + i;

		if (!hrc_register_known(word))
			ns_report(n, NS_UNKNOWN_REGISTER, "HRC word 0x%x written with 0x%x", word, v[i]);
		if (word == AK_HRC_WORD_STROBE && h->reg[word] == 1 && v[i] == 0)
			h->armed = !(h->reg[AK_HRC_WORD_MODE] & AK_HRC_MODE_LOADING);
		h->reg[word] = v[i];
	}
	return true;
}

static int hrc_bank(uint32_t select)
{
	switch (select) {
	case 1:
		return 0;
	case 2:
		return 1;
	case 4:
		return 2;
	case 0x80000000u:
		return 3;
	default:
		return -1;
	}
}

static bool hrc_packet(struct nsoc *n, uint32_t w0, uint32_t start, const uint32_t *v, uint32_t len)
{
	struct ns_hrc *h = &n->hrc;
	int bank = hrc_bank(h->reg[AK_HRC_WORD_BANK]);

	/* Destination bits: 1 in the blobs for registers, 0 for SRAM and with newer engines. */
	if (AK_PKT_COL(w0) || AK_PKT_ROW(w0) || AK_PKT_DST(w0) > 1) {
		ns_report(n, NS_UNKNOWN_PACKET, "HRC packet 0x%08x with a mesh position", w0);
		return false;
	}
	if (AK_PKT_UID(w0) == AK_UID_REGISTER)
		return hrc_registers(n, start, v, len);
	if (AK_PKT_UID(w0) != AK_UID_FILTER) {
		ns_report(n, NS_UNKNOWN_PACKET, "HRC packet 0x%08x: target %u is not known", w0, AK_PKT_UID(w0));
		return false;
	}
	if (bank < 0 || h->reg[AK_HRC_WORD_BANK + 1] || start != AK_HRC_FILTER_START || len > NS_HRC_WORDS ||
	    !(h->reg[AK_HRC_WORD_MODE] & AK_HRC_MODE_LOADING)) {
		ns_report(n, NS_UNKNOWN_ENCODING, "HRC weights: bank 0x%x, start 0x%x, %u words, mode 0x%x",
			  h->reg[AK_HRC_WORD_BANK], start, len, h->reg[AK_HRC_WORD_MODE]);
		return false;
	}
	memcpy(h->bank[bank], v, (size_t)len * 4);
	h->count[bank] = len;
	h->armed = false;
	return true;
}

/* ---- NP memories ---- */

static bool too_far(struct nsoc *n, const struct ns_np *np, const char *what, uint32_t start, uint32_t len)
{
	ns_report(n, NS_UNKNOWN_PACKET, "NP (%u,%u,%u): %s from 0x%x, %u words: outside of its memory", np->col,
		  np->row, np->id, what, start, len);
	return false;
}

static void mark(uint64_t *bits, uint32_t first, uint32_t count, uint32_t *total)
{
	for (uint32_t i = first; i < first + count; i++) {
		uint64_t bit = 1ull << (i % 64);

		*total += !(bits[i / 64] & bit);
		bits[i / 64] |= bit;
	}
}

static bool np_filter(struct nsoc *n, struct ns_np *np, uint32_t start, const uint32_t *v, uint32_t len)
{
	uint32_t first = start * LINES_PER_UNIT, lines = len / 2;

	if (len % 2 || first > NS_LINES || lines > NS_LINES - first)
		return too_far(n, np, "weights", start, len);
	for (uint32_t i = 0; i < lines; i++)
		np->lines[first + i] = (uint64_t)v[2 * i + 1] << 32 | v[2 * i];
	mark(np->line_written, first, lines, &np->line_count);
	return true;
}

static bool np_threshold(struct nsoc *n, struct ns_np *np, uint32_t start, const uint32_t *v, uint32_t len)
{
	/* Only start 0 was ever seen, so the unit is not known. */
	if (start || len % 2 || len > NS_THRESHOLD_WORDS)
		return too_far(n, np, "thresholds", start, len);
	memcpy(np->threshold, v, (size_t)len * 4);
	mark(np->threshold_written, 0, len, &np->threshold_count);
	return true;
}

static bool np_fnp_weight(struct nsoc *n, struct ns_np *np, uint32_t start, const uint32_t *v, uint32_t len)
{
	if (!np->fnp_weight) {
		ns_report(n, NS_UNKNOWN_PACKET, "NP (%u,%u,%u) has no fully connected weights", np->col, np->row,
			  np->id);
		return false;
	}
	if (start || len > NS_FNP_WORDS)
		return too_far(n, np, "fully connected weights", start, len);
	memcpy(np->fnp_weight, v, (size_t)len * 4);
	np->fnp_count = len;
	return true;
}

static struct ns_np *addressed(struct nsoc *n, uint32_t w0)
{
	static const uint8_t id_of[16] = {4, 0, 1, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 4};

	return ns_mesh_np(n, AK_PKT_COL(w0), AK_PKT_ROW(w0), id_of[AK_PKT_DST(w0)]);
}

static bool np_packet(struct nsoc *n, uint32_t w0, uint32_t start, const uint32_t *v, uint32_t len)
{
	struct ns_np *np = addressed(n, w0);

	if (!np) {
		ns_report(n, NS_UNKNOWN_PACKET, "packet 0x%08x: no NP at column %u, row %u, mask 0x%x", w0,
			  AK_PKT_COL(w0), AK_PKT_ROW(w0), AK_PKT_DST(w0));
		return false;
	}
	switch (AK_PKT_UID(w0)) {
	case AK_UID_REGISTER:
		return np_registers(n, np, start, v, len);
	case AK_UID_FILTER:
		return np_filter(n, np, start, v, len);
	case AK_UID_THRESHOLD:
		return np_threshold(n, np, start, v, len);
	case AK_UID_FNP_WEIGHT:
		return np_fnp_weight(n, np, start, v, len);
	default:
		ns_report(n, NS_UNKNOWN_PACKET, "packet 0x%08x: target %u is not modelled", w0, AK_PKT_UID(w0));
		return false;
	}
}

/* ---- streams ---- */

static uint32_t packet_len(uint32_t w1)
{
	return AK_PKT_LEN(w1) * (AK_PKT_XL(w1) ? 16u : 1u);
}

static bool header_ok(struct nsoc *n, uint32_t w0, uint32_t w1)
{
	if (!(w0 & AKC_PKT_RESERVED0) && !(w1 & AKC_PKT_RESERVED1) && packet_len(w1) &&
	    (AK_PKT_HRC(w0) == 0 || AK_PKT_HRC(w0) == AK_PKT_HRC_ENABLE))
		return true;
	ns_report(n, NS_UNKNOWN_PACKET, "packet header 0x%08x 0x%08x", w0, w1);
	return false;
}

static bool config(struct nsoc *n, const uint32_t *words, uint32_t count)
{
	uint32_t at = 0;

	while (at < count) {
		uint32_t w0 = words[at], w1, len;

		if (count - at < 2) {
			ns_report(n, NS_UNKNOWN_PACKET, "track ends inside a packet header");
			return false;
		}
		w1 = words[at + 1];
		if (!header_ok(n, w0, w1))
			return false;
		len = packet_len(w1);
		if (len > count - at - 2) {
			ns_report(n, NS_UNKNOWN_PACKET, "packet 0x%08x of %u words: the track ends after %u", w0, len,
				  count - at - 2);
			return false;
		}
		if (AK_PKT_HRC(w0) ? !hrc_packet(n, w0, AK_PKT_START(w1), words + at + 2, len)
				   : !np_packet(n, w0, AK_PKT_START(w1), words + at + 2, len))
			return false;
		at += 2 + len;
	}
	return true;
}

void ns_mesh_config(struct nsoc *n, const uint32_t *words, uint32_t count)
{
	n->plan_stale = true;
	if (!config(n, words, count))
		n->config_bad = true;
}

uint32_t ns_mesh_read(struct nsoc *n, uint32_t w0, uint32_t w1, uint32_t *out, uint32_t max)
{
	uint32_t len = packet_len(w1), start = AK_PKT_START(w1);
	const struct ns_np *np;

	if (!header_ok(n, w0, w1))
		return 0;
	if (len > max) {
		ns_report(n, NS_UNKNOWN_PACKET, "read of %u words", len);
		return 0;
	}
	memset(out, 0, (size_t)len * 4);
	if (AK_PKT_HRC(w0)) {
		if (AK_PKT_UID(w0) != AK_UID_REGISTER || start > NS_HRC_REGS || len > NS_HRC_REGS - start)
			goto unknown;
		memcpy(out, n->hrc.reg + start, (size_t)len * 4);
		return len;
	}
	np = addressed(n, w0);
	if (!np) {
		/* Discovery asks at every position of the grid; empty ones answer with zeros. */
		uint32_t cols = AKC_MESH1_COLS(n->chip->mesh[0]), rows = AKC_MESH1_ROWS(n->chip->mesh[0]);

		if (AK_PKT_UID(w0) == AK_UID_REGISTER && !start && len == 1 && AK_PKT_COL(w0) && AK_PKT_ROW(w0) &&
		    AK_PKT_COL(w0) <= cols && AK_PKT_ROW(w0) <= rows)
			return len;
		goto unknown;
	}
	switch (AK_PKT_UID(w0)) {
	case AK_UID_REGISTER:
		if (start >= NS_NP_REGS || len > NS_NP_REGS - start)
			goto unknown;
		memcpy(out, np->reg + start, (size_t)len * 4);
		if (!start)
			out[0] = np_reg1(np);
		return len;
	case AK_UID_FILTER:
		if (len % 2 || start * LINES_PER_UNIT > NS_LINES || len / 2 > NS_LINES - start * LINES_PER_UNIT)
			goto unknown;
		for (uint32_t i = 0; i < len / 2; i++) {
			out[2 * i] = (uint32_t)np->lines[start * LINES_PER_UNIT + i];
			out[2 * i + 1] = (uint32_t)(np->lines[start * LINES_PER_UNIT + i] >> 32);
		}
		return len;
	case AK_UID_THRESHOLD:
		if (start || len > NS_THRESHOLD_WORDS)
			goto unknown;
		memcpy(out, np->threshold, (size_t)len * 4);
		return len;
	case AK_UID_FNP_WEIGHT:
		if (!np->fnp_weight || start || len > NS_FNP_WORDS)
			goto unknown;
		memcpy(out, np->fnp_weight, (size_t)len * 4);
		return len;
	default:
		break;
	}
unknown:
	ns_report(n, NS_UNKNOWN_PACKET, "read of packet 0x%08x 0x%08x", w0, w1);
	return 0;
}
