/* SPDX-License-Identifier: MIT */
/* The SHA-256 of a file, read in pieces. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <akida/data.h>
#include "base/diag.h"
#include "base/sha256.h"

int akida_file_sha256(const char *path, char hex[65], struct akida_diag *diag)
{
	static const char digits[] = "0123456789abcdef";
	struct ak_sha256 sum;
	uint8_t digest[32], piece[4096];
	FILE *f = fopen(path, "rb");
	size_t n;
	int err;

	hex[0] = 0;
	if (!f)
		return ak_fail(diag, errno == ENOENT ? -ENOENT : -EIO, AK_RULE_IO, path, "%s", strerror(errno));
	ak_sha256_init(&sum);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		ak_sha256_update(&sum, piece, n);
	err = ferror(f);
	fclose(f);
	if (err)
		return ak_fail(diag, -EIO, AK_RULE_IO, path, "could not be read");
	ak_sha256_final(&sum, digest);
	for (size_t i = 0; i < sizeof(digest); i++) {
		hex[2 * i] = digits[digest[i] >> 4];
		hex[2 * i + 1] = digits[digest[i] & 15];
	}
	hex[64] = 0;
	return 0;
}
