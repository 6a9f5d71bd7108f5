// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vendor module's way to a board, for programs made for it: read and write move device memory, the file's
 * position being the device address; mmap shows registers. Off unless the module parameter legacy says so, for
 * CAP_SYS_RAWIO only, one file at a time, and no context of anybody meanwhile. The first such call of a file that
 * has made nothing of ours claims the board; closing it resets the chip.
 *
 * Unlike the vendor module's: ranges are checked without overflow and to the last byte, transfers are as long as the
 * DMA engine's lists, and neither its registers nor our lists can be reached.
 */
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include "akida_dev.h"
#include "akida_compat.h"

#define AKIDA_LEGACY_CHUNK SZ_1M
/* Page offsets of its mappings, behind those of buffers (handles, below 2^31): remove ends them alone. */
#define AKIDA_LEGACY_PGOFF 0x80000000ul
#define AKIDA_VENDOR_LISTS 0x20000000u /* which the vendor module refuses; kept as it was */
#define AKIDA_VENDOR_LISTS_BYTES 0x100u
#define AKIDA_DBI_ADDR 0xf8c00000u /* AKD1000: address windows and DMA engine as the chip sees them */
#define AKIDA_CORE_ADDR 0xfcc00000u
#define AKIDA_MEM_ADDR 0x20000000u

static bool akida_legacy_on;
module_param_named(legacy, akida_legacy_on, bool, 0444);
MODULE_PARM_DESC(legacy, "the vendor module's read, write and mmap, for CAP_SYS_RAWIO");

bool akida_legacy_enabled(void)
{
	return akida_legacy_on;
}

/* Whether calls on this file are the vendor's: it has the board, or has made nothing of ours. */
static bool akida_legacy_fits(struct akida_file *af)
{
	bool fits;

	if (!akida_legacy_on)
		return false;
	if (READ_ONCE(af->adev->legacy) == af)
		return true;
	mutex_lock(&af->lock);
	fits = idr_is_empty(&af->buffers) && idr_is_empty(&af->programs) &&
	       idr_is_empty(&af->contexts);
	mutex_unlock(&af->lock);
	return fits;
}

/* The mesh is empty and the chip there. With core_lock held. */
static int akida_legacy_ready(struct akida_device *adev)
{
	if (READ_ONCE(adev->paused))
		return -EAGAIN;
	if (adev->down)
		return akida_reset_device(adev, AKIDA_FAULT);
	if (!adev->loaded)
		return 0;
	akida_program_put(adev->loaded);
	adev->loaded = NULL;
	return akc_unload(&adev->core);
}

/* With remove_sem held for reading. */
static int akida_legacy_claim(struct akida_file *af, struct file *file)
{
	struct akida_device *adev = af->adev;
	int err = 0;

	if (adev->dead)
		return -ENODEV;
	if (READ_ONCE(adev->legacy) == af)
		return 0;
	if (!capable(CAP_SYS_RAWIO))
		return -EPERM;
	spin_lock(&adev->queue_lock);
	if (adev->legacy || !list_empty(&adev->contexts)) {
		err = -EBUSY;
	} else {
		adev->legacy_mapping = file->f_mapping;
		WRITE_ONCE(adev->legacy, af);
	}
	spin_unlock(&adev->queue_lock);
	if (err)
		return err;
	/* A submit of a context that is gone may still be running: the worker gives the lock. */
	mutex_lock(&adev->core_lock);
	err = akida_legacy_ready(adev);
	mutex_unlock(&adev->core_lock);
	return err;
}

/* The file is closed, mappings of it are gone. */
void akida_legacy_release(struct akida_file *af)
{
	struct akida_device *adev = af->adev;

	if (READ_ONCE(adev->legacy) != af)
		return;
	down_read(&adev->remove_sem);
	if (!adev->dead) {
		mutex_lock(&adev->core_lock);
		if (!READ_ONCE(adev->paused)) /* else whoever paused it resets */
			akida_reset_device(adev, AKIDA_REQUEST);
		mutex_unlock(&adev->core_lock);
	}
	spin_lock(&adev->queue_lock);
	adev->legacy = NULL;
	spin_unlock(&adev->queue_lock);
	up_read(&adev->remove_sem);
}

