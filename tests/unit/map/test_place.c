// SPDX-License-Identifier: MIT
/* Mesh tables, splits and placement. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "base/diag.h"
#include "map/cost.h"
#include "map/place.h"
#include "models.h"

static void check_mesh(const char *name, uint32_t nps, uint32_t cnp1, uint32_t cnp2, uint32_t fnp2, uint32_t fnp3)
{
	const struct ak_map_chip *c = ak_map_chip_find(name);

	assert_non_null(c);
	assert_int_equal(c->count, nps);
	assert_int_equal(ak_map_chip_count(c, AK_KIND_CNP1), cnp1);
	assert_int_equal(ak_map_chip_count(c, AK_KIND_CNP2), cnp2);
	assert_int_equal(ak_map_chip_count(c, AK_KIND_FNP2), fnp2);
	assert_int_equal(ak_map_chip_count(c, AK_KIND_FNP3), fnp3);
	for (uint32_t i = 1; i < c->count; i++) {
		const struct ak_np *a = &c->np[i - 1], *b = &c->np[i];

		assert_true((a->col << 16 | a->row << 8 | a->id) < (b->col << 16 | b->row << 8 | b->id));
		assert_false(b->col == c->dma_col && b->row == c->dma_row && b->id == c->dma_id);
	}
}

static void test_chip_tables_have_published_counts(void **state)
{
	(void)state;
	check_mesh("akd1000", 78, 78, 54, 4, 18);
	check_mesh("akd1500", 32, 32, 21, 1, 7);
	assert_null(ak_map_chip_find("akd2000"));
	assert_null(ak_map_chip_find(NULL));
}

static struct akida_layer shape(enum akida_layer_type type, uint32_t h, uint32_t w, uint32_t c, uint32_t f,
				uint32_t stride)
{
	struct akida_layer l = {.name = "l",
				.type = type,
				.in_h = h,
				.in_w = w,
				.in_c = c,
				.in_bits = 4,
				.filters = f,
				.kernel_h = 3,
				.kernel_w = 3,
				.stride = stride,
				.padding = AKIDA_PAD_SAME,
				.weights_bits = 4,
				.activation = true,
				.act_bits = 4};

	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	return l;
}

/* Parts of a layer; every output row and filter exactly once, halo rows inside the map. */
static uint32_t parts_of(const struct akida_layer *l)
{
	struct ak_layer_place p = {0};
	uint32_t area = 0, count;

	assert_int_equal(ak_split(&p, l, NULL), 0);
	for (uint32_t i = 0; i < p.count; i++) {
		const struct ak_part *a = &p.parts[i];

		assert_in_range(a->rows, 1, AK_CNP_MAX_ROWS);
		assert_true(a->cut0 == (a->row0 ? a->row0 - 1 : 0));
		assert_true(a->cut0 + a->cut_rows == (a->row0 + a->rows == l->in_h ? l->in_h : a->row0 + a->rows + 1));
		assert_true(a->row0 == a->out0 * l->stride);
		assert_true(ak_cnp_lines(l, a->filters) <= AK_CNP_FILTER_LINES);
		area += a->out_rows * a->filters;
	}
	assert_int_equal(area, l->conv_h * l->filters);
	count = p.count;
	free(p.parts);
	return count;
}

static uint32_t std(uint32_t n, uint32_t c, uint32_t f, uint32_t stride)
{
	struct akida_layer l = shape(AKIDA_LAYER_CONV, n, n, c, f, stride);

	return parts_of(&l);
}

static uint32_t sep(uint32_t n, uint32_t c, uint32_t f, uint32_t stride)
{
	struct akida_layer l = shape(AKIDA_LAYER_SEPARABLE, n, n, c, f, stride);

	return parts_of(&l);
}

static void test_split_decoded_programs_as_seen(void **state)
{
	struct akida_layer l;

	(void)state;
	assert_int_equal(std(48, 8, 16, 1), 2);
	assert_int_equal(std(48, 16, 32, 2), 2);
	assert_int_equal(std(24, 32, 32, 1), 1);
	l = shape(AKIDA_LAYER_SEPARABLE, 25, 5, 64, 64, 1);
	assert_int_equal(parts_of(&l), 1);
	/* 224 program, by track sizes */
	assert_int_equal(std(112, 16, 32, 2), 4);
	assert_int_equal(std(56, 32, 64, 2), 2);
	assert_int_equal(std(28, 64, 96, 2), 1);
	assert_int_equal(std(14, 96, 128, 2), 2);
}

