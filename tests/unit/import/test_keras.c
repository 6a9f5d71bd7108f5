/* SPDX-License-Identifier: MIT */
/* Reading and writing Keras files: real ones come back as they were, forms that Keras versions differ in are understood. */
#include <errno.h>
#include <hdf5.h>
#include <math.h>
#include <pthread.h>
#include <akida/status.h>
#include "files.h"
#include "import/keras.h"
#include "same_graph.h"

/* ---- comparing two HDF5 trees, everything but names that only one side is known to have ---- */

struct compare {
	hid_t other;
	int objects, attributes, failed;
	char where[256];
};

static void differ(struct compare *c, const char *what, const char *name)
{
	if (!c->failed++)
		snprintf(c->where, sizeof(c->where), "%s of %s", what, name);
}

static bool same_type(hid_t a, hid_t b)
{
	return H5Tequal(a, b) > 0 && (H5Tget_class(a) != H5T_STRING ||
				      (H5Tget_cset(a) == H5Tget_cset(b) && H5Tget_strpad(a) == H5Tget_strpad(b) &&
				       H5Tis_variable_str(a) == H5Tis_variable_str(b)));
}

/* Bytes of an attribute or data set of strings or floats as one comparable block. */
static bool same_strings(hid_t a, hid_t b, hid_t type, size_t n)
{
	char **sa = calloc(n, sizeof(*sa)), **sb = calloc(n, sizeof(*sb));
	bool same = H5Aread(a, type, sa) >= 0 && H5Aread(b, type, sb) >= 0;

	for (size_t i = 0; i < n && same; i++)
		same = !strcmp(sa[i], sb[i]);
	for (size_t i = 0; i < n; i++) {
		H5free_memory(sa[i]);
		H5free_memory(sb[i]);
	}
	free(sa);
	free(sb);
	return same;
}

static herr_t visit_attribute(hid_t loc, const char *name, const H5A_info_t *info, void *ctx)
{
	struct compare *c = ctx;
	hid_t other, a, b, ta, tb, sa, sb;
	char path[512];

	(void)info;
	if (!strcmp(name, "training_config"))
		return 0;
	H5Iget_name(loc, path, sizeof(path));
	c->attributes++;
	other = H5Oopen(c->other, path, H5P_DEFAULT);
	if (other < 0 || H5Aexists(other, name) <= 0) {
		differ(c, "missing attribute", name);
		return 0;
	}
	a = H5Aopen(loc, name, H5P_DEFAULT);
	b = H5Aopen(other, name, H5P_DEFAULT);
	ta = H5Aget_type(a);
	tb = H5Aget_type(b);
	sa = H5Aget_space(a);
	sb = H5Aget_space(b);
	if (!same_type(ta, tb))
		differ(c, "type", name);
	else if (H5Sextent_equal(sa, sb) <= 0)
		differ(c, "shape", name);
	else if (H5Tget_class(ta) == H5T_STRING && !same_strings(a, b, ta, (size_t)H5Sget_simple_extent_npoints(sa)))
		differ(c, "value", name);
	H5Sclose(sa);
	H5Sclose(sb);
	H5Tclose(ta);
	H5Tclose(tb);
	H5Aclose(a);
	H5Aclose(b);
	H5Oclose(other);
	return 0;
}

static void compare_data(struct compare *c, hid_t a, hid_t b, const char *name)
{
	hid_t ta = H5Dget_type(a), tb = H5Dget_type(b), sa = H5Dget_space(a), sb = H5Dget_space(b);
	hid_t pa = H5Dget_create_plist(a), pb = H5Dget_create_plist(b);
	size_t n = (size_t)H5Sget_simple_extent_npoints(sa);
	float *va = calloc(n, sizeof(*va)), *vb = calloc(n, sizeof(*vb));

	if (!same_type(ta, tb))
		differ(c, "type", name);
	else if (H5Sextent_equal(sa, sb) <= 0)
		differ(c, "shape", name);
	else if (H5Pget_layout(pa) != H5Pget_layout(pb) || H5Pget_nfilters(pb))
		differ(c, "layout", name);
	else if (H5Dread(a, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, va) < 0 ||
		 H5Dread(b, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, vb) < 0 || memcmp(va, vb, n * sizeof(*va)))
		differ(c, "data", name);
	free(va);
	free(vb);
	H5Pclose(pa);
	H5Pclose(pb);
	H5Sclose(sa);
	H5Sclose(sb);
	H5Tclose(ta);
	H5Tclose(tb);
}

