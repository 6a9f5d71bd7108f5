// SPDX-License-Identifier: MIT
/*
 * The meshes of both chips as tables. Source: nsoc-hardware 11. Written here a second time on purpose: the software
 * NSoC has its own table, so that a slip in one shows.
 */
#include <string.h>
#include "map/chip.h"

#define CNP AK_KIND_CNP1
/* A full node: id 0 can be fully connected, ids 1 to 3 have both convolution kinds. */
#define FULL(c, r)                                                                                                     \
	{c, r, 0, CNP | AK_KIND_FNP3}, {c, r, 1, CNP | AK_KIND_CNP2}, {c, r, 2, CNP | AK_KIND_CNP2},                   \
	{                                                                                                              \
		c, r, 3, CNP | AK_KIND_CNP2                                                                            \
	}

static const struct ak_map_chip chips[] = {
	{
		.name = "akd1000",
		.version = {0xbc, 0x00, 0, 2},
		.dma_col = 3,
		.dma_row = 1,
		.dma_id = 0,
		.memory_bytes = 192u << 20, /* nsoc-hardware 4: scratch of the engine in LPDDR4 */
		.count = 78,
		.np = {FULL(1, 3),
		       FULL(1, 4),
		       FULL(1, 5),
		       FULL(2, 3),
		       FULL(2, 4),
		       FULL(2, 5),
		       {3, 1, 2, CNP},
		       {3, 1, 3, CNP}, /* ids 0 and 1 are the DMA controllers */
		       FULL(3, 2),
		       FULL(3, 3),
		       FULL(3, 4),
		       FULL(3, 5),
		       {4, 1, 0, CNP | AK_KIND_FNP2},
		       {4, 1, 1, CNP | AK_KIND_FNP2},
		       {4, 1, 2, CNP | AK_KIND_FNP2},
		       {4, 1, 3, CNP | AK_KIND_FNP2},
		       FULL(4, 2),
		       FULL(4, 3),
		       FULL(4, 4),
		       FULL(4, 5),
		       FULL(5, 2),
		       FULL(5, 3),
		       FULL(5, 4),
		       FULL(5, 5)},
	},
	{
		.name = "akd1500",
		.version = {0xbc, 0xa1, 3, 9},
		.dma_col = 1,
		.dma_row = 1,
		.dma_id = 0,
		.memory_bytes = (1u << 20) - (16u << 10), /* on-chip RAM less lists, rings and alignment */
		.window_bytes = 32u << 20,
		.count = 32,
		.np = {{1, 2, 0, CNP | AK_KIND_FNP2},
		       {1, 2, 1, CNP},
		       {1, 2, 2, CNP},
		       {1, 2, 3, CNP},
		       FULL(1, 3),
		       FULL(2, 1),
		       FULL(2, 2),
		       FULL(2, 3),
		       FULL(3, 1),
		       FULL(3, 2),
		       FULL(3, 3)},
	},
};

const struct ak_map_chip *ak_map_chip_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof(chips) / sizeof(chips[0]); i++)
		if (!strcmp(chips[i].name, name))
			return &chips[i];
	return NULL;
}

uint32_t ak_map_chip_count(const struct ak_map_chip *chip, uint8_t kinds)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < chip->count; i++)
		n += (chip->np[i].kinds & kinds) == kinds;
	return n;
}

bool ak_map_chip_seen(const struct ak_map_chip *chip, const struct ak_np *np, bool fully)
{
	if (strcmp(chip->name, "akd1500"))
		return false;
	if (fully)
		return np->col == 1 && np->row == 3 && np->id == 0;
	return np->id > 0 && (np->col < 3 || (np->row == 1 && np->id == 1));
}
