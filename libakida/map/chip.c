// SPDX-License-Identifier: MIT
/*
 * The meshes of both chips as tables. Source: nsoc-hardware 11. Written here a second time on purpose: the software
 * NSoC has its own table, so that a slip in one shows.
 */
#include <stdio.h>
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

#define NODES_PREFIX "akida1:"
#define NODES_MAX 16u

/* One node with the FNP2, then full ones, row by row from row 2 on, in a grid that is nearly square; 2: TwoNodesIPv1. */
static void mesh_of_nodes(struct ak_map_chip *c, uint32_t nodes)
{
	static const char *const names[NODES_MAX + 1] = {
		NULL,	     NULL,	  "akida1:2",  "akida1:3",  "akida1:4",	 "akida1:5",
		"akida1:6",  "akida1:7",  "akida1:8",  "akida1:9",  "akida1:10", "akida1:11",
		"akida1:12", "akida1:13", "akida1:14", "akida1:15", "akida1:16"};
	uint32_t cols = nodes > 2 ? 2 : 1;

	while (cols * cols < nodes && nodes > 2)
		cols++;
	*c = chips[1]; /* an AKD1500, but for its mesh */
	c->name = names[nodes];
	c->version[3] = (uint8_t)(nodes == 2 ? 6 : 128 + nodes);
	c->count = 0;
	for (uint32_t col = 0; col < cols; col++)
		for (uint32_t row = 0; row * cols + col < nodes; row++)
			for (uint8_t id = 0; id < 4; id++) {
				bool first = !row && !col;
				uint8_t kinds = first ? id ? CNP : CNP | AK_KIND_FNP2
						: id  ? CNP | AK_KIND_CNP2
						      : CNP | AK_KIND_FNP3;

				c->np[c->count++] = (struct ak_np){(uint8_t)(col + 1), (uint8_t)(row + 2), id, kinds};
			}
}

const struct ak_map_chip *ak_map_chip_find(const char *name)
{
	static _Thread_local struct ak_map_chip nodes;
	size_t prefix = strlen(NODES_PREFIX);
	unsigned int n = 0;
	int used = 0;

	for (size_t i = 0; name && i < sizeof(chips) / sizeof(chips[0]); i++)
		if (!strcmp(chips[i].name, name))
			return &chips[i];
	if (!name || strncmp(name, NODES_PREFIX, prefix) || name[prefix] < '1' || name[prefix] > '9' ||
	    sscanf(name + prefix, "%2u%n", &n, &used) != 1 || name[prefix + (size_t)used] || n < 2 || n > NODES_MAX)
		return NULL;
	mesh_of_nodes(&nodes, n);
	return &nodes;
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
