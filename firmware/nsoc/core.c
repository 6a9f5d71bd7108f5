/* SPDX-License-Identifier: MIT */
/*
 * The core register block at 0xFCC00000: top level, resets, EPG, interrupt controller, and the way to the DMA
 * controllers and the sensor (nsoc-hardware 5, 6, 13). Offsets outside of what is known are counted.
 */
#include <string.h>
#include "firmware/nsoc/internal.h"

#define DMA_SPAN 0x100u
#define EPG_SPAN 0x48u
#define EPG_CONTROL_PULSES (AKC_EPG_CONTROL_SOFT_RESET | AKC_EPG_CONTROL_SEQ_RESET)
#define SENSOR_SPAN 0x100u
#define SYSTEM_CONTROL 0x200018u /* AKD1500: 0xFCE00018 */
#define SYSTEM_CONTROL_DEFAULT 0x00220000u
#define POTENTIAL_DEPTH 5376u /* lines: 5.25 x 1024; the registers' values are not published */

static const uint32_t dma_base[NS_DMA_COUNT] = {AKC_EVENT_DMA, AKC_HRC_DMA, AKC_CONF_DMA};

void ns_core_power_on(struct nsoc *n)
{
	memset(n->top, 0, sizeof(n->top));
	memset(n->epg, 0, sizeof(n->epg));
	memset(n->intc, 0, sizeof(n->intc));
	n->system_control = SYSTEM_CONTROL_DEFAULT;
	n->job_count = 0;
	for (int id = 0; id < NS_DMA_COUNT; id++)
		ns_dma_reset(n, (enum ns_dma_id)id);
	ns_mesh_reset(n);
	ns_hrc_reset(n);
}

/* What a rising reset bit clears (6). Memories keep their content on silicon; here it is forgotten, so that a host
 * which relies on leftovers is found out. */
static void control_write(struct nsoc *n, uint32_t val)
{
	uint32_t rising = val & ~n->top[AKC_TOP_CONTROL / 4];

	n->top[AKC_TOP_CONTROL / 4] = val;
	if (rising & AKC_TOP_CONTROL_CORE_RESET) {
		ns_moment(n, NSOC_IS_RESET);
		n->job_count = 0;
		for (int id = 0; id < NS_DMA_COUNT; id++)
			ns_dma_reset(n, (enum ns_dma_id)id);
		memset(n->epg, 0, sizeof(n->epg));
		memset(n->intc, 0, sizeof(n->intc));
		n->plan_stale = true;
	}
	if (rising & AKC_TOP_CONTROL_SCC_RESET)
		ns_hrc_reset(n);
	if (rising & (AKC_TOP_CONTROL_LOGIC_RESET | AKC_TOP_CONTROL_MESH_RESET))
		ns_mesh_reset(n);
}

static bool top_known(uint32_t off)
{
	switch (off) {
	case AKC_TOP_VERSION:
	case AKC_TOP_CONTROL:
	case 0x10:
	case 0x14:
	case 0x18:
	case 0x1c:
	case AKC_TOP_MESH1:
	case AKC_TOP_MESH2:
	case AKC_TOP_MESH3:
	case 0x64: /* skip-DMA info: none on v1 */
	case AKC_TOP_OPTIONS:
	case AKC_TOP_POTENTIAL_DEPTH:
	case AKC_TOP_FILTER_DEPTH:
		return true;
	default:
		return false;
	}
}

static uint32_t top_read(const struct nsoc *n, uint32_t off)
{
	switch (off) {
	case AKC_TOP_VERSION:
		return n->chip->version;
	case AKC_TOP_MESH1:
	case AKC_TOP_MESH2:
	case AKC_TOP_MESH3:
		return n->chip->mesh[(off - AKC_TOP_MESH1) / 4];
	case AKC_TOP_OPTIONS:
		return n->chip->options;
	case AKC_TOP_POTENTIAL_DEPTH:
		return POTENTIAL_DEPTH;
	case AKC_TOP_FILTER_DEPTH:
		return NS_LINES;
	default:
		return n->top[off / 4];
	}
}

static uint32_t interrupt_sources(const struct nsoc *n)
{
	uint32_t src = 0;

	if (ns_dma_interrupts(n, NS_DMA_EVENT))
		src |= AKC_INTC_EVENT_DMA;
	if (ns_dma_interrupts(n, NS_DMA_CONFIG))
		src |= AKC_INTC_CONF_DMA;
	if (ns_dma_interrupts(n, NS_DMA_IMAGE))
		src |= AKC_INTC_HRC;
	return src;
}

static bool epg_known(uint32_t off)
{
	return off <= AKC_EPG_SYNC_LAST || off == 0x40 || off == 0x44;
}

uint32_t ns_core_read(struct nsoc *n, uint32_t off)
{
	if (off < 0x80 && top_known(off))
		return top_read(n, off);
	for (int id = 0; id < NS_DMA_COUNT; id++)
		if (off >= dma_base[id] && off < dma_base[id] + DMA_SPAN)
			return ns_dma_read(n, (enum ns_dma_id)id, off - dma_base[id]);
	if (off >= AKC_EPG && off < AKC_EPG + EPG_SPAN && epg_known(off - AKC_EPG))
		return n->epg[(off - AKC_EPG) / 4];
	if (off == AKC_INTC + AKC_INTC_SOURCE)
		return interrupt_sources(n);
	if (off >= AKC_INTC && off < AKC_INTC + AKC_INTC_SOURCE)
		return n->intc[(off - AKC_INTC) / 4];
	if (off >= NSOC_SENSOR_BASE && off < NSOC_SENSOR_BASE + SENSOR_SPAN)
		return ns_sensor_read(n, off - NSOC_SENSOR_BASE);
	if (n->kind == NSOC_AKD1500 && off == SYSTEM_CONTROL)
		return n->system_control;
	ns_report(n, NS_UNKNOWN_REGISTER, "core register 0x%x read", off);
	return 0;
}

void ns_core_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	for (int id = 0; id < NS_DMA_COUNT; id++)
		if (off >= dma_base[id] && off < dma_base[id] + DMA_SPAN) {
			ns_dma_write(n, (enum ns_dma_id)id, off - dma_base[id], val);
			return;
		}
	if (off == AKC_TOP_CONTROL) {
		control_write(n, val);
	} else if (off < 0x80 && top_known(off)) {
		n->top[off / 4] = val; /* read-only ones keep showing their value */
	} else if (off >= AKC_EPG && off < AKC_EPG + EPG_SPAN && epg_known(off - AKC_EPG)) {
		if (off == AKC_EPG + AKC_EPG_CONTROL) {
			if (val & AKC_EPG_CONTROL_SOFT_RESET)
				memset(n->epg, 0, sizeof(n->epg));
			val &= ~EPG_CONTROL_PULSES;
		}
		n->epg[(off - AKC_EPG) / 4] = val;
		n->plan_stale = true;
	} else if (off >= AKC_INTC && off < AKC_INTC + AKC_INTC_SOURCE) {
		n->intc[(off - AKC_INTC) / 4] = val;
	} else if (off == AKC_INTC + AKC_INTC_SOURCE) {
		return; /* follows the controllers' end bits */
	} else if (off >= NSOC_SENSOR_BASE && off < NSOC_SENSOR_BASE + SENSOR_SPAN) {
		ns_sensor_write(n, off - NSOC_SENSOR_BASE, val);
	} else if (n->kind == NSOC_AKD1500 && off == SYSTEM_CONTROL) {
		n->system_control = val;
	} else {
		ns_report(n, NS_UNKNOWN_REGISTER, "core register 0x%x written with 0x%x", off, val);
	}
}
