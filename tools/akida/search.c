/* SPDX-License-Identifier: MIT */
/*
 * akida search mnist: the network and bits with the best quality figure under the assignment's rules (convolutions, separable
 * ones, max pooling, bounded ReLU, batch normalization, one fully connected layer; 8-bit input weights and
 * W4A4, W4A1 or W2A4). Successive halving: many networks train shortly, the best third of them three times as long, and so
 * on. Which networks, and what each of them reaches, follows from the seed alone, so that any number of processes may
 * share the work through a journal, come and go, and end with the same result. No test image takes part: the end of the
 * training images is kept apart to choose by, and the test images see the winner and the assignment's network only.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "akida/commands.h"
#include "common/journal.h"
#include "common/options.h"
#include "common/trial.h"

#define RUNGS 3
#define ETA 3
#define MAX_TRIALS 10000u
#define MAX_DRAWS 1000
#define JOB_BYTES 48
#define MIN_IMAGES 6000u /* a sixth of them runs half a second at 2,000 a second: three samples of the power meter */

struct config {
	char network[96];
	struct trial_bits bits;
	float rate;
};

/* What a finished job left in the journal. */
struct outcome {
	double quality, accuracy, fps, avg_mw;
	uint64_t bytes;
};

struct search {
	const char *folder, *data, *test, *device;
	uint64_t trials, epochs, seed, threads, batch, frames, in_flight, shift;
	struct journal journal;
	struct akida_dataset train, choose, check; /* choose: a view of the end of train */
	double budget;				   /* trial_cost of the assignment's network at 8/4/4 */
	uint32_t rank, ranks;
	char job[JOB_BYTES]; /* at work now */
};

/* ---- what is tried ---- */

static uint64_t mix(uint64_t *state)
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t below(uint64_t *state, uint32_t n)
{
	return (uint32_t)((mix(state) >> 32) * n >> 32);
}

static const struct trial_bits choices[] = {{8, 4, 4}, {8, 4, 1}, {8, 2, 4}};

static void draw(struct config *c, uint64_t *r)
{
	static const char *const first_down[] = {"s2", "p2", "s3", "s2p2", ""};
	static const char *const down[] = {"", "", "s2", "p2"};
	static const uint32_t first_filters[] = {8, 12, 16, 24, 32}, filters[] = {12, 16, 24, 32, 48, 64};
	const char *relu = below(r, 2) ? "r6" : "r3", *norm = below(r, 5) ? "n" : "";
	uint32_t more = 1 + (below(r, 3) == 0), kernel = 3 + 2 * below(r, 3), pick;
	size_t n;

	n = (size_t)snprintf(c->network, sizeof(c->network), "c%ux%u%s%s%s", kernel, first_filters[below(r, 5)],
			     first_down[below(r, 5)], norm, relu);
	for (uint32_t i = 0; i < more; i++) {
		bool separable = below(r, 2);

		kernel = separable ? 3 : 3 + 2 * (below(r, 3) == 0);
		pick = below(r, 6);
		n += (size_t)snprintf(c->network + n, sizeof(c->network) - n, "-%c%ux%u%s%s%s", separable ? 's' : 'c',
				      kernel, filters[pick], down[below(r, 4)], norm, relu);
	}
	snprintf(c->network + n, sizeof(c->network) - n, "-d10");
	pick = below(r, 5);
	c->bits = choices[pick < 3 ? 0 : pick - 2];
	c->rate = (float)(1.5e-3 * pow(4, below(r, 1u << 16) / 65536.0));
}

static double cost_of(const struct search *s, const struct config *c)
{
	struct akida_graph *g = NULL;
	double cost = NAN;

	(void)s;
	if (!tool_toolchain()->network_create(c->network, 1, &g, NULL))
		cost = trial_cost(g, &c->bits, "akd1000");
	tool_toolchain()->graph_destroy(g);
	return cost;
}

/*
 * Trial number n of the seed. The first three are the assignment's network at the assignment's bits; the others are drawn until
 * one fits the chip and costs no more than the assignment's, percent by percent of wrong answers.
 */
static void configure(const struct search *s, uint32_t n, struct config *c)
{
	uint64_t r = (s->seed + 1) * 0xd1342543de82ef95u + n;

	if (n < 3) {
		snprintf(c->network, sizeof(c->network), "mnist");
		c->bits = choices[n];
		c->rate = 4e-3f;
		return;
	}
	for (int i = 0; i < MAX_DRAWS; i++) {
		draw(c, &r);
		if (cost_of(s, c) <= s->budget)
			return;
	}
	c->network[0] = 0;
}

/* ---- one job ---- */

static void job_name(char *out, uint32_t trial, int rung)
{
	snprintf(out, JOB_BYTES, "trial-%04u-rung-%d", trial, rung);
}

