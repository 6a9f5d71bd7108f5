/* SPDX-License-Identifier: MIT */
/*
 * What the bus sees first: PCI configuration space, BARs, and the iATU regions that decide what a BAR shows. On the
 * AKD1000 the iATU is a viewport in configuration space, on the AKD1500 unrolled registers behind BAR0 (nsoc-hardware
 * 2.2, 2.3). Before its region is programmed a BAR reads and writes like plain memory, as on the board.
 */
#include <string.h>
#include "firmware/nsoc/internal.h"

void nsoc_pci_power_on(struct nsoc *n);

#define MIB4 0x400000u
#define ATU_FIRST 0x900u
#define ATU_LAST 0x920u
#define UNROLLED_FIRST 0x400u
#define CAP_MSI 0x50u

const struct ns_chip ns_chip_akd1000 = {
	.device = 0xbca1,
	.version = 0, /* so the engine falls back to the driver's description */
	.mem_bytes = 256u << 20,
	.bar_bytes = {MIB4, 0, MIB4, 0, MIB4, 0},
	.core_bar = AKD1000_BAR_CORE,
	.mem_bar = AKD1000_BAR_MEM,
	/* rows, cols, row-1 start, row-2 start; NPs per node, DMA node; FNP2 node and count, no last column */
	.mesh = {5u | 5u << 8 | 3u << 16 | 3u << 24, 4u | 1u << 8 | 3u << 16 | 0u << 24 | 1u << 28,
		 1u | 4u << 8 | 3u << 16},
	.options = AKC_TOP_OPTIONS_EVENT_DMA | AKC_TOP_OPTIONS_NP_DMA | AKC_TOP_OPTIONS_HRC,
	.cost = &ak_cost_akd1000,
	.dma_col = 3,
	.dma_row = 1,
};

const struct ns_chip ns_chip_akd1500 = {
	.device = 0xa500,
	.version = 0xbca10309,
	.mem_bytes = AKD1500_MEM_BYTES,
	.bar_bytes = {0x10000, 0, MIB4, 0, MIB4, 0},
	.core_bar = AKD1500_BAR_CORE,
	.mem_bar = AKD1500_BAR_MEM,
	.mesh = {3u | 3u << 8 | 1u << 16 | 1u << 24, 4u | 1u << 4 | 1u << 8 | 1u << 16 | 1u << 28,
		 2u | 1u << 8 | 1u << 16 | 3u << 24},
	.options = AKC_TOP_OPTIONS_EVENT_DMA | AKC_TOP_OPTIONS_NP_DMA | AKC_TOP_OPTIONS_HRC,
	.cost = &ak_cost_akd1500,
	.dma_col = 1,
	.dma_row = 1,
};

uint32_t ns_node_columns(uint32_t nodes)
{
	uint32_t cols = nodes > 2 ? 2 : 1; /* TwoNodesIPv1 has one column */

	while (cols * cols < nodes && nodes > 2)
		cols++;
	return cols;
}

/* As an AKD1500, but for the mesh: nothing but the DMA node in row 1. */
void ns_chip_of_nodes(struct ns_chip *c, uint32_t nodes)
{
	uint32_t cols = ns_node_columns(nodes), rows = 1 + (nodes + cols - 1) / cols, last = nodes - (rows - 2) * cols;

	*c = ns_chip_akd1500;
	c->version = 0xbca10300u | (nodes == 2 ? 6u : 128u + nodes);
	c->mesh[0] = rows | cols << 8 | (cols + 1) << 16 | 1u << 24;
	c->mesh[2] = 2u | 1u << 8 | 1u << 16 | last << 24;
}

/* ---- configuration space ---- */

static void cfg_set(struct nsoc *n, uint32_t off, uint32_t val, uint32_t mask)
{
	n->cfg[off / 4] = val;
	n->cfg_mask[off / 4] = mask;
}

