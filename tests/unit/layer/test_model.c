/* SPDX-License-Identifier: MIT */
/* Layers and models: shapes, refusals by name, .akm round trip, damaged and hostile .akm files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/container.h"
#include "base/le.h"
#include "layer/layer.h"

static struct akida_layer input_conv(void)
{
	return (struct akida_layer){.name = "conv_0",
				    .type = AKIDA_LAYER_INPUT_CONV,
				    .in_h = 28,
				    .in_w = 28,
				    .in_c = 1,
				    .in_bits = 8,
				    .filters = 16,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 2,
				    .padding = AKIDA_PAD_SAME,
				    .padding_value = 128,
				    .weights_bits = 8,
				    .activation = true,
				    .act_bits = 4};
}

static void fill(struct akida_layer *l)
{
	assert_int_equal(ak_layer_finish(l, NULL), 0);
	assert_int_equal(ak_layer_alloc(l), 0);
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = (int8_t)(i % 15) - 7;
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = (int8_t)(i % 13) - 6;
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = (int32_t)f - 3;
		l->step16[f] = 16 + (int32_t)f;
		if (l->scale)
			l->scale[f] = 0.5f + (float)f;
	}
}

/* input conv, separable with max pool, fully connected with potentials */
static struct akida_model *make_model(void)
{
	struct akida_layer *l = calloc(3, sizeof(*l));
	struct akida_model *m;

	l[0] = input_conv();
	l[1] = (struct akida_layer){.name = "sep_1",
				    .type = AKIDA_LAYER_SEPARABLE,
				    .in_h = 14,
				    .in_w = 14,
				    .in_c = 16,
				    .in_bits = 4,
				    .filters = 8,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 1,
				    .padding = AKIDA_PAD_SAME,
				    .pool = AKIDA_POOL_MAX,
				    .pool_size = 2,
				    .pool_stride = 2,
				    .pool_padding = AKIDA_PAD_SAME,
				    .weights_bits = 4,
				    .activation = true,
				    .act_bits = 4};
	l[2] = (struct akida_layer){.name = "dense_2",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 7,
				    .in_w = 7,
				    .in_c = 8,
				    .in_bits = 4,
				    .filters = 10,
				    .weights_bits = 4};
	for (int i = 0; i < 3; i++)
		fill(&l[i]);
	assert_int_equal(ak_model_create(l, 3, "unit test", &m, NULL), 0);
	return m;
}

static void test_finish_derives_shapes(void **state)
{
	struct akida_layer l = input_conv();

	(void)state;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.out_h, 14);
	assert_int_equal(l.pad_top, 0);
	l.padding = AKIDA_PAD_VALID;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.conv_h, 13);
	l.stride = 1;
	l.padding = AKIDA_PAD_SAME;
	l.pool = AKIDA_POOL_MAX;
	l.pool_size = l.pool_stride = 3;
	l.pool_padding = AKIDA_PAD_SAME;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.conv_h, 28);
	assert_int_equal(l.pad_top, 1);
	assert_int_equal(l.out_h, 10);
	l.pool_padding = AKIDA_PAD_VALID;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.out_h, 9);
	l.pool = AKIDA_POOL_GLOBAL_AVERAGE;
	assert_int_equal(ak_layer_finish(&l, NULL), 0);
	assert_int_equal(l.out_h * l.out_w, 1);
	assert_int_equal(l.out_c, 16);
}

/* Each case changes one field of a good layer; the refusal must name the field. */
#define CASE(change, word)                                                                                             \
	{                                                                                                              \
		struct akida_layer l = input_conv();                                                                   \
		struct akida_diag *d = akida_diag_create();                                                            \
		change;                                                                                                \
		assert_int_equal(ak_layer_finish(&l, d), -EINVAL);                                                     \
		assert_non_null(strstr(akida_diag_first_error(d)->text, word));                                        \
		akida_diag_destroy(d);                                                                                 \
	}

