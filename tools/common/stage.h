/* SPDX-License-Identifier: MIT */
/*
 * A model file of any stage, and the stages that are still missing between it and what a command needs:
 * float graph -> quantized graph -> converted model (.akm) -> program (.akp). Each stage that runs is told in a note.
 */
#ifndef TOOL_STAGE_H
#define TOOL_STAGE_H

#include "common/tool.h"

struct stage_params {
	struct akida_quant_params quant;
	const char *samples; /* .npz or .npy to calibrate with; NULL: random ones, said in the note */
	enum akida_map_mode mode;
	bool hw_only; /* refuse what cannot be mapped as a whole, instead of leaving its last layers to the host */
	bool measure; /* map with the sparsity of samples, or of random frames where there are none */
	bool quiet;   /* no notes */
	bool v2;      /* convert to Akida 2 layers */
};

struct stage {
	const char *path;
	char origin[24];	       /* "float graph", "quantized graph", "model", "vendor model", "program" */
	struct akida_graph *graph;     /* as loaded; NULL for .akm and programs */
	struct akida_graph *quantized; /* owned when it is not graph */
	struct akida_fbz *fbz;	       /* vendor model file as it is; its model when stage_need_model was asked */
	struct akida_model *model;     /* owned; see stage_model_of for one inside a program */
	struct akida_program *program;
	struct akida_map_report map; /* filled when this run did the mapping */
	bool mapped_here;
	const char *sparsity_of; /* what the mapping's sparsity was measured on; NULL: nothing */
};

enum stage_kind { STAGE_UNREADABLE, STAGE_GRAPH, STAGE_MODEL, STAGE_FBZ, STAGE_PROGRAM };

/* Looks at the first bytes (and for files without a magic at the name). */
enum stage_kind stage_kind_of(const char *path);

void stage_params_init(struct stage_params *p); /* 8/4/4, random samples, minimal mapping */
void stage_params_v2(struct stage_params *p);	/* Akida 2 instead: 8/8/8, one range per channel */
/* Every call returns 0 or an exit status after one printed error. */
int stage_open(struct stage *s, const char *path);
void stage_close(struct stage *s);
/* The float network for another input size: "h,w,c" of as many numbers as the input has axes. */
int stage_resize(struct stage *s, const char *shape);
int stage_need_quantized(struct stage *s, const struct stage_params *p);
int stage_need_model(struct stage *s, const struct stage_params *p);
/* chip: "akd1000" or "akd1500". A file that is a program already stays as it is. */
int stage_need_program(struct stage *s, const struct stage_params *p, const char *chip);
/* What a device called name needs: layers for cpu, a program for the others. */
int stage_need_for(struct stage *s, const struct stage_params *p, const struct akida_device_info *device);
/* The converted model, loaded or carried by the program; NULL when there is none. */
const struct akida_model *stage_model_of(const struct stage *s);
/* The name a mapper knows for "virtual:akd1000", "AKD1000" or "akd1000"; NULL for anything else. */
const char *stage_chip_name(const char *device);
/*
 * OUT for a file made from path: folder of path when it can be written to, else the working folder; base name cut at
 * its extension (and at an existing _iN_wN_aN when cut_bits) plus suffix.
 */
void stage_out_name(char *out, size_t bytes, const char *path, const char *suffix, bool cut_bits);

#endif
