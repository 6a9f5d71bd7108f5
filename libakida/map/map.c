// SPDX-License-Identifier: MIT
/* akida_map: check, split, place, emit, describe. The public entry of this folder. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/map.h>
#include "base/diag.h"
#include "map/cost.h"
#include "map/emit.h"
#include "program/program.h"

#define EPG_COUNT 6u
#define MAX_TRACK_WORDS 0xffffu /* a configuration descriptor counts 16 bits */

static const char *const type_names[] = {"", "InputData", "InputConv.", "Fully.", "Conv.", "Sep.Conv."};

/* Event packet generator: first CNP layer's columns and id, NPs of the last layer (nsoc-hardware 13). */
static void epg_writes(const struct ak_placement *pl, struct ak_reg_write epg[EPG_COUNT])
{
	const struct ak_layer_place *first = &pl->layers[1], *last = &pl->layers[pl->count - 1];

	epg[0] = (struct ak_reg_write){0x00, 0x00021200};
	epg[1] = (struct ak_reg_write){0x0c, 0x00000010};
	epg[2] = (struct ak_reg_write){0x10, (uint32_t)first->east << 24 | (uint32_t)first->west << 16 | 1};
	epg[3] = (struct ak_reg_write){0x14, first->id << 8};
	epg[4] = (struct ak_reg_write){0x18, 0x01fe0000 | last->count};
	epg[5] = (struct ak_reg_write){0x1c, 0x027fffff};
}

struct tracks {
	struct ak_words *words;
	uint32_t count;
};

/* Parts from first on that share a track: as many as a descriptor can count. */
static uint32_t parts_in_track(const struct ak_layer_place *p, uint32_t first)
{
	uint32_t n = 0, words = 0;

	while (first + n < p->count) {
		words += p->layer->type == AKIDA_LAYER_FULLY ? ak_emit_fnp_words(p, first + n)
							     : ak_emit_cnp_words(p, first + n);
		if (n && words > MAX_TRACK_WORDS)
			break;
		n++;
	}
	return n;
}

static void emit_layer(struct ak_placement *pl, uint32_t i, struct tracks *t)
{
	struct ak_layer_place *p = &pl->layers[i];
	struct ak_link link = ak_link_of(pl, i);

	for (uint32_t first = 0, n; first < p->count; first += n) {
		n = parts_in_track(p, first);
		if (n < p->count)
			p->rules |= UINT64_C(1) << AK_ENC_TRACK_SPLIT;
		if (p->layer->type == AKIDA_LAYER_FULLY)
			ak_emit_fnp(pl->chip, p, first, n, &link, &t->words[t->count++]);
		else
			ak_emit_cnp(pl->chip, p, first, n, &link, &t->words[t->count++]);
	}
}

/*
 * Tracks in load order: HRC pre-configuration, HRC, then one per layer, several for a layer whose packets exceed one
 * descriptor. At most one per NP and two; the caller frees them, also after an error.
 */
static int emit_tracks(struct ak_placement *pl, struct tracks *t, struct akida_diag *diag)
{
	bool failed = false;

	t->count = 0;
	t->words = calloc(pl->nps + 2, sizeof(*t->words));
	if (!t->words)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u tracks", pl->nps + 2);
	ak_emit_hrc_preconf(pl->layers[0].layer, &t->words[t->count++]);
	ak_emit_hrc(pl->layers[0].layer, &t->words[t->count++]);
	for (uint32_t i = 1; i < pl->count; i++)
		emit_layer(pl, i, t);
	for (uint32_t i = 0; i < t->count; i++)
		failed |= t->words[i].failed;
	return failed ? ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for configuration packets") : 0;
}

/* shift and scale per output channel: predict is (P - shift) / scale; activations are handed out as they are. */
static int head_scales(const struct akida_layer *last, struct ak_program_head *h, struct akida_diag *diag)
{
	h->channels = last->out_c;
	h->shifts = calloc(h->channels, sizeof(*h->shifts));
	h->scales = calloc(h->channels, sizeof(*h->scales));
	if (!h->shifts || !h->scales)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u scales", h->channels);
	for (uint32_t c = 0; c < h->channels; c++) {
		h->shifts[c] = last->activation ? 0 : last->threshold[c];
		h->scales[c] = last->activation ? 1.0f : last->scale[c];
	}
	return 0;
}

