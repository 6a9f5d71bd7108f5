/* SPDX-License-Identifier: MIT */
/*
 * QuantizeML and legacy CNN2SNN files: every class and quantizer comes back, missing members mean their defaults, and a
 * network we quantize has the file a vendor's tool made of it.
 */
#include <errno.h>
#include <hdf5.h>
#include <math.h>
#include <akida/quant.h>
#include <akida/status.h>
#include "graph/quant_config.h"
#include "import/keras.h"
#include "same_graph.h"

static struct akida_graph *load(const char *path)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	int err = akida_graph_load(path, &g, diag);

	if (err)
		fail_msg("%d %s", err, akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	return g;
}

static struct akida_graph *begin(uint32_t rank, const uint32_t *dims)
{
	struct akida_graph *g;
	struct ak_node *n;

	assert_int_equal(ak_graph_create("net", &g), 0);
	n = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	n->rank = rank;
	memcpy(n->dims, dims, rank * sizeof(*dims));
	return g;
}

static struct ak_node *next(struct akida_graph *g, enum ak_op op, const char *name)
{
	uint32_t last = g->count - 1;
	struct ak_node *n = ak_graph_add(g, op, name, &last, 1);

	assert_non_null(n);
	return n;
}

/* The class's own widths, then an output quantizer with that many ranges. */
static void quantized(struct ak_node *n, uint32_t bits, uint32_t ranges)
{
	struct ak_node_quant *q = &n->quant;

	ak_quant_defaults(n);
	if (!ranges)
		return;
	q->has_output = true;
	q->out_bits = bits;
	q->out_signed = bits >= 8;
	q->scale_bits = 8;
	q->out_buffer_bits = 32;
	q->out_per_axis = ranges > 1;
	q->range_count = ranges;
	q->range_max = malloc(ranges * sizeof(float));
	q->rescaling_rate = malloc(ranges * sizeof(float));
	for (uint32_t i = 0; i < ranges; i++) {
		q->range_max[i] = 1.25f + (float)i;
		q->rescaling_rate[i] = 0.75f + (float)i / 64;
	}
}

static void window(struct ak_node *n, uint32_t filters, uint32_t kernel)
{
	n->filters = filters;
	n->kernel_h = n->kernel_w = kernel;
	n->same = n->use_bias = true;
}

static void check_comes_back(struct akida_graph *g)
{
	struct akida_diag *diag = akida_diag_create();
	char path[PATH_MAX];
	struct akida_graph *back;

	if (ak_graph_build(g, diag))
		fail_msg("%s", akida_diag_first_error(diag)->text);
	akida_diag_destroy(diag);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			if (strcmp(g->nodes[i].weights[k].name, "moving_variance"))
				fill(&g->nodes[i].weights[k], 31 * i + k);
	scratch_path(path, sizeof(path), "model.h5");
	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	back = load(path);
	assert_same_graph(back, g);
	akida_graph_destroy(back);
	akida_graph_destroy(g);
	scratch_clear();
}

/* ---- networks ---- */

static void branches(struct akida_graph **out)
{
	struct akida_graph *g = begin(3, (const uint32_t[]){8, 6, 3});
	uint32_t pair[2], triple[3];
	struct ak_node *n;

	n = next(g, AK_OP_RESCALING, "rescaling");
	n->scale = 1;
	n->scale_channels = 3;
	for (uint32_t i = 0; i < 3; i++) {
		n->scales[i] = 0.5f / (float)(i + 1);
		n->offsets[i] = -(float)i;
	}
	window(next(g, AK_OP_CONV2D, "a"), 4, 3);
	g->nodes[2].padded = true;
	g->nodes[2].pad_channels = 3;
	g->nodes[2].pad_values[1] = 0.25f;
	g->nodes[2].pad_values[2] = -2;
	n = next(g, AK_OP_ACTIVATION, "leaky");
	n->act = AK_ACT_LEAKY_RELU;
	n->act_alpha = 0.125f;
	pair[0] = 2;
	pair[1] = 3;
	n = ak_graph_add(g, AK_OP_ADD, "half", pair, 2);
	n->average = true;
	triple[0] = 2;
	triple[1] = 3;
	triple[2] = 4;
	n = ak_graph_add(g, AK_OP_CONCATENATE, "join", triple, 3);
	n->axis = 1;
	n = next(g, AK_OP_PERMUTE, "turn");
	n->perm[0] = 1;
	n->perm[1] = 0;
	n->perm[2] = 2;
	n = next(g, AK_OP_ACTIVATION, "elu");
	n->act = AK_ACT_ELU;
	n->act_alpha = 0.5f;
	n = next(g, AK_OP_ACTIVATION, "hard");
	n->act = AK_ACT_HARD_SILU;
	n = next(g, AK_OP_ACTIVATION, "silu");
	n->act = AK_ACT_SILU;
	n = next(g, AK_OP_CONV2D, "fused");
	window(n, 2, 1);
	n->act = AK_ACT_GELU;
	*out = g;
}

