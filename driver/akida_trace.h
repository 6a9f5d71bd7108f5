/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, below events/akida in tracefs. A submit that makes room for others has several
 * start and stop pairs, and one done.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM akida

#if !defined(AKIDA_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define AKIDA_TRACE_H

#include <linux/tracepoint.h>

/* frames: of the whole submit at submit, done so far at start and stop, done at done. */
DECLARE_EVENT_CLASS(akida_job,
	TP_PROTO(int minor, const void *ctx, u64 seq, u32 frames, int status),
	TP_ARGS(minor, ctx, seq, frames, status),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(const void *, ctx)
		__field(u64, seq)
		__field(u32, frames)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->ctx = ctx;
		__entry->seq = seq;
		__entry->frames = frames;
		__entry->status = status;
	),
	TP_printk("akida%d ctx=%p seq=%llu frames=%u status=%d", __entry->minor, __entry->ctx,
		  __entry->seq, __entry->frames, __entry->status)
);

DEFINE_EVENT(akida_job, akida_submit,
	TP_PROTO(int minor, const void *ctx, u64 seq, u32 frames, int status),
	TP_ARGS(minor, ctx, seq, frames, status));

DEFINE_EVENT(akida_job, akida_start,
	TP_PROTO(int minor, const void *ctx, u64 seq, u32 frames, int status),
	TP_ARGS(minor, ctx, seq, frames, status));

/* status: 0 all frames done, 1 made room, -errno; -ETIMEDOUT is a frame that did not finish. */
DEFINE_EVENT(akida_job, akida_stop,
	TP_PROTO(int minor, const void *ctx, u64 seq, u32 frames, int status),
	TP_ARGS(minor, ctx, seq, frames, status));

DEFINE_EVENT(akida_job, akida_done,
	TP_PROTO(int minor, const void *ctx, u64 seq, u32 frames, int status),
	TP_ARGS(minor, ctx, seq, frames, status));

/* One linked list of the DMA engine. status: 0 at start and when all is moved, else -errno. */
DECLARE_EVENT_CLASS(akida_dma,
	TP_PROTO(int minor, bool to_host, u32 bytes, int status),
	TP_ARGS(minor, to_host, bytes, status),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(bool, to_host)
		__field(u32, bytes)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->to_host = to_host;
		__entry->bytes = bytes;
		__entry->status = status;
	),
	TP_printk("akida%d %s bytes=%u status=%d", __entry->minor,
		  __entry->to_host ? "to_host" : "to_device", __entry->bytes, __entry->status)
);

DEFINE_EVENT(akida_dma, akida_dma_start,
	TP_PROTO(int minor, bool to_host, u32 bytes, int status),
	TP_ARGS(minor, to_host, bytes, status));

DEFINE_EVENT(akida_dma, akida_dma_done,
	TP_PROTO(int minor, bool to_host, u32 bytes, int status),
	TP_ARGS(minor, to_host, bytes, status));

/* Something of the chip did not happen in time: what, with two numbers as in the kernel's log. */
TRACE_EVENT(akida_timeout,
	TP_PROTO(int minor, const char *what, u64 a, u64 b),
	TP_ARGS(minor, what, a, b),
	TP_STRUCT__entry(
		__field(int, minor)
		__array(char, what, 32)
		__field(u64, a)
		__field(u64, b)
	),
	TP_fast_assign(
		__entry->minor = minor;
		strscpy(__entry->what, what, sizeof(__entry->what));
		__entry->a = a;
		__entry->b = b;
	),
	TP_printk("akida%d what=\"%s\" a=%#llx b=%#llx", __entry->minor, __entry->what, __entry->a,
		  __entry->b)
);

/* reason: 0 fault, 1 request, 2 resume, 3 function, 4 slot */
TRACE_EVENT(akida_reset,
	TP_PROTO(int minor, int reason, u32 generation, int status),
	TP_ARGS(minor, reason, generation, status),
	TP_STRUCT__entry(
		__field(int, minor)
		__field(int, reason)
		__field(u32, generation)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->minor = minor;
		__entry->reason = reason;
		__entry->generation = generation;
		__entry->status = status;
	),
	TP_printk("akida%d reason=%d generation=%u status=%d", __entry->minor, __entry->reason,
		  __entry->generation, __entry->status)
);

#endif

/* Found through -I of the tree's top, for modules outside the kernel's tree. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH driver
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE akida_trace
#include <trace/define_trace.h>
