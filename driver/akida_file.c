// SPDX-License-Identifier: GPL-2.0-only
/*
 * /dev/akidaN: open, close, mmap, and the ioctls: arguments are copied in once and checked, work is
 * done elsewhere, results are copied out. Handles are per file.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "akida_dev.h"
#include "akida_compat.h"

static int akida_open(struct inode *inode, struct file *file)
{
	struct akida_device *adev = container_of(inode->i_cdev, struct akida_device, cdev);
	struct akida_file *af;

	af = kzalloc(sizeof(*af), GFP_KERNEL_ACCOUNT);
	if (!af)
		return -ENOMEM;
	mutex_init(&af->lock);
	idr_init_base(&af->buffers, 1);
	idr_init_base(&af->programs, 1);
	idr_init_base(&af->contexts, 1);
	af->adev = adev;
	spin_lock(&adev->queue_lock);
	af->power_next = adev->meter.total;
	spin_unlock(&adev->queue_lock);
	down_read(&adev->remove_sem);
	if (adev->dead) {
		up_read(&adev->remove_sem);
		kfree(af);
		return -ENODEV;
	}
	get_device(&adev->dev);
	up_read(&adev->remove_sem);
	file->private_data = af;
	return akida_legacy_enabled() ? 0 : nonseekable_open(inode, file);
}

/* The context leaves the device's list; a job of it that is being run keeps it alive until its end.
 */
static void akida_context_drop(struct akida_context *ctx)
{
	akida_context_cancel(ctx, -ECANCELED);
	spin_lock(&ctx->adev->queue_lock);
	list_del_init(&ctx->entry);
	spin_unlock(&ctx->adev->queue_lock);
	akida_context_put(ctx);
}

static int akida_release(struct inode *inode, struct file *file)
{
	struct akida_file *af = file->private_data;
	struct akida_device *adev = af->adev;
	struct akida_context *ctx;
	struct akida_program *prog;
	struct akida_buffer *buf;
	int id;

	akida_legacy_release(af);
	idr_for_each_entry(&af->contexts, ctx, id)
		akida_context_drop(ctx);
	idr_for_each_entry(&af->programs, prog, id)
		akida_program_put(prog);
	/* Unmapping for DMA needs the chip bound; remove has done it already when it is not. */
	down_read(&adev->remove_sem);
	idr_for_each_entry(&af->buffers, buf, id)
		akida_buffer_put(buf);
	up_read(&adev->remove_sem);
	idr_destroy(&af->contexts);
	idr_destroy(&af->programs);
	idr_destroy(&af->buffers);
	mutex_destroy(&af->lock);
	kfree(af);
	put_device(&adev->dev);
	return 0;
}

/* ---- ioctls: each gets a zero-extended copy of its struct and fills it ---- */

static int akida_idr_add(struct idr *idr, void *obj, u32 *handle)
{
	int id = idr_alloc_cyclic(idr, obj, 1, INT_MAX, GFP_KERNEL_ACCOUNT);

	if (id < 0)
		return id;
	*handle = (u32)id;
	return 0;
}

static bool akida_idr_full(struct idr *idr)
{
	u32 n = 0;
	void *obj;
	int id;

	idr_for_each_entry(idr, obj, id)
		if (++n >= AKIDA_MAX_HANDLES)
			return true;
	return false;
}

static int akida_query_mesh(const struct akida_device *adev, struct akida_query *q)
{
	struct akida_np __user *to = u64_to_user_ptr(q->np_ptr);
	u32 i, n = min(q->np_capacity, adev->core.mesh.count);

	q->np_count = adev->core.mesh.count;
	for (i = 0; q->np_ptr && i < n; i++) {
		const struct akc_np *np = &adev->core.mesh.np[i];
		struct akida_np out = {
			.col = np->col, .row = np->row, .id = np->id, .types = np->types};

		if (copy_to_user(&to[i], &out, sizeof(out)))
			return -EFAULT;
	}
	return 0;
}

static bool akida_is_dead(struct akida_device *adev)
{
	bool dead;

	down_read(&adev->remove_sem);
	dead = adev->dead;
	up_read(&adev->remove_sem);
	return dead;
}

