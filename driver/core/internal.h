/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the files of the protocol core share with each other and with nobody else. */
#ifndef AKC_INTERNAL_H
#define AKC_INTERNAL_H

#include "core.h"
#include "regs_core.h"

#define AKC_ALL_ONES 0xffffffffu

/* One kind of PCIe DMA engine. All use channel 0 of their direction. */
struct akc_dma_ops {
	void (*init)(struct akc_dev *d);
	void (*msi)(struct akc_dev *d); /* writes d->msi_addr and d->msi_data into the engine */
	int (*start)(struct akc_dev *d, enum akc_dir dir, u32 list);
	int (*status)(struct akc_dev *d, enum akc_dir dir); /* as akc_dma_status */
	void (*ack)(struct akc_dev *d, enum akc_dir dir);
	bool (*running)(struct akc_dev *d, enum akc_dir dir);
	void (*stop)(struct akc_dev *d, enum akc_dir dir, bool hard);
};

struct akc_chip {
	const char *name;
	u16 pci_device;
	u8 version[4];	       /* taken when the version register reads 0 */
	u8 core_bar, mem_bar;
	bool has_last_col;     /* mesh info 3 gives the last row's last column */
	bool has_hrc;	       /* known to be there whatever the install options say */
	bool clears_outputs;   /* output buffers are cleared by the core DMA (0x98) */
	u32 mem_addr;	       /* device address of mem_bar's first byte */
	u32 list_addr, list_bytes;
	u32 scratch_addr, scratch_bytes;
	int (*windows)(struct akc_dev *d);
	int (*host_window)(struct akc_dev *d); /* as d->piece says; NULL: there is none */
	const struct akc_dma_ops *dma;
};

/* chip.c */
const struct akc_chip *akc_chip_find(u16 pci_device);
u32 akc_bar_read(struct akc_dev *d, unsigned int bar, u32 off);
void akc_bar_write(struct akc_dev *d, unsigned int bar, u32 off, u32 val);
u32 akc_read(struct akc_dev *d, u32 off); /* core window */
void akc_write(struct akc_dev *d, u32 off, u32 val);
void akc_sleep(struct akc_dev *d, u32 us);
void akc_host_barrier(struct akc_dev *d); /* host memory first, then the next register write */
/* Logs one line and gives err back: called where an error is found, not where it is passed on. */
int akc_fail(struct akc_dev *d, int err, const char *what, u64 a, u64 b);
/* The same with -EIO for all ones; from then on the device is gone. */
int akc_gone(struct akc_dev *d, const char *what, u64 a);

/*
 * Time limit of a poll loop: `do { more = akc_wait(); look; } while (more);` looks once more after
 * the time is over.
 */
struct akc_wait {
	u64 start, limit_ns, slept_us;
	u32 spins, step_us;
};

void akc_wait_init(struct akc_dev *d, struct akc_wait *w, u32 timeout_us);
bool akc_wait(struct akc_dev *d, struct akc_wait *w);

/* Little-endian words in host memory the chip reads and writes. */
static inline void akc_put32(u8 *p, u32 v)
{
	p[0] = (u8)v;
	p[1] = (u8)(v >> 8);
	p[2] = (u8)(v >> 16);
	p[3] = (u8)(v >> 24);
}

static inline u32 akc_get32(const u8 *p)
{
	return p[0] | (u32)p[1] << 8 | (u32)p[2] << 16 | (u32)p[3] << 24;
}

static inline u32 akc_min(u32 a, u32 b)
{
	return a < b ? a : b;
}

/* atu.c */
int akc_windows_akd1000(struct akc_dev *d);
int akc_windows_akd1500(struct akc_dev *d);
int akc_host_window_akd1500(struct akc_dev *d);

/* edma.c, hdma.c, dma.c */
extern const struct akc_dma_ops akc_edma_ops;
extern const struct akc_dma_ops akc_hdma_ops;
void akc_dma_init(struct akc_dev *d);
int akc_list_flush(struct akc_dev *d, enum akc_dir dir);
u64 akc_msi_addr(const struct akc_dev *d);
int akc_mem_zero(struct akc_dev *d, u32 dev_addr, u32 bytes);

