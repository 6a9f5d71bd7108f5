// SPDX-License-Identifier: MIT
/*
 * Programs of several passes and weights in device memory: as many passes as expected, the same outputs as the layers,
 * the same program again after a file and after decompiling.
 */
#include "equal.h"
#include "map/place.h"

static void end_fully(struct net *n, uint32_t units)
{
	net_add(n, AKIDA_LAYER_FULLY, units)->activation = false;
	assert_true(net_done(n));
}

/* Layers of a kind in a row behind an input convolution, then one fully connected. */
static struct akida_model *row(enum akida_layer_type type, uint32_t count, uint32_t filters, uint64_t seed)
{
	struct net n;

	net_init(&n, seed);
	free(n.layers);
	n.layers = calloc(count + 2, sizeof(*n.layers));
	net_input(&n, 9, 7, 1, filters);
	assert_true(net_done(&n));
	for (uint32_t i = 0; i < count; i++) {
		net_add(&n, type, filters);
		assert_true(net_done(&n));
	}
	end_fully(&n, 5);
	return net_model(&n);
}

static struct akida_program *map(const struct akida_model *m, const char *chip, enum akida_map_mode how,
				 struct akida_map_report *r)
{
	const struct akida_map_params params = {.size = sizeof(params), .mode = how};
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;

