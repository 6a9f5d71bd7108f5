/* SPDX-License-Identifier: MIT */
/*
 * Writes programs in the vendor's format. Objects are created in the order the vendor's compiler creates them, so that
 * the same content gives the same bytes (tests rebuild vendor programs and compare whole files).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "layer/encoding.h"
#include "program/flatbuf.h"
#include "program/program.h"

/* A table {0: vector}: the shape of most of what both parts hold. */
static uint32_t put_wrapper(struct ak_fb_builder *w, uint32_t ref)
{
	ak_fb_open_table(w);
	ak_fb_add_ref(w, 0, ref);
	return ak_fb_close_table(w);
}

/* A record: its tracks, and an FNP2's weights where it has any. */
static uint32_t put_record(struct ak_fb_builder *w, uint32_t tracks, uint32_t external)
{
	ak_fb_open_table(w);
	ak_fb_add_ref(w, 1, external);
	ak_fb_add_ref(w, 0, tracks);
	return ak_fb_close_table(w);
}

/* The images of one pass: from first on `count` records, and the image of each one's external weights, or NULL. */
struct pass {
	const struct ak_track_image *images;
	uint32_t first, count, end;
};

static struct pass pass_of(const struct ak_track_image *images, uint32_t first, uint32_t all)
{
	struct pass p = {images, first, 0, first};

	while (p.end < all && images[p.end].pass == images[first].pass) {
		p.count += !images[p.end].external;
		p.end++;
	}
	return p;
}

static const struct ak_track_image *external_of(const struct pass *p, uint32_t record)
{
	for (uint32_t i = p->first + p->count; i < p->end; i++)
		if (p->images[i].record == record)
			return &p->images[i];
	return NULL;
}

/* The Program part; at receives the reference of each track's first word, counted from the end of the part. */
static int write_program(const struct ak_program_head *h, const struct ak_track_image *tracks, uint32_t count,
			 uint32_t *at, uint8_t **bytes, size_t *len)
{
	struct ak_fb_builder w;
	uint32_t *records = calloc(count, sizeof(*records)), pass[AK_PROGRAM_MAX_PASSES], passes, n = 0;

	if (!records)
		return -ENOMEM;
	ak_fb_begin(&w);
	for (struct pass p = pass_of(tracks, 0, count);; p = pass_of(tracks, p.end, count)) {
		for (uint32_t i = 0; i < p.count; i++) {
			const struct ak_track_image *t = &tracks[p.first + i], *e = external_of(&p, i);
			uint32_t track, external = 0;

			at[p.first + i] = ak_fb_put_words(&w, t->words, t->count, 1) - 4;
			track = put_wrapper(&w, at[p.first + i] + 4);
			if (e) {
				at[e - tracks] = ak_fb_put_words(&w, e->words, e->count, 1) - 4;
				external = put_wrapper(&w, at[e - tracks] + 4);
			}
			records[i] = put_record(&w, ak_fb_put_offsets(&w, &track, 1), external);
		}
		pass[n++] = put_wrapper(&w, ak_fb_put_offsets(&w, records, p.count));
		if (p.end == count)
			break;
	}
	passes = ak_fb_put_offsets(&w, pass, n);
	ak_fb_open_table(&w);
	ak_fb_add_struct(&w, 2, h->dummy_header, 2);
	ak_fb_add_ref(&w, 0, passes);
	free(records);
	return ak_fb_finish(&w, ak_fb_close_table(&w), bytes, len);
}

static uint32_t put_device(struct ak_fb_builder *w, const uint8_t version[4])
{
	ak_fb_open_table(w);
	for (uint32_t i = 4; i-- > 0;)
		ak_fb_add_u8(w, i, version[i]);
	return ak_fb_close_table(w);
}

/* Where an FNP2's weights lie, and whose they are, as their packet's header says. */
static uint32_t put_external(struct ak_fb_builder *w, const struct ak_track_image *e, uint32_t offset)
{
	const uint32_t span[2] = {offset, e->count}, head = e->words[0];
	uint32_t ref = ak_fb_put_words(w, span, 1, 2), id = 0;

	while (AK_PKT_DST(head) > 1u << id)
		id++;
	ak_fb_open_table(w);
	ak_fb_add_ref(w, 0, ref);
	ak_fb_add_u8(w, 3, (uint8_t)id);
	ak_fb_add_u8(w, 2, (uint8_t)AK_PKT_ROW(head));
	ak_fb_add_u8(w, 1, (uint8_t)AK_PKT_COL(head));
	return ak_fb_close_table(w);
}