static int akida_ioc_query(struct akida_file *af, void *arg)
{
	struct akida_device *adev = af->adev;
	struct akida_query *q = arg;

	if (q->flags || q->reserved0)
		return -EINVAL;
	if (akida_is_dead(adev))
		return -ENODEV;
	q->caps = AKIDA_CAP_BUFFER_ALLOC | AKIDA_CAP_EVENTFD | AKIDA_CAP_USER_MEMORY |
		  AKIDA_CAP_POLL | AKIDA_CAP_PRIORITY | AKIDA_CAP_CANCEL | AKIDA_CAP_PASSES |
		  (IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) ? AKIDA_CAP_DMABUF : 0) |
		  (IS_ENABLED(CONFIG_IO_URING) ? AKIDA_CAP_URING : 0) |
		  (akida_legacy_enabled() ? AKIDA_CAP_LEGACY : 0) |
		  (READ_ONCE(adev->irq) ? AKIDA_CAP_INTERRUPT : 0) |
		  (adev->meter.clock_modes ? AKIDA_CAP_CLOCK : 0) |
		  (adev->meter.present ? AKIDA_CAP_POWER : 0);
	akida_power_refresh(adev);
	q->chip = adev->chip;
	q->ip = 1;
	memcpy(q->version, adev->core.version, sizeof(q->version));
	q->clock_khz = READ_ONCE(adev->meter.clock_khz);
	q->floor_uw = READ_ONCE(adev->meter.floor_uw);
	q->max_batch = AKIDA_MAX_BATCH;
	q->max_frames = AKIDA_MAX_FRAMES;
	q->max_handles = AKIDA_MAX_HANDLES;
	q->max_buffer_bytes = AKIDA_MAX_BUFFER_BYTES;
	q->max_pinned_bytes = AKIDA_MAX_FILE_BYTES;
	q->max_program_bytes = AKIDA_MAX_PROGRAM_BYTES;
	q->interrupts = (u64)atomic64_read(&adev->interrupts);
	spin_lock(&adev->queue_lock);
	q->energy_uj = adev->meter.energy_uj;
	q->jobs = adev->jobs;
	q->busy_ns = adev->busy_ns;
	q->resets = adev->resets;
	q->generation = adev->generation;
	q->dma_bytes = adev->dma_bytes;
	q->doorbells = adev->doorbells;
	spin_unlock(&adev->queue_lock);
	return akida_query_mesh(adev, q);
}

static int akida_buffer_check(const struct akida_buffer_create *a)
{
	bool user = a->flags & AKIDA_BUFFER_USER, dmabuf = a->flags & AKIDA_BUFFER_DMABUF;

	if (a->flags & ~AKIDA_BUFFER_FLAGS || (user && dmabuf) ||
	    (a->flags & AKIDA_BUFFER_READ_ONLY && !user && !dmabuf) || (a->user_ptr && !user) ||
	    (a->dmabuf && !dmabuf))
		return -EINVAL;
	return a->bytes && a->bytes <= AKIDA_MAX_BUFFER_BYTES ? 0 : -EINVAL;
}

/* Without locks, as it may touch the user's memory. */
static int akida_buffer_make(struct akida_device *adev, const struct akida_buffer_create *a,
			     struct akida_buffer **buf)
{
	bool writable = !(a->flags & AKIDA_BUFFER_READ_ONLY);
	int err;

	if (a->flags & AKIDA_BUFFER_USER)
		err = akida_buffer_pin(adev, a->user_ptr, (u32)a->bytes, writable, buf);
	else if (a->flags & AKIDA_BUFFER_DMABUF)
		err = akida_dmabuf_get(adev, a->dmabuf, (u32)a->bytes, writable, buf);
	else
		err = akida_buffer_alloc(adev, (u32)PAGE_ALIGN(a->bytes), buf);
	if (err)
		return err;
	down_read(&adev->remove_sem);
	err = akida_buffer_map(*buf);
	up_read(&adev->remove_sem);
	return err;
}

static int akida_ioc_buffer_create(struct akida_file *af, void *arg)
{
	struct akida_buffer_create *a = arg;
	u64 bytes = PAGE_ALIGN(a->bytes);
	struct akida_buffer *buf = NULL;
	int err;

	err = akida_buffer_check(a);
	if (err)
		return err;
	/* What it will take is taken first: several threads share the limit. */
	mutex_lock(&af->lock);
	if (akida_idr_full(&af->buffers) || af->bytes + bytes > AKIDA_MAX_FILE_BYTES)
		err = -ENOSPC;
	else
		af->bytes += bytes;
	mutex_unlock(&af->lock);
	if (err)
		return err;
	err = akida_buffer_make(af->adev, a, &buf);
	mutex_lock(&af->lock);
	if (!err && akida_idr_full(&af->buffers))
		err = -ENOSPC;
	if (!err)
		err = akida_idr_add(&af->buffers, buf, &a->handle);
	if (!err) {
		a->bytes = buf->bytes;
		a->mmap_offset = a->flags ? 0 : (u64)a->handle << PAGE_SHIFT;
	} else {
		af->bytes -= bytes;
	}
	mutex_unlock(&af->lock);
	if (err)
		akida_buffer_put(buf);
	return err;
}

