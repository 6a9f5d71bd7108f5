/* SPDX-License-Identifier: MIT */
/*
 * Keras 3: .h5 with its configuration and names, and .keras archives, whose weights have numbers instead of names. Each is
 * made from the same network as a Keras 2 file and must give the same graph. Then bad archives, one table.
 */
#include <errno.h>
#include <hdf5.h>
#include <akida/status.h>
#include <zip.h>
#include "same_graph.h"

#define DTYPE                                                                                                          \
	"\"dtype\": {\"module\": \"keras\", \"class_name\": \"DTypePolicy\", \"config\": {\"name\": \"float32\"}, "    \
	"\"registered_name\": null}"
#define TENSOR(name)                                                                                                   \
	"{\"class_name\": \"__keras_tensor__\", \"config\": {\"shape\": [null, 8, 8, 4], \"dtype\": \"float32\", "     \
	"\"keras_history\": [\"" name "\", 0, 0]}}"
#define CALL(args) "\"inbound_nodes\": [{\"args\": [" args "], \"kwargs\": {}}]}"
#define LAYER(class_name, name, members, args)                                                                         \
	"{\"module\": \"keras.layers\", \"class_name\": \"" class_name "\", \"config\": {\"name\": \"" name            \
	"\", \"trainable\": true, " DTYPE members "}, \"registered_name\": null, \"build_config\": {\"input_shape\": " \
	"[null, 8, 8, 1]}, \"name\": \"" name "\", " CALL(args)
#define WINDOW                                                                                                         \
	", \"kernel_size\": [3, 3], \"strides\": [1, 1], \"padding\": \"same\", \"data_format\": \"channels_last\", "  \
	"\"dilation_rate\": [1, 1], \"groups\": 1, \"activation\": \"linear\", \"use_bias\": true"

/* Two convolutions whose names do not follow their order, a depthwise and a normalization, joined twice, dense. */
/* clang-format off */
static const char config[] =
	"{\"module\": \"keras.src.models.functional\", \"class_name\": \"Functional\", \"config\": {\"name\": \"net\", "
	"\"trainable\": true, \"layers\": ["
	"{\"module\": \"keras.layers\", \"class_name\": \"InputLayer\", \"config\": {\"batch_shape\": [null, 8, 8, 1], "
	"\"dtype\": \"float32\", \"sparse\": false, \"name\": \"input\"}, \"registered_name\": null, \"name\": "
	"\"input\", \"inbound_nodes\": []}, "
	LAYER("Conv2D", "conv2d_7", ", \"filters\": 4" WINDOW, TENSOR("input")) ", "
	LAYER("Conv2D", "conv2d_3", ", \"filters\": 4" WINDOW, TENSOR("conv2d_7")) ", "
	LAYER("DepthwiseConv2D", "dw", ", \"depth_multiplier\": 1" WINDOW, TENSOR("conv2d_3")) ", "
	LAYER("BatchNormalization", "bn", ", \"axis\": -1, \"momentum\": 0.99, \"epsilon\": 0.001, \"center\": true, "
	      "\"scale\": true", TENSOR("dw")) ", "
	LAYER("Add", "add", "", "[" TENSOR("bn") ", " TENSOR("conv2d_7") "]") ", "
	LAYER("Activation", "act", ", \"activation\": \"hard_sigmoid\"", TENSOR("add")) ", "
	LAYER("Concatenate", "join", ", \"axis\": -1", "[" TENSOR("act") ", " TENSOR("bn") "]") ", "
	LAYER("LeakyReLU", "leaky", ", \"negative_slope\": 0.125", TENSOR("join")) ", "
	LAYER("GlobalAveragePooling2D", "gap", ", \"data_format\": \"channels_last\", \"keepdims\": false",
	      TENSOR("leaky")) ", "
	LAYER("Dense", "dense", ", \"units\": 3, \"activation\": \"softmax\", \"use_bias\": true", TENSOR("gap"))
	"], \"input_layers\": [[\"input\", 0, 0]], \"output_layers\": [\"dense\", 0, 0]}, \"registered_name\": "
	"\"Functional\", \"build_config\": {\"input_shape\": null}}";
