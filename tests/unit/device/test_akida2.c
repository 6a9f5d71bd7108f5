/* SPDX-License-Identifier: MIT */
/* The virtual meshes of Akida 2: what they take gives the outputs of cpu; what their silicon lacks is refused by rule. */
#include "tests/unit/quant/net_v2.h"
#include <errno.h>
#include <akida/convert.h>
#include <akida/run.h>

static struct akida_model *convert(struct akida_graph *g, uint32_t weights, struct akida_array *x)
{
	struct akida_graph *q;
	struct akida_model *m;

	*x = net2_samples(g);
	net2_quantize(g, x, weights, weights, &q);
	assert_int_equal(akida_convert_v2(q, &m, NULL), 0);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	return m;
}

static int run(const char *device, const struct akida_model *m, const struct akida_array *x, int32_t *out,
	       struct akida_diag *diag)
{
	struct akida_device *d;
	struct akida_session *s;
	int err;

	assert_int_equal(akida_device_open(device, &d, NULL), 0);
	err = akida_session_create(d, NULL, m, NULL, &s, diag);
	if (!err) {
		assert_int_equal(akida_session_run(s, x->data, NET2_FRAMES, out), NET2_FRAMES);
		akida_session_destroy(s);
	}
	akida_device_close(d);
	return err;
}

static void test_meshes_give_the_outputs_of_cpu(void **state)
{
	static const struct net2 nets[] = {
		{net2_transposes, 3, 0}, {net2_temporal, 2, 0}, {net2_branches, 3, 0},
		{net2_averages, 1, 0},	 {net2_tables, 1, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(nets) / sizeof(*nets); i++) {
		struct akida_array x;
		struct akida_model *m = convert(net2_network(&nets[i]), 8, &x);
		int32_t *want, *got;
		uint32_t dims[3];
		size_t count;

		akida_model_output(m, dims);
		count = (size_t)NET2_FRAMES * dims[0] * dims[1] * dims[2];
		want = calloc(count, sizeof(*want));
		got = calloc(count, sizeof(*got));
		assert_true(want && got);
		assert_int_equal(run("cpu", m, &x, want, NULL), 0);
		/* a table behind max pooling is not on the chip */
		if (nets[i].build != net2_branches) {
			assert_int_equal(run("virtual:akida2", m, &x, got, NULL), 0);
			assert_memory_equal(want, got, count * sizeof(*want));
		}
		if (nets[i].build != net2_branches && nets[i].build != net2_temporal) {
			memset(got, 0, count * sizeof(*got));
			assert_int_equal(run("virtual:akida2:two-nodes", m, &x, got, NULL), 0);
			assert_memory_equal(want, got, count * sizeof(*want));
		}
		free(want);
		free(got);
		akida_array_fini(&x);
		akida_model_destroy(m);
	}
}

/* ---- refusals ---- */

static void valid(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_conv(g, 4, 3, 1)->same = false;
}

static void kernel(struct akida_graph *g)
{
	net_conv(g, 4, 9, 1);
}

static void depthwise_kernel(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 1, 1);
}

static void stride(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_conv(g, 4, 5, 2);
}

static void transposed_stride(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_kernel(g, AK_OP_CONV2D_TRANSPOSE, 4, 3, 3);
}

static void pool(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_conv(g, 4, 3, 1);
	net_maxpool(g, 3, 3);
	net_relu(g, 0);
	net_conv(g, 4, 3, 1);
}

static void table_and_pool(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_maxpool(g, 2, 2);
	net2_activation(g, AK_ACT_SILU);
	net_conv(g, 4, 3, 1);
}

static void global_on_input(struct akida_graph *g)
{
	net_conv(g, 4, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_GAP);
	net_dense(g, 3);
}

static void long_fifo(struct akida_graph *g)
{
	g->nodes[0].input_i8 = true;
	net2_over_time(g, AK_OP_BUFFER_TEMP_CONV, 3, 11);
}

static void dense_inputs(struct akida_graph *g)
{
	net_conv(g, 26, 3, 1);
	net_relu(g, 0);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 3);
}

static void input_filters(struct akida_graph *g)
{
	net_conv(g, 513, 3, 2);
}

