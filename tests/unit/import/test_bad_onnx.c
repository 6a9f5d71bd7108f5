/* SPDX-License-Identifier: MIT */
/* Bad ONNX files, made one by one: each is refused with its errno, rule and the name of what is wrong. */
#include <errno.h>
#include <math.h>
#include "files.h"
#include "onnx_writer.h"

#define F32(...) ((const float[]){__VA_ARGS__})

static float kernel[2 * 9];

/* ---- bodies: what stands between input x (batch, 1, 4, 4) and output y ---- */

static void conv_of(struct onnx_model *m, int64_t f, int64_t c, int64_t k, const char *in)
{
	onnx_floats(m, "w", 4, DIMS(f, c, k, k), kernel);
	onnx_op(m, "Conv", in, "y");
}

static void good(struct onnx_model *m)
{
	conv_of(m, 2, 1, 3, "x,w");
}

static void nan_weight(struct onnx_model *m)
{
	kernel[3] = NAN;
	good(m);
}

static void infinite_weight(struct onnx_model *m)
{
	kernel[3] = INFINITY;
	good(m);
}

static void no_weights(struct onnx_model *m)
{
	onnx_op(m, "Conv", "x", "y");
}

static void missing_initializer(struct onnx_model *m)
{
	onnx_op(m, "Conv", "x,nowhere", "y");
}

static void computed_weights(struct onnx_model *m)
{
	onnx_op(m, "Relu", "x", "w");
	onnx_op(m, "Conv", "x,w", "y");
}

static void channels_differ(struct onnx_model *m)
{
	conv_of(m, 1, 2, 3, "x,w");
}

static void large_kernel(struct onnx_model *m)
{
	static float big[49];

	onnx_floats(m, "w", 4, DIMS(1, 1, 7, 7), big);
	onnx_op(m, "Conv", "x,w", "y");
}

static void one_axis_kernel(struct onnx_model *m)
{
	onnx_floats(m, "w", 3, DIMS(2, 1, 3), kernel);
	onnx_op(m, "Conv", "x,w", "y");
}

static void integer_weights(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_I8, 4, DIMS(2, 1, 3, 3), kernel, 18);
	onnx_op(m, "Conv", "x,w", "y");
}

static void short_data(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_F32, 4, DIMS(2, 1, 3, 3), kernel, 71);
	onnx_op(m, "Conv", "x,w", "y");
}

static void no_data(struct onnx_model *m)
{
	struct wire t = {0};

	for (int k = 0; k < 4; k++)
		wire_int(&t, 1, 3);
	wire_int(&t, 2, ONNX_F32);
	wire_text(&t, 8, "w");
	wire_message(&m->graph, 5, &t);
	onnx_op(m, "Conv", "x,w", "y");
}

static void text_weights(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_TEXT, 4, DIMS(2, 1, 3, 3), kernel, 72);
	onnx_op(m, "Conv", "x,w", "y");
}

static void unknown_type(struct onnx_model *m)
{
	onnx_initializer(m, "w", 77, 4, DIMS(2, 1, 3, 3), kernel, 72);
	onnx_op(m, "Conv", "x,w", "y");
}

static void absurd_size(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_F32, 4, DIMS(1LL << 40, 1LL << 40, 3, 3), kernel, 72);
	onnx_op(m, "Conv", "x,w", "y");
}

static void negative_size(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_F32, 4, DIMS(2, -1, 3, 3), kernel, 72);
	onnx_op(m, "Conv", "x,w", "y");
}

static void nine_axes(struct onnx_model *m)
{
	onnx_initializer(m, "w", ONNX_F32, 9, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1), kernel, 4);
	onnx_op(m, "Conv", "x,w", "y");
}

static void external(struct onnx_model *m)
{
	struct wire t = {0}, entry = {0};

	wire_int(&t, 1, 4);
	wire_int(&t, 2, ONNX_F32);
	wire_text(&t, 8, "w");
	wire_text(&entry, 1, "location");
	wire_text(&entry, 2, "/etc/passwd");
	wire_message(&t, 13, &entry);
	wire_int(&t, 14, 1);
	wire_message(&m->graph, 5, &t);
	onnx_op(m, "Conv", "x,w", "y");
}

static void bad_stride(struct onnx_model *m)
{
	ATTR_INTS(m, "strides", 0, 1);
	good(m);
}

static void bad_dilation(struct onnx_model *m)
{
	ATTR_INTS(m, "dilations", 1, 1LL << 40);
	good(m);
}

