/* SPDX-License-Identifier: MIT */
/* Between the two halves of the v1 rules: blocks (rules_v1.c) and structure (structure_v1.c). */
#ifndef AK_CONVERT_RULES_H
#define AK_CONVERT_RULES_H

#include "base/diag.h"
#include "block.h"

#define AK_RULE_VALUE 64 /* bytes a rule may write about what it found */

enum ak_rule_node { NEURAL, POOL, RELU }; /* the layer of the block that a finding names */

struct ak_v1_rule {
	enum ak_rule rule;
	unsigned int kinds; /* of blocks it is for */
	enum ak_rule_node node;
	const char *field, *limit, *remedy;
	bool (*offends)(const struct ak_block *b, char *value);
};

/* Row i of a table, for tests and documents that must know all of them; false behind the last. */
struct ak_rule_row {
	enum ak_rule rule;
	const char *field, *limit;
};
bool ak_rules_v1_row(size_t i, struct ak_rule_row *row);
bool ak_rules_v2_row(size_t i, struct ak_rule_row *row);

/* Tries every rule of the table on one block; returns the number of errors. */
uint32_t ak_rules_v1_block(const struct ak_block *b, struct akida_diag *diag);
/* One finding; the text is made from the other members. */
void ak_v1_report(struct akida_diag *diag, enum akida_severity severity, enum ak_rule rule, const char *node,
		  const char *field, const char *value, const char *limit, const char *remedy);

#endif
