/* SPDX-License-Identifier: MIT */
/* Whole files: what is written in one step, and what an existing target stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/fileio.h"

static char folder[64], path[128];

static int in_folder(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/akida-fileio-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int out_of_folder(void **state)
{
	char command[96];

	(void)state;
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static int entries(void)
{
	DIR *d = opendir(folder);
	int n = -2; /* . and .. */

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static void expect_content(const char *name, const char *text)
{
	void *bytes;
	size_t len;

	assert_int_equal(ak_file_read(name, 1024, &bytes, &len, NULL), 0);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(bytes, text, len);
	free(bytes);
}

static void test_write_existing_file_is_replaced(void **state)
{
	(void)state;
	assert_int_equal(ak_file_write(path, "one", 3, NULL), 0);
	assert_int_equal(ak_file_write(path, "second", 6, NULL), 0);
	expect_content(path, "second");
	assert_int_equal(entries(), 1);
}

static void test_write_folder_is_refused(void **state)
{
	struct akida_diag *diag = akida_diag_create();

	(void)state;
	assert_int_equal(ak_file_write(folder, "one", 3, diag), -EISDIR);
	assert_non_null(akida_diag_first_error(diag));
	akida_diag_destroy(diag);
	assert_int_equal(entries(), 0);
}

static void test_write_missing_folder_is_refused(void **state)
{
	(void)state;
	strcat(path, "/none");
	assert_int_equal(ak_file_write(path, "one", 3, NULL), -ENOENT);
	assert_int_equal(entries(), 0);
}

static void test_write_link_keeps_the_link(void **state)
{
	char link[128];
	struct stat st;

	(void)state;
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(ak_file_write(path, "one", 3, NULL), 0);
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(ak_file_write(link, "through", 7, NULL), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	expect_content(path, "through");
	assert_int_equal(entries(), 2);
}

/* On nodes of our own: a mistake must not cost the machine its /dev/null. */
static void test_write_device_stays_a_device(void **state)
{
	struct stat st;

	(void)state;
	if (mknod(path, S_IFCHR | 0600, (dev_t)0x107)) {
		print_message("cannot make a device node here (needs root)\n");
		skip();
	}
	assert_int_equal(ak_file_write(path, "one", 3, NULL), -ENOSPC); /* a node of /dev/full */
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(entries(), 1);
}

static void test_write_pipe_is_written_to(void **state)
{
	char name[32], got[4] = "";
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
	assert_int_equal(ak_file_write(name, "one", 3, NULL), 0);
	assert_int_equal(read(ends[0], got, 3), 3);
	assert_string_equal(got, "one");
	close(ends[0]);
	close(ends[1]);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, in_folder, out_of_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_write_existing_file_is_replaced), CASE(test_write_folder_is_refused),
		CASE(test_write_missing_folder_is_refused), CASE(test_write_link_keeps_the_link),
		CASE(test_write_device_stays_a_device),	    CASE(test_write_pipe_is_written_to),
	};

	return cmocka_run_group_tests_name("base/fileio", tests, NULL, NULL);
}
