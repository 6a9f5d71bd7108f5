// SPDX-License-Identifier: MIT
/* The built-in networks, and training's forward pass against the graph's own inference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "train/onednn.h"
#include "train/random.h"
#include <akida/train.h>

#define BATCH 3

static uint64_t parameters(const struct akida_graph *g)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < akida_graph_nodes(g); i++) {
		struct akida_node_info info = {.size = sizeof(info)};

		assert_int_equal(akida_graph_node(g, i, &info), 0);
		n += info.parameters;
	}
	return n;
}

static void test_network_create_mnist_has_10330_parameters(void **state)
{
	struct akida_graph *g;
	uint32_t dims[4];

	(void)state;
	assert_int_equal(akida_network_create("mnist", 1, &g, NULL), 0);
	assert_int_equal(parameters(g), 10330);
	assert_int_equal(akida_graph_outputs(g), 10);
	assert_int_equal(akida_graph_input(g, dims), 3);
	assert_true(dims[0] == 28 && dims[1] == 28 && dims[2] == 1);
	akida_graph_destroy(g);
}

static void test_network_create_same_seed_same_weights(void **state)
{
	struct akida_graph *a, *b, *c;
	const struct ak_weight *w;

	(void)state;
	assert_int_equal(akida_network_create("first-light", 3, &a, NULL), 0);
	assert_int_equal(akida_network_create("first-light", 3, &b, NULL), 0);
	assert_int_equal(akida_network_create("first-light", 4, &c, NULL), 0);
	w = &a->nodes[2].weights[0];
	assert_memory_equal(w->data, b->nodes[2].weights[0].data, w->count * sizeof(float));
	assert_memory_not_equal(w->data, c->nodes[2].weights[0].data, w->count * sizeof(float));
	akida_graph_destroy(a);
	akida_graph_destroy(b);
	akida_graph_destroy(c);
}

/* Words, their parameters counted by hand, and layers: input, rescaling, and what the words say. */
static void test_network_create_from_words(void **state)
{
	static const struct {
		const char *text;
		uint64_t parameters; /* 0: refused */
		uint32_t nodes;
	} cases[] = {
		{"c3x16p2r3-c3x16p2r3-d10", 10330, 10},
		{"d10", 7850, 4},
		{"c5x8s2nr6-d10", 25 * 8 + 4 * 8 + 14 * 14 * 8 * 10 + 10, 7},
		{"c7x4s3-s3x6p2n-d3", 49 * 4 + 4 + 9 * 4 + 4 * 6 + 4 * 6 + 5 * 5 * 6 * 3 + 3, 8},
		{"c3x4-d5r1-d10", 9 * 4 + 4 + 784 * 4 * 5 + 5 + 5 * 10 + 10, 7},
		{"", 0, 0},
		{"c3x16-", 0, 0},
		{"-d10", 0, 0},
		{"c3", 0, 0},
		{"c0x4-d10", 0, 0},
		{"c8x4-d10", 0, 0},
		{"c3x0-d10", 0, 0},
		{"c3x99999999999-d10", 0, 0},
		{"c3x4s-d10", 0, 0},
		{"c3x4s4-d10", 0, 0},
		{"c3x4q1-d10", 0, 0},
		{"d10p2", 0, 0},
		{"d10-c3x4", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct akida_graph *g = NULL;
		int err = akida_network_create(cases[i].text, 1, &g, NULL);

		if (err != (cases[i].parameters ? 0 : -ENOENT))
			fail_msg("%s: %d", cases[i].text, err);
		if (err) {
			assert_null(g);
			continue;
		}
		if (parameters(g) != cases[i].parameters || akida_graph_nodes(g) != cases[i].nodes)
			fail_msg("%s: %llu parameters, %u nodes", cases[i].text, (unsigned long long)parameters(g),
				 akida_graph_nodes(g));
		akida_graph_destroy(g);
	}
}

static void test_network_create_unknown_name_is_enoent(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;

	(void)state;
	assert_int_equal(akida_network_create("resnet", 1, &g, diag), -ENOENT);
	assert_null(g);
	assert_string_equal(akida_diag_first_error(diag)->rule, "train.network");
	akida_diag_destroy(diag);
}

/* Inference of training's network against the graph's own, on random pixels. Takes the graph. */
static void compare_with_graph(struct akida_graph *g, float tolerance)
{
	struct ak_random r = ak_random_stream(11, 1);
	struct akida_array x = {0};
	struct ak_chain chain;
	struct ak_dnn *d;
	uint32_t dims[4];
	size_t values, outputs = akida_graph_outputs(g);
	float *out = calloc(BATCH * outputs, sizeof(float)), largest = 0;

	assert_non_null(out);
	assert_int_equal(akida_graph_input(g, dims), 3);
	values = (size_t)dims[0] * dims[1] * dims[2];
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 4, (size_t[]){BATCH, dims[0], dims[1], dims[2]}), 0);
	for (size_t i = 0; i < BATCH * values; i++)
		((uint8_t *)x.data)[i] = (uint8_t)ak_random_below(&r, 256);
	assert_int_equal(akida_graph_forward(g, &x, out, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, g, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, BATCH, NULL, NULL, &d, NULL), 0);
	for (size_t i = 0; i < BATCH * values; i++)
		ak_dnn_input(d)[i] = ((uint8_t *)x.data)[i] * chain.scale + chain.offset;
	assert_int_equal(ak_dnn_forward(d, false, 0), 0);
	for (size_t i = 0; i < BATCH * outputs; i++)
		largest = fmaxf(largest, fabsf(out[i]));
	assert_true(largest > 0);
	for (size_t i = 0; i < BATCH * outputs; i++)
		if (fabsf(out[i] - ak_dnn_logits(d)[i]) > tolerance * largest)
			fail_msg("%s: output %zu is %g, the graph computes %g", akida_graph_name(g), i,
				 ak_dnn_logits(d)[i], out[i]);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(g);
	akida_array_fini(&x);
	free(out);
}

