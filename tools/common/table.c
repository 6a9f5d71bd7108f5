/* SPDX-License-Identifier: MIT */
/* Text tables: rows are collected, then printed with common column widths. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "common/table.h"
#include "common/tool.h"

#define COLUMNS_MAX 12

struct row {
	char rule; /* 0: cells */
	char *cell[COLUMNS_MAX];
};
struct table {
	int columns, filled;
	size_t rows, capacity;
	struct row *row;
};

struct table *table_create(int columns)
{
	struct table *t = calloc(1, sizeof(*t));

	if (t)
		t->columns = columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
	return t;
}

void table_destroy(struct table *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->rows; i++)
		for (int c = 0; c < COLUMNS_MAX; c++)
			free(t->row[i].cell[c]);
	free(t->row);
	free(t);
}

static struct row *add_row(struct table *t)
{
	if (t->rows == t->capacity) {
		size_t capacity = t->capacity ? 2 * t->capacity : 16;
		struct row *grown = realloc(t->row, capacity * sizeof(*grown));

		if (!grown)
			return NULL;
		t->row = grown;
		t->capacity = capacity;
	}
	t->row[t->rows] = (struct row){0};
	return &t->row[t->rows++];
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char text[256], clean[256];
	struct row *r;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (!t || (!t->filled && !add_row(t)))
		return;
	r = &t->row[t->rows - 1];
	r->cell[t->filled] = strdup(tool_clean(clean, sizeof(clean), text));
	t->filled = (t->filled + 1) % t->columns;
}

void table_rule(struct table *t, char c, const char *text)
{
	struct row *r = t ? add_row(t) : NULL;

	if (!r)
		return;
	t->filled = 0;
	r->rule = c;
	r->cell[0] = text ? strdup(text) : NULL;
}

static int column_width(const struct table *t, int c)
{
	int width = 0;

	for (size_t i = 0; i < t->rows; i++)
		if (!t->row[i].rule && t->row[i].cell[c] && (int)strlen(t->row[i].cell[c]) > width)
			width = (int)strlen(t->row[i].cell[c]);
	return width;
}

int table_width(const struct table *t)
{
	int width;

	if (!t)
		return 0;
	width = 2 * (t->columns - 1);
	for (int c = 0; c < t->columns; c++)
		width += column_width(t, c);
	for (size_t i = 0; i < t->rows; i++)
		if (t->row[i].rule && t->row[i].cell[0] && (int)strlen(t->row[i].cell[0]) + 4 > width)
			width = (int)strlen(t->row[i].cell[0]) + 4;
	return width;
}

static void print_rule(const struct row *r, int width)
{
	int text = r->cell[0] ? (int)strlen(r->cell[0]) + 2 : 0;
	int left = (width - text) / 2;

	for (int i = 0; i < left; i++)
		putchar(r->rule);
	if (r->cell[0])
		printf(" %s ", r->cell[0]);
	for (int i = left + text; i < width; i++)
		putchar(r->rule);
	putchar('\n');
}

void table_print(const struct table *t, int min_width)
{
	int width = table_width(t), w[COLUMNS_MAX];

	if (!t)
		return;
	if (width < min_width)
		width = min_width;
	for (int c = 0; c < t->columns; c++)
		w[c] = column_width(t, c);
	for (size_t i = 0; i < t->rows; i++) {
		const struct row *r = &t->row[i];
		int last = t->columns - 1;

		if (r->rule) {
			print_rule(r, width);
			continue;
		}
		while (last > 0 && (!r->cell[last] || !*r->cell[last]))
			last--;
		for (int c = 0; c < last; c++)
			printf("%-*s  ", w[c], r->cell[c] ? r->cell[c] : "");
		puts(r->cell[last] ? r->cell[last] : "");
	}
}
