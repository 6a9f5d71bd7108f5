// SPDX-License-Identifier: MIT
/* What faults and removals must leave: dead files that say so, the other board at work, nothing in use. guest.h */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "guest.h"

void guest_everything_is_enodev(struct guest_job *j)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_buffer_create b = {.size = sizeof(b), .bytes = 1};
	struct akida_program_create p = guest_program_args(j->c);
	struct akida_context_create c = {.size = sizeof(c), .program = j->program, .eventfd = -1};
	struct akida_submit s = guest_submit_args(j, 1);
	struct akida_reset r = {.size = sizeof(r)};

	EQ(guest_ioctl(j->fd, AKIDA_IOC_QUERY, &q), -ENODEV);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_BUFFER_CREATE, &b), -ENODEV);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_PROGRAM_CREATE, &p), -ENODEV);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_CONTEXT_CREATE, &c), -ENODEV);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_SUBMIT, &s), -ENODEV);
	EQ(guest_ioctl(j->fd, AKIDA_IOC_RESET, &r), -ENODEV);
}

/* ---- the other board ---- */

static volatile uint32_t *stander; /* shared: runs done, whether to stop */
static unsigned int stander_board;
static int stander_pid; /* 0: none */

static void stander_runs(void)
{
	struct guest_job j;

	guest_job(&j, guest_open(stander_board), guest_small(stander_board), 2);
	do {
		guest_run_and_compare(&j, 4);
		stander[0]++;
		usleep(20000);
	} while (!stander[1]);
}

void guest_bystander_start(struct guest_bystander *b, unsigned int board)
{
	b->runs = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(b->runs != MAP_FAILED);
	b->pid = fork();
	CHECK(b->pid >= 0);
	if (!b->pid) {
		stander = b->runs;
		stander_board = board;
		_exit(guest_run_child("bystander", stander_runs) ? 0 : 1);
	}
	stander = b->runs;
	stander_pid = b->pid;
	for (int i = 0; i < 600 && !*b->runs; i++)
		usleep(100000);
	CHECK(*b->runs);
}

void guest_bystander_end(struct guest_bystander *b)
{
	EQ(b->pid, stander_pid);
	EQ(guest_bystander_stop(), 0);
}

int guest_bystander_stop(void)
{
	int status = 0;

	if (!stander_pid)
		return 0;
	stander[1] = 1;
	if (waitpid(stander_pid, &status, 0) != stander_pid)
		status = -1;
	stander_pid = 0;
	munmap((void *)stander, 4096);
	return status;
}

/* ---- what is in use ---- */

/* The number behind the first `name` of a file whose lines are `name number`; 0 when there is none. */
static long number_of(const char *path, const char *name)
{
	char line[256];
	long found = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (!strncmp(line, name, strlen(name))) {
			found = strtol(line + strlen(name), NULL, 10);
			break;
		}
	}
	if (f)
		fclose(f);
	return found;
}

static long lines_with(const char *path, const char *text)
{
	char line[512];
	long found = 0;
	FILE *f = fopen(path, "r");

	while (f && fgets(line, sizeof(line), f))
		found += !!strstr(line, text);
	if (f)
		fclose(f);
	return found;
}

struct guest_counts guest_counts(void)
{
	lines_with("/proc/sys/vm/stat_refresh", ""); /* each CPU keeps some of the pages to itself until it is read */
	return (struct guest_counts){
		.pinned = number_of("/proc/vmstat", "nr_foll_pin_acquired ") -
			  number_of("/proc/vmstat", "nr_foll_pin_released "),
		.own_pinned = number_of("/proc/self/status", "VmPin:"),
		.module = number_of("/sys/module/akida/refcnt", ""),
		.areas = lines_with("/proc/vmallocinfo", "[akida]"),
		.files = number_of("/proc/sys/fs/file-nr", ""),
	};
}

void guest_counts_are(const struct guest_counts *before)
{
	struct guest_counts now;

	for (int i = 0; i < 20; i++) {
		now = guest_counts();
		if (!memcmp(&now, before, sizeof(now)))
			return;
		usleep(100000);
	}
	EQ(now.pinned, before->pinned);
	EQ(now.own_pinned, before->own_pinned);
	EQ(now.module, before->module);
	EQ(now.areas, before->areas);
	EQ(now.files, before->files);
}