void nsoc_pci_power_on(struct nsoc *n)
{
	memset(n->cfg, 0, sizeof(n->cfg));
	memset(n->cfg_mask, 0, sizeof(n->cfg_mask));
	memset(n->inbound, 0, sizeof(n->inbound));
	memset(n->outbound, 0, sizeof(n->outbound));
	memset(n->scratch_bar, 0, sizeof(n->scratch_bar));
	memset(n->channel, 0, sizeof(n->channel));
	memset(n->edma, 0, sizeof(n->edma));
	n->viewport = n->edma_viewport = n->edma_priority = 0;

	cfg_set(n, 0x00, (uint32_t)n->chip->device << 16 | 0x1e7cu, 0);
	cfg_set(n, 0x04, 0x00100000u,
		0x00000546u);		  /* capability list; memory, bus master, parity, SERR, INTx disable */
	cfg_set(n, 0x08, 0x12000001u, 0); /* class assumed: processing accelerator; revision 01 */
	cfg_set(n, 0x0c, 0, 0x000000ffu);
	for (unsigned int bar = 0; bar < 6; bar += 2) { /* 64 bit, prefetchable */
		cfg_set(n, 0x10 + 4 * bar, 0xcu, ~(uint32_t)(n->chip->bar_bytes[bar] - 1));
		cfg_set(n, 0x14 + 4 * bar, 0, 0xffffffffu);
	}
	cfg_set(n, 0x2c, (uint32_t)n->chip->device << 16 | 0x1e7cu, 0);
	cfg_set(n, 0x34, 0x40u, 0);
	cfg_set(n, 0x3c, 0x000000ffu, 0xffu);		 /* no legacy interrupt pin */
	cfg_set(n, 0x40, 0x00030001u | CAP_MSI << 8, 0); /* power management 1.2 */
	cfg_set(n, 0x44, 0, 0x3u);
	cfg_set(n, CAP_MSI, 0x00800005u | 0x70u << 8, 0x00010000u); /* 64-bit MSI, one vector */
	cfg_set(n, CAP_MSI + 4, 0, 0xfffffffcu);
	cfg_set(n, CAP_MSI + 8, 0, 0xffffffffu);
	cfg_set(n, CAP_MSI + 12, 0, 0xffffu);
	cfg_set(n, 0x70, 0x00020010u, 0); /* PCI Express endpoint, version 2 */
	cfg_set(n, 0x74, 0, 0);
	cfg_set(n, 0x78, 0, 0x0000ffffu);
	cfg_set(n, 0x7c, 0x00000c12u, 0);	    /* link: Gen2 x1, L0s and L1 */
	cfg_set(n, 0x80, 0x10120000u, 0x000001fbu); /* negotiated 5 GT/s x1 */
}

uint16_t nsoc_pci_device(const struct nsoc *n)
{
	return n->chip->device;
}

uint64_t nsoc_bar_bytes(const struct nsoc *n, unsigned int bar)
{
	return bar < 6 ? n->chip->bar_bytes[bar] : 0;
}

static struct ns_window *viewport(struct nsoc *n)
{
	uint32_t i = n->viewport & 0x1fu;

	if (i >= NS_WINDOWS)
		return NULL;
	return n->viewport & AKD1000_ATU_REGION_INBOUND ? &n->inbound[i] : &n->outbound[i];
}

static uint32_t *window_word(struct ns_window *w, uint32_t i)
{
	uint32_t *const word[] = {&w->ctrl1, &w->ctrl2,	    &w->base_lo,  &w->base_hi,
				  &w->limit, &w->target_lo, &w->target_hi};

	return i < sizeof(word) / sizeof(word[0]) ? word[i] : NULL;
}

static const struct ns_window *find_window(const struct nsoc *n, unsigned int bar)
{
	for (unsigned int i = 0; i < NS_WINDOWS; i++) {
		uint32_t c = n->inbound[i].ctrl2;

		if ((c & NS_WINDOW_ENABLE) && (c & NS_WINDOW_BAR_MATCH) && NS_WINDOW_BAR(c) == bar)
			return &n->inbound[i];
	}
	return NULL;
}

