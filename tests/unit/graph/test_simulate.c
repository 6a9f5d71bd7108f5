/* SPDX-License-Identifier: MIT */
/*
 * The quantized network in integers: small cases by hand, branches and per-axis types, and the real ECG network against
 * the golden values of the shared files (integer weights, outputs of each layer, final potentials, by hash).
 */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include <cjson/cJSON.h>
#include <akida/quant.h>
#include "base/sha256.h"
#include "graph/fixedpoint.h"
#include "graph/infer.h"

/* ---- the ECG network ---- */

static char *shared_path(const char *file, char *path, size_t bytes)
{
	const char *root = getenv("AKIDA_SHARED");
	FILE *f;

	snprintf(path, bytes, "%s/data/ecg/%s", root ? root : "../shared", file);
	f = fopen(path, "rb");
	if (!f) {
		print_message("%s is not there\n", path);
		skip();
	}
	fclose(f);
	return path;
}

static cJSON *load_golden(void)
{
	char path[512], *text;
	FILE *f = fopen(shared_path("golden_v2_formulas.json", path, sizeof(path)), "rb");
	cJSON *json;

	text = calloc(1, 1 << 20);
	assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
	fclose(f);
	json = cJSON_Parse(text);
	free(text);
	assert_non_null(json);
	return json;
}

static const char *string_of(const cJSON *layer, const char *key)
{
	const cJSON *item = cJSON_GetObjectItem(layer, key);

	return cJSON_IsString(item) ? item->valuestring : NULL;
}

struct golden {
	const struct akida_graph *g;
	const cJSON *layers;
	int activations, potentials;
};

static void compare_integers(void *context, uint32_t node, const struct ak_sim_values *v)
{
	struct golden *gold = context;
	const struct ak_node *n = &gold->g->nodes[node];

	if (n->op == AK_OP_RELU) {
		const cJSON *layer = cJSON_GetArrayItem(gold->layers, gold->activations++);
		uint8_t *codes = malloc(v->count);
		char hex[65];

		for (size_t i = 0; i < v->count; i++)
			codes[i] = (uint8_t)v->v[i];
		ak_sha256_hex(codes, v->count, hex);
		assert_string_equal(hex, string_of(layer, "out_int8_sha256_rowmajor"));
		assert_int_equal(v->fb[0], cJSON_GetObjectItem(layer, "out_frac_bits")->valueint);
		free(codes);
	}
	if (n->op == AK_OP_DENSE && !n->quant.has_output && n->filters == 5) {
		const cJSON *p = cJSON_GetObjectItem(cJSON_GetArrayItem(gold->layers, 4), "potentials_int32");

		for (int i = 0; i < 5; i++)
			assert_int_equal(v->v[i], cJSON_GetArrayItem(p, i)->valueint);
		gold->potentials++;
	}
}

static void compare_weights(const struct akida_graph *g, const cJSON *layers)
{
	int k = 0;

	for (uint32_t i = 0; i < g->count; i++) {
		const struct ak_weight *w = g->nodes[i].weight_count ? &g->nodes[i].weights[0] : NULL;
		size_t filters = g->nodes[i].filters;
		float *scales;
		int8_t *q;
		char hex[65];

		if (!w)
			continue;
		q = malloc(w->count);
		scales = malloc(filters * sizeof(*scales));
		ak_fx_weights(w->data, w->count / filters, filters, 1, 8, q, scales);
		ak_sha256_hex(q, w->count, hex);
		assert_string_equal(
			hex, string_of(cJSON_GetArrayItem(layers, k++), "weights_int8_sha256_keras_order_unflipped"));
		free(q);
		free(scales);
	}
	assert_int_equal(k, 5);
}

