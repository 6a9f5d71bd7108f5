/* SPDX-License-Identifier: MIT */
/*
 * Follows the programmed mesh from the input DMA to the event DMA, by packets alone: HRC, first layer as the EPG
 * addresses it, each layer's NPs and their successor (MM2), up to layer 0xFF. Two grades of complaint: expect() counts a
 * constant that differs from every decoded program and goes on, demand() refuses to run a mesh that cannot be
 * understood as a network. Register rules: nsoc-hardware 12, 17, 24, and layer/encoding.h for what is ours.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/plan.h"
#include "layer/layer.h"

#define FIELD(v, low, bits) (((v) >> (low)) & ((1u << (bits)) - 1u))

struct builder {
	struct nsoc *n;
	struct ns_plan *plan;
	const struct ns_plan_for *what;
	uint32_t h, w, c, bits; /* what the layer before hands over */
	uint32_t west, east;	/* columns of its NPs; 0 when it is the HRC */
};

static bool demand_np(struct builder *b, const struct ns_np *np, bool ok, const char *what)
{
	if (!ok)
		ns_report(b->n, NS_UNKNOWN_ENCODING, "NP (%u,%u,%u): %s", np->col, np->row, np->id, what);
	return ok;
}

static bool demand(struct builder *b, bool ok, const char *what, uint32_t value)
{
	if (!ok)
		ns_report(b->n, NS_UNKNOWN_ENCODING, "%s (0x%x)", what, value);
	return ok;
}

static void expect(struct builder *b, uint32_t value, uint32_t want, const char *what)
{
	if (value != want)
		ns_report(b->n, NS_UNKNOWN_ENCODING, "%s is 0x%x, 0x%x expected", what, value, want);
}

static uint32_t reg(const struct ns_np *np, uint32_t off)
{
	return np->reg[off / 4];
}

static void expect_reg(struct builder *b, const struct ns_np *np, uint32_t off, uint32_t want)
{
	if (reg(np, off) != want)
		ns_report(b->n, NS_UNKNOWN_ENCODING, "NP (%u,%u,%u): register 0x%02x is 0x%08x, 0x%08x expected",
			  np->col, np->row, np->id, off, reg(np, off), want);
}

static uint32_t bits_of_code(uint32_t code)
{
	static const uint8_t bits[4] = {1, 2, 4, 0};

	return bits[code & 3u];
}

static struct ns_layer *add_layer(struct builder *b, enum ns_layer_kind kind, uint8_t id, unsigned int parts)
{
	struct ns_layer *l;

	if (!demand(b, b->plan->layers < NS_LAYERS_MAX, "too many layers", b->plan->layers))
		return NULL;
	l = &b->plan->layer[b->plan->layers];
	*l = (struct ns_layer){.kind = kind, .id = id, .in_h = b->h, .in_w = b->w, .in_c = b->c, .in_bits = b->bits};
	l->part = calloc(parts, sizeof(*l->part));
	if (!l->part)
		return NULL;
	l->parts = parts;
	b->plan->layers++;
	return l;
}

/* Shape after the layer, sizes of the buffers a frame needs. */
static bool finish_layer(struct builder *b, struct ns_layer *l)
{
	uint64_t pot = (uint64_t)l->conv_h * l->conv_w * l->filters, in = (uint64_t)l->in_h * l->in_w * l->in_c;

	if (!demand(b, pot && pot <= NS_MAP_MAX && in <= NS_MAP_MAX && l->out_h && l->out_w, "size of a map of layer",
		    l->id))
		return false;
	if (b->plan->potential_max < pot)
		b->plan->potential_max = (size_t)pot;
	if (b->plan->map_max < pot)
		b->plan->map_max = (size_t)pot;
	if (b->plan->map_max < in)
		b->plan->map_max = (size_t)in;
	b->h = l->out_h;
	b->w = l->out_w;
	b->c = l->filters;
	b->bits = l->out_bits;
	return true;
}

/* ---- HRC ---- */

static bool hrc_pool(struct builder *b, struct ns_layer *l, uint32_t word)
{
	uint32_t ph = AK_HRC_OUT_POOL_H(word), pw = AK_HRC_OUT_POOL_W(word);

	l->out_bits = bits_of_code(AK_HRC_OUT_BITS(word));
	if (!demand(b, (word & 0xffff00fcu) == AK_HRC_OUT_CONST && l->out_bits && ph == pw && (!ph || ph == 2),
		    "HRC output word", word))
		return false;
	l->pool = l->pool_stride = ph;
	l->out_h = ph ? ns_ceil_div(l->conv_h, ph) : l->conv_h;
	l->out_w = pw ? ns_ceil_div(l->conv_w, pw) : l->conv_w;
	return true;
}