static herr_t visit_object(hid_t root, const char *name, const H5O_info_t *info, void *ctx)
{
	struct compare *c = ctx;
	hsize_t at = 0;
	hid_t a, b;

	if (!strncmp(name, "optimizer_weights", 17))
		return 0;
	c->objects++;
	b = H5Oopen(c->other, name, H5P_DEFAULT);
	if (b < 0) {
		differ(c, "missing object", name);
		return 0;
	}
	a = H5Oopen(root, name, H5P_DEFAULT);
	H5Aiterate2(a, H5_INDEX_NAME, H5_ITER_INC, &at, visit_attribute, c);
	if (info->type == H5O_TYPE_DATASET)
		compare_data(c, a, b, name);
	H5Oclose(a);
	H5Oclose(b);
	return 0;
}

/* All of a is in b, alike; call it both ways. */
static void assert_tree_in(const char *a, const char *b)
{
	hid_t fa = H5Fopen(a, H5F_ACC_RDONLY, H5P_DEFAULT), fb = H5Fopen(b, H5F_ACC_RDONLY, H5P_DEFAULT);
	struct compare c = {.other = fb};

	assert_true(fa >= 0 && fb >= 0);
	assert_true(H5Ovisit2(fa, H5_INDEX_NAME, H5_ITER_INC, visit_object, &c, H5O_INFO_BASIC) >= 0);
	if (c.failed)
		fail_msg("%d differences, first: %s", c.failed, c.where);
	assert_true(c.objects > 20 && c.attributes > 20);
	H5Fclose(fa);
	H5Fclose(fb);
}

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

static void check_round_trip(const char *original)
{
	char path[PATH_MAX], again[PATH_MAX];
	unsigned char *first, *second;
	struct akida_graph *g = load(original);
	size_t len;

	scratch_path(path, sizeof(path), "saved.h5");
	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	akida_graph_destroy(g);
	assert_tree_in(original, path);
	assert_tree_in(path, original);
	/* the same graph again: the same bytes */
	g = load(path);
	scratch_path(again, sizeof(again), "again.h5");
	assert_int_equal(akida_graph_save(g, again, NULL), 0);
	akida_graph_destroy(g);
	len = read_file(path, &first);
	assert_int_equal(read_file(again, &second), len);
	assert_memory_equal(first, second, len);
	assert_int_equal(scratch_count(), 2);
	free(first);
	free(second);
	scratch_clear();
}

static void test_graph_save_float_file_has_the_tree_of_the_original(void **state)
{
	char path[PATH_MAX];

	(void)state;
	NEED_SHARED("ecg/cnn_model.h5", path);
	check_round_trip(path);
}

static void test_graph_save_quantized_file_has_the_tree_of_the_original(void **state)
{
	char path[PATH_MAX];

	(void)state;
	NEED_SHARED("ecg/quantized_model.h5", path);
	check_round_trip(path);
}

static void test_graph_load_quantized_file_has_its_annotations(void **state)
{
	static const float ranges[] = {31.875f, 7.96875f, 3.984375f, 3.984375f};
	char path[PATH_MAX];
	struct akida_graph *g;
	int relus = 0;

	(void)state;
	NEED_SHARED("ecg/quantized_model.h5", path);
	g = load(path);
	assert_true(akida_graph_quantized(g));
	assert_true(g->nodes[0].input_u8);
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];

		if (n->op == AK_OP_CONV2D || n->op == AK_OP_DENSE) {
			assert_int_equal(n->quant.weight_bits, 8);
			assert_int_equal(n->quant.buffer_bits, 28);
			assert_false(n->quant.has_output);
		}
		if (n->op != AK_OP_RELU)
			continue;
		assert_false(n->bounded);
		assert_true(n->quant.has_output && n->quant.out_signed && !n->quant.out_per_axis);
		assert_int_equal(n->quant.out_bits, 8);
		assert_int_equal(n->quant.buffer_bits, 32);
		assert_true(n->quant.range_max[0] == ranges[relus++]);
		assert_in_range((int)(1000 * n->quant.rescaling_rate[0]), 500, 1000);
	}
	assert_int_equal(relus, 4);
	assert_int_equal(g->nodes[g->output].op, AK_OP_DEQUANTIZER);
	akida_graph_destroy(g);
}

