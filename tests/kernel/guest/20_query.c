// SPDX-License-Identifier: MIT
/* QUERY. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "guest.h"

static void query_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_query, reserved0)};
	struct akida_query q = {.size = sizeof(q)};

	guest_struct_rules(guest_open(0), AKIDA_IOC_QUERY, &q, sizeof(q), 152, 0, reserved, 1);
}

static void query_tells_the_chip(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query q = {.size = sizeof(q)};
		bool is_1500 = guest_boards[board].device == 0xa500;

		EQ(guest_ioctl(guest_open(board), AKIDA_IOC_QUERY, &q), 0);
		EQ(q.chip, is_1500 ? AKIDA_CHIP_AKD1500 : AKIDA_CHIP_AKD1000);
		EQ(q.ip, 1);
		EQ(q.version[0], 0xbc);
		EQ(q.version[1], is_1500 ? 0xa1 : 0);
		EQ(q.np_count, is_1500 ? 32 : 78);
		CHECK(q.generation && q.max_batch && q.max_frames && q.max_handles && q.max_buffer_bytes &&
		      q.max_program_bytes);
		CHECK(q.max_pinned_bytes >= q.max_buffer_bytes);
		CHECK(q.caps & AKIDA_CAP_BUFFER_ALLOC);
	}
}

/* What the caller left in output fields never comes back. */
static void query_writes_every_output(void)
{
	struct akida_query zero = {.size = sizeof(zero)}, ones;
	int fd = guest_open(0);

	memset(&ones, 0xff, sizeof(ones));
	ones.size = sizeof(ones);
	ones.flags = 0;
	ones.np_ptr = 0;
	ones.np_capacity = 0;
	ones.reserved0 = 0;
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &zero), 0);
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &ones), 0);
	EQ(ones.clock_khz, zero.clock_khz);
	EQ(ones.floor_uw, zero.floor_uw);
	EQ(ones.max_frames, zero.max_frames);
	EQ(ones.jobs, zero.jobs);
	EQ(ones.resets, zero.resets);
	EQ(ones.dma_bytes, zero.dma_bytes);
	if (!(zero.caps & AKIDA_CAP_POWER)) {
		EQ(ones.floor_uw, 0);
		EQ(ones.energy_uj, 0);
	}
}

static void query_lists_the_mesh(void)
{
	struct akida_np np[130];
	struct akida_query q = {.size = sizeof(q), .np_ptr = (uintptr_t)np, .np_capacity = 130};
	int fd = guest_open(1);

	memset(np, 0xff, sizeof(np));
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	for (uint32_t i = 0; i < q.np_count; i++) {
		CHECK(np[i].col >= 1 && np[i].col < 8 && np[i].row >= 1 && np[i].row < 8 && np[i].id < 4);
		CHECK(np[i].types && np[i].types < 16);
	}
	EQ(np[q.np_count].col, 0xff);
	memset(np, 0xff, sizeof(np));
	q.size = sizeof(q);
	q.np_capacity = 3;
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	CHECK(q.np_count > 3);
	CHECK(np[2].col != 0xff);
	EQ(np[3].col, 0xff);
}

static void query_bad_list_pointer_is_efault(void)
{
	struct akida_query q = {.size = sizeof(q), .np_ptr = 16, .np_capacity = 4};
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = guest_open(0);

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), -EFAULT);
	CHECK(p != MAP_FAILED && !mprotect(p + 4096, 4096, PROT_NONE));
	q = (struct akida_query){.size = sizeof(q), .np_ptr = (uintptr_t)(p + 4096 - 8), .np_capacity = 2};
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	q = (struct akida_query){.size = sizeof(q), .np_ptr = (uintptr_t)(p + 4096 - 8), .np_capacity = 3};
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), -EFAULT);
	munmap(p, 8192);
}

static void query_unknown_commands_are_enotty(void)
{
	struct akida_query q = {.size = sizeof(q)};
	int fd = guest_open(0);

	EQ(guest_ioctl(fd, AKIDA_IOC(0x60), &q), -ENOTTY);
	EQ(guest_ioctl(fd, AKIDA_IOC(0xff), &q), -ENOTTY);
	EQ(guest_ioctl(fd, _IOC(_IOC_READ | _IOC_WRITE, 0xbd, 0, 0), &q), -ENOTTY);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(query_follows_the_struct_rules);
	RUN(query_tells_the_chip);
	RUN(query_writes_every_output);
	RUN(query_lists_the_mesh);
	RUN(query_bad_list_pointer_is_efault);
	RUN(query_unknown_commands_are_enotty);
	return 0;
}
