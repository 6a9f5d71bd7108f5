// SPDX-License-Identifier: MIT
/*
 * Mapped programs on the software NSoC against the layers they were made from, through the protocol core: drawn chains
 * with odd sizes, strides, pooling, splits and bit widths, on both chips. Flipped packet bits must not go unnoticed.
 */
#include "equal.h"

static uint32_t run_draws(uint64_t first, uint32_t draws, bool large)
{
	uint32_t ran = 0;

	for (uint64_t seed = first; seed < first + draws; seed++) {
		struct akida_model *m = net_draw(seed, large);

		if (!m)
			continue;
		ran += (uint32_t)check_equal(m, "akd1500", seed);
		ran += (uint32_t)check_equal(m, "akd1000", seed);
		akida_model_destroy(m);
	}
	return ran;
}

static void test_map_small_chains_run_equal(void **state)
{
	uint32_t ran = run_draws(1, 80, false);

	(void)state;
	print_message("%u programs ran\n", ran);
	assert_in_range(ran, 100, 160);
}

static void test_map_split_chains_run_equal(void **state)
{
	uint32_t ran = run_draws(100000, 45, true);

	(void)state;
	print_message("%u programs ran\n", ran);
	assert_in_range(ran, 40, 90);
}

static void test_map_committed_networks_run_equal(void **state)
{
	struct akida_model *m[2] = {net_first_light(3), net_seed(4)};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(check_equal(m[i], "akd1500", 9), 1);
		assert_int_equal(check_equal(m[i], "akd1000", 9), 1);
		akida_model_destroy(m[i]);
	}
}

/* Rows over two and three NPs, filters over two, both at once, with stride 2 on odd and even sizes. */
static void test_map_forced_splits_run_equal(void **state)
{
	static const struct {
		uint32_t h, w, f1, f2, stride;
		enum akida_layer_type type;
		bool pool;
	} cases[] = {
		{48, 20, 8, 16, 1, AKIDA_LAYER_CONV, false},	  {66, 11, 8, 16, 2, AKIDA_LAYER_CONV, false},
		{67, 11, 8, 16, 2, AKIDA_LAYER_SEPARABLE, false}, {97, 9, 12, 13, 1, AKIDA_LAYER_SEPARABLE, false},
		{50, 13, 8, 16, 1, AKIDA_LAYER_CONV, true},	  {51, 13, 8, 16, 2, AKIDA_LAYER_SEPARABLE, true},
		{12, 12, 96, 128, 1, AKIDA_LAYER_CONV, false},	  {12, 11, 160, 640, 2, AKIDA_LAYER_SEPARABLE, false},
		{40, 10, 96, 128, 2, AKIDA_LAYER_CONV, false},	  {49, 10, 96, 128, 1, AKIDA_LAYER_CONV, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_layer *l;
		struct akida_model *m;
		struct net n;

		net_init(&n, i + 1);
		net_input(&n, cases[i].h, cases[i].w, 1, cases[i].f1);
		assert_true(net_done(&n));
		l = net_add(&n, cases[i].type, cases[i].f2);
		l->stride = cases[i].stride;
		if (cases[i].pool)
			net_pool2(l);
		assert_true(net_done(&n));
		net_add(&n, AKIDA_LAYER_SEPARABLE, 8)->stride = 2;
		assert_true(net_done(&n));
		net_add(&n, AKIDA_LAYER_FULLY, 5)->activation = false;
		assert_true(net_done(&n));
		m = net_model(&n);
		if (!check_equal(m, "akd1500", i) || !check_equal(m, "akd1000", i))
			fail_msg("case %zu: %s", i, refusal);
		akida_model_destroy(m);
	}
}

/* Outcome of a run with one bit flipped in the vendor-format part: is anything different from the untouched run? */
static bool flip_noticed(const struct akida_program *p, uint32_t track, uint32_t word, uint32_t bit, const uint8_t *in,
			 const struct outputs *want)
{
	size_t len = p->info_bytes + p->program_bytes;
	uint8_t *bytes = malloc(len), *at = bytes + p->info_bytes + p->head.tracks[track].offset + 4 * (size_t)word;
	struct akida_program *broken = NULL;
	struct outputs got = {0};
	bool noticed;
	uint32_t v;

	assert_non_null(bytes);
	memcpy(bytes, p->bytes, len);
	memcpy(&v, at, 4);
	v ^= 1u << bit;
	memcpy(at, &v, 4);
	noticed = akida_program_parse(bytes, len, "flipped", &broken, NULL) ||
		  run_on("virtual:akd1500", broken, NULL, in, &got) || got.complaints || got.count != want->count ||
		  memcmp(got.v, want->v, FRAMES * want->count * sizeof(*want->v));
	free(got.v);
	akida_program_destroy(broken);
	free(bytes);
	return noticed;
}

/* A network like AkidaNet 0.25: every split at work, more than half of the AKD1500. */
static void test_map_deep_network_runs_equal(void **state)
{
	struct akida_layer *l;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 31);
	net_input(&n, 80, 72, 3, 8)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_CONV, 16);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_CONV, 32)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_CONV, 128);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 256)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 256);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 512)->stride = 2;
	assert_true(net_done(&n));
	l = net_add(&n, AKIDA_LAYER_SEPARABLE, 256);
	l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, 10)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	for (int i = 0; i < 2; i++)
		if (!check_equal(m, i ? "akd1000" : "akd1500", 1))
			fail_msg("%s", refusal);
	akida_model_destroy(m);
}

