/* SPDX-License-Identifier: MIT */
/* Claims and results as files, see journal.h. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "common/journal.h"

#define PATH_BYTES 4096
#define CLAIM_BYTES 512

static double monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

const char *journal_path(const struct journal *j, const char *job, const char *ending, char *out, size_t bytes)
{
	snprintf(out, bytes, "%s/%s%s", j->folder, job, ending);
	return out;
}

/* Clock ticks after boot at which pid began: with it a number that was given out again is told apart. 0: no such process. */
static uint64_t began(long pid)
{
	char path[64], text[1024], *p;
	uint64_t ticks = 0;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = 0;
	p = strrchr(text, ')'); /* the name in front may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		ticks = strtoull(p, NULL, 10);
	return ticks ? ticks : 1;
}

static char *read_text(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = NULL;
	size_t n = 0, room = 0;

	if (!f)
		return NULL;
	do {
		char *more = realloc(text, room + 4096);

		if (!more) {
			free(text);
			fclose(f);
			return NULL;
		}
		text = more;
		room += 4096;
		n += fread(text + n, 1, room - n - 1, f);
	} while (n == room - 1);
	fclose(f);
	text[n] = 0;
	return text;
}

int journal_open(struct journal *j, const char *folder, const char *settings)
{
	char path[PATH_BYTES], temporary[PATH_BYTES + 64], *had;
	int status = 0, fd;

	memset(j, 0, sizeof(*j));
	if (strlen(folder) >= sizeof(j->folder))
		return tool_error("journal", "sys.io", "the folder's name is longer than %zu characters",
				  sizeof(j->folder) - 1);
	snprintf(j->folder, sizeof(j->folder), "%s", folder);
	if (gethostname(j->host, sizeof(j->host) - 1) || !*j->host)
		snprintf(j->host, sizeof(j->host), "localhost");
	if (mkdir(folder, 0777) && errno != EEXIST)
		return tool_error(folder, "sys.io", "cannot be made: %s", strerror(errno));
	journal_path(j, "settings", "", path, sizeof(path));
	/* written whole under a name of this process, then linked: the first one stays */
	snprintf(temporary, sizeof(temporary), "%s.%ld", path, (long)getpid());
	fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || dprintf(fd, "%s\n", settings) < 0 || close(fd))
		return tool_error(folder, "sys.io", "cannot be written to: %s", strerror(errno));
	if (link(temporary, path) && errno != EEXIST)
		status = tool_error(path, "sys.io", "cannot be made: %s", strerror(errno));
	unlink(temporary);
	if (status)
		return status;
	had = read_text(path);
	if (!had || strlen(had) != strlen(settings) + 1 || strncmp(had, settings, strlen(settings)))
		status = tool_error(folder, "tool.journal",
				    "holds work with other settings (%.*s); give the same ones or another folder",
				    had ? (int)strcspn(had, "\n") : 1, had ? had : "?");
	free(had);
	return status;
}

/* Is the owner of a claim gone? age: seconds since the claim was touched. */
static bool gone(const struct journal *j, const char *claim, double age)
{
	char host[256] = "";
	uint64_t ticks = 0;
	long pid = 0;

	if (sscanf(claim, "%255s %ld %" SCNu64, host, &pid, &ticks) != 3)
		return age > 5; /* being written just now, or cut off */
	if (!strcmp(host, j->host))
		return began(pid) != ticks;
	return age > JOURNAL_STALE;
}

enum journal_state journal_look(const struct journal *j, const char *job)
{
	char path[PATH_BYTES], *claim;
	enum journal_state state;
	struct stat st;

	if (!access(journal_path(j, job, ".result", path, sizeof(path)), F_OK))
		return JOURNAL_DONE;
	journal_path(j, job, ".claim", path, sizeof(path));
	claim = read_text(path);
	if (!claim || stat(path, &st)) {
		free(claim);
		return JOURNAL_FREE;
	}
	state = gone(j, claim, difftime(time(NULL), st.st_mtime)) ? JOURNAL_ORPHAN : JOURNAL_TAKEN;
	free(claim);
	/* it may have become done in between */
	return access(journal_path(j, job, ".result", path, sizeof(path)), F_OK) ? state : JOURNAL_DONE;
}

int journal_claim(struct journal *j, const char *job)
{
	char path[PATH_BYTES], away[PATH_BYTES + 512], text[CLAIM_BYTES];
	int fd, n;

	journal_path(j, job, ".claim", path, sizeof(path));
	if (journal_look(j, job) == JOURNAL_ORPHAN) {
		/* of several that see the orphan, the rename succeeds for one */
		snprintf(away, sizeof(away), "%s.%s.%ld", path, j->host, (long)getpid());
		if (rename(path, away))
			return 0;
		unlink(away);
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0 && errno == EEXIST)
		return 0;
	if (fd < 0) {
		tool_error(path, "sys.io", "cannot be made: %s", strerror(errno));
		return -1;
	}
	n = snprintf(text, sizeof(text), "%s %ld %" PRIu64 "\n", j->host, (long)getpid(), began(getpid()));
	if (write(fd, text, (size_t)n) != n || close(fd)) {
		tool_error(path, "sys.io", "cannot be written: %s", strerror(errno));
		unlink(path);
		return -1;
	}
	j->touched = monotonic();
	return 1;
}

void journal_alive(struct journal *j, const char *job)
{
	double now = monotonic();
	char path[PATH_BYTES];

	if (now - j->touched < 2)
		return;
	j->touched = now;
	(void)utimensat(AT_FDCWD, journal_path(j, job, ".claim", path, sizeof(path)), NULL, 0);
}

int journal_done(const struct journal *j, const char *job, const char *text)
{
	struct akida_diag *diag = akida_diag_create();
	char path[PATH_BYTES];
	int err, status = 0;

	err = akida_file_write(journal_path(j, job, ".result", path, sizeof(path)), text, strlen(text), diag);
	if (err)
		status = tool_fail(diag, path, err);
	akida_diag_destroy(diag);
	return status;
}

char *journal_result(const struct journal *j, const char *job)
{
	char path[PATH_BYTES];

	return read_text(journal_path(j, job, ".result", path, sizeof(path)));
}
