/* SPDX-License-Identifier: MIT */
/*
 * Programs of several passes (nsoc-hardware 9): the configuration DMA goes round a ring of descriptors in bursts, one for
 * each pass; a frame runs through every pass before the next one enters, its activations as events in memory between
 * two passes. What each register of the replay block means in detail is ours (rule PASSES of layer/encoding.h).
 *
 * A pass is loaded for real once and kept as a plan; before every frame its words in memory are compared with what was
 * loaded.
 */
#include <stdlib.h>
#include "firmware/nsoc/plan.h"

#define DESC_WORDS 8u

struct ns_pass {
	struct ns_plan *plan;
	uint32_t words, packets; /* of a load */
};
struct ns_passes {
	uint32_t in_h, in_w; /* what the plans were made for */
	uint32_t burst;	     /* descriptors of a pass */
	uint32_t count;	     /* passes with a plan */
	struct ns_pass pass[NS_PASSES_MAX];
	uint64_t hash;
	bool usable;
	uint8_t *map; /* from one pass to the next */
	size_t map_bytes;
};

static uint32_t conf_reg(const struct nsoc *n, uint32_t off)
{
	return n->dma[NS_DMA_CONFIG].reg[off / 4];
}

static uint32_t image_reg(const struct nsoc *n, uint32_t off)
{
	return n->dma[NS_DMA_IMAGE].reg[off / 4];
}

static bool refuse(struct nsoc *n, const char *what, uint32_t value)
{
	ns_report(n, NS_UNKNOWN_ENCODING, "several passes: %s (0x%x)", what, value);
	return false;
}

static void drop_plans(struct ns_passes *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		ns_plan_free(p->pass[i].plan);
	p->count = 0;
	p->usable = false;
}

void ns_passes_drop(struct nsoc *n)
{
	struct ns_passes *p = n->passes;

	if (!p)
		return;
	drop_plans(p);
	free(p->map);
	free(p);
	n->passes = NULL;
}

static uint32_t slots(const struct nsoc *n)
{
	return (conf_reg(n, AKC_CDMA_GEOMETRY) >> 16 & 0xffu) + 1;
}

static bool descriptor(struct nsoc *n, uint32_t slot, uint32_t w[DESC_WORDS])
{
	uint32_t stride = (conf_reg(n, AKC_CDMA_GEOMETRY) & 0x1fu) * 32u;

	return ns_mem_read(n, conf_reg(n, AKC_CDMA_RING) + slot * stride, w, DESC_WORDS * 4);
}

/* The mesh is empty when a pass is loaded: general control b1 has it reset at the end of the one before. */
static bool load(struct nsoc *n, uint32_t pass, uint32_t *words, uint32_t *packets)
{
	*words = *packets = 0;
	ns_mesh_reset(n);
	for (uint32_t i = 0; i < n->passes->burst; i++) {
		uint32_t w[DESC_WORDS], some, in;

		if (!descriptor(n, pass * n->passes->burst + i, w) || !ns_config_transfer(n, w, &some, &in))
			return false;
		*words += some;
		*packets += in;
	}
	return true;
}

static void load_time(struct nsoc *n, uint32_t words, uint32_t packets)
{
	n->dma[NS_DMA_CONFIG].timer += (uint32_t)ak_cost_load(n->chip->cost, words, packets);
}

bool ns_passes_start(struct nsoc *n)
{
	uint32_t burst = AKC_CDMA_BURST_DESCS(conf_reg(n, AKC_CDMA_BURST)), words, packets;
	struct ns_dma *d = &n->dma[NS_DMA_CONFIG];

	if (!(n->top[AKC_TOP_CONTROL / 4] & AKC_TOP_CONTROL_MULTI_PASS))
		return refuse(n, "bursts without the multi-pass bit of general control", n->top[AKC_TOP_CONTROL / 4]);
	if (conf_reg(n, AKC_CDMA_REPLAY) != AKC_CDMA_REPLAY_BURST || !burst || slots(n) % burst ||
	    slots(n) / burst > NS_PASSES_MAX || (conf_reg(n, AKC_CDMA_GEOMETRY) & 0x1fu) < 1)
		return refuse(n, "descriptors of a burst", conf_reg(n, AKC_CDMA_BURST));
	ns_passes_drop(n);
	n->passes = calloc(1, sizeof(*n->passes));
	if (!n->passes)
		return false;
	n->passes->burst = burst;
	if (!load(n, 0, &words, &packets))
		return false;
	ns_time_pass(n, ns_cycles_ns(n, (uint64_t)ak_cost_load(n->chip->cost, words, packets)));
	load_time(n, words, packets);
	d->events |= AKC_CDMA_EVENTS_BURST;
	d->cur = (uint8_t)(burst - 1);
	return true;
}

