/* SPDX-License-Identifier: MIT */
/* The report of akida-bench: text in the words Akida users know, and JSON of schema akida-bench/1. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include "akida-bench/bench.h"
#include "common/json.h"
#include "common/report.h"

void bench_text(const struct bench *b)
{
	char clean[1024];

	printf("Model: %s\n", tool_clean(clean, sizeof(clean), b->model));
	printf("Device: %s\n", b->device.name);
	printf("Data: %s, %" PRIu64 " frames, batch %" PRIu64 "\n", b->data_name, b->frames, b->batch);
	if (b->mapped)
		printf("Mapping: %s, %u NPs, %u HRC, %u pass%s, program %" PRIu64 " bytes, weakest tag %s\n",
		       b->mode ? b->mode : "its own", b->program.nps, b->program.hrc, b->program.passes,
		       b->program.passes == 1 ? "" : "es", b->program.program_bytes, akida_tag_name(b->program.tag));
	report_stats(&b->stats);
	if (b->mapped)
		printf("Total memory usage of the inference %" PRIu64 " Byte\n", b->program.memory_bytes);
	if (b->has_accuracy)
		printf("Accuracy: %" PRIu64 "/%" PRIu64 "\n", b->correct, b->total);
	report_more(&b->stats);
	for (uint32_t i = 0; b->sparsity && i < b->sparsity_count; i++)
		printf("%s%.3f%s", i ? ", " : "Sparsity per layer: ", b->sparsity[i],
		       i + 1 == b->sparsity_count ? "\n" : "");
	if (isfinite(b->quality))
		printf("Quality: %.1f\n", b->quality);
}

static void write_run(struct json *j, const struct bench *b)
{
	const struct akida_stats *s = &b->stats;

	json_open(j, "run", '{');
	json_count(j, "frames", b->frames);
	json_count(j, "batch", b->batch);
	json_number(j, "fps", s->fps > 0 ? s->fps : NAN);
	json_open(j, "latency_us", '{');
	json_number(j, "p50", s->latency_us_p50);
	json_number(j, "p99", s->latency_us_p99);
	json_number(j, "max", s->latency_us_max);
	json_close(j, '}');
	json_number(j, "host_fps", s->host_fps);
	if (s->has_clk) {
		json_count(j, "inference_clk", s->inference_clk);
		json_count(j, "program_clk", s->program_clk);
	} else {
		json_null(j, "inference_clk");
		json_null(j, "program_clk");
	}
	json_close(j, '}');
	json_open(j, "power_mw", '{');
	json_number(j, "floor", s->floor_mw > 0 ? s->floor_mw : NAN);
	json_number(j, "avg", s->has_power ? s->avg_mw : NAN);
	json_number(j, "min", s->has_power ? s->min_mw : NAN);
	json_number(j, "max", s->has_power ? s->max_mw : NAN);
	json_number(j, "std", s->has_power ? s->std_mw : NAN);
	json_close(j, '}');
	json_number(j, "energy_mj_per_frame", s->has_power ? s->energy_mj_per_frame : NAN);
}

static void write_map(struct json *j, const struct bench *b)
{
	json_open(j, "map", '{');
	json_text(j, "mode", b->mapped ? b->mode : NULL);
	if (b->mapped) {
		json_count(j, "nps", b->program.nps);
		json_count(j, "passes", b->program.passes);
		json_count(j, "program_bytes", b->program.program_bytes);
		json_count(j, "memory_bytes", b->program.memory_bytes);
		json_text(j, "tag", akida_tag_name(b->program.tag));
	} else {
		json_null(j, "nps");
		json_null(j, "passes");
		json_null(j, "program_bytes");
		json_null(j, "memory_bytes");
		json_null(j, "tag");
	}
	json_close(j, '}');
}

void bench_json(const struct bench *b, FILE *out)
{
	struct json j = {.out = out};

	json_open(&j, NULL, '{');
	json_text(&j, "schema", "akida-bench/1");
	json_open(&j, "model", '{');
	json_text(&j, "file", b->model);
	json_text(&j, "sha256", b->sha256);
	json_count(&j, "layers", b->layers);
	if (b->has_parameters)
		json_count(&j, "parameters", b->parameters);
	else
		json_null(&j, "parameters");
	json_close(&j, '}');
	json_open(&j, "device", '{');
	json_text(&j, "name", b->device.name);
	json_text(&j, "chip", b->device.chip);
	json_text(&j, "ip", b->device.ip);
	json_text(&j, "source", akida_source_name(b->stats.source));
	json_number(&j, "clock_mhz", b->device.clock_mhz > 0 ? b->device.clock_mhz : NAN);
	json_close(&j, '}');
	json_text(&j, "data", b->data_name);
	write_map(&j, b);
	write_run(&j, b);
	if (b->has_accuracy) {
		json_open(&j, "accuracy", '{');
		json_count(&j, "correct", b->correct);
		json_count(&j, "total", b->total);
		json_close(&j, '}');
	} else {
		json_null(&j, "accuracy");
	}
	if (b->sparsity) {
		json_open(&j, "sparsity", '[');
		for (uint32_t i = 0; i < b->sparsity_count; i++)
			json_number(&j, NULL, b->sparsity[i]);
		json_close(&j, ']');
	} else {
		json_null(&j, "sparsity");
	}
	json_number(&j, "quality", b->quality);
	json_close(&j, '}');
}

int bench_save(const struct bench *b, const char *path, void (*write)(const struct bench *b, FILE *out))
{
	struct akida_diag *diag = akida_diag_create();
	char *text = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&text, &len);
	int status = TOOL_DONE, err;

	if (f)
		write(b, f);
	if (!f || fclose(f)) {
		status = tool_error(path, "sys.no-memory", "no memory for the report");
	} else {
		err = akida_file_write(path, text, len, diag);
		if (err)
			status = tool_fail(diag, path, err);
	}
	free(text);
	akida_diag_destroy(diag);
	return status;
}
