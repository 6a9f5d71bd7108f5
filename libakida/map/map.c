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

#define EPG_COUNT 7u
#define MAX_TRACK_WORDS 0xffffu /* a configuration descriptor counts 16 bits */

static const char *const type_names[] = {"", "InputData", "InputConv.", "Fully.", "Conv.", "Sep.Conv."};

/*
 * Event packet generator: columns and id of the first layer behind the HRC or, of several passes, of any pass, NPs of
 * the last layer (nsoc-hardware 13). Returns how many registers.
 */
static uint32_t epg_writes(const struct ak_placement *pl, struct ak_reg_write epg[EPG_COUNT])
{
	const struct ak_layer_place *first = &pl->layers[1], *last = &pl->layers[pl->count - 1];
	uint32_t west = first->west, east = first->east;

	for (uint32_t i = 2; i < pl->count; i++) {
		const struct ak_layer_place *p = &pl->layers[i];

		if (p->pass == p[-1].pass)
			continue;
		west = p->west < west ? p->west : west;
		east = p->east > east ? p->east : east;
	}
	epg[0] = (struct ak_reg_write){0x00, 0x00021200};
	epg[1] = (struct ak_reg_write){0x0c, 0x00000010};
	epg[2] = (struct ak_reg_write){0x10, east << 24 | west << 16 | 1};
	epg[3] = (struct ak_reg_write){0x14, first->id << 8};
	epg[4] = (struct ak_reg_write){0x18, 0x01fe0000 | last->count};
	epg[5] = (struct ak_reg_write){0x1c, 0x027fffff};
	epg[6] = (struct ak_reg_write){0x24, 1}; /* ends of packets by source layer */
	return pl->passes > 1 ? 7 : 6;
}

struct tracks {
	struct ak_words *words;
	struct ak_track_image *images; /* words and count are set when all are emitted */
	uint32_t count;
	uint32_t records; /* of the pass */
};

static struct ak_words *next_track(struct tracks *t, uint32_t pass)
{
	t->images[t->count] = (struct ak_track_image){.pass = pass};
	t->records++;
	return &t->words[t->count++];
}

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
			ak_emit_fnp(pl->chip, p, first, n, &link, next_track(t, p->pass));
		else
			ak_emit_cnp(pl->chip, p, first, n, &link, next_track(t, p->pass));
	}
}

/* Weights of FNP2s, behind the tracks of their pass; record: the pass's track of each layer. */
static void emit_external(struct ak_placement *pl, uint32_t first, uint32_t end, const uint32_t *record,
			  struct tracks *t)
{
	for (uint32_t i = first; i < end; i++) {
		if (!pl->layers[i].fnp2)
			continue;
		t->images[t->count] =
			(struct ak_track_image){.pass = pl->layers[i].pass, .external = true, .record = record[i]};
		ak_emit_fnp2_weights(&pl->layers[i], &t->words[t->count++]);
	}
}

static void emit_pass(struct ak_placement *pl, uint32_t first, uint32_t end, uint32_t *record, struct tracks *t)
{
	t->records = 0;
	for (uint32_t i = first; i < end; i++) {
		if (i) {
			record[i] = t->records;
			emit_layer(pl, i, t);
			continue;
		}
		ak_emit_hrc_preconf(pl->layers[0].layer, next_track(t, 0));
		ak_emit_hrc(pl->layers[0].layer, next_track(t, 0));
	}
	emit_external(pl, first, end, record, t);
}

/*
 * Tracks in load order, pass by pass: HRC pre-configuration, HRC, then one per layer, several for a layer whose packets
 * exceed one descriptor, then weights of FNP2s. At most one per NP, one per layer and two; the caller frees them, also
 * after an error.
 */