/* Of all descriptors and what they write to the mesh. */
static bool hash_all(struct nsoc *n, uint32_t count, uint64_t *hash)
{
	*hash = 0;
	for (uint32_t i = 0; i < count * n->passes->burst; i++) {
		uint32_t w[DESC_WORDS];

		if (!descriptor(n, i, w))
			return false;
		for (uint32_t k = 0; k < DESC_WORDS; k++)
			*hash = (*hash ^ w[k]) * 0x9e3779b97f4a7c15u + (*hash >> 29);
		if (!ns_hash_words(n, w[1], w[2] & 0xffffu, hash))
			return false;
	}
	for (uint32_t i = 0; i < NS_FNP2_MAX; i++)
		*hash = (*hash ^ n->top[AKC_TOP_FNP2_WEIGHTS(i) / 4]) * 0x9e3779b97f4a7c15u + (*hash >> 29);
	for (uint32_t i = 0; i < n->passes->count; i++) {
		const struct ns_plan *p = n->passes->pass[i].plan;

		for (unsigned int k = 0; p && k < p->externals; k++)
			if (!ns_hash_words(n, p->external[k].addr, p->external[k].words, hash))
				return false;
	}
	return true;
}

static bool make_plans(struct nsoc *n, uint32_t count, uint32_t in_h, uint32_t in_w)
{
	struct ns_passes *s = n->passes;
	struct ns_plan_for what = {.passes = true};

	drop_plans(s);
	s->in_h = in_h;
	s->in_w = in_w;
	for (uint32_t i = 0; i < count; i++) {
		struct ns_pass *p = &s->pass[i];

		if (!load(n, i, &p->words, &p->packets))
			return false;
		what.image = !i;
		what.final = i + 1 == count;
		what.in = i ? ns_plan_output(s->pass[i - 1].plan)
			    : (struct ns_shape){in_h, in_w, n->hrc.reg[AK_HRC_WORD_CHANNELS], 8};
		p->plan = ns_plan_make(n, &what);
		s->count = i + 1;
		if (!p->plan || !p->plan->usable)
			return false;
	}
	return hash_all(n, count, &s->hash);
}

static bool make_map(struct ns_passes *s)
{
	for (uint32_t i = 0; i + 1 < s->count; i++) {
		struct ns_shape shape = ns_plan_output(s->pass[i].plan);
		size_t bytes = (size_t)shape.h * shape.w * shape.c;
		uint8_t *map = bytes > s->map_bytes ? realloc(s->map, bytes) : s->map;

		if (!map)
			return false;
		s->map = map;
		s->map_bytes = bytes > s->map_bytes ? bytes : s->map_bytes;
	}
	return true;
}

/* Everything a frame needs, as it was set up; how many passes there are, 0 (reported) when it does not fit together. */
static uint32_t ready(struct nsoc *n, uint32_t in_h, uint32_t in_w)
{
	const uint32_t mode =
		AKC_CDMA_REPLAY_BURST | AKC_CDMA_REPLAY_OB_ADDR | AKC_CDMA_REPLAY_DYNAMIC | AKC_CDMA_REPLAY_BUFFERS;
	uint32_t burst = image_reg(n, AKC_CDMA_BURST), loops = AKC_CDMA_BURST_LOOPS(burst);
	struct ns_passes *s = n->passes;
	uint64_t hash;

	if (!s || !(conf_reg(n, AKC_CDMA_CONTROL) & AKC_CDMA_CONTROL_RUN) || n->dma[NS_DMA_CONFIG].stuck)
		return refuse(n, "the configuration DMA does not run in bursts", 0);
	if (image_reg(n, AKC_CDMA_REPLAY) != mode || AKC_CDMA_BURST_LAYERS(burst) != loops ||
	    loops != slots(n) / s->burst)
		return refuse(n, "loops of the input DMA", burst);
	if (s->usable && s->in_h == in_h && s->in_w == in_w && hash_all(n, loops, &hash) && hash == s->hash)
		return loops;
	s->usable = make_plans(n, loops, in_h, in_w) && make_map(s);
	return s->usable ? loops : 0;
}

bool ns_passes_frame(struct nsoc *n, const uint8_t *in, uint32_t in_h, uint32_t in_w, struct ak_cost_frame *cost)
{
	uint32_t loops = ready(n, in_h, in_w),
		 room = AKC_CDMA_OB_OFFSETS_UNIT * AKC_CDMA_OB_OFFSETS_EVENTS(image_reg(n, AKC_CDMA_OB_OFFSETS));

	for (uint32_t i = 0; i < loops; i++) {
		const struct ns_pass *p = &n->passes->pass[i];
		uint32_t area = image_reg(n, AKC_CDMA_EVENT_SCRATCH) + (i % 2) * room;
		struct ns_shape shape = ns_plan_output(p->plan);
		struct ns_output out;

		ak_cost_add_pass(cost, n->chip->cost, !i, p->words, p->packets);
		load_time(n, p->words, p->packets);
		if (!ns_execute(n, p->plan, in, &out, cost))
			return false;
		if (i + 1 == loops) {
			cost->bottleneck = cost->latency + cost->after; /* no two frames overlap */
			return ns_store_output(n, NS_DMA_IMAGE, image_reg(n, AKC_CDMA_OB_EVENTS), &out);
		}
		if (!ns_events_write(n, area, room, &out) || !ns_events_read(n, area, &shape, n->passes->map))
			return false;
		in = n->passes->map;
	}
	return false;
}
