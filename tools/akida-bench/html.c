/* SPDX-License-Identifier: MIT */
/* The report of akida-bench as one HTML page that needs no other file and no network. */
#include <inttypes.h>
#include <math.h>
#include "akida-bench/bench.h"
#include "common/report.h"

static void escaped(FILE *f, const char *text)
{
	for (; *text; text++) {
		if (*text == '<' || *text == '>' || *text == '&' || *text == '"')
			fprintf(f, "&#%d;", *text);
		else
			fputc((unsigned char)*text < 0x20 ? '?' : *text, f);
	}
}

static void row_text(FILE *f, const char *name, const char *value, const char *source)
{
	fprintf(f, "<tr><th>%s</th><td>", name);
	escaped(f, value);
	fprintf(f, "</td><td>%s</td></tr>\n", source);
}

static void row(FILE *f, const char *name, double value, const char *format, const char *source)
{
	char text[64];

	if (!isfinite(value))
		return;
	snprintf(text, sizeof(text), "%.*f %s", value >= 1000 ? 0 : value >= 10 ? 1 : 3, value, format);
	row_text(f, name, text, source);
}

static void sparsity_rows(FILE *f, const struct bench *b)
{
	fprintf(f, "<h2>Sparsity of each layer's output</h2>\n<table>\n");
	for (uint32_t i = 0; i < b->sparsity_count; i++)
		fprintf(f,
			"<tr><th>layer %u</th><td><svg width=\"200\" height=\"12\"><rect width=\"200\" height=\"12\" "
			"fill=\"#ddd\"/>"
			"<rect width=\"%.0f\" height=\"12\" fill=\"#369\"/></svg></td><td>%.1f %%</td></tr>\n",
			i, 200 * b->sparsity[i], 100 * b->sparsity[i]);
	fprintf(f, "</table>\n<p>From layers run on this host.</p>\n");
}

void bench_html(const struct bench *b, FILE *f)
{
	const struct akida_stats *s = &b->stats;
	const char *source = report_source(s->source), *power = s->has_power ? source : "";
	char text[160];

	fprintf(f,
		"<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>akida-bench</title>\n"
		"<style>body{font:15px sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}"
		"th,td{text-align:left;padding:.25em .8em;border-bottom:1px solid #ddd}th{font-weight:normal}</style>\n"
		"</head><body>\n<h1>akida-bench</h1>\n<table>\n");
	row_text(f, "Model", b->model, "");
	row_text(f, "SHA-256", b->sha256, "");
	row_text(f, "Data", b->data_name, "");
	snprintf(text, sizeof(text), "%s (%s, Akida %s)", b->device.name, b->device.chip, b->device.ip);
	row_text(f, "Device", text, "");
	snprintf(text, sizeof(text), "%" PRIu64 ", batch %" PRIu64, b->frames, b->batch);
	row_text(f, "Frames", text, "");
	fprintf(f, "</table>\n<h2>Figures</h2>\n<table>\n");
	row(f, "Framerate", s->fps > 0 ? s->fps : NAN, "fps", source);
	row(f, "Latency, median", s->latency_us_p50, "us", source);
	row(f, "Latency, 99 %", s->latency_us_p99, "us", source);
	row(f, "Latency, largest", s->latency_us_max, "us", source);
	row(f, "Floor power", s->floor_mw > 0 ? s->floor_mw : NAN, "mW", source);
	row(f, "Average power", s->has_power ? s->avg_mw : NAN, "mW", power);
	row(f, "Energy per frame", s->has_power ? s->energy_mj_per_frame : NAN, "mJ", power);
	row(f, "Framerate of this host", s->host_fps, "fps", "measured (this host)");
	if (b->mapped) {
		row(f, "Memory of the inference", (double)b->program.memory_bytes, "bytes", "the program");
		row(f, "Processors", b->program.nps, "NPs", "the program");
		row_text(f, "Weakest encoding", akida_tag_name(b->program.tag), "the program");
	}
	if (b->has_accuracy) {
		snprintf(text, sizeof(text), "%" PRIu64 " of %" PRIu64, b->correct, b->total);
		row_text(f, "Accuracy", text, "outputs of the device");
	}
	row(f, "Quality (smaller is better)", b->quality, "", "follows from the above");
	fprintf(f, "</table>\n");
	if (b->sparsity)
		sparsity_rows(f, b);
	fprintf(f, "<p>akida-bench " AKIDA_VERSION "</p>\n</body></html>\n");
}
