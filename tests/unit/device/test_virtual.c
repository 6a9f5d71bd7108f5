/* SPDX-License-Identifier: MIT */
/*
 * The whole lower half: a program through the protocol core into the software NSoC and back. Vendor-compiled programs
 * against stored potentials, our own programs against the cpu back end, and what happens when a program is damaged.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <akida/akida.h>
#include <akida/map.h>
#include "base/container.h"
#include "device/backend.h"
#include "layer/layer.h"
#include "program/program.h"

/* ---- shared data ---- */

static const char *shared(const char *file, char path[512])
{
	const char *root = getenv("AKIDA_SHARED");
	FILE *f;

	snprintf(path, 512, "%s/data/programs/%s", root ? root : "../shared", file);
	f = fopen(path, "rb");
	if (!f) {
		print_message("skipped: %s is not there\n", path);
		skip();
	}
	fclose(f);
	return path;
}

static void *slurp(const char *path, size_t want)
{
	void *p = malloc(want);
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	assert_int_equal(fread(p, 1, want, f), want);
	assert_int_equal(fgetc(f), EOF);
	fclose(f);
	return p;
}

/* ---- running ---- */

struct result {
	int64_t ran;
	struct akida_stats stats;
	char error[512];
};

/* Runs frames on a device; a refusal to open or load is a negative ran with the text in error. */
static struct result run_on(const char *device, const struct akida_program *p, const struct akida_model *m,
			    uint32_t batch, const uint8_t *in, size_t frames, int32_t *out)
{
	struct akida_session_params sp = {.size = sizeof(sp), .batch = batch};
	struct result r = {.stats = {.size = sizeof(r.stats)}};
	struct akida_diag *diag = akida_diag_create();
	struct akida_session *s = NULL;
	struct akida_device *d = NULL;

	r.ran = akida_device_open(device, &d, diag);
	if (!r.ran)
		r.ran = akida_session_create(d, p, m, &sp, &s, diag);
	if (!r.ran) {
		r.ran = akida_session_run(s, in, frames, out);
		akida_session_stats(s, &r.stats);
		snprintf(r.error, sizeof(r.error), "%s", akida_session_error(s));
	} else if (akida_diag_first_error(diag)) {
		snprintf(r.error, sizeof(r.error), "%s", akida_diag_first_error(diag)->text);
	}
	akida_session_destroy(s);
	akida_device_close(d);
	akida_diag_destroy(diag);
	return r;
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

/* ---- vendor programs ---- */

static void vendor_case(const char *program, const char *inputs, size_t frame, const char *golden, size_t frames,
			size_t outputs, uint32_t batch)
{
	char path[512];
	struct akida_program *p = load(shared(program, path));
	uint8_t *in = slurp(shared(inputs, path), frame * frames);
	int32_t *want = slurp(shared(golden, path), frames * outputs * 4);
	int32_t *got = calloc(frames * outputs, sizeof(*got));
	struct result r = run_on("virtual:akd1500", p, NULL, batch, in, frames, got);

	if (r.ran != (int64_t)frames)
		fail_msg("ran %lld of %zu: %s", (long long)r.ran, frames, r.error);
	for (size_t f = 0; f < frames; f++)
		if (memcmp(got + f * outputs, want + f * outputs, outputs * 4))
			fail_msg("frame %zu differs", f);
	if (r.stats.unknown_events)
		fail_msg("%llu unknown: %s", (unsigned long long)r.stats.unknown_events, r.stats.unknown_last);
	assert_int_equal(r.stats.source, AKIDA_SOURCE_MODEL);
	assert_true(r.stats.fps > 0 && r.stats.inference_clk > 0 && r.stats.program_clk > 0 && r.stats.floor_mw > 0);
	free(got);
	free(want);
	free(in);
	akida_program_destroy(p);
}

static void test_virtual_kws_vendor_program_equals_stored_potentials(void **state)
{
	(void)state;
	vendor_case("kws_akd1500_v250_program.bin", "kws_emulated_inputs_30x490_u8.bin", 490,
		    "kws_emulated_potentials_30x12_i32.bin", 30, 12, 1);
}

static void test_virtual_kws_batch_gives_the_same(void **state)
{
	(void)state;
	vendor_case("kws_akd1500_v250_program.bin", "kws_emulated_inputs_30x490_u8.bin", 490,
		    "kws_emulated_potentials_30x12_i32.bin", 30, 12, 7);
}

static void test_virtual_vww_vendor_program_equals_stored_potentials(void **state)
{
	(void)state;
	vendor_case("vww_akd1500_v250_program.bin", "vww_inputs_5x96x96x3_u8.bin", 96 * 96 * 3,
		    "vww_emulated_potentials_5x2_i32.bin", 5, 2, 2);
}

static void test_virtual_presence_runs_without_unknown(void **state)
{
	char path[512];
	struct akida_program *p = load(shared("presence96_gray_akd1500_v250_program.bin", path));
	uint8_t *in = malloc(2 * 96 * 96);
	int32_t out[4] = {0};
	struct result r;

	(void)state;
	for (size_t i = 0; i < 2 * 96 * 96; i++)
		in[i] = (uint8_t)(i * 7 + i / 96);
	r = run_on("virtual:akd1500", p, NULL, 1, in, 2, out);
	if (r.ran != 2)
		fail_msg("%s", r.error);
	if (r.stats.unknown_events)
		fail_msg("%llu unknown: %s", (unsigned long long)r.stats.unknown_events, r.stats.unknown_last);
	assert_true(out[0] || out[1]);
	free(in);
	akida_program_destroy(p);
}

static void test_virtual_program_of_another_chip_is_refused(void **state)
{
	char path[512];
	struct akida_program *p = load(shared("kws_akd1500_v250_program.bin", path));
	uint8_t in[490] = {0};
	int32_t out[12];
	struct result r = run_on("virtual:akd1000", p, NULL, 1, in, 1, out);

	(void)state;
	assert_int_equal(r.ran, -EINVAL);
	assert_non_null(strstr(r.error, "BC.00.000.002"));
	akida_program_destroy(p);
}

static void test_cpu_program_without_layers_is_refused(void **state)
{
	char path[512];
	struct akida_program *p = load(shared("kws_akd1500_v250_program.bin", path));
	uint8_t in[490] = {0};
	int32_t out[12];

	(void)state;
	assert_int_equal(run_on("cpu", p, NULL, 1, in, 1, out).ran, -EOPNOTSUPP);
	akida_program_destroy(p);
}

/* ---- our own programs ---- */

static uint32_t rng_state;
static uint32_t rng(uint32_t n)
{
	rng_state = rng_state * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(rng_state >> 4) * n) >> 28);
}

