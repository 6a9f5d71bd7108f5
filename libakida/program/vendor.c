/* SPDX-License-Identifier: MIT */
/*
 * Reads the vendor's program format, engine 2.5.0: size-prefixed ProgramInfo, then size-prefixed Program (nsoc-hardware
 * 16). Every offset is checked; the tracks the info names must be the vectors the Program holds. What is well formed but
 * not supported is refused by name.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "base/le.h"
#include "program/flatbuf.h"
#include "program/program.h"

/* Slots of ProgramInfo. */
enum {
	INFO_ENGINE,
	INFO_DEVICE,
	INFO_IN_DIMS,
	INFO_OUT_DIMS,
	INFO_IN_TYPE,
	INFO_OUT_TYPE,
	INFO_ACTIVATION,
	INFO_WINDOW_W,
	INFO_WINDOW_H,
	INFO_SHIFTS,
	INFO_SCALES,
	INFO_MAX_DESCRIPTORS,
	INFO_EPG,
	INFO_PASSES,
	INFO_LEARNING,
	INFO_SLOTS
};

#define MAX_SIDE 65535u
#define MAX_ELEMENTS ((uint64_t)1 << 26)

struct reader {
	struct ak_fb info, program;
	struct ak_program_head *head;
	const char *name;
	struct akida_diag *diag;
};

static int damaged(const struct reader *r, const char *what)
{
	return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name, "%s is damaged", what);
}

static int refused(const struct reader *r, const char *what)
{
	return ak_fail(r->diag, -EOPNOTSUPP, AK_RULE_PROGRAM_UNSUPPORTED, r->name, "needs %s, which is not supported",
		       what);
}

bool ak_vendor_recognise(const void *bytes, size_t len)
{
	struct ak_fb fb;
	struct ak_fb_table root, device;
	char engine[16];

	return !ak_fb_open(&fb, bytes, len) && !ak_fb_root(&fb, &root) && root.slots > INFO_DEVICE &&
	       !ak_fb_string(&fb, &root, INFO_ENGINE, engine, sizeof(engine)) && engine[0] &&
	       !ak_fb_table(&fb, &root, INFO_DEVICE, &device);
}

static int read_identity(struct reader *r, const struct ak_fb_table *root)
{
	struct ak_program_head *h = r->head;
	struct ak_fb_table device;

	if (ak_fb_string(&r->info, root, INFO_ENGINE, h->engine_version, sizeof(h->engine_version)) ||
	    ak_fb_table(&r->info, root, INFO_DEVICE, &device))
		return damaged(r, "the identity of the ProgramInfo");
	for (uint32_t i = 0; i < 4; i++)
		if (ak_fb_u8(&r->info, &device, i, &h->device_version[i]))
			return damaged(r, "the device version");
	if (strcmp(h->engine_version, AK_PROGRAM_ENGINE))
		return ak_fail(r->diag, -EOPNOTSUPP, AK_RULE_PROGRAM_VERSION, r->name,
			       "compiled by engine %s; programs of engine %s are understood", h->engine_version,
			       AK_PROGRAM_ENGINE);
	if (h->device_version[1] != 0x00 && h->device_version[1] != 0xa1)
		return ak_fail(r->diag, -EOPNOTSUPP, AK_RULE_PROGRAM_VERSION, r->name,
			       "compiled for %02X.%02X.%03u.%03u, which is not an Akida v1 device",
			       h->device_version[0], h->device_version[1], h->device_version[2], h->device_version[3]);
	if (root->slots > INFO_SLOTS)
		return refused(r, "fields of a newer schema");
	return 0;
}

static int read_dims(struct reader *r, const struct ak_fb_table *root, uint32_t slot, const char *what,
		     uint32_t dims[3])
{
	struct ak_fb_vector v;
	uint64_t elements = 1;

	if (ak_fb_vector(&r->info, root, slot, 4, &v) || v.count != 3)
		return damaged(r, what);
	for (uint32_t i = 0; i < 3; i++) {
		dims[i] = ak_fb_word(&r->info, &v, i);
		if (!dims[i] || dims[i] > MAX_SIDE)
			return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name,
				       "%s are impossible: %u in place %u", what, dims[i], i);
		elements *= dims[i];
	}
	if (elements > MAX_ELEMENTS)
		return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name, "%s are impossible: %ux%ux%u", what,
			       dims[0], dims[1], dims[2]);
	return 0;
}

