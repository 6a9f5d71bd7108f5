// SPDX-License-Identifier: MIT
/*
 * Vendor programs taken apart into layers, mapped and emitted again: every word of every track must come out as it was.
 * Covers splits, placement, registers, weights and thresholds at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/diag.h"
#include "decode.h"
#include "map/emit.h"

#define MAX_TRACKS 16

struct vendor {
	const char *file;
	uint32_t in[3], info_bytes, tracks;
	struct {
		uint32_t offset, words;
	} track[MAX_TRACKS];
	float scales[2]; /* of a CNP output layer, whose steps carry them */
};

static const struct vendor kws = {
	"kws_akd1500_v250_program.bin",
	{49, 10, 1},
	504,
	7,
	{{21572, 9}, {18548, 747}, {14192, 1082}, {9836, 1082}, {5480, 1082}, {1124, 1082}, {112, 246}},
	{0},
};
static const struct vendor presence = {
	"presence96_gray_akd1500_v250_program.bin",
	{96, 96, 1},
	0,
	7,
	{{49556, 9}, {49076, 111}, {40024, 2256}, {33372, 1656}, {20448, 3224}, {1252, 4792}, {112, 278}},
	{0},
};
static const struct vendor vww = {
	"vww_akd1500_v250_program.bin",
	{96, 96, 3},
	640,
	16,
	{{183220, 6},
	 {182660, 131},
	 {179880, 688},
	 {170700, 2288},
	 {162000, 2168},
	 {159436, 634},
	 {155080, 1082},
	 {147652, 1850},
	 {134080, 3386},
	 {120508, 3386},
	 {106936, 3386},
	 {93364, 3386},
	 {79792, 3386},
	 {53932, 6458},
	 {4520, 12346},
	 {148, 1086}},
	{362.43731689453125f, 373.2858581542969f},
};

static uint8_t *load(const struct vendor *v)
{
	const char *shared = getenv("AKIDA_SHARED");
	char path[512];
	uint8_t *bytes;
	long size;
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/programs/%s", shared ? shared : "../shared", v->file);
	f = fopen(path, "rb");
	if (!f) {
		print_message("skipped: %s is missing\n", path);
		return NULL;
	}
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	bytes = malloc((size_t)size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, (size_t)size, f), size);
	fclose(f);
	return bytes;
}

static void compare(const struct vendor *v, uint32_t track, const struct ak_words *o, const uint32_t *want)
{
	struct dec_track t;
	uint32_t wrong = 0;

	assert_false(o->failed);
	assert_int_equal(dec_split(want, v->track[track].words, &t), 0);
	for (uint32_t i = 0; i < o->count && i < v->track[track].words; i++) {
		uint32_t p = 0;

		if (o->w[i] == want[i])
			continue;
		wrong++;
		while (p + 1 < t.count && t.p[p + 1].data - 2 <= want + i)
			p++;
		print_message(
			"%s track %u word %u: %08x, vendor %08x (packet %u UID %u start 0x%x, payload byte 0x%x)\n",
			v->file, track, i, o->w[i], want[i], p, t.p[p].uid, t.p[p].start,
			(unsigned int)(4 * (want + i - t.p[p].data)));
	}
	assert_int_equal(o->count, v->track[track].words);
	assert_int_equal(wrong, 0);
}

static void round_trip(const struct vendor *v)
{
	struct akida_diag *diag = akida_diag_create();
	struct dec_track *t = calloc(MAX_TRACKS, sizeof(*t));
	struct akida_layer *layers = calloc(MAX_TRACKS, sizeof(*layers));
	uint32_t *words[MAX_TRACKS] = {NULL}, count = v->tracks - 1, info;
	struct akida_model *m = NULL;
	struct ak_placement pl;
	uint8_t *bytes = load(v);

	if (!bytes) {
		free(t);
		free(layers);
		akida_diag_destroy(diag);
		skip();
	}
	memcpy(&info, bytes, 4);
	for (uint32_t i = 0; i < v->tracks; i++) {
		words[i] = malloc(v->track[i].words * 4);
		memcpy(words[i], bytes + info + 4 + v->track[i].offset, v->track[i].words * 4);
		assert_int_equal(dec_split(words[i], v->track[i].words, &t[i]), 0);
	}
	assert_int_equal(dec_hrc(&t[0], &t[1], v->in[0], v->in[1], &layers[0]), 0);
	for (uint32_t i = 1; i < count; i++) {
		const struct akida_layer *prev = &layers[i - 1];
		uint32_t fnp = t[i + 1].p[0].data[1] >> 4 & 1;

		if (fnp)
			assert_int_equal(dec_fnp(&t[i + 1], prev->out_h, prev->out_w, prev->out_c, &layers[i]), 0);
		else
			assert_int_equal(dec_cnp(&t[i + 1], prev->out_c, v->scales, &layers[i]), 0);
	}
	if (ak_model_create(layers, count, "vendor", &m, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	assert_int_equal(ak_map_check(m, diag), 0);
	assert_int_equal(ak_place(m, ak_map_chip_find("akd1500"), &pl, diag), 0);
	for (uint32_t i = 0; i < v->tracks; i++) {
		struct ak_words o = {0};
		struct ak_link link;

		if (i > 1)
			link = ak_link_of(&pl, i - 1);
		if (i == 0)
			ak_emit_hrc_preconf(&m->layers[0], &o);
		else if (i == 1)
			ak_emit_hrc(&m->layers[0], &o);
		else if (m->layers[i - 1].type == AKIDA_LAYER_FULLY)
			ak_emit_fnp(pl.chip, &pl.layers[i - 1], &link, &o);
		else
			ak_emit_cnp(pl.chip, &pl.layers[i - 1], &link, &o);
		compare(v, i, &o, words[i]);
		ak_words_fini(&o);
		free(words[i]);
	}
	/* what vendor programs contain is not ours */
	for (uint32_t i = 0; i < pl.count; i++) {
		const char *id;

		if (ak_rules_weakest(pl.layers[i].rules, &id) >= AKIDA_TAG_PROVISIONAL)
			fail_msg("layer %u of %s is provisional: %s", i, v->file, id);
	}
	ak_placement_fini(&pl);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
	free(bytes);
	free(t);
}

static void test_emit_kws_equals_vendor_words(void **state)
{
	(void)state;
	round_trip(&kws);
}

static void test_emit_presence_equals_vendor_words(void **state)
{
	(void)state;
	round_trip(&presence);
}

static void test_emit_vww_equals_vendor_words(void **state)
{
	(void)state;
	round_trip(&vww);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emit_kws_equals_vendor_words),
		cmocka_unit_test(test_emit_presence_equals_vendor_words),
		cmocka_unit_test(test_emit_vww_equals_vendor_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
