/* SPDX-License-Identifier: MIT */
/* Data sets of sets/ as whole arrays: speech:DIR,split=test,limit=100. */
#ifndef AK_IMPORT_SET_SPEC_H
#define AK_IMPORT_SET_SPEC_H

#include <stdbool.h>
#include <akida/data.h>

bool ak_set_is_spec(const char *spec);
/* Errors of akida_set_open and akida_set_load; -EOPNOTSUPP: a set without classes. */
int ak_set_load_spec(const char *spec, struct akida_dataset *out, struct akida_diag *diag);

#endif
