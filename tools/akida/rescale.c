/* SPDX-License-Identifier: MIT */
/* quantizeml insert_rescaling: a float network that takes raw images, by a Rescaling in front of it. */
#include <limits.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"

static int insert(const char *model, double scale, double offset, const char *out)
{
	struct akida_graph *made = NULL;
	struct akida_diag *diag;
	char name[PATH_MAX + 64];
	struct stage s;
	int err, status = stage_open(&s, model);

	if (status)
		return status;
	if (!s.graph) {
		status = tool_error(model, "tool.stage", "is a %s; insert_rescaling takes a float network", s.origin);
		stage_close(&s);
		return status;
	}
	if (!out) {
		stage_out_name(name, sizeof(name), model, "_rescaled.h5", false);
		out = name;
	}
	diag = akida_diag_create();
	err = tool_toolchain()->graph_insert_rescaling(s.graph, (float)scale, (float)offset, &made, diag);
	if (err) {
		status = tool_fail(diag, model, err);
	} else {
		err = tool_toolchain()->graph_save(made, out, diag);
		if (err)
			status = tool_fail(diag, out, err);
		else
			printf("Saved %s\n", out);
		tool_toolchain()->graph_destroy(made);
	}
	akida_diag_destroy(diag);
	stage_close(&s);
	return status;
}

int command_insert_rescaling(int argc, char **argv)
{
	const char *model = NULL, *out = NULL;
	double scale = 1, offset = 0;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "float network", 0, 0},
		{"-s --scale", OPTION_NUMBER, &scale, "what inputs are multiplied by (1)", 0, 0},
		{"-o --offset", OPTION_NUMBER, &offset, "what is added then (0)", 0, 0},
		{"-d --destination", OPTION_TEXT, &out, "file to write (default: name_rescaled.h5)", 0, 0},
		{0},
	};
	const char *words[1];
	int n = 0, status;

	status = options_parse(argc, argv, "insert_rescaling -m FILE -s SCALE -o OFFSET [-d OUT.h5]", spec, words, 1,
			       &n);
	if (status == OPTIONS_GO_ON)
		status = options_file(&model, words, n, "insert_rescaling needs -m FILE");
	if (status == OPTIONS_GO_ON)
		status = tool_output(out);
	return status ? status : insert(model, scale, offset, out);
}
