/* SPDX-License-Identifier: MIT */
/*
 * What is wrong with a program must show: a missing track or register gives a report and no output, flipped weights
 * change outputs, and a job that failed is never overtaken by one that looks finished.
 */
#include "mini_host.h"
#include "layer/encoding.h"

static const char kws[] = "kws_akd1500_v250_program.bin", vww[] = "vww_akd1500_v250_program.bin";

static uint8_t *noise(const struct mini_program *p)
{
	size_t bytes = (size_t)p->in[0] * p->in[1] * p->in[2];
	uint8_t *in = malloc(bytes);
	uint32_t seed = 5;

	assert_non_null(in);
	for (size_t i = 0; i < bytes; i++) {
		seed = seed * 1664525u + 1013904223u;
		in[i] = (uint8_t)(seed >> 24);
	}
	return in;
}

static bool frame(struct mini *m, const struct mini_program *p, const uint8_t *in, int32_t *out)
{
	uint32_t format;

	mini_enqueue(m, in, p->in[0], p->in[1], p->in[2], 0);
	if (!mini_done(m))
		return false;
	memset(out, 0, 64 * sizeof(*out));
	mini_fetch(m, 0, out, 64, &format);
	return true;
}

static void test_each_missing_track_is_reported_and_gives_no_output(void **state)
{
	static const char *const names[] = {kws, vww};

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct mini_program *p = mini_program(names[k]);
		struct mini *m = mini_open(NSOC_AKD1500, true);
		uint8_t *in = noise(p);
		int32_t out[64];

		/* Without HRC track, or any layer, nothing comes. The first track is HRC words 4, 0x40, 0x44. */
		for (uint32_t t = 0; t < p->tracks; t++) {
			uint64_t before = mini_complaints(m);

			mini_load(m, p, (int)t);
			if (frame(m, p, in, out))
				fail_msg("%s without track %u completed", names[k], t);
			if (mini_complaints(m) == before)
				fail_msg("%s without track %u: nothing was reported", names[k], t);
		}
		mini_load(m, p, -1);
		assert_true(frame(m, p, in, out));
		mini_close(m);
		mini_program_free(p);
		free(in);
	}
}

static void test_missing_epg_writes_are_reported_and_give_no_output(void **state)
{
	struct mini_program *p = mini_program(kws);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t *in = noise(p);
	int32_t out[64];

	(void)state;
	p->epg_count = 0;
	mini_load(m, p, -1);
	assert_false(frame(m, p, in, out));
	assert_true(mini_report(m).unknown_encodings > 0);
	mini_close(m);
	mini_program_free(p);
	free(in);
}

static void test_failed_job_is_not_overtaken(void **state)
{
	struct mini_program *p = mini_program(kws);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t *in = noise(p);
	int32_t out[64];
	uint16_t first;

	(void)state;
	mini_load(m, p, 3);
	first = (uint16_t)(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_STATUS) >> 16);
	assert_false(frame(m, p, in, out));
	mini_load_track(m, p->track[3].words, p->track[3].count);
	assert_false(frame(m, p, in, out));
	nsoc_advance_us(m->chip, 10000000);
	assert_int_equal(mini_rd(m, AKC_HRC_DMA + AKC_CDMA_STATUS) >> 16, first);
	mini_image_init(m, 12); /* a soft reset of the controller recovers */
	assert_true(frame(m, p, in, out));
	mini_close(m);
	mini_program_free(p);
	free(in);
}

/*
 * One bit of every 97th weight or threshold word: the outputs of a noisy frame change in most cases (a flipped weight
 * may meet zeros only), and never silently vanish.
 */
static void test_flipped_weight_bits_change_outputs(void **state)
{
	struct mini_program *p = mini_program(kws);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t *in = noise(p);
	int32_t want[64], got[64];
	uint32_t tried = 0, changed = 0;

	(void)state;
	mini_load(m, p, -1);
	assert_true(frame(m, p, in, want));
	for (uint32_t t = 1; t < p->tracks; t++) {
		uint32_t *copy = malloc(p->track[t].count * 4), at = 0;

		assert_non_null(copy);
		memcpy(copy, p->track[t].words, p->track[t].count * 4);
		while (at < p->track[t].count) {
			uint32_t w0 = copy[at], len = AK_PKT_LEN(copy[at + 1]);

			for (uint32_t i = 6; AK_PKT_UID(w0) != AK_UID_REGISTER && i < len; i += 97) {
				copy[at + 2 + i] ^= 4;
				assert_true(mini_load_track(m, copy, p->track[t].count));
				copy[at + 2 + i] ^= 4;
				assert_true(frame(m, p, in, got));
				tried++;
				changed += !!memcmp(want, got, sizeof(want));
			}
			at += 2 + len;
		}
		assert_true(mini_load_track(m, copy, p->track[t].count));
		free(copy);
	}
	assert_true(frame(m, p, in, got));
	assert_memory_equal(want, got, sizeof(want));
	mini_assert_clean(m);
	assert_true(tried > 40);
	if (changed * 4 < tried)
		fail_msg("%u of %u flips changed the outputs", changed, tried);
	mini_close(m);
	mini_program_free(p);
	free(in);
}