static void three_strides(struct onnx_model *m)
{
	ATTR_INTS(m, "strides", 1, 1, 1);
	good(m);
}

static void negative_pads(struct onnx_model *m)
{
	ATTR_INTS(m, "pads", -1, 0, 0, 0);
	good(m);
}

static void two_pads(struct onnx_model *m)
{
	ATTR_INTS(m, "pads", 1, 1);
	good(m);
}

static void many_pads(struct onnx_model *m)
{
	static const int64_t pads[100];

	attr_ints(m, "pads", 100, pads);
	good(m);
}

static void no_groups(struct onnx_model *m)
{
	attr_int(m, "group", 0);
	good(m);
}

static void strange_auto_pad(struct onnx_model *m)
{
	attr_text(m, "auto_pad", "SAME_SIDEWAYS");
	good(m);
}

static void other_kernel_shape(struct onnx_model *m)
{
	ATTR_INTS(m, "kernel_shape", 5, 5);
	good(m);
}

static void long_bias(struct onnx_model *m)
{
	onnx_floats(m, "b", 1, DIMS(3), kernel);
	conv_of(m, 2, 1, 3, "x,w,b");
}

static void cycle(struct onnx_model *m)
{
	onnx_op(m, "Relu", "b", "a");
	onnx_op(m, "Relu", "a", "b");
	onnx_op(m, "Add", "x,b", "y");
}

static void own_output(struct onnx_model *m)
{
	onnx_op(m, "Relu", "y", "y");
}

static void two_of_one_name(struct onnx_model *m)
{
	onnx_op(m, "Relu", "x", "y");
	onnx_op(m, "Relu", "x", "y");
}

static void nothing(struct onnx_model *m)
{
	(void)m;
}

static void constant_output(struct onnx_model *m)
{
	attr_tensor(m, "value", ONNX_F32, 1, DIMS(1), kernel, 4);
	onnx_op(m, "Constant", "", "y");
}

static void empty_constant(struct onnx_model *m)
{
	onnx_op(m, "Constant", "", "y");
}

static void unknown_operator(struct onnx_model *m)
{
	onnx_op(m, "GridSample", "x", "y");
}

static void no_type(struct onnx_model *m)
{
	onnx_op(m, "", "x", "y");
}

static void strange_type(struct onnx_model *m)
{
	onnx_op(m, "Re\033[2Jlu", "x", "y");
}

static void brainchip_operator(struct onnx_model *m)
{
	onnx_operator(m, "com.brainchip", "QuantizedConv2DReLU", "x", "y");
}

static void other_domain(struct onnx_model *m)
{
	onnx_operator(m, "com.microsoft", "FusedConv", "x", "y");
}

static void reshape_batch(struct onnx_model *m)
{
	onnx_longs(m, "s", 2, DIMS(4, 4));
	onnx_op(m, "Reshape", "x,s", "y");
}

static void reshape_size(struct onnx_model *m)
{
	onnx_longs(m, "s", 2, DIMS(1, 17));
	onnx_op(m, "Reshape", "x,s", "y");
}

static void reshape_absurd(struct onnx_model *m)
{
	onnx_longs(m, "s", 3, DIMS(1, 1LL << 62, 1LL << 62));
	onnx_op(m, "Reshape", "x,s", "y");
}

static void reshape_floats(struct onnx_model *m)
{
	onnx_floats(m, "s", 1, DIMS(2), F32(1, 16));
	onnx_op(m, "Reshape", "x,s", "y");
}

static void transpose_batch(struct onnx_model *m)
{
	ATTR_INTS(m, "perm", 1, 0, 2, 3);
	onnx_op(m, "Transpose", "x", "y");
}

static void transpose_twice(struct onnx_model *m)
{
	ATTR_INTS(m, "perm", 0, 1, 1, 3);
	onnx_op(m, "Transpose", "x", "y");
}

static void squeeze_large(struct onnx_model *m)
{
	ATTR_INTS(m, "axes", 2);
	onnx_op(m, "Squeeze", "x", "y");
}

static void unsqueeze_far(struct onnx_model *m)
{
	ATTR_INTS(m, "axes", INT64_MAX);
	onnx_op(m, "Unsqueeze", "x", "y");
}

static void concat_axis(struct onnx_model *m)
{
	attr_int(m, "axis", 9);
	onnx_op(m, "Concat", "x,x", "y");
}