static void test_meshes_refuse_what_their_silicon_lacks(void **state)
{
	static const struct {
		void (*build)(struct akida_graph *g);
		const char *rule, *value, *limit;
	} cases[] = {
		{valid, "v2.padding", "0", "1 (Same)"},
		{kernel, "v2.kernel-size", "9x9", "square sizes of this layer's kind"},
		{depthwise_kernel, "v2.kernel-size", "1x1", "square sizes of this layer's kind"},
		{stride, "v2.stride", "2 with a kernel of 5", "those of this kernel"},
		{transposed_stride, "v2.stride", "3 with a kernel of 3", "those of this kernel"},
		{pool, "v2.pool-size", "3 stride 3", "2, stride 1 or 2"},
		{table_and_pool, "v2.table-pool", "2 stride 2", "none with an activation by table"},
		{global_on_input, "v2.global-pool", "8x10", "in Conv2D, one side at most 64, at most 144 positions"},
		{long_fifo, "v2.fifo-size", "11", "2 to 10"},
		{dense_inputs, "v2.dense-inputs", "2080", "2048"},
		{input_filters, "v2.filters", "513", "512"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct net2 net = {cases[i].build, cases[i].build == long_fifo ? 2 : 3, 0};
		struct akida_diag *diag = akida_diag_create();
		struct akida_array x;
		struct akida_model *m = convert(net2_network(&net), 8, &x);
		const struct akida_diag_record *r;

		assert_int_equal(run("virtual:akida2", m, &x, NULL, diag), -EOPNOTSUPP);
		r = akida_diag_first_error(diag);
		assert_string_equal(r->rule, cases[i].rule);
		assert_string_equal(r->value, cases[i].value);
		assert_string_equal(r->limit, cases[i].limit);
		akida_diag_destroy(diag);
		akida_array_fini(&x);
		akida_model_destroy(m);
	}
}

static void test_meshes_refuse_models_of_v1_and_frames_without_memory(void **state)
{
	struct net2 over_time = {net2_temporal, 2, 0}, recurrent = {net2_recurrent, 2, 0};
	struct akida_graph *g = net_start(8, 8, 1), *q;
	struct akida_diag *diag = akida_diag_create();
	struct akida_quant_params p;
	struct akida_array x;
	struct akida_model *m;

	(void)state;
	m = convert(net2_network(&over_time), 8, &x);
	assert_int_equal(run("virtual:akida2:two-nodes", m, &x, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "v2.mesh");
	assert_string_equal(akida_diag_first_error(diag)->node, "BufferTempConv");
	akida_model_destroy(m);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	diag = akida_diag_create();
	m = convert(net2_network(&recurrent), 8, &x);
	assert_int_equal(run("virtual:akida2", m, &x, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "v2.mesh");
	assert_string_equal(akida_diag_first_error(diag)->node, "StatefulProjection");
	akida_model_destroy(m);
	akida_array_fini(&x);
	akida_diag_destroy(diag);
	diag = akida_diag_create();

	net_conv(g, 3, 3, 1);
	net_relu(g, 6);
	net_conv(g, 3, 3, 1);
	net_finish(g);
	x = net_samples(g, NET2_FRAMES);
	akida_quant_params_init(&p);
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	assert_int_equal(run("virtual:akida2", m, &x, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "v2.mesh");
	akida_diag_destroy(diag);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	akida_array_fini(&x);
}

static void test_meshes_are_named_with_their_processors(void **state)
{
	static const struct {
		const char *name, *chip;
		uint32_t nps, cnp2, fnp2, fnp3;
	} want[] = {
		{"virtual:akida2", "SixNodesIPv2", 24, 18, 1, 2},
		{"virtual:akida2:two-nodes", "TwoNodesIPv2", 8, 3, 1, 1},
	};
	uint32_t listed = 0;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct akida_device_info info = {.size = sizeof(info)};
		struct akida_device *d;

		for (const char *const *n = akida_device_names(); *n; n++)
			listed += !strcmp(*n, want[i].name);
		assert_int_equal(akida_device_open(want[i].name, &d, NULL), 0);
		assert_int_equal(akida_device_info(d, &info), 0);
		assert_string_equal(info.chip, want[i].chip);
		assert_string_equal(info.ip, "v2");
		assert_true(info.source == AKIDA_SOURCE_HOST);
		assert_false(info.needs_program);
		assert_int_equal(info.nps, want[i].nps);
		assert_int_equal(info.cnp2, want[i].cnp2);
		assert_int_equal(info.fnp2, want[i].fnp2);
		assert_int_equal(info.fnp3, want[i].fnp3);
		akida_device_close(d);
	}
	assert_int_equal(listed, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meshes_give_the_outputs_of_cpu),
		cmocka_unit_test(test_meshes_refuse_what_their_silicon_lacks),
		cmocka_unit_test(test_meshes_refuse_models_of_v1_and_frames_without_memory),
		cmocka_unit_test(test_meshes_are_named_with_their_processors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
