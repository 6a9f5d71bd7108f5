/* SPDX-License-Identifier: MIT */
/* Inside of a program: the fields of ProgramInfo, and where each track lies. Built by map/, read by device/. */
#ifndef AK_PROGRAM_PROGRAM_H
#define AK_PROGRAM_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <akida/program.h>

struct ak_track {
	uint32_t pass, record; /* record: within the pass */
	bool external;	 /* weights of an FNP2, one packet: stays in device memory; behind the pass's other tracks */
	uint32_t offset; /* bytes from the first byte of the Program part, its size prefix included */
	uint32_t words;
};
struct ak_reg_write {
	uint32_t offset, value;
};
struct ak_program_layer_meta { /* .akp section "LAYR": names and tags the mapper knows */
	char name[64];
	uint32_t id;  /* in the registers, + 256 * pass */
	uint32_t tag; /* enum akida_tag */
	char tag_rule[48];
};

/* What a ProgramInfo says; arrays owned by the program. */
struct ak_program_head {
	char engine_version[16];
	uint8_t device_version[4];
	uint32_t in_dims[3], out_dims[3];
	uint32_t input_type, output_type;
	bool activation;
	uint32_t window_w, window_h;
	int32_t *shifts; /* out channels */
	float *scales;
	uint32_t channels; /* length of shifts and scales */
	uint32_t max_descriptors;
	struct ak_reg_write *epg;
	uint32_t epg_count;
	uint32_t passes;
	uint32_t dummy_header[2]; /* of the reads that fill up a pass; zeros with one pass */
	struct ak_track *tracks;  /* in load order */
	uint32_t track_count;
};

struct akida_program {
	struct ak_program_head head;
	void *bytes; /* vendor format: ProgramInfo then Program, each with its size prefix; lies in storage */
	size_t info_bytes, program_bytes;   /* program_bytes 0: ProgramInfo only (external program) */
	void *storage;			    /* the file's bytes */
	struct akida_program_layer *layers; /* as found in the packets; describe.c */
	uint32_t layer_count;
	uint32_t packets, nps, hrc;
	struct ak_program_layer_meta *meta;
	uint32_t meta_count;
	struct akida_model *model; /* optional */
	uint32_t software_from;	   /* layers of model from here on are not in the program; 0: all are */
};

/* One track under construction. */
struct ak_track_image {
	uint32_t *words;
	uint32_t count;
	uint32_t pass;	 /* ascending */
	bool external;	 /* behind the others of its pass */
	uint32_t record; /* of an external one: which of the pass's others it belongs to, from 0 */
};
/*
 * Writes the two flatbuffers from head (its tracks are ignored: one record of one track per image that is not external)
 * and the track images, takes copies of all, attaches meta and model (model ownership moves). Result owned by the caller.
 */
int ak_program_build(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
		     const struct ak_program_layer_meta *meta, uint32_t meta_count, struct akida_model *model,
		     struct akida_program **out, struct akida_diag *diag);
/* Limits of the vendor format's parts that we accept. */
#define AK_PROGRAM_MAX_TRACKS 512u
#define AK_PROGRAM_MAX_EPG 32u
#define AK_PROGRAM_MAX_PASSES 64u
#define AK_PROGRAM_ENGINE "2.5.0"

/* vendor.c: recognises and checks vendor-format bytes; fills head and the two sizes. Frees nothing on failure. */
bool ak_vendor_recognise(const void *bytes, size_t len);
int ak_vendor_parse(struct akida_program *p, void *bytes, size_t len, const char *name, struct akida_diag *diag);
void ak_program_head_fini(struct ak_program_head *h);
/* build.c: the vendor-format bytes of head and images, in a fresh allocation. */
int ak_vendor_write(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
		    uint8_t **bytes, size_t *len, struct akida_diag *diag);
/* describe.c: layers, packets and NPs from the tracks and the metadata; -EILSEQ when packets do not chain. */
int ak_program_describe(struct akida_program *p, const char *name, struct akida_diag *diag);
/* Owns storage from here on, also on failure. akp.c. */
int ak_program_from_storage(void *storage, size_t len, const char *name, struct akida_program **out,
			    struct akida_diag *diag);

/* First word of a track. Valid for the life of the program; 4-byte aligned. */
const uint32_t *ak_program_track(const struct akida_program *p, uint32_t i);

#endif
