/* SPDX-License-Identifier: MIT */
/*
 * `virtual:akd1000` and `virtual:akd1500`: the protocol core talks over an in-process bus to the software NSoC, which
 * receives bus accesses only. Its DMA engine reaches host memory through two registered regions, as behind an IOMMU.
 * Time is the model's: sleeping advances it and costs nothing.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "device/backend.h"
#include "driver/core/core.h"
#include "firmware/nsoc/nsoc.h"
#include "program/packet.h"
#include "program/program.h"

#define STAGE_BYTES (256u << 10)
#define STAGE_BUS 0x100000000ull
#define FRAMES_BUS 0x200000000ull
#define FRAMES_BYTES_MAX (1u << 30)

struct region {
	uint64_t bus;
	uint8_t *cpu;
	size_t bytes;
};

struct virt {
	struct nsoc *chip;
	struct akc_dev core;
	struct region stage, frames; /* frames: batch slots of one input each */
	unsigned int core_bar;	     /* the BAR that shows the core registers */
	uint32_t batch, slot_bytes;
	size_t in_bytes, outputs;
	uint64_t *queued_ns; /* per slot */
	uint64_t inference_clk, program_clk;
	uint32_t last_clk;
	bool dead;	       /* reset since the load */
	const char *core_says; /* newest complaint of the protocol core */
	uint64_t core_a, core_b;
};

/* ---- the bus, as the core sees it ---- */

static u32 bus_cfg_read(void *host, u32 off)
{
	return nsoc_cfg_read(((struct virt *)host)->chip, off);
}

static void bus_cfg_write(void *host, u32 off, u32 val)
{
	nsoc_cfg_write(((struct virt *)host)->chip, off, val);
}

static u32 bus_bar_read(void *host, unsigned int bar, u32 off)
{
	return nsoc_bar_read(((struct virt *)host)->chip, bar, off);
}

static void bus_bar_write(void *host, unsigned int bar, u32 off, u32 val)
{
	nsoc_bar_write(((struct virt *)host)->chip, bar, off, val);
}

static u64 bus_now_ns(void *host)
{
	return nsoc_time_ns(((struct virt *)host)->chip);
}

static void bus_sleep_us(void *host, u32 us)
{
	nsoc_advance_us(((struct virt *)host)->chip, us);
}

static void bus_barrier(void *host)
{
	(void)host; /* one thread on both sides */
}

static void bus_log(void *host, int err, const char *what, u64 a, u64 b)
{
	struct virt *v = host;

	(void)err;
	v->core_says = what;
	v->core_a = a;
	v->core_b = b;
}

static const struct akc_bus virtual_bus = {
	.cfg_read = bus_cfg_read,
	.cfg_write = bus_cfg_write,
	.bar_read = bus_bar_read,
	.bar_write = bus_bar_write,
	.now_ns = bus_now_ns,
	.sleep_us = bus_sleep_us,
	.barrier = bus_barrier,
	.log = bus_log,
};

/* ---- host memory, as the chip's DMA engine sees it ---- */

static uint8_t *host_memory(const struct virt *v, uint64_t bus, uint32_t bytes)
{
	const struct region *r = bus >= FRAMES_BUS ? &v->frames : &v->stage;

	if (bus < r->bus || bus - r->bus > r->bytes || bytes > r->bytes - (size_t)(bus - r->bus))
		return NULL;
	return r->cpu + (bus - r->bus);
}

static int host_read(void *ctx, uint64_t bus, void *to, uint32_t bytes)
{
	const uint8_t *p = host_memory(ctx, bus, bytes);

	if (!p)
		return -EFAULT;
	memcpy(to, p, bytes);
	return 0;
}

static int host_write(void *ctx, uint64_t bus, const void *from, uint32_t bytes)
{
	uint8_t *p = host_memory(ctx, bus, bytes);

	if (!p)
		return -EFAULT;
	memcpy(p, from, bytes);
	return 0;
}

/* ---- back end ---- */

static uint32_t sensor(struct virt *v, uint32_t reg)
{
	return nsoc_bar_read(v->chip, v->core_bar, NSOC_SENSOR_BASE + reg);
}