/* With remove_sem held for writing: nobody touches the BARs any more, a touch is SIGBUS. */
void akida_legacy_unmap(struct akida_device *adev)
{
	if (adev->legacy)
		unmap_mapping_range(adev->legacy_mapping, (loff_t)AKIDA_LEGACY_PGOFF << PAGE_SHIFT, 0,
				    1);
}

/* ---- read and write ---- */

static bool akida_overlaps(u64 a, u64 a_bytes, u64 b, u64 b_bytes)
{
	return a < b + b_bytes && b < a + a_bytes;
}

static bool akida_legacy_range(struct akida_device *adev, u64 at, u64 bytes)
{
	u32 lists, lists_bytes;

	if (at > U32_MAX || bytes > (1ull << 32) - at)
		return false;
	akc_list_area(&adev->core, &lists, &lists_bytes);
	if (akida_overlaps(at, bytes, lists, lists_bytes) ||
	    akida_overlaps(at, bytes, AKIDA_VENDOR_LISTS, AKIDA_VENDOR_LISTS_BYTES))
		return false;
	return adev->chip != AKIDA_CHIP_AKD1000 ||
	       !akida_overlaps(at, bytes, AKIDA_DBI_ADDR, SZ_4M);
}

static int akida_legacy_dma(struct akida_device *adev, struct akida_buffer *buf, u32 at)
{
	enum akc_dir dir = buf->dir == DMA_TO_DEVICE ? AKC_TO_DEVICE : AKC_TO_HOST;
	struct akc_seg *seg;
	u32 i, n;
	int err;

	seg = kvmalloc_array(buf->piece_count, sizeof(*seg), GFP_KERNEL_ACCOUNT);
	if (!seg)
		return -ENOMEM;
	n = akida_buffer_pieces(buf, 0, buf->bytes, seg, buf->piece_count);
	for (i = 0; i < n; i++) {
		seg[i].dev = at;
		at += seg[i].bytes;
	}
	mutex_lock(&adev->core_lock);
	err = akida_legacy_ready(adev);
	if (!err) {
		akida_msi_update(adev);
		err = akc_dma_run(&adev->core, dir, seg, n);
		/* Before the memory is given back: a channel that did not stop may still write it. */
		if (err && err != -EINVAL)
			akida_reset_device(adev, AKIDA_FAULT);
		akida_counters(adev);
	}
	mutex_unlock(&adev->core_lock);
	kvfree(seg);
	return err;
}

static int akida_legacy_chunk(struct file *file, u64 user, u32 bytes, u32 at, bool write)
{
	struct akida_file *af = file->private_data;
	struct akida_device *adev = af->adev;
	struct akida_buffer *buf;
	int err;

	err = akida_buffer_pin(adev, user, bytes, !write, &buf);
	if (err)
		return err;
	buf->dir = write ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
	down_read(&adev->remove_sem);
	err = akida_legacy_claim(af, file);
	if (!err)
		err = akida_buffer_map(buf);
	if (!err)
		err = akida_legacy_dma(adev, buf, at);
	up_read(&adev->remove_sem);
	akida_buffer_put(buf);
	return err;
}

/* A part that was moved is a success; the error comes with the next call. */
static ssize_t akida_legacy_move(struct file *file, u64 user, size_t bytes, loff_t *pos, bool write)
{
	struct akida_file *af = file->private_data;
	size_t done = 0;
	int err = 0;

	if (!akida_legacy_fits(af))
		return -EINVAL;
	if (!bytes)
		return 0;
	if (!akida_legacy_range(af->adev, (u64)*pos, bytes))
		return -EINVAL;
	while (done < bytes && !err) {
		u32 n = (u32)min_t(size_t, bytes - done, AKIDA_LEGACY_CHUNK);

		if (done && signal_pending(current))
			break;
		err = akida_legacy_chunk(file, user + done, n, (u32)*pos, write);
		if (!err) {
			done += n;
			*pos += n;
		}
	}
	return done ? (ssize_t)done : err;
}

