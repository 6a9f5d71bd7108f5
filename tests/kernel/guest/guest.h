/* SPDX-License-Identifier: MIT */
/*
 * What the programs in the guest share: results, the emulated boards' control blocks (firmware/qemu/README.md), ioctls.
 * Static programs, no library but libc and libakida.a; they end with status 0 after printing one line per test.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uapi/akida.h>
#include "case.h"

/* ---- results: `ok NAME`, `not ok NAME: WHY`; checks end the test at the first failure ---- */

typedef void (*guest_fn)(void);
void guest_run(const char *name, guest_fn fn);
/* The same in a child process: its result is not counted, failure is told as a remark. True when it passed. */
bool guest_run_child(const char *name, guest_fn fn);
void guest_skip(const char *why);
void guest_fail(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4), noreturn));
#define RUN(fn) guest_run(#fn, fn)
#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			guest_fail(__FILE__, __LINE__, "%s", #cond);                                                   \
	} while (0)
#define EQ(a, b)                                                                                                       \
	do {                                                                                                           \
		long long guest_a = (long long)(a), guest_b = (long long)(b);                                          \
		if (guest_a != guest_b)                                                                                \
			guest_fail(__FILE__, __LINE__, "%s is %lld, not %lld", #a, guest_a, guest_b);                  \
	} while (0)

/* ---- the boards, by index of /dev/akidaN; without the module in bus order ---- */

#define GUEST_BOARDS 2u
#define GUEST_SHORT_NS 300000000ll  /* a wait that is to end early */
#define GUEST_LONG_NS 60000000000ll /* longer than any time-out of the module */

struct guest_board {
	char pci[32];	 /* 0000:01:00.0 */
	char path[96];	 /* /sys/bus/pci/devices/... */
	char node[32];	 /* /dev/akida0 */
	uint16_t device; /* 0xbca1, 0xa500 */
};
extern struct guest_board guest_boards[GUEST_BOARDS];
unsigned int guest_find_boards(void); /* how many */
/* Text of a file below the board's sysfs folder into buf; -errno. */
int guest_attr_read(const struct guest_board *b, const char *attr, char *buf, size_t bytes);
int guest_attr_write(const struct guest_board *b, const char *attr, const char *text);
/* Binds or unbinds the akida driver; -errno. */
int guest_bind(const struct guest_board *b, bool on);
/* Looks for PCI devices and waits until both boards have their nodes; -errno. */
int guest_rescan(void);
/* The same for boards that come by themselves, up to a minute. */
int guest_wait_for_boards(void);

/* Unloads the module and loads it with the parameters of this boot and more; waits for both boards; -errno. */
int guest_reload(const char *more);

enum guest_ctl {
	CTL_ID = 0xf00,
	CTL_HANG = 0xf04,
	CTL_WRONG_JOB = 0xf08,
	CTL_STUCK_DMA = 0xf0c,
	CTL_NO_SENSOR = 0xf10,
	CTL_FAIL_DMA = 0xf14,
	CTL_LOST_IRQ = 0xf18,
	CTL_ALL_ONES = 0xf1c,
	CTL_DELAY_US = 0xf20,
	CTL_LINK_ERROR = 0xf24,
	CTL_PULL = 0xf28,
	CTL_WHEN = 0xf2c,
	CTL_COMPLAINTS = 0xf40,
	CTL_MESSAGES = 0xf44,
	CTL_DMA_READS = 0xf48,
	CTL_DMA_WRITES = 0xf4c,
	CTL_POWER_CYCLES = 0xf50,
	CTL_MESSAGE_ADDR = 0xf54,
	CTL_MESSAGE_DATA = 0xf58
};
#define GUEST_CTL_MAGIC 0x51424b41u
uint32_t guest_config(const struct guest_board *b, unsigned int off);
void guest_config_set(const struct guest_board *b, unsigned int off, uint32_t val);

/* ---- ioctls ---- */

int guest_ioctl(int fd, unsigned long request, void *arg); /* 0 or -errno, EINTR repeated */
int guest_open(unsigned int board); /* fails the test when it cannot; closed when the test ends */
void guest_close(int fd);	    /* one of guest_open's, before the test ends */
int64_t guest_now_ns(void);	    /* CLOCK_MONOTONIC */

/*
 * The rules every struct of the ABI follows (head of uapi/akida.h): arg is well formed and the call on it gives base (0
 * or -errno). first: bytes of the first version; reserved: offsets of 32-bit words that must be zero, count of them.
 */
void guest_struct_rules(int fd, unsigned long request, const void *arg, size_t bytes, size_t first, int base,
			const size_t *reserved, size_t count);

/* A buffer of the device, mapped; ends with its file. */
struct guest_buffer {
	uint32_t handle;
	uint64_t bytes;
	void *cpu;
};
void guest_buffer(int fd, uint64_t bytes, struct guest_buffer *b);

/* ---- programs to run ---- */

struct guest_case {
	struct guest_case_head head;
	struct akida_track *tracks;
	struct akida_pass *passes; /* pass_count 0: none are told */
	struct akida_reg_write *epg;
	uint8_t *image, *in;
	int32_t *out;
	uint32_t in_bytes, outputs; /* of one frame */
};
/* /data/NAME.case; skips the test when it is not there. Stays until the program ends. */
struct guest_case *guest_case(const char *name);
/*
 * One of ours, for the board's chip: small, large (frames of 147 KiB, 7 are a MiB), mnist, passes (two or three of them),
 * external (weights of more than a MiB in memory).
 */
struct guest_case *guest_ours(const char *name, unsigned int board);
struct guest_case *guest_small(unsigned int board);
/* Everything PROGRAM_CREATE needs, filled from the case. */
struct akida_program_create guest_program_args(const struct guest_case *c);
uint32_t guest_program(int fd, const struct guest_case *c);
uint32_t guest_context(int fd, uint32_t program, uint32_t batch);

/* A context with buffers for the case's frames, inputs in place. */
struct guest_job {
	int fd;
	const struct guest_case *c;
	uint32_t program, context;
	struct guest_buffer in, out;
};
void guest_job(struct guest_job *j, int fd, const struct guest_case *c, uint32_t batch);
struct akida_submit guest_submit_args(const struct guest_job *j, uint32_t frames);
uint64_t guest_submit(struct guest_job *j, uint32_t frames);
/* WAIT until it ended or so many nanoseconds passed: the ioctl's result; w (may be NULL) gets the struct. */
int guest_wait(const struct guest_job *j, uint64_t seq, int64_t ns, struct akida_wait *w);
/* Submits frames, waits for success and compares with what `virtual:` gave. */
void guest_run_and_compare(struct guest_job *j, uint32_t frames);
void guest_compare(const struct guest_job *j, uint32_t frames); /* what lies in the outputs */

/* ---- what faults and removals must leave ---- */

/* Each call on a file whose board is gone says ENODEV, and none hangs. */
void guest_everything_is_enodev(struct guest_job *j);

/* A process that runs frames on a board, one submit after the other, until it is told to stop. */
struct guest_bystander {
	int pid;
	volatile uint32_t *runs; /* that it has done, shared; behind it whether to stop */
};
void guest_bystander_start(struct guest_bystander *b, unsigned int board);
int guest_bystander_stop(void);			     /* one that a failed test left, if any; its exit status */
void guest_bystander_end(struct guest_bystander *b); /* fails when a run failed */

/* What is in use on behalf of files, this process's and all others'. */
struct guest_counts {
	long pinned;	 /* pages of anybody */
	long own_pinned; /* KiB of this process */
	long module;	 /* references to akida.ko */
	long areas;	 /* that the module has mapped by vmalloc and ioremap */
	long files;	 /* open in the system */
};
struct guest_counts guest_counts(void);
/* Fails unless they are the same again within two seconds: what is freed after a grace period needs a moment. */
void guest_counts_are(const struct guest_counts *before);

#endif