static void temporal(struct akida_graph **out)
{
	struct akida_graph *g = begin(3, (const uint32_t[]){4, 4, 3});
	struct ak_node *n = next(g, AK_OP_BUFFER_TEMP_CONV, "btc");

	n->filters = 5;
	n->kernel_t = 3;
	n->use_bias = true;
	n = next(g, AK_OP_DEPTHWISE_BUFFER_TEMP_CONV, "dbtc");
	n->kernel_t = 2;
	next(g, AK_OP_GAP, "gap");
	*out = g;
}

static void recurrent(struct akida_graph **out)
{
	struct akida_graph *g = begin(2, (const uint32_t[]){8, 4});
	struct ak_node *n = next(g, AK_OP_STATEFUL_PROJECTION, "up");

	n->filters = 6;
	n->subsample = 2;
	n->use_bias = true;
	next(g, AK_OP_STATEFUL_RECURRENT, "state");
	n = next(g, AK_OP_STATEFUL_PROJECTION, "down");
	n->filters = 4;
	n->subsample = 1;
	n->downshape_rank = 2;
	n->downshape[0] = 4;
	n->downshape[1] = 12;
	n->upshape_rank = 3;
	n->upshape[0] = 2;
	n->upshape[1] = 2;
	n->upshape[2] = 4;
	n = next(g, AK_OP_EXTRACT_TOKEN, "token");
	n->token = 1;
	*out = g;
}

static void quantized_spatial(struct akida_graph **out)
{
	struct akida_graph *g = begin(3, (const uint32_t[]){8, 8, 3});
	uint32_t pair[2];
	struct ak_node *n = next(g, AK_OP_INPUT_QUANTIZER, "input_quantizer");

	n->quant = (struct ak_node_quant){.active = true, .has_output = true, .out_bits = 8, .range_count = 1};
	n->quant.range_max = malloc(sizeof(float));
	n->quant.range_min = malloc(sizeof(float));
	*n->quant.range_max = 2.5f;
	*n->quant.range_min = -0.5f;
	n = next(g, AK_OP_CONV2D, "conv");
	window(n, 4, 3);
	quantized(n, 8, 0);
	n->quant.weight_per_tensor = true;
	n->quant.bias_bits = 16;
	n = next(g, AK_OP_RELU, "relu");
	quantized(n, 8, 4);
	n->bounded = true;
	n->max_value = 4.5f;
	n->quant.max_value_bits = 6;
	n = next(g, AK_OP_SEPARABLE, "sep");
	window(n, 4, 3);
	quantized(n, 11, 1);
	n->quant.weight_bits = 4;
	n->quant.dw_weight_bits = 8;
	n = next(g, AK_OP_ACTIVATION, "gelu");
	n->act = AK_ACT_GELU;
	quantized(n, 8, 4);
	n->quant.lut_bits = 11;
	n = next(g, AK_OP_CONV2D_TRANSPOSE, "up");
	window(n, 3, 3);
	n->stride_h = n->stride_w = 2;
	quantized(n, 8, 3);
	n = next(g, AK_OP_DEPTHWISE_TRANSPOSE, "up_dw");
	window(n, 0, 3);
	n->stride_h = n->stride_w = 2;
	quantized(n, 8, 3);
	n = next(g, AK_OP_DEPTHWISE_TRANSPOSE, "up_dw_axis");
	window(n, 0, 3);
	quantized(n, 8, 3);
	n->quant.weight_per_tensor = false;
	pair[0] = pair[1] = g->count - 1;
	n = ak_graph_add(g, AK_OP_ADD, "add", pair, 2);
	quantized(n, 8, 3);
	n->average = true;
	n->quant.scale_bits = 16;
	pair[0] = g->count - 1;
	n = ak_graph_add(g, AK_OP_CONCATENATE, "join", pair, 2);
	n->axis = 2;
	quantized(n, 0, 0);
	n = next(g, AK_OP_PERMUTE, "turn");
	n->perm[0] = 1;
	n->perm[2] = 2;
	quantized(n, 0, 0);
	n = next(g, AK_OP_GAP, "gap");
	quantized(n, 8, 1);
	n = next(g, AK_OP_DENSE, "dense");
	n->filters = 2;
	quantized(n, 0, 0);
	n->quant.buffer_bits = 24;
	n = next(g, AK_OP_DEQUANTIZER, "dequantizer");
	ak_quant_defaults(n);
	*out = g;
}