static void test_finish_refuses_each_bad_field_by_name(void **state)
{
	(void)state;
	CASE(l.type = (enum akida_layer_type)9, "type")
	CASE(l.in_h = 0, "input height")
	CASE(l.in_h = 4097, "input height")
	CASE(l.in_w = UINT32_MAX, "input width")
	CASE(l.in_c = 2049, "input channels")
	CASE(l.in_bits = 4, "input bits")
	CASE(l.filters = 0, "filters")
	CASE(l.filters = UINT32_MAX, "filters")
	CASE(l.weights_bits = 3, "weight bits")
	CASE(l.weights_bits = UINT32_MAX, "weight bits")
	CASE(l.act_bits = 8, "activation bits")
	CASE(l.padding_value = 256, "padding value")
	CASE(l.kernel_h = 0, "kernel height")
	CASE(l.kernel_w = 99, "kernel width")
	CASE(l.stride = 0, "stride")
	CASE(l.padding = (enum akida_padding)2, "padding")
	CASE(l.pool = (enum akida_pool)3, "pool type")
	CASE(l.pool = AKIDA_POOL_MAX, "pool size")
	CASE((l.pool = AKIDA_POOL_MAX, l.pool_size = 2), "pool stride")
	CASE((l.padding = AKIDA_PAD_VALID, l.in_h = 2), "does not fit")
	CASE((l.kernel_h = l.kernel_w = 16, l.in_c = 2048), "potential")
}

static void test_check_values_refuses_what_bits_cannot_hold(void **state)
{
	struct akida_layer l = input_conv();

	(void)state;
	fill(&l);
	assert_int_equal(ak_layer_check_values(&l, NULL), 0);
	l.weights_bits = 4;
	assert_int_equal(ak_layer_check_values(&l, NULL), 0);
	l.weights[5] = 8;
	assert_int_equal(ak_layer_check_values(&l, NULL), -EINVAL);
	l.weights[5] = -8;
	assert_int_equal(ak_layer_check_values(&l, NULL), 0);
	l.weights[5] = -9;
	assert_int_equal(ak_layer_check_values(&l, NULL), -EINVAL);
	l.weights[5] = 0;
	l.threshold[0] = AK_THRESHOLD_MAX_INPUT;
	assert_int_equal(ak_layer_check_values(&l, NULL), 0);
	l.threshold[0]++;
	assert_int_equal(ak_layer_check_values(&l, NULL), -EINVAL);
	l.threshold[0] = 0;
	l.step16[15] = 0;
	assert_int_equal(ak_layer_check_values(&l, NULL), -EINVAL);
	l.step16[15] = AK_STEP16_MAX + 1;
	assert_int_equal(ak_layer_check_values(&l, NULL), -EINVAL);
	ak_layer_fini(&l);
}

static int create_from(struct akida_layer a, struct akida_layer b, struct akida_diag *d)
{
	struct akida_layer *l = calloc(2, sizeof(*l));
	struct akida_model *m;

	fill(&a);
	fill(&b);
	l[0] = a;
	l[1] = b;
	return ak_model_create(l, 2, NULL, &m, d);
}

static void test_model_create_refuses_broken_chains(void **state)
{
	struct akida_layer fc = {.name = "fc",
				 .type = AKIDA_LAYER_FULLY,
				 .in_h = 14,
				 .in_w = 14,
				 .in_c = 16,
				 .in_bits = 4,
				 .filters = 2,
				 .weights_bits = 4};
	struct akida_layer first = input_conv(), bad = fc;
	struct akida_model *m;

	(void)state;
	bad.in_h = 13;
	assert_int_equal(create_from(first, bad, NULL), -EINVAL);
	bad = fc;
	bad.in_bits = 2;
	assert_int_equal(create_from(first, bad, NULL), -EINVAL);
	assert_int_equal(create_from(first, input_conv(), NULL), -EINVAL);
	first.activation = false;
	assert_int_equal(create_from(first, fc, NULL), -EINVAL);
	assert_int_equal(ak_model_create(NULL, 0, NULL, &m, NULL), -EINVAL);
}

