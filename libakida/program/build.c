/* SPDX-License-Identifier: MIT */
/*
 * Writes programs in the vendor's format. Objects are created in the order the vendor's compiler creates them, so that
 * the same content gives the same bytes (tests rebuild vendor programs and compare whole files).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "program/flatbuf.h"
#include "program/program.h"

/* One table {0: vector} per record and, around all, one pass table in a vector: the shape both parts share. */
static uint32_t put_wrapper(struct ak_fb_builder *w, uint32_t ref)
{
	ak_fb_open_table(w);
	ak_fb_add_ref(w, 0, ref);
	return ak_fb_close_table(w);
}

/* The Program part; at receives the reference of each track's first word, counted from the end of the part. */
static int write_program(const struct ak_track_image *tracks, uint32_t count, uint32_t *at, uint8_t **bytes,
			 size_t *len)
{
	static const uint32_t dummy_header[2] = {0, 0};
	struct ak_fb_builder w;
	uint32_t *records = calloc(count, sizeof(*records)), passes, pass;

	if (!records)
		return -ENOMEM;
	ak_fb_begin(&w);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t track;

		at[i] = ak_fb_put_words(&w, tracks[i].words, tracks[i].count, 1) - 4;
		track = put_wrapper(&w, at[i] + 4);
		records[i] = put_wrapper(&w, ak_fb_put_offsets(&w, &track, 1));
	}
	pass = put_wrapper(&w, ak_fb_put_offsets(&w, records, count));
	passes = ak_fb_put_offsets(&w, &pass, 1);
	ak_fb_open_table(&w);
	ak_fb_add_struct(&w, 2, dummy_header, 2);
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

static int write_info(const struct ak_program_head *h, const struct ak_track_image *tracks, uint32_t count,
		      const uint32_t *at, size_t program_bytes, uint8_t **bytes, size_t *len)
{
	struct ak_fb_builder w;
	uint32_t *records = calloc(count, sizeof(*records)), *scales = calloc(h->channels + 1, sizeof(*scales));
	uint32_t device, pass, engine, in, out, shift_ref = 0, scale_ref = 0, epg, passes;
	int err = -ENOMEM;

	if (!records || !scales)
		goto free_parts;
	ak_fb_begin(&w);
	device = put_device(&w, h->device_version);
	for (uint32_t i = 0; i < count; i++) {
		const uint32_t span[2] = {(uint32_t)program_bytes - at[i], tracks[i].count};

		records[i] = put_wrapper(&w, ak_fb_put_words(&w, span, 1, 2));
	}
	pass = put_wrapper(&w, ak_fb_put_offsets(&w, records, count));
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
	passes = ak_fb_put_offsets(&w, &pass, 1);
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
	ak_fb_add_u8(&w, 11, (uint8_t)(h->max_descriptors ? h->max_descriptors : count + 1));
	ak_fb_add_u8(&w, 6, h->activation);
	ak_fb_add_u8(&w, 5, (uint8_t)h->output_type);
	ak_fb_add_u8(&w, 4, (uint8_t)h->input_type);
	err = ak_fb_finish(&w, ak_fb_close_table(&w), bytes, len);
free_parts:
	free(records);
	free(scales);
	return err;
}

int ak_vendor_write(const struct ak_program_head *head, const struct ak_track_image *tracks, uint32_t count,
		    uint8_t **bytes, size_t *len, struct akida_diag *diag)
{
	uint8_t *info = NULL, *program = NULL, *joined;
	size_t info_bytes = 0, program_bytes = 0;
	uint32_t *at;
	int err;

	if (!count || count > 254 || head->max_descriptors > 255 || head->epg_count > AK_PROGRAM_MAX_EPG)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL,
			       "a program has 1 to 254 tracks and at most %u register writes, not %u and %u",
			       AK_PROGRAM_MAX_EPG, count, head->epg_count);
	for (uint32_t i = 0; i < count; i++)
		if (!tracks[i].words || !tracks[i].count)
			return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "track %u is empty", i);
	at = calloc(count, sizeof(*at));
	if (!at)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u tracks", count);
	err = write_program(tracks, count, at, &program, &program_bytes);
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