ssize_t akida_legacy_read(struct file *file, char __user *buf, size_t bytes, loff_t *pos)
{
	return akida_legacy_move(file, (uintptr_t)buf, bytes, pos, false);
}

ssize_t akida_legacy_write(struct file *file, const char __user *buf, size_t bytes, loff_t *pos)
{
	return akida_legacy_move(file, (uintptr_t)buf, bytes, pos, true);
}

/* ---- mmap ---- */

/* AKD1000: offsets are those of BAR0. AKD1500: device addresses. */
static const struct akida_window {
	u32 chip;
	u32 bar;
	u32 at; /* first offset */
} akida_windows[] = {
	{AKIDA_CHIP_AKD1000, 0, 0},
	{AKIDA_CHIP_AKD1500, 2, AKIDA_CORE_ADDR},
	{AKIDA_CHIP_AKD1500, 4, AKIDA_MEM_ADDR},
};

static const struct akida_window *akida_window_find(struct akida_device *adev, u64 at, u64 bytes)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(akida_windows); i++) {
		const struct akida_window *w = &akida_windows[i];
		u64 room = adev->bar_bytes[w->bar];

		if (w->chip == adev->chip && at >= w->at && at - w->at < room &&
		    bytes <= room - (at - w->at))
			return w;
	}
	return NULL;
}

/* Page by page when touched, so that remove misses none; the page of our lists is not to be had. */
static vm_fault_t akida_legacy_fault(struct vm_fault *vmf)
{
	struct akida_device *adev = vmf->vma->vm_private_data;
	u64 at = (u64)(vmf->pgoff - AKIDA_LEGACY_PGOFF) << PAGE_SHIFT;
	vm_fault_t result = VM_FAULT_SIGBUS;
	const struct akida_window *w;
	u32 lists, lists_bytes;
	resource_size_t phys;

	down_read(&adev->remove_sem);
	w = adev->dead ? NULL : akida_window_find(adev, at, PAGE_SIZE);
	if (w) {
		akc_list_area(&adev->core, &lists, &lists_bytes);
		if (w->bar != 4 || !akida_overlaps(at, PAGE_SIZE, lists, lists_bytes)) {
			phys = pci_resource_start(adev->pdev, w->bar) + (at - w->at);
			result = vmf_insert_pfn(vmf->vma, vmf->address, phys >> PAGE_SHIFT);
		}
	}
	up_read(&adev->remove_sem);
	return result;
}

static const struct vm_operations_struct akida_legacy_vm_ops = {
	.fault = akida_legacy_fault,
};

/* -ENOENT: the call is not the vendor's. */
int akida_legacy_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct akida_file *af = file->private_data;
	struct akida_device *adev = af->adev;
	int err;

	if (!akida_legacy_fits(af))
		return -ENOENT;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff >= AKIDA_LEGACY_PGOFF ||
	    !akida_window_find(adev, (u64)vma->vm_pgoff << PAGE_SHIFT, vma->vm_end - vma->vm_start))
		return -EINVAL;
	down_read(&adev->remove_sem);
	err = akida_legacy_claim(af, file);
	up_read(&adev->remove_sem);
	if (err)
		return err;
	vma->vm_page_prot = pgprot_noncached(vma->vm_page_prot);
	akida_vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_pgoff += AKIDA_LEGACY_PGOFF;
	vma->vm_private_data = adev; /* the file keeps it */
	vma->vm_ops = &akida_legacy_vm_ops;
	return 0;
}
