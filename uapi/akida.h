/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
/*
 * The contract between the akida kernel module and user space: /dev/akidaN.
 *
 * Rules, each with a test: every struct begins with size and flags; size is what the caller knows, at least the
 * first-version length named at the struct. A longer struct is accepted while the unknown tail is zero (else E2BIG); a
 * shorter one is read as if zero-filled. On return the kernel writes at most size bytes, and stores in size how many it
 * knows. Unknown flags and non-zero reserved fields are EINVAL. Handles are per open file, never 0. Time-outs are
 * absolute CLOCK_MONOTONIC nanoseconds; 0 and the past mean "do not wait". Layout is the same for 32- and 64-bit callers.
 *
 * Errors of every call: EINVAL, E2BIG, EFAULT as above; ENODEV the device is gone, or the context was broken by a reset that
 * was asked for or by its own failed submit; ENOTTY unknown command. Others are listed at the struct.
 */
#ifndef _UAPI_AKIDA_H
#define _UAPI_AKIDA_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define AKIDA_IOC_MAGIC 0xBC
/* The size is in the struct, so that growing one does not change its number. */
#define AKIDA_IOC(nr) _IOC(_IOC_READ | _IOC_WRITE, AKIDA_IOC_MAGIC, (nr), 0)

#define AKIDA_IOC_QUERY		  AKIDA_IOC(0x00)
#define AKIDA_IOC_BUFFER_CREATE	  AKIDA_IOC(0x01)
#define AKIDA_IOC_BUFFER_DESTROY  AKIDA_IOC(0x02)
#define AKIDA_IOC_PROGRAM_CREATE  AKIDA_IOC(0x03)
#define AKIDA_IOC_PROGRAM_DESTROY AKIDA_IOC(0x04)
#define AKIDA_IOC_CONTEXT_CREATE  AKIDA_IOC(0x05)
#define AKIDA_IOC_CONTEXT_DESTROY AKIDA_IOC(0x06)
#define AKIDA_IOC_SUBMIT	  AKIDA_IOC(0x07)
#define AKIDA_IOC_WAIT		  AKIDA_IOC(0x08)
#define AKIDA_IOC_RESET		  AKIDA_IOC(0x09)
#define AKIDA_IOC_POWER		  AKIDA_IOC(0x0a) /* with AKIDA_CAP_POWER */
#define AKIDA_IOC_CANCEL	  AKIDA_IOC(0x0b) /* with AKIDA_CAP_CANCEL */
#define AKIDA_IOC_BUFFER_EXPORT	  AKIDA_IOC(0x0c) /* with AKIDA_CAP_DMABUF */
#define AKIDA_IOC_CLOCK		  AKIDA_IOC(0x0d) /* with AKIDA_CAP_CLOCK */

/* Capability bits of akida_query.caps. A feature that has no bit here is not in this kernel module. */
#define AKIDA_CAP_BUFFER_ALLOC	(1ull << 0)
#define AKIDA_CAP_EVENTFD	(1ull << 1)
#define AKIDA_CAP_POWER		(1ull << 2) /* floor, average and samples are known for this board */
#define AKIDA_CAP_INTERRUPT	(1ull << 3) /* completions by interrupt; otherwise the module polls */
#define AKIDA_CAP_USER_MEMORY	(1ull << 4) /* AKIDA_BUFFER_USER, AKIDA_SUBMIT_USER_IN and _OUT */
#define AKIDA_CAP_DMABUF	(1ull << 5) /* AKIDA_BUFFER_DMABUF, BUFFER_EXPORT */
#define AKIDA_CAP_POLL		(1ull << 6) /* poll, select and epoll on the node */
#define AKIDA_CAP_PRIORITY	(1ull << 7) /* akida_context_create.priority */
#define AKIDA_CAP_CANCEL	(1ull << 8)
#define AKIDA_CAP_URING		(1ull << 9) /* struct akida_uring_cmd */
#define AKIDA_CAP_CLOCK		(1ull << 11) /* the board's clock modes are known */
#define AKIDA_CAP_PASSES	(1ull << 12) /* akida_program_create.passes_ptr */
#define AKIDA_CAP_LEGACY	(1ull << 10) /* the vendor module's read, write, mmap: for CAP_SYS_RAWIO */

