/* SPDX-License-Identifier: MIT */
/* Vendor-compiled programs: contents, byte-for-byte rebuilding, damage; skipped by name without the shared data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "base/fileio.h"
#include "base/le.h"
#include "layer/encoding.h"
#include "program/program.h"
#include "shared.h"

#define KWS "kws_akd1500_v250_program.bin"
#define VWW "vww_akd1500_v250_program.bin"
#define PRESENCE "presence96_gray_akd1500_v250_program.bin"
#define KWS_INFO_BYTES 504u

static struct akida_program *load(const char *path, struct akida_program_info *info)
{
	struct akida_diag *d = akida_diag_create();
	struct akida_program *p;

	if (akida_program_load(path, &p, d))
		fail_msg("%s", akida_diag_first_error(d)->text);
	akida_diag_destroy(d);
	info->size = sizeof(*info);
	assert_int_equal(akida_program_info(p, info), 0);
	return p;
}

static struct akida_program_layer layer(const struct akida_program *p, uint32_t i)
{
	struct akida_program_layer l = {.size = sizeof(l)};

	assert_int_equal(akida_program_layer(p, i, &l), 0);
	return l;
}

static void test_kws_parses_with_all_tracks_and_packets(void **state)
{
	static const uint32_t words[7] = {9, 747, 1082, 1082, 1082, 1082, 246};
	struct akida_program_info f;
	struct akida_program *p;
	struct akida_program_layer l;
	char path[512];

	(void)state;
	NEED_SHARED(KWS, path);
	p = load(path, &f);
	assert_string_equal(f.engine_version, "2.5.0");
	assert_string_equal(f.chip, "AKD1500");
	assert_int_equal(f.in_dims[0], 49);
	assert_int_equal(f.in_dims[1], 10);
	assert_int_equal(f.in_dims[2], 1);
	assert_int_equal(f.out_dims[2], 12);
	assert_int_equal(f.window_w, 10);
	assert_int_equal(f.window_h, 49);
	assert_int_equal(f.tracks, 7);
	assert_int_equal(f.packets, 33);
	assert_int_equal(f.nps, 5);
	assert_int_equal(f.hrc, 1);
	assert_int_equal(f.program_bytes, 22112);
	assert_int_equal(f.info_only, 0);
	assert_int_equal(f.tag, AKIDA_TAG_VERIFIED);
	/* largest track, 8 descriptors, 2 image descriptors, input, header, 12 potentials */
	assert_int_equal(f.memory_bytes, 4 * 1082 + 8 * 32 + 128 + 492 + 32 + 48);
	assert_int_equal(akida_program_memory(p, 1), f.memory_bytes);
	assert_int_equal(akida_program_memory(p, 2), f.memory_bytes + 492 + 32 + 48);
	assert_int_equal(akida_program_memory(p, 100), f.memory_bytes + 99 * (492 + 32 + 48) + 98 * 64);
	for (uint32_t i = 0; i < 7; i++)
		assert_int_equal(p->head.tracks[i].words, words[i]);
	assert_int_equal(ak_get32(ak_program_track(p, 0)) & 0xff, 0x88);
	assert_int_equal(p->head.epg_count, 6);
	assert_int_equal(p->head.epg[0].value, 0x00021200);
	assert_int_equal(akida_program_layers(p), 6);
	l = layer(p, 0);
	assert_string_equal(l.type_name, "InputConv.");
	assert_int_equal(l.out_h, 25);
	assert_int_equal(l.out_w, 5);
	assert_int_equal(l.out_c, 64);
	assert_int_equal(l.kernel_h, 5);
	l = layer(p, 4);
	assert_string_equal(l.type_name, "Sep.Conv.");
	assert_int_equal(l.in_c, 64);
	assert_int_equal(l.out_h * l.out_w, 1);
	assert_int_equal(l.out_c, 64);
	l = layer(p, 5);
	assert_string_equal(l.type_name, "Fully.");
	assert_int_equal(l.in_c, 64);
	assert_int_equal(l.out_c, 12);
	assert_string_equal(l.tag_rule, "fnp3.64-inputs");
	akida_program_destroy(p);
}

