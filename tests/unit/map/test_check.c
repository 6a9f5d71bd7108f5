// SPDX-License-Identifier: MIT
/* What cannot be mapped today is refused by name: rule, layer, field, value, limit, remedy. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <akida/map.h>
#include "models.h"

enum at { HRC, CNP, SEP, LAST };

/* A network of four layers: HRC, standard, separable, and a fully connected or other last one. One of them is changed. */
struct refusal {
	const char *name;
	enum at at;
	void (*change)(struct akida_layer *l);
	const char *rule, *field, *value;
};

static void hrc_first_bits(struct akida_layer *l)
{
	l->kernel_h = l->kernel_w = 7;
}

static void hrc_5x5_colour(struct akida_layer *l)
{
	l->in_c = 3;
	l->kernel_h = l->kernel_w = 5;
}

static void hrc_channels(struct akida_layer *l)
{
	l->in_c = 2;
}

static void hrc_stride(struct akida_layer *l)
{
	l->stride = 4;
}

static void hrc_wide(struct akida_layer *l)
{
	l->in_w = 257;
}

static void hrc_low(struct akida_layer *l)
{
	l->in_h = 4;
}

static void hrc_filters(struct akida_layer *l)
{
	l->in_c = 3;
	l->filters = 200;
}

static void gap(struct akida_layer *l)
{
	l->pool = AKIDA_POOL_GLOBAL_AVERAGE;
}

static void pool3(struct akida_layer *l)
{
	net_pool2(l);
	l->pool_size = 3;
}

static void pool_stride1(struct akida_layer *l)
{
	net_pool2(l);
	l->pool_stride = 1;
}

static void pool_valid_odd(struct akida_layer *l)
{
	l->in_h = 25;
	net_pool2(l);
	l->pool_padding = AKIDA_PAD_VALID;
}

static void kernel1(struct akida_layer *l)
{
	l->kernel_h = l->kernel_w = 1;
}

static void kernel5(struct akida_layer *l)
{
	l->kernel_h = l->kernel_w = 5;
}

static void kernel7(struct akida_layer *l)
{
	l->kernel_h = l->kernel_w = 7;
}

static void kernel13(struct akida_layer *l)
{
	l->kernel_w = 1;
}

static void stride3(struct akida_layer *l)
{
	l->stride = 3;
}

static void valid(struct akida_layer *l)
{
	l->padding = AKIDA_PAD_VALID;
}

static void weights8(struct akida_layer *l)
{
	l->weights_bits = 8;
}

static void many_units(struct akida_layer *l)
{
	l->activation = true;
	l->filters = 2049;
}

static void weights1(struct akida_layer *l)
{
	l->weights_bits = 1;
}

static void last_conv_pooled(struct akida_layer *l)
{
	l->type = AKIDA_LAYER_CONV;
	l->kernel_h = l->kernel_w = 3;
	l->stride = 1;
	l->padding = AKIDA_PAD_SAME;
	net_pool2(l);
}

static const struct refusal refusals[] = {
	{"7x7 on the HRC", HRC, hrc_first_bits, "map.kernel", "kernel size", "7x7"},
	{"5x5 in colour", HRC, hrc_5x5_colour, "map.kernel", "kernel size", "5x5"},
	{"two channels", HRC, hrc_channels, "map.size", "input channels", "2"},
	{"HRC stride 4", HRC, hrc_stride, "map.stride", "stride", "4"},
	{"too wide", HRC, hrc_wide, "map.size", "input columns", "257"},
	{"too low", HRC, hrc_low, "map.size", "input rows", "4"},
	{"too many filters", HRC, hrc_filters, "map.size", "filters", "200"},
	{"global pooling on the HRC", HRC, gap, "map.pool", "pooling", "global average"},
	{"3x3 pooling on the HRC", HRC, pool3, "map.pool", "pool size", "3"},
	{"overlapping pooling on the HRC", HRC, pool_stride1, "map.pool", "pool stride", "1"},
	{"Valid pooling of odd maps on the HRC", HRC, pool_valid_odd, "map.pool", "pool padding",
	 "Valid on an odd size"},
	{"1x1", CNP, kernel1, "map.kernel", "kernel size", "1x1"},
	{"5x5", CNP, kernel5, "map.kernel", "kernel size", "5x5"},
	{"7x7", SEP, kernel7, "map.kernel", "kernel size", "7x7"},
	{"3x1", CNP, kernel13, "map.kernel", "kernel size", "3x1"},
	{"stride 3", CNP, stride3, "map.stride", "stride", "3"},
	{"Valid padding", SEP, valid, "map.padding", "padding", "Valid"},
	{"8-bit weights", CNP, weights8, "map.weight-bits", "weight bits", "8"},
	{"1-bit weights", CNP, weights1, "map.weight-bits", "weight bits", "1"},
	{"8-bit weights, fully connected", LAST, weights8, "map.weight-bits", "weight bits", "8"},
	{"units with activation", LAST, many_units, "map.size", "units with activation", "2049"},
	{"pool 3x3", CNP, pool3, "map.pool", "pool size", "3"},
	{"pooled last layer", LAST, last_conv_pooled, "map.pool", "max pooling", "in the last layer"},
};