static int akida_ioc_buffer_destroy(struct akida_file *af, void *arg)
{
	struct akida_destroy *a = arg;
	struct akida_buffer *buf;
	int err = 0;

	if (a->flags || a->reserved0)
		return -EINVAL;
	mutex_lock(&af->lock);
	buf = idr_find(&af->buffers, a->handle);
	if (!buf)
		err = -ENOENT;
	else if (atomic_read(&buf->users))
		err = -EBUSY;
	if (!err) {
		idr_remove(&af->buffers, a->handle);
		af->bytes -= PAGE_ALIGN((u64)buf->bytes);
	}
	mutex_unlock(&af->lock);
	if (!err)
		akida_buffer_put(buf);
	return err;
}

/* A reference on the buffer, or NULL. */
static struct akida_buffer *akida_buffer_find(struct akida_file *af, u32 handle)
{
	struct akida_buffer *buf;

	mutex_lock(&af->lock);
	buf = idr_find(&af->buffers, handle);
	if (buf)
		kref_get(&buf->ref);
	mutex_unlock(&af->lock);
	return buf;
}

static int akida_ioc_buffer_export(struct akida_file *af, void *arg)
{
	struct akida_buffer_export *a = arg;
	struct akida_buffer *buf;
	int err;

	if (a->flags || a->dmabuf)
		return -EINVAL;
	buf = akida_buffer_find(af, a->handle);
	if (!buf)
		return -ENOENT;
	err = akida_dmabuf_export(buf, &a->dmabuf);
	akida_buffer_put(buf);
	return err;
}

static int akida_ioc_program_create(struct akida_file *af, void *arg)
{
	struct akida_program_create *a = arg;
	struct akida_program *prog = NULL;
	int err;

	if (a->flags || a->reserved0)
		return -EINVAL;
	if (akida_is_dead(af->adev))
		return -ENODEV;
	err = akida_program_create(af->adev, a, &prog);
	if (err)
		return err;
	mutex_lock(&af->lock);
	if (akida_idr_full(&af->programs) || af->program_bytes + prog->bytes > AKIDA_MAX_FILE_BYTES)
		err = -ENOSPC;
	else
		err = akida_idr_add(&af->programs, prog, &a->handle);
	if (!err)
		af->program_bytes += prog->bytes;
	mutex_unlock(&af->lock);
	if (err)
		akida_program_put(prog);
	return err;
}

static int akida_ioc_program_destroy(struct akida_file *af, void *arg)
{
	struct akida_destroy *a = arg;
	struct akida_program *prog;
	int err = 0;

	if (a->flags || a->reserved0)
		return -EINVAL;
	mutex_lock(&af->lock);
	prog = idr_find(&af->programs, a->handle);
	if (!prog)
		err = -ENOENT;
	else if (atomic_read(&prog->users))
		err = -EBUSY;
	if (!err) {
		idr_remove(&af->programs, a->handle);
		af->program_bytes -= prog->bytes;
		akida_program_put(prog);
	}
	mutex_unlock(&af->lock);
	return err;
}

static int akida_ioc_context_create(struct akida_file *af, void *arg)
{
	struct akida_context_create *a = arg;
	struct akida_context *ctx = NULL;
	struct akida_program *prog;
	int err;

	if (a->flags & ~AKIDA_CONTEXT_FLAGS)
		return -EINVAL;
	mutex_lock(&af->lock);
	prog = idr_find(&af->programs, a->program);
	if (!prog)
		err = -ENOENT;
	else if (akida_idr_full(&af->contexts))
		err = -ENOSPC;
	else
		err = akida_context_create(af->adev, prog, a, &ctx);
	if (!err) {
		a->generation = ctx->generation;
		err = akida_idr_add(&af->contexts, ctx, &a->handle);
		if (err)
			akida_context_drop(ctx);
	}
	mutex_unlock(&af->lock);
	return err;
}

static int akida_ioc_context_destroy(struct akida_file *af, void *arg)
{
	struct akida_destroy *a = arg;
	struct akida_context *ctx;

	if (a->flags || a->reserved0)
		return -EINVAL;
	mutex_lock(&af->lock);
	ctx = idr_remove(&af->contexts, a->handle);
	mutex_unlock(&af->lock);
	if (!ctx)
		return -ENOENT;
	akida_context_drop(ctx);
	return 0;
}

