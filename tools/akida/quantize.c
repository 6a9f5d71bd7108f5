/* SPDX-License-Identifier: MIT */
/* akida quantize (quantizeml quantize): a float network in, a quantized Keras .h5 out. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

#define CONFIG_MAX (1L << 22)

/* What the command line says, as far as it is not in the parameters of the stages. */
struct request {
	const char *model, *out, *input_type, *samples, *ip, *config, *until, *shape;
	uint64_t weights, activations, input_weights, outputs, buffer, last, frames, batch, epochs, seed;
	bool per_tensor, bound_relu;
};

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = NULL;
	long size;

	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (size = ftell(f)) >= 0 && size <= CONFIG_MAX && !fseek(f, 0, SEEK_SET)) {
		text = malloc((size_t)size + 1);
		if (text && fread(text, 1, (size_t)size, f) == (size_t)size) {
			text[size] = 0;
		} else {
			free(text);
			text = NULL;
		}
	} else {
		errno = EFBIG;
	}
	fclose(f);
	return text;
}

static int set_params(const struct request *r, struct stage_params *p)
{
	stage_params_init(p);
	if (r->ip && !strcmp(r->ip, "v2"))
		stage_params_v2(p);
	if (r->weights)
		p->quant.weight_bits = (uint32_t)r->weights;
	if (r->activations)
		p->quant.activation_bits = (uint32_t)r->activations;
	p->quant.per_tensor |= r->per_tensor;
	p->quant.bound_relu = r->bound_relu;
	p->quant.input_weight_bits = (uint32_t)r->input_weights;
	p->quant.output_bits = (uint32_t)r->outputs;
	p->quant.buffer_bits = (uint32_t)r->buffer;
	p->quant.last_output_bits = (uint32_t)r->last;
	p->quant.input_signed = !strcmp(r->input_type, "int8");
	p->quant.num_samples = (uint32_t)r->frames;
	p->quant.batch_size = (uint32_t)r->batch;
	p->quant.epochs = (uint32_t)r->epochs;
	p->quant.seed = r->seed;
	p->quant.until = r->until;
	p->samples = r->samples;
	if (!r->config)
		return 0;
	p->quant.config = read_text(r->config);
	return p->quant.config ? 0 : tool_error(r->config, "sys.io", "%s", strerror(errno));
}

/* name_iI_wW_aA.h5, or with a configuration file name_CONFIG.h5. */
static void default_name(const struct request *r, const struct akida_quant_params *q, char *name, size_t bytes)
{
	const char *slash = r->config ? strrchr(r->config, '/') : NULL, *base = slash ? slash + 1 : r->config;
	char suffix[NAME_MAX + 8];

	if (base)
		snprintf(suffix, sizeof(suffix), "_%.*s.h5", (int)strcspn(base, "."), base);
	else
		snprintf(suffix, sizeof(suffix), "_i%u_w%u_a%u.h5", q->input_weight_bits, q->weight_bits,
			 q->activation_bits);
	stage_out_name(name, bytes, r->model, suffix, true);
}

static int save(const struct stage *s, const char *out)
{
	struct akida_diag *diag = akida_diag_create();
	int err = tool_toolchain()->graph_save(s->quantized, out, diag), status = 0;

	if (err)
		status = tool_fail(diag, out, err);
	else
		printf("Saved %s\n", out);
	akida_diag_destroy(diag);
	return status;
}

static int quantize(const struct request *r)
{
	char name[PATH_MAX + NAME_MAX + 64];
	struct stage_params p;
	struct stage s;
	int status;

	status = set_params(r, &p);
	if (status)
		return status;
	status = stage_open(&s, r->model);
	if (!status && s.quantized)
		status = tool_error(r->model, "quant.already-quantized",
				    "is quantized already; quantize takes a float network");
	if (!status && r->shape)
		status = stage_resize(&s, r->shape);
	if (!status)
		status = stage_need_quantized(&s, &p);
	if (!status) {
		default_name(r, &p.quant, name, sizeof(name));
		status = save(&s, r->out ? r->out : name);
	}
	stage_close(&s);
	free((char *)(uintptr_t)p.quant.config);
	return status;
}

int command_quantize(int argc, char **argv)
{
	struct request r = {.input_type = "uint8", .input_weights = 8, .outputs = 8, .buffer = 32};
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &r.model, "float network (.h5, .keras, .onnx)", 0, 0},
		{"-s --save_name", OPTION_TEXT, &r.out, "file to write (default: name_iI_wW_aA.h5)", 0, 0},
		{"-c --quantization_config", OPTION_TEXT, &r.config, "JSON of quantizers by layer (quantizeml config)",
		 0, 0},
		{"-w --weight_bits", OPTION_COUNT, &r.weights, "weight bits (4; 8 for v2)", 1, 8},
		{"-a --activation_bits", OPTION_COUNT, &r.activations, "activation bits (4; 8 for v2)", 1, 8},
		{"-i --input_weight_bits", OPTION_COUNT, &r.input_weights, "weight bits of the first layer (8)", 1, 8},
		{"-o --output_bits", OPTION_COUNT, &r.outputs, "output bits of other layers (8)", 2, 16},
		{"-lob --last_output_bits", OPTION_COUNT, &r.last, "output bits of the last layer (none: its sums)", 2,
		 32},
		{"-b --buffer_bits", OPTION_COUNT, &r.buffer, "accumulator bits (32; at most 28 in convolutions)", 16,
		 32},
		{"-id --input_dtype", OPTION_TEXT, &r.input_type, "type of the input: uint8, int8", 0, 0},
		{"--akida", OPTION_TEXT, &r.ip, "v1 (default), or v2: 8 bits, one range per channel", 0, 0},
		{"--per_tensor_activations", OPTION_FLAG, &r.per_tensor, "one range per layer, always so for v1", 0, 0},
		{"--bound-relu", OPTION_FLAG, &r.bound_relu, "unbounded ReLUs end at what the samples reach", 0, 0},
		{"-sa --samples", OPTION_TEXT, &r.samples,
		 "calibration samples, .npz, .npy or SPEC (random ones without)", 0, 0},
		{"-ns --num_samples", OPTION_COUNT, &r.frames, "how many samples (1024)", 1, 1u << 20},
		{"-bs --batch_size", OPTION_COUNT, &r.batch, "samples at a time (32)", 1, 1u << 16},
		{"-e --epochs", OPTION_COUNT, &r.epochs, "calibration epochs (1)", 1, 1000},
		{"--seed", OPTION_COUNT, &r.seed, "of random samples (1)", 0, 0},
		{"-qu --quantize_until", OPTION_TEXT, &r.until, "last layer to quantize, by name", 0, 0},
		{"--input_shape", OPTION_TEXT, &r.shape, "input size instead of the file's: h,w,c", 0, 0},
		{0},
	};
	const char *words[1];
	int n = 0, status;

	r.frames = 1024;
	r.batch = 32;
	r.epochs = r.seed = 1;
	status = options_parse(argc, argv, "quantize -m FILE [options]", spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&r.model, words, n, "quantize needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	if (strcmp(r.input_type, "uint8") && strcmp(r.input_type, "int8"))
		return tool_usage("--input_dtype is uint8 or int8, not '%s'", r.input_type);
	if (r.ip && strcmp(r.ip, "v1") && strcmp(r.ip, "v2"))
		return tool_usage("--akida is v1 or v2, not '%s'", r.ip);
	status = tool_output(r.out);
	return status ? status : quantize(&r);
}
