/* SPDX-License-Identifier: MIT */
/* ONNX operators on values and vectors: dense layers, layouts, arithmetic, constants, activations. */
#include "onnx_case.h"

/* ---- dense and order ---- */

static void test_gemm(void **state)
{
	struct tensor x = vector(6, 4), y;
	struct onnx_model m;
	float t[24];

	(void)state;
	noise(w, 24, 8);
	noise(b, 4, 9);
	y = dense(&x, w, b, 4);
	begin(&m, 9, &x);
	onnx_floats(&m, "w", 2, DIMS(4, 6), w);
	onnx_floats(&m, "b", 1, DIMS(4), b);
	attr_int(&m, "transB", 1);
	onnx_op(&m, "Gemm", "x,w,b", "y");
	check(&m, &x, &y);
	for (int i = 0; i < 6; i++)
		for (int u = 0; u < 4; u++)
			t[i * 4 + u] = w[u * 6 + i] / 2;
	for (int u = 0; u < 4; u++)
		b[u] *= 4;
	begin(&m, 9, &x);
	onnx_floats(&m, "w", 2, DIMS(6, 4), t);
	onnx_floats(&m, "b", 2, DIMS(1, 4), b);
	attr_float(&m, "alpha", 2);
	attr_float(&m, "beta", 0.25f);
	onnx_op(&m, "Gemm", "x,w,b", "y");
	check(&m, &x, &y);
	for (int u = 0; u < 4; u++)
		b[u] /= 4;
	for (int i = 0; i < 24; i++)
		t[i] *= 2;
	begin(&m, 13, &x);
	onnx_floats(&m, "w", 2, DIMS(6, 4), t);
	onnx_floats(&m, "b", 1, DIMS(4), b);
	onnx_op(&m, "MatMul", "x,w", "z");
	onnx_op(&m, "Add", "b,z", "y");
	check(&m, &x, &y);
}

/* What stands between an image and a dense layer, in all the ways exporters write it. */
static void between(int way, struct onnx_model *m)
{
	switch (way) {
	case 0:
		onnx_op(m, "Flatten", "p", "f");
		break;
	case 1:
		onnx_longs(m, "s", 2, DIMS(1, -1));
		onnx_op(m, "Reshape", "p,s", "f");
		break;
	case 2: /* view(x.size(0), -1) of PyTorch */
		onnx_op(m, "Shape", "p", "s0");
		onnx_initializer(m, "i0", ONNX_I64, 0, NULL, &(int64_t){0}, 8);
		onnx_op(m, "Gather", "s0,i0", "s1");
		ATTR_INTS(m, "axes", 0);
		onnx_op(m, "Unsqueeze", "s1", "s2");
		onnx_longs(m, "minus", 1, DIMS(-1));
		attr_int(m, "axis", 0);
		onnx_op(m, "Concat", "s2,minus", "s3");
		onnx_op(m, "Reshape", "p,s3", "f");
		break;
	case 3: /* by way of channels last and back */
		ATTR_INTS(m, "perm", 0, 2, 3, 1);
		onnx_op(m, "Transpose", "p", "t0");
		ATTR_INTS(m, "perm", 0, 3, 1, 2);
		onnx_op(m, "Transpose", "t0", "t1");
		onnx_longs(m, "s", 2, DIMS(0, 24));
		onnx_op(m, "Reshape", "t1,s", "f");
		break;
	case 4: /* Slice and Cast of the shape, Dropout, Identity */
		onnx_op(m, "Shape", "p", "s0");
		attr_int(m, "to", ONNX_I32);
		onnx_op(m, "Cast", "s0", "s1");
		attr_int(m, "to", ONNX_I64);
		onnx_op(m, "Cast", "s1", "s2");
		ATTR_INTS(m, "starts", 0);
		ATTR_INTS(m, "ends", 1);
		onnx_op(m, "Slice", "s2", "s3");
		onnx_longs(m, "minus", 1, DIMS(-1));
		attr_int(m, "axis", 0);
		onnx_op(m, "Concat", "s3,minus", "s4");
		onnx_op(m, "Dropout", "p", "d");
		onnx_op(m, "Identity", "d", "e");
		onnx_op(m, "Reshape", "e,s4", "f");
		break;
	default: /* a ReLU on the flat vector, which keeps the order of the image */
		onnx_op(m, "Flatten", "p", "g");
		onnx_longs(m, "s", 3, DIMS(-1, 4, 6));
		onnx_op(m, "Reshape", "g,s", "h");
		onnx_longs(m, "s2", 2, DIMS(-1, 24));
		onnx_op(m, "Reshape", "h,s2", "f");
		break;
	}
}

