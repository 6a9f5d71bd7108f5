/* SPDX-License-Identifier: MIT */
/* The program as an object: information, dequantization, release. Reading and writing are in vendor.c, build.c, akp.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "layer/layer.h"
#include "program/program.h"

#define DESCRIPTOR_CONFIG 32u
#define DESCRIPTOR_IMAGE 64u
#define MIN_RING 2u
#define OUTPUT_HEADER 32u
#define TYPE_CNP_SPARSE 2u

const char *akida_tag_name(enum akida_tag tag)
{
	switch (tag) {
	case AKIDA_TAG_VERIFIED:
		return "verified";
	case AKIDA_TAG_DERIVED:
		return "derived";
	case AKIDA_TAG_PROVISIONAL:
		return "provisional";
	default:
		return "unknown";
	}
}

void akida_program_destroy(struct akida_program *p)
{
	if (!p)
		return;
	ak_program_head_fini(&p->head);
	akida_model_destroy(p->model);
	free(p->meta);
	free(p->layers);
	free(p->storage);
	free(p);
}

const uint32_t *ak_program_track(const struct akida_program *p, uint32_t i)
{
	return (const uint32_t *)(const void *)((const uint8_t *)p->bytes + p->info_bytes + p->head.tracks[i].offset);
}

static void chip_name(const uint8_t v[4], char *out, size_t bytes)
{
	bool v1 = v[0] == 0xbc && v[1] == 0xa1 && v[2] == 3;

	if (v[0] == 0xbc && v[1] == 0x00 && v[2] == 0 && v[3] == 2)
		snprintf(out, bytes, "AKD1000");
	else if (v1 && v[3] == 9)
		snprintf(out, bytes, "AKD1500");
	else if (v1 && v[3] == 6)
		snprintf(out, bytes, "akida1:2");
	else if (v1 && v[3] > 130 && v[3] <= 144)
		snprintf(out, bytes, "akida1:%u", v[3] - 128u);
	else
		snprintf(out, bytes, "unknown");
}

/* The sum documented at struct akida_program_info, for so many frames. */
static uint64_t memory_bytes(const struct ak_program_head *h, uint32_t frames)
{
	uint64_t in = (uint64_t)h->in_dims[0] * h->in_dims[1] * h->in_dims[2];
	uint64_t out = (uint64_t)h->out_dims[0] * h->out_dims[1] * h->out_dims[2], track = 0, stay = 0, payload;

	for (uint32_t i = 0; i < h->track_count; i++) {
		uint64_t bytes = 4 * (uint64_t)h->tracks[i].words;

		if (h->passes > 1 || h->tracks[i].external)
			stay += bytes;
		else if (bytes > track)
			track = bytes;
	}
	if (h->passes > 1)
		frames = 1; /* no two are in flight */
	if (h->output_type == TYPE_CNP_SPARSE)
		payload = 8 * out;
	else
		payload = h->activation ? (out + 3) / 4 * 4 : 4 * out;
	return track + stay + DESCRIPTOR_CONFIG * (uint64_t)h->max_descriptors * h->passes +
	       (uint64_t)(frames > MIN_RING ? frames : MIN_RING) * DESCRIPTOR_IMAGE +
	       frames * ((in + 3) / 4 * 4 + OUTPUT_HEADER + payload);
}

uint64_t akida_program_memory(const struct akida_program *p, uint32_t frames)
{
	return p ? memory_bytes(&p->head, frames ? frames : 1) : 0;
}

int akida_program_info(const struct akida_program *p, struct akida_program_info *info)
{
	const struct ak_program_head *h = &p->head;
	struct akida_program_info full = {.size = sizeof(full)};
	uint32_t size = info->size;

	if (size < sizeof(uint32_t) || size > sizeof(full))
		return -EINVAL;
	snprintf(full.engine_version, sizeof(full.engine_version), "%s", h->engine_version);
	memcpy(full.device_version, h->device_version, sizeof(full.device_version));
	chip_name(h->device_version, full.chip, sizeof(full.chip));
	memcpy(full.in_dims, h->in_dims, sizeof(full.in_dims));
	memcpy(full.out_dims, h->out_dims, sizeof(full.out_dims));
	full.window_w = h->window_w;
	full.window_h = h->window_h;
	full.input_type = h->input_type;
	full.output_type = h->output_type;
	full.activation = h->activation;
	full.passes = h->passes;
	full.tracks = h->track_count;
	full.packets = p->packets;
	full.nps = p->nps;
	full.hrc = p->hrc;
	full.program_bytes = p->info_bytes + p->program_bytes;
	full.memory_bytes = memory_bytes(h, 1);
	full.info_only = !p->program_bytes;
	full.software_layers = p->software_from ? p->model->count - p->software_from : 0;
	full.tag = full.info_only ? AKIDA_TAG_UNKNOWN : AKIDA_TAG_VERIFIED;
	for (uint32_t i = 0; i < p->layer_count; i++)
		if (p->layers[i].tag > full.tag)
			full.tag = p->layers[i].tag;
	full.size = size;
	memcpy(info, &full, size);
	return 0;
}

uint32_t akida_program_layers(const struct akida_program *p)
{
	return p->layer_count;
}

int akida_program_layer(const struct akida_program *p, uint32_t i, struct akida_program_layer *layer)
{
	uint32_t size = layer->size;

	if (i >= p->layer_count)
		return -ENOENT;
	if (size < sizeof(uint32_t) || size > sizeof(*layer))
		return -EINVAL;
	memcpy(layer, &p->layers[i], size);
	layer->size = size;
	return 0;
}

const void *akida_program_bytes(const struct akida_program *p, size_t *len)
{
	*len = p->info_bytes + p->program_bytes;
	return p->bytes;
}

const struct akida_model *akida_program_model(const struct akida_program *p)
{
	return p->model;
}

int akida_program_dequantize(const struct akida_program *p, const int32_t *potentials, size_t frames, float *out)
{
	const struct ak_program_head *h = &p->head;
	size_t positions = frames * h->out_dims[0] * h->out_dims[1];

	if (p->software_from)
		return akida_model_dequantize(p->model, potentials, frames, out);
	if (!h->channels)
		return -EINVAL;
	for (size_t i = 0; i < positions; i++)
		for (uint32_t c = 0; c < h->channels; c++, potentials++, out++)
			*out = (float)((int64_t)*potentials - h->shifts[c]) / h->scales[c];
	return 0;
}
