/* SPDX-License-Identifier: MIT */
/*
 * Inside of the software NSoC: its state, and what the files of this folder do for each other.
 *
 *   nsoc.c     life cycle, reports, modelled time       pci.c      configuration space, BARs, address windows
 *   memory.c   device memory as the chip's masters see  pcie_dma.c eDMA and HDMA
 *   core.c     core register block, resets, EPG         dma.c      the three core DMA controllers and their rings
 *   mesh.c     NP population, packets in and out         sensor.c   energy, power samples
 *   plan.c     programmed mesh -> executable plan        weights.c  weight lines -> gather order
 *   execute.c  one frame through a plan, its output      fuse.c     the plan on the compute kernels
 *   passes.c   programs of several passes               events.c   maps as events in memory, and back
 *
 * One caller at a time; no locks, no threads, no global state.
 */
#ifndef NSOC_INTERNAL_H
#define NSOC_INTERNAL_H

#include "driver/core/types.h"
#include "driver/core/regs_akd1000.h"
#include "driver/core/regs_akd1500.h"
#include "driver/core/regs_core.h"
#include "firmware/nsoc/nsoc.h"
#include "layer/cost.h"
#include "layer/encoding.h"

/* ---- sizes ---- */
#define NS_PAGE_BITS 16u /* device memory is allocated in pages of 64 KiB when first written */
#define NS_PAGE (1u << NS_PAGE_BITS)
#define NS_MEM_ADDR 0x20000000u
#define NS_NPS_MAX 80u
#define NS_GRID 8u     /* columns and rows are 1-based and stay below */
#define NS_NP_REGS 64u /* words */
#define NS_LINES 7168u /* filter SRAM lines of one NP: 7 x 1024 (nsoc-hardware 11, 24.4) */
#define NS_THRESHOLD_WORDS 4096u
#define NS_FNP_WORDS 10752u	 /* 7168 lines of 48 bits */
#define NS_FNP_INPUTS (1u << 18) /* an event names its neuron in 18 bits */
#define NS_HRC_REGS 128u
#define NS_HRC_BANKS 4u	   /* 1, 2, 4: weights; 0x80000000: thresholds */
#define NS_HRC_WORDS 2048u /* per bank: 512 filters of 3 words, of 2 words of thresholds */
#define NS_RING_MAX 256u
#define NS_PCIE_CHANNELS 2u /* per direction */
#define NS_CFG_BYTES 4096u
#define NS_SCRATCH_BAR_BYTES 4096u
#define NS_SAMPLES 1024u
#define NS_PASSES_MAX 64u
#define NS_CONFIG_WORDS 65536u /* the largest configuration stream a descriptor can name, and a read */

/* ---- what differs between the chips ---- */
struct ns_chip {
	uint16_t device;
	uint32_t version; /* top-level register 0 */
	uint32_t mem_bytes;
	uint64_t bar_bytes[6];
	unsigned int core_bar, mem_bar;
	uint32_t mesh[3], options; /* registers 0x50, 0x54, 0x58, 0x68 */
	uint8_t dma_col, dma_row, dma_event_id;
	const struct ak_cost_chip *cost;
};
extern const struct ns_chip ns_chip_akd1000, ns_chip_akd1500;
void ns_chip_of_nodes(struct ns_chip *c, uint32_t nodes);
/* Columns of a mesh of nodes; the first is in column 1, row 2. */
uint32_t ns_node_columns(uint32_t nodes);

/* ---- address windows: DesignWare iATU regions ---- */
struct ns_window {
	uint32_t ctrl1, ctrl2, base_lo, base_hi, limit, target_lo, target_hi;
};
#define NS_WINDOWS 4u
#define NS_WINDOW_ENABLE (1u << 31)
#define NS_WINDOW_BAR_MATCH (1u << 30)
#define NS_WINDOW_BAR(v) (((v) >> 8) & 0x7u)