static void gemm_size(struct onnx_model *m)
{
	onnx_floats(m, "w", 2, DIMS(9, 2), kernel);
	onnx_op(m, "Flatten", "x", "f");
	onnx_op(m, "Gemm", "f,w", "y");
}

static void gemm_image(struct onnx_model *m)
{
	onnx_floats(m, "w", 2, DIMS(4, 4), kernel);
	onnx_op(m, "Gemm", "x,w", "y");
}

static void add_shapes(struct onnx_model *m)
{
	ATTR_INTS(m, "kernel_shape", 2, 2);
	onnx_op(m, "MaxPool", "x", "p");
	onnx_op(m, "Add", "x,p", "y");
}

static void add_map(struct onnx_model *m)
{
	onnx_floats(m, "c", 2, DIMS(4, 4), kernel);
	onnx_op(m, "Add", "x,c", "y");
}

static void multiply_layers(struct onnx_model *m)
{
	onnx_op(m, "Relu", "x", "r");
	onnx_op(m, "Mul", "x,r", "y");
}

static void divide_by_zero(struct onnx_model *m)
{
	onnx_floats(m, "z", 0, NULL, F32(0));
	onnx_op(m, "Div", "x,z", "y");
}

static void clip_below(struct onnx_model *m)
{
	onnx_floats(m, "a", 0, NULL, F32(-1));
	onnx_floats(m, "b", 0, NULL, F32(1));
	onnx_op(m, "Clip", "x,a,b", "y");
}

static void negative_variance(struct onnx_model *m)
{
	onnx_floats(m, "g", 1, DIMS(1), F32(-4));
	onnx_op(m, "BatchNormalization", "x,g,g,g,g", "y");
}

static void softmax_axis(struct onnx_model *m)
{
	attr_int(m, "axis", 2);
	onnx_op(m, "Softmax", "x", "y");
}

static void pool_without_kernel(struct onnx_model *m)
{
	onnx_op(m, "MaxPool", "x", "y");
}

static void pool_pads(struct onnx_model *m)
{
	ATTR_INTS(m, "kernel_shape", 2, 2);
	ATTR_INTS(m, "pads", 1, 1, 0, 0);
	onnx_op(m, "MaxPool", "x", "y");
}

static void pad_value(struct onnx_model *m)
{
	ATTR_INTS(m, "pads", 0, 0, 1, 1, 0, 0, 1, 1);
	attr_float(m, "value", 3);
	onnx_op(m, "Pad", "x", "y");
}

static void reflect(struct onnx_model *m)
{
	ATTR_INTS(m, "pads", 0, 0, 1, 1, 0, 0, 1, 1);
	attr_text(m, "mode", "reflect");
	onnx_op(m, "Pad", "x", "y");
}

static void gather_outside(struct onnx_model *m)
{
	onnx_op(m, "Shape", "x", "s");
	onnx_longs(m, "i", 1, DIMS(99));
	onnx_op(m, "Gather", "s,i", "t");
	onnx_op(m, "Reshape", "x,t", "y");
}

static void integer_overflow(struct onnx_model *m)
{
	onnx_longs(m, "a", 1, DIMS(INT64_MAX));
	onnx_op(m, "Mul", "a,a", "b");
	onnx_op(m, "Reshape", "x,b", "y");
}

static void integer_division(struct onnx_model *m)
{
	onnx_longs(m, "a", 1, DIMS(INT64_MIN));
	onnx_longs(m, "b", 1, DIMS(-1));
	onnx_op(m, "Div", "a,b", "c");
	onnx_op(m, "Reshape", "x,c", "y");
}

/* A few bytes that ask for gigabytes. */
static void huge_constants(struct onnx_model *m)
{
	onnx_longs(m, "n", 1, DIMS(1 << 27));
	onnx_op(m, "ConstantOfShape", "n", "a");
	onnx_op(m, "Neg", "a", "b");
	onnx_op(m, "Neg", "b", "c");
	onnx_op(m, "Add", "x,c", "y");
}

/* ---- whole files ---- */

static void second_input(struct onnx_model *m)
{
	onnx_input(m, "x2", 3, DIMS(1, 4, 4));
	good(m);
}

static void second_output(struct onnx_model *m)
{
	onnx_output(m, "x");
	good(m);
}

