// SPDX-License-Identifier: MIT
/*
 * host_cases OUT MNIST SHARED: writes the programs that the guest runs, each with inputs and the outputs of `virtual:` on
 * this host (guest/case.h): a small network, one with large frames, one of several passes, one with weights in device
 * memory and the model of file MNIST, mapped for both chips, and the vendor's keyword-spotting program when
 * SHARED/data/programs has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <akida/akida.h>
#include <akida/map.h>
#include "layer/layer.h"
#include "program/program.h"
#include "tests/kernel/guest/case.h"
#include "uapi/akida.h"

#define FRAMES 24u
#define LARGE_FRAMES 7u /* a little more than 1 MiB */
#define DEEP_LAYERS 90u /* more than either chip has NPs */

static void die(const char *what, struct akida_diag *diag)
{
	fprintf(stderr, "host_cases: %s%s%s\n", what, diag ? ": " : "",
		diag && akida_diag_first_error(diag) ? akida_diag_first_error(diag)->text : "");
	exit(1);
}

static uint32_t seed = 1;
static uint32_t rng(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)(seed >> 4) * n) >> 28);
}

static void fill_layer(struct akida_layer *l, int32_t most)
{
	if (ak_layer_alloc(l))
		die("no memory", NULL);
	for (size_t i = 0; i < ak_layer_weight_count(l); i++)
		l->weights[i] = (int8_t)((int32_t)rng((uint32_t)(2 * most + 1)) - most);
	for (size_t i = 0; i < ak_layer_weight_pw_count(l); i++)
		l->weights_pw[i] = (int8_t)((int32_t)rng(15) - 7);
	for (uint32_t f = 0; f < l->filters; f++) {
		l->threshold[f] = l->activation ? (int32_t)rng(80) : -(int32_t)rng(9);
		l->step16[f] = 16 + (int32_t)rng(l->type == AKIDA_LAYER_INPUT_CONV ? 200000 : 2000);
		if (l->scale)
			l->scale[f] = 10.0f + (float)f;
	}
}

/* 28x28x1: an input convolution, a separable one with global pooling, a classifier of ten. */
static struct akida_model *small_network(struct akida_diag *diag)
{
	struct akida_layer *l = calloc(3, sizeof(*l));
	struct akida_model *m = NULL;

	if (!l)
		die("no memory", NULL);
	l[0] = (struct akida_layer){.name = "stem",
				    .type = AKIDA_LAYER_INPUT_CONV,
				    .in_h = 28,
				    .in_w = 28,
				    .in_c = 1,
				    .in_bits = 8,
				    .filters = 16,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 2,
				    .padding = AKIDA_PAD_SAME,
				    .weights_bits = 8,
				    .activation = true,
				    .act_bits = 4};
	l[1] = (struct akida_layer){.name = "separable",
				    .type = AKIDA_LAYER_SEPARABLE,
				    .in_h = 14,
				    .in_w = 14,
				    .in_c = 16,
				    .in_bits = 4,
				    .filters = 32,
				    .kernel_h = 3,
				    .kernel_w = 3,
				    .stride = 1,
				    .padding = AKIDA_PAD_SAME,
				    .pool = AKIDA_POOL_GLOBAL_AVERAGE,
				    .weights_bits = 4,
				    .activation = true,
				    .act_bits = 4};
	l[2] = (struct akida_layer){.name = "head",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 1,
				    .in_w = 1,
				    .in_c = 32,
				    .in_bits = 4,
				    .filters = 10,
				    .kernel_h = 1,
				    .kernel_w = 1,
				    .stride = 1,
				    .weights_bits = 4};
	for (int i = 0; i < 3; i++)
		fill_layer(&l[i], i ? 7 : 127);
	if (ak_model_create(l, 3, "small", &m, diag))
		die("model", diag);
	return m;
}

/* 224x224x3: little to compute, much to move. */
static struct akida_model *large_network(struct akida_diag *diag)
{
	struct akida_layer *l = calloc(5, sizeof(*l));
	struct akida_model *m = NULL;
	uint32_t size = 224;

	if (!l)
		die("no memory", NULL);
	for (int i = 0; i < 5; i++) {
		l[i] = (struct akida_layer){.name = "layer",
					    .type = i ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_INPUT_CONV,
					    .in_h = size,
					    .in_w = size,
					    .in_c = i ? 16 : 3,
					    .in_bits = i ? 4 : 8,
					    .filters = 16,
					    .kernel_h = 3,
					    .kernel_w = 3,
					    .stride = i < 3 ? 2 : 1,
					    .padding = AKIDA_PAD_SAME,
					    .weights_bits = i ? 4 : 8,
					    .activation = true,
					    .act_bits = 4};
		size /= i < 3 ? 2 : 1;
	}
	l[3].pool = AKIDA_POOL_GLOBAL_AVERAGE;
	l[4] = (struct akida_layer){.name = "head",
				    .type = AKIDA_LAYER_FULLY,
				    .in_h = 1,
				    .in_w = 1,
				    .in_c = 16,
				    .in_bits = 4,
				    .filters = 10,
				    .kernel_h = 1,
				    .kernel_w = 1,
				    .stride = 1,
				    .weights_bits = 4};
	for (int i = 0; i < 5; i++) {
		snprintf(l[i].name, sizeof(l[i].name), "layer%d", i);
		fill_layer(&l[i], i ? 7 : 127);
	}
	if (ak_model_create(l, 5, "large", &m, diag))
		die("model", diag);
	return m;
}

