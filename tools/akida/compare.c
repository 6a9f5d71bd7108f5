/* SPDX-License-Identifier: MIT */
/* akida check --compare: how far each layer's integers are from its float result on the same inputs. */
#include <stdlib.h>
#include <string.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/spec.h"
#include "common/stage.h"
#include "common/table.h"

#define RANDOM_FRAMES 4u
#define FRAMES_MAX 64u

static void input_dims(const struct akida_toolchain *t, const struct akida_graph *g, uint32_t three[3])
{
	uint32_t dims[4] = {1, 1, 1, 1}, rank = t->graph_input(g, dims);

	three[0] = rank > 2 ? dims[0] : 1;
	three[1] = rank > 1 ? dims[rank > 2 ? 1 : 0] : 1;
	three[2] = dims[rank ? rank - 1 : 0];
}

/* (n, ...) uint8 from a file, or random ones. */
static int load_frames(const char *inputs, const uint32_t dims[3], struct akida_array *out)
{
	struct akida_dataset random = {0};
	int status;

	if (inputs)
		return spec_inputs(inputs, dims, out);
	tool_note("no inputs given: %u random frames", RANDOM_FRAMES);
	status = spec_load("random", dims, RANDOM_FRAMES, 0, &random);
	if (!status)
		status = spec_frames(&random.x, dims, 1, 0, "random", out);
	akida_dataset_fini(&random);
	return status;
}

static void print_json(const char *file, const struct akida_difference *d, size_t n, uint64_t frames)
{
	struct json j = {.out = stdout};

	json_open(&j, NULL, '{');
	json_text(&j, "schema", "akida-compare/1");
	json_text(&j, "file", file);
	json_count(&j, "frames", frames);
	json_open(&j, "layers", '[');
	for (size_t i = 0; i < n; i++) {
		json_open(&j, NULL, '{');
		json_text(&j, "name", d[i].name);
		if (d[i].bits)
			json_count(&j, "bits", d[i].bits);
		else
			json_null(&j, "bits");
		json_number(&j, "mean", d[i].mean);
		json_number(&j, "largest", d[i].largest);
		json_number(&j, "saturated", d[i].saturated);
		json_number(&j, "float_weights_mean", d[i].float_mean);
		json_number(&j, "float_weights_largest", d[i].float_largest);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	json_close(&j, '}');
}

static int print_text(const char *file, const struct akida_difference *d, size_t n, uint64_t frames)
{
	struct table *t = table_create(7);
	double largest = 0;
	char clean[256];

	if (!t)
		return tool_error(file, "sys.no-memory", "no memory for the report");
	for (const char *const *h =
		     (const char *const[]){"Layer", "Codes", "Mean", "Largest", "Saturated", "Mean*", "Largest*", NULL};
	     *h; h++)
		table_cell(t, "%s", *h);
	table_rule(t, '=', NULL);
	for (size_t i = 0; i < n; i++) {
		largest = d[i].largest > largest ? d[i].largest : largest;
		table_cell(t, "%s", tool_clean(clean, sizeof(clean), d[i].name));
		if (d[i].bits)
			table_cell(t, "%u bits", d[i].bits);
		else
			table_cell(t, "sums");
		table_cell(t, "%.3f", d[i].mean);
		table_cell(t, "%.3f", d[i].largest);
		table_cell(t, "%.2f %%", 100 * d[i].saturated);
		table_cell(t, "%.3f", d[i].float_mean);
		table_cell(t, "%.3f", d[i].float_largest);
	}
	table_print(t, 0);
	table_destroy(t);
	printf("Difference of each layer's integers from float on the same inputs and weights, * with float weights, "
	       "in\n"
	       "codes (sums: 1/127 of the largest). Saturated outputs are compared with the code they saturate to.\n"
	       "Frames: %llu\nLargest difference: %.3f\n",
	       (unsigned long long)frames, largest);
	return 0;
}

int check_compare(struct stage *s, const struct stage_params *p, const char *inputs, bool json)
{
	const struct akida_toolchain *t = tool_toolchain();
	struct akida_array frames = {0};
	struct akida_difference *d;
	struct akida_diag *diag;
	uint32_t dims[3];
	size_t n = 0;
	int status, err;

	if (!s->graph)
		return tool_error(s->path, "tool.stage", "is a %s: --compare needs a network with its float weights",
				  s->origin);
	status = stage_need_quantized(s, p);
	if (status)
		return status;
	input_dims(t, s->quantized, dims);
	status = load_frames(inputs, dims, &frames);
	if (status)
		return status;
	if (frames.dims[0] > FRAMES_MAX) {
		tool_note("%u of %zu frames are compared", FRAMES_MAX, frames.dims[0]);
		frames.dims[0] = FRAMES_MAX;
	}
	diag = akida_diag_create();
	d = calloc(t->graph_nodes(s->quantized), sizeof(*d));
	err = d ? t->graph_compare(s->quantized, &frames, d, &n, diag) : -12;
	if (err)
		status = tool_fail(diag, s->path, err);
	else if (json)
		print_json(s->path, d, n, frames.dims[0]);
	else
		status = print_text(s->path, d, n, frames.dims[0]);
	free(d);
	akida_diag_destroy(diag);
	akida_array_fini(&frames);
	return status;
}
