/* SPDX-License-Identifier: MIT */
/* Output headers and payloads of every format. */
#include "scripted_bus.h"

static struct akc_dev dev(u8 type, bool activation, u32 h, u32 w, u32 c)
{
	static const struct akc_bus quiet; /* no log */
	struct akc_dev d = {.bus = &quiet, .output_type = type, .activation = activation};

	d.out_w = w;
	d.out_c = c;
	d.out_count = h * w * c;
	return d;
}

static void test_output_bytes_by_kind(void **state)
{
	(void)state;
	assert_int_equal(akc_output_bytes(0, false, 12), 48);
	assert_int_equal(akc_output_bytes(0, true, 13), 16);
	assert_int_equal(akc_output_bytes(2, false, 2), 16);
}

static void test_output_dense_potentials(void **state)
{
	struct akc_dev d = dev(0, false, 1, 1, 3);
	static const u8 payload[] = {1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80};
	static const u32 formats[] = {8, 9, 0xb, 0xe};
	u32 bytes;

	(void)state;
	for (u32 i = 0; i < 4; i++) {
		s32 out[3] = {7, 7, 7};

		assert_int_equal(akc_output_check(&d, formats[i] << 28 | 3, &bytes), 0);
		assert_int_equal(bytes, 12);
		assert_int_equal(akc_output_convert(&d, formats[i] << 28 | 3, payload, 0, 12, out), 0);
		assert_int_equal(out[0], 1);
		assert_int_equal(out[1], -1);
		assert_int_equal(out[2], INT32_MIN);
	}
}

static void test_output_dense_activations(void **state)
{
	struct akc_dev d = dev(0, true, 1, 5, 1);
	static const u8 payload[] = {0, 15, 3, 255, 9, 77, 77, 77};
	s32 out[5];
	u32 bytes;

	(void)state;
	assert_int_equal(akc_output_check(&d, 0xc0000002, &bytes), 0);
	assert_int_equal(bytes, 8);
	assert_int_equal(akc_output_convert(&d, 0xc0000002, payload, 0, 8, out), 0);
	for (u32 i = 0; i < 5; i++)
		assert_int_equal(out[i], payload[i]);
	/* in two stretches, the second alone beyond the count */
	memset(out, 0, sizeof(out));
	assert_int_equal(akc_output_convert(&d, 0xa0000002, payload, 0, 4, out), 0);
	assert_int_equal(akc_output_convert(&d, 0xa0000002, payload + 4, 4, 4, out), 0);
	assert_int_equal(out[4], 9);
}

static void event(u8 *p, u32 w0, u32 w1)
{
	akc_put32(p, w0);
	akc_put32(p + 4, w1);
}

static void test_output_cnp_events_become_dense(void **state)
{
	struct akc_dev d = dev(2, false, 3, 4, 5);
	u8 p[24];
	s32 out[60];
	u32 bytes;

	(void)state;
	for (u32 i = 0; i < 60; i++)
		out[i] = 99;
	event(p, 3 | 2 << 16, 4 | 0xfffffu << 12);		     /* -1 at y 2, x 3, f 4 */
	event(p + 8, 0 | 1 << 16 | 0xf0000000u, 2 | 0x7ffffu << 12); /* largest; upper bits belong to the HRC only */
	event(p + 16, 1 | 0 << 16, 0 | 0x80000u << 12);		     /* smallest */
	assert_int_equal(akc_output_check(&d, 0x30000006, &bytes), 0);
	assert_int_equal(bytes, 24);
	assert_int_equal(akc_output_convert(&d, 0x30000006, p, 0, 16, out), 0);
	assert_int_equal(akc_output_convert(&d, 0x30000006, p + 16, 16, 8, out), 0);
	for (u32 i = 0; i < 60; i++)
		assert_int_equal(out[i], i == 59 ? -1 : i == 22 ? 524287 : i == 5 ? -524288 : 0);
	/* activations sit in [23:16] */
	event(p, 1, 3 | 15 << 16);
	assert_int_equal(akc_output_convert(&d, 0x20000002, p, 0, 8, out), 0);
	assert_int_equal(out[8], 15);
	assert_int_equal(out[59], 0);
}

