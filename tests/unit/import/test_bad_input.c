/* SPDX-License-Identifier: MIT */
/*
 * One table of bad model files: each is made from a good one at test time, loaded, and must be refused with this errno and
 * rule id, leaving the caller's pointer and the folder as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <hdf5.h>
#include <math.h>
#include <sys/stat.h>
#include <zip.h>
#include <akida/status.h>
#include "files.h"
#include "import/confine.h"
#include "import/h5_arena.h"
#include "import/keras.h"

#define CONV_KERNEL "model_weights/conv/conv/kernel:0"

static unsigned char *good;
static size_t good_len;
static char *config;

/* ---- makers: turn the good file at path into a bad one ---- */

static hid_t open_h5(const char *path)
{
	hid_t f = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);

	assert_true(f >= 0);
	return f;
}

static void put_string(hid_t f, const char *name, const char *value)
{
	hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), a;

	H5Tset_size(type, H5T_VARIABLE);
	if (H5Aexists(f, name) > 0)
		H5Adelete(f, name);
	a = H5Acreate2(f, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(H5Awrite(a, type, &value) >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Tclose(type);
}

static void set_config(const char *path, const char *json)
{
	hid_t f = open_h5(path);

	put_string(f, "model_config", json);
	H5Fclose(f);
}

static void replace_data(const char *path, hid_t type, int rank, const hsize_t *dims)
{
	hid_t f = open_h5(path), space = H5Screate_simple(rank, dims, NULL), set;

	H5Ldelete(f, CONV_KERNEL, H5P_DEFAULT);
	set = H5Dcreate2(f, CONV_KERNEL, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(set >= 0);
	H5Dclose(set);
	H5Sclose(space);
	H5Fclose(f);
}

static const hsize_t kernel_dims[] = {3, 3, 1, 4};

static void int_weights(const char *path)
{
	replace_data(path, H5T_STD_I32LE, 4, kernel_dims);
}

static void double_weights(const char *path)
{
	replace_data(path, H5T_IEEE_F64LE, 4, kernel_dims);
}

static void string_weights(const char *path)
{
	replace_data(path, H5T_C_S1, 4, kernel_dims);
}

static void empty_weights(const char *path)
{
	replace_data(path, H5T_IEEE_F32LE, 4, (const hsize_t[]){3, 3, 0, 4});
}

static void six_axes(const char *path)
{
	replace_data(path, H5T_IEEE_F32LE, 6, (const hsize_t[]){3, 3, 1, 4, 1, 1});
}

static void other_shape(const char *path)
{
	replace_data(path, H5T_IEEE_F32LE, 4, (const hsize_t[]){3, 3, 1, 5});
}

static void other_rank(const char *path)
{
	replace_data(path, H5T_IEEE_F32LE, 2, (const hsize_t[]){9, 4});
}

/* Chunks that were never written take no room in the file. */
static void huge_chunked(const char *path, hsize_t rows)
{
	const hsize_t dims[] = {rows, 1 << 14}, chunk[] = {64, 1 << 14};
	hid_t f = open_h5(path), space = H5Screate_simple(2, dims, NULL), create = H5Pcreate(H5P_DATASET_CREATE), set;

	H5Pset_chunk(create, 2, chunk);
	H5Ldelete(f, CONV_KERNEL, H5P_DEFAULT);
	set = H5Dcreate2(f, CONV_KERNEL, H5T_IEEE_F32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
	assert_true(set >= 0);
	H5Dclose(set);
	H5Pclose(create);
	H5Sclose(space);
	H5Fclose(f);
}

static void unpacks_to_half_a_gigabyte(const char *path)
{
	huge_chunked(path, 1 << 13);
}

static void absurd_elements(const char *path)
{
	huge_chunked(path, (hsize_t)1 << 40);
}

static void set_first(const char *path, const char *name, float v)
{
	hid_t f = open_h5(path), set = H5Dopen2(f, name, H5P_DEFAULT);
	float data[192];

	assert_true(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
	data[0] = v;
	assert_true(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
	H5Dclose(set);
	H5Fclose(f);
}

static void nan_weight(const char *path)
{
	set_first(path, CONV_KERNEL, NAN);
}

static void infinite_weight(const char *path)
{
	set_first(path, "model_weights/dense/dense/bias:0", INFINITY);
}

static void negative_variance(const char *path)
{
	set_first(path, "model_weights/bn/bn/moving_variance:0", -3);
}

static void delete_link(const char *path, const char *name)
{
	hid_t f = open_h5(path);

	assert_true(H5Ldelete(f, name, H5P_DEFAULT) >= 0);
	H5Fclose(f);
}

static void no_kernel(const char *path)
{
	delete_link(path, CONV_KERNEL);
}

static void no_layer_group(const char *path)
{
	delete_link(path, "model_weights/dense");
}

static void no_weights(const char *path)
{
	delete_link(path, "model_weights");
}

static void delete_attr(const char *path, const char *object, const char *name)
{
	hid_t f = open_h5(path);

	assert_true(H5Adelete_by_name(f, object, name, H5P_DEFAULT) >= 0);
	H5Fclose(f);
}

static void no_config(const char *path)
{
	delete_attr(path, ".", "model_config");
}

static void no_layer_names(const char *path)
{
	delete_attr(path, "model_weights", "layer_names");
}

static void no_weight_names(const char *path)
{
	delete_attr(path, "model_weights/conv", "weight_names");
}

static void put_int_names(const char *path, const char *object, const char *name)
{
	hid_t f = open_h5(path), o = H5Oopen(f, object, H5P_DEFAULT), space, a;
	hsize_t n = 3;

	H5Adelete(o, name);
	space = H5Screate_simple(1, &n, NULL);
	a = H5Acreate2(o, name, H5T_STD_I32LE, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(a >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Oclose(o);
	H5Fclose(f);
}

static void numbers_for_weight_names(const char *path)
{
	put_int_names(path, "model_weights/conv", "weight_names");
}

static void numbers_for_layer_names(const char *path)
{
	put_int_names(path, "model_weights", "layer_names");
}

static void keep_one_weight(const char *path)
{
	const char *name = "dense/kernel:0";
	hid_t f = open_h5(path), o = H5Oopen(f, "model_weights/dense", H5P_DEFAULT), type = H5Tcopy(H5T_C_S1), space, a;
	hsize_t n = 1;

	H5Tset_size(type, H5T_VARIABLE);
	H5Adelete(o, "weight_names");
	space = H5Screate_simple(1, &n, NULL);
	a = H5Acreate2(o, "weight_names", type, space, H5P_DEFAULT, H5P_DEFAULT);
	assert_true(H5Awrite(a, type, &name) >= 0);
	H5Aclose(a);
	H5Sclose(space);
	H5Tclose(type);
	H5Oclose(o);
	H5Fclose(f);
}

static void external_link(const char *path)
{
	hid_t f = open_h5(path);

	H5Ldelete(f, CONV_KERNEL, H5P_DEFAULT);
	assert_true(H5Lcreate_external("/etc/passwd", "/", f, CONV_KERNEL, H5P_DEFAULT, H5P_DEFAULT) >= 0);
	H5Fclose(f);
}

static void circular_link(const char *path)
{
	hid_t f = open_h5(path);

	H5Ldelete(f, CONV_KERNEL, H5P_DEFAULT);
	assert_true(H5Lcreate_soft("/" CONV_KERNEL, f, CONV_KERNEL, H5P_DEFAULT, H5P_DEFAULT) >= 0);
	H5Fclose(f);
}

static void keras_3(const char *path)
{
	static const char from[] = "[[[\"input\", 0, 0, {}]]]", to[] = "[{\"args\": [{}]}]";
	const char *at = strstr(config, from);
	char *json = malloc(strlen(config) + sizeof(to));
	hid_t f;

	sprintf(json, "%.*s%s%s", (int)(at - config), config, to, at + strlen(from));
	set_config(path, json);
	free(json);
	f = open_h5(path);
	put_string(f, "keras_version", "3.4.1");
	H5Fclose(f);
}

static void deep_json(const char *path)
{
	char *deep = malloc(200001);

	memset(deep, '[', 200000);
	deep[200000] = 0;
	set_config(path, deep);
	free(deep);
}

static void empty_file(const char *path)
{
	write_file(path, good, 0);
}

static void cut_in_signature(const char *path)
{
	write_file(path, good, 5);
}

static void cut_in_superblock(const char *path)
{
	write_file(path, good, 40);
}

static void cut_in_half(const char *path)
{
	write_file(path, good, good_len / 2);
}

static void cut_by_one(const char *path)
{
	write_file(path, good, good_len - 1);
}

static void absurd_heap(const char *path)
{
	unsigned char *copy = malloc(good_len);

	memcpy(copy, good, good_len);
	for (size_t i = 0; i + 16 < good_len; i++)
		if (!memcmp(copy + i, "GCOL", 4))
			memset(copy + i + 8, 0xff, 8); /* a heap of 2^64 - 1 bytes */
	write_file(path, copy, good_len);
	free(copy);
}

static void text_file(const char *path)
{
	write_file(path, "hello, this is no model\n", 24);
}

static void zip_file(const char *path, const char *member)
{
	int err;
	zip_t *z = zip_open(path, ZIP_CREATE | ZIP_TRUNCATE, &err);

	assert_non_null(z);
	assert_true(zip_file_add(z, member, zip_source_buffer(z, "{}", 2, 0), 0) >= 0);
	assert_int_equal(zip_close(z), 0);
}

static void keras_archive(const char *path)
{
	zip_file(path, "config.json");
}

static void npz_archive(const char *path)
{
	zip_file(path, "x.npy");
}

static void onnx_file(const char *path)
{
	static const unsigned char bytes[] = {8, 7, 0x12, 7, 'p', 'y', 't', 'o', 'r', 'c', 'h', 0x1a, 1, '1', 0x3a, 0};

	write_file(path, bytes, sizeof(bytes));
}

static void fbz_file(const char *path)
{
	char bytes[32 + 60 + 10] = {60};

	write_file(path, bytes, sizeof(bytes));
}

static void akm_file(const char *path)
{
	write_file(path, "AKIDAAKM\1\0\0\0\100\0\0\0", 16);
}

static void npy_file(const char *path)
{
	write_file(path, "\x93NUMPY\1\0\2\0{}", 12);
}

static void folder(const char *path)
{
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void no_file(const char *path)
{
	unlink(path);
}

/* ---- the table ---- */

struct bad_case {
	const char *what;
	void (*make)(const char *path); /* or: */
	const char *from, *to;		/* the first occurrence in model_config */
	int err;
	const char *rule;
	const char *names; /* must occur in the message; NULL: nothing */
};

#define MADE(what, maker, err, rule, names)                                                                            \
	{                                                                                                              \
		what, maker, NULL, NULL, err, rule, names                                                              \
	}
#define JSON(what, from, to, err, rule, names)                                                                         \
	{                                                                                                              \
		what, NULL, from, to, err, rule, names                                                                 \
	}
#define INBOUND "[[[\"input\", 0, 0, {}]]]"
#define SECOND_INPUT                                                                                                   \
	"\"layers\": [{\"class_name\": \"InputLayer\", \"config\": {\"batch_input_shape\": [null, 8, 8, 1], "          \
	"\"dtype\": \"float32\", \"name\": \"b\"}, \"name\": \"b\", \"inbound_nodes\": []}, "

static const struct bad_case cases[] = {
	MADE("empty", empty_file, -EILSEQ, "file.truncated", NULL),
	MADE("cut inside the signature", cut_in_signature, -EILSEQ, "file.magic", NULL),
	MADE("cut inside the superblock", cut_in_superblock, -EILSEQ, "import.damaged", NULL),
	MADE("cut in half", cut_in_half, -EILSEQ, "import.damaged", "the file is damaged"),
	MADE("cut by one byte", cut_by_one, -EILSEQ, "import.damaged", NULL),
	MADE("heap of absurd size", absurd_heap, -EILSEQ, NULL, NULL),
	MADE("text", text_file, -EILSEQ, "file.magic", NULL),
	MADE(".keras", keras_archive, -EILSEQ, "keras.archive", "model.weights.h5 is missing"),
	MADE(".npz", npz_archive, -EOPNOTSUPP, "import.kind", NULL),
	MADE(".onnx", onnx_file, -EILSEQ, "onnx.opset", NULL),
	MADE(".fbz", fbz_file, -EOPNOTSUPP, "import.kind", ".fbz"),
	MADE(".akm", akm_file, -EINVAL, "import.kind", "converted model"),
	MADE(".npy", npy_file, -EINVAL, "import.kind", NULL),
	MADE("folder", folder, -EINVAL, "sys.io", NULL),
	MADE("no file", no_file, -ENOENT, "sys.io", NULL),
	MADE("Keras 3 .h5 with calls of Keras 3", keras_3, -EOPNOTSUPP, "h5.inbound", "no tensor"),
	MADE("integer weights", int_weights, -EOPNOTSUPP, "h5.dtype", "conv/kernel:0"),
	MADE("double weights", double_weights, -EOPNOTSUPP, "h5.dtype", "conv/kernel:0"),
	MADE("text for weights", string_weights, -EOPNOTSUPP, "h5.dtype", NULL),
	MADE("weights of size 0", empty_weights, -ERANGE, "h5.weight-shape", "conv/kernel:0"),
	MADE("weights of 6 axes", six_axes, -ERANGE, "h5.weight-shape", NULL),
	MADE("weights of another shape", other_shape, -EINVAL, "graph.weight-shape", "3x3x1x5"),
	MADE("weights of another rank", other_rank, -EINVAL, "graph.weight-shape", "9x4"),
	MADE("weights that unpack", unpacks_to_half_a_gigabyte, -ENOMEM, "sys.no-memory", NULL),
	MADE("weights beyond all memory", absurd_elements, -ERANGE, "h5.weight-shape", NULL),
	MADE("NaN", nan_weight, -ERANGE, "graph.not-finite", "conv: kernel has NaN"),
	MADE("infinity", infinite_weight, -ERANGE, "graph.not-finite", "dense: bias"),
	MADE("negative variance", negative_variance, -ERANGE, "graph.not-finite", "bn: moving_variance"),
	MADE("data set missing", no_kernel, -EILSEQ, "h5.weights", "conv/kernel:0"),
	MADE("layer group missing", no_layer_group, -EILSEQ, "h5.weights", "dense"),
	MADE("model_weights missing", no_weights, -EILSEQ, "h5.weights", "model_weights"),
	MADE("bias missing", keep_one_weight, -EINVAL, "graph.weight-missing", "dense: has no bias"),
	MADE("layer_names missing", no_layer_names, -EILSEQ, "h5.weights", "layer_names"),
	MADE("weight_names missing", no_weight_names, -EILSEQ, "h5.weights", "weight_names"),
	MADE("weight_names are numbers", numbers_for_weight_names, -EILSEQ, "h5.weight-names", NULL),
	MADE("layer_names are numbers", numbers_for_layer_names, -EILSEQ, "h5.weight-names", NULL),
	MADE("external link", external_link, -EILSEQ, "h5.weights", NULL),
	MADE("circular link", circular_link, -EILSEQ, "h5.weights", NULL),
	MADE("model_config missing", no_config, -EILSEQ, "h5.model-config", NULL),
	MADE("JSON of 200000 brackets", deep_json, -EILSEQ, "h5.model-config", NULL),
	JSON("broken JSON", "\"config\": {", "\"config\" {", -EILSEQ, "h5.model-config", "not JSON"),
	JSON("NaN in JSON", "\"epsilon\": 0.001", "\"epsilon\": NaN", -EILSEQ, "h5.model-config", NULL),
	JSON("another model class", "Functional", "Subclassed", -EOPNOTSUPP, "h5.model-config", NULL),
	JSON("layers are an object", "\"layers\": [", "\"layers\": {}, \"x\": [", -EILSEQ, "h5.model-config", NULL),
	JSON("no layers", "\"layers\": [", "\"layers\": [], \"x\": [", -EILSEQ, "h5.layer-config", NULL),
	JSON("unknown layer", "MaxPooling2D", "MaxPooling3D", -EOPNOTSUPP, "h5.layer-class",
	     "pool: layer class MaxPooling3D"),
	JSON("unknown quantized layer", "\"MaxPooling2D", "\"Custom>QuantizedAttention", -EOPNOTSUPP, "h5.layer-class",
	     "QuantizedAttention"),
	JSON("class with control characters", "MaxPooling2D", "Max\\u001b[2JP", -EOPNOTSUPP, "h5.layer-class",
	     "Max?[2JP"),
	JSON("class missing", "{\"class_name\": \"Conv2D\"", "{\"class\": 3", -EILSEQ, "h5.layer-config", "conv"),
	JSON("two layers of one name", "\"name\": \"relu\", \"inbound", "\"name\": \"bn\", \"inbound", -EILSEQ,
	     "h5.layer-config", "bn"),
	JSON("cycle", INBOUND, "[[[\"flatten\", 0, 0, {}]]]", -EILSEQ, "graph.inputs", "cycle"),
	JSON("input from nowhere", INBOUND, "[[[\"nowhere\", 0, 0, {}]]]", -EILSEQ, "h5.inbound", "conv"),
	JSON("layer used twice", INBOUND, "[[[\"input\", 0, 0, {}]], [[\"input\", 0, 0, {}]]]", -EOPNOTSUPP,
	     "h5.inbound", "conv"),
	JSON("inputs of Keras 3", INBOUND, "[{\"args\": 3}]", -EILSEQ, "h5.inbound", "conv"),
	JSON("three inputs", INBOUND, "[[[\"input\", 0, 0], [\"input\", 0, 0], [\"input\", 0, 0]]]", -EINVAL,
	     "graph.inputs", "conv"),
	JSON("two inputs of a conv", INBOUND, "[[[\"input\", 0, 0], [\"input\", 0, 0]]]", -EINVAL, "graph.inputs",
	     "conv"),
	JSON("no input of a conv", INBOUND, "[]", -EINVAL, "graph.inputs", "conv"),
	JSON("two inputs of the model", "\"layers\": [", SECOND_INPUT, -EOPNOTSUPP, "graph.inputs", "2 inputs"),
	JSON("two outputs of the model", "\"output_layers\": [", "\"output_layers\": [[\"relu\", 0, 0], ", -EOPNOTSUPP,
	     "h5.outputs", NULL),
	JSON("output that is no layer", "\"output_layers\": [[\"dense\"", "\"output_layers\": [[\"gone\"", -EILSEQ,
	     "h5.outputs", NULL),
	JSON("input of size 0", "[null, 8, 8, 1]", "[null, 0, 8, 1]", -ERANGE, "graph.attribute", "batch_input_shape"),
	JSON("input of absurd size", "[null, 8, 8, 1]", "[null, 60000, 60000, 1]", -ERANGE, "graph.size", "input"),
	JSON("input of open size", "[null, 8, 8, 1]", "[null, null, null, 1]", -EOPNOTSUPP, "h5.layer-config", "input"),
	JSON("input of six axes", "[null, 8, 8, 1]", "[null, 2, 2, 2, 2, 2, 2]", -EILSEQ, "h5.layer-config", "input"),
	JSON("input of complex numbers", "\"dtype\": \"float32\"", "\"dtype\": \"complex128\"", -EOPNOTSUPP,
	     "h5.layer-config", "dtype"),
	JSON("negative stride", "\"strides\": [1, 1]", "\"strides\": [-1, 1]", -ERANGE, "graph.attribute",
	     "strides is -1"),
	JSON("stride 0", "\"strides\": [1, 1]", "\"strides\": [0, 1]", -ERANGE, "graph.attribute", "strides is 0"),
	JSON("dilation 0", "\"dilation_rate\": [1, 1]", "\"dilation_rate\": [0, 0]", -ERANGE, "graph.attribute", NULL),
	JSON("absurd kernel", "\"kernel_size\": [3, 3]", "\"kernel_size\": [30000, 3]", -ERANGE, "graph.attribute",
	     "conv"),
	JSON("kernel beyond integers", "\"kernel_size\": [3, 3]", "\"kernel_size\": [1e300, 3]", -ERANGE,
	     "graph.attribute", "kernel_size"),
	JSON("kernel that is text", "\"kernel_size\": [3, 3]", "\"kernel_size\": \"3\"", -EILSEQ, "h5.layer-config",
	     "kernel_size"),
	JSON("pool larger than its input", "\"pool_size\": [2, 2]", "\"pool_size\": [100, 100]", -EINVAL, "graph.shape",
	     "pool"),
	JSON("units 0", "\"units\": 3", "\"units\": 0", -ERANGE, "graph.attribute", "units is 0"),
	JSON("units 3.5", "\"units\": 3", "\"units\": 3.5", -ERANGE, "graph.attribute", "units is 3.5"),
	JSON("units missing", "\"units\": 3", "\"unit\": 3", -EILSEQ, "h5.layer-config", "units"),
	JSON("units that do not fit", "\"units\": 3", "\"units\": 4", -EINVAL, "graph.weight-shape", "dense"),
	JSON("channels first", "channels_last", "channels_first", -EOPNOTSUPP, "h5.layer-config", "data_format"),
	JSON("unknown activation", "\"activation\": \"linear\"", "\"activation\": \"mish\"", -EOPNOTSUPP,
	     "h5.layer-config", "mish"),
	JSON("unknown padding", "\"padding\": \"same\"", "\"padding\": \"causal\"", -EOPNOTSUPP, "h5.layer-config",
	     "padding"),
	JSON("groups that do not divide", "\"groups\": 1", "\"groups\": 3", -ERANGE, "graph.attribute", "groups"),
	JSON("normalization of another axis", "\"axis\": [3]", "\"axis\": [1]", -EOPNOTSUPP, "h5.layer-config",
	     "axis 1"),
	JSON("max_value beyond float32", "\"max_value\": null", "\"max_value\": 1e300", -ERANGE, "graph.attribute",
	     "max_value"),
	JSON("value padding of a depthwise", "{\"class_name\": \"Conv2D\", \"config\": {",
	     "{\"class_name\": \"SeparableConv2D\", \"config\": {\"padding_value\": 1, ", -EOPNOTSUPP,
	     "h5.layer-config", "padding_value"),
	JSON("negative epsilon", "\"epsilon\": 0.001", "\"epsilon\": -5", -ERANGE, "graph.attribute", "epsilon"),
};

static void make(const struct bad_case *c, const char *path)
{
	const char *at;
	char *json;

	write_file(path, good, good_len);
	if (c->make) {
		c->make(path);
		return;
	}
	at = strstr(config, c->from);
	assert_non_null(at);
	json = malloc(strlen(config) + strlen(c->to) + 1);
	sprintf(json, "%.*s%s%s", (int)(at - config), config, c->to, at + strlen(c->from));
	set_config(path, json);
	free(json);
}

static void check(const struct bad_case *c, const char *path)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *marker = (struct akida_graph *)(uintptr_t)path, *g = marker;
	const struct akida_diag_record *r;
	int files = scratch_count(), err = akida_graph_load(path, &g, diag);

	r = akida_diag_first_error(diag);
	if (err != c->err || !r || (c->rule && strcmp(r->rule, c->rule)) || (c->names && !strstr(r->text, c->names)))
		fail_msg("%s: got %d %s: %s; want %d %s: %s", c->what, err, r ? r->rule : "-", r ? r->text : "-",
			 c->err, c->rule ? c->rule : "any", c->names ? c->names : "");
	assert_ptr_equal(g, marker);
	assert_int_equal(scratch_count(), files);
	for (const char *s = r->text; *s; s++)
		assert_true((unsigned char)*s >= 0x20);
	akida_diag_destroy(diag);
}

static void test_graph_load_bad_files_are_refused_with_their_rule(void **state)
{
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "model");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		make(&cases[i], path);
		check(&cases[i], path);
		scratch_clear();
	}
}

static void test_graph_load_null_diag_is_allowed(void **state)
{
	struct akida_graph *g = NULL;
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "model");
	write_file(path, good, good_len / 2);
	assert_int_equal(akida_graph_load(path, &g, NULL), -EILSEQ);
	assert_null(g);
	scratch_clear();
}

/* Whatever single bits say: a graph or an error, never the end of the process. */
static void test_graph_load_flipped_bits_never_crash(void **state)
{
	unsigned char *copy = malloc(good_len);
	unsigned int seed = 12345, loaded = 0;
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "model");
	for (int i = 0; i < 60; i++) {
		struct akida_graph *g = NULL;

		memcpy(copy, good, good_len);
		for (int k = 0; k < 1 + i % 7; k++) {
			seed = seed * 1664525u + 1013904223u;
			copy[(seed >> 8) % good_len] ^= (unsigned char)(1u << (seed >> 5 & 7));
		}
		write_file(path, copy, good_len);
		if (!akida_graph_load(path, &g, NULL)) {
			loaded++;
			akida_graph_destroy(g);
		}
	}
	assert_in_range(loaded, 1, 59); /* some flips hit unused bytes, some do not */
	free(copy);
	scratch_clear();
}

/* model_config with pieces moved, doubled, cut and overwritten: parsed in this process, so it must hold by itself. */
static void test_keras_config_parse_mangled_text_never_crashes(void **state)
{
	static const char spices[] = "0123456789-.eE[]{}\",:nulltrue\\ \x01\xff";
	static struct ak_keras_axes axes;
	size_t len = strlen(config);
	char *text = malloc(2 * len + 1);
	unsigned int seed = 99, parsed = 0;

	(void)state;
	for (int i = 0; i < 4000; i++) {
		struct akida_graph *g = NULL;
		size_t n = len;

		memcpy(text, config, len + 1);
		for (int k = 0; k < 1 + i % 4; k++) {
			size_t a, b, some;

			seed = seed * 1664525u + 1013904223u;
			a = (seed >> 8) % n;
			seed = seed * 1664525u + 1013904223u;
			b = (seed >> 8) % n;
			some = (seed >> 4) % 40;
			some = a + some > n ? n - a : b + some > n ? n - b : some;
			if (i % 3)
				text[a] = spices[(seed >> 12) % (sizeof(spices) - 1)];
			else
				memmove(text + b, text + a, some);
		}
		if (!ak_keras_config_parse(text, n, "mangled", false, &g, &axes, NULL)) {
			parsed++;
			(void)ak_graph_build(g, NULL);
			akida_graph_destroy(g);
		}
	}
	assert_in_range(parsed, 1, 3999);
	free(text);
}

/* The reader's child may have been taken over by the file: what it hands back is as hostile as the file itself. */
static void test_keras_arena_load_mangled_arena_never_crashes(void **state)
{
	struct ak_h5_image image = {.bytes = good, .len = good_len, .max_result = 1 << 24};
	struct ak_confine child = {
		.work = ak_h5_extract, .ctx = &image, .max_memory = (size_t)256 << 20, .max_result = 1 << 24};
	unsigned int seed = 7, loaded = 0;
	unsigned char *copy;
	struct akida_graph *g;
	void *arena;
	size_t len;

	(void)state;
	assert_int_equal(ak_confine_run(&child, &arena, &len), 0);
	assert_int_equal(ak_keras_arena_load(arena, len, "arena", &g, NULL), 0);
	akida_graph_destroy(g);
	for (size_t cut = 0; cut < len; cut += 97) { /* an allocation of that length, so that sanitizers see the end */
		copy = malloc(cut ? cut : 1);
		memcpy(copy, arena, cut);
		assert_int_not_equal(ak_keras_arena_load(copy, cut, "arena", &g, NULL), 0);
		free(copy);
	}
	copy = malloc(len);
	for (int i = 0; i < 3000; i++) {
		memcpy(copy, arena, len);
		for (int k = 0; k < 1 + i % 3; k++) {
			size_t at;

			seed = seed * 1664525u + 1013904223u;
			at = (seed >> 8) % (i % 2 ? sizeof(struct ak_h5_arena) : len) & ~(size_t)7;
			seed = seed * 1664525u + 1013904223u;
			if (seed & 0x10000)
				copy[at + (seed >> 8) % 8] ^= (unsigned char)(1u << (seed >> 20) % 8);
			else
				memset(copy + at, seed & 0x20000 ? 0xff : 0, 8);
		}
		if (!ak_keras_arena_load(copy, len, "arena", &g, NULL)) {
			loaded++;
			akida_graph_destroy(g);
		}
	}
	assert_in_range(loaded, 1, 2999);
	free(copy);
	free(arena);
}

static void check_save(const char *path, int want, const char *rule)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = small_network();
	int files = scratch_count(), err = akida_graph_save(g, path, diag);

	assert_int_equal(err, want);
	assert_string_equal(akida_diag_first_error(diag)->rule, rule);
	assert_int_equal(scratch_count(), files);
	akida_graph_destroy(g);
	akida_diag_destroy(diag);
}

static void test_graph_save_unwritable_path_leaves_nothing(void **state)
{
	char path[PATH_MAX], longest[PATH_MAX + 1];

	(void)state;
	scratch_path(path, sizeof(path), "no/such/folder/model.h5");
	check_save(path, -ENOENT, "sys.io");
	scratch_path(path, sizeof(path), "folder");
	assert_int_equal(mkdir(path, 0700), 0);
	check_save(path, -EISDIR, "sys.io");
	scratch_path(path, sizeof(path), "file");
	write_file(path, "x", 1);
	scratch_path(path, sizeof(path), "file/model.h5");
	check_save(path, -ENOTDIR, "sys.io");
	memset(longest, 'a', PATH_MAX);
	longest[PATH_MAX] = 0;
	check_save(longest, -ERANGE, "sys.argument");
	scratch_clear();
}

static int setup(void **state)
{
	struct akida_graph *g;
	char path[PATH_MAX];
	int err = scratch_create(state);

	if (err)
		return err;
	H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
	g = small_network();
	scratch_path(path, sizeof(path), "good.h5");
	err = akida_graph_save(g, path, NULL);
	config = ak_keras_config_print(g);
	akida_graph_destroy(g);
	if (err || !config)
		return -1;
	good_len = read_file(path, &good);
	scratch_clear();
	return 0;
}

static int teardown(void **state)
{
	free(good);
	free(config);
	return scratch_destroy(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_graph_load_bad_files_are_refused_with_their_rule),
		cmocka_unit_test(test_graph_load_null_diag_is_allowed),
		cmocka_unit_test(test_graph_load_flipped_bits_never_crash),
		cmocka_unit_test(test_keras_config_parse_mangled_text_never_crashes),
		cmocka_unit_test(test_keras_arena_load_mangled_arena_never_crashes),
		cmocka_unit_test(test_graph_save_unwritable_path_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
