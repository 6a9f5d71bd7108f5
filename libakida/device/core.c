/* SPDX-License-Identifier: MIT */
/* The protocol core run in this process: programs in its words, loads, the pipeline of frames. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "device/core.h"
#include "program/packet.h"
#include "program/program.h"

#define FRAMES_BYTES_MAX (1u << 30)
#define CLK_FRAMES 16u /* frames between two looks at the clock counter: each shorter than 0.8 s */

void ak_core_info(struct akida_device *d, const struct ak_core *k)
{
	const struct akc_mesh *mesh = &k->dev.mesh;

	ak_device_version_text(k->dev.version, d->info.version, sizeof(d->info.version));
	snprintf(d->info.ip, sizeof(d->info.ip), "v1");
	d->info.needs_program = true;
	d->info.nps = mesh->count;
	for (uint32_t i = 0; i < mesh->count; i++) {
		u8 types = mesh->np[i].types;

		d->info.cnp1 += !!(types & AKC_NP_CNP1);
		d->info.cnp2 += !!(types & AKC_NP_CNP2);
		d->info.fnp2 += !!(types & AKC_NP_FNP2);
		d->info.fnp3 += !!(types & AKC_NP_FNP3);
	}
}

/* A parsed program in the core's words; arrays are its caller's. */
struct core_program {
	struct akc_program a;
	struct akc_track *tracks;
	struct akc_pass *passes;
	struct akc_reg_write *epg;
};

static void core_program_fini(struct core_program *c)
{
	free(c->tracks);
	free(c->passes);
	free(c->epg);
}

static int core_program(const struct akida_device *d, const struct akida_program *p, struct core_program *c,
			struct akida_diag *diag)
{
	const struct ak_program_head *h = &p->head;

	c->tracks = calloc(h->track_count ? h->track_count : 1, sizeof(*c->tracks));
	c->epg = calloc(h->epg_count ? h->epg_count : 1, sizeof(*c->epg));
	c->passes = calloc(h->passes, sizeof(*c->passes));
	if (!c->tracks || !c->epg || !c->passes) {
		core_program_fini(c);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for %u tracks", h->track_count);
	}
	for (uint32_t i = 0; i < h->track_count; i++) {
		c->tracks[i] = (struct akc_track){.word_off = h->tracks[i].offset / 4, .words = h->tracks[i].words};
		c->passes[h->tracks[i].pass].tracks++;
		c->passes[h->tracks[i].pass].external += h->tracks[i].external;
	}
	for (uint32_t i = 0; i < h->epg_count; i++)
		c->epg[i] = (struct akc_reg_write){.offset = h->epg[i].offset, .value = h->epg[i].value};
	c->a = (struct akc_program){
		.image = (const uint32_t *)((const uint8_t *)p->bytes + p->info_bytes),
		.image_words = (uint32_t)(p->program_bytes / 4),
		.tracks = c->tracks,
		.track_count = h->track_count,
		.passes = c->passes,
		.pass_count = h->passes,
		.epg = c->epg,
		.epg_count = h->epg_count,
		.in_h = h->in_dims[0],
		.in_w = h->in_dims[1],
		.in_c = h->in_dims[2],
		.window_w = h->window_w,
		.window_h = h->window_h,
		.input_type = (uint8_t)h->input_type,
		.output_type = (uint8_t)h->output_type,
		.activation = h->activation,
		.out_count = h->out_dims[0] * h->out_dims[1] * h->out_dims[2],
		.out_w = h->out_dims[1],
		.out_c = h->out_dims[2],
	};
	memcpy(c->a.device_version, h->device_version, 4);
	return 0;
}

/* Every word of the program, before the first one is sent. */
static int verify_core(const struct akida_device *d, const struct ak_core *k, const struct akida_program *p,
		       const struct core_program *c, struct akida_diag *diag)
{
	struct akc_verify_result where = {0};
	int err = akc_verify(&k->dev, &c->a, &where);
	char word[96];

	if (!err)
		return 0;
	if (where.track < p->head.track_count)
		ak_track_word_name(ak_program_track(p, where.track), p->head.tracks[where.track].words, where.word,
				   word, sizeof(word));
	else
		snprintf(word, sizeof(word), "event packet generator");
	return ak_fail(diag, err, AK_RULE_PROGRAM_REFUSED, d->info.name,
		       "refuses the program: track %u, word %u (%s): %s", where.track, where.word, word,
		       where.what ? where.what : akida_strerror(err));
}

int ak_core_verify(const struct akida_device *d, const struct ak_core *k, const struct akida_program *p,
		   struct akida_diag *diag)
{
	struct core_program c = {0};
	int err = ak_device_check_program(d, p, k->dev.version, diag);

	if (!err)
		err = core_program(d, p, &c, diag);
	if (!err) {
		err = verify_core(d, k, p, &c, diag);
		core_program_fini(&c);
	}
	return err;
}

int ak_core_plan(struct akida_device *d, struct ak_core *k, const struct ak_load *l, size_t *bytes,
		 struct akida_diag *diag)
{
	const struct ak_program_head *h;
	uint64_t frame_bytes;
	int err = ak_device_check_program(d, l->program, k->dev.version, diag);

