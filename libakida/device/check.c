/* SPDX-License-Identifier: MIT */
/* What every back end that runs programs asks of one before it is loaded: whole, for this chip, one pass, known tags. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "base/diag.h"
#include "device/backend.h"
#include "program/program.h"

void ak_device_version_text(const uint8_t v[4], char *text, size_t bytes)
{
	snprintf(text, bytes, "%s.%02X.%03u.%03u", v[0] == 0xbc ? "BC" : "??", v[1], v[2], v[3]);
}

int ak_device_check_program(const struct akida_device *d, const struct akida_program *p, const uint8_t version[4],
			    struct akida_diag *diag)
{
	struct akida_program_info info = {.size = sizeof(info)};
	char made_for[16];

	if (!p) {
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_DEVICE_NEEDS, d->info.name, "runs programs, and none was given");
		ak_remedy(diag, "map the model for this device first");
		return -EOPNOTSUPP;
	}
	if (!p->program_bytes)
		return ak_fail(diag, -EOPNOTSUPP, AK_RULE_PROGRAM_INFO_ONLY, d->info.name,
			       "needs the whole program; this file holds its ProgramInfo only");
	if (memcmp(p->head.device_version, version, sizeof(p->head.device_version))) {
		akida_program_info(p, &info);
		ak_device_version_text(p->head.device_version, made_for, sizeof(made_for));
		ak_fail(diag, -EINVAL, AK_RULE_PROGRAM_CHIP, d->info.name, "is %s, the program was made for %s (%s)",
			d->info.version, info.chip, made_for);
		ak_remedy(diag, "map the model for this device, or run the program on its own");
		return -EINVAL;
	}
	return 0;
}

int ak_device_check_tags(const struct akida_device *d, const struct akida_program *p, bool provisional,
			 struct akida_diag *diag)
{
	for (uint32_t i = 0; i < akida_program_layers(p); i++) {
		struct akida_program_layer l = {.size = sizeof(l)};

		if (akida_program_layer(p, i, &l) || l.tag < AKIDA_TAG_PROVISIONAL ||
		    (provisional && l.tag == AKIDA_TAG_PROVISIONAL))
			continue;
		ak_fail(diag, -EOPNOTSUPP, AK_RULE_PROGRAM_TAG, d->info.name,
			"layer %s uses an encoding that no board is known to read (%s)", l.name, l.tag_rule);
		ak_remedy(diag, l.tag == AKIDA_TAG_PROVISIONAL
					? "--provisional tries it all the same"
					: "run it on the virtual device, which says what it meets");
		return -EOPNOTSUPP;
	}
	return 0;
}
