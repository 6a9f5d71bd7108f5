/* SPDX-License-Identifier: MIT */
/*
 * Published AKD1000 figures beside the model. Layouts are the published NP counts, split as program sizes say; sparsities
 * were not published: half of all values, or those of the same network on the AKD1500.
 */
#ifndef TEST_COST_AKD1000_H
#define TEST_COST_AKD1000_H

#include "cost/networks.h"

struct akd1000_line {
	const char *what, *unit;
	double published, model;
};

#define AKD1000_LINES 32
struct akd1000 {
	uint32_t count;
	struct akd1000_line line[AKD1000_LINES];
};

static inline void akd1000_add(struct akd1000 *a, const char *what, const char *unit, double published, double model)
{
	if (a->count == AKD1000_LINES)
		abort();
	a->line[a->count++] = (struct akd1000_line){what, unit, published, model};
}

static inline void half_zeros(struct network *n)
{
	for (uint32_t i = 0; i < n->count; i++)
		n->zeros[i] = 0.5;
}

static inline void pool2(struct akida_layer *l)
{
	l->pool = AKIDA_POOL_MAX;
	l->pool_size = l->pool_stride = 2;
	l->pool_padding = AKIDA_PAD_SAME;
}

/* MNIST: 3x3x32 stride 2 without padding, separable 64 stride 2, 10 units; 64 convolution NPs. */
static inline void mnist_network(struct network *n, struct layout *a)
{
	struct akida_layer *l;

	memset(a, 0, sizeof(*a));
	n->count = 0;
	l = network_add(n, AKIDA_LAYER_INPUT_CONV, 32, 2);
	l->in_h = l->in_w = 28;
	l->in_c = 1;
	l->padding = AKIDA_PAD_VALID;
	network_end(n);
	network_layer(n, AKIDA_LAYER_SEPARABLE, 64, 2);
	network_layer(n, AKIDA_LAYER_FULLY, 10, 0);
	half_zeros(n);
	split_minimal(n, a);
	a->rows[1] = 2;
	a->filters[1] = 32;
}

/* Two 3x3x16 layers with pooling, 10 units; one NP each. */
static inline void pooled_network(struct network *n, struct layout *a)
{
	struct akida_layer *l;

	memset(a, 0, sizeof(*a));
	n->count = 0;
	l = network_add(n, AKIDA_LAYER_INPUT_CONV, 16, 1);
	l->in_h = l->in_w = 28;
	l->in_c = 1;
	pool2(l);
	network_end(n);
	pool2(network_add(n, AKIDA_LAYER_CONV, 16, 1));
	network_end(n);
	network_layer(n, AKIDA_LAYER_FULLY, 10, 0);
	half_zeros(n);
	split_minimal(n, a);
}

/* 239x220x1, three 5x5 layers and three fully connected ones, the first on an FNP2. Its convolutions do not set the pace. */
static inline struct ak_cost simple_cnn2_fnp2(const struct ak_cost_unit *u, const struct ak_cost_chip *chip)
{
	struct ak_cost_share s = {
		.kind = AK_COST_FNP2, .rows = 30, .cols = 27, .channels = 32, .filters = 128, .events = 12960};

	return ak_cost_of(u, chip, &s);
}

static inline double frames_mw(const struct ak_cost_chip *chip, uint32_t clock, double pj, double fps)
{
	return chip->clock[clock].floor_uw / 1e3 + pj * 1e-9 * fps;
}