	if (err)
		return err;
	h = &l->program->head;
	frame_bytes = (uint64_t)h->in_dims[0] * h->in_dims[1] * h->in_dims[2];
	k->in_bytes = (size_t)frame_bytes;
	k->outputs = (size_t)h->out_dims[0] * h->out_dims[1] * h->out_dims[2];
	k->batch = l->batch;
	k->slot_bytes = (uint32_t)((frame_bytes + 63) & ~(uint64_t)63);
	if (!frame_bytes || frame_bytes > FRAMES_BYTES_MAX / l->batch - 64)
		return ak_fail(diag, -ERANGE, AK_RULE_RANGE, d->info.name, "%u frames of %llu bytes do not fit",
			       l->batch, (unsigned long long)frame_bytes);
	*bytes = (size_t)k->slot_bytes * l->batch;
	return 0;
}

static int program_mesh(struct akida_device *d, struct ak_core *k, const struct akida_program *p,
			struct akida_diag *diag)
{
	struct core_program c = {0};
	uint32_t window;
	int err = core_program(d, p, &c, diag);

	if (err)
		return err;
	err = verify_core(d, k, p, &c, diag);
	if (err)
		goto out;
	k->says = NULL;
	window = akc_window_wanted(&k->dev, &c.a);
	if (window > k->dev.window_bytes && k->window) {
		akc_unload(&k->dev);
		err = k->window(d, window, diag);
		if (err)
			goto out;
	}
	err = akc_load(&k->dev, &c.a, k->batch);
	if (err)
		ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "cannot be programmed: %s (%llu, %llu)",
			k->says ? k->says : akida_strerror(err), (unsigned long long)k->a, (unsigned long long)k->b);
out:
	core_program_fini(&c);
	return err;
}

int ak_core_load(struct akida_device *d, struct ak_core *k, const struct ak_load *l, struct ak_load_dims *dims,
		 struct akida_diag *diag)
{
	int err = 0;

	k->queued_ns = calloc(l->batch, sizeof(*k->queued_ns));
	if (!k->queued_ns)
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for %u frames", l->batch);
	if (!err)
		err = program_mesh(d, k, l->program, diag);
	if (err)
		return err;
	k->dead = false;
	k->inference_clk = 0;
	k->last_clk = akc_inference_clk(&k->dev);
	k->program_clk = akc_program_clk(&k->dev);
	dims->in_bytes = k->in_bytes;
	dims->outputs = k->outputs;
	return 0;
}

void ak_core_unload(struct ak_core *k)
{
	akc_unload(&k->dev);
	free(k->queued_ns);
	k->queued_ns = NULL;
	k->frames = (struct akc_buf){0};
}

/* Nothing that was loaded works after a failure. */
static int run_failed(struct akida_device *d, struct ak_core *k, int err, size_t frame)
{
	snprintf(d->error, sizeof(d->error), "frame %zu: %s", frame, k->says ? k->says : akida_strerror(err));
	akc_reset(&k->dev);
	k->dead = true;
	return err;
}

/*
 * Frames from `queued` on, from where they lie or through their slots; returns how many were taken. A full pipeline gets
 * them in groups, so that a transfer carries several.
 */
static int enqueue(struct akida_device *d, struct ak_core *k, const uint8_t *in, size_t queued, size_t done,
		   size_t frames)
{
	uint32_t slot = (uint32_t)(queued % k->batch), room = k->batch - (uint32_t)(queued - done);
	uint32_t group = k->batch / 4 < AKC_GROUP_MAX ? k->batch / 4 : AKC_GROUP_MAX;
	uint64_t now = d->ops->now_ns(d), bus = k->frames.bus;
	uint32_t n = frames - queued < room ? (uint32_t)(frames - queued) : room;

	if (room < group && frames - queued > room)
		return -EAGAIN;
	n = n < k->batch - slot ? n : k->batch - slot;
	n = n < AKC_GROUP_MAX ? n : AKC_GROUP_MAX;
	if (k->in_place)
		bus += (uint64_t)queued * k->in_bytes;
	else
		bus += (uint64_t)slot * k->slot_bytes;
	for (uint32_t i = 0; i < n; i++) {
		k->queued_ns[slot + i] = now;
		if (!k->in_place)
			memcpy((uint8_t *)k->frames.cpu + (size_t)(slot + i) * k->slot_bytes,
			       in + (queued + i) * k->in_bytes, k->in_bytes);
	}
	if (k->host_time)
		k->host_time(d, n, queued == done);
	return akc_enqueue_frames(&k->dev, bus, k->in_place ? (uint32_t)k->in_bytes : k->slot_bytes, n);
}

/* The counter wraps within seconds: long runs look at it now and then. */
static void take_clk(struct ak_core *k)
{
	uint32_t clk = akc_inference_clk(&k->dev);

	k->inference_clk += (uint32_t)(clk - k->last_clk);
	k->last_clk = clk;
}

int64_t ak_core_run(struct akida_device *d, struct ak_core *k, const uint8_t *in, size_t frames, int32_t *out,
		    struct ak_meter *m)
{
	size_t queued = 0, done = 0;

	if (k->dead) {
		snprintf(d->error, sizeof(d->error), "the device was reset after a failure; create a new session");
		return -ENODEV;
	}
	k->says = NULL;
	while (done < frames) {
		int err;

		while (queued < frames && queued - done < k->batch) {
			err = enqueue(d, k, in, queued, done, frames);
			if (err == -EAGAIN)
				break;
			if (err < 0)
				return run_failed(d, k, err, queued);
			queued += (size_t)err;
		}
		err = akc_fetch(&k->dev, out + done * k->outputs, AKC_JOB_TIMEOUT_US);
		if (err < 0)
			return run_failed(d, k, err, done);
		m->frame(m, d->ops->now_ns(d) - k->queued_ns[done % k->batch]);
		done++;
		if (done == frames || done % CLK_FRAMES == 0)
			take_clk(k);
	}
	return (int64_t)done;
}
