/* SPDX-License-Identifier: MIT */
/* A model on the software NSoC, through the protocol core, against its layers on the cpu back end. */
#ifndef TEST_MAP_EQUAL_H
#define TEST_MAP_EQUAL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <akida/map.h>
#include <akida/run.h>
#include "models.h"
#include "program/program.h"

#define FRAMES 3u

struct outputs {
	size_t count; /* per frame */
	int32_t *v;
	uint64_t complaints; /* what the chip did not understand */
	char error[200];
};

/* Frames with runs of equal values and noise, so that sparse and dense activations both occur. */
static inline uint8_t *draw_frames(const struct akida_model *m, uint64_t seed)
{
	const struct akida_layer *l = &m->layers[0];
	size_t n = (size_t)l->in_h * l->in_w * l->in_c;
	struct net r = {.seed = seed * 77 + 5};
	uint8_t *in = malloc(n * FRAMES);

	assert_non_null(in);
	for (size_t i = 0; i < n * FRAMES; i++)
		in[i] = (uint8_t)(i < n ? net_random(&r, 256) : i < 2 * n ? (i / 7 % 3) * 100 : net_random(&r, 8) * 31);
	return in;
}

static inline int run_on(const char *device, const struct akida_program *p, const struct akida_model *m,
			 const uint8_t *in, struct outputs *o)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d = NULL;
	struct akida_session *s = NULL;
	struct akida_stats stats = {0};
	int64_t got;
	int err;

	memset(o, 0, sizeof(*o));
	err = akida_device_open(device, &d, diag);
	if (!err)
		err = akida_session_create(d, p, m, NULL, &s, diag);
	if (err && akida_diag_first_error(diag))
		snprintf(o->error, sizeof(o->error), "%.190s", akida_diag_first_error(diag)->text);
	if (!err) {
		o->count = akida_session_outputs(s);
		o->v = calloc(o->count * FRAMES, sizeof(*o->v));
		assert_non_null(o->v);
		got = akida_session_run(s, in, FRAMES, o->v);
		stats.size = sizeof(stats);
		akida_session_stats(s, &stats);
		o->complaints = stats.unknown_events;
		if (got != FRAMES) {
			err = got < 0 ? (int)got : -1;
			snprintf(o->error, sizeof(o->error), "%.190s", akida_session_error(s));
		}
	}
	akida_session_destroy(s);
	akida_device_close(d);
	akida_diag_destroy(diag);
	return err;
}

static inline void describe(const struct akida_model *m)
{
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];

		print_message(
			"  %u type %u in %ux%ux%u (%u bits) f %u k %u s %u pad %u pool %u/%u/%u/%u w %u act %u/%u\n", i,
			l->type, l->in_h, l->in_w, l->in_c, l->in_bits, l->filters, l->kernel_h, l->stride, l->padding,
			l->pool, l->pool_size, l->pool_stride, l->pool_padding, l->weights_bits, l->activation,
			l->act_bits);
	}
}

static enum akida_map_mode mode; /* of the tests that follow */
static char refusal[200];	 /* text of the newest one */

/* 1 when the chip's outputs equal the layers', 0 when the mapper refused. */
static inline int check_equal(const struct akida_model *m, const char *chip, uint64_t seed)
{
	struct akida_diag *diag = akida_diag_create();
	const struct akida_map_params params = {.size = sizeof(params), .mode = mode};
	struct outputs want, got;
	struct akida_program *p;
	char device[32];
	uint8_t *in;

	if (akida_map(m, chip, &params, &p, NULL, diag)) {
		assert_non_null(akida_diag_first_error(diag));
		snprintf(refusal, sizeof(refusal), "%.190s", akida_diag_first_error(diag)->text);
		akida_diag_destroy(diag);
		return 0;
	}
	akida_diag_destroy(diag);
	in = draw_frames(m, seed);
	snprintf(device, sizeof(device), "virtual:%s", chip);
	if (run_on("cpu", NULL, m, in, &want)) {
		describe(m);
		fail_msg("cpu: %s", want.error);
	}
	if (run_on(device, p, NULL, in, &got)) {
		describe(m);
		fail_msg("seed %llu on %s: %s", (unsigned long long)seed, device, got.error);
	}
	assert_int_equal(got.count, want.count);
	assert_int_equal(got.complaints, 0);
	for (size_t i = 0; i < FRAMES * want.count; i++)
		if (got.v[i] != want.v[i]) {
			describe(m);
			fail_msg("seed %llu on %s: output %zu of %zu is %d, not %d", (unsigned long long)seed, device,
				 i, FRAMES * want.count, got.v[i], want.v[i]);
		}
	free(want.v);
	free(got.v);
	free(in);
	akida_program_destroy(p);
	return 1;
}

#endif