static int emit_tracks(struct ak_placement *pl, struct tracks *t, struct akida_diag *diag)
{
	uint32_t most = pl->nps + pl->count + 2, *record = calloc(pl->count, sizeof(*record));
	bool failed = false;

	t->count = 0;
	t->words = calloc(most, sizeof(*t->words));
	t->images = calloc(most, sizeof(*t->images));
	if (!t->words || !t->images || !record) {
		free(record);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u tracks", most);
	}
	for (uint32_t first = 0, end; first < pl->count; first = end) {
		for (end = first + 1; !ak_pass_ends(pl, end - 1);)
			end++;
		emit_pass(pl, first, end, record, t);
	}
	free(record);
	for (uint32_t i = 0; i < t->count; i++) {
		t->images[i].words = t->words[i].w;
		t->images[i].count = t->words[i].count;
		failed |= t->words[i].failed;
	}
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

/* Tracks of the largest pass, without external ones. */
static uint32_t most_tracks(const struct tracks *t)
{
	uint32_t most = 0, count = 0;

	for (uint32_t i = 0; i < t->count; i++) {
		if (i && t->images[i].pass != t->images[i - 1].pass)
			count = 0;
		count += !t->images[i].external;
		most = count > most ? count : most;
	}
	return most;
}

/* A ring holds as many descriptors for each pass as the largest needs. */
static int check_descriptors(const struct ak_placement *pl, const struct tracks *t, struct akida_diag *diag)
{
	uint32_t all = pl->passes * most_tracks(t);
	char value[48], limit[32];

	if (pl->passes == 1 || all <= AK_MAP_MAX_DESCRIPTORS)
		return 0;
	snprintf(value, sizeof(value), "%u in %u passes", all, pl->passes);
	snprintf(limit, sizeof(limit), "%u", AK_MAP_MAX_DESCRIPTORS);
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_SPACE, pl->layers[pl->count - 1].layer,
			     "number of configuration descriptors", value, limit,
			     "use fewer layers, a larger chip, or mode minimal");
}

static int head_fill(const struct ak_placement *pl, const struct tracks *t, struct ak_reg_write *epg,
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
	h->passes = pl->passes;
	h->max_descriptors = most_tracks(t) + 1; /* 80 NPs and the HRC: fits its 8 bits */
	if (pl->passes > 1) {
		const struct ak_np *np = &pl->layers[1].parts[0].np;

		h->dummy_header[0] =
			(uint32_t)np->col << 24 | (uint32_t)np->row << 16 | 1u << (8 + np->id) | AK_UID_REGISTER;
		h->dummy_header[1] = 1u << 16;
	}
	h->epg_count = epg_writes(pl, epg);
	h->epg = epg;
	return head_scales(last, h, diag);
}

/* The program carries the model along, and models are not counted. */
static int copy_model(const struct akida_model *m, struct akida_model **out, struct akida_diag *diag)
{
	struct akida_layer *layers = calloc(m->count, sizeof(*layers));
	int err = layers ? 0 : -ENOMEM;

	for (uint32_t i = 0; i < m->count && !err; i++)
		err = ak_layer_copy(&m->layers[i], &layers[i]);
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
		meta[i].id = pl->layers[i].id + 256 * pl->layers[i].pass;
		meta[i].tag = ak_rules_weakest(pl->layers[i].rules, &id);
		snprintf(meta[i].tag_rule, sizeof(meta[i].tag_rule), "%s", id);
	}
}

int ak_map_build(const struct akida_model *m, struct ak_placement *pl, struct akida_program **out,
		 struct akida_diag *diag)
{
	struct ak_program_layer_meta *meta = calloc(pl->count, sizeof(*meta));
	struct tracks tracks = {0};
	struct ak_reg_write epg[EPG_COUNT];
	struct ak_program_head head = {0};
	struct akida_model *copy = NULL;
	int err = 0;

