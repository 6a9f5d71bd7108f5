// SPDX-License-Identifier: MIT
/*
 * Programs back into layers. Vendor programs: the layers run on the cpu equal the program on the software NSoC, and
 * mapping them gives the vendor's file again, byte for byte. Ours: the layers that went in come out. A flipped weight
 * changes the words that hold it and no others. Damaged programs are refused.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>
#include <akida/map.h>
#include <akida/run.h>
#include "decode.h"
#include "layer/encoding.h"
#include "models.h"
#include "program/program.h"

static const char *data(const char *file, char *path, size_t bytes)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, bytes, "%s/data/programs/%s", root && *root ? root : "../shared", file);
	return access(path, R_OK) ? NULL : path;
}

#define NEED(file, path)                                                                                               \
	do {                                                                                                           \
		if (!data(file, path, sizeof(path))) {                                                                 \
			print_message("skipped: shared data file %s is not here\n", file);                             \
			skip();                                                                                        \
		}                                                                                                      \
	} while (0)

static uint8_t *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	uint8_t *b;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	b = malloc(*len + 1);
	assert_non_null(b);
	assert_int_equal(fread(b, 1, *len, f), *len);
	fclose(f);
	return b;
}

static struct akida_program *load(const char *path)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;

	if (akida_program_load(path, &p, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return p;
}

static struct akida_model *decompile(const struct akida_program *p)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL;

	if (akida_decompile(p, &m, diag))
		fail_msg("%s: %s", akida_diag_first_error(diag)->node, akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return m;
}

static struct akida_program *map(const struct akida_model *m, const char *chip)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;

	if (akida_map(m, chip, NULL, &p, NULL, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return p;
}

static int32_t *run(const char *device, const struct akida_program *p, const struct akida_model *m, const uint8_t *in,
		    size_t frames)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d = NULL;
	struct akida_session *s = NULL;
	int32_t *out;

	if (akida_device_open(device, &d, diag) || akida_session_create(d, p, m, NULL, &s, diag))
		fail_msg("%s: %s", device, akida_diag_first_error(diag)->text);
	out = calloc(frames * akida_session_outputs(s), sizeof(*out));
	assert_non_null(out);
	if (akida_session_run(s, in, frames, out) != (int64_t)frames)
		fail_msg("%s: %s", device, akida_session_error(s));
	akida_session_destroy(s);
	akida_device_close(d);
	akida_diag_destroy(diag);
	return out;
}

/* Through a file, as a user would: what is not in the .akm is not there. */
static struct akida_model *through_file(struct akida_model *m)
{
	char path[] = "/tmp/akida-test-XXXXXX";
	int fd = mkstemp(path);
	struct akida_model *again = NULL;

	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(akida_model_save(m, path, NULL), 0);
	assert_int_equal(akida_model_load(path, &again, NULL), 0);
	unlink(path);
	akida_model_destroy(m);
	return again;
}

