/* SPDX-License-Identifier: MIT */
/* Which class was taken for which: counts, the figures that follow from them, as text and as a drawing. */
#ifndef TOOL_CONFUSION_H
#define TOOL_CONFUSION_H

#include <stddef.h>
#include <stdint.h>

#define CONFUSION_MAX 16u

struct confusion {
	uint32_t classes;
	const char *const *names;		      /* of the classes, borrowed */
	uint64_t count[CONFUSION_MAX][CONFUSION_MAX]; /* [label][answer] */
};

/* n rows of classes values each: the answer is the first of the largest. Labels must be below classes. */
void confusion_add(struct confusion *c, const float *predictions, const int32_t *labels, size_t n);
uint64_t confusion_total(const struct confusion *c);
double confusion_accuracy(const struct confusion *c); /* 0 to 1; NaN without samples */
/* 0 to 1. A class that was never there and never answered has 0, as the field's libraries have it. */
double confusion_precision(const struct confusion *c, uint32_t k);
double confusion_recall(const struct confusion *c, uint32_t k);
double confusion_f1(const struct confusion *c, uint32_t k);
double confusion_macro_f1(const struct confusion *c);	 /* mean over the classes */
double confusion_weighted_f1(const struct confusion *c); /* by how many samples each has */
/* Rows are labels, columns answers; precision, recall and F1 behind each row. */
void confusion_print(const struct confusion *c);
/* An SVG; title is shown above it. 0, or an exit status after one printed error. */
int confusion_draw(const struct confusion *c, const char *title, const char *path);

#endif
