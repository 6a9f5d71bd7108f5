/* SPDX-License-Identifier: MIT */
/* Akida 2 conversion against the golden integers of a real quantized network, and an .akm there and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cjson/cJSON.h>
#include <cmocka.h>
#include <akida/convert.h>
#include "base/diag.h"
#include "base/fileio.h"
#include "base/sha256.h"
#include "layer/execute.h"
#include "layer/v2.h"

static cJSON *golden;
static struct akida_graph *graph;

static void path_of(char *path, size_t bytes, const char *name)
{
	const char *root = getenv("AKIDA_SHARED");

	snprintf(path, bytes, "%s/data/ecg/%s", root ? root : "../shared", name);
}

static int load(void **state)
{
	char path[512];
	void *bytes;
	size_t len;

	(void)state;
	path_of(path, sizeof(path), "golden_v2_formulas.json");
	if (ak_file_read(path, 1 << 24, &bytes, &len, NULL))
		return 0;
	golden = cJSON_ParseWithLength(bytes, len);
	free(bytes);
	path_of(path, sizeof(path), "quantized_model.h5");
	return akida_graph_load(path, &graph, NULL);
}

static int unload(void **state)
{
	(void)state;
	cJSON_Delete(golden);
	akida_graph_destroy(graph);
	return 0;
}

static void need_data(void)
{
	if (golden)
		return;
	print_message("skipped: no data/ecg\n");
	skip();
}

static const cJSON *layer_of(const char *name)
{
	const cJSON *l;

	cJSON_ArrayForEach(
		l, cJSON_GetObjectItem(golden, "layers")) if (!strcmp(cJSON_GetObjectItem(l, "name")->valuestring,
								      name)) return l;
	return NULL;
}

static int number(const cJSON *l, const char *array, uint32_t i)
{
	return cJSON_GetArrayItem(cJSON_GetObjectItem(l, array), (int)i)->valueint;
}

static struct akida_model *convert(void)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = NULL;
	int err = akida_convert_v2(graph, &m, diag);

	if (err)
		print_message("%s\n", akida_diag_first_error(diag)->text);
	assert_int_equal(err, 0);
	akida_diag_destroy(diag);
	return m;
}

static void test_v2_variables_are_the_golden_ones(void **state)
{
	struct akida_model *m;
	uint32_t seen = 0;

	(void)state;
	need_data();
	m = convert();
	assert_int_equal(akida_model_ip(m), 2);
	for (uint32_t i = 0; i < m->count; i++) {
		const struct akida_layer *l = &m->layers[i];
		const cJSON *g = layer_of(l->name);
		char hex[65];

		if (!g)
			continue;
		seen++;
		ak_sha256_hex(l->weights, ak_v2_weight_count(l), hex);
		assert_string_equal(hex,
				    cJSON_GetObjectItem(g, "weights_int8_sha256_keras_order_unflipped")->valuestring);
		for (uint32_t f = 0; f < l->filters; f++) {
			assert_int_equal(l->v2->bias[f], number(g, "bias_int8", f));
			assert_int_equal(l->v2->bias_shift[f], number(g, "bias_shift", f));
			if (!l->v2->rescale)
				continue;
			assert_int_equal(l->v2->out_scale[f], number(g, "output_scales_uint8", f));
			assert_int_equal(l->v2->out_shift[f], number(g, "output_shift", f));
		}
	}
	assert_int_equal(seen, 5);
	akida_model_destroy(m);
}

struct outputs {
	const struct akida_model *m;
	uint32_t seen;
};

static void compare_outputs(void *context, uint32_t layer, const int32_t *values, size_t count)
{
	struct outputs *o = context;
	const cJSON *g = layer_of(o->m->layers[layer].name),
		    *hash = g ? cJSON_GetObjectItem(g, "out_int8_sha256_rowmajor") : NULL;
	int8_t *codes;
	char hex[65];

	for (size_t k = 0; g && !hash && k < count; k++)
		assert_int_equal(values[k], number(g, "potentials_int32", (uint32_t)k));
	o->seen += g != NULL;
	if (!hash)
		return;
	codes = malloc(count);
	assert_non_null(codes);
	for (size_t k = 0; k < count; k++)
		codes[k] = (int8_t)values[k];
	ak_sha256_hex(codes, count, hex);
	free(codes);
	assert_string_equal(hex, hash->valuestring);
}

static void run_golden(const struct akida_model *m)
{
	struct outputs o = {.m = m};
	struct ak_executor *e;
	uint8_t in[128 * 128];
	int32_t out[5];
	float value[5];
	const cJSON *expected = cJSON_GetObjectItem(layer_of("dense_1"), "output_float");

	for (int i = 0; i < 128 * 128; i++)
		in[i] = (uint8_t)((3 * (i / 128) + 5 * (i % 128) + (i / 128) * (i % 128) / 7) % 9);
	assert_int_equal(ak_executor_create(m, &e), 0);
	ak_executor_frame(e, in, out, compare_outputs, &o);
	ak_executor_destroy(e);
	assert_int_equal(o.seen, 5);
	assert_int_equal(akida_model_dequantize(m, out, 1, value), 0);
	for (int k = 0; k < 5; k++)
		assert_float_equal(value[k], cJSON_GetArrayItem(expected, k)->valuedouble, 1e-5);
}

static void test_v2_outputs_are_the_golden_ones(void **state)
{
	struct akida_model *m;

	(void)state;
	need_data();
	m = convert();
	run_golden(m);
	akida_model_destroy(m);
}

static void test_v2_model_survives_its_file(void **state)
{
	struct akida_model *m, *again;
	void *bytes, *second;
	size_t len, second_len;

	(void)state;
	need_data();
	m = convert();
	assert_int_equal(ak_model_serialize(m, &bytes, &len), 0);
	akida_model_destroy(m);
	assert_int_equal(akida_model_parse(bytes, len, "memory", &again, NULL), 0);
	run_golden(again);
	assert_int_equal(ak_model_serialize(again, &second, &second_len), 0);
	assert_int_equal(len, second_len);
	assert_memory_equal(bytes, second, len);
	/* cut anywhere, it is refused */
	for (size_t cut = 0; cut < len; cut += len / 50) {
		akida_model_destroy(again);
		assert_true(akida_model_parse(bytes, cut, "memory", &again, NULL) < 0);
	}
	free(second);
	free(bytes);
}

