// SPDX-License-Identifier: MIT
/*
 * make fit-cost: fits the parameters of libakida/layer/cost.c to published figures and prints the error table of
 * docs/cost-model.md: with the library's parameters, with those fitted now, and each network by parameters that never
 * saw it. Deterministic: least squares of logarithms, found by coordinate search. Only minimal mappings are fitted to, whose
 * layouts are known: frames of the other modes are predictions. A weak pull towards round values holds parameters that
 * the figures at hand do not determine.
 */
#include <stdio.h>
#include "cost/akd1000.h"
#include "cost/evaluate.h"

struct parameters {
	struct ak_cost_unit unit;
	struct ak_cost_chip chip;
};

struct parameter {
	const char *name, *unit;
	bool chip;
	size_t offset;
	double prior; /* where it is pulled to */
};
#define UNIT(field, of, prior)                                                                                         \
	{                                                                                                              \
#field, of, false, offsetof(struct ak_cost_unit, field), prior                                         \
	}
#define CHIP(field, of, prior)                                                                                         \
	{                                                                                                              \
#field, of, true, offsetof(struct ak_cost_chip, field), prior                                          \
	}
static const struct parameter timing[] = {
	UNIT(line, "clocks", 1),   UNIT(tap, "clocks", 1),	UNIT(word, "clocks", 1),	 UNIT(hrc, "clocks", 2),
	UNIT(fill, "clocks", 500), CHIP(pass, "clocks", 10000), CHIP(memory_word, "clocks", 10),
};
static const struct parameter energy[] = {UNIT(pj_line, "pJ", 25), UNIT(pj_cycle, "pJ", 25), UNIT(pj_hrc, "pJ", 100),
					  CHIP(pj_memory_word, "pJ", 100)};
static const struct parameter loading[] = {CHIP(memory_word, "clocks", 4), CHIP(packet, "clocks", 100)};
#define PULL 0.003
#define COUNT(array) (sizeof(array) / sizeof(array[0]))

static struct bench bench;

static double *field(struct parameters *p, const struct parameter *which)
{
	return (double *)((char *)(which->chip ? (void *)&p->chip : (void *)&p->unit) + which->offset);
}

/* Weighted squares of logarithms. A layer counts a third of a frame: there are more of them, and their figures are differences. */
static double misfit(const struct parameters *p, bool energies, int without)
{
	static struct evaluation e;
	double sum = 0;

	evaluate(&e, &bench, &p->unit, &p->chip);
	for (uint32_t i = 0; i < e.count; i++) {
		const struct line *l = &e.line[i];
		double weight = l->kind == LINE_LAYER ? 0.3 : 1, off = log(l->model / l->published);

		if (l->net != without && l->mode == AKIDA_MAP_MINIMAL &&
		    (energies ? l->kind == LINE_ENERGY : l->kind == LINE_FRAME || l->kind == LINE_LAYER))
			sum += weight * off * off;
	}
	return sum;
}

static double misfit_loading(const struct parameters *p)
{
	struct akd1000 a;
	double sum = 0;

	akd1000_lines(&a, &p->unit, &p->chip);
	for (uint32_t i = 0; i < a.count; i++)
		if (!strncmp(a.line[i].what, "programming, ", 13) || !strcmp(a.line[i].what, "SimpleCNN2 at 5 MHz")) {
			double off = log(a.line[i].model / a.line[i].published);

			sum += off * off;
		}
	return sum;
}

enum target { TIMING, ENERGY, LOADING };

static double target_misfit(struct parameters *p, const struct parameter *which, size_t count, enum target t,
			    int without)
{
	double sum = t == LOADING ? misfit_loading(p) : misfit(p, t == ENERGY, without);

	for (size_t i = 0; i < count; i++) {
		double off = log(*field(p, &which[i]) / which[i].prior);

		sum += PULL * off * off;
	}
	return sum;
}

/* Every parameter up and down by a factor that shrinks. */
static void fit(struct parameters *p, const struct parameter *which, size_t count, enum target t, int without)
{
	double best, step = 0.2;

	for (size_t i = 0; i < count; i++)
		*field(p, &which[i]) = which[i].prior;
	best = target_misfit(p, which, count, t, without);

	while (step > 1e-4) {
		bool better = false;

		for (size_t i = 0; i < 2 * count; i++) {
			double *v = field(p, &which[i / 2]), old = *v, now;

			*v = i % 2 ? old * (1 + step) : old / (1 + step);
			now = target_misfit(p, which, count, t, without);
			if (now < best * (1 - 1e-9)) {
				best = now;
				better = true;
			} else {
				*v = old;
			}
		}
		if (!better)
			step /= 2;
	}
}

static void fit_all(struct parameters *p, int without)
{
	fit(p, timing, COUNT(timing), TIMING, without);
	fit(p, energy, COUNT(energy), ENERGY, without);
}

static void print_parameters(const char *title, struct parameters *p, const struct parameter *which, size_t count)
{
	printf("%s:", title);
	for (size_t i = 0; i < count; i++)
		printf(" %s %.4g %s%s", which[i].name, *field(p, &which[i]), which[i].unit, i + 1 < count ? "," : "\n");
}

static const char *const mode_names[] = {"minimal", "all-nps", "hw-pr"};

static void print_frames(const struct evaluation *e)
{
	printf("\n| Network | Mode | NPs | Clocks | model | | ms a call | model | | mJ above idle | model | | mJ | "
	       "model | |\n"
	       "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (uint32_t i = 0, r = 0; i < e->count; i++) {
		const struct line *l = &e->line[i];

		if (l->kind == LINE_FRAME) {
			printf("| %s | %s | %u, model %u | %.0f | %.0f | %+.1f %%", figure_networks[l->net].name,
			       mode_names[l->mode], figure_rows[r].nps,
			       layout_nps(&bench.net[l->net], &bench.layout[r]) + 1, l->published, l->model,
			       100 * line_error(l));
			r++;
		} else if (l->kind != LINE_LAYER) {
			printf(" | %.3f | %.3f | %+.1f %%%s", l->published, l->model, 100 * line_error(l),
			       l->kind == LINE_TOTAL ? " |\n" : "");
		}
	}
}

