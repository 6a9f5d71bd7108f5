/* SPDX-License-Identifier: MIT */
/* Programs back into layers: what the packets of each NP say, and their weights in layer order. */
#ifndef AK_MAP_DECOMPILE_H
#define AK_MAP_DECOMPILE_H

#include "map/emit.h"
#include "program/packet.h"
#include "program/program.h"

/* Everything a program writes to one NP. */
struct ak_np_block {
	struct ak_np np;
	uint32_t pass, id; /* layer, within the pass */
	bool external;	   /* fnp: weights in device memory */
	uint32_t reg[AK_NP_BLOCK_WORDS];
	struct ak_packet filter[2], threshold, fnp; /* filter: at line 0, then pointwise weights */
	uint32_t filters, thresholds, fnps;	    /* packets of each kind */
};

/* Packets to the HRC: the first value of each register, and its weight banks. */
#define AK_HRC_REGISTERS 0x48u
struct ak_hrc_block {
	bool present;
	uint32_t reg[AK_HRC_REGISTERS];
	bool set[AK_HRC_REGISTERS];
	struct ak_packet bank[3], threshold;
	bool has_bank[3], has_threshold;
};

/*
 * Fill the variables of an allocated layer from packets; lengths are checked, -EILSEQ and a record. The share of an NP is
 * filters first .. first + count - 1.
 */
int ak_unpack_hrc(const struct ak_hrc_block *b, struct akida_layer *l, struct akida_diag *diag);
int ak_unpack_cnp(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		  struct akida_diag *diag);
int ak_unpack_fnp(const struct ak_np_block *b, uint32_t first, uint32_t count, struct akida_layer *l,
		  struct akida_diag *diag);

/*
 * The words of got that are not those of want, one error record each up to a dozen: track, target, register. Number of
 * differences; 0 when both load the same words and say the same about them.
 */
uint32_t ak_program_differences(const struct akida_program *got, const struct akida_program *want,
				struct akida_diag *diag);

#endif
