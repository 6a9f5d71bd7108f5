// SPDX-License-Identifier: MIT
/* PROGRAM_CREATE and PROGRAM_DESTROY: what is refused and how, and that a program cannot be changed afterwards. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "guest.h"

static int create(int fd, struct akida_program_create *a)
{
	return guest_ioctl(fd, AKIDA_IOC_PROGRAM_CREATE, a);
}

static int destroy(int fd, uint32_t handle)
{
	struct akida_destroy d = {.size = sizeof(d), .handle = handle};

	return guest_ioctl(fd, AKIDA_IOC_PROGRAM_DESTROY, &d);
}

static void program_follows_the_struct_rules(void)
{
	static const size_t create_reserved[] = {offsetof(struct akida_program_create, reserved0)};
	static const size_t destroy_reserved[] = {offsetof(struct akida_destroy, reserved0)};
	struct akida_program_create a = guest_program_args(guest_small(0));
	struct akida_destroy d = {.size = sizeof(d), .handle = 0x7ffffff0};
	int fd = guest_open(0);

	guest_struct_rules(fd, AKIDA_IOC_PROGRAM_CREATE, &a, sizeof(a), 112, 0, create_reserved, 1);
	guest_struct_rules(fd, AKIDA_IOC_PROGRAM_DESTROY, &d, sizeof(d), 16, -ENOENT, destroy_reserved, 1);
}

#define REFUSED(change, err)                                                                                           \
	do {                                                                                                           \
		struct akida_program_create a = guest_program_args(c);                                                 \
		change;                                                                                                \
		EQ(create(fd, &a), err);                                                                               \
		EQ(a.handle, 0);                                                                                       \
	} while (0)

static void program_fields_out_of_range_are_einval(void)
{
	const struct guest_case *c = guest_small(0);
	int fd = guest_open(0);

	REFUSED(a.image_bytes = 0, -EINVAL);
	REFUSED(a.image_bytes -= 1, -EINVAL);
	REFUSED(a.image_bytes = 0xfffffffcu, -EINVAL);
	REFUSED(a.track_count = 0, -EINVAL);
	REFUSED(a.track_count = 0x20000000u, -EINVAL);
	REFUSED(a.epg_count = 0x20000000u, -EINVAL);
	REFUSED(a.in_dims[0] = 0, -EINVAL);
	REFUSED(a.in_dims[2] = 0x80000000u, -EINVAL);
	REFUSED((a.in_dims[0] = 0x10000, a.in_dims[1] = 0x10000), -EINVAL);
	REFUSED(a.out_dims[1] = 0, -EINVAL);
	REFUSED((a.out_dims[0] = 0x10000, a.out_dims[1] = 0x10000), -EINVAL);
	REFUSED(a.input_type = 256, -EINVAL);
	REFUSED(a.output_type = 256, -EINVAL);
	REFUSED(a.activation = 2, -EINVAL);
}

static void program_bad_pointers_are_efault(void)
{
	const struct guest_case *c = guest_small(0);
	int fd = guest_open(0);
	uint8_t *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED && !mprotect(p + 4096, 4096, PROT_NONE));
	REFUSED(a.image_ptr = 0, -EFAULT);
	REFUSED(a.tracks_ptr = 8, -EFAULT);
	REFUSED(a.epg_ptr = 8, -EFAULT);
	REFUSED(a.image_ptr = (uintptr_t)(p + 4096 + 4 - a.image_bytes),
		-EFAULT); /* ends in the page that is not there */
	REFUSED(a.tracks_ptr = (uintptr_t)(p + 4092), -EFAULT);
	munmap(p, 8192);
}

static void program_of_another_chip_is_ebadmsg(void)
{
	const struct guest_case *c = guest_small(1);
	int fd = guest_open(0);

	REFUSED((void)0, -EBADMSG);
}

static void program_broken_packets_are_eilseq_and_located(void)
{
	const struct guest_case *c = guest_small(0);
	struct akida_program_create broken = guest_program_args(c);
	struct akida_track *t = malloc(c->head.track_count * sizeof(*t));
	uint8_t *image = malloc(c->head.image_bytes);
	int fd = guest_open(0);
	uint32_t last = c->head.track_count - 1;

	CHECK(t && image);
	memcpy(image, c->image, c->head.image_bytes);
	memset(image + 4 * c->tracks[last].word_offset, 0xff, 8);
	broken.image_ptr = (uintptr_t)image;
	EQ(create(fd, &broken), -EILSEQ);
	EQ(broken.bad_track, last);
	EQ(broken.handle, 0);
	/* a track that ends in the middle of a packet, one outside of the image */
	memcpy(t, c->tracks, c->head.track_count * sizeof(*t));
	t[0].words--;
	REFUSED(a.tracks_ptr = (uintptr_t)t, -EILSEQ);
	t[0].words = 0xffffffffu;
	REFUSED(a.tracks_ptr = (uintptr_t)t, -EILSEQ);
	t[0] = c->tracks[0];
	t[0].word_offset = c->head.image_bytes / 4 - 1;
	REFUSED(a.tracks_ptr = (uintptr_t)t, -EILSEQ);
	free(t);
	free(image);
}

