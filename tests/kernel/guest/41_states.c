// SPDX-License-Identifier: MIT
/*
 * Each fault of the emulated boards in each state of the module: what hangs, aborts, lies, vanishes, while nothing runs, a
 * program is loaded, an input moves, a frame runs, an output moves, another context waits for its next turn, the chip is reset.
 * Every wait ends in time with the documented status, a new file works, nothing stays in use, and the other board never notices.
 * Each cell of the table is run on one board, on the other one where there is an IOMMU.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

/* The module gives a frame 5 s; recovery and a busy host come on top. */
#define RECOVERY_NS 30000000000ll
#define AWAY_MS 1000u
#define FOR_EVER 0xffffffffu
#define ANY 0xffff /* -EIO or -ENODEV: who sees the loss first */
#define LONG 24u   /* frames */

enum state { IDLE, PROGRAMMING, INPUT, RUNNING, OUTPUT, SUSPENDED, RESETTING, STATES };
static const char *const state_names[STATES] = {"idle",	  "programming", "input",	"running",
						"output", "suspended",	 "during reset"};

/* Values of CTL_WHEN */
enum when { NOW, AT_PACKETS, AT_READ, AT_FRAME, AT_WRITE, AT_RESET };
static const enum when state_when[STATES] = {NOW, AT_PACKETS, AT_READ, AT_FRAME, AT_WRITE, NOW, AT_RESET};

enum fault { HANG, ABORT, STUCK, WRONG_JOB, LOST_IRQ, ALL_ONES, PULL, FAULTS };
static const struct fault_kind {
	const char *name;
	enum guest_ctl ctl;
	uint32_t value;
	int status;    /* of the submit that meets it; what is behind in its context ends with -ENODEV */
	int suspended; /* of another context's that waits for its turn */
	bool frame;    /* meets a frame: one that is done when the fault comes does not see it */
} faults[FAULTS] = {
	[HANG] = {"hang", CTL_HANG, 1, -ETIMEDOUT, 0, true},
	[ABORT] = {"abort", CTL_FAIL_DMA, 1, -EIO, 0, false},
	[STUCK] = {"stuck DMA", CTL_STUCK_DMA, 1, -ETIMEDOUT, 0, false},
	[WRONG_JOB] = {"wrong job id", CTL_WRONG_JOB, 1, -EIO, 0, true},
	[LOST_IRQ] = {"lost interrupts", CTL_LOST_IRQ, FOR_EVER, 0, 0, false},
	[ALL_ONES] = {"all ones", CTL_ALL_ONES, 1, -EIO, -EIO, false},
	[PULL] = {"surprise removal", CTL_PULL, AWAY_MS, ANY, ANY, false},
};

/* A stuck channel is one that was rung: the doorbell in question comes after the moment, or is the next one. */
static enum when moment(enum fault f, enum state s)
{
	if (f == STUCK)
		return s == RUNNING || s == OUTPUT ? AT_FRAME : s == RESETTING ? AT_RESET : NOW;
	if (f == ABORT && s == PROGRAMMING)
		return AT_READ;
	return state_when[s];
}

static enum fault now_fault;
static enum state now_state;
static unsigned int now_board;

static void status_is(const char *what, int got, int want)
{
	if (want == ANY ? got != -EIO && got != -ENODEV : got != want)
		guest_fail(__FILE__, __LINE__, "%s, %s, board %x: %s ends with %d, not %d", faults[now_fault].name,
			   state_names[now_state], guest_boards[now_board].device, what, got,
			   want == ANY ? -ENODEV : want);
}

static void inject(const struct guest_board *b)
{
	guest_config_set(b, CTL_WHEN, moment(now_fault, now_state));
	guest_config_set(b, faults[now_fault].ctl, faults[now_fault].value);
}

static void it_leaves_and_comes(const struct guest_board *b, struct guest_job *j)
{
	for (int i = 0; i < 1500 && !access(b->path, F_OK); i++)
		usleep(20000);
	EQ(access(b->path, F_OK), -1);
	guest_everything_is_enodev(j);
	EQ(guest_wait_for_boards(), 0);
	guest_everything_is_enodev(j);
}

static void clear(const struct guest_board *b)
{
	guest_config_set(b, CTL_WHEN, NOW);
	guest_config_set(b, faults[now_fault].ctl, 0);
	guest_config_set(b, CTL_DELAY_US, 20);
}

static void forget(struct guest_job *j)
{
	munmap(j->in.cpu, j->in.bytes);
	munmap(j->out.cpu, j->out.bytes);
}

/* Of one whose board has gone the call itself says so: 0. */
static uint64_t submit(struct guest_job *j, uint32_t frames)
{
	struct akida_submit s = guest_submit_args(j, frames);
	int err = guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, &s);

	if (err)
		status_is("a submit", err, -ENODEV);
	return err ? 0 : s.seq;
}

static int status(const struct guest_job *j, uint64_t seq)
{
	struct akida_wait w;
	int err = seq ? guest_wait(j, seq, RECOVERY_NS, &w) : -ENODEV;

	if (seq)
		status_is("a wait", err, 0);
	return err ? err : w.status;
}

