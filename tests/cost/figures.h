/* SPDX-License-Identifier: MIT */
/*
 * Published figures that the cost model is fitted to and judged by: networks, sparsities, clocks, energies. AKD1500
 * figures are one frame at a time at 400 MHz; NP counts include the input convolution. docs/cost-model.md names the
 * publications.
 */
#ifndef TEST_COST_FIGURES_H
#define TEST_COST_FIGURES_H

#include <stdint.h>
#include <akida/map.h>

enum figure_family { AKIDANET, MOBILENET, YOLO, EDGE, KEYWORDS };

#define FIGURE_LAYERS 20
struct figure_network {
	const char *name;
	enum figure_family family;
	uint32_t size;	     /* image rows and columns */
	uint32_t base;	     /* filters of AkidaNet's first layer: 32 alpha */
	uint32_t head[2];    /* fully connected layers; 0: none */
	const double *zeros; /* output sparsity of each layer, % */
	double mean;	     /* published mean sparsity, to which zeros are shifted; 0: zeros are the network's own */
	const double *layer_ms; /* published latency of each layer, minimal mapping; NULL: none */
};

static const double zeros_akidanet_10[] = {47.00, 60.51, 66.83, 48.61, 62.04, 72.48, 48.03, 60.19,
					   68.85, 75.54, 82.02, 67.25, 91.56, 69.77, 0.29};
static const double ms_akidanet_10[] = {2.0207, 4.5513, 8.7466, 3.8040, 20.9730, 16.1416, 12.9319, 9.4888,
					7.9382, 6.9331, 6.0475, 5.1858, 10.4122, 6.1779,  4.9773};
static const double zeros_plantvillage[] = {31.83, 51.38, 57.84, 43.97, 41.81, 64.18, 44.12, 56.34,
					    62.88, 67.96, 76.68, 62.30, 88.24, 63.78, 59.94, 0.03};
static const double ms_plantvillage[] = {1.0218, 2.1100, 4.2227, 3.7215, 9.0689, 6.9914, 8.8353, 12.4627,
					 9.9185, 8.5602, 7.4962, 5.6661, 8.6069, 0.8553, 1.3645, 0.1480};
static const double zeros_keywords[] = {92.84, 92.55, 96.30, 98.29, 58.84, 0.33};
static const double ms_keywords[] = {0.0419, 0.0882, 0.0929, 0.0636, 0.0473, 0.0015};
/* AkidaNet 0.5 and 0.25: layers as in PlantVillage's backbone, which is AkidaNet 0.5. */
static const double zeros_akidanet_05[] = {31.83, 51.38, 57.84, 43.97, 41.81, 64.18, 44.12, 56.34,
					   62.88, 67.96, 76.68, 62.30, 88.24, 63.78, 0.29};

enum { NET_10_224, NET_05_224, NET_025_224, NET_10_160, NET_05_160, NET_PLANTS, NET_KEYWORDS, NETS };
static const struct figure_network figure_networks[NETS] = {
	{"AkidaNet 1.0 224", AKIDANET, 224, 32, {1000}, zeros_akidanet_10, 0, ms_akidanet_10},
	{"AkidaNet 0.5 224", AKIDANET, 224, 16, {1000}, zeros_akidanet_05, 54.36, NULL},
	{"AkidaNet 0.25 224", AKIDANET, 224, 8, {1000}, zeros_akidanet_05, 46.91, NULL},
	{"AkidaNet 1.0 160", AKIDANET, 160, 32, {1000}, zeros_akidanet_10, 60.81, NULL},
	{"AkidaNet 0.5 160", AKIDANET, 160, 16, {1000}, zeros_akidanet_05, 54.05, NULL},
	{"PlantVillage", AKIDANET, 224, 16, {512, 38}, zeros_plantvillage, 0, ms_plantvillage},
	{"DS-CNN KWS", KEYWORDS, 0, 64, {12}, zeros_keywords, 0, ms_keywords},
};

