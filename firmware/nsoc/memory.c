/* SPDX-License-Identifier: MIT */
/*
 * Memory as the chip's own masters address it: on-board memory at 0x20000000 (LPDDR4 or RAM, allocated page by page when
 * first written, reads of untouched pages give zeros) and, on the AKD1500, host memory through outbound iATU regions.
 * Registers are not reachable from here.
 */
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/internal.h"

uint8_t *ns_mem_span(struct nsoc *n, uint32_t addr, uint32_t bytes, bool create, uint32_t *span)
{
	uint32_t off = addr - NS_MEM_ADDR, in_page = off & (NS_PAGE - 1);
	uint8_t **page = &n->page[off >> NS_PAGE_BITS];

	*span = bytes < NS_PAGE - in_page ? bytes : NS_PAGE - in_page;
	if (!*page && create)
		*page = calloc(1, NS_PAGE);
	return *page ? *page + in_page : NULL;
}

/* The host address of addr in an enabled outbound region, and how many of bytes it holds. */
static bool outbound(const struct nsoc *n, uint32_t addr, uint32_t bytes, uint64_t *bus, uint32_t *span)
{
	for (unsigned int i = 0; i < NS_WINDOWS; i++) {
		const struct ns_window *w = &n->outbound[i];

		if (!(w->ctrl2 & NS_WINDOW_ENABLE) || w->base_hi || addr < w->base_lo || w->limit < addr)
			continue;
		*span = bytes - 1 <= w->limit - addr ? bytes : w->limit - addr + 1;
		*bus = (((uint64_t)w->target_hi << 32) | w->target_lo) + (addr - w->base_lo);
		return true;
	}
	return false;
}

static bool nowhere(struct nsoc *n, const char *what, uint32_t addr, uint32_t bytes)
{
	ns_report(n, NS_BAD_ADDRESS, "%s of %u bytes at device address 0x%08x, where no memory is", what, bytes, addr);
	return false;
}

bool ns_mem_read(struct nsoc *n, uint32_t addr, void *to, uint32_t bytes)
{
	uint8_t *dst = to;
	uint32_t span;
	uint64_t bus;

	if (!ns_mem_local(n, addr, bytes)) {
		for (; bytes && n->host.read && outbound(n, addr, bytes, &bus, &span); bytes -= span) {
			if (n->host.read(n->host.ctx, bus, dst, span))
				break;
			dst += span;
			addr += span;
		}
		memset(dst, 0, bytes);
		return !bytes || nowhere(n, "read", addr, bytes);
	}
	while (bytes) {
		const uint8_t *p = ns_mem_span(n, addr, bytes, false, &span);

		if (p)
			memcpy(dst, p, span);
		else
			memset(dst, 0, span);
		dst += span;
		addr += span;
		bytes -= span;
	}
	return true;
}

bool ns_mem_write(struct nsoc *n, uint32_t addr, const void *from, uint32_t bytes)
{
	const uint8_t *src = from;
	uint32_t span;
	uint64_t bus;

	if (!ns_mem_local(n, addr, bytes)) {
		for (; bytes && n->host.write && outbound(n, addr, bytes, &bus, &span); bytes -= span) {
			if (n->host.write(n->host.ctx, bus, src, span))
				break;
			src += span;
			addr += span;
		}
		return !bytes || nowhere(n, "write", addr, bytes);
	}
	while (bytes) {
		uint8_t *p = ns_mem_span(n, addr, bytes, true, &span);

		if (!p)
			return nowhere(n, "write (model out of memory)", addr, bytes);
		memcpy(p, src, span);
		src += span;
		addr += span;
		bytes -= span;
	}
	return true;
}

bool ns_mem_clear(struct nsoc *n, uint32_t addr, uint32_t bytes)
{
	static const uint8_t zero[4096];

	while (bytes) {
		uint32_t step = bytes < sizeof(zero) ? bytes : (uint32_t)sizeof(zero);

		if (!ns_mem_write(n, addr, zero, step))
			return false;
		addr += step;
		bytes -= step;
	}
	return true;
}