/* ---- the chip's PCIe DMA engine, one channel of one direction ---- */
struct ns_channel {
	uint32_t control1, control2, bytes, cycle, enable, setup;
	uint64_t source, dest, list;
	uint32_t state;	     /* 0 idle, 1 running, 2 halted by an error, 3 stopped */
	uint32_t int_status; /* HDMA: stop b0, abort b2 */
	uint64_t msi_stop, msi_watermark, msi_abort;
	uint32_t msi_data;
	bool rung;	   /* paced mode: the list runs in the next nsoc_step */
	uint32_t other[5]; /* prefetch, handshake, watermark enable, function, QoS: stored only */
};
struct ns_edma_side {
	uint32_t enable, status, mask, ll_error, errors[2], weights[2];
	uint32_t msi_done[2], msi_abort[2], msi_data[4];
};

/* ---- core DMA controllers ---- */
enum ns_dma_id { NS_DMA_EVENT, NS_DMA_IMAGE, NS_DMA_CONFIG, NS_DMA_COUNT };
struct ns_dma {
	uint32_t reg[48];  /* plain words by offset / 4; the fields below are kept apart */
	uint8_t cur, last; /* the container register; cur moves when a job is complete */
	uint8_t fetched;   /* newest descriptor that was started */
	uint16_t job_done;
	uint32_t events; /* raw end bits */
	uint32_t timer;
	uint16_t fifo[16];
	unsigned int fifo_count;
	bool stuck; /* a job could not be executed; nothing completes until a reset */
};

/* A job that was computed and becomes visible to the host when modelled time reaches `finish_ns`. */
struct ns_job {
	enum ns_dma_id dma;
	uint16_t id;
	uint8_t slot;
	uint64_t finish_ns, energy_pj;
	uint32_t busy_cycles;
	bool burst; /* of a program of several passes */
};

/* ---- mesh ---- */
#define NS_FNP2 2u
#define NS_FNP3 3u
struct ns_np {
	uint8_t col, row, id, cnp, fnp; /* types as REG1 codes them */
	bool programmed;
	uint32_t reg[NS_NP_REGS];
	uint64_t *lines;     /* filter SRAM */
	uint32_t *threshold; /* UID 4 */
	uint32_t *fnp_weight;
	uint32_t line_count, threshold_count, fnp_count; /* words or lines written since the last reset */
	uint64_t line_written[NS_LINES / 64];
	uint64_t threshold_written[NS_THRESHOLD_WORDS / 64];
};
struct ns_hrc {
	uint32_t reg[NS_HRC_REGS];
	uint32_t bank[NS_HRC_BANKS][NS_HRC_WORDS];
	uint32_t count[NS_HRC_BANKS]; /* words loaded */
	bool armed;		      /* strobed after loading */
};

struct ns_plan;
struct ns_passes;
struct ns_output;

struct nsoc {
	const struct ns_chip *chip;
	struct ns_chip own_chip; /* of nsoc_create_nodes */
	uint32_t nodes;		 /* 0: a chip's mesh */
	enum nsoc_chip kind;
	struct nsoc_host host;
	struct nsoc_report report;

	uint32_t cfg[NS_CFG_BYTES / 4];
	uint32_t cfg_mask[NS_CFG_BYTES / 4];
	struct ns_window inbound[NS_WINDOWS], outbound[NS_WINDOWS];
	const struct ns_window *bar_window[6]; /* enabled inbound region of each BAR */
	uint32_t viewport;
	uint8_t scratch_bar[6][NS_SCRATCH_BAR_BYTES]; /* what a BAR shows before its window is programmed */

	uint8_t **page;
	uint32_t pages;

	struct ns_channel channel[2][NS_PCIE_CHANNELS]; /* [0] write: device to host, [1] read */
	struct ns_edma_side edma[2];
	uint32_t edma_viewport, edma_priority;

