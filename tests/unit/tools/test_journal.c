/* SPDX-License-Identifier: MIT */
/* The journal of shared work: one owner per job, orphans are taken over, results are whole, settings are held to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../../tools/common/journal.c"
#include "../../../tools/common/tool.c"

static char folder[] = "/tmp/journal-XXXXXX";
static struct journal j;

static int setup(void **state)
{
	(void)state;
	strcpy(folder + sizeof(folder) - 7, "XXXXXX");
	assert_non_null(mkdtemp(folder));
	assert_int_equal(journal_open(&j, folder, "seed 1"), 0);
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	return system(command);
}

static void write_claim(const char *job, const char *text, time_t age)
{
	struct timespec when[2] = {{.tv_sec = time(NULL) - age}, {.tv_sec = time(NULL) - age}};
	char path[PATH_BYTES];
	int fd = open(journal_path(&j, job, ".claim", path, sizeof(path)), O_WRONLY | O_CREAT | O_TRUNC, 0666);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(futimens(fd, when), 0);
	close(fd);
}

static void test_job_goes_from_free_to_done(void **state)
{
	char *text;

	(void)state;
	assert_int_equal(journal_look(&j, "a"), JOURNAL_FREE);
	assert_int_equal(journal_claim(&j, "a"), 1);
	assert_int_equal(journal_look(&j, "a"), JOURNAL_TAKEN);
	assert_int_equal(journal_claim(&j, "a"), 0);
	assert_null(journal_result(&j, "a"));
	assert_int_equal(journal_done(&j, "a", "42\n"), 0);
	assert_int_equal(journal_look(&j, "a"), JOURNAL_DONE);
	assert_int_equal(journal_claim(&j, "a"), 0);
	text = journal_result(&j, "a");
	assert_string_equal(text, "42\n");
	free(text);
}

static void test_claim_of_a_killed_process_is_an_orphan(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		if (journal_claim(&j, "a") != 1)
			_exit(1);
		raise(SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(journal_look(&j, "a"), JOURNAL_ORPHAN);
	assert_int_equal(journal_claim(&j, "a"), 1);
	assert_int_equal(journal_look(&j, "a"), JOURNAL_TAKEN);
}

/* Whose claim it is, how old, and what is to be seen. The own process began at other ticks than 1. */
static void test_owners_are_told_apart(void **state)
{
	static const struct {
		const char *host;
		bool self, own_ticks;
		time_t age;
		enum journal_state want;
	} cases[] = {
		{NULL, true, true, 100000, JOURNAL_TAKEN},
		{NULL, true, false, 0, JOURNAL_ORPHAN}, /* the number was given out again */
		{NULL, false, false, 0, JOURNAL_ORPHAN},
		{"elsewhere", true, true, 10, JOURNAL_TAKEN},
		{"elsewhere", true, true, JOURNAL_STALE + 5, JOURNAL_ORPHAN},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(text, sizeof(text), "%.200s %ld %llu\n", cases[i].host ? cases[i].host : j.host,
			 cases[i].self ? (long)getpid() : 99999999L,
			 cases[i].own_ticks ? (unsigned long long)began(getpid()) : 1ull);
		write_claim("a", text, cases[i].age);
		if (journal_look(&j, "a") != cases[i].want)
			fail_msg("case %zu: state %d", i, journal_look(&j, "a"));
	}
	write_claim("a", "cut", 0);
	assert_int_equal(journal_look(&j, "a"), JOURNAL_TAKEN); /* being written */
	write_claim("a", "cut", 60);
	assert_int_equal(journal_look(&j, "a"), JOURNAL_ORPHAN);
}

#define WORKERS 6
#define JOBS 40

/* Several processes at once, half of the jobs orphaned before: every job is claimed by exactly one of them. */
static void test_one_owner_among_many(void **state)
{
	int total = 0, status, fd[2];
	char job[16], text[64];
	unsigned char done[JOBS] = {0}, k;

	(void)state;
	assert_int_equal(pipe(fd), 0);
	for (int i = 0; i < JOBS; i += 2) {
		snprintf(job, sizeof(job), "job-%d", i);
		snprintf(text, sizeof(text), "%.40s 99999999 7\n", j.host);
		write_claim(job, text, 0);
	}
	for (int w = 0; w < WORKERS; w++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid)
			continue;
		for (int i = 0; i < JOBS; i++) {
			snprintf(job, sizeof(job), "job-%d", i);
			if (journal_look(&j, job) == JOURNAL_DONE || journal_claim(&j, job) != 1)
				continue;
			k = (unsigned char)i;
			if (write(fd[1], &k, 1) != 1 || journal_done(&j, job, "x"))
				_exit(1);
		}
		_exit(0);
	}
	for (int w = 0; w < WORKERS; w++) {
		wait(&status);
		assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	}
	close(fd[1]);
	while (read(fd[0], &k, 1) == 1) {
		done[k]++;
		total++;
	}
	close(fd[0]);
	for (int i = 0; i < JOBS; i++)
		assert_true(done[i] >= 1);
	/* an orphan may, in the worst case, be done twice (journal.h); free jobs never */
	for (int i = 1; i < JOBS; i += 2)
		assert_int_equal(done[i], 1);
	assert_true(total < JOBS + JOBS / 4);
}

static void test_other_settings_are_refused(void **state)
{
	struct journal other;

	(void)state;
	assert_int_equal(journal_open(&other, folder, "seed 1"), 0);
	assert_int_equal(journal_open(&other, folder, "seed 2"), TOOL_FAILED);
	assert_int_equal(journal_open(&other, folder, "seed 11"), TOOL_FAILED);
	assert_int_equal(journal_open(&other, "/nonexistent/folder", "seed 1"), TOOL_FAILED);
}

static void test_alive_touches_the_claim(void **state)
{
	char path[PATH_BYTES], text[256];
	struct stat st;

	(void)state;
	assert_int_equal(journal_claim(&j, "a"), 1);
	snprintf(text, sizeof(text), "%.200s %ld 1\n", j.host, (long)getpid());
	write_claim("a", text, 1000);
	journal_path(&j, "a", ".claim", path, sizeof(path));
	journal_alive(&j, "a"); /* a moment after the claim: not yet */
	assert_int_equal(stat(path, &st), 0);
	assert_true(time(NULL) - st.st_mtime > 900);
	j.touched -= 10;
	journal_alive(&j, "a");
	assert_int_equal(stat(path, &st), 0);
	assert_true(time(NULL) - st.st_mtime < 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_job_goes_from_free_to_done, setup, teardown),
		cmocka_unit_test_setup_teardown(test_claim_of_a_killed_process_is_an_orphan, setup, teardown),
		cmocka_unit_test_setup_teardown(test_owners_are_told_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner_among_many, setup, teardown),
		cmocka_unit_test_setup_teardown(test_other_settings_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_alive_touches_the_claim, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
