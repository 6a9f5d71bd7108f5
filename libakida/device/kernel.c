/* SPDX-License-Identifier: MIT */
/*
 * `/dev/akidaN`: a board behind the kernel module. The program is handed over once and verified there; frames go in
 * batches through two buffers shared with the device, by io_uring with one system call each, else one to submit and one to
 * wait.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "base/diag.h"
#include "device/backend.h"
#include "device/uring.h"
#include "program/program.h"
#include "uapi/akida.h"

#define SLICE_BYTES (1u << 20)	   /* wanted size of the input buffer: a few frames more than a batch */
#define WAIT_NS 600000000000ll	   /* the module ends every job within seconds; this guards against the module */
#define FRAMES_PER_SUBMIT_MAX 256u /* so that latencies are those of a submit, not of a run */

struct board {
	int fd;
	struct ak_uring *uring;	  /* NULL: by ioctl */
	struct akida_query query; /* at open */
	struct akida_np np[256];
	uint32_t program, context, in_handle, out_handle;
	uint8_t *in;
	int32_t *out;
	size_t in_bytes, outputs, in_map, out_map;
	uint32_t frames_max; /* of one submit */
	uint64_t inference_clk, program_clk;
};

/* A call that a signal interrupts is made again: time-outs are absolute. */
static int call(const struct board *b, unsigned long request, void *arg)
{
	int r;

	do {
		r = ioctl(b->fd, request, arg);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

static uint64_t board_now_ns(struct akida_device *d)
{
	struct timespec ts;

	(void)d;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int query(struct board *b)
{
	b->query = (struct akida_query){
		.size = sizeof(b->query), .np_ptr = (uintptr_t)b->np, .np_capacity = sizeof(b->np) / sizeof(b->np[0])};
	return call(b, AKIDA_IOC_QUERY, &b->query);
}

static void fill_info(struct akida_device *d, const struct board *b)
{
	uint32_t known = sizeof(b->np) / sizeof(b->np[0]);

	snprintf(d->info.chip, sizeof(d->info.chip), "AKD%u", b->query.chip);
	ak_device_version_text(b->query.version, d->info.version, sizeof(d->info.version));
	snprintf(d->info.ip, sizeof(d->info.ip), "v%u", b->query.ip % 10);
	d->info.source = AKIDA_SOURCE_BOARD;
	d->info.clock_mhz = b->query.clock_khz / 1000.0;
	d->info.needs_program = true;
	d->info.floor_mw = b->query.caps & AKIDA_CAP_POWER ? b->query.floor_uw / 1000.0 : 0;
	d->info.nps = b->query.np_count;
	for (uint32_t i = 0; i < b->query.np_count && i < known; i++) {
		d->info.cnp1 += !!(b->np[i].types & AKIDA_NP_CNP1);
		d->info.cnp2 += !!(b->np[i].types & AKIDA_NP_CNP2);
		d->info.fnp2 += !!(b->np[i].types & AKIDA_NP_FNP2);
		d->info.fnp3 += !!(b->np[i].types & AKIDA_NP_FNP3);
	}
}

static int board_open(struct akida_device *d, struct akida_diag *diag)
{
	struct board *b = d->state;
	int err;

	b->fd = open(d->info.name, O_RDWR | O_CLOEXEC);
	if (b->fd < 0) {
		err = -errno;
		ak_fail(diag, err, AK_RULE_DEVICE_OPEN, d->info.name, "cannot be opened: %s", strerror(-err));
		if (err == -EACCES)
			ak_remedy(diag, "join the group that owns the node (akida), then log in again");
		else if (err == -ENOENT || err == -ENXIO || err == -ENODEV)
			ak_remedy(diag, "load the module akida, or plug in a board; virtual:akd1000 needs neither");
		return err;
	}
	err = query(b);
	if (err) {
		ak_fail(diag, err, AK_RULE_DEVICE_OPEN, d->info.name, "is not an akida device of our module: %s",
			akida_strerror(err));
		close(b->fd);
		return err;
	}
	fill_info(d, b);
	if (b->query.caps & AKIDA_CAP_URING)
		ak_uring_open(&b->uring); /* without one the ioctls do the same */
	return 0;
}

static void destroy(const struct board *b, unsigned long request, uint32_t *handle)
{
	struct akida_destroy a = {.size = sizeof(a), .handle = *handle};

	if (*handle)
		call(b, request, &a);
	*handle = 0;
}

static void board_unload(struct akida_device *d)
{
	struct board *b = d->state;

	if (b->in)
		munmap(b->in, b->in_map);
	if (b->out)
		munmap(b->out, b->out_map);
	b->in = NULL;
	b->out = NULL;
	destroy(b, AKIDA_IOC_CONTEXT_DESTROY, &b->context);
	destroy(b, AKIDA_IOC_PROGRAM_DESTROY, &b->program);
	destroy(b, AKIDA_IOC_BUFFER_DESTROY, &b->in_handle);
	destroy(b, AKIDA_IOC_BUFFER_DESTROY, &b->out_handle);
}

static void board_close(struct akida_device *d)
{
	struct board *b = d->state;

	if (d->loaded)
		board_unload(d);
	ak_uring_close(b->uring);
	close(b->fd);
}

static int make_buffer(const struct board *b, size_t bytes, uint32_t *handle, void **map, size_t *map_bytes)
{
	struct akida_buffer_create a = {.size = sizeof(a), .bytes = bytes};
	void *p;
	int err = call(b, AKIDA_IOC_BUFFER_CREATE, &a);

	if (err)
		return err;
	*handle = a.handle;
	p = mmap(NULL, a.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, b->fd, (off_t)a.mmap_offset);
	if (p == MAP_FAILED)
		return -errno;
	*map = p;
	*map_bytes = a.bytes;
	return 0;
}

static int make_program(struct board *b, const struct akida_program *p, struct akida_diag *diag, const char *name)
{
	const struct ak_program_head *h = &p->head;
	struct akida_track *tracks = calloc(h->track_count ? h->track_count : 1, sizeof(*tracks));
	struct akida_program_create a = {
		.size = sizeof(a),
		.image_ptr = (uintptr_t)p->bytes + p->info_bytes,
		.image_bytes = (uint32_t)p->program_bytes,
		.epg_ptr = (uintptr_t)h->epg,
		.epg_count = h->epg_count,
		.track_count = h->track_count,
		.window_w = h->window_w,
		.window_h = h->window_h,
		.input_type = h->input_type,
		.output_type = h->output_type,
		.activation = h->activation,
	};
	struct akida_pass passes[AK_PROGRAM_MAX_PASSES] = {{0, 0}};
	bool external = false;
	int err;

	_Static_assert(sizeof(struct ak_reg_write) == sizeof(struct akida_reg_write), "the same two words");
	if (!tracks)
		return ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, name, "no memory for %u tracks", h->track_count);
	for (uint32_t i = 0; i < h->track_count; i++) {
		const struct ak_track *t = &h->tracks[i];

		tracks[i] = (struct akida_track){.word_offset = t->offset / 4, .words = t->words};
		passes[t->pass].tracks++;
		passes[t->pass].external += t->external;
		external |= t->external;
	}
	a.tracks_ptr = (uintptr_t)tracks;
	if (h->passes > 1 || external) { /* modules before they knew passes run all others */
		a.passes_ptr = (uintptr_t)passes;
		a.pass_count = h->passes;
	}
	memcpy(a.version, h->device_version, sizeof(a.version));
	memcpy(a.in_dims, h->in_dims, sizeof(a.in_dims));
	memcpy(a.out_dims, h->out_dims, sizeof(a.out_dims));
	err = call(b, AKIDA_IOC_PROGRAM_CREATE, &a);
	if (err)
		ak_fail(diag, err, AK_RULE_PROGRAM_REFUSED, name, "refuses the program: track %u, word %u: %s",
			a.bad_track, a.bad_word, akida_strerror(err));
	b->program = a.handle;
	free(tracks);
	return err;
}

static int make_context(struct board *b, uint32_t batch)
{
	struct akida_context_create a = {.size = sizeof(a), .program = b->program, .batch = batch, .eventfd = -1};
	int err = call(b, AKIDA_IOC_CONTEXT_CREATE, &a);

	b->context = a.handle;
	return err;
}

static int make_resources(struct board *b, uint32_t batch)
{
	void *in = NULL, *out = NULL;
	int err;

	b->frames_max = (uint32_t)(SLICE_BYTES / b->in_bytes);
	b->frames_max = b->frames_max < batch ? batch : b->frames_max;
	b->frames_max = b->frames_max < FRAMES_PER_SUBMIT_MAX ? b->frames_max : FRAMES_PER_SUBMIT_MAX;
	err = make_buffer(b, b->in_bytes * b->frames_max, &b->in_handle, &in, &b->in_map);
	b->in = in;
	if (!err)
		err = make_buffer(b, b->outputs * 4 * b->frames_max, &b->out_handle, &out, &b->out_map);
	b->out = out;
	return err ? err : make_context(b, batch);
}

static int board_load(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		      struct akida_diag *diag)
{
	struct board *b = d->state;
	const struct ak_program_head *h;
	int err = ak_device_check_program(d, l->program, b->query.version, diag);

	if (err)
		return err;
	err = ak_device_check_tags(d, l->program, l->provisional, diag);
	if (err)
		return err;
	h = &l->program->head;
	b->in_bytes = (size_t)h->in_dims[0] * h->in_dims[1] * h->in_dims[2];
	b->outputs = (size_t)h->out_dims[0] * h->out_dims[1] * h->out_dims[2];
	err = make_program(b, l->program, diag, d->info.name);
	if (!err) {
		err = make_resources(b, l->batch);
		if (err)
			ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "gives no buffers or context: %s",
				akida_strerror(err));
	}
	if (err) {
		board_unload(d);
		return err;
	}
	b->inference_clk = b->program_clk = 0;
	dims->in_bytes = b->in_bytes;
	dims->outputs = b->outputs;
	return 0;
}

static int submit_and_wait(struct board *b, struct akida_submit *s, struct akida_wait *w)
{
	int err;

	if (b->uring)
		return ak_uring_submit(b->uring, b->fd, s, w);
	w->context = b->context;
	err = call(b, AKIDA_IOC_SUBMIT, s);
	if (err)
		return err;
	w->seq = s->seq;
	w->timeout_ns = (int64_t)board_now_ns(NULL) + WAIT_NS;
	err = call(b, AKIDA_IOC_WAIT, w);
	return err ? err : w->status;
}

/* One submit of n frames; the latency of each is its share: the kernel stamps submits, not frames. */
static int run_slice(struct board *b, const uint8_t *in, uint32_t n, int32_t *out, struct ak_meter *m)
{
	struct akida_submit s = {.size = sizeof(s),
				 .context = b->context,
				 .count = n,
				 .in_handle = b->in_handle,
				 .out_handle = b->out_handle,
				 .in_stride = b->in_bytes,
				 .out_stride = b->outputs * 4};
	struct akida_wait w = {.size = sizeof(w)};
	int err;

	memcpy(b->in, in, n * b->in_bytes);
	err = submit_and_wait(b, &s, &w);
	if (err)
		return err;
	memcpy(out, b->out, n * b->outputs * sizeof(*out));
	for (uint32_t i = 0; i < n; i++)
		m->frame(m, (w.ended_ns - w.started_ns) / n);
	b->inference_clk += w.inference_clk;
	b->program_clk = w.program_clk;
	return 0;
}

static int64_t board_run(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m)
{
	struct board *b = d->state;
	size_t done = 0;

	while (done < frames) {
		uint32_t n = frames - done < b->frames_max ? (uint32_t)(frames - done) : b->frames_max;
		int err = run_slice(b, in + done * b->in_bytes, n, out + done * b->outputs, m);

		if (err) {
			snprintf(d->error, sizeof(d->error), "frames from %zu on: %s", done, akida_strerror(err));
			return err;
		}
		done += n;
	}
	return (int64_t)done;
}

static void board_counters(struct akida_device *d, struct ak_counters *c)
{
	const struct board *b = d->state;
	bool power = b->query.caps & AKIDA_CAP_POWER;

	*c = (struct ak_counters){
		.has_clk = true,
		.inference_clk = b->inference_clk,
		.program_clk = b->program_clk,
		.floor_mw = power ? b->query.floor_uw / 1000.0 : NAN,
	};
}

#define POWER_SAMPLES 64u

/* Without AKIDA_CAP_POWER there are no events, and the figures say N/A. */
static size_t board_power(struct akida_device *d, struct akida_power_event *ev, size_t max)
{
	struct board *b = d->state;
	struct akida_power_sample s[POWER_SAMPLES];
	struct akida_power a = {.size = sizeof(a), .samples_ptr = (uintptr_t)s};

	a.capacity = max < POWER_SAMPLES ? (uint32_t)max : POWER_SAMPLES;
	if (!(b->query.caps & AKIDA_CAP_POWER) || call(b, AKIDA_IOC_POWER, &a))
		return 0;
	for (uint32_t i = 0; i < a.count; i++)
		ev[i] = (struct akida_power_event){.ts_ms = (double)s[i].ts_ns / 1e6, .mw = s[i].uw / 1000.0};
	return a.count;
}

static int board_reset(struct akida_device *d, struct akida_diag *diag)
{
	struct akida_reset a = {.size = sizeof(a)};
	int err = call(d->state, AKIDA_IOC_RESET, &a);

	if (err)
		ak_fail(diag, err, AK_RULE_DEVICE_FAULT, d->info.name, "is not reset: %s", akida_strerror(err));
	if (err == -EPERM)
		ak_remedy(diag, "a reset ends everybody's work: only root (CAP_SYS_ADMIN) may ask for it");
	return err;
}

/* Names by AKIDA_CLOCK_*. */
static const char *const clock_names[] = {"performance", "economy", "low-power"};

static int board_clock(struct akida_device *d, const char *mode, struct akida_diag *diag)
{
	struct board *b = d->state;
	struct akida_clock a = {.size = sizeof(a), .flags = AKIDA_CLOCK_SET};
	int err;

	while (a.mode < sizeof(clock_names) / sizeof(clock_names[0]) && strcmp(mode, clock_names[a.mode]))
		a.mode++;
	if (a.mode == sizeof(clock_names) / sizeof(clock_names[0]))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, d->info.name,
			       "has no clock mode '%.40s'; known: performance, economy, low-power", mode);
	err = b->query.caps & AKIDA_CAP_CLOCK ? call(b, AKIDA_IOC_CLOCK, &a) : -EOPNOTSUPP;
	if (err) {
		ak_fail(diag, err, AK_RULE_DEVICE_NEEDS, d->info.name, "does not change its clock: %s",
			akida_strerror(err));
		if (err == -EPERM)
			ak_remedy(diag, "the clock is the same for everybody: only root (CAP_SYS_ADMIN) may set it");
		else if (err == -EOPNOTSUPP)
			ak_remedy(diag, "leave it as it is; the clock registers of this board are not known");
		return err;
	}
	b->query.clock_khz = a.khz;
	b->query.floor_uw = a.floor_uw;
	d->info.clock_mhz = a.khz / 1000.0;
	d->info.floor_mw = a.floor_uw / 1000.0;
	return 0;
}

const struct ak_backend ak_backend_board = {
	.name = "/dev/akida",
	.prefix = true,
	.state_bytes = sizeof(struct board),
	.open = board_open,
	.close = board_close,
	.load = board_load,
	.unload = board_unload,
	.run = board_run,
	.now_ns = board_now_ns,
	.counters = board_counters,
	.power = board_power,
	.clock = board_clock,
	.reset = board_reset,
};
