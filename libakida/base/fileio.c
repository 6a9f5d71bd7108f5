/* SPDX-License-Identifier: MIT */
/* Whole-file reading with a limit and atomic writing. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <akida/data.h>
#include "diag.h"
#include "fileio.h"

int ak_file_read(const char *path, size_t max, void **bytes, size_t *len, struct akida_diag *diag)
{
	struct stat st;
	size_t done = 0;
	char *buf;
	int err, fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		err = -errno;
		return ak_fail(diag, err, AK_RULE_IO, path, "cannot be opened: %s", strerror(-err));
	}
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		err = ak_fail(diag, -EINVAL, AK_RULE_IO, path, "is not a regular file");
		goto close_fd;
	}
	if (st.st_size == 0) {
		err = ak_fail(diag, -EILSEQ, AK_RULE_CONTAINER_TRUNCATED, path, "is empty");
		goto close_fd;
	}
	if ((uint64_t)st.st_size > max) {
		err = ak_fail(diag, -ERANGE, AK_RULE_RANGE, path, "has %lld bytes, more than the limit of %zu",
			      (long long)st.st_size, max);
		goto close_fd;
	}
	buf = malloc((size_t)st.st_size);
	if (!buf) {
		err = ak_fail(diag, -ENOMEM, AK_RULE_NOMEM, path, "no memory for %lld bytes", (long long)st.st_size);
		goto close_fd;
	}
	while (done < (size_t)st.st_size) {
		ssize_t n = read(fd, buf + done, (size_t)st.st_size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			err = n < 0 ? -errno : -EILSEQ;
			ak_fail(diag, err, AK_RULE_IO, path, "cannot be read beyond byte %zu", done);
			goto free_buf;
		}
		done += (size_t)n;
	}
	close(fd);
	*bytes = buf;
	*len = done;
	return 0;
free_buf:
	free(buf);
close_fd:
	close(fd);
	return err;
}

/* The folder of path, so that the rename itself reaches the disk; failure to sync it is not an error of the write. */
static void sync_folder(const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	int fd, n;

	if (!slash)
		n = snprintf(dir, sizeof(dir), ".");
	else
		n = snprintf(dir, sizeof(dir), "%.*s", (int)(slash == path ? 1 : slash - path), path);
	if (n < 0 || (size_t)n >= sizeof(dir))
		return;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!fsync(fd);
	close(fd);
}

static int write_failed(const char *path, int err, struct akida_diag *diag)
{
	return ak_fail(diag, err, AK_RULE_IO, path, "cannot be written: %s", strerror(-err));
}

/* Takes fd over. */
static int write_and_close(int fd, const void *bytes, size_t len, bool sync)
{
	size_t done = 0;
	int err = 0;

	while (done < len && !err) {
		ssize_t n = write(fd, (const char *)bytes + done, len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			err = -errno;
	}
	if (!err && sync && fsync(fd))
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	return err;
}

int ak_file_write(const char *path, const void *bytes, size_t len, struct akida_diag *diag)
{
	char tmp[PATH_MAX], real[PATH_MAX];
	const char *target = path;
	struct stat st;
	int fd, n, err;

	if (!stat(path, &st)) {
		if (S_ISDIR(st.st_mode))
			return write_failed(path, -EISDIR, diag);
		if (!S_ISREG(st.st_mode)) { /* a device or a pipe is written to, never replaced */
			fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
			err = fd < 0 ? -errno : write_and_close(fd, bytes, len, false);
			return err ? write_failed(path, err, diag) : 0;
		}
		if (!lstat(path, &st) && S_ISLNK(st.st_mode) && realpath(path, real))
			target = real;
	}
	n = snprintf(tmp, sizeof(tmp), "%s.tmp.%ld", target, (long)getpid());
	if (n < 0 || (size_t)n >= sizeof(tmp))
		return ak_fail(diag, -ERANGE, AK_RULE_ARG, path, "the path is too long");
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return write_failed(path, -errno, diag);
	err = write_and_close(fd, bytes, len, true);
	if (!err && rename(tmp, target))
		err = -errno;
	if (err) {
		unlink(tmp);
		return write_failed(path, err, diag);
	}
	sync_folder(target);
	return 0;
}

int akida_file_write(const char *path, const void *bytes, size_t len, struct akida_diag *diag)
{
	if (!path || (!bytes && len))
		return ak_fail(diag, -EINVAL, AK_RULE_ARG, "akida_file_write", "needs a path and bytes");
	return ak_file_write(path, bytes, len, diag);
}
