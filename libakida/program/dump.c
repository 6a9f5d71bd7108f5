/* SPDX-License-Identifier: MIT */
/* The disassembler: a program's tracks as text, one packet and one register a line. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include "layer/encoding.h"
#include "program/packet.h"
#include "program/program.h"

struct out {
	void (*line)(void *ctx, const char *text);
	void *ctx;
};

static void say(const struct out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct out *o, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o->line(o->ctx, text);
}

static const char *hrc_word_name(uint32_t w)
{
	switch (w) {
	case AK_HRC_WORD_STROBE:
		return "STROBE";
	case AK_HRC_WORD_PRECONF:
		return "PRECONF";
	case AK_HRC_WORD_MODE:
		return "MODE";
	case AK_HRC_WORD_OUTPUT:
		return "OUTPUT";
	case AK_HRC_WORD_PADVALUE:
		return "PADVALUE";
	case AK_HRC_WORD_PADDING:
		return "PADDING";
	case AK_HRC_WORD_FILTERS:
		return "FILTERS";
	case AK_HRC_WORD_BANK:
		return "BANK";
	case AK_HRC_WORD_CHANNELS:
		return "CHANNELS";
	default:
		return "(no name)";
	}
}

static void dump_registers(const struct out *o, const struct ak_packet *k)
{
	for (uint32_t i = 0; i < k->words; i++) {
		uint32_t w = k->start + i, v = ak_packet_word(k, i);
		const char *name = k->hrc ? hrc_word_name(w) : ak_np_register_name(4 * w);

		if (!v && k->words > 8)
			continue; /* a whole block: zero registers are not worth a line */
		say(o, "      0x%02x %-10s 0x%08x", k->hrc ? w : 4 * w, name ? name : "(no name)", v);
	}
}

static void dump_packet(const struct out *o, const struct ak_packet *k)
{
	const char *uid = ak_uid_name(k->uid);
	char target[32];

	if (k->hrc)
		snprintf(target, sizeof(target), "HRC");
	else if (ak_packet_np(k) < 0)
		snprintf(target, sizeof(target), "NP (%u,%u,one-hot 0x%x)", k->col, k->row, k->dst);
	else
		snprintf(target, sizeof(target), "NP (%u,%u,%d)", k->col, k->row, ak_packet_np(k));
	if (!uid)
		say(o, "  %5u  %s UID %u, unknown: %u words at 0x%x", k->at, target, k->uid, k->words, k->start);
	else if (k->uid == AK_UID_REGISTER)
		say(o, "  %5u  %s %s: %u words from word 0x%x", k->at, target, uid, k->words, k->start);
	else if (k->uid == AK_UID_FILTER && !k->hrc)
		say(o, "  %5u  %s %s: %u lines from line %u", k->at, target, uid, k->words / 2, 8 * k->start);
	else if (k->uid == AK_UID_THRESHOLD)
		say(o, "  %5u  %s %s: %u filters", k->at, target, uid, k->words / 2);
	else
		say(o, "  %5u  %s %s: %u words at 0x%x", k->at, target, uid, k->words, k->start);
	if (k->uid == AK_UID_REGISTER)
		dump_registers(o, k);
}

static void dump_external(const struct out *o, const uint32_t *words, uint32_t count)
{
	uint32_t id = 0;

	while (AK_PKT_DST(words[0]) > 1u << id)
		id++;
	say(o, "  %5u  NP (%u,%u,%u) external weights: %u words", 0, AK_PKT_COL(words[0]), AK_PKT_ROW(words[0]), id,
	    count - 2);
}

int akida_program_dump(const struct akida_program *p, void (*line)(void *ctx, const char *text), void *ctx)
{
	const struct ak_program_head *h = &p->head;
	const struct out o = {line, ctx};
	struct ak_packet k;

	say(&o, "engine %s, device %02X.%02X.%03u.%03u, input %ux%ux%u type %u, output %ux%ux%u type %u%s",
	    h->engine_version, h->device_version[0], h->device_version[1], h->device_version[2], h->device_version[3],
	    h->in_dims[0], h->in_dims[1], h->in_dims[2], h->input_type, h->out_dims[0], h->out_dims[1], h->out_dims[2],
	    h->output_type, h->activation ? " activations" : "");
	for (uint32_t i = 0; i < h->epg_count; i++)
		say(&o, "EPG 0x%02x = 0x%08x", h->epg[i].offset, h->epg[i].value);
	if (!p->program_bytes)
		return -EOPNOTSUPP;
	for (uint32_t t = 0; t < h->track_count; t++) {
		uint32_t pos = 0;

		if (h->passes > 1 && (!t || h->tracks[t].pass != h->tracks[t - 1].pass))
			say(&o, "pass %u of %u", h->tracks[t].pass + 1, h->passes);
		say(&o, "track %u: %u words at byte %u%s", t, h->tracks[t].words, h->tracks[t].offset,
		    h->tracks[t].external ? ", stays in memory" : "");
		if (h->tracks[t].external) {
			dump_external(&o, ak_program_track(p, t), h->tracks[t].words);
			continue;
		}
		while (ak_packet_next(ak_program_track(p, t), h->tracks[t].words, &pos, &k) > 0)
			dump_packet(&o, &k);
	}
	return 0;
}
