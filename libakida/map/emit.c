// SPDX-License-Identifier: MIT
/* What all emitters share: the word buffer, packet headers, the mesh registers and threshold pairs. */
#include <stdlib.h>
#include <string.h>
#include "map/emit.h"

#define REG(off) ((off) / 4)

void ak_words_fini(struct ak_words *o)
{
	free(o->w);
	memset(o, 0, sizeof(*o));
}

uint32_t *ak_words_reserve(struct ak_words *o, uint32_t n)
{
	uint32_t *at;

	if (o->failed)
		return NULL;
	if (n > o->capacity - o->count) {
		uint32_t capacity = o->count + n + 1024;
		uint32_t *w = realloc(o->w, (size_t)capacity * sizeof(*w));

		if (!w) {
			o->failed = true;
			return NULL;
		}
		o->w = w;
		o->capacity = capacity;
	}
	at = o->w + o->count;
	memset(at, 0, (size_t)n * sizeof(*at));
	o->count += n;
	return at;
}

void ak_words_put(struct ak_words *o, uint32_t word)
{
	uint32_t *at = ak_words_reserve(o, 1);

	if (at)
		*at = word;
}

/*
 * Every payload fits the 14-bit length: an NP's filter memory is 14336 words, its weights 10752, a bank of the HRC 1536.
 */
static uint32_t *packet(struct ak_words *o, uint32_t head, uint32_t start, uint32_t n)
{
	uint32_t *at = ak_words_reserve(o, 2 + n);

	if (!at)
		return NULL;
	at[0] = head;
	at[1] = n << 16 | start;
	return at + 2;
}

uint32_t *ak_emit_packet(struct ak_words *o, const struct ak_np *np, enum ak_uid uid, uint32_t start, uint32_t n)
{
	return packet(o, (uint32_t)np->col << 24 | (uint32_t)np->row << 16 | 1u << (8 + np->id) | uid, start, n);
}

uint32_t *ak_emit_packet_hrc(struct ak_words *o, enum ak_uid uid, uint32_t start, uint32_t n)
{
	return packet(o, 1u << 8 | AK_PKT_HRC_ENABLE << 6 | uid, start, n); /* destination 1 as in the 2.5.0 programs */
}

struct ak_link ak_link_of(const struct ak_placement *pl, uint32_t i)
{
	struct ak_link link = {.last = ak_pass_ends(pl, i), .passes = pl->passes > 1};

	if (i > 1 && pl->layers[i - 1].pass == pl->layers[i].pass) {
		link.prev_west = pl->layers[i - 1].west;
		link.prev_east = pl->layers[i - 1].east;
	}
	if (!link.last) {
		link.next_id = (uint8_t)pl->layers[i + 1].id;
		link.next_west = pl->layers[i + 1].west;
		link.next_east = pl->layers[i + 1].east;
	}
	return link;
}

void ak_emit_mesh(const struct ak_map_chip *chip, const struct ak_np *np, const struct ak_link *link, uint32_t *block)
{
	uint32_t west = link->last ? chip->dma_col : link->next_west;
	uint32_t east = link->last ? chip->dma_col : link->next_east;

	if (link->last) {
		block[REG(AK_NP_MM1)] =
			AK_NP_MM1_TO_DMA | (link->passes ? AK_NP_MM1_END_OF_PASS : 0); /* point to point */
		block[REG(AK_NP_MM2)] = AK_LAYER_ID_DMA << 24 | 1u << (20 + chip->dma_id) |
					(uint32_t)chip->dma_col << 8 | chip->dma_row;
	} else {
		block[REG(AK_NP_MM1)] = 0xff080000;
		block[REG(AK_NP_MM2)] = (uint32_t)link->next_id << 24 | east << 8 | west;
	}
	block[REG(AK_NP_MM3)] = (uint32_t)link->prev_east << 8 | link->prev_west;
	block[REG(AK_NP_MM4)] = (np->col > east ? np->col : east) << 8 | (np->col < west ? np->col : west);
}

void ak_emit_thresholds(const struct akida_layer *l, uint32_t first, uint32_t n, uint32_t *out)
{
	uint32_t mask = l->type == AKIDA_LAYER_INPUT_CONV ? 0xffffffu : 0xfffffu;

	for (uint32_t f = first; f < first + n; f++) {
		if (l->activation) {
			*out++ = (uint32_t)l->threshold[f] & mask;
			*out++ = (uint32_t)l->step16[f];
		} else {
			/* potentials: the lowest threshold, and the dequantization step in 1/16, rounded down */
			double step = 16.0 * (double)l->scale[f];

			*out++ = 0x80000u;
			*out++ = step >= 1 ? step < AK_STEP16_MAX ? (uint32_t)step : AK_STEP16_MAX : 1;
		}
	}
}