static int head_fill(const struct ak_placement *pl, uint32_t tracks, struct ak_reg_write *epg,
		     struct ak_program_head *h, struct akida_diag *diag)
{
	const struct akida_layer *first = pl->layers[0].layer, *last = pl->layers[pl->count - 1].layer;

	snprintf(h->engine_version, sizeof(h->engine_version), "2.5.0");
	memcpy(h->device_version, pl->chip->version, sizeof(h->device_version));
	h->in_dims[0] = first->in_h;
	h->in_dims[1] = first->in_w;
	h->in_dims[2] = first->in_c;
	h->out_dims[0] = last->out_h;
	h->out_dims[1] = last->out_w;
	h->out_dims[2] = last->out_c;
	h->output_type = last->type == AKIDA_LAYER_FULLY ? 0 : 2;
	h->activation = last->activation;
	h->window_w = first->in_w;
	h->window_h = first->in_h;
	h->passes = 1;
	h->max_descriptors = tracks + 1; /* 80 NPs and the HRC: fits its 8 bits */
	epg_writes(pl, epg);
	h->epg = epg;
	h->epg_count = EPG_COUNT;
	return head_scales(last, h, diag);
}

static int copy_layer(const struct akida_layer *from, struct akida_layer *to)
{
	*to = *from;
	to->borrowed = false;
	to->weights = to->weights_pw = NULL;
	to->threshold = to->step16 = NULL;
	to->scale = NULL;
	if (ak_layer_alloc(to))
		return -ENOMEM;
	if (to->weights)
		memcpy(to->weights, from->weights, ak_layer_weight_count(from));
	if (to->weights_pw)
		memcpy(to->weights_pw, from->weights_pw, ak_layer_weight_pw_count(from));
	if (to->threshold) {
		memcpy(to->threshold, from->threshold, from->filters * sizeof(*to->threshold));
		memcpy(to->step16, from->step16, from->filters * sizeof(*to->step16));
	}
	if (to->scale)
		memcpy(to->scale, from->scale, from->filters * sizeof(*to->scale));
	return 0;
}

/* The program carries the model along, and models are not counted. */
static int copy_model(const struct akida_model *m, struct akida_model **out, struct akida_diag *diag)
{
	struct akida_layer *layers = calloc(m->count, sizeof(*layers));
	int err = layers ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < m->count && !err; i++)
		err = copy_layer(&m->layers[i], &layers[i]);
	if (!err)
		return ak_model_create(layers, m->count, m->source, out, diag);
	for (uint32_t i = 0; layers && i < m->count; i++)
		ak_layer_fini(&layers[i]);
	free(layers);
	return ak_fail(diag, err, AK_RULE_NOMEM, NULL, "no memory for a copy of the model");
}

static void describe(const struct ak_placement *pl, struct ak_program_layer_meta *meta)
{
	for (uint32_t i = 0; i < pl->count; i++) {
		const char *id;

		snprintf(meta[i].name, sizeof(meta[i].name), "%.63s", pl->layers[i].layer->name);
		meta[i].id = pl->layers[i].id;
		meta[i].tag = ak_rules_weakest(pl->layers[i].rules, &id);
		snprintf(meta[i].tag_rule, sizeof(meta[i].tag_rule), "%s", id);
	}
}

int ak_map_build(const struct akida_model *m, struct ak_placement *pl, struct akida_program **out,
		 struct akida_diag *diag)
{
	struct ak_track_image *images = calloc(pl->nps + 2, sizeof(*images));
	struct ak_program_layer_meta *meta = calloc(pl->count, sizeof(*meta));
	struct tracks tracks = {0};
	struct ak_reg_write epg[EPG_COUNT];
	struct ak_program_head head = {0};
	struct akida_model *copy = NULL;
	int err = 0;