static inline void akd1000_lines(struct akd1000 *out, const struct ak_cost_unit *u, const struct ak_cost_chip *chip)
{
	static const double idle[] = {894.26, 908.94, 912.23, 914.03, 905.21, 907.01, 918};
	static const uint8_t akidanet_nps[] = {0, 4, 6, 3, 6, 4, 8, 4, 4, 4, 4, 4, 8, 8, 1};
	double mean = 0, floor = chip->clock[0].floor_uw / 1e3, ten;
	struct ak_cost_frame f;
	uint64_t words, packets;
	struct network n;
	struct layout a;

	out->count = 0;
	akd1000_add(out, "programming, MNIST, 73,436 bytes", "clocks", 121256, ak_cost_load(chip, 18359, 270));
	akd1000_add(out, "programming, DS-CNN, 88,748 bytes", "clocks", 152396, ak_cost_load(chip, 22187, 270));
	akd1000_add(out, "programming, AkidaNet 0.5 224, 961,244 bytes", "clocks", 998079,
		    ak_cost_load(chip, 240311, 288));
	akd1000_add(out, "programming 50 -> 1 fully connected", "clocks", 457, ak_cost_load(chip, 70, 2));

	network_build(&n, &figure_networks[NET_KEYWORDS]);
	half_zeros(&n);
	memset(&a, 0, sizeof(a));
	split_minimal(&n, &a);
	for (int i = 1; i < 5; i++) {
		a.rows[i] = 2;
		a.filters[i] = 8;
	}
	f = layout_frame(&n, &a, u, chip, NULL);
	akd1000_add(out, "DS-CNN, 16 NPs a layer, a random frame", "clocks", 93965, f.latency);

	network_build(&n, &figure_networks[NET_05_224]);
	split_minimal(&n, &a);
	for (uint32_t i = 1; i < n.count; i++)
		a.filters[i] = akidanet_nps[i] / a.rows[i];
	a.passes = 1;
	f = layout_frame(&n, &a, u, chip, NULL);
	ten = f.latency + 9 * f.bottleneck;
	akd1000_add(out, "AkidaNet 0.5 224, 68 NPs, ten frames", "clocks", 43000636, ten);
	akd1000_add(out, "the same, one random frame", "clocks", 13733572, f.latency);

	mnist_network(&n, &a);
	a.passes = 1;
	f = layout_frame(&n, &a, u, chip, NULL);
	akd1000_add(out, "MNIST, 64 NPs", "clocks", 35559, f.latency);
	akd1000_add(out, "MNIST at 5 MHz, pace", "ms", 1000 / 262.33,
		    f.bottleneck / chip->clock[2].khz > chip->frame_ns / 1e6
			    ? f.bottleneck / chip->clock[2].khz + chip->frame_ns / 1e6
			    : chip->frame_ns / 1e6);
	akd1000_add(out, "MNIST, frames in flight", "fps", 2365.18,
		    1e9 / (chip->frame_ns + 856e3 / chip->dma_bytes_per_us));
	akd1000_add(out, "MNIST, power", "mW", 1011.32, frames_mw(chip, 0, f.pj, 2365.18));
	akd1000_add(out, "MNIST, power at 300 MHz", "mW", 1012.25, frames_mw(chip, 0, f.pj, 2398));
	akd1000_add(out, "MNIST, power at 100 MHz", "mW", 848.5, frames_mw(chip, 1, f.pj, 2375));
	akd1000_add(out, "MNIST, power at 5 MHz", "mW", 684.0, frames_mw(chip, 2, f.pj, 262.33));

	for (int i = 0; i < 3; i++) {
		static const char *const time[] = {"SimpleCNN2 at 300 MHz", "SimpleCNN2 at 100 MHz",
						   "SimpleCNN2 at 5 MHz"};
		static const char *const power[] = {"SimpleCNN2, power at 300 MHz", "SimpleCNN2, power at 100 MHz",
						    "SimpleCNN2, power at 5 MHz"};
		static const double ms[] = {9.042, 26.206, 516.135}, mw[] = {1186.0, 848.33, 673.85};
		struct ak_cost c = simple_cnn2_fnp2(u, chip);
		double frame = c.cycles / chip->clock[i].khz + chip->frame_ns / 1e6;

		akd1000_add(out, time[i], "ms", ms[i], frame);
		akd1000_add(out, power[i], "mW", mw[i], frames_mw(chip, i, c.pj, 1e3 / frame));
	}

	for (int i = 0; i < 7; i++)
		mean += idle[i] / 7;
	akd1000_add(out, "idle, mean of seven publications", "mW", mean, floor);
	akd1000_add(out, "another board, small model, 300 MHz", "mW", 901, floor);
	akd1000_add(out, "another board, small model, 100 MHz", "mW", 739, chip->clock[1].floor_uw / 1e3);
	akd1000_add(out, "another board, small model, 5 MHz", "mW", 658, chip->clock[2].floor_uw / 1e3);

	pooled_network(&n, &a);
	a.passes = 1;
	f = layout_frame(&n, &a, u, chip, NULL);
	ten = chip->call_ns / 1e6 + 784.0 / chip->dma_bytes_per_us / 1e3 + f.latency / chip->clock[0].khz;
	akd1000_add(out, "MNIST with pooling, one call a frame", "fps", 770, 1000 / ten);
	akd1000_add(out, "MNIST with pooling, power", "mW", 936.8, frames_mw(chip, 0, f.pj, 1000 / ten));
	a.rows[1] = 4;
	a.filters[1] = 16;
	f = layout_frame(&n, &a, u, chip, NULL);
	akd1000_add(out, "the same on 64 NPs, power", "mW", 936.8, frames_mw(chip, 0, f.pj, 1000 / ten));
	layer_words(&n.layer[1], a.rows[1], a.filters[1], &words, &packets);
	akd1000_add(out, "the same on 64 NPs, memory of 100 frames", "bytes", 247984,
		    4.0 * (double)words + 5 * 32 + 100 * (784 + 32 + 40 + 64));
}

#endif