/* 512 -> 1024 filters: seven NPs with 100,352 words of weights, more than one descriptor can count. */
static void test_map_layer_of_several_tracks_runs_equal(void **state)
{
	struct akida_program *p;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 32);
	net_input(&n, 6, 6, 1, 512)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 1024);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 12)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, 10)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	assert_int_equal(p->head.track_count, 2 + 2 + 1 + 1);
	assert_int_equal(p->head.max_descriptors, 7);
	for (uint32_t i = 0; i < p->head.track_count; i++)
		assert_in_range(p->head.tracks[i].words, 1, 65535);
	assert_int_equal(akida_program_layers(p), 4);
	akida_program_destroy(p);
	for (int i = 0; i < 2; i++)
		if (!check_equal(m, i ? "akd1000" : "akd1500", 1))
			fail_msg("%s", refusal);
	akida_model_destroy(m);
}

/*
 * Packet headers and registers: no bit may change unseen. Left out: the destination of HRC packets (engines differ in it)
 * and the HRC mode while loading, which is written again afterwards.
 */
static void test_map_flipped_register_bits_are_noticed(void **state)
{
	struct akida_model *m = net_first_light(11);
	uint8_t *in = draw_frames(m, 1);
	struct net r = {.seed = 99};
	struct outputs want;
	struct akida_program *p;
	uint32_t unseen = 0;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	assert_int_equal(run_on("virtual:akd1500", p, NULL, in, &want), 0);
	for (uint32_t t = 0; t < p->head.track_count; t++) {
		const uint32_t *w = ak_program_track(p, t);

		for (uint32_t at = 0; at < p->head.tracks[t].words;) {
			uint32_t len = w[at + 1] >> 16 & 0x3fff, n = (w[at] & 15) == 8 ? len + 2 : 2;

			for (uint32_t i = 0; i < n; i++) {
				uint32_t bit = net_random(&r, 32);

				if (t < 2 && (i == 0 ? bit == 8 : w[at + 1] >> 16 == 8 && i == 2))
					continue;
				if (flip_noticed(p, t, at + i, bit, in, &want))
					continue;
				print_message("track %u packet at %u word %u bit %u: unseen\n", t, at, i, bit);
				unseen++;
			}
			at += 2 + len;
		}
	}
	assert_int_equal(unseen, 0);
	free(want.v);
	free(in);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

/* Weights: of a layer of few outputs each of its bits counts, as long as its input is not zero. */
static void test_map_flipped_weight_bits_change_outputs(void **state)
{
	uint32_t noticed = 0, flips = 0;
	struct net n, r = {.seed = 5};
	struct akida_program *p;
	struct akida_model *m;
	struct outputs want;
	uint8_t *in;

	(void)state;
	net_init(&n, 21);
	net_input(&n, 9, 9, 1, 16)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 12)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	in = draw_frames(m, 1);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	assert_int_equal(run_on("virtual:akd1500", p, NULL, in, &want), 0);
	/* pointwise: third packet of the last track, 16 channels of one line with 12 filters, 48 bits used */
	for (int i = 0; i < 60; i++, flips++) {
		uint32_t line = net_random(&r, 16), bit = net_random(&r, 48);

		noticed += flip_noticed(p, 2, 52 + 34 + 2 + 2 * line + bit / 32, bit % 32, in, &want);
	}
	print_message("%u of %u flips noticed\n", noticed, flips);
	assert_int_equal(noticed, flips);
	free(want.v);
	free(in);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

/* Neurons on an FNP2, and on several FNP3 where there is no other; thresholds of each NP are its own. */
static void test_map_fully_connected_on_several_nps_runs_equal(void **state)
{
	struct akida_map_report r;
	struct akida_program *p, *q;
	struct akida_model *m, *back;
	struct net n;

	(void)state;
	net_init(&n, 41);
	net_input(&n, 16, 12, 1, 16);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 24)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, 77);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, 501)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	for (int i = 0; i < 2; i++)
		if (!check_equal(m, i ? "akd1000" : "akd1500", 1))
			fail_msg("%s", refusal);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, &r, NULL), 0);
	assert_int_equal(r.layers[2].nps, 1); /* 77 neurons of 4 + 12 * 18 words: the one FNP2 */
	assert_string_equal(r.layers[2].tag_rule, "fnp3.activation"); /* the first of the provisional ones */
	assert_int_equal(r.layers[3].nps, 2);			      /* 501 neurons of 4 + 12 * 2 words */
	assert_string_equal(r.layers[3].tag_rule, "output.split");
	akida_map_report_fini(&r);
	assert_int_equal(akida_decompile(p, &back, NULL), 0);
	assert_int_equal(akida_map(back, "akd1500", NULL, &q, NULL, NULL), 0);
	assert_int_equal(p->info_bytes + p->program_bytes, q->info_bytes + q->program_bytes);
	assert_memory_equal(p->bytes, q->bytes, p->info_bytes + p->program_bytes);
	akida_program_destroy(p);
	akida_program_destroy(q);
	akida_model_destroy(m);
	akida_model_destroy(back);
}