/* A reference on the context, or NULL. */
struct akida_context *akida_context_find(struct akida_file *af, u32 handle)
{
	struct akida_context *ctx;

	mutex_lock(&af->lock);
	ctx = idr_find(&af->contexts, handle);
	if (ctx)
		kref_get(&ctx->ref);
	mutex_unlock(&af->lock);
	return ctx;
}

/* The memory of one side of a submit: the file's buffer, or what its frames cover, pinned. */
static int akida_submit_side(struct akida_file *af, const struct akida_submit *a, bool out,
			     u64 frame_bytes, struct akida_buffer **buf)
{
	u64 stride = out ? a->out_stride : a->in_stride;
	u32 handle = out ? a->out_handle : a->in_handle;

	if (!(a->flags & (out ? AKIDA_SUBMIT_USER_OUT : AKIDA_SUBMIT_USER_IN))) {
		*buf = akida_buffer_find(af, handle);
		return *buf ? 0 : -ENOENT;
	}
	if (handle)
		return -EINVAL;
	/* Strides below 2^27, counts below 2^21: no overflow. */
	if (stride > AKIDA_MAX_BUFFER_BYTES ||
	    (a->count - 1) * stride + frame_bytes > AKIDA_MAX_BUFFER_BYTES)
		return -ERANGE;
	return akida_buffer_pin(af->adev, out ? a->out_offset : a->in_offset,
				(u32)((a->count - 1) * stride + frame_bytes), out, buf);
}

static int akida_submit_locked(struct akida_context *ctx, struct akida_buffer *in,
			       struct akida_buffer *out, struct akida_submit *a,
			       struct akida_uring *u)
{
	struct akida_submit inside = *a; /* offsets into the buffers */
	int err = ctx->adev->dead ? -ENODEV : 0;

	if (!err && a->flags & AKIDA_SUBMIT_USER_IN) {
		inside.in_offset = 0;
		err = akida_buffer_map(in);
	}
	if (!err && a->flags & AKIDA_SUBMIT_USER_OUT)
		inside.out_offset = 0;
	if (!err)
		err = akida_job_submit(ctx, in, out, &inside, u);
	a->seq = inside.seq;
	return err;
}

/* u: who is told when it has ended, or NULL. */
int akida_submit(struct akida_file *af, struct akida_submit *a, struct akida_uring *u)
{
	struct akida_device *adev = af->adev;
	struct akida_buffer *in = NULL, *out = NULL;
	struct akida_context *ctx;
	int err;

	if (a->flags & ~AKIDA_SUBMIT_FLAGS || a->reserved0 || !a->count ||
	    a->count > AKIDA_MAX_FRAMES || a->out_offset % 4 || a->out_stride % 4)
		return -EINVAL;
	ctx = akida_context_find(af, a->context);
	if (!ctx)
		return -ENOENT;
	err = akida_submit_side(af, a, false, ctx->program->in_bytes, &in);
	if (!err)
		err = akida_submit_side(af, a, true, 4ull * ctx->program->out_words, &out);
	if (!err) {
		down_read(&adev->remove_sem);
		err = akida_submit_locked(ctx, in, out, a, u);
		up_read(&adev->remove_sem);
	}
	akida_buffer_put(in);
	akida_buffer_put(out);
	akida_context_put(ctx);
	return err;
}

static int akida_ioc_submit(struct akida_file *af, void *arg)
{
	return akida_submit(af, arg, NULL);
}

/* As the ioctl takes it. */
int akida_submit_arg(const struct akida_submit __user *user, struct akida_submit *a)
{
	u32 size;

	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < AKIDA_SUBMIT_FIRST || size > PAGE_SIZE)
		return -EINVAL;
	memset(a, 0, sizeof(*a));
	return copy_struct_from_user(a, sizeof(*a), user, size);
}

int akida_cancel(struct akida_file *af, const struct akida_cancel *a)
{
	struct akida_context *ctx;
	int err;

	if (a->flags || a->reserved0)
		return -EINVAL;
	ctx = akida_context_find(af, a->context);
	if (!ctx)
		return -ENOENT;
	err = akida_job_cancel(ctx, a->seq);
	akida_context_put(ctx);
	return err;
}

static int akida_ioc_cancel(struct akida_file *af, void *arg)
{
	return akida_cancel(af, arg);
}

