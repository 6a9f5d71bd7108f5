/* SPDX-License-Identifier: MIT */
/* ONNX convolutions and pools, and the accuracy of real models. */
#include "onnx_case.h"
#include "import/data.h"

/* ---- convolutions ---- */

static void conv_case(int c, int h, int width, int f, struct window g, const char *auto_pad, bool bias)
{
	struct tensor x = image(c, h, width, 7), y;
	struct onnx_model m;
	int64_t dims[4] = {f, c / g.group, g.k, g.k};

	noise(w, (size_t)(f * c / g.group * g.k * g.k), 3);
	noise(b, (size_t)f, 5);
	begin(&m, 11, &x);
	onnx_floats(&m, "w", 4, dims, w);
	onnx_floats(&m, "b", 1, DIMS(f), b);
	ATTR_INTS(&m, "kernel_shape", g.k, g.k);
	ATTR_INTS(&m, "strides", g.s, g.s);
	ATTR_INTS(&m, "dilations", g.d, g.d);
	attr_int(&m, "group", g.group);
	if (auto_pad)
		attr_text(&m, "auto_pad", auto_pad);
	else
		ATTR_INTS(&m, "pads", g.t, g.l, g.b, g.r);
	onnx_op(&m, "Conv", bias ? "x,w,b" : "x,w", "y");
	y = convolve(&x, w, bias ? b : NULL, f, g);
	check(&m, &x, &y);
}

static void test_conv(void **state)
{
	(void)state;
	conv_case(3, 8, 7, 5, (struct window){3, 1, 1, 1, 1, 1, 1, 1}, NULL, true);
	conv_case(3, 8, 7, 5, (struct window){3, 1, 1, 0, 0, 0, 0, 1}, NULL, false);
	conv_case(1, 9, 9, 4, (struct window){5, 2, 1, 2, 2, 2, 2, 1}, NULL, true);
	conv_case(2, 8, 8, 4, (struct window){3, 2, 1, 1, 1, 1, 1, 1}, NULL, true); /* PyTorch's, not TensorFlow's */
	conv_case(2, 8, 8, 4, (struct window){3, 2, 1, 0, 0, 1, 1, 1}, NULL, true); /* TensorFlow's */
	conv_case(2, 8, 9, 4, (struct window){3, 1, 1, 2, 0, 1, 3, 1}, NULL, true);
	conv_case(2, 8, 9, 4, (struct window){3, 1, 2, 2, 2, 2, 2, 1}, NULL, true);
	conv_case(6, 5, 5, 7, (struct window){1, 1, 1, 0, 0, 0, 0, 1}, NULL, true);
	conv_case(2, 8, 8, 4, (struct window){4, 2, 1, 1, 1, 1, 1, 1}, NULL, true);
}

static void test_conv_auto_pad(void **state)
{
	(void)state;
	conv_case(2, 8, 8, 4, (struct window){3, 2, 1, 0, 0, 1, 1, 1}, "SAME_UPPER", true);
	conv_case(2, 8, 8, 4, (struct window){3, 2, 1, 1, 1, 0, 0, 1}, "SAME_LOWER", true);
	conv_case(2, 8, 8, 4, (struct window){3, 2, 1, 0, 0, 0, 0, 1}, "VALID", true);
}

static void test_conv_groups(void **state)
{
	(void)state;
	conv_case(6, 6, 6, 4, (struct window){3, 1, 1, 1, 1, 1, 1, 2}, NULL, true);
	conv_case(6, 6, 6, 6, (struct window){3, 1, 1, 1, 1, 1, 1, 6}, NULL, true); /* depthwise */
	conv_case(3, 7, 7, 6, (struct window){3, 2, 1, 1, 1, 1, 1, 3}, NULL, true); /* and two filters a channel */
	conv_case(3, 7, 7, 6, (struct window){3, 1, 1, 0, 0, 0, 0, 3}, NULL, false);
}