static bool plan_hrc(struct builder *b)
{
	const struct ns_hrc *h = &b->n->hrc;
	uint32_t mode = h->reg[AK_HRC_WORD_MODE], padding = h->reg[AK_HRC_WORD_PADDING];
	uint32_t channels = h->reg[AK_HRC_WORD_CHANNELS], value = h->reg[AK_HRC_WORD_PADVALUE], extra_y, extra_x;
	struct ns_layer *l;
	bool one = mode & AK_HRC_MODE_ONE_CHANNEL;

	if (!demand(b, h->armed, "HRC not loaded, or not started after loading; mode", mode) ||
	    !demand(b, !(mode & ~(AK_HRC_MODE_ONE_CHANNEL | AK_HRC_MODE_5X5 | 0x300u)) && AK_HRC_MODE_STRIDE(mode),
		    "HRC mode", mode) ||
	    !demand(b, (channels == 1 && one) || (channels == 3 && !one && !(mode & AK_HRC_MODE_5X5)), "HRC channels",
		    channels) ||
	    !demand(b, !(padding >> 16), "HRC padding", padding) ||
	    !demand(b,
		    FIELD(value, 0, 8) == FIELD(value, 8, 8) && FIELD(value, 8, 8) == FIELD(value, 16, 8) &&
			    !(value >> 24),
		    "HRC padding value differs between channels", value))
		return false;
	expect(b, h->reg[AK_HRC_WORD_PRECONF], one ? 0x18 : 0x10, "HRC word 4");
	expect(b, h->reg[AK_HRC_WORD_UNNAMED44] >> 16, (h->reg[AK_HRC_WORD_UNNAMED44] & 0xffffu) << 4, "HRC word 0x44");
	for (uint32_t w = 0xd; w <= 0xf; w++)
		expect(b, h->reg[w], 0, "HRC word 0xd to 0xf");
	l = add_layer(b, NS_LAYER_HRC, 0, 1);
	if (!l)
		return false;
	l->kernel = mode & AK_HRC_MODE_5X5 ? 5 : 3;
	l->stride = AK_HRC_MODE_STRIDE(mode);
	l->pad_top = FIELD(padding, 0, 4);
	l->pad_left = FIELD(padding, 8, 4);
	l->pad_value = value & 0xffu;
	extra_y = l->pad_top + FIELD(padding, 4, 4);
	extra_x = l->pad_left + FIELD(padding, 12, 4);
	l->filters = (h->reg[AK_HRC_WORD_FILTERS] >> 16) + 1;
	if (!demand(b, !(h->reg[AK_HRC_WORD_FILTERS] & 0xffffu) && l->filters <= NS_HRC_WORDS / 4, "HRC filters",
		    h->reg[AK_HRC_WORD_FILTERS]) ||
	    !demand(b,
		    b->h <= AK_MAX_DIM && b->w <= AK_MAX_DIM && b->h + extra_y >= l->kernel &&
			    b->w + extra_x >= l->kernel,
		    "image too small or too large, rows", b->h))
		return false;
	l->in_c = channels;
	l->conv_h = (b->h + extra_y - l->kernel) / l->stride + 1;
	l->conv_w = (b->w + extra_x - l->kernel) / l->stride + 1;
	l->part[0] = (struct ns_part){.cut_h = b->h, .rows = l->conv_h, .filters = l->filters};
	return hrc_pool(b, l, h->reg[AK_HRC_WORD_OUTPUT]) &&
	       demand(b, ns_weights_hrc(h, channels, l->kernel, &l->part[0]),
		      "HRC weights or thresholds missing or of another size, filters", l->filters) &&
	       finish_layer(b, l);
}

/* ---- NP layers ---- */

static uint32_t fnp2_id(const struct ns_np *np)
{
	return AK_NP_REG2_FNP2_ID(reg(np, AK_NP_REG2));
}

static void expect_constants(struct builder *b, const struct ns_np *np, bool fnp)
{
	static const uint8_t zero[] = {AK_NP_REG1,   AK_NP_REG3, AK_NP_LOWPOWER, AK_NP_REG7,   AK_NP_FNP3,
				       AK_NP_PR2,    AK_NP_PR3,	 AK_NP_PR4,	 AK_NP_LEARN3, AK_NP_LEARN4,
				       AK_NP_LEARN5, AK_NP_MM5,	 AK_NP_MM6,	 AK_NP_MM7,    AK_NP_MM8};
	static const uint8_t fnp_zero[] = {AK_NP_REG5, AK_NP_REG8, AK_NP_REG9, AK_NP_CNP1, AK_NP_CNP2, AK_NP_CNP3,
					   AK_NP_CNP4, AK_NP_CNP5, AK_NP_CNP6, AK_NP_CNP7, AK_NP_CNP8, AK_NP_CNP9};
	static const uint8_t cnp_zero[] = {AK_NP_FNP1, AK_NP_FNP2, AK_NP_FNP4};

	for (size_t i = 0; i < sizeof(zero); i++)
		if (zero[i] != AK_NP_FNP3 || !fnp) /* neuron origin */
			expect_reg(b, np, zero[i], 0);
	for (size_t i = 0; fnp && i < sizeof(fnp_zero); i++)
		expect_reg(b, np, fnp_zero[i], 0);
	for (size_t i = 0; !fnp && i < sizeof(cnp_zero); i++)
		expect_reg(b, np, cnp_zero[i], 0);
	expect_reg(b, np, AK_NP_REG2,
		   !fnp			? 0x60u
		   : np->fnp == NS_FNP2 ? 0x01500070u | fnp2_id(np) << 16
					: 0x01500070u);
	expect_reg(b, np, AK_NP_REG6, 0x04040000u);
	expect_reg(b, np, AK_NP_REG12, 0x52000000u);
	expect_reg(b, np, AK_NP_REG13, 0x10u);
	expect_reg(b, np, AK_NP_LEARN2, 0xff000000u);
}