/* 12x12x1: as many separable layers as take two passes of an AKD1000 and three of an AKD1500. */
static struct akida_model *deep_network(struct akida_diag *diag)
{
	struct akida_layer *l = calloc(DEEP_LAYERS + 2, sizeof(*l));
	struct akida_model *m = NULL;

	if (!l)
		die("no memory", NULL);
	for (uint32_t i = 0; i <= DEEP_LAYERS; i++) {
		l[i] = (struct akida_layer){.type = i ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_INPUT_CONV,
					    .in_h = i ? 6 : 12,
					    .in_w = i ? 6 : 12,
					    .in_c = i ? 8 : 1,
					    .in_bits = i ? 4 : 8,
					    .filters = 8,
					    .kernel_h = 3,
					    .kernel_w = 3,
					    .stride = i ? 1 : 2,
					    .padding = AKIDA_PAD_SAME,
					    .weights_bits = i ? 4 : 8,
					    .activation = true,
					    .act_bits = 4};
		snprintf(l[i].name, sizeof(l[i].name), "layer%u", i);
		fill_layer(&l[i], i ? 7 : 127);
	}
	l[DEEP_LAYERS + 1] = (struct akida_layer){.name = "head",
						  .type = AKIDA_LAYER_FULLY,
						  .in_h = 6,
						  .in_w = 6,
						  .in_c = 8,
						  .in_bits = 4,
						  .filters = 10,
						  .kernel_h = 1,
						  .kernel_w = 1,
						  .stride = 1,
						  .weights_bits = 4};
	fill_layer(&l[DEEP_LAYERS + 1], 7);
	if (ak_model_create(l, DEEP_LAYERS + 2, "deep", &m, diag))
		die("model", diag);
	return m;
}

/* 32x32x1 into 16384 inputs of 90 neurons: 1.1 MB of weights, more than an AKD1500 has memory. */
static struct akida_model *wide_network(struct akida_diag *diag)
{
	struct akida_layer *l = calloc(3, sizeof(*l));
	struct akida_model *m = NULL;

	if (!l)
		die("no memory", NULL);
	for (int i = 0; i < 2; i++)
		l[i] = (struct akida_layer){.type = i ? AKIDA_LAYER_SEPARABLE : AKIDA_LAYER_INPUT_CONV,
					    .in_h = i ? 16 : 32,
					    .in_w = i ? 16 : 32,
					    .in_c = i ? 8 : 1,
					    .in_bits = i ? 4 : 8,
					    .filters = i ? 64 : 8,
					    .kernel_h = 3,
					    .kernel_w = 3,
					    .stride = i ? 1 : 2,
					    .padding = AKIDA_PAD_SAME,
					    .weights_bits = i ? 4 : 8,
					    .activation = true,
					    .act_bits = 4};
	l[2] = (struct akida_layer){.type = AKIDA_LAYER_FULLY,
				    .in_h = 16,
				    .in_w = 16,
				    .in_c = 64,
				    .in_bits = 4,
				    .filters = 90,
				    .kernel_h = 1,
				    .kernel_w = 1,
				    .stride = 1,
				    .weights_bits = 4};
	for (int i = 0; i < 3; i++) {
		snprintf(l[i].name, sizeof(l[i].name), "layer%d", i);
		fill_layer(&l[i], i ? 7 : 127);
	}
	if (ak_model_create(l, 3, "wide", &m, diag))
		die("model", diag);
	return m;
}

static void put(FILE *f, const void *p, size_t bytes)
{
	if (bytes && fwrite(p, bytes, 1, f) != 1)
		die("cannot write", NULL);
}

