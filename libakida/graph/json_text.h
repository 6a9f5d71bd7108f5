/* SPDX-License-Identifier: MIT */
/* JSON text as Python's json.dumps writes it: ASCII, ", " and ": ", the shortest decimals. For files that are compared. */
#ifndef AK_GRAPH_JSON_TEXT_H
#define AK_GRAPH_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Starts zeroed; s is the caller's to free. A failed allocation sets failed, and what follows does nothing. */
struct ak_text {
	char *s;
	size_t len, capacity;
	bool failed;
};

void ak_text_put(struct ak_text *t, const char *s);
/* At most 511 bytes a call, else failed. */
void ak_text_putf(struct ak_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void ak_text_string(struct ak_text *t, const char *value); /* quoted; malformed UTF-8 becomes U+FFFD */
void ak_text_float(struct ak_text *t, float v);		   /* in Python's form: 6.0, 0.001, 1e-05 */
const char *ak_text_bool(bool b);

#endif