/* clang-format on */

static struct ak_node *add(struct akida_graph *g, enum ak_op op, const char *name, uint32_t a, uint32_t b)
{
	const uint32_t in[2] = {a, b};
	struct ak_node *n = ak_graph_add(g, op, name, in, op == AK_OP_INPUT ? 0 : b ? 2 : 1);

	assert_non_null(n);
	return n;
}

static struct ak_node *window(struct ak_node *n, uint32_t filters)
{
	n->filters = filters;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->use_bias = true;
	return n;
}

static struct akida_graph *expected(void)
{
	struct akida_graph *g;
	struct ak_node *n;

	assert_int_equal(ak_graph_create("net", &g), 0);
	n = add(g, AK_OP_INPUT, "input", 0, 0);
	n->rank = 3;
	n->dims[0] = n->dims[1] = 8;
	n->dims[2] = 1;
	window(add(g, AK_OP_CONV2D, "conv2d_7", 0, 0), 4);
	window(add(g, AK_OP_CONV2D, "conv2d_3", 1, 0), 4);
	window(add(g, AK_OP_DEPTHWISE, "dw", 2, 0), 0);
	n = add(g, AK_OP_BATCHNORM, "bn", 3, 0);
	n->epsilon = 0.001f;
	n->momentum = 0.99f;
	n->center = n->scale_on = true;
	add(g, AK_OP_ADD, "add", 4, 1);
	add(g, AK_OP_ACTIVATION, "act", 5, 0)->act = AK_ACT_HARD_SIGMOID6; /* what Keras 3 means */
	add(g, AK_OP_CONCATENATE, "join", 6, 4)->axis = 2;
	n = add(g, AK_OP_ACTIVATION, "leaky", 7, 0);
	n->act = AK_ACT_LEAKY_RELU;
	n->act_alpha = 0.125f;
	add(g, AK_OP_GAP, "gap", 8, 0);
	n = add(g, AK_OP_DENSE, "dense", 9, 0);
	n->filters = 3;
	n->use_bias = true;
	n->act = AK_ACT_SOFTMAX;
	assert_int_equal(ak_graph_build(g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			if (strcmp(g->nodes[i].weights[k].name, "moving_variance"))
				fill(&g->nodes[i].weights[k], 10 * i + k);
	return g;
}

/* ---- writing ---- */

static hid_t group_at(hid_t loc, const char *path)
{
	hid_t links = H5Pcreate(H5P_LINK_CREATE), g;

	H5Pset_create_intermediate_group(links, 1);
	g = H5Lexists(loc, path, H5P_DEFAULT) > 0 ? H5Gopen2(loc, path, H5P_DEFAULT)
						  : H5Gcreate2(loc, path, links, H5P_DEFAULT, H5P_DEFAULT);
	H5Pclose(links);
	assert_true(g >= 0);
	return g;
}

static void put_weight(hid_t loc, const char *name, const struct ak_weight *w)
{
	hid_t links = H5Pcreate(H5P_LINK_CREATE), space, set;
	hsize_t dims[AK_WEIGHT_RANK];

	for (uint32_t i = 0; i < w->rank; i++)
		dims[i] = w->dims[i];
	space = H5Screate_simple((int)w->rank, dims, NULL);
	H5Pset_create_intermediate_group(links, 1);
	set = H5Dcreate2(loc, name, H5T_IEEE_F32LE, space, links, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(set >= 0);
	assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, w->data) >= 0);
	H5Dclose(set);
	H5Sclose(space);
	H5Pclose(links);
}

static void put_texts(hid_t loc, const char *name, const char *const *values, hsize_t n, bool scalar)
{
	hid_t type = H5Tcopy(H5T_C_S1), space = scalar ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL), a;

