/* SPDX-License-Identifier: MIT */
/*
 * How far a quantized network's integers are from float, layer by layer: each layer is computed once more in float from
 * the integers that the layer before handed out, so that errors do not add up: with the values of its integer weights, which
 * leaves the rounding of scales, maxima and codes, and with its float master weights.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "base/diag.h"
#include "simulate.h"

#define FRAMES_MAX 256u

struct comparison {
	const struct akida_graph *g;
	struct akida_graph *rounded; /* the same with the values of its integer weights */
	size_t frames, frame;	     /* all, and the one that runs */
	/* [node][frames][elements] what the integers stand for, behind sums what float makes of them; NULL behind the
	 * Dequantizer */
	float **value;
	float **unrounded; /* the same behind sums with float weights; NULL: as value */
	float **unit;	   /* [node][channels] what one code stands for */
	int err;
};

static void keep_values(void *context, uint32_t node, const struct ak_sim_values *v)
{
	struct comparison *c = context;
	float *to;

	if (!v->v || c->err)
		return;
	if (!c->value[node]) {
		c->value[node] = malloc(c->frames * v->count * sizeof(float));
		c->unit[node] = malloc(v->channels * sizeof(float));
	}
	if (!c->value[node] || !c->unit[node]) {
		c->err = -ENOMEM;
		return;
	}
	for (size_t k = 0; k < v->channels; k++)
		c->unit[node][k] = ldexpf(v->scale[k], -v->fb[k]);
	to = c->value[node] + c->frame * v->count;
	for (size_t i = 0; i < v->count; i++)
		to[i] = (float)v->v[i] * c->unit[node][i % v->channels];
}

static bool hands_out_codes(const struct ak_node *n)
{
	return n->op == AK_OP_INPUT || (n->quant.active && n->quant.has_output);
}

/* Node i of g in float on what came before, times the rate of its quantizer, which the next kernel is divided by. */
static float *recompute(struct comparison *c, const struct akida_graph *g, float *const *first, float *const *second,
			uint32_t i)
{
	const struct ak_node *n = &g->nodes[i], *in_nodes[AK_MAX_INPUTS] = {0};
	const float *in[AK_MAX_INPUTS] = {0};
	size_t count = c->frames * ak_node_elements(n), channels = n->dims[n->rank - 1];
	float *out = malloc(count * sizeof(*out));

	if (!out) {
		c->err = -ENOMEM;
		return NULL;
	}
	for (uint32_t k = 0; k < n->input_count; k++) {
		in_nodes[k] = &g->nodes[n->inputs[k]];
		in[k] = first[n->inputs[k]] ? first[n->inputs[k]] : second[n->inputs[k]];
	}
	c->err = ak_node_forward(n, in_nodes, in, c->frames, out);
	for (size_t e = 0; !c->err && hands_out_codes(n) && n->quant.rescaling_rate && e < count; e++)
		out[e] *= n->quant.rescaling_rate[n->quant.out_per_axis ? e % channels : 0];
	return out;
}

/* A number of codes as far as codes of the node reach. */
static double within_codes(const struct ak_node *n, double codes)
{
	double high = ldexp(1.0, (int)n->quant.out_bits - n->quant.out_signed) - 1.0;
	double low = n->quant.out_signed ? -high - 1.0 : 0.0;

	return codes < low ? low : codes > high ? high : codes;
}

/* Sums of the last layer have no codes: their unit is the one that 8 bits would have. */
static double unit_of_sums(const float *v, size_t count)
{
	double largest = 0;

	for (size_t i = 0; i < count; i++)
		largest = fmax(largest, fabs((double)v[i]));
	return largest > 0 ? largest / 127.0 : 1.0;
}

struct distance {
	double largest, mean, saturated;
};

static struct distance measure(const struct comparison *c, uint32_t i, const float *again)
{
	const struct ak_node *n = &c->g->nodes[i];
	bool codes = hands_out_codes(n);
	size_t count = c->frames * ak_node_elements(n), channels = n->dims[n->rank - 1];
	double unit = codes ? 0 : unit_of_sums(c->value[i], count);
	struct distance d = {0};

	for (size_t e = 0; e < count; e++) {
		double u = codes ? (double)c->unit[i][e % channels] : unit;
		double want = (double)again[e] / u, got = (double)c->value[i][e] / u, off;

		if (codes) {
			d.saturated += within_codes(n, want) != want;
			want = within_codes(n, want);
		}
		off = fabs(want - got);
		d.mean += off;
		d.largest = off > d.largest ? off : d.largest;
	}
	d.mean /= (double)count;
	d.saturated /= (double)count;
	return d;
}

