/* SPDX-License-Identifier: MIT */
/*
 * What a program contains, read from its packets alone: layers, NPs, dimensions, and how sure each encoding is (rule
 * table in layer/encoding.h). Anything the table does not cover - a UID, a register, a field value - makes the layer
 * "unknown" and is named. Metadata of an .akp gives names and may only weaken a tag.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/encoding.h"
#include "program/packet.h"
#include "program/program.h"

#define MAX_LAYERS 512u
#define MAX_NPS 4096u /* of all passes */
#define PASS_IDS 256u /* layer ids begin anew in every pass */
#define REGISTERS 64u
#define HRC_WORDS 0x48u
#define NO_ID UINT32_MAX /* packets that no register block claims */

struct np {
	uint32_t pass, col, row, dst, layer;
	uint32_t external; /* words of weights in memory: an FNP2 */
	uint32_t reg[REGISTERS];
	uint32_t filter_words; /* of the UID 0 packet at line 0 */
	uint32_t thresholds;   /* words of UID 4 packets */
};

struct scan {
	struct akida_program *p;
	struct akida_program_layer *layers;
	uint32_t layer_count;
	struct np *nps;
	uint32_t np_count;
	uint32_t hrc[HRC_WORDS];
	bool hrc_set[HRC_WORDS];
	uint32_t hrc_layer;
	bool akd1000;
	uint32_t pass;
};

static const struct {
	const char *id;
	enum akida_tag tag;
} rules[] = {
#define RULE(sym, id, tag, text) {id, AKIDA_TAG_##tag},
	AK_ENCODING_RULES(RULE)
#undef RULE
};

/* The weakest tag wins; among equals the first one that was met. */
static void weaken(struct akida_program_layer *l, enum akida_tag tag, const char *rule)
{
	if (l->tag_rule[0] && tag <= l->tag)
		return;
	l->tag = tag;
	snprintf(l->tag_rule, sizeof(l->tag_rule), "%s", rule);
}

static void apply(struct akida_program_layer *l, enum ak_encoding_rule rule)
{
	weaken(l, rules[rule].tag, rules[rule].id);
}