struct bad {
	const char *what;
	void (*body)(struct onnx_model *m);
	int err;
	const char *rule, *names;
};
static const struct bad cases[] = {
	{"NaN", nan_weight, -ERANGE, "graph.not-finite", "kernel has NaN"},
	{"infinity", infinite_weight, -ERANGE, "graph.not-finite", "Conv_0"},
	{"no weights", no_weights, -EILSEQ, "onnx.graph", "input 1 is missing"},
	{"missing initializer", missing_initializer, -EILSEQ, "onnx.graph", "nowhere"},
	{"computed weights", computed_weights, -EOPNOTSUPP, "onnx.operator", "a constant is needed"},
	{"other channels", channels_differ, -EINVAL, "onnx.shape", "2 channels"},
	{"kernel larger than its input", large_kernel, -EINVAL, "onnx.shape", "larger than its input"},
	{"1-D convolution", one_axis_kernel, -EOPNOTSUPP, "onnx.tensor", "3 axes"},
	{"integer weights", integer_weights, -EOPNOTSUPP, "onnx.tensor", "DequantizeLinear"},
	{"a byte of data missing", short_data, -EILSEQ, "onnx.tensor", "71 bytes"},
	{"no data", no_data, -EILSEQ, "onnx.tensor", "another number of values"},
	{"weights are text", text_weights, -EOPNOTSUPP, "onnx.tensor", "type 8"},
	{"type of no kind", unknown_type, -EOPNOTSUPP, "onnx.tensor", "type 77"},
	{"absurd sizes", absurd_size, -ERANGE, "onnx.tensor", "absurd"},
	{"negative size", negative_size, -ERANGE, "onnx.tensor", "absurd"},
	{"nine axes", nine_axes, -EOPNOTSUPP, "onnx.tensor", "9 axes"},
	{"external data", external, -EOPNOTSUPP, "onnx.external-data", "another file"},
	{"stride 0", bad_stride, -ERANGE, "onnx.attribute", "strides is 0"},
	{"absurd dilation", bad_dilation, -ERANGE, "onnx.attribute", "dilations"},
	{"three strides", three_strides, -EOPNOTSUPP, "onnx.attribute", "3 entries"},
	{"negative pads", negative_pads, -EOPNOTSUPP, "onnx.attribute", "pads is -1"},
	{"two pads", two_pads, -EINVAL, "onnx.attribute", "2 entries"},
	{"100 pads", many_pads, -ERANGE, "onnx.attribute", "100 entries"},
	{"group 0", no_groups, -EINVAL, "onnx.shape", "0 groups"},
	{"auto_pad of no kind", strange_auto_pad, -EINVAL, "onnx.attribute", "auto_pad"},
	{"kernel_shape that is not the weights'", other_kernel_shape, -EINVAL, "onnx.attribute", "kernel_shape"},
	{"bias too long", long_bias, -EINVAL, "onnx.tensor", "bias has 3"},
	{"cycle", cycle, -EILSEQ, "onnx.graph", "cycle"},
	{"an operator that takes its output", own_output, -EILSEQ, "onnx.graph", "cycle"},
	{"two values of one name", two_of_one_name, -EILSEQ, "onnx.graph", "one name"},
	{"no operators", nothing, -EILSEQ, "onnx.graph", "no operator computes the output"},
	{"constant output", constant_output, -EINVAL, "onnx.graph", "does not depend"},
	{"Constant without a value", empty_constant, -EOPNOTSUPP, "onnx.attribute", "Constant_0"},
	{"unknown operator", unknown_operator, -EOPNOTSUPP, "onnx.operator", "GridSample"},
	{"operator without a type", no_type, -EILSEQ, "onnx.graph", "no type"},
	{"operator with control characters", strange_type, -EOPNOTSUPP, "onnx.operator", "Re__2Jlu"},
	{"operator of QuantizeML", brainchip_operator, -EOPNOTSUPP, "onnx.operator", "QuantizeML"},
	{"operator of another domain", other_domain, -EOPNOTSUPP, "onnx.operator", "domain"},
	{"reshape of the batch", reshape_batch, -EOPNOTSUPP, "onnx.shape", "batch"},
	{"reshape to another size", reshape_size, -EINVAL, "onnx.shape", "number of elements"},
	{"reshape to 2^124", reshape_absurd, -ERANGE, "onnx.shape", "impossible size"},
	{"shape of floats", reshape_floats, -EINVAL, "onnx.attribute", "integers"},
	{"transposed batch", transpose_batch, -EOPNOTSUPP, "onnx.attribute", "batch"},
	{"an axis twice", transpose_twice, -EINVAL, "onnx.attribute", "permutation"},
	{"squeeze of a large axis", squeeze_large, -EINVAL, "onnx.attribute", "axis 2"},
	{"unsqueeze beyond all", unsqueeze_far, -EINVAL, "onnx.attribute", "axis"},
	{"concat of no axis", concat_axis, -EOPNOTSUPP, "onnx.attribute", "axis"},
	{"dense of another size", gemm_size, -EINVAL, "onnx.shape", "9x2"},
	{"dense on an image", gemm_image, -EOPNOTSUPP, "onnx.shape", "one vector"},
	{"sum of two shapes", add_shapes, -EOPNOTSUPP, "onnx.shape", "different shapes"},
	{"sum with a map", add_map, -EOPNOTSUPP, "onnx.shape", "each channel"},
	{"product of layers", multiply_layers, -EOPNOTSUPP, "onnx.operator", "Mul_1"},
	{"division by zero", divide_by_zero, -ERANGE, "graph.attribute", "scale"},
	{"clip below 0", clip_below, -EOPNOTSUPP, "onnx.attribute", "bounded ReLU"},
	{"negative variance", negative_variance, -ERANGE, "graph.not-finite", "moving_variance"},
	{"softmax over rows", softmax_axis, -EOPNOTSUPP, "onnx.attribute", "axis"},
	{"pool without a kernel", pool_without_kernel, -EINVAL, "onnx.attribute", "kernel_shape"},
	{"pool over padding that is not zero", pool_pads, -EOPNOTSUPP, "onnx.attribute", "ReLU"},
	{"padding with 3", pad_value, -EOPNOTSUPP, "onnx.attribute", "3"},
	{"reflected padding", reflect, -EOPNOTSUPP, "onnx.attribute", "mode"},
	{"index outside", gather_outside, -EINVAL, "onnx.shape", "index 99"},
	{"integers that overflow", integer_overflow, -ERANGE, "onnx.tensor", "64 bits"},
	{"the one division that overflows", integer_division, -ERANGE, "onnx.tensor", "64 bits"},
	{"constants of gigabytes", huge_constants, -ERANGE, "onnx.tensor", "elements together"},
	{"two inputs", second_input, -EOPNOTSUPP, "onnx.graph", "several inputs"},
	{"two outputs", second_output, -EOPNOTSUPP, "onnx.graph", "2 outputs"},
};