	if (!images || !meta)
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a program");
	if (!err)
		err = emit_tracks(pl, &tracks, diag);
	if (!err)
		err = head_fill(pl, tracks.count, epg, &head, diag);
	if (!err)
		err = copy_model(m, &copy, diag);
	if (!err) {
		for (uint32_t i = 0; i < tracks.count; i++)
			images[i] = (struct ak_track_image){.words = tracks.words[i].w, .count = tracks.words[i].count};
		describe(pl, meta);
		err = ak_program_build(&head, images, tracks.count, meta, pl->count, copy, out, diag);
	}
	for (uint32_t i = 0; i < tracks.count; i++)
		ak_words_fini(&tracks.words[i]);
	free(tracks.words);
	free(images);
	free(meta);
	free(head.shifts);
	free(head.scales);
	return err;
}

void akida_map_report_fini(struct akida_map_report *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; r->layers && i < r->layer_count; i++)
		free((char *)(uintptr_t)r->layers[i].name);
	free(r->layers);
	free(r->mesh);
	memset(r, 0, sizeof(*r));
}

/* Every NP of the chip, with the part that lies on it. */
static int report_mesh(const struct ak_placement *pl, struct akida_map_report *r, struct akida_diag *diag)
{
	r->mesh = calloc(pl->chip->count, sizeof(*r->mesh));
	if (!r->mesh)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u NPs", pl->chip->count);
	r->mesh_count = pl->chip->count;
	r->dma_col = pl->chip->dma_col;
	r->dma_row = pl->chip->dma_row;
	for (uint32_t k = 0; k < r->mesh_count; k++) {
		const struct ak_np *np = &pl->chip->np[k];
		struct akida_map_np *to = &r->mesh[k];

		*to = (struct akida_map_np){
			.col = np->col,
			.row = np->row,
			.id = np->id,
			.fnp2 = np->kinds & AK_KIND_FNP2,
			.fnp3 = np->kinds & AK_KIND_FNP3,
			.layer = UINT32_MAX,
		};
		for (uint32_t i = 0; i < pl->count; i++) {
			for (uint32_t n = 0; n < pl->layers[i].count; n++) {
				const struct ak_part *part = &pl->layers[i].parts[n];

				if (memcmp(&part->np, np, sizeof(*np)))
					continue;
				to->layer = i;
				to->row0 = part->row0;
				to->rows = part->rows;
				to->filter0 = part->filter0;
				to->filters = part->filters;
			}
		}
	}
	return 0;
}

static int report_fill(const struct ak_placement *pl, const struct akida_program *program, const char *mode,
		       const double *sparsity, struct akida_map_report *r, struct akida_diag *diag)
{
	struct akida_program_info info = {.size = sizeof(info)};
	int err = akida_program_info(program, &info);

	if (err)
		return err;
	snprintf(r->device, sizeof(r->device), "%s", pl->chip->name);
	snprintf(r->mode, sizeof(r->mode), "%s", mode);
	r->nps = pl->nps;
	r->hrc = 1;
	r->passes = 1;
	r->program_bytes = info.program_bytes;
	r->memory_bytes = info.memory_bytes;
	r->layers = calloc(pl->count, sizeof(*r->layers));
	if (!r->layers)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a report of %u layers", pl->count);
	r->layer_count = pl->count;
	for (uint32_t i = 0; i < pl->count; i++) {
		struct akida_map_layer *l = &r->layers[i];
		const char *id;

		l->name = strdup(pl->layers[i].layer->name);
		if (!l->name)
			return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a report");
		l->type_name = type_names[pl->layers[i].layer->type];
		l->nps = pl->layers[i].count;
		l->passes = 1;
		l->sparsity = sparsity ? sparsity[i] : NAN;
		ak_map_cost(&pl->layers[i], pl->chip, sparsity && i ? sparsity[i - 1] : AK_COST_SPARSITY, &l->cycles,
			    &l->energy_uj);
		l->tag = ak_rules_weakest(pl->layers[i].rules, &id);
		snprintf(l->tag_rule, sizeof(l->tag_rule), "%s", id);
	}
	ak_map_frame(pl, program, r);
	return report_mesh(pl, r, diag);
}

static const char *const mode_names[] = {"minimal", "all-nps", "hw-pr"};