/* Each layer of the network is within one code of float on the inputs and weights that the integers have. */
static void test_v2_layers_are_within_a_code_of_float(void **state)
{
	size_t dims[4] = {1, 128, 128, 1}, count;
	struct akida_difference *d;
	struct akida_array x;

	(void)state;
	need_data();
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 4, dims), 0);
	for (int i = 0; i < 128 * 128; i++)
		((uint8_t *)x.data)[i] = (uint8_t)((3 * (i / 128) + 5 * (i % 128) + (i / 128) * (i % 128) / 7) % 9);
	d = calloc(akida_graph_nodes(graph), sizeof(*d));
	assert_non_null(d);
	assert_int_equal(akida_graph_compare(graph, &x, d, &count, NULL), 0);
	assert_int_equal(count, 5);
	for (size_t i = 0; i < count; i++) {
		assert_true(d[i].largest < 1);
		assert_true(d[i].float_largest > d[i].largest);
		assert_int_equal(d[i].bits, i < 4 ? 8 : 0);
	}
	/* frames of another shape are refused */
	x.dims[0] = 2;
	x.dims[1] = 64;
	assert_int_equal(akida_graph_compare(graph, &x, d, &count, NULL), -EINVAL);
	free(d);
	x.dims[0] = 1;
	x.dims[1] = 128;
	akida_array_fini(&x);
}

/* The silicon lacks what this network has: 3x3 pools with stride 3 behind Conv2D. */
static void test_v2_check_names_what_the_silicon_lacks(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	uint32_t pools = 0;

	(void)state;
	need_data();
	assert_true(akida_check(graph, "akida2", diag) > 0);
	for (size_t i = 0; i < akida_diag_count(diag); i++) {
		const struct akida_diag_record *r = akida_diag_get(diag, i);

		if (strcmp(r->rule, "v2.pool-size"))
			continue;
		pools++;
		assert_string_equal(r->value, "3x3 stride 3x3");
		assert_true(r->severity == AKIDA_ERROR);
	}
	assert_int_equal(pools, 3);
	akida_diag_destroy(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_v2_variables_are_the_golden_ones),
		cmocka_unit_test(test_v2_outputs_are_the_golden_ones),
		cmocka_unit_test(test_v2_model_survives_its_file),
		cmocka_unit_test(test_v2_layers_are_within_a_code_of_float),
		cmocka_unit_test(test_v2_check_names_what_the_silicon_lacks),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
