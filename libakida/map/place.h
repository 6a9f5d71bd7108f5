/* SPDX-License-Identifier: MIT */
/* Which NPs carry which rows and filters of each layer, in which pass. */
#ifndef AK_MAP_PLACE_H
#define AK_MAP_PLACE_H

#include <akida/map.h>
#include "layer/encoding.h"
#include "layer/layer.h"
#include "map/chip.h"

/*
 * Capacities of one NP. Rows: nsoc-hardware 24.2. Filter lines: the SRAM of section 11 (7 x 1024 lines), consistent with
 * 24.4. Input words: the input SRAM of section 11, 2 x 5.25 x 1024 words for the rows of the cut as CNP8 and REG5 count
 * them; together they reproduce the published NP counts of AkidaNet 0.25 and 0.5 (22, 24, 32; see tests).
 */
#define AK_CNP_MAX_ROWS 32u
#define AK_CNP_FILTER_LINES 7168u
#define AK_CNP_INPUT_WORDS 10752u
/*
 * Published counts of five networks need 16 parts of a separable layer of 1024 channels and filters, where the lines
 * alone (1024 + 1024 per 12 filters) allow 15: no more than 64 filters an NP from 1024 channels on. The cause is unknown.
 */
#define AK_CNP_WIDE_CHANNELS 1024u
#define AK_CNP_WIDE_FILTERS 64u
#define AK_CNP_MAX_FILTERS 1524u /* pointwise containers have 7 bits, 12 filters each */
#define AK_CNP_MAX_COLS 1023u	 /* output columns have 10 bits */
#define AK_FNP3_WORDS 10752u	 /* 7168 lines of 48 bits */
#define AK_THRESHOLDS_MAX 2048u	 /* of one NP */
#define AK_FNP_MAX_UNITS 131071u
#define AK_FNP2_MAX_INPUTS 262144u /* an event names its neuron in 18 bits */
#define AK_MAP_MAX_PASSES 64u
#define AK_MAP_MAX_DESCRIPTORS 254u	/* of all passes together */
#define AK_MAP_MAX_PASS_VALUES 2097120u /* a pass hands to the next: events of 8 bytes in 65535 units of 256 */
#define AK_MAP_MAX_LAYER_ID 0xfdu	/* 0xfe and 0xff mean something else to the EPG and the event DMA */

/* The share of a layer on one NP. Rows are input rows; out rows are convolution rows, before pooling. */
struct ak_part {
	struct ak_np np;
	uint32_t row0, rows;
	uint32_t cut0, cut_rows; /* rows with their halo, clipped to the map */
	uint32_t out0, out_rows;
	uint32_t filter0, filters;
};

struct ak_layer_place {
	const struct akida_layer *layer;
	uint32_t id; /* within its pass; 0: the HRC, without parts */
	uint32_t pass;
	bool fnp2; /* weights in device memory */
	uint32_t row_parts, filter_parts;
	uint32_t count;	       /* parts = NPs */
	struct ak_part *parts; /* filters slowest */
	uint8_t west, east;    /* columns of its NPs */
	uint64_t rules;	       /* bit set of enum ak_encoding_rule */
};

struct ak_placement {
	const struct ak_map_chip *chip;
	uint32_t count;
	struct ak_layer_place *layers;
	uint32_t passes;
	uint32_t nps; /* of all passes, without the HRC */
};
/* The layers of a pass are first .. end - 1; true for the last one's last layer too. */
static inline bool ak_pass_ends(const struct ak_placement *pl, uint32_t i)
{
	return i + 1 == pl->count || pl->layers[i + 1].pass != pl->layers[i].pass;
}

/* 64-bit filter SRAM lines per input channel of a standard 3x3 convolution (nsoc-hardware 24.1). */
uint32_t ak_std_lines(uint32_t filters);
/* Line at which pointwise weights start, and all lines of a part with these filters. */
uint32_t ak_pw_start(uint32_t channels);
uint32_t ak_cnp_lines(const struct akida_layer *l, uint32_t filters);
/* Words of UID 6 payload. */
uint32_t ak_fnp_blocks(const struct akida_layer *l);
uint64_t ak_fnp_words(const struct akida_layer *l);
/* Neurons of this layer that one FNP3 holds; 0 when not even one. */
uint32_t ak_fnp3_neurons(const struct akida_layer *l);
/*
 * Words of the same weights in the external memory of an FNP2: those of UID 6 with 4-bit weights (published sizes of
 * 400000 and 2490368 bytes); with 1- and 2-bit weights one magnitude plane (published program sizes of four networks).
 */