	H5Tset_size(type, H5T_VARIABLE);
	a = H5Acreate2(loc, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(a >= 0 && H5Awrite(a, type, values) >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Tclose(type);
}

/* As Keras 3 writes .h5: weights by their path, without ":0", and the kernel of a depthwise layer is a kernel. */
static void write_h5(const struct akida_graph *g, const char *path)
{
	hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), weights = group_at(f, "model_weights");
	const char *text = config, *version = "3.4.1", *layers[32];

	put_texts(f, "model_config", &text, 1, true);
	put_texts(f, "keras_version", &version, 1, true);
	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];
		hid_t group = group_at(weights, n->name);
		char names[AK_MAX_WEIGHTS][2 * AK_NODE_NAME + 16];
		const char *list[AK_MAX_WEIGHTS];

		for (uint32_t k = 0; k < n->weight_count; k++) {
			const char *name = n->weights[k].name;

			snprintf(names[k], sizeof(names[k]), "net/%s/%s", n->name,
				 strcmp(name, "depthwise_kernel") ? name : "kernel");
			list[k] = names[k];
			put_weight(group, names[k], &n->weights[k]);
		}
		put_texts(group, "weight_names", list, n->weight_count, false);
		layers[i] = n->name;
		H5Gclose(group);
	}
	put_texts(weights, "layer_names", layers, g->count, false);
	H5Gclose(weights);
	H5Fclose(f);
}

/* model.weights.h5: a group for each layer, by class and number, or by name. */
static void write_weights(const struct akida_graph *g, const char *path, const char *root, bool by_name, uint32_t step)
{
	static const char *const classes[] = {[AK_OP_CONV2D] = "conv2d",
					      [AK_OP_DEPTHWISE] = "depthwise_conv2d",
					      [AK_OP_BATCHNORM] = "batch_normalization",
					      [AK_OP_DENSE] = "dense"};
	hid_t f = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	uint32_t seen[AK_OP_COUNT] = {0};

	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_node *n = &g->nodes[i];
		char name[AK_NODE_NAME + 64];
		hid_t group;

		if (!n->weight_count) { /* layers without weights have groups, too */
			snprintf(name, sizeof(name), "%s/other_%u/vars", root, i);
			H5Gclose(group_at(f, name));
			continue;
		}
		if (by_name)
			snprintf(name, sizeof(name), "%s/%s/vars", root, n->name);
		else if (seen[n->op])
			snprintf(name, sizeof(name), "%s/%s_%u/vars", root, classes[n->op], step * seen[n->op]);
		else
			snprintf(name, sizeof(name), "%s/%s/vars", root, classes[n->op]);
		seen[n->op]++;
		group = group_at(f, name);
		for (uint32_t k = 0; k < n->weight_count; k++) {
			snprintf(name, sizeof(name), "%u", k);
			put_weight(group, name, &n->weights[k]);
		}
		H5Gclose(group);
	}
	H5Fclose(f);
}

static void add_member(zip_t *z, const char *name, const void *bytes, size_t len)
{
	void *copy = malloc(len + 1);

	memcpy(copy, bytes, len);
	assert_true(zip_file_add(z, name, zip_source_buffer(z, copy, len, 1), ZIP_FL_OVERWRITE) >= 0);
}

static void write_archive(const char *path, const char *text, const char *metadata, const char *weights)
{
	unsigned char *bytes;
	size_t len = weights ? read_file(weights, &bytes) : 0;
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, NULL);

	assert_non_null(z);
	if (text)
		add_member(z, "config.json", text, strlen(text));
	if (metadata)
		add_member(z, "metadata.json", metadata, strlen(metadata));
	if (weights) {
		add_member(z, "model.weights.h5", bytes, len);
		free(bytes);
	}
	assert_int_equal(zip_close(z), 0);
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

static void test_load_h5_of_keras_3(void **state)
{
	struct akida_graph *want = expected(), *got;
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "three.h5");
	write_h5(want, path);
	got = load(path);
	assert_same_graph(got, want);
	akida_graph_destroy(got);
	akida_graph_destroy(want);
	scratch_clear();
}

