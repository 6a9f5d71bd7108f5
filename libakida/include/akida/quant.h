/* SPDX-License-Identifier: MIT */
/* Quantization of a float graph as QuantizeML does it (reference: quantization 2), for Akida v1 and v2. */
#ifndef AKIDA_QUANT_H
#define AKIDA_QUANT_H

#include "graph.h"

struct akida_quant_params {
	uint32_t size;
	uint32_t input_weight_bits; /* 8 */
	uint32_t weight_bits;	    /* 4 or 2 for v1 (8 is accepted and refused later by v1 checks), 8 or 4 for v2 */
	uint32_t activation_bits;   /* 4, 2 or 1 for v1, 8 for v2 */
	uint32_t per_tensor;	    /* 1 for v1; 0: a range per channel where the next layer can take it */
	uint32_t num_samples;	    /* 1024: how many samples calibrate */
	uint32_t batch_size;	    /* 32 */
	uint32_t epochs;	    /* 1 */
	uint64_t seed;		    /* of random samples when none are given */
	uint32_t bound_relu;  /* 1: a ReLU without max_value gets its calibrated range as max_value; 0 leaves it */
	uint32_t output_bits; /* 8: outputs of layers that are not activations, 2 to 16 */
	uint32_t
		last_output_bits; /* 0: the last layer hands out its accumulator; else 2 to 32, quantized like others */
	uint32_t buffer_bits;	  /* 32: accumulators, 16 to 32; convolutions and dense layers have 28 at most */
	uint32_t input_signed;	  /* 1: inputs are int8, else uint8 */
	const char *until;	  /* the last layer that is quantized, by name; what is behind stays float. NULL: all */
	const char *config;	  /* JSON of akida_quant_config over what the widths above give; NULL: nothing */
	/*
	 * 1, for Akida 2: SeparableConv2D becomes DepthwiseConv2D and a 1x1 Conv2D, and other layers it lacks what it has.
	 * 0, for v1: the other way round.
	 */
	uint32_t split_separables;
};
AKIDA_API void akida_quant_params_init(struct akida_quant_params *p); /* the v1 defaults above, 8/4/4 */

/* samples NULL: random ones, said in a note. The result is a new graph; the input is not changed. */
AKIDA_API int akida_quantize(const struct akida_graph *g, const struct akida_quant_params *p,
			     const struct akida_array *samples, struct akida_graph **out, struct akida_diag *diag);

/*
 * The quantizers of a quantized network as JSON text by layer name, in the form of QuantizeML's quant_config; members that
 * are left out have their default there. The caller frees *json with free, written on success only. -EINVAL: not quantized,
 * or by legacy CNN2SNN.
 */
AKIDA_API int akida_quant_config(const struct akida_graph *g, char **json, struct akida_diag *diag);
/*
 * Whether akida_quantize would take every layer of a float network, or, for a quantized one, whether every layer has an
 * integer form and every range was calibrated. 0; -EOPNOTSUPP or -EINVAL with a record for every offence.
 */
AKIDA_API int akida_quant_check(const struct akida_graph *g, struct akida_diag *diag);

enum akida_analysis {
	AKIDA_ANALYSIS_SINGLE,	   /* each layer on the integers of the one before */
	AKIDA_ANALYSIS_CUMULATIVE, /* errors of all layers before add up */
	AKIDA_ANALYSIS_WEIGHT	   /* kernels; of a separable layer the pointwise one */
};
struct akida_layer_error {
	uint32_t size;
	uint32_t node;
	const char *name; /* borrowed from the graph */
	double smape;	  /* mean of |float - integer| / (|float| + |integer|), 0 to 1 */
	double saturated; /* share of values (0 to 1) at the largest or smallest code */
};
/*
 * What quantization costs each layer of a quantized graph, with its float master weights for comparison; x: samples, not
 * used for weights (may be NULL). out has akida_graph_nodes members, *count of which are written. -EINVAL: a float or a
 * legacy graph, samples that do not fit; -EOPNOTSUPP: layers over time; -ENOMEM.
 */
AKIDA_API int akida_quant_analysis(const struct akida_graph *g, enum akida_analysis kind, const struct akida_array *x,
				   struct akida_layer_error *out, size_t *count, struct akida_diag *diag);

/* ---- legacy CNN2SNN ---- */

struct akida_quant_legacy_params {
	uint32_t size;
	int32_t input_weight_bits; /* -1: as the others */
	int32_t weight_bits;	   /* 4; 2, 4, 8, or 0: weights stay float */
	int32_t activation_bits;   /* 4; 1, 2, 4, or 0: activations stay float */
	uint32_t fold_batchnorm;   /* 1 */
};
AKIDA_API void akida_quant_legacy_params_init(struct akida_quant_legacy_params *p);
/*
 * A copy of g with the quantizers of cnn2snn.quantize: weights by the maximum of each filter, of a depthwise kernel by its
 * maximum; a ReLU keeps its max_value, an unbounded one gets 2^bits - 1. Layers that are quantized this way already get
 * the new widths. The caller destroys *out, written on success only. -EINVAL: widths, QuantizeML's quantizers, back to
 * float; -EOPNOTSUPP: branches, layers without weights of this kind, BatchNormalization that cannot be folded; -ENOMEM.
 */
AKIDA_API int akida_quantize_legacy(const struct akida_graph *g, const struct akida_quant_legacy_params *p,
				    struct akida_graph **out, struct akida_diag *diag);

enum akida_legacy_method { AKIDA_LEGACY_BIAS_CORRECTION, AKIDA_LEGACY_ADAROUND };
struct akida_legacy_calibration {
	uint32_t size;
	enum akida_legacy_method method;
	uint32_t batch_size;	   /* 32 */
	uint32_t epochs;	   /* 10, adaround */
	float learning_rate;	   /* 0.01, adaround */
	uint32_t with_activations; /* 0; 1: adaround compares behind the activation */
};
AKIDA_API void akida_legacy_calibration_init(struct akida_legacy_calibration *p);
/*
 * A copy of a legacy network fitted to samples (any type, as the network takes them): the maximum of each QuantizedReLU
 * comes down to what its layer reaches, channels of separable kernels are brought to one size, then biases take the mean
 * error of each output channel (bias correction), or weights are rounded to whichever side brings outputs closest
 * (adaround). The caller destroys *out, written on success only. -EINVAL: not legacy, samples that do not fit; -ENOMEM.
 */
AKIDA_API int akida_calibrate_legacy(const struct akida_graph *g, const struct akida_legacy_calibration *p,
				     const struct akida_array *samples, struct akida_graph **out,
				     struct akida_diag *diag);

#endif
