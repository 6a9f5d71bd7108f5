/* SPDX-License-Identifier: MIT */
/* What the mapper knows of a chip: its neural processors, what each can be, and where outputs leave. */
#ifndef AK_MAP_CHIP_H
#define AK_MAP_CHIP_H

#include <stdbool.h>
#include <stdint.h>

enum ak_np_kind { AK_KIND_CNP1 = 1, AK_KIND_CNP2 = 2, AK_KIND_FNP2 = 4, AK_KIND_FNP3 = 8 }; /* bit set */

struct ak_np {
	uint8_t col, row, id, kinds;
};

#define AK_MAP_MAX_NPS 80u

struct ak_map_chip {
	const char *name;		  /* "akd1000", as in akida_map */
	uint8_t version[4];		  /* vendor, product, major, minor of ProgramInfo */
	uint8_t dma_col, dma_row, dma_id; /* event DMA: where the last layer sends its outputs */
	uint32_t memory_bytes;		  /* device memory for tracks, rings, inputs and outputs */
	uint32_t window_bytes;		  /* host memory the chip reaches, for what stays in memory */
	uint32_t count;
	struct ak_np
		np[AK_MAP_MAX_NPS]; /* columns ascending, then rows, then ids: the order in which layers fill them */
};

/*
 * akd1000, akd1500, or akida1:N, a mesh of N nodes (2 to 16), which stays valid until this thread asks for another such. NULL
 * for an unknown name.
 */
const struct ak_map_chip *ak_map_chip_find(const char *name);
/* NPs whose kinds include all of these. */
uint32_t ak_map_chip_count(const struct ak_map_chip *chip, uint8_t kinds);
/* An AKD1500 position that a decoded vendor program uses for this purpose. */
bool ak_map_chip_seen(const struct ak_map_chip *chip, const struct ak_np *np, bool fully);

#endif