/* Two frames, one after the other; the first meets the fault, or the second when the first is done by then. */
static void two_submits(struct guest_job *j)
{
	const struct fault_kind *f = &faults[now_fault];
	uint64_t first = submit(j, 1), second = submit(j, 1);
	bool late = f->frame && now_state == OUTPUT;

	status_is("the first submit", status(j, first), late ? 0 : f->status);
	status_is("the second submit", status(j, second), late ? f->status : f->status ? -ENODEV : 0);
}

static void in_one_context(const struct guest_board *b, struct guest_job *j)
{
	struct akida_reset r = {.size = sizeof(r)};
	bool gone = faults[now_fault].ctl == CTL_ALL_ONES || now_fault == PULL;

	if (now_state != PROGRAMMING)
		guest_run_and_compare(j, 2);
	inject(b);
	if (now_state == RESETTING) {
		status_is("RESET", guest_ioctl(j->fd, AKIDA_IOC_RESET, &r), gone ? ANY : 0);
		if (now_fault == PULL)
			return;
		j->context = guest_context(j->fd, j->program, 1); /* what was before a reset is broken */
	}
	two_submits(j);
}

/* A long submit makes room for one of higher priority; the fault meets that one. */
static void in_another_context(const struct guest_board *b, struct guest_job *low)
{
	const struct fault_kind *f = &faults[now_fault];
	struct akida_context_create c = {.size = sizeof(c), .batch = 1, .priority = AKIDA_PRIORITY_HIGH, .eventfd = -1};
	struct guest_job high = *low;
	uint64_t waits, first, runs;
	struct akida_wait w;

	high.program = c.program = guest_program(low->fd, low->c);
	EQ(guest_ioctl(low->fd, AKIDA_IOC_CONTEXT_CREATE, &c), 0);
	high.context = c.handle;
	guest_buffer(low->fd, high.out.bytes, &high.out);
	guest_run_and_compare(low, 2);
	guest_config_set(b, CTL_DELAY_US, 10000);
	memset(low->out.cpu, 0x5a, low->out.bytes);
	waits = guest_submit(low, LONG);
	usleep(100000);
	first = guest_submit(&high, 1);
	runs = guest_submit(&high, LONG);
	EQ(guest_wait(&high, first, RECOVERY_NS, NULL), 0);
	EQ(guest_wait(low, waits, 0, NULL), -ETIMEDOUT);
	inject(b);
	status_is("the running submit", status(&high, runs), f->status);
	EQ(guest_wait(low, waits, RECOVERY_NS, &w), 0);
	status_is("the suspended submit", w.status, f->suspended);
	if (!w.status) {
		EQ(w.frames_done, LONG);
		guest_compare(low, LONG);
	}
	munmap(high.out.cpu, high.out.bytes);
}

static void cell(unsigned int board)
{
	struct guest_board card = guest_boards[board];
	struct guest_counts before = guest_counts();
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 1);
	if (now_state == SUSPENDED)
		in_another_context(&card, &j);
	else
		in_one_context(&card, &j);
	if (now_fault == PULL) {
		it_leaves_and_comes(&card, &j);
	} else { /* the same file goes on with a new context */
		clear(&card);
		j.context = guest_context(j.fd, j.program, 1);
		guest_run_and_compare(&j, 2);
	}
	guest_close(j.fd);
	forget(&j);
	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 4);
	guest_close(j.fd);
	forget(&j);
	guest_counts_are(&before);
}

static bool has_iommu(void)
{
	DIR *d = opendir("/sys/class/iommu");
	bool found = false;
	struct dirent *e;

	while (d && (e = readdir(d)))
		found |= e->d_name[0] != '.';
	if (d)
		closedir(d);
	return found;
}

static void sweep(enum fault f)
{
	unsigned int odd = has_iommu();

	if (f == PULL && access("/sys/bus/pci_express/drivers/pciehp", F_OK))
		guest_skip("this kernel has no hotplug of PCI Express");
	now_fault = f;
	for (now_board = 0; now_board < 2; now_board++) {
		struct guest_bystander other;

		guest_bystander_start(&other, !now_board);
		for (now_state = 0; now_state < STATES; now_state++)
			if ((f + now_state + odd) % 2 == now_board)
				cell(now_board);
		guest_bystander_end(&other);
	}
}

#define SWEEP(name, fault)                                                                                             \
	static void name(void)                                                                                         \
	{                                                                                                              \
		sweep(fault);                                                                                          \
	}
SWEEP(states_hang, HANG)
SWEEP(states_abort, ABORT)
SWEEP(states_stuck_dma, STUCK)
SWEEP(states_wrong_job_id, WRONG_JOB)
SWEEP(states_lost_interrupts, LOST_IRQ)
SWEEP(states_all_ones, ALL_ONES)
SWEEP(states_surprise_removal, PULL)

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(states_hang);
	RUN(states_abort);
	RUN(states_stuck_dma);
	RUN(states_wrong_job_id);
	RUN(states_lost_interrupts);
	RUN(states_all_ones);
	RUN(states_surprise_removal);
	return 0;
}
