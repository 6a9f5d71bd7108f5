// SPDX-License-Identifier: MIT
/*
 * The training loop: epochs, batches, validation, early stopping, checkpoints. It owns what outlives a batch: the order
 * of the samples, the optimizer's memory, the best weights. Contract in <akida/train.h>.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <akida/train.h>
#include "base/diag.h"
#include "batch.h"
#include "loss.h"
#include "onednn.h"
#include "optimizer.h"
#include "ranks.h"

#define MAX_BATCH 65536u
#define MAX_EPOCHS 1000000u
#define PI 3.14159265358979323846

enum purpose { STREAM_ORDER = 2, STREAM_SHIFT, STREAM_DROPOUT };

struct trainer {
	struct akida_train_params p;
	struct akida_graph *work; /* a copy whose weights follow for checkpoints */
	const struct akida_dataset *data;
	struct akida_diag *diag;
	struct ak_chain chain;
	struct ak_ranks ranks;
	uint32_t train_count, val_count, batch, rest; /* rest: size of the smaller last batch, or 0 */
	uint32_t own, own_rest;			      /* this process's part of each */
	struct ak_dnn *net, *net_rest;		      /* float: net owns the parameters */
	struct ak_dnn *quant, *quant_rest;	      /* the same parameters through quantizers */
	struct ak_fake_quant fake;
	struct ak_optimizer optimizer;
	float **m, **v, **best; /* per parameter */
	uint32_t *order;
	int32_t *labels;
	uint64_t batches_done, batches_all;
	double best_loss;
	uint32_t waited;
};

void akida_train_params_init(struct akida_train_params *p)
{
	memset(p, 0, sizeof(*p));
	p->size = sizeof(*p);
	p->optimizer = AKIDA_ADAM;
	p->learning_rate = 1e-3f;
	p->momentum = 0.9f;
	p->batch_size = 100;
	p->epochs = 10;
	p->seed = 1;
	p->input_weight_bits = 8;
	p->weight_bits = 4;
	p->activation_bits = 4;
}

static int bad(struct trainer *t, const char *name, double value, const char *allowed)
{
	return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_PARAM, name, "is %g, allowed is %s", value, allowed);
}

static int check_params(struct trainer *t)
{
	const struct akida_train_params *p = &t->p;

	if (p->optimizer != AKIDA_SGD && p->optimizer != AKIDA_ADAM)
		return bad(t, "optimizer", p->optimizer, "SGD or Adam");
	if (!(p->learning_rate > 0) || !isfinite(p->learning_rate))
		return bad(t, "learning_rate", p->learning_rate, "a number > 0");
	if (!(p->final_learning_rate >= 0) || !isfinite(p->final_learning_rate))
		return bad(t, "final_learning_rate", p->final_learning_rate, "a number >= 0");
	if (!(p->momentum >= 0 && p->momentum < 1))
		return bad(t, "momentum", p->momentum, "0 to below 1");
	if (!(p->weight_decay >= 0) || !isfinite(p->weight_decay))
		return bad(t, "weight_decay", p->weight_decay, "a number >= 0");
	if (!p->batch_size || p->batch_size > MAX_BATCH)
		return bad(t, "batch_size", p->batch_size, "1 to 65536");
	if (!p->epochs || p->epochs > MAX_EPOCHS)
		return bad(t, "epochs", p->epochs, "1 to 1000000");
	if (!(p->validation_split >= 0 && p->validation_split < 1))
		return bad(t, "validation_split", p->validation_split, "0 to below 1");
	if (p->patience && p->validation_split == 0)
		return bad(t, "patience", p->patience, "0 without a validation_split");
	if (p->threads > 1024)
		return bad(t, "threads", p->threads, "0 to 1024");
	if (p->shift > 64)
		return bad(t, "shift", p->shift, "0 to 64");
	if (p->ranks > 1)
		return bad(t, "ranks", p->ranks, "0 or 1");
	if (p->tune > 1)
		return bad(t, "tune", p->tune, "0 or 1");
	if (p->tune)
		t->p.quantized_epochs = p->quantized_epochs ? p->quantized_epochs : p->epochs;
	if (p->tune && p->quantized_epochs != p->epochs)
		return bad(t, "quantized_epochs", p->quantized_epochs, "0 or all epochs when tuning");
	if (p->quantized_epochs > p->epochs)
		return bad(t, "quantized_epochs", p->quantized_epochs, "at most epochs");
	if (p->quantized_epochs) {
		if (p->input_weight_bits < 2 || p->input_weight_bits > 8)
			return bad(t, "input_weight_bits", p->input_weight_bits, "2 to 8");
		if (p->weight_bits < 2 || p->weight_bits > 8)
			return bad(t, "weight_bits", p->weight_bits, "2 to 8");
		if (p->activation_bits < 1 || p->activation_bits > 8)
			return bad(t, "activation_bits", p->activation_bits, "1 to 8");
	}
	return 0;
}