static void test_output_no_events_clear_everything(void **state)
{
	struct akc_dev d = dev(2, false, 1, 1, 4);
	s32 out[4] = {1, 2, 3, 4};
	u32 bytes = 1;

	(void)state;
	assert_int_equal(akc_output_check(&d, 0x30000000, &bytes), 0);
	assert_int_equal(bytes, 0);
	assert_int_equal(akc_output_convert(&d, 0x30000000, NULL, 0, 0, out), 0);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(out[i], 0);
}

static void test_output_fnp_events_sign_extend_26_bits(void **state)
{
	struct akc_dev d = dev(2, false, 1, 1, 70000);
	s32 *out = malloc(sizeof(*out) * 70000);
	u8 p[16];

	(void)state;
	event(p, 69999, 0x07ffffff);
	event(p + 8, 65536, 0x81ffffff);
	assert_int_equal(akc_output_convert(&d, 0x10000004, p, 0, 16, out), 0);
	assert_int_equal(out[69999], -1);
	assert_int_equal(out[65536], 0x1ffffff);
	event(p, 4, 13);
	assert_int_equal(akc_output_convert(&d, 0x50000002, p, 0, 8, out), 0);
	assert_int_equal(out[4], 13);
	free(out);
}

static void test_output_outside_its_bounds_gives_eio(void **state)
{
	static const u32 at[][2] = {{4, 0}, {0, 5}, {3u << 16, 0}, {0xfffu << 16, 0}, {0xfff, 0x7ff}};
	struct akc_dev d = dev(2, false, 3, 4, 5);
	s32 out[60];
	u8 p[8];

	(void)state;
	for (u32 i = 0; i < 5; i++) {
		event(p, at[i][0], at[i][1]);
		assert_int_equal(akc_output_convert(&d, 0x30000002, p, 0, 8, out), -EIO);
	}
	event(p, 60, 1);
	assert_int_equal(akc_output_convert(&d, 0x10000002, p, 0, 8, out), -EIO);
}

static void test_output_check_refuses_what_does_not_fit(void **state)
{
	struct akc_dev dense = dev(0, false, 1, 1, 4), act = dev(0, true, 1, 1, 8), sparse = dev(2, false, 1, 1, 4);
	u32 bytes;

	(void)state;
	assert_int_equal(akc_output_check(&dense, 0x80000005, &bytes), -EIO); /* longer than the buffer */
	assert_int_equal(akc_output_check(&dense, 0x8fffffff, &bytes), -EIO);
	assert_int_equal(akc_output_check(&act, 0x80000002, &bytes), -EIO);    /* potentials where activations fit */
	assert_int_equal(akc_output_check(&sparse, 0x30000003, &bytes), -EIO); /* half an event */
	assert_int_equal(akc_output_check(&sparse, 0x3000000a, &bytes), -EIO);
	for (u32 f = 0; f < 16; f++) {
		bool known = f == 1 || f == 2 || f == 3 || f == 5 || f == 8 || f == 9 || f == 0xa || f == 0xb ||
			     f == 0xc || f == 0xe;

		assert_int_equal(akc_output_check(&dense, f << 28, &bytes), known ? 0 : -EIO);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_bytes_by_kind),
		cmocka_unit_test(test_output_dense_potentials),
		cmocka_unit_test(test_output_dense_activations),
		cmocka_unit_test(test_output_cnp_events_become_dense),
		cmocka_unit_test(test_output_no_events_clear_everything),
		cmocka_unit_test(test_output_fnp_events_sign_extend_26_bits),
		cmocka_unit_test(test_output_outside_its_bounds_gives_eio),
		cmocka_unit_test(test_output_check_refuses_what_does_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