static void test_image_to_dense(void **state)
{
	struct tensor x = image(2, 4, 4, 4), p, y;
	struct onnx_model m;
	float k[6 * 2], v[5 * 24];

	(void)state;
	noise(k, 12, 3);
	noise(v, 5 * 24, 6);
	p = convolve(&x, k, NULL, 6, (struct window){1, 2, 1, 0, 0, 0, 0, 1});
	y = dense(&p, v, NULL, 5);
	for (int way = 0; way < 6; way++) {
		begin(&m, 9, &x);
		onnx_floats(&m, "k", 4, DIMS(6, 2, 1, 1), k);
		onnx_floats(&m, "v", 2, DIMS(5, 24), v);
		ATTR_INTS(&m, "strides", 2, 2);
		onnx_op(&m, "Conv", "x,k", "p");
		between(way, &m);
		attr_int(&m, "transB", 1);
		onnx_op(&m, "Gemm", "f,v", "y");
		check(&m, &x, &y);
	}
	/* a network that ends with the vector hands it out as ONNX does; so does Concat with another */
	p.rank = 1;
	p.d[0] = 24;
	begin(&m, 9, &x);
	onnx_floats(&m, "k", 4, DIMS(6, 2, 1, 1), k);
	ATTR_INTS(&m, "strides", 2, 2);
	onnx_op(&m, "Conv", "x,k", "p");
	onnx_op(&m, "Flatten", "p", "y");
	check(&m, &x, &p);
	begin(&m, 9, &x);
	onnx_floats(&m, "k", 4, DIMS(6, 2, 1, 1), k);
	ATTR_INTS(&m, "strides", 2, 2);
	onnx_op(&m, "Conv", "x,k", "p");
	onnx_op(&m, "Flatten", "p", "f");
	onnx_op(&m, "Flatten", "p", "g");
	attr_int(&m, "axis", -1);
	onnx_op(&m, "Concat", "f,g", "y");
	y = p;
	y.d[0] = 48;
	memcpy(y.v + 24, p.v, 24 * sizeof(float));
	check(&m, &x, &y);
}

static void test_squeeze(void **state)
{
	struct tensor x = image(3, 4, 4, 2), y = pool(&x, false, false, (struct window){4, 4, 1, 0, 0, 0, 0, 1}, 1, 1);
	struct onnx_model m;

	(void)state;
	y.rank = 1;
	begin(&m, 11, &x);
	onnx_op(&m, "GlobalAveragePool", "x", "p");
	ATTR_INTS(&m, "axes", 2, 3);
	onnx_op(&m, "Squeeze", "p", "y");
	check(&m, &x, &y);
	begin(&m, 13, &x);
	onnx_op(&m, "GlobalAveragePool", "x", "p");
	onnx_longs(&m, "a", 2, DIMS(-1, -2));
	onnx_op(&m, "Squeeze", "p,a", "q");
	onnx_op(&m, "Unsqueeze", "q,a", "r");
	onnx_op(&m, "Squeeze", "r,a", "y");
	check(&m, &x, &y);
}