static void test_load_archives(void **state)
{
	static const struct {
		const char *root, *metadata;
		bool by_name;
		uint32_t step;
	} forms[] = {
		{"layers", "{\"keras_version\": \"3.4.1\", \"date_saved\": \"2024-07-01@00:00:00\"}", false, 1},
		{"layers", NULL, false, 1},
		{"layers", "{\"keras_version\": \"3.9.0\"}", true, 1},
		/* numbers that count other references to a layer, too */
		{"_layer_checkpoint_dependencies", "{\"keras_version\": \"3.0.0\"}", false, 2},
	};
	struct akida_graph *want = expected(), *got;
	char path[PATH_MAX], weights[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "model.keras");
	scratch_path(weights, sizeof(weights), "w.h5");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		write_weights(want, weights, forms[i].root, forms[i].by_name, forms[i].step);
		write_archive(path, config, forms[i].metadata, weights);
		got = load(path);
		assert_same_graph(got, want);
		akida_graph_destroy(got);
	}
	/* Keras 2 means another function by the same name */
	write_archive(path, config, "{\"keras_version\": \"2.15.0\"}", weights);
	got = load(path);
	assert_int_equal(got->nodes[6].act, AK_ACT_HARD_SIGMOID);
	akida_graph_destroy(got);
	akida_graph_destroy(want);
	scratch_clear();
}

/* ---- bad archives ---- */

static struct akida_graph *good;
static char good_weights[PATH_MAX];

/* The first occurrence of from in config replaced, with good weights. */
static void replaced(const char *path, const char *from, const char *to)
{
	const char *at = strstr(config, from);
	char *text = malloc(sizeof(config) + strlen(to));

	assert_non_null(at);
	sprintf(text, "%.*s%s%s", (int)(at - config), config, to, at + strlen(from));
	write_archive(path, text, NULL, good_weights);
	free(text);
}

static void no_config(const char *path)
{
	write_archive(path, NULL, "{}", good_weights);
}

static void no_weights(const char *path)
{
	write_archive(path, config, "{}", NULL);
}

static void text_weights(const char *path)
{
	zip_t *z;

	write_archive(path, config, NULL, NULL);
	z = zip_open(path, 0, NULL);
	add_member(z, "model.weights.h5", "these are no weights", 20);
	assert_int_equal(zip_close(z), 0);
}

static void cut_weights(const char *path)
{
	unsigned char *bytes;
	size_t len = read_file(good_weights, &bytes);
	zip_t *z;

	write_archive(path, config, NULL, NULL);
	z = zip_open(path, 0, NULL);
	add_member(z, "model.weights.h5", bytes, len / 3);
	assert_int_equal(zip_close(z), 0);
	free(bytes);
}

/* The archive itself: from which end, and how much of it stays. */
static void cut(const char *path, size_t keep_of_16)
{
	unsigned char *bytes;
	size_t len;

	write_archive(path, config, NULL, good_weights);
	len = read_file(path, &bytes);
	write_file(path, bytes, len * keep_of_16 / 16);
	free(bytes);
}

static void cut_half(const char *path)
{
	cut(path, 8);
}

static void cut_end(const char *path)
{
	cut(path, 15);
}

static void cut_short(const char *path)
{
	unsigned char *bytes;

	write_archive(path, config, NULL, good_weights);
	read_file(path, &bytes);
	write_file(path, bytes, 6);
	free(bytes);
}

static void bad_sum(const char *path)
{
	unsigned char *bytes, *at;
	size_t len;

	write_archive(path, config, NULL, good_weights);
	len = read_file(path, &bytes);
	at = bytes + 60; /* inside the packed configuration */
	for (int i = 0; i < 40; i++)
		at[i] = (unsigned char)~at[i];
	write_file(path, bytes, len);
	free(bytes);
}

static void weights_where(const char *path, const char *root, bool by_name)
{
	char w[PATH_MAX];

	scratch_path(w, sizeof(w), "bad.h5");
	write_weights(good, w, root, by_name, 1);
	write_archive(path, config, NULL, w);
	unlink(w);
}

static void other_root(const char *path)
{
	weights_where(path, "somewhere", false);
}