/* How the stage buffer is split: small structures, a page of zeros, the bounce buffer. */
#define AKC_STAGE_MIN 0x10000u
#define AKC_STAGE_CONF 0x000u	/* configuration descriptor and read header */
#define AKC_STAGE_READBACK 0x100u
#define AKC_STAGE_NOWHERE 0x1f0u /* interrupt messages nobody waits for */
#define AKC_STAGE_DESC 0x200u	/* image descriptors of a group */
#define AKC_STAGE_OUT 0x400u	/* small outputs, up to the zero page */
#define AKC_STAGE_OUT_BYTES 0xc00u
#define AKC_STAGE_ZERO 0x1000u
#define AKC_STAGE_ZERO_BYTES 0x1000u
#define AKC_STAGE_BOUNCE 0x2000u

static inline u8 *akc_stage(struct akc_dev *d, u32 off)
{
	return (u8 *)d->stage.cpu + off;
}

/* Device memory, from d->mem_base on: the configuration area, then what akc_load lays out. */
#define AKC_MEM_CONF_RING 0x00u	 /* 2 descriptors */
#define AKC_MEM_CONF_HEADER 0x40u
#define AKC_MEM_CONF_OUT 0x80u
#define AKC_MEM_CONF_BYTES 0x100u
#define AKC_CONF_SLOTS 2u

/* ring.c */
int akc_ring_reset(struct akc_dev *d, u32 base);
/* What ends a job: the end of its outputs, or the last pass. */
#define AKC_MONITOR_OUTPUTS                                                                        \
	(AKC_CDMA_MONITOR_MASK_IB | AKC_CDMA_MONITOR_MASK_EXT | AKC_CDMA_MONITOR_MASK_BURST)
#define AKC_MONITOR_BURSTS                                                                         \
	(AKC_CDMA_MONITOR_MASK_OB | AKC_CDMA_MONITOR_MASK_IB | AKC_CDMA_MONITOR_MASK_EXT)
int akc_ring_init(struct akc_dev *d, struct akc_ring *r, bool header, u32 monitor);
u32 akc_ring_next(const struct akc_ring *r);
void akc_ring_push(struct akc_dev *d, struct akc_ring *r, u32 index);
void akc_ring_run(struct akc_dev *d, struct akc_ring *r, bool run);
void akc_ring_clear_status(struct akc_dev *d, struct akc_ring *r);
int akc_conf_init(struct akc_dev *d);
int akc_conf_bursts(struct akc_dev *d, u32 addr, u32 slots, u32 burst);
int akc_conf_write(struct akc_dev *d, u32 dev_addr, u32 words);
int akc_conf_read(struct akc_dev *d, u32 head0, u32 head1, u32 *value);

/* packet.c */
struct akc_packet {
	u8 col, row, dst, hrc, uid;
	bool xl, reserved; /* reserved: a bit no field uses is set */
	u32 words, start;  /* payload */
	const u32 *payload;
};

void akc_packet_head(u32 *head, u8 col, u8 row, u8 id, u8 uid, u32 start, u32 words);
int akc_packet_next(const u32 *track, u32 words, u32 *at, struct akc_packet *p);

/* verify.c: of a program that akc_verify has accepted */
u32 akc_pass_count(const struct akc_program *p);
/* Tracks of a pass from *first on, without external ones. */
void akc_pass_tracks(const struct akc_program *p, u32 pass, u32 *first, u32 *count, u32 *external);
u32 akc_pass_most(const struct akc_program *p);
/* Values that the largest pass but the last hands to the next. */
u32 akc_pass_values(const struct akc_dev *d, const struct akc_program *p);

/* mesh.c */
int akc_mesh_discover(struct akc_dev *d);
const struct akc_np *akc_mesh_find(const struct akc_mesh *m, u8 col, u8 row, u8 id);

/* output.c */
u32 akc_output_bytes(u8 output_type, bool activation, u32 out_count);
int akc_output_check(struct akc_dev *d, u32 head, u32 *bytes);
int akc_output_convert(struct akc_dev *d, u32 head, const u8 *payload, u32 off, u32 bytes,
		       s32 *out);

/* reset.c */
int akc_core_reset(struct akc_dev *d);
int akc_np_reset(struct akc_dev *d);
int akc_stop(struct akc_dev *d);

#endif
