/* SPDX-License-Identifier: MIT */
/* The v1 rules on real networks: two that must be refused with every offence named, and the vendor's own that passes. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include <akida/zoo.h>

static const struct akida_diag_record *find(const struct akida_diag *diag, const char *rule, const char *node)
{
	for (size_t i = 0; i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);

		if (!strcmp(r->rule, rule) && (!node || !strcmp(r->node, node)))
			return r;
	}
	return NULL;
}

static struct akida_graph *load_shared(const char *file)
{
	const char *root = getenv("AKIDA_SHARED");
	struct akida_graph *g;
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/%s", root ? root : "../shared", file);
	f = fopen(path, "rb");
	if (!f) {
		print_message("%s is not there\n", path);
		skip();
	}
	fclose(f);
	assert_int_equal(akida_graph_load(path, &g, NULL), 0);
	return g;
}

static void expect(const struct akida_diag *diag, const char *rule, const char *node, const char *value)
{
	const struct akida_diag_record *r = find(diag, rule, node);

	if (!r)
		print_message("no %s at %s\n", rule, node);
	assert_non_null(r);
	assert_non_null(strstr(r->value, value));
	assert_true(strlen(r->limit) > 0);
	assert_true(strlen(r->remedy) > 0);
}

static void test_check_resnet8_names_every_offence(void **state)
{
	struct akida_graph *g = load_shared("models/mlperf_tiny_resnet8_cifar10.h5");
	struct akida_diag *diag = akida_diag_create();
	size_t relus = 0;

	(void)state;
	assert_true(akida_check(g, "akd1000", diag) >= 15);
	expect(diag, "v1.branch", "add", "2");
	expect(diag, "v1.branch", "add_1", "2");
	expect(diag, "v1.branch", "add_2", "2");
	expect(diag, "v1.stride", "conv2d_5", "2x2 with a 1x1 kernel");
	expect(diag, "v1.stride", "conv2d_8", "2x2 with a 1x1 kernel");
	expect(diag, "v1.block-order", "average_pooling2d", "");
	for (size_t i = 0; i < akida_diag_count(diag); i++)
		relus += !strcmp(akida_diag_get(diag, i)->rule, "v1.relu-bound");
	assert_int_equal(relus, 7);
	assert_null(find(diag, "v1.last-layer", NULL));
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_check_ecg_names_every_offence(void **state)
{
	static const char *const relus[] = {"re_lu", "re_lu_1", "re_lu_2", "re_lu_3"};
	static const char *const pools[] = {"max_pooling2d", "max_pooling2d_1", "max_pooling2d_2"};
	struct akida_graph *g = load_shared("ecg/cnn_model.h5");
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(akida_check(g, "akd1000", diag), 7);
	for (int i = 0; i < 4; i++)
		expect(diag, "v1.relu-bound", relus[i], "none");
	for (int i = 0; i < 3; i++)
		expect(diag, "v1.pool-size", pools[i], "3x3 stride 3x3");
	assert_int_equal(find(diag, "v1.pool-before-dense", "max_pooling2d_2")->severity, AKIDA_WARNING);
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

/* The vendor's own v1 network passes, quantizes and converts. */
static void test_check_vendor_network_passes_and_converts(void **state)
{
	struct akida_graph *g = load_shared("models/akidanet_vww.h5"), *q;
	struct akida_quant_params p;
	struct akida_model *m;

	(void)state;
	akida_quant_params_init(&p);
	p.num_samples = 1;
	assert_int_equal(akida_check(g, "akd1000", NULL), 0);
	assert_int_equal(akida_quantize(g, &p, NULL, &q, NULL), 0);
	assert_int_equal(akida_check(q, "akd1000", NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	assert_true(akida_model_layers(m) > 10);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* The chip has one width for both kernels of a separable layer. */
static void test_check_separable_kernels_of_two_widths_are_named(void **state)
{
	struct akida_graph *g = net_start(16, 16, 1), *q;
	struct akida_diag *diag = akida_diag_create();
	uint32_t separable;

	(void)state;
	net_conv(g, 4, 3, 1);
	net_relu(g, 6);
	net_separable(g, 8, 3, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	net_finish(g);
	assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
	separable = net_find(q, AK_OP_SEPARABLE, 0);
	assert_int_equal(akida_check(q, "akd1000", diag), 0);
	q->nodes[separable].quant.dw_weight_bits = 8;
	assert_true(akida_check(q, "akd1000", diag) > 0);
	expect(diag, "v1.weight-bits", q->nodes[separable].name, "8");
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* Networks of the model zoo for Akida 2: nothing the silicon lacks, and layers for all of them. */
static void test_check_zoo_networks_pass_for_akida2(void **state)
{
	static const char *const names[] = {"ds_cnn_kws",
					    "convtiny_dvs_gesture",
					    "akida_unet_portrait128",
					    "tenn_spatiotemporal_dvs128",
					    "tenn_spatiotemporal_eye",
					    "vgg_utk_face"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct akida_graph *g, *q;
		struct akida_quant_params p;
		struct akida_model *m;

		assert_int_equal(akida_zoo_create(names[i], NULL, &g, NULL), 0);
		assert_int_equal(akida_check(g, "akida2", NULL), 0);
		akida_quant_params_init(&p);
		p.weight_bits = p.activation_bits = 8;
		p.per_tensor = 0;
		p.split_separables = 1;
		p.num_samples = p.batch_size = 1;
		assert_int_equal(akida_quantize(g, &p, NULL, &q, NULL), 0);
		assert_int_equal(akida_check(q, "akida2", NULL), 0);
		assert_int_equal(akida_convert_v2(q, &m, NULL), 0);
		akida_model_destroy(m);
		akida_graph_destroy(q);
		akida_graph_destroy(g);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check_separable_kernels_of_two_widths_are_named),
		cmocka_unit_test(test_check_zoo_networks_pass_for_akida2),
		cmocka_unit_test(test_check_resnet8_names_every_offence),
		cmocka_unit_test(test_check_ecg_names_every_offence),
		cmocka_unit_test(test_check_vendor_network_passes_and_converts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
