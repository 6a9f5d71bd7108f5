/* SPDX-License-Identifier: MIT */
/* akida summary: the layers of a network, a converted model or a program, in the layout Akida users know. */
#include <inttypes.h>
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/stage.h"
#include "common/table.h"

static void print_title(const char *title, int width)
{
	int left = (width - (int)strlen(title)) / 2;

	printf("%*s%s\n", left > 0 ? left : 0, "", title);
}

/* Both tables as wide as the wider one. */
static void print_both(const char *title, const struct table *head, const struct table *layers)
{
	int a = table_width(head), b = table_width(layers), width = a > b ? a : b;

	print_title(title, width);
	table_print(head, width);
	putchar('\n');
	table_print(layers, width);
}

static void print_one(const char *title, const struct table *head)
{
	print_title(title, table_width(head));
	table_print(head, 0);
}

static const char *shape(char *out, size_t bytes, const uint32_t *dims, uint32_t rank)
{
	size_t n = 0;

	out[0] = 0;
	for (uint32_t i = 0; i < rank && n < bytes; i++)
		n += (size_t)snprintf(out + n, bytes - n, i ? ", %u" : "[%u", dims[i]);
	if (n < bytes)
		snprintf(out + n, bytes - n, rank ? "]" : "[]");
	return out;
}

static int summary_graph(const struct stage *s)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct table *head = table_create(4), *layers = table_create(5);
	struct akida_node_info n = {.size = sizeof(n)};
	bool quantized = t->graph_quantized(s->graph);
	uint32_t dims[4], nodes = t->graph_nodes(s->graph);
	uint64_t parameters = 0;
	char text[96], kind[160];

	table_cell(layers, "Layer (type)");
	table_cell(layers, "Output shape");
	table_cell(layers, "Parameters");
	table_cell(layers, "%s", quantized ? "Weight bits" : "");
	table_cell(layers, "%s", quantized ? "Activation bits" : "");
	table_rule(layers, '=', NULL);
	for (uint32_t i = 0; i < nodes; i++) {
		if (t->graph_node(s->graph, i, &n))
			continue;
		table_cell(layers, "%.80s (%.60s)", n.name, n.class_name);
		table_cell(layers, "%s", shape(text, sizeof(text), n.dims, n.rank));
		table_cell(layers, "%" PRIu64, n.parameters);
		for (int k = 0; k < 2; k++) {
			uint32_t bits = k ? n.act_bits : n.weight_bits;

			snprintf(text, sizeof(text), "%u", bits);
			table_cell(layers, "%s", bits ? text : "");
		}
		parameters += n.parameters;
	}
	table_rule(layers, '_', NULL);
	table_rule(head, '_', NULL);
	table_cell(head, "Input shape");
	table_cell(head, "Outputs");
	table_cell(head, "Layers");
	table_cell(head, "Parameters");
	table_rule(head, '=', NULL);
	table_cell(head, "%s", shape(text, sizeof(text), dims, t->graph_input(s->graph, dims)));
	table_cell(head, "%zu", t->graph_outputs(s->graph));
	table_cell(head, "%u", nodes);
	table_cell(head, "%" PRIu64, parameters);
	table_rule(head, '_', NULL);
	snprintf(kind, sizeof(kind), "Model Summary: %.80s (%s)", t->graph_name(s->graph), s->origin);
	print_both(tool_clean(text, sizeof(text), kind), head, layers);
	table_destroy(head);
	table_destroy(layers);
	return TOOL_DONE;
}

/* A separable layer takes two rows: the depthwise kernel, then the pointwise one. */
static void layer_rows(struct table *t, const struct akida_layer_info *l)
{
	bool separable = l->type == AKIDA_LAYER_SEPARABLE;

	table_cell(t, "%.80s (%s)", l->name, l->type_name);
	table_cell(t, "[%u, %u, %u]", l->out_h, l->out_w, l->out_c);
	if (l->type == AKIDA_LAYER_INPUT_DATA)
		table_cell(t, "N/A");
	else if (l->type == AKIDA_LAYER_FULLY)
		table_cell(t, "(1, 1, %u, %u)", l->in_h * l->in_w * l->in_c, l->out_c);
	else
		table_cell(t, "(%u, %u, %u, %u)", l->kernel_h, l->kernel_w, l->in_c, separable ? 1 : l->filters);
	table_cell(t, "%u", l->weights_bits);
	if (l->act_bits)
		table_cell(t, "%u", l->act_bits);
	else
		table_cell(t, "potentials");
	if (separable) {
		table_cell(t, "%s", "");
		table_cell(t, "%s", "");
		table_cell(t, "(1, 1, %u, %u)", l->in_c, l->filters);
		table_cell(t, "%s", "");
		table_cell(t, "%s", "");
	}
}