static void deconv_case(int c, int f, struct window g, int extra)
{
	struct tensor x = image(c, 5, 4, 9), y;
	struct onnx_model m;

	noise(w, (size_t)(c * f / g.group * g.k * g.k), 3);
	begin(&m, 11, &x);
	onnx_floats(&m, "w", 4, DIMS(c, f / g.group, g.k, g.k), w);
	ATTR_INTS(&m, "strides", g.s, g.s);
	ATTR_INTS(&m, "pads", g.t, g.l, g.b, g.r);
	ATTR_INTS(&m, "output_padding", extra, extra);
	attr_int(&m, "group", g.group);
	onnx_op(&m, "ConvTranspose", "x,w", "y");
	y = deconvolve(&x, w, f, g, extra);
	check(&m, &x, &y);
}

static void test_conv_transpose(void **state)
{
	(void)state;
	deconv_case(3, 4, (struct window){2, 2, 1, 0, 0, 0, 0, 1}, 0);
	deconv_case(3, 4, (struct window){4, 2, 1, 1, 1, 1, 1, 1}, 0);
	deconv_case(3, 4, (struct window){3, 2, 1, 1, 1, 1, 1, 1}, 1); /* PyTorch's usual one */
	deconv_case(3, 4, (struct window){3, 2, 1, 0, 0, 1, 1, 1}, 0); /* TensorFlow's same */
	deconv_case(3, 4, (struct window){3, 2, 1, 0, 0, 0, 0, 1}, 0); /* valid */
	deconv_case(3, 4, (struct window){3, 1, 1, 1, 1, 1, 1, 1}, 0);
	deconv_case(4, 4, (struct window){4, 2, 1, 1, 1, 1, 1, 4}, 0); /* depthwise */
}

/* ---- pools, padding ---- */

static void pool_case(const char *type, const char *in, struct window g, int oh, int ow, bool ceiling, bool counted)
{
	struct tensor x = image(3, 7, 8, 11), y;
	struct onnx_model m;

	begin(&m, 11, &x);
	if (*in != 'x') { /* behind a ReLU */
		onnx_op(&m, "Relu", "x", "r");
		for (size_t i = 0; i < count_of(&x); i++)
			x.v[i] = fabsf(x.v[i]);
	}
	ATTR_INTS(&m, "kernel_shape", g.k, g.k);
	ATTR_INTS(&m, "strides", g.s, g.s);
	ATTR_INTS(&m, "pads", g.t, g.l, g.b, g.r);
	if (ceiling)
		attr_int(&m, "ceil_mode", 1);
	if (counted)
		attr_int(&m, "count_include_pad", 1);
	onnx_op(&m, type, in, "y");
	y = pool(&x, *type == 'M', counted, g, oh, ow);
	check(&m, &x, &y);
}

static void test_pools(void **state)
{
	(void)state;
	pool_case("MaxPool", "x", (struct window){2, 2, 1, 0, 0, 0, 0, 1}, 3, 4, false, false);
	pool_case("MaxPool", "x", (struct window){2, 2, 1, 0, 0, 0, 0, 1}, 4, 4, true, false);
	pool_case("MaxPool", "x", (struct window){3, 1, 1, 1, 1, 1, 1, 1}, 7, 8, false, false);
	pool_case("MaxPool", "r", (struct window){3, 2, 1, 1, 1, 1, 1, 1}, 4, 4, false, false);
	pool_case("AveragePool", "x", (struct window){2, 2, 1, 0, 0, 0, 0, 1}, 3, 4, false, false);
	pool_case("AveragePool", "x", (struct window){3, 1, 1, 1, 1, 1, 1, 1}, 7, 8, false, false);
	pool_case("AveragePool", "x", (struct window){3, 2, 1, 1, 1, 1, 1, 1}, 4, 4, false, true);
}

static void test_global_pools(void **state)
{
	struct tensor x = image(3, 4, 4, 2),
		      avg = pool(&x, false, false, (struct window){4, 4, 1, 0, 0, 0, 0, 1}, 1, 1),
		      max = pool(&x, true, false, (struct window){4, 4, 1, 0, 0, 0, 0, 1}, 1, 1);
	struct onnx_model m;

	(void)state;
	begin(&m, 12, &x);
	onnx_op(&m, "GlobalAveragePool", "x", "y");
	check(&m, &x, &avg);
	begin(&m, 12, &x);
	onnx_op(&m, "GlobalMaxPool", "x", "y");
	check(&m, &x, &max);
	begin(&m, 12, &x);
	ATTR_INTS(&m, "kernel_shape", 4, 4);
	onnx_op(&m, "AveragePool", "x", "y");
	check(&m, &x, &avg);
	begin(&m, 12, &x);
	ATTR_INTS(&m, "axes", 2, 3);
	onnx_op(&m, "ReduceMean", "x", "y");
	check(&m, &x, &avg);
	begin(&m, 12, &x);
	ATTR_INTS(&m, "axes", -1, -2);
	attr_int(&m, "keepdims", 0);
	onnx_op(&m, "ReduceMean", "x", "y");
	avg.rank = 1;
	check(&m, &x, &avg);
}

