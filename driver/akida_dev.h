/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The objects of the module and who keeps them alive.
 *
 *   chip      bind to unbind: pci_dev, BARs, interrupt, worker thread
 *   device    struct akida_device: until the last open file is closed (struct device reference)
 *   file      one open(): handle tables of buffers, programs, contexts
 *   buffer, program, context: kref; the file holds one reference, every queued submit another
 *
 * State: READY -> DEAD (removed, never comes back). While paused (suspend, function-level reset, a
 * frozen link) no work starts and queues stay. Every reset goes through akida_reset_device and
 * bumps the generation.
 *
 * Locks, outermost first; none is taken in an interrupt but irq_wait's own:
 *   adev->remove_sem   read: a call that uses the chip; write: remove. Never held over a copy from
 *                      or to the user's memory beyond the ioctl's own struct
 *   file->lock         handle tables of one file, what it has allocated; taken under mmap_lock by
 *                      mmap, so never held over such a copy
 *   adev->core_lock    everything below akc_*: registers, DMA, the loaded program
 *   adev->queue_lock   spinlock: contexts with work, their submits, statistics
 */
#ifndef AKIDA_DEV_H
#define AKIDA_DEV_H

#include <linux/atomic.h>
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/dma-direction.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/rwsem.h>
#include <linux/scatterlist.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include "core/core.h"
#include "../uapi/akida.h"

#define AKIDA_STAGE_BYTES SZ_256K
#define AKIDA_MAX_BATCH 253u
#define AKIDA_MAX_FRAMES 1048576u
#define AKIDA_MAX_HANDLES 1024u
#define AKIDA_MAX_QUEUED 256u /* submits of one context */
#define AKIDA_MAX_BUFFER_BYTES SZ_64M
#define AKIDA_MAX_FILE_BYTES ((u64)SZ_256M)
#define AKIDA_MAX_PROGRAM_BYTES SZ_16M
#define AKIDA_QUANTUM_NS (50 * NSEC_PER_MSEC)
#define AKIDA_SUBMIT_FIRST 72u /* bytes of the first versions */
#define AKIDA_WAIT_FIRST 80u
#define AKIDA_LEVELS 3u /* of priority, the highest first */

#define AKIDA_POWER_SAMPLES 1024u
#define AKIDA_CLOCKS 3u /* AKIDA_CLOCK_* */

/*
 * What the board's meter has told; under queue_lock but the first two, which probe sets, and those of the
 * clock, which change under core_lock and are read without.
 */
struct akida_meter {
	bool present;
	u32 clock_modes; /* bits */
	u32 clock_mode, clock_khz, floor_uw;
	u64 total; /* samples ever taken; the newest lie in the ring */
	u64 sum_uw, energy_uj, newest_ns;
	u32 lowest_uw, highest_uw, newest_uw;
	struct akida_power_sample *ring;
	u64 next_poll_ns; /* the worker's, under core_lock */
	struct device *hwmon;
};

struct akida_device {
	struct device dev; /* its release frees this struct */
	struct cdev cdev;
	int minor;
	struct pci_dev *pdev; /* valid while remove_sem is held and dead is false */
	struct rw_semaphore remove_sem;
	bool dead; /* written with remove_sem held for writing */
	u32 chip;  /* AKIDA_CHIP_* */

	void __iomem *bar[6];
	resource_size_t bar_bytes[6];
	int irq; /* 0: none, the worker polls */
	wait_queue_head_t irq_wait;
	atomic_t irq_seen;
	atomic64_t interrupts;
	u64 msi_addr; /* what the DMA engine was told */
	u32 msi_data;
	u16 aspm_dev, aspm_parent; /* link control of both ends before we touched it */
	bool aspm_saved;

	struct mutex core_lock; /* registers, DMA, the loaded program */
	struct akc_dev core;
	struct akc_buf stage;
	struct akc_piece window[AKC_WINDOW_PIECES]; /* host memory the chip reaches; akida_window.c */
	struct akida_program *loaded; /* reference held; NULL: mesh empty */
	u32 loaded_batch;
	bool down; /* the newest reset failed: nothing but another one is tried */

	spinlock_t queue_lock;	/* contexts, queues, counters */
	struct list_head ready[AKIDA_LEVELS]; /* contexts with queued submits, in turn */
	wait_queue_head_t work_wait;
	wait_queue_head_t poll_wait;
	struct task_struct *worker;
	struct list_head contexts; /* all, for reset and remove */
	u32 paused;		   /* no job starts, the running one stops between two frames */
	u32 generation;		   /* copies of the core's, which core_lock guards */
	u64 dma_bytes, doorbells;
	u64 jobs, busy_ns, resets;
	u32 program_clk;