static void vendor(const char *file, const char *inputs, const char *expected, size_t frames, uint32_t words)
{
	char program[512], in_path[512], want_path[512];
	size_t in_len = 0, len, again_len, outputs;
	struct akida_program *p, *again;
	uint32_t dims[3], total = 0;
	struct akida_model *m;
	const void *a, *b;
	int32_t *got, *want;
	uint8_t *in;

	NEED(file, program);
	p = load(program);
	m = through_file(decompile(p));
	for (uint32_t i = 0; i < p->head.track_count; i++)
		total += p->head.tracks[i].words;
	if (words)
		assert_int_equal(total, words);

	/* rebuilt: packets, order, ProgramInfo, the layout of the flatbuffers */
	again = map(m, "akd1500");
	a = akida_program_bytes(p, &len);
	b = akida_program_bytes(again, &again_len);
	assert_int_equal(again_len, len);
	assert_memory_equal(b, a, len);

	/* the layers compute what the program computes */
	akida_model_input(m, dims);
	if (inputs) {
		NEED(inputs, in_path);
		in = slurp(in_path, &in_len);
		assert_int_equal(in_len, frames * dims[0] * dims[1] * dims[2]);
	} else {
		struct net r = {.seed = 11};

		in = malloc(frames * dims[0] * dims[1] * dims[2]);
		assert_non_null(in);
		for (size_t i = 0; i < frames * dims[0] * dims[1] * dims[2]; i++)
			in[i] = (uint8_t)net_random(&r, 256);
	}
	got = run("cpu", NULL, m, in, frames);
	akida_model_output(m, dims);
	outputs = (size_t)dims[0] * dims[1] * dims[2];
	if (expected) {
		NEED(expected, want_path);
		want = (int32_t *)(void *)slurp(want_path, &len);
		assert_int_equal(len, frames * outputs * 4);
	} else {
		want = run("virtual:akd1500", p, NULL, in, frames);
	}
	assert_memory_equal(got, want, frames * outputs * 4);
	free(got);
	free(want);
	free(in);
	akida_program_destroy(again);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_decompiled_kws_is_the_vendors_program(void **state)
{
	(void)state;
	vendor("kws_akd1500_v250_program.bin", "kws_emulated_inputs_30x490_u8.bin",
	       "kws_emulated_potentials_30x12_i32.bin", 30, 5330);
}

static void test_decompiled_vww_is_the_vendors_program(void **state)
{
	(void)state;
	vendor("vww_akd1500_v250_program.bin", "vww_inputs_5x96x96x3_u8.bin", "vww_emulated_potentials_5x2_i32.bin", 5,
	       0);
}

static void test_decompiled_presence_is_the_vendors_program(void **state)
{
	(void)state;
	vendor("presence96_gray_akd1500_v250_program.bin", NULL, NULL, 8, 0);
}

static void test_decompiled_layers_have_names_and_widths(void **state)
{
	struct akida_layer_info l = {.size = sizeof(l)};
	struct akida_program *p;
	struct akida_model *m;
	char path[512];

	(void)state;
	NEED("kws_akd1500_v250_program.bin", path);
	p = load(path);
	m = decompile(p);
	assert_int_equal(akida_model_layers(m), 6);
	akida_model_layer(m, 0, &l);
	assert_string_equal(l.name, "conv_0");
	assert_int_equal(l.kernel_h, 5);
	assert_int_equal(l.weights_bits, 8);
	akida_model_layer(m, 4, &l);
	assert_string_equal(l.name, "separable_4");
	assert_int_equal(l.pool, AKIDA_POOL_GLOBAL_AVERAGE);
	akida_model_layer(m, 5, &l);
	assert_string_equal(l.name, "dense_5");
	assert_int_equal(l.act_bits, 0);
	akida_model_destroy(m);
	akida_program_destroy(p);
}

/* ---- ours ---- */

static void same_layer(const struct akida_layer *a, const struct akida_layer *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->in_bits, b->in_bits);
	assert_int_equal(a->out_h, b->out_h);
	assert_int_equal(a->out_w, b->out_w);
	assert_int_equal(a->out_c, b->out_c);
	assert_int_equal(a->stride, b->stride);
	assert_int_equal(a->pool, b->pool);
	assert_int_equal(a->padding_value, b->padding_value);
	assert_int_equal(a->activation, b->activation);
	if (a->activation)
		assert_int_equal(a->act_bits, b->act_bits);
	assert_memory_equal(a->weights, b->weights, ak_layer_weight_count(a));
	if (a->weights_pw)
		assert_memory_equal(a->weights_pw, b->weights_pw, ak_layer_weight_pw_count(a));
	assert_memory_equal(a->threshold, b->threshold, a->filters * sizeof(*a->threshold));
	if (a->activation)
		assert_memory_equal(a->step16, b->step16, a->filters * sizeof(*a->step16));
	else
		assert_memory_equal(a->scale, b->scale, a->filters * sizeof(*a->scale));
}