#define AKIDA_CHIP_AKD1000 1000
#define AKIDA_CHIP_AKD1500 1500

/* struct akida_np.types */
#define AKIDA_NP_CNP1 (1u << 0)
#define AKIDA_NP_CNP2 (1u << 1)
#define AKIDA_NP_FNP2 (1u << 2)
#define AKIDA_NP_FNP3 (1u << 3)

struct akida_np {
	__u8 col, row, id, types;
};

/*
 * QUERY: what the device is, can and has done. Read-only. First version: 152 bytes.
 * np_ptr may be 0; else min(np_capacity, np_count) entries are written there.
 */
struct akida_query {
	__u32 size;
	__u32 flags;		 /* in: 0 */
	__u64 np_ptr;		 /* in: struct akida_np[np_capacity] */
	__u32 np_capacity;	 /* in */
	__u32 np_count;		 /* out */
	__u64 caps;		 /* out: AKIDA_CAP_* */
	__u32 chip;		 /* out: AKIDA_CHIP_* */
	__u32 ip;		 /* out: 1 */
	__u8 version[4];	 /* out: vendor, product, major, minor */
	__u32 clock_khz;	 /* out: core clock, 0 when the board does not tell */
	__u32 generation;	 /* out: +1 with every reset */
	__u32 max_batch;	 /* out: frames of one submit that are in flight at once */
	__u32 max_frames;	 /* out: frames of one submit */
	__u32 max_handles;	 /* out: buffers, programs and contexts of one file, each */
	__u64 max_buffer_bytes;	 /* out: of one buffer */
	__u64 max_pinned_bytes;	 /* out: of all buffers of one file */
	__u64 max_program_bytes; /* out */
	__u64 jobs;		 /* out: frames completed since load of the module */
	__u64 busy_ns;		 /* out: time with frames in flight */
	__u64 dma_bytes;	 /* out: moved by the chip's DMA engine, both directions */
	__u64 interrupts;	 /* out */
	__u64 doorbells;	 /* out: linked lists started */
	__u64 resets;		 /* out */
	__u32 floor_uw;		 /* out: with AKIDA_CAP_POWER */
	__u32 reserved0;
	__u64 energy_uj;	 /* out: with AKIDA_CAP_POWER, since power-up of the board */
};

/*
 * BUFFER_CREATE: memory the device can reach. Without flags zeroed, page-aligned memory; mmap the file at mmap_offset to
 * see it. First version: 40 bytes. ENOSPC: the file's limit; ENOMEM.
 * AKIDA_BUFFER_USER: the caller's own memory, of any alignment, pinned until the last work that uses it has ended. It
 *   counts against RLIMIT_MEMLOCK of the user unless the caller has CAP_IPC_LOCK (ENOMEM). EFAULT: not all of it is there
 *   or, without READ_ONLY, writable; EOPNOTSUPP: memory that cannot be pinned for long, as of some file systems.
 * AKIDA_BUFFER_DMABUF: the first bytes of a dma-buf of another device. Inputs: the caller ends its own writes with
 *   DMA_BUF_IOCTL_SYNC. EBADF, EINVAL: no dma-buf; ERANGE: it is smaller; EOPNOTSUPP: the kernel cannot map it for the
 *   CPU, which outputs need: READ_ONLY then; other errors of its exporter.
 * AKIDA_BUFFER_READ_ONLY: with one of the two: for inputs only.
 */
struct akida_buffer_create {
	__u32 size;
	__u32 flags;	   /* in: AKIDA_BUFFER_* */
	__u64 bytes;	   /* in: 1..max_buffer_bytes; out: without flags rounded up to pages */
	__u32 handle;	   /* out */
	__s32 dmabuf;	   /* in: with AKIDA_BUFFER_DMABUF its file descriptor; else 0 */
	__u64 mmap_offset; /* out: 0 for memory that is not the device's */
	__u64 user_ptr;	   /* in: with AKIDA_BUFFER_USER its first byte; else 0 */
};
#define AKIDA_BUFFER_USER      (1u << 0)
#define AKIDA_BUFFER_DMABUF    (1u << 1)
#define AKIDA_BUFFER_READ_ONLY (1u << 2)
#define AKIDA_BUFFER_FLAGS     (AKIDA_BUFFER_USER | AKIDA_BUFFER_DMABUF | AKIDA_BUFFER_READ_ONLY)