static void fill_info(struct akida_device *d)
{
	const struct virt *v = d->state;
	const struct akc_mesh *mesh = &v->core.mesh;

	ak_device_version_text(v->core.version, d->info.version, sizeof(d->info.version));
	snprintf(d->info.ip, sizeof(d->info.ip), "v1");
	d->info.source = AKIDA_SOURCE_MODEL;
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

static void virt_close(struct akida_device *d)
{
	struct virt *v = d->state;

	if (d->loaded)
		d->ops->unload(d);
	nsoc_destroy(v->chip);
	free(v->stage.cpu);
}

static int virt_open(struct akida_device *d, enum nsoc_chip chip, struct akida_diag *diag)
{
	struct virt *v = d->state;
	struct nsoc_host host = {.ctx = v, .read = host_read, .write = host_write};
	struct akc_buf stage;
	int err;

	v->core_bar = chip == NSOC_AKD1000 ? 0 : 2;
	v->stage = (struct region){.bus = STAGE_BUS, .cpu = calloc(1, STAGE_BYTES), .bytes = STAGE_BYTES};
	err = v->stage.cpu ? nsoc_create(chip, &host, &v->chip) : -ENOMEM;
	if (err) {
		ak_fail(diag, err, AK_RULE_NOMEM, d->info.name, "no memory for the software NSoC");
		goto free_stage;
	}
	stage = (struct akc_buf){.cpu = v->stage.cpu, .bus = v->stage.bus, .bytes = STAGE_BYTES};
	err = akc_probe(&v->core, &virtual_bus, v, nsoc_pci_device(v->chip), &stage);
	if (err) {
		ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "cannot be brought up: %s",
			v->core_says ? v->core_says : akida_strerror(err));
		goto destroy_chip;
	}
	fill_info(d);
	snprintf(d->info.chip, sizeof(d->info.chip), "%s", chip == NSOC_AKD1000 ? "AKD1000" : "AKD1500");
	d->info.clock_mhz = sensor(v, NSOC_SENSOR_CLOCK_KHZ) / 1000.0;
	return 0;
destroy_chip:
	nsoc_destroy(v->chip);
free_stage:
	free(v->stage.cpu);
	return err;
}

static int open_akd1000(struct akida_device *d, struct akida_diag *diag)
{
	return virt_open(d, NSOC_AKD1000, diag);
}

static int open_akd1500(struct akida_device *d, struct akida_diag *diag)
{
	return virt_open(d, NSOC_AKD1500, diag);
}

static void virt_unload(struct akida_device *d)
{
	struct virt *v = d->state;

	akc_unload(&v->core);
	free(v->frames.cpu);
	free(v->queued_ns);
	v->frames = (struct region){0};
	v->queued_ns = NULL;
}

/* A parsed program in the core's words; arrays are its caller's. */
struct core_program {
	struct akc_program a;
	struct akc_track *tracks;
	struct akc_reg_write *epg;
};

static void core_program_fini(struct core_program *c)
{
	free(c->tracks);
	free(c->epg);
}

static int core_program(const struct akida_device *d, const struct akida_program *p, struct core_program *c,
			struct akida_diag *diag)
{
	const struct ak_program_head *h = &p->head;

	c->tracks = calloc(h->track_count ? h->track_count : 1, sizeof(*c->tracks));
	c->epg = calloc(h->epg_count ? h->epg_count : 1, sizeof(*c->epg));
	if (!c->tracks || !c->epg) {
		core_program_fini(c);
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for %u tracks", h->track_count);
	}
	for (uint32_t i = 0; i < h->track_count; i++)
		c->tracks[i] = (struct akc_track){.word_off = h->tracks[i].offset / 4, .words = h->tracks[i].words};
	for (uint32_t i = 0; i < h->epg_count; i++)
		c->epg[i] = (struct akc_reg_write){.offset = h->epg[i].offset, .value = h->epg[i].value};
	c->a = (struct akc_program){
		.image = (const uint32_t *)((const uint8_t *)p->bytes + p->info_bytes),
		.image_words = (uint32_t)(p->program_bytes / 4),
		.tracks = c->tracks,
		.track_count = h->track_count,
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
static int verify_core(const struct akida_device *d, const struct akida_program *p, const struct core_program *c,
		       struct akida_diag *diag)
{
	const struct virt *v = d->state;
	struct akc_verify_result where = {0};
	int err = akc_verify(&v->core, &c->a, &where);
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

static int virt_verify(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag)
{
	const struct virt *v = d->state;
	struct core_program c = {0};
	int err = ak_device_check_program(d, p, v->core.version, diag);

	if (!err)
		err = core_program(d, p, &c, diag);
	if (!err) {
		err = verify_core(d, p, &c, diag);
		core_program_fini(&c);
	}
	return err;
}

static int program_mesh(struct akida_device *d, const struct akida_program *p, uint32_t batch, struct akida_diag *diag)
{
	struct virt *v = d->state;
	struct core_program c = {0};
	int err = core_program(d, p, &c, diag);

	if (err)
		return err;
	err = verify_core(d, p, &c, diag);
	if (err)
		goto out;
	v->core_says = NULL;
	err = akc_load(&v->core, &c.a, batch);
	if (err)
		ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "cannot be programmed: %s (%llu, %llu)",
			v->core_says ? v->core_says : akida_strerror(err), (unsigned long long)v->core_a,
			(unsigned long long)v->core_b);
out:
	core_program_fini(&c);
	return err;
}

static int virt_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		     struct akida_diag *diag)
{
	struct virt *v = d->state;
	const struct ak_program_head *h;
	uint64_t frame_bytes;
	int err = ak_device_check_program(d, l->program, v->core.version, diag);

	if (err)
		return err;
	h = &l->program->head;
	frame_bytes = (uint64_t)h->in_dims[0] * h->in_dims[1] * h->in_dims[2];
	v->in_bytes = (size_t)frame_bytes;
	v->outputs = (size_t)h->out_dims[0] * h->out_dims[1] * h->out_dims[2];
	v->batch = l->batch;
	v->slot_bytes = (uint32_t)((frame_bytes + 63) & ~(uint64_t)63);
	if (!frame_bytes || frame_bytes > FRAMES_BYTES_MAX / l->batch - 64)
		return ak_fail(diag, -ERANGE, AK_RULE_RANGE, d->info.name, "%u frames of %llu bytes do not fit",
			       l->batch, (unsigned long long)frame_bytes);
	v->frames = (struct region){.bus = FRAMES_BUS, .bytes = (size_t)v->slot_bytes * l->batch};
	v->frames.cpu = calloc(1, v->frames.bytes);
	v->queued_ns = calloc(l->batch, sizeof(*v->queued_ns));
	if (!v->frames.cpu || !v->queued_ns)
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, d->info.name, "no memory for %u frames", l->batch);
	if (!err)
		err = program_mesh(d, l->program, l->batch, diag);
	if (err) {
		virt_unload(d);
		return err;
	}
	v->dead = false;
	v->inference_clk = 0;
	v->last_clk = akc_inference_clk(&v->core);
	v->program_clk = akc_program_clk(&v->core);
	dims->in_bytes = v->in_bytes;
	dims->outputs = v->outputs;
	return 0;
}