static struct akida_model *build(const struct refusal *r)
{
	struct akida_layer *l;
	struct net n;

	net_init(&n, 1);
	l = net_input(&n, 24, 24, 1, 16);
	if (r && r->at == HRC)
		r->change(l);
	assert_true(net_done(&n));
	l = net_add(&n, AKIDA_LAYER_CONV, 8);
	if (r && r->at == CNP)
		r->change(l);
	assert_true(net_done(&n));
	l = net_add(&n, AKIDA_LAYER_SEPARABLE, 8);
	l->stride = 2;
	if (r && r->at == SEP)
		r->change(l);
	assert_true(net_done(&n));
	l = net_add(&n, AKIDA_LAYER_FULLY, 10);
	l->activation = false;
	if (r && r->at == LAST)
		r->change(l);
	assert_true(net_done(&n));
	return net_model(&n);
}

static void test_map_refuses_by_name(void **state)
{
	static const char *const names[] = {"layer_0", "layer_1", "layer_2", "layer_3"};
	struct akida_program *p;

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *r = &refusals[i];
		struct akida_diag *diag = akida_diag_create();
		struct akida_model *m = build(r);
		const struct akida_diag_record *rec;

		assert_non_null(m);
		if (akida_map(m, "akd1500", NULL, &p, NULL, diag) != -EOPNOTSUPP)
			fail_msg("%s: not refused", r->name);
		assert_null(p);
		rec = akida_diag_first_error(diag);
		assert_non_null(rec);
		if (strcmp(rec->rule, r->rule) || strcmp(rec->field, r->field) ||
		    (r->value && strcmp(rec->value, r->value)) || strcmp(rec->node, names[r->at]))
			fail_msg("%s: %s", r->name, rec->text);
		assert_string_not_equal(rec->limit, "");
		assert_string_not_equal(rec->remedy, "");
		akida_model_destroy(m);
		akida_diag_destroy(diag);
	}
}

static void test_map_unchanged_network_is_taken(void **state)
{
	struct akida_model *m = build(NULL);
	struct akida_program *p;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	akida_program_destroy(p);
	akida_model_destroy(m);
}