/*
 * BUFFER_EXPORT: a dma-buf of a buffer that was made without flags, for other devices; it keeps the memory beyond the
 * buffer, the file and the device. 16 bytes. ENOENT; EINVAL: memory that is not the device's; EMFILE; ENOMEM.
 */
struct akida_buffer_export {
	__u32 size;
	__u32 flags;  /* in: 0; the descriptor is close-on-exec */
	__u32 handle; /* in */
	__s32 dmabuf; /* in: 0; out */
};

/* BUFFER_DESTROY, PROGRAM_DESTROY, CONTEXT_DESTROY. 16 bytes. ENOENT; EBUSY: work that uses it is queued. */
struct akida_destroy {
	__u32 size;
	__u32 flags;	 /* in: 0 */
	__u32 handle;	 /* in */
	__u32 reserved0; /* in: 0 */
};

struct akida_track {
	__u32 word_offset; /* from the first word of the image */
	__u32 words;
};

/*
 * Tracks of one pass, so many in a row of akida_program_create's; the last `external` of them are weights of FNP2s, one
 * packet each, which stay in device memory.
 */
struct akida_pass {
	__u32 tracks;
	__u32 external;
};

struct akida_reg_write {
	__u32 offset; /* EPG register */
	__u32 value;
};

/*
 * PROGRAM_CREATE: the kernel copies image, tracks and EPG list once and verifies every packet, address and length
 * against this device's mesh; the program cannot be changed afterwards. First version: 112 bytes, without pass_count.
 * With several passes, which the chip loads in turn for every frame, one frame is in flight, whatever a context's batch.
 * EILSEQ: packets or spans malformed; EBADMSG: for another device version; EOPNOTSUPP: well formed, not supported; bad_*
 * then say where (all errors); ENOSPC: the file's limit; ENOMEM.
 */
struct akida_program_create {
	__u32 size;
	__u32 flags;	    /* in: 0 */
	__u64 image_ptr;    /* in: words of the Program part, size prefix included */
	__u64 tracks_ptr;   /* in: struct akida_track[track_count], in load order */
	__u64 epg_ptr;	    /* in: struct akida_reg_write[epg_count] */
	__u32 image_bytes;  /* in: multiple of 4 */
	__u32 track_count;  /* in */
	__u32 epg_count;    /* in */
	__u8 version[4];    /* in: device version the program is for */
	__u32 in_dims[3];   /* in: h, w, c of one uint8 frame */
	__u32 out_dims[3];  /* in: h, w, c of one output */
	__u32 window_w, window_h; /* in: 0 for the whole image */
	__u32 input_type;   /* in: 0 */
	__u32 output_type;  /* in: 0 dense, 2 CNP sparse */
	__u32 activation;   /* in: 1 when outputs are activations */
	__u32 handle;	    /* out */
	__u32 bad_track;    /* out on failure */
	__u32 bad_word;	    /* out on failure */
	__u64 passes_ptr;   /* in: struct akida_pass[pass_count]; 0: one pass without external weights */
	__u32 pass_count;   /* in: 0 without passes_ptr */
	__u32 reserved0;    /* in: 0 */
};

/*
 * CONTEXT_CREATE: a queue of frames for one program. Contexts of all files share the device: a resident program stays
 * while its queue is busy, at most quantum_ns, then others have their turn. A context of a higher priority goes first, as
 * soon as the frames in flight are done; those of one priority take turns; lower ones wait as long as higher ones have
 * work. First version: 40 bytes. ENOENT: program; EPERM: high priority without CAP_SYS_NICE; EBUSY: a program made for the
 * vendor's module has the board (AKIDA_CAP_LEGACY).
 */
