// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts, their queues, and the worker that gives the chip to one of them at a time.
 *
 * Every context with work stands in adev->ready. The worker serves the first one until its queue is
 * empty or its quantum is over and another waits (a long submit then makes room between two frames
 * and goes on later); a program stays in the mesh until a different one is needed. A failed submit
 * breaks its context: what is queued behind it ends with -ENODEV, the device is reset, other
 * contexts go on.
 */
#include <linux/dma-mapping.h>
#include <linux/eventfd.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/version.h>
#include "akida_dev.h"
#include "akida_compat.h"
#include "akida_trace.h"

#define AKIDA_PIECES(bytes) ((bytes) / PAGE_SIZE + 2)

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

	if (arg->batch > AKIDA_MAX_BATCH)
		return -EINVAL;
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
	ctx->seq_next = 1;
	ctx->done = kvcalloc(AKIDA_MAX_QUEUED, sizeof(*ctx->done), GFP_KERNEL_ACCOUNT);
	ctx->seg_max = AKIDA_PIECES(prog->in_bytes);
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
	ctx->generation = adev->generation;
	list_add_tail(&ctx->entry, &adev->contexts);
	spin_unlock(&adev->queue_lock);
	*out = ctx;
	return 0;
put:
	akida_context_put(ctx);
	return err;
}

static void akida_job_free(struct akida_job *job)
{
	if (job->in) {
		atomic_dec(&job->in->users);
		akida_buffer_put(job->in);
	}
	if (job->out) {
		atomic_dec(&job->out->users);
		akida_buffer_put(job->out);
	}
	akida_context_put(job->ctx);
	kfree(job);
}

/* The job has left the queue; its result becomes visible, in order of submission. */
static void akida_job_end(struct akida_job *job, int status)
{
	struct akida_context *ctx = job->ctx;
	struct akida_device *adev = ctx->adev;

	trace_akida_done(adev->minor, ctx, job->done.seq, job->done.frames, status);
	job->done.status = status;
	job->done.ended_ns = ktime_get_ns();
	spin_lock(&adev->queue_lock);
	ctx->done[job->done.seq % AKIDA_MAX_QUEUED] = job->done;
	ctx->queued--;
	spin_unlock(&adev->queue_lock);
	wake_up_all(&ctx->wait);
	if (ctx->eventfd)
		akida_eventfd_signal(ctx->eventfd);
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
	/* Offsets and strides below 2^32, counts below 2^21: none of the products or sums wraps. */
	if (arg->in_offset > in->bytes || arg->in_stride > in->bytes ||
	    arg->out_offset > out->bytes || arg->out_stride > out->bytes ||
	    arg->in_offset + last * arg->in_stride + in_bytes > in->bytes ||
	    arg->out_offset + last * arg->out_stride + out_bytes > out->bytes)
		return -ERANGE;
	return 0;
}

int akida_job_submit(struct akida_context *ctx, struct akida_buffer *in, struct akida_buffer *out,
		     struct akida_submit *arg)
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
	trace_akida_submit(adev->minor, ctx, arg->seq, job->count, 0);
	ctx->queued++;
	list_add_tail(&job->entry, &ctx->queue);
	if (list_empty(&ctx->turn))
		list_add_tail(&ctx->turn, &adev->ready);
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

/* Called without any lock: a job may take seconds. */
int akida_job_wait(struct akida_context *ctx, struct akida_wait *arg)
{
	struct akida_done done;
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
	done = ctx->done[arg->seq % AKIDA_MAX_QUEUED];
	spin_unlock(&ctx->adev->queue_lock);
	if (done.seq != arg->seq) /* overwritten by newer ones: it did end, its record is gone */
		return -ENOENT;
	arg->status = done.status;
	arg->frames_done = done.frames;
	arg->program_clk = done.program_clk;
	arg->queued_ns = done.queued_ns;
	arg->started_ns = done.started_ns;
	arg->ended_ns = done.ended_ns;
	arg->inference_clk = done.inference_clk;
	return 0;
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
	err = akc_load(&adev->core, &ctx->program->core, ctx->batch);
	if (err)
		return err;
	kref_get(&ctx->program->ref);
	adev->loaded = ctx->program;
	adev->loaded_batch = ctx->batch;
	adev->program_clk = akc_program_clk(&adev->core);
	return 0;
}

/* What a running submit does after each frame: 0 goes on, 1 makes room, an errno ends. */
static int akida_job_verdict(struct akida_device *adev, const struct akida_job *job, u64 since)
{
	const struct akida_context *ctx = job->ctx, *other;
	int verdict = 0;

	spin_lock(&adev->queue_lock);
	if (ctx->broken) {
		verdict = ctx->broken;
	} else if (adev->paused) {
		verdict = 1;
	} else if (ktime_get_ns() - since >= ctx->quantum_ns) {
		list_for_each_entry(other, &adev->ready, turn)
			if (other != ctx)
				verdict = 1;
	}
	spin_unlock(&adev->queue_lock);
	return verdict;
}