static void program_passes_are_checked(void)
{
	const struct guest_case *c = guest_ours("external", 0);
	struct akida_pass pass[65] = {c->passes[0]}, *deep;
	int fd = guest_open(0);

	guest_program(fd, c);
	REFUSED(a.pass_count = 0, -EINVAL);
	REFUSED(a.passes_ptr = 0, -EINVAL);
	REFUSED((a.passes_ptr = 0, a.pass_count = 0), -EILSEQ); /* external weights as packets */
	REFUSED(a.passes_ptr = 8, -EFAULT);
	REFUSED((a.passes_ptr = (uintptr_t)pass, a.pass_count = 65), -EINVAL);
	REFUSED((a.passes_ptr = (uintptr_t)pass, a.pass_count = 2), -EINVAL); /* one without tracks */
	pass[0].tracks++;
	REFUSED(a.passes_ptr = (uintptr_t)pass, -EINVAL);
	pass[0].tracks -= 2;
	REFUSED(a.passes_ptr = (uintptr_t)pass, -EILSEQ);
	pass[0] = c->passes[0];
	pass[0].external = 0;
	REFUSED(a.passes_ptr = (uintptr_t)pass, -EILSEQ);
	pass[0].external = pass[0].tracks;
	REFUSED(a.passes_ptr = (uintptr_t)pass, -EINVAL);
	/* what the second pass does not say */
	c = guest_ours("passes", 0);
	deep = malloc(c->head.pass_count * sizeof(*deep));
	CHECK(deep);
	memcpy(deep, c->passes, c->head.pass_count * sizeof(*deep));
	REFUSED(a.pass_count--, -EILSEQ);
	deep[0].tracks--;
	deep[1].tracks++;
	REFUSED(a.passes_ptr = (uintptr_t)deep, -EILSEQ);
	free(deep);
}

/* Every bit flip in the packet headers is refused, or accepted and harmless; nothing may upset the kernel. */
static void program_flipped_bits_do_no_harm(void)
{
	const struct guest_case *c = guest_small(0);
	uint8_t *image = malloc(c->head.image_bytes);
	int fd = guest_open(0);

	CHECK(image);
	for (uint32_t t = 0; t < c->head.track_count; t++) {
		for (uint32_t bit = 0; bit < 64; bit++) {
			struct akida_program_create a = guest_program_args(c);
			int err;

			memcpy(image, c->image, c->head.image_bytes);
			image[4 * c->tracks[t].word_offset + bit / 8] ^= (uint8_t)(1u << bit % 8);
			a.image_ptr = (uintptr_t)image;
			err = create(fd, &a);
			CHECK(err == 0 || err == -EILSEQ || err == -EOPNOTSUPP || err == -EINVAL);
			if (!err)
				EQ(destroy(fd, a.handle), 0);
		}
	}
	free(image);
}

static void program_is_copied_once(void)
{
	struct guest_case *c = guest_small(0);
	struct guest_job j;

	guest_job(&j, guest_open(0), c, 1);
	memset(c->image, 0xff, c->head.image_bytes);
	memset(c->tracks, 0xff, c->head.track_count * sizeof(*c->tracks));
	guest_run_and_compare(&j, 2);
}

static void program_in_use_is_ebusy(void)
{
	const struct guest_case *c = guest_small(0);
	struct akida_destroy d = {.size = sizeof(d)};
	int fd = guest_open(0);
	uint32_t program = guest_program(fd, c);

	d.handle = guest_context(fd, program, 1);
	EQ(destroy(fd, program), -EBUSY);
	EQ(destroy(guest_open(0), program), -ENOENT);
	EQ(guest_ioctl(fd, AKIDA_IOC_CONTEXT_DESTROY, &d), 0);
	EQ(destroy(fd, program), 0);
	EQ(destroy(fd, program), -ENOENT);
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(program_follows_the_struct_rules);
	RUN(program_fields_out_of_range_are_einval);
	RUN(program_bad_pointers_are_efault);
	RUN(program_of_another_chip_is_ebadmsg);
	RUN(program_passes_are_checked);
	RUN(program_broken_packets_are_eilseq_and_located);
	RUN(program_flipped_bits_do_no_harm);
	RUN(program_is_copied_once);
	RUN(program_in_use_is_ebusy);
	return 0;
}
