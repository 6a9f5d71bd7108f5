/* SPDX-License-Identifier: MIT */
/* Teams, and frames shared by them: the same integers as one thread, nothing allocated while frames run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <malloc.h>
#include <stdatomic.h>
#include <akida/akida.h>
#include "kernels/plan.h"
#include "kernels/team.h"
#include "random_model.h"

struct counts {
	struct ak_team *team;
	atomic_uint calls, sum;
	unsigned int phase[8];
};

static void count(void *context, uint32_t member)
{
	struct counts *c = context;

	atomic_fetch_add(&c->calls, 1);
	atomic_fetch_add(&c->sum, member);
}

static void test_every_member_works_once(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 5; size++) {
		struct counts c = {0};

		assert_int_equal(ak_team_create(size, size % 2, &c.team), 0);
		assert_int_equal(ak_team_size(c.team), size);
		for (uint32_t n = 1; n <= 200; n++) {
			ak_team_run(c.team, count, &c);
			assert_int_equal(c.calls, n * size);
			assert_int_equal(c.sum, n * size * (size - 1) / 2);
		}
		ak_team_destroy(c.team);
	}
}

/* Each phase reads what another member wrote in the phase before. */
static void meet(void *context, uint32_t member)
{
	struct counts *c = context;
	uint32_t size = ak_team_size(c->team);

	for (unsigned int i = 1; i <= 100; i++) {
		c->phase[member] = i;
		ak_team_meet(c->team);
		if (c->phase[(member + 1) % size] != i)
			atomic_fetch_add(&c->calls, 1);
		ak_team_meet(c->team);
	}
}

static void test_members_meet(void **state)
{
	(void)state;
	for (uint32_t size = 1; size <= 4; size++) {
		struct counts c = {0};

		assert_int_equal(ak_team_create(size, false, &c.team), 0);
		ak_team_run(c.team, meet, &c);
		assert_int_equal(c.calls, 0);
		ak_team_destroy(c.team);
	}
}

static void test_a_shared_frame_is_the_same(void **state)
{
	uint32_t done = 0;

	(void)state;
	for (uint32_t seed = 1; done < 150; seed++) {
		enum family family = (enum family)(seed % FAMILY_COUNT);
		struct akida_model *m;
		struct ak_plan *p;
		struct ak_plan_run *one, *shared;
		struct ak_team *team;
		uint32_t in[3], out[3];
		enum ak_isa isa;
		uint8_t *x;
		int32_t *a, *b;
		size_t n, outputs;

		rm_seed = seed * 104729u;
		m = rm_model(family, 1 + seed / FAMILY_COUNT % 2);
		if (!m)
			continue;
		assert_int_equal(ak_isa_choose(&isa, NULL), 0);
		if (isa == AK_ISA_REF)
			skip();
		akida_model_input(m, in);
		akida_model_output(m, out);
		n = (size_t)in[0] * in[1] * in[2];
		outputs = (size_t)out[0] * out[1] * out[2];
		x = malloc(n);
		a = malloc(outputs * sizeof(*a));
		b = malloc(outputs * sizeof(*b));
		assert_non_null(x);
		assert_non_null(a);
		assert_non_null(b);
		for (size_t i = 0; i < n; i++)
			x[i] = (uint8_t)rm_next(m->layers[0].type == AKIDA_LAYER_INPUT_DATA && !m->layers[0].v2 ? 2
														: 256);
		assert_int_equal(ak_plan_create(m->layers, m->count, isa, &p), 0);
		assert_int_equal(ak_plan_run_create(p, 1, &one), 0);
		assert_int_equal(ak_plan_run_create(p, 3, &shared), 0);
		assert_int_equal(ak_team_create(3, false, &team), 0);
		ak_plan_frame(one, x, a);
		ak_plan_frame_team(shared, team, x, b);
		assert_memory_equal(a, b, outputs * sizeof(*a));
		ak_team_destroy(team);
		ak_plan_run_destroy(shared);
		ak_plan_run_destroy(one);
		ak_plan_destroy(p);
		akida_model_destroy(m);
		free(x);
		free(a);
		free(b);
		done++;
	}
}

static struct akida_model *a_model(void)
{
	struct akida_model *m = NULL;

	for (rm_seed = 5; !m;)
		m = rm_model(FAMILY_CONV, 1);
	return m;
}

static void test_batches_on_threads_give_the_same_and_allocate_nothing(void **state)
{
	struct akida_model *m = a_model();
	struct akida_device *d;
	uint32_t dims[3];
	size_t n, outputs, frames = 600; /* more than one slice */
	uint8_t *in;
	int32_t *want = NULL, *out;

	(void)state;
	akida_model_input(m, dims);
	n = (size_t)dims[0] * dims[1] * dims[2];
	in = malloc(frames * n);
	assert_non_null(in);
	for (size_t i = 0; i < frames * n; i++)
		in[i] = (uint8_t)rm_next(2);
	for (uint32_t threads = 1; threads <= 4; threads++) {
		struct akida_session_params p = {.size = sizeof(p), .threads = threads, .pin = threads == 2};
		struct akida_stats stats = {.size = sizeof(stats)};
		struct akida_session *s;

		assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
		assert_int_equal(akida_session_create(d, NULL, m, &p, &s, NULL), 0);
		outputs = akida_session_outputs(s);
		out = malloc(frames * outputs * sizeof(*out));
		assert_non_null(out);
#ifndef __SANITIZE_ADDRESS__
		struct mallinfo2 before = mallinfo2();
#endif
		assert_int_equal(akida_session_run(s, in, frames, out), frames);
#ifndef __SANITIZE_ADDRESS__
		assert_int_equal(mallinfo2().uordblks, before.uordblks);
#endif
		assert_int_equal(akida_session_stats(s, &stats), 0);
		assert_int_equal(stats.frames, frames);
		if (want)
			assert_memory_equal(out, want, frames * outputs * sizeof(*out));
		if (want)
			free(out);
		else
			want = out;
		akida_session_destroy(s);
		akida_device_close(d);
	}
	free(want);
	free(in);
	akida_model_destroy(m);
}

static void test_too_many_threads_are_refused(void **state)
{
	struct akida_session_params p = {.size = sizeof(p), .threads = 100000};
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = a_model();
	struct akida_session *s;
	struct akida_device *d;

	(void)state;
	assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
	assert_int_equal(akida_session_create(d, NULL, m, &p, &s, diag), -22);
	assert_non_null(strstr(akida_diag_first_error(diag)->text, "100000 threads"));
	akida_device_close(d);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_member_works_once),
		cmocka_unit_test(test_members_meet),
		cmocka_unit_test(test_a_shared_frame_is_the_same),
		cmocka_unit_test(test_batches_on_threads_give_the_same_and_allocate_nothing),
		cmocka_unit_test(test_too_many_threads_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