	struct akida_meter meter;

	struct akida_file *legacy; /* who has the board to itself; set under queue_lock */
	struct address_space *legacy_mapping;

	struct list_head buffers;  /* all mapped ones, for remove; under buffers_lock */
	struct mutex buffers_lock; /* the list, and whether its members are mapped */
};

struct akida_file {
	struct akida_device *adev;
	struct mutex lock; /* handle tables, bytes */
	struct idr buffers, programs, contexts;
	u64 bytes, program_bytes; /* of its buffers, of its programs */
	u64 power_next;		  /* first sample it has not had */
};

/* One stretch of a buffer that is contiguous for the device. */
struct akida_piece {
	u64 bus;
	u32 off, bytes; /* a buffer is at most 64 MiB */
};

struct akida_buffer {
	struct kref ref;
	struct akida_device *adev;
	struct list_head entry; /* adev->buffers, while mapped */
	struct page **pages;	/* ours or pinned ones; NULL: a dma-buf */
	u32 page_count;
	u32 skip; /* first byte in the first page */
	u32 bytes;
	void *cpu; /* of the first byte; NULL: for inputs only */
	struct user_struct *user; /* who pays for pinned pages; NULL: ours */
	struct dma_buf *dmabuf;	  /* of another device */
	struct dma_buf_attachment *attach;
	struct sg_table own;
	struct sg_table *sgt; /* own, or the dma-buf's */
	enum dma_data_direction dir; /* to the device; only akida_legacy.c reads into one */
	bool mapped; /* for DMA; cleared by remove */
	struct akida_piece *pieces;
	u32 piece_count;
	atomic_t users; /* queued submits */
};

struct akida_program {
	struct kref ref;
	struct akc_program core; /* points into the arrays below */
	u32 *image;
	struct akc_track *tracks;
	struct akc_pass *passes;
	struct akc_reg_write *epg;
	u32 in_bytes, out_words, bytes;
	atomic_t users; /* contexts */
};

struct akida_context {
	struct kref ref;
	struct akida_device *adev;
	struct akida_program *program;
	struct eventfd_ctx *eventfd;
	u32 batch, generation, level;
	u64 quantum_ns, turn_ns; /* a turn, what it has had of its present one */
	struct list_head entry; /* adev->contexts */
	struct list_head turn;	/* adev->ready while it has work */
	struct list_head queue; /* submits, oldest first */
	struct akida_job *running; /* not in the queue */
	u32 queued;
	u32 unread; /* ended ones that no WAIT has told of */
	int broken; /* reset, failed or destroyed: how the rest ends; later submits are -ENODEV */
	u64 seq_next;
	wait_queue_head_t wait;
	struct akida_done *done; /* ring of the newest AKIDA_MAX_QUEUED results */
	struct akc_seg *seg;	 /* the worker's: pieces of one frame */
	u32 seg_max;
};

struct akida_done {
	u64 seq, queued_ns, started_ns, ended_ns, inference_clk;
	u32 frames, program_clk;
	int status;
	bool unread;
};

struct akida_job { /* one SUBMIT */
	struct list_head entry;
	struct akida_context *ctx;
	struct akida_uring *uring; /* who is told of its end; NULL: WAIT and poll */
	struct akida_buffer *in, *out;
	u32 in_off, in_stride, out_off, out_stride, count;
	bool cancelled;
	struct akida_done done;
};

/* An io_uring command, from its issue to its completion. */
struct akida_uring {
	struct io_uring_cmd *cmd;
	struct akida_context *ctx; /* reference held */
	u64 seq;		   /* 0: not queued yet */
	u64 wait_ptr;		   /* of the caller's struct akida_wait, or 0 */
	u32 wait_size, context;
	fl_owner_t owner; /* the process, for akida_uring_flush */
	int fault; /* the caller could not be told seq */
	atomic_t steps;
	struct akida_done done;
};

/* akida_bus.c */
extern const struct akc_bus akida_bus;
void akida_msi_update(struct akida_device *adev);

/* akida_file.c */
extern const struct file_operations akida_fops;
struct akida_context *akida_context_find(struct akida_file *af, u32 handle);
int akida_submit_arg(const struct akida_submit __user *user, struct akida_submit *a);
int akida_submit(struct akida_file *af, struct akida_submit *a, struct akida_uring *u);
int akida_cancel(struct akida_file *af, const struct akida_cancel *a);

/* akida_mem.c */
int akida_buffer_alloc(struct akida_device *adev, u32 bytes, struct akida_buffer **out);
int akida_buffer_pin(struct akida_device *adev, u64 ptr, u32 bytes, bool writable,
		     struct akida_buffer **out);