static void test_drawn_networks_come_back(void **state)
{
	static const char *const chips[] = {"akd1500", "akd1000"};
	uint32_t done = 0, splits = 0;

	(void)state;
	for (uint64_t seed = 1; seed < 260; seed++) {
		struct akida_model *m = net_draw(seed, seed % 3 == 0), *again;
		struct akida_program *p = NULL;

		if (!m)
			continue;
		if (akida_map(m, chips[seed % 2], NULL, &p, NULL, NULL)) {
			akida_model_destroy(m);
			continue;
		}
		again = decompile(p);
		assert_int_equal(again->count, m->count);
		for (uint32_t i = 0; i < m->count; i++)
			same_layer(&m->layers[i], &again->layers[i]);
		splits += p->nps >= m->count;
		done++;
		akida_program_destroy(p);
		akida_model_destroy(again);
		akida_model_destroy(m);
	}
	assert_true(done > 60);
	assert_true(splits > 5);
}

/* ---- one weight ---- */

#define MAX_HITS 16u

/* Words of track t that may hold the weight: bits of word index at in the packets, by the test's own knowledge. */
struct hits {
	uint32_t count, track[MAX_HITS], word[MAX_HITS];
};

static void hit(struct hits *h, uint32_t track, const struct ak_program_head *head, const struct akida_program *p,
		const uint32_t *at)
{
	assert_true(h->count < MAX_HITS);
	assert_true(track < head->track_count);
	h->track[h->count] = track;
	h->word[h->count++] = (uint32_t)(at - ak_program_track(p, track));
}

/* Where weight (ky, kx, c, f) of layer i stands in program p (one track per layer, HRC in tracks 0 and 1). */
static void expect(const struct akida_program *p, const struct akida_layer *l, uint32_t i, bool pw, uint32_t ky,
		   uint32_t kx, uint32_t c, uint32_t f, struct hits *h)
{
	uint32_t track = i + 1, bank = 0;
	struct dec_track *t = calloc(1, sizeof(*t));

	assert_int_equal(dec_split(ak_program_track(p, track), p->head.tracks[track].words, t), 0);
	for (uint32_t k = 0; k < t->count; k++) {
		const struct dec_packet *q = &t->p[k];
		uint32_t f0, fs, tap = ky * l->kernel_w + kx;

		if (i == 0) {
			if (q->uid == 8 && q->start == 0x20)
				bank = q->data[0];
			if (q->uid == 0 && bank == 1u << (l->in_c == 3 ? c : tap / 9))
				hit(h, track, &p->head, p, q->data + 3 * f + (l->in_c == 3 ? tap : tap % 9) / 4);
			continue;
		}
		if (q->uid == 6) {
			uint32_t nb = (l->in_h * l->in_w * l->in_c + 63) / 64, n = (c * l->in_w + kx) * l->in_h + ky;

			for (uint32_t b = 0; b < 6; b++) /* planes of both signs */
				hit(h, track, &p->head, p,
				    q->data + f * (4 + 12 * nb) + 4 + n / 32 * 3 + b % 3 + b / 3 * 6 * nb);
		}
		if (q->uid != 8)
			continue;
		f0 = q->data[26] & 0x7ff;
		fs = q->data[26] >> 16 & 0x7ff;
		if (l->type == AKIDA_LAYER_SEPARABLE && !pw)
			hit(h, track, &p->head, p, t->p[k + 1].data + 2 * c + (3 * (2 - kx) + 2 - ky) / 8);
		else if (l->type == AKIDA_LAYER_SEPARABLE && f >= f0 && f < f0 + fs)
			hit(h, track, &p->head, p,
			    t->p[k + 2].data + 2 * (c * ((fs + 11) / 12) + (f - f0) / 12) + (f - f0) % 12 / 8);
		else if (l->type == AKIDA_LAYER_CONV && f >= f0 && f < f0 + fs)
			hit(h, track, &p->head, p,
			    t->p[k + 1].data +
				    2 * (c * ((6 * ((fs + 7) / 8) + 15) / 16 * 16) + (f - f0) / 8 * 6 + (2 - kx) * 2 +
					 ((f - f0) % 8 > 3)) +
				    ((f - f0) % 4 * 3 + 2 - ky) / 8);
	}
	free(t);
}

