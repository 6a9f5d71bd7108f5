// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: pages of ours or pinned ones of the user's, mapped for the device as scattered pieces, for
 * the kernel with vmap, for users page by page; those of other devices are in akida_dmabuf.c. The
 * device reads them and never writes (but for akida_legacy.c): outputs come through the stage, and the
 * worker writes them. A user mapping holds references to pages only, so remove takes the device's view away and nothing
 * else.
 */
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "akida_dev.h"

struct akida_buffer *akida_buffer_new(struct akida_device *adev, u32 bytes)
{
	struct akida_buffer *buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);

	if (!buf)
		return NULL;
	kref_init(&buf->ref);
	INIT_LIST_HEAD(&buf->entry);
	buf->adev = adev;
	get_device(&adev->dev);
	buf->bytes = bytes;
	buf->dir = DMA_TO_DEVICE;
	return buf;
}

static int akida_buffer_vmap(struct akida_buffer *buf)
{
	void *p = vmap(buf->pages, buf->page_count, VM_MAP, PAGE_KERNEL);

	if (!p)
		return -ENOMEM;
	buf->cpu = p + buf->skip;
	return 0;
}

/* 64 KiB at a time where that is easily had: the longer the pieces, the shorter the DMA lists. */
static u32 akida_buffer_fill_some(struct page **pages, u32 count)
{
	unsigned int order = count < SZ_64K / PAGE_SIZE ? 0 : get_order(SZ_64K), i;
	struct page *page = NULL;

	if (order)
		page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN,
				   order);
	if (page) {
		split_page(page, order);
		for (i = 0; i < 1u << order; i++)
			pages[i] = page + i;
		return 1u << order;
	}
	pages[0] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	return pages[0] ? 1 : 0;
}

static int akida_buffer_fill(struct akida_buffer *buf)
{
	u32 i, n;

	buf->pages = kvcalloc(buf->page_count, sizeof(*buf->pages), GFP_KERNEL_ACCOUNT);
	if (!buf->pages)
		return -ENOMEM;
	for (i = 0; i < buf->page_count; i += n) {
		n = akida_buffer_fill_some(buf->pages + i, buf->page_count - i);
		if (!n)
			return -ENOMEM;
	}
	return akida_buffer_vmap(buf);
}

/* bytes: whole pages, at most AKIDA_MAX_BUFFER_BYTES. */
int akida_buffer_alloc(struct akida_device *adev, u32 bytes, struct akida_buffer **out)
{
	struct akida_buffer *buf = akida_buffer_new(adev, bytes);
	int err;

	if (!buf)
		return -ENOMEM;
	buf->page_count = bytes >> PAGE_SHIFT;
	err = akida_buffer_fill(buf);
	if (err)
		akida_buffer_put(buf);
	else
		*out = buf;
	return err;
}

/* ---- the user's pages ---- */

static int akida_charge(struct akida_buffer *buf)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	struct user_struct *user = get_uid(current_user());

	if (atomic_long_add_return(buf->page_count, &user->locked_vm) > limit &&
	    !capable(CAP_IPC_LOCK)) {
		atomic_long_sub(buf->page_count, &user->locked_vm);
		free_uid(user);
		return -ENOMEM;
	}
	buf->user = user;
	return 0;
}

static int akida_pin_pages(struct akida_buffer *buf, u64 ptr, bool writable)
{
	unsigned int flags = FOLL_LONGTERM | (writable ? FOLL_WRITE : 0);
	u32 done = 0;
	int n = 0;

	while (done < buf->page_count) {
		n = pin_user_pages_fast((unsigned long)(ptr & PAGE_MASK) + ((u64)done << PAGE_SHIFT),
					(int)(buf->page_count - done), flags, buf->pages + done);
		if (n <= 0)
			break;
		done += (u32)n;
	}
	if (done == buf->page_count)
		return 0;
	unpin_user_pages(buf->pages, done);
	kvfree(buf->pages); /* no page in it is pinned: nothing for release */
	buf->pages = NULL;
	return n ? n : -EFAULT;
}

/* Without locks: the user's memory may be served by the user. bytes: 1..AKIDA_MAX_BUFFER_BYTES. */
int akida_buffer_pin(struct akida_device *adev, u64 ptr, u32 bytes, bool writable,
		     struct akida_buffer **out)
{
	struct akida_buffer *buf;
	int err;

	if (ptr > ULONG_MAX - bytes)
		return -EFAULT;
	buf = akida_buffer_new(adev, bytes);
	if (!buf)
		return -ENOMEM;
	buf->skip = (u32)(ptr & ~PAGE_MASK);
	buf->page_count = (buf->skip + bytes + PAGE_SIZE - 1) >> PAGE_SHIFT;
	err = akida_charge(buf);
	if (err)
		goto put;
	buf->pages = kvcalloc(buf->page_count, sizeof(*buf->pages), GFP_KERNEL_ACCOUNT);
	err = buf->pages ? akida_pin_pages(buf, ptr, writable) : -ENOMEM;
	if (!err && writable)
		err = akida_buffer_vmap(buf);
	if (err)
		goto put;
	*out = buf;
	return 0;
put:
	akida_buffer_put(buf);
	return err;
}

