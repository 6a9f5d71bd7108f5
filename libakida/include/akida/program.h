/* SPDX-License-Identifier: MIT */
/*
 * A mapped program: vendor-format ProgramInfo and Program (flatbuffers, schema of engine 2.5.0) plus, in an .akp file,
 * our metadata. Whatever runs on a device runs from the vendor-format part alone.
 */
#ifndef AKIDA_PROGRAM_H
#define AKIDA_PROGRAM_H

#include <stdint.h>
#include "model.h"

struct akida_program; /* immutable once built */

/* How sure an encoding is; a layer carries the weakest it uses. */
enum akida_tag { AKIDA_TAG_VERIFIED, AKIDA_TAG_DERIVED, AKIDA_TAG_PROVISIONAL, AKIDA_TAG_UNKNOWN };
AKIDA_API const char *akida_tag_name(enum akida_tag tag);

struct akida_program_info {
	uint32_t size;
	char engine_version[16];	  /* "2.5.0" */
	uint8_t device_version[4];	  /* vendor, product, major, minor */
	char chip[16];			  /* "AKD1000", "AKD1500", "akida1:N" (a mesh of N nodes) or "unknown" */
	uint32_t in_dims[3], out_dims[3]; /* h, w, c */
	uint32_t window_w, window_h;
	uint32_t input_type, output_type; /* 0 dense, 2 CNP sparse */
	uint32_t activation;		  /* 1: the output is activations, not potentials */
	uint32_t passes, tracks, packets;
	uint32_t nps;		/* of all passes, without the HRC */
	uint32_t hrc;		/* 1 when the HRC is used */
	uint64_t program_bytes; /* both flatbuffers with their size prefixes */
	/*
	 * Device memory of a load for one frame in flight, bytes: largest track (of several passes all, without the
	 * events between them) + external weights + 32 per configuration descriptor (max descriptors of each pass) + 2 image descriptors of 64 + input (h*w*c, rounded up to 4) + output (32 header + 4 per
	 * potential, 1 per activation rounded up to 4, or 8 per event where output_type is 2).
	 */
	uint64_t memory_bytes;
	enum akida_tag tag; /* weakest of all layers */
	uint32_t
		software_layers; /* at the end of the model, run by this host; the program hands out what they begin with */
	uint32_t info_only;	 /* 1: ProgramInfo of an external program; cannot be run, has no layers */
};

/* One layer as found in the packets. */
struct akida_program_layer {
	uint32_t size;
	char name[64];	       /* from .akp metadata, else "layer_N" */
	const char *type_name; /* "InputConv.", "Conv.", "Sep.Conv.", "Fully." */
	uint32_t id;	       /* layer id in the registers + 256 * pass; the HRC is 0 */
	uint32_t nps, packets, words;
	uint32_t out_h, out_w, out_c, kernel_h, kernel_w, in_c;
	enum akida_tag tag;
	char tag_rule[48]; /* id of the encoding rule that gave the tag */
};

/* An .akp file or a bare vendor program; both are recognised by content. */
AKIDA_API int akida_program_load(const char *path, struct akida_program **out, struct akida_diag *diag);
AKIDA_API int akida_program_parse(const void *bytes, size_t len, const char *name, struct akida_program **out,
				  struct akida_diag *diag);
AKIDA_API int akida_program_save(const struct akida_program *p, const char *path, struct akida_diag *diag);
AKIDA_API void akida_program_destroy(struct akida_program *p);
AKIDA_API int akida_program_info(const struct akida_program *p, struct akida_program_info *info);
/* akida_program_info.memory_bytes for so many frames in flight: their inputs, outputs and descriptors. 0 counts as 1. */
AKIDA_API uint64_t akida_program_memory(const struct akida_program *p, uint32_t frames);
AKIDA_API uint32_t akida_program_layers(const struct akida_program *p);
AKIDA_API int akida_program_layer(const struct akida_program *p, uint32_t i, struct akida_program_layer *layer);
/* The vendor-format bytes (ProgramInfo then Program). Borrowed from the program. */
AKIDA_API const void *akida_program_bytes(const struct akida_program *p, size_t *len);
/* The converted model an .akp carries along (for the cpu back end and sparsity), or NULL. Borrowed. */
AKIDA_API const struct akida_model *akida_program_model(const struct akida_program *p);
/*
 * Disassembly: calls line once per line of text (no newline), track by track: packets with target and kind, registers
 * by name, SRAM packets by line counts. -EOPNOTSUPP for a ProgramInfo alone.
 */
AKIDA_API int akida_program_dump(const struct akida_program *p, void (*line)(void *ctx, const char *text), void *ctx);
/*
 * Outputs of a session as numbers: (potential - shift[c]) / scale[c]; frames x outputs. Where layers run in software, those
 * of the last of them. -EINVAL when the program has no shifts and scales.
 */
AKIDA_API int akida_program_dequantize(const struct akida_program *p, const int32_t *potentials, size_t frames,
				       float *out);

#endif