static void window_changed(struct nsoc *n, const struct ns_window *w)
{
	if ((w->ctrl2 & NS_WINDOW_ENABLE) && w >= n->inbound && w < n->inbound + NS_WINDOWS &&
	    !(w->ctrl2 & NS_WINDOW_BAR_MATCH))
		ns_report(n, NS_UNKNOWN_ENCODING, "inbound window without BAR match (control 0x%08x) is not modelled",
			  w->ctrl2);
	for (unsigned int bar = 0; bar < 6; bar++)
		n->bar_window[bar] = find_window(n, bar);
}

/* Configuration space and, on the AKD1000, the port logic in it; also seen through the DBI window. */
uint32_t nsoc_cfg_read(struct nsoc *n, uint32_t off)
{
	struct ns_window *w;
	uint32_t *word;

	off &= NS_CFG_BYTES - 4;
	if (n->kind == NSOC_AKD1000 && off == ATU_FIRST)
		return n->viewport;
	if (n->kind == NSOC_AKD1000 && off > ATU_FIRST && off < ATU_LAST) {
		w = viewport(n);
		word = w ? window_word(w, (off - ATU_FIRST - 4) / 4) : NULL;
		return word ? *word : 0;
	}
	return n->cfg[off / 4];
}

void nsoc_cfg_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	struct ns_window *w;
	uint32_t *word;

	off &= NS_CFG_BYTES - 4;
	if (n->kind == NSOC_AKD1000 && off == ATU_FIRST) {
		n->viewport = val;
	} else if (n->kind == NSOC_AKD1000 && off > ATU_FIRST && off < ATU_LAST) {
		w = viewport(n);
		word = w ? window_word(w, (off - ATU_FIRST - 4) / 4) : NULL;
		if (!word) {
			ns_report(n, NS_UNKNOWN_REGISTER, "iATU region 0x%x, register 0x%x written", n->viewport, off);
			return;
		}
		*word = val;
		window_changed(n, w);
	} else {
		n->cfg[off / 4] = (n->cfg[off / 4] & ~n->cfg_mask[off / 4]) | (val & n->cfg_mask[off / 4]);
	}
}

/* ---- AKD1500: unrolled iATU behind BAR0 ---- */

static struct ns_window *unrolled(struct nsoc *n, uint32_t off, uint32_t *word)
{
	uint32_t region = (off - UNROLLED_FIRST) / 0x200, in = (off - UNROLLED_FIRST) % 0x200;
	bool is_inbound = in >= 0x100;
	static const uint8_t order[] = {0, 1, 2, 3, 4, 5, 6}; /* ctrl1 ctrl2 base base limit target target */

	in &= 0xff;
	if (region >= NS_WINDOWS || in / 4 >= sizeof(order))
		return NULL;
	*word = order[in / 4];
	return is_inbound ? &n->inbound[region] : &n->outbound[region];
}

static uint32_t bar0_akd1500_read(struct nsoc *n, uint32_t off)
{
	struct ns_window *w;
	uint32_t word;

	if (off < UNROLLED_FIRST)
		return ns_hdma_read(n, off);
	w = unrolled(n, off, &word);
	if (w)
		return *window_word(w, word);
	/* Channels 2..7 of the vendor's probe loop end up here (2.3): they read as zero. */
	if (off >= 0x1000)
		ns_report(n, NS_UNKNOWN_REGISTER, "BAR0 register 0x%x read", off);
	return 0;
}

static void bar0_akd1500_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	struct ns_window *w;
	uint32_t word;

	if (off < UNROLLED_FIRST) {
		ns_hdma_write(n, off, val);
		return;
	}
	w = unrolled(n, off, &word);
	if (w) {
		*window_word(w, word) = val;
		window_changed(n, w);
		return;
	}
	/* The vendor's probe writes 0 and 5 to "channels" that do not exist. */
	if (off >= 0x1000 || (val && val != 5))
		ns_report(n, NS_UNKNOWN_REGISTER, "BAR0 register 0x%x written with 0x%x", off, val);
}

/* ---- device addresses behind a window ---- */

