/* SPDX-License-Identifier: MIT */
/* Counts of answers, see confusion.h. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include "common/confusion.h"
#include "common/table.h"
#include "common/tool.h"

#define CELL 90u
#define MARGIN 110u

void confusion_add(struct confusion *c, const float *predictions, const int32_t *labels, size_t n)
{
	for (size_t i = 0; i < n; i++, predictions += c->classes) {
		uint32_t best = 0;

		for (uint32_t k = 1; k < c->classes; k++)
			if (predictions[k] > predictions[best])
				best = k;
		c->count[labels[i]][best]++;
	}
}

static uint64_t labelled(const struct confusion *c, uint32_t k)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->classes; i++)
		sum += c->count[k][i];
	return sum;
}

static uint64_t answered(const struct confusion *c, uint32_t k)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < c->classes; i++)
		sum += c->count[i][k];
	return sum;
}

uint64_t confusion_total(const struct confusion *c)
{
	uint64_t sum = 0;

	for (uint32_t k = 0; k < c->classes; k++)
		sum += labelled(c, k);
	return sum;
}

double confusion_accuracy(const struct confusion *c)
{
	uint64_t right = 0, total = confusion_total(c);

	for (uint32_t k = 0; k < c->classes; k++)
		right += c->count[k][k];
	return total ? (double)right / (double)total : NAN;
}

static double share(uint64_t part, uint64_t all)
{
	return all ? (double)part / (double)all : 0;
}

double confusion_precision(const struct confusion *c, uint32_t k)
{
	return share(c->count[k][k], answered(c, k));
}

double confusion_recall(const struct confusion *c, uint32_t k)
{
	return share(c->count[k][k], labelled(c, k));
}

double confusion_f1(const struct confusion *c, uint32_t k)
{
	return share(2 * c->count[k][k], labelled(c, k) + answered(c, k));
}

double confusion_macro_f1(const struct confusion *c)
{
	double sum = 0;

	for (uint32_t k = 0; k < c->classes; k++)
		sum += confusion_f1(c, k);
	return sum / c->classes;
}

double confusion_weighted_f1(const struct confusion *c)
{
	double sum = 0;

	for (uint32_t k = 0; k < c->classes; k++)
		sum += confusion_f1(c, k) * share(labelled(c, k), confusion_total(c));
	return sum;
}

void confusion_print(const struct confusion *c)
{
	struct table *t = table_create((int)c->classes + 4);

	if (!t)
		return;
	table_cell(t, "label \\ answer");
	for (uint32_t k = 0; k < c->classes; k++)
		table_cell(t, "%s", c->names[k]);
	table_cell(t, "precision");
	table_cell(t, "recall");
	table_cell(t, "F1");
	for (uint32_t k = 0; k < c->classes; k++) {
		table_cell(t, "%s", c->names[k]);
		for (uint32_t i = 0; i < c->classes; i++)
			table_cell(t, "%" PRIu64, c->count[k][i]);
		table_cell(t, "%.4f", confusion_precision(c, k));
		table_cell(t, "%.4f", confusion_recall(c, k));
		table_cell(t, "%.4f", confusion_f1(c, k));
	}
	table_print(t, 0);
	table_destroy(t);
}

/* Class names come from programs, not from files; titles may hold file names: both are drawn without what XML reserves. */
static void text(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < ' ' || *s == '<' || *s == '>' || *s == '&' ? '?' : *s, f);
}

static void draw(FILE *f, const struct confusion *c, const char *title)
{
	unsigned int side = MARGIN + c->classes * CELL + 20;

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%u\" height=\"%u\" font-family=\"sans-serif\" "
		"font-size=\"14\" text-anchor=\"middle\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
		"<text x=\"%u\" y=\"24\">",
		side, side, side / 2);
	text(f, title);
	fprintf(f,
		"</text>\n<text x=\"%u\" y=\"56\">answer</text>\n<text x=\"20\" y=\"%u\" transform=\"rotate(-90 20 "
		"%u)\">"
		"label</text>\n",
		MARGIN + c->classes * CELL / 2, MARGIN + c->classes * CELL / 2, MARGIN + c->classes * CELL / 2);
	for (uint32_t k = 0; k < c->classes; k++) {
		fprintf(f, "<text x=\"%u\" y=\"%u\">", MARGIN + k * CELL + CELL / 2, MARGIN - 14);
		text(f, c->names[k]);
		fprintf(f, "</text>\n<text x=\"%u\" y=\"%u\">", MARGIN - 40, MARGIN + k * CELL + CELL / 2 + 5);
		text(f, c->names[k]);
		fputs("</text>\n", f);
		for (uint32_t i = 0; i < c->classes; i++) {
			double part = share(c->count[k][i], labelled(c, k));
			unsigned int x = MARGIN + i * CELL, y = MARGIN + k * CELL;

			fprintf(f,
				"<rect x=\"%u\" y=\"%u\" width=\"%u\" height=\"%u\" fill=\"hsl(215 70%% %.0f%%)\" "
				"stroke=\"#888\"/>\n<text x=\"%u\" y=\"%u\" fill=\"%s\">%" PRIu64 "</text>\n",
				x, y, CELL, CELL, 96 - 56 * part, x + CELL / 2, y + CELL / 2 + 5,
				part > 0.6 ? "#fff" : "#000", c->count[k][i]);
		}
	}
	fputs("</svg>\n", f);
}

int confusion_draw(const struct confusion *c, const char *title, const char *path)
{
	struct akida_diag *diag;
	char *bytes = NULL;
	size_t len = 0;
	FILE *f = open_memstream(&bytes, &len);
	int err, status;

	if (!f)
		return tool_error(path, "sys.no-memory", "no memory to draw in");
	draw(f, c, title);
	err = fclose(f) ? -ENOMEM : 0;
	diag = akida_diag_create();
	if (!err)
		err = akida_file_write(path, bytes, len, diag);
	status = err ? tool_fail(diag, path, err) : 0;
	akida_diag_destroy(diag);
	free(bytes);
	return status;
}