/* Number of the first sample with a NaN or an infinity, or the number of samples. */
static size_t first_bad_sample(const struct akida_array *x, size_t values)
{
	size_t i, n = akida_array_elements(x);

	for (i = 0; i < n && x->dtype == AKIDA_F32; i++)
		if (!isfinite(((const float *)x->data)[i]))
			return i / values;
	for (i = 0; i < n && x->dtype == AKIDA_F64; i++)
		if (!isfinite(((const double *)x->data)[i]))
			return i / values;
	return n / values;
}

static int check_data(struct trainer *t, const struct akida_graph *g)
{
	const struct akida_array *x = &t->data->x, *y = &t->data->y;
	const struct ak_node *in = &g->nodes[0];
	size_t n, i, values = (size_t)t->chain.input.h * t->chain.input.w * t->chain.input.c;

	if (!x->data || !x->rank)
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name, "has no samples");
	if (!y->data)
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name, "has no labels to train on");
	n = x->dims[0];
	if (!n || n > UINT32_MAX)
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name, "has %zu samples", n);
	if (akida_array_elements(x) != n * values)
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name,
			       "a sample has %zu values, the network's input \"%s\" takes %zu",
			       akida_array_elements(x) / n, in->name, values);
	if (y->dtype != AKIDA_I32 || akida_array_elements(y) != n)
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name,
			       "needs one int32 label for each of %zu samples", n);
	for (i = 0; i < n; i++) {
		int32_t label = ((const int32_t *)y->data)[i];

		if (label < 0 || (uint32_t)label >= t->chain.outputs)
			return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name,
				       "label %d of sample %zu is outside the network's 0..%u", label, i,
				       t->chain.outputs - 1);
	}
	i = first_bad_sample(x, values);
	if (i < n)
		return ak_fail(t->diag, -ERANGE, AK_RULE_TRAIN_DATA, t->data->name,
			       "sample %zu has a NaN or an infinity", i);
	t->train_count = (uint32_t)floor((double)n * (1 - (double)t->p.validation_split) + 1e-6);
	t->val_count = (uint32_t)n - t->train_count;
	if (!t->train_count || (t->p.validation_split > 0 && !t->val_count))
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_DATA, t->data->name,
			       "%zu samples cannot be split into training and validation", n);
	return 0;
}

static int alloc_state(struct trainer *t)
{
	const struct ak_dnn_param *params = ak_dnn_params(t->net);
	uint32_t i, n = t->chain.param_count;

	t->m = calloc(n, sizeof(*t->m));
	t->v = calloc(n, sizeof(*t->v));
	t->best = calloc(n, sizeof(*t->best));
	t->order = calloc(t->train_count, sizeof(*t->order));
	t->labels = calloc(t->own, sizeof(*t->labels));
	t->fake.ranges = calloc(t->chain.count, sizeof(*t->fake.ranges));
	if (!t->m || !t->v || !t->best || !t->order || !t->labels || !t->fake.ranges)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		t->m[i] = calloc(params[i].count, sizeof(float));
		t->v[i] = calloc(params[i].count, sizeof(float));
		t->best[i] = calloc(params[i].count, sizeof(float));
		if (!t->m[i] || !t->v[i] || !t->best[i])
			return -ENOMEM;
	}
	return 0;
}