	uint32_t top[48], epg[32], intc[3], system_control;
	struct ns_dma dma[NS_DMA_COUNT];
	struct ns_job job[NS_RING_MAX];
	unsigned int job_first, job_count;
	uint64_t last_start_ns, last_finish_ns; /* of the pipeline */

	struct ns_np np[NS_NPS_MAX];
	unsigned int np_count;
	int8_t np_at[NS_GRID][NS_GRID][4]; /* [col][row][id], -1: nobody */
	struct ns_hrc hrc;
	struct ns_plan *plan;
	struct ns_passes *passes; /* while the configuration DMA loads in bursts */
	bool plan_stale, config_bad;
	uint32_t *config_words; /* one configuration stream, 65535 words */
	uint8_t *frame;		/* input gathered from device memory */
	size_t frame_bytes;
	uint8_t *payload; /* output: header and payload */
	size_t payload_bytes;

	bool paced;
	uint32_t inject[NSOC_INJECT_COUNT];

	uint64_t now_ns;
	uint32_t clock;		       /* mode, an index of the chip's */
	uint64_t energy_pj, energy_uj; /* pj < 1e6 */
	uint64_t sample_uw;	       /* mean of the newest whole interval */
	uint64_t sample_pj, sample_start_ns, floor_since_ns;
	struct {
		uint32_t ms, uv, ua;
	} sample[NS_SAMPLES];
	unsigned int sample_first, sample_count;
	uint32_t energy_hi;
};

