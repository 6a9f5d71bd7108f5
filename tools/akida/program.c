/* SPDX-License-Identifier: MIT */
/* akida program dump: what a program says, layer by layer. */
#include <inttypes.h>
#include <string.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/stage.h"

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

int command_program(int argc, char **argv)
{
	bool json = false;
	const struct option_spec spec[] = {
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{0},
	};
	struct akida_program_info info = {.size = sizeof(info)};
	const char *words[2];
	struct stage s;
	int n = 0, status = options_parse(argc, argv, "akida program dump FILE [--json]", spec, words, 2, &n);

	if (status != OPTIONS_GO_ON)
		return status;
	if (n && (!strcmp(words[0], "verify") || !strcmp(words[0], "decompile")))
		return tool_error(words[0], "sys.missing-part", "not available in this version");
	if (!n || strcmp(words[0], "dump"))
		return n ? tool_usage("unknown action '%s' of program", words[0])
			 : tool_usage("program needs an action: dump");
	if (n < 2)
		return tool_usage("program dump needs a FILE");
	status = stage_open(&s, words[1]);
	if (status)
		return status;
	if (!s.program) {
		status = tool_error(words[1], "tool.stage", "is a %s, not a program", s.origin);
	} else {
		akida_program_info(s.program, &info);
		if (json)
			dump_json(s.program, &info);
		else
			dump_text(s.program, &info);
	}
	stage_close(&s);
	return status;
}