static bool np_mode_ok(struct builder *b, const struct ns_np *np)
{
	return demand_np(b, np, !reg(np, AK_NP_PR1), "partial reconfiguration is not modelled") &&
	       demand_np(b, np, !reg(np, AK_NP_LEARN1), "learning is not modelled");
}

/* Thresholds of a part whose layer quantizes, or whose sparse output compares with them. */
static bool np_thresholds(struct builder *b, const struct ns_np *np, struct ns_part *p)
{
	return demand_np(b, np, np->threshold_count == 2 * p->filters, "thresholds missing, or of another count") &&
	       demand_np(b, np, ns_thresholds(np->threshold, p->filters, 20, p), "a threshold step of 0 or below");
}

/* Input and output width of REG4; the same in all NPs of a layer (checked by the caller). */
static bool np_bits(struct builder *b, const struct ns_np *np, struct ns_layer *l, bool last)
{
	uint32_t r = reg(np, AK_NP_REG4);
	bool quantize = r & AK_REG4_QUANTIZE;

	if (!demand_np(b, np, bits_of_code(AK_REG4_IN_BITS(r)) == l->in_bits,
		       "input width differs from what arrives") ||
	    !demand_np(b, np, quantize || (last && b->what->final && !AK_REG4_OUT_BITS(r)),
		       "potentials leave a layer that is not the last"))
		return false;
	l->out_bits = quantize ? bits_of_code(AK_REG4_OUT_BITS(r)) : 0;
	return demand_np(b, np, !quantize || l->out_bits, "output width code 3");
}

static bool cnp_pool(struct builder *b, const struct ns_np *np, struct ns_layer *l, bool first)
{
	uint32_t r = reg(np, AK_NP_CNP7), size = AK_CNP7_POOL_SIZE(r), stride = AK_CNP7_POOL_STRIDE(r);
	bool global = r & AK_CNP7_GLOBAL, none = size == 1 && stride == 1;

	if (!demand_np(b, np,
		       !(r & 0xffff0e88u) && (none ? !(r & 0xf000u)
						   : (!global && (size == 2 || size == 3) && stride && stride <= size)),
		       "pooling (CNP7)"))
		return false;
	if (first) {
		l->global_pool = global;
		l->pool = none ? 0 : size;
		l->pool_stride = none ? 0 : stride;
		l->pool_top = !!(r & AK_CNP7_PAD_TOP);
		l->pool_left = !!(r & AK_CNP7_PAD_LEFT);
	}
	return demand_np(b, np,
			 l->global_pool == global && (none ? !l->pool : l->pool == size && l->pool_stride == stride) &&
				 (none || l->pool_left == !!(r & AK_CNP7_PAD_LEFT)),
			 "pooling differs between NPs of a layer");
}

/* Sizes of the pooled map: bottom and right bits of any NP say that windows may reach over the edge (Same). */
static bool pooled_size(struct builder *b, struct ns_layer *l)
{
	uint32_t bottom = 0, right = 0;

	l->out_h = l->global_pool ? 1 : l->conv_h;
	l->out_w = l->global_pool ? 1 : l->conv_w;
	if (!l->pool)
		return true;
	for (unsigned int i = 0; i < l->parts; i++) {
		bottom |= !!(reg(l->part[i].np, AK_NP_CNP7) & AK_CNP7_PAD_BOTTOM);
		right |= !!(reg(l->part[i].np, AK_NP_CNP7) & AK_CNP7_PAD_RIGHT);
	}
	if (!demand(b, l->conv_h + l->pool_top + bottom >= l->pool && l->conv_w + l->pool_left + right >= l->pool,
		    "pooling window larger than the map, layer", l->id))
		return false;
	l->out_h = (l->conv_h + l->pool_top + bottom - l->pool) / l->pool_stride + 1;
	l->out_w = (l->conv_w + l->pool_left + right - l->pool) / l->pool_stride + 1;
	return true;
}

