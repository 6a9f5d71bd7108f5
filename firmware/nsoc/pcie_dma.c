/* SPDX-License-Identifier: MIT */
/*
 * The DesignWare DMA engine of the PCIe core: legacy register map on the AKD1000 (nsoc-hardware 3.1), native map on the
 * AKD1500 (3.2), linked lists in device memory (3.3). A transfer runs to its end inside the doorbell write (paced: in
 * nsoc_step); its time is added to the modelled clock. Data goes between host bus addresses and on-board memory only.
 */
#include <string.h>
#include "firmware/nsoc/internal.h"

enum { WRITE, READ }; /* device to host, host to device */

#define EDMA_PRIORITY 0x00u
#define WR_WEIGHTS 0x18u
#define RD_WEIGHTS 0x38u
#define ELEMENTS_MAX 65536u
#define BYTES_MAX (256u << 20) /* per doorbell: more than the largest memory */
enum { IDLE, RUNNING, HALTED, STOPPED };
#define LL_ELEMENT_ERROR (1u << 16)

/* ---- moving bytes ---- */

static bool copy(struct nsoc *n, int dir, uint64_t source, uint64_t dest, uint32_t bytes)
{
	uint64_t local = dir == WRITE ? source : dest, bus = dir == WRITE ? dest : source;

	if (!ns_mem_local(n, local, bytes)) {
		ns_report(n, NS_DMA_FAULT, "PCIe DMA of %u bytes at device address 0x%llx, where no memory is", bytes,
			  (unsigned long long)local);
		return false;
	}
	ns_time_pass(n, (uint64_t)bytes * 1000u / n->chip->cost->dma_bytes_per_us);
	while (bytes) {
		uint32_t span;
		uint8_t *p = ns_mem_span(n, (uint32_t)local, bytes, true, &span);
		int err = !p ? -ENOMEM : -EFAULT;

		if (p && dir == WRITE && n->host.write)
			err = n->host.write(n->host.ctx, bus, p, span);
		else if (p && dir == READ && n->host.read)
			err = n->host.read(n->host.ctx, bus, p, span);
		if (err) {
			ns_report(n, NS_DMA_FAULT, "PCIe DMA at host address 0x%llx, %u bytes: refused by the host",
				  (unsigned long long)bus, span);
			return false;
		}
		local += span;
		bus += span;
		bytes -= span;
	}
	return true;
}

/* What happened to a channel while its list ran. */
struct outcome {
	bool ok, local_interrupt, remote_interrupt;
};

/*
 * Elements are taken while their cycle bit equals the channel's cycle state; a link element that toggles (TCB) flips
 * that state. The element that does not match stays the list pointer, so a later doorbell resumes there.
 */
static struct outcome run_list(struct nsoc *n, struct ns_channel *ch, int dir, bool *ccs)
{
	struct outcome o = {.ok = true};
	uint64_t total = 0;

	for (unsigned int i = 0; i < ELEMENTS_MAX; i++) {
		const uint8_t *at = ns_mem_peek(n, ch->list, AKC_LL_DATA_BYTES);
		uint32_t e[6];

		if (at) {
			memcpy(e, at, sizeof(e));
		} else if (!ns_mem_local(n, ch->list, AKC_LL_LINK_BYTES) ||
			   !ns_mem_read(n, (uint32_t)ch->list, e, AKC_LL_LINK_BYTES)) {
			ns_report(n, NS_DMA_FAULT, "PCIe DMA list pointer 0x%llx is not in device memory",
				  (unsigned long long)ch->list);
			o.ok = false;
			return o;
		}
		if (!!(e[0] & AKC_LL_CB) != *ccs)
			return o;
		if (e[0] & AKC_LL_LLP) {
			if (e[0] & AKC_LL_TCB)
				*ccs = !*ccs;
			ch->list = (uint64_t)e[3] << 32 | e[2];
			continue;
		}
		total += e[1];
		if (total > BYTES_MAX ||
		    (!at && (!ns_mem_local(n, ch->list, AKC_LL_DATA_BYTES) ||
			     !ns_mem_read(n, (uint32_t)ch->list, e, AKC_LL_DATA_BYTES))) ||
		    !copy(n, dir, (uint64_t)e[3] << 32 | e[2], (uint64_t)e[5] << 32 | e[4], e[1])) {
			if (total > BYTES_MAX)
				ns_report(n, NS_DMA_FAULT, "PCIe DMA list moves more than any memory holds");
			o.ok = false;
			return o;
		}
		ch->list += AKC_LL_DATA_BYTES;
		o.local_interrupt |= !!(e[0] & AKC_LL_LIE);
		o.remote_interrupt |= !!(e[0] & AKC_LL_RIE);
	}
	ns_report(n, NS_DMA_FAULT, "PCIe DMA list does not end");
	o.ok = false;
	return o;
}

