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
	char engine_version[16];	   /* "2.5.0" */
	uint8_t device_version[4];	   /* vendor, product, major, minor */
	char chip[16];			   /* "AKD1000", "AKD1500" or "unknown" */
	uint32_t in_dims[3], out_dims[3];  /* h, w, c */
	uint32_t window_w, window_h;
	uint32_t input_type, output_type;  /* 0 dense, 2 CNP sparse */
	uint32_t activation;		   /* 1: the output is activations, not potentials */
	uint32_t passes, tracks, packets;
	uint32_t nps;			   /* without the HRC */
	uint32_t hrc;			   /* 1 when the HRC is used */
	uint64_t program_bytes;		   /* both flatbuffers with their size prefixes */
	uint64_t memory_bytes;		   /* device memory of a load: largest track, descriptors, buffers; see map.h */
	enum akida_tag tag;		   /* weakest of all layers */
};

/* One layer as found in the packets. */
struct akida_program_layer {
	uint32_t size;
	char name[64];	      /* from .akp metadata, else "layer_N" */
	const char *type_name; /* "InputConv.", "Conv.", "Sep.Conv.", "Fully." */
	uint32_t id;	      /* layer id in the registers; the HRC is 0 */
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
AKIDA_API uint32_t akida_program_layers(const struct akida_program *p);
AKIDA_API int akida_program_layer(const struct akida_program *p, uint32_t i, struct akida_program_layer *layer);
/* The vendor-format bytes (ProgramInfo then Program). Borrowed from the program. */
AKIDA_API const void *akida_program_bytes(const struct akida_program *p, size_t *len);
/* The converted model an .akp carries along (for the cpu back end and sparsity), or NULL. Borrowed. */
AKIDA_API const struct akida_model *akida_program_model(const struct akida_program *p);
/* (potential - shift[c]) / scale[c]; frames x outputs. */
AKIDA_API int akida_program_dequantize(const struct akida_program *p, const int32_t *potentials, size_t frames,
				       float *out);

#endif