static void akida_buffer_pages_put(struct akida_buffer *buf)
{
	bool written = buf->cpu;
	u32 i;

	if (buf->cpu)
		vunmap(buf->cpu - buf->skip);
	if (buf->pages && buf->user)
		unpin_user_pages_dirty_lock(buf->pages, buf->page_count, written);
	for (i = 0; buf->pages && !buf->user && i < buf->page_count && buf->pages[i]; i++)
		put_page(buf->pages[i]);
	kvfree(buf->pages);
	if (buf->user) {
		atomic_long_sub(buf->page_count, &buf->user->locked_vm);
		free_uid(buf->user);
	}
}

/* ---- for the device ---- */

/* What the mapping gave, up to the buffer's end. */
int akida_buffer_pieces_init(struct akida_buffer *buf)
{
	struct scatterlist *sg;
	u32 off = 0, n = 0;
	unsigned int i;

	buf->pieces = kvcalloc(buf->sgt->nents, sizeof(*buf->pieces), GFP_KERNEL_ACCOUNT);
	if (!buf->pieces)
		return -ENOMEM;
	for_each_sgtable_dma_sg(buf->sgt, sg, i) {
		if (off == buf->bytes)
			break;
		buf->pieces[n].bus = sg_dma_address(sg);
		buf->pieces[n].off = off;
		buf->pieces[n].bytes = min_t(u32, sg_dma_len(sg), buf->bytes - off);
		off += buf->pieces[n].bytes;
		n++;
	}
	buf->piece_count = n;
	return off == buf->bytes ? 0 : -EINVAL;
}

static int akida_buffer_map_pages(struct akida_buffer *buf)
{
	struct device *dev = &buf->adev->pdev->dev;
	/* What the chip said it takes, and what a bounce buffer can hold where one is forced. */
	size_t max = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	int err;

	buf->sgt = &buf->own;
	err = sg_alloc_table_from_pages_segment(buf->sgt, buf->pages, buf->page_count, buf->skip,
						buf->bytes, (unsigned int)max & PAGE_MASK,
						GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	err = dma_map_sgtable(dev, buf->sgt, buf->dir, 0);
	if (err)
		return err;
	buf->mapped = true;
	return akida_buffer_pieces_init(buf);
}

/* Called with remove_sem held for reading. After a failure the caller puts the buffer. */
int akida_buffer_map(struct akida_buffer *buf)
{
	struct akida_device *adev = buf->adev;
	int err;

	if (adev->dead)
		return -ENODEV;
	err = buf->dmabuf ? akida_dmabuf_map(buf) : akida_buffer_map_pages(buf);
	if (buf->mapped) {
		mutex_lock(&adev->buffers_lock);
		list_add_tail(&buf->entry, &adev->buffers);
		mutex_unlock(&adev->buffers_lock);
	}
	return err;
}

static void akida_buffer_unmap(struct akida_buffer *buf)
{
	if (!buf->mapped)
		return;
	if (buf->dmabuf)
		akida_dmabuf_unmap(buf);
	else
		dma_unmap_sgtable(&buf->adev->pdev->dev, buf->sgt, buf->dir, 0);
	buf->mapped = false;
}

static void akida_buffer_release(struct kref *ref)
{
	struct akida_buffer *buf = container_of(ref, struct akida_buffer, ref);

	mutex_lock(&buf->adev->buffers_lock);
	if (!list_empty(&buf->entry))
		list_del(&buf->entry);
	akida_buffer_unmap(buf);
	mutex_unlock(&buf->adev->buffers_lock);
	kvfree(buf->pieces);
	sg_free_table(&buf->own);
	if (buf->dmabuf)
		akida_dmabuf_put(buf);
	else
		akida_buffer_pages_put(buf);
	put_device(&buf->adev->dev);
	kfree(buf);
}

void akida_buffer_put(struct akida_buffer *buf)
{
	if (buf)
		kref_put(&buf->ref, akida_buffer_release);
}

/* Before the chip's DMA mappings go: nothing is queued any more, so no piece is in use. */
void akida_buffers_unmap(struct akida_device *adev)
{
	struct akida_buffer *buf, *next;

	mutex_lock(&adev->buffers_lock);
	list_for_each_entry_safe(buf, next, &adev->buffers, entry) {
		list_del_init(&buf->entry);
		akida_buffer_unmap(buf);
	}
	mutex_unlock(&adev->buffers_lock);
}

int akida_buffer_mmap(struct akida_buffer *buf, struct vm_area_struct *vma)
{
	unsigned long pages = vma_pages(vma), i;
	int err;

	if (buf->user || buf->dmabuf || pages > buf->page_count)
		return -EINVAL;
	for (i = 0; i < pages; i++) {
		err = vm_insert_page(vma, vma->vm_start + (i << PAGE_SHIFT), buf->pages[i]);
		if (err)
			return err;
	}
	return 0;
}

/* The pieces of [off, off + bytes), which lies inside the buffer; at most max. dev is left 0. */
u32 akida_buffer_pieces(const struct akida_buffer *buf, u32 off, u32 bytes, struct akc_seg *seg,
			u32 max)
{
	u32 lo = 0, hi = buf->piece_count, n = 0;

	while (hi - lo > 1) { /* the last piece that starts at or before off */
		u32 mid = lo + (hi - lo) / 2;

		if (buf->pieces[mid].off <= off)
			lo = mid;
		else
			hi = mid;
	}
	for (; bytes && n < max; lo++) {
		u32 skip = off - buf->pieces[lo].off;
		u32 take = min(bytes, buf->pieces[lo].bytes - skip);

		seg[n].host = buf->pieces[lo].bus + skip;
		seg[n].dev = 0;
		seg[n].bytes = take;
		off += take;
		bytes -= take;
		n++;
	}
	return bytes ? 0 : n;
}
