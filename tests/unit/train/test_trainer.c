// SPDX-License-Identifier: MIT
/* The training loop on small drawn data: it learns, repeats itself, stops early, writes checkpoints, refuses bad requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "graph/graph.h"
#include "train/random.h"
#include <akida/train.h>

#define SAMPLES 230 /* with batches of 50: four and a smaller one */
#define CLASSES 4

static struct akida_dataset data;
static struct akida_graph *graph;
static struct akida_diag *diag;

struct log {
	uint32_t calls, epochs;
	struct akida_epoch last;
	double first_loss, best_val;
};

/* 6x6 images of noise with a bright quadrant, which is the label. */
static void draw(double wrong_labels)
{
	struct ak_random r = ak_random_stream(1, 99);

	memset(&data, 0, sizeof(data));
	snprintf(data.name, sizeof(data.name), "quadrants");
	assert_int_equal(akida_array_init(&data.x, AKIDA_U8, 4, (size_t[]){SAMPLES, 6, 6, 1}), 0);
	assert_int_equal(akida_array_init(&data.y, AKIDA_I32, 1, (size_t[]){SAMPLES}), 0);
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t label = ak_random_below(&r, CLASSES);

		for (int p = 0; p < 36; p++) {
			uint32_t quadrant = (p / 6 >= 3) * 2u + (p % 6 >= 3);

			((uint8_t *)data.x.data)[i * 36 + p] =
				(uint8_t)(ak_random_below(&r, 120) + (quadrant == label ? 100 : 0));
		}
		if (ak_random_unit(&r) < wrong_labels)
			label = ak_random_below(&r, CLASSES);
		((int32_t *)data.y.data)[i] = (int32_t)label;
	}
}

static struct ak_node *add(enum ak_op op, const char *name)
{
	struct ak_node *n = ak_graph_add(graph, op, name, (uint32_t[]){graph->count - 1}, graph->count ? 1 : 0);

	assert_non_null(n);
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = n->dilation_h = n->dilation_w = n->groups = 1;
	return n;
}

static void weight(struct ak_node *n, const char *name, uint32_t rank, const size_t *dims, float range, float value)
{
	struct ak_random r = ak_random_stream(rank, 5);
	struct ak_weight *w;

	assert_int_equal(ak_node_add_weight(n, name, rank, dims, &w), 0);
	for (size_t i = 0; i < w->count; i++)
		w->data[i] = value + range * (2 * ak_random_unit(&r) - 1);
}

