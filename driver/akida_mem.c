// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers: ordinary zeroed pages, mapped for the device as scattered pieces, for the kernel with
 * vmap, for users page by page. A user mapping holds references to pages only, so remove takes the
 * device's view away and nothing else.
 */
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "akida_dev.h"

static int akida_buffer_alloc_pages(struct akida_buffer *buf)
{
	u32 i;

	buf->pages = kvcalloc(buf->page_count, sizeof(*buf->pages), GFP_KERNEL_ACCOUNT);
	if (!buf->pages)
		return -ENOMEM;
	for (i = 0; i < buf->page_count; i++) {
		buf->pages[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!buf->pages[i])
			return -ENOMEM;
	}
	buf->cpu = vmap(buf->pages, buf->page_count, VM_MAP, PAGE_KERNEL);
	return buf->cpu ? 0 : -ENOMEM;
}

static int akida_buffer_map(struct akida_buffer *buf)
{
	struct device *dev = &buf->adev->pdev->dev;
	/* What the chip said it takes, and what a bounce buffer can hold where one is forced. */
	size_t max = min_t(size_t, dma_get_max_seg_size(dev), dma_max_mapping_size(dev));
	struct scatterlist *sg;
	u32 off = 0, n = 0;
	unsigned int i;
	int err;

	err = sg_alloc_table_from_pages_segment(&buf->sgt, buf->pages, buf->page_count, 0,
						buf->bytes, (unsigned int)max & PAGE_MASK,
						GFP_KERNEL_ACCOUNT);
	if (err)
		return err;
	err = dma_map_sgtable(dev, &buf->sgt, DMA_BIDIRECTIONAL, 0);
	if (err)
		return err;
	buf->mapped = true;
	buf->pieces = kvcalloc(buf->sgt.nents, sizeof(*buf->pieces), GFP_KERNEL_ACCOUNT);
	if (!buf->pieces)
		return -ENOMEM;
	for_each_sgtable_dma_sg(&buf->sgt, sg, i) {
		buf->pieces[n].bus = sg_dma_address(sg);
		buf->pieces[n].off = off;
		buf->pieces[n].bytes = sg_dma_len(sg);
		off += sg_dma_len(sg);
		n++;
	}
	buf->piece_count = n;
	return 0;
}

static void akida_buffer_unmap(struct akida_buffer *buf)
{
	if (!buf->mapped)
		return;
	dma_unmap_sgtable(&buf->adev->pdev->dev, &buf->sgt, DMA_BIDIRECTIONAL, 0);
	buf->mapped = false;
}

static void akida_buffer_release(struct kref *ref)
{
	struct akida_buffer *buf = container_of(ref, struct akida_buffer, ref);
	u32 i;

	mutex_lock(&buf->adev->buffers_lock);
	if (!list_empty(&buf->entry))
		list_del(&buf->entry);
	akida_buffer_unmap(buf);
	mutex_unlock(&buf->adev->buffers_lock);
	kvfree(buf->pieces);
	sg_free_table(&buf->sgt);
	vunmap(buf->cpu);
	for (i = 0; buf->pages && i < buf->page_count && buf->pages[i]; i++)
		put_page(buf->pages[i]);
	kvfree(buf->pages);
	put_device(&buf->adev->dev);
	kfree(buf);
}

void akida_buffer_put(struct akida_buffer *buf)
{
	if (buf)
		kref_put(&buf->ref, akida_buffer_release);
}

/* Called with remove_sem held for reading. */
int akida_buffer_create(struct akida_device *adev, u64 bytes, struct akida_buffer **out)
{
	struct akida_buffer *buf;
	int err;

	if (!bytes || bytes > AKIDA_MAX_BUFFER_BYTES)
		return -EINVAL;
	buf = kzalloc(sizeof(*buf), GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	kref_init(&buf->ref);
	INIT_LIST_HEAD(&buf->entry);
	buf->adev = adev;
	get_device(&adev->dev);
	buf->bytes = (u32)PAGE_ALIGN(bytes);
	buf->page_count = buf->bytes >> PAGE_SHIFT;
	err = akida_buffer_alloc_pages(buf);
	if (!err)
		err = akida_buffer_map(buf);
	if (err) {
		akida_buffer_put(buf);
		return err;
	}
	mutex_lock(&adev->buffers_lock);
	list_add_tail(&buf->entry, &adev->buffers);
	mutex_unlock(&adev->buffers_lock);
	*out = buf;
	return 0;
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

	if (pages > buf->page_count)
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