static void unknown(struct akida_program_layer *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void unknown(struct akida_program_layer *l, const char *fmt, ...)
{
	char text[40], rule[48];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(rule, sizeof(rule), "unknown.%s", text);
	weaken(l, AKIDA_TAG_UNKNOWN, rule);
}

static struct akida_program_layer *get_layer(struct scan *s, uint32_t id, bool hrc, uint32_t *index)
{
	struct akida_program_layer *l;

	for (uint32_t i = 0; i < s->layer_count; i++) {
		if (s->layers[i].id == id && (s->hrc_layer == i) == hrc) {
			*index = i;
			return &s->layers[i];
		}
	}
	if (s->layer_count == MAX_LAYERS)
		return NULL;
	*index = s->layer_count++;
	l = &s->layers[*index];
	l->size = sizeof(*l);
	l->id = id;
	l->type_name = hrc ? "InputConv." : "unknown";
	if (id == NO_ID)
		snprintf(l->name, sizeof(l->name), "unassigned");
	else
		snprintf(l->name, sizeof(l->name), "layer_%u", id);
	if (hrc)
		s->hrc_layer = *index;
	return l;
}

static int scan_hrc(struct scan *s, const struct ak_packet *k)
{
	uint32_t index;
	struct akida_program_layer *l = get_layer(s, 0, true, &index);

	if (!l)
		return -EILSEQ;
	l->packets++;
	l->words += 2 + k->words;
	s->p->hrc = 1;
	if (k->uid == AK_UID_FILTER && k->start == AK_HRC_FILTER_START)
		return 0;
	if (k->uid != AK_UID_REGISTER) {
		unknown(l, "hrc-uid-%u", k->uid);
		return 0;
	}
	for (uint32_t i = 0; i < k->words; i++) {
		uint32_t w = k->start + i;

		if (w >= HRC_WORDS) {
			unknown(l, "hrc-word-0x%x", w);
			break;
		}
		if (!s->hrc_set[w])
			s->hrc[w] = ak_packet_word(k, i); /* the mode as it was while loading: first write */
		s->hrc_set[w] = true;
	}
	return 0;
}

static struct np *get_np(struct scan *s, const struct ak_packet *k)
{
	struct np *n;

	for (uint32_t i = 0; i < s->np_count; i++) {
		n = &s->nps[i];
		if (n->pass == s->pass && n->col == k->col && n->row == k->row && n->dst == k->dst)
			return n;
	}
	if (s->np_count == MAX_NPS)
		return NULL;
	n = &s->nps[s->np_count++];
	n->pass = s->pass;
	n->col = k->col;
	n->row = k->row;
	n->dst = k->dst;
	n->layer = MAX_LAYERS;
	return n;
}

static int scan_np(struct scan *s, const struct ak_packet *k)
{
	struct np *n = get_np(s, k);
	struct akida_program_layer *l;
	bool fresh;

	if (!n)
		return -EILSEQ;
	if (k->uid == AK_UID_REGISTER)
		for (uint32_t i = 0; i < k->words && k->start + i < REGISTERS; i++)
			n->reg[k->start + i] = ak_packet_word(k, i);
	fresh = n->layer == MAX_LAYERS;
	if (fresh) {
		bool claimed = k->uid == AK_UID_REGISTER && k->start == 0 && k->words > AK_NP_REG4 / 4;

		l = get_layer(s, claimed ? AK_REG4_LAYER(n->reg[AK_NP_REG4 / 4]) + PASS_IDS * s->pass : NO_ID, false,
			      &n->layer);
		if (!l) {
			n->layer = MAX_LAYERS;
			return -EILSEQ;
		}
		l->nps++;
		if (!claimed)
			unknown(l, "packet-before-registers");
	}
	l = &s->layers[n->layer];
	l->packets++;
	l->words += 2 + k->words;
	if (ak_packet_np(k) < 0)
		unknown(l, "destination-0x%x", k->dst);
	if (k->xl)
		unknown(l, "xl-packet");
	if (k->uid == AK_UID_REGISTER) {
		if (!fresh)
			unknown(l, "second-register-packet");
		else if (k->start || k->words != AK_NP_BLOCK_WORDS)
			unknown(l, "register-block-%u-words", k->words);
	} else if (k->uid == AK_UID_FILTER) {
		if (!k->start)
			n->filter_words = k->words;
	} else if (k->uid == AK_UID_THRESHOLD) {
		n->thresholds += k->words;
		if (k->start)
			unknown(l, "threshold-address");
	} else if (k->uid != AK_UID_FNP_WEIGHT) {
		unknown(l, "uid-%u", k->uid);
	}
	return 0;
}

/* Bits of mask have this value in every decoded block of the kind; the other bits are fields. Unlisted: all zero. */
struct constant {
	uint32_t offset, mask, value;
};

static const struct constant cnp_constants[] = {
	{AK_NP_REG2, ~0u, 0x60},
	{AK_NP_REG4, 0x00004cc0, 0},
	{AK_NP_REG5, 0xfffc0000, 0x80000000},
	{AK_NP_REG6, ~0u, 0x04040000},
	{AK_NP_REG8, 0x0800f800, 0},
	{AK_NP_REG9, 0xe000e000, 0},
	{AK_NP_REG10, 0xf800f800, 0},
	{AK_NP_REG11, 0xffc00f00, 0},
	{AK_NP_REG12, ~0u, 0x52000000},
	{AK_NP_REG13, ~0u, 0x10},
	{AK_NP_CNP1, 0xfffffe80, 0x30000000},
	{AK_NP_CNP2, 0xfffff800, 0},
	{AK_NP_CNP3, 0xc000ffff, 0},
	{AK_NP_CNP4, 0xf000f000, 0},
	{AK_NP_CNP5, 0xff00fc00, 0},
	{AK_NP_CNP6, 0xf800f800, 0},
	{AK_NP_CNP7, 0xffff0e88, 0},
	{AK_NP_CNP8, 0xfe00c000, 0},
	{AK_NP_CNP9, 0xff00ffff, 0},
	{AK_NP_LEARN2, ~0u, 0xff000000},
	{AK_NP_MM1, 0, 0},
	{AK_NP_MM2, 0, 0},
	{AK_NP_MM3, 0, 0},
	{AK_NP_MM4, 0xffff0000, 0},
};

static const struct constant fnp_constants[] = {
	{AK_NP_REG2, 0xfff0ffff, 0x01500070},
	{AK_NP_REG4, 0x00004f4c, 0},
	{AK_NP_REG6, ~0u, 0x04040000},
	{AK_NP_REG10, 0xf800f800, 0},
	{AK_NP_REG11, 0xc0000fff, 0},
	{AK_NP_REG12, ~0u, 0x52000000},
	{AK_NP_REG13, ~0u, 0x10},
	{AK_NP_FNP1, 0xfffc0000, 0x80000000},
	{AK_NP_FNP2, 0xfffe0000, 0},
	{AK_NP_FNP3, 0xfffc0000, 0},
	{AK_NP_FNP4, 0xff000000, 0},
	{AK_NP_LEARN2, ~0u, 0xff000000},
	{AK_NP_MM1, 0, 0},
	{AK_NP_MM2, 0, 0},
	{AK_NP_MM3, 0, 0},
	{AK_NP_MM4, 0xffff0000, 0},
};

static void check_constants(struct akida_program_layer *l, const struct np *n, const struct constant *c, size_t count)
{
	for (uint32_t w = 0; w < REGISTERS; w++) {
		const char *name = ak_np_register_name(4 * w);
		uint32_t mask = ~0u, value = 0;

		for (size_t i = 0; i < count; i++) {
			if (c[i].offset == 4 * w) {
				mask = c[i].mask;
				value = c[i].value;
			}
		}
		if ((n->reg[w] & mask) == value)
			continue;
		if (name)
			unknown(l, "%s-0x%08x", name, n->reg[w]);
		else
			unknown(l, "register-0x%02x", 4 * w);
	}
}

/* Positions the decoded AKD1500 programs use (KWS, VWW, presence). */
static bool place_seen(const struct np *n, bool fully)
{
	if (fully)
		return n->col == 1 && n->row == 3 && n->dst == 1;
	if (n->dst == 1)
		return false;
	return (n->col == 1 && (n->row == 2 || n->row == 3)) || (n->col == 2 && n->row >= 1 && n->row <= 3) ||
	       (n->col == 3 && n->row == 1 && n->dst == 2);
}

static void check_route(const struct scan *s, struct akida_program_layer *l, const struct np *n, bool fully)
{
	uint32_t mm1 = n->reg[AK_NP_MM1 / 4], mm2 = n->reg[AK_NP_MM2 / 4];
	bool last = mm2 >> 24 == AK_LAYER_ID_DMA;

	if (s->p->head.passes > 1) {
		apply(l, AK_ENC_PASSES);
		mm1 &= last ? ~AK_NP_MM1_END_OF_PASS : ~0u;
	}
	if (mm1 != (last ? AK_NP_MM1_TO_DMA : 0xff080000u))
		unknown(l, "MM1-0x%08x", mm1);
	if (last && (mm2 & 0x00ff0000u) != 0x00100000u)
		unknown(l, "MM2-0x%08x", mm2);
	if (!s->akd1000 && (!place_seen(n, fully) || (last && mm2 != 0xff100101u)))
		apply(l, AK_ENC_NP_PLACE);
	if (!last || n->pass + 1 < s->p->head.passes)
		return;
	if (n->reg[AK_NP_REG4 / 4] & AK_REG4_QUANTIZE)
		apply(l, AK_ENC_OUTPUT_ACT);
	else if (!fully)
		apply(l, AK_ENC_CNP_OUTPUT);
	if (l->nps > 1)
		apply(l, AK_ENC_OUTPUT_SPLIT);
}

/* Input channels of a standard convolution from the size of its filter packet: 2 * C * L words (24.1). */
static uint32_t standard_channels(const struct np *n, uint32_t filters)
{
	uint32_t lines = (6 * ((filters + 7) / 8) + 15) / 16 * 16;

	return filters ? n->filter_words / 2 / lines : 0;
}

static uint32_t pooled(uint32_t n, uint32_t size, uint32_t stride, bool cut)
{
	if (cut)
		return (n + stride - 1) / stride;
	return n < size ? 0 : (n - size) / stride + 1;
}

static void describe_cnp(const struct scan *s, struct akida_program_layer *l, const struct np *n)
{
	uint32_t reg4 = n->reg[AK_NP_REG4 / 4], cnp5 = n->reg[AK_NP_CNP5 / 4], cnp7 = n->reg[AK_NP_CNP7 / 4];
	uint32_t filters = n->reg[AK_NP_CNP6 / 4] >> 16 & 0x7ff, first = n->reg[AK_NP_CNP6 / 4] & 0x7ff;
	uint32_t w = cnp5 & 0x3ff, h = cnp5 >> 16 & 0xff, low = reg4 & 0xffff;
	uint32_t size = AK_CNP7_POOL_SIZE(cnp7), stride = AK_CNP7_POOL_STRIDE(cnp7);
	bool separable = reg4 & AK_REG4_SEPARABLE, potentials = !(reg4 & AK_REG4_QUANTIZE);

	check_constants(l, n, cnp_constants, sizeof(cnp_constants) / sizeof(cnp_constants[0]));
	check_route(s, l, n, false);
	l->type_name = separable ? "Sep.Conv." : "Conv.";
	l->kernel_h = l->kernel_w = 3;
	l->in_c = separable ? n->filter_words / 2 : standard_channels(n, filters);
	h += n->reg[AK_NP_CNP4 / 4] >> 16;
	w += n->reg[AK_NP_CNP4 / 4] & 0xfff;
	l->out_h = h > l->out_h ? h : l->out_h;
	l->out_w = w > l->out_w ? w : l->out_w;
	l->out_c = first + filters > l->out_c ? first + filters : l->out_c;
	if (n->thresholds != 2 * filters)
		unknown(l, "threshold-count-%u", n->thresholds / 2);

	apply(l, separable ? AK_ENC_CNP_SEP3 : AK_ENC_CNP_STD3);
	if (potentials)
		low |= 0xa000; /* quantize flag and output bits are cleared together */
	if ((potentials && reg4 & 0x3000) || !(reg4 & AK_REG4_SIGN_MAGNITUDE) == !separable)
		unknown(l, "REG4-0x%08x", reg4);
	if ((low & 0x3003) != 0x2002 || AK_REG4_W_BITS(reg4) != (separable ? 2u : 0u) ||
	    AK_REG4_PW_BITS(reg4) != (separable ? 2u : 0u))
		apply(l, AK_ENC_BITS_CODE);
	if (cnp7 & AK_CNP7_GLOBAL)
		apply(l, separable ? AK_ENC_CNP_GAP : AK_ENC_CNP_GAP_STD);
	if (size != 1 || stride != 1)
		apply(l, AK_ENC_CNP_POOL);
	if (n->reg[AK_NP_REG9 / 4] & (AK_REG9_I_STRIDE_OFFSET | AK_REG9_J_STRIDE_OFFSET))
		apply(l, AK_ENC_CNP_STRIDE2_ODD);
	if (separable && n->reg[AK_NP_CNP3 / 4] >> 16 != l->in_c)
		apply(l, AK_ENC_CNP_PW_START);
}

/* Pooling is known per layer once all its parts have been added up. */
static void pool_layer(struct akida_program_layer *l, const struct np *n)
{
	uint32_t cnp7 = n->reg[AK_NP_CNP7 / 4], size = AK_CNP7_POOL_SIZE(cnp7), stride = AK_CNP7_POOL_STRIDE(cnp7);

	if (cnp7 & AK_CNP7_GLOBAL) {
		l->out_h = l->out_w = 1;
	} else if (size > 1 && stride) {
		l->out_h = pooled(l->out_h, size, stride, cnp7 & AK_CNP7_PAD_BOTTOM);
		l->out_w = pooled(l->out_w, size, stride, cnp7 & AK_CNP7_PAD_RIGHT);
	}
}

static void describe_fnp(const struct scan *s, struct akida_program_layer *l, const struct np *n)
{
	uint32_t reg4 = n->reg[AK_NP_REG4 / 4], blocks = n->reg[AK_NP_REG11 / 4] >> 12;

	check_constants(l, n, fnp_constants, sizeof(fnp_constants) / sizeof(fnp_constants[0]));
	check_route(s, l, n, true);
	l->type_name = "Fully.";
	l->out_h = l->out_w = 1;
	l->out_c += n->reg[AK_NP_FNP2 / 4];
	if (n->external)
		apply(l, AK_ENC_FNP2);
	else
		apply(l, blocks == 1 && n->reg[AK_NP_REG10 / 4] == 0x00010001 ? AK_ENC_FNP3_64 : AK_ENC_FNP3_N);
	if (n->reg[AK_NP_FNP4 / 4] != AK_FNP4_WORDS(n->reg[AK_NP_FNP2 / 4] * (4 + 12 * blocks)) ||
	    (!n->external && AK_NP_REG2_FNP2_ID(n->reg[AK_NP_REG2 / 4])))
		unknown(l, "FNP4-0x%08x", n->reg[AK_NP_FNP4 / 4]);
	if (reg4 & AK_REG4_QUANTIZE || n->thresholds)
		apply(l, AK_ENC_FNP3_ACT);
	if (AK_REG4_IN_BITS(reg4) != 2 || AK_REG4_W_BITS(reg4) != 2 ||
	    (reg4 & AK_REG4_QUANTIZE && AK_REG4_OUT_BITS(reg4) != 2))
		apply(l, AK_ENC_BITS_CODE);
	if (!(reg4 & AK_REG4_NEGATIVE))
		unknown(l, "REG4-0x%08x", reg4);
}

static void describe_hrc(struct scan *s, struct akida_program_layer *l)
{
	static const uint32_t words[] = {0x00, 0x04, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x20, 0x21, 0x40};
	uint32_t mode = s->hrc[AK_HRC_WORD_MODE], pad = s->hrc[AK_HRC_WORD_PADDING], out = s->hrc[AK_HRC_WORD_OUTPUT];
	uint32_t filters = (s->hrc[AK_HRC_WORD_FILTERS] >> 16) + 1, channels = s->hrc[AK_HRC_WORD_CHANNELS];
	uint32_t stride = AK_HRC_MODE_STRIDE(mode), k = mode & AK_HRC_MODE_5X5 ? 5 : 3;
	uint32_t h = s->p->head.in_dims[0] + (pad & 15) + (pad >> 4 & 15);
	uint32_t w = s->p->head.in_dims[1] + (pad >> 8 & 15) + (pad >> 12 & 15);
	uint32_t pool_h = AK_HRC_OUT_POOL_H(out), pool_w = AK_HRC_OUT_POOL_W(out);
	uint32_t word44 = s->hrc[AK_HRC_WORD_UNNAMED44];
	bool one = channels == 1;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!s->hrc_set[words[i]])
			unknown(l, "hrc-word-0x%x-not-written", words[i]);
	for (uint32_t i = 0; i < HRC_WORDS; i++) {
		bool known = (i >= 0x0d && i <= 0x0f && !s->hrc[i]) || i == AK_HRC_WORD_UNNAMED44;

		for (size_t j = 0; j < sizeof(words) / sizeof(words[0]); j++)
			known |= i == words[j];
		if (s->hrc_set[i] && !known)
			unknown(l, "hrc-word-0x%x", i);
	}
	l->kernel_h = l->kernel_w = k;
	l->in_c = channels;
	l->out_c = filters;
	if (stride && h >= k && w >= k) {
		l->out_h = (h - k) / stride + 1;
		l->out_w = (w - k) / stride + 1;
	}
	if (pool_h && pool_w) {
		l->out_h = (l->out_h + pool_h - 1) / pool_h;
		l->out_w = (l->out_w + pool_w - 1) / pool_w;
	}
	/* word 4 and the channel bit of the mode say the same thing about the channels */
	if ((channels != 1 && channels != 3) || s->hrc[AK_HRC_WORD_PRECONF] != (one ? 0x18u : 0x10u) ||
	    !(mode & AK_HRC_MODE_ONE_CHANNEL) != !one)
		unknown(l, "hrc-channels-%u", channels);
	if (mode & ~(AK_HRC_MODE_LOADING | AK_HRC_MODE_5X5 | 0x300u | AK_HRC_MODE_ONE_CHANNEL) || !stride)
		unknown(l, "hrc-mode-0x%x", mode);
	if (pad >> 16)
		unknown(l, "hrc-padding-0x%x", pad);
	if (one)
		apply(l, AK_ENC_HRC_1CH_S2);
	else if (k == 3)
		apply(l, AK_ENC_HRC_3CH_S2);
	else
		unknown(l, "hrc-3-channels-5x5");
	/* the three combinations of word 0x44 that were seen */
	if (!(one && k == 3 && filters == 16 && word44 == 0x00200002u) &&
	    !(one && k == 5 && filters == 64 && word44 == 0x00c0000cu) &&
	    !(!one && filters == 8 && !s->hrc_set[AK_HRC_WORD_UNNAMED44]))
		apply(l, AK_ENC_HRC_WORD44_GUESS);
	if (!pad)
		apply(l, AK_ENC_HRC_VALID);
	if (stride != 2)
		apply(l, AK_ENC_HRC_STRIDE);
	if (out != 0x22)
		apply(l, AK_ENC_HRC_OUTPUT);
	if ((out & 0xffff0030u) != AK_HRC_OUT_CONST || out & 0x00ccu)
		unknown(l, "hrc-output-0x%x", out);
}

