// SPDX-License-Identifier: MIT
/* akida_map as a whole: tags, report, ProgramInfo, packets that read back into the layers they came from. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <akida/map.h>
#include "decode.h"
#include "layer/cost.h"
#include "map/place.h"
#include "models.h"
#include "program/program.h"

static void expect_tag(const struct akida_map_report *r, uint32_t layer, enum akida_tag tag, const char *rule)
{
	if (r->layers[layer].tag != tag || strcmp(r->layers[layer].tag_rule, rule))
		fail_msg("layer %u: %s by %s, not %s", layer, akida_tag_name(r->layers[layer].tag),
			 r->layers[layer].tag_rule, rule);
}

static void test_map_first_light_is_not_provisional(void **state)
{
	struct akida_program_info info = {.size = sizeof(info)};
	struct akida_model *m = net_first_light(1);
	struct akida_map_report r;
	struct akida_program *p;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, &r, NULL), 0);
	expect_tag(&r, 0, AKIDA_TAG_DERIVED, "hrc.word44");
	expect_tag(&r, 1, AKIDA_TAG_VERIFIED, "cnp.standard-3x3");
	expect_tag(&r, 2, AKIDA_TAG_VERIFIED, "cnp.separable-3x3");
	expect_tag(&r, 3, AKIDA_TAG_VERIFIED, "cnp.separable-3x3");
	expect_tag(&r, 4, AKIDA_TAG_VERIFIED, "fnp3.64-inputs");
	assert_int_equal(akida_program_info(p, &info), 0);
	assert_int_equal(info.tag, AKIDA_TAG_DERIVED);
	assert_int_equal(r.nps, 4);
	assert_int_equal(r.hrc, 1);
	assert_int_equal(r.passes, 1);
	assert_string_equal(r.device, "akd1500");
	assert_string_equal(r.mode, "minimal");
	assert_int_equal(r.program_bytes, info.program_bytes);
	assert_int_equal(r.memory_bytes, info.memory_bytes);
	assert_int_equal(r.layer_count, 5);
	assert_string_equal(r.layers[0].type_name, "InputConv.");
	assert_string_equal(r.layers[4].name, "layer_4");
	assert_int_equal(r.layers[0].nps, 0);
	for (uint32_t i = 0; i < r.layer_count; i++) {
		assert_true(r.layers[i].cycles > 0);
		assert_true(r.layers[i].energy_uj > 0);
		assert_true(isnan(r.layers[i].sparsity));
		assert_int_equal(r.layers[i].passes, 1);
	}
	assert_int_equal(ak_program_track(p, 0)[8], 0x00200002); /* word 0x44, as in the presence program */
	akida_map_report_fini(&r);
	akida_program_destroy(p);
	assert_int_equal(akida_map(m, "akd1000", NULL, &p, &r, NULL), 0);
	for (uint32_t i = 0; i < r.layer_count; i++)
		assert_int_equal(r.layers[i].tag, AKIDA_TAG_DERIVED); /* at best, on this chip */
	akida_map_report_fini(&r);
	akida_map_report_fini(&r); /* harmless */
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_map_seed_network_shows_provisional_rules(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = net_seed(1);
	struct akida_map_report r;
	struct akida_program *p;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, &r, diag), 0);
	expect_tag(&r, 0, AKIDA_TAG_PROVISIONAL, "hrc.stride-1-3");
	expect_tag(&r, 1, AKIDA_TAG_DERIVED, "cnp.max-pool");
	expect_tag(&r, 2, AKIDA_TAG_DERIVED, "fnp3.n-inputs");
	assert_int_equal(r.nps, 2);
	/* documented as a warning, not an error */
	assert_int_equal(akida_diag_count(diag), 1);
	assert_int_equal(akida_diag_get(diag, 0)->severity, AKIDA_WARNING);
	assert_string_equal(akida_diag_get(diag, 0)->rule, "map.pool-before-fully");
	akida_map_report_fini(&r);
	akida_program_destroy(p);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_map_report_follows_measured_sparsity(void **state)
{
	double sparsity[5] = {0.9, 0.9, 0.9, 0.9, 0};
	struct akida_map_params params = {.size = sizeof(params), .sparsity = sparsity};
	struct akida_map_params old = {.size = offsetof(struct akida_map_params, sparsity)};
	struct akida_model *m = net_first_light(1);
	struct akida_map_report a, b;
	struct akida_program *p;
	uint64_t latency = 0, interval = 0;
	double lines;

	(void)state;
	old.sparsity = sparsity; /* not part of what this caller declares */
	assert_int_equal(akida_map(m, "akd1500", &old, &p, &a, NULL), 0);
	akida_program_destroy(p);
	assert_int_equal(akida_map(m, "akd1500", &params, &p, &b, NULL), 0);
	akida_program_destroy(p);
	assert_true(a.layers[0].cycles == b.layers[0].cycles);
	/* 14 * 14 positions and 16 filters */
	assert_int_equal(a.layers[0].cycles, (uint64_t)(ak_cost_unit.hrc * 196 * 16 + ak_cost_unit.fill));
	/* 3136 values, half or a tenth of them events that touch 24 lines each */
	lines = (double)(a.layers[1].cycles - b.layers[1].cycles) / ak_cost_unit.line;
	assert_in_range((uint64_t)lines, 0.95 * 0.4 * 3136 * 24, 0.4 * 3136 * 24);
	/* the frame: layers one after the other, the slowest sets the pace; zeros do not change the program */
	for (uint32_t i = 0; i < 5; i++) {
		latency += b.layers[i].cycles;
		interval = b.layers[i].cycles > interval ? b.layers[i].cycles : interval;
	}
	assert_int_equal(b.latency_cycles, latency);
	assert_int_equal(b.interval_cycles, interval);
	assert_true(a.latency_cycles > b.latency_cycles && a.energy_uj > b.energy_uj);
	assert_true(a.program_cycles == b.program_cycles && a.program_cycles > 0);
	assert_true(b.call_us > b.chip_us && b.chip_us > 0);
	assert_true(b.fps > 1e6 / b.call_us);
	for (uint32_t i = 1; i < 5; i++) {
		assert_true(b.layers[i].cycles < a.layers[i].cycles);
		assert_true(b.layers[i].energy_uj < a.layers[i].energy_uj);
		assert_true(b.layers[i].sparsity == sparsity[i]);
		assert_true(isnan(a.layers[i].sparsity));
	}
	akida_map_report_fini(&a);
	akida_map_report_fini(&b);
	akida_model_destroy(m);
}