static void test_vww_parses_verified_with_row_splits(void **state)
{
	struct akida_program_info f;
	struct akida_program *p;
	struct akida_program_layer l;
	char path[512];

	(void)state;
	NEED_SHARED(VWW, path);
	p = load(path, &f);
	assert_int_equal(f.tracks, 16);
	assert_int_equal(f.output_type, 2);
	assert_int_equal(f.nps, 16);
	assert_int_equal(f.tag, AKIDA_TAG_VERIFIED);
	assert_int_equal(akida_program_layers(p), 15);
	l = layer(p, 1);
	assert_string_equal(l.type_name, "Conv.");
	assert_int_equal(l.nps, 2);
	assert_int_equal(l.in_c, 8);
	assert_int_equal(l.out_h, 48);
	assert_int_equal(l.out_c, 16);
	l = layer(p, 2);
	assert_int_equal(l.out_h, 24);
	assert_int_equal(l.in_c, 16);
	l = layer(p, 14);
	assert_int_equal(l.out_c, 2);
	akida_program_destroy(p);
}

static void test_presence_parses_without_unknown_encodings(void **state)
{
	struct akida_program_info f;
	struct akida_program *p;
	char path[512];

	(void)state;
	NEED_SHARED(PRESENCE, path);
	p = load(path, &f);
	assert_int_equal(f.tracks, 7);
	assert_int_equal(f.tag, AKIDA_TAG_DERIVED); /* FNP3 with 576 inputs */
	assert_int_equal(layer(p, 5).in_c, 576);
	assert_string_equal(layer(p, 5).tag_rule, "fnp3.n-inputs");
	akida_program_destroy(p);
}

static void test_program_info_alone_loads_and_says_so(void **state)
{
	struct akida_program_info f;
	struct akida_program *p;
	char path[512];

	(void)state;
	NEED_SHARED("presence224_akd1500_v250_program_info.bin", path);
	p = load(path, &f);
	assert_int_equal(f.info_only, 1);
	assert_int_equal(f.tracks, 7);
	assert_int_equal(f.in_dims[0], 224);
	assert_int_equal(f.packets, 0);
	assert_int_equal(f.program_bytes, 424);
	assert_int_equal(akida_program_layers(p), 0);
	akida_program_destroy(p);
}

/* The writer lays out what the vendor's compiler laid out, to the byte. */
static void rebuild(const char *file)
{
	struct ak_track_image images[16];
	struct akida_program_info f;
	struct akida_program *p, *again;
	const void *a, *b;
	size_t n, m;
	char path[512];

	NEED_SHARED(file, path);
	p = load(path, &f);
	for (uint32_t i = 0; i < f.tracks; i++)
		images[i] = (struct ak_track_image){.words = (uint32_t *)(uintptr_t)ak_program_track(p, i),
						    .count = p->head.tracks[i].words};
	assert_int_equal(ak_program_build(&p->head, images, f.tracks, NULL, 0, NULL, &again, NULL), 0);
	a = akida_program_bytes(p, &n);
	b = akida_program_bytes(again, &m);
	assert_int_equal(n, m);
	assert_memory_equal(a, b, n);
	akida_program_destroy(again);
	akida_program_destroy(p);
}

static void test_build_from_kws_parts_gives_the_same_file(void **state)
{
	(void)state;
	rebuild(KWS);
}

static void test_build_from_vww_parts_gives_the_same_file(void **state)
{
	(void)state;
	rebuild(VWW);
}

static void test_build_from_presence_parts_gives_the_same_file(void **state)
{
	(void)state;
	rebuild(PRESENCE);
}

static void test_kws_truncated_at_every_byte_is_refused(void **state)
{
	struct akida_program *p;
	char path[512];
	uint8_t *bytes;
	size_t len;

	(void)state;
	NEED_SHARED(KWS, path);
	assert_int_equal(ak_file_read(path, AK_FILE_MAX, (void **)&bytes, &len, NULL), 0);
	for (size_t n = 0; n < len; n += n < 2048 ? 1 : 97) {
		struct akida_diag *d = akida_diag_create();
		uint8_t *copy = malloc(n ? n : 1);
		int err;

		memcpy(copy, bytes, n);
		err = akida_program_parse(copy, n, "kws", &p, d);
		if (n == KWS_INFO_BYTES) { /* a complete ProgramInfo */
			assert_int_equal(err, 0);
			akida_program_destroy(p);
		} else {
			assert_true(err < 0);
			assert_null(p);
			assert_non_null(akida_diag_first_error(d));
		}
		free(copy);
		akida_diag_destroy(d);
	}
	free(bytes);
}

