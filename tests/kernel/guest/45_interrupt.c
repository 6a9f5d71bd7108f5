// SPDX-License-Identifier: MIT
/* The one vector: it is used, and it may move to another CPU, whose message the chip's DMA engine must learn. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

static int vector(const struct guest_board *b)
{
	char path[256];
	struct dirent *e;
	int irq = -1;
	DIR *d;

	snprintf(path, sizeof(path), "%s/msi_irqs", b->path);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			irq = atoi(e->d_name);
	if (d)
		closedir(d);
	return irq;
}

static int affinity(int irq, unsigned int cpu)
{
	char path[64], text[16];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity", irq);
	snprintf(text, sizeof(text), "%x", 1u << cpu);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Where it is now, which is later than where it was told to be. */
static unsigned int effective(int irq)
{
	char path[64];
	unsigned int mask = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/irq/%d/effective_affinity", irq);
	f = fopen(path, "r");
	if (f) {
		if (fscanf(f, "%x", &mask) != 1)
			mask = 0;
		fclose(f);
	}
	return mask;
}

static uint64_t interrupts(int fd)
{
	struct akida_query q = {.size = sizeof(q)};

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	return q.interrupts;
}

/* What the chip sent last against what the MSI capability says. */
static bool newest_message_is_the_vectors(const struct guest_board *b)
{
	return guest_config(b, CTL_MESSAGE_ADDR) == guest_config(b, 0x54) &&
	       guest_config(b, CTL_MESSAGE_DATA) == (guest_config(b, 0x5c) & 0xffff);
}

static void interrupt_capability_tells_the_truth(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query q = {.size = sizeof(q)};

		EQ(guest_ioctl(guest_open(board), AKIDA_IOC_QUERY, &q), 0);
		EQ(!!(q.caps & AKIDA_CAP_INTERRUPT), vector(&guest_boards[board]) >= 0);
	}
}

static void interrupt_follows_its_vector(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		int irq = vector(&guest_boards[board]);
		struct guest_job j;

		if (irq < 0)
			guest_skip("no MSI in this boot");
		guest_job(&j, guest_open(board), guest_small(board), 2);
		for (unsigned int move = 0; move < 6; move++) {
			uint64_t before;
			bool follows = false;

			EQ(affinity(irq, move % 2), 0);
			/*
			 * x86 moves it when an interrupt arrives at the old place, which may be handled only after its frame
			 * was found by polling: the module learns of it with the frames behind that one.
			 */
			for (unsigned int tries = 0; tries < 50 && !follows; tries++) {
				guest_run_and_compare(&j, 1);
				follows = effective(irq) == 1u << move % 2 &&
					  newest_message_is_the_vectors(&guest_boards[board]);
			}
			CHECK(follows);
			before = interrupts(j.fd);
			guest_run_and_compare(&j, 6);
			/*
			 * Arriving, not only found by polling: input, output and their lists give several each. The other CPU
			 * of a busy host may take them late.
			 */
			for (unsigned int ms = 0; ms < 2000 && interrupts(j.fd) == before; ms++)
				usleep(1000);
			CHECK(interrupts(j.fd) > before);
		}
	}
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(interrupt_capability_tells_the_truth);
	RUN(interrupt_follows_its_vector);
	return 0;
}
