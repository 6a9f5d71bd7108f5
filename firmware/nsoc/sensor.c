/* SPDX-License-Identifier: MIT */
/*
 * Energy bookkeeping and the emulated board's power sensor: modelled energy is spread over modelled time, every 141 ms
 * a sample shows the mean power of the interval before the one that ends: a meter hands out its last finished average, and
 * so the first sample of a run that counts still shows the floor, as in published ones. Register layout: nsoc.h.
 */
#include "firmware/nsoc/internal.h"

#define SAMPLE_NS 141000000ull

static void add_energy(struct nsoc *n, uint64_t pj)
{
	n->sample_pj += pj;
	n->energy_pj += pj;
	if (n->energy_pj < 1000000u)
		return;
	n->energy_uj += n->energy_pj / 1000000u;
	n->energy_pj %= 1000000u;
}

static void take_sample(struct nsoc *n)
{
	uint64_t uw = n->sample_uw;
	unsigned int at;

	if (n->sample_count == NS_SAMPLES) {
		n->sample_first = (n->sample_first + 1) % NS_SAMPLES;
		n->sample_count--;
	}
	at = (n->sample_first + n->sample_count++) % NS_SAMPLES;
	n->sample[at].ms = (uint32_t)(n->now_ns / 1000000u);
	n->sample[at].uv = n->chip->cost->supply_uv;
	n->sample[at].ua = (uint32_t)(uw * 1000000u / n->chip->cost->supply_uv);
	n->sample_uw = n->sample_pj * 1000 / SAMPLE_NS; /* pJ/ns = mW */
	n->sample_pj = 0;
	n->sample_start_ns = n->now_ns;
}

/* Floor power in microwatts times nanoseconds is femtojoules. */
static uint64_t floor_pj(const struct nsoc *n, uint64_t ns)
{
	return ns_clock(n)->floor_uw * ns / 1000u;
}

/* An idle span is a whole number of identical samples: only the last 1024 are kept, so only those are made. */
static void skip_idle(struct nsoc *n, uint64_t *ns)
{
	uint64_t whole = *ns / SAMPLE_NS;

	if (whole <= NS_SAMPLES + 1)
		return;
	whole -= NS_SAMPLES + 1;
	n->now_ns += whole * SAMPLE_NS;
	n->sample_start_ns += whole * SAMPLE_NS;
	n->energy_uj += ns_clock(n)->floor_uw * (SAMPLE_NS / 1000000u) / 1000u * whole;
	*ns -= whole * SAMPLE_NS;
}

/* The floor's share up to now: added when somebody looks, most steps of time being tiny. */
static void settle_floor(struct nsoc *n)
{
	add_energy(n, floor_pj(n, n->now_ns - n->floor_since_ns));
	n->floor_since_ns = n->now_ns;
}

void ns_sensor_spend(struct nsoc *n, uint64_t ns, uint64_t pj)
{
	if (n->now_ns + ns < n->sample_start_ns + SAMPLE_NS) { /* nearly always */
		if (pj)
			add_energy(n, pj);
		n->now_ns += ns;
		return;
	}
	settle_floor(n);
	if (!pj)
		skip_idle(n, &ns);
	while (ns) {
		uint64_t left = n->sample_start_ns + SAMPLE_NS - n->now_ns;
		uint64_t step = ns < left ? ns : left, part;

		/* part = pj * step / ns without overflow: both factors stay below 2^32 after scaling */
		part = step == ns ? pj : (uint64_t)((double)pj * ((double)step / (double)ns));
		add_energy(n, floor_pj(n, step) + part);
		n->now_ns += step;
		pj -= part;
		ns -= step;
		if (step == left)
			take_sample(n);
	}
	if (pj)
		add_energy(n, pj);
	n->floor_since_ns = n->now_ns;
}

void ns_sensor_reset(struct nsoc *n)
{
	n->sample_first = n->sample_count = 0;
	n->sample_pj = n->energy_pj = n->energy_uj = 0;
	n->sample_uw = ns_clock(n)->floor_uw;
	n->energy_hi = 0;
	n->sample_start_ns = n->floor_since_ns = n->now_ns;
}

uint32_t ns_sensor_read(struct nsoc *n, uint32_t off)
{
	unsigned int at = n->sample_first;
	bool some = n->sample_count != 0;

	if (n->inject[NSOC_INJECT_NO_SENSOR])
		return 0;
	switch (off) {
	case NSOC_SENSOR_ID:
		return AKC_SENSOR_MAGIC;
	case NSOC_SENSOR_FLOOR_UW:
		return ns_clock(n)->floor_uw;
	case NSOC_SENSOR_COUNT:
		return n->sample_count;
	case NSOC_SENSOR_TIME_MS:
		return some ? n->sample[at].ms : 0;
	case NSOC_SENSOR_UV:
		return some ? n->sample[at].uv : 0;
	case NSOC_SENSOR_UA:
		if (!some)
			return 0;
		n->sample_first = (at + 1) % NS_SAMPLES;
		n->sample_count--;
		return n->sample[at].ua;
	case NSOC_SENSOR_NOW_MS_LO:
		return (uint32_t)(n->now_ns / 1000000u);
	case NSOC_SENSOR_ENERGY_UJ_LO:
		settle_floor(n);
		n->energy_hi = (uint32_t)(n->energy_uj >> 32);
		return (uint32_t)n->energy_uj;
	case NSOC_SENSOR_ENERGY_UJ_HI:
		return n->energy_hi;
	case NSOC_SENSOR_CLOCK_KHZ:
		return ns_clock(n)->khz;
	default:
		ns_report(n, NS_UNKNOWN_REGISTER, "power sensor register 0x%x read", off);
		return 0;
	}
}

/* The clock modes of the board: what is in flight keeps the pace it was started with. */
static bool set_clock(struct nsoc *n, uint32_t khz)
{
	for (uint32_t i = 0; i < n->chip->cost->clocks; i++)
		if (n->chip->cost->clock[i].khz == khz) {
			settle_floor(n);
			n->clock = i;
			return true;
		}
	return false;
}

void ns_sensor_write(struct nsoc *n, uint32_t off, uint32_t val)
{
	if (off == NSOC_SENSOR_COUNT && val == 1)
		n->sample_first = n->sample_count = 0;
	else if (off != NSOC_SENSOR_CLOCK_KHZ || !set_clock(n, val))
		ns_report(n, NS_UNKNOWN_REGISTER, "power sensor register 0x%x written with 0x%x", off, val);
}