	if (akida_map(m, chip, &params, &p, r, diag))
		fail_msg("%s: %s", chip, akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return p;
}

/* Written, read, taken apart, and made once more. */
static void check_round_trips(const struct akida_model *m, const char *chip, enum akida_map_mode how)
{
	struct akida_program *p = map(m, chip, how, NULL), *q;
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *back;
	size_t len;
	const void *bytes = akida_program_bytes(p, &len);

	assert_int_equal(akida_program_parse(bytes, len, "again", &q, NULL), 0);
	assert_int_equal(q->head.passes, p->head.passes);
	assert_int_equal(q->head.track_count, p->head.track_count);
	assert_int_equal(q->nps, p->nps);
	assert_int_equal(q->layer_count, m->count);
	if (akida_decompile(q, &back, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_program_destroy(q);
	assert_int_equal(back->count, m->count);
	for (uint32_t i = 0; i < m->count; i++) {
		assert_memory_equal(back->layers[i].weights, m->layers[i].weights,
				    ak_layer_weight_count(&m->layers[i]));
		assert_int_equal(back->layers[i].act_bits, m->layers[i].activation ? m->layers[i].act_bits : 0);
	}
	if (how == AKIDA_MAP_MINIMAL) { /* placement follows from the layers alone */
		q = map(back, chip, how, NULL);
		assert_int_equal(q->info_bytes + q->program_bytes, len);
		assert_memory_equal(q->bytes, bytes, len);
		akida_program_destroy(q);
	}
	akida_model_destroy(back);
	akida_program_destroy(p);
	akida_diag_destroy(diag);
}

static void check_passes(const struct akida_model *m, const char *chip, enum akida_map_mode how, uint32_t passes)
{
	struct akida_map_report r;
	struct akida_program *p = map(m, chip, how, &r);
	uint32_t nps = 0;

	assert_int_equal(r.passes, passes);
	assert_int_equal(p->head.passes, passes);
	assert_int_equal(r.mesh_count % passes, 0);
	for (uint32_t i = 0; i < r.layer_count; i++) {
		nps += r.layers[i].nps;
		assert_true(!i || r.layers[i].pass == r.layers[i - 1].pass ||
			    r.layers[i].pass == r.layers[i - 1].pass + 1);
	}
	assert_int_equal(r.nps, nps);
	assert_int_equal(p->nps, nps);
	akida_map_report_fini(&r);
	akida_program_destroy(p);
	mode = how;
	if (!check_equal(m, chip, 3))
		fail_msg("%s: %s", chip, refusal);
	mode = AKIDA_MAP_MINIMAL;
	check_round_trips(m, chip, how);
}

static void test_more_layers_than_nps_run_in_passes(void **state)
{
	static const struct {
		const char *chip;
		uint32_t layers, passes;
	} cases[] = {
		{"akd1500", 31, 1}, {"akd1500", 32, 2}, {"akd1500", 70, 3}, {"akd1000", 77, 1}, {"akd1000", 90, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct akida_model *m = row(i % 2 ? AKIDA_LAYER_CONV : AKIDA_LAYER_SEPARABLE, cases[i].layers, 8, i);

		check_passes(m, cases[i].chip, AKIDA_MAP_MINIMAL, cases[i].passes);
		check_passes(m, cases[i].chip, AKIDA_MAP_ALL_NPS, cases[i].passes);
		akida_model_destroy(m);
	}
}

/* Seven FNP3 on an AKD1500: activations of fully connected layers go from pass to pass. */
static void test_fully_connected_layers_hand_over_between_passes(void **state)
{
	struct akida_model *m = row(AKIDA_LAYER_FULLY, 16, 20, 7);

	(void)state;
	check_passes(m, "akd1500", AKIDA_MAP_MINIMAL, 3);
	check_passes(m, "akd1000", AKIDA_MAP_MINIMAL, 1);
	akida_model_destroy(m);
}

/* Weights of 1, 2 and 4 bits in device memory, more of them than packets can count, in the middle and at the end. */
static void test_weights_in_memory_run_equal(void **state)
{
	static const struct {
		uint32_t h, c, units, bits;
	} cases[] = {{6, 24, 64, 4}, {6, 24, 64, 2}, {5, 64, 700, 4}, {16, 64, 90, 4}, {5, 3, 5000, 2}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int last = 0; last < 2; last++) {
			struct akida_map_report r;
			struct akida_layer *l;
			struct akida_model *m;
			struct net n;

			if (!last && cases[i].units > AK_THRESHOLDS_MAX)
				continue;
			net_init(&n, 50 + i);
			net_input(&n, cases[i].h, cases[i].h, 1, 8);
			assert_true(net_done(&n));
			net_add(&n, AKIDA_LAYER_SEPARABLE, cases[i].c);
			assert_true(net_done(&n));
			l = net_add(&n, AKIDA_LAYER_FULLY, cases[i].units);
			l->weights_bits = cases[i].bits;
			l->activation = !last;
			assert_true(net_done(&n));
			if (!last)
				end_fully(&n, 3);
			m = net_model(&n);
			for (int chip = 0; chip < 2; chip++) {
				const char *name = chip ? "akd1000" : "akd1500";

				akida_program_destroy(map(m, name, AKIDA_MAP_MINIMAL, &r));
				assert_int_equal(r.layers[2].nps, 1);
				akida_map_report_fini(&r);
				check_passes(m, name, AKIDA_MAP_MINIMAL, 1);
			}
			akida_model_destroy(m);
		}
}

/* As many passes as are best, over every number of layers in a pass; odd shapes. */
static void test_reconfiguration_runs_equal(void **state)
{
	uint32_t ran = 0, several = 0;

	(void)state;
	mode = AKIDA_MAP_HW_PR;
	for (uint64_t seed = 7000; seed < 7040; seed++) {
		struct akida_model *m = net_draw(seed, seed % 2);
		const struct akida_map_params params = {.size = sizeof(params), .mode = mode};
		struct akida_program *p;

		if (!m)
			continue;
		for (int chip = 0; chip < 2; chip++) {
			const char *name = chip ? "akd1000" : "akd1500";

			if (akida_map(m, name, &params, &p, NULL, NULL))
				continue;
			several += p->head.passes > 1;
			akida_program_destroy(p);
			ran += (uint32_t)check_equal(m, name, seed);
			check_round_trips(m, name, mode);
		}
		akida_model_destroy(m);
	}
	mode = AKIDA_MAP_MINIMAL;
	print_message("%u programs ran, %u of several passes\n", ran, several);
	assert_in_range(ran, 40, 80);
}

/* Layers whose best splits need a mesh each: many passes win over few NPs. */
static void test_reconfiguration_chooses_passes(void **state)
{
	struct akida_map_report few, many;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 77);
	net_input(&n, 96, 96, 1, 16);
	assert_true(net_done(&n));
	for (int i = 0; i < 4; i++) {
		net_add(&n, AKIDA_LAYER_CONV, 64)->stride = i ? 1 : 2;
		assert_true(net_done(&n));
	}
	net_add(&n, AKIDA_LAYER_SEPARABLE, 64)->stride = 2;
	assert_true(net_done(&n));
	end_fully(&n, 2);
	m = net_model(&n);
	akida_program_destroy(map(m, "akd1500", AKIDA_MAP_MINIMAL, &few));
	akida_program_destroy(map(m, "akd1500", AKIDA_MAP_HW_PR, &many));
	assert_true(many.passes > few.passes);
	assert_true(many.nps > 2 * few.nps);
	assert_true(many.latency_cycles < few.latency_cycles * 2 / 3);
	mode = AKIDA_MAP_HW_PR;
	assert_int_equal(check_equal(m, "akd1500", 5), 1);
	assert_int_equal(check_equal(m, "akd1000", 5), 1);
	mode = AKIDA_MAP_MINIMAL;
	akida_map_report_fini(&few);
	akida_map_report_fini(&many);
	akida_model_destroy(m);
}

/* Meshes that no chip has: NPs as the vendor's two nodes have them, and every network runs, in more passes on fewer nodes. */
static void test_meshes_of_nodes_run_equal(void **state)
{
	static const char *const none[] = {"akida1:",	"akida1:0",  "akida1:1", "akida1:17",
					   "akida1:2x", "akida1:-2", "akida1"};
	struct akida_model *m = row(AKIDA_LAYER_CONV, 20, 12, 3), *drawn;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_null(ak_map_chip_find(none[i]));
	for (uint32_t nodes = 2; nodes <= 16; nodes++) {
		struct akida_device_info info = {.size = sizeof(info)};
		const struct ak_map_chip *chip;
		char name[16], device[32];
		struct akida_device *d;

		snprintf(name, sizeof(name), "akida1:%u", nodes);
		snprintf(device, sizeof(device), "virtual:%s", name);
		chip = ak_map_chip_find(name);
		assert_non_null(chip);
		assert_int_equal(akida_device_open(device, &d, NULL), 0);
		assert_int_equal(akida_device_info(d, &info), 0);
		assert_int_equal(info.nps, 4 * nodes);
		assert_int_equal(info.cnp2, 3 * (nodes - 1));
		assert_int_equal(info.fnp2, 1);
		assert_int_equal(info.fnp3, nodes - 1);
		assert_int_equal(chip->count, info.nps);
		assert_int_equal(ak_map_chip_count(chip, AK_KIND_FNP3), info.fnp3);
		assert_string_equal(info.chip, name);
		akida_device_close(d);
		check_passes(m, name, AKIDA_MAP_MINIMAL, (21 + 4 * nodes - 1) / (4 * nodes));
		drawn = net_draw(300 + nodes, true);
		if (drawn)
			check_equal(drawn, name, nodes);
		akida_model_destroy(drawn);
	}
	akida_model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_more_layers_than_nps_run_in_passes),
		cmocka_unit_test(test_fully_connected_layers_hand_over_between_passes),
		cmocka_unit_test(test_weights_in_memory_run_equal),
		cmocka_unit_test(test_reconfiguration_runs_equal),
		cmocka_unit_test(test_reconfiguration_chooses_passes),
		cmocka_unit_test(test_meshes_of_nodes_run_equal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