struct akida_context_create {
	__u32 size;
	__u32 flags;	 /* in: AKIDA_CONTEXT_* */
	__u32 program;	 /* in: handle */
	__s32 eventfd;	 /* in: with AKIDA_CONTEXT_EVENTFD: signalled once per completed submit; else -1 or 0 */
	__u32 batch;	 /* in: frames in flight, 0: 1; at most max_batch */
	__u32 handle;	 /* out */
	__u64 quantum_ns; /* in: 0: the module's default */
	__u32 generation; /* out: of the device when the context was made */
	__s32 priority;	  /* in: AKIDA_PRIORITY_* */
};
#define AKIDA_PRIORITY_LOW (-1)
#define AKIDA_PRIORITY_NORMAL 0
#define AKIDA_PRIORITY_HIGH 1 /* needs CAP_SYS_NICE */
#define AKIDA_CONTEXT_EVENTFD (1u << 0)
#define AKIDA_CONTEXT_FLAGS AKIDA_CONTEXT_EVENTFD

/*
 * SUBMIT: count frames in one call. Frame i is read at in_offset + i * in_stride of buffer in_handle; its outputs,
 * out_dims int32 values, are written at out_offset + i * out_stride of buffer out_handle. First version: 72 bytes.
 * ENOENT: context or buffer; ERANGE: a frame does not lie inside its buffer; EAGAIN: the queue is full; EACCES: outputs
 * into a read-only buffer.
 * AKIDA_SUBMIT_USER_IN, _USER_OUT: in_offset or out_offset is the caller's own memory, the handle is 0. What the frames
 * cover, at most max_buffer_bytes (else ERANGE), is pinned until the submit has ended; errors as AKIDA_BUFFER_USER.
 */
struct akida_submit {
	__u32 size;
	__u32 flags;	  /* in: AKIDA_SUBMIT_* */
	__u32 context;	  /* in */
	__u32 count;	  /* in: 1..max_frames */
	__u32 in_handle;  /* in */
	__u32 out_handle; /* in */
	__u64 in_offset;  /* in */
	__u64 in_stride;  /* in: bytes */
	__u64 out_offset; /* in: multiple of 4 */
	__u64 out_stride; /* in: bytes, multiple of 4 */
	__u64 seq;	  /* out: number of this submit in its context, from 1 */
	__u64 reserved0;  /* in: 0 */
};
#define AKIDA_SUBMIT_USER_IN  (1u << 0)
#define AKIDA_SUBMIT_USER_OUT (1u << 1)
#define AKIDA_SUBMIT_FLAGS    (AKIDA_SUBMIT_USER_IN | AKIDA_SUBMIT_USER_OUT)

/*
 * WAIT: until the submit seq of a context has ended. First version: 80 bytes.
 * ETIMEDOUT: not yet ended (nothing is cancelled); EINTR; ENOENT: context, or a seq that was never given out.
 * A submit that failed is a success of WAIT with a negative errno in status: EIO, ETIMEDOUT (the device did not finish
 * in time and was reset), ENODEV (ended by a reset, a removal, or a submit before it that failed), ECANCELED (its context
 * was destroyed, or it was cancelled), ENOSPC (the program does not fit device memory with its frames). Frames up to
 * frames_done are valid.
 * poll() says POLLIN while a submit of the file has ended and no WAIT has told so (of the newest 256 of each context), and
 * POLLERR | POLLHUP when the device is gone.
 */
struct akida_wait {
	__u32 size;
	__u32 flags;	    /* in: 0 */
	__u32 context;	    /* in */
	__s32 status;	    /* out: 0 or -errno */
	__u64 seq;	    /* in */
	__s64 timeout_ns;   /* in: absolute */
	__u32 frames_done;  /* out */
	__u32 program_clk;  /* out: clocks of the last programming */
	__u64 queued_ns;    /* out: CLOCK_MONOTONIC */
	__u64 started_ns;   /* out: first frame given to the chip */
	__u64 ended_ns;	    /* out */
	__u64 inference_clk; /* out: clocks of all frames */
	__u64 reserved0;    /* in: 0 */
};

/*
 * CANCEL: a submit that has not ended ends with ECANCELED, at once or after the frames in flight; what is queued behind it
 * goes on. WAIT tells when it has. 24 bytes. ENOENT: context, or no such submit is waiting or running.
 */
struct akida_cancel {
	__u32 size;
	__u32 flags;	 /* in: 0 */
	__u32 context;	 /* in */
	__u32 reserved0; /* in: 0 */
	__u64 seq;	 /* in */
};

