// SPDX-License-Identifier: MIT
/*
 * A few steps of training of every network of the zoo that training takes: the mean squared error between outputs and random
 * targets falls by as much as the gradients say. Those it does not take yet are listed with the layer that stops them.
 */
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
#include <akida/zoo.h>
#include "train/onednn.h"
#include "train/optimizer.h"
#include "train/random.h"

#define BATCH 2
#define STEPS 4

/* Layers over time and a first input of four axes: training has no such tensors. */
static const char *const refused[] = {"tenn_spatiotemporal_dvs128", "tenn_spatiotemporal_eye",
				      "tenn_spatiotemporal_jester"};

static bool is_refused(const char *name)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (!strcmp(name, refused[i]))
			return true;
	return false;
}

/* Loss of one forward pass; its gradient is left for the backward pass. */
static double mean_squares(struct ak_dnn *d, const float *targets, size_t n)
{
	float *gradient = ak_dnn_logits_gradient(d);
	const float *z = ak_dnn_logits(d);
	double sum = 0;

	assert_int_equal(ak_dnn_forward(d, true, 3), 0);
	for (size_t i = 0; i < n; i++) {
		double e = (double)z[i] - targets[i];

		sum += e * e;
		gradient[i] = (float)(2 * e / (double)n);
	}
	return sum / (double)n;
}

static void train(const char *name, const struct ak_chain *chain)
{
	struct ak_random r = ak_random_stream(5, 1);
	struct ak_optimizer o = {.kind = AKIDA_SGD, .momentum = 0};
	size_t n = (size_t)BATCH * chain->outputs, values = (size_t)chain->input.h * chain->input.w * chain->input.c;
	float *targets = malloc(n * sizeof(*targets)), *in;
	double first, last = 0;
	struct ak_dnn *d;

	assert_non_null(targets);
	assert_int_equal(ak_dnn_create(chain, BATCH, NULL, NULL, &d, NULL), 0);
	in = ak_dnn_input(d);
	for (size_t i = 0; i < BATCH * values; i++)
		in[i] = 2 * ak_random_unit(&r) - 1;
	for (size_t i = 0; i < n; i++)
		targets[i] = 2 * ak_random_unit(&r) - 1;
	first = mean_squares(d, targets, n);
	for (int step = 0; step < STEPS; step++) {
		const struct ak_dnn_param *p = ak_dnn_params(d);
		double square = 0;

		assert_int_equal(ak_dnn_backward(d), 0);
		for (uint32_t i = 0; i < chain->param_count; i++)
			for (size_t k = 0; chain->params[i].trainable && k < p[i].count; k++)
				square += (double)p[i].g[k] * p[i].g[k];
		assert_true(square > 0);
		/* to first order a thousandth of the first loss goes with each step, whatever the size of the gradient */
		for (uint32_t i = 0; i < chain->param_count; i++) {
			float *memory;

			if (!chain->params[i].trainable)
				continue;
			memory = calloc(p[i].count, sizeof(*memory));
			assert_non_null(memory);
			ak_optimizer_apply(&o, (float)(0.001 * first / square), 0, p[i].w, p[i].g, memory, NULL,
					   p[i].count);
			free(memory);
		}
		last = mean_squares(d, targets, n);
	}
	/* what the gradients promise, up to bends on the way */
	if (!(first - last > 0.5 * 0.001 * STEPS * first && first - last < 1.5 * 0.001 * STEPS * first))
		fail_msg("%s: the loss went from %g to %g, not to about %g", name, first, last,
			 first * (1 - 0.001 * STEPS));
	ak_dnn_destroy(d);
	free(targets);
}

/* A base for the network that needs one. */
static void save_base(const char *path)
{
	struct akida_zoo_params p = {
		.size = sizeof(p), .akida_version = 1, .image_size = 32, .alpha = 0.25f, .seed = 2};
	struct akida_graph *g;

	assert_int_equal(akida_zoo_create("akidanet_imagenet", &p, &g, NULL), 0);
	assert_int_equal(akida_graph_save(g, path, NULL), 0);
	akida_graph_destroy(g);
}

static void one(const struct akida_zoo_info *info, uint32_t version)
{
	struct akida_zoo_params p = {.size = sizeof(p), .akida_version = version, .seed = 1};
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	char base[] = "/tmp/akida-base-XXXXXX.h5";
	bool edge = !strcmp(info->name, "akidanet_edge_imagenet");
	struct ak_chain chain;
	int err, fd = mkstemps(base, 3);

	assert_true(fd >= 0);
	close(fd);
	if (edge) {
		save_base(base);
		p.base_weights = base;
	}
	if (info->options & AKIDA_ZOO_IMAGE_SIZE)
		p.image_size = info->image_sizes[0];
	if (info->options & AKIDA_ZOO_ALPHA)
		p.alpha = 0.25f;
	err = akida_zoo_create(info->name, &p, &g, diag);
	unlink(base);
	if (err)
		fail_msg("%s v%u: %s", info->name, version, akida_diag_first_error(diag)->text);
	err = ak_chain_init(&chain, g, diag);
	assert_int_equal(err, is_refused(info->name) ? -EOPNOTSUPP : 0);
	if (!err)
		train(info->name, &chain);
	ak_chain_fini(&chain);
	akida_graph_destroy(g);
	akida_diag_destroy(diag);
}

static void test_step_loss_falls(void **state)
{
	struct akida_zoo_info info = {.size = sizeof(info)};
	uint32_t count = 0;

	(void)state;
	for (; !akida_zoo_network(count, &info); count++) {
		if (info.v1)
			one(&info, 1);
		if (info.v2)
			one(&info, 2);
	}
	assert_int_equal(count, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_step_loss_falls),
	};

	ak_dnn_threads(1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
