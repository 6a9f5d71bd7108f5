/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The protocol core: what a host says to an Akida NSoC over PCIe. Freestanding C; no allocation, no
 * global state; one caller at a time per device (the host locks). Errors are negative errno.
 *
 *   akc_probe   windows, version, resets, mesh discovery, clock counters
 *   akc_mem_*   device memory through the chip's own DMA engine (eDMA or HDMA)
 *   akc_verify  is this program safe and complete for this mesh?
 *   akc_load    program the mesh, akc_unload undo it
 *   akc_enqueue / akc_poll / akc_fetch   frames in, completions and outputs out
 *   akc_reset   recover after a time-out; bumps the generation
 *
 * When the chip answers all ones, the device is marked gone: every call gives -EIO until akc_probe
 * or akc_resume.
 */
#ifndef AKC_CORE_H
#define AKC_CORE_H

#include "bus.h"

#define AKC_PCI_VENDOR 0x1e7cu
#define AKC_PCI_AKD1000 0xbca1u
#define AKC_PCI_AKD1500 0xa500u

#define AKC_MAX_NPS 128u
#define AKC_MAX_TRACKS 512u
#define AKC_MAX_EPG 32u
#define AKC_MAX_PASSES 64u
#define AKC_MAX_FNP2 4u
#define AKC_RING_MAX 254u
#define AKC_HEADER_BYTES 32u
#define AKC_JOB_TIMEOUT_US 5000000u

/* bit set: what an NP can be */
enum akc_np_type { AKC_NP_CNP1 = 1, AKC_NP_CNP2 = 2, AKC_NP_FNP2 = 4, AKC_NP_FNP3 = 8 };

struct akc_np {
	u8 col, row, id, types;
};

struct akc_mesh {
	u32 count;
	struct akc_np np[AKC_MAX_NPS];
	u8 dma_col, dma_row, dma_event_id, dma_conf_id;
	bool has_hrc;
};

struct akc_chip; /* per-chip table: windows, register bases, memory map; chip.c */

struct akc_track {
	u32 word_off; /* from the first word of image */
	u32 words;
};

struct akc_reg_write {
	u32 offset, value; /* EPG register offset and value */
};

/*
 * Tracks of one pass: so many in a row, the last `external` of them weights of FNP2s, which stay in
 * device memory: one packet each.
 */
struct akc_pass {
	u32 tracks, external;
};

/*
 * A program as the host hands it over. Pointers are borrowed for the duration of a call. With more
 * than one pass the chip loads them in turn, all tracks stay in device memory, and one frame is in
 * flight.
 */
struct akc_program {
	const u32 *image;
	u32 image_words;
	const struct akc_track *tracks;
	u32 track_count;
	const struct akc_pass *passes; /* in the order of tracks; their tracks add up */
	u32 pass_count;		       /* 0: one, without external weights */
	const struct akc_reg_write *epg;
	u32 epg_count;
	u8 device_version[4];	     /* vendor, product, major, minor; must equal the chip's */
	u32 in_h, in_w, in_c;
	u32 window_w, window_h;	     /* 0: whole image */
	u8 input_type;		     /* 0 dense image to the HRC */
	u8 output_type;		     /* 0 dense, 2 CNP sparse */
	bool activation;
	u32 out_count;		     /* outputs per frame: h * w * c */
	u32 out_w, out_c;
};

struct akc_verify_result {
	u32 track, word; /* where the first problem is */
	const char *what;
};

/* Which way a transfer goes; also the index of the linked list and channel pair it uses. */
enum akc_dir { AKC_TO_DEVICE, AKC_TO_HOST };

/*
 * One piece of a transfer: host side by bus address, device side by device address. Any alignment
 * and size.
 */
struct akc_seg {
	u64 host;
	u32 dev;
	u32 bytes;
};

/*
 * How far a transfer of several linked lists has come; start with zeros. Finished when seg equals
 * the count.
 */
struct akc_cursor {
	u32 seg, off;
};

/* One core DMA controller as the core programmed it. Private. */
struct akc_ring {
	u32 base;	  /* register block, offset in the core window */
	u32 addr, slots;  /* descriptors in device memory */
	u32 desc_bytes;
	u32 last;	  /* newest index written, 0xff after reset */
	u32 control, monitor;
	bool running;
};

/* A piece of host memory in the chip's window to the host; pieces follow each other there. */
#define AKC_WINDOW_PIECES 4u
struct akc_piece {
	u8 *cpu;
	u64 bus;
	u32 bytes; /* multiple of 64 KiB */
};
#define AKC_WINDOW_BYTES_MAX (32u << 20) /* as much as the vendor engine uses */

/* Words of a list kept to write only those that change: those of a group of frames. */
#define AKC_LIST_WORDS 100u

