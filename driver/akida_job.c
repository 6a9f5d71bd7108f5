// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts, their queues, and the worker that gives the chip to one of them at a time.
 *
 * Every context with work stands in the line of its priority, adev->ready. The worker serves the
 * first one of the highest line until its queue is empty, or its quantum is over and another of its
 * line waits, or one of a higher line comes (a long submit then makes room between two frames and
 * goes on later; only who has used up the quantum goes to the end of the line); a program stays in the mesh until a different one is needed. A failed submit
 * breaks its context: what is queued behind it ends with -ENODEV, the device is reset, other
 * contexts go on.
 */
#include <linux/capability.h>
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>
#include "akida_dev.h"
#include "akida_compat.h"
#include "akida_trace.h"

/* Elements of one transfer: at least a frame, in the worst case a page each, else many small ones. */
#define AKIDA_PIECES(bytes) ((bytes) / PAGE_SIZE + 4)
#define AKIDA_SEGS 1024u

static void akida_context_release(struct kref *ref)
{
	struct akida_context *ctx = container_of(ref, struct akida_context, ref);

	if (ctx->eventfd)
		eventfd_ctx_put(ctx->eventfd);
	if (ctx->program) {
		atomic_dec(&ctx->program->users);
		akida_program_put(ctx->program);
	}
	kvfree(ctx->done);
	kvfree(ctx->seg);
	put_device(&ctx->adev->dev);
	kfree(ctx);
}

void akida_context_put(struct akida_context *ctx)
{
	if (ctx)
		kref_put(&ctx->ref, akida_context_release);
}

int akida_context_create(struct akida_device *adev, struct akida_program *prog,
			 const struct akida_context_create *arg, struct akida_context **out)
{
	struct akida_context *ctx;
	int err = -ENOMEM;

	if (arg->batch > AKIDA_MAX_BATCH || arg->priority < AKIDA_PRIORITY_LOW ||
	    arg->priority > AKIDA_PRIORITY_HIGH)
		return -EINVAL;
	if (arg->priority > AKIDA_PRIORITY_NORMAL && !capable(CAP_SYS_NICE))
		return -EPERM;
	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;
	kref_init(&ctx->ref);
	ctx->adev = adev;
	get_device(&adev->dev);
	INIT_LIST_HEAD(&ctx->entry);
	INIT_LIST_HEAD(&ctx->turn);
	INIT_LIST_HEAD(&ctx->queue);
	init_waitqueue_head(&ctx->wait);
	ctx->batch = arg->batch ? arg->batch : 1;
	ctx->quantum_ns = arg->quantum_ns ? arg->quantum_ns : AKIDA_QUANTUM_NS;
	ctx->level = (u32)(AKIDA_PRIORITY_HIGH - arg->priority);
	ctx->seq_next = 1;
	ctx->done = kvcalloc(AKIDA_MAX_QUEUED, sizeof(*ctx->done), GFP_KERNEL_ACCOUNT);
	ctx->seg_max = max_t(u32, AKIDA_PIECES(prog->in_bytes), AKIDA_SEGS);
	ctx->seg = kvmalloc_array(ctx->seg_max, sizeof(*ctx->seg), GFP_KERNEL_ACCOUNT);
	if (!ctx->done || !ctx->seg)
		goto put;
	if (arg->flags & AKIDA_CONTEXT_EVENTFD) {
		struct eventfd_ctx *ev = eventfd_ctx_fdget(arg->eventfd);

		if (IS_ERR(ev)) {
			err = PTR_ERR(ev);
			goto put;
		}
		ctx->eventfd = ev;
	}
	ctx->program = prog;
	kref_get(&prog->ref);
	atomic_inc(&prog->users);
	spin_lock(&adev->queue_lock);
	err = adev->legacy ? -EBUSY : 0;
	if (!err) {
		ctx->generation = adev->generation;
		list_add_tail(&ctx->entry, &adev->contexts);
	}
	spin_unlock(&adev->queue_lock);
	if (err)
		goto put;
	*out = ctx;
	return 0;
put:
	akida_context_put(ctx);
	return err;
}