static void quantized_temporal(struct akida_graph **out)
{
	struct akida_graph *g;
	struct ak_node *n;

	temporal(&g);
	for (uint32_t i = 1; i < g->count; i++)
		quantized(&g->nodes[i], 8, i == 3 ? 1 : 5);
	n = next(g, AK_OP_DEQUANTIZER, "dequantizer");
	ak_quant_defaults(n);
	*out = g;
}

static void quantized_recurrent(struct akida_graph **out)
{
	struct akida_graph *g;
	struct ak_node *n;

	recurrent(&g);
	quantized(&g->nodes[1], 16, 1);
	quantized(&g->nodes[2], 16, 1);
	g->nodes[2].quant.a_bits = 12;
	quantized(&g->nodes[3], 8, 1);
	quantized(&g->nodes[4], 0, 0);
	n = next(g, AK_OP_DEQUANTIZER, "dequantizer");
	ak_quant_defaults(n);
	*out = g;
}

static void legacy_node(struct ak_node *n, enum ak_legacy_quantizer kind, uint32_t bits)
{
	n->quant.active = n->quant.legacy = true;
	n->quant.legacy_weights = kind;
	n->quant.weight_bits = bits;
	n->quant.legacy_threshold = 3;
}

static void legacy_relu(struct ak_node *n, uint32_t bits, float max, bool discrete)
{
	n->quant.active = n->quant.legacy = n->quant.has_output = true;
	n->quant.out_bits = bits;
	n->quant.legacy_discrete = discrete;
	n->bounded = true;
	n->max_value = max;
}

static void legacy(struct akida_graph **out)
{
	struct akida_graph *g = begin(3, (const uint32_t[]){8, 8, 1});
	struct ak_node *n = next(g, AK_OP_CONV2D, "conv");

	window(n, 4, 3);
	legacy_node(n, AK_LEGACY_MAX_PER_AXIS, 8);
	n = next(g, AK_OP_MAXPOOL, "pool");
	n->kernel_h = n->kernel_w = 2;
	legacy_relu(next(g, AK_OP_RELU, "relu"), 4, 5.5f, false);
	n = next(g, AK_OP_SEPARABLE, "sep");
	window(n, 4, 3);
	legacy_node(n, AK_LEGACY_STD_PER_AXIS, 4);
	n->quant.legacy_threshold = 2.5f;
	n->quant.legacy_dw = AK_LEGACY_MAX;
	n->quant.legacy_dw_threshold = 3;
	n->quant.dw_weight_bits = 4;
	legacy_relu(next(g, AK_OP_RELU, "relu_1"), 2, 3, true);
	next(g, AK_OP_FLATTEN, "flatten");
	n = next(g, AK_OP_DENSE, "dense");
	n->filters = 3;
	legacy_node(n, AK_LEGACY_STD, 2);
	*out = g;
}

