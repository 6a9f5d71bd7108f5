/* SPDX-License-Identifier: MIT */
/*
 * The integer form of a quantized graph (reference: quantization 2.3 to 2.5): number types, integer weights, biases and
 * output scales of every node. simulate.c makes it from the graph alone, simulate_run.c moves samples through it, and
 * convert/ reads Akida 2 layers off it, so that both are the same integers.
 */
#ifndef AK_GRAPH_SIMULATE_H
#define AK_GRAPH_SIMULATE_H

#include "fixedpoint.h"
#include "infer.h"

#define AK_SIM_LUT_BITS 11 /* of the input of a table, with its sign */
#define AK_SIM_LUT (1 << AK_SIM_LUT_BITS)

/* How one node computes and what type its outputs have. */
struct ak_sim_node {
	bool integer;	 /* false: float, behind the Dequantizer */
	bool scaled;	 /* QFloat: has a scale; else FixedPoint */
	size_t channels; /* last axis of the output */
	int *fb;	 /* [channels] */
	float *scale;	 /* [channels] */

	int *align[AK_MAX_INPUTS];  /* [channels of the input] left shift that brings it to one fb; NULL: none */
	int8_t *q, *q_pw;	    /* integer weights, layout as in Keras */
	float *w_scale;		    /* [channels] of q, or of q and q_pw together */
	float *sum_unit;	    /* [channels] what a sum of 1 stands for */
	struct ak_fx_aligned *bias; /* [channels] */
	struct ak_fx_aligned *max;  /* [channels] ReLU bound */
	int64_t pad;		    /* padding value as an integer */
	struct ak_fx_scale *out_s;  /* [channels] output quantizer; s 0: no scale */
	int *out_shift;		    /* [channels]; NULL without output quantizer */
	int out_vb;		    /* value bits of the codes; 0: sums, or the network's input */
	int32_t *lut;		    /* [AK_SIM_LUT] of an Activation, by input from -AK_SIM_LUT / 2 */

	/* StatefulRecurrent: state = A * state + input, in 16 bits */
	int32_t *a;		  /* [real of every channel, then imaginary], a_fb fractional bits */
	int a_fb, in_vb;	  /* in_vb: value bits of the input */
	struct ak_fx_scale *in_s; /* [state channels] scale of the input; s 0: it has none */
	int *in_shift;		  /* [state channels] brings it to the bits of A * state */

	int64_t *
		state; /* frames that a layer over time has seen, the oldest first, or a recurrent state; zero at the start */
	size_t state_count;
};

struct ak_sim {
	const struct akida_graph *g;
	struct ak_sim_node *nodes;
};

/* Puts the values of the integers into the kernel and bias of n, which is a copy of node i. */
void ak_sim_integer_weights(const struct ak_sim *s, uint32_t i, struct ak_node *n);

#endif
