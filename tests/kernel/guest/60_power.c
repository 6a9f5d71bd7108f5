// SPDX-License-Identifier: MIT
/* The power meter: POWER, what QUERY says of it, hwmon, boards without one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "guest.h"

static void power_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_power, reserved0),
					  offsetof(struct akida_power, reserved1)};
	struct akida_power p = {.size = sizeof(p)};

	guest_struct_rules(guest_open(0), AKIDA_IOC_POWER, &p, sizeof(p), 64, 0, reserved, 2);
}

static void power_is_in_query(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		struct akida_query a = {.size = sizeof(a)}, b = {.size = sizeof(b)};
		int fd = guest_open(board);

		EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &a), 0);
		CHECK(a.caps & AKIDA_CAP_POWER);
		CHECK(a.clock_khz > 1000 && a.floor_uw > 1000);
		usleep(400000);
		EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &b), 0);
		CHECK(b.energy_uj > a.energy_uj);
	}
}

static void power_samples_come_once_and_in_order(void)
{
	struct akida_power_sample s[64];
	struct akida_power p = {.size = sizeof(p), .samples_ptr = (uintptr_t)s, .capacity = 64};
	int64_t start = guest_now_ns();
	uint64_t newest;
	int fd = guest_open(1);

	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), 0);
	usleep(1500000);
	p.size = sizeof(p);
	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), 0);
	CHECK(p.count >= 3 && p.count <= 64);
	EQ(p.dropped, 0);
	EQ(p.waiting, 0);
	for (uint32_t i = 0; i < p.count; i++) {
		CHECK(s[i].uw + 1000 >= p.floor_uw && s[i].uw < 10 * p.floor_uw + 10000000);
		CHECK((int64_t)s[i].ts_ns > start - 1000000000 && (int64_t)s[i].ts_ns <= guest_now_ns() + 1000000);
		CHECK(!i || s[i].ts_ns > s[i - 1].ts_ns);
		EQ(s[i].reserved0, 0);
	}
	EQ(p.newest_uw, s[p.count - 1].uw);
	newest = s[p.count - 1].ts_ns;
	/* one by one: what does not fit waits */
	usleep(700000);
	p.size = sizeof(p);
	p.capacity = 1;
	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), 0);
	EQ(p.count, 1);
	CHECK(p.waiting >= 1 && s[0].ts_ns > newest);
	newest = s[0].ts_ns;
	p.size = sizeof(p);
	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), 0);
	CHECK(s[0].ts_ns > newest);
}

static void power_bad_pointer_is_efault(void)
{
	struct akida_power p = {.size = sizeof(p), .samples_ptr = 16, .capacity = 4};
	int fd = guest_open(0);

	usleep(400000);
	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), -EFAULT);
}

static void power_comes_while_frames_run(void)
{
	struct akida_power_sample s[64];
	struct akida_power p = {.size = sizeof(p), .samples_ptr = (uintptr_t)s, .capacity = 64};
	struct akida_destroy d = {.size = sizeof(d)};
	struct akida_submit a;
	struct guest_job j;

	guest_job(&j, guest_open(0), guest_small(0), 2);
	a = guest_submit_args(&j, 1);
	a.count = 1000000;
	a.in_stride = a.out_stride = 0;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_SUBMIT, &a), 0);
	usleep(1500000);
	EQ(guest_wait(&j, a.seq, 0, NULL), -ETIMEDOUT);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_POWER, &p), 0);
	CHECK(p.count >= 2);
	d.handle = j.context;
	EQ(guest_ioctl(j.fd, AKIDA_IOC_CONTEXT_DESTROY, &d), 0);
}

/* The board's only hwmon folder, relative to its sysfs folder; false: none. */
static bool hwmon_folder(const struct guest_board *b, char *out, size_t bytes)
{
	char path[160];
	struct dirent *e;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "%s/hwmon", b->path);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (!strncmp(e->d_name, "hwmon", 5)) {
			snprintf(out, bytes, "hwmon/%.20s", e->d_name);
			found = true;
		}
	if (dir)
		closedir(dir);
	return found;
}

static long long hwmon_value(const struct guest_board *b, const char *folder, const char *name)
{
	char attr[96], text[64];

	snprintf(attr, sizeof(attr), "%s/%s", folder, name);
	EQ(guest_attr_read(b, attr, text, sizeof(text)), 0);
	return atoll(text);
}

static void power_is_in_hwmon(void)
{
	for (unsigned int board = 0; board < 2; board++) {
		const struct guest_board *b = &guest_boards[board];
		char folder[64];
		long long now, low, high, mean;

		CHECK(hwmon_folder(b, folder, sizeof(folder)));
		usleep(400000);
		now = hwmon_value(b, folder, "power1_input");
		low = hwmon_value(b, folder, "power1_input_lowest");
		high = hwmon_value(b, folder, "power1_input_highest");
		mean = hwmon_value(b, folder, "power1_average");
		CHECK(low > 0 && low <= now && now <= high && low <= mean && mean <= high);
		CHECK(hwmon_value(b, folder, "energy1_input") > 0);
	}
}

static void power_without_a_meter_is_eopnotsupp(void)
{
	const struct guest_board *b = &guest_boards[0];
	struct akida_query q = {.size = sizeof(q)};
	struct akida_power p = {.size = sizeof(p)};
	char folder[64];
	int fd, err;

	EQ(guest_bind(b, false), 0);
	guest_config_set(b, CTL_NO_SENSOR, 1);
	err = guest_bind(b, true);
	guest_config_set(b, CTL_NO_SENSOR, 0);
	EQ(err, 0);
	EQ(guest_find_boards(), 2);
	fd = guest_open(0);
	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	EQ(q.caps & AKIDA_CAP_POWER, 0);
	EQ(q.clock_khz, 0);
	EQ(guest_ioctl(fd, AKIDA_IOC_POWER, &p), -EOPNOTSUPP);
	CHECK(!hwmon_folder(b, folder, sizeof(folder)));
	close(fd);
	EQ(guest_bind(b, false), 0);
	EQ(guest_bind(b, true), 0);
	EQ(guest_find_boards(), 2);
	CHECK(hwmon_folder(b, folder, sizeof(folder)));
}

int main(void)
{
	if (guest_find_boards() != 2)
		return 1;
	RUN(power_follows_the_struct_rules);
	RUN(power_is_in_query);
	RUN(power_samples_come_once_and_in_order);
	RUN(power_bad_pointer_is_efault);
	RUN(power_comes_while_frames_run);
	RUN(power_is_in_hwmon);
	RUN(power_without_a_meter_is_eopnotsupp);
	return 0;
}