static int summary_model(const struct akida_model *m)
{
	struct table *head = table_create(5), *layers = table_create(5);
	struct akida_layer_info l = {.size = sizeof(l)}, first = {.size = sizeof(first), .name = ""};
	uint32_t in[3], out[3], n = akida_model_layers(m);
	uint64_t parameters = 0;
	char text[256], clean[256];

	akida_model_input(m, in);
	akida_model_output(m, out);
	akida_model_layer(m, 0, &first);
	akida_model_layer(m, n - 1, &l);
	snprintf(text, sizeof(text), "SW/%.80s-%.80s (Software)", first.name, l.name);
	table_cell(layers, "Layer (type)");
	table_cell(layers, "Output shape");
	table_cell(layers, "Kernel shape");
	table_cell(layers, "Weight bits");
	table_cell(layers, "Activation bits");
	table_rule(layers, '=', tool_clean(clean, sizeof(clean), text));
	for (uint32_t i = 0; i < n; i++) {
		if (akida_model_layer(m, i, &l))
			continue;
		layer_rows(layers, &l);
		table_rule(layers, '_', NULL);
		parameters += l.parameters;
	}
	table_rule(head, '_', NULL);
	table_cell(head, "Input shape");
	table_cell(head, "Output shape");
	table_cell(head, "Sequences");
	table_cell(head, "Layers");
	table_cell(head, "Parameters");
	table_rule(head, '=', NULL);
	table_cell(head, "[%u, %u, %u]", in[0], in[1], in[2]);
	table_cell(head, "[%u, %u, %u]", out[0], out[1], out[2]);
	table_cell(head, "1");
	table_cell(head, "%u", n);
	table_cell(head, "%" PRIu64, parameters);
	table_rule(head, '_', NULL);
	print_both("Model Summary", head, layers);
	table_destroy(head);
	table_destroy(layers);
	return TOOL_DONE;
}

static void program_layer_rows(struct table *t, const struct akida_program *p)
{
	struct akida_program_layer l;

	for (uint32_t i = 0; i < akida_program_layers(p); i++) {
		l = (struct akida_program_layer){.size = sizeof(l)};
		if (akida_program_layer(p, i, &l))
			continue;
		table_cell(t, "%s (%s)", l.name, l.type_name);
		table_cell(t, "[%u, %u, %u]", l.out_h, l.out_w, l.out_c);
		if (!strncmp(l.type_name, "Sep", 3))
			table_cell(t, "(%u, %u, %u, 1)", l.kernel_h, l.kernel_w, l.in_c);
		else
			table_cell(t, "(%u, %u, %u, %u)", l.kernel_h ? l.kernel_h : 1, l.kernel_w ? l.kernel_w : 1,
				   l.in_c, l.out_c);
		if (l.nps)
			table_cell(t, "%u", l.nps);
		else
			table_cell(t, "HRC");
		table_cell(t, "%u", l.packets);
		table_cell(t, "%u", l.words);
		table_cell(t, "%s", akida_tag_name(l.tag));
		table_cell(t, "%s", l.tag_rule);
		if (!strncmp(l.type_name, "Sep", 3)) {
			table_cell(t, "%s", "");
			table_cell(t, "%s", "");
			table_cell(t, "(1, 1, %u, %u)", l.in_c, l.out_c);
			for (int k = 0; k < 5; k++)
				table_cell(t, "%s", "");
		}
		table_rule(t, '_', NULL);
	}
}