static void build(const struct bad *c, struct wire *file)
{
	struct onnx_model m;

	for (int i = 0; i < 18; i++)
		kernel[i] = (float)i / 8;
	onnx_begin(&m, 11);
	onnx_input(&m, "x", 3, DIMS(1, 4, 4));
	onnx_output(&m, "y");
	c->body(&m);
	onnx_finish(&m, file);
}

static void refused(const char *what, const struct wire *file, int err, const char *rule, const char *names)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *marker = (struct akida_graph *)(uintptr_t)what, *g = marker;
	const struct akida_diag_record *r;
	char path[PATH_MAX];
	int got;

	scratch_path(path, sizeof(path), "bad.onnx");
	write_file(path, file->b, file->n);
	got = akida_graph_load(path, &g, diag);
	r = akida_diag_first_error(diag);
	if ((err ? got != err : !got) || !r || (rule && strcmp(r->rule, rule)) || (names && !strstr(r->text, names)))
		fail_msg("%s: got %d %s: %s", what, got, r ? r->rule : "-", r ? r->text : "-");
	assert_ptr_equal(g, marker);
	for (const char *s = r->text; *s; s++)
		assert_true((unsigned char)*s >= 0x20);
	akida_diag_destroy(diag);
	scratch_clear();
}

static void test_onnx_bad_models_are_refused_with_their_rule(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct wire file;

		build(&cases[i], &file);
		refused(cases[i].what, &file, cases[i].err, cases[i].rule, cases[i].names);
		free(file.b);
	}
}

/* A model whose input is described by hand. */
static void bad_input(const char *what, int type, int rank, const int64_t *dims, int err, const char *names)
{
	struct onnx_model m;
	struct wire file;

	onnx_begin(&m, 11);
	onnx_value_info(&m, 11, "x", type, rank, dims);
	onnx_output(&m, "y");
	onnx_op(&m, "Relu", "x", "y");
	onnx_finish(&m, &file);
	refused(what, &file, err, "onnx.graph", names);
	free(file.b);
}

