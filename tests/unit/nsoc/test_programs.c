/* SPDX-License-Identifier: MIT */
/* Vendor-compiled programs run on the software NSoC unchanged and give the stored potentials. */
#include "mini_host.h"

static void run_all(const char *program, const char *inputs, const char *expected, uint32_t frames,
		    uint32_t want_format)
{
	struct mini_program *p = mini_program(program);
	size_t in_len, out_len, frame = (size_t)p->in[0] * p->in[1] * p->in[2];
	uint32_t outputs = p->out[0] * p->out[1] * p->out[2], right = 0, format;
	uint8_t *in = mini_file(inputs, &in_len), *want = mini_file(expected, &out_len);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	int32_t out[64];

	assert_int_equal(in_len, frames * frame);
	assert_int_equal(out_len, frames * outputs * 4);
	mini_load(m, p, -1);
	for (uint32_t i = 0; i < frames; i++) {
		mini_enqueue(m, in + i * frame, p->in[0], p->in[1], p->in[2], i % 4);
		assert_true(mini_done(m));
		assert_int_equal(mini_fetch(m, i % 4, out, 64, &format), outputs);
		assert_int_equal(format, want_format);
		right += !memcmp(out, want + (size_t)i * outputs * 4, outputs * 4);
	}
	mini_assert_clean(m);
	assert_int_equal(right, frames);
	mini_close(m);
	mini_program_free(p);
	free(in);
	free(want);
}

static void test_keyword_spotting_gives_the_stored_potentials(void **state)
{
	(void)state;
	run_all("kws_akd1500_v250_program.bin", "kws_emulated_inputs_30x490_u8.bin",
		"kws_emulated_potentials_30x12_i32.bin", 30, AKC_FMT_DENSE_FNP_POTENTIALS);
}

static void test_visual_wake_words_gives_the_stored_potentials(void **state)
{
	(void)state;
	run_all("vww_akd1500_v250_program.bin", "vww_inputs_5x96x96x3_u8.bin", "vww_emulated_potentials_5x2_i32.bin", 5,
		AKC_FMT_CNP_POTENTIALS);
}

static void test_presence_runs_without_a_complaint(void **state)
{
	struct mini_program *p = mini_program("presence96_gray_akd1500_v250_program.bin");
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t in[96 * 96];
	uint32_t seed = 1, format;
	int32_t out[2] = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(in); i++) {
		seed = seed * 1664525u + 1013904223u;
		in[i] = (uint8_t)(seed >> 24);
	}
	mini_load(m, p, -1);
	mini_enqueue(m, in, 96, 96, 1, 0);
	assert_true(mini_done(m));
	assert_int_equal(mini_fetch(m, 0, out, 2, &format), 2);
	mini_assert_clean(m);
	mini_close(m);
	mini_program_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keyword_spotting_gives_the_stored_potentials),
		cmocka_unit_test(test_visual_wake_words_gives_the_stored_potentials),
		cmocka_unit_test(test_presence_runs_without_a_complaint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