/* The cut of one NP: which rows it owns and sees, which outputs it makes (17.6, 24.2). */
static bool cnp_geometry(struct builder *b, const struct ns_np *np, const struct ns_layer *l, struct ns_part *p)
{
	uint32_t r8 = reg(np, AK_NP_REG8), r9 = reg(np, AK_NP_REG9), r10 = reg(np, AK_NP_REG10);
	uint32_t rows = FIELD(r8, 16, 11), above = (16 - FIELD(r8, 28, 4)) & 0xfu;
	int64_t first, last;

	p->np = np;
	p->cut_y = FIELD(r9, 16, 12);
	p->cut_h = FIELD(r10, 16, 11);
	p->y0 = FIELD(reg(np, AK_NP_CNP4), 16, 12);
	p->rows = FIELD(reg(np, AK_NP_CNP5), 16, 8);
	p->f0 = FIELD(reg(np, AK_NP_CNP6), 0, 11);
	p->filters = FIELD(reg(np, AK_NP_CNP6), 16, 11);
	if (!demand_np(b, np,
		       !(r8 & 0x08000800u) && !(r9 & 0xe000e000u) && !(r10 & 0xf800f800u) &&
			       !(reg(np, AK_NP_CNP4) & 0xf000f000u) && !(reg(np, AK_NP_CNP5) & 0xff00fc00u) &&
			       !(reg(np, AK_NP_CNP6) & 0xf800f800u),
		       "bits without a name are set (REG8, REG9, REG10, CNP4, CNP5, CNP6)"))
		return false;
	if (!demand_np(b, np,
		       FIELD(r8, 0, 11) == l->in_w && !FIELD(r8, 12, 4) && FIELD(r10, 0, 11) == l->in_w &&
			       !FIELD(r9, 0, 12) && !FIELD(reg(np, AK_NP_CNP4), 0, 12),
		       "columns differ from the map, or split by columns (REG8, REG9, REG10, CNP4)") ||
	    !demand_np(b, np, p->cut_h && p->cut_y + p->cut_h <= l->in_h, "cut reaches beyond the input map") ||
	    !demand_np(b, np, above <= 1 && rows && above + rows <= p->cut_h && (p->cut_y == 0) == (above == 0),
		       "rows owned do not fit the cut (REG8, REG9, REG10)") ||
	    !demand_np(b, np,
		       FIELD(reg(np, AK_NP_CNP5), 0, 10) == l->conv_w && p->rows && p->filters &&
			       p->y0 + p->rows <= l->conv_h,
		       "output rows or columns (CNP4, CNP5, CNP6)"))
		return false;
	first = (int64_t)p->y0 * l->stride - l->pad_top;
	last = (int64_t)(p->y0 + p->rows - 1) * l->stride - l->pad_top + l->kernel - 1;
	if (first < 0)
		first = 0;
	if (last >= l->in_h)
		last = l->in_h - 1;
	return demand_np(b, np, first >= p->cut_y && last < (int64_t)p->cut_y + p->cut_h,
			 "outputs need rows outside of the cut");
}

/* Sizes that follow from others: silicon would misread its memories if they differed (24.2). */
static bool cnp_sizes(struct builder *b, const struct ns_np *np, const struct ns_layer *l, const struct ns_part *p)
{
	bool sep = l->kind == NS_LAYER_SEPARABLE;
	uint32_t rows = FIELD(reg(np, AK_NP_REG8), 16, 11), chcont = sep ? 0 : ns_standard_lines(p->filters) / 2;
	uint32_t cpk_ch = ns_ceil_div(p->cut_h, 2), cpk_i = cpk_ch * ns_ceil_div(l->in_c, 4);
	uint32_t pw = sep ? ns_ceil_div(p->filters, 12) : 0;

	return demand_np(b, np, reg(np, AK_NP_REG5) == (0x80000000u | (cpk_i * l->in_w)),
			 "potential SRAM size (REG5)") &&
	       demand_np(b, np, reg(np, AK_NP_REG11) == (4 * ns_ceil_div(rows, 4) | chcont << 12),
			 "containers (REG11)") &&
	       demand_np(b, np, reg(np, AK_NP_CNP8) == (cpk_i | cpk_ch << 16), "containers (CNP8)") &&
	       demand_np(b, np, reg(np, AK_NP_CNP9) == ns_ceil_div(p->filters, 8) << 16, "output loops (CNP9)") &&
	       demand_np(b, np, reg(np, AK_NP_CNP1) == (3u << 28 | (l->stride == 2) << 8 | pw),
			 "kernel type, stride or pointwise containers (CNP1)") &&
	       demand_np(b, np, reg(np, AK_NP_CNP2) == (sep ? 0 : p->filters), "filters (CNP2)") &&
	       demand_np(b, np, reg(np, AK_NP_CNP3) == (sep ? 8 * ns_ceil_div(l->in_c, 8) << 16 : 0),
			 "start of the pointwise weights (CNP3)");
}

static bool plan_cnp_part(struct builder *b, const struct ns_np *np, struct ns_layer *l, struct ns_part *p, bool last)
{
	bool ok;

	if (!cnp_geometry(b, np, l, p) || !cnp_sizes(b, np, l, p) || !cnp_pool(b, np, l, p == l->part) ||
	    !np_mode_ok(b, np))
		return false;
	expect_constants(b, np, false);
	ok = l->kind == NS_LAYER_SEPARABLE ? ns_weights_separable(np, l->in_c, FIELD(reg(np, AK_NP_CNP3), 16, 14), p)
					   : ns_weights_standard(np, l->in_c, p);
	(void)last;
	return demand_np(b, np, ok, "weights missing, or of another size") && np_thresholds(b, np, p);
}