/* Which samples of a batch of this size are this process's. */
static struct ak_dnn_part part_of(const struct trainer *t, uint32_t whole, uint32_t *own)
{
	uint32_t each = whole / t->ranks.count, more = whole % t->ranks.count, r = t->ranks.rank;

	*own = each + (r < more);
	return (struct ak_dnn_part){&t->ranks, r * each + (r < more ? r : more), whole};
}

static int create_nets(struct trainer *t)
{
	struct ak_dnn_part part, rest;
	int err;

	t->batch = t->p.batch_size < t->train_count ? t->p.batch_size : t->train_count;
	t->rest = t->train_count % t->batch;
	if (t->batch < t->ranks.count || (t->rest && t->rest < t->ranks.count))
		return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_PARAM, "batch_size",
			       "batches of %u and a last one of %u cannot be shared by %u processes", t->batch, t->rest,
			       t->ranks.count);
	part = part_of(t, t->batch, &t->own);
	rest = part_of(t, t->rest, &t->own_rest);
	err = ak_dnn_create_part(&t->chain, t->own, &part, NULL, NULL, &t->net, t->diag);
	if (!err && t->rest)
		err = ak_dnn_create_part(&t->chain, t->own_rest, &rest, t->net, NULL, &t->net_rest, t->diag);
	if (err || !t->p.quantized_epochs)
		return err;
	t->fake.input_weight_bits = t->p.input_weight_bits;
	t->fake.weight_bits = t->p.weight_bits;
	t->fake.activation_bits = t->p.activation_bits;
	err = ak_dnn_create_part(&t->chain, t->own, &part, t->net, &t->fake, &t->quant, t->diag);
	if (!err && t->rest)
		err = ak_dnn_create_part(&t->chain, t->own_rest, &rest, t->net, &t->fake, &t->quant_rest, t->diag);
	return err;
}

static void free_all(float **a, uint32_t n)
{
	uint32_t i;

	for (i = 0; a && i < n; i++)
		free(a[i]);
	free(a);
}

static void trainer_fini(struct trainer *t)
{
	ak_dnn_destroy(t->quant_rest);
	ak_dnn_destroy(t->quant);
	ak_dnn_destroy(t->net_rest);
	ak_dnn_destroy(t->net);
	free_all(t->m, t->chain.param_count);
	free_all(t->v, t->chain.param_count);
	free_all(t->best, t->chain.param_count);
	free(t->order);
	free(t->labels);
	free(t->fake.ranges);
	ak_chain_fini(&t->chain);
	akida_graph_destroy(t->work);
}

static float learning_rate(const struct trainer *t)
{
	double from = t->p.learning_rate, to = t->p.final_learning_rate;

	if (!(to > 0) || t->batches_all < 2)
		return t->p.learning_rate;
	return (float)(to + (from - to) * 0.5 * (1 + cos(PI * (double)t->batches_done / (double)(t->batches_all - 1))));
}

static void update(struct trainer *t, struct ak_dnn *net)
{
	const struct ak_dnn_param *params = ak_dnn_params(net);
	float lr = learning_rate(t);
	uint32_t i;

	ak_optimizer_step(&t->optimizer);
	for (i = 0; i < t->chain.param_count; i++)
		if (t->chain.params[i].trainable)
			ak_optimizer_apply(&t->optimizer, lr,
					   t->chain.params[i].role == AK_CHAIN_KERNEL ? t->p.weight_decay : 0,
					   params[i].w, params[i].g, t->m[i], t->v[i], params[i].count);
	t->batches_done++;
}

/* A clipping activation turns NaN into 0, so that the loss alone does not show everything. */
static bool weights_finite(const struct trainer *t)
{
	const struct ak_dnn_param *params = ak_dnn_params(t->net);
	uint32_t i;
	size_t k;

	for (i = 0; i < t->chain.param_count; i++)
		for (k = 0; k < params[i].count; k++)
			if (!isfinite(params[i].w[k]))
				return false;
	return true;
}