/* tf2onnx: channels last outside, a Transpose before and behind the convolution. */
static void test_channels_last_file(void **state)
{
	struct tensor x = image(3, 5, 4, 6), y, in, out;
	struct onnx_model m;

	(void)state;
	noise(w, 4 * 3 * 9, 3);
	y = convolve(&x, w, NULL, 4, (struct window){3, 1, 1, 1, 1, 1, 1, 1});
	in = (struct tensor){.rank = 3, .d = {5, 4, 3}};
	out = (struct tensor){.rank = 3, .d = {5, 4, 4}};
	swap_layout(&x, true, x.v, in.v);
	swap_layout(&y, true, y.v, out.v);
	begin(&m, 13, &in);
	onnx_floats(&m, "w", 4, DIMS(4, 3, 3, 3), w);
	ATTR_INTS(&m, "perm", 0, 3, 1, 2);
	onnx_op(&m, "Transpose", "x", "t");
	ATTR_INTS(&m, "pads", 1, 1, 1, 1);
	onnx_op(&m, "Conv", "t,w", "c");
	ATTR_INTS(&m, "perm", 0, 2, 3, 1);
	onnx_op(&m, "Transpose", "c", "y");
	check_layout(&m, &in, &out, true);
}

/* ---- arithmetic, normalization ---- */

static void test_batchnorm(void **state)
{
	struct tensor x = image(3, 4, 4, 4), y = x;
	const float g[] = {1.5f, -2, 0.5f}, o[] = {1, 2, 3}, mean[] = {0.5f, 0.25f, -1}, var[] = {1, 4, 0.25f};
	struct onnx_model m;

	(void)state;
	for (int i = 0; i < 48; i++)
		y.v[i] = (x.v[i] - mean[i / 16]) / sqrtf(var[i / 16] + 1e-3f) * g[i / 16] + o[i / 16];
	begin(&m, 9, &x);
	onnx_floats(&m, "g", 1, DIMS(3), g);
	onnx_floats(&m, "o", 1, DIMS(3), o);
	onnx_floats(&m, "m", 1, DIMS(3), mean);
	onnx_floats(&m, "v", 1, DIMS(3), var);
	attr_float(&m, "epsilon", 1e-3f);
	onnx_op(&m, "BatchNormalization", "x,g,o,m,v", "y");
	check(&m, &x, &y);
	/* behind Flatten it normalizes elements in ONNX's order */
	begin(&m, 9, &x);
	for (int i = 0; i < 48; i++) {
		w[i] = g[i % 3] + (float)i / 64;
		y.v[i] = (x.v[i] - w[i]) / sqrtf(2 + 1e-5f) * w[i] + w[i];
		b[i] = 2;
	}
	y.rank = 1;
	y.d[0] = 48;
	onnx_floats(&m, "g", 1, DIMS(48), w);
	onnx_floats(&m, "v", 1, DIMS(48), b);
	onnx_op(&m, "Flatten", "x", "f");
	onnx_op(&m, "BatchNormalization", "f,g,g,g,v", "y");
	check(&m, &x, &y);
}

static void test_arithmetic(void **state)
{
	struct tensor x = image(3, 4, 4, 4), y = x;
	const float mean[] = {0.5f, 0.25f, -1}, dev[] = {2, 4, 0.5f}, half = 0.5f, three = 3;
	struct akida_graph *g;
	struct onnx_model m;

	(void)state;
	for (int i = 0; i < 48; i++)
		y.v[i] = 3 - ((x.v[i] * 0.5f - mean[i / 16]) / dev[i / 16] + 3);
	for (int pass = 0; pass < 3; pass++) { /* as one Rescaling of the input; behind a ReLU; its layers */
		begin(&m, 13, &x);
		onnx_floats(&m, "mean", 3, DIMS(3, 1, 1), mean);
		onnx_floats(&m, "dev", 4, DIMS(1, 3, 1, 1), dev);
		onnx_floats(&m, "half", 0, NULL, &half);
		onnx_floats(&m, "three", 1, DIMS(1), &three);
		if (pass == 1)
			onnx_op(&m, "Relu", "x", "x0");
		onnx_op(&m, "Mul", pass == 1 ? "x0,half" : "x,half", "a");
		onnx_op(&m, "Sub", "a,mean", "b");
		onnx_op(&m, "Div", "b,dev", "c");
		onnx_op(&m, "Add", "three,c", "d");
		onnx_op(&m, "Sub", "three,d", "y");
		if (pass == 2) {
			g = load(&m);
			assert_int_equal(akida_graph_nodes(g), 2);
			akida_graph_destroy(g);
			continue;
		}
		if (pass == 1)
			for (int i = 0; i < 48; i++) {
				x.v[i] = fabsf(x.v[i]);
				y.v[i] = 3 - ((x.v[i] * 0.5f - mean[i / 16]) / dev[i / 16] + 3);
			}
		check(&m, &x, &y);
	}
}