static bool expected(const struct hits *h, uint32_t track, uint32_t word)
{
	for (uint32_t i = 0; i < h->count; i++)
		if (h->track[i] == track && h->word[i] == word)
			return true;
	return false;
}

static void flip_one(struct akida_model *m, const struct akida_program *before, struct net *r, uint32_t i)
{
	struct akida_layer *l = &m->layers[i];
	bool full = l->type == AKIDA_LAYER_FULLY, pw = l->weights_pw && net_random(r, 2);
	uint32_t kh = pw ? 1 : full ? l->in_h : l->kernel_h, kw = pw ? 1 : full ? l->in_w : l->kernel_w;
	uint32_t ky = net_random(r, kh), kx = net_random(r, kw), c = net_random(r, l->in_c);
	uint32_t f = net_random(r, l->filters), changed = 0, copies = 0;
	size_t at = l->type == AKIDA_LAYER_SEPARABLE && !pw ? (size_t)(ky * kw + kx) * l->in_c + c
							    : ((size_t)(ky * kw + kx) * l->in_c + c) * l->filters + f;
	int8_t *w = pw ? &l->weights_pw[at] : &l->weights[at], old = *w;
	struct akida_program *after;
	struct hits h = {0};
	const void *info, *info_before;
	size_t len;

	*w = old > 0 ? (int8_t)-old : old < 0 && old > -8 ? (int8_t)-old : 3;
	after = map(m, "akd1500");
	expect(before, l, i, pw, ky, kx, c, f, &h);
	for (uint32_t k = 0; k < h.count; k++)
		copies += full ? 0 : 1;
	for (uint32_t t = 0; t < before->head.track_count; t++) {
		const uint32_t *a = ak_program_track(before, t), *b = ak_program_track(after, t);

		assert_int_equal(before->head.tracks[t].words, after->head.tracks[t].words);
		for (uint32_t k = 0; k < before->head.tracks[t].words; k++) {
			if (a[k] == b[k])
				continue;
			changed++;
			if (!expected(&h, t, k))
				fail_msg("layer %u: weight (%u,%u,%u,%u) changes word %u of track %u", i, ky, kx, c, f,
					 k, t);
		}
	}
	/* every copy of it (row parts carry the same weights); of a bit plane those whose bit is set */
	if (full)
		assert_in_range(changed, 1, 6);
	else
		assert_int_equal(changed, copies);
	info = akida_program_bytes(after, &len);
	info_before = akida_program_bytes(before, &len);
	assert_memory_equal(info, info_before, before->info_bytes);
	*w = old;
	akida_program_destroy(after);
}

static void test_one_weight_changes_the_words_that_hold_it(void **state)
{
	static const char *const files[] = {"kws_akd1500_v250_program.bin", "presence96_gray_akd1500_v250_program.bin",
					    "vww_akd1500_v250_program.bin"};
	struct net r = {.seed = 3};

	(void)state;
	for (size_t n = 0; n < sizeof(files) / sizeof(files[0]); n++) {
		struct akida_program *p;
		struct akida_model *m;
		char path[512];

		NEED(files[n], path);
		p = load(path);
		m = decompile(p);
		for (uint32_t i = 0; i < m->count; i++)
			for (int k = 0; k < 4; k++)
				flip_one(m, p, &r, i);
		akida_model_destroy(m);
		akida_program_destroy(p);
	}
}

/* ---- refusals ---- */