static void send_msi(struct nsoc *n, uint64_t addr, uint32_t data)
{
	if (n->host.msi)
		n->host.msi(n->host.ctx, addr, data);
}

/* A doorbell. Returns whether the list is to run now: in paced mode it runs later, or never when a fault was injected. */
static bool rung(struct nsoc *n, struct ns_channel *ch)
{
	if (!n->paced)
		return true;
	ch->state = RUNNING;
	ch->rung = !ns_injected(n, NSOC_INJECT_DMA_STUCK);
	return false;
}

/* By request, or because the channel (AKD1000: its direction) is disabled while it runs. */
static void stop(struct ns_channel *ch)
{
	ch->rung = false;
	ch->state = STOPPED;
}

/* ---- AKD1000: legacy map ---- */

static struct ns_channel *edma_channel(struct nsoc *n, int *dir)
{
	uint32_t ch = n->edma_viewport & 0x7u;

	*dir = n->edma_viewport & AKD1000_EDMA_VIEWPORT_READ ? READ : WRITE;
	return ch < NS_PCIE_CHANNELS ? &n->channel[*dir][ch] : NULL;
}

static uint64_t pair(const uint32_t w[2])
{
	return (uint64_t)w[1] << 32 | w[0];
}

/* Runs what was rung on channel c (below NS_PCIE_CHANNELS). */
static void edma_run(struct nsoc *n, int dir, uint32_t c)
{
	struct ns_edma_side *s = &n->edma[dir];
	struct ns_channel *ch = &n->channel[dir][c];
	struct outcome o = {.ok = false};
	bool list, ccs;

	list = ch->control1 & AKD1000_EDMA_CH_CONTROL1_LLE;
	ccs = ch->control1 & AKD1000_EDMA_CH_CONTROL1_CCS;
	if (list) {
		o = run_list(n, ch, dir, &ccs);
		ch->control1 = ccs ? ch->control1 | AKD1000_EDMA_CH_CONTROL1_CCS
				   : ch->control1 & ~AKD1000_EDMA_CH_CONTROL1_CCS;
	} else {
		o.ok = copy(n, dir, ch->source, ch->dest, ch->bytes);
		o.local_interrupt = ch->control1 & AKC_LL_LIE;
		o.remote_interrupt = ch->control1 & AKC_LL_RIE;
	}
	ch->state = o.ok ? STOPPED : HALTED;
	if (!o.ok) {
		s->status |= AKD1000_EDMA_INT_ABORT(c);
		s->errors[0] |= LL_ELEMENT_ERROR << c;
		if (!(s->mask & AKD1000_EDMA_INT_ABORT(c)))
			send_msi(n, pair(s->msi_abort), s->msi_data[c / 2] >> (16 * (c % 2)) & 0xffffu);
		return;
	}
	if (o.local_interrupt)
		s->status |= AKD1000_EDMA_INT_DONE(c);
	if (o.remote_interrupt && !(s->mask & AKD1000_EDMA_INT_DONE(c)))
		send_msi(n, pair(s->msi_done), s->msi_data[c / 2] >> (16 * (c % 2)) & 0xffffu);
}