static int check_request(const struct akida_model *m, const struct ak_map_chip *chip, const char *device,
			 const struct akida_map_params *p, struct akida_diag *diag)
{
	char text[160];

	if (!m || !m->count)
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "there is no model to map");
	if (akida_model_ip(m) != 1)
		return ak_fail(
			diag, -EOPNOTSUPP, AK_RULE_MAP_DEVICE, m->layers[0].name,
			"is a layer of Akida 2; AKD1000 and AKD1500 run Akida v1 models (convert with --akida v1)");
	if (!chip) {
		const char *name = device ? device : "";

		snprintf(text, sizeof(text), "no chip is called '%.40s'; known: akd1000, akd1500", name);
		ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						       .rule = AK_RULE_MAP_DEVICE,
						       .field = "device",
						       .value = name,
						       .limit = "akd1000, akd1500",
						       .text = text,
						       .remedy = "name one of these"});
		return -EINVAL;
	}
	if (p && p->size < offsetof(struct akida_map_params, sparsity))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, NULL, "the parameters' size field is %u", p->size);
	if (p && p->mode != AKIDA_MAP_MINIMAL && p->mode != AKIDA_MAP_ALL_NPS) {
		const char *mode = (unsigned int)p->mode < 3 ? mode_names[p->mode] : "unknown";

		snprintf(text, sizeof(text), "mapping mode %s is not available, allowed: minimal, all-nps", mode);
		ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						       .rule = AK_RULE_MAP_MODE,
						       .field = "mode",
						       .value = mode,
						       .limit = "minimal, all-nps",
						       .text = text,
						       .remedy = "map with mode minimal or all-nps"});
		return -EOPNOTSUPP;
	}
	return 0;
}

/* Two frames in flight, which is the least a ring can hold, next to the largest track. */
static int check_memory(const struct ak_placement *pl, const struct akida_program *p, struct akida_diag *diag)
{
	const struct akida_layer *first = pl->layers[0].layer, *last = pl->layers[pl->count - 1].layer;
	uint64_t in = (uint64_t)first->in_h * first->in_w * first->in_c;
	uint64_t out = (uint64_t)last->out_h * last->out_w * last->out_c * (last->type == AKIDA_LAYER_FULLY ? 4 : 8);
	struct akida_program_info info = {.size = sizeof(info)};
	char value[32], limit[48];
	int err = akida_program_info(p, &info);

	if (err || info.memory_bytes + in + out <= pl->chip->memory_bytes)
		return err;
	snprintf(value, sizeof(value), "%" PRIu64 " bytes", info.memory_bytes + in + out);
	snprintf(limit, sizeof(limit), "%u bytes on the %s", pl->chip->memory_bytes, pl->chip->name);
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_DEVICE_MEMORY, last, "device memory of two frames", value,
			     limit, "make the output or the input smaller");
}

/* A member that older callers do not have. */
static const double *layer_sparsity(const struct akida_map_params *p)
{
	return p && p->size >= sizeof(*p) ? p->sparsity : NULL;
}

int akida_map(const struct akida_model *m, const char *device, const struct akida_map_params *p,
	      struct akida_program **out, struct akida_map_report *report, struct akida_diag *diag)
{
	const struct ak_map_chip *chip = ak_map_chip_find(device);
	enum akida_map_mode mode = p ? p->mode : AKIDA_MAP_MINIMAL;
	struct ak_placement pl = {0};
	int err;

	*out = NULL;
	if (report)
		memset(report, 0, sizeof(*report));
	err = check_request(m, chip, device, p, diag);
	if (!err)
		err = ak_map_check(m, diag);
	if (err)
		return err;
	err = ak_place(m, chip, mode, &pl, diag);
	if (!err)
		err = ak_map_build(m, &pl, out, diag);
	if (!err)
		err = check_memory(&pl, *out, diag);
	if (!err && report)
		err = report_fill(&pl, *out, mode_names[mode], layer_sparsity(p), report, diag);
	if (err) {
		akida_program_destroy(*out);
		*out = NULL;
		if (report)
			akida_map_report_fini(report);
	}
	ak_placement_fini(&pl);
	return err;
}
