/* SPDX-License-Identifier: MIT */
/* A float network quantized for Akida 2 converts; a Dense whose input channels have scales of their own is refused. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include <akida/status.h>

static struct akida_graph *quantized_net(void)
{
	struct akida_graph *g = net_start(6, 6, 1), *q;
	struct akida_quant_params p;
	struct akida_array x;

	net_conv(g, 2, 3, 1);
	net_relu(g, 0);
	net_conv(g, 2, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
	net_finish(g);
	x = net_samples(g, 8);
	akida_quant_params_init(&p);
	p.weight_bits = p.activation_bits = 8;
	p.per_tensor = 0;
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	akida_array_fini(&x);
	akida_graph_destroy(g);
	return q;
}

static void test_v2_float_network_quantizes_and_converts(void **state)
{
	struct akida_graph *q = quantized_net();
	struct akida_model *m = NULL;

	(void)state;
	assert_int_equal(akida_convert_v2(q, &m, NULL), 0);
	assert_int_equal(akida_model_layers(m), 4);
	akida_model_destroy(m);
	akida_graph_destroy(q);
}

static void test_v2_dense_of_channels_with_scales_of_their_own_is_refused(void **state)
{
	struct akida_graph *q = quantized_net();
	struct ak_node_quant *r = &q->nodes[4].quant;
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL;

	(void)state;
	r->range_max = realloc(r->range_max, 2 * sizeof(float));
	r->rescaling_rate = realloc(r->rescaling_rate, 2 * sizeof(float));
	assert_true(r->range_max && r->rescaling_rate);
	r->range_max[0] = 15.9375f;
	r->range_max[1] = 63.75f;
	r->rescaling_rate[1] = 1;
	r->range_count = 2;
	r->out_per_axis = true;
	assert_int_equal(akida_convert_v2(q, &m, diag), -EOPNOTSUPP);
	assert_null(m);
	assert_string_equal(akida_diag_first_error(diag)->rule, "v2.dense-scale");
	assert_string_equal(akida_diag_first_error(diag)->node, q->nodes[6].name);
	akida_diag_destroy(diag);
	akida_graph_destroy(q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2_float_network_quantizes_and_converts),
		cmocka_unit_test(test_v2_dense_of_channels_with_scales_of_their_own_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
