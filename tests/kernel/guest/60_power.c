// SPDX-License-Identifier: MIT
/* The power meter: POWER, what QUERY says of it, hwmon, boards without one; clock modes. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

static unsigned int board_of(uint16_t device)
{
	return guest_boards[0].device == device ? 0 : 1;
}

static int set_clock(int fd, uint32_t mode, struct akida_clock *out)
{
	struct akida_clock a = {.size = sizeof(a), .flags = AKIDA_CLOCK_SET, .mode = mode};
	int err = guest_ioctl(fd, AKIDA_IOC_CLOCK, &a);

	if (out)
		*out = a;
	return err;
}

static void clock_follows_the_struct_rules(void)
{
	static const size_t reserved[] = {offsetof(struct akida_clock, mode), offsetof(struct akida_clock, modes),
					  offsetof(struct akida_clock, khz), offsetof(struct akida_clock, floor_uw),
					  offsetof(struct akida_clock, reserved0)};
	struct akida_clock a = {.size = sizeof(a)};

	guest_struct_rules(guest_open(board_of(0xbca1)), AKIDA_IOC_CLOCK, &a, sizeof(a), 32, 0, reserved, 5);
}

/* Outputs are the same, the board's time and idle power are not. */
static void clock_modes_of_an_akd1000(void)
{
	static const uint32_t khz[] = {300000, 100000, 5000};
	unsigned int board = board_of(0xbca1);
	uint64_t took[3];
	uint32_t floor = 0;
	struct guest_job j;

	guest_job(&j, guest_open(board), guest_small(board), 1);
	guest_run_and_compare(&j, 1);
	for (uint32_t mode = 0; mode < 3; mode++) {
		struct akida_query q = {.size = sizeof(q)};
		struct akida_clock a;
		struct akida_wait w;

		EQ(set_clock(j.fd, mode, &a), 0);
		EQ(a.mode, mode);
		EQ(a.modes, 7);
		EQ(a.khz, khz[mode]);
		EQ(guest_ioctl(j.fd, AKIDA_IOC_QUERY, &q), 0);
		CHECK(q.caps & AKIDA_CAP_CLOCK);
		EQ(q.clock_khz, khz[mode]);
		EQ(q.floor_uw, a.floor_uw);
		CHECK(!mode || a.floor_uw < floor);
		floor = a.floor_uw;
		guest_run_and_compare(&j, 4);
		EQ(guest_wait(&j, guest_submit(&j, 1), GUEST_LONG_NS, &w), 0);
		took[mode] = w.inference_clk * 1000000 / khz[mode];
	}
	CHECK(took[2] > 10 * took[0]);
	EQ(set_clock(j.fd, 3, NULL), -EOPNOTSUPP);
	EQ(set_clock(j.fd, AKIDA_CLOCK_PERFORMANCE, NULL), 0);
}

static void clock_is_in_sysfs_and_stays_over_resets(void)
{
	const struct guest_board *b = &guest_boards[board_of(0xbca1)];
	struct akida_reset r = {.size = sizeof(r)};
	char attr[64], modes[72], text[64];
	struct guest_job j;

	snprintf(attr, sizeof(attr), "akida/%.20s/clock_mode", strrchr(b->node, '/') + 1);
	snprintf(modes, sizeof(modes), "%ss", attr);
	EQ(guest_attr_read(b, modes, text, sizeof(text)), 0);
	CHECK(!strcmp(text, "performance economy low-power\n"));
	EQ(guest_attr_write(b, attr, "economy"), 0);
	EQ(guest_attr_write(b, attr, "fast"), -EINVAL);
	guest_job(&j, guest_open(board_of(0xbca1)), guest_small(board_of(0xbca1)), 1);
	EQ(guest_ioctl(j.fd, AKIDA_IOC_RESET, &r), 0);
	EQ(guest_attr_read(b, attr, text, sizeof(text)), 0);
	CHECK(!strcmp(text, "economy\n"));
	EQ(guest_attr_write(b, "reset", "1"), 0); /* of the function: the board is as after power-up */
	EQ(guest_attr_read(b, attr, text, sizeof(text)), 0);
	CHECK(!strcmp(text, "economy\n"));
	snprintf(modes, sizeof(modes), "akida/%.20s/clock_khz", strrchr(b->node, '/') + 1);
	EQ(guest_attr_read(b, modes, text, sizeof(text)), 0);
	EQ(atoi(text), 100000);
	EQ(guest_attr_write(b, attr, "performance"), 0);
	EQ(guest_attr_read(b, modes, text, sizeof(text)), 0);
	EQ(atoi(text), 300000);
}

static void clock_of_an_akd1500_has_no_modes(void)
{
	unsigned int board = board_of(0xa500);
	const struct guest_board *b = &guest_boards[board];
	struct akida_query q = {.size = sizeof(q)};
	struct akida_clock a = {.size = sizeof(a)};
	char attr[64], text[64];
	int fd = guest_open(board);

	EQ(guest_ioctl(fd, AKIDA_IOC_QUERY, &q), 0);
	EQ(q.caps & AKIDA_CAP_CLOCK, 0);
	EQ(guest_ioctl(fd, AKIDA_IOC_CLOCK, &a), -EOPNOTSUPP);
	EQ(set_clock(fd, 0, NULL), -EOPNOTSUPP);
	snprintf(attr, sizeof(attr), "akida/%.20s/clock_mode", strrchr(b->node, '/') + 1);
	EQ(guest_attr_read(b, attr, text, sizeof(text)), -ENOENT);
}

static void clock_needs_a_right(void)
{
	int fd = guest_open(board_of(0xbca1)), status;
	pid_t pid = fork();

	if (!pid) {
		struct akida_clock a = {.size = sizeof(a)};
		int bad = setuid(1234) ? 1 : 0;

		bad |= set_clock(fd, 1, NULL) != -EPERM ? 2 : 0;
		bad |= guest_ioctl(fd, AKIDA_IOC_CLOCK, &a) || a.mode ? 4 : 0;
		_exit(bad);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	EQ(status, 0);
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
	RUN(clock_follows_the_struct_rules);
	RUN(clock_modes_of_an_akd1000);
	RUN(clock_is_in_sysfs_and_stays_over_resets);
	RUN(clock_of_an_akd1500_has_no_modes);
	RUN(clock_needs_a_right);
	RUN(power_without_a_meter_is_eopnotsupp);
	return 0;
}
