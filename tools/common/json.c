/* SPDX-License-Identifier: MIT */
/* Writing one JSON object to a stream. Text is passed as UTF-8; bytes that are not are replaced. */
#include <inttypes.h>
#include <math.h>
#include "common/json.h"

/* Length of the UTF-8 sequence at s, or 0 when it is not one. */
static int utf8_length(const unsigned char *s)
{
	int n = *s < 0x80		  ? 1
		: *s >= 0xc2 && *s < 0xe0 ? 2
		: *s >= 0xe0 && *s < 0xf0 ? 3
		: *s >= 0xf0 && *s < 0xf5 ? 4
					  : 0;

	for (int i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if (n == 3 && ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f)))
		return 0;
	if (n == 4 && ((s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f)))
		return 0;
	return n;
}

static void write_text(FILE *f, const char *text)
{
	fputc('"', f);
	for (const unsigned char *s = (const unsigned char *)text; *s;) {
		int n = utf8_length(s);

		if (*s == '"' || *s == '\\')
			fprintf(f, "\\%c", *s);
		else if (*s < 0x20)
			fprintf(f, "\\u%04x", *s);
		else if (n)
			fwrite(s, 1, (size_t)n, f);
		else
			fputc('?', f);
		s += n ? n : 1;
	}
	fputc('"', f);
}

static void start(struct json *j, const char *key)
{
	if (j->depth) {
		fputs(j->more[j->depth] ? ",\n" : "\n", j->out);
		fprintf(j->out, "%*s", 2 * j->depth, "");
		j->more[j->depth] = true;
	}
	if (key) {
		write_text(j->out, key);
		fputs(": ", j->out);
	}
}

void json_open(struct json *j, const char *key, char bracket)
{
	start(j, key);
	fputc(bracket, j->out);
	if (j->depth + 1 < (int)(sizeof(j->more) / sizeof(*j->more)))
		j->depth++;
	j->more[j->depth] = false;
}

void json_close(struct json *j, char bracket)
{
	bool any = j->more[j->depth];

	j->depth--;
	if (any)
		fprintf(j->out, "\n%*s", 2 * j->depth, "");
	fputc(bracket, j->out);
	if (!j->depth)
		fputc('\n', j->out);
}

void json_text(struct json *j, const char *key, const char *value)
{
	if (!value) {
		json_null(j, key);
		return;
	}
	start(j, key);
	write_text(j->out, value);
}

void json_count(struct json *j, const char *key, uint64_t value)
{
	start(j, key);
	fprintf(j->out, "%" PRIu64, value);
}

void json_number(struct json *j, const char *key, double value)
{
	if (!isfinite(value)) {
		json_null(j, key);
		return;
	}
	start(j, key);
	fprintf(j->out, "%.10g", value);
}

void json_null(struct json *j, const char *key)
{
	start(j, key);
	fputs("null", j->out);
}
