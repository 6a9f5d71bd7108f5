// SPDX-License-Identifier: MIT
/* Tracepoints: what a submit, DMA lists, a time-out and a reset leave in the trace. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>
#include "guest.h"

#define TRACING "/sys/kernel/tracing/"

static bool put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

static void trace_tells_what_happens(void)
{
	static char text[1 << 20];
	static const char *const wanted[] = {"akida_submit: %s ",
					     "akida_start: %s ",
					     "akida_stop: %s ",
					     "akida_done: %s ",
					     "akida_reset: %s reason=1 ",
					     "akida_dma_start: %s to_device bytes=",
					     "akida_dma_done: %s to_host bytes=",
					     "akida_timeout: %s what=\"no completion\""};
	struct akida_reset r = {.size = sizeof(r)};
	struct akida_wait w;
	struct guest_job j;
	size_t have = 0;
	uint64_t seq;
	ssize_t n;
	int fd;

	mount("tracefs", TRACING, "tracefs", 0, NULL);
	if (access(TRACING "events", F_OK))
		guest_skip("this kernel has no tracefs");
	CHECK(put(TRACING "events/akida/enable", "1"));
	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_run_and_compare(&j, 3);
	/* a frame that does not finish */
	guest_config_set(&guest_boards[0], CTL_HANG, 1);
	seq = guest_submit(&j, 1);
	EQ(guest_wait(&j, seq, GUEST_LONG_NS, &w), 0);
	EQ(w.status, -ETIMEDOUT);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_RESET, &r), 0);
	CHECK(put(TRACING "events/akida/enable", "0"));
	fd = open(TRACING "trace", O_RDONLY);
	CHECK(fd >= 0);
	while (have < sizeof(text) - 1 && (n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		char line[96];

		/* which board is /dev/akida0 is decided by who is found first */
		snprintf(line, sizeof(line), wanted[i], strrchr(guest_boards[0].node, '/') + 1);
		if (!strstr(text, line))
			guest_fail(__FILE__, __LINE__, "no line with %s in %zu bytes", line, have);
	}
	CHECK(strstr(text, "frames=3 status=0"));
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(trace_tells_what_happens);
	return 0;
}
