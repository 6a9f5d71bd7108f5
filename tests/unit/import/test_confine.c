/* SPDX-License-Identifier: MIT */
/* The confined child: what it may do, what it may not, and that its end is one error for the caller. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include "files.h"
#include "import/confine.h"

static int put(int fd, const void *bytes, size_t n)
{
	return write(fd, bytes, n) == (ssize_t)n ? 0 : 1;
}

static int answer(void *ctx, int fd)
{
	return put(fd, ctx, strlen(ctx));
}

static int report_failure(void *ctx, int fd)
{
	(void)put(fd, "x", 1);
	return *(int *)ctx;
}

static int say_nothing(void *ctx, int fd)
{
	(void)ctx;
	(void)fd;
	return 0;
}

static int crash(void *ctx, int fd)
{
	(void)put(fd, "x", 1);
	*(volatile int *)ctx = 1;
	return 0;
}

static int wait_forever(void *ctx, int fd)
{
	volatile int *never = ctx;

	(void)fd;
	while (!*never)
		;
	return 0;
}

/* One byte per attempt: '1' when it was allowed. */
static int try_the_world(void *ctx, int fd)
{
	char got[6];

	(void)ctx;
	got[0] = open("/etc/passwd", O_RDONLY) >= 0 ? '1' : '0';
	got[1] = open("/tmp/akida-confined", O_WRONLY | O_CREAT, 0600) >= 0 ? '1' : '0';
	got[2] = socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? '1' : '0';
	got[3] = fcntl(0, F_GETFD) >= 0 ? '1' : '0';
	got[4] = kill(getppid(), 0) == 0 ? '1' : '0';
	got[5] = unlink("/tmp/akida-confined") == 0 ? '1' : '0';
	return put(fd, got, sizeof(got));
}

static int eat_memory(void *ctx, int fd)
{
	void *p = malloc((size_t)64 << 20);

	(void)ctx;
	return put(fd, p ? "1" : "0", 1);
}

static int write_too_much(void *ctx, int fd)
{
	char block[4096] = {0};

	(void)ctx;
	for (int i = 0; i < 16; i++)
		if (put(fd, block, sizeof(block)))
			return 1;
	return 0;
}

static int run(int (*work)(void *, int), void *ctx, char *out, size_t max)
{
	struct ak_confine c = {.work = work, .ctx = ctx, .max_memory = 32 << 20, .max_result = 8192, .wall_ms = 2000};
	void *result = NULL;
	size_t len = 0;
	int err = ak_confine_run(&c, &result, &len);

	if (!err && out)
		snprintf(out, max, "%.*s", (int)len, (char *)result);
	if (err)
		assert_null(result);
	free(result);
	return err;
}

static void test_confine_run_answer_comes_back(void **state)
{
	char text[] = "hello", out[16];

	(void)state;
	assert_int_equal(run(answer, text, out, sizeof(out)), 0);
	assert_string_equal(out, "hello");
}

static void test_confine_run_failures_are_one_error(void **state)
{
	int status = 3;

	(void)state;
	assert_int_equal(run(report_failure, &status, NULL, 0), -EILSEQ);
	assert_int_equal(run(say_nothing, NULL, NULL, 0), -EILSEQ);
	assert_int_equal(run(write_too_much, NULL, NULL, 0), -EILSEQ);
	if (!SANITIZED)
		assert_int_equal(run(crash, NULL, NULL, 0), -EILSEQ);
}

static void test_confine_run_time_is_bounded(void **state)
{
	struct timespec a, b;
	int never = 0;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &a);
	assert_int_equal(run(wait_forever, &never, NULL, 0), -EILSEQ);
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_in_range(b.tv_sec - a.tv_sec, 1, 8);
}

static void test_confine_run_child_reaches_nothing(void **state)
{
	char out[16];

	(void)state;
	if (SANITIZED) {
		fprintf(stderr, "skipped: the system call filter is off under sanitizers\n");
		skip();
	}
	assert_int_equal(run(try_the_world, NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "000000");
	assert_int_equal(access("/tmp/akida-confined", F_OK), -1);
	assert_int_equal(run(eat_memory, NULL, out, sizeof(out)), 0);
	assert_string_equal(out, "0");
}

/* A program that ignores its children never learns their status: the answer still arrives. */
static void test_confine_run_ignored_children_work(void **state)
{
	char text[] = "hello", out[16];

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(run(answer, text, out, sizeof(out)), 0);
	assert_string_equal(out, "hello");
	signal(SIGCHLD, SIG_DFL);
}

static void test_confine_run_leaves_no_descriptor(void **state)
{
	char text[] = "hello";
	int before = dup(0), after;

	(void)state;
	close(before);
	assert_int_equal(run(answer, text, NULL, 0), 0);
	assert_int_equal(run(say_nothing, NULL, NULL, 0), -EILSEQ);
	after = dup(0);
	close(after);
	assert_int_equal(after, before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_confine_run_answer_comes_back),
		cmocka_unit_test(test_confine_run_failures_are_one_error),
		cmocka_unit_test(test_confine_run_time_is_bounded),
		cmocka_unit_test(test_confine_run_child_reaches_nothing),
		cmocka_unit_test(test_confine_run_ignored_children_work),
		cmocka_unit_test(test_confine_run_leaves_no_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
