/* SPDX-License-Identifier: MIT */
/* Configuration packet headers and the walk over a track. */
#include "scripted_bus.h"

static void test_packet_head_matches_decoded_programs(void **state)
{
	u32 head[2];

	(void)state;
	akc_packet_head(head, 1, 2, 1, 8, 0, 50); /* KWS layer 1 */
	assert_int_equal(head[0], 0x01020208);
	assert_int_equal(head[1], 0x00320000);
	akc_packet_head(head, 3, 1, 3, 0, 8, 768);
	assert_int_equal(head[0], 0x03010800);
	assert_int_equal(head[1], 0x03000008);
}

static void test_packet_next_walks_exactly_to_the_end(void **state)
{
	static const u32 track[] = {0x00000188, 0x00010004, 0x18, 0x01020404, 0x00020000, 1, 2};
	struct akc_packet p;
	u32 at = 0;

	(void)state;
	assert_int_equal(akc_packet_next(track, 7, &at, &p), 1);
	assert_int_equal(at, 3);
	assert_int_equal(p.hrc, 2);
	assert_int_equal(p.uid, 8);
	assert_int_equal(p.dst, 1);
	assert_int_equal(p.start, 4);
	assert_int_equal(p.words, 1);
	assert_false(p.reserved);
	assert_ptr_equal(p.payload, track + 2);
	assert_int_equal(akc_packet_next(track, 7, &at, &p), 1);
	assert_int_equal(p.col, 1);
	assert_int_equal(p.row, 2);
	assert_int_equal(p.dst, 4);
	assert_int_equal(p.uid, 4);
	assert_int_equal(akc_packet_next(track, 7, &at, &p), 0);
	assert_int_equal(at, 7);
}

static void test_packet_next_refuses_what_does_not_chain(void **state)
{
	static const u32 late[] = {0x188, 0x00030004, 1, 2}, none[] = {0x188, 0x00000004, 1}, half[] = {0x188};
	struct akc_packet p;
	u32 at = 0;

	(void)state;
	assert_int_equal(akc_packet_next(late, 4, &at, &p), -EILSEQ);
	assert_int_equal(akc_packet_next(none, 3, &at, &p), -EILSEQ);
	assert_int_equal(akc_packet_next(half, 1, &at, &p), -EILSEQ);
	assert_int_equal(at, 0);
	at = 9;
	assert_int_equal(akc_packet_next(half, 1, &at, &p), -EILSEQ);
}

static void test_packet_next_xl_counts_sixteens(void **state)
{
	u32 track[2 + 32] = {0x01020200, 0x80020000};
	struct akc_packet p;
	u32 at = 0;

	(void)state;
	assert_int_equal(akc_packet_next(track, 34, &at, &p), 1);
	assert_true(p.xl);
	assert_int_equal(p.words, 32);
	at = 0;
	assert_int_equal(akc_packet_next(track, 33, &at, &p), -EILSEQ);
	track[0] |= 0x10;
	at = 0;
	assert_int_equal(akc_packet_next(track, 34, &at, &p), 1);
	assert_true(p.reserved);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packet_head_matches_decoded_programs),
		cmocka_unit_test(test_packet_next_walks_exactly_to_the_end),
		cmocka_unit_test(test_packet_next_refuses_what_does_not_chain),
		cmocka_unit_test(test_packet_next_xl_counts_sixteens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
