// SPDX-License-Identifier: MIT
/* The built-in networks, and training's forward pass against the graph's own inference. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <string.h>
#include "train/onednn.h"
#include "train/random.h"
#include <akida/train.h>

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

static void compare_with_graph(const char *name)
{
	struct ak_random r = ak_random_stream(11, 1);
	struct akida_array x = {0};
	struct akida_graph *g;
	struct ak_chain chain;
	struct ak_dnn *d;
	float out[5 * 10];

	assert_int_equal(akida_network_create(name, 9, &g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++) /* statistics and biases that are not trivial */
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			if (g->nodes[i].weights[k].rank == 1)
				for (size_t j = 0; j < g->nodes[i].weights[k].count; j++)
					g->nodes[i].weights[k].data[j] += 0.2f * ak_random_unit(&r);
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 4, (size_t[]){5, 28, 28, 1}), 0);
	for (int i = 0; i < 5 * 784; i++)
		((uint8_t *)x.data)[i] = (uint8_t)ak_random_below(&r, 256);
	assert_int_equal(akida_graph_forward(g, &x, out, NULL), 0);
	assert_int_equal(ak_chain_init(&chain, g, NULL), 0);
	assert_int_equal(ak_dnn_create(&chain, 5, NULL, NULL, &d, NULL), 0);
	for (int i = 0; i < 5 * 784; i++)
		ak_dnn_input(d)[i] = ((uint8_t *)x.data)[i] * chain.scale + chain.offset;
	assert_int_equal(ak_dnn_forward(d, false, 0), 0);
	for (int i = 0; i < 50; i++)
		if (fabsf(out[i] - ak_dnn_logits(d)[i]) > 1e-4f * (1 + fabsf(out[i])))
			fail_msg("%s: output %d is %g, the graph computes %g", name, i, ak_dnn_logits(d)[i], out[i]);
	ak_dnn_destroy(d);
	ak_chain_fini(&chain);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

static void test_forward_equals_the_graphs_inference(void **state)
{
	(void)state;
	compare_with_graph("mnist");
	compare_with_graph("first-light");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_network_create_mnist_has_10330_parameters),
		cmocka_unit_test(test_network_create_same_seed_same_weights),
		cmocka_unit_test(test_network_create_unknown_name_is_enoent),
		cmocka_unit_test(test_forward_equals_the_graphs_inference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
