/* SPDX-License-Identifier: MIT */
/* akida convert (cnn2snn convert): a quantized network in, a model of Akida v1 or Akida 2 layers (.akm) out. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

/* Integers x * scale + shift stand for x: a Rescaling that undoes it. */
static int scale_input(struct stage *s, double scale, double shift)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_graph *scaled = NULL;
	struct akida_diag *diag;
	int err, status = 0;

	if (!(scale > 0))
		return tool_usage("--scale must be above 0");
	if (!s->graph || !s->quantized)
		return tool_error(s->path, "tool.stage",
				  "is a %s; --scale and --shift are for networks of cnn2snn quantize", s->origin);
	diag = akida_diag_create();
	err = t->graph_insert_rescaling(s->graph, (float)(1 / scale), (float)(-shift / scale), &scaled, diag);
	if (err) {
		status = tool_fail(diag, s->path, err);
	} else {
		t->graph_destroy(s->graph);
		s->graph = s->quantized = scaled;
	}
	akida_diag_destroy(diag);
	return status;
}

int command_convert(int argc, char **argv)
{
	const char *model = NULL, *out = NULL, *ip = getenv("CNN2SNN_TARGET_AKIDA_VERSION"), *samples = NULL;
	double scale = 0, shift = 0;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model,
		 "quantized network; a float one is quantized first, 8/4/4, for v2 8/8/8", 0, 0},
		{"-s --save_name", OPTION_TEXT, &out, "file to write (default: name.akm)", 0, 0},
		{"--akida", OPTION_TEXT, &ip, "v1 (default) or v2", 0, 0},
		{"-sa --samples", OPTION_TEXT, &samples, "calibration samples of a float network", 0, 0},
		{"-sc --scale", OPTION_NUMBER, &scale, "of a legacy network's input: integers are x * scale + shift", 0,
		 0},
		{"-sh --shift", OPTION_NUMBER, &shift, "likewise", 0, 0},
		{0},
	};
	struct akida_diag *diag;
	struct stage_params p;
	char name[PATH_MAX + 64];
	const char *words[1];
	struct stage s;
	int n = 0, err, status;

	status = options_parse(argc, argv, "convert -m FILE [--akida v1|v2] [-s OUT.akm]", spec, words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&model, words, n, "convert needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	if (ip && strcmp(ip, "v1") && strcmp(ip, "v2"))
		return tool_usage("--akida (or CNN2SNN_TARGET_AKIDA_VERSION) is v1 or v2, not '%s'", ip);
	status = tool_output(out);
	if (!status)
		status = stage_open(&s, model);
	if (status)
		return status;
	if (!s.graph && !s.fbz) {
		status = tool_error(model, "tool.stage", "is a %s already; convert takes a network", s.origin);
		stage_close(&s);
		return status;
	}
	if (scale != 0 || shift != 0) {
		status = scale_input(&s, scale != 0 ? scale : 1, shift);
		if (status) {
			stage_close(&s);
			return status;
		}
	}
	stage_params_init(&p);
	if (ip && !strcmp(ip, "v2"))
		stage_params_v2(&p);
	p.samples = samples;
	p.quiet = s.quantized != NULL;
	status = stage_need_model(&s, &p);
	if (!status) {
		if (!out) {
			stage_out_name(name, sizeof(name), model, ".akm", false);
			out = name;
		}
		diag = akida_diag_create();
		err = akida_model_save(s.model, out, diag);
		if (err)
			status = tool_fail(diag, out, err);
		else
			printf("Saved %s\n", out);
		akida_diag_destroy(diag);
	}
	stage_close(&s);
	return status;
}