struct akc_dev {
	const struct akc_bus *bus;
	void *host;
	const struct akc_chip *chip;
	struct akc_mesh mesh;
	u8 version[4];
	u32 generation;	   /* 1 after probe, +1 with every reset */
	struct akc_buf stage; /* host memory for DMA, given at probe; split by the core */
	/* below: private to the core */
	bool gone;	       /* all ones were read: silence until akc_probe or akc_resume */
	bool dma_lost;	       /* a channel did not stop: it may still write host memory */
	bool dma_busy[2];      /* by enum akc_dir */
	bool dma_armed[2];     /* enabled, interrupts as wanted: since dma_ops.start, until a stop or a reset */
	u8 dma_view;	       /* direction the legacy map's viewport shows, plus one; 0: not known */
	u32 list_known[2];     /* words of the list's beginning that device memory holds for certain */
	u32 list_word[2][AKC_LIST_WORDS];
	bool msi;
	u64 msi_addr;
	u32 msi_data;
	bool loaded, activation;
	bool clear_out; /* the host clears output buffers */
	u8 output_type;
	u32 mem_base, mem_bytes; /* device memory the core hands out */
	struct akc_piece piece[AKC_WINDOW_PIECES]; /* the window to the host, up to the first without bytes */
	u32 window_bytes;
	u32 passes; /* of the loaded program */
	struct akc_ring conf, in;
	u32 track_addr, in_addr, in_stride, out_addr, out_stride;
	u32 in_bytes, row_bytes, rows, next_row;
	u32 out_count, out_w, out_c;
	u16 job_last, job_done; /* newest enqueued, newest fetched */
	u32 in_flight;		/* enqueued and not fetched */
	u32 out_staged, out_next; /* small outputs in the stage buffer, and the next one to hand out */
	u64 frames;		/* fetched since probe */
	u64 dma_bytes, dma_lists; /* moved by the DMA engine, linked lists started, since probe */
};

/*
 * stage: host DMA memory of at least 64 KiB, 4-byte aligned, that stays valid until the device is
 * dropped. Takes over a second when windows have to be set up. Everything in *d is written,
 * the generation becomes 1. -ENODEV: no such chip; -EOPNOTSUPP: IP generation other than v1; -EIO:
 * windows or registers do not answer; -ETIMEDOUT.
 */
int akc_probe(struct akc_dev *d, const struct akc_bus *bus, void *host, u16 pci_device,
	      const struct akc_buf *stage);

/*
 * Copy between host DMA memory and device memory through the DMA engine; polls, aborts on time-out
 * (-ETIMEDOUT).
 */
int akc_mem_write(struct akc_dev *d, u32 dev_addr, const struct akc_buf *from, u32 off, u32 bytes);
int akc_mem_read(struct akc_dev *d, const struct akc_buf *to, u32 off, u32 dev_addr, u32 bytes);
/* The same from plain memory through the stage buffer. */
int akc_copy_to(struct akc_dev *d, u32 dev_addr, const void *from, u32 bytes);
int akc_copy_from(struct akc_dev *d, void *to, u32 dev_addr, u32 bytes);

/*
 * The same engine without waiting, for hosts that sleep on its interrupt. One transfer per
 * direction at a time:
 *   start   writes one linked list of as many pieces as fit, from *at on, and rings; -EBUSY while
 *           one runs
 *   status  1 finished, 0 running, -EIO aborted by the chip or chip gone. Reads registers, so it
 *           also finds a completion whose interrupt was lost: ask before declaring a time-out
 *   ack     after status said finished; then start again while at->seg < count
 *   abort   after a time-out or a failure: 0 when the channel is quiet and host memory may be
 *           reused, -EIO when it never became so
 */
int akc_dma_start(struct akc_dev *d, enum akc_dir dir, const struct akc_seg *segs, u32 count,
		  struct akc_cursor *at);
int akc_dma_status(struct akc_dev *d, enum akc_dir dir);
void akc_dma_ack(struct akc_dev *d, enum akc_dir dir);
int akc_dma_abort(struct akc_dev *d, enum akc_dir dir);
/*
 * The three steps above until everything is moved. -ETIMEDOUT: aborted and quiet; -EIO: failed, or
 * not quiet.
 */
int akc_dma_run(struct akc_dev *d, enum akc_dir dir, const struct akc_seg *segs, u32 count);
/*
 * Interrupt message of the DMA engine: it sends the memory write itself, so the host calls this
 * again whenever its vector moves. addr 0: no interrupts (the state after probe).
 */
void akc_dma_set_msi(struct akc_dev *d, u64 addr, u32 data);
/* Device memory of the linked lists: transfers that touch it are refused with -EINVAL. */
void akc_list_area(const struct akc_dev *d, u32 *addr, u32 *bytes);