static void edited_weights(const char *path, void (*edit)(hid_t f))
{
	char w[PATH_MAX];
	hid_t f;

	scratch_path(w, sizeof(w), "bad.h5");
	write_weights(good, w, "layers", false, 1);
	f = H5Fopen(w, H5F_ACC_RDWR, H5P_DEFAULT);
	edit(f);
	H5Fclose(f);
	write_archive(path, config, NULL, w);
	unlink(w);
}

static void drop_dense(hid_t f)
{
	H5Ldelete(f, "layers/dense", H5P_DEFAULT);
}

static void drop_bias(hid_t f)
{
	H5Ldelete(f, "layers/dense/vars/1", H5P_DEFAULT);
}

static void drop_kernel(hid_t f)
{
	H5Ldelete(f, "layers/conv2d/vars/0", H5P_DEFAULT);
}

static void one_more(hid_t f)
{
	put_weight(f, "layers/dense/vars/2", &good->nodes[1].weights[1]);
}

static void more_layers(hid_t f)
{
	put_weight(f, "layers/conv2d_2/vars/0", &good->nodes[1].weights[1]);
}

static void unknown_layers(hid_t f)
{
	put_weight(f, "layers/lstm/vars/0", &good->nodes[1].weights[1]);
}

static void other_shape(hid_t f)
{
	H5Ldelete(f, "layers/dense/vars/1", H5P_DEFAULT);
	put_weight(f, "layers/dense/vars/1", &good->nodes[1].weights[1]);
}

static void put_typed(hid_t f, hid_t type, const hsize_t *dims, int rank)
{
	hid_t space = H5Screate_simple(rank, dims, NULL), set;

	H5Ldelete(f, "layers/dense/vars/1", H5P_DEFAULT);
	set = H5Dcreate2(f, "layers/dense/vars/1", type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(set >= 0);
	H5Dclose(set);
	H5Sclose(space);
}

static const hsize_t three[] = {3}, none[] = {0}, six[] = {3, 1, 1, 1, 1, 1};

static void integers(hid_t f)
{
	put_typed(f, H5T_STD_I8LE, three, 1);
}

static void doubles(hid_t f)
{
	put_typed(f, H5T_IEEE_F64LE, three, 1);
}

static void empty(hid_t f)
{
	put_typed(f, H5T_IEEE_F32LE, none, 1);
}

static void six_axes(hid_t f)
{
	put_typed(f, H5T_IEEE_F32LE, six, 6);
}

static void circle(hid_t f)
{
	H5Ldelete(f, "layers/dense/vars/1", H5P_DEFAULT);
	H5Lcreate_soft("/layers/dense/vars/1", f, "layers/dense/vars/1", H5P_DEFAULT, H5P_DEFAULT);
}

static void outside(hid_t f)
{
	H5Ldelete(f, "layers/dense/vars/0", H5P_DEFAULT);
	H5Lcreate_external("/etc/passwd", "/", f, "layers/dense/vars/0", H5P_DEFAULT, H5P_DEFAULT);
}

static void group_for_data(hid_t f)
{
	H5Ldelete(f, "layers/dense/vars/1", H5P_DEFAULT);
	H5Gclose(group_at(f, "layers/dense/vars/1"));
}

static void nan_bias(hid_t f)
{
	hid_t set = H5Dopen2(f, "layers/dense/vars/1", H5P_DEFAULT);
	const float v[3] = {0, 0.0f / 0.0f, 0};

	H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, v);
	H5Dclose(set);
}

struct bad_case {
	const char *what;
	void (*make)(const char *path);
	void (*edit)(hid_t f); /* or of the weights */
	const char *from, *to; /* or of config.json */
	int err;
	const char *rule, *names;
};

#define MADE(what, make, err, rule, names)                                                                             \
	{                                                                                                              \
		what, make, NULL, NULL, NULL, err, rule, names                                                         \
	}
#define WEIGHTS(what, edit, err, rule, names)                                                                          \
	{                                                                                                              \
		what, NULL, edit, NULL, NULL, err, rule, names                                                         \
	}
#define JSON(what, from, to, err, rule, names)                                                                         \
	{                                                                                                              \
		what, NULL, NULL, from, to, err, rule, names                                                           \
	}

