// SPDX-License-Identifier: GPL-2.0-only OR MIT
/*
 * Configuration packets: header words built and parsed, and the walk over a track. What they may
 * contain: verify.c.
 */
#include "internal.h"

/* words: 1..AKC_PKT_LEN_MAX. */
void akc_packet_head(u32 *head, u8 col, u8 row, u8 id, u8 uid, u32 start, u32 words)
{
	head[0] = (u32)col << 24 | (u32)row << 16 | 1u << (8 + (id & 3)) | (uid & 0xfu);
	head[1] = words << 16 | (start & 0xffff);
}

/*
 * The packet at *at; moves *at behind it. 1 when there was one, 0 exactly at the end of the track,
 * -EILSEQ when the header or its payload reach over the end or the payload is empty.
 */
int akc_packet_next(const u32 *track, u32 words, u32 *at, struct akc_packet *p)
{
	u32 left, w0, w1;

	if (*at == words)
		return 0;
	if (*at > words || words - *at < AKC_PKT_HEADER_WORDS)
		return -EILSEQ;
	w0 = track[*at];
	w1 = track[*at + 1];
	left = words - *at - AKC_PKT_HEADER_WORDS;
	p->col = (u8)AKC_PKT_COL(w0);
	p->row = (u8)AKC_PKT_ROW(w0);
	p->dst = (u8)AKC_PKT_DST(w0);
	p->hrc = (u8)AKC_PKT_HRC(w0);
	p->uid = (u8)AKC_PKT_UID(w0);
	p->reserved = (w0 & AKC_PKT_RESERVED0) || (w1 & AKC_PKT_RESERVED1);
	p->xl = (w1 & AKC_PKT_XL) != 0;
	p->start = AKC_PKT_START(w1);
	p->words = AKC_PKT_LEN(w1) * (p->xl ? 16 : 1);
	if (!p->words || p->words > left)
		return -EILSEQ;
	p->payload = track + *at + AKC_PKT_HEADER_WORDS;
	*at += AKC_PKT_HEADER_WORDS + p->words;
	return 1;
}