/* The same with every NP at work: layers of many parts, with other seeds for the drawn chains. */
static void test_map_all_nps_run_equal(void **state)
{
	uint32_t small, large;

	mode = AKIDA_MAP_ALL_NPS;
	test_map_committed_networks_run_equal(state);
	test_map_forced_splits_run_equal(state);
	test_map_deep_network_runs_equal(state);
	small = run_draws(5000, 30, false);
	large = run_draws(200000, 15, true);
	mode = AKIDA_MAP_MINIMAL;
	print_message("%u and %u programs ran\n", small, large);
	assert_in_range(small, 35, 60);
	assert_in_range(large, 12, 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_committed_networks_run_equal),
		cmocka_unit_test(test_map_forced_splits_run_equal),
		cmocka_unit_test(test_map_small_chains_run_equal),
		cmocka_unit_test(test_map_split_chains_run_equal),
		cmocka_unit_test(test_map_deep_network_runs_equal),
		cmocka_unit_test(test_map_fully_connected_on_several_nps_runs_equal),
		cmocka_unit_test(test_map_all_nps_run_equal),
		cmocka_unit_test(test_map_layer_of_several_tracks_runs_equal),
		cmocka_unit_test(test_map_flipped_register_bits_are_noticed),
		cmocka_unit_test(test_map_flipped_weight_bits_change_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