/* Shifts and scales come together, one per output channel, or not at all (activations). */
static int read_scales(struct reader *r, const struct ak_fb_table *root)
{
	struct ak_program_head *h = r->head;
	struct ak_fb_vector shifts, scales;
	int e1 = ak_fb_vector(&r->info, root, INFO_SHIFTS, 4, &shifts);
	int e2 = ak_fb_vector(&r->info, root, INFO_SCALES, 4, &scales);

	if (e1 == -ENOENT && e2 == -ENOENT)
		return 0;
	if (e1 || e2 || shifts.count != scales.count || (shifts.count && shifts.count != h->out_dims[2]))
		return damaged(r, "the list of output scales");
	if (!shifts.count)
		return 0;
	h->shifts = calloc(shifts.count, sizeof(*h->shifts));
	h->scales = calloc(shifts.count, sizeof(*h->scales));
	if (!h->shifts || !h->scales)
		return ak_fail(r->diag, -ENOMEM, AK_RULE_NOMEM, r->name, "no memory for scales");
	h->channels = shifts.count;
	for (uint32_t i = 0; i < shifts.count; i++) {
		uint32_t bits = ak_fb_word(&r->info, &scales, i);

		h->shifts[i] = (int32_t)ak_fb_word(&r->info, &shifts, i);
		memcpy(&h->scales[i], &bits, sizeof(bits));
		if (!isfinite(h->scales[i]) || h->scales[i] == 0)
			return ak_fail(r->diag, -ERANGE, AK_RULE_PROGRAM_FORMAT, r->name,
				       "the scale of output channel %u is %g, it must be finite and not zero", i,
				       h->scales[i]);
	}
	return 0;
}

static int read_epg(struct reader *r, const struct ak_fb_table *root)
{
	struct ak_program_head *h = r->head;
	struct ak_fb_vector v;
	int err = ak_fb_vector(&r->info, root, INFO_EPG, 8, &v);

	if (err == -ENOENT || (!err && !v.count))
		return 0;
	if (err || v.count > AK_PROGRAM_MAX_EPG)
		return damaged(r, "the event packet generator's list");
	h->epg = calloc(v.count, sizeof(*h->epg));
	if (!h->epg)
		return ak_fail(r->diag, -ENOMEM, AK_RULE_NOMEM, r->name, "no memory for register writes");
	h->epg_count = v.count;
	for (uint32_t i = 0; i < v.count; i++) {
		h->epg[i].offset = ak_fb_word(&r->info, &v, 2 * i);
		h->epg[i].value = ak_fb_word(&r->info, &v, 2 * i + 1);
	}
	return 0;
}

static int read_scalars(struct reader *r, const struct ak_fb_table *root)
{
	struct ak_program_head *h = r->head;
	uint8_t in_type, out_type, activation, descriptors;

	if (ak_fb_u8(&r->info, root, INFO_IN_TYPE, &in_type) || ak_fb_u8(&r->info, root, INFO_OUT_TYPE, &out_type) ||
	    ak_fb_u8(&r->info, root, INFO_ACTIVATION, &activation) ||
	    ak_fb_u8(&r->info, root, INFO_MAX_DESCRIPTORS, &descriptors) ||
	    ak_fb_u32(&r->info, root, INFO_WINDOW_W, &h->window_w) ||
	    ak_fb_u32(&r->info, root, INFO_WINDOW_H, &h->window_h))
		return damaged(r, "a field of the ProgramInfo");
	if (in_type > 3 || out_type > 3 || activation > 1)
		return damaged(r, "an input or output type");
	h->input_type = in_type;
	h->output_type = out_type;
	h->activation = activation;
	h->max_descriptors = descriptors;
	if (h->window_h > h->in_dims[0] || h->window_w > h->in_dims[1])
		return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name,
			       "the input window of %ux%u exceeds the input of %ux%u", h->window_h, h->window_w,
			       h->in_dims[0], h->in_dims[1]);
	return 0;
}

static int add_track(struct reader *r, struct ak_track t)
{
	struct ak_program_head *h = r->head;

	if (h->track_count == AK_PROGRAM_MAX_TRACKS)
		return refused(r, "more than 512 tracks");
	h->tracks[h->track_count++] = t;
	return 0;
}