static uint64_t rung_epochs(const struct search *s, int rung)
{
	uint64_t e = s->epochs;

	for (int i = RUNGS - 1; i > rung; i--)
		e = (e + ETA - 1) / ETA;
	return e;
}

static void alive(void *ctx, const struct akida_epoch *e)
{
	struct search *s = ctx;

	(void)e;
	journal_alive(&s->journal, s->job);
}

/* Trains, tunes, quantizes and measures; figures on the images to choose by. The quantized network stays in the journal. */
static int run_trial(struct search *s, const struct config *c, int rung, struct trial_figures *f)
{
	const struct akida_toolchain *t = tool_toolchain();
	uint64_t all = rung_epochs(s, rung), tune = (all + 2) / 3;
	struct trial_training q = {.epochs = (uint32_t)(all - tune),
				   .rate = c->rate,
				   .final_rate = 1e-5f,
				   .batch = (uint32_t)s->batch,
				   .shift = (uint32_t)s->shift,
				   .threads = (uint32_t)s->threads,
				   .seed = s->seed,
				   .progress = alive,
				   .ctx = s};
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g = NULL;
	char path[PATH_MAX];
	int err, status;

	err = t->network_create(c->network, s->seed, &g, diag);
	status = err ? tool_fail(diag, c->network, err) : trial_train(g, NULL, &s->train, &q, c->network);
	q.epochs = (uint32_t)tune;
	q.rate = c->rate / 4;
	if (!status)
		status = trial_train(g, &c->bits, &s->train, &q, c->network);
	journal_path(&s->journal, s->job, ".h5", path, sizeof(path));
	if (!status)
		status = trial_quantize(g, &c->bits, &s->train, path, c->network);
	t->graph_destroy(g);
	akida_diag_destroy(diag);
	journal_alive(&s->journal, s->job);
	return status ? status : trial_measure(path, s->device, (uint32_t)s->in_flight, &s->choose, f);
}

/* Claims and does a job; *did tells whether it was ours. A network that fails leaves a result as bad as can be. */
static int work_on(struct search *s, uint32_t trial, int rung, bool *did)
{
	struct trial_figures f;
	struct config c;
	char text[512];
	int claimed, status;

	job_name(s->job, trial, rung);
	claimed = journal_claim(&s->journal, s->job);
	*did = claimed > 0;
	if (claimed <= 0)
		return claimed ? TOOL_FAILED : 0;
	configure(s, trial, &c);
	status = c.network[0] ? run_trial(s, &c, rung, &f)
			      : tool_error(s->job, "train.network", "no network within the cost limit was drawn");
	if (status) {
		tool_note("%s counts as failed", s->job);
		snprintf(text, sizeof(text), "failed %s\n", c.network);
		return journal_done(&s->journal, s->job, text);
	}
	snprintf(text, sizeof(text),
		 "quality %.6g\naccuracy %.6g\nfps %.6g\navg_mw %.6g\nbytes %" PRIu64 "\nnetwork %s\nbits %u/%u/%u\n"
		 "learning_rate %.6g\nepochs %" PRIu64 "\n",
		 f.quality, 100.0 * (double)f.correct / (double)f.total, f.stats.fps, f.stats.avg_mw,
		 f.program.memory_bytes, c.network, c.bits.input_weights, c.bits.weights, c.bits.activations,
		 (double)c.rate, rung_epochs(s, rung));
	status = journal_done(&s->journal, s->job, text);
	printf("rank %u: trial %u, %" PRIu64 " epochs: %s %u/%u/%u, %.2f %%, quality %.2f\n", s->rank, trial,
	       rung_epochs(s, rung), c.network, c.bits.input_weights, c.bits.weights, c.bits.activations,
	       100.0 * (double)f.correct / (double)f.total, f.quality);
	fflush(stdout);
	return status;
}

static bool read_outcome(const struct search *s, uint32_t trial, int rung, struct outcome *o)
{
	char job[JOB_BYTES], *text;
	bool good;

	job_name(job, trial, rung);
	text = journal_result(&s->journal, job);
	good = text && sscanf(text, "quality %lg accuracy %lg fps %lg avg_mw %lg bytes %" SCNu64, &o->quality,
			      &o->accuracy, &o->fps, &o->avg_mw, &o->bytes) == 5;
	free(text);
	if (!good || !isfinite(o->quality))
		*o = (struct outcome){.quality = INFINITY};
	return good;
}

/* ---- who is next ---- */

struct ranked {
	uint32_t trial;
	double quality;
};

static int compare(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->quality != y->quality)
		return x->quality < y->quality ? -1 : 1;
	return x->trial < y->trial ? -1 : x->trial > y->trial;
}

/*
 * The trials of a rung into list, given those of the rung before, all done: its best third, and the assignment's network at
 * 8/4/4, trial 0, which is there for comparison. Returns how many.
 */