/* A word of on-board memory that has been written before: most of what a driver touches. Aligned, so within its page. */
static uint8_t *known_word(const struct nsoc *n, uint32_t addr)
{
	uint32_t off = addr - NS_MEM_ADDR;
	uint8_t *page = off < n->chip->mem_bytes ? n->page[off >> NS_PAGE_BITS] : NULL;

	return page && !(addr & 3u) ? page + (off & (NS_PAGE - 1)) : NULL;
}

static uint32_t target_read(struct nsoc *n, uint32_t addr)
{
	const uint8_t *word = known_word(n, addr);
	uint32_t val = 0;

	if (word) {
		memcpy(&val, word, 4);
		return val;
	}
	if (addr >= AKC_CORE_ADDR && addr - AKC_CORE_ADDR < MIB4)
		return ns_core_read(n, addr - AKC_CORE_ADDR);
	if (ns_mem_local(n, addr, 4)) {
		ns_mem_read(n, addr, &val, 4);
		return val;
	}
	if (n->kind == NSOC_AKD1000 && addr >= AKD1000_DBI_ADDR && addr - AKD1000_DBI_ADDR < NS_CFG_BYTES) {
		addr -= AKD1000_DBI_ADDR;
		return addr >= AKD1000_EDMA ? ns_edma_read(n, addr - AKD1000_EDMA) : nsoc_cfg_read(n, addr);
	}
	ns_report(n, NS_BAD_ADDRESS, "bus read of device address 0x%08x, where nothing is", addr);
	return 0;
}

static void target_write(struct nsoc *n, uint32_t addr, uint32_t val)
{
	uint8_t *word = known_word(n, addr);

	if (word) {
		memcpy(word, &val, 4);
		return;
	}
	if (addr >= AKC_CORE_ADDR && addr - AKC_CORE_ADDR < MIB4) {
		ns_core_write(n, addr - AKC_CORE_ADDR, val);
	} else if (ns_mem_local(n, addr, 4)) {
		ns_mem_write(n, addr, &val, 4);
	} else if (n->kind == NSOC_AKD1000 && addr >= AKD1000_DBI_ADDR && addr - AKD1000_DBI_ADDR < NS_CFG_BYTES) {
		addr -= AKD1000_DBI_ADDR;
		if (addr >= AKD1000_EDMA)
			ns_edma_write(n, addr - AKD1000_EDMA, val);
		else
			nsoc_cfg_write(n, addr, val);
	} else {
		ns_report(n, NS_BAD_ADDRESS, "bus write to device address 0x%08x, where nothing is", addr);
	}
}

static bool bar_ok(struct nsoc *n, unsigned int bar, uint32_t off)
{
	if (bar < 6 && off < n->chip->bar_bytes[bar] && !(off & 3u))
		return true;
	ns_report(n, NS_BAD_ADDRESS, "BAR%u offset 0x%x", bar, off);
	return false;
}

/* A read crosses the link and back; a write is posted. */
#define READ_NS 1000u

uint32_t nsoc_bar_read(struct nsoc *n, unsigned int bar, uint32_t off)
{
	const struct ns_window *w;
	uint32_t val;

	if (!bar_ok(n, bar, off))
		return bar < 6 && !n->chip->bar_bytes[bar] ? 0xffffffffu : 0;
	ns_time_pass(n, READ_NS);
	if (n->kind == NSOC_AKD1500 && bar == 0)
		return bar0_akd1500_read(n, off);
	w = n->bar_window[bar];
	if (w)
		return target_read(n, w->target_lo + off);
	if (off > NS_SCRATCH_BAR_BYTES - 4)
		return 0;
	memcpy(&val, &n->scratch_bar[bar][off], 4);
	return val;
}

void nsoc_bar_write(struct nsoc *n, unsigned int bar, uint32_t off, uint32_t val)
{
	const struct ns_window *w;

	if (!bar_ok(n, bar, off))
		return;
	if (n->kind == NSOC_AKD1500 && bar == 0) {
		bar0_akd1500_write(n, off, val);
		return;
	}
	w = n->bar_window[bar];
	if (w)
		target_write(n, w->target_lo + off, val);
	else if (off <= NS_SCRATCH_BAR_BYTES - 4)
		memcpy(&n->scratch_bar[bar][off], &val, 4);
}
