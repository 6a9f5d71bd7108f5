/* SPDX-License-Identifier: MIT */
/*
 * A few threads that work on the same thing at the same time. Between two jobs they spin for a moment and then sleep; a job
 * takes no lock and allocates nothing.
 */
#ifndef AK_KERNELS_TEAM_H
#define AK_KERNELS_TEAM_H

#include <stdbool.h>
#include <stdint.h>

struct ak_team;

/* Members 0 (the caller of ak_team_run) to size-1; pin: each other one to a processor of its own. -ENOMEM, -EAGAIN. */
int ak_team_create(uint32_t size, bool pin, struct ak_team **out);
void ak_team_destroy(struct ak_team *t);
uint32_t ak_team_size(const struct ak_team *t);
/* work(context, member) by every member; returns when all are done. One caller at a time. */
void ak_team_run(struct ak_team *t, void (*work)(void *context, uint32_t member), void *context);
/* Inside work: waits until every member is here. What they wrote before is seen by all after. */
void ak_team_meet(struct ak_team *t);
/* Processors this process may run on. */
uint32_t ak_team_processors(void);

#endif