/* How a layer's NPs share the work: by rows (CNP4 differs), by filters (CNP6 differs), or both. */
static void check_split(const struct scan *s, struct akida_program_layer *l, uint32_t index)
{
	const struct np *first = NULL;
	bool rows = false, filters = false, columns = false, neurons = false;

	for (uint32_t i = 0; i < s->np_count; i++) {
		const struct np *n = &s->nps[i];
		uint32_t said = AK_REG4_NPS(n->reg[AK_NP_REG4 / 4]);

		if (n->layer != index)
			continue;
		if (said != l->nps)
			unknown(l, "REG4-np-count-%u", said);
		if (!first)
			first = n;
		columns |= n->col != first->col;
		rows |= n->reg[AK_NP_CNP4 / 4] >> 16 != first->reg[AK_NP_CNP4 / 4] >> 16;
		neurons |= n->reg[AK_NP_FNP3 / 4] != first->reg[AK_NP_FNP3 / 4];
		filters |= (n->reg[AK_NP_CNP6 / 4] & 0x7ff) != (first->reg[AK_NP_CNP6 / 4] & 0x7ff);
	}
	if (l->nps < 2)
		return;
	if (neurons) {
		apply(l, AK_ENC_FNP3_SPLIT);
		return;
	}
	if (!rows && !filters)
		unknown(l, "split-of-%u-nps", l->nps);
	if (columns || (rows && (filters || l->nps > 2)))
		apply(l, AK_ENC_CNP_SPLIT_WIDE);
	if (rows)
		apply(l, AK_ENC_CNP_SPLIT_ROWS);
	if (filters)
		apply(l, AK_ENC_CNP_SPLIT_FILTERS);
	if (rows && AK_CNP7_POOL_SIZE(first->reg[AK_NP_CNP7 / 4]) > 1)
		apply(l, AK_ENC_CNP_SPLIT_POOL);
}

