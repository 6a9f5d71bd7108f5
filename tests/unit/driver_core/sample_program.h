/* SPDX-License-Identifier: MIT */
/*
 * A small well-formed program for tests, on the AKD1500 mesh: HRC, one separable CNP layer on (1,2,1), a fully connected
 * one on (1,3,0) that sends to the event DMA. Three tracks; word indices of its packets are named so that tests can
 * damage them one at a time.
 */
#ifndef SAMPLE_PROGRAM_H
#define SAMPLE_PROGRAM_H

#include "scripted_bus.h"

enum {
	S_HRC_REG = 0,	/* track 0: one HRC register */
	S_HRC_SRAM = 3, /* bank packet of 6 words */
	S_HRC_END = 3 + 8,
	S_CNP = S_HRC_END,	      /* track 1 */
	S_CNP_REG = S_CNP + 2,	      /* first register word */
	S_CNP_FILTER = S_CNP + 52,    /* 16 words at 0 */
	S_CNP_PW = S_CNP_FILTER + 18, /* 16 words at line 8 */
	S_CNP_THR = S_CNP_PW + 18,    /* 8 words */
	S_CNP_END = S_CNP_THR + 10,
	S_FNP = S_CNP_END, /* track 2 */
	S_FNP_REG = S_FNP + 2,
	S_FNP_WEIGHT = S_FNP + 52, /* 32 words */
	S_WORDS = S_FNP_WEIGHT + 34,
};

struct sample {
	u32 image[S_WORDS + 64];
	struct akc_track track[4];
	struct akc_reg_write epg[8];
	struct akc_program p;
};

static inline void sample_np(u32 *image, u32 at, u8 col, u8 row, u8 id)
{
	akc_packet_head(image + at, col, row, id, AKC_UID_REGISTER, 0, 50);
}

static inline void sample_program(struct sample *s)
{
	static const struct akc_reg_write epg[6] = {{0x00, 0x21200}, {0x0c, 0x10},	 {0x10, 0x01010001},
						    {0x14, 0x100},   {0x18, 0x01fe0001}, {0x1c, 0x027fffff}};
	u32 *w = s->image;

	memset(s, 0, sizeof(*s));
	w[S_HRC_REG] = 0x188;
	w[S_HRC_REG + 1] = 0x00010040;
	w[S_HRC_REG + 2] = 1;
	w[S_HRC_SRAM] = 0x180;
	w[S_HRC_SRAM + 1] = 0x00060028;
	sample_np(w, S_CNP, 1, 2, 1);
	w[S_CNP_REG + 1] = 0x60;
	w[S_CNP_REG + 3] = 0x0101a226;
	w[S_CNP_REG + 25] = 0x00040004;
	w[S_CNP_REG + 26] = 0x00040000;
	w[S_CNP_REG + 27] = 0x11;
	w[S_CNP_REG + 44] = 0xff080000;
	w[S_CNP_REG + 45] = 0x02000101;
	akc_packet_head(w + S_CNP_FILTER, 1, 2, 1, AKC_UID_FILTER, 0, 16);
	akc_packet_head(w + S_CNP_PW, 1, 2, 1, AKC_UID_FILTER, 1, 16);
	akc_packet_head(w + S_CNP_THR, 1, 2, 1, AKC_UID_THRESHOLD, 0, 8);
	sample_np(w, S_FNP, 1, 3, 0);
	w[S_FNP_REG + 1] = 0x01500070;
	w[S_FNP_REG + 15] = 2; /* neurons */
	w[S_FNP_REG + 44] = 0x06080001;
	w[S_FNP_REG + 45] = 0xff100101; /* the event DMA at column 1, row 1, NP 0 */
	akc_packet_head(w + S_FNP_WEIGHT, 1, 3, 0, AKC_UID_FNP_WEIGHT, 0, 32);
	s->track[0] = (struct akc_track){0, S_HRC_END};
	s->track[1] = (struct akc_track){S_CNP, S_CNP_END - S_CNP};
	s->track[2] = (struct akc_track){S_FNP, S_WORDS - S_FNP};
	memcpy(s->epg, epg, sizeof(epg));
	s->p = (struct akc_program){
		.image = s->image,
		.image_words = S_WORDS,
		.tracks = s->track,
		.track_count = 3,
		.epg = s->epg,
		.epg_count = 6,
		.device_version = {0xbc, 0xa1, 3, 9},
		.in_h = 8,
		.in_w = 6,
		.in_c = 1,
		.window_w = 6,
		.window_h = 8,
		.out_count = 2,
		.out_w = 1,
		.out_c = 2,
	};
}

/* The mesh of an AKD1500, or one of the same shape for the other chip. */
static inline void sample_mesh(struct akc_mesh *m)
{
	memset(m, 0, sizeof(*m));
	m->dma_col = m->dma_row = 1;
	m->dma_conf_id = 1;
	m->has_hrc = true;
	for (u8 col = 1; col <= 3; col++)
		for (u8 row = 1; row <= 3; row++)
			for (u8 id = 0; id < 4; id++) {
				u8 types = id ? AKC_NP_CNP1 | AKC_NP_CNP2 : AKC_NP_CNP1 | AKC_NP_FNP3;

				if (col == 1 && row == 1)
					continue;
				if (col == 1 && row == 2)
					types = id ? AKC_NP_CNP1 : AKC_NP_CNP1 | AKC_NP_FNP2;
				m->np[m->count++] = (struct akc_np){col, row, id, types};
			}
}

#endif