static void akida_job_release(struct akida_buffer **buf)
{
	if (!*buf)
		return;
	atomic_dec(&(*buf)->users);
	akida_buffer_put(*buf);
	*buf = NULL;
}

static void akida_job_free(struct akida_job *job)
{
	akida_job_release(&job->in);
	akida_job_release(&job->out);
	akida_context_put(job->ctx);
	kfree(job);
}

/*
 * The job has left the queue; its result becomes visible, in order of submission. Its buffers are
 * let go first: who is told of the end may destroy them at once.
 */
static void akida_job_end(struct akida_job *job, int status)
{
	struct akida_context *ctx = job->ctx;
	struct akida_device *adev = ctx->adev;
	struct akida_done *done;

	trace_akida_done(adev->minor, ctx, job->done.seq, job->done.frames, status);
	akida_job_release(&job->in);
	akida_job_release(&job->out);
	job->done.status = status;
	job->done.ended_ns = ktime_get_ns();
	job->done.unread = !job->uring;
	spin_lock(&adev->queue_lock);
	done = &ctx->done[job->done.seq % AKIDA_MAX_QUEUED];
	ctx->unread -= done->unread; /* one that nobody will be told of any more */
	ctx->unread += job->done.unread;
	*done = job->done;
	ctx->queued--;
	if (ctx->running == job)
		ctx->running = NULL;
	spin_unlock(&adev->queue_lock);
	wake_up_all(&ctx->wait);
	wake_up_interruptible(&adev->poll_wait);
	if (ctx->eventfd)
		akida_eventfd_signal(ctx->eventfd);
	if (IS_ENABLED(CONFIG_IO_URING) && job->uring)
		akida_uring_end(job->uring, &job->done);
	akida_job_free(job);
}

/*
 * Ends all that is queued in ctx; nothing more is accepted. A job being run is not in the queue: it
 * sees `broken` after its present frames and ends with the same status.
 */
void akida_context_cancel(struct akida_context *ctx, int status)
{
	struct akida_device *adev = ctx->adev;
	struct akida_job *job, *next;
	LIST_HEAD(dropped);

	spin_lock(&adev->queue_lock);
	if (!ctx->broken)
		ctx->broken = status;
	list_splice_init(&ctx->queue, &dropped);
	if (!list_empty(&ctx->turn))
		list_del_init(&ctx->turn);
	ctx->turn_ns = 0;
	spin_unlock(&adev->queue_lock);
	list_for_each_entry_safe(job, next, &dropped, entry) {
		list_del(&job->entry);
		akida_job_end(job, status);
	}
	wake_up_all(&ctx->wait);
}

static int akida_submit_check(const struct akida_context *ctx, const struct akida_buffer *in,
			      const struct akida_buffer *out, const struct akida_submit *arg)
{
	u64 in_bytes = ctx->program->in_bytes, out_bytes = 4ull * ctx->program->out_words,
	    last = arg->count - 1;

	if (!arg->count || arg->count > AKIDA_MAX_FRAMES || arg->out_offset % 4 ||
	    arg->out_stride % 4)
		return -EINVAL;
	if (!out->cpu)
		return -EACCES;
	/* Offsets and strides below 2^32, counts below 2^21: none of the products or sums wraps. */
	if (arg->in_offset > in->bytes || arg->in_stride > in->bytes ||
	    arg->out_offset > out->bytes || arg->out_stride > out->bytes ||
	    arg->in_offset + last * arg->in_stride + in_bytes > in->bytes ||
	    arg->out_offset + last * arg->out_stride + out_bytes > out->bytes)
		return -ERANGE;
	return 0;
}

int akida_job_submit(struct akida_context *ctx, struct akida_buffer *in, struct akida_buffer *out,
		     struct akida_submit *arg, struct akida_uring *uring)
{
	struct akida_device *adev = ctx->adev;
	struct akida_job *job;
	int err;