static int summary_program(const struct akida_program *p)
{
	static const char *const columns[] = {"Layer (type)", "Output shape", "Kernel shape", "NPs",
					      "Packets",      "Words",	      "Tag",	      "Rule"};
	static const char *const heads[] = {"Input shape", "Output shape", "Sequences", "Layers",
					    "NPs",	   "Passes",	   "Packets",	"Tag"};
	struct table *head = table_create(8), *layers = table_create(8);
	struct akida_program_layer first = {.size = sizeof(first)}, last = {.size = sizeof(last)};
	struct akida_program_info i = {.size = sizeof(i)};
	uint32_t n = akida_program_layers(p);
	char text[256], clean[256];

	akida_program_info(p, &i);
	if (n) {
		akida_program_layer(p, 0, &first);
		akida_program_layer(p, n - 1, &last);
	}
	for (size_t k = 0; k < 8; k++)
		table_cell(layers, "%s", columns[k]);
	snprintf(text, sizeof(text), "HW/%s-%s (Hardware) - size: %" PRIu64 " bytes", first.name, last.name,
		 i.program_bytes);
	table_rule(layers, '=', tool_clean(clean, sizeof(clean), text));
	program_layer_rows(layers, p);
	table_rule(head, '_', NULL);
	for (size_t k = 0; k < 8; k++)
		table_cell(head, "%s", heads[k]);
	table_rule(head, '=', NULL);
	table_cell(head, "[%u, %u, %u]", i.in_dims[0], i.in_dims[1], i.in_dims[2]);
	table_cell(head, "[%u, %u, %u]", i.out_dims[0], i.out_dims[1], i.out_dims[2]);
	table_cell(head, "1");
	for (int k = 0; k < 4; k++) {
		const uint32_t counts[] = {n, i.nps, i.passes, i.packets};

		if (i.info_only && k != 2)
			table_cell(head, "N/A");
		else
			table_cell(head, "%u", counts[k]);
	}
	table_cell(head, "%s", akida_tag_name(i.tag));
	table_rule(head, '_', NULL);
	if (n)
		print_both("Model Summary", head, layers);
	else
		print_one("Model Summary", head);
	table_destroy(head);
	table_destroy(layers);
	if (i.info_only)
		printf("ProgramInfo only: layers and packets are in another file\n");
	printf("Chip: %s, engine %s, device version %02X.%02X.%03u.%03u\n", i.chip, i.engine_version,
	       i.device_version[0], i.device_version[1], i.device_version[2], i.device_version[3]);
	if (!i.info_only)
		printf("Components: HRC %u, NPs %u\n", i.hrc, i.nps);
	printf("Output: %s\n", i.activation ? "activations" : "potentials");
	printf("Program: %" PRIu64 " bytes, %u tracks; device memory of a load: %" PRIu64 " bytes\n", i.program_bytes,
	       i.tracks, i.memory_bytes);
	return TOOL_DONE;
}

/* One layer as the file has it: everything is listed, known or not. */
static void fbz_layer(const struct akida_toolchain *t, const struct akida_fbz *f, uint32_t i)
{
	struct akida_fbz_layer l = {.size = sizeof(l)};
	struct akida_fbz_variable v = {.size = sizeof(v)};
	const char *name;
	double value;

	if (t->fbz_layer(f, i, &l))
		return;
	printf("%s (%s, kind %u)\n  parameters:", l.name, l.kind_name, l.kind);
	for (uint32_t k = 0; k < l.parameters; k++)
		if (!t->fbz_parameter(f, i, k, &name, &value) && strcmp(name, "layer_type"))
			printf("%s %s %g", k && strcmp(name, "input_width") ? "," : "", name, value);
	printf("\n");
	for (uint32_t k = 0; k < l.variables; k++) {
		if (t->fbz_variable(f, i, k, &v))
			continue;
		printf("  variable: %s, %s (type %u) [", v.name, v.type_name, v.type);
		for (uint32_t d = v.rank; d-- > 0;)
			printf(d ? "%u, " : "%u", v.dims[d]);
		printf("]\n");
	}
}

static int summary_fbz(struct stage *s)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_diag *diag = akida_diag_create();
	char clean[256];

	if (!t->fbz_model(s->fbz, &s->model, diag))
		summary_model(s->model);
	else
		printf("Not a model that runs here: %s\n",
		       tool_clean(clean, sizeof(clean), akida_diag_first_error(diag)->text));
	akida_diag_destroy(diag);
	printf("Vendor model file of SDK %s, %u layers\n", t->fbz_version(s->fbz), t->fbz_layers(s->fbz));
	for (uint32_t i = 0; i < t->fbz_layers(s->fbz); i++)
		fbz_layer(t, s->fbz, i);
	return TOOL_DONE;
}

int command_summary(int argc, char **argv)
{
	const char *file = NULL, *words[1];
	const struct option_spec spec[] = {
		{"-m --model", OPTION_TEXT, &file, "the file, as the vendor's tools name it", 0, 0},
		{0},
	};
	int n = 0, status = options_parse(argc, argv, "akida summary FILE", spec, words, 1, &n);
	struct stage s;

	if (status != OPTIONS_GO_ON)
		return status;
	status = options_file(&file, words, n, "summary needs a FILE");
	if (status != OPTIONS_GO_ON)
		return status;
	status = stage_open(&s, file);
	if (status)
		return status;
	if (s.graph)
		status = summary_graph(&s);
	else if (s.fbz)
		status = summary_fbz(&s);
	else if (s.program)
		status = summary_program(s.program);
	else
		status = summary_model(s.model);
	stage_close(&s);
	return status;
}
