// SPDX-License-Identifier: MIT
/*
 * Smallest mappings beside published ones (model-zoo 6.1): NPs without the HRC, and program sizes. Heads that the zoo's
 * sources do not give are those that match the published parameter count; see each row.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include "map/emit.h"
#include "models.h"

#define LAYERS_MAX 24u

struct chain {
	struct akida_layer l[LAYERS_MAX];
	uint32_t count;
};

/* Appends a layer; an input size of 0 continues the chain. No weights: sizes alone decide splits. */
static struct akida_layer *add(struct chain *c, enum akida_layer_type type, uint32_t filters, uint32_t stride)
{
	struct akida_layer *l = &c->l[c->count], *prev = c->count ? l - 1 : NULL;

	assert_true(c->count < LAYERS_MAX);
	*l = (struct akida_layer){.type = type, .filters = filters, .in_bits = 4, .weights_bits = 4, .act_bits = 4};
	snprintf(l->name, sizeof(l->name), "layer_%u", c->count++);
	l->activation = true;
	if (type != AKIDA_LAYER_FULLY) {
		l->kernel_h = l->kernel_w = 3;
		l->stride = stride;
		l->padding = AKIDA_PAD_SAME;
	}
	if (prev) {
		assert_int_equal(ak_layer_finish(prev, NULL), 0);
		l->in_h = prev->out_h;
		l->in_w = prev->out_w;
		l->in_c = prev->out_c;
	}
	return l;
}

static void input(struct chain *c, uint32_t h, uint32_t w, uint32_t channels, uint32_t filters, uint32_t stride)
{
	struct akida_layer *l = add(c, AKIDA_LAYER_INPUT_CONV, filters, stride);

	l->in_h = h;
	l->in_w = w;
	l->in_c = channels;
	l->in_bits = l->weights_bits = 8;
}

/* The body of AkidaNet (kind CONV) or MobileNet (kind SEPARABLE) with width/4 as alpha. */
static void body(struct chain *c, enum akida_layer_type kind, uint32_t h, uint32_t w, uint32_t quarters)
{
	static const uint16_t filters[] = {64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024};
	static const uint8_t stride[] = {1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1};

	input(c, h, w, 3, 8 * quarters, 2);
	for (uint32_t i = 0; i < 13; i++)
		add(c, i < 3 ? kind : AKIDA_LAYER_SEPARABLE, filters[i] / 4 * quarters, stride[i]);
}

static void pooled(struct chain *c)
{
	c->l[c->count - 1].pool = AKIDA_POOL_GLOBAL_AVERAGE;
}

static void dense(struct chain *c, uint32_t units, uint8_t bits)
{
	add(c, AKIDA_LAYER_FULLY, units, 0)->weights_bits = bits;
}

enum family {
	AKIDANET,
	MOBILENET,
	EDGE,	/* AkidaNet 0.5, spike generator of 2048, classes with 2-bit weights */
	PLANTS, /* 512, 38 */
	FACES,	/* 128, 10575 identities: 2.30 M parameters (published 2.3 M) */
	YOLO,
	GXNOR, /* the older form, whose 1.6 M parameters are published; 2-bit weights */
	KEYWORDS,
};

struct row {
	const char *name;
	enum family family;
	uint32_t h, w, quarters, classes, nps;
	double kbytes;
};

static const struct row rows[] = {
	{"AkidaNet 0.5 160", AKIDANET, 160, 160, 2, 1000, 24, 1089.1},
	{"AkidaNet 1.0 160", AKIDANET, 160, 160, 4, 1000, 68, 4061.1},
	{"AkidaNet 0.25 224", AKIDANET, 224, 224, 1, 1000, 22, 409.1},
	{"AkidaNet 0.5 224", AKIDANET, 224, 224, 2, 1000, 32, 1202.2},
	{"AkidaNet 1.0 224", AKIDANET, 224, 224, 4, 1000, 116, 6294.0},
	{"AkidaNet 0.5 edge 160", EDGE, 160, 160, 2, 1000, 38, 2017.4},
	{"AkidaNet 0.5 edge 224", EDGE, 224, 224, 2, 1000, 46, 2130.5},
	{"AkidaNet 0.5 PlantVillage", PLANTS, 224, 224, 2, 38, 33, 1019.1},
	{"MobileNet 0.25 224", MOBILENET, 224, 224, 1, 1000, 22, 377.9},
	{"MobileNet 0.5 224", MOBILENET, 224, 224, 2, 1000, 32, 1065.3},
	{"MobileNet 1.0 224", MOBILENET, 224, 224, 4, 1000, 110, 5223.3},
	{"GXNOR", GXNOR, 28, 28, 0, 10, 3, 412.8},
	{"YOLOv2 VOC person, car", YOLO, 224, 224, 2, 2, 71, 3061.4},
	{"YOLOv2 WIDER FACE", YOLO, 224, 224, 2, 1, 71, 3053.1},
	{"AkidaNet 0.5 faces", FACES, 112, 96, 2, 10575, 21, 1930.1},
	{"AkidaNet 0.5 edge faces", EDGE, 112, 96, 2, 10575, 34, 6980.2},
	{"DS-CNN", KEYWORDS, 49, 10, 0, 33, 5, 23.1},
};

