/* SPDX-License-Identifier: MIT */
/* akida reset, akida power: what one does to a board that is not running a network. */
#include <math.h>
#include <time.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/tool.h"

#define EVENTS_MAX 64u

static int open_board(const char *command, const char *name, struct akida_device **d)
{
	struct akida_diag *diag = akida_diag_create();
	int err, status = 0;

	*d = NULL;
	if (!name) {
		akida_diag_destroy(diag);
		return tool_usage("%s needs -d /dev/akidaN", command);
	}
	err = akida_device_open(name, d, diag);
	if (err)
		status = tool_fail(diag, name, err);
	akida_diag_destroy(diag);
	return status;
}

int command_reset(int argc, char **argv)
{
	const char *device = NULL;
	const struct option_spec spec[] = {
		{"-d --device", OPTION_TEXT, &device, "board to reset: /dev/akida0", 0, 0},
		{0},
	};
	struct akida_device *d;
	struct akida_diag *diag;
	int err, status = options_parse(argc, argv, "akida reset -d /dev/akidaN", spec, NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	status = open_board("reset", device, &d);
	if (status)
		return status;
	diag = akida_diag_create();
	err = akida_device_reset(d, diag);
	if (err)
		status = tool_fail(diag, device, err);
	else
		printf("%s: reset, all work on it has ended\n", device);
	akida_diag_destroy(diag);
	akida_device_close(d);
	return status;
}

/* Samples of so many seconds; asked for every tenth of one, as the meter has one every 141 ms. */
static void measure(struct akida_device *d, uint64_t seconds, bool json, struct json *j)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	struct akida_power_event ev[EVENTS_MAX];
	double first = NAN, sum = 0, least = INFINITY, most = -INFINITY;
	uint64_t count = 0;

	for (uint64_t i = 0; i < seconds * 10; i++) {
		int64_t n;

		nanosleep(&pause, NULL);
		n = akida_device_power(d, ev, EVENTS_MAX);
		for (int64_t k = 0; k < n; k++) {
			if (isnan(first))
				first = ev[k].ts_ms;
			if (json) {
				json_open(j, NULL, '{');
				json_number(j, "ts_ms", ev[k].ts_ms);
				json_number(j, "mw", ev[k].mw);
				json_close(j, '}');
			} else {
				printf("%10.3f s %10.3f mW\n", (ev[k].ts_ms - first) / 1000, ev[k].mw);
			}
			sum += ev[k].mw;
			least = fmin(least, ev[k].mw);
			most = fmax(most, ev[k].mw);
			count++;
		}
		fflush(stdout);
	}
	if (json)
		return;
	if (count)
		printf("Avg power: %.3f mW (min %.3f, max %.3f, %llu samples)\n", sum / (double)count, least, most,
		       (unsigned long long)count);
	else
		printf("No sample in this time\n");
}

static int set_clock(struct akida_device *d, const char *mode)
{
	struct akida_diag *diag = akida_diag_create();
	int err = akida_device_clock(d, mode, diag), status = err ? tool_fail(diag, mode, err) : 0;

	akida_diag_destroy(diag);
	return status;
}

int command_power(int argc, char **argv)
{
	const char *device = NULL, *clock = NULL;
	uint64_t seconds = 1;
	bool json = false;
	const struct option_spec spec[] = {
		{"-d --device", OPTION_TEXT, &device, "board to measure: /dev/akida0", 0, 0},
		{"-t --time", OPTION_COUNT, &seconds, "seconds, 1", 1, 86400},
		{"--clock", OPTION_TEXT, &clock, "first choose the clock: performance, economy, low-power; it stays", 0,
		 0},
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{0},
	};
	struct json j = {.out = stdout};
	struct akida_device_info info = {.size = sizeof(info)};
	struct akida_device *d;
	int status = options_parse(argc, argv, "akida power -d /dev/akidaN [-t SECONDS] [--clock MODE] [--json]", spec,
				   NULL, 0, NULL);

	if (status != OPTIONS_GO_ON)
		return status;
	status = open_board("power", device, &d);
	if (status)
		return status;
	if (akida_device_power(d, NULL, 0) < 0) {
		status = tool_error(device, "device.needs", "has no power meter that is known; only boards have one");
		goto close;
	}
	status = clock ? set_clock(d, clock) : 0;
	if (status)
		goto close;
	akida_device_info(d, &info);
	if (json) {
		json_open(&j, NULL, '{');
		json_text(&j, "device", info.name);
		json_number(&j, "clock_mhz", info.clock_mhz);
		json_number(&j, "floor_mw", info.floor_mw);
		json_open(&j, "samples", '[');
	} else {
		printf("Clock: %.0f MHz\nFloor power: %.3f mW\n", info.clock_mhz, info.floor_mw);
	}
	measure(d, seconds, json, &j);
	if (json) {
		json_close(&j, ']');
		json_close(&j, '}');
	}
close:
	akida_device_close(d);
	return status;
}