/* AkidaNet without its head: half-width filters 16 a, 32 a .. as in the zoo, n: size behind the input convolution. */
static uint32_t akidanet(uint32_t n, uint32_t f)
{
	uint32_t nps = std(n, f, 2 * f, 1) + std(n, 2 * f, 4 * f, 2) + std(n / 2, 4 * f, 4 * f, 1);

	nps += sep(n / 2, 4 * f, 8 * f, 2) + sep(n / 4, 8 * f, 8 * f, 1) + sep(n / 4, 8 * f, 16 * f, 2);
	for (int i = 0; i < 5; i++)
		nps += sep(n / 8, 16 * f, 16 * f, 1);
	return nps + sep(n / 8, 16 * f, 32 * f, 2) + sep((n / 8 + 1) / 2, 32 * f, 32 * f, 1);
}

/* Published minimal mappings (model-zoo 6.1), less one NP for the classifier. */
static void test_split_akidanet_has_published_counts(void **state)
{
	(void)state;
	assert_int_equal(akidanet(112, 8), 22 - 1);
	assert_int_equal(akidanet(112, 16), 32 - 1);
	assert_int_equal(akidanet(80, 16), 24 - 1);
	/* and the edge variant's 2048 spike generator filters: 38 and 46 in all */
	assert_int_equal(sep(1, 512, 2048, 1), 38 - 24);
	assert_int_equal(sep(1, 512, 2048, 1), 46 - 32);
}

static void test_split_pooling_keeps_windows_whole(void **state)
{
	struct akida_layer l = shape(AKIDA_LAYER_CONV, 49, 10, 8, 8, 1);
	struct ak_layer_place p = {0};

	(void)state;
	net_pool2(&l);
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(ak_split(&p, &l, NULL), 0);
	assert_int_equal(p.count, 2);
	assert_int_equal(p.parts[1].out0 % 2, 0);
	assert_int_equal(p.parts[0].rows, 26);
	assert_int_equal(p.parts[1].rows, 23);
	assert_int_equal(p.parts[1].cut0, 25);
	free(p.parts);
}

static void test_split_stride_two_starts_parts_on_even_rows(void **state)
{
	struct akida_layer l = shape(AKIDA_LAYER_CONV, 67, 10, 8, 8, 2);
	struct ak_layer_place p = {0};

	(void)state;
	assert_int_equal(ak_split(&p, &l, NULL), 0);
	assert_int_equal(p.count, 3);
	for (uint32_t i = 0; i < p.count; i++)
		assert_int_equal(p.parts[i].row0 % 2, 0);
	free(p.parts);
}

static void refuse(struct akida_layer *l, int want, const char *rule)
{
	struct akida_diag *diag = akida_diag_create();
	struct ak_layer_place p = {0};

	assert_int_equal(ak_layer_finish(l, NULL), 0);
	assert_int_equal(ak_split(&p, l, diag), want);
	assert_string_equal(akida_diag_first_error(diag)->rule, rule);
	assert_string_not_equal(akida_diag_first_error(diag)->value, "");
	assert_string_not_equal(akida_diag_first_error(diag)->limit, "");
	assert_null(p.parts);
	akida_diag_destroy(diag);
}

static void test_split_refuses_what_cannot_be_cut(void **state)
{
	struct akida_layer l = shape(AKIDA_LAYER_SEPARABLE, 40, 10, 8, 8, 1);

	(void)state;
	l.pool = AKIDA_POOL_GLOBAL_AVERAGE;
	refuse(&l, -EOPNOTSUPP, "map.split");
	net_pool2(&l);
	l.pool_stride = 1;
	refuse(&l, -EOPNOTSUPP, "map.split");
	l = shape(AKIDA_LAYER_CONV, 4, 4, 600, 8, 1); /* 600 * 16 lines for the first 8 filters */
	refuse(&l, -ENOSPC, "map.np-memory");
	l = shape(AKIDA_LAYER_SEPARABLE, 8, 1000, 600, 8, 1); /* three rows are more than the input SRAM */
	refuse(&l, -ENOSPC, "map.np-memory");
}

