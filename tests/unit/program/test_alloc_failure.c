/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once: parsing, building and writing must answer -ENOMEM, leak nothing and leave no file.
 * Interposes the allocator, so it is skipped under AddressSanitizer, which brings its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/data.h>
#include "base/container.h"
#include "layer/layer.h"
#include "program/program.h"
#include "tests/unit/alloc_failure.h"

/* Runs op with allocation n failing, for n = 0, 1, ... until it succeeds. */
static void try_all(const char *what, int (*op)(void))
{
	int err = -ENOMEM, n;

	if (!INTERPOSED)
		skip();
	for (n = 0; err && n < 1000; n++) {
		live = 0;
		countdown = n;
		armed = true;
		err = op();
		armed = false;
		if (live)
			fail_msg("%s: allocation %d fails, %ld blocks leak", what, n, live);
		if (err && err != -ENOMEM)
			fail_msg("%s: allocation %d fails, answer %d", what, n, err);
	}
	assert_int_equal(err, 0);
	assert_true(n > 1);
}

static uint8_t npy[128 + 16], akm[65536], program[65536];
static size_t akm_len, program_len;
static char path[64];

static const uint32_t track_words[] = {0x01020208, 0x00010001, 0x60};
static const struct ak_track_image track = {.words = (uint32_t *)(uintptr_t)track_words, .count = 3};
static struct ak_program_head head = {.engine_version = AK_PROGRAM_ENGINE,
				      .device_version = {0xbc, 0xa1, 3, 9},
				      .in_dims = {2, 3, 1},
				      .out_dims = {1, 1, 2}};

static int parse_npy(void)
{
	struct akida_array a;
	int err = akida_npy_parse(npy, sizeof(npy), "x", &a, NULL);

	akida_array_fini(&a);
	return err;
}

static int make_model(struct akida_model **m)
{
	struct akida_layer *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	*l = (struct akida_layer){.name = "fc",
				  .type = AKIDA_LAYER_FULLY,
				  .in_h = 1,
				  .in_w = 1,
				  .in_c = 4,
				  .in_bits = 4,
				  .filters = 2,
				  .weights_bits = 4};
	if (ak_layer_alloc(l)) {
		free(l);
		return -ENOMEM;
	}
	l->scale[0] = l->scale[1] = 1;
	return ak_model_create(l, 1, "", m, NULL);
}

static int serialize_model(void)
{
	struct akida_model *m;
	void *bytes;
	size_t len;
	int err = make_model(&m);

	if (err)
		return err;
	err = ak_model_serialize(m, &bytes, &len);
	if (!err) {
		memcpy(akm, bytes, len);
		akm_len = len;
		free(bytes);
	}
	akida_model_destroy(m);
	return err;
}

static int parse_model(void)
{
	struct akida_model *m;
	int err = akida_model_parse(akm, akm_len, "x", &m, NULL);

	akida_model_destroy(m);
	return err;
}

static int build_program(void)
{
	struct ak_program_layer_meta meta = {.name = "m", .id = 0};
	struct akida_model *m;
	struct akida_program *p;
	const void *bytes;
	int err = make_model(&m);

	if (err)
		return err;
	err = ak_program_build(&head, &track, 1, &meta, 1, m, &p, NULL);
	if (err)
		return err;
	bytes = akida_program_bytes(p, &program_len);
	memcpy(program, bytes, program_len);
	err = akida_program_save(p, path, NULL);
	if (err && !access(path, F_OK))
		err = -EIO; /* a file was left behind */
	unlink(path);
	akida_program_destroy(p);
	return err;
}

static int parse_program(void)
{
	struct akida_program *p;
	int err = akida_program_parse(program, program_len, "x", &p, NULL);

	akida_program_destroy(p);
	return err;
}

static int diagnose(void)
{
	struct akida_diag *d = akida_diag_create();
	struct akida_array a;

	if (!d)
		return -ENOMEM;
	akida_npy_parse("x", 1, "file", &a, d);
	a.rank = (uint32_t)akida_diag_count(d); /* may be empty when there was no memory for it */
	for (size_t i = 0; i < a.rank; i++)
		a.rank = akida_diag_get(d, i)->text ? 1 : 0;
	akida_diag_destroy(d);
	return 0;
}

static void test_npy_parse(void **state)
{
	const char *text = "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}";

	(void)state;
	memcpy(npy, "\x93NUMPY\x01\x00", 8);
	memset(npy + 10, ' ', sizeof(npy) - 10 - 16);
	memcpy(npy + 10, text, strlen(text));
	npy[8] = sizeof(npy) - 10 - 16;
	try_all("npy", parse_npy);
}

static void test_model_serialize_and_parse(void **state)
{
	(void)state;
	try_all("serialize", serialize_model);
	try_all("parse", parse_model);
}

static void test_program_build_save_and_parse(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_alloc_%ld.akp", (long)getpid());
	try_all("build", build_program);
	try_all("parse", parse_program);
}

static void test_diagnostics_survive_without_memory(void **state)
{
	(void)state;
	if (!INTERPOSED)
		skip();
	for (int n = 1; n < 8; n++) {
		live = 0;
		countdown = n;
		armed = true;
		diagnose();
		armed = false;
		assert_int_equal(live, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_npy_parse),
		cmocka_unit_test(test_model_serialize_and_parse),
		cmocka_unit_test(test_program_build_save_and_parse),
		cmocka_unit_test(test_diagnostics_survive_without_memory),
	};

	if (!INTERPOSED)
		fprintf(stderr, "skipped: the sanitizer has its own allocator\n");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
