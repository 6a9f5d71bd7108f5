/* SPDX-License-Identifier: MIT */
/*
 * A file of each version of the .akm format, as that version wrote it: it loads, runs to the outputs of its day, and is
 * written again byte for byte where the version is still the one that is written. A new version adds a file; none is ever
 * replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/fileio.h"
#include "base/le.h"
#include "base/sha256.h"
#include "layer/execute.h"

static const struct sample {
	const char *path;
	uint32_t ip, layers, major, minor;
	bool current;	     /* written today as it was then */
	const char *outputs; /* SHA-256 of three frames of int32 outputs, little-endian */
} samples[] = {
	{"tests/golden/akm/v1-1.0.akm", 1, 4, 1, 0, true,
	 "a9523a3b3c8058f939e3fd8e665eb225dff3155dcc68b90914d5faaee4c73d26"},
	{"tests/golden/akm/akida2-1.1.akm", 2, 4, 1, 1, true,
	 "c939b9cefacb2edd5877666074528b1dc45aec86f422bf5f57a2b17dcbcef9dd"},
	{"tests/golden/akm/akida2-1.0.akm", 2, 15, 1, 0, true,
	 "d4bd297cd71c1a9330499839f04ef3efea8a2bb4bd7b101ed8d2a89301d6e8fd"},
};

static void outputs_of(const struct akida_model *m, char hex[65])
{
	uint32_t in[3], out[3];
	size_t inputs, outputs;
	struct ak_executor *e;
	int32_t *values;
	uint8_t *frame;

	akida_model_input(m, in);
	akida_model_output(m, out);
	inputs = (size_t)in[0] * in[1] * in[2];
	outputs = (size_t)out[0] * out[1] * out[2];
	frame = malloc(inputs);
	values = malloc(3 * outputs * sizeof(*values));
	assert_true(frame && values);
	assert_int_equal(ak_executor_create(m, &e), 0);
	for (uint32_t f = 0; f < 3; f++) {
		for (size_t i = 0; i < inputs; i++)
			frame[i] = (uint8_t)((i * 7 + f * 31 + i / 13 * 5) % 251);
		ak_executor_frame(e, frame, values + f * outputs, NULL, NULL);
	}
	for (size_t i = 0; i < 3 * outputs; i++)
		ak_put32((uint8_t *)&values[i], (uint32_t)values[i]);
	ak_sha256_hex(values, 3 * outputs * sizeof(*values), hex);
	ak_executor_destroy(e);
	free(frame);
	free(values);
}

static void test_akm_sample_of_each_version_loads_and_runs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		void *bytes, *again;
		size_t len, again_len;
		struct akida_model *m;
		char hex[65];

		assert_int_equal(ak_file_read(s->path, 1 << 20, &bytes, &len, NULL), 0);
		assert_memory_equal(bytes, "AKIDAAKM", 8);
		assert_int_equal(ak_get16((uint8_t *)bytes + 8), s->major);
		assert_int_equal(ak_get16((uint8_t *)bytes + 10), s->minor);
		assert_int_equal(akida_model_parse(bytes, len, s->path, &m, NULL), 0);
		assert_int_equal(akida_model_ip(m), s->ip);
		assert_int_equal(akida_model_layers(m), s->layers);
		outputs_of(m, hex);
		assert_string_equal(hex, s->outputs);
		assert_int_equal(ak_model_serialize(m, &again, &again_len), 0);
		if (s->current) {
			assert_int_equal(again_len, len);
			assert_memory_equal(again, bytes, len);
		}
		akida_model_destroy(m);
		/* whatever is written today says the same */
		assert_int_equal(akida_model_parse(again, again_len, s->path, &m, NULL), 0);
		outputs_of(m, hex);
		assert_string_equal(hex, s->outputs);
		akida_model_destroy(m);
		free(again);
		free(bytes);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_akm_sample_of_each_version_loads_and_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
