/* SPDX-License-Identifier: MIT */
/*
 * A float network of the vendor's own zoo (AkidaNet 0.25, visual wake words) on the five recorded samples: float logits, the
 * decisions of 8 bits, and the chip at 8/4/4, calibrated on CIFAR images made three times as large and on those samples.
 */
#include "tests/unit/quant/net.h"
#include <stdio.h>
#include <akida/convert.h>
#include <akida/map.h>
#include <akida/quant.h>
#include <akida/run.h>
#include "base/fileio.h"
#include "import/data.h"

#define SIDE 96u
#define FRAME ((size_t)SIDE * SIDE * 3)
#define SAMPLES 5u
#define IMAGES 59u

static struct akida_graph *network;
static uint8_t *samples; /* [SAMPLES][FRAME] */

static void shared(char *path, size_t bytes, const char *file)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, bytes, "%s/data/%s", root ? root : "../shared", file);
}

static int load(void **state)
{
	char path[512];
	void *bytes;
	size_t len;

	(void)state;
	shared(path, sizeof(path), "programs/vww_inputs_5x96x96x3_u8.bin");
	if (ak_file_read(path, 1 << 20, &bytes, &len, NULL))
		return 0;
	samples = bytes;
	shared(path, sizeof(path), "models/akidanet_vww.h5");
	if (akida_graph_load(path, &network, NULL))
		network = NULL;
	return len == SAMPLES * FRAME ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	akida_graph_destroy(network);
	free(samples);
	return 0;
}

static void need_data(void)
{
	if (network && samples)
		return;
	print_message("skipped: no data/models/akidanet_vww.h5 and data/programs\n");
	skip();
}

static struct akida_array frames(size_t n)
{
	size_t dims[4] = {n, SIDE, SIDE, 3};
	struct akida_array a;

	assert_int_equal(akida_array_init(&a, AKIDA_U8, 4, dims), 0);
	memcpy(a.data, samples, SAMPLES * FRAME);
	return a;
}

/* The samples, then CIFAR images with every pixel three by three. */
static struct akida_array calibration(void)
{
	struct akida_array a = frames(SAMPLES + IMAGES);
	struct akida_dataset d = {0};
	char path[512] = "cifar10:";

	shared(path + 8, sizeof(path) - 8, "cifar10/test500.npz");
	if (ak_data_load(path, &d, NULL)) {
		print_message("skipped: no data/cifar10\n");
		skip();
	}
	assert_true(d.x.rank == 4 && d.x.dims[1] == 32 && d.x.dims[2] == 32 && d.x.dims[3] == 3);
	for (size_t i = 0; i < IMAGES; i++)
		for (size_t p = 0; p < FRAME; p++) {
			size_t y = p / 3 / SIDE / 3, x = p / 3 % SIDE / 3;

			((uint8_t *)a.data)[(SAMPLES + i) * FRAME + p] =
				((const uint8_t *)d.x.data)[((i * 32 + y) * 32 + x) * 3 + p % 3];
		}
	akida_dataset_fini(&d);
	return a;
}

static void test_vww_float_logits_are_the_recorded_ones(void **state)
{
	static const double want[SAMPLES][2] = {
		{-1.647, 2.132}, {-0.558, 0.688}, {0.340, -0.233}, {1.126, -0.905}, {1.177, -1.033}};
	struct akida_array x;
	float *got;

	(void)state;
	need_data();
	x = frames(SAMPLES);
	got = net_forward(network, &x);
	for (uint32_t i = 0; i < 2 * SAMPLES; i++)
		assert_true(fabs((double)got[i] - want[i / 2][i % 2]) < 6e-4);
	free(got);
	akida_array_fini(&x);
}

static void test_vww_eight_bits_keep_the_decisions(void **state)
{
	struct akida_quant_params p;
	struct akida_array x, c;
	struct akida_graph *q;
	float *want, *got;

	(void)state;
	need_data();
	c = calibration();
	x = frames(SAMPLES);
	akida_quant_params_init(&p);
	p.weight_bits = p.activation_bits = 8;
	p.per_tensor = 0;
	p.split_separables = 1;
	assert_int_equal(akida_quantize(network, &p, &c, &q, NULL), 0);
	want = net_forward(network, &x);
	got = net_forward(q, &x);
	for (uint32_t i = 0; i < SAMPLES; i++) {
		print_message("8 bits, sample %u: %.3f %.3f (float %.3f %.3f)\n", i, (double)got[2 * i],
			      (double)got[2 * i + 1], (double)want[2 * i], (double)want[2 * i + 1]);
		assert_int_equal(got[2 * i] < got[2 * i + 1], want[2 * i] < want[2 * i + 1]);
	}
	free(want);
	free(got);
	akida_graph_destroy(q);
	akida_array_fini(&x);
	akida_array_fini(&c);
}

static void run(const char *device, const struct akida_program *program, const struct akida_model *m, int32_t *out)
{
	struct akida_device *d;
	struct akida_session *s;

	assert_int_equal(akida_device_open(device, &d, NULL), 0);
	assert_int_equal(akida_session_create(d, program, m, NULL, &s, NULL), 0);
	assert_int_equal(akida_session_outputs(s), 2);
	assert_int_equal(akida_session_run(s, samples, SAMPLES, out), SAMPLES);
	akida_session_destroy(s);
	akida_device_close(d);
}

static void test_vww_at_8_4_4_on_the_chip_equals_cpu(void **state)
{
	struct akida_map_params mp = {.size = sizeof(mp)};
	int32_t cpu[2 * SAMPLES], chip[2 * SAMPLES];
	float value[2 * SAMPLES];
	struct akida_program *program;
	struct akida_array c;
	struct akida_graph *q;
	struct akida_model *m;

	(void)state;
	need_data();
	c = calibration();
	assert_int_equal(akida_quantize(network, NULL, &c, &q, NULL), 0);
	assert_int_equal(akida_convert(q, &m, NULL), 0);
	assert_int_equal(akida_map(m, "akd1500", &mp, &program, NULL, NULL), 0);
	run("cpu", NULL, m, cpu);
	run("virtual:akd1500", program, NULL, chip);
	assert_memory_equal(cpu, chip, sizeof(cpu));
	assert_int_equal(akida_model_dequantize(m, cpu, SAMPLES, value), 0);
	for (uint32_t i = 0; i < SAMPLES; i++)
		print_message("8/4/4, sample %u: %.3f %.3f: %s\n", i, (double)value[2 * i], (double)value[2 * i + 1],
			      value[2 * i] < value[2 * i + 1] ? "person" : "no person");
	akida_program_destroy(program);
	akida_model_destroy(m);
	akida_graph_destroy(q);
	akida_array_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vww_float_logits_are_the_recorded_ones),
		cmocka_unit_test(test_vww_eight_bits_keep_the_decisions),
		cmocka_unit_test(test_vww_at_8_4_4_on_the_chip_equals_cpu),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
