// SPDX-License-Identifier: MIT
/*
 * Networks whose last layers have no place on the chip: the first ones are mapped, the others run on this host, and outputs
 * are those of the cpu back end. Without leave, refused as before.
 */
#include <errno.h>
#include <unistd.h>
#include "equal.h"

/* An input convolution, `good` layers that can be mapped, one that cannot, and what is behind it. */
static struct akida_model *network(uint32_t good, void (*bad)(struct net *n), bool more)
{
	struct net n;

	net_init(&n, 90 + good);
	net_input(&n, 20, 18, 1, 8);
	assert_true(net_done(&n));
	for (uint32_t i = 0; i < good; i++) {
		net_add(&n, i % 2 ? AKIDA_LAYER_CONV : AKIDA_LAYER_SEPARABLE, 8 + 4 * i);
		assert_true(net_done(&n));
	}
	bad(&n);
	assert_true(net_done(&n));
	if (more) {
		net_add(&n, AKIDA_LAYER_SEPARABLE, 12)->stride = 2;
		assert_true(net_done(&n));
		net_add(&n, AKIDA_LAYER_FULLY, 7)->activation = false;
		assert_true(net_done(&n));
	}
	return net_model(&n);
}

static void kernel5(struct net *n)
{
	struct akida_layer *l = net_add(n, AKIDA_LAYER_CONV, 16);

	l->kernel_h = l->kernel_w = 5;
}

static void kernel1(struct net *n)
{
	struct akida_layer *l = net_add(n, AKIDA_LAYER_CONV, 16);

	l->kernel_h = l->kernel_w = 1;
}

static void pool3(struct net *n)
{
	struct akida_layer *l = net_add(n, AKIDA_LAYER_CONV, 16);

	l->pool = AKIDA_POOL_MAX;
	l->pool_size = l->pool_stride = 3;
	l->pool_padding = AKIDA_PAD_SAME;
}

/* Too many units for thresholds, and the last layer by itself. */
static void wide(struct net *n)
{
	net_add(n, AKIDA_LAYER_FULLY, 3000);
}

static void compare(const struct akida_model *m, const struct akida_program *p, const char *device)
{
	uint8_t *in = draw_frames(m, 5);
	struct outputs want, got;

	assert_int_equal(run_on("cpu", NULL, m, in, &want), 0);
	if (run_on(device, p, NULL, in, &got))
		fail_msg("%s: %s", device, got.error);
	assert_int_equal(got.complaints, 0);
	assert_int_equal(got.count, want.count);
	assert_memory_equal(got.v, want.v, FRAMES * want.count * sizeof(*want.v));
	free(want.v);
	free(got.v);
	free(in);
}

static const struct {
	void (*bad)(struct net *n);
	uint32_t good;
	bool more;
	const char *why;
} cases[] = {
	{kernel5, 1, true, "kernel"}, {kernel1, 3, true, "kernel"}, {kernel1, 2, false, "kernel"},
	{pool3, 1, true, "pool"},     {wide, 2, false, "units"},
};

static void test_last_layers_run_on_the_host(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int chip = 0; chip < 2; chip++) {
			const char *const names[] = {"akd1500", "akd1000"}, *const devices[] = {"virtual:akd1500",
												"virtual:akd1000"};
			struct akida_model *m = network(cases[i].good, cases[i].bad, cases[i].more);
			struct akida_map_params params = {.size = sizeof(params), .software = true};
			struct akida_program_info info = {.size = sizeof(info)};
			struct akida_diag *diag = akida_diag_create();
			struct akida_program *p, *q;
			struct akida_map_report r;
			char file[] = "/tmp/softwareXXXXXX";
			uint32_t mapped = cases[i].good + 1;
			int fd;

			assert_int_equal(akida_map(m, names[chip], NULL, &p, NULL, NULL), -EOPNOTSUPP);
			params.mode = i % 2 ? AKIDA_MAP_HW_PR : AKIDA_MAP_MINIMAL;
			assert_int_equal(akida_map(m, names[chip], &params, &p, &r, diag), 0);
			assert_int_equal(akida_diag_count(diag), 1);
			assert_string_equal(akida_diag_get(diag, 0)->rule, "map.software");
			assert_non_null(strstr(akida_diag_get(diag, 0)->text, cases[i].why));
			assert_int_equal(r.layer_count, m->count);
			for (uint32_t k = 0; k < m->count; k++) {
				assert_int_equal(r.layers[k].software, k >= mapped);
				assert_string_equal(r.layers[k].name, m->layers[k].name);
			}
			assert_int_equal(akida_program_info(p, &info), 0);
			assert_int_equal(info.software_layers, m->count - mapped);
			compare(m, p, devices[chip]);
			fd = mkstemp(file);
			assert_true(fd >= 0);
			close(fd);
			assert_int_equal(akida_program_save(p, file, NULL), 0);
			assert_int_equal(akida_program_load(file, &q, NULL), 0);
			unlink(file);
			assert_int_equal(q->software_from, mapped);
			compare(m, q, devices[chip]);
			akida_map_report_fini(&r);
			akida_program_destroy(p);
			akida_program_destroy(q);
			akida_diag_destroy(diag);
			akida_model_destroy(m);
		}
}

/* Nothing is left to the chip, or nothing to the host. */
static void test_software_is_for_some_layers_only(void **state)
{
	struct akida_map_params params = {.size = sizeof(params), .software = true};
	struct akida_diag *diag = akida_diag_create();
	struct akida_model *m = network(0, kernel5, true);
	struct akida_program_info info = {.size = sizeof(info)};
	struct akida_program *p;

	(void)state;
	assert_int_equal(akida_map(m, "akd1500", &params, &p, NULL, diag), -EOPNOTSUPP);
	assert_string_equal(akida_diag_first_error(diag)->node, "layer_1");
	akida_model_destroy(m);
	m = net_first_light(1);
	assert_int_equal(akida_map(m, "akd1500", &params, &p, NULL, NULL), 0);
	assert_int_equal(akida_program_info(p, &info), 0);
	assert_int_equal(info.software_layers, 0);
	akida_program_destroy(p);
	akida_model_destroy(m);
	akida_diag_destroy(diag);
}

/* The section that names the first layer in software does not fit the program or the model. */
static void test_damaged_files_are_refused(void **state)
{
	struct akida_map_params params = {.size = sizeof(params), .software = true};
	const uint32_t first[] = {1, 3, 100};

	(void)state;
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		struct akida_model *m = network(1, kernel5, true);
		struct akida_diag *diag = akida_diag_create();
		char file[] = "/tmp/softwareXXXXXX";
		struct akida_program *p, *q;
		int fd = mkstemp(file);

		assert_true(fd >= 0);
		close(fd);
		assert_int_equal(akida_map(m, "akd1500", &params, &p, NULL, NULL), 0);
		p->software_from = first[i];
		assert_int_equal(akida_program_save(p, file, NULL), 0);
		assert_int_equal(akida_program_load(file, &q, diag), -EILSEQ);
		assert_non_null(strstr(akida_diag_first_error(diag)->text, "software") ||
						strstr(akida_diag_first_error(diag)->text, "SOFT")
					? file
					: NULL);
		unlink(file);
		akida_program_destroy(p);
		akida_model_destroy(m);
		akida_diag_destroy(diag);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_last_layers_run_on_the_host),
		cmocka_unit_test(test_software_is_for_some_layers_only),
		cmocka_unit_test(test_damaged_files_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
