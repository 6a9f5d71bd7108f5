/* SPDX-License-Identifier: MIT */
/*
 * The formulas of conversion against a program the vendor made with QuantizeML (presence detection, 96x96x1): what our
 * formulas can produce must include every threshold and step in it. S is the integer output scale, 128 to 255:
 *   step16    = floor(16 * 2^n / S)                     (rounding instead would fail for about a third of them)
 *   threshold = round_half_even(0.5 * 2^n / S) - (q << shift), q of 8 bits
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <akida/program.h>
#include "layer/encoding.h"
#include "program/packet.h"
#include "program/program.h"

struct tally {
	unsigned int filters, step_fits, step_rounds, threshold_fits, large_biases;
};

static bool eight_bits_and_a_shift(int64_t v)
{
	while (v && v % 2 == 0)
		v /= 2;
	return v >= -128 && v <= 127;
}

static void try_field(int32_t threshold, uint32_t step16, struct tally *t)
{
	bool fits = false, rounds = false, bias_fits = false, large = false;

	for (int s = 128; s < 256; s++)
		for (int n = 0; n < 30; n++) {
			double interval = ldexp(1.0, n) / s;
			int64_t bias = (int64_t)rint(0.5 * interval) - threshold;

			rounds |= floor(16 * interval + 0.5) == step16;
			if (floor(16 * interval) != step16)
				continue;
			fits = true;
			bias_fits |= eight_bits_and_a_shift(bias);
			large |= bias > 127 || bias < -128;
		}
	t->filters++;
	t->step_fits += fits;
	t->step_rounds += rounds;
	t->threshold_fits += bias_fits;
	t->large_biases += large;
}

static void try_packet(const struct ak_packet *p, int bits, struct tally *t)
{
	for (uint32_t i = 0; i + 1 < p->words; i += 2) {
		uint32_t field = ak_packet_word(p, i) & ((1u << bits) - 1);
		int32_t threshold = (int32_t)field - (field >> (bits - 1) ? 1 << bits : 0);

		try_field(threshold, ak_packet_word(p, i + 1), t);
	}
}

static void test_vendor_thresholds_and_steps_follow_the_formulas(void **state)
{
	const char *root = getenv("AKIDA_SHARED");
	struct akida_program *program;
	struct tally t = {0};
	char path[512];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/data/programs/presence96_gray_akd1500_v250_program.bin",
		 root ? root : "../shared");
	f = fopen(path, "rb");
	if (!f) {
		print_message("%s is not there\n", path);
		skip();
	}
	fclose(f);
	assert_int_equal(akida_program_load(path, &program, NULL), 0);
	for (uint32_t i = 0; i < program->head.track_count; i++) {
		uint32_t pos = 0;
		bool threshold_bank = false;
		struct ak_packet p;

		while (ak_packet_next(ak_program_track(program, i), program->head.tracks[i].words, &pos, &p) == 1) {
			if (p.hrc && threshold_bank)
				try_packet(&p, 24, &t);
			if (!p.hrc && p.uid == AK_UID_THRESHOLD)
				try_packet(&p, 20, &t);
			threshold_bank = p.hrc && p.words == 2 && ak_packet_word(&p, 0) == 0x80000000u;
		}
	}
	akida_program_destroy(program);
	assert_int_equal(t.filters, 208);
	assert_int_equal(t.step_fits, t.filters);
	assert_int_equal(t.threshold_fits, t.filters);
	assert_true(t.step_rounds < t.filters * 3 / 4);
	assert_true(t.large_biases > 50); /* small ones fit anyway */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vendor_thresholds_and_steps_follow_the_formulas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
