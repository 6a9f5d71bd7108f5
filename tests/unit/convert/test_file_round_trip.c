/* SPDX-License-Identifier: MIT */
/* A quantized network written to .h5 and read back converts to the same integers. */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "layer/layer.h"

static struct akida_graph *network(int variant)
{
	struct akida_graph *g = net_start(12, 12, variant ? 3 : 1);

	net_rescaling(g, variant ? 1 / 127.5f : 1 / 255.0f, variant ? -1 : 0);
	net_conv(g, 4, 3, 1);
	net_relu(g, 3);
	net_maxpool(g, 2, 2);
	net_separable(g, 6, 3, 1);
	net_relu(g, 3);
	if (variant) {
		net_conv(g, 6, 3, 2);
		net_add(g, AK_OP_GAP);
		net_relu(g, 6);
	} else {
		net_add(g, AK_OP_FLATTEN);
	}
	net_dense(g, 5);
	net_add(g, AK_OP_SOFTMAX);
	return net_finish(g);
}

static void assert_same_layer(const struct akida_layer *a, const struct akida_layer *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->padding_value, b->padding_value);
	assert_int_equal(a->padding, b->padding);
	assert_int_equal(a->weights_bits, b->weights_bits);
	assert_int_equal(a->act_bits, b->act_bits);
	assert_memory_equal(a->weights, b->weights, ak_layer_weight_count(a));
	if (a->weights_pw)
		assert_memory_equal(a->weights_pw, b->weights_pw, ak_layer_weight_pw_count(a));
	assert_memory_equal(a->threshold, b->threshold, a->filters * sizeof(int32_t));
	assert_memory_equal(a->step16, b->step16, a->filters * sizeof(int32_t));
	if (a->scale)
		assert_memory_equal(a->scale, b->scale, a->filters * sizeof(float));
}

static void test_convert_after_save_and_load_is_the_same(void **state)
{
	(void)state;
	for (int variant = 0; variant < 2; variant++) {
		struct akida_graph *g = network(variant), *q, *r;
		struct akida_model *a, *b;
		char path[] = "/tmp/akida-round-trip-XXXXXX";
		int fd = mkstemp(path);

		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(akida_quantize(g, NULL, NULL, &q, NULL), 0);
		assert_int_equal(akida_graph_save(q, path, NULL), 0);
		assert_int_equal(akida_graph_load(path, &r, NULL), 0);
		unlink(path);
		assert_true(akida_graph_quantized(r));
		assert_int_equal(akida_convert(q, &a, NULL), 0);
		assert_int_equal(akida_convert(r, &b, NULL), 0);
		assert_int_equal(a->count, b->count);
		for (uint32_t i = 0; i < a->count; i++)
			assert_same_layer(&a->layers[i], &b->layers[i]);
		akida_model_destroy(a);
		akida_model_destroy(b);
		akida_graph_destroy(g);
		akida_graph_destroy(q);
		akida_graph_destroy(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_convert_after_save_and_load_is_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
