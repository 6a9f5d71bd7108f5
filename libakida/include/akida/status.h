/* SPDX-License-Identifier: MIT */
/*
 * Errors. Every call returns zero or a positive count, or one negative errno with the meaning below. What the
 * number cannot say goes into an optional diagnostic list: one record per finding, with a stable rule id.
 *
 *  -EINVAL      the request contradicts the documentation       -ENOENT     no such file or object
 *  -EOPNOTSUPP  well formed, not available here (named)          -ENOSPC     the network does not fit the chip
 *  -EILSEQ      malformed file                                   -EBADMSG    checksum or version mismatch
 *  -EIO         the device showed an error (also all ones)       -ETIMEDOUT  no completion in time
 *  -ENODEV      device gone or reset since it was opened         -ENOMEM     out of memory
 *  -ERANGE      a number is outside the representable range (NaN and infinity included)
 */
#ifndef AKIDA_STATUS_H
#define AKIDA_STATUS_H

#include <stddef.h>
#include "version.h"

enum akida_severity { AKIDA_NOTE, AKIDA_WARNING, AKIDA_ERROR };

/* One finding. All strings are owned by the list and never NULL (empty when not applicable). */
struct akida_diag_record {
	enum akida_severity severity;
	const char *rule;   /* stable id, "h5.truncated"; the list with a sentence each is libakida/base/rules.def */
	const char *node;   /* layer or file the finding is about */
	const char *field;  /* property, "kernel_size" */
	const char *value;  /* what was found */
	const char *limit;  /* what is allowed */
	const char *text;   /* one line for people: WHAT: WHY */
	const char *remedy; /* what to do about it */
};

struct akida_diag;

/* Caller destroys with akida_diag_destroy (NULL allowed). Returns NULL when out of memory. Not thread safe. */
AKIDA_API struct akida_diag *akida_diag_create(void);
AKIDA_API void akida_diag_destroy(struct akida_diag *diag);
AKIDA_API size_t akida_diag_count(const struct akida_diag *diag);
/* Record i in order of discovery, or NULL. Borrowed until the list is destroyed. */
AKIDA_API const struct akida_diag_record *akida_diag_get(const struct akida_diag *diag, size_t i);
/* First record of severity AKIDA_ERROR, or NULL. */
AKIDA_API const struct akida_diag_record *akida_diag_first_error(const struct akida_diag *diag);
/* The sentence that belongs to a rule id, or NULL for an unknown id. */
AKIDA_API const char *akida_rule_sentence(const char *rule);
/* Text for a negative errno of this library. */
AKIDA_API const char *akida_strerror(int err);

#endif
