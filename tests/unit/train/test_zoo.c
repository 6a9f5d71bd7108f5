/* SPDX-License-Identifier: MIT */
/* Networks of the model zoo: the reference's parameter counts (model-zoo 4), files, options and their refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/zoo.h>
#include "graph/graph.h"

static uint64_t parameters(const struct akida_graph *g)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			n += g->nodes[i].weights[k].count;
	return n;
}

static struct akida_graph *create(const char *name, struct akida_zoo_params p)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;

	p.size = sizeof(p);
	if (akida_zoo_create(name, &p, &g, diag))
		fail_msg("%s: %s", name, akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return g;
}

struct row {
	const char *name;
	struct akida_zoo_params p;
	uint64_t parameters;
	uint32_t outputs;
	bool v1, v2;
};

static const struct row rows[] = {
	{"vgg_utk_face", {0}, 120561, 1, true, true},
	{"gxnor_mnist", {0}, 167346, 10, true, true},
	{"ds_cnn_kws", {0}, 23713, 33, true, true},
	{"ds_cnn_kws", {.classes = 12}, 22348, 12, true, true},
	{"convtiny_dvs_gesture", {0}, 139040, 10, true, true},
	{"convtiny_dvs_handy", {0}, 137632, 9, true, true},
	{"mobilenet_imagenet", {.alpha = 1}, 4233024, 1000, true, true},
	{"mobilenet_imagenet", {.alpha = 0.5f}, 1331616, 1000, true, true},
	{"mobilenet_imagenet", {.alpha = 0.25f}, 469584, 1000, true, true},
	{"akidanet_imagenet", {0}, 4445000, 1000, true, true},
	{"akidanet_imagenet", {.alpha = 0.5f, .image_size = 160}, 1384856, 1000, true, true},
	{"akidanet_imagenet", {.alpha = 0.25f}, 483392, 1000, true, true},
	{"akidanet_imagenet", {.alpha = 0.25f, .image_size = 96, .classes = 2}, 226906, 2, true, true},
	{"akidanet18_imagenet", {.image_size = 160}, 2366312, 1000, false, true},
	{"pointnet_plus_modelnet40", {0}, 279816, 40, true, true},
	{"yolo_base", {0}, 3568590, 7 * 7 * 30, true, true},
	{"yolo_base", {.classes = 2}, 3573715, 7 * 7 * 35, true, true},
	{"yolo_base", {.classes = 20}, 3665965, 7 * 7 * 125, true, true},
	{"centernet", {.image_size = 224}, 2383256, 56 * 56 * 24, false, true},
	{"akida_unet_portrait128", {0}, 1058865, 128 * 128, false, true},
	{"tenn_spatiotemporal_dvs128", {0}, 170226, 15 * 10, false, true},
	{"tenn_spatiotemporal_eye", {0}, 212504, 50 * 3 * 4 * 3, false, true},
	{"tenn_spatiotemporal_jester", {0}, 1353895, 16 * 27, false, true},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void test_parameter_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		for (uint32_t version = 1; version <= 2; version++) {
			struct akida_zoo_params p = rows[i].p;
			struct akida_graph *g;

			if (!(version == 1 ? rows[i].v1 : rows[i].v2))
				continue;
			p.akida_version = version;
			g = create(rows[i].name, p);
			if (parameters(g) != rows[i].parameters)
				fail_msg("%s v%u: %llu parameters, %llu published", rows[i].name, version,
					 (unsigned long long)parameters(g), (unsigned long long)rows[i].parameters);
			assert_int_equal(akida_graph_outputs(g), rows[i].outputs);
			akida_graph_destroy(g);
		}
}

static const struct ak_node *node(const struct akida_graph *g, const char *name)
{
	for (uint32_t i = 0; i < g->count; i++)
		if (!strcmp(g->nodes[i].name, name))
			return &g->nodes[i];
	fail_msg("no layer %s", name);
	return NULL;
}

/* Where versions differ: fused or split, ReLU maxima, the place of the global average. */
static void test_versions_differ_as_published(void **state)
{
	struct akida_graph *v1 =
		create("akidanet_imagenet", (struct akida_zoo_params){.akida_version = 1, .alpha = 0.25f});
	struct akida_graph *v2 =
		create("akidanet_imagenet", (struct akida_zoo_params){.akida_version = 2, .alpha = 0.25f});

	(void)state;
	assert_int_equal(node(v1, "separable_4")->op, AK_OP_SEPARABLE);
	assert_int_equal(node(v2, "dw_separable_4")->op, AK_OP_DEPTHWISE);
	assert_false(node(v2, "dw_separable_4")->use_bias);
	assert_int_equal(node(v2, "pw_separable_4")->kernel_h, 1);
	assert_true(node(v1, "conv_0/relu")->max_value == 6.0f);
	assert_true(node(v2, "conv_0/relu")->max_value == 7.5f);
	assert_int_equal(v1->nodes[node(v1, "separable_13/BN")->inputs[0]].op, AK_OP_GAP);
	assert_int_equal(v2->nodes[node(v2, "pw_separable_13/global_avg")->inputs[0]].op, AK_OP_RELU);
	assert_string_equal(akida_graph_name(v2), "akidanet_0.25_224_1000");
	assert_true(node(v2, "rescaling")->scale == 1.0f / 128 && node(v2, "rescaling")->offset == -1);
	akida_graph_destroy(v1);
	akida_graph_destroy(v2);
}

