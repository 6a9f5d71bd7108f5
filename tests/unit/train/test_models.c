// SPDX-License-Identifier: MIT
/* The committed models: float, quantized and converted files belong together, and are as accurate as promised. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <akida/akida.h>
#include <akida/toolchain.h>

#define FOLDER "tools/akida-bench/models/"
#define FRAMES 1000 /* of the 5,000 the promise is made for */
#define OUTPUTS 10

static struct akida_dataset data;
static bool have_data;

static int load_data(void **state)
{
	const char *shared = getenv("AKIDA_SHARED");
	const struct akida_toolchain *t = akida_toolchain(AKIDA_TOOLCHAIN_ABI);
	char spec[512];

	(void)state;
	snprintf(spec, sizeof(spec), "mnist:%s/data/mnist", shared ? shared : "../shared");
	have_data = t && !t->data_load(spec, &data, NULL);
	if (have_data) {
		assert_true(data.x.dims[0] >= FRAMES);
		data.x.dims[0] = FRAMES;
	}
	return 0;
}

static int free_data(void **state)
{
	(void)state;
	if (have_data)
		akida_dataset_fini(&data);
	return 0;
}

static int right(const float *out)
{
	const int32_t *labels = data.y.data;
	int n = 0;

	for (int i = 0; i < FRAMES; i++) {
		int best = 0;

		for (int k = 1; k < OUTPUTS; k++)
			if (out[i * OUTPUTS + k] > out[i * OUTPUTS + best])
				best = k;
		n += best == labels[i];
	}
	return n;
}

static int accuracy_float(const char *path)
{
	static float out[FRAMES * OUTPUTS];
	struct akida_graph *g;

	assert_int_equal(akida_graph_load(path, &g, NULL), 0);
	assert_int_equal(akida_graph_forward(g, &data.x, out, NULL), 0);
	akida_graph_destroy(g);
	return right(out);
}

/* Potentials of all frames on the cpu. */
static void run(const struct akida_model *m, const uint8_t *in, size_t frames, int32_t *out)
{
	struct akida_session *s;
	struct akida_device *d;

	assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
	assert_int_equal(akida_session_create(d, NULL, m, NULL, &s, NULL), 0);
	assert_int_equal(akida_session_run(s, in, frames, out), frames);
	akida_session_destroy(s);
	akida_device_close(d);
}

static int accuracy_integer(const char *path)
{
	static int32_t potentials[FRAMES * OUTPUTS];
	static float out[FRAMES * OUTPUTS];
	struct akida_model *m;

	assert_int_equal(akida_model_load(path, &m, NULL), 0);
	run(m, data.x.data, FRAMES, potentials);
	assert_int_equal(akida_model_dequantize(m, potentials, FRAMES, out), 0);
	akida_model_destroy(m);
	return right(out);
}

static void test_mnist_reaches_the_boards_accuracy(void **state)
{
	(void)state;
	if (!have_data) {
		print_message("test_mnist_reaches_the_boards_accuracy: no MNIST test images\n");
		skip();
	}
	assert_true(accuracy_float(FOLDER "mnist.h5") >= FRAMES * 976 / 1000);
	assert_true(accuracy_integer(FOLDER "mnist.akm") >= FRAMES * 976 / 1000);
}

static void test_first_light_is_within_two_points_of_its_float_form(void **state)
{
	int real, integer;

	(void)state;
	if (!have_data) {
		print_message("test_first_light_is_within_two_points_of_its_float_form: no MNIST test images\n");
		skip();
	}
	real = accuracy_float(FOLDER "first-light.h5");
	integer = accuracy_integer(FOLDER "first-light.akm");
	assert_true(real >= FRAMES * 97 / 100);
	assert_true(integer >= real - FRAMES * 2 / 100);
}

/* The .akm is the conversion of the quantized .h5 beside it. */
static void compare_files(const char *quantized, const char *converted)
{
	static int32_t a[20 * OUTPUTS], b[20 * OUTPUTS];
	static uint8_t in[20 * 784];
	struct akida_model *stored, *fresh;
	struct akida_graph *g;

	for (size_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * i / 37 + i / 500 * 11);
	assert_int_equal(akida_graph_load(quantized, &g, NULL), 0);
	assert_true(akida_graph_quantized(g));
	assert_int_equal(akida_convert(g, &fresh, NULL), 0);
	assert_int_equal(akida_model_load(converted, &stored, NULL), 0);
	run(fresh, in, 20, a);
	run(stored, in, 20, b);
	assert_memory_equal(a, b, sizeof(a));
	akida_model_destroy(fresh);
	akida_model_destroy(stored);
	akida_graph_destroy(g);
}

static void test_converted_files_belong_to_the_quantized_ones(void **state)
{
	(void)state;
	compare_files(FOLDER "mnist_i8_w4_a4.h5", FOLDER "mnist.akm");
	compare_files(FOLDER "first-light_i8_w4_a4.h5", FOLDER "first-light.akm");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mnist_reaches_the_boards_accuracy),
		cmocka_unit_test(test_first_light_is_within_two_points_of_its_float_form),
		cmocka_unit_test(test_converted_files_belong_to_the_quantized_ones),
	};

	return cmocka_run_group_tests(tests, load_data, free_data);
}
