// SPDX-License-Identifier: MIT
/*
 * Two and three processes that share batches against one: the same weights up to rounding, with normalizations, dropout, moved
 * images, quantizers, a smaller last batch and validation. The program starts itself under mpirun.
 */
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
#include "graph/graph.h"
#include "train/norm_sync.h"
#include "train/random.h"
#include <akida/train.h>

#define SAMPLES 230
#define SIDE 12
#define CLASSES 4

static char self[4096];

static void draw(struct akida_dataset *d)
{
	struct ak_random r = ak_random_stream(1, 99);

	memset(d, 0, sizeof(*d));
	if (akida_array_init(&d->x, AKIDA_U8, 4, (size_t[]){SAMPLES, SIDE, SIDE, 1}) ||
	    akida_array_init(&d->y, AKIDA_I32, 1, (size_t[]){SAMPLES}))
		exit(9);
	for (int i = 0; i < SAMPLES; i++) {
		uint32_t label = ak_random_below(&r, CLASSES);

		for (int p = 0; p < SIDE * SIDE; p++) {
			uint32_t quadrant = (p / SIDE >= SIDE / 2) * 2u + (p % SIDE >= SIDE / 2);

			((uint8_t *)d->x.data)[i * SIDE * SIDE + p] =
				(uint8_t)(ak_random_below(&r, 120) + (quadrant == label ? 100 : 0));
		}
		((int32_t *)d->y.data)[i] = (int32_t)label;
	}
}

/* kind: what is trained. Writes all weights and the last figures to path; only the first process does. */
static int work(const char *kind, const char *path)
{
	const bool rest = !strcmp(kind, "rest");
	struct akida_train_params p;
	struct akida_dataset d;
	struct akida_graph *g;
	uint32_t rank, count;
	int err;
	FILE *f;

	draw(&d);
	akida_train_params_init(&p);
	p.ranks = 1;
	p.threads = 1;
	p.epochs = 3;
	p.batch_size = rest ? 50 : 46;
	p.learning_rate = 0.003f;
	p.shift = 1;
	if (!strcmp(kind, "quantized")) {
		p.quantized_epochs = 2;
		p.validation_split = 0.2f;
		p.batch_size = 46;
	}
	if (!strcmp(kind, "sgd"))
		p.optimizer = AKIDA_SGD;
	if (!strcmp(kind, "different")) { /* each process another seed */
		const char *r = getenv("OMPI_COMM_WORLD_RANK");

		p.seed = r ? 1 + (uint64_t)atoi(r) : 1;
	}
	if (!strcmp(kind, "small"))
		p.batch_size = 1;
	err = akida_network_create("i12x12x1-c3x8nr6-s3x16s2nr6-c3x8p2r3-d4", 3, &g, NULL);
	if (!err && rest) { /* and dropout */
		struct ak_node *n = &g->nodes[0];

		while (n->op != AK_OP_RELU)
			n++;
		n->op = AK_OP_DROPOUT;
		n->rate = 0.2f;
		n->bounded = false;
	}
	if (!err)
		err = akida_train(g, &d, &p, NULL);
	if (!err)
		err = akida_ranks_together(&rank, &count, NULL);
	if (err)
		return -err;
	if (rank)
		return 0;
	f = fopen(path, "wb");
	fwrite(&count, sizeof(count), 1, f);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			fwrite(g->nodes[i].weights[k].data, sizeof(float), g->nodes[i].weights[k].count, f);
	return fclose(f);
}

/* Runs work in `ranks` processes (0: without mpirun) and reads what it wrote. Its exit status. */
static int run(uint32_t ranks, const char *kind, float *out, size_t *n)
{
	char command[9000], path[] = "/tmp/ranks-XXXXXX";
	uint32_t count = 0;
	int status;
	FILE *f;

	close(mkstemp(path));
	if (ranks)
		snprintf(command, sizeof(command),
			 "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 timeout 100 mpirun --oversubscribe "
			 "-n %u '%s' %s %s "
			 "> /dev/null 2>&1",
			 ranks, self, kind, path);
	else
		snprintf(command, sizeof(command), "timeout 100 '%s' %s %s", self, kind, path);
	status = system(command);
	*n = 0;
	f = fopen(path, "rb");
	if (fread(&count, sizeof(count), 1, f) == 1)
		*n = fread(out, sizeof(float), 100000, f);
	fclose(f);
	unlink(path);
	if (!status)
		assert_int_equal(count, ranks ? ranks : 1);
	return status;
}

static float one[100000], shared[100000];

/* OpenMPI may be missing, or not have been there at build. */
static bool have_mpi(void)
{
	size_t n;

	if (!system("command -v mpirun > /dev/null 2>&1") && !run(1, "plain", shared, &n) && n)
		return true;
	print_message("no OpenMPI, or this library was built without it\n");
	return false;
}