/* Layer names with a slash, residual Adds, fused softmax, fixed-length names of Keras 2.4. */
static void test_graph_load_zoo_and_mlperf_files(void **state)
{
	static const struct {
		const char *file;
		uint32_t nodes;
		uint64_t parameters;
	} files[] = {
		{"models/akidanet_vww.h5", 47, 226906},
		{"models/mlperf_tiny_resnet8_cifar10.h5", 30, 78666},
		{"models/mlperf_tiny_vww_mobilenetv1_025_96.h5", 85, 221794},
		{"models/mlperf_tiny_streaming_wakeword.h5", 23, 47707},
	};
	char path[PATH_MAX];

	(void)state;
	for (size_t k = 0; k < sizeof(files) / sizeof(files[0]); k++) {
		struct akida_node_info info = {.size = sizeof(info)};
		struct akida_graph *g;
		uint64_t parameters = 0;

		NEED_SHARED(files[k].file, path);
		g = load(path);
		assert_int_equal(akida_graph_nodes(g), files[k].nodes);
		for (uint32_t i = 0; i < akida_graph_nodes(g); i++) {
			assert_int_equal(akida_graph_node(g, i, &info), 0);
			parameters += info.parameters;
		}
		assert_int_equal(parameters, files[k].parameters);
		akida_graph_destroy(g);
	}
}

/* ---- forms of model_config ---- */

static void save_with_config(struct akida_graph *g, const char *path, const char *from, const char *to)
{
	char *config = ak_keras_config_print(g), *json, *at = config ? strstr(config, from) : NULL;
	hid_t f, type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), a;

	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	assert_non_null(at);
	json = malloc(strlen(config) + strlen(to) + 1);
	sprintf(json, "%.*s%s%s", (int)(at - config), config, to, at + strlen(from));
	f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
	H5Adelete(f, "model_config");
	H5Tset_size(type, strlen(json) + 1); /* fixed length, as older files have it */
	a = H5Acreate2(f, "model_config", type, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(a >= 0 && H5Awrite(a, type, json) >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Tclose(type);
	H5Fclose(f);
	free(json);
	free(config);
}

static struct akida_graph *reload_with_config(const char *from, const char *to, bool sequential)
{
	char path[PATH_MAX];
	struct akida_graph *g = small_network();

	g->sequential = sequential;
	scratch_path(path, sizeof(path), "model.h5");
	save_with_config(g, path, from, to);
	akida_graph_destroy(g);
	g = load(path);
	scratch_clear();
	return g;
}

static void assert_small_network(const struct akida_graph *g)
{
	struct akida_graph *want = small_network();

	assert_int_equal(g->count, want->count);
	assert_int_equal(g->output, want->output);
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *a = &g->nodes[i], *b = &want->nodes[i];

		assert_int_equal(a->op, b->op);
		assert_int_equal(a->rank, b->rank);
		assert_memory_equal(a->dims, b->dims, sizeof(a->dims));
		assert_int_equal(a->weight_count, b->weight_count);
		for (uint32_t k = 0; k < a->weight_count; k++)
			assert_memory_equal(a->weights[k].data, b->weights[k].data,
					    b->weights[k].count * sizeof(float));
	}
	akida_graph_destroy(want);
}

static void test_graph_load_sequential_with_input_layer(void **state)
{
	struct akida_graph *g = reload_with_config("\"same\"", "\"SAME\"", true);

	(void)state;
	assert_true(g->sequential);
	assert_small_network(g);
	akida_graph_destroy(g);
}

#define INPUT_LAYER                                                                                                    \
	"{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 8, 8, 1], \"dtype\": "            \
	"\"float32\", \"sparse\": false, \"ragged\": false, \"name\": \"input\"}}, {\"class_name\": \"Conv2D\", "      \
	"\"config\": {"

static void test_graph_load_sequential_without_input_layer(void **state)
{
	struct akida_graph *g = reload_with_config(
		INPUT_LAYER, "{\"class_name\": \"Conv2D\", \"config\": {\"batch_input_shape\": [null, 8, 8, 1], ",
		true);

	(void)state;
	assert_small_network(g);
	assert_string_equal(g->nodes[0].name, "conv_input");
	akida_graph_destroy(g);
}

