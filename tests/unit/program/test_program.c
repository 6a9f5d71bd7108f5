/* SPDX-License-Identifier: MIT */
/* Programs of our own making: builder, .akp with and without its optional sections, refusals, mapped models. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/map.h>
#include "base/container.h"
#include "base/fileio.h"
#include "base/le.h"
#include "layer/layer.h"
#include "program/flatbuf.h"
#include "program/program.h"

static struct akida_layer make_layer(const char *name, enum akida_layer_type type, uint32_t h, uint32_t w, uint32_t c,
				     uint32_t filters)
{
	struct akida_layer l = {.type = type,
				.in_h = h,
				.in_w = w,
				.in_c = c,
				.in_bits = 4,
				.filters = filters,
				.weights_bits = 4,
				.activation = true,
				.act_bits = 4};

	snprintf(l.name, sizeof(l.name), "%s", name);
	if (type != AKIDA_LAYER_FULLY) {
		l.kernel_h = l.kernel_w = 3;
		l.stride = 1;
		l.padding = AKIDA_PAD_SAME;
	}
	if (type == AKIDA_LAYER_INPUT_CONV) {
		l.in_bits = 8;
		l.weights_bits = 8;
		l.stride = 2;
	}
	return l;
}

static void fill(struct akida_layer *l)
{
	assert_int_equal(ak_layer_finish(l, NULL), 0);
	assert_int_equal(ak_layer_alloc(l), 0);
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = (int8_t)(i * 7 % 15) - 7;
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = (int8_t)(i * 5 % 15) - 7;
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = (int32_t)f;
		l->step16[f] = 100 + (int32_t)f;
		if (l->scale)
			l->scale[f] = 2.0f;
	}
}

/* 96x96x3 input convolution, a standard one on two NPs, max pooling, separable with global pooling, dense 4 */
static struct akida_model *make_model(void)
{
	struct akida_layer *l = calloc(5, sizeof(*l));
	struct akida_model *m;

	l[0] = make_layer("stem", AKIDA_LAYER_INPUT_CONV, 96, 96, 3, 8);
	l[1] = make_layer("wide", AKIDA_LAYER_CONV, 48, 48, 8, 16);
	l[2] = make_layer("pool", AKIDA_LAYER_CONV, 48, 48, 16, 16);
	l[2].pool = AKIDA_POOL_MAX;
	l[2].pool_size = l[2].pool_stride = 2;
	l[2].pool_padding = AKIDA_PAD_SAME;
	l[3] = make_layer("gap", AKIDA_LAYER_SEPARABLE, 24, 24, 16, 64);
	l[3].pool = AKIDA_POOL_GLOBAL_AVERAGE;
	l[4] = make_layer("head", AKIDA_LAYER_FULLY, 1, 1, 64, 4);
	l[4].activation = false;
	for (int i = 0; i < 5; i++)
		fill(&l[i]);
	assert_int_equal(ak_model_create(l, 5, "test", &m, NULL), 0);
	return m;
}

static struct akida_program *make_program(const struct akida_model *m, const char *device)
{
	struct akida_diag *d = akida_diag_create();
	struct akida_program *p;

	if (akida_map(m, device, NULL, &p, NULL, d))
		fail_msg("%s", akida_diag_first_error(d)->text);
	akida_diag_destroy(d);
	return p;
}

static struct akida_program_layer layer(const struct akida_program *p, uint32_t i)
{
	struct akida_program_layer l = {.size = sizeof(l)};

	assert_int_equal(akida_program_layer(p, i, &l), 0);
	return l;
}

/* A minimal program: one track that sets one register of one NP. */
static const uint32_t tiny_track[] = {0x01020208, 0x00010001, 0x60};

static struct ak_program_head tiny_head(void)
{
	return (struct ak_program_head){.engine_version = AK_PROGRAM_ENGINE,
					.device_version = {0xbc, 0xa1, 3, 9},
					.in_dims = {2, 3, 1},
					.out_dims = {1, 1, 2},
					.window_w = 3,
					.window_h = 2};
}