/*
 * Frames in, outputs out, as many in flight as the ring holds; those in flight are always waited
 * for, so that the mesh is idle afterwards. Returns akida_job_verdict's, or the chip's errno. With
 * core_lock held.
 */
static int akida_run_frames(struct akida_device *adev, struct akida_job *job, u64 since)
{
	struct akida_context *ctx = job->ctx;
	const struct akida_program *prog = ctx->program;
	u32 queued = job->done.frames, clk = akc_inference_clk(&adev->core), now;
	int err, verdict = 0;

	if (job->in->mapped)
		dma_sync_sgtable_for_device(&adev->pdev->dev, &job->in->sgt, DMA_TO_DEVICE);
	while (job->done.frames < job->count) {
		if (!verdict)
			verdict = akida_job_verdict(adev, job, since);
		while (!verdict && queued < job->count && queued - job->done.frames < ctx->batch) {
			u32 n = akida_buffer_pieces(job->in, job->in_off + queued * job->in_stride,
						    prog->in_bytes, ctx->seg, ctx->seg_max);

			err = akc_enqueue_segs(&adev->core, ctx->seg, n);
			if (err == -EAGAIN)
				break;
			if (err < 0)
				return err;
			queued++;
		}
		if (verdict && queued == job->done.frames)
			return verdict;
		err = akc_fetch(&adev->core,
				job->out->cpu + job->out_off + job->done.frames * job->out_stride,
				AKC_JOB_TIMEOUT_US);
		if (err)
			return err;
		job->done.frames++;
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
static int akida_run_job(struct akida_device *adev, struct akida_job *job, u64 since)
{
	u64 start = ktime_get_ns(), first = job->done.frames;
	bool again = false;
	int err = 0;

	mutex_lock(&adev->core_lock);
	if (adev->paused) { /* between the look at the queue and the lock */
		mutex_unlock(&adev->core_lock);
		return 1;
	}
	if (adev->down)
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
		err = akida_run_frames(adev, job, since);
	}
	trace_akida_stop(adev->minor, job->ctx, job->done.seq, job->done.frames, err);
	if (err < 0 && err != READ_ONCE(job->ctx->broken)) {
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
	adev->busy_ns += ktime_get_ns() - start;
	spin_unlock(&adev->queue_lock);
	/* The last resort; not while somebody holds the device (unbind, suspend). */
	if (again)
		pci_try_reset_function(adev->pdev);
	return err;
}

/* The oldest submit of the context whose turn it is, or NULL. An empty context leaves the turn. */
static struct akida_job *akida_next_job(struct akida_device *adev, struct akida_context **last,
					u64 *since)
{
	struct akida_context *ctx;
	struct akida_job *job = NULL;
	u64 now = ktime_get_ns();

	spin_lock(&adev->queue_lock);
	ctx = adev->paused ? NULL
			   : list_first_entry_or_null(&adev->ready, struct akida_context, turn);
	if (ctx && ctx == *last && now - *since >= ctx->quantum_ns &&
	    !list_is_singular(&adev->ready)) {
		list_move_tail(&ctx->turn, &adev->ready);
		ctx = list_first_entry(&adev->ready, struct akida_context, turn);
	}
	if (ctx) {
		if (ctx != *last)
			*since = now;
		job = list_first_entry(&ctx->queue, struct akida_job, entry);
		list_del(&job->entry);
		if (list_empty(&ctx->queue))
			list_del_init(&ctx->turn);
	}
	*last = ctx; /* compared, never followed */
	spin_unlock(&adev->queue_lock);
	return job;
}

/* A submit that made room: still the oldest of its context, which goes to the end of the line. */
static bool akida_job_requeue(struct akida_device *adev, struct akida_job *job)
{
	struct akida_context *ctx = job->ctx;
	bool queued;

	spin_lock(&adev->queue_lock);
	queued = !ctx->broken;
	if (queued) {
		list_add(&job->entry, &ctx->queue);
		list_move_tail(&ctx->turn, &adev->ready);
	}
	spin_unlock(&adev->queue_lock);
	return queued;
}

static bool akida_has_work(struct akida_device *adev)
{
	return !list_empty_careful(&adev->ready) && !READ_ONCE(adev->paused);
}

int akida_worker(void *data)
{
	struct akida_device *adev = data;
	struct akida_context *last = NULL;
	struct akida_job *job;
	u64 since = 0;

	while (!kthread_should_stop()) {
		wait_event_interruptible(adev->work_wait,
					 kthread_should_stop() || akida_has_work(adev));
		job = akida_next_job(adev, &last, &since);
		if (job) {
			struct akida_context *ctx = job->ctx;
			int err;

			kref_get(&ctx->ref);
			err = akida_run_job(adev, job, since);
			if (err < 0) /* before anybody hears of the failure */
				akida_context_cancel(ctx, -ENODEV);
			if (err <= 0 || !akida_job_requeue(adev, job))
				akida_job_end(job, err <= 0 ? err : ctx->broken);
			akida_context_put(ctx);
		}
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