static int diverged(struct trainer *t, uint32_t epoch, uint32_t batch, double loss)
{
	ak_fail(t->diag, -ERANGE, AK_RULE_TRAIN_DIVERGED, t->work->name, "the loss is %g in batch %u of epoch %u%s",
		loss, batch, epoch, isfinite(loss) ? ", but weights are infinite or no numbers" : "");
	ak_remedy(t->diag, "lower the learning rate (it was %g) and check the scaling of the inputs",
		  (double)t->p.learning_rate);
	return -ERANGE;
}

/* Gradients of all processes' samples, already divided by the whole batch's size. */
static int add_gradients(struct trainer *t, struct ak_dnn *net)
{
	const struct ak_dnn_param *params = ak_dnn_params(net);
	int err = 0;
	uint32_t i;

	for (i = 0; i < t->chain.param_count && !err; i++)
		if (t->chain.params[i].trainable)
			err = ak_ranks_sum(&t->ranks, params[i].g, params[i].count);
	return err;
}

/* Loss and right answers of the own samples join those of the others. */
static int add_results(struct trainer *t, double own_loss, uint64_t own_right, double *loss, uint64_t *right)
{
	double sums[2] = {own_loss, (double)own_right};
	int err = ak_ranks_sum_double(&t->ranks, sums, 2);

	*loss += sums[0];
	*right += (uint64_t)sums[1];
	return err;
}

/* One batch of training; loss and right answers are added to the sums. */
static int train_batch(struct trainer *t, bool quantized, uint32_t first, uint32_t count, struct ak_random *shift,
		       double *loss, uint64_t *right)
{
	/*
	 * Every other batch stays float, so that the float form and the moving statistics keep up with the weights. When
	 * tuning they stay as they are.
	 */
	bool full = count == t->batch, through = quantized && (t->p.tune || first / t->batch % 2 == 0);
	struct ak_dnn *net = through ? (full ? t->quant : t->quant_rest) : (full ? t->net : t->net_rest);
	uint64_t own_right = 0;
	double own_loss = 0;
	uint32_t i, own;
	struct ak_dnn_part part = part_of(t, count, &own);
	float *gradient;
	size_t k;
	int err;

	/* two numbers are drawn for each sample of the batch, wherever it is */
	if (t->p.shift)
		ak_random_skip(shift, 2 * (uint64_t)part.first);
	ak_batch_fill(&t->chain, &t->data->x, t->order, first + part.first, own, t->p.shift, shift, ak_dnn_input(net));
	if (t->p.shift)
		ak_random_skip(shift, 2 * (uint64_t)(count - part.first - own));
	for (i = 0; i < own; i++)
		t->labels[i] = ((const int32_t *)t->data->y.data)[t->order[first + part.first + i]];
	err = ak_dnn_forward(net, true, t->p.seed * 0x9e3779b97f4a7c15ull + (STREAM_DROPOUT + t->batches_done));
	if (err)
		return err;
	gradient = ak_dnn_logits_gradient(net);
	ak_loss_cross_entropy(ak_dnn_logits(net), t->labels, own, t->chain.outputs, gradient, &own_loss, &own_right);
	err = add_results(t, own_loss, own_right, loss, right);
	if (err || !isfinite(*loss))
		return err;
	for (k = 0; own < count && k < (size_t)own * t->chain.outputs; k++)
		gradient[k] *= (float)own / (float)count;
	err = ak_dnn_backward(net);
	if (!err)
		err = add_gradients(t, net);
	if (err)
		return err;
	update(t, net);
	return 0;
}

/*
 * Loss and accuracy on the end of the set, slices of it by turns of the processes; the last slice is filled up with samples that
 * do not count.
 */
