/* SPDX-License-Identifier: MIT */
/* Edge learning: what is documented holds for every step, state survives a file, sessions learn and classify. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "layer/layer.h"
#include "layer/learn.h"
#include <akida/akida.h>

#define SIDE 8u
#define INPUTS 256u /* of the learning layer: 4 x 4 x 16 */

/* An input convolution whose 16 filters each take one pixel of a 2 x 2 block, at four brightnesses; dense layer behind. */
static struct akida_model *backbone(bool dense, uint32_t act_bits)
{
	struct akida_layer *l = calloc(2, sizeof(*l));
	struct akida_model *m;

	snprintf(l[0].name, sizeof(l[0].name), "conv");
	l[0].type = AKIDA_LAYER_INPUT_CONV;
	l[0].in_h = l[0].in_w = SIDE;
	l[0].in_c = 1;
	l[0].in_bits = 8;
	l[0].filters = 16;
	l[0].kernel_h = l[0].kernel_w = 3;
	l[0].stride = 2;
	l[0].padding = AKIDA_PAD_SAME;
	l[0].weights_bits = 8;
	l[0].activation = true;
	l[0].act_bits = act_bits;
	assert_int_equal(ak_layer_alloc(&l[0]), 0);
	for (uint32_t f = 0; f < 16; f++) {
		uint32_t ky = f / 4 / 2, kx = f / 4 % 2;

		l[0].weights[(ky * 3 + kx) * 16 + f] = 1;
		l[0].threshold[f] = 50 * (int32_t)(f % 4) + 20;
		l[0].step16[f] = 16 * 10;
	}
	if (dense) {
		snprintf(l[1].name, sizeof(l[1].name), "dense");
		l[1].type = AKIDA_LAYER_FULLY;
		l[1].in_h = l[1].in_w = 4;
		l[1].in_c = 16;
		l[1].in_bits = act_bits;
		l[1].filters = 5;
		l[1].weights_bits = 4;
		assert_int_equal(ak_layer_alloc(&l[1]), 0);
		for (uint32_t f = 0; f < 5; f++)
			l[1].scale[f] = 1;
	}
	assert_int_equal(ak_model_create(l, dense ? 2 : 1, "test", &m, NULL), 0);
	return m;
}

static struct akida_learning_params params(uint32_t units, uint32_t weights, uint32_t classes)
{
	struct akida_learning_params p;

	akida_learning_params_init(&p);
	p.units = units;
	p.num_weights = weights;
	p.num_classes = classes;
	return p;
}

static struct akida_layer *last(struct akida_model *m)
{
	return &m->layers[m->count - 1];
}

static uint32_t ones(const struct akida_layer *l, uint32_t unit)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < INPUTS; i++)
		n += l->weights[i * l->filters + unit];
	return n;
}

static uint64_t seed = 1;
static uint32_t draw(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((seed >> 33) % n);
}

static void test_the_model_ends_in_a_learning_layer(void **state)
{
	struct akida_learning_params p = params(6, 40, 3);
	struct akida_learning_info info = {.size = sizeof(info)};
	struct akida_model *m, *of;

	(void)state;
	for (int dense = 0; dense < 2; dense++) {
		of = backbone(dense, 4);
		assert_int_equal(akida_model_learning_info(of, &info), -ENOENT);
		assert_int_equal(akida_model_learning(of, &p, 0, &m, NULL), 0);
		akida_model_destroy(of);
		assert_int_equal(akida_model_layers(m), 2);
		assert_int_equal(akida_model_learning_info(m, &info), 0);
		assert_true(info.inputs == INPUTS && info.units == 6 && info.num_weights == 40 &&
			    info.num_classes == 3 && !info.learned);
		for (uint32_t u = 0; u < 6; u++)
			assert_int_equal(ones(last(m), u), 40);
		akida_model_destroy(m);
	}
}

/* Codes above the level become spikes: for every level, every potential, as the 4-bit law has it. */
static void test_the_spike_level_is_a_code_of_before(void **state)
{
	struct akida_learning_params p = params(1, 1, 1);

	(void)state;
	for (uint32_t bits = 1; bits <= 4; bits *= 2)
		for (uint32_t level = 0; level + 1 < 1u << bits; level++) {
			struct akida_model *of = backbone(false, bits), *m;
			struct akida_layer *a = &of->layers[0], *b;

			assert_int_equal(akida_model_learning(of, &p, level, &m, NULL), 0);
			b = &m->layers[0];
			for (int32_t v = -5; v < 300; v++) {
				uint8_t code = ak_activate(v, a->threshold[3], a->step16[3], bits);

				assert_int_equal(ak_activate(v, b->threshold[3], b->step16[3], 1), code > level);
			}
			akida_model_destroy(of);
			akida_model_destroy(m);
		}
}

