/* SPDX-License-Identifier: MIT */
/* akida program: what a program says (dump), whether it is safe and complete (verify), its layers (decompile). */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/stage.h"

struct program_options {
	const char *out, *device;
	bool json;
};

static void dump_json(const struct akida_program *p, const struct akida_program_info *i)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "schema", "akida-program/1");
	json_text(&j, "engine_version", i->engine_version);
	json_text(&j, "chip", i->chip);
	json_open(&j, "input", '[');
	for (int k = 0; k < 3; k++)
		json_count(&j, NULL, i->in_dims[k]);
	json_close(&j, ']');
	json_open(&j, "output", '[');
	for (int k = 0; k < 3; k++)
		json_count(&j, NULL, i->out_dims[k]);
	json_close(&j, ']');
	json_count(&j, "passes", i->passes);
	json_count(&j, "tracks", i->tracks);
	json_count(&j, "packets", i->packets);
	json_count(&j, "nps", i->nps);
	json_count(&j, "hrc", i->hrc);
	json_count(&j, "program_bytes", i->program_bytes);
	json_count(&j, "memory_bytes", i->memory_bytes);
	json_text(&j, "tag", akida_tag_name(i->tag));
	json_open(&j, "layers", '[');
	for (uint32_t k = 0; k < akida_program_layers(p); k++) {
		struct akida_program_layer l = {.size = sizeof(l)};

		if (akida_program_layer(p, k, &l))
			continue;
		json_open(&j, NULL, '{');
		json_text(&j, "name", l.name);
		json_text(&j, "type", l.type_name);
		json_count(&j, "id", l.id);
		json_count(&j, "nps", l.nps);
		json_count(&j, "packets", l.packets);
		json_count(&j, "words", l.words);
		json_text(&j, "tag", akida_tag_name(l.tag));
		json_text(&j, "tag_rule", l.tag_rule);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

static void print_line(void *ctx, const char *text)
{
	char clean[512];

	(void)ctx;
	printf("%s\n", tool_clean(clean, sizeof(clean), text));
}

static void dump_text(const struct akida_program *p, const struct akida_program_info *i)
{
	size_t len = 0;

	akida_program_bytes(p, &len);
	printf("engine version: %s\ndevice version: %02X.%02X.%03u.%03u (%s)\n", i->engine_version,
	       i->device_version[0], i->device_version[1], i->device_version[2], i->device_version[3], i->chip);
	printf("input: %u x %u x %u (h, w, c), window %u x %u, type %u\n", i->in_dims[0], i->in_dims[1], i->in_dims[2],
	       i->window_h, i->window_w, i->input_type);
	printf("output: %u x %u x %u (h, w, c), type %u, %s\n", i->out_dims[0], i->out_dims[1], i->out_dims[2],
	       i->output_type, i->activation ? "activations" : "potentials");
	printf("passes: %u, tracks: %u, packets: %u\n", i->passes, i->tracks, i->packets);
	printf("HRC: %u, NPs: %u\n", i->hrc, i->nps);
	printf("vendor-format bytes: %zu, device memory: %" PRIu64 " bytes\n", len, i->memory_bytes);
	printf("weakest tag: %s\n\n", akida_tag_name(i->tag));
	akida_program_dump(p, print_line, NULL);
}

static int action_dump(const struct stage *s, const struct program_options *o)
{
	struct akida_program_info info = {.size = sizeof(info)};

	akida_program_info(s->program, &info);
	if (o->json)
		dump_json(s->program, &info);
	else
		dump_text(s->program, &info);
	return TOOL_DONE;
}

static uint64_t program_words(const struct akida_program *p)
{
	uint64_t words = 0;

	for (uint32_t i = 0; i < akida_program_layers(p); i++) {
		struct akida_program_layer l = {.size = sizeof(l)};

		if (!akida_program_layer(p, i, &l))
			words += l.words;
	}
	return words;
}

/* On the named device, else the virtual one of the program's chip. */
static int action_verify(const struct stage *s, const struct program_options *o)
{
	struct akida_program_info info = {.size = sizeof(info)};
	struct akida_device_info dev = {.size = sizeof(dev)};
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d = NULL;
	char name[32];
	int err;

	akida_program_info(s->program, &info);
	snprintf(name, sizeof(name), "virtual:%s", !strcasecmp(info.chip, "AKD1000") ? "akd1000" : "akd1500");
	err = akida_device_open(o->device ? o->device : name, &d, diag);
	if (!err)
		err = akida_device_verify(d, s->program, diag);
	if (err) {
		tool_fail(diag, s->path, err);
	} else {
		akida_device_info(d, &dev);
		printf("%u tracks, %u packets, %" PRIu64 " words: safe and complete for %s (%s)\n", info.tracks,
		       info.packets, program_words(s->program), dev.chip, dev.version);
	}
	akida_device_close(d);
	akida_diag_destroy(diag);
	return err ? TOOL_FAILED : TOOL_DONE;
}

/* Whether our own mapper places these layers as the program does. */
static void tell_mapping(const struct stage *s, const struct akida_model *m)
{
	struct akida_map_params mp = {.size = sizeof(mp), .mode = AKIDA_MAP_MINIMAL};
	struct akida_program_info info = {.size = sizeof(info)};
	struct akida_program *again = NULL;
	const char *chip;
	size_t a = 0, b = 0;

	akida_program_info(s->program, &info);
	chip = stage_chip_name(info.chip);
	if (!chip || tool_toolchain()->map(m, chip, &mp, &again, NULL, NULL)) {
		printf("Mapping these layers again (minimal): refused\n");
		return;
	}
	akida_program_bytes(s->program, &a);
	akida_program_bytes(again, &b);
	if (a == b && !memcmp(akida_program_bytes(s->program, &a), akida_program_bytes(again, &b), a))
		printf("Mapping these layers again (minimal): the same %zu bytes\n", a);
	else
		printf("Mapping these layers again (minimal): another placement, %zu bytes for %zu\n", b, a);
	akida_program_destroy(again);
}

static int action_decompile(const struct stage *s, const struct program_options *o)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_model *m = NULL;
	struct akida_diag *diag;
	const char *out = o->out;
	char name[PATH_MAX + 64];
	int err;

	if (!t)
		return TOOL_FAILED;
	diag = akida_diag_create();
	err = t->decompile(s->program, &m, diag);
	if (!err && !out) {
		stage_out_name(name, sizeof(name), s->path, ".akm", false);
		out = name;
	}
	if (!err)
		err = akida_model_save(m, out, diag);
	if (err) {
		tool_fail(diag, m ? out : s->path, err);
	} else {
		printf("%u layers; every one of %" PRIu64 " words follows from them\n", akida_model_layers(m),
		       program_words(s->program));
		tell_mapping(s, m);
		printf("Saved %s\n", out);
	}
	akida_model_destroy(m);
	akida_diag_destroy(diag);
	return err ? TOOL_FAILED : TOOL_DONE;
}