static void test_save_every_layer_and_quantizer_comes_back(void **state)
{
	static void (*const networks[])(struct akida_graph **) = {
		branches, temporal, recurrent, quantized_spatial, quantized_temporal, quantized_recurrent, legacy,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		struct akida_graph *g;

		networks[i](&g);
		check_comes_back(g);
	}
}

/* ---- quant_config, member for member ---- */

static void test_quant_config_text_is_that_of_quantizeml(void **state)
{
	static const struct {
		enum ak_op op;
		uint32_t bits, ranges;
		const char *text;
	} cases[] = {
		{AK_OP_CONV2D, 8, 0, "{\"weight_quantizer\": {\"bitwidth\": 8}, \"buffer_bitwidth\": 28}"},
		{AK_OP_SEPARABLE, 0, 0,
		 "{\"dw_weight_quantizer\": {\"bitwidth\": 8}, \"pw_weight_quantizer\": {\"bitwidth\": 8}, "
		 "\"buffer_bitwidth\": 32}"},
		{AK_OP_RELU, 8, 1,
		 "{\"output_quantizer\": {\"bitwidth\": 8, \"signed\": true, \"axis\": \"per-tensor\", "
		 "\"buffer_bitwidth\": 32}, \"buffer_bitwidth\": 32}"},
		{AK_OP_ADD, 8, 2,
		 "{\"output_quantizer\": {\"bitwidth\": 8, \"signed\": true, \"axis\": \"per-axis\", "
		 "\"buffer_bitwidth\": 32}, \"buffer_bitwidth\": 32}"},
		{AK_OP_DEPTHWISE_TRANSPOSE, 0, 0, "{\"weight_quantizer\": {\"bitwidth\": 8}, \"buffer_bitwidth\": 28}"},
		{AK_OP_STATEFUL_RECURRENT, 0, 0,
		 "{\"a_quantizer\": {\"bitwidth\": 16, \"axis\": null, \"fp_quantizer\": true}, \"buffer_bitwidth\": "
		 "32}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ak_node n = {.op = cases[i].op};
		struct ak_text t = {0};

		quantized(&n, cases[i].bits, cases[i].ranges);
		ak_quant_config_print(&t, &n);
		assert_string_equal(t.s, cases[i].text);
		free(t.s);
		free(n.quant.range_max);
		free(n.quant.rescaling_rate);
	}
}

static int apply(enum ak_op op, const char *json, struct ak_node *n, char *text, size_t bytes)
{
	struct akida_diag *diag = akida_diag_create();
	struct ak_layer_conf c = {.name = "layer", .diag = diag, .rule = AK_RULE_H5_LAYER_CONFIG};
	cJSON *config = cJSON_Parse(json);
	int err;

	assert_non_null(config);
	*n = (struct ak_node){.op = op};
	ak_quant_defaults(n);
	err = ak_quant_config_apply(&c, config, n);
	snprintf(text, bytes, "%s", err ? akida_diag_first_error(diag)->text : "");
	cJSON_Delete(config);
	akida_diag_destroy(diag);
	return err;
}

static void test_quant_config_missing_members_are_defaults(void **state)
{
	struct ak_node n;
	char text[256];

	(void)state;
	assert_int_equal(apply(AK_OP_DENSE, "{}", &n, text, sizeof(text)), 0);
	assert_int_equal(n.quant.weight_bits, 8);
	assert_int_equal(n.quant.bias_bits, 8);
	assert_int_equal(n.quant.buffer_bits, 28);
	assert_false(n.quant.has_output);
	/* 32 asked for counts as 28 in a convolution, and stays what it is elsewhere */
	assert_int_equal(apply(AK_OP_CONV2D, "{\"buffer_bitwidth\": 32}", &n, text, sizeof(text)), 0);
	assert_int_equal(n.quant.buffer_bits, 28);
	assert_int_equal(apply(AK_OP_ADD, "{\"output_quantizer\": {}}", &n, text, sizeof(text)), 0);
	assert_int_equal(n.quant.buffer_bits, 32);
	assert_int_equal(n.quant.out_bits, 8);
	assert_true(n.quant.out_signed);
	assert_false(n.quant.out_per_axis);
	assert_int_equal(n.quant.scale_bits, 8);
	assert_int_equal(apply(AK_OP_ACTIVATION, "{\"bias_quantizer\": {}}", &n, text, sizeof(text)), 0);
	assert_int_equal(n.quant.lut_bits, 14);
	assert_int_equal(apply(AK_OP_DEPTHWISE, "{\"weight_quantizer\": {\"axis\": -2, \"bitwidth\": 4}}", &n, text,
			       sizeof(text)),
			 0);
	assert_int_equal(n.quant.weight_bits, 4);
	assert_false(n.quant.weight_per_tensor);
}

static void test_quant_config_bad_members_are_refused(void **state)
{
	static const struct {
		enum ak_op op;
		const char *json;
		int err;
		const char *names;
	} cases[] = {
		{AK_OP_CONV2D, "[]", -EILSEQ, "quant_config"},
		{AK_OP_CONV2D, "{\"weight_quantizer\": 8}", -EILSEQ, "weight_quantizer"},
		{AK_OP_CONV2D, "{\"weight_quantizer\": {\"bitwidth\": 1}}", -ERANGE, "weight_quantizer is 1"},
		{AK_OP_CONV2D, "{\"weight_quantizer\": {\"bitwidth\": 16}}", -ERANGE, "weight_quantizer is 16"},
		{AK_OP_CONV2D, "{\"weight_quantizer\": {\"bitwidth\": \"8\"}}", -EILSEQ, "weight_quantizer"},
		{AK_OP_CONV2D, "{\"weight_quantizer\": {\"axis\": 0}}", -EOPNOTSUPP, "axis"},
		{AK_OP_DEPTHWISE, "{\"weight_quantizer\": {\"axis\": -1}}", -EOPNOTSUPP, "axis"},
		{AK_OP_SEPARABLE, "{\"dw_weight_quantizer\": {\"axis\": -1}}", -EOPNOTSUPP, "dw_weight_quantizer"},
		{AK_OP_RELU, "{\"weight_quantizer\": {}}", -EOPNOTSUPP, "weight_quantizer"},
		{AK_OP_RELU, "{\"output_quantizer\": {\"axis\": 3}}", -EOPNOTSUPP, "per-tensor"},
		{AK_OP_RELU, "{\"output_quantizer\": {\"bitwidth\": 33}}", -ERANGE, "output_quantizer"},
		{AK_OP_RELU, "{\"output_quantizer\": {\"signed\": \"yes\"}}", -EILSEQ, "signed"},
		{AK_OP_RELU, "{\"output_quantizer\": {\"buffer_bitwidth\": 24}}", -EOPNOTSUPP, "buffer_bitwidth"},
		{AK_OP_RELU, "{\"output_quantizer\": {\"scale_bits\": 17}}", -ERANGE, "scale_bits"},
		{AK_OP_RELU, "{\"buffer_bitwidth\": 33}", -ERANGE, "buffer_bitwidth"},
		{AK_OP_RELU, "{\"max_value_quantizer\": {\"bitwidth\": 0}}", -ERANGE, "max_value_quantizer"},
		{AK_OP_CONV2D, "{\"padding_value_quantizer\": {\"bitwidth\": 4}}", -EOPNOTSUPP, "padding_value"},
		{AK_OP_ACTIVATION, "{\"lut_bitwidth\": 40}", -ERANGE, "lut_bitwidth"},
		{AK_OP_CONV2D, "{\"shiftmax_\\u0007quantizer\": {}}", -EOPNOTSUPP, "shiftmax_?quantizer"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ak_node n;
		char text[256];
		int err = apply(cases[i].op, cases[i].json, &n, text, sizeof(text));

		if (err != cases[i].err || !strstr(text, cases[i].names))
			fail_msg("%s: %d %s", cases[i].json, err, text);
	}
}

/* ---- integers of weights ---- */

static void test_quant_weights_axes_by_hand(void **state)
{
	static const float kernel[] = {1, -0.5f, 0.25f, 0.125f, -0.75f, 0.5f};
	static const size_t dims[] = {3, 2};
	struct ak_node n = {.op = AK_OP_DENSE};
	struct ak_weight *w;
	int8_t q[6];
	float scale[2];

	(void)state;
	assert_int_equal(ak_node_add_weight(&n, "kernel", 2, dims, &w), 0);
	memcpy(w->data, kernel, sizeof(kernel));
	ak_quant_defaults(&n);
	ak_quant_weights(&n, 2, q, NULL, scale);
	assert_memory_equal(q, ((const int8_t[]){127, -127, 32, 32, -95, 127}), 6);
	assert_true(scale[0] == 1.0f / 127 && scale[1] == 0.5f / 127);
	n.quant.weight_per_tensor = true;
	n.quant.weight_bits = 4;
	ak_quant_weights(&n, 2, q, NULL, scale);
	assert_memory_equal(q, ((const int8_t[]){7, -3, 2, 1, -5, 3}), 6); /* 1 / 7 is more in float32 */
	assert_true(scale[0] == 1.0f / 7 && scale[1] == scale[0]);
	/* legacy: factor 7 / max, and 7 / (threshold * deviation), no -8 */
	legacy_node(&n, AK_LEGACY_MAX_PER_AXIS, 4);
	ak_quant_weights(&n, 2, q, NULL, scale);
	assert_memory_equal(q, ((const int8_t[]){7, -7, 2, 2, -5, 7}), 6);
	legacy_node(&n, AK_LEGACY_STD, 4);
	n.quant.legacy_threshold = 1;
	ak_quant_weights(&n, 2, q, NULL, scale);
	/* mean 0.104167, deviation 0.588150: factor 11.901728 */
	assert_memory_equal(q, ((const int8_t[]){7, -6, 3, 1, -7, 6}), 6);
	assert_true(fabsf(1 / scale[0] - 11.901728f) < 1e-4f);
	memset(w->data, 0, sizeof(kernel));
	legacy_node(&n, AK_LEGACY_MAX_PER_AXIS, 4);
	ak_quant_weights(&n, 2, q, NULL, scale);
	assert_true(scale[0] == 1.0f / 1000); /* the factor is 1000 at most */
	free(w->data);
}

/* ---- the vendor's file of the ECG network ---- */

struct structure {
	hid_t other;
	int objects, failed;
	char where[600];
};

static char *text_attribute(hid_t object, const char *name)
{
	hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(a), space = H5Aget_space(a);
	size_t n = (size_t)H5Sget_simple_extent_npoints(space), len = 1;
	char **s = calloc(n, sizeof(*s)), *all;

	assert_true(H5Aread(a, type, s) >= 0);
	for (size_t i = 0; i < n; i++)
		len += strlen(s[i]) + 1;
	all = calloc(1, len);
	for (size_t i = 0; i < n; i++) {
		strcat(all, s[i]);
		strcat(all, "\n");
		H5free_memory(s[i]);
	}
	free(s);
	H5Sclose(space);
	H5Tclose(type);
	H5Aclose(a);
	return all;
}

static herr_t compare_text(hid_t object, const char *name, const H5A_info_t *info, void *context)
{
	struct structure *c = context;
	hid_t a = H5Aopen(object, name, H5P_DEFAULT), type = H5Aget_type(a), other;
	bool text = H5Tget_class(type) == H5T_STRING;
	char path[256], *x, *y;

	(void)info;
	H5Tclose(type);
	H5Aclose(a);
	H5Iget_name(object, path, sizeof(path));
	other = H5Oopen(c->other, path, H5P_DEFAULT);
	if (!strcmp(name, "training_config")) /* of a compiled model only */
		text = false;
	else if (H5Aexists(other, name) <= 0 && !c->failed++)
		snprintf(c->where, sizeof(c->where), "%s lacks %s", path, name);
	if (text && !c->failed) {
		x = text_attribute(object, name);
		y = text_attribute(other, name);
		if (strcmp(x, y) && !c->failed++)
			snprintf(c->where, sizeof(c->where), "%s of %s", name, path);
		free(x);
		free(y);
	}
	H5Oclose(other);
	return 0;
}

static herr_t compare_object(hid_t root, const char *name, const H5O_info_t *info, void *context)
{
	struct structure *c = context;
	hid_t a, b, sa, sb, ta, tb;
	hsize_t at = 0;

	if (!strncmp(name, "optimizer_weights", 17))
		return 0;
	c->objects++;
	b = H5Oopen(c->other, name, H5P_DEFAULT);
	if (b < 0) {
		if (!c->failed++)
			snprintf(c->where, sizeof(c->where), "%s is missing", name);
		return 0;
	}
	a = H5Oopen(root, name, H5P_DEFAULT);
	H5Aiterate2(a, H5_INDEX_NAME, H5_ITER_INC, &at, compare_text, c);
	if (info->type == H5O_TYPE_DATASET) {
		sa = H5Dget_space(a);
		sb = H5Dget_space(b);
		ta = H5Dget_type(a);
		tb = H5Dget_type(b);
		if ((H5Sextent_equal(sa, sb) <= 0 || H5Tequal(ta, tb) <= 0) && !c->failed++)
			snprintf(c->where, sizeof(c->where), "shape or type of %s", name);
		H5Sclose(sa);
		H5Sclose(sb);
		H5Tclose(ta);
		H5Tclose(tb);
	}
	H5Oclose(a);
	H5Oclose(b);
	return 0;
}

/* Groups, data sets with type and shape, and every text of a are in b, model_config to the byte. */
static void assert_structure_in(const char *a, const char *b)
{
	hid_t fa = H5Fopen(a, H5F_ACC_RDONLY, H5P_DEFAULT), fb = H5Fopen(b, H5F_ACC_RDONLY, H5P_DEFAULT);
	struct structure c = {.other = fb};

	assert_true(fa >= 0 && fb >= 0);
	assert_true(H5Ovisit2(fa, H5_INDEX_NAME, H5_ITER_INC, compare_object, &c, H5O_INFO_BASIC) >= 0);
	if (c.failed)
		fail_msg("%d differences, first: %s", c.failed, c.where);
	assert_true(c.objects > 40);
	H5Fclose(fa);
	H5Fclose(fb);
}

static void test_quantize_ecg_network_gives_the_structure_of_the_vendors_file(void **state)
{
	struct akida_quant_params p;
	struct akida_graph *g, *q = NULL, *back;
	char original[PATH_MAX], vendor[PATH_MAX], path[PATH_MAX];

	(void)state;
	NEED_SHARED("ecg/cnn_model.h5", original);
	NEED_SHARED("ecg/quantized_model.h5", vendor);
	akida_quant_params_init(&p);
	p.weight_bits = p.activation_bits = 8; /* as the file's record says; its calibration images are not public */
	p.num_samples = 4;
	p.batch_size = 2;
	p.epochs = 2;
	g = load(original);
	assert_int_equal(akida_quantize(g, &p, NULL, &q, NULL), 0);
	scratch_path(path, sizeof(path), "model.h5");
	assert_int_equal(akida_graph_save(q, path, NULL), 0);
	assert_structure_in(vendor, path);
	assert_structure_in(path, vendor);
	back = load(path);
	assert_same_graph(back, q);
	akida_graph_destroy(back);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	scratch_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_save_every_layer_and_quantizer_comes_back),
		cmocka_unit_test(test_quant_config_text_is_that_of_quantizeml),
		cmocka_unit_test(test_quant_config_missing_members_are_defaults),
		cmocka_unit_test(test_quant_config_bad_members_are_refused),
		cmocka_unit_test(test_quant_weights_axes_by_hand),
		cmocka_unit_test(test_quantize_ecg_network_gives_the_structure_of_the_vendors_file),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
