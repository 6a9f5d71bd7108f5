/* SPDX-License-Identifier: MIT */
/*
 * Work shared by any number of processes, on one machine or several that see the same folder: a job is claimed by making
 * its claim file, and done when its result file is there. Nothing else is shared, so that a process that dies
 * costs the job it was at and nothing more: others see that its owner is gone (or, from another machine, that the
 * claim was not touched for JOURNAL_STALE seconds) and take the job over. Results replace their file as a whole. Two
 * processes may, in the worst case, do one job twice; jobs are functions of their names, so both write the same.
 */
#ifndef TOOL_JOURNAL_H
#define TOOL_JOURNAL_H

#include "common/tool.h"

#define JOURNAL_STALE 120

struct journal {
	char folder[3072];
	char host[256];
	double touched; /* monotonic seconds of the newest journal_alive */
};

enum journal_state { JOURNAL_FREE, JOURNAL_TAKEN, JOURNAL_ORPHAN, JOURNAL_DONE };

/*
 * Opens (and makes) the folder. settings is what all jobs depend on, one line; the first process writes it down, and a folder
 * with other settings is refused. 0, or an exit status after one printed error.
 */
int journal_open(struct journal *j, const char *folder, const char *settings);
/* Of job, a name that can be a file's. ORPHAN: claimed by somebody who is gone. */
enum journal_state journal_look(const struct journal *j, const char *job);
/* Claims a FREE or ORPHAN job. 1: it is ours; 0: somebody else has it; -1 after one printed error. */
int journal_claim(struct journal *j, const char *job);
/* Tells that the owner of a claim is at work. To be called often; touches the file once in two seconds. */
void journal_alive(struct journal *j, const char *job);
/* Result of a claimed job, any text. 0, or an exit status after one printed error. */
int journal_done(const struct journal *j, const char *job, const char *text);
/* The result of a DONE job; malloc'ed, NULL when there is none. */
char *journal_result(const struct journal *j, const char *job);
/* FOLDER/job with this ending; returns out. */
const char *journal_path(const struct journal *j, const char *job, const char *ending, char *out, size_t bytes);

#endif