static void test_map_collects_every_offence(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	net_input(&n, 24, 24, 1, 16)->kernel_h = 7;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_CONV, 8)->kernel_h = 5;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_FULLY, 3)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	assert_int_equal(akida_map(m, "akd1000", NULL, &p, NULL, diag), -EOPNOTSUPP);
	assert_int_equal(akida_diag_count(diag), 2);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_map_weight_minus_eight_needs_two_complement(void **state)
{
	struct akida_model *m = build(NULL);
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;

	(void)state;
	m->layers[2].weights[5] = -8; /* separable: has it */
	m->layers[2].weights_pw[5] = -8;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, diag), 0);
	akida_program_destroy(p);
	m->layers[1].weights[5] = -8;
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "map.weight-range");
	assert_string_equal(akida_diag_first_error(diag)->value, "-8");
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_map_needs_an_input_convolution(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;
	struct akida_layer *l;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	l = net_add(&n, AKIDA_LAYER_INPUT_DATA, 3);
	l->in_h = l->in_w = 8;
	l->in_c = 3;
	assert_int_equal(ak_layer_finish(l, NULL), 0);
	n.count++;
	net_add(&n, AKIDA_LAYER_FULLY, 3)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	assert_non_null(m);
	assert_int_equal(akida_map(m, "akd1000", NULL, &p, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "map.first-layer");
	assert_string_equal(akida_diag_first_error(diag)->value, "InputData");
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_map_input_convolution_alone_is_refused(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	net_input(&n, 8, 8, 1, 4)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "map.activation");
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

/* Sparse potentials have 20 bits on their way out: what could exceed them is refused, judged by the actual weights. */
static void test_map_output_potentials_must_fit_their_events(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	net_input(&n, 12, 12, 1, 100)->stride = 2;
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_SEPARABLE, 2)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	memset(m->layers[1].weights, 7, 900);
	memset(m->layers[1].weights_pw, 7, 200);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->rule, "map.output-range");
	assert_string_equal(akida_diag_first_error(diag)->value, "661500");
	memset(m->layers[1].weights_pw, 1, 200);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, NULL), 0);
	akida_program_destroy(p);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

/* 120 x 60 positions of 10 potentials leave as 8 bytes each, twice: too much for the megabyte of an AKD1500. */
static void test_map_outputs_must_fit_device_memory(void **state)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *p;
	struct akida_model *m;
	struct net n;

	(void)state;
	net_init(&n, 1);
	net_input(&n, 120, 60, 1, 4);
	assert_true(net_done(&n));
	net_add(&n, AKIDA_LAYER_CONV, 10)->activation = false;
	assert_true(net_done(&n));
	m = net_model(&n);
	assert_int_equal(akida_map(m, "akd1500", NULL, &p, NULL, diag), -ENOSPC);
	assert_null(p);
	assert_string_equal(akida_diag_first_error(diag)->rule, "map.device-memory");
	assert_true(atoi(akida_diag_first_error(diag)->value) > 2 * 120 * 60 * 81);
	assert_int_equal(atoi(akida_diag_first_error(diag)->limit), 1032192);
	assert_int_equal(akida_map(m, "akd1000", NULL, &p, NULL, NULL), 0);
	akida_program_destroy(p);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

static void test_map_names_unknown_devices_and_modes(void **state)
{
	struct akida_map_params params = {.size = sizeof(params), .mode = (enum akida_map_mode)7};
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = build(NULL);
	struct akida_program *p;

	(void)state;
	assert_int_equal(akida_map(m, "akida2", NULL, &p, NULL, diag), -EINVAL);
	assert_string_equal(akida_diag_get(diag, 0)->rule, "map.device");
	assert_string_equal(akida_diag_get(diag, 0)->value, "akida2");
	assert_int_equal(akida_map(m, NULL, NULL, &p, NULL, NULL), -EINVAL);
	assert_int_equal(akida_map(NULL, "akd1000", NULL, &p, NULL, NULL), -EINVAL);
	assert_int_equal(akida_map(m, "akd1000", &params, &p, NULL, diag), -EINVAL);
	assert_string_equal(akida_diag_get(diag, 1)->rule, "map.mode");
	assert_string_equal(akida_diag_get(diag, 1)->value, "7");
	params.mode = AKIDA_MAP_HW_PR;
	params.size = 4;
	assert_int_equal(akida_map(m, "akd1000", &params, &p, NULL, diag), -EINVAL);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_refuses_by_name),
		cmocka_unit_test(test_map_unchanged_network_is_taken),
		cmocka_unit_test(test_map_collects_every_offence),
		cmocka_unit_test(test_map_weight_minus_eight_needs_two_complement),
		cmocka_unit_test(test_map_needs_an_input_convolution),
		cmocka_unit_test(test_map_input_convolution_alone_is_refused),
		cmocka_unit_test(test_map_output_potentials_must_fit_their_events),
		cmocka_unit_test(test_map_outputs_must_fit_device_memory),
		cmocka_unit_test(test_map_names_unknown_devices_and_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