static int write_info(const struct ak_program_head *h, const struct ak_track_image *tracks, uint32_t count,
		      const uint32_t *at, size_t program_bytes, uint8_t **bytes, size_t *len)
{
	struct ak_fb_builder w;
	uint32_t *records = calloc(count, sizeof(*records)), *scales = calloc(h->channels + 1, sizeof(*scales));
	uint32_t device, pass[AK_PROGRAM_MAX_PASSES], n = 0, most = 0;
	uint32_t engine, in, out, shift_ref = 0, scale_ref = 0, epg, passes;
	int err = -ENOMEM;

	if (!records || !scales)
		goto free_parts;
	ak_fb_begin(&w);
	device = put_device(&w, h->device_version);
	for (struct pass p = pass_of(tracks, 0, count);; p = pass_of(tracks, p.end, count)) {
		for (uint32_t i = 0; i < p.count; i++) {
			const struct ak_track_image *e = external_of(&p, i);
			const uint32_t span[2] = {(uint32_t)program_bytes - at[p.first + i], tracks[p.first + i].count};
			uint32_t external = 0;

			if (e)
				external = put_external(&w, e, (uint32_t)program_bytes - at[e - tracks]);
			records[i] = put_record(&w, ak_fb_put_words(&w, span, 1, 2), external);
		}
		most = p.count > most ? p.count : most;
		pass[n++] = put_wrapper(&w, ak_fb_put_offsets(&w, records, p.count));
		if (p.end == count)
			break;
	}
	engine = ak_fb_put_string(&w, h->engine_version);
	in = ak_fb_put_words(&w, h->in_dims, 3, 1);
	out = ak_fb_put_words(&w, h->out_dims, 3, 1);
	if (h->channels) {
		memcpy(scales, h->shifts, h->channels * sizeof(*scales));
		shift_ref = ak_fb_put_words(&w, scales, h->channels, 1);
		memcpy(scales, h->scales, h->channels * sizeof(*scales));
		scale_ref = ak_fb_put_words(&w, scales, h->channels, 1);
	}
	epg = ak_fb_put_words(&w, (const uint32_t *)h->epg, h->epg_count, 2);
	passes = ak_fb_put_offsets(&w, pass, n);
	ak_fb_open_table(&w);
	ak_fb_add_ref(&w, 13, passes);
	ak_fb_add_ref(&w, 12, epg);
	ak_fb_add_ref(&w, 10, scale_ref);
	ak_fb_add_ref(&w, 9, shift_ref);
	ak_fb_add_u32(&w, 8, h->window_h);
	ak_fb_add_u32(&w, 7, h->window_w);
	ak_fb_add_ref(&w, 3, out);
	ak_fb_add_ref(&w, 2, in);
	ak_fb_add_ref(&w, 1, device);
	ak_fb_add_ref(&w, 0, engine);
	ak_fb_add_u8(&w, 11, (uint8_t)(h->max_descriptors ? h->max_descriptors : most + 1));
	ak_fb_add_u8(&w, 6, h->activation);
	ak_fb_add_u8(&w, 5, (uint8_t)h->output_type);
	ak_fb_add_u8(&w, 4, (uint8_t)h->input_type);
	err = ak_fb_finish(&w, ak_fb_close_table(&w), bytes, len);
free_parts:
	free(records);
	free(scales);
	return err;
}

static int check_images(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
			struct akida_diag *diag)
{
	uint32_t pass = 0, records = 0, externals = 0;

	if (!count || count > AK_PROGRAM_MAX_TRACKS || head->max_descriptors > 255 ||
	    head->epg_count > AK_PROGRAM_MAX_EPG)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL,
			       "a program has 1 to %u tracks and at most %u register writes, not %u and %u",
			       AK_PROGRAM_MAX_TRACKS, AK_PROGRAM_MAX_EPG, count, head->epg_count);
	for (uint32_t i = 0; i < count; i++) {
		const struct ak_track_image *t = &tracks[i];

		if (!t->words || !t->count)
			return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "track %u is empty", i);
		if (t->pass == pass + 1 && records) {
			pass++;
			records = externals = 0;
		}
		if (t->pass != pass || pass >= AK_PROGRAM_MAX_PASSES || (t->external && t->record >= records) ||
		    (!t->external && externals))
			return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "track %u is out of order", i);
		records += !t->external;
		externals += t->external;
		if (records > 254)
			return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "more than 254 tracks in pass %u", pass);
	}
	return 0;
}

int ak_vendor_write(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
		    uint8_t **bytes, size_t *len, struct akida_diag *diag)
{
	uint8_t *info = NULL, *program = NULL, *joined;
	size_t info_bytes = 0, program_bytes = 0;
	uint32_t *at;
	int err;

	err = check_images(head, tracks, count, diag);
	if (err)
		return err;
	at = calloc(count, sizeof(*at));
	if (!at)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u tracks", count);
	err = write_program(head, tracks, count, at, &program, &program_bytes);
	if (!err)
		err = write_info(head, tracks, count, at, program_bytes, &info, &info_bytes);
	joined = err ? NULL : malloc(info_bytes + program_bytes);
	if (joined) {
		memcpy(joined, info, info_bytes);
		memcpy(joined + info_bytes, program, program_bytes);
		*bytes = joined;
		*len = info_bytes + program_bytes;
	} else if (!err) {
		err = -ENOMEM;
	}
	free(at);
	free(info);
	free(program);
	return err ? ak_fail(diag, err, AK_RULE_NOMEM, NULL, "the program cannot be built: %s", akida_strerror(err))
		   : 0;
}

int ak_program_build(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
		     const struct ak_program_layer_meta *meta, uint32_t meta_count, struct akida_model *model,
		     struct akida_program **out, struct akida_diag *diag)
{
	struct akida_program *p;
	uint8_t *bytes = NULL;
	size_t len = 0;
	int err;

	*out = NULL;
	p = calloc(1, sizeof(*p));
	if (!p) {
		akida_model_destroy(model);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a program");
	}
	p->model = model;
	err = ak_vendor_write(head, tracks, count, &bytes, &len, diag);
	if (err)
		goto destroy;
	p->storage = bytes;
	if (meta_count) {
		p->meta = calloc(meta_count, sizeof(*meta));
		if (!p->meta) {
			err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a program");
			goto destroy;
		}
		memcpy(p->meta, meta, meta_count * sizeof(*meta));
		p->meta_count = meta_count;
	}
	/* What was written is read back with all checks: a mistake of the caller shows here, not on a device. */
	err = ak_vendor_parse(p, bytes, len, "the built program", diag);
	if (!err)
		err = ak_program_describe(p, "the built program", diag);
	if (err)
		goto destroy;
	*out = p;
	return 0;
destroy:
	akida_program_destroy(p);
	return err;
}