	err = akida_submit_check(ctx, in, out, arg);
	if (err)
		return err;
	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return -ENOMEM;
	job->in_off = (u32)arg->in_offset;
	job->in_stride = (u32)arg->in_stride;
	job->out_off = (u32)arg->out_offset;
	job->out_stride = (u32)arg->out_stride;
	job->count = arg->count;
	job->done.queued_ns = ktime_get_ns();

	spin_lock(&adev->queue_lock);
	if (ctx->broken)
		err = -ENODEV;
	else if (ctx->queued >= AKIDA_MAX_QUEUED)
		err = -EAGAIN;
	if (err) {
		spin_unlock(&adev->queue_lock);
		kfree(job);
		return err;
	}
	kref_get(&ctx->ref);
	kref_get(&in->ref);
	kref_get(&out->ref);
	atomic_inc(&in->users);
	atomic_inc(&out->users);
	job->ctx = ctx;
	job->in = in;
	job->out = out;
	job->done.seq = ctx->seq_next++;
	arg->seq = job->done.seq;
	if (uring)
		WRITE_ONCE(uring->seq, job->done.seq);
	job->uring = uring;
	trace_akida_submit(adev->minor, ctx, arg->seq, job->count, 0);
	ctx->queued++;
	list_add_tail(&job->entry, &ctx->queue);
	if (list_empty(&ctx->turn)) {
		ctx->turn_ns = 0;
		list_add_tail(&ctx->turn, &adev->ready[ctx->level]);
	}
	spin_unlock(&adev->queue_lock);
	wake_up(&adev->work_wait);
	return 0;
}

/*
 * Cancelling ends queued submits before the one that runs, so the ring of results is asked, not a
 * counter. A place holds the newest of its submits: never more than AKIDA_MAX_QUEUED have not
 * ended.
 */
static bool akida_seq_ended(struct akida_context *ctx, u64 seq)
{
	bool ended;

	spin_lock(&ctx->adev->queue_lock);
	ended = ctx->done[seq % AKIDA_MAX_QUEUED].seq >= seq;
	spin_unlock(&ctx->adev->queue_lock);
	return ended;
}

void akida_done_tell(const struct akida_done *done, struct akida_wait *w)
{
	w->status = done->status;
	w->frames_done = done->frames;
	w->program_clk = done->program_clk;
	w->queued_ns = done->queued_ns;
	w->started_ns = done->started_ns;
	w->ended_ns = done->ended_ns;
	w->inference_clk = done->inference_clk;
}

/* Called without any lock: a job may take seconds. */
int akida_job_wait(struct akida_context *ctx, struct akida_wait *arg)
{
	struct akida_done *slot, done;
	s64 left = 0;
	int err;

	spin_lock(&ctx->adev->queue_lock);
	err = !arg->seq || arg->seq >= ctx->seq_next ? -ENOENT : 0;
	spin_unlock(&ctx->adev->queue_lock);
	if (err)
		return err;
	if (arg->timeout_ns > 0) /* and the clock is not negative: no overflow */
		left = arg->timeout_ns - (s64)ktime_get_ns();
	if (left > 0) {
		err = wait_event_interruptible_hrtimeout(ctx->wait, akida_seq_ended(ctx, arg->seq),
							 ns_to_ktime(left));
		if (err == -ERESTARTSYS)
			return -EINTR;
	}
	if (!akida_seq_ended(ctx, arg->seq))
		return -ETIMEDOUT;
	spin_lock(&ctx->adev->queue_lock);
	slot = &ctx->done[arg->seq % AKIDA_MAX_QUEUED];
	if (slot->seq == arg->seq && slot->unread) {
		slot->unread = false;
		ctx->unread--;
	}
	done = *slot;
	spin_unlock(&ctx->adev->queue_lock);
	if (done.seq != arg->seq) /* overwritten by newer ones: it did end, its record is gone */
		return -ENOENT;
	akida_done_tell(&done, arg);
	return 0;
}

