/* SPDX-License-Identifier: MIT */
/* Life cycle of a software NSoC, its reports, and how modelled time passes. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "firmware/nsoc/internal.h"

void nsoc_pci_power_on(struct nsoc *n); /* pci.c */

static int create(enum nsoc_chip chip, uint32_t nodes, const struct nsoc_host *host, struct nsoc **out)
{
	struct nsoc *n = calloc(1, sizeof(*n));

	*out = NULL;
	if (!n)
		return -ENOMEM;
	n->kind = chip;
	n->nodes = nodes;
	n->chip = chip == NSOC_AKD1000 ? &ns_chip_akd1000 : &ns_chip_akd1500;
	if (nodes) {
		ns_chip_of_nodes(&n->own_chip, nodes);
		n->chip = &n->own_chip;
	}
	if (host)
		n->host = *host;
	n->pages = n->chip->mem_bytes >> NS_PAGE_BITS;
	n->page = calloc(n->pages, sizeof(*n->page));
	n->config_words = malloc(NS_CONFIG_WORDS * sizeof(*n->config_words));
	if (!n->page || !n->config_words) {
		nsoc_destroy(n);
		return -ENOMEM;
	}
	ns_mesh_populate(n);
	for (unsigned int i = 0; i < n->np_count; i++) {
		struct ns_np *np = &n->np[i];

		np->lines = calloc(NS_LINES, sizeof(*np->lines));
		np->threshold = calloc(NS_THRESHOLD_WORDS, sizeof(*np->threshold));
		np->fnp_weight = np->fnp == NS_FNP3 ? calloc(NS_FNP_WORDS, sizeof(*np->fnp_weight)) : NULL;
		if (!np->lines || !np->threshold || (np->fnp == NS_FNP3 && !np->fnp_weight)) {
			nsoc_destroy(n);
			return -ENOMEM;
		}
	}
	nsoc_power_cycle(n);
	*out = n;
	return 0;
}

int nsoc_create(enum nsoc_chip chip, const struct nsoc_host *host, struct nsoc **out)
{
	return create(chip, 0, host, out);
}

int nsoc_create_nodes(uint32_t nodes, const struct nsoc_host *host, struct nsoc **out)
{
	*out = NULL;
	return nodes < 2 || nodes > NSOC_NODES_MAX ? -EINVAL : create(NSOC_AKD1500, nodes, host, out);
}

void nsoc_destroy(struct nsoc *n)
{
	if (!n)
		return;
	ns_plan_drop(n);
	ns_passes_drop(n);
	for (unsigned int i = 0; i < n->np_count; i++) {
		free(n->np[i].lines);
		free(n->np[i].threshold);
		free(n->np[i].fnp_weight);
	}
	for (uint32_t i = 0; n->page && i < n->pages; i++)
		free(n->page[i]);
	free(n->page);
	free(n->config_words);
	free(n->frame);
	free(n->payload);
	free(n);
}

void nsoc_power_cycle(struct nsoc *n)
{
	for (uint32_t i = 0; i < n->pages; i++) {
		free(n->page[i]);
		n->page[i] = NULL;
	}
	memset(&n->report, 0, sizeof(n->report));
	n->now_ns = 0;
	n->clock = 0;
	n->last_start_ns = n->last_finish_ns = 0;
	nsoc_pci_power_on(n);
	ns_core_power_on(n);
	ns_sensor_reset(n);
}

/* ---- reports ---- */

void ns_report(struct nsoc *n, enum ns_fault what, const char *fmt, ...)
{
	struct nsoc_report *r = &n->report;
	va_list ap;

	switch (what) {
	case NS_UNKNOWN_REGISTER:
		r->unknown_registers++;
		break;
	case NS_UNKNOWN_PACKET:
		r->unknown_packets++;
		break;
	case NS_UNKNOWN_ENCODING:
		r->unknown_encodings++;
		break;
	case NS_BAD_ADDRESS:
		r->bad_addresses++;
		break;
	case NS_DMA_FAULT:
		r->dma_faults++;
		break;
	}
	va_start(ap, fmt);
	vsnprintf(r->last, sizeof(r->last), fmt, ap);
	va_end(ap);
}

void nsoc_get_report(const struct nsoc *n, struct nsoc_report *r)
{
	*r = n->report;
}

/* ---- time ---- */

const struct ak_cost_clock *ns_clock(const struct nsoc *n)
{
	return &n->chip->cost->clock[n->clock];
}

uint64_t ns_cycles_ns(const struct nsoc *n, uint64_t cycles)
{
	return cycles * 1000000u / ns_clock(n)->khz;
}

void ns_time_to(struct nsoc *n, uint64_t t)
{
	while (n->job_count) {
		struct ns_job job = n->job[n->job_first];

		if (job.finish_ns > t && job.finish_ns > n->now_ns)
			break;
		n->job_first = (n->job_first + 1) % NS_RING_MAX;
		n->job_count--;
		ns_sensor_spend(n, job.finish_ns > n->now_ns ? job.finish_ns - n->now_ns : 0, job.energy_pj);
		ns_dma_complete(n, &job);
	}
	if (t > n->now_ns)
		ns_sensor_spend(n, t - n->now_ns, 0);
}

void ns_time_pass(struct nsoc *n, uint64_t ns)
{
	ns_time_to(n, n->now_ns + ns);
}

void ns_time_next_job(struct nsoc *n)
{
	if (n->job_count)
		ns_time_to(n, n->job[n->job_first].finish_ns);
}

void nsoc_set_paced(struct nsoc *n, bool on)
{
	n->paced = on;
}

void nsoc_advance_us(struct nsoc *n, uint64_t us)
{
	const uint64_t most = 1000000ull * 3600 * 24 * 365; /* a year a call: keeps the clock far from wrapping */

	ns_time_pass(n, (us < most ? us : most) * 1000u);
}

uint64_t nsoc_time_ns(const struct nsoc *n)
{
	return n->now_ns;
}

/* ---- faults on request ---- */

void nsoc_inject(struct nsoc *n, enum nsoc_inject what, uint32_t count)
{
	if ((unsigned int)what < NSOC_INJECT_COUNT)
		n->inject[what] = count;
}

bool ns_injected(struct nsoc *n, enum nsoc_inject what)
{
	if (!n->inject[what])
		return false;
	n->inject[what]--;
	return true;
}

void ns_moment(struct nsoc *n, enum nsoc_moment m)
{
	if (n->host.moment)
		n->host.moment(n->host.ctx, m);
}
