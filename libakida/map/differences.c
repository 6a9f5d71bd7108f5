// SPDX-License-Identifier: MIT
/* Where two programs differ, in the words of their format: fields of the ProgramInfo, then words of the tracks. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "base/le.h"
#include "map/decompile.h"

#define RECORDS 12u /* of differences; the rest is counted */

struct compare {
	struct akida_diag *diag;
	uint32_t count;
};

static void differs(struct compare *c, const char *what, uint32_t got, uint32_t want)
{
	if (c->count++ < RECORDS)
		ak_fail(c->diag, -EOPNOTSUPP, AK_RULE_DECOMPILE, what, "is 0x%08x, from the layers follows 0x%08x",
			want, got);
}

static void field(struct compare *c, const char *what, uint32_t got, uint32_t want)
{
	if (got != want)
		differs(c, what, got, want);
}

static uint32_t bits_of(float v)
{
	uint32_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits;
}

static void compare_heads(struct compare *c, const struct ak_program_head *got, const struct ak_program_head *want)
{
	char what[48];

	if (strcmp(got->engine_version, want->engine_version))
		ak_fail(c->diag, -EOPNOTSUPP, AK_RULE_DECOMPILE, "engine version", "is %s, ours is %s",
			want->engine_version, got->engine_version),
			c->count++;
	for (uint32_t i = 0; i < 3; i++) {
		field(c, "input dimensions", got->in_dims[i], want->in_dims[i]);
		field(c, "output dimensions", got->out_dims[i], want->out_dims[i]);
	}
	field(c, "input type", got->input_type, want->input_type);
	field(c, "output type", got->output_type, want->output_type);
	field(c, "activation", got->activation, want->activation);
	field(c, "window width", got->window_w, want->window_w);
	field(c, "window height", got->window_h, want->window_h);
	field(c, "max descriptors", got->max_descriptors, want->max_descriptors);
	field(c, "number of scales", got->channels, want->channels);
	for (uint32_t i = 0; i < got->channels && i < want->channels; i++) {
		snprintf(what, sizeof(what), "shift of channel %u", i);
		field(c, what, (uint32_t)got->shifts[i], (uint32_t)want->shifts[i]);
		snprintf(what, sizeof(what), "scale of channel %u", i);
		field(c, what, bits_of(got->scales[i]), bits_of(want->scales[i]));
	}
	field(c, "number of EPG writes", got->epg_count, want->epg_count);
	for (uint32_t i = 0; i < got->epg_count && i < want->epg_count; i++) {
		snprintf(what, sizeof(what), "EPG register 0x%02x", want->epg[i].offset);
		field(c, what, got->epg[i].offset, want->epg[i].offset);
		field(c, what, got->epg[i].value, want->epg[i].value);
	}
	field(c, "number of tracks", got->track_count, want->track_count);
}

static void compare_track(struct compare *c, uint32_t t, const struct akida_program *got,
			  const struct akida_program *want)
{
	const uint32_t *a = ak_program_track(got, t), *b = ak_program_track(want, t);
	uint32_t words = want->head.tracks[t].words;
	char what[128];
	size_t n;

	if (got->head.tracks[t].words != words) {
		snprintf(what, sizeof(what), "words of track %u", t);
		differs(c, what, got->head.tracks[t].words, words);
		return;
	}
	if (!memcmp(a, b, (size_t)words * 4))
		return;
	n = (size_t)snprintf(what, sizeof(what), "track %u, ", t);
	for (uint32_t w = 0; w < words; w++) {
		if (a[w] == b[w])
			continue;
		ak_track_word_name(b, words, w, what + n, sizeof(what) - n);
		differs(c, what, ak_get32(a + w), ak_get32(b + w));
	}
}

uint32_t ak_program_differences(const struct akida_program *got, const struct akida_program *want,
				struct akida_diag *diag)
{
	struct compare c = {.diag = diag};

	compare_heads(&c, &got->head, &want->head);
	for (uint32_t t = 0; t < want->head.track_count && t < got->head.track_count; t++)
		compare_track(&c, t, got, want);
	if (c.count > RECORDS)
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DECOMPILE, NULL, "%u more words differ", c.count - RECORDS);
	return c.count;
}
