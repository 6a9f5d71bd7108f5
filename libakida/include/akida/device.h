/* SPDX-License-Identifier: MIT */
/*
 * Devices: `cpu`; `virtual:akd1000`, `virtual:akd1500`; `virtual:akida2` and `virtual:akida2:two-nodes`, meshes that take what
 * their silicon has and run it on this host; boards at `/dev/akidaN`, or by `vfio:0000:01:00.0` without our module.
 */
#ifndef AKIDA_DEVICE_H
#define AKIDA_DEVICE_H

#include "program.h"
#include "stats.h"

struct akida_device; /* one user at a time */

struct akida_device_info {
	uint32_t size;
	char name[32];	  /* as opened */
	char chip[16];	  /* "AKD1000", "AKD1500", "SixNodesIPv2", "none" */
	char version[16]; /* "BC.A1.003.009"; empty for cpu */
	char ip[4];	  /* "v1", "v2"; "any" for cpu */
	enum akida_source source;
	double clock_mhz; /* 0 for cpu */
	uint32_t nps, cnp1, cnp2, fnp2, fnp3;
	bool needs_program; /* runs .akp and vendor programs; otherwise layers */
	double floor_mw;    /* boards with a power meter: with an idle chip; else 0 */
};

/* Names this build can open without a board, NULL-terminated; static storage. Boards are their nodes, /dev/akidaN. */
AKIDA_API const char *const *akida_device_names(void);
/* NULL: /dev/akida0 when present, else virtual:akd1000. -EOPNOTSUPP names what a missing back end needs. */
AKIDA_API int akida_device_open(const char *name, struct akida_device **out, struct akida_diag *diag);
AKIDA_API void akida_device_close(struct akida_device *d);
AKIDA_API int akida_device_info(const struct akida_device *d, struct akida_device_info *info);
/*
 * Resets a board: all work of all programs on it ends with -ENODEV. -EPERM without the right, -EOPNOTSUPP not a board,
 * -EIO it does not come back.
 */
AKIDA_API int akida_device_reset(struct akida_device *d, struct akida_diag *diag);
/*
 * Clock mode of the core, for frames from now on: "performance" (virtual:akd1000 after opening), "economy" or "low-power".
 * On a board it is everybody's, and stays. akida_device_info shows its clock afterwards. -EOPNOTSUPP for devices with one
 * mode, and for physical boards, whose registers for this are not public; -EPERM without the right to set a board's;
 * -EINVAL for an unknown mode.
 */
AKIDA_API int akida_device_clock(struct akida_device *d, const char *mode, struct akida_diag *diag);
/*
 * The protocol core's check of a program, which every load passes first: is it safe and complete for this chip? Does not
 * touch what is loaded. -EINVAL made for another chip, -EILSEQ or -EOPNOTSUPP refused; the record says which track, word
 * and register, and why. -EOPNOTSUPP also for devices that run no programs, and boards (the kernel checks at load).
 */
AKIDA_API int akida_device_verify(const struct akida_device *d, const struct akida_program *p, struct akida_diag *diag);
/*
 * Moves up to max samples of a board's power meter since the last call (first: since open) into ev, oldest first; ts_ms
 * is CLOCK_MONOTONIC. Returns how many; -EOPNOTSUPP: not a board, or no meter that is known. Not beside a session, which
 * takes the samples itself.
 */
AKIDA_API int64_t akida_device_power(struct akida_device *d, struct akida_power_event *ev, size_t max);

#endif