static void compare_built_in(const char *name)
{
	struct ak_random r = ak_random_stream(12, 1);
	struct akida_graph *g;

	assert_int_equal(akida_network_create(name, 9, &g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++) /* statistics and biases that are not trivial */
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			if (g->nodes[i].weights[k].rank == 1)
				for (size_t j = 0; j < g->nodes[i].weights[k].count; j++)
					g->nodes[i].weights[k].data[j] += 0.2f * ak_random_unit(&r);
	compare_with_graph(g, 1e-4f);
}

static bool load_shared(const char *file, struct akida_graph **g)
{
	const char *shared = getenv("AKIDA_SHARED");
	char path[512];

	snprintf(path, sizeof(path), "%s/data/%s", shared ? shared : "../shared", file);
	if (access(path, R_OK)) {
		print_message("no %s\n", path);
		return false;
	}
	assert_int_equal(akida_graph_load(path, g, NULL), 0);
	return true;
}

/* The ECG network ends in logits, in front of them batch normalizations, 3x3 pools and dropout. */
static void test_forward_of_the_ecg_network_equals_the_graphs_inference(void **state)
{
	struct akida_graph *g;

	(void)state;
	if (!load_shared("ecg/cnn_model.h5", &g))
		skip();
	compare_with_graph(g, 1e-4f);
}

/* Separable convolutions of stride 1 and 2, ReLU 6, global average pooling: the vendor's own zoo. */
static void test_forward_of_akidanet_equals_the_graphs_inference(void **state)
{
	struct akida_graph *g;

	(void)state;
	if (!load_shared("models/akidanet_vww.h5", &g))
		skip();
	compare_with_graph(g, 1e-4f);
}

/* Branches that meet in additions. */
static void test_forward_of_a_residual_network_equals_the_graphs_inference(void **state)
{
	struct akida_graph *g;

	(void)state;
	if (!load_shared("models/mlperf_tiny_resnet8_cifar10.h5", &g))
		skip();
	assert_int_equal(g->nodes[g->output].act, AK_ACT_SOFTMAX);
	g->nodes[g->output].act = AK_ACT_LINEAR; /* training leaves it to the loss */
	compare_with_graph(g, 1e-4f);
}

static void test_forward_equals_the_graphs_inference(void **state)
{
	(void)state;
	compare_built_in("mnist");
	compare_built_in("first-light");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_create_mnist_has_10330_parameters),
		cmocka_unit_test(test_network_create_same_seed_same_weights),
		cmocka_unit_test(test_network_create_from_words),
		cmocka_unit_test(test_network_create_unknown_name_is_enoent),
		cmocka_unit_test(test_forward_equals_the_graphs_inference),
		cmocka_unit_test(test_forward_of_the_ecg_network_equals_the_graphs_inference),
		cmocka_unit_test(test_forward_of_akidanet_equals_the_graphs_inference),
		cmocka_unit_test(test_forward_of_a_residual_network_equals_the_graphs_inference),
	};

	ak_dnn_threads(1); /* idle threads spin */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
