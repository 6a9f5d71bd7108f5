// SPDX-License-Identifier: MIT
/*
 * Vendor programs taken apart into layers, mapped and emitted again: every word of every track must come out as it was.
 * Covers splits, placement, registers, weights and thresholds at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <akida/map.h>
#include "decode.h"
#include "program/program.h"

#define MAX_TRACKS 16u

static struct akida_program *load(const char *file)
{
	const char *shared = getenv("AKIDA_SHARED");
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/programs/%s", shared ? shared : "../shared", file);
	f = fopen(path, "rb");
	if (!f)
		print_message("skipped: %s is missing\n", path);
	else if (akida_program_load(path, &p, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	if (f)
		fclose(f);
	akida_diag_destroy(diag);
	return p;
}

/* The layers of a vendor program, by the test's own reader. */
static struct akida_model *decode(const struct akida_program *p)
{
	const struct ak_program_head *h = &p->head;
	struct akida_layer *layers = calloc(MAX_TRACKS, sizeof(*layers)), *last;
	struct dec_track *t = calloc(MAX_TRACKS, sizeof(*t));
	struct akida_diag *diag = akida_diag_create();
	uint32_t count = h->track_count - 1;
	struct akida_model *m = NULL;

	assert_in_range(h->track_count, 3, MAX_TRACKS);
	for (uint32_t i = 0; i < h->track_count; i++)
		assert_int_equal(dec_split(ak_program_track(p, i), h->tracks[i].words, &t[i]), 0);
	assert_int_equal(dec_hrc(&t[0], &t[1], h->in_dims[0], h->in_dims[1], &layers[0]), 0);
	for (uint32_t i = 1; i < count; i++) {
		const struct akida_layer *prev = &layers[i - 1];

		if (t[i + 1].p[0].data[1] >> 4 & 1)
			assert_int_equal(dec_fnp(&t[i + 1], prev->out_h, prev->out_w, prev->out_c, &layers[i]), 0);
		else
			assert_int_equal(dec_cnp(&t[i + 1], prev->out_c, h->scales, &layers[i]), 0);
	}
	last = &layers[count - 1];
	assert_int_equal(last->filters, h->channels);
	memcpy(last->threshold, h->shifts, h->channels * sizeof(*h->shifts));
	memcpy(last->scale, h->scales, h->channels * sizeof(*h->scales));
	if (ak_model_create(layers, count, "vendor", &m, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	free(t);
	return m;
}

static uint32_t compare_track(const char *file, uint32_t track, const uint32_t *got, const uint32_t *want,
			      uint32_t words)
{
	struct dec_track t;
	uint32_t wrong = 0, p = 0;

	assert_int_equal(dec_split(want, words, &t), 0);
	for (uint32_t i = 0; i < words; i++) {
		while (p + 1 < t.count && t.p[p + 1].data - 2 <= want + i)
			p++;
		if (got[i] == want[i])
			continue;
		wrong++;
		print_message(
			"%s track %u word %u: %08x, vendor %08x (packet %u UID %u start 0x%x, payload byte 0x%x)\n",
			file, track, i, got[i], want[i], p, t.p[p].uid, t.p[p].start,
			(unsigned int)(4 * (want + i - t.p[p].data)));
	}
	return wrong;
}

static void compare_heads(const struct ak_program_head *got, const struct ak_program_head *want)
{
	assert_string_equal(got->engine_version, want->engine_version);
	assert_memory_equal(got->device_version, want->device_version, sizeof(want->device_version));
	assert_memory_equal(got->in_dims, want->in_dims, sizeof(want->in_dims));
	assert_memory_equal(got->out_dims, want->out_dims, sizeof(want->out_dims));
	assert_int_equal(got->input_type, want->input_type);
	assert_int_equal(got->output_type, want->output_type);
	assert_int_equal(got->activation, want->activation);
	assert_int_equal(got->window_w, want->window_w);
	assert_int_equal(got->window_h, want->window_h);
	assert_int_equal(got->channels, want->channels);
	assert_memory_equal(got->shifts, want->shifts, want->channels * sizeof(*want->shifts));
	assert_memory_equal(got->scales, want->scales, want->channels * sizeof(*want->scales));
	assert_int_equal(got->max_descriptors, want->max_descriptors);
	assert_int_equal(got->epg_count, want->epg_count);
	assert_memory_equal(got->epg, want->epg, want->epg_count * sizeof(*want->epg));
	assert_int_equal(got->passes, want->passes);
	assert_int_equal(got->track_count, want->track_count);
}

static void round_trip(const char *file)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *want = load(file), *got = NULL;
	struct akida_model *m;
	uint32_t wrong = 0;

	if (!want) {
		akida_diag_destroy(diag);
		skip();
	}
	m = decode(want);
	if (akida_map(m, "akd1500", NULL, &got, NULL, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	compare_heads(&got->head, &want->head);
	for (uint32_t i = 0; i < want->head.track_count; i++) {
		assert_int_equal(got->head.tracks[i].words, want->head.tracks[i].words);
		wrong += compare_track(file, i, ak_program_track(got, i), ak_program_track(want, i),
				       want->head.tracks[i].words);
	}
	assert_int_equal(wrong, 0);
	/* what vendor programs contain is not ours */
	for (uint32_t i = 0; i < got->meta_count; i++)
		if (got->meta[i].tag >= AKIDA_TAG_PROVISIONAL)
			fail_msg("layer %u of %s is provisional: %s", i, file, got->meta[i].tag_rule);
	akida_program_destroy(got);
	akida_program_destroy(want);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_emit_kws_equals_vendor_words(void **state)
{
	(void)state;
	round_trip("kws_akd1500_v250_program.bin");
}

static void test_emit_presence_equals_vendor_words(void **state)
{
	(void)state;
	round_trip("presence96_gray_akd1500_v250_program.bin");
}

static void test_emit_vww_equals_vendor_words(void **state)
{
	(void)state;
	round_trip("vww_akd1500_v250_program.bin");
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
