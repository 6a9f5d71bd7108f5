/* SPDX-License-Identifier: MIT */
/*
 * One table, many back ends. A device is opened by name, loaded with one program or model at a time, and runs frames in
 * order. A session (run/) owns the load; nothing here allocates while frames run.
 */
#ifndef AK_DEVICE_BACKEND_H
#define AK_DEVICE_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <akida/device.h>

#define AK_BATCH_MAX 253u /* descriptors in flight of a single-pass program */

/* Told of every finished frame, on the device's own clock (akida_device_info.source). */
struct ak_meter {
	void (*frame)(struct ak_meter *m, uint64_t latency_ns);
};

/* What a load is made of. Borrowed until unload. */
struct ak_load {
	const struct akida_program *program; /* NULL for back ends that run layers */
	const struct akida_model *model;
	uint32_t batch;	  /* 1..AK_BATCH_MAX */
	bool provisional; /* encodings tagged provisional may go to a board */
	uint32_t threads; /* of the host; 0: all processors */
	bool pin;
};
struct ak_load_dims {
	size_t in_bytes; /* one frame */
	size_t outputs;	 /* int32 values of one frame */
};

struct ak_counters {
	bool has_clk;
	uint64_t inference_clk, program_clk; /* since load, widened from the wrapping registers */
	double floor_mw;		     /* NaN without a sensor */
	uint64_t unknown_events;
	char unknown_last[160];
};

struct akida_device;
struct ak_backend {
	const char *name;
	bool prefix; /* name is how device names of this kind begin */
	size_t state_bytes;
	int (*open)(struct akida_device *d, struct akida_diag *diag); /* fills d->info beyond name */
	void (*close)(struct akida_device *d);
	int (*load)(struct akida_device *d, const struct ak_load *l, struct ak_load_dims *dims,
		    struct akida_diag *diag);
	void (*unload)(struct akida_device *d);
	/* Checks without loading; NULL: cannot. */
	int (*verify)(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag);
	/* Returns frames or a negative errno; on failure d->error says why. */
	int64_t (*run)(struct akida_device *d, const uint8_t *in, size_t frames, int32_t *out, struct ak_meter *m);
	uint64_t (*now_ns)(struct akida_device *d);
	void (*counters)(struct akida_device *d, struct ak_counters *c);
	/* Moves at most max power events out of the meter, oldest first; returns how many. */
	size_t (*power)(struct akida_device *d, struct akida_power_event *ev, size_t max);
	/* Clock mode of the core by name; NULL: cannot be chosen. */
	int (*clock)(struct akida_device *d, const char *mode, struct akida_diag *diag);
	/* Ends all work on the board, of everybody; NULL: not a board. */
	int (*reset)(struct akida_device *d, struct akida_diag *diag);
};
extern const struct ak_backend ak_backend_cpu, ak_backend_akida2, ak_backend_akida2_two, ak_backend_akd1000,
	ak_backend_akd1500, ak_backend_akida1, ak_backend_board, ak_backend_vfio;

struct akida_device {
	const struct ak_backend *ops;
	struct akida_device_info info;
	bool loaded;
	char error[400]; /* of the newest failing run */
	void *state;	 /* ops->state_bytes, zeroed at open */
};

/* check.c: before a program is loaded. version: vendor, product, major, minor of the chip. */
int ak_device_check_program(const struct akida_device *d, const struct akida_program *p, const uint8_t version[4],
			    struct akida_diag *diag);
/* Boards take provisional encodings only when asked to, and unknown ones never (design, pillar 3). */
int ak_device_check_tags(const struct akida_device *d, const struct akida_program *p, bool provisional,
			 struct akida_diag *diag);
/* "BC.A1.003.009"; 14 bytes with its end. */
void ak_device_version_text(const uint8_t version[4], char *text, size_t bytes);

#endif
