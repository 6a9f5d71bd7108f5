/* SPDX-License-Identifier: MIT */
/* Placing a converted model on a mesh, and the program that does it. */
#ifndef AKIDA_MAP_H
#define AKIDA_MAP_H

#include "model.h"
#include "program.h"

enum akida_map_mode { AKIDA_MAP_MINIMAL, AKIDA_MAP_ALL_NPS, AKIDA_MAP_HW_PR };

struct akida_map_params {
	uint32_t size;
	/*
	 * MINIMAL: fewest NPs, several passes only where the mesh is too small. ALL_NPS: no more passes, NPs that are left go
	 * to the slowest layers. HW_PR (hardware partial reconfiguration): as many passes as make a frame fast.
	 */
	enum akida_map_mode mode;
	/*
	 * Share of zeros in each layer's output as akida_model_sparsity measures it, for the report's cycles and energy;
	 * akida_model_layers() values, borrowed for the call. NULL: half of all values are taken to be zero.
	 */
	const double *sparsity;
	/*
	 * Layers that cannot be mapped, and all behind the first of them, are left to the host: the program hands out the
	 * activations in front of them, and sessions run the rest. What does not fit and why is a warning in the records.
	 * Without it such a model is refused, as is one whose first layers cannot be mapped.
	 */
	bool software;
};

struct akida_map_layer {
	const char *name, *type_name; /* borrowed from the report */
	uint32_t nps;
	uint32_t passes;  /* in how many it lies: 1 */
	uint32_t pass;	  /* which, from 0 */
	bool software;	  /* not mapped: run by this host, without NPs, cycles and tag */
	uint64_t cycles;  /* modelled, one frame at the sparsity below */
	double sparsity;  /* of the layer's output; NaN when not measured */
	double energy_uj; /* modelled */
	enum akida_tag tag;
	char tag_rule[48];
};
/* One NP of the mesh and what it carries in a pass. */
struct akida_map_np {
	uint8_t col, row, id;
	uint32_t pass;
	bool fnp2, fnp3;
	uint32_t layer;	     /* index into layers; UINT32_MAX: free */
	uint32_t row0, rows; /* input rows without halo; 0 in fully connected layers */
	uint32_t filter0, filters;
};
struct akida_map_report {
	char device[16], mode[16];
	uint32_t nps; /* of all passes together, without the HRC */
	uint32_t hrc, passes, layer_count;
	uint64_t program_bytes, memory_bytes;
	struct akida_map_layer *layers;
	struct akida_map_np *mesh; /* every NP of the chip, columns ascending, then rows, then ids; pass after pass */
	uint32_t mesh_count;
	uint8_t dma_col, dma_row; /* node of the DMA controllers */
	/* A frame, modelled: chip's clocks from input to output, between frames in flight, and of programming. */
	uint64_t latency_cycles, interval_cycles, program_cycles;
	double energy_uj;	      /* above idle */
	double chip_us, call_us, fps; /* latency; with host and bus, one frame at a time; frames in flight */
};
AKIDA_API void akida_map_report_fini(struct akida_map_report *r);

/* device: "akd1000" or "akd1500". report may be NULL. -ENOSPC when it does not fit, -EOPNOTSUPP for unknown encodings. */
AKIDA_API int akida_map(const struct akida_model *m, const char *device, const struct akida_map_params *p,
			struct akida_program **out, struct akida_map_report *report, struct akida_diag *diag);

/*
 * The layers of a program of ours or the vendor's: weights in layer order, thresholds, steps, scales; names from an .akp's
 * metadata, else kind_ID. The caller destroys *out. Every word of the program follows from these layers and their
 * placement, which is checked: -EOPNOTSUPP with a record per word that does not (first dozen), or for what is not
 * understood (several passes, events as input, encodings of none of our rules); -EILSEQ packets that contradict each
 * other.
 */
AKIDA_API int akida_decompile(const struct akida_program *p, struct akida_model **out, struct akida_diag *diag);

#endif
