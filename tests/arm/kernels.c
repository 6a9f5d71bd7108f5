/* SPDX-License-Identifier: MIT */
/*
 * The kernels of AArch64 against layer/, on drawn models of every family: for qemu-user, without cmocka. With "count NAME
 * ISA FRAMES" it runs frames of a benchmark network: count.sh counts their instructions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernels/plan_private.h"
#include "layer/execute.h"
#include "tests/bench/networks.h"
#include "tests/unit/kernels/random_model.h"

static const char *const families[FAMILY_COUNT] = {"input convolutions", "convolutions", "depthwise and separable",
						   "dense"};

static bool frames_equal(const struct akida_model *m, enum ak_isa isa, uint32_t *fallbacks)
{
	uint32_t in[3], out[3];
	size_t inputs, outputs;
	struct ak_plan *p;
	struct ak_plan_run *r;
	struct ak_executor *e;
	uint8_t *x;
	int32_t *got, *want;
	bool same = true;

	akida_model_input(m, in);
	akida_model_output(m, out);
	inputs = (size_t)in[0] * in[1] * in[2];
	outputs = (size_t)out[0] * out[1] * out[2];
	x = malloc(inputs);
	got = malloc(outputs * sizeof(*got));
	want = malloc(outputs * sizeof(*want));
	if (!x || !got || !want || ak_plan_create(m->layers, m->count, isa, &p) || ak_plan_run_create(p, 1, &r) ||
	    ak_executor_create(m, &e)) {
		fprintf(stderr, "no memory\n");
		exit(1);
	}
	*fallbacks += ak_plan_fallbacks(p) > 0;
	for (int frame = 0; frame < 2; frame++) {
		const struct akida_layer *l = &m->layers[0];
		uint32_t top = !l->v2 && l->type == AKIDA_LAYER_INPUT_DATA ? (1u << l->in_bits) - 1u : 255;

		for (size_t i = 0; i < inputs; i++)
			x[i] = (uint8_t)(frame ? top : rm_next(top + 1));
		ak_plan_frame(r, x, got);
		ak_executor_frame(e, x, want, NULL, NULL);
		same = same && !memcmp(got, want, outputs * sizeof(*got));
	}
	ak_executor_destroy(e);
	ak_plan_run_destroy(r);
	ak_plan_destroy(p);
	free(x);
	free(got);
	free(want);
	return same;
}

/* Returns how many models differ. */
static uint32_t check_family(enum family family, enum ak_isa isa, uint32_t cases)
{
	uint32_t failed = 0, fallbacks = 0, done = 0;

	for (uint32_t seed = 1; done < cases; seed++) {
		struct akida_model *m;

		rm_seed = seed * 7919u + (uint32_t)family;
		m = rm_model(family, 1 + seed % 2);
		if (!m)
			continue;
		if (!frames_equal(m, isa, &fallbacks)) {
			printf("%s, %s: seed %u differs\n", ak_isa_name(isa), families[family], seed);
			failed++;
		}
		akida_model_destroy(m);
		done++;
	}
	printf("%s, %s: %u models, %u with a layer that has no kernel, %u differ\n", ak_isa_name(isa), families[family],
	       done, fallbacks, failed);
	return failed || fallbacks > cases / 2;
}

static int count(const char *name, const char *isa_name, int frames)
{
	struct bench_options options = {.ip = 2, .weights_bits = 8, .seed = 1};
	struct akida_model *m = bench_network(name, &options);
	static uint8_t in[160 * 160 * 3];
	static int32_t out[32 * 32 * 64];
	struct ak_plan_run *r;
	struct ak_plan *p;

	for (int isa = AK_ISA_REF + 1; m && isa < AK_ISA_COUNT; isa++) {
		if (strcmp(ak_isa_name((enum ak_isa)isa), isa_name) != 0 || !ak_isa_available((enum ak_isa)isa))
			continue;
		if (ak_plan_create(m->layers, m->count, (enum ak_isa)isa, &p) || ak_plan_run_create(p, 1, &r))
			return 1;
		for (int i = 0; i < frames; i++)
			ak_plan_frame(r, in, out);
		printf("products %llu\n", (unsigned long long)ak_plan_products(p));
		return 0;
	}
	return 1;
}

int main(int argc, char **argv)
{
	uint32_t cases = argc > 1 && argc < 3 ? (uint32_t)atoi(argv[1]) : 500, passed = 0, failed = 0;

	if (argc == 5 && !strcmp(argv[1], "count"))
		return count(argv[2], argv[3], atoi(argv[4]));
	for (int isa = AK_ISA_REF + 1; isa < AK_ISA_COUNT; isa++)
		for (int f = 0; ak_isa_available((enum ak_isa)isa) && f < FAMILY_COUNT; f++) {
			if (check_family((enum family)f, (enum ak_isa)isa, cases))
				failed++;
			else
				passed++;
		}
	if (!passed && !failed)
		failed = 1; /* no kernels here: not a test */
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed != 0;
}