static void test_constants(void **state)
{
	struct tensor x = vector(4, 3), y = x;
	const float a[] = {1, 2, 3, 4}, two[] = {2};
	const double d[] = {0.5, 0.25, -1, 8};
	const uint16_t h[] = {0x3c00, 0xc000, 0x3800, 0x0001}; /* 1, -2, 0.5, 2^-24 */
	const int8_t q[] = {-128, 0, 1, 127};
	struct onnx_model m;

	(void)state;
	for (int i = 0; i < 4; i++) {
		float half[] = {1, -2, 0.5f, 0x1p-24f};

		y.v[i] = x.v[i] + (sqrtf(a[i] * 2) - a[i]) / 2 + (float)d[i] + half[i] + 0.125f * (float)(q[i] - 2);
	}
	begin(&m, 13, &x);
	onnx_floats(&m, "a", 2, DIMS(2, 2), a);
	onnx_floats(&m, "two", 1, DIMS(1), two);
	onnx_op(&m, "Mul", "a,two", "b");
	onnx_op(&m, "Sqrt", "b", "b2");
	onnx_op(&m, "Sub", "b2,a", "c");
	onnx_op(&m, "Div", "c,two", "e");
	onnx_longs(&m, "s", 2, DIMS(0, 2));
	onnx_op(&m, "Reshape", "e,s", "e2");
	ATTR_INTS(&m, "perm", 0, 1);
	onnx_op(&m, "Transpose", "e2", "e3");
	onnx_longs(&m, "s4", 1, DIMS(-1));
	onnx_op(&m, "Reshape", "e3,s4", "f");
	onnx_initializer(&m, "d", ONNX_F64, 1, DIMS(4), d, sizeof(d));
	onnx_initializer(&m, "h", ONNX_F16, 1, DIMS(4), h, sizeof(h));
	onnx_initializer(&m, "q", ONNX_I8, 1, DIMS(4), q, sizeof(q));
	onnx_floats(&m, "qs", 0, NULL, &(const float){0.125f});
	onnx_initializer(&m, "qz", ONNX_I8, 0, NULL, &(const int8_t){2}, 1);
	onnx_op(&m, "DequantizeLinear", "q,qs,qz", "qf");
	onnx_op(&m, "Add", "x,f", "x1");
	onnx_op(&m, "Add", "x1,d", "x2");
	onnx_op(&m, "Add", "x2,h", "x3");
	onnx_op(&m, "Add", "x3,qf", "y");
	check(&m, &x, &y);
	/* a Constant, and what Slice, ConstantOfShape, Neg make */
	for (int i = 0; i < 4; i++)
		y.v[i] = x.v[i] + a[i] - 7;
	begin(&m, 13, &x);
	attr_tensor(&m, "value", ONNX_F32, 1, DIMS(4), a, sizeof(a));
	onnx_op(&m, "Constant", "", "a");
	onnx_longs(&m, "n", 3, DIMS(9, 4, 9));
	onnx_longs(&m, "from", 1, DIMS(1));
	onnx_longs(&m, "to", 1, DIMS(-1));
	onnx_op(&m, "Slice", "n,from,to", "n1");
	attr_tensor(&m, "value", ONNX_F32, 1, DIMS(1), (const float[]){7}, 4);
	onnx_op(&m, "ConstantOfShape", "n1", "sevens");
	onnx_op(&m, "Neg", "sevens", "minus");
	onnx_op(&m, "Add", "x,a", "x1");
	onnx_op(&m, "Add", "minus,x1", "y");
	check(&m, &x, &y);
}

