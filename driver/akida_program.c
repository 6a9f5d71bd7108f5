// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs: copied from the user once, verified once against this device's mesh, never editable.
 * Only the copy is ever looked at again.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "akida_dev.h"

static void akida_program_release(struct kref *ref)
{
	struct akida_program *prog = container_of(ref, struct akida_program, ref);

	kvfree(prog->image);
	kvfree(prog->tracks);
	kvfree(prog->passes);
	kvfree(prog->epg);
	kfree(prog);
}

void akida_program_put(struct akida_program *prog)
{
	if (prog)
		kref_put(&prog->ref, akida_program_release);
}

static void *akida_copy_array(u64 ptr, u32 count, size_t size)
{
	void *p = kvmalloc_array(count, size, GFP_KERNEL_ACCOUNT);

	if (!p)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(p, u64_to_user_ptr(ptr), count * size)) {
		kvfree(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

/* The structs of the ABI and of the core are the same two words. */
static_assert(sizeof(struct akida_track) == sizeof(struct akc_track));
static_assert(offsetof(struct akida_track, words) == offsetof(struct akc_track, words));
static_assert(sizeof(struct akida_pass) == sizeof(struct akc_pass));
static_assert(offsetof(struct akida_pass, external) == offsetof(struct akc_pass, external));
static_assert(sizeof(struct akida_reg_write) == sizeof(struct akc_reg_write));
static_assert(offsetof(struct akida_reg_write, value) == offsetof(struct akc_reg_write, value));

static int akida_program_copy(struct akida_program *prog, const struct akida_program_create *arg)
{
	void *p;

	p = akida_copy_array(arg->image_ptr, arg->image_bytes / 4, 4);
	if (IS_ERR(p))
		return PTR_ERR(p);
	prog->image = p;
	p = akida_copy_array(arg->tracks_ptr, arg->track_count, sizeof(struct akc_track));
	if (IS_ERR(p))
		return PTR_ERR(p);
	prog->tracks = p;
	if (arg->pass_count) {
		p = akida_copy_array(arg->passes_ptr, arg->pass_count, sizeof(struct akc_pass));
		if (IS_ERR(p))
			return PTR_ERR(p);
		prog->passes = p;
	}
	if (!arg->epg_count)
		return 0;
	p = akida_copy_array(arg->epg_ptr, arg->epg_count, sizeof(struct akc_reg_write));
	if (IS_ERR(p))
		return PTR_ERR(p);
	prog->epg = p;
	return 0;
}

static int akida_program_sizes(struct akida_program *prog, const struct akida_program_create *arg)
{
	u32 out;

	if (arg->image_bytes < 4 || arg->image_bytes % 4 ||
	    arg->image_bytes > AKIDA_MAX_PROGRAM_BYTES || !arg->track_count ||
	    arg->track_count > AKC_MAX_TRACKS || arg->epg_count > AKC_MAX_EPG ||
	    arg->pass_count > AKC_MAX_PASSES || !arg->pass_count != !arg->passes_ptr ||
	    arg->input_type > 255 || arg->output_type > 255 || arg->activation > 1)
		return -EINVAL;
	if (check_mul_overflow(arg->in_dims[0], arg->in_dims[1], &prog->in_bytes) ||
	    check_mul_overflow(prog->in_bytes, arg->in_dims[2], &prog->in_bytes) ||
	    check_mul_overflow(arg->out_dims[0], arg->out_dims[1], &out) ||
	    check_mul_overflow(out, arg->out_dims[2], &prog->out_words) || !prog->in_bytes ||
	    !prog->out_words || prog->in_bytes > AKIDA_MAX_BUFFER_BYTES ||
	    prog->out_words > AKIDA_MAX_BUFFER_BYTES / 4)
		return -EINVAL;
	prog->bytes = arg->image_bytes + arg->track_count * (u32)sizeof(struct akc_track) +
		      arg->pass_count * (u32)sizeof(struct akc_pass) +
		      arg->epg_count * (u32)sizeof(struct akc_reg_write);
	return 0;
}

/* Without locks: the copies may sleep for as long as the user's memory makes them. */
int akida_program_create(struct akida_device *adev, struct akida_program_create *arg,
			 struct akida_program **out)
{
	struct akc_verify_result where = {};
	struct akida_program *prog;
	int err;

	prog = kzalloc(sizeof(*prog), GFP_KERNEL_ACCOUNT);
	if (!prog)
		return -ENOMEM;
	kref_init(&prog->ref);
	err = akida_program_sizes(prog, arg);
	if (!err)
		err = akida_program_copy(prog, arg);
	if (err)
		goto put;
	prog->core = (struct akc_program){
		.image = prog->image,
		.image_words = arg->image_bytes / 4,
		.tracks = prog->tracks,
		.track_count = arg->track_count,
		.passes = prog->passes,
		.pass_count = arg->pass_count,
		.epg = prog->epg,
		.epg_count = arg->epg_count,
		.in_h = arg->in_dims[0],
		.in_w = arg->in_dims[1],
		.in_c = arg->in_dims[2],
		.window_w = arg->window_w,
		.window_h = arg->window_h,
		.input_type = (u8)arg->input_type,
		.output_type = (u8)arg->output_type,
		.activation = arg->activation,
		.out_count = prog->out_words,
		.out_w = arg->out_dims[1],
		.out_c = arg->out_dims[2],
	};
	memcpy(prog->core.device_version, arg->version, sizeof(prog->core.device_version));
	/* Reads the mesh found at probe, which does not change: no lock. */
	err = akc_verify(&adev->core, &prog->core, &where);
	arg->bad_track = where.track;
	arg->bad_word = where.word;
	if (err)
		goto put;
	*out = prog;
	return 0;
put:
	akida_program_put(prog);
	return err;
}
