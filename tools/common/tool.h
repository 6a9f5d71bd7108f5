/* SPDX-License-Identifier: MIT */
/*
 * What every program here shares: exit statuses, one-line errors, notes, and the door to the toolchain library.
 * Standard output belongs to results; everything in this file writes to standard error.
 */
#ifndef TOOL_TOOL_H
#define TOOL_TOOL_H

#include <stdbool.h>
#include <stdio.h>
#include <akida/toolchain.h>
#include <akida/akida.h>

enum { TOOL_DONE = 0, TOOL_FAILED = 1, TOOL_USAGE = 2 };

/* "akida", "akida-bench", "quantizeml" or "cnn2snn": the word before every message. */
extern const char *tool_name;

/* Prints `NAME: WHAT: WHY (RULE)`, rule an id of rules.def, and returns TOOL_FAILED. */
int tool_error(const char *what, const char *rule, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The first error of diag, else what and the text of err; the remedy goes to the same line. Returns TOOL_FAILED. */
int tool_fail(const struct akida_diag *diag, const char *what, int err);
/* Prints `NAME: TEXT` and where help is; returns TOOL_USAGE. */
int tool_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * Can path (NULL: nothing to write) become a file? Asked before the work starts, so that hours of training do not end in
 * a missing folder. 0, or TOOL_FAILED after one printed error.
 */
int tool_output(const char *path);
/* The status a program ends with: status, unless standard output turns out not to be written (a full disk). */
int tool_end(int status);
/* What a program does on its own accord (stages it adds, defaults it takes). */
void tool_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Notes and warnings of a diagnostic list that ended well. */
void tool_notes_of(const struct akida_diag *diag);
/* Names from files may hold anything: copies with control characters replaced by '?'. Returns out. */
const char *tool_clean(char *out, size_t bytes, const char *text);

/* Folder of the running program, without a slash at the end; "" when unknown. */
const char *tool_folder(void);
/* The toolchain library's table, opened at the first call; NULL after one printed error. */
const struct akida_toolchain *tool_toolchain(void);
/* The same without a message, for programs that only tell whether it is there. */
const struct akida_toolchain *tool_toolchain_quiet(const char **why);

#endif
