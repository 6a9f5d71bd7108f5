/* SPDX-License-Identifier: MIT */
/* akida quantize (quantizeml quantize): a float network in, a quantized Keras .h5 out. */
#include <limits.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

int command_quantize(int argc, char **argv)
{
	const char *model = NULL, *out = NULL, *input_type = "uint8", *samples = NULL, *ip = NULL;
	uint64_t weights = 0, activations = 0, input_weights = 8, outputs = 8, bias = 32, frames = 1024, batch = 32,
		 epochs = 1;
	uint64_t seed = 1;
	bool per_tensor = false, bound_relu = false;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "float network (.h5)", 0, 0},
		{"-s --save_name", OPTION_TEXT, &out, "file to write (default: name_iI_wW_aA.h5)", 0, 0},
		{"-w --weight_bits", OPTION_COUNT, &weights, "weight bits (4; 8 for v2)", 1, 8},
		{"-a --activation_bits", OPTION_COUNT, &activations, "activation bits (4; 8 for v2)", 1, 8},
		{"-i --input_weight_bits", OPTION_COUNT, &input_weights, "weight bits of the first layer (8)", 1, 8},
		{"-o --output_bits", OPTION_COUNT, &outputs, "output bits of other layers (8, the only choice)", 1, 32},
		{"-b --bias_bits", OPTION_COUNT, &bias, "bias bits (32, the only choice)", 1, 32},
		{"-id --input_dtype", OPTION_TEXT, &input_type, "type of the input (uint8, the only choice)", 0, 0},
		{"--akida", OPTION_TEXT, &ip, "v1 (default), or v2: 8 bits, one range per channel", 0, 0},
		{"--per_tensor_activations", OPTION_FLAG, &per_tensor, "one range per layer, always so for v1", 0, 0},
		{"--bound-relu", OPTION_FLAG, &bound_relu, "unbounded ReLUs end at what the samples reach", 0, 0},
		{"-sa --samples", OPTION_TEXT, &samples,
		 "calibration samples, .npz, .npy or SPEC (random ones without)", 0, 0},
		{"-ns --num_samples", OPTION_COUNT, &frames, "how many samples (1024)", 1, 1u << 20},
		{"-bs --batch_size", OPTION_COUNT, &batch, "samples at a time (32)", 1, 1u << 16},
		{"-e --epochs", OPTION_COUNT, &epochs, "calibration epochs (1)", 1, 1000},
		{"--seed", OPTION_COUNT, &seed, "of random samples (1)", 0, 0},
		{"-c --quantization_config", OPTION_ABSENT, NULL, NULL, 0, 0},
		{"-lob --last_output_bits", OPTION_ABSENT, NULL, NULL, 0, 0},
		{"-qu --quantize_until", OPTION_ABSENT, NULL, NULL, 0, 0},
		{"--input_shape", OPTION_ABSENT, NULL, NULL, 0, 0},
		{0},
	};
	struct akida_diag *diag;
	struct stage_params p;
	char name[PATH_MAX + 64], suffix[64];
	struct stage s;
	int n = 0, err, status;
	const char *words[1];

	status = options_parse(argc, argv, "quantize -m FILE [options]", spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&model, words, n, "quantize needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	if (strcmp(input_type, "uint8"))
		return tool_error("--input_dtype", "sys.missing-part",
				  "%s is not available in this version, only uint8", input_type);
	if (ip && strcmp(ip, "v1") && strcmp(ip, "v2"))
		return tool_usage("--akida is v1 or v2, not '%s'", ip);
	if (outputs != 8 || bias != 32)
		return tool_error(outputs != 8 ? "--output_bits" : "--bias_bits", "sys.missing-part",
				  "only %d is available in this version", outputs != 8 ? 8 : 32);
	status = tool_output(out);
	if (status)
		return status;
	stage_params_init(&p);
	if (ip && !strcmp(ip, "v2"))
		stage_params_v2(&p);
	if (weights)
		p.quant.weight_bits = (uint32_t)weights;
	if (activations)
		p.quant.activation_bits = (uint32_t)activations;
	p.quant.per_tensor |= per_tensor;
	p.quant.bound_relu = bound_relu;
	p.quant.input_weight_bits = (uint32_t)input_weights;
	p.quant.num_samples = (uint32_t)frames;
	p.quant.batch_size = (uint32_t)batch;
	p.quant.epochs = (uint32_t)epochs;
	p.quant.seed = seed;
	p.samples = samples;
	status = stage_open(&s, model);
	if (status)
		return status;
	if (s.quantized) {
		stage_close(&s);
		return tool_error(model, "quant.already-quantized",
				  "is quantized already; quantize takes a float network");
	}
	status = stage_need_quantized(&s, &p);
	if (!status) {
		snprintf(suffix, sizeof(suffix), "_i%u_w%u_a%u.h5", p.quant.input_weight_bits, p.quant.weight_bits,
			 p.quant.activation_bits);
		if (!out) {
			stage_out_name(name, sizeof(name), model, suffix, true);
			out = name;
		}
		diag = akida_diag_create();
		err = tool_toolchain()->graph_save(s.quantized, out, diag);
		if (err)
			status = tool_fail(diag, out, err);
		else
			printf("Saved %s\n", out);
		akida_diag_destroy(diag);
	}
	stage_close(&s);
	return status;
}