static void test_graph_load_single_numbers_and_missing_defaults(void **state)
{
	struct akida_graph *g = reload_with_config(
		"\"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": \"same\", \"data_format\": "
		"\"channels_last\", "
		"\"dilation_rate\": [1, 1], \"groups\": 1, \"activation\": \"linear\", \"use_bias\": true",
		"\"kernel_size\": 3, \"strides\": 1, \"padding\": \"same\", \"activation\": null", false);

	(void)state;
	assert_small_network(g);
	akida_graph_destroy(g);
	g = reload_with_config("\"center\": true, \"scale\": true", "\"center\": 1, \"scale\": 1", false);
	assert_small_network(g);
	akida_graph_destroy(g);
	g = reload_with_config("\"class_name\": \"Functional\"", "\"class_name\": \"Model\"", false);
	assert_small_network(g);
	akida_graph_destroy(g);
}

static void test_graph_load_layers_in_any_order(void **state)
{
	char *config, *start, *end, *json;
	char first[4096];
	struct akida_graph *g = small_network();

	(void)state;
	/* moves the input layer behind all others */
	config = ak_keras_config_print(g);
	akida_graph_destroy(g);
	start = strstr(config, "{\"class_name\": \"InputLayer\"");
	end = strstr(start, "{\"class_name\": \"Conv2D\"");
	snprintf(first, sizeof(first), "%.*s", (int)(end - start), start);
	json = strstr(config, "], \"input_layers\"");
	snprintf(first + strlen(first), sizeof(first) - strlen(first), "%s", "");
	assert_non_null(json);
	{
		char *text = malloc(2 * strlen(config));
		struct ak_keras_axes axes;

		sprintf(text, "%.*s%.*s, %.*s%s", (int)(start - config), config, (int)(json - end), end,
			(int)strlen(first) - 2, first, json);
		assert_int_equal(ak_keras_config_parse(text, strlen(text), "test", false, &g, &axes, NULL), 0);
		free(text);
	}
	assert_int_equal(g->nodes[0].op, AK_OP_INPUT);
	assert_int_equal(g->nodes[1].op, AK_OP_CONV2D);
	assert_int_equal(g->count, 7);
	assert_int_equal(g->output, 6);
	akida_graph_destroy(g);
	free(config);
}

/* The order that needs the most passes must not take long. */
static void test_keras_config_parse_thousands_of_layers_in_reverse(void **state)
{
	static struct ak_keras_axes axes;
	struct akida_graph *g = NULL;
	char *text = malloc(1 << 20), *at = text;

	(void)state;
	at += sprintf(at, "{\"class_name\": \"Functional\", \"config\": {\"layers\": [");
	for (int i = 4000; i > 0; i--)
		at += sprintf(
			at,
			"{\"class_name\": \"Dropout\", \"config\": {\"rate\": 0}, \"name\": \"%d\", \"inbound_nodes\": "
			"[[[\"%d\", 0, 0, {}]]]}, ",
			i, i - 1);
	sprintf(at, "{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 3]}, \"name\": \"0\", "
		    "\"inbound_nodes\": []}], \"output_layers\": [[\"4000\", 0, 0]]}}");
	assert_int_equal(ak_keras_config_parse(text, strlen(text), "test", false, &g, &axes, NULL), 0);
	assert_int_equal(g->count, 4001);
	assert_string_equal(g->nodes[g->output].name, "4000");
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	akida_graph_destroy(g);
	free(text);
}