static void ignore(void *ctx, const char *text)
{
	*(size_t *)ctx += strlen(text);
}

/* Every single-bit change of the ProgramInfo and of the structure words of the Program, and random ones everywhere. */
static void test_kws_with_flipped_bits_never_crashes(void **state)
{
	struct akida_program *p;
	uint32_t seed = 7;
	char path[512];
	uint8_t *bytes;
	size_t len, loaded = 0, refused = 0, text = 0;

	(void)state;
	NEED_SHARED(KWS, path);
	assert_int_equal(ak_file_read(path, AK_FILE_MAX, (void **)&bytes, &len, NULL), 0);
	for (size_t i = 0; i < 8 * 700 + 6000; i++) {
		size_t bit = i;

		if (i >= 8 * 700) {
			seed = seed * 1664525u + 1013904223u;
			bit = (seed >> 3) % (8 * len);
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (akida_program_parse(bytes, len, "kws", &p, NULL)) {
			refused++;
		} else {
			struct akida_program_info f = {.size = sizeof(f)};
			int32_t pot[12] = {0};
			float out[12];

			loaded++;
			akida_program_info(p, &f);
			if (f.out_dims[0] * f.out_dims[1] * f.out_dims[2] == 12)
				akida_program_dequantize(p, pot, 1, out);
			if (loaded % 50 == 0)
				akida_program_dump(p, ignore, &text);
			akida_program_destroy(p);
		}
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(refused > 1000);
	assert_true(loaded > 1000);
	free(bytes);
}

/* A changed field must not pass as verified: each case changes one word of a packet. */
static void test_unknown_encodings_are_named(void **state)
{
	static const struct {
		uint32_t track, word, value;
		uint32_t layer;
		const char *rule;
	} cases[] = {
		{2, 2 + AK_NP_REG7 / 4, 1, 1, "unknown.REG7-0x00000001"},
		{2, 2 + 0x48 / 4, 1, 1, "unknown.register-0x48"},
		{2, 2 + AK_NP_REG2 / 4, 0x61, 1, "unknown.REG2-0x00000061"},
		{2, 2 + AK_NP_REG4 / 4, 0x0101a225, 1, "np.bits-code"},
		{2, 2 + AK_NP_REG4 / 4, 0x0102a226, 1, "unknown.REG4-np-count-2"},
		{2, 2 + AK_NP_CNP7 / 4, 0x22, 1, "cnp.max-pool"},
		{2, 2 + AK_NP_CNP1 / 4, 0x50000006, 1, "unknown.CNP1-0x50000006"},
		{2, 2 + AK_NP_REG9 / 4, 1 << 28, 1, "cnp.stride2-odd"},
		{2, 52, 0x01020202, 1, "unknown.uid-2"}, /* header of the filter packet of NP (1,2,1) */
		{1, 2, 0x1311, 0, "hrc.stride-1-3"},
		{1, 3, 0x21, 0, "hrc.output-word"},
		{1, 6, 0x001f0000, 0, "hrc.word44-guess"},
		{6, 2 + AK_NP_REG10 / 4, 0x00020002, 5, "fnp3.n-inputs"},
		{6, 2 + AK_NP_REG4 / 4, 0x0501a0a2, 5, "output.activations"},
	};
	struct akida_program_info f;
	struct akida_program *p, *changed;
	char path[512];
	uint8_t *copy;
	const void *bytes;
	size_t len;

	(void)state;
	NEED_SHARED(KWS, path);
	p = load(path, &f);
	bytes = akida_program_bytes(p, &len);
	copy = malloc(len);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_program_layer l;

		memcpy(copy, bytes, len);
		ak_put32(copy + p->info_bytes + p->head.tracks[cases[i].track].offset + 4 * cases[i].word,
			 cases[i].value);
		assert_int_equal(akida_program_parse(copy, len, "kws", &changed, NULL), 0);
		l = layer(changed, cases[i].layer);
		if (strcmp(l.tag_rule, cases[i].rule))
			fail_msg("case %zu: %s instead of %s", i, l.tag_rule, cases[i].rule);
		assert_true(l.tag > AKIDA_TAG_VERIFIED);
		akida_program_destroy(changed);
	}
	free(copy);
	akida_program_destroy(p);
}

static void test_other_engine_device_or_schema_is_refused_by_name(void **state)
{
	struct akida_diag *d = akida_diag_create();
	struct akida_program *p;
	char path[512];
	uint8_t *bytes;
	size_t len;

	(void)state;
	if (!shared_path(KWS, path, sizeof(path))) {
		akida_diag_destroy(d);
		NEED_SHARED(KWS, path);
	}
	assert_int_equal(ak_file_read(path, AK_FILE_MAX, (void **)&bytes, &len, NULL), 0);
	bytes[288 + 2] = '7'; /* "2.7.0" */
	assert_int_equal(akida_program_parse(bytes, len, "kws", &p, d), -EOPNOTSUPP);
	assert_non_null(strstr(akida_diag_get(d, 0)->text, "2.7.0"));
	assert_string_equal(akida_diag_get(d, 0)->rule, "program.version");
	bytes[288 + 2] = '5';
	bytes[501] = 0xa2;
	assert_int_equal(akida_program_parse(bytes, len, "kws", &p, d), -EOPNOTSUPP);
	assert_non_null(strstr(akida_diag_get(d, 1)->text, "v1"));
	bytes[501] = 0xa1;
	assert_int_equal(akida_program_parse(bytes, len, "kws", &p, d), 0);
	akida_program_destroy(p);
	/* a scale that is not a number */
	memset(bytes + 152, 0xff, 4);
	assert_int_equal(akida_program_parse(bytes, len, "kws", &p, d), -ERANGE);
	free(bytes);
	akida_diag_destroy(d);
}

static void count_lines(void *ctx, const char *text)
{
	uint32_t *seen = ctx;

	assert_null(strchr(text, '\n'));
	seen[0]++;
	seen[1] += strstr(text, "REG4 ") && strstr(text, "0x0101a226");
	seen[2] += strstr(text, "NP (1,2,1) filter SRAM: 64 lines from line 0") != NULL;
	seen[3] += strstr(text, "HRC registers: 8 words") != NULL;
	seen[4] += strstr(text, "EPG 0x14 = 0x00000100") != NULL;
}

static void test_dump_names_packets_and_registers(void **state)
{
	struct akida_program_info f;
	struct akida_program *p;
	uint32_t seen[5] = {0};
	char path[512];

	(void)state;
	NEED_SHARED(KWS, path);
	p = load(path, &f);
	assert_int_equal(akida_program_dump(p, count_lines, seen), 0);
	assert_true(seen[0] > 150);
	for (int i = 1; i < 5; i++)
		assert_int_equal(seen[i], 1);
	akida_program_destroy(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kws_parses_with_all_tracks_and_packets),
		cmocka_unit_test(test_vww_parses_verified_with_row_splits),
		cmocka_unit_test(test_presence_parses_without_unknown_encodings),
		cmocka_unit_test(test_program_info_alone_loads_and_says_so),
		cmocka_unit_test(test_build_from_kws_parts_gives_the_same_file),
		cmocka_unit_test(test_build_from_vww_parts_gives_the_same_file),
		cmocka_unit_test(test_build_from_presence_parts_gives_the_same_file),
		cmocka_unit_test(test_kws_truncated_at_every_byte_is_refused),
		cmocka_unit_test(test_kws_with_flipped_bits_never_crashes),
		cmocka_unit_test(test_unknown_encodings_are_named),
		cmocka_unit_test(test_other_engine_device_or_schema_is_refused_by_name),
		cmocka_unit_test(test_dump_names_packets_and_registers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