static void build(bool softmax)
{
	struct ak_node *n;

	assert_int_equal(ak_graph_create("small", &graph), 0);
	graph->sequential = true;
	n = add(AK_OP_INPUT, "input");
	n->rank = 3;
	n->dims[0] = n->dims[1] = 6;
	n->dims[2] = 1;
	add(AK_OP_RESCALING, "rescaling")->scale = 1.0f / 255;
	n = add(AK_OP_CONV2D, "conv");
	n->filters = 8;
	n->kernel_h = n->kernel_w = 3;
	n->same = n->use_bias = true;
	weight(n, "kernel", 4, (size_t[]){3, 3, 1, 8}, 0.3f, 0);
	weight(n, "bias", 1, (size_t[]){8}, 0, 0);
	n = add(AK_OP_BATCHNORM, "norm");
	n->epsilon = 1e-3f;
	n->momentum = 0.9f;
	n->center = n->scale_on = true;
	weight(n, "gamma", 1, (size_t[]){8}, 0, 1);
	weight(n, "beta", 1, (size_t[]){8}, 0, 0);
	weight(n, "moving_mean", 1, (size_t[]){8}, 0, 0);
	weight(n, "moving_variance", 1, (size_t[]){8}, 0, 1);
	n = add(AK_OP_RELU, "relu");
	n->bounded = true;
	n->max_value = 6;
	n = add(AK_OP_MAXPOOL, "pool");
	n->kernel_h = n->kernel_w = n->stride_h = n->stride_w = 2;
	n->same = true;
	add(AK_OP_DROPOUT, "dropout")->rate = 0.1f;
	add(AK_OP_FLATTEN, "flatten");
	n = add(AK_OP_DENSE, "dense");
	n->filters = CLASSES;
	n->use_bias = true;
	weight(n, "kernel", 2, (size_t[]){72, CLASSES}, 0.2f, 0);
	weight(n, "bias", 1, (size_t[]){CLASSES}, 0, 0);
	if (softmax)
		add(AK_OP_ACTIVATION, "softmax")->act = AK_ACT_SOFTMAX;
	assert_int_equal(ak_graph_finish(graph, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	draw(0);
	build(false);
	diag = akida_diag_create();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	akida_dataset_fini(&data);
	akida_graph_destroy(graph);
	akida_diag_destroy(diag);
	return 0;
}

static void note(void *ctx, const struct akida_epoch *e)
{
	struct log *l = ctx;

	if (e->batch == e->batches) {
		l->epochs++;
		if (e->val_loss < l->best_val)
			l->best_val = e->val_loss;
	}
	if (!l->calls++)
		l->first_loss = e->loss;
	l->last = *e;
}

static struct akida_train_params params(struct log *l)
{
	struct akida_train_params p;

	memset(l, 0, sizeof(*l));
	l->best_val = INFINITY;
	akida_train_params_init(&p);
	p.batch_size = 50;
	p.epochs = 12;
	p.learning_rate = 0.01f;
	p.threads = 1;
	p.progress = note;
	p.ctx = l;
	return p;
}

static float *weights_of(uint32_t node)
{
	return graph->nodes[node].weights[0].data;
}

static void test_train_learns_with_adam(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	p.validation_split = 0.2f;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_int_equal(l.epochs, 12);
	assert_int_equal(l.last.batches, 4); /* 184 samples: 3 of 50 and one of 34 */
	assert_int_equal(l.calls, 48);
	assert_true(l.last.loss < 0.3 * l.first_loss);
	assert_true(l.last.val_accuracy > 0.95);
	assert_true(l.last.seconds > 0);
}

static void test_train_learns_with_sgd_and_closing_softmax(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	akida_graph_destroy(graph);
	build(true);
	p.optimizer = AKIDA_SGD;
	p.learning_rate = 0.05f;
	p.final_learning_rate = 0.001f;
	p.weight_decay = 0.001f;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_true(l.last.accuracy > 0.95);
	assert_true(isnan(l.last.val_loss));
}

static void test_train_same_seed_same_weights(void **state)
{
	float first[72 * CLASSES];
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	p.epochs = 4;
	p.quantized_epochs = 2;
	p.shift = 1;
	for (int run = 0; run < 3; run++) {
		akida_graph_destroy(graph);
		build(false);
		p.seed = run == 2 ? 5 : 4;
		assert_int_equal(akida_train(graph, &data, &p, diag), 0);
		if (!run)
			memcpy(first, weights_of(8), sizeof(first));
		else if (run == 1)
			assert_memory_equal(first, weights_of(8), sizeof(first));
		else
			assert_memory_not_equal(first, weights_of(8), sizeof(first));
	}
}

/* Wrong labels: training overfits, so that val_loss turns; the weights of the best epoch must come back. */
static void test_train_early_stopping_restores_the_best(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);
	double best;

	(void)state;
	akida_dataset_fini(&data);
	draw(0.5);
	p.validation_split = 0.4f;
	p.patience = 3;
	p.epochs = 300;
	p.learning_rate = 0.02f;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_true(l.epochs < 300);
	assert_true(l.last.val_loss > l.best_val);
	best = l.best_val;
	/* one more epoch that changes next to nothing shows the val_loss of the weights that were kept */
	graph->nodes[3].momentum = 1;
	p = params(&l);
	p.validation_split = 0.4f;
	p.epochs = 1;
	p.learning_rate = 1e-12f;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_true(fabs(l.last.val_loss - best) < 1e-4 * best);
}

static void test_train_quantized_epochs_leave_a_float_network(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	p.quantized_epochs = 6;
	p.validation_split = 0.2f;
	p.patience = 50;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_int_equal(l.epochs, 12);
	assert_true(l.last.val_accuracy > 0.9);
	assert_false(akida_graph_quantized(graph));
	assert_true(weights_of(8)[0] != weights_of(8)[1] && weights_of(8)[1] != weights_of(8)[2]);
}

/*
 * A float network of 2-bit quality after tuning: what the quantizers leave of its weights is as accurate as in training. The
 * moving statistics stay. The same epochs without tuning lose more.
 */
static void test_train_tune_fits_the_network_to_two_bits(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);
	double before, after;
	float mean[8];

	(void)state;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	memcpy(mean, graph->nodes[3].weights[2].data, sizeof(mean));
	p = params(&l);
	p.epochs = 1;
	p.learning_rate = 1e-12f;
	p.validation_split = 0.4f;
	p.weight_bits = p.input_weight_bits = p.activation_bits = 2;
	p.quantized_epochs = 1;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	before = l.last.val_loss;
	memcpy(graph->nodes[3].weights[2].data, mean, sizeof(mean));
	p.tune = 1;
	p.quantized_epochs = 0;
	p.epochs = 20;
	p.learning_rate = 0.003f;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	after = l.last.val_loss;
	if (!(after < 0.7 * before))
		fail_msg("val_loss %g before, %g after", before, after);
	assert_memory_equal(graph->nodes[3].weights[2].data, mean, sizeof(mean));
	assert_false(akida_graph_quantized(graph));
}

