/* SPDX-License-Identifier: MIT */
/* Configuration packets of placed layers, word for word as the decoded vendor programs have them. */
#ifndef AK_MAP_EMIT_H
#define AK_MAP_EMIT_H

#include "map/place.h"

/* A growing array of words. After an allocation failure it stays failed and keeps nothing more. */
struct ak_words {
	uint32_t *w;
	uint32_t count, capacity;
	bool failed;
};
void ak_words_fini(struct ak_words *o);
void ak_words_put(struct ak_words *o, uint32_t word);
/* Reserves n zero words and returns them (valid until the next call), or NULL. */
uint32_t *ak_words_reserve(struct ak_words *o, uint32_t n);
/* Packet header for n payload words; the payload is returned zeroed, to be filled. */
uint32_t *ak_emit_packet(struct ak_words *o, const struct ak_np *np, enum ak_uid uid, uint32_t start, uint32_t n);
uint32_t *ak_emit_packet_hrc(struct ak_words *o, enum ak_uid uid, uint32_t start, uint32_t n);

/* How a layer is tied to the mesh: columns of the layer in front (0, 0 behind the HRC) and where its outputs go. */
struct ak_link {
	uint8_t prev_west, prev_east;
	bool last;   /* outputs go to the event DMA */
	bool passes; /* the program has several passes */
	uint8_t next_id, next_west, next_east;
};
/* Link of layer i (1 and up) of a placement; neighbours are those of its pass. */
struct ak_link ak_link_of(const struct ak_placement *pl, uint32_t i);

void ak_emit_hrc_preconf(const struct akida_layer *l, struct ak_words *o);
void ak_emit_hrc(const struct akida_layer *l, struct ak_words *o);
/* Parts first .. first + count - 1 of a layer, one after the other. */
void ak_emit_cnp(const struct ak_map_chip *chip, const struct ak_layer_place *p, uint32_t first, uint32_t count,
		 const struct ak_link *link, struct ak_words *o);
/* Words that one part takes. */
uint32_t ak_emit_cnp_words(const struct ak_layer_place *p, uint32_t part);
void ak_emit_fnp(const struct ak_map_chip *chip, const struct ak_layer_place *p, uint32_t first, uint32_t count,
		 const struct ak_link *link, struct ak_words *o);
uint32_t ak_emit_fnp_words(const struct ak_layer_place *p, uint32_t part);
/* The packet of an FNP2's weights, which stays in device memory. */
void ak_emit_fnp2_weights(const struct ak_layer_place *p, struct ak_words *o);
/* MM1 to MM4 into a register block of AK_NP_BLOCK_WORDS. */
void ak_emit_mesh(const struct ak_map_chip *chip, const struct ak_np *np, const struct ak_link *link, uint32_t *block);
/* (threshold, step) pairs of n filters from first; raw: a layer without activation (nsoc-hardware 24.2). */
void ak_emit_thresholds(const struct akida_layer *l, uint32_t first, uint32_t n, uint32_t *out);

/* map.c: the program of a placed model: tracks, head, metadata and a copy of the model. Notes rules that splits add. */
int ak_map_build(const struct akida_model *m, struct ak_placement *pl, struct akida_program **out,
		 struct akida_diag *diag);

#endif
