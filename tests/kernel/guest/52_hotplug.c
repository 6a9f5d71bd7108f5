// SPDX-License-Identifier: MIT
/*
 * A card pulled out of its slot without a warning and put back, by the port's own hotplug registers: with open files, mappings
 * and work under way. Waits end, the other card does not notice, a new card works and nothing of the old one is left.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "guest.h"

#define AWAY_MS 2000u
#define REMOVE_NS 30000000000ll
#define PINNED 65536u

/* Out of /sys and /dev, once the kernel has taken it away. */
static void it_leaves(const struct guest_board *b)
{
	for (int i = 0; i < 1500 && !access(b->path, F_OK); i++)
		usleep(20000);
	CHECK(access(b->path, F_OK) < 0 && errno == ENOENT);
	CHECK(access(b->node, F_OK) < 0 && errno == ENOENT);
}

static void forget(struct guest_job *j)
{
	guest_close(j->fd);
	munmap(j->in.cpu, j->in.bytes);
	munmap(j->out.cpu, j->out.bytes);
}

static void a_new_card_works(unsigned int board)
{
	struct guest_job j;

	EQ(guest_wait_for_boards(), 0);
	EQ(guest_config(&guest_boards[board], CTL_ALL_ONES), 0);
	guest_job(&j, guest_open(board), guest_small(board), 2);
	guest_run_and_compare(&j, 4);
	forget(&j);
}

static void pin(int fd, void *memory)
{
	struct akida_buffer_create a = {
		.size = sizeof(a), .flags = AKIDA_BUFFER_USER, .bytes = PINNED, .user_ptr = (uintptr_t)memory};

	EQ(guest_ioctl(fd, AKIDA_IOC_BUFFER_CREATE, &a), 0);
}

/* Frames that take a while each, so that the card goes in the middle of them. */
static void pull_while_busy(unsigned int board, struct guest_job *j)
{
	struct guest_board card = guest_boards[board];
	struct pollfd p = {.fd = j->fd, .events = POLLIN};
	uint64_t first, second;
	uint32_t done;
	struct akida_wait w;
	int64_t t0;

	guest_run_and_compare(j, 2);
	guest_config_set(&card, CTL_DELAY_US, 20000);
	first = guest_submit(j, 24);
	second = guest_submit(j, 24);
	EQ(guest_wait(j, first, 100000000, NULL), -ETIMEDOUT); /* it runs */
	t0 = guest_now_ns();
	guest_config_set(&card, CTL_PULL, AWAY_MS);
	EQ(guest_wait(j, first, REMOVE_NS, &w), 0);
	CHECK(w.status == -EIO || w.status == -ENODEV);
	CHECK(w.frames_done < 24);
	done = w.frames_done;
	EQ(guest_wait(j, second, REMOVE_NS, &w), 0);
	EQ(w.status, -ENODEV);
	it_leaves(&card);
	CHECK(guest_now_ns() - t0 < REMOVE_NS);
	EQ(poll(&p, 1, 0), 1);
	CHECK(p.revents & POLLHUP);
	guest_everything_is_enodev(j);
	/* mappings stay: what was done can be read, and writing hurts nobody */
	guest_compare(j, done);
	memset(j->in.cpu, 1, j->in.bytes);
	memset(j->out.cpu, 1, j->out.bytes);
}

static void pulled_busy_card(unsigned int board)
{
	void *memory = mmap(NULL, PINNED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct guest_counts before = guest_counts();
	struct guest_bystander other;
	struct guest_job j;

	CHECK(memory != MAP_FAILED);
	guest_bystander_start(&other, !board);
	guest_job(&j, guest_open(board), guest_small(board), 2);
	pin(j.fd, memory);
	CHECK(guest_counts().pinned >= before.pinned + (long)(PINNED / 4096));
	pull_while_busy(board, &j);
	a_new_card_works(board);
	guest_everything_is_enodev(&j); /* the old file stays with the old card */
	forget(&j);
	a_new_card_works(board);
	guest_bystander_end(&other);
	guest_counts_are(&before);
	munmap(memory, PINNED);
}

static void hotplug_busy_akd1000_is_pulled(void)
{
	pulled_busy_card(guest_boards[0].device != 0xbca1);
}

static void hotplug_busy_akd1500_is_pulled(void)
{
	pulled_busy_card(guest_boards[0].device == 0xbca1);
}

/* Nobody uses it, files are open; they are closed while it is away. */
static void hotplug_idle_card_is_pulled(void)
{
	struct guest_counts before = guest_counts();
	struct guest_board card = guest_boards[0];
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	guest_run_and_compare(&j, 2);
	guest_config_set(&card, CTL_PULL, AWAY_MS);
	it_leaves(&card);
	guest_everything_is_enodev(&j);
	forget(&j);
	a_new_card_works(0);
	guest_counts_are(&before);
}

static void hotplug_both_cards_at_once(void)
{
	struct guest_counts before = guest_counts();
	struct guest_job j[2];
	struct akida_wait w;
	uint64_t seq[2];

	for (unsigned int i = 0; i < 2; i++) {
		guest_job(&j[i], guest_open(i), guest_small(i), 2);
		guest_config_set(&guest_boards[i], CTL_DELAY_US, 20000);
		seq[i] = guest_submit(&j[i], 24);
	}
	for (unsigned int i = 0; i < 2; i++)
		guest_config_set(&guest_boards[i], CTL_PULL, AWAY_MS);
	for (unsigned int i = 0; i < 2; i++) {
		EQ(guest_wait(&j[i], seq[i], REMOVE_NS, &w), 0);
		CHECK(w.status == -EIO || w.status == -ENODEV);
	}
	for (unsigned int i = 0; i < 2; i++) {
		it_leaves(&guest_boards[i]);
		guest_everything_is_enodev(&j[i]);
		forget(&j[i]);
	}
	a_new_card_works(0);
	a_new_card_works(1);
	guest_counts_are(&before);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(hotplug_busy_akd1000_is_pulled);
	RUN(hotplug_busy_akd1500_is_pulled);
	RUN(hotplug_idle_card_is_pulled);
	RUN(hotplug_both_cards_at_once);
	return 0;
}