/* Runs the frames on the chip's virtual device and writes the whole case. */
static void write_case(const char *folder, const char *name, const struct akida_program *p, const uint8_t *in,
		       uint32_t frames, struct akida_diag *diag)
{
	struct akida_session_params sp = {.size = sizeof(sp), .batch = 4};
	const struct ak_program_head *h = &p->head;
	bool is_1500 = h->device_version[1] == 0xa1;
	struct guest_case_head head = {.magic = GUEST_CASE_MAGIC,
				       .chip = is_1500 ? AKIDA_CHIP_AKD1500 : AKIDA_CHIP_AKD1000,
				       .window_w = h->window_w,
				       .window_h = h->window_h,
				       .input_type = h->input_type,
				       .output_type = h->output_type,
				       .activation = h->activation,
				       .image_bytes = (uint32_t)p->program_bytes,
				       .track_count = h->track_count,
				       .epg_count = h->epg_count,
				       .frames = frames};
	struct akida_pass passes[AK_PROGRAM_MAX_PASSES] = {{0, 0}};
	struct akida_session *s = NULL;
	struct akida_device *d = NULL;
	bool external = false;
	char path[1024];
	size_t outputs;
	int32_t *out;
	FILE *f;

	memcpy(head.version, h->device_version, 4);
	memcpy(head.in_dims, h->in_dims, sizeof(head.in_dims));
	memcpy(head.out_dims, h->out_dims, sizeof(head.out_dims));
	if (akida_device_open(is_1500 ? "virtual:akd1500" : "virtual:akd1000", &d, diag) ||
	    akida_session_create(d, p, NULL, &sp, &s, diag))
		die(name, diag);
	outputs = akida_session_outputs(s);
	out = calloc(frames * outputs, sizeof(*out));
	if (!out || akida_session_run(s, in, frames, out) != (int64_t)frames)
		die(akida_session_error(s), NULL);
	snprintf(path, sizeof(path), "%s/%s.case", folder, name);
	for (uint32_t i = 0; i < h->track_count; i++) {
		passes[h->tracks[i].pass].tracks++;
		passes[h->tracks[i].pass].external += h->tracks[i].external;
		external |= h->tracks[i].external;
	}
	head.pass_count = h->passes > 1 || external ? h->passes : 0;
	f = fopen(path, "wb");
	if (!f)
		die(path, NULL);
	put(f, &head, sizeof(head));
	for (uint32_t i = 0; i < h->track_count; i++) {
		struct akida_track t = {.word_offset = h->tracks[i].offset / 4, .words = h->tracks[i].words};

		put(f, &t, sizeof(t));
	}
	put(f, passes, head.pass_count * sizeof(*passes));
	for (uint32_t i = 0; i < h->epg_count; i++) {
		struct akida_reg_write w = {.offset = h->epg[i].offset, .value = h->epg[i].value};

		put(f, &w, sizeof(w));
	}
	put(f, (const uint8_t *)p->bytes + p->info_bytes, p->program_bytes);
	put(f, in, frames * akida_session_frame_bytes(s));
	put(f, out, frames * outputs * sizeof(*out));
	if (fclose(f))
		die(path, NULL);
	free(out);
	akida_session_destroy(s);
	akida_device_close(d);
}

/* The same as a file, for the back end in user space. */
static void write_program(const char *folder, const char *name, const struct akida_program *p, struct akida_diag *diag)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s.akp", folder, name);
	if (akida_program_save(p, path, diag))
		die(path, diag);
}

/* Maps the model for both chips; takes it. */
static void our_network(const char *folder, const char *name, struct akida_model *m, size_t frame_bytes,
			uint32_t frames, struct akida_diag *diag)
{
	static const char *const chips[] = {"akd1000", "akd1500"};
	struct akida_map_params mp = {.size = sizeof(mp)};
	uint8_t *in = malloc(frames * frame_bytes);

	if (!in)
		die("no memory", NULL);
	for (size_t i = 0; i < frames * frame_bytes; i++)
		in[i] = (uint8_t)(rng(3) ? 0 : rng(256));
	for (int c = 0; c < 2; c++) {
		struct akida_program *p = NULL;
		char file[64];

		if (akida_map(m, chips[c], &mp, &p, NULL, diag))
			die(chips[c], diag);
		snprintf(file, sizeof(file), "%s-%s", name, chips[c]);
		write_case(folder, file, p, in, frames, diag);
		write_program(folder, file, p, diag);
		akida_program_destroy(p);
	}
	free(in);
	akida_model_destroy(m);
}

static void vendor_program(const char *folder, const char *shared, struct akida_diag *diag)
{
	struct akida_program *p = NULL;
	uint8_t in[30 * 490];
	char path[1024];
	FILE *f;

	snprintf(path, sizeof(path), "%s/data/programs/kws_emulated_inputs_30x490_u8.bin", shared);
	f = fopen(path, "rb");
	if (!f)
		return; /* the guest skips it by name */
	if (fread(in, sizeof(in), 1, f) != 1)
		die(path, NULL);
	fclose(f);
	snprintf(path, sizeof(path), "%s/data/programs/kws_akd1500_v250_program.bin", shared);
	if (akida_program_load(path, &p, diag))
		die(path, diag);
	write_case(folder, "vendor-kws", p, in, 30, diag);
	akida_program_destroy(p);
}

int main(int argc, char **argv)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *mnist = NULL;

	if (argc != 4 || !diag)
		die("usage: host_cases OUT MNIST SHARED", NULL);
	if (akida_model_load(argv[2], &mnist, diag))
		die(argv[2], diag);
	our_network(argv[1], "small", small_network(diag), 28 * 28, FRAMES, diag);
	our_network(argv[1], "large", large_network(diag), 224 * 224 * 3, LARGE_FRAMES, diag);
	our_network(argv[1], "passes", deep_network(diag), 12 * 12, FRAMES, diag);
	our_network(argv[1], "external", wide_network(diag), 32 * 32, FRAMES, diag);
	our_network(argv[1], "mnist", mnist, 28 * 28, FRAMES, diag);
	vendor_program(argv[1], argv[3], diag);
	akida_diag_destroy(diag);
	return 0;
}
