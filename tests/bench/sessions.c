/* SPDX-License-Identifier: MIT */
/*
 * make bench-sessions: what a session costs beside its kernels. Figures of the host's clock, medians:
 *   load       .akm file to the first result
 *   memory     what a session and its model hold, as the allocator counts
 *   threads    two threads beside one, batch 32
 *   virtual    the software NSoC beside the cpu device, the same model
 *   zeros      W3 with so many of its activations zero, beside half of them
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <akida/akida.h>
#include <akida/map.h>
#include "measure.h"
#include "networks.h"

#define TURNS 11
#define BATCH 32

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void must(int err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror(-err));
	exit(1);
}

struct side {
	struct akida_model *model;
	struct akida_program *program;
	struct akida_device *device;
	struct akida_session *session;
	uint8_t *in;
	int32_t *out;
	size_t frames;
};

static void open_side(struct side *s, const char *device, struct akida_model *m, uint32_t threads, size_t frames)
{
	struct akida_session_params p = {.size = sizeof(p), .batch = (uint32_t)frames, .threads = threads};
	struct akida_map_params map = {.size = sizeof(map)};
	uint32_t seed = 3;
	size_t bytes;

	*s = (struct side){.model = m, .frames = frames};
	if (strcmp(device, "cpu"))
		must(akida_map(m, device + strlen("virtual:"), &map, &s->program, NULL, NULL), "map");
	must(akida_device_open(device, &s->device, NULL), device);
	must(akida_session_create(s->device, s->program, m, &p, &s->session, NULL), "session");
	bytes = akida_session_frame_bytes(s->session) * frames;
	s->in = malloc(bytes);
	s->out = malloc(akida_session_outputs(s->session) * frames * sizeof(*s->out));
	for (size_t i = 0; i < bytes; i++)
		s->in[i] = (uint8_t)(bench_random(&seed) >> 3);
}

static void close_side(struct side *s)
{
	akida_session_destroy(s->session);
	akida_device_close(s->device);
	akida_program_destroy(s->program);
	free(s->in);
	free(s->out);
}

static void run_side(void *context)
{
	struct side *s = context;

	must(akida_session_run(s->session, s->in, s->frames, s->out) == (int64_t)s->frames ? 0 : -1, "run");
}

/* Frames per second of a and b, and the median of a's over b's, taking turns. */
static double beside(struct side *a, struct side *b, int threads, double rate[2])
{
	double r[2][TURNS], ratio[TURNS];

	for (int i = 0; i < TURNS; i++) {
		r[0][i] = bench_rate(run_side, a, threads, 0.03) * (double)a->frames;
		r[1][i] = bench_rate(run_side, b, threads, 0.03) * (double)b->frames;
		ratio[i] = r[0][i] / r[1][i];
	}
	rate[0] = bench_median(r[0], TURNS);
	rate[1] = bench_median(r[1], TURNS);
	return bench_median(ratio, TURNS);
}

static void load_to_first_result(const char *path)
{
	double t[TURNS];

	for (int i = 0; i < TURNS; i++) {
		double start = now();
		struct akida_model *m;
		struct side s;

		must(akida_model_load(path, &m, NULL), path);
		open_side(&s, "cpu", m, 1, 1);
		run_side(&s);
		t[i] = now() - start;
		close_side(&s);
		akida_model_destroy(m);
	}
	printf("load %s: %.2f ms to the first result\n", strrchr(path, '/') ? strrchr(path, '/') + 1 : path,
	       bench_median(t, TURNS) * 1e3);
}

static double held(void)
{
	struct mallinfo2 m = mallinfo2();

	return ((double)m.uordblks + (double)m.hblkhd) / 1e6;
}

static void memory_of(const char *name, const struct bench_options *o)
{
	double before = held(), model, session;
	struct akida_model *m = bench_network(name, o);
	struct side s;

	model = held() - before;
	open_side(&s, "cpu", m, 1, 1);
	run_side(&s);
	session = held() - before - model;
	printf("memory %s (Akida %u, %u-bit weights): model %.2f MB, session %.2f MB\n", name, o->ip, o->weights_bits,
	       model, session);
	close_side(&s);
	akida_model_destroy(m);
}

static void two_threads(const char *name)
{
	struct akida_model *m = bench_network(name, &(struct bench_options){.ip = 2, .weights_bits = 8, .seed = 1});
	double rate[2], ratio;
	struct side one, two;

	open_side(&one, "cpu", m, 1, BATCH);
	open_side(&two, "cpu", m, 2, BATCH);
	ratio = beside(&two, &one, 2, rate);
	printf("threads %s: %.0f with two, %.0f with one, ratio %.2f\n", name, rate[0], rate[1], ratio);
	close_side(&one);
	close_side(&two);
	akida_model_destroy(m);
}

static void on_virtual(struct akida_model *m, const char *name, const char *device)
{
	double rate[2], ratio;
	struct side v, c;

	open_side(&v, device, m, 1, BATCH);
	open_side(&c, "cpu", m, 1, BATCH);
	ratio = beside(&v, &c, 1, rate);
	printf("virtual %s on %s: %.0f, cpu %.0f, costs %.1f %% more\n", name, device, rate[0], rate[1],
	       100 / ratio - 100);
	close_side(&v);
	close_side(&c);
}

static void with_zeros(uint32_t ip, uint32_t bits, double zeros)
{
	struct akida_model *few =
		bench_network("W3", &(struct bench_options){.ip = ip, .weights_bits = bits, .seed = 1});
	struct akida_model *many =
		bench_network("W3", &(struct bench_options){.ip = ip, .weights_bits = bits, .zeros = zeros, .seed = 1});
	double rate[2], ratio, sparsity[64], mean = 0, layers = 0;
	struct side a, b;

	open_side(&a, "cpu", many, 1, 1);
	open_side(&b, "cpu", few, 1, 1);
	ratio = beside(&a, &b, 1, rate);
	must(akida_model_sparsity(many, a.in, 1, sparsity), "sparsity");
	for (uint32_t i = 0; i + 1 < akida_model_layers(many); i++) {
		struct akida_layer_info info = {.size = sizeof(info)};

		must(akida_model_layer(many, i, &info), "layer");
		if (info.type == AKIDA_LAYER_DEPTHWISE_CONV2D) /* has no ReLU here */
			continue;
		mean += sparsity[i];
		layers++;
	}
	mean /= layers;
	printf("zeros W3 (Akida %u, %u-bit weights), %.0f %% wanted, %.0f %% measured: %.0f, half of them %.0f, ratio "
	       "%.2f\n",
	       ip, bits, zeros * 100, mean * 100, rate[0], rate[1], ratio);
	close_side(&a);
	close_side(&b);
	akida_model_destroy(few);
	akida_model_destroy(many);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "build/share/akida/models/mnist.akm";
	struct akida_model *m;

	load_to_first_result(path);
	memory_of("W3", &(struct bench_options){.ip = 2, .weights_bits = 8, .seed = 1});
	memory_of("W3", &(struct bench_options){.ip = 1, .weights_bits = 4, .seed = 1});
	for (const struct bench_workload *w = bench_workloads; w->name; w++)
		two_threads(w->name);
	must(akida_model_load(path, &m, NULL), path);
	on_virtual(m, "mnist", "virtual:akd1000");
	on_virtual(m, "mnist", "virtual:akd1500");
	akida_model_destroy(m);
	with_zeros(1, 4, 0.7);
	with_zeros(1, 4, 0.9);
	with_zeros(2, 8, 0.7);
	with_zeros(2, 8, 0.9);
	return 0;
}