/* Bits of every second register block: each is reported, whether or not the frame can still be run. */
static void test_flipped_register_bits_are_noticed(void **state)
{
	struct mini_program *p = mini_program(kws);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t *in = noise(p);
	int32_t want[64], got[64];
	uint32_t tried = 0;

	(void)state;
	mini_load(m, p, -1);
	assert_true(frame(m, p, in, want));
	for (uint32_t t = 2; t < p->tracks; t += 2) {
		uint32_t copy[52];

		memcpy(copy, p->track[t].words, sizeof(copy));
		for (uint32_t bit = 96 + (t & 6); bit < 52 * 32; bit += 7) {
			uint64_t before = mini_complaints(m);

			copy[bit / 32] ^= 1u << (bit % 32);
			mini_load(m, p, -1);
			mini_load_track(m, copy, 52);
			(void)frame(m, p, in, got);
			copy[bit / 32] ^= 1u << (bit % 32);
			tried++;
			if (mini_complaints(m) == before)
				fail_msg("track %u register 0x%02x bit %u: nothing was reported", t, (bit / 32 - 2) * 4,
					 bit % 32);
		}
	}
	assert_true(tried > 500);
	mini_close(m);
	mini_program_free(p);
	free(in);
}

static void test_image_descriptor_outside_of_its_rules_is_reported(void **state)
{
	struct mini_program *p = mini_program(kws);
	static const uint32_t bad[][9] = {
		{1u << 16, MINI_INPUT, 10u | 49u << 16, 0, 0, 0, 0, MINI_OUTPUT, 0},	  /* no version */
		{1u << 16 | 1u, MINI_INPUT, 10u | 49u << 16, 0, 5, 0, 0, MINI_OUTPUT, 0}, /* a window */
		{1u << 16 | 1u, MINI_INPUT, 10u | 49u << 16, 9, 0, 0, 0, MINI_OUTPUT, 0}, /* rows overlap */
		{1u << 16 | 1u, MINI_INPUT, 0, 0, 0, 0, 0, MINI_OUTPUT, 0},		  /* empty */
		{1u << 16 | 1u, MINI_INPUT, 10u | 49u << 16, 0, 0, 0, 0, 0x100u, 0},	  /* output nowhere */
		{1u << 16 | 1u, 0x100u, 10u | 49u << 16, 0, 0, 0, 0, MINI_OUTPUT, 0},	  /* input nowhere */
		{1u << 16 | 1u, MINI_INPUT, 14u | 49u << 16, 0, 0, 0, 0, MINI_OUTPUT, 0}, /* not the programmed size */
		{1u << 16 | 1u, MINI_INPUT, 0xffffu | 0xffffu << 16, 0, 0, 0, 0, MINI_OUTPUT, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct mini *m = mini_open(NSOC_AKD1500, true);

		mini_load(m, p, -1);
		mini_to_device(m, MINI_IN_RING, bad[i], sizeof(bad[i]));
		mini_wr(m, AKC_HRC_DMA + AKC_CDMA_CONTAINER, 0);
		if (!mini_complaints(m) || mini_rd(m, AKC_HRC_DMA + AKC_CDMA_EVENTS))
			fail_msg("descriptor %zu was taken", i);
		mini_close(m);
	}
	mini_program_free(p);
}

static void test_dense_output_needs_a_cleared_buffer(void **state)
{
	struct mini_program *p = mini_program(kws);
	struct mini *m = mini_open(NSOC_AKD1500, true);
	uint8_t *in = noise(p);
	int32_t out[64], want[64];
	uint32_t format, header[8];

	(void)state;
	mini_load(m, p, -1);
	assert_true(frame(m, p, in, want));
	mini_wr(m, AKC_HRC_DMA + AKC_CDMA_OB_CLEAR, 0);
	memset(m->host, 0xa5, 4096);
	assert_true(mini_dma(m, 1, MINI_OUTPUT, MINI_HOST_BUS, 4096));
	mini_enqueue(m, in, p->in[0], p->in[1], p->in[2], 0);
	assert_true(mini_done(m));
	mini_fetch(m, 0, out, 12, &format);
	assert_memory_not_equal(out, want, 12 * sizeof(*out)); /* bytes that are zero were not written */
	assert_true(mini_from_device(m, header, MINI_OUTPUT, sizeof(header)));
	assert_int_equal(header[0], 0xb000000cu);
	mini_close(m);
	mini_program_free(p);
	free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_missing_track_is_reported_and_gives_no_output),
		cmocka_unit_test(test_missing_epg_writes_are_reported_and_give_no_output),
		cmocka_unit_test(test_failed_job_is_not_overtaken),
		cmocka_unit_test(test_flipped_weight_bits_change_outputs),
		cmocka_unit_test(test_flipped_register_bits_are_noticed),
		cmocka_unit_test(test_image_descriptor_outside_of_its_rules_is_reported),
		cmocka_unit_test(test_dense_output_needs_a_cleared_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