/* Of one that waits in the queue: at once; of one that runs: after its present frames. */
int akida_job_cancel(struct akida_context *ctx, u64 seq)
{
	struct akida_device *adev = ctx->adev;
	struct akida_job *job, *found = NULL;
	int err = -ENOENT;

	spin_lock(&adev->queue_lock);
	list_for_each_entry(job, &ctx->queue, entry) {
		if (job->done.seq == seq) {
			found = job;
			list_del(&job->entry);
			err = 0;
			break;
		}
	}
	if (found && list_empty(&ctx->queue) && !list_empty(&ctx->turn))
		list_del_init(&ctx->turn);
	if (!found && ctx->running && ctx->running->done.seq == seq) {
		ctx->running->cancelled = true;
		err = 0;
	}
	spin_unlock(&adev->queue_lock);
	if (found)
		akida_job_end(found, -ECANCELED);
	return err;
}

/* A submit by io_uring that has not ended and is not cancelled yet: its number, or 0. */
u64 akida_job_of(struct akida_context *ctx, fl_owner_t owner)
{
	struct akida_job *job;
	u64 seq = 0;

	spin_lock(&ctx->adev->queue_lock);
	list_for_each_entry(job, &ctx->queue, entry)
		if (job->uring && job->uring->owner == owner)
			seq = job->done.seq;
	job = ctx->running;
	if (job && job->uring && job->uring->owner == owner && !job->cancelled)
		seq = job->done.seq;
	spin_unlock(&ctx->adev->queue_lock);
	return seq;
}

/* ---- the worker ---- */

static int akida_make_resident(struct akida_device *adev, struct akida_context *ctx)
{
	int err;

	if (adev->loaded == ctx->program && adev->loaded_batch >= ctx->batch)
		return 0;
	if (adev->loaded) {
		akida_program_put(adev->loaded);
		adev->loaded = NULL;
	}
	err = akida_window_make(adev, &ctx->program->core);
	if (!err)
		err = akc_load(&adev->core, &ctx->program->core, ctx->batch);
	if (err)
		return err;
	kref_get(&ctx->program->ref);
	adev->loaded = ctx->program;
	adev->loaded_batch = ctx->batch;
	adev->program_clk = akc_program_clk(&adev->core);
	return 0;
}

/* Whether somebody of the same or a higher priority waits for ctx to make room. With queue_lock. */
static bool akida_is_wanted(struct akida_device *adev, const struct akida_context *ctx, u64 used_ns)
{
	const struct akida_context *other;
	u32 i;

	for (i = 0; i < ctx->level; i++)
		if (!list_empty(&adev->ready[i]))
			return true;
	if (used_ns < ctx->quantum_ns)
		return false;
	list_for_each_entry(other, &adev->ready[ctx->level], turn)
		if (other != ctx)
			return true;
	return false;
}

/* What a running submit does after each frame: 0 goes on, 1 makes room, an errno ends. */
static int akida_job_verdict(struct akida_device *adev, const struct akida_job *job, u64 since)
{
	const struct akida_context *ctx = job->ctx;
	int verdict = 0;

	spin_lock(&adev->queue_lock);
	if (ctx->broken)
		verdict = ctx->broken;
	else if (job->cancelled)
		verdict = -ECANCELED;
	else if (adev->paused ||
		 akida_is_wanted(adev, ctx, ctx->turn_ns + ktime_get_ns() - since))
		verdict = 1;
	spin_unlock(&adev->queue_lock);
	return verdict;
}

/*
 * Frames from `first` on with one transfer, at most `most` of them: how many, or the chip's errno.
 * Room for the outputs' zeros is left in the list where they are small.
 */
static int akida_send_frames(struct akida_device *adev, struct akida_job *job, u32 first, u32 most)
{
	struct akida_context *ctx = job->ctx;
	u32 bytes = ctx->program->in_bytes, used = 0, frames = 0, n;
	int err;

	while (frames < most && (!frames || used + frames + 4 < ctx->seg_max)) {
		n = akida_buffer_pieces(job->in, job->in_off + (first + frames) * job->in_stride,
					bytes, ctx->seg + used, ctx->seg_max - used - 2);
		if (!n)
			break;
		used += n;
		frames++;
	}
	err = akc_enqueue_batch(&adev->core, ctx->seg, used, ctx->seg_max, frames);
	return err < 0 ? err : (int)frames;
}

