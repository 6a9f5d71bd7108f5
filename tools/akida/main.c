/* SPDX-License-Identifier: MIT */
/* akida: the table of subcommands, and the names it answers to (quantizeml, cnn2snn, akida_models). */
#include <string.h>
#include "akida/commands.h"
#include "common/options.h"
#include "common/tool.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv); /* NULL: known, not in this version */
	const char *help;
};

static int command_version(int argc, char **argv)
{
	const struct option_spec none[] = {{0}};
	int status = options_parse(argc, argv, "version", none, NULL, 0, NULL);

	if (status == OPTIONS_GO_ON)
		printf("%s\n", AKIDA_VERSION);
	return status == OPTIONS_GO_ON ? TOOL_DONE : status;
}

static const struct command akida_commands[] = {
	{"devices", command_devices, "devices this version can open"},
	{"info", command_info, "versions, parts that are installed, a device's properties"},
	{"summary", command_summary, "FILE: layers of a model or program at any stage"},
	{"check", command_check, "FILE [--for akd1000|akd1500|akida2]: can it run on Akida"},
	{"quantize", command_quantize, "-m FILE [-w 4 -a 4 -i 8] [-sa SAMPLES.npz] [-s OUT.h5]"},
	{"convert", command_convert, "-m FILE [-s OUT.akm]"},
	{"map", command_map, "-m FILE -d DEVICE [-s OUT.akp] [--json]"},
	{"run", command_run, "-m FILE [-d DEVICE] -i INPUTS [-o OUTPUTS.npy] [--potentials]"},
	{"eval", command_eval, "-m FILE --data SPEC [-d DEVICE] [--float]"},
	{"program", command_program, "dump|verify|decompile FILE: packets, safety, layers of a program"},
	{"train", command_train, "mnist [train|eval]: the whole assignment, or a float network"},
	{"learn", command_learn, "-m MODEL --data SPEC: new classes from a few samples each (provisional)"},
	{"search", command_search, "mnist: the network and bits with the best quality figure, over MPI ranks"},
	{"models", command_models, "create|list|summary|sparsity: networks of the model zoo"},
	{"reset", command_reset, "-d /dev/akidaN: reset a board, ending all work on it"},
	{"power", command_power, "-d /dev/akidaN [-t SECONDS]: what a board's power meter says"},
	{"version", command_version, "the version"},
	{"doctor", NULL, NULL},
	{"top", NULL, NULL},
	{"snn", NULL, NULL},
	{"generate", NULL, NULL},
	{"engine", NULL, NULL},
	{NULL, NULL, NULL},
};

static const struct command quantizeml_commands[] = {
	{"quantize", command_quantize, "-m FILE [-w 4 -a 4 -i 8] [-sa SAMPLES.npz] [-s OUT.h5]"},
	{"insert_rescaling", command_insert_rescaling, "-m FILE -s SCALE -o OFFSET [-d OUT.h5]"},
	{"version", command_version, "the version"},
	{"config", command_quant_config, "-m FILE [-o OUT.json]: quantizers by layer"},
	{"check", command_quant_check, "-m FILE: has every layer a quantized form, is every range calibrated"},
	{"extract", command_quant_extract, "--data SPEC [-s OUT.npz]: calibration samples of a data set"},
	{"run", command_quant_run, "-m FILE -i INPUTS [-o OUT.npy]: a float or quantized network itself"},
	{"analysis", command_quant_analysis, "quantization_error single|cumulative|weight -m FILE: layer by layer"},
	{NULL, NULL, NULL},
};

static const struct command cnn2snn_commands[] = {
	{"convert", command_convert, "-m FILE [-s OUT.akm]"},
	{"version", command_version, "the version"},
	{"quantize", command_legacy_quantize, "-m FILE [-wq 4] [-aq 4] [-iq -1]: legacy quantization"},
	{"reshape", command_legacy_reshape, "-m FILE -ih H -iw W: the same weights for another input size"},
	{"calibrate", command_legacy_calibrate, "bc|adaround -m FILE -sa SAMPLES.npz: fit a legacy network"},
	{NULL, NULL, NULL},
};

/* The actions of akida models by themselves. */
static int models_action(int argc, char **argv)
{
	return command_models(argc - 1, argv + 1);
}

static int help(const struct command *commands)
{
	const char *sep = "";

	printf("usage: %s COMMAND [options]\n\n", tool_name);
	for (const struct command *c = commands; c->name; c++)
		if (c->run)
			printf("  %-9s %s\n", c->name, c->help);
	printf("\nnot available in this version: ");
	for (const struct command *c = commands; c->name; c++)
		if (!c->run) {
			printf("%s%s", sep, c->name);
			sep = ", ";
		}
	printf("\n\nFILE: Keras .h5 (float or quantized), .akm (converted model), .akp (mapped program), vendor "
	       "program; the\n"
	       "missing stages run by themselves. DEVICE: cpu, virtual:akd1000, virtual:akd1500, virtual:akida2, "
	       "/dev/akidaN, "
	       "vfio:BUS-ADDRESS.\n"
	       "SPEC: mnist:DIR, mnist-train:DIR, cifar10:FILE, ecg:FILE, ecg-train:FILE, npz:FILE, npy:FILE, "
	       "raw:FILE, digits, random.\n"
	       "%s COMMAND --help lists the options. Exit status: 0 done, 1 refused or failed, 2 usage.\n",
	       tool_name);
	return TOOL_DONE;
}

static int dispatch(int argc, char **argv)
{
	const char *slash = argc ? strrchr(argv[0], '/') : NULL;
	const char *called = !argc ? "akida" : slash ? slash + 1 : argv[0];
	const struct command *commands = akida_commands;
	static char option[] = "--help";

	if (!strcmp(called, "quantizeml"))
		commands = quantizeml_commands;
	else if (!strcmp(called, "cnn2snn"))
		commands = cnn2snn_commands;
	if (!strcmp(called, "akida_models")) {
		tool_name = called;
		return models_action(argc, argv);
	}
	if (commands != akida_commands)
		tool_name = commands == quantizeml_commands ? "quantizeml" : "cnn2snn";
	if (argc < 2)
		return tool_usage("no command given");
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		if (argc < 3)
			return help(commands);
		argv[1] = argv[2]; /* help COMMAND is COMMAND --help */
		argv[2] = option;
		argc = 3;
	}
	if (!strcmp(argv[1], "--version"))
		return command_version(argc - 2, argv + 2);
	for (const struct command *c = commands; c->name; c++) {
		if (strcmp(argv[1], c->name))
			continue;
		if (!c->run)
			return tool_error(argv[1], "sys.missing-part", "not available in this version");
		return c->run(argc - 2, argv + 2);
	}
	return tool_usage("unknown command '%s'", argv[1]);
}

int main(int argc, char **argv)
{
	return tool_end(dispatch(argc, argv));
}