/* Weights of an FNP2: {0: one span, 1 to 3: column, row and id of the NP}. */
static int read_external(struct reader *r, const struct ak_fb_table *record, struct ak_track *t)
{
	struct ak_fb_vector spans;
	struct ak_fb_table external;

	if (ak_fb_table(&r->info, record, 1, &external) || ak_fb_vector(&r->info, &external, 0, 8, &spans) ||
	    spans.count != 1)
		return damaged(r, "the external weights of a record");
	t->offset = ak_fb_word(&r->info, &spans, 0);
	t->words = ak_fb_word(&r->info, &spans, 1);
	return 0;
}

/* One pass of the info: tracks of all records, then the external weights of those that have some. */
static int read_pass(struct reader *r, const struct ak_fb_table *pass, uint32_t number)
{
	struct ak_fb_vector records, spans;
	struct ak_fb_table record;
	int err = 0;

	if (ak_fb_vector(&r->info, pass, 0, 4, &records) || !records.count || records.count > AK_PROGRAM_MAX_TRACKS)
		return damaged(r, "the list of records");
	for (uint32_t i = 0; i < records.count; i++) {
		if (ak_fb_element(&r->info, &records, i, &record) || ak_fb_vector(&r->info, &record, 0, 8, &spans) ||
		    !spans.count)
			return damaged(r, "a record");
		for (uint32_t s = 2; s < record.slots; s++)
			if (ak_fb_has(&r->info, &record, s))
				return refused(r, "skip DMA tracks");
		for (uint32_t k = 0; k < spans.count && !err; k++)
			err = add_track(r, (struct ak_track){
						   .pass = number,
						   .record = i,
						   .offset = ak_fb_word(&r->info, &spans, 2 * k),
						   .words = ak_fb_word(&r->info, &spans, 2 * k + 1),
					   });
		if (err)
			return err;
	}
	for (uint32_t i = 0; i < records.count; i++) {
		struct ak_track t = {.pass = number, .record = i, .external = true};

		if (ak_fb_element(&r->info, &records, i, &record))
			return damaged(r, "a record");
		if (!ak_fb_has(&r->info, &record, 1))
			continue;
		err = read_external(r, &record, &t);
		if (!err)
			err = add_track(r, t);
		if (err)
			return err;
	}
	return 0;
}

static int read_spans(struct reader *r, const struct ak_fb_table *root)
{
	struct ak_program_head *h = r->head;
	struct ak_fb_vector passes;
	struct ak_fb_table pass;

	if (ak_fb_vector(&r->info, root, INFO_PASSES, 4, &passes) || !passes.count)
		return damaged(r, "the list of passes");
	h->passes = passes.count;
	if (passes.count > AK_PROGRAM_MAX_PASSES)
		return refused(r, "more than 64 passes");
	if (ak_fb_has(&r->info, root, INFO_LEARNING))
		return refused(r, "a learning layer");
	h->tracks = calloc(AK_PROGRAM_MAX_TRACKS, sizeof(*h->tracks));
	if (!h->tracks)
		return ak_fail(r->diag, -ENOMEM, AK_RULE_NOMEM, r->name, "no memory for tracks");
	for (uint32_t i = 0; i < passes.count; i++) {
		int err = ak_fb_element(&r->info, &passes, i, &pass) ? damaged(r, "the list of passes")
								     : read_pass(r, &pass, i);

		if (err)
			return err;
	}
	return 0;
}

static int misplaced(const struct reader *r, uint32_t track)
{
	return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name, "track %u is not where the ProgramInfo says",
		       track);
}

/* A track of the Program part is number n of the info. */
static int check_track(struct reader *r, const struct ak_fb_table *track, uint32_t n, struct ak_track want)
{
	const struct ak_program_head *h = r->head;
	struct ak_fb_vector words;

	if (ak_fb_vector(&r->program, track, 0, 4, &words))
		return damaged(r, "a track of the Program part");
	if (n >= h->track_count || h->tracks[n].pass != want.pass || h->tracks[n].record != want.record ||
	    h->tracks[n].external != want.external || h->tracks[n].offset != words.at ||
	    h->tracks[n].words != words.count || !words.count)
		return misplaced(r, n);
	return 0;
}

