/* SPDX-License-Identifier: MIT */
/* Walking the configuration packets of a track, and the names of what they write. For describe.c and dump.c. */
#ifndef AK_PROGRAM_PACKET_H
#define AK_PROGRAM_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ak_packet {
	uint32_t col, row, dst; /* dst one-hot */
	bool hrc, xl;
	uint32_t uid, start;
	const uint32_t *payload; /* little-endian words */
	uint32_t words;
	uint32_t at; /* word index in the track */
};

/* Packet at word *pos of a track; advances *pos. 1: a packet, 0: the track is over, -EILSEQ: it runs past the end. */
int ak_packet_next(const uint32_t *track, uint32_t words, uint32_t *pos, struct ak_packet *p);
uint32_t ak_packet_word(const struct ak_packet *p, uint32_t i);
/* NP number of a one-hot destination, -1 when it is none. */
int ak_packet_np(const struct ak_packet *p);
/* Name of an NP register by byte offset ("REG4"), NULL when it has none. */
const char *ak_np_register_name(uint32_t offset);
/* What a UID addresses on an IP v1 NP, NULL when unknown. */
const char *ak_uid_name(uint32_t uid);
/* Word `word` of a track as people look it up: "NP (1,2,1), register REG4", "HRC, filter SRAM word 7". */
void ak_track_word_name(const uint32_t *track, uint32_t words, uint32_t word, char *out, size_t bytes);

#endif