static void edma_doorbell(struct nsoc *n, int dir, uint32_t val)
{
	struct ns_edma_side *s = &n->edma[dir];
	uint32_t c = val & 0x7u;
	struct ns_channel *ch = &n->channel[dir][c & 1u];

	if (c >= NS_PCIE_CHANNELS || !(s->enable & 1u)) {
		ns_report(n, NS_DMA_FAULT, "doorbell of %s channel %u: %s", dir == WRITE ? "write" : "read", c,
			  c >= NS_PCIE_CHANNELS ? "no such channel" : "engine not enabled");
		return;
	}
	if (val & AKD1000_EDMA_DOORBELL_STOP) {
		stop(ch);
		return;
	}
	if (rung(n, ch))
		edma_run(n, dir, c);
}

/* Words that are only kept, of both directions; NULL for anything else. The maps of the two differ in order. */
static uint32_t *edma_word(struct nsoc *n, uint32_t off)
{
	struct ns_edma_side *w = &n->edma[WRITE], *r = &n->edma[READ];

	switch (off) {
	case AKD1000_EDMA_WR_MASK:
		return &w->mask;
	case AKD1000_EDMA_RD_MASK:
		return &r->mask;
	case AKD1000_EDMA_WR_LL_ERROR:
		return &w->ll_error;
	case AKD1000_EDMA_RD_LL_ERROR:
		return &r->ll_error;
	case AKD1000_EDMA_WR_DONE_MSI:
	case AKD1000_EDMA_WR_DONE_MSI + 4:
		return &w->msi_done[(off - AKD1000_EDMA_WR_DONE_MSI) / 4];
	case AKD1000_EDMA_RD_DONE_MSI:
	case AKD1000_EDMA_RD_DONE_MSI + 4:
		return &r->msi_done[(off - AKD1000_EDMA_RD_DONE_MSI) / 4];
	case AKD1000_EDMA_WR_ABORT_MSI:
	case AKD1000_EDMA_WR_ABORT_MSI + 4:
		return &w->msi_abort[(off - AKD1000_EDMA_WR_ABORT_MSI) / 4];
	case AKD1000_EDMA_RD_ABORT_MSI:
	case AKD1000_EDMA_RD_ABORT_MSI + 4:
		return &r->msi_abort[(off - AKD1000_EDMA_RD_ABORT_MSI) / 4];
	case AKD1000_EDMA_WR_MSI_DATA:
	case AKD1000_EDMA_WR_MSI_DATA + 4:
	case AKD1000_EDMA_WR_MSI_DATA + 8:
	case AKD1000_EDMA_WR_MSI_DATA + 12:
		return &w->msi_data[(off - AKD1000_EDMA_WR_MSI_DATA) / 4];
	case AKD1000_EDMA_RD_MSI_DATA:
	case AKD1000_EDMA_RD_MSI_DATA + 4:
	case AKD1000_EDMA_RD_MSI_DATA + 8:
	case AKD1000_EDMA_RD_MSI_DATA + 12:
		return &r->msi_data[(off - AKD1000_EDMA_RD_MSI_DATA) / 4];
	case WR_WEIGHTS:
	case WR_WEIGHTS + 4:
		return &w->weights[(off - WR_WEIGHTS) / 4];
	case RD_WEIGHTS:
	case RD_WEIGHTS + 4:
		return &r->weights[(off - RD_WEIGHTS) / 4];
	case AKD1000_EDMA_VIEWPORT:
		return &n->edma_viewport;
	case EDMA_PRIORITY:
		return &n->edma_priority;
	default:
		return NULL;
	}
}

static uint32_t half(uint64_t v, bool high)
{
	return (uint32_t)(high ? v >> 32 : v);
}

static void set_half(uint64_t *v, bool high, uint32_t val)
{
	*v = high ? (*v & 0xffffffffu) | (uint64_t)val << 32 : (*v & ~(uint64_t)0xffffffffu) | val;
}