static bool graphs_equal(const struct akida_graph *a, const struct akida_graph *b)
{
	if (a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		const struct ak_node *x = &a->nodes[i], *y = &b->nodes[i];

		if (x->op != y->op || strcmp(x->name, y->name) || x->rank != y->rank ||
		    memcmp(x->dims, y->dims, sizeof(x->dims)) || x->weight_count != y->weight_count)
			return false;
		for (uint32_t k = 0; k < x->weight_count; k++)
			if (x->weights[k].count != y->weights[k].count ||
			    memcmp(x->weights[k].data, y->weights[k].data, x->weights[k].count * sizeof(float)))
				return false;
	}
	return true;
}

/* Every network of the list, the smallest of its kind, through a file and back. */
static void test_files_hold_them(void **state)
{
	char path[] = "/tmp/akida-zoo-XXXXXX.h5";
	struct akida_zoo_info info = {.size = sizeof(info)};
	uint32_t count = 0;

	(void)state;
	close(mkstemps(path, 3));
	for (uint32_t i = 0; !akida_zoo_network(i, &info); i++) {
		struct akida_zoo_params p = {.akida_version = info.v1 ? 1 : 2};
		struct akida_graph *g, *back = NULL;

		count++;
		if (info.options & AKIDA_ZOO_ALPHA && strcmp(info.name, "yolo_base"))
			p.alpha = 0.25f;
		if (info.options & AKIDA_ZOO_BASE && info.defaults.base_layer)
			continue; /* test_edge_grows_on_a_base */
		g = create(info.name, p);
		assert_int_equal(akida_graph_save(g, path, NULL), 0);
		assert_int_equal(akida_graph_load(path, &back, NULL), 0);
		if (!graphs_equal(g, back))
			fail_msg("%s comes back different", info.name);
		akida_graph_destroy(g);
		akida_graph_destroy(back);
	}
	assert_int_equal(count, 16);
	unlink(path);
}

static void test_seed_decides_weights(void **state)
{
	struct akida_graph *a = create("ds_cnn_kws", (struct akida_zoo_params){.seed = 1});
	struct akida_graph *b = create("ds_cnn_kws", (struct akida_zoo_params){.seed = 1});
	struct akida_graph *c = create("ds_cnn_kws", (struct akida_zoo_params){.seed = 2});
	const struct ak_weight *w = ak_node_weight(node(a, "conv_0"), "kernel");
	float limit = 0.0608f; /* sqrt(6 / (25 * (1 + 64))) */

	(void)state;
	assert_true(graphs_equal(a, b));
	assert_false(graphs_equal(a, c));
	for (size_t i = 0; i < w->count; i++)
		assert_true(w->data[i] >= -limit && w->data[i] <= limit);
	akida_graph_destroy(a);
	akida_graph_destroy(b);
	akida_graph_destroy(c);
}

static void refused(const char *name, struct akida_zoo_params p, int want, const char *rule)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	int err;

	p.size = sizeof(p);
	err = akida_zoo_create(name, &p, &g, diag);
	assert_null(g);
	assert_int_equal(err, want);
	assert_string_equal(akida_diag_first_error(diag)->rule, rule);
	assert_string_not_equal(akida_diag_first_error(diag)->remedy, "");
	akida_diag_destroy(diag);
}

