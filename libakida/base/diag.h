/* SPDX-License-Identifier: MIT */
/* How the library fills a diagnostic list. The function that fails adds the record; callers propagate the code. */
#ifndef AK_BASE_DIAG_H
#define AK_BASE_DIAG_H

#include <akida/status.h>

enum ak_rule {
#define RULE(sym, id, sentence) AK_RULE_##sym,
#include "rules.def"
#undef RULE
	AK_RULE_COUNT
};

const char *ak_rule_id(enum ak_rule rule);

/*
 * Record an error and return err (a negative errno), so that callers write
 *   return ak_fail(diag, -EILSEQ, AK_RULE_H5_TRUNCATED, path, "ends at byte %zu of %zu", got, want);
 * diag may be NULL. node may be NULL. The format makes the text after "node: ".
 */
int ak_fail(struct akida_diag *diag, int err, enum ak_rule rule, const char *node, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
void ak_note(struct akida_diag *diag, enum akida_severity sev, enum ak_rule rule, const char *node, const char *fmt,
	     ...) __attribute__((format(printf, 5, 6)));

/* A full finding: field, value, limit and remedy for reports such as `akida check`. NULL members mean "none". */
struct ak_finding {
	enum akida_severity severity;
	enum ak_rule rule;
	const char *node, *field, *value, *limit, *text, *remedy;
};
void ak_diag_add(struct akida_diag *diag, const struct ak_finding *f);

/* Set the remedy of the newest record (printf style); does nothing without a list. */
void ak_remedy(struct akida_diag *diag, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