static void test_sim_ecg_network_equals_golden_values(void **state)
{
	cJSON *json = load_golden();
	struct golden gold = {.layers = cJSON_GetObjectItem(json, "layers")};
	const cJSON *expected = cJSON_GetObjectItem(cJSON_GetArrayItem(gold.layers, 4), "output_float");
	float *x = malloc(128 * 128 * sizeof(*x)), out[5];
	struct akida_graph *g;
	struct ak_sim *sim;
	char path[512];

	(void)state;
	for (int r = 0; r < 128; r++)
		for (int c = 0; c < 128; c++)
			x[r * 128 + c] = (float)((3 * r + 5 * c + r * c / 7) % 9);
	assert_int_equal(akida_graph_load(shared_path("quantized_model.h5", path, sizeof(path)), &g, NULL), 0);
	gold.g = g;
	compare_weights(g, gold.layers);
	assert_int_equal(ak_sim_create(g, &sim, NULL), 0);
	assert_int_equal(ak_sim_run(sim, x, compare_integers, &gold, out), 0);
	assert_int_equal(gold.activations, 4);
	assert_int_equal(gold.potentials, 1);
	for (int i = 0; i < 5; i++) {
		double e = cJSON_GetArrayItem(expected, i)->valuedouble;

		assert_true(fabs((double)out[i] - e) <= 1e-6 * fabs(e));
	}
	ak_sim_destroy(sim);
	akida_graph_destroy(g);
	cJSON_Delete(json);
	free(x);
}

/* ---- by hand ---- */

static struct akida_graph *quantize(struct akida_graph *g, uint32_t w, uint32_t a, uint32_t per_tensor)
{
	struct akida_quant_params p;
	struct akida_array x = net_samples(g, 64);
	struct akida_graph *q;

	akida_quant_params_init(&p);
	p.weight_bits = w;
	p.activation_bits = a;
	p.per_tensor = per_tensor;
	assert_int_equal(akida_quantize(g, &p, &x, &q, NULL), 0);
	akida_array_fini(&x);
	return q;
}

/* TensorFlow casts float to uint8 by truncation; beyond its range we saturate. Identity weight 127/127. */
static void test_sim_float_input_is_truncated_and_held(void **state)
{
	struct akida_graph *g = net_start(1, 1, 1), *q;
	const float in[] = {3.99f, -5, 300, 255};
	const float expected[] = {3, 0, 255, 255};
	struct ak_sim *sim;
	float out;

	(void)state;
	net_conv(g, 1, 1, 1)->use_bias = false;
	net_finish(g);
	g->nodes[1].weights[0].data[0] = 1;
	q = quantize(g, 8, 8, 1);
	assert_int_equal(ak_sim_create(q, &sim, NULL), 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(ak_sim_run(sim, &in[i], NULL, NULL, &out), 0);
		assert_true(fabsf(out - expected[i]) < 1e-4f);
	}
	ak_sim_destroy(sim);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
}

/* 28-bit buffers: 4200 * 255 * 127 is beyond 2^27, and the sum is held there, before and after the bias. */
static void test_sim_sums_are_held_at_their_buffer(void **state)
{
	struct akida_graph *g = net_start(1, 1, 4200);
	struct ak_sim *sim;
	float *x = malloc(4200 * sizeof(*x)), out[2];

	(void)state;
	net_conv(g, 2, 1, 1);
	net_finish(g);
	for (int i = 0; i < 4200; i++) {
		x[i] = 255;
		g->nodes[1].weights[0].data[2 * i] = 127;
		g->nodes[1].weights[0].data[2 * i + 1] = -127;
	}
	g->nodes[1].weights[1].data[0] = 64;
	g->nodes[1].weights[1].data[1] = 64;
	g->nodes[1].quant = (struct ak_node_quant){.active = true, .weight_bits = 8, .bias_bits = 8, .buffer_bits = 28};
	assert_int_equal(ak_sim_create(g, &sim, NULL), 0);
	assert_int_equal(ak_sim_run(sim, x, NULL, NULL, out), 0);
	assert_true(out[0] == 134217727.0f);
	assert_true(out[1] == -134217728.0f + 64.0f);
	ak_sim_destroy(sim);
	akida_graph_destroy(g);
	free(x);
}