static void test_onnx_bad_inputs_are_refused(void **state)
{
	(void)state;
	bad_input("no shape", ONNX_F32, 0, NULL, -EOPNOTSUPP, "batch axis");
	bad_input("only a batch", ONNX_F32, 1, DIMS(1), -EOPNOTSUPP, "batch axis");
	bad_input("six axes", ONNX_F32, 6, DIMS(1, 1, 1, 1, 1, 1), -EOPNOTSUPP, "batch axis");
	bad_input("open height", ONNX_F32, 4, DIMS(1, 1, -1, 4), -EOPNOTSUPP, "left open");
	bad_input("absurd width", ONNX_F32, 4, DIMS(1, 1, 4, 1LL << 40), -ERANGE, "absurd");
	bad_input("text", ONNX_TEXT, 3, DIMS(1, 4, 4), -EOPNOTSUPP, "type 8");
}

static void test_onnx_bad_opsets_are_refused(void **state)
{
	static const int sets[] = {1, 6, 18, 99};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct onnx_model m;
		struct wire file;

		onnx_begin(&m, sets[i]);
		onnx_input(&m, "x", 3, DIMS(1, 4, 4));
		onnx_output(&m, "y");
		onnx_op(&m, "Relu", "x", "y");
		onnx_finish(&m, &file);
		refused("operator set", &file, -EOPNOTSUPP, "onnx.opset", "operator set");
		free(file.b);
	}
}

/* Graphs in attributes of operators of graphs: protobuf-c would go down without end. */
static void test_onnx_deep_nesting_is_refused(void **state)
{
	struct wire inner = {0}, file = {0};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		struct wire a = {0}, op = {0}, graph = {0};

		wire_message(&a, 6, &inner);
		wire_message(&op, 5, &a);
		wire_message(&graph, 1, &op);
		inner = graph;
	}
	wire_int(&file, 1, 8);
	wire_text(&file, 2, "t");
	wire_message(&file, 7, &inner);
	refused("nested graphs", &file, -ERANGE, "onnx.limit", "nested");
	free(file.b);
}

/* Two bytes for an operator make hundreds. */
static void test_onnx_empty_operators_do_not_eat_the_memory(void **state)
{
	struct wire file = {0}, graph = {0};

	(void)state;
	for (int i = 0; i < 2000000; i++)
		wire_bytes(&graph, 1, "", 0);
	wire_int(&file, 1, 8);
	wire_text(&file, 2, "t");
	wire_message(&file, 7, &graph);
	refused("empty operators", &file, -ERANGE, "onnx.limit", "memory");
	free(file.b);
}

static void test_onnx_cut_files_are_refused(void **state)
{
	struct bad c = {"good", good, 0, NULL, NULL};
	struct wire file;
	size_t whole;

	(void)state;
	build(&c, &file);
	whole = file.n;
	/* the operator set comes last: without it even a cut between messages is no model */
	for (file.n = 9; file.n < whole; file.n += 1 + file.n / 40)
		refused("cut file", &file, 0, NULL, NULL);
	file.n = whole - 1;
	refused("last byte missing", &file, -EILSEQ, "import.damaged", "damaged");
	free(file.b);
}

static void test_onnx_changed_bytes_never_crash(void **state)
{
	static const unsigned char spices[] = {0, 1, 0x7f, 0x80, 0xff, 0x0a, 0x3a};
	struct bad c = {"good", good, 0, NULL, NULL};
	struct wire file;
	unsigned int seed = 77, loaded = 0;
	char path[PATH_MAX];

	(void)state;
	scratch_path(path, sizeof(path), "m.onnx");
	for (int i = 0; i < 1500; i++) {
		struct akida_graph *g = NULL;

		build(&c, &file);
		for (int k = 0; k < 1 + i % 4; k++) {
			seed = seed * 1664525u + 1013904223u;
			file.b[2 + (seed >> 8) % (file.n - 2)] = spices[seed >> 4 & 3 ? seed % 7 : 4];
		}
		write_file(path, file.b, file.n);
		free(file.b);
		if (!akida_graph_load(path, &g, NULL)) {
			loaded++;
			akida_graph_destroy(g);
		}
	}
	assert_in_range(loaded, 1, 1499);
	scratch_clear();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_onnx_bad_models_are_refused_with_their_rule),
		cmocka_unit_test(test_onnx_bad_inputs_are_refused),
		cmocka_unit_test(test_onnx_bad_opsets_are_refused),
		cmocka_unit_test(test_onnx_deep_nesting_is_refused),
		cmocka_unit_test(test_onnx_empty_operators_do_not_eat_the_memory),
		cmocka_unit_test(test_onnx_cut_files_are_refused),
		cmocka_unit_test(test_onnx_changed_bytes_never_crash),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
