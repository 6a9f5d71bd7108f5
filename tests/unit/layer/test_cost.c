// SPDX-License-Identifier: MIT
/* The rules of the cost model: what makes a layer dearer, and how frames, passes and loads add up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "layer/cost.h"

static const struct ak_cost_unit *const unit = &ak_cost_unit;
static const struct ak_cost_chip *const chip = &ak_cost_akd1500;

static const struct ak_cost_share shares[] = {
	{AK_COST_HRC, 3, 224, 224, 3, 32, 12544, 0},	    {AK_COST_STANDARD, 3, 30, 112, 16, 32, 0, 20000},
	{AK_COST_STANDARD, 5, 30, 112, 16, 32, 0, 20000},   {AK_COST_STANDARD, 1, 30, 112, 16, 32, 0, 20000},
	{AK_COST_SEPARABLE, 3, 14, 14, 256, 256, 0, 20000}, {AK_COST_FNP3, 0, 1, 1, 64, 12, 0, 30},
	{AK_COST_FNP2, 0, 1, 1, 1024, 1000, 0, 300},
};
#define SHARES (sizeof(shares) / sizeof(shares[0]))

static struct ak_cost cost(const struct ak_cost_share *s)
{
	return ak_cost_of(unit, chip, s);
}

static void test_cost_grows_with_events(void **state)
{
	(void)state;
	for (size_t i = 1; i < SHARES; i++) {
		struct ak_cost_share s = shares[i];
		struct ak_cost before = cost(&s), after;

		assert_true(before.cycles > 0 && before.pj > 0);
		s.events *= 2;
		after = cost(&s);
		assert_true(after.cycles > before.cycles);
		assert_true(after.pj >= before.pj);
		s.events = 0;
		after = cost(&s);
		assert_true(after.cycles < before.cycles && after.cycles > 0);
	}
}

static void test_cost_grows_with_filters_and_input(void **state)
{
	(void)state;
	for (size_t i = 0; i < SHARES; i++) {
		struct ak_cost_share s = shares[i];
		struct ak_cost before = cost(&s), after;

		s.filters += 12;
		after = cost(&s);
		assert_true(after.cycles > before.cycles && after.pj > before.pj);
		s = shares[i];
		if (s.kind == AK_COST_HRC)
			continue;
		s.rows *= 2;
		s.channels *= 2;
		s.events *= 4;
		after = cost(&s);
		assert_true(after.cycles > before.cycles && after.pj > before.pj);
	}
}

/* Two processors finish earlier than one and need no less energy: both look at what they share. */
static void test_cost_split_is_faster_and_no_cheaper(void **state)
{
	(void)state;
	for (size_t i = 1; i < 5; i++) {
		struct ak_cost_share s = shares[i];
		struct ak_cost whole = cost(&s), half;

		s.filters /= 2;
		half = cost(&s);
		assert_true(half.cycles < whole.cycles);
		assert_true(2 * half.pj >= whole.pj * 0.999);
		s = shares[i];
		s.rows = s.rows / 2 + 1; /* a halo row */
		s.events = s.events * s.rows / shares[i].rows;
		half = cost(&s);
		assert_true(half.cycles < whole.cycles);
	}
}

/* nsoc-hardware 24.1, 17.3: lines of an event away from the borders. */
static void test_cost_counts_weight_lines(void **state)
{
	struct ak_cost_share s = {AK_COST_STANDARD, 3, 1000, 1000, 4, 16, 0, 0};
	double none = cost(&s).cycles, lines;

	(void)state;
	s.events = 1000000;
	lines = (cost(&s).cycles - none) / unit->line / 1e6;
	assert_true(lines > 11.9 && lines < 12); /* 3 columns, 4 filters each; 1000 columns have two borders */
	s.kind = AK_COST_SEPARABLE;
	s.filters = 25;
	s.events = 0;
	none = cost(&s).cycles;
	s.events = 1000000;
	lines = (cost(&s).cycles - none) / unit->tap / 1e6;
	assert_true(lines > 26.9 && lines < 27); /* 9 taps, 3 containers of 12 filters */
}

static void test_cost_fnp2_waits_for_its_memory(void **state)
{
	struct ak_cost_share s = shares[6];
	double words = 12.0 * 16 * 1000, slow = cost(&s).cycles;

	(void)state;
	assert_true(slow >= words * chip->memory_word);
	s.kind = AK_COST_FNP3;
	assert_true(cost(&s).cycles < slow);
}

static void test_frame_is_sum_and_pace_is_slowest(void **state)
{
	struct ak_cost_frame f = {0};

	(void)state;
	ak_cost_add_layer(&f, unit, 1000, 4);
	ak_cost_add_layer(&f, unit, 3000, 3);
	ak_cost_add_layer(&f, unit, 2000, 2);
	assert_true(f.latency == 6000 + 3 * unit->fill);
	assert_true(f.bottleneck == 3000 + unit->fill);
	assert_true(f.pj == 9);
	assert_true(f.after == 0);
}

/* The first pass is loaded again behind the output, the others before their layers. */
static void test_passes_add_their_load(void **state)
{
	struct ak_cost_frame f = {0};
	double load = ak_cost_load(chip, 10000, 40);

	(void)state;
	assert_true(load == 10000 * chip->memory_word + 40 * chip->packet);
	ak_cost_add_pass(&f, chip, true, 10000, 40);
	assert_true(f.latency == 0 && f.after == load && f.pj > 0);
	ak_cost_add_pass(&f, chip, false, 10000, 40);
	assert_true(f.latency == load + chip->pass && f.after == load);
}

/* Published programming clocks of the AKD1000: words and packets of programs of very different shape. */
static void test_load_is_near_published_program_clocks(void **state)
{
	static const struct {
		uint32_t words, packets;
		double published;
	} program[] = {{18359, 64 * 4 + 14, 121256}, {22187, 64 * 4 + 14, 152396}, {240311, 67 * 4 + 20, 998079}};

	(void)state;
	for (int i = 0; i < 3; i++) {
		double error =
			ak_cost_load(&ak_cost_akd1000, program[i].words, program[i].packets) / program[i].published - 1;

		assert_true(error > -0.15 && error < 0.15);
	}
}

/* Published idle and mode figures of AKD1000 boards, mW. */
static void test_akd1000_floors_are_near_published_ones(void **state)
{
	static const double idle[] = {894.26, 908.94, 912.23, 914.03, 905.21, 907.01, 918};
	static const double mode[] = {901, 739, 658}; /* of another board, with a small model running */

	(void)state;
	for (int i = 0; i < 7; i++) {
		double error = ak_cost_akd1000.clock[0].floor_uw / 1e3 / idle[i] - 1;

		assert_true(error > -0.05 && error < 0.05);
	}
	assert_int_equal(ak_cost_akd1000.clocks, 3);
	for (int i = 0; i < 3; i++) {
		double error = ak_cost_akd1000.clock[i].floor_uw / 1e3 / mode[i] - 1;

		assert_true(error > -0.05 && error < 0.05);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cost_grows_with_events),
		cmocka_unit_test(test_cost_grows_with_filters_and_input),
		cmocka_unit_test(test_cost_split_is_faster_and_no_cheaper),
		cmocka_unit_test(test_cost_counts_weight_lines),
		cmocka_unit_test(test_cost_fnp2_waits_for_its_memory),
		cmocka_unit_test(test_frame_is_sum_and_pace_is_slowest),
		cmocka_unit_test(test_passes_add_their_load),
		cmocka_unit_test(test_load_is_near_published_program_clocks),
		cmocka_unit_test(test_akd1000_floors_are_near_published_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