static int build_tiny(const struct ak_program_head *h, struct akida_program **p, struct akida_diag *d)
{
	const struct ak_track_image image = {.words = (uint32_t *)(uintptr_t)tiny_track, .count = 3};

	return ak_program_build(h, &image, 1, NULL, 0, NULL, p, d);
}

static void test_describe_mapped_model_equals_the_model(void **state)
{
	static const char *const devices[] = {"akd1000", "akd1500"};
	struct akida_model *m = make_model();

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct akida_program *p = make_program(m, devices[k]);
		struct akida_program_info f = {.size = sizeof(f)};

		assert_int_equal(akida_program_info(p, &f), 0);
		assert_string_equal(f.chip, k ? "AKD1500" : "AKD1000");
		assert_int_equal(akida_program_layers(p), 5);
		for (uint32_t i = 0; i < 5; i++) {
			const struct akida_layer *want = &m->layers[i];
			struct akida_program_layer l = layer(p, i);

			assert_string_equal(l.name, want->name);
			assert_int_equal(l.id, i);
			assert_int_equal(l.out_h, want->out_h);
			assert_int_equal(l.out_w, want->out_w);
			assert_int_equal(l.out_c, want->out_c);
			assert_int_equal(l.in_c, i == 4 ? 64 : want->in_c);
			if (l.tag == AKIDA_TAG_UNKNOWN)
				fail_msg("%s: %s", l.name, l.tag_rule);
			if (!k)
				assert_true(l.tag >= AKIDA_TAG_DERIVED);
		}
		akida_program_destroy(p);
	}
	akida_model_destroy(m);
}

