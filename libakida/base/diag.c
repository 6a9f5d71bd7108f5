/* SPDX-License-Identifier: MIT */
/* The diagnostic list: records with owned strings, and the rule table. Not locked: one list belongs to one caller. */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "diag.h"

#define MAX_RECORDS 1000u /* a hostile file must not fill memory with complaints */

static const struct {
	const char *id, *sentence;
} rules[] = {
#define RULE(sym, id, sentence) {id, sentence},
#include "rules.def"
#undef RULE
};

struct akida_diag {
	struct akida_diag_record *rec;
	size_t count, capacity;
};

const char *ak_rule_id(enum ak_rule rule)
{
	return (unsigned int)rule < AK_RULE_COUNT ? rules[rule].id : "";
}

const char *akida_rule_sentence(const char *rule)
{
	for (size_t i = 0; i < AK_RULE_COUNT; i++)
		if (!strcmp(rules[i].id, rule))
			return rules[i].sentence;
	return NULL;
}

struct akida_diag *akida_diag_create(void)
{
	return calloc(1, sizeof(struct akida_diag));
}

static void free_text(const char *s)
{
	if (s && *s)
		free((char *)(uintptr_t)s);
}

static void record_fini(struct akida_diag_record *r)
{
	free_text(r->node);
	free_text(r->field);
	free_text(r->value);
	free_text(r->limit);
	free_text(r->text);
	free_text(r->remedy);
}

void akida_diag_destroy(struct akida_diag *diag)
{
	if (!diag)
		return;
	for (size_t i = 0; i < diag->count; i++)
		record_fini(&diag->rec[i]);
	free(diag->rec);
	free(diag);
}

size_t akida_diag_count(const struct akida_diag *diag)
{
	return diag ? diag->count : 0;
}

const struct akida_diag_record *akida_diag_get(const struct akida_diag *diag, size_t i)
{
	return diag && i < diag->count ? &diag->rec[i] : NULL;
}

const struct akida_diag_record *akida_diag_first_error(const struct akida_diag *diag)
{
	for (size_t i = 0; i < akida_diag_count(diag); i++)
		if (diag->rec[i].severity == AKIDA_ERROR)
			return &diag->rec[i];
	return NULL;
}

/* An owned copy, or the static empty string when there is nothing to copy or no memory for it. */
static const char *own(const char *s)
{
	char *copy = s && *s ? strdup(s) : NULL;

	return copy ? copy : "";
}

void ak_diag_add(struct akida_diag *diag, const struct ak_finding *f)
{
	struct akida_diag_record *r;

	if (!diag || diag->count >= MAX_RECORDS)
		return;
	if (diag->count == diag->capacity) {
		size_t capacity = diag->capacity ? 2 * diag->capacity : 8;
		struct akida_diag_record *grown = realloc(diag->rec, capacity * sizeof(*grown));

		if (!grown)
			return;
		diag->rec = grown;
		diag->capacity = capacity;
	}
	r = &diag->rec[diag->count++];
	r->severity = f->severity;
	r->rule = ak_rule_id(f->rule);
	r->node = own(f->node);
	r->field = own(f->field);
	r->value = own(f->value);
	r->limit = own(f->limit);
	r->text = own(f->text);
	r->remedy = own(f->remedy);
}

static void add_text(struct akida_diag *diag, enum akida_severity sev, enum ak_rule rule, const char *node,
		     const char *fmt, va_list ap)
{
	char text[512];
	int n = 0;

	if (!diag)
		return;
	if (node && *node)
		n = snprintf(text, sizeof(text), "%.200s: ", node);
	vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	ak_diag_add(diag, &(struct ak_finding){.severity = sev, .rule = rule, .node = node, .text = text});
}

int ak_fail(struct akida_diag *diag, int err, enum ak_rule rule, const char *node, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(diag, AKIDA_ERROR, rule, node, fmt, ap);
	va_end(ap);
	return err;
}

void ak_note(struct akida_diag *diag, enum akida_severity sev, enum ak_rule rule, const char *node, const char *fmt,
	     ...)
{
	va_list ap;

	va_start(ap, fmt);
	add_text(diag, sev, rule, node, fmt, ap);
	va_end(ap);
}

void ak_remedy(struct akida_diag *diag, const char *fmt, ...)
{
	struct akida_diag_record *r;
	char text[256];
	va_list ap;

	if (!diag || !diag->count)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = &diag->rec[diag->count - 1];
	free_text(r->remedy);
	r->remedy = own(text);
}

const char *akida_strerror(int err)
{
	switch (-err) {
	case 0:
		return "success";
	case EINVAL:
		return "the request contradicts the documentation";
	case EOPNOTSUPP:
		return "not available here";
	case ENOENT:
		return "no such file or object";
	case ENOSPC:
		return "does not fit";
	case EILSEQ:
		return "malformed file";
	case EBADMSG:
		return "checksum or version mismatch";
	case EIO:
		return "the device or file showed an error";
	case ETIMEDOUT:
		return "no completion in time";
	case ENODEV:
		return "device gone, or reset since it was opened";
	case ENOMEM:
		return "out of memory";
	case ERANGE:
		return "a number is outside its range";
	default:
		return strerror(-err);
	}
}