/* Relative error of the quantized network against the float one on fresh samples. */
static double error_of(struct akida_graph *g, uint32_t per_tensor)
{
	struct akida_graph *q = quantize(g, 8, 8, per_tensor);
	struct akida_array x = net_samples(g, 12);
	float *yf = net_forward(g, &x), *yq = net_forward(q, &x);
	double sum = 0, norm = 0;

	for (size_t i = 0; i < 12 * akida_graph_outputs(g); i++) {
		sum += (double)((yf[i] - yq[i]) * (yf[i] - yq[i]));
		norm += (double)(yf[i] * yf[i]);
	}
	free(yf);
	free(yq);
	akida_array_fini(&x);
	akida_graph_destroy(q);
	akida_graph_destroy(g);
	return sqrt(sum / norm);
}

static struct akida_graph *branched(void)
{
	struct akida_graph *g = net_start(8, 8, 3);
	uint32_t skip_from, conv;

	net_rescaling(g, 1 / 127.5f, -1);
	net_conv(g, 6, 3, 1);
	net_relu(g, 6);
	skip_from = g->output;
	net_conv(g, 6, 3, 1);
	net_relu(g, 0);
	net_conv(g, 6, 3, 1);
	conv = g->output;
	assert_non_null(ak_graph_add(g, AK_OP_ADD, NULL, (const uint32_t[]){skip_from, conv}, 2));
	net_relu(g, 0);
	net_kernel(g, AK_OP_DEPTHWISE, 0, 3, 2);
	net_relu(g, 6);
	net_conv(g, 8, 1, 1);
	net_relu(g, 6);
	net_add(g, AK_OP_GAP);
	net_dense(g, 4);
	return net_finish(g);
}

static struct akida_graph *flattened(void)
{
	struct akida_graph *g = net_start(7, 6, 1);

	net_conv(g, 5, 3, 1)->use_bias = false;
	net_maxpool(g, 3, 2);
	net_relu(g, 200);
	net_add(g, AK_OP_FLATTEN);
	net_dense(g, 9);
	net_relu(g, 0);
	net_dense(g, 4);
	return net_finish(g);
}

/* Add, depthwise, global pooling, padding value, flatten: all stay near float at 8 bits, per tensor and per axis. */
static void test_sim_8_bit_networks_stay_near_float(void **state)
{
	struct akida_graph *(*const nets[])(void) = {branched, flattened};

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		double e;

		net_rng = 11 + i;
		e = error_of(nets[i / 2](), i & 1);
		if (e > 0.06)
			print_message("network %u per_tensor %u: %g\n", i / 2, i & 1, e);
		assert_true(e <= 0.06);
	}
}

static void test_sim_layer_without_integers_is_refused(void **state)
{
	struct akida_graph *g = net_start(4, 4, 1);
	struct akida_diag *diag = akida_diag_create();
	struct ak_sim *sim;

	(void)state;
	net_conv(g, 2, 3, 1);
	net_batchnorm(g);
	net_finish(g);
	g->nodes[1].quant = (struct ak_node_quant){.active = true, .weight_bits = 4, .bias_bits = 8, .buffer_bits = 28};
	assert_int_equal(ak_sim_create(g, &sim, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "quant.layer");
	akida_diag_destroy(diag);
	akida_graph_destroy(g);
}

static void test_forward_wrong_shape_is_refused(void **state)
{
	struct akida_graph *g = net_start(4, 5, 2);
	struct akida_array x;
	float out[256];

	(void)state;
	net_conv(g, 2, 3, 1);
	net_finish(g);
	assert_int_equal(akida_array_init(&x, AKIDA_U8, 4, (size_t[]){2, 5, 4, 2}), 0);
	assert_int_equal(akida_graph_forward(g, &x, out, NULL), -EINVAL);
	akida_array_fini(&x);
	assert_int_equal(akida_array_init(&x, AKIDA_I16, 2, (size_t[]){2, 40}), 0);
	assert_int_equal(akida_graph_forward(g, &x, out, NULL), 0);
	akida_array_fini(&x);
	akida_graph_destroy(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sim_ecg_network_equals_golden_values),
		cmocka_unit_test(test_sim_float_input_is_truncated_and_held),
		cmocka_unit_test(test_sim_sums_are_held_at_their_buffer),
		cmocka_unit_test(test_sim_8_bit_networks_stay_near_float),
		cmocka_unit_test(test_sim_layer_without_integers_is_refused),
		cmocka_unit_test(test_forward_wrong_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