static const struct bad_case cases[] = {
	MADE("cut to its first bytes", cut_short, -EILSEQ, "keras.archive", "damaged"),
	MADE("cut in half", cut_half, -EILSEQ, "keras.archive", "damaged"),
	MADE("end cut off", cut_end, -EILSEQ, "keras.archive", "damaged"),
	MADE("bytes changed", bad_sum, -EILSEQ, "keras.archive", "config.json is damaged"),
	MADE("no configuration", no_config, -EOPNOTSUPP, "import.kind", "zip"),
	MADE("no weights", no_weights, -EILSEQ, "keras.archive", "model.weights.h5 is missing"),
	MADE("weights that are text", text_weights, -EILSEQ, "keras.archive", "not HDF5"),
	MADE("weights cut", cut_weights, -EILSEQ, "import.damaged", "damaged"),
	MADE("weights elsewhere", other_root, -EILSEQ, "h5.weights", "group layers"),
	WEIGHTS("a layer's group missing", drop_dense, -EILSEQ, "h5.weights", "dense: has no group"),
	WEIGHTS("bias missing", drop_bias, -EINVAL, "graph.weight-missing", "dense: has no bias"),
	WEIGHTS("first weight missing", drop_kernel, -EILSEQ, "h5.weights", "has no group"),
	WEIGHTS("a weight too many", one_more, -EINVAL, "graph.weight-shape", "dense: has more weights"),
	WEIGHTS("a layer too many", more_layers, -EILSEQ, "h5.weights", "config.json does not have"),
	WEIGHTS("an unknown layer", unknown_layers, -EILSEQ, "h5.weights", "config.json does not have"),
	WEIGHTS("bias of another shape", other_shape, -EINVAL, "graph.weight-shape",
		"dense: bias has shape 4, must be 3"),
	WEIGHTS("integers", integers, -EOPNOTSUPP, "h5.dtype", "float32"),
	WEIGHTS("doubles", doubles, -EOPNOTSUPP, "h5.dtype", "float32"),
	WEIGHTS("no elements", empty, -ERANGE, "h5.weight-shape", NULL),
	WEIGHTS("six axes", six_axes, -ERANGE, "h5.weight-shape", NULL),
	WEIGHTS("a link to itself", circle, -EILSEQ, "h5.weights", NULL),
	WEIGHTS("a link to another file", outside, -EILSEQ, "h5.weights", NULL),
	WEIGHTS("a group instead of data", group_for_data, -EILSEQ, "h5.weights", NULL),
	WEIGHTS("NaN", nan_bias, -ERANGE, "graph.not-finite", "dense: bias has NaN"),
	JSON("broken JSON", "\"layers\": [", "\"layers\" [", -EILSEQ, "h5.model-config", "not JSON"),
	JSON("a subclassed model", "\"class_name\": \"Functional\"", "\"class_name\": \"MyModel\"", -EOPNOTSUPP,
	     "h5.model-config", "Functional or Sequential"),
	JSON("an unknown layer class", "\"class_name\": \"Add\"", "\"class_name\": \"Multiply\"", -EOPNOTSUPP,
	     "h5.layer-class", "Multiply"),
	JSON("a nested model", "\"class_name\": \"Add\"", "\"class_name\": \"Functional\"", -EOPNOTSUPP,
	     "h5.layer-class", "Functional"),
	JSON("no batch_shape", "\"batch_shape\": [null, 8, 8, 1]", "\"shape\": 3", -EILSEQ, "h5.layer-config", "input"),
	JSON("an open size", "\"batch_shape\": [null, 8, 8, 1]", "\"batch_shape\": [null, null, 8, 1]", -EOPNOTSUPP,
	     "h5.layer-config", "input"),
	JSON("an absurd size", "\"batch_shape\": [null, 8, 8, 1]", "\"batch_shape\": [null, 1e9, 8, 1]", -ERANGE,
	     "graph.attribute", "input"),
	JSON("float16 inputs", "\"dtype\": \"float32\", \"sparse\"", "\"dtype\": \"float16\", \"sparse\"", -EOPNOTSUPP,
	     "h5.layer-config", "dtype"),
	JSON("a tensor from nowhere", "\"keras_history\": [\"input\", 0, 0]", "\"keras_history\": [\"gone\", 0, 0]",
	     -EILSEQ, "h5.inbound", "conv2d_7"),
	JSON("a layer used twice", "\"keras_history\": [\"input\", 0, 0]", "\"keras_history\": [\"input\", 1, 0]",
	     -EOPNOTSUPP, "h5.inbound", "conv2d_7"),
	JSON("no history", "\"keras_history\": [\"input\", 0, 0]", "\"history\": 1", -EILSEQ, "h5.inbound", "conv2d_7"),
	JSON("a call with an object", TENSOR("conv2d_3"), "{\"class_name\": \"Other\"}", -EOPNOTSUPP, "h5.inbound",
	     "dw"),
	JSON("a call nested without end", TENSOR("conv2d_3"), "[[[[[[[1]]]]]]]", -EILSEQ, "h5.inbound", "dw"),
	JSON("a call without tensors", TENSOR("conv2d_3"), "null", -EINVAL, "graph.inputs", "dw"),
	JSON("calls that are text", "\"inbound_nodes\": [{\"args\"", "\"inbound_nodes\": [\"args\"], \"x\": [{\"y\"",
	     -EILSEQ, "h5.inbound", "conv2d_7"),
	JSON("two outputs", "\"output_layers\": [\"dense\", 0, 0]",
	     "\"output_layers\": [[\"dense\", 0, 0], [\"gap\", 0, 0]]", -EOPNOTSUPP, "h5.outputs", NULL),
	JSON("an output that is no layer", "\"output_layers\": [\"dense\"", "\"output_layers\": [\"gone\"", -EILSEQ,
	     "h5.outputs", NULL),
	JSON("shapes that do not add up", "[" TENSOR("bn") ", " TENSOR("conv2d_7") "]",
	     "[" TENSOR("bn") ", " TENSOR("input") "]", -EINVAL, "graph.shape", "add"),
	JSON("an axis of text",
	     "\"axis\": -1}, \"registered_name\": null, \"build_config\": {\"input_shape\": [null, 8, 8, 1]}, "
	     "\"name\": \"join\"",
	     "\"axis\": \"c\"}, \"registered_name\": null, \"name\": \"join\"", -EILSEQ, "h5.layer-config", "axis"),
	JSON("an unknown activation", "hard_sigmoid", "log_softmax", -EOPNOTSUPP, "h5.layer-config", "log_softmax"),
	JSON("a slope of text", "\"negative_slope\": 0.125", "\"negative_slope\": \"x\"", -EILSEQ, "h5.layer-config",
	     "negative_slope"),
};