uint64_t ak_fnp2_words(const struct akida_layer *l);
uint32_t ak_fnp2_planes(const struct akida_layer *l);

/*
 * Splits a supported CNP layer into parts (positions not set yet), caller frees p->parts. -ENOSPC when even the smallest
 * share exceeds an NP, -EOPNOTSUPP when the split would cut what cannot be cut.
 */
int ak_split(struct ak_layer_place *p, const struct akida_layer *l, struct akida_diag *diag);
/* Splits a CNP layer into row_parts x filter_parts shares, whether or not each fits an NP; caller frees p->parts. */
int ak_split_into(struct ak_layer_place *p, const struct akida_layer *l, uint32_t row_parts, uint32_t filter_parts,
		  struct akida_diag *diag);
/* The largest number of row parts that leaves output rows and pool windows whole. */
uint32_t ak_row_units(const struct akida_layer *l);
/* Whether every share of such a split fits an NP. */
bool ak_split_fits(const struct akida_layer *l, uint32_t row_parts, uint32_t filter_parts);
/*
 * The fewest parts of every layer of a checked model, without positions: what a network needs on any mesh. out->nps is
 * their number, without the HRC; a fully connected layer counts as one (FNP3, or FNP2 with external memory). Free with ak_placement_fini, also after an error.
 */
int ak_split_model(const struct akida_model *m, const struct ak_map_chip *chip, struct ak_placement *out,
		   struct akida_diag *diag);
/*
 * Splits and places all layers of a checked model: with MINIMAL the fewest parts in the fewest passes; with ALL_NPS as
 * many passes at most, and NPs that are left in a pass go to its slowest layers (spread.c); with HW_PR as many passes as
 * make a frame fastest. A fully connected layer whose weights exceed an FNP3 lies on an FNP2 while there are any; else it
 * is split by neurons over several FNP3. Free with ak_placement_fini, also after an error. -ENOSPC.
 */
int ak_place(const struct akida_model *m, const struct ak_map_chip *chip, enum akida_map_mode mode,
	     struct ak_placement *out, struct akida_diag *diag);
void ak_placement_fini(struct ak_placement *p);

/* ---- spread.c ---- */

/* A layer's split into rows x filters parts, or into `filters` parts of a fully connected layer. */
struct ak_split {
	uint32_t rows, filters;
};
/*
 * Splits of layers first .. end - 1 of one pass that use the mesh up or leave nothing to gain; split has pl->count
 * entries and comes with the smallest ones. *clocks: of the pass, its loading included; INFINITY when the smallest
 * splits do not fit. -ENOMEM.
 */
struct ak_spread;
int ak_spread_begin(const struct ak_placement *pl, struct ak_spread **out, struct akida_diag *diag);
int ak_spread_pass(struct ak_spread *s, uint32_t first, uint32_t end, struct ak_split *split, double *clocks);
void ak_spread_end(struct ak_spread *s);

/* ---- passes.c ---- */

/* Chooses passes, splits as the mode wants them, and NPs. */
int ak_place_passes(struct ak_placement *pl, enum akida_map_mode mode, struct akida_diag *diag);

/* ---- check.c ---- */

/* A refusal in one record: rule, layer, field, value, limit, remedy. Returns err. */
int ak_map_refuse(struct akida_diag *diag, int err, int rule, const struct akida_layer *l, const char *field,
		  const char *value, const char *limit, const char *remedy);
/* Every layer against what can be emitted today; one record per offence. 0 or the first error. */
int ak_map_check(const struct akida_model *m, struct akida_diag *diag);

/* ---- rules.c ---- */

const char *ak_rule_text(enum ak_encoding_rule rule);
enum akida_tag ak_rule_tag(enum ak_encoding_rule rule, const char **id);
/* Weakest tag of a set and the first rule that has it. An empty set is unknown. */
enum akida_tag ak_rules_weakest(uint64_t rules, const char **id);
/* The rules that depend on the layer itself; placement adds those of splits and positions. */
uint64_t ak_layer_rules(const struct akida_model *m, uint32_t i);

#endif