static void use_meta(struct scan *s)
{
	const struct akida_program *p = s->p;

	for (uint32_t i = 0; i < s->layer_count; i++) {
		struct akida_program_layer *l = &s->layers[i];

		for (uint32_t k = 0; k < p->meta_count; k++) {
			const struct ak_program_layer_meta *m = &p->meta[k];

			if (m->id != l->id)
				continue;
			if (m->name[0])
				snprintf(l->name, sizeof(l->name), "%.63s", m->name);
			if (m->tag > l->tag)
				weaken(l, (enum akida_tag)m->tag, m->tag_rule);
			break;
		}
	}
}

static void describe_layers(struct scan *s)
{
	for (uint32_t i = 0; i < s->np_count; i++) {
		const struct np *n = &s->nps[i];
		struct akida_program_layer *l = &s->layers[n->layer];

		if (l->id == NO_ID)
			continue;
		if (n->reg[AK_NP_REG2 / 4] & 0x10)
			describe_fnp(s, l, n);
		else
			describe_cnp(s, l, n);
	}
	for (uint32_t i = 0; i < s->layer_count; i++) {
		struct akida_program_layer *l = &s->layers[i];

		if (i == s->hrc_layer)
			describe_hrc(s, l);
		else if (l->id != NO_ID)
			check_split(s, l, i);
		for (uint32_t k = 0; k < s->np_count; k++) {
			if (s->nps[k].layer == i && !(s->nps[k].reg[AK_NP_REG2 / 4] & 0x10)) {
				pool_layer(l, &s->nps[k]);
				break;
			}
		}
		if (!strcmp(l->type_name, "Fully."))
			l->in_c = i ? s->layers[i - 1].out_h * s->layers[i - 1].out_w * s->layers[i - 1].out_c
				    : s->p->head.in_dims[0] * s->p->head.in_dims[1] * s->p->head.in_dims[2];
		if (s->akd1000)
			apply(l, AK_ENC_AKD1000_OUTPUT);
	}
}

