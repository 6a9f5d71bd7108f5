// SPDX-License-Identifier: GPL-2.0-only
/* Buffers shared with other devices: their dma-bufs as our buffers, our buffers as dma-bufs. */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/fcntl.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "akida_dev.h"
#include "akida_compat.h"

#if IS_ENABLED(CONFIG_DMA_SHARED_BUFFER)

/* ---- theirs ---- */

static int akida_dmabuf_cpu(struct akida_buffer *buf)
{
	struct iosys_map map;

	if (akida_dma_buf_vmap(buf->dmabuf, &map))
		return -EOPNOTSUPP;
	if (map.is_iomem) {
		akida_dma_buf_vunmap(buf->dmabuf, &map);
		return -EOPNOTSUPP;
	}
	buf->cpu = map.vaddr;
	return 0;
}

/* Without locks. writable: outputs are wanted, so the CPU must see it. */
int akida_dmabuf_get(struct akida_device *adev, int fd, u32 bytes, bool writable,
		     struct akida_buffer **out)
{
	struct akida_buffer *buf;
	struct dma_buf *dmabuf;
	int err = 0;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	buf = akida_buffer_new(adev, bytes);
	if (!buf) {
		dma_buf_put(dmabuf);
		return -ENOMEM;
	}
	buf->dmabuf = dmabuf;
	if (dmabuf->size < bytes)
		err = -ERANGE;
	else if (writable)
		err = akida_dmabuf_cpu(buf);
	if (err)
		akida_buffer_put(buf);
	else
		*out = buf;
	return err;
}

int akida_dmabuf_map(struct akida_buffer *buf)
{
	struct dma_buf_attachment *attach;
	struct sg_table *sgt;

	attach = dma_buf_attach(buf->dmabuf, &buf->adev->pdev->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	sgt = dma_buf_map_attachment_unlocked(attach, DMA_TO_DEVICE);
	if (IS_ERR(sgt)) {
		dma_buf_detach(buf->dmabuf, attach);
		return PTR_ERR(sgt);
	}
	buf->attach = attach;
	buf->sgt = sgt;
	buf->mapped = true;
	return akida_buffer_pieces_init(buf);
}

void akida_dmabuf_unmap(struct akida_buffer *buf)
{
	dma_buf_unmap_attachment_unlocked(buf->attach, buf->sgt, DMA_TO_DEVICE);
	dma_buf_detach(buf->dmabuf, buf->attach);
}

void akida_dmabuf_put(struct akida_buffer *buf)
{
	struct iosys_map map = IOSYS_MAP_INIT_VADDR(buf->cpu);

	if (buf->cpu)
		akida_dma_buf_vunmap(buf->dmabuf, &map);
	dma_buf_put(buf->dmabuf);
}

/* Around the worker's writes of outputs. */
int akida_buffer_begin_write(struct akida_buffer *buf)
{
	return buf->dmabuf ? dma_buf_begin_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL) : 0;
}

void akida_buffer_end_write(struct akida_buffer *buf)
{
	if (buf->dmabuf)
		dma_buf_end_cpu_access(buf->dmabuf, DMA_BIDIRECTIONAL);
}

/* ---- ours: the dma-buf holds a reference on the buffer ---- */

static struct sg_table *akida_export_map(struct dma_buf_attachment *attach,
					 enum dma_data_direction dir)
{
	struct akida_buffer *buf = attach->dmabuf->priv;
	struct sg_table *sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	int err;

	if (!sgt)
		return ERR_PTR(-ENOMEM);
	err = sg_alloc_table_from_pages(sgt, buf->pages, buf->page_count, 0, buf->bytes, GFP_KERNEL);
	if (err)
		goto free;
	err = dma_map_sgtable(attach->dev, sgt, dir, 0);
	if (err)
		goto free_table;
	return sgt;
free_table:
	sg_free_table(sgt);
free:
	kfree(sgt);
	return ERR_PTR(err);
}

static void akida_export_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
			       enum dma_data_direction dir)
{
	dma_unmap_sgtable(attach->dev, sgt, dir, 0);
	sg_free_table(sgt);
	kfree(sgt);
}

static int akida_export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	struct akida_buffer *buf = dmabuf->priv;

	akida_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
	return vma->vm_pgoff ? -EINVAL : akida_buffer_mmap(buf, vma);
}

static int akida_export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct akida_buffer *buf = dmabuf->priv;

	iosys_map_set_vaddr(map, buf->cpu);
	return 0;
}

static void akida_export_release(struct dma_buf *dmabuf)
{
	akida_buffer_put(dmabuf->priv);
}

static const struct dma_buf_ops akida_export_ops = {
	.map_dma_buf = akida_export_map,
	.unmap_dma_buf = akida_export_unmap,
	.mmap = akida_export_mmap,
	.vmap = akida_export_vmap,
	.release = akida_export_release,
};

/* buf stays the caller's; the dma-buf has its own reference. */
int akida_dmabuf_export(struct akida_buffer *buf, s32 *fd)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	int n;

	if (buf->user || buf->dmabuf)
		return -EINVAL;
	info.ops = &akida_export_ops;
	info.size = buf->bytes;
	info.flags = O_RDWR;
	info.priv = buf;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);
	kref_get(&buf->ref);
	n = dma_buf_fd(dmabuf, O_CLOEXEC);
	if (n < 0) {
		dma_buf_put(dmabuf);
		return n;
	}
	*fd = n;
	return 0;
}

#else
int akida_dmabuf_get(struct akida_device *adev, int fd, u32 bytes, bool writable,
		     struct akida_buffer **out)
{
	return -EOPNOTSUPP;
}

int akida_dmabuf_map(struct akida_buffer *buf)
{
	return -EOPNOTSUPP;
}

void akida_dmabuf_unmap(struct akida_buffer *buf)
{
}

void akida_dmabuf_put(struct akida_buffer *buf)
{
}

int akida_buffer_begin_write(struct akida_buffer *buf)
{
	return 0;
}

void akida_buffer_end_write(struct akida_buffer *buf)
{
}

int akida_dmabuf_export(struct akida_buffer *buf, s32 *fd)
{
	return -EOPNOTSUPP;
}
#endif
