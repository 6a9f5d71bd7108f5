/* SPDX-License-Identifier: MIT */
/* Configuration packets: header fields, walking a track, names (nsoc-hardware 10 and 12). */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include "base/le.h"
#include "layer/encoding.h"
#include "program/packet.h"

#define XL_UNIT 16u

int ak_packet_next(const uint32_t *track, uint32_t words, uint32_t *pos, struct ak_packet *p)
{
	uint32_t w0, w1, left = words - *pos;
	uint64_t length;

	if (!left)
		return 0;
	if (left < 2)
		return -EILSEQ;
	w0 = ak_get32(track + *pos);
	w1 = ak_get32(track + *pos + 1);
	length = (uint64_t)AK_PKT_LEN(w1) * (AK_PKT_XL(w1) ? XL_UNIT : 1);
	if (length > left - 2)
		return -EILSEQ;
	*p = (struct ak_packet){
		.col = AK_PKT_COL(w0),
		.row = AK_PKT_ROW(w0),
		.dst = AK_PKT_DST(w0),
		.hrc = AK_PKT_HRC(w0) == AK_PKT_HRC_ENABLE,
		.xl = AK_PKT_XL(w1),
		.uid = AK_PKT_UID(w0),
		.start = AK_PKT_START(w1),
		.payload = track + *pos + 2,
		.words = (uint32_t)length,
		.at = *pos,
	};
	*pos += 2 + (uint32_t)length;
	return 1;
}

uint32_t ak_packet_word(const struct ak_packet *p, uint32_t i)
{
	return ak_get32(p->payload + i);
}

int ak_packet_np(const struct ak_packet *p)
{
	for (int i = 0; i < 4; i++)
		if (p->dst == 1u << i)
			return i;
	return -1;
}

const char *ak_np_register_name(uint32_t offset)
{
	static const char *const names[64] = {
		[AK_NP_REG1 / 4] = "REG1",     [AK_NP_REG2 / 4] = "REG2",     [AK_NP_REG3 / 4] = "REG3",
		[AK_NP_REG4 / 4] = "REG4",     [AK_NP_REG5 / 4] = "REG5",     [AK_NP_LOWPOWER / 4] = "LOWPOWER",
		[AK_NP_REG6 / 4] = "REG6",     [AK_NP_REG7 / 4] = "REG7",     [AK_NP_REG8 / 4] = "REG8",
		[AK_NP_REG9 / 4] = "REG9",     [AK_NP_REG10 / 4] = "REG10",   [AK_NP_REG11 / 4] = "REG11",
		[AK_NP_REG12 / 4] = "REG12",   [AK_NP_REG13 / 4] = "REG13",   [AK_NP_FNP1 / 4] = "FNP1",
		[AK_NP_FNP2 / 4] = "FNP2",     [AK_NP_FNP3 / 4] = "FNP3",     [AK_NP_FNP4 / 4] = "FNP4",
		[AK_NP_CNP1 / 4] = "CNP1",     [AK_NP_CNP2 / 4] = "CNP2",     [AK_NP_CNP3 / 4] = "CNP3",
		[AK_NP_CNP4 / 4] = "CNP4",     [AK_NP_CNP5 / 4] = "CNP5",     [AK_NP_CNP6 / 4] = "CNP6",
		[AK_NP_CNP7 / 4] = "CNP7",     [AK_NP_CNP8 / 4] = "CNP8",     [AK_NP_CNP9 / 4] = "CNP9",
		[AK_NP_PR1 / 4] = "PR1",       [AK_NP_PR2 / 4] = "PR2",	      [AK_NP_PR3 / 4] = "PR3",
		[AK_NP_PR4 / 4] = "PR4",       [AK_NP_LEARN1 / 4] = "LEARN1", [AK_NP_LEARN2 / 4] = "LEARN2",
		[AK_NP_LEARN3 / 4] = "LEARN3", [AK_NP_LEARN4 / 4] = "LEARN4", [AK_NP_LEARN5 / 4] = "LEARN5",
		[AK_NP_MM1 / 4] = "MM1",       [AK_NP_MM2 / 4] = "MM2",	      [AK_NP_MM3 / 4] = "MM3",
		[AK_NP_MM4 / 4] = "MM4",       [AK_NP_MM5 / 4] = "MM5",	      [AK_NP_MM6 / 4] = "MM6",
		[AK_NP_MM7 / 4] = "MM7",       [AK_NP_MM8 / 4] = "MM8",	      [AK_NP_RESET / 4] = "RESET",
	};

	return offset % 4 || offset / 4 >= 64 ? NULL : names[offset / 4];
}

const char *ak_uid_name(uint32_t uid)
{
	switch (uid) {
	case AK_UID_FILTER:
		return "filter SRAM";
	case AK_UID_LEARN_THR:
		return "learning thresholds";
	case AK_UID_INPUT_SRAM:
		return "input packet SRAM";
	case AK_UID_THRESHOLD:
		return "thresholds and steps";
	case AK_UID_FNP_WEIGHT:
		return "FNP weight SRAM";
	case AK_UID_REGISTER:
		return "registers";
	default:
		return NULL;
	}
}

static void name_payload(const struct ak_packet *k, const char *target, uint32_t i, char *out, size_t bytes)
{
	const char *uid = ak_uid_name(k->uid), *name = k->hrc ? NULL : ak_np_register_name(4 * (k->start + i));

	if (k->uid != AK_UID_REGISTER)
		snprintf(out, bytes, "%s, %s word %u", target, uid ? uid : "unknown memory", i);
	else if (name)
		snprintf(out, bytes, "%s, register %s", target, name);
	else
		snprintf(out, bytes, "%s, register word 0x%x", target, k->start + i);
}

void ak_track_word_name(const uint32_t *track, uint32_t words, uint32_t word, char *out, size_t bytes)
{
	struct ak_packet k;
	uint32_t pos = 0;
	char target[40];

	snprintf(out, bytes, "word %u", word);
	while (pos <= word && ak_packet_next(track, words, &pos, &k) > 0) {
		if (word >= pos)
			continue;
		if (k.hrc)
			snprintf(target, sizeof(target), "HRC");
		else if (ak_packet_np(&k) < 0)
			snprintf(target, sizeof(target), "NP (%u,%u,one-hot 0x%x)", k.col, k.row, k.dst);
		else
			snprintf(target, sizeof(target), "NP (%u,%u,%d)", k.col, k.row, ak_packet_np(&k));
		if (word < k.at + 2)
			snprintf(out, bytes, "%s, packet header word %u", target, word - k.at);
		else
			name_payload(&k, target, word - k.at - 2, out, bytes);
		return;
	}
}