/* Explains a failed run, then resets: nothing that was loaded works afterwards. */
static int run_failed(struct akida_device *d, int err, size_t frame)
{
	struct virt *v = d->state;
	struct nsoc_report r;

	nsoc_get_report(v->chip, &r);
	snprintf(d->error, sizeof(d->error), "frame %zu: %s%s%s", frame,
		 v->core_says ? v->core_says : akida_strerror(err), r.last[0] ? "; the chip met: " : "", r.last);
	akc_reset(&v->core);
	v->dead = true;
	return err;
}

static int64_t virt_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct virt *v = d->state;
	struct akc_buf buf = {.cpu = v->frames.cpu, .bus = v->frames.bus, .bytes = (uint32_t)v->frames.bytes};
	size_t queued = 0, done = 0;

	if (v->dead) {
		snprintf(d->error, sizeof(d->error), "the device was reset after a failure; create a new session");
		return -ENODEV;
	}
	v->core_says = NULL;
	while (done < frames) {
		uint32_t clk;
		int err;

		while (queued < frames && queued - done < v->batch) {
			uint32_t slot = (uint32_t)(queued % v->batch);

			memcpy(v->frames.cpu + (size_t)slot * v->slot_bytes, in + queued * v->in_bytes, v->in_bytes);
			v->queued_ns[slot] = nsoc_time_ns(v->chip);
			err = akc_enqueue(&v->core, &buf, slot * v->slot_bytes);
			if (err == -EAGAIN)
				break;
			if (err < 0)
				return run_failed(d, err, queued);
			queued++;
		}
		err = akc_fetch(&v->core, out + done * v->outputs, AKC_JOB_TIMEOUT_US);
		if (err < 0)
			return run_failed(d, err, done);
		m->frame(m, nsoc_time_ns(v->chip) - v->queued_ns[done % v->batch]);
		clk = akc_inference_clk(&v->core);
		v->inference_clk += (uint32_t)(clk - v->last_clk);
		v->last_clk = clk;
		done++;
	}
	return (int64_t)done;
}

static uint64_t virt_now_ns(struct akida_device *d)
{
	return nsoc_time_ns(((struct virt *)d->state)->chip);
}

static void virt_counters(struct akida_device *d, struct ak_counters *c)
{
	struct virt *v = d->state;
	struct nsoc_report r;

	nsoc_get_report(v->chip, &r);
	*c = (struct ak_counters){
		.has_clk = true,
		.inference_clk = v->inference_clk,
		.program_clk = v->program_clk,
		.floor_mw = sensor(v, NSOC_SENSOR_FLOOR_UW) / 1000.0,
		.unknown_events =
			r.unknown_registers + r.unknown_packets + r.unknown_encodings + r.bad_addresses + r.dma_faults,
	};
	snprintf(c->unknown_last, sizeof(c->unknown_last), "%s", r.last);
}

static size_t virt_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	struct virt *v = d->state;
	size_t n = 0;

	while (n < max && sensor(v, NSOC_SENSOR_COUNT)) {
		double uv;

		ev[n].ts_ms = sensor(v, NSOC_SENSOR_TIME_MS);
		uv = sensor(v, NSOC_SENSOR_UV);
		ev[n].mw = uv * sensor(v, NSOC_SENSOR_UA) / 1e9;
		n++;
	}
	return n;
}

#define VIRTUAL_BACKEND(chip_name, opener)                                                                             \
	{                                                                                                              \
		.name = chip_name, .state_bytes = sizeof(struct virt), .open = opener, .close = virt_close,            \
		.load = virt_load, .unload = virt_unload, .verify = virt_verify, .run = virt_run,                      \
		.now_ns = virt_now_ns, .counters = virt_counters, .power = virt_power,                                 \
	}
const struct ak_backend ak_backend_akd1000 = VIRTUAL_BACKEND("virtual:akd1000", open_akd1000);
const struct ak_backend ak_backend_akd1500 = VIRTUAL_BACKEND("virtual:akd1500", open_akd1500);