static void test_map_program_carries_a_model_of_its_own(void **state)
{
	struct akida_model *m = net_first_light(2);
	struct akida_program *p, *again;
	int32_t potentials[10] = {100, -20};
	float a[10], b[10];
	const void *bytes;
	size_t len;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	assert_int_equal(akida_model_dequantize(m, potentials, 1, a), 0);
	akida_model_destroy(m);
	assert_int_equal(akida_model_layers(akida_program_model(p)), 5);
	/* the vendor-format part alone is complete */
	bytes = akida_program_bytes(p, &len);
	assert_int_equal(akida_program_parse(bytes, len, "bare", &again, NULL), 0);
	assert_null(akida_program_model(again));
	assert_int_equal(akida_program_dequantize(again, potentials, 1, b), 0);
	for (int i = 0; i < 10; i++)
		assert_true(a[i] == b[i]);
	assert_int_equal(akida_program_layers(again), 5);
	akida_program_destroy(again);
	akida_program_destroy(p);
}

static void test_map_is_deterministic(void **state)
{
	struct akida_model *m = net_first_light(2);
	struct akida_program *a, *b;
	size_t na, nb;
	const void *pa, *pb;

	(void)state;
	assert_int_equal(akida_map(m, "akd1000", NULL, &a, NULL, NULL), 0);
	assert_int_equal(akida_map(m, "akd1000", NULL, &b, NULL, NULL), 0);
	pa = akida_program_bytes(a, &na);
	pb = akida_program_bytes(b, &nb);
	assert_int_equal(na, nb);
	assert_memory_equal(pa, pb, na);
	akida_program_destroy(a);
	akida_program_destroy(b);
	akida_model_destroy(m);
}

static void compare_layers(const struct akida_layer *got, const struct akida_layer *want, uint64_t seed, uint32_t i)
{
	bool pool = want->pool == AKIDA_POOL_MAX;

#define SAME(field)                                                                                                    \
	if (got->field != want->field)                                                                                 \
	fail_msg("seed %llu layer %u: " #field " %d, not %d", (unsigned long long)seed, i, (int)got->field,            \
		 (int)want->field)
	SAME(type);
	SAME(in_h);
	SAME(in_w);
	SAME(in_c);
	SAME(in_bits);
	SAME(filters);
	SAME(activation);
	SAME(out_h);
	SAME(out_w);
	SAME(pool);
	if (want->activation)
		SAME(act_bits);
	if (pool)
		SAME(pool_stride);
	if (want->type != AKIDA_LAYER_FULLY)
		SAME(stride);
	for (size_t n = 0; n < ak_layer_weight_count(want); n++)
		SAME(weights[n]);
	for (size_t n = 0; n < ak_layer_weight_pw_count(want); n++)
		SAME(weights_pw[n]);
	for (uint32_t n = 0; want->activation && n < want->filters; n++) {
		SAME(threshold[n]);
		SAME(step16[n]);
	}
#undef SAME
}