static int count_files(const char *folder)
{
	DIR *d = opendir(folder);
	int n = 0;

	assert_non_null(d);
	for (struct dirent *e = readdir(d); e; e = readdir(d))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void test_train_checkpoint_is_whole_and_alone(void **state)
{
	char folder[] = "/tmp/akida-train-XXXXXX", path[64];
	struct akida_graph *back;
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/best.h5", folder);
	p.epochs = 3;
	p.checkpoint = path;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
	assert_int_equal(count_files(folder), 1);
	assert_int_equal(akida_graph_load(path, &back, diag), 0);
	assert_int_equal(akida_graph_nodes(back), akida_graph_nodes(graph));
	/* the loss fell in every epoch, so that the last checkpoint is the result */
	for (uint32_t i = 0; i < back->count; i++)
		if (back->nodes[i].op == AK_OP_DENSE)
			assert_memory_equal(back->nodes[i].weights[0].data, weights_of(8),
					    72 * CLASSES * sizeof(float));
	akida_graph_destroy(back);
	unlink(path);
	rmdir(folder);
}

static void test_train_checkpoint_that_cannot_be_written_fails(void **state)
{
	float before[72 * CLASSES];
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	memcpy(before, weights_of(8), sizeof(before));
	p.checkpoint = "/nonexistent-folder/best.h5";
	assert_true(akida_train(graph, &data, &p, diag) < 0);
	assert_non_null(akida_diag_first_error(diag));
	assert_memory_equal(before, weights_of(8), sizeof(before));
}

static void test_train_diverging_is_reported(void **state)
{
	float before[72 * CLASSES];
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	memcpy(before, weights_of(8), sizeof(before));
	p.optimizer = AKIDA_SGD;
	p.learning_rate = 3e38f;
	p.epochs = 50;
	assert_int_equal(akida_train(graph, &data, &p, diag), -ERANGE);
	assert_string_equal(akida_diag_first_error(diag)->rule, "train.diverged");
	assert_memory_equal(before, weights_of(8), sizeof(before));
}

static void refuse(int err, const char *rule, const struct akida_train_params *p)
{
	assert_int_equal(akida_train(graph, &data, p, diag), err);
	assert_non_null(akida_diag_first_error(diag));
	assert_string_equal(akida_diag_first_error(diag)->rule, rule);
	akida_diag_destroy(diag);
	diag = akida_diag_create();
}

static void test_train_bad_parameters_are_refused(void **state)
{
	struct log l;
	struct akida_train_params p;

	(void)state;
#define BAD(member, value)                                                                                             \
	do {                                                                                                           \
		p = params(&l);                                                                                        \
		p.member = value;                                                                                      \
		refuse(-EINVAL, "train.parameter", &p);                                                                \
	} while (0)
	BAD(size, 4);
	BAD(size, sizeof(p) + 8);
	BAD(optimizer, (enum akida_optimizer)7);
	BAD(learning_rate, 0);
	BAD(learning_rate, NAN);
	BAD(learning_rate, INFINITY);
	BAD(final_learning_rate, -1);
	BAD(momentum, 1);
	BAD(weight_decay, -0.1f);
	BAD(batch_size, 0);
	BAD(epochs, 0);
	BAD(validation_split, 1);
	BAD(patience, 2); /* without validation */
	BAD(shift, 100);
	BAD(quantized_epochs, 13);
	BAD(tune, 2);
	p = params(&l);
	p.tune = 1;
	p.quantized_epochs = p.epochs - 1;
	refuse(-EINVAL, "train.parameter", &p);
	p = params(&l);
	p.quantized_epochs = 1;
	p.weight_bits = 1;
	refuse(-EINVAL, "train.parameter", &p);
	assert_int_equal(l.calls, 0);
}

static void test_train_bad_data_is_refused(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);
	int32_t *labels = data.y.data;
	void *kept = data.y.data;

	(void)state;
	labels[77] = CLASSES;
	refuse(-EINVAL, "train.data", &p);
	labels[77] = -1;
	refuse(-EINVAL, "train.data", &p);
	labels[77] = 0;
	data.y.data = NULL;
	refuse(-EINVAL, "train.data", &p);
	data.y.data = kept;
	data.y.dims[0]--;
	refuse(-EINVAL, "train.data", &p);
	data.y.dims[0]++;
	data.x.dims[1] = 5;
	refuse(-EINVAL, "train.data", &p);
	data.x.dims[1] = 6;
	p.validation_split = 1e-10f;
	refuse(-EINVAL, "train.data", &p);
	assert_int_equal(l.calls, 0);
}