/*
 * Random samples through the rule. After each: all neurons keep their number of ones, at most one changed, and only of the label's
 * group; potentials are overlaps of before; it learned at most thswap pairs, towards the sample; plasticity never grows.
 */
static void test_every_step_keeps_what_is_documented(void **state)
{
	static const double competition[] = {0, 0.3, 0.9};
	uint32_t picks[2 * INPUTS];
	int8_t before[INPUTS * 12];
	int32_t potentials[12], swaps[12];
	uint32_t learned = 0;
	uint8_t x[INPUTS];

	(void)state;
	for (size_t k = 0; k < 3; k++) {
		struct akida_learning_params p = params(12, 30, 3);
		struct akida_model *of = backbone(false, 1), *m;
		struct akida_layer *l;

		p.learning_competition = competition[k];
		assert_int_equal(akida_model_learning(of, &p, 0, &m, NULL), 0);
		l = last(m);
		for (int step = 0; step < 200; step++) {
			int32_t label = (int32_t)draw(5) - 1, u; /* -1 and 3: discarded */

			for (uint32_t i = 0; i < INPUTS; i++)
				x[i] = draw(100) < (i / 64 == (uint32_t)label ? 60u : 8u);
			memcpy(before, l->weights, sizeof(before));
			memcpy(swaps, l->learning->swaps, sizeof(swaps));
			u = ak_learning_step(l, x, label, potentials, picks);
			for (uint32_t n = 0; n < 12; n++) {
				uint32_t changed = 0, overlap = 0, overlap_now = 0;

				for (uint32_t i = 0; i < INPUTS; i++) {
					changed += before[i * 12 + n] != l->weights[i * 12 + n];
					overlap += x[i] && before[i * 12 + n];
					overlap_now += x[i] && l->weights[i * 12 + n];
				}
				assert_int_equal(ones(l, n), 30);
				assert_int_equal(potentials[n], overlap);
				assert_true(overlap_now >= overlap && overlap_now - overlap == changed / 2);
				assert_true(l->learning->swaps[n] <= swaps[n]);
				if ((int32_t)n != u)
					assert_int_equal(changed, 0);
				else
					assert_true((int32_t)changed / 2 <= swaps[n]);
			}
			if (label < 0 || label > 2)
				assert_int_equal(u, -1);
			if (u >= 0)
				assert_true(u / 4 == label && l->learning->threshold[u] == potentials[u]);
			learned += u >= 0;
		}
		akida_model_destroy(of);
		akida_model_destroy(m);
	}
	assert_true(learned > 30);
}

/* The numbers of the vendor's learned file: 350 weights, thswap 350, then 262, then 174; never below a tenth. */
static void test_plasticity_falls_as_in_the_vendors_file(void **state)
{
	static const int32_t want[] = {262, 174, 86, 35, 35};
	struct akida_learning_params p = params(1, 350, 1);
	struct akida_layer l = {.name = "fully",
				.type = AKIDA_LAYER_FULLY,
				.in_h = 1,
				.in_w = 1,
				.in_c = 2048,
				.in_bits = 1,
				.filters = 1,
				.weights_bits = 1};
	static uint32_t picks[4096];
	static uint8_t x[2048];
	int32_t potential;

	(void)state;
	p.min_plasticity = (double)0.1f;
	assert_int_equal(ak_layer_alloc(&l), 0);
	assert_int_equal(ak_learning_alloc(&l, &p), 0);
	ak_learning_scatter(&l, 0, picks);
	assert_int_equal(l.learning->swaps[0], 350);
	for (int i = 0; i < 5; i++) {
		memset(x, 1, sizeof(x)); /* always above any threshold before it */
		l.learning->threshold[0] = 0;
		assert_int_equal(ak_learning_step(&l, x, -1, &potential, picks), 0);
		assert_int_equal(l.learning->swaps[0], want[i]);
	}
	ak_layer_fini(&l);
}

static void fill(uint8_t *x, uint32_t class)
{
	for (uint32_t i = 0; i < SIDE * SIDE; i++)
		x[i] = (uint8_t)(draw(40) + (i / 16 == class ? 180 : 0));
}

