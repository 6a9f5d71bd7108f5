// SPDX-License-Identifier: MIT
/* BUFFER_CREATE, BUFFER_DESTROY and mmap. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include "guest.h"

static int create(int fd, uint64_t bytes, struct akida_buffer_create *a)
{
	*a = (struct akida_buffer_create){.size = sizeof(*a), .bytes = bytes};
	return guest_ioctl(fd, AKIDA_IOC_BUFFER_CREATE, a);
}

static int destroy(int fd, uint32_t handle)
{
	struct akida_destroy d = {.size = sizeof(d), .handle = handle};

	return guest_ioctl(fd, AKIDA_IOC_BUFFER_DESTROY, &d);
}

static int map_error(int fd, size_t bytes, int prot, int flags, uint64_t off)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, (off_t)off);

	if (p == MAP_FAILED)
		return -errno;
	munmap(p, bytes);
	return 0;
}

static void buffer_follows_the_struct_rules(void)
{
	static const size_t create_reserved[] = {offsetof(struct akida_buffer_create, dmabuf),
						 offsetof(struct akida_buffer_create, user_ptr),
						 offsetof(struct akida_buffer_create, user_ptr) + 4};
	static const size_t destroy_reserved[] = {offsetof(struct akida_destroy, reserved0)};
	struct akida_buffer_create c = {.size = sizeof(c), .bytes = 1};
	struct akida_destroy d = {.size = sizeof(d), .handle = 0x7ffffff0};
	int fd = guest_open(0);

	guest_struct_rules(fd, AKIDA_IOC_BUFFER_CREATE, &c, sizeof(c), 40, 0, create_reserved, 3);
	guest_struct_rules(fd, AKIDA_IOC_BUFFER_DESTROY, &d, sizeof(d), 16, -ENOENT, destroy_reserved, 1);
}

static void buffer_bytes_have_limits(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_buffer_create a;
	int fd = guest_open(0);

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	EQ(create(fd, 0, &a), -EINVAL);
	EQ(create(fd, q.max_buffer_bytes + 1, &a), -EINVAL);
	EQ(create(fd, ~0ull, &a), -EINVAL);
	EQ(create(fd, 1ull << 32, &a), -EINVAL);
	EQ(create(fd, 4097, &a), 0);
	EQ(a.bytes, 8192);
	CHECK(a.handle);
	EQ(create(fd, q.max_buffer_bytes, &a), 0);
	EQ(a.bytes, q.max_buffer_bytes);
}

static void buffer_file_limit_is_enospc(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_buffer_create a;
	int fd = guest_open(0);
	uint64_t all = 0;

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	while (all + q.max_buffer_bytes <= q.max_pinned_bytes) {
		EQ(create(fd, q.max_buffer_bytes, &a), 0);
		all += a.bytes;
	}
	EQ(create(fd, q.max_buffer_bytes, &a), -ENOSPC);
	EQ(destroy(fd, a.handle ? a.handle : 1), 0);
	EQ(create(fd, 4096, &a), 0);
	/* another file has a limit of its own */
	EQ(create(guest_open(0), 4096, &a), 0);
}

static void buffer_handle_limit_is_enospc(void)
{
	struct akida_query q = {.size = sizeof(q)};
	struct akida_buffer_create a;
	int fd = guest_open(1), err = 0;
	uint32_t n = 0;

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	while (n <= q.max_handles && !(err = create(fd, 1, &a)))
		n++;
	EQ(n, q.max_handles);
	EQ(err, -ENOSPC);
}

static void buffer_is_zero_and_can_be_mapped(void)
{
	struct guest_buffer b;
	int fd = guest_open(0);

	for (int round = 0; round < 3; round++) {
		const uint8_t *p;

		guest_buffer(fd, 100000, &b);
		p = b.cpu;
		for (uint64_t i = 0; i < b.bytes; i++)
			EQ(p[i], 0);
		memset(b.cpu, 0xee, b.bytes);
		EQ(munmap(b.cpu, b.bytes), 0);
		EQ(destroy(fd, b.handle), 0);
	}
}

static void buffer_mapping_outlives_its_buffer(void)
{
	struct guest_buffer b;
	int fd = guest_open(0);

	guest_buffer(fd, 8192, &b);
	memset(b.cpu, 0x11, 8192);
	EQ(destroy(fd, b.handle), 0);
	EQ(((uint8_t *)b.cpu)[8191], 0x11);
	memset(b.cpu, 0x22, 8192);
	EQ(munmap(b.cpu, 8192), 0);
}

static void buffer_bad_mappings_are_refused(void)
{
	struct akida_buffer_create a;
	int fd = guest_open(0);

	EQ(create(fd, 8192, &a), 0);
	EQ(map_error(fd, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, a.mmap_offset), 0);
	EQ(map_error(fd, 4096, PROT_READ, MAP_SHARED, a.mmap_offset), 0);
	EQ(map_error(fd, 12288, PROT_READ, MAP_SHARED, a.mmap_offset), -EINVAL);
	EQ(map_error(fd, 8192, PROT_READ, MAP_PRIVATE, a.mmap_offset), -EINVAL);
	EQ(map_error(fd, 4096, PROT_READ, MAP_SHARED, a.mmap_offset + 4096), -ENOENT);
	EQ(map_error(fd, 4096, PROT_READ, MAP_SHARED, 0), -ENOENT);
	EQ(map_error(guest_open(0), 4096, PROT_READ, MAP_SHARED, a.mmap_offset), -ENOENT); /* handles are per file */
	EQ(destroy(fd, a.handle), 0);
	EQ(map_error(fd, 4096, PROT_READ, MAP_SHARED, a.mmap_offset), -ENOENT);
}

static void buffer_unknown_handles_are_enoent(void)
{
	struct akida_buffer_create a;
	int fd = guest_open(0);

	EQ(create(fd, 1, &a), 0);
	EQ(destroy(guest_open(0), a.handle), -ENOENT);
	EQ(destroy(fd, 0), -ENOENT);
	EQ(destroy(fd, 0xffffffffu), -ENOENT);
	EQ(destroy(fd, a.handle), 0);
	EQ(destroy(fd, a.handle), -ENOENT);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(buffer_follows_the_struct_rules);
	RUN(buffer_bytes_have_limits);
	RUN(buffer_file_limit_is_enospc);
	RUN(buffer_handle_limit_is_enospc);
	RUN(buffer_is_zero_and_can_be_mapped);
	RUN(buffer_mapping_outlives_its_buffer);
	RUN(buffer_bad_mappings_are_refused);
	RUN(buffer_unknown_handles_are_enoent);
	return 0;
}
