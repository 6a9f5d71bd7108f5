/* SPDX-License-Identifier: MIT */
/*
 * Hostile hosts: random bus accesses, random descriptors, random packets and damaged programs, from fixed seeds. Nothing
 * to compare with; the sanitizers are the judges, and every call has to come back.
 */
#include "mini_host.h"

static uint64_t seed;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33);
}

/* Values that registers tend to mind: small ones, edges, addresses that exist. */
static uint32_t value(void)
{
	static const uint32_t favourite[] = {0,		 1,	     2,		 0x100,	     0x200,
					     0x300,	 0xff,	     0xffff,	 0x20000000, 0x20000200,
					     0x200fffe0, 0x2fffffff, 0xfcc00000, 0x7fffffff, 0x80000000,
					     0xffffffff, 0x00ff00ff, 0xc0080000, 0xc0080400, 0x00010001};

	switch (rnd() % 4) {
	case 0:
		return favourite[rnd() % (sizeof(favourite) / sizeof(favourite[0]))];
	case 1:
		return 1u << rnd() % 32;
	case 2:
		return rnd() % 4096;
	default:
		return rnd() << 1 ^ rnd();
	}
}

static uint32_t core_offset(void)
{
	static const uint32_t block[] = {0,	  AKC_EVENT_DMA, AKC_HRC_DMA,	  AKC_CONF_DMA,
					 AKC_EPG, AKC_INTC,	 NSOC_SENSOR_BASE};

	return block[rnd() % 7] + (rnd() % 64) * 4;
}

static void test_random_bus_accesses_come_back(void **state)
{
	(void)state;
	for (uint32_t s = 0; s < 6; s++) {
		struct mini *m = mini_open(s % 2 ? NSOC_AKD1500 : NSOC_AKD1000, s != 0);

		seed = s + 1;
		for (uint32_t i = 0; i < 30000; i++) {
			uint32_t bar = rnd() % 6, off = rnd() % 8 ? rnd() % 0x1000 : rnd();

			switch (rnd() % 8) {
			case 0:
				nsoc_cfg_write(m->chip, rnd() % 3 ? 0x900 + rnd() % 0x24 : rnd(), value());
				break;
			case 1:
				(void)nsoc_cfg_read(m->chip, rnd());
				break;
			case 2:
				(void)nsoc_bar_read(m->chip, bar, off & ~(rnd() % 16 ? 3u : 0u));
				break;
			case 3:
				nsoc_bar_write(m->chip, bar, off & ~3u, value());
				break;
			case 4:
				mini_wr(m, core_offset(), value());
				break;
			case 5:
				(void)mini_rd(m, core_offset());
				break;
			case 6:
				nsoc_bar_write(m->chip, 4, (rnd() % 0x400) * 4, value());
				break;
			default:
				if (m->kind == NSOC_AKD1000)
					mini_edma(m, (rnd() % 0x4a) * 4, value());
				else
					nsoc_bar_write(m->chip, 0, (rnd() % 0x200) * 4, value());
			}
			if (i % 500 == 0)
				mini_windows(m);
		}
		mini_close(m);
	}
}

/* Valid packet headers with random fields and payloads, then a frame. */
static void test_random_packets_come_back(void **state)
{
	static const uint8_t uids[] = {0, 0, 4, 6, 8, 8, 8, 8, 2, 15};
	struct mini *m = mini_open(NSOC_AKD1000, true);
	uint8_t in[64 * 64] = {0};

	(void)state;
	seed = 99;
	for (uint32_t round = 0; round < 300; round++) {
		uint32_t track[600], at = 0;

		mini_reset(m);
		mini_config_init(m);
		while (at < 400) {
			uint32_t len = 1 + rnd() % 60;
			bool hrc = rnd() % 3 == 0;

			track[at++] = hrc ? 0x180u | uids[rnd() % 10]
					  : (1 + rnd() % 5) << 24 | (1 + rnd() % 5) << 16 | 1u << (8 + rnd() % 4) |
						      uids[rnd() % 10];
			track[at++] = len << 16 | (rnd() % 4 ? rnd() % 48 : rnd() % 1024);
			for (uint32_t i = 0; i < len; i++)
				track[at++] = value();
		}
		(void)mini_load_track(m, track, at);
		for (uint32_t i = 0; i < 6; i++)
			mini_wr(m, AKC_EPG + 4 * (rnd() % 8), value());
		mini_image_init(m, 16);
		mini_enqueue(m, in, 1 + rnd() % 64, 1 + rnd() % 64, 1, 0);
		(void)mini_done(m);
	}
	mini_close(m);
}

/* A program that runs, with a few words damaged: most of the decoder is behind checks that random words never pass. */
static void test_damaged_programs_come_back(void **state)
{
	static const char *const names[] = {"kws_akd1500_v250_program.bin", "presence96_gray_akd1500_v250_program.bin"};
	uint32_t ran = 0, refused = 0;

	(void)state;
	seed = 4;
	for (uint32_t round = 0; round < 300; round++) {
		struct mini_program *p = mini_program(names[round % 2]);
		struct mini *m = mini_open(NSOC_AKD1500, true);
		uint8_t *in = calloc(1, (size_t)p->in[0] * p->in[1]);
		uint32_t *words = (uint32_t *)(void *)(p->bytes + p->info);
		uint32_t damaged = 1 + rnd() % 3;

		assert_non_null(in);
		for (uint32_t i = 0; i < damaged; i++) {
			uint32_t t = rnd() % p->tracks, at = rnd() % (p->track[t].count < 54 ? p->track[t].count : 54);
			uint32_t *w = words + (p->track[t].words - words) + at;

			*w = rnd() % 2 ? *w ^ 1u << rnd() % 32 : value();
		}
		mini_reset(m);
		mini_config_init(m);
		for (uint32_t i = 0; i < p->tracks; i++)
			(void)mini_load_track(m, p->track[i].words, p->track[i].count);
		mini_epg(m, p);
		mini_image_init(m, 12);
		mini_enqueue(m, in, p->in[0], p->in[1], 1, 0);
		if (mini_done(m))
			ran++;
		else
			refused++;
		assert_true(mini_done(m) || mini_complaints(m));
		mini_close(m);
		mini_program_free(p);
		free(in);
	}
	assert_true(refused > 100 && ran > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_bus_accesses_come_back),
		cmocka_unit_test(test_random_packets_come_back),
		cmocka_unit_test(test_damaged_programs_come_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
