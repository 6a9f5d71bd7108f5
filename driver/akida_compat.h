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

/*
 * io_uring commands. Their interface moved often and was backported: Kbuild looks into the kernel's
 * header for what is there and says so as AKIDA_HAS_URING_*.
 *   SQE_CMD     commands are found through the SQE (6.12 has it, 6.1 not)
 *   CMD_TYPED   with the type of what is wanted, whose size is checked (7.3)
 *   CANCELABLE  the end of a ring cancels commands that say so (6.12); before, it waits for them
 *   DONE32      completion without a second result (7.3)
 *   TW_REQ      task work gets a request (7.3)
 */
#if IS_ENABLED(CONFIG_IO_URING)
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif

static inline const u64 *akida_uring_cmd_arg(struct io_uring_cmd *cmd)
{
#if defined(AKIDA_HAS_URING_CMD_TYPED)
	return &io_uring_sqe_cmd(cmd->sqe, struct akida_uring_cmd)->arg_ptr;
#elif defined(AKIDA_HAS_URING_SQE_CMD)
	return io_uring_sqe_cmd(cmd->sqe);
#else
	return cmd->cmd;
#endif
}

static inline u32 akida_uring_flags(const struct io_uring_cmd *cmd)
{
	return cmd->flags & 0x00ffffff; /* above are the kernel's own */
}

static inline bool akida_uring_is_cancel(unsigned int issue_flags)
{
#ifdef AKIDA_HAS_URING_CANCELABLE
	return issue_flags & IO_URING_F_CANCEL;
#else
	return false;
#endif
}

static inline void akida_uring_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
#ifdef AKIDA_HAS_URING_CANCELABLE
	io_uring_cmd_mark_cancelable(cmd, issue_flags);
#endif
}

static inline void akida_uring_cmd_done(struct io_uring_cmd *cmd, int res, unsigned int issue_flags)
{
#ifdef AKIDA_HAS_URING_DONE32
	io_uring_cmd_done(cmd, res, issue_flags);
#else
	io_uring_cmd_done(cmd, res, 0, issue_flags);
#endif
}

/* Defines name, what io_uring_cmd_complete_in_task wants, over finish(cmd, issue_flags). */
#ifdef AKIDA_HAS_URING_TW_REQ
#define AKIDA_URING_TASK_WORK(name, finish)							\
static void name(struct io_tw_req req, io_tw_token_t token)					\
{												\
	finish(io_uring_cmd_from_tw(req), IO_URING_CMD_TASK_WORK_ISSUE_FLAGS);			\
}
#else
#define AKIDA_URING_TASK_WORK(name, finish)							\
static void name(struct io_uring_cmd *cmd, unsigned int issue_flags)				\
{												\
	finish(cmd, issue_flags);								\
}
#endif
#endif

#endif