/* Every operation with every attribute set to something unusual survives save and load. */
static struct akida_graph *unusual_network(void)
{
	struct akida_graph *g;
	struct ak_node *n;
	uint32_t at, pair[2];

#define NEXT(op, name) (at = g->count - 1, n = ak_graph_add(g, op, name, &at, 1), assert_non_null(n))
	assert_int_equal(ak_graph_create("odd \"names\" \xc3\xa9\xf0\x9f\x90\x8d", &g), 0);
	n = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	n->rank = 3;
	n->dims[0] = 12;
	n->dims[1] = 10;
	n->dims[2] = 4;
	n->input_u8 = true;
	NEXT(AK_OP_RESCALING, "rescale");
	n->scale = 0.007843138f;
	n->offset = -1;
	NEXT(AK_OP_ZEROPAD, "block/pad");
	n->pad[0] = 1;
	n->pad[1] = 2;
	n->pad[2] = 3;
	NEXT(AK_OP_CONV2D, "block");
	n->filters = 6;
	n->kernel_h = 3;
	n->kernel_w = 2;
	n->dilation_h = n->dilation_w = 2;
	n->groups = 2;
	n->act = AK_ACT_RELU6;
	NEXT(AK_OP_DEPTHWISE, "block/dw");
	n->kernel_h = n->kernel_w = 3;
	n->stride_h = n->stride_w = 2;
	n->depth_multiplier = 2;
	n->same = n->use_bias = true;
	NEXT(AK_OP_SEPARABLE, "sep");
	n->filters = 5;
	n->kernel_h = n->kernel_w = 3;
	n->same = true;
	NEXT(AK_OP_BATCHNORM, "sep/BN");
	n->epsilon = 1e-5f;
	n->momentum = 0.9f;
	n->scale_on = true;
	NEXT(AK_OP_RELU, "sep/relu");
	n->bounded = true;
	n->max_value = 6;
	n->negative_slope = 0.1f;
	n->relu_threshold = 0.25f;
	pair[0] = 6;
	pair[1] = 7;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, "add", pair, 2));
	NEXT(AK_OP_AVGPOOL, "avg");
	n->kernel_h = n->kernel_w = 2;
	n->stride_h = n->stride_w = 1;
	n->same = true;
	NEXT(AK_OP_CONV2D, "padded");
	n->filters = 3;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->padded = true;
	n->pad_value = 0.5f;
	NEXT(AK_OP_ACTIVATION, "act");
	n->act = AK_ACT_TANH;
	NEXT(AK_OP_GAP, "gap");
	n->keepdims = true;
	NEXT(AK_OP_RESHAPE, "shape");
	n->rank = 1;
	NEXT(AK_OP_DROPOUT, "drop");
	n->rate = 0.3f;
	NEXT(AK_OP_DENSE, "fc");
	n->filters = 2;
	NEXT(AK_OP_SOFTMAX, "softmax");
#undef NEXT
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			if (strcmp(g->nodes[i].weights[k].name, "moving_variance"))
				fill(&g->nodes[i].weights[k], 10 * i + k);
	return g;
}

static void check_save_and_load(struct akida_graph *g)
{
	char path[PATH_MAX];
	struct akida_graph *back;

	scratch_path(path, sizeof(path), "model.h5");
	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	back = load(path);
	assert_same_graph(back, g);
	akida_graph_destroy(back);
	akida_graph_destroy(g);
	scratch_clear();
}

static void test_graph_save_every_attribute_comes_back(void **state)
{
	(void)state;
	check_save_and_load(unusual_network());
}

static void annotate(struct ak_node *n, uint32_t weight_bits, uint32_t out_bits, uint32_t ranges)
{
	struct ak_node_quant *q = &n->quant;

	q->active = true;
	q->bias_bits = q->max_value_bits = 8;
	q->weight_bits = weight_bits;
	q->buffer_bits = n->op == AK_OP_CONV2D || n->op == AK_OP_DENSE ? 28 : 32;
	if (!out_bits)
		return;
	q->has_output = true;
	q->out_bits = out_bits;
	q->out_signed = out_bits >= 8;
	q->scale_bits = 8;
	q->out_buffer_bits = 32;
	q->out_per_axis = ranges > 1;
	q->range_count = ranges;
	q->range_max = malloc(ranges * sizeof(float));
	q->rescaling_rate = malloc(ranges * sizeof(float));
	for (uint32_t i = 0; i < ranges; i++) {
		q->range_max[i] = 3.75f + (float)i;
		q->rescaling_rate[i] = 0.9f;
	}
}

/* The shape of our own 8/4/4 networks: input conv, separable, dense, Rescaling in front. */
static void test_graph_save_quantized_network_comes_back(void **state)
{
	struct akida_graph *g;
	struct ak_node *n;
	uint32_t at;

	(void)state;
	assert_int_equal(ak_graph_create("q", &g), 0);
#define NEXT(op, name) (at = g->count - 1, n = ak_graph_add(g, op, name, &at, 1), assert_non_null(n))
	n = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	n->rank = 3;
	n->dims[0] = n->dims[1] = 8;
	n->dims[2] = 3;
	n->input_u8 = true;
	NEXT(AK_OP_RESCALING, "rescaling");
	n->scale = 1.0f / 255;
	annotate(n, 0, 0, 0);
	NEXT(AK_OP_CONV2D, "conv");
	n->filters = 4;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->use_bias = n->padded = true;
	n->pad_value = 0.25f;
	annotate(n, 8, 0, 0);
	NEXT(AK_OP_MAXPOOL, "pool");
	n->kernel_h = n->kernel_w = 2;
	annotate(n, 0, 0, 0);
	NEXT(AK_OP_RELU, "relu");
	n->bounded = true;
	n->max_value = 6;
	annotate(n, 0, 4, 1);
	NEXT(AK_OP_SEPARABLE, "sep");
	n->filters = 6;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->use_bias = true;
	annotate(n, 4, 0, 0);
	NEXT(AK_OP_GAP, "gap");
	annotate(n, 0, 0, 0);
	NEXT(AK_OP_RELU, "relu_1");
	annotate(n, 0, 8, 6);
	NEXT(AK_OP_DENSE, "dense");
	n->filters = 3;
	n->use_bias = true;
	annotate(n, 4, 0, 0);
	NEXT(AK_OP_DEQUANTIZER, "dequantizer");
	annotate(n, 0, 0, 0);
	n->quant.buffer_bits = 32;
	NEXT(AK_OP_SOFTMAX, "softmax");
#undef NEXT
	assert_int_equal(ak_graph_build(g, NULL), 0);
	check_save_and_load(g);
}