static void test_model_info_and_dequantize(void **state)
{
	struct akida_model *m = make_model();
	struct akida_layer_info info = {.size = sizeof(info)};
	uint32_t dims[3];
	int32_t pot[20];
	float out[20];

	(void)state;
	assert_int_equal(akida_model_layers(m), 3);
	assert_int_equal(akida_model_layer(m, 1, &info), 0);
	assert_string_equal(info.name, "sep_1");
	assert_string_equal(info.type_name, "Sep.Conv.");
	assert_int_equal(info.parameters, 9 * 16 + 16 * 8);
	assert_int_equal(info.out_h, 7);
	assert_int_equal(akida_model_layer(m, 3, &info), -ENOENT);
	info.size = 0;
	assert_int_equal(akida_model_layer(m, 0, &info), -EINVAL);
	akida_model_input(m, dims);
	assert_int_equal(dims[0] * dims[1] * dims[2], 784);
	akida_model_output(m, dims);
	assert_int_equal(dims[2], 10);
	for (int i = 0; i < 20; i++)
		pot[i] = i * 10;
	assert_int_equal(akida_model_dequantize(m, pot, 2, out), 0);
	assert_true(out[13] == (130.0f - 0.0f) / 3.5f); /* channel 3: threshold 0, scale 3.5 */
	akida_model_destroy(m);
}

static void check_equal(const struct akida_model *a, const struct akida_model *b)
{
	assert_int_equal(a->count, b->count);
	assert_string_equal(a->source, b->source);
	for (uint32_t i = 0; i < a->count; i++) {
		struct akida_layer x = a->layers[i], y = b->layers[i];

		assert_memory_equal(x.weights, y.weights, ak_layer_weight_count(&x));
		if (x.weights_pw)
			assert_memory_equal(x.weights_pw, y.weights_pw, ak_layer_weight_pw_count(&x));
		assert_memory_equal(x.threshold, y.threshold, x.filters * 4);
		assert_memory_equal(x.step16, y.step16, x.filters * 4);
		if (x.scale)
			assert_memory_equal(x.scale, y.scale, x.filters * 4);
		x.weights = y.weights = x.weights_pw = y.weights_pw = NULL;
		x.threshold = y.threshold = x.step16 = y.step16 = NULL;
		x.scale = y.scale = NULL;
		x.borrowed = y.borrowed = false;
		assert_string_equal(x.name, y.name);
		assert_memory_equal(&x.type, &y.type,
				    offsetof(struct akida_layer, weights) - offsetof(struct akida_layer, type));
		assert_int_equal(x.out_h, y.out_h);
	}
}

static void test_akm_round_trip_keeps_everything(void **state)
{
	struct akida_model *m = make_model(), *back;
	char path[64];
	void *bytes, *again;
	size_t len, len2;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test_model_%ld.akm", (long)getpid());
	assert_int_equal(akida_model_save(m, path, NULL), 0);
	assert_int_equal(akida_model_load(path, &back, NULL), 0);
	unlink(path);
	check_equal(m, back);
	assert_int_equal(ak_model_serialize(m, &bytes, &len), 0);
	assert_int_equal(ak_model_serialize(back, &again, &len2), 0);
	assert_int_equal(len, len2);
	assert_memory_equal(bytes, again, len);
	free(bytes);
	free(again);
	akida_model_destroy(back);
	akida_model_destroy(m);
	akida_model_destroy(NULL);
	assert_int_equal(akida_model_load(path, &back, NULL), -ENOENT);
}

static void test_akm_truncated_or_damaged_anywhere_fails(void **state)
{
	struct akida_model *m = make_model(), *back;
	uint8_t *bytes;
	size_t len;

	(void)state;
	assert_int_equal(ak_model_serialize(m, (void **)&bytes, &len), 0);
	for (size_t n = 0; n < len; n += n < 1024 ? 1 : 61) {
		assert_true(akida_model_parse(bytes, n, "x.akm", &back, NULL) < 0);
		assert_null(back);
	}
	free(bytes);
	akida_model_destroy(m);
}

/* Rewrites the checksums after a change, so that the model checks themselves are met by hostile values. */
static void reseal(uint8_t *b)
{
	uint32_t n = ak_get32(b + 16);

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *e = b + 64 + 32 * i;

		ak_put32(e + 24, ak_crc32c(0, b + ak_get64(e + 8), ak_get64(e + 16)));
	}
	ak_put32(b + 20, ak_crc32c(0, b + 64, 32 * n));
}