	if (!meta)
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a program");
	if (!err)
		err = emit_tracks(pl, &tracks, diag);
	if (!err)
		err = check_descriptors(pl, &tracks, diag);
	if (!err)
		err = head_fill(pl, &tracks, epg, &head, diag);
	if (!err)
		err = copy_model(m, &copy, diag);
	if (!err) {
		describe(pl, meta);
		err = ak_program_build(&head, tracks.images, tracks.count, meta, pl->count, copy, out, diag);
		if (!err && m->count > pl->count)
			(*out)->software_from = pl->count;
	}
	for (uint32_t i = 0; i < tracks.count; i++)
		ak_words_fini(&tracks.words[i]);
	free(tracks.words);
	free(tracks.images);
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
	r->mesh_count = pl->chip->count * pl->passes;
	r->mesh = calloc(r->mesh_count, sizeof(*r->mesh));
	if (!r->mesh)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for %u NPs", r->mesh_count);
	r->dma_col = pl->chip->dma_col;
	r->dma_row = pl->chip->dma_row;
	for (uint32_t k = 0; k < r->mesh_count; k++) {
		const struct ak_np *np = &pl->chip->np[k % pl->chip->count];
		struct akida_map_np *to = &r->mesh[k];

		*to = (struct akida_map_np){
			.col = np->col,
			.row = np->row,
			.id = np->id,
			.pass = k / pl->chip->count,
			.fnp2 = np->kinds & AK_KIND_FNP2,
			.fnp3 = np->kinds & AK_KIND_FNP3,
			.layer = UINT32_MAX,
		};
		for (uint32_t i = 0; i < pl->count; i++) {
			for (uint32_t n = 0; n < pl->layers[i].count; n++) {
				const struct ak_part *part = &pl->layers[i].parts[n];

				if (pl->layers[i].pass != to->pass || memcmp(&part->np, np, sizeof(*np)))
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

static int report_layer(const struct akida_layer *from, struct akida_map_layer *l, struct akida_diag *diag)
{
	l->name = strdup(from->name);
	if (!l->name)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a report");
	l->type_name = type_names[from->type];
	return 0;
}

/* m: all layers; pl: those that are mapped. */
static int report_fill(const struct akida_model *m, const struct ak_placement *pl, const struct akida_program *program,
		       const char *mode, const double *sparsity, struct akida_map_report *r, struct akida_diag *diag)
{
	struct akida_program_info info = {.size = sizeof(info)};
	int err = akida_program_info(program, &info);

	if (err)
		return err;
	snprintf(r->device, sizeof(r->device), "%s", pl->chip->name);
	snprintf(r->mode, sizeof(r->mode), "%s", mode);
	r->nps = pl->nps;
	r->hrc = 1;
	r->passes = pl->passes;
	r->program_bytes = info.program_bytes;
	r->memory_bytes = info.memory_bytes;
	r->layers = calloc(m->count, sizeof(*r->layers));
	if (!r->layers)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, NULL, "no memory for a report of %u layers", m->count);
	r->layer_count = m->count;
	for (uint32_t i = 0; i < pl->count; i++) {
		struct akida_map_layer *l = &r->layers[i];
		const char *id;

		err = report_layer(pl->layers[i].layer, l, diag);
		if (err)
			return err;
		l->nps = pl->layers[i].count;
		l->passes = 1;
		l->pass = pl->layers[i].pass;
		l->sparsity = sparsity ? sparsity[i] : NAN;
		ak_map_cost(&pl->layers[i], pl->chip, sparsity && i ? sparsity[i - 1] : AK_COST_SPARSITY, &l->cycles,
			    &l->energy_uj);
		l->tag = ak_rules_weakest(pl->layers[i].rules, &id);
		snprintf(l->tag_rule, sizeof(l->tag_rule), "%s", id);
	}
	for (uint32_t i = pl->count; i < m->count; i++) {
		r->layers[i].software = true;
		r->layers[i].sparsity = sparsity ? sparsity[i] : NAN;
		r->layers[i].tag = AKIDA_TAG_UNKNOWN;
		err = report_layer(&m->layers[i], &r->layers[i], diag);
		if (err)
			return err;
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
	if (p && (unsigned int)p->mode > AKIDA_MAP_HW_PR) {
		char mode[16];

		snprintf(mode, sizeof(mode), "%d", (int)p->mode);
		snprintf(text, sizeof(text), "there is no mapping mode %s, allowed: minimal, all-nps, hw-pr", mode);
		ak_diag_add(diag, &(struct ak_finding){.severity = AKIDA_ERROR,
						       .rule = AK_RULE_MAP_MODE,
						       .field = "mode",
						       .value = mode,
						       .limit = "minimal, all-nps, hw-pr",
						       .text = text,
						       .remedy = "use one of these modes"});
		return -EINVAL;
	}
	return 0;
}

/* Of several passes one frame, and the events between two passes; else two, the least a ring can hold. */
static uint64_t frame_memory(const struct ak_placement *pl)
{
	const struct akida_layer *first = pl->layers[0].layer, *last = pl->layers[pl->count - 1].layer;
	uint64_t in = (uint64_t)first->in_h * first->in_w * first->in_c;
	uint64_t out = (uint64_t)last->out_h * last->out_w * last->out_c * (last->type == AKIDA_LAYER_FULLY ? 4 : 8);
	uint64_t values = 0;

	if (pl->passes == 1)
		return in + out; /* beside those of one frame */
	for (uint32_t i = 0; i + 1 < pl->count; i++) {
		const struct akida_layer *l = pl->layers[i].layer;
		uint64_t count = (uint64_t)l->conv_h * l->conv_w * l->filters;

		if (ak_pass_ends(pl, i) && count > values)
			values = count;
	}
	return 2 * 8 * values;
}

static int check_memory(const struct ak_placement *pl, const struct akida_program *p, struct akida_diag *diag)
{
	struct akida_program_info info = {.size = sizeof(info)};
	uint64_t have = pl->chip->memory_bytes, bytes;
	bool stays = pl->passes > 1;
	char value[32], limit[64];
	int err = akida_program_info(p, &info);

	if (err)
		return err;
	for (uint32_t i = 0; i < pl->count; i++)
		stays |= pl->layers[i].fnp2;
	if (stays)
		have += pl->chip->window_bytes;
	bytes = info.memory_bytes + frame_memory(pl);
	if (bytes <= have)
		return 0;
	snprintf(value, sizeof(value), "%" PRIu64 " bytes", bytes);
	snprintf(limit, sizeof(limit), "%" PRIu64 " bytes on the %s", have, pl->chip->name);
	return ak_map_refuse(diag, -ENOSPC, AK_RULE_MAP_DEVICE_MEMORY, pl->layers[pl->count - 1].layer,
			     stays ? "device memory of the program and a frame" : "device memory of two frames", value,
			     limit, "make the output, the input or the network smaller");
}

/* Members that older callers do not have. */
static const double *layer_sparsity(const struct akida_map_params *p)
{
	return p && p->size >= offsetof(struct akida_map_params, software) ? p->sparsity : NULL;
}

static bool may_run_software(const struct akida_map_params *p)
{
	return p && p->size >= sizeof(*p) && p->software;
}

/* The first `count` layers of m as a program that carries all of them. */
static int map_first(const struct akida_model *m, uint32_t count, const struct ak_map_chip *chip,
		     const struct akida_map_params *p, struct akida_program **out, struct akida_map_report *report,
		     struct akida_diag *diag)
{
	const struct akida_model first = {.count = count, .layers = m->layers};
	enum akida_map_mode mode = p ? p->mode : AKIDA_MAP_MINIMAL;
	struct ak_placement pl = {0};
	int err = ak_map_check(&first, diag);

	if (err)
		return err;
	err = ak_place(&first, chip, mode, &pl, diag);
	if (!err)
		err = ak_map_build(m, &pl, out, diag);
	if (!err)
		err = check_memory(&pl, *out, diag);
	if (!err && report)
		err = report_fill(m, &pl, *out, mode_names[mode], layer_sparsity(p), report, diag);
	if (err) {
		akida_program_destroy(*out);
		*out = NULL;
		if (report)
			akida_map_report_fini(report);
	}
	ak_placement_fini(&pl);
	return err;
}

/* As many layers as can be mapped; err and refusal: why not all of them. */
static int map_what_fits(const struct akida_model *m, const struct ak_map_chip *chip, const struct akida_map_params *p,
			 struct akida_program **out, struct akida_map_report *report, const struct akida_diag *refusal,
			 int err, struct akida_diag *diag)
{
	const struct akida_diag_record *why = akida_diag_first_error(refusal);

	for (uint32_t n = m->count - 1; n >= 2; n--) {
		if (map_first(m, n, chip, p, out, report, NULL))
			continue;
		ak_note(diag, AKIDA_WARNING, AK_RULE_MAP_SOFTWARE, m->layers[n].name,
			"the last %u of %u layers run in software: %.200s", m->count - n, m->count,
			why ? why->text : akida_strerror(err));
		return 0;
	}
	return err;
}

int akida_map(const struct akida_model *m, const char *device, const struct akida_map_params *p,
	      struct akida_program **out, struct akida_map_report *report, struct akida_diag *diag)
{
	const struct ak_map_chip *chip = ak_map_chip_find(device);
	struct akida_diag *refusal;
	int err;

	*out = NULL;
	if (report)
		memset(report, 0, sizeof(*report));
	err = check_request(m, chip, device, p, diag);
	if (err)
		return err;
	if (!may_run_software(p))
		return map_first(m, m->count, chip, p, out, report, diag);
	refusal = akida_diag_create();
	err = map_first(m, m->count, chip, p, out, report, refusal);
	if (err == -ENOSPC || err == -EOPNOTSUPP)
		err = map_what_fits(m, chip, p, out, report, refusal, err, diag);
	akida_diag_destroy(refusal);
	if (err == -ENOSPC || err == -EOPNOTSUPP) /* once more, for its records */
		err = map_first(m, m->count, chip, p, out, report, diag);
	return err;
}