int akida_buffer_map(struct akida_buffer *buf);
void akida_buffer_put(struct akida_buffer *buf);
struct akida_buffer *akida_buffer_new(struct akida_device *adev, u32 bytes);
int akida_buffer_pieces_init(struct akida_buffer *buf);
int akida_buffer_begin_write(struct akida_buffer *buf);
void akida_buffer_end_write(struct akida_buffer *buf);
int akida_buffer_mmap(struct akida_buffer *buf, struct vm_area_struct *vma);
u32 akida_buffer_pieces(const struct akida_buffer *buf, u32 off, u32 bytes, struct akc_seg *seg,
			u32 max);
void akida_buffers_unmap(struct akida_device *adev);

/* akida_dmabuf.c */
int akida_dmabuf_get(struct akida_device *adev, int fd, u32 bytes, bool writable,
		     struct akida_buffer **out);
int akida_dmabuf_map(struct akida_buffer *buf);
void akida_dmabuf_unmap(struct akida_buffer *buf);
void akida_dmabuf_put(struct akida_buffer *buf);
int akida_dmabuf_export(struct akida_buffer *buf, s32 *fd);

/* akida_program.c */
/* akida_window.c: host memory that the chip reaches by itself. With core_lock, unless nothing runs any more. */
int akida_window_make(struct akida_device *adev, const struct akc_program *p);
void akida_window_free(struct akida_device *adev);

int akida_program_create(struct akida_device *adev, struct akida_program_create *arg,
			 struct akida_program **out);
void akida_program_put(struct akida_program *prog);

/* akida_job.c */
int akida_context_create(struct akida_device *adev, struct akida_program *prog,
			 const struct akida_context_create *arg, struct akida_context **out);
void akida_context_put(struct akida_context *ctx);
void akida_context_cancel(struct akida_context *ctx, int status);
int akida_job_submit(struct akida_context *ctx, struct akida_buffer *in, struct akida_buffer *out,
		     struct akida_submit *arg, struct akida_uring *uring);
void akida_done_tell(const struct akida_done *done, struct akida_wait *w);
int akida_job_wait(struct akida_context *ctx, struct akida_wait *arg);
int akida_job_cancel(struct akida_context *ctx, u64 seq);
u64 akida_job_of(struct akida_context *ctx, fl_owner_t owner);
int akida_worker(void *data);
void akida_cancel_older(struct akida_device *adev, u32 generation, int status);
void akida_counters(struct akida_device *adev);

/* akida_reset.c */
enum akida_reason { AKIDA_FAULT, AKIDA_REQUEST, AKIDA_RESUME, AKIDA_FUNCTION, AKIDA_SLOT };
int akida_reset_device(struct akida_device *adev, enum akida_reason why);
void akida_pause(struct akida_device *adev);
void akida_quiesce(struct akida_device *adev);
extern const struct pci_error_handlers akida_err_handlers;
extern const struct dev_pm_ops akida_pm;

/* akida_power.c */
void akida_power_probe(struct akida_device *adev);
void akida_power_register(struct akida_device *adev);
void akida_power_unregister(struct akida_device *adev);
void akida_power_poll(struct akida_device *adev);
void akida_power_refresh(struct akida_device *adev);
int akida_power_read(struct akida_file *af, struct akida_power *arg);
extern const char *const akida_clock_names[AKIDA_CLOCKS];
int akida_clock_set(struct akida_device *adev, u32 mode);
void akida_clock_restore(struct akida_device *adev);
u32 akida_clock_timeout_us(struct akida_device *adev);

/* akida_uring.c, with CONFIG_IO_URING */
struct io_uring_cmd;
int akida_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);
void akida_uring_end(struct akida_uring *u, const struct akida_done *done);
int akida_uring_flush(struct file *file, fl_owner_t owner);

/* akida_legacy.c */
#ifdef AKIDA_LEGACY
bool akida_legacy_enabled(void);
void akida_legacy_release(struct akida_file *af);
void akida_legacy_unmap(struct akida_device *adev);
ssize_t akida_legacy_read(struct file *file, char __user *buf, size_t bytes, loff_t *pos);
ssize_t akida_legacy_write(struct file *file, const char __user *buf, size_t bytes, loff_t *pos);
int akida_legacy_mmap(struct file *file, struct vm_area_struct *vma);
#else
static inline bool akida_legacy_enabled(void)
{
	return false;
}

static inline void akida_legacy_release(struct akida_file *af)
{
}

static inline void akida_legacy_unmap(struct akida_device *adev)
{
}

static inline int akida_legacy_mmap(struct file *file, struct vm_area_struct *vma)
{
	return -ENOENT;
}
#endif

/* akida_sysfs.c */
extern const struct attribute_group *akida_groups[];

#endif
