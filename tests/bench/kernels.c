/* SPDX-License-Identifier: MIT */
/*
 * make bench-kernels: sessions of the cpu device beside oneDNN and XNNPACK, taking turns in one process, medians of many
 * short turns. Standard output: workload ours best_peer ratio pct_peak threads batch bits (images per second, share of the
 * int8 peak measured between the turns). Standard error: peaks, who the best peer is, spreads.
 * W4a and W4b are single layers in the middle of a network: the layer itself, whose codes stay bytes as the peers' do.
 *   bench-kernels [NETS [THREADS [BATCHES [BITS]]]]    comma lists; BITS 8: Akida 2, 8-bit; 4: Akida v1, 8/4/4; 84: 8-bit with
 *                                                      4-bit weights
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/akida.h>
#include "kernels/plan.h"
#include "measure.h"
#include "networks.h"
#include "peer.h"

#define TURNS 11
#define TURN_SECONDS 0.02
#define CALIBRATE_SECONDS 0.003

struct ours {
	struct akida_model *model;
	struct akida_device *device;
	struct akida_session *session;
	uint8_t *in;
	int32_t *out;
	size_t batch, bytes;
	/* of a single layer */
	struct ak_plan *plan;
	struct ak_plan_run *run[2];
	struct ak_team *team;
};

static void run_share(void *context, uint32_t member)
{
	struct ours *o = context;
	size_t members = ak_team_size(o->team);

	for (size_t i = o->batch * member / members; i < o->batch * (member + 1) / members; i++)
		ak_plan_frame(o->run[member], o->in + i * o->bytes, NULL);
}

static void run_layer(struct ours *o)
{
	if (o->batch == 1)
		ak_plan_frame_team(o->run[0], o->team, o->in, NULL);
	else
		ak_team_run(o->team, run_share, o);
}

static void run_ours(void *context)
{
	struct ours *o = context;

	if (o->plan) {
		run_layer(o);
		return;
	}
	if (akida_session_run(o->session, o->in, o->batch, o->out) != (int64_t)o->batch)
		abort();
}

static bool open_layer(struct ours *o, int threads)
{
	uint32_t members = threads > 2 ? 2 : (uint32_t)threads;
	enum ak_isa isa;

	if (ak_isa_choose(&isa, NULL) || ak_plan_create(o->model->layers, o->model->count, isa, &o->plan) ||
	    ak_team_create(members, false, &o->team))
		return false;
	for (uint32_t i = 0; i < members; i++)
		if (ak_plan_run_create(o->plan, i ? 1 : members, &o->run[i]))
			return false;
	return true;
}

static bool open_ours(struct ours *o, const struct bench_workload *w, int threads, int batch, int bits)
{
	struct bench_options options = {.ip = bits == 4 ? 1 : 2, .weights_bits = bits == 8 ? 8 : 4, .seed = 1};
	struct akida_session_params p = {.size = sizeof(p), .batch = (uint32_t)batch, .threads = (uint32_t)threads};
	uint32_t seed = 7, top = bits == 4 && !w->image ? 16 : 256;
	size_t bytes;

	*o = (struct ours){.batch = (size_t)batch};
	o->model = bench_network(w->name, &options);
	if (!o->model || akida_device_open("cpu", &o->device, NULL) ||
	    akida_session_create(o->device, NULL, o->model, &p, &o->session, NULL))
		return false;
	bytes = akida_session_frame_bytes(o->session) * o->batch;
	o->in = malloc(bytes);
	o->out = malloc(akida_session_outputs(o->session) * o->batch * sizeof(*o->out));
	for (size_t i = 0; o->in && i < bytes; i++)
		o->in[i] = (uint8_t)(bench_random(&seed) % top);
	o->bytes = bytes / o->batch;
	return o->in && o->out &&
	       (strncmp(w->name, "W4", 2) || w->line[0].kind == BENCH_DENSE || open_layer(o, threads));
}

static void close_ours(struct ours *o)
{
	ak_team_destroy(o->team);
	for (int i = 0; i < 2; i++)
		ak_plan_run_destroy(o->run[i]);
	ak_plan_destroy(o->plan);
	akida_session_destroy(o->session);
	akida_device_close(o->device);
	akida_model_destroy(o->model);
	free(o->in);
	free(o->out);
}

static void spread(const char *name, const double *v, double batch)
{
	fprintf(stderr, "#   %s %.0f .. %.0f\n", name, v[0] * batch, v[TURNS - 1] * batch);
}

