/* SPDX-License-Identifier: MIT */
/* The subcommands of akida: one file each. argc and argv start behind the subcommand's name; the exit status returns. */
#ifndef AKIDA_COMMANDS_H
#define AKIDA_COMMANDS_H

#include <stdbool.h>

int command_devices(int argc, char **argv);
int command_info(int argc, char **argv);
int command_summary(int argc, char **argv);
int command_check(int argc, char **argv);
int command_quantize(int argc, char **argv);
int command_insert_rescaling(int argc, char **argv);
int command_quant_config(int argc, char **argv); /* quantizeml config, check, extract, run */
int command_quant_check(int argc, char **argv);
int command_quant_extract(int argc, char **argv);
int command_quant_run(int argc, char **argv);
int command_quant_analysis(int argc, char **argv);
int command_legacy_quantize(int argc, char **argv); /* cnn2snn quantize, reshape, calibrate */
int command_legacy_reshape(int argc, char **argv);
int command_legacy_calibrate(int argc, char **argv);
int command_convert(int argc, char **argv);
int command_map(int argc, char **argv);
int command_run(int argc, char **argv);
int command_eval(int argc, char **argv);
int command_program(int argc, char **argv);
int command_train(int argc, char **argv);
int command_train_mnist(int argc, char **argv); /* without a step */
int command_train_ecg(int argc, char **argv);
int command_search(int argc, char **argv);
int command_learn(int argc, char **argv);
int command_models(int argc, char **argv);
int command_reset(int argc, char **argv);
int command_power(int argc, char **argv);

struct akida_map_report;
/* Of akida map --svg, map_svg.c: writes the drawing to path. 0, or an exit status after one printed error. */
int map_draw(const struct akida_map_report *r, const char *path);

struct stage;
struct stage_params;
/* Of akida check --compare, compare.c: inputs NULL: random frames. 0, or an exit status after one printed error. */
int check_compare(struct stage *s, const struct stage_params *p, const char *inputs, bool json);

#endif