/* Parts must tile the output exactly: no gap, no overlap. */
static bool tiles(struct builder *b, struct ns_layer *l)
{
	uint64_t area = 0;

	for (unsigned int i = 0; i < l->parts; i++)
		if (l->filters < l->part[i].f0 + l->part[i].filters)
			l->filters = l->part[i].f0 + l->part[i].filters;
	for (unsigned int i = 0; i < l->parts; i++) {
		const struct ns_part *p = &l->part[i];

		area += (uint64_t)p->rows * p->filters;
		l->split_filters |= p->filters != l->filters;
		for (unsigned int k = 0; k < i; k++) {
			const struct ns_part *q = &l->part[k];

			if (!demand(b,
				    p->y0 + p->rows <= q->y0 || q->y0 + q->rows <= p->y0 ||
					    p->f0 + p->filters <= q->f0 || q->f0 + q->filters <= p->f0,
				    "two NPs make the same outputs, layer", l->id))
				return false;
		}
	}
	return demand(b, area == (uint64_t)l->conv_h * l->filters, "outputs that no NP makes, layer", l->id);
}

static bool plan_cnp(struct builder *b, struct ns_np *const *np, unsigned int count, uint8_t id, bool last)
{
	uint32_t r4 = reg(np[0], AK_NP_REG4), r9 = reg(np[0], AK_NP_REG9);
	bool sep = r4 & AK_REG4_SEPARABLE;
	struct ns_layer *l;

	if (!demand_np(b, np[0], sep ? (r4 & 0x4ff8u) == 0x220u : (r4 & 0x4ff8u) == 0x008u,
		       "weight format (REG4): neither 4-bit standard nor 4-bit separable"))
		return false;
	l = add_layer(b, sep ? NS_LAYER_SEPARABLE : NS_LAYER_STANDARD, id, count);
	if (!l || !np_bits(b, np[0], l, last))
		return false;
	l->kernel = 3;
	l->stride = reg(np[0], AK_NP_CNP1) & (1u << 8) ? 2 : 1;
	l->pad_top = l->stride == 1 || (r9 & AK_REG9_J_STRIDE_OFFSET);
	l->pad_left = l->stride == 1 || (r9 & AK_REG9_I_STRIDE_OFFSET);
	if (!demand_np(b, np[0], l->stride == 2 || !(r9 & (AK_REG9_I_STRIDE_OFFSET | AK_REG9_J_STRIDE_OFFSET)),
		       "stride offset without stride (REG9)"))
		return false;
	l->conv_h = ns_ceil_div(l->in_h, l->stride);
	l->conv_w = ns_ceil_div(l->in_w, l->stride);
	for (unsigned int i = 0; i < count; i++) {
		const uint32_t phase = AK_REG9_I_STRIDE_OFFSET | AK_REG9_J_STRIDE_OFFSET;

		if (!demand_np(b, np[i],
			       reg(np[i], AK_NP_REG4) == r4 && (reg(np[i], AK_NP_REG9) & phase) == (r9 & phase),
			       "NPs of one layer disagree on what it is (REG4, REG9)") ||
		    !plan_cnp_part(b, np[i], l, &l->part[i], last))
			return false;
	}
	if (!tiles(b, l) || !pooled_size(b, l))
		return false;
	/* Sums over a map that several NPs hold parts of have nowhere to meet. */
	for (unsigned int i = 0; l->global_pool && i < count; i++)
		if (!demand_np(b, np[i], l->part[i].rows == l->conv_h, "global pooling over split rows"))
			return false;
	return finish_layer(b, l);
}

/* Magnitude planes: an FNP2 with 2-bit weights streams one. */
static uint32_t fnp_planes(const struct ns_np *np)
{
	return np->fnp == NS_FNP2 && AK_REG4_W_BITS(reg(np, AK_NP_REG4)) == 1 ? 1 : 3;
}

/* An FNP3 holds its weights, an FNP2 streams them from memory. */
static uint64_t fnp_words_max(const struct ns_np *np)
{
	return np->fnp == NS_FNP2 ? AK_FNP2_MAX_WORDS : NS_FNP_WORDS;
}

/* The packet in memory that the top level names for this FNP2. */
static bool fnp2_weights(struct builder *b, const struct ns_np *np, const struct ns_layer *l, struct ns_part *p,
			 uint32_t words)
{
	uint32_t id = fnp2_id(np), addr, *packet;
	bool ok;

	if (!demand_np(b, np, id < NS_FNP2_MAX && b->plan->externals < NS_FNP2_MAX, "FNP2 id (REG2)"))
		return false;
	addr = b->n->top[AKC_TOP_FNP2_WEIGHTS(id) / 4];
	packet = malloc(4 * (size_t)(2 + words));
	ok = packet && ns_mem_read(b->n, addr, packet, 4 * (2 + words)) &&
	     demand_np(b, np,
		       AK_PKT_UID(packet[0]) == AK_UID_FNP_WEIGHT && AK_PKT_COL(packet[0]) == np->col &&
			       AK_PKT_ROW(packet[0]) == np->row && AK_PKT_DST(packet[0]) == 1u << np->id,
		       "its external weights begin with another packet's header") &&
	     demand_np(b, np, ns_weights_fully(packet + 2, fnp_planes(np), l->in_h, l->in_w, l->in_c, p),
		       "external weights of another form");
	free(packet);
	b->plan->external[b->plan->externals++] = (struct ns_external){addr, 2 + words};
	return ok;
}