static uint32_t promote(const struct search *s, struct ranked *list, uint32_t n, int rung)
{
	uint32_t keep = (n + ETA - 1) / ETA;
	struct outcome o;

	for (uint32_t i = 0; i < n; i++) {
		read_outcome(s, list[i].trial, rung - 1, &o);
		list[i].quality = o.quality;
	}
	qsort(list, n, sizeof(*list), compare);
	while (keep > 1 && !isfinite(list[keep - 1].quality))
		keep--;
	for (uint32_t i = 0; i < keep; i++)
		if (!list[i].trial)
			return keep;
	list[keep].trial = 0; /* n is at least 2, or trial 0 is the only one */
	return keep + 1;
}

/* Works through a rung until all its jobs are done, by whomever. */
static int work_through(struct search *s, const struct ranked *list, uint32_t n, int rung)
{
	char job[JOB_BYTES];
	int status = 0;

	for (;;) {
		bool open = false, did = false;

		for (uint32_t i = 0; i < n && !status; i++) {
			enum journal_state state;

			job_name(job, list[i].trial, rung);
			state = journal_look(&s->journal, job);
			open |= state != JOURNAL_DONE;
			if (state != JOURNAL_FREE && state != JOURNAL_ORPHAN)
				continue;
			if (state == JOURNAL_ORPHAN)
				tool_note("%s was left by a process that is gone: it is done again", job);
			status = work_on(s, list[i].trial, rung, &did);
		}
		if (status || !open)
			return status;
		if (!did)
			usleep(200000);
	}
}

/* ---- the end ---- */

static int report(struct search *s, uint32_t best)
{
	struct trial_figures of_best, of_given;
	char job[JOB_BYTES], path[PATH_MAX];
	struct config c, given;
	struct table *t;
	int status;

	configure(s, best, &c);
	configure(s, 0, &given);
	job_name(job, 0, RUNGS - 1);
	status = trial_measure(journal_path(&s->journal, job, ".h5", path, sizeof(path)), s->device,
			       (uint32_t)s->in_flight, &s->check, &of_given);
	job_name(job, best, RUNGS - 1);
	if (!status)
		status = trial_measure(journal_path(&s->journal, job, ".h5", path, sizeof(path)), s->device,
				       (uint32_t)s->in_flight, &s->check, &of_best);
	if (status)
		return status;
	t = table_create(TRIAL_COLUMNS);
	if (!t)
		return tool_error("search", "sys.no-memory", "no memory");
	printf("\nBest: trial %u, %s, %u/%u/%u, in %s\n", best, c.network, c.bits.input_weights, c.bits.weights,
	       c.bits.activations, path);
	trial_print(&of_best);
	trial_header(t);
	trial_row(t, c.network, &c.bits, &of_best);
	trial_row(t, "mnist (the assignment's)", &given.bits, &of_given);
	for (const struct trial_published *r = trial_published; r->name; r++)
		trial_published_row(t, r);
	printf("\nAccuracy: %s, %zu images, which took no part in the search; published ones: 10,000 test images.\n"
	       "Published bytes are the vendor library's count, ours is the sum of this program's buffers.\n",
	       s->check.name, s->check.x.dims[0]);
	table_print(t, 0);
	table_destroy(t);
	return 0;
}

static int search(struct search *s)
{
	struct ranked *list = calloc(s->trials + 1, sizeof(*list));
	uint32_t n = (uint32_t)s->trials;
	struct config given;
	bool was_done;
	char job[JOB_BYTES];
	int status = 0, mine;

	if (!list)
		return tool_error("search", "sys.no-memory", "no memory for %u trials", n);
	s->budget = INFINITY;
	configure(s, 0, &given);
	s->budget = cost_of(s, &given);
	for (uint32_t i = 0; i < n; i++)
		list[i].trial = i;
	job_name(job, 0, RUNGS - 1);
	was_done = journal_look(&s->journal, job) == JOURNAL_DONE;
	for (int rung = 0; rung < RUNGS && !status; rung++) {
		if (rung)
			n = promote(s, list, n, rung);
		status = work_through(s, list, n, rung);
	}
	if (status)
		goto out;
	promote(s, list, n, RUNGS); /* sorts them */
	/* one of the ranks reports, and says so before it goes; with a finished journal the first one */
	if (was_done)
		mine = s->rank == 0;
	else
		mine = journal_look(&s->journal, "report") == JOURNAL_DONE ? 0 : journal_claim(&s->journal, "report");
	if (!isfinite(list[0].quality))
		status = mine ? tool_error("search", "train.diverged", "no network came through") : TOOL_FAILED;
	else if (mine > 0)
		status = report(s, list[0].trial);
	if (mine > 0 && !was_done && !status)
		status = journal_done(&s->journal, "report", "reported\n");
out:
	free(list);
	return status;
}

