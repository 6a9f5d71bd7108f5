/* SPDX-License-Identifier: MIT */
/* akida map: a model placed on a chip's mesh; the program goes to an .akp file, the placement to the screen. */
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/stage.h"
#include "common/table.h"

/* Layers from the front that are on the chip; the others run on this host. */
static uint32_t mapped(const struct akida_map_report *r)
{
	uint32_t n = 0;

	while (n < r->layer_count && !r->layers[n].software)
		n++;
	return n;
}

static void sequence_json(struct json *j, const struct akida_map_report *r, uint32_t first, uint32_t end,
			  const char *on, uint64_t program_bytes)
{
	json_open(j, NULL, '{');
	json_text(j, "first", r->layers[first].name);
	json_text(j, "last", r->layers[end - 1].name);
	json_text(j, "runs_on", on);
	json_count(j, "layers", end - first);
	json_count(j, "program_bytes", program_bytes);
	json_close(j, '}');
}

static void report_json(const struct akida_map_report *r, const char *of, const char *device)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "schema", "akida-map/1");
	json_text(&j, "device", device);
	json_text(&j, "mode", r->mode);
	json_count(&j, "nps", r->nps);
	json_count(&j, "hrc", r->hrc);
	json_count(&j, "passes", r->passes);
	json_count(&j, "program_bytes", r->program_bytes);
	json_count(&j, "memory_bytes", r->memory_bytes);
	json_open(&j, "sequences", '[');
	sequence_json(&j, r, 0, mapped(r), "hardware", r->program_bytes);
	if (mapped(r) < r->layer_count)
		sequence_json(&j, r, mapped(r), r->layer_count, "software", 0);
	json_close(&j, ']');
	json_open(&j, "layers", '[');
	for (uint32_t i = 0; i < r->layer_count; i++) {
		const struct akida_map_layer *l = &r->layers[i];

		json_open(&j, NULL, '{');
		json_text(&j, "name", l->name);
		json_text(&j, "type", l->type_name);
		json_text(&j, "runs_on", l->software ? "software" : "hardware");
		json_count(&j, "nps", l->nps);
		json_count(&j, "passes", l->passes);
		json_count(&j, "pass", l->pass);
		json_count(&j, "cycles", l->cycles);
		json_number(&j, "sparsity", l->sparsity);
		json_number(&j, "energy_uj", l->energy_uj);
		json_text(&j, "tag", akida_tag_name(l->tag));
		json_text(&j, "tag_rule", l->tag_rule);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_open(&j, "mesh", '[');
	for (uint32_t i = 0; i < r->mesh_count; i++) {
		const struct akida_map_np *np = &r->mesh[i];

		if (np->layer == UINT32_MAX)
			continue;
		json_open(&j, NULL, '{');
		json_count(&j, "pass", np->pass);
		json_count(&j, "col", np->col);
		json_count(&j, "row", np->row);
		json_count(&j, "id", np->id);
		json_text(&j, "layer", r->layers[np->layer].name);
		json_count(&j, "first_row", np->row0);
		json_count(&j, "rows", np->rows);
		json_count(&j, "first_filter", np->filter0);
		json_count(&j, "filters", np->filters);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_text(&j, "sparsity_of", of);
	json_open(&j, "frame", '{');
	json_count(&j, "latency_cycles", r->latency_cycles);
	json_count(&j, "interval_cycles", r->interval_cycles);
	json_count(&j, "program_cycles", r->program_cycles);
	json_number(&j, "energy_uj", r->energy_uj);
	json_number(&j, "chip_us", r->chip_us);
	json_number(&j, "call_us", r->call_us);
	json_number(&j, "fps", r->fps);
	json_close(&j, '}');
	json_text(&j, "source", akida_source_name(AKIDA_SOURCE_MODEL));
	json_close(&j, '}');
}

static void report_text(const struct akida_map_report *r, const char *of)
{
	static const char *const heads[] = {"Layer (type)", "NPs", "Pass", "Cycles", "Energy (uJ)", "Tag", "Rule"};
	enum akida_tag worst = AKIDA_TAG_VERIFIED;
	struct table *t = table_create(7);

	table_rule(t, '_', NULL);
	for (size_t i = 0; i < 7; i++)
		table_cell(t, "%s", heads[i]);
	table_rule(t, '=', NULL);
	for (uint32_t i = 0; i < r->layer_count; i++) {
		const struct akida_map_layer *l = &r->layers[i];

		table_cell(t, "%.80s (%s)", l->name, l->type_name);
		if (l->software) {
			table_cell(t, "software");
			for (int k = 0; k < 5; k++)
				table_cell(t, "%s", "");
			continue;
		}
		if (l->nps)
			table_cell(t, "%u", l->nps);
		else
			table_cell(t, "HRC");
		table_cell(t, "%u", l->pass + 1);
		table_cell(t, "%" PRIu64, l->cycles);
		table_cell(t, "%.3f", l->energy_uj);
		table_cell(t, "%s", akida_tag_name(l->tag));
		table_cell(t, "%s", l->tag_rule);
		worst = l->tag > worst ? l->tag : worst;
	}
	table_rule(t, '_', NULL);
	table_print(t, 0);
	table_destroy(t);
	printf("Device: %s, mapping: %s\n", r->device, r->mode);
	printf("NPs: %u (and %u HRC), passes: %u\n", r->nps, r->hrc, r->passes);
	if (mapped(r) < r->layer_count)
		printf("On this host, in software: %s to %s; figures below are the chip's\n", r->layers[mapped(r)].name,
		       r->layers[r->layer_count - 1].name);
	printf("Program: %" PRIu64 " bytes, device memory: %" PRIu64 " bytes\n", r->program_bytes, r->memory_bytes);
	printf("Weakest tag: %s\n", akida_tag_name(worst));
	printf("A frame: %" PRIu64 " cycles, %.1f us on the chip, %.1f us with host and bus; %.2f uJ above idle\n",
	       r->latency_cycles, r->chip_us, r->call_us, r->energy_uj);
	printf("%s: one every %" PRIu64 " cycles, with host and bus %.2f fps\n",
	       r->passes > 1 ? "Frame after frame" : "Frames in flight", r->interval_cycles, r->fps);
	printf("Cycles and energy: modelled (software NSoC), sparsity of %s\n", of);
}

/* The name a mapper knows for DEVICE; opens it when the name alone does not tell. */
static const char *chip_of(const char *device, int *status)
{
	struct akida_device_info info = {.size = sizeof(info)};
	struct akida_diag *diag;
	struct akida_device *d;
	const char *chip = device ? stage_chip_name(device) : NULL;
	int err;

	if (chip)
		return chip;
	diag = akida_diag_create();
	err = akida_device_open(device, &d, diag);
	if (!err) {
		err = akida_device_info(d, &info);
		akida_device_close(d);
		chip = stage_chip_name(info.chip);
	}
	if (err)
		*status = tool_fail(diag, device ? device : "default device", err);
	else if (!chip)
		*status = tool_error(device ? device : info.name, "tool.device", "runs layers and needs no mapping");
	else if (!device)
		tool_note("no device given: %s", info.name);
	akida_diag_destroy(diag);
	return chip;
}

/*
 * The chip with the fewest NPs that takes the model in one pass, or in any number in mode hw-pr; the smallest that takes it
 * at all when none does; the largest one, which then says why not, when that is none either.
 */
static const char *smallest_chip(const struct stage *s, enum akida_map_mode mode)
{
	static const char *const chips[] = {"akd1500", "akd1000"};
	const struct akida_map_params p = {.size = sizeof(p), .mode = mode};
	const struct akida_toolchain *t;
	const char *why, *found = NULL;

	t = tool_toolchain_quiet(&why);
	for (size_t i = 0; t && i < sizeof(chips) / sizeof(chips[0]); i++) {
		struct akida_program_info info = {.size = sizeof(info)};
		struct akida_program *program = NULL;

		if (t->map(stage_model_of(s), chips[i], &p, &program, NULL, NULL))
			continue;
		akida_program_info(program, &info);
		akida_program_destroy(program);
		if (info.passes == 1 || mode == AKIDA_MAP_HW_PR)
			return chips[i];
		found = found ? found : chips[i];
	}
	return found ? found : "akd1000";
}

int command_map(int argc, char **argv)
{
	const char *model = NULL, *device = NULL, *mode = "minimal", *out = NULL, *samples = NULL, *chip, *words[1];
	const char *svg = NULL;
	bool json = false, smallest = false, hw_only = false;
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &model, "network, quantized network or .akm", 0, 0},
		{"-d --device", OPTION_TEXT, &device,
		 "akd1000, akd1500, akida1:N (a mesh of N nodes), or virtual: with one of them", 0, 0},
		{"--mode", OPTION_TEXT, &mode, "minimal (default), all-nps or hw-pr", 0, 0},
		{"-s --save_name", OPTION_TEXT, &out, ".akp file to write", 0, 0},
		{"-sa --samples", OPTION_TEXT, &samples, "calibration samples of a float network", 0, 0},
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{"--svg", OPTION_TEXT, &svg, "drawing of the mesh to write", 0, 0},
		{"--smallest", OPTION_FLAG, &smallest, "on the smallest chip that takes it", 0, 0},
		{"--hw-only", OPTION_FLAG, &hw_only,
		 "refuse layers that cannot be mapped, instead of running them here", 0, 0},
		{0},
	};
	struct akida_diag *diag;
	struct stage_params p;
	struct stage s;
	int n = 0, err, status;

	status = options_parse(argc, argv, "akida map -m FILE -d DEVICE [-s OUT.akp] [--json] [--svg OUT.svg]", spec,
			       words, 1, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&model, words, n, "map needs -m FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	stage_params_init(&p);
	p.samples = samples;
	p.measure = true;
	p.hw_only = hw_only;
	if (!strcmp(mode, "all-nps"))
		p.mode = AKIDA_MAP_ALL_NPS;
	else if (!strcmp(mode, "hw-pr"))
		p.mode = AKIDA_MAP_HW_PR;
	else if (strcmp(mode, "minimal"))
		return tool_usage("--mode is minimal, all-nps or hw-pr, not '%s'", mode);
	if (smallest && device)
		return tool_usage("--smallest chooses the device; leave -d out");
	status = tool_output(out);
	if (!status)
		status = tool_output(svg);
	if (status)
		return status;
	chip = smallest ? "akd1500" : chip_of(device, &status);
	if (!chip)
		return status;
	status = stage_open(&s, model);
	if (status)
		return status;
	if (s.program) {
		stage_close(&s);
		return tool_error(model, "tool.stage", "is a mapped program already");
	}
	p.quiet = s.model != NULL;
	if (smallest) {
		status = stage_need_model(&s, &p);
		if (!status)
			chip = smallest_chip(&s, p.mode);
	}
	if (!status)
		status = stage_need_program(&s, &p, chip);
	if (!status && svg)
		status = map_draw(&s.map, svg);
	if (!status && out) {
		diag = akida_diag_create();
		err = akida_program_save(s.program, out, diag);
		if (err)
			status = tool_fail(diag, out, err);
		akida_diag_destroy(diag);
	}
	if (!status) {
		if (json)
			report_json(&s.map, s.sparsity_of, chip);
		else
			report_text(&s.map, s.sparsity_of);
		if (out && !json)
			printf("Saved %s\n", out);
		if (svg && !json)
			printf("Saved %s\n", svg);
	}
	stage_close(&s);
	return status;
}