/* The bytes of a program with one word of a track changed. */
static int with_word(const struct akida_program *p, uint32_t track, uint32_t word, uint32_t value,
		     struct akida_diag *diag)
{
	size_t len;
	const uint8_t *bytes = akida_program_bytes(p, &len);
	uint8_t *copy = malloc(len);
	struct akida_program *q = NULL;
	struct akida_model *m = NULL;
	int err;

	assert_non_null(copy);
	memcpy(copy, bytes, len);
	memcpy(copy + p->info_bytes + p->head.tracks[track].offset + 4 * (size_t)word, &value, 4);
	err = akida_program_parse(copy, len, "changed", &q, diag);
	if (!err)
		err = akida_decompile(q, &m, diag);
	akida_model_destroy(m);
	akida_program_destroy(q);
	free(copy);
	return err;
}

static void test_a_word_that_does_not_follow_is_named(void **state)
{
	struct akida_model *m = net_first_light(1);
	struct akida_program *p = map(m, "akd1500");
	struct akida_diag *diag = akida_diag_create();
	const struct akida_diag_record *e;

	(void)state;
	assert_int_equal(with_word(p, 2, 2 + AK_NP_REG6 / 4, 0x04040001, diag), -EOPNOTSUPP);
	e = akida_diag_first_error(diag);
	assert_string_equal(e->rule, "program.decompile");
	assert_non_null(strstr(e->node, "register REG6"));
	assert_non_null(strstr(e->text, "0x04040001"));
	akida_diag_destroy(diag);
	/* code 8, a zero that says it is positive, is no weight of ours */
	diag = akida_diag_create();
	for (uint32_t k = 54; k < 200; k++) {
		uint32_t v = ak_program_track(p, 2)[k];

		if (v & 15)
			continue;
		assert_int_equal(with_word(p, 2, k, v | 8, diag), -EOPNOTSUPP);
		assert_non_null(strstr(akida_diag_first_error(diag)->node, "filter SRAM word"));
		break;
	}
	akida_diag_destroy(diag);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

/* Any word changed to anything: an error with a record, or layers that give exactly this program. */
static void test_drawn_damage_is_refused_or_exact(void **state)
{
	struct akida_model *m = net_first_light(5);
	struct akida_program *p = map(m, "akd1500");
	struct net r = {.seed = 21};
	uint32_t refused = 0, runs = 600;

	(void)state;
	for (uint32_t i = 0; i < runs; i++) {
		struct akida_diag *diag = akida_diag_create();
		uint32_t t = net_random(&r, p->head.track_count), bit = net_random(&r, 32);
		uint32_t w = net_random(&r, i % 2 ? p->head.tracks[t].words : p->head.tracks[t].words < 54 ? 4 : 54);

		if (with_word(p, t, w, ak_program_track(p, t)[w] ^ 1u << bit, diag)) {
			assert_non_null(akida_diag_first_error(diag));
			refused++;
		}
		akida_diag_destroy(diag);
	}
	assert_in_range(refused, runs / 4, runs - 1);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_program_info_alone_is_refused(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m;
	struct akida_program *p;
	char path[512];

	(void)state;
	NEED("vww_akd1500_v250_program_info.bin", path);
	p = load(path);
	assert_int_equal(akida_decompile(p, &m, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "program.info-only");
	akida_program_destroy(p);
	akida_diag_destroy(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decompiled_kws_is_the_vendors_program),
		cmocka_unit_test(test_decompiled_vww_is_the_vendors_program),
		cmocka_unit_test(test_decompiled_presence_is_the_vendors_program),
		cmocka_unit_test(test_decompiled_layers_have_names_and_widths),
		cmocka_unit_test(test_drawn_networks_come_back),
		cmocka_unit_test(test_one_weight_changes_the_words_that_hold_it),
		cmocka_unit_test(test_a_word_that_does_not_follow_is_named),
		cmocka_unit_test(test_drawn_damage_is_refused_or_exact),
		cmocka_unit_test(test_program_info_alone_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