static uint32_t edma_channel_read(struct nsoc *n, uint32_t off)
{
	int dir;
	struct ns_channel *ch = edma_channel(n, &dir);

	if (!ch)
		return 0;
	switch (off) {
	case AKD1000_EDMA_CH_CONTROL1:
		return (ch->control1 & ~0x60u) | ch->state << 5;
	case AKD1000_EDMA_CH_CONTROL2:
		return ch->control2;
	case AKD1000_EDMA_CH_BYTES:
		return ch->bytes;
	case AKD1000_EDMA_CH_SOURCE:
	case AKD1000_EDMA_CH_SOURCE + 4:
		return half(ch->source, off != AKD1000_EDMA_CH_SOURCE);
	case AKD1000_EDMA_CH_DEST:
	case AKD1000_EDMA_CH_DEST + 4:
		return half(ch->dest, off != AKD1000_EDMA_CH_DEST);
	case AKD1000_EDMA_CH_LIST:
	case AKD1000_EDMA_CH_LIST + 4:
		return half(ch->list, off != AKD1000_EDMA_CH_LIST);
	default:
		ns_report(n, NS_UNKNOWN_REGISTER, "eDMA channel register 0x%x read", off);
		return 0;
	}
}

static void edma_channel_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	int dir;
	struct ns_channel *ch = edma_channel(n, &dir);

	if (!ch) {
		ns_report(n, NS_UNKNOWN_REGISTER, "eDMA channel %u does not exist", n->edma_viewport & 0x7u);
		return;
	}
	switch (off) {
	case AKD1000_EDMA_CH_CONTROL1:
		ch->control1 = val;
		break;
	case AKD1000_EDMA_CH_CONTROL2:
		ch->control2 = val;
		break;
	case AKD1000_EDMA_CH_BYTES:
		ch->bytes = val;
		break;
	case AKD1000_EDMA_CH_SOURCE:
	case AKD1000_EDMA_CH_SOURCE + 4:
		set_half(&ch->source, off != AKD1000_EDMA_CH_SOURCE, val);
		break;
	case AKD1000_EDMA_CH_DEST:
	case AKD1000_EDMA_CH_DEST + 4:
		set_half(&ch->dest, off != AKD1000_EDMA_CH_DEST, val);
		break;
	case AKD1000_EDMA_CH_LIST:
	case AKD1000_EDMA_CH_LIST + 4:
		set_half(&ch->list, off != AKD1000_EDMA_CH_LIST, val);
		break;
	default:
		ns_report(n, NS_UNKNOWN_REGISTER, "eDMA channel register 0x%x written with 0x%x", off, val);
	}
}

uint32_t ns_edma_read(struct nsoc *n, uint32_t off)
{
	const uint32_t *word;

	if (off >= AKD1000_EDMA_CH_CONTROL1 && off <= AKD1000_EDMA_CH_LIST + 4)
		return edma_channel_read(n, off);
	switch (off) {
	case AKD1000_EDMA_WR_STATUS:
		return n->edma[WRITE].status;
	case AKD1000_EDMA_RD_STATUS:
		return n->edma[READ].status;
	case AKD1000_EDMA_WR_ENABLE:
		return n->edma[WRITE].enable;
	case AKD1000_EDMA_RD_ENABLE:
		return n->edma[READ].enable;
	case AKD1000_EDMA_WR_ERROR:
		return n->edma[WRITE].errors[0];
	case AKD1000_EDMA_RD_ERROR:
	case AKD1000_EDMA_RD_ERROR + 4:
		return n->edma[READ].errors[(off - AKD1000_EDMA_RD_ERROR) / 4];
	case AKD1000_EDMA_CTRL:
		return NS_PCIE_CHANNELS | NS_PCIE_CHANNELS << 16;
	case AKD1000_EDMA_WR_DOORBELL:
	case AKD1000_EDMA_RD_DOORBELL:
	case AKD1000_EDMA_WR_CLEAR:
	case AKD1000_EDMA_RD_CLEAR:
		return 0;
	default:
		word = edma_word(n, off);
		if (word)
			return *word;
		ns_report(n, NS_UNKNOWN_REGISTER, "eDMA register 0x%x read", off);
		return 0;
	}
}