/* The program reader, which knows the packets only, must not find less doubt than the mapper put in, nor more. */
static void compare_tags(const struct akida_program *p, uint64_t seed)
{
	struct akida_program *bare;
	const void *bytes;
	size_t len;

	bytes = akida_program_bytes(p, &len);
	assert_int_equal(akida_program_parse(bytes, len, "bare", &bare, NULL), 0);
	assert_int_equal(akida_program_layers(bare), p->meta_count);
	for (uint32_t i = 0; i < p->meta_count; i++) {
		struct akida_program_layer l = {.size = sizeof(l)};

		assert_int_equal(akida_program_layer(bare, i, &l), 0);
		assert_int_equal(l.id, p->meta[i].id);
		if (l.tag != p->meta[i].tag)
			fail_msg("seed %llu layer %u: %s by %s, mapped as %s by %s", (unsigned long long)seed, i,
				 akida_tag_name(l.tag), l.tag_rule, akida_tag_name((enum akida_tag)p->meta[i].tag),
				 p->meta[i].tag_rule);
	}
	akida_program_destroy(bare);
}

/* Drawn chains: every track chains exactly, and the test's own reader finds the layers again. */
static void test_map_packets_read_back_as_layers(void **state)
{
	struct dec_track *pre = malloc(sizeof(*pre)), *t = malloc(sizeof(*t));
	uint32_t mapped = 0;

	(void)state;
	for (uint64_t seed = 500; seed < 700; seed++) {
		struct akida_model *m = net_draw(seed, seed % 2);
		struct akida_program *p;

		if (!m)
			continue;
		if (akida_map(m, seed % 3 ? "akd1000" : "akd1500", NULL, &p, NULL, NULL)) {
			akida_model_destroy(m);
			continue;
		}
		if (m->layers[m->count - 1].type == AKIDA_LAYER_FULLY && p->head.track_count == m->count + 2) {
			/* six FNP3 are more than one descriptor can count: two tracks */
			akida_program_destroy(p);
			akida_model_destroy(m);
			continue;
		}
		mapped++;
		assert_int_equal(p->head.track_count, m->count + 1);
		assert_int_equal(p->head.max_descriptors, m->count + 2);
		assert_int_equal(dec_split(ak_program_track(p, 0), p->head.tracks[0].words, pre), 0);
		for (uint32_t i = 0; i < m->count; i++) {
			const struct akida_layer *want = &m->layers[i];
			struct akida_layer got;
			int err;

			assert_int_equal(dec_split(ak_program_track(p, i + 1), p->head.tracks[i + 1].words, t), 0);
			if (!i)
				err = dec_hrc(pre, t, want->in_h, want->in_w, &got);
			else if (want->type == AKIDA_LAYER_FULLY)
				err = dec_fnp(t, want->in_h, want->in_w, want->in_c, &got);
			else
				err = dec_cnp(t, want->in_c, want->scale, &got);
			assert_int_equal(err, 0);
			compare_layers(&got, want, seed, i);
			ak_layer_fini(&got);
		}
		compare_tags(p, seed);
		akida_program_destroy(p);
		akida_model_destroy(m);
	}
	print_message("%u programs read back\n", mapped);
	assert_in_range(mapped, 70, 200);
	free(pre);
	free(t);
}

static void test_rules_weakest_is_the_first_of_the_worst(void **state)
{
	const uint64_t one = 1;
	const char *id;

	(void)state;
	assert_int_equal(ak_rules_weakest(0, &id), AKIDA_TAG_UNKNOWN);
	assert_string_equal(id, "");
	assert_int_equal(ak_rules_weakest(one << AK_ENC_CNP_STD3 | one << AK_ENC_CNP_SEP3, &id), AKIDA_TAG_VERIFIED);
	assert_string_equal(id, "cnp.standard-3x3");
	assert_int_equal(
		ak_rules_weakest(one << AK_ENC_CNP_STD3 | one << AK_ENC_CNP_POOL | one << AK_ENC_BITS_CODE, &id),
		AKIDA_TAG_PROVISIONAL);
	assert_string_equal(id, "np.bits-code");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_first_light_is_not_provisional),
		cmocka_unit_test(test_map_seed_network_shows_provisional_rules),
		cmocka_unit_test(test_map_report_follows_measured_sparsity),
		cmocka_unit_test(test_map_program_carries_a_model_of_its_own),
		cmocka_unit_test(test_map_is_deterministic),
		cmocka_unit_test(test_map_packets_read_back_as_layers),
		cmocka_unit_test(test_rules_weakest_is_the_first_of_the_worst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
