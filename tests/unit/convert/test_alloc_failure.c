/* SPDX-License-Identifier: MIT */
/*
 * Every allocation fails once while a network is inferred, quantized, checked and converted: the answer is -ENOMEM and
 * nothing leaks. Interposes the allocator, so it is skipped under AddressSanitizer, which brings its own.
 */
#include "tests/unit/quant/net.h"
#include <errno.h>
#include <stdbool.h>
#include <akida/convert.h>
#include <akida/quant.h>
#include "tests/unit/alloc_failure.h"

static struct akida_graph *net, *quantized;
static struct akida_array samples;
static float out[256];

static int op_quantize(void)
{
	struct akida_graph *q;
	int err = akida_quantize(net, NULL, &samples, &q, NULL);

	akida_graph_destroy(q);
	return err;
}

static int op_convert(void)
{
	struct akida_model *m;
	int err = akida_convert(quantized, &m, NULL);

	akida_model_destroy(m);
	return err;
}

static int op_check(void)
{
	return akida_check(net, "akd1000", NULL);
}

static int op_forward_float(void)
{
	return akida_graph_forward(net, &samples, out, NULL);
}

static int op_forward_quantized(void)
{
	return akida_graph_forward(quantized, &samples, out, NULL);
}

/* Runs op with allocation n failing, for n = 0, 1, ... until it succeeds. */
static void try_all(const char *what, int (*op)(void))
{
	int err = -ENOMEM;
	long n = 0;

	for (; err; n++) {
		countdown = n;
		live = 0;
		armed = true;
		err = op();
		armed = false;
		if (live)
			print_message("%s: %ld left when allocation %ld fails\n", what, live, n);
		assert_int_equal(live, 0);
		if (err)
			assert_int_equal(err, -ENOMEM);
		assert_in_range(n, 0, 20000);
	}
	assert_true(n > 1);
}

static void test_quantize_and_convert_allocation_failures_leak_nothing(void **state)
{
	static const struct {
		const char *what;
		int (*op)(void);
	} ops[] = {
		{"quantize", op_quantize},
		{"check", op_check},
		{"convert", op_convert},
		{"forward", op_forward_float},
		{"forward of the quantized", op_forward_quantized},
	};

	(void)state;
	if (!INTERPOSED)
		skip();
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		try_all(ops[i].what, ops[i].op);
}

static int set_up(void **state)
{
	(void)state;
	net = net_start(9, 9, 3);
	net_rescaling(net, 1 / 127.5f, -1);
	net_conv(net, 3, 3, 1)->use_bias = false; /* the rewrites must create biases */
	net_batchnorm(net);
	net_relu(net, 6);
	net_maxpool(net, 2, 2);
	net_separable(net, 4, 3, 1)->act = AK_ACT_RELU6;
	net_conv(net, 4, 3, 1)->use_bias = false;
	net_add(net, AK_OP_GAP);
	net_batchnorm(net);
	net_relu(net, 6);
	net_dense(net, 5)->act = AK_ACT_SOFTMAX;
	net_finish(net);
	samples = net_samples(net, 3);
	assert_int_equal(akida_quantize(net, NULL, &samples, &quantized, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	akida_graph_destroy(net);
	akida_graph_destroy(quantized);
	akida_array_fini(&samples);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantize_and_convert_allocation_failures_leak_nothing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