static int akida_ioc_wait(struct akida_file *af, void *arg)
{
	struct akida_wait *a = arg;
	struct akida_context *ctx;
	int err;

	if (a->flags || a->reserved0)
		return -EINVAL;
	ctx = akida_context_find(af, a->context);
	if (!ctx)
		return -ENOENT;
	err = akida_job_wait(ctx, a);
	akida_context_put(ctx);
	return err;
}

static int akida_ioc_reset(struct akida_file *af, void *arg)
{
	struct akida_device *adev = af->adev;
	struct akida_reset *a = arg;
	int err;

	if (a->flags || a->reserved0)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	/* Running work ends after its present frames and gives the lock. */
	akida_cancel_older(adev, U32_MAX, -ENODEV);
	mutex_lock(&adev->core_lock);
	err = READ_ONCE(adev->paused) ? -EAGAIN : akida_reset_device(adev, AKIDA_REQUEST);
	a->generation = adev->core.generation;
	/* Those that were made meanwhile. */
	if (err != -EAGAIN)
		akida_cancel_older(adev, adev->core.generation, -ENODEV);
	mutex_unlock(&adev->core_lock);
	return err;
}

static int akida_ioc_power(struct akida_file *af, void *arg)
{
	struct akida_power *a = arg;

	if (a->flags || a->reserved0 || a->reserved1)
		return -EINVAL;
	if (akida_is_dead(af->adev))
		return -ENODEV;
	return akida_power_read(af, a);
}

static int akida_ioc_clock(struct akida_file *af, void *arg)
{
	struct akida_device *adev = af->adev;
	struct akida_clock *a = arg;
	int err = 0;

	if (a->flags & ~AKIDA_CLOCK_SET || (a->mode && !(a->flags & AKIDA_CLOCK_SET)) || a->modes ||
	    a->khz || a->floor_uw || a->reserved0)
		return -EINVAL;
	if (!adev->meter.clock_modes)
		return -EOPNOTSUPP;
	if (a->flags & AKIDA_CLOCK_SET)
		err = capable(CAP_SYS_ADMIN) ? akida_clock_set(adev, a->mode) : -EPERM;
	a->mode = READ_ONCE(adev->meter.clock_mode);
	a->modes = adev->meter.clock_modes;
	a->khz = READ_ONCE(adev->meter.clock_khz);
	a->floor_uw = READ_ONCE(adev->meter.floor_uw);
	return err;
}

/*
 * Without remove_sem run those that may sleep for as long as the user likes: WAIT, which remove
 * wakes by ending all jobs, and the ones that touch more of the user's memory than their struct (a page
 * of it may be served by the user); those look at `dead` themselves.
 */
static const struct akida_ioc {
	int (*call)(struct akida_file *af, void *arg);
	u16 bytes; /* of the struct this kernel knows */
	u16 first; /* of its first version: the least a caller must give */
	bool unlocked;
} akida_iocs[] = {
	[_IOC_NR(AKIDA_IOC_QUERY)] = {akida_ioc_query, sizeof(struct akida_query), 152, true},
	[_IOC_NR(AKIDA_IOC_BUFFER_CREATE)] = {akida_ioc_buffer_create,
					      sizeof(struct akida_buffer_create), 40, true},
	[_IOC_NR(AKIDA_IOC_BUFFER_DESTROY)] = {akida_ioc_buffer_destroy,
					       sizeof(struct akida_destroy), 16},
	[_IOC_NR(AKIDA_IOC_PROGRAM_CREATE)] = {akida_ioc_program_create,
					       sizeof(struct akida_program_create), 112, true},
	[_IOC_NR(AKIDA_IOC_PROGRAM_DESTROY)] = {akida_ioc_program_destroy,
						sizeof(struct akida_destroy), 16},
	[_IOC_NR(AKIDA_IOC_CONTEXT_CREATE)] = {akida_ioc_context_create,
					       sizeof(struct akida_context_create), 40},
	[_IOC_NR(AKIDA_IOC_CONTEXT_DESTROY)] = {akida_ioc_context_destroy,
						sizeof(struct akida_destroy), 16},
	[_IOC_NR(AKIDA_IOC_SUBMIT)] = {akida_ioc_submit, sizeof(struct akida_submit),
				      AKIDA_SUBMIT_FIRST, true},
	[_IOC_NR(AKIDA_IOC_WAIT)] = {akida_ioc_wait, sizeof(struct akida_wait), AKIDA_WAIT_FIRST, true},
	[_IOC_NR(AKIDA_IOC_RESET)] = {akida_ioc_reset, sizeof(struct akida_reset), 16},
	[_IOC_NR(AKIDA_IOC_POWER)] = {akida_ioc_power, sizeof(struct akida_power), 64, true},
	[_IOC_NR(AKIDA_IOC_CANCEL)] = {akida_ioc_cancel, sizeof(struct akida_cancel), 24},
	[_IOC_NR(AKIDA_IOC_BUFFER_EXPORT)] = {akida_ioc_buffer_export,
					      sizeof(struct akida_buffer_export), 16},
	[_IOC_NR(AKIDA_IOC_CLOCK)] = {akida_ioc_clock, sizeof(struct akida_clock), 32},
};

