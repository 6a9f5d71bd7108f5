// SPDX-License-Identifier: GPL-2.0-only
/*
 * The AKD1500's window to the host: memory for programs that stay in memory and do not fit the chip's
 * 1 MiB. Made when the first such program is loaded, as large as it needs, kept until the device goes
 * or a larger one comes. Behind an IOMMU one piece of scattered pages; else as few contiguous ones as
 * the kernel has, chained by the chip's outbound regions.
 */
#include <linux/dma-mapping.h>
#include "akida_dev.h"

#define AKIDA_PIECE_ALIGN SZ_64K
#define AKIDA_PIECE_MIN SZ_1M

static void akida_pieces_free(struct akida_device *adev)
{
	u32 i;

	for (i = 0; i < AKC_WINDOW_PIECES; i++)
		if (adev->window[i].cpu)
			dma_free_coherent(&adev->pdev->dev, adev->window[i].bytes,
					  adev->window[i].cpu, adev->window[i].bus);
	memset(adev->window, 0, sizeof(adev->window));
}

/* Pieces of at least bytes together; how many, or 0 and *got says how much there was. */
static u32 akida_pieces_get(struct akida_device *adev, u32 bytes, u32 *got)
{
	u32 size = bytes, count;

	*got = 0;
	for (count = 0; count < AKC_WINDOW_PIECES && *got < bytes; count++) {
		struct akc_piece *p = &adev->window[count];
		dma_addr_t bus;

		size = min(size, bytes - *got);
		for (;;) {
			p->cpu = dma_alloc_coherent(&adev->pdev->dev, size, &bus,
						    GFP_KERNEL | __GFP_NOWARN);
			if (p->cpu || size <= AKIDA_PIECE_MIN)
				break;
			size = ALIGN(size / 2, AKIDA_PIECE_ALIGN);
		}
		if (!p->cpu)
			break;
		p->bus = bus;
		p->bytes = size;
		*got += size;
	}
	return *got < bytes ? 0 : count;
}

int akida_window_make(struct akida_device *adev, const struct akc_program *p)
{
	u32 wanted = ALIGN(akc_window_wanted(&adev->core, p), AKIDA_PIECE_ALIGN);
	u32 count, got;
	int err;

	if (wanted <= adev->core.window_bytes)
		return 0;
	if (wanted > AKC_WINDOW_BYTES_MAX) {
		dev_warn(&adev->dev, "a program needs %u KiB of host memory, the chip reaches %u\n",
			 wanted >> 10, AKC_WINDOW_BYTES_MAX >> 10);
		return -ENOSPC;
	}
	err = akc_unload(&adev->core);
	if (!err)
		err = akc_host_window(&adev->core, NULL, 0);
	if (err)
		return err;
	akida_pieces_free(adev);
	count = akida_pieces_get(adev, wanted, &got);
	if (!count) {
		dev_warn(&adev->dev,
			 "%u KiB of host memory in %u pieces, a program needs %u: it is refused (an IOMMU or cma= helps)\n",
			 got >> 10, AKC_WINDOW_PIECES, wanted >> 10);
		akida_pieces_free(adev);
		return -ENOSPC;
	}
	err = akc_host_window(&adev->core, adev->window, count);
	if (err) {
		akida_pieces_free(adev);
		return err;
	}
	dev_info(&adev->dev,
		 "%u KiB of host memory in %u piece%s, for programs larger than the chip's memory\n",
		 got >> 10, count, count > 1 ? "s" : "");
	return 0;
}

/* The chip is not a bus master any more. */
void akida_window_free(struct akida_device *adev)
{
	akida_pieces_free(adev);
}