/*
 * io_uring: IORING_OP_URING_CMD on the node, cmd_op AKIDA_IOC_SUBMIT or AKIDA_IOC_CANCEL, uring_cmd_flags 0, and this
 * struct in the SQE's cmd (16 bytes: no SQE128). What it points to is read when the command is issued.
 * SUBMIT: arg_ptr as SUBMIT's; its seq is written before the command completes, which is when the submit has ended. The
 *   result is the number of frames, or -errno of SUBMIT or of WAIT's status. wait_ptr 0, or a struct akida_wait with size
 *   and else zeros, written before completion as WAIT would. It must stay until then. poll() and WAIT need not be asked.
 * CANCEL: arg_ptr as CANCEL's, wait_ptr 0. The end of the process cancels too, and on kernels that tell (6.12 does, 6.1 does
 *   not) the end of the ring; on others that waits. IORING_OP_ASYNC_CANCEL does not.
 * EINVAL: flags, or wait_ptr with CANCEL; ENOTTY: other cmd_op.
 */
struct akida_uring_cmd {
	__u64 arg_ptr;
	__u64 wait_ptr;
};

/*
 * RESET: ends all work on this device with ENODEV, bumps the generation. Needs CAP_SYS_ADMIN. 16 bytes. EPERM; EIO;
 * EAGAIN: suspend or a reset of the PCI function is under way.
 */
struct akida_reset {
	__u32 size;
	__u32 flags;	  /* in: 0 */
	__u32 generation; /* out */
	__u32 reserved0;  /* in: 0 */
};

struct akida_power_sample {
	__u64 ts_ns; /* CLOCK_MONOTONIC, to the millisecond of the board's clock */
	__u32 uw;
	__u32 reserved0; /* 0 */
};

/*
 * POWER: samples of the board's power meter since the last call on this file (the first one: since it was opened), oldest
 * first. samples_ptr may be 0 with capacity 0: only the other fields. First version: 64 bytes. EOPNOTSUPP: no meter that we
 * know (no AKIDA_CAP_POWER).
 */
struct akida_power {
	__u32 size;
	__u32 flags;	   /* in: 0 */
	__u64 samples_ptr; /* in: struct akida_power_sample[capacity] */
	__u32 capacity;	   /* in */
	__u32 count;	   /* out: samples written */
	__u32 waiting;	   /* out: samples still there for the next call */
	__u32 dropped;	   /* out: samples lost since the last call, as it came too late; 1024 are kept */
	__u32 floor_uw;	   /* out: the board with an idle chip */
	__u32 newest_uw;   /* out: 0 before the first sample */
	__u64 energy_uj;   /* out: since power-up of the board */
	__u64 reserved0;   /* in: 0 */
	__u64 reserved1;   /* in: 0 */
};

/*
 * CLOCK: the core clock, for everybody on this board; frames in flight end before it changes, it stays over resets, and
 * time-outs of frames are longer by as much as it is slower. 32 bytes. EPERM: AKIDA_CLOCK_SET without CAP_SYS_ADMIN;
 * EOPNOTSUPP: no modes that we know (no AKIDA_CAP_CLOCK), or a mode that is not one of this board's; EAGAIN: suspend or a
 * reset of the PCI function is under way; EBUSY: a program made for the vendor's module has the board; EIO.
 */
struct akida_clock {
	__u32 size;
	__u32 flags;	/* in: AKIDA_CLOCK_SET, or 0 to be told */
	__u32 mode;	/* in: with AKIDA_CLOCK_SET, else 0; out: AKIDA_CLOCK_* */
	__u32 modes;	/* in: 0; out: bit n: the board has mode n */
	__u32 khz;	/* in: 0; out */
	__u32 floor_uw; /* in: 0; out: the board with an idle chip in this mode */
	__u64 reserved0; /* in: 0 */
};
#define AKIDA_CLOCK_SET	       (1u << 0)
#define AKIDA_CLOCK_PERFORMANCE 0 /* after power-up */
#define AKIDA_CLOCK_ECONOMY    1
#define AKIDA_CLOCK_LOW_POWER  2

#endif
