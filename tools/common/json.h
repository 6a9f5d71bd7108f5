/* SPDX-License-Identifier: MIT */
/* Writing one JSON object to a stream: nesting, escaping, and null for numbers that are not known. */
#ifndef TOOL_JSON_H
#define TOOL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
	FILE *out;
	int depth;
	bool more[16]; /* per level: something was written, the next item needs a comma */
};

/* key NULL: an element of an array, or the outermost object. */
void json_open(struct json *j, const char *key, char bracket);	    /* '{' or '[' */
void json_close(struct json *j, char bracket);			    /* '}' or ']'; the outermost ends the line */
void json_text(struct json *j, const char *key, const char *value); /* NULL: null */
void json_count(struct json *j, const char *key, uint64_t value);
void json_number(struct json *j, const char *key, double value); /* NaN and infinity: null */
void json_null(struct json *j, const char *key);

#endif
