/* SPDX-License-Identifier: MIT */
/* Text tables as Akida users know them: left-aligned columns, two blanks between, as wide as the widest cell. */
#ifndef TOOL_TABLE_H
#define TOOL_TABLE_H

#include <stddef.h>

struct table;

struct table *table_create(int columns); /* NULL when out of memory */
void table_destroy(struct table *t);
/* One cell after the other; a full row starts the next one. Cells are copied. */
void table_cell(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* A rule across the table made of c ('_' or '='); text, when given, stands in its middle. */
void table_rule(struct table *t, char c, const char *text);
/* Width in characters once everything is in. */
int table_width(const struct table *t);
/* Prints with at least min_width characters per rule. */
void table_print(const struct table *t, int min_width);

#endif
