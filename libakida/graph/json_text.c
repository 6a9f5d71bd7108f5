/* SPDX-License-Identifier: MIT */
/* Building JSON text; see json_text.h. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "json_text.h"

static void put_n(struct ak_text *t, const char *s, size_t n)
{
	if (t->failed)
		return;
	if (t->len + n + 1 > t->capacity) {
		size_t capacity = 2 * (t->len + n + 1);
		char *grown = realloc(t->s, capacity);

		if (!grown) {
			t->failed = true;
			return;
		}
		t->s = grown;
		t->capacity = capacity;
	}
	memcpy(t->s + t->len, s, n);
	t->len += n;
	t->s[t->len] = 0;
}

void ak_text_put(struct ak_text *t, const char *s)
{
	put_n(t, s, strlen(s));
}

void ak_text_putf(struct ak_text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		t->failed = true;
	else
		put_n(t, buf, (size_t)n);
}

/* One code point of UTF-8; malformed bytes give U+FFFD and move on by one. */
static uint32_t code_point(const unsigned char **s)
{
	const unsigned char *p = *s;
	int more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
	uint32_t cp = p[0] & (0x3fu >> more);

	*s = p + 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0xfffd;
	for (int i = 1; i <= more; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0xfffd;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*s = p + 1 + more;
	return cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000) ? 0xfffd : cp;
}

void ak_text_string(struct ak_text *t, const char *value)
{
	const unsigned char *s = (const unsigned char *)value;

	ak_text_put(t, "\"");
	while (*s) {
		if (*s == '"' || *s == '\\') {
			ak_text_putf(t, "\\%c", *s++);
		} else if (*s >= 0x20 && *s < 0x7f) {
			put_n(t, (const char *)s++, 1);
		} else if (*s < 0x80) {
			ak_text_putf(t, "\\u%04x", *s++);
		} else {
			uint32_t cp = code_point(&s);

			if (cp >= 0x10000)
				ak_text_putf(t, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
					     0xdc00 + ((cp - 0x10000) & 0x3ff));
			else
				ak_text_putf(t, "\\u%04x", cp);
		}
	}
	ak_text_put(t, "\"");
}

/* The shortest decimal that is this float32, in Python's form: 6.0, 0.001, 1e-05. */
void ak_text_float(struct ak_text *t, float v)
{
	char s[40];
	int digits;

	for (digits = 1; digits < 9; digits++) {
		snprintf(s, sizeof(s), "%.*g", digits, (double)v);
		if (strtof(s, NULL) == v)
			break;
	}
	snprintf(s, sizeof(s), "%.*g", digits, (double)v);
	if (strchr(s, 'e') && fabsf(v) >= 1 && fabsf(v) < 1e16f) /* Python switches to exponents later */
		snprintf(s, sizeof(s), "%.1f", (double)v);
	ak_text_put(t, s);
	if (!strpbrk(s, ".en"))
		ak_text_put(t, ".0");
}

const char *ak_text_bool(bool b)
{
	return b ? "true" : "false";
}
