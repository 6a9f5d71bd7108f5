/* SPDX-License-Identifier: MIT */
/* akida check: can a network run on a chip; every refusal with rule, layer, value, limit and remedy. */
#include <string.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/stage.h"

static const char *const severity_names[] = {"note", "warning", "error"};

static void finding_json(struct json *j, const struct akida_diag_record *r)
{
	json_open(j, NULL, '{');
	json_text(j, "severity", severity_names[r->severity]);
	json_text(j, "rule", r->rule);
	json_text(j, "layer", r->node);
	json_text(j, "field", r->field);
	json_text(j, "value", r->value);
	json_text(j, "limit", r->limit);
	json_text(j, "text", r->text);
	json_text(j, "remedy", r->remedy);
	json_close(j, '}');
}

static void finding_text(const struct akida_diag_record *r)
{
	char clean[1024];

	printf("%s: %s (%s)\n", severity_names[r->severity], tool_clean(clean, sizeof(clean), r->text), r->rule);
	if (*r->node)
		printf("  layer: %s\n", tool_clean(clean, sizeof(clean), r->node));
	if (*r->field || *r->value)
		printf("  %s: %s\n", *r->field ? r->field : "value", tool_clean(clean, sizeof(clean), r->value));
	if (*r->limit)
		printf("  limit: %s\n", tool_clean(clean, sizeof(clean), r->limit));
	if (*r->remedy)
		printf("  remedy: %s\n", tool_clean(clean, sizeof(clean), r->remedy));
}

/*
 * Models and programs were converted already: fitting the chip is what is left to find out. 0 fits, 1 does not (findings
 * in diag), -1 made for another chip, -2 no toolchain (told), -3 only a ProgramInfo.
 */
static int check_converted(struct stage *s, const char *chip, struct akida_diag *diag)
{
	struct akida_program_info pi = {.size = sizeof(pi)};
	struct akida_map_params mp = {.size = sizeof(mp)};
	const struct akida_toolchain *t;
	struct akida_program *program = NULL;
	struct stage_params p;
	int err;

	if (s->program) {
		akida_program_info(s->program, &pi);
		if (!stage_chip_name(pi.chip) || strcmp(stage_chip_name(pi.chip), chip))
			return -1;
		return pi.info_only ? -3 : 0;
	}
	t = tool_toolchain();
	if (!t)
		return -2;
	if (s->fbz) {
		stage_params_init(&p);
		if (stage_need_model(s, &p))
			return -2;
	}
	err = t->map(s->model, chip, &mp, &program, NULL, diag);
	akida_program_destroy(program);
	return err ? 1 : 0;
}

/* A network that converts may still be too large for the chip: one random frame is enough to find that out. */
static int check_fit(struct stage *s, const char *chip, struct akida_diag *diag, int *status)
{
	struct akida_map_params mp = {.size = sizeof(mp)};
	struct akida_program *program = NULL;
	struct stage_params p;
	int err;

	stage_params_init(&p);
	p.quiet = true;
	p.quant.num_samples = p.quant.batch_size = 1;
	*status = stage_need_model(s, &p);
	if (*status)
		return 0;
	err = tool_toolchain()->map(s->model, chip, &mp, &program, NULL, diag);
	akida_program_destroy(program);
	return err;
}

/* A converted Akida 2 model: the virtual mesh says whether it takes it. */
static int check_on_mesh(struct stage *s, struct akida_diag *diag)
{
	const struct akida_model *m = stage_model_of(s);
	struct akida_session *session = NULL;
	struct akida_device *d;
	int err;

	if (!m || akida_model_ip(m) != 2)
		return -1;
	err = akida_device_open("virtual:akida2", &d, diag);
	if (err)
		return 1;
	err = akida_session_create(d, NULL, m, NULL, &session, diag);
	if (!err)
		akida_session_destroy(session);
	akida_device_close(d);
	return err ? 1 : 0;
}