/* AKD1500, whole network, mean over a data set. */
struct figure_row {
	int net;
	enum akida_map_mode mode;
	uint32_t nps, passes;
	double cycles, total_mw, total_mj, dyn_mj;
};
static const struct figure_row figure_rows[] = {
	{NET_10_224, AKIDA_MAP_MINIMAL, 117, 4, 50512691, 222.3, 29.753, 14.492},
	{NET_10_224, AKIDA_MAP_ALL_NPS, 117, 4, 50500185, 222.3, 29.748, 14.533},
	{NET_10_224, AKIDA_MAP_HW_PR, 132, 5, 41274237, 244.7, 27.102, 14.496},
	{NET_05_224, AKIDA_MAP_MINIMAL, 33, 1, 36261735, 154.9, 14.090, 3.944},
	{NET_05_224, AKIDA_MAP_ALL_NPS, 33, 1, 36261479, 154.7, 14.078, 3.938},
	{NET_05_224, AKIDA_MAP_HW_PR, 130, 5, 11024084, 252.7, 7.304, 3.985},
	{NET_025_224, AKIDA_MAP_MINIMAL, 23, 1, 14867433, 143.5, 5.376, 1.200},
	{NET_025_224, AKIDA_MAP_ALL_NPS, 33, 1, 9825823, 159.9, 3.976, 1.192},
	{NET_025_224, AKIDA_MAP_HW_PR, 110, 4, 4613118, 215.6, 2.569, 1.215},
	{NET_10_160, AKIDA_MAP_MINIMAL, 69, 3, 38299862, 181.5, 18.891, 7.163},
	{NET_10_160, AKIDA_MAP_ALL_NPS, 79, 3, 32085266, 196.1, 16.683, 7.057},
	{NET_10_160, AKIDA_MAP_HW_PR, 130, 5, 23211956, 227.6, 14.074, 7.037},
	{NET_05_160, AKIDA_MAP_MINIMAL, 25, 1, 24259988, 144.4, 8.788, 2.010},
	{NET_05_160, AKIDA_MAP_ALL_NPS, 33, 1, 16988126, 158.0, 6.743, 1.969},
	{NET_05_160, AKIDA_MAP_HW_PR, 107, 4, 8233113, 207.0, 4.476, 2.025},
	{NET_PLANTS, AKIDA_MAP_MINIMAL, 34, 2, 36418493, 154.7, 14.839, 3.948},
	{NET_PLANTS, AKIDA_MAP_ALL_NPS, 59, 2, 18314559, 196.2, 9.389, 3.887},
	{NET_KEYWORDS, AKIDA_MAP_MINIMAL, 6, 1, 134806, 131.5, 0.048, 0.008},
	{NET_KEYWORDS, AKIDA_MAP_ALL_NPS, 31, 1, 45638, 178.8, 0.026, 0.010},
};
#define FIGURE_ROWS (sizeof(figure_rows) / sizeof(figure_rows[0]))

/*
 * Energy of an inference, idle power included, "most efficient mapping", of networks whose clocks were not published.
 * Nothing is fitted to these. Sparsities: AkidaNet 0.5's, 1.0's where alpha is 1, moved to the mean given.
 */
struct figure_energy {
	struct figure_network network;
	double mj;
};
static const struct figure_energy figure_energies[] = {
	{{"MobileNet 0.25 224", MOBILENET, 224, 8, {1000}, zeros_akidanet_05, 46.9, NULL}, 2.46},
	{{"MobileNet 0.5 224", MOBILENET, 224, 16, {1000}, zeros_akidanet_05, 54.4, NULL}, 6.68},
	{{"MobileNet 1.0 224", MOBILENET, 224, 32, {1000}, zeros_akidanet_10, 61.3, NULL}, 26.28},
	{{"AkidaNet 0.5 160 edge", EDGE, 160, 16, {1000}, zeros_akidanet_05, 54.1, NULL}, 6.63},
	{{"AkidaNet 0.5 224 edge", EDGE, 224, 16, {1000}, zeros_akidanet_05, 54.4, NULL}, 9.99},
	{{"YOLO, AkidaNet 0.5 224, 2 classes", YOLO, 224, 16, {0}, zeros_akidanet_05, 54.4, NULL}, 14.61},
	{{"YOLO, AkidaNet 0.5 224, 1 class", YOLO, 224, 16, {0}, zeros_akidanet_05, 54.4, NULL}, 14.22},
};
#define FIGURE_ENERGIES (sizeof(figure_energies) / sizeof(figure_energies[0]))

#endif
