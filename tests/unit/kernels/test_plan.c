/* SPDX-License-Identifier: MIT */
/*
 * Every kernel of every instruction set of this machine equals layer/ bit for bit: thousands of drawn models per family,
 * inputs and outputs of a frame against guard pages on both sides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>
#include <unistd.h>
#include "kernels/plan_private.h"
#include "layer/execute.h"
#include "random_model.h"

#define CASES 10000u /* per family, over both generations */

/* bytes between two pages that nobody may touch: at their start or at their end */
struct guarded {
	uint8_t *map, *at;
	size_t all;
};

static void guard(struct guarded *g, size_t bytes, bool end)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;

	g->all = body + 2 * page;
	g->map = mmap(NULL, g->all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(g->map != MAP_FAILED);
	assert_int_equal(mprotect(g->map, page, PROT_NONE), 0);
	assert_int_equal(mprotect(g->map + page + body, page, PROT_NONE), 0);
	g->at = g->map + page + (end ? body - bytes : 0);
}

static void unguard(struct guarded *g)
{
	munmap(g->map, g->all);
}

static struct guarded in_buffer[2], out_buffer[2];
#define IN_MAX 65536u
#define OUT_MAX (1u << 20)

static int setup(void **state)
{
	(void)state;
	for (int end = 0; end < 2; end++) {
		guard(&in_buffer[end], IN_MAX, end);
		guard(&out_buffer[end], OUT_MAX, end);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (int end = 0; end < 2; end++) {
		unguard(&in_buffer[end]);
		unguard(&out_buffer[end]);
	}
	return 0;
}

static void draw_input(const struct akida_model *m, uint8_t *in, size_t n)
{
	const struct akida_layer *l = &m->layers[0];
	uint32_t top = !l->v2 && l->type == AKIDA_LAYER_INPUT_DATA ? (1u << l->in_bits) - 1u : 255, kind = rm_next(4);

	for (size_t i = 0; i < n; i++)
		in[i] = (uint8_t)(kind == 0 ? top : kind == 1 && rm_next(4) ? 0 : rm_next(top + 1));
}

/* Two frames through layer/: what kernels must give. */
struct expected {
	uint8_t *in[2]; /* against the page before, against the page after */
	int32_t *out[2], *want;
	size_t outputs;
};

static void expect(const struct akida_model *m, struct expected *x)
{
	struct ak_executor *e;
	uint32_t in[3], out[3];
	size_t inputs;

	akida_model_input(m, in);
	akida_model_output(m, out);
	inputs = (size_t)in[0] * in[1] * in[2];
	x->outputs = (size_t)out[0] * out[1] * out[2];
	assert_true(inputs <= IN_MAX && x->outputs * 4 <= OUT_MAX);
	x->in[0] = in_buffer[0].at;
	x->in[1] = in_buffer[1].at + IN_MAX - inputs;
	x->out[0] = (int32_t *)out_buffer[0].at;
	x->out[1] = (int32_t *)(out_buffer[1].at + OUT_MAX - x->outputs * 4);
	x->want = malloc(2 * x->outputs * sizeof(*x->want));
	assert_non_null(x->want);
	assert_int_equal(ak_executor_create(m, &e), 0);
	for (int frame = 0; frame < 2; frame++) {
		draw_input(m, x->in[frame], inputs);
		ak_executor_frame(e, x->in[frame], x->want + frame * x->outputs, NULL, NULL);
	}
	ak_executor_destroy(e);
}

static uint32_t sparse_plans;

static bool frames_equal(const struct ak_plan *p, const struct expected *x)
{
	struct ak_plan_run *r;
	bool same = true;

	assert_int_equal(ak_plan_run_create(p, 1, &r), 0);
	for (int frame = 0; frame < 2; frame++) {
		ak_plan_frame(r, x->in[frame], x->out[frame]);
		same = same && !memcmp(x->out[frame], x->want + frame * x->outputs, x->outputs * sizeof(*x->want));
	}
	ak_plan_run_destroy(r);
	return same;
}

static bool equal(const struct akida_model *m, const struct expected *x, enum ak_isa isa, uint32_t *fallbacks)
{
	struct ak_plan *p;
	bool same;

	assert_int_equal(ak_plan_create(m->layers, m->count, isa, &p), 0);
	*fallbacks = ak_plan_fallbacks(p);
	same = frames_equal(p, x);
	if (same && ak_plan_force_sparse(p)) {
		same = frames_equal(p, x);
		sparse_plans++;
	}
	ak_plan_destroy(p);
	return same;
}

static void show(const struct akida_model *m, enum ak_isa isa, uint32_t seed)
{
	print_error("%s, seed %u:\n", ak_isa_name(isa), seed);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];

		print_error("  type %d in %ux%ux%u %u bits, kernel %u stride %u pad %d, filters %u, pool %d %u/%u, out "
			    "%ux%u\n",
			    l->type, l->in_h, l->in_w, l->in_c, l->in_bits, l->kernel_h, l->stride, l->padding,
			    l->filters, l->pool, l->pool_size, l->pool_stride, l->out_h, l->out_w);
	}
}