/* An older caller's struct ends before the newer members. */
static void test_train_accepts_an_older_struct(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);

	(void)state;
	p.size = offsetof(struct akida_train_params, final_learning_rate);
	p.shift = 1000;
	p.epochs = 1;
	assert_int_equal(akida_train(graph, &data, &p, diag), 0);
}

static void test_train_nan_input_is_reported(void **state)
{
	struct log l;
	struct akida_train_params p = params(&l);
	struct akida_array x;

	(void)state;
	assert_int_equal(akida_array_init(&x, AKIDA_F32, 4, data.x.dims), 0);
	((float *)x.data)[1000] = NAN;
	akida_array_fini(&data.x);
	data.x = x;
	refuse(-ERANGE, "train.data", &p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_train_learns_with_adam),
		TEST(test_train_learns_with_sgd_and_closing_softmax),
		TEST(test_train_same_seed_same_weights),
		TEST(test_train_early_stopping_restores_the_best),
		TEST(test_train_quantized_epochs_leave_a_float_network),
		TEST(test_train_tune_fits_the_network_to_two_bits),
		TEST(test_train_checkpoint_is_whole_and_alone),
		TEST(test_train_checkpoint_that_cannot_be_written_fails),
		TEST(test_train_diverging_is_reported),
		TEST(test_train_bad_parameters_are_refused),
		TEST(test_train_bad_data_is_refused),
		TEST(test_train_accepts_an_older_struct),
		TEST(test_train_nan_input_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