static int validate(struct trainer *t, bool quantized, struct akida_epoch *e)
{
	struct ak_dnn *net = quantized ? t->quant : t->net;
	const int32_t *labels = t->data->y.data;
	double own_loss = 0, loss = 0;
	uint64_t own_right = 0, right = 0;
	uint32_t done, count, slice = t->batch / t->ranks.count, turn = 0;
	int err;

	for (done = 0; done < t->val_count; done += count) {
		count = t->val_count - done < slice ? t->val_count - done : slice;
		if (turn++ % t->ranks.count != t->ranks.rank)
			continue;
		ak_batch_fill(&t->chain, &t->data->x, NULL, (size_t)t->train_count + done, count, 0, NULL,
			      ak_dnn_input(net));
		err = ak_dnn_forward(net, false, 0);
		if (err)
			return err;
		ak_loss_cross_entropy(ak_dnn_logits(net), labels + t->train_count + done, count, t->chain.outputs, NULL,
				      &own_loss, &own_right);
	}
	err = add_results(t, own_loss, own_right, &loss, &right);
	e->val_loss = loss / t->val_count;
	e->val_accuracy = (double)right / t->val_count;
	return err;
}

/* from: the weights become the best ones; otherwise the best ones become the weights. */
static void keep_best(struct trainer *t, bool from)
{
	const struct ak_dnn_param *params = ak_dnn_params(t->net);
	uint32_t i;

	for (i = 0; i < t->chain.param_count; i++)
		if (from)
			memcpy(t->best[i], params[i].w, params[i].count * sizeof(float));
		else
			memcpy(params[i].w, t->best[i], params[i].count * sizeof(float));
}

/* A step that may fail in one process fails in all: theirs, or -EIO for another's. */
static int agree(struct trainer *t, int err)
{
	double failed = err != 0;

	if (ak_ranks_sum_double(&t->ranks, &failed, 1))
		return err ? err : -EIO;
	if (failed > 0 && !err)
		return ak_fail(t->diag, -EIO, AK_RULE_TRAIN_RANKS, "mpirun", "another process failed");
	return err;
}