static void test_akp_round_trip_keeps_bytes_names_tags_and_model(void **state)
{
	struct akida_model *m = make_model();
	struct akida_program *p = make_program(m, "akd1500"), *back;
	const void *a, *b;
	size_t n, len;
	char path[64];

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_program_%ld.akp", (long)getpid());
	assert_int_equal(akida_program_save(p, path, NULL), 0);
	assert_int_equal(akida_program_load(path, &back, NULL), 0);
	unlink(path);
	a = akida_program_bytes(p, &n);
	b = akida_program_bytes(back, &len);
	assert_int_equal(n, len);
	assert_memory_equal(a, b, n);
	assert_int_equal((uintptr_t)b % 4, 0);
	for (uint32_t i = 0; i < akida_program_layers(p); i++) {
		struct akida_program_layer x = layer(p, i), y = layer(back, i);

		assert_string_equal(x.name, y.name);
		assert_string_equal(x.tag_rule, y.tag_rule);
		assert_int_equal(x.tag, y.tag);
	}
	assert_non_null(akida_program_model(back));
	assert_int_equal(akida_model_layers(akida_program_model(back)), 5);
	assert_memory_equal(akida_program_model(back)->layers[3].weights_pw, m->layers[3].weights_pw, 16 * 64);
	akida_program_destroy(back);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_stripped_akp_and_bare_bytes_still_load(void **state)
{
	struct akida_model *m = make_model();
	struct akida_program *p = make_program(m, "akd1500"), *back;
	size_t n, len;
	const void *a = akida_program_bytes(p, &n);
	const struct ak_section prog = {"PROG", AK_SECTION_MANDATORY, a, n}, other = {"XTRA", 0, a, 8};
	void *file;

	(void)state;
	assert_int_equal(ak_container_write("AKIDAAKP", 1, 7, (struct ak_section[]){other, prog}, 2, &file, &len), 0);
	assert_int_equal(akida_program_parse(file, len, "stripped", &back, NULL), 0);
	assert_null(akida_program_model(back));
	assert_string_equal(layer(back, 1).name, "layer_1");
	akida_program_destroy(back);
	free(file);
	assert_int_equal(akida_program_parse(a, n, "bare", &back, NULL), 0);
	assert_int_equal(akida_program_layers(back), 5);
	akida_program_destroy(back);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_meta_tags_weaken_and_never_strengthen(void **state)
{
	struct ak_program_layer_meta meta[2] = {
		{.name = "a", .id = 0, .tag = AKIDA_TAG_VERIFIED, .tag_rule = "lie"},
		{.name = "b", .id = 1, .tag = AKIDA_TAG_PROVISIONAL, .tag_rule = "own"}};
	struct akida_model *m = make_model();
	struct akida_program *p = make_program(m, "akd1000"), *again;
	struct ak_track_image images[16];

	(void)state;
	for (uint32_t i = 0; i < p->head.track_count; i++)
		images[i] = (struct ak_track_image){.words = (uint32_t *)(uintptr_t)ak_program_track(p, i),
						    .count = p->head.tracks[i].words};
	assert_int_equal(ak_program_build(&p->head, images, p->head.track_count, meta, 2, NULL, &again, NULL), 0);
	assert_string_equal(layer(again, 0).name, "a");
	assert_int_equal(layer(again, 0).tag, AKIDA_TAG_DERIVED);
	assert_string_equal(layer(again, 0).tag_rule, "akd1000.output");
	assert_int_equal(layer(again, 1).tag, AKIDA_TAG_PROVISIONAL);
	assert_string_equal(layer(again, 1).tag_rule, "own");
	akida_program_destroy(again);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_akp_damaged_anywhere_is_refused(void **state)
{
	struct akida_program *p, *back;
	struct ak_program_head h = tiny_head();
	char path[64];
	uint8_t *bytes;
	size_t len;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_program_%ld.akp", (long)getpid());
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	assert_int_equal(akida_program_save(p, path, NULL), 0);
	akida_program_destroy(p);
	assert_int_equal(ak_file_read(path, AK_FILE_MAX, (void **)&bytes, &len, NULL), 0);
	unlink(path);
	for (size_t n = 0; n < len; n++)
		assert_true(akida_program_parse(bytes, n, "cut", &back, NULL) < 0);
	for (size_t i = 0; i < 8 * len; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (!akida_program_parse(bytes, len, "flip", &back, NULL))
			akida_program_destroy(back); /* minor version and padding may change */
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	free(bytes);
}

static void test_hostile_meta_and_model_sections_are_refused(void **state)
{
	struct ak_program_head h = tiny_head();
	struct akida_program *p, *back;
	uint8_t meta[64 + 128] = {0};
	size_t n, len;
	void *file;

	(void)state;
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	ak_put32(meta, 1);
	ak_put32(meta + 4, 128);
	for (int k = 0; k < 7; k++) {
		uint8_t bad[sizeof(meta)];
		struct ak_section s[2] = {{"PROG", AK_SECTION_MANDATORY, akida_program_bytes(p, &n), 0},
					  {"LAYR", 0, bad, sizeof(bad)}};

		s[0].bytes = n;
		memcpy(bad, meta, sizeof(bad));
		if (k == 1)
			ak_put32(bad, 2); /* more records than bytes */
		if (k == 2)
			ak_put32(bad, UINT32_MAX);
		if (k == 3)
			ak_put32(bad + 64 + 68, 9); /* tag */
		if (k == 4)
			memset(bad + 64, 'x', 64); /* name without end */
		if (k == 5)
			bad[64] = '\n';
		if (k == 6)
			memcpy(s[1].tag, "MODL", 4); /* not a model */
		assert_int_equal(ak_container_write("AKIDAAKP", 1, 0, s, 2, &file, &len), 0);
		if (k)
			assert_true(akida_program_parse(file, len, "x", &back, NULL) < 0);
		else
			assert_int_equal(akida_program_parse(file, len, "x", &back, NULL), 0);
		akida_program_destroy(back);
		free(file);
	}
	akida_program_destroy(p);
}

static void test_build_refuses_bad_heads_and_tracks(void **state)
{
	struct ak_program_head h = tiny_head();
	const struct ak_track_image none = {.words = NULL};
	const uint32_t cut[] = {0x01020208, 0x00020001, 0x60}; /* claims two words, has one */
	const struct ak_track_image bad = {.words = (uint32_t *)(uintptr_t)cut, .count = 3};
	struct akida_diag *d = akida_diag_create();
	struct akida_program *p;

	(void)state;
	assert_int_equal(ak_program_build(&h, &none, 0, NULL, 0, NULL, &p, NULL), -EINVAL);
	assert_int_equal(ak_program_build(&h, &none, 1, NULL, 0, NULL, &p, NULL), -EINVAL);
	assert_int_equal(ak_program_build(&h, &bad, 1, NULL, 0, make_model(), &p, d), -EILSEQ);
	assert_null(p);
	assert_string_equal(akida_diag_first_error(d)->rule, "program.packet");
	h.in_dims[1] = 0;
	assert_int_equal(build_tiny(&h, &p, NULL), -EILSEQ);
	h = tiny_head();
	h.window_h = 3;
	assert_int_equal(build_tiny(&h, &p, NULL), -EILSEQ);
	h = tiny_head();
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	assert_int_equal(p->head.max_descriptors, 2);
	assert_int_equal(layer(p, 0).tag, AKIDA_TAG_UNKNOWN);
	akida_program_destroy(p);
	akida_program_destroy(NULL);
	akida_diag_destroy(d);
}

static void test_dequantize_uses_shift_and_scale_per_channel(void **state)
{
	struct ak_program_head h = tiny_head();
	int32_t shifts[2] = {10, -10};
	float scales[2] = {2.0f, 4.0f}, out[4];
	const int32_t pot[4] = {12, 10, INT32_MAX, INT32_MIN};
	struct akida_program *p;

	(void)state;
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	assert_int_equal(akida_program_dequantize(p, pot, 1, out), -EINVAL);
	akida_program_destroy(p);
	h.shifts = shifts;
	h.scales = scales;
	h.channels = 2;
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	assert_int_equal(akida_program_dequantize(p, pot, 2, out), 0);
	assert_true(out[0] == 1.0f);
	assert_true(out[1] == 5.0f);
	assert_true(out[2] > 1.07e9f && out[3] < -5.3e8f);
	akida_program_destroy(p);
}

/* A ProgramInfo with one thing more than we support. */
enum extra { EXTRA_NONE, EXTRA_PASS, EXTRA_LEARNING, EXTRA_FNP2, EXTRA_SKIP, EXTRA_SLOT };

static int parse_with(enum extra e, struct akida_diag *d)
{
	static const uint32_t span[2] = {100, 3}, dims[3] = {1, 1, 1};
	uint32_t record, pass[65], device, text, in, passes;
	struct ak_fb_builder w;
	struct akida_program *p;
	uint8_t *bytes;
	size_t len;
	int err;

	ak_fb_begin(&w);
	ak_fb_open_table(&w);
	ak_fb_add_u8(&w, 1, 0xa1);
	device = ak_fb_close_table(&w);
	text = ak_fb_put_words(&w, span, 1, 2);
	ak_fb_open_table(&w);
	if (e == EXTRA_SKIP)
		ak_fb_add_ref(&w, 2, text);
	if (e == EXTRA_FNP2)
		ak_fb_add_ref(&w, 1, device);
	ak_fb_add_ref(&w, 0, text);
	record = ak_fb_close_table(&w);
	text = ak_fb_put_offsets(&w, &record, 1);
	ak_fb_open_table(&w);
	ak_fb_add_ref(&w, 0, text);
	pass[0] = ak_fb_close_table(&w);
	for (uint32_t i = 1; i < 65; i++)
		pass[i] = pass[0];
	text = ak_fb_put_string(&w, AK_PROGRAM_ENGINE);
	in = ak_fb_put_words(&w, dims, 3, 1);
	passes = ak_fb_put_offsets(&w, pass, e == EXTRA_PASS ? 65 : 1);
	ak_fb_open_table(&w);
	if (e == EXTRA_SLOT)
		ak_fb_add_ref(&w, 15, device);
	if (e == EXTRA_LEARNING)
		ak_fb_add_ref(&w, 14, device);
	ak_fb_add_ref(&w, 13, passes);
	ak_fb_add_ref(&w, 3, in);
	ak_fb_add_ref(&w, 2, in);
	ak_fb_add_ref(&w, 1, device);
	ak_fb_add_ref(&w, 0, text);
	assert_int_equal(ak_fb_finish(&w, ak_fb_close_table(&w), &bytes, &len), 0);
	err = akida_program_parse(bytes, len, "x", &p, d);
	free(bytes);
	akida_program_destroy(p);
	return err;
}

static void test_unsupported_parts_are_refused_by_name(void **state)
{
	static const char *const words[] = {"", "64 passes", "learning", "", "skip DMA", "newer schema"};

	(void)state;
	assert_int_equal(parse_with(EXTRA_NONE, NULL), 0);
	for (int e = EXTRA_PASS; e <= EXTRA_SLOT; e++) {
		struct akida_diag *d = akida_diag_create();

		if (e == EXTRA_FNP2) { /* a table of another form */
			assert_int_equal(parse_with((enum extra)e, d), -EILSEQ);
			akida_diag_destroy(d);
			continue;
		}
		assert_int_equal(parse_with((enum extra)e, d), -EOPNOTSUPP);
		assert_non_null(strstr(akida_diag_first_error(d)->text, words[e]));
		assert_string_equal(akida_diag_first_error(d)->rule, "program.unsupported");
		akida_diag_destroy(d);
	}
}

static void test_other_files_are_refused_by_kind(void **state)
{
	struct akida_model *m = make_model();
	struct akida_diag *d = akida_diag_create();
	struct akida_program *p;
	void *bytes;
	size_t len;

	(void)state;
	assert_int_equal(akida_program_parse("", 0, "empty", &p, d), -EILSEQ);
	assert_int_equal(akida_program_parse("\x89HDF\r\n\x1a\n and more bytes", 22, "h5", &p, d), -EILSEQ);
	assert_string_equal(akida_diag_get(d, 1)->rule, "program.kind");
	assert_int_equal(ak_model_serialize(m, &bytes, &len), 0);
	assert_int_equal(akida_program_parse(bytes, len, "akm", &p, d), -EINVAL);
	assert_non_null(strstr(akida_diag_get(d, 2)->text, ".akm"));
	free(bytes);
	assert_int_equal(akida_program_load("/nonexistent", &p, d), -ENOENT);
	akida_model_destroy(m);
	akida_diag_destroy(d);
}

static void test_info_and_layer_check_the_size_member(void **state)
{
	struct ak_program_head h = tiny_head();
	struct akida_program_info f = {.size = 0};
	struct akida_program_layer l = {.size = 1};
	struct akida_program *p;

	(void)state;
	assert_int_equal(build_tiny(&h, &p, NULL), 0);
	assert_int_equal(akida_program_info(p, &f), -EINVAL);
	f.size = 20; /* an older caller: only what it knows is written */
	memset(f.chip, 'x', sizeof(f.chip));
	assert_int_equal(akida_program_info(p, &f), 0);
	assert_int_equal(f.chip[0], 'x');
	assert_int_equal(akida_program_layer(p, 0, &l), -EINVAL);
	assert_int_equal(akida_program_layer(p, 1, &l), -ENOENT);
	akida_program_destroy(p);
}

static void test_tag_names(void **state)
{
	(void)state;
	assert_string_equal(akida_tag_name(AKIDA_TAG_VERIFIED), "verified");
	assert_string_equal(akida_tag_name(AKIDA_TAG_DERIVED), "derived");
	assert_string_equal(akida_tag_name(AKIDA_TAG_PROVISIONAL), "provisional");
	assert_string_equal(akida_tag_name(AKIDA_TAG_UNKNOWN), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe_mapped_model_equals_the_model),
		cmocka_unit_test(test_akp_round_trip_keeps_bytes_names_tags_and_model),
		cmocka_unit_test(test_stripped_akp_and_bare_bytes_still_load),
		cmocka_unit_test(test_meta_tags_weaken_and_never_strengthen),
		cmocka_unit_test(test_akp_damaged_anywhere_is_refused),
		cmocka_unit_test(test_hostile_meta_and_model_sections_are_refused),
		cmocka_unit_test(test_build_refuses_bad_heads_and_tracks),
		cmocka_unit_test(test_dequantize_uses_shift_and_scale_per_channel),
		cmocka_unit_test(test_unsupported_parts_are_refused_by_name),
		cmocka_unit_test(test_other_files_are_refused_by_kind),
		cmocka_unit_test(test_info_and_layer_check_the_size_member),
		cmocka_unit_test(test_tag_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