static void test_place_fills_in_the_order_of_vendor_programs(void **state)
{
	static const uint8_t want1500[][3] = {{1, 2, 1}, {1, 2, 2}, {1, 2, 3}};
	static const uint8_t want1000[][3] = {{1, 3, 1}, {1, 3, 2}, {1, 3, 3}};
	struct akida_model *m = net_first_light(1);
	struct ak_placement pl;

	(void)state;
	for (int chip = 0; chip < 2; chip++) {
		assert_int_equal(
			ak_place(m, ak_map_chip_find(chip ? "akd1000" : "akd1500"), AKIDA_MAP_MINIMAL, &pl, NULL), 0);
		assert_int_equal(pl.nps, 4);
		assert_int_equal(pl.layers[0].count, 0);
		for (uint32_t i = 0; i < 3; i++) {
			const uint8_t *want = chip ? want1000[i] : want1500[i];
			const struct ak_np *np = &pl.layers[i + 1].parts[0].np;

			assert_int_equal(np->col, want[0]);
			assert_int_equal(np->row, want[1]);
			assert_int_equal(np->id, want[2]);
		}
		assert_int_equal(pl.layers[4].parts[0].np.col, 1);
		assert_int_equal(pl.layers[4].parts[0].np.row, 3);
		assert_int_equal(pl.layers[4].parts[0].np.id, 0);
		ak_placement_fini(&pl);
	}
	akida_model_destroy(m);
}

/* n convolutions in a row on 8x8, then one fully connected layer. */
static struct akida_model *deep(uint32_t h, uint32_t n)
{
	struct net net;

	net_init(&net, 1);
	free(net.layers);
	net.layers = calloc(n + 2, sizeof(*net.layers));
	net_input(&net, h, 8, 1, 4);
	assert_true(net_done(&net));
	for (uint32_t i = 0; i < n; i++) {
		net_add(&net, AKIDA_LAYER_CONV, 4);
		assert_true(net_done(&net));
	}
	net_add(&net, AKIDA_LAYER_FULLY, 4)->activation = false;
	assert_true(net_done(&net));
	return net_model(&net);
}

static void test_place_uses_every_np_and_no_more(void **state)
{
	static const struct {
		const char *chip;
		uint32_t nps;
	} cases[] = {{"akd1500", 32}, {"akd1000", 78}};
	struct ak_placement pl;

	(void)state;
	for (int c = 0; c < 2; c++) {
		const struct ak_map_chip *chip = ak_map_chip_find(cases[c].chip);
		struct akida_diag *diag = akida_diag_create();
		struct akida_model *m = deep(8, cases[c].nps - 1);
		bool used[6][6][4] = {{{false}}};

		assert_int_equal(ak_place(m, chip, AKIDA_MAP_MINIMAL, &pl, diag), 0);
		assert_int_equal(pl.nps, cases[c].nps);
		for (uint32_t i = 1; i < pl.count; i++) {
			const struct ak_np *np = &pl.layers[i].parts[0].np;

			assert_false(used[np->col][np->row][np->id]);
			used[np->col][np->row][np->id] = true;
		}
		ak_placement_fini(&pl);
		akida_model_destroy(m);
		m = deep(8, cases[c].nps);
		assert_int_equal(ak_place(m, chip, AKIDA_MAP_MINIMAL, &pl, diag), 0);
		assert_int_equal(pl.nps, cases[c].nps + 1);
		assert_int_equal(pl.passes, 2);
		ak_placement_fini(&pl);
		akida_model_destroy(m);
		akida_diag_destroy(diag);
	}
}