static int check_pass(struct reader *r, const struct ak_fb_table *pass, uint32_t number, uint32_t *n)
{
	struct ak_fb_vector records, tracks;
	struct ak_fb_table record, track;
	int err = 0;

	if (ak_fb_vector(&r->program, pass, 0, 4, &records))
		return damaged(r, "the Program part");
	for (uint32_t i = 0; i < records.count && !err; i++) {
		if (ak_fb_element(&r->program, &records, i, &record) ||
		    ak_fb_vector(&r->program, &record, 0, 4, &tracks))
			return damaged(r, "a record of the Program part");
		for (uint32_t k = 0; k < tracks.count && !err; k++, ++*n)
			err = ak_fb_element(&r->program, &tracks, k, &track)
				      ? damaged(r, "a track of the Program part")
				      : check_track(r, &track, *n, (struct ak_track){.pass = number, .record = i});
	}
	for (uint32_t i = 0; i < records.count && !err; i++) {
		if (ak_fb_element(&r->program, &records, i, &record))
			return damaged(r, "a record of the Program part");
		if (!ak_fb_has(&r->program, &record, 1))
			continue;
		err = ak_fb_table(&r->program, &record, 1, &track)
			      ? damaged(r, "the external weights of a record")
			      : check_track(r, &track, *n,
					    (struct ak_track){.pass = number, .record = i, .external = true});
		++*n;
	}
	return err;
}

/* The Program part must hold the tracks where the info says they are. */
static int check_program(struct reader *r)
{
	const struct ak_program_head *h = r->head;
	struct ak_fb_vector passes;
	struct ak_fb_table root, pass;
	uint32_t n = 0;

	if (ak_fb_root(&r->program, &root) || ak_fb_vector(&r->program, &root, 0, 4, &passes) ||
	    passes.count != h->passes)
		return damaged(r, "the Program part");
	for (uint32_t i = 0; i < passes.count; i++) {
		int err = ak_fb_element(&r->program, &passes, i, &pass) ? damaged(r, "the Program part")
									: check_pass(r, &pass, i, &n);

		if (err)
			return err;
	}
	if (n != h->track_count)
		return ak_fail(r->diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, r->name,
			       "the Program part holds %u tracks, the ProgramInfo names %u", n, h->track_count);
	return 0;
}

int ak_vendor_parse(struct akida_program *p, void *bytes, size_t len, const char *name, struct akida_diag *diag)
{
	struct reader r = {.head = &p->head, .name = name, .diag = diag};
	struct ak_fb_table root;
	size_t rest;
	int err;

	if (len < 8 || ak_get32(bytes) > len - 4)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the ProgramInfo");
	if (ak_fb_open(&r.info, bytes, len) || ak_fb_root(&r.info, &root))
		return damaged(&r, "the ProgramInfo");
	p->bytes = bytes;
	p->info_bytes = r.info.n;
	rest = len - r.info.n;
	if ((err = read_identity(&r, &root)) ||
	    (err = read_dims(&r, &root, INFO_IN_DIMS, "the input dimensions", p->head.in_dims)) ||
	    (err = read_dims(&r, &root, INFO_OUT_DIMS, "the output dimensions", p->head.out_dims)) ||
	    (err = read_scalars(&r, &root)) || (err = read_scales(&r, &root)) || (err = read_epg(&r, &root)) ||
	    (err = read_spans(&r, &root)))
		return err;
	if (!rest)
		return 0; /* external program */
	if (r.info.n % 4) /* tracks are read as words where they lie */
		return damaged(&r, "the size of the ProgramInfo");
	if (rest < 8 || ak_get32(r.info.b + r.info.n) > rest - 4)
		return ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, name, "ends inside the Program part");
	if (ak_fb_open(&r.program, r.info.b + r.info.n, rest))
		return damaged(&r, "the Program part");
	if (r.program.n != rest)
		return ak_fail(diag, -EILSEQ, AK_RULE_PROGRAM_FORMAT, name, "has %zu bytes after the Program part",
			       rest - r.program.n);
	p->program_bytes = rest;
	return check_program(&r);
}

void ak_program_head_fini(struct ak_program_head *h)
{
	free(h->shifts);
	free(h->scales);
	free(h->epg);
	free(h->tracks);
	memset(h, 0, sizeof(*h));
}