union akida_arg { /* the largest decides how much stack an ioctl takes */
	u32 size;
	struct akida_query query;
	struct akida_buffer_create buffer;
	struct akida_program_create program;
	struct akida_context_create context;
	struct akida_submit submit;
	struct akida_wait wait;
	struct akida_power power;
};

static int akida_ioc_dispatch(struct akida_file *af, const struct akida_ioc *ioc, void *arg)
{
	struct akida_device *adev = af->adev;
	int err;

	if (ioc->unlocked)
		return ioc->call(af, arg);
	down_read(&adev->remove_sem);
	err = adev->dead ? -ENODEV : ioc->call(af, arg);
	up_read(&adev->remove_sem);
	return err;
}

static long akida_ioctl(struct file *file, unsigned int cmd, unsigned long ptr)
{
	void __user *user = (void __user *)ptr;
	unsigned int nr = _IOC_NR(cmd);
	const struct akida_ioc *ioc;
	union akida_arg arg;
	u32 size;
	int err;

	if (nr >= ARRAY_SIZE(akida_iocs) || cmd != AKIDA_IOC(nr))
		return -ENOTTY;
	ioc = &akida_iocs[nr];
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < ioc->first || size > PAGE_SIZE)
		return -EINVAL;
	memset(&arg, 0, sizeof(arg));
	err = copy_struct_from_user(&arg, ioc->bytes, user, size);
	if (err)
		return err;
	err = akida_ioc_dispatch(file->private_data, ioc, &arg);
	/* Failures write too: PROGRAM_CREATE says where. The tail beyond what we know is zero. */
	arg.size = ioc->bytes;
	if (copy_to_user(user, &arg, min_t(u32, size, ioc->bytes)) && !err)
		err = -EFAULT;
	return err;
}

/* The page offset is the buffer's handle. */
static int akida_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct akida_file *af = file->private_data;
	struct akida_buffer *buf;
	int err = akida_legacy_mmap(file, vma);

	if (err != -ENOENT)
		return err;
	if (vma->vm_pgoff > INT_MAX)
		return -EINVAL;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	mutex_lock(&af->lock);
	buf = idr_find(&af->buffers, vma->vm_pgoff);
	err = buf ? 0 : -ENOENT;
	if (!err) {
		akida_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTDUMP);
		err = akida_buffer_mmap(buf, vma);
	}
	mutex_unlock(&af->lock);
	return err;
}

/* A submit has ended that no WAIT has told of, or there is nothing to wait for any more. */
static __poll_t akida_poll(struct file *file, struct poll_table_struct *table)
{
	struct akida_file *af = file->private_data;
	struct akida_device *adev = af->adev;
	__poll_t events = 0;
	struct akida_context *ctx;
	int id;

	poll_wait(file, &adev->poll_wait, table);
	mutex_lock(&af->lock);
	spin_lock(&adev->queue_lock);
	idr_for_each_entry(&af->contexts, ctx, id)
		if (ctx->unread)
			events |= EPOLLIN | EPOLLRDNORM;
	spin_unlock(&adev->queue_lock);
	mutex_unlock(&af->lock);
	if (READ_ONCE(adev->dead))
		events |= EPOLLERR | EPOLLHUP;
	return events;
}

const struct file_operations akida_fops = {
	.owner = THIS_MODULE,
	.open = akida_open,
	.release = akida_release,
	.unlocked_ioctl = akida_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.poll = akida_poll,
	.mmap = akida_mmap,
#ifdef AKIDA_LEGACY
	.read = akida_legacy_read,
	.write = akida_legacy_write,
	.llseek = no_seek_end_llseek,
#endif
#if IS_ENABLED(CONFIG_IO_URING)
	.uring_cmd = akida_uring_cmd,
	.flush = akida_uring_flush,
#endif
};
