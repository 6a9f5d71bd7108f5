/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The protocol core: what a host says to an Akida NSoC over PCIe. Freestanding C; no allocation, no global state; one
 * caller at a time per device (the host locks). Errors are negative errno.
 *
 *   akc_probe   windows, version, resets, mesh discovery, clock counters
 *   akc_mem_*   device memory through the chip's own DMA engine (eDMA or HDMA)
 *   akc_verify  is this program safe and complete for this mesh?
 *   akc_load    program the mesh (single pass), akc_unload undo it
 *   akc_enqueue / akc_poll / akc_fetch   frames in, completions and outputs out
 *   akc_reset   recover after a time-out; bumps the generation
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
#define AKC_RING_MAX 254u
#define AKC_HEADER_BYTES 32u
#define AKC_JOB_TIMEOUT_US 5000000u

enum akc_np_type { AKC_NP_CNP1 = 1, AKC_NP_CNP2 = 2, AKC_NP_FNP2 = 4, AKC_NP_FNP3 = 8 }; /* bit set: what an NP can be */

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

/* A single-pass program as the host hands it over. Pointers are borrowed for the duration of a call. */
struct akc_program {
	const u32 *image;
	u32 image_words;
	const struct akc_track *tracks;
	u32 track_count;
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

struct akc_dev {
	const struct akc_bus *bus;
	void *host;
	const struct akc_chip *chip;
	struct akc_mesh mesh;
	u8 version[4];
	u32 generation;	   /* +1 with every reset */
	struct akc_buf stage; /* host memory for DMA, given at probe; split by the core */
	/* below: private to the core */
	bool loaded, on_event_dma;
	u32 mem_base, mem_bytes, mem_used; /* device memory the core hands out */
	u32 ring_in, ring_conf, ring_slots, track_addr;
	u32 in_base, in_stride, out_base, out_stride;
	u32 in_bytes, row_bytes, rows, next_row, out_bytes;
	u32 out_count, out_w, out_c;
	u8 output_type;
	bool activation;
	u16 job_last, job_done;
	u8 slot_next, slot_fetch;
	u32 in_flight;
	u32 dma_cycle[2];
	u64 frames;
};

/* stage: host DMA memory of at least 64 KiB that stays valid until the device is dropped. */
int akc_probe(struct akc_dev *d, const struct akc_bus *bus, void *host, u16 pci_device, const struct akc_buf *stage);

/* Copy between host DMA memory and device memory through the DMA engine; polls, aborts on time-out (-ETIMEDOUT). */
int akc_mem_write(struct akc_dev *d, u32 dev_addr, const struct akc_buf *from, u32 off, u32 bytes);
int akc_mem_read(struct akc_dev *d, const struct akc_buf *to, u32 off, u32 dev_addr, u32 bytes);
/* The same from plain memory through the stage buffer. */
int akc_copy_to(struct akc_dev *d, u32 dev_addr, const void *from, u32 bytes);
int akc_copy_from(struct akc_dev *d, void *to, u32 dev_addr, u32 bytes);

int akc_verify(const struct akc_dev *d, const struct akc_program *p, struct akc_verify_result *res);
/* Verifies, resets the mesh, loads every track, writes the EPG list; leaves nothing programmed on failure. */
int akc_load(struct akc_dev *d, const struct akc_program *p, u32 batch);
int akc_unload(struct akc_dev *d);

/* One frame of in_h*in_w*in_c bytes. Returns the job id (>= 0), -EAGAIN when the pipeline is full. */
int akc_enqueue(struct akc_dev *d, const struct akc_buf *from, u32 off);
/* Number of frames finished and not yet fetched. -EIO when the chip answers all ones. */
int akc_poll(struct akc_dev *d);
/*
 * Outputs of the oldest finished frame as int32 (h, w, c): potentials, or activations 0..15. Waits up to timeout_us;
 * on -ETIMEDOUT the caller resets. out holds out_count values.
 */
int akc_fetch(struct akc_dev *d, s32 *out, u32 timeout_us);

/* Clock counters: inference (the larger of the two input DMAs) and programming; 32-bit registers, wrap. */
u32 akc_inference_clk(struct akc_dev *d);
u32 akc_program_clk(struct akc_dev *d);
/* Core reset, NP reset, DMA reset; forgets the program; generation += 1. */
int akc_reset(struct akc_dev *d);
/* 0, or -ENODEV/-EIO: liveness by mesh info 1 (all ones means gone). */
int akc_alive(struct akc_dev *d);

#endif