static void test_branches(void **state)
{
	struct tensor x = image(3, 4, 4, 4), p, y;
	struct onnx_model m;

	(void)state;
	noise(w, 27, 3);
	p = convolve(&x, w, NULL, 3, (struct window){3, 1, 1, 1, 1, 1, 1, 3});
	y = p;
	for (size_t i = 0; i < 48; i++)
		y.v[i] += x.v[i];
	begin(&m, 11, &x);
	onnx_floats(&m, "w", 4, DIMS(3, 1, 3, 3), w);
	ATTR_INTS(&m, "pads", 1, 1, 1, 1);
	attr_int(&m, "group", 3);
	onnx_op(&m, "Conv", "x,w", "p");
	onnx_op(&m, "Add", "p,x", "y");
	check(&m, &x, &y);
	y.d[0] = 6;
	memcpy(y.v, p.v, 48 * sizeof(float));
	memcpy(y.v + 48, x.v, 48 * sizeof(float));
	begin(&m, 11, &x);
	onnx_floats(&m, "w", 4, DIMS(3, 1, 3, 3), w);
	attr_int(&m, "axis", 1); /* in the wrong order: operators may come as they like */
	onnx_op(&m, "Concat", "p,x", "y");
	ATTR_INTS(&m, "pads", 1, 1, 1, 1);
	attr_int(&m, "group", 3);
	onnx_op(&m, "Conv", "x,w", "p");
	onnx_op(&m, "Relu", "p", "nobody");
	check(&m, &x, &y);
	/* a bias that another consumer must not see */
	for (size_t i = 0; i < 48; i++)
		y.v[i] = 2 * p.v[i] + 1;
	y.d[0] = 3;
	begin(&m, 11, &x);
	onnx_floats(&m, "w", 4, DIMS(3, 1, 3, 3), w);
	onnx_floats(&m, "one", 0, NULL, &(const float){1});
	ATTR_INTS(&m, "pads", 1, 1, 1, 1);
	attr_int(&m, "group", 3);
	onnx_op(&m, "Conv", "x,w", "p");
	onnx_op(&m, "Identity", "p", "p2");
	onnx_op(&m, "Add", "p2,one", "q");
	onnx_op(&m, "Add", "p,q", "y");
	check(&m, &x, &y);
}

/* ---- activations ---- */

static float sigmoid(float v)
{
	return 1 / (1 + expf(-v));
}

static float activated(int which, float v)
{
	switch (which) {
	case 0:
		return v > 0 ? v : 0;
	case 1:
		return v < 0 ? 0 : v > 1.25f ? 1.25f : v;
	case 2:
		return v > 0 ? v : 0.01f * v;
	case 3:
		return v > 0 ? v : 0.3f * v;
	case 4:
		return sigmoid(v);
	case 5:
		return tanhf(v);
	case 6:
		return v > 0 ? v : expf(v) - 1;
	case 7:
		return log1pf(expf(v));
	case 8:
		return v / (1 + fabsf(v));
	case 9:
		return fminf(fmaxf(0.2f * v + 0.5f, 0), 1);
	case 10:
		return v * fminf(fmaxf(v / 6 + 0.5f, 0), 1);
	case 11:
		return v * sigmoid(v);
	case 12:
		return expf(v);
	case 13:
		return v > 0 ? v : 0.25f * v;
	case 14:
		return 1.0507009873554805f * (v > 0 ? v : 1.6732632423543772f * (expf(v) - 1));
	default:
		return v < 0 ? 0 : v > 6 ? 6 : v;
	}
}