/* Node i both ways; where it hands out codes, or ends the network, their distances into *out. Returns whether it does. */
static bool compare_node(struct comparison *c, uint32_t i, struct akida_difference *out)
{
	const struct ak_node *n = &c->g->nodes[i];
	uint32_t reader = 0, readers = ak_graph_consumers(c->g, i, &reader, 1);
	bool codes = hands_out_codes(n), last = !readers || c->g->nodes[reader].op == AK_OP_DEQUANTIZER;
	float *rounded = recompute(c, c->rounded, c->value, c->value, i);
	float *unrounded = c->err ? NULL : recompute(c, c->g, c->unrounded, c->value, i);

	if (!c->err && (codes || last)) {
		struct distance d = measure(c, i, rounded), w = measure(c, i, unrounded);

		*out = (struct akida_difference){
			.size = sizeof(*out),
			.node = i,
			.name = n->name,
			.bits = codes ? n->quant.out_bits : 0,
			.largest = d.largest,
			.mean = d.mean,
			.saturated = d.saturated,
			.float_largest = w.largest,
			.float_mean = w.mean,
		};
	}
	if (codes) { /* the next layer starts from the integers */
		free(rounded);
		free(unrounded);
		return true;
	}
	free(c->value[i]);
	c->value[i] = rounded;
	c->unrounded[i] = unrounded;
	return last;
}

static int compare_nodes(struct comparison *c, struct akida_difference *out, size_t *count)
{
	size_t found = 0;

	for (uint32_t i = 0; i < c->g->count && !c->err; i++)
		if (c->g->nodes[i].op != AK_OP_INPUT && c->value[i])
			found += compare_node(c, i, &out[found]);
	*count = c->err ? 0 : found;
	return c->err;
}

static int run_frames(struct comparison *c, const struct akida_array *x, struct ak_sim *sim)
{
	size_t elements = ak_node_elements(&c->g->nodes[0]);
	float *in = malloc(elements * sizeof(*in));
	int err = in ? 0 : -ENOMEM;

	for (c->frame = 0; c->frame < c->frames && !err; c->frame++) {
		ak_array_floats(x, c->frame * elements, elements, in);
		err = ak_sim_run(sim, in, keep_values, c, NULL);
		err = err ? err : c->err;
	}
	free(in);
	return err;
}

int akida_graph_compare(const struct akida_graph *g, const struct akida_array *x, struct akida_difference *out,
			size_t *count, struct akida_diag *diag)
{
	struct comparison c = {.g = g, .frames = ak_graph_frames(g, x)};
	struct ak_sim *sim = NULL;
	int err;

	*count = 0;
	if (!akida_graph_quantized(g))
		return ak_fail(diag, -EINVAL, AK_RULE_CONVERT_FLOAT, g->name, "is a float network");
	if (!c.frames || c.frames > FRAMES_MAX)
		return ak_fail(diag, -EINVAL, AK_RULE_GRAPH_SHAPE, g->nodes[0].name,
			       "the array holds %zu frames of its input, 1 to %u can be compared", c.frames,
			       FRAMES_MAX);
	err = ak_sim_create(g, &sim, diag);
	if (err)
		return err;
	err = ak_graph_clone(g, &c.rounded);
	for (uint32_t i = 0; !err && i < g->count; i++)
		ak_sim_integer_weights(sim, i, &c.rounded->nodes[i]);
	c.value = calloc(g->count, sizeof(*c.value));
	c.unrounded = calloc(g->count, sizeof(*c.unrounded));
	c.unit = calloc(g->count, sizeof(*c.unit));
	if (!err)
		err = c.value && c.unrounded && c.unit ? run_frames(&c, x, sim) : -ENOMEM;
	if (!err)
		err = compare_nodes(&c, out, count);
	if (err)
		ak_fail(diag, err, AK_RULE_NOMEM, g->name, "the comparison cannot run: %s", akida_strerror(err));
	for (uint32_t i = 0; i < g->count; i++) {
		if (c.value)
			free(c.value[i]);
		if (c.unrounded)
			free(c.unrounded[i]);
		if (c.unit)
			free(c.unit[i]);
	}
	free(c.value);
	free(c.unrounded);
	akida_graph_destroy(c.rounded);
	free(c.unit);
	ak_sim_destroy(sim);
	return err;
}