static bool fnp_weights(struct builder *b, const struct ns_np *np, const struct ns_layer *l, struct ns_part *p,
			uint32_t words)
{
	if (np->fnp == NS_FNP2)
		return fnp2_weights(b, np, l, p, words);
	return demand_np(b, np,
			 np->fnp_count == words && ns_weights_fully(np->fnp_weight, 3, l->in_h, l->in_w, l->in_c, p),
			 "weights missing, or of another size");
}

static bool plan_fnp_part(struct builder *b, const struct ns_np *np, const struct ns_layer *l, struct ns_part *p)
{
	uint32_t inputs = l->in_h * l->in_w * l->in_c, blocks = ns_ceil_div(inputs, 64), words;

	p->np = np;
	p->cut_h = l->in_h;
	p->rows = 1;
	p->f0 = FIELD(reg(np, AK_NP_FNP3), 0, 18);
	p->filters = FIELD(reg(np, AK_NP_FNP2), 0, 17);
	words = p->filters * (4 + 4 * fnp_planes(np) * blocks);
	if (!np_mode_ok(b, np) || !demand_np(b, np, np->fnp, "fully connected, but on an NP without FNP2 or FNP3") ||
	    !demand_np(b, np,
		       p->filters && (uint64_t)p->filters * (4 + 4 * fnp_planes(np) * blocks) <= fnp_words_max(np),
		       "neurons (FNP2)") ||
	    !demand_np(b, np, reg(np, AK_NP_FNP2) == p->filters && reg(np, AK_NP_FNP3) == p->f0,
		       "neurons (FNP2, FNP3)") ||
	    !demand_np(b, np, reg(np, AK_NP_REG10) == (l->in_w | l->in_h << 16), "input map (REG10)") ||
	    !demand_np(b, np, reg(np, AK_NP_REG11) == blocks << 12, "channel size (REG11)") ||
	    !demand_np(b, np, reg(np, AK_NP_FNP1) == (0x80000000u | 2 * blocks), "packet words (FNP1)") ||
	    !demand_np(b, np, reg(np, AK_NP_FNP4) == AK_FNP4_WORDS(words), "weight words (FNP4)"))
		return false;
	expect_constants(b, np, true);
	return fnp_weights(b, np, l, p, words) && (!l->out_bits || np_thresholds(b, np, p));
}

static bool plan_fnp(struct builder *b, struct ns_np *const *np, unsigned int count, uint8_t id, bool last)
{
	uint32_t r4 = reg(np[0], AK_NP_REG4);
	struct ns_layer *l;

	/* 4-bit weights, negative ones included; REG4 as decoded: 0xA2 with a potential output. */
	if (!demand_np(b, np[0], (r4 & 0x4ffcu) == 0x0a0u || (np[0]->fnp == NS_FNP2 && (r4 & 0x4ffcu) == 0x090u),
		       "weight format (REG4) of a fully connected layer"))
		return false;
	if (!demand(b, (uint64_t)b->h * b->w * b->c <= NS_FNP_INPUTS, "inputs of a fully connected layer", b->h))
		return false;
	l = add_layer(b, NS_LAYER_FULLY, id, count);
	if (!l || !np_bits(b, np[0], l, last))
		return false;
	l->stride = l->kernel = 1;
	l->conv_h = l->conv_w = l->out_h = l->out_w = 1;
	for (unsigned int i = 0; i < count; i++)
		if (!demand_np(b, np[i], reg(np[i], AK_NP_REG4) == r4,
			       "NPs of one layer disagree on what it is (REG4)") ||
		    !plan_fnp_part(b, np[i], l, &l->part[i]))
			return false;
	return tiles(b, l) && finish_layer(b, l);
}

/* ---- the chain ---- */

static unsigned int gather(struct nsoc *n, uint8_t id, struct ns_np **np)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < n->np_count; i++)
		if (n->np[i].programmed && AK_REG4_LAYER(reg(&n->np[i], AK_NP_REG4)) == id)
			np[count++] = &n->np[i];
	return count;
}

static void columns(struct ns_np *const *np, unsigned int count, uint32_t *west, uint32_t *east)
{
	*west = *east = np[0]->col;
	for (unsigned int i = 1; i < count; i++) {
		if (np[i]->col < *west)
			*west = np[i]->col;
		if (np[i]->col > *east)
			*east = np[i]->col;
	}
}