int command_program(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct stage *s, const struct program_options *o);
	} actions[] = {{"dump", action_dump}, {"verify", action_verify}, {"decompile", action_decompile}};
	struct program_options o = {0};
	const struct option_spec spec[] = {
		{"-s --save_name", OPTION_TEXT, &o.out, "decompile: file to write (default: name.akm)", 0, 0},
		{"-d --device", OPTION_TEXT, &o.device, "verify: for this device (default: the program's chip)", 0, 0},
		{"--json", OPTION_FLAG, &o.json, "dump: one JSON object", 0, 0},
		{0},
	};
	const char *words[2];
	struct stage s;
	size_t a = 0;
	int n = 0, status;

	status = options_parse(argc, argv, "program dump|verify|decompile FILE [--json] [-d DEVICE] [-s OUT.akm]", spec,
			       words, 2, &n);
	if (status != OPTIONS_GO_ON)
		return status;
	if (!n)
		return tool_usage("program needs an action: dump, verify, decompile");
	while (a < sizeof(actions) / sizeof(actions[0]) && strcmp(words[0], actions[a].name))
		a++;
	if (a == sizeof(actions) / sizeof(actions[0]))
		return tool_usage("unknown action '%s' of program", words[0]);
	if (n < 2)
		return tool_usage("program %s needs a FILE", words[0]);
	if (o.json && strcmp(words[0], "dump"))
		return tool_usage("--json belongs to program dump");
	if (o.out && strcmp(words[0], "decompile"))
		return tool_usage("-s belongs to program decompile");
	if (o.device && strcmp(words[0], "verify"))
		return tool_usage("-d belongs to program verify");
	status = tool_output(o.out);
	if (!status)
		status = stage_open(&s, words[1]);
	if (status)
		return status;
	if (!s.program)
		status = tool_error(words[1], "tool.stage", "is a %s, not a program", s.origin);
	else
		status = actions[a].run(&s, &o);
	stage_close(&s);
	return status;
}