/* Four kinds of images, three of each: all further ones are told apart; saved and loaded, learning goes on the same way. */
static void test_a_session_learns_and_its_file_goes_on(void **state)
{
	struct akida_learning_params p = params(4, 60, 4);
	struct akida_model *of = backbone(true, 4), *m, *saved, *again;
	struct akida_learning_info info = {.size = sizeof(info)};
	char path[] = "/tmp/learn-XXXXXX.akm";
	struct akida_session *s, *t;
	struct akida_device *d;
	uint8_t x[SIDE * SIDE];
	int32_t out[4], other[4], label, learned;

	(void)state;
	close(mkstemps(path, 4));
	assert_int_equal(akida_model_learning(of, &p, 0, &m, NULL), 0);
	assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
	assert_int_equal(akida_session_create(d, NULL, m, NULL, &s, NULL), 0);
	for (int i = 0; i < 12; i++) {
		label = i % 4;
		fill(x, (uint32_t)label);
		assert_int_equal(akida_session_learn(s, x, &label, 1, out, &learned), 1);
		if (i < 4)
			assert_int_equal(learned, label);
	}
	for (int i = 0; i < 40; i++) {
		fill(x, (uint32_t)i % 4);
		assert_int_equal(akida_session_run(s, x, 1, out), 1);
		for (int k = 0; k < 4; k++)
			assert_true(k == i % 4 || out[k] < out[i % 4]);
	}
	assert_int_equal(akida_session_model(s, &saved, NULL), 0);
	assert_int_equal(akida_model_learning_info(saved, &info), 0);
	assert_int_equal(info.learned, 4);
	assert_int_equal(akida_model_save(saved, path, NULL), 0);
	assert_int_equal(akida_model_load(path, &again, NULL), 0);
	/* the session's own model is untouched */
	assert_int_equal(akida_model_learning_info(m, &info), 0);
	assert_int_equal(info.learned, 0);
	/* both go on with the same samples and hold the same weights */
	for (int i = 0; i < 8; i++) {
		struct akida_device *e;
		int32_t u, v;

		label = i % 4;
		fill(x, (uint32_t)label);
		assert_int_equal(akida_device_open("cpu", &e, NULL), 0);
		assert_int_equal(akida_session_create(e, NULL, again, NULL, &t, NULL), 0);
		assert_int_equal(akida_session_learn(s, x, &label, 1, out, &u), 1);
		assert_int_equal(akida_session_learn(t, x, &label, 1, other, &v), 1);
		assert_int_equal(u, v);
		assert_memory_equal(out, other, sizeof(out));
		akida_model_destroy(again);
		assert_int_equal(akida_session_model(t, &again, NULL), 0);
		akida_session_destroy(t);
		akida_device_close(e);
	}
	akida_model_destroy(saved);
	assert_int_equal(akida_session_model(s, &saved, NULL), 0);
	assert_memory_equal(last(saved)->weights, last(again)->weights, INPUTS * 4);
	akida_session_destroy(s);
	akida_device_close(d);
	akida_model_destroy(of);
	akida_model_destroy(m);
	akida_model_destroy(saved);
	akida_model_destroy(again);
	unlink(path);
}

static void test_add_classes_keeps_what_was_learned(void **state)
{
	struct akida_learning_params p = params(6, 20, 3);
	struct akida_model *of = backbone(false, 4), *m, *wide, *none;
	uint32_t picks[2 * INPUTS];
	int32_t potentials[10];
	uint8_t x[INPUTS] = {1, 1, 1, 1, 1, 1, 1, 1};

	(void)state;
	memset(x, 1, 100);
	assert_int_equal(akida_model_learning(of, &p, 0, &m, NULL), 0);
	assert_true(ak_learning_step(last(m), x, 2, potentials, picks) >= 4);
	assert_int_equal(akida_model_add_classes(m, 2, &wide, NULL), 0);
	assert_int_equal(last(wide)->filters, 10);
	assert_int_equal(last(wide)->learning->num_classes, 5);
	for (uint32_t u = 0; u < 10; u++) {
		assert_int_equal(ones(last(wide), u), 20);
		for (uint32_t i = 0; u < 6 && i < INPUTS; i++)
			assert_int_equal(last(wide)->weights[i * 10 + u], last(m)->weights[i * 6 + u]);
		if (u < 6)
			assert_int_equal(last(wide)->learning->threshold[u], last(m)->learning->threshold[u]);
	}
	assert_true(ak_learning_step(last(wide), x, 4, potentials, picks) >= 8);
	assert_int_equal(akida_model_add_classes(m, 0, &none, NULL), -EINVAL);
	assert_int_equal(akida_model_add_classes(m, 100000, &none, NULL), -EINVAL);
	akida_model_destroy(of);
	akida_model_destroy(m);
	akida_model_destroy(wide);
}