/*
 * Host memory that the chip reaches by itself, where its own is too small for programs that stay in
 * memory: pieces, which the chip sees in a row. They are the core's until the next call; with count
 * 0 there is no window any more. An unloaded mesh only. -EOPNOTSUPP: the chip has no such window;
 * -EINVAL: pieces, or a program is loaded; -EIO.
 */
int akc_host_window(struct akc_dev *d, const struct akc_piece *pieces, u32 count);
/*
 * Bytes of the window that a verified program needs to be loaded at all; 0 when the chip's own
 * memory is enough for it, or when the chip has no window.
 */
u32 akc_window_wanted(const struct akc_dev *d, const struct akc_program *p);

/*
 * -EINVAL: fields contradict each other or their range; -EBADMSG: for another device version;
 * -EILSEQ: packets or spans malformed; -EOPNOTSUPP: well formed, not supported. res (may be NULL)
 * says where and why.
 */
int akc_verify(const struct akc_dev *d, const struct akc_program *p, struct akc_verify_result *res);
/*
 * Verifies, resets the mesh, loads every track, writes the EPG list; leaves nothing programmed on
 * failure. batch: frames wanted in flight, 1 or more; fewer when a ring (253) or device memory
 * holds fewer. -ENOSPC: not even one fits.
 */
int akc_load(struct akc_dev *d, const struct akc_program *p, u32 batch);
int akc_unload(struct akc_dev *d);

/*
 * One frame of in_h*in_w*in_c bytes. Returns the job id (>= 0), -EAGAIN when the pipeline is full.
 */
int akc_enqueue(struct akc_dev *d, const struct akc_buf *from, u32 off);
/* Frames that can be enqueued now. */
u32 akc_room(const struct akc_dev *d);
/*
 * Several frames in pieces with one transfer, 1..akc_room(): seg[0..count) are the pieces in host
 * memory, in order, none part of two frames. The array has room for max, of which the core takes at
 * least 2 behind count; with more (an element per frame and 4 KiB of its output) it clears outputs in
 * the same transfer. The last job id, or -EAGAIN; -EINVAL: the pieces are not that many frames.
 */
int akc_enqueue_batch(struct akc_dev *d, struct akc_seg *seg, u32 count, u32 max, u32 frames);
/*
 * Whole frames, stride bytes apart at bus address host, in one transfer with their descriptors.
 * Returns how many of count were taken: 1 to AKC_GROUP_MAX, as many as fit; -EAGAIN when none.
 */
#define AKC_GROUP_MAX 8u
int akc_enqueue_frames(struct akc_dev *d, u64 host, u32 stride, u32 count);
/* Number of frames finished and not yet fetched. -EIO when the chip answers all ones. */
int akc_poll(struct akc_dev *d);
/*
 * Outputs of the oldest finished frame as int32 (h, w, c): potentials, or activations 0..15. Waits
 * up to timeout_us; on -ETIMEDOUT the caller resets. out holds out_count values.
 */
int akc_fetch(struct akc_dev *d, s32 *out, u32 timeout_us);
/*
 * Outputs of the oldest `want` frames, 1..in flight, stride values apart, with as few transfers as
 * possible. Waits up to timeout_us for each. *got outputs are valid whatever is returned.
 */
int akc_fetch_batch(struct akc_dev *d, s32 *out, u32 stride, u32 want, u32 timeout_us, u32 *got);

/*
 * Clock counters: inference (the larger of the two input DMAs) and programming; 32-bit registers,
 * wrap.
 */
u32 akc_inference_clk(struct akc_dev *d);
u32 akc_program_clk(struct akc_dev *d);
/* Core reset, NP reset, DMA reset; forgets the program; generation += 1. */
int akc_reset(struct akc_dev *d);
/*
 * After suspend or a bus reset lost the windows: sets them up again, then akc_reset. Takes over a
 * second.
 */
int akc_resume(struct akc_dev *d);
/* 0, or -EIO: liveness by mesh info 1 (all ones means gone). */
int akc_alive(struct akc_dev *d);

/*
 * Power meter, where the board has one whose registers are known: today the emulated board only.
 * Reads registers, at any time after akc_probe.
 */
struct akc_power {
	u32 age_ms; /* at the time of the call */
	u32 uv, ua;
};

bool akc_sensor(struct akc_dev *d, u32 *floor_uw, u32 *clock_khz);
/* Takes at most max samples out of the meter, oldest first; how many. */
u32 akc_sensor_take(struct akc_dev *d, struct akc_power *out, u32 max);
u64 akc_sensor_energy_uj(struct akc_dev *d);
/* One of the board's core clocks, which stays over resets. -EOPNOTSUPP: it does not take this one. */
int akc_clock_set(struct akc_dev *d, u32 khz);

#endif