static void test_options_are_refused(void **state)
{
	(void)state;
	refused("akidanet", (struct akida_zoo_params){0}, -ENOENT, "train.network");
	refused("gxnor_mnist", (struct akida_zoo_params){.classes = 11}, -EINVAL, "zoo.option");
	refused("gxnor_mnist", (struct akida_zoo_params){.alpha = 0.5f}, -EINVAL, "zoo.option");
	refused("ds_cnn_kws", (struct akida_zoo_params){.image_size = 64}, -EINVAL, "zoo.option");
	refused("ds_cnn_kws", (struct akida_zoo_params){.anchors = 3}, -EINVAL, "zoo.option");
	refused("ds_cnn_kws", (struct akida_zoo_params){.base_weights = "x.h5"}, -EINVAL, "zoo.option");
	refused("ds_cnn_kws", (struct akida_zoo_params){.classes = 1000000}, -EINVAL, "zoo.option");
	refused("ds_cnn_kws", (struct akida_zoo_params){.akida_version = 3}, -EINVAL, "zoo.option");
	refused("akidanet_imagenet", (struct akida_zoo_params){.image_size = 100}, -EINVAL, "zoo.option");
	refused("akidanet_imagenet", (struct akida_zoo_params){.alpha = -1}, -EINVAL, "zoo.option");
	refused("akidanet_imagenet", (struct akida_zoo_params){.alpha = (float)(0.0 / 1.0) + 1e-3f}, -EINVAL,
		"zoo.option");
	refused("centernet", (struct akida_zoo_params){.image_size = 160}, -EINVAL, "zoo.option");
	refused("centernet", (struct akida_zoo_params){.akida_version = 1}, -EINVAL, "zoo.option");
	refused("tenn_spatiotemporal_eye", (struct akida_zoo_params){.akida_version = 1}, -EINVAL, "zoo.option");
	refused("akidanet_edge_imagenet", (struct akida_zoo_params){0}, -EINVAL, "zoo.option");
}

static void test_edge_grows_on_a_base(void **state)
{
	char path[] = "/tmp/akida-zoo-XXXXXX.h5";
	struct akida_zoo_params p = {.akida_version = 1, .base_weights = path};
	struct akida_graph *base, *g;

	(void)state;
	close(mkstemps(path, 3));
	base = create("akidanet_imagenet",
		      (struct akida_zoo_params){.akida_version = 1, .alpha = 0.5f, .image_size = 32, .seed = 9});
	assert_int_equal(akida_graph_save(base, path, NULL), 0);
	g = create("akidanet_edge_imagenet", p);
	assert_int_equal(parameters(g), 3981232);
	assert_int_equal(akida_graph_outputs(g), 1000);
	assert_true(node(g, "spike_generator/relu")->max_value == 1.0f);
	assert_memory_equal(ak_node_weight(node(g, "separable_7"), "pointwise_kernel")->data,
			    ak_node_weight(node(base, "separable_7"), "pointwise_kernel")->data,
			    256 * 256 * sizeof(float));
	akida_graph_destroy(g);
	p.base_layer = "no_such_layer";
	refused("akidanet_edge_imagenet", p, -ENOENT, "zoo.option");
	p.base_layer = NULL;
	g = create("yolo_base", (struct akida_zoo_params){.akida_version = 1, .base_weights = path});
	assert_memory_equal(ak_node_weight(node(g, "conv_3"), "kernel")->data,
			    ak_node_weight(node(base, "conv_3"), "kernel")->data, 64 * sizeof(float));
	akida_graph_destroy(g);
	p.alpha = 0; /* another width: no layer fits */
	refused("centernet", (struct akida_zoo_params){.base_weights = path}, -EINVAL, "zoo.option");
	akida_graph_destroy(base);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parameter_counts),    cmocka_unit_test(test_versions_differ_as_published),
		cmocka_unit_test(test_files_hold_them),	    cmocka_unit_test(test_seed_decides_weights),
		cmocka_unit_test(test_options_are_refused), cmocka_unit_test(test_edge_grows_on_a_base),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