static void test_pad(void **state)
{
	struct tensor x = image(2, 4, 5, 2), y;
	const float one[] = {1, 0, 0, 1}, zero = 0;
	struct onnx_model m;

	(void)state;
	/* a 1x1 identity over padding is padding */
	y = convolve(&x, one, NULL, 2, (struct window){1, 1, 1, 1, 2, 0, 3, 1});
	begin(&m, 7, &x);
	ATTR_INTS(&m, "pads", 0, 0, 1, 2, 0, 0, 0, 3);
	onnx_op(&m, "Pad", "x", "y");
	check(&m, &x, &y);
	begin(&m, 13, &x);
	onnx_longs(&m, "p", 8, DIMS(0, 0, 1, 2, 0, 0, 0, 3));
	onnx_floats(&m, "z", 0, NULL, &zero);
	onnx_op(&m, "Pad", "x,p,z", "y");
	check(&m, &x, &y);
}

/* ---- real models: accuracy to the image, as their README has it ---- */

static void accuracy(const char *file, float scale, float offset, int expected)
{
	struct akida_graph *g = NULL;
	char path[PATH_MAX], data[PATH_MAX], spec[PATH_MAX + 8];
	struct akida_dataset d = {0};
	float *x, *out;
	int right = 0;

	NEED_SHARED(file, path);
	NEED_SHARED("mnist", data);
	snprintf(spec, sizeof(spec), "mnist:%s", data);
	assert_int_equal(akida_graph_load(path, &g, NULL), 0);
	assert_int_equal(ak_data_load(spec, &d, NULL), 0);
	x = malloc(500 * 784 * sizeof(*x));
	out = malloc(500 * 10 * sizeof(*out));
	for (size_t first = 0; first < 5000; first += 500) {
		struct akida_array a = {.dtype = AKIDA_F32, .rank = 2, .dims = {500, 784}, .data = x};

		for (size_t i = 0; i < 500 * 784; i++)
			x[i] = (float)((double)((const uint8_t *)d.x.data)[first * 784 + i] * (double)scale +
				       (double)offset);
		assert_int_equal(akida_graph_forward(g, &a, out, NULL), 0);
		for (size_t i = 0; i < 500; i++) {
			int top = 0;

			for (int k = 1; k < 10; k++)
				top = out[i * 10 + (size_t)k] > out[i * 10 + (size_t)top] ? k : top;
			right += top == ((const int32_t *)d.y.data)[first + i];
		}
	}
	free(x);
	free(out);
	akida_dataset_fini(&d);
	akida_graph_destroy(g);
	assert_int_equal(right, expected);
}

static void test_cntk_model(void **state)
{
	(void)state;
	accuracy("models/mnist_cntk_zoo_v8.onnx", 1, 0, 4915);
}

static void test_torch_model(void **state)
{
	(void)state;
	accuracy("models/mnist_cnn_torch.onnx", 1 / 127.5f, -1, 4910);
}

static void test_small_torch_model(void **state)
{
	(void)state;
	accuracy("models/mnist_smallcnn_torch.onnx", 1 / 255.0f / 0.3081f, -0.1307f / 0.3081f, 4844);
}

static void test_tensorflow_model(void **state)
{
	(void)state;
	accuracy("models/mnist_mlp_tf2onnx.onnx", 1 / 255.0f, 0, 4836);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conv),
		cmocka_unit_test(test_conv_auto_pad),
		cmocka_unit_test(test_conv_groups),
		cmocka_unit_test(test_conv_transpose),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_global_pools),
		cmocka_unit_test(test_pad),
		cmocka_unit_test(test_cntk_model),
		cmocka_unit_test(test_torch_model),
		cmocka_unit_test(test_small_torch_model),
		cmocka_unit_test(test_tensorflow_model),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