static void print_layers(const struct evaluation *e)
{
	static const int nets[] = {NET_10_224, NET_PLANTS, NET_KEYWORDS};

	for (int k = 0; k < 3; k++) {
		printf("\n| %s, layer | Split, rows x filters | ms | model | |\n|---|---|---|---|---|\n",
		       figure_networks[nets[k]].name);
		for (uint32_t i = 0; i < e->count; i++) {
			const struct line *l = &e->line[i];
			size_t r = 0;

			if (l->kind != LINE_LAYER || l->net != nets[k])
				continue;
			while (figure_rows[r].net != nets[k])
				r++;
			printf("| %u | %u x %u | %.4f | %.4f | %+.1f %% |\n", l->layer, bench.layout[r].rows[l->layer],
			       bench.layout[r].filters[l->layer], l->published / 400e3, l->model / 400e3,
			       100 * line_error(l));
		}
	}
}

static void print_summary(const struct evaluation *e)
{
	static const char *const names[] = {"clocks of a frame", "clocks of a layer", "wall clock of a call",
					    "energy above idle", "energy with idle"};

	printf("\n| AKD1500 | median error | worst |\n|---|---|---|\n");
	for (int k = 0; k < LINE_KINDS; k++) {
		double median, worst;

		evaluate_errors(e, k, -1, &median, &worst);
		printf("| %s | %.1f %% | %.1f %% |\n", names[k], 100 * median, 100 * worst);
	}
}

static void print_akd1000(const struct parameters *p)
{
	struct akd1000 a;

	akd1000_lines(&a, &p->unit, &p->chip);
	printf("\n| AKD1000 | published | model | |\n|---|---|---|---|\n");
	for (uint32_t i = 0; i < a.count; i++)
		printf("| %s | %.6g %s | %.6g | %+.1f %% |\n", a.line[i].what, a.line[i].published, a.line[i].unit,
		       a.line[i].model, 100 * (a.line[i].model / a.line[i].published - 1));
}

/* The cheapest mapping of networks of which nothing but an energy is published. */
static void print_energies(const struct parameters *p)
{
	printf("\n| Not fitted to | mJ | model | | layout |\n|---|---|---|---|---|\n");
	for (size_t i = 0; i < FIGURE_ENERGIES; i++) {
		const struct figure_energy *f = &figure_energies[i];
		static struct network n;
		double least = INFINITY;
		struct layout best = {0};

		network_build(&n, &f->network);
		for (int mode = AKIDA_MAP_MINIMAL; mode <= AKIDA_MAP_HW_PR; mode++) {
			struct ak_cost_frame frame;
			struct layout a;
			double mj;

			layout_make(&n, (enum akida_map_mode)mode, &a);
			frame = layout_frame(&n, &a, &p->unit, &p->chip, NULL);
			mj = frame.pj * 1e-9 + wall_ms(&n, &frame, &p->chip) * p->chip.clock[0].floor_uw * 1e-6;
			if (mj < least) {
				least = mj;
				best = a;
			}
		}
		printf("| %s | %.2f | %.2f | %+.1f %% | %u passes, %u NPs |\n", f->network.name, f->mj, least,
		       100 * (least / f->mj - 1), best.passes, layout_nps(&n, &best) + 1);
	}
}

/* Each network by parameters fitted to all others. */
static void print_left_out(const struct parameters *start)
{
	printf("\n| Left out of the fit | clocks of a frame: median, worst | of a layer: median, worst | energy: "
	       "median, worst |\n"
	       "|---|---|---|---|\n");
	for (int net = 0; net < NETS; net++) {
		struct parameters p = *start;
		static struct evaluation e;

		fit_all(&p, net);
		evaluate(&e, &bench, &p.unit, &p.chip);
		printf("| %s", figure_networks[net].name);
		for (int k = 0; k < LINE_KINDS; k++) {
			double median, worst;

			if (k != LINE_FRAME && k != LINE_LAYER && k != LINE_ENERGY)
				continue;
			evaluate_errors(&e, k, net, &median, &worst);
			if (isnan(median))
				printf(" | -");
			else
				printf(" | %.1f %%, %.1f %%", 100 * median, 100 * worst);
		}
		printf(" |\n");
	}
}

int main(void)
{
	struct parameters library = {ak_cost_unit, ak_cost_akd1500}, fitted = library;
	struct parameters akd1000 = {ak_cost_unit, ak_cost_akd1000};
	static struct evaluation e;

	bench_make(&bench);
	evaluate(&e, &bench, &library.unit, &library.chip);
	printf("With the parameters of libakida/layer/cost.c\n");
	print_frames(&e);
	print_layers(&e);
	print_summary(&e);
	print_akd1000(&akd1000);
	print_energies(&library);

	fit_all(&fitted, -1);
	akd1000.unit = fitted.unit;
	fit(&akd1000, loading, COUNT(loading), LOADING, -1);
	printf("\nFitted now\n\n");
	print_parameters("timing, AKD1500", &fitted, timing, COUNT(timing));
	print_parameters("energy, AKD1500", &fitted, energy, COUNT(energy));
	print_parameters("loading, AKD1000", &akd1000, loading, COUNT(loading));
	evaluate(&e, &bench, &fitted.unit, &fitted.chip);
	print_summary(&e);
	print_left_out(&fitted);
	return 0;
}
