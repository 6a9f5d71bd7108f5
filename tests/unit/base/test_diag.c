/* SPDX-License-Identifier: MIT */
/* The diagnostic list: records, remedies, limits, rule ids; and atomic file writing. */
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
#include "base/diag.h"
#include "base/fileio.h"

static void test_fail_returns_its_code_and_records_one_line(void **state)
{
	struct akida_diag *d = akida_diag_create();
	const struct akida_diag_record *r;

	(void)state;
	ak_note(d, AKIDA_NOTE, AK_RULE_ARG, NULL, "just so");
	assert_null(akida_diag_first_error(d));
	assert_int_equal(ak_fail(d, -EILSEQ, AK_RULE_CONTAINER_CRC, "a.akm", "byte %d", 7), -EILSEQ);
	ak_remedy(d, "fetch it %s", "again");
	r = akida_diag_first_error(d);
	assert_string_equal(r->text, "a.akm: byte 7");
	assert_string_equal(r->node, "a.akm");
	assert_string_equal(r->rule, "file.checksum");
	assert_string_equal(r->remedy, "fetch it again");
	assert_string_equal(r->field, "");
	assert_int_equal(akida_diag_count(d), 2);
	assert_null(akida_diag_get(d, 2));
	assert_int_equal(ak_fail(NULL, -ENOMEM, AK_RULE_NOMEM, "x", "no list"), -ENOMEM);
	akida_diag_destroy(d);
	akida_diag_destroy(NULL);
}

static void test_list_is_bounded_and_long_texts_are_cut(void **state)
{
	struct akida_diag *d = akida_diag_create();
	char longer[2000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = 0;
	for (int i = 0; i < 5000; i++)
		ak_fail(d, -EINVAL, AK_RULE_ARG, longer, "%s", longer);
	assert_true(akida_diag_count(d) <= 1000);
	assert_true(strlen(akida_diag_get(d, 0)->text) < 512);
	akida_diag_destroy(d);
}

static void test_rule_ids_are_unique_and_have_a_sentence(void **state)
{
	(void)state;
	for (int i = 0; i < AK_RULE_COUNT; i++) {
		const char *id = ak_rule_id((enum ak_rule)i), *s = akida_rule_sentence(id);

		assert_non_null(strchr(id, '.'));
		assert_non_null(s);
		assert_true(strlen(s) > 10 && s[strlen(s) - 1] == '.');
		for (int k = 0; k < i; k++)
			assert_string_not_equal(id, ak_rule_id((enum ak_rule)k));
	}
	assert_null(akida_rule_sentence("no.such.rule"));
	assert_string_equal(ak_rule_id(AK_RULE_COUNT), "");
}

static void test_every_documented_code_has_a_text(void **state)
{
	static const int codes[] = {EINVAL, EOPNOTSUPP, ENOENT, ENOSPC, EILSEQ, EBADMSG,
				    EIO,    ETIMEDOUT,	ENODEV, ENOMEM, ERANGE};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(akida_strerror(-codes[i]), akida_strerror(-codes[k]));
}

static int count_files(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static void test_file_write_replaces_whole_files_or_nothing(void **state)
{
	char dir[] = "/tmp/test_fileio_XXXXXX", path[64], sub[64];
	void *b;
	size_t len;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	snprintf(sub, sizeof(sub), "%s/folder", dir);
	assert_int_equal(ak_file_write(path, "one", 3, NULL), 0);
	assert_int_equal(ak_file_write(path, "second", 6, NULL), 0);
	assert_int_equal(ak_file_read(path, 100, &b, &len, NULL), 0);
	assert_int_equal(len, 6);
	assert_memory_equal(b, "second", 6);
	free(b);
	assert_int_equal(ak_file_read(path, 5, &b, &len, NULL), -ERANGE);
	assert_int_equal(count_files(dir), 1);
	/* a folder in the way: the rename fails, and the temporary file goes */
	assert_int_equal(mkdir(sub, 0777), 0);
	assert_true(ak_file_write(sub, "x", 1, NULL) < 0);
	assert_int_equal(count_files(dir), 2);
	assert_int_equal(ak_file_read(dir, 100, &b, &len, NULL), -EINVAL);
	assert_int_equal(ak_file_write(path, "", 0, NULL), 0);
	assert_int_equal(ak_file_read(path, 100, &b, &len, NULL), -EILSEQ);
	unlink(path);
	rmdir(sub);
	rmdir(dir);
	assert_int_equal(ak_file_read(path, 100, &b, &len, NULL), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fail_returns_its_code_and_records_one_line),
		cmocka_unit_test(test_list_is_bounded_and_long_texts_are_cut),
		cmocka_unit_test(test_rule_ids_are_unique_and_have_a_sentence),
		cmocka_unit_test(test_every_documented_code_has_a_text),
		cmocka_unit_test(test_file_write_replaces_whole_files_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