static int akida_fetch_frames(struct akida_device *adev, struct akida_job *job, u32 want)
{
	void *out = job->out->cpu + job->out_off + job->done.frames * job->out_stride;
	u32 got;
	int err;

	err = akc_fetch_batch(&adev->core, out, job->out_stride / 4, want,
			      akida_clock_timeout_us(adev), &got);
	job->done.frames += got;
	return err;
}

/*
 * Frames in, outputs out, as many in flight as the ring holds. Half of them are waited for and
 * replaced at a time, at the end all that are left: few transfers, and the chip is never without
 * work. Those in flight are always waited for, so that the mesh is idle afterwards. Returns
 * akida_job_verdict's, or the chip's errno. With core_lock held.
 */
static int akida_run_frames(struct akida_device *adev, struct akida_job *job, u64 since)
{
	u32 clk = akc_inference_clk(&adev->core), now, queued = job->done.frames, flying;
	u32 batch = min(job->ctx->batch, akc_room(&adev->core));
	int err, verdict = 0;

	if (!job->in->dmabuf) /* whoever wrote into one told its exporter */
		dma_sync_sgtable_for_device(&adev->pdev->dev, job->in->sgt, DMA_TO_DEVICE);
	while (job->done.frames < job->count) {
		if (!verdict)
			verdict = akida_job_verdict(adev, job, since);
		while (!verdict && queued < job->count && queued - job->done.frames < batch) {
			u32 room = batch - (queued - job->done.frames);

			err = akida_send_frames(adev, job, queued, min(room, job->count - queued));
			if (err < 0)
				return err;
			queued += (u32)err;
		}
		flying = queued - job->done.frames;
		if (!flying)
			return verdict;
		err = akida_fetch_frames(adev, job, verdict || queued == job->count
							    ? flying
							    : flying - flying / 2);
		if (err)
			return err;
		akida_power_poll(adev);
		now = akc_inference_clk(&adev->core);
		job->done.inference_clk += (u32)(now - clk);
		clk = now;
	}
	return 0;
}

/* What others read without core_lock. With core_lock held. */
void akida_counters(struct akida_device *adev)
{
	lockdep_assert_held(&adev->core_lock);
	spin_lock(&adev->queue_lock);
	adev->generation = adev->core.generation;
	adev->dma_bytes = adev->core.dma_bytes;
	adev->doorbells = adev->core.dma_lists;
	spin_unlock(&adev->queue_lock);
}

/* Returns 1 when the submit made room for others and is to go on later. */
static int akida_run_job(struct akida_device *adev, struct akida_job *job)
{
	u64 start = ktime_get_ns(), first = job->done.frames;
	bool again = false;
	int err = 0;

	mutex_lock(&adev->core_lock);
	if (adev->paused) { /* between the look at the queue and the lock */
		mutex_unlock(&adev->core_lock);
		return 1;
	}
	err = READ_ONCE(job->ctx->broken); /* the chip may be somebody else's by now */
	if (!err && adev->down)
		err = akida_reset_device(adev, AKIDA_FAULT);
	if (err)
		goto unlock;
	akida_msi_update(adev);
	trace_akida_start(adev->minor, job->ctx, job->done.seq, job->done.frames, 0);
	err = akida_make_resident(adev, job->ctx);
	if (!err) {
		if (!job->done.started_ns)
			job->done.started_ns = ktime_get_ns();
		job->done.program_clk = adev->program_clk;
		err = akida_buffer_begin_write(job->out);
	}
	if (!err) {
		err = akida_run_frames(adev, job, start);
		akida_buffer_end_write(job->out);
	}
	trace_akida_stop(adev->minor, job->ctx, job->done.seq, job->done.frames, err);
	if (err < 0 && err != -ECANCELED && err != READ_ONCE(job->ctx->broken)) {
		dev_warn_ratelimited(&adev->dev, "submit %llu: %u of %u frames done, error %d\n",
				     job->done.seq, job->done.frames, job->count, err);
		akida_reset_device(adev, AKIDA_FAULT);
	}
unlock:
	akida_counters(adev);
	again = adev->down && pci_device_is_present(adev->pdev);
	mutex_unlock(&adev->core_lock);
	spin_lock(&adev->queue_lock);
	adev->jobs += job->done.frames - first;
	start = ktime_get_ns() - start;
	adev->busy_ns += start;
	job->ctx->turn_ns += start;
	spin_unlock(&adev->queue_lock);
	/* The last resort; not while somebody holds the device (unbind, suspend). */
	if (again)
		pci_try_reset_function(adev->pdev);
	return err;
}