static void test_bad_archives_are_refused_with_their_rule(void **state)
{
	char path[PATH_MAX];

	(void)state;
	good = expected();
	scratch_path(path, sizeof(path), "bad.keras");
	scratch_path(good_weights, sizeof(good_weights), "good.h5");
	write_weights(good, good_weights, "layers", false, 1);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct bad_case *c = &cases[i];
		struct akida_diag *diag = akida_diag_create();
		const struct akida_diag_record *r;
		struct akida_graph *g = NULL;
		int err;

		if (c->make)
			c->make(path);
		else if (c->edit)
			edited_weights(path, c->edit);
		else
			replaced(path, c->from, c->to);
		err = akida_graph_load(path, &g, diag);
		r = akida_diag_first_error(diag);
		if (err != c->err || !r || strcmp(r->rule, c->rule) || (c->names && !strstr(r->text, c->names)))
			fail_msg("%s: got %d %s: %s; want %d %s: %s", c->what, err, r ? r->rule : "-",
				 r ? r->text : "-", c->err, c->rule, c->names ? c->names : "");
		assert_null(g);
		akida_diag_destroy(diag);
	}
	akida_graph_destroy(good);
	scratch_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_h5_of_keras_3),
		cmocka_unit_test(test_load_archives),
		cmocka_unit_test(test_bad_archives_are_refused_with_their_rule),
	};

	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