static void build(struct chain *c, const struct row *r)
{
	memset(c, 0, sizeof(*c));
	switch (r->family) {
	case GXNOR:
		input(c, r->h, r->w, 1, 32, 1);
		c->l[0].kernel_h = c->l[0].kernel_w = 5;
		net_pool2(&c->l[0]);
		add(c, AKIDA_LAYER_CONV, 64, 2)->weights_bits = 2;
		dense(c, 512, 2);
		dense(c, 10, 2);
		break;
	case KEYWORDS:
		input(c, r->h, r->w, 1, 64, 2);
		c->l[0].kernel_h = c->l[0].kernel_w = 5;
		for (int i = 0; i < 4; i++)
			add(c, AKIDA_LAYER_SEPARABLE, 64, 1);
		pooled(c);
		dense(c, r->classes, 4);
		break;
	case YOLO:
		body(c, AKIDA_LAYER_CONV, r->h, r->w, r->quarters);
		for (int i = 0; i < 3; i++)
			add(c, AKIDA_LAYER_SEPARABLE, 1024, 1);
		add(c, AKIDA_LAYER_SEPARABLE, 5 * (5 + r->classes), 1);
		break;
	default:
		body(c, r->family == MOBILENET ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_CONV, r->h, r->w, r->quarters);
		pooled(c);
		if (r->family == EDGE)
			add(c, AKIDA_LAYER_SEPARABLE, 2048, 1);
		if (r->family == PLANTS || r->family == FACES)
			dense(c, r->family == PLANTS ? 512 : 128, 4);
		dense(c, r->classes, r->family == EDGE ? 2 : 4);
	}
	if (c->l[c->count - 1].type != AKIDA_LAYER_FULLY) /* models have at most AK_MAX_DIM units, faces more */
		assert_int_equal(ak_layer_finish(&c->l[c->count - 1], NULL), 0);
}

/* Words of the tracks and of weights in external memory; the input convolution's by nsoc-hardware 17.1. */
static uint64_t words_of(const struct ak_placement *pl)
{
	uint64_t words = 0;

	for (uint32_t i = 0; i < pl->count; i++) {
		const struct ak_layer_place *p = &pl->layers[i];

		if (p->layer->type == AKIDA_LAYER_INPUT_CONV) {
			uint32_t banks = p->layer->in_c == 3 ? 3 : p->layer->kernel_h == 5 ? 3 : 1;

			words += 60 + (3 * banks + 2) * p->layer->filters;
		} else if (p->layer->type == AKIDA_LAYER_FULLY) {
			words += 54 + ak_fnp2_words(p->layer);
		} else {
			for (uint32_t n = 0; n < p->count; n++)
				words += ak_emit_cnp_words(p, n);
		}
	}
	return words;
}

static void test_published_nps_and_program_sizes(void **state)
{
	const struct ak_map_chip *chip = ak_map_chip_find("akd1500");
	struct chain c;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct akida_model m = {0};
		struct ak_placement pl;
		double kbytes;

		build(&c, &rows[i]);
		m.layers = c.l;
		m.count = c.count;
		assert_int_equal(ak_split_model(&m, chip, &pl, NULL), 0);
		kbytes = (double)words_of(&pl) * 4 / 1024;
		print_message("%-28s NPs %3u (published %3u)  KB %7.1f (published %7.1f, %+.1f %%)\n", rows[i].name,
			      pl.nps, rows[i].nps, kbytes, rows[i].kbytes, 100 * (kbytes / rows[i].kbytes - 1));
		if (pl.nps != rows[i].nps)
			fail_msg("%s: %u NPs, published %u", rows[i].name, pl.nps, rows[i].nps);
		if (!(fabs(kbytes / rows[i].kbytes - 1) < 0.05))
			fail_msg("%s: %.1f KB, published %.1f", rows[i].name, kbytes, rows[i].kbytes);
		ak_placement_fini(&pl);
	}
}

/*
 * The mapping of AkidaNet 0.5 224 that is published for an AKD1000, layer by layer (model-zoo 7.1): rows as in a minimal
 * one, but no more than 64 filters of a separable layer an NP.
 */
static void test_published_akd1000_layers(void **state)
{
	static const uint32_t want[] = {4, 6, 3, 6, 4, 8, 4, 4, 4, 4, 4, 8, 8, 1};
	const struct ak_map_chip *chip = ak_map_chip_find("akd1000");
	struct akida_model m = {0};
	struct ak_placement pl;
	uint32_t total = 0;
	struct chain c;

	(void)state;
	build(&c, &rows[3]);
	m.layers = c.l;
	m.count = c.count;
	assert_int_equal(m.count, 15);
	assert_int_equal(ak_split_model(&m, chip, &pl, NULL), 0);
	for (uint32_t i = 1; i < m.count; i++) {
		const struct ak_layer_place *p = &pl.layers[i];
		uint32_t nps = p->count;

		if (p->layer->type == AKIDA_LAYER_SEPARABLE)
			nps = p->row_parts * ((p->layer->filters + 63) / 64);
		assert_int_equal(nps, want[i - 1]);
		total += nps;
	}
	assert_int_equal(total, 68);
	ak_placement_fini(&pl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published_nps_and_program_sizes),
		cmocka_unit_test(test_published_akd1000_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
