/* SPDX-License-Identifier: MIT */
/* Whole-file reading with a limit, read-only mapping, and atomic writing. */
#ifndef AK_BASE_FILEIO_H
#define AK_BASE_FILEIO_H

#include <stddef.h>
#include <stdint.h>
#include <akida/status.h>

#define AK_FILE_MAX ((size_t)2 << 30)

/* Reads a regular file of at most max bytes into a fresh allocation (caller frees). Empty files are -EILSEQ. */
int ak_file_read(const char *path, size_t max, void **bytes, size_t *len, struct akida_diag *diag);
/* Writes path.tmp.PID in the same folder, fsyncs, renames; nothing is left behind on failure. */
int ak_file_write(const char *path, const void *bytes, size_t len, struct akida_diag *diag);
/* The same in steps, for writers that need a FILE or a path: tmp receives the temporary name (PATH_MAX bytes). */
int ak_file_tmp_name(const char *path, char *tmp, size_t tmp_bytes);
int ak_file_commit(const char *tmp, const char *path, struct akida_diag *diag);

#endif
