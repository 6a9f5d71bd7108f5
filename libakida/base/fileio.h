/* SPDX-License-Identifier: MIT */
/* Whole-file reading with a limit, and atomic writing. */
#ifndef AK_BASE_FILEIO_H
#define AK_BASE_FILEIO_H

#include <stddef.h>
#include <stdint.h>
#include <akida/status.h>

#define AK_FILE_MAX ((size_t)2 << 30)

/* Reads a regular file of at most max bytes into a fresh allocation (caller frees). Empty files are -EILSEQ. */
int ak_file_read(const char *path, size_t max, void **bytes, size_t *len, struct akida_diag *diag);
/*
 * Writes path.tmp.PID in the same folder, fsyncs, renames; nothing is left behind on failure. A link stays, its target is
 * replaced. What exists and is no regular file (a device, a pipe) is written to and stays what it is; a folder is -EISDIR.
 */
int ak_file_write(const char *path, const void *bytes, size_t len, struct akida_diag *diag);

#endif