static void check_family(enum family family)
{
	uint32_t full = 0, partly = 0;

	for (uint32_t seed = 1; full < CASES; seed++) {
		struct akida_model *m;
		struct expected x;
		uint32_t without = 0;

		rm_seed = seed * 7919u + family;
		m = rm_model(family, 1 + seed % 2);
		if (!m)
			continue;
		expect(m, &x);
		for (int isa = AK_ISA_REF + 1; isa < AK_ISA_COUNT; isa++)
			if (ak_isa_available((enum ak_isa)isa) && !equal(m, &x, (enum ak_isa)isa, &without)) {
				show(m, (enum ak_isa)isa, seed);
				fail_msg("a kernel differs from layer/");
			}
		full += without == 0;
		partly += without > 0;
		assert_true(partly < CASES); /* the family reaches its kernels */
		free(x.want);
		akida_model_destroy(m);
	}
	print_message("%u models all in kernels, %u with a layer that has none\n", full, partly);
}

static void test_input_convolutions(void **state)
{
	(void)state;
	check_family(FAMILY_INPUT);
}

static void test_convolutions(void **state)
{
	(void)state;
	check_family(FAMILY_CONV);
	print_message("%u plans once more by the path for sparse inputs\n", sparse_plans);
	if (ak_isa_available(AK_ISA_AVX512BW))
		assert_true(sparse_plans > CASES / 20);
}

static void test_depthwise_and_separable(void **state)
{
	(void)state;
	check_family(FAMILY_SEPARABLE);
}

static void test_dense(void **state)
{
	(void)state;
	check_family(FAMILY_DENSE);
}

static void test_reference_is_always_available(void **state)
{
	struct ak_plan *p = (struct ak_plan *)1;

	(void)state;
	assert_true(ak_isa_available(AK_ISA_REF));
	assert_int_equal(ak_plan_create(NULL, 0, AK_ISA_REF, &p), -22); /* it has no kernels: layer/ runs it */
	assert_null(p);
}

static void test_choice_by_name(void **state)
{
	enum ak_isa isa;

	(void)state;
	setenv("AKIDA_ISA", "ref", 1);
	assert_int_equal(ak_isa_choose(&isa, NULL), 0);
	assert_int_equal(isa, AK_ISA_REF);
	setenv("AKIDA_ISA", "mmx", 1);
	assert_int_equal(ak_isa_choose(&isa, NULL), -22);
	unsetenv("AKIDA_ISA");
	assert_int_equal(ak_isa_choose(&isa, NULL), 0);
	assert_true(ak_isa_available(isa));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reference_is_always_available),
		cmocka_unit_test(test_choice_by_name),
		cmocka_unit_test(test_input_convolutions),
		cmocka_unit_test(test_convolutions),
		cmocka_unit_test(test_depthwise_and_separable),
		cmocka_unit_test(test_dense),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