/* Where the NPs of a layer send, and where they believe to be fed from. next: id of the next layer, 0xff: the DMA. */
static bool routing(struct builder *b, struct ns_np *const *np, unsigned int count, uint8_t *next, uint32_t dest[2])
{
	const struct ns_chip *chip = b->n->chip;
	uint32_t mm2 = reg(np[0], AK_NP_MM2), mm1 = reg(np[0], AK_NP_MM1);
	uint32_t to_dma = AK_NP_MM1_TO_DMA | (b->what->passes ? AK_NP_MM1_END_OF_PASS : 0);
	bool p2p = mm1 & 1u;

	*next = (uint8_t)(mm2 >> 24);
	if (!demand_np(b, np[0], p2p == (*next == AK_LAYER_ID_DMA),
		       "point-to-point without the DMA as destination, or the reverse"))
		return false;
	if (p2p && !demand_np(b, np[0],
			      FIELD(mm2, 0, 8) == chip->dma_row && FIELD(mm2, 8, 8) == chip->dma_col &&
				      FIELD(mm2, 20, 4) == 1u << chip->dma_event_id && !FIELD(mm2, 16, 4),
			      "destination is not the event DMA (MM2)"))
		return false;
	dest[0] = p2p ? chip->dma_col : FIELD(mm2, 0, 8);
	dest[1] = p2p ? chip->dma_col : FIELD(mm2, 8, 8);
	for (unsigned int i = 0; i < count; i++) {
		uint32_t west = np[i]->col < dest[0] ? np[i]->col : dest[0];
		uint32_t east = np[i]->col > dest[1] ? np[i]->col : dest[1];

		if (!demand_np(b, np[i], reg(np[i], AK_NP_MM2) == mm2 && (p2p || !FIELD(mm2, 16, 8)),
			       "NPs of one layer send to different places (MM2)"))
			return false;
		expect_reg(b, np[i], AK_NP_MM1, p2p ? to_dma : 0xff080000u);
		expect_reg(b, np[i], AK_NP_MM3, b->west | b->east << 8);
		expect_reg(b, np[i], AK_NP_MM4, west | east << 8);
	}
	return true;
}

/* One layer: its NPs are complete, reachable, and understood. */
static bool plan_np_layer(struct builder *b, uint8_t id, const uint32_t reach[2], uint8_t *next, uint32_t dest[2])
{
	struct ns_np *np[NS_NPS_MAX];
	unsigned int count = gather(b->n, id, np);
	uint32_t west, east;
	bool fnp, last;

	if (!demand(b, count, "no NP is programmed for layer", id))
		return false;
	for (unsigned int i = 0; i < count; i++)
		if (!demand_np(b, np[i], AK_REG4_NPS(reg(np[i], AK_NP_REG4)) == count,
			       "number of NPs in its layer (REG4)") ||
		    !demand_np(b, np[i], np[i]->col >= reach[0] && np[i]->col <= reach[1],
			       "outside of the columns its layer is sent to"))
			return false;
	if (!routing(b, np, count, next, dest))
		return false;
	last = *next == AK_LAYER_ID_DMA;
	columns(np, count, &west, &east);
	fnp = reg(np[0], AK_NP_REG2) & (1u << 4);
	if (fnp ? !plan_fnp(b, np, count, id, last) : !plan_cnp(b, np, count, id, last))
		return false;
	b->west = west;
	b->east = east;
	return true;
}

static void expect_epg(struct builder *b, unsigned int last_nps)
{
	const uint32_t *epg = b->n->epg;

	expect(b, epg[AKC_EPG_CONTROL / 4], 0x21200, "EPG control");
	expect(b, epg[AKC_EPG_SYNC / 4], 0x10, "EPG sync");
	if (b->what->final)
		expect(b, epg[AKC_EPG_SYNC2 / 4], 0x01fe0000u | last_nps, "EPG sync 2");
	expect(b, epg[AKC_EPG_SYNC_LAST / 4], b->what->passes ? AKC_EPG_SYNC_LAST_EOP : 0, "EPG sync last");
	expect(b, epg[AKC_EPG_PACKET / 4], 0x027fffffu, "EPG event packet");
	expect(b, epg[AKC_EPG_PAYLOAD / 4] & ~0xff00u, 0, "EPG payload");
}

static bool plan_chain(struct builder *b)
{
	uint32_t header = b->n->epg[AKC_EPG_HEADER / 4];
	uint32_t reach[2] = {AKC_EPG_HEADER_WEST(header), AKC_EPG_HEADER_EAST(header)};
	uint8_t id = (uint8_t)(b->n->epg[AKC_EPG_PAYLOAD / 4] >> 8);
	bool seen[256] = {false};

	if (!demand(b, AKC_EPG_HEADER_TYPE(header) == 1 && !FIELD(header, 4, 12), "EPG header", header))
		return false;
	while (id != AK_LAYER_ID_DMA) {
		uint32_t dest[2];

		if (!demand(b, id && !seen[id], "the chain of layers leads to an impossible layer", id))
			return false;
		seen[id] = true;
		if (!plan_np_layer(b, id, reach, &id, dest))
			return false;
		reach[0] = dest[0];
		reach[1] = dest[1];
	}
	if (!demand(b, b->plan->layers > b->what->image, "nothing is programmed behind the HRC", 0))
		return false;
	for (unsigned int i = 0; i < b->n->np_count; i++) {
		const struct ns_np *np = &b->n->np[i];

		if (np->programmed &&
		    !demand_np(b, np, seen[AK_REG4_LAYER(reg(np, AK_NP_REG4))], "its layer is never reached"))
			return false;
	}
	expect_epg(b, b->plan->layer[b->plan->layers - 1].parts);
	return true;
}