static void edma_enable(struct nsoc *n, int dir, uint32_t val)
{
	n->edma[dir].enable = val;
	for (unsigned int c = 0; !(val & 1u) && c < NS_PCIE_CHANNELS; c++)
		if (n->channel[dir][c].state == RUNNING)
			stop(&n->channel[dir][c]);
}

static void edma_clear(struct ns_edma_side *s, uint32_t val)
{
	s->status &= ~val;
	s->errors[0] &= ~(val & 0x00ff0000u);
}

void ns_edma_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	uint32_t *word;

	if (off >= AKD1000_EDMA_CH_CONTROL1 && off <= AKD1000_EDMA_CH_LIST + 4) {
		edma_channel_write(n, off, val);
		return;
	}
	switch (off) {
	case AKD1000_EDMA_WR_DOORBELL:
		edma_doorbell(n, WRITE, val);
		return;
	case AKD1000_EDMA_RD_DOORBELL:
		edma_doorbell(n, READ, val);
		return;
	case AKD1000_EDMA_WR_CLEAR:
		edma_clear(&n->edma[WRITE], val);
		return;
	case AKD1000_EDMA_RD_CLEAR:
		edma_clear(&n->edma[READ], val);
		return;
	case AKD1000_EDMA_WR_ENABLE:
		edma_enable(n, WRITE, val);
		return;
	case AKD1000_EDMA_RD_ENABLE:
		edma_enable(n, READ, val);
		return;
	case AKD1000_EDMA_WR_STATUS:
	case AKD1000_EDMA_RD_STATUS:
	case AKD1000_EDMA_CTRL:
		return; /* read only */
	default:
		word = edma_word(n, off);
		if (word)
			*word = val;
		else
			ns_report(n, NS_UNKNOWN_REGISTER, "eDMA register 0x%x written with 0x%x", off, val);
	}
}

/* ---- AKD1500: native map ---- */

static struct ns_channel *hdma_channel(struct nsoc *n, uint32_t off, int *dir)
{
	*dir = off & 0x100u ? READ : WRITE;
	return &n->channel[*dir][(off >> 9) & 1u];
}

static void hdma_run(struct nsoc *n, struct ns_channel *ch, int dir)
{
	struct outcome o = {.ok = false};
	bool ccs = ch->cycle & AKD1500_HDMA_CYCLE_CCS;

	if (ch->control1 & AKD1500_HDMA_CONTROL1_LL) {
		o = run_list(n, ch, dir, &ccs);
		ch->cycle = ccs ? ch->cycle | AKD1500_HDMA_CYCLE_CCS : ch->cycle & ~AKD1500_HDMA_CYCLE_CCS;
	} else {
		o.ok = copy(n, dir, ch->source, ch->dest, ch->bytes);
	}
	ch->state = o.ok ? STOPPED : HALTED;
	ch->int_status |= o.ok ? AKD1500_HDMA_INT_STOP : AKD1500_HDMA_INT_ABORT;
	/* The vendor driver sets the two mask bits and still relies on its messages, so those gate the local side only. */
	if (ch->setup & (o.ok ? AKD1500_HDMA_SETUP_REMOTE_STOP : AKD1500_HDMA_SETUP_REMOTE_ABORT))
		send_msi(n, o.ok ? ch->msi_stop : ch->msi_abort, ch->msi_data);
}

static void hdma_doorbell(struct nsoc *n, struct ns_channel *ch, int dir)
{
	if (!(ch->enable & 1u)) {
		ns_report(n, NS_DMA_FAULT, "doorbell of an HDMA channel that is not enabled");
		return;
	}
	if (rung(n, ch))
		hdma_run(n, ch, dir);
}

