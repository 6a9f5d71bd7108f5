/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The only place with kernel version tests; each entry says which version and why, and goes when
 * that version does.
 */
#ifndef AKIDA_COMPAT_H
#define AKIDA_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/eventfd.h>
#include <linux/mm.h>
#include <linux/version.h>

/* 6.8: eventfd_signal lost its count. */
static inline void akida_eventfd_signal(struct eventfd_ctx *ctx)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
	eventfd_signal(ctx);
#else
	eventfd_signal(ctx, 1);
#endif
}

/* 6.3: vm_flags became read-only, with setters. */
static inline void akida_vm_flags_set(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

/* 6.2: dma_buf_vmap wants the reservation lock, with variants that take it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define akida_dma_buf_vmap dma_buf_vmap_unlocked
#define akida_dma_buf_vunmap dma_buf_vunmap_unlocked
#else
#define akida_dma_buf_vmap dma_buf_vmap
#define akida_dma_buf_vunmap dma_buf_vunmap
#endif

/* 6.13: names of symbol name spaces are strings. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define AKIDA_IMPORT_DMA_BUF MODULE_IMPORT_NS("DMA_BUF")
#else
#define AKIDA_IMPORT_DMA_BUF MODULE_IMPORT_NS(DMA_BUF)
#endif

#endif