static void row(const struct bench_workload *w, int threads, int batch, int bits, bool avx2)
{
	static const struct peer *const peers[] = {&peer_onednn, &peer_xnnpack};
	enum { PEERS = sizeof(peers) / sizeof(*peers) };
	double ours_rate[TURNS], peer_rate[PEERS][TURNS], share[TURNS], ratio[PEERS][TURNS], median[PEERS], best;
	enum bench_peak peak = bench_peak_best(avx2);
	/* XNNPACK cannot be held to AVX2 */
	int count = avx2 ? 1 : PEERS, first = 0;
	void *plan[PEERS];
	struct ours o;
	double macs;

	if (!open_ours(&o, w, threads, batch, bits)) {
		fprintf(stderr, "%s: cannot be built or loaded\n", w->name);
		exit(1);
	}
	macs = bench_network_macs(o.model);
	for (int p = 0; p < count; p++)
		plan[p] = peers[p]->create(w, threads, batch, avx2);
	for (int i = 0; i < TURNS; i++) {
		double before = bench_peak(peak, threads, CALIBRATE_SECONDS), after;

		ours_rate[i] = bench_rate(run_ours, &o, threads, TURN_SECONDS);
		after = bench_peak(peak, threads, CALIBRATE_SECONDS);
		share[i] = 100 * ours_rate[i] * batch * macs / ((before + after) / 2);
		for (int p = 0; p < count; p++) {
			peer_rate[p][i] = bench_rate(peers[p]->run, plan[p], threads, TURN_SECONDS);
			ratio[p][i] = ours_rate[i] / peer_rate[p][i];
		}
	}
	for (int p = 0; p < count; p++)
		median[p] = bench_median(peer_rate[p], TURNS);
	for (int p = 1; p < count; p++)
		first = median[p] > median[first] ? p : first;
	best = median[first];
	printf("%s %.0f %.0f %.2f %.1f %d %d %d\n", w->name, bench_median(ours_rate, TURNS) * batch, best * batch,
	       bench_median(ratio[first], TURNS), bench_median(share, TURNS), threads, batch, bits);
	fflush(stdout);
	fprintf(stderr, "# %s t%d b%d bits %d: best peer %s; spreads\n", w->name, threads, batch, bits,
		peers[first]->name);
	spread("ours", ours_rate, batch);
	for (int p = 0; p < count; p++) {
		spread(peers[p]->name, peer_rate[p], batch);
		peers[p]->destroy(plan[p]);
	}
	close_ours(&o);
}

static bool listed(const char *list, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

static int next_number(const char **list)
{
	char *end;
	long v = strtol(*list, &end, 10);

	*list = *end == ',' ? end + 1 : end;
	return (int)v;
}

static void say_peaks(void)
{
	static const size_t sizes[] = {24 << 10, 512 << 10, 8 << 20, 256 << 20};

	for (int t = 1; t <= 2; t++) {
		for (enum bench_peak p = 0; p < BENCH_PEAK_COUNT; p++)
			if (bench_peak_available(p))
				fprintf(stderr, "# peak %s: %.0f G products/s, %d threads\n", bench_peak_name(p),
					bench_peak(p, t, 0.1) * 1e-9, t);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
			fprintf(stderr, "# read %zu KiB: %.0f GB/s, %d threads\n", sizes[i] >> 10,
				bench_read(sizes[i], t, 0.1) * 1e-9, t);
	}
}

int main(int argc, char **argv)
{
	const char *nets = argc > 1 && *argv[1] ? argv[1] : "W1,W2,W3,W4a,W4b,W4c";
	const char *threads = argc > 2 && *argv[2] ? argv[2] : "1,2",
		   *batches = argc > 3 && *argv[3] ? argv[3] : "1,32";
	const char *bits = argc > 4 && *argv[4] ? argv[4] : "8,4", *isa = getenv("AKIDA_ISA");
	bool avx2 = isa && (!strcmp(isa, "avx2") || !strcmp(isa, "avxvnni"));

	if (!__builtin_cpu_supports("avx2")) {
		fprintf(stderr, "not comparable: this processor has no AVX2\n");
		return 1;
	}
	if (!__builtin_cpu_supports("avx512vnni") && !avx2)
		fprintf(stderr,
			"not comparable: no AVX-512 VNNI on this processor; the figures asked for were set with it\n");
	say_peaks();
	fprintf(stderr, "# workload ours best_peer ratio pct_peak threads batch bits\n");
	for (const struct bench_workload *w = bench_workloads; w->name; w++) {
		if (!listed(nets, w->name))
			continue;
		for (const char *k = bits; *k;) {
			int bit = next_number(&k);

			for (const char *t = threads; *t;) {
				int n = next_number(&t);

				for (const char *b = batches; *b;)
					row(w, n, next_number(&b), bit, avx2);
			}
		}
	}
	return 0;
}