static uint32_t *hdma_word(struct ns_channel *ch, uint32_t off)
{
	switch (off) {
	case AKD1500_HDMA_ENABLE:
		return &ch->enable;
	case 0x08:
		return &ch->other[0];
	case 0x0c:
		return &ch->other[1];
	case AKD1500_HDMA_CYCLE:
		return &ch->cycle;
	case AKD1500_HDMA_BYTES:
		return &ch->bytes;
	case AKD1500_HDMA_WATERMARK:
		return &ch->other[2];
	case AKD1500_HDMA_CONTROL1:
		return &ch->control1;
	case 0x38:
		return &ch->other[3];
	case 0x3c:
		return &ch->other[4];
	case AKD1500_HDMA_INT_SETUP:
		return &ch->setup;
	case AKD1500_HDMA_MSI_DATA:
		return &ch->msi_data;
	default:
		return NULL;
	}
}

static uint64_t *hdma_wide(struct ns_channel *ch, uint32_t off)
{
	switch (off & ~4u) {
	case AKD1500_HDMA_LIST:
		return &ch->list;
	case AKD1500_HDMA_SOURCE:
		return &ch->source;
	case AKD1500_HDMA_DEST:
		return &ch->dest;
	case AKD1500_HDMA_MSI_STOP:
		return &ch->msi_stop;
	case AKD1500_HDMA_MSI_WATERMARK:
		return &ch->msi_watermark;
	case AKD1500_HDMA_MSI_ABORT:
		return &ch->msi_abort;
	default:
		return NULL;
	}
}

uint32_t ns_hdma_read(struct nsoc *n, uint32_t off)
{
	int dir;
	struct ns_channel *ch = hdma_channel(n, off, &dir);
	uint32_t reg = off & 0xffu;
	uint32_t *word = hdma_word(ch, reg);
	uint64_t *wide = hdma_wide(ch, reg);

	if (word)
		return *word;
	if (wide)
		return half(*wide, reg & 4u);
	if (reg == AKD1500_HDMA_STATUS)
		return ch->state;
	if (reg == AKD1500_HDMA_INT_STATUS)
		return ch->int_status;
	if (reg != AKD1500_HDMA_DOORBELL && reg != AKD1500_HDMA_INT_CLEAR)
		ns_report(n, NS_UNKNOWN_REGISTER, "HDMA register 0x%x read", off);
	return 0;
}

void ns_hdma_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	int dir;
	struct ns_channel *ch = hdma_channel(n, off, &dir);
	uint32_t reg = off & 0xffu;
	uint32_t *word = hdma_word(ch, reg);
	uint64_t *wide = hdma_wide(ch, reg);

	if (word) {
		*word = val;
		if (reg == AKD1500_HDMA_ENABLE && !(val & 1u) && ch->state == RUNNING)
			stop(ch);
	} else if (wide)
		set_half(wide, reg & 4u, val);
	else if (reg == AKD1500_HDMA_INT_CLEAR)
		ch->int_status &= ~val;
	else if (reg == AKD1500_HDMA_DOORBELL && (val & 1u))
		hdma_doorbell(n, ch, dir);
	else if (reg == AKD1500_HDMA_DOORBELL && (val & 2u))
		stop(ch); /* stop request, DesignWare's bit 1 */
	else if (reg != AKD1500_HDMA_DOORBELL && reg != AKD1500_HDMA_STATUS && reg != AKD1500_HDMA_INT_STATUS)
		ns_report(n, NS_UNKNOWN_REGISTER, "HDMA register 0x%x written with 0x%x", off, val);
}

/* ---- paced mode ---- */

bool nsoc_pending(const struct nsoc *n)
{
	for (int dir = WRITE; dir <= READ; dir++)
		for (unsigned int c = 0; c < NS_PCIE_CHANNELS; c++)
			if (n->channel[dir][c].rung)
				return true;
	return false;
}

void nsoc_step(struct nsoc *n)
{
	for (int dir = WRITE; dir <= READ; dir++) {
		for (unsigned int c = 0; c < NS_PCIE_CHANNELS; c++) {
			struct ns_channel *ch = &n->channel[dir][c];

			if (!ch->rung)
				continue;
			ch->rung = false;
			if (n->kind == NSOC_AKD1000)
				edma_run(n, dir, c);
			else
				hdma_run(n, ch, dir);
		}
	}
}