static int load(struct search *s)
{
	int status = trial_data(s->data, "mnist-train", s->frames, s->seed, &s->train);
	size_t n, image;

	if (!status)
		status = trial_data(s->test, "mnist", s->frames, s->seed + 1, &s->check);
	if (status)
		return status;
	/* the last sixth is what to choose by, in place; the first five sixths are trained on */
	n = s->train.x.dims[0];
	if (n < MIN_IMAGES || s->check.x.dims[0] < MIN_IMAGES / 6)
		return tool_error(s->train.name, "data.shape",
				  "%zu images, %zu for the test, are too few: a power meter wants %u and %u", n,
				  s->check.x.dims[0], MIN_IMAGES, MIN_IMAGES / 6);
	image = akida_array_elements(&s->train.x) / n * akida_dtype_bytes(s->train.x.dtype);
	s->choose = s->train;
	s->train.x.dims[0] = s->train.y.dims[0] = n - n / 6;
	s->choose.x.dims[0] = s->choose.y.dims[0] = n / 6;
	s->choose.x.data = (char *)s->train.x.data + (n - n / 6) * image;
	s->choose.y.data = (int32_t *)s->train.y.data + (n - n / 6);
	return 0;
}

static int search_mnist(int argc, char **argv)
{
	struct search s = {.folder = "search-mnist",
			   .device = "virtual:akd1000",
			   .trials = 27,
			   .epochs = 27,
			   .seed = 1,
			   .threads = 1,
			   .batch = 100,
			   .shift = 1,
			   .in_flight = 1};
	const struct option_spec spec[] = {
		{"--journal", OPTION_TEXT, &s.folder, "folder of claims, results and networks (search-mnist)", 0, 0},
		{"--trials", OPTION_COUNT, &s.trials, "networks to try; the first three are the assignment's (27)", 1,
		 MAX_TRIALS},
		{"-e --epochs", OPTION_COUNT, &s.epochs,
		 "of those that come through, a third of them with quantizers (27)", 1, 100000},
		{"--data", OPTION_TEXT, &s.data, "SPEC to train on and choose by (mnist-train:DIR where it is found)",
		 0, 0},
		{"--test", OPTION_TEXT, &s.test, "SPEC of the test images (mnist:DIR)", 0, 0},
		{"-d --device", OPTION_TEXT, &s.device, "that gives the figures (virtual:akd1000)", 0, 0},
		{"-b --batch_size", OPTION_COUNT, &s.batch, "of training (100)", 1, 65536},
		{"--shift", OPTION_COUNT, &s.shift, "move training images up to so many pixels at random (1)", 0, 64},
		{"--batch", OPTION_COUNT, &s.in_flight, "frames in flight on the device (1)", 1, 253},
		{"--frames", OPTION_COUNT, &s.frames, "use at most so many images of each set", 1, 0},
		{"--threads", OPTION_COUNT, &s.threads, "of each process; results depend on it (1)", 1, 1024},
		{"--seed", OPTION_COUNT, &s.seed, "of networks, weights and order (1)", 0, 0},
		{0},
	};
	const struct akida_toolchain *t;
	struct akida_diag *diag;
	char settings[512];
	int err, status = options_parse(argc, argv, "[mpirun -n N --enable-recovery] akida search mnist [options]",
					spec, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	t = tool_toolchain();
	if (!t)
		return TOOL_FAILED;
	diag = akida_diag_create();
	err = t->ranks_apart(&s.rank, &s.ranks, diag);
	status = err ? tool_fail(diag, "search", err) : 0;
	akida_diag_destroy(diag);
	if (!status)
		status = load(&s);
	snprintf(settings, sizeof(settings),
		 "mnist 1 trials %" PRIu64 " epochs %" PRIu64 " seed %" PRIu64 " threads %" PRIu64 " batch %" PRIu64
		 " shift %" PRIu64 " in-flight %" PRIu64 " images %zu of %s device %s",
		 s.trials, s.epochs, s.seed, s.threads, s.batch, s.shift, s.in_flight, s.train.x.dims[0], s.train.name,
		 s.device);
	if (!status)
		status = journal_open(&s.journal, s.folder, settings);
	if (!status)
		status = search(&s);
	akida_dataset_fini(&s.check);
	akida_dataset_fini(&s.train);
	return status;
}

int command_search(int argc, char **argv)
{
	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		printf("usage: akida search mnist [options]\n");
		return TOOL_DONE;
	}
	if (argc < 1)
		return tool_usage("search needs a task: mnist");
	if (strcmp(argv[0], "mnist"))
		return tool_usage("unknown task '%s'; there is mnist", argv[0]);
	return search_mnist(argc - 1, argv + 1);
}