static void test_activations(void **state)
{
	static const char *const types[] = {"Relu", "Clip",	"LeakyRelu", "LeakyRelu",   "Sigmoid",	 "Tanh",
					    "Elu",  "Softplus", "Softsign",  "HardSigmoid", "HardSwish", "",
					    "Exp",  "PRelu",	"Selu",	     "Clip"};
	struct tensor x = image(2, 3, 3, 13), y = x;
	const float limits[] = {0, 1.25f, 0.25f};
	struct onnx_model m;

	(void)state;
	for (int which = 0; which < 16; which++) {
		for (size_t i = 0; i < count_of(&x); i++) {
			x.v[i] *= 1.5f - 0.05f * (float)which;
			y.v[i] = activated(which, x.v[i]);
		}
		begin(&m, which == 15 ? 7 : 14, &x);
		onnx_floats(&m, "low", 0, NULL, &limits[0]);
		onnx_floats(&m, "high", 0, NULL, &limits[1]);
		onnx_floats(&m, "slope", 3, DIMS(1, 1, 1), &limits[2]);
		if (which == 3)
			attr_float(&m, "alpha", 0.3f);
		if (which == 15) {
			attr_float(&m, "min", 0);
			attr_float(&m, "max", 6);
		}
		if (which == 11)
			onnx_op(&m, "Sigmoid", "x", "s");
		onnx_op(&m, which == 11 ? "Mul" : types[which],
			which == 1    ? "x,low,high"
			: which == 11 ? "x,s"
			: which == 13 ? "x,slope"
				      : "x",
			"y");
		check(&m, &x, &y);
	}
}

static void test_softmax(void **state)
{
	struct tensor x = vector(5, 3), y = x;
	struct onnx_model m;
	float sum = 0;

	(void)state;
	for (int i = 0; i < 5; i++)
		sum += expf(x.v[i]);
	for (int i = 0; i < 5; i++)
		y.v[i] = expf(x.v[i]) / sum;
	begin(&m, 13, &x);
	onnx_op(&m, "Softmax", "x", "y");
	check(&m, &x, &y);
	begin(&m, 9, &x);
	attr_int(&m, "axis", 1);
	onnx_op(&m, "Softmax", "x", "z");
	onnx_op(&m, "ArgMax", "z", "y"); /* told, and left out */
	check(&m, &x, &y);
}

/* int8 weights per channel with quantizers around the activations, as PyTorch's and ONNX Runtime's tools write them. */
static void test_quantized_weights(void **state)
{
	struct tensor x = image(2, 4, 4, 4), y;
	const float s[] = {0.25f, 0.5f, 0.125f}, one = 1.0f / 32;
	const uint8_t z8 = 0;
	int8_t q[3 * 2 * 9];
	struct onnx_model m;

	(void)state;
	for (int i = 0; i < 54; i++) {
		q[i] = (int8_t)((i * 37) % 255 - 127);
		w[i] = s[i / 18] * (float)q[i];
	}
	y = convolve(&x, w, NULL, 3, (struct window){3, 1, 1, 1, 1, 1, 1, 1});
	begin(&m, 13, &x);
	onnx_initializer(&m, "q", ONNX_I8, 4, DIMS(3, 2, 3, 3), q, sizeof(q));
	onnx_floats(&m, "s", 1, DIMS(3), s);
	onnx_initializer(&m, "z", ONNX_I8, 1, DIMS(3), (const int8_t[3]){0}, 3);
	onnx_floats(&m, "one", 0, NULL, &one);
	onnx_initializer(&m, "z8", ONNX_U8, 0, NULL, &z8, 1);
	onnx_op(&m, "QuantizeLinear", "x,one,z8", "xq");
	onnx_op(&m, "DequantizeLinear", "xq,one,z8", "xd");
	attr_int(&m, "axis", 0);
	onnx_op(&m, "DequantizeLinear", "q,s,z", "w");
	ATTR_INTS(&m, "pads", 1, 1, 1, 1);
	onnx_op(&m, "Conv", "xd,w", "y");
	check(&m, &x, &y);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gemm),
		cmocka_unit_test(test_image_to_dense),
		cmocka_unit_test(test_squeeze),
		cmocka_unit_test(test_channels_last_file),
		cmocka_unit_test(test_batchnorm),
		cmocka_unit_test(test_arithmetic),
		cmocka_unit_test(test_constants),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_activations),
		cmocka_unit_test(test_softmax),
		cmocka_unit_test(test_quantized_weights),
	};

	return cmocka_run_group_tests(tests, scratch_create, scratch_destroy);
}