static void random_layer(struct akida_layer *l, int32_t wmax)
{
	assert_int_equal(ak_layer_alloc(l), 0);
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = (int8_t)((int32_t)rng((uint32_t)(2 * wmax + 1)) - wmax);
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = (int8_t)((int32_t)rng(15) - 7);
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = l->activation ? (int32_t)rng(80) : -(int32_t)rng(9);
		l->step16[f] = 16 + (int32_t)rng(l->type == AKIDA_LAYER_INPUT_CONV ? 200000 : 2000);
		if (l->scale)
			l->scale[f] = 10.0f + (float)f;
	}
}

/* 28x28x1: input convolution, standard, separable stride 2, separable with global pooling, fully connected. */
static struct akida_model *make_model(uint32_t seed)
{
	struct akida_layer *l = calloc(5, sizeof(*l));
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL;

	rng_state = seed;
	l[0] = (struct akida_layer){.name = "stem",
				    .type = AKIDA_LAYER_INPUT_CONV,
				    .in_h = 28,
				    .in_w = 28,
				    .in_c = 1,
				    .in_bits = 8,
				    .filters = 16,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 2,
				    .padding = AKIDA_PAD_SAME,
				    .weights_bits = 8,
				    .activation = true,
				    .act_bits = 4};
	l[1] = (struct akida_layer){.name = "conv",
				    .type = AKIDA_LAYER_CONV,
				    .in_h = 14,
				    .in_w = 14,
				    .in_c = 16,
				    .in_bits = 4,
				    .filters = 32,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 1,
				    .padding = AKIDA_PAD_SAME,
				    .weights_bits = 4,
				    .activation = true,
				    .act_bits = 4};
	l[2] = (struct akida_layer){.name = "sep1",
				    .type = AKIDA_LAYER_SEPARABLE,
				    .in_h = 14,
				    .in_w = 14,
				    .in_c = 32,
				    .in_bits = 4,
				    .filters = 64,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 2,
				    .padding = AKIDA_PAD_SAME,
				    .weights_bits = 4,
				    .activation = true,
				    .act_bits = 4};
	l[3] = (struct akida_layer){.name = "sep2",
				    .type = AKIDA_LAYER_SEPARABLE,
				    .in_h = 7,
				    .in_w = 7,
				    .in_c = 64,
				    .in_bits = 4,
				    .filters = 64,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 1,
				    .padding = AKIDA_PAD_SAME,
				    .pool = AKIDA_POOL_GLOBAL_AVERAGE,
				    .weights_bits = 4,
				    .activation = true,
				    .act_bits = 4};
	l[4] = (struct akida_layer){.name = "head",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 1,
				    .in_w = 1,
				    .in_c = 64,
				    .in_bits = 4,
				    .filters = 10,
				    .kernel_h = 1,
				    .kernel_w = 1,
				    .stride = 1,
				    .weights_bits = 4,
				    .activation = false};
	for (int i = 0; i < 5; i++)
		random_layer(&l[i], i ? 7 : 127);
	if (ak_model_create(l, 5, "test", &m, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return m;
}

static struct akida_program *map_for(const struct akida_model *m, const char *device)
{
	struct akida_map_params mp = {.size = sizeof(mp)};
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p = NULL;

	if (akida_map(m, device, &mp, &p, NULL, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return p;
}

#define FRAMES 6
static void make_frames(uint8_t *in)
{
	for (size_t i = 0; i < FRAMES * 784; i++)
		in[i] = (uint8_t)(rng(3) ? 0 : rng(256));
}

static void test_devices_give_identical_outputs(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 4; seed++) {
		struct akida_model *m = make_model(seed);
		struct akida_program *a = map_for(m, "akd1000"), *b = map_for(m, "akd1500");
		int32_t cpu[FRAMES * 10], o1000[FRAMES * 10], o1500[FRAMES * 10];
		uint8_t in[FRAMES * 784];
		struct result r;

		make_frames(in);
		assert_int_equal(run_on("cpu", NULL, m, 1, in, FRAMES, cpu).ran, FRAMES);
		r = run_on("virtual:akd1000", a, NULL, 3, in, FRAMES, o1000);
		if (r.ran != FRAMES)
			fail_msg("akd1000: %s", r.error);
		assert_int_equal(r.stats.unknown_events, 0);
		r = run_on("virtual:akd1500", b, NULL, 1, in, FRAMES, o1500);
		if (r.ran != FRAMES)
			fail_msg("akd1500: %s", r.error);
		assert_int_equal(r.stats.unknown_events, 0);
		assert_memory_equal(cpu, o1000, sizeof(cpu));
		assert_memory_equal(cpu, o1500, sizeof(cpu));
		assert_memory_not_equal(cpu, cpu + 10, 10 * sizeof(*cpu)); /* the frames differ, so should they */
		akida_program_destroy(a);
		akida_program_destroy(b);
		akida_model_destroy(m);
	}
}

/* Everything but the vendor-format program is decoration: without it the outputs stay. */
static void test_akp_stripped_to_the_program_gives_the_same(void **state)
{
	struct akida_model *m = make_model(9);
	struct akida_program *p = map_for(m, "akd1500"), *bare = NULL;
	struct ak_section only = {.tag = "PROG", .flags = AK_SECTION_MANDATORY};
	int32_t full[FRAMES * 10], stripped[FRAMES * 10];
	uint8_t in[FRAMES * 784];
	void *akp = NULL;
	size_t len = 0;

	(void)state;
	make_frames(in);
	only.data = akida_program_bytes(p, &only.bytes);
	assert_int_equal(ak_container_write("AKIDAAKP", 1, 0, &only, 1, &akp, &len), 0);
	assert_int_equal(akida_program_parse(akp, len, "stripped", &bare, NULL), 0);
	assert_null(akida_program_model(bare));
	assert_int_equal(run_on("virtual:akd1500", p, NULL, 1, in, FRAMES, full).ran, FRAMES);
	assert_int_equal(run_on("virtual:akd1500", bare, NULL, 1, in, FRAMES, stripped).ran, FRAMES);
	assert_memory_equal(full, stripped, sizeof(full));
	free(akp);
	akida_program_destroy(bare);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

/*
 * The software NSoC reads the packets and nothing else: flipping bits in payloads changes outputs, or is refused or
 * reported, and at least a third of the flips must be seen (many weights meet zero inputs only).
 */
static void test_packet_bit_flips_are_seen(void **state)
{
	struct akida_model *m = make_model(5);
	struct akida_program *p = map_for(m, "akd1500");
	int32_t want[FRAMES * 10], got[FRAMES * 10];
	unsigned int changed = 0, refused = 0, flips = 0;
	uint8_t in[FRAMES * 784];
	size_t len;
	const uint8_t *bytes = akida_program_bytes(p, &len);
	uint8_t *copy = malloc(len);

	(void)state;
	make_frames(in);
	assert_int_equal(run_on("virtual:akd1500", p, NULL, 1, in, FRAMES, want).ran, FRAMES);
	for (uint32_t t = 0; t < p->head.track_count; t++) {
		for (unsigned int k = 0; k < 6; k++) {
			size_t at = p->info_bytes + p->head.tracks[t].offset + rng(4 * p->head.tracks[t].words);
			struct akida_program *hurt = NULL;
			struct result r;

			memcpy(copy, bytes, len);
			copy[at] ^= (uint8_t)(1u << rng(8));
			flips++;
			if (akida_program_parse(copy, len, "flipped", &hurt, NULL)) {
				refused++;
				continue;
			}
			r = run_on("virtual:akd1500", hurt, NULL, 1, in, FRAMES, got);
			if (r.ran != FRAMES || r.stats.unknown_events)
				refused++;
			else
				changed += memcmp(want, got, sizeof(want)) != 0;
			akida_program_destroy(hurt);
		}
	}
	print_message("%u flips: %u changed outputs, %u refused or reported\n", flips, changed, refused);
	assert_true(changed >= 3);
	assert_true(3 * (changed + refused) >= flips);
	free(copy);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_open_unknown_and_absent_names_are_told_apart(void **state)
{
	struct akida_device *d;

	(void)state;
	assert_int_equal(akida_device_open("virtual:akd9", &d, NULL), -ENOENT);
	assert_int_equal(akida_device_open("virtual:akida3", &d, NULL), -ENOENT);
	assert_int_equal(akida_device_open("vfio:ffff:ff:1f.7", &d, NULL), -ENODEV);
	assert_int_equal(akida_device_open("vfio:../../../..", &d, NULL), -ENODEV);
}

static void test_info_counts_the_published_meshes(void **state)
{
	static const struct {
		const char *name, *version;
		uint32_t nps, cnp1, cnp2, fnp2, fnp3;
		double mhz;
	} want[] = {
		{"virtual:akd1000", "BC.00.000.002", 78, 78, 54, 4, 18, 300},
		{"virtual:akd1500", "BC.A1.003.009", 32, 32, 21, 1, 7, 400},
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct akida_device_info info = {.size = sizeof(info)};
		struct akida_device *d;

		assert_int_equal(akida_device_open(want[i].name, &d, NULL), 0);
		assert_int_equal(akida_device_info(d, &info), 0);
		assert_string_equal(info.version, want[i].version);
		assert_int_equal(info.nps, want[i].nps);
		assert_int_equal(info.cnp1, want[i].cnp1);
		assert_int_equal(info.cnp2, want[i].cnp2);
		assert_int_equal(info.fnp2, want[i].fnp2);
		assert_int_equal(info.fnp3, want[i].fnp3);
		assert_true(info.clock_mhz == want[i].mhz);
		akida_device_close(d);
	}
}

/* Idle power and clock follow the mode; other devices have no say. */
static void test_clock_modes_of_akd1000(void **state)
{
	static const struct {
		const char *name;
		double mhz;
	} modes[] = {{"performance", 300}, {"economy", 100}, {"low-power", 5}};
	struct akida_device_info info = {.size = sizeof(info)};
	struct akida_device *d;
	double floor = INFINITY;

	(void)state;
	assert_int_equal(akida_device_open("virtual:akd1000", &d, NULL), 0);
	for (int i = 0; i < 3; i++) {
		struct ak_counters c;

		assert_int_equal(akida_device_clock(d, modes[i].name, NULL), 0);
		assert_int_equal(akida_device_info(d, &info), 0);
		assert_true(info.clock_mhz == modes[i].mhz);
		d->ops->counters(d, &c);
		assert_true(c.floor_mw > 0 && c.floor_mw < floor);
		floor = c.floor_mw;
		assert_int_equal(c.unknown_events, 0);
	}
	assert_int_equal(akida_device_clock(d, "turbo", NULL), -EINVAL);
	assert_int_equal(akida_device_clock(d, NULL, NULL), -EINVAL);
	assert_int_equal(akida_device_info(d, &info), 0);
	assert_true(info.clock_mhz == 5);
	akida_device_close(d);
	assert_int_equal(akida_device_open("virtual:akd1500", &d, NULL), 0);
	assert_int_equal(akida_device_clock(d, "economy", NULL), -EINVAL);
	akida_device_close(d);
	assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
	assert_int_equal(akida_device_clock(d, "economy", NULL), -EOPNOTSUPP);
	akida_device_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clock_modes_of_akd1000),
		cmocka_unit_test(test_open_unknown_and_absent_names_are_told_apart),
		cmocka_unit_test(test_info_counts_the_published_meshes),
		cmocka_unit_test(test_virtual_kws_vendor_program_equals_stored_potentials),
		cmocka_unit_test(test_virtual_kws_batch_gives_the_same),
		cmocka_unit_test(test_virtual_vww_vendor_program_equals_stored_potentials),
		cmocka_unit_test(test_virtual_presence_runs_without_unknown),
		cmocka_unit_test(test_virtual_program_of_another_chip_is_refused),
		cmocka_unit_test(test_cpu_program_without_layers_is_refused),
		cmocka_unit_test(test_devices_give_identical_outputs),
		cmocka_unit_test(test_akp_stripped_to_the_program_gives_the_same),
		cmocka_unit_test(test_packet_bit_flips_are_seen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