/* How far training took the weights: much further than what processes may differ by. */
static double moved(const float *w, size_t n)
{
	struct akida_graph *g;
	double most = 0;
	size_t at = 0;

	assert_int_equal(akida_network_create("i12x12x1-c3x8nr6-s3x16s2nr6-c3x8p2r3-d4", 3, &g, NULL), 0);
	for (uint32_t i = 0; i < g->count; i++)
		for (uint32_t k = 0; k < g->nodes[i].weight_count; k++)
			for (size_t v = 0; v < g->nodes[i].weights[k].count && at < n; v++)
				most = fmax(most, fabs((double)w[at++] - (double)g->nodes[i].weights[k].data[v]));
	assert_int_equal(at, n);
	akida_graph_destroy(g);
	return most;
}

static void test_shared_batches_give_the_weights_of_one_process(void **state)
{
	/* Adam divides by the gradient's size, so that rounding of tiny gradients becomes steps; quantizers have jumps */
	static const struct {
		const char *kind;
		double limit;
	} cases[] = {{"sgd", 1e-5}, {"plain", 1e-2}, {"rest", 1e-2}, {"quantized", 2e-2}};

	(void)state;
	if (!have_mpi())
		skip();
	for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
		size_t n, m;

		assert_int_equal(run(0, cases[k].kind, one, &n), 0);
		assert_true(n > 500);
		assert_true(moved(one, n) > 0.02);
		for (uint32_t ranks = 2; ranks <= 3; ranks++) {
			double worst = 0;

			assert_int_equal(run(ranks, cases[k].kind, shared, &m), 0);
			assert_int_equal(n, m);
			for (size_t i = 0; i < n; i++)
				worst = fmax(worst,
					     fabs((double)one[i] - (double)shared[i]) / fmax(1, fabs((double)one[i])));
			printf("%s, %u processes: weights differ by %.2g at most\n", cases[k].kind, ranks, worst);
			if (!(worst <= cases[k].limit))
				fail_msg("%s, %u processes: %g", cases[k].kind, ranks, worst);
		}
	}
}

static void test_processes_with_different_work_are_refused(void **state)
{
	size_t n;

	(void)state;
	if (!have_mpi())
		skip();
	assert_int_not_equal(run(2, "different", shared, &n), 0);
	assert_int_equal(n, 0);
	assert_int_not_equal(run(2, "small", shared, &n), 0);
	assert_int_equal(n, 0);
}

/* Without mpirun the calls do nothing: what they get is what they leave. */
static void test_one_process_shares_with_nobody(void **state)
{
	struct ak_ranks r = {7, 7};
	uint32_t rank = 7, count = 7;
	float v[] = {1, 2};

	(void)state;
	assert_int_equal(ak_ranks_open(&r, NULL), 0);
	assert_true(!r.rank && r.count == 1);
	assert_int_equal(ak_ranks_sum(&r, v, 2), 0);
	assert_int_equal(ak_ranks_max(&r, v, 2), 0);
	assert_true(v[0] == 1 && v[1] == 2);
	assert_int_equal(akida_ranks_apart(&rank, &count, NULL), 0);
	assert_true(!rank && count == 1);
}

/* One process is the whole: statistics stay, and the correction is what the derivative of a normalization has. */
static void test_correction_is_the_missing_part_of_the_gradient(void **state)
{
	struct ak_ranks r = {0, 1};
	float x[] = {1, 2, 4, 9}, dy[] = {0.3f, -0.2f, 0.5f, 0.1f}, gamma = 1.5f, mean = 4, variance = 9.5f, dgamma = 0,
	      dbeta = 0, scale, shift;
	double work[2], sd = sqrt(9.5 + 1e-3), numeric, analytic;

	(void)state;
	assert_int_equal(ak_norm_sync_statistics(&r, &mean, &variance, 1, 4, 4, work), 0);
	assert_true(fabs(mean - 4) < 1e-6 && fabs(variance - 9.5) < 1e-5);
	for (int i = 0; i < 4; i++) {
		dgamma += dy[i] * (float)((x[i] - 4) / sd);
		dbeta += dy[i];
	}
	assert_int_equal(
		ak_norm_sync_correction(&r, &dgamma, &dbeta, &gamma, &variance, 1e-3f, 1, 4, work, &scale, &shift), 0);
	for (int k = 0; k < 4; k++) {
		double loss[2] = {0, 0};

		for (int side = 0; side < 2; side++) {
			double v[4], m = 0, s = 0;

			for (int i = 0; i < 4; i++)
				m += (v[i] = x[i] + (i == k ? (side ? 1e-5 : -1e-5) : 0)) / 4;
			for (int i = 0; i < 4; i++)
				s += (v[i] - m) * (v[i] - m) / 4;
			for (int i = 0; i < 4; i++)
				loss[side] += dy[i] * 1.5 * (v[i] - m) / sqrt(s + 1e-3);
		}
		numeric = (loss[1] - loss[0]) / 2e-5;
		analytic = 1.5 / sd * dy[k] + scale * (x[k] - 4) / sd + shift;
		assert_true(fabs(numeric - analytic) < 1e-5);
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_process_shares_with_nobody),
		cmocka_unit_test(test_correction_is_the_missing_part_of_the_gradient),
		cmocka_unit_test(test_shared_batches_give_the_weights_of_one_process),
		cmocka_unit_test(test_processes_with_different_work_are_refused),
	};

	if (argc == 3)
		return work(argv[1], argv[2]);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