static void test_akm_hostile_values_behind_good_checksums_never_crash(void **state)
{
	static const uint32_t nasty[] = {0,    1,     2,       3,	  5,	       7,	  255,
					 4096, 65535, 1 << 20, INT32_MAX, 0x80000000u, UINT32_MAX};
	struct akida_model *m = make_model(), *back;
	uint8_t *bytes, *copy;
	size_t len, head, records, refused = 0, tried = 0;

	(void)state;
	assert_int_equal(ak_model_serialize(m, (void **)&bytes, &len), 0);
	copy = malloc(len);
	head = ak_get64(bytes + 64 + 8);
	records = ak_get64(bytes + 96 + 8);
	for (size_t at = head; at < records + 3 * 192; at += 4) {
		for (size_t k = 0; k < sizeof(nasty) / sizeof(nasty[0]); k++) {
			memcpy(copy, bytes, len);
			ak_put32(copy + at, nasty[k]);
			reseal(copy);
			tried++;
			if (akida_model_parse(copy, len, "x.akm", &back, NULL)) {
				refused++;
			} else {
				/* whatever loads must run inside its buffers */
				for (uint32_t i = 0; i < back->count; i++) {
					const struct akida_layer *l = &back->layers[i];
					uint8_t *in = calloc(1, (size_t)l->in_h * l->in_w * l->in_c);
					int32_t *scratch = malloc(4 * ak_layer_scratch(l));
					size_t outputs = (size_t)l->out_h * l->out_w * l->out_c;
					void *out = malloc(outputs * 4);

					ak_layer_run(l, in, out, out, scratch);
					free(in);
					free(scratch);
					free(out);
				}
				akida_model_destroy(back);
			}
		}
	}
	/* names, source and reserved bytes may change freely; most parameters may not */
	assert_true(refused > tried / 4);
	free(copy);
	free(bytes);
	akida_model_destroy(m);
}

static void test_akm_infinite_scale_is_refused(void **state)
{
	struct akida_model *m = make_model(), *back;
	uint8_t *bytes;
	size_t len;

	(void)state;
	m->layers[2].scale[3] = NAN;
	assert_int_equal(ak_model_serialize(m, (void **)&bytes, &len), 0);
	assert_int_equal(akida_model_parse(bytes, len, "x.akm", &back, NULL), -ERANGE);
	free(bytes);
	akida_model_destroy(m);
}

static void test_input_data_layer_passes_codes_on(void **state)
{
	struct akida_layer *l = calloc(2, sizeof(*l));
	struct akida_model *m, *back;
	const uint8_t in[4] = {1, 2, 3, 15};
	uint8_t act[4];
	uint8_t *bytes;
	size_t len;

	(void)state;
	l[0] = (struct akida_layer){
		.name = "in", .type = AKIDA_LAYER_INPUT_DATA, .in_h = 1, .in_w = 1, .in_c = 4, .in_bits = 4};
	l[1] = (struct akida_layer){.name = "fc",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 1,
				    .in_w = 1,
				    .in_c = 4,
				    .in_bits = 4,
				    .filters = 2,
				    .weights_bits = 4};
	fill(&l[1]);
	assert_int_equal(ak_model_create(l, 2, "", &m, NULL), 0);
	ak_layer_run(&m->layers[0], in, act, NULL, NULL);
	assert_memory_equal(in, act, 4);
	assert_int_equal(ak_model_serialize(m, (void **)&bytes, &len), 0);
	assert_int_equal(akida_model_parse(bytes, len, "x", &back, NULL), 0);
	assert_int_equal(back->layers[0].act_bits, 4);
	akida_model_destroy(back);
	akida_model_destroy(m);
	free(bytes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_finish_derives_shapes),
		cmocka_unit_test(test_finish_refuses_each_bad_field_by_name),
		cmocka_unit_test(test_check_values_refuses_what_bits_cannot_hold),
		cmocka_unit_test(test_model_create_refuses_broken_chains),
		cmocka_unit_test(test_model_info_and_dequantize),
		cmocka_unit_test(test_akm_round_trip_keeps_everything),
		cmocka_unit_test(test_akm_truncated_or_damaged_anywhere_fails),
		cmocka_unit_test(test_akm_hostile_values_behind_good_checksums_never_crash),
		cmocka_unit_test(test_akm_infinite_scale_is_refused),
		cmocka_unit_test(test_input_data_layer_passes_codes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
