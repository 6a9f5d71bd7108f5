/* SPDX-License-Identifier: MIT */
/* akida devices, akida info: what can be opened, and what is installed. */
#include <math.h>
#include <unistd.h>
#include "akida/commands.h"
#include "common/json.h"
#include "common/options.h"
#include "common/report.h"

static int read_info(const char *name, struct akida_device_info *info)
{
	struct akida_diag *diag = akida_diag_create();
	struct akida_device *d;
	int err, status = 0;

	*info = (struct akida_device_info){.size = sizeof(*info)};
	err = akida_device_open(name, &d, diag);
	if (!err) {
		err = akida_device_info(d, info);
		akida_device_close(d);
	}
	if (err)
		status = tool_fail(diag, name ? name : "default device", err);
	akida_diag_destroy(diag);
	return status;
}

static void device_json(struct json *j, const char *key, const struct akida_device_info *i)
{
	json_open(j, key, '{');
	json_text(j, "name", i->name);
	json_text(j, "chip", i->chip);
	json_text(j, "version", *i->version ? i->version : NULL);
	json_text(j, "ip", i->ip);
	json_text(j, "source", akida_source_name(i->source));
	json_number(j, "clock_mhz", i->clock_mhz > 0 ? i->clock_mhz : NAN);
	if (i->nps)
		json_count(j, "nps", i->nps);
	else
		json_null(j, "nps");
	json_close(j, '}');
}

#define BOARDS_MAX 64 /* minors of the kernel module */

/* One device; one that cannot be opened is told and does not hide the others. */
static int list_device(const char *name, struct json *j)
{
	struct akida_device_info info;

	if (read_info(name, &info))
		return TOOL_FAILED;
	if (j)
		device_json(j, NULL, &info);
	else if (!info.needs_program && info.nps)
		printf("%-16s mesh %s, Akida %s, %u NPs, its layers run on this host\n", info.name, info.chip, info.ip,
		       info.nps);
	else if (!info.needs_program)
		printf("%-16s runs converted layers on this host\n", info.name);
	else if (info.clock_mhz > 0)
		printf("%-16s %s, version %s, Akida %s, %u NPs, %.0f MHz, %s\n", info.name, info.chip, info.version,
		       info.ip, info.nps, info.clock_mhz, report_source(info.source));
	else /* a board that does not tell */
		printf("%-16s %s, version %s, Akida %s, %u NPs, %s\n", info.name, info.chip, info.version, info.ip,
		       info.nps, report_source(info.source));
	return TOOL_DONE;
}

int command_devices(int argc, char **argv)
{
	bool json = false;
	const struct option_spec spec[] = {
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{0},
	};
	struct json j = {.out = stdout};
	int status = options_parse(argc, argv, "akida devices [--json]", spec, NULL, 0, NULL);
	char board[24];

	if (status != OPTIONS_GO_ON)
		return status;
	if (json) {
		json_open(&j, NULL, '{');
		json_open(&j, "devices", '[');
	} else {
		printf("Available devices:\n");
	}
	status = 0;
	for (int i = 0; i < BOARDS_MAX; i++) {
		snprintf(board, sizeof(board), "/dev/akida%d", i);
		if (!access(board, F_OK))
			status |= list_device(board, json ? &j : NULL);
	}
	for (const char *const *name = akida_device_names(); *name; name++)
		status |= list_device(*name, json ? &j : NULL);
	if (json) {
		json_close(&j, ']');
		json_close(&j, '}');
	}
	return status;
}

int command_info(int argc, char **argv)
{
	const char *device = NULL, *why = "";
	bool json = false;
	const struct option_spec spec[] = {
		{"-d --device", OPTION_TEXT, &device, "device to describe", 0, 0},
		{"--json", OPTION_FLAG, &json, "one JSON object", 0, 0},
		{0},
	};
	struct json j = {.out = stdout};
	struct akida_device_info info;
	int status = options_parse(argc, argv, "akida info [-d DEVICE] [--json]", spec, NULL, 0, NULL);
	bool toolchain;

	if (status != OPTIONS_GO_ON)
		return status;
	status = read_info(device, &info);
	if (status)
		return status;
	toolchain = tool_toolchain_quiet(&why) != NULL;
	if (json) {
		json_open(&j, NULL, '{');
		json_text(&j, "version", AKIDA_VERSION);
		json_text(&j, "toolchain", toolchain ? "installed" : why);
		device_json(&j, "device", &info);
		json_close(&j, '}');
		return TOOL_DONE;
	}
	printf("Version: %s\n", AKIDA_VERSION);
	printf("Toolchain: %s\n", toolchain ? "installed" : why);
	printf("Device: %s%s\n", info.name, device ? "" : " (default)");
	printf("Chip: %s\n", info.chip);
	if (*info.version)
		printf("Chip version: %s\n", info.version);
	printf("Akida IP: %s\n", info.ip);
	if (info.needs_program)
		printf("Clock: %.0f MHz\n", info.clock_mhz);
	if (info.nps)
		printf("NPs: %u (CNP1 %u, CNP2 %u, FNP2 %u, FNP3 %u)\n", info.nps, info.cnp1, info.cnp2, info.fnp2,
		       info.fnp3);
	printf("Figures: %s\n", report_source(info.source));
	return TOOL_DONE;
}