/* ---- buffers, cache ---- */

static bool allocate(struct ns_plan *p)
{
	const struct ns_layer *last = &p->layer[p->layers - 1];
	size_t row = 1;

	for (unsigned int i = 0; i < p->layers; i++)
		if (row < (size_t)p->layer[i].conv_w * p->layer[i].in_c)
			row = (size_t)p->layer[i].conv_w * p->layer[i].in_c;
	p->map[0] = malloc(p->map_max);
	p->map[1] = malloc(p->map_max);
	p->potential = malloc(p->potential_max * sizeof(int32_t));
	p->pooled = malloc(p->potential_max * sizeof(int32_t));
	p->part_potential = malloc(p->potential_max * sizeof(int32_t));
	p->row = malloc(row * sizeof(int32_t));
	p->output = malloc((size_t)last->out_h * last->out_w * last->filters * 8);
	return p->map[0] && p->map[1] && p->potential && p->pooled && p->part_potential && p->row && p->output;
}

void ns_plan_free(struct ns_plan *p)
{
	if (!p)
		return;
	ns_fuse_drop(p);
	for (unsigned int i = 0; i < p->layers; i++) {
		for (unsigned int k = 0; k < p->layer[i].parts; k++) {
			free(p->layer[i].part[k].weights);
			free(p->layer[i].part[k].pointwise);
			free(p->layer[i].part[k].threshold);
			free(p->layer[i].part[k].step16);
		}
		free(p->layer[i].part);
	}
	free(p->map[0]);
	free(p->map[1]);
	free(p->potential);
	free(p->pooled);
	free(p->part_potential);
	free(p->row);
	free(p->output);
	free(p);
}

void ns_plan_drop(struct nsoc *n)
{
	ns_plan_free(n->plan);
	n->plan = NULL;
}

struct ns_shape ns_plan_output(const struct ns_plan *p)
{
	const struct ns_layer *l = &p->layer[p->layers - 1];

	return (struct ns_shape){l->out_h, l->out_w, l->filters, l->out_bits};
}

/* Weights in memory, and programs of several passes, may be changed by anybody: they are compared before every frame. */
bool ns_hash_words(struct nsoc *n, uint32_t addr, uint32_t words, uint64_t *hash)
{
	uint32_t block[1024];

	while (words) {
		uint32_t count = words < 1024 ? words : 1024;

		if (!ns_mem_read(n, addr, block, 4 * count))
			return false;
		for (uint32_t i = 0; i < count; i++)
			*hash = (*hash ^ block[i]) * 0x9e3779b97f4a7c15u + (*hash >> 29);
		addr += 4 * count;
		words -= count;
	}
	return true;
}

static bool external_hash(struct nsoc *n, const struct ns_plan *p, uint64_t *hash)
{
	*hash = 0;
	for (unsigned int i = 0; i < p->externals; i++)
		if (!ns_hash_words(n, p->external[i].addr, p->external[i].words, hash))
			return false;
	return true;
}

static bool external_same(struct nsoc *n, const struct ns_plan *p)
{
	uint64_t hash;

	return !p->externals || (external_hash(n, p, &hash) && hash == p->external_hash);
}

struct ns_plan *ns_plan_make(struct nsoc *n, const struct ns_plan_for *what)
{
	struct builder b = {
		.n = n, .what = what, .h = what->in.h, .w = what->in.w, .c = what->in.c, .bits = what->in.bits};
	struct ns_plan *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	b.plan = p;
	p->in_h = what->in.h;
	p->in_w = what->in.w;
	p->between = !what->final;
	if (n->config_bad) {
		ns_report(n, NS_UNKNOWN_ENCODING,
			  "a configuration packet was not understood: nothing runs before a reset");
		return p;
	}
	p->usable = (!what->image || plan_hrc(&b)) && plan_chain(&b) && allocate(p) &&
		    external_hash(n, p, &p->external_hash);
	if (p->usable)
		ns_fuse(p);
	return p;
}

struct ns_plan *ns_plan_get(struct nsoc *n, uint32_t in_h, uint32_t in_w)
{
	const struct ns_plan_for what = {
		.in = {in_h, in_w, n->hrc.reg[AK_HRC_WORD_CHANNELS], 8}, .image = true, .final = true};

	if (!n->plan || n->plan_stale || n->plan->in_h != in_h || n->plan->in_w != in_w || !external_same(n, n->plan)) {
		ns_plan_drop(n);
		n->plan = ns_plan_make(n, &what);
		n->plan_stale = false;
	}
	return n->plan && n->plan->usable ? n->plan : NULL;
}