static void *load_and_save_many_times(void *failed)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%p.h5", scratch, (void *)&path);
	for (int i = 0; i < 10; i++) {
		struct akida_graph *g = small_network(), *back = NULL;

		if (akida_graph_save(g, path, NULL) || akida_graph_load(path, &back, NULL))
			++*(int *)failed;
		akida_graph_destroy(back);
		akida_graph_destroy(g);
	}
	return NULL;
}

/* libhdf5's lock and fork do not mix by themselves. */
static void test_graph_load_and_save_in_threads(void **state)
{
	int failed[4] = {0};
	pthread_t t[4];

	(void)state;
	if (SANITIZED) {
		print_message("skipped: fork beside threads is not safe for the sanitizer's allocator\n");
		skip();
	}
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, load_and_save_many_times, &failed[i]), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(t[i], NULL), 0);
		assert_int_equal(failed[i], 0);
	}
	scratch_clear();
}

/* More layer names than one attribute holds: split as Keras splits them, and put together again. */
static void test_graph_save_long_name_arrays_are_split(void **state)
{
	char path[PATH_MAX], name[AK_NODE_NAME];
	struct akida_graph *g, *back;
	struct ak_node *n;
	hid_t f, w;

	(void)state;
	assert_int_equal(ak_graph_create("long", &g), 0);
	n = ak_graph_add(g, AK_OP_INPUT, "in", NULL, 0);
	n->rank = 1;
	n->dims[0] = 2;
	for (uint32_t i = 0; i < 1200; i++) {
		snprintf(name, sizeof(name), "%0100u", i);
		assert_non_null(ak_graph_add(g, AK_OP_DROPOUT, name, &i, 1));
	}
	assert_int_equal(ak_graph_finish(g, NULL), 0);
	scratch_path(path, sizeof(path), "long.h5");
	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	f = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
	w = H5Gopen2(f, "model_weights", H5P_DEFAULT);
	assert_true(H5Aexists(w, "layer_names0") > 0 && H5Aexists(w, "layer_names1") > 0);
	assert_true(H5Aexists(w, "layer_names") == 0 && H5Aexists(w, "layer_names2") == 0);
	H5Gclose(w);
	H5Fclose(f);
	back = load(path);
	assert_same_graph(back, g);
	akida_graph_destroy(back);
	akida_graph_destroy(g);
	scratch_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph_save_float_file_has_the_tree_of_the_original),
		cmocka_unit_test(test_graph_save_quantized_file_has_the_tree_of_the_original),
		cmocka_unit_test(test_graph_load_quantized_file_has_its_annotations),
		cmocka_unit_test(test_graph_load_zoo_and_mlperf_files),
		cmocka_unit_test(test_graph_load_sequential_with_input_layer),
		cmocka_unit_test(test_graph_load_sequential_without_input_layer),
		cmocka_unit_test(test_graph_load_single_numbers_and_missing_defaults),
		cmocka_unit_test(test_graph_load_layers_in_any_order),
		cmocka_unit_test(test_keras_config_parse_thousands_of_layers_in_reverse),
		cmocka_unit_test(test_graph_save_every_attribute_comes_back),
		cmocka_unit_test(test_graph_save_quantized_network_comes_back),
		cmocka_unit_test(test_graph_load_and_save_in_threads),
		cmocka_unit_test(test_graph_save_long_name_arrays_are_split),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
