/* SPDX-License-Identifier: MIT */
/*
 * From a quantized AkidaNet at 224x224 in an .h5 to an .akp for the AKD1000, in a process of its own: seconds of each step
 * and the largest memory. Usage: convert FOLDER [ALPHA...]. Exit status 1 above 3 s, 400 MB, or 2 s of mapping.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <akida/convert.h>
#include <akida/map.h>
#include <akida/quant.h>
#include <akida/zoo.h>

#define SECONDS_MAX 3.0
#define MAP_SECONDS_MAX 2.0
#define MEGABYTES_MAX 400.0

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int failed(const char *what, const struct akida_diag *diag)
{
	const struct akida_diag_record *r = akida_diag_first_error(diag);

	fprintf(stderr, "%s: %s\n", what, r ? r->text : "failed");
	return 2;
}

/* Random weights, 8/4/4 by one random sample: not part of what is measured. */
static int prepare(double alpha, const char *h5)
{
	struct akida_zoo_params zp = {
		.size = sizeof(zp), .akida_version = 1, .image_size = 224, .alpha = (float)alpha, .seed = 1};
	struct akida_diag *diag = akida_diag_create();
	struct akida_graph *g, *q;
	struct akida_quant_params p;

	akida_quant_params_init(&p);
	p.num_samples = p.batch_size = 1;
	if (akida_zoo_create("akidanet_imagenet", &zp, &g, diag))
		return failed("create", diag);
	if (akida_quantize(g, &p, NULL, &q, diag))
		return failed("quantize", diag);
	return akida_graph_save(q, h5, diag) ? failed("save", diag) : 0;
}

/* The measured process. Tells the seconds of its steps by the pipe. */
struct steps {
	double load, convert, map, save;
	int status;
	char refused[256]; /* why the chip does not take it; empty: it does */
};

static void measure(const char *h5, const char *akp, int to)
{
	struct akida_map_params mp = {.size = sizeof(mp)};
	struct akida_diag *diag = akida_diag_create();
	struct akida_program *program = NULL;
	struct steps s = {0};
	struct akida_graph *g;
	struct akida_model *m;
	double t = now();

	s.status = akida_graph_load(h5, &g, diag) ? failed("load", diag) : 0;
	s.load = now() - t;
	t = now();
	if (!s.status && akida_convert(g, &m, diag))
		s.status = failed("convert", diag);
	s.convert = now() - t;
	t = now();
	if (!s.status && akida_map(m, "akd1000", &mp, &program, NULL, diag))
		snprintf(s.refused, sizeof(s.refused), "%s", akida_diag_first_error(diag)->text);
	s.map = now() - t;
	t = now();
	if (program && akida_program_save(program, akp, diag))
		s.status = failed("save", diag);
	s.save = now() - t;
	if (write(to, &s, sizeof(s)) != sizeof(s))
		_exit(2);
	_exit(0);
}

static int bench(double alpha, const char *folder)
{
	char h5[512], akp[512];
	struct rusage use;
	struct steps s;
	double total, mb;
	int fds[2], status;
	pid_t pid;

	snprintf(h5, sizeof(h5), "%s/akidanet_%g.h5", folder, alpha);
	snprintf(akp, sizeof(akp), "%s/akidanet_%g.akp", folder, alpha);
	/* in a process of its own, too, so that its memory is not inherited */
	pid = fork();
	if (!pid)
		_exit(prepare(alpha, h5));
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status || pipe(fds))
		return 2;
	pid = fork();
	if (!pid)
		measure(h5, akp, fds[1]);
	if (pid < 0 || read(fds[0], &s, sizeof(s)) != sizeof(s) || wait4(pid, &status, 0, &use) < 0 || s.status)
		return 2;
	close(fds[0]);
	close(fds[1]);
	total = s.load + s.convert + s.map + s.save;
	mb = (double)use.ru_maxrss / 1024;
	printf("AkidaNet %g at 224: load %.2f s, convert %.2f s, map %.2f s, save %.2f s; %.2f s in all, %.0f MB "
	       "(host)\n",
	       alpha, s.load, s.convert, s.map, s.save, total, mb);
	if (*s.refused)
		printf("  no .akp: %s\n", s.refused);
	return total > SECONDS_MAX || mb > MEGABYTES_MAX || s.map > MAP_SECONDS_MAX;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: convert FOLDER [ALPHA...]\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		status |= bench(atof(argv[i]), argv[1]);
	return status;
}
