/* SPDX-License-Identifier: MIT */
/* Who is in the mesh, and what configuration packets may do to them. */
#include "mini_host.h"
#include "layer/encoding.h"

struct population {
	unsigned int nps, cnp1, cnp2, fnp2, fnp3;
};

static struct population discover(struct mini *m)
{
	uint32_t mesh = mini_rd(m, AKC_TOP_MESH1), nps = AKC_MESH2_NPS(mini_rd(m, AKC_TOP_MESH2));
	struct population p = {0};

	for (uint32_t col = 1; col <= AKC_MESH1_COLS(mesh); col++)
		for (uint32_t row = 1; row <= AKC_MESH1_ROWS(mesh); row++)
			for (uint32_t id = 0; id < nps; id++) {
				uint32_t r = mini_np_read(m, col, row, id, 0);

				if (!r)
					continue;
				assert_int_equal(r >> 12 & 0xfff, id | col << 4);
				assert_int_equal(r >> 24, row);
				p.nps++;
				p.cnp1 += AKC_NPR_REG1_CNP(r) >= 1;
				p.cnp2 += AKC_NPR_REG1_CNP(r) == 2;
				p.fnp2 += AKC_NPR_REG1_FNP(r) == 2;
				p.fnp3 += AKC_NPR_REG1_FNP(r) == 3;
			}
	return p;
}

static void test_discovery_finds_the_published_populations(void **state)
{
	static const struct population want[] = {{78, 78, 54, 4, 18}, {32, 32, 21, 1, 7}};

	(void)state;
	for (int c = 0; c < 2; c++) {
		struct mini *m = mini_open(c ? NSOC_AKD1500 : NSOC_AKD1000, true);
		struct population p;

		mini_config_init(m);
		p = discover(m);
		assert_memory_equal(&p, &want[c], sizeof(p));
		mini_assert_clean(m);
		mini_close(m);
	}
}

static void test_registers_are_kept_until_the_np_reset(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	static const uint32_t track[] = {1u << 24 | 2u << 16 | 2u << 8 | AK_UID_REGISTER, 2u << 16 | 8, 0x00190005,
					 0x11};

	(void)state;
	mini_config_init(m);
	assert_true(mini_load_track(m, track, 4));
	assert_int_equal(mini_np_read(m, 1, 2, 1, 8), 0x00190005);
	assert_int_equal(mini_np_read(m, 1, 2, 1, 9), 0x11);
	assert_int_equal(mini_np_read(m, 1, 2, 2, 8), 0);
	mini_reset(m);
	mini_config_init(m);
	assert_int_equal(mini_np_read(m, 1, 2, 1, 8), 0);
	mini_assert_clean(m);
	mini_close(m);
}

static void refused(const uint32_t *track, uint32_t words, const char *says)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);

	mini_config_init(m);
	(void)mini_load_track(m, track, words);
	if (mini_report(m).unknown_packets + mini_report(m).unknown_encodings != 1 ||
	    !strstr(mini_report(m).last, says))
		fail_msg("wanted one report of \"%s\", newest: \"%s\"", says, mini_report(m).last);
	mini_close(m);
}

#define NP_121(uid) (1u << 24 | 2u << 16 | 2u << 8 | (uid))
#define HRC(uid) (0x180u | (uid))

static void test_packets_that_mean_nothing_are_counted(void **state)
{
	(void)state;
	refused((const uint32_t[]){9u << 24 | 2u << 16 | 2u << 8 | 8u, 1u << 16, 0}, 3, "no NP");
	refused((const uint32_t[]){1u << 24 | 2u << 16 | 6u << 8 | 8u, 1u << 16, 0}, 3, "no NP"); /* two at once */
	refused((const uint32_t[]){1u << 24 | 1u << 16 | 1u << 8 | 8u, 1u << 16, 0}, 3, "no NP"); /* the event DMA */
	refused((const uint32_t[]){NP_121(5u), 1u << 16, 0}, 3, "target 5");
	refused((const uint32_t[]){NP_121(8u), 2u << 16 | 63, 0, 0}, 4, "registers 63..64");
	refused((const uint32_t[]){NP_121(8u), 4u << 16, 0}, 3, "track ends");
	refused((const uint32_t[]){NP_121(8u)}, 1, "packet header");
	refused((const uint32_t[]){NP_121(8u) | 0x1000, 1u << 16, 0}, 3, "header");
	refused((const uint32_t[]){NP_121(8u), 0}, 2, "header");
	refused((const uint32_t[]){NP_121(0u), 2u << 16 | 896, 0, 0}, 4, "weights");
	refused((const uint32_t[]){NP_121(0u), 1u << 16, 0}, 3, "weights");
	refused((const uint32_t[]){NP_121(4u), 2u << 16 | 1, 0, 0}, 4, "thresholds");
	refused((const uint32_t[]){NP_121(6u), 2u << 16, 0, 0}, 4, "no fully connected weights");
	refused((const uint32_t[]){HRC(8u) | 1u << 24, 1u << 16, 0}, 3, "mesh position");
	refused((const uint32_t[]){HRC(8u), 1u << 16 | 200, 0}, 3, "HRC words");
	refused((const uint32_t[]){HRC(4u), 2u << 16, 0, 0}, 4, "target 4");
	refused((const uint32_t[]){HRC(0u), 2u << 16 | 0x28, 0, 0}, 4, "bank"); /* not in loading mode */
}

static void test_unnamed_register_with_a_value_is_counted(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	static const uint32_t track[] = {NP_121(8u), 2u << 16 | 0x48 / 4, 0, 1};

	(void)state;
	mini_config_init(m);
	assert_true(mini_load_track(m, track, 4));
	assert_int_equal(mini_report(m).unknown_registers, 1);
	assert_non_null(strstr(mini_report(m).last, "0x4c"));
	mini_close(m);
}

static void test_weights_are_read_back_as_they_were_written(void **state)
{
	struct mini *m = mini_open(NSOC_AKD1500, true);
	static const uint32_t track[] = {NP_121(0u), 4u << 16 | 2, 1, 2, 3, 4};
	uint32_t head[2] = {track[0], track[1]}, got[4];

	(void)state;
	mini_config_init(m);
	assert_true(mini_load_track(m, track, 6));
	mini_to_device(m, MINI_TRACK, head, sizeof(head));
	assert_true(mini_config(m, 1, MINI_TRACK, 2, MINI_TRACK + 64));
	mini_from_device(m, got, MINI_TRACK + 64, sizeof(got));
	assert_memory_equal(got, track + 2, sizeof(got));
	mini_assert_clean(m);
	mini_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_discovery_finds_the_published_populations),
		cmocka_unit_test(test_registers_are_kept_until_the_np_reset),
		cmocka_unit_test(test_packets_that_mean_nothing_are_counted),
		cmocka_unit_test(test_unnamed_register_with_a_value_is_counted),
		cmocka_unit_test(test_weights_are_read_back_as_they_were_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