static int print_findings(const struct akida_diag *diag, const char *file, const char *chip, bool json)
{
	struct json j = {.out = stdout};
	size_t errors = 0;

	for (size_t i = 0; i < akida_diag_count(diag); i++)
		errors += akida_diag_get(diag, i)->severity == AKIDA_ERROR;
	if (json) {
		json_open(&j, NULL, '{');
		json_text(&j, "schema", "akida-check/1");
		json_text(&j, "file", file);
		json_text(&j, "for", chip);
		json_text(&j, "result", errors ? "refused" : "compatible");
		json_count(&j, "errors", errors);
		json_open(&j, "findings", '[');
		for (size_t i = 0; i < akida_diag_count(diag); i++)
			finding_json(&j, akida_diag_get(diag, i));
		json_close(&j, ']');
		json_close(&j, '}');
	} else {
		for (size_t i = 0; i < akida_diag_count(diag); i++)
			finding_text(akida_diag_get(diag, i));
		if (!errors)
			printf("%s: can run on %s\n", file, chip);
	}
	if (!errors)
		return TOOL_DONE;
	return tool_error(file, akida_diag_first_error(diag)->rule, "cannot run on %s: %zu finding%s", chip, errors,
			  errors == 1 ? "" : "s");
}

int command_check(int argc, char **argv)
{
	const char *target = "akd1000", *chip, *words[1], *inputs = NULL;
	bool json = false, compare = false;
	struct stage_params p;

	stage_params_init(&p);
	const struct option_spec spec[] = {
		{"--for", OPTION_TEXT, &target, "akd1000 (default), akd1500 or akida2", 0, 0},
		{"--compare", OPTION_FLAG, &compare, "each layer's integers beside float, instead of the rules", 0, 0},
		{"-i --input", OPTION_TEXT, &inputs, "frames to compare on: .npy, .npz or raw uint8", 0, 0},
		{"-sa --samples", OPTION_TEXT, &p.samples, "calibration samples of a float network", 0, 0},
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{0},
	};
	int n = 0, status = options_parse(argc, argv,
					  "akida check FILE [--for akd1000|akd1500|akida2] [--compare [-i INPUTS]] "
					  "[--json]",
					  spec, words, 1, &n);
	struct akida_diag *diag;
	struct stage s;

	if (status != OPTIONS_GO_ON)
		return status;
	if (!n)
		return tool_usage("check needs a FILE");
	chip = stage_chip_name(target);
	if (!chip && !strcmp(target, "akida2"))
		chip = "akida2";
	if (!chip)
		return tool_usage("--for takes akd1000, akd1500 or akida2, not '%s'", target);
	status = stage_open(&s, words[0]);
	if (status)
		return status;
	if (compare) {
		if (!strcmp(chip, "akida2"))
			stage_params_v2(&p);
		status = check_compare(&s, &p, inputs, json);
		stage_close(&s);
		return status;
	}
	diag = akida_diag_create();
	if (s.graph) {
		n = tool_toolchain()->check(s.graph, chip, diag);
		if (!n && strcmp(chip, "akida2")) /* the sizes of an Akida 2 mesh are the integrator's choice */
			n = check_fit(&s, chip, diag, &status);
		if (!status)
			status = n < 0 && !akida_diag_first_error(diag) ? tool_fail(diag, words[0], n)
									: print_findings(diag, words[0], chip, json);
	} else if (!strcmp(chip, "akida2")) {
		n = check_on_mesh(&s, diag);
		if (n < 0)
			status = tool_error(words[0], "check.chip", "is a %s of Akida v1, not of Akida 2", s.origin);
		else
			status = print_findings(diag, words[0], chip, json);
	} else {
		n = check_converted(&s, chip, diag);
		if (n == -1)
			status = tool_error(words[0], "check.chip", "is a program for another chip than %s", chip);
		else if (n == -3)
			status = tool_error(words[0], "program.info-only",
					    "holds the ProgramInfo only, not the program");
		else if (n == 1 && !akida_diag_first_error(diag))
			status = tool_error(words[0], "tool.device", "does not map to %s", chip);
		else
			status = n == -2 ? TOOL_FAILED : print_findings(diag, words[0], chip, json);
	}
	akida_diag_destroy(diag);
	stage_close(&s);
	return status;
}
