/* SPDX-License-Identifier: MIT */
/*
 * Interposes the allocator of a test program: while armed, the allocation number countdown fails and live counts what is
 * not freed yet. Included by one source file of a program. Off under AddressSanitizer, which brings its own allocator.
 */
#ifndef TESTS_UNIT_ALLOC_FAILURE_H
#define TESTS_UNIT_ALLOC_FAILURE_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define INTERPOSED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define INTERPOSED 0
#endif
#endif
#ifndef INTERPOSED
#define INTERPOSED 1
#endif

static bool armed;
static long countdown, live;

#if INTERPOSED
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t m);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static bool fails(void)
{
	return armed && countdown-- == 0;
}

void *malloc(size_t n)
{
	void *p = fails() ? NULL : __libc_malloc(n);

	live += armed && p;
	return p;
}

void *calloc(size_t n, size_t m)
{
	void *p = fails() ? NULL : __libc_calloc(n, m);

	live += armed && p;
	return p;
}

void *realloc(void *p, size_t n)
{
	void *q = fails() ? NULL : __libc_realloc(p, n);

	live += armed && !p && q;
	return q;
}

void free(void *p)
{
	live -= armed && p;
	__libc_free(p);
}
#endif

#endif