static int scan_track(struct scan *s, uint32_t t, const char *name, struct akida_diag *diag)
{
	const uint32_t *track = ak_program_track(s->p, t);
	uint32_t pos = 0;
	struct ak_packet k;
	int got;

	while ((got = ak_packet_next(track, s->p->head.tracks[t].words, &pos, &k)) > 0) {
		s->p->packets++;
		if (k.hrc ? scan_hrc(s, &k) : scan_np(s, &k))
			return ak_fail(diag, -EILSEQ, AK_RULE_PROGRAM_PACKET, name,
				       "configures more NPs or layers than exist");
	}
	if (got < 0)
		return ak_fail(diag, got, AK_RULE_PROGRAM_PACKET, name,
			       "the packet at word %u of track %u runs past the end of the track", pos, t);
	return 0;
}

/* One packet whose header says whose weights they are; its length field may be too small for them. */
static int scan_external(struct scan *s, uint32_t t, const char *name, struct akida_diag *diag)
{
	const uint32_t *track = ak_program_track(s->p, t), words = s->p->head.tracks[t].words;

	for (uint32_t i = 0; i < s->np_count && words > 2; i++) {
		struct np *n = &s->nps[i];

		if (n->pass != s->pass || n->col != AK_PKT_COL(track[0]) || n->row != AK_PKT_ROW(track[0]) ||
		    n->dst != AK_PKT_DST(track[0]))
			continue;
		n->external = words;
		s->p->packets++;
		s->layers[n->layer].packets++;
		s->layers[n->layer].words += words;
		return 0;
	}
	return ak_fail(diag, -EILSEQ, AK_RULE_PROGRAM_PACKET, name,
		       "the external weights of track %u are no NP's of their pass", t);
}

int ak_program_describe(struct akida_program *p, const char *name, struct akida_diag *diag)
{
	struct scan s = {.p = p, .hrc_layer = UINT32_MAX, .akd1000 = p->head.device_version[1] == 0};
	int err = 0;

	if (!p->program_bytes)
		return 0;
	s.layers = calloc(MAX_LAYERS, sizeof(*s.layers));
	s.nps = calloc(MAX_NPS, sizeof(*s.nps));
	if (!s.layers || !s.nps) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for layers");
		goto free_parts;
	}
	for (uint32_t t = 0; t < p->head.track_count && !err; t++) {
		s.pass = p->head.tracks[t].pass;
		err = p->head.tracks[t].external ? scan_external(&s, t, name, diag) : scan_track(&s, t, name, diag);
	}
	if (err)
		goto free_parts;
	p->nps = s.np_count;
	describe_layers(&s);
	use_meta(&s);
	p->layers = s.layers;
	p->layer_count = s.layer_count;
	s.layers = NULL;
free_parts:
	free(s.layers);
	free(s.nps);
	return err;
}
