// SPDX-License-Identifier: GPL-2.0-only
/*
 * io_uring passthrough: a SUBMIT whose end is the command's completion, and CANCEL. The command of the
 * SQE names the caller's structs; each is read once, when the command is issued. The end comes in the
 * submitter's context, where the caller's memory can be written. Of kernel versions
 * akida_compat.h knows.
 */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "akida_dev.h"
#include "akida_compat.h"

#if IS_ENABLED(CONFIG_IO_URING)

static_assert(sizeof(struct akida_uring *) <= sizeof_field(struct io_uring_cmd, pdu));

static struct akida_uring **akida_uring_slot(struct io_uring_cmd *cmd)
{
	return (struct akida_uring **)cmd->pdu;
}

static void akida_uring_free(struct akida_uring *u)
{
	akida_context_put(u->ctx);
	kfree(u);
}

/* A submitter that has exited leaves its commands to a kernel thread: no memory to write to. */
static int akida_uring_copy(const struct akida_uring *u)
{
	struct akida_wait w = {
		.size = sizeof(w),
		.context = u->context,
		.seq = u->seq,
	};

	if (!u->wait_ptr || current->flags & PF_KTHREAD || !current->mm)
		return 0;
	akida_done_tell(&u->done, &w);
	return copy_to_user(u64_to_user_ptr(u->wait_ptr), &w, min_t(u32, u->wait_size, sizeof(w)))
		       ? -EFAULT
		       : 0;
}

static void akida_uring_finish(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct akida_uring *u = *akida_uring_slot(cmd);
	int res = u->done.status;

	if (akida_uring_copy(u) || u->fault)
		res = res ? res : -EFAULT;
	if (!res)
		res = (int)u->done.frames;
	/* Takes it off the ring's list of commands to cancel: until then u is looked at. */
	akida_uring_cmd_done(cmd, res, issue_flags);
	akida_uring_free(u);
}
AKIDA_URING_TASK_WORK(akida_uring_work, akida_uring_finish)

/*
 * The second of two: the job has ended, and the issuer, which may be another thread, is done with
 * the caller's memory.
 */
static void akida_uring_step(struct akida_uring *u)
{
	if (atomic_dec_and_test(&u->steps))
		io_uring_cmd_complete_in_task(u->cmd, akida_uring_work);
}

void akida_uring_end(struct akida_uring *u, const struct akida_done *done)
{
	u->done = *done;
	akida_uring_step(u);
}

static int akida_uring_wait_arg(struct akida_uring *u)
{
	void __user *user = u64_to_user_ptr(u->wait_ptr);
	struct akida_wait w = {};
	u32 size;
	int err;

	if (!u->wait_ptr)
		return 0;
	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < AKIDA_WAIT_FIRST || size > PAGE_SIZE)
		return -EINVAL;
	err = copy_struct_from_user(&w, sizeof(w), user, size);
	if (err)
		return err;
	if (w.flags || w.reserved0 || w.context || w.seq || w.timeout_ns)
		return -EINVAL;
	u->wait_size = size;
	return 0;
}

static int akida_uring_submit(struct io_uring_cmd *cmd, u64 arg_ptr, u64 wait_ptr,
			      unsigned int issue_flags)
{
	struct akida_file *af = cmd->file->private_data;
	struct akida_submit __user *user = u64_to_user_ptr(arg_ptr);
	struct akida_submit a;
	struct akida_uring *u;
	int err;

	err = akida_submit_arg(user, &a);
	if (err)
		return err;
	if (a.flags & AKIDA_SUBMIT_FLAGS && issue_flags & IO_URING_F_NONBLOCK)
		return -EAGAIN; /* pinning may take long: io_uring calls again from a thread of its own */
	u = kzalloc(sizeof(*u), GFP_KERNEL_ACCOUNT);
	if (!u)
		return -ENOMEM;
	atomic_set(&u->steps, 2);
	u->cmd = cmd;
	u->owner = current->files;
	u->wait_ptr = wait_ptr;
	u->context = a.context;
	err = akida_uring_wait_arg(u);
	if (err)
		goto free;
	u->ctx = akida_context_find(af, a.context);
	if (!u->ctx) {
		err = -ENOENT;
		goto free;
	}
	*akida_uring_slot(cmd) = u;
	akida_uring_mark_cancelable(cmd, issue_flags);
	err = akida_submit(af, &a, u);
	if (err) { /* once marked, only this ends it in order */
		akida_uring_cmd_done(cmd, err, issue_flags);
		akida_uring_free(u);
		return -EIOCBQUEUED;
	}
	u->fault = put_user(a.seq, &user->seq);
	akida_uring_step(u);
	return -EIOCBQUEUED;
free:
	akida_uring_free(u);
	return err;
}

static int akida_uring_cancel(struct io_uring_cmd *cmd, u64 arg_ptr, u64 wait_ptr)
{
	struct akida_cancel __user *user = u64_to_user_ptr(arg_ptr);
	struct akida_cancel a = {};
	u32 size;
	int err;

	if (wait_ptr)
		return -EINVAL;
	if (get_user(size, &user->size))
		return -EFAULT;
	if (size < sizeof(a) || size > PAGE_SIZE)
		return -EINVAL;
	err = copy_struct_from_user(&a, sizeof(a), user, size);
	return err ? err : akida_cancel(cmd->file->private_data, &a);
}

/* The ring ends, or its task: the submit does. Called with the ring's lock, so u is there. */
static int akida_uring_abandon(struct io_uring_cmd *cmd)
{
	struct akida_uring *u = *akida_uring_slot(cmd);

	akida_job_cancel(u->ctx, READ_ONCE(u->seq));
	return 0;
}

/*
 * A process that ends takes its submits along, on kernels whose rings do not say so too. The file
 * itself stays open as long as commands are under way.
 */
int akida_uring_flush(struct file *file, fl_owner_t owner)
{
	struct akida_file *af = file->private_data;
	struct akida_context *ctx;
	u64 seq;
	int id;

	if (!(current->flags & PF_EXITING))
		return 0;
	mutex_lock(&af->lock);
	idr_for_each_entry(&af->contexts, ctx, id)
		while ((seq = akida_job_of(ctx, owner)) != 0)
			akida_job_cancel(ctx, seq);
	mutex_unlock(&af->lock);
	return 0;
}

int akida_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	const u64 *arg = akida_uring_cmd_arg(cmd);
	u64 arg_ptr, wait_ptr;

	if (akida_uring_is_cancel(issue_flags))
		return akida_uring_abandon(cmd);
	/* Memory of the ring, which the caller may be writing. */
	arg_ptr = READ_ONCE(arg[0]);
	wait_ptr = READ_ONCE(arg[1]);
	if (akida_uring_flags(cmd))
		return -EINVAL;
	switch (cmd->cmd_op) {
	case AKIDA_IOC_SUBMIT:
		return akida_uring_submit(cmd, arg_ptr, wait_ptr, issue_flags);
	case AKIDA_IOC_CANCEL:
		return akida_uring_cancel(cmd, arg_ptr, wait_ptr);
	default:
		return -ENOTTY;
	}
}
#endif