/* After an epoch: best weights and checkpoint. Returns 1 when training should stop. */
static int judge(struct trainer *t, const struct akida_epoch *e)
{
	double loss = t->val_count ? e->val_loss : e->loss;
	int err;

	if (!(loss < t->best_loss)) {
		t->waited++;
		return t->p.patience && t->waited >= t->p.patience;
	}
	t->best_loss = loss;
	t->waited = 0;
	if (t->p.patience)
		keep_best(t, true);
	if (!t->p.checkpoint)
		return 0;
	err = ak_dnn_store(t->net, t->work);
	if (!err && !t->ranks.rank)
		err = akida_graph_save(t->work, t->p.checkpoint, t->diag);
	return agree(t, err);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

/* One epoch; 1 when it was the last one. */
static int train_epoch(struct trainer *t, uint32_t epoch)
{
	struct ak_random order = ak_random_stream(t->p.seed + epoch, STREAM_ORDER),
			 shift = ak_random_stream(t->p.seed + epoch, STREAM_SHIFT);
	bool quantized = epoch > t->p.epochs - t->p.quantized_epochs;
	struct akida_epoch e = {.epoch = epoch, .epochs = t->p.epochs, .val_loss = NAN, .val_accuracy = NAN};
	double start = now(), loss = 0;
	uint64_t right = 0;
	uint32_t done = 0, count;
	int err;

	if (quantized && epoch == t->p.epochs - t->p.quantized_epochs + 1) {
		t->best_loss = INFINITY;
		t->waited = 0;
	}
	e.batches = t->train_count / t->batch + (t->rest != 0);
	ak_batch_shuffle(t->order, t->train_count, &order);
	while (done < t->train_count) {
		count = t->train_count - done < t->batch ? t->train_count - done : t->batch;
		err = train_batch(t, quantized, done, count, &shift, &loss, &right);
		e.batch++;
		if (err)
			return err;
		if (!isfinite(loss))
			return diverged(t, epoch, e.batch, loss);
		done += count;
		e.loss = loss / done;
		e.accuracy = (double)right / done;
		if (e.batch == e.batches && t->val_count) {
			err = validate(t, quantized, &e);
			if (err)
				return err;
		}
		e.seconds = now() - start;
		if (t->p.progress && !t->ranks.rank)
			t->p.progress(t->p.ctx, &e);
	}
	if ((t->val_count && !isfinite(e.val_loss)) || !weights_finite(t))
		return diverged(t, epoch, e.batch, t->val_count ? e.val_loss : e.loss);
	return judge(t, &e);
}

/* Kernels of 2 and 3 bits, before the networks take them from the graph. */
static void clip_kernels(struct trainer *t)
{
	uint32_t i;

	for (i = 0; i < t->chain.param_count; i++) {
		const struct ak_chain_param *p = &t->chain.params[i];
		uint32_t bits = p->first ? t->p.input_weight_bits : t->p.weight_bits;

		if (p->role == AK_CHAIN_KERNEL && bits < 4)
			ak_fake_quant_clip(t->work->nodes[p->node].weights[p->weight].data, p->count, p->channels, bits,
					   p->depthwise);
	}
}

/* Do all processes train the same? What is compared adds up to the count times the own, or not. */
static int same_work(struct trainer *t)
{
	double own[6] = {t->train_count,
			 t->val_count,
			 t->chain.param_count,
			 (double)(t->p.seed & 0xffffff),
			 t->p.epochs * 1e4 + t->p.batch_size,
			 (double)t->p.learning_rate},
	       all[6];
	size_t i;

	memcpy(all, own, sizeof(all));
	if (ak_ranks_sum_double(&t->ranks, all, 6))
		return -EIO;
	for (i = 0; i < 6; i++)
		if (fabs(all[i] - own[i] * t->ranks.count) > 1e-9 * fabs(all[i]))
			return ak_fail(t->diag, -EINVAL, AK_RULE_TRAIN_RANKS, "mpirun",
				       "the processes have different data, networks or parameters");
	return 0;
}

static int train(struct trainer *t, struct akida_graph *g)
{
	uint32_t epoch;
	int err = ak_graph_clone(g, &t->work);

	if (!err)
		err = ak_chain_init(&t->chain, t->work, t->diag);
	if (!err)
		err = check_data(t, g);
	if (!err && t->p.tune)
		clip_kernels(t);
	if (!err)
		err = create_nets(t);
	if (!err)
		err = alloc_state(t);
	err = agree(t, err);
	if (!err)
		err = agree(t, same_work(t));
	if (err)
		return err;
	t->optimizer.kind = t->p.optimizer;
	t->optimizer.momentum = t->p.momentum;
	t->best_loss = INFINITY;
	t->batches_all = (uint64_t)(t->train_count / t->batch + (t->rest != 0)) * t->p.epochs;
	for (epoch = 1; epoch <= t->p.epochs && !err; epoch++) {
		err = train_epoch(t, epoch);
		/* patience ends the float epochs, not those with quantizers, which come next */
		if (err == 1 && epoch <= t->p.epochs - t->p.quantized_epochs && t->p.quantized_epochs) {
			keep_best(t, false);
			epoch = t->p.epochs - t->p.quantized_epochs;
			err = 0;
		}
	}
	if (err < 0)
		return err;
	if (t->p.patience && t->best_loss < INFINITY)
		keep_best(t, false);
	return ak_dnn_store(t->net, g);
}

int akida_train(struct akida_graph *g, const struct akida_dataset *data, const struct akida_train_params *p,
		struct akida_diag *diag)
{
	struct trainer t = {.data = data, .diag = diag};
	int err, threads;

	akida_train_params_init(&t.p);
	if (p && (p->size < offsetof(struct akida_train_params, final_learning_rate) || p->size > sizeof(*p)))
		return ak_fail(diag, -EINVAL, AK_RULE_TRAIN_PARAM, "size", "is %u, expected up to %zu", p->size,
			       sizeof(*p));
	if (p)
		memcpy(&t.p, p, p->size);
	t.ranks.count = 1;
	err = check_params(&t);
	if (!err && t.p.ranks)
		err = ak_ranks_open(&t.ranks, diag);
	if (err)
		return err;
	threads = ak_dnn_threads(t.p.threads);
	err = train(&t, g);
	trainer_fini(&t);
	ak_dnn_threads((uint32_t)threads);
	return err;
}