static void test_bad_requests_are_refused(void **state)
{
	struct akida_model *of = backbone(true, 4), *m = NULL;
	struct akida_session *s;
	struct akida_device *d;
	uint8_t x[SIDE * SIDE] = {0};
	int32_t label = 0;

	(void)state;
#define BAD(field, value)                                                                                              \
	do {                                                                                                           \
		struct akida_learning_params p = params(4, 10, 2);                                                     \
		p.field = value;                                                                                       \
		if (akida_model_learning(of, &p, 0, &m, NULL) != -EINVAL || m)                                         \
			fail_msg("%s = %s", #field, #value);                                                           \
	} while (0)
	BAD(size, 4);
	BAD(units, 0);
	BAD(units, 5); /* no multiple of the classes */
	BAD(units, 1u << 20);
	BAD(num_weights, 0);
	BAD(num_weights, INPUTS + 1);
	BAD(num_classes, 0);
	BAD(initial_plasticity, 0);
	BAD(initial_plasticity, 1.5);
	BAD(learning_competition, -0.1);
	BAD(learning_competition, 2);
	BAD(min_plasticity, -1);
	BAD(min_plasticity, 1.1);
	BAD(plasticity_decay, 1.1);
	BAD(plasticity_decay, 0.0 / 0.0);
#undef BAD
	assert_int_equal(akida_model_learning(of, &(struct akida_learning_params){.size = 0}, 0, &m, NULL), -EINVAL);
	assert_int_equal(akida_device_open("cpu", &d, NULL), 0);
	assert_int_equal(akida_session_create(d, NULL, of, NULL, &s, NULL), 0);
	assert_int_equal(akida_session_learn(s, x, &label, 1, NULL, NULL), -EOPNOTSUPP);
	assert_non_null(strstr(akida_session_error(s), "learning layer"));
	assert_int_equal(akida_session_model(s, &m, NULL), -EOPNOTSUPP);
	akida_session_destroy(s);
	akida_device_close(d);
	akida_model_destroy(of);
}

/* A LERN section of any damage is refused or harmless. */
static void test_damaged_state_is_refused(void **state)
{
	struct akida_learning_params p = params(4, 60, 4);
	struct akida_model *of = backbone(false, 4), *m;
	struct akida_layer *l;
	uint8_t *bytes, *bad;
	size_t len;

	(void)state;
	assert_int_equal(akida_model_learning(of, &p, 0, &m, NULL), 0);
	l = last(m);
	len = ak_learning_bytes(l);
	bytes = malloc(len);
	bad = malloc(len);
	ak_learning_put(l, bytes);
	for (size_t n = 0; n < len; n++) {
		struct akida_layer copy = *l;

		copy.learning = NULL;
		assert_int_equal(ak_learning_get(&copy, bytes, n), -EILSEQ);
	}
	for (int i = 0; i < 2000; i++) {
		struct akida_layer copy = *l;
		int err;

		memcpy(bad, bytes, len);
		bad[draw((uint32_t)len)] ^= (uint8_t)(1u << draw(8));
		copy.learning = NULL;
		assert_int_equal(ak_learning_get(&copy, bad, len), 0);
		err = ak_learning_check(&copy, NULL);
		assert_true(!err || err == -EINVAL);
		ak_learning_free(copy.learning);
	}
	free(bytes);
	free(bad);
	akida_model_destroy(of);
	akida_model_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_model_ends_in_a_learning_layer),
		cmocka_unit_test(test_the_spike_level_is_a_code_of_before),
		cmocka_unit_test(test_every_step_keeps_what_is_documented),
		cmocka_unit_test(test_plasticity_falls_as_in_the_vendors_file),
		cmocka_unit_test(test_a_session_learns_and_its_file_goes_on),
		cmocka_unit_test(test_add_classes_keeps_what_was_learned),
		cmocka_unit_test(test_bad_requests_are_refused),
		cmocka_unit_test(test_damaged_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