/* ---- nsoc.c ---- */
enum ns_fault { NS_UNKNOWN_REGISTER, NS_UNKNOWN_PACKET, NS_UNKNOWN_ENCODING, NS_BAD_ADDRESS, NS_DMA_FAULT };
void ns_report(struct nsoc *n, enum ns_fault what, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* Lets modelled time pass up to t; completes jobs on the way. energy: what is spent on top of the floor. */
void ns_time_to(struct nsoc *n, uint64_t t);
void ns_time_pass(struct nsoc *n, uint64_t ns);
/* Jumps to the end of the oldest job in flight, if there is one. */
void ns_time_next_job(struct nsoc *n);
/* Takes one of the injected faults of this kind; false when there is none. */
bool ns_injected(struct nsoc *n, enum nsoc_inject what);
void ns_moment(struct nsoc *n, enum nsoc_moment m);
uint64_t ns_cycles_ns(const struct nsoc *n, uint64_t cycles);
const struct ak_cost_clock *ns_clock(const struct nsoc *n);

/* ---- sensor.c ---- */
void ns_sensor_spend(struct nsoc *n, uint64_t ns, uint64_t pj); /* advances now_ns */
uint32_t ns_sensor_read(struct nsoc *n, uint32_t off);
void ns_sensor_write(struct nsoc *n, uint32_t off, uint32_t val);
void ns_sensor_reset(struct nsoc *n);

/* ---- memory.c: device addresses; false (reported) when any byte is outside of memory ---- */
/* Entirely in on-board memory. */
static inline bool ns_mem_local(const struct nsoc *n, uint64_t addr, uint64_t bytes)
{
	return addr >= NS_MEM_ADDR && addr - NS_MEM_ADDR <= n->chip->mem_bytes &&
	       bytes <= n->chip->mem_bytes - (addr - NS_MEM_ADDR);
}
bool ns_mem_read(struct nsoc *n, uint32_t addr, void *to, uint32_t bytes);
bool ns_mem_write(struct nsoc *n, uint32_t addr, const void *from, uint32_t bytes);
bool ns_mem_clear(struct nsoc *n, uint32_t addr, uint32_t bytes);
/* Bytes that lie in one page written before; else NULL: ns_mem_read knows the rest. */
static inline const uint8_t *ns_mem_peek(const struct nsoc *n, uint64_t addr, uint32_t bytes)
{
	uint32_t off = (uint32_t)addr - NS_MEM_ADDR;
	const uint8_t *page = ns_mem_local(n, addr, bytes) ? n->page[off >> NS_PAGE_BITS] : NULL;

	off &= NS_PAGE - 1;
	return page && bytes <= NS_PAGE - off ? page + off : NULL;
}
/* The part of [addr, addr + bytes) in one page, for bulk copies; NULL for a page never written (when !create) or -ENOMEM. */
uint8_t *ns_mem_span(struct nsoc *n, uint32_t addr, uint32_t bytes, bool create, uint32_t *span);

/* ---- pcie_dma.c ---- */
uint32_t ns_edma_read(struct nsoc *n, uint32_t off);
void ns_edma_write(struct nsoc *n, uint32_t off, uint32_t val);
uint32_t ns_hdma_read(struct nsoc *n, uint32_t off);
void ns_hdma_write(struct nsoc *n, uint32_t off, uint32_t val);

/* ---- core.c: offsets from 0xFCC00000 ---- */
uint32_t ns_core_read(struct nsoc *n, uint32_t off);
void ns_core_write(struct nsoc *n, uint32_t off, uint32_t val);
void ns_core_power_on(struct nsoc *n);

/* ---- dma.c ---- */
void ns_dma_reset(struct nsoc *n, enum ns_dma_id id);
uint32_t ns_dma_read(struct nsoc *n, enum ns_dma_id id, uint32_t off);
void ns_dma_write(struct nsoc *n, enum ns_dma_id id, uint32_t off, uint32_t val);
void ns_dma_complete(struct nsoc *n, const struct ns_job *job);
uint32_t ns_dma_interrupts(const struct nsoc *n, enum ns_dma_id id); /* unmasked end bits */
/*
 * Carries out the configuration descriptor w: packets to the mesh, or words read from it. words, packets: what moved.
 * False (reported) when it names no memory or is none.
 */
bool ns_config_transfer(struct nsoc *n, const uint32_t *w, uint32_t *words, uint32_t *packets);
/* Header and payload of an output at a device address, as the running DMA is set up. */
bool ns_store_output(struct nsoc *n, enum ns_dma_id id, uint32_t addr, const struct ns_output *out);

/* ---- mesh.c ---- */
void ns_mesh_populate(struct nsoc *n);
void ns_mesh_reset(struct nsoc *n);
void ns_hrc_reset(struct nsoc *n);
/* A chain of packets. One that is not understood is reported, ends the chain, and keeps frames from running. */
void ns_mesh_config(struct nsoc *n, const uint32_t *words, uint32_t count);
/* Answers a read: up to max words; returns how many, 0 (reported) when not understood. */
uint32_t ns_mesh_read(struct nsoc *n, uint32_t w0, uint32_t w1, uint32_t *out, uint32_t max);
struct ns_np *ns_mesh_np(struct nsoc *n, unsigned int col, unsigned int row, unsigned int id);

/* ---- passes.c ---- */
/* RUN of a configuration DMA in burst mode: loads the first pass. */
bool ns_passes_start(struct nsoc *n);
/* One frame through all passes; its outputs end up in memory. False (reported). */
bool ns_passes_frame(struct nsoc *n, const uint8_t *in, uint32_t in_h, uint32_t in_w, struct ak_cost_frame *cost);
void ns_passes_drop(struct nsoc *n);

/* ---- plan.c ---- */
/* The plan of the programmed mesh for image inputs of these dimensions, or NULL (reported). Cached. */
struct ns_plan *ns_plan_get(struct nsoc *n, uint32_t in_h, uint32_t in_w);
void ns_plan_drop(struct nsoc *n);

/* ---- execute.c ---- */
struct ns_output {
	uint32_t header; /* word 0 */
	uint32_t bytes;	 /* of the payload */
	const uint8_t *payload;
	bool dense;
};
/* One frame: in is h*w*c uint8. Returns false (reported) when the output cannot be expressed. */
bool ns_execute(struct nsoc *n, struct ns_plan *plan, const uint8_t *in, struct ns_output *out,
		struct ak_cost_frame *cost);

#endif