/* The oldest submit of the context whose turn it is, or NULL. An empty context leaves the line. */
static struct akida_job *akida_next_job(struct akida_device *adev)
{
	struct list_head *line = adev->ready;
	struct akida_context *ctx;
	struct akida_job *job = NULL;

	spin_lock(&adev->queue_lock);
	while (line < &adev->ready[AKIDA_LEVELS - 1] && list_empty(line))
		line++;
	if (!adev->paused && !list_empty(line)) {
		ctx = list_first_entry(line, struct akida_context, turn);
		if (ctx->turn_ns >= ctx->quantum_ns && !list_is_singular(line)) {
			list_move_tail(&ctx->turn, line);
			ctx->turn_ns = 0;
			ctx = list_first_entry(line, struct akida_context, turn);
		}
		job = list_first_entry(&ctx->queue, struct akida_job, entry);
		list_del(&job->entry);
		ctx->running = job;
		if (list_empty(&ctx->queue))
			list_del_init(&ctx->turn);
	}
	spin_unlock(&adev->queue_lock);
	return job;
}

/*
 * A submit that made room: still the oldest of its context, which keeps its place in the line while
 * its turn is not over.
 */
static bool akida_job_requeue(struct akida_device *adev, struct akida_job *job)
{
	struct akida_context *ctx = job->ctx;
	bool queued;

	spin_lock(&adev->queue_lock);
	queued = !ctx->broken && !job->cancelled;
	if (queued) {
		ctx->running = NULL;
		list_add(&job->entry, &ctx->queue);
		list_move(&ctx->turn, &adev->ready[ctx->level]);
	}
	spin_unlock(&adev->queue_lock);
	return queued;
}

static bool akida_has_work(struct akida_device *adev)
{
	u32 i;

	for (i = 0; i < AKIDA_LEVELS; i++)
		if (!list_empty_careful(&adev->ready[i]))
			return !READ_ONCE(adev->paused);
	return false;
}

static void akida_run_next(struct akida_device *adev)
{
	struct akida_job *job = akida_next_job(adev);
	struct akida_context *ctx;
	int err;

	if (!job)
		return;
	ctx = job->ctx;
	kref_get(&ctx->ref);
	err = akida_run_job(adev, job);
	if (err > 0 && !akida_job_requeue(adev, job))
		err = ctx->broken ? ctx->broken : -ECANCELED;
	if (err < 0 && err != -ECANCELED) /* before anybody hears of the failure */
		akida_context_cancel(ctx, -ENODEV);
	if (err <= 0)
		akida_job_end(job, err);
	akida_context_put(ctx);
}

int akida_worker(void *data)
{
	struct akida_device *adev = data;

	while (!kthread_should_stop()) {
		wait_event_interruptible(adev->work_wait,
					 kthread_should_stop() || akida_has_work(adev));
		akida_run_next(adev);
	}
	return 0;
}

/* The contexts made before this generation: what is queued ends, nothing more is accepted. */
void akida_cancel_older(struct akida_device *adev, u32 generation, int status)
{
	struct akida_context *ctx;

	for (;;) {
		bool found = false;

		spin_lock(&adev->queue_lock);
		list_for_each_entry(ctx, &adev->contexts, entry) {
			if (!ctx->broken && ctx->generation < generation) {
				kref_get(&ctx->ref);
				found = true;
				break;
			}
		}
		spin_unlock(&adev->queue_lock);
		if (!found)
			return;
		akida_context_cancel(ctx, status);
		akida_context_put(ctx);
	}
}