static void test_place_needs_another_pass_for_more_fnp3(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct ak_placement pl;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	net_input(&n, 8, 8, 1, 4);
	assert_true(net_done(&n));
	for (int i = 0; i < 8; i++) {
		net_add(&n, AKIDA_LAYER_FULLY, 4)->activation = i < 7;
		assert_true(net_done(&n));
	}
	m = net_model(&n);
	assert_int_equal(ak_place(m, ak_map_chip_find("akd1500"), AKIDA_MAP_MINIMAL, &pl, diag), 0);
	assert_int_equal(pl.passes, 2);
	assert_int_equal(pl.layers[7].pass, 0);
	assert_int_equal(pl.layers[8].pass, 1);
	assert_int_equal(pl.layers[8].id, 1);
	ak_placement_fini(&pl);
	assert_int_equal(ak_place(m, ak_map_chip_find("akd1000"), AKIDA_MAP_MINIMAL, &pl, diag), 0);
	assert_int_equal(pl.passes, 1);
	ak_placement_fini(&pl);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

/* Two layers for the one FNP2 of an AKD1500: the second goes to several FNP3, or is refused where that is not enough. */
static void test_place_has_one_fnp2(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct ak_placement pl;
	struct akida_model *m;
	struct net n;

	(void)state;
	for (uint32_t units = 300; units <= 3000; units += 2700) {
		net_init(&n, 1);
		net_input(&n, 8, 8, 1, 16);
		assert_true(net_done(&n));
		net_add(&n, AKIDA_LAYER_FULLY, 256);
		assert_true(net_done(&n));
		net_add(&n, AKIDA_LAYER_FULLY, units)->activation = false;
		assert_true(net_done(&n));
		m = net_model(&n);
		assert_int_equal(ak_place(m, ak_map_chip_find("akd1500"), AKIDA_MAP_MINIMAL, &pl, diag),
				 units > 300 ? -ENOSPC : 0);
		if (units == 300) {
			assert_true(pl.layers[1].fnp2 && !pl.layers[2].fnp2);
			assert_int_equal(pl.layers[2].count, 2);
		} else {
			assert_string_equal(akida_diag_first_error(diag)->rule, "map.fnp2");
			assert_non_null(strstr(akida_diag_first_error(diag)->text, "15 FNP3"));
		}
		ak_placement_fini(&pl);
		akida_model_destroy(m);
	}
	akida_diag_destroy(diag);
}

/* Free NPs go to the slowest layers; nothing becomes slower, the last layer stays, and what fits minimally still fits. */
static void test_all_nps_shortens_the_slowest_layers(void **state)
{
	const struct ak_map_chip *chip = ak_map_chip_find("akd1500");
	struct akida_model *m = net_first_light(1);
	struct ak_placement few, many;
	uint64_t before = 0, after = 0, cycles;
	double energy;

	(void)state;
	assert_int_equal(ak_place(m, chip, AKIDA_MAP_MINIMAL, &few, NULL), 0);
	assert_int_equal(ak_place(m, chip, AKIDA_MAP_ALL_NPS, &many, NULL), 0);
	assert_int_equal(few.nps, 4);
	assert_in_range(many.nps, 12, 32);
	for (uint32_t i = 1; i < m->count; i++) {
		const struct ak_layer_place *p = &many.layers[i];
		uint32_t area = 0;

		ak_map_cost(&few.layers[i], chip, 0.5, &cycles, &energy);
		before = cycles > before ? cycles : before;
		ak_map_cost(p, chip, 0.5, &cycles, &energy);
		after = cycles > after ? cycles : after;
		assert_true(p->count >= few.layers[i].count);
		for (uint32_t n = 0; p->layer->type != AKIDA_LAYER_FULLY && n < p->count; n++)
			area += p->parts[n].out_rows * p->parts[n].filters;
		if (area)
			assert_int_equal(area, p->layer->conv_h * p->layer->filters);
	}
	assert_int_equal(many.layers[4].count, 1);
	assert_true(after * 2 < before);
	ak_placement_fini(&few);
	ak_placement_fini(&many);
	akida_model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chip_tables_have_published_counts),
		cmocka_unit_test(test_split_decoded_programs_as_seen),
		cmocka_unit_test(test_split_akidanet_has_published_counts),
		cmocka_unit_test(test_split_pooling_keeps_windows_whole),
		cmocka_unit_test(test_split_stride_two_starts_parts_on_even_rows),
		cmocka_unit_test(test_split_refuses_what_cannot_be_cut),
		cmocka_unit_test(test_place_fills_in_the_order_of_vendor_programs),
		cmocka_unit_test(test_place_uses_every_np_and_no_more),
		cmocka_unit_test(test_place_needs_another_pass_for_more_fnp3),
		cmocka_unit_test(test_place_has_one_fnp2),
		cmocka_unit_test(test_all_nps_shortens_the_slowest_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
